"""Compute the coefficients of autonn/special.py: with 50 digits, but for float32. Needs mpmath."""

from __future__ import annotations

from collections.abc import Callable
from math import erf

import mpmath as mp
import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.chebyshev import cheb2poly, chebvander

mp.mp.dps = 50


def interpolant(
    f: Callable[[mp.mpf], mp.mpf], low: mp.mpf, high: mp.mpf, degree: int
) -> list[float]:
    """Interpolate f at Chebyshev nodes; give coefficients in t, [low, high] scaled to [-1, 1]."""
    n = degree + 1
    angles = [mp.pi * (2 * k + 1) / (2 * n) for k in range(n)]
    values = [f((low + high) / 2 + (high - low) / 2 * mp.cos(a)) for a in angles]
    polynomials = [[mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]]
    while len(polynomials) < n:
        next_one = [mp.mpf(0)] + [2 * c for c in polynomials[-1]]
        for i, c in enumerate(polynomials[-2]):
            next_one[i] -= c
        polynomials.append(next_one)
    coefficients = [mp.mpf(0)] * n
    for j, polynomial in enumerate(polynomials):
        weight = (
            (2 if j else 1)
            / mp.mpf(n)
            * sum(v * mp.cos(j * a) for v, a in zip(values, angles, strict=True))
        )
        for i, c in enumerate(polynomial):
            coefficients[i] += weight * c
    return [float(c) for c in coefficients]


def ratio(z: mp.mpf) -> mp.mpf:
    """erf(x) / x for z = x^2."""
    return mp.erf(mp.sqrt(z)) / mp.sqrt(z)


def scaled_tail(u: mp.mpf) -> mp.mpf:
    """exp(x^2) erfc(x) for u = (x - 3) / (x + 3)."""
    x = 3 * (1 + u) / (1 - u)
    return mp.exp(x * x) * mp.erfc(x)


def quotient(degree: int, end: float) -> tuple[list[float], list[float]]:
    """Fit erf(x) / x on [0, end] by a quotient of polynomials in z = x^2, evenly well.

    Linear least squares again and again, each time weighted by the last denominator and more where
    the error is large, which evens it out.
    """
    n = 4000
    x = end / 2 * (1 - np.cos(np.pi * (np.arange(n) + 0.5) / n))
    x = x[x > 1e-3]
    f = np.array([erf(v) for v in x]) / x
    basis = chebvander(2 * x * x / end**2 - 1, degree)
    weight, below = np.ones_like(x), np.ones_like(x)
    for _ in range(200):
        scale = (weight / f / np.abs(below))[:, None]
        matrix = np.concatenate([basis, -f[:, None] * basis[:, 1:]], axis=1) * scale
        found = np.linalg.lstsq(matrix, f * scale[:, 0], rcond=None)[0]
        p, q = found[: degree + 1], np.concatenate([[1.0], found[degree + 1 :]])
        below = basis @ q
        error = np.abs(basis @ p / below / f - 1)
        weight *= (error / error.max() + 1e-3) ** 0.2
        weight /= weight.max()
    z = Polynomial([-1, 2 / end**2])
    above, under = (Polynomial(cheb2poly(c))(z).coef for c in (p, q))
    return (above / under[0]).tolist(), (under / under[0]).tolist()


if __name__ == "__main__":
    print("_ABOVE = {}\n_BELOW = {}".format(*quotient(5, 3.95)))
    print("_SMALL =", interpolant(ratio, mp.mpf(0), mp.mpf(1), 11))
    print("_LARGE =", interpolant(scaled_tail, mp.mpf(-1) / 2, mp.mpf("3.1") / mp.mpf("9.1"), 16))
