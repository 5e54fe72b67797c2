"""A layer's closed form, with the layer's parameters and options in place."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from autonn import oracle
from autonn.nn import Module
from autonn.operands import bare
from autonn.oracle.base import Bound
from autonn.tensors import Tensor

Arrays = dict[str, Any]


def closed_form(layer: Module) -> Any:
    """Give the closed form of a layer, by the name of its class or of one that it is made from."""
    for kind in type(layer).__mro__:
        if kind.__name__ in oracle.__all__ and kind.__module__.startswith("autonn."):
            return getattr(oracle, kind.__name__)
    near = get_close_matches(type(layer).__name__, oracle.__all__, 3)
    told = f"; near it are {', '.join(near)}" if near else ""
    raise ValueError(
        f"compare: {type(layer).__name__} has no closed form in autonn.oracle{told}. Give one: "
        "compare(layer, x, backward=...)"
    )


def arguments(layer: Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arrays:
    """Give what `forward` is called with, by the names of its parameters."""
    try:
        return dict(inspect.signature(layer.forward).bind(*args, **kwargs).arguments)
    except TypeError as error:
        raise TypeError(f"{layer.label}: {error}") from None


def held(layer: Module) -> dict[str, tuple[Module, str, bool]]:
    """Give where each parameter and buffer stands, by dotted name, and whether it is trained.

    They may be plain arrays for the moment, and no Tensors.
    """
    return {
        f"{prefix}.{key}".lstrip("."): (module, key, trained)
        for prefix, module in layer.named_modules()
        for key, trained in module._is_parameter.items()
        if getattr(module, key) is not None
    }


def option(layer: Module, name: str, default: Any) -> Any:
    """Give a parameter's array, or an option of a layer."""
    if name == "p" and not hasattr(layer, "p"):
        return {k: bare(getattr(module, key)) for k, (module, key, _) in held(layer).items()}
    if name == "children":
        return {k: bind(module) for k, module in layer.named_children()}
    options = getattr(layer, "options", {})
    value = getattr(layer, name) if hasattr(layer, name) else options.get(name, default)
    if value is inspect.Parameter.empty:
        raise ValueError(f"{layer.label}: its closed form asks for {name!r}, which it has not")
    return bare(value) if isinstance(value, Tensor) else value


def bind(layer: Module, form: Any = None) -> Bound:
    """Give a layer's closed form with its parameters and options in place."""
    form = closed_form(layer) if form is None else form
    wanted = inspect.signature(form.forward).parameters

    def forward(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        called = arguments(layer, args, kwargs)
        several: Sequence[Any] = ()
        supplied: Arrays = {}
        for name, parameter in wanted.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                several = called[name]
            elif name in called:
                supplied[name] = called[name]
            else:
                supplied[name] = option(layer, name, parameter.default)
        y, cache = form.forward(*several, **supplied)
        return y, cache

    return Bound(forward, form.backward)
