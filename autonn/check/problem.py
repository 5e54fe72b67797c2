"""What is compared: a forward pass for autograd, a closed form, and all that they are given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from autonn.check.binding import arguments, bind, closed_form, held
from autonn.nn import Dropout, Module
from autonn.nn.losses import Loss
from autonn.operands import bare
from autonn.tensors import Tensor
from autonn.texts import printable
from autonn.tree import flatten

Arrays = dict[str, Any]
Closed = Callable[[Arrays], tuple[Any, Callable[[Any], Arrays]]]

# Inputs that no gradient is asked for, although they may be of floating point.
CONSTANT = ("target", "mask", "key_mask")


@dataclass(frozen=True)
class Problem:
    """Two ways to one gradient.

    Attributes
    ----------
    title
        What it is, for a report's head.
    values
        The arrays that are differentiated by, by name.
    run
        Autograd's forward pass: of values (arrays or Tensors) it gives the output, or a nest.
    closed
        The closed form: of values it gives the output, and a function that makes gradients by name
        of the output's cotangents, in its structure. None if there is none.
    terms
        Of values and cotangents, gradients in parts that add up: name, then part.
    variants
        The same forward pass with another option, by what differs: a mistake may be one of them.
    constants
        What else it is given, by name: ids, masks, targets.
    sites
        Whether the lines of `run` are the user's own, and worth telling.
    """

    title: str
    values: Arrays
    run: Callable[[Arrays], Any]
    closed: Closed | None
    terms: Callable[[Arrays, Any], dict[str, Arrays]] | None = None
    variants: dict[str, Callable[[Arrays], Any]] = field(default_factory=dict)
    constants: Arrays = field(default_factory=dict)
    sites: bool = False


# ----- A layer and its closed form -----


def leaves_of(called: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name each array among arguments: "x", or "state0" and "state1" of a tuple."""
    for name, value in called.items():
        if isinstance(value, dict):  # options, such as running statistics: no gradient is asked for
            continue
        leaves, _ = flatten(value)
        for i, leaf in enumerate(leaves):
            yield (f"{name}{i}" if isinstance(value, tuple | list) else name), leaf


def filled(called: Mapping[str, Any], new: Arrays) -> Arrays:
    """Give arguments with new arrays where `leaves_of` names them; all others are copies."""
    found = {}
    for name, value in called.items():
        if isinstance(value, dict):
            found[name] = deepcopy(value)
            continue
        leaves, rebuild = flatten(value)
        several = isinstance(value, tuple | list)
        names = [f"{name}{i}" if several else name for i in range(len(leaves))]
        found[name] = rebuild([new.get(k, _own(x)) for k, x in zip(names, leaves, strict=True)])
    return found


def is_float(x: Any) -> bool:
    """Tell whether x is an array, or a Tensor, of floating point."""
    return isinstance(x, np.ndarray | np.generic | Tensor) and x.dtype.kind == "f"


