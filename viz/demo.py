"""The demonstration's pictures: its graph, its learning curves, the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console

from autonn import nn
from autonn.commands.demo import BATCH, Trained
from autonn.tensors import Tensor
from autonn.texts import printable
from autonn.trace import trace
from viz import plots
from viz.drawing import draw


def run(trained: Trained, folder: str, console: Console) -> list[Path]:
    """Draw into a folder, made if it is not there; give the files, and say what they show."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    net, cross_entropy = trained.net.astype(np.float64), nn.CrossEntropyLoss()
    images = Tensor(trained.digits.x_train[:BATCH].astype(np.float64), requires_grad=True)
    labels = trained.digits.y_train[:BATCH]
    with trace(check=True) as graph:
        loss = cross_entropy(net(images), labels)
        loss.backward()
    drawing = draw(graph)
    written = {
        drawing.save(target / "graph.html"): "open it in a browser; → walks through backprop",
        drawing.save(target / "graph.svg"): "the same graph as a picture",
    }
    series: dict[str, Sequence[float]] = {k: v.tolist() for k, v in trained.history.items()}
    figures: dict[str, tuple[Figure, str]] = {
        "curves.png": (plots.learning_curves(series), "how it learned")
    }
    figures["filters.png"] = (plots.filters(strongest(net), (8, 8)), "what its first layer sees")
    if trained.reports:
        figures["errors.png"] = (plots.comparison_errors(trained.reports), "the verdicts, drawn")
    for name, (figure, told) in figures.items():
        figure.savefig(target / name)
        written[target / name] = told
    width = max(len(str(path)) for path in written)
    for path, told in written.items():
        line = printable(f"  {path!s:<{width}}  {told}")
        console.print(line, highlight=False, soft_wrap=True, markup=False, emoji=False)
    told = "autonn graph LSTM --open; autonn train digits --model lenet"
    console.print(f"Next: {told}", highlight=False)
    return list(written)


def strongest(net: nn.Module) -> np.ndarray:
    """Give the weights into the 64 units of the first layer that weigh most, the largest first."""
    weights = next(net.parameters()).numpy()
    order = np.argsort(-np.linalg.norm(weights, axis=1))
    return np.asarray(weights[order[:64]])
