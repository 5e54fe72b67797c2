"""The Module: attributes are parameters and submodules, `forward` is the formula, nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from typing import Any, TypeVar

import numpy as np

from autonn.arguments import Dtype, checked
from autonn.arrays import arrays_in
from autonn.errors import is_raw, retold
from autonn.operands import bare
from autonn.tensors import Tensor
from autonn.texts import printable

M = TypeVar("M", bound="Module")
Hook = Callable[["Module", tuple[Any, ...], Any], Any]
MOST = 20  # problems that an error message lists
_building = RLock()  # held by the thread that makes a module's Tensors
_running: ContextVar[tuple[Module, ...]] = ContextVar("running", default=())
running: Callable[[], tuple[Module, ...]] = _running.get
"""Give the modules whose `forward` is running, in this thread or task, the innermost last."""


class Module:
    """A function with parameters.

    A subclass makes Tensors and other Modules its attributes, in `__init__`, and computes in
    `forward`. A Tensor that requires grad when it is first assigned is a parameter, any other a
    buffer (state that is saved but not trained). Modules may stand in lists and dicts. A subclass
    that learns its shapes from its first input makes its Tensors in `build`, which is called once,
    before the first `forward`; other threads wait for both.

    Examples
    --------
    >>> class Affine(Module):
    ...     def __init__(self, n):
    ...         super().__init__()
    ...         self.scale = Tensor(np.ones(n), requires_grad=True)
    ...         self.shift = Tensor(np.zeros(n), requires_grad=True)
    ...
    ...     def forward(self, x):
    ...         return self.scale * x + self.shift
    >>> affine = Affine(2)
    >>> affine(np.array([3.0, 4.0]))
    Tensor([3., 4.], op=add)
    >>> [name for name, _ in affine.named_parameters()]
    ['scale', 'shift']
    """

    def __init__(self) -> None:
        self.training = True
        self._is_parameter: dict[str, bool] = {}
        self._hooks: dict[object, Hook] = {}
        self._built = type(self).build is Module.build
        self._pending: list[Callable[[Module], None]] = []  # what to do once it is built

    def __setattr__(self, name: str, value: Any) -> None:
        if "_is_parameter" not in vars(self) and name not in ("training", "_is_parameter"):
            raise TypeError(
                f"{type(self).__name__}: call super().__init__() before self.{name} = ..."
            )
        if isinstance(value, Tensor) and value.is_leaf:  # and not what forward computes and keeps
            self._is_parameter.setdefault(name, value.requires_grad)
            value.name = value.name or name
        object.__setattr__(self, name, value)

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Make the Tensors whose shapes are seen from the first input; nothing by default."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output: what a subclass defines."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Build on the first call, compute `forward`, and let the hooks see the output."""
        outer = _running.set((*_running.get(), self))
        try:
            y = self.forward(*args, **kwargs) if self._built else self._first_call(args, kwargs)
        except Exception as error:
            told = self._told(error, args, kwargs)
            if told is None:
                raise
            raise told from error
        finally:
            _running.reset(outer)
        if self._hooks:
            for hook in tuple(self._hooks.values()):
                new = hook(self, args, y)
                y = y if new is None else new
        return y

    def _told(self, error: Exception, args: Any, kwargs: Any) -> Exception | None:
        """Say what was wrong with a call, unless the error does or is the user's own."""
        odd = error.obj if isinstance(error, AttributeError) else np.ndarray
        given = (*args, *kwargs.values())
        if any(odd is x for x in given) and not isinstance(odd, Tensor | np.ndarray):
            told = f"input is a {type(odd).__name__}; want an array or a Tensor"
            return TypeError(f"{self.label}: {told}")
        if not is_raw(error):
            return None
        signature = inspect.signature(self.forward)
        try:
            signature.bind(*args, **kwargs)
        except TypeError as misfit:
            told = f"{misfit}; forward takes {', '.join(signature.parameters) or 'none'}"
            return TypeError(f"{self.label}: called with {len(given)} arguments: {told}")
        return retold(error, self.label, args, kwargs)

    def _first_call(self, args: Any, kwargs: Any) -> Any:
        """Build and compute; if that fails, be as before, so that the next call is the first."""
        with _building:
            if self._built:  # by another thread, meanwhile
                return self.forward(*args, **kwargs)
            before = vars(self) | {"_is_parameter": dict(self._is_parameter)}
            try:
                self.build(*args, **kwargs)
                for change in self._pending:
                    change(self)
                y = self.forward(*args, **kwargs)
            except BaseException:
                vars(self).update(before)
                for name in vars(self).keys() - before.keys():
                    del vars(self)[name]
                raise
            self._built, self._pending = True, []
            return y

    @property
    def _lazy(self) -> bool:
        """Whether it has yet to make its Tensors."""
        return not self._built and not self._is_parameter

    # ----- What it holds -----

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Give the submodules and their names, those in lists and dicts with their place."""
        for name, value in vars(self).items():
            yield from _modules_in(name, value)

    @checked
    def named_modules(self, once: bool = True) -> Iterator[tuple[str, Module]]:
        """Give this module (named "") and all below it, with dotted names.

        A module that stands in several places comes once, or, if not `once`, under each name.
        """
        seen: set[int] = set()
        stack: list[tuple[str, Module, frozenset[int]]] = [("", self, frozenset())]
        while stack:
            name, module, above = stack.pop()
            if id(module) not in (seen if once else above):  # a module may know its parent
                seen.add(id(module))
                above = above | {id(module)}
                yield name, module
                children = [
                    (f"{name}.{k}".lstrip("."), m, above) for k, m in module.named_children()
                ]
                stack += reversed(children)

    def _named_tensors(self, parameters: bool, once: bool = True) -> Iterator[tuple[str, Tensor]]:
        seen: set[int] = set()
        for prefix, module in self.named_modules(once):
            for name, is_parameter in module._is_parameter.items():
                value = getattr(module, name, None)
                if is_parameter != parameters or not isinstance(value, Tensor):
                    continue
                if id(value) not in seen or not once:
                    seen.add(id(value))
                    yield f"{prefix}.{name}".lstrip("."), value

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Give the parameters with dotted names; a parameter that is shared, once."""
        return self._named_tensors(parameters=True)

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Give the buffers with dotted names."""
        return self._named_tensors(parameters=False)

    def parameters(self) -> Iterator[Tensor]:
        """Give the parameters."""
        return (p for _, p in self.named_parameters())

    # ----- Modes -----

    @checked
    def train(self: M, mode: bool = True) -> M:
        """Compute as in training: Dropout drops, BatchNorm takes the batch's statistics."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Compute as after training."""
        return self.train(False)

    def freeze(self: M) -> M:
        """Let the parameters be constants; gradients still pass through to what comes before."""
        return self._train_parameters(False)

    def unfreeze(self: M) -> M:
        """Let the parameters be trained again."""
        return self._train_parameters(True)

    def _train_parameters(self: M, wanted: bool) -> M:
        def change(module: Module) -> None:
            for name, is_parameter in module._is_parameter.items():
                if is_parameter and isinstance(p := getattr(module, name, None), Tensor):
                    p.requires_grad = wanted

        return self._change(change)

    def _change(self: M, change: Callable[[Module], None]) -> M:
        """Do something to the Tensors of all modules: now, or as soon as they are there."""
        for _, module in self.named_modules():
            change(module)
            if module._lazy:
                module._pending.append(change)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            if p.requires_grad:
                p.grad = None

    @checked
    def astype(self: M, dtype: Dtype) -> M:
        """Turn all floating-point parameters and buffers into another dtype."""
        made: dict[int, tuple[Tensor, Tensor]] = {}  # the old ones, too, lest an id is used again

        def change(module: Module) -> None:
            for name in module._is_parameter:
                old = getattr(module, name, None)
                if isinstance(old, Tensor) and old.dtype.kind == "f":
                    if id(old) not in made:
                        new = Tensor(bare(old), old.requires_grad, old.name, dtype=dtype)
                        made[id(old)] = old, new
                    setattr(module, name, made[id(old)][1])

        return self._change(change)

    @checked
    def apply(self: M, function: Callable[[Module], Any]) -> M:
        """Call a function on this module and all below it."""
        for _, module in list(self.named_modules()):
            function(module)
        return self

    @checked
    def register_forward_hook(self, hook: Hook) -> Callable[[], None]:
        """Call `hook(module, args, output)` after each forward; what it returns is the output.

        None leaves the output as it is. Gives a function that removes the hook.
        """
        key = object()
        self._hooks[key] = hook

        def remove() -> None:
            self._hooks.pop(key, None)

        return remove

    # ----- State -----

    def _state(self) -> dict[str, Tensor]:
        return {k: t for kind in (True, False) for k, t in self._named_tensors(kind, once=False)}

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Give copies of all parameters and buffers, by dotted name.

        What is shared is there under each of its names, as in PyTorch.
        """
        return {name: np.array(t.data) for name, t in self._state().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Take parameters and buffers from a dict of arrays.

        Without `strict`, what is missing stays as it is, and what is unexpected is passed over.

        Raises
        ------
        ValueError
            Naming every key that is missing or unexpected, every shape that differs, and every
            parameter that is shared but has two values. Nothing is loaded then.
        TypeError
            For what is no dict of arrays.
        """
        own, state = self._state(), arrays_in(state, f"load_state_dict of {type(self).__name__}")
        given = {name: state[name] for name in own if name in state}
        problems = [f"missing: {name}" for name in own if name not in state and strict]
        problems += [f"unexpected: {name}" for name in state if name not in own and strict]
        first: dict[int, str] = {}
        for name, value in given.items():
            if value.dtype.kind not in "fiub":
                problems.append(f"{name} is {value.dtype}; want numbers")
            elif value.shape != own[name].shape:
                problems.append(f"{name} has shape {value.shape}; want {own[name].shape}")
            else:
                other = first.setdefault(id(own[name]), name)
                if not np.array_equal(value, given[other], equal_nan=value.dtype.kind == "f"):
                    problems.append(f"{other} and {name} are one Tensor here, but two in the state")
        lazy = [name for name, module in self.named_modules() if module._lazy]
        waiting = [n for n in lazy if any(k.startswith(f"{n}." if n else n) for k in state)]
        if waiting:
            which = ", ".join(name or "this module" for name in waiting)
            problems.append(f"{which} makes its parameters on its first call: call it once")
        if problems:
            more = f"; and {len(problems) - MOST} more" if len(problems) > MOST else ""
            told = printable("; ".join(problems[:MOST])) + more
            raise ValueError(f"load_state_dict of {type(self).__name__}: {told}")
        for name, value in given.items():
            own[name].assign(value)

    # ----- What it looks like -----

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """Say, in a ValueError that the functions of `forward` raise, which layer it was."""
        try:
            yield
        except (ValueError, TypeError) as error:
            raise type(error)(f"{self.label}: {error}") from None

    def describe(self) -> str:
        """Give what stands between the brackets in `repr`."""
        return ""

    @property
    def label(self) -> str:
        """What error messages call it: its class and what `describe` says, in one line."""
        return printable(f"{type(self).__name__}({self.describe()})")

    def __repr__(self) -> str:
        children = list(self.named_children())
        if not children:
            return self.label
        lines = [
            f"({printable(name)}): {child!r}".replace("\n", "\n  ") for name, child in children
        ]
        return self.label[:-1] + "\n  " + "\n  ".join(lines) + "\n)"


