"""The pictures of viz.plots: what they show is what the layers do; all of it can be read."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure
from matplotlib.text import Text

from autonn import Tensor, compare, nn
from viz import plots
from viz.plots.activations import kinks, usual_activations, values_and_slopes
from viz.plots.curves import smoothed
from viz.plots.style import THEMES
from viz.plots.text import shown, spread

ROOT = Path(__file__).parents[1]
HOSTILE = [
    "$x_1$",
    r"$\frac{$",
    "a_b <b>&amp;",
    "two\nlines",
    "x" * 500,
    "",
    "漢字 🙂",
    "\x00\x1b[31m",
    "%s {0}",
    "$",
    "q^2",
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def wrong_linear() -> Any:
    forward = lambda x, w, b: x @ w + b
    backward = lambda g, x, w, b: {"x": g @ w.T, "w": x.T @ g, "b": g.mean(axis=0)}
    return compare(
        forward, backward, rng().normal(size=(6, 3)), rng(1).normal(size=(3, 2)), np.ones(2)
    )


REPORTS = {
    "Tanh": compare(nn.Tanh(), rng().normal(size=4)),
    "Linear": wrong_linear(),
    "Softmax": compare(nn.Softmax(), rng().normal(size=(3, 4))),
}
HISTORY = {
    "loss": [3.0, 1.0, 0.3, 0.1, 0.01],
    "val_loss": [3.0, 1.5, 0.9, 1.1, np.nan],
    "accuracy": [0.1, 0.5, 0.7, 0.9, 0.8],
}


def softmax(*shape: int) -> Any:
    e = np.exp(rng().normal(size=shape))
    return e / e.sum(-1, keepdims=True)


class Named(nn.Module):
    """A model whose parameters have the names that it is given."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.parts = {name: nn.Linear(3, 2, bias=False, rng=0) for name in names}

    def forward(self, x: Any) -> Any:
        return sum(part(x) for part in self.parts.values())


def recorded(model: nn.Module, steps: int = 3) -> plots.GradientFlow:
    flow = plots.GradientFlow(rate=0.1)
    for _ in range(steps):
        model.zero_grad()
        (model(np.ones((4, 3), np.float32)) ** 2).sum().backward()
        flow.record(model)
        for p in model.parameters():
            p.assign(p.data * np.float32(0.9))
    return flow


FIGURES: dict[str, Callable[[str], Figure]] = {
    "norms, cubes": lambda t: plots.normalised_together(theme=t),
    "norms, tables": lambda t: plots.normalised_together(shape=(8, 6), theme=t),
    "norms, five of another shape": lambda t: plots.normalised_together([nn.BatchNorm1d(4), nn.LayerNorm(5), nn.RMSNorm((4, 5)), nn.BatchNorm1d(4).eval(), nn.GroupNorm(2, 4)], (3, 4, 5), (1, 1, 2), theme=t),
    "dropout": lambda t: plots.dropout_mask(nn.Dropout(0.4, rng=0), (6, 10), theme=t),
    "dropout of maps": lambda t: plots.dropout_mask(nn.Dropout2d(0.4, rng=0), (2, 6, 4, 4), theme=t),
    "thinned": lambda t: plots.thinned_network([5, 5, 5, 1], 0.5, 0, theme=t),
    "im2col": lambda t: plots.im2col_picture((4, 4), 3, theme=t),
    "im2col, padded": lambda t: plots.im2col_picture((2, 4, 4), 2, 2, 1, theme=t),
    "activations": lambda t: plots.activation_curves(theme=t),
    "curves": lambda t: plots.learning_curves(HISTORY, theme=t),
    "curves, dense": lambda t: plots.learning_curves({"loss": 1 + rng().random(500), "test_acc": [0.1, 0.4, 0.6]}, theme=t),
    "errors": lambda t: plots.comparison_errors(REPORTS, theme=t),
    "filters": lambda t: plots.filters(rng().normal(size=(12, 16)), (4, 4), theme=t),
    "reconstructions": lambda t: plots.reconstructions(nn.RBM(16, 4, rng=0), rng().integers(0, 2, (5, 16)), (4, 4), theme=t),
    "flow, lines": lambda t: recorded(nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 2, rng=0))).plot(theme=t),
    "flow, map": lambda t: recorded(Named(*"abcdefgh")).plot("ratio", theme=t),
    "attention, heads": lambda t: plots.attention_weights(softmax(1, 4, 5, 6), list("abcde"), ["the", "cat", "sat", "on", "mats", "!"], theme=t),
    "attention, one head": lambda t: plots.attention_weights(softmax(40, 40), theme=t),
    "hostile tokens": lambda t: plots.attention_weights(softmax(len(HOSTILE), len(HOSTILE)), HOSTILE, theme=t),
    "hostile series": lambda t: plots.learning_curves({f"{name} {kind}": [3.0, 2.0, 1.0] for name in HOSTILE[:5] for kind in ("loss", "acc")}, unit="$st_ep$", theme=t),
    "hostile reports": lambda t: plots.comparison_errors({name: REPORTS["Linear" if i % 3 else "Tanh"] for i, name in enumerate(HOSTILE)}, theme=t),
    "hostile parameters": lambda t: recorded(Named(*HOSTILE[:5])).plot(theme=t),
    "hostile parameters, map": lambda t: recorded(Named(*HOSTILE)).plot(theme=t),
}  # fmt: skip


