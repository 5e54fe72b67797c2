"""Gradient descent, with momentum if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autonn.optim.base import Array, Optimizer


class SGD(Optimizer):
    """p ← p - lr v, with v ← μ v + (1 - τ) g; without momentum, p ← p - lr g.

    With `nesterov`, p ← p - lr (g + μ v). v begins as the first g. (Sutskever et al. have lr inside
    v, which differs when lr changes.)

    Parameters
    ----------
    params
        A Module, Tensors, (name, Tensor) pairs or groups: see `Optimizer`.
    lr
        The learning rate.
    momentum
        μ, the share of v that stays: 0.9 to 0.99 is usual, 0 is none.
    dampening
        τ.
    weight_decay
        λ of g ← g + λ p, the gradient of λ/2 |p|².
    nesterov
        Whether to look ahead; with momentum, and without dampening, only.
    decay_all
        False keeps biases and the gammas and betas of norms from weight decay.

    Notes
    -----
    Robbins and Monro 1951, Annals of Mathematical Statistics 22; Polyak 1964, USSR Computational
    Mathematics 4(5), eq. 9; Sutskever et al. 2013, On the importance of initialization and momentum
    in deep learning, ICML, eqs. 1 to 4.

    Examples
    --------
    >>> from autonn import Tensor
    >>> x = Tensor([4.0], requires_grad=True)
    >>> optimizer = SGD([x], lr=0.1)
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (x**2).sum().backward()
    ...     optimizer.step()
    >>> x
    Tensor([2.048], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        decay_all: bool = True,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            decay_all=decay_all,
        )

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        """Remember v, with momentum."""
        return {"v": 0.0} if options["momentum"] else {}

    def check(self, options: Mapping[str, Any]) -> None:
        """Refuse Nesterov's step without momentum, or with dampening."""
        if options["nesterov"] and (not options["momentum"] or options["dampening"]):
            seen = f"momentum={options['momentum']}, dampening={options['dampening']}"
            raise ValueError(f"SGD: nesterov=True with {seen}; want momentum and no dampening")

    @staticmethod
    def update(
        p: Array,
        g: Array,
        s: Array,
        *,
        t: int,
        v: Array | None = None,
        lr: float,
        momentum: float,
        dampening: float,
        nesterov: bool,
    ) -> None:
        """Change p, and v if there is one, as the class's first line says."""
        if v is None:
            np.multiply(g, lr, out=s)
        else:
            v *= momentum
            v += np.multiply(g, 1 - dampening if t > 1 else 1.0, out=s)
            if nesterov:
                np.multiply(v, momentum, out=s)
                s += g
                s *= lr
            else:
                np.multiply(v, lr, out=s)
        p -= s
