"""What an optimiser is given to train: parameters with names, in groups with options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from math import inf
from numbers import Real
from typing import Any

import numpy as np

from autonn.nn.module import Module
from autonn.tensors import Tensor

Named = list[tuple[str, Tensor]]
Group = dict[str, Any]
# From where to (but without) where each number may lie.
RANGES = {
    "lr": (0, inf),
    "momentum": (0, 1),
    "dampening": (0, 1),
    "betas": (0, 1),
    "alpha": (0, 1),
    "eps": (0, inf),
    "weight_decay": (0, inf),
    "lr_decay": (0, inf),
    "initial_accumulator_value": (0, inf),
}


def is_weight(name: str, p: Tensor) -> bool:
    """Whether p has two axes or more and is neither a bias nor the gamma or beta of a norm."""
    lasts = {each.rpartition(".")[2] for each in (name, p.name or "")}
    return p.ndim > 1 and not any(last in ("gamma", "beta") or "bias" in last for last in lasts)


def named_parameters(source: Any, owner: str) -> Named:
    """Give the parameters of a Module, an iterable of Tensors or of (name, Tensor), with names.

    Tensors that come without names are called by their number. `owner` begins error messages.

    Raises
    ------
    TypeError
        For what holds anything else.
    ValueError
        For what holds nothing, or a Module with layers that have yet to make their parameters.

    Examples
    --------
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> named_parameters([w], "SGD")
    [('0', Tensor([1., 2.], requires_grad=True))]
    """
    if isinstance(source, Module):
        found = _of_module(source, owner)
    else:
        items = [source] if isinstance(source, Tensor) else _listed(source, owner)
        found = [_named(i, item, owner) for i, item in enumerate(items)]
    if not found:
        raise ValueError(
            f"{owner}: there are no parameters. Layers that see their shapes from their first "
            "input have none before: call the model once first"
        )
    return found


def _of_module(model: Module, owner: str) -> Named:
    lazy = [name or "the model" for name, module in model.named_modules() if module._lazy]
    if lazy:
        raise ValueError(
            f"{owner}: {', '.join(lazy)} of {type(model).__name__} will make parameters on the "
            "first call: call the model once first"
        )
    return list(model.named_parameters())


def _listed(source: Any, owner: str) -> list[Any]:
    if isinstance(source, Iterable) and not isinstance(source, str | Mapping | np.ndarray):
        return list(source)
    cure = ": put a group in a list, and give the items() of a dict of Tensors"
    raise TypeError(
        f"{owner}: parameters are a {type(source).__name__}; want a Module, an iterable of Tensors "
        f"or of (name, Tensor){cure if isinstance(source, Mapping) else ''}"
    )


def _named(i: int, item: Any, owner: str) -> tuple[str, Tensor]:
    if isinstance(item, Tensor):
        return str(i), item
    if isinstance(item, tuple) and len(item) == 2:
        name, p = item
        if isinstance(name, str) and isinstance(p, Tensor):
            return name, p
    cure = '; a Module among others stands in a group: [{"params": model}, ...]'
    raise TypeError(
        f"{owner}: parameter {i} is a {type(item).__name__}; want a Tensor or (name, Tensor)"
        + cure * isinstance(item, Module)
    )


# ----- Groups -----


def read_groups(source: Any, defaults: Mapping[str, Any], owner: str) -> list[Group]:
    """Make groups {"params": [...], "names": [...], option: value, ...}, with names that differ.

    Raises
    ------
    TypeError
        For what is no Tensor, and an option of another type than its default.
    ValueError
        For an option that is unknown or out of its range, and for parameters that are missing,
        there twice, no leaves or constants.
    """
    if isinstance(source, Module | Tensor):
        given: list[Any] = [{"params": source}]
    else:
        given = _listed(source, owner)
        if not any(isinstance(item, Mapping) for item in given):
            given = [{"params": given}]
    groups = [_read_group(i, group, defaults, owner) for i, group in enumerate(given)]
    counts = Counter(name for group in groups for name in group["names"])
    if max(counts.values()) > 1:
        for i, group in enumerate(groups):
            group["names"] = [f"{i}.{name}" for name in group["names"]]
    _refuse_repetition(groups, owner)
    return groups


def _read_group(i: int, group: Any, defaults: Mapping[str, Any], owner: str) -> Group:
    if not isinstance(group, Mapping):
        told = f"item {i} is a {type(group).__name__} among groups"
        raise TypeError(f'{owner}: {told}; want a dict: {{"params": [...], ...}}')
    if "params" not in group:
        raise ValueError(f'{owner}: group {i} has no "params", only {", ".join(map(str, group))}')
    options = {**defaults, **{k: v for k, v in group.items() if k != "params"}}
    for name in options:
        if name not in defaults:
            near = get_close_matches(str(name), defaults, 1)
            told = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(defaults)}"
            raise ValueError(f"{owner}: group {i} has an unknown option {name!r}; {told}")
    found = named_parameters(group["params"], owner)
    for name, p in found:
        _refuse_unfit(name, p, isinstance(group["params"], Module), owner)
    if not any(p.requires_grad for _, p in found):
        raise ValueError(f"{owner}: every parameter is frozen: model.unfreeze() trains them again")
    read = {k: read_option(k, options[k], defaults[k], owner) for k in defaults}
    return {"params": [p for _, p in found], "names": [name for name, _ in found], **read}


def _refuse_unfit(name: str, p: Tensor, of_module: bool, owner: str) -> None:
    if p.node is not None and p.node.primitive is not None:
        raise ValueError(
            f"{owner}: parameter {name} was computed (by {p.node.primitive}); want a leaf, as "
            "Tensor(data, requires_grad=True) makes them"
        )
    if not p.requires_grad and not of_module:  # what is frozen in a Module may thaw
        raise ValueError(
            f"{owner}: parameter {name} does not require grad: leave it out, set p.requires_grad "
            "= True, or give the Module itself, where frozen parameters are passed over"
        )


def _refuse_repetition(groups: list[Group], owner: str) -> None:
    first: dict[int, str] = {}
    names: set[str] = set()
    for group in groups:
        for name, p in zip(group["names"], group["params"], strict=True):
            if id(p) in first:
                raise ValueError(
                    f"{owner}: parameters {first[id(p)]} and {name} are the same Tensor, which "
                    "would be updated twice: give it once"
                )
            if name in names:
                raise ValueError(f"{owner}: two parameters are called {name}: names must differ")
            first[id(p)] = name
            names.add(name)


# ----- Options -----


def read_option(name: str, value: Any, default: Any, owner: str) -> Any:
    """Give an option as a value of its default's type; refuse others and what is out of range.

    Examples
    --------
    >>> read_option("betas", [0, 0.99], (0.9, 0.999), "Adam")
    (0.0, 0.99)
    """
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise TypeError(f"{owner}: {name}={value!r:.40}; want True or False")
        return value
    if isinstance(default, tuple):
        if not isinstance(value, tuple | list) or len(value) != len(default):
            raise TypeError(f"{owner}: {name}={value!r:.40}; want {len(default)} numbers")
        return tuple(_number(name, each, owner) for each in value)
    return _number(name, value, owner)


def _number(name: str, value: Any, owner: str) -> float:
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value.item()
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{owner}: {name}={value!r:.40}; want a number")
    low, high = RANGES.get(name, (-inf, inf))
    if not low <= float(value) < high:
        at_least = f"{low} or more" if low > -inf else "any"
        below = f"less than {high}" if high < inf else "finite"
        raise ValueError(f"{owner}: {name}={value!r:.40}; want {at_least}, {below}")
    return float(value)
