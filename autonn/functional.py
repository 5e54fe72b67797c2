"""Named compositions of primitives: what layers and losses are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.graph import Array
from autonn.rules import erf, relu
from autonn.tensors import bare

__all__ = ["cross_entropy", "erf", "log_softmax", "logsumexp", "relu", "sigmoid", "softmax"]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), as exp(-log(1 + exp(-x))): no overflow, and exact in the far tail.

    Examples
    --------
    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    return np.exp(-np.logaddexp(0, -x))


def logsumexp(x: Array, axis: int | tuple[int, ...] | None = -1, keepdims: bool = False) -> Array:
    """log(sum of exp(x)) over axes, with the largest element taken out of the exponent.

    Examples
    --------
    >>> logsumexp(np.array([1e4, 1e4]))
    np.float64(10000.69314718056)
    """
    largest = np.max(bare(x), axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, np.zeros_like(largest))
    total = np.log(np.sum(np.exp(x - largest), axis=axis, keepdims=True)) + largest
    return total if keepdims else np.squeeze(total, axis)[()]


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / sum of exp(x) along an axis.

    Examples
    --------
    >>> softmax(np.array([1e4, 1e4]))
    array([0.5, 0.5])
    """
    e = np.exp(x - np.max(bare(x), axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """X - log(sum of exp(x)) along an axis.

    Examples
    --------
    >>> log_softmax(np.array([0.0, 1e4]))
    array([-10000.,      0.])
    """
    return x - logsumexp(x, axis, keepdims=True)


def cross_entropy(logits: Array, labels: Any) -> Array:
    """Mean over examples of -log softmax(logits)[label].

    Parameters
    ----------
    logits
        (N, classes).
    labels
        (N,), integers in [0, classes).

    Raises
    ------
    ValueError
        For labels of another shape or dtype, or out of range.

    Examples
    --------
    >>> cross_entropy(np.zeros((1, 2)), [1])
    np.float64(0.6931471805599453)
    """
    labels = np.asarray(bare(labels))
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"cross_entropy: logits have shape {logits.shape}, labels {labels.shape} "
            f"({labels.dtype}); want (N, classes) and (N,) integers"
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < logits.shape[1]:
        seen, classes = f"{labels.min()} to {labels.max()}", logits.shape[1]
        raise ValueError(f"cross_entropy: labels run from {seen}; want 0 to {classes - 1}")
    return -np.mean(log_softmax(logits)[np.arange(len(labels)), labels])
