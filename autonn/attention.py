"""Lookup and attention: rows of a table by their ids, and averages weighted by scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np

from autonn.activations import softmax
from autonn.arguments import Count, Size, Whole, check, checked, explained
from autonn.graph import Array, no_grad
from autonn.operands import bare, operand
from autonn.windows import scatter_add

# ----- Lookup -----


def checked_ids(ids: Any, count: int) -> Any:
    """Give ids as an array; refuse what is no integer, or not in 0 to count - 1."""
    ids = np.asarray(bare(ids))
    if not ids.size:
        return ids.astype(np.intp)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"ids are {ids.dtype}; want integers")
    if not 0 <= ids.min() <= ids.max() < count:
        raise ValueError(f"ids run from {ids.min()} to {ids.max()}; want 0 to {count - 1}")
    return ids.astype(np.intp)


def checked_id(name: str, padding_idx: int | None, count: int) -> int | None:
    """Give an id as a number from 0, or None; refuse what is not in -count to count - 1."""
    if padding_idx is None:
        return None
    check(name, "padding_idx", padding_idx, Annotated[int, Whole(-count, count - 1)])
    return padding_idx % count


def _table(weight: Array) -> Array:
    weight = operand(weight)
    if weight.ndim != 2:
        raise ValueError(f"weight has shape {weight.shape}; want (count, dim)")
    return weight


@explained
def embedding(ids: Array, weight: Array, padding_idx: int | None = None) -> Array:
    """Y = weight[ids]; the gradients of an id that occurs twice add up.

    Parameters
    ----------
    ids
        Integers of any shape.
    weight
        (count, dim).
    padding_idx
        An id whose row gets no gradient.

    Returns
    -------
    Array
        (*ids.shape, dim).

    Examples
    --------
    >>> embedding([[2, 0]], np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    array([[[4., 5.],
            [0., 1.]]])
    """
    weight = _table(weight)
    ids = checked_ids(ids, len(weight))
    padding_idx = checked_id("embedding", padding_idx, len(weight))
    if padding_idx is None:
        return weight[ids]
    with no_grad():
        constant = weight[ids]
    return np.where((ids == padding_idx)[..., None], constant, weight[ids])


@explained
def embedding_bag(
    bags: Sequence[Any],
    weight: Array,
    pool: Literal["sum", "mean"] = "mean",
    padding_idx: int | None = None,
) -> Array:
    """y[n] = sum or mean of weight[i] over the ids i of the n-th bag; 0 for an empty bag.

    Parameters
    ----------
    bags
        Sequences of integers, of any lengths.
    weight
        (count, dim).
    pool
        "sum" or "mean".
    padding_idx
        An id that does not count.

    Returns
    -------
    Array
        (len(bags), dim).

    Examples
    --------
    >>> embedding_bag([[0, 2, 2], []], np.array([[0.0], [1.0], [3.0]]), "sum")
    array([[6.],
           [0.]])
    """
    if pool not in ("sum", "mean"):
        raise ValueError(f"pool={pool!r}; want 'sum' or 'mean'")
    weight = _table(weight)
    each = [checked_ids(bag, len(weight)) for bag in bags]
    if any(ids.ndim != 1 for ids in each):
        raise ValueError("bags are sequences of ids: want [[0, 2], [1], ...]")
    padding_idx = checked_id("embedding_bag", padding_idx, len(weight))
    if padding_idx is not None:
        each = [ids[ids != padding_idx] for ids in each]
    lengths = np.array([len(ids) for ids in each], np.intp)
    ids = np.concatenate([np.empty(0, np.intp), *each])
    bag = np.repeat(np.arange(len(each)), lengths)
    total = scatter_add(weight[ids], index=bag, shape=(len(each), weight.shape[1]))
    if pool == "sum":
        return total
    return total / np.maximum(lengths, 1).astype(weight.dtype)[:, None]


# ----- Attention -----


@explained
def attend(
    scores: Array,
    v: Array,
    mask: Any = None,
    key_mask: Any = None,
    causal: bool = False,
    dropout: Callable[[Any], Any] | None = None,
) -> tuple[Array, Array]:
    """Y = dropout(softmax(scores + mask)) v, and the softmax.

    Parameters
    ----------
    scores
        (..., T, S): how well each of S keys suits each of T queries.
    v
        (..., S, dim).
    mask
        Broadcast to the scores: numbers are added to them; of booleans, True may be attended to. (A
        query that may attend to nothing gets zeros, and not NaN.)
    key_mask
        (N, S), booleans: False for padding, which nothing attends to.
    causal
        Whether a query sees the keys up to its own position only.
    dropout
        Applied to the weights.

    Returns
    -------
    y, weights
        (..., T, dim) and (..., T, S).

    Examples
    --------
    >>> y, weights = attend(np.zeros((2, 2)), np.array([[1.0], [3.0]]), causal=True)
    >>> y.tolist(), weights.tolist()
    ([[1.0], [2.0]], [[1.0, 0.0], [0.5, 0.5]])
    """
    scores, v = operand(scores), operand(v)
    if min(scores.ndim, v.ndim) < 2 or scores.shape[-1] != v.shape[-2]:
        told = f"attend: scores have shape {scores.shape}, values {v.shape}"
        raise ValueError(f"{told}; want (..., T, S) and (..., S, dim)")
    allowed = np.ones((1, 1), bool)
    if mask is not None:
        mask = mask if hasattr(mask, "dtype") else np.asarray(mask)
        if mask.dtype.kind not in "bf" or not mask.ndim:
            told = f"{mask.dtype} of shape {mask.shape}"
            raise ValueError(f"mask is {told}; want booleans, or numbers to add, of floating point")
        try:
            np.broadcast_to(np.empty(mask.shape, bool), scores.shape)
        except ValueError:
            raise ValueError(f"mask has shape {mask.shape}, the scores {scores.shape}") from None
        if mask.dtype.kind == "b":
            allowed = np.asarray(bare(mask))
        else:
            scores = scores + mask.astype(scores.dtype)
            allowed = np.asarray(bare(scores)) != -np.inf
    if key_mask is not None:
        key_mask = np.asarray(bare(key_mask))
        wanted = (scores.shape[0], scores.shape[-1])
        if scores.ndim < 3:
            raise ValueError("key_mask is for batches: want scores (N, ..., T, S)")
        if key_mask.dtype.kind != "b" or key_mask.shape != wanted:
            told = f"{key_mask.dtype} of shape {key_mask.shape}"
            raise ValueError(f"key_mask: {told}; want booleans of shape {wanted}")
        allowed = allowed & key_mask.reshape(wanted[0], *[1] * (scores.ndim - 2), wanted[1])
    if causal:
        allowed = allowed & np.tri(*scores.shape[-2:]).astype(bool)
    if not allowed.all():
        some = allowed.any(axis=-1, keepdims=True)
        scores = np.where(allowed, scores, np.where(some, -np.inf, 0.0).astype(scores.dtype))
        weights = np.where(allowed, softmax(scores), 0)
    else:
        weights = softmax(scores)
    return (weights if dropout is None else dropout(weights)) @ v, weights


@explained
def scaled_dot_product_attention(
    q: Array,
    k: Array,
    v: Array,
    mask: Any = None,
    key_mask: Any = None,
    causal: bool = False,
    scale: float | None = None,
    dropout: Callable[[Any], Any] | None = None,
) -> tuple[Array, Array]:
    """Y = softmax(q kᵀ / √d) v, and the softmax: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.

    Parameters
    ----------
    q, k, v
        Queries (..., T, d), keys (..., S, d) and values (..., S, dim).
    scale
        What the scores are multiplied by, 1/√d by default.
    mask, key_mask, causal, dropout
        As in `attend`.

    Returns
    -------
    y, weights
        (..., T, dim) and (..., T, S).

    Examples
    --------
    >>> q = k = np.eye(2)
    >>> y, weights = scaled_dot_product_attention(q, k, np.eye(2), scale=np.log(3))
    >>> np.round(weights, 12).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    q, k = operand(q), operand(k)
    if min(q.ndim, k.ndim) < 2 or q.shape[-1] != k.shape[-1]:
        told = f"attention: queries have shape {q.shape}, keys {k.shape}"
        raise ValueError(f"{told}; want (..., T, d) and (..., S, d)")
    factor = q.shape[-1] ** -0.5 if scale is None else float(scale)
    return attend(factor * q @ k.mT, v, mask, key_mask, causal, dropout)


@checked
def sinusoidal_positions(length: Count, dim: Size) -> np.ndarray[Any, Any]:
    """PE[t, 2i] = sin(t / 10000^(2i / dim)), PE[t, 2i + 1] = cos(the same): arXiv:1706.03762, 3.5.

    Examples
    --------
    >>> sinusoidal_positions(2, 4).round(3)
    array([[0.   , 1.   , 0.   , 1.   ],
           [0.841, 0.54 , 0.01 , 1.   ]])
    """
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, dim, 2) / dim)
    both = np.stack([np.sin(angle), np.cos(angle)], axis=-1)  # (length, dim / 2, 2)
    return both.reshape(length, 2 * both.shape[1])[:, :dim]
