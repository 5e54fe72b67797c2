"""Activations and softmax: functions that layers apply, finite however large their argument."""

from __future__ import annotations

from typing import Literal

import numpy as np

from autonn.arguments import Positive, explained
from autonn.graph import Array
from autonn.operands import bare, operand
from autonn.rules import erf, sigmoid
from autonn.rules import softplus as log1p_exp
from autonn.sums import in_float32


@explained
def tanh(x: Array) -> Array:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return np.tanh(x)


@explained
def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """X where x > 0, slope x elsewhere; its derivative at 0 is slope.

    Examples
    --------
    >>> leaky_relu(np.array([-1.0, 2.0]), 0.1)
    array([-0.1,  2. ])
    """
    x = operand(x)
    return np.where(x > 0, x, slope * x)


@explained
def elu(x: Array, alpha: float = 1.0) -> Array:
    """X where x > 0, alpha (exp(x) - 1) elsewhere; its derivative at 0 is alpha.

    Examples
    --------
    >>> elu(np.array([-1e4, 2.0]))
    array([-1.,  2.])
    """
    x = operand(x)
    return np.where(x > 0, x, alpha * np.expm1(np.clip(x, None, 0)))


@explained
def selu(x: Array) -> Array:
    """Scale elu(x, alpha), with Klambauer et al.'s numbers (2017, arXiv:1706.02515, eq. 2).

    Examples
    --------
    >>> selu(np.array([-1e4, 1.0]))
    array([-1.75809934,  1.05070099])
    """
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


@explained
def gelu(x: Array, approximate: Literal["none", "tanh"] = "none") -> Array:
    """X Φ(x), with Φ(x) = (1 + erf(x / √2)) / 2; "tanh" approximates Φ by a tanh.

    Examples
    --------
    >>> gelu(np.array([-1e4, 0.0, 1.0]))
    array([-0.        ,  0.        ,  0.84134475])
    """
    x = operand(x)
    if approximate == "none":
        return x * (0.5 * (1 + erf(x * 0.5**0.5)))
    if approximate == "tanh":
        z = np.clip(x, -10, 10)  # beyond, the tanh is 1 and its powers would overflow
        return x * (0.5 * (1 + np.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z * z * z))))
    raise ValueError(f"gelu: approximate={approximate!r}; want 'none' or 'tanh'")


@explained
def silu(x: Array) -> Array:
    """X sigmoid(x).

    Examples
    --------
    >>> silu(np.array([-1e4, 0.0, 1e4]))
    array([   -0.,     0., 10000.])
    """
    x = operand(x)
    return x * sigmoid(x)


@explained
def hard_sigmoid(x: Array) -> Array:
    """X / 6 + 1/2, limited to [0, 1].

    Examples
    --------
    >>> hard_sigmoid(np.array([-9.0, 0.0, 9.0]))
    array([0. , 0.5, 1. ])
    """
    return (np.clip(operand(x), -3, 3) + 3) / 6


@explained
def softplus(x: Array, beta: Positive = 1.0) -> Array:
    """log(1 + exp(beta x)) / beta.

    Examples
    --------
    >>> softplus(np.array([-1e4, 0.0, 1e4]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+04])
    """
    if beta == 1:
        return log1p_exp(x)
    if not beta > 0:
        raise ValueError(f"softplus: beta={beta}; want more than 0")
    x, far = operand(x), 800 / beta  # from where on it is 0 or x to the last bit
    return np.where(x > far, x, log1p_exp(beta * np.clip(x, -far, far)) / beta)


@explained
@in_float32
def logsumexp(x: Array, axis: int | tuple[int, ...] | None = -1, keepdims: bool = False) -> Array:
    """log(sum of exp(x)) over axes, with the largest element taken out of the exponent.

    Examples
    --------
    >>> logsumexp(np.array([1e4, 1e4]))
    np.float64(10000.69314718056)
    """
    x = operand(x)
    largest = _largest(x, axis)
    total = np.log(np.sum(np.exp(x - largest), axis=axis, keepdims=True)) + largest
    return total if keepdims else np.squeeze(total, axis)[()]


def _largest(x: Array, axis: int | tuple[int, ...] | None) -> Array:
    """Give the largest element along axes that are kept, as a constant; 0 if it is infinite."""
    if not x.size:
        return 0.0
    largest = np.max(bare(x), axis=axis, keepdims=True)
    return np.where(np.isfinite(largest), largest, np.zeros_like(largest))


@explained
@in_float32
def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / sum of exp(x) along an axis.

    Examples
    --------
    >>> softmax(np.array([1e4, 1e4]))
    array([0.5, 0.5])
    """
    x = operand(x)
    if not x.size:
        return x
    e = np.exp(x - np.max(bare(x), axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


@explained
@in_float32
def log_softmax(x: Array, axis: int = -1) -> Array:
    """X - log(sum of exp(x)) along an axis.

    Examples
    --------
    >>> log_softmax(np.array([0.0, 1e4]))
    array([-10000.,      0.])
    """
    x = operand(x)
    if not x.size:
        return x
    z = x - _largest(x, axis)  # first: beside large numbers the logarithm would lose its digits
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))
