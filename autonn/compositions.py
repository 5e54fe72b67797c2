"""How NumPy's reductions and choices run on Tensors, and what has no derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from autonn.engine import constant, implements
from autonn.graph import DISPATCH, PRIMITIVES, Array
from autonn.methods import Axis
from autonn.rules import norm as norm_primitive
from autonn.tensors import Tensor, axes_of, bare, connected, operand

_sum, _prod, _cumsum = PRIMITIVES[np.sum], PRIMITIVES[np.prod], PRIMITIVES[np.cumsum]
_clip = PRIMITIVES[np.clip]

# ----- Reductions -----


def _count(shape: tuple[int, ...], axis: Axis) -> int:
    if axis is None or not shape:
        return math.prod(shape)
    return math.prod(shape[a] for a in (axis if isinstance(axis, tuple) else (axis,)))


def _in_float32(statistic: Callable[..., Array]) -> Callable[..., Array]:
    """Let a statistic of float16 sum in float32, as NumPy's mean does: 65,504 is soon reached."""

    @wraps(statistic)
    def wide(x: Array, *args: Any, **kwargs: Any) -> Array:
        if x.dtype.char != "e":
            return statistic(x, *args, **kwargs)
        return statistic(x.astype(np.float32), *args, **kwargs).astype(np.float16)

    return wide


@implements(np.mean)
@_in_float32
def mean(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Sum divided by count."""
    return _sum(x, axis=axis, keepdims=keepdims) / _count(x.shape, axis)


@implements(np.var)
@_in_float32
def var(x: Array, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Sum of squared deviations, divided by n - ddof."""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    squares = np.sum(np.square(centred), axis=axis, keepdims=keepdims)
    return squares / max(_count(x.shape, axis) - ddof, 0)


@implements(np.std)
@_in_float32
def std(x: Array, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Norm of the deviations, divided by sqrt(n - ddof): its gradient is 0 where they all are."""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return (
        norm_primitive(centred, axis=axis, keepdims=keepdims)
        / max(_count(x.shape, axis) - ddof, 0) ** 0.5
    )


@implements(np.prod)
def prod(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Product over one axis, the last: other axes are moved there and joined first."""
    axes = axes_of(x, axis)
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = tuple(x.shape[i] for i in kept)
    joined = np.transpose(x, (*kept, *axes)).reshape(*shape, _count(x.shape, tuple(axes)))
    y = _prod(joined, axis=-1)
    return y.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdims else y


@implements(np.cumsum)
def cumsum(x: Array, axis: int | None = None) -> Array:
    """Cumulative sum along one axis, or of the elements in order."""
    x = np.atleast_1d(x)
    return _cumsum(x.reshape(-1), axis=0) if axis is None else _cumsum(x, axis=axis)


@implements(np.cumprod)
def cumprod(x: Array, axis: int | None = None) -> Array:
    """Cumulative product by doubling: partial products of 1, 2, 4, ... elements."""
    if x.dtype.kind != "f":
        return connected(np.cumprod(bare(x), axis), None)
    x = np.atleast_1d(x)
    y = x.reshape(-1) if axis is None else np.moveaxis(x, axis, -1)
    step = 1
    while step < y.shape[-1]:
        y = np.concatenate([y[..., :step], y[..., step:] * y[..., :-step]], axis=-1)
        step *= 2
    return y if axis is None else np.moveaxis(y, -1, axis)


@implements(np.linalg.norm)
def norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """Vector norms of any order but 0; of matrices the Frobenius norm, 1 and infinity."""
    x = x if x.dtype.kind == "f" else x.astype(float)
    size = 2 if isinstance(axis, tuple) and len(axis) == 2 else 1 if axis is not None else x.ndim
    if ord is None or ord == "fro" or (ord == 2 and size == 1):
        return norm_primitive(x, axis=axis, keepdims=keepdims)
    large = np.absolute(x)
    if size == 1 and ord not in (0, "nuc"):
        if abs(ord) == np.inf:
            return (np.max if ord > 0 else np.min)(large, axis=axis, keepdims=keepdims)
        if ord < 0:  # a zero makes it 0, through an infinity
            return np.sum(large**ord, axis=axis, keepdims=keepdims) ** (1 / ord)
        powers = (large + (large == 0)) ** ord * (large != 0)
        total = np.sum(powers, axis=axis, keepdims=keepdims)
        return (total + (total == 0)) ** (1 / ord) * (total != 0)  # with derivative 0 at the origin
    if size == 2 and ord in (1, -1, np.inf, -np.inf):
        rows, columns = axis if isinstance(axis, tuple) else (-2, -1)
        along, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = np.sum(large, axis=along, keepdims=True)
        y = (np.max if ord > 0 else np.min)(sums, axis=over, keepdims=True)
        return y if keepdims else np.squeeze(y, (rows, columns))
    raise NotImplementedError(
        f"np.linalg.norm: ord={ord!r} has no rule over {size} axes; use None or 'fro', the p-norm "
        "of vectors, or 1, -1, inf, -inf of a matrix"
    )


DISPATCH[np.amax], DISPATCH[np.amin] = DISPATCH[np.max], DISPATCH[np.min]

# ----- Choices -----


@implements(np.clip)
def clip(
    a: Array,
    a_min: Any = None,
    a_max: Any = None,
    *,
    min: Any = None,
    max: Any = None,
    dtype: None = None,
) -> Array:
    """Limit to [low, high]; None is no limit."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    a = operand(a)
    wanted = any(isinstance(x, Tensor) and x.requires_grad for x in (low, high))
    if a.dtype.kind != "f" and not wanted:
        return connected(np.clip(bare(a), bare(low), bare(high)), None)
    return _clip(a, -np.inf if low is None else low, np.inf if high is None else high)


@implements(np.sort)
def sort(x: Array, axis: int | None = -1, kind: Any = None, *, stable: bool | None = None) -> Array:
    """Take the elements in the order of their values; gradients go back where each came from."""
    if axis is None:
        x, axis = x.reshape(-1), -1
    return np.take_along_axis(x, np.argsort(x, axis=axis, kind=kind, stable=stable), axis)


@implements(np.tril)
def tril(x: Array, k: int = 0) -> Array:
    """Lower triangle."""
    rows, columns = x.shape[-2:]
    return np.where(np.tri(rows, columns, k, dtype=bool), x, 0)


@implements(np.triu)
def triu(x: Array, k: int = 0) -> Array:
    """Upper triangle."""
    rows, columns = x.shape[-2:]
    return np.where(np.tri(rows, columns, k - 1, dtype=bool), 0, x)


# ----- Without a derivative: plain arrays -----

constant(
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(
        np.isfinite,
        np.isinf,
        np.isnan,
        np.signbit,
        np.floor_divide,
        np.isclose,
        np.allclose,
        np.array_equal,
    ),
    *(
        np.logical_and,
        np.logical_or,
        np.logical_not,
        np.logical_xor,
        np.invert,
        np.bitwise_and,
        np.bitwise_or,
    ),
    *(
        np.argmax,
        np.argmin,
        np.argsort,
        np.nonzero,
        np.flatnonzero,
        np.count_nonzero,
        np.searchsorted,
        np.digitize,
    ),
    *(np.all, np.any, np.shape, np.ndim, np.size, np.result_type),
    *(
        np.zeros_like,
        np.ones_like,
        np.empty_like,
        np.array_repr,
        np.array_str,
        np.array2string,
    ),
)
