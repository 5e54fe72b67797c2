"""How a training went: a series of numbers for everything that was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class History(Mapping[str, Array]):
    """Series by name: `history["loss"]` has a number for each epoch; NaN where there was none.

    Attributes
    ----------
    steps
        The loss of each step of the optimiser.
    best
        The epoch, from 0, whose monitored number was the best; None before the first.
    stopped
        Why training ended: "finished", "no improvement", "interrupted", "stopped" (by a callback),
        or the name of an error.

    Examples
    --------
    >>> history = History()
    >>> history.add({"loss": 1.0})
    >>> history.add({"loss": 0.5, "val_loss": 0.7})
    >>> history["val_loss"]
    array([nan, 0.7])
    >>> print(history)
    epoch      loss  val_loss
        1         1       nan
        2       0.5       0.7
    """

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []
        self.steps: list[float] = []
        self.best: int | None = None
        self.stopped = ""

    def add(self, row: Mapping[str, float]) -> None:
        """Note the numbers of one more epoch."""
        self._rows.append(dict(row))

    def __getitem__(self, name: str) -> Array:
        if name not in self._names():
            there = ", ".join(self._names()) or "nothing yet"
            raise KeyError(f"no series {name!r}; there are {there}")
        return np.array([row.get(name, np.nan) for row in self._rows])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for row in self._rows for name in row))

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self._rows)

    def __str__(self) -> str:
        widths = {name: max(10, len(name) + 2) for name in self._names()}
        lines = ["epoch" + "".join(f"{name:>{width}}" for name, width in widths.items())]
        for i, row in enumerate(self._rows):
            numbers = (f"{row.get(name, np.nan):>{width}.4g}" for name, width in widths.items())
            lines.append(f"{i + 1:>5}" + "".join(numbers))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"History({self.epochs} epochs of {', '.join(self._names()) or 'nothing'})"

    def plot(self, **options: Any) -> Any:
        """Draw the series over the epochs, as `viz.plots.learning_curves` does."""
        return import_module("viz.plots").learning_curves(dict(self), **options)

    # ----- As arrays, for checkpoints -----

    def state_dict(self) -> dict[str, Array]:
        """Give everything as arrays."""
        best = -1 if self.best is None else self.best
        series = {f"series.{name}": self[name] for name in self}
        return series | {"steps": np.array(self.steps), "best": np.array(best)}

    @classmethod
    def from_state(cls, state: Mapping[str, Array]) -> History:
        """Make a history of what `state_dict` gave."""
        history = cls()
        names = [name for name in state if name.startswith("series.")]
        for i in range(len(state[names[0]]) if names else 0):
            numbers = {name.removeprefix("series."): float(state[name][i]) for name in names}
            history.add(numbers)
        history.steps = [float(x) for x in state["steps"]]
        history.best = int(state["best"]) if state["best"] >= 0 else None
        if history.best is not None and history.best >= history.epochs:
            raise ValueError(f"its best epoch is {history.best + 1} of {history.epochs}")
        return history
