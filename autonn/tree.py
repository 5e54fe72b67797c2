"""Nested lists, tuples and dicts of arrays: taken apart into leaves, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """Give the leaves of a tree in order, and a function that makes the same tree of other leaves.

    Examples
    --------
    >>> leaves, rebuild = flatten({"w": [1, 2], "b": (3,)})
    >>> leaves
    [1, 2, 3]
    >>> rebuild([10, 20, 30])
    {'w': [10, 20], 'b': (30,)}
    """
    if isinstance(tree, dict):
        parts, make = [*tree.values()], lambda values: dict(zip(tree, values, strict=True))
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        parts, make = [*tree], lambda values: type(tree)(*values)
    elif isinstance(tree, list | tuple):
        parts, make = [*tree], type(tree)
    else:
        return [tree], lambda leaves: leaves[0]
    flat = [flatten(part) for part in parts]
    leaves = [leaf for part, _ in flat for leaf in part]

    def rebuild(values: Sequence[Any]) -> Any:
        rest = iter(values)
        return make([build([next(rest) for _ in part]) for part, build in flat])

    return leaves, rebuild


def tree_map(function: Callable[..., Any], tree: Any) -> Any:
    """Apply a function to each leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([function(leaf) for leaf in leaves])
