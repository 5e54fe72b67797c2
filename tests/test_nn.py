"""Modules: what they hold, how they change, what they refuse. Layers: values, gradients, shapes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from refusals import assert_refused

from autonn import Tensor, gradcheck, init, nn, no_grad


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Net(nn.Module):
    """Modules as attributes, in lists and in dicts, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4, rng=rng(1))
        self.blocks = [nn.Residual(nn.Linear(4, 4, rng=rng(2))), nn.Identity()]
        self.heads = {
            "a": nn.Linear(4, 2, rng=rng(3)),
            "b": nn.Linear(4, 1, bias=False, rng=rng(4)),
        }
        self.steps = Tensor(np.zeros(1))

    def forward(self, x: Any) -> Any:
        h = np.tanh(self.first(x))  # (N, 4)
        for block in self.blocks:
            h = block(h)
        return self.heads["a"](h) * self.heads["b"](h)  # (N, 2)


NAMES = ["first.weight", "first.bias", "blocks.0.module.weight", "blocks.0.module.bias"]
NAMES += ["heads.a.weight", "heads.a.bias", "heads.b.weight"]


# ----- What a module holds -----


def test_parameters_are_found_by_name_wherever_they_stand():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_buffers()] == ["steps"]
    assert [name for name, _ in net.named_modules()] == [
        "", "first", "blocks.0", "blocks.0.module", "blocks.1", "heads.a", "heads.b",
    ]  # fmt: skip
    assert net.first.weight.name == "weight"


def test_a_shared_parameter_counts_once():
    net = nn.Sequential(nn.Linear(3, 3, rng=rng()), nn.Linear(3, 3, rng=rng()))
    net[1].weight = net[0].weight
    assert len(list(net.parameters())) == 3
    x = rng().normal(size=(2, 3)).astype(np.float32)
    net(x).sum().backward()
    alone = nn.Linear(3, 3, rng=rng())
    assert net[0].weight.grad is not None
    assert net.astype(np.float64)[1].weight is net[0].weight
    assert alone.weight.grad is None


def test_state_goes_out_and_comes_back():
    net, other = Net(), Net()
    for p in other.parameters():
        p.assign(p.data + 1)
    other.steps.assign(7)
    net.load_state_dict(other.state_dict())
    x = rng().normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(net(x).data, other(x).data)
    assert net.steps.item() == 7
    state = net.state_dict()
    state["first.bias"][:] = 99
    assert net.first.bias.data.max() < 99


def test_what_is_shared_is_saved_under_each_name():
    net = nn.Sequential(nn.Linear(3, 3, rng=rng()), nn.Linear(3, 3, rng=rng()))
    net[1].weight = net[0].weight
    setattr(net, "2", net[0])
    state = net.state_dict()
    assert set(state) == {f"{i}.{name}" for i in range(3) for name in ("weight", "bias")}
    net.load_state_dict({k: v + 1 for k, v in state.items()})
    np.testing.assert_array_equal(net[1].weight.data, state["0.weight"] + 1)
    state["1.weight"] += 1
    words = ["0.weight and 1.weight are one Tensor here, but two in the state"]
    assert_refused(lambda: net.load_state_dict(state), ValueError, words)
    assert_refused(
        lambda: net.load_state_dict({"0.weight": np.ones((3, 3))}),
        ValueError,
        ["missing: 1.weight"],
    )


def test_a_state_may_be_taken_in_part():
    net = Net()
    before = net.state_dict()
    net.load_state_dict({"first.bias": before["first.bias"] + 1, "other": 3}, strict=False)
    np.testing.assert_array_equal(net.first.bias.data, before["first.bias"] + 1)
    np.testing.assert_array_equal(net.first.weight.data, before["first.weight"])


def test_modes_reach_all_modules():
    net = Net()
    net.eval()
    assert not any(module.training for _, module in net.named_modules())
    net.train()
    assert all(module.training for _, module in net.named_modules())


