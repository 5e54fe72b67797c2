"""Dropout, derived by hand: a product with numbers that do not depend on x."""

from __future__ import annotations

from typing import Any

from autonn.oracle.base import Gradients, given


class Dropout:
    """y = x mask / (1 - p) in training, y = x in evaluation.

    The mask is drawn, not computed of x, so ∂L/∂x = g mask / (1 - p): what was dropped gets
    nothing, and the rest gets as much more as it gave. At p = 1 all is dropped, nothing divided.

    Srivastava et al. 2014, JMLR 15, section 5.1 for the way back, section 10 for the division.
    """

    @staticmethod
    def forward(x: Any, mask: Any = None, p: float = 0.5, training: bool = True) -> tuple[Any, Any]:
        """X and y of any shape; the mask of one that broadcasts to it."""
        if not training or p == 0:
            return x, 1
        factor = mask.astype(x.dtype) / (1 - p if p < 1 else 1)
        return x * factor, factor

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, in x's shape."""
        return given(x=g * cache)


class Dropout2d(Dropout):
    """As `Dropout`, with a mask of (N, C, 1, 1) or (N, 1, 1, C): arXiv:1411.4280, section 3.2."""
