"""The demonstration: a network written with plain operators learns to read real digits."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from autonn import verdicts
from autonn.data import load_digits, minibatches
from autonn.functional import cross_entropy, relu
from autonn.graph import no_grad
from autonn.tensors import Tensor

HIDDEN, BATCH, MOMENTUM = 128, 32, 0.9


def network(rng: np.random.Generator) -> dict[str, Tensor]:
    """Make the parameters of a 64-128-10 perceptron: He's normal initialisation, zero biases."""

    def normal(name: str, n_in: int, n_out: int) -> Tensor:
        values = rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out)).astype(np.float32)
        return Tensor(values, requires_grad=True, name=name)

    def zeros(name: str, n: int) -> Tensor:
        return Tensor(np.zeros(n, np.float32), requires_grad=True, name=name)

    return {
        "W1": normal("W1", 64, HIDDEN),
        "b1": zeros("b1", HIDDEN),
        "W2": normal("W2", HIDDEN, 10),
        "b2": zeros("b2", 10),
    }


def logits(p: dict[str, Tensor], x: Any) -> Tensor:
    """relu(x W1 + b1) W2 + b2."""
    return relu(x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]


def accuracy(p: dict[str, Tensor], x: Any, labels: Any) -> float:
    """Give the share of images whose largest logit is their label's."""
    with no_grad():
        return float(np.mean(logits(p, x).argmax(axis=1) == labels))


def run(
    epochs: int = 30, seed: int = 0, console: Console | None = None, verdict: bool = True
) -> float:
    """Train, say what was done, judge all layers; give the accuracy on the held-out images."""
    console = console or Console()
    unicode = console.encoding.lower().startswith("utf")
    arrow, times, shades = ("→", "×", " ░▒▓█") if unicode else ("->", "x", " .:+#")
    digits = load_digits(seed=seed)
    rng = np.random.default_rng(seed)
    p = network(rng)
    velocity = {name: np.zeros_like(w.data) for name, w in p.items()}
    start = perf_counter()
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
                loss = cross_entropy(logits(p, x), labels)
                loss.backward()
                for name, w in p.items():
                    assert w.grad is not None
                    velocity[name] = MOMENTUM * velocity[name] - rate * w.grad.data
                    w.assign(w.data + velocity[name])
                    w.grad = None
                losses.append(loss.item())
            told = (
                f"loss {np.mean(losses):.4f}  test {accuracy(p, digits.x_test, digits.y_test):6.2%}"
            )
            progress.update(task, advance=1, told=told)
    seconds = perf_counter() - start
    reached = accuracy(p, digits.x_test, digits.y_test)
    table = Table(title="A perceptron that reads digits", show_header=False)
    count, images = sum(w.size for w in p.values()), f"{len(digits.x_train):,} images"
    layers = f" {arrow} ".join(("64", str(HIDDEN), "10"))
    table.add_row("network", f"{layers}, relu, {count:,} parameters, float32")
    learned = f"{images} of 8{times}8 pixels, {epochs} times over, in {seconds:.1f} s"
    table.add_row("learned from", learned)
    table.add_row("tested on", f"{len(digits.x_test)} images that it had not seen")
    table.add_row("accuracy", f"[bold]{reached:.2%}[/bold]")
    console.print(table)
    wrong = np.flatnonzero(_guess(p, digits.x_test) != digits.y_test)
    if len(wrong):
        i = int(wrong[0])
        seen, truth = _guess(p, digits.x_test)[i], digits.y_test[i]
        console.print(f"One of the {len(wrong)} that it got wrong: a {truth}, read as {seen}")
        for row in digits.x_test[i].reshape(8, 8):
            console.print(
                "  " + "".join(2 * shades[round(float(v) * 4)] for v in row), highlight=False
            )
    if verdict:
        verdicts.run([], console=console)
    return reached


def _guess(p: dict[str, Tensor], x: Any) -> Any:
    with no_grad():
        return logits(p, x).argmax(axis=1)
