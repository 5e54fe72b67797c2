"""Three ways to come by memory: `python -m benchmarks.allocation`.

The forward pass of six batch norms in plain NumPy, whose intermediate arrays are held until its
end, as a graph holds them: in fresh arrays, in a pool of buffers made once (`out=`), and in fresh
arrays with `autonn.keep_memory`. Each in some processes, with the heap in different places: whether
glibc gives memory back depends on what happens to lie behind it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from time import perf_counter
from typing import Any

import numpy as np

LAYERS, ROUNDS, RUNS = 6, 6, 30
WAYS = {"fresh": "fresh arrays", "pool": "a pool of buffers", "kept": "fresh arrays, memory kept"}


def batch_norm(x: Any, buffers: list[Any]) -> list[Any]:
    """Give what a graph would hold, in buffers or, where these are None, in fresh arrays."""
    mean = x.mean((0, 2, 3), keepdims=True)
    centred = np.subtract(x, mean, out=buffers[0])
    squares = np.square(centred, out=buffers[1])
    std = np.sqrt(squares.mean((0, 2, 3), keepdims=True) + 1e-5)
    z = np.divide(centred, std, out=buffers[2])
    return [centred, z, np.add(np.multiply(z, std, out=buffers[1]), mean, out=buffers[3])]


def measure(way: str) -> float:
    """Give the best time of a pass, in milliseconds."""
    x = np.random.default_rng(0).standard_normal((32, 64, 28, 28), dtype=np.float32)
    each = [np.empty_like(x) if way == "pool" else None for _ in range(4 * LAYERS)]
    best = np.inf
    for _ in range(RUNS):
        start, held = perf_counter(), [[x]]
        for i in range(LAYERS):
            held.append(batch_norm(held[-1][-1], each[4 * i : 4 * i + 4]))
        del held
        best = min(best, perf_counter() - start)
    return best * 1e3


def main() -> None:
    """Measure all ways, or, in a process of its own, one of them."""
    if sys.argv[1:]:
        if sys.argv[1] == "kept":
            import autonn  # noqa: F401 (which keeps memory from here on)
        print(measure(sys.argv[1]))
        return
    for way, title in WAYS.items():
        command, found = [sys.executable, "-m", "benchmarks.allocation", way], []
        for n in range(ROUNDS):
            moved = os.environ | {"SOMEWHERE": "." * 3000 * n}
            found.append(float(subprocess.check_output(command, env=moved)))
        print(f"{title:26} {min(found):5.1f} to {max(found):5.1f} ms")


if __name__ == "__main__":
    main()
