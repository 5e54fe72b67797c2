"""What the command line is told to look at: a layer by its name, or something in a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.util import module_from_spec, spec_from_file_location
from inspect import Parameter, isclass, signature
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from autonn.check import CATALOGUE
from autonn.nn import Module

Shape = tuple[int, ...]


def in_file(name: str) -> tuple[Path, str] | None:
    """Split "path/to/file.py:name"; None for what is no such thing."""
    path, colon, inner = name.rpartition(":")
    return (Path(path), inner) if colon and path.endswith(".py") else None


def layer(name: str, shapes: Sequence[Shape], rng: np.random.Generator) -> list[Any]:
    """Give a layer of the catalogue, and inputs for it.

    Raises
    ------
    ValueError
        Naming the layers that are near, if there is no such layer.
    """
    if name.endswith(".py"):
        raise ValueError(f"{name}: say which of its names, as in {name}:Net")
    if name not in CATALOGUE:
        near = get_close_matches(name, CATALOGUE, 3)
        told = f"; near it are {', '.join(near)}" if near else f"; there are {', '.join(CATALOGUE)}"
        raise ValueError(f"no layer {name!r}{told}")
    entry = CATALOGUE[name]
    shape = shapes[0] if shapes else entry.shape
    return [entry.layer(rng, shape), *entry.inputs(rng, shape)]


def load(path: Path) -> ModuleType:
    """Run a file as a module.

    Raises
    ------
    ValueError
        If there is no such file.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def taken(module: ModuleType, path: Path, name: str) -> Any:
    """Give what a file calls so; of a class, an instance.

    Raises
    ------
    ValueError
        If there is none (what there is, is listed), or the class needs arguments.
    """
    if not hasattr(module, name):
        there = [k for k, v in vars(module).items() if callable(v) and not k.startswith("_")]
        near = get_close_matches(name, there, 3) or there
        raise ValueError(f"{path} has no {name!r}; there are {', '.join(near)}")
    thing: Any = getattr(module, name)
    if not isclass(thing):
        return thing
    needed = _required(thing)
    if needed:
        raise ValueError(
            f"{name} of {path} needs {', '.join(needed)}: name an instance, such as "
            f"net = {name}(...), or a function"
        )
    return thing()


def inputs_of(
    thing: Any, shapes: Sequence[Shape], rng: np.random.Generator, default: Shape = (4, 5)
) -> list[Any]:
    """Draw a standard normal array for each argument without a default.

    Each has the shape given for it, or the last one given.
    """
    bound = hasattr(thing, "forward") and (hasattr(thing, "backward") or isinstance(thing, Module))
    wanted = _required(thing.forward if bound else thing)
    given = list(shapes) or [default]
    given += [given[-1]] * (len(wanted) - len(given))
    return [rng.normal(size=shape) for _, shape in zip(wanted, given, strict=False)]


def _required(call: Any) -> list[str]:
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    parameters = signature(call).parameters.values()
    return [p.name for p in parameters if p.default is Parameter.empty and p.kind in kinds]