def texts(figure: Figure) -> list[tuple[str, Any]]:
    """Give all texts that are drawn, and the boxes they fill."""
    found: list[Any] = list(figure.texts)
    for axes in figure.axes:
        found += [*axes.texts, axes.title, axes._left_title]  # type: ignore[attr-defined]
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            found += [
                axis.label,
                *(
                    tick.label1 if tick.label1.get_visible() else tick.label2
                    for tick in ticks
                    if low <= tick.get_loc() <= high
                ),
            ]
    return [(t.get_text(), t.get_window_extent()) for t in found if t.get_text().strip()]


@pytest.mark.parametrize("name", FIGURES)
def test_pictures_draw_in_each_theme_and_nothing_is_cut_or_overlaps(name: str):
    for theme in ["light"] if "hostile" in name else THEMES:
        figure = FIGURES[name](theme)
        assert figure.get_dpi() == 150
        figure.savefig(file := io.BytesIO(), dpi=150 if theme == "light" else 40)
        assert file.getvalue().startswith(b"\x89PNG")
        if theme != "light":
            continue
        boxes, whole = texts(figure), figure.bbox
        assert len(boxes) >= 2
        for text, box in boxes:
            inside = (
                whole.x0 <= box.x0
                and box.x1 <= whole.x1
                and whole.y0 <= box.y0
                and box.y1 <= whole.y1
            )
            assert inside, f"{text!r} is cut off: {box} in {whole}"
        for (a, first), (b, second) in combinations(boxes, 2):
            across = min(first.x1, second.x1) - max(first.x0, second.x0)
            along = min(first.y1, second.y1) - max(first.y0, second.y0)
            assert across <= 2 or along <= 3, f"{a!r} overlaps {b!r}"


def test_no_pyplot_and_no_state():
    code = "import viz.plots, sys; print('matplotlib.pyplot' in sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "False"


def by_gid(figure: Figure, gid: str) -> list[Any]:
    return [artist for artist in figure.findobj() if artist.get_gid() == gid]


def lines(axes: Any, label: str) -> list[tuple[list[float], list[float]]]:
    return [
        (line.get_xdata().tolist(), line.get_ydata().tolist())
        for line in axes.lines
        if line.get_label() == label
    ]


# ----- Norms -----

