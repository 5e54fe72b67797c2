"""Random programs in NumPy: text that runs on arrays and, the same, on Tensors.

A program is its inputs and its lines, such as `v3 = np.add(v0, v1[..., None])`: what fails can be
read and run as it stands. `draw` makes one from choices, which come from hypothesis (and shrink) or
from a seed; every function that runs on Tensors has its maker in `OPS`, which keeps away from kinks
and ties by looking at the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import erf, prod
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autonn import Tensor, functional

# ----- What programs may name -----


def numbers(shape: Any, seed: int) -> Any:
    """Draw numbers of two decimals from everywhere, a few of them 0."""
    return np.round(np.random.default_rng(seed).uniform(-2, 2, shape), 2)


def distinct(shape: Any, seed: int) -> Any:
    """Draw numbers that are apart from each other and from 0, in any order."""
    n = prod(shape)
    places = np.random.default_rng(seed).permutation(n) - n // 2 + 0.37
    return (places * min(0.13, 4 / max(1, n))).reshape(shape)


def rows(length: int, shape: Any, seed: int) -> Any:
    """Draw indices of an axis, negative ones among them."""
    return np.random.default_rng(seed).integers(-length, length, shape)


def mask(shape: Any, seed: int) -> Any:
    return np.random.default_rng(seed).random(shape) < 0.6


def strided(x: Any) -> Any:
    return np.repeat(x, 2, axis=-1)[..., ::2]


def at_set(x: Any, index: Any, value: Any) -> Any:
    if isinstance(x, Tensor) or isinstance(value, Tensor):
        return (x if isinstance(x, Tensor) else Tensor(x)).at[index].set(value)
    y = np.array(x)
    y[index] = value
    return y[()]


def at_add(x: Any, index: Any, value: Any) -> Any:
    if isinstance(x, Tensor) or isinstance(value, Tensor):
        return (x if isinstance(x, Tensor) else Tensor(x)).at[index].add(value)
    y = np.array(x)  # NumPy 2.4's np.add.at reads beyond values that are to be broadcast
    np.add.at(y, index, np.broadcast_to(value, y[index].shape).copy())
    return y[()]


def _like(f: Callable[[Any], Any]) -> Callable[..., Any]:
    """Compute in float64, and give the argument's dtype."""
    return lambda x, *args, **kwargs: np.asarray(
        f(np.asarray(x, np.float64), *args, **kwargs), x.dtype
    )[()]


def _elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def _logsumexp(x: Any, axis: Any = -1, keepdims: bool = False) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


_erf: Any = np.vectorize(erf, otypes=[float])
# Formulas of their own for autonn's functions, on plain arrays.
PLAIN = SimpleNamespace(
    erf=_like(_erf),
    sigmoid=_like(lambda x: 1 / (1 + np.exp(-x))),
    softplus=_like(lambda x, beta=1.0: np.log(1 + np.exp(beta * x)) / beta),
    tanh=_like(lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))),
    relu=_like(lambda x: np.where(x > 0, x, 0)),
    leaky_relu=_like(lambda x, slope=0.01: np.where(x > 0, x, slope * x)),
    elu=_like(_elu),
    selu=_like(lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772)),
    gelu=_like(lambda x: x * (1 + _erf(x / 2**0.5)) / 2),
    silu=_like(lambda x: x / (1 + np.exp(-x))),
    hard_sigmoid=_like(lambda x: np.minimum(np.maximum(x / 6 + 0.5, 0), 1)),
    softmax=_like(lambda x, axis=-1: np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)),
    log_softmax=_like(lambda x, axis=-1: x - _logsumexp(x, axis, True)),
    logsumexp=_like(_logsumexp),
)
COMMON: dict[str, Any] = {
    "np": np,
    "numbers": numbers,
    "distinct": distinct,
    "rows": rows,
    "mask": mask,
    "strided": strided,
    "at_set": at_set,
    "at_add": at_add,
}
DTYPES = {f"float{n}": np.dtype(f"float{n}").type for n in (16, 32, 64)}
WIDE = dict.fromkeys(DTYPES, np.float64)  # the same program, in float64 throughout
HEAD = """import numpy as np
from numpy import float16, float32, float64
from random_graphs import at_add, at_set, distinct, mask, numbers, rows, strided

from autonn import Tensor
from autonn import functional as F
"""

# ----- Programs -----


