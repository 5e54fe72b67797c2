"""Every layer: against PyTorch, against numerical differentiation, in float32, and what it promises."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_cases import LAYERS, LOSSES, LayerCase
from refusals import assert_refused

import autonn
from autonn import Tensor, nn
from autonn import functional as F
from autonn.operands import bare

GOLDENS = np.load(Path(__file__).parent / "goldens" / "layers.npz", allow_pickle=False)
cases = pytest.mark.parametrize("name", LAYERS)
NN = Path(nn.__file__).parent


def test_no_layer_lacks_a_case():
    layers = {
        value
        for value in vars(nn).values()
        if isinstance(value, type) and issubclass(value, nn.Module)
    }
    tested = {type(case.make()) for case in LAYERS.values()} | {
        case.make for case in LOSSES.values()
    }
    assert layers - tested == {nn.Module}
    assert {getattr(nn, name) for name in nn.__all__} == layers


def golden_error(name: str) -> float:
    """Compare all that a layer computes with PyTorch; give the largest |a - b| / (|b| + 0.01)."""
    case = LAYERS[name]
    layer = case.layer()
    xs = [Tensor(a, requires_grad=True) for a in case.inputs()]
    y = case.output(layer, *xs)
    y.backward(np.random.default_rng(2).normal(size=y.shape))
    ours = {"y": bare(y)} | {f"x{i}": x.grad.data for i, x in enumerate(xs)}
    ours |= {n: p.grad.data for n, p in layer.named_parameters()}
    expected = {
        k.partition("/")[2]: GOLDENS[k] for k in GOLDENS.files if k.partition("/")[0] == name
    }
    if case.training and "running_var" in expected:
        n = xs[0].size / xs[0].shape[-1 if case.channels_last else 1]
        momentum = layer.momentum
        # PyTorch follows the unbiased variance.
        expected["running_var"] = momentum + (expected["running_var"] - momentum) * (n - 1) / n
    ours |= {n: b.data for n, b in layer.named_buffers() if n.startswith("running")}
    assert set(ours) == set(expected)
    if name == "HardSigmoid":  # PyTorch's own gradient of it has 1/6 in float32, in float64, too
        expected["x0"] = np.random.default_rng(2).normal(size=y.shape) / 6
    errors = []
    for key, b in expected.items():
        assert ours[key].shape == b.shape, key
        errors.append(np.max(np.abs(ours[key] - b) / (np.abs(b) + 0.01), initial=0))
    return max(errors)


def numerical_error(name: str) -> float:
    """Compare first and second derivatives with numerical ones; give the largest relative error."""
    case = LAYERS[name]
    layer = case.layer()
    owners = [(module, key) for _, module in layer.named_modules() for key in module._is_parameter]
    owners = [(m, k) for m, k in owners if m._is_parameter[k] and getattr(m, k) is not None]
    values = [getattr(m, k).data for m, k in owners]
    inputs = case.inputs()

    def f(*args: Any) -> Any:
        for (module, key), value in zip(owners, args[len(inputs) :], strict=True):
            setattr(module, key, value)
        return case.output(layer, *args[: len(inputs)])

    elements = max(2, 24 // (len(inputs) + len(values)))
    return autonn.gradcheck(f, *inputs, *values, order=2, elements=elements).worst


AGAINST_PYTORCH = [name for name, case in LAYERS.items() if case.torch is not None]
NUMERICALLY = [name for name, case in LAYERS.items() if case.numerical]


@pytest.mark.parametrize("name", AGAINST_PYTORCH)
def test_layer_agrees_with_pytorch(name: str):
    assert golden_error(name) < 1e-10


@pytest.mark.parametrize("name", NUMERICALLY)
def test_gradients_of_both_orders_are_the_numerical_ones(name: str):
    assert numerical_error(name) < 1e-9


@cases
def test_float32_stays_float32(name: str):
    case = LAYERS[name]
    layer = case.layer().astype(np.float32)
    inputs = [Tensor(a, requires_grad=True, dtype=np.float32) for a in case.inputs()]
    y = case.output(layer, *inputs)
    assert y.dtype == np.float32
    y.sum().backward()
    assert {t.grad.dtype for t in [*inputs, *layer.parameters()]} == {np.dtype(np.float32)}


@cases
def test_layers_run_on_plain_arrays(name: str):
    case = LAYERS[name]
    layer = case.layer().eval()
    on_tensors = case.output(layer, *map(Tensor, case.inputs()))
    np.testing.assert_array_equal(bare(on_tensors), bare(case.output(layer, *case.inputs())))


def test_no_layer_has_a_backward_or_touches_the_engine():
    for path in NN.glob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                taken = {f"{node.module}.{alias.name}" for alias in node.names}
                parts = "engine graph walk compile products sums memory rules windows"
                engine = tuple(f"autonn.{part}" for part in f"{parts} columns places".split())
                inner = {name for name in taken if name.startswith(engine)}
                assert inner <= {"autonn.graph.no_grad", "autonn.sums.in_float32"}, path
            if isinstance(node, ast.FunctionDef):
                assert "backward" not in node.name, path
                if node.name in ("update_running_stats", "astype", "state_dict", "evolve"):
                    continue
                unwrapped = [
                    n
                    for n in ast.walk(node)
                    if isinstance(n, ast.Attribute) and n.attr in ("data", "_array")
                ]
                assert unwrapped == [], f"{path.name}: {node.name} unwraps .data"


# ----- Losses -----


@pytest.mark.parametrize("name", [name for name, case in LOSSES.items() if case.torch is not None])
def test_loss_agrees_with_pytorch(name: str):
    assert golden_loss_error(name) < 1e-11


def golden_loss_error(name: str) -> float:
    """Compare a loss and its gradient with PyTorch; give the largest |a - b| / (|b| + 0.01)."""
    case = LOSSES[name]
    x = Tensor(case.x, requires_grad=True)
    y = case.make(**case.options)(x, case.target)
    y.backward(np.ones(y.shape))
    both = [(y.data, GOLDENS[f"loss {name}/y"]), (x.grad.data, GOLDENS[f"loss {name}/x"])]
    return max(np.max(np.abs(a - b) / (np.abs(b) + 0.01)) for a, b in both)


def numerical_loss_error(name: str) -> float:
    """Compare a loss's derivatives with numerical ones; give the largest relative error."""
    case = LOSSES[name]
    layer = case.make(**case.options)
    return autonn.gradcheck(lambda x: layer(x, case.target), case.x, order=2, elements=12).worst


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_losses_are_the_numerical_ones(name: str):
    assert numerical_loss_error(name) < 1e-8
    case = LOSSES[name]
    y = case.make(**case.options)(
        Tensor(case.x, requires_grad=True, dtype=np.float32),
        case.target.astype(np.float32 if case.target.dtype.kind == "f" else int),
    )
    assert y.dtype == np.float32