SHAPE, INDEX = (4, 6, 2, 3), (2, 3, 1, 0)
ALL = slice(None)
SETS = {
    "BatchNorm2d": (nn.BatchNorm2d(6), (ALL, 3)),
    "BatchNorm2d, evaluation": (nn.BatchNorm2d(6).eval(), INDEX),
    "LayerNorm": (nn.LayerNorm((6, 2, 3)), (2,)),
    "LayerNorm of rows": (nn.LayerNorm(3), (2, 3, 1)),
    "RMSNorm": (nn.RMSNorm((6, 2, 3)), (2,)),
    "InstanceNorm2d": (nn.InstanceNorm2d(6), (2, 3)),
    "GroupNorm": (nn.GroupNorm(3, 6), (2, slice(2, 4))),
    "Identity": (nn.Identity(), INDEX),
}


@pytest.mark.parametrize("name", SETS)
def test_what_shares_statistics(name: str):
    layer, where = SETS[name]
    wanted = np.zeros(SHAPE, bool)
    wanted[where] = True
    before = layer.state_dict()
    np.testing.assert_array_equal(plots.shared_statistics(layer, SHAPE, INDEX), wanted)
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    told = [t.get_text() for t in plots.normalised_together([layer], SHAPE, INDEX).findobj(Text)]
    count = int(wanted.sum())
    statistic = "root mean square" if name == "RMSNorm" else "mean and variance"
    assert (f"{statistic} of {count}" if count > 1 else "constants in place of statistics") in told
    assert ("over 2 of 6 C, H, W" in told) == (name == "GroupNorm")


def test_a_table_shows_a_column_for_batchnorm_and_a_row_for_layernorm():
    figure = plots.normalised_together(shape=(8, 6), index=(5, 2))
    corners = [
        sorted(
            {
                (round(-p.get_y() - 0.96), round(p.get_x() - 0.04))
                for p in axes.patches
                if p.get_gid() == "set"
            }
        )
        for axes in figure.axes
    ]
    assert corners == [[(n, 2) for n in range(8)], [(5, c) for c in range(6)]]


# ----- Dropout -----


def test_the_mask_is_the_one_that_comes_next():
    layer = nn.Dropout(0.4, rng=rng(3))
    figure = plots.dropout_mask(layer, (5, 7))
    (kept,) = by_gid(figure, "kept")
    drawn = np.zeros((5, 7), bool)
    for path in kept.get_paths():
        x, y = path.vertices.min(axis=0)
        drawn[int(y), int(x)] = True
    np.testing.assert_array_equal(drawn, layer(np.ones((5, 7))) != 0)
    assert any("1.67" in t.get_text() for t in figure.texts)


def test_a_thinned_network_has_the_connections_that_dropout_leaves():
    sizes, generator = [6, 5, 4, 2], rng(7)
    kept = [
        nn.Dropout(p, rng=generator)(np.ones(n)) != 0
        for n, p in zip(sizes, [0.3, 0.3, 0.3, 0.0], strict=True)
    ]
    whole, thin = plots.thinned_network(sizes, 0.3, rng(7)).axes
    counts = [int(k.sum()) for k in kept]
    assert len(whole.collections[0].get_segments()) == 6 * 5 + 5 * 4 + 4 * 2
    assert len(thin.collections[0].get_segments()) == sum(a * b for a, b in pairwise(counts))
    circles = [p.get_gid() == "kept" for p in thin.patches]
    assert circles == [bool(k) for layer in kept for k in layer]
    assert counts[-1] == 2


