"""How NumPy's functions that arrange, join and take apart run on Tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from autonn.engine import implements
from autonn.graph import Array
from autonn.methods import Axis
from autonn.tensors import Tensor, bare, put
from autonn.tree import flatten, tree_map
from autonn.windows import concatenate as concatenate_primitive

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


# ----- Functions that only move elements: they move numbers, and the elements follow -----


def _moves(*functions: Callable[..., Any], several: bool = False) -> None:
    """Let NumPy functions of one argument (or of `several`), perhaps a nest of arrays, run so."""

    def by_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
        def moved(*args: Any, **kwargs: Any) -> Any:
            nest, rest = (args, ()) if several else (args[0], args[1:])
            leaves, rebuild = flatten(nest)
            arrays = [x if isinstance(x, Tensor) else np.asarray(x) for x in leaves]
            ends = accumulate([x.size for x in arrays], initial=0)
            numbers = [
                np.arange(start, start + x.size).reshape(x.shape)
                for start, x in zip(ends, arrays, strict=False)
            ]
            nest = rebuild(numbers)
            taken = function(*nest, **kwargs) if several else function(nest, *rest, **kwargs)
            elements = np.concatenate([np.reshape(x, -1) for x in arrays])
            return tree_map(lambda numbers: elements[numbers], taken)

        return moved

    for function in functions:
        implements(function)(by_numbers(function))


_moves(np.flipud, np.fliplr, np.rot90, np.rollaxis, np.delete, np.resize)
_moves(np.hsplit, np.vsplit, np.dsplit, np.column_stack, np.dstack, np.block)
_moves(np.atleast_2d, np.atleast_3d, np.meshgrid, np.broadcast_arrays, several=True)


@implements(np.append)
def append(arr: Array, values: Array, axis: int | None = None) -> Array:
    """Join along an axis, or all elements in order."""
    return concatenate([arr, values], axis)
