"""Where windows lie: how many there are, and views of them. Plain arrays (N, C, *size)."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

Array = Any
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def window_count(size: Ints, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Ints:
    """(size + before + after - dilation (kernel - 1) - 1) // stride + 1, along each spatial axis.

    Raises
    ------
    ValueError
        When the kernel is larger than the padded input.
    """
    counts = []
    for n, k, s, (before, after), d in zip(size, kernel, stride, padding, dilation, strict=True):
        span = d * (k - 1) + 1
        if span > n + before + after:
            spread = f" with dilation {d} (spanning {span})" if d > 1 else ""
            padded = f"{n} + {before} + {after}"
            raise ValueError(f"kernel {k}{spread} is larger than the padded input: {padded}")
        counts.append((n + before + after - span) // s + 1)
    return tuple(counts)


def pad_zeros(x: Array, padding: Pairs) -> Array:
    """Surround the spatial axes of x (N, C, *size) with zeros."""
    if not any(map(any, padding)):
        return x
    y = np.zeros((*x.shape[:2], *padded(x.shape[2:], padding)), x.dtype)
    y[inside(x.shape[2:], padding)] = x
    return y


def padded(size: Ints, padding: Pairs) -> Ints:
    """Give the size with its padding."""
    return tuple(n + before + after for n, (before, after) in zip(size, padding, strict=True))


def inside(size: Ints, padding: Pairs) -> tuple[Any, ...]:
    """Give the index of what is not padding."""
    return (..., *(slice(before, before + n) for n, (before, _) in zip(size, padding, strict=True)))


def windows(x: Array, kernel: Ints, count: Ints, stride: Ints, dilation: Ints) -> Array:
    """Give a view of all windows of a padded x: (N, C, *kernel, *count)."""
    steps = x.strides[2:]
    within = tuple(d * step for d, step in zip(dilation, steps, strict=True))
    between = tuple(s * step for s, step in zip(stride, steps, strict=True))
    shape, strides = (*x.shape[:2], *kernel, *count), (*x.strides[:2], *within, *between)
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def add_windows(
    x: Array, cols: Array, kernel: Ints, count: Ints, stride: Ints, dilation: Ints
) -> None:
    """Add windows (N, C, *kernel, *count) to a padded x: a shifted sum per kernel element."""
    if all(s > d * (k - 1) for s, k, d in zip(stride, kernel, dilation, strict=True)):
        windows(x, kernel, count, stride, dilation)[...] += cols  # they do not overlap
        return
    for offset in product(*map(range, kernel)):
        starts = [d * o for d, o in zip(dilation, offset, strict=True)]
        spans = zip(starts, count, stride, strict=True)
        place = tuple(slice(start, start + s * (n - 1) + 1, s) for start, n, s in spans)
        x[(..., *place)] += cols[(slice(None), slice(None), *offset)]