# ----- Convolution -----


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding"),
    [((1, 4, 4), 3, 1, 0), ((2, 5, 4), 2, 2, 1), ((1, 3, 6), (2, 3), 1, 0)],
)
def test_columns_are_windows_and_their_product_is_the_convolution(
    shape: Any, kernel: Any, stride: int, padding: int
):
    kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
    image, weight = rng().integers(-9, 10, shape), rng(1).integers(-2, 3, (shape[0], kh, kw))
    figure = plots.im2col_picture(shape, kernel, stride, padding, image=image, weight=weight)
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    view = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), (1, 2))[
        :, ::stride, ::stride
    ]  # (C, h, w, kh, kw)
    columns = view.transpose(0, 3, 4, 1, 2).reshape(weight.size, -1)

    def written(gid: str) -> list[float]:
        return [float(t.get_text()) for t in by_gid(figure, f"{gid} value")]

    assert written("image") == padded.ravel().tolist()
    assert written("columns") == columns.ravel().tolist()
    assert written("weight") == weight.ravel().tolist()
    assert written("product") == written("map") == (weight.ravel() @ columns).tolist()


# ----- Activations -----


def test_all_activations_and_their_derivatives_are_drawn():
    figure = plots.activation_curves()
    kinds = {
        kind.__name__
        for kind in vars(nn).values()
        if isinstance(kind, type) and kind.__module__ == "autonn.nn.activations"
    }
    assert {type(layer).__name__ for layer in usual_activations()} == kinds
    assert len(figure.axes) == len(kinds)
    (axes,) = plots.activation_curves([nn.Tanh()]).axes
    ((x, y),), ((_, slopes),) = lines(axes, "y"), lines(axes, "dy/dx")
    np.testing.assert_allclose(y, np.tanh(x))
    np.testing.assert_allclose(slopes, 1 - np.tanh(x) ** 2, atol=1e-12)
    p = np.exp(2.0) / (np.exp(2.0) + 2)
    np.testing.assert_allclose(
        values_and_slopes(nn.Softmax(), np.array([2.0])), [[p], [p * (1 - p)]]
    )


@pytest.mark.parametrize("layer", usual_activations(), ids=lambda layer: type(layer).__name__)
def test_kinks(layer: nn.Module):
    wanted = {"ReLU": [0], "LeakyReLU": [0], "SELU": [0], "HardSigmoid": [-3, 3]}.get(
        type(layer).__name__, []
    )
    np.testing.assert_allclose(kinks(layer, (-5, 5)), wanted, atol=1e-6)
    np.testing.assert_allclose(kinks(layer, (-4.1, 7.3)), wanted, atol=1e-6)
    (axes,) = plots.activation_curves([layer]).axes
    assert len(lines(axes, "kink")) == len(wanted)


# ----- Curves -----


def test_the_best_of_the_held_out_series_is_marked():
    loss, metric = plots.learning_curves(HISTORY).axes
    assert lines(loss, "best") == [([3.0], [0.9])]
    assert lines(metric, "best") == [([4.0], [0.9])]
    assert loss.get_yscale() == "log"
    assert metric.get_yscale() == "linear"
    assert lines(loss, "val_loss lost") == [([5.0], [0.985])]


def test_dense_series_are_smoothed_and_stay_visible():
    y = rng().random(200)
    (axes,) = plots.learning_curves({"loss": y, "test_loss": [0.5, 0.4]}, smooth=5).axes
    ((x, raw),), ((_, smooth),) = lines(axes, "loss raw"), lines(axes, "loss")
    assert raw == y.tolist()
    assert (x[0], x[-1]) == (0.01, 2.0)
    np.testing.assert_allclose(smooth, [y[max(0, i - 2) : i + 3].mean() for i in range(200)])
    np.testing.assert_allclose(smoothed([1.0, np.nan, 3.0], 3), [1.0, 2.0, 3.0])
    assert lines(plots.learning_curves({"loss": y}, smooth=1).axes[0], "loss raw") == []


# ----- Errors -----


def test_the_wrong_stand_on_top_with_their_diagnosis():
    figure = plots.comparison_errors(REPORTS)
    (axes,) = figure.axes
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert names[0] == "Linear"
    ((right, rows),) = lines(axes, "right")
    assert rows == [1, 2]
    assert right[0] > right[1]
    assert sorted(names) == sorted(REPORTS)
    ((x, y),) = lines(axes, "wrong")
    np.testing.assert_allclose(x, REPORTS["Linear"].worst)
    assert y == [0]
    assert any("it is 1/6 times" in t.get_text() for t in axes.texts)
    assert figure.texts[0].get_text() == "1 of 3 disagree with autograd"
    assert (
        "agrees with its closed form"
        in plots.comparison_errors([REPORTS["Tanh"]]).texts[0].get_text()
    )


