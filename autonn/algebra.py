"""How NumPy's linear algebra runs on Tensors: products of every rank, einsum, solve."""

from __future__ import annotations

import math
from functools import reduce
from itertools import accumulate
from operator import index as whole
from string import ascii_letters
from typing import Any

import numpy as np

from autonn.engine import implements
from autonn.graph import DISPATCH, PRIMITIVES, Array
from autonn.operands import axes_of, bare, operand
from autonn.rules import einsum as einsum_primitive
from autonn.rules import logabsdet
from autonn.tensors import Tensor

LETTERS = "".join(sorted(ascii_letters))  # einsum orders by letter, as it orders axis numbers
_matmul, _inner = PRIMITIVES[np.matmul], PRIMITIVES[np.inner]
_solve = PRIMITIVES[np.linalg.solve]


@implements(np.matmul)
def matmul(a: Array, b: Array) -> Array:
    """Multiply matrices, stacks of them, and vectors as NumPy does."""
    if type(a) is Tensor is type(b):
        s, t = a.shape, b.shape
        if len(s) == 2 == len(t) and s[1] == t[0]:
            return _matmul.apply(a, b)
    a, b = operand(a), operand(b)
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-min(b.ndim, 2)]:
        raise ValueError(
            f"matmul: shapes {a.shape} and {b.shape} do not fit: the last axis of the first must "
            "be as long as the last but one (of a vector, the only one) of the second"
        )
    if a.ndim == 2 == b.ndim:
        return _matmul.apply(a, b)
    if a.ndim == 1:
        y = matmul(a[None, :], b if b.ndim > 1 else b[:, None])
        return y[..., 0, :] if b.ndim > 1 else y.reshape(())
    if b.ndim == 1:
        return matmul(a, b[:, None])[..., 0]
    if b.ndim == 2:  # one matrix for the whole stack: one product of a tall matrix
        rows = math.prod(a.shape[:-1])
        y = _matmul.apply(a.reshape(rows, a.shape[-1]), b)
        return y.reshape(*a.shape[:-1], b.shape[-1])
    return _matmul.apply(a, b)


@implements(np.dot)
def dot(a: Array, b: Array) -> Array:
    """Multiply numbers, vectors or matrices; of others sum over the last and last but one axes."""
    a, b = operand(a), operand(b)
    if not a.ndim or not b.ndim:
        return np.multiply(a, b)
    return np.matmul(a, b) if b.ndim <= 2 else np.tensordot(a, b, (-1, -2))


@implements(np.vdot)
def vdot(a: Array, b: Array) -> Array:
    """Multiply all the elements of two arrays and sum."""
    return np.matmul(np.reshape(a, -1), np.reshape(b, -1))


@implements(np.inner)
def inner(a: Array, b: Array) -> Array:
    """Sum products over the last axes: of matrices a bᵀ."""
    a, b = operand(a), operand(b)
    s, t = a.shape, b.shape
    if not s or not t:
        return np.multiply(a, b)
    if s[-1] != t[-1]:
        raise ValueError(f"inner: shapes {s} and {t} do not fit: want last axes of one length")
    if len(s) == 2 == len(t):
        return _inner.apply(a, b)
    rows, columns = math.prod(s[:-1]), math.prod(t[:-1])
    return _inner(a.reshape(rows, s[-1]), b.reshape(columns, t[-1])).reshape(s[:-1] + t[:-1])


@implements(np.outer)
def outer(a: Array, b: Array) -> Array:
    """Multiply each element of a by each of b."""
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@implements(np.tensordot)
def tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    """Sum products over pairs of axes: one matrix product."""
    a, b = operand(a), operand(b)
    if isinstance(axes, int | np.integer):
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    left, right = (axes_of(x, tuple(np.atleast_1d(i))) for x, i in zip((a, b), axes, strict=True))
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise ValueError(f"np.tensordot: axes {axes} of shapes {a.shape} and {b.shape} do not fit")
    rows = [i for i in range(a.ndim) if i not in left]
    columns = [i for i in range(b.ndim) if i not in right]
    outer, inner = [a.shape[i] for i in rows], math.prod(a.shape[i] for i in left)
    shape = [b.shape[i] for i in columns]
    A = np.transpose(a, (*rows, *left)).reshape(math.prod(outer), inner)
    B = np.transpose(b, (*right, *columns)).reshape(inner, math.prod(shape))
    return (A @ B).reshape([*outer, *shape])


