"""The Tensor: an array and its place in the graph.

Nothing that a rule may have kept is ever written to. A Tensor copies the array it is made of, hands
out read-only views, and the one writer (`assign`, for optimisers) takes a fresh array when anybody
still holds the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from sys import getrefcount
from threading import Lock
from typing import Any, NoReturn, final

import numpy as np

from autonn.brackets import At, getitem, settled
from autonn.errors import is_raw, retold
from autonn.graph import DISPATCH, Array, Node, primitive
from autonn.methods import Axis, Methods
from autonn.operands import array_of, bare, flag, numeric, operand
from autonn.refusals import check_arguments, check_shapes, refuse, unsupported
from autonn.walk import walk


@primitive
def reshape(x: Array, *, shape: Any) -> Array:
    """Give the elements of x in another shape."""
    return x.reshape(shape)


@primitive
def alias(x: Array) -> Array:
    """X itself, at a place of its own in the graph."""
    return x


@primitive
def astype(x: Array, *, dtype: Any) -> Array:
    """X in another dtype."""
    return x.astype(dtype)


_add, _subtract, _multiply = primitive(np.add), primitive(np.subtract), primitive(np.multiply)
_divide, _power = primitive(np.true_divide), primitive(np.power)
_square, _negative = primitive(np.square), primitive(np.negative)
_sum, _transpose = primitive(np.sum), primitive(np.transpose)


@final
class Tensor(Methods):
    """An n-dimensional array that remembers how it was computed.

    Parameters
    ----------
    data
        Anything that `np.array` accepts but a Tensor; integers and booleans stay what they are.
    requires_grad
        Whether operations on it are recorded and `backward` leaves its gradient in `grad`. Real
        floats only.
    name
        What error messages and pictures call it.
    dtype
        The array's dtype; by default NumPy's choice.
    copy
        False shares the memory of an array of that dtype, and makes that array (and the one it is
        a view of) read-only, which catches most accidental writes; `detect_anomaly` finds the
        others. What is no array, and cannot be made read-only, is copied all the same.

    Raises
    ------
    TypeError
        For Tensors (also in lists: use `np.stack`), for what is not numeric, and for
        `requires_grad` on integers.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    Tensor([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "_array", "_name", "_thawed", "node")
    _array: Array
    node: Node | None

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        name: str | None = None,
        *,
        dtype: Any = None,
        copy: bool = True,
    ) -> None:
        if isinstance(data, Tensor):
            raise TypeError(
                "Tensor(...) of a Tensor: use it as it is, or t.detach() for one without history"
            )
        shares = isinstance(data, np.ndarray) and not flag("copy", copy)
        array = array_of(data, dtype, not shares)
        self._array = array
        self.node = None
        if flag("requires_grad", requires_grad):
            self.requires_grad = True
        owner: Any = array
        while shares and isinstance(owner, np.ndarray):
            owner.flags.writeable = False
            owner = owner.base
        if name is not None:
            self.name = name

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError(
            "Tensor cannot be subclassed: write functions of Tensors, or a Module that holds them"
        )

    # ----- What it holds -----

    @property
    def data(self) -> np.ndarray[Any, Any]:
        """The array, as a read-only view; `assign` writes to it.

        NumPy's `ufunc.at` writes to read-only arrays, too: do not call `np.add.at(t.data, ...)`.
        `detect_anomaly` finds it.
        """
        view = np.asarray(self._array).view()
        view.flags.writeable = False
        return view

    @data.setter
    def data(self, value: Any) -> NoReturn:
        raise TypeError(
            "t.data is read-only, because the graph may need it: t.assign(value) changes a leaf"
        )

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` left here, or None. Set it to None to start anew."""
        return None if self.node is None or self.node.notes is None else self.node.notes.grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if self.node is None:
            raise ValueError("grad: this Tensor does not require grad, so it cannot have one")
        if value is not None:
            value = value if isinstance(value, Tensor) else Tensor(value)
            if value.shape != self.shape or value.dtype != self.dtype:
                seen, want = f"{value.dtype}{value.shape}", f"{self.dtype}{self.shape}"
                raise ValueError(
                    f"grad: a gradient has its tensor's shape and dtype: got {seen}, want {want}"
                )
        self.node.noted().grad = value

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this Tensor are recorded. Can be set on leaves."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        value = flag("requires_grad", value)
        if not self.is_leaf:
            raise ValueError(
                "requires_grad can only be set on leaves: t.detach() gives a Tensor without history"
            )
        if value and self._array.dtype.kind != "f":
            raise TypeError(
                f"requires_grad: gradients need real floating-point numbers, this is {self.dtype}; "
                "make it of floats: Tensor(data, requires_grad=True, dtype=np.float64)"
            )
        if value and self.node is None:  # the node that it had: graphs that still live lead there
            self.node = getattr(self, "_thawed", None) or Node.leaf(self._array, self.name)
        elif not value and self.node is not None:
            self._name, self._thawed, self.node = self.name, self.node, None

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this Tensor."""
        return self.node is None or self.node.primitive is None

    @property
    def name(self) -> str | None:
        """What error messages and pictures call it."""
        if self.node is None:
            return getattr(self, "_name", None)
        return None if self.node.notes is None else self.node.notes.name

    @name.setter
    def name(self, value: str | None) -> None:
        if value is not None and not isinstance(value, str):
            raise TypeError(f"name={value!r:.40}; want a string or None")
        if self.node is None:
            self._name = value
        elif value is not None or self.node.notes is not None:
            self.node.noted().name = value

    # ----- Operators: straight to the engine -----

    def __add__(self, other: Any) -> Tensor:
        return _add.apply(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return _add.apply(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return _subtract.apply(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return _subtract.apply(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return _multiply.apply(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return _multiply.apply(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return _divide.apply(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return _divide.apply(other, self)

    def __neg__(self) -> Tensor:
        return _negative.apply(self)

    def __pow__(self, other: Any) -> Tensor:
        square = type(other) is int and other == 2  # as NumPy's own operator does
        return _square.apply(self) if square else _power.apply(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return _power.apply(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return DISPATCH[np.matmul](self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return DISPATCH[np.matmul](other, self)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over axes."""
        return _sum.apply(self, axis=axis, keepdims=keepdims)

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return _transpose.apply(self, axes=None)

    def reshape(self, *shape: Any) -> Tensor:
        """Give the same elements in another shape; one length may be -1."""
        return reshape.apply(self, shape=shape[0] if len(shape) == 1 else shape)

    # ----- What NumPy writes with brackets -----

    def __getitem__(self, index: Any) -> Tensor:
        return getitem.apply(self, index=settled(index))

    @property
    def at(self) -> At[Tensor]:
        """Store or add elsewhere: `t.at[index].set(v)`, `t.at[index].add(v)` give new Tensors.

        Examples
        --------
        >>> Tensor([1.0, 2.0, 3.0]).at[1:].set(0)
        Tensor([1., 0., 0.])
        >>> Tensor([1.0, 2.0, 3.0]).at[[0, 0]].add(5)
        Tensor([11.,  2.,  3.])
        """
        return At(self)

    def astype(self, dtype: Any) -> Tensor:
        """Give the values in another dtype; the gradient comes back in this one.

        Integers and booleans have no gradient, so they end the graph.
        """
        dtype = numeric("astype", dtype)
        if dtype.kind == "c" and self.node is not None:
            raise TypeError("astype: gradients through complex numbers are not supported")
        if self.dtype.kind == "c" != dtype.kind:
            raise TypeError(f"astype: complex numbers do not fit into {dtype}")
        if dtype == self.dtype:
            return self
        return astype.apply(self if dtype.kind == "f" else self.detach(), dtype=dtype)

    # ----- NumPy's protocols -----

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if not kwargs and method == "__call__" and ufunc in DISPATCH:
            try:
                return DISPATCH[ufunc](*inputs)
            except Exception as error:
                if not is_raw(error):
                    raise
                check_shapes(ufunc, *inputs)
                raise retold(error, ufunc.__name__, inputs) from None
        if kwargs.get("out") is not None:
            refuse(ufunc, "out")
        function: Any = ufunc
        if method != "__call__":
            function = _METHODS.get((ufunc, method))
            kwargs.setdefault("axis", 0)  # np.add.reduce's default is not np.sum's
        if function not in DISPATCH:
            unsupported(ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}")
        return self.__array_function__(function, (), inputs, kwargs)

    def __array_function__(
        self, function: Any, types: Any, args: Any, kwargs: Mapping[str, Any]
    ) -> Any:
        if kwargs.get("out") is not None:
            refuse(function, "out")
        if function not in DISPATCH:
            unsupported(f"{function.__module__}.{function.__name__}".removeprefix("numpy."))
        try:
            return DISPATCH[function](*args, **kwargs)
        except Exception as error:
            if not is_raw(error):
                raise
            check_arguments(error, function, args, kwargs)
            raise retold(error, f"np.{function.__name__}", args, kwargs) from None

    # ----- Differentiation -----

    def backward(
        self, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the gradient of this Tensor to `grad` of every leaf that it was computed from.

        Parameters
        ----------
        gradient
            The cotangent of this Tensor, of its shape. For a single number it is 1 if left out.
        retain_graph
            Keep what the graph has saved, for another backward pass.
        create_graph
            Record the backward pass, so that the gradients can be differentiated; retains the
            graph, too.

        Raises
        ------
        ValueError
            Without a graph, without a gradient where one is needed, or with one of another shape.
        RuntimeError
            When an earlier pass has used up the graph.
        """
        if self.node is None:
            raise ValueError(
                "backward: nothing was recorded for this Tensor. Make an input with "
                "Tensor(data, requires_grad=True), and compute outside no_grad(), without "
                ".detach(), .data or .item() on the way"
            )
        seed, create = self._seed(gradient), flag("create_graph", create_graph)
        retain = flag("retain_graph", retain_graph) or create
        found = walk({self.node: seed if create else bare(seed)}, retain=retain, create=create)
        with _accumulating:  # threads may share leaves
            notes = [node.noted() for node in found]
            new = [g if type(g) is Tensor else connected(g, None) for g in found.values()]
            totals = [
                g if n.grad is None else n.grad + g for n, g in zip(notes, new, strict=True)
            ]  # all or none: an addition may fail, and a signal come between two assignments
            list(map(setattr, notes, repeat("grad"), totals))

    def _seed(self, gradient: Any) -> Tensor:
        if gradient is None:
            if self._array.size != 1:
                raise ValueError(
                    f"backward: a Tensor of shape {self.shape} needs the gradient of what comes "
                    "after it: pass backward(gradient) of that shape, or reduce it to one number "
                    "first, as in y.sum().backward()"
                )
            one = self.dtype.type(1)
            return connected(np.full(self.shape, one) if self.ndim else one, None)
        seed = gradient if isinstance(gradient, Tensor) else Tensor(gradient)
        if seed.dtype.kind == "c" != self.dtype.kind:
            raise TypeError("backward: the gradient is complex; want real numbers")
        if seed.shape != self.shape:
            raise ValueError(
                f"backward: the gradient has shape {seed.shape}, the Tensor has shape {self.shape}"
            )
        return seed if seed.dtype == self.dtype else seed.astype(self.dtype)

    def detach(self) -> Tensor:
        """Give a constant Tensor with the same values, without history."""
        return connected(self._array, None)

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Callable[[], None]:
        """Call `hook(gradient)` in each backward pass, once this Tensor's gradient is complete.

        Returns a function that removes the hook. What the hook returns, unless None, replaces the
        gradient.

        Examples
        --------
        >>> x = Tensor([1.0, -2.0], requires_grad=True)
        >>> remove = x.register_hook(lambda g: g.clip(-1, 1))
        >>> (3 * x).sum().backward()
        >>> x.grad
        Tensor([1., 1.])
        """
        if not callable(hook):
            raise TypeError(f"register_hook: {hook!r:.40} is not a function of the gradient")
        if self.node is None:
            raise ValueError(
                "register_hook: this Tensor does not require grad, so no gradient will reach it"
            )

        shape, dtype = self.shape, self.dtype  # and not self, which would close a circle

        def call(g: Array) -> Array:
            new = hook(connected(bare(g), getattr(g, "node", None)))  # the walk has its own
            if new is None:
                return g
            new = new if isinstance(new, Tensor) else Tensor(new)
            if new.shape != shape:
                raise ValueError(f"a hook made a gradient of shape {new.shape}; want {shape}")
            new = new.astype(dtype)
            return new if isinstance(g, Tensor) else new._array

        hooks, key = self.node.noted().hooks, object()
        hooks[key] = call

        def remove() -> None:
            hooks.pop(key, None)

        return remove

    def retain_grad(self) -> None:
        """Let `backward` leave the gradient in `grad` although this Tensor is not a leaf."""
        if self.node is not None:
            self.node.noted().retains = True

    # ----- The one writer -----

    def assign(self, value: Any) -> None:
        """Change the values of a leaf; a graph or view that still holds the old ones keeps them.

        A forward pass that another thread begins during the writing reads values half written:
        let threads that share leaves wait for each other. `detect_anomaly` finds it.

        Raises
        ------
        ValueError
            For a Tensor that an operation made, or a value that does not broadcast to its shape.
        TypeError
            For a value that is not numeric.
        """
        array = operand(value) if not isinstance(value, Tensor) else value._array
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"assign: cannot store {type(value).__name__} {value!r:.40}; want numbers"
            )
        buffer = self.writable()
        try:
            buffer[...] = array
        except ValueError:
            told = f"assign: a value of shape {array.shape} does not fit shape {self.shape}"
            raise ValueError(told) from None

    def writable(self) -> np.ndarray[Any, Any]:
        """Give a leaf's array to write to: its own, or a copy if anybody else holds that.

        Optimisers write here, at once, and let go of the array: a graph that is recorded later may
        keep it. A graph that needs the old values holds their array, so it keeps them.
        """
        if self.node is not None and self.node.primitive is not None:
            maker = self.node.primitive
            raise ValueError(f"assign: only leaves can be changed; {maker} made this Tensor")
        shared = getrefcount(self._array) > _UNSHARED or self._array.base is not None
        if shared or not self._array.flags.writeable:
            self._array = np.array(self._array)
        return self._array

    # ----- As Python sees it -----

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self._array), separator=", ", prefix="Tensor(")
        if self.dtype not in (np.float64, np.int64, np.bool_):
            text += f", dtype={self.dtype}"
        if self.name is not None:
            text += f", name={self.name!r}"
        if self.node is not None:
            text += f", op={self.node.primitive}" if self.node.primitive else ", requires_grad=True"
        return f"Tensor({text})"

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise TypeError(
                "only leaves can be copied and pickled: t.detach() gives a Tensor without history"
            )
        return Tensor, (np.asarray(self._array), self.requires_grad, self.name)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("cannot iterate over a Tensor without axes; t.item() gives its number")
        return (self[i] for i in range(len(self)))


def connected(array: Array, node: Node | None) -> Tensor:
    """Make the Tensor of an array that the engine owns."""
    t: Tensor = object.__new__(Tensor)
    t._array = array
    t.node = node
    return t


_alone = Tensor([0.0])  # which lives, as `self` does: a passing one is gone when it is counted
_UNSHARED = getrefcount(_alone._array)  # what it counts when the Tensor alone holds its array
_accumulating = Lock()
_METHODS: dict[tuple[np.ufunc, str], Any] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.add, "accumulate"): np.cumsum,
}


def named(x: Any, name: str) -> Any:
    """Give x, and, if it is a Tensor, a name that pictures and explanations call it by."""
    if type(x) is Tensor:
        x.name = name
    return x
