"""One peer in a process of its own: reads requests as lines of JSON, and answers each with one.

    {"do": "prepare", "workload": "W3", "sizes": {}}   {"value": true}
    {"do": "check", "path": "/tmp/.../W3.npz"}          {"value": 0.0021}
    {"do": "time", "count": 4}                          {"value": 0.0084}

`python -m benchmarks.worker torch` is one; it ends when its input does. It imports nothing of
autonn but by way of its peer, and nothing that an old NumPy lacks.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import json
import os
import platform
import sys
from time import perf_counter, process_time, sleep
from typing import Any

import numpy as np

from benchmarks.peers import PEERS
from benchmarks.workloads import WORKLOADS

try:
    from threadpoolctl import threadpool_info
except ModuleNotFoundError:
    threadpool_info = list

STATUS = "/proc/self/status"


def memory(field: str) -> float:
    """Give a field of this process's status in MB: VmRSS is what it holds, VmHWM the peak."""
    with open(STATUS) as lines:
        found = next(line for line in lines if line.startswith(field + ":"))
    return int(found.split()[1]) * 1024 / 1e6


def settle() -> None:
    """Wait until BLAS's threads sleep: they spin for a while, and would slow the next peer."""
    spent = -1.0
    while process_time() - spent > 0.002:
        spent = process_time()
        sleep(0.02)


class Session:
    """What a worker can be asked for."""

    def __init__(self, name: str) -> None:
        self.peer = PEERS[name]
        self.module = importlib.import_module("benchmarks.peers." + self.peer.module)
        self.step: Any = None
        gc.collect()
        gc.freeze()  # what the imports made is not scanned again and again

    def about(self) -> dict[str, Any]:
        """Give versions, the BLAS that runs and its kernel."""
        try:
            version = importlib.metadata.version(self.peer.package)
        except importlib.metadata.PackageNotFoundError:  # not installed, but there
            version = importlib.import_module(self.peer.package).__version__
        pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        blas = {
            "{internal_api} {version} {kernel}, threads: {num_threads}".format(
                kernel=pool.get("architecture", ""), **pool
            )
            for pool in pools
        }
        own = getattr(self.module, "kernels", "")  # of an engine that does without NumPy's BLAS
        return {
            "version": version,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "kernels": own or " and ".join(sorted(blas)) or "BLAS unknown, without threadpoolctl",
            "formulas": sorted(self.module.steps),
        }

    def prepare(self, workload: str, sizes: dict[str, Any]) -> bool:
        """Draw the data and make the step; say whether the peer has one."""
        chosen = WORKLOADS[workload]
        self.step = None
        if chosen.formula not in self.module.steps:
            return False
        self.step = self.module.steps[chosen.formula](chosen.data(**sizes))
        return True

    def check(self, path: str) -> float:
        """Run once and save the result; give the seconds."""
        start = perf_counter()
        self.step()
        seconds = perf_counter() - start
        arrays: dict[str, Any] = {k: np.asarray(v) for k, v in self.step.result().items()}
        np.savez(path, **arrays)
        settle()
        return seconds

    def time(self, count: int) -> float:
        """Give the seconds of so many runs; of short ones some run before, to warm the caches."""
        step = self.step.run
        gc.collect()
        for _ in range(count // 4):
            step()
        start = perf_counter()
        for _ in range(count):
            step()
        seconds = perf_counter() - start
        settle()
        return seconds

    def growth(self, count: int) -> float:
        """Give by how many MB the peak of so many runs exceeds what is held before them."""
        gc.collect()
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak begins anew
        before = memory("VmRSS")
        for _ in range(count):
            self.step()
        return memory("VmHWM") - before


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a peer prints is no answer
    session = Session(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"value": getattr(session, request.pop("do"))(**request)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
