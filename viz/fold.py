"""Repeated blocks: chains of identical layers, steps or operations become one group."""

from __future__ import annotations

from collections.abc import Iterator

from autonn.trace import Graph, Op
from viz.groups import Group
from viz.kinds import KINDS

LONGEST_PERIOD = 64


def fold_all(root: Group, graph: Graph) -> None:
    """Fold repeated blocks, the innermost first."""
    signatures: dict[int | Group, int] = {}
    numbers: dict[object, int] = {}
    users = graph.users
    for group in reversed(list(root.groups())):
        for child in group.children:
            if isinstance(child, int):
                signatures[child] = numbers.setdefault(_looks(graph.ops[child]), len(numbers))
        made = [c for c in group.children if isinstance(c, Group) or graph.ops[c].kind == "op"]
        inside = tuple(signatures[child] for child in made)
        group.children = _folded(group.children, made, signatures, graph, users)
        what = (group.label, group.kind, inside)
        signatures[group] = numbers.setdefault(what, len(numbers))


def _looks(op: Op) -> object:
    """Give what two operations must have in common to be alike: all but which piece they take."""
    params = {k: v for k, v in op.params.items() if k != "index"}
    return (op.kind, op.op, op.shape, op.dtype, repr(params), repr(op.numbers))


def _folded(
    children: list[int | Group],
    made: list[int | Group],
    signatures: dict[int | Group, int],
    graph: Graph,
    users: list[list[int]],
) -> list[int | Group]:
    """Put chains of identical blocks into one group each.

    Leaves are no part of a block's pattern, but go with it if nothing else uses them.
    """
    pattern = [signatures[c] for c in made]
    runs = list(_runs(pattern, _sources(made, graph), [_weight(c) for c in made]))
    if not runs:
        return children
    inside: dict[int | Group, Group] = {}
    for start, period, count in runs:
        repeat = _repeat(made[start : start + period], count, graph)
        repeat.told = _shared(made[start : start + period * count], period, graph)
        inside |= dict.fromkeys(made[start : start + period * count], repeat)
    within = {i: inside.get(c) for c in made for i in _below(c)}
    for leaf in children:
        if isinstance(leaf, int) and graph.ops[leaf].kind in ("parameter", "constant"):
            homes = {within.get(user) for user in users[leaf]}
            (home,) = homes if len(homes) == 1 else (None,)
            if home is not None:
                inside[leaf] = home
    folded: list[int | Group] = []
    for child in children:
        repeat_of = inside.get(child)
        if repeat_of is None:
            folded.append(child)
        else:
            if not repeat_of.children:
                folded.append(repeat_of)
            repeat_of.children.append(child)
    return folded


def _shared(run: list[int | Group], period: int, graph: Graph) -> str:
    """Say so if blocks have parameters in common."""
    blocks: dict[int, int] = {}
    for n, child in enumerate(run):
        for i in _below(child):
            for j in graph.ops[i].inputs.values():
                if (
                    graph.ops[j].kind == "parameter"
                    and blocks.setdefault(j, n // period) != n // period
                ):
                    return "shared parameters"
    return ""


def _below(child: int | Group) -> list[int]:
    return [child] if isinstance(child, int) else list(child.ops())


def _sources(made: list[int | Group], graph: Graph) -> list[frozenset[int]]:
    """Give for each child the places of the children that it takes something from."""
    ops = graph.ops
    place = {i: n for n, c in enumerate(made) for i in _below(c) if ops[i].kind == "op"}
    found = []
    for n, child in enumerate(made):
        taken = {place.get(j, -1) for i in _below(child) for j in graph.ops[i].inputs.values()}
        found.append(frozenset(taken - {n, -1}))
    return found


def _weight(child: int | Group) -> int:
    """Say how much a child is worth folding: layers and steps much, an operation little."""
    if isinstance(child, int):
        return 1
    return 100 if child.kind in ("layer", "step") else len(_below(child))


def _runs(
    pattern: list[int], sources: list[frozenset[int]], weights: list[int]
) -> Iterator[tuple[int, int, int]]:
    """Find chains of identical blocks: (start, period, count).

    At each place the shortest period that repeats is taken. Each block takes from the one before
    it, and from nothing else that the others do not take, too. Three blocks that hold layers are a
    chain, or four of operations, 24 in all.
    """
    n = len(pattern)
    length: dict[int, list[int]] = {}
    for period in range(1, min(LONGEST_PERIOD, n // 3) + 1):
        same = [0] * (n + 1)  # for how long what follows each place repeats with this period
        for i in range(n - period - 1, -1, -1):
            same[i] = same[i + 1] + 1 if pattern[i] == pattern[i + period] else 0
        if max(same) >= 2 * period:
            length[period] = same
    i = 0
    while i < n:
        for period, same in length.items():
            most = same[i] // period + 1
            count = _chained(i, period, most, sources) if most >= 3 else 0
            weight = sum(weights[i : i + period * count])
            if count >= (3 if weight >= 100 * count else 4) and weight >= 24:
                yield i, period, count
                i += period * count - 1
                break
        i += 1


def _chained(start: int, period: int, most: int, sources: list[frozenset[int]]) -> int:
    """Count the blocks that are wired alike; what the first takes from outside is its affair."""

    def wiring(block: int) -> tuple[frozenset[int | str], ...]:
        first = start + block * period
        return tuple(
            frozenset("before" if j < start else j - first for j in sources[first + k])
            for k in range(period)
        )

    second = wiring(1)
    if not any(isinstance(j, int) and j < 0 for of in second for j in of):
        return 0  # side by side, and no chain
    for mine, theirs in zip(wiring(0), second, strict=True):
        if {j for j in mine if j != "before"} - theirs:
            return 0
    return next((n for n in range(2, most) if wiring(n) != second), most)


def _repeat(block: list[int | Group], count: int, graph: Graph) -> Group:
    """Make the group of a chain, named after what is in a block."""
    labels = [c.label if isinstance(c, Group) else graph.ops[c].op for c in block]
    labels = [label for label in labels if KINDS.get(label) != "shape"] or labels
    label = " → ".join(labels) if len(labels) <= 3 else f"{' → '.join(labels[:2])} → …"
    first = block[0]
    phase = first.phase if isinstance(first, Group) else graph.ops[first].phase
    return Group("repeat", label, count=count, is_open=False, phase=phase)
