"""Recording: an observer that writes down each operation, and what made it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import Any
from weakref import ref

import numpy as np

from autonn.formulas import formulas
from autonn.graph import Array, Cotangents, Node, Primitive
from autonn.nn.module import Module
from autonn.operands import bare
from autonn.tensors import Tensor
from autonn.trace import frames as look
from autonn.trace.data import Graph, Op, Scope


class Recorder:
    """Writes a `Graph` while a program runs, as an observer of its operations.

    Layers of calls are held by their frames, which no other call can have while they are held.
    """

    def __init__(self, values: bool = True, base: FrameType | None = None) -> None:
        self.graph = Graph()
        self.values, self.base = values, base
        self.calls: dict[int, look.Call] = {}  # of each scope that is a layer
        self._by_node: dict[Node, int] = {}
        self._by_id: dict[int, int] = {}  # of what has no node; _held keeps those ids theirs
        self._held: list[Any] = []
        self._open: list[tuple[FrameType, int]] = []
        self._owners: dict[int, ref[Any]] = {}
        self._gradients = 0
        self._walk: FrameType | None = None
        self._arrays: dict[int, Any] = {}  # of each leaf, to see when it gets another
        self._outside: set[int] = set()  # what an operation made before the trace
        self._names: dict[Primitive, str] = {}
        self._scope_of: dict[int, int] = {}  # of each layer's last call
        self._paths: dict[int, dict[int, str]] = {}  # in each layer, of those below it

    # ----- What it sees -----

    def forward(
        self, primitive: Primitive, operands: Sequence[Any], params: Mapping[str, Any], y: Tensor
    ) -> None:
        """Write down an operation."""
        frames = look.stack(self.base)
        running = list(look.calls(frames))
        pull = look.pulling(frames)
        if pull is not None and not pull.recorded:
            return  # a hook's arithmetic, or the sum of gradients in .grad
        op = Op(0, "op", self._name(primitive), params=dict(params))
        if pull is None:
            op.scope = self._scope(running, frames)
            op.site, op.code = look.user_line(frames), look.layer_line(frames)
        else:
            op.phase = "backward"
            op.pulls = None if pull.node is None else self._by_node.get(pull.node)
            op.scope = None if op.pulls is None else self.graph.ops[op.pulls].scope
        for argument, x in zip(argument_names(primitive, len(operands)), operands, strict=True):
            if look.is_number(x):
                op.numbers[argument] = x.item() if isinstance(x, np.generic) else x
                name = look.attribute_of(x, running)[1] if type(x) is float else ""
                if name:
                    op.called[argument] = name
            else:
                op.inputs[argument] = self._known(x, running, frames, op.phase)
                if primitive.broadcasts and _repeated(bare(x).shape, bare(y).shape):
                    op.broadcast += (argument,)
        self._add(op, y)
        self._keep(op, y.node)

    def backward(self, node: Node, g: Array, cotangents: Cotangents) -> None:
        """Write down a gradient that is complete."""
        frame = sys._getframe(1)  # the walk's: each has its own
        if frame is not self._walk:
            self._walk = frame
            if node not in self._by_node and node.primitive is None:  # it was handed straight on
                self._add(Op(0, "input", name=(node.notes and node.notes.name) or ""), g, node)
                self.graph.ops[-1].value = None
        if node in self._by_node:
            op = self.graph.ops[self._by_node[node]]
            op.order = self._gradients
            self._gradients += 1
            if self.values:
                op.grad = np.asarray(bare(g))

    # ----- Values -----

    def _name(self, primitive: Primitive) -> str:
        """Name a primitive, and note its formulas; a second one of the same name is another."""
        if primitive not in self._names:
            name, number = primitive.name, 2
            while name in self.graph.rules:
                name, number = f"{primitive.name} {number}", number + 1
            self._names[primitive] = name
            self.graph.rules[name] = formulas(primitive)
        return self._names[primitive]

    def _add(self, op: Op, x: Any, node: Node | None = None) -> Op:
        op.id = len(self.graph.ops)
        array, node = bare(x), getattr(x, "node", node)
        op.shape, op.dtype = array.shape, str(array.dtype)
        op.name = op.name or getattr(x, "name", None) or ""
        op.grads = node is not None
        if self.values:
            op.value = np.asarray(array)
        if op.kind != "op":
            self._arrays[op.id] = array
        if node is not None:
            self._by_node[node] = op.id
        else:
            self._by_id[id(x)] = op.id
            self._held.append(x)
        self.graph.ops.append(op)
        return op

    def _known(self, x: Any, running: list[look.Call], frames: list[FrameType], phase: str) -> int:
        """Give the id of an operand: a leaf if it has not been seen yet."""
        node = x.node if isinstance(x, Tensor) else None
        known = self._by_id.get(id(x)) if node is None else self._by_node.get(node)
        if known is not None and not self._changed(known, x):
            op = self.graph.ops[known]
            if phase == "forward":
                op.name = op.name or look.name_of(x, frames)
            return known
        op = Op(0, "constant", phase=phase)
        module, attribute = look.attribute_of(x, running)
        if module is not None:
            op.name = attribute
            op.kind = "parameter" if module._is_parameter.get(attribute) else "constant"
            op.scope = self._scope_of.get(id(module))
        elif phase == "forward":
            base = getattr(x, "base", None)
            if isinstance(base, np.ndarray) and look.is_argument(base, running):
                whole = self._known(base, running, frames, phase)
                op = Op(0, "op", "view", inputs={"x": whole})
                if x.size == base.size and x.flags.c_contiguous and base.flags.c_contiguous:
                    op.op, op.params = "reshape", {"shape": x.shape}
            else:
                given = node is not None or look.is_argument(x, running)
                op.kind = "input" if given else "constant"
                op.name = look.name_of(x, frames, ours=given)
            op.scope = None if op.kind == "input" else self._scope(running, frames)
        added = self._add(op, x)
        if node is not None and node.primitive is not None:
            self._outside.add(added.id)
        if self.values and not isinstance(x, Tensor):
            added.value = np.array(x)  # which its owner may change
        return added.id

    def _changed(self, known: int, x: Any) -> bool:
        """Tell whether a leaf has been given other values since: then it is another value."""
        leaf = self.graph.ops[known].kind != "op" and isinstance(x, Tensor)
        return leaf and self._arrays.get(known, bare(x)) is not bare(x)

    def _keep(self, op: Op, node: Node | None) -> None:
        """Count what the rules keep, each array once."""
        for name, kept in node.kept.items() if node is not None else ():
            several = kept if isinstance(kept, tuple) else (kept,)
            arrays = [x for x in several if isinstance(x, np.ndarray)]
            op.saved |= {name: sum(x.nbytes for x in arrays)} if arrays else {}
            for x in arrays:
                while isinstance(x.base, np.ndarray):
                    x = x.base
                first = self._owners.get(id(x))
                if first is None or first() is not x:
                    self._owners[id(x)] = ref(x)
                    op.memory += x.nbytes

    # ----- Layers -----

    def _scope(self, running: list[look.Call], frames: list[FrameType]) -> int | None:
        """Give the scope of the running calls; make those that are new."""
        same = 0
        while same < min(len(running), len(self._open)):
            if running[same].frame is not self._open[same][0]:
                break
            same += 1
        del self._open[same:]
        for depth in range(same, len(running)):
            parent = self._open[-1][1] if self._open else None
            scope = self._scoped(running[: depth + 1], parent, frames)
            self._open.append((running[depth].frame, scope.id))
        return self._open[-1][1] if self._open else None

    def _scoped(self, running: list[look.Call], parent: int | None, frames: Any) -> Scope:
        call = running[-1]
        scope = Scope(len(self.graph.scopes), call.kind, call.label, parent)
        self.graph.scopes.append(scope)
        if call.module is not None:
            self.calls[scope.id] = call
            self._scope_of[id(call.module)] = scope.id
            outer = [c.module for c in running[:-1] if c.module is not None]
            path = self._path(call.module, outer[-1]) if outer else ""
            scope.name = path or look.name_of(call.module, frames)
            scope.described = call.module.describe()
            scope.parameters = sum(p.size for p in call.module.parameters())
            for p in call.module.parameters():  # no memory of the operations that keep them
                self._owners[id(bare(p))] = ref(bare(p))
        return scope

    def _path(self, module: Module, outer: Module) -> str:
        """Give the name of a layer in another."""
        if id(module) not in self._paths.get(id(outer), ()):
            self._paths[id(outer)] = {id(m): name for name, m in outer.named_modules()}
        return self._paths[id(outer)].get(id(module), "")

    # ----- What it knows -----

    @property
    def nodes(self) -> list[Node]:
        """The nodes of what was seen."""
        return list(self._by_node)

    def id_of(self, x: Tensor) -> int | None:
        """Give the id of a Tensor that was seen."""
        return self._by_id.get(id(x)) if x.node is None else self._by_node.get(x.node)

    def name_variables(self) -> None:
        """Give what the caller's variables hold their names, if it has none."""
        for name, value in self.base.f_locals.items() if self.base is not None else ():
            known = self.id_of(value) if isinstance(value, Tensor) else None
            if known is not None and not name.startswith("_"):
                self.graph.ops[known].name = self.graph.ops[known].name or name

    def finish(self) -> None:
        """Name what has no name; where no layer has parameters, call so what requires grad."""
        self.name_variables()
        self._walk, self._open = None, []
        if not any(op.kind == "parameter" for op in self.graph.ops):
            for op in self.graph.ops:
                if op.kind == "input" and op.grads and op.id not in self._outside:
                    op.kind = "parameter"

    def adopt(self, y: Tensor) -> None:
        """Write down what a Tensor was computed from, as far as its graph tells."""
        kept = _kept_values(y)
        for node in _topological(y.node):
            if node in self._by_node:
                continue
            primitive, notes = node.primitive, node.notes
            op = Op(len(self.graph.ops), "input" if primitive is None else "op", grads=True)
            op.shape, op.dtype = node.shape, str(node.dtype)
            op.name = (notes and notes.name) or ""
            op.site = (notes and notes.site) or ""
            op.value = np.asarray(kept[node]) if self.values and node in kept else None
            if primitive is None and notes is not None and notes.grad is not None and self.values:
                op.grad = np.asarray(bare(notes.grad))
            if primitive is not None:
                op.op, op.params = self._name(primitive), node.params
                for argument, parent in zip(
                    argument_names(primitive, len(node.parents)), node.parents, strict=True
                ):
                    if parent is not None:
                        op.inputs[argument] = self._by_node[parent]
                        if primitive.broadcasts and _repeated(parent.shape, node.shape):
                            op.broadcast += (argument,)
                self._keep(op, node)
            self._by_node[node] = op.id
            self.graph.ops.append(op)


