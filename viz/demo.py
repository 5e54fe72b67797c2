"""The demonstration's pictures: its graph, its learning curves, the verdicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console

from autonn import nn
from autonn.demo import BATCH, Trained
from autonn.tensors import Tensor
from autonn.trace import trace
from viz import plots
from viz.drawing import draw


def run(trained: Trained, folder: str, console: Console) -> list[Path]:
    """Draw into a folder, made if it is not there; give the files, and say what they show."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written: list[tuple[Path, str]] = []
    net, cross_entropy = trained.net.astype(np.float64), nn.CrossEntropyLoss()
    images = Tensor(trained.digits.x_train[:BATCH].astype(np.float64), requires_grad=True)
    labels = trained.digits.y_train[:BATCH]
    with trace(check=True) as graph:
        loss = cross_entropy(net(images), labels)
        loss.backward()
    drawing = draw(graph)
    written.append((drawing.save(target / "graph.svg"), "the network's graph"))
    written.append((drawing.save(target / "graph.html"), "the same, to step through backprop"))
    figures = {
        "curves.png": (plots.learning_curves(trained.history), "how it learned"),
        "filters.png": (plots.filters(_first_weights(net), (8, 8)), "what the first layer sees"),
    }
    if trained.reports:
        figures["errors.png"] = (plots.comparison_errors(trained.reports), "the verdicts, drawn")
    for name, (figure, told) in figures.items():
        figure.savefig(target / name, dpi=150)
        written.append((target / name, told))
    for path, told in written:
        console.print(f"  {path}  {told}", highlight=False, soft_wrap=True)
    return [path for path, _ in written]


def _first_weights(net: nn.Sequential) -> object:
    """Give what the 64 strongest units look for, the strongest first."""
    weights = next(net.parameters()).numpy()
    order = np.argsort(-np.linalg.norm(weights, axis=1))
    return weights[order[:64]]
