"""Graphs to trace and to draw: small programs, each with what is special about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autonn
from autonn import Tensor, nn
from autonn import functional as F
from autonn.trace import Graph, graph_of, trace, traced


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def tensor(values: Any, name: str | None = None) -> Tensor:
    return Tensor(values, requires_grad=True, name=name, dtype=np.float64)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.bn = nn.Linear(4, 3, rng=rng()), nn.BatchNorm1d(3)
        self.act = nn.ReLU()

    def forward(self, x: Any) -> Any:
        return self.act(self.bn(self.fc(x)))


def net_with_loss(check: bool = False) -> Graph:
    net, mse = Net().astype(np.float64), nn.MSELoss()
    x, target = tensor(rng().normal(size=(6, 4))), rng().normal(size=(6, 3))
    with trace(check=check) as graph:
        loss = mse(net(x), target)
        loss.backward()
    return graph


def after_the_fact() -> Graph:
    a, b = tensor(2.0, "a"), tensor(3.0, "b")
    return graph_of(np.tanh(a * b + a))


def diamond() -> Graph:
    x = tensor([1.0, 2.0], "x")
    with trace() as graph:
        left, right = np.exp(x), x**2
        total = (left * right).sum()
        total.backward()
    return graph


def zero_and_nan() -> Graph:
    x, dead = tensor([1.0, -1.0], "x"), tensor([-3.0, -4.0], "dead")
    with np.errstate(all="ignore"):
        return graph_of((np.sqrt(x) + F.relu(dead)).sum())


def broadcast() -> Graph:
    return traced(lambda x, b: (x + b).sum(), tensor(np.ones((3, 2)), "x"), tensor([1.0, 2.0], "b"))


def mixed_dtypes() -> Graph:
    w = Tensor(np.ones(3, np.float32), requires_grad=True, name="w")
    return traced(lambda x: (x * w).sum(), tensor([1.0, 2.0, 3.0], "x"))


def both_passes() -> Graph:
    return graph_of(np.sin(tensor(0.5, "x")) * 2.0, backward=True)


def constants() -> Graph:
    mask = np.array([True, False, True])
    x = tensor([1.0, 2.0, 3.0], "x")
    with trace() as graph:
        y = np.where(mask, x, 0.0).sum()
        y.backward()
    return graph


def twelve_blocks() -> Graph:
    blocks = [nn.Residual(nn.Sequential(nn.Linear(4, 4, rng=rng()), nn.Tanh())) for _ in range(12)]
    return traced(nn.Sequential(*blocks), rng().normal(size=(2, 4)).astype(np.float32))


def recurrent() -> Graph:
    return traced(nn.LSTM(3, 2, rng=rng()), rng().normal(size=(5, 2, 3)).astype(np.float32))


def attention() -> Graph:
    layer = nn.MultiHeadAttention(4, 2, batch_first=True, rng=rng())
    return traced(layer, rng().normal(size=(1, 3, 4)).astype(np.float32))


def hostile() -> Graph:
    x = tensor([1.0], '<script>alert("x")</script>&amp;')
    y = tensor([2.0], 'a "quoted"\\n\n\tname|{}<b>bold</b> ' + "very long " * 20)
    return graph_of((x * y).sum())


def loop() -> Graph:
    x = tensor([1.0, 2.0], "x")
    y = x
    for _ in range(30):
        y = np.sin(y) * 1.1
    return graph_of(y.sum())


GRAPHS: dict[str, Callable[[], Graph]] = {
    "net_with_loss": net_with_loss,
    "after_the_fact": after_the_fact,
    "diamond": diamond,
    "zero_and_nan": zero_and_nan,
    "broadcast": broadcast,
    "mixed_dtypes": mixed_dtypes,
    "both_passes": both_passes,
    "constants": constants,
    "twelve_blocks": twelve_blocks,
    "recurrent": recurrent,
    "attention": attention,
    "hostile": hostile,
    "loop": loop,
}


def layer_graph(name: str, **options: Any) -> Graph:
    """Trace a layer of the catalogue on its usual inputs, in float64."""
    entry = autonn.check.CATALOGUE[name]
    generator = rng()
    layer = entry.layer(generator).astype(np.float64)
    inputs = [
        tensor(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
        for x in entry.inputs(generator)
    ]
    return traced(layer, *inputs, **options)
