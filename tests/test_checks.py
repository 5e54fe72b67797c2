"""gradcheck, numerical derivatives and anomaly detection: they find what is wrong, and where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autonn
from autonn import Tensor, detect_anomaly, gradcheck
from autonn.check import GradcheckError, derivative
from autonn.check.numerical import complex_step


def wrong_square(factor: float) -> Any:
    @autonn.primitive
    def square(x: Any) -> Any:
        return x * x

    autonn.PRIMITIVES.pop(square.forward)
    return autonn.defvjp(square, x=lambda g, x: g * 2 * factor * x)


def test_a_wrong_rule_is_reported_with_place_and_values():
    with pytest.raises(GradcheckError) as caught:
        gradcheck(wrong_square(1.0001), np.array([1.0, 5.0]))
    text = str(caught.value)
    assert "WRONG" in text
    assert "input 0 at [1]" in text
    assert "complex step" in text
    assert "ulp" in text
    report = gradcheck(wrong_square(1.0001), np.array([1.0, 5.0]), raises=False)
    assert not report
    assert report.worst == pytest.approx(1e-4, rel=1e-3)


def test_a_rule_that_is_right_only_once_is_caught_at_order_two():
    @autonn.primitive
    def cube(x: Any) -> Any:
        return x**3

    autonn.PRIMITIVES.pop(cube.forward)
    frozen = autonn.defvjp(cube, x=lambda g, x: g * 3 * np.square(getattr(x, "_array", x)))
    assert gradcheck(frozen, 2.0)
    assert not gradcheck(frozen, 2.0, order=2, raises=False)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.abs, [0.0, 1.0]),
        (autonn.functional.relu, [0.0, -1.0, 2.0]),
        (np.max, [1.0, 1.0, 0.0]),
        (lambda x: np.clip(x, -1, 1), [-1.0, 1.0, 0.3]),
        (np.linalg.norm, [0.0, 0.0]),
        (np.sign, [0.0, 2.0]),
        (lambda x: np.maximum(x, 0.0), [0.0]),
    ],
)
def test_kinks_are_no_mistakes(f: Any, x: list[float]):
    report = gradcheck(f, x)
    assert report.ok
    assert "agree" in str(report)


def test_a_gradient_outside_a_kinks_slopes_is_one():
    @autonn.primitive
    def absolute(x: Any) -> Any:
        return np.abs(x)

    autonn.PRIMITIVES.pop(absolute.forward)
    steep = autonn.defvjp(absolute, x=lambda g, x: g * (np.sign(x) + 3 * (x == 0)))
    assert not gradcheck(steep, [0.0], raises=False)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"order": 0}, ValueError, "order=0; want a whole number from 1 to 6"),
        ({"order": 10**30}, ValueError, "want a whole number from 1 to 6"),
        ({"order": 1.5}, TypeError, "order=1.5"),
        ({"tol": np.nan}, ValueError, "tol=nan; want a finite number above 0"),
        ({"elements": 0}, ValueError, "elements=0"),
        ({"seed": "a"}, TypeError, "seed='a'"),
        ({"raises": np.ones(2)}, TypeError, "True or False"),
    ],
)
def test_gradcheck_refuses_what_is_no_option(options: Any, error: type[Exception], words: str):
    with pytest.raises(error, match=words):
        gradcheck(np.tanh, 1.0, **options)


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_a_derivative_knows_how_f_rounds(size: float):
    found = derivative(lambda h: size + 1e-9 * np.sin(h))
    assert abs(found.value - 1e-9) <= found.error
    assert found.error >= np.finfo(float).eps * size


def test_elements_are_sampled_and_all_inputs_checked():
    report = gradcheck(lambda x, k, y: x[k] * y, np.ones(1000), np.array(3), 2.0, elements=10)
    arguments = [row.argument for row in report.rows]
    assert arguments.count(0) == 11
    assert arguments.count(1) == 0
    assert arguments.count(2) == 1


@pytest.mark.parametrize("f", [np.exp, np.sin, lambda x: 1 / (1.01 - x), lambda x: x * abs(x)])
def test_numerical_derivatives_know_their_error(f: Any):
    d = derivative(lambda h: f(0.3 + h))
    exact = {np.exp: np.exp(0.3), np.sin: np.cos(0.3)}.get(f, 0.6 if f(2) == 4 else 1 / 0.71**2)
    assert abs(d.value - exact) < max(1e-11, 20 * d.error)
    assert d.error < 1e-8


def test_complex_steps_are_exact_or_refused():
    assert complex_step(lambda h: np.exp(1 + h)) == np.exp(1)
    assert np.isnan(complex_step(lambda h: np.arctan2(1 + h, 1)))


# ----- Anomalies -----


def test_the_first_nan_is_named_with_its_line():
    x = Tensor([1.0, -1.0], requires_grad=True)
    with pytest.raises(FloatingPointError) as caught, detect_anomaly():
        y = np.exp(x)
        _ = np.log(x) + y  # the line
    text = str(caught.value)
    assert "log made nan at index (1,)" in text
    assert "from -1 to 1" in text
    assert "# the line" in text
    assert "test_checks.py" in text


def test_a_nan_of_the_backward_pass_is_named_with_its_forward_line():
    x = Tensor([0.0, 1.0], requires_grad=True)
    with pytest.raises(FloatingPointError) as caught, detect_anomaly():
        y = np.sqrt(x)  # the culprit
        y.sum().backward()
    assert "gradient of sqrt" in str(caught.value)
    assert "# the culprit" in str(caught.value)
    assert x.grad is None


def test_what_comes_in_broken_is_not_blamed_on_an_operation():
    with detect_anomaly():
        y = Tensor([np.nan, np.inf]) + 1.0
    assert not np.isfinite(y.data).any()


def test_an_array_changed_through_a_back_door_is_noticed():
    a = np.ones(4)
    door = a[:]
    x = Tensor(a, requires_grad=True, copy=False)
    with (
        pytest.raises(RuntimeError, match=r"multiply.*changed in place.*the square"),
        detect_anomaly(),
    ):
        y = (x * x).sum()  # the square
        door[0] = 7
        y.backward()


def test_nothing_is_watched_outside():
    with detect_anomaly():
        pass
    with np.errstate(all="ignore"):
        assert np.isnan(np.log(Tensor([-1.0])).item())
