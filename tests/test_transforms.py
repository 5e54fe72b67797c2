"""Functional transforms: values, structures, nesting to any order."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import autonn
from autonn import Tensor, grad, hessian, hvp, jacobian, no_grad, value_and_grad, vjp
from autonn import functional as F


def test_the_third_derivative_of_tanh():
    x = np.linspace(-3, 3, 61)
    t = np.tanh(x)
    third = grad(grad(grad(np.tanh)))
    exact = -2 + 8 * t**2 - 6 * t**4
    np.testing.assert_allclose([third(v) for v in x], exact, rtol=0, atol=1e-12)


def test_the_fifth_derivative_of_a_product():
    f: Any = lambda x: np.exp(2 * x) * np.sin(x)
    for _ in range(5):
        f = grad(f)
    # (2 + i)^5 = -38 + 41 i
    expected = np.exp(0.6) * (-38 * np.sin(0.3) + 41 * np.cos(0.3))
    np.testing.assert_allclose(f(0.3), expected, rtol=1e-13)


def mlp(p: dict[str, Any], x: Any, labels: Any) -> Any:
    return F.cross_entropy(np.tanh(x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"], labels)


def parameters(rng: np.random.Generator) -> dict[str, Any]:
    shapes = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def test_the_hessian_of_a_small_network_is_the_numerical_one():
    rng = np.random.default_rng(0)
    p, x, labels = parameters(rng), rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
    loss = lambda p: mlp(p, x, labels)
    H = hessian(loss)(p)
    slope, h = grad(loss), 1e-4
    for a in p:
        for index in np.ndindex(p[a].shape):
            differences = []
            for step in (h, -h, 2 * h, -2 * h):
                q = {k: v.copy() for k, v in p.items()}
                q[a][index] += step
                differences.append(slope(q))
            near_up, near_down, far_up, far_down = differences
            for b in p:
                d = 8 * (near_up[b] - near_down[b]) - (far_up[b] - far_down[b])
                np.testing.assert_allclose(H[b][a][(..., *index)], d / (12 * h), atol=1e-9)
                np.testing.assert_allclose(H[a][b][index], H[b][a][(..., *index)], atol=1e-13)


def test_hvp_is_the_hessian_times_the_vector():
    rng = np.random.default_rng(1)
    A = rng.normal(size=(4, 4))
    f = lambda x: np.sum(np.sin(A @ x) ** 2)
    x, v = rng.normal(size=4), rng.normal(size=4)
    np.testing.assert_allclose(hvp(f, x, v), hessian(f)(x) @ v, rtol=1e-12)


def test_structures_come_back_as_they_are():
    Point = namedtuple("Point", "x y")
    p = {"a": [np.array(1.0), (2.0,)], "b": Point(3.0, np.ones(2))}
    value, g = value_and_grad(lambda p: p["a"][0] * p["a"][1][0] + p["b"].x * p["b"].y.sum())(p)
    assert value == 8
    assert isinstance(g["b"], Point)
    assert (g["a"][0], g["a"][1][0], g["b"].x) == (2, 1, 2)
    assert g["b"].y.tolist() == [3, 3]


def test_argnums_and_aux():
    f = lambda x, y: x**2 * y
    assert grad(f, argnums=1)(3.0, 4.0) == 9
    assert grad(f, argnums=(0, -1))(3.0, 4.0) == (24, 9)
    g, aux = grad(lambda x: (x**2, {"twice": 2 * x}), has_aux=True)(3.0)
    assert (g, aux["twice"]) == (6, 6)
    assert not isinstance(aux["twice"], Tensor)
    (value, aux), g = value_and_grad(lambda x: (x**2, "told"), has_aux=True)(3.0)
    assert (value, aux, g) == (9, "told", 6)


def test_what_comes_back_is_of_the_arguments_kind():
    assert isinstance(grad(np.sin)(1.0), np.float64)
    assert isinstance(grad(np.sum)(np.ones(2, np.float32)), np.ndarray)
    assert grad(np.sum)(np.ones(2, np.float32)).dtype == np.float32
    g = grad(np.sum)(Tensor([1.0]))
    assert isinstance(g, Tensor)
    assert not g.requires_grad
    g = grad(np.sum)(np.ones(2))
    g += 1  # an array of one's own


def test_nesting_tells_the_levels_apart():
    # d/dx (x * d/dy (x + y)) = 1, not 2
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(3.0) == 12
    assert grad(lambda w: grad(lambda x: w * x * x)(3.0) * w)(2.0) == 24


def test_gradients_through_a_recorded_model():
    w = Tensor(2.0, requires_grad=True)
    slope = grad(lambda x: w * x**3)(np.array(2.0))
    assert isinstance(slope, Tensor)
    (slope - 1).backward()
    assert w.grad.item() == 12


def test_gradients_of_a_recorded_input():
    x = Tensor(3.0, requires_grad=True)
    g = grad(lambda t: t**3)(x * 2)
    g.backward()  # 3 (2x)^2, so 24 x
    assert x.grad.item() == 72


def test_inside_no_grad():
    w = Tensor(2.0, requires_grad=True)
    with no_grad():
        g = grad(lambda x: w * x * x)(3.0)
    assert g == 12
    assert not isinstance(g, Tensor)
    assert w.grad is None


def test_outputs_that_do_not_depend():
    w = Tensor([1.0, 2.0], requires_grad=True)
    assert grad(lambda x: 3.0)(1.0) == 0
    assert grad(lambda x: w.sum())(1.0) == 0
    assert grad(lambda x, y: x, argnums=(0, 1))(1.0, np.ones(2))[1].tolist() == [0, 0]
    assert w.grad is None


def test_only_what_is_asked_for_is_computed():
    calls = []
    x, w = Tensor(1.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    w2 = w * 3
    w2.register_hook(lambda g: calls.append(g))
    assert vjp(lambda x: x * w2, x)[1](1.0)[0].item() == 6
    assert calls == []
    assert x.grad is None


def test_vjp_with_several_outputs_many_times():
    value, pull = vjp(lambda x, y: {"sum": x + y, "product": x * y}, 2.0, 3.0)
    assert value == {"sum": 5, "product": 6}
    assert pull({"sum": 1.0, "product": 0.0}) == (1, 1)
    assert pull({"sum": 0.0, "product": 1.0}) == (3, 2)


def test_vjp_is_differentiable_in_its_cotangent():
    _, pull = vjp(np.sin, 0.0)
    w = Tensor(2.0, requires_grad=True)
    (pull(w)[0] ** 2).backward()
    assert w.grad.item() == 4


def test_jacobians():
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(jacobian(lambda x: x[:2] * x[2])(x), [[3, 0, 1], [0, 3, 2]])
    assert jacobian(lambda x: x[:0])(x).shape == (0, 3)
    rows = jacobian(lambda a, b: np.outer(a, b), argnums=(0, 1))(x[:2], x)
    assert [J.shape for J in rows] == [(2, 3, 2), (2, 3, 3)]
    nested = jacobian(lambda x: {"y": x * x})(x)
    np.testing.assert_array_equal(nested["y"], np.diag(2 * x))
    third = jacobian(jacobian(jacobian(lambda x: x**3)))(x)
    assert third[1, 1, 1, 1] == 6
    assert np.count_nonzero(third) == 3


@pytest.mark.parametrize("order", [1, 2])
def test_gradcheck_of_a_whole_network(order: int):
    rng = np.random.default_rng(2)
    p, x, labels = parameters(rng), rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
    names = list(p)
    f = lambda x, *values: mlp(dict(zip(names, values, strict=True)), x, labels)
    assert autonn.gradcheck(f, x, *p.values(), order=order).worst < 1e-9
