"""What a model is made of: each layer's output, its parameters, and what it keeps for backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from autonn.arguments import checked
from autonn.graph import Node, Primitive, state
from autonn.nn.module import Module, running
from autonn.operands import bare
from autonn.tensors import Tensor
from autonn.texts import shortened
from autonn.tree import flatten


class Row(NamedTuple):
    """One module of a model.

    Attributes
    ----------
    name
        Its dotted name, "" for the model itself.
    label
        Its class and sizes.
    output
        The shapes that its last call gave; empty if it was not called.
    parameters
        How many numbers its own parameters hold, without those of the modules in it; what is
        shared counts where it comes first.
    saved
        Bytes that its own operations keep for the backward pass, without those of the modules in
        it, and without parameters; an array that several keep counts where it was first kept.
    """

    name: str
    label: str
    output: tuple[tuple[int, ...], ...]
    parameters: int
    saved: int


class Summary(NamedTuple):
    """What `summary` found; it prints as a table."""

    rows: list[Row]

    @property
    def parameters(self) -> int:
        """How many numbers all parameters hold."""
        return sum(row.parameters for row in self.rows)

    @property
    def saved(self) -> int:
        """How many bytes are kept for the backward pass."""
        return sum(row.saved for row in self.rows)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{'layer':<36}{'output':<21}{'parameters':>12}{'saved':>11}"
        yield "-" * 80
        for name, label, output, parameters, saved in self.rows:
            depth, last = (name.count(".") + 1, f"{name.rpartition('.')[2]} ") if name else (0, "")
            layer = shortened("  " * depth + last + label.removesuffix("()"), 35)
            shapes = shortened(", ".join(map(str, output)) or "not called", 20)
            count = f"{parameters:,}" if parameters else ""
            yield f"{layer:<36}{shapes:<21}{count:>12}{size(saved):>11}".rstrip()
        yield "-" * 80
        yield f"{'total':<57}{self.parameters:>12,}{size(self.saved):>11}"


def size(count: int) -> str:
    """Give a number of bytes in a unit that suits it; nothing for 0.

    Examples
    --------
    >>> size(512), size(40_000), size(3_200_000)
    ('512 B', '40.0 kB', '3.2 MB')
    """
    if not count:
        return ""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


class _Watcher:
    """Remembers which module was running when each operation was recorded, in their order."""

    def __init__(self) -> None:
        self.inside: dict[Node, int] = {}

    def forward(
        self, primitive: Primitive, operands: Sequence[Any], params: Mapping[str, Any], y: Any
    ) -> None:
        """Note an operation."""
        if y.node is not None:
            self.inside[y.node] = id(running()[-1]) if running() else 0

    def backward(self, node: Node, g: Any, cotangents: Sequence[Any]) -> None:
        """Nothing: a summary runs forward only."""

    def saved(self, outputs: Sequence[Any], known: Sequence[Tensor]) -> dict[int, int]:
        """Count, by module, the arrays that the graph of the outputs keeps, each once."""
        reached: set[Node] = set()
        stack = [y.node for y in outputs if isinstance(y, Tensor)]
        while stack:
            node = stack.pop()
            if node is not None and node not in reached:
                reached.add(node)
                stack += node.parents
        owners = {id(owner): owner for owner in (_owner(bare(p)) for p in known)}
        found: dict[int, int] = {}
        for node, inside in self.inside.items():
            held = (*node.kept.values(), *node.params.values()) if node in reached else ()
            for kept in flatten(list(held))[0]:
                if isinstance(kept, np.ndarray) and id(owner := _owner(kept)) not in owners:
                    owners[id(owner)] = owner
                    found[inside] = found.get(inside, 0) + owner.nbytes
        return found


def _owner(x: Any) -> Any:
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x


@checked
def summary(model: Module, *inputs: Any, **options: Any) -> Summary:
    """Say, layer by layer, what comes out, how many parameters there are, and what backward costs.

    The model runs once, on the inputs, as a copy: neither its running statistics nor its random
    numbers move.

    Parameters
    ----------
    model
        Any `Module`, also one that has yet to see its first input.
    inputs, options
        What its `forward` takes.

    Returns
    -------
    Summary
        `rows`, one for each module, and the totals `parameters` and `saved` (bytes that a graph of
        these inputs keeps for the backward pass); it prints as a table.

    Examples
    --------
    >>> from autonn import nn
    >>> net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    >>> print(summary(net, np.ones((100, 64), np.float32)))
    layer                               output                 parameters      saved
    --------------------------------------------------------------------------------
    Sequential                          (100, 10)
      0 Linear(64 → 32)                 (100, 32)                   2,080    25.6 kB
      1 ReLU                            (100, 32)                             12.8 kB
      2 Linear(32 → 10)                 (100, 10)                     330
    --------------------------------------------------------------------------------
    total                                                         2,410    38.4 kB
    """
    model = deepcopy(model)
    shapes: dict[int, tuple[tuple[int, ...], ...]] = {}

    def note(module: Module, args: Any, y: Any) -> None:
        shapes[id(module)] = tuple(np.shape(bare(leaf)) for leaf in flatten(y)[0])

    model.apply(lambda module: module.register_forward_hook(note))
    watcher = _Watcher()
    with state(watcher):
        outputs, _ = flatten(model(*inputs, **options))
    known = [*model.parameters(), *(b for _, b in model.named_buffers())]
    saved = watcher.saved(outputs, known)
    counts: dict[str, int] = {}
    for name, p in model.named_parameters():
        owner = name.rpartition(".")[0]
        counts[owner] = counts.get(owner, 0) + p.size
    return Summary(
        [
            Row(
                name,
                module.label,
                shapes.get(id(module), ()),
                counts.get(name, 0),
                saved.get(id(module), 0),
            )
            for name, module in model.named_modules()
        ]
    )
