"""What a peer gives for each workload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Step(NamedTuple):
    """One forward and backward pass (and step of gradient descent), to be run again and again.

    Attributes
    ----------
    run
        Does it, and leaves what it found.
    result
        Gives, of the last run, NumPy arrays by name: the output "y" and the gradient of each leaf;
        where the workload trains, the "loss" and each leaf after the step.
    """

    run: Callable[[], None]
    result: Callable[[], dict[str, Any]]

    def __call__(self) -> None:
        """Run it once."""
        self.run()
