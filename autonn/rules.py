"""The differential calculus of NumPy: a primitive a line, a formula an argument.

`g` is the cotangent of the output `y`; the other names are the primitive's arguments. What a rule
names is kept for it, nothing else (`engine.defvjp`). Where a function has no derivative, one of its
subgradients is meant:

abs, sign, relu             0 at 0
maximum, minimum            half to each argument at a tie, all of it to each where one is NaN
fmax, fmin                  half to each argument at a tie, nothing to a NaN
relu, clip                  1 at NaN, which they hand on
max, min                    shared evenly among ties; NaN to all where one is NaN
sort                        each place to the element that NumPy put there
clip                        1 at the bounds
arctan2, hypot, norm, std   0 at the origin (which is a choice for the first derivative alone)
power                       0 by the exponent at base 0, and 0 by the base of x ** 0, NaN's, too
"""

from __future__ import annotations

from math import log, pi, prod, sqrt

import numpy as np

from autonn import special
from autonn.engine import defvjp
from autonn.graph import Array, primitive
from autonn.operands import bare
from autonn.sums import in_float32, total
from autonn.tensors import Tensor, alias, astype, reshape
from autonn.walk import sum_to

# ----- Primitives that NumPy has no function for, or has as a part of another -----

erf = primitive(special.erf)
sigmoid = primitive(special.sigmoid)
softplus = primitive(special.softplus)
sinc = primitive(special.sinc)


@primitive
def relu(x: Array) -> Array:
    """max(x, 0), with derivative 0 at 0."""
    return np.maximum(x, 0)


@primitive
@in_float32
def norm(x: Array, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """sqrt(sum of x²) over axes, with derivative 0 at the origin."""
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


@primitive
def recur(a: Array, b: Array) -> Array:
    """y[i] = a[i] y[i - 1] + b[i] along the last axis, from y[-1] = 0."""
    y = np.array(b)
    for i in range(1, y.shape[-1]):
        y[..., i] += a[..., i] * y[..., i - 1]
    return y


@primitive
def logabsdet(x: Array) -> Array:
    """Log |det x|, of a matrix or of each in a stack."""
    return np.linalg.slogdet(x)[1]


@primitive
def einsum(*xs: Array, subscripts: str) -> Array:
    """NumPy's einsum with explicit output, no ellipsis and no letter twice in an operand."""
    return np.einsum(subscripts, *xs, optimize=sum(x.size for x in xs) > 4096)


# ----- What several rules share -----


def expand(
    g: Array, shape: tuple[int, ...], axis: int | tuple[int, ...] | None, keepdims: bool
) -> Array:
    """Undo a reduction's shape: put the reduced axes back and repeat g along them."""
    if shape and axis is not None and not keepdims:
        axes = [a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))]
        g = g.reshape([1 if i in axes else n for i, n in enumerate(shape)])
    if type(g) is Tensor or prod(shape) > 4096:
        return np.broadcast_to(g, shape)
    y = np.empty(shape, g.dtype)  # which is sooner filled than a view is made
    y[...] = g
    return y


def nonzero(x: Array) -> Array:
    """Give x, and 1 where it is 0: a divisor for what is 0 there, too."""
    return x + (x == 0)


def scale(a: Array, b: Array) -> Array:
    """Give a power of two above a and b, to divide by: nothing is rounded, and squares are safe."""
    size = np.maximum(np.absolute(bare(a)), np.absolute(bare(b)))
    largest = np.finfo(size.dtype).maxexp - 1
    return np.ldexp(size.dtype.type(1), np.minimum(np.frexp(size)[1] + 1, largest))


def cosine(a: Array, b: Array) -> Array:
    """Give a / √(a² + b²), 0 at the origin, however large or small they are."""
    s = scale(a, b)
    return a / s / nonzero(np.hypot(a / s, b / s))


def inverse(a: Array, b: Array) -> Array:
    """Give a / (a² + b²), 0 at the origin, however large or small they are."""
    s = scale(a, b)
    return a / s / s / nonzero((a / s) * (a / s) + (b / s) * (b / s))


def less_one(b: Array, a: Array) -> Array:
    """Give b - 1, but b where that is 0, and a has no inverse: a ** 0 is 1, whatever a is."""
    return b - 1 + ((b == 0) & ~(np.absolute(a) >= np.finfo(a.dtype).tiny))


