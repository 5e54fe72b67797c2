"""Optimisers, schedules and bounds: against PyTorch, their own promises, and bad input."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optim_cases import CASES, METRICS, SCHEDULES, START, STEPS, gradients, groups
from refusals import assert_refused

from autonn import Tensor, nn, optim
from autonn import functional as F
from autonn.data import load_digits, minibatches

GOLDENS = np.load(Path(__file__).parent / "goldens" / "optim.npz", allow_pickle=False)
RULES = sorted({kind for kind, _, _ in CASES.values()})
cases = pytest.mark.parametrize("name", CASES)
schedules = pytest.mark.parametrize("name", SCHEDULES)
rules = pytest.mark.parametrize("kind", RULES)


def exported(base: type) -> set[str]:
    values = {name: getattr(optim, name) for name in optim.__all__}
    return {k for k, v in values.items() if isinstance(v, type) and issubclass(v, base)}


def test_nothing_lacks_a_case():
    assert exported(optim.Optimizer) - {"Optimizer"} == set(RULES)
    assert exported(optim.Schedule) - {"Schedule"} == {kind for kind, _, _ in SCHEDULES.values()}
    assert set(GOLDENS.files) == set(CASES) | {f"schedule {name}" for name in SCHEDULES}


# ----- The small problem of the tables -----


def parameters(dtype: Any = np.float64) -> dict[str, Tensor]:
    return {k: Tensor(v, requires_grad=True, dtype=dtype) for k, v in START.items()}


def made(name: str, ps: dict[str, Tensor]) -> optim.Optimizer:
    kind, options, other = CASES[name]
    return getattr(optim, kind)(groups(ps, other), **options)


def descend(optimizer: optim.Optimizer, ps: dict[str, Tensor], steps: int) -> np.ndarray:
    found = []
    for _ in range(steps):
        for k, g in gradients(**{k: p.data for k, p in ps.items()}).items():
            ps[k].grad = Tensor(g, dtype=ps[k].dtype)
        optimizer.step()
        found.append(np.concatenate([p.data.ravel() for p in ps.values()]))
    return np.array(found)


@cases
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-3)])
def test_trajectory_is_pytorchs(name: str, dtype: Any, tolerance: float):
    ps = parameters(dtype)
    found = descend(made(name, ps), ps, STEPS)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, GOLDENS[name], rtol=0, atol=tolerance)


def through_a_file(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    return dict(np.load(file, allow_pickle=False))


@cases
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("before", [0, 17])
def test_a_restored_state_goes_on_bit_for_bit(name: str, dtype: Any, before: int):
    ps, qs = parameters(dtype), parameters(dtype)
    first, second = made(name, ps), made(name, qs)
    descend(first, ps, before)
    for group in first.param_groups:
        group["lr"] *= 0.7  # as a schedule does
    state = first.state_dict()
    saved = through_a_file(state)
    for k, p in ps.items():
        qs[k].assign(p.data)
    second.load_state_dict(saved)
    for value in [*state.values(), *saved.values()]:  # no memory is shared
        value[...] = 0
    np.testing.assert_array_equal(descend(first, ps, 9), descend(second, qs, 9))
    assert first.param_groups[0]["lr"] == second.param_groups[0]["lr"]


@settings(max_examples=50)
@given(
    st.floats(0, 10),
    st.sampled_from([np.float32, np.float64]).flatmap(
        lambda dtype: st.tuples(
            *[arrays(dtype, (3, 2), elements={"min_value": -100, "max_value": 100})] * 2
        )
    ),
)
def test_sgd_is_its_formula_exactly(lr: float, pair: tuple[np.ndarray, np.ndarray]):
    p, g = pair
    t = Tensor(p, requires_grad=True)
    t.grad = Tensor(g)
    optim.SGD([t], lr).step()
    np.testing.assert_array_equal(t.data, p - lr * g)


def test_a_centred_variance_does_not_round_to_below_zero():
    p = Tensor([1.0, 1.0], requires_grad=True)
    optimizer = optim.RMSprop([p], alpha=0.5, centered=True)
    for _ in range(60):
        p.grad = Tensor([0.7, 1.1])
        optimizer.step()
        assert np.isfinite(p.data).all()


# ----- In place -----


@cases
def test_updates_are_in_place_but_leave_the_old_values_to_a_graph(name: str):
    ps = parameters()
    optimizer = made(name, ps)
    owned = {k: p._array for k, p in ps.items()}
    addresses = {k: array.ctypes.data for k, array in owned.items()}
    del owned
    descend(optimizer, ps, 2)
    assert {k: p._array.ctypes.data for k, p in ps.items()} == addresses

    w = ps["weight"]
    old, before = w.data.copy(), w.data
    y = (w * w * w).sum()
    w.grad = None
    w.grad = Tensor(np.ones(w.shape))
    optimizer.step()
    w.grad = None
    y.backward()
    np.testing.assert_allclose(w.grad.data, 3 * old**2, rtol=1e-14)
    np.testing.assert_array_equal(before, old)
    assert (w.data != old).all()


@cases
def test_a_step_after_the_first_allocates_next_to_nothing(name: str):
    kind, options, _ = CASES[name]
    ps = [Tensor(np.ones(n, np.float32), requires_grad=True) for n in ((300, 200), (64,), ())]
    optimizer = getattr(optim, kind)(ps, **options)
    for p in ps:
        p.grad = Tensor(np.full(p.shape, 0.5, np.float32))
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < ps[0].nbytes / 10
    assert {p.dtype for p in ps} == {np.dtype(np.float32)}
    kept = optimizer.state_dict()
    assert {v.dtype for k, v in kept.items() if k[-2:] in ("/m", "/v", "/b")} <= {ps[0].dtype}


def test_a_gradient_that_shares_the_parameters_memory_is_read_before_it_is_written():
    p = Tensor([1.0], requires_grad=True)
    p.grad = p
    optim.AdamW([p], lr=0.5, weight_decay=1.0, eps=1.0).step()
    np.testing.assert_allclose(p.data, [0.5 - 0.5 * 1 / (1 + 1)], rtol=1e-14)


# ----- What is trained -----


def network(norm: bool = True) -> nn.Module:
    rng = np.random.default_rng(0)
    middle = [nn.LayerNorm(32)] if norm else []
    return nn.Sequential(nn.Linear(64, 32, rng=rng), *middle, nn.ReLU(), nn.Linear(32, 10, rng=rng))


@rules
def test_a_network_trains(kind: str):
    digits, net, rng = load_digits(), network(), np.random.default_rng(0)
    optimizer = getattr(optim, kind)(net, lr={"SGD": 0.5, "Adagrad": 0.05}.get(kind, 0.005))
    for _ in range(4):
        for x, labels in minibatches(digits.x_train, digits.y_train, size=32, rng=rng):
            optimizer.zero_grad()
            F.cross_entropy(net(x), labels).backward()
            optimizer.step()
    accuracy = np.mean(net(digits.x_test).data.argmax(1) == digits.y_test)
    assert accuracy > 0.9
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}


def decaying(optimizer: Callable[..., optim.Optimizer], net: nn.Module, **options: Any) -> set[str]:
    """Give the names of the parameters that change when all gradients are 0."""
    for p in net.parameters():
        p.assign(np.ones(p.shape))
        p.grad = Tensor(np.zeros(p.shape, p.dtype))
    optimizer(net, lr=0.1, weight_decay=0.1, **options).step()
    return {name for name, p in net.named_parameters() if not (p.data == 1).all()}


@rules
def test_one_option_keeps_biases_and_norms_from_decay(kind: str):
    def net() -> nn.Module:
        layers = nn.Conv2d(1, 2, 3), nn.LayerNorm((2, 4, 4)), nn.Flatten(), nn.Linear(32, 4)
        layers[1].gamma.name = "scale"  # its place in the network still tells what it is
        return nn.Sequential(*layers, nn.BatchNorm1d(4), nn.Residual(nn.Linear(4, 4)))

    weights = {"0.weight", "3.weight", "5.module.weight"}
    rule = getattr(optim, kind)
    assert decaying(rule, net(), decay_all=False) == weights
    assert decaying(rule, net()) == {name for name, _ in net().named_parameters()}
    unnamed = lambda model, **options: rule(model.parameters(), **options)
    assert decaying(unnamed, net(), decay_all=False) == weights | {"1.gamma"}
    assert decaying(unnamed, nn.LayerNorm((2, 4)), decay_all=False) == set()
    assert decaying(rule, nn.LSTM(3, 4), decay_all=False) == {"weight_ih_l0", "weight_hh_l0"}


def test_decoupled_decay_shrinks_by_lr_times_lambda():
    p = Tensor([[2.0, -4.0]], requires_grad=True)
    p.grad = Tensor([[0.0, 0.0]])
    optim.AdamW([p], lr=0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(p.data, [[1.9, -3.8]], rtol=1e-15)


def test_what_has_no_gradient_stays_and_frozen_parameters_may_thaw():
    net = network(norm=False)
    net[0].freeze()
    optimizer = optim.Adam(net)
    assert optimizer.param_groups[0]["names"] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    x = np.random.default_rng(1).normal(size=(8, 64)).astype(np.float32)

    def changed() -> set[str]:
        before = net.state_dict()
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()
        return {k for k, v in net.state_dict().items() if not np.array_equal(v, before[k])}

    assert changed() == {"2.weight", "2.bias"}
    net.unfreeze()
    assert changed() == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert [int(optimizer.state_dict()[f"{i}.bias/t"]) for i in (0, 2)] == [1, 2]


def test_groups_have_names_and_options_of_their_own():
    net = network()
    parts = [
        {"params": net[0], "lr": 1.0},
        {"params": net[3].named_parameters()},
        {"params": net[1].beta},
    ]
    optimizer = optim.SGD(parts, lr=0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 0.5, 0.5]
    assert [group["names"] for group in optimizer.param_groups] == [
        ["0.weight", "0.bias"],
        ["1.weight", "1.bias"],
        ["2.0"],
    ]
    assert repr(optimizer).startswith("SGD(5 parameters, lr=0.5, momentum=0.0")


# ----- Schedules -----


def scheduled(name: str, lr: float = 0.1) -> optim.Schedule:
    pair = [Tensor([1.0], requires_grad=True) for _ in range(2)]
    optimizer = optim.SGD([{"params": pair[:1]}, {"params": pair[1:], "lr": 0.03}], lr=lr)
    kind, options, _ = SCHEDULES[name]
    return getattr(optim, kind)(optimizer, **options)


def follow(schedule: optim.Schedule, metrics: np.ndarray) -> list[list[float]]:
    found = [schedule.rates]
    for metric in metrics:
        schedule.step(metric)
        found.append(schedule.rates)
    return found


@schedules
def test_schedule_is_pytorchs(name: str):
    np.testing.assert_allclose(
        follow(scheduled(name), METRICS), GOLDENS[f"schedule {name}"], rtol=1e-12, atol=1e-17
    )


@schedules
def test_a_restored_schedule_goes_on_exactly(name: str):
    first, second = scheduled(name), scheduled(name, lr=7.0)
    follow(first, METRICS[:20])
    second.load_state_dict(through_a_file(first.state_dict()))
    assert follow(first, METRICS[20:]) == follow(second, METRICS[20:])


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("NoamLR", {"d_model": 4, "warmup": 4}, {0: 1 / 16, 1: 2 / 16, 3: 1 / 4, 15: 1 / 8}),
        ("CosineLR", {"steps": 6, "warmup": 2}, {0: 1 / 3, 1: 2 / 3, 2: 1, 4: 0.5, 6: 0, 9: 0}),
        ("CosineLR", {"steps": 4, "min_lr": 0.5}, {0: 1, 2: 0.75, 4: 0.5, 5: 0.5}),
        ("ExponentialLR", {"gamma": 0.25, "stage_length": 2}, {0: 1, 1: 0.5, 2: 0.25, 3: 0.125}),
        ("MultiStepLR", {"milestones": [0, 2]}, {0: 0.1, 1: 0.1, 2: 0.01}),
        ("ConstantLR", {}, {0: 1, 9: 1}),
    ],
)
def test_schedule_at_points_known_by_hand(
    kind: str, options: dict[str, Any], expected: dict[int, float]
):
    optimizer = optim.SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    rates = [rate for (rate,) in follow(getattr(optim, kind)(optimizer, **options), np.zeros(16))]
    assert {t: rates[t] for t in expected} == pytest.approx(expected, abs=1e-15)
    assert optimizer.param_groups[0]["lr"] == rates[-1]


# ----- Bounds -----


def gradients_of(*values: Any, dtype: Any = np.float64) -> list[Tensor]:
    ps = [Tensor(np.zeros(np.shape(v)), requires_grad=True, dtype=dtype) for v in values]
    for p, v in zip(ps, values, strict=True):
        p.grad = Tensor(v, dtype=dtype)
    return [*ps, Tensor(0.0, requires_grad=True)]  # the last one has none


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("norm", "total"), [(2.0, 13.0), (1, 19.0), (np.inf, 12.0), (3.0, 1819 ** (1 / 3))]
)
def test_clipping_by_norm(norm: float, total: float, dtype: Any):
    values = [[3.0, -4.0], 12.0]
    *ps, without = gradients_of(*values, dtype=dtype)
    assert optim.clip_grad_norm([*ps, without], 100.0, norm) == pytest.approx(total, rel=1e-12)
    assert ps[0].grad.tolist() == values[0]
    assert optim.clip_grad_norm([*ps, without], 6.5, norm) == pytest.approx(total, rel=1e-12)
    for p, v in zip(ps, values, strict=True):
        np.testing.assert_allclose(p.grad.data, np.multiply(v, 6.5 / total), rtol=1e-6)
        assert p.grad.dtype == dtype
    assert optim.clip_grad_norm(ps, 1.0, norm) == pytest.approx(6.5, rel=1e-6)
    assert without.grad is None


def test_a_norm_that_float32_cannot_hold_is_still_clipped():
    ps = gradients_of([3e30, 4e30], dtype=np.float32)
    assert optim.clip_grad_norm(ps, 5.0) == pytest.approx(5e30)
    np.testing.assert_allclose(ps[0].grad.data, [3.0, 4.0], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_norms_that_are_not_finite(bad: float):
    ps = gradients_of([1.0, bad], [2.0])
    assert not np.isfinite(optim.clip_grad_norm(ps, 1.0))
    assert ps[1].grad.tolist() == [2.0]
    assert_refused(
        lambda: optim.clip_grad_norm(ps, 1.0, error_if_nonfinite=True),
        ValueError,
        ["gradient of 0 is", "detect_anomaly"],
    )


def test_clipping_each_and_by_value():
    ps = gradients_of([3.0, -4.0], [0.5])
    held = ps[0].grad
    assert optim.clip_grad_norm_each(ps, 1.0) == [5.0, 0.5]
    assert [p.grad.tolist() for p in ps[:2]] == [[0.6000000000000001, -0.8], [0.5]]
    assert held.tolist() == [3.0, -4.0]
    optim.clip_grad_value(ps, 0.55)
    assert [p.grad.tolist() for p in ps[:2]] == [[0.55, -0.55], [0.5]]


def test_max_norm_bounds_the_weights_into_each_unit():
    net = nn.Sequential(
        nn.Linear(64, 5),
        nn.Conv2d(3, 4, 3),
        nn.ConvTranspose2d(4, 2, 3),
        nn.LayerNorm((9, 9)),
        nn.Linear(3, 3).freeze(),
    )
    rng = np.random.default_rng(0)
    for p in net.parameters():
        p.assign(
            rng.normal(size=p.shape)
            * rng.choice([0.01, 5.0], size=p.shape[:1] + (1,) * (p.ndim - 1))
        )
    addresses = [p._array.ctypes.data for p in net.parameters()]
    before = net.state_dict()
    optim.max_norm(net, 2.0)
    after = net.state_dict()
    shrunk = False
    for name, units in (("0.weight", 0), ("1.weight", 0), ("2.weight", 1)):
        w, old = (
            np.moveaxis(state[name], units, 0).reshape(before[name].shape[units], -1)
            for state in (after, before)
        )
        length = np.linalg.norm(old, axis=1, keepdims=True)
        np.testing.assert_allclose(w, old * np.minimum(1, 2 / length), rtol=1e-6)
        np.testing.assert_array_equal(w[length[:, 0] <= 2], old[length[:, 0] <= 2])
        shrunk |= bool((length <= 2).any() and (length > 2).any())
    assert shrunk
    rest = set(before) - {"0.weight", "1.weight", "2.weight"}
    assert [name for name in rest if not np.array_equal(before[name], after[name])] == []
    assert [p._array.ctypes.data for p in net.parameters()] == addresses
    w = Tensor([[3.0, 0.3], [4.0, 0.4]], requires_grad=True)
    optim.max_norm(w, 1.0, axis=-1)
    np.testing.assert_allclose(w.data, [[0.6, 0.3], [0.8, 0.4]], rtol=1e-15)


# ----- Bad input -----


def leaf(*shape: int) -> Tensor:
    return Tensor(np.ones(shape), requires_grad=True)


SHARED = leaf(2)


def loaded(other: Any, own: Any, steps: int = 1) -> Callable[[], None]:
    """Load the state of one optimiser, after a step or none, into another."""

    def call() -> None:
        first, second = other(), own()
        for p in [p for group in first.param_groups for p in group["params"]] * steps:
            p.grad = Tensor(np.ones(p.shape))
        if steps:
            first.step()
        before = second.state_dict()
        try:
            second.load_state_dict(first.state_dict())
        finally:
            after = second.state_dict()
            assert all(np.array_equal(before[k], after[k]) for k in before.keys() | after.keys())

    return call


def sgd_state(t: int = 0, **options: Any) -> dict[str, np.ndarray]:
    state = optim.SGD(leaf(2)).state_dict()
    return state | {f"SGD/0/{k}": np.array(v) for k, v in options.items()} | {"0/t": np.array(t)}


def plateau(**options: Any) -> optim.Schedule:
    return optim.ReduceLROnPlateau(optim.SGD(leaf(2)), **options)


REFUSALS: dict[str, tuple[Callable[[], Any], Any, list[str]]] = {
    "nothing": (lambda: optim.SGD([]), ValueError, ["SGD", "no parameters", "call the model once"]),
    "an empty group": (lambda: optim.SGD([{"params": []}]), ValueError, ["no parameters"]),
    "a model without parameters": (lambda: optim.SGD(nn.ReLU()), ValueError, ["no parameters"]),
    "a lazy model": (lambda: optim.Adam(nn.Sequential(nn.Linear(3, 2), nn.Linear(None, 2))), ValueError, ["Adam", "1 of Sequential", "once first"]),
    "a lazy layer": (lambda: optim.Adam(nn.Linear(None, 2)), ValueError, ["the model of Linear"]),
    "a frozen model": (lambda: optim.Adam(nn.Linear(3, 2).freeze()), ValueError, ["frozen", "unfreeze"]),
    "a number": (lambda: optim.SGD(3), TypeError, ["int", "want a Module"]),
    "an array": (lambda: optim.SGD(np.ones((2, 2))), TypeError, ["parameters are a ndarray", "want a Module"]),
    "a dict": (lambda: optim.SGD({"params": [leaf(1)]}), TypeError, ["dict", "put a group in a list"]),
    "a Module among Tensors": (lambda: optim.SGD([nn.Linear(2, 2)]), TypeError, ["parameter 0 is a Linear", "stands in a group"]),
    "a Tensor among groups": (lambda: optim.SGD([{"params": [leaf(1)]}, leaf(1)]), TypeError, ["item 1 is a Tensor among groups"]),
    "a constant": (lambda: optim.SGD([leaf(1), Tensor([1.0])]), ValueError, ["parameter 1", "does not require grad"]),
    "no leaf": (lambda: optim.SGD([("w", leaf(1) * 2)]), ValueError, ["parameter w", "multiply", "want a leaf"]),
    "the same twice": (lambda: optim.SGD([SHARED, SHARED]), ValueError, ["0 and 1 are the same Tensor"]),
    "the same in two groups": (lambda: optim.SGD([{"params": SHARED}, {"params": SHARED}]), ValueError, ["0.0 and 1.0 are the same"]),
    "one name twice": (lambda: optim.SGD([("w", leaf(1)), ("w", leaf(1))]), ValueError, ["two parameters are called", "w"]),
    "a negative rate": (lambda: optim.SGD(leaf(1), lr=-1), ValueError, ["lr=-1", "0 or more"]),
    "a rate that is no number": (lambda: optim.SGD(leaf(1), lr=np.nan), ValueError, ["lr=nan"]),
    "an infinite rate": (lambda: optim.SGD(leaf(1), lr=np.inf), ValueError, ["lr=inf", "finite"]),
    "a rate of another type": (lambda: optim.SGD(leaf(1), lr="fast"), TypeError, ["lr='fast'", "want a number"]),
    "a large beta": (lambda: optim.Adam(leaf(1), betas=(0.9, 1.0)), ValueError, ["betas=1.0", "less than 1"]),
    "one beta": (lambda: optim.Adam(leaf(1), betas=0.9), TypeError, ["betas=0.9", "want 2 numbers"]),
    "a flag that is a number": (lambda: optim.SGD(leaf(1), nesterov=1), TypeError, ["nesterov=1", "True or False"]),
    "Nesterov without momentum": (lambda: optim.SGD(leaf(1), nesterov=True), ValueError, ["nesterov", "momentum=0.0"]),
    "Nesterov in a group": (lambda: optim.SGD([{"params": leaf(1), "momentum": 0.0}], momentum=0.9, nesterov=True), ValueError, ["nesterov"]),
    "an option that is nearly right": (lambda: optim.SGD([{"params": leaf(1), "momentun": 0.9}]), ValueError, ["group 0", "'momentun'", "did you mean 'momentum'"]),
    "an unknown option": (lambda: optim.Adam([{"params": leaf(1), "zz": 1}]), ValueError, ["'zz'", "there are lr, betas"]),
    "a group without params": (lambda: optim.SGD([{"lr": 1.0}]), ValueError, ['no "params"', "only lr"]),
    "a step without gradients": (lambda: optim.SGD(leaf(1)).step(), ValueError, ["SGD.step", "loss.backward()", "astype"]),
    "the state of another model": (loaded(lambda: optim.Adam([("w", leaf(2)), ("u", leaf(3))]), lambda: optim.Adam([("w", leaf(2)), ("b", leaf(1))])), ValueError, ["missing: b/t", "unexpected: u/t", "unexpected: u/m"]),
    "the state of a larger model": (loaded(lambda: optim.Adam(leaf(3)), lambda: optim.Adam(leaf(2))), ValueError, ["0/m has shape (3,); want (2,)", "0/v has"]),
    "the state of another optimiser": (loaded(lambda: optim.Adam(leaf(2)), lambda: optim.AdamW(leaf(2))), ValueError, ["missing: AdamW/0/lr", "unexpected: Adam/0/lr"]),
    "a state with more groups": (loaded(lambda: optim.SGD([{"params": leaf(2)}, {"params": leaf(2)}], 0.1), lambda: optim.SGD(leaf(2))), ValueError, ["unexpected: SGD/1/lr"]),
    "a state without what it remembers": (lambda: optim.SGD(leaf(2)).load_state_dict(sgd_state(t=3, momentum=0.9)), ValueError, ["missing: 0/v"]),
    "a state of options that do not go together": (lambda: optim.SGD(leaf(2)).load_state_dict(sgd_state(nesterov=True)), ValueError, ["nesterov=True with momentum=0.0"]),
    "a state that is out of range": (lambda: optim.SGD(leaf(2)).load_state_dict({"SGD/0/lr": np.array(-1.0)}), ValueError, ["lr=-1.0"]),
    "no state": (lambda: optim.SGD(leaf(2)).load_state_dict(None), TypeError, ["load_state_dict of SGD: state=None", "dict of arrays"]),
    "a state without names": (lambda: optim.SGD(leaf(2)).load_state_dict({3: 1.0}), TypeError, ["key 3", "strings"]),
    "steps that are no number": (lambda: optim.SGD(leaf(2)).load_state_dict(sgd_state(t=np.nan)), TypeError, ["0/t=nan", "whole number"]),
    "fewer than no steps": (lambda: optim.SGD(leaf(2)).load_state_dict(sgd_state(t=-1)), ValueError, ["0/t=-1"]),
    "a schedule's state of ragged lists": (lambda: plateau().load_state_dict(plateau().state_dict() | {"base": [1, [2]]}), ValueError, ["base has shape ()"]),
    "a schedule's rate that is no number": (lambda: plateau().load_state_dict(plateau().state_dict() | {"rates": [np.nan]}), ValueError, ["rates=nan"]),
    "a schedule before its begin": (lambda: plateau().load_state_dict(plateau().state_dict() | {"t": -1}), ValueError, ["t=-1"]),
    "no milestones": (lambda: optim.MultiStepLR(optim.SGD(leaf(2)), 3), TypeError, ["milestones=3", "[30, 60]"]),
    "half a milestone": (lambda: optim.MultiStepLR(optim.SGD(leaf(2)), [1.5]), TypeError, ["milestones=1.5"]),
    "a staircase in words": (lambda: optim.ExponentialLR(optim.SGD(leaf(2)), 0.5, staircase="no"), TypeError, ["staircase='no'", "True or False"]),
    "a metric in words": (lambda: plateau().step("good"), TypeError, ["metric='good'", "want a number"]),
    "several metrics": (lambda: plateau().better(np.ones(3)), TypeError, ["metric=an array of shape (3,)"]),
    "an axis in words": (lambda: optim.max_norm(nn.Linear(2, 2), 1.0, axis="out"), TypeError, ["axis='out'"]),
    "a bound that is no number": (lambda: optim.clip_grad_norm(gradients_of([1.0]), np.nan), ValueError, ["max_norm=nan"]),
    "a schedule of no optimiser": (lambda: optim.StepLR([leaf(2)], 3), TypeError, ["StepLR: optimizer=[", "want an Optimizer"]),
    "a step size of 0": (lambda: optim.StepLR(optim.SGD(leaf(2)), 0), ValueError, ["step_size=0", "1 or more"]),
    "half a step": (lambda: optim.StepLR(optim.SGD(leaf(2)), 1.5), TypeError, ["step_size=1.5", "whole number"]),
    "a gamma above 1": (lambda: optim.ExponentialLR(optim.SGD(leaf(2)), 2), ValueError, ["gamma=2", "0 to 1"]),
    "more warm-up than steps": (lambda: optim.CosineLR(optim.SGD(leaf(2)), 5, 5), ValueError, ["steps=5", "more than warmup"]),
    "no metric": (lambda: plateau().step(), TypeError, ["step(loss)"]),
    "an unknown mode": (lambda: plateau(mode="least"), ValueError, ["'least'", "'min' or 'max'"]),
    "an unknown threshold mode": (lambda: plateau(threshold_mode="absolute"), ValueError, ["'absolute'", "'rel' or 'abs'"]),
    "a factor of 1": (lambda: plateau(factor=1.0), ValueError, ["factor", "less than 1"]),
    "a factor in words": (lambda: plateau(factor="half"), TypeError, ["factor='half'", "want a finite number"]),
    "the state of another schedule": (lambda: plateau().load_state_dict(optim.ConstantLR(optim.SGD(leaf(2))).state_dict()), ValueError, ["ReduceLROnPlateau", "missing: bad", "missing: best"]),
    "the schedule of other groups": (lambda: plateau().load_state_dict(scheduled("metric").state_dict()), ValueError, ["base has shape (2,); want (1,)"]),
    "clipping before backward": (lambda: optim.clip_grad_norm(leaf(2), 1.0), ValueError, ["clip_grad_norm", "loss.backward()"]),
    "clipping to nothing": (lambda: optim.clip_grad_value(gradients_of([1.0]), 0), ValueError, ["clip_value=0", "above 0"]),
    "clipping to a word": (lambda: optim.clip_grad_norm(gradients_of([1.0]), "1"), TypeError, ["max_norm='1'", "want a number"]),
    "max_norm of a bias": (lambda: optim.max_norm(leaf(2), 1.0), ValueError, ["max_norm", "(out, in, *kernel)", "0 (2,)"]),
    "max_norm along no axis": (lambda: optim.max_norm(leaf(2, 2), 1.0, axis=2), ValueError, ["no axis 2", "(2, 2)"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_bad_input_is_refused(name: str):
    assert_refused(*REFUSALS[name])
