"""Compute the coefficients of autonn/special.py with 50 digits. Needs mpmath."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

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


if __name__ == "__main__":
    print("_SMALL =", interpolant(ratio, mp.mpf(0), mp.mpf(1), 11))
    print("_LARGE =", interpolant(scaled_tail, mp.mpf(-1) / 2, mp.mpf("3.1") / mp.mpf("9.1"), 16))
