"""The methods of a Tensor: each is the NumPy function of its name, through NumPy's dispatch."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

import numpy  # noqa: ICN001

np: Any = numpy  # whose stubs do not know that a Tensor goes in and comes out
S = TypeVar("S", bound="Methods")
Axis = int | tuple[int, ...] | None


class Methods:
    """What `np.ndarray` users expect on a Tensor, written in NumPy."""

    __slots__ = ()
    __hash__ = object.__hash__
    _array: Any
    node: Any

    # ----- The array -----

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._array.shape

    @property
    def dtype(self) -> numpy.dtype[Any]:
        """The type of the elements."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._array.size

    @property
    def nbytes(self) -> int:
        """The memory of the elements, in bytes."""
        return self._array.nbytes

    def numpy(self) -> numpy.ndarray[Any, Any]:
        """Give the values as a read-only array, outside the graph."""
        return self.data  # type: ignore[attr-defined]

    def item(self) -> Any:
        """Give the only element as a Python number."""
        if self.size != 1:
            raise ValueError(
                f"item: a Tensor of shape {self.shape} has {self.size} elements, not one"
            )
        return self._array.item()

    def tolist(self) -> Any:
        """Give the values as nested lists of Python numbers."""
        return self._array.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(
            "a Tensor does not turn into an array by itself, because its graph would end there "
            "unseen: t.numpy() gives its values; np.stack([t, u]) joins Tensors (np.array([t, u]) "
            "and np.r_ cannot); t.at[index].set(v) stores one in another"
        )

    # ----- Python -----

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a Tensor without axes")
        return self.shape[0]

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"a Tensor of shape {self.shape} is neither true nor false: ask .any() or .all()"
            )
        return bool(self._array)

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def _number(self, kind: str) -> Any:
        if self.node is not None:
            raise TypeError(
                f"{kind}() of a Tensor that requires grad would end its graph unseen (math.exp(t) "
                "and array[i] = t do that, too): np.exp(t) stays in it, t.at[i].set(v) stores in a "
                "Tensor, and t.item() gives the number alone"
            )
        return self.item()

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"only integer Tensors can be an index, this one is {self.dtype}")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        try:
            return format(self.item(), spec) if spec else str(self)
        except ValueError as error:
            raise ValueError(f"format of a Tensor: {error}") from None

    # ----- Operators -----

    def __pos__(self: S) -> S:
        return self

    def __abs__(self: S) -> S:
        return np.absolute(self)

    def __mod__(self: S, other: Any) -> S:
        return np.remainder(self, other)

    def __rmod__(self: S, other: Any) -> S:
        return np.remainder(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return np.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return np.floor_divide(other, self)

    def __eq__(self, other: Any) -> Any:
        return np.equal(self, other)

    def __ne__(self, other: Any) -> Any:
        return np.not_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        return np.less(self, other)

    def __le__(self, other: Any) -> Any:
        return np.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return np.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return np.greater_equal(self, other)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            "a Tensor cannot be changed in place, because the graph may need it: "
            "t = t.at[index].set(value) gives a changed one, .add(value) adds to it; "
            "t.assign(values) changes all of a leaf"
        )

    # ----- Shapes -----

    @property
    def mT(self: S) -> S:
        """The last two axes swapped: the transpose of a matrix, or of each in a stack."""
        return np.matrix_transpose(self)

    def ravel(self: S) -> S:
        """Give the elements along one axis."""
        return np.reshape(self, -1)

    flatten = ravel

    def transpose(self: S, *axes: Any) -> S:
        """Permute the axes; reverse them if none are given."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def swapaxes(self: S, axis1: int, axis2: int) -> S:
        """Swap two axes."""
        return np.swapaxes(self, axis1, axis2)

    def squeeze(self: S, axis: Axis = None) -> S:
        """Drop axes of length one."""
        return np.squeeze(self, axis)

    def repeat(self: S, repeats: Any, axis: int | None = None) -> S:
        """Repeat each element."""
        return np.repeat(self, repeats, axis)

    def take(self: S, indices: Any, axis: int | None = None) -> S:
        """Give the elements at `indices` along an axis."""
        return np.take(self, indices, axis)

    def diagonal(self: S, offset: int = 0, axis1: int = 0, axis2: int = 1) -> S:
        """Give the diagonal over two axes."""
        return np.diagonal(self, offset, axis1, axis2)

    # ----- Reductions -----

    def mean(self: S, axis: Axis = None, keepdims: bool = False) -> S:
        """Average over axes."""
        return np.mean(self, axis=axis, keepdims=keepdims)

    def var(self: S, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> S:
        """Variance over axes: the mean squared deviation, divided by n - ddof."""
        return np.var(self, axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self: S, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> S:
        """Standard deviation over axes."""
        return np.std(self, axis=axis, ddof=ddof, keepdims=keepdims)

    def prod(self: S, axis: Axis = None, keepdims: bool = False) -> S:
        """Multiply over axes."""
        return np.prod(self, axis=axis, keepdims=keepdims)

    def max(self: S, axis: Axis = None, keepdims: bool = False) -> S:
        """Give the largest element over axes."""
        return np.max(self, axis=axis, keepdims=keepdims)

    def min(self: S, axis: Axis = None, keepdims: bool = False) -> S:
        """Give the smallest element over axes."""
        return np.min(self, axis=axis, keepdims=keepdims)

    def cumsum(self: S, axis: int | None = None) -> S:
        """Sum cumulatively along an axis."""
        return np.cumsum(self, axis=axis)

    def trace(self: S, offset: int = 0, axis1: int = 0, axis2: int = 1) -> S:
        """Sum the diagonal."""
        return np.trace(self, offset, axis1, axis2)

    def argmax(self, axis: int | None = None) -> Any:
        """Give the index of the largest element, as a plain array."""
        return np.argmax(self, axis)

    def argmin(self, axis: int | None = None) -> Any:
        """Give the index of the smallest element, as a plain array."""
        return np.argmin(self, axis)

    def all(self, axis: Axis = None) -> Any:
        """Tell whether all elements are true, as a plain array."""
        return np.all(self, axis)

    def any(self, axis: Axis = None) -> Any:
        """Tell whether any element is true, as a plain array."""
        return np.any(self, axis)

    # ----- Elementwise -----

    def clip(self: S, min: Any = None, max: Any = None) -> S:
        """Limit the elements to an interval."""
        return np.clip(self, min, max)

    def dot(self: S, other: Any) -> S:
        """Give NumPy's dot product."""
        return np.dot(self, other)

    def exp(self: S) -> S:
        """Give e to the power of each element."""
        return np.exp(self)

    def log(self: S) -> S:
        """Give the natural logarithm of each element."""
        return np.log(self)

    def sqrt(self: S) -> S:
        """Give the square root of each element."""
        return np.sqrt(self)

    def tanh(self: S) -> S:
        """Give the hyperbolic tangent of each element."""
        return np.tanh(self)
