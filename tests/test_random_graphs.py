"""Random programs and random layers: values, gradients of both orders, dtypes, shapes, modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import random_checks
import random_layers
import random_makers
from hypothesis import given, settings
from random_checks import MistakeError, check, fails, shrunk
from random_graphs import Builder, Dice, Program, RefusedError
from random_makers import OPS, programs

from autonn import PRIMITIVES, Tensor, defvjp, grad, nn
from autonn import functional as F
from autonn.engine import CONSTANT
from autonn.graph import DISPATCH
from autonn.operands import bare

# ----- Programs -----


def name(function: Any) -> str:
    ufunc = isinstance(function, np.ufunc)
    return f"{'np' if ufunc else 'np' + function.__module__[5:]}.{function.__name__}"


def test_every_function_is_in_random_programs():
    functions = {name(f) for f in set(DISPATCH) - CONSTANT}
    assert {f for f in OPS if f.startswith("np.")} == functions


@pytest.mark.parametrize("f", OPS)
def test_every_maker_makes_programs_that_hold(f: str):
    made = 0
    for seed in range(300):
        b = Builder(Dice(seed))
        try:
            with np.errstate(all="ignore"):
                b.input((2, 3, 3)[seed % 4 :], "leaf")
                b.dtypes = ("float32", "float64") if f == "astype" else b.dtypes
                y = b.line(OPS[f](b, f))
        except RefusedError:
            continue
        check(Program(b.inputs, b.lines, (y,)).pruned())
        made += 1
        if made == 2:
            return
    pytest.fail(f"no program with {f}")


@given(programs())
@settings(max_examples=150)
def test_random_programs(program: Program):
    check(program)


@pytest.mark.parametrize("seed", range(30))
def test_random_programs_of_large_arrays(seed: int):
    program = random_makers.draw(Dice(seed), most=4, large=100)
    assert not fails(program), f"{(small := shrunk(program))}# {fails(small)}"


def test_programs_run_as_they_are_printed():
    for seed in range(20):
        program = random_makers.draw(Dice(seed))
        names: dict[str, Any] = {}
        with np.errstate(all="ignore"):
            exec(str(program), names)
            values = random_checks.entered(program)[1]
        for k in program.outputs:
            np.testing.assert_array_equal(bare(names[k]), bare(values[k]))


# ----- What is wrong is found, and cut down -----

MISTAKES: dict[str, tuple[Any, dict[str, Callable[..., Any]], str]] = {
    "a factor": (np.tanh, {"x": lambda g, y: g * (1.0001 - y * y)}, "first order"),
    "a constant in the rule": (np.sin, {"x": lambda g, x: g * np.cos(bare(x))}, "second order"),
    "a dtype": (np.cos, {"x": lambda g, x: -g * np.sin(x).astype(np.float32)}, "order"),
    "a write": (np.negative, {"x": lambda g: np.negative(g, out=g) if type(g) is np.ndarray else -g}, "order|is another one"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_and_cut_down(mistake: str):
    function, rules, told = MISTAKES[mistake]
    f = name(function)
    lines = {"v0": "np.exp(x0 * 0.5)", "v1": f"{f}(v0)", "v2": "v1 + v0", "v3": "v2 * x1"}
    array = ("leaf", "numbers((2, 3), 1)")
    program = Program({"x0": array, "x1": array}, lines, ("v3",))
    check(program)
    right = PRIMITIVES[function].rules
    try:
        defvjp(function, **rules)
        with pytest.raises(MistakeError, match=told):
            check(program)
        small = shrunk(program)
        assert fails(small)
        assert len(small.lines) <= 2
        assert f in "".join(small.lines.values())
    finally:
        defvjp(function, **right)
    check(program)


# ----- Layers -----


def test_every_layer_is_drawn():
    assert set(random_layers.MAKERS) == set(nn.__all__) - {"Module"}


@given(random_layers.layers())
@settings(max_examples=60)
def test_random_layers(layer: random_layers.Layer):
    assert random_layers.check(layer) < 1e-8


@pytest.mark.parametrize("seed", range(16))
def test_random_convolutions_of_many_images(seed: int):
    layer = random_layers.draw(Dice(seed), large=100, family="Conv")
    assert random_layers.check(layer, second=False) < 1e-8


# ----- Found by them -----

X = np.array([[1.0, -2.0], [3.0, 4.0]])


def agree(f: Callable[..., Any], *arrays: np.ndarray) -> None:
    y, want = bare(f(*map(Tensor, arrays))), f(*arrays)
    assert (y.shape, y.dtype) == (want.shape, want.dtype)
    np.testing.assert_allclose(y, want, rtol=1e-12)


NEARLY_CONSTANT = random_layers.Layer(
    random_layers.Made(
        "nn.TransformerEncoderLayer(2, 1, 1, 0.0, 'gelu', rng=rng)", ["rng.normal(size=(1, 2, 2))"]
    ),
    "float64",
    training=True,
    seed=0,
)
HALF = Tensor(np.zeros((9000, 2), np.float16))


def summed_gradient() -> Any:
    bias = Tensor(np.zeros(2, np.float16), requires_grad=True)
    (HALF + bias).backward(np.ones((9000, 2), np.float16))
    return bias.grad.data


def picked_gradient(shape: tuple[int, ...]) -> Any:
    x = Tensor(np.ones(shape, np.float16), requires_grad=True)
    x[np.zeros(9000, int)].backward(np.ones((9000, *shape[1:]), np.float16))
    return x.grad.data


FOUND: dict[str, list[Callable[[], Any]]] = {
    # A norm over two axes of order 1 or infinity is taken for a matrix's.
    "vector_norm": [
        lambda: agree(lambda x: np.linalg.vector_norm(x, ord=1, axis=(0, 1)), X),
        lambda: agree(lambda x: np.linalg.vector_norm(x, ord=1, keepdims=True), X),
        lambda: agree(lambda x: np.linalg.vector_norm(x, ord=3, keepdims=True), X),
    ],
    # The second derivative at 0 is -π²/3, and near 0 digits cancelled.
    "sinc": [
        lambda: np.testing.assert_allclose(grad(grad(np.sinc))(0.0), -(np.pi**2) / 3),
        lambda: np.testing.assert_allclose(grad(grad(np.sinc))(1e-7), -(np.pi**2) / 3, 1e-6),
        lambda: np.testing.assert_allclose(grad(np.sinc)(1e-9), -(np.pi**2) / 3 * 1e-9, 1e-6),
    ],
    # The axis that keepdims puts back was counted without those of q, and q's dtype did not count.
    "quantile": [
        lambda: agree(lambda x: np.quantile(x, [0.1, 0.8], axis=0, keepdims=True), X),
        lambda: agree(lambda x: np.percentile(x, [10, 20, 80], axis=0, keepdims=True), X),
        lambda: agree(lambda x: np.quantile(x, np.array([0.1]), axis=0), X.astype(np.float32)),
    ],
    # Several arrays are joined, and so all take the widest dtype.
    "moves": [
        lambda: agree(lambda x, y: np.broadcast_arrays(x, y)[0], X.astype(np.float32), X),
        lambda: agree(lambda x, y: np.meshgrid(x, y)[0], X[0].astype(np.float16), X[0]),
    ],
    # Gradients of 1e-11 beside others of 1: the differences' own rounding is called a mistake.
    "compare": [lambda: random_layers.check(NEARLY_CONSTANT)],
    # NumPy's np.add.at of an index of two axes reads beyond values of one.
    "broadcast add": [
        lambda: np.testing.assert_array_equal(
            bare(Tensor(np.zeros(4)).at[np.array([[0, 1], [2, 3]])].add(np.array([1.0, 2.0]))),
            [1, 2, 1, 2],
        ),
    ],
    # What goes back to one element is added up in float16, too.
    "add_at": [
        lambda: np.testing.assert_allclose(picked_gradient((1,)), 9000, 0.01),
        lambda: np.testing.assert_allclose(picked_gradient((1, 4)), 9000, 0.01),
    ],
    # Added up one after the other, 2048 + 1 is 2048: sums over any but the last axis stay there.
    "float16": [
        lambda: np.testing.assert_allclose(
            bare(F.softmax(HALF, 0)).astype(float).sum(axis=0), 1, 0.01
        ),
        lambda: np.testing.assert_allclose(bare(F.logsumexp(HALF, 0)), np.log(9000), 0.01),
        lambda: np.testing.assert_allclose(summed_gradient(), 9000, 0.01),
    ],
}


CASES = [
    pytest.param(f, id=f"{k}-{i}")
    for k, functions in FOUND.items()
    for i, f in enumerate(functions)
]


@pytest.mark.parametrize("test", CASES)
def test_found_by_random_programs(test: Callable[[], Any]):
    test()
