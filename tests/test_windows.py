"""Windows and convolution against their definition, written with loops; adjoints against each other."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from autonn import Tensor, columns, windows

GEOMETRIES: list[dict[str, Any]] = [
    {"size": (6,), "kernel": (3,), "stride": (1,), "padding": ((0, 0),), "dilation": (1,)},
    {"size": (7,), "kernel": (2,), "stride": (3,), "padding": ((2, 1),), "dilation": (2,)},
    {
        "size": (5, 6),
        "kernel": (3, 2),
        "stride": (1, 1),
        "padding": ((0, 0), (0, 0)),
        "dilation": (1, 1),
    },
    {
        "size": (5, 6),
        "kernel": (3, 2),
        "stride": (2, 3),
        "padding": ((1, 2), (0, 3)),
        "dilation": (2, 1),
    },
    {  # padding that no window of the adjoint would reach
        "size": (4, 3),
        "kernel": (2, 2),
        "stride": (1, 1),
        "padding": ((2, 1), (0, 2)),
        "dilation": (1, 1),
    },
    {"size": (3,), "kernel": (2,), "stride": (1,), "padding": ((0, 0),), "dilation": (2,)},
    {"size": (4,), "kernel": (1,), "stride": (3,), "padding": ((4, 4),), "dilation": (1,)},
    {"size": (4,), "kernel": (1,), "stride": (1,), "padding": ((0, 2),), "dilation": (1,)},
    {"size": (9,), "kernel": (3,), "stride": (3,), "padding": ((0, 1),), "dilation": (1,)},
    {
        "size": (4, 4),
        "kernel": (1, 1),
        "stride": (2, 2),
        "padding": ((0, 0), (0, 0)),
        "dilation": (1, 1),
    },
    {
        "size": (3, 3),
        "kernel": (3, 3),
        "stride": (1, 1),
        "padding": ((1, 1), (1, 1)),
        "dilation": (1, 1),
    },
    {
        "size": (3, 4, 3),
        "kernel": (2, 2, 2),
        "stride": (1, 2, 1),
        "padding": ((1, 0), (0, 0), (1, 1)),
        "dilation": (1, 1, 2),
    },
    {"size": (), "kernel": (), "stride": (), "padding": (), "dilation": ()},
]
geometries = pytest.mark.parametrize(
    "geometry", GEOMETRIES, ids=lambda g: f"{g['size']}-{g['kernel']}"
)


def without(geometry: dict[str, Any], *names: str) -> dict[str, Any]:
    return {k: v for k, v in geometry.items() if k not in names}


def by_definition(
    x: np.ndarray, w: np.ndarray, geometry: dict[str, Any], groups: int
) -> np.ndarray:
    """Sum over channels and kernel elements, one number at a time."""
    spatial = without(geometry, "size", "kernel")
    count = windows.window_count(x.shape[2:], w.shape[2:], **spatial)
    y = np.zeros((len(x), len(w), *count))
    each, own = len(w) // groups, w.shape[1]
    for n, o, c, k, p in product(
        range(len(x)), range(len(w)), range(own), np.ndindex(w.shape[2:]), np.ndindex(count)
    ):
        places = [
            s * i + d * j - before
            for s, i, d, j, (before, _) in zip(
                geometry["stride"], p, geometry["dilation"], k, geometry["padding"], strict=True
            )
        ]
        if all(0 <= a < size for a, size in zip(places, x.shape[2:], strict=True)):
            y[(n, o, *p)] += w[(o, c, *k)] * x[(n, o // each * own + c, *places)]
    return y


@pytest.fixture(params=["first", "first, convolved", "last", "last, convolved"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unfold with the channels first or last, and give the adjoint in x in either way."""
    last, convolved = "last" in request.param, "convolved" in request.param
    monkeypatch.setattr(columns, "_RUN", 0 if last else 1 << 60)
    monkeypatch.setattr(columns, "_FEWER", 0 if convolved else 1 << 60)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("groups", [1, 2])
