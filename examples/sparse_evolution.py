"""A network with a fifth of its connections learns digits, and moves them to where they help.

You will see the accuracy rise while the number of connections stays what it is.
"""

from __future__ import annotations

import numpy as np

from autonn import functional as F
from autonn import nn, no_grad
from autonn.data import load_digits, minibatches


def main(epochs: int = 30) -> tuple[float, float, float]:
    """Train; give the accuracy, and the density before and after."""
    digits, rng = load_digits(), np.random.default_rng(0)
    first = nn.SparseEvolution(64, 256, zeta=0.3, epsilon=10, rng=rng)
    second = nn.SparseEvolution(256, 128, zeta=0.3, epsilon=10, rng=rng)
    net = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(128, 10, rng=rng))
    print(net)
    before, accuracy = first.density, 0.0
    for epoch in range(1, epochs + 1):
        for x, labels in minibatches(digits.x_train, digits.y_train, size=32, rng=rng):
            F.cross_entropy(net(x), labels).backward()
            for p in net.parameters():
                assert p.grad is not None
                p.assign(p.data - 0.1 * p.grad.data)
                p.grad = None
        with no_grad():
            accuracy = float(np.mean(net(digits.x_test).argmax(axis=1) == digits.y_test))
        if epoch < epochs:  # what has just grown has yet to learn
            moved = first.evolve() + second.evolve()
        if epoch % 5 == 0:
            told = f"density {first.density:.4f}, {moved} connections moved"
            print(f"epoch {epoch:2d}   held-out accuracy {accuracy:.2%}   {told}")
    return accuracy, before, first.density


if __name__ == "__main__":
    main()