def test_gradients_pass_through_what_is_frozen():
    net = nn.Sequential(nn.Linear(3, 4, rng=rng()), nn.Linear(4, 2, rng=rng()))
    net[1].freeze()
    net(np.ones((1, 3), np.float32)).sum().backward()
    assert net[0].weight.grad is not None
    assert net[1].weight.grad is None
    assert [name for name, _ in net.named_parameters()] == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
    ]
    net[1].unfreeze()
    net.zero_grad()
    net(np.ones((1, 3), np.float32)).sum().backward()
    assert net[1].weight.grad is not None


def test_dtypes_change_together():
    net = Net().astype(np.float64)
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float64)}
    assert net(np.ones((1, 3))).dtype == np.float64
    assert all(p.requires_grad for p in net.parameters())


def test_hooks_see_and_replace_the_output():
    net, seen = Net(), []
    remove = net.first.register_forward_hook(
        lambda module, args, y: seen.append((module, args[0].shape, y.shape))
    )
    net(np.ones((2, 3), np.float32))
    assert seen == [(net.first, (2, 3), (2, 4))]
    remove()
    net.register_forward_hook(lambda module, args, y: y * 0)
    assert not net(np.ones((2, 3), np.float32)).data.any()
    assert len(seen) == 1


def test_shapes_are_seen_from_the_first_input():
    lazy, explicit = nn.Linear(None, 4, rng=rng()), nn.Linear(3, 4, rng=rng())
    assert list(lazy.parameters()) == []
    x = rng().normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(lazy(x).data, explicit(x).data)
    assert lazy.in_features == 3
    assert repr(lazy) == "Linear(3 → 4)"


def test_a_copy_is_another_module():
    net = Net()
    twin = copy.deepcopy(net)
    twin.first.weight.assign(0)
    assert net.first.weight.data.any()
    assert [name for name, _ in twin.named_parameters()] == NAMES


def test_repr_is_a_tree():
    assert (
        repr(Net())
        == """\
Net(
  (first): Linear(3 → 4)
  (blocks.0): Residual(
    (module): Linear(4 → 4)
  )
  (blocks.1): Identity()
  (heads.a): Linear(4 → 2)
  (heads.b): Linear(4 → 1, no bias)
)"""
    )


# ----- What users do to modules -----


def test_what_forward_keeps_is_no_parameter():
    class Keeper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            self.last = self.inner(x)
            return self.last

    keeper = Keeper()
    keeper(np.ones((1, 2), np.float32))
    assert [name for name, _ in keeper.named_parameters()] == ["inner.weight", "inner.bias"]
    keeper.freeze().unfreeze()
    Keeper().load_state_dict(keeper.state_dict())


def test_what_is_asked_before_the_first_call_is_done_at_it():
    net = nn.Sequential(nn.Linear(None, 3), nn.BatchNorm1d()).astype(np.float64).freeze()
    assert net(np.ones((2, 4)) * [[1], [2]]).dtype == np.float64
    assert {(p.dtype, p.requires_grad) for p in net.parameters()} == {(np.dtype(np.float64), False)}


@pytest.mark.parametrize(
    ("layer", "wrong", "right"),
    [
        (lambda: nn.Conv1d(None, 2, 1), np.ones(3), np.ones((2, 4, 3))),
        (lambda: nn.GRU(None, 2), np.ones((5, 7)), np.ones((5, 2, 3))),
        (lambda: nn.BatchNorm2d(), np.ones((5, 7)), np.ones((2, 3, 4, 4))),
        (lambda: nn.Linear(None, 2), np.float64(1), np.ones((2, 3))),
        (lambda: nn.GroupNorm(2), np.float64(1), np.ones((2, 4))),
        (lambda: nn.Linear(None, 2), np.ones((2, 0)), np.ones((2, 3))),
    ],
)
def test_a_wrong_first_call_leaves_no_trace(layer: Any, wrong: Any, right: Any):
    layer = layer()
    with pytest.raises(ValueError, match=type(layer).__name__):
        layer(wrong)
    layer(right)


def test_inputs_may_come_by_name():
    for layer in (nn.Linear(3, 2), nn.Linear(None, 2), nn.BatchNorm1d()):
        layer(x=np.ones((4, 3), np.float32))
    nn.LSTM(None, 2)(x=np.ones((4, 1, 3), np.float32), mask=np.ones((4, 1), bool))


