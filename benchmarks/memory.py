"""W10: what peers hold in memory, and how long they take to be imported."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field

from benchmarks.client import ROOT, PeerError, Worker, environment, interpreter, last_line
from benchmarks.peers import PEERS

STEPS = 20
TRAINED = ("W3", "W4")
_IMPORT = """
from time import perf_counter
import numpy, benchmarks.peers.formulas
start = perf_counter()
import benchmarks.peers.{module}
seconds = perf_counter() - start
held = next(line for line in open("/proc/self/status") if line.startswith("VmRSS:"))
print(seconds, int(held.split()[1]) * 1024 / 1e6)
"""


@dataclass
class Memory:
    """What W10 is for one peer.

    Attributes
    ----------
    growth
        By workload, the MB by which the peak of 20 steps exceeds what is held before them.
    held
        MB after the import.
    seconds
        Of the import, beyond NumPy's own.
    failure
        Why something is missing, if it is.
    """

    growth: dict[str, float] = field(default_factory=dict)
    held: float | None = None
    seconds: float | None = None
    failure: str = ""


def imported(name: str, times: int) -> tuple[float, float]:
    """Give the seconds that a peer's import takes after NumPy's, the best of some, and its MB."""
    peer = PEERS[name]
    command = [interpreter(peer), "-c", _IMPORT.format(module=peer.module)]
    found = []
    for _ in range(times):
        done = subprocess.run(
            command, cwd=ROOT, env=environment(peer), capture_output=True, text=True
        )
        if done.returncode:
            raise PeerError(last_line(done.stderr))
        found.append(tuple(map(float, done.stdout.split()[-2:])))
    return min(seconds for seconds, _ in found), min(held for _, held in found)


def grown(name: str, workload: str) -> float | None:
    """Give the growth in MB in a new worker, or None if the peer has no such workload."""
    with Worker(PEERS[name]) as worker:
        if not worker.ask("prepare", workload=workload, sizes={}):
            return None
        growth: float = worker.ask("growth", count=STEPS)
        return growth


def memory_of(name: str, times: int = 5) -> Memory:
    """Measure one peer."""
    found = Memory()
    try:
        found.seconds, found.held = imported(name, times)
        for workload in TRAINED:
            growth = grown(name, workload)
            if growth is not None:
                found.growth[workload] = growth
    except PeerError as error:
        found.failure = str(error)
    return found
