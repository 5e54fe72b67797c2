"""Linear maps, and layers that only arrange or join."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autonn import init
from autonn.arguments import Size, check, checked
from autonn.init import Rng
from autonn.nn.module import Module
from autonn.tensors import Tensor


class Linear(Module):
    """y = x Wᵀ + b.

    Parameters
    ----------
    in_features, out_features
        Lengths of the last axis of x and of y. With `in_features` None it is seen from the first
        input.
    bias
        Whether b is added.
    rng
        Draws the initial values; W and b are uniform within ±1/√in_features, as in PyTorch.

    Attributes
    ----------
    weight
        W, (out_features, in_features).
    bias
        b, (out_features,), or None.

    Examples
    --------
    >>> Linear(3, 2)(np.ones((5, 3), np.float32)).shape
    (5, 2)
    >>> Linear(None, 2)
    Linear(? → 2)
    """

    @checked
    def __init__(
        self,
        in_features: Size | None,
        out_features: Size,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self._with_bias, self._rng = bias, np.random.default_rng(rng)
        self.weight: Any = None
        self.bias: Any = None
        if in_features is not None:
            self._make(in_features)

    def _make(self, n: int) -> None:
        check(self.label, "in_features", n, Size)
        bound = 1 / n**0.5
        shape = (self.out_features, n)
        self.in_features = n
        self.weight = Tensor(init.uniform(shape, self._rng, -bound, bound), requires_grad=True)
        if self._with_bias:
            values = init.uniform(shape[:1], self._rng, -bound, bound)
            self.bias = Tensor(values, requires_grad=True)

    def build(self, x: Any) -> None:
        """See the number of features."""
        if self.weight is None and x.ndim:
            self._make(x.shape[-1])

    def expect(self, x: Any) -> None:
        """Refuse an x of another length."""
        if not x.ndim or x.shape[-1] != self.in_features:
            wanted = f"(..., {self.in_features or '?'})"
            raise ValueError(f"{self.label}: input has shape {x.shape}, expected {wanted}")

    def forward(self, x: Any) -> Any:
        """X (..., in_features), y (..., out_features)."""
        self.expect(x)
        y = np.inner(x, self.weight)  # x Wᵀ
        return y if self.bias is None else y + self.bias

    def describe(self) -> str:
        """Give the sizes."""
        known = "?" if self.in_features is None else self.in_features
        sizes = f"{known} → {self.out_features}"
        return sizes if self._with_bias else f"{sizes}, no bias"


class Flatten(Module):
    """Join axes into one: all from `start` to `end`, as in PyTorch.

    The first axis is kept by default; `Flatten(0, -2)` keeps the last, `Flatten(0)` none.

    Examples
    --------
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    @checked
    def __init__(self, start: int = 1, end: int = -1) -> None:
        super().__init__()
        self.start, self.end = start, end

    def forward(self, x: Any) -> Any:
        """X (..., a, ..., b, ...), y (..., a × ... × b, ...)."""
        start, end = (normalize_axis_index(axis, max(1, x.ndim)) for axis in (self.start, self.end))
        if start > end:
            raise ValueError(f"{self.label}: axes {start} to {end} of an input of shape {x.shape}")
        joined = int(np.prod(x.shape[start : end + 1]))
        return x.reshape(*x.shape[:start], joined, *x.shape[end + 1 :])

    def describe(self) -> str:
        """Give the axes."""
        return f"{self.start}, {self.end}"


class Add(Module):
    """y = x₁ + x₂ + ...: any number of inputs, broadcast."""

    def forward(self, *xs: Any) -> Any:
        """Add them up."""
        return sum(xs[1:], start=xs[0])


class Multiply(Module):
    """y = x₁ x₂ ...: any number of inputs, broadcast."""

    def forward(self, *xs: Any) -> Any:
        """Multiply them all."""
        y = xs[0]
        for x in xs[1:]:
            y = y * x
        return y
