"""SparseEvolution and the RBM: what they promise while they learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import assert_refused

from autonn import Tensor, gradcheck, nn


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ----- SparseEvolution -----


def test_the_density_is_erdos_renyis():
    layer = nn.SparseEvolution(400, 300, epsilon=20, rng=rng())
    p = 20 * 700 / (400 * 300)
    assert layer.density == pytest.approx(p, rel=0.02)
    assert nn.SparseEvolution(10, 10, rng=rng()).density == 1
    assert not layer.weight.data[~layer.mask.data].any()
    assert np.abs(layer.weight.data).max() <= (400 * p) ** -0.5
    assert "mask" in layer.state_dict()


def test_evolution_moves_the_weights_nearest_to_zero():
    layer = nn.SparseEvolution(40, 30, zeta=0.25, epsilon=4, rng=rng())
    before, mask = np.array(layer.weight.data), np.array(layer.mask.data)
    moved = layer.evolve()
    after, now = layer.weight.data, layer.mask.data
    assert now.sum() == mask.sum()
    assert not after[~now].any()
    stayed = mask & (before == after)
    assert stayed.sum() == mask.sum() - moved
    for sign in (1, -1):
        side = mask & (np.sign(before) == sign)
        assert (side & ~stayed).sum() == round(0.25 * side.sum())
        assert np.abs(before[side & ~stayed]).max() <= np.abs(before[side & stayed]).min()
    assert (now & ~mask).any()


def test_only_connections_that_are_there_learn():
    layer = nn.SparseEvolution(20, 10, epsilon=2, rng=rng())
    layer(rng(1).normal(size=(5, 20)).astype(np.float32)).sum().backward()
    assert not layer.weight.grad.data[~layer.mask.data].any()
    assert layer.weight.grad.data[layer.mask.data].all()


@pytest.mark.parametrize("options", [{"zeta": 1.5}, {"epsilon": 0}])
def test_options_out_of_range_are_refused(options: Any):
    assert_refused(
        lambda: nn.SparseEvolution(4, 3, **options),
        ValueError,
        ["SparseEvolution", *options],
    )


# ----- RBM -----


def tiny(**options: Any) -> nn.RBM:
    rbm = nn.RBM(5, 3, rng=rng(), **options).astype(np.float64)
    for p in rbm.parameters():
        p.assign(rng(1).normal(size=p.shape))
    return rbm


def states(n: int) -> Any:
    return np.array([[i >> k & 1 for k in range(n)] for i in range(2**n)], float)


def test_probabilities_are_those_of_the_energy():
    """All 2^8 states, one by one: p(v), p(h | v), p(v | h) and Z."""
    rbm = tiny()
    W, b, c = (p.data for p in (rbm.weight, rbm.visible_bias, rbm.hidden_bias))
    v, h = states(5), states(3)
    joint = np.exp((v @ b)[:, None] + (h @ c)[None] + v @ W.T @ h.T)  # (32, 8)
    assert rbm.log_partition().item() == pytest.approx(np.log(joint.sum()), rel=1e-13)
    np.testing.assert_allclose(-rbm.free_energy(v).data, np.log(joint.sum(1)), rtol=1e-12)
    np.testing.assert_allclose(rbm(v).data, joint @ h / joint.sum(1)[:, None], rtol=1e-12)
    np.testing.assert_allclose(rbm.visible(h).data, joint.T @ v / joint.sum(0)[:, None], rtol=1e-12)
    p = joint.sum(1) / joint.sum()
    assert rbm.log_likelihood(v).item() == pytest.approx(np.log(p).mean(), rel=1e-12)
    wide = nn.RBM(3, 5).astype(np.float64)
    wide.weight.assign(W.T)
    wide.visible_bias.assign(c)
    wide.hidden_bias.assign(b)
    assert wide.log_partition().item() == pytest.approx(np.log(joint.sum()), rel=1e-13)


def test_the_gradient_is_the_two_phases():
    """Autograd of the free energies gives Hinton's positive minus negative statistics."""
    rbm = tiny(k=3)
    v = rng(2).integers(0, 2, (20, 5)).astype(float)
    samples = tiny(k=3).gibbs(v, 3)
    rbm.contrastive_divergence(v).backward()
    positive, negative = (rbm(x).data.T @ x / 20 for x in (v, samples))
    np.testing.assert_allclose(rbm.weight.grad.data, negative - positive, atol=1e-14)
    np.testing.assert_allclose(rbm.visible_bias.grad.data, (samples - v).mean(0), atol=1e-14)
    hidden = (rbm(samples).data - rbm(v).data).mean(0)
    np.testing.assert_allclose(rbm.hidden_bias.grad.data, hidden, atol=1e-14)


