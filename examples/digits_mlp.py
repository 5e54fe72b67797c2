"""An MLP on real handwritten digits: a whole training, with its loop of five lines in sight.

You will see the loss fall and the accuracy on 360 held-out images pass 97 %, in about a second.
"""

from __future__ import annotations

import numpy as np

from autonn import functional as F
from autonn import nn, optim
from autonn.data import load_digits, minibatches
from autonn.train import accuracy


def main(epochs: int = 15) -> float:
    """Train by gradient descent with momentum; give the accuracy on the held-out images."""
    digits, rng = load_digits(), np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(64, 100, rng=rng), nn.Tanh(), nn.Linear(100, 10, rng=rng))
    optimizer = optim.SGD(net, lr=0.1, momentum=0.9)

    reached = 0.0
    for epoch in range(1, epochs + 1):
        for x, labels in minibatches(digits.x_train, digits.y_train, size=32, rng=rng):
            loss = F.cross_entropy(net(x), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        reached = accuracy(net(digits.x_test), digits.y_test)
        if epoch % 5 == 0:
            print(f"epoch {epoch:2d}   loss {loss.item():.4f}   held-out accuracy {reached:.2%}")
    return reached


if __name__ == "__main__":
    main()
