"""What belongs together in a picture: layers, functions, repeated blocks, as a tree of groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from autonn.trace import Graph, Op, Scope
from viz.fold import fold_all
from viz.groups import READABLE, Group
from viz.texts import clean

MOST_CHILDREN = READABLE  # what one group shows at a time; more are put together in chunks


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
        fold_all(root, graph)
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


def _listed(children: list[int | Group], graph: Graph, most: int) -> str:
    """Name what is there, the most frequent first."""
    counts = Counter(
        c.label if isinstance(c, Group) else graph.ops[c].op or graph.ops[c].kind for c in children
    )
    told = [name if n == 1 else f"{name} ×{n}" for name, n in counts.most_common(most)]
    return clean(", ".join(told)) + (", …" if len(counts) > most else "")
