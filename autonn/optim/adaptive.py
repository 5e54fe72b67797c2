"""Rates for each element: the gradient over a root mean square of those before.

Each update writes what the class's first line says, with s for all that is intermediate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autonn.optim.base import Array, Optimizer


def follow(m: Array, x: Array, b: float, s: Array) -> None:
    """M ← b m + (1 - b) x, by way of s, which may be x."""
    np.multiply(x, 1 - b, out=s)
    m *= b
    m += s


class Adagrad(Optimizer):
    """p ← p - lr g / (√v + eps), with v ← v + g².

    Parameters
    ----------
    params
        A Module, Tensors, (name, Tensor) pairs or groups: see `Optimizer`.
    lr
        The learning rate.
    lr_decay
        η of lr / (1 + η (t - 1)), with which lr falls.
    weight_decay
        λ of g ← g + λ p, the gradient of λ/2 |p|².
    initial_accumulator_value
        What v begins as.
    eps
        Added to √v.
    decay_all
        False keeps biases and the gammas and betas of norms from weight decay.

    Notes
    -----
    Duchi, Hazan and Singer 2011, Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization, JMLR 12, section 1.1, with the diagonal matrix.

    Examples
    --------
    >>> from autonn import Tensor
    >>> x = Tensor([3.0, -500.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> Adagrad([x], lr=1.0).step()  # the first step is lr sign(g)
    >>> x
    Tensor([   2., -499.], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        decay_all: bool = True,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            decay_all=decay_all,
        )

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        """Remember v."""
        return {"v": options["initial_accumulator_value"]}

    @staticmethod
    def update(
        p: Array,
        g: Array,
        s: Array,
        *,
        t: int,
        v: Array,
        lr: float,
        lr_decay: float,
        eps: float,
        **_: Any,
    ) -> None:
        """Change p and v as the class's first line says."""
        v += np.multiply(g, g, out=s)
        np.sqrt(v, out=s)
        s += eps
        np.divide(g, s, out=s)
        s *= lr / (1 + lr_decay * (t - 1))
        p -= s


class RMSprop(Optimizer):
    """p ← p - lr g / (√v + eps), with v ← α v + (1 - α) g².

    With `centered`, v - m² stands for v, with m ← α m + (1 - α) g: the variance of g and not its
    square. With `momentum`, p ← p - lr b, with b ← μ b + g / (√v + eps).

    Parameters
    ----------
    params
        A Module, Tensors, (name, Tensor) pairs or groups: see `Optimizer`.
    lr
        The learning rate.
    alpha
        α, the share of v that stays.
    eps
        Added to √v, outside the root, as in PyTorch.
    weight_decay
        λ of g ← g + λ p, the gradient of λ/2 |p|².
    momentum
        μ.
    centered
        Whether to subtract m².
    decay_all
        False keeps biases and the gammas and betas of norms from weight decay.

    Notes
    -----
    Tieleman and Hinton 2012, Neural Networks for Machine Learning, lecture 6.5; centred, with
    momentum: Graves 2013, arXiv:1308.0850, eqs. 38 to 41.

    Examples
    --------
    >>> from autonn import Tensor
    >>> x = Tensor([3.0, -500.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> RMSprop([x], lr=0.1).step()  # the first step is lr sign(g) / √(1 - α)
    >>> np.round(x.data, 4)
    array([   2., -499.])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        decay_all: bool = True,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            decay_all=decay_all,
        )

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        """Remember v; m, if centred; b, with momentum."""
        wanted = {"v": True, "m": options["centered"], "b": options["momentum"]}
        return {slot: 0.0 for slot in wanted if wanted[slot]}

    @staticmethod
    def update(
        p: Array,
        g: Array,
        s: Array,
        *,
        v: Array,
        m: Array | None = None,
        b: Array | None = None,
        lr: float,
        alpha: float,
        eps: float,
        momentum: float,
        **_: Any,
    ) -> None:
        """Change p and what is remembered, as the class's first lines say."""
        follow(v, np.multiply(g, g, out=s), alpha, s)
        if m is None:
            np.sqrt(v, out=s)
        else:
            follow(m, g, alpha, s)
            np.subtract(v, np.multiply(m, m, out=s), out=s)
            np.maximum(s, 0, out=s)  # rounding makes it negative when g has long been the same
            np.sqrt(s, out=s)
        s += eps
        np.divide(g, s, out=s)
        if b is not None:
            b *= momentum
            b += s
            s[...] = b
        s *= lr
        p -= s
