"""Every layer with inputs to compare it at: what `autonn compare` goes through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autonn import nn

Shape = tuple[int, ...]


class Entry(NamedTuple):
    """A layer to compare.

    Attributes
    ----------
    make
        Gives the layer, of its first input's shape and a generator.
    shape
        Its first input's usual shape.
    others
        Gives its other inputs, of that shape and a generator.
    draw
        Gives its first input; normal numbers by default.
    """

    make: Callable[[Shape, np.random.Generator], nn.Module]
    shape: Shape
    others: Callable[[Shape, np.random.Generator], list[Any]] = lambda shape, rng: []
    draw: Callable[[Shape, np.random.Generator], Any] = lambda shape, rng: rng.normal(size=shape)

    def layer(self, rng: np.random.Generator, shape: Shape | None = None) -> nn.Module:
        """Make the layer; draw parameters that are all alike, 1 or 0, which would hide mistakes."""
        made = self.make(self.shape if shape is None else shape, rng)
        for p in made.parameters():
            if np.ptp(p.numpy()) == 0:
                p.assign(rng.uniform(0.5, 1.5, p.shape))
        return made

    def inputs(self, rng: np.random.Generator, shape: Shape | None = None) -> list[Any]:
        """Draw all inputs."""
        shape = self.shape if shape is None else shape
        return [self.draw(shape, rng), *self.others(shape, rng)]


def _plain(kind: Callable[..., nn.Module]) -> Callable[[Shape, np.random.Generator], nn.Module]:
    return lambda shape, rng: kind()


def _ids(shape: Shape, rng: np.random.Generator) -> Any:
    return rng.integers(0, 20, shape)


def _like(shape: Shape, rng: np.random.Generator) -> list[Any]:
    return [rng.normal(size=shape)]


def _classes(shape: Shape, rng: np.random.Generator) -> list[Any]:
    return [rng.integers(0, shape[1], (shape[0], *shape[2:]))]


def _bits(shape: Shape, rng: np.random.Generator) -> list[Any]:
    return [rng.integers(0, 2, shape).astype(float)]


def _probabilities(shape: Shape, rng: np.random.Generator) -> Any:
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


# fmt: off
CATALOGUE: dict[str, Entry] = {
    "Linear": Entry(lambda s, rng: nn.Linear(s[-1], 16, rng=rng), (8, 12)),
    "SparseEvolution": Entry(lambda s, rng: nn.SparseEvolution(s[-1], 16, epsilon=2, rng=rng), (8, 12)),
    "Flatten": Entry(_plain(nn.Flatten), (4, 3, 5)),
    "Add": Entry(_plain(nn.Add), (4, 5), lambda s, rng: [rng.normal(size=s[-1:])]),
    "Multiply": Entry(_plain(nn.Multiply), (4, 5), lambda s, rng: [rng.normal(size=s[-1:])]),
    "Identity": Entry(_plain(nn.Identity), (4, 5)),
    "Residual": Entry(lambda s, rng: nn.Residual(nn.Linear(s[-1], s[-1], rng=rng)), (4, 5)),
    "Sequential": Entry(lambda s, rng: nn.Sequential(nn.Linear(s[-1], 7, rng=rng), nn.BatchNorm1d(7), nn.Tanh(), nn.Linear(7, 3, rng=rng)), (8, 5)),

    "Conv1d": Entry(lambda s, rng: nn.Conv1d(s[1], 6, 3, 2, 1, rng=rng), (4, 3, 9)),
    "Conv2d": Entry(lambda s, rng: nn.Conv2d(s[1], 6, 3, 2, 1, rng=rng), (4, 3, 8, 7)),
    "ConvTranspose1d": Entry(lambda s, rng: nn.ConvTranspose1d(s[1], 4, 3, 2, 1, rng=rng), (4, 3, 6)),
    "ConvTranspose2d": Entry(lambda s, rng: nn.ConvTranspose2d(s[1], 4, 3, 2, 1, rng=rng), (4, 3, 5, 4)),
    "MaxPool1d": Entry(lambda s, rng: nn.MaxPool1d(3, 2, 1), (4, 3, 9)),
    "MaxPool2d": Entry(lambda s, rng: nn.MaxPool2d(3, 2, 1), (4, 3, 8, 7)),
    "AvgPool1d": Entry(lambda s, rng: nn.AvgPool1d(3, 2, 1), (4, 3, 9)),
    "AvgPool2d": Entry(lambda s, rng: nn.AvgPool2d(3, 2, 1), (4, 3, 8, 7)),
    "GlobalAvgPool": Entry(_plain(nn.GlobalAvgPool), (4, 3, 5, 6)),

    "BatchNorm1d": Entry(lambda s, rng: nn.BatchNorm1d(s[1]), (16, 6)),
    "BatchNorm2d": Entry(lambda s, rng: nn.BatchNorm2d(s[1]), (4, 3, 6, 5)),
    "InstanceNorm1d": Entry(lambda s, rng: nn.InstanceNorm1d(s[1], affine=True), (4, 3, 9)),
    "InstanceNorm2d": Entry(lambda s, rng: nn.InstanceNorm2d(s[1], affine=True), (4, 3, 6, 5)),
    "GroupNorm": Entry(lambda s, rng: nn.GroupNorm(2, s[1]), (4, 6, 5)),
    "LayerNorm": Entry(lambda s, rng: nn.LayerNorm(s[-1]), (4, 5, 12)),
    "RMSNorm": Entry(lambda s, rng: nn.RMSNorm(s[-1]), (4, 5, 12)),
    "Dropout": Entry(lambda s, rng: nn.Dropout(0.3, rng=rng), (6, 8)),
    "Dropout2d": Entry(lambda s, rng: nn.Dropout2d(0.3, rng=rng), (4, 6, 3, 3)),

    "ReLU": Entry(_plain(nn.ReLU), (6, 8)),
    "LeakyReLU": Entry(_plain(nn.LeakyReLU), (6, 8)),
    "ELU": Entry(_plain(nn.ELU), (6, 8)),
    "SELU": Entry(_plain(nn.SELU), (6, 8)),
    "GELU": Entry(_plain(nn.GELU), (6, 8)),
    "SiLU": Entry(_plain(nn.SiLU), (6, 8)),
    "Sigmoid": Entry(_plain(nn.Sigmoid), (6, 8)),
    "HardSigmoid": Entry(_plain(nn.HardSigmoid), (6, 8)),
    "Tanh": Entry(_plain(nn.Tanh), (6, 8)),
    "Softplus": Entry(_plain(nn.Softplus), (6, 8)),
    "Softmax": Entry(_plain(nn.Softmax), (6, 8)),
    "LogSoftmax": Entry(_plain(nn.LogSoftmax), (6, 8)),

    "Embedding": Entry(lambda s, rng: nn.Embedding(20, 5, rng=rng), (4, 7), draw=_ids),
    "RNNCell": Entry(lambda s, rng: nn.RNNCell(s[-1], 5, rng=rng), (4, 3), lambda s, rng: [rng.normal(size=(s[0], 5))]),
    "LSTMCell": Entry(lambda s, rng: nn.LSTMCell(s[-1], 5, rng=rng), (4, 3), lambda s, rng: [(rng.normal(size=(s[0], 5)), rng.normal(size=(s[0], 5)))]),
    "GRUCell": Entry(lambda s, rng: nn.GRUCell(s[-1], 5, rng=rng), (4, 3), lambda s, rng: [rng.normal(size=(s[0], 5))]),
    "RNN": Entry(lambda s, rng: nn.RNN(s[-1], 4, 2, bidirectional=True, rng=rng), (5, 3, 3)),
    "LSTM": Entry(lambda s, rng: nn.LSTM(s[-1], 4, 2, rng=rng), (5, 3, 3)),
    "GRU": Entry(lambda s, rng: nn.GRU(s[-1], 4, 2, rng=rng), (5, 3, 3)),
    "DotProductAttention": Entry(_plain(nn.DotProductAttention), (2, 4, 5), lambda s, rng: [rng.normal(size=(s[0], 6, s[-1])), rng.normal(size=(s[0], 6, 3))]),
    "GeneralAttention": Entry(lambda s, rng: nn.GeneralAttention(s[-1], 3, rng=rng), (2, 4, 5), lambda s, rng: [rng.normal(size=(s[0], 6, 3)), rng.normal(size=(s[0], 6, 3))]),
    "ConcatAttention": Entry(lambda s, rng: nn.ConcatAttention(s[-1], 3, 4, rng=rng), (2, 4, 5), lambda s, rng: [rng.normal(size=(s[0], 6, 3)), rng.normal(size=(s[0], 6, 3))]),
    "MultiHeadAttention": Entry(lambda s, rng: nn.MultiHeadAttention(s[-1], 2, batch_first=True, rng=rng), (2, 5, 6)),
    "TransformerEncoderLayer": Entry(lambda s, rng: nn.TransformerEncoderLayer(s[-1], 2, 8, batch_first=True, rng=rng), (2, 5, 6)),
    "PositionalEncoding": Entry(lambda s, rng: nn.PositionalEncoding(s[-1], 50, learned=True, rng=rng), (2, 5, 6)),
    "RBM": Entry(lambda s, rng: nn.RBM(s[-1], 5, rng=rng), (4, 6)),

    "MSELoss": Entry(_plain(nn.MSELoss), (6, 4), _like),
    "HalfSquaredError": Entry(_plain(nn.HalfSquaredError), (6, 4), _like),
    "L1Loss": Entry(_plain(nn.L1Loss), (6, 4), _like),
    "HuberLoss": Entry(_plain(nn.HuberLoss), (6, 4), _like),
    "CrossEntropyLoss": Entry(_plain(nn.CrossEntropyLoss), (6, 4), _classes),
    "NLLLoss": Entry(_plain(nn.NLLLoss), (6, 4), _classes),
    "BCELoss": Entry(_plain(nn.BCELoss), (6, 4), _bits, lambda s, rng: rng.uniform(0.1, 0.9, s)),
    "BCEWithLogitsLoss": Entry(_plain(nn.BCEWithLogitsLoss), (6, 4), _bits),
    "KLDivLoss": Entry(_plain(nn.KLDivLoss), (6, 4), lambda s, rng: [_probabilities(s, rng)], lambda s, rng: np.log(_probabilities(s, rng))),
    "HingeLoss": Entry(_plain(nn.HingeLoss), (6, 4), lambda s, rng: [rng.choice([-1.0, 1.0], s)]),
}
