"""`autonn compare`: the verdict on every layer, on one, or on a function in a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from autonn.check import CATALOGUE, Report, compare
from autonn.nn import Module
from autonn.subjects import Shape, in_file, inputs_of, layer, load, taken
from autonn.texts import printable

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
    what: Sequence[str] = (),
    shapes: Sequence[Shape] = (),
    dtype: str = "float64",
    exact: bool = False,
    html: str | None = None,
    to_json: str | None = None,
    seed: int = 0,
    console: Console | None = None,
) -> int:
    """Compare, print what was found, write files; give 0 if all agree, 1 if not."""
    reports = judged(what, shapes, dtype, exact, seed, console)
    if html is not None:
        tables = "\n".join(report.to_html() for report in reports)
        Path(html).write_text(PAGE.format(told=_count(reports), reports=tables), encoding="utf-8")
    if to_json is not None:
        found = [json.loads(report.to_json()) for report in reports]
        Path(to_json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return int(not all(report.ok for report in reports))


def judged(
    what: Sequence[str] = (),
    shapes: Sequence[Shape] = (),
    dtype: str = "float64",
    exact: bool = False,
    seed: int = 0,
    console: Console | None = None,
) -> list[Report]:
    """Compare, print what was found, and give it; by default all layers."""
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
    style = "green" if all(report.ok for report in reports) else "bold red"
    console.print(Text(f"{_count(reports)}, in {perf_counter() - start:.1f} s", style=style))
    return reports


def _count(reports: Sequence[Report]) -> str:
    return f"{sum(report.ok for report in reports)} of {len(reports)} agree"


def subject(name: str, shapes: Sequence[Shape], seed: int) -> list[Any]:
    """Give what to compare and its inputs, of a layer's name or of "path/to/file.py:name".

    In a file that is a function and its `name_backward`, or a class with both.
    """
    rng = np.random.default_rng(seed)
    place = in_file(name)
    if place is None:
        return layer(name, shapes, rng)
    path, inner = place
    module = load(path)
    if not hasattr(module, inner) and hasattr(module, f"{inner}_forward"):
        inner = f"{inner}_forward"
    thing = taken(module, path, inner)
    inputs = inputs_of(thing, shapes, rng)
    if isinstance(thing, Module) or (hasattr(thing, "forward") and hasattr(thing, "backward")):
        return [thing, *inputs]
    names = [f"{inner}_backward", f"{inner.removesuffix('_forward')}_backward"]
    for backward in names:
        if hasattr(module, backward):
            return [thing, getattr(module, backward), *inputs]
    raise ValueError(f"{path} has no {names[-1]}: what gives the gradients of {inner}?")


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
    table.add_column("layer", no_wrap=True)
    for column in ("closed form", "numerical", "time"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for name, report in zip(names, reports, strict=True):
        numerical = max((row.numerical for row in report.rows), default=0.0)
        cells = (f"{report.worst:.1e}", f"{numerical:.1e}", f"{report.ratio:.1f}x")
        table.add_row(Text(printable(name)), *cells, coloured(report))
    table.caption = "relative errors against autograd; autograd's time over the closed form's"
    return table


def detailed(report: Report) -> Table:
    """Give a line for each input and parameter."""
    title = Text(f"{report.title}, {report.dtype}", style="table.title")
    table = Table(title=title, caption=report.timing(), box=SIMPLE_HEAD)
    for column in ("gradient", "shape", "norm", "rel. error", "ulp", "numerical"):
        table.add_column(column, justify="left" if column in ("gradient", "shape") else "right")
    table.add_column("verdict")
    for row, cells in zip(report.rows, report.cells(), strict=True):
        verdict = Text(row.status, style="green" if row.ok else "bold red")
        table.add_row(Text(cells[0]), *cells[1:3], *cells[4:7], verdict)
    return table
