"""What NumPy takes and Tensors do not: said in an error of autonn's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.exceptions import AxisError

from autonn.arguments import check_all
from autonn.graph import DISPATCH
from autonn.methods import Methods
from autonn.operands import bare


def unsupported(name: str) -> NoReturn:
    """Refuse a NumPy function that has no rule."""
    raise NotImplementedError(
        f"np.{name} has no rule for Tensors. Compose it of functions that have one "
        f"(autonn.PRIMITIVES), give it one with defvjp(np.{name}, ...), or call it on t.numpy() if "
        "no gradient is needed"
    )


def check_arguments(
    error: Exception, function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
) -> None:
    """Refuse arguments that a NumPy function takes, but not on Tensors, or not of this kind."""
    run, name = DISPATCH[function], f"np.{function.__name__}"
    signature = inspect.signature(run)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as told:
        names = ", ".join(signature.parameters)
        raise TypeError(f"{name} of Tensors: {told}; it takes {names}") from None
    if run.__module__.startswith("autonn."):
        check_all(run, args, dict(kwargs))
    shape = next((np.shape(x) for x in given.values() if isinstance(x, Methods | np.ndarray)), ())
    beyond = isinstance(error, IndexError) and not isinstance(error, AxisError)
    for k, axis in given.items() if beyond else ():
        is_axis = k.startswith("axis") and isinstance(axis, int | np.integer)
        if is_axis and not -len(shape) <= axis < len(shape):
            raise AxisError(f"{name}: {k}={axis}, but shape {shape} has {len(shape)} axes")


def check_shapes(ufunc: np.ufunc, *operands: Any) -> None:
    """Refuse operands of shapes that do not broadcast."""
    try:
        shapes = [np.shape(bare(x)) for x in operands]
    except (ValueError, TypeError, RecursionError):
        return
    try:
        np.broadcast_shapes(*shapes if ufunc.signature is None else ())
    except ValueError:
        raise ValueError(
            f"{ufunc.__name__}: shapes {' and '.join(map(str, shapes))} do not broadcast: counted "
            "from the right, lengths must be equal or 1. Reshape one of them, or add an axis as in "
            "x[:, None]"
        ) from None


def refuse(
    function: Callable[..., Any], name: str, known: Mapping[str, Any] | None = None
) -> NoReturn:
    """Refuse a parameter that no rule knows."""
    if name == "out":
        raise TypeError(
            f"np.{function.__name__}: out= (also array += tensor) would overwrite an array that "
            "the graph may need; use the result instead, as in array = array + tensor"
        )
    takes = f"supported: {', '.join(known)}" if known else "it takes none there"
    raise TypeError(
        f"np.{function.__name__}: the parameter {name}= is not supported on Tensors; {takes}"
    )
