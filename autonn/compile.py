"""The text of a primitive: straight functions, written once, when its rules are defined.

How many operands there are, what each rule reads and which parameters exist is known when `defvjp`
runs. So the compiled functions hold no loop, no inspection and no test that could be made
beforehand, and a node has a slot for each thing it keeps, and no other. What they look like:

>>> import numpy as np
>>> from autonn import PRIMITIVES
>>> print("def pull" + PRIMITIVES[np.multiply].source.partition("def pull")[2])
def pull(_node, g, _retain, _reach):
    _from_a, _from_b, = _node.parents
    if _reach is not None:
        if _from_a not in _reach: _from_a = None
        if _from_b not in _reach: _from_b = None
    b, a, = _node.kept_b, _node.kept_a,
    if not _retain:
        _node.spent = True
        _node.kept_b = _node.kept_a = None
    if _from_a is None: _c_a = None
    elif _from_a.shape != _node.shape: _c_a = _sum_product(_from_a.shape, g, b)
    else: _c_a = rule_a(g, b)
    if _from_b is None: _c_b = None
    elif _from_b.shape != _node.shape: _c_b = _sum_product(_from_b.shape, g, a)
    else: _c_b = rule_b(g, a)
    return (_from_a, _c_a), (_from_b, _c_b),
<BLANKLINE>
def pull_recorded(_node, g, _reach):
    _from_a, _from_b, = _node.parents
    if _reach is not None:
        if _from_a not in _reach: _from_a = None
        if _from_b not in _reach: _from_b = None
    b, a, = _connected(_node.kept_b, _node.parents[1]), _connected(_node.kept_a, _node.parents[0]),
    if _from_a is None: _c_a = None
    else: _c_a = rule_a(g, b)
    if _from_b is None: _c_b = None
    else: _c_b = rule_b(g, a)
    return (_from_a, _c_a), (_from_b, _c_b),
<BLANKLINE>
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from autonn.products import summed

Rule = Callable[..., Any]


@dataclass(frozen=True)
class Signature:
    """The arguments of a primitive: arrays by position, parameters and their defaults by name."""

    arrays: tuple[str, ...]
    params: Mapping[str, Any]
    variadic: bool = False


def signature_of(function: Callable[..., Any]) -> Signature:
    """Read the signature of a function of ours: what is not keyword-only is an array."""
    parameters = _parameters(function).values()
    return Signature(
        tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY),
        {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY},
        any(p.kind is p.VAR_POSITIONAL for p in parameters),
    )


def numpy_parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Give a NumPy function's parameters with their defaults; a few builtin ones tell none."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        return {}
    unset = np._NoValue
    return {k: False if p.default is unset else p.default for k, p in parameters.items()}


def reads(rule: Rule | None) -> tuple[str, ...]:
    """Give the names that a rule reads: `g`, `y`, operands, their shapes, parameters."""
    if rule is None:
        return ()
    if isinstance(rule, FunctionType) and not hasattr(rule, "__wrapped__"):
        code = rule.__code__
        if not code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return tuple(_parameters(rule))


def keyword_only(rule: Rule | None) -> list[str]:
    """Give the names that a rule takes by keyword alone, as a primitive does its parameters."""
    parameters = _parameters(rule).values() if rule is not None else ()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (ValueError, TypeError):
        told = f"the arguments of {function!r:.40} cannot be read: write a function that calls it"
        raise TypeError(told) from None


def kept_for(signature: Signature, rules: Mapping[str, Rule | None]) -> dict[str, list[str]]:
    """Give what must be kept for the rules, each with the operands whose rules read it."""
    kept: dict[str, list[str]] = {}
    for x, rule in rules.items():
        own_shape = "" if signature.variadic else f"{x}_shape"  # which the parent's node knows
        for name in reads(rule):
            given = name in signature.params or name == "g" or (name == "i" and signature.variadic)
            if not given and name != own_shape:
                kept.setdefault(name, []).append(x)
    return kept


def write(
    signature: Signature, rules: Mapping[str, Rule | None], *, broadcasts: bool, ours: bool
) -> str:
    """Write `apply`, `pull` and `pull_recorded` for these arguments and rules."""
    writer = (_Variadic if signature.variadic else _Fixed)(signature, rules, broadcasts, ours)
    return "\n".join([writer.apply(), writer.pull(), writer.pull_recorded()])


class _Fixed:
    """Writes primitives with a fixed number of operands."""

    star = ""

    def __init__(
        self, signature: Signature, rules: Mapping[str, Rule | None], broadcasts: bool, ours: bool
    ) -> None:
        self.xs, self.params, self.rules = signature.arrays, signature.params, rules
        self.broadcasts, self.ours = broadcasts, ours
        self.kept = kept_for(signature, rules)
        self.sums = broadcasts and len(self.xs) == 2 and not ours
        self.ruled = {x: rule for x in self.xs if (rule := rules[x]) is not None}

    # ----- apply -----

    def apply(self) -> str:
        forward = f"_forward({self.star}{', '.join(self.xs)}{self.each_param(', {0}={0}')})"
        given = "{" + self.each_param("{0!r}: {0}, ") + "}"
        several = self.ours and (self.star or len(self.xs) > 1)
        body = [
            *(f"_in_{x} = {x}" for x in self.xs),
            *([f"if {self.no_tensor()}: return {forward}"] if self.ours else []),
            *self.unpack(),
            f"try: y = {forward}",
            "except _expected as _error:",
            f"    raise _explained(_error, _primitive, {self.operands()}, {given}) from None",
            *(["if _type(y) is not _ndarray: y = _output(y, _primitive)"] if self.ours else []),
            *([f"if {self.shared()}: y = _own(y, {self.operands()})"] if several else []),
            "_paused, _observers = _state()",
            "_out = _new(_Tensor)",
            "_out._array = y",
            f"if not _paused and ({self.any_node()}):",
            "    _out.node = _node = _Node()",
            f"    _node.parents = {self.nodes()}",
            *(f"    _node.kept_{name} = {self.keep(name)}" for name in self.kept),
            *(f"    _node.given_{name} = {self.given(name)}" for name in self.params),
            "    _node.shape = y.shape",
            "    _node.dtype = y.dtype",
            "    _node.notes = None",
            "    _node.spent = False",
            "else: _out.node = None",
            "if _observers:",
            "    for _observer in _observers:",
            f"        _observer.forward(_primitive, {self.operands()}, {given}, _out)",
            "return _out",
        ]
        return _function(f"apply({self.arguments()})", body)

    def arguments(self) -> str:
        declared = ["*"] if self.params and not self.star else []
        for name, default in self.params.items():
            required = default is inspect.Parameter.empty
            declared.append(name if required else f"{name}=default_{name}")
        return ", ".join([*(self.star + x for x in self.xs), *declared])

    def shared(self) -> str:
        """Test whether y may be an operand, or a view of one."""
        return " or ".join(["y.base is not None", *(f"y is {x}" for x in self.xs)])

    def each_param(self, form: str) -> str:
        return "".join(form.format(name) for name in self.params)

    def operands(self) -> str:
        return "(" + "".join(f"_in_{x}, " for x in self.xs) + ")"

    def no_tensor(self) -> str:
        return " and ".join(f"_type({x}) is not _Tensor" for x in self.xs)

    def any_node(self) -> str:
        return " or ".join(f"_from_{x} is not None" for x in self.ruled) or "False"

    def unpack(self) -> list[str]:
        lines = [" = ".join(f"_from_{x}" for x in self.xs) + " = None"]
        for x in self.xs:
            node = f"_from_{x} = {x}.node; " if x in self.ruled else ""
            lines.append(f"if _type({x}) is _Tensor: {node}{x} = {x}._array")
            lines.append(f"elif {_no_number(x)}: {x} = _operand({x}, _primitive)")
        if self.broadcasts and len(self.xs) == 2:
            # A number takes the other's dtype: what NumPy would do at each use of it, done once.
            for x, n in (self.xs, self.xs[::-1]):
                lines.append(f"if _from_{x} is not None and not ({_no_number(n)}):")
                lines.append(f"    {n} = _np_array({n}, {x}.dtype)")
        return lines

    def given(self, name: str) -> str:
        return f"{name} if _type({name}) in _unchanging else _keep({name})"

    def keep(self, name: str) -> str:
        """Keep nothing unless a rule will read it, and never a caller's own array."""
        if name == "y":
            return "y"
        if name not in self.xs:
            return f"_shape({name.removesuffix('_shape')})"
        users = self.kept[name]
        value = f"{name} if {name} is not _in_{name} else _keep({name})"
        if users == [name]:  # then it has a node, so it was a Tensor
            return name
        return f"None if {' and '.join(f'_from_{x} is None' for x in users)} else {value}"

    # ----- pull -----

    def nodes(self) -> str:
        return "(" + "".join(f"_from_{x}, " for x in self.xs) + ")"

    def pull(self) -> str:
        kept = [f"_node.kept_{name}" for name in self.kept]
        release = ["if not _retain:", "    _node.spent = True"]
        release += [f"    {' = '.join(kept)} = None"] if kept else []
        body = [*self.wanted(), *self.fetch(kept), *release, *self.cotangents()]
        return _function("pull(_node, g, _retain, _reach)", body)

    def pull_recorded(self) -> str:
        lifted = [self.lift(name) for name in self.kept]
        self.sums = False
        body = [*self.wanted(), *self.fetch(lifted), *self.cotangents()]
        return _function("pull_recorded(_node, g, _reach)", body)

    def wanted(self) -> list[str]:
        masks = [f"    if _from_{x} not in _reach: _from_{x} = None" for x in self.xs]
        names = ", ".join(f"_from_{x}" for x in self.xs)
        return [f"{names}, = _node.parents", "if _reach is not None:", *masks]

    def fetch(self, values: list[str]) -> list[str]:
        return [f"{', '.join(self.kept)}, = {', '.join(values)},"] if values else []

    def lift(self, name: str) -> str:
        place = self.xs.index(name) if name in self.xs else 0
        node = "_node" if name == "y" else f"_node.parents[{place}]"
        kept = f"_node.kept_{name}"
        return f"_connected({kept}, {node})" if name == "y" or name in self.xs else kept

    def call(self, x: str) -> str:
        rule = self.rules[x]
        named = keyword_only(rule)

        def argument(name: str) -> str:
            own_shape = name == f"{x}_shape" and name not in self.kept
            value = f"_from_{x}.shape" if own_shape else name
            value = f"_node.given_{name}" if name in self.params else value
            return f"{name}={value}" if name in named else value

        return f"rule_{x}({', '.join(map(argument, reads(rule)))})"

    def cotangents(self) -> list[str]:
        if len(self.ruled) == len(self.xs) == 1:
            return [f"return (_from_{self.xs[0]}, {self.call(self.xs[0])}),"]
        lines = []
        for x, rule in self.ruled.items():
            total = summed(rule, x) if self.sums else None
            lines += [f"if _from_{x} is None: _c_{x} = None"]
            if total:
                lines += [f"elif _from_{x}.shape != _node.shape: _c_{x} = {total}"]
            lines += [f"else: _c_{x} = {self.call(x)}"]
        pairs = [f"(_from_{x}, {f'_c_{x}' if x in self.ruled else None})" for x in self.xs]
        return [*lines, f"return {', '.join(pairs)},"]


