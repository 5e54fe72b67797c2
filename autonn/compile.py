"""The text of a primitive: straight functions, written once, when its rules are defined.

How many operands there are, what each rule reads and which parameters exist is known when `defvjp` runs, so the
compiled functions hold no loop, no inspection and no test that could be made beforehand. What they look like:

>>> import numpy as np
>>> from autonn import PRIMITIVES
>>> print(PRIMITIVES[np.multiply].source.partition("def pull")[2])
(g, parents, saved, params):
    a_node, b_node, = parents
    b, a, = saved
    return (None if a_node is None else rule_a(g, b)), (None if b_node is None else rule_b(g, a)),
<BLANKLINE>
def lift(saved, node):
    a_node, b_node, = node.parents
    b, a, = saved
    return connected(b, b_node), connected(a, a_node),
<BLANKLINE>
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Rule = Callable[..., Any]


@dataclass(frozen=True)
class Signature:
    """The arguments of a primitive: arrays in their places, parameters with their defaults by keyword."""

    arrays: tuple[str, ...]
    params: Mapping[str, Any]
    variadic: bool = False


def signature_of(function: Callable[..., Any]) -> Signature:
    """Read the signature of a function of ours: what is not keyword-only is an array."""
    parameters = inspect.signature(function).parameters.values()
    return Signature(
        tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY),
        {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY},
        any(p.kind is p.VAR_POSITIONAL for p in parameters),
    )


def numpy_parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Give a NumPy function's parameters and their defaults, in order; a few builtin ones have none to read."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        return {}
    unset = np._NoValue  # type: ignore[attr-defined]
    return {k: False if p.default is unset else p.default for k, p in parameters.items()}


def reads(rule: Rule | None) -> tuple[str, ...]:
    """Give the names that a rule reads: `g`, `y`, operands, their shapes, parameters."""
    return () if rule is None else tuple(inspect.signature(rule).parameters)


def write(signature: Signature, rules: Mapping[str, Rule | None], *, broadcasts: bool, ours: bool) -> str:
    """Write `apply`, `pull` and `lift` for a primitive with these arguments and rules."""
    saved = _saved(signature, rules)
    return _apply(signature, rules, saved, broadcasts, ours) + "\n" + _pull(signature, rules, saved)


def _saved(signature: Signature, rules: Mapping[str, Rule | None]) -> dict[str, list[str]]:
    """Give what must be kept for the rules, each with the operands whose rules read it."""
    saved: dict[str, list[str]] = {}
    for x, rule in rules.items():
        for name in reads(rule):
            own_shape = name == f"{x}_shape" and not signature.variadic  # the parent's node knows it
            if name not in ("g", "i") and name not in signature.params and not own_shape:
                saved.setdefault(name, []).append(x)
    return saved


def _apply(
    signature: Signature, rules: Mapping[str, Rule | None], saved: Mapping[str, list[str]], broadcasts: bool, ours: bool
) -> str:
    xs, params, star = signature.arrays, signature.params, "*" if signature.variadic else ""
    ruled = [x for x in xs if rules.get(x) is not None]
    declared = "".join(f", {k}" + ("" if v is inspect.Parameter.empty else f"=default_{k}") for k, v in params.items())
    call = f"forward({star}{', '.join(xs)}{''.join(f', {k}={k}' for k in params)})"
    lines = [f"def apply({star}{', '.join(xs)}{'' if star or not params else ', *'}{declared}):"]
    lines += [f"{x}_in = {x}" for x in xs]
    if signature.variadic:
        (x,) = xs
        plain, some, parents, operands = f"Tensor not in map(type, {x})", "any(nodes)", "nodes", f"{x}_in"
        unpack = [
            f"nodes = tuple([x.node if type(x) is Tensor else None for x in {x}])",
            f"{x} = tuple([x._data if type(x) is Tensor else operand(x, primitive) for x in {x}])",
        ]
    else:
        plain = " and ".join(f"type({x}) is not Tensor" for x in xs)
        some = " or ".join(f"{x}_node is not None" for x in ruled)
        parents = "(" + "".join(f"{x}_node, " if x in ruled else "None, " for x in xs) + ")"
        operands = "(" + "".join(f"{x}_in, " for x in xs) + ")"
        unpack = [f"{' = '.join(f'{x}_node' for x in xs)} = None"]
        for x in xs:
            unpack += [
                f"if type({x}) is Tensor: {x}_node = {x}.node; {x} = {x}._data",
                f"elif type({x}) is not float and type({x}) is not int: {x} = operand({x}, primitive)",
            ]
        if broadcasts and len(xs) == 2:  # a number takes the other's dtype, as NumPy would at each use
            unpack += [
                f"if {x}_node is not None and (type({n}) is float or type({n}) is int): {n} = array({n}, {x}.dtype)"
                for x, n in (xs, xs[::-1])
            ]
    if ours:
        lines += [f"if {plain}: return {call}"]
    lines += [
        *unpack,
        f"try: y = {call}",
        f"except expected as error: raise explained(error, primitive, {operands}) from error",
        "recording, observers = state()",
        "out = new(Tensor)",
        "out._data = y",
        f"if recording and ({some}):",
        "    out.node = node = Node()",
        "    node.primitive = primitive",
        f"    node.parents = {parents}",
        f"    node.saved = ({''.join(_kept(name, users, signature) + ', ' for name, users in saved.items())})",
        f"    node.params = {_dict(params)}",
        "    node.shape = y.shape",
        "    node.dtype = y.dtype",
        "    node.notes = None",
        "else: out.node = None",
        "if observers:",
        f"    for observer in observers: observer.forward(primitive, {operands}, {_dict(params)}, out)",
        "return out",
    ]
    return "\n    ".join(lines) + "\n"


def _dict(params: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{k!r}: {k}" for k in params) + "}" if params else "no_params"


def _kept(name: str, users: Sequence[str], signature: Signature) -> str:
    """Write what is saved under `name`: nothing unless a rule will read it, and never a caller's own array."""
    if name == "y":
        return "y"
    if signature.variadic:
        each = "x.shape if hasattr(x, 'shape') else ()" if name.endswith("_shape") else "x if x is not i else keep(x)"
        x = signature.arrays[0]
        return f"tuple([{each} for x, i in zip({x}, {x}_in)])"
    if name not in signature.arrays:
        return f"shape({name.removesuffix('_shape')})"
    kept = name if users == [name] else f"({name} if {name} is not {name}_in else keep({name}))"
    if len(signature.arrays) == 1:
        return kept
    return f"({kept} if {' or '.join(f'{x}_node is not None' for x in users)} else None)"


