"""What belongs together in a picture: layers, functions, repeated blocks, as a tree of groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from autonn.trace import Graph, Op, Scope
from viz.kinds import KINDS

READABLE, LARGEST = 150, 1500  # cards: to start with, and at most
MOST_CHILDREN = READABLE  # what one group shows at a time; more are put together in chunks
LONGEST_PERIOD = 64


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


def tree(
    graph: Graph,
    shown: Callable[[Op], bool] = lambda op: True,
    *,
    fold: bool | None = None,
    together: int = MOST_CHILDREN,
) -> Group:
    """Put the operations that are shown into groups.

    Layers and functions come from the graph's scopes. A function of a single operation is no group,
    nor is a layer; a function that is all that a layer does is the layer. With `fold`, or by
    default where there are too many cards to read, chains of identical blocks become one "repeat".
    What still has more than `together` children is cut into
    chunks.
    """
    root = _by_scope(graph, shown)
    _simplify(root, graph)
    if fold or (fold is None and _cards(root) > READABLE):
        _fold_all(root, graph)
    _cut_all(root, graph, together)
    number = -1
    for group in root.groups():
        group.id, number = number, number + 1
        for child in group.children:
            if isinstance(child, Group):
                child.parent = group
    return root


def _by_scope(graph: Graph, shown: Callable[[Op], bool]) -> Group:
    root = Group("root")
    known: dict[tuple[int | None, str], Group] = {(None, "forward"): root, (None, "backward"): root}
    for op in graph.ops:
        if not shown(op):
            continue
        missing = []
        scope = op.scope
        while (scope, op.phase) not in known:
            assert scope is not None
            missing.append(scope)
            scope = graph.scopes[scope].parent
        group = known[scope, op.phase]
        for i in reversed(missing):
            made = _of_scope(graph.scopes[i], op.phase)
            group.children.append(made)
            known[i, op.phase] = group = made
        group.children.append(op.id)
    return root


def _of_scope(scope: Scope, phase: str) -> Group:
    told = f"{scope.parameters:,} params" if scope.parameters else ""
    told = "backward" if phase == "backward" else told
    return Group(scope.kind, scope.label, scope.name, told, scope=scope, phase=phase)


def _simplify(root: Group, graph: Graph) -> None:
    """Dissolve the groups that say nothing."""
    for group in reversed(list(root.groups())):
        kept: list[int | Group] = []
        for child in group.children:
            if isinstance(child, Group) and (_trivial(child, group, graph) or _passes_on(child)):
                kept += child.children
            else:
                kept.append(child)
        group.children = kept
    layers = [c for c in root.children if isinstance(c, Group) and c.phase == "forward"]
    whole = [c for c in layers if len(_layers_in(c)) > 1]
    if len(whole) == 1:  # the model itself needs no box
        model = whole[0].scope
        for outer in [c for c in root.children if isinstance(c, Group) and c.scope is model]:
            root.label, root.name = outer.label, outer.name
            place = root.children.index(outer)
            root.children[place : place + 1] = outer.children


def _layers_in(group: Group) -> list[Group]:
    return [c for c in group.children if isinstance(c, Group) and c.kind == "layer"]


def _cards(root: Group) -> int:
    """Count the cards that are seen when all layers are open, and functions closed."""
    count = 0
    for group in root.groups():
        shown = group is root or group.kind in ("layer", "step")
        count += sum(isinstance(c, int) or c.kind == "function" for c in group.children) * shown
    return count


def _trivial(child: Group, group: Group, graph: Graph) -> bool:
    made = [i for i in child.ops() if graph.ops[i].kind == "op"]
    all_of_it = len(group.children) == 1 and group.kind == "layer"
    pieces = child.label in ("split", "array_split")  # which are what one wants to see
    return len(made) < 2 or pieces or (child.kind == "function" and all_of_it)


def _passes_on(child: Group) -> bool:
    """Tell whether a function does nothing but call another, whose name then says more."""
    return child.kind == "function" and len(child.children) == 1


# ----- Repeated blocks -----


def _fold_all(root: Group, graph: Graph) -> None:
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


def _listed(children: list[int | Group], graph: Graph, most: int) -> str:
    """Name what is there, the most frequent first."""
    counts = Counter(
        c.label if isinstance(c, Group) else graph.ops[c].op or graph.ops[c].kind for c in children
    )
    told = [name if n == 1 else f"{name} ×{n}" for name, n in counts.most_common(most)]
    return ", ".join(told) + (", …" if len(counts) > most else "")


# ----- Too many at once -----


def _cut_all(root: Group, graph: Graph, together: int) -> None:
    size = max(2, together // 4)
    for group in list(root.groups()):
        if len(group.children) > together:  # in an order in which chunks do not need each other
            group.children.sort(key=lambda c: c if isinstance(c, int) else max(c.ops()))
        while len(group.children) > together:
            pieces = [group.children[i : i + size] for i in range(0, len(group.children), size)]
            group.children = [_chunk(piece, graph) for piece in pieces]


def _chunk(piece: list[int | Group], graph: Graph) -> Group:
    group = Group("chunk", children=piece, is_open=False)
    ops = list(group.ops())
    group.label = f"{len(ops):,} operations"
    group.told = _listed(list(ops), graph, 2)
    group.phase = graph.ops[ops[0]].phase
    return group


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
