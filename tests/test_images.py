"""Convolution and pooling: what they promise beyond the tables, summaries, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from refusals import assert_refused

import autonn
from autonn import Tensor, nn
from autonn import functional as F
from autonn.operands import bare


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ----- Convolution -----


def test_convolution_is_its_formula():
    x, w, b = (
        rng(1).normal(size=(2, 4, 6, 5)),
        rng(2).normal(size=(6, 2, 3, 2)),
        rng(3).normal(size=6),
    )
    y = F.conv(x, w, b, stride=(2, 1), padding=((1, 2), (0, 1)), dilation=(1, 2), groups=2)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 2), (0, 1)))
    expected = np.zeros((2, 6, 4, 4))
    for n, o, i, j in np.ndindex(*expected.shape):
        seen = padded[n, o // 3 * 2 : o // 3 * 2 + 2, 2 * i : 2 * i + 3, j : j + 3 : 2]
        expected[n, o, i, j] = b[o] + (w[o] * seen).sum()
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)


def test_three_spatial_axes_work_too():
    x, w = rng(1).normal(size=(1, 2, 4, 5, 3)), rng(2).normal(size=(3, 2, 2, 3, 2))
    y = F.conv(x, w, padding="same")
    assert y.shape == (1, 3, 4, 5, 3)
    shifted = F.conv_transpose(y, w, padding=((0, 1), (1, 1), (0, 1)))
    assert np.vdot(shifted, x) == pytest.approx(np.vdot(y, y))
    assert F.max_pool(x, (2, 3, 1)).shape == (1, 2, 2, 1, 3)


def test_a_causal_convolution_sees_nothing_that_comes_later():
    layer = nn.Conv1d(2, 3, 3, padding="causal", dilation=2, rng=rng())
    x = rng(1).normal(size=(1, 2, 9)).astype(np.float32)
    changed = x.copy()
    changed[..., 5:] += 1
    a, b = bare(layer(x)), bare(layer(changed))
    assert a.shape == (1, 3, 9)
    np.testing.assert_array_equal(a[..., :5], b[..., :5])
    assert (a[..., 5:] != b[..., 5:]).all()


LAYERS: dict[str, Callable[..., nn.Module]] = {
    "Conv2d": lambda **o: nn.Conv2d(4, 6, 3, 2, 1, rng=rng(), **o),
    "Conv2d circular": lambda **o: nn.Conv2d(
        4, 6, 3, padding="same", padding_mode="circular", rng=rng(), **o
    ),
    "ConvTranspose2d": lambda **o: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, rng=rng(), **o),
    "MaxPool2d": lambda **o: nn.MaxPool2d(3, 2, 1, ceil_mode=True, **o),
    "AvgPool2d": lambda **o: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False, **o),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_channels_last_is_channels_first_moved(name: str, batch: int):
    first, last = (LAYERS[name](channels_last=c).astype(np.float64) for c in (False, True))
    x = rng(1).normal(size=(batch, 4, 6, 7))
    a, b = Tensor(x, requires_grad=True), Tensor(np.moveaxis(x, 1, -1), requires_grad=True)
    y, z = first(a), last(b)
    np.testing.assert_allclose(np.moveaxis(z.data, -1, 1), y.data, rtol=1e-12)
    np.square(y).sum().backward()
    np.square(z).sum().backward()
    np.testing.assert_allclose(np.moveaxis(b.grad.data, -1, 1), a.grad.data, rtol=1e-12)
    for p, q in zip(first.parameters(), last.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.data, q.grad.data, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("make", [lambda n: nn.Conv2d(n, 4, 3, rng=rng()), lambda n: nn.ConvTranspose1d(n, 4, 3, rng=rng()), lambda n: nn.Conv2d(n, 4, 3, groups=2, channels_last=True, rng=rng())])  # fmt: skip
def test_channels_are_seen_from_the_first_input(make: Callable[..., Any]):
    explicit, lazy = make(6), make(None)
    shape = {"L": (2, 6, 5), "HW": (2, 6, 5, 6)}[explicit.spatial]
    x = rng(1).normal(size=shape).astype(np.float32)
    assert list(lazy.parameters()) == []
    np.testing.assert_array_equal(bare(lazy(x)), bare(explicit(x)))
    assert repr(lazy) == repr(explicit)
    lazy.load_state_dict(explicit.state_dict())


def test_a_transposed_output_may_lie_in_its_output_padding():
    layer = nn.ConvTranspose1d(2, 3, 1, stride=3, padding=1, output_padding=2)
    y = layer(np.ones((2, 2, 1), np.float32))  # length (1 - 1) 3 - 2 + 0 + 2 + 1 = 1
    np.testing.assert_array_equal(y.data[0, :, 0], layer.bias.data)


# ----- Pooling -----


def test_padding_never_is_the_largest():
    x = -np.ones((1, 1, 3, 3))
    np.testing.assert_array_equal(F.max_pool(x, 3, 1, 1), x)
    assert F.max_pool(x, 2, 2, 1, ceil_mode=True).max() == -1


def test_equal_elements_share_the_gradient():
    x = Tensor([[[1.0, 1.0, 0.0, 2.0]]], requires_grad=True)
    F.max_pool(x, 2).sum().backward()
    assert x.grad.tolist() == [[[0.5, 0.5, 0, 1]]]


# ----- Summaries -----


def test_a_summary_counts_what_backward_needs():
    net = nn.Sequential(
        nn.Linear(None, 32), nn.BatchNorm1d(), nn.Tanh(), nn.Dropout(), nn.Linear(32, 3)
    )
    x = rng().normal(size=(50, 8)).astype(np.float32)
    told = autonn.summary(net, x)
    assert net[0].weight is None  # it was a copy that saw its first input
    rows = {row.name: row for row in told.rows}
    assert rows["0"].output == ((50, 32),)
    assert [rows[name].parameters for name in "01234"] == [8 * 32 + 32, 64, 0, 0, 32 * 3 + 3]
    assert told.parameters == 288 + 64 + 99
    assert rows["2"].saved == 50 * 32 * 4  # tanh keeps its output
    assert rows["0"].saved == 50 * 8 * 4  # the matrix product its input
    y = net(x)
    kept, stack, seen = {}, [y.node], set()
    parameters = {id(bare(p)) for p in net.parameters()}
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            stack += node.parents
            for a in node.kept.values():
                while isinstance(getattr(a, "base", None), np.ndarray):
                    a = a.base
                if isinstance(a, np.ndarray) and id(a) not in parameters:
                    kept[id(a)] = a.nbytes
    assert told.saved == sum(kept.values())
    assert max(map(len, str(told).splitlines())) <= 80


def test_a_summary_changes_nothing():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5, rng=rng()))
    state = net.state_dict()
    told = autonn.summary(net, np.ones((4, 3), np.float32) * [[1], [2], [3], [4]])
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, state[key])
    assert net[1].mask is None
    assert told.rows[0].output == ((4, 3),)


def test_a_summary_names_what_was_not_called():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 5)

        def forward(self, x: Any) -> Any:
            return self.used(self.used(x)), x

    told = autonn.summary(Two(), np.ones((1, 2), np.float32))
    assert [row.output for row in told.rows] == [((1, 2), (1, 2)), ((1, 2),), ()]
    assert "not called" in str(told)


def test_an_anomaly_names_the_layer():
    net = nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(1e308))
    with autonn.detect_anomaly():
        assert_refused(
            lambda: net(np.full((1, 2), -9e9, np.float32)),
            FloatingPointError,
            ["in Sequential() > LeakyReLU(1e+308)"],
        )


# ----- Refusals -----

IMAGE = np.ones((2, 1, 5, 5))
# fmt: off
REFUSALS: dict[str, tuple[Callable[[], Any], type[Exception], list[str]]] = {
    "another number of channels": (lambda: nn.Conv2d(3, 16, 3)(IMAGE), ValueError, ["Conv2d(3 → 16, kernel 3×3)", "(2, 1, 5, 5)", "1 channel,", "expected 3: (N, 3, H, W)"]),
    "channels first where they are last": (lambda: nn.Conv2d(1, 16, 3, channels_last=True)(IMAGE), ValueError, ["5 channels", "(N, H, W, 1)"]),
    "no batch axis": (lambda: nn.Conv2d(1, 16, 3)(IMAGE[0]), ValueError, ["(1, 5, 5)", "(N, 1, H, W)"]),
    "an image for a sequence": (lambda: nn.Conv1d(1, 16, 3)(IMAGE), ValueError, ["(2, 1, 5, 5)", "(N, 1, L)"]),
    "a list": (lambda: nn.Conv1d(1, 16, 3)([[[1.0]]]), TypeError, ["Conv1d", "list", "array or a Tensor"]),
    "a kernel larger than the input": (lambda: nn.Conv2d(1, 16, 7)(IMAGE), ValueError, ["Conv2d(1 → 16", "kernel 7", "5 + 0 + 0"]),
    "a dilated kernel larger than the input": (lambda: nn.Conv2d(1, 16, 3, dilation=3)(IMAGE), ValueError, ["spanning 7"]),
    "groups that do not divide": (lambda: nn.Conv2d(4, 6, 3, groups=4), ValueError, ["Conv2d(4 → 6", "4 groups"]),
    "groups that do not divide what is seen": (lambda: nn.Conv2d(None, 6, 3, groups=2)(IMAGE), ValueError, ["1 and 6 channels", "2 groups"]),
    "a kernel of another rank": (lambda: nn.Conv1d(1, 2, (3, 3)), ValueError, ["Conv1d", "kernel_size=(3, 3)"]),
    "a kernel of nothing": (lambda: nn.Conv2d(1, 2, 0), ValueError, ["Conv2d", "kernel_size=0"]),
    "a kernel of a half": (lambda: nn.Conv2d(1, 2, 1.5), TypeError, ["kernel_size=1.5"]),
    "a stride of 0": (lambda: nn.Conv2d(1, 2, 3, 0)(IMAGE), ValueError, ["Conv2d", "stride=0"]),
    "an unknown padding": (lambda: nn.Conv2d(1, 2, 3, padding="full")(IMAGE), ValueError, ["'full'", "'same'"]),
    "causal images": (lambda: nn.Conv2d(1, 2, 3, padding="causal")(IMAGE), ValueError, ["'causal'", "'same'"]),
    "the same length with a stride": (lambda: nn.Conv2d(1, 2, 3, 2, "same")(IMAGE), ValueError, ["'same'", "stride (2, 2)", "[(3, 3), (3, 3)]"]),
    "half a pair": (lambda: nn.Conv1d(1, 2, 3, padding=((1,),))(IMAGE[0]), ValueError, ["(1,)"]),
    "a negative padding": (lambda: nn.Conv2d(1, 2, 3, padding=-1)(IMAGE), ValueError, ["padding=-1"]),
    "an unknown padding mode": (lambda: nn.Conv2d(1, 2, 3, padding=1, padding_mode="mirror")(IMAGE), ValueError, ["'mirror'", "reflect"]),
    "more padding than there is to reflect": (lambda: nn.Conv2d(1, 2, 3, padding=5, padding_mode="reflect")(IMAGE), ValueError, ["'reflect'", "length 5", "4 or less"]),
    "an output padding of a stride": (lambda: nn.ConvTranspose2d(1, 2, 3, 2, output_padding=2)(IMAGE), ValueError, ["output_padding=2", "less than", "2"]),
    "a transposed padding in words": (lambda: nn.ConvTranspose2d(1, 2, 3, padding="same")(IMAGE), ValueError, ["'same'", "numbers"]),
    "a padding that cuts off all": (lambda: nn.ConvTranspose2d(1, 2, 1, padding=3)(IMAGE), ValueError, ["(-1, -1)", "cuts off all"]),
    "a weight that does not fit": (lambda: F.conv_transpose(IMAGE, np.ones((2, 3, 3, 3))), ValueError, ["1 input channels", "(2, 3, 3, 3)"]),
    "no groups to spread": (lambda: F.conv_transpose(IMAGE, np.ones((1, 2, 3, 3)), groups=0), ValueError, ["conv_transpose", "groups=0"]),
    "a weight of another rank": (lambda: F.conv(IMAGE, np.ones((2, 1, 3))), ValueError, ["(2, 1, 5, 5)", "(2, 1, 3)"]),
    "no groups": (lambda: F.conv(IMAGE, np.ones((2, 1, 3, 3)), groups=0), ValueError, ["conv", "groups=0"]),
    "a bias of another length": (lambda: F.conv(IMAGE, np.ones((3, 1, 3, 3)), np.ones(1)), ValueError, ["bias has shape (1,)", "(3,)"]),
    "nothing to pool over": (lambda: F.max_pool(np.ones((4, 4)), 2), ValueError, ["spatial"]),
    "a pool larger than the input": (lambda: nn.MaxPool2d(7)(IMAGE), ValueError, ["MaxPool2d(7)", "kernel 7"]),
    "more padding than half a pool": (lambda: nn.MaxPool2d(2, padding=2)(IMAGE), ValueError, ["padding=2", "half the kernel"]),
    "features for a pool": (lambda: nn.AvgPool2d(2)(np.ones((2, 3))), ValueError, ["AvgPool2d(2)", "(2, 3)", "(N, C, H, W)"]),
    "features for a global pool": (lambda: nn.GlobalAvgPool()(np.ones((2, 3))), ValueError, ["GlobalAvgPool()", "(N, C, L)"]),
}
# fmt: on


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str):
    call, kind, words = REFUSALS[name]
    assert_refused(call, kind, words)
