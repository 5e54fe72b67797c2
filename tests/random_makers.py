"""Random programs, of lines that the makers make: for every function that runs on Tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import random_algebra  # noqa: F401  (they register their makers)
import random_moves  # noqa: F401
import random_numbers  # noqa: F401
from hypothesis import strategies as st
from random_graphs import (
    OPS,
    Builder,
    Dice,
    Drawn,
    Program,
    RefusedError,
)

POLICIES: list[Sequence[str]] = [
    ("float64",), ("float64",), ("float64",), ("float32",), ("float32",), ("float16",), ("float64", "float32"), ("float16", "float32", "float64"),
]  # fmt: skip


# What goes another way for large arrays: sums, products that are summed, rows that are added up.
OTHERWISE = [
    "np.sum", "np.mean", "np.var", "np.std", "np.max", "[]", "[]", "at_add", "at_set", "np.take", "+", "-", "*", "/", "*", "/", "np.hypot", "np.where", "F.softmax", "F.logsumexp", "np.einsum", "@", "np.broadcast_to",
]  # fmt: skip


def draw(dice: Dice | Drawn, most: int = 10, large: int = 10) -> Program:
    """Make a program of up to `most` operations; `large` per cent have large arrays."""
    b = Builder(dice)
    b.large = b.chance(large)
    b.dtypes = b.one(POLICIES)
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
