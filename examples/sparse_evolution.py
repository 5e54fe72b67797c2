"""A wide network with a twentieth of its connections, which move, against dense ones.

You will see four held-out accuracies on the digits, each the mean of some seeds with its standard
deviation: sparse and moving, sparse and still, dense with as many parameters, and dense and wide.
On these digits, moving helps by about one standard deviation, and a dense network of the same size
reads more of them. (Mocanu et al. 2018 measured larger networks, which learnt for far longer.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autonn import nn, optim
from autonn.data import Split, load_digits
from autonn.train import Training, accuracy, fit

WIDTHS, EPSILON = (256, 128), 1


def dense(a: int, b: int, rng: np.random.Generator) -> nn.Sequential:
    """64 → a → b → 10, all connected."""
    layers = (nn.Linear(64, a, rng=rng), nn.ReLU(), nn.Linear(a, b, rng=rng), nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(b, 10, rng=rng))


def sparse(rng: np.random.Generator) -> nn.Sequential:
    """64 → 256 → 128 → 10, the first two layers with few connections."""
    a, b = WIDTHS
    first = nn.SparseEvolution(64, a, zeta=0.2, epsilon=EPSILON, rng=rng)
    second = nn.SparseEvolution(a, b, zeta=0.2, epsilon=EPSILON, rng=rng)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(b, 10, rng=rng))


def size(net: nn.Sequential) -> int:
    """Count the parameters; of sparse layers, those connections that are there."""
    masked = [layer.mask.numpy() for layer in net if isinstance(layer, nn.SparseEvolution)]
    return sum(p.size for p in net.parameters()) - sum(int((~mask).sum()) for mask in masked)


def train(net: nn.Sequential, digits: Split, seed: int, moving: bool, epochs: int = 40) -> float:
    """Give the accuracy on the held-out images."""
    optimizer = optim.SGD(net, lr=0.1, momentum=0.9)

    def evolve(training: Training) -> None:
        for layer in net if moving and training.epoch < epochs * 3 // 4 else ():
            if isinstance(layer, nn.SparseEvolution):  # what grows must have time to learn
                layer.evolve()

    data, loss = (digits.x_train, digits.y_train), nn.CrossEntropyLoss()
    schedule = optim.CosineLR(optimizer, epochs)
    told: dict[str, Any] = {"epochs": epochs, "batch_size": 64, "rng": seed, "progress": False}
    fit(net, loss, data, optimizer=optimizer, schedule=schedule, callbacks=[evolve], **told)
    return accuracy(net(digits.x_test), digits.y_test)


def main(seeds: int = 3) -> dict[str, tuple[int, float]]:
    """Train all; give their numbers of parameters and their mean accuracies."""
    digits, n = load_digits(), size(sparse(np.random.default_rng(0)))
    b = min(range(2, 128), key=lambda b: abs(size(dense(2 * b, b, np.random.default_rng(0))) - n))
    kinds: dict[str, Callable[[np.random.Generator], nn.Sequential]] = {
        "sparse, moving": sparse,
        "sparse, still": sparse,
        f"dense, {2 * b} and {b} wide": lambda rng: dense(2 * b, b, rng),
        "dense, 256 and 128 wide": lambda rng: dense(*WIDTHS, rng),
    }
    found = {}
    print(f"{'':25} parameters   held-out accuracy, {seeds} seeds")
    for name, make in kinds.items():
        nets = [make(np.random.default_rng(seed)) for seed in range(seeds)]
        reached = [train(net, digits, i, "moving" in name) for i, net in enumerate(nets)]
        found[name] = size(nets[0]), float(np.mean(reached))
        print(f"{name:25} {found[name][0]:10,}   {np.mean(reached):.2%} ± {np.std(reached):.2%}")
    return found


if __name__ == "__main__":
    main()