def test_a_seed_is_a_generator_of_its_own():
    a, b, c = nn.Linear(3, 2, rng=0), nn.Linear(3, 2, rng=rng(0)), nn.Linear(3, 2)
    np.testing.assert_array_equal(a.weight.data, b.weight.data)
    assert (a.weight.data != c.weight.data).any()


def test_every_module_can_be_copied_and_pickled():
    layer = nn.TransformerEncoderLayer(4, 2, 8, rng=0)
    x = np.ones((3, 2, 4), np.float32)
    for other in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        np.testing.assert_array_equal(other.eval()(x).data, layer.eval()(x).data)


def test_a_module_may_know_its_parent():
    net = nn.Sequential(nn.Linear(2, 2))
    net[0].parent = net
    assert set(net.state_dict()) == {"0.weight", "0.bias"}


def test_integers_are_not_cut_off():
    layer = nn.Dropout(0.5)
    layer.fix(Tensor([True, False]))
    assert layer(np.array([3, 3])).tolist() == [6, 0]
    assert nn.PositionalEncoding(2)(np.zeros((2, 2), int))[1, 0] == pytest.approx(np.sin(1))
    assert nn.MaxPool1d(2, padding=1)(np.arange(6).reshape(1, 1, 6)).tolist() == [[[0, 2, 4, 5]]]


def test_scalars_of_numpy_do_not_widen():
    x = np.ones((2, 3), np.float32)
    for layer in (nn.LayerNorm(3, np.float64(1e-5)), nn.LeakyReLU(np.float64(0.1))):
        assert layer(x).dtype == np.float32


# ----- Layers -----


def test_linear_is_its_formula():
    layer = nn.Linear(3, 2, rng=rng()).astype(np.float64)
    x = rng().normal(size=(4, 5, 3))
    np.testing.assert_allclose(layer(x).data, x @ layer.weight.data.T + layer.bias.data, rtol=1e-15)
    bound = 1 / np.sqrt(3)
    assert np.abs(layer.weight.data).max() <= bound
    W, b = layer.weight.data, layer.bias.data

    def f(x: Any, W: Any, b: Any) -> Any:
        layer.weight, layer.bias = W, b
        return layer(x)

    gradcheck(f, x[:2, 0], W, b, order=2)


def test_flatten_keeps_what_it_is_told():
    x = np.ones((2, 3, 4))
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0, -2)(x).shape == (6, 4)
    assert nn.Flatten(0)(x).shape == (24,)
    assert nn.Flatten()(np.ones((0, 3, 4))).shape == (0, 12)


def test_add_and_multiply_take_any_number():
    x, y, z = (rng(k).normal(size=(2, 3)) for k in range(3))
    gradcheck(nn.Add(), x, y, z, order=2)
    gradcheck(nn.Multiply(), x, y, z[:1], order=2)
    np.testing.assert_array_equal(nn.Add()(x, y, z), x + y + z)
    np.testing.assert_array_equal(nn.Multiply()(x, y, z), x * y * z)


def test_a_module_records_nothing_without_grad():
    with no_grad():
        assert not Net()(np.ones((1, 3), np.float32)).requires_grad


# ----- Initialisers -----

SCALES: dict[str, tuple[Callable[..., Any], float, float]] = {
    "uniform": (lambda s, g: init.uniform(s, g, -3, 3), 3**0.5, 3),
    "normal": (lambda s, g: init.normal(s, g, std=2), 2, np.inf),
    "truncated_normal": (
        lambda s, g: init.truncated_normal(s, g, std=2),
        2 * 0.8796256610342398,
        4,
    ),
    "xavier_uniform": (init.xavier_uniform, (2 / 500) ** 0.5, (6 / 500) ** 0.5),
    "xavier_normal": (init.xavier_normal, (2 / 500) ** 0.5, np.inf),
    "kaiming_uniform": (init.kaiming_uniform, (2 / 300) ** 0.5, (6 / 300) ** 0.5),
    "kaiming_normal": (init.kaiming_normal, (2 / 300) ** 0.5, np.inf),
    "lecun_uniform": (init.lecun_uniform, (1 / 300) ** 0.5, (3 / 300) ** 0.5),
    "lecun_normal": (init.lecun_normal, (1 / 300) ** 0.5, np.inf),
}


