"""Measure every elementwise function against mpmath: the worst error of value and gradient, in ulp.

Arguments are spread over all magnitudes and crowded where a function or its derivative is 0 or has
an end. An ulp is the spacing of the dtype at the true number; "of 1" counts in the spacing at 1
where the true gradient is smaller: what a sum of gradients feels. An infinite error is a NaN, or an
infinity in the place of a number. `python scripts/ulps.py` takes a minute; `--points 300` is
quicker, names choose functions. Needs mpmath.
"""

# ruff: noqa: E501 (the columns of the tables)
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from autonn import PRIMITIVES, Tensor
from autonn import functional as F

Number = Any  # of mpmath
Reference = Callable[..., Number]
INF = float("inf")
FEW = 4.0  # ulp
mp.mp.dps = 50

# ----- The functions, their exact values and derivatives, where they live, where it gets hard -----


@dataclass(frozen=True)
class Function:
    """A function on Tensors, its value and its slopes by mpmath, its domain and hard points."""

    call: Callable[..., Any]
    value: Reference
    slopes: tuple[Reference, ...]
    low: float = -INF
    high: float = INF
    near: tuple[float, ...] = (0.0,)


def zero(*_: Number) -> Number:
    """Give the derivative of a step."""
    return mp.mpf(0)


def one(*_: Number) -> Number:
    """Give the derivative of a sum."""
    return mp.mpf(1)


def sigmoid(x: Number) -> Number:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + mp.exp(-x)) if x > -1e6 else mp.exp(x)


def slope_of_sigmoid(x: Number) -> Number:
    """Product of sigmoid(x) and sigmoid(-x)."""
    return sigmoid(x) * sigmoid(-x)


def phi(x: Number) -> Number:
    """Normal distribution, without cancellation on the left."""
    return mp.erfc(-x / mp.sqrt(2)) / 2 if abs(x) < 1e6 else mp.mpf(x > 0)


def bell(x: Number) -> Number:
    """Density of the normal distribution."""
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def tanh_phi(x: Number) -> Number:
    """Give the approximation of phi by a tanh, which is a sigmoid of twice its argument."""
    return sigmoid(2 * mp.sqrt(2 / mp.pi) * (x + C * x**3))


def slope_of_tanh_gelu(x: Number) -> Number:
    """Phi(x) + x Phi'(x)."""
    inner = 2 * mp.sqrt(2 / mp.pi) * (x + C * x**3)
    return sigmoid(inner) + x * slope_of_sigmoid(inner) * 2 * mp.sqrt(2 / mp.pi) * (
        1 + 3 * C * x * x
    )


def sinc(x: Number) -> Number:
    """Quotient sin(πx) / (πx)."""
    return mp.sinpi(x) / (mp.pi * x) if x else mp.mpf(1)


def slope_of_sinc(x: Number) -> Number:
    """Quotient (cos(πx) - sinc(x)) / x, by its series where that cancels."""
    if abs(x) > 1e-6:
        return (mp.cospi(x) - sinc(x)) / x
    return -(mp.pi**2) * x / 3 + mp.pi**4 * x**3 / 30


def less(a: Number, b: Number) -> Number:
    """1, 1/2 at a tie, or 0."""
    return mp.mpf(a < b) + mp.mpf(a == b) / 2


C = mp.mpf(0.044715)
LAMBDA, ALPHA = mp.mpf(1.0507009873554805), mp.mpf(1.6732632423543772)
LN2, LN10 = mp.log(2), mp.log(10)
HALF_PI = float(mp.pi / 2)