# ----- RBM -----


def test_filters_and_reconstructions():
    rbm = nn.RBM(6, 4, rng=0)
    rbm.weight.assign(rng().normal(size=(4, 6)))
    (image,) = plots.filters(rbm, (2, 3), columns=2).axes[0].images
    tiles = np.asarray(image.get_array().filled(np.nan))
    assert tiles.shape == (5, 7)
    np.testing.assert_array_equal(tiles[3:5, 4:7], rbm.weight.data[3].reshape(2, 3))
    assert np.isnan(tiles[2]).all()
    assert image.get_clim() == (-np.abs(rbm.weight.data).max(), np.abs(rbm.weight.data).max())
    v = rng(1).integers(0, 2, (3, 6))
    twin = deepcopy(rbm)
    original, p, difference = (
        np.asarray(axes.images[0].get_array().filled(0))
        for axes in plots.reconstructions(rbm, v, (2, 3)).axes
    )
    np.testing.assert_allclose(p - original, difference)
    np.testing.assert_array_equal(original[:, :3], v[0].reshape(2, 3))
    wanted = twin.reconstruct(v.astype(float), 1, return_prob=True)
    np.testing.assert_allclose(p[:, 4:7], wanted[1].reshape(2, 3))
    np.testing.assert_array_equal(
        rbm.reconstruct(v.astype(float), 1, return_prob=True), wanted
    )  # its generator has not moved


# ----- Flow -----


def test_flow_records_norms_zeros_and_what_is_lost():
    model, flow = Named("a", "b"), plots.GradientFlow(rate=0.5)
    a, b = (model.parts[name].weight for name in "ab")
    for step, (of_a, of_b) in enumerate([(2.0, None), (0.0, 1.0), (np.nan, 1.0)]):
        a.grad = Tensor(np.full((2, 3), of_a, np.float32))
        b.grad = None if of_b is None else Tensor(np.full((2, 3), of_b, np.float32))
        flow.record(model)
        assert flow.steps == step + 1
    model.parts["c"] = nn.Linear(3, 2, bias=False)
    flow.record(model)
    root = 6**0.5
    np.testing.assert_allclose(
        flow.values(), [[2 * root, 0, np.inf, np.inf], [np.nan, root, root, root], [np.nan] * 4]
    )
    np.testing.assert_allclose(flow.values("ratio")[1, 1], 0.5 * root / np.linalg.norm(b.data))
    np.testing.assert_allclose(
        flow.values("weight")[2], [np.nan] * 3 + [np.linalg.norm(model.parts["c"].weight.data)]
    )
    for kind, places in (
        ("lines", {"parts.a.weight zero": [1.0], "parts.a.weight lost": [2.0, 3.0]}),
        ("map", {"zero": [1.0], "lost": [2.0, 3.0]}),
    ):
        figure = flow.plot(kind=kind)
        for label, steps in places.items():
            ((x, _),) = lines(figure.axes[0], label)
            assert x == steps
        assert "not finite from step 2 on, first in parts.a.weight" in figure.texts[0].get_text()
        assert "1 without any" in figure.texts[1].get_text()


def test_the_ratio_of_nothing_to_nothing_is_zero():
    model, flow = Named("a"), plots.GradientFlow(rate=0.5)
    weight = model.parts["a"].weight
    weight.assign(0)
    for g in (0.0, 1.0):
        weight.grad = Tensor(np.full((2, 3), g, np.float32))
        flow.record(model)
    np.testing.assert_array_equal(flow.values("ratio"), [[0, np.inf]])


