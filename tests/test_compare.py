"""The verdict: every closed form agrees, each kind of mistake is named, and bad input is refused."""

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_cases import LAYERS, LOSSES
from refusals import assert_refused
from rich.console import Console

from autonn import Tensor, compare, explain, nn, oracle
from autonn.check import CATALOGUE, assert_matches
from autonn.check.binding import bind
from autonn.check.explain import symbol
from autonn.commands import compare as verdicts
from autonn.operands import bare
from autonn.oracle.norms import DERIVATIONS


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ----- The closed forms -----


def test_every_layer_has_a_closed_form_and_a_place_in_the_catalogue():
    layers = set(nn.__all__) - {"Module"}
    assert set(oracle.__all__) == layers
    assert set(CATALOGUE) == layers
    for name, entry in CATALOGUE.items():
        assert type(entry.make(entry.shape, rng())).__name__ == name


def test_the_oracle_is_independent():
    for path in Path(oracle.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("autonn"):
                assert str(node.module).startswith("autonn.oracle"), path
            if isinstance(node, ast.Import):
                assert all(not alias.name.startswith("autonn") for alias in node.names), path


def test_every_closed_form_derives_its_formula():
    for name in oracle.__all__:
        form = getattr(oracle, name)
        assert form.__doc__, name
        assert "forward" in dir(form)
        assert "backward" in dir(form)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_autograd_agrees_with_the_closed_form(name: str, dtype: Any):
    """All configurations of the table, those with a special call through a wrapper."""
    case = LAYERS[name]
    layer = case.layer()
    if case.call is None:
        report = compare(layer, *case.inputs(), dtype=dtype, elements=2)
        assert report.ok, str(report)
        assert report.worst < (1e-10 if dtype == np.float64 else 1e-3)
        return
    called: list[tuple[Any, Any]] = []
    # What the table's call gives to the layer, is given to compare.
    layer.register_forward_hook(lambda module, args, y: called.append((args, y)))
    inputs = case.inputs()
    kwargs: dict[str, Any] = {}
    forward = layer.forward

    def noted(*args: Any, **given: Any) -> Any:
        kwargs.update(given)
        return forward(*args, **given)

    layer.forward = noted  # type: ignore[method-assign]
    case.call(layer, *inputs)
    del layer.forward
    layer._hooks.clear()
    numerical = case.numerical
    report = compare(layer, *called[0][0], dtype=dtype, elements=2, **kwargs)
    assert report.ok or not numerical, str(report)
    assert report.worst < (1e-10 if dtype == np.float64 else 1e-3)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_autograd_agrees_with_the_closed_form_of_losses(name: str, dtype: Any):
    case = LOSSES[name]
    report = compare(case.make(**case.options), case.x, case.target, dtype=dtype, elements=4)
    assert report.ok, str(report)
    assert report.worst < (1e-12 if dtype == np.float64 else 1e-4)


@pytest.mark.parametrize("derivation", DERIVATIONS)
@pytest.mark.parametrize("shape", [(100, 500), (4, 3, 5, 2)])
def test_all_three_derivations_of_batchnorm_agree(derivation: str, shape: tuple[int, ...]):
    layer = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(shape[1]).astype(np.float64)
    layer.gamma.assign(rng(1).normal(size=shape[1]))
    x, g = Tensor(rng(2).normal(size=shape), requires_grad=True), rng(3).normal(size=shape)
    layer(x).backward(g)
    bound = bind(layer)
    _, cache = bound.forward(bare(x))
    found = oracle.BatchNorm1d.backward(g, cache, derivation)["x"]
    assert np.abs(found - x.grad.data).max() <= 1e-12 * np.abs(found).max()
    parts = oracle.BatchNorm1d.terms(g, cache)["x"]
    np.testing.assert_allclose(sum(parts.values()), found, atol=1e-13)


@pytest.mark.parametrize("k", [1, 5])
def test_contrastive_divergence_is_the_two_phases(k: int):
    rbm = nn.RBM(6, 4, k=k, rng=0).astype(np.float64)
    for p in rbm.parameters():
        p.assign(rng(1).normal(size=p.shape))
    v = rng(2).integers(0, 2, (9, 6)).astype(float)
    rbm.rng = rng(3)
    samples = rbm.gibbs(v, k)
    rbm.rng = rng(3)
    rbm.contrastive_divergence(v).backward()
    parameters = {name: bare(p) for name, p in rbm.named_parameters()}
    found = oracle.RBM.contrastive_divergence(v, samples, **parameters)
    for name, p in rbm.named_parameters():
        np.testing.assert_allclose(found[name], p.grad.data, atol=1e-14)


CLOSED_ON_TENSORS = ["Linear", "Tanh", "Sigmoid", "BatchNorm1d", "LayerNorm", "RMSNorm", "Multiply"]


@pytest.mark.parametrize("name", CLOSED_ON_TENSORS)
def test_closed_forms_can_be_differentiated_themselves(name: str):
    """The gradient of the closed form's gradient is autograd's second derivative."""
    entry = CATALOGUE[name]
    layer = entry.make(entry.shape, rng()).astype(np.float64)
    values = entry.inputs(rng(1))
    seconds = []
    for closed in (True, False):
        xs = [Tensor(a, requires_grad=True) for a in values]
        g = rng(2).normal(size=np.shape(bare(layer(*xs))))
        if closed:
            bound = bind(layer)
            _, cache = bound.forward(*xs)
            first = next(v for k, v in bound.backward(g, cache).items() if k in ("x", "xs0"))
        else:
            layer(*xs).backward(g, create_graph=True)
            first = xs[0].grad
            xs[0].grad = None
        if isinstance(first, Tensor) and first.requires_grad:  # and not a linear function of x
            np.sum(first * rng(3).normal(size=first.shape)).backward()
        seconds.append(np.zeros(xs[0].shape) if xs[0].grad is None else bare(xs[0].grad))
    np.testing.assert_allclose(*seconds, atol=1e-11)


# ----- The verdict -----


def linear(x: Any, w: Any, b: Any) -> Any:
    return x @ w + b


def closed(change: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
    def backward(g: Any, x: Any, w: Any, b: Any) -> Any:
        right = {"x": g @ w.T, "w": x.T @ g, "b": g.sum(0)}
        return change(right)

    return backward


ARRAYS = rng(7).normal(size=(8, 5)), rng(8).normal(size=(5, 3)), rng(9).normal(size=3)

# fmt: off
MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], Any], str, str, str]] = {
    "sign": (lambda r: r | {"w": -r["w"]}, "w", "sign", "the sign is wrong"),
    "factor": (lambda r: r | {"w": r["w"] / 2}, "w", "factor", "1/2 times"),
    "mean": (lambda r: r | {"b": r["b"] / 8}, "b", "factor", "1 / the batch size: a mean"),
    "minus the mean": (lambda r: r | {"b": -r["b"] / 8}, "b", "factor", "the sign is wrong"),
    "transposed": (lambda r: r | {"w": r["w"].T}, "w", "transposed", "shape (3, 5), want (5, 3)"),
    "not summed": (lambda r: r | {"b": np.ones((8, 3)) * r["b"] / 8}, "b", "not summed", "axis 0"),
    "blocked": (lambda r: r | {"x": 0 * r["x"]}, "x", "zero", "blocked"),
    "not finite": (lambda r: r | {"x": np.where(np.arange(5) == 3, np.nan, r["x"])}, "x", "non-finite", "nan first at [0, 3]"),
    "reversed": (lambda r: r | {"x": r["x"][::-1]}, "x", "order", "reversed along axis 0"),
    "a factor too much": (lambda r: r | {"x": r["x"] * ARRAYS[0]}, "x", "missing factor", "factor x too much"),
    "weight decay": (lambda r: r | {"w": r["w"] + 0.1 * ARRAYS[1]}, "w", "term", "1/10 times w too much"),
    "another shape": (lambda r: r | {"b": np.ones((2, 2))}, "b", "shape", "shape (2, 2), want (3,)"),
    "noise": (lambda r: r | {"x": r["x"] + rng().normal(size=(8, 5))}, "x", "unknown", "100% of the elements"),
}
# fmt: on