def of_layer(
    layer: Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    dtype: Any,
    forward: Callable[..., Any] | None = None,
    backward: Callable[..., Any] | None = None,
) -> Problem:
    """Make the problem of a layer and its closed form, or a user's `backward(g, **arrays)`."""
    arguments(layer, args, kwargs)
    layer = deepcopy(layer)
    layer(*[_cast(a, dtype) for a in args], **{k: _cast(a, dtype) for k, a in kwargs.items()})
    layer.astype(dtype)
    for _, module in layer.named_modules():
        if isinstance(module, Dropout) and module.mask is not None:
            module.fix(module.mask)
    called = {k: _cast(v, dtype) for k, v in arguments(layer, args, kwargs).items()}
    inputs = dict(leaves_of(called))
    wrt = {k: bare(v) for k, v in inputs.items() if is_float(v) and k not in CONSTANT}
    owners = {k: (module, key) for k, (module, key, trained) in held(layer).items() if trained}
    values = wrt | {name: bare(getattr(module, key)) for name, (module, key) in owners.items()}

    def with_values(new: Arrays) -> tuple[list[Any], Arrays]:
        for name, (module, key) in owners.items():
            setattr(module, key, new[name])
        bound = inspect.signature(layer.forward).bind_partial()
        bound.arguments.update(filled(called, new))
        return list(bound.args), dict(bound.kwargs)

    def run(new: Arrays) -> Any:
        args, kwargs = with_values(new)
        return layer(*args, **kwargs)

    def closed(new: Arrays) -> tuple[Any, Callable[[Any], Arrays]]:
        args, kwargs = with_values(new)
        if backward is not None:
            arrays = {k: bare(v) for k, v in new.items()}
            y = run(new) if forward is None else forward(**arrays)
            return _plain(y), lambda g: backward(g, **arrays)
        bound = bind(layer)
        y, cache = bound.forward(*args, **kwargs)
        return y, lambda g: bound.backward(g, cache)

    def terms(new: Arrays, g: Any) -> dict[str, Arrays]:
        form = closed_form(layer)
        args, kwargs = with_values(new)
        return form.terms(g, bind(layer, form).forward(*args, **kwargs)[1])

    has_terms = backward is None and hasattr(closed_form(layer), "terms")
    constants = {k: v for k, v in inputs.items() if k not in wrt and v is not None}
    constants |= {k: v for k, v in vars(layer).items() if isinstance(v, float)}
    return Problem(
        layer.label,
        values,
        run,
        closed,
        terms if has_terms else None,
        dict(variants(layer, run)),
        constants,
    )


def _cast(x: Any, dtype: Any) -> Any:
    leaves, rebuild = flatten(x) if isinstance(x, tuple | list) else ([x], lambda leaves: leaves[0])
    cast = [bare(a).astype(dtype) if is_float(a) else bare(a) for a in leaves]
    return rebuild(cast)


def _plain(y: Any) -> Any:
    leaves, rebuild = flatten(y)
    return rebuild([bare(leaf) for leaf in leaves])


CHOICES: dict[str, tuple[Any, ...]] = {
    "approximate": ("none", "tanh"),
    "reduction": ("mean", "sum"),
    "nonlinearity": ("tanh", "relu"),
    "merge": ("concat", "sum", "average", "multiply"),
    "axis": (-1, 0, 1),
}


def variants(
    layer: Module, run: Callable[[Arrays], Any]
) -> Iterator[tuple[str, Callable[[Arrays], Any]]]:
    """Give the layer's forward pass with one option changed, for each option that can be."""
    holders: list[tuple[Any, str, Any]] = []
    for name, value in vars(layer).items():
        if isinstance(value, bool) and not name.startswith("_") and name != "fixed":
            holders.append((vars(layer), name, not value))
        for other in CHOICES.get(name, ()):
            if isinstance(value, str | int) and other != value:
                holders.append((vars(layer), name, other))
    options = vars(layer).get("options", {})
    for name, value in options.items():
        if isinstance(value, bool):
            holders.append((options, name, not value))
    if isinstance(layer, Loss):
        defaults = inspect.signature(type(layer).function).parameters
        for name, choices in CHOICES.items():
            if name in defaults:
                now = options.get(name, defaults[name].default)
                holders += [(options, name, other) for other in choices if other != now]

    for holder, name, other in holders:

        def changed(new: Arrays, holder: Any = holder, name: str = name, other: Any = other) -> Any:
            kept = name in holder, holder.get(name)
            holder[name] = other
            try:
                return run(new)
            finally:
                if kept[0]:
                    holder[name] = kept[1]
                else:
                    del holder[name]

        yield f"{name}={other!r}", changed


# ----- Functions and classes of the user's -----


