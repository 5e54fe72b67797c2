"""Embeddings, recurrent layers and attention: what they promise beyond the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from refusals import assert_refused

from autonn import Tensor, nn
from autonn import functional as F
from autonn.operands import bare


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def in_float64(layer: Any) -> Any:
    return layer.astype(np.float64)


RECURRENT = pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])


# ----- Recurrent layers -----


@RECURRENT
def test_a_layer_is_its_cell_along_time(kind: str):
    cell = in_float64(getattr(nn, f"{kind}Cell")(3, 4, rng=rng(), layer_norm=True))
    layer = in_float64(getattr(nn, kind)(3, 4, rng=rng(), layer_norm=True))
    state = {
        f"{k.split('.')[0]}_l0{k[len(k.split('.')[0]) :]}": v for k, v in cell.state_dict().items()
    }
    layer.load_state_dict(state)
    x, h = rng(1).normal(size=(5, 2, 3)), None
    y, _ = layer(x)
    for t in range(5):
        h = cell(x[t], h)
        np.testing.assert_allclose(
            bare(y)[t], bare(h[0] if isinstance(h, tuple) else h), rtol=1e-12
        )


@RECURRENT
def test_padding_changes_nothing(kind: str):
    """Each sequence alone gives what it gives in a padded batch; and the padding gets no gradient."""
    layer = in_float64(
        getattr(nn, kind)(3, 4, 2, batch_first=True, bidirectional=True, layer_norm=True, rng=rng())
    )
    lengths, x = [5, 2, 3], Tensor(rng(1).normal(size=(3, 5, 3)), requires_grad=True)
    y, state = layer(x, mask=np.arange(5) < np.array(lengths)[:, None])
    y.sum().backward()
    for i, n in enumerate(lengths):
        alone, own = layer(x.data[i : i + 1, :n])
        np.testing.assert_allclose(y.data[i, :n], bare(alone)[0], rtol=1e-12)
        assert not y.data[i, n:].any()
        assert not x.grad.data[i, n:].any()
        for ours, theirs in zip(
            *((s if kind == "LSTM" else [s]) for s in (state, own)), strict=True
        ):
            np.testing.assert_allclose(bare(ours)[:, i], bare(theirs)[:, 0], rtol=1e-12)


@RECURRENT
def test_not_even_nan_gets_out_of_the_padding(kind: str):
    layer = in_float64(getattr(nn, kind)(3, 4, rng=rng()))
    x, mask = rng(1).normal(size=(5, 1, 3)), np.array([1, 1, 0, 0, 0], bool)[:, None]
    x[2:] = np.nan
    y, _ = layer(x, mask=mask)
    y.sum().backward()
    assert all(np.isfinite(p.grad.data).all() for p in layer.parameters())


@RECURRENT
def test_a_batch_may_be_empty(kind: str):
    assert getattr(nn, kind)(3, 4)(np.ones((5, 0, 3), np.float32))[0].shape == (5, 0, 4)
    assert nn.MultiHeadAttention(8, 2)(np.ones((5, 0, 8), np.float32))[0].shape == (5, 0, 8)


@RECURRENT
def test_a_sequence_may_come_in_parts(kind: str):
    layer = in_float64(getattr(nn, kind)(3, 4, 2, rng=rng()))
    x = rng(1).normal(size=(6, 2, 3))
    whole, end = layer(x)
    first, state = layer(x[:2])
    second, same_end = layer(x[2:], state)
    np.testing.assert_allclose(bare(whole), np.concatenate([bare(first), bare(second)]), rtol=1e-12)
    np.testing.assert_allclose(
        *(bare(s[0] if kind == "LSTM" else s) for s in (end, same_end)), rtol=1e-12
    )


@RECURRENT
def test_dropout_stands_between_layers_only(kind: str):
    one, two = (getattr(nn, kind)(3, 4, n, dropout=0.5, rng=rng()) for n in (1, 2))
    x = rng(1).normal(size=(4, 2, 3)).astype(np.float32)
    np.testing.assert_array_equal(bare(one(x)[0]), bare(one(x)[0]))
    assert (bare(two(x)[0]) != bare(two(x)[0])).any()
    two.eval()
    np.testing.assert_array_equal(bare(two(x)[0]), bare(two(x)[0]))


def test_a_norm_per_step_makes_the_scale_of_the_input_irrelevant():
    layer = in_float64(nn.LSTM(3, 8, bias=False, layer_norm=True, rng=rng()))
    x = rng(1).normal(size=(4, 2, 3))
    layer.norm_ih_l0.eps = layer.norm_hh_l0.eps = 1e-30
    np.testing.assert_allclose(bare(layer(x)[0]), bare(layer(100 * x)[0]), rtol=1e-9)


# ----- Embeddings -----


def test_an_id_that_occurs_twice_learns_twice():
    layer = nn.Embedding(4, 2, rng=rng())
    layer(np.array([[1, 1], [3, 1]])).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.data[:, 0], [0, 3, 0, 1])
    bag = nn.Embedding(4, 2, pool="sum", rng=rng())
    bag([[1, 1], [3, 1]]).sum().backward()
    np.testing.assert_array_equal(bag.weight.grad.data, layer.weight.grad.data)


def test_the_padding_id_learns_nothing_and_starts_at_zero():
    layer = nn.Embedding(4, 2, padding_idx=-1, rng=rng())
    y = layer(np.array([3, 0]))
    y.sum().backward()
    np.testing.assert_array_equal(y.data[0], [0, 0])
    np.testing.assert_array_equal(layer.weight.grad.data[:, 0], [1, 0, 0, 0])
    assert nn.Embedding(4, 2, 3, "mean", rng=rng())([[3, 3], []]).tolist() == [[0, 0], [0, 0]]


# ----- Attention -----


def test_a_query_that_may_attend_to_nothing_gets_zeros():
    x = Tensor(rng().normal(size=(2, 3, 4)), requires_grad=True)
    mask = np.ones((3, 3), bool)
    mask[1] = False
    for kind in (mask, np.where(mask, 0.0, -np.inf)):
        x.grad = None
        y, weights = nn.DotProductAttention()(x, x, x, kind)
        assert not y.data[:, 1].any()
        np.testing.assert_allclose(weights.data.sum(-1), [[1, 0, 1], [1, 0, 1]])
        (y * y).sum().backward()
        assert np.isfinite(x.grad.data).all()


def test_a_nan_is_not_masked_away():
    y, _ = nn.DotProductAttention()(
        np.full((1, 2, 2), np.nan), np.ones((1, 2, 2)), np.ones((1, 2, 2)), np.zeros((2, 2))
    )
    assert np.isnan(y).all()


def test_causal_attention_sees_nothing_that_comes_later():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, rng=rng())
    x = rng(1).normal(size=(1, 5, 8)).astype(np.float32)
    changed = x.copy()
    changed[:, 3:] += 1
    a, b = bare(layer(x, causal=True)), bare(layer(changed, causal=True))
    np.testing.assert_array_equal(a[:, :3], b[:, :3])
    assert (a[:, 3:] != b[:, 3:]).all()


def test_luongs_scores_are_their_formulas():
    q, k, v = rng(1).normal(size=(4, 3)), rng(2).normal(size=(5, 2)), rng(3).normal(size=(5, 6))
    general = in_float64(nn.GeneralAttention(3, 2, rng=rng()))
    W = general.weight.data
    scores = np.array([[a @ W @ b for b in k] for a in q])
    np.testing.assert_allclose(bare(general(q, k, v)[0]), F.softmax(scores) @ v, rtol=1e-12)
    concat = in_float64(nn.ConcatAttention(3, 2, 7, rng=rng()))
    W, u = concat.weight.data, concat.u.data
    scores = np.array([[u @ np.tanh(W @ np.concatenate([a, b])) for b in k] for a in q])
    np.testing.assert_allclose(bare(concat(q, k, v)[0]), F.softmax(scores) @ v, rtol=1e-12)
    np.testing.assert_allclose(
        bare(nn.DotProductAttention(False)(q, k @ W[:2, :3], v)[0]),
        F.softmax(q @ (k @ W[:2, :3]).T) @ v,
        rtol=1e-12,
    )


def test_a_mask_of_each_example_meets_all_its_heads():
    layer = nn.MultiHeadAttention(4, 2, batch_first=True, rng=0)
    x, mask = rng(1).normal(size=(2, 3, 4)).astype(np.float32), rng(2).random((2, 3, 3)) < 0.7
    _, weights = layer(x, mask=mask)
    assert not bare(weights)[~np.repeat(mask[:, None], 2, axis=1)].any()


def test_positions_run_along_time_whatever_the_layout():
    x = np.zeros((3, 2, 4), np.float32)
    for options in ({}, {"learned": True, "rng": 0}):
        first = bare(nn.PositionalEncoding(4, 9, **options)(x))
        last = bare(nn.PositionalEncoding(4, 9, batch_first=True, **options)(x.swapaxes(0, 1)))
        np.testing.assert_array_equal(first, last.swapaxes(0, 1))
        np.testing.assert_array_equal(first[:, 0], first[:, 1])
        assert (first[0] != first[1]).any()


def test_attention_drops_weights_in_training_only():
    layer = nn.DotProductAttention(dropout=0.5)
    q = np.ones((1, 50, 2))
    y, weights = layer(q, q, q)
    np.testing.assert_allclose(weights, 1 / 50)
    assert (y != 1).any()
    np.testing.assert_allclose(layer.eval()(q, q, q)[0], 1)


def test_positions_are_sines():
    table = F.sinusoidal_positions(50, 7)
    assert table.shape == (50, 7)
    for t, i in ((0, 0), (3, 2), (49, 6)):
        assert table[t, i] == pytest.approx(np.sin(t / 10000 ** (i / 7)))
    assert table[9, 3] == pytest.approx(np.cos(9 / 10000 ** (2 / 7)))
    assert nn.PositionalEncoding(4)(np.zeros((2, 3, 4), np.float32)).dtype == np.float32


# fmt: off
REFUSALS: dict[str, tuple[Callable[[], Any], type[Exception], list[str]]] = {
    "another input size": (lambda: nn.LSTM(3, 4)(np.ones((5, 2, 2))), ValueError, ["LSTM(3 → 4)", "(5, 2, 2)", "(T, N, 3)"]),
    "no batch axis": (lambda: nn.GRU(3, 4, batch_first=True)(np.ones((5, 3))), ValueError, ["GRU(3 → 4)", "(5, 3)", "(N, T, 3)"]),
    "no time at all": (lambda: nn.RNN(3, 4)(np.ones((0, 2, 3))), ValueError, ["RNN(3 → 4)", "no time steps"]),
    "a state of another shape": (lambda: nn.GRU(3, 4)(np.ones((5, 2, 3)), np.ones((2, 4))), ValueError, ["h (1, 2, 4)", "(2, 4)"]),
    "half a state": (lambda: nn.LSTMCell(3, 4)(np.ones((2, 3)), np.ones((2, 4))), ValueError, ["(h, c)", "(2, 4)"]),
    "a mask of numbers": (lambda: nn.RNN(3, 4)(np.ones((5, 2, 3)), mask=np.ones((5, 2))), ValueError, ["float64", "booleans", "(5, 2)"]),
    "a mask the other way": (lambda: nn.RNN(3, 4)(np.ones((5, 2, 3)), mask=np.ones((2, 5), bool)), ValueError, ["(2, 5)", "(5, 2)"]),
    "an unknown merge": (lambda: nn.GRU(3, 4, merge="max"), ValueError, ["GRU", "'max'", "average"]),
    "an unknown nonlinearity": (lambda: nn.RNN(3, 4, nonlinearity="sin"), ValueError, ["RNN", "'sin'", "relu"]),
    "no layers": (lambda: nn.GRU(3, 4, 0), ValueError, ["num_layers=0"]),
    "no hidden units": (lambda: nn.GRUCell(3, 0), ValueError, ["hidden_size=0"]),
    "a cell's input": (lambda: nn.RNNCell(3, 4)(np.ones((2, 4))), ValueError, ["RNNCell(3 → 4)", "(2, 4)", "(..., 3)"]),

    "ids out of range": (lambda: nn.Embedding(4, 2)(np.array([0, 4])), ValueError, ["Embedding(4 → 2)", "0 to 4", "0 to 3"]),
    "negative ids": (lambda: nn.Embedding(4, 2)(np.array([-1])), ValueError, ["-1", "0 to 3"]),
    "ids that are no integers": (lambda: nn.Embedding(4, 2)(np.array([1.0])), TypeError, ["float64", "integers"]),
    "ids where bags belong": (lambda: nn.Embedding(4, 2, pool="sum")([1, 2]), ValueError, ["bags", "[[0, 2], [1], ...]"]),
    "an unknown pool": (lambda: nn.Embedding(4, 2, pool="max"), ValueError, ["'max'", "mean"]),
    "a padding id out of range": (lambda: nn.Embedding(4, 2, 4), ValueError, ["padding_idx=4"]),

    "heads that do not divide": (lambda: nn.MultiHeadAttention(6, 4), ValueError, ["embed_dim=6", "4 heads"]),
    "an input for no head": (lambda: nn.MultiHeadAttention(6, 2)(np.ones((4, 2, 5))), ValueError, ["MultiHeadAttention(6, 2 heads)", "(4, 2, 5)", "(T, N, 6)"]),
    "queries and keys of two lengths": (lambda: nn.DotProductAttention()(np.ones((2, 3)), np.ones((2, 4)), np.ones((2, 4))), ValueError, ["length 3", "length 4"]),
    "more keys than values": (lambda: nn.DotProductAttention()(np.ones((2, 3)), np.ones((4, 3)), np.ones((2, 3))), ValueError, ["4 keys", "2 values"]),
    "keys of another length": (lambda: nn.GeneralAttention(3, 4)(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3))), ValueError, ["GeneralAttention(3, 4)", "length 3"]),
    "keys of another length for concat": (lambda: nn.ConcatAttention(3, 4, 5)(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3))), ValueError, ["ConcatAttention(3, 4, 5)"]),
    "an attention mask of another shape": (lambda: nn.DotProductAttention()(np.ones((2, 3)), np.ones((4, 3)), np.ones((4, 3)), np.ones((4, 2), bool)), ValueError, ["(4, 2)", "(2, 4)"]),
    "a key mask of another shape": (lambda: nn.DotProductAttention()(*[np.ones((2, 4, 3))] * 3, key_mask=np.ones((4, 2), bool)), ValueError, ["key_mask", "(4, 2)", "(2, 4)"]),
    "a key mask of numbers": (lambda: nn.DotProductAttention()(*[np.ones((2, 4, 3))] * 3, key_mask=np.ones((2, 4))), ValueError, ["float64", "booleans"]),
    "two batch sizes": (lambda: nn.MultiHeadAttention(6, 2, batch_first=True)(np.ones((3, 5, 6)), np.ones((1, 4, 6))), ValueError, ["(3, 5, 6)", "(1, 4, 6)", "one batch size"]),
    "integers for a mask": (lambda: nn.DotProductAttention()(*[np.ones((5, 3))] * 3, np.tri(5, dtype=int)), ValueError, ["int64", "booleans"]),
    "True for a mask": (lambda: nn.DotProductAttention()(*[np.ones((5, 3))] * 3, True), ValueError, ["mask is bool", "()"]),
    "a key mask without a batch": (lambda: nn.DotProductAttention()(*[np.ones((5, 3))] * 3, key_mask=np.ones(5, bool)), ValueError, ["key_mask", "batches"]),
    "an unknown activation": (lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"), ValueError, ["'tanh'", "gelu"]),
    "too many positions": (lambda: nn.PositionalEncoding(4, 2)(np.ones((3, 4))), ValueError, ["(3, 4)", "up to 2"]),
}
# fmt: on


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str):
    call, kind, words = REFUSALS[name]
    assert_refused(call, kind, words)
