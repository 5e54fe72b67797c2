"""What NumPy writes with brackets: elements taken, stored and added at an index."""

from __future__ import annotations

from operator import index as whole
from typing import Any, Generic

import numpy as np

from autonn.graph import Array, primitive
from autonn.indices import PLAIN, add_at
from autonn.methods import Methods, S
from autonn.operands import bare


@primitive
def getitem(x: Array, *, index: Any) -> Array:
    """x[index], as a primitive."""
    return x[index]


@primitive
def put(x: Array, v: Array, *, index: Any) -> Array:
    """X with v stored at index; where an index occurs twice, the last value stays."""
    kind = np.asarray(v).dtype.kind
    if "fc".find(kind) > "fc".find(x.dtype.kind):
        values = "complex" if kind == "c" else "floating-point"
        raise TypeError(f"cannot store {values} values in a Tensor of {x.dtype}: x.astype first")
    y = np.array(x)
    y[index] = v
    return y


@primitive
def put_add(x: Array, v: Array, *, index: Any) -> Array:
    """X with v added at index; where an index occurs twice, both are added."""
    y = np.array(x)
    add_at(y, index, np.broadcast_to(v, y[index].shape))
    return y


class At(Generic[S]):
    """A Tensor waiting for an index, and then for `set` or `add`."""

    __slots__ = ("_index", "_t")

    def __init__(self, t: S, index: Any = None) -> None:
        self._t, self._index = t, index

    def __getitem__(self, index: Any) -> At[S]:
        return At(self._t, settled(index))

    def set(self, value: Any) -> S:
        """Give the Tensor with `value` at the index."""
        return put.apply(self._t, value, index=self._index)

    def add(self, value: Any) -> S:
        """Give the Tensor with `value` added at the index; to what it names twice, twice."""
        return put_add.apply(self._t, value, index=self._index)


def settled(index: Any) -> Any:
    """Give an index as NumPy reads it: sequences in it become arrays, ends of slices numbers."""
    if isinstance(index, tuple):
        return tuple([i if type(i) in _SIMPLE else _settled_part(i) for i in index])
    return index if type(index) in _SIMPLE else _settled_part(index)


_SIMPLE = PLAIN - {slice}


def _settled_part(part: Any) -> Any:
    if type(part) is slice:
        start, stop, step = part.start, part.stop, part.step
        if type(start) in _SIMPLE and type(stop) in _SIMPLE and type(step) in _SIMPLE:
            return part
    if isinstance(part, np.integer):
        return part
    try:
        if type(part) is slice:  # whose ends are arrays or Tensors, which may change
            return slice(*[i if i is None else whole(i) for i in (start, stop, step)])
        array = np.asarray(bare(part))  # the engine copies what it keeps
    except (ValueError, TypeError, RecursionError):  # of floats, ragged, or its own element
        raise IndexError(f"cannot index by {part!r:.60}; want whole numbers or booleans") from None
    if not array.size and not isinstance(part, np.ndarray | Methods):
        array = array.astype(np.intp)
    if array.dtype.kind not in "biu":
        raise IndexError(f"an index array must be integer or boolean, this one is {array.dtype}")
    return array
