"""Measure what an operation costs: `python -m benchmarks`, or `make bench`.

All engines run in turn, in interleaved rounds; the best round of each counts, and the ratio to
PyTorch's in the same run. Every workload's gradients are compared before anything is timed.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.engines import Engine, engines

Workload = Callable[[Engine], tuple[Callable[..., Any], list[np.ndarray], int]]


def chain_of_small_operations(e: Engine) -> tuple[Callable[..., Any], list[np.ndarray], int]:
    """W1: 1,000 times x * 1.0001 + 0.0001, tanh every 10th time, on 10 float32 numbers."""

    def f(x: Any) -> Any:
        for i in range(1000):
            x = x * 1.0001 + 0.0001
            if i % 10 == 9:
                x = e.tanh(x)
        return x.sum()

    return f, [np.linspace(-1, 1, 10, dtype=np.float32)], 2100


def small_network(e: Engine) -> tuple[Callable[..., Any], list[np.ndarray], int]:
    """W2: gradients of a 2-16-16-1 tanh network on a batch of 32, mean squared error, float32."""
    rng = np.random.default_rng(0)
    shapes = [(32, 2), (2, 16), (16,), (16, 16), (16,), (16, 1), (1,)]

    def f(x: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
        return e.mean_square(e.tanh(e.tanh(x @ W1 + b1) @ W2 + b2) @ W3 + b3)

    return f, [rng.normal(size=s).astype(np.float32) for s in shapes], 1


def chain_of(n: int) -> Workload:
    """W9: n additions of one number: does the cost of a node grow with the graph?"""

    def workload(e: Engine) -> tuple[Callable[..., Any], list[np.ndarray], int]:
        def f(x: Any) -> Any:
            for _ in range(n):
                x = x + 1.0
            return x.sum()

        return f, [np.array([1.0], np.float32)], n

    workload.__doc__ = f"W9: a chain of {n:,} additions of one number."
    return workload


WORKLOADS: dict[str, tuple[Workload, int]] = {
    "W1 µs/op": (chain_of_small_operations, 15),
    "W2 µs": (small_network, 300),
    "W9 1,000 µs/node": (chain_of(1000), 15),
    "W9 100,000 µs/node": (chain_of(100_000), 3),
    "W9 1,000,000 µs/node": (chain_of(1_000_000), 2),
}


def measure(workload: Workload, rounds: int, found: list[Engine]) -> dict[str, float]:
    """Give each engine's best time per unit, in microseconds."""
    runs = {e.name: (e, *workload(e)) for e in found}
    reference: list[np.ndarray] = []
    for name, (e, f, arrays, _) in runs.items():
        gradients = e.gradients(f, arrays)
        reference = reference or gradients
        for a, b in zip(gradients, reference, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5, err_msg=name)
    best = dict.fromkeys(runs, np.inf)
    for _ in range(rounds):
        for name, (e, f, arrays, units) in runs.items():
            start = perf_counter()
            e.gradients(f, arrays)
            best[name] = min(best[name], (perf_counter() - start) / units * 1e6)
    return best


def main() -> None:
    """Measure, print a table, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    options = parser.parse_args()
    found = engines()
    gc.collect()
    gc.freeze()  # what the imports made is not scanned again and again
    torch = next((e.name for e in found if e.name.startswith("torch")), None)
    table = Table(title="forward and backward, best of interleaved rounds (ratio to torch)")
    table.add_column("")
    for e in found:
        table.add_column(e.name, justify="right")
    figures = {}
    for name, (workload, rounds) in WORKLOADS.items():
        few = [
            e for e in found if "1,000,000" not in name or e.name.startswith(("autonn", "torch"))
        ]
        figures[name] = best = measure(workload, rounds, few)
        ratio = {k: f" ({v / best[torch]:.2f})" if torch else "" for k, v in best.items()}
        table.add_row(
            name, *(f"{best[e.name]:.2f}{ratio[e.name]}" if e in few else "–" for e in found)
        )
    Console().print(table)
    machine = f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}"
    print(machine)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1))


if __name__ == "__main__":
    main()