class _Variadic(_Fixed):
    """Writes primitives of any number of operands, `*xs`, which have one rule for all."""

    star = "*"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        (self.x,) = self.xs

    def operands(self) -> str:
        return f"_in_{self.x}"

    def no_tensor(self) -> str:
        return f"_Tensor not in _map(_type, {self.x})"

    def any_node(self) -> str:
        return f"_any(_from_{self.x})" if self.ruled else "False"

    def shared(self) -> str:
        return f"y.base is not None or _any([y is _x for _x in {self.x}])"

    def unpack(self) -> list[str]:
        x = self.x
        data = "_x._array if _type(_x) is _Tensor else _operand(_x, _primitive)"
        return [
            f"_from_{x} = _tuple([_x.node if _type(_x) is _Tensor else None for _x in {x}])",
            f"{x} = _tuple([{data} for _x in {x}])",
        ]

    def keep(self, name: str) -> str:
        each = "_shape(_x)" if name.endswith("_shape") else "_x if _x is not _in else _keep(_x)"
        pairs = f"_zip({self.x}, _in_{self.x}, strict=True)"
        return "y" if name == "y" else f"_tuple([{each} for _x, _in in {pairs}])"

    def nodes(self) -> str:
        return f"_from_{self.x}"

    def wanted(self) -> list[str]:
        return []

    def lift(self, name: str) -> str:
        if name != self.x:
            return super().lift(name)
        return f"_tuple(_map(_connected, _node.kept_{name}, _node.parents))"

    def cotangents(self) -> list[str]:
        wanted = "_p is not None and (_reach is None or _p in _reach)"
        each = f"(_p, {self.call(self.x)}) for i, _p in _enumerate(_node.parents) if {wanted}"
        return [f"return [{each}]"]


def _no_number(x: str) -> str:
    return f"_type({x}) is not float and type({x}) is not int"


def _function(head: str, body: list[str]) -> str:
    return f"def {head}:\n    " + "\n    ".join(body) + "\n"