@implements(np.trace)
def trace(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Sum the diagonal."""
    return np.sum(np.diagonal(x, offset, axis1, axis2), axis=-1)


@implements(np.einsum)
def einsum(*operands: Any, optimize: Any = None) -> Array:
    """Sum products over named axes.

    The primitive knows no ellipsis, no implicit output and no letter twice in a term: the first
    two are written out, the third is a diagonal.
    """
    if isinstance(operands[0], str):
        text, xs = operands[0].replace(" ", ""), list(operands[1:])
    else:  # operands and lists of axis numbers in turn
        lists = [*operands[1::2], *([operands[-1]] if len(operands) % 2 else [])]
        names = ["".join("..." if i is Ellipsis else LETTERS[i] for i in axes) for axes in lists]
        xs = list(operands[: len(operands) // 2 * 2 : 2])
        text = ",".join(names[: len(xs)]) + ("->" + names[-1] if len(operands) % 2 else "")
    xs = [operand(x) for x in xs]
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(xs):
        raise ValueError(
            f"np.einsum: {text!r} names {len(terms)} operands, but there are {len(xs)}"
        )
    if not arrow:
        letters = inputs.replace(",", "").replace(".", "")
        output = "..." * ("..." in inputs) + "".join(
            sorted(c for c in set(letters) if letters.count(c) == 1)
        )
    free = [c for c in ascii_letters if c not in text]
    widest = 0
    for k, (term, x) in enumerate(zip(terms, xs, strict=True)):
        if "..." in term:
            extra = x.ndim - len(term) + 3
            widest = max(widest, extra)
            terms[k] = term.replace("...", "".join(free[:extra][::-1]))
    output = output.replace("...", "".join(free[:widest][::-1]))
    for k, term in enumerate(terms):
        for c in sorted(set(term)):
            while (
                terms[k].count(c) > 1
            ):  # a repeated letter is a diagonal, which becomes the last axis
                i = terms[k].index(c)
                j = terms[k].index(c, i + 1)
                xs[k] = np.diagonal(xs[k], 0, i, j)
                terms[k] = terms[k][:i] + terms[k][i + 1 : j] + terms[k][j + 1 :] + c
    return einsum_primitive(*xs, subscripts=",".join(terms) + "->" + output)


@implements(np.linalg.solve)
def solve(a: Array, b: Array) -> Array:
    """Solve a x = b for a vector, a matrix, or a stack of matrices."""
    a, b = operand(a), operand(b)
    return _solve(a, b[:, None])[..., 0] if b.ndim == 1 else _solve(a, b)


@implements(np.linalg.slogdet)
def slogdet(x: Array) -> tuple[Array, Array]:
    """Sign and logarithm of the determinant; the sign is a plain array."""
    return np.linalg.slogdet(bare(x))[0], logabsdet(x)


@implements(np.cross)
def cross(a: Array, b: Array, axis: int = -1) -> Array:
    """Give the vector product in three dimensions."""
    a, b = (np.moveaxis(operand(x), axis, -1) for x in (a, b))
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(
            f"np.cross: vectors of 3 numbers wanted, these have {a.shape[-1]}, {b.shape[-1]}"
        )
    next_one, one_after = np.array([1, 2, 0]), np.array([2, 0, 1])
    y = a[..., next_one] * b[..., one_after] - a[..., one_after] * b[..., next_one]
    return np.moveaxis(y, -1, axis)


@implements(np.kron)
def kron(a: Array, b: Array) -> Array:
    """Replace each element of a by its product with b."""
    n = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (n - np.ndim(x)) + np.shape(x)) for x in (a, b))
    rows = np.reshape(a, [m for length in a.shape for m in (length, 1)])
    columns = np.reshape(b, [m for length in b.shape for m in (1, length)])
    return (rows * columns).reshape([i * j for i, j in zip(a.shape, b.shape, strict=True)])


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Array:
    """Multiply matrices one after the other."""
    return reduce(np.matmul, arrays)


@implements(np.linalg.matrix_power)
def matrix_power(a: Array, n: int) -> Array:
    """Multiply a matrix n times with itself, or its inverse: by its powers of 1, 2, 4, ..."""
    if whole(n) < 0:
        a, n = np.linalg.inv(a), -n
    bits = f"{n:b}"[::-1]
    powers = accumulate(bits, lambda power, _: np.matmul(power, power), initial=a)
    factors = [power for bit, power in zip(bits, powers, strict=False) if bit == "1"]
    identity = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    return reduce(np.matmul, factors) if factors else identity


@implements(np.linalg.vector_norm)
def vector_norm(x: Array, *, axis: Any = None, ord: Any = 2, keepdims: bool = False) -> Array:
    """Give the p-norm over axes, of all elements by default."""
    axes = axes_of(x, axis)
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = [x.shape[i] for i in kept]
    joined = np.transpose(x, (*kept, *axes)).reshape(*shape, math.prod(x.shape[i] for i in axes))
    y = np.linalg.norm(joined, ord, axis=-1)
    return y.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdims else y


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Array, *, ord: Any = "fro", keepdims: bool = False) -> Array:
    """Give the norm of a matrix, or of each in a stack."""
    return np.linalg.norm(x, ord, axis=(-2, -1), keepdims=keepdims)


@implements(np.linalg.trace)
def matrix_trace(x: Array, *, offset: int = 0) -> Array:
    """Sum the diagonal of a matrix, or of each in a stack."""
    return trace(x, offset, -2, -1)


@implements(np.linalg.diagonal)
def matrix_diagonal(x: Array, *, offset: int = 0) -> Array:
    """Give the diagonal of a matrix, or of each in a stack."""
    return np.diagonal(x, offset, -2, -1)


DISPATCH[np.linalg.matmul], DISPATCH[np.linalg.tensordot] = matmul, tensordot
DISPATCH[np.linalg.outer], DISPATCH[np.linalg.cross] = outer, cross
