"""`draw`: a picture of a graph, which shows itself in a notebook and saves itself as a file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from autonn.arguments import Count, checked, shown
from autonn.files import replacing
from autonn.tensors import Tensor
from autonn.trace import Graph, Op, graph_of, traced
from viz.dot import dot_text
from viz.groups import LARGEST, Group, close, open_readable, open_to, visible
from viz.layout import LayoutError, render
from viz.page import page
from viz.scene import Scene
from viz.theme import THEMES
from viz.tree import tree

FORMATS = (".svg", ".png", ".pdf", ".gv", ".html", ".json")


class Drawing:
    """A picture of a graph.

    Attributes
    ----------
    graph
        What it shows, as data.
    scene
        What each card says.
    dot
        The picture as DOT.
    """

    def __init__(self, scene: Scene, dot: str, theme: str) -> None:
        self.graph, self.scene, self.dot, self.theme = scene.graph, scene, dot, theme

    def __repr__(self) -> str:
        cards = len(set(visible(self.scene.root).values()))
        return f"Drawing({self.scene.title!r}, {len(self.graph):,} nodes on {cards:,} cards)"

    def _repr_mimebundle_(self, **ignored: Any) -> dict[str, str]:
        try:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except LayoutError as error:
            return {"text/plain": f"{self!r}\n{error}"}

    def svg(self) -> str:
        """Give the picture as SVG."""
        return _lifted(render(self.dot, "svg").decode(), THEMES[self.theme].cluster)

    def html(self) -> str:
        """Give the interactive page, a file that needs nothing else."""
        return page(self.scene.data("dark" if self.theme == "dark" else "auto"))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save the picture; give the path.

        Parameters
        ----------
        path
            Its ending says what is written: .svg, .png or .pdf (laid out by Graphviz), .gv (DOT),
            .html (the page that steps through the backward pass) or .json (the graph as data).

        Raises
        ------
        TypeError
            For what is no name of a file.
        ValueError
            For another ending.
        OSError
            When the file cannot be written.
        LayoutError
            When no Graphviz is there or works; the DOT text is saved beside, with the ending .gv.
        """
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"save: path={shown(path)}; want the name of a file")
        target = Path(path).expanduser()
        ending = target.suffix.lower()
        if ending not in FORMATS:
            near = get_close_matches(ending, FORMATS, 1)
            told = f"; did you mean {near[0]}?" if near else ""
            known, seen = ", ".join(FORMATS), ending or "nothing"
            raise ValueError(f"save: {target.name!r} ends in {seen}; it can end in {known}{told}")
        if not target.parent.is_dir():
            raise FileNotFoundError(f"save: there is no folder {str(target.parent)!r}")
        if target.is_dir():
            raise IsADirectoryError(f"save: {str(target)!r} is a folder")
        try:
            written = self._bytes(ending)
        except LayoutError as error:
            source = target.with_suffix(".gv")
            _write(source, self.dot.encode())
            error.source = source
            raise
        _write(target, written)
        return target

    def _bytes(self, ending: str) -> bytes:
        if ending == ".html":
            return self.html().encode()
        if ending == ".json":
            return self.graph.to_json().encode()
        if ending == ".svg":
            return self.svg().encode()
        return self.dot.encode() if ending == ".gv" else render(self.dot, ending[1:])


def _lifted(svg: str, halo: str) -> str:
    """Draw the groups' titles last, with a halo, so that lines pass behind them."""
    titles: list[str] = []

    def without_text(group: re.Match[str]) -> str:
        titles.extend(_TEXT.findall(group[0]))
        return _TEXT.sub("", group[0])

    rest, end, after = _CLUSTER.sub(without_text, svg).rpartition("</g>")
    style = f"paint-order:stroke;stroke:{halo};stroke-width:5px;stroke-linejoin:round"
    return f'{rest}<g style="{style}">\n{"".join(titles)}</g>\n{end}{after}'


_CLUSTER = re.compile(r'<g id="clust\d+" class="cluster">.*?</g>', re.DOTALL)
_TEXT = re.compile(r"<text .*?</text>\n?", re.DOTALL)


def _write(path: Path, written: bytes) -> None:
    """Write a file so that it is never there by half, with the rights that it had."""
    with replacing(path) as file:
        file.write(written)


