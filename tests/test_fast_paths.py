"""What is done for speed changes nothing: the same numbers, the same derivatives, nothing written to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autonn
from autonn import PRIMITIVES, Tensor, defvjp, grad, primitive, special
from autonn import functional as F
from autonn.indices import add_at, add_rows
from autonn.operands import bare
from autonn.products import Product, product_of, summed
from autonn.sums import sum_product, total
from autonn.walk import sum_to


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# ----- Sums -----

SUMS: list[tuple[tuple[int, ...], Any]] = [
    ((40_000,), None),
    ((32, 8, 14, 14), (0, 2, 3)),
    ((64, 500), -1),
    ((64, 500), 0),
    ((300, 700), None),
    ((9000, 20), 0),  # more rows than are added in one go
    ((4, 5000, 3), (0, 1)),
    ((5000, 4), 1),  # too few columns to multiply
    ((4, 9000), 1),  # too many
    ((16, 16, 16, 16), (1, 2)),  # neither first nor last
    ((40, 16, 16, 16), (1, 2)),
    ((16, 16, 16, 16), ()),
    ((20_000, 0), 1),
    ((2, 3), (0, 1)),
]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.bool_])
@pytest.mark.parametrize(("shape", "axis"), SUMS)
def test_total_is_the_sum(shape: tuple[int, ...], axis: Any, dtype: Any):
    x = (rng().normal(size=shape) * 3 + 0.1).astype(dtype)
    for a in (x, np.asfortranarray(x), x[..., ::-1]):
        for keepdims in (False, True):
            y, want = total(a, axis, keepdims), np.sum(a, axis=axis, keepdims=keepdims)
            assert y.shape == want.shape
            assert y.dtype == want.dtype
            if np.dtype(dtype).kind == "f":
                exact = np.sum(a.astype(np.longdouble), axis=axis, keepdims=keepdims)
                of_sizes = np.sum(np.abs(a.astype(np.longdouble)), axis=axis, keepdims=keepdims)
                assert np.all(np.abs(y - exact) <= 16 * np.finfo(dtype).eps * of_sizes)
            else:
                np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("axis", [2, -3, (0, 0), (0, -2), (0, 5)])
def test_total_refuses_what_the_sum_refuses(axis: Any):
    for shape in ((3, 4), (300, 400)):
        with pytest.raises(ValueError):  # noqa: PT011 (NumPy's own, whatever it says)
            np.sum(np.ones(shape), axis=axis)
        with pytest.raises(ValueError):  # noqa: PT011
            total(np.ones(shape), axis)


def test_total_rounds_no_worse_where_many_are_added():
    x = np.full((1 << 20, 3), 0.1, np.float32)
    np.testing.assert_allclose(total(x, 0), 0.1 * len(x), rtol=5e-5)
    np.testing.assert_allclose(total(x.T.copy(), 1), 0.1 * len(x), rtol=2e-6)
    np.testing.assert_allclose(total(x.T.copy()), 0.3 * len(x), rtol=2e-6)
    np.testing.assert_allclose(sum_product(x, x, (3,)), 0.01 * len(x), rtol=5e-5)
    np.testing.assert_allclose(sum_product(x, x, (1,)), 0.03 * len(x), rtol=5e-5)
    np.testing.assert_allclose(sum_product(x, x, (1, 1)), 0.03 * len(x), rtol=5e-5)
    square = np.full((600, 700), 0.1)
    np.testing.assert_allclose(sum_product(square, square, ()), 4200, rtol=1e-13)
    half = np.ones((20_000, 2), np.float16)
    np.testing.assert_array_equal(total(half, 0), [20_000, 20_000])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_total_hides_nothing(bad: float):
    x = np.ones((200, 200))
    x[3, 4] = bad
    np.testing.assert_array_equal(total(x, 1), x.sum(1))
    np.testing.assert_array_equal(total(x, 0), x.sum(0))


@st.composite
def broadcast(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Draw the shape of an output and those of two arguments that broadcast to it."""
    shape = tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=4)))

    def smaller() -> tuple[int, ...]:
        cut = draw(st.integers(0, len(shape)))
        return tuple(draw(st.sampled_from([1, n])) for n in shape[cut:])

    return shape, smaller(), smaller()


@settings(max_examples=300)
@given(broadcast(), st.sampled_from([np.float32, np.float64]))
def test_sums_of_products(shapes: tuple[tuple[int, ...], ...], dtype: Any):
    shape, own, other = shapes
    g, factor = rng().normal(size=shape).astype(dtype), rng().normal(size=other).astype(dtype)
    y, want = sum_product(g, factor, own), sum_to(g * factor, own)
    assert (y.shape, y.dtype) == (own, dtype)
    size = sum_to(np.abs(g * factor), own)
    assert np.all(np.abs(y - want) <= 16 * np.finfo(dtype).eps * size)


