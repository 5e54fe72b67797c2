"""All that a picture of a graph shows, as plain data: for the page, and to write DOT from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import PurePath
from typing import Any

import numpy as np

from autonn.summary import size as size_text
from autonn.trace import Graph, Op
from viz.groups import LARGEST, Group, homes
from viz.kinds import KINDS, kind_of
from viz.texts import ROUNDING, attributes, clean, counted, norm_of, number_text

BINS, FIRST = 24, 12


class Scene:
    """A graph, the groups that its operations stand in, and what each card says.

    Attributes
    ----------
    graph, root
        The data, and the tree of groups.
    kinds
        Of each operation's card.
    norms
        Of each operation's gradient, None without one.
    spine
        The operations that data run through, and not parameters and constants alone: what a
        picture draws as straight as it can.
    title, subtitle, notes
        What stands above the picture, and what has to be said of it.
    """

    def __init__(
        self,
        graph: Graph,
        root: Group,
        title: str = "",
        phases: Sequence[str] = ("forward", "backward"),
    ) -> None:
        self.graph, self.root, self.phases = graph, root, phases
        self.homes = homes(root)
        shown = [graph.ops[i] for i in self.homes]
        forward = [op for op in graph.ops if op.phase == "forward"]
        used = {i for op in forward for i in op.inputs.values()}
        self.users = graph.users
        self.kinds = {op.id: kind_of(op) for op in shown}
        ends = [op.id for op in forward if op.kind == "op" and op.id not in used]
        self.kinds |= {i: "output" for i in ends if i in self.homes}
        self.spine = _spine(shown)
        self.norms = {op.id: norm_of(op.grad) for op in shown}
        leaves = [self.norms[op.id] for op in shown if op.kind != "op"]
        norms = [norm for norm in leaves if norm is not None and math.isfinite(norm)]
        self.zero = ROUNDING * max(norms, default=0.0)
        dtypes = [op.dtype for op in shown if op.grads] or [op.dtype for op in shown]
        self.dtype = max(sorted(set(dtypes)), key=dtypes.count) if dtypes else ""
        self.title = clean(title or _title(graph, root, shown))
        self.subtitle = self._subtitle(shown)
        self.notes = [clean(graph.note)] if graph.note else []
        if len(shown) > LARGEST:
            self.notes.append(f"more than {LARGEST:,} nodes: not all groups can be open at once")

    def _subtitle(self, shown: list[Op]) -> str:
        parameters = sum(math.prod(op.shape) for op in shown if op.kind == "parameter")
        others = any(op.dtype != self.dtype for op in shown if op.grads)
        told = [counted(len(shown), "node"), counted(parameters, "parameter")]
        told.append(self.dtype if others else f"all {self.dtype}")
        saved = sum(op.memory for op in shown)
        told += [f"{size_text(saved)} saved for backward"] if saved else []
        if any(norm is not None for norm in self.norms.values()):
            told.append("grad = L2 norm of the gradient")
        return " · ".join(told)

    def inputs(self, op: Op) -> dict[str, int]:
        """Give the operands that are shown; of the hidden, what they are made of, as "b~0"."""
        found: dict[str, int] = {}
        if op.phase not in self.phases:
            return found  # it is shown because the other pass reads it
        for argument, i in op.inputs.items():
            if i in self.homes:
                found[argument] = i
            else:
                found |= {f"{argument}~{n}": j for n, j in enumerate(self._behind(i))}
        return found

    def _behind(self, hidden: int) -> list[int]:
        seen: set[int] = set()
        found: dict[int, None] = {}
        stack = [hidden]
        while stack:
            for i in self.graph.ops[stack.pop()].inputs.values():
                if i in self.homes:
                    found[i] = None
                elif i not in seen:
                    seen.add(i)
                    stack.append(i)
        return list(found)

    def exit(self, ops: list[int]) -> int:
        """Give the value that stands for a closed group: the last that is used outside it."""
        inside = set(ops)
        made = [i for i in ops if self.graph.ops[i].kind == "op"] or ops
        leaving = [i for i in made if any(user not in inside for user in self.users[i])]
        return max(leaving or made)

    def kind_of_group(self, group: Group) -> str:
        """Give the kind of a closed group's card."""
        if group.kind == "function":
            return KINDS.get(group.label, "elementwise")
        return "layer"

    def attributes(self, group: Group) -> str:
        """Give what a closed group's card says beside its name: of a reduction, the axes."""
        made = [op for op in map(self.graph.ops.__getitem__, group.ops()) if op.kind == "op"]
        reduces = self.kind_of_group(group) == "reduction"
        return attributes(made[0]) if made and reduces else ""

    # ----- For the page -----

    def data(self, theme: str = "auto") -> dict[str, Any]:
        """Give everything as JSON's types."""
        groups = [group for group in self.root.groups() if group is not self.root]
        shown = sorted(self.homes)
        number = {i: n for n, i in enumerate(shown)}
        order = [number[i] for i in self.graph.backward_order if i in number]
        first = self.graph.diverging
        return {
            "title": self.title,
            "subtitle": self.subtitle,
            "dtype": self.dtype,
            "zero": self.zero,
            "theme": theme,
            "notes": self.notes,
            "nodes": [self._node(self.graph.ops[i], number) for i in shown],
            "groups": [self._group(group) for group in groups],
            "order": order,
            "diverging": number.get(first) if first is not None else None,
        }

    def _node(self, op: Op, number: dict[int, int]) -> dict[str, Any]:
        inputs = self.inputs(op)
        home = self.homes[op.id]
        error, of = _error(op)
        size = math.prod(op.shape)
        leaf = op.kind != "op"
        small = leaf and op.value is not None and size == 1
        return {
            "id": number[op.id],
            "op": clean(op.op or op.name or op.kind),
            "kind": self.kinds[op.id],
            "name": clean(op.name) if op.op and op.name else "",
            "attr": attributes(op),
            "shape": list(op.shape),
            "dtype": op.dtype,
            "bytes": size * np.dtype(op.dtype).itemsize if op.dtype else 0,
            "inputs": [number[i] for i in inputs.values()],
            "operands": [argument.partition("~")[0] for argument in inputs],
            "broadcast": [argument in op.broadcast for argument in inputs],
            "group": None if home is self.root else home.id,
            "site": _site(op),
            "grads": op.grads,
            "rules": [[x, rule] for x, rule in self.graph.rules.get(op.op, {}).items()],
            "saved": [[name, count] for name, count in op.saved.items()],
            "params": [[k, str(v)] for k, v in (op.params | op.numbers).items()],
            "constant": number_text(np.asarray(op.value).item()) if small else "",
            "value": statistics(op.value),
            "grad": statistics(op.grad),
            "error": _plain(error),
            "errorOf": of,
            "phase": op.phase,
            "pulls": None if op.pulls is None else number.get(op.pulls),
        }

    def _group(self, group: Group) -> dict[str, Any]:
        outer = group.parent
        scope = group.scope
        return {
            "id": group.id,
            "parent": None if outer is None or outer is self.root else outer.id,
            "label": clean(group.label),
            "name": clean(group.name) if group.name else "",
            "told": group.told,
            "attr": self.attributes(group),
            "kind": group.kind,
            "nodeKind": self.kind_of_group(group),
            "count": group.count,
            "open": group.is_open,
            "error": None if scope is None else _plain(scope.error),
            "errorOf": "" if scope is None else scope.verdict,
        }


