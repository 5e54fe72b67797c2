"""Where the time of one step of autonn goes: `python -m benchmarks.profiles W2 W4 W5`.

An observer sees each operation end, forward and backward; the time since the last one is its own,
with the Python that led up to it. Beside it stands a floor: the bytes that it must read and write
over the speed of a large copy, or its products over the speed of a large matmul, whichever lasts
longer. (Small arrays may stay in the caches and go below it.)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console

from autonn.graph import Cotangents, Node, Primitive, state
from autonn.operands import bare
from benchmarks.client import environment
from benchmarks.peers import PEERS
from benchmarks.peers.autonn import steps
from benchmarks.tables import Table, figure, print_table
from benchmarks.workloads import WORKLOADS

REST = "the optimiser, the rest"
LEAST = 0.5  # seconds for which a step is repeated

# The multiplications and additions of a forward pass, of its operands and output.
FLOPS: Mapping[str, Callable[[Sequence[Any], Any], int]] = {
    "matmul": lambda xs, y: 2 * y.size * xs[0].shape[-1],
    "inner": lambda xs, y: 2 * y.size * xs[0].shape[-1],
    "conv": lambda xs, y: 2 * y.size * xs[1][0].size,
}


@dataclass
class Row:
    """What one primitive does in a step: seconds, bytes that must move, flops."""

    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    moved: int = 0
    flops: int = 0


@dataclass
class Profile:
    """An observer of one step.

    Attributes
    ----------
    rows
        By the names of primitives, and `REST`.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    _last: float = 0.0
    _kept: dict[int, tuple[int, int]] = field(default_factory=dict)  # bytes and flops by node

    def row(self, name: str) -> Row:
        """Give the row of a primitive."""
        return self.rows.setdefault(name, Row())

    def watch(self, step: Callable[[], None]) -> Profile:
        """Watch one run."""
        with state(self):
            self._last = perf_counter()
            step()
            self.row(REST).forward += perf_counter() - self._last
        return self

    @property
    def seconds(self) -> float:
        """The whole time."""
        return sum(row.forward + row.backward for row in self.rows.values())

    def forward(
        self, primitive: Primitive, operands: Sequence[Any], params: Mapping[str, Any], y: Any
    ) -> None:
        """See one operation end."""
        row = self.row(primitive.name)
        row.forward += perf_counter() - self._last
        xs, out = [bare(x) for x in operands], bare(y)
        row.calls += 1
        row.moved += moved(xs, out)
        count = FLOPS.get(primitive.name)
        flops = count(xs, out) if count else 0
        row.flops += flops
        if y.node is not None:
            kept = sum(arrays_in(y.node.kept.values()))
            self._kept[id(y.node)] = kept, flops
        self._last = perf_counter()

    def backward(self, node: Node, g: Any, cotangents: Cotangents) -> None:
        """See what a node received, and made of it."""
        name = REST if node.primitive is None else node.primitive.name
        row = self.row(name)
        row.backward += perf_counter() - self._last
        kept, flops = self._kept.pop(id(node), (0, 0))
        for parent, c in cotangents:
            if parent is not None:
                made = moved([bare(g)], bare(getattr(c, "g", c)))
                row.moved += made + kept * bool(made)
                row.flops += flops
        self._last = perf_counter()


def arrays_in(values: Collection[Any]) -> list[int]:
    """Give the bytes of each array among these values, and among those in tuples."""
    flat = [v for value in values for v in (value if isinstance(value, tuple) else (value,))]
    return [v.nbytes for v in flat if isinstance(v, np.ndarray)]


def moved(xs: Sequence[Any], y: Any) -> int:
    """Give the bytes that must be read and written to make y of xs: none for a view."""
    arrays = [x for x in xs if isinstance(x, np.ndarray)]
    if not isinstance(y, np.ndarray) or any(np.may_share_memory(x, y) for x in arrays):
        return 0
    return y.nbytes + sum(x.nbytes for x in arrays)