@pytest.mark.parametrize("kind", MISTAKES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_culprit_and_the_mistake_are_named(kind: str, dtype: Any):
    change, name, expected, words = MISTAKES[kind]
    report = compare(linear, closed(change), *ARRAYS, dtype=dtype)
    assert not report
    assert [row.name for row in report.rows if not row.ok] == [name]
    (row,) = (row for row in report.rows if row.name == name)
    assert row.status == "closed form wrong"
    assert row.diagnosis is not None
    assert (row.diagnosis.kind, words in row.diagnosis.text) == (expected, True), row.diagnosis
    assert words in report.verdict


def test_autograd_may_be_the_culprit(monkeypatch: pytest.MonkeyPatch):
    wrong = nn.Tanh()
    module = sys.modules["autonn.check.compare"]
    monkeypatch.setattr(module, "by_autograd", _half(module.by_autograd))
    report = compare(wrong, np.array([[0.5, -1.0]]))
    assert report.rows[0].status == "autograd wrong"
    assert "1/2 times" in report.verdict


def _half(by_autograd: Callable[..., Any]) -> Callable[..., Any]:
    def halved(*args: Any) -> Any:
        y, gradients, graph = by_autograd(*args)
        return y, {k: v / 2 for k, v in gradients.items()}, graph

    return halved


def test_what_cannot_have_a_gradient_is_called_structurally_zero():
    net = nn.Sequential(nn.Linear(4, 3, rng=0), nn.BatchNorm1d(3))
    for dtype in (np.float64, np.float32):
        report = compare(net, rng().normal(size=(8, 4)), dtype=dtype)
        assert report.ok
        assert {r.name: r.status for r in report.rows}["0.bias"] == "structurally zero"
        assert "0.bias: structurally zero" in report.verdict


def test_a_kink_is_no_mistake():
    def backward(g: Any, x: Any) -> Any:
        return g * (x >= 0)  # 1 at 0, where autograd says 0

    report = compare(nn.ReLU(), np.array([[0.0, 1.0, -2.0]]), backward=backward)
    assert report.ok
    assert report.rows[0].status == "kink"


def test_forward_passes_are_compared_too():
    report = compare(
        nn.Tanh(), np.ones((2, 3)), forward=lambda x: np.sin(x), backward=lambda g, x: g * np.cos(x)
    )
    assert not report.ok
    assert "the outputs differ" in report.verdict


def test_long_double_tells_rounding_from_mistakes():
    x = rng().normal(size=(4, 3))
    assert compare(nn.Softmax(), x, exact=True).worst < 1e-18
    off = compare(
        nn.Tanh(), x, backward=lambda g, x: g * (1 - np.tanh(x) ** 2) * (1 + 1e-13), exact=True
    )
    assert off.rows[0].relative == pytest.approx(1e-13, rel=0.1)
    assert not off.ok


def relu(x: Any) -> Any:
    return np.where(x > 0, x, 0.0)


def square(x: Any) -> Any:
    return x**2


def sigmoid_in_place(g: Any, x: Any) -> Any:
    y = 1 / (1 + np.exp(-x))
    g *= y * (1 - y)
    return g


KINKED = np.array([0.0, 1.0, 2.0, -1.0])
BIG = np.array([1.1, -2.3, 3.7])

# fmt: off
SUBTLE: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any, bool]] = {
    "a kink excuses itself alone": (relu, lambda g, x: 3 * g * (x > 0), KINKED, False),
    "a kink excuses no sign": (relu, lambda g, x: -g * (x > 0), KINKED, False),
    "a kink excuses no other shape": (relu, lambda g, x: g[:2], KINKED, False),
    "a kink excuses no NaN": (relu, lambda g, x: g * np.nan, KINKED, False),
    "either slope at a kink": (relu, lambda g, x: g * (x >= 0), KINKED, True),
    "another slope at a tie": (lambda x: np.maximum(0, x), lambda g, x: g * (x > 0), KINKED, True),
    "infinite slopes hide nothing": (np.sqrt, lambda g, x: g * 5 / np.sqrt(x), KINKED[:3], False),
    "infinite slopes": (np.sqrt, lambda g, x: g * 0.5 / np.sqrt(x), KINKED[:3], True),
    "large numbers": (square, lambda g, x: 2 * g * x, BIG * 1e12, True),
    "a factor among large numbers": (square, lambda g, x: 6 * g * x, BIG * 1e8, False),
    "small numbers": (square, lambda g, x: 2 * g * x, BIG * 1e-9, True),
    "overflow on both sides": (np.exp, lambda g, x: g * np.exp(x), np.array([1.0, 800.0]), True),
    "a cotangent changed in place": (lambda x: 1 / (1 + np.exp(-x)), sigmoid_in_place, BIG, True),
    "linear algebra": (lambda x: np.linalg.inv(x), lambda g, x: -np.linalg.inv(x).T @ g @ np.linalg.inv(x).T, np.eye(2) + 0.1, True),
    "methods of arrays": (lambda x: x.dot(x), lambda g, x: 2 * g * x, BIG, True),
}
# fmt: on


