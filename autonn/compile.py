"""The text of a primitive: straight functions, written once, when its rules are defined.

How many operands there are, what each rule reads and which parameters exist is known when `defvjp`
runs, so the compiled functions hold no loop, no inspection and no test that could be made
beforehand, and a node has one slot for each thing it keeps and nothing else. What they look like:

>>> import numpy as np
>>> from autonn import PRIMITIVES
>>> print(PRIMITIVES[np.exp].source.partition("def parents")[2])
(node): return node.from_x,
<BLANKLINE>
def pull(node, g, retain, reach):
    from_x, = parents
    y, = node.kept_y,
    if not retain:
        node.spent = True
        node.kept_y = None
    return rule_x(g, y),
<BLANKLINE>
def pull_recorded(node, g, reach):
    from_x, = parents
    y, = connected(node.kept_y, node),
    return rule_x(g, y),
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
    """The arguments of a primitive: arrays in their places, parameters with their defaults by
    keyword.
    """

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
    """Give a NumPy function's parameters and their defaults, in order; a few builtin ones have none
    to read.
    """
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        return {}
    unset = np._NoValue  # type: ignore[attr-defined]
    return {k: False if p.default is unset else p.default for k, p in parameters.items()}


def reads(rule: Rule | None) -> tuple[str, ...]:
    """Give the names that a rule reads: `g`, `y`, operands, their shapes, parameters."""
    return () if rule is None else tuple(inspect.signature(rule).parameters)


def write(
    signature: Signature, rules: Mapping[str, Rule | None], *, broadcasts: bool, ours: bool
) -> str:
    """Write `apply`, `parents`, `pull` and `pull_recorded` of a primitive with these arguments and
    rules.
    """
    kept = kept_for(signature, rules)
    return _apply(signature, rules, kept, broadcasts, ours) + "\n" + _pull(signature, rules, kept)


def kept_for(signature: Signature, rules: Mapping[str, Rule | None]) -> dict[str, list[str]]:
    """Give what must be kept for the rules, each with the operands whose rules read it."""
    kept: dict[str, list[str]] = {}
    for x, rule in rules.items():
        for name in reads(rule):
            own_shape = (
                name == f"{x}_shape" and not signature.variadic
            )  # the parent's node knows it
            if name not in ("g", "i") and name not in signature.params and not own_shape:
                kept.setdefault(name, []).append(x)
    return kept


def slots(signature: Signature, rules: Mapping[str, Rule | None]) -> list[str]:
    """Name the slots of the primitive's nodes: parents, what is kept for the rules, parameters."""
    kept = kept_for(signature, rules)
    return (
        [f"from_{x}" for x in signature.arrays]
        + [f"kept_{k}" for k in kept]
        + [f"given_{p}" for p in signature.params]
    )


def _apply(
    signature: Signature,
    rules: Mapping[str, Rule | None],
    kept: Mapping[str, list[str]],
    broadcasts: bool,
    ours: bool,
) -> str:
    xs, params, star = signature.arrays, signature.params, "*" if signature.variadic else ""
    ruled = [x for x in xs if rules.get(x) is not None]
    declared = "".join(
        f", {k}" + ("" if v is inspect.Parameter.empty else f"=default_{k}")
        for k, v in params.items()
    )
    call = f"forward({star}{', '.join(xs)}{''.join(f', {k}={k}' for k in params)})"
    given = "{" + ", ".join(f"{k!r}: {k}" for k in params) + "}"
    operands = f"{xs[0]}_in" if star else "(" + "".join(f"{x}_in, " for x in xs) + ")"
    lines = [f"def apply({star}{', '.join(xs)}{'' if star or not params else ', *'}{declared}):"]
    lines += [f"{x}_in = {x}" for x in xs]
    if star:
        (x,) = xs
        plain, some = f"Tensor not in map(type, {x})", f"any(from_{x})"
        unpack = [
            f"from_{x} = tuple([x.node if type(x) is Tensor else None for x in {x}])",
            f"{x} = tuple([x._data if type(x) is Tensor else operand(x, primitive) for x in {x}])",
        ]
    else:
        plain = " and ".join(f"type({x}) is not Tensor" for x in xs)
        some = " or ".join(f"from_{x} is not None" for x in ruled)
        unpack = [f"{' = '.join(f'from_{x}' for x in xs)} = None"]
        for x in xs:
            unpack += [
                f"if type({x}) is Tensor: {f'from_{x} = {x}.node; ' * (x in ruled)}{x} = {x}._data",
                f"elif type({x}) is not float and type({x}) is not int: {x} = operand({x}, primitive)",
            ]
        if (
            broadcasts and len(xs) == 2
        ):  # a number takes the other's dtype, as NumPy would at each use
            unpack += [
                f"if from_{x} is not None and (type({n}) is float or type({n}) is int): {n} = array({n}, {x}.dtype)"
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
        *(f"    node.from_{x} = from_{x}" for x in xs),
        *(
            f"    node.kept_{name} = {_kept(name, users, signature)}"
            for name, users in kept.items()
        ),
        *(f"    node.given_{name} = {name}" for name in params),
        "    node.shape = y.shape",
        "    node.dtype = y.dtype",
        "    node.notes = None",
        "    node.spent = False",
        "else: out.node = None",
        "if observers:",
        f"    for observer in observers: observer.forward(primitive, {operands}, {given}, out)",
        "return out",
    ]
    return "\n    ".join(lines) + "\n"


