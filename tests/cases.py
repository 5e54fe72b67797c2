"""One table: every primitive and every NumPy function that runs on Tensors, with points to check it at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonn import brackets, rules, tensors, windows

Maker = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Case:
    """A call of `function`, and makers of its arguments."""

    function: Any
    call: Callable[..., Any]
    makers: tuple[Maker, ...]
    half: bool = True  # whether float16 is supported, too

    def inputs(self, seed: int = 0) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        return [make(rng) for make in self.makers]

    def __str__(self) -> str:
        return getattr(self.function, "name", None) or self.function.__name__


def real(*shape: int) -> Maker:
    """Draw from everywhere, at least 0.1 from 0 and 0.05 from integers: away from kinks and steps."""
    return lambda rng: (
        rng.choice([-1, 1], shape) * (rng.integers(0, 2, shape) + rng.uniform(0.15, 0.85, shape))
    )


def positive(*shape: int) -> Maker:
    return lambda rng: rng.uniform(0.5, 2.0, shape)


def unit(*shape: int) -> Maker:
    return lambda rng: rng.uniform(-0.9, 0.9, shape)


def above_one(*shape: int) -> Maker:
    return lambda rng: rng.uniform(1.2, 3.0, shape)


def distinct(*shape: int) -> Maker:
    """Draw numbers that are at least 0.1 apart, in any order."""
    return lambda rng: (rng.permutation(int(np.prod(shape))) * 0.1 - 0.33).reshape(shape)


def tied(*shape: int) -> Maker:
    return lambda rng: rng.integers(0, 2, shape).astype(float)


def matrix(*shape: int) -> Maker:
    """Draw well-conditioned square matrices."""
    return lambda rng: rng.uniform(-0.5, 0.5, shape) + 2 * np.eye(shape[-1])


def definite(*shape: int) -> Maker:
    def make(rng: np.random.Generator) -> np.ndarray:
        a = rng.uniform(-0.5, 0.5, shape)
        return a @ a.mT + np.eye(shape[-1])

    return make


def with_zeros(*shape: int) -> Maker:
    def make(rng: np.random.Generator) -> np.ndarray:
        x = rng.uniform(0.5, 1.5, shape)
        x.flat[:: max(1, x.size // 2)] = 0
        return x

    return make


MASK = np.array([[True, False, True], [False, True, False]])
ROWS = np.array([0, 2, 2, 1, -1])
WINDOW: dict[str, Any] = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}
LINE: dict[str, Any] = {"stride": (2,), "padding": ((2, 1),), "dilation": (2,)}

# fmt: off
UNARY = {
    real: (np.negative, np.absolute, np.sign, np.floor, np.ceil, np.rint, np.trunc, np.exp, np.exp2, np.expm1, np.square,
           np.positive, np.conjugate, np.fabs, np.deg2rad, np.radians, np.rad2deg, np.degrees, np.sinc, np.round, np.around,
           np.copy, np.nan_to_num, np.sin, np.cos, np.tan, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.reciprocal, np.cbrt, rules.erf,
           rules.relu, rules.sigmoid, rules.softplus, rules.sinc, tensors.alias),
    positive: (np.log, np.log2, np.log10, np.log1p, np.sqrt),
    unit: (np.arcsin, np.arccos, np.arctanh),
    above_one: (np.arccosh,),
}
BINARY = {
    real: (np.add, np.subtract, np.multiply, np.true_divide, np.arctan2, np.hypot, np.logaddexp, np.maximum, np.minimum,
           np.fmax, np.fmin, np.copysign),
    positive: (np.power, np.remainder, np.fmod),
}


def table() -> list[Case]:
    cases = [Case(f, f, (make(2, 3),)) for make, functions in UNARY.items() for f in functions]
    for make, functions in BINARY.items():
        for f in functions:
            cases += [Case(f, f, (make(2, 3), make(2, 3))), Case(f, f, (make(2, 1, 3), make(4, 1))), Case(f, f, (make(3), make()))]

    def add(function: Any, call: Callable[..., Any], *makers: Maker, half: bool = True) -> None:
        cases.append(Case(function, call, makers, half))

    add(np.power, lambda x: x**3, real(2, 3))
    add(np.power, lambda x: x**-1.5, positive(3))
    add(np.power, lambda x: 2.0**x, real(3))
    add(np.power, lambda x: x**2 + x**1 + x**0, with_zeros(4))
    add(np.power, lambda b: np.power(np.array([0.0, 2.0, 3.0]).astype(b.dtype), b), positive(3))
    add(np.maximum, lambda x: np.maximum(x, 0.25), real(5))
    add(np.maximum, np.maximum, tied(5), tied(5))
    add(np.minimum, np.minimum, tied(5), tied(5))
    add(np.absolute, np.absolute, tied(5))
    add(np.logaddexp, lambda a, b: np.logaddexp(700 * a, b), real(3), real(3), half=False)
    add(tensors.astype, lambda x: x.astype(np.longdouble), real(3))


    add(np.where, lambda a, b: np.where(MASK, a, b), real(2, 3), real(3))
    add(np.where, lambda a: np.where(a > 0, a, 0.5), real(2, 3))
    add(np.clip, lambda x: np.clip(x, -0.4, 0.9), distinct(4, 4))
    add(np.clip, lambda x, low, high: np.clip(x, low, high), distinct(4, 4), lambda rng: np.array(-0.07), lambda rng: np.full((4, 1), 0.52))
    add(np.clip, lambda x: np.clip(x, None, 0.52) + np.clip(x, a_min=0.01, a_max=None) + x.clip(min=0.01), distinct(4, 4))
    add(np.sort, lambda x: np.sort(x, axis=0), distinct(4, 3))
    add(np.sort, lambda x: np.sort(x, axis=None), distinct(4, 3))
    add(np.tril, np.tril, real(3, 4))
    add(np.triu, lambda x: np.triu(x, 1), real(2, 3, 3))

    for reduce, make in ((np.sum, real), (np.mean, real), (np.var, real), (np.std, real), (np.prod, with_zeros), (np.max, distinct), (np.min, distinct),
                         (rules.norm, real)):
        add(reduce, reduce, make(2, 3))
        add(reduce, lambda x, reduce=reduce: reduce(x, axis=1, keepdims=True), make(2, 3, 2))
        add(reduce, lambda x, reduce=reduce: reduce(x, axis=(0, -1)), make(2, 3, 2))
        add(reduce, lambda x, reduce=reduce: reduce(x, axis=-1), make(3))
    add(np.var, lambda x: np.var(x, axis=0, ddof=1), real(4, 2))
    add(np.std, lambda x: np.std(x, axis=0, ddof=1), real(4, 2))
    add(np.prod, lambda x: np.prod(x, axis=0), real(7, 2))
    add(np.amax, np.amax, distinct(3, 2))
    add(np.amin, np.amin, distinct(3, 2))
    for ignore in (np.nansum, np.nanmean, np.nanmax, np.nanmin, np.ptp, np.median):
        add(ignore, ignore, distinct(2, 3))
        add(ignore, lambda x, ignore=ignore: ignore(x, axis=1, keepdims=True), distinct(2, 4, 2))
        add(ignore, lambda x, ignore=ignore: ignore(np.where(MASK, np.nan, x), axis=0), distinct(2, 3)) if "nan" in ignore.__name__ else None
    add(np.nan_to_num, lambda x: np.nan_to_num(np.where(MASK, np.inf, x), posinf=3.0), real(2, 3))
    add(np.quantile, lambda x: np.quantile(x, np.array([0.1, 0.5, 1.0], x.dtype), axis=0), distinct(4, 3))
    add(np.quantile, lambda x: np.quantile(x, 0.3, keepdims=True), distinct(4, 3))
    add(np.quantile, lambda x: np.quantile(x, np.array([[0.3], [0.8]], x.dtype), axis=-1, keepdims=True), distinct(2, 4, 3))
    add(np.median, lambda x: np.median(x, axis=(2, 0), keepdims=True), distinct(2, 4, 3))
    add(np.percentile, lambda x: np.percentile(x, 75, axis=1, keepdims=True), distinct(4, 3))
    add(np.average, lambda x: np.average(x, axis=1, weights=np.array([1.0, 2.0, 4.0], x.dtype)), real(2, 3))
    add(np.average, lambda x, w: np.average(x, weights=w), real(2, 3), positive(2, 3))
    add(np.average, np.average, real(2, 3))
    add(np.full_like, lambda v: np.full_like(np.zeros((2, 3), v.dtype) * v, v), real())
    add(np.bincount, lambda w: np.bincount(np.array([0, 2, 2]), weights=w, minlength=4), real(3))
    add(np.average, lambda x, w: np.average(x, axis=(2, 0), weights=w), real(2, 3, 4), positive(4, 2))
    add(np.diff, lambda x: np.diff(x, 2, axis=0), real(4, 2))
    add(np.diff, lambda x, y: np.diff(x, prepend=y[0, 0], append=y), real(2, 3), real(2, 2))
    if hasattr(np, "trapezoid"):
        add(np.trapezoid, lambda x: np.trapezoid(x, dx=0.5, axis=0), real(4, 2))
        add(np.trapezoid, lambda y, x: np.trapezoid(y, x), real(2, 4), distinct(4))
    add(np.interp, np.interp, real(2, 3), lambda rng: np.array([-0.3, 0.1, 0.7]), real(3))
    add(np.interp, lambda x, fp: np.interp(x, np.array([0.0, 1.0, 1.5], x.dtype), fp), real(2, 3), real(3))
    for mode in ("full", "same", "valid"):
        add(np.convolve, lambda a, v, mode=mode: np.convolve(a, v, mode), real(5), real(3))
        add(np.convolve, lambda a, v, mode=mode: np.convolve(a, v, mode), real(2), real(5))
    add(np.select, lambda x, z: np.select([MASK, ~MASK & (ROWS[:3] > 1)], [x, z * 2], 0.5), real(2, 3), real(3))
    add(np.cumsum, lambda x: np.cumsum(x, axis=1), real(2, 3, 2))
    add(np.cumsum, np.cumsum, real(2, 3))
    add(np.cumprod, lambda x: np.cumprod(x, axis=0), with_zeros(6, 2))
    add(np.cumprod, np.cumprod, real(2, 3))
    add(rules.recur, rules.recur, real(2, 4), real(2, 4))
    add(rules.sinc, lambda x: rules.sinc(x, order=3), real(2, 3))
    add(rules.sinc, rules.sinc, lambda rng: rng.uniform(-0.3, 0.3, 5))
    add(np.sinc, np.sinc, lambda rng: np.array([0.0, 1e-12, 1e-4, 0.01]))
    add(np.linalg.norm, np.linalg.norm, real(2, 3))
    for order in (1, 2, 3, 0.5, -2, np.inf, -np.inf):
        add(np.linalg.norm, lambda x, order=order: np.linalg.norm(x, order, axis=0), distinct(4, 2))
    for order in (1, -1, np.inf, -np.inf, "fro"):
        add(np.linalg.norm, lambda x, order=order: np.linalg.norm(x, order, axis=(0, 2), keepdims=True), distinct(3, 2, 4))
        add(np.linalg.norm, lambda x, order=order: np.linalg.norm(x, order), distinct(3, 4))

    add(np.reshape, lambda x: np.reshape(x, (3, -1)), real(2, 3))
    add(np.ravel, np.ravel, real(2, 3))
    add(np.transpose, np.transpose, real(2, 3, 4))
    add(np.transpose, lambda x: np.transpose(x, (1, -1, 0)), real(2, 3, 4))
    add(np.matrix_transpose, np.matrix_transpose, real(2, 3, 4))
    add(np.linalg.matrix_transpose, np.linalg.matrix_transpose, real(2, 3))
    add(np.swapaxes, lambda x: np.swapaxes(x, 0, -1), real(2, 3, 4))
    add(np.moveaxis, lambda x: np.moveaxis(x, (0, 1), (-1, 0)), real(2, 3, 4))
    add(np.expand_dims, lambda x: np.expand_dims(x, (0, -1)), real(2, 3))
    add(np.squeeze, np.squeeze, real(1, 3, 1))
    add(np.squeeze, lambda x: np.squeeze(x, 0), real(1, 3, 1))
    add(np.atleast_1d, np.atleast_1d, real())
    add(np.broadcast_to, lambda x: np.broadcast_to(x, (2, 2, 3)), real(2, 1))
    add(np.flip, np.flip, real(2, 3))
    add(np.flip, lambda x: np.flip(x, (0, -1)), real(2, 3, 2))
    add(np.roll, lambda x: np.roll(x, 2), real(2, 3))
    add(np.roll, lambda x: np.roll(x, (1, -2), (0, 1)), real(3, 4))
    add(np.tile, lambda x: np.tile(x, (2, 1, 3)), real(2, 3))
    add(np.tile, lambda x: np.tile(x, 2), real(2, 3))
    add(np.repeat, lambda x: np.repeat(x, 3), real(2, 3))
    add(np.repeat, lambda x: np.repeat(x, [1, 0, 2], axis=1), real(2, 3))
    add(np.concatenate, lambda a, b: np.concatenate([a, b, a], axis=1), real(2, 3), real(2, 1))
    add(np.concatenate, lambda a, b: np.concatenate((a, b), axis=None), real(2, 3), real(2))
    add(windows.concatenate, lambda a, b: windows.concatenate(a, b, axis=-1), real(2, 3), real(2, 1))
    add(np.stack, lambda a, b: np.stack([a, b], axis=1), real(2, 3), real(2, 3))
    add(np.vstack, lambda a, b: np.vstack([a, b]), real(2, 3), real(3))
    add(np.hstack, lambda a, b: np.hstack([a, b]), real(2), real(3))
    add(np.split, lambda x: np.stack(np.split(x, 3, axis=1)[::2]), real(2, 6))
    add(np.array_split, lambda x: np.concatenate(np.array_split(x, [1, 3])[1:]), real(5))
    if hasattr(np, "unstack"):
        add(np.unstack, lambda x: np.unstack(x, axis=1)[1] * np.unstack(x, axis=1)[0], real(2, 3))
    add(tensors.reshape, lambda x: tensors.reshape(x, shape=(3, 2)), real(2, 3))
    for mode in ("constant", "edge", "reflect", "symmetric", "wrap"):
        add(np.pad, lambda x, mode=mode: np.pad(x, ((1, 0), (2, 1)), mode), real(3, 4))
    add(np.pad, lambda x: np.pad(x, 2, constant_values=7), real(3))

    for move in (np.flipud, np.fliplr, np.rot90):
        add(move, move, real(2, 3))
    add(np.rollaxis, lambda x: np.rollaxis(x, 2), real(2, 3, 2))
    add(np.delete, lambda x: np.delete(x, [0, 2], axis=1), real(2, 4))
    add(np.resize, lambda x: np.resize(x, (3, 3)), real(2, 2))
    add(np.hsplit, lambda x: np.hsplit(x, 2)[1], real(2, 4))
    add(np.vsplit, lambda x: np.vsplit(x, [1])[1], real(3, 2))
    add(np.dsplit, lambda x: np.dsplit(x, 2)[0], real(2, 2, 2))
    add(np.column_stack, lambda a, b: np.column_stack([a, b]), real(3), real(3, 2))
    add(np.dstack, lambda a, b: np.dstack([a, b]), real(3), real(3))
    add(np.block, lambda a, b: np.block([[a, b], [b, a]]), real(2, 2), real(2, 2))
    add(np.append, lambda a, b: np.append(a, b), real(2), real(2, 2))
    add(np.append, lambda a, b: np.append(a, b, axis=0), real(1, 2), real(2, 2))
    add(np.atleast_2d, np.atleast_2d, real(3))
    add(np.atleast_3d, np.atleast_3d, real(3))
    add(np.meshgrid, lambda a, b: np.stack(np.meshgrid(a, b, indexing="ij")), real(2), real(3))
    add(np.broadcast_arrays, lambda a, b: np.concatenate(np.broadcast_arrays(a, b)), real(2, 1), real(3))
    for index in (1, -1, slice(None, None, -2), (slice(1, None), None, ..., 0), ROWS, (ROWS, np.array([1, 1, 1, 0, 2])),
                  (slice(None), ROWS), np.array([True, False, True])):
        add(brackets.getitem, lambda x, index=index: x[index], real(3, 3))
    add(brackets.getitem, lambda x: x[0] * x[1] + x[2], real(3, 2))
    add(windows.scatter_add, lambda v: windows.scatter_add(v, index=(ROWS,), shape=(3, 2)), real(5, 2))
    for index in (1, (slice(None), 0), ROWS, (ROWS, 1)):
        add(brackets.put, lambda x, v, index=index: brackets.put(x, v, index=index), real(3, 2), real())
        add(brackets.put_add, lambda x, v, index=index: brackets.put_add(x, v, index=index), real(3, 2), real())
    add(brackets.put, lambda x, v: brackets.put(x, v, index=ROWS), real(3, 2), real(5, 2))
    add(brackets.put_add, lambda x, v: brackets.put_add(x, v, index=ROWS), real(3, 2), real(5, 1))
    add(np.take, lambda x: np.take(x, ROWS, axis=1), real(2, 3))
    add(np.take, lambda x: np.take(x, [[5, 0], [5, 5]]), real(2, 3))
    add(np.take_along_axis, lambda x: np.take_along_axis(x, np.array([[0, 2], [1, 1]]), axis=1), real(2, 3))
    add(np.diagonal, lambda x: np.diagonal(x, 1, 0, 2), real(3, 2, 4))
    add(np.diagonal, lambda x: np.diagonal(x, -1), real(3, 4))
    add(np.diag, lambda x: np.diag(x, -1), real(3))
    add(np.diag, lambda x: np.diag(x, 1), real(3, 3))
    add(np.trace, lambda x: np.trace(x, 1, 1, 2), real(2, 3, 3))

    for a, b in (((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 2, 3), (3, 4)), ((3,), (2, 3, 4)),
                 ((2, 1, 2, 3), (3, 3, 2)), ((2, 3), (2, 3, 2)), ((2, 2, 3), (3,))):
        add(np.matmul, np.matmul, real(*a), real(*b))
    for a, b in (((2, 3), (3, 4)), ((3,), (3,)), ((2, 2, 3), (2, 3, 2)), ((), (2, 3)), ((2, 3), ())):
        add(np.dot, np.dot, real(*a), real(*b))
    add(np.vdot, np.vdot, real(2, 3), real(2, 3))
    add(np.inner, np.inner, real(2, 3), real(4, 3))
    add(np.outer, np.outer, real(2, 2), real(3))
    add(np.tensordot, lambda a, b: np.tensordot(a, b, ((0, 2), (1, 0))), real(2, 3, 4), real(4, 2, 2))
    add(np.tensordot, lambda a, b: np.tensordot(a, b, 1), real(2, 3), real(3, 2))
    add(np.linalg.matmul, np.linalg.matmul, real(2, 3), real(3, 2))
    add(np.linalg.tensordot, lambda a, b: np.linalg.tensordot(a, b, axes=1), real(2, 3), real(3, 2))
    add(np.linalg.outer, np.linalg.outer, real(2), real(3))
    add(np.linalg.cross, np.linalg.cross, real(2, 3), real(2, 3))
    add(np.linalg.multi_dot, lambda a, b, c: np.linalg.multi_dot([a, b, c]), real(2, 3), real(3, 2), real(2))
    add(np.linalg.matrix_power, lambda x: np.linalg.matrix_power(x, 3), real(2, 2))
    add(np.linalg.matrix_power, lambda x: np.linalg.matrix_power(x, -2), matrix(2, 2), half=False)
    add(np.linalg.vector_norm, lambda x: np.linalg.vector_norm(x, axis=0), real(2, 3))
    add(np.linalg.vector_norm, lambda x: np.linalg.vector_norm(x, ord=3), real(2, 3))
    add(np.linalg.matrix_norm, lambda x: np.linalg.matrix_norm(x, keepdims=True), real(2, 3, 2))
    add(np.linalg.trace, np.linalg.trace, real(2, 3, 3))
    add(np.linalg.diagonal, lambda x: np.linalg.diagonal(x, offset=1), real(2, 3, 3))
    add(np.cross, lambda a, b: np.cross(a, b, axis=0), real(3, 2), real(3, 2))
    add(np.kron, np.kron, real(2, 2), real(3))
    for text, *shapes in (("ij,jk", (2, 3), (3, 2)), ("ij->", (2, 3)), ("ij->ji", (2, 3)), ("ii", (3, 3)), ("iij->j", (3, 3, 2)),
                          ("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 2)), ("i,j,k->kji", (2,), (3,), (2,)),
                          ("bij,bjk,kl->il", (2, 2, 3), (2, 3, 2), (2, 2)), ("i...->...", (3, 2))):
        add(np.einsum, lambda *xs, text=text: np.einsum(text, *xs), *(real(*shape) for shape in shapes))
    add(np.einsum, lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), real(2, 3), real(3, 2))
    add(rules.einsum, lambda a, b: rules.einsum(a, b, subscripts="ijk,jl->kl"), real(3, 2, 4), real(2, 3))

    add(np.linalg.inv, np.linalg.inv, matrix(2, 3, 3), half=False)
    add(np.linalg.solve, np.linalg.solve, matrix(3, 3), real(3), half=False)
    add(np.linalg.solve, np.linalg.solve, matrix(2, 3, 3), real(3, 2), half=False)
    add(np.linalg.det, np.linalg.det, matrix(2, 3, 3), half=False)
    add(np.linalg.slogdet, lambda x: np.linalg.slogdet(x)[1], matrix(3, 3), half=False)
    add(rules.logabsdet, rules.logabsdet, matrix(2, 2, 2), half=False)
    add(np.linalg.cholesky, lambda x: np.linalg.cholesky((x + np.matrix_transpose(x)) / 2), definite(2, 3, 3), half=False)

    add(windows.im2col, lambda x: windows.im2col(x, kernel=(2, 2), **WINDOW), real(2, 2, 4, 5))
    add(windows.im2col, lambda x: windows.im2col(x, kernel=(3,), **LINE), real(1, 2, 6))
    add(windows.col2im, lambda cols: windows.col2im(cols, size=(4, 5), kernel=(2, 2), **WINDOW), real(2, 1, 2, 2, 2, 6))
    add(windows.conv, lambda x, w: windows.conv(x, w, groups=2, **WINDOW), real(2, 4, 4, 5), real(6, 2, 2, 3))
    add(windows.conv, lambda x, w: windows.conv(x, w, groups=1, **LINE), real(2, 2, 6), real(3, 2, 3))
    add(windows.conv_x, lambda u, w: windows.conv_x(u, w, size=(4, 5), groups=2, **WINDOW), real(2, 6, 2, 4), real(6, 2, 2, 3))
    add(windows.conv_w, lambda x, u: windows.conv_w(x, u, kernel=(2, 3), groups=2, **WINDOW), real(2, 4, 4, 5), real(2, 6, 2, 4))
    return cases


CASES = table()