def test_gibbs_sampling_reaches_the_models_distribution():
    rbm = tiny()
    v = rbm.gibbs(np.zeros((20000, 5)), 200)
    p = np.exp(-rbm.free_energy(states(5)).data - rbm.log_partition().item())
    seen = np.bincount((v @ 2 ** np.arange(5)).astype(int), minlength=32) / len(v)
    assert np.abs(seen - p).max() < 4 * np.sqrt(p.max() / len(v))


@pytest.mark.parametrize("options", [{"k": 1}, {"k": 5}, {"particles": 200}])
def test_learning_climbs_the_exact_likelihood(options: Any):
    """Four of 64 patterns: from log(1/64) = -4.16 towards log(1/4), by CD-1, CD-5 and PCD."""
    patterns = [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], [1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1]]
    v = np.tile(np.array(patterns, float), (10, 1))
    rbm = nn.RBM(6, 8, rng=rng(), **options).astype(np.float64)
    climbed = [rbm.log_likelihood(v).item()]
    for step in range(1500):
        rbm.contrastive_divergence(v).backward()
        for p in rbm.parameters():
            p.assign(p.data - 0.1 * (1 - step / 1500) * p.grad.data)
            p.grad = None
        if step % 300 == 299:
            climbed.append(rbm.log_likelihood(v).item())
    assert climbed[0] == pytest.approx(6 * np.log(0.5), abs=0.01)
    assert climbed[1] > climbed[0] + 0.3
    assert climbed[-1] > -2.3
    again = rbm.reconstruct(v, 1, return_prob=True)
    assert np.abs(again - v).mean() < 0.25
    assert set(np.unique(rbm.reconstruct(v))) <= {0, 1}


def test_with_many_steps_the_gradient_is_the_likelihoods():
    rbm, v = tiny(k=100), np.repeat(states(5)[[3, 17, 21]], 4000, axis=0)
    gradients = []
    for loss in (rbm.contrastive_divergence(v), -rbm.log_likelihood(v)):
        rbm.zero_grad()
        loss.backward()
        gradients.append(np.concatenate([p.grad.data.ravel() for p in rbm.parameters()]))
    np.testing.assert_allclose(*gradients, atol=4 * 0.5 / np.sqrt(len(v)))
    assert np.abs(gradients[1]).max() > 0.1


def test_the_likelihood_itself_can_be_differentiated():
    rbm, v = tiny(), rng(2).integers(0, 2, (4, 5)).astype(float)

    def likelihood(W: Any, b: Any, c: Any) -> Any:
        rbm.weight, rbm.visible_bias, rbm.hidden_bias = W, b, c
        return rbm.log_likelihood(v)

    assert gradcheck(likelihood, *(np.array(p.data) for p in rbm.parameters()), order=2, elements=8)


def test_what_an_rbm_refuses():
    assert_refused(lambda: nn.RBM(4, 0), ValueError, ["RBM", "n_hidden=0"])
    assert_refused(
        lambda: nn.RBM(4, 3)(np.ones((2, 5))), ValueError, ["RBM(4 ↔ 3", "(2, 5)", "(..., 4)"]
    )
    assert_refused(lambda: nn.RBM(30, 21).log_partition(), ValueError, ["2^21", "20 bits"])
    assert_refused(lambda: nn.RBM(4, 3).reconstruct(np.ones((2, 4)), 0), ValueError, ["steps=0"])
    assert nn.RBM(4, 3, particles=7).state_dict()["particles"].shape == (7, 4)
    assert isinstance(nn.RBM(4, 3).contrastive_divergence(Tensor(np.ones((2, 4)))), Tensor)
