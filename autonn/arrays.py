"""Arrays that users give where no Tensor is wanted: states, data, metrics. Read, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autonn.arguments import shown
from autonn.operands import bare

Array = np.ndarray[Any, Any]
NONE = np.array(None)
"""What is read of what is no array: its dtype, object, tells."""


def read(value: Any) -> Array:
    """Give what NumPy makes of a Tensor, array, number or list; `NONE` of what it refuses.

    Examples
    --------
    >>> read([1, 2]), read([1, [2, 3]]).dtype
    (array([1, 2]), dtype('O'))
    """
    try:
        return np.asarray(bare(value))
    except (ValueError, TypeError, RecursionError):  # ragged, of mixed kinds, within itself
        return NONE


def numbers(owner: str, name: str, value: Any) -> Array:
    """Give an array of real numbers or booleans; refuse others.

    Examples
    --------
    >>> numbers("accuracy", "target", "cat")
    Traceback (most recent call last):
    TypeError: accuracy: target='cat'; want an array of numbers
    """
    array = read(value)
    if array.dtype.kind not in "fiub":
        seen = f" is an array of {array.dtype}" if array.ndim else f"={shown(value)}"
        raise TypeError(f"{owner}: {name}{seen}; want an array of numbers")
    return array


def one_number(owner: str, name: str, value: Any) -> float:
    """Give an array of one number, or a number, as a float; refuse others.

    Examples
    --------
    >>> one_number("step", "metric", np.ones(3))
    Traceback (most recent call last):
    TypeError: step: metric=an array of shape (3,); want a number
    """
    array = read(value)
    if array.dtype.kind not in "fiub" or array.size != 1:
        raise TypeError(f"{owner}: {name}={shown(value)}; want a number")
    return float(array.item())


def arrays_in(state: Any, owner: str) -> dict[str, Array]:
    """Give the arrays of a state by name; those that are none stay objects, for the caller to name.

    Examples
    --------
    >>> arrays_in(None, "load_state_dict of SGD")
    Traceback (most recent call last):
    TypeError: load_state_dict of SGD: state=None; want a dict of arrays, as state_dict() gives it
    """
    if not isinstance(state, Mapping):
        told = f"state={shown(state)}; want a dict of arrays, as state_dict() gives it"
        raise TypeError(f"{owner}: {told}")
    for name in state:
        if not isinstance(name, str):
            raise TypeError(f"{owner}: the state has the key {shown(name)}; want strings for names")
    return {name: read(value) for name, value in state.items()}
