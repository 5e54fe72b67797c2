"""Primitives that move data, in adjoint pairs: each is the other's rule, to any order.

`getitem` and `scatter_add` (with slices: crop and pad), `concatenate` and its pieces, `im2col` and
`col2im`. And the convolution: x, its kernel w and a cotangent u stand in one trilinear form; each of
`conv`, `conv_x` and `conv_w` is its derivative by one of the three, and has the others for rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.brackets import getitem, put, put_add
from autonn.columns import columns, spread
from autonn.engine import defvjp
from autonn.graph import Array, primitive
from autonn.indices import add_at, last_stored
from autonn.places import Ints, Pairs, add_windows, inside, pad_zeros, padded, window_count, windows
from autonn.tensors import Tensor
from autonn.walk import Piece

# ----- Indexing -----


@primitive
def scatter_add(v: Array, *, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` with v added at index: the adjoint of x[index]."""
    y = np.zeros(shape, v.dtype)
    add_at(y, index, v)
    return y


def scatter(g: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Scatter g into zeros: an array as a `Piece`, since all pieces of x meet in one buffer."""
    if isinstance(g, Tensor):
        return scatter_add(g, index=index, shape=shape)
    return Piece(g, index, add_at)


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


@primitive
def conv(x: Array, w: Array, *, stride: Ints, padding: Pairs, dilation: Ints, groups: int) -> Array:
    """y[n, o, p] = sum over c and k of w[o, c, k] x[n, c, stride p + dilation k - padding].

    x is (N, C, *size), w (O, C / groups, *kernel) and y (N, O, *count); each group of output channels
    sees its own group of input channels.
    """
    geometry, dtype = (stride, padding, dilation), np.result_type(x, w)
    plan = columns(x.shape, w.shape, dtype, geometry, groups)
    return plan.output(x, w)


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
    return spread(u, w, size, (stride, padding, dilation), groups)


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
    plan = columns(x.shape, w_shape, dtype, geometry, groups)
    return plan.weights(x, u)


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
