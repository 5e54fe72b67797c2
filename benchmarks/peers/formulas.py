"""The workloads as formulas of an engine's functions, for engines with nothing else to say.

`v` are the leaves, `c` the constants, as that engine's variables; NumPy and what differentiates
them are the engine's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.peers.step import Step
from benchmarks.workloads import Data

Function = Callable[..., Any]
Variables = dict[str, Any]
Formula = Callable[[Variables, Variables], Any]


@dataclass(frozen=True)
class Engine:
    """What the formulas need of an engine, and how it differentiates them.

    Attributes
    ----------
    differentiate, train
        Make a step of a formula: with the cotangent c["g"], or of a loss with the rate c["lr"].
    mean
        Of x over axes that are kept.
    linear
        x wᵀ + b.
    conv
        Of x, w, b (or None) and the padding.
    pool
        Maxima of 2 x 2 elements.
    swap
        Exchanges the last two axes.
    softmax
        Along the last axis.
    mse, cross_entropy
        Of an output and its target; means.
    """

    differentiate: Callable[[Formula, Data], Step]
    train: Callable[[Formula, Data], Step]
    tanh: Function
    relu: Function
    sigmoid: Function
    sqrt: Function
    mean: Function
    matmul: Function
    linear: Function
    mse: Function
    cross_entropy: Function
    stack: Function
    conv: Any = None
    pool: Any = None
    softmax: Any = None
    swap: Any = None


def chain(e: Engine, v: Variables, c: Variables) -> Any:
    """W1."""
    x = v["x"]
    for i in range(c["length"]):
        x = x * 1.0001 + 0.0001
        if i % 10 == 9:
            x = e.tanh(x)
    return x


def small_network(e: Engine, v: Variables, c: Variables) -> Any:
    """W2."""
    h, last = c["x"], len(v) // 2 - 1
    for i in range(last):
        h = e.tanh(e.matmul(h, v[f"w{i}"]) + v[f"b{i}"])
    return e.mse(e.matmul(h, v[f"w{last}"]) + v[f"b{last}"], c["t"])


def network(e: Engine, v: Variables, c: Variables) -> Any:
    """W3."""
    h, last = c["x"], len(v) // 2 - 1
    for i in range(last):
        h = e.relu(e.linear(h, v[f"w{i}"], v[f"b{i}"]))
    return e.cross_entropy(e.linear(h, v[f"w{last}"], v[f"b{last}"]), c["labels"])


def lenet(e: Engine, v: Variables, c: Variables) -> Any:
    """W4."""
    h = e.pool(e.relu(e.conv(c["x"], v["w0"], v["b0"], 0)))
    h = e.pool(e.relu(e.conv(h, v["w1"], v["b1"], 0)))
    h = h.reshape(h.shape[0], v["w2"].shape[1])
    h = e.relu(e.linear(h, v["w2"], v["b2"]))
    return e.cross_entropy(e.linear(h, v["w3"], v["b3"]), c["labels"])


def convolution(e: Engine, v: Variables, c: Variables) -> Any:
    """W4b."""
    return e.conv(v["x"], v["w"], None, 1)


def standardised(e: Engine, x: Any, axes: Any) -> Any:
    """(x - mean) / √(var + eps)."""
    centred = x - e.mean(x, axes)
    return centred / e.sqrt(e.mean(centred * centred, axes) + 1e-5)


def batch_norm(e: Engine, v: Variables, c: Variables) -> Any:
    """W5."""
    gamma, beta = (v[k].reshape(1, -1, 1, 1) for k in ("gamma", "beta"))
    return gamma * standardised(e, v["x"], (0, 2, 3)) + beta


def layer_norm(e: Engine, v: Variables, c: Variables) -> Any:
    """W6."""
    return v["gamma"] * standardised(e, v["x"], (2,)) + v["beta"]


def lstm(e: Engine, v: Variables, c: Variables) -> Any:
    """W7: one product for all inputs, one for all gates of a time step."""
    steps, batch, inputs = v["x"].shape
    n = v["w_hh"].shape[1]
    x = v["x"].reshape(steps * batch, inputs)
    a = e.matmul(x, v["w_ih"].T) + (v["b_ih"] + v["b_hh"])
    a = a.reshape(steps, batch, 4 * n)
    h = cell = c["zeros"]
    hs = []
    for t in range(steps):
        z = a[t] + e.matmul(h, v["w_hh"].T)
        i, f = e.sigmoid(z[:, :n]), e.sigmoid(z[:, n : 2 * n])
        g, o = e.tanh(z[:, 2 * n : 3 * n]), e.sigmoid(z[:, 3 * n :])
        cell = f * cell + i * g
        h = o * e.tanh(cell)
        hs.append(h)
    return e.stack(hs)


def attention(e: Engine, v: Variables, c: Variables) -> Any:
    """W8."""
    scores = e.matmul(v["q"], e.swap(v["k"])) * v["q"].shape[-1] ** -0.5
    return e.matmul(e.softmax(scores), v["v"])


def additions(e: Engine, v: Variables, c: Variables) -> Any:
    """W9."""
    x = v["x"]
    for _ in range(c["length"]):
        x = x + 1.0
    return x


FORMULAS: dict[str, Callable[[Engine, Variables, Variables], Any]] = {
    "W1": chain,
    "W2": small_network,
    "W3": network,
    "W4": lenet,
    "W4b": convolution,
    "W5": batch_norm,
    "W6": layer_norm,
    "W7": lstm,
    "W8": attention,
    "W9": additions,
}
TRAINING = ("W2", "W3", "W4")


def steps_of(e: Engine, names: str) -> dict[str, Callable[[Data], Step]]:
    """Give the steps of these formulas (their names, with spaces between) for an engine."""

    def step(name: str, data: Data) -> Step:
        make = e.train if name in TRAINING else e.differentiate
        return make(partial(FORMULAS[name], e), data)

    return {name: partial(step, name) for name in names.split()}
