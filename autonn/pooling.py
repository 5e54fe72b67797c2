"""Pooling: the largest element or the mean of each window, over any number of spatial axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.arguments import explained
from autonn.convolution import Each, Padding, channels_back, channels_first, each, pairs
from autonn.graph import Array
from autonn.places import Ints, Pairs
from autonn.windows import im2col


def place(
    size: Ints,
    kernel_size: Each,
    stride: Each | None,
    padding: Padding,
    dilation: Each,
    ceil_mode: bool,
) -> tuple[Ints, Ints, Pairs, Ints, Pairs]:
    """Give kernel, stride, padding, dilation, and what `ceil_mode` adds after each axis."""
    rank = len(size)
    if not rank:
        raise ValueError("there is no spatial axis to pool over; want (N, C, *size)")
    kernel = each(kernel_size, rank, "kernel_size")
    steps = kernel if stride is None else each(stride, rank, "stride")
    spread = each(dilation, rank, "dilation")
    around = pairs(padding, size, kernel, steps, spread)
    if any(max(p) > k // 2 for p, k in zip(around, kernel, strict=True)):
        # A window must not lie in the padding alone: nothing is the largest of nothing.
        raise ValueError(f"padding={padding!r}; want at most half the kernel, {kernel}")
    more = []
    for n, k, s, (before, after), d in zip(size, kernel, steps, around, spread, strict=True):
        rest = n + before + after - d * (k - 1) - 1
        count = -(-rest // s) + 1
        if (count - 1) * s >= n + before:  # the last window would start behind the input
            count -= 1
        more.append((0, max(0, (count - 1) * s - rest) if ceil_mode else 0))
    return kernel, steps, around, spread, tuple(more)


def pad_with(x: Array, around: Pairs, value: float) -> Array:
    """Surround the spatial axes of x with a value."""
    if not any(map(any, around)):
        return x
    if x.dtype.kind in "iu" and np.isinf(value):
        value = int(np.iinfo(x.dtype).min)
    return np.pad(x, ((0, 0), (0, 0), *around), constant_values=value)


def unfold(x: Array, kernel: Ints, stride: Ints, dilation: Ints) -> Array:
    """Give the windows of x, (N, C, *kernel, *count)."""
    none = ((0, 0),) * len(kernel)
    return im2col(x, kernel=kernel, stride=stride, padding=none, dilation=dilation)


@explained
def max_pool(
    x: Array,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Padding = 0,
    dilation: Each = 1,
    ceil_mode: bool = False,
    channels_last: bool = False,
) -> Array:
    """y[n, c, p] = max over k of x[n, c, stride p + dilation k - padding].

    The padding is -∞, so it never wins. Equally large elements share the gradient evenly.

    Parameters
    ----------
    x
        (N, C, *size), or (N, *size, C) with `channels_last`.
    kernel_size
        The window's: a number, or one for each axis.
    stride
        The kernel's size by default.
    padding
        See `convolution.pairs`; at most half the kernel, so that each window holds an element (with
        dilation it may not, and its largest is -∞ then).
    dilation
        Steps between the elements of a window.
    ceil_mode
        Whether a last window may hang over the end, if it starts before it.
    channels_last
        Whether x and y have their channels on the last axis.

    Examples
    --------
    >>> max_pool(np.array([[[1.0, 3.0, 2.0, 5.0, -4.0]]]), 2, ceil_mode=True)
    array([[[ 3.,  5., -4.]]])
    """
    x = channels_first(x, channels_last)
    size = x.shape[2:]
    kernel, steps, around, spread, more = place(
        size, kernel_size, stride, padding, dilation, ceil_mode
    )
    outside = tuple((b, a + e) for (b, a), (_, e) in zip(around, more, strict=True))
    columns = unfold(pad_with(x, outside, -np.inf), kernel, steps, spread)
    y = np.max(columns, axis=tuple(range(2, 2 + len(kernel))))
    return channels_back(y, channels_last)


@explained
def avg_pool(
    x: Array,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    channels_last: bool = False,
) -> Array:
    """y[n, c, p] = mean over k of x[n, c, stride p + k - padding].

    Parameters
    ----------
    count_include_pad
        Whether the zeros of the padding count in the mean. What `ceil_mode` lets hang over the end
        never does, as in PyTorch.
    x, kernel_size, stride, padding, ceil_mode, channels_last
        As in `max_pool`.

    Examples
    --------
    >>> avg_pool(np.array([[[1.0, 3.0, 2.0, 6.0, -4.0]]]), 2, ceil_mode=True)
    array([[[ 2.,  4., -4.]]])
    """
    x = channels_first(x, channels_last)
    size = x.shape[2:]
    kernel, steps, around, spread, more = place(size, kernel_size, stride, padding, 1, ceil_mode)
    window = tuple(range(2, 2 + len(kernel)))

    def total(a: Any) -> Any:
        return np.sum(unfold(pad_with(a, more, 0), kernel, steps, spread), axis=window)

    counted = np.ones((1, 1, *size), x.dtype)
    counted = pad_with(counted, around, 1 if count_include_pad else 0)
    y = total(pad_with(x, around, 0)) / total(counted)
    return channels_back(y, channels_last)
