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
    """Say what a factor may be made of: lengths, probabilities, the sign.

    Small numbers have too many explanations to name any but a mean over the batch; of several for
    one number the first two are named, and called possible.

    Examples
    --------
    >>> meaning(0.125, {"the batch size": 8.0})
    ' = 1 / the batch size: a mean stands where a sum belongs'
    >>> meaning(-4.0, {"p": 0.25}), meaning(0.5, {"the length of axis 1 of x": 4.0})
    (' = 1 / p, and the sign is wrong', '')
    """
    if not c:
        return ""
    sign = ", and the sign is wrong" if c < 0 else ""
    known: dict[str, float] = {}
    for name, n in sizes.items():
        if n not in known.values():  # the first name of each number
            known[name] = n
    found = [
        told.format(name)
        for told, of in SHARES
        for name, p in known.items()
        if 0 < p < 1 and np.isclose(abs(c), of(p), rtol=1e-5)
    ]
    small = max(abs(c), 1 / abs(c)) < 4.5
    for told, of in LENGTHS:
        for name, n in known.items():
            told_of_batch = name == "the batch size" and told.startswith("1 / {}:")
            if n > 1 and np.isclose(abs(c), of(n), rtol=1e-5) and (told_of_batch or not small):
                found.append(told.format(name))
    if not found:
        return sign
    sure = len(found) == 1 or found[0].startswith("1 / the batch size:")
    if small and "the batch size" in found[0]:
        return f", perhaps {found[0]}{sign}"
    return f" = {found[0]}{sign}" if sure else f", perhaps {found[0]} or {found[1]}{sign}"


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
        return f"the part {name!r} lacks a factor {number(1 / c)}{called(1 / c, sizes)}"
    return f"the part {name!r} has a factor {number(c)} too much{called(c, sizes)}"


def called(c: float, sizes: Mapping[str, float]) -> str:
    """Give a large number the name of the length that it is, if there is one."""
    names = [name for name, n in sizes.items() if c > 4 and np.isclose(n, c, rtol=1e-5)]
    return f", perhaps {names[0]}" if names else ""
