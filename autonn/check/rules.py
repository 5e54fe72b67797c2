"""Each rule of a run, checked where it ran: what it handed on, against numerical derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autonn.check.numerical import best_derivative, jumps
from autonn.graph import Array, Cotangents, Node, Primitive
from autonn.tensors import bare


class _Ran(NamedTuple):
    primitive: Primitive
    operands: tuple[Any, ...]
    params: dict[str, Any]


class RuleErrors:
    """Finds the relative error of every rule in a backward pass; an observer.

    For each operation y = f(.., x, ..) that received g and handed c to x, a random direction v is
    drawn: ⟨c, v⟩ must be the derivative of ⟨g, f(.., x + t v, ..)⟩ by t at 0. So a wrong rule is
    found at its own place, whatever stands before and after it. Values should be float64: what
    float32 rounds is an error of 1e-7.

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
    >>> with state(observers=(watcher,)):
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
            arrays = (np.array(x) if isinstance(x, np.ndarray) else bare(x) for x in operands)
            self._ran[y.node] = _Ran(primitive, tuple(arrays), dict(params))

    def backward(self, node: Node, g: Array, cotangents: Cotangents) -> None:
        """Check what a rule made of a gradient."""
        ran = self._ran.get(node)
        if ran is None:
            return
        for place, (parent, c) in enumerate(cotangents):
            if parent is not None and c is not None:
                error = self._error(ran, place, np.asarray(bare(g)), _whole(c, parent))
                known = self.errors.setdefault(node, {})
                known[place] = max(error, known.get(place, 0.0))

    def _error(self, ran: _Ran, place: int, g: Any, c: Any) -> float:
        """Give the relative error along a random direction and along c itself."""
        x = np.asarray(ran.operands[place])
        if c.shape != x.shape:  # a cotangent that is still to be summed over what was broadcast
            extra = c.ndim - x.ndim
            own = tuple(extra + i for i, n in enumerate(x.shape) if n == 1 != c.shape[extra + i])
            c = c.sum(axis=(*range(extra), *own)).reshape(x.shape)
        c = np.asarray(c, float)
        largest = float(np.max(np.abs(c), initial=0))
        along = c / largest if 0 < largest < np.inf else np.ones(c.shape)
        directions = (self._rng.normal(size=c.shape), along)
        return max(float(_along(v, ran, place, g, c)) for v in directions)


def _along(v: Any, ran: _Ran, place: int, g: Any, c: Any) -> float:
    x = np.asarray(ran.operands[place])

    def y(t: Any) -> Any:
        moved = [*ran.operands]
        moved[place] = x + t * v
        return ran.primitive.forward(*moved, **ran.params)

    def f(t: Any) -> Any:
        return np.sum(g * y(t))

    size = float(np.max(np.abs(x), initial=0)) / 8 or 1.0
    with np.errstate(all="ignore"):
        told = best_derivative(f, size)
        if not np.isfinite(told.value) or jumps(lambda t: float(f(t))):
            return 0.0
        h, middle = size * 2.0**-20, y(0.0)
        right, left = g * (y(h) - middle) / h, g * (middle - y(-h)) / h
    terms = float(np.sum(np.abs(right + left))) / 2  # which may cancel in their sum
    seen = float(np.sum(c * v))
    kinks = np.abs(right - left) > 1e-3 * np.maximum(np.abs(right), np.abs(left))
    play = np.where(kinks, np.abs(right - left), 0.0).sum() / 2  # any slope in between is right
    off = max(abs(seen - (told.value if not play else np.sum(right + left) / 2)) - play, 0.0)
    scale = max(terms, abs(told.value)) or float(np.linalg.norm(c))
    if not np.isfinite(seen):  # where the numbers are finite
        return np.inf
    return off / scale if scale else 0.0


def _whole(c: Any, parent: Node) -> Any:
    """Give a cotangent as an array, also that of a piece."""
    if hasattr(c, "index") and hasattr(c, "add"):
        whole = np.zeros(parent.shape, parent.dtype)
        c.add(whole, c.index, bare(c.g))
        return whole
    return np.asarray(bare(c))
