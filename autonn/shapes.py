"""How NumPy's functions that arrange, join and take apart run on Tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from operator import index as whole
from typing import Any

import numpy as np

from autonn.brackets import put
from autonn.engine import implements
from autonn.graph import PRIMITIVES, Array
from autonn.methods import Axis
from autonn.operands import axes_of, axis_of, bare, operand
from autonn.tensors import Tensor
from autonn.tree import flatten, tree_map
from autonn.windows import concatenate as concatenate_primitive
from autonn.windows import scatter_add

_transpose, _roll = PRIMITIVES[np.transpose], PRIMITIVES[np.roll]


def before(x: Array, axis: int) -> tuple[slice, ...]:
    """Give the index of all axes before this one."""
    return (slice(None),) * axis_of(x, axis)


# ----- Shapes -----


@implements(np.transpose)
def transpose(a: Array, axes: Any = None) -> Array:
    """Permute the axes; reverse them if none are given."""
    return _transpose(a, axes=None if axes is None else tuple(whole(i) for i in axes))


@implements(np.roll)
def roll(a: Array, shift: Any, axis: Any = None) -> Array:
    """Shift elements along axes, those that fall off at the end to the front."""
    shifts = np.asarray(bare(shift)).tolist()
    shifts = tuple(map(int, shifts)) if isinstance(shifts, list) else int(shifts)
    axes = None if axis is None else np.asarray(axis).tolist()
    return _roll(a, shift=shifts, axis=tuple(axes) if isinstance(axes, list) else axes)


@implements(np.full_like)
def full_like(a: Array, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Array:
    """Repeat a value in the shape of an array."""
    shape, dtype = a.shape if shape is None else shape, a.dtype if dtype is None else dtype
    if not isinstance(fill_value, Tensor):
        return np.full(shape, bare(Tensor(fill_value, dtype=dtype)))
    return np.broadcast_to(fill_value.astype(dtype), shape)


@implements(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Array:
    """Count how often each number occurs, or sum its weights."""
    x = np.asarray(bare(x))
    counts = np.bincount(x, minlength=minlength)
    if weights is None:
        return counts
    weights = operand(weights)
    if weights.shape != x.shape:
        raise ValueError(f"np.bincount: weights of shape {weights.shape}; want {x.shape}, as x")
    return scatter_add(weights.astype(np.float64), index=x, shape=counts.shape)


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
    axes = axes_of(x, axis)
    return x[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))]


@implements(np.tile)
def tile(x: Array, reps: Any) -> Array:
    """Repeat the whole array along each axis."""
    reps = tuple(whole(r) for r in np.atleast_1d(reps))
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
        arrays, axis = [np.reshape(operand(x), -1) for x in arrays], 0
    return concatenate_primitive(*arrays, axis=axis)


@implements(np.stack)
def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Join along a new axis."""
    return concatenate_primitive(*[np.expand_dims(operand(x), axis) for x in arrays], axis=axis)


@implements(np.vstack)
def vstack(tup: Sequence[Array]) -> Array:
    """Join along the first of at least two axes."""
    return concatenate([np.atleast_2d(operand(x)) for x in tup], 0)


@implements(np.hstack)
def hstack(tup: Sequence[Array]) -> Array:
    """Join along the second axis, or the only one."""
    arrays = [np.atleast_1d(operand(x)) for x in tup]
    return concatenate(arrays, 0 if arrays[0].ndim == 1 else 1)