@pytest.mark.parametrize("name", SUBTLE)
def test_subtle_cases_are_judged_rightly(name: str):
    forward, backward, x, ok = SUBTLE[name]
    given = x.copy()
    report = compare(forward, backward, x)
    assert report.ok == ok, str(report)
    np.testing.assert_array_equal(x, given)
    assert "it is 1 times" not in report.verdict


def test_small_factors_are_not_explained_by_chance():
    told = compare(square, lambda g, x: g * x, rng().normal(size=(4, 3))).verdict
    assert "it is 1/2 times" in told
    assert "batch" not in told


# ----- What it takes -----


def test_options_and_tuples_reach_backward_as_they_came():
    def forward(x: Any, shape: Any, params: Any) -> Any:
        return params["scale"] * x.reshape(shape)

    def backward(g: Any, x: Any, shape: Any, params: Any) -> Any:
        assert shape == (2, 3)
        return {"dx": (params["scale"] * g).reshape(x.shape)}

    params = {"scale": np.arange(1.0, 7.0).reshape(2, 3)}
    assert compare(forward, backward, ARRAYS[0][0, :3].repeat(2), (2, 3), params).ok


def test_what_is_no_float_may_get_none():
    ids = np.array([0, 2, 2])
    report = compare(
        lambda ids, W: W[ids], lambda g, ids, W: (None, _added(W, ids, g)), ids, ARRAYS[1]
    )
    assert report.ok
    assert ids.tolist() == [0, 2, 2]


