"""The restricted Boltzmann machine: a distribution over bits, trained by autograd of its energy."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn import functional as F
from autonn import init
from autonn.arguments import Array, Count, Size, checked, explained
from autonn.graph import no_grad
from autonn.init import Rng
from autonn.nn.module import Module
from autonn.operands import bare
from autonn.tensors import Tensor


class RBM(Module):
    """p(v, h) = exp(b·v + c·h + h·W v) / Z, of visible bits v and hidden bits h; y = p(h = 1 | v).

    Smolensky 1986, Information processing in dynamical systems; trained by contrastive divergence:
    Hinton 2002, Neural Computation 14; Carreira-Perpiñán and Hinton 2005, AISTATS.

    Parameters
    ----------
    n_visible, n_hidden
        How many bits there are of each kind.
    k
        Steps of Gibbs sampling between the data and the model's samples: CD-k.
    particles
        How many chains go on from one loss to the next, in place of chains that start at the data:
        persistent contrastive divergence, Tieleman 2008, ICML. 0 for none.
    rng
        Draws initial weights, N(0, 0.01²), and all samples.

    Attributes
    ----------
    weight
        W, (n_hidden, n_visible).
    visible_bias, hidden_bias
        b, (n_visible,), and c, (n_hidden,), 0 at first.
    particles
        The bits of the chains that go on, (particles, n_visible), or None: a buffer.

    Examples
    --------
    >>> rbm = RBM(6, 3, rng=np.random.default_rng(0))
    >>> v = np.ones((4, 6), np.float32)
    >>> rbm(v).shape
    (4, 3)
    >>> rbm.contrastive_divergence(v).backward()
    >>> rbm.weight.grad.shape
    (3, 6)
    """

    @checked
    def __init__(
        self,
        n_visible: Size,
        n_hidden: Size,
        k: Size = 1,
        particles: Count = 0,
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__()
        self.n_visible, self.n_hidden, self.k = n_visible, n_hidden, k
        self.rng = np.random.default_rng(rng)
        shape = (n_hidden, n_visible)
        self.weight: Any = Tensor(init.normal(shape, self.rng, std=0.01), requires_grad=True)
        self.visible_bias: Any = Tensor(init.zeros((n_visible,)), requires_grad=True)
        self.hidden_bias: Any = Tensor(init.zeros((n_hidden,)), requires_grad=True)
        self.particles: Any = None
        if particles:
            bits = self.rng.integers(0, 2, (particles, n_visible))
            self.particles = Tensor(bits, dtype=np.float32)

    def forward(self, v: Any) -> Any:
        """V (..., n_visible), y = σ(v Wᵀ + c): p(h = 1 | v), (..., n_hidden)."""
        self.expect(v)
        return F.sigmoid(np.inner(v, self.weight) + self.hidden_bias)

    @explained
    def visible(self, h: Array) -> Any:
        """σ(h W + b): p(v = 1 | h), (..., n_visible)."""
        return F.sigmoid(h @ self.weight + self.visible_bias)

    @explained
    def free_energy(self, v: Array) -> Any:
        """-b·v - Σ softplus(W v + c) = -log Σ_h exp(-energy(v, h)), for each example."""
        self.expect(v)
        z = np.inner(v, self.weight) + self.hidden_bias
        return -(v @ self.visible_bias) - F.softplus(z).sum(-1)

    @explained
    def contrastive_divergence(self, v: Array) -> Any:
        """Mean free energy of data v (N, n_visible) less that of samples: a loss, for its gradient.

        The samples are constants, made by k Gibbs steps from v or from the particles. The value
        itself is no measure of progress: it stays near 0.
        """
        self.expect(v)
        if not v.size:
            raise ValueError(f"{self.label}: input has shape {v.shape}: there are no examples")
        if self.particles is None:
            samples = self.gibbs(v, self.k)
        else:
            samples = self.gibbs(self.particles, self.k)
            self.particles.assign(samples)
        return self.free_energy(v).mean() - self.free_energy(samples).mean()

    @checked
    def gibbs(self, v: Array, steps: Count) -> Any:
        """Draw h from p(h | v) and v from p(v | h), in turn: the last v, an array of 0 and 1."""
        with no_grad():
            for _ in range(steps):
                v = self._bits(self.visible(self._bits(self(v))))
        return bare(v)

    def _bits(self, p: Any) -> Any:
        return (self.rng.random(p.shape) < bare(p)).astype(p.dtype)

    @checked
    def reconstruct(self, v: Array, steps: Size = 10, return_prob: bool = False) -> Any:
        """Give what `steps` Gibbs steps make of v, or p(v = 1 | h) of the last step."""
        with no_grad():
            p = bare(self.visible(self._bits(self(self.gibbs(v, steps - 1)))))
        return p if return_prob else self._bits(p)

    def log_partition(self) -> Any:
        """Log Z, summed exactly over all states of the smaller side, of up to 20 bits."""
        n = min(self.n_visible, self.n_hidden)
        if n > 20:
            raise ValueError(f"{self.label}: log Z is a sum of 2^{n} terms; want 20 bits or fewer")
        sums = []
        for start in range(0, 2**n, 4096):  # a block at a time: all of them may not fit
            numbers = np.arange(start, min(start + 4096, 2**n))[:, None]
            states = (numbers >> np.arange(n) & 1).astype(self.weight.dtype)
            if self.n_hidden > self.n_visible:
                sums.append(F.logsumexp(-self.free_energy(states)))
            else:
                fields = F.softplus(states @ self.weight + self.visible_bias).sum(-1)
                sums.append(F.logsumexp(states @ self.hidden_bias + fields))
        return F.logsumexp(np.stack(sums))

    @explained
    def log_likelihood(self, v: Array) -> Any:
        """Mean over v of log p(v) = -F(v) - log Z, exactly; it can be differentiated, too."""
        return -self.free_energy(v).mean() - self.log_partition()

    @explained
    def expect(self, v: Array) -> None:
        """Refuse a v of another length."""
        if not v.ndim or v.shape[-1] != self.n_visible:
            wanted = f"(..., {self.n_visible})"
            raise ValueError(f"{self.label}: input has shape {v.shape}, expected {wanted}")

    def describe(self) -> str:
        """Give the sizes."""
        chains = "" if self.particles is None else f", {len(self.particles)} particles"
        return f"{self.n_visible} ↔ {self.n_hidden}, k={self.k}{chains}"
