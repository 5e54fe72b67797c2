"""PyTorch in eager mode: formulas of its primitives, and its own fused kernels beside them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn import functional as F

from benchmarks.peers.formulas import Engine, Formula, Variables, steps_of
from benchmarks.peers.step import Step
from benchmarks.workloads import Data

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
kernels = (
    f"{'MKL' if torch.backends.mkl.is_available() else 'its own BLAS'} and oneDNN "
    f"{torch.backends.cpu.get_cpu_capability()}, threads: {torch.get_num_threads()}"
)


def variables(data: Data) -> tuple[Variables, Variables]:
    """Give leaves and constants as tensors."""
    leaves = {k: torch.tensor(v, requires_grad=True) for k, v in data.leaves.items()}
    constants = {
        k: torch.tensor(v) if hasattr(v, "dtype") else v for k, v in data.constants.items()
    }
    return leaves, constants


def differentiate(f: Formula, data: Data) -> Step:
    """Pull the cotangent g back."""
    leaves, constants = variables(data)
    kept: dict[str, Any] = {}

    def run() -> None:
        for t in leaves.values():
            t.grad = None
        y = f(leaves, constants)
        y.backward(constants["g"])
        kept["y"] = y.detach()

    def result() -> dict[str, Any]:
        found = kept | {k: t.grad for k, t in leaves.items()}
        return {k: t.numpy() for k, t in found.items()}

    return Step(run, result)


def train(f: Formula, data: Data) -> Step:
    """Descend by hand, which is faster than `torch.optim.SGD`."""
    leaves, constants = variables(data)
    rate, kept = constants["lr"], {}

    def run() -> None:
        loss = f(leaves, constants)
        loss.backward()
        with torch.no_grad():
            for p in leaves.values():
                p.sub_(p.grad, alpha=rate)
                p.grad = None
        kept["loss"] = loss.detach()

    return Step(run, lambda: {k: t.detach().numpy() for k, t in (kept | leaves).items()})


engine = Engine(
    differentiate=differentiate,
    train=train,
    tanh=torch.tanh,
    relu=torch.relu,
    sigmoid=torch.sigmoid,
    sqrt=torch.sqrt,
    mean=lambda x, axes: x.mean(axes, keepdim=True),
    matmul=torch.matmul,
    linear=F.linear,
    mse=F.mse_loss,
    cross_entropy=F.cross_entropy,
    stack=torch.stack,
    conv=lambda x, w, b, padding: F.conv2d(x, w, b, padding=padding),
    pool=lambda x: F.max_pool2d(x, 2),
    softmax=lambda x: torch.softmax(x, -1),
    swap=lambda x: x.transpose(-1, -2),
)


# ----- Fused kernels -----


def batch_norm(v: Variables, c: Variables) -> Any:
    """W5f."""
    return F.batch_norm(v["x"], None, None, v["gamma"], v["beta"], training=True)


def layer_norm(v: Variables, c: Variables) -> Any:
    """W6f."""
    return F.layer_norm(v["x"], v["gamma"].shape, v["gamma"], v["beta"])


def lstm(v: Variables, c: Variables) -> Any:
    """W7f: what nn.LSTM calls."""
    state = c["zeros"][None], c["zeros"][None]
    weights = [v[k] for k in ("w_ih", "w_hh", "b_ih", "b_hh")]
    return torch.lstm(v["x"], state, weights, True, 1, 0.0, True, False, False)[0]


steps: dict[str, Callable[[Data], Step]] = steps_of(engine, "W1 W2 W3 W4 W4b W5 W6 W7 W8 W9") | {
    "W5f": partial(differentiate, batch_norm),
    "W6f": partial(differentiate, layer_norm),
    "W7f": partial(differentiate, lstm),
}
