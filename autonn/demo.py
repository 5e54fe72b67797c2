"""The demonstration: a network learns to read real digits; its gradients are judged and drawn."""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from autonn import nn, verdicts
from autonn.check import Report
from autonn.data import Split, load_digits, minibatches
from autonn.functional import cross_entropy
from autonn.graph import no_grad

HIDDEN, BATCH, MOMENTUM = 128, 32, 0.9


class Trained(NamedTuple):
    """What the demonstration made.

    Attributes
    ----------
    net
        The network.
    digits
        What it learned from and was tested on.
    history
        "loss" and "accuracy" (on held-out images) after each epoch.
    reports
        The verdict on each layer.
    """

    net: nn.Sequential
    digits: Split
    history: dict[str, list[float]]
    reports: list[Report]

    @property
    def accuracy(self) -> float:
        """The share of held-out images that it reads rightly."""
        return self.history["accuracy"][-1]


def network(rng: np.random.Generator) -> nn.Sequential:
    """Make a 64-128-10 perceptron with BatchNorm."""
    return nn.Sequential(
        nn.Linear(64, HIDDEN, rng=rng),
        nn.BatchNorm1d(HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, 10, rng=rng),
    )


def guess(net: nn.Module, x: Any) -> Any:
    """Give the label of the largest logit of each image."""
    net.eval()
    with no_grad():
        labels = net(x).argmax(axis=1)
    net.train()
    return labels


def learn(digits: Split, epochs: int, seed: int, console: Console) -> Trained:
    """Train by stochastic gradient descent with momentum, and show how it goes."""
    rng = np.random.default_rng(seed)
    net = network(rng)
    history: dict[str, list[float]] = {"loss": [], "accuracy": []}
    velocity = [np.zeros_like(p.data) for p in net.parameters()]
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("training", total=epochs, told="")
        for epoch in range(epochs):
            rate = 0.1 * (1 - epoch / epochs)
            losses = []
            for x, labels in minibatches(digits.x_train, digits.y_train, size=BATCH, rng=rng):
                loss = cross_entropy(net(x), labels)
                loss.backward()
                for v, p in zip(velocity, net.parameters(), strict=True):
                    assert p.grad is not None
                    v *= MOMENTUM
                    v -= rate * p.grad.data
                    p.assign(p.data + v)
                    p.grad = None
                losses.append(loss.item())
            history["loss"].append(float(np.mean(losses)))
            reached = float(np.mean(guess(net, digits.x_test) == digits.y_test))
            history["accuracy"].append(reached)
            told = f"loss {history['loss'][-1]:.4f}  test {reached:6.2%}"
            progress.update(task, advance=1, told=told)
    return Trained(net, digits, history, [])


def run(
    epochs: int = 30,
    seed: int = 0,
    folder: str | None = None,
    console: Console | None = None,
    verdict: bool = True,
) -> Trained:
    """Train, say what was done, judge all layers, draw pictures into a folder."""
    console = console or Console()
    digits = load_digits(seed=seed)
    start = perf_counter()
    trained = learn(digits, epochs, seed, console)
    _tell(trained, perf_counter() - start, console)
    if verdict:
        trained = trained._replace(reports=verdicts.judged([], console=console))
    if folder is not None:
        try:
            draw = import_module("viz.demo").run  # which needs another extra
        except ModuleNotFoundError as error:
            told = f"No pictures: they need {error.name}. pip install 'autonn[viz]'"
            console.print(told, style="yellow", highlight=False)
        else:
            draw(trained, folder, console)
    return trained


def _tell(trained: Trained, seconds: float, console: Console) -> None:
    unicode = console.encoding.lower().startswith("utf")
    arrow, times, shades = ("→", "×", " ░▒▓█") if unicode else ("->", "x", " .:+#")
    digits, net = trained.digits, trained.net
    table = Table(title="A perceptron that reads digits", show_header=False)
    count, images = sum(w.size for w in net.parameters()), f"{len(digits.x_train):,} images"
    layers = f" {arrow} ".join(("64", f"{HIDDEN}, BatchNorm, ReLU", "10"))
    table.add_row("network", f"{layers}; {count:,} parameters, float32")
    epochs = len(trained.history["loss"])
    learned = f"{images} of 8{times}8 pixels, {epochs} times over, in {seconds:.1f} s"
    table.add_row("learned from", learned)
    table.add_row("tested on", f"{len(digits.x_test)} images that it had not seen")
    table.add_row("accuracy", f"[bold]{trained.accuracy:.2%}[/bold]")
    console.print(table)
    seen = guess(net, digits.x_test)
    wrong = np.flatnonzero(seen != digits.y_test)
    if len(wrong):
        i = int(wrong[0])
        said = f"a {digits.y_test[i]}, read as {seen[i]}"
        console.print(f"One of the {len(wrong)} that it got wrong: {said}")
        for row in digits.x_test[i].reshape(8, 8):
            line = "".join(2 * shades[round(float(v) * 4)] for v in row)
            console.print(f"  {line}", highlight=False)
