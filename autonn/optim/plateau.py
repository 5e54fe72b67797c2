"""A learning rate that falls when a metric gets no better."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, ClassVar, Literal

import numpy as np

from autonn.arguments import Count, NotNegative, Probability, checked
from autonn.arrays import one_number
from autonn.optim.base import Array, Optimizer
from autonn.optim.schedule import Schedule


class ReduceLROnPlateau(Schedule):
    """lr ← max(factor lr, min_lr), when the metric was no better for more than `patience` steps.

    As in PyTorch: better than the best so far is

    - metric < best (1 - threshold) with `mode` "min", metric > best (1 + threshold) with "max";
    - metric < best - threshold or metric > best + threshold with `threshold_mode` "abs", which is
      the right one for metrics that may be negative.

    Parameters
    ----------
    optimizer
        Whose groups are changed.
    mode
        "min" for a loss, "max" for an accuracy.
    factor
        What lr is multiplied by, less than 1.
    patience
        How many steps without improvement are borne.
    threshold, threshold_mode
        How much better is better: "rel", a share of the best, or "abs".
    cooldown
        For how many steps after a reduction the metric is given time.
    min_lr
        What lr does not fall below.
    eps
        The smallest change of lr that is made.

    Attributes
    ----------
    best
        The best metric so far.
    bad, cooling
        How many steps it has not improved for, and how many of cooldown are left.

    Examples
    --------
    >>> from autonn import Tensor
    >>> from autonn.optim import SGD
    >>> schedule = ReduceLROnPlateau(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.step(loss)
    >>> schedule.rates
    [0.1]
    """

    _kinds: ClassVar[dict[str, Any]] = {"base": NotNegative, "rates": NotNegative, "best": Any}

    @checked
    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: Probability = 0.1,
        patience: Count = 10,
        threshold: NotNegative = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: Count = 0,
        min_lr: NotNegative = 0.0,
        eps: NotNegative = 1e-8,
    ) -> None:
        if factor == 1:
            raise ValueError("ReduceLROnPlateau: factor=1 changes nothing; want less than 1")
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor, self.threshold = float(factor), float(threshold)
        self.min_lr, self.eps = float(min_lr), float(eps)
        self.patience, self.cooldown = int(patience), int(cooldown)
        self.best = inf if mode == "min" else -inf
        self.bad = self.cooling = 0
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """lr₀, until the metric says otherwise."""
        return base

    def better(self, metric: float) -> bool:
        """Whether a metric is better than the best so far; NaN never is."""
        metric = one_number("ReduceLROnPlateau.better", "metric", metric)
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * metric > sign * self.best * (1 + sign * self.threshold)
        return sign * metric > sign * self.best + self.threshold

    def step(self, metric: float | None = None) -> None:
        """Count a step; lower the rates if the metric has been no better for too long."""
        if metric is None:
            raise TypeError("ReduceLROnPlateau.step: it watches a metric: step(loss)")
        metric = one_number("ReduceLROnPlateau.step", "metric", metric)
        self.t += 1
        self.bad += 1
        if self.better(metric):
            self.best, self.bad = metric, 0
        if self.cooling:
            self.cooling, self.bad = self.cooling - 1, 0
        if self.bad > self.patience:
            self.cooling, self.bad = self.cooldown, 0
            self._set([self._lower(lr) for lr in self.rates])

    def _lower(self, lr: float) -> float:
        new = max(self.factor * lr, self.min_lr)
        return new if lr - new > self.eps else lr

    def state_dict(self) -> dict[str, Array]:
        """Give t, lr₀, the rates, the best metric and the counts as arrays."""
        counts = {"bad": np.array(self.bad), "cooling": np.array(self.cooling)}
        rates = {"rates": np.array(self.rates)}
        return super().state_dict() | rates | {"best": np.array(self.best)} | counts

    def _load(self, given: Mapping[str, Array]) -> None:
        super()._load(given)
        self._set(given["rates"].tolist())
        self.best = float(given["best"])
        self.bad, self.cooling = int(given["bad"]), int(given["cooling"])
