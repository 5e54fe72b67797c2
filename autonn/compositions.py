"""How NumPy's other functions run on Tensors: as compositions of primitives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import accumulate, pairwise
from string import ascii_letters
from typing import Any

import numpy as np

from autonn.engine import constant, implements
from autonn.graph import DISPATCH, PRIMITIVES, Array
from autonn.rules import einsum as einsum_primitive
from autonn.rules import logabsdet
from autonn.rules import norm as norm_primitive
from autonn.tensors import Tensor, bare, connected, put
from autonn.windows import concatenate as concatenate_primitive

Axis = int | tuple[int, ...] | None
_matmul, _solve, _prod = PRIMITIVES[np.matmul], PRIMITIVES[np.linalg.solve], PRIMITIVES[np.prod]

# ----- Reductions -----


def _count(shape: tuple[int, ...], axis: Axis) -> int:
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return math.prod(shape[a] for a in axes)


def _in_float32(statistic: Callable[..., Array]) -> Callable[..., Array]:
    """Let a statistic of float16 sum in float32, as NumPy's mean does: 65,504 is soon reached."""

    @wraps(statistic)
    def wide(x: Array, *args: Any, **kwargs: Any) -> Array:
        if x.dtype != np.float16:
            return statistic(x, *args, **kwargs)
        return statistic(x.astype(np.float32), *args, **kwargs).astype(np.float16)

    return wide


