"""HIPS autograd, the ancestor: NumPy functions wrapped one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as np
import autograd.scipy.signal
import autograd.scipy.special

from benchmarks.peers.formulas import Engine, Formula, Variables, steps_of
from benchmarks.peers.step import Step
from benchmarks.workloads import Data


def differentiate(f: Formula, data: Data) -> Step:
    """Pull the cotangent g back."""
    pulled = autograd.make_vjp(lambda v: f(v, data.constants))
    kept: Variables = {}

    def run() -> None:
        pull, y = pulled(data.leaves)
        kept["y"] = y
        kept.update(pull(data.constants["g"]))

    return Step(run, lambda: kept)


def train(f: Formula, data: Data) -> Step:
    """Descend."""
    both = autograd.value_and_grad(lambda v: f(v, data.constants))
    leaves, rate = {k: v.copy() for k, v in data.leaves.items()}, data.constants["lr"]
    kept: Variables = {}

    def run() -> None:
        kept["loss"], found = both(leaves)
        for name, g in found.items():
            leaves[name] -= rate * g

    return Step(run, lambda: kept | leaves)


def conv(x: Any, w: Any, b: Any, padding: int) -> Any:
    """Convolve: autograd's function turns the kernel, as signal processing does."""
    around = [(0, 0), (0, 0), (padding, padding), (padding, padding)]
    x = np.pad(x, around, mode="constant") if padding else x
    y = autograd.scipy.signal.convolve(
        x, w[:, :, ::-1, ::-1], axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid"
    )
    return y if b is None else y + np.reshape(b, (1, -1, 1, 1))


def pool(x: Any) -> Any:
    """Give maxima of 2 x 2 elements."""
    n, c, h, w = x.shape
    return np.max(np.reshape(x, (n, c, h // 2, 2, w // 2, 2)), axis=(3, 5))


def softmax(x: Any) -> Any:
    """exp(x) / Σ exp(x)."""
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def cross_entropy(z: Any, labels: Any) -> Any:
    """-mean log softmax(z)[label]."""
    picked = z[np.arange(len(labels)), labels]
    return np.mean(autograd.scipy.special.logsumexp(z, axis=1) - picked)


engine = Engine(
    differentiate=differentiate,
    train=train,
    tanh=np.tanh,
    relu=lambda x: np.maximum(x, 0),
    sigmoid=lambda x: 1 / (1 + np.exp(-x)),
    sqrt=np.sqrt,
    mean=lambda x, axes: np.mean(x, axis=axes, keepdims=True),
    matmul=np.matmul,
    linear=lambda x, w, b: np.dot(x, w.T) + b,
    mse=lambda y, t: np.mean((y - t) ** 2),
    cross_entropy=cross_entropy,
    stack=np.stack,
    conv=conv,
    pool=pool,
    softmax=softmax,
    swap=lambda x: np.swapaxes(x, -1, -2),
)
steps: dict[str, Callable[[Data], Step]] = steps_of(engine, "W1 W2 W3 W4 W4b W5 W6 W7 W8 W9")
