"""Dropout, and the advice that goes with it: a bound on the weights' norm and high momentum.

You will see the four combinations on 200 digits, few enough to be learnt by heart: accuracy on them
and on the held-out ones, the mean over seeds with its standard deviation. Neither dropout nor the
advice helps alone, on these data; together they do, by less than one in a hundred.

Srivastava et al. 2014, Dropout, JMLR 15, appendix A: momentum of 0.95 to 0.99, a larger
rate that falls far, and weights into a unit no longer than 3 or 4.
"""

from __future__ import annotations

import numpy as np

from autonn import nn, optim
from autonn.data import Split, load_digits
from autonn.train import accuracy, evaluate, fit


def network(dropout: bool, rng: np.random.Generator) -> nn.Sequential:
    """64 → 200 → 200 → 10, as wide without dropout, so that width does not tell."""
    n, layers = 200, list[nn.Module]()
    for a in (64, n):
        layers += [nn.Linear(a, n, rng=rng), nn.ReLU(), *[nn.Dropout(0.5, rng=rng)] * dropout]
    return nn.Sequential(*layers, nn.Linear(n, 10, rng=rng))


def train(dropout: bool, advice: bool, digits: Split, seed: int, epochs: int) -> list[float]:
    """Give the accuracies on what was learnt and on what is held out."""
    net = network(dropout, np.random.default_rng(seed))
    lr, momentum = (0.03, 0.95) if advice else (0.3, 0.0)  # a step adds up to lr / (1 - momentum)
    optimizer, loss = optim.SGD(net, lr, momentum), nn.CrossEntropyLoss()
    fit(
        net,
        loss,
        (digits.x_train, digits.y_train),
        optimizer=optimizer,
        schedule=optim.CosineLR(optimizer, epochs),
        max_weight_norm=3.0 if advice else None,
        epochs=epochs,
        rng=seed,
        progress=False,
    )
    sets = (digits.x_train, digits.y_train), (digits.x_test, digits.y_test)
    of = {"accuracy": accuracy}
    return [evaluate(net, loss, data, metrics=of)["accuracy"] for data in sets]


def main(seeds: int = 5, epochs: int = 60) -> dict[tuple[bool, bool], float]:
    """Train all; give the mean held-out accuracies by (dropout, advice)."""
    digits = load_digits(test=1597)
    found: dict[tuple[bool, bool], float] = {}
    print(f"{len(digits.x_train)} digits to learn, {len(digits.x_test)} held out, {seeds} seeds")
    print("dropout   max-norm, momentum   on those learnt   held out")
    for dropout in (False, True):
        for advice in (False, True):
            runs = [train(dropout, advice, digits, seed, epochs) for seed in range(seeds)]
            (seen, unseen), (_, spread) = np.mean(runs, axis=0), np.std(runs, axis=0)
            found[dropout, advice] = float(unseen)
            told = f"{'yes' if dropout else 'no':7}   {'yes' if advice else 'no':18}"
            print(f"{told}   {seen:15.1%}   {unseen:.1%} ± {spread:.1%}")
    return found


if __name__ == "__main__":
    main()
