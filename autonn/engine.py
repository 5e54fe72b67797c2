"""The engine: a primitive is a NumPy function plus one line per input that pulls a cotangent back.

`defvjp` takes those lines and compiles them, once, into straight functions (`compile.py`): `apply`
runs the NumPy function and records a node, `pull` turns the cotangent of the output into those of
the inputs. `implements` and `constant` say how NumPy's other functions run on Tensors.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from autonn.compile import Rule, Signature, kept_for, numpy_parameters, reads, signature_of, write
from autonn.errors import is_raw, retold
from autonn.graph import (
    DISPATCH,
    Array,
    Compiled,
    Node,
    Primitive,
    current_state,
    primitive,
)
from autonn.indices import PLAIN
from autonn.operands import bare, operand
from autonn.refusals import check_shapes, refuse
from autonn.sums import sum_product
from autonn.tensors import Tensor, connected
from autonn.walk import sum_to


def defvjp(
    function: Callable[..., Any],
    *,
    params: Sequence[str] = (),
    broadcasts: bool | None = None,
    forward: Callable[..., Any] | None = None,
    **rules: Rule | None,
) -> Primitive:
    """Define how cotangents are pulled back through `function`: a rule for each array argument.

    Parameters
    ----------
    function
        A NumPy function or ufunc, or a primitive of your own.
    params
        Parameters of a NumPy function that calls may pass although no rule reads them.
    broadcasts
        Whether array arguments are broadcast, so that their cotangents are summed to their shapes.
        By default, ufuncs do.
    forward
        What to call in the function's place: one that gives the same, sooner.
    **rules
        `name=rule`; None where the argument has no derivative (an index, a condition). A rule's
        first argument is `g`, the cotangent of the output. The others are named for what it reads,
        and only that is kept until the backward pass: `y` (the output), an array argument,
        `x_shape` (the shape of x alone), a parameter. The rule returns the cotangent of its
        argument, written in NumPy, so that it runs on arrays and on Tensors. A primitive of `*xs`
        has one rule, called for the i-th operand with `i`.

    Returns
    -------
    Primitive
        Also found in `PRIMITIVES[function]`.

    Raises
    ------
    TypeError
        When an array argument has no rule, a rule reads a name that is not there, an argument is
        called g or y, or what should be a function is none.

    Examples
    --------
    >>> from autonn import PRIMITIVES
    >>> p = PRIMITIVES[np.multiply]  # by defvjp(np.multiply, a=lambda g, b: g * b, ...)
    >>> p.signature.arrays, p.kept
    (('a', 'b'), ('b', 'a'))
    """
    if forward is not None and not callable(forward):
        raise TypeError(f"defvjp: forward={forward!r:.40} is not a function")
    ours = isinstance(function, Primitive)
    prim = function if isinstance(function, Primitive) else primitive(function)
    signature = signature_of(prim.forward) if ours else _numpy_signature(prim, params, rules)
    _check(prim, signature, rules)
    prim.rules, prim.signature = rules, signature
    prim.kept = tuple(kept_for(signature, rules))
    prim.broadcasts = isinstance(function, np.ufunc) if broadcasts is None else broadcasts
    prim.compiled_by(partial(_compile, prim, forward or prim.forward, ours))
    if not ours:
        DISPATCH.setdefault(function, _as_numpy(prim))
    return prim


def _numpy_signature(
    prim: Primitive, params: Sequence[str], rules: dict[str, Rule | None]
) -> Signature:
    """Take the rules' names for the arrays; the parameters that they read are NumPy's by name."""
    own = {"g", "y", *rules, *(f"{x}_shape" for x in rules)}
    read = [name for rule in rules.values() for name in reads(rule) if name not in own]
    known = numpy_parameters(prim.forward) if params or read else {}
    return Signature(tuple(rules), {k: known[k] for k in [*params, *read] if k in known})


def _check(prim: Primitive, signature: Signature, rules: dict[str, Rule | None]) -> None:
    arrays, params = signature.arrays, signature.params
    shapes = [f"{x}_shape" for x in arrays]
    for name in (*arrays, *params):
        if name in shapes:
            raise TypeError(
                f"{prim}: call the argument {name} something else: rules read a shape so"
            )
        if name in ("g", "y") or name.startswith("_"):
            raise TypeError(
                f"{prim}: call the argument {name} something else: g is the cotangent, y the "
                "output, and names with an underscore are the engine's"
            )
    if {*rules} != {*arrays}:
        given = ", ".join(rules) or "none"
        raise TypeError(
            f"{prim}: rules are given for {given}, but its array arguments are "
            f"{', '.join(arrays)}; give each a rule, or None if it has no derivative"
        )
    legal = ["g", "y", *arrays, *shapes, *params, *"i" * signature.variadic]
    for x, rule in rules.items():
        if rule is not None and not callable(rule):
            raise TypeError(f"{prim}: the rule of {x} is {rule!r:.40}; want a function, or None")
        for name in reads(rule):
            if name not in legal:
                raise TypeError(
                    f"{prim}: the rule of {x} reads {name!r}, which is not there; it can read "
                    f"{', '.join(legal)}"
                )


def _compile(prim: Primitive, forward: Callable[..., Any], ours: bool) -> Compiled:
    """Write and run the primitive's source, and make the class of its nodes."""
    source = write(prim.signature, prim.rules, broadcasts=prim.broadcasts, ours=ours)
    namespace = _NAMESPACE | {"_primitive": prim, "_forward": forward}
    namespace |= {f"rule_{x}": rule for x, rule in prim.rules.items()}
    namespace |= {f"default_{k}": v for k, v in prim.signature.params.items()}
    name, lines = f"<autonn {prim}>", source.splitlines(keepends=True)
    linecache.cache[name] = (len(source), None, lines, name)  # for tracebacks
    exec(compile(source, name, "exec"), namespace)

    class PrimitiveNode(Node, primitive=prim, compiled=namespace):
        __slots__ = (
            *(f"kept_{k}" for k in prim.kept),
            *(f"given_{k}" for k in prim.signature.params),
        )

    namespace["_Node"] = PrimitiveNode
    return Compiled(source, PrimitiveNode, namespace["apply"])