@dataclass(frozen=True)
class Program:
    """Inputs (name: kind and text), lines (name: text) and the names of the outputs."""

    inputs: dict[str, tuple[str, str]]
    lines: dict[str, str]
    outputs: tuple[str, ...]

    def arrays(self, dtypes: dict[str, Any] = DTYPES) -> dict[str, Any]:
        """Give the inputs as arrays."""
        return {k: eval(text, COMMON | dtypes) for k, (_, text) in self.inputs.items()}

    @property
    def leaves(self) -> list[str]:
        """The inputs that are differentiated by."""
        return [k for k, (kind, _) in self.inputs.items() if kind == "leaf"]

    def run(
        self,
        given: dict[str, Any],
        dtypes: dict[str, Any] = DTYPES,
        after: Callable[[Any], Any] = lambda y: y,
    ) -> dict[str, Any]:
        """Compute all lines, of arrays or of Tensors; `after` may change each result."""
        tensors = any(isinstance(x, Tensor) for x in given.values())
        names = COMMON | dtypes | {"F": functional if tensors else PLAIN} | given
        for name, text in self.lines.items():
            names[name] = after(eval(text, names))
        return {k: names[k] for k in (*self.inputs, *self.lines)}

    def pruned(self) -> Program:
        """Leave out what no output needs."""
        needed = set(self.outputs)
        for name in reversed(self.lines):
            if name in needed:
                needed |= set(re.findall(r"\b[vx]\d+\b", self.lines[name]))
        return replace(
            self,
            inputs={k: v for k, v in self.inputs.items() if k in needed},
            lines={k: v for k, v in self.lines.items() if k in needed},
        )

    def __str__(self) -> str:
        text = HEAD
        for name, (kind, value) in self.inputs.items():
            made = {"leaf": f"Tensor({value}, requires_grad=True)", "tensor": f"Tensor({value})"}
            text += f"{name} = {made.get(kind, value)}\n"
        for name, value in self.lines.items():
            text += f"{name} = {value}\n"
        return text + f"# the outputs: {', '.join(self.outputs)}\n"

    def __repr__(self) -> str:
        return f"\n{self}"


# ----- Choices -----


class Dice:
    """Choices by a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))


class Drawn:
    """Choices by hypothesis, which shrinks them."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))


class RefusedError(Exception):
    """A choice that leads nowhere: another is made."""


LARGE: list[tuple[int, ...]] = [
    (5000,), (20_000,), (70, 80), (130, 140), (3, 6000), (6000, 3), (2, 3, 40, 70), (17, 1000), (1, 17_000), (4100, 4), (16, 33, 34),
    (1100, 120), (9000, 16), (5000, 1, 4), (16, 16, 16, 5),
]  # fmt: skip
MOST = {False: 700, True: 200_000}  # elements of a small and of a large program's arrays


