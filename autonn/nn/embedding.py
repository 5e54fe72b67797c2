"""Rows of a table, by ids or by positions."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from autonn import functional as F
from autonn import init
from autonn.arguments import Probability, Size, checked
from autonn.attention import checked_id
from autonn.init import Rng
from autonn.nn.dropout import Dropout
from autonn.nn.module import Module
from autonn.tensors import Tensor


class Embedding(Module):
    """y = weight[ids], or the sum or mean of these rows over bags of ids.

    Parameters
    ----------
    num_embeddings, embedding_dim
        How many ids there are, and the length of each row.
    padding_idx
        An id that learns nothing: its row starts at 0, gets no gradient, and does not count in
        bags.
    pool
        None gives each id its row; "sum" or "mean" join the rows of each bag.
    rng
        Draws the initial rows, N(0, 1).

    Attributes
    ----------
    weight
        (num_embeddings, embedding_dim).

    Examples
    --------
    >>> Embedding(10, 3)(np.array([[1, 2, 2], [0, 9, 1]])).shape
    (2, 3, 3)
    >>> Embedding(10, 3, pool="mean")([[1, 2, 2], [0]]).shape
    (2, 3)
    """

    @checked
    def __init__(
        self,
        num_embeddings: Size,
        embedding_dim: Size,
        padding_idx: int | None = None,
        pool: Literal["sum", "mean"] | None = None,
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__()
        self.padding_idx = checked_id("Embedding", padding_idx, num_embeddings)
        self.pool = pool
        rows = init.normal((num_embeddings, embedding_dim), np.random.default_rng(rng))
        if self.padding_idx is not None:
            rows[self.padding_idx] = 0
        self.weight: Any = Tensor(rows, requires_grad=True)

    def forward(self, ids: Any) -> Any:
        """Ids of any shape, y (*ids.shape, embedding_dim); or bags of ids, y (bags, dim)."""
        with self.named_errors():
            if self.pool is None:
                return F.embedding(ids, self.weight, self.padding_idx)
            return F.embedding_bag(ids, self.weight, self.pool, self.padding_idx)

    def describe(self) -> str:
        """Give the sizes and the options."""
        sizes = " → ".join(map(str, self.weight.shape))
        options = {"padding_idx": self.padding_idx, "pool": self.pool}
        return ", ".join([sizes, *(f"{k}={v!r}" for k, v in options.items() if v is not None)])


class PositionalEncoding(Module):
    """y[t] = dropout(x[t] + PE[t]): sines, or learned rows.

    Sines as in `functional.sinusoidal_positions`: Vaswani et al. 2017, arXiv:1706.03762, section
    3.5. Learned: Gehring et al. 2017, arXiv:1705.03122, section 3.1.

    Parameters
    ----------
    dim
        Length of the inputs.
    max_len
        How many positions there are at most.
    learned
        Whether PE is a parameter, N(0, 0.02²) at first.
    dropout
        The probability of dropping, in training.
    batch_first
        Whether inputs are (N, T, dim) and not (T, N, dim).
    rng
        Draws learned rows and dropout masks.

    Attributes
    ----------
    weight
        The learned PE, (max_len, dim); None for sines.

    Examples
    --------
    >>> PositionalEncoding(4, 10, batch_first=True)(np.zeros((2, 3, 4)))[0, 1].round(3)
    array([0.841, 0.54 , 0.01 , 1.   ])
    """

    @checked
    def __init__(
        self,
        dim: Size,
        max_len: Size = 5000,
        learned: bool = False,
        dropout: Probability = 0.0,
        batch_first: bool = False,
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__()
        rng = np.random.default_rng(rng)
        self.dim, self.max_len, self.learned = dim, max_len, learned
        self.batch_first = batch_first
        self.dropout = Dropout(dropout, rng=rng)
        rows = init.normal((max_len, dim), rng, std=0.02) if learned else None
        self.weight: Any = None if rows is None else Tensor(rows, requires_grad=True)
        self._sines = None if learned else F.sinusoidal_positions(max_len, dim)

    def forward(self, x: Any) -> Any:
        """X and y (T, N, dim), or batch first; T up to max_len."""
        axis = -2 if self.batch_first else 0
        if x.ndim < 2 or x.shape[-1] != self.dim or x.shape[axis] > self.max_len:
            order = "N, T" if self.batch_first else "T, N"
            told = f"expected ({order}, {self.dim}) with T up to {self.max_len}"
            raise ValueError(f"{self.label}: input has shape {x.shape}, {told}")
        length = x.shape[axis]
        rows = (self.weight if self._sines is None else self._sines)[:length]
        if self._sines is not None and x.dtype.kind == "f":
            rows = rows.astype(x.dtype)
        if x.ndim > 2 and not self.batch_first:
            rows = rows.reshape(length, *[1] * (x.ndim - 2), self.dim)
        return self.dropout(x + rows)

    def describe(self) -> str:
        """Give the sizes."""
        return f"{self.max_len}, {self.dim}" + ", learned" * self.learned
