"""What grows: workloads of which one size runs over a range."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any


@dataclass(frozen=True)
class Curve:
    """A workload of which one size grows.

    Attributes
    ----------
    axis, title
        What grows, and what else is known.
    workload
        Its name.
    sizes
        Gives its sizes for an n.
    low, high, factor
        The first and last n, and the step between.
    wanted
        The exponent that the number of operations has.
    """

    axis: str
    title: str
    workload: str
    sizes: Callable[[int], Mapping[str, Any]]
    low: int
    high: int
    factor: int
    wanted: int

    def range(self, quick: bool = False) -> list[int]:
        """Give all n, or in haste every second one."""
        found = [self.low]
        while found[-1] * self.factor <= self.high:
            found.append(found[-1] * self.factor)
        return found[len(found) % 2 == 0 :: 2] if quick and len(found) > 4 else found


def sized(name: str, others: Mapping[str, Any], n: int) -> dict[str, Any]:
    """Give the other sizes, and n by this name."""
    return {**others, name: n}


CURVES = {
    curve.axis: curve
    for curve in (
        Curve(
            *("depth", "MLP of n layers of 64, batch 32", "W3"),
            lambda n: {"widths": (64,) * n + (10,), "batch": 32},
            *(1, 128, 2, 1),
        ),
        Curve(
            *("width", "MLP n-n-n-10, batch 64", "W3"),
            lambda n: {"widths": (n, n, n, 10), "batch": 64},
            *(32, 2048, 2, 2),
        ),
        Curve(
            *("batch", "MLP 256-256-256-10, batch n", "W3"),
            partial(sized, "batch", {"widths": (256, 256, 256, 10)}),
            *(1, 1024, 2, 1),
        ),
        Curve(
            *("image", "conv2d 3x3, 4 images of 16 x n x n", "W4b"),
            partial(sized, "size", {"batch": 4, "channels": 16}),
            *(8, 128, 2, 2),
        ),
        Curve(
            *("sequence", "LSTM of 64, batch 16, n steps", "W7"),
            partial(sized, "steps", {"batch": 16, "inputs": 64, "hidden": 64}),
            *(8, 512, 2, 1),
        ),
        Curve(
            *("attention", "4 heads of 32, batch 2, n steps", "W8"),
            partial(sized, "steps", {"batch": 2, "heads": 4, "dim": 32}),
            *(16, 512, 2, 2),
        ),
        Curve(
            *("nodes", "chain of n additions", "W9-1k"),
            partial(sized, "length", {"size": 1}),
            *(1000, 1_000_000, 10, 1),
        ),
    )
}
