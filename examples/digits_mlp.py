"""An MLP on real handwritten digits, with nothing but operators: the whole loop in thirty lines.

You will see the loss fall and the accuracy on 360 held-out images pass 97 %, in about a second.
"""

from __future__ import annotations

import numpy as np

from autonn import Tensor, no_grad
from autonn.data import load_digits, minibatches
from autonn.functional import cross_entropy


def main(epochs: int = 20) -> float:
    """Train by plain gradient descent; give the accuracy on the held-out images."""
    digits = load_digits()
    rng = np.random.default_rng(0)
    shapes = [(64, 100), (100,), (100, 10), (10,)]
    W1, b1, W2, b2 = parameters = [
        Tensor(rng.normal(0, 0.1, shape).astype(np.float32), requires_grad=True) for shape in shapes
    ]

    def logits(x: np.ndarray) -> Tensor:
        return np.tanh(x @ W1 + b1) @ W2 + b2  # (N, 64) -> (N, 100) -> (N, 10)

    accuracy = 0.0
    for epoch in range(1, epochs + 1):
        for x, labels in minibatches(digits.x_train, digits.y_train, size=16, rng=rng):
            loss = cross_entropy(logits(x), labels)
            loss.backward()
            for p in parameters:
                assert p.grad is not None
                p.assign(p.data - 0.2 * p.grad.data)
                p.grad = None
        with no_grad():
            accuracy = float(np.mean(logits(digits.x_test).argmax(axis=1) == digits.y_test))
        if epoch % 5 == 0:
            print(f"epoch {epoch:2d}   loss {loss.item():.4f}   held-out accuracy {accuracy:.2%}")
    return accuracy


if __name__ == "__main__":
    main()
