"""What the call stack tells of an operation: its layers, its line, its variables, its purpose.

While a run is traced, each operation is looked at from inside. No layer and no function need know
of tracing, and it costs nothing while nobody traces.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from autonn import (
    activations,
    algebra,
    attention,
    compositions,
    convolution,
    losses,
    pooling,
    series,
    shapes,
)
from autonn.graph import DISPATCH, Node
from autonn.nn.module import Module
from autonn.operands import bare
from autonn.sites import OWN
from autonn.tensors import Tensor
from autonn.walk import walk

MODULES = (
    activations,
    algebra,
    attention,
    compositions,
    convolution,
    losses,
    pooling,
    series,
    shapes,
)

_HERE = str(Path(__file__).parent)

HELPERS = ("reduced",)  # whose name would say less than what they do


class Call(NamedTuple):
    """A running call that groups operations: of a layer, a function or a recurrent step."""

    frame: FrameType
    kind: str
    label: str
    module: Module | None = None


def stack(base: FrameType | None) -> list[FrameType]:
    """Give the frames that run, from the outside in, down from `base`."""
    found: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_HERE):
            found.append(frame)
        frame = None if frame is base else frame.f_back
    return found[::-1]


def calls(frames: list[FrameType]) -> Iterator[Call]:
    """Give the calls that group operations, from the outside in."""
    functions = _functions(len(DISPATCH))
    for frame in frames:
        code = frame.f_code
        if code is Module.__call__.__code__:
            module = frame.f_locals["self"]
            yield Call(frame, "layer", type(module).__name__, module)
        elif code in functions:
            yield Call(frame, "function", functions[code])
        elif code.co_name == "step" and isinstance(frame.f_locals.get("self"), Module):
            yield Call(frame, "step", "step")


@cache
def _functions(registered: int) -> dict[CodeType, str]:
    """Name the code of each function that is a composition: ours, and those for NumPy's names."""
    found: dict[CodeType, str] = {}
    shared: set[CodeType] = set()
    for function, composition in DISPATCH.items():
        code = _code(composition)
        if code is not None:
            if code in found and found[code] != function.__name__:
                shared.add(code)  # a closure that many functions have in common
            found.setdefault(code, function.__name__)
    found = {code: name for code, name in found.items() if code not in shared}
    for module in MODULES:
        found |= _public(module)
    return {code: name for code, name in found.items() if name not in HELPERS}


def _public(module: ModuleType) -> dict[CodeType, str]:
    here = [
        (name, code)
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
        if (code := _code(value)) is not None
    ]
    return {code: name for name, code in here}


def _code(function: Callable[..., Any]) -> CodeType | None:
    inner = inspect.unwrap(function)
    return inner.__code__ if inspect.isfunction(inner) else None


class Pull(NamedTuple):
    """A backward pass that is running: whose rule, and whether its operations are recorded."""

    walk: FrameType
    node: Node | None
    recorded: bool


def pulling(frames: list[FrameType]) -> Pull | None:
    """Give the backward pass that is running, if there is one: the innermost."""
    for frame in reversed(frames):
        if frame.f_code is walk.__code__:
            given = frame.f_locals
            return Pull(frame, given.get("node"), bool(given["create"]))
        if frame.f_code is Tensor.backward.__code__:  # adding up what is in .grad
            return Pull(frame, None, False)
    return None


def name_of(x: Any, frames: list[FrameType], *, ours: bool = True) -> str:
    """Give the variable that holds x, as seen by the outermost frame that has one.

    Without `ours`, variables of our own functions are no names, either.
    What our own functions call their arguments and results is no name: each calls them x and y.
    """
    for frame in frames:
        code = frame.f_code
        if code.co_filename.startswith("<autonn"):
            continue
        own = code.co_filename.startswith(OWN)
        if own and not ours:
            continue
        count = code.co_argcount + code.co_kwonlyargcount
        taken = ("x", "y", *code.co_varnames[:count]) if own else ()
        for name, value in frame.f_locals.items():
            if value is x and not name.startswith("_") and name not in taken:
                return name
    return ""


def attribute_of(x: Any, running: list[Call]) -> tuple[Module | None, str]:
    """Give the layer that holds x, the innermost first, and the attribute's name."""
    for call in reversed(running):
        for name, value in vars(call.module).items() if call.module is not None else ():
            if value is x:
                return call.module, name
    return None, ""


def is_argument(x: Any, running: list[Call]) -> bool:
    """Tell whether x was handed to the outermost call, or is handled outside all."""
    if not running:
        return True
    code, given = running[0].frame.f_code, running[0].frame.f_locals
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    stack = [given.get("args", ()), list(given.get("kwargs", {}).values())]
    stack += [given[name] for name in names if name in given]
    while stack:
        value = stack.pop()
        if value is x or (isinstance(value, Tensor) and bare(value) is x):
            return True
        if isinstance(value, list | tuple) and len(value) < 100:
            stack += value
    return False


def user_line(frames: list[FrameType]) -> str:
    """Give the innermost line of the user's code, with its text: "file:line: text"."""
    for frame in reversed(frames):
        if not frame.f_code.co_filename.startswith(OWN):
            return _line(frame)
    return ""


def layer_line(frames: list[FrameType]) -> str:
    """Give the innermost line of a layer of ours, or of a function, where no layer runs."""
    functions = _functions(len(DISPATCH))
    formulas = []
    for frame in reversed(frames):
        code = frame.f_code
        own = code.co_filename.startswith(OWN) and not code.co_filename.endswith(_PLUMBING)
        if own and isinstance(frame.f_locals.get("self"), Module):
            return _line(frame)
        if own and code in functions:
            formulas.append(frame)
    return _line(formulas[0]) if formulas else ""


_PLUMBING = ("module.py", "algebra.py", "shapes.py")  # which compute nothing themselves


def _line(frame: FrameType) -> str:
    name, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(name, line).strip()
    return f"{Path(name).name}:{line}: {text}".rstrip(": ")


def is_number(x: Any) -> bool:
    """Tell whether an operand is one number and no array."""
    return isinstance(x, int | float | complex | np.generic)
