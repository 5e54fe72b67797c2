"""Print the table of all layers: their errors against PyTorch and against numerical differentiation.

Each line is a class with all its configurations: how many there are, the largest |a - b| / (|b| +
0.01) of outputs, gradients and running statistics against PyTorch in float64, and the largest
relative error of first and second derivatives. Run it as `python tests/report_layers.py`.
"""

from __future__ import annotations

from collections import defaultdict

from layer_cases import LAYERS, LOSSES
from rich.console import Console
from rich.progress import track
from rich.table import Table
from test_layers import golden_error, golden_loss_error, numerical_error, numerical_loss_error


def main() -> None:
    """Compute all errors, and print them by class."""
    names: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for name, case in LAYERS.items():
        names[type(case.make()).__name__].append((name, False))
    for name, loss in LOSSES.items():
        names[loss.make.__name__].append((name, True))
    table = Table("layer", title="Largest errors in float64")
    for column in ("configurations", "against PyTorch", "numerically"):
        table.add_column(column, justify="right")
    for kind in track(sorted(names), "differentiating", transient=True):
        theirs, numerical = [], []
        for name, is_loss in names[kind]:
            if is_loss:
                numerical.append(numerical_loss_error(name))
                theirs += [golden_loss_error(name)] if LOSSES[name].torch else []
            else:
                numerical += [numerical_error(name)] if LAYERS[name].numerical else []
                theirs += [golden_error(name)] if LAYERS[name].torch else []
        told = f"{max(theirs):.1e}" if theirs else "has none"
        table.add_row(kind, str(len(names[kind])), told, f"{max(numerical):.1e}")
    Console().print(table)


if __name__ == "__main__":
    main()
