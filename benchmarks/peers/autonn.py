"""autonn as a user writes it: layers and an optimiser, or operators where these are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autonn import Tensor, nn, optim
from autonn import functional as F
from benchmarks.peers import formulas
from benchmarks.peers.formulas import Engine, Formula
from benchmarks.peers.step import Step
from benchmarks.workloads import Data

Tensors = dict[str, Tensor]


def backward_of(f: Callable[[], Any], leaves: Tensors, g: Any) -> Step:
    """Make a step of a function that gives an output, with its cotangent."""
    kept: dict[str, Any] = {}

    def run() -> None:
        for t in leaves.values():
            t.grad = None
        y = f()
        y.backward(g)
        kept["y"] = y.data

    def result() -> dict[str, Any]:
        return kept | {k: t.grad.data for k, t in leaves.items() if t.grad is not None}

    return Step(run, result)


def descent_of(f: Callable[[], Any], leaves: Tensors, rate: float) -> Step:
    """Make a step of a function that gives a loss, and of gradient descent."""
    optimizer = optim.SGD(leaves.items(), lr=rate)
    kept: dict[str, Any] = {}

    def run() -> None:
        optimizer.zero_grad()
        loss = f()
        loss.backward()
        optimizer.step()
        kept["loss"] = loss.data

    return Step(run, lambda: kept | {k: t.data.copy() for k, t in leaves.items()})


# ----- By operators -----


def leaves_of(data: Data, names: Iterable[str]) -> Tensors:
    """Give leaves as Tensors."""
    return {k: Tensor(data.leaves[k], requires_grad=True) for k in names}


def differentiate(f: Formula, data: Data) -> Step:
    """Differentiate a formula of operators."""
    leaves = leaves_of(data, data.leaves)
    return backward_of(lambda: f(leaves, data.constants), leaves, data.constants["g"])


def train(f: Formula, data: Data) -> Step:
    """Train a formula of operators."""
    leaves = leaves_of(data, data.leaves)
    return descent_of(lambda: f(leaves, data.constants), leaves, data.constants["lr"])


engine = Engine(
    differentiate=differentiate,
    train=train,
    tanh=np.tanh,
    relu=F.relu,
    sigmoid=F.sigmoid,
    sqrt=np.sqrt,
    mean=lambda x, axes: np.mean(x, axis=axes, keepdims=True),
    matmul=np.matmul,
    linear=lambda x, w, b: x @ w.T + b,
    mse=F.mse_loss,
    cross_entropy=F.cross_entropy,
    stack=np.stack,
)


# ----- By layers -----


def parameters(module: nn.Module, data: Data, names: Iterable[str]) -> Tensors:
    """Give a module's parameters by the names of the leaves, with their values."""
    found = dict(zip(names, module.parameters(), strict=True))
    for name, p in found.items():
        p.assign(data.leaves[name])
    return found


def classifier(net: nn.Module, data: Data) -> Step:
    """Train a network by cross-entropy."""
    leaves, loss = parameters(net, data, data.leaves), nn.CrossEntropyLoss()
    x, labels, rate = (data.constants[k] for k in ("x", "labels", "lr"))
    return descent_of(lambda: loss(net(x), labels), leaves, rate)


def network(data: Data) -> Step:
    """W3."""
    shapes = [w.shape for name, w in data.leaves.items() if name.startswith("w")]
    layers: list[nn.Module] = []
    for m, n in shapes:
        layers += [nn.Linear(n, m), nn.ReLU()]
    return classifier(nn.Sequential(*layers[:-1]), data)


def lenet(data: Data) -> Step:
    """W4."""
    a, b, (hidden, features), _ = (data.leaves[f"w{i}"].shape for i in range(4))
    net = nn.Sequential(
        *(nn.Conv2d(1, a[0], 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(a[0], b[0], 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 10)),
    )
    return classifier(net, data)


def layer_step(module: nn.Module, data: Data, output: Callable[[Any], Any] = lambda y: y) -> Step:
    """Differentiate a layer by its input x and its parameters."""
    leaves = leaves_of(data, ["x"])
    leaves |= parameters(module, data, [name for name in data.leaves if name != "x"])
    return backward_of(lambda: output(module(leaves["x"])), leaves, data.constants["g"])


def convolution(data: Data) -> Step:
    """W4b."""
    out, into, *_ = data.leaves["w"].shape
    return layer_step(nn.Conv2d(into, out, 3, padding=1, bias=False), data)


def batch_norm(data: Data) -> Step:
    """W5, with the running statistics that training wants."""
    return layer_step(nn.BatchNorm2d(len(data.leaves["gamma"])), data)


def layer_norm(data: Data) -> Step:
    """W6."""
    return layer_step(nn.LayerNorm(len(data.leaves["gamma"])), data)


def lstm(data: Data) -> Step:
    """W7."""
    inputs, hidden = data.leaves["x"].shape[-1], data.leaves["w_hh"].shape[-1]
    return layer_step(nn.LSTM(inputs, hidden), data, lambda y: y[0])


def attention(data: Data) -> Step:
    """W8."""
    leaves = leaves_of(data, "qkv")

    def output() -> Any:
        return F.scaled_dot_product_attention(leaves["q"], leaves["k"], leaves["v"])[0]

    return backward_of(output, leaves, data.constants["g"])


steps: dict[str, Callable[[Data], Step]] = formulas.steps_of(engine, "W1 W2 W9") | {
    "W3": network,
    "W4": lenet,
    "W4b": convolution,
    "W5": batch_norm,
    "W6": layer_norm,
    "W7": lstm,
    "W8": attention,
}