def share(g: Array, a: Array, b: Array) -> Array:
    """Give g unless a < b, and half of it where they are equal."""
    return np.where(a < b, 0, np.where(a == b, 0.5 * g, g))


def ties(x: Array, y: Array, axis: int | tuple[int, ...] | None, keepdims: bool) -> Array:
    """Give each extreme element its even share: 1 over their number."""
    wide = np.result_type(x.dtype, np.float32)
    extreme = np.asarray(x == expand(y, x.shape, axis, keepdims), wide)
    return np.asarray(extreme / total(extreme, axis, keepdims=True), x.dtype)


def delayed(x: Array, first: float) -> Array:
    """Move the last axis on by one place; what falls off at the end is lost."""
    start = np.full((*x.shape[:-1], min(1, x.shape[-1])), first, x.dtype)
    return np.concatenate([start, x[..., :-1]], axis=-1)


def before(x: Array) -> Array:
    """Multiply all elements of the last axis that stand before each."""
    return np.cumprod(delayed(x, 1), axis=-1)


def others(x: Array) -> Array:
    """Multiply all but one, for each element of the last axis; without division, for zeros."""
    return before(x) * before(x[..., ::-1])[..., ::-1]


def recur_back(g: Array, a: Array) -> Array:
    """c[i] = g[i] + a[i + 1] c[i + 1]: the adjoint of a recurrence is one that runs backward."""
    return recur(delayed(a[..., ::-1], 0), g[..., ::-1])[..., ::-1]


