"""Each rule of a run, checked where it ran: what it handed on, against numerical derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autonn.check.numerical import best_derivative, jumps
from autonn.graph import Array, Cotangents, Node, Primitive
from autonn.operands import bare


class _Ran(NamedTuple):
    primitive: Primitive
    operands: tuple[Any, ...]
    params: dict[str, Any]

    def at(self, place: int, x: Any) -> Any:
        """Give the value for another operand."""
        given = [*self.operands]
        given[place] = x
        return self.primitive.forward(*given, **self.params)


class RuleErrors:
    """Finds the relative error of every rule in a backward pass; an observer.

    For each operation y = f(.., x, ..) that received g and handed c to x, two directions v are
    tried, a random one and c's own: ⟨c, v⟩ must be the derivative of ⟨g, f(.., x + t v, ..)⟩ by t
    at 0. So a wrong rule is found at its own place, whatever stands before and after it. The error
    is relative to the terms of ⟨g, ∂f v⟩: a factor 2 is an error of about 1. At a kink any slope
    between the one-sided ones is right. Elements that are not finite are left out; where numerical
    differentiation finds no stable answer, nothing is said. What float32 rounds is an error of
    1e-7.

    Attributes
    ----------
    errors
        By node, and in it by the argument's place.

    Examples
    --------
    >>> from autonn import Tensor
    >>> from autonn.graph import state
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> watcher = RuleErrors()
    >>> with state(watcher):
    ...     np.exp(x).sum().backward()
    >>> max(max(of.values()) for of in watcher.errors.values()) < 1e-12
    True
    """

    def __init__(self, seed: int = 0) -> None:
        self.errors: dict[Node, dict[int, float]] = {}
        self._ran: dict[Node, _Ran] = {}
        self._rng = np.random.default_rng(seed)

    def forward(
        self, primitive: Primitive, operands: Sequence[Any], params: Mapping[str, Any], y: Any
    ) -> None:
        """Remember what an operation was given."""
        if y.node is not None:
            self._ran[y.node] = _Ran(primitive, tuple(map(_wide, operands)), dict(params))

    def backward(self, node: Node, g: Array, cotangents: Cotangents) -> None:
        """Check what a rule made of a gradient."""
        ran = self._ran.get(node)
        if ran is None:
            return
        for place, (parent, c) in enumerate(cotangents):
            if parent is not None and c is not None:
                g64 = np.asarray(bare(g), np.float64)
                with np.errstate(all="ignore"):
                    error = self._error(ran, place, g64, _whole(c, parent))
                if error is not None:
                    known = self.errors.setdefault(node, {})
                    known[place] = max(error, known.get(place, 0.0))

    def _error(self, ran: _Ran, place: int, g: Any, c: Any) -> float | None:
        x = np.asarray(ran.operands[place])
        c = _summed(np.asarray(c, np.float64), x.shape)
        if c is None:
            return None  # the engine will say what is wrong with it
        y = np.asarray(ran.at(place, x))
        sound_x, sound_y = np.isfinite(x) & np.isfinite(c), np.isfinite(y) & np.isfinite(g)
        if not (sound_x.all() and sound_y.all()):
            if x.shape != y.shape or not (sound_x & sound_y).any():
                return None
            sound_x = sound_y = sound_x & sound_y
        g, c = np.where(sound_y, g, 0.0), np.where(sound_x, c, 0.0)
        largest = float(np.max(np.abs(c), initial=0))
        along = c / largest if largest else np.ones(c.shape)
        directions = ((self._rng.normal(size=c.shape), 2), (along, 1))
        found = [_along(np.where(sound_x, v, 0.0), ran, place, g, c, p) for v, p in directions]
        return max((error for error in found if error is not None), default=None)


def _wide(x: Any) -> Any:
    """Give an operand as it is now, floats in float64."""
    x = bare(x)
    if isinstance(x, np.ndarray | np.generic):
        return np.array(x, np.float64 if x.dtype.kind == "f" else None)
    return x


def _along(v: Any, ran: _Ran, place: int, g: Any, c: Any, p: int) -> float | None:
    """Give the error along v, relative to the terms' p-norm; None where no derivative is found."""
    x, seen = np.asarray(ran.operands[place]), float(np.sum(c * v))
    others = [np.max(np.abs(o), initial=0) for o in ran.operands if np.size(o)]
    sizes = [np.max(np.abs(x), initial=0), 1.0, max(others, default=1.0)]

    def terms(t: Any) -> Any:
        return np.where(g == 0, 0.0, g * ran.at(place, x + t * v))

    flat = True  # in every size of step
    for size in dict.fromkeys(float(s) / 8 for s in sizes if np.isfinite(s) and s):
        middle, h, eps = np.abs(terms(0.0)), size * 2.0**-20, np.finfo(np.float64).eps
        change = np.ravel(terms(size / 16) - terms(-size / 16)) / (size / 8)
        scale = float(np.linalg.norm(change, p))
        flat = flat and scale == 0
        if not 0 < scale < np.inf:
            continue
        told = best_derivative(lambda t: np.sum(terms(t)), size)
        exact = told.method == "complex step"
        value, play = told.value, 0.0
        doubt = told.error + (0.0 if exact else 4 * eps * float(middle.sum()) / told.step)
        if not exact:  # at a kink any slope in between is right
            right, left, sharp = _one_sided(terms, h, 16 * eps * middle)
            if sharp.any():
                apart = float(np.abs(right - left)[sharp].sum())
                value, play = float(np.sum(right + left)) / 2, apart / 2
                doubt = 16 * eps * float(middle.sum()) / h
                if jumps(lambda t: float(np.sum(terms(t))), size):
                    continue
        if np.isfinite(value) and doubt <= 1e-5 * scale:
            return max(abs(seen - value) - play - doubt, 0.0) / scale
    return min(float(np.max(np.abs(c), initial=0)), 1.0) if flat else None


def _one_sided(terms: Callable[[float], Any], h: float, noise: Any) -> tuple[Any, Any, Any]:
    """Give the slopes to the right and to the left, and where they differ although h is small."""
    middle = terms(0.0)

    def slopes(h: float) -> tuple[Any, Any]:
        return (terms(h) - middle) / h, (middle - terms(-h)) / h

    right, left = slopes(h)
    far = np.abs(np.subtract(*slopes(16 * h)))  # which is 16 times as much where it is curvature
    apart = np.abs(right - left)
    return right, left, (apart > 0.5 * far) & (apart > noise / h)


def _summed(c: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over what was broadcast; None if it does not fit."""
    if c.shape == shape:
        return c
    extra = c.ndim - len(shape)
    if extra < 0 or any(n not in (1, c.shape[extra + i]) for i, n in enumerate(shape)):
        return None
    own = tuple(extra + i for i, n in enumerate(shape) if n == 1 != c.shape[extra + i])
    return c.sum(axis=(*range(extra), *own)).reshape(shape)


def _whole(c: Any, parent: Node) -> Any:
    """Give a cotangent as an array, also that of a piece."""
    if hasattr(c, "index") and hasattr(c, "add"):
        whole = np.zeros(parent.shape, parent.dtype)
        c.add(whole, c.index, bare(c.g))
        return whole
    return np.asarray(bare(c))
