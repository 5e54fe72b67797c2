"""Losses as modules: each is the function of its name in `autonn.functional`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from autonn import functional as F
from autonn.arguments import check_all
from autonn.nn.module import Module


class Loss(Module):
    """A loss of an input and a target; options are those of its function."""

    function: Callable[..., Any]

    def __init__(self, **options: Any) -> None:
        super().__init__()
        known = list(inspect.signature(type(self).function).parameters)[2:]
        for name in options:
            if name not in known:
                told = f"{type(self).__name__}: no option {name!r}; there are {', '.join(known)}"
                raise TypeError(told)
        check_all(type(self).function, (), options)
        self.options = options

    def forward(self, x: Any, target: Any) -> Any:
        """Compute the loss."""
        return type(self).function(x, target, **self.options)

    def describe(self) -> str:
        """Give the options."""
        return ", ".join(f"{k}={v!r}" for k, v in self.options.items())


class MSELoss(Loss):
    """(x - target)²; `reduction`."""

    function = staticmethod(F.mse_loss)


class HalfSquaredError(Loss):
    """(x - target)² / 2; `reduction`, "sum" by default."""

    function = staticmethod(F.half_squared_error)


class L1Loss(Loss):
    """|x - target|; `reduction`."""

    function = staticmethod(F.l1_loss)


class HuberLoss(Loss):
    """d² / 2 near, delta (|d| - delta / 2) far, of d = x - target; `delta`, `reduction`."""

    function = staticmethod(F.huber_loss)


class CrossEntropyLoss(Loss):
    """-log softmax(x)[target]; `weight`, `ignore_index`, `label_smoothing`, `reduction`."""

    function = staticmethod(F.cross_entropy)


class NLLLoss(Loss):
    """-x[target], of log-probabilities x; `weight`, `ignore_index`, `reduction`."""

    function = staticmethod(F.nll_loss)


class BCELoss(Loss):
    """-(target log x + (1 - target) log(1 - x)); `weight`, `reduction`."""

    function = staticmethod(F.binary_cross_entropy)


class BCEWithLogitsLoss(Loss):
    """BCELoss of sigmoid(x), without overflow; `weight`, `pos_weight`, `reduction`."""

    function = staticmethod(F.binary_cross_entropy_with_logits)


class KLDivLoss(Loss):
    """p (log p - x), of log-probabilities x and a target p; `log_target`, `reduction`."""

    function = staticmethod(F.kl_div)


class HingeLoss(Loss):
    """max(0, margin - target x), with targets -1 and 1; `margin`, `reduction`."""

    function = staticmethod(F.hinge_loss)
