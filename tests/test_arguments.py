"""Arguments: each annotation of layers and initialisers refuses what it rules out, and no more."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import calls
import judge
import numpy as np
import pytest
from refusals import BAD, assert_refused, bad, checked_slots

from autonn import Tensor, init, nn
from autonn import functional as F
from autonn.arguments import (
    Array,
    Count,
    Dtype,
    Number,
    Positive,
    Probability,
    Size,
    check,
    checked,
    explained,
)
from autonn.convolution import Each, Padding

SLOTS = {str(slot): (slot, kinds) for slot, kinds in checked_slots()}


def test_every_kind_has_values_that_it_refuses():
    seen = {kind for _, kinds in SLOTS.values() for kind in kinds}
    assert {kind for kind in seen if kind != "None" and kind[0] != "'"} == set(BAD)


@pytest.mark.parametrize("name", SLOTS)
def test_what_an_annotation_rules_out_is_refused(name: str):
    slot, kinds = SLOTS[name]
    for value in bad(kinds):
        with pytest.raises((TypeError, ValueError)) as caught:
            eval(slot.code, {}, calls.Things(hostile=value))
        assert f"{slot.argument}=" in str(caught.value)
        assert judge.is_ours(caught.value)


ZERO = np.array(0.5)
# fmt: off
TAKEN: dict[str, tuple[Any, list[Any]]] = {
    "sizes": (Size, [1, 10**30, np.int64(3), np.uint8(3)]),
    "sizes or None": (Size | None, [None, 3]),
    "counts": (Count, [0, np.int32(0)]),
    "probabilities": (Probability, [0, 1, 0.5, np.float32(0.5), ZERO, np.int64(1)]),
    "positive numbers": (Positive, [1, 5e-324, 10**30, np.float16(1)]),
    "numbers": (float, [-1, ZERO, np.float32(2)]),
    "any numbers": (Annotated[float, Number(finite=False)], [0, -np.inf]),
    "booleans": (bool, [True, False, np.bool_(True)]),
    "one for each axis": (Each, [3, (3, 3), [3, np.int64(3)]]),
    "paddings": (Padding, [0, (1, 2), [(0, 1), (2, 3)], ((0, 1),), "same"]),
    "words": (Literal["sum", "mean"] | None, ["sum", None]),
    "seeds": (init.Rng, [None, 0, np.int64(1), [1, 2], np.random.default_rng(0), np.random.PCG64(0), np.random.SeedSequence(0)]),
    "dtypes": (Dtype, [float, "float16", np.float32, np.dtype(int), np.dtype(bool)]),
    "arrays": (Array, [1, 2.5, True, 1j, [1, 2], ([1.0],), ZERO, np.float64(1), Tensor([1.0]), range(3)]),
    "anything": (Any, [None, object(), "abc"]),
}
# fmt: on


@pytest.mark.parametrize("kind", TAKEN)
def test_what_users_rightly_give_is_taken(kind: str):
    annotation, values = TAKEN[kind]
    for value in values:
        check("function", "argument", value, annotation)


# ----- Once something has failed -----


@checked
def row(x: Any, i: Size = 1) -> Any:
    """Give a row."""
    return x.shape[i]


@explained
def total(x: Array, critic: Any = None) -> Any:
    """Call a function on an array, and divide."""
    return critic(x) if critic else 1 / x.ndim


class Own(nn.Module):
    """A user's layer."""

    def __init__(self, forward: Any) -> None:
        super().__init__()
        self.forward = forward


def fails(x: Any) -> Any:
    raise KeyError("own")