def _as_numpy(prim: Primitive) -> Callable[..., Any]:
    """Let it be called as NumPy's function is, but only with parameters that its rules know."""
    arrays = prim.signature.arrays

    def call(*args: Any, **kwargs: Any) -> Any:
        params = prim.signature.params
        if len(args) == len(arrays) and (not kwargs or kwargs.keys() <= params.keys()):
            return prim.apply(*args, **kwargs)
        numpys, rest = numpy_parameters(prim.forward), iter(arrays)
        renamed = {k: k if k in params else next(rest, k) for k in numpys}
        given = dict(zip([*renamed.values(), *rest], args, strict=False))
        given |= {renamed.get(k, k): v for k, v in kwargs.items()}
        for name in [name for name in given if name not in params and name not in arrays]:
            if given.pop(name) is not None:
                refuse(prim.forward, name, params)
        missing = [x for x in arrays if x not in given]
        if missing:
            raise TypeError(
                f"{prim} of Tensors needs all of {', '.join(arrays)}; {missing[0]} is missing"
            )
        return prim.apply(*[given.pop(x) for x in arrays], **given)

    return call


def implements(*functions: Callable[..., Any]) -> Callable[[Rule], Rule]:
    """Let NumPy functions run on Tensors as the decorated composition of primitives does.

    Examples
    --------
    >>> from autonn import grad
    >>> @implements(np.polyval)
    ... def polyval(p, x):
    ...     y = 0.0
    ...     for coefficient in p:
    ...         y = y * x + coefficient
    ...     return y
    >>> grad(lambda x: np.polyval([1.0, 2.0, 3.0], x))(2.0)
    np.float64(6.0)
    >>> del DISPATCH[np.polyval]
    """
    for function in functions:
        if not callable(function):
            raise TypeError(f"implements: {function!r:.40} is not a function of NumPy's")

    def register(composition: Rule) -> Rule:
        DISPATCH.update(dict.fromkeys(functions, composition))
        return composition

    return register


