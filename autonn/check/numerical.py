"""Numerical differentiation of functions of one number, with an estimate of its own error."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autonn.arguments import NotNegative, Positive, checked

EPS = float(np.finfo(np.float64).eps)


class Derivative(NamedTuple):
    """A numerical derivative, how far it may be off, and how it was found."""

    value: float
    error: float
    step: float
    method: str
    left: float
    right: float


@checked
def derivative(
    f: Callable[[float], float], scale: Positive = 1.0, terms: NotNegative = 0.0
) -> Derivative:
    """f'(0) by central differences, extrapolated to step 0 (Ridders 1982).

    Steps are halved from `scale`, and if the extrapolation does not settle there (a kink or a pole
    is near), again from a hundredth of it, and so on; the most stable result is taken. Its error is
    never less than f's own rounding makes it, over the step: f rounds as its value does, or as the
    `terms` that it adds up. `left` and `right` are one-sided slopes: where they differ, f has a
    kink; where they grow without limit, it jumps.

    Examples
    --------
    >>> abs(derivative(np.exp).value - 1) < 1e-12
    np.True_
    """
    best = Derivative(np.nan, np.inf, np.nan, "none", np.nan, np.nan)
    for start in (scale / 8, scale / 800, scale / 8e4, scale / 8e6):
        best = min(best, _extrapolated(f, start, terms), key=lambda d: d.error)
        if best.error <= 1e-9 * max(1.0, abs(best.value)):
            break
    h = scale * 2.0**-20
    middle = f(0.0)
    return best._replace(left=(middle - f(-h)) / h, right=(f(h) - middle) / h)


def _extrapolated(f: Callable[[float], float], h: float, terms: float, rows: int = 6) -> Derivative:
    best = Derivative(np.nan, np.inf, np.nan, "none", np.nan, np.nan)
    row: list[float] = []
    for _ in range(rows):
        after, before = f(h), f(-h)
        rounding = EPS * max(terms, abs(after), abs(before)) / h
        new = [(after - before) / (2 * h)]
        for m, old in enumerate(row):
            new.append(new[m] + (new[m] - old) / (4 ** (m + 1) - 1))
            error = max(abs(new[-1] - new[-2]), abs(new[-1] - old), rounding)
            if error < best.error:
                best = Derivative(new[-1], error, h, "central differences", np.nan, np.nan)
        row = new if np.all(np.isfinite(new)) else []
        h /= 2
    return best


def jumps(f: Callable[[float], float], scale: float = 1.0) -> bool:
    """Tell whether f is discontinuous at 0: a tiny step changes it as much as a small one."""
    small, tiny = (
        max(abs(f(h) - f(0.0)), abs(f(-h) - f(0.0))) for h in (scale * 2.0**-20, scale * 2.0**-30)
    )
    return tiny > 1e-6 and tiny > small / 2


def complex_step(f: Callable[[complex], complex]) -> float:
    """f'(0) = Im f(ih) / h, exact to rounding for analytic functions; nan if f refuses.

    Squire and Trapp, SIAM Review 40(1), 1998.
    """
    h = 1e-30
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            return float(np.imag(f(1j * h))) / h
        except (TypeError, ValueError, NotImplementedError, np.exceptions.ComplexWarning):
            return np.nan


def best_derivative(f: Callable[[Any], Any], scale: float = 1.0, terms: float = 0.0) -> Derivative:
    """f'(0), by a complex step where f is analytic and allows it, else by central differences.

    Differences decide whether the complex step is right: at |x|, or a comparison, it is not.
    `terms` is the size of what f adds up, by which it rounds if that is more than its value.

    Examples
    --------
    >>> best_derivative(np.sin).method, best_derivative(lambda h: float(np.sin(h))).method
    ('complex step', 'central differences')
    """
    exact, h = complex_step(f), scale / 64
    rounding = EPS * max(terms, abs(float(f(0.0)))) / scale
    if np.isfinite(exact):  # a few steps are enough to confirm it
        rough = _extrapolated(lambda h: float(f(h)), h, terms, 3)
        if abs(exact - rough.value) <= 1e-6 * max(1.0, abs(rough.value)):
            h, middle = scale * 2.0**-20, float(f(0.0))
            left, right = (middle - float(f(-h))) / h, (float(f(h)) - middle) / h
            return Derivative(exact, rounding, 1e-30, "complex step", left, right)
    n = derivative(lambda h: float(f(h)), scale, terms)
    if abs(exact - n.value) <= 10 * n.error + 1e-6 * max(1.0, abs(n.value)):
        n = n._replace(value=exact, error=rounding, method="complex step", step=1e-30)
    return n
