"""DeZero, from the book "Deep Learning from Scratch 3". It has no products of many matrices at
once, hence no attention."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

if not hasattr(np, "int"):  # NumPy 1.24 took these names away
    vars(np).update(int=int, float=float)

import dezero
import dezero.functions as F
from dezero import Variable

from benchmarks.peers.formulas import Engine, Formula, Variables, steps_of
from benchmarks.peers.step import Step
from benchmarks.workloads import Data


def differentiate(f: Formula, data: Data) -> Step:
    """Pull the cotangent g back."""
    leaves = {k: Variable(v) for k, v in data.leaves.items()}
    g, kept = Variable(data.constants["g"]), {}

    def run() -> None:
        for v in leaves.values():
            v.cleargrad()
        y = f(leaves, data.constants)
        y.grad = g
        y.backward()
        kept["y"] = y.data

    return Step(run, lambda: kept | {k: v.grad.data for k, v in leaves.items()})


def train(f: Formula, data: Data) -> Step:
    """Descend."""
    leaves, rate = {k: Variable(v.copy()) for k, v in data.leaves.items()}, data.constants["lr"]
    kept: Variables = {}

    def run() -> None:
        for v in leaves.values():
            v.cleargrad()
        loss = f(leaves, data.constants)
        loss.backward()
        for v in leaves.values():
            v.data -= rate * v.grad.data
        kept["loss"] = loss.data

    return Step(run, lambda: kept | {k: v.data for k, v in leaves.items()})


class Stack(dezero.Function):  # type: ignore[misc]
    """Join arrays along a new first axis, which DeZero leaves to its users."""

    def forward(self, *xs: Any) -> Any:
        """Join."""
        return np.stack(xs)

    def backward(self, g: Any) -> Any:
        """Part."""
        return tuple(g[i] for i in range(len(self.inputs)))


def mean(x: Any, axes: Any) -> Any:
    """Give the mean over axes that are kept."""
    n = int(np.prod([x.shape[i] for i in axes]))
    return F.sum(x, axis=axes, keepdims=True) / n


engine = Engine(
    differentiate=differentiate,
    train=train,
    tanh=F.tanh,
    relu=F.relu,
    sigmoid=F.sigmoid,
    sqrt=lambda x: x**0.5,
    mean=mean,
    matmul=F.matmul,
    linear=lambda x, w, b: F.linear(x, w.T, b),
    mse=F.mean_squared_error,
    cross_entropy=F.softmax_cross_entropy,
    stack=lambda xs: Stack()(*xs),
    conv=lambda x, w, b, padding: F.conv2d(x, w, b, pad=padding),
    pool=lambda x: F.pooling(x, 2, 2),
)


def batch_norm(v: Variables, c: Variables) -> Any:
    """W5f."""
    mean, var = np.zeros_like(v["gamma"].data), np.ones_like(v["gamma"].data)
    with dezero.using_config("train", True):
        return F.batch_nrom(v["x"], v["gamma"], v["beta"], mean, var, eps=1e-5)


steps: dict[str, Callable[[Data], Step]] = steps_of(engine, "W1 W2 W3 W4 W4b W5 W6 W7 W9") | {
    "W5f": partial(differentiate, batch_norm)
}
