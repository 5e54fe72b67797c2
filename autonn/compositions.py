"""How NumPy's reductions and choices run on Tensors, and what has no derivative."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

from autonn.engine import constant, implements
from autonn.graph import DISPATCH, PRIMITIVES, Array
from autonn.methods import Axis
from autonn.operands import axes_of, bare, operand
from autonn.rules import norm as norm_primitive
from autonn.sums import in_float32
from autonn.tensors import Tensor, connected

_sum, _prod, _clip = PRIMITIVES[np.sum], PRIMITIVES[np.prod], PRIMITIVES[np.clip]
_cumsum, _cumprod = PRIMITIVES[np.cumsum], PRIMITIVES[np.cumprod]

# ----- Reductions -----


def floats(x: Any) -> Array:
    """Give real numbers as floats: integers and booleans, too, and lists of them."""
    x = operand(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"cannot use {x!r:.60} (dtype {x.dtype}); want real numbers")
    return x if x.dtype.kind == "f" else x.astype(float)


def _count(shape: tuple[int, ...], axis: Axis) -> int:
    if axis is None or not shape:
        return math.prod(shape)
    return math.prod(shape[a] for a in (axis if isinstance(axis, tuple) else (axis,)))


@implements(np.mean)
@in_float32
def mean(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Sum divided by count."""
    return _sum(x, axis=axis, keepdims=keepdims) / _count(x.shape, axis)


@implements(np.var)
@in_float32
def var(x: Array, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Sum of squared deviations, divided by n - ddof."""
    x = floats(x)
    centred = x - np.mean(x, axis=axis, keepdims=True)
    squares = np.sum(np.square(centred), axis=axis, keepdims=keepdims)
    return squares / max(_count(x.shape, axis) - ddof, 0)


@implements(np.std)
@in_float32
def std(x: Array, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Norm of the deviations, divided by sqrt(n - ddof): its gradient is 0 where they all are."""
    x = floats(x)
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return (
        norm_primitive(centred, axis=axis, keepdims=keepdims)
        / max(_count(x.shape, axis) - ddof, 0) ** 0.5
    )


def joined(x: Array, axis: Axis) -> Array:
    """Move axes to the end, and make one of them."""
    axes = axes_of(x, axis)
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = tuple(x.shape[i] for i in kept)
    return np.transpose(x, (*kept, *axes)).reshape(*shape, _count(x.shape, tuple(axes)))


def kept_shape(x: Array, axis: Axis) -> tuple[int, ...]:
    """Give the shape of x where the axes have length one."""
    axes = axes_of(x, axis)
    return tuple(1 if i in axes else n for i, n in enumerate(x.shape))


@implements(np.prod)
def prod(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Product over one axis, the last: other axes are moved there and joined first."""
    y = _prod(joined(x, axis), axis=-1)
    return y.reshape(kept_shape(x, axis)) if keepdims else y


@implements(np.cumsum)
def cumsum(x: Array, axis: int | None = None) -> Array:
    """Cumulative sum along one axis, or of the elements in order."""
    x = np.atleast_1d(x)
    return _cumsum(x.reshape(-1), axis=0) if axis is None else _cumsum(x, axis=axis)


@implements(np.cumprod)
def cumprod(x: Array, axis: int | None = None) -> Array:
    """Cumulative product along one axis, moved to the end, or of the elements in order."""
    x = np.atleast_1d(x)
    if axis is None:
        return _cumprod(x.reshape(-1), axis=-1)
    return np.moveaxis(_cumprod(np.moveaxis(x, axis, -1), axis=-1), -1, axis)


@implements(np.linalg.norm)
@in_float32
def norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """Vector norms of any order but 0; of matrices the Frobenius norm, 1 and infinity."""
    x, axes = floats(x), axes_of(x, axis)
    size, p = len(axes), float(ord) if isinstance(ord, Real) else 0.0
    if (
        ord is None
        or (p == 2 and size == 1)
        or (size == 2 and isinstance(ord, str) and ord == "fro")
    ):
        return norm_primitive(x, axis=axes, keepdims=keepdims)
    large = np.absolute(x)
    if size == 1 and abs(p) > 0:
        return _vector_norm(large, p, axes, keepdims)
    if size == 2 and abs(p) in (1, np.inf):
        rows, columns = axes
        along, over = (rows, columns) if abs(p) == 1 else (columns, rows)
        sums = np.sum(large, axis=along, keepdims=True)
        y = (np.max if p > 0 else np.min)(sums, axis=over, keepdims=True)
        return y if keepdims else np.squeeze(y, axes)
    raise NotImplementedError(
        f"np.linalg.norm: ord={ord!r:.20} has no rule over {size} axes; use None or 'fro', the "
        "p-norm of vectors, or 1, -1, inf, -inf of a matrix"
    )


def _vector_norm(large: Array, p: float, axis: tuple[int, ...], keepdims: bool) -> Array:
    """(Σ |x|ᵖ)¹ᐟᵖ, with derivative 0 where it is 0: at the origin, or of any 0 if p < 0."""
    if abs(p) == np.inf:
        return (np.max if p > 0 else np.min)(large, axis=axis, keepdims=keepdims)
    zero = bare(large) == 0
    none = (np.all if p > 0 else np.any)(zero, axis=axis, keepdims=keepdims)
    powers = np.where(zero, 0, np.where(zero, 1, large) ** p)
    return np.where(none, 0, (np.sum(powers, axis=axis, keepdims=keepdims) + none) ** (1 / p))


DISPATCH[np.amax], DISPATCH[np.amin] = DISPATCH[np.max], DISPATCH[np.min]
DISPATCH[np.around] = DISPATCH[np.round]

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
    return np.where(np.tril(np.ones(x.shape[-2:], bool), k), x, x.dtype.type(0))


@implements(np.triu)
def triu(x: Array, k: int = 0) -> Array:
    """Upper triangle."""
    return np.where(np.triu(np.ones(x.shape[-2:], bool), k), x, x.dtype.type(0))


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
