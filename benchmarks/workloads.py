"""What is measured: the data of each workload, its unit, its rounds, and how exactly it is checked.

Whoever runs a workload computes the same: an output and the gradients of all `leaves`, given the
cotangent `g` of the output; or, where it `trains`, a loss and one step p ← p - lr ∂loss/∂p of all
leaves. This module needs NumPy alone, of any version, for it runs in every peer's environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

Array = Any  # np.ndarray, which takes no parameters in old versions
Rng = np.random.Generator


class Data(NamedTuple):
    """What is differentiated, and what is not: arrays, labels, lengths, the learning rate, g."""

    leaves: dict[str, Array]
    constants: dict[str, Any]


def normal(rng: Rng, *shape: int) -> Array:
    """Draw float32 numbers of mean 0 and variance 1."""
    return rng.standard_normal(shape, dtype=np.float32)


def weight(rng: Rng, *shape: int, inputs: int, gain: float = 1.0) -> Array:
    """Draw weights under which a sum over so many inputs keeps its scale, gain 2 after a relu."""
    return normal(rng, *shape) * np.float32((gain / inputs) ** 0.5)


# ----- Data -----


def chain(rng: Rng, length: int, size: int) -> Data:
    """x."""
    return Data({"x": normal(rng, size)}, {"length": length, "g": normal(rng, size)})


def small_network(rng: Rng, widths: Sequence[int], batch: int) -> Data:
    """Weights (in, out) and biases; x and its target t."""
    leaves = {}
    for i in range(len(widths) - 1):
        n, m = widths[i : i + 2]
        leaves[f"w{i}"] = weight(rng, n, m, inputs=n)
        leaves[f"b{i}"] = normal(rng, m)
    x, t = normal(rng, batch, widths[0]), normal(rng, batch, widths[-1])
    return Data(leaves, {"x": x, "t": t, "lr": 0.1})


def network(rng: Rng, widths: Sequence[int], batch: int) -> Data:
    """Weights (out, in) and biases; x and its labels."""
    leaves = {}
    for i in range(len(widths) - 1):
        n, m = widths[i : i + 2]
        leaves[f"w{i}"] = weight(rng, m, n, inputs=n, gain=2.0)
        leaves[f"b{i}"] = 0.1 * normal(rng, m)
    labels = rng.integers(widths[-1], size=batch)
    return Data(leaves, {"x": normal(rng, batch, widths[0]), "labels": labels, "lr": 0.01})


def lenet(rng: Rng, batch: int, size: int, channels: Sequence[int], hidden: int) -> Data:
    """Two 5x5 convolutions and two linear layers; images and their labels."""
    a, b = channels
    features = b * (((size - 4) // 2 - 4) // 2) ** 2
    shapes = [(a, 1, 5, 5), (b, a, 5, 5), (hidden, features), (10, hidden)]
    leaves = {}
    for i, shape in enumerate(shapes):
        leaves[f"w{i}"] = weight(rng, *shape, inputs=int(np.prod(shape[1:])), gain=2.0)
        leaves[f"b{i}"] = 0.1 * normal(rng, shape[0])
    labels = rng.integers(10, size=batch)
    return Data(leaves, {"x": normal(rng, batch, 1, size, size), "labels": labels, "lr": 0.01})


def convolution(rng: Rng, batch: int, channels: int, size: int) -> Data:
    """x (N, C, H, W) and w (C, C, 3, 3)."""
    x = normal(rng, batch, channels, size, size)
    w = weight(rng, channels, channels, 3, 3, inputs=9 * channels)
    return Data({"x": x, "w": w}, {"g": normal(rng, *x.shape)})


def norm(rng: Rng, shape: Sequence[int], axis: int) -> Data:
    """x of this shape, gamma and beta for each feature along the axis."""
    x, n = normal(rng, *shape), shape[axis]
    leaves = {"x": 2 * x + 1, "gamma": 1 + 0.1 * normal(rng, n), "beta": normal(rng, n)}
    return Data(leaves, {"g": normal(rng, *shape)})


def lstm(rng: Rng, steps: int, batch: int, inputs: int, hidden: int) -> Data:
    """x (T, N, I), weights of the gates i, f, g, o as rows, two biases as in PyTorch."""
    leaves = {
        "x": normal(rng, steps, batch, inputs),
        "w_ih": weight(rng, 4 * hidden, inputs, inputs=inputs),
        "w_hh": weight(rng, 4 * hidden, hidden, inputs=hidden),
        "b_ih": 0.1 * normal(rng, 4 * hidden),
        "b_hh": 0.1 * normal(rng, 4 * hidden),
    }
    zeros = np.zeros((batch, hidden), np.float32)
    return Data(leaves, {"zeros": zeros, "g": normal(rng, steps, batch, hidden)})


def attention(rng: Rng, batch: int, heads: int, steps: int, dim: int) -> Data:
    """q, k and v (N, heads, T, D)."""
    shape = batch, heads, steps, dim
    return Data({k: normal(rng, *shape) for k in "qkv"}, {"g": normal(rng, *shape)})


# ----- The workloads -----


@dataclass(frozen=True)
class Workload:
    """One row of the comparison.

    Attributes
    ----------
    name, title
        "W3", and what it is.
    make, sizes, small
        Draws the data; the sizes that are measured, and those for tests.
    formula
        The name under which peers have it.
    unit, operations
        "ms" for a run, or "µs/..." for each of so many operations.
    rounds, quick
        How often it is measured, in full and quick runs.
    tolerance
        The largest relative error (by the largest element) in float32.
    trains
        Whether a run ends with a step of gradient descent.
    """

    name: str
    title: str
    make: Callable[..., Data]
    sizes: Mapping[str, Any]
    small: Mapping[str, Any]
    formula: str
    unit: str = "ms"
    operations: int = 1
    rounds: int = 15
    quick: int = 5
    tolerance: float = 1e-4
    trains: bool = False

    def data(self, **sizes: Any) -> Data:
        """Draw the data, always the same; sizes may be changed."""
        return self.make(np.random.default_rng(0), **{**self.sizes, **sizes})

    def in_units(self, seconds: float) -> float:
        """Give the time of one run in the workload's unit."""
        return seconds * (1e3 if self.unit == "ms" else 1e6 / self.operations)

    @property
    def reference(self) -> str:
        """The workload whose hand-written results these must be: fused ones have none."""
        return self.name[:-1] if self.name.endswith("f") else self.name


