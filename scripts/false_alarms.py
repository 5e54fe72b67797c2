"""Compare right gradients in a thousand random configurations: no alarm may be raised.

Layers, batch sizes, lengths, scales of the inputs, dtypes and seeds are drawn at random. Run it as
`python scripts/false_alarms.py`; it takes a minute. Exit status 1 if anything is called wrong.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from autonn.check import CATALOGUE, compare

SCALED = {"float32": (-1.0, 1.0), "float64": (-2.0, 2.0)}  # powers of ten
# Probabilities and their logarithms are not to be scaled.
UNSCALED = ("BCELoss", "KLDivLoss", "NLLLoss", "Embedding")


def configuration(rng: np.random.Generator) -> tuple[str, list[Any], str, float]:
    """Draw a layer with its inputs, a dtype, and the scale of the first input."""
    name = str(rng.choice(list(CATALOGUE)))
    entry = CATALOGUE[name]
    shape = list(entry.shape)
    shape[0] = int(rng.integers(2, 12))
    for axis in range(2, len(shape)):
        if axis < len(shape) - 1 or "Conv" in name or "Pool" in name:
            shape[axis] += int(rng.integers(0, 4))
    layer, inputs = entry.layer(rng, tuple(shape)), entry.inputs(rng, tuple(shape))
    dtype = str(rng.choice(["float32", "float64"]))
    scale = 1.0 if name in UNSCALED else float(10 ** rng.uniform(*SCALED[dtype]))
    if inputs[0].dtype.kind == "f":
        inputs[0] = inputs[0] * scale
    return name, [layer, *inputs], dtype, scale


def main(count: int = 1000) -> int:
    """Compare, and print what was called wrong."""
    console, rng, alarms, worst = Console(), np.random.default_rng(0), 0, 0.0
    for _ in track(range(count), "comparing", transient=True):
        name, subject, dtype, scale = configuration(rng)
        report = compare(*subject, dtype=np.dtype(dtype), elements=3, seed=int(rng.integers(10**9)))
        if dtype == "float64":
            worst = max(worst, report.worst)
        if not report.ok:
            alarms += 1
            shape = subject[1].shape
            console.print(
                f"{name} of {shape}, {dtype}, scale {scale:.2g}:\n{report}", highlight=False
            )
    console.print(f"{count} configurations, {alarms} false alarms, worst in float64 {worst:.1e}")
    return int(alarms > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