def _kept(name: str, users: Sequence[str], signature: Signature) -> str:
    """Write what is kept under `name`: nothing unless a rule will read it, and never a caller's own
    array.
    """
    if name == "y":
        return "y"
    if signature.variadic:
        each = "shape(x)" if name.endswith("_shape") else "x if x is not i else keep(x)"
        x = signature.arrays[0]
        return f"tuple([{each} for x, i in zip({x}, {x}_in)])"
    if name not in signature.arrays:
        return f"shape({name.removesuffix('_shape')})"
    kept = name if users == [name] else f"{name} if {name} is not {name}_in else keep({name})"
    if len(signature.arrays) == 1:
        return kept
    return f"None if {' and '.join(f'from_{x} is None' for x in users)} else {kept}"


def _pull(
    signature: Signature, rules: Mapping[str, Rule | None], kept: Mapping[str, list[str]]
) -> str:
    xs = signature.arrays

    def argument(name: str, x: str) -> str:
        if name in signature.params:
            return f"node.given_{name}"
        return f"from_{x}.shape" if name == f"{x}_shape" and name not in kept else name

    calls = {x: f"rule_{x}({', '.join(argument(n, x) for n in reads(rules.get(x)))})" for x in xs}
    recorded = {name: f"node.kept_{name}" for name in kept}
    if signature.variadic:
        (x,) = xs
        parents, unpack = f"node.from_{x}", ""
        results = f"[(p, {calls[x]}) for i, p in enumerate({parents}) if p is not None and (reach is None or p in reach)]"
        recorded |= {x: f"tuple(map(connected, node.kept_{x}, node.from_{x}))"} if x in kept else {}
    else:
        parents = "".join(f"node.from_{x}, " for x in xs).rstrip()
        unpack = f"    {', '.join(f'from_{x}' for x in xs)}, = {', '.join(f'node.from_{x}' for x in xs)},\n"
        unpack += "    if reach is not None:\n"
        unpack += "".join(
            f"        from_{x} = from_{x} if from_{x} in reach else None\n" for x in xs
        )
        single = len(xs) == 1
        pulled = {
            x: calls[x] if single else f"None if from_{x} is None else {calls[x]}" for x in xs
        }
        pulled |= {x: "None" for x in xs if rules.get(x) is None}
        results = ", ".join(f"(from_{x}, {pulled[x]})" for x in xs) + ","
        recorded |= {x: f"connected(node.kept_{x}, node.from_{x})" for x in xs if x in kept}
    recorded |= {"y": "connected(node.kept_y, node)"} if "y" in kept else {}
    names = ", ".join(kept)
    fetch = f"    {names}, = {', '.join(f'node.kept_{k}' for k in kept)},\n" if kept else ""
    lift = f"    {names}, = {', '.join(recorded.values())},\n" if kept else ""
    release = f"        {' = '.join(f'node.kept_{k}' for k in kept)} = None\n" if kept else ""
    return (
        f"def parents(node): return {parents}\n\n"
        f"def pull(node, g, retain, reach):\n{unpack}{fetch}"
        f"    if not retain:\n        node.spent = True\n{release}"
        f"    return {results}\n\n"
        f"def pull_recorded(node, g, reach):\n{unpack}{lift}    return {results}\n"
    )
