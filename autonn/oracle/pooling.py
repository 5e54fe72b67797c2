"""Pooling, derived by hand, over any number of spatial axes: of each window, one number.

A window of several axes is a product of windows along each, and the maximum of maxima is the
maximum, the mean of means the mean: so it is done an axis at a time. Along one, let xₖ be the
padded x from dilation k on in steps of stride, with as many places as y. Then y = f(x₀, x₁, ...),
place by place, and g ∂f/∂xₖ is the part of ∂L/∂x that comes by k. It adds to where xₖ was taken
from: an element that is in several windows hears from each.
"""

from __future__ import annotations

import math
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np

from autonn.oracle.base import Gradients, given
from autonn.oracle.convolution import Each, Ints, Padding, each, sides


class Windows:
    """Where the windows lie: for each spatial axis its padding, places and steps."""

    def __init__(
        self,
        shape: Ints,
        kernel_size: Each,
        stride: Each | None,
        padding: Padding,
        dilation: Each,
        ceil_mode: bool,
        channels_last: bool,
    ) -> None:
        first, rank = 1 if channels_last else 2, len(shape) - 2
        self.size, self.axes = shape[first : first + rank], range(first, first + rank)
        self.kernel, self.dilation = each(kernel_size, rank), each(dilation, rank)
        self.stride = self.kernel if stride is None else each(stride, rank)
        self.around = sides(padding, self.kernel, self.dilation)
        self.count, self.length = [], []
        axes = zip(self.size, self.around, self.kernel, self.stride, self.dilation, strict=True)
        for n, (before, after), k, s, d in axes:
            span, padded = d * (k - 1) + 1, n + before + after
            count = (padded - span) // s + 1
            if ceil_mode:  # the last may hang over the end, and starts before it
                count = min(-(-(padded - span) // s), (n + before - 1) // s) + 1
            self.count.append(count)
            self.length.append(max(padded, s * (count - 1) + span))

    def inside(self) -> Any:
        """Give the index of x in its padding."""
        axes = zip(self.size, self.around, strict=True)
        return (slice(None),) * self.axes[0] + tuple(slice(b, b + n) for n, (b, _) in axes)

    def pad(self, x: Any, value: float) -> Any:
        """Surround x with a value; give x itself if there is no padding."""
        if self.length == list(self.size):
            return x
        end = x.shape[self.axes[-1] + 1 :]
        padded = np.full((*x.shape[: self.axes[0]], *self.length, *end), value, x.dtype)
        padded[self.inside()] = x
        return padded

    def parts(self, x: Any, i: int) -> list[Any]:
        """Give views of x₀, x₁, ... along the i-th spatial axis."""
        s, d, last, before = self.stride[i], self.dilation[i], self.count[i] - 1, self.axes[i]
        starts = range(0, d * self.kernel[i], d)
        return [x[(slice(None),) * before + (slice(f, f + s * last + 1, s),)] for f in starts]


class MaxPool1d:
    """y[n, c, p] = max over k of x[n, c, stride p + dilation k - padding]; the padding is -∞.

    A window of m elements that are equally large gives each g / m: any shares that add up to g are
    a subgradient, and equal ones depend on no order. Each maximum along one axis knows how many it
    stands for, so that m is the sum of the numbers of those that are as large as theirs.

    Riesenhuber and Poggio 1999, Nature Neuroscience 2(11), the MAX operation.
    """

    @staticmethod
    def forward(
        x: Any,
        kernel_size: Each,
        stride: Each | None = None,
        padding: Padding = 0,
        dilation: Each = 1,
        ceil_mode: bool = False,
        channels_last: bool = False,
    ) -> tuple[Any, Any]:
        """X (N, C, *size), y (N, C, *count), or both channels last."""
        windows = Windows(x.shape, kernel_size, stride, padding, dilation, ceil_mode, channels_last)
        stages = [windows.pad(x, -np.inf)]
        for i in range(len(windows.axes)):
            stages.append(reduce(np.maximum, windows.parts(stages[-1], i)))
        return stages[-1], (windows, stages)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x."""
        windows, stages = cache
        m = np.broadcast_to(np.ones((), g.dtype), stages[0].shape)
        for i, (x, y) in enumerate(pairwise(stages)):
            pairs = zip(windows.parts(x, i), windows.parts(m, i), strict=True)
            m = sum((x_k == y) * m_k for x_k, m_k in pairs)
        g = g / m
        for i, (x, y) in reversed(list(enumerate(pairwise(stages)))):
            of_x = np.zeros(x.shape, g.dtype)
            for x_k, of_x_k in zip(windows.parts(x, i), windows.parts(of_x, i), strict=True):
                of_x_k += (x_k == y) * g
            g = of_x
        return given(x=g[windows.inside()])


class MaxPool2d(MaxPool1d):
    """As `MaxPool1d`, of images."""


class AvgPool1d:
    """y[n, c, p] = mean over k of x[n, c, stride p + k - padding]; the padding is 0.

    Each element of a window gets g / m, with m how many count: of each axis those on the input,
    and with `count_include_pad` those on its padding, too, but none that hang over the end.

    LeCun et al. 1998, Proc. IEEE 86(11), section II.B.
    """

    @staticmethod
    def forward(
        x: Any,
        kernel_size: Each,
        stride: Each | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        channels_last: bool = False,
    ) -> tuple[Any, Any]:
        """X (N, C, *size), y (N, C, *count), or both channels last."""
        windows = Windows(x.shape, kernel_size, stride, padding, 1, ceil_mode, channels_last)
        y, stages = windows.pad(x, 0), []
        for i, (axis, n, (before, after)) in enumerate(
            zip(windows.axes, windows.size, windows.around, strict=True)
        ):
            low, high = (0, before + n + after) if count_include_pad else (before, before + n)
            start = np.arange(windows.count[i]) * windows.stride[i]
            m = np.minimum(start + windows.kernel[i], high) - np.maximum(start, low)
            m = m.astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1 - axis))
            stages.append((i, y.shape, m))
            y = sum(windows.parts(y, i)) / m
        return y, (windows, stages)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x."""
        windows, stages = cache
        for i, shape, m in reversed(stages):
            share, g = g / m, np.zeros(shape, g.dtype)
            for part in windows.parts(g, i):
                part += share
        return given(x=g[windows.inside()])


class AvgPool2d(AvgPool1d):
    """As `AvgPool1d`, of images."""


class GlobalAvgPool:
    """y[n, c] = mean over all places of x[n, c], each of which gets g / how many they are.

    Lin, Chen and Yan 2013, arXiv:1312.4400, section 3.2.
    """

    @staticmethod
    def forward(x: Any, channels_last: bool = False) -> tuple[Any, Any]:
        """X (N, C, *size) or (N, *size, C), y (N, C)."""
        axes = tuple(range(1, x.ndim - 1) if channels_last else range(2, x.ndim))
        return x.mean(axes), (x.shape, axes)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x."""
        shape, axes = cache
        number = math.prod(shape[axis] for axis in axes)
        return given(x=np.broadcast_to(np.expand_dims(g / number, axes), shape).copy())
