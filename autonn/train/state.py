"""The state of a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonn.nn import Module
from autonn.optim import Optimizer, Schedule
from autonn.train.history import History

Weights = dict[str, Any]


@dataclass
class Training:
    """The state of a training: what callbacks see, and what a checkpoint keeps.

    Attributes
    ----------
    model, optimizer, schedule, rng, history
        As they are now.
    epoch
        How many epochs are finished.
    best
        The weights of the best epoch so far.
    waited
        How many epochs have passed since.
    stop
        Set it to end the training.
    """

    model: Module
    optimizer: Optimizer
    schedule: Schedule | None
    rng: np.random.Generator
    history: History = field(default_factory=History)
    epoch: int = 0
    best: Weights = field(default_factory=dict)
    waited: int = 0
    stop: bool = False

    @property
    def rate(self) -> float:
        """The learning rate, of the first group of parameters."""
        return float(self.optimizer.param_groups[0]["lr"])
