"""`autonn compare`: the verdict on every layer, on one, or on a function in a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.util import module_from_spec, spec_from_file_location
from inspect import Parameter, isclass, signature
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from autonn.check import CATALOGUE, Report, compare
from autonn.nn import Module

Shape = tuple[int, ...]

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>autonn compare</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c }}
body {{ max-width: 60em; margin: 2em auto; padding: 0 1em }}
h3 {{ margin: 2em 0 .3em }} p {{ margin: .4em 0; color: #444 }}
table {{ border-collapse: collapse; font-size: 14px }}
th, td {{ padding: .25em .8em; text-align: right; border-bottom: 1px solid #ddd }}
th:first-child, td:first-child, th:last-child, td:last-child {{ text-align: left }}
</style>
<h1>Autograd against closed forms</h1>
<p>{told}</p>
{reports}
</html>
"""


def run(
    what: Sequence[str],
    shapes: Sequence[Shape] = (),
    dtype: str = "float64",
    exact: bool = False,
    html: str | None = None,
    to_json: str | None = None,
    seed: int = 0,
    console: Console | None = None,
) -> int:
    """Compare, print what was found, write files; give 0 if all agree, 1 if not."""
    console = console or Console()
    start = perf_counter()
    names = list(what) or list(CATALOGUE)
    reports: list[Report] = []
    for name in track(names, "comparing", console=console, transient=True, disable=len(names) < 2):
        reports.append(compare(*subject(name, shapes, seed), dtype=np.dtype(dtype), exact=exact))
    if what:
        for report in reports:
            console.print(detailed(report))
            if report.verdict != "all agree":
                style = "green" if report.ok else "bold red"
                console.print(Text(report.verdict, style=style), soft_wrap=False)
    else:
        console.print(overview(reports, names))
        for report in reports:
            if not report.ok:
                console.print(Text(f"{report.title}: {report.verdict}", style="bold red"))
    wrong = sum(not report.ok for report in reports)
    seconds = perf_counter() - start
    told = f"{len(reports) - wrong} of {len(reports)} agree, in {seconds:.1f} s"
    console.print(Text(told, style="green" if not wrong else "bold red"))
    if html is not None:
        page = PAGE.format(told=told, reports="\n".join(report.to_html() for report in reports))
        Path(html).write_text(page, encoding="utf-8")
    if to_json is not None:
        found = [json.loads(report.to_json()) for report in reports]
        Path(to_json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return int(wrong > 0)


def subject(name: str, shapes: Sequence[Shape], seed: int) -> list[Any]:
    """Give what to compare and its inputs, of a layer's name or of "path/to/file.py:name"."""
    rng = np.random.default_rng(seed)
    path, colon, inner = name.rpartition(":")
    if colon and path.endswith(".py"):
        return from_file(Path(path), inner, shapes, rng)
    if name not in CATALOGUE:
        near = get_close_matches(name, CATALOGUE, 3)
        told = f"; near it are {', '.join(near)}" if near else f"; there are {', '.join(CATALOGUE)}"
        raise ValueError(f"no layer {name!r}{told}")
    entry = CATALOGUE[name]
    shape = shapes[0] if shapes else entry.shape
    return [entry.layer(rng, shape), *entry.inputs(rng, shape)]


def from_file(
    path: Path, name: str, shapes: Sequence[Shape], rng: np.random.Generator
) -> list[Any]:
    """Give a function of a file and its `name_backward`, or a class with both, and random inputs.

    Each argument without a default is an array of the shape given for it, or of the last one given.
    """
    module = load(path)
    if not hasattr(module, name) and hasattr(module, f"{name}_forward"):
        name = f"{name}_forward"
    if not hasattr(module, name):
        there = [k for k, v in vars(module).items() if callable(v) and not k.startswith("_")]
        raise ValueError(f"{path} has no {name!r}; there are {', '.join(there)}")
    thing: Any = getattr(module, name)
    thing = thing() if isclass(thing) else thing
    both = hasattr(thing, "forward") and hasattr(thing, "backward")
    call = thing.forward if both or isinstance(thing, Module) else thing
    wanted = [p for p in signature(call).parameters.values() if p.default is Parameter.empty]
    shapes = list(shapes) or [(4, 5)]
    shapes += [shapes[-1]] * (len(wanted) - len(shapes))
    inputs = [rng.normal(size=shape) for _, shape in zip(wanted, shapes, strict=False)]
    if both or isinstance(thing, Module):
        return [thing, *inputs]
    names = [f"{name}_backward", f"{name.removesuffix('_forward')}_backward"]
    for backward in names:
        if hasattr(module, backward):
            return [thing, getattr(module, backward), *inputs]
    raise ValueError(f"{path} has no {names[-1]}: what gives the gradients of {name}?")


def load(path: Path) -> ModuleType:
    """Run a file as a module."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


# ----- What the terminal shows -----


def coloured(report: Report) -> Text:
    """Give the verdict in green or red."""
    if report.ok:
        zeros = [row.name for row in report.rows if row.status == "structurally zero"]
        return Text("agree" + (f" ({', '.join(zeros)}: 0)" if zeros else ""), style="green")
    wrong = [row.status for row in report.rows if not row.ok] or ["the outputs differ"]
    return Text(wrong[0], style="bold red")


def overview(reports: Sequence[Report], names: Sequence[str]) -> Table:
    """Give a line for each layer."""
    table = Table(title="Autograd, closed form, numerical differentiation", box=SIMPLE_HEAD)
    table.add_column("layer")
    for column in ("closed form", "numerical", "time"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for name, report in zip(names, reports, strict=True):
        numerical = max((row.numerical for row in report.rows), default=0.0)
        cells = (f"{report.worst:.1e}", f"{numerical:.1e}", f"{report.ratio:.1f}x")
        table.add_row(name, *cells, coloured(report))
    table.caption = "relative errors against autograd; autograd's time over the closed form's"
    return table


def detailed(report: Report) -> Table:
    """Give a line for each input and parameter."""
    table = Table(title=f"{report.title}, {report.dtype}", caption=report.timing(), box=SIMPLE_HEAD)
    for column in ("gradient", "shape", "norm", "rel. error", "ulp", "numerical"):
        table.add_column(column, justify="left" if column in ("gradient", "shape") else "right")
    table.add_column("verdict")
    for row, cells in zip(report.rows, report.cells(), strict=True):
        verdict = Text(row.status, style="green" if row.ok else "bold red")
        table.add_row(*cells[:3], *cells[4:7], verdict)
    return table
