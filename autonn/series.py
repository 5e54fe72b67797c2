"""How NumPy's functions along an axis run on Tensors: differences, statistics, convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.compositions import floats, joined, kept_shape
from autonn.engine import implements
from autonn.graph import PRIMITIVES, Array
from autonn.methods import Axis
from autonn.operands import axes_of, bare, operand
from autonn.rules import sinc as sinc_primitive
from autonn.sums import in_float32

_convolve = PRIMITIVES[np.convolve]

# ----- Differences and sums -----


@implements(np.diff)
def diff(a: Array, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Array:
    """Subtract from each element the one before, n times over, between what is put at the ends."""
    if not isinstance(n, int | np.integer) or n < 0:
        raise ValueError(f"np.diff: n={n!r:.40}; want a whole number of 0 or more")
    y = operand(a)
    axis = _single("np.diff", y, axis)
    for end, first in ((prepend, True), (append, False)):
        if end is not None:
            end = operand(end) if np.ndim(end) else np.broadcast_to(end, kept_shape(y, axis))
            y = np.concatenate([end, y] if first else [y, end], axis)
    before = (slice(None),) * axis
    subtract = np.not_equal if y.dtype.kind == "b" else np.subtract
    for _ in range(min(n, y.shape[axis])):  # then nothing is left
        y = subtract(y[(*before, slice(1, None))], y[(*before, slice(None, -1))])
    return y


def trapezoid(y: Array, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """Integrate by the trapezoidal rule."""
    y = operand(y)
    axis = _single("np.trapezoid", y, axis)
    if x is not None:
        dx = np.diff(x) if np.ndim(x) == 1 else np.moveaxis(np.diff(x, axis=axis), axis, -1)
    y = np.moveaxis(y, axis, -1)
    return np.sum(dx * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)


if hasattr(np, "trapezoid"):
    implements(np.trapezoid)(trapezoid)


def _single(name: str, x: Array, axis: Any) -> int:
    """Give the number of an axis, from 0 on."""
    axes = axes_of(x, axis)
    if len(axes) != 1:
        raise ValueError(f"{name}: axis={axis!r:.40} of shape {x.shape}; want one axis")
    return axes[0]


@implements(np.interp)
def interp(x: Array, xp: Any, fp: Any) -> Array:
    """Interpolate between points whose xp increases; constant outside."""
    x, xp, fp = floats(x), floats(xp), floats(fp)
    if xp.ndim != 1 or fp.shape != xp.shape or not len(xp):
        raise ValueError(
            f"np.interp: xp has shape {xp.shape}, fp {fp.shape}; want one number or more in a row, "
            "as many of each"
        )
    if not (np.diff(bare(xp)) >= 0).all():
        raise ValueError("np.interp: xp does not increase; sort the points, np.argsort(xp)")
    inside = np.clip(x, xp[0], xp[-1])
    i = np.clip(np.searchsorted(bare(xp), bare(inside), side="right") - 1, 0, len(xp) - 2)
    step = xp[i + 1] - xp[i]
    flat = bare(step) == 0  # where the curve jumps, or has one point alone
    w = (inside - xp[i]) * ~flat / (step + flat) + flat  # there 1, and NaN of NaN
    return fp[i] * (1 - w) + fp[i + 1] * w


# ----- Statistics -----


@implements(np.average)
def average(a: Array, axis: Axis = None, weights: Any = None, *, keepdims: bool = False) -> Array:
    """Average with weights, which have the array's shape or that of the axes."""
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    a, weights, axes = operand(a), operand(weights), axes_of(a, axis)
    weights = weights.astype(np.result_type(a.dtype, weights.dtype))
    if weights.shape != a.shape:
        if axis is None or weights.shape != tuple(a.shape[i] for i in axes):
            raise ValueError(
                f"np.average: the weights have shape {weights.shape}; want {a.shape}, the array's, "
                "or that of the axes that are averaged over"
            )
        aligned = np.transpose(weights, tuple(np.argsort(axes)))
        weights = aligned.reshape([n if i in axes else 1 for i, n in enumerate(a.shape)])
    total = np.sum(np.broadcast_to(weights, a.shape), axis=axis, keepdims=keepdims)
    if not np.all(bare(total)):
        raise ValueError("np.average: the weights sum to 0, so nothing can be divided by their sum")
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total


