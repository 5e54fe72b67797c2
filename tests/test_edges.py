"""The edges of every function: zeros, infinities, NaN, ties, the smallest and the largest numbers."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edge_cases import Edge, edges

import autonn
from autonn import PRIMITIVES, Tensor, activations, losses, rules
from autonn.operands import bare
from scripts import edges as written_edges

# By functions of functions, or tested as what they are made of.
ELSEWHERE = {"reduced", "gradient_penalty"}
ULPS = {"e": 8, "f": 16, "d": 16}


def resolved(x: Any, dtype: np.dtype[Any]) -> Any:
    """Give an argument or answer in a dtype: some are functions of its limits."""
    if isinstance(x, list):
        return np.array([resolved(v, dtype) for v in x], dtype)
    with np.errstate(over="ignore"):
        return np.asarray(x(np.finfo(dtype)) if callable(x) else x, dtype)


def run(edge: Edge) -> tuple[Any, list[Any]]:
    """Call and go back; give the value and the gradients."""
    xs = [Tensor(resolved(x, np.dtype(edge.dtypes)), requires_grad=True) for x in edge.args]
    y = edge.call(*xs)
    y.sum().backward()
    return bare(y), [None if x.grad is None else bare(x.grad) for x in xs]


def assert_near(got: Any, wanted: Any, edge: Edge, name: str) -> None:
    """Compare to a few ulp; NaN, infinities and zeros exactly."""
    dtype = np.dtype(edge.dtypes)
    assert got.dtype == dtype, f"{name}: {got.dtype}"
    wanted = np.broadcast_to(resolved(wanted, dtype), got.shape)
    exact = ~np.isfinite(wanted) | ~np.isfinite(got) | (wanted == 0)
    np.testing.assert_array_equal(got[exact], wanted[exact], err_msg=name)
    y, z = got[~exact].astype(np.longdouble), wanted[~exact]
    error = np.abs(y - z) / np.spacing(np.nextafter(np.abs(z), dtype.type(0)))
    assert np.all(error <= (edge.ulps or ULPS[dtype.char])), (
        f"{name}: {got}, not {wanted}; {error.max():.3g} ulp"
    )


def parameters() -> list[Any]:
    """Give each edge in each dtype that holds its numbers."""
    found = []
    for edge in edges():
        dtype = np.dtype(edge.dtypes)
        finite = [x for x in edge.args if isinstance(x, float) and np.isfinite(x)]
        assert all(np.isfinite(resolved(x, dtype)) for x in finite), edge
        found.append(pytest.param(edge, id=f"{edge}, {dtype.name}"))
    return found


@pytest.mark.parametrize("edge", parameters())
def test_edge(edge: Edge):
    dtype = np.dtype(edge.dtypes)
    answers = [resolved(x, dtype) for x in (edge.value, *edge.gradients) if x is not None]
    inputs = [resolved(x, dtype) for x in edge.args]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if edge.warns or not all(np.isfinite(x).all() for x in (*answers, *inputs)):
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's own, of what is not finite
        value, gradients = run(edge)
    assert_near(value, edge.value, edge, "value")
    if isinstance(edge.value, float) and edge.value == 0:
        assert np.signbit(value) == np.signbit(edge.value), f"{value}, not {edge.value}"
    for got, wanted in zip(gradients, edge.gradients, strict=True):
        if wanted is not None:
            assert_near(got, wanted, edge, "gradient")


def test_no_elementwise_function_lacks_an_edge():
    tested = {getattr(edge.function, "forward", edge.function) for edge in edges()}
    ufuncs = {f for f in PRIMITIVES if isinstance(f, np.ufunc)} - {np.matmul}
    ours = {
        f
        for module in (activations, losses)
        for name, f in inspect.getmembers(module, inspect.isfunction)
        if f.__module__ == module.__name__ and not name.startswith("_") and name not in ELSEWHERE
    }
    assert (ufuncs | ours) - tested == set()


# ----- Far out, in every dtype -----

CLASSES = [0, 1]
FAR: dict[str, Any] = {
    **{f: getattr(activations, f) for f in ("elu", "gelu", "hard_sigmoid", "leaky_relu", "log_softmax")},
    **{f: getattr(activations, f) for f in ("logsumexp", "selu", "silu", "softmax", "softplus", "tanh")},
    "gelu, tanh": lambda x: activations.gelu(x, "tanh"),
    "softplus, beta 3": lambda x: activations.softplus(x, 3.0),
    "softplus, beta 1/3": lambda x: activations.softplus(x, 1 / 3),
    "relu": rules.relu,
    "sigmoid": rules.sigmoid,
    "erf": rules.erf,
    "cross_entropy": lambda x: losses.cross_entropy(x, CLASSES),
    "cross_entropy, smooth": lambda x: losses.cross_entropy(x, CLASSES, label_smoothing=0.25),
    "cross_entropy, probabilities": lambda x: losses.cross_entropy(x, np.full(x.shape, 0.5, x.dtype)),
    "nll_loss": lambda x: losses.nll_loss(x, CLASSES),
    "mse_loss": lambda x: losses.mse_loss(x, 0.5 * bare(x)),
    "half_squared_error": lambda x: losses.half_squared_error(x, 0.5 * bare(x)),
    "l1_loss": lambda x: losses.l1_loss(x, 0.5 * bare(x)),
    "huber_loss": lambda x: losses.huber_loss(x, 0.5 * bare(x)),
    "binary_cross_entropy": lambda x: losses.binary_cross_entropy(rules.sigmoid(x), np.ones(x.shape, x.dtype)),
    "binary_cross_entropy_with_logits": lambda x: losses.binary_cross_entropy_with_logits(
        x, np.full(x.shape, 0.25, x.dtype), pos_weight=np.array(2, x.dtype)
    ),
    "kl_div": lambda x: losses.kl_div(x, np.full(x.shape, 0.5, x.dtype)),
    "hinge_loss": lambda x: losses.hinge_loss(x, np.array([[1, -1], [-1, 1]], x.dtype)),
}  # fmt: skip


def test_no_activation_or_loss_stays_near():
    names = {
        name
        for module in (activations, losses)
        for name, f in inspect.getmembers(module, inspect.isfunction)
        if f.__module__ == module.__name__ and not name.startswith("_")
    }
    assert names - {name.partition(",")[0] for name in FAR} == ELSEWHERE


@pytest.mark.parametrize("size", [1e4, 6e4])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", FAR)
def test_far_out_all_dtypes_agree(name: str, dtype: Any, size: float):
    """What float64 says, rounded; infinite only where the dtype has no such number."""
    wanted, got = [], []
    for kind, found in ((np.float64, wanted), (dtype, got)):
        x = Tensor(np.array([[size, -size], [size, size / 2]], kind), requires_grad=True)
        with np.errstate(over="ignore"):  # in a cast to float16, or a sum of squares
            y = FAR[name](x)
            y.sum().backward()
        found += [bare(y), bare(x.grad)]
    for y, z in zip(got, wanted, strict=True):
        assert y.dtype == dtype
        assert np.isfinite(z).all()
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(y, z.astype(dtype), 4 * np.finfo(dtype).eps, 1e-40)


# ----- Second order, and refusals -----


def curvature(f: Any, *x: float) -> Any:
    return autonn.hessian(lambda v: f(*v))(np.array(x))


CURVATURES: dict[str, tuple[Any, tuple[float, ...], Any]] = {
    "x ** 2 at 0": (lambda x: x**2.0, (0.0,), [[2]]),
    "x ** 3 at 0": (lambda x: x**3.0, (0.0,), [[0]]),
    "x ** 1 at 0": (lambda x: x**1.0, (0.0,), [[0]]),
    "softplus far": (activations.softplus, (1e4,), [[0]]),
    "gelu at 0": (activations.gelu, (0.0,), [[2 / np.sqrt(2 * np.pi)]]),
    "gelu far": (activations.gelu, (-1e4,), [[0]]),
    "silu at 0": (activations.silu, (0.0,), [[0.5]]),
    "silu far": (activations.silu, (-1e4,), [[0]]),
    "tanh far": (np.tanh, (1e4,), [[0]]),
    "logaddexp": (np.logaddexp, (0.0, 0.0), [[0.25, -0.25], [-0.25, 0.25]]),
    "logaddexp far": (np.logaddexp, (1e4, -1e4), [[0, 0], [0, 0]]),
    "prod of zeros": (lambda *x: np.prod(np.stack(x)), (0.0, 0.0), [[0, 1], [1, 0]]),
    "sinc at 0": (np.sinc, (0.0,), [[-(np.pi**2) / 3]]),
    "sinc near 0": (np.sinc, (1e-12,), [[-(np.pi**2) / 3]]),
    "power at exponent 0": (np.power, (2.0, 0.0), [[0, 0.5], [0.5, np.log(2) ** 2]]),
    "arctan2, large": (np.arctan2, (1e160, 1e160), [[0, 0], [0, 0]]),
    "hypot, small": (
        lambda a, b: np.hypot(a * 1e-200, b * 1e-200) * 1e200,
        (3.0, 4.0),
        [[16 / 125, -12 / 125], [-12 / 125, 9 / 125]],
    ),
    "cumprod of zeros": (lambda *x: np.sum(np.cumprod(np.stack(x))), (0.0, 0.0), [[0, 1], [1, 0]]),
}


@pytest.mark.parametrize("name", CURVATURES)
def test_second_derivative(name: str):
    f, x, wanted = CURVATURES[name]
    np.testing.assert_allclose(curvature(f, *x), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("f", [np.max, np.min])
def test_an_extreme_of_none_is_refused(f: Any):
    with pytest.raises(ValueError, match=rf"{f.__name__}\(\(0,\), .*: zero-size"):
        f(Tensor(np.zeros(0), requires_grad=True))


X = Tensor(np.full((2, 3), 0.5), requires_grad=True)
REFUSED: dict[str, tuple[Any, str]] = {
    "fewer than no differences": (lambda: np.diff(X, -1), "n=-1; want a whole number of 0 or more"),
    "half a difference": (lambda: np.diff(X, 1.5), "n=1.5; want a whole number"),
    "differences of a number": (lambda: np.diff(Tensor(1.0)), "want one axis"),
    "more values than points": (lambda: np.interp(X, [0.0, 1.0], [0.0, 1.0, 2.0]), "as many of each"),
    "no points": (lambda: np.interp(X, [], []), "want one number or more"),
    "points that decrease": (lambda: np.interp(X, [1.0, 0.0], [0.0, 1.0]), "sort the points"),
    "a point that is NaN": (lambda: np.interp(X, [0.0, np.nan], [0.0, 1.0]), "does not increase"),
    "points that are words": (lambda: np.interp(X, ["a"], [1.0]), "want real numbers"),
    "weights that sum to 0": (lambda: np.average(X, axis=0, weights=[[1], [-1]] * np.ones(3)), "sum to 0"),
    "weights of another shape": (lambda: np.average(X, axis=1, weights=2.0), r"weights have shape \(\)"),
    "weights of no axis": (lambda: np.average(X, weights=[1.0, 2.0]), r"want \(2, 3\)"),
    "a quantile of none": (lambda: np.median(Tensor(np.zeros((0, 3))), axis=0), "there are no elements"),
    "a quantile beyond": (lambda: np.quantile(X, 1.5), "reaches outside 0 to 1"),
    "a quantile that is NaN": (lambda: np.quantile(X, np.nan), "reaches outside 0 to 1"),
    "a norm of order NaN": (lambda: np.linalg.norm(X, np.nan, axis=0), "ord=nan has no rule"),
    "a norm of order 0": (lambda: np.linalg.norm(X, 0, axis=0), "ord=0 has no rule"),
    "fewer choices": (lambda: np.select([X > 0], [X, X]), "1 conditions and 2 choices"),
    "the variance of complex numbers": (lambda: np.var(Tensor([1j])), "want real numbers"),
    "the sigmoid of complex numbers": (lambda: rules.sigmoid(Tensor([1j])), "want real numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str):
    call, told = REFUSED[case]
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=told):
        call()


AVERAGES = {
    "median": (np.median, [1, 2]),
    "quantile": (lambda a: np.quantile(a, 0.5), [1, 2, 3, 4]),
    "percentile": (lambda a: np.percentile(a, 30), [0, 10]),
    "nanmean": (np.nanmean, [True, True, False]),
    "nanmax": (np.nanmax, [1, 2]),
    "var": (np.var, [1, 2]),
    "round, hundreds": (lambda a: np.round(a, -2), [149.0, 151.0]),
    "round, many decimals": (lambda a: np.round(a, 2), [1e300, 0.125]),
}


@pytest.mark.parametrize("name", AVERAGES)
def test_statistics_of_integers_are_numpys(name: str):
    function, values = AVERAGES[name]
    got, wanted = bare(function(Tensor(values))), function(np.array(values))
    np.testing.assert_array_equal(got, wanted)
    assert got.dtype == wanted.dtype


def test_probabilities_that_are_nan_are_refused():
    with pytest.raises(ValueError, match="nan to nan; want probabilities"):
        losses.binary_cross_entropy(Tensor([np.nan]), np.ones(1))


def test_the_page_of_edges_is_that_of_the_table():
    page = Path(__file__).parents[1] / "docs" / "edges.md"
    assert page.read_text("utf-8") == written_edges.table()
