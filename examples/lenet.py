"""A LeNet for 8×8 digits, normalised by layer or by batch: both pass 98.5 % on held-out images.

You will see what the network is made of, and two accuracies that rise in a few seconds each.
"""

from __future__ import annotations

from math import cos, pi

import numpy as np

from autonn import functional as F
from autonn import nn, no_grad, summary
from autonn.data import load_digits, minibatches


def lenet(norm: str, rng: np.random.Generator) -> nn.Module:
    """Make the network: x (N, 1, 8, 8), y (N, 10); `norm` is "layer" or "batch"."""

    def normalise(*shape: int) -> nn.Module:
        if norm == "layer":
            return nn.LayerNorm(shape)
        return nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0])

    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding="same", rng=rng),
        normalise(24, 8, 8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(24, 48, 3, padding="same", rng=rng),
        normalise(48, 4, 4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(48 * 2 * 2, 84, rng=rng),
        normalise(84),
        nn.ReLU(),
        nn.Dropout(0.5, rng=rng),
        nn.Linear(84, 10, rng=rng),
    )


def train(norm: str, epochs: int = 12, seed: int = 0) -> float:
    """Train by gradient descent with momentum; give the accuracy on the held-out images."""
    digits, rng = load_digits(seed=seed), np.random.default_rng(seed)
    net = lenet(norm, rng)
    x_train, x_test = (x.reshape(-1, 1, 8, 8) for x in (digits.x_train, digits.x_test))
    velocity = {p: np.zeros(p.shape, p.dtype) for p in net.parameters()}
    accuracy = 0.0
    for epoch in range(epochs):
        rate = 0.025 * (1 + cos(pi * epoch / epochs))
        for x, labels in minibatches(x_train, digits.y_train, size=32, rng=rng):
            F.cross_entropy(net(x), labels).backward()
            for p, v in velocity.items():
                assert p.grad is not None
                v[...] = 0.9 * v - rate * p.grad.data
                p.assign(p.data + v)
                p.grad = None
        net.eval()
        with no_grad():
            accuracy = float(np.mean(net(x_test).argmax(axis=1) == digits.y_test))
        net.train()
        if epoch % 3 == 2:
            print(f"{norm} norm, epoch {epoch + 1:2d}   held-out accuracy {accuracy:.2%}")
    return accuracy


def main() -> list[float]:
    """Show the network, train it with both norms; give both accuracies."""
    images = np.zeros((32, 1, 8, 8), np.float32)
    print(summary(lenet("layer", np.random.default_rng(0)), images))
    return [train(norm) for norm in ("layer", "batch")]


if __name__ == "__main__":
    main()
