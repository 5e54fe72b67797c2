"""How time grows with size: `python -m benchmarks.growth`, some minutes; `--quick` for a look.

The exponent of a curve is the slope of log time over log size, by least squares over the upper half
of the range, where overhead no longer counts: 1 says that twice the size takes twice the time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from benchmarks.__main__ import listed, rounds
from benchmarks.client import PeerError, Worker
from benchmarks.curves import CURVES, Curve
from benchmarks.measure import compare
from benchmarks.peers import PEERS, RIVAL
from benchmarks.tables import Table, as_markdown, figure, print_table
from benchmarks.workloads import WORKLOADS
from viz.plots.style import Theme, canvas, clean, powers, theme_of
from viz.plots.text import plain, write

COLUMNS = 4
BUDGET = 3.0  # seconds for one size and peer


@dataclass
class Growth:
    """What was measured of a curve: sizes and seconds for each peer, and what did not run."""

    curve: Curve
    points: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def exponent(self, peer: str) -> float | None:
        """Give the slope of a peer's curve, if it has two points or more to fit."""
        return slope(self.points.get(peer, []))


def slope(points: Sequence[tuple[int, float]]) -> float | None:
    """Fit log t over log n, for the points in the upper half of the range of log n.

    Examples
    --------
    >>> round(slope([(1, 5.0), (10, 5.5), (100, 20.0), (1000, 200.0), (10_000, 2000.0)]), 12)
    1.0
    """
    if len(points) < 2:
        return None
    n, t = np.log(np.array(points, float)).T
    upper = n >= (n.min() + n.max()) / 2 - 1e-9
    if upper.sum() < 2:
        upper[np.argsort(n)[-2:]] = True
    return float(np.polyfit(n[upper], t[upper], 1)[0])


def measured(curve: Curve, peers: Sequence[str], times: int, quick: bool) -> Growth:
    """Check and measure every size."""
    found = Growth(curve, {peer: [] for peer in peers})
    for n in curve.range(quick):
        print(f"{curve.axis} {n}", end=" ", file=sys.stderr, flush=True)
        result = compare(WORKLOADS[curve.workload], peers, times, BUDGET, curve.sizes(n))
        for peer, timing in result.timings.items():
            found.points[peer].append((n, timing.quiet))
        found.failures += [
            f"{peer}, {curve.axis} {n}: {why}" for peer, why in result.failures.items()
        ]
    return found


# ----- What it looks like -----


def table(growths: Sequence[Growth], peers: Sequence[str]) -> Table:
    """Give exponents and the times of the largest sizes."""
    rows = []
    for growth in growths:
        c = growth.curve
        slopes = [growth.exponent(peer) for peer in peers]
        last = [growth.points[peer][-1:] for peer in peers]
        sizes = [n for points in growth.points.values() for n, _ in points] or [c.low, c.high]
        cells = [f"{min(sizes):,} to {max(sizes):,}", f"{c.wanted}"]
        cells += ["–" if s is None else f"{s:.2f}" for s in slopes]
        cells += [figure(1e3 * p[0][1] if p else None) for p in last]
        rows.append((c.axis, *cells))
    head = [f"{peer}, n^" for peer in peers] + [f"{peer}, ms" for peer in peers]
    return Table("Exponents, and times at the largest n", ("", "n", "expected, n^", *head), rows)


def picture(growths: Sequence[Growth], peers: Sequence[str], theme: str = "light") -> Figure:
    """Draw a panel for each curve, both axes logarithmic."""
    look = theme_of(theme)
    columns = min(COLUMNS, len(growths))
    lines = -(-len(growths) // columns)
    told = "Forward and backward of one step, in ms. Dotted: what the operations alone would give."
    drawn = canvas(look, 3.1 * columns, 2.6 * lines, "How time grows with size", told)
    for i, growth in enumerate(growths):
        axes = clean(drawn.add_subplot(lines, columns, i + 1), look, "both")
        panel(axes, growth, peers, look)
    return drawn


def panel(axes: Axes, growth: Growth, peers: Sequence[str], look: Theme) -> None:
    """Draw one curve for each peer, its name and exponent beside the title."""
    c = growth.curve
    axes.set_xscale("log")
    axes.set_yscale("log")
    for i, peer in enumerate(peers):
        points = growth.points[peer]
        if points:
            n, t = np.array(points, float).T
            axes.plot(n, 1e3 * t, marker="o", markersize=3, linewidth=1.8, **look.stroke(i))
        power = growth.exponent(peer)
        text = f"{peer} n^{power:.2f}" if power is not None else f"{peer} –"
        place = {"transform": axes.transAxes, "va": "top"}
        write(axes, 0.04, 0.96 - 0.1 * i, text, look.stroke(i)["color"], 8.5, **place)
    longest = max(growth.points.values(), key=len)
    if longest:
        (first, _), (last, top) = longest[0], longest[-1]
        start = 1e3 * top * (first / last) ** c.wanted
        low, high = axes.get_ylim()
        axes.plot([first, last], [start, 1e3 * top], ":", color=look.faint, linewidth=1, zorder=0)
        axes.set_ylim(low, high * 4)  # room for the names
    powers(axes.xaxis)
    powers(axes.yaxis)
    axes.set_title(c.title, loc="left", **plain(9, look.ink))


# ----- The command -----


def answering(names: Sequence[str]) -> list[str]:
    """Give those peers that are there."""
    found = []
    for name in names:
        try:
            with Worker(PEERS[name]) as worker:
                worker.ask("about")
            found.append(name)
        except PeerError as error:
            print(f"{name} {error}", file=sys.stderr)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and write `<out>.md`, `.svg` and `.png`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, and two rounds")
    parser.add_argument(
        "--only", type=lambda text: listed(text, CURVES, "curve"), default=list(CURVES)
    )
    parser.add_argument("--rounds", type=rounds, metavar="N", help="for each size")
    parser.add_argument("--out", type=Path, default=Path("growth"), help="files, without the end")
    chosen = parser.parse_args(arguments)
    peers = answering(["autonn", RIVAL])
    times = chosen.rounds or (2 if chosen.quick else 5)
    found = [measured(CURVES[name], peers, times, chosen.quick) for name in chosen.only]
    print(file=sys.stderr)
    shown, failures = table(found, peers), [why for growth in found for why in growth.failures]
    print_table(Console(), shown)
    for why in failures:
        print(why)
    text = "\n\n".join([as_markdown(shown), *failures])
    chosen.out.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    drawn = picture(found, peers)
    for end in (".svg", ".png"):
        drawn.savefig(chosen.out.with_suffix(end))
    return 0


if __name__ == "__main__":
    sys.exit(main())
