"""The Schedule: what sets the learning rate, step by step or epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

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

    def __init__(self, optimizer: Optimizer) -> None:
        owner = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{owner}: got a {type(optimizer).__name__}; want an Optimizer")
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
        """
        wanted = {key: value.shape for key, value in self.state_dict().items()}
        given = {key: np.asarray(value) for key, value in state.items()}
        refuse_difference(given, wanted, f"load_state_dict of {type(self).__name__}")
        self._load(given)

    def _load(self, given: Mapping[str, Array]) -> None:
        self.t, self.base = int(given["t"]), given["base"].tolist()
        self._set([self.rate(base, self.t) for base in self.base])


# ----- What their arguments may be -----


def counted(owner: str, name: str, value: Any, least: int, why: str = "") -> int:
    """Give a whole number, at least `least`; refuse others."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{owner}: {name}={value!r:.40}; want a whole number")
    if value < least:
        raise ValueError(f"{owner}: {name}={value}; want {least}{why} or more")
    return int(value)


def between(owner: str, name: str, value: float, most: float = 1.0) -> float:
    """Give a number from 0 to `most`; refuse others."""
    if not isinstance(value, Real):
        raise TypeError(f"{owner}: {name}={value!r:.40}; want a number")
    if not 0 <= value <= most:
        raise ValueError(f"{owner}: {name}={value}; want 0 to {most}")
    return float(value)
