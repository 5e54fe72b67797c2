"""MyGrad: Tensors over NumPy, with fused layers of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import mygrad as mg
from mygrad.nnet.activations import relu, sigmoid, softmax
from mygrad.nnet.layers import batchnorm, conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.peers.formulas import Engine, Formula, Variables, steps_of
from benchmarks.peers.step import Step
from benchmarks.workloads import Data


def differentiate(f: Formula, data: Data) -> Step:
    """Pull the cotangent g back."""
    leaves = {k: mg.tensor(v) for k, v in data.leaves.items()}
    kept: Variables = {}

    def run() -> None:
        for t in leaves.values():
            t.null_grad()
        y = f(leaves, data.constants)
        y.backward(data.constants["g"])
        kept["y"] = y.data

    return Step(run, lambda: kept | {k: t.grad for k, t in leaves.items()})


def train(f: Formula, data: Data) -> Step:
    """Descend, as in MyGrad's documentation."""
    leaves, rate = {k: mg.tensor(v) for k, v in data.leaves.items()}, data.constants["lr"]
    kept: Variables = {}

    def run() -> None:
        loss = f(leaves, data.constants)
        loss.backward()
        for p in leaves.values():
            p.data -= rate * p.grad
        kept["loss"] = loss.data

    return Step(run, lambda: kept | {k: t.data for k, t in leaves.items()})


def conv(x: Any, w: Any, b: Any, padding: int) -> Any:
    """Convolve."""
    y = conv_nd(x, w, stride=1, padding=padding)
    return y if b is None else y + b.reshape(1, -1, 1, 1)


engine = Engine(
    differentiate=differentiate,
    train=train,
    tanh=mg.tanh,
    relu=relu,
    sigmoid=sigmoid,
    sqrt=mg.sqrt,
    mean=lambda x, axes: mg.mean(x, axis=axes, keepdims=True),
    matmul=mg.matmul,
    linear=lambda x, w, b: mg.matmul(x, w.T) + b,
    mse=lambda y, t: mg.mean((y - t) ** 2),
    cross_entropy=softmax_crossentropy,
    stack=mg.stack,
    conv=conv,
    pool=lambda x: max_pool(x, (2, 2), 2),
    softmax=softmax,
    swap=lambda x: mg.swapaxes(x, -1, -2),
)


def batch_norm(v: Variables, c: Variables) -> Any:
    """W5f."""
    return batchnorm(v["x"], gamma=v["gamma"], beta=v["beta"], eps=1e-5)


steps: dict[str, Callable[[Data], Step]] = steps_of(engine, "W1 W2 W3 W4 W4b W5 W6 W7 W8 W9") | {
    "W5f": partial(differentiate, batch_norm)
}
