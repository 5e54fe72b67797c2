"""What a number is made of: lengths, probabilities, small fractions, the sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np

LENGTHS: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("1 / {}: a mean stands where a sum belongs", lambda n: 1 / n),
    ("{}: a sum stands where a mean belongs", lambda n: n),
    ("{} / 2", lambda n: n / 2),
    ("2 / {}", lambda n: 2 / n),
    ("√({})", lambda n: n**0.5),
    ("1 / √({})", lambda n: n**-0.5),
    ("({})²", lambda n: n**2),
    ("1 / ({})²", lambda n: n**-2),
)


SHARES: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("{}", lambda p: p),
    ("1 / {}", lambda p: 1 / p),
    ("1 - {}", lambda p: 1 - p),
    ("1 / (1 - {})", lambda p: 1 / (1 - p)),
)


def meaning(c: float, sizes: Mapping[str, float]) -> str:
    """Say what a factor is made of: lengths, probabilities, the sign.

    Examples
    --------
    >>> meaning(0.125, {"the batch size": 8.0})
    ' = 1 / the batch size: a mean stands where a sum belongs'
    >>> meaning(-4.0, {"p": 0.25})
    ' = 1 / p, and the sign is wrong'
    """
    sign = ", and the sign is wrong" if c < 0 else ""
    for told, of in LENGTHS:
        for name, n in sizes.items():
            if n > 2 and np.isclose(abs(c), of(n), rtol=1e-5):
                return f" = {told.format(name)}{sign}"
    for told, of in SHARES:
        for name, p in sizes.items():
            if 0 < p < 1 and np.isclose(abs(c), of(p), rtol=1e-5):
                return f" = {told.format(name)}{sign}"
    return sign


def number(c: float) -> str:
    """Give a factor as a small fraction, if it is one.

    Examples
    --------
    >>> number(0.5), number(-1 / 3), number(1.2345)
    ('1/2', '-1/3', '1.234')
    """
    near = Fraction(c).limit_denominator(1000)
    return str(near) if np.isclose(float(near), c, rtol=1e-7, atol=0) else f"{c:.4g}"


def part(name: str, c: float, sizes: Mapping[str, float]) -> str:
    """Say what is wrong with one part.

    Examples
    --------
    >>> part("through the variance", 0.5, {}), part("direct", 0.0, {})
    ("the part 'through the variance' lacks a factor 2", "the part 'direct' is missing")
    """
    if abs(c) < 1e-5:
        return f"the part {name!r} is missing"
    if np.isclose(c, -1, rtol=1e-5):
        return f"the part {name!r} has the wrong sign"
    if abs(c) < 1:
        return f"the part {name!r} lacks a factor {number(1 / c)}{meaning(c, sizes)}"
    return f"the part {name!r} has a factor {number(c)} too much{meaning(c, sizes)}"
