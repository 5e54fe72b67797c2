"""Primitives that move data, in adjoint pairs: each is the other's rule, to any order.

`getitem` and `scatter_add` (with slices: crop and pad), `concatenate` and its pieces, `im2col` and
`col2im`. And the convolution: x, its kernel w and a cotangent u stand in one trilinear form; each of
`conv`, `conv_x` and `conv_w` is its derivative by one of the three, and has the others for rules.
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
    """Add g to buffer[index]; to what the index names twice, twice."""
    if names_once(index):
        buffer[index] += g
    elif _long_rows(buffer, index) and g.shape == index.shape + buffer.shape[1:]:
        add_rows(buffer, index.reshape(-1), g.reshape(index.size, *buffer.shape[1:]))
    else:
        np.add.at(buffer, index, g)


def _long_rows(buffer: Array, index: Any) -> bool:
    """Tell whether an index names many rows, long enough to be added as such."""
    return isinstance(index, np.ndarray) and index.size >= 1024 and prod(buffer.shape[1:]) >= 16


def add_rows(buffer: Array, rows: Array, g: Array) -> None:
    """Add g[i] to buffer[rows[i]] for each i: what goes to one row is summed first, by halves."""
    rows = np.where(rows < 0, rows + len(buffer), rows)
    order = np.argsort(rows, kind="stable")
    rows, sums, at = rows[order], g[order], np.arange(len(rows))
    while (same := rows[1:] == rows[:-1]).any():
        firsts = np.flatnonzero(np.concatenate([[True], ~same]))
        run = np.repeat(firsts, np.diff(firsts, append=len(rows)))
        even = (np.arange(len(rows)) - run) % 2 == 0
        left = np.flatnonzero(even[:-1] & same)
        sums[at[left]] += sums[at[left + 1]]
        rows, at = rows[even], at[even]
    buffer[rows] += sums[at]


def names_once(index: Any) -> bool:
    """Tell whether an index can name no element twice: slices, integers and masks cannot."""
    parts = index if isinstance(index, tuple) else (index,)
    plain = (slice, int, np.integer, type(None), type(...))
    return all(isinstance(i, plain) or np.asarray(i).dtype.kind == "b" for i in parts)


def scatter(g: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Scatter g into zeros: an array as a `Piece`, since all pieces of x meet in one buffer."""
    if isinstance(g, Tensor):
        return scatter_add(g, index=index, shape=shape)
    return Piece(g, index, add_at)


def last_stored(index: Any, shape: tuple[int, ...]) -> Any:
    """Tell which of the values stored at an index are not overwritten by a later one."""
    if names_once(index):
        return True
    places = np.arange(prod(shape)).reshape(shape)
    order = np.arange(places[index].size).reshape(places[index].shape)
    places[index] = order
    return places[index] == order


@primitive
def concatenate(*xs: Array, axis: int) -> Array:
    """Join arrays along an axis."""
    return np.concatenate(xs, axis)


def piece(g: Array, i: int, shapes: tuple[tuple[int, ...], ...], axis: int) -> Array:
    """Give the part of g that came from the i-th of the joined arrays."""
    axis %= g.ndim
    start = sum(shape[axis] for shape in shapes[:i])
    return g[(slice(None),) * axis + (slice(start, start + shapes[i][axis]),)]


# fmt: off
defvjp(getitem,     x=lambda g, x_shape, index: scatter(g, index, x_shape))
defvjp(scatter_add, v=lambda g, index: g[index])
defvjp(put,         x=lambda g, index: put(g, 0, index=index),
                    v=lambda g, x_shape, index: g[index] * last_stored(index, x_shape), broadcasts=True)
defvjp(put_add,     x=lambda g: g,
                    v=lambda g, index: g[index], broadcasts=True)
defvjp(concatenate, xs=lambda g, i, xs_shape, axis: piece(g, i, xs_shape, axis))
# fmt: on