def of_functions(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    dtype: Any,
) -> Problem:
    """Make the problem of a forward and a backward in plain NumPy.

    Either `backward(g, *inputs)`, or, when `forward` gives (y, cache), `backward(g, cache)` (of
    several outputs, `backward(g0, g1, cache)`). It gives a dict by the names of forward's
    arguments, or gradients in their order.
    """
    signature = _signature(forward, len(args))
    called = {k: _cast(v, dtype) for k, v in _bound(forward, signature, args, kwargs).items()}
    inputs = dict(leaves_of(called))
    values = {k: bare(v) for k, v in inputs.items() if is_float(v) and k not in CONSTANT}
    if not values:
        raise TypeError(f"compare: {_name(forward)} is given no array of floating point")

    def call(new: Arrays, **changed: Any) -> Any:
        bound = signature.bind_partial()
        bound.arguments.update(filled(called, new))
        return forward(*bound.args, **(dict(bound.kwargs) | changed))

    probe = call({k: v.copy() for k, v in values.items()})
    takes = list(_signature(backward, len(called) + 1).parameters)
    cached = isinstance(probe, tuple) and len(takes) == len(probe) > 1
    cached = cached and (takes[-1] not in called or not is_float(probe[-1]))

    def output(y: Any) -> Any:
        return y if not cached else y[0] if len(y) == 2 else y[:-1]

    def run(new: Arrays, **changed: Any) -> Any:
        y = call(new, **changed)
        return output(y)

    def closed(new: Arrays) -> tuple[Any, Callable[[Any], Arrays]]:
        y = call(new)
        if cached:
            return output(y), lambda g: backward(*(g if len(y) > 2 else (g,)), y[-1])
        return y, lambda g: backward(g, *_wanted(takes[1:], filled(called, new)))

    def changed(**options: Any) -> Callable[[Arrays], Any]:
        return lambda new: run(new, **options)

    flips = {}
    for name, parameter in signature.parameters.items():
        value = called.get(name, parameter.default)
        others = CHOICES.get(name, (not value,) if isinstance(value, bool) else ())
        for other in others:
            if parameter.kind is not parameter.POSITIONAL_ONLY and other != value:
                flips[f"{name}={other!r}"] = (
                    changed(**{name: other}) if name not in called else None
                )
    constants = {k: v for k, v in inputs.items() if k not in values and v is not None}
    return Problem(
        _name(forward),
        values,
        run,
        closed,
        variants={k: v for k, v in flips.items() if v is not None},
        constants=constants,
        sites=True,
    )


def _signature(f: Callable[..., Any], count: int) -> inspect.Signature:
    """Give a function's signature; that of a ufunc, which older NumPys do not tell, by position."""
    try:
        return inspect.signature(f)
    except ValueError:
        names = ["x"] if count == 1 else [f"x{i}" for i in range(count)]
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(name, kind) for name in names])