# fmt: off
UNARY: dict[str, Function] = {
    "positive":     Function(np.positive,   lambda x: x,            (one,)),
    "conjugate":    Function(np.conjugate,  lambda x: x,            (one,)),
    "negative":     Function(np.negative,   lambda x: -x,           (lambda x: mp.mpf(-1),)),
    "absolute":     Function(np.absolute,   abs,                    (mp.sign,)),
    "fabs":         Function(np.fabs,       abs,                    (mp.sign,)),
    "sign":         Function(np.sign,       mp.sign,                (zero,)),
    "floor":        Function(np.floor,      mp.floor,               (zero,)),
    "ceil":         Function(np.ceil,       mp.ceil,                (zero,)),
    "rint":         Function(np.rint,       mp.nint,                (zero,)),
    "trunc":        Function(np.trunc,      lambda x: mp.sign(x) * mp.floor(abs(x)), (zero,)),
    "deg2rad":      Function(np.deg2rad,    mp.radians,             (lambda x: mp.pi / 180,)),
    "radians":      Function(np.radians,    mp.radians,             (lambda x: mp.pi / 180,)),
    "rad2deg":      Function(np.rad2deg,    mp.degrees,             (lambda x: 180 / mp.pi,)),
    "degrees":      Function(np.degrees,    mp.degrees,             (lambda x: 180 / mp.pi,)),
    "exp":          Function(np.exp,        mp.exp,                 (mp.exp,)),
    "exp2":         Function(np.exp2,       lambda x: mp.mpf(2)**x, (lambda x: LN2 * mp.mpf(2)**x,)),
    "expm1":        Function(np.expm1,      mp.expm1,               (mp.exp,)),
    "log":          Function(np.log,        mp.log,                 (lambda x: 1 / x,), 0, near=(0, 1)),
    "log2":         Function(np.log2,       lambda x: mp.log(x) / LN2, (lambda x: 1 / x / LN2,), 0, near=(0, 1)),
    "log10":        Function(np.log10,      mp.log10,               (lambda x: 1 / x / LN10,), 0, near=(0, 1)),
    "log1p":        Function(np.log1p,      mp.log1p,               (lambda x: 1 / (1 + x),), -1, near=(-1, 0)),
    "sqrt":         Function(np.sqrt,       mp.sqrt,                (lambda x: 1 / mp.sqrt(x) / 2,), 0),
    "cbrt":         Function(np.cbrt,       lambda x: mp.sign(x) * mp.cbrt(abs(x)), (lambda x: 1 / mp.cbrt(abs(x))**2 / 3,)),
    "square":       Function(np.square,     lambda x: x * x,        (lambda x: 2 * x,)),
    "reciprocal":   Function(np.reciprocal, lambda x: 1 / x,        (lambda x: -1 / x / x,)),
    "sin":          Function(np.sin,        mp.sin,                 (mp.cos,), near=(0, HALF_PI, 2 * HALF_PI)),
    "cos":          Function(np.cos,        mp.cos,                 (lambda x: -mp.sin(x),), near=(0, HALF_PI, 2 * HALF_PI)),
    "tan":          Function(np.tan,        mp.tan,                 (lambda x: 1 / mp.cos(x)**2,), near=(0, HALF_PI)),
    "arcsin":       Function(np.arcsin,     mp.asin,                (lambda x: 1 / mp.sqrt((1 - x) * (1 + x)),), -1, 1, (-1, 0, 1)),
    "arccos":       Function(np.arccos,     mp.acos,                (lambda x: -1 / mp.sqrt((1 - x) * (1 + x)),), -1, 1, (-1, 0, 1)),
    "arctan":       Function(np.arctan,     mp.atan,                (lambda x: 1 / (1 + x * x),)),
    "sinh":         Function(np.sinh,       mp.sinh,                (mp.cosh,)),
    "cosh":         Function(np.cosh,       mp.cosh,                (mp.sinh,)),
    "tanh":         Function(np.tanh,       mp.tanh,                (lambda x: 4 * slope_of_sigmoid(2 * x),)),
    "arcsinh":      Function(np.arcsinh,    mp.asinh,               (lambda x: 1 / mp.sqrt(x * x + 1),)),
    "arccosh":      Function(np.arccosh,    mp.acosh,               (lambda x: 1 / mp.sqrt(x - 1) / mp.sqrt(x + 1),), 1, near=(1,)),
    "arctanh":      Function(np.arctanh,    mp.atanh,               (lambda x: 1 / (1 - x) / (1 + x),), -1, 1, (-1, 0, 1)),
    "erf":          Function(F.erf,         mp.erf,                 (lambda x: 2 * mp.exp(-x * x) / mp.sqrt(mp.pi),)),
    "relu":         Function(F.relu,        lambda x: max(x, mp.mpf(0)), (lambda x: mp.mpf(x > 0),)),
    "sigmoid":      Function(F.sigmoid,     sigmoid,                (slope_of_sigmoid,)),
    "softplus":     Function(F.softplus,    lambda x: max(x, mp.mpf(0)) + mp.log1p(mp.exp(-abs(x))), (sigmoid,)),
    "leaky_relu":   Function(lambda x: F.leaky_relu(x, 0.125), lambda x: x if x > 0 else x / 8, (lambda x: mp.mpf(1) if x > 0 else mp.mpf(0.125),)),
    "elu":          Function(F.elu,         lambda x: x if x > 0 else mp.expm1(x), (lambda x: mp.mpf(1) if x > 0 else mp.exp(x),)),
    "selu":         Function(F.selu,        lambda x: LAMBDA * (x if x > 0 else ALPHA * mp.expm1(x)), (lambda x: LAMBDA * (1 if x > 0 else ALPHA * mp.exp(x)),)),
    "gelu":         Function(F.gelu,        lambda x: x * phi(x),   (lambda x: phi(x) + x * bell(x),), near=(0, -0.7517915246935645)),
    "gelu, tanh":   Function(lambda x: F.gelu(x, "tanh"), lambda x: x * tanh_phi(x), (slope_of_tanh_gelu,), near=(0, -0.7524614220710162)),
    "silu":         Function(F.silu,        lambda x: x * sigmoid(x), (lambda x: sigmoid(x) * (1 + x * sigmoid(-x)),), near=(0, -1.2784645427610738)),
    "hard_sigmoid": Function(F.hard_sigmoid, lambda x: min(max(x / 6 + mp.mpf(0.5), 0), 1), (lambda x: mp.mpf(abs(x) <= 3) / 6,), near=(-3, 0, 3)),
    "sinc":         Function(np.sinc,       sinc,                   (slope_of_sinc,), -1e6, 1e6, (0, 1, 1.430296653124203)),
}
BINARY: dict[str, Function] = {
    "add":          Function(np.add,        lambda a, b: a + b,     (one, one)),
    "subtract":     Function(np.subtract,   lambda a, b: a - b,     (one, lambda a, b: mp.mpf(-1))),
    "multiply":     Function(np.multiply,   lambda a, b: a * b,     (lambda a, b: b, lambda a, b: a)),
    "divide":       Function(np.divide,     lambda a, b: a / b,     (lambda a, b: 1 / b, lambda a, b: -a / b / b)),
    "power":        Function(np.power,      lambda a, b: a**b,      (lambda a, b: b * a**(b - 1), lambda a, b: a**b * mp.log(a)), 1e-3, 1e3),
    "remainder":    Function(np.remainder,  lambda a, b: a - b * mp.floor(a / b), (one, lambda a, b: -mp.floor(a / b)), 1e-3, 1e3),
    "fmod":         Function(np.fmod,       lambda a, b: a - b * mp.floor(a / b), (one, lambda a, b: -mp.floor(a / b)), 1e-3, 1e3),
    "arctan2":      Function(np.arctan2,    mp.atan2,               (lambda a, b: b / (a * a + b * b), lambda a, b: -a / (a * a + b * b))),
    "hypot":        Function(np.hypot,      mp.hypot,               (lambda a, b: a / mp.hypot(a, b), lambda a, b: b / mp.hypot(a, b))),
    "logaddexp":    Function(np.logaddexp,  lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))), (lambda a, b: sigmoid(a - b), lambda a, b: sigmoid(b - a)), -1e6, 1e6),
    "maximum":      Function(np.maximum,    max,                    (lambda a, b: less(b, a), less)),
    "minimum":      Function(np.minimum,    min,                    (less, lambda a, b: less(b, a))),
    "fmax":         Function(np.fmax,       max,                    (lambda a, b: less(b, a), less)),
    "fmin":         Function(np.fmin,       min,                    (less, lambda a, b: less(b, a))),
    "copysign":     Function(np.copysign,   lambda a, b: abs(a) * (mp.sign(b) or 1), (lambda a, b: mp.sign(a) * (mp.sign(b) or 1),)),
}
FUNCTIONS = UNARY | BINARY