# ----- Windows -----

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def window_count(size: Ints, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Ints:
    """(size + before + after - dilation (kernel - 1) - 1) // stride + 1, along each spatial axis.

    Raises
    ------
    ValueError
        When the kernel is larger than the padded input.
    """
    counts = []
    for n, k, s, (before, after), d in zip(size, kernel, stride, padding, dilation, strict=True):
        span = d * (k - 1) + 1
        if span > n + before + after:
            spread = f" with dilation {d} (spanning {span})" if d > 1 else ""
            padded = f"{n} + {before} + {after}"
            raise ValueError(f"kernel {k}{spread} is larger than the padded input: {padded}")
        counts.append((n + before + after - span) // s + 1)
    return tuple(counts)


def pad_zeros(x: Array, padding: Pairs) -> Array:
    """Surround the spatial axes of x (N, C, *size) with zeros."""
    if not any(map(any, padding)):
        return x
    y = np.zeros((*x.shape[:2], *padded(x.shape[2:], padding)), x.dtype)
    y[inside(x.shape[2:], padding)] = x
    return y


def padded(size: Ints, padding: Pairs) -> Ints:
    """Give the size with its padding."""
    return tuple(n + before + after for n, (before, after) in zip(size, padding, strict=True))


def inside(size: Ints, padding: Pairs) -> tuple[Any, ...]:
    """Give the index of what is not padding."""
    return (..., *(slice(before, before + n) for n, (before, _) in zip(size, padding, strict=True)))


def windows(x: Array, kernel: Ints, count: Ints, stride: Ints, dilation: Ints) -> Array:
    """Give a view of all windows of a padded x: (N, C, *kernel, *count)."""
    steps = x.strides[2:]
    within = tuple(d * step for d, step in zip(dilation, steps, strict=True))
    between = tuple(s * step for s, step in zip(stride, steps, strict=True))
    shape, strides = (*x.shape[:2], *kernel, *count), (*x.strides[:2], *within, *between)
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def add_windows(
    x: Array, cols: Array, kernel: Ints, count: Ints, stride: Ints, dilation: Ints
) -> None:
    """Add windows (N, C, *kernel, *count) to a padded x: a shifted sum per kernel element."""
    for offset in product(*map(range, kernel)):
        starts = [d * o for d, o in zip(dilation, offset, strict=True)]
        spans = zip(starts, count, stride, strict=True)
        place = tuple(slice(start, start + s * (n - 1) + 1, s) for start, n, s in spans)
        x[(..., *place)] += cols[(slice(None), slice(None), *offset)]


@primitive
def im2col(x: Array, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Array:
    """Unfold x (N, C, *size) into its windows (N, C, *kernel, *count), with zeros around it."""
    count = window_count(x.shape[2:], kernel, stride, padding, dilation)
    return windows(pad_zeros(x, padding), kernel, count, stride, dilation).copy()


@primitive
def col2im(
    cols: Array, *, size: Ints, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> Array:
    """Add windows (N, C, *kernel, *count) to where im2col took them from: (N, C, *size)."""
    count = window_count(size, kernel, stride, padding, dilation)
    x = np.zeros((*cols.shape[:2], *padded(size, padding)), cols.dtype)
    add_windows(x, cols, kernel, count, stride, dilation)
    return x[inside(size, padding)]


# fmt: off
defvjp(im2col, x=lambda g, x_shape, kernel, stride, padding, dilation: col2im(
                   g, size=x_shape[2:], kernel=kernel, stride=stride, padding=padding, dilation=dilation))
defvjp(col2im, cols=lambda g, kernel, stride, padding, dilation: im2col(
                   g, kernel=kernel, stride=stride, padding=padding, dilation=dilation))
# fmt: on


# ----- Convolution -----

_BLOCK = 1 << 18  # elements of a block of columns: about a megabyte, which stays in the cache


class _Columns:
    """The columns of one convolution: a block of images at a time, all in one buffer.

    In the shapes below, n is the images of a block, g the groups, o the output channels of a group,
    r = C / groups * prod(kernel) the rows and p = prod(count) the places of its matrix of columns.
    """

    def __init__(
        self,
        batch: int,
        channels: int,
        size: Ints,
        w_shape: Ints,
        dtype: Any,
        geometry: tuple[Ints, Pairs, Ints],
        groups: int,
    ) -> None:
        if groups < 1 or channels != w_shape[1] * groups or w_shape[0] % groups:
            raise ValueError(
                f"{channels} input channels in {groups} groups do not fit a kernel of shape {w_shape}: want "
                f"(a multiple of {groups}, {channels / max(groups, 1):g}, *kernel)"
            )
        stride, self.padding, dilation = geometry
        kernel, self.groups = w_shape[2:], groups
        self.count = window_count(size, kernel, stride, self.padding, dilation)
        self.places = (kernel, self.count, stride, dilation)
        self.channels, self.rows = w_shape[1] * groups, w_shape[1] * prod(kernel)
        step = max(1, _BLOCK // max(1, groups * self.rows * prod(self.count)))
        self.blocks = [slice(i, min(i + step, batch)) for i in range(0, batch, step)]
        self.buffer = np.empty((min(step, batch), groups, self.rows, prod(self.count)), dtype)

    def block(self, n: slice) -> tuple[Array, Array]:
        """Give the buffer for a block as columns (n, g, r, p) and as windows (n, C, *k, *count)."""
        cols = self.buffer[: n.stop - n.start]
        return cols, cols.reshape(len(cols), self.channels, *self.places[0], *self.count)

    def grouped(self, u: Array) -> Array:
        """Give outputs (n, O, *count) as (n, g, o, p)."""
        return u.reshape(len(u), self.groups, u.shape[1] // self.groups, prod(self.count))

    def of(self, x: Array) -> Iterator[tuple[slice, Array]]:
        """Unfold x block by block."""
        for n in self.blocks:
            cols, places = self.block(n)
            places[...] = windows(pad_zeros(x[n], self.padding), *self.places)
            yield n, cols


@primitive
def conv(x: Array, w: Array, *, stride: Ints, padding: Pairs, dilation: Ints, groups: int) -> Array:
    """y[n, o, p] = sum over c and k of w[o, c, k] x[n, c, stride p + dilation k - padding].

    x is (N, C, *size), w (O, C / groups, *kernel) and y (N, O, *count); each group of output channels
    sees its own group of input channels.
    """
    geometry, dtype = (stride, padding, dilation), np.result_type(x, w)
    columns = _Columns(len(x), x.shape[1], x.shape[2:], w.shape, dtype, geometry, groups)
    y = np.empty((len(x), len(w), *columns.count), dtype)
    kernels = w.reshape(groups, len(w) // groups, columns.rows)
    for n, cols in columns.of(x):
        np.matmul(kernels, cols, out=columns.grouped(y[n]))
    return y


@primitive
def conv_x(
    u: Array,
    w: Array,
    *,
    size: Ints,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
) -> Array:
    """Spread u (N, O, *count) by w over x (N, C, *size): conv's adjoint in x, conv transposed."""
    geometry, dtype = (stride, padding, dilation), np.result_type(u, w)
    columns = _Columns(len(u), w.shape[1] * groups, size, w.shape, dtype, geometry, groups)
    x = np.zeros((len(u), columns.channels, *padded(size, padding)), dtype)
    kernels = w.reshape(groups, len(w) // groups, columns.rows).mT
    for n in columns.blocks:
        cols, places = columns.block(n)
        np.matmul(kernels, columns.grouped(u[n]), out=cols)
        add_windows(x[n], places, *columns.places)
    return x[inside(size, padding)]


@primitive
def conv_w(
    x: Array,
    u: Array,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
) -> Array:
    """Correlate u (N, O, *count) with the windows of x (N, C, *size): conv's adjoint in w."""
    geometry, dtype = (stride, padding, dilation), np.result_type(x, u)
    w_shape = (u.shape[1], x.shape[1] // groups, *kernel)
    columns = _Columns(len(x), x.shape[1], x.shape[2:], w_shape, dtype, geometry, groups)
    w = np.zeros((groups, u.shape[1] // groups, columns.rows), dtype)
    for n, cols in columns.of(x):
        w += np.matmul(columns.grouped(u[n]), cols.mT).sum(axis=0)
    return w.reshape(w_shape)


# fmt: off
defvjp(conv,
       x=lambda g, x_shape, w, stride, padding, dilation, groups: conv_x(
           g, w, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
       w=lambda g, x, w_shape, stride, padding, dilation, groups: conv_w(
           x, g, kernel=w_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups))
defvjp(conv_x,
       u=lambda g, w, stride, padding, dilation, groups: conv(
           g, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
       w=lambda g, u, w_shape, stride, padding, dilation, groups: conv_w(
           g, u, kernel=w_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups))
defvjp(conv_w,
       x=lambda g, x_shape, u, stride, padding, dilation, groups: conv_x(
           u, g, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups),
       u=lambda g, x, stride, padding, dilation, groups: conv(
           x, g, stride=stride, padding=padding, dilation=dilation, groups=groups))
