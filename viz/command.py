"""`autonn graph`: draw a layer, or a model or function in a file."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from autonn.formats import about
from autonn.nn import Module
from autonn.subjects import Shape, in_file, inputs_of, layer, load, taken
from autonn.summary import size
from autonn.tensors import Tensor
from autonn.texts import printable, printable_lines
from autonn.trace import Graph, traced
from viz.drawing import Drawing, draw
from viz.layout import found

WIDTH = 80


def run(
    what: str,
    shapes: Sequence[Shape] = (),
    outputs: Sequence[str] = (),
    *,
    dtype: str = "float64",
    check: bool = False,
    backward: bool = False,
    depth: int | None = None,
    memory: bool = False,
    theme: str = "light",
    direction: str = "",
    show_it: bool = False,
    seed: int = 0,
) -> int:
    """Draw, write files, say which; give the exit status.

    Parameters
    ----------
    what
        The name of a layer, "path/to/file.py:name" (a Module, a function, a Tensor), or a graph
        that was saved as .json.
    shapes
        Of the inputs, which are standard normal numbers.
    outputs
        The files to write; by default "name.html".
    dtype
        Of inputs and parameters.
    check
        Whether to check each rule and each layer's closed form, which the page shows in colours.
    backward
        Whether to draw the operations of the backward pass, too.
    depth, memory, theme, direction
        As in `draw`.
    show_it
        Whether to open the first file in the browser.
    seed
        Of the random numbers.
    """
    paths = list(outputs) or [f"{_stem(what)}.html"]
    drawing = _drawing(
        what, shapes, np.dtype(dtype), check, backward, seed,
        depth=depth, memory=memory, theme=theme, direction=direction,
    )  # fmt: skip
    for path in paths:
        written = drawing.save(path)
        print(printable(f"{written}  {size(written.stat().st_size)}"))
    for text in (f"{drawing.scene.title}: {drawing.scene.subtitle}", *drawing.scene.notes):
        print(fill(text, WIDTH))
    if check:
        _tell_errors(drawing.graph)
    if show_it:
        webbrowser.open(Path(paths[0]).resolve().as_uri())
    return 0


def _stem(what: str) -> str:
    place = in_file(what)
    return Path(what).stem if place is None else place[1]


def _drawing(
    what: str, shapes: Sequence[Shape], dtype: Any, check: bool, backward: bool, seed: int,
    **options: Any,
) -> Drawing:  # fmt: skip
    options["show"] = "both" if backward else "forward"
    if what.endswith(".json"):
        path = Path(what)
        with about(path, "a graph of autonn"):
            graph = Graph.from_json(path.read_bytes())
        return draw(graph, **options)
    rng = np.random.default_rng(seed)
    place = in_file(what)
    if place is None:
        thing, *inputs = layer(what, shapes, rng)
    else:
        thing = taken(load(place[0]), *place)
        inputs = [] if isinstance(thing, Tensor | Graph) else inputs_of(thing, shapes, rng)
    if isinstance(thing, Tensor | Graph):
        return draw(thing, **options)
    if isinstance(thing, Module):
        thing = thing.astype(dtype)
    inputs = [_cast(x, dtype) for x in inputs]
    try:
        graph = traced(thing, *inputs, recorded=backward, check=check)
    except (ValueError, TypeError) as error:
        if shapes or place is None:
            raise
        told = f"{error}. The shapes of the inputs are given with --input, as in --input 1,1,28,28"
        raise type(error)(told) from None
    return draw(graph, **options)


def _cast(x: Any, dtype: Any) -> Any:
    """Give an input in a dtype, with a name and a gradient if it is of floating point."""
    if isinstance(x, tuple):
        return tuple(_cast(part, dtype) for part in x)
    x = np.asarray(x)
    return Tensor(x.astype(dtype), requires_grad=True) if x.dtype.kind == "f" else x


def _tell_errors(graph: Graph) -> None:
    for scope in graph.scopes:
        if scope.verdict:
            named = f"{scope.label} {scope.name}".strip()
            told = f"{scope.verdict}, error against the closed form {scope.error:.1e}"
            print(printable_lines(f"{named}: {told}"))
    first = graph.diverging
    if first is not None:
        op = graph.ops[first]
        errors = ", ".join(f"{x}: {error:.1e}" for x, error in op.errors.items())
        where = op.code or op.site
        told = (
            f"the first wrong rule of the backward pass is that of {op.op} ({errors}), at {where}"
        )
        print(printable(told))


def engine() -> str:
    """Say which Graphviz lays out pictures."""
    return found() or "none"