CONSTANT: set[Callable[..., Any]] = set()


def constant(*functions: Callable[..., Any]) -> None:
    """Let NumPy functions without a derivative (argmax, comparisons, shapes) give plain arrays."""

    def plain(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*map(bare, args), **{k: bare(v) for k, v in kwargs.items()})

        return call

    CONSTANT.update(functions)
    DISPATCH.update({function: plain(function) for function in functions})


# ----- What the compiled functions call -----


def _connected(array: Array, node: Node | None) -> Array:
    """Give what was kept as a Tensor in the graph, so that a rule's own arithmetic is recorded."""
    return array if node is None else connected(array, node)


def _operand(x: Any, prim: Primitive) -> Array:
    """Check a constant operand: a number or something that NumPy makes a numeric array of."""
    if type(x) is complex:
        return x
    array = x if type(x) is np.ndarray or isinstance(x, np.generic) else np.array(operand(x))
    if array.dtype.kind not in "fiubc" or isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{prim}: cannot use {type(x).__name__} {x!r:.60}; want a Tensor, an array or a number"
        )
    return array


def _output(y: Any, prim: Primitive) -> Array:
    """Check what a primitive gave: one array."""
    if isinstance(y, np.ndarray | np.generic | float | int):
        return np.asarray(y)[()]
    raise TypeError(f"{prim} gave a {type(y).__name__}; a primitive gives one array")


def _own(y: Array, operands: Sequence[Any]) -> Array:
    """Copy a result that is a caller's own array, or a view of it: it may change."""
    for x in operands:
        if isinstance(x, np.ndarray) and np.may_share_memory(x, y):
            return y.copy()
    return y


def _keep(x: Array) -> Array:
    """Copy a caller's own array before a rule keeps it: it may change before the backward pass."""
    if isinstance(x, list | tuple):
        if type(x) is tuple and PLAIN.issuperset(map(type, x)):
            return x
        return tuple([i if type(i) in PLAIN else _keep(i) for i in x])
    if isinstance(x, np.ndarray):
        return x.copy()
    return x._array if isinstance(x, Tensor) else x


def _sum_product(shape: tuple[int, ...], g: Array, factor: Array | None = None) -> Array:
    """Sum g, or g times a factor, to a shape that was broadcast."""
    if factor is None:
        return sum_to(g, shape)
    if g.size < 4096 or g.dtype.char not in "fd" or g.dtype != factor.dtype:
        return sum_to(g * factor, shape)
    return sum_product(g, factor, shape)


def _explained(
    error: Exception, prim: Primitive, operands: Sequence[Any], params: Mapping[str, Any]
) -> Exception:
    """Say which operation failed, and on what."""
    if isinstance(prim.forward, np.ufunc):
        check_shapes(prim.forward, *operands)
    return retold(error, str(prim), operands, params) if is_raw(error, anew=True) else error


_NAMESPACE: dict[str, Any] = {
    "_Tensor": Tensor,
    "_any": any,
    "_enumerate": enumerate,
    "_float": float,
    "_int": int,
    "_map": map,
    "_tuple": tuple,
    "_type": type,
    "_unchanging": {int, bool, type(None)},
    "_zip": zip,
    "_np_array": np.asarray,
    "_connected": _connected,
    "_expected": Exception,
    "_explained": _explained,
    "_keep": _keep,
    "_ndarray": np.ndarray,
    "_new": object.__new__,
    "_operand": _operand,
    "_output": _output,
    "_own": _own,
    "_shape": np.shape,
    "_state": current_state,
    "_sum_product": _sum_product,
}
