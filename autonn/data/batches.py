"""Examples, cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autonn.arguments import Size, check

Array = np.ndarray[Any, Any]


def minibatches(
    *arrays: Array, size: Size, rng: np.random.Generator | None = None
) -> Iterator[tuple[Array, ...]]:
    """Cut arrays of one length into batches of `size`, the last of the rest; `rng` shuffles them.

    Parameters
    ----------
    arrays
        Such as inputs and labels: the first axis is that of the examples.
    size
        Of a batch.
    rng
        Draws another order each time; without it the order stays.

    Returns
    -------
    Iterator
        Of a tuple for each batch: its part of every array, copied.

    Raises
    ------
    TypeError, ValueError
        If the arrays are empty, or have several lengths (it says which), or `size` is no whole
        number above 0.

    Examples
    --------
    >>> [x.tolist() for (x,) in minibatches(np.arange(5), size=2)]
    [[0, 1], [2, 3], [4]]
    """
    n = common_length("minibatches", *arrays)
    check("minibatches", "size", size, Size)
    if rng is not None:
        expect_generator("minibatches", rng)
    order = np.arange(n) if rng is None else rng.permutation(n)
    parts = (order[start : start + size] for start in range(0, n, size))
    return (tuple(array[part] for array in arrays) for part in parts)


def common_length(what: str, *arrays: Any) -> int:
    """Give the length that arrays share; refuse none, empty ones, and those that differ.

    Examples
    --------
    >>> common_length("f", np.ones(3), np.ones(2))
    Traceback (most recent call last):
    ValueError: f: arrays of one length wanted, these have [2, 3]: the first 3, array 1 (counted...
    """
    for i, array in enumerate(arrays):
        if not isinstance(array, np.ndarray) or not array.ndim:
            shape = " of shape ()" * isinstance(array, np.ndarray)
            told = f"array {i} is a {type(array).__name__}{shape}; want an array of examples"
            raise TypeError(f"{what}: {told}")
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1:
        told = f"arrays of one length wanted, these have {sorted(lengths)}"
        odd = [f"array {i} (counted from 0) {n}" for i, n in enumerate(lengths) if n != lengths[0]]
        which = f": the first {lengths[0]}, {', '.join(odd)}" if odd else ""
        raise ValueError(f"{what}: {told}{which}")
    if not lengths[0]:
        raise ValueError(f"{what}: the arrays are empty; want at least one example")
    return lengths[0]


def expect_generator(what: str, rng: Any) -> None:
    """Refuse what is no `np.random.Generator`.

    Examples
    --------
    >>> expect_generator("f", 0)
    Traceback (most recent call last):
    TypeError: f: rng=0; want a generator: np.random.default_rng(0)
    """
    if not isinstance(rng, np.random.Generator):
        seed = rng if isinstance(rng, int) else 0
        raise TypeError(f"{what}: rng={rng!r:.60}; want a generator: np.random.default_rng({seed})")