@pytest.mark.parametrize("target", [[1.0, 0.0], [0.0, 1.0]])
def test_losses_are_finite_far_out(target: list[float]):
    for far in (1e4, -1e4):
        x = Tensor([[far, -far]], requires_grad=True)
        losses = [F.cross_entropy(x, [1]), F.cross_entropy(x, np.array([target]))]
        losses += [
            F.binary_cross_entropy_with_logits(x, np.array([target])),
            F.huber_loss(x, np.array([target])),
        ]
        for y in losses:
            x.grad = None
            y.backward()
            assert np.isfinite(y.item())
            assert np.isfinite(x.grad.data).all()


def test_the_gradient_penalty_trains_a_real_critic():
    rng = np.random.default_rng(0)
    critic = nn.Sequential(nn.Linear(2, 8, rng=rng), nn.Tanh(), nn.Linear(8, 1, rng=rng)).astype(
        np.float64
    )
    x, h = rng.normal(size=(5, 2)), 1e-6
    penalty = F.gradient_penalty(critic, x)
    penalty.backward()
    for p in critic.parameters():
        if p.grad is None:  # the last bias, which no gradient sees
            assert p is critic[2].bias
            continue
        old = np.array(p.data)
        step = rng.normal(size=p.shape)
        values = []
        for sign in (1, -1):
            p.assign(old + sign * h * step)
            values.append(F.gradient_penalty(critic, x).item())
        p.assign(old)
        assert np.sum(p.grad.data * step) == pytest.approx(
            (values[0] - values[1]) / (2 * h), rel=1e-6, abs=1e-9
        )


