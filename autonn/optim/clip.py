"""Bounds: on gradients, before a step, and on weights, after it."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from autonn.arguments import Bound, checked
from autonn.nn.convolution import ConvTranspose1d
from autonn.nn.module import Module
from autonn.operands import bare
from autonn.optim.groups import Named, is_weight, named_parameters
from autonn.tensors import Tensor

Array = np.ndarray[Any, Any]


@checked
def clip_grad_norm(
    parameters: Any, max_norm: Bound, norm: Bound = 2.0, error_if_nonfinite: bool = False
) -> float:
    """|g| ≤ max_norm, by g ← g max_norm / |g| if need be, for all gradients as one vector g.

    Parameters
    ----------
    parameters
        A Module, or Tensors; those without a gradient are passed over.
    max_norm
        The largest norm that stays as it is. (PyTorch divides by |g| + 1e-6.)
    norm
        Which norm: 2, 1, inf or another positive number.
    error_if_nonfinite
        Whether to refuse a norm that is infinite or no number. Otherwise, gradients then stay as
        they are.

    Returns
    -------
    float
        |g| as it was.

    Raises
    ------
    ValueError
        If no parameter has a gradient, for a bound or a norm that is not positive, and as
        `error_if_nonfinite` says, naming the parameters.

    Notes
    -----
    Pascanu, Mikolov and Bengio 2012, arXiv:1211.5063, algorithm 1.

    Examples
    --------
    >>> x = Tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x / 2).sum().backward()
    >>> clip_grad_norm([x], 1.0)
    5.0
    >>> x.grad
    Tensor([0.6, 0.8])
    """
    found = _with_gradients(parameters, "clip_grad_norm")
    norms = np.array([norm_of(bare(p.grad), norm) for _, p in found])
    total = norm_of(norms, norm)
    if not np.isfinite(total) and error_if_nonfinite:
        bad = [name for (name, _), n in zip(found, norms, strict=True) if not np.isfinite(n)]
        told = f"the gradient of {', '.join(bad) or 'all together'} is infinite or no number"
        raise ValueError(f"clip_grad_norm: {told}: autonn.detect_anomaly() finds where it began")
    if max_norm < total < inf:
        for _, p in found:
            p.grad = Tensor(bare(p.grad) * (max_norm / total), copy=False)
    return total


@checked
def clip_grad_norm_each(parameters: Any, max_norm: Bound, norm: Bound = 2.0) -> list[float]:
    """|g| ≤ max_norm, by g ← g max_norm / |g| if need be, for the gradient g of each parameter.

    Parameters
    ----------
    parameters, max_norm, norm
        As in `clip_grad_norm`.

    Returns
    -------
    list of float
        |g| of each parameter that has a gradient, as it was.

    Raises
    ------
    ValueError
        If no parameter has a gradient, and for a bound or a norm that is not positive.

    Examples
    --------
    >>> x, y = (Tensor(v, requires_grad=True) for v in ([3.0, 4.0], [0.5]))
    >>> (np.sum(x * x / 2) + np.sum(y * y / 2)).backward()
    >>> clip_grad_norm_each([x, y], 1.0)
    [5.0, 0.5]
    >>> x.grad, y.grad
    (Tensor([0.6, 0.8]), Tensor([0.5]))
    """
    found = _with_gradients(parameters, "clip_grad_norm_each")
    return [clip_grad_norm([p], max_norm, norm) for _, p in found]


@checked
def clip_grad_value(parameters: Any, clip_value: Bound) -> None:
    """|gᵢ| ≤ clip_value, by gᵢ ← ±clip_value if need be, for each element of each gradient.

    Parameters
    ----------
    parameters
        A Module, or Tensors; those without a gradient are passed over.
    clip_value
        The bound.

    Raises
    ------
    ValueError
        If no parameter has a gradient, and for a bound that is not positive.

    Examples
    --------
    >>> x = Tensor([3.0, -0.25], requires_grad=True)
    >>> (x * x / 2).sum().backward()
    >>> clip_grad_value([x], 1.0)
    >>> x.grad
    Tensor([ 1.  , -0.25])
    """
    for _, p in _with_gradients(parameters, "clip_grad_value"):
        p.grad = Tensor(np.clip(bare(p.grad), -clip_value, clip_value), copy=False)


@checked
def max_norm(parameters: Any, c: Bound, axis: int | None = None) -> None:
    """|w| ≤ c, by w ← w c / |w| if need be, for the weights w with which the inputs meet a unit.

    Call it after each step of an optimiser. Biases, the gammas and betas of norms and what is
    frozen stay as they are.

    Parameters
    ----------
    parameters
        A Module, or Tensors, which are changed in place.
    c
        The largest length that stays as it is; 3 or 4 are usual.
    axis
        Along which axis of a weight the units stand, 0 by default, since weights are laid out as
        (out, in, *kernel); 1 for transposed convolutions, which in a Module are known.

    Raises
    ------
    ValueError
        If there are no weights, for a bound that is not positive and for a missing axis.

    Notes
    -----
    Srivastava et al. 2014, Dropout, JMLR 15, section 5.1.

    Examples
    --------
    >>> w = Tensor([[3.0, 4.0], [0.3, 0.4]], requires_grad=True)
    >>> max_norm(w, 1.0)
    >>> w
    Tensor([[0.6, 0.8],
            [0.3, 0.4]], requires_grad=True)
    """
    named = named_parameters(parameters, "max_norm")
    weights = [(name, p) for name, p in named if is_weight(name, p) and p.requires_grad]
    if not weights:
        shapes = ", ".join(f"{name} {p.shape}" for name, p in named)
        raise ValueError(
            f"max_norm: want weights (out, in, *kernel) that require grad; there are {shapes}"
        )
    across = _transposed(parameters) if axis is None else set()
    for name, p in weights:
        units = (1 if id(p) in across else 0) if axis is None else axis
        if not -p.ndim <= units < p.ndim:
            raise ValueError(f"max_norm: {name} of shape {p.shape} has no axis {units}")
        project(p.writable(), c, units % p.ndim)


def project(w: Array, c: float, units: int) -> None:
    """Scale w in place, so that no slice along the axis `units` is longer than c.

    Examples
    --------
    >>> w = np.array([[3.0, 0.3], [4.0, 0.4]])
    >>> project(w, 1.0, units=1)
    >>> w
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """
    others = tuple(i for i in range(w.ndim) if i != units)
    length = np.sqrt(np.sum(np.square(w, dtype=np.float64), axis=others, keepdims=True))
    long = (length > c) & (length < inf)
    w *= np.divide(c, length, out=np.ones_like(length), where=long).astype(w.dtype)


def norm_of(g: Array, norm: float) -> float:
    """(Σ |gᵢ|^norm)^(1/norm) of all elements, in float64, so that float32 does not overflow."""
    flat = np.ravel(g).astype(np.float64, copy=False)
    return float(np.linalg.norm(flat, float(norm))) if flat.size else 0.0


def _transposed(model: Any) -> set[int]:
    modules = [m for _, m in model.named_modules()] if isinstance(model, Module) else []
    return {id(m.weight) for m in modules if isinstance(m, ConvTranspose1d)}


def _with_gradients(parameters: Any, owner: str) -> Named:
    found = [(name, p) for name, p in named_parameters(parameters, owner) if p.grad is not None]
    if not found:
        raise ValueError(f"{owner}: no parameter has a gradient: call loss.backward() first")
    return found
