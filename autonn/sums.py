"""Sums of arrays over axes, as fast as they can be read."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from string import ascii_letters
from typing import Any

import numpy as np

Array = Any
_add: Any = np.add.reduce
_LARGE = 1 << 14  # elements, from which on it pays to look how to sum them
_PART = 1 << 9  # einsum does add one after the other
_LONGEST = 1 << 12  # BLAS adds one after the other; more in a row would lose digits


def in_float32(function: Callable[..., Array]) -> Callable[..., Array]:
    """Let a function of float16 arrays compute in float32, and round its result alone.

    65,504, the largest number of float16, is soon reached by squares and by sums. Where another
    array is wider, NumPy does so by itself.

    Examples
    --------
    >>> in_float32(lambda x: np.sqrt(np.sum(x * x)))(np.float16([300, 400]))
    np.float16(500.0)
    """

    @wraps(function)
    def wide(*args: Any, **kwargs: Any) -> Array:
        if "e" not in map(_letter, args) or not {"f", "d", "g"}.isdisjoint(map(_letter, args)):
            return function(*args, **kwargs)
        args = tuple([a.astype(np.float32) if _letter(a) == "e" else a for a in args])
        return function(*args, **kwargs).astype(np.float16)

    return wide


def _letter(a: Any) -> str:
    """Give the letter of an array's dtype."""
    return a.dtype.char if hasattr(a, "dtype") else ""


def total(x: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """Σ x over axes: `np.sum` of an array; a large one is multiplied by ones.

    That is BLAS's work, several times as fast as NumPy's own addition, and rounds no worse: no more
    than 4,096 numbers are added in a row.

    Examples
    --------
    >>> total(np.ones((2, 3, 4)), axis=(0, 2))
    array([8., 8., 8.])
    """
    if x.dtype.char == "e":  # in which 2,048 + 1 is 2,048
        return _add(x, axis=axis, keepdims=keepdims, dtype=np.float32).astype(np.float16)
    if x.size < _LARGE or x.dtype.char not in "fd" or not x.flags.c_contiguous:
        return _add(x, axis=axis, keepdims=keepdims)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    summed = sorted({a % x.ndim for a in axes})
    if len(summed) < len(axes) or not all(-x.ndim <= a < x.ndim for a in axes):
        return _add(x, axis=axis, keepdims=keepdims)  # which says what is wrong
    y = _total(x, summed)
    return np.expand_dims(y, tuple(summed)) if keepdims else y


def _total(x: Array, summed: list[int]) -> Array:
    last = x.ndim  # where the axes begin that can be summed as the columns of a matrix
    while last - 1 in summed and math.prod(x.shape[last - 1 :]) <= _LONGEST:
        last -= 1
    columns = math.prod(x.shape[last:])
    if columns >= 8:
        y = x.reshape(-1, columns) @ np.ones(columns, x.dtype)
        return _add(y.reshape(x.shape[:last]), axis=tuple(a for a in summed if a < last))
    count = len(summed)
    if not 0 < count < x.ndim or summed[-1] >= count or x.size < 8 * _LARGE:
        return _add(x, axis=tuple(summed))
    rows = x.reshape(math.prod(x.shape[:count]), -1)  # the first axes are summed
    parts = [rows[i : i + _LONGEST] for i in range(0, len(rows), _LONGEST)]
    y = _add([np.ones(len(part), x.dtype) @ part for part in parts])
    return y.reshape(x.shape[count:])[()]


def sum_product(g: Array, factor: Array, shape: tuple[int, ...]) -> Array:
    """Σ g factor, over what was broadcast from `shape`, without an array of all the products.

    Examples
    --------
    >>> sum_product(np.ones((2, 3)), np.full((2, 3), 4.0), (3,))
    array([8., 8., 8.])
    """
    axes, lengths = ascii_letters[: g.ndim], (1,) * (g.ndim - len(shape)) + shape
    kept = "".join(a for a, n, m in zip(axes, lengths, g.shape, strict=True) if n == m)
    names = f"{axes},{axes[g.ndim - factor.ndim :]}->{kept}"
    summed = {i: g.shape[i] for i, a in enumerate(axes) if a not in kept}
    in_a_row = math.prod(summed.values())
    if in_a_row <= _PART:
        return np.einsum(names, g, factor).reshape(shape)
    cut = max(summed, key=lambda i: summed[i])  # the longest axis, which is summed in parts
    step = max(1, _PART * summed[cut] // in_a_row)
    factor = np.broadcast_to(factor, g.shape)
    names = f"{axes},{axes}->{kept}"
    before = (slice(None),) * cut
    places = [(*before, slice(i, i + step)) for i in range(0, summed[cut], step)]
    return _add([np.einsum(names, g[p], factor[p]) for p in places], axis=0).reshape(shape)
