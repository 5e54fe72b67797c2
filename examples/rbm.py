"""An RBM that learns bars and stripes, with the gradient of its free energy and nothing else.

You will see the exact log-likelihood climb towards that of the data, and a spoilt image repaired.
"""

from __future__ import annotations

import numpy as np

from autonn import nn


def bars_and_stripes(n: int) -> np.ndarray:
    """Give all images of n × n bits whose rows, or whose columns, are each all 0 or all 1."""
    lines = np.array([[i >> k & 1 for k in range(n)] for i in range(2**n)])  # (2^n, n)
    stripes = np.repeat(lines[:, :, None], n, axis=2)
    bars = stripes.transpose(0, 2, 1)
    return np.unique(np.concatenate([stripes, bars]).reshape(-1, n * n), axis=0).astype(float)


def show(bits: np.ndarray) -> str:
    """Give an image of 3 × 3 bits as three short lines."""
    return "\n".join("  " + "".join("██" if b else "··" for b in row) for row in bits.reshape(3, 3))


def main(steps: int = 6000) -> float:
    """Train by contrastive divergence; give the final mean log-likelihood."""
    images = bars_and_stripes(3)
    best = -np.log(len(images))
    rbm = nn.RBM(9, 16, k=5, rng=np.random.default_rng(0)).astype(np.float64)
    v = np.tile(images, (10, 1))
    for step in range(steps + 1):
        if step % (steps // 6) == 0:
            reached = rbm.log_likelihood(images).item()
            print(f"step {step:5d}   log-likelihood {reached:7.4f}   (at best {best:.4f})")
        rbm.contrastive_divergence(v).backward()
        for p in rbm.parameters():
            assert p.grad is not None
            p.assign(p.data - 0.2 * (1 - step / steps) * p.grad.data)
            p.grad = None
    spoilt = images[3].copy()
    spoilt[4] = 1 - spoilt[4]
    guesses = rbm.reconstruct(np.tile(spoilt, (500, 1)), 2, return_prob=True).mean(0)
    print(f"with a wrong pixel\n{show(spoilt)}\nand repaired\n{show(guesses > 0.5)}")
    return rbm.log_likelihood(images).item()


if __name__ == "__main__":
    main()
