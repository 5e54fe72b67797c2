"""Dropout: each element is dropped with probability p, and the others grow by 1 / (1 - p)."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.arguments import Array, Probability, checked, explained
from autonn.init import Rng
from autonn.nn.module import Module
from autonn.operands import bare


class Dropout(Module):
    """y = x mask / (1 - p) in training, y = x in evaluation; mask is 0 with probability p.

    Srivastava et al. 2014, JMLR 15, section 10, inverted: nothing changes at test time.

    Parameters
    ----------
    p
        The probability of dropping, in [0, 1].
    rng
        Draws the masks.

    Attributes
    ----------
    mask
        The last mask that was drawn, boolean, in x's shape. `fix(mask)` keeps one, for gradient
        checks; `fix(None)` draws again.
    fixed
        Whether `mask` is kept.

    Examples
    --------
    >>> layer = Dropout(0.5, rng=np.random.default_rng(0))
    >>> layer(np.ones(4))
    array([2., 0., 0., 0.])
    >>> layer.eval()(np.ones(4))
    array([1., 1., 1., 1.])
    """

    @checked
    def __init__(self, p: Probability = 0.5, *, rng: Rng = None) -> None:
        super().__init__()
        self.p, self.rng = p, np.random.default_rng(rng)
        self.mask: Any = None
        self.fixed = False

    def mask_shape(self, x: Any) -> tuple[int, ...]:
        """Give the shape in which masks are drawn."""
        return x.shape

    @explained
    def fix(self, mask: Array | None) -> None:
        """Use this mask from now on; None to draw anew each time."""
        self.mask = None if mask is None else np.asarray(bare(mask), bool)
        self.fixed = mask is not None

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        if not self.training or self.p == 0:
            return x
        shape = self.mask_shape(x)
        if not self.fixed:
            self.mask = self.rng.random(shape) >= self.p
        elif self.mask.shape != shape:
            raise ValueError(
                f"{self.label}: the fixed mask has shape {self.mask.shape}, want {shape}"
            )
        kept = 1 - self.p if self.p < 1 else 1.0  # nothing is kept of p = 1
        factor = self.mask / kept
        return x * (factor.astype(x.dtype) if x.dtype.kind == "f" else factor)

    def describe(self) -> str:
        """Give p."""
        return f"p={self.p}"


class Dropout2d(Dropout):
    """Dropout of whole feature maps: one number per example and feature, for all positions.

    Tompson et al. 2015, arXiv:1411.4280, section 3.2. x is (N, C, H, W), or (N, H, W, C) with
    `channels_last`.
    """

    @checked
    def __init__(
        self,
        p: Probability = 0.5,
        *,
        rng: Rng = None,
        channels_last: bool = False,
    ) -> None:
        super().__init__(p, rng=rng)
        self.channels_last = channels_last

    def mask_shape(self, x: Any) -> tuple[int, ...]:
        """(N, C, 1, 1), or (N, 1, 1, C)."""
        if x.ndim != 4:
            raise ValueError(f"{self.label}: input has shape {x.shape}, expected four axes")
        n, *rest = x.shape
        return (n, 1, 1, rest[2]) if self.channels_last else (n, rest[0], 1, 1)