def _added(W: Any, ids: Any, g: Any) -> Any:
    of_W = np.zeros_like(W)
    np.add.at(of_W, ids, g)
    return of_W


class AttributeStyle:
    """Parameters and gradients as attributes; an option in backward; gradients made anew."""

    def __init__(self) -> None:
        self.W = rng(1).normal(size=(5, 3))

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W

    def backward(self, dout: Any, retain: bool = True) -> Any:
        self.dW = self.x.T @ dout / 99
        return dout @ self.W.T


def test_attributes_are_found():
    report = compare(AttributeStyle(), ARRAYS[0])
    assert [(row.name, row.ok) for row in report.rows] == [("x", True), ("W", False)]


def test_random_forwards_are_refused():
    draw = rng()
    assert_refused(
        lambda: compare(lambda x: x * draw.normal(), lambda g, x: g, BIG),
        ValueError,
        ["another value each time", "seed"],
    )

    def in_place(x: Any) -> Any:
        y = x * 1
        y[y < 0] = 0
        return y

    words = ["autograd cannot run", "in place", "np.where"]
    assert_refused(lambda: compare(in_place, lambda g, x: g * (x > 0), BIG), TypeError, words)


def test_gradients_may_come_in_order_or_alone():
    right = closed(lambda r: r)
    assert compare(linear, right, *ARRAYS).ok
    assert compare(linear, lambda *a: tuple(right(*a).values()), *ARRAYS).ok
    assert compare(lambda x: np.sin(x), lambda g, x: g * np.cos(x), ARRAYS[0]).ok


