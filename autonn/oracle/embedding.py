"""Rows of a table, by their ids or by their positions, derived by hand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from autonn.oracle.base import Bound, Gradients, given
from autonn.oracle.linear import rows, summed_to


def summed_by(index: Any, terms: Any, count: int) -> Any:
    """y[i] = Σ terms[j] over all j with index[j] = i: sorted, so that each i is one run of them."""
    total = np.zeros((count, terms.shape[1]), terms.dtype)
    order = np.argsort(index, kind="stable")
    index = index[order]
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    if len(starts):
        total[index[starts]] = np.add.reduceat(terms[order], starts, axis=0)
    return total


class Embedding:
    """y = weight[ids], or the sum or mean of these rows over bags of ids.

    Y = O weight, with O one-hot: a 1 in each row, at the id. So ∂L/∂weight = Oᵀ g: each row of the
    weight gets the sum of g over all places where its id occurs, however often that is. A bag sums
    rows, y = P O weight, with P[n, j] = 1 where the j-th id is in the n-th bag (over the bag's
    length, for the mean), and ∂L/∂weight = Oᵀ Pᵀ g: each id of a bag gets the bag's g. The padding
    gets nothing. Mikolov et al. 2013, arXiv:1301.3781, section 3.1; Bengio et al. 2003, JMLR 3.
    """

    @staticmethod
    def forward(
        ids: Any, weight: Any, padding_idx: int | None = None, pool: str | None = None
    ) -> tuple[Any, Any]:
        """Ids of any shape, y (*ids.shape, dim); or bags of ids, y (bags, dim)."""
        count = len(weight)
        padding = None if padding_idx is None else padding_idx % count
        if pool is None:
            ids = np.asarray(ids).astype(np.intp)
            return weight[ids], (ids.ravel(), None, None, padding, count)
        bags = [np.asarray(bag).astype(np.intp) for bag in ids]
        flat = np.concatenate([np.empty(0, np.intp), *bags])
        bag = np.repeat(np.arange(len(bags)), [len(b) for b in bags])
        if padding is not None:
            bag, flat = bag[flat != padding], flat[flat != padding]
        lengths = np.ones(len(bags)) if pool == "sum" else np.bincount(bag, minlength=len(bags))
        divisor = np.maximum(lengths, 1).astype(weight.dtype)[:, None]
        y = summed_by(bag, weight[flat], len(bags)) / divisor
        return y, (flat, bag, divisor, None, count)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂weight."""
        ids, bag, divisor, padding, count = cache
        of_rows = rows(g) if bag is None else (g / divisor)[bag]
        of_weight = summed_by(ids, of_rows, count)
        if padding is not None:
            of_weight[padding] = 0
        return given(weight=of_weight)


@lru_cache(maxsize=8)
def sines(length: int, dim: int) -> Any:
    """PE[t, 2i] = sin(t / 10000^(2i / dim)), PE[t, 2i + 1] = cos(the same)."""
    angles = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, dim, 2) / dim)
    table = np.empty((length, dim))
    table[:, ::2], table[:, 1::2] = np.sin(angles), np.cos(angles[:, : dim // 2])
    return table


class PositionalEncoding:
    """y[t] = dropout(x[t] + PE[t]): sines, or learned rows.

    ∂L/∂x is what dropout lets through of g; sines are constants. A learned row meets every example
    at its time, so ∂L/∂PE[t] is the sum over the examples, and rows beyond T get 0. Vaswani et al.
    2017, arXiv:1706.03762, section 3.5; Gehring et al. 2017, arXiv:1705.03122, section 3.1.
    """

    @staticmethod
    def forward(
        x: Any,
        dim: int,
        children: Mapping[str, Bound],
        weight: Any = None,
        batch_first: bool = False,
    ) -> tuple[Any, Any]:
        """X and y (T, N, dim), or batch first."""
        axis = x.ndim - 2 if batch_first else 0
        length = x.shape[axis]
        table = sines(length, dim).astype(x.dtype) if weight is None else weight[:length]
        shape = tuple(n if i in (axis, x.ndim - 1) else 1 for i, n in enumerate(x.shape))
        y, dropped = children["dropout"].forward(x + table.reshape(shape))
        return y, (children["dropout"], dropped, weight, shape)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, and ∂L/∂weight if there is one."""
        dropout, dropped, weight, shape = cache
        of_x = dropout.backward(g, dropped)["x"]
        if weight is None:
            return given(x=of_x)
        of_weight = np.zeros_like(weight)
        seen = summed_to(of_x, shape).reshape(-1, weight.shape[1])
        of_weight[: len(seen)] = seen
        return given(x=of_x, weight=of_weight)
