"""The Schedule: what sets the learning rate, step by step or epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from autonn.arguments import Count, NotNegative, check, checked
from autonn.arrays import arrays_in
from autonn.optim.base import Array, Optimizer, refuse_difference


class Schedule:
    """lr = f(lr₀, t), where lr₀ is the learning rate that a group has when the schedule is made.

    It sets `lr` in its optimiser's groups when it is made and whenever `step` is called: after each
    `optimizer.step()`, or after each epoch, whichever t is to count. A subclass defines `rate`, and
    calls `super().__init__` when it knows all that `rate` needs.

    Parameters
    ----------
    optimizer
        Whose groups are changed.

    Attributes
    ----------
    t
        How often `step` was called.
    base
        lr₀ of each group.

    Examples
    --------
    >>> from autonn import Tensor
    >>> from autonn.optim import SGD
    >>> class Halving(Schedule):
    ...     def rate(self, base, t):
    ...         return base / 2**t
    >>> halving = Halving(SGD([Tensor([1.0], requires_grad=True)], lr=0.8))
    >>> halving.step()
    >>> halving.rates
    [0.4]
    """

    _kinds: ClassVar[dict[str, Any]] = {"base": NotNegative}  # of its state; others are counts

    @checked
    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer, self.t = optimizer, 0
        self.base = self.rates
        self._set([self.rate(base, 0) for base in self.base])

    def rate(self, base: float, t: int) -> float:
        """f(lr₀, t): what a subclass defines."""
        raise NotImplementedError(f"{type(self).__name__} defines no rate")

    @property
    def rates(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _set(self, rates: Iterable[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr

    def step(self, metric: float | None = None) -> None:
        """Count a step, and set the rates; only schedules that watch a metric look at it."""
        self.t += 1
        self._set([self.rate(base, self.t) for base in self.base])

    def state_dict(self) -> dict[str, Array]:
        """Give t and lr₀ as arrays; what `__init__` was given is not among them."""
        return {"t": np.array(self.t), "base": np.array(self.base)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take a state that `state_dict` gave, into a schedule that was made with the same options.

        Raises
        ------
        ValueError
            Naming all that is missing, unexpected or of another shape. Nothing is loaded then.
        TypeError, ValueError
            For counts and rates that are none.
        """
        owner = f"load_state_dict of {type(self).__name__}"
        given = arrays_in(state, owner)
        refuse_difference(given, {k: v.shape for k, v in self.state_dict().items()}, owner)
        for key, array in given.items():
            for each in array.ravel().tolist():
                check(owner, key, each, self._kinds.get(key, Count))
        self._load(given)

    def _load(self, given: Mapping[str, Array]) -> None:
        self.t, self.base = int(given["t"]), given["base"].tolist()
        self._set([self.rate(base, self.t) for base in self.base])
