"""What closed forms are made of. Nothing here, or beside it, imports autonn's engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

Gradients: TypeAlias = dict[str, Any]


class Bound(NamedTuple):
    """A closed form with its parameters in place: y, cache = forward(x); backward(g, cache)."""

    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[[Any, Any], Gradients]


def given(**gradients: Any) -> Gradients:
    """Give the gradients by name, without those of parameters that are not there (None)."""
    return {name: g for name, g in gradients.items() if g is not None}
