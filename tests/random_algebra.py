"""Makers of random lines of linear algebra."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from random_graphs import (
    MOST,
    Builder,
    op,
)


@op("np.matmul", "np.linalg.matmul", "@", "np.dot", "np.inner", "np.vdot", "np.outer", "np.linalg.outer", "np.tensordot", "np.linalg.tensordot", "np.kron", "np.cross", "np.linalg.cross")  # fmt: skip
def product(b: Builder, f: str) -> str:
    name = f.removeprefix("np.").removeprefix("linalg.")
    low = {"outer": 1 if "linalg" in f else 0, "kron": 1, "cross": 1, "vdot": 0, "dot": 0, "inner": 0}.get(name, 1)  # fmt: skip
    x = b.pick(low, 1 if f == "np.linalg.outer" else 4)
    s = b.values[x].shape

    def partner(shape: Sequence[int]) -> str:
        there = [k for k, y in b.values.items() if y.shape == tuple(shape)]
        return b.one(there) if there and b.chance(50) else b.input(tuple(shape))

    n = b.one([3, 1, 2, 4])
    extra = ""
    if name in ("matmul", "@", "dot"):
        if name == "dot" and (not s or b.chance(10)):
            y = partner(()) if b.chance(50) else b.number()
        else:
            batch = s[:-2] if name != "dot" else b.shape(0, 1)
            batch = tuple(1 if b.chance(20) else m for m in batch)[b.integer(0, len(batch)) :]
            y = partner(b.one([(s[-1],), (s[-1], n), (*batch, s[-1], n)]))
        if y in b.values and len(s) == 2 and b.chance(20):
            x, y = f"{x}.mT", x  # a matrix and its own transpose
            b.fits(s[-1] ** 2)
        elif y in b.values and len(s) > 1 and len(b.values[y].shape) > 1 and b.chance(30):
            x, y = b.line(f"np.matrix_transpose({y})"), b.line(f"np.matrix_transpose({x})")
    elif name == "inner":
        y = partner((*b.shape(0, 1), *s[-1:])) if s else b.pick(0, 2)
    elif name == "vdot":
        y = partner(s)
    elif name in ("outer", "kron"):
        y = b.pick(low, 1 if f == "np.linalg.outer" else 3)
        b.fits(prod(s) * b.values[y].size)
    elif name == "tensordot":
        k = b.integer(0, min(2, len(s)))
        if b.chance(50):
            rest = b.shape(0, 1)
            y = partner((*s[len(s) - k :], *rest))
            extra = f", axes={k}"
        else:
            axes = sorted(range(len(s)), key=lambda _: b.integer(0, 99))[:k]
            y = partner((n, *(s[i] for i in axes)))
            pair = ([i - len(s) * b.chance(30) for i in axes], list(range(1, k + 1)))
            extra = f", axes={pair}"
        b.fits(prod(s) * max(1, b.values[y].size) if b.large is False else 0)
        b.want(not b.large or prod(s) <= 400)
    else:
        shape = list(s)
        shape[-1] = 3
        x, y = b.line(f"{b.input(tuple(shape))} * 1.0"), b.input(tuple(shape))
        if b.chance(50):
            there = b.integer(0, len(shape) - 1)
            x, y = (f"np.moveaxis({z}, -1, {there})" for z in (x, y))
            extra = f", axis={there}"
    sizes = [np.asarray(b.eval(z)).shape for z in (x, y)]
    if sizes[0] and sizes[1] and name not in ("outer", "kron", "cross", "vdot", "tensordot"):
        rows = prod(sizes[0]) * prod(sizes[1]) // max(1, sizes[0][-1])
        b.want(name in ("matmul", "@") or rows <= MOST[b.large])
        b.want(prod(sizes[0]) * max(1, sizes[1][-1]) <= 10**7)
    if name in ("matmul", "@") and sizes[1]:
        b.fits(prod(sizes[0]) // max(1, sizes[0][-1]) * sizes[1][-1] if len(sizes[1]) > 1 else 1)
    return f"{x} @ {y}" if f == "@" else f"{f}({x}, {y}{extra})"


@op("np.linalg.inv", "np.linalg.solve", "np.linalg.det", "np.linalg.slogdet", "np.linalg.cholesky", "np.linalg.matrix_power", "np.linalg.multi_dot")  # fmt: skip
def decomposition(b: Builder, f: str) -> str:
    square = [k for k, y in b.values.items() if 2 <= y.ndim <= 3 and y.shape[-1] == y.shape[-2] <= 4 and y.size < 200]  # fmt: skip
    n = b.integer(1, 4)
    x = b.one(square) if square and b.chance(60) else b.input((*[2] * b.integer(0, 1), n, n))
    n, batch = b.values[x].shape[-1], b.values[x].shape[:-2]
    if f == "np.linalg.multi_dot":
        b.want(not batch)
        return f"{f}([{x}, {b.input((n, 2))}, {b.input((2,) if b.chance(40) else (2, 3))}])"
    if f == "np.linalg.matrix_power" and b.chance(60):
        return f"{f}({x}, {b.integer(0, 3)})"
    a = b.line(f"0.4 * np.sin({x}) + 2 * np.eye({n}, dtype={x}.dtype)")
    if f == "np.linalg.cholesky":
        return f"{f}({a} @ {a}.mT)"
    if f == "np.linalg.matrix_power":
        return f"{f}({a}, {b.integer(-3, -1)})"
    if f == "np.linalg.solve":
        y = b.input(b.one([(n,), (*batch, n, 2), (n, 1)]))
        b.want(b.values[y].dtype.itemsize > 2)
        return f"{f}({a}, {y})" if not b.chance(20) else f"{f}({a}, {a})"
    return f"{f}({a})[1]" if f.endswith("slogdet") else f"{f}({a})"


@op("np.einsum")
def einsum(b: Builder, f: str) -> str:
    names = [b.pick(0, 3) for _ in range(b.integer(1, 3))]
    lengths: dict[str, int] = {}
    terms = []
    for k in names:
        term = ""
        for n in b.values[k].shape:
            known = [c for c, m in lengths.items() if (m == n or 1 in (m, n)) and (c not in term or m == n)]  # fmt: skip
            if known and b.chance(60):
                c = b.one(known)
                lengths[c] = max(lengths[c], n) if n else 0
            else:
                c = "ijklmnopqrst"[len(lengths)]
                lengths[c] = n
            term += c
        terms.append(term)
    b.want(prod(lengths.values()) <= (3000 if not b.large else 10**6))
    kept = [c for c in lengths if b.chance(50)]
    out = "".join(sorted(kept, key=lambda _: b.integer(0, 99)))
    text = ",".join(terms) + ("" if b.chance(10) else f"->{out}")
    if len(terms) == 1 and len(terms[0]) > 1 and len(set(terms[0])) == len(terms[0]) and b.chance(30):  # fmt: skip
        text = b.one([f"...{terms[0][-1]}->{terms[0][-1]}...", f"{terms[0][0]}...->..."])
    return f"{f}({text!r}, {', '.join(names)})"


@op("astype")
def astype(b: Builder, f: str) -> str:
    b.want(len(set(b.dtypes)) > 1)
    x = b.pick()
    b.want(b.values[x].ndim)
    return f"{x}.astype({b.one(['float32', 'float64'])})"
