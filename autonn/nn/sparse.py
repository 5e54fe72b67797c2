"""A linear map with few connections, which move to where they are needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.arguments import Positive, Probability, Size, checked
from autonn.init import Rng
from autonn.nn.linear import Linear
from autonn.tensors import Tensor


class SparseEvolution(Linear):
    """y = x (W ∘ M)ᵀ + b, with a sparse mask M that `evolve` changes: Mocanu et al. 2018.

    Scalable training of artificial neural networks with adaptive sparse connectivity inspired by
    network science, Nature Communications 9, 2383 (SET). M starts as an Erdős-Rényi graph, each
    connection there with probability p = epsilon (in + out) / (in · out), at most 1 (eq. 1).

    Parameters
    ----------
    in_features, out_features, bias, rng
        As in `Linear`. `rng` draws the connections, too; initial values are uniform within
        ±1/√(p in).
    epsilon
        How dense M is: about epsilon (in + out) connections.
    zeta
        The fraction of the connections that `evolve` moves.

    Attributes
    ----------
    weight, bias
        As in `Linear`; weights that M leaves out are 0.
    mask
        M, (out_features, in_features), boolean: a buffer, saved with the parameters.

    Examples
    --------
    >>> layer = SparseEvolution(100, 50, epsilon=5, rng=np.random.default_rng(0))
    >>> count = layer.mask.sum()
    >>> moved = layer.evolve()
    >>> layer(np.ones((2, 100), np.float32)).shape, bool(layer.mask.sum() == count)
    ((2, 50), True)
    """

    @checked
    def __init__(
        self,
        in_features: Size | None,
        out_features: Size,
        zeta: Probability = 0.3,
        epsilon: Positive = 20.0,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__(None, out_features, bias, rng=rng)
        self.zeta, self.epsilon = zeta, epsilon
        self.mask: Any = None
        if in_features is not None:
            self._make(in_features)

    def _make(self, n: int) -> None:
        if min(n, self.out_features) < 1:
            raise ValueError(f"{self.label}: want 1 or more of each")
        p = min(1.0, self.epsilon * (n + self.out_features) / (n * self.out_features))
        mask = self._rng.random((self.out_features, n)) < p
        super()._make(n)
        self._bound = (n * p) ** -0.5
        self.weight.assign(mask * self._drawn(mask.shape))
        self.mask = Tensor(mask)

    def _drawn(self, shape: int | tuple[int, ...]) -> Any:
        return self._rng.uniform(-self._bound, self._bound, shape)

    def forward(self, x: Any) -> Any:
        """X (..., in_features), y (..., out_features)."""
        self.expect(x)
        y = np.inner(x, self.weight * self.mask)
        return y if self.bias is None else y + self.bias

    def evolve(self) -> int:
        """Move the fraction zeta of the positive and of the negative weights that are nearest to 0.

        They are dropped, and as many connections grow at random free places, with new weights.
        Call it after each epoch, outside of a graph. Gives how many moved.
        """
        if self.mask is None:
            raise ValueError(f"{self.label}: it makes its connections on its first call")
        weight, mask = np.array(self.weight.numpy()), np.array(self.mask.numpy())
        dropped = 0
        for side in (mask & (weight >= 0), mask & (weight < 0)):
            places = np.flatnonzero(side)
            count = round(self.zeta * len(places))
            weakest = places[np.argsort(np.abs(weight.flat[places]), kind="stable")[:count]]
            mask.flat[weakest] = False
            weight.flat[weakest] = 0
            dropped += count
        grown = self._rng.choice(np.flatnonzero(~mask), dropped, replace=False)
        mask.flat[grown] = True
        weight.flat[grown] = self._drawn(dropped)
        self.weight.assign(weight)
        self.mask.assign(mask)
        return dropped

    @property
    def density(self) -> float:
        """The share of the connections that are there: M's mean."""
        return float(np.mean(self.mask.numpy()))

    def describe(self) -> str:
        """Give the sizes and, once it is known, the density."""
        known = "" if self.mask is None else f", density {self.density:.3g}"
        return super().describe() + known
