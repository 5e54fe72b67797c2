"""What was once wrong and went unnoticed: each a short program and its right answer."""

from __future__ import annotations

import array
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autonn
from autonn import Tensor, grad, hessian, hvp, jacobian, no_grad, vjp
from autonn import functional as F
from autonn.windows import scatter_add


def leaf(values: Any, dtype: Any = float) -> Tensor:
    return Tensor(values, requires_grad=True, dtype=dtype)


def gradient_of(
    f: Callable[[Tensor], Any], values: Any, seed: Any = None, dtype: Any = float
) -> Any:
    x = leaf(values, dtype)
    y = f(x)
    y.backward(np.ones(y.shape) if seed is None else seed)
    return x.grad.tolist()


def changed_later(
    make: Callable[[], Any], use: Callable[[Tensor, Any], Tensor], change: Callable[[Any], Any]
) -> Any:
    """Use something, change it, and only then go back."""
    thing, x = make(), leaf([1.0, 1.0, 1.0])
    y = use(x, thing)
    change(thing)
    y.backward([1.0, 2.0, 3.0])
    return x.grad.tolist()


def stored(index: Any, values: Any) -> Any:
    v = leaf(values)
    leaf([0.0, 0.0]).at[index].set(v).sum().backward()
    return v.grad.tolist()


def interleaved_generators() -> bool:
    def quiet() -> Any:
        with no_grad():
            yield

    a, b = quiet(), quiet()
    next(a), next(b), next(a, None), next(b, None)
    return (leaf(1.0) * 2).requires_grad


def shared_leaf() -> float:
    x = leaf(0.0)

    def work() -> None:
        for _ in range(500):
            (x * 1.0).backward()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return x.grad.item()


def frozen_in_between() -> float:
    w = leaf(2.0)
    y = w * w
    w.requires_grad = False
    assert not (w * 2).requires_grad
    w.requires_grad = True
    y.backward()
    return w.grad.item()


def aux_of_outer_tensors() -> Any:
    return grad(lambda w: grad(lambda x: (x**2, w * x), has_aux=True)(2.0)[1])(3.0)


def redefined_rule() -> Any:
    twice = autonn.graph.Primitive(lambda x: 2 * x)
    autonn.defvjp(twice, x=lambda g: 2 * g)
    x = leaf(1.0)
    y = twice(x)
    autonn.defvjp(twice, x=lambda g, x: 99 * g * x)
    y.backward()
    return x.grad.item()


def custom(rule: Any, forward: Any, *values: Any) -> Any:
    p = autonn.defvjp(autonn.graph.Primitive(forward), **rule)
    xs = [leaf(v) for v in values]
    p(*xs).sum().backward()
    return [x.grad.tolist() for x in xs]


def constant_rule_recorded() -> Any:
    ones = autonn.defvjp(autonn.graph.Primitive(lambda x: x * 1), x=lambda g: np.ones(2))
    x = leaf([1.0, 2.0, 3.0])
    y = ones(x[:2]).sum() + (x * x).sum()
    y.backward(create_graph=True)
    return x.grad.tolist()


def constant_rules_meet_recorded_ones() -> Any:
    one = autonn.defvjp(autonn.graph.Primitive(lambda x: x * 1), x=lambda g: np.ones(2))
    gradients = []
    for order in ((0, 1, 2), (2, 1, 0), (0, 2, 1)):
        x = leaf([1.0, 2.0])
        terms = [one(x).sum(), one(x).sum(), (x * x).sum()]
        sum(terms[i] for i in order).backward(create_graph=True)
        gradients.append(x.grad.tolist())
    return gradients


