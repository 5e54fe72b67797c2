"""The makers of random programs: for every function that runs on Tensors, a line that calls it.

A maker looks at the values, and keeps away from kinks, ties and poles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st
from random_graphs import (
    DOMAINS,
    KNOWN,
    MOST,
    Builder,
    Dice,
    Drawn,
    Program,
    RefusedError,
    mask,
)

# ----- The makers: by the name of what they call -----

Maker = Callable[[Builder, str], Any]
OPS: dict[str, Maker] = {}


def op(*names: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        OPS.update(dict.fromkeys(names, maker))
        return maker

    return register


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
    b.known("sinc", f == "np.sinc" and bool(np.any(np.abs(b.values[x]) < 0.01)))
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
    axis = b.axis(a.ndim, several=name not in ("median", "quantile", "percentile"))
    b.want(axis != () or name not in ("var", "std"))  # of one number each
    keepdims = b.one([False, True])
    m = b.margin(x)
    options = f"axis={axis}, keepdims={keepdims}"
    if name in ("prod",):
        b.want(a.size <= 64)
    if name in ("quantile", "percentile"):
        q = b.one(["0.3", "0.75", "[0.1, 0.8]", "1.0"])
        b.known("quantile", "[" in q and (keepdims or a.dtype.itemsize < 8))
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
    several = isinstance(axis, tuple) or (axis is None and keepdims)
    b.known("vector_norm", order != "2" and several)
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
    b.want(b.values[x].dtype == np.float64)  # the same
    n = b.values[x].size
    return f"{f}(rows({n + 2}, {n}, {b.seed()}) % {b.integer(2, 7)}, weights={x}, minlength={b.integer(0, 9)})"


# ----- Shapes -----

SHAPES = (
    "reshape ravel transpose matrix_transpose swapaxes moveaxis expand_dims squeeze atleast_1d atleast_2d atleast_3d "
    "broadcast_to flip roll tile repeat flipud fliplr rot90 rollaxis tril triu diagonal diag trace pad resize delete full_like"
)


@op(*[f"np.{f}" for f in SHAPES.split()], "np.linalg.matrix_transpose", "np.linalg.diagonal", "np.linalg.trace")  # fmt: skip
def moving(b: Builder, f: str) -> str:
    name = f.split(".")[-1]
    least = {"matrix_transpose": 2, "fliplr": 2, "rot90": 2, "tril": 2, "triu": 2, "diagonal": 2, "trace": 2, "diag": 1}  # fmt: skip
    x = b.pick(least.get(name, 0), 2 if name == "diag" else 4)
    a = b.values[x]
    n = a.ndim
    one = [a.shape[i] for i in range(n)]
    axis = b.integer(-n, n - 1) if n else 0
    other = b.integer(-n, n - 1) if n else 0
    order = sorted(range(n), key=lambda _: b.integer(0, 99))
    text = ""
    if name == "reshape":
        shape = [one[i] for i in order] + [1] * b.chance(20)
        if shape and a.size and b.chance(40):
            shape[b.integer(0, len(shape) - 1)] = -1
        if len(shape) > 1 and b.chance(30):
            shape = [shape[0] * shape[1] if -1 not in shape[:2] else -1, *shape[2:]]
        if b.chance(30):
            return f"{x}.reshape({tuple(shape)})"
        text = f"{tuple(shape)}"
    elif name == "transpose":
        text = "" if b.chance(30) else f"{tuple(i - n * b.chance(40) for i in order)}"
        if not text and b.chance(50):
            return f"{x}.T"
    elif name == "swapaxes":
        b.want(n)
        text = f"{axis}, {other}"
    elif name == "moveaxis":
        b.want(n)
        k = b.integer(1, n)
        to = sorted(range(n), key=lambda _: b.integer(0, 99))[:k]
        text = f"{tuple(order[:k])}, {tuple(i - n * b.chance(40) for i in to)}" if b.chance(50) else f"{axis}, {other}"  # fmt: skip
    elif name == "expand_dims":
        b.want(n < 4)
        text = b.one([f"{b.integer(-n - 1, n)}", "(0, -1)" if n < 3 else "0"])
    elif name == "squeeze":
        single = [i for i in range(n) if one[i] == 1]
        text = f"{b.one(single) - n * b.chance(40)}" if single and b.chance(60) else ""
    elif name == "broadcast_to":
        shape = [b.one([3, 2, 0]) if m == 1 else m for m in one]
        shape = [b.one([2, 1]), *shape] if n < 4 and b.chance(40) else shape
        b.fits(prod(shape))
        text = f"{tuple(shape)}"
    elif name == "flip":
        text = f"{b.axis(n)}"
    elif name == "roll":
        if n and b.chance(30):
            text = f"({b.integer(-4, 4)}, {b.integer(-4, 4)}), ({axis}, {other})"
        else:
            text = f"{b.integer(-7, 7)}, {b.axis(n, several=False)}"
    elif name == "tile":
        reps = tuple(b.one([1, 2, 3, 0]) for _ in range(b.integer(1, 3)))
        b.fits(a.size * prod(reps))
        text = f"{reps}" if b.chance(70) else f"{reps[0]}"
    elif name == "repeat":
        b.fits(a.size * 3)
        along = b.axis(n, several=False)
        length = a.size if along is None else one[along]
        several = length <= 12 and b.chance(40)
        text = f"{[b.integer(0, 3) for _ in range(length)] if several else b.integer(0, 3)}, axis={along}"
    elif name == "rot90":
        text = f"{b.integer(-3, 5)}"
    elif name == "rollaxis":
        b.want(n)
        text = f"{axis}, {b.integer(0, n)}"
    elif name in ("tril", "triu"):
        text = f"{b.integer(-2, 2)}"
    elif name in ("diagonal", "trace") and "linalg" not in f:
        b.want(axis % n != other % n)
        text = f"{b.integer(-2, 2)}, {axis}, {other}"
    elif name in ("diagonal", "trace"):
        text = f"offset={b.integer(-2, 2)}"
    elif name == "diag":
        b.fits(a.size**2 if n == 1 else 1)
        text = f"{b.integer(-2, 2)}"
    elif name == "pad":
        mode = b.one(["constant", "edge", "reflect", "symmetric", "wrap"])
        b.want(n and (a.size or mode == "constant"))
        width: Any = [(b.integer(0, 3), b.integer(0, 2)) for _ in range(n)] if b.chance(70) else b.integer(0, 2)  # fmt: skip
        text = f"{width}, {mode!r}" + (", constant_values=1.5" if mode == "constant" and b.chance(40) else "")  # fmt: skip
    elif name == "resize":
        shape = [b.integer(1, 4) for _ in range(b.integer(0, 3))]
        b.want(a.size)
        text = f"{tuple(shape)}"
    elif name == "delete":
        b.want(n and one[axis])
        text = (
            f"{[b.integer(-one[axis], one[axis] - 1) for _ in range(b.integer(1, 3))]}, axis={axis}"
        )
    elif name == "full_like":
        b.want(a.size == 1 or n <= 1)
        return f"{f}(np.zeros({(2, *one)}, {x}.dtype) * {x}, {x})"
    return f"{f}({x}{', ' * bool(text)}{text})"


# ----- Joining, taking, storing, choosing -----


def neighbours(b: Builder, x: str, axis: int, count: int) -> list[str]:
    """Give arrays that can be joined with x along an axis, some of them constant, some x again."""
    shape = b.values[x].shape
    found = [x]
    for _ in range(count):
        there = [
            k
            for k, y in b.values.items()
            if y.ndim == len(shape)
            and all(
                m == n for i, (m, n) in enumerate(zip(y.shape, shape, strict=True)) if i != axis
            )
        ]
        if b.chance(60):
            found.append(b.one(there))
        else:
            longer = [b.integer(1, 3) if i == axis else n for i, n in enumerate(shape)]
            found.append(b.input(tuple(longer)))
    return found


@op("np.concatenate", "np.append")
def joined(b: Builder, f: str) -> str:
    x = b.pick(1)
    n = b.values[x].ndim
    axis = b.integer(0, n - 1)
    parts = neighbours(b, x, axis, 1 if f == "np.append" else b.integer(1, 3))
    b.fits(sum(b.values[k].size for k in parts))
    where = "None" if b.chance(15) else f"{axis - n * b.chance(40)}"
    text = ", ".join(parts)
    return f"{f}({text}, axis={where})" if f == "np.append" else f"{f}([{text}], axis={where})"


@op("np.stack", "np.vstack", "np.hstack", "np.dstack", "np.column_stack", "np.block")
def stacked(b: Builder, f: str) -> str:
    x = b.pick(1 if f == "np.column_stack" else 0, 2 if f == "np.column_stack" else 4)
    shape = b.values[x].shape
    same = [k for k, y in b.values.items() if y.shape == shape]
    parts = [x, *(b.one(same) if b.chance(70) else b.input(shape) for _ in range(b.integer(0, 2)))]
    b.fits(b.values[x].size * 4)
    if f == "np.stack":
        return f"{f}([{', '.join(parts)}], axis={b.integer(-len(shape) - 1, len(shape))})"
    if f == "np.block" and b.chance(50):
        return f"{f}([[{x}, {parts[-1]}], [{parts[-1]}, {x}]])"
    return f"{f}([{', '.join(parts)}])"


@op("np.split", "np.array_split", "np.hsplit", "np.vsplit", "np.dsplit", "np.unstack")
def taken_apart(b: Builder, f: str) -> str:
    least = {"np.vsplit": 2, "np.dsplit": 3}.get(f, 1)
    x = b.pick(least)
    a = b.values[x]
    axis = {"np.hsplit": 1 if a.ndim > 1 else 0, "np.vsplit": 0, "np.dsplit": 2}.get(f)
    where = b.integer(-a.ndim, a.ndim - 1) if axis is None else axis
    length = a.shape[where]
    tail = f", axis={where}" if axis is None else ""
    if f == "np.unstack":
        b.want(2 <= length <= 6)
        return f"(lambda parts: parts[0] * parts[-1])({f}({x}{tail}))"
    cuts = sorted(b.integer(0, length) for _ in range(2))
    pieces = f"{cuts}" if b.chance(60) else f"{b.one([n for n in (1, 2, 3) if length % n == 0 or 'array' in f])}"  # fmt: skip
    return f"{f}({x}, {pieces}{tail})[{b.one([0, -1])}]"


@op("np.meshgrid", "np.broadcast_arrays")
def several(b: Builder, f: str) -> str:
    if f == "np.meshgrid":
        x, y = b.pick(0, 1), b.pick(0, 1)
        b.known("moves", b.values[x].dtype != b.values[y].dtype)
        b.fits(b.values[x].size * b.values[y].size)
        return f"{f}({x}, {y}, indexing={b.one(['ij', 'xy'])!r})[{b.integer(0, 1)}]"
    x = b.pick()
    y = b.partner(x)
    b.known("moves", b.values[x].dtype != np.asarray(b.eval(y)).dtype)
    return f"{f}({x}, {y})[{b.integer(0, 1) if y in b.values else 0}]"


def index(b: Builder, shape: tuple[int, ...]) -> str:
    """Write an index: slices, numbers, arrays, masks, None and ..., in any mixture."""
    if shape and b.chance(10):
        return f"mask({shape}, {b.seed()})"
    short = prod(shape[1:]) * 2000 <= MOST[True]
    if b.large and shape and shape[0] and short and b.chance(60):  # long rows, many times
        return f"rows({shape[0]}, {b.one([1024, 2000])}, {b.seed()})"
    parts: list[str] = []
    arrays = b.one([0, 0, 1, 2])
    together = b.one([(3,), (2, 2), (1,), (0,)])
    if b.large and b.chance(60):
        together = (b.one([1024, 3000]),)
    rest = len(shape)
    for i, n in enumerate(shape):
        kind = b.integer(0, 9)
        if kind == 9 and "..." not in parts:
            parts.append("...")
            skipped = b.integer(0, rest - i)
            if skipped:
                parts += [":"] * 0
                break
        if kind == 8:
            parts.append("None")
        if n and arrays and kind in (5, 6, 7):
            parts.append(f"rows({n}, {together}, {b.seed()})")
            arrays -= 1
        elif n and kind == 4:
            parts.append(f"{b.integer(-n, n - 1)}")
        elif n > 0 and kind == 3 and arrays == 1:
            parts.append(f"mask(({n},), {b.seed()})")
            arrays = 0
        else:
            parts.append(b.one([":", "::-1", "1:", ":-1", "::2", "-2::-1", "1:1", "::-2"]))
    while parts and parts[-1] == ":" and b.chance(50):
        parts.pop()
    return ", ".join(parts) or "..."


@op("[]", "at_set", "at_add")
def picked(b: Builder, f: str) -> str:
    x = b.pick(0)
    i = index(b, b.values[x].shape)
    if f == "[]":
        return f"{x}[{i}]"
    shape = np.shape(b.eval(f"{x}[{i}]"))
    b.fits(prod(shape))
    value = b.input(shape[b.integer(0, len(shape)) :]) if b.chance(60) else b.one(["0.5", "-2"])
    there = [k for k, y in b.values.items() if y.shape == shape]
    if there and b.chance(30):
        value = b.one(there)
    b.known("broadcast add", f == "at_add" and np.shape(b.eval(value)) not in ((), shape))
    if value in b.values:  # stored in x's dtype, and so rounded to it
        b.want(b.values[value].dtype == b.values[x].dtype)
    return f"{f}({x}, np.s_[{i}], {value})"


@op("np.take", "np.take_along_axis")
def take(b: Builder, f: str) -> str:
    x = b.pick(1, empty=False)
    a = b.values[x]
    axis = b.axis(a.ndim, several=False, none=True)
    length = a.size if axis is None else a.shape[axis]
    if f == "np.take":
        shape = b.one([(3,), (2, 2), (), (5,), (1030,) if b.large else (1,)])
        return f"{f}({x}, rows({length}, {shape}, {b.seed()}), axis={axis})"
    shape = (4,) if axis is None else tuple(3 if i == axis % a.ndim else b.one([n, n, 1]) for i, n in enumerate(a.shape))  # fmt: skip
    return f"{f}({x}, rows({length}, {shape}, {b.seed()}), axis={axis})"


@op("np.where", "np.clip", "np.select")
def chosen(b: Builder, f: str) -> str:
    x = b.pick(1 if f == "np.select" else 0, empty=f != "np.select")
    a = b.values[x]
    if f == "np.clip":
        m = b.margin(x)
        low, high = b.one(["-0.535", "None", "0.115"]), b.one(["0.915", "None", "0.475"])
        b.want(low != high)
        for bound in (low, high):
            b.want(bound == "None" or np.all(np.abs(a - float(bound)) > m))
        return b.one([f"{f}({x}, {low}, {high})", f"{x}.clip({low}, {high})"]) if a.ndim else f"{f}({x}, {low}, {high})"  # fmt: skip
    y = b.partner(x)
    shape = np.broadcast_shapes(a.shape, np.shape(b.eval(y)))
    if f == "np.select":
        b.want(y in b.values)
        return f"{f}([mask({shape}, {b.seed()}), mask({shape}, {b.seed()})], [{x}, {y}], 0.5)"
    if b.chance(40):
        b.want(np.all(np.abs(a - 0.3) > b.margin(x)))
        return f"{f}({x} > 0.3, {x}, {y})"
    return f"{f}(mask({shape[b.integer(0, len(shape)) :]}, {b.seed()}), {x}, {y})"


# ----- Linear algebra -----


@op("np.matmul", "np.linalg.matmul", "@", "np.dot", "np.inner", "np.vdot", "np.outer", "np.linalg.outer", "np.tensordot", "np.linalg.tensordot", "np.kron", "np.cross", "np.linalg.cross")  # fmt: skip
def product(b: Builder, f: str) -> str:
    name = f.removeprefix("np.").removeprefix("linalg.")
    low = {"outer": 1 if "linalg" in f else 0, "kron": 1, "cross": 1, "vdot": 0, "dot": 0, "inner": 0}.get(name, 1)  # fmt: skip
    x = b.pick(low, 1 if f == "np.linalg.outer" else 4)
    s = b.values[x].shape

    def partner(shape: Sequence[int]) -> str:
        there = [k for k, y in b.values.items() if y.shape == tuple(shape)]
        return b.one(there) if there and b.chance(50) else b.input(tuple(shape))

    n = b.one([3, 1, 2, 4])
    extra = ""
    if name in ("matmul", "@", "dot"):
        if name == "dot" and (not s or b.chance(10)):
            y = partner(()) if b.chance(50) else b.number()
        else:
            batch = s[:-2] if name != "dot" else b.shape(0, 1)
            batch = tuple(1 if b.chance(20) else m for m in batch)[b.integer(0, len(batch)) :]
            y = partner(b.one([(s[-1],), (s[-1], n), (*batch, s[-1], n)]))
        if y in b.values and len(s) == 2 and b.chance(20):
            x, y = f"{x}.mT", x  # a matrix and its own transpose
            b.fits(s[-1] ** 2)
        elif y in b.values and len(s) > 1 and len(b.values[y].shape) > 1 and b.chance(30):
            x, y = b.line(f"np.matrix_transpose({y})"), b.line(f"np.matrix_transpose({x})")
    elif name == "inner":
        y = partner((*b.shape(0, 1), *s[-1:])) if s else b.pick(0, 2)
    elif name == "vdot":
        y = partner(s)
    elif name in ("outer", "kron"):
        y = b.pick(low, 1 if f == "np.linalg.outer" else 3)
        b.fits(prod(s) * b.values[y].size)
    elif name == "tensordot":
        k = b.integer(0, min(2, len(s)))
        if b.chance(50):
            rest = b.shape(0, 1)
            y = partner((*s[len(s) - k :], *rest))
            extra = f", axes={k}"
        else:
            axes = sorted(range(len(s)), key=lambda _: b.integer(0, 99))[:k]
            y = partner((n, *(s[i] for i in axes)))
            pair = ([i - len(s) * b.chance(30) for i in axes], list(range(1, k + 1)))
            extra = f", axes={pair}"
        b.fits(prod(s) * max(1, b.values[y].size) if b.large is False else 0)
        b.want(not b.large or prod(s) <= 400)
    else:
        shape = list(s)
        shape[-1] = 3
        x, y = b.line(f"{b.input(tuple(shape))} * 1.0"), b.input(tuple(shape))
        if b.chance(50):
            there = b.integer(0, len(shape) - 1)
            x, y = (f"np.moveaxis({z}, -1, {there})" for z in (x, y))
            extra = f", axis={there}"
    sizes = [np.asarray(b.eval(z)).shape for z in (x, y)]
    if sizes[0] and sizes[1] and name not in ("outer", "kron", "cross", "vdot", "tensordot"):
        rows = prod(sizes[0]) * prod(sizes[1]) // max(1, sizes[0][-1])
        b.want(name in ("matmul", "@") or rows <= MOST[b.large])
        b.want(prod(sizes[0]) * max(1, sizes[1][-1]) <= 10**7)
    if name in ("matmul", "@") and sizes[1]:
        b.fits(prod(sizes[0]) // max(1, sizes[0][-1]) * sizes[1][-1] if len(sizes[1]) > 1 else 1)
    return f"{x} @ {y}" if f == "@" else f"{f}({x}, {y}{extra})"


@op("np.linalg.inv", "np.linalg.solve", "np.linalg.det", "np.linalg.slogdet", "np.linalg.cholesky", "np.linalg.matrix_power", "np.linalg.multi_dot")  # fmt: skip
def decomposition(b: Builder, f: str) -> str:
    square = [k for k, y in b.values.items() if 2 <= y.ndim <= 3 and y.shape[-1] == y.shape[-2] <= 4 and y.size < 200]  # fmt: skip
    n = b.integer(1, 4)
    x = b.one(square) if square and b.chance(60) else b.input((*[2] * b.integer(0, 1), n, n))
    n, batch = b.values[x].shape[-1], b.values[x].shape[:-2]
    if f == "np.linalg.multi_dot":
        b.want(not batch)
        return f"{f}([{x}, {b.input((n, 2))}, {b.input((2,) if b.chance(40) else (2, 3))}])"
    if f == "np.linalg.matrix_power" and b.chance(60):
        return f"{f}({x}, {b.integer(0, 3)})"
    a = b.line(f"0.4 * np.sin({x}) + 2 * np.eye({n}, dtype={x}.dtype)")
    if f == "np.linalg.cholesky":
        return f"{f}({a} @ {a}.mT)"
    if f == "np.linalg.matrix_power":
        return f"{f}({a}, {b.integer(-3, -1)})"
    if f == "np.linalg.solve":
        y = b.input(b.one([(n,), (*batch, n, 2), (n, 1)]))
        b.want(b.values[y].dtype.itemsize > 2)
        return f"{f}({a}, {y})" if not b.chance(20) else f"{f}({a}, {a})"
    return f"{f}({a})[1]" if f.endswith("slogdet") else f"{f}({a})"


@op("np.einsum")
def einsum(b: Builder, f: str) -> str:
    names = [b.pick(0, 3) for _ in range(b.integer(1, 3))]
    lengths: dict[str, int] = {}
    terms = []
    for k in names:
        term = ""
        for n in b.values[k].shape:
            known = [c for c, m in lengths.items() if (m == n or 1 in (m, n)) and (c not in term or m == n)]  # fmt: skip
            if known and b.chance(60):
                c = b.one(known)
                lengths[c] = max(lengths[c], n) if n else 0
            else:
                c = "ijklmnopqrst"[len(lengths)]
                lengths[c] = n
            term += c
        terms.append(term)
    b.want(prod(lengths.values()) <= (3000 if not b.large else 10**6))
    kept = [c for c in lengths if b.chance(50)]
    out = "".join(sorted(kept, key=lambda _: b.integer(0, 99)))
    text = ",".join(terms) + ("" if b.chance(10) else f"->{out}")
    if len(terms) == 1 and len(terms[0]) > 1 and len(set(terms[0])) == len(terms[0]) and b.chance(30):  # fmt: skip
        text = b.one([f"...{terms[0][-1]}->{terms[0][-1]}...", f"{terms[0][0]}...->..."])
    return f"{f}({text!r}, {', '.join(names)})"


@op("astype")
def astype(b: Builder, f: str) -> str:
    b.want(len(set(b.dtypes)) > 1)
    x = b.pick()
    b.want(b.values[x].ndim)
    return f"{x}.astype({b.one(['float32', 'float64'])})"


# ----- Drawing a program -----

POLICIES: list[Sequence[str]] = [
    ("float64",), ("float64",), ("float64",), ("float32",), ("float32",), ("float16",), ("float64", "float32"), ("float16", "float32", "float64"),
]  # fmt: skip


# What goes another way for large arrays: sums, products that are summed, rows that are added up.
OTHERWISE = [
    "np.sum",
    "np.mean",
    "np.var",
    "np.std",
    "np.max",
    "[]",
    "[]",
    "at_add",
    "at_set",
    "np.take",
    "+",
    "-",
    "*",
    "/",
    "*",
    "/",
    "np.hypot",
    "np.where",
    "F.softmax",
    "F.logsumexp",
    "np.einsum",
    "@",
    "np.broadcast_to",
]


def draw(dice: Dice | Drawn, most: int = 10, large: int = 10) -> Program:
    """Make a program of up to `most` operations; `large` per cent have large arrays."""
    b = Builder(dice)
    b.large = b.chance(large)
    b.dtypes = b.one(POLICIES)
    if b.large and "add_at" in KNOWN:
        b.dtypes = [dtype.replace("16", "32") for dtype in b.dtypes]
    b.input(b.shape(), "leaf")
    names, wanted, grown = list(OPS), b.integer(1, most), 0
    with np.errstate(all="ignore"):
        for _ in range(4 * wanted):
            f = b.one(OTHERWISE if b.large and b.chance(60) else names)
            lines, inputs, values, used = dict(b.lines), dict(b.inputs), dict(b.values), set(b.used)
            try:
                b.line(OPS[f](b, f))
                grown += 1
            except RefusedError:
                b.lines, b.inputs, b.values, b.used = lines, inputs, values, used
            if grown == wanted:
                break
        if not b.lines:
            b.line("np.negative(x0)")
    ends = [k for k in b.lines if k not in b.used][-3:]
    return Program(b.inputs, b.lines, tuple(ends)).pruned()


@st.composite
def programs(draw_from: Any, most: int = 8, large: int = 10) -> Program:
    """Programs that shrink."""
    return draw(Drawn(draw_from), most, large)
