"""The graph: what each operation leaves behind.

A `Node` stores the primitive, its parents, what the rules asked to keep and the parameters: enough
to run it backward, to draw it and to run it again. Nothing here knows an operation by name, or what
a Tensor is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from functools import wraps
from importlib import import_module
from typing import Any, NamedTuple, NoReturn, Protocol, TypeAlias, TypeVar, cast

import numpy as np

from autonn.arguments import Array as Array  # which rules run on
from autonn.compile import Rule, Signature
from autonn.errors import is_raw, retold

F = TypeVar("F", bound=Callable[..., Any])
Cotangents: TypeAlias = "Sequence[tuple[Node | None, Array]]"


# ----- What is recorded, and who watches -----


class Observer(Protocol):
    """Sees every operation, forward and backward: tracing and anomaly detection are observers."""

    def forward(
        self, primitive: Primitive, operands: Sequence[Any], params: Mapping[str, Any], y: Any
    ) -> None:
        """See one operation and its result."""

    def backward(self, node: Node, g: Array, cotangents: Cotangents) -> None:
        """See what a node received, and what its rules made of it for each parent.

        There are no cotangents where the walk ends: at leaves, and at what it was aimed at.
        """


class State(NamedTuple):
    """What the current thread or asyncio task records."""

    paused: bool = False
    observers: tuple[Observer, ...] = ()


_state: ContextVar[State] = ContextVar("state", default=State())  # noqa: B039 (it is immutable)
_open: ContextVar[tuple[state, ...]] = ContextVar("open", default=())
current_state: Callable[[], State] = _state.get
"""Give the `State` of this thread or task."""


class state:  # noqa: N801 (it is used as a function)
    """Pause recording or not, and add observers, in a `with` block, for this thread or task alone.

    The `State` follows from the blocks that are open: the last word about `paused` counts, and all
    observers see. A block takes out itself and nothing else, so those in generators may end in any
    order, and in another thread or task than they began in.
    """

    def __init__(self, *observers: Observer, paused: bool | None = None) -> None:
        self._observers, self._paused = observers, paused

    def __enter__(self) -> None:
        self._follow((*_open.get(), self))

    def __exit__(self, *error: object) -> None:
        blocks = _open.get()
        for i in reversed(range(len(blocks))):
            if blocks[i] is self:
                self._follow(blocks[:i] + blocks[i + 1 :])
                break

    @staticmethod
    def _follow(blocks: tuple[state, ...]) -> None:
        paused = False
        observers: tuple[Observer, ...] = ()
        for block in blocks:
            paused = paused if block._paused is None else block._paused
            observers += block._observers
        _open.set(blocks)
        _state.set(State(paused, observers))


class no_grad(state):  # noqa: N801
    """Record nothing, in a `with` block or in a function decorated with `@no_grad()`.

    Examples
    --------
    >>> from autonn import Tensor, no_grad
    >>> x = Tensor(2.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(paused=True)

    def __call__(self, function: F) -> F:
        """Decorate a function."""
        kinds = (inspect.isgeneratorfunction, inspect.iscoroutinefunction)
        if any(kind(function) for kind in (*kinds, inspect.isasyncgenfunction)):
            raise TypeError(
                f"no_grad: {function.__name__} is a generator or a coroutine, which runs after the "
                "decorator is done; write `with no_grad():` inside it"
            )

        @wraps(function)
        def quiet(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return cast("F", quiet)


# ----- The graph -----


class Notes:
    """What few nodes carry: a name, a gradient, hooks, the source line that made them."""

    __slots__ = ("grad", "hooks", "name", "retains", "site")

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.grad: Any = None
        self.hooks: dict[object, Callable[[Array], Array]] = {}
        self.retains = False  # a gradient, although the node is no leaf
        self.site: str | None = None


class Node:
    """One application of a primitive: all that is needed to run it backward, draw it, run it again.

    `defvjp` makes a subclass for each primitive, with a slot for each thing that its rules read
    (`kept_b`) and for each parameter (`given_axis`). A constant operand has None for a parent. A
    node of this class itself is a leaf: no primitive, no parents. `spent` says that a backward pass
    has used up what was kept.
    """

    __slots__ = ("dtype", "notes", "parents", "shape", "spent")
    primitive: Primitive | None = None
    kept_names: tuple[str, ...] = ()
    pull: Callable[[Array, bool, Collection[Node] | None], Cotangents]
    pull_recorded: Callable[[Array, Collection[Node] | None], Cotangents]
    parents: tuple[Node | None, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    notes: Notes | None
    spent: bool

    def __init_subclass__(cls, primitive: Primitive, compiled: Mapping[str, Any]) -> None:
        cls.primitive, cls.kept_names = primitive, primitive.kept
        cls.pull, cls.pull_recorded = compiled["pull"], compiled["pull_recorded"]

    @classmethod
    def leaf(cls, array: Array, name: str | None = None) -> Node:
        """Make the node of a Tensor that no operation made."""
        node = cls()
        node.shape, node.dtype = array.shape, array.dtype
        node.parents, node.notes, node.spent = (), Notes(name), False
        return node

    def noted(self) -> Notes:
        """Give the notes, made on first use."""
        if self.notes is None:
            self.notes = Notes()
        return self.notes

    @property
    def kept(self) -> dict[str, Any]:
        """What the rules asked to keep, by name; None once it is released."""
        return {k: getattr(self, f"kept_{k}") for k in self.kept_names}

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the call."""
        names = () if self.primitive is None else self.primitive.signature.params
        return {k: getattr(self, f"given_{k}") for k in names}


class Compiled(NamedTuple):
    """What a primitive is compiled to."""

    source: str
    node: type[Node]
    apply: Callable[..., Any]


class Primitive:
    """A NumPy function and, for each array argument, the rule that pulls a cotangent back.

    Call it with arrays in their places and parameters by keyword. On arrays alone a primitive of
    ours is the plain function; with a Tensor among them the call is recorded. `rules` holds the
    formulas by argument name, `source` the text that they are compiled to, on the first use. `node`
    is the class of its nodes, with a slot for all that is `kept`.
    """

    apply: Callable[..., Any]

    def __init__(self, forward: Callable[..., Any]) -> None:
        self.forward = forward
        self.name = forward.__name__
        self.rules: dict[str, Rule | None] = {}
        self.kept: tuple[str, ...] = ()
        self.broadcasts, self.signature = False, Signature((), {})
        self.compiled_by(self._without_rules)

    def _without_rules(self) -> NoReturn:
        raise NotImplementedError(f"{self} has no rules yet: define them with defvjp({self}, ...)")

    def compiled_by(self, compiler: Callable[[], Compiled]) -> None:
        """Let the first use compile it."""
        self._compiler = compiler
        self._made: Compiled | None = None
        self.apply = self._first_call

    def _first_call(self, *operands: Any, **params: Any) -> Any:
        return self._compiled.apply(*operands, **params)

    @property
    def _compiled(self) -> Compiled:
        if self._made is None:
            self._made = self._compiler()
            self.apply = self._made.apply
        return self._made

    @property
    def source(self) -> str:
        """The text of its functions."""
        return self._compiled.source

    @property
    def node(self) -> type[Node]:
        """The class of its nodes."""
        return self._compiled.node

    def __call__(self, *operands: Any, **params: Any) -> Any:
        """Run it, and record it if a Tensor that requires grad is among the operands."""
        try:
            return self.apply(*operands, **params)
        except Exception as error:
            if not is_raw(error):
                raise
            raise retold(error, self.name, operands, params) from None

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        home = getattr(self.forward, "__module__", "numpy")  # older ufuncs name none
        return _found, (home, self.name)


def _found(module: str, name: str) -> Primitive:
    """Give a primitive by the module and name of its function: how copies and pickles find it."""
    value = getattr(import_module(module), name)
    return value if isinstance(value, Primitive) else PRIMITIVES[value]


# By the NumPy function, or the plain function of ours.
PRIMITIVES: dict[Callable[..., Any], Primitive] = {}
# How each NumPy function runs on Tensors.
DISPATCH: dict[Callable[..., Any], Callable[..., Any]] = {}


def primitive(forward: Callable[..., Any]) -> Primitive:
    """Make a primitive of a function: arrays by position, parameters by keyword only. A decorator.

    The function sees plain arrays and gives one array; `defvjp` then defines its rules.

    Raises
    ------
    TypeError
        For what is not a function with a name.

    Examples
    --------
    >>> from autonn import Tensor, defvjp, primitive
    >>> @primitive
    ... def cube(x, *, scale):
    ...     return scale * x**3
    >>> _ = defvjp(cube, x=lambda g, x, scale: g * 3 * scale * x**2)
    >>> x = Tensor(2.0, requires_grad=True)
    >>> cube(x, scale=10.0).backward()
    >>> x.grad
    Tensor(120.)
    """
    if not callable(forward) or not hasattr(forward, "__name__"):
        raise TypeError(f"primitive: {forward!r:.40} is not a function with a name")
    return PRIMITIVES.setdefault(forward, Primitive(forward))
