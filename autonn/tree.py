"""Nested lists, tuples and dicts of arrays: taken apart into leaves, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def flatten(tree: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """Give the leaves of a tree in order, and a function that makes the same tree of other leaves.

    Raises
    ------
    ValueError
        When the tree contains itself.

    Examples
    --------
    >>> leaves, rebuild = flatten({"w": [1, 2], "b": (3,)})
    >>> leaves
    [1, 2, 3]
    >>> rebuild([10, 20, 30])
    {'w': [10, 20], 'b': (30,)}
    """
    try:
        return _flatten(tree)
    except RecursionError:
        raise ValueError(f"a nest of arrays contains itself: {tree!r:.60}") from None


def _flatten(tree: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    if not isinstance(tree, dict | list | tuple):
        return [tree], lambda leaves: leaves[0]
    flat = [_flatten(part) for part in (tree.values() if isinstance(tree, dict) else tree)]
    leaves = [leaf for part, _ in flat for leaf in part]

    def rebuild(leaves: Sequence[Any]) -> Any:
        rest = iter(leaves)
        parts = [build([next(rest) for _ in part]) for part, build in flat]
        if isinstance(tree, dict):
            return dict(zip(tree, parts, strict=True))
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)

    return leaves, rebuild


def leaves_like(tree: Any, model: Any, name: str) -> list[Any]:
    """Give the leaves of a tree in the order of a model with the same structure.

    Raises
    ------
    ValueError
        When the structures differ; the message begins with `name`.

    Examples
    --------
    >>> leaves_like({"b": 2, "a": 1}, {"a": 10, "b": 20}, "it")
    [1, 2]
    """
    if not isinstance(model, dict | list | tuple):
        if isinstance(tree, dict | tuple):
            raise ValueError(f"{name} has a {type(tree).__name__} where an array belongs")
        try:
            return [np.asarray(tree) if isinstance(tree, list) else tree]
        except ValueError:
            raise ValueError(f"{name} is {tree!r:.60}; want an array") from None
    keyed = isinstance(model, dict)
    same = isinstance(tree, dict) == keyed and isinstance(tree, dict | list | tuple)
    if not same or (set(tree) != set(model) if keyed else len(tree) != len(model)):
        raise ValueError(f"{name} is {tree!r:.60}; want the structure of {model!r:.60}")
    pairs = [(tree[k], model[k]) for k in model] if keyed else zip(tree, model, strict=True)
    return [leaf for part, like in pairs for leaf in leaves_like(part, like, name)]


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