# Why more than 4 ulp. "Relative only": an ulp or two of what a sum of gradients feels.
CAUSES = {
    "cbrt":         "3 y² doubles the rounding of NumPy's cbrt in float32",
    "tan":          "1 + y² doubles the rounding of NumPy's tan in float32",
    "tanh":         "1 - y² cancels where y nears ±1: relative only, an ulp of 1",
    "sigmoid":      "1 - y cancels where y nears 1: relative only, an ulp of 1 (y sigmoid(-x) costs an exp)",
    "erf":          "x² is rounded before exp(-x²): x² ulp, of what is hardly more than 0",
    "gelu":         "1 + erf cancels on the left: relative only, an ulp of 1, as in PyTorch",
    "gelu, tanh":   "1 + tanh cancels on the left, 1 - y² on the right, times x: relative only",
    "silu":         "1 - sigmoid(x) cancels, times x; sigmoid(x) subnormal; the gradient has a zero at -1.28",
    "sinc":         "values are NumPy's sin(πx), where πx is rounded; the gradient has a zero at 1.43",
    "divide":       "a / b is subnormal before it is divided by b again",
    "power":        "b - 1 is rounded before a ** (b - 1)",
    "arctan2":      "the gradient is a subnormal number, rounded twice",
    "logaddexp":    "values are NumPy's; a - b is rounded before an exp",
}
# fmt: on