def _bound(
    f: Any, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Arrays:
    """Give the arguments of a call by name."""
    try:
        return dict(signature.bind(*args, **kwargs).arguments)
    except TypeError as error:
        told = f"{_name(f)} takes {signature}, and is given {len(args)} inputs"
        raise TypeError(f"compare: {told}: {error}") from None


def _wanted(names: Sequence[str], given: Arrays) -> list[Any]:
    """Give the arguments that a backward takes: forward's by name, or else in their order."""
    if names and all(name in given for name in names):
        return [given[name] for name in names]
    return list(given.values())


def _own(x: Any) -> Any:
    return x.copy() if isinstance(x, np.ndarray) else x


def _name(f: Any) -> str:
    return printable(getattr(f, "__name__", type(f).__name__))


def of_object(thing: Any, args: Sequence[Any], kwargs: Mapping[str, Any], dtype: Any) -> Problem:
    """Make the problem of an object with `forward(x)` and `backward`, and arrays for parameters.

    `backward(g)`, or `backward(x, g)`, gives the gradient of x. Parameters and their gradients
    stand in dicts (or lists) `parameters` and `gradients`, or `params` and `grads`; methods
    `parameters()` and `grad_parameters()` give them in one order; or they are attributes such as
    `W` and `dW`, or `W` and `grad_W`.
    """
    thing = deepcopy(thing)
    required = [
        p for p in inspect.signature(thing.backward).parameters.values() if p.default is p.empty
    ]
    signature = inspect.signature(thing.forward)
    called = {k: _cast(v, dtype) for k, v in _bound(thing, signature, args, kwargs).items()}
    wrt = {k: bare(v) for k, v in called.items() if is_float(v) and k not in CONSTANT}

    def forward() -> Any:
        bound = signature.bind_partial()
        bound.arguments.update(called | current)
        return thing.forward(*bound.args, **bound.kwargs)

    def pull(g: Any) -> tuple[Any, ...]:
        inputs = [current[k] for k in wrt] if len(required) > 1 else []
        found = thing.backward(*inputs, g)
        return tuple(found) if isinstance(found, tuple | list) else (found,)

    current: Arrays = {k: v.copy() for k, v in wrt.items()}
    where, gradients = _held(thing, lambda: pull(np.ones_like(bare(forward()))))
    for holder, key in where.values():
        holder[key] = np.asarray(holder[key]).astype(dtype)
    values = wrt | {name: holder[key] for name, (holder, key) in where.items()}

    def run(new: Arrays) -> Any:
        for name, (holder, key) in where.items():
            holder[key] = new[name]
        current.update({k: new[k] for k in wrt})
        return forward()

    def closed(new: Arrays) -> tuple[Any, Callable[[Any], Arrays]]:
        for held_gradients in (getattr(thing, k, None) for k in ("gradients", "grads")):
            if isinstance(held_gradients, dict):  # they may add up from one call to the next
                held_gradients |= {k: np.zeros_like(new[k]) for k in where if k in held_gradients}
        y = run(new)

        def gradients_of(g: Any) -> Arrays:
            return dict(zip(wrt, pull(g), strict=True)) | gradients()

        return y, gradients_of

    return Problem(_name(type(thing)), values, run, closed, sites=True)


Places = dict[str, tuple[Any, Any]]


def _held(thing: Any, trial: Callable[[], Any]) -> tuple[Places, Callable[[], Arrays]]:
    """Give where an object's parameters stand (holder and key), and a function for their gradients.

    Attributes are told from other arrays by a first run, which leaves their gradients beside them.
    """
    for ours, theirs in (("parameters", "gradients"), ("params", "grads")):
        held = getattr(thing, ours, None)
        if isinstance(held, dict | list) and held:
            keys: list[Any] = list(held) if isinstance(held, dict) else list(range(len(held)))
            names = keys if isinstance(held, dict) else [f"{ours}[{i}]" for i in keys]
            stands: Places = {name: (held, key) for name, key in zip(names, keys, strict=True)}
            return stands, partial(_taken, thing, theirs, names, keys)
    if callable(getattr(thing, "parameters", None)):
        found: Places = {}
        for i, array in enumerate(thing.parameters()):
            keys = [k for k, v in vars(thing).items() if v is array]
            if not keys:
                told = f"parameter {i} of {type(thing).__name__} is none of its attributes"
                raise ValueError(f"compare: {told}")
            found[keys[0]] = (vars(thing), keys[0])
        return found, lambda: dict(zip(found, thing.grad_parameters(), strict=True))
    arrays = [k for k, v in vars(thing).items() if is_float(v) and np.ndim(v)]
    trial()
    beside = {
        k: f for k in arrays for f in (f"d{k}", f"grad_{k}", f"{k}_grad") if hasattr(thing, f)
    }
    places = {k: (vars(thing), k) for k in beside}
    return places, lambda: {k: getattr(thing, f) for k, f in beside.items()}


def _taken(thing: Any, attribute: str, names: Sequence[str], keys: Sequence[Any]) -> Arrays:
    gradients = getattr(thing, attribute)  # it may be another one after each backward
    return {name: gradients[key] for name, key in zip(names, keys, strict=True)}