def _pull(signature: Signature, rules: Mapping[str, Rule | None], saved: Mapping[str, list[str]]) -> str:
    xs = signature.arrays

    def argument(name: str, x: str) -> str:
        if name in signature.params:
            return f"params[{name!r}]"
        return f"{x}_node.shape" if name == f"{x}_shape" and name not in saved else name

    calls = {x: f"rule_{x}({', '.join(argument(n, x) for n in reads(rules.get(x)))})" for x in xs}
    lifted = {name: f"connected({name}, {name}_node)" if name in xs else name for name in saved}
    lifted |= {"y": "connected(y, node)"} if "y" in saved else {}
    unpack = f"    {', '.join(saved)}, = saved\n" if saved else ""
    if signature.variadic:
        (x,) = xs
        results = f"[None if p is None else {calls[x]} for i, p in enumerate(parents)]"
        lifted |= {x: f"tuple(map(connected, {x}, node.parents))"} if x in saved else {}
        nodes = {"pull": "", "lift": ""}
    else:
        names = ", ".join(f"{x}_node" for x in xs)
        nodes = {"pull": f"    {names}, = parents\n", "lift": f"    {names}, = node.parents\n"}
        single = len(xs) == 1
        results = ", ".join(
            "None" if rules.get(x) is None else calls[x] if single else f"(None if {x}_node is None else {calls[x]})"
            for x in xs
        )
        results += ","
    lifts = ", ".join(lifted[name] for name in saved) + "," if saved else "()"
    return (
        f"def pull(g, parents, saved, params):\n{nodes['pull']}{unpack}    return {results}\n\n"
        f"def lift(saved, node):\n{nodes['lift']}{unpack}    return {lifts}\n"
    )
