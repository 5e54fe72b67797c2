"""How NumPy's functions along an axis run on Tensors: differences, statistics, convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.engine import implements
from autonn.graph import Array
from autonn.methods import Axis
from autonn.tensors import Tensor, bare
from autonn.windows import conv

# ----- Differences and sums -----


@implements(np.diff)
def diff(x: Array, n: int = 1, axis: int = -1) -> Array:
    """Subtract from each element the one before, n times over."""
    before = (slice(None),) * (axis % x.ndim)
    for _ in range(n):
        x = x[(*before, slice(1, None))] - x[(*before, slice(None, -1))]
    return x


def trapezoid(y: Array, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """Integrate by the trapezoidal rule."""
    y = np.moveaxis(y, axis, -1)
    if x is not None:
        dx = np.diff(x) if np.ndim(x) == 1 else np.moveaxis(np.diff(x, axis=axis), axis, -1)
    return np.sum(dx * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)


if hasattr(np, "trapezoid"):
    implements(np.trapezoid)(trapezoid)


@implements(np.interp)
def interp(x: Array, xp: Any, fp: Array) -> Array:
    """Interpolate between points whose xp increases; constant outside."""
    xp = np.asarray(bare(xp))
    inside = np.clip(x, xp[0], xp[-1])
    i = np.clip(np.searchsorted(xp, bare(inside), side="right") - 1, 0, len(xp) - 2)
    w = (inside - xp[i]) / (xp[i + 1] - xp[i])
    return fp[i] * (1 - w) + fp[i + 1] * w


# ----- Statistics -----


@implements(np.average)
def average(a: Array, axis: Axis = None, weights: Any = None, *, keepdims: bool = False) -> Array:
    """Average with weights, which have the array's shape or that of the axis."""
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    weights = weights if isinstance(weights, Tensor) else np.asarray(weights)
    if weights.shape != a.shape:
        assert isinstance(axis, int)
        weights = np.reshape(weights, [-1 if i == axis % a.ndim else 1 for i in range(a.ndim)])
    total = np.sum(weights * np.ones(a.shape, a.dtype), axis=axis, keepdims=keepdims)
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total


@implements(np.ptp)
def ptp(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Subtract the smallest element from the largest."""
    largest = np.max(a, axis=axis, keepdims=keepdims)
    return largest - np.min(a, axis=axis, keepdims=keepdims)


@implements(np.quantile)
def quantile(a: Array, q: Any, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Interpolate linearly between the sorted elements; several q make a first axis."""
    q = np.asarray(bare(q))
    if not ((q >= 0) & (q <= 1)).all():
        raise ValueError(f"quantile: q={q} reaches outside 0 to 1")
    moved = np.reshape(a, -1) if axis is None else np.moveaxis(a, axis, -1)
    ordered = np.moveaxis(np.sort(moved, axis=-1), -1, 0)  # (n, *others)
    place = q * (len(ordered) - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(ordered) - 1)
    w = np.asarray(place - low, a.dtype).reshape(q.shape + (1,) * (ordered.ndim - 1))
    y = ordered[low] * (1 - w) + ordered[high] * w
    if keepdims:
        y = y.reshape(q.shape + (1,) * a.ndim) if axis is None else np.expand_dims(y, axis)
    return y


@implements(np.percentile)
def percentile(a: Array, q: Any, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Give quantiles in percent."""
    return quantile(a, np.asarray(bare(q)) / 100, axis, keepdims=keepdims)


@implements(np.median)
def median(a: Array, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Give the middle element, or the mean of the two."""
    return quantile(a, 0.5, axis, keepdims=keepdims)


@implements(np.nan_to_num)
def nan_to_num(
    x: Array, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Array:
    """Replace NaN and infinities by numbers; no gradient comes from there."""
    limits = np.finfo(x.dtype)
    x = np.where(np.isnan(x), nan, x)
    x = np.where(np.isposinf(bare(x)), limits.max if posinf is None else posinf, x)
    return np.where(np.isneginf(bare(x)), limits.min if neginf is None else neginf, x)


@implements(np.nansum)
def nansum(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Sum what is not NaN."""
    return np.sum(np.where(np.isnan(a), 0, a), axis=axis, keepdims=keepdims)


@implements(np.nanmean)
def nanmean(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Average what is not NaN."""
    count = np.sum(~np.isnan(a), axis=axis, keepdims=keepdims)
    return nansum(a, axis, keepdims=keepdims) / np.asarray(count, a.dtype)


@implements(np.nanmax)
def nanmax(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Give the largest element that is not NaN."""
    return np.max(np.where(np.isnan(a), -np.inf, a), axis=axis, keepdims=keepdims)


@implements(np.nanmin)
def nanmin(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Give the smallest element that is not NaN."""
    return np.min(np.where(np.isnan(a), np.inf, a), axis=axis, keepdims=keepdims)


# ----- Convolution of sequences -----


@implements(np.convolve)
def convolve(a: Array, v: Array, mode: str = "full") -> Array:
    """y[k] = sum over i of a[i] v[k - i], whole ("full"), as long as a ("same"), or "valid"."""
    if np.ndim(a) != 1 or np.ndim(v) != 1 or not len(a) or not len(v):
        raise ValueError(f"convolve: shapes {np.shape(a)} and {np.shape(v)}; want two sequences")
    m = len(v)
    a, v = (x if isinstance(x, Tensor) else np.asarray(x) for x in (a, v))
    x, w = a.reshape(1, 1, -1), v[::-1].reshape(1, 1, -1)
    y = conv(x, w, stride=(1,), padding=((m - 1, m - 1),), dilation=(1,), groups=1).reshape(-1)
    long, short = max(len(a), m), min(len(a), m)
    starts = {"full": 0, "same": (short - 1) // 2, "valid": short - 1}
    if mode not in starts:
        raise ValueError(f"convolve: mode={mode!r}; want full, same or valid")
    length = {"full": len(y), "same": long, "valid": long - short + 1}[mode]
    return y[starts[mode] : starts[mode] + length]


# ----- Elementwise -----


@implements(np.round, np.around)
def round(a: Array, decimals: int = 0) -> Array:
    """Round to decimals; the derivative is 0."""
    return np.rint(a * 10.0**decimals) / 10.0**decimals


@implements(np.sinc)
def sinc(x: Array) -> Array:
    """sin(πx) / (πx), and 1 at 0."""
    zero = bare(x) == 0
    z = np.pi * np.where(zero, 1, x)
    return np.where(zero, 1, np.sin(z) / z)


@implements(np.copy)
def copy(a: Array) -> Array:
    """Give the same Tensor: it never changes."""
    return a


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Array:
    """Take each element from the first choice whose condition holds."""
    y = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        y = np.where(bare(condition), choice, y)
    return y
