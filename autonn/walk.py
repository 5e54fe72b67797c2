"""The walk: cotangents are pulled back through the graph, and add up where paths meet.

They add up in place as soon as an array is the walk's own: made by it or by a rule, and referred to
by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from autonn.graph import Array, Node, current_state
from autonn.sums import total

_PLAIN = {np.ndarray, np.float64, np.float32, np.float16}


class Piece(NamedTuple):
    """A cotangent that is zero outside `index`: all the pieces of an array meet in one buffer."""

    g: Array
    index: Any
    add: Callable[[Array, Any, Array], None]  # add(buffer, index, g) is buffer[index] += g


def walk(
    seeds: Mapping[Node, Array], *, retain: bool, create: bool, targets: Collection[Node] = ()
) -> dict[Node, Array]:
    """Pull the cotangents `seeds` back to the leaves, or to the `targets` and no further.

    A node waits until all its uses have reported, so no recursion and no sorting is needed. Nodes
    are not written to, but that what they kept is released unless `retain`: a pass that fails
    leaves no gradient behind, and passes in several threads do not disturb each other. With
    `create` the rules run on Tensors.
    """
    reach = None
    if targets:
        reach = _leading_to(targets, seeds)
        seeds = {node: g for node, g in seeds.items() if node in reach}
    uses = _uses(seeds, targets, reach)
    held: dict[Node, Array] = dict(seeds)  # the cotangents that are not complete
    found: dict[Node, Array] = {}
    watching = current_state().observers
    ready = [(node, held.pop(node)) for node, count in uses.items() if not count]
    while ready:
        node, g = ready.pop()
        notes = node.notes
        if notes is not None:
            for hook in tuple(notes.hooks.values()):
                g = hook(g)
            if notes.retains:
                found[node] = g
        primitive = node.primitive
        if primitive is None or node in targets:
            found[node] = g
            for observer in watching:
                observer.backward(node, g, ())
            continue
        if node.spent:
            raise RuntimeError(
                f"{primitive}: a backward pass has already used up this graph. Sum the losses and "
                "call backward once, compute the output again, or keep the graph with "
                "backward(retain_graph=True)"
            )
        try:
            pulled = node.pull_recorded(g, reach) if create else node.pull(g, retain, reach)
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(f"the gradient of {primitive}: {error}") from None
        for observer in watching:
            observer.backward(node, g, pulled)
        for parent, c in pulled:
            if parent is None:
                continue
            if type(c) is Piece:
                held[parent] = c = _add_piece(held, c, parent)
            else:
                plain = type(c) in _PLAIN
                if not plain or c.shape != parent.shape or c.dtype is not parent.dtype:
                    c = _fitted(c, node, parent)
                if parent in held:
                    held[parent] = c = _added(held, parent, c)
            if uses[parent] > 1:
                uses[parent] -= 1
                held[parent] = c
            else:
                held.pop(parent, None)
                ready.append((parent, c))
    return found


def _uses(
    seeds: Collection[Node], targets: Collection[Node], reach: Collection[Node] | None
) -> dict[Node, int]:
    """Count how often each node between the seeds and the leaves (or targets) is used there."""
    uses = dict.fromkeys(seeds, 0)
    stack = list(seeds)
    while stack:
        node = stack.pop()
        for parent in node.parents if node not in targets else ():
            if parent is None or (reach is not None and parent not in reach):
                continue
            if parent in uses:
                uses[parent] += 1
            else:
                uses[parent] = 1
                stack.append(parent)
    return uses


def _leading_to(targets: Collection[Node], roots: Collection[Node]) -> set[Node]:
    """Give the nodes between `roots` and `targets`: the only ones worth a visit."""
    consumers: dict[Node, list[Node]] = {node: [] for node in roots}
    stack = list(roots)
    while stack:
        node = stack.pop()
        for parent in node.parents if node not in targets else ():
            if parent is not None:
                if parent not in consumers:
                    consumers[parent] = []
                    stack.append(parent)
                consumers[parent].append(node)
    reach = {node for node in targets if node in consumers}
    stack = list(reach)
    while stack:
        for node in consumers[stack.pop()]:
            if node not in reach:
                reach.add(node)
                stack.append(node)
    return reach


def _fitted(c: Array, node: Node, parent: Node) -> Array:
    """Sum what was broadcast, and give the cotangent its argument's dtype."""
    assert node.primitive is not None
    if type(c) not in _PLAIN:
        c = _checked(c, node)
    if c.dtype.kind == "c":
        raise TypeError(f"{node.primitive}: gradients through complex numbers are not supported")
    if c.shape != parent.shape:
        summed = sum_to(c, parent.shape) if node.primitive.broadcasts else c
        if summed.shape != parent.shape:
            names = node.primitive.signature.arrays
            x = names[min(node.parents.index(parent), len(names) - 1)]
            raise ValueError(
                f"{node.primitive}: the rule of {x} gave a cotangent of shape {c.shape}, but {x} "
                f"has shape {parent.shape}. If it broadcasts, say defvjp(..., broadcasts=True)"
            )
        c = summed
    return c if c.dtype == parent.dtype else c.astype(parent.dtype)


def _checked(c: Array, node: Node) -> Array:
    """Give what a rule returned as an array, and not as a matrix, which multiplies otherwise."""
    if isinstance(c, float | int | np.ndarray):
        return np.asarray(c)
    if not hasattr(c, "dtype"):
        told = f"{node.primitive}: a rule gave {c!r:.40}; want the cotangent, an array"
        raise TypeError(told)
    return c


def sum_to(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which `shape` was broadcast: the adjoint of `np.broadcast_to`."""
    extra = g.ndim - len(shape)
    if extra < 0:  # the other way round: axes of length 1 that an assignment dropped
        g, extra = g.reshape((1,) * -extra + g.shape), 0
    axes = tuple(range(extra))
    if g.shape[extra:] != shape:
        axes += tuple([i + extra for i, n in enumerate(shape) if n == 1 != g.shape[i + extra]])
    if not axes:
        return g
    y = total(g, axes) if type(g) is np.ndarray else g.sum(axis=axes)
    return y if len(axes) == extra else y.reshape(shape)


def _count(held: Mapping[Any, Array], key: Any) -> int:
    array = held[key]
    return getrefcount(array)


_ALONE = _count({0: np.zeros(1)}, 0)  # what is counted when nothing else refers to the array


def _ours(held: Mapping[Node, Array], node: Node) -> bool:
    """Tell whether the walk alone holds a cotangent, as an array of its own, to write to."""
    if _count(held, node) != _ALONE or type(held[node]) is not np.ndarray:
        return False
    return held[node].base is None and held[node].flags.writeable


def _added(held: Mapping[Node, Array], node: Node, c: Array) -> Array:
    """Give the sum of the cotangents that a node has had and the next, in place if that is ours."""
    if type(c) is not np.ndarray or not _ours(held, node):
        return held[node] + c
    g = held[node]
    g += c
    return g


def _add_piece(held: Mapping[Node, Array], piece: Piece, parent: Node) -> Array:
    """Add a piece to the buffer of its array, made on first use."""
    if parent in held and _ours(held, parent):
        buffer = held[parent]
    else:
        buffer = np.zeros(parent.shape, parent.dtype)
        g = held.get(parent, buffer)
        if not isinstance(g, np.ndarray | np.generic):  # recorded, and not written to
            piece.add(buffer, piece.index, piece.g)
            return g + buffer
        if g is not buffer:
            buffer[...] = g
    piece.add(buffer, piece.index, piece.g)
    return buffer
