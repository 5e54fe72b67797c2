"""Makers of random lines that calculate: element by element, in reductions, along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from random_graphs import (
    DOMAINS,
    Builder,
    mask,
    op,
)

# fmt: off
UNARY = {
    "real": "np.negative np.positive np.conjugate np.exp np.exp2 np.expm1 np.square np.sin np.cos np.arctan np.sinh np.cosh np.tanh "
            "np.arcsinh np.sinc np.deg2rad np.radians np.rad2deg np.degrees np.copy np.nan_to_num F.erf F.sigmoid F.softplus F.tanh F.gelu F.silu",
    "not zero": "np.absolute np.fabs np.sign F.relu F.leaky_relu F.elu F.selu",
    "far from zero": "np.reciprocal np.cbrt",
    "between steps": "np.floor np.ceil np.rint np.trunc np.round np.around",
    "positive": "np.log np.log2 np.log10 np.log1p np.sqrt",
    "unit": "np.arcsin np.arccos np.arctanh F.hard_sigmoid",
    "above one": "np.arccosh",
    "no pole": "np.tan",
}
# fmt: on
DOMAIN_OF = {f: domain for domain, names in UNARY.items() for f in names.split()}


@op(*DOMAIN_OF)
def unary(b: Builder, f: str) -> str:
    x = b.within(b.pick(), DOMAIN_OF[f])
    b.want(b.values[x].size <= 20_000 or f not in ("F.erf", "F.gelu"))  # whose reference is slow
    return f"{f}({x})"


BINARY = "add subtract multiply divide arctan2 hypot logaddexp maximum minimum fmax fmin copysign power remainder fmod"


@op(*[f"np.{f}" for f in BINARY.split()], "+", "-", "*", "/", "**", "%")
def binary(b: Builder, f: str) -> str:
    x = b.pick()
    y = b.partner(x)
    x, y = (y, x) if b.chance(30) else (x, y)
    name = f.removeprefix("np.")
    m = b.margin(*(k for k in (x, y) if k in b.values))

    def fit(z: str, domain: str) -> str:
        if z in b.values:
            return b.within(z, domain)
        b.want(np.all(DOMAINS[domain][0](b.eval(z), m)))
        return z

    if name in ("/", "divide"):
        y = fit(y, "far from zero")
    if name in ("**", "power"):
        if b.chance(40):
            x, y = x if x in b.values else y, b.one(["2", "3", "2.0", "1", "0", "-1", "0.5", "1.7"])
            x = fit(x, "positive") if y in ("-1", "0.5", "1.7") else x
        else:
            x = fit(x, "positive")
    if name == "copysign":
        x, y = fit(x, "not zero"), fit(y, "not zero")
    if name in ("%", "remainder", "fmod"):
        y = fit(y, "far from zero")
    u, v = (np.asarray(b.eval(z), np.float64) for z in (x, y))
    b.want(x in b.values or y in b.values)
    if name in ("%", "remainder", "fmod"):
        b.want(np.all(np.abs(u / v - np.rint(u / v)) > m))
    if name in ("maximum", "minimum", "fmax", "fmin"):
        b.want(np.all(np.abs(u - v) > m))
    if name in ("arctan2", "hypot"):
        b.want(np.all(np.hypot(u, v) > 0.2))
        b.want(name == "hypot" or np.all((np.abs(v) > m) | (u > -1)))
        b.want(name == "hypot" or np.all((v > m) | (np.abs(u) > m)))  # the cut
    return f"{x} {f} {y}" if f == name else f"{f}({x}, {y})"


def gap(x: Any, axis: Any, which: str) -> float:
    """Give how far the elements that decide are apart: the largest two, the smallest, or all."""
    x = np.asarray(x, np.float64)
    if not x.size:
        return np.inf
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    reduced = {a % x.ndim for a in axes} if x.ndim else set()
    x = np.transpose(x, [*(a for a in range(x.ndim) if a not in reduced), *sorted(reduced)])
    x = np.sort(x.reshape(*x.shape[: x.ndim - len(reduced)], -1), axis=-1)
    between = np.diff(x, axis=-1)
    chosen = {"max": between[..., -1:], "min": between[..., :1], "all": between}[which]
    return float(np.min(chosen, initial=np.inf))


EXTREME = {"max": "max", "amax": "max", "nanmax": "max", "min": "min", "amin": "min", "nanmin": "min"}  # fmt: skip
REDUCE = "sum mean prod var std max min amax amin ptp median quantile percentile nansum nanmean nanmax nanmin"


@op(*[f"np.{f}" for f in REDUCE.split()], "F.logsumexp")
def reduction(b: Builder, f: str) -> str:
    name = f.split(".")[1]
    ordered = name in EXTREME or name in ("median", "quantile", "percentile", "ptp")
    x = b.pick(empty=name in ("sum", "prod", "nansum"), apart=ordered)
    a = b.values[x]
    axis = b.axis(a.ndim, several=True)
    b.want(axis != () or name not in ("var", "std"))  # of one number each
    keepdims = b.one([False, True])
    m = b.margin(x)
    options = f"axis={axis}, keepdims={keepdims}"
    if name in ("prod",):
        b.want(a.size <= 64)
    if name in ("quantile", "percentile"):
        q = b.one(["0.3", "0.75", "[0.1, 0.8]", "1.0"])
        b.want("[" not in q or a.dtype.itemsize == 8)  # NumPy subtracts before it widens
        options = f"{q}{' * 10' if name == 'percentile' and '[' not in q else ''}, {options}"
    small = 1e-3 * m if a.size > 500 else m
    if name in EXTREME:
        b.want(gap(a, axis, EXTREME[name]) > small)
    elif name == "ptp":
        b.want(gap(a, axis, "max") > small)
        b.want(gap(a, axis, "min") > small)
        b.want(np.all(np.ptp(a, axis=axis) > m))
    elif ordered:
        b.want(gap(a, axis, "all") > small)
    count = a.size // max(1, np.sum(a, axis=axis).size)
    if name == "std":
        b.want(count > 1)
        b.want(np.all(np.std(a, axis=axis) > 0.1))
    if name in ("var", "std") and count > 2 and b.chance(30):
        options += f", ddof={b.one([1, 2])}"
    if name.startswith("nan") and a.size and b.chance(50):
        keep = mask(a.shape, seed := b.seed())
        b.want(np.all(np.sum(keep, axis=axis) > 0))
        if name in EXTREME:
            b.want(gap(np.where(keep, a, a.max() + 9), axis, "all") > small)
            b.want(gap(np.where(keep, a, a.min() - 9), axis, "all") > small)
        return f"{f}(np.where(mask({a.shape}, {seed}), {x}, np.nan), {options})"
    if name in ("sum", "mean", "prod", "max", "min", "var", "std") and a.ndim and b.chance(30):
        return f"{x}.{name}({options})"
    return f"{f}({x}, {options})"


@op("np.average")
def average(b: Builder, f: str) -> str:
    x = b.pick(empty=False)
    a = b.values[x]
    axis = b.axis(a.ndim, several=False)
    if b.chance(20):
        return f"{f}({x}, axis={axis})"
    one = axis is not None and b.chance(50)
    w = b.within(b.input((a.shape[axis],) if one else a.shape), "positive")
    return f"{f}({x}, axis={axis}, weights={w}, keepdims={b.one([False, True])})"


@op("np.linalg.norm", "np.linalg.vector_norm", "np.linalg.matrix_norm")
def norm(b: Builder, f: str) -> str:
    matrix = f.endswith("matrix_norm") or (f.endswith(".norm") and b.chance(40))
    x = b.pick(2 if matrix else 1, empty=False, apart=True)
    a = np.asarray(b.values[x], np.float64)
    m = b.margin(x)
    keepdims = b.one([False, True])
    if matrix:
        axes = (-2, -1)
        if not f.endswith("matrix_norm"):
            i = b.integer(0, a.ndim - 1)
            axes = (i, (i + b.integer(1, a.ndim - 1)) % a.ndim - a.ndim * b.chance(50))
        order = b.one(["'fro'", "1", "-1", "np.inf", "-np.inf"])
        along, over = axes if order in ("1", "-1") else axes[::-1]
        if order != "'fro'":
            b.want(np.all(np.abs(a) > m))
            sums = np.sum(np.abs(a), axis=along, keepdims=True)
            b.want(gap(sums, over, "min" if "-" in order else "max") > m)
        b.want(np.all(np.linalg.norm(a, axis=axes) > 0.1))
        where = "" if f.endswith("matrix_norm") else f"axis={axes}, "
        return f"{f}({x}, ord={order}, {where}keepdims={keepdims})"
    axis = b.axis(a.ndim, several=f.endswith("vector_norm"), none=f.endswith("vector_norm"))
    b.want(axis != ())
    order = b.one(["2", "1", "3", "1.5", "np.inf", "-np.inf", "-2"])
    b.want(np.all(np.sqrt(np.sum(a * a, axis=axis)) > 0.1))
    b.want(order == "2" or np.all(np.abs(a) > m))
    b.want("inf" not in order or gap(np.abs(a), axis, "min" if "-" in order else "max") > m)
    return f"{f}({x}, axis={axis}, ord={order}, keepdims={keepdims})"


# ----- Along an axis -----


@op("np.cumsum", "np.cumprod", "np.sort", "np.diff", "np.trapezoid", "F.softmax", "F.log_softmax")
def along(b: Builder, f: str) -> str:
    x = b.pick(1, empty=f in ("np.cumsum", "np.sort", "np.cumprod"), apart=f == "np.sort")
    a = b.values[x]
    axis = b.axis(a.ndim, several=False, none=f in ("np.cumsum", "np.cumprod", "np.sort"))
    b.want(f != "np.sort" or gap(a, axis, "all") > b.margin(x) * (1 if a.size < 500 else 1e-3))
    if f == "np.diff":
        return f"{f}({x}, {b.one([1, 2, 0])}, axis={axis})"
    if f == "np.trapezoid":
        if b.chance(50):
            return f"{f}({x}, dx={b.one(['0.5', '2'])}, axis={axis})"
        return f"{f}({x}, {b.input((a.shape[axis],))}, axis={axis})"
    return f"{f}({x}, axis={axis})"


@op("np.convolve")
def convolve(b: Builder, f: str) -> str:
    x, y = b.pick(1, 1, empty=False), b.pick(1, 1, empty=False)
    b.want(b.values[x].size * b.values[y].size < 10**6)
    return f"{f}({x}, {y}, {b.one(['full', 'same', 'valid'])!r})"


@op("np.interp")
def interp(b: Builder, f: str) -> str:
    x, xp = b.pick(), np.array([-1.03, -0.21, 0.47, 1.111])
    b.want(np.all(np.abs(np.asarray(b.values[x])[..., None] - xp) > b.margin(x)))
    b.want(b.values[x].dtype == np.float64)  # NumPy's interp gives nothing else
    fp = b.input((4,))
    b.want(b.values[fp].dtype == np.float64)
    return f"{f}({x}, np.array({xp.tolist()}), {fp})"


@op("np.bincount")
def bincount(b: Builder, f: str) -> str:
    x = b.pick(1, 1, empty=False)
    n = b.values[x].size
    return f"{f}(rows({n + 2}, {n}, {b.seed()}) % {b.integer(2, 7)}, weights={x}, minlength={b.integer(0, 9)})"