PRODUCTS: list[tuple[Callable[..., Any], str, str | None]] = [
    (lambda g: g, "a", None),  # nothing to multiply
    (lambda g: -g, "b", "-_sum_product(_from_b.shape, g)"),
    (lambda g, y: -(-g * y), "b", "_sum_product(_from_b.shape, g, y)"),
    (lambda g, b: g * b, "a", "_sum_product(_from_a.shape, g, b)"),
    (lambda g, a: g * a, "a", "_sum_product(_from_a.shape, g) * a"),
    (lambda g, b: g / b, "a", None),  # b is in the sum, and divides
    (lambda g, b, y: -g * y / b, "b", "-_sum_product(_from_b.shape, g, y) / b"),
    (lambda g, a, y: -(g / a) * -y, "a", "_sum_product(_from_a.shape, g, y) / a"),
    (lambda g, a, b: g * a * b, "c", None),  # two factors in the sum
    (lambda g, y: g * y * y, "b", None),
    (lambda g, y: g * g * y, "b", None),  # no rule, but no product of one g either
    (lambda g, y: g * 2, "b", None),
    (lambda g, y: g + y, "b", None),
    (lambda g, y: np.exp(g) * y, "b", None),
    (lambda y: y, "b", None),
    (lambda g: 2.0, "b", None),
]


@pytest.mark.parametrize(("rule", "x", "text"), PRODUCTS)
def test_products_are_read_from_rules(rule: Callable[..., Any], x: str, text: str | None):
    assert summed(rule, x) == text


def test_a_product_of_products():
    assert product_of(lambda g, a, b: g / (a / -b)) == Product(("g", "b"), ("a",), "-")


BINARY = [
    f
    for f, p in PRIMITIVES.items()
    if isinstance(f, np.ufunc) and f.nin == 2 and f.signature is None
]


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "shapes", [((64, 1), (100,)), ((70, 64, 3), (64, 1)), ((1,), (9000,)), ((5, 1), (5, 7))]
)
def test_sums_in_the_engine_are_those_of_the_rules(function: Any, shapes: Any):
    x, y = (Tensor(rng().uniform(0.5, 2, s), requires_grad=True) for s in shapes)
    z = function(x, y)
    g = rng().normal(size=z.shape)
    fast = z.node.pull(g, True, None)
    for (parent, c), (_, rule) in zip(fast, z.node.pull_recorded(g, None), strict=True):
        if rule is None:
            continue
        want = sum_to(bare(rule), parent.shape)
        np.testing.assert_allclose(sum_to(c, parent.shape), want, rtol=1e-11, atol=1e-11)


def test_second_order_through_sums_of_products():
    w, x = Tensor(rng().normal(size=(1, 90)), requires_grad=True), rng().normal(size=(80, 90))
    slope = grad(lambda w: np.sum(grad(lambda w: np.sum((x * w) ** 3 / w))(w)))(w)
    np.testing.assert_allclose(slope.data, (2 * x**3).sum(0, keepdims=True), rtol=1e-10)


# ----- Cotangents that add up in place -----

N = 5000


@primitive
def hand_on(x: Any) -> Any:
    """Give x times 1, with a rule that returns an array that the node keeps."""
    return x * 1.0


defvjp(hand_on, x=lambda g, y: y)
PRIMITIVES.pop(hand_on.forward)  # which is the tests' alone


def test_what_a_node_keeps_is_not_added_to():
    x = Tensor(rng().normal(size=N), requires_grad=True)
    z = x * 2.0
    y = np.sum(hand_on(z)) + np.sum(z * 3.0) + np.sum(z * z)
    y.backward(retain_graph=True)
    once, x.grad = x.grad.data, None
    np.testing.assert_allclose(once, 2 * (z.data + 3 + 2 * z.data), rtol=1e-14)
    y.backward()
    np.testing.assert_array_equal(x.grad.data, once)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + 0.0,
        lambda x: x + x,
        lambda x: x.reshape(10, -1).reshape(-1) + x * 2.0 + x,
        lambda x: x[::-1] + x[:] + x,
        lambda x: x.reshape(-1),
        lambda x: np.concatenate([x[:10], x[10:]]),
    ],
    ids=range(6),
)
def test_the_callers_gradient_is_neither_written_to_nor_kept(f: Callable[..., Any]):
    x = Tensor(rng().normal(size=N), requires_grad=True)
    g = rng().normal(size=N)
    before = g.copy()
    f(x).backward(g)
    np.testing.assert_array_equal(g, before)
    seen = x.grad.data.copy()
    g[:] = np.nan
    np.testing.assert_array_equal(x.grad.data, seen)
    want = grad(lambda t: np.sum(f(t) * before))(x.data)
    np.testing.assert_allclose(seen, want, rtol=1e-14)


