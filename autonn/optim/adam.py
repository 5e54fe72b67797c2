"""Adam and AdamW: the mean of gradients over the root of the mean of their squares."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np

from autonn.optim.adaptive import follow
from autonn.optim.base import Array, Optimizer


class Adam(Optimizer):
    """p ← p - lr m̂ / (√v̂ + eps), with m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g².

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) mend that m and v begin as 0.

    Parameters
    ----------
    params
        A Module, Tensors, (name, Tensor) pairs or groups: see `Optimizer`.
    lr
        The learning rate: about how far an element moves in a step.
    betas
        β₁ and β₂, the shares of m and v that stay.
    eps
        Added to √v̂.
    weight_decay
        λ of g ← g + λ p, the gradient of λ/2 |p|²; `AdamW` has the better kind.
    decay_all
        False keeps biases and the gammas and betas of norms from weight decay.

    Notes
    -----
    Kingma and Ba 2014, arXiv:1412.6980, algorithm 1.

    Examples
    --------
    >>> from autonn import Tensor
    >>> x = Tensor([3.0, -500.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> Adam([x], lr=1.0).step()  # the first step is lr sign(g)
    >>> x
    Tensor([   2., -499.], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        decay_all: bool = True,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, decay_all=decay_all
        )

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        """Remember m and v."""
        return {"m": 0.0, "v": 0.0}

    @staticmethod
    def update(
        p: Array,
        g: Array,
        s: Array,
        *,
        t: int,
        m: Array,
        v: Array,
        lr: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        """Change p, m and v as the class's first lines say."""
        b1, b2 = betas
        follow(m, g, b1, s)
        follow(v, np.multiply(g, g, out=s), b2, s)
        np.sqrt(v, out=s)
        s *= 1 / sqrt(1 - b2**t)
        s += eps
        np.divide(m, s, out=s)
        s *= lr / (1 - b1**t)
        p -= s


class AdamW(Adam):
    """p ← (1 - lr λ) p - lr m̂ / (√v̂ + eps): `Adam`, with weight decay apart from the gradient.

    Through the gradient, as in `Adam`, weights whose gradients are large would hardly decay.

    Parameters
    ----------
    weight_decay
        λ.
    decay_all
        False keeps biases and the gammas and betas of norms from weight decay, as is usual.
    params, lr, betas, eps
        As in `Adam`.

    Notes
    -----
    Loshchilov and Hutter 2017, arXiv:1711.05101, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from autonn import nn
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    >>> optimizer = AdamW(net, lr=1e-3, weight_decay=0.01, decay_all=False)
    >>> net(np.ones((4, 2), np.float32)).sum().backward()
    >>> optimizer.step()
    >>> optimizer
    AdamW(4 parameters, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01, decay_all=False)
    """

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        decay_all: bool = True,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, decay_all=decay_all)