_BATCH_NORM = Workload(
    name="W5", title="batch norm in training, x (32, 64, 28, 28), composed of primitives",
    make=norm, sizes={"shape": (32, 64, 28, 28), "axis": 1},
    small={"shape": (3, 4, 5, 6), "axis": 1}, formula="W5",
)  # fmt: skip
_LAYER_NORM = Workload(
    name="W6", title="layer norm, x (32, 128, 512), composed of primitives",
    make=norm, sizes={"shape": (32, 128, 512), "axis": 2},
    small={"shape": (3, 4, 5), "axis": 2}, formula="W6",
)  # fmt: skip
_LSTM = Workload(
    name="W7", title="LSTM, T=64, N=32, I=H=128, composed of primitives",
    make=lstm, sizes={"steps": 64, "batch": 32, "inputs": 128, "hidden": 128},
    small={"steps": 4, "batch": 3, "inputs": 2, "hidden": 5}, formula="W7",
)  # fmt: skip


def _additions(name: str, length: int, rounds: int, quick: int) -> Workload:
    return Workload(
        name=name, title=f"chain of {length:,} additions of one number", make=chain,
        sizes={"length": length, "size": 1}, small={"length": 30, "size": 1}, formula="W9",
        unit="µs/node", operations=length, rounds=rounds, quick=quick,
    )  # fmt: skip


_ALL: list[Workload] = [
    Workload(
        name="W1", title="1,000 times x * 1.0001 + 0.0001, tanh every 10th, on 10 numbers",
        make=chain, sizes={"length": 1000, "size": 10}, small={"length": 30, "size": 4},
        formula="W1", unit="µs/op", operations=2100,
    ),
    Workload(
        name="W2", title="MLP 2-16-16-1, batch 32, tanh, mean squared error, SGD step",
        make=small_network, sizes={"widths": (2, 16, 16, 1), "batch": 32},
        small={"widths": (2, 4, 1), "batch": 3}, formula="W2", trains=True,
    ),
    Workload(
        name="W3", title="MLP 784-512-256-10, batch 128, relu, cross-entropy, SGD step",
        make=network, sizes={"widths": (784, 512, 256, 10), "batch": 128},
        small={"widths": (6, 5, 4, 3), "batch": 7}, formula="W3", trains=True,
    ),
    Workload(
        name="W4", title="LeNet, batch 64 of 1 x 28 x 28, cross-entropy, SGD step",
        make=lenet, sizes={"batch": 64, "size": 28, "channels": (20, 50), "hidden": 500},
        small={"batch": 2, "size": 16, "channels": (2, 3), "hidden": 5}, formula="W4", trains=True,
    ),
    Workload(
        name="W4b", title="conv2d, x (32, 64, 28, 28), w (64, 64, 3, 3), padding 1",
        make=convolution, sizes={"batch": 32, "channels": 64, "size": 28},
        small={"batch": 2, "channels": 3, "size": 6}, formula="W4b",
    ),
    _BATCH_NORM,
    replace(_BATCH_NORM, name="W5f", title="the same, fused in one kernel", formula="W5f"),
    _LAYER_NORM,
    replace(_LAYER_NORM, name="W6f", title="the same, fused in one kernel", formula="W6f"),
    _LSTM,
    replace(_LSTM, name="W7f", title="the same, fused in one kernel", formula="W7f"),
    Workload(
        name="W8", title="attention, N=8, 8 heads, T=128, D=64, composed of primitives",
        make=attention, sizes={"batch": 8, "heads": 8, "steps": 128, "dim": 64},
        small={"batch": 2, "heads": 2, "steps": 4, "dim": 3}, formula="W8",
    ),
    _additions("W9-1k", 1000, 15, 5),
    _additions("W9-100k", 100_000, 5, 3),
    _additions("W9-1M", 1_000_000, 3, 1),
]  # fmt: skip
WORKLOADS = {workload.name: workload for workload in _ALL}
