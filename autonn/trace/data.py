"""The graph as data: what a run did, in order, with nothing in it but numbers, texts and arrays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import numpy as np

from autonn.arguments import checked
from autonn.texts import printable
from autonn.trace.serial import MALFORMED, decode, encode

Array = np.ndarray[Any, Any]
T = TypeVar("T", bound="Op | Scope")
FORMAT = 1


@dataclass(eq=False)
class Op:
    """A value of a run: what an operation made, or a leaf.

    Attributes
    ----------
    id
        Its place in `Graph.ops`; operands come before what is made of them.
    kind
        "op", or for a leaf "parameter" (of a layer; without layers, whatever requires grad),
        "input" (what the run was given) or "constant" (what a layer made or holds).
    op
        The primitive's name, "" for a leaf.
    inputs
        The primitive's array arguments, in order, and the id of what was given for each.
    numbers
        Those array arguments that were plain numbers.
    called
        What such numbers are called in the layer: {"b": "eps"}.
    broadcast
        Those array arguments that were repeated to the value's shape.
    params
        The primitive's parameters, such as axis.
    shape, dtype
        Of the value.
    name
        The Tensor's, or that of the variable which held it.
    scope
        The id of the layer or function in which it was made, None outside all.
    site, code
        The line of the user's code that made it, and the layer's own, as "file:line: text".
    grads
        Whether a gradient goes through it.
    saved
        What the rules keep for the backward pass: bytes by name.
    memory
        The bytes of that which nothing before it holds.
    value, grad
        The arrays, if they were recorded; the gradient is that of the last backward pass that came
        here.
    order
        When its gradient was complete: 0 for the first in the backward pass; a later pass counts
        on.
    errors
        The error of what its rule handed to each argument, against numerical differentiation,
        relative to its size; or of its own gradient, by the name "closed form". What cannot
        be compared is not there.
    phase
        "forward", or "backward" for an operation of a backward pass that was itself recorded.
    pulls
        For such an operation, the id of the one whose rule it belongs to.
    """

    id: int
    kind: str
    op: str = ""
    inputs: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    broadcast: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    dtype: str = ""
    name: str = ""
    scope: int | None = None
    site: str = ""
    code: str = ""
    grads: bool = False
    saved: dict[str, int] = field(default_factory=dict)
    memory: int = 0
    value: Array | None = None
    grad: Array | None = None
    order: int | None = None
    errors: dict[str, float] = field(default_factory=dict)
    phase: str = "forward"
    pulls: int | None = None

    @property
    def label(self) -> str:
        """What to call it: its name, or else what made it."""
        return self.name or self.op or self.kind


@dataclass(eq=False)
class Scope:
    """A call of a layer, or of a function that is composed of several operations.

    Attributes
    ----------
    id, parent
        Its place in `Graph.scopes`, and that of the scope around it.
    kind
        "layer", "function" (softmax, mean) or "step" (of a recurrent layer).
    label
        The class or function: "BatchNorm1d".
    name
        The attribute or variable that holds the layer: "bn".
    described
        What the layer says of itself: "64 → 32".
    parameters
        How many numbers the layer's parameters hold.
    error, verdict
        The worst relative error against the layer's closed form and what `compare` says of it.
    """

    id: int
    kind: str
    label: str = ""
    parent: int | None = None
    name: str = ""
    described: str = ""
    parameters: int = 0
    error: float | None = None
    verdict: str = ""


@dataclass(eq=False)
class Graph:
    """A run: its values in the order in which they were made, and the layers that made them.

    Attributes
    ----------
    ops, scopes
        Values and layers, each at the place that its id says.
    rules
        For each primitive and each of its arguments, the formula of the gradient, as it stands in
        the rule table.
    note
        What has to be said of the gradients.

    Examples
    --------
    >>> import numpy as np
    >>> import autonn
    >>> x = autonn.Tensor([3.0, 4.0], requires_grad=True)
    >>> with autonn.trace() as graph:
    ...     length = np.sqrt((x * x).sum())
    ...     length.backward()
    >>> print(graph)
    0  parameter  x       (2,)  grad 1
    1  multiply           (2,)  grad 0.141  a=0 b=0
    2  sum                ()    grad 0.1    x=1
    3  sqrt       length  ()    grad 1      x=2
    >>> Graph.from_json(graph.to_json()) == graph
    True
    """

    ops: list[Op] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    note: str = ""

    def __len__(self) -> int:
        return len(self.ops)

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def __str__(self) -> str:
        rows = [_row(op) for op in self.ops]
        widths = [max((len(row[i]) for row in rows), default=0) for i in range(5)]
        lines = ("  ".join(map(str.ljust, row, [*widths, 0])).rstrip() for row in rows)
        return "\n".join(lines)

    @property
    def users(self) -> list[list[int]]:
        """For each value, the ids of the operations that take it."""
        found: list[list[int]] = [[] for _ in self.ops]
        for op in self.ops:
            for i in dict.fromkeys(op.inputs.values()):
                found[i].append(op.id)
        return found

    @property
    def edges(self) -> list[tuple[int, int]]:
        """Each use of a value by an operation, as (from, to)."""
        return [(i, op.id) for op in self.ops for i in op.inputs.values()]

    @property
    def backward_order(self) -> list[int]:
        """The ids of what received a gradient, in the order of the backward pass."""
        reached = [op for op in self.ops if op.order is not None]
        return [op.id for op in sorted(reached, key=lambda op: op.order or 0)]

    @property
    def diverging(self) -> int | None:
        """The first operation of the backward pass whose rule was found wrong."""
        for i in self.backward_order:
            op = self.ops[i]
            errors = [e for name, e in op.errors.items() if name != "closed form"]
            rounding = np.finfo(op.dtype).eps if errors else 0.0
            if any(not e <= max(1e-4, 100 * rounding) for e in errors):
                return i
        return None

    # ----- JSON -----

    @checked
    def to_json(self, arrays: bool = True) -> str:
        """Give the graph as JSON; without `arrays`, without values and gradients."""
        left_out = () if arrays else ("value", "grad")
        told = {
            "format": FORMAT,
            "rules": self.rules,
            "note": self.note,
            "scopes": [_plain(scope, ()) for scope in self.scopes],
            "ops": [_plain(op, left_out) for op in self.ops],
        }
        return json.dumps(told, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Graph:
        """Make a graph of what `to_json` gave.

        Raises
        ------
        ValueError
            For any other text.
        """
        try:
            told = json.loads(text)
            if told["format"] != FORMAT:
                raise ValueError(f"format {told['format']!r}; this version reads {FORMAT}")
            _check(told, GRAPH)
            ops = [_made(Op, x, OP) for x in told["ops"]]
            scopes = [_made(Scope, x, SCOPE) for x in told["scopes"]]
            graph = cls(ops, scopes, told["rules"], told["note"])
            graph._check_ids()
        except (*MALFORMED, RecursionError) as error:
            why = printable(str(error))
            raise ValueError(f"Graph.from_json: this is no graph: {why}") from None
        return graph

    def _check_ids(self) -> None:
        """Refuse ids that are no places, what does not come before, and arrays of other shapes."""
        for things in (self.ops, self.scopes):
            if [thing.id for thing in things] != list(range(len(things))):
                raise ValueError("its ids do not count from 0")
        known = range(len(self.scopes))
        for op in self.ops:
            if any(i >= op.id for i in op.inputs.values()):
                raise ValueError(f"value {op.id} is made of what does not come before it")
            for array in (op.value, op.grad):
                if array is not None and array.shape != op.shape:
                    raise ValueError(f"value {op.id} has shape {op.shape}, not {array.shape}")
            if op.pulls is not None and op.pulls not in range(len(self.ops)):
                raise ValueError(f"value {op.id} pulls {op.pulls}, which is not there")
            if op.scope is not None and op.scope not in known:
                raise ValueError(f"value {op.id} stands in scope {op.scope}, which is not there")
        for scope in self.scopes:
            if scope.parent is not None and scope.parent not in range(scope.id):
                raise ValueError(f"scope {scope.id} stands in {scope.parent}, not before it")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]


def _plain(x: Op | Scope, left_out: tuple[str, ...]) -> dict[str, Any]:
    """Give the fields that say something."""
    given = {f.name: getattr(x, f.name) for f in fields(x) if f.name not in left_out}
    empty = {k for k, v in given.items() if v is None or (isinstance(v, str | dict) and not v)}
    return {k: encode(v) for k, v in given.items() if k not in empty}


Checks = dict[str, Callable[[Any], bool]]


def _made(kind: type[T], told: dict[str, Any], checks: Checks) -> T:
    values = {name: decode(v) for name, v in told.items()}
    _check(values, checks)
    return kind(**values)


def _check(values: dict[str, Any], checks: Checks) -> None:
    """Refuse a value that does not fit; the fields of a class all have their checks."""
    for name, fits in checks.items():
        if name in values and not fits(values[name]):
            raise ValueError(f"{name} is {values[name]!r:.60}")


def _one_of(*words: str) -> Callable[[Any], bool]:
    return lambda x: type(x) is str and x in words


def _count(x: Any) -> bool:
    return type(x) is int and x >= 0


def _dict_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda x: isinstance(x, dict) and all(type(k) is str and fits(v) for k, v in x.items())


def _text(x: Any) -> bool:
    return type(x) is str


def _tuple_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda x: isinstance(x, tuple) and all(map(fits, x))


def _numeric(x: Any) -> bool:
    try:
        return type(x) is str and np.dtype(x).kind in "fiubc"
    except TypeError:
        return False


GRAPH: Checks = {
    "ops": lambda x: isinstance(x, list),
    "scopes": lambda x: isinstance(x, list),
    "rules": _dict_of(_dict_of(_text)),
    "note": _text,
}
OP: Checks = {
    "kind": _one_of("op", "parameter", "input", "constant"),
    "phase": _one_of("forward", "backward"),
    "shape": _tuple_of(_count),
    "dtype": _numeric,
    "inputs": _dict_of(_count),
    "numbers": _dict_of(lambda x: isinstance(x, int | float | complex)),
    "called": _dict_of(_text),
    "broadcast": _tuple_of(_text),
    "params": _dict_of(lambda x: True),
    "saved": _dict_of(_count),
    "errors": _dict_of(lambda x: type(x) is float),
    "grads": lambda x: type(x) is bool,
    "value": lambda x: isinstance(x, np.ndarray),
    "grad": lambda x: isinstance(x, np.ndarray),
    **dict.fromkeys(("id", "scope", "memory", "order", "pulls"), _count),
    **dict.fromkeys(("op", "name", "site", "code"), _text),
}
SCOPE: Checks = {
    "kind": _one_of("layer", "function", "step"),
    "error": lambda x: type(x) is float,
    **dict.fromkeys(("id", "parent", "parameters"), _count),
    **dict.fromkeys(("label", "name", "described", "verdict"), _text),
}


def _row(op: Op) -> tuple[str, ...]:
    shape = str(op.shape).replace(" ", "")
    given = " ".join(f"{name}={value}" for name, value in (op.inputs | op.numbers).items())
    grad = "" if op.grad is None else f"grad {np.linalg.norm(op.grad.astype(float)):.3g}"
    return tuple(map(printable, (str(op.id), op.op or op.kind, op.name, shape, grad, given)))