# ----- Where they are measured -----


def points(f: Function, dtype: Any, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Give arguments of all magnitudes, in [-20, 20], and ever nearer to the hard points."""
    limits = np.finfo(dtype)
    low, high = (np.log10(np.longdouble(x)) for x in (limits.smallest_subnormal, limits.max))
    sizes = np.minimum(10 ** np.linspace(low, high, count), np.longdouble(limits.max))
    steps = 10 ** np.linspace(-18, 0, count // 2)
    parts = [sizes, -sizes, np.linspace(-20, 20, count), np.linspace(-120, 120, count // 2)]
    parts += [p + s * steps for p in f.near for s in (-1, 1)]
    x = np.concatenate([np.asarray(part, np.longdouble) for part in parts])
    x = np.unique(x.astype(dtype))
    x = x[np.isfinite(x) & (x > f.low) & (x < f.high) & (x != 0)]
    if f not in BINARY.values():
        return [x]
    a = rng.choice(x, 3 * count)
    close = 1 + rng.uniform(-1, 1, a.size) * 10 ** rng.uniform(-7, 0, a.size)
    with np.errstate(over="ignore"):
        near = a * close.astype(dtype)
    b = np.where(rng.uniform(size=a.size) < 0.5, near, rng.choice(x, a.size))
    inside = np.isfinite(b) & (b > f.low) & (b < f.high) & (b != 0)
    return [a[inside], b[inside]]


def reference(f: Reference, at: list[np.ndarray]) -> list[Number]:
    """Compute with 50 digits."""
    return [f(*map(mp.mpf, row)) for row in zip(*(x.tolist() for x in at), strict=True)]


def errors(got: np.ndarray, wanted: list[Number], least: float = 0.0) -> np.ndarray:
    """Give the distance from the truth, in spacings of the dtype at the truth, or at `least`."""
    limits = np.finfo(got.dtype)
    largest, smallest = mp.mpf(float(limits.max)), mp.mpf(float(limits.smallest_subnormal))
    digits = limits.nmant
    result = np.empty(len(wanted))
    for i, (y, z) in enumerate(zip(got.tolist(), wanted, strict=True)):
        if abs(z) > largest:
            result[i] = 0 if abs(y) >= largest and (y > 0) == (z > 0) else INF
            continue
        if not np.isfinite(y):
            result[i] = INF
            continue
        size = max(abs(z), mp.mpf(least))
        ulp = max(smallest, mp.ldexp(1, mp.frexp(size)[1] - 1 - digits)) if size else smallest
        result[i] = float(abs(mp.mpf(y) - z) / ulp)
    return result


@dataclass(frozen=True)
class Worst:
    """The largest error, the argument where it is, and the largest in ulp of 1 or more."""

    error: float
    at: tuple[float, ...]
    of_one: float


def worst(got: np.ndarray, wanted: list[Number], at: list[np.ndarray]) -> Worst:
    """Find the largest error."""
    e = errors(got, wanted)
    i = int(np.argmax(e))
    return Worst(float(e[i]), tuple(float(x[i]) for x in at), float(errors(got, wanted, 1.0).max()))


def measure(f: Function, dtype: Any, count: int) -> tuple[Worst, Worst]:
    """Give the worst value, and the worst gradient by any of the arguments."""
    at = points(f, dtype, count, np.random.default_rng(0))
    xs = [Tensor(x, requires_grad=True) for x in at]
    with np.errstate(all="ignore"):
        y = f.call(*xs)
        y.backward(np.ones(y.shape, dtype))
    value = worst(y.data, reference(f.value, at), at)
    slopes = [
        worst(x.grad.data, reference(slope, at), at)
        for x, slope in zip(xs, f.slopes, strict=False)
        if x.grad is not None
    ]
    return value, max(slopes, key=lambda w: w.error)


# ----- The table -----


def place(at: Sequence[float]) -> str:
    """Write an argument down, short."""
    return ", ".join(f"{x:.2g}" for x in at).replace("e-0", "e-").replace("e+", "e")


def amount(error: float) -> str:
    """Write a number of ulp down; red above a few."""
    text = f"{error:.1f}" if error < 1000 or error == INF else f"{error:.0e}".replace("e+", "e")
    return f"[red]{text}[/red]" if error > FEW else text


def missing() -> list[str]:
    """Name the elementwise primitives that have no reference here."""
    known = {f.call for f in FUNCTIONS.values()}
    ufuncs = [f for f in PRIMITIVES if isinstance(f, np.ufunc) and f is not np.matmul]
    return [f.__name__ for f in ufuncs if f not in known]


def main() -> int:
    """Measure and print; the exit status is 1 if a primitive has no reference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="functions; all by default")
    parser.add_argument("--points", type=int, default=1000, help="in each stretch (1000)")
    parser.add_argument("--all", action="store_true", help="print those below 4 ulp, too")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in FUNCTIONS]:
        parser.error(f"{', '.join(unknown)}: want some of {', '.join(FUNCTIONS)}")
    console = Console(width=80)
    table = Table("function", "", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("value", "at", "gradient", "at", "of 1"):
        table.add_column(column, justify="right", no_wrap=True)
    few, shown = 0, []
    rows = [(name, t) for name in chosen.names or FUNCTIONS for t in (np.float32, np.float64)]
    for name, dtype in track(rows, "measuring", console=console, transient=True):
        value, slope = measure(FUNCTIONS[name], dtype, chosen.points)
        small = max(value.error, slope.error) <= FEW
        few += small
        if chosen.all or chosen.names or not small:
            cells = (amount(value.error), place(value.at), amount(slope.error), place(slope.at))
            table.add_row(name, np.dtype(dtype).str[1:], *cells, amount(slope.of_one))
            shown += [name] * (not small)
    console.print(table)
    for name in dict.fromkeys(shown):
        console.print(f"{name}: {CAUSES.get(name, 'not explained yet')}", highlight=False)
    console.print(f"{len(rows)} measured, {few} within {FEW:g} ulp", highlight=False)
    if lacking := missing():
        console.print(f"without a reference: {', '.join(lacking)}")
    return int(bool(lacking))


if __name__ == "__main__":
    sys.exit(main())