def profile_of(step: Callable[[], None], seconds: float = LEAST) -> tuple[Profile, float]:
    """Watch a step again and again; give the fastest run, and the time of one that is not watched.

    Examples
    --------
    >>> run = steps["W2"](WORKLOADS["W2"].data()).run
    >>> profile, _ = profile_of(run, seconds=0)
    >>> profile.rows["matmul"].calls
    3
    """
    end, best, alone = perf_counter() + seconds, Profile().watch(step), float("inf")
    while True:
        start = perf_counter()
        step()
        alone = min(alone, perf_counter() - start)
        best = min(best, Profile().watch(step), key=lambda profile: profile.seconds)
        if perf_counter() > end:
            return best, alone


# ----- The floor -----


@dataclass(frozen=True)
class Machine:
    """What this machine can do at best: bytes and float32 operations in a second."""

    bandwidth: float
    rate: float

    def floor(self, row: Row) -> float:
        """Give the seconds that a row needs at least."""
        return max(row.moved / self.bandwidth, row.flops / self.rate)


def fastest(action: Callable[[], Any], times: int = 7) -> float:
    """Give the seconds of the fastest of some runs."""
    found = []
    for _ in range(times):
        start = perf_counter()
        action()
        found.append(perf_counter() - start)
    return min(found)


def measured_machine() -> Machine:
    """Copy 64 MB, and multiply two matrices of 1024 x 1024."""
    a = np.ones((1 << 24,), np.float32)
    b, m = np.empty_like(a), np.ones((1024, 1024), np.float32)
    copied, multiplied = fastest(lambda: np.copyto(b, a)), fastest(lambda: m @ m)
    return Machine(2 * a.nbytes / copied, 2 * 1024**3 / multiplied)


# ----- The table -----


def table(name: str, profile: Profile, alone: float, machine: Machine) -> Table:
    """Give the rows, those that last longest first."""
    whole = profile.seconds
    rows = sorted(profile.rows.items(), key=lambda item: -item[1].forward - item[1].backward)
    cells = [
        (
            *(primitive, f"{row.calls:,}" if row.calls else ""),
            *(figure(1e3 * t) for t in (row.forward, row.backward)),
            f"{100 * (row.forward + row.backward) / whole:.0f} %",
            figure(1e3 * machine.floor(row)),
        )
        for primitive, row in rows
    ]
    floor = sum(machine.floor(row) for row in profile.rows.values())
    watched = f"{1e3 * whole:.3g} ms watched, {1e3 * alone:.3g} ms alone"
    title = f"{name}, {WORKLOADS[name].title}: {watched}, floor {1e3 * floor:.3g} ms"
    return Table(title, ("", "calls", "forward, ms", "backward, ms", "share", "floor, ms"), cells)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each workload."""
    arguments = sys.argv[1:] if arguments is None else arguments
    known = [name for name, workload in WORKLOADS.items() if workload.formula in steps]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiles", description=__doc__)
    parser.add_argument("workloads", nargs="+", choices=known, metavar="W2", help=", ".join(known))
    chosen = parser.parse_args(arguments)
    wanted = environment(PEERS["autonn"])
    if wanted != dict(os.environ):  # threads and kernels are chosen when NumPy is imported
        command = [sys.executable, "-m", "benchmarks.profiles", *arguments]
        return subprocess.run(command, env=wanted).returncode
    machine, console = measured_machine(), Console()
    speeds = f"copies {machine.bandwidth / 1e9:.1f} GB/s, matmul {machine.rate / 1e9:.0f} Gflop/s"
    console.print(speeds, highlight=False)
    for name in chosen.workloads:
        workload = WORKLOADS[name]
        profile, alone = profile_of(steps[workload.formula](workload.data()).run)
        print_table(console, table(name, profile, alone, machine))
    return 0


if __name__ == "__main__":
    sys.exit(main())