@implements(np.array_split)
def array_split(x: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Take apart along an axis; the parts' gradients meet in one buffer."""
    first = before(x, axis)
    length = x.shape[len(first)]
    if isinstance(indices_or_sections, int | np.integer):
        if indices_or_sections < 1:
            raise ValueError(f"np.array_split: {indices_or_sections} parts; want 1 or more")
        each, more = divmod(length, int(indices_or_sections))
        lengths = [each + (i < more) for i in range(indices_or_sections)]
        places = tuple(accumulate(lengths, initial=0))
    else:
        places = (0, *indices_or_sections, length)
    return [x[(*first, slice(start, end))] for start, end in pairwise(places)]


@implements(np.split)
def split(x: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Take apart along an axis, into equal parts if a number is given."""
    parts, length = indices_or_sections, x.shape[axis]
    if isinstance(parts, int | np.integer) and parts > 0 and length % parts:
        raise ValueError(
            f"np.split: axis {axis} of shape {x.shape} cannot be cut into {parts} equal parts; "
            "np.array_split makes nearly equal ones"
        )
    return array_split(x, parts, axis)


def unstack(x: Array, *, axis: int = 0) -> tuple[Array, ...]:
    """Take apart along an axis that disappears."""
    first = before(x, axis)
    return tuple(x[(*first, i)] for i in range(x.shape[len(first)]))


if hasattr(np, "unstack"):  # since NumPy 2.1
    implements(np.unstack)(unstack)


@implements(np.take)
def take(x: Array, indices: Any, axis: int | None = None) -> Array:
    """Give the elements at indices along an axis."""
    indices = np.asarray(bare(indices))
    if indices.dtype.kind == "b":
        indices = indices.astype(np.intp)
    if axis is None:
        return np.reshape(x, -1)[indices]
    return x[(*before(x, axis), indices)]


@implements(np.take_along_axis)
def take_along_axis(x: Array, indices: Any, axis: int | None = -1) -> Array:
    """Give, along an axis, the element that each index names; the other axes are broadcast."""
    indices = np.asarray(bare(indices))
    if axis is None:
        return np.reshape(x, -1)[indices]
    axis = axis_of(x, axis)
    single = [tuple(1 if i == axis else n for i, n in enumerate(a.shape)) for a in (x, indices)]
    shape = np.broadcast_shapes(*single)
    x = np.broadcast_to(x, shape[:axis] + x.shape[axis : axis + 1] + shape[axis + 1 :])
    indices = np.broadcast_to(
        indices, shape[:axis] + indices.shape[axis : axis + 1] + shape[axis + 1 :]
    )
    numbers: list[Any] = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    numbers[axis] = indices
    return x[tuple(np.broadcast_arrays(*numbers))]


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


# ----- Functions that only move elements: they move numbers, and the elements follow -----


def _moves(*functions: Callable[..., Any], several: bool = False) -> None:
    """Let NumPy functions of one argument, perhaps a nest of arrays, run so.

    Those of `several` give a result for each of their arguments, of its own dtype.
    """

    def by_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
        def moved(nest: Any, *args: Any, **kwargs: Any) -> Any:
            leaves, rebuild = flatten(nest)
            arrays = [operand(x) for x in leaves]
            ends = accumulate([x.size for x in arrays], initial=0)
            numbers = [_numbers(x) + start for start, x in zip(ends, arrays, strict=False)]
            kwargs = {k: bare(v) for k, v in kwargs.items()}
            taken = function(rebuild(numbers), *map(bare, args), **kwargs)
            elements = np.concatenate([np.reshape(x, -1) for x in arrays])
            return tree_map(lambda numbers: elements[numbers], taken)

        def each_moved(*args: Any, **kwargs: Any) -> Any:
            arrays = [x if isinstance(x, Tensor) else Tensor(x) for x in args]
            taken = function(*map(_numbers, arrays), **kwargs)
            if len(arrays) == 1 and not isinstance(taken, list | tuple):
                return arrays[0].reshape(-1)[taken]
            pairs = zip(arrays, taken, strict=True)
            return type(taken)(x.reshape(-1)[numbers] for x, numbers in pairs)

        return each_moved if several else moved

    for function in functions:
        implements(function)(by_numbers(function))


def _numbers(x: Array) -> Array:
    """Number the elements of an array."""
    return np.arange(x.size).reshape(x.shape)


_moves(np.flipud, np.fliplr, np.rot90, np.rollaxis, np.delete, np.resize)
_moves(np.hsplit, np.vsplit, np.dsplit, np.column_stack, np.dstack, np.block)
_moves(np.atleast_2d, np.atleast_3d, np.meshgrid, several=True)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Array) -> tuple[Array, ...]:
    """Repeat arrays to the shape that all have in common."""
    shape = np.broadcast_shapes(*(np.shape(operand(x)) for x in args))
    return tuple(np.broadcast_to(x if isinstance(x, Tensor) else Tensor(x), shape) for x in args)


@implements(np.append)
def append(arr: Array, values: Array, axis: int | None = None) -> Array:
    """Join along an axis, or all elements in order."""
    return concatenate([arr, values], axis)
