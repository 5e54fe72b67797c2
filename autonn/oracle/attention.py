"""Embeddings, attention and the Transformer's encoder layer, derived by hand.

All attention is one derivation. Of scores s the weights are A = softmax(s) over the keys, 0 where a
mask forbids, and y = D v with D = dropout(A). Let g be the cotangent of y, and g_A that of A, which
is an output, too:

- ∂L/∂v = Dᵀ g, and D gets g vᵀ,
- A gets h = g_A + what dropout lets through of g vᵀ,
- ∂L/∂s = A (h - Σ A h), the sum over the keys: the softmax's derivative. Where A = 0 it is 0, so
  masks need no word here, and a query that may attend to nothing gives nothing.

What remains is how the scores come of q and k. Vaswani et al. 2017, arXiv:1706.03762, section 3.2;
for the way back Dao et al. 2022, arXiv:2205.14135, appendix B.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autonn.oracle.base import Bound, Gradients, given
from autonn.oracle.linear import summed_to

Children = Mapping[str, Bound]

# ----- Lookup -----


def summed_by(index: Any, rows: Any, count: int) -> Any:
    """y[i] = Σ rows[j] over all j with index[j] = i: sorted, so that each i is one run of rows."""
    total = np.zeros((count, rows.shape[1]), rows.dtype)
    order = np.argsort(index, kind="stable")
    index = index[order]
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    if len(starts):
        total[index[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    return total


class Embedding:
    """y = weight[ids], or the sum or mean of these rows over bags of ids.

    y = O weight, with O one-hot: a 1 in each row, at the id. So ∂L/∂weight = Oᵀ g: each row of the
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
        share = np.ones((len(bags), 1), weight.dtype)
        if pool == "mean":
            share /= np.maximum(np.bincount(bag, minlength=len(bags)), 1)[:, None]
        y = summed_by(bag, weight[flat], len(bags)) * share
        return y, (flat, bag, share, None, count)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂weight."""
        ids, bag, share, padding, count = cache
        rows = g.reshape(-1, g.shape[-1]) if bag is None else (g * share)[bag]
        of_weight = summed_by(ids, rows, count)
        if padding is not None:
            of_weight[padding] = 0
        return given(weight=of_weight)


class PositionalEncoding:
    """y[t] = dropout(x[t] + PE[t]), PE[t, 2i] = sin(t / 10000^(2i / dim)), PE[t, 2i + 1] the cosine.

    ∂L/∂x is what dropout lets through of g: sines are constants. If PE is learned, its row t meets
    each example at time t, so ∂L/∂PE[t] is the sum over the examples; rows beyond T get 0. Vaswani
    et al. 2017, arXiv:1706.03762, section 3.5; Gehring et al. 2017, arXiv:1705.03122, section 3.1.
    """

    @staticmethod
    def forward(
        x: Any, dim: int, children: Children, weight: Any = None, batch_first: bool = False
    ) -> tuple[Any, Any]:
        """X and y (T, N, dim), or batch first."""
        axis = x.ndim - 2 if batch_first else 0
        length = x.shape[axis]
        if weight is None:
            even = np.arange(0, dim, 2)
            angles = np.arange(length)[:, None] * 10000.0 ** (-even / dim)
            table = np.empty((length, dim), x.dtype)
            table[:, ::2], table[:, 1::2] = np.sin(angles), np.cos(angles[:, : dim // 2])
        else:
            table = weight[:length]
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


# ----- Attention: from the scores on -----


def allowed(scores: Any, mask: Any, key_mask: Any, causal: bool) -> tuple[Any, Any]:
    """Give the scores with a mask of numbers added, and -inf where attention is forbidden."""
    may: Any = True
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype.kind == "b":
            may = mask
        else:
            scores = scores + mask.astype(scores.dtype)
    if key_mask is not None:
        key_mask = np.asarray(key_mask)
        may = may & key_mask.reshape(len(key_mask), *[1] * (scores.ndim - 2), -1)
    if causal:
        may = may & np.tri(*scores.shape[-2:], dtype=bool)
    return scores if may is True else np.where(may, scores, -np.inf)
