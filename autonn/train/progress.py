"""How a training shows itself: bars on a terminal, a line for each epoch elsewhere, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from time import perf_counter
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Reporter(Protocol):
    """Shows how a training goes."""

    def begin(self, first: int, epochs: int, steps: int) -> None:
        """Start, at epoch `first` of `epochs`, each of so many steps."""

    def step(self, loss: float, rate: float) -> None:
        """Show a step."""

    def epoch(self, number: int, row: Mapping[str, float], rate: float, best: bool) -> None:
        """Show the numbers of an epoch, counted from 1."""

    def end(self, why: str) -> None:
        """Stop showing."""


class Silent:
    """Shows nothing."""

    def begin(self, first: int, epochs: int, steps: int) -> None:
        """Start."""

    def step(self, loss: float, rate: float) -> None:
        """Show no step."""

    def epoch(self, number: int, row: Mapping[str, float], rate: float, best: bool) -> None:
        """Show no epoch."""

    def end(self, why: str) -> None:
        """Stop."""


class Lines(Silent):
    """Prints a line for each epoch: for files and pipes."""

    def __init__(self, file: Any = None) -> None:
        self.file = file
        self.epochs, self.start = 0, 0.0

    def begin(self, first: int, epochs: int, steps: int) -> None:
        """Start the clock."""
        self.epochs, self.start = epochs, perf_counter()

    def epoch(self, number: int, row: Mapping[str, float], rate: float, best: bool) -> None:
        """Print the numbers of an epoch."""
        seconds = perf_counter() - self.start
        told = f"epoch {number:>{len(str(self.epochs))}}/{self.epochs}  {row_text(row)}"
        told += f"  rate {rate:.3g}  {seconds:.1f} s" + ("  *" if best else "")
        print(told, file=self.file or sys.stdout, flush=True)

    def end(self, why: str) -> None:
        """Say why it ended, if it was not the last epoch."""
        if why != "finished":
            print(f"stopped: {why}", file=self.file or sys.stdout, flush=True)


def row_text(row: Mapping[str, float]) -> str:
    """Give the numbers of an epoch in a line.

    Examples
    --------
    >>> row_text({"loss": 0.123456, "val_accuracy": 0.98765})
    'loss 0.1235  val_accuracy 98.77%'
    """
    shares = ("accuracy",)
    return "  ".join(
        f"{name} {x:.2%}" if name.endswith(shares) else f"{name} {x:.4g}" for name, x in row.items()
    )


def brief(row: Mapping[str, float]) -> str:
    """Give the first and the last number of an epoch, for narrow places.

    Examples
    --------
    >>> brief({"loss": 0.123456, "accuracy": 0.9, "val_loss": 0.2, "val_accuracy": 0.98765})
    'loss 0.1235  val_accuracy 98.77%'
    """
    names = list(dict.fromkeys([*row][:1] + [*row][-1:]))
    return row_text({name: row[name] for name in names})


def reporter(progress: bool | Reporter | None) -> Reporter:
    """Give what shows the progress: None for bars on a terminal and lines elsewhere."""
    if progress is False:
        return Silent()
    if progress is True or progress is None:
        if sys.stdout.isatty():
            try:
                bars: Reporter = import_module("autonn.train.bars").Bars()
            except ModuleNotFoundError:  # rich is an extra
                return Lines()
            return bars
        return Lines()
    return progress
