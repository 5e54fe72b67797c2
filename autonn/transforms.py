"""Functions of functions: gradients, Jacobians, Hessians and their products, to any order.

Arguments may be numbers, arrays, Tensors, or nested lists, tuples and dicts of them. What comes
back is of the argument's kind: arrays for arrays, Tensors for Tensors; and Tensors, still
connected, wherever the result depends on Tensors outside that require grad. That is what lets these
functions nest, in each other and in a recorded model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from operator import index as whole
from typing import Any

import numpy as np

from autonn.errors import is_raw, retold
from autonn.graph import Array, Node, current_state, state
from autonn.operands import bare, flag
from autonn.tensors import Tensor, alias, connected
from autonn.tree import flatten, leaves_like, places, tree_map
from autonn.walk import walk

Function = Callable[..., Any]
Argnums = int | Sequence[int]


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """df/dx: give the function that computes the gradient of a scalar function.

    Parameters
    ----------
    f
        A function of arrays that returns one number: an array or Tensor of size 1.
    argnums
        The position of the argument to differentiate by, or several: then the gradients come as a
        tuple.
    has_aux
        Whether f returns `(value, aux)`; then the result is `(gradient, aux)`.

    Returns
    -------
    callable
        A function of the same arguments. The gradient has the argument's structure, shapes and
        dtypes.

    Raises
    ------
    TypeError
        When an argument to differentiate by is not of floating point.
    ValueError
        When f returns more than one number.

    Examples
    --------
    >>> grad(np.sin)(0.0)
    np.float64(1.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    >>> grad(lambda p: p["w"] * p["b"])({"w": 2.0, "b": 3.0})
    {'w': np.float64(3.0), 'b': np.float64(2.0)}
    """
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """(f(x), df/dx): like `grad`, with the value in front (`(value, aux)` with `has_aux`).

    Examples
    --------
    >>> value_and_grad(np.square)(3.0)
    (np.float64(9.0), np.float64(6.0))
    """

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, args, kwargs, argnums, has_aux)
        y = run.output()
        if y.size != 1:
            raise ValueError(
                f"grad: the function returned shape {y.shape}; want a single number. Reduce it "
                "(.sum(), .mean()), or use jacobian or vjp"
            )
        g = run.pull([np.ones(y.shape, y.dtype)], retain=False)
        value = run.finished(run.value)
        return ((value, run.finished(run.aux)) if has_aux else value), g

    return value_and_gradient


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """f(x) and the function that pulls a cotangent of it back to x: w ↦ Jᵀ w.

    Parameters
    ----------
    f
        A function of arrays; it may return a nest of arrays.
    *primals
        Its arguments; the cotangents of all of them are computed.
    has_aux
        Whether f returns `(value, aux)`.

    Returns
    -------
    value, pull
        `pull(w)`, with w of the value's structure and shapes, gives a tuple with a cotangent for
        each argument. It can be called any number of times. With `has_aux` a third item, aux.

    Examples
    --------
    >>> y, pull = vjp(np.multiply, 2.0, 3.0)
    >>> y, pull(1.0)
    (np.float64(6.0), (np.float64(3.0), np.float64(2.0)))
    """
    run = _Run(f, primals, {}, tuple(range(len(primals))), has_aux)

    def pull(w: Any) -> Any:
        seeds = leaves_like(w, run.value, "vjp: the cotangent")
        seen = [np.shape(bare(seed)) for seed in seeds]
        want = [np.shape(bare(y)) for y in run.outputs]
        if seen != want:
            raise ValueError(f"vjp: the cotangent has shapes {seen}, the output {want}")
        if any(np.iscomplexobj(bare(seed)) for seed in seeds):
            raise TypeError("vjp: the cotangent is complex; want real numbers")
        return run.pull(seeds, retain=True)

    value = run.finished(run.value)
    return (value, pull, run.finished(run.aux)) if has_aux else (value, pull)


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """J[i, j] = ∂f_i/∂x_j: give the function that computes all derivatives of all outputs.

    The result has shape `output.shape + input.shape`; for nests, the output's nest of the input's
    nests. Each output element costs one backward pass.

    Examples
    --------
    >>> jacobian(np.square)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @wraps(f)
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, args, kwargs, argnums)
        _, rebuild = flatten(run.value)
        return rebuild([run.rows(k) for k in range(len(run.outputs))])

    return jacobian_of_f


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """H[i, j] = ∂²f/∂x_i∂x_j of a scalar function, with shape `x.shape + x.shape`.

    Examples
    --------
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, x: Any, v: Any) -> Any:
    """H v: the product of a scalar function's Hessian at x with v, without the Hessian.

    Costs about as much as two gradients (Pearlmutter 1994, by reverse mode twice).

    Examples
    --------
    >>> hvp(lambda x: x[0] ** 2 * x[1], np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([4., 2.])
    """
    directions = leaves_like(v, x, "hvp: v")
    if [np.shape(bare(d)) for d in directions] != [np.shape(bare(leaf)) for leaf in flatten(x)[0]]:
        raise ValueError("hvp: v must have the shapes of x")

    def slope(x: Any) -> Any:
        gradients = flatten(grad(f)(x))[0]
        return sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))

    return grad(slope)(x)


class _Run:
    """One run of a function: what came out, and the nodes of what it is differentiated by."""

    def __init__(
        self, f: Function, args: Any, kwargs: Any, argnums: Argnums, has_aux: bool = False
    ) -> None:
        if not callable(f):
            raise TypeError(f"{f!r:.40} is not a function to differentiate")
        self.many = isinstance(argnums, Sequence)
        try:
            positions = tuple(map(whole, argnums if isinstance(argnums, Sequence) else (argnums,)))
        except TypeError:
            told = f"argnums={argnums!r:.40}; want the position of an argument, or several"
            raise TypeError(told) from None
        if any(not -len(args) <= i < len(args) for i in positions):
            raise ValueError(
                f"argnums={argnums!r:.40}, but the function has {len(args)} arguments here"
            )
        positions = tuple(i % len(args) for i in positions)
        if len(set(positions)) < len(positions):
            raise ValueError(f"argnums={argnums!r:.40} names an argument twice")
        self.inputs, self.rebuild = flatten(tuple(args[i] for i in positions))
        names = [f"{i}{place}" for i in positions for place in places(args[i])]
        self.entered = [_entered(x, name) for name, x in zip(names, self.inputs, strict=True)]
        self.nodes: list[Any] = [x.node for x in self.entered]
        chosen = dict(zip(positions, self.rebuild(self.entered), strict=True))
        args = [chosen.get(i, x) for i, x in enumerate(args)]
        with state(paused=False), _differentiating(self.nodes):
            try:
                result = f(*args, **kwargs)
            except Exception as error:
                if not is_raw(error):
                    raise
                raise retold(error, getattr(f, "__name__", "f"), args, kwargs) from None
        has_aux = flag("has_aux", has_aux)
        if has_aux and not (isinstance(result, tuple) and len(result) == 2):
            raise TypeError("has_aux: the function must return a pair, (value, aux)")
        self.aux: Any = None
        self.value, self.aux = result if has_aux else (result, None)
        self.outputs = flatten(self.value)[0]
        for y in self.outputs:
            if not isinstance(y, Tensor | np.ndarray | np.generic | float | int):
                raise TypeError(
                    f"the function to differentiate returned {y!r:.40} ({type(y).__name__}); want "
                    "a number or an array: is a return missing?"
                )
        self.plain = not any(isinstance(x, Tensor) for x in self.inputs)
        results = [*self.outputs, *flatten(self.aux)[0]]
        self.connected = not current_state().paused and _leads_out(results, self.nodes)

    def output(self) -> Array:
        """Give the one output, a Tensor or an array."""
        if len(self.outputs) != 1:
            count = len(self.outputs)
            raise ValueError(f"grad: the function returned {count} values; want a single number")
        y = self.outputs[0]
        return y if isinstance(y, Tensor) else np.asarray(y, float)

    def finished(self, tree: Any, connected: bool | None = None) -> Any:
        """Give arrays for arrays, Tensors for Tensors and for what is connected outside."""
        stays = self.connected if connected is None else connected

        def finish(y: Any) -> Any:
            if not isinstance(y, Tensor) or (stays and y.node is not None):
                return y
            return np.array(bare(y))[()] if self.plain else y.detach()

        return tree_map(finish, tree)

    def pull(self, seeds: Sequence[Any], *, retain: bool) -> Any:
        """Pull cotangents of the outputs back to the inputs."""
        recorded = any(isinstance(seed, Tensor) and seed.requires_grad for seed in seeds)
        create = self.connected or (recorded and not current_state().paused)
        roots: dict[Node, Array] = {}
        for y, seed in zip(self.outputs, seeds, strict=True):
            if isinstance(y, Tensor) and y.node is not None:
                if not isinstance(seed, Tensor):
                    seed = Tensor(np.asarray(seed, y.dtype))
                seed = seed.astype(y.dtype) if create else bare(seed.astype(y.dtype))
                roots[y.node] = roots[y.node] + seed if y.node in roots else seed
        with state(paused=not create):
            found = walk(
                roots, retain=retain or create, create=create, targets=frozenset(self.nodes)
            )
        gradients = []
        for node in self.nodes:
            g = found.get(node)
            g = np.zeros(node.shape, node.dtype) if g is None else g
            gradients.append(g if isinstance(g, Tensor) else Tensor(g))
        tree = self.finished(self.rebuild(gradients), create)
        return tree if self.many else tree[0]

    def rows(self, k: int) -> Any:
        """Give the derivatives of every element of the k-th output."""
        ys = [bare(y) for y in self.outputs]
        shape = np.shape(ys[k])
        rows = []
        for i in np.ndindex(shape):
            seeds = [np.zeros(np.shape(y)) for y in ys]
            seeds[k][i] = 1
            rows.append(flatten(self.pull(seeds, retain=True))[0])
        if not rows:
            empty = [np.zeros(shape + x.shape, x.dtype) for x in self.entered]
            stacked = empty if self.plain else [Tensor(x) for x in empty]
        else:
            columns = zip(*rows, strict=True)
            stacked = [np.stack(column).reshape(shape + column[0].shape) for column in columns]
        nest = self.rebuild(stacked)
        return nest if self.many else nest[0]


# ----- Which derivatives are being taken around this one -----

_active: ContextVar[frozenset[Node]] = ContextVar("autonn.transforms", default=frozenset())


@contextmanager
def _differentiating(nodes: Sequence[Node]) -> Iterator[None]:
    token = _active.set(_active.get() | set(nodes))
    try:
        yield
    finally:
        _active.reset(token)


def _entered(x: Any, name: str) -> Tensor:
    """Give an input a node of its own; from there it goes on to a Tensor's past, or nowhere."""
    array = np.array(bare(x))
    if array.dtype.kind != "f":
        raise TypeError(
            f"argument {name} to differentiate by is {array.dtype} ({x!r:.40}): gradients need "
            "floating-point numbers, such as 2.0 or array.astype(float)"
        )
    node: Any = alias.node.leaf(array)
    node.parents = (x.node if isinstance(x, Tensor) else None,)
    return connected(array, node)


def _leads_out(outputs: Sequence[Any], targets: Collection[Node]) -> bool:
    """Tell whether the outputs depend on other leaves, or on inputs of a function around."""
    stack = [y.node for y in outputs if isinstance(y, Tensor)]
    active = _active.get()
    seen: set[Node | None] = {None}
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            if node.primitive is None or (node in active and node not in targets):
                return True
            seen.add(node)
            stack.extend(node.parents)
    return False