# ----- Attention -----


def test_attention_maps_are_the_weights():
    layer = nn.MultiHeadAttention(8, 2, batch_first=True, rng=0)
    _, weights = layer(rng().normal(size=(3, 5, 8)).astype(np.float32), causal=True)
    figure = plots.attention_weights(weights, list("abcde"), example=1)
    for head, axes in enumerate(figure.axes):
        np.testing.assert_array_equal(axes.images[0].get_array(), weights.data[1, head])
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list("abcde")
    assert [t.get_text() for t in figure.axes[1].get_xticklabels()] == list("abcde")
    (axes,) = plots.attention_weights(weights, head=-1).axes
    np.testing.assert_array_equal(axes.images[0].get_array(), weights.data[0, 1])
    note = " ".join(t.get_text() for t in plots.attention_weights([[0.0, 0.0], [0.5, 0.5]]).texts)
    assert "1 row is 0" in note


# ----- Labels, input -----


def test_labels_are_short_and_collide_with_nothing():
    assert shown("a\n\t b\x00c") == r"a b\x00c"
    assert len(shown("x" * 500, 30)) == 30
    assert shown("\U0001f642") in ("\N{REPLACEMENT CHARACTER}", "\U0001f642")
    places = spread([0.1, 0.1, 0.1, 0.5, 0.9, 0.91], 0.1)
    assert min(np.diff(places)) >= 0.1 - 1e-12
    np.testing.assert_allclose(places, [0.0, 0.1, 0.2, 0.5, 0.855, 0.955], atol=1e-12)


