"""Time the pictures: `python -m benchmarks.pictures`.

Graphs of about 100, 1,000 and 10,000 nodes: networks of layers (whose widths differ, lest they are
folded) and programs without any structure. Each step is timed once, after a first run of another
graph: what a user waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from autonn import Tensor, nn, trace
from autonn.trace import Graph
from viz import draw


def network(count: int) -> Callable[[], Any]:
    """Give a forward and backward pass through Linear, BatchNorm1d and ReLU layers."""
    rng = np.random.default_rng(0)
    depth = max(1, round(count / 21))
    widths = [4 + i % 5 for i in range(depth + 1)]
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers.append(nn.Sequential(nn.Linear(a, b, rng=rng), nn.BatchNorm1d(b), nn.ReLU()))
    net, x = nn.Sequential(*layers), rng.normal(size=(8, 4)).astype(np.float32)
    return lambda: (net(x) ** 2).sum().backward()


def program(count: int) -> Callable[[], Any]:
    """Give a forward and backward pass through random elementwise operations."""

    def run() -> None:
        rng = np.random.default_rng(0)
        values: list[Any] = [Tensor(np.ones(8, np.float32), requires_grad=True)]
        for _ in range(count // 2):
            other = values[rng.integers(len(values))]
            values.append(np.tanh(values[-1]) + other if rng.random() < 0.5 else np.sin(values[-1]))
        values[-1].sum().backward()

    return run


def measured(run: Callable[[], Any], folder: Path) -> tuple[Graph, list[float], list[int], int]:
    """Give the graph, seconds for each step, sizes of the files, and the number of cards."""
    times = [perf_counter()]
    with trace() as graph:
        run()
    times.append(perf_counter())
    drawing = draw(graph)
    times.append(perf_counter())
    svg = drawing.save(folder / "graph.svg")
    times.append(perf_counter())
    page = drawing.save(folder / "graph.html")
    times.append(perf_counter())
    cards = int(repr(drawing).split(" on ")[1].split()[0].replace(",", ""))
    return graph, list(np.diff(times)), [p.stat().st_size for p in (svg, page)], cards


def main() -> None:
    """Print a table."""
    table = Table(title="Pictures: seconds and kilobytes")
    for name in ("graph", "nodes", "cards", "run, traced", "draw", "svg", "html", "kB", "kB html"):
        table.add_column(name, justify="left" if name == "graph" else "right")
    with TemporaryDirectory() as folder:
        for make in (network, program):
            measured(make(50), Path(folder))
            for count in (100, 1000, 10_000):
                graph, times, sizes, cards = measured(make(count), Path(folder))
                numbers = [f"{len(graph):,}", str(cards), *(f"{t:.2f}" for t in times)]
                table.add_row(make.__name__, *numbers, *(f"{s / 1e3:,.0f}" for s in sizes))
    Console().print(table)


if __name__ == "__main__":
    main()
