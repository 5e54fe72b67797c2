"""Find the operation that made the first NaN, and arrays that changed before the backward pass."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from autonn.graph import Array, Node, Primitive, state
from autonn.operands import bare
from autonn.sites import source_line
from autonn.tensors import Tensor
from autonn.tree import flatten


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Stop at the first operation, forward or backward, that makes NaN or inf of finite numbers.

    Inside, each operation's result and each gradient is looked at, and what the rules keep is
    fingerprinted, so that an array that changes between forward and backward is noticed, whatever
    changed it. Slow; for debugging.

    Raises
    ------
    FloatingPointError
        Naming the operation, its operands, and the line of your code that called it.
    RuntimeError
        When an array that a rule kept is not what it was.

    Examples
    --------
    >>> with detect_anomaly():
    ...     np.log(Tensor([1.0, -1.0]))
    Traceback (most recent call last):
    FloatingPointError: log made nan at index (1,) of its finite operands [(2,) from -1 to 1]...
    """
    quiet = np.errstate(all="ignore")
    with state(_Watcher()):
        quiet.__enter__()
        try:
            yield
        finally:
            with suppress(ValueError):  # another task ends this one's generator: NumPy's own state
                quiet.__exit__(None, None, None)  # is that task's


class _Watcher:
    def __init__(self) -> None:
        self.seen: dict[Node, list[tuple[Any, int]]] = {}

    def forward(
        self, primitive: Primitive, operands: Sequence[Any], params: Mapping[str, Any], y: Tensor
    ) -> None:
        """Look at a result."""
        where = source_line()
        arrays = [np.asarray(bare(x)) for x in operands]
        if all(_finite(x) for x in arrays):
            _refuse(
                f"{primitive} made",
                bare(y),
                f"of its finite operands [{', '.join(map(_told, arrays))}]",
                where,
            )
        if y.node is not None:
            y.node.noted().site = where
            kept = flatten(list(y.node.kept.values()))[0]
            arrays = [x for x in kept if isinstance(x, np.ndarray)]
            self.seen[y.node] = [(x, _fingerprint(x)) for x in arrays]

    def backward(
        self, node: Node, g: Array, cotangents: Sequence[tuple[Node | None, Array]]
    ) -> None:
        """Look at the gradients that a rule made, and at what it read."""
        site = (node.notes and node.notes.site) or "made outside detect_anomaly"
        for x, was in self.seen.pop(node, ()):
            if _fingerprint(x) != was:
                raise RuntimeError(
                    f"{node.primitive}: an array of shape {x.shape} that its gradient needs was "
                    f"changed in place after the operation, which was at {site}. "
                    "Do not write to arrays given with copy=False"
                )
        if _finite(bare(g)):
            for position, (_, c) in enumerate(cotangents):
                c = getattr(c, "g", c)
                if c is not None:
                    told = f"of the finite gradient [{_told(np.asarray(bare(g)))}]"
                    _refuse(
                        f"the gradient of {node.primitive} by its argument {position} has",
                        bare(c),
                        told,
                        site,
                    )


def _finite(x: Any) -> bool:
    return np.asarray(x).dtype.kind not in "fc" or bool(np.isfinite(x).all())


def _told(x: Any) -> str:
    span = f" from {x.min():.3g} to {x.max():.3g}" if x.size and x.dtype.kind in "fiu" else ""
    return f"{x.shape}{span}"


def _fingerprint(x: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(x).tobytes())


def _refuse(what: str, x: Any, finite: str, where: str) -> None:
    if not _finite(x):
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(np.atleast_1d(x)))[0])
        raise FloatingPointError(
            f"{what} {np.atleast_1d(x)[index]} at index {index} {finite}, at {where}"
        )