def _repeated(x: tuple[int, ...], y: tuple[int, ...]) -> bool:
    """Tell whether an operand of shape x is repeated in a value of shape y."""
    pairs = zip(x[::-1], y[::-1], strict=False)
    return x != y and len(x) <= len(y) and all(a in (1, b) for a, b in pairs)


def argument_names(primitive: Primitive, count: int) -> list[str]:
    """Name the operands of a call; those of `*xs` by number: xs0, xs1."""
    arrays = primitive.signature.arrays
    if primitive.signature.variadic:
        return [f"{arrays[0]}{i}" for i in range(count)]
    return list(arrays)


def _topological(root: Node | None) -> Iterator[Node]:
    """Give what a node was made from, and it last; operands before what is made of them."""
    seen: set[Node] = set()
    stack = [] if root is None else [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(p, False) for p in reversed(node.parents) if p is not None]


def _kept_values(y: Tensor) -> dict[Node, Any]:
    """Give the values that rules have kept, which are some nodes' own."""
    found: dict[Node, Any] = {} if y.node is None else {y.node: bare(y)}
    for node in _topological(y.node):
        primitive = node.primitive
        if primitive is None:
            continue
        for name, kept in node.kept.items():
            if name == "y":
                owners: Sequence[Node | None] = (node,)
            elif name in primitive.signature.arrays and not primitive.signature.variadic:
                owners = (node.parents[primitive.signature.arrays.index(name)],)
            else:
                continue
            for owner in owners:
                if owner is not None and isinstance(kept, np.ndarray | np.generic):
                    found.setdefault(owner, np.asarray(kept))
    return found