NONE = np.zeros(0)
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: plots.activation_curves(theme="drak"), ValueError, "theme='drak'; want 'light', 'dark' or 'print'"),
    (lambda: plots.activation_curves([]), ValueError, "layers are empty"),
    (lambda: plots.activation_curves([nn.ReLU]), TypeError, "want activations, such as nn.ReLU"),  # type: ignore[list-item]
    (lambda: plots.activation_curves(span=(1, 1)), ValueError, "span=.1, 1.; want two finite numbers"),
    (lambda: plots.normalised_together([nn.BatchNorm1d]), TypeError, "want layers of autonn.nn"),  # type: ignore[list-item]
    (lambda: plots.normalised_together([]), ValueError, "layers are empty"),
    (lambda: plots.normalised_together(shape=(5,)), ValueError, "shape=.5,.; want .N, C."),
    (lambda: plots.normalised_together(shape=(2, 64, 8, 8)), ValueError, "up to 16 along an axis"),
    (lambda: plots.normalised_together(index=(0, 9, 0, 0)), ValueError, "index=.0, 9, 0, 0.; want one of an element"),
    (lambda: plots.shared_statistics(nn.BatchNorm1d(3), (4, 2), (0, 0)), ValueError, "expected 3"),
    (lambda: plots.dropout_mask(nn.ReLU(), (3,)), TypeError, "want a Dropout"),  # type: ignore[arg-type]
    (lambda: plots.dropout_mask(nn.Dropout(), (300, 300)), ValueError, "up to 20,000 elements"),
    (lambda: plots.thinned_network([4]), ValueError, "want two layers or more"),
    (lambda: plots.thinned_network([4, 99]), ValueError, "of 1 to 24 units"),
    (lambda: plots.thinned_network([4, 4], [0.5]), ValueError, "p has 1 numbers for 2 layers"),
    (lambda: plots.thinned_network([4, 4], 1.5), ValueError, "p=1.5; want a finite number from 0 to 1"),
    (lambda: plots.im2col_picture((4,)), ValueError, "want .H, W. or .C, H, W."),
    (lambda: plots.im2col_picture((2, 2), 3), ValueError, "kernel 3 is larger"),
    (lambda: plots.im2col_picture((28, 28), 3), ValueError, "a matrix of 9 rows and 676 columns; want up to 40"),
    (lambda: plots.im2col_picture(weight=np.ones((2, 2))), ValueError, "weight has shape .2, 2.; want .1, 3, 3."),
    (lambda: plots.im2col_picture(windows=[9]), ValueError, "windows=.9.; want up to 4, of 0 to 3"),
    (lambda: plots.learning_curves({}), ValueError, "history is empty; want series by name"),
    (lambda: plots.learning_curves([1.0]), TypeError, "history is a list"),  # type: ignore[arg-type]
    (lambda: plots.learning_curves({"loss": []}), ValueError, "'loss'. has 0 numbers, none finite"),
    (lambda: plots.learning_curves({"loss": ["high"]}), ValueError, "want a number for each epoch"),
    (lambda: plots.learning_curves({"loss": [np.nan]}), ValueError, "none finite"),
    (lambda: plots.learning_curves(HISTORY, smooth=0), ValueError, "smooth=0; want None or a whole number of 1 or more"),
    (lambda: plots.comparison_errors([]), ValueError, "reports are empty"),
    (lambda: plots.comparison_errors([True]), TypeError, "want what autonn.compare"),  # type: ignore[list-item]
    (lambda: plots.filters(np.ones((3, 9)), (2, 4)), ValueError, "9 pixels and shape=.2, 4.; want H × W = 9"),
    (lambda: plots.filters(np.full((3, 9), np.nan), (3, 3)), ValueError, "27 NaN or infinite of 27"),
    (lambda: plots.filters(np.ones((500, 4)), (2, 2)), ValueError, "500 filters; want up to 400"),
    (lambda: plots.filters(NONE, (3, 3)), ValueError, "weights have shape .0,.; want .filters, pixels."),
    (lambda: plots.reconstructions(nn.ReLU(), np.ones((1, 4)), (2, 2)), TypeError, "want a RBM"),  # type: ignore[arg-type]
    (lambda: plots.reconstructions(nn.RBM(4, 2), np.ones((17, 4)), (2, 2)), ValueError, "hold 17; want up to 16"),
    (lambda: plots.GradientFlow(rate=0.0), ValueError, "rate=0.0; want None or a finite number above 0"),
    (lambda: plots.GradientFlow().record(1), TypeError, "record: 1; want a Module"),  # type: ignore[arg-type]
    (lambda: plots.GradientFlow().record(nn.BatchNorm1d()), ValueError, "after the first call"),
    (lambda: plots.GradientFlow().plot(), ValueError, "there is no record"),
    (lambda: recorded(Named("a")).plot("grad"), ValueError, "quantity='grad'; want 'gradient'"),
    (lambda: recorded(Named("a")).plot(kind="bars"), ValueError, "kind='bars'; want None or 'lines' or 'map'"),
    (lambda: plots.GradientFlow().values("ratio"), ValueError, "needs the learning rate"),
    (lambda: plots.attention_weights([[1.0, 2.0]]), ValueError, "rows sum to 3 to 3.*before the softmax"),
    (lambda: plots.attention_weights([["a"]]), TypeError, "weights are <U1; want numbers"),
    (lambda: plots.attention_weights(softmax(2, 3), ["a"]), ValueError, "queries has 1 names; want 2"),
    (lambda: plots.attention_weights(softmax(2, 3), keys=["a"]), ValueError, "keys has 1 names; want 3"),
    (lambda: plots.attention_weights(softmax(2, 3, 3), head=2), ValueError, "head=2; want 0 to 1"),
    (lambda: plots.attention_weights(softmax(2, 2, 3, 3), example=5), ValueError, "example=5; want 0 to 1"),
    (lambda: plots.attention_weights(softmax(32, 3, 3)), ValueError, "32 heads; want up to 16"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "error", "words"), REFUSED, ids=[words for _, _, words in REFUSED]
)
def test_bad_input_is_refused_with_the_cure(
    call: Callable[[], Any], error: type[Exception], words: str
):
    with pytest.raises(error, match=words):
        call()
