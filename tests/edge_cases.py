"""What functions answer at their edges, and with which gradient: a table of documented answers.

Where there is a limit, that is the answer; where there is none, NumPy's value and the subgradients
at the top of `autonn/rules.py`. The answers are PyTorch's, but for these, on purpose:

maximum, minimum, fmax, fmin    half to each at a tie (PyTorch's fmax: all to the first)
clip of NaN                     gradient 1, as relu's, maximum's and minimum's (PyTorch's clamp: 0)
abs of NaN                      gradient NaN (PyTorch: 0)
elu, selu of NaN                gradient NaN (PyTorch: that of the right side)
hypot, arctan2                  0 at the origin (PyTorch's hypot: NaN)
hard_sigmoid                    1/6 at -3 and 3, as clip's is 1 at its bounds (PyTorch: 0)
power by the exponent           0 at base 0, for negative exponents, too (PyTorch: -inf)
x ** 0.5 at -0.0                gradient inf (PyTorch: -inf)
median, quantile at ties        one element has it, as in sort (PyTorch's quantile, too; its median
                                shares evenly); a NaN has it, where there is one
binary_cross_entropy            0 by a probability whose logarithm is cut off at -100 (PyTorch
                                divides by at least 1e-12, and gives 1e12)
logit -inf, target 1            BCE with logits is inf (PyTorch: NaN)
expm1, arcsinh, arccosh,        gradients down to subnormal numbers (PyTorch: 0)
sigmoid, silu
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import e, inf, log, nan, pi
from typing import Any

import numpy as np

from autonn import functional as F
from autonn import nn
from autonn.rules import erf, norm, relu, sigmoid
from autonn.rules import softplus as log1p_exp


@dataclass(frozen=True)
class Edge:
    """A call at a point, with its value and the gradient of each argument (of the value's sum).

    Numbers may be functions of np.finfo. With `warns`, NumPy may warn on the way; `ulps` is how near
    the answer must be, where not a few.
    """

    name: str
    function: Any
    call: Callable[..., Any]
    args: tuple[Any, ...]
    value: Any
    gradients: tuple[Any, ...]
    dtypes: str = "efd"
    warns: bool = False
    ulps: int = 0

    def __str__(self) -> str:
        return f"{self.name} of {', '.join(map(written, self.args))}"[:90]


def written(x: Any) -> str:
    """Name a number in a test's name."""
    if isinstance(x, list):
        return f"[{', '.join(map(written, x))}]"
    return x.__name__ if callable(x) else str(x).replace("\n", "")


def named(f: Any) -> str:
    """Name a function or a primitive."""
    return getattr(f, "name", None) or f.__name__


def largest(f: Any) -> float:
    return float(f.max)


def smallest(f: Any) -> float:
    return float(f.smallest_subnormal)


def normal(f: Any) -> float:
    return float(f.tiny)


def far(f: Any) -> float:
    """10,000: what float16 still holds."""
    return 1e4


def minus(x: Callable[[Any], float]) -> Callable[[Any], float]:
    def negative(f: Any) -> float:
        return -x(f)

    negative.__name__ = f"-{x.__name__}"
    return negative


FAR, MAX, TINY, SMALL = far, largest, smallest, normal
DOWN, LEAST = minus(far), minus(largest)
SELU, SELU_0 = 1.0507009873554805, 1.7580993408473768  # the scale, and scale times alpha

# fmt: off

# ----- One argument: (x, value, gradient) -----
UNARY: dict[Any, list[tuple[Any, Any, Any]]] = {
    np.positive:   [(-0.0, -0.0, 1), (inf, inf, 1), (nan, nan, 1), (TINY, TINY, 1)],
    np.conjugate:  [(-0.0, -0.0, 1), (inf, inf, 1), (nan, nan, 1)],
    np.negative:   [(0.0, -0.0, -1), (-0.0, 0.0, -1), (-inf, inf, -1), (nan, nan, -1)],
    np.absolute:   [(0.0, 0.0, 0), (-0.0, 0.0, 0), (-inf, inf, -1), (inf, inf, 1), (nan, nan, nan), (minus(TINY), TINY, -1)],
    np.fabs:       [(0.0, 0.0, 0), (-0.0, 0.0, 0), (-inf, inf, -1), (nan, nan, nan), (TINY, TINY, 1)],
    np.sign:       [(0.0, 0.0, 0), (-inf, -1, 0), (nan, nan, 0), (minus(TINY), -1, 0)],
    np.floor:      [(-0.0, -0.0, 0), (inf, inf, 0), (nan, nan, 0), (minus(TINY), -1, 0), (2.0, 2, 0)],
    np.ceil:       [(0.0, 0.0, 0), (-inf, -inf, 0), (nan, nan, 0), (TINY, 1, 0), (-0.5, -0.0, 0)],
    np.rint:       [(0.5, 0.0, 0), (1.5, 2, 0), (-0.5, -0.0, 0), (inf, inf, 0), (nan, nan, 0)],
    np.trunc:      [(-0.5, -0.0, 0), (inf, inf, 0), (nan, nan, 0), (1.5, 1, 0)],
    np.deg2rad:    [(0.0, 0.0, pi / 180), (inf, inf, pi / 180), (nan, nan, pi / 180)],
    np.radians:    [(-0.0, -0.0, pi / 180), (180.0, pi, pi / 180)],
    np.rad2deg:    [(0.0, 0.0, 180 / pi), (-inf, -inf, 180 / pi), (MAX, inf, 180 / pi)],
    np.degrees:    [(-0.0, -0.0, 180 / pi), (nan, nan, 180 / pi)],
    np.exp:        [(0.0, 1, 1), (-0.0, 1, 1), (FAR, inf, inf), (DOWN, 0.0, 0), (inf, inf, inf), (-inf, 0.0, 0), (nan, nan, nan), (TINY, 1, 1)],
    np.exp2:       [(0.0, 1, log(2)), (FAR, inf, inf), (DOWN, 0.0, 0), (-inf, 0.0, 0), (nan, nan, nan)],
    np.expm1:      [(0.0, 0.0, 1), (-0.0, -0.0, 1), (DOWN, -1, 0), (-inf, -1, 0), (FAR, inf, inf), (nan, nan, nan), (TINY, TINY, 1)],
    np.log:        [(0.0, -inf, inf), (-0.0, -inf, -inf), (1.0, 0.0, 1), (inf, inf, 0), (-1.0, nan, -1), (nan, nan, nan)],
    np.log2:       [(0.0, -inf, inf), (1.0, 0.0, 1 / log(2)), (inf, inf, 0), (-1.0, nan, -1 / log(2)), (nan, nan, nan)],
    np.log10:      [(0.0, -inf, inf), (1.0, 0.0, 1 / log(10)), (inf, inf, 0), (nan, nan, nan)],
    np.log1p:      [(0.0, 0.0, 1), (-0.0, -0.0, 1), (-1.0, -inf, inf), (TINY, TINY, 1), (inf, inf, 0), (-2.0, nan, -1), (nan, nan, nan)],
    np.sqrt:       [(0.0, 0.0, inf), (-0.0, -0.0, -inf), (1.0, 1, 0.5), (inf, inf, 0), (-1.0, nan, nan), (nan, nan, nan)],
    np.cbrt:       [(0.0, 0.0, inf), (-0.0, -0.0, inf), (-8.0, -2, 1 / 12), (-inf, -inf, 0), (nan, nan, nan)],
    np.square:     [(-0.0, 0.0, 0), (-inf, inf, -inf), (nan, nan, nan), (TINY, 0.0, lambda f: 2 * TINY(f)), (LEAST, inf, -inf)],
    np.reciprocal: [(0.0, inf, -inf), (-0.0, -inf, -inf), (inf, 0.0, 0), (-inf, -0.0, 0), (nan, nan, nan), (TINY, inf, -inf)],
    np.sin:        [(0.0, 0.0, 1), (-0.0, -0.0, 1), (TINY, TINY, 1), (inf, nan, nan), (nan, nan, nan)],
    np.cos:        [(0.0, 1, 0), (-0.0, 1, 0), (inf, nan, nan), (nan, nan, nan)],
    np.tan:        [(0.0, 0.0, 1), (-0.0, -0.0, 1), (TINY, TINY, 1), (inf, nan, nan), (nan, nan, nan)],
    np.arcsin:     [(0.0, 0.0, 1), (-0.0, -0.0, 1), (1.0, pi / 2, inf), (-1.0, -pi / 2, inf), (2.0, nan, nan), (nan, nan, nan)],
    np.arccos:     [(0.0, pi / 2, -1), (1.0, 0.0, -inf), (-1.0, pi, -inf), (-2.0, nan, nan), (nan, nan, nan)],
    np.arctan:     [(-0.0, -0.0, 1), (inf, pi / 2, 0), (-inf, -pi / 2, 0), (MAX, pi / 2, 0), (nan, nan, nan)],
    np.sinh:       [(-0.0, -0.0, 1), (TINY, TINY, 1), (FAR, inf, inf), (-inf, -inf, inf), (nan, nan, nan)],
    np.cosh:       [(0.0, 1, 0), (-0.0, 1, 0), (DOWN, inf, -inf), (inf, inf, inf), (nan, nan, nan)],
    np.tanh:       [(0.0, 0.0, 1), (-0.0, -0.0, 1), (FAR, 1, 0), (DOWN, -1, 0), (inf, 1, 0), (-inf, -1, 0), (nan, nan, nan), (TINY, TINY, 1)],
    np.arcsinh:    [(0.0, 0.0, 1), (-0.0, -0.0, 1), (inf, inf, 0), (-inf, -inf, 0), (nan, nan, nan), (TINY, TINY, 1)],
    np.arccosh:    [(1.0, 0.0, inf), (inf, inf, 0), (0.5, nan, nan), (-2.0, nan, nan), (nan, nan, nan)],
    np.arctanh:    [(0.0, 0.0, 1), (-0.0, -0.0, 1), (1.0, inf, inf), (-1.0, -inf, inf), (2.0, nan, -1 / 3), (nan, nan, nan)],
    np.sinc:       [(0.0, 1, 0), (-0.0, 1, 0), (nan, nan, nan)],
    np.nan_to_num: [(nan, 0.0, 0), (inf, MAX, 0), (-inf, LEAST, 0), (-0.0, -0.0, 1)],
    erf:           [(0.0, 0.0, 2 / pi**0.5), (-0.0, -0.0, 2 / pi**0.5), (inf, 1, 0), (-inf, -1, 0), (50.0, 1, 0), (nan, nan, nan), (SMALL, lambda f: 2 / pi**0.5 * SMALL(f), 2 / pi**0.5)],
    relu:          [(0.0, 0.0, 0), (-0.0, 0, 0), (TINY, TINY, 1), (minus(TINY), 0.0, 0), (inf, inf, 1), (-inf, 0.0, 0), (nan, nan, 1)],
    sigmoid:       [(0.0, 0.5, 0.25), (-0.0, 0.5, 0.25), (FAR, 1, 0), (DOWN, 0.0, 0), (inf, 1, 0), (-inf, 0.0, 0), (LEAST, 0.0, 0), (nan, nan, nan)],
    log1p_exp:     [(0.0, log(2), 0.5), (FAR, FAR, 1), (DOWN, 0.0, 0), (inf, inf, 1), (-inf, 0.0, 0), (MAX, MAX, 1), (nan, nan, nan)],
    F.softplus:    [(0.0, log(2), 0.5), (FAR, FAR, 1), (DOWN, 0.0, 0), (inf, inf, 1), (-inf, 0.0, 0), (nan, nan, nan)],
    F.tanh:        [(FAR, 1, 0), (DOWN, -1, 0), (-0.0, -0.0, 1), (nan, nan, nan)],
    F.leaky_relu:  [(0.0, 0.0, 0.01), (-0.0, -0.0, 0.01), (FAR, FAR, 1), (DOWN, -100, 0.01), (inf, inf, 1), (-inf, -inf, 0.01), (nan, nan, 0.01)],
    F.elu:         [(0.0, 0.0, 1), (-0.0, -0.0, 1), (FAR, FAR, 1), (DOWN, -1, 0), (inf, inf, 1), (-inf, -1, 0), (nan, nan, nan)],
    F.selu:        [(0.0, 0.0, SELU_0), (FAR, SELU * 1e4, SELU), (DOWN, -SELU_0, 0), (inf, inf, SELU), (-inf, -SELU_0, 0), (nan, nan, nan)],
    F.gelu:        [(0.0, 0.0, 0.5), (-0.0, -0.0, 0.5), (200.0, 200, 1), (-200.0, -0.0, 0), (inf, inf, nan), (-inf, nan, nan), (nan, nan, nan)],
    F.silu:        [(0.0, 0.0, 0.5), (-0.0, -0.0, 0.5), (FAR, FAR, 1), (DOWN, -0.0, 0), (LEAST, -0.0, 0), (inf, inf, nan), (-inf, nan, nan), (nan, nan, nan)],
    F.hard_sigmoid: [(0.0, 0.5, 1 / 6), (3.0, 1, 1 / 6), (-3.0, 0, 1 / 6), (FAR, 1, 0), (DOWN, 0, 0), (inf, 1, 0), (-inf, 0, 0), (nan, nan, 1 / 6)],
}

# ----- Two: (a, b, value, gradient of a, gradient of b) -----
BINARY: dict[Any, list[tuple[Any, Any, Any, Any, Any]]] = {
    np.add:         [(inf, -inf, nan, 1, 1), (MAX, MAX, inf, 1, 1), (-0.0, 0.0, 0.0, 1, 1), (nan, 1.0, nan, 1, 1)],
    np.subtract:    [(inf, inf, nan, 1, -1), (0.0, 0.0, 0.0, 1, -1), (TINY, TINY, 0.0, 1, -1)],
    np.multiply:    [(0.0, inf, nan, inf, 0), (-0.0, 1.0, -0.0, 1, 0), (nan, 0.0, nan, 0, nan), (TINY, TINY, 0.0, TINY, TINY)],
    np.true_divide: [(0.0, 0.0, nan, inf, nan), (1.0, 0.0, inf, inf, -inf), (1.0, -0.0, -inf, -inf, -inf), (0.0, 1.0, 0.0, 1, 0), (1.0, inf, 0.0, 0, 0),
                     (inf, inf, nan, 0, nan), (nan, 1.0, nan, 1, nan)],
    np.power:       [(0.0, 0.0, 1, 0, 0), (0.0, 1.0, 0.0, 1, 0), (0.0, 2.0, 0.0, 0, 0), (0.0, 0.5, 0.0, inf, 0), (0.0, -1.0, inf, -inf, 0), (-2.0, 3.0, -8, 12, nan),
                     (-8.0, 0.25, nan, nan, nan), (1.0, inf, 1, inf, 0), (2.0, 0.0, 1, 0, log(2)), (nan, 1.0, nan, 1, nan), (2.0, -inf, 0.0, nan, 0)],
    np.remainder:   [(1.0, inf, 1, 1, 0), (0.0, 1.0, 0.0, 1, 0), (-1.0, 3.0, 2, 1, 1), (nan, 1.0, nan, 1, nan)],
    np.fmod:        [(1.0, inf, 1, 1, 0), (-1.0, 3.0, -1, 1, 0), (7.0, -2.0, 1, 1, 3), (nan, 1.0, nan, 1, nan)],
    np.arctan2:     [(0.0, 0.0, 0.0, 0, 0), (0.0, -0.0, pi, 0, 0), (-0.0, -1.0, -pi, -1, 0), (1.0, 0.0, pi / 2, 0, -1), (inf, 1.0, pi / 2, 0, nan), (1.0, -inf, pi, nan, 0),
                     (nan, 1.0, nan, nan, nan)],
    np.hypot:       [(0.0, 0.0, 0.0, 0, 0), (-0.0, 0.0, 0.0, 0, 0), (0.0, -2.0, 2, 0, -1), (inf, 1.0, inf, nan, 0), (TINY, 0.0, TINY, 1, 0), (nan, inf, inf, nan, nan),
                     (MAX, MAX, inf, 0.5**0.5, 0.5**0.5), (TINY, TINY, TINY, 0.5**0.5, 0.5**0.5)],
    np.logaddexp:   [(0.0, 0.0, log(2), 0.5, 0.5), (FAR, DOWN, FAR, 1, 0), (-inf, 0.0, 0.0, 0, 1), (-inf, -inf, -inf, nan, nan), (nan, 1.0, nan, nan, nan)],
    np.maximum:     [(0.0, 0.0, 0.0, 0.5, 0.5), (inf, inf, inf, 0.5, 0.5), (-inf, TINY, TINY, 0, 1), (nan, 1.0, nan, 1, 1), (1.0, nan, nan, 1, 1)],
    np.minimum:     [(0.0, 0.0, 0.0, 0.5, 0.5), (-inf, -inf, -inf, 0.5, 0.5), (inf, TINY, TINY, 0, 1), (nan, 1.0, nan, 1, 1)],
    np.fmax:        [(1.0, 1.0, 1, 0.5, 0.5), (-inf, 2.0, 2, 0, 1), (nan, nan, nan, 0, 0)],
    np.fmin:        [(1.0, 1.0, 1, 0.5, 0.5), (inf, 2.0, 2, 0, 1), (nan, nan, nan, 0, 0)],
    np.copysign:    [(2.0, -1.0, -2, -1, None), (-inf, 1.0, inf, -1, None), (0.0, -1.0, -0.0, 0, None), (nan, 1.0, nan, nan, None)],
}
# fmt: on

# ----- Rows of numbers: a name, a function, a call, the arguments, the value, the gradients -----


def numbers(*values: float) -> Callable[[Any], np.ndarray]:
    """Make an array in the dtype of the logits."""
    return lambda x: np.array(values, x.dtype)


def softened(target: float, **options: Any) -> Callable[..., Any]:
    """Give the BCE of a logit."""
    return lambda x: F.binary_cross_entropy_with_logits(x, numbers(target)(x), **options)


def probable(target: float) -> Callable[..., Any]:
    """Give the BCE of a probability."""
    return lambda x: F.binary_cross_entropy(x, numbers(target)(x))


def against_zeros(loss: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: loss(x, np.zeros(x.shape, x.dtype))


def classes(*target: int, **options: Any) -> Callable[..., Any]:
    return lambda x: F.cross_entropy(x, list(target), **options)


def at(i: int, f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: f(x)[i]


# fmt: off
MIXED = [True, False]
bce, bce_logits, ce, kl = F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.cross_entropy, F.kl_div
ROWS: list[Edge] = [Edge(*row) for row in (
    # Activations with a parameter, and sums of exponentials
    ("softplus, beta 2",      F.softplus,   lambda x: F.softplus(x, 2.0), (DOWN,), 0.0, (0,)),
    ("gelu, tanh",            F.gelu,       lambda x: F.gelu(x, "tanh"), (100.0,), 100, (1,)),
    ("gelu, tanh",            F.gelu,       lambda x: F.gelu(x, "tanh"), (DOWN,), -0.0, (0,), "fd"),
    ("logsumexp",             F.logsumexp,  F.logsumexp, ([FAR, FAR],), lambda f: 1e4 + log(2), ([0.5, 0.5],)),
    ("logsumexp",             F.logsumexp,  F.logsumexp, ([DOWN, FAR],), FAR, ([0, 1],)),
    ("logsumexp",             F.logsumexp,  F.logsumexp, ([-inf, 0.0],), 0.0, ([0, 1],)),
    ("logsumexp",             F.logsumexp,  F.logsumexp, ([inf, 0.0],), inf, ([nan, 0],)),
    ("logsumexp",             F.logsumexp,  F.logsumexp, ([-inf, -inf],), -inf, ([nan, nan],)),
    ("logsumexp",             F.logsumexp,  F.logsumexp, ([nan, 0.0],), nan, ([nan, nan],)),
    ("softmax[0]",            F.softmax,    at(0, F.softmax), ([FAR, FAR],), 0.5, ([0.25, -0.25],)),
    ("softmax[0]",            F.softmax,    at(0, F.softmax), ([DOWN, FAR],), 0.0, ([0, 0],)),
    ("softmax[0]",            F.softmax,    at(0, F.softmax), ([-inf, 0.0],), 0.0, ([0, 0],)),
    ("softmax[0]",            F.softmax,    at(0, F.softmax), ([-inf, -inf],), nan, ([nan, nan],)),
    ("softmax[0]",            F.softmax,    at(0, F.softmax), ([inf, 0.0],), nan, ([nan, nan],)),
    ("log_softmax[0]",        F.log_softmax, at(0, F.log_softmax), ([0.0, 0.0],), -log(2), ([0.5, -0.5],)),
    ("log_softmax[0]",        F.log_softmax, at(0, F.log_softmax), ([DOWN, FAR],), -2e4, ([1, -1],)),
    ("log_softmax[0]",        F.log_softmax, at(0, F.log_softmax), ([-inf, 0.0],), -inf, ([1, -1],)),

    # Losses
    ("BCE, logits, target 1", bce_logits,   softened(1.0), ([FAR],), 0.0, ([0],)),
    ("BCE, logits, target 1", bce_logits,   softened(1.0), ([DOWN],), FAR, ([-1],)),
    ("BCE, logits, target 0", bce_logits,   softened(0.0), ([FAR],), FAR, ([1],)),
    ("BCE, logits, target 1", bce_logits,   softened(1.0), ([-inf],), inf, ([-1],)),
    ("BCE, logits, target 0", bce_logits,   softened(0.0), ([inf],), inf, ([1],)),
    ("BCE, logits, target 1/2", bce_logits, softened(0.5), ([FAR],), 5e3, ([0.5],)),
    ("BCE, logits",           bce_logits,   softened(0.5), ([nan],), nan, ([nan],)),
    ("BCE, target 1",         bce,          probable(1.0), ([1.0],), 0.0, ([-1],)),
    ("BCE, target 1",         bce,          probable(1.0), ([0.0],), 100, ([0],)),
    ("BCE, target 0",         bce,          probable(0.0), ([0.0],), 0.0, ([1],)),
    ("BCE, target 0",         bce,          probable(0.0), ([1.0],), 100, ([0],)),
    ("BCE, target 1/2",       bce,          probable(0.5), ([1.0],), 50, ([-0.5],)),
    ("cross_entropy",         ce,           classes(0), ([[FAR, DOWN]],), 0.0, ([[0, 0]],)),
    ("cross_entropy",         ce,           classes(1), ([[FAR, DOWN]],), 2e4, ([[1, -1]],)),
    ("cross_entropy",         ce,           classes(0), ([[0.0, -inf]],), 0.0, ([[0, 0]],)),
    ("cross_entropy",         ce,           classes(1), ([[0.0, -inf]],), inf, ([[1, -1]],)),
    ("cross_entropy, ignored", ce,          classes(-100, 0), ([[5.0, 5.0], [0.0, 0.0]],), log(2), ([[0, 0], [-0.5, 0.5]],)),
    ("cross_entropy, smooth", ce,           classes(0, label_smoothing=0.1), ([[FAR, DOWN]],), 1000, ([[0.05, -0.05]],)),
    ("cross_entropy of none", ce,           lambda x: F.cross_entropy(x, np.zeros(0, int), reduction="sum"), (np.zeros((0, 3)),), 0.0, (np.zeros((0, 3)),)),
    ("nll_loss",              F.nll_loss,   lambda x: F.nll_loss(x, [0]), ([[-inf, 0.0]],), inf, ([[-1, 0]],)),
    ("mse_loss",              F.mse_loss,   against_zeros(F.mse_loss), ([FAR],), 1e8, ([2e4],)),
    ("mse_loss of none",      F.mse_loss,   lambda x: F.mse_loss(x, np.zeros(0, x.dtype), "sum"), ([],), 0.0, ([],)),
    ("half_squared_error",    F.half_squared_error, against_zeros(F.half_squared_error), ([DOWN],), 5e7, ([DOWN],)),
    ("l1_loss",               F.l1_loss,    against_zeros(F.l1_loss), ([FAR, 0.0, -0.0, DOWN],), 5e3, ([0.25, 0, 0, -0.25],)),
    ("huber_loss",            F.huber_loss, against_zeros(F.huber_loss), ([FAR, 0.0, 1.0, -1.0],), (1e4 + 0.5) / 4, ([0.25, 0, 0.25, -0.25],)),
    ("kl_div",                kl,           lambda x: kl(x, numbers(1.0, 0.0)(x)), ([-1e3, DOWN],), 500, ([-0.5, 0],)),
    ("kl_div, log_target",    kl,           lambda x: kl(x, numbers(0.0, -1e4)(x), log_target=True), ([DOWN, DOWN],), 5e3, ([-0.5, 0],)),
    ("hinge_loss",            F.hinge_loss, lambda x: F.hinge_loss(x, numbers(1.0, -1.0, 1.0)(x)), ([FAR, FAR, 1.0],), 10001 / 3, ([0, 1 / 3, 0],)),

    # Reductions
    ("sum of none",           np.sum,       np.sum, ([],), 0.0, ([],)),
    ("prod of none",          np.prod,      np.prod, ([],), 1, ([],)),
    ("mean of none",          np.mean,      np.mean, ([],), nan, ([],)),
    ("var of none",           np.var,       np.var, ([],), nan, ([],)),
    ("norm of none",          np.linalg.norm, np.linalg.norm, ([],), 0.0, ([],)),
    ("mean, large",           np.mean,      np.mean, ([6e4] * 4,), 6e4, ([0.25] * 4,)),
    ("max, tie",              np.max,       np.max, ([1.0, 3.0, 3.0],), 3, ([0, 0.5, 0.5],)),
    ("max",                   np.max,       np.max, ([inf, inf, 1.0],), inf, ([0.5, 0.5, 0],)),
    ("max",                   np.max,       np.max, ([-inf, -inf],), -inf, ([0.5, 0.5],)),
    ("max",                   np.max,       np.max, ([1.0, nan],), nan, ([nan, nan],)),
    ("min, tie",              np.min,       np.min, ([0.0, -0.0],), 0, ([0.5, 0.5],)),
    ("min",                   np.min,       np.min, ([1.0, nan],), nan, ([nan, nan],)),
    ("ptp, tie",              np.ptp,       np.ptp, ([2.0, 2.0],), 0.0, ([0, 0],)),
    ("nanmax",                np.nanmax,    np.nanmax, ([1.0, nan, 3.0],), 3, ([0, 0, 1],)),
    ("nanmin",                np.nanmin,    np.nanmin, ([1.0, nan, 3.0],), 1, ([1, 0, 0],)),
    ("nansum",                np.nansum,    np.nansum, ([nan, 2.0],), 2, ([0, 1],)),
    ("nanmean",               np.nanmean,   np.nanmean, ([1.0, nan, 3.0],), 2, ([0.5, 0, 0.5],)),
    ("nanmean of none",       np.nanmean,   np.nanmean, ([nan, nan],), nan, ([0, 0],)),
    ("median, tie",           np.median,    np.median, ([2.0, 2.0, 1.0],), 2, ([1, 0, 0],)),
    ("var of one",            np.var,       np.var, ([3.0],), 0.0, ([0],)),
    ("std of one",            np.std,       np.std, ([3.0],), 0.0, ([0],)),
    ("std of equals",         np.std,       np.std, ([3.0, 3.0],), 0.0, ([0, 0],)),
    ("var of one, ddof 1",    np.var,       lambda x: np.var(x, ddof=1), ([3.0],), nan, ([nan],)),
    ("std, wide",             np.std,       np.std, ([1000.0, -1000.0],), 1000, ([0.5, -0.5],)),
    ("norm, origin",          norm,         np.linalg.norm, ([0.0, -0.0],), 0.0, ([0, 0],)),
    ("norm, order 1, origin", np.linalg.norm, lambda x: np.linalg.norm(x, 1), ([0.0, 2.0],), 2, ([0, 1],)),
    ("norm, order 3, origin", np.linalg.norm, lambda x: np.linalg.norm(x, 3), ([0.0, 0.0],), 0.0, ([0, 0],)),
    ("norm, order inf, tie",  np.linalg.norm, lambda x: np.linalg.norm(x, inf), ([2.0, -2.0],), 2, ([0.5, -0.5],)),
    ("prod, one zero",        np.prod,      np.prod, ([0.0, 2.0, 3.0],), 0.0, ([6, 0, 0],)),
    ("prod, two zeros",       np.prod,      np.prod, ([0.0, 0.0, 3.0],), 0.0, ([0, 0, 0],)),
    ("cumprod, zeros",        np.cumprod,   np.cumprod, ([2.0, 0.0, 3.0, 0.0],), [2, 0, 0, 0], ([1, 8, 0, 0],)),
    ("cumsum",                np.cumsum,    np.cumsum, ([inf, 1.0, -inf],), [inf, inf, nan], ([3, 2, 1],)),
    ("sort, tie and NaN",     np.sort,      lambda x: np.sort(x)[0], ([nan, 2.0, 2.0],), 2, ([0, 1, 0],)),

    # Choices
    ("where, inf beside",     np.where,     lambda a, b: np.where(MIXED, a, b), ([1.0, inf], [nan, 2.0]), [1, 2], ([1, 0], [0, 1])),
    ("where, guarded log",    np.where,     lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0), ([0.0, 1.0],), [0, 0], ([0, 1],)),
    ("clip",                  np.clip,      lambda x: np.clip(x, -1, 1), ([-inf, -1.0, 1.0, inf, nan],), [-1, -1, 1, 1, nan], ([0, 1, 1, 0, 1],)),
    ("clip, no bounds",       np.clip,      lambda x: np.clip(x, -inf, inf), ([-inf, inf, 0.0],), [-inf, inf, 0], ([1, 1, 1],)),
    ("clip, one bound",       np.clip,      lambda x: np.clip(x, None, 0.0), ([-inf, inf, -0.0],), [-inf, 0, 0], ([1, 0, 1],)),
    ("clip, crossed bounds",  np.clip,      lambda x: np.clip(x, 1.0, -1.0), ([0.0, 2.0, -2.0],), [-1, -1, -1], ([0, 0, 0],)),
    ("clip, its bounds",      np.clip,      np.clip, ([-2.0, 0.0, 2.0], -1.0, 1.0), [-1, 0, 1], ([0, 1, 0], 1, 1)),
    ("mean of 70,000 rows",  np.add,       lambda x: np.mean(np.square(x + np.ones((70_000, 1), x.dtype))), ([1.0, 5.0],), 20, ([2, 6],), "e"),
    ("logaddexp",            np.logaddexp, np.logaddexp, (FAR, FAR), lambda f: 1e4 + log(2), (0.5, 0.5), "efd"),
    ("logaddexp",            np.logaddexp, np.logaddexp, (MAX, MAX), MAX, (0.5, 0.5), "efd"),
    ("logaddexp",            np.logaddexp, np.logaddexp, (inf, 1.0), inf, (1, 0), "efd"),
    ("fmax",                 np.fmax,      np.fmax, (nan, 1.0), 1, (0, 1), "efd"),
    ("fmax",                 np.fmax,      np.fmax, (1.0, nan), 1, (1, 0), "efd"),
    ("fmin",                 np.fmin,      np.fmin, (nan, 1.0), 1, (0, 1), "efd"),
    ("copysign",             np.copysign,  np.copysign, (2.0, 0.0), 2, (1, None), "efd"),
    ("copysign",             np.copysign,  np.copysign, (2.0, -0.0), -2, (-1, None), "efd"),
    ("fmod",                 np.fmod,      np.fmod, (31.2, 1.3), 1.2999999999999983, (1, -23), "d"),
    ("norm, tiny",           norm,         np.linalg.norm, ([1e-4, 0.0],), 1e-4, ([1, 0],), "e"),
    ("log_softmax[0]",       F.log_softmax, at(0, F.log_softmax), ([FAR, FAR],), -log(2), ([0.5, -0.5],), "efd"),
    ("log_softmax[0]",       F.log_softmax, at(0, F.log_softmax), ([100.0, 100.0],), -log(2), ([0.5, -0.5],), "e"),
    ("cross_entropy",        F.cross_entropy, classes(0), ([[FAR, FAR]],), log(2), ([[-0.5, 0.5]],), "efd"),
    ("norm, large",          norm,         np.linalg.norm, ([300.0, 400.0],), 500, ([0.6, 0.8],), "e"),
    ("gelu, tanh",           F.gelu,       lambda x: F.gelu(x, "tanh"), (FAR,), FAR, (1,), "e"),
    ("gelu, tanh",           F.gelu,       lambda x: F.gelu(x, "tanh"), (MAX,), MAX, (1,), "efd"),
    ("sqrt of relu",         relu,         lambda x: np.sqrt(relu(x)), (-1.0,), 0.0, (0,), "efd", True),
    ("sqrt of maximum",      np.maximum,   lambda x: np.sqrt(np.maximum(x, 0)), (-1.0,), 0.0, (0,), "efd", True),
    ("sqrt of clip",         np.clip,      lambda x: np.sqrt(np.clip(x, 0, None)), (-1.0,), 0.0, (0,), "efd", True),
    ("log of floor",         np.floor,     lambda x: np.log(np.floor(x)), (0.5,), -inf, (0,), "efd", True),
    ("cross_entropy, ignored", F.cross_entropy, classes(-100, 0), ([[-inf, 5.0], [0.0, 0.0]],), log(2), ([[0, 0], [-0.5, 0.5]],), "efd"),
    ("cross_entropy, all ignored", F.cross_entropy, classes(-100), ([[1.0, 2.0]],), nan, ([[0, 0]],), "efd"),
    ("huber_loss",           F.huber_loss, against_zeros(F.huber_loss), ([inf],), inf, ([1],), "efd"),
    ("erf",                  erf,          erf, (MAX,), 1, (0,), "efd"),
    ("gelu",                 F.gelu,       F.gelu, (FAR,), FAR, (1,), "e"),
    ("gelu",                 F.gelu,       F.gelu, (LEAST,), -0.0, (0,), "efd"),
    ("log10",                np.log10,     np.log10, (MAX,), lambda f: np.log10(f.max), (lambda f: 1 / log(10) / float(f.max),), "efd"),
    ("mse of 70,000 rows",   F.mse_loss,   lambda x: F.mse_loss(x * np.ones((70_000, 1), x.dtype), np.zeros((70_000, 2), x.dtype)), ([1.0, 5.0],), 13, ([1, 5],), "ef", False, 200),
    # Near 0, at NaN, and near the ends of what a dtype holds
    ("sinc near 0",          np.sinc,      np.sinc, (1e-5,), 1 - pi**2 * 1e-10 / 6, (-pi**2 * 1e-5 / 3 + pi**4 * 1e-15 / 30,), "fd"),
    ("sinc near 0",          np.sinc,      np.sinc, (TINY,), 1, (lambda f: -3 * TINY(f),), "efd"),
    ("norm, order -1",       np.linalg.norm, lambda x: np.linalg.norm(x, -1), ([0.0, 2.0],), 0.0, ([0, 0],), "efd", True),
    ("median",               np.median,    np.median, ([nan, 1.0, 2.0, 3.0],), nan, ([1, 0, 0, 0],), "efd"),
    ("median",               np.median,    np.median, ([1.0, 2.0, inf],), 2, ([0, 1, 0],), "efd"),
    ("quantile",             np.quantile,  lambda x: np.quantile(x, 0.0), ([1.0, 2.0, nan],), nan, ([0, 0, 1],), "efd"),
    ("nanmax of none",       np.nanmax,    np.nanmax, ([nan, nan],), nan, ([0, 0],), "efd"),
    ("nanmin of none",       np.nanmin,    np.nanmin, ([nan, nan],), nan, ([0, 0],), "efd"),
    ("cumprod",              np.cumprod,   np.cumprod, ([0.0, MAX, 1000.0],), [0, 0, 0], ([inf, 0, 0],), "efd"),
    ("LayerNorm",            nn.LayerNorm, lambda x: nn.LayerNorm(2, affine=False)(x), ([1000.0, -1000.0],), [1, -1], ([0, 0],), "e"),
    ("RMSNorm",              nn.RMSNorm,   lambda x: nn.RMSNorm(2, affine=False)(x), ([1000.0, -1000.0],), [1, -1], ([1e-3, 1e-3],), "e"),
    ("softmax of 70,000",    F.softmax,    lambda x: np.sum(F.softmax(x)[:7] * 1e4), (np.zeros(70_000),), 1, (None,), "e"),
    ("cross_entropy, many",  F.cross_entropy, lambda x: F.cross_entropy(x, np.zeros(40_000, int)), (np.tile([0.0, 5.0], (40_000, 1)),), log(1 + e**5), (None,), "e"),
    ("x ** 0",               np.power,     lambda x: x**0, (TINY,), 1, (0,), "efd"),
    ("x ** 0",               np.power,     lambda x: x**0, (nan,), 1, (0,), "efd"),
    ("softplus, beta 2",     F.softplus,   lambda x: F.softplus(x, 2.0), (MAX,), MAX, (1,), "efd"),
    ("arctan2",              np.arctan2,   np.arctan2, (MAX, MAX), pi / 4, (lambda f: 0.5 / float(f.max), lambda f: -0.5 / float(f.max)), "fd"),
    ("logits, far apart",    F.softmax,    at(0, F.softmax), ([6e4, -6e4],), 1, ([0, 0],), "e"),
    ("median",               np.median,    np.median, ([1.0, inf, inf],), inf, ([0, 1, 0],), "efd"),
    ("interp, a jump",       np.interp,    lambda x: np.interp(x, *np.array([[0, 1, 1], [0, 1, 3]], x.dtype)), ([0.5, 1.0, nan],), [0.5, 3, nan], ([1, 0, 0],), "efd"),
    ("interp, a point",      np.interp,    lambda x: np.interp(x, *np.array([[1], [3]], x.dtype)), ([0.5, 1.0],), [3, 3], ([0, 0],), "efd"),
    ("median of none",       np.median,    lambda x: np.median(np.sort(x)[:1]), ([nan, nan],), nan, ([1, 0],), "efd"),
    ("logsumexp of none",    F.logsumexp,  F.logsumexp, ([],), -inf, ([],), "efd"),
    ("softmax of none",      F.softmax,    F.softmax, ([],), [], ([],), "efd"),
    ("log_softmax of none",  F.log_softmax, F.log_softmax, ([],), [], ([],), "efd"),
)]
# fmt: on


def edges() -> Iterator[Edge]:
    """Give all edges, one dtype each."""
    rows = [
        Edge(named(f), f, f, (x,), y, (g,)) for f, points in UNARY.items() for x, y, g in points
    ]
    rows += [
        Edge(named(f), f, f, (a, b), y, tuple(slopes))
        for f, points in BINARY.items()
        for a, b, y, *slopes in points
    ]
    for edge in (*rows, *ROWS):
        for char in edge.dtypes:
            yield replace(edge, dtypes=char)