x = np.ones((2, 3))
IMAGES = np.ones((1, 1, 2, 2))
# fmt: off
RETOLD: dict[str, tuple[Any, type[Exception], list[str]]] = {
    "a size of a function": (lambda: row(x, 0), ValueError, ["row: i=0; want a whole number of 1 or more"]),
    "a missing argument": (lambda: nn.Linear(3), TypeError, ["Linear(3): ", "out_features"]),
    "an argument that is not there": (lambda: nn.Linear(3, 4, size=2), TypeError, ["Linear(3, 4, size=2): ", "'size'"]),
    "a division by 0": (lambda: F.scaled_dot_product_attention(*[x[:, :0]] * 3), ValueError, ["attention((2, 0), (2, 0), (2, 0)): "]),
    "an argument of another kind": (lambda: total("abc"), TypeError, ["total: x='abc'; want a Tensor"]),
    "an error of the user's own": (lambda: total(x, fails), KeyError, ["own"]),
    "one inside a layer": (lambda: Own(fails)(x), KeyError, ["own"]),
    "a layer's own error": (lambda: nn.Sequential(nn.Linear(2, 2))(x), ValueError, ["Linear(2 → 2): input has shape (2, 3)"]),
    "a layer's error from the inside": (lambda: nn.Add()(x, None), TypeError, ["Add()((2, 3), None): "]),
    "more memory than there is": (lambda: nn.Linear(10**13, 10), MemoryError, ["(10, 10000000000000)", "TiB"]),
    "more than can be counted": (lambda: nn.Embedding(10**30, 2), ValueError, ["(1000000", "Maximum allowed dimension"]),
    "an axis that is not there": (lambda: F.softmax(x, 7), ValueError, ["softmax((2, 3), 7): axis 7"]),
    "an axis far beyond": (lambda: nn.Flatten(10**30)(x), ValueError, ["Flatten(1000"]),
    "a flattened axis that is not there": (lambda: nn.Flatten(5)(x), ValueError, ["Flatten(5, -1)", "axis 5"]),
    "a primitive of nothing": (lambda: F.relu(None), TypeError, ["relu(None): "]),
    "a primitive of objects": (lambda: F.sigmoid(None), TypeError, ["object", "real numbers"]),
    "an id to ignore that is text": (lambda: F.cross_entropy(x, [0, 1], ignore_index="abc"), TypeError, ["ignore_index='abc'"]),
    "a padding id that is not there": (lambda: F.embedding([0], x, 2), ValueError, ["embedding: padding_idx=2; want a whole number from -2 to 1"]),
    "a padding id of no bag": (lambda: F.embedding_bag([[0]], x, "sum", -3), ValueError, ["embedding_bag: padding_idx=-3"]),
    "a table of one axis": (lambda: F.embedding([0], x[0]), ValueError, ["(3,)", "(count, dim)"]),
    "a padding mode that is none": (lambda: F.conv(IMAGES, IMAGES, padding_mode="abc"), ValueError, ["padding_mode='abc'"]),
    "a softplus of beta 0": (lambda: F.softplus(x, 0.0), ValueError, ["softplus: beta=0"]),
    "a Huber loss of NaN": (lambda: F.huber_loss(x, x, np.nan), ValueError, ["huber_loss: delta=nan"]),
    "fewer than no positions": (lambda: F.sinusoidal_positions(3, -1), ValueError, ["dim=-1"]),
    "fewer than no steps": (lambda: nn.RBM(3, 2).gibbs(x, -1), ValueError, ["RBM.gibbs: steps=-1"]),
    "a mask that is ragged": (lambda: nn.Dropout().fix([[1], [0, 1]]), TypeError, ["Dropout.fix: mask=[[1], [0, 1]]"]),
    "visible bits that are none": (lambda: nn.RBM(3, 2).free_energy(None), TypeError, ["RBM.free_energy: v=None"]),
    "a dtype that is none": (lambda: nn.Linear(3, 4).astype("abc"), TypeError, ["Linear.astype: dtype='abc'"]),
    "weights that are complex": (lambda: F.binary_cross_entropy(x, x, weight=1j), TypeError, ["complex128", "float64"]),
    "scores without values": (lambda: F.attend(x, x), ValueError, ["scores have shape (2, 3), values (2, 3)"]),
    "queries of one axis": (lambda: F.scaled_dot_product_attention(x[0], x, x), ValueError, ["queries have shape (3,), keys (2, 3)"]),
    "values of one axis": (lambda: nn.DotProductAttention()(x, x, x[0]), ValueError, ["(2, 3), (2, 3) and (3,)"]),
    "a hook that is no function": (lambda: nn.Linear(3, 4).register_forward_hook("abc"), TypeError, ["hook='abc'; want a function"]),
    "log-probabilities without classes": (lambda: F.nll_loss(x[0], [0]), ValueError, ["nll_loss", "(3,)"]),
}
# fmt: on


@pytest.mark.parametrize("name", RETOLD)
def test_what_fails_says_where(name: str):
    call, kind, words = RETOLD[name]
    assert_refused(call, kind, words)


# ----- Lists where arrays go -----

LISTS: dict[str, Any] = {
    "leaky_relu": lambda a: F.leaky_relu(a, 2),
    "softplus": lambda a: F.softplus(a, 2),
    "elu": F.elu, "selu": F.selu, "gelu": F.gelu, "silu": F.silu, "tanh": F.tanh,
    "relu": F.relu, "sigmoid": F.sigmoid, "erf": F.erf, "hard_sigmoid": F.hard_sigmoid,
    "softmax": F.softmax, "log_softmax": F.log_softmax, "logsumexp": F.logsumexp,
    "mse_loss": lambda a: F.mse_loss(a, a), "l1_loss": lambda a: F.l1_loss(a, [[0, 1]]),
    "half_squared_error": lambda a: F.half_squared_error(a, [[0, 1]]),
    "huber_loss": lambda a: F.huber_loss(a, [[0, 1]]),
    "hinge_loss": lambda a: F.hinge_loss(a, [[-1, 1]]),
    "kl_div": lambda a: F.kl_div(a, [[0, 1]]),
    "cross_entropy": lambda a: F.cross_entropy(a, [1], [1, 2]),
    "nll_loss": lambda a: F.nll_loss(a, [1]),
    "binary_cross_entropy": lambda a: F.binary_cross_entropy(a, [[0, 1]]),
    "with_logits": lambda a: F.binary_cross_entropy_with_logits(a, [[0, 1]], [1, 2], [2]),
    "embedding": lambda a: F.embedding([0], a, 0),
    "embedding_bag": lambda a: F.embedding_bag([[0]], a),
    "attend": lambda a: F.attend(a, [[1.0], [2.0]])[0],
    "scaled_dot_product_attention": lambda a: F.scaled_dot_product_attention(a, a, a)[0],
    "max_pool": lambda a: F.max_pool([a], 2),
    "avg_pool": lambda a: F.avg_pool([a], 2),
    "conv": lambda a: F.conv([a], [[[1.0, 2.0]]], [3.0]),
    "conv_transpose": lambda a: F.conv_transpose([a], [[[1.0, 2.0]]], [3.0]),
    "gradient_penalty": lambda a: F.gradient_penalty(np.tanh, a),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_functions_take_lists(name: str):
    call, a = LISTS[name], [[0.25, 0.5]]
    y = call(a)
    assert y.dtype == np.float64
    if name not in ("max_pool", "avg_pool", "conv", "conv_transpose"):
        np.testing.assert_array_equal(y, call(np.array(a)))
