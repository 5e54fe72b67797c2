"""BatchNorm, LayerNorm and none, at batches of 2 to 128, before and after the activation.

You will see a table of held-out accuracies on the digits, means over seeds with their standard
deviations. With batches of 8 and more, BatchNorm is best, and better before the activation than
after it, by about their spread; with batches of 2 it is worse than none, since two examples tell
little of a mean and a variance. LayerNorm does not look at the batch; it beats none at all sizes.
Columns are not to be compared: they saw different numbers of digits, at rates that go with their
sizes. With `--picture FILE` it is plotted.
"""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import chain, islice

import numpy as np

from autonn import nn, optim
from autonn.data import Split, load_digits, minibatches
from autonn.train import accuracy

SIZES = (2, 8, 32, 128)
KINDS = ("batch before", "batch after", "layer before", "layer after", "none")


def network(kind: str, rng: np.random.Generator) -> nn.Sequential:
    """64 → 64 → 64 → 10 with ReLU, and norms before or after it."""
    norms = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
    layers: list[nn.Module] = []
    for _ in range(2):
        between: list[nn.Module] = [nn.ReLU()]
        if kind != "none":
            name, place = kind.split()
            between.insert(0 if place == "before" else 1, norms[name](64))
        layers += [nn.Linear(64, 64, rng=rng), *between]
    return nn.Sequential(*layers, nn.Linear(64, 10, rng=rng))


def train(kind: str, size: int, digits: Split, seed: int, steps: int) -> float:
    """Go through the digits five times, in so many steps at most; give the held-out accuracy."""
    rng = np.random.default_rng(seed)
    net, loss = network(kind, rng), nn.CrossEntropyLoss()
    optimizer = optim.SGD(net, lr=0.1 * min(1.0, size / 32), momentum=0.9)
    epochs = (minibatches(digits.x_train, digits.y_train, size=size, rng=rng) for _ in range(5))
    for x, labels in islice(chain.from_iterable(epochs), steps):
        if len(x) > 1:  # one example has no variance
            loss(net(x), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
    return accuracy(net.eval()(digits.x_test), digits.y_test)


def plot(found: dict[str, np.ndarray], path: str) -> None:
    """Draw the mean errors over the batch size, with a line for each kind."""
    style, text = import_module("viz.plots.style"), import_module("viz.plots.text")
    look, low, high = style.theme_of("light"), 0.015, 0.7
    told = "Held-out error on the digits; bars are standard deviations over seeds."
    figure = style.canvas(look, 7, 3.6, "BatchNorm is best, unless batches are tiny", told)
    axes, ends = style.clean(figure.add_subplot(), look, "y"), []
    for i, (kind, runs) in enumerate(found.items()):
        error, x, stroke = 1 - runs.mean(axis=1), np.multiply(SIZES, 1 + 0.02 * i), look.stroke(i)
        axes.errorbar(x, error, runs.std(axis=1), marker="o", ms=5, lw=2, elinewidth=1, **stroke)
        ends.append((np.log(error[-1] / low) / np.log(high / low), kind, stroke["color"]))
    ticks = (0.02, 0.05, 0.1, 0.2, 0.5)
    axes.set(xscale="log", yscale="log", ylim=(low, high))
    axes.set_xticks(SIZES, SIZES)
    axes.set_yticks(ticks, [f"{tick:.0%}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("batch size", **text.plain(9, look.soft))
    text.label_ends(axes, ends)
    figure.savefig(path)


def main(picture: str | None = None, seeds: int = 3, steps: int = 250) -> dict[str, list[float]]:
    """Train all; give the mean accuracies by kind, one for each batch size."""
    digits = load_digits()
    found: dict[str, np.ndarray] = {}
    print(f"held-out accuracy, {seeds} seeds\nin batches of" + "".join(f"{n:15}" for n in SIZES))
    for kind in KINDS:
        runs = [[train(kind, n, digits, seed, steps) for seed in range(seeds)] for n in SIZES]
        found[kind] = np.array(runs)
        told = (f"{x.mean():.1%} ± {x.std():.1%}" for x in found[kind])
        print(f"{kind:13}" + "".join(f"{x:>15}" for x in told))
    if picture:
        plot(found, picture)
    return {kind: runs.mean(axis=1).tolist() for kind, runs in found.items()}


if __name__ == "__main__":
    main(sys.argv[2] if sys.argv[1:2] == ["--picture"] else None)
