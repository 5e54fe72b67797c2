"""What an index names: added to, counted twice where it is named twice."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

Array = Any
PLAIN = {slice, int, type(None), type(...)}
"""The types of an index's parts that never change."""
_LARGE = 1 << 16  # numbers, from which on one after the other is too many for float32


def names_once(index: Any) -> bool:
    """Tell whether an index can name no element twice: slices, integers and masks cannot."""
    parts = index if isinstance(index, tuple) else (index,)
    odd = [i for i in parts if type(i) not in PLAIN]
    return all(isinstance(i, np.integer) or np.asarray(i).dtype.kind == "b" for i in odd)


def add_at(buffer: Array, index: Any, g: Array) -> None:
    """Add g, of the shape of buffer[index], to it; to what the index names twice, twice."""
    if names_once(index):
        buffer[index] += g
    elif _long_rows(buffer, index):
        add_rows(buffer, index.reshape(-1), g.reshape(index.size, *buffer.shape[1:]))
    elif (wide := _summed_in(buffer.dtype, g.size)) == buffer.dtype:
        np.add.at(buffer, index, g)
    else:
        total = buffer.astype(wide)
        np.add.at(total, index, g.astype(wide))
        buffer[...] = total


def _summed_in(dtype: Any, count: int) -> Any:
    """Give the dtype in which so many numbers add up: in float16, 2,048 + 1 is 2,048."""
    if dtype.char == "e":
        return np.dtype(np.float32 if count < _LARGE else np.float64)
    return np.dtype(np.float64) if dtype.char == "f" and count >= _LARGE else dtype


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


def last_stored(index: Any, shape: tuple[int, ...]) -> Any:
    """Tell which of the values stored at an index are not overwritten by a later one."""
    if names_once(index):
        return True
    places = np.arange(prod(shape)).reshape(shape)
    order = np.arange(places[index].size).reshape(places[index].shape)
    places[index] = order
    return places[index] == order