# ----- Norms -----


def test_running_statistics_follow_and_serve():
    layer = nn.BatchNorm1d(3).astype(np.float64)
    batches = [np.random.default_rng(k).normal(k, 2, (8, 3)) for k in range(3)]
    mean, var = np.zeros(3), np.ones(3)
    for x in batches:
        layer(x)
        mean, var = 0.9 * mean + 0.1 * x.mean(0), 0.9 * var + 0.1 * x.var(0)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-14)
    np.testing.assert_allclose(layer.running_var.data, var, rtol=1e-14)
    layer.eval()
    y = layer(batches[0])
    np.testing.assert_allclose(bare(y), (batches[0] - mean) / np.sqrt(var + 1e-5), rtol=1e-13)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-14)
    assert "running_mean" in layer.state_dict()
    layer.reset_running_stats()
    assert layer.running_mean.tolist() == [0, 0, 0]


def test_channels_last_is_channels_first_moved():
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 5))
    for make in (nn.BatchNorm2d, nn.InstanceNorm2d, lambda n, **k: nn.GroupNorm(2, n, **k)):
        first, last = make(4).astype(np.float64), make(4, channels_last=True).astype(np.float64)
        np.testing.assert_allclose(
            bare(last(np.moveaxis(x, 1, -1))), np.moveaxis(bare(first(x)), 1, -1), rtol=1e-12
        )


# ----- Dropout -----


