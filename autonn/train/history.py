"""How a training went: a series of numbers for everything that was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import numpy as np

from autonn.arguments import Whole, check, shown
from autonn.arrays import arrays_in, numbers, one_number

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
        if not isinstance(row, Mapping):
            raise TypeError(f"History.add: row={shown(row)}; want numbers by name")
        self._rows.append({k: one_number("History.add", str(k), x) for k, x in row.items()})

    def __getitem__(self, name: str) -> Array:
        if name not in self._names():
            there = ", ".join(self._names()) or "nothing yet"
            raise KeyError(f"no series {name!r}; there are {there}")
        return np.array([row.get(name, np.nan) for row in self._rows])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _number(self, name: str, epoch: int) -> float | None:
        """Give a number of an epoch, counted from 0; None if there is none."""
        return self._rows[epoch].get(name)

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
        """Make a history of what `state_dict` gave.

        Raises
        ------
        TypeError, ValueError
            For another state; what is wrong is named.
        """
        owner, history = "History.from_state", cls()
        given = arrays_in(state, owner)
        series = {k: x for k, x in given.items() if k.startswith("series.")}
        for name, axes in {**dict.fromkeys(series, 1), "steps": 1, "best": 0}.items():
            if name not in given:
                raise ValueError(f"{owner}: missing: {name}")
            if numbers(owner, name, given[name]).ndim != axes:
                told = f"{name} has shape {given[name].shape}; want {axes} axes"
                raise ValueError(f"{owner}: {told}")
        if len({len(x) for x in series.values()}) > 1:
            raise ValueError(f"{owner}: the series have several lengths")
        for row in zip(*series.values(), strict=True):
            history.add(dict(zip((k.removeprefix("series.") for k in series), row, strict=True)))
        history.steps, best = given["steps"].tolist(), given["best"].item()
        check(owner, "best", best, Annotated[int, Whole(-1, history.epochs - 1)])
        history.best = None if best < 0 else best
        return history