def expected_input(
    module: Module, x: Any, channels: int | None, spatial: Sequence[str], channels_last: bool
) -> None:
    """Refuse an x that is not (N, channels, *spatial), or the same with the channels last.

    `spatial` holds a letter for each spatial axis, such as "HW"; if several numbers of axes will
    do, a word for each. With `channels` None, any number of them will.
    """
    shape = getattr(x, "shape", None)
    if shape is None:
        raise TypeError(f"{module.label}: input is a {type(x).__name__}; want an array or a Tensor")
    seen = shape[-1 if channels_last else 1] if len(shape) > 1 else None
    right = len(shape) in [2 + len(word) for word in spatial]
    if right and channels in (None, seen):
        return
    word = min(spatial, key=lambda word: abs(2 + len(word) - len(shape)))
    name = "C" if channels is None else str(channels)
    axes = ", ".join(["N", *word, name] if channels_last else ["N", name, *word])
    if right:
        many = f"{seen} channel" + "s" * (seen != 1)
        told = f"input of shape {shape} has {many}, expected {channels}: ({axes})"
    else:
        told = f"input has shape {shape}, expected ({axes})"
    raise ValueError(f"{module.label}: {told}")


def _modules_in(name: str, value: Any) -> Iterator[tuple[str, Module]]:
    if isinstance(value, Module):
        yield name, value
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _modules_in(f"{name}.{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _modules_in(f"{name}.{key}", item)


class Sequential(Module):
    """y = f_n(... f_2(f_1(x))): modules, one after the other, named by their number as in PyTorch.

    Examples
    --------
    >>> Sequential(Identity(), Identity())
    Sequential(
      (0): Identity()
      (1): Identity()
    )
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                cure = " with brackets behind it" if isinstance(module, type) else ""
                raise TypeError(f"Sequential: item {i} is {module!r:.60}; want a Module{cure}")
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Any:
        """Apply them in turn."""
        for module in self:
            x = module(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return iter([value for value in vars(self).values() if isinstance(value, Module)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, i: int) -> Module:
        return list(self)[i]


class Identity(Module):
    """y = x."""

    def forward(self, x: Any) -> Any:
        """Give x."""
        return x


class Residual(Module):
    """y = x + f(x), of a module f that keeps the shape: He et al. 2015, arXiv:1512.03385, eq. 1."""

    @checked
    def __init__(self, module: Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Any) -> Any:
        """Add what the module makes of x."""
        return x + self.module(x)
