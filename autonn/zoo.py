"""Networks that read the 8×8 digits: what `autonn train` trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autonn import nn
from autonn.tensors import Tensor

CLASSES, SIDE = 10, 8
NORMS = ("batch", "layer", "none")


class Rows(nn.Module):
    """Scores (N, 10) of images (N, 64), by a recurrent layer that reads them row by row.

    Parameters
    ----------
    hidden
        The size of the LSTM's state.
    norm
        "layer" normalises inside the LSTM, at each step; "batch" what it gives in the end.
    dropout
        Of what it gives in the end.
    rng
        Draws the weights.
    """

    def __init__(self, hidden: int, norm: str, dropout: float, rng: np.random.Generator) -> None:
        super().__init__()
        self.lstm = nn.LSTM(SIDE, hidden, layer_norm=norm == "layer", rng=rng)
        self.norm = nn.BatchNorm1d(hidden) if norm == "batch" else nn.Identity()
        self.dropout = nn.Dropout(dropout, rng=rng)
        self.out = nn.Linear(hidden, CLASSES, rng=rng)

    def forward(self, x: Any) -> Tensor:
        """Give the scores."""
        rows = np.moveaxis(x.reshape(-1, SIDE, SIDE), 1, 0)  # 8, N, 8
        y, _ = self.lstm(rows)
        return self.out(self.dropout(self.norm(y[-1])))


class Patches(nn.Module):
    """Scores (N, 10) of images (N, 64), by a Transformer over their eight rows.

    Parameters
    ----------
    width, heads, depth
        Of the Transformer.
    dropout
        In its layers.
    rng
        Draws the weights.
    """

    def __init__(
        self, width: int, heads: int, depth: int, dropout: float, rng: np.random.Generator
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(SIDE, width, rng=rng)
        self.place = nn.PositionalEncoding(width, SIDE, learned=True, batch_first=True, rng=rng)
        self.blocks = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, heads, 2 * width, dropout=dropout, batch_first=True, rng=rng
                )
                for _ in range(depth)
            )
        )
        self.out = nn.Linear(width, CLASSES, rng=rng)

    def forward(self, x: Any) -> Tensor:
        """Give the scores."""
        tokens = self.place(self.embed(x.reshape(-1, SIDE, SIDE)))  # N, 8, width
        return self.out(self.blocks(tokens).mean(axis=1))


class Images(nn.Module):
    """(N, 64) as images (N, 1, 8, 8)."""

    def forward(self, x: Any) -> Any:
        """Give the images."""
        return x.reshape(-1, 1, SIDE, SIDE)


def _norm(norm: str, *shape: int) -> list[nn.Module]:
    if norm == "none":
        return []
    if norm == "layer":
        return [nn.LayerNorm(shape)]
    return [nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0])]


def mlp(norm: str, dropout: float, rng: np.random.Generator) -> nn.Module:
    """64 → 128 → 64 → 10, with ReLU."""
    layers: list[nn.Module] = []
    for a, b in ((SIDE * SIDE, 128), (128, 64)):
        layers += [nn.Linear(a, b, rng=rng), *_norm(norm, b), nn.ReLU()]
        layers += [nn.Dropout(dropout, rng=rng)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(64, CLASSES, rng=rng))


def sparse(norm: str, dropout: float, rng: np.random.Generator) -> nn.Module:
    """64 → 256 → 128 → 10, with a fifth of the connections of the first two layers."""
    layers: list[nn.Module] = []
    for a, b in ((SIDE * SIDE, 256), (256, 128)):
        layers += [nn.SparseEvolution(a, b, epsilon=10, rng=rng), *_norm(norm, b), nn.ReLU()]
        layers += [nn.Dropout(dropout, rng=rng)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(128, CLASSES, rng=rng))


def lenet(norm: str, dropout: float, rng: np.random.Generator) -> nn.Module:
    """Two convolutions with pooling, then 192 → 84 → 10; after LeCun et al. 1998."""
    return nn.Sequential(
        Images(),
        nn.Conv2d(1, 24, 3, padding="same", rng=rng),
        *_norm(norm, 24, 8, 8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(24, 48, 3, padding="same", rng=rng),
        *_norm(norm, 48, 4, 4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(192, 84, rng=rng),
        *_norm(norm, 84),
        nn.ReLU(),
        nn.Dropout(dropout, rng=rng),
        nn.Linear(84, CLASSES, rng=rng),
    )


def lstm(norm: str, dropout: float, rng: np.random.Generator) -> nn.Module:
    """Read an image row by row."""
    return Rows(64, norm, dropout, rng)


def transformer(norm: str, dropout: float, rng: np.random.Generator) -> nn.Module:
    """Two layers of four heads over the rows; its own LayerNorm is the only norm."""
    return Patches(32, 4, 2, dropout, rng)


MODELS: dict[str, Callable[[str, float, np.random.Generator], nn.Module]] = {
    "mlp": mlp,
    "lenet": lenet,
    "lstm": lstm,
    "set": sparse,
    "transformer": transformer,
}