@implements(np.ptp)
def ptp(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Subtract the smallest element from the largest."""
    largest = np.max(a, axis=axis, keepdims=keepdims)
    return largest - np.min(a, axis=axis, keepdims=keepdims)


@implements(np.quantile)
def quantile(a: Array, q: Any, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Interpolate linearly between the sorted elements; several q make a first axis.

    A NaN is the largest element, and every quantile: it has the gradient, too.
    """
    a = floats(a)
    dtype = np.result_type(a.dtype, q if isinstance(q, float | int) else floats(bare(q)))
    q = floats(bare(q))
    if not ((q >= 0) & (q <= 1)).all():
        raise ValueError(f"quantile: q={q!s:.60} reaches outside 0 to 1")
    ordered = np.sort(joined(a, axis), axis=-1)
    *others, n = ordered.shape
    if not n:
        raise ValueError(f"quantile: there are no elements in shape {a.shape} along axis={axis}")
    none = np.isnan(ordered[..., -1:])
    place = np.where(none, n - 1, q.reshape(-1) * (n - 1))  # (*others, number of q)
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    w = (place - low).astype(dtype)
    below, above = (np.take_along_axis(ordered, i, -1) for i in (low, high))
    y = below * (1 - w) + np.where(w == 0, 0, above) * w  # which may be infinite
    shape = kept_shape(a, axis) if keepdims else tuple(others)
    return np.moveaxis(y, -1, 0).reshape(*q.shape, *shape)


@implements(np.percentile)
def percentile(a: Array, q: Any, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Give quantiles in percent."""
    q = q if isinstance(q, float | int) else floats(bare(q))
    return quantile(a, q / 100, axis, keepdims=keepdims)


@implements(np.median)
def median(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Give the middle element, or the mean of the two."""
    return quantile(a, 0.5, axis, keepdims=keepdims)


@implements(np.nan_to_num)
def nan_to_num(
    x: Array, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Array:
    """Replace NaN and infinities by numbers; no gradient comes from there."""
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    x = np.where(np.isnan(x), nan, x)
    x = np.where(np.isposinf(bare(x)), limits.max if posinf is None else posinf, x)
    return np.where(np.isneginf(bare(x)), limits.min if neginf is None else neginf, x)


@implements(np.nansum)
def nansum(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Sum what is not NaN."""
    return np.sum(_instead(a, 0), axis=axis, keepdims=keepdims)


@implements(np.nanmean)
@in_float32
def nanmean(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Average what is not NaN."""
    a = floats(a)
    count = np.sum(~np.isnan(a), axis=axis, keepdims=keepdims)
    return nansum(a, axis, keepdims=keepdims) / np.asarray(count, a.dtype)


@implements(np.nanmax)
def nanmax(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Give the largest element that is not NaN, and NaN if there is none."""
    return _extreme(np.max, -np.inf, a, axis, keepdims)


@implements(np.nanmin)
def nanmin(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Give the smallest element that is not NaN, and NaN if there is none."""
    return _extreme(np.min, np.inf, a, axis, keepdims)


def _extreme(extreme: Any, last: float, a: Array, axis: Axis, keepdims: bool) -> Array:
    y = extreme(_instead(a, last), axis=axis, keepdims=keepdims)
    none = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return np.where(none, np.nan, y) if none.any() else y


def _instead(a: Array, value: float) -> Array:
    """Put a value in the place of NaN."""
    return np.where(np.isnan(a), value, a) if a.dtype.kind == "f" else a


# ----- Convolution of sequences -----


@implements(np.convolve)
def convolve(a: Array, v: Array, mode: str = "full") -> Array:
    """y[k] = sum over i of a[i] v[k - i], whole ("full"), as long as a ("same"), or "valid"."""
    if np.ndim(a) != 1 or np.ndim(v) != 1 or not len(a) or not len(v):
        raise ValueError(f"convolve: shapes {np.shape(a)} and {np.shape(v)}; want two sequences")
    y, m = _convolve(a, v), len(v)
    long, short = max(len(a), m), min(len(a), m)
    starts = {"full": 0, "same": (short - 1) // 2, "valid": short - 1}
    if mode not in starts:
        raise ValueError(f"convolve: mode={mode!r}; want full, same or valid")
    length = {"full": len(y), "same": long, "valid": long - short + 1}[mode]
    return y[starts[mode] : starts[mode] + length]


# ----- Elementwise -----


@implements(np.sinc)
def sinc(x: Array) -> Array:
    """sin(πx) / (πx), and 1 at 0."""
    return sinc_primitive(x)


@implements(np.copy)
def copy(a: Array) -> Array:
    """Give the same Tensor: it never changes."""
    return a


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Array:
    """Take each element from the first choice whose condition holds."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(
            f"np.select: {len(condlist)} conditions and {len(choicelist)} choices; "
            "want as many of each, one or more"
        )
    y = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        y = np.where(bare(condition), choice, y)
    return y
