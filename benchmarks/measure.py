"""Check, then measure: peers in turn, in interleaved rounds, so that a busy moment meets them all.

Each workload has fresh workers: nothing that one leaves behind helps or hinders the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.client import DiffersError, PeerError, Worker
from benchmarks.peers import PEERS, REFERENCE
from benchmarks.workloads import WORKLOADS, Data, Workload

LEAST = 0.02  # seconds that one measurement lasts, or longer
QUIET = 1.5  # rounds within so many times the best count as quiet


@dataclass(frozen=True)
class Timing:
    """The seconds of one run, in each round."""

    rounds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The shortest."""
        return min(self.rounds)

    @property
    def quiet(self) -> float:
        """The median of the quiet rounds."""
        return median(t for t in self.rounds if t <= QUIET * self.best)


@dataclass
class Result:
    """What came out for one workload, by the names of the peers; failures say why not."""

    workload: Workload
    timings: dict[str, Timing] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def ratio(self, peer: str, to: str) -> float | None:
        """Compare the best rounds of two peers, if both ran."""
        if peer not in self.timings or to not in self.timings:
            return None
        return self.timings[peer].best / self.timings[to].best


# ----- The check -----


def disagreement(
    found: Mapping[str, Any], wanted: Mapping[str, Any], workload: Workload, data: Data
) -> tuple[str, float]:
    """Name the array that differs most from the reference, and its relative error.

    Where the workload trains, what is compared is how far the leaves have moved; that is known no
    better than to their last bit.

    Raises
    ------
    DiffersError
        If an array is missing or has another shape.
    """
    if set(found) != set(wanted):
        raise DiffersError(f"gives {', '.join(sorted(found))}; want {', '.join(sorted(wanted))}")
    errors = {}
    for name, want in wanted.items():
        have, start = found[name], data.leaves.get(name, 0) if workload.trains else 0
        if have.shape != want.shape:
            raise DiffersError(f"{name} has shape {have.shape}; want {want.shape}")
        bit = np.spacing(np.abs(want).max()) if workload.trains else 0
        want, have = want.astype(np.float64) - start, have.astype(np.float64) - start
        error = (np.abs(have - want).max() - bit) / (np.abs(want).max() or 1.0)
        errors[name] = max(0.0, float(error)) if np.isfinite(error) else float("inf")
    worst = max(errors, key=lambda name: errors[name])
    return worst, errors[worst]


class Contest:
    """The peers of one workload, prepared, checked and measured; who fails drops out."""

    def __init__(self, workload: Workload, sizes: Mapping[str, Any], folder: Path) -> None:
        self.result, self.folder = Result(workload), folder
        self.sizes, self.data = dict(sizes), workload.data(**sizes)
        self.workers: dict[str, Worker] = {}
        self.counts: dict[str, int] = {}
        self.once: dict[str, float] = {}

    def attempt(self, name: str, action: Callable[..., Any], *arguments: Any) -> Any:
        """Do something with a peer; on failure note it, and drop the peer."""
        try:
            return action(*arguments)
        except PeerError as error:
            self.result.failures[name] = str(error)
            self.workers.pop(name, None)
            return None

    def start(self, names: Sequence[str], stack: ExitStack) -> None:
        """Start all workers, then let them prepare; drop those that have no such workload."""
        for name in names:
            worker = self.attempt(name, Worker, PEERS[name])
            if worker is not None:
                self.workers[name] = stack.enter_context(worker)
        for name, worker in list(self.workers.items()):
            if self.attempt(name, self._prepare, worker, self.result.workload) is False:
                del self.workers[name]

    def _prepare(self, worker: Worker, workload: Workload) -> Any:
        return worker.ask("prepare", workload=workload.name, sizes=self.sizes)

    def reference(self) -> dict[str, Any]:
        """Give the arrays that all others must find."""
        with Worker(PEERS[REFERENCE]) as worker:
            self._prepare(worker, WORKLOADS[self.result.workload.reference])
            return self._arrays(worker, "reference")[0]

    def _arrays(self, worker: Worker, name: str) -> tuple[dict[str, Any], float]:
        path = self.folder / f"{name}.npz"
        seconds = worker.ask("check", path=str(path))
        with np.load(path) as arrays:
            found = dict(arrays)
        path.unlink()
        return found, seconds

    def check(self, wanted: Mapping[str, Any]) -> None:
        """Compare each peer's results; drop those that differ."""
        for name, worker in list(self.workers.items()):
            self.attempt(name, self._check, name, worker, wanted)

    def _check(self, name: str, worker: Worker, wanted: Mapping[str, Any]) -> None:
        found, self.once[name] = self._arrays(worker, name)
        workload = self.result.workload
        where, error = disagreement(found, wanted, workload, self.data)
        self.result.errors[name] = error
        if error > workload.tolerance:
            limit = f"relative error {error:.1e}, tolerance {workload.tolerance:.0e}"
            raise DiffersError(f"{where} differs from {REFERENCE}'s: {limit}")

    def measure(self, rounds: int, budget: float) -> None:
        """Warm up, then let the peers take turns; slow ones have fewer rounds."""
        for name, worker in list(self.workers.items()):
            self.attempt(name, self._calibrate, name, worker, budget)
        times: dict[str, list[float]] = {name: [] for name in self.workers}
        for i in range(rounds):
            for name in rotated(list(self.workers), i):
                if i < max(1, int(budget / (self.counts[name] * self.once[name]))):
                    seconds = self.attempt(name, self._time, self.workers[name], self.counts[name])
                    times[name] += [] if seconds is None else [seconds / self.counts[name]]
        self.result.timings = {k: Timing(tuple(times[k])) for k in self.workers}

    def _time(self, worker: Worker, count: int) -> Any:
        return worker.ask("time", count=count)

    def _calibrate(self, name: str, worker: Worker, budget: float) -> None:
        """Run again, more and more often, until one measurement lasts long enough."""
        count, seconds = 1, self.once[name]
        if seconds < budget / 4:
            seconds = self._time(worker, 1)
        while seconds < LEAST:
            count = ceil(count * max(2.0, LEAST / seconds))
            seconds = self._time(worker, count)
        self.counts[name], self.once[name] = count, seconds / count


def rotated(names: list[str], i: int) -> list[str]:
    """Begin with another name in each round.

    >>> rotated(["a", "b", "c"], 4)
    ['b', 'c', 'a']
    """
    i %= len(names) or 1
    return names[i:] + names[:i]


def compare(
    workload: Workload,
    peers: Sequence[str],
    rounds: int,
    budget: float = 20.0,
    sizes: Mapping[str, Any] | None = None,
) -> Result:
    """Check and measure one workload.

    Parameters
    ----------
    workload, sizes
        What to run, and sizes other than its own.
    peers
        Names, in the order of the tables.
    rounds
        How often.
    budget
        Seconds for one peer, about: slow peers have fewer rounds, but one.
    """
    with TemporaryDirectory() as folder, ExitStack() as stack:
        contest = Contest(workload, sizes or {}, Path(folder))
        contest.start(peers, stack)
        try:
            contest.check(contest.reference())
        except PeerError as error:
            told = f"not checked: {REFERENCE} {error}"
            contest.result.failures |= dict.fromkeys(contest.workers, told)
        else:
            contest.measure(rounds, budget)
        return contest.result