@pytest.mark.parametrize("make", [nn.Dropout, nn.Dropout2d])
def test_dropout_drops_its_share_and_keeps_the_mean(make: Any):
    layer = make(0.3, rng=np.random.default_rng(0))
    x = Tensor(np.ones((200, 50, 2, 2)), requires_grad=True)
    y = layer(x)
    assert 1 - layer.mask.mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(np.unique(y.data), [0, 1 / 0.7])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.broadcast_to(layer.mask / 0.7, x.shape))
    again = make(0.3, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(again(x).data, y.data)


def test_a_fixed_mask_makes_dropout_differentiable_numerically():
    layer = nn.Dropout(0.5, rng=np.random.default_rng(0))
    layer.fix([True, False, True])
    assert autonn.gradcheck(layer, [1.0, 2.0, 3.0], order=2)
    assert layer(np.ones(3)).tolist() == [2, 0, 2]
    layer.fix(None)
    assert len({tuple(layer(np.ones(9))) for _ in range(5)}) > 1
    assert nn.Dropout(1.0)(np.ones(4)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "f", [F.sigmoid, F.softplus, F.silu, F.gelu, F.elu, F.selu, F.leaky_relu, F.hard_sigmoid]
)
def test_activations_are_finite_far_out(f: Callable[..., Any]):
    x = Tensor([-1e4, -50.0, 50.0, 1e4], requires_grad=True)
    y = f(x)
    y.sum().backward()
    assert np.isfinite(y.data).all()
    assert np.isfinite(x.grad.data).all()


# fmt: off
REFUSALS: dict[str, tuple[Callable[[], Any], type[Exception], list[str]]] = {
    "a batch of one": (lambda: nn.BatchNorm1d(3)(np.ones((1, 3))), ValueError, ["BatchNorm1d(3)", "(1, 3)", "variance", ".eval()"]),
    "images for BatchNorm1d": (lambda: nn.BatchNorm1d(3)(np.ones((2, 3, 4, 4))), ValueError, ["(2, 3, 4, 4)", "(N, 3"]),
    "features for BatchNorm2d": (lambda: nn.BatchNorm2d(3)(np.ones((2, 3))), ValueError, ["(2, 3)", "(N, 3, H, W)"]),
    "another number of channels": (lambda: nn.BatchNorm2d(3)(np.ones((2, 4, 5, 5))), ValueError, ["BatchNorm2d(3)", "(2, 4, 5, 5)", "(N, 3, H, W)"]),
    "channels first where they are last": (lambda: nn.BatchNorm2d(3, channels_last=True)(np.ones((2, 3, 5, 5))), ValueError, ["(N, H, W, 3)"]),
    "groups that do not divide": (lambda: nn.GroupNorm(4, 6), ValueError, ["6 features", "4 groups"]),
    "groups that do not divide what is seen": (lambda: nn.GroupNorm(4)(np.ones((2, 6))), ValueError, ["6 features"]),
    "another last axis": (lambda: nn.LayerNorm(5)(np.ones((2, 4))), ValueError, ["LayerNorm(5)", "(2, 4)", "(..., 5)"]),
    "too few axes": (lambda: nn.LayerNorm((3, 4))(np.ones(4)), ValueError, ["(4,)", "(..., 3, 4)"]),
    "a shape in a shape": (lambda: nn.LayerNorm(((3, 4),)), TypeError, ["normalized_shape", "((3, 4),)"]),
    "a probability over 1": (lambda: nn.Dropout(1.5), ValueError, ["p=1.5", "0 to 1"]),
    "a mask of another shape": (lambda: (d := nn.Dropout(0.5)).fix([True]) or d(np.ones(3)), ValueError, ["(1,)", "(3,)"]),
    "features for Dropout2d": (lambda: nn.Dropout2d(0.5)(np.ones((2, 3))), ValueError, ["Dropout2d", "(2, 3)", "four axes"]),
    "a target of another shape": (lambda: nn.MSELoss()(np.ones((2, 3)), np.ones((2, 1))), ValueError, ["mse_loss", "(2, 3)", "(2, 1)"]),
    "classes of another shape": (lambda: nn.CrossEntropyLoss()(np.ones((2, 3)), [0, 1, 1]), ValueError, ["cross_entropy", "(2, 3)", "(3,)", "(2,)"]),
    "classes out of range": (lambda: nn.NLLLoss()(np.ones((2, 3)), [0, 3]), ValueError, ["nll_loss", "0 to 3", "0 to 2"]),
    "classes that are no integers": (lambda: nn.CrossEntropyLoss()(np.ones((2, 3)), [0.0, 1.0]), ValueError, ["float64", "integers"]),
    "weights of another number": (lambda: nn.CrossEntropyLoss(weight=[1.0])(np.ones((2, 3)), [0, 1]), ValueError, ["(1,)", "(3,)"]),
    "a reduction that is not there": (lambda: nn.L1Loss(reduction="avg")(np.ones(2), np.ones(2)), ValueError, ["'avg'", "mean"]),
    "an option that is not there": (lambda: nn.HuberLoss(dleta=2.0), TypeError, ["HuberLoss", "'dleta'", "delta"]),
    "probabilities over 1": (lambda: nn.BCELoss()(np.array([2.0]), np.ones(1)), ValueError, ["2.0", "0 to 1"]),
    "signs that are none": (lambda: nn.HingeLoss()(np.ones(2), np.array([0.0, 1.0])), ValueError, ["-1 or 1"]),
    "a delta of 0": (lambda: nn.HuberLoss(delta=0)(np.ones(2), np.ones(2)), ValueError, ["delta=0"]),
    "smoothing over 1": (lambda: nn.CrossEntropyLoss(label_smoothing=2)(np.ones((2, 3)), [0, 1]), ValueError, ["label_smoothing=2"]),
    "an unknown approximation": (lambda: nn.GELU("erf")(np.ones(3)), ValueError, ["'erf'", "tanh"]),
}
# fmt: on


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str):
    call, kind, words = REFUSALS[name]
    assert_refused(call, kind, words)


def test_layer_case_inputs_are_the_same_each_time():
    for case in LAYERS.values():
        assert isinstance(case, LayerCase)
        for a, b in zip(case.inputs(), case.inputs(), strict=True):
            np.testing.assert_array_equal(a, b)
