"""Properties of all primitives on arrays of any shape, layout and dtype."""

from __future__ import annotations

from math import erf as exact
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autonn import Tensor, grad, gradcheck
from autonn import functional as F
from autonn.operands import bare
from autonn.rules import erf, relu
from autonn.walk import sum_to

FLOATS = st.sampled_from([np.float16, np.float32, np.float64])
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
UNARY = st.sampled_from(
    [np.exp, np.tanh, np.sin, np.arctan, np.square, np.negative, np.absolute, relu, erf]
)
BINARY = st.sampled_from([np.add, np.subtract, np.multiply, np.maximum, np.minimum, np.arctan2])


def arrays(shape: Any, dtype: Any = np.float64) -> st.SearchStrategy[np.ndarray]:
    width = 8 * np.dtype(dtype).itemsize
    values = st.floats(-2, 2, width=width).map(lambda v: v if abs(v) > 2**-10 else 0.5)
    return hnp.arrays(dtype, shape, elements=values)


@st.composite
def laid_out(draw: Any, dtype: Any = None) -> np.ndarray:
    """Draw an array that may be zero-size, 0-d, transposed, reversed, strided or broadcast."""
    dtype = draw(FLOATS) if dtype is None else dtype
    x = draw(arrays(draw(SHAPES), dtype))
    kind = draw(
        st.sampled_from(["plain", "transposed", "reversed", "strided", "broadcast", "fortran"])
    )
    if kind == "transposed":
        return x.T
    if kind == "reversed" and x.ndim:
        return x[::-1]
    if kind == "strided" and x.ndim:
        return np.repeat(x, 2, axis=-1)[..., ::2]
    if kind == "broadcast":
        return np.broadcast_to(x, (2, *x.shape))
    return np.asfortranarray(x) if kind == "fortran" else x


@given(UNARY, laid_out())
def test_unary_functions(f: Any, a: np.ndarray):
    x = Tensor(a, requires_grad=True)
    y = f(x)
    np.testing.assert_array_equal(bare(y), f(a))
    assert (y.shape, y.dtype) == (a.shape, a.dtype)
    y.sum().backward()
    assert (x.grad.shape, x.grad.dtype) == (a.shape, a.dtype)


@given(BINARY, st.data())
def test_binary_functions_broadcast(f: Any, data: Any):
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3, min_side=0)
    ).input_shapes
    dtypes = data.draw(st.tuples(FLOATS, FLOATS))
    a, b = (data.draw(arrays(s, d)) for s, d in zip(shapes, dtypes, strict=True))
    x, w = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    y = f(x, w)
    np.testing.assert_array_equal(bare(y), f(a, b))
    assert y.dtype == np.result_type(a.dtype, b.dtype)
    y.sum().backward()
    assert (x.grad.shape, x.grad.dtype) == (a.shape, a.dtype)
    assert (w.grad.shape, w.grad.dtype) == (b.shape, b.dtype)


@given(BINARY, st.data())
@settings(max_examples=40)
def test_gradients_of_broadcast_functions(f: Any, data: Any):
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)
    ).input_shapes
    a, b = (data.draw(arrays(s)) for s in shapes)
    gradcheck(f, a, b * 1.37 + 0.011)  # no ties


@given(laid_out(), st.data())
def test_reductions(a: np.ndarray, data: Any):
    axes = (
        data.draw(
            st.none()
            | st.lists(
                st.integers(-a.ndim, a.ndim - 1),
                max_size=a.ndim,
                unique_by=lambda i: i % max(1, a.ndim),
            ).map(tuple)
        )
        if a.ndim
        else None
    )
    keepdims = data.draw(st.booleans())
    f = data.draw(st.sampled_from([np.sum, np.mean, np.max, np.min, np.prod, np.var]))
    count = a.size if axes is None else int(np.prod([a.shape[i] for i in axes]))
    if count == 0 and f not in (np.sum, np.prod):
        return
    with np.errstate(all="ignore"):
        x = Tensor(a, requires_grad=True)
        y = f(x, axis=axes, keepdims=keepdims)
        z = f(a, axis=axes, keepdims=keepdims)
        assert (y.shape, y.dtype) == (z.shape, z.dtype)
        tolerance = 8 * float(np.finfo(a.dtype).eps)
        np.testing.assert_allclose(bare(y), z, rtol=tolerance * max(1, count), atol=tolerance)
        y.sum().backward()
    assert (x.grad.shape, x.grad.dtype) == (a.shape, a.dtype)
    if f in (np.sum, np.max, np.min) and a.size:
        np.testing.assert_allclose(
            x.grad.data.sum(dtype=float), y.size if f is not np.sum else a.size, rtol=2e-2
        )