def _title(graph: Graph, root: Group, shown: list[Op]) -> str:
    """Name the layers in a row, or what comes out: "Net (Linear → ReLU) → MSELoss"."""
    layers = [scope for scope in graph.scopes if scope.kind == "layer"]
    told: list[str] = []
    for outer in [scope for scope in layers if scope.parent is None]:
        runs = groupby(scope.label for scope in layers if scope.parent == outer.id)
        lengths = [(label, len(list(same))) for label, same in runs]
        row = [f"{label} ×{n}" if n > 1 else label for label, n in lengths]
        inner = " → ".join(row) if 1 <= len(row) <= 6 else ""
        if outer.label == "Sequential" and inner:
            told.append(inner)
        else:
            told.append(f"{outer.label} ({inner})" if len(row) > 1 and inner else outer.label)
    if told:
        return " → ".join(told[:6]) + (" → …" if len(told) > 6 else "")
    made = [op.label for op in shown if op.kind == "op" and op.phase == "forward"]
    return made[-1] if made else "graph"


def _spine(shown: list[Op]) -> set[int]:
    """Give what depends on an input; without inputs, all operations."""
    found: set[int] = set()
    for op in shown:
        made_of_data = op.kind == "op" and any(i in found for i in op.inputs.values())
        if made_of_data or (op.kind == "input" and op.shape):
            found.add(op.id)
    found = {op.id for op in shown if op.kind == "op" and op.id in found}
    return found or {op.id for op in shown if op.kind == "op"}


def _site(op: Op) -> str:
    """Give the layer's own line, and the user's line that called it."""
    lines = [line for line in (op.code, op.site) if line]
    return "  ←  ".join(map(_local, dict.fromkeys(lines)))


def _local(line: str) -> str:
    """Drop the folders of a "file:line: text"."""
    head, colon, text = line.partition(": ")
    return PurePath(head.replace("\\", "/")).name + colon + text


def _error(op: Op) -> tuple[float | None, str]:
    """Give the worst error of an operation, and what it is of."""
    if not op.errors:
        return None, ""
    worst = max(op.errors, key=lambda name: _size(op.errors[name]))
    if worst == "closed form":
        return op.errors[worst], "its gradient, against the layer's closed form"
    return op.errors[worst], f"the rule of {worst}, against numerical differentiation"


def _size(error: float) -> float:
    return math.inf if math.isnan(error) else error


def _plain(x: Any) -> float | str | None:
    """Give a number as JSON can hold it."""
    if x is None:
        return None
    x = float(x)
    return float(f"{x:.6g}") if math.isfinite(x) else str(x)


def statistics(x: Any) -> dict[str, Any] | None:
    """Give what the page shows of an array: moments, extremes, a histogram, the first numbers."""
    if x is None:
        return None
    flat = np.asarray(x).ravel()
    with np.errstate(all="ignore"):
        numbers = flat.astype(np.float64) if flat.dtype.kind != "c" else np.abs(flat)
        finite = numbers[np.isfinite(numbers)]
        told: dict[str, Callable[[], Any]] = {
            "mean": finite.mean,
            "std": finite.std,
            "min": finite.min,
            "max": finite.max,
        }
        found: dict[str, Any] = {k: _plain(f()) if finite.size else None for k, f in told.items()}
        found["norm"] = _plain(norm_of(numbers))
        found["zeros"] = _plain(np.mean(numbers == 0)) if flat.size else 0
        found["nan"] = int(flat.size - finite.size)
        found["size"] = int(flat.size)
        found["first"] = [_plain(v) for v in numbers[:FIRST]]
        found["hist"], found["lo"], found["hi"] = None, found["min"], found["max"]
        if finite.size > 1 and 0 < np.ptp(finite) < np.inf:
            try:
                found["hist"] = np.histogram(finite, BINS)[0].tolist()
            except ValueError:  # numbers too near to each other, or too far apart
                found["hist"] = None
    return found
