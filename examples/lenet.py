"""A LeNet for 8×8 digits, normalised by layer or by batch: both pass 98.5 % on held-out images.

You will see what the network is made of, and two accuracies that rise in a few seconds each.
"""

from __future__ import annotations

import numpy as np

from autonn import nn, optim, summary
from autonn.data import load_digits
from autonn.train import accuracy, fit


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
    """Train with Nesterov's momentum; give the last epoch's accuracy on the held-out images."""
    digits, rng = load_digits(seed=seed), np.random.default_rng(seed)
    net = lenet(norm, rng)
    optimizer = optim.SGD(net, lr=0.05, momentum=0.9, nesterov=True)
    x_train, x_test = (x.reshape(-1, 1, 8, 8) for x in (digits.x_train, digits.x_test))
    steps = epochs * -(-len(x_train) // 32)
    print(f"\nwith {norm} norm")
    history = fit(
        net,
        nn.CrossEntropyLoss(),
        (x_train, digits.y_train),
        optimizer=optimizer,
        schedule=optim.CosineLR(optimizer, steps, warmup=steps // epochs),
        schedule_each="step",
        epochs=epochs,
        rng=rng,
        validation=(x_test, digits.y_test),
        metrics={"accuracy": accuracy},
        keep_best=False,  # the held-out images shall not choose among the epochs
    )
    return float(history["val_accuracy"][-1])


def main() -> list[float]:
    """Show the network, train it with both norms; give both accuracies."""
    images = np.zeros((32, 1, 8, 8), np.float32)
    print(summary(lenet("layer", np.random.default_rng(0)), images))
    reached = [train(norm) for norm in ("layer", "batch")]
    print("\nheld-out accuracy: layer norm {:.2%}, batch norm {:.2%}".format(*reached))
    return reached


if __name__ == "__main__":
    main()