def test_caches_are_passed_on():
    def forward(x: Any, gamma: Any, beta: Any, bn_param: dict[str, Any]) -> Any:
        mean, var = x.mean(0), x.var(0)
        z = (x - mean) / np.sqrt(var + bn_param["eps"])
        return gamma * z + beta, (z, gamma, var, bn_param)

    def backward(dout: Any, cache: Any) -> Any:
        z, gamma, var, bn_param = cache
        h = dout * gamma
        dx = (h - h.mean(0) - z * (h * z).mean(0)) / np.sqrt(var + bn_param["eps"])
        return dx, (dout * z).sum(0), dout.sum(0)

    arrays = rng().normal(size=(6, 3)), rng(1).normal(size=3), rng(2).normal(size=3)
    report = compare(forward, backward, *arrays, {"mode": "train", "eps": 1e-5})
    assert report.ok
    assert [row.name for row in report.rows] == ["x", "gamma", "beta"]


def test_several_outputs_and_a_cache():
    def step(x: Any, h: Any) -> Any:
        return np.tanh(x + h), x * h, (x, h)

    def step_backward(dy: Any, dz: Any, cache: Any) -> Any:
        x, h = cache
        of_sum = dy * (1 - np.tanh(x + h) ** 2)
        return of_sum + dz * h, of_sum + dz * x

    assert compare(step, step_backward, ARRAYS[0], ARRAYS[0][::-1].copy()).ok


class DictStyle:
    """Parameters and gradients in dicts; gradients add up from call to call."""

    def __init__(self) -> None:
        self.parameters = {"W": rng(1).normal(size=(5, 3)), "b": rng(2).normal(size=(1, 3))}
        self.gradients = {k: np.zeros_like(v) for k, v in self.parameters.items()}

    def forward(self, X: Any) -> Any:
        self.X = X
        return X @ self.parameters["W"] + self.parameters["b"]

    def backward(self, dLdy: Any) -> Any:
        self.gradients["W"] += self.X.T @ dLdy
        self.gradients["b"] += dLdy.sum(0, keepdims=True)
        return dLdy @ self.parameters["W"].T


class ListStyle:
    """Parameters and gradients by methods; `backward` is given the input, too."""

    def __init__(self) -> None:
        self.W, self.b = rng(1).normal(size=(5, 3)), rng(2).normal(size=3)

    def parameters(self) -> list[Any]:
        return [self.W, self.b]

    def grad_parameters(self) -> list[Any]:
        return [self.grad_W, self.grad_b]

    def forward(self, input: Any) -> Any:
        return input @ self.W + self.b

    def backward(self, input: Any, grad_output: Any) -> Any:
        self.grad_W, self.grad_b = input.T @ grad_output, np.mean(grad_output, axis=0)
        return grad_output @ self.W.T


def test_objects_with_forward_and_backward():
    report = compare(DictStyle(), ARRAYS[0])
    assert report.ok, str(report)
    assert [row.name for row in report.rows] == ["X", "W", "b"]
    report = compare(ListStyle(), ARRAYS[0])
    assert "b: the closed form is wrong: it is 1/8 times" in report.verdict


def test_nothing_is_changed():
    layer = nn.BatchNorm1d(3)
    state = layer.state_dict()
    compare(layer, rng().normal(size=(8, 3)))
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, state[key])
    thing = DictStyle()
    compare(thing, ARRAYS[0])
    assert not thing.gradients["W"].any()


def test_one_line_in_a_test():
    assert_matches(nn.LayerNorm(4), rng().normal(size=(3, 4)))
    with pytest.raises(AssertionError, match="1/2 times"):
        assert_matches(linear, closed(lambda r: r | {"w": r["w"] / 2}), *ARRAYS)


# ----- How it is told -----


def test_reports_can_be_read_everywhere():
    report = compare(linear, closed(lambda r: r | {"b": r["b"] / 8}), *ARRAYS)
    data = json.loads(report.to_json())
    assert data["ok"] is False
    assert [row["kind"] for row in data["rows"]] == [None, None, "factor"]
    assert "| b | 3 |" in report.to_markdown()
    html = report._repr_html_()
    assert html.count("<tr>") == 4
    assert "a mean stands" in html
    assert str(report).count("\n") == 7
    assert max(map(len, str(report).splitlines())) <= 80
    assert report.autograd_time > 0
    assert report.rows[2].elementwise == pytest.approx(7 / 9)


