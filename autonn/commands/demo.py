"""`autonn demo`: a network learns to read real digits; its gradients are judged and drawn."""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from autonn import nn, optim
from autonn.check import Report
from autonn.commands.compare import judged
from autonn.data import Split, load_digits
from autonn.graph import no_grad
from autonn.train import History, accuracy, fit
from autonn.train.bars import Bars

HIDDEN, BATCH = 128, 32


class Trained(NamedTuple):
    """What the demonstration made.

    Attributes
    ----------
    net
        The network.
    digits
        What it learned from and was tested on.
    history
        How it learned.
    accuracy
        The share of held-out images that it reads rightly.
    reports
        The verdict on each layer.
    """

    net: nn.Sequential
    digits: Split
    history: History
    accuracy: float
    reports: list[Report]


def run(
    epochs: int = 20,
    seed: int = 0,
    folder: str | None = None,
    console: Console | None = None,
    verdict: bool = True,
) -> Trained:
    """Train, say what was done, judge all layers, draw pictures into a folder."""
    console = console or Console()
    digits, rng = load_digits(seed=seed), np.random.default_rng(seed)
    net = nn.Sequential(
        nn.Linear(64, HIDDEN, rng=rng),
        nn.BatchNorm1d(HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, 10, rng=rng),
    )
    start = perf_counter()
    optimizer = optim.SGD(net, lr=0.1, momentum=0.9)
    history = fit(
        net,
        nn.CrossEntropyLoss(),
        (digits.x_train, digits.y_train),
        optimizer=optimizer,
        epochs=epochs,
        batch_size=BATCH,
        rng=rng,
        validation=(digits.x_test, digits.y_test),
        metrics={"accuracy": accuracy},
        schedule=optim.CosineLR(optimizer, epochs),
        keep_best=False,  # which would look at the images that it is tested on
        progress=Bars(console),
    )
    seconds = perf_counter() - start
    seen = guess(net, digits.x_test)
    trained = Trained(net, digits, history, float(np.mean(seen == digits.y_test)), [])
    _tell(trained, seen, seconds, console)
    if verdict:
        trained = trained._replace(reports=judged([], console=console))
    if folder is not None:
        try:
            draw = import_module("viz.demo").run  # which needs another extra
        except ModuleNotFoundError as error:
            told = f"No pictures: they need {error.name}. pip install 'autonn[viz]'"
            console.print(told, style="yellow", highlight=False)
        else:
            draw(trained, folder, console)
    return trained


def guess(net: nn.Module, x: Any) -> Any:
    """Give the label of the largest logit of each image."""
    net.eval()
    with no_grad():
        labels = net(x).argmax(axis=1)
    net.train()
    return labels


def _tell(trained: Trained, seen: Any, seconds: float, console: Console) -> None:
    unicode = console.encoding.lower().startswith("utf")
    arrow, times, shades = ("→", "×", " ░▒▓█") if unicode else ("->", "x", " .:+#")
    digits, net = trained.digits, trained.net
    table = Table(title="A perceptron that reads digits", show_header=False)
    count, images = sum(w.size for w in net.parameters()), f"{len(digits.x_train):,} images"
    layers = f" {arrow} ".join(("64", f"{HIDDEN}, BatchNorm, ReLU", "10"))
    table.add_row("network", f"{layers}; {count:,} parameters, float32")
    epochs = trained.history.epochs
    learned = f"{images} of 8{times}8 pixels, {epochs} times over, in {seconds:.1f} s"
    table.add_row("learned from", learned)
    table.add_row("tested on", f"{len(digits.x_test)} images that it had not seen")
    table.add_row("accuracy", f"[bold]{trained.accuracy:.2%}[/bold]")
    console.print(table)
    wrong = np.flatnonzero(seen != digits.y_test)
    if len(wrong):
        i = int(wrong[0])
        truth, read = (f"{'an' if n == 8 else 'a'} {n}" for n in (digits.y_test[i], seen[i]))
        said = f"{truth}, read as {read}"
        console.print(f"One of the {len(wrong)} that it got wrong: {said}")
        for row in digits.x_test[i].reshape(8, 8):
            line = "".join(2 * shades[round(float(v) * 4)] for v in row)
            console.print(f"  {line}", highlight=False)
