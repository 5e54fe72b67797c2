"""How numbers, shapes and parameters are written on cards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonn import texts
from autonn.trace import Op

LONGEST = 40


def clean(text: str) -> str:
    r"""Give a text on one line, all of which can be seen; "?" for what cannot.

    Examples
    --------
    >>> print(clean("a\nb\a"), clean(" "))
    a b\x07 ?
    """
    return texts.printable(" ".join(text.split())) or "?" * bool(text)


def shortened(text: str, width: int = LONGEST) -> str:
    """Cut what is too long, and say so."""
    return texts.shortened(clean(text), width)


def counted(n: int, word: str) -> str:
    """Give a number of things.

    Examples
    --------
    >>> counted(1, "node"), counted(2000, "node")
    ('1 node', '2,000 nodes')
    """
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def shape_text(shape: Sequence[int]) -> str:
    """Give a shape as it is spoken of.

    Examples
    --------
    >>> shape_text((32, 8)), shape_text((8,)), shape_text(())
    ('32×8', '8', 'scalar')
    """
    return "×".join(map(str, shape)) if shape else "scalar"


def number_text(x: Any) -> str:
    """Give a number in few digits.

    Examples
    --------
    >>> number_text(1e-05), number_text(0.12345), number_text(32.0), number_text(True)
    ('1e-05', '0.123', '32', 'True')
    """
    if isinstance(x, bool | np.bool_ | complex | np.complexfloating):
        return str(x)
    x = float(x)
    if math.isnan(x):
        return "NaN"
    return str(int(x)) if x.is_integer() and abs(x) < 1e6 else f"{x:.3g}"


def norm_of(g: Any) -> float | None:
    """Give a gradient's Euclidean length; infinite or NaN if it holds such numbers.

    Examples
    --------
    >>> norm_of([3.0, 4.0]), norm_of([-1e200]), norm_of([1.0, np.nan])
    (5.0, 1e+200, nan)
    """
    if g is None:
        return None
    with np.errstate(all="ignore"):
        numbers = np.abs(np.asarray(g, np.float64)).ravel()
        largest = float(np.max(numbers, initial=0))
        if largest == 0 or not np.isfinite(largest):
            return largest
        return largest * float(np.linalg.norm(numbers / largest))


def grad_text(norm: float, zero: float) -> str:
    """Give what a card says of its gradient, which is nothing but rounding below `zero`.

    Examples
    --------
    >>> grad_text(0.1234, 1e-12), grad_text(1e-17, 1e-12), grad_text(math.nan, 1e-12)
    ('grad 0.123', 'grad 0', 'grad NaN')
    """
    if math.isnan(norm):
        return "grad NaN"
    return f"grad {number_text(norm) if norm > zero else 0}"


ROUNDING, EXPLODING = 1e-13, 1e6  # the first relative to the largest gradient of a leaf


def weight_of(norm: float, zero: float) -> str:
    """Say whether a gradient is "zero", "bad" (not finite, or exploding) or "fine"."""
    if not norm <= EXPLODING:
        return "bad"
    return "zero" if norm <= zero else "fine"


def attributes(op: Op) -> str:
    """Give the parameters and numbers that a card shows: what says more than the shape does."""
    told = {op.called.get(k, k): number_text(v) for k, v in op.numbers.items()}
    for name, value in op.params.items():
        empty = isinstance(value, tuple | list | str) and not value
        if name in SILENT or value is None or value is False or empty:
            continue
        told[name] = _parameter(value)
    return shortened(" ".join(f"{k}={v}" for k, v in told.items()))


SILENT = ("shape", "keepdims", "x_shape", "size", "groups", "dilation")  # the card's shape says it


def _parameter(value: Any) -> str:
    if isinstance(value, tuple) and len(value) == 1:
        return _parameter(value[0])
    if isinstance(value, tuple | list):
        return ",".join(map(_parameter, value))
    if isinstance(value, slice):
        ends = ("" if v is None else str(v) for v in (value.start, value.stop))
        return ":".join(ends) + ("" if value.step is None else f":{value.step}")
    if isinstance(value, np.ndarray):
        return f"array {shape_text(value.shape)}"
    if isinstance(value, float | np.floating):
        return number_text(value)
    return "…" if value is Ellipsis else str(value)
