"""The groups of a picture: one card when closed, a box around their cards when open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from autonn.trace import Scope

READABLE, LARGEST = 150, 1500  # cards: to start with, and at most


@dataclass(eq=False)
class Group:
    """Cards that belong together: one card when closed, a box around them when open.

    Attributes
    ----------
    kind
        "layer", "function", "step", "repeat" (of identical blocks), "chunk" (of many operations) or
        "root".
    label, name
        What its head says: the class, and what holds the layer.
    told
        What stands beside it in grey.
    count
        How many blocks a repeat holds.
    children
        In order: the ids of operations, and groups.
    scope
        The layer's call, if it is one.
    phase
        Of its operations.
    is_open
        Whether its children are shown.
    """

    kind: str
    label: str = ""
    name: str = ""
    told: str = ""
    count: int = 1
    children: list[int | Group] = field(default_factory=list)
    scope: Scope | None = None
    phase: str = "forward"
    is_open: bool = True
    id: int = -1
    parent: Group | None = None

    def groups(self) -> Iterator[Group]:
        """Give all groups below, each before those in it, numbered in that order."""
        stack: list[Group] = [self]
        while stack:
            group = stack.pop()
            yield group
            stack += reversed([child for child in group.children if isinstance(child, Group)])

    def ops(self) -> Iterator[int]:
        """Give the ids of all operations below, in order."""
        for group in self.groups():
            yield from (child for child in group.children if isinstance(child, int))


# ----- What is open -----


def open_readable(root: Group, most: int = READABLE) -> None:
    """Open layers from the outside in as long as no more than `most` cards are shown.

    Functions, repeats and chunks stay closed.
    """
    for group in root.groups():
        group.is_open = group is root
    shown = len(root.children)
    level = [root]
    while level:
        inner = [c for g in level for c in g.children if isinstance(c, Group)]
        level = []
        for group in inner:
            if group.kind in ("layer", "step") and shown + len(group.children) - 1 <= most:
                group.is_open = True
                shown += len(group.children) - 1
                level.append(group)


def open_to(root: Group, depth: int) -> None:
    """Open that many levels of layers, and nothing else."""
    stack = [(root, 0)]
    while stack:
        group, level = stack.pop()
        group.is_open = group is root or (group.kind in ("layer", "step") and level <= depth)
        stack += [(c, level + 1) for c in group.children if isinstance(c, Group)]


def close(root: Group, wanted: Callable[[Group], bool]) -> None:
    """Close the groups for which `wanted` holds."""
    for group in root.groups():
        if group is not root and wanted(group):
            group.is_open = False


def homes(root: Group) -> dict[int, Group]:
    """Give the group that each operation stands in."""
    return {c: group for group in root.groups() for c in group.children if isinstance(c, int)}


def visible(root: Group) -> dict[int, int | Group]:
    """Give for each operation the card that shows it: itself, or the outermost closed group."""
    card: dict[Group, Group | None] = {}
    found: dict[int, int | Group] = {}
    for group in root.groups():
        above = None if group.parent is None else card[group.parent]
        closed = None if group.is_open else group
        card[group] = above if above is not None else closed
        for child in group.children:
            if isinstance(child, int):
                shown = card[group]
                found[child] = child if shown is None else shown
    return found