@pytest.mark.parametrize(
    ("what", "options", "status", "words"),
    [
        (["Linear", "Softmax"], {}, 0, "2 of 2 agree"),
        (["BatchNorm2d"], {"shapes": [(2, 3, 4, 5)], "dtype": "float32"}, 0, "2×3×4×5"),
        (["Tanh"], {"exact": True}, 0, "1 of 1 agree"),
        (["examples/published_mistakes.py:linear"], {"shapes": [(6, 4), (4, 3), (3,)]}, 1, "a mean stands"),
        (["examples/published_mistakes.py:softmax_over_rows"], {}, 1, "closed form wrong"),
    ],
)  # fmt: skip
def test_the_command_compares(
    what: list[str], options: dict[str, Any], status: int, words: str, tmp_path: Path
):
    root = Path(__file__).parents[1]
    what = [str(root / name) if ".py" in name else name for name in what]
    out, page, data = io.StringIO(), tmp_path / "r.html", tmp_path / "r.json"
    console = Console(file=out, width=80)
    found = verdicts.run(what, html=str(page), to_json=str(data), console=console, **options)
    assert found == status
    assert words in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= 80
    assert len(json.loads(data.read_text())) == len(what)
    assert page.read_text().count("<table>") == len(what)


def test_the_command_goes_through_all_layers():
    out = io.StringIO()
    assert verdicts.run([], console=Console(file=out, width=80)) == 0
    assert f"{len(CATALOGUE)} of {len(CATALOGUE)} agree" in out.getvalue()
    assert all(name in out.getvalue() for name in CATALOGUE)


# ----- Where a gradient comes from -----


def test_a_gradient_in_parts_adds_up():
    x = Tensor(rng().normal(size=(6, 3)), requires_grad=True, name="x")
    mean = x.mean(axis=0)
    mean.name = "mean"
    centred = x - mean
    var = np.mean(centred * centred, axis=0)
    var.name = "var"
    y = centred / np.sqrt(var + 1e-5)
    g = rng(1).normal(size=(6, 3))
    told = explain(y, x, gradient=g)
    assert list(told.parts) == ["direct", "var", "mean"] or set(told.parts) == {
        "direct",
        "var",
        "mean",
    }
    y.backward(g)
    np.testing.assert_allclose(told.total, x.grad.data, rtol=0, atol=1e-15 * 50)
    z, s = bare(y), np.sqrt(bare(var) + 1e-5)
    np.testing.assert_allclose(told.parts["direct"], g / s, rtol=1e-13)
    np.testing.assert_allclose(told.parts["var"], -z * (g * z).mean(0) / s, rtol=1e-9)
    assert "∂y/∂x = direct" in told.to_markdown()
    assert r"\frac{\partial y}{\partial \mathrm{var}}" in told.to_latex()
    assert symbol(r"\input{a}^~") == r"\mathrm{\backslash input\{a\}\wedge \sim }"
    assert told.cotangents["var"].shape == (3,)


def test_two_nodes_of_one_name_are_two():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3, rng=0), nn.BatchNorm1d(3)).astype(
        np.float64
    )
    x = Tensor(rng().normal(size=(8, 3)), requires_grad=True)
    y = (net(x) ** 3).sum()
    told = explain(y, x)
    assert {"direct", "mean", "mean 2", "var", "var 2"} == set(told.parts)
    y.backward()
    np.testing.assert_allclose(told.total, x.grad.data, atol=1e-12)


@pytest.mark.parametrize("make", [lambda: nn.BatchNorm1d(3), lambda: nn.LayerNorm(3)])
def test_the_norms_name_their_stages(make: Callable[[], Any]):
    layer = make().astype(np.float64)
    x = Tensor(rng().normal(size=(6, 3)), requires_grad=True, name="x")
    y, g = layer(x), rng(1).normal(size=(6, 3))
    told = explain(y, x, gradient=g)
    assert set(told.parts) >= {"direct", "mean", "var"}
    bound = bind(layer)
    parts = getattr(oracle, type(layer).__name__).terms(g, bound.forward(bare(x))[1])["x"]
    np.testing.assert_allclose(told.parts["direct"], parts["direct"], rtol=1e-12)
    np.testing.assert_allclose(told.parts["mean"], parts["through the mean"], atol=1e-14)
    np.testing.assert_allclose(told.parts["var"], parts["through the variance"], atol=1e-14)


