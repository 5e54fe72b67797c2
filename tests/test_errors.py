"""Bad input gets an error that names the thing, the value seen, the value wanted and the cure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.exceptions import AxisError
from refusals import assert_refused

import autonn
from autonn import Tensor
from autonn import functional as F
from autonn.data import load_digits, minibatches
from autonn.windows import conv


def x(*shape: int) -> Tensor:
    return Tensor(np.ones(shape), requires_grad=True)


def add_in_place() -> None:
    a = np.ones(3)
    a += x(3)


def set_item() -> None:
    x(3)[0] = 1.0


def set_data() -> None:
    x(3).data = np.ones(3)


def subclass() -> None:
    class Mine(Tensor):  # type: ignore[misc]
        pass


def wrong_hook() -> None:
    t = x(3)
    y = t * 2
    y.register_hook(lambda g: g[0])
    y.sum().backward()


def wrong_rule() -> None:
    @autonn.primitive
    def double(a: Any) -> Any:
        return 2 * a

    autonn.PRIMITIVES.pop(double.forward)
    autonn.defvjp(double, a=lambda g: g.sum())
    double(x(3)).sum().backward()


def unknown_name_in_rule() -> None:
    autonn.defvjp(autonn.graph.Primitive(lambda a: a), a=lambda g, b: g * b)


def reserved_name_in_rule() -> None:
    autonn.defvjp(autonn.graph.Primitive(lambda y: y), y=lambda g: g)


def store_in_array() -> None:
    array = np.zeros(2)
    array[0] = x()


def rule_without_return() -> None:
    @autonn.primitive
    def double(a: Any) -> Any:
        return 2 * a

    autonn.PRIMITIVES.pop(double.forward)
    autonn.defvjp(double, a=lambda g: None)
    double(x(3)).sum().backward()


def primitive_of_two() -> None:
    @autonn.primitive
    def both(a: Any) -> Any:
        return a, a

    autonn.PRIMITIVES.pop(both.forward)
    autonn.defvjp(both, a=lambda g: g)
    both(x(3))


def circle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


COUNTER = itertools.count()
WINDOW: dict[str, Any] = {
    "stride": (1, 1),
    "padding": ((0, 0), (0, 0)),
    "dilation": (1, 1),
    "groups": 1,
}

# fmt: off
ERRORS: dict[str, tuple[Callable[[], Any], Any, list[str]]] = {
    "shapes that do not broadcast": (lambda: x(2, 3) + x(4), ValueError, ["add", "(2, 3)", "(4,)", "broadcast", "x[:, None]"]),
    "the same with an array": (lambda: np.ones((2, 3)) * x(4), ValueError, ["multiply", "(2, 3)", "(4,)"]),
    "matrices that do not fit": (lambda: x(2, 3) @ x(4, 5), ValueError, ["matmul", "(2, 3)", "(4, 5)", "3", "4"]),
    "a matrix product with a number": (lambda: x(2, 3) @ 2.0, ValueError, ["matmul"]),
    "integers asked for gradients": (lambda: Tensor([1, 2], requires_grad=True), TypeError, ["requires_grad", "int64", "dtype=np.float64"]),
    "booleans asked for gradients": (lambda: Tensor([True], requires_grad=True), TypeError, ["bool"]),
    "complex asked for gradients": (lambda: Tensor([1j], requires_grad=True), TypeError, ["complex128"]),
    "text": (lambda: Tensor("abc"), TypeError, ["str", "'abc'", "numbers"]),
    "objects": (lambda: Tensor([None]), TypeError, ["object"]),
    "a Tensor of a Tensor": (lambda: Tensor(x(2)), TypeError, ["detach()"]),
    "a Tensor of Tensors": (lambda: Tensor([x(2), x(2)]), TypeError, ["np.stack"]),
    "backward without a graph": (lambda: Tensor(1.0).backward(), ValueError, ["requires_grad=True", "no_grad"]),
    "backward on many numbers": (lambda: x(2, 3).exp().backward(), ValueError, ["(2, 3)", "y.sum().backward()"]),
    "a gradient of the wrong shape": (lambda: x(2, 3).exp().backward(np.ones(3)), ValueError, ["(3,)", "(2, 3)"]),
    "grad of the wrong shape": (lambda: setattr(x(2), "grad", np.ones(3)), ValueError, ["(3,)", "(2,)"]),
    "grad of a constant": (lambda: setattr(Tensor([1.0]), "grad", np.ones(1)), ValueError, ["does not require grad"]),
    "out=": (lambda: np.exp(x(3), out=np.ones(3)), TypeError, ["np.exp", "out=", "array = array + tensor"]),
    "out= of a function": (lambda: np.sum(x(3), out=np.ones(())), TypeError, ["np.sum", "out="]),
    "array += tensor": (add_in_place, TypeError, ["np.add", "array += tensor"]),
    "where=": (lambda: np.exp(x(3), where=np.ones(3, bool)), TypeError, ["np.exp", "where="]),
    "a parameter without a rule": (lambda: np.sum(x(3), initial=3.0), TypeError, ["np.sum", "initial", "axis, keepdims"]),
    "np.asarray": (lambda: np.asarray(x(3)), TypeError, ["t.numpy()"]),
    "np.array of Tensors": (lambda: np.array([x(3), x(3)]), TypeError, ["np.stack"]),
    "np.r_": (lambda: np.r_[x(3), x(3)], TypeError, ["np.stack"]),
    "np.mean of a list": (lambda: np.mean([x(3), x(3)]), TypeError, ["np.stack"]),
    "a function without a rule": (lambda: np.fft.fft(x(3)), NotImplementedError, ["fft", "defvjp", "t.numpy()"]),
    "a ufunc without a rule": (lambda: np.gcd(x(3), 2), NotImplementedError, ["np.gcd", "defvjp"]),
    "a ufunc's method without a rule": (lambda: np.add.outer(x(3), x(3)), NotImplementedError, ["np.add.outer"]),
    "an operand that is no number": (lambda: x(3) + "a", TypeError, ["add", "str", "'a'"]),
    "an operand that is nothing": (lambda: x(3) * None, TypeError, ["multiply", "None"]),
    "writing to an element": (set_item, TypeError, [".at[index].set(value)"]),
    "writing to data": (set_data, TypeError, ["assign"]),
    "assigning to a result": (lambda: x(3).exp().assign(1), ValueError, ["leaves", "exp"]),
    "assigning another shape": (lambda: x(3).assign(np.ones(4)), ValueError, ["(4,)", "(3,)"]),
    "a hook on a constant": (lambda: Tensor(1.0).register_hook(print), ValueError, ["require grad"]),
    "a hook that changes the shape": (wrong_hook, ValueError, ["hook", "()", "want (3,)"]),
    "a rule that changes the shape": (wrong_rule, ValueError, ["double", "rule of a", "()", "(3,)", "broadcasts=True"]),
    "a rule that names what is not there": (unknown_name_in_rule, TypeError, ["'b'", "a_shape"]),
    "an argument called y": (reserved_name_in_rule, TypeError, ["y", "output"]),
    "a number out of a graph": (lambda: float(x()), TypeError, ["float()", "t.item()", "t.at[i].set(v)"]),
    "math on a Tensor": (lambda: math.exp(x()), TypeError, ["np.exp(t)"]),
    "a Tensor stored in an array": (store_in_array, (TypeError, ValueError), [""]),
    "assigning nothing": (lambda: x(3).assign(None), TypeError, ["None", "numbers"]),
    "a hook that is no function": (lambda: x(3).register_hook(3), TypeError, ["3", "function"]),
    "a masked array": (lambda: x(2) * np.ma.array([1.0, 2.0], mask=[0, 1]), TypeError, ["masked"]),
    "a masked array on the left": (lambda: np.ma.array([1.0, 2.0], mask=[0, 1]) * x(2), TypeError, ["t.numpy()"]),
    "a parameter that mean does not take": (lambda: np.mean(x(3), dtype="f4"), TypeError, ["np.mean", "dtype", "keepdims"]),
    "a rule that gives nothing": (rule_without_return, TypeError, ["None", "cotangent"]),
    "a primitive that gives two": (primitive_of_two, TypeError, ["tuple", "one array"]),
    "a rule that is no function": (lambda: autonn.defvjp(autonn.graph.Primitive(lambda a: a), a=3), TypeError, ["3", "function"]),
    "no rules at all": (lambda: autonn.defvjp(autonn.graph.Primitive(lambda a: a)), TypeError, ["none", "a"]),
    "a function of a sub-module": (lambda: np.linalg.svd(x(2, 2)), NotImplementedError, ["np.linalg.svd"]),
    "grad without a return": (lambda: autonn.grad(lambda a: None)(2.0), TypeError, ["None", "return"]),
    "grad of no function": (lambda: autonn.grad(3)(2.0), TypeError, ["3", "function"]),
    "grad by text in a nest": (lambda: autonn.grad(lambda p: p["w"])({"w": 2.0, "act": "relu"}), TypeError, ["0['act']", "relu"]),
    "gradcheck of a number": (lambda: autonn.gradcheck(lambda a: a.item() ** 2, 2.0), TypeError, ["float", "item()"]),
    "gradcheck without a return": (lambda: autonn.gradcheck(lambda a: None, 2.0), TypeError, ["NoneType", "return"]),
    "gradcheck of chance": (lambda: autonn.gradcheck(lambda a: next(COUNTER) * a, 2.0), ValueError, ["another value each time"]),
    "gradcheck where nothing is finite": (lambda: autonn.gradcheck(np.log, -1.0), ValueError, ["not finite"]),
    "the gradient of a singular determinant": (lambda: np.linalg.det(x(2, 2)).backward(), np.linalg.LinAlgError, ["gradient of det", "Singular"]),
    "parts that are not equal": (lambda: np.split(x(5), 2), ValueError, ["2", "array_split"]),
    "a quantile outside": (lambda: np.quantile(x(5), 1.5), ValueError, ["1.5"]),
    "item of many": (lambda: x(3).item(), ValueError, ["(3,)", "3"]),
    "iteration over a number": (lambda: list(x()), TypeError, ["item()"]),
    "len of a number": (lambda: len(x()), TypeError, ["without axes"]),
    "a float Tensor as an index": (lambda: [1, 2][x()], TypeError, ["integer", "float64"]),
    "indexing by floats": (lambda: x(3)[np.array([0.5])], IndexError, ["float64"]),
    "an index out of range": (lambda: x(3)[5], IndexError, ["getitem", "5", "3"]),
    "reshape to another size": (lambda: x(3).reshape(2, 2), ValueError, ["reshape", "(3,)"]),
    "shapes that cannot be compared": (lambda: x(2, 3) < np.ones(5), ValueError, ["less", "(2, 3)", "(5,)", "broadcast"]),
    "an axis to swap that is not there": (lambda: np.swapaxes(x(2, 3), 7, 1), AxisError, ["np.swapaxes", "axis1=7", "(2, 3)", "2 axes"]),
    "an axis of a diagonal that is not there": (lambda: np.diagonal(x(2, 3), axis1=5), AxisError, ["np.diagonal", "axis1=5"]),
    "an axis that is text": (lambda: np.swapaxes(x(2, 3), "a", 1), TypeError, ["swapaxes", "axis1='a'", "whole number"]),
    "an axis of a sum that is text": (lambda: x(2, 3).sum(axis="a"), TypeError, ["sum", "(2, 3)", "axis='a'", "integer"]),
    "an axis of argmax that is not there": (lambda: x(2, 3).argmax(axis=3), AxisError, ["np.argmax", "axis 3"]),
    "parts of nothing": (lambda: np.split(x(4), 0), ValueError, ["0 parts", "1 or more"]),
    "sorted values with two axes": (lambda: np.searchsorted(np.ones((2, 2)), x(3)), ValueError, ["np.searchsorted", "(2, 2)", "(3,)"]),
    "more than there is memory": (lambda: np.resize(x(3), 2**63), MemoryError, ["np.resize", "(3,)"]),
    "a list that is ragged": (lambda: Tensor([[1], [2, 3]]), ValueError, ["Tensor", "[[1], [2, 3]]"]),
    "a list that contains itself": (lambda: Tensor(circle()), ValueError, ["Tensor", "[[...]]"]),
    "a sum with a list that contains itself": (lambda: x(3) + circle(), TypeError, ["list", "[[...]]"]),
    "a comparison with a list that contains itself": (lambda: x(3) < circle(), ValueError, ["less", "(3,)", "[[...]]"]),
    "an index that contains itself": (lambda: x(3)[[circle()]], IndexError, ["[[[...]]]"]),
    "a slice of floats": (lambda: x(3)[0.5:], IndexError, ["0.5", "whole numbers"]),
    "dates": (lambda: Tensor(np.array(["2020-01-01"], "M8[D]")), TypeError, ["datetime64", "numbers"]),
    "a dtype of dates": (lambda: x(3).astype("M8[D]"), TypeError, ["astype", "'M8[D]'", "np.float32"]),
    "a dtype that is none": (lambda: Tensor([1.0], dtype="abc"), TypeError, ["Tensor", "dtype='abc'"]),
    "complex numbers as floats": (lambda: Tensor(np.array([1j]), dtype=float), TypeError, ["complex", "float64"]),
    "a complex Tensor as floats": (lambda: Tensor([1j]).astype(float), TypeError, ["astype", "complex", "float64"]),
    "a complex gradient": (lambda: x(3).exp().backward(1j * np.ones(3)), TypeError, ["backward", "complex", "real"]),
    "storing complex numbers": (lambda: x(3).at[0].set(1j), TypeError, ["complex", "float64"]),
    "a full_like of complex numbers": (lambda: np.full_like(x(3), 1j), TypeError, ["complex", "float64"]),
    "a shift that is complex": (lambda: np.roll(x(3), 1j), TypeError, ["np.roll", "1j"]),
    "a Tensor of many as a condition": (lambda: bool(x(3)), ValueError, ["(3,)", ".any()", ".all()"]),
    "an option that is an array": (lambda: x(3).sum().backward(retain_graph=np.ones(2)), TypeError, ["retain_graph", "True or False"]),
    "a name that is no text": (lambda: Tensor(1.0, name=3), TypeError, ["name=3", "string"]),
    "a length below 0": (lambda: np.bincount([0, 1], weights=x(2), minlength=-1), ValueError, ["np.bincount", "-1"]),
    "weights of another length": (lambda: np.bincount([0, 1], weights=x(3)), ValueError, ["np.bincount", "(3,)", "(2,)"]),
    "a primitive of text": (lambda: autonn.primitive("abc"), TypeError, ["primitive", "'abc'", "function"]),
    "rules for nothing": (lambda: autonn.defvjp(None), TypeError, ["None", "function"]),
    "a rule that cannot be read": (lambda: autonn.defvjp(autonn.graph.Primitive(lambda a: a), a=int), TypeError, ["int", "cannot be read"]),
    "a forward that is no function": (lambda: autonn.defvjp(np.exp, forward=np.ones(2), x=None), TypeError, ["forward=", "function"]),
    "an implementation of text": (lambda: autonn.implements("abc"), TypeError, ["implements", "'abc'"]),
    "argnums that are text": (lambda: autonn.grad(np.exp, "a")(2.0), TypeError, ["argnums='a'", "position"]),
    "grad of what NumPy refuses": (lambda: autonn.grad(np.tanh)({}), TypeError, ["tanh", "{}"]),
    "grad by a nest that contains itself": (lambda: autonn.grad(np.tanh)(circle()), ValueError, ["[[...]]", "contains itself"]),
    "an axis that is not there": (lambda: x(3).sum(axis=2), ValueError, ["sum", "axis 2"]),
    "a mean over an axis that is not there": (lambda: x(3).mean(axis=2), ValueError, ["sum", "axis 2"]),
    "a norm without a rule": (lambda: np.linalg.norm(x(3, 3), 2), NotImplementedError, ["ord=2"]),
    "a pad mode without a rule": (lambda: np.pad(x(3), 1, "median"), NotImplementedError, ["median", "reflect"]),
    "a singular matrix": (lambda: np.linalg.inv(x(2, 2)), np.linalg.LinAlgError, ["inv", "(2, 2)", "Singular"]),
    "einsum of another number of operands": (lambda: np.einsum("ij,jk", x(2, 2)), ValueError, ["'ij,jk'", "2", "1"]),
    "storing floats among integers": (lambda: Tensor([1, 2]).at[0].set(0.5), TypeError, ["int64", "astype"]),
    "subclassing": (subclass, TypeError, ["Module"]),
    "grad of an array": (lambda: autonn.grad(np.exp)(np.ones(3)), ValueError, ["(3,)", ".sum()", "jacobian"]),
    "grad by an integer": (lambda: autonn.grad(np.exp)(3), TypeError, ["argument 0", "int64", "2.0"]),
    "grad by an argument that is not there": (lambda: autonn.grad(np.exp, argnums=1)(3.0), ValueError, ["argnums=1", "1 argument"]),
    "grad of several": (lambda: autonn.grad(lambda t: [t, t])(3.0), ValueError, ["2 values"]),
    "has_aux without aux": (lambda: autonn.grad(np.exp, has_aux=True)(3.0), TypeError, ["pair"]),
    "a vjp of another shape": (lambda: autonn.vjp(np.exp, np.ones(3))[1](np.ones(2)), ValueError, ["(2,)", "(3,)"]),
    "an hvp of another shape": (lambda: autonn.hvp(lambda t: (t * t).sum(), np.ones(3), np.ones(2)), ValueError, ["hvp", "shapes"]),
    "gradcheck of integers": (lambda: autonn.gradcheck(np.exp, 3), TypeError, ["floating point"]),
    "gradcheck of order 0": (lambda: autonn.gradcheck(np.exp, 3.0, order=0), ValueError, ["order=0"]),
    "a kernel larger than its input": (lambda: conv(x(1, 1, 3, 3), x(1, 1, 5, 5), **WINDOW), ValueError, ["conv", "kernel 5", "3 + 0 + 0"]),
    "labels of another length": (lambda: F.cross_entropy(x(3, 2), [0, 1]), ValueError, ["(3, 2)", "(2,)"]),
    "labels out of range": (lambda: F.cross_entropy(x(3, 2), [0, 1, 2]), ValueError, ["0 to 2", "0 to 1"]),
    "batches of nothing": (lambda: list(minibatches(np.ones(3), size=0)), ValueError, ["size=0"]),
    "batches of unequal arrays": (lambda: list(minibatches(np.ones(3), np.ones(2), size=1)), ValueError, ["[2, 3]"]),
    "more test images than there are": (lambda: load_digits(test=9999), ValueError, ["9999", "1797"]),
}
# fmt: on


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str):
    call, kind, words = ERRORS[name]
    error = assert_refused(call, kind, words)
    looser = ("an axis", "a mean", "more than there is memory")
    assert isinstance(kind, tuple) or type(error) is kind or name.startswith(looser)


def test_errors_of_ones_own_functions_stay_what_they_are():
    class OwnError(ValueError):
        pass

    def own(a: Any) -> Any:
        raise OwnError("mine")

    f = autonn.defvjp(autonn.graph.Primitive(own), a=lambda g: g)
    for call in (lambda: f(x(3)), lambda: autonn.grad(own)(2.0)):
        with pytest.raises(OwnError, match=r"^mine$"):
            call()


def test_what_numpy_is_told_to_raise_is_raised():
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        np.exp(x(3) * 1e4)