@given(laid_out(np.float64), st.data())
def test_indices(a: np.ndarray, data: Any):
    if data.draw(st.booleans()) or 0 in a.shape:
        index = data.draw(hnp.basic_indices(a.shape, allow_newaxis=True, allow_ellipsis=True))
    else:
        index = (
            data.draw(
                hnp.integer_array_indices(
                    a.shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3)
                )
            )
            if a.ndim
            else ()
        )
    x = Tensor(a, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(bare(y), a[index])
    if y.requires_grad:
        y.sum().backward()
        expected = np.zeros(a.shape)
        np.add.at(expected, index, 1)
        np.testing.assert_array_equal(x.grad.data, expected)


@given(st.data())
def test_summing_is_the_adjoint_of_broadcasting(data: Any):
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(num_shapes=1, base_shape=data.draw(SHAPES))
    )
    small, large = shapes.input_shapes[0], shapes.result_shape
    x, g = data.draw(arrays(small)), data.draw(arrays(large))
    np.testing.assert_allclose(
        np.vdot(np.broadcast_to(x, large), g), np.vdot(x, sum_to(g, small)), rtol=1e-9, atol=1e-9
    )


@given(st.data())
@settings(max_examples=60)
def test_matrix_products_of_any_rank(data: Any):
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3)
    ).input_shapes
    a, b = (data.draw(arrays(s)) for s in shapes)
    np.testing.assert_allclose(
        bare(np.matmul(Tensor(a), b)), np.matmul(a, b), rtol=1e-12, atol=1e-12
    )
    if a.size <= 18 and b.size <= 18:
        gradcheck(np.matmul, a, b)


@given(laid_out(np.float64))
def test_second_order_is_the_derivative_of_the_first(a: np.ndarray):
    if a.size:
        f = lambda x: np.sum(np.sin(x) * x)
        second = grad(lambda x: np.sum(grad(f)(x)))(a)
        np.testing.assert_allclose(second, 2 * np.cos(a) - a * np.sin(a), rtol=1e-12, atol=1e-12)


@given(
    hnp.arrays(np.float64, st.integers(0, 6), elements=st.floats(-2, 2)),
    st.sampled_from([-1, 0, None]),
)
def test_sorting_and_cumulating(a: np.ndarray, axis: Any):
    for f in (np.sort, np.cumsum, np.cumprod):
        x = Tensor(a, requires_grad=True)
        y = f(x, axis=axis)
        np.testing.assert_allclose(bare(y), f(a, axis=axis), rtol=1e-13, atol=1e-13)
        y.sum().backward()
        assert x.grad.shape == a.shape


def test_erf_is_exact_to_a_few_ulp():
    x = np.concatenate(
        [np.linspace(-7, 7, 40_001), np.logspace(-300, 0, 2001), [0.0, -0.0, np.inf, -np.inf]]
    )
    y, z = erf(x), np.array([exact(v) for v in x])
    assert np.max(np.abs(y - z) / np.spacing(np.abs(z))) <= 3
    assert np.isnan(erf(np.array(np.nan)))
    for dtype, few in ((np.float16, 1), (np.float32, 6)):
        y = erf(x[np.abs(x) > 1e-4].astype(dtype))
        z = np.array([exact(v) for v in x[np.abs(x) > 1e-4].astype(dtype)])
        assert np.max(np.abs(y - z) / np.spacing(np.abs(z).astype(dtype))) <= few


@pytest.mark.parametrize("name", ["logaddexp", "logsumexp", "softmax"])
def test_large_arguments_do_not_overflow(name: str):
    x = np.array([1e4, -1e4, 0.0])
    f = {
        "logaddexp": lambda x: np.logaddexp(x, 3.0),
        "logsumexp": F.logsumexp,
        "softmax": F.softmax,
    }[name]
    y = f(Tensor(x, requires_grad=True))
    y.sum().backward()
    assert np.isfinite(bare(y)).all()


def test_statistics_of_float16_do_not_overflow():
    x = Tensor(np.full(10_000, 100.0, np.float16), requires_grad=True)
    for f, value in ((np.mean, 100), (np.var, 0), (np.std, 0)):
        assert f(x).item() == value
        assert f(x).dtype == np.float16
