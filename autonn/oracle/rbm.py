"""The restricted Boltzmann machine, derived by hand: contrastive divergence is two phases."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.oracle.activations import logistic
from autonn.oracle.base import Gradients, given
from autonn.oracle.linear import Linear


class RBM:
    """y = σ(v Wᵀ + c) = p(h = 1 | v): `Linear` and `Sigmoid`, with δ = g y (1 - y) in between.

    ∂L/∂v = δ W, ∂L/∂W = δᵀ v and ∂L/∂c = Σ δ. y does not depend on b, the visible bias, whose
    gradient is 0. Smolensky 1986, Parallel distributed processing 1, chapter 6.
    """

    @staticmethod
    def forward(v: Any, weight: Any, visible_bias: Any, hidden_bias: Any) -> tuple[Any, Any]:
        """V (..., n_visible), weight (n_hidden, n_visible); y (..., n_hidden)."""
        z, linear = Linear.forward(v, weight, hidden_bias)
        y, rest = logistic(z)
        return y, (y * rest, linear, visible_bias)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂v and of the parameters."""
        rise, linear, visible_bias = cache
        found = Linear.backward(g * rise, linear)
        return given(
            v=found["x"],
            weight=found["weight"],
            hidden_bias=found["bias"],
            visible_bias=np.zeros_like(visible_bias),
        )

    @staticmethod
    def contrastive_divergence(
        v: Any, samples: Any, weight: Any, visible_bias: Any, hidden_bias: Any
    ) -> Gradients:
        """∂L/∂v and of the parameters, L = mean F(v) - mean F(samples), the samples constants.

        The free energy is F(v) = -b·v - Σ softplus(v Wᵀ + c), and softplus' = σ. With y = σ(v Wᵀ +
        c): ∂F/∂W = -yᵀ v, ∂F/∂b = -v, ∂F/∂c = -y, and ∂F/∂v = -b - y W. So each parameter's
        gradient is a statistic of the model's samples, the negative phase, less the same of the
        data, the positive phase: learning goes against it. Hinton 2002, Neural Computation
        14; Carreira-Perpiñán and Hinton 2005, AISTATS.
        """

        def statistics(v: Any) -> tuple[Any, Gradients]:
            y, _ = RBM.forward(v, weight, visible_bias, hidden_bias)
            n = len(v)
            return y, {"weight": y.T @ v / n, "visible_bias": v.mean(0), "hidden_bias": y.mean(0)}

        y, positive = statistics(v)
        _, negative = statistics(samples)
        found = {name: negative[name] - positive[name] for name in positive}
        return found | {"v": -(visible_bias + y @ weight) / len(v)}
