"""How far autograd and the closed forms are apart, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autonn.check import Report
from autonn.check.report import Row
from viz.plots.style import Theme, canvas, clean, items, theme_of
from viz.plots.text import exponent, name_ticks, plain, shown, write

LEAST, MOST = 1e-17, 1.0
LONGEST = 34  # rows of one column


def comparison_errors(
    reports: Sequence[Report] | Mapping[str, Report], *, theme: str = "light"
) -> Figure:
    """Draw each layer's largest relative error, closed form against autograd, and the verdicts.

    Parameters
    ----------
    reports
        What `autonn.compare` gives, several of them, or by name.
    theme
        "light", "dark" or "print".

    Returns
    -------
    Figure
        With dots, from the largest error to the smallest, "wrong" and "right" by their labels; and
        for each a tick, the largest difference that rounding explains.

    Raises
    ------
    TypeError
        For what is no report.
    ValueError
        For none.

    Examples
    --------
    >>> from autonn import compare, nn
    >>> figure = comparison_errors({"tanh": compare(nn.Tanh(), np.array([0.5, -1.0]))})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['tanh']
    """
    look = theme_of(theme)
    named: list[tuple[Any, Any]] = (
        list(reports.items())
        if isinstance(reports, Mapping)
        else [(None, report) for report in items(reports, "reports", "reports")]
    )
    for _, report in named:
        if not isinstance(report, Report):
            raise TypeError(f"reports hold {report!r:.60}; want what autonn.compare(...) gives")
    if not named:
        raise ValueError("reports are empty; want at least one, of autonn.compare(...)")
    names = [report.title.partition("(")[0] if name is None else name for name, report in named]
    found = [report for _, report in named]
    rows = sorted((_Line(n, r) for n, r in zip(names, found, strict=True)), key=_Line.order)
    wrong = sum(not row.ok for row in rows)
    columns = -(-len(rows) // LONGEST)
    height = -(-len(rows) // columns)
    dtype = ", ".join(sorted({r.dtype for r in found}))
    note = (
        f"Largest relative error of each layer's gradients, {dtype}; "
        "the green tick is what rounding can explain."
    )
    size = (5.6 * columns if columns > 1 else 8.0, 0.21 * height + 0.75)
    figure = canvas(look, *size, _finding(rows, wrong), note)
    for i in range(columns):
        axes = clean(figure.add_subplot(1, columns, i + 1), look, "x")
        _panel(axes, rows[i * height : (i + 1) * height], height, look)
    return figure


class _Line:
    """What one report says: the error, the tolerance, who is wrong."""

    def __init__(self, name: object, report: Report) -> None:
        self.name, self.ok = str(name), report.ok
        errors = [row.relative for row in report.rows] or [0.0]
        finite = [e if np.isfinite(e) else np.inf for e in errors]
        self.error = float(max(finite))
        if not self.ok and report.forward is not None:
            self.error = max(self.error, LEAST)
        # Of a gradient that is 0 but for rounding, no relative tolerance says anything.
        scaled = [_relative_tolerance(row) for row in report.rows if "zero" not in row.status]
        self.tolerance = max(scaled, default=0.0)
        lines = [] if self.ok else report.verdict.splitlines()
        lines = [line.replace("the closed form is wrong: ", "") for line in lines]
        self.told = lines[0] if lines else ""

    def order(self) -> tuple[bool, float, str]:
        """The wrong first, then by error."""
        return self.ok, -self.error, self.name


def _relative_tolerance(row: Row) -> float:
    """Give the difference that rounding explains, relative to the gradient's largest element."""
    scale = float(np.max(np.abs(row.autograd), initial=0))
    relative = float(row.tol) / scale if scale > 0 else 0.0
    return relative if np.isfinite(relative) else 0.0


def _finding(rows: Sequence[_Line], wrong: int) -> str:
    """Say in one line what was found."""
    if wrong:
        return f"{wrong} of {len(rows)} disagree with autograd"
    worst = rows[0]
    told = ", to the last bit" if worst.error == 0 else f" to {worst.error:.1e}"
    if len(rows) == 1:
        return f"{shown(worst.name, 24)} agrees with its closed form{told}"
    told += f" (the worst, {shown(worst.name, 20)})" if worst.error else ""
    return f"All {len(rows)} agree with their closed forms{told}"


def _panel(axes: Axes, rows: Sequence[_Line], height: int, theme: Theme) -> None:
    """Draw a row for each layer, the largest error on top."""
    axes.set_xscale("log")
    axes.set_xlim(LEAST / 3, MOST * 3)
    axes.set_ylim(height - 0.4, -0.6)
    ticks = [LEAST, *(10.0**k for k in range(-15, 1, 3))]
    axes.set_xticks(ticks, labels=["0", *(exponent(k) for k in range(-15, 1, 3))])
    axes.set_xticks([], minor=True)
    places = [float(np.clip(row.error, LEAST, MOST)) for row in rows]
    axes.hlines(range(len(rows)), LEAST / 3, places, color=theme.line, linewidth=0.7, zorder=1)
    limits = [(row.tolerance, i) for i, row in enumerate(rows) if LEAST < row.tolerance < MOST]
    tick = {"color": theme.green, "markersize": 7, "markeredgewidth": 1.4}
    if limits:
        x, y = zip(*limits, strict=True)
        axes.plot(x, y, "|", label="tolerance", zorder=2, **tick)  # type: ignore[arg-type]
    for ok, colour, label in ((True, theme.blue, "right"), (False, theme.rose, "wrong")):
        mine = [(places[i], i) for i, row in enumerate(rows) if row.ok == ok]
        if mine:
            x, y = zip(*mine, strict=True)
            axes.plot(x, y, "o", color=colour, markersize=5 + (not ok), label=label, zorder=3)
    for i, row in enumerate(rows):
        if row.told:
            _diagnosis(axes, places[i], i, row.told, theme)
    name_ticks(axes.yaxis, [row.name for row in rows], theme.ink, 44)
    axes.set_xlabel("relative error", **plain(9, theme.soft))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _diagnosis(axes: Axes, x: float, y: int, told: str, theme: Theme) -> None:
    """Write what is wrong beside a dot, where there is more room."""
    left = x > 1e-9
    look = {"ha": "right" if left else "left", "va": "center", "zorder": 4}
    ground = {"facecolor": theme.paper, "edgecolor": "none", "pad": 0.8}
    write(axes, x * (0.35 if left else 3), y, shown(told, 62), theme.rose, 8, bbox=ground, **look)
