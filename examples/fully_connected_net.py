"""A known exercise's network: any depth, batch or layer normalisation, dropout, L2, in 30 lines.

You will see the two losses that the exercise publishes, and gradients that numerical
differentiation confirms to more digits than it prints; the biases before BatchNorm, which takes
off every mean, have none but rounding.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from autonn import Tensor, gradcheck, nn
from autonn import functional as F


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


PUBLISHED = {0.0: 2.2611955101340957, 3.14: 6.996533220108303}


def main() -> list[float]:
    """Compute both losses, and check each gradient of the second; give the losses."""
    rng = np.random.RandomState(231)  # the exercise's own numbers
    X, labels = rng.randn(2, 15), rng.randint(10, size=(2,))
    losses = []
    for reg, published in PUBLISHED.items():
        net = FullyConnectedNet([20, 30], 15, 10, 0.0, "batchnorm", reg, 5e-2, rng)
        loss = net.loss(X, labels)
        loss.backward()
        losses.append(loss.item())
        ulp = abs(loss.item() - published) / np.spacing(published)
        print(
            f"reg = {reg:<5} loss {loss.item():.16g}   published {published:.16g}   {ulp:.0f} ulp"
        )
        for name, p in net.named_parameters():
            worst = check(net, name, X, labels)
            assert p.grad is not None
            print(
                f"    {name:16} |gradient| {np.linalg.norm(p.grad).item():9.2e}   error {worst:.1e}"
            )
    return losses


def check(net: FullyConnectedNet, name: str, X: Any, labels: Any) -> float:
    """Compare a parameter's gradient with numerical differentiation; give the relative error."""
    _, number, key = name.split(".")
    layer = net.layers[int(number)]
    kept = getattr(layer, key)

    def of_parameter(value: Tensor) -> Any:
        setattr(layer, key, value)
        return net.loss(X, labels)

    try:
        return gradcheck(of_parameter, kept.data, elements=8).worst
    finally:
        setattr(layer, key, kept)


if __name__ == "__main__":
    main()
