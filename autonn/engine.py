"""The engine: a primitive is a NumPy function plus one line per input that pulls a cotangent back.

`defvjp` takes those lines and compiles them, once, to straight functions (`compile.py`): `apply`
runs the NumPy function and records a `Node`, `pull` turns the cotangent of the output into those of
the inputs.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autonn.compile import (
    Rule,
    Signature,
    kept_for,
    numpy_parameters,
    reads,
    signature_of,
    slots,
    write,
)
from autonn.graph import DISPATCH, Array, Node, Primitive, current_state, primitive
from autonn.tensors import Tensor, bare, connected, refuse


def defvjp(
    function: Callable[..., Any],
    *,
    params: Sequence[str] = (),
    broadcasts: bool | None = None,
    **rules: Rule | None,
) -> Primitive:
    """Define how cotangents are pulled back through `function`: one rule per array argument, in
    order.

    Parameters
    ----------
    function
        A NumPy function or ufunc, or a primitive of your own.
    params
        Parameters of a NumPy function that no rule needs to read but that calls may pass.
    broadcasts
        Whether array arguments are broadcast, so that their cotangents are summed to their shapes.
        Ufuncs do.
    **rules
        `name=rule`; None where the argument has no derivative (an index, a condition). A rule's
        first argument is `g`, the cotangent of the output. The others are named for what it reads,
        and only that is kept until the backward pass: `y` (the output), an array argument,
        `x_shape` (the shape of x alone), a parameter. The rule returns the cotangent of its
        argument, written in NumPy, so that it runs on arrays and on Tensors. For a primitive of
        `*xs` there is one rule, called for the i-th operand with `i`.

    Returns
    -------
    Primitive
        Also found in `PRIMITIVES[function]`.

    Raises
    ------
    TypeError
        When a rule reads a name that is neither `g`, `y`, an argument nor a parameter, or an
        argument is called g or y.
    """
    ours = isinstance(function, Primitive)
    prim = function if isinstance(function, Primitive) else primitive(function)
    if ours:
        signature = signature_of(prim.forward)
    else:
        known = numpy_parameters(prim.forward)
        names = {n for rule in rules.values() for n in reads(rule)} & set(known) | set(params)
        arrays = tuple(rules)
        signature = Signature(
            arrays,
            {n: known.get(n) for n in known | dict.fromkeys(params) if n in names - {*rules}},
        )
        prim.signature = signature
        DISPATCH.setdefault(function, _as_numpy(prim))
    if reserved := {"g", "y"} & {*signature.arrays, *signature.params}:
        raise TypeError(
            f"{prim}: {min(reserved)} names the cotangent or the output; call the argument something else"
        )
    legal = {
        "g",
        "y",
        *"i" * signature.variadic,
        *signature.arrays,
        *(f"{x}_shape" for x in signature.arrays),
        *signature.params,
    }
    for x, rule in rules.items():
        unknown = [n for n in reads(rule) if n not in legal] + [x] * (x not in signature.arrays)
        if unknown:
            raise TypeError(
                f"{prim}: the rule of {x} names {unknown[0]!r}; known here: {', '.join(sorted(legal))}"
            )

    prim.rules, prim.signature = rules, signature
    prim.broadcasts = isinstance(function, np.ufunc) if broadcasts is None else broadcasts
    prim.source = write(signature, rules, broadcasts=prim.broadcasts, ours=ours)
    prim.kept = tuple(kept_for(signature, rules))
    namespace = _NAMESPACE | {f"rule_{x}": rule for x, rule in rules.items()}
    namespace |= {f"default_{k}": v for k, v in signature.params.items()}
    namespace |= {"primitive": prim, "forward": prim.forward}
    filename = f"<autonn {prim}>"
    linecache.cache[filename] = (
        len(prim.source),
        None,
        prim.source.splitlines(keepends=True),
        filename,
    )
    exec(compile(prim.source, filename, "exec"), namespace)

    class PrimitiveNode(Node, primitive=prim, parents=namespace["parents"]):
        __slots__ = slots(signature, rules)

    namespace["Node"] = prim.node = PrimitiveNode
    prim.apply, prim.pull, prim.pull_recorded = (
        namespace["apply"],
        namespace["pull"],
        namespace["pull_recorded"],
    )
    return prim


def _as_numpy(prim: Primitive) -> Callable[..., Any]:
    """Let it be called as NumPy's function is: parameters by position, too, but only those that the
    rules know.
    """
    arrays, params = prim.signature.arrays, prim.signature.params
    order = (*arrays, *tuple(numpy_parameters(prim.forward))[len(arrays) :])

    def call(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip(order, args)) | kwargs  # noqa: B905 (NumPy has checked the arguments)
        for name in [name for name in given if name not in params and name not in arrays]:
            if given.pop(name) is not None:
                refuse(prim.forward, name, params)
        return prim.apply(*[given.pop(x) for x in arrays], **given)

    return call


def implements(*functions: Callable[..., Any]) -> Callable[[Rule], Rule]:
    """Say how NumPy functions run on Tensors: by the decorated function, a composition of
    primitives.
    """

    def register(composition: Rule) -> Rule:
        DISPATCH.update(dict.fromkeys(functions, composition))
        return composition

    return register


def _connected(array: Array, node: Node | None) -> Array:
    """Give what was kept as a Tensor in the graph, so that the rules' own arithmetic is
    recorded.
    """
    return array if node is None else connected(array, node)


def _operand(x: Any, prim: Primitive) -> Array:
    """Check a constant operand: a number or something that NumPy makes a numeric array of."""
    array = x if isinstance(x, np.ndarray | np.generic) else np.asarray(x)
    if array.dtype.kind not in "fiubc":
        raise TypeError(
            f"{prim}: cannot use {type(x).__name__} {x!r:.60} here: want a Tensor, an array or a number"
        )
    return array


def _keep(x: Array) -> Array:
    """Copy a caller's own array before a rule keeps it: it may change before the backward pass."""
    return x.copy() if isinstance(x, np.ndarray) else x


def _explained(error: Exception, prim: Primitive, operands: Sequence[Any]) -> Exception:
    """Say which operation failed, and on what."""
    shapes = [tuple(np.shape(bare(x))) for x in operands]
    told = f"{prim}({', '.join(map(str, shapes))}): {error}"
    if prim.broadcasts and len(shapes) == 2:
        told = f"{prim}: shapes {shapes[0]} and {shapes[1]} do not broadcast: counted from the right, sizes must be "
        told += "equal or 1. Reshape one of them, or add an axis with x[:, None]"
    return type(error)(told)


CONSTANT: set[Callable[..., Any]] = set()


def constant(*functions: Callable[..., Any]) -> None:
    """Let NumPy functions without a derivative (argmax, comparisons, shapes) give plain arrays."""

    def plain(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: function(
            *map(bare, args), **{k: bare(v) for k, v in kwargs.items()}
        )

    CONSTANT.update(functions)
    DISPATCH.update({function: plain(function) for function in functions})


_NAMESPACE: dict[str, Any] = {
    "Tensor": Tensor,
    "array": np.array,
    "connected": _connected,
    "expected": (ValueError, TypeError, IndexError),
    "explained": _explained,
    "keep": _keep,
    "new": object.__new__,
    "operand": _operand,
    "shape": np.shape,
    "state": current_state,
}