@geometries
def test_convolution_is_its_definition(geometry: dict[str, Any], groups: int):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, *geometry["size"]))
    w = rng.normal(size=(6, 4 // groups, *geometry["kernel"]))
    y = windows.conv(x, w, groups=groups, **without(geometry, "size", "kernel"))
    np.testing.assert_allclose(y, by_definition(x, w, geometry, groups), rtol=0, atol=1e-13)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("groups", [1, 2])
@geometries
def test_the_three_convolutions_are_one_trilinear_form(geometry: dict[str, Any], groups: int):
    rng = np.random.default_rng(0)
    spatial = without(geometry, "size", "kernel")
    x = rng.normal(size=(3, 4, *geometry["size"]))
    w = rng.normal(size=(2, 4 // groups, *geometry["kernel"]))
    y = windows.conv(x, w, groups=groups, **spatial)
    u = rng.normal(size=y.shape)
    form = np.vdot(u, y)
    by_x = np.vdot(x, windows.conv_x(u, w, size=geometry["size"], groups=groups, **spatial))
    by_w = np.vdot(w, windows.conv_w(x, u, kernel=geometry["kernel"], groups=groups, **spatial))
    np.testing.assert_allclose([by_x, by_w], form, rtol=1e-13)


@geometries
def test_im2col_and_col2im_are_adjoint(geometry: dict[str, Any]):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, *geometry["size"]))
    cols = windows.im2col(x, **without(geometry, "size"))
    u = rng.normal(size=cols.shape)
    np.testing.assert_allclose(
        np.vdot(u, cols), np.vdot(windows.col2im(u, **geometry), x), rtol=1e-13
    )


def test_convolution_is_im2col_times_the_kernel():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 6, 5)), rng.normal(size=(4, 3, 3, 2))
    spatial: dict[str, Any] = {"stride": (2, 1), "padding": ((1, 1), (0, 1)), "dilation": (1, 2)}
    cols = windows.im2col(x, kernel=(3, 2), **spatial)
    y = np.einsum("ocij,ncijhw->nohw", w, cols)
    np.testing.assert_allclose(windows.conv(x, w, groups=1, **spatial), y, rtol=0, atol=1e-13)


@pytest.mark.usefixtures("ways")
def test_blocks_of_images_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    spatial: dict[str, Any] = {
        "stride": (1, 1),
        "padding": ((1, 1), (1, 1)),
        "dilation": (1, 1),
        "groups": 1,
    }

    def run() -> list[np.ndarray]:
        x, w = Tensor(X, requires_grad=True), Tensor(W, requires_grad=True)
        y = windows.conv(x, w, **spatial)
        (y * y).sum().backward()
        return [y.data, x.grad.data, w.grad.data]

    X, W = rng.normal(size=(7, 3, 5, 5)), rng.normal(size=(4, 3, 3, 3))
    whole = run()
    for block in (1, 3 * 9 * 25, 2 * 3 * 9 * 25, 3 * 3 * 9 * 25):
        monkeypatch.setattr(columns, "_BLOCK", block)
        for a, b in zip(run(), whole, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_batch_of_none(kernel: int):
    x, w = (
        Tensor(np.ones((0, 3, 5, 5)), requires_grad=True),
        Tensor(np.ones((2, 3, kernel, kernel)), requires_grad=True),
    )
    y = windows.conv(x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1)
    y.sum().backward()
    assert y.shape == (0, 2, 6 - kernel, 6 - kernel)
    assert x.grad.shape == x.shape
    np.testing.assert_array_equal(w.grad.data, np.zeros(w.shape))


def test_convolution_keeps_no_columns():
    x, w = (
        Tensor(np.ones((2, 3, 8, 8)), requires_grad=True),
        Tensor(np.ones((4, 3, 3, 3)), requires_grad=True),
    )
    y = windows.conv(x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1)
    assert sorted(y.node.kept) == ["w", "x"]
    assert sum(a.nbytes for a in y.node.kept.values()) == x.nbytes + w.nbytes


def test_empty_batches():
    spatial: dict[str, Any] = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
    x, w = (
        Tensor(np.ones((0, 3, 8, 8)), requires_grad=True),
        Tensor(np.ones((4, 3, 3, 3)), requires_grad=True),
    )
    y = windows.conv(x, w, groups=1, **spatial)
    assert y.shape == (0, 4, 6, 6)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert not w.grad.data.any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes(dtype: Any):
    spatial: dict[str, Any] = {"stride": (1,), "padding": ((1, 1),), "dilation": (1,)}
    assert (
        windows.conv(
            np.ones((1, 2, 4), dtype), np.ones((2, 2, 3), dtype), groups=1, **spatial
        ).dtype
        == dtype
    )