ones = np.ones
# fmt: off
PROGRAMS: dict[str, tuple[Callable[[], Any], Any]] = {
    "a sequence in an index, twice the same": (lambda: gradient_of(lambda x: x[(0, 0),], [1, 2, 3]), [2, 0, 0]),
    "a buffer as an index": (lambda: gradient_of(lambda x: x[array.array("l", [0, 0])], [1, 2, 3]), [2, 0, 0]),
    "storing twice at one place": (lambda: stored(((0, 0),), [1.0, 2.0]), [0, 1]),
    "scattering by lists": (lambda: scatter_add(ones(2), index=[0, 0], shape=(2,)).tolist(), [2, 0]),
    "storing with axes of length one": (lambda: stored(slice(0, 2), [[5.0, 6.0]]), [[1, 1]]),
    "einsum that broadcasts a summed letter": (lambda: gradient_of(lambda x: np.einsum("ij,ij->", x, ones((2, 1))), ones((2, 3))), [[1] * 3] * 2),
    "einsum over a broadcast array": (lambda: gradient_of(lambda a: np.einsum("ij,ij->", np.broadcast_to(a[:, None], (2, 3)), ones((2, 1))), [1, 1]), [3, 3]),
    "einsum by numbers over 25": (lambda: np.einsum(Tensor(ones((2, 3))), [0, 26]).shape, (2, 3)),
    "the mixed derivative of a power": (lambda: hessian(lambda p: p[0] ** p[1])(np.array([0.5, 0.0])).tolist()[0], [0, 2]),
    "a power of zero": (lambda: grad(lambda b: np.power(0.0, b))(2.0), 0),
    "a cotangent in another order": (lambda: vjp(lambda x: {"a": x, "b": 100 * x}, 2.0)[1]({"b": 10.0, "a": 1.0})[0], 1001),
    "a direction in another order": (lambda: hvp(lambda p: p["a"] ** 2 * p["b"], {"a": 1.0, "b": 3.0}, {"b": 0.0, "a": 1.0}), {"a": 6, "b": 2}),
    "aux that depends on what is outside": (aux_of_outer_tensors, 2),
    "hvp is differentiable in v": (lambda: grad(lambda v: hvp(lambda x: (x**2).sum(), ones(2), v).sum())(ones(2)).tolist(), [2, 2]),
    "argnums of NumPy": (lambda: grad(lambda x: x**2, np.int64(0))(3.0), 6),
    "a buffer that changes": (lambda: changed_later(lambda: array.array("d", [1, 2, 3]), lambda x, b: x * b, lambda b: b.__setitem__(0, 100)), [1, 4, 9]),
    "a shift that changes": (lambda: changed_later(lambda: [1], lambda x, s: np.roll(x, s, 0), lambda s: s.__setitem__(0, 0)), [2, 3, 1]),
    "an unsigned shift": (lambda: gradient_of(lambda x: np.roll(x, np.uint8(1)), [1, 1, 1], [1.0, 2.0, 3.0]), [2, 3, 1]),
    "no_grad in generators": (interleaved_generators, True),
    "threads that share a leaf": (shared_leaf, 4000),
    "clip by Tensors": (lambda: gradient_of(lambda t: np.clip(np.array([1, 5, 3]), t, 4.0), 2.0), 1),
    "full_like of a Tensor": (lambda: gradient_of(lambda t: np.full_like(Tensor(ones(3)), t), 2.0), 3),
    "a hundred thousand times one element, in float32": (lambda: gradient_of(lambda t: t[np.zeros(100_000, int)], [1.0], np.full(100_000, 0.1), np.float32), [10_000]),
    "ten thousand times one element, added in float16": (lambda: Tensor([0.0], dtype=np.float16).at[np.zeros(10_000, int)].add(np.ones(10_000, np.float16)).tolist(), [10_000]),
    "a row added at an index of two axes": (lambda: Tensor(np.zeros(4)).at[np.array([[0, 1], [2, 3]])].add([1.0, 2.0]).tolist(), [1, 2, 1, 2]),
    "a first power of NaN": (lambda: gradient_of(lambda t: np.nan_to_num(np.linalg.matrix_power(t, 1)), [[np.nan, 2], [3, 4]]), [[0, 1], [1, 1]]),
    "a power of millions": (lambda: gradient_of(lambda t: np.linalg.matrix_power(t, 10**6), [[1.0]]), [[10**6]]),
    "axes put back by a norm": (lambda: np.linalg.vector_norm(leaf([[3.0, -4.0]]), ord=1, keepdims=True).tolist(), [[7]]),
    "the dtypes of a mesh": (lambda: [str(t.dtype) for t in np.meshgrid(leaf([1.0], "f2"), [1, 2], leaf([1.0], "f4"))], ["float16", "int64", "float32"]),
    "the dtypes of what is broadcast": (lambda: [str(t.dtype) for t in np.broadcast_arrays(leaf([1.0], "f4"), np.ones((2, 1)))], ["float32", "float64"]),
    "a delete by Tensors": (lambda: gradient_of(lambda t: np.delete(t, Tensor([0, 2])), [1, 2, 3]), [0, 1, 0]),
    "bincount of Tensors": (lambda: gradient_of(lambda t: np.bincount([0, 2, 2], weights=t)[2], [1, 1, 1]), [0, 1, 1]),
    "p-norms at the origin": (lambda: [grad(lambda x, p=p: np.linalg.norm(x, p))(np.zeros(2)).tolist() for p in (2, 3, 1.5)], [[0, 0]] * 3),
    "a norm of negative order": (lambda: np.linalg.norm(Tensor([0.5, 1.0]), -1).item(), 1 / 3),
    "float16 that overflows inside": (lambda: round(gradient_of(np.arcsinh, 300.0, dtype=np.float16), 4), 0.0033),
    "arctan2 of small numbers": (lambda: gradient_of(lambda x: np.arctan2(x, 1e-170), 1e-170), 5e169),
    "take by booleans": (lambda: np.take(Tensor([1, 2, 3]), np.array([True, False, True]), axis=0).tolist(), [2, 1, 2]),
    "take by a tuple": (lambda: np.take(Tensor([1, 2, 3]), (1,)).tolist(), [2]),
    "take_along_axis broadcasts": (lambda: np.take_along_axis(Tensor(np.arange(12.0).reshape(3, 4)), np.array([[1, 2]]), 1).tolist(), [[1, 2], [5, 6], [9, 10]]),
    "a norm of integers": (lambda: np.linalg.norm(Tensor([2**40, 0])).item(), 2.0**40),
    "cumprod of small integers": (lambda: np.cumprod(Tensor(np.array([100, 100], np.int8))).tolist(), [100, 10000]),
    "a product of booleans": (lambda: np.matmul(Tensor([True, True]), Tensor([True, True])).dtype, np.bool_),
    "a complex number keeps float32": (lambda: (Tensor(ones(2, np.float32)) * 1j).dtype, np.complex64),
    "sigmoid far to the left": (lambda: F.sigmoid(-40.0), np.exp(-40.0)),
    "numbers with pieces": (lambda: gradient_of(lambda x: (x[...] + x * 2) + x * 3, 2.0), 6),
    "numbers with an axis": (lambda: [gradient_of(lambda x, f=f: f(x, axis=0), 2.0) for f in (np.sum, np.max, np.prod, np.cumsum, np.cumprod)], [1] * 5),
    "stacks of empty matrices": (lambda: np.matmul(Tensor(ones((2, 3, 0))), ones((0, 4))).shape, (2, 3, 4)),
    "lists as operands": (lambda: [np.dot(Tensor([1.0, 2.0]), [3.0, 4.0]).item(), np.vstack([Tensor([1.0]), [2.0]]).tolist()], [11, [[1], [2]]]),
    "a primitive with arguments named type and any": (lambda: custom({"type": lambda g: g, "any": lambda g: 2 * g}, lambda type, any: type + 2 * any, 1.0, 2.0), [1, 2]),
    "a primitive of *map": (lambda: custom({"map": lambda g, i: g * i}, lambda *map: map[0] * 0 + map[1], 1.0, 2.0), [0, 1]),
    "a primitive with an argument i": (lambda: custom({"i": lambda g, i: g * i}, lambda i: i * i / 2, 3.0), [3]),
    "a rule that gives a number": (lambda: custom({"x": lambda g: 3.0}, lambda x: 3 * x, 1.0), [3]),
    "a constant rule, recorded": (constant_rule_recorded, [3, 5, 6]),
    "constant rules and recorded ones": (constant_rules_meet_recorded_ones, [[4, 6]] * 3),
    "a rule redefined while a graph lives": (redefined_rule, 2),
    "a parameter frozen in between": (frozen_in_between, 4),
    "an empty Jacobian of a Tensor": (lambda: isinstance(jacobian(lambda x: x[:0])(Tensor([1.0])), Tensor), True),
}
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "argnums twice": (lambda: grad(lambda x: x**2, (0, -1))(2.0), ValueError, "twice"),
    "a list where a dict belongs": (lambda: vjp(lambda x: {"a": x}, 2.0)[1]([1.0]), ValueError, "structure"),
    "complex numbers on the way": (lambda: gradient_of(lambda x: np.absolute(x * 1j), [1.0, -2.0]), TypeError, "complex"),
    "a cast to complex": (lambda: leaf(1.0).astype(complex), TypeError, "complex"),
    "axes that are not there": (lambda: np.prod(leaf(ones((2, 2))), axis=5), ValueError, "axis 5"),
    "an axis to flip that is not there": (lambda: np.flip(leaf(ones((2, 2))), axis=7), ValueError, "axis 7"),
    "an axis to take from that is not there": (lambda: np.take(leaf(ones((2, 2))), [0], axis=5), ValueError, "axis 5"),
    "axes to contract that are not there": (lambda: np.tensordot(leaf(ones((2, 2))), ones((2, 2)), ((4,), (2,))), ValueError, "axis 4"),
    "an integer to a negative power": (lambda: Tensor([2]) ** -1, ValueError, "negative integer"),
    "no_grad on a generator": (lambda: no_grad()(interleaved_generators.__code__ and (lambda: (yield))), TypeError, "generator"),
    "an argument named like a shape": (lambda: custom({"x": None, "x_shape": None}, lambda x, x_shape: x, 1.0, 2.0), TypeError, "x_shape"),
    "an argument without a rule": (lambda: custom({"x": None}, lambda x, w: x, 1.0, 2.0), TypeError, "x, w"),
    "channels that do not fit": (lambda: autonn.windows.conv(ones((1, 1, 4)), ones((2, 3, 2)), stride=(1,), padding=((0, 0),), dilation=(1,), groups=1), ValueError, "1 input channels"),
}
# fmt: on


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str):
    program, answer = PROGRAMS[name]
    result = program()
    if isinstance(answer, float):
        assert result == pytest.approx(answer, rel=1e-12)
    else:
        assert result == answer


@pytest.mark.parametrize("name", REFUSED)
def test_refusal(name: str):
    program, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        program()


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:divide by zero")
def test_more_degrees_of_freedom_than_numbers():
    for f in (np.var, np.std):
        assert (
            f(Tensor([1.0, 2.0, 4.0]), ddof=5).item()
            == f(np.array([1.0, 2.0, 4.0]), ddof=5)
            == np.inf
        )


def test_a_zero_makes_a_norm_of_negative_order_zero():
    with np.errstate(divide="ignore"):
        assert np.linalg.norm(Tensor([0.0, 1.0]), -1).item() == np.linalg.norm([0.0, 1.0], -1) == 0
