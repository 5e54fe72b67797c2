"""Primitives that pick, store and join, in adjoint pairs: each is the other's rule, to any order.

`getitem` and `scatter_add` (with slices: crop and pad), `concatenate` and its pieces.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from autonn.engine import defvjp
from autonn.graph import Array, primitive
from autonn.tensors import PLAIN, Tensor, getitem, put, put_add
from autonn.walk import Piece

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
    odd = [i for i in parts if type(i) not in PLAIN]
    return all(isinstance(i, np.integer) or np.asarray(i).dtype.kind == "b" for i in odd)


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