@checked
def draw(
    what: Any,
    *inputs: Any,
    show: str = "forward",
    depth: Count | None = None,
    collapse: Callable[[Group], bool] | None = None,
    hide: Callable[[Op], bool] | None = None,
    fold: bool | None = None,
    values: bool = False,
    gradients: bool = True,
    memory: bool = False,
    direction: str = "",
    theme: str = "light",
    title: str = "",
) -> Drawing:
    """Draw a computation graph: what a Tensor was computed from, a traced run, or a model's call.

    Parameters
    ----------
    what
        A Tensor (or several, in a list): what it was computed from, as far as its graph tells. A
        `Graph` of `autonn.trace`, which knows the layers, source lines and constants, too. Or a
        model or function, which is called on `inputs` and traced.
    inputs
        For a model or function: what it is called with. Of a model a copy is called, so that its
        running statistics stay. Where the output is no single number, gradients are those of the
        output times standard normal numbers, summed; the picture says so.
    show
        "forward", "backward" (the operations of the backward pass) or "both".
    depth
        How many levels of layers are open. By default as many as can be read.
    collapse
        Says of a `Group` whether it is to be one card: `lambda group: group.label == "Linear"`.
    hide
        Says of an `Op` whether to leave it out; lines then lead past it:
        `lambda op: not op.grads`.
    fold
        Whether chains of identical blocks are drawn as one card, with their number. By default if
        there are more than 150 cards otherwise.
    values, gradients, memory
        Whether cards say the mean and deviation of their values, the norm of their gradient, what
        is saved for the backward pass. Gradients of a Tensor are found by a backward pass that
        leaves no trace in `grad`; its output must be one number, and its graph not yet used up.
    direction
        "TB", from top to bottom, or "LR"; by default LR for the smallest graphs.
    theme
        "light", "dark" or "print".
    title
        What stands above; by default the layers.

    Returns
    -------
    Drawing
        Shows itself in a notebook; `save("net.svg")`, also .png, .pdf, .gv, .html and .json.

    Raises
    ------
    TypeError, ValueError
        For what cannot be drawn, such as a Tensor without history, and unknown options.

    Examples
    --------
    >>> from autonn import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> draw((x * x).sum())
    Drawing('sum', 3 nodes on 3 cards)
    """
    _check("show", show, ("forward", "backward", "both"))
    _check("theme", theme, tuple(THEMES))
    _check("direction", direction, ("", "TB", "LR"))
    graph = _graph(what, inputs, show, gradients)
    shown = _shown(graph, show, hide)
    root = tree(graph, shown, fold=fold)
    if not any(True for _ in root.ops()):
        raise ValueError(f"draw: nothing to show: the graph has {len(graph)} nodes, all left out")
    if depth is None:
        open_readable(root)
    else:
        open_to(root, depth)
    if collapse is not None:
        close(root, collapse)
    while len(set(visible(root).values())) > LARGEST:  # too much for any sheet
        close(root, _deepest_open(root))
    phases = ("backward",) if show == "backward" else ("forward", "backward")
    scene = Scene(graph, root, title, phases)
    if not gradients:
        scene.norms = dict.fromkeys(scene.norms)
    return Drawing(
        scene, dot_text(scene, THEMES[theme], direction, values=values, memory=memory), theme
    )


def _check(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        near = get_close_matches(value, known, 1)
        told = f"; did you mean {near[0]!r}?" if near and near[0] else ""
        wanted = ", ".join(map(repr, known))
        raise ValueError(f"draw: {name} is {value!r}; want one of {wanted}{told}")


def _graph(what: Any, inputs: Sequence[Any], show: str, gradients: bool) -> Graph:
    """Give what is to be drawn as data."""
    backward = show != "forward"
    if isinstance(what, Graph | Tensor | list | tuple) and inputs:
        raise TypeError(
            f"draw: {type(what).__name__} takes no inputs; only a model or a function is called"
        )
    if isinstance(what, Graph):
        if backward and not any(op.phase == "backward" for op in what):
            raise ValueError(
                "draw: this graph holds no backward pass: trace one, with "
                "backward(create_graph=True)"
            )
        return what
    if isinstance(what, Tensor):
        return graph_of(what, gradients=gradients, backward=backward)
    if isinstance(what, list | tuple):
        return graph_of(*what, gradients=gradients, backward=backward)
    if callable(what):
        return traced(what, *inputs, backward=gradients or backward, recorded=backward)
    raise TypeError(
        f"draw: cannot draw a {type(what).__name__}; want a Tensor, a Graph (of autonn.trace), or "
        "a model or function with its inputs"
    )


def _shown(graph: Graph, show: str, hide: Callable[[Op], bool] | None) -> Callable[[Op], bool]:
    """Say which operations are shown: of one pass alone, also what it takes from the other."""
    taken: set[int] = set()
    stack = [op.id for op in graph if op.phase == show]
    while stack and show != "both":
        for i in graph.ops[stack.pop()].inputs.values():
            other = graph.ops[i].phase != show
            if other and i not in taken:
                taken.add(i)
                if show == "forward":  # a gradient that is computed with: all of its making
                    stack.append(i)

    def shown(op: Op) -> bool:
        wanted = show == "both" or op.phase == show or op.id in taken
        return wanted and not (hide is not None and hide(op))

    return shown


def _deepest_open(root: Group) -> Callable[[Group], bool]:
    depths = {root: 0}
    for group in root.groups():
        if group.parent is not None:
            depths[group] = depths[group.parent] + 1
    deepest = max((d for group, d in depths.items() if group.is_open), default=0)
    return lambda group: depths[group] == deepest
