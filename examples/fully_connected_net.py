"""A known exercise's network: any depth, batch or layer normalisation, dropout, L2, in 30 lines.

You will see the two losses that the exercise publishes, and gradients that numerical
differentiation confirms to more digits than it prints; the biases before BatchNorm, which takes
off every mean, have none but rounding.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from autonn import functional as F
from autonn import nn, no_grad


class FullyConnectedNet(nn.Module):
    """{affine - [normalisation] - relu - [dropout]} × (L - 1) - affine, for softmax cross-entropy.

    `normalization` is None, "batchnorm" or "layernorm"; `dropout` the probability of dropping (the
    exercise counts what is kept); `reg` weighs the weights' squares, with the factor ½.
    """

    def __init__(
        self,
        hidden_dims: list[int],
        input_dim: int = 3072,
        num_classes: int = 10,
        dropout: float = 0.0,
        normalization: str | None = None,
        reg: float = 0.0,
        weight_scale: float = 1e-2,
        rng: Any = None,
    ) -> None:
        super().__init__()
        norms = {None: None, "batchnorm": nn.BatchNorm1d, "layernorm": nn.LayerNorm}
        if normalization not in norms:
            raise ValueError(
                f"normalization={normalization!r}; want None, 'batchnorm', 'layernorm'"
            )
        self.reg, rng = reg, rng or np.random.default_rng()
        self.layers: list[nn.Module] = []
        sizes = [input_dim, *hidden_dims, num_classes]
        for i, (n_in, n_out) in enumerate(pairwise(sizes)):
            affine = nn.Linear(n_in, n_out).astype(np.float64)
            affine.weight.assign(rng.normal(0, weight_scale, (n_in, n_out)).T)
            affine.bias.assign(0)
            self.layers.append(affine)
            if i < len(hidden_dims):
                norm = norms[normalization]
                self.layers += [norm(n_out).astype(np.float64)] if norm else []
                self.layers += [nn.ReLU()] + ([nn.Dropout(dropout)] if dropout else [])

    def forward(self, x: Any) -> Any:
        """Give scores (N, num_classes) of x (N, input_dim)."""
        for layer in self.layers:
            x = layer(x)
        return x

    def loss(self, x: Any, labels: Any) -> Any:
        """Cross-entropy of the scores, and ½ reg Σ W²."""
        weights = [layer.weight for layer in self.layers if isinstance(layer, nn.Linear)]
        return F.cross_entropy(self(x), labels) + sum(
            0.5 * self.reg * (W * W).sum() for W in weights
        )


# What the exercise prints: the loss, and the largest relative error of each gradient, against
# central differences. Here it is against complex steps, which are exact to rounding.
PUBLISHED: dict[float, tuple[float, dict[str, float]]] = {
    0.0: (
        2.2611955101340957,
        {"W1": 1.10e-04, "W2": 2.85e-06, "W3": 4.05e-10, "b1": 4.44e-08, "b2": 4.44e-08}
        | {"b3": 1.01e-10, "beta1": 7.33e-09, "beta2": 1.89e-09, "gamma1": 6.96e-09}
        | {"gamma2": 1.96e-09},
    ),
    3.14: (
        6.996533220108303,
        {"W1": 1.98e-06, "W2": 2.28e-06, "W3": 1.11e-08, "b1": 1.11e-08, "b2": 4.44e-08}
        | {"b3": 1.73e-10, "beta1": 6.65e-09, "beta2": 3.48e-09, "gamma1": 8.80e-09}
        | {"gamma2": 5.28e-09},
    ),
}


def main() -> tuple[list[float], list[tuple[float, float]]]:
    """Compute both losses and check all gradients; give the losses, and errors beside published."""
    rng = np.random.RandomState(231)  # the exercise's own numbers
    X, labels = rng.randn(2, 15), rng.randint(10, size=(2,))
    losses, errors = [], []
    for reg, (published, theirs) in PUBLISHED.items():
        net = FullyConnectedNet([20, 30], 15, 10, 0.0, "batchnorm", reg, 5e-2, rng)
        loss = net.loss(X, labels)
        loss.backward()
        losses.append(loss.item())
        ulp = abs(loss.item() - published) / np.spacing(published)
        print(
            f"reg = {reg:<4}   loss {loss.item():.16g}, published {published:.16g}: {ulp:.0f} ulp"
        )
        for name, where in parameters(net).items():
            error, norm = check(net, *where, X, labels)
            errors.append((error, theirs[name]))
            told = "   (its true gradient is 0)" if norm < 1e-12 else ""
            print(f"    {name:6}   error {error:.1e}   published {theirs[name]:.1e}{told}")
    return losses, errors


def parameters(net: FullyConnectedNet) -> dict[str, tuple[nn.Module, str]]:
    """Give each parameter's module and attribute, by the exercise's names: W1, b1, gamma1, ..."""
    letters = {"weight": "W", "bias": "b", "gamma": "gamma", "beta": "beta"}
    kinds = {nn.Linear: ("weight", "bias"), nn.BatchNorm1d: ("gamma", "beta")}
    found: dict[str, tuple[nn.Module, str]] = {}
    for kind, keys in kinds.items():
        layers = [layer for layer in net.layers if isinstance(layer, kind)]
        found |= {f"{letters[k]}{i}": (m, k) for i, m in enumerate(layers, 1) for k in keys}
    return found


def check(
    net: FullyConnectedNet, layer: nn.Module, key: str, X: Any, labels: Any
) -> tuple[float, float]:
    """Compare a gradient with complex steps by every element: largest error, and its length.

    The error is |a - b| / max(1e-8, |a| + |b|), as in the exercise.
    """
    p = getattr(layer, key)
    numerical, h = np.zeros(p.shape), 1e-30
    try:
        for index in np.ndindex(p.shape):
            moved = p.numpy().astype(complex)
            moved[index] += 1j * h
            setattr(layer, key, moved)
            with no_grad():
                numerical[index] = net.loss(X, labels).numpy().imag / h
    finally:
        setattr(layer, key, p)
    a = p.grad.numpy()
    error = np.abs(a - numerical) / np.maximum(1e-8, np.abs(a) + np.abs(numerical))
    return float(error.max()), float(np.linalg.norm(a))


if __name__ == "__main__":
    main()