@pytest.mark.parametrize("name", SCALES)
def test_initial_values_have_their_scale(name: str):
    function, std, bound = SCALES[name]
    w = function((200, 300), rng())
    assert w.dtype == np.float32
    assert abs(w.mean()) < 4 * std / np.sqrt(w.size)
    assert w.std() == pytest.approx(std, rel=0.02)
    assert np.abs(w).max() <= bound * (1 + 1e-6)
    np.testing.assert_array_equal(w, function((200, 300), rng()))


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 2, 3, 3)])
def test_orthogonal_is(shape: tuple[int, ...]):
    w = init.orthogonal(shape, rng(), gain=2.0, dtype=np.float64).reshape(shape[0], -1)
    small = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)


def test_constants_fans_and_gains():
    assert init.zeros((2,)).tolist() == [0, 0]
    assert init.ones((2,)).tolist() == [1, 1]
    assert init.constant((2,), 3.0).tolist() == [3, 3]
    assert init.fans((16, 3, 5, 5)) == (75, 400)
    assert init.gain("leaky_relu", 0.3) == pytest.approx((2 / 1.09) ** 0.5)
    assert init.gain("tanh") == 5 / 3


# ----- Refusals -----


class Forgetful(nn.Module):
    def __init__(self) -> None:
        self.weight = Tensor([1.0], requires_grad=True)


def wrong_state() -> None:
    state = Net().state_dict()
    state["first.bias"] = np.zeros(9)
    state["extra"] = state.pop("first.weight")
    Net().load_state_dict(state)


# fmt: off
REFUSALS: dict[str, tuple[Callable[[], Any], type[Exception], list[str]]] = {
    "no super().__init__()": (Forgetful, TypeError, ["Forgetful", "super().__init__()"]),
    "no forward": (lambda: nn.Module()(1.0), NotImplementedError, ["Module", "forward"]),
    "a state that does not fit": (wrong_state, ValueError, ["missing: first.weight", "unexpected: extra", "first.bias has shape (9,); want (4,)"]),
    "a state for what is not built": (lambda: nn.Linear(None, 2).load_state_dict({"weight": np.ones((2, 3))}), ValueError, ["unexpected: weight", "call it once"]),
    "another number of features": (lambda: nn.Linear(3, 2)(np.ones((4, 5))), ValueError, ["Linear(3 → 2)", "(4, 5)", "(..., 3)"]),
    "a number where features belong": (lambda: nn.Linear(3, 2)(np.float64(1.0)), ValueError, ["()", "(..., 3)"]),
    "no module in a Sequential": (lambda: nn.Sequential(nn.Identity(), 3), TypeError, ["item 1", "3"]),
    "a class in a Sequential": (lambda: nn.Sequential(nn.ReLU), TypeError, ["item 0", "ReLU", "brackets"]),
    "a function in a Sequential": (lambda: nn.Sequential(np.tanh), TypeError, ["item 0", "tanh", "Module"]),
    "a list for an input": (lambda: nn.Linear(3, 2)([[1.0, 2.0, 3.0]]), TypeError, ["Linear(3 → 2)", "list", "array or a Tensor"]),
    "no features": (lambda: nn.Linear(0, 2), ValueError, ["Linear", "in_features=0", "1 or more"]),
    "words for a state": (lambda: nn.Linear(1, 1).load_state_dict({"weight": [["a"]], "bias": [0]}), ValueError, ["weight is <U1", "numbers"]),
    "a state for a Sequential that is not built": (lambda: nn.Sequential(nn.Linear(None, 2)).load_state_dict({"0.weight": np.ones((2, 3))}, strict=False), ValueError, ["0 makes its parameters", "call it once"]),
    "axes in the wrong order": (lambda: nn.Flatten(2, 1)(np.ones((2, 3, 4))), ValueError, ["Flatten(2, 1)", "(2, 3, 4)"]),
    "a gain that is not there": (lambda: init.gain("tnah"), ValueError, ["'tnah'", "tanh"]),
    "fans of a vector": (lambda: init.fans((3,)), ValueError, ["(3,)", "(out, in, *kernel)"]),
}
# fmt: on


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str):
    call, kind, words = REFUSALS[name]
    assert_refused(call, kind, words)
