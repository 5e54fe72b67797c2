"""Chainer, the first to define by run; its last version wants an older NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import chainer
    import chainer.functions as F

from benchmarks.peers.formulas import Engine, Formula, Variables, steps_of
from benchmarks.peers.step import Step
from benchmarks.workloads import Data


def differentiate(f: Formula, data: Data) -> Step:
    """Pull the cotangent g back."""
    leaves = {k: chainer.Variable(v) for k, v in data.leaves.items()}
    kept: Variables = {}

    def run() -> None:
        for v in leaves.values():
            v.cleargrad()
        y = f(leaves, data.constants)
        y.grad = data.constants["g"]
        y.backward()
        kept["y"] = y.array

    return Step(run, lambda: {**kept, **{k: v.grad for k, v in leaves.items()}})


def train(f: Formula, data: Data) -> Step:
    """Descend."""
    leaves = {k: chainer.Variable(v.copy()) for k, v in data.leaves.items()}
    rate, kept = data.constants["lr"], {}

    def run() -> None:
        for v in leaves.values():
            v.cleargrad()
        loss = f(leaves, data.constants)
        loss.backward()
        for v in leaves.values():
            v.array -= rate * v.grad
        kept["loss"] = loss.array

    return Step(run, lambda: {**kept, **{k: v.array for k, v in leaves.items()}})


engine = Engine(
    differentiate=differentiate,
    train=train,
    tanh=F.tanh,
    relu=F.relu,
    sigmoid=F.sigmoid,
    sqrt=F.sqrt,
    mean=lambda x, axes: F.average(x, axis=axes, keepdims=True),
    matmul=F.matmul,
    linear=F.linear,
    mse=F.mean_squared_error,
    cross_entropy=F.softmax_cross_entropy,
    stack=F.stack,
    conv=lambda x, w, b, padding: F.convolution_2d(x, w, b, pad=padding),
    pool=lambda x: F.max_pooling_2d(x, 2),
    softmax=lambda x: F.softmax(x, axis=-1),
    swap=lambda x: F.swapaxes(x, -1, -2),
)


def batch_norm(v: Variables, c: Variables) -> Any:
    """W5f."""
    return F.batch_normalization(v["x"], v["gamma"], v["beta"], eps=1e-5)


def layer_norm(v: Variables, c: Variables) -> Any:
    """W6f, which knows rows only."""
    x = v["x"].reshape(-1, len(v["gamma"]))
    return F.layer_normalization(x, v["gamma"], v["beta"], eps=1e-5).reshape(v["x"].shape)


steps: dict[str, Callable[[Data], Step]] = {
    **steps_of(engine, "W1 W2 W3 W4 W4b W5 W6 W7 W8 W9"),
    "W5f": partial(differentiate, batch_norm),
    "W6f": partial(differentiate, layer_norm),
}
