"""Where a gradient comes from: its parts, by the paths through the graph that they took."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonn.arguments import shown
from autonn.graph import Array, Node, Primitive, state
from autonn.operands import bare
from autonn.sites import source_line
from autonn.tensors import Tensor
from autonn.texts import printable
from autonn.walk import walk


class _Received:
    """Remembers what each node received in a backward pass."""

    def __init__(self) -> None:
        self.by_node: dict[Node, Array] = {}

    def forward(
        self, primitive: Primitive, operands: Sequence[Any], params: Mapping[str, Any], y: Any
    ) -> None:
        """Nothing: the graph is there."""

    def backward(self, node: Node, g: Array, cotangents: Sequence[Any]) -> None:
        """Note a node's cotangent."""
        self.by_node[node] = g


class Sites:
    """Notes the line of the user's code that made each node."""

    def forward(
        self, primitive: Primitive, operands: Sequence[Any], params: Mapping[str, Any], y: Any
    ) -> None:
        """Note the line, without its place."""
        if y.node is not None:
            y.node.noted().site = source_line().partition(": ")[2]

    def backward(self, node: Node, g: Array, cotangents: Sequence[Any]) -> None:
        """Nothing: the line is known."""


def received(seeds: Mapping[Node, Array], x: Node) -> dict[Node, Array]:
    """Give the cotangent of each node between the seeds and x, and of x itself."""
    watcher = _Received()
    with state(watcher):
        found = walk(seeds, retain=True, create=False, targets=[x])
    return watcher.by_node if x in found else {}


def through_nodes(seeds: Mapping[Node, Array], x: Node, most: int = 60) -> dict[str, Array]:
    """Give, for each operation between the seeds and x, the part of x's gradient that passed it.

    Parts that are all of the gradient, nothing, or the same as another's are left out; what is left
    is named by the operation and its shape.
    """
    everything = received(seeds, x)
    if x not in everything:
        return {}
    total = everything[x]
    noise = 1e-10 * float(np.max(np.abs(total), initial=0))
    nodes = [node for node in everything if node is not x and node not in seeds][:most]

    def past(node: Node, stops: Sequence[Node]) -> Array:
        g = {node: everything[node]}
        return walk(g, retain=True, create=False, targets=[x, *stops]).get(x, np.zeros_like(total))

    # What passes these cancels, as the largest element that softmax subtracts: it is no part.
    nothing = [node for node in nodes if np.max(np.abs(past(node, [])), initial=0) <= noise]
    found: dict[str, Array] = {}
    for node in nodes:
        if node in nothing:
            continue
        part = past(node, nothing)
        known = [np.zeros_like(total), total, *found.values()]
        if any(np.allclose(part, other, rtol=1e-9, atol=noise) for other in known):
            continue
        site = "" if node.notes is None or not node.notes.site else f" of {node.notes.site}"
        plain, number = f"through {node.primitive} {node.shape}{site}", 2
        name = plain
        while name in found:
            name, number = f"{plain}, number {number}", number + 1
        found[name] = part
    return found


@dataclass(frozen=True)
class Explanation:
    """A gradient in parts that add up to it; it prints as a table.

    Attributes
    ----------
    of, by
        What was differentiated, and by what.
    parts
        The part that goes from y to x past no named node ("direct"), and for each named node the
        part that it hands to x: its own whole cotangent, pulled back with the others held still.
    cotangents
        The named nodes' own gradients, by name.
    routes
        The operations between each named node (or y, for "direct") and x.
    """

    of: str
    by: str
    parts: dict[str, Array]
    cotangents: dict[str, Array]
    routes: dict[str, list[str]]

    @property
    def total(self) -> Array:
        """The gradient: all parts together."""
        return sum(self.parts.values())

    def __str__(self) -> str:
        lines = [f"d{self.of}/d{self.by}, of shape {self.total.shape}, in {len(self.parts)} parts"]
        for name, part in self.parts.items():
            told = "direct" if name == "direct" else f"through {name}"
            route = shortened(" → ".join(self.routes[name]), 40)
            told = shortened(told, 20)
            lines.append(f"  {told:<20} norm {np.linalg.norm(part):<10.4g} {route}")
        lines.append(f"  {'together':<20} norm {np.linalg.norm(self.total):.4g}")
        return "\n".join(map(printable, lines))

    def to_markdown(self) -> str:
        """Give the staged chain rule, a row for each part."""
        head = f"∂{self.of}/∂{self.by} = " + " + ".join(
            "direct" if name == "direct" else f"(∂{name}/∂{self.by})ᵀ ∂{self.of}/∂{name}"
            for name in self.parts
        )
        rows = ["| part | cotangent | shape | norm | route |", "|---|---|---|---|---|"]
        for name, part in self.parts.items():
            known = name in self.cotangents
            cotangent = f"∂{self.of}/∂{name}" if known else f"∂{self.of}"
            size = self.cotangents[name].shape if known else part.shape
            norm, route = f"{np.linalg.norm(part):.4g}", " → ".join(self.routes[name])
            rows.append(f"| {name} | {cotangent} | {size} | {norm} | {route} |")
        return "\n".join(map(printable, [head, "", *rows]))

    def to_latex(self) -> str:
        """Give the staged chain rule as a formula."""

        def d(a: str, b: str) -> str:
            return rf"\frac{{\partial {symbol(a)}}}{{\partial {symbol(b)}}}"

        held = ", ".join(symbol(name) for name in self.parts if name != "direct")
        terms = []
        for name in self.parts:
            if name == "direct":
                bar = (
                    rf"\left.{d(self.of, self.by)}\right|_{{{held}}}"
                    if held
                    else d(self.of, self.by)
                )
                terms.append(rf"\underbrace{{{bar}}}_{{\text{{direct}}}}")
            else:
                product = rf"\left({d(name, self.by)}\right)^{{\!\top}} {d(self.of, name)}"
                terms.append(rf"\underbrace{{{product}}}_{{\text{{through }}{symbol(name)}}}")
        return d(self.of, self.by) + " = " + " + ".join(terms)


