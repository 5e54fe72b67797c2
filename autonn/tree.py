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
    if not isinstance(tree, dict | list | tuple):
        return [tree], lambda leaves: leaves[0]
    flat = [flatten(part) for part in (tree.values() if isinstance(tree, dict) else tree)]
    leaves = [leaf for part, _ in flat for leaf in part]

    def rebuild(leaves: Sequence[Any]) -> Any:
        rest = iter(leaves)
        parts = [build([next(rest) for _ in part]) for part, build in flat]
        if isinstance(tree, dict):
            return dict(zip(tree, parts, strict=True))
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)

    return leaves, rebuild


def places(tree: Any) -> list[str]:
    """Say where each leaf stands, as it would be indexed.

    Examples
    --------
    >>> places({"w": [1, 2], "b": 3})
    ["['w'][0]", "['w'][1]", "['b']"]
    """
    if not isinstance(tree, dict | list | tuple):
        return [""]
    keyed = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [f"[{key!r}]{place}" for key, part in keyed for place in places(part)]


def tree_map(function: Callable[..., Any], tree: Any) -> Any:
    """Apply a function to each leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([function(leaf) for leaf in leaves])
