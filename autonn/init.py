"""Initialisers: arrays of random numbers whose scale suits a layer.

Each takes a shape (out, in, *kernel), as weights are laid out, and a `np.random.Generator`, and
gives an array. fan_in is the number of inputs of an output, in × prod(kernel); fan_out likewise.
What is not what the annotations say is a TypeError, or out of range a ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np

from autonn.arguments import Dtype, NotNegative, Number, Seed, Wholes, checked

Array = np.ndarray[Any, Any]
Lengths = Annotated[int | Sequence[int], Wholes(0)]
Shape = Annotated[Sequence[int], Wholes(1)]
Rng: TypeAlias = Annotated[np.random.Generator | int | None, Seed()]
"""What layers take for `rng`: a generator, a seed, or None for another one each time."""
Value = Annotated[float, Number(finite=False)]


@checked
def fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, *kernel).

    Examples
    --------
    >>> fans((16, 3, 5, 5))
    (75, 400)
    """
    if len(shape) < 2:
        raise ValueError(f"a weight of shape {shape} has no fans: want (out, in, *kernel)")
    return shape[1] * prod(shape[2:]), shape[0] * prod(shape[2:])


@checked
def gain(
    activation: Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"],
    slope: float = 0.01,
) -> float:
    """Give the factor that keeps the variance through an activation.

    1 for linear and sigmoid, 5/3 for tanh, √2 for relu, √(2 / (1 + slope²)) for leaky_relu and 3/4
    for selu, as PyTorch has them.
    """
    gains = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": sqrt(2), "selu": 0.75}
    gains["leaky_relu"] = sqrt(2 / (1 + slope**2))
    return gains[activation]


@checked
def zeros(shape: Lengths, dtype: Dtype = np.float32) -> Array:
    """0 everywhere."""
    return np.zeros(shape, dtype)


@checked
def ones(shape: Lengths, dtype: Dtype = np.float32) -> Array:
    """1 everywhere."""
    return np.ones(shape, dtype)


@checked
def constant(
    shape: Lengths, value: Annotated[float, Number(finite=False)], dtype: Dtype = np.float32
) -> Array:
    """One value everywhere."""
    return np.full(shape, value, dtype)


@checked
def uniform(
    shape: Lengths,
    rng: np.random.Generator,
    low: float = 0.0,
    high: float = 1.0,
    dtype: Dtype = np.float32,
) -> Array:
    """U(low, high)."""
    return rng.uniform(low, high, shape).astype(dtype)


@checked
def normal(
    shape: Lengths,
    rng: np.random.Generator,
    mean: float = 0.0,
    std: NotNegative = 1.0,
    dtype: Dtype = np.float32,
) -> Array:
    """N(mean, std²)."""
    return rng.normal(mean, std, shape).astype(dtype)


@checked
def truncated_normal(
    shape: Lengths,
    rng: np.random.Generator,
    mean: float = 0.0,
    std: NotNegative = 1.0,
    bound: Annotated[float, Number(0.01)] = 2.0,
    dtype: Dtype = np.float32,
) -> Array:
    """N(mean, std²), drawn again where it is more than `bound` standard deviations away."""
    z = rng.standard_normal(shape)
    while (far := np.abs(z) > bound).any():
        z[far] = rng.standard_normal(int(far.sum()))
    return (mean + std * z).astype(dtype)


@checked
def xavier_uniform(
    shape: Shape, rng: np.random.Generator, gain: NotNegative = 1.0, dtype: Dtype = np.float32
) -> Array:
    """U(±gain √(6 / (fan_in + fan_out))): Glorot and Bengio 2010, eq. 16."""
    bound = gain * sqrt(6 / sum(fans(shape)))
    return uniform(shape, rng, -bound, bound, dtype)


@checked
def xavier_normal(
    shape: Shape, rng: np.random.Generator, gain: NotNegative = 1.0, dtype: Dtype = np.float32
) -> Array:
    """N(0, gain² 2 / (fan_in + fan_out)): Glorot and Bengio 2010, eq. 12."""
    return normal(shape, rng, 0.0, gain * sqrt(2 / sum(fans(shape))), dtype)


@checked
def kaiming_uniform(
    shape: Shape, rng: np.random.Generator, gain: NotNegative = 2**0.5, dtype: Dtype = np.float32
) -> Array:
    """U(±gain √(3 / fan_in)): He et al. 2015, arXiv:1502.01852, eq. 10."""
    bound = gain * sqrt(3 / fans(shape)[0])
    return uniform(shape, rng, -bound, bound, dtype)


@checked
def kaiming_normal(
    shape: Shape, rng: np.random.Generator, gain: NotNegative = 2**0.5, dtype: Dtype = np.float32
) -> Array:
    """N(0, gain² / fan_in): He et al. 2015, arXiv:1502.01852, eq. 10."""
    return normal(shape, rng, 0.0, gain / sqrt(fans(shape)[0]), dtype)


@checked
def lecun_uniform(shape: Shape, rng: np.random.Generator, dtype: Dtype = np.float32) -> Array:
    """U(±√(3 / fan_in)): LeCun et al. 1998, Efficient BackProp, section 4.6."""
    return kaiming_uniform(shape, rng, 1.0, dtype)


@checked
def lecun_normal(shape: Shape, rng: np.random.Generator, dtype: Dtype = np.float32) -> Array:
    """N(0, 1 / fan_in): LeCun et al. 1998, Efficient BackProp, section 4.6."""
    return kaiming_normal(shape, rng, 1.0, dtype)


@checked
def orthogonal(
    shape: Shape, rng: np.random.Generator, gain: NotNegative = 1.0, dtype: Dtype = np.float32
) -> Array:
    """Rows (or columns, if fewer) that are orthonormal, times gain: Saxe 2013, arXiv:1312.6120."""
    rows, columns = shape[0], prod(shape[1:])
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r))  # makes it uniform among the orthogonal matrices
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)
