"""Makers of random lines that move data: shapes, joining, taking, storing, choosing."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from random_graphs import (
    MOST,
    Builder,
    op,
)

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
        b.fits(b.values[x].size * b.values[y].size)
        return f"{f}({x}, {y}, indexing={b.one(['ij', 'xy'])!r})[{b.integer(0, 1)}]"
    x = b.pick()
    y = b.partner(x)
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