def inverse_axes(axes: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Give the permutation that undoes `axes`."""
    return None if axes is None else tuple(np.argsort([a % len(axes) for a in axes]).tolist())


def permute(x: Array, axes: tuple[int, ...] | None) -> Array:
    """np.transpose, by the array's method, which is sooner called."""
    return x.transpose(axes)


def lower(x: Array) -> Array:
    """Give the lower triangle with half the diagonal: the tangent of a Cholesky factor."""
    n = x.shape[-1]
    return x * (np.tri(n, dtype=x.dtype) - 0.5 * np.eye(n, dtype=x.dtype))


def cholesky_rule(g: Array, y: Array) -> Array:
    """Murray 2016, arXiv:1602.07527, eq. 10: y⁻ᵀ P(yᵀ g) y⁻¹, made symmetric."""
    inverse = np.linalg.inv(y)
    s = inverse.mT @ lower(y.mT @ g) @ inverse
    return 0.5 * (s + s.mT)


def einsum_rule(g: Array, i: int, xs: tuple[Array, ...], subscripts: str) -> Array:
    """Swap the i-th operand and the output; repeat along what that operand alone had."""
    inputs, output = subscripts.split("->")
    names = inputs.split(",")
    own, rest = names[i], names[:i] + names[i + 1 :]
    others = [(output, g.shape), *((name, x.shape) for name, x in zip(names, xs, strict=True))]
    others.pop(i + 1)
    lengths = {c: n for name, shape in others for c, n in zip(name, shape, strict=True) if n != 1}
    own_lengths = dict(zip(own, xs[i].shape, strict=True))
    alone = "".join(c for c, n in own_lengths.items() if n not in (1, lengths.get(c)))
    alone += "".join(c for c in own if c not in alone and c not in set(output).union(*rest))
    one = np.ones([own_lengths[c] for c in alone], xs[i].dtype)
    return einsum(
        g, *xs[:i], *xs[i + 1 :], one, subscripts=",".join([output, *rest, alone]) + "->" + own
    )


# fmt: off

# ----- Binary ufuncs -----
defvjp(np.add,         a=lambda g: g,                            b=lambda g: g)
defvjp(np.subtract,    a=lambda g: g,                            b=lambda g: -g)
defvjp(np.multiply,    a=lambda g, b: g * b,                     b=lambda g, a: g * a)
defvjp(np.true_divide, a=lambda g, b: g / b,                     b=lambda g, b, y: -g * y / b)
defvjp(np.power,       a=lambda g, a, b: g * b * a ** less_one(b, a),
                       b=lambda g, a, y: g * np.where(a == 0, 0, y) * np.log(nonzero(a)))
defvjp(np.remainder,   a=lambda g: g,
                       b=lambda g, a, b: -g * np.floor_divide(a, b))
defvjp(np.arctan2,     a=lambda g, a, b: g * inverse(b, a),      b=lambda g, a, b: -g * inverse(a, b))
defvjp(np.hypot,       a=lambda g, a, b: g * cosine(a, b),       b=lambda g, a, b: g * cosine(b, a))
defvjp(np.logaddexp,   a=lambda g, a, b: g * sigmoid(a - b),     b=lambda g, a, b: g * sigmoid(b - a))
defvjp(np.maximum,     a=lambda g, a, b: share(g, a, b),         b=lambda g, a, b: share(g, b, a))
defvjp(np.minimum,     a=lambda g, a, b: share(g, b, a),         b=lambda g, a, b: share(g, a, b))
defvjp(np.fmax,        a=lambda g, a, b: np.where(np.isnan(a), 0, share(g, a, b)),
                       b=lambda g, a, b: np.where(np.isnan(b), 0, share(g, b, a)))
defvjp(np.fmin,        a=lambda g, a, b: np.where(np.isnan(a), 0, share(g, b, a)),
                       b=lambda g, a, b: np.where(np.isnan(b), 0, share(g, a, b)))
defvjp(np.fmod,        a=lambda g: g,                            b=lambda g, a, b, y: -g * np.rint((a - y) / b))
defvjp(np.copysign,    a=lambda g, a, b: g * np.sign(a) * np.copysign(1, b), b=None)

# ----- Unary ufuncs -----
defvjp(np.positive,    x=lambda g: g)
defvjp(np.conjugate,   x=lambda g: g)  # of real numbers
defvjp(np.fabs,        x=lambda g, x: g * np.sign(x))
defvjp(np.deg2rad,     x=lambda g: g * (pi / 180))
defvjp(np.radians,     x=lambda g: g * (pi / 180))
defvjp(np.rad2deg,     x=lambda g: g * (180 / pi))
defvjp(np.degrees,     x=lambda g: g * (180 / pi))
defvjp(np.negative,    x=lambda g: -g)
defvjp(np.absolute,    x=lambda g, x: g * np.sign(x))
defvjp(np.sign,        x=lambda g: np.zeros_like(g))
defvjp(np.floor,       x=lambda g: np.zeros_like(g))
defvjp(np.ceil,        x=lambda g: np.zeros_like(g))
defvjp(np.rint,        x=lambda g: np.zeros_like(g))
defvjp(np.trunc,       x=lambda g: np.zeros_like(g))
defvjp(np.exp,         x=lambda g, y: g * y)
defvjp(np.exp2,        x=lambda g, y: g * y * log(2))
defvjp(np.expm1,       x=lambda g, x: g * np.exp(x))
defvjp(np.log,         x=lambda g, x: g / x)
defvjp(np.log2,        x=lambda g, x: g * (1 / log(2)) / x)
defvjp(np.log10,       x=lambda g, x: g * (1 / log(10)) / x)
defvjp(np.log1p,       x=lambda g, x: g / (1 + x))
defvjp(np.sqrt,        x=lambda g, y: g / (2 * y))
defvjp(np.cbrt,        x=lambda g, y: g / (3 * y * y))
defvjp(np.square,      x=lambda g, x: g * (2 * x))
defvjp(np.reciprocal,  x=lambda g, y: -g * y * y)
defvjp(np.sin,         x=lambda g, x: g * np.cos(x))
defvjp(np.cos,         x=lambda g, x: -g * np.sin(x))
defvjp(np.tan,         x=lambda g, y: g * (1 + y * y))
defvjp(np.arcsin,      x=lambda g, x: g / np.sqrt((1 - x) * (1 + x)))
defvjp(np.arccos,      x=lambda g, x: -g / np.sqrt((1 - x) * (1 + x)))
defvjp(np.arctan,      x=lambda g, x: g / np.hypot(x, 1) / np.hypot(x, 1))
defvjp(np.sinh,        x=lambda g, x: g * np.cosh(x))
defvjp(np.cosh,        x=lambda g, x: g * np.sinh(x))
defvjp(np.tanh,        x=lambda g, y: g * (1 - y * y))
defvjp(np.arcsinh,     x=lambda g, x: g / np.hypot(x, 1))
defvjp(np.arccosh,     x=lambda g, x: g / np.sqrt(x - 1) / np.sqrt(x + 1))
defvjp(np.arctanh,     x=lambda g, x: g / ((1 - x) * (1 + x)))
defvjp(erf,            x=lambda g, x: g * (2 / sqrt(pi)) * np.exp(-np.square(np.clip(x, -28, 28))))
defvjp(relu,           x=lambda g, y: np.where(y <= 0, 0, g))
defvjp(sigmoid,        x=lambda g, y: g * y * (1 - y))
defvjp(softplus,       x=lambda g, x: g * sigmoid(x))
defvjp(sinc,           x=lambda g, x, order: g * sinc(x, order=order + 1))
defvjp(np.round,       x=lambda g: np.zeros_like(g), params=("decimals",))
defvjp(astype,         x=lambda g: g)
defvjp(alias,          x=lambda g: g)

# ----- Choices -----
defvjp(np.where, condition=None, broadcasts=True,
                 a=lambda g, condition: np.where(condition, g, 0),
                 b=lambda g, condition: np.where(condition, 0, g))
defvjp(np.clip,  x=lambda g, x, low, high: np.where((x < low) | (x > high), 0, g), broadcasts=True,
                 low=lambda g, x, low, high: np.where((x < low) & (low <= high), g, 0),
                 high=lambda g, x, low, high: np.where((x > high) | (low > high), g, 0))

# ----- Reductions -----
defvjp(np.sum,    x=lambda g, x_shape, axis, keepdims: expand(g, x_shape, axis, keepdims), forward=total)
defvjp(np.max,    x=lambda g, x, y, axis, keepdims: expand(g, x.shape, axis, keepdims) * ties(x, y, axis, keepdims))
defvjp(np.min,    x=lambda g, x, y, axis, keepdims: expand(g, x.shape, axis, keepdims) * ties(x, y, axis, keepdims))
defvjp(norm,      x=lambda g, x, y, axis, keepdims: expand(g / nonzero(y), x.shape, axis, keepdims) * x)
defvjp(np.prod,   x=lambda g, x, axis: g[..., None] * others(x))  # over the last axis
defvjp(np.cumsum, x=lambda g, axis: np.flip(np.cumsum(np.flip(g, axis), axis), axis))
defvjp(np.cumprod, x=lambda g, x, axis: before(x) * recur_back(g, x))  # over the last axis
defvjp(np.convolve, a=lambda g, v: np.convolve(g, v[::-1])[len(v) - 1 : len(g)],  # of all places where they meet
                    v=lambda g, a: np.convolve(g, a[::-1])[len(a) - 1 : len(g)])
defvjp(recur,     a=lambda g, a, y: recur_back(g, a) * delayed(y, 0), b=lambda g, a: recur_back(g, a))

# ----- Shapes -----
defvjp(reshape,         x=lambda g, x_shape: g.reshape(x_shape))
defvjp(np.transpose,    x=lambda g, axes: np.transpose(g, inverse_axes(axes)), forward=permute)
defvjp(np.broadcast_to, x=lambda g, x_shape: sum_to(g, x_shape), params=("shape",))
defvjp(np.roll,         x=lambda g, shift, axis: np.roll(g, -np.asarray(shift), axis))

# ----- Linear algebra, of matrices and of stacks of them -----
defvjp(np.matmul,          a=lambda g, b: g @ b.mT,              b=lambda g, a: a.mT @ g)
defvjp(np.inner,           a=lambda g, b: np.dot(g, b),          b=lambda g, a: np.dot(g.T, a))  # a bᵀ, of matrices
defvjp(np.linalg.inv,      x=lambda g, y: -(y.mT @ g @ y.mT))
defvjp(np.linalg.solve,    a=lambda g, a, y: -(np.linalg.solve(a.mT, g) @ y.mT), broadcasts=True,
                           b=lambda g, a: np.linalg.solve(a.mT, g))
defvjp(np.linalg.det,      x=lambda g, x, y: (g * y)[..., None, None] * np.linalg.inv(x).mT)
defvjp(logabsdet,          x=lambda g, x: g[..., None, None] * np.linalg.inv(x).mT)
defvjp(np.linalg.cholesky, x=lambda g, y: cholesky_rule(g, y))
defvjp(einsum,             xs=lambda g, i, xs, subscripts: einsum_rule(g, i, xs, subscripts), broadcasts=True)
