"""Primitives that move data, in adjoint pairs: each is the other's rule, so they are closed under
differentiation.

`getitem` and `scatter_add` (with slices: crop and pad), `concatenate` and its pieces, `im2col` and
`col2im`. And the convolution: x, its kernel w and the cotangent u stand in one trilinear form; each
of `conv`, `conv_x` and `conv_w` is its derivative by one of the three, and so has the other two for
rules, to any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np

from autonn.engine import defvjp
from autonn.graph import Array, Piece, primitive
from autonn.tensors import Tensor, getitem, put, put_add

# ----- Indexing -----


@primitive
def scatter_add(v: Array, *, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` with v added at index: the adjoint of x[index]."""
    y = np.zeros(shape, v.dtype)
    add_at(y, index, v)
    return y


def add_at(buffer: Array, index: Any, g: Array) -> None:
    """buffer[index] += g, where an element that the index names twice is added to twice."""
    if names_once(index):
        buffer[index] += g
    else:
        np.add.at(buffer, index, g)


def names_once(index: Any) -> bool:
    """Tell whether an index can name no element twice: slices, integers and masks cannot."""
    parts = index if isinstance(index, tuple) else (index,)
    return not any(isinstance(i, np.ndarray) and i.dtype.kind != "b" for i in parts)


def scatter(g: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Scatter g into zeros; arrays as a `Piece`, so that all the pieces of an array meet in one
    buffer.
    """
    return (
        scatter_add(g, index=index, shape=shape)
        if isinstance(g, Tensor)
        else Piece(g, index, add_at)
    )


def last_stored(index: Any, shape: tuple[int, ...]) -> Any:
    """Tell which of the values stored at an index are not overwritten by a later one."""
    if names_once(index):
        return True
    order = np.arange(prod(shape)).reshape(shape)[index]
    stored = np.arange(order.size).reshape(order.shape)
    places = np.zeros(shape, np.intp)
    places[index] = stored
    return places[index] == stored


@primitive
def concatenate(*xs: Array, axis: int) -> Array:
    """Join arrays along an axis."""
    return np.concatenate(xs, axis)


def piece(g: Array, i: int, shapes: tuple[tuple[int, ...], ...], axis: int) -> Array:
    """Give the part of g that the i-th of the joined arrays was."""
    axis %= g.ndim
    start = sum(shape[axis] for shape in shapes[:i])
    return g[(slice(None),) * axis + (slice(start, start + shapes[i][axis]),)]


# fmt: off
defvjp(getitem,     x=lambda g, x_shape, index: scatter(g, index, x_shape))
defvjp(scatter_add, v=lambda g, index: g[index])
defvjp(put,         x=lambda g, index: put(g, 0, index=index),
                    v=lambda g, x_shape, index: g[index] * last_stored(index, x_shape), broadcasts=True)
defvjp(put_add,     x=lambda g: g, v=lambda g, index: g[index], broadcasts=True)
defvjp(concatenate, xs=lambda g, i, xs_shape, axis: piece(g, i, xs_shape, axis))
# fmt: on


# ----- Windows -----

Pairs = tuple[tuple[int, int], ...]
Ints = tuple[int, ...]


def window_count(size: Ints, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Ints:
    """Out = (size + before + after - dilation * (kernel - 1) - 1) // stride + 1, for each spatial
    axis.
    """
    counts = []
    for n, k, s, (before, after), d in zip(size, kernel, stride, padding, dilation, strict=True):
        span = d * (k - 1) + 1
        if span > n + before + after:
            wide = f"kernel {k}" + (f" with dilation {d} (spanning {span})" if d > 1 else "")
            raise ValueError(f"{wide} is larger than the padded input: {n} + {before} + {after}")
        counts.append((n + before + after - span) // s + 1)
    return tuple(counts)


def _padded(x: Array, padding: Pairs) -> Array:
    if not any(map(any, padding)):
        return x
    spatial = tuple(n + sum(p) for n, p in zip(x.shape[2:], padding, strict=True))
    y = np.zeros(x.shape[:2] + spatial, x.dtype)
    y[_inside(x.shape[2:], padding)] = x
    return y


def _inside(size: Ints, padding: Pairs) -> tuple[Any, ...]:
    return (..., *(slice(before, before + n) for n, (before, _) in zip(size, padding, strict=True)))


def _windows(x: Array, kernel: Ints, count: Ints, stride: Ints, dilation: Ints) -> Array:
    """Give a view of every window of a padded x: (N, C, *kernel, *count)."""
    steps = x.strides[2:]
    strides = [d * step for d, step in zip(dilation, steps, strict=True)]
    strides += [s * step for s, step in zip(stride, steps, strict=True)]
    return np.lib.stride_tricks.as_strided(
        x, x.shape[:2] + kernel + count, x.strides[:2] + tuple(strides)
    )


def _add_windows(
    x: Array, cols: Array, kernel: Ints, count: Ints, stride: Ints, dilation: Ints
) -> None:
    """Add columns (N, C, *kernel, *count) to a padded x, each at its window: one shifted sum per
    kernel element.
    """
    for offset in product(*map(range, kernel)):
        places = zip(offset, count, stride, dilation, strict=True)
        x[(..., *(slice(o * d, o * d + s * (n - 1) + 1, s) for o, n, s, d in places))] += cols[
            (slice(None),) * 2 + offset
        ]


@primitive
def im2col(x: Array, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Array:
    """Unfold x (N, C, *size) into its windows (N, C, *kernel, *count), zeros around it."""
    count = window_count(x.shape[2:], kernel, stride, padding, dilation)
    return _windows(_padded(x, padding), kernel, count, stride, dilation).copy()


@primitive
def col2im(
    cols: Array, *, size: Ints, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> Array:
    """Sum windows (N, C, *kernel, *count) back to where they came from, (N, C, *size): the adjoint
    of im2col.
    """
    count = window_count(size, kernel, stride, padding, dilation)
    x = np.zeros(
        cols.shape[:2] + tuple(n + sum(p) for n, p in zip(size, padding, strict=True)), cols.dtype
    )
    _add_windows(x, cols, kernel, count, stride, dilation)
    return x[_inside(size, padding)]


# fmt: off
defvjp(im2col, x=lambda g, x_shape, kernel, stride, padding, dilation:
       col2im(g, size=x_shape[2:], kernel=kernel, stride=stride, padding=padding, dilation=dilation))
defvjp(col2im, cols=lambda g, kernel, stride, padding, dilation:
       im2col(g, kernel=kernel, stride=stride, padding=padding, dilation=dilation))
# fmt: on


# ----- Convolution -----

_CACHE = 1 << 18  # elements of a block of columns: about a megabyte, so that it stays in the cache


class _Shape:
    """The sizes of one convolution, and its columns a block of images at a time in one buffer."""

    def __init__(
        self,
        batch: int,
        size: Ints,
        w_shape: Ints,
        stride: Ints,
        padding: Pairs,
        dilation: Ints,
        groups: int,
        dtype: Any,
    ) -> None:
        self.batch, self.size, self.padding = batch, size, padding
        self.out_channels, self.groups, kernel = w_shape[0], groups, w_shape[2:]
        self.channels = w_shape[1] * groups
        self.count = window_count(size, kernel, stride, padding, dilation)
        self.places = (kernel, self.count, stride, dilation)
        self.rows, self.cells = (
            w_shape[1] * prod(kernel),
            prod(self.count),
        )  # of one group's columns
        step = max(1, _CACHE // max(1, groups * self.rows * self.cells))
        self.blocks = [slice(i, min(i + step, batch)) for i in range(0, batch, step)]
        self.buffer = np.empty((min(step, batch), groups, self.rows, self.cells), dtype)

    def columns(self, n: slice) -> Array:
        """Give the buffer for a block as (images, groups, rows, cells)."""
        return self.buffer[: n.stop - n.start]

    def unfolded(self, cols: Array) -> Array:
        """Give columns as windows, (images, channels, *kernel, *count)."""
        return cols.reshape(len(cols), self.channels, *self.places[0], *self.count)

    def grouped(self, y: Array) -> Array:
        """Give outputs as (images, groups, channels of the group, cells)."""
        return y.reshape(len(y), self.groups, self.out_channels // self.groups, self.cells)

    def unfold(self, x: Array) -> Iterator[tuple[slice, Array]]:
        """Give the columns of x, block by block, each in the same buffer."""
        for n in self.blocks:
            cols = self.columns(n)
            self.unfolded(cols)[...] = _windows(_padded(x[n], self.padding), *self.places)
            yield n, cols


@primitive
def conv(x: Array, w: Array, *, stride: Ints, padding: Pairs, dilation: Ints, groups: int) -> Array:
    """Correlate x (N, C, *size) with w (O, C / groups, *kernel): y[n, o, p] = sum over c, k of w[o,
    c, k] x[n, c, s p + d k].
    """
    shape = _Shape(
        len(x), x.shape[2:], w.shape, stride, padding, dilation, groups, np.result_type(x, w)
    )
    y = np.empty((len(x), len(w), *shape.count), shape.buffer.dtype)
    kernels = w.reshape(groups, -1, shape.rows)
    for n, cols in shape.unfold(x):
        np.matmul(kernels, cols, out=shape.grouped(y)[n])
    return y


@primitive
def conv_x(
    u: Array, w: Array, *, size: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Array:
    """Spread u (N, O, *count) over x (N, C, *size) by w: the adjoint of conv in x, also called
    transposed convolution.
    """
    shape = _Shape(len(u), size, w.shape, stride, padding, dilation, groups, np.result_type(u, w))
    x = np.zeros(
        (len(u), shape.channels, *(n + sum(p) for n, p in zip(size, padding, strict=True))),
        shape.buffer.dtype,
    )
    kernels = w.reshape(groups, -1, shape.rows).mT
    for n in shape.blocks:
        cols = np.matmul(kernels, shape.grouped(u[n]), out=shape.columns(n))
        _add_windows(x[n], shape.unfolded(cols), *shape.places)
    return x[_inside(size, padding)]


@primitive
def conv_w(
    x: Array, u: Array, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Array:
    """Correlate u (N, O, *count) with the windows of x (N, C, *size): the adjoint of conv in w, (O,
    C / groups, *kernel).
    """
    w_shape = (u.shape[1], x.shape[1] // groups, *kernel)
    shape = _Shape(
        len(x), x.shape[2:], w_shape, stride, padding, dilation, groups, np.result_type(x, u)
    )
    w = np.zeros((groups, w_shape[0] // groups, shape.rows), shape.buffer.dtype)
    for n, cols in shape.unfold(x):
        w += np.matmul(shape.grouped(u[n]), cols.mT).sum(axis=0)
    return w.reshape(w_shape)


# fmt: off
defvjp(conv,   x=lambda g, x_shape, w, stride, padding, dilation, groups:
               conv_x(g, w, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
               w=lambda g, x, w_shape, stride, padding, dilation, groups:
               conv_w(x, g, kernel=w_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups))
defvjp(conv_x, u=lambda g, w, stride, padding, dilation, groups:
               conv(g, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
               w=lambda g, u, w_shape, stride, padding, dilation, groups:
               conv_w(g, u, kernel=w_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups))
defvjp(conv_w, x=lambda g, x_shape, u, stride, padding, dilation, groups:
               conv_x(u, g, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
               u=lambda g, x, stride, padding, dilation, groups:
               conv(x, g, stride=stride, padding=padding, dilation=dilation, groups=groups))
