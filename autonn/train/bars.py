"""Bars that show how a training goes, on a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from autonn.train.progress import brief


class Bars:
    """A bar over the epochs, with the last numbers, and one over the steps of each.

    Parameters
    ----------
    console
        Where they are shown; the terminal by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}", markup=False),  # metrics have names of the user's
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
        )
        self.all, self.one = TaskID(0), TaskID(0)

    def begin(self, first: int, epochs: int, steps: int) -> None:
        """Show both bars."""
        self.all = self.progress.add_task("epochs", total=epochs, completed=first, told="")
        self.one = self.progress.add_task("steps", total=steps, told="")
        self.progress.start()

    def step(self, loss: float, rate: float) -> None:
        """Move the steps' bar."""
        told = f"loss {loss:.4g}  rate {rate:.2g}"
        self.progress.update(self.one, advance=1, told=told)

    def epoch(self, number: int, row: Mapping[str, float], rate: float, best: bool) -> None:
        """Move the epochs' bar, and start the steps' anew."""
        self.progress.update(self.all, completed=number, told=brief(row))
        self.progress.reset(self.one, told=f"rate {rate:.2g}")

    def end(self, why: str) -> None:
        """Leave the epochs' bar as it is."""
        self.progress.update(self.one, visible=False)
        self.progress.stop()
        if why != "finished":
            self.progress.console.print(f"stopped: {why}", highlight=False, markup=False)