@dataclass
class Builder:
    """A program as it grows, with the values of all that it names."""

    dice: Dice | Drawn
    large: bool = False
    inputs: dict[str, tuple[str, str]] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    dtypes: Sequence[str] = ("float64",)

    # ----- Choosing -----

    def integer(self, low: int, high: int) -> int:
        return self.dice.integer(low, high)

    def chance(self, percent: int) -> bool:
        return self.integer(0, 99) >= 100 - percent

    def one(self, items: Sequence[Any]) -> Any:
        if not items:
            raise RefusedError
        return items[self.integer(0, len(items) - 1)]

    def want(self, condition: Any) -> None:
        if not condition:
            raise RefusedError

    def shape(self, low: int = 0, high: int = 4, empty: bool = True) -> tuple[int, ...]:
        if self.large and self.chance(70):
            fitting = [s for s in LARGE if low <= len(s) <= high]
            if fitting:
                return self.one(fitting)
        sides = [3, 2, 1, 4, 5, *([0] if empty and self.chance(10) else [])]
        return tuple(self.one(sides) for _ in range(self.integer(low, high)))

    def fits(self, size: int) -> None:
        self.want(size <= MOST[self.large])

    def seed(self) -> int:
        return self.integer(0, 10**6)

    # ----- Growing -----

    def input(self, shape: tuple[int, ...], kind: str | None = None, apart: bool = False) -> str:
        """Add an input."""
        self.fits(prod(shape))
        kind = kind or self.one(["leaf", "leaf", "leaf", "leaf", "array", "tensor"])
        layout = (
            self.one(["", "", "", "np.asfortranarray", "strided", "[::-1]", ".T"]) if shape else ""
        )
        made = shape[::-1] if layout == ".T" else shape
        text = f"{'distinct' if apart else 'numbers'}({made}, {self.seed()})"
        if prod(shape) <= 12:  # to be read
            array = eval(text, COMMON)
            text = f"np.array({array.tolist()})" + f".reshape({made})" * (not array.size)
        text = f"{text}.astype({self.one(self.dtypes)})"
        text = f"{layout}({text})" if layout.isidentifier() or "np." in layout else text + layout
        name = f"x{len(self.inputs)}"
        self.inputs[name], self.values[name] = (kind, text), eval(text, COMMON | DTYPES)
        return name

    def eval(self, text: str) -> Any:
        """Compute on plain arrays."""
        try:
            return eval(text, COMMON | DTYPES | {"F": PLAIN} | self.values)
        except Exception:  # NumPy has no such thing: float16 in LAPACK, say
            raise RefusedError from None

    def line(self, text: str) -> str:
        """Add a line, if it gives finite numbers of floating point, not too many and not too large."""
        y = self.eval(text)
        self.want(isinstance(y, np.ndarray | np.generic) and y.dtype.kind == "f")
        self.fits(y.size)
        self.want(np.all(np.isfinite(y)))
        name = f"v{len(self.lines)}"
        self.lines[name], self.values[name] = text, y
        self.used |= set(re.findall(r"\b[vx]\d+\b", text))
        if np.max(np.abs(y), initial=0) > 20:
            self.want(np.max(np.abs(y)) < 1e4)
            scaled = self.line(f"{name} * 0.05")
            return self.line(f"np.sin({scaled})") if np.max(np.abs(y)) > 200 else scaled
        return name

    def pick(self, low: int = 0, high: int = 4, empty: bool = True, **fresh: Any) -> str:
        """Choose something that there is, or add an input."""
        fitting = [k for k, x in self.values.items() if low <= x.ndim <= high and (empty or x.size)]
        if not fitting or self.chance(15 if fresh else 12):
            return self.input(self.shape(low, high, empty), **fresh)
        return fitting[-1] if self.chance(50) else self.one(fitting)

    def margin(self, *names: str) -> float:
        return 0.02 if all(self.values[k].dtype.itemsize > 2 for k in names) else 0.1

    def within(self, x: str, domain: str) -> str:
        """Give x, or something made of it that is in a domain."""
        inside, cure = DOMAINS[domain]
        m = self.margin(x)
        if np.all(inside(np.asarray(self.values[x], np.float64), m)):
            return x
        for text in cure:
            y = self.line(text.format(x))
            if np.all(inside(np.asarray(self.values[y], np.float64), m)):
                return y
        raise RefusedError

    # ----- Pieces of text -----

    def axis(self, n: int, several: bool = True, none: bool = True) -> Any:
        """Choose an axis of n, negative ones among them, several, or None."""
        kind = self.integer(0, 3)
        if n == 0 or (none and kind == 0):
            self.want(none)
            return None
        if several and kind == 1:
            axes = [a for a in range(n) if self.chance(50)]
            return tuple(a - n * self.chance(40) for a in axes)
        return self.integer(-n, n - 1)

    def number(self) -> str:
        return self.one(["0.7", "2", "-1.3", "3", "float32(0.6)", "float64(-0.8)", "np.array(1.25)", "np.int64(2)"])  # fmt: skip

    def partner(self, x: str) -> str:
        """Give what can be broadcast with x: x itself, something there, an input, a number."""
        shape = self.values[x].shape
        kind = self.integer(0, 9)
        if kind == 0:
            return x
        if kind <= 3:
            fitting = [k for k, y in self.values.items() if k != x and _broadcast(shape, y.shape)]
            fitting = [
                k
                for k in fitting
                if prod(_broadcast(shape, self.values[k].shape)) <= MOST[self.large]
            ]
            if fitting:
                return self.one(fitting)
        if kind == 4:
            return self.number()
        if kind == 5 and prod(shape) <= 12:
            return f"np.array({(numbers(shape, self.seed()) * 2).astype(int).tolist()}).reshape({shape})"
        other = [1 if self.chance(30) else self.one([n, 3]) if n == 1 else n for n in shape]
        other = other[self.integer(0, len(other)) if self.chance(40) else 0 :]
        if len(other) < 4 and self.chance(10):
            other = [2, *other] if len(other) == len(shape) else other
        self.fits(prod(_broadcast(shape, tuple(other))))
        return self.input(tuple(other))


def _broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return ()


Inside = Callable[[Any, float], Any]
DOMAINS: dict[str, tuple[Inside, tuple[str, ...]]] = {
    "real": (lambda x, m: True, ()),
    "not zero": (lambda x, m: np.abs(x) > m, ("({0} + 0.173)", "({0} * 0.9 + 2.31)")),
    "far from zero": (lambda x, m: np.abs(x) > 0.2, ("(np.sin({0}) + 1.5)", "np.exp(0.5 * np.sin({0}))")),
    "between steps": (lambda x, m: np.abs(x * 2 - np.rint(x * 2)) > m, ("({0} + 0.273)", "(0.2 * np.sin({0}) + 0.25)")),
    "positive": (lambda x, m: x > 0.2, ("np.exp(np.sin({0}))",)),
    "unit": (lambda x, m: np.abs(x) < 0.91, ("0.9 * np.sin({0})",)),
    "above one": (lambda x, m: x > 1.15, ("(2.2 + np.sin({0}))",)),
    "no pole": (lambda x, m: np.abs(np.cos(x)) > 0.2, ("np.sin({0})",)),
}  # fmt: skip


# ----- Makers: by the name of what they call -----

Maker = Callable[[Builder, str], Any]
OPS: dict[str, Maker] = {}


def op(*names: str) -> Callable[[Maker], Maker]:
    """Register the maker of a line that calls one of these; it may look at the values."""

    def register(maker: Maker) -> Maker:
        has = [n for n in names if not n.startswith("np.") or hasattr(np, n.split(".")[1])]
        OPS.update(dict.fromkeys(has, maker))  # of NumPy, what this version has
        return maker

    return register
