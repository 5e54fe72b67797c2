"""The picture as DOT: the language of Graphviz. Node ids are topological, so the text is stable."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import graphviz
import numpy as np

from autonn.summary import size
from autonn.texts import printable_lines
from autonn.trace import Op
from viz.groups import Group, visible
from viz.scene import Scene
from viz.texts import (
    attributes,
    clean,
    grad_text,
    number_text,
    shape_text,
    shortened,
    weight_of,
)
from viz.theme import Colours, Theme

FONT = "Arial"  # Helvetica turns into a wide font in some versions of dot
LEGEND = (
    *("input", "parameter", "constant", "matmul", "reduction", "elementwise", "activation"),
    *("shape", "layer", "output"),
)
SEPARATOR = (
    "\u00a0\u00a0|\u00a0\u00a0\u00a0"  # the last is lost where fonts are wider than measured
)


class _Writer:
    def __init__(
        self, scene: Scene, theme: Theme, direction: str, values: bool, memory: bool
    ) -> None:
        self.scene, self.theme, self.graph = scene, theme, scene.graph
        self.values, self.memory = values, memory
        self.cards = visible(scene.root)
        cards = len({_key(card) for card in self.cards.values()})
        self.direction = direction or ("LR" if cards < 12 else "TB")
        self.contents: dict[Group, list[int]] = {}
        for i, card in self.cards.items():
            if isinstance(card, Group):
                self.contents.setdefault(card, []).append(i)

    def write(self) -> str:
        t = self.theme
        dot = graphviz.Digraph("autonn", strict=False)
        dot.attr(
            "graph",
            rankdir=self.direction,
            nodesep="0.28",
            ranksep="0.30",
            splines="spline",
            outputorder="nodesfirst",
            bgcolor=t.page,
            fontname=FONT,
            fontcolor=t.text,
            labelloc="t",
            labeljust="l",
            pad="0.3",
            label=self._heading(),
        )
        dot.attr(
            "node",
            shape="box",
            style="rounded,filled",
            fontname=FONT,
            fontsize="11",
            margin="0.09,0.035",
            penwidth="1.1",
            height="0.3",
        )
        dot.attr(
            "edge",
            arrowhead="vee",
            arrowsize="0.6",
            color=t.edge,
            fontname=FONT,
            fontsize="8",
            fontcolor=t.faint,
        )
        self._contents(dot, self.scene.root)
        for tail, head, options in self._edges():
            dot.edge(tail, head, **options)
        return str(dot.source)

    # ----- Words -----

    def _heading(self) -> str:
        t, scene = self.theme, self.scene
        kinds = {self.scene.kinds[i] for i, card in self.cards.items() if isinstance(card, int)}
        kinds |= {scene.kind_of_group(group) for group in self.contents}
        legend = "   ".join(
            _font("■", t.kinds[kind].border, 8) + _font(f" {kind}", t.quiet, 8)
            for kind in LEGEND
            if kind in kinds
        )
        rows = [_font(f"<B>{escape(shortened(scene.title, 80))}</B>", t.text, 15)]
        rows += [_font(escape(text), t.quiet, 9) for text in (scene.subtitle, *scene.notes)]
        shown = [self.graph.ops[i] for i, card in self.cards.items() if isinstance(card, int)]
        also = ["dashed: no gradient"] if any(not op.grads for op in shown) else []
        also += ["double border: repeated"] * any(g.kind == "repeat" for g in self.contents)
        legend += "".join(_font(f"   {text}", t.faint, 8) for text in also)
        return _table([*rows, legend], align="LEFT")

    def _head(self, head: str, attribute: str, name: str, colours: Colours) -> str:
        told = _font(f"<B>{escape(shortened(head))}</B>", colours.text, 11)
        if attribute:
            quiet = colours.text if self._dark(colours) else self.theme.quiet
            told += " " + _font(escape(attribute), quiet, 9)
        if name and name != head:
            colour = colours.text if self._dark(colours) else self.theme.name
            told += " " + _font(f"<I>{escape(shortened(name))}</I>", colour, 10)
        return told

    def _dark(self, colours: Colours) -> bool:
        """Tell whether it is the output's card, on which all text has one colour."""
        return colours == self.theme.kinds["output"]

    def _facts(self, op: Op, colours: Colours) -> str:
        """Give a card's second line: the shape or the number, the gradient, the memory."""
        t = self.theme
        quiet = colours.text if self._dark(colours) else t.quiet
        facts = [_font(escape(self._size(op)), quiet, 9)]
        norm = self.scene.norms[op.id]
        if norm is not None:
            weight, told = weight_of(norm, self.scene.zero), grad_text(norm, self.scene.zero)
            colour = {"zero": t.zero, "bad": t.bad, "fine": t.grad}[weight]
            if self._dark(colours) and weight == "fine":
                colour = quiet
            told = told if weight == "fine" else f"<B>{told}</B>"
            facts.append(_font(told, colour, 9))
        if self.memory and op.memory:
            facts.append(_font(f"saves {size(op.memory)}", quiet, 9))
        return _font(SEPARATOR, t.faint, 9).join(facts)

    def _size(self, op: Op) -> str:
        told = shape_text(op.shape)
        if op.value is not None and op.value.size == 1:
            told = number_text(np.asarray(op.value).item())
        elif self.values and op.value is not None and op.value.dtype.kind == "f" and op.value.size:
            with np.errstate(all="ignore"):
                told += f" {number_text(op.value.mean())}±{number_text(op.value.std())}"
        return told if op.dtype == self.scene.dtype else f"{told} {op.dtype}"

    # ----- Cards -----

    def _contents(self, dot: Any, group: Group) -> None:
        t = self.theme
        for child in group.children:
            if isinstance(child, int):
                self._card(dot, self.graph.ops[child])
            elif child.is_open:
                with dot.subgraph(name=f"cluster_{child.id}") as inner:
                    backward = child.phase == "backward"
                    inner.attr(
                        label=self._cluster_head(child),
                        style="rounded,filled",
                        fillcolor=t.backward if backward else t.cluster,
                        color=t.backward_border if backward else t.cluster_border,
                        labeljust="l",
                        margin="12",
                    )
                    self._contents(inner, child)
            else:
                self._closed(dot, child)

    def _cluster_head(self, group: Group) -> str:
        t = self.theme
        described = group.scope.described if group.scope is not None else ""
        told = _font(f"<B>{escape(shortened(group.label))}</B>", t.text, 11)
        told += " " + _font(escape(shortened(described, 30)), t.quiet, 10) if described else ""
        told += "  " + _font(f"<I>{escape(shortened(group.name))}</I>", t.name, 10) * bool(
            group.name
        )
        return f"<{told}  {_font(escape(group.told), t.faint, 9) if group.told else ''}>"

    def _card(self, dot: Any, op: Op) -> None:
        t, kind = self.theme, self.scene.kinds[op.id]
        colours = t.kinds[kind]
        if op.phase == "backward":
            colours = colours._replace(fill=t.backward, border=t.backward_border)
        head, name = (op.op, op.name) if op.op else (op.label, "")
        rules = self.graph.rules.get(op.op, {})
        tip = "\n".join(f"{x}: {rule}" for x, rule in rules.items() if x in op.inputs)
        told = [self._head(head, attributes(op), name, colours), self._facts(op, colours)]
        dot.node(
            f"n{op.id}",
            label=_table(told),
            fillcolor=colours.fill,
            color=colours.border,
            tooltip=graphviz.escape(printable_lines(tip) or clean(head)),
            **({} if op.grads else {"style": "rounded,filled,dashed"}),
        )

    def _closed(self, dot: Any, group: Group) -> None:
        t, ops = self.theme, self.contents[group]
        kind = self.scene.kind_of_group(group)
        last = self.graph.ops[self.scene.exit(ops)]
        ends = self.scene.kinds[last.id] == "output" and group.kind == "function"
        colours = t.kinds["output" if ends else kind]
        if group.phase == "backward":
            colours = colours._replace(fill=t.backward, border=t.backward_border)
        attribute = f"×{group.count}" if group.count > 1 else self.scene.attributes(group)
        name = last.name if group.kind == "function" else group.name
        told = [self._head(group.label, attribute, name, colours), self._facts(last, colours)]
        if group.told:
            told.append(_font(escape(group.told), t.faint, 8))
        memory = sum(self.graph.ops[i].memory for i in ops)
        if self.memory and memory > last.memory:
            told.append(_font(f"saves {size(memory)} in all", t.faint, 8))
        dot.node(
            f"g{group.id}",
            label=_table(told),
            fillcolor=colours.fill,
            color=colours.border,
            tooltip=graphviz.escape(f"{clean(group.label)}: {len(ops):,} nodes"),
            **({"peripheries": "2"} if group.kind == "repeat" else {}),
        )

    # ----- Lines -----

    def _edges(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        t = self.theme
        known: set[tuple[str, str, str]] = set()
        for i, head in self.cards.items():
            op = self.graph.ops[i]
            for argument, operand in self.scene.inputs(op).items():
                tail = self.cards[operand]
                pair = _key(tail), _key(head)
                both_shown = isinstance(tail, int) and isinstance(head, int)
                use = (*pair, argument if both_shown else "")  # x * x uses x twice
                if tail is head or use in known:
                    continue
                known.add(use)
                source = self.graph.ops[operand]
                leaf = isinstance(tail, int) and source.kind != "op"
                same = self.scene.homes[operand] is self.scene.homes[i]
                options = {
                    "weight": ("20" if same else "6") if operand in self.scene.spine else "1"
                }
                if source.kind == "parameter" and leaf:
                    options["color"] = t.parameter_edge
                if not source.grads:
                    options |= {"style": "dashed", "color": t.faint}
                if source.phase == "forward" and op.phase == "backward":
                    options |= {"style": "dotted", "color": t.faint, "weight": "0"}
                elif isinstance(head, int) and argument in op.broadcast:
                    options["label"] = "broadcast"
                if "~" in argument:  # past what is hidden
                    options |= {"style": "dotted", "arrowhead": "open"}
                yield (*pair, options)


def _key(card: int | Group) -> str:
    return f"n{card}" if isinstance(card, int) else f"g{card.id}"


def _font(text: str, colour: str, size: int) -> str:
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{text}</FONT>'


def _table(rows: list[str], align: str = "CENTER") -> str:
    cells = "".join(f'<TR><TD ALIGN="{align}">{row}</TD></TR>' for row in rows if row)
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>>'


def dot_text(
    scene: Scene, theme: Theme, direction: str = "", *, values: bool = False, memory: bool = False
) -> str:
    """Write a scene as DOT.

    Parameters
    ----------
    scene
        What is to be seen.
    theme
        Its colours.
    direction
        "TB" (from top to bottom) or "LR"; "" for LR below 12 cards.
    values
        Whether cards say the mean and standard deviation of their values.
    memory
        Whether they say what they save for the backward pass.
    """
    return _Writer(scene, theme, direction, values, memory).write()