def symbol(name: str) -> str:
    r"""Give a name as LaTeX: single letters as they are, words upright.

    Examples
    --------
    >>> symbol("x"), symbol("var")
    ('x', '\\mathrm{var}')
    """
    told = re.sub(r"[\\^~_%#&${} ]", lambda c: COMMANDS.get(c[0], "\\" + c[0]), printable(name))
    return told if len(name) == 1 else rf"\mathrm{{{told}}}"


COMMANDS = {"\\": r"\backslash ", "^": r"\wedge ", "~": r"\sim "}


def shortened(text: str, width: int = 42) -> str:
    """Cut what is too long for a line, in the middle."""
    if len(text) <= width:
        return text
    return f"{text[: width // 2 - 1]} … {text[-width // 2 + 2 :]}"


def explain(
    y: Tensor, x: Tensor, through: Sequence[Tensor] | None = None, gradient: Any = None
) -> Explanation:
    """dy/dx = direct + Σ (∂m/∂x)ᵀ dy/dm, over the named nodes m between x and y.

    Each path from y to x belongs to the last named node that it passes, or to none ("direct"). That
    is how a derivation by hand goes in stages: the gradient of the variance, then of the mean, then
    of x.

    Parameters
    ----------
    y, x
        Tensors, y computed of x.
    through
        The nodes in between; by default all that have a name. BatchNorm and its kin name their
        `mean` and `var`.
    gradient
        The cotangent of y, 1 by default.

    Raises
    ------
    ValueError
        When y does not depend on x, or the gradient has another shape.
    TypeError
        For what is no Tensor.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 6.0], requires_grad=True, name="x")
    >>> mean = x.mean()
    >>> mean.name = "mean"
    >>> told = explain(((x - mean) ** 2).sum(), x)
    >>> {name: (part.round(3) + 0).tolist() for name, part in told.parts.items()}
    {'direct': [-4.0, -2.0, 6.0], 'mean': [0.0, 0.0, 0.0]}
    >>> print(told)
    dy/dx, of shape (3,), in 2 parts
      direct               norm 7.483      subtract → square → sum
      through mean         norm 0          sum → divide
      together             norm 7.483
    """
    named = {"y": y, "x": x}
    if through is not None:
        between = through if isinstance(through, list | tuple) else [through]
        named |= {f"through[{i}]": t for i, t in enumerate(between)}
    for name, t in named.items():
        if not isinstance(t, Tensor):
            raise TypeError(f"explain: {name}={shown(t)}; want a Tensor")
    if y.node is None or x.node is None:
        raise ValueError("explain: y or x has no graph: does it require grad?")
    g = bare(y._seed(np.ones(y.shape, y.dtype) if gradient is None else gradient))
    seeds = {y.node: g}
    everything = received(seeds, x.node)
    if not everything:
        raise ValueError("explain: y does not depend on x")
    if through is None:
        names = {n: n.notes.name for n in everything if n.notes is not None and n.notes.name}
    else:
        names = {t.node: t.name or f"m{i}" for i, t in enumerate(between) if t.node is not None}
    marked = numbered({n: k for n, k in names.items() if n is not x.node and n is not y.node})
    parts, cotangents, routes = {}, {}, {}
    for node, name in ((y.node, "direct"), *marked.items()):
        if node not in everything:
            raise ValueError(f"explain: {name} does not stand between x and y")
        stops = [x.node, *(m for m in marked if m is not node)]
        start = {node: everything[node]}
        watcher = _Received()
        with state(watcher):
            found = walk(start, retain=True, create=False, targets=stops)
        zero = np.zeros(x.shape, x.dtype)
        parts[name] = np.asarray(found.get(x.node, zero))
        passed = [n for n in watcher.by_node if n not in stops]
        ops = [str(n.primitive) for n in passed if _leads(n, x.node, stops)]
        routes[name] = list(reversed(ops))
        if node is not y.node:
            cotangents[name] = np.asarray(everything[node])
    return Explanation(y.name or "y", x.name or "x", parts, cotangents, routes)


def numbered(names: Mapping[Node, str]) -> dict[Node, str]:
    """Give each node a name of its own: "mean", "mean 2"; "direct" is taken."""
    used, found = {"direct"}, {}
    for node, name in names.items():
        free, number = name, 2
        while free in used:
            free, number = f"{name} {number}", number + 1
        used.add(free)
        found[node] = free
    return found


def _leads(node: Node, x: Node, stops: Sequence[Node]) -> bool:
    """Tell whether a node leads to x past no other stop."""
    stack, seen = [node], set()
    while stack:
        for parent in stack.pop().parents:
            if parent is x:
                return True
            if parent is not None and parent not in seen and parent not in stops:
                seen.add(parent)
                stack.append(parent)
    return False
