"""What each trick is worth: `python -m benchmarks.tricks`. A trick that pays under 5 % goes out.

Each runs in processes of its own, with it and without it in turn; the best of each counts.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import autonn
from autonn import columns, indices, nn, rules, sums, walk
from autonn import compile as writer
from autonn import functional as F
from benchmarks.peers.autonn import steps
from benchmarks.workloads import WORKLOADS


class Trick(NamedTuple):
    """A trick: what it does, where it is measured, and how it is undone."""

    what: str
    workloads: tuple[str, ...]
    undo: Callable[[], Any]
    environment: dict[str, str] = {}  # noqa: RUF012 (nobody writes to it)


def put(owner: Any, name: str, value: Any) -> Callable[[], None]:
    """Give what replaces an attribute."""
    return lambda: setattr(owner, name, value)


def _scale_after(self: nn.BatchNorm2d, centred: Any, var: Any, shape: Any) -> Any:
    return self.gamma.reshape(shape) * (centred / np.sqrt(var + self.eps)) + self.beta.reshape(
        shape
    )


def _transposed(self: nn.Linear, x: Any) -> Any:
    return x @ self.weight.T + self.bias


def _view(g: Any, shape: Any, axis: Any, keepdims: bool) -> Any:
    if shape and axis is not None and not keepdims:
        axes = [a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))]
        g = g.reshape([1 if i in axes else n for i, n in enumerate(shape)])
    return np.broadcast_to(g, shape)


TRICKS = {
    "memory": Trick(
        "freed memory waits for the next array", ("W4", "W5", "W6", "W8"), lambda: None,
        {"AUTONN_KEEP_MEMORY": "0"},
    ),
    "sums": Trick(
        "large arrays are summed by BLAS", ("W5", "W6", "W8"), put(sums, "_LARGE", 1 << 60)
    ),
    "products": Trick(
        "what is only summed is never made", ("W5", "W6"), put(writer, "summed", lambda *_: None)
    ),
    "in place": Trick(
        "cotangents add up in place", ("W5", "W7", "W8"), put(walk, "_ours", lambda *_: False)
    ),
    "gamma first": Trick(
        "gamma is divided by the deviation, not the image", ("W5",),
        put(nn.BatchNorm2d, "scale", _scale_after),
    ),
    "inner": Trick(
        "linear layers need no transposed weight", ("W3",), put(nn.Linear, "forward", _transposed)
    ),
    "column blocks": Trick(
        "im2col in blocks that stay in the cache", ("W4", "W4b"), put(columns, "_BLOCK", 1 << 40)
    ),
    "rows": Trick(
        "rows that come twice are summed by halves", ("embedding",),
        put(indices, "_long_rows", lambda *_: False),
    ),
    "filled": Trick(
        "small gradients are repeated by filling", ("W2",), put(rules, "expand", _view)
    ),
}  # fmt: skip


def embedding() -> Callable[[], Any]:
    """8,192 of 5,000 rows of length 128, forward and backward."""
    rng = np.random.default_rng(0)
    w = autonn.Tensor(rng.normal(size=(5000, 128)).astype(np.float32), requires_grad=True)
    ids, g = rng.integers(0, 5000, (64, 128)), rng.normal(size=(64, 128, 128)).astype(np.float32)

    def run() -> None:
        w.grad = None
        F.embedding(ids, w).backward(g)

    return run


OWN = {"embedding": embedding}


def measure(name: str, seconds: float) -> float:
    """Give the best time of a run, in milliseconds."""
    run = OWN[name]() if name in OWN else steps[name](WORKLOADS[name].data())
    for _ in range(3):
        run()
    gc.collect()
    gc.freeze()
    best, end = np.inf, perf_counter() + seconds
    while perf_counter() < end:
        start = perf_counter()
        run()
        best = min(best, perf_counter() - start)
    return best * 1e3


def compare(trick: str, workload: str, rounds: int, seconds: float) -> tuple[float, float]:
    """Give the best times with the trick and without it, of processes in turn."""
    best = {"": np.inf, trick: np.inf}
    for _ in range(rounds):
        for without in best:
            environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
            environment |= TRICKS[without].environment if without else {}
            command = [sys.executable, "-m", "benchmarks.tricks", "--workload", workload]
            command += ["--without", without, "--seconds", str(seconds)]
            told = subprocess.run(
                command, capture_output=True, text=True, env=environment, check=True
            )
            best[without] = min(best[without], float(told.stdout))
    return best[""], best[trick]


def rows(names: Sequence[str], rounds: int, seconds: float) -> Iterator[tuple[str, ...]]:
    """Give a row for each trick and workload."""
    for name in names:
        trick = TRICKS[name]
        for workload in trick.workloads:
            now, before = compare(name, workload, rounds, seconds)
            yield trick.what, workload, f"{before:.3f}", f"{now:.3f}", f"{before / now:.2f}"


def main() -> None:
    """Compare all tricks, or, in a process of its own, measure one workload."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tricks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="trick", help=f"of {', '.join(TRICKS)}")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each kind")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each of them runs")
    parser.add_argument("--workload", choices=[*WORKLOADS, *OWN], help=argparse.SUPPRESS)
    parser.add_argument("--without", default="", choices=["", *TRICKS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.workload:
        if options.without:
            TRICKS[options.without].undo()
        print(measure(options.workload, options.seconds))
        return
    unknown = sorted({*options.names} - {*TRICKS})
    if unknown:
        parser.error(f"there is no trick {unknown[0]!r}; there are {', '.join(TRICKS)}")
    table = Table("trick", "workload", "without, ms", "with, ms", "factor", title="what tricks pay")
    for row in rows(options.names or [*TRICKS], options.rounds, options.seconds):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
