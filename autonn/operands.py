"""What Tensors are made of and computed with: arrays, numbers, axes, dtypes. Read, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autonn.errors import is_raw, retold
from autonn.methods import Axis, Methods

Array = Any


def bare(x: Any) -> Any:
    """Replace Tensors by their arrays, in lists and tuples, too."""
    if isinstance(x, list | tuple):
        return type(x)(map(bare, x))
    return x._array if isinstance(x, Methods) else x


def operand(x: Any) -> Array:
    """Give a Tensor as it is, anything else as an array."""
    if isinstance(x, Methods):
        return x
    try:
        return np.asarray(x)
    except (ValueError, RecursionError):  # ragged, or its own element
        raise TypeError(f"cannot make an array of {type(x).__name__} {x!r:.60}") from None


def axes_of(x: Array, axis: Axis) -> tuple[int, ...]:
    """Give axes as non-negative numbers, all of them for None; refuse what is not there."""
    if axis is None:
        return tuple(range(x.ndim))
    return normalize_axis_tuple(axis, max(x.ndim, 1))[: x.ndim]  # numbers allow axis 0


def axis_of(x: Array, axis: int) -> int:
    """Give an axis as a non-negative number; refuse one that is not there."""
    return normalize_axis_index(axis, x.ndim)


def numeric(owner: str, dtype: Any) -> np.dtype[Any]:
    """Give a dtype of numbers; refuse another."""
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError, RecursionError):
        found = np.dtype(object)
    if found.kind not in "fiubc":
        told = f"{owner}: dtype={dtype!r:.40}; want a dtype of numbers, such as np.float32"
        raise TypeError(told)
    return found


def flag(name: str, value: Any) -> bool:
    """Give an option as True or False; refuse what is neither, such as an array."""
    try:
        return bool(value)
    except ValueError:
        raise TypeError(f"{name}={value!r:.40}; want True or False") from None


def array_of(data: Any, dtype: Any, copy: bool) -> Array:
    """Make the array of a Tensor; refuse what is not numeric."""
    dtype = None if dtype is None else numeric("Tensor", dtype)
    try:
        if dtype is not None and dtype.kind != "c" and np.iscomplexobj(data):
            raise TypeError(f"Tensor: complex numbers do not fit into {dtype}; take their parts")
        array = np.array(data, dtype) if copy else np.asarray(data, dtype)
    except Exception as error:
        if not is_raw(error):
            raise
        raise retold(error, "Tensor", (data,), {"dtype": dtype, "copy": copy}) from None
    if array.dtype.kind not in "fiubc":
        kind = f"{type(data).__name__} {data!r:.60} (dtype {array.dtype})"
        raise TypeError(f"Tensor: cannot hold {kind}; want numbers")
    return array
