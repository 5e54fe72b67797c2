"""Convolution as products of matrices, in blocks of images whose columns stay in the cache.

All the windows of an image, unfolded, are a matrix; times the kernels, it is the output. There are
two ways to unfold. With the channels first, a row of pixels is copied in one run; with the channels
last, all channels of a row of the kernel: longer, unless there are few. In the shapes below, n is
the images of a block, g the groups, o the output channels of a group, r = C / groups * prod(kernel)
the rows and p = prod(count) the places of its columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from autonn.places import (
    Array,
    Ints,
    Pairs,
    add_windows,
    inside,
    pad_zeros,
    padded,
    window_count,
    windows,
)

Geometry = tuple[Ints, Pairs, Ints]  # stride, padding, dilation

_BLOCK = 1 << 18  # elements of a block of columns: about a megabyte
_RUN = 16  # channels times the kernel's length, from which on the channels go last
_FEWER = 0.8  # outputs for each input, below which the adjoint adds up and does not convolve


class ChannelsFirst:
    """Columns (n, g, r, p)."""

    def __init__(
        self, x_shape: Ints, w_shape: Ints, dtype: Any, geometry: Geometry, groups: int
    ) -> None:
        batch, channels, *size = x_shape
        if groups < 1 or channels != w_shape[1] * groups or w_shape[0] % groups:
            raise ValueError(
                f"{channels} input channels in {groups} groups do not fit a kernel of shape "
                f"{w_shape}: want (a multiple of {groups}, {channels / max(groups, 1):g}, *kernel)"
            )
        self.w_shape, self.dtype, self.groups, self.channels = w_shape, dtype, groups, channels
        self.stride, self.padding, self.dilation = geometry
        self.kernel, self.size = w_shape[2:], tuple(size)
        self.count = window_count(self.size, self.kernel, self.stride, self.padding, self.dilation)
        self.places = (self.kernel, self.count, self.stride, self.dilation)
        self.rows, self.p = w_shape[1] * prod(self.kernel), prod(self.count)
        step = max(1, _BLOCK // max(1, groups * self.rows * self.p))
        self.blocks = [slice(i, min(i + step, batch)) for i in range(0, batch, step)]
        self.step = min(step, batch)

    def grouped(self, u: Array) -> Array:
        """Give outputs (n, O, *count) as (n, g, o, p)."""
        return u.reshape(len(u), self.groups, u.shape[1] // self.groups, self.p)

    def kernels(self, w: Array) -> Array:
        """Give kernels as matrices (g, o, r)."""
        return w.reshape(self.groups, len(w) // self.groups, self.rows)

    def of(self, x: Array) -> Iterator[tuple[slice, Array]]:
        """Unfold x block by block, into one buffer."""
        single_pixels = prod(self.kernel) == max(self.stride, default=1) == 1
        if single_pixels and not any(map(any, self.padding)):
            yield slice(None), x.reshape(len(x), self.groups, self.rows, self.p)
            return
        buffer = np.empty((self.step, self.channels, *self.kernel, *self.count), self.dtype)
        for n in self.blocks:
            cols = buffer[: n.stop - n.start]
            cols[...] = windows(pad_zeros(x[n], self.padding), *self.places)
            yield n, cols.reshape(len(cols), self.groups, self.rows, self.p)

    def output(self, x: Array, w: Array) -> Array:
        """Convolve x (N, C, *size) with w: (N, O, *count)."""
        y = np.empty((len(x), len(w), *self.count), self.dtype)
        for n, cols in self.of(x):
            np.matmul(self.kernels(w), cols, out=self.grouped(y[n]))
        return y

    def weights(self, x: Array, u: Array) -> Array:
        """Sum the products of windows of x and outputs u (N, O, *count): like w."""
        w = np.zeros((self.groups, self.w_shape[0] // self.groups, self.rows), self.dtype)
        for n, cols in self.of(x):
            w += np.matmul(self.grouped(u[n]), cols.mT).sum(axis=0)
        return w.reshape(self.w_shape)

    def input(self, u: Array, w: Array) -> Array:
        """Add up what each output u (N, O, *count) reaches by w: (N, C, *size)."""
        x = np.zeros((len(u), self.channels, *padded(self.size, self.padding)), self.dtype)
        buffer = np.empty((self.step, self.groups, self.rows, self.p), self.dtype)
        for n in self.blocks:
            cols = buffer[: n.stop - n.start]
            np.matmul(self.kernels(w).mT, self.grouped(u[n]), out=cols)
            shape = (len(cols), self.channels, *self.kernel, *self.count)
            add_windows(x[n], cols.reshape(shape), *self.places)
        return x[inside(self.size, self.padding)]


class ChannelsLast(ChannelsFirst):
    """Columns (n p, r) of one group, with the channels last in r."""

    def transposed(self, u: Array) -> Array:
        """Give outputs (n, O, *count) as (n p, O)."""
        return u.reshape(-1, self.w_shape[0], self.p).mT.reshape(-1, self.w_shape[0])

    def as_windows(self, cols: Array) -> Array:
        """Give columns as windows (n, C, *kernel, *count)."""
        rank = len(self.kernel)
        places = cols.reshape(-1, *self.count, *self.kernel, self.channels)
        return np.moveaxis(places, (-1, *range(1 + rank, 1 + 2 * rank)), range(1, 2 + rank))

    def room(self) -> tuple[Array, Array]:
        """Give padded images (n, C, *size), channels last in memory, and their inside."""
        memory = np.zeros((self.step, *padded(self.size, self.padding), self.channels), self.dtype)
        images = np.moveaxis(memory, -1, 1)
        return images, images[inside(self.size, self.padding)]

    def of(self, x: Array) -> Iterator[tuple[slice, Array]]:
        """Unfold x block by block, into one buffer."""
        images, within = self.room()
        buffer = np.empty((self.step, self.p, self.rows), self.dtype)
        for n in self.blocks:
            count = n.stop - n.start
            within[:count] = x[n]
            self.as_windows(buffer[:count])[...] = windows(images[:count], *self.places)
            yield n, buffer[:count].reshape(-1, self.rows)

    def output(self, x: Array, w: Array) -> Array:
        """Convolve x (N, C, *size) with w: (N, O, *count)."""
        y = np.empty((len(x), len(w), self.p), self.dtype)
        kernels = np.ascontiguousarray(np.moveaxis(w, (0, 1), (-1, -2))).reshape(self.rows, -1)
        for n, cols in self.of(x):
            y[n] = (cols @ kernels).reshape(-1, self.p, len(w)).mT
        return y.reshape(len(x), len(w), *self.count)

    def weights(self, x: Array, u: Array) -> Array:
        """Sum the products of windows of x and outputs u (N, O, *count): like w."""
        w = np.zeros((self.rows, self.w_shape[0]), self.dtype)
        for n, cols in self.of(x):
            w += cols.T @ self.transposed(u[n])
        w = w.reshape(*self.kernel, *self.w_shape[1::-1])
        return np.ascontiguousarray(np.moveaxis(w, (-1, -2), (0, 1)))

    def input(self, u: Array, w: Array) -> Array:
        """Add up what each output u (N, O, *count) reaches by w: (N, C, *size)."""
        x = np.empty((len(u), self.channels, *self.size), self.dtype)
        images, within = self.room()
        kernels = np.moveaxis(w, 1, -1).reshape(len(w), self.rows)
        for n in self.blocks:
            count = n.stop - n.start
            images[...] = 0
            cols = self.transposed(u[n]) @ kernels
            add_windows(images[:count], self.as_windows(cols), *self.places)
            x[n] = within[:count]
        return x


def columns(
    x_shape: Ints, w_shape: Ints, dtype: Any, geometry: Geometry, groups: int
) -> ChannelsFirst:
    """Choose how a convolution unfolds, by the length of the runs."""
    single = prod(w_shape[2:]) == 1
    last = groups == 1 and not single and w_shape[1] * w_shape[-1] >= _RUN
    kind = ChannelsLast if last else ChannelsFirst
    return kind(x_shape, w_shape, dtype, geometry, groups)


def spread(u: Array, w: Array, size: Ints, geometry: Geometry, groups: int) -> Array:
    """Give the adjoint in x: with stride 1 a convolution, too, by the kernels turned round."""
    stride, padding, dilation = geometry
    dtype, channels, kernel = np.result_type(u, w), w.shape[1] * groups, w.shape[2:]
    far = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    around = tuple((f - b, f - a) for f, (b, a) in zip(far, padding, strict=True))
    fewer = prod(u.shape[2:]) < _FEWER * prod(size)  # there are more windows the other way
    if fewer or max(stride, default=1) > 1 or any(min(pair) < 0 for pair in around):
        plan = columns((len(u), channels, *size), w.shape, dtype, geometry, groups)
        return plan.input(u, w)
    turned = np.flip(w, tuple(range(2, w.ndim))).reshape(groups, -1, *w.shape[1:])
    turned = np.swapaxes(turned, 1, 2).reshape(channels, -1, *kernel)
    plan = columns(u.shape, turned.shape, dtype, (stride, around, dilation), groups)
    return plan.output(u, turned)