def test_gradients_that_somebody_saw_stay_as_they_were():
    x = Tensor(rng().normal(size=N), requires_grad=True)
    a = x * 1.0
    b = a + 0.0
    b.retain_grad()
    seen: list[Tensor] = []
    b.register_hook(seen.append)
    y = np.sum(b * 2.0) + np.sum(a * 5.0) + np.sum(a * 7.0)
    y.backward()
    np.testing.assert_array_equal(b.grad.data, np.full(N, 2.0))
    np.testing.assert_array_equal(seen[0].data, np.full(N, 2.0))
    np.testing.assert_array_equal(x.grad.data, np.full(N, 14.0))


def test_leaves_that_share_a_gradient_do_not_share_its_changes():
    x, y = (Tensor(np.ones(N), requires_grad=True) for _ in range(2))
    np.sum(x + y).backward()
    np.sum(x * 3.0).backward()
    x.grad.assign(x.grad.data * 2)
    np.testing.assert_array_equal(x.grad.data, np.full(N, 8.0))
    np.testing.assert_array_equal(y.grad.data, np.ones(N))


# ----- Rows that come more than once -----


@pytest.mark.parametrize(
    ("count", "rows", "row"),
    [(3000, 7, (16,)), (2000, 5000, (4, 5)), (1500, 1, (17,)), (1024, 40, (16,))],
)
def test_rows_add_up(count: int, rows: int, row: tuple[int, ...]):
    index = rng().integers(-rows, rows, count)
    g = rng().normal(size=(count, *row))
    buffer = rng().normal(size=(rows, *row))
    want = buffer.copy()
    np.add.at(want, index, g)
    for add in (add_rows, add_at):
        y = buffer.copy()
        add(y, index, g)
        np.testing.assert_allclose(y, want, rtol=1e-11, atol=1e-11)


def test_an_embedding_of_many_ids_twice_differentiated():
    ids, w = rng().integers(0, 9, (40, 50)), Tensor(rng().normal(size=(9, 16)), requires_grad=True)

    def loss(w: Any) -> Any:
        return np.sum(F.embedding(ids, w) ** 3)

    count = np.bincount(ids.ravel(), minlength=9)[:, None]
    np.testing.assert_allclose(grad(loss)(w).data, 3 * w.data**2 * count, rtol=1e-11)
    second = grad(lambda w: np.sum(grad(loss)(w)))(w)
    np.testing.assert_allclose(second.data, 6 * w.data * count, rtol=1e-11)


# ----- Functions that NumPy lacks -----


@pytest.mark.parametrize("function", [special.erf, special.sigmoid, special.softplus])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_special_functions_of_any_array(function: Any, dtype: Any):
    x = (rng().normal(size=(3, 50, 257)) * 4).astype(dtype)
    whole = function(x)
    assert whole.dtype == (dtype if dtype != np.int64 else np.float64)
    for part in (x[0, 0], x[:, :, ::-1], np.asfortranarray(x), x[1, 2, 3]):
        y = function(part)
        assert y.shape == part.shape
    np.testing.assert_array_equal(function(x[:, :, ::-1]), whole[:, :, ::-1])
    np.testing.assert_array_equal(function(x[1, 2]), whole[1, 2])
    assert isinstance(function(2), np.float64)


# ----- Compiled on first use -----


def test_rules_may_be_defined_anew_after_use():
    @primitive
    def twice(x: Any) -> Any:
        return 2 * x

    defvjp(twice, x=lambda g: g * 2)
    early = twice.apply
    x = Tensor([1.0, 2.0], requires_grad=True)
    np.sum(twice(x)).backward()
    assert twice.apply is not early
    assert type(early(x).node) is twice.node is type(twice(x).node)
    x.grad = None
    defvjp(twice, x=lambda g, x: g * x)
    np.sum(twice(x)).backward()
    np.testing.assert_array_equal(x.grad.data, [1, 2])
    assert "rule_x(g, x)" in twice.source
    PRIMITIVES.pop(twice.forward)


# ----- Memory -----

FAULTS = """
import resource, sys
import numpy as np
import autonn
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        [np.ones(1 << 19) for _ in range(8)]  # 4 MB each: a thousand pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    given = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0", **env}
    return subprocess.run(command, capture_output=True, text=True, env=given, check=False)


@pytest.mark.skipif(not autonn.keep_memory(), reason="the allocator is not glibc's")
def test_kept_memory_is_not_faulted_in_again():
    assert int(run(FAULTS).stdout) < 1000
    assert int(run(FAULTS, AUTONN_KEEP_MEMORY="0").stdout) > 20_000


def test_memory_refuses():
    for size in (-1, 1.5, "1"):
        with pytest.raises(ValueError, match=r"keep_memory: size=.*; want bytes, a whole number"):
            autonn.keep_memory(size)  # type: ignore[arg-type]
    error = run("import autonn", AUTONN_KEEP_MEMORY="lots").stderr
    assert "AUTONN_KEEP_MEMORY='lots'; want a number of bytes, 0 to keep none" in error