@implements(np.mean)
@_in_float32
def mean(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Sum divided by count."""
    return np.sum(x, axis=axis, keepdims=keepdims) / _count(x.shape, axis)


@implements(np.var)
@_in_float32
def var(x: Array, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Sum of squared deviations, divided by n - ddof."""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    squares = np.sum(np.square(centred), axis=axis, keepdims=keepdims)
    return squares / (_count(x.shape, axis) - ddof)


@implements(np.std)
@_in_float32
def std(x: Array, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Norm of the deviations, divided by sqrt(n - ddof): its gradient is 0 where they all are."""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return (
        norm_primitive(centred, axis=axis, keepdims=keepdims)
        / (_count(x.shape, axis) - ddof) ** 0.5
    )


@implements(np.prod)
def prod(x: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Product over one axis, the last: other axes are moved there and joined first."""
    axes = (
        range(x.ndim)
        if axis is None
        else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    )
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = tuple(x.shape[i] for i in kept)
    joined = np.transpose(x, (*kept, *axes)).reshape(*shape, _count(x.shape, tuple(axes)))
    y = _prod(joined, axis=-1)
    return y.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdims else y


@implements(np.cumsum)
def cumsum(x: Array, axis: int | None = None) -> Array:
    """Cumulative sum along one axis, or of the elements in order."""
    return (
        PRIMITIVES[np.cumsum](x.reshape(-1), axis=0)
        if axis is None
        else PRIMITIVES[np.cumsum](x, axis=axis)
    )


@implements(np.cumprod)
def cumprod(x: Array, axis: int | None = None) -> Array:
    """Cumulative product by doubling: partial products of 1, 2, 4, ... elements."""
    y = x.reshape(-1) if axis is None else np.moveaxis(x, axis, -1)
    step = 1
    while step < y.shape[-1]:
        y = np.concatenate([y[..., :step], y[..., step:] * y[..., :-step]], axis=-1)
        step *= 2
    return y if axis is None else np.moveaxis(y, -1, axis)


@implements(np.linalg.norm)
def norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """Vector norms of any order but 0; of matrices the Frobenius norm, 1 and infinity."""
    size = 2 if isinstance(axis, tuple) and len(axis) == 2 else 1 if axis is not None else x.ndim
    if ord is None or ord == "fro" or (ord == 2 and size == 1):
        return norm_primitive(x, axis=axis, keepdims=keepdims)
    large = np.absolute(x)
    if size == 1 and ord not in (0, "nuc"):
        if abs(ord) == np.inf:
            return (np.max if ord > 0 else np.min)(large, axis=axis, keepdims=keepdims)
        return np.sum(large**ord, axis=axis, keepdims=keepdims) ** (1 / ord)
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
    if a.dtype.kind != "f":
        return connected(np.clip(bare(a), bare(low), bare(high)), None)
    return PRIMITIVES[np.clip](a, -np.inf if low is None else low, np.inf if high is None else high)


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


# ----- Shapes -----


@implements(np.reshape)
def reshape(x: Array, shape: Any) -> Array:
    """Give the same elements in another shape."""
    return x.reshape(shape)


@implements(np.ravel)
def ravel(x: Array) -> Array:
    """Give the elements along one axis."""
    return np.reshape(x, -1)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Array) -> Array:
    """Swap the last two axes."""
    return np.swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    """Swap two axes."""
    axes = list(range(x.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return np.transpose(x, tuple(axes))


@implements(np.moveaxis)
def moveaxis(x: Array, source: Any, destination: Any) -> Array:
    """Move axes to other places."""
    numbered = np.broadcast_to(0, range(1, x.ndim + 1))  # as long as its number, each axis
    return np.transpose(x, tuple(n - 1 for n in np.moveaxis(numbered, source, destination).shape))


@implements(np.expand_dims)
def expand_dims(x: Array, axis: Any) -> Array:
    """Insert axes of length one."""
    return np.reshape(x, np.expand_dims(np.broadcast_to(0, x.shape), axis).shape)


@implements(np.squeeze)
def squeeze(x: Array, axis: Axis = None) -> Array:
    """Drop axes of length one."""
    return np.reshape(x, np.squeeze(np.broadcast_to(0, x.shape), axis).shape)


@implements(np.atleast_1d)
def atleast_1d(x: Array) -> Array:
    """Give a number one axis."""
    return x if x.ndim else np.reshape(x, (1,))


@implements(np.flip)
def flip(x: Array, axis: Axis = None) -> Array:
    """Reverse the order along axes."""
    axes = (
        range(x.ndim)
        if axis is None
        else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    )
    return x[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))]


@implements(np.tile)
def tile(x: Array, reps: Any) -> Array:
    """Repeat the whole array along each axis."""
    reps = tuple(int(r) for r in np.atleast_1d(reps))
    shape = (1,) * (len(reps) - x.ndim) + x.shape
    reps = (1,) * (len(shape) - len(reps)) + reps
    pairs = tuple(n for pair in zip(reps, shape, strict=True) for n in pair)
    apart = np.reshape(x, tuple(n for length in shape for n in (1, length)))
    return np.reshape(
        np.broadcast_to(apart, pairs), tuple(r * n for r, n in zip(reps, shape, strict=True))
    )


@implements(np.repeat)
def repeat(x: Array, repeats: Any, axis: int | None = None) -> Array:
    """Repeat each element along an axis."""
    if axis is None:
        x, axis = x.reshape(-1), 0
    return np.take(x, np.repeat(np.arange(x.shape[axis]), bare(repeats)), axis)


# ----- Joining and taking apart -----


@implements(np.concatenate)
def concatenate(arrays: Sequence[Array], axis: int | None = 0) -> Array:
    """Join along an axis."""
    if axis is None:
        arrays, axis = [np.reshape(x, -1) for x in arrays], 0
    return concatenate_primitive(*arrays, axis=axis)


@implements(np.stack)
def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Join along a new axis."""
    return concatenate_primitive(*[np.expand_dims(x, axis) for x in arrays], axis=axis)


@implements(np.vstack)
def vstack(tup: Sequence[Array]) -> Array:
    """Join along the first of at least two axes."""
    return concatenate([x if x.ndim > 1 else np.reshape(x, (1, -1)) for x in tup], 0)


@implements(np.hstack)
def hstack(tup: Sequence[Array]) -> Array:
    """Join along the second axis, or the only one."""
    arrays = [np.atleast_1d(x) for x in tup]
    return concatenate(arrays, 0 if arrays[0].ndim == 1 else 1)


@implements(np.array_split)
def array_split(x: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Take apart along an axis; the parts' gradients meet in one buffer."""
    length, before = x.shape[axis], (slice(None),) * (axis % x.ndim)
    if isinstance(indices_or_sections, int):
        parts = np.array_split(np.broadcast_to(0, length), indices_or_sections)
        places = tuple(accumulate(map(len, parts), initial=0))
    else:
        places = (0, *indices_or_sections, length)
    return [x[(*before, slice(start, end))] for start, end in pairwise(places)]


@implements(np.split)
def split(x: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Take apart along an axis, into equal parts if a number is given."""
    if isinstance(indices_or_sections, int) and x.shape[axis] % indices_or_sections:
        raise ValueError(
            f"np.split: axis {axis} of shape {x.shape} cannot be cut into {indices_or_sections} "
            "equal parts; np.array_split makes nearly equal ones"
        )
    return array_split(x, indices_or_sections, axis)


def unstack(x: Array, *, axis: int = 0) -> tuple[Array, ...]:
    """Take apart along an axis that disappears."""
    before = (slice(None),) * (axis % x.ndim)
    return tuple(x[(*before, i)] for i in range(x.shape[axis]))


if hasattr(np, "unstack"):  # since NumPy 2.1
    implements(np.unstack)(unstack)


@implements(np.take)
def take(x: Array, indices: Any, axis: int | None = None) -> Array:
    """Give the elements at indices along an axis."""
    if axis is None:
        return np.reshape(x, -1)[indices]
    return x[
        (slice(None),) * (axis % x.ndim)
        + (indices if isinstance(indices, int) else np.asarray(bare(indices)),)
    ]


@implements(np.take_along_axis)
def take_along_axis(x: Array, indices: Any, axis: int | None = -1) -> Array:
    """Give, along an axis, the element that each index names."""
    indices = np.asarray(bare(indices))
    if axis is None:
        return np.reshape(x, -1)[indices]
    places: list[Any] = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    places[axis] = indices
    return x[tuple(np.broadcast_arrays(*places))]


@implements(np.pad)
def pad(x: Array, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Array:
    """Surround with constants or the array's own elements (edge, reflect, symmetric, wrap)."""
    if mode == "constant":
        outside = np.pad(np.zeros(x.shape, x.dtype), pad_width, **kwargs)
        return put(outside, x.reshape(-1), index=np.pad(np.ones(x.shape, bool), pad_width))
    own = mode in ("edge", "reflect", "symmetric", "wrap")
    if not own or kwargs.get("reflect_type", "even") != "even":
        raise NotImplementedError(
            f"np.pad: mode {mode!r} {kwargs or ''} has no rule; use constant, edge, reflect, "
            "symmetric or wrap"
        )
    return x.reshape(-1)[np.pad(np.arange(x.size).reshape(x.shape), pad_width, mode)]


@implements(np.diagonal)
def diagonal(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Give the diagonal over two axes, as the last axis."""
    rows, columns = x.shape[axis1], x.shape[axis2]
    i = np.arange(
        max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    )
    return np.moveaxis(x, (axis1, axis2), (-2, -1))[..., i - min(offset, 0), i + max(offset, 0)]


@implements(np.diag)
def diag(v: Array, k: int = 0) -> Array:
    """Give the diagonal of a matrix, or the matrix of a diagonal."""
    if v.ndim != 1:
        return np.diagonal(v, k)
    n = len(v) + abs(k)
    i = np.arange(len(v))
    return put(np.zeros((n, n), v.dtype), v, index=(i - min(k, 0), i + max(k, 0)))


# ----- Linear algebra -----


@implements(np.matmul)
def matmul(a: Array, b: Array) -> Array:
    """Multiply matrices, stacks of them, and vectors as NumPy does."""
    a, b = (x if isinstance(x, Tensor) else np.asarray(x) for x in (a, b))
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-min(b.ndim, 2)]:
        raise ValueError(
            f"matmul: shapes {a.shape} and {b.shape} do not fit: the last axis of the first must "
            "be as long as the last but one (of a vector, the only one) of the second"
        )
    if a.ndim == 2 == b.ndim:
        return _matmul.apply(a, b)
    if a.ndim == 1:
        return matmul(a[None, :], b)[..., 0, :] if b.ndim > 1 else (a * b).sum()
    if b.ndim == 1:
        return matmul(a, b[:, None])[..., 0]
    if b.ndim == 2:  # one matrix for the whole stack: one product of a tall matrix
        return _matmul.apply(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
    return _matmul.apply(a, b)


@implements(np.dot)
def dot(a: Array, b: Array) -> Array:
    """Multiply numbers, vectors or matrices; of others sum over the last and last but one axes."""
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(a, b)
    return np.matmul(a, b) if b.ndim <= 2 else np.tensordot(a, b, (-1, -2))


@implements(np.vdot)
def vdot(a: Array, b: Array) -> Array:
    """Multiply all the elements of two arrays and sum."""
    return np.matmul(np.reshape(a, -1), np.reshape(b, -1))


@implements(np.inner)
def inner(a: Array, b: Array) -> Array:
    """Sum products over the last axes."""
    return np.tensordot(a, b, (-1, -1)) if np.ndim(a) and np.ndim(b) else np.multiply(a, b)


@implements(np.outer)
def outer(a: Array, b: Array) -> Array:
    """Multiply each element of a by each of b."""
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@implements(np.tensordot)
def tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    """Sum products over pairs of axes: one matrix product."""
    if isinstance(axes, int):
        pairs: Any = (range(a.ndim - axes, a.ndim), range(axes))
    else:
        pairs = tuple(np.atleast_1d(side).tolist() for side in axes)
    left, right = [i % a.ndim for i in pairs[0]], [i % b.ndim for i in pairs[1]]
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise ValueError(
            f"np.tensordot: axes {axes} of shapes {a.shape} and {b.shape} differ in length"
        )
    rows = [i for i in range(a.ndim) if i not in left]
    columns = [i for i in range(b.ndim) if i not in right]
    count = _count(a.shape, tuple(left))
    y = np.transpose(a, (*rows, *left)).reshape(
        -1 if a.size else _count(a.shape, tuple(rows)), count
    ) @ np.transpose(b, (*right, *columns)).reshape(
        count, -1 if b.size else _count(b.shape, tuple(columns))
    )
    return y.reshape([a.shape[i] for i in rows] + [b.shape[i] for i in columns])


@implements(np.trace)
def trace(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Sum the diagonal."""
    return np.sum(np.diagonal(x, offset, axis1, axis2), axis=-1)


@implements(np.einsum)
def einsum(*operands: Any, optimize: Any = None) -> Array:
    """Sum products over named axes.

    The primitive knows no ellipsis, no implicit output and no letter twice in a term: the first
    two are written out, the third is a diagonal.
    """
    if isinstance(operands[0], str):
        text, xs = operands[0].replace(" ", ""), list(operands[1:])
    else:  # operands and lists of axis numbers in turn
        lists = [*operands[1::2], *([operands[-1]] if len(operands) % 2 else [])]
        names = [
            "".join("..." if i is Ellipsis else ascii_letters[i] for i in axes) for axes in lists
        ]
        xs = list(operands[: len(operands) // 2 * 2 : 2])
        text = ",".join(names[: len(xs)]) + ("->" + names[-1] if len(operands) % 2 else "")
    xs = [x if isinstance(x, Tensor) else np.asarray(x) for x in xs]
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(xs):
        raise ValueError(
            f"np.einsum: {text!r} names {len(terms)} operands, but there are {len(xs)}"
        )
    if not arrow:
        letters = inputs.replace(",", "").replace(".", "")
        output = "..." * ("..." in inputs) + "".join(
            sorted(c for c in set(letters) if letters.count(c) == 1)
        )
    free = [c for c in ascii_letters if c not in text]
    widest = 0
    for k, (term, x) in enumerate(zip(terms, xs, strict=True)):
        if "..." in term:
            extra = x.ndim - len(term) + 3
            widest = max(widest, extra)
            terms[k] = term.replace("...", "".join(free[:extra][::-1]))
    output = output.replace("...", "".join(free[:widest][::-1]))
    for k, term in enumerate(terms):
        for c in sorted(set(term)):
            while (
                terms[k].count(c) > 1
            ):  # a repeated letter is a diagonal, which becomes the last axis
                i = terms[k].index(c)
                j = terms[k].index(c, i + 1)
                xs[k] = np.diagonal(xs[k], 0, i, j)
                terms[k] = terms[k][:i] + terms[k][i + 1 : j] + terms[k][j + 1 :] + c
    return einsum_primitive(*xs, subscripts=",".join(terms) + "->" + output)


@implements(np.linalg.solve)
def solve(a: Array, b: Array) -> Array:
    """Solve a x = b for a vector, a matrix, or a stack of matrices."""
    return _solve(a, b[:, None])[..., 0] if np.ndim(b) == 1 else _solve(a, b)


@implements(np.linalg.slogdet)
def slogdet(x: Array) -> tuple[Array, Array]:
    """Sign and logarithm of the determinant; the sign is a plain array."""
    return np.linalg.slogdet(bare(x))[0], logabsdet(x)


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
    *(np.all, np.any, np.shape, np.ndim, np.size, np.result_type, np.bincount, np.unique),
    *(
        np.zeros_like,
        np.ones_like,
        np.full_like,
        np.empty_like,
        np.array_repr,
        np.array_str,
        np.array2string,
    ),
)
