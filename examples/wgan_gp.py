"""A WGAN-GP learns eight Gaussians on a ring: its loss is a gradient of a gradient.

You will see the critic's estimate of the Wasserstein distance fall, a distance between samples
beside it, and the number of the eight modes that the generator has found.
Gulrajani et al. 2017, Improved training of Wasserstein GANs, arXiv:1704.00028.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn import functional as F
from autonn import nn, no_grad, optim

ANGLES = np.arange(8) * np.pi / 4
MODES = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1) * 2
SPREAD = 0.1


def ring(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n points of the data."""
    points = MODES[rng.integers(8, size=n)] + rng.normal(0, SPREAD, (n, 2))
    return points.astype(np.float32)


def mlp(inputs: int, outputs: int, rng: np.random.Generator) -> nn.Sequential:
    """Two hidden layers; tanh is smooth, as a function ought to be whose slope is held at 1."""
    first, second = nn.Linear(inputs, 64, rng=rng), nn.Linear(64, 64, rng=rng)
    return nn.Sequential(first, nn.Tanh(), second, nn.Tanh(), nn.Linear(64, outputs, rng=rng))


def sliced(a: np.ndarray, b: np.ndarray) -> float:
    """Give the distance along 32 directions: the mean over them of |sorted a - sorted b|."""
    t = np.arange(32) * np.pi / 32
    way = np.stack([np.cos(t), np.sin(t)])
    return float(np.mean(np.abs(np.sort(a @ way, axis=0) - np.sort(b @ way, axis=0))))


def found(fake: np.ndarray) -> tuple[int, float]:
    """Count the modes that have 2 % of the points within 4 deviations; give the share of such."""
    away = np.linalg.norm(fake[:, None] - MODES, axis=2)
    near = away.min(axis=1) < 4 * SPREAD
    counts = np.bincount(away.argmin(axis=1)[near], minlength=8)
    return int(np.sum(counts >= 0.02 * len(fake))), float(near.mean())


def main(steps: int = 900, n: int = 128) -> dict[str, list[float]]:
    """Train; give the series of both distances, of the modes, and of the points near one."""
    rng = np.random.default_rng(0)
    critic, generator = mlp(2, 1, rng), mlp(4, 2, rng)
    of_critic = optim.Adam(critic, lr=3e-3, betas=(0.5, 0.9))
    of_generator = optim.Adam(generator, lr=1e-3, betas=(0.5, 0.9))

    def draw(count: int) -> Any:
        return generator(rng.normal(size=(count, 4)).astype(np.float32))

    told: dict[str, list[float]] = {"estimate": [], "distance": [], "modes": [], "near": []}
    print("step   critic's estimate   sliced distance   modes of 8   near a mode")
    for step in range(steps + 1):
        for _ in range(5):
            with no_grad():
                fake = draw(n).numpy()
            real, u = ring(n, rng), rng.random((n, 1), np.float32)
            distance = critic(real).mean() - critic(fake).mean()
            penalty = F.gradient_penalty(critic, u * real + (1 - u) * fake)
            (penalty - distance).backward()
            of_critic.step()
            of_critic.zero_grad()
        if step % (steps // 6) == 0:
            with no_grad():
                real, fake = ring(2000, rng), draw(2000).numpy()
                estimate = (critic(real).mean() - critic(fake).mean()).item()
            row = (estimate, sliced(real, fake), *found(fake))
            for name, value in zip(told, row, strict=True):
                told[name].append(value)
            print("{:4d}   {:17.3f}   {:15.3f}   {:10d}   {:11.1%}".format(step, *row))
        (-critic(draw(n)).mean()).backward()
        of_generator.step()
        of_generator.zero_grad()
        of_critic.zero_grad()  # the critic was only passed through
    print(f"two draws of the data:      {sliced(ring(2000, rng), ring(2000, rng)):15.3f}")
    return told


if __name__ == "__main__":
    main()