# ----- Refusals -----


class Unknown(nn.Module):
    def forward(self, x: Any) -> Any:
        return x * 2


class BatchNorm3d(Unknown):
    pass


# fmt: off
REFUSALS: dict[str, tuple[Callable[[], Any], type[Exception], list[str]]] = {
    "a layer without a closed form": (lambda: compare(Unknown(), np.ones(3)), ValueError, ["Unknown", "no closed form", "backward="]),
    "a layer with near names": (lambda: compare(BatchNorm3d(), np.ones(3)), ValueError, ["BatchNorm3d", "BatchNorm2d"]),
    "gradients of other names": (lambda: compare(linear, closed(lambda r: {"x": r["x"], "W": r["w"], "b": r["b"]}), *ARRAYS), ValueError, ["missing: w", "unexpected: W"]),
    "too few gradients": (lambda: compare(linear, closed(lambda r: (r["x"], r["w"])), *ARRAYS), ValueError, ["2 gradients", "want 3", "x, w, b"]),
    "no gradients": (lambda: compare(linear, closed(lambda r: None), *ARRAYS), TypeError, ["None", "gradients by name"]),
    "nothing to differentiate by": (lambda: compare(linear, closed(dict), np.ones((2, 2), int), np.ones((2, 2), int), np.ones(2, int)), TypeError, ["linear", "floating point"]),
    "nothing that can be compared": (lambda: compare(3, np.ones(3)), TypeError, ["3", "a layer and its inputs"]),
    "a function without a backward": (lambda: compare(np.tanh, np.ones(3)), TypeError, ["tanh", "backward"]),
    "too many inputs": (lambda: compare(nn.Tanh(), np.ones(3), np.ones(3)), TypeError, ["Tanh()", "too many"]),
    "an output that is cut off": (lambda: compare(lambda x: np.array(bare(x)), lambda g, x: g, np.ones(3)), ValueError, ["does not depend"]),
    "explaining what has no graph": (lambda: explain(Tensor([1.0]), Tensor([1.0])), ValueError, ["no graph"]),
    "explaining what does not depend": (lambda: explain(Tensor([1.0], True) * 2, Tensor([1.0], True)), ValueError, ["does not depend"]),
    "explaining what is no Tensor": (lambda: explain(Tensor([1.0], True) * 2, np.ones(1)), TypeError, ["x=", "want a Tensor"]),
    "explaining through what is no Tensor": (lambda: explain(Tensor([1.0], True) * 2, Tensor([1.0], True), ["mean"]), TypeError, ["through[0]='mean'", "want a Tensor"]),
    "elements below 1": (lambda: compare(nn.Tanh(), np.ones(3), elements=-1), ValueError, ["elements=-1", "1 or more"]),
    "a seed below 0": (lambda: compare(nn.Tanh(), np.ones(3), seed=-1), ValueError, ["seed=-1", "0 or more"]),
    "a dtype of integers": (lambda: compare(nn.Tanh(), np.ones(3), dtype=int), TypeError, ["dtype", "float32"]),
    "a dtype that is none": (lambda: compare(nn.Tanh(), np.ones(3), dtype="abc"), TypeError, ["dtype='abc'", "float32"]),
    "exact that is text": (lambda: compare(nn.Tanh(), np.ones(3), exact="no"), TypeError, ["exact='no'", "True or False"]),
    "a forward that is text": (lambda: compare(nn.Tanh(), np.ones(3), forward="abc"), TypeError, ["forward='abc'", "a function"]),
    "too many arrays for a function": (lambda: compare(np.tanh, lambda g, x: g, np.ones(3), 1, 2, 3), TypeError, ["tanh takes", "4 inputs"]),
    "a gradient of another shape": (lambda: explain(Tensor([1.0], True) * 2, Tensor([1.0], True), gradient=np.ones(3)), ValueError, ["(3,)", "(1,)"]),
}
# fmt: on


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str):
    call, kind, words = REFUSALS[name]
    assert_refused(call, kind, words)
