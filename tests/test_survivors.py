"""What changes of the engine's code went unnoticed, until these (see scripts/mutants.py)."""

from __future__ import annotations

import copy
import math
import pickle
import traceback
import tracemalloc
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numpy as np
import pytest

import autonn
from autonn import PRIMITIVES, Tensor, defvjp, special
from autonn.compile import Signature
from autonn.graph import DISPATCH, Primitive, state
from autonn.operands import bare
from autonn.sums import in_float32
from autonn.walk import walk
from autonn.windows import conv

# ----- Functions that NumPy lacks -----

EXACT: dict[Any, Callable[[Any], Any]] = {
    special.erf: np.vectorize(math.erf, otypes=[float]),
    special.sigmoid: lambda x: 1 / (1 + np.exp(-x.astype(np.longdouble))),
    special.softplus: lambda x: np.logaddexp(0, x.astype(np.longdouble)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", EXACT, ids=lambda f: f.__name__)
def test_special_functions_to_some_ulps(function: Any, dtype: Any):
    x = np.concatenate([np.linspace(-7, 7, 5001), np.geomspace(1e-30, 50, 500)]).astype(dtype)
    for a in (x, -x):
        y, want = function(a), EXACT[function](a).astype(dtype)
        assert np.max(np.abs(y - want) / np.spacing(np.abs(want))) <= 6


@pytest.mark.parametrize("x", [12, 20, 45, 90])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_sigmoid_far_out(dtype: Any, x: float):
    want = dtype(1 / (1 + np.exp(-np.longdouble(x))))
    assert abs(special.sigmoid(dtype(x)) - want) <= np.finfo(dtype).epsneg


@pytest.mark.parametrize("function", EXACT, ids=lambda f: f.__name__)
def test_special_functions_of_what_is_no_array_of_floats(function: Any):
    assert [float(v) for v in function([True, False])] == [function(1.0), function(0.0)]
    with pytest.raises(TypeError, match="want real numbers"):
        function(1j)


@pytest.mark.parametrize("order", range(8))
def test_derivatives_of_sinc_are_integrals(order: int):
    """sin(πx) / (πx) is the mean of cos(πxt) over t from 0 to 1: it is differentiated inside."""
    x = np.linspace(-9, 9, 301)
    nodes, weights = np.polynomial.legendre.leggauss(80)
    t = np.pi * (nodes + 1) / 2
    want = (t**order * np.cos(x[:, None] * t + order * np.pi / 2)) @ weights / 2
    y = special.sinc(x, order=order)
    np.testing.assert_allclose(y, want, rtol=0, atol=1e-12 * np.pi**order)
    assert 1e12 * special.sinc([1e6], order=2) == pytest.approx(-2)  # and far away


# ----- Primitives of one's own -----


def made(forward: Callable[..., Any], **rules: Any) -> Primitive:
    return defvjp(Primitive(forward), **rules)


def gradient(p: Primitive, *values: Any) -> list[Any]:
    xs = [Tensor(v, requires_grad=True) for v in values]
    p(*xs).sum().backward()
    return [None if x.grad is None else x.grad.tolist() for x in xs]


class Scaled:
    """A rule that is no function."""

    def __call__(self, g: Any, x: Any) -> Any:
        return 2 * g * x


@pytest.mark.parametrize(
    "rule", [partial(lambda k, g, x: k * g * x, 2), Scaled(), Scaled().__call__]
)
def test_a_rule_need_not_be_a_plain_function(rule: Any):
    assert gradient(made(lambda x: x * x, x=rule), 3.0) == [6]


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (lambda g: g, "call the argument g something else"),
        (lambda y: y, "call the argument y something else"),
        (lambda _x: _x, "call the argument _x something else"),
        (lambda x, *, _p=1: x, "call the argument _p something else"),
    ],
)
def test_names_that_are_taken(forward: Any, words: str):
    arrays = [name for name in ("g", "y", "_x", "x") if name in forward.__code__.co_varnames]
    with pytest.raises(TypeError, match=words):
        made(forward, **dict.fromkeys(arrays))


def test_primitives_of_numpys_give_tensors():
    assert type(PRIMITIVES[np.exp](0.0)) is Tensor
    assert type(autonn.rules.relu(1.0)) is not Tensor


@pytest.mark.parametrize("p", [PRIMITIVES[np.exp], autonn.rules.relu], ids=str)
def test_copies_of_primitives_are_themselves(p: Primitive):
    assert copy.deepcopy(p) is pickle.loads(pickle.dumps(p)) is p


# ----- Convolution -----


@pytest.mark.parametrize(
    ("channels", "w_shape", "groups"),
    [(4, (2, 3, 2), 1), (4, (3, 2, 2), 2), (4, (2, 4, 2), 2), (4, (2, 4, 2), 0), (0, (2, 4, 2), 0)],
)
def test_kernels_that_do_not_fit(channels: int, w_shape: tuple[int, ...], groups: int):
    x, w = np.ones((1, channels, 5)), np.ones(w_shape)
    with pytest.raises(ValueError, match="input channels in"):
        conv(x, w, stride=(1,), padding=((0, 0),), dilation=(1,), groups=groups)


def test_single_pixels_with_padding_or_strides_on_one_axis():
    x, w = np.arange(6.0).reshape(1, 1, 2, 3), np.full((1, 1, 1, 1), 2.0)
    y = conv(x, w, stride=(1, 1), padding=((1, 1), (0, 0)), dilation=(1, 1), groups=1)
    np.testing.assert_array_equal(y, np.pad(2 * x, ((0, 0), (0, 0), (1, 1), (0, 0))))
    y = conv(x, w, stride=(1, 2), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1)
    np.testing.assert_array_equal(y, 2 * x[..., ::2])


def test_convolutions_without_overlap_and_without_channels():
    options: dict[str, Any] = {"stride": (2,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}
    x, w = np.arange(6.0).reshape(1, 1, 6), np.array([[[1.0, 10.0]]])
    assert conv(x, w, **options).tolist() == [[[10, 32, 54]]]
    np.testing.assert_array_equal(conv(x[:, :0], w[:, :0], **options), np.zeros((1, 1, 3)))


def test_more_padding_than_kernel_on_one_axis():
    x, w = np.linspace(-1, 1, 8).reshape(1, 1, 2, 4), np.linspace(1, 2, 3).reshape(1, 1, 1, 3)
    options: dict[str, Any] = {"stride": (1, 1), "dilation": (1, 1), "groups": 1}
    assert autonn.gradcheck(partial(conv, padding=((1, 1), (1, 1)), **options), x, w)


# ----- Indices -----

WIDEST = np.longdouble(2) ** (np.finfo(np.longdouble).nmant - 3)


@pytest.mark.parametrize(
    "index",
    [([0, 0], [True] + [False] * 39), (np.int64(0), [1, 1]), (slice(1), [1, 1]), ([1, 1], [2, 2])],
    ids=["a mask", "a number", "a slice", "an array"],
)
def test_an_index_that_names_twice_beside_one_that_cannot(index: Any):
    assert Tensor(np.zeros((40, 40))).at[index].add(1.0).sum().item() == 2


@pytest.mark.parametrize(
    ("start", "term", "count", "want"),
    [
        (np.int64(2**60), np.int64(1), 70_000, np.int64(2**60 + 70_000)),
        (WIDEST, np.longdouble(1), 70_000, WIDEST + 70_000),
        (
            np.float16(0),
            np.float16(0.05),
            1_000_000,
            np.float16(1_000_000 * float(np.float16(0.05))),
        ),
    ],
    ids=["int64", "longdouble", "float16"],
)
def test_many_numbers_at_one_index(start: Any, term: Any, count: int, want: Any):
    y = Tensor(np.array([start])).at[np.zeros(count, int)].add(np.full(count, term))
    assert y.dtype == start.dtype
    assert y.item() == want.item()


# ----- Rules of one's own -----


def test_a_primitive_is_compiled_once():
    p, made_of = made(lambda x: 2 * x, x=lambda g: 2 * g), list[Any]()
    compiler = p._compiler
    p.compiled_by(lambda: (made_of.append(p), compiler())[1])
    assert p.source == p.source
    assert (p(1.0), len(made_of)) == (2, 1)


def test_a_rule_may_take_parameters_by_keyword_alone():
    p = made(lambda x, *, k=2, n=1: k * x**n, x=lambda g, x, *, n, k: g * k * n * x ** (n - 1))
    assert gradient(p, 3.0) == [2]
    assert autonn.gradcheck(lambda x: p(x, k=5.0, n=3), [1.0, 2.0], order=2)
    both = made(lambda a, b, *, k: k * a * b, a=lambda g, *, k, b: g * k * b, b=None)
    a = Tensor(1.0, requires_grad=True)
    both(a, 3.0, k=4.0).backward()
    assert a.grad.item() == 12


def test_parameters_go_by_name():
    p = made(lambda x, *, k=2: k * x, x=lambda g, k: g * k)
    with pytest.raises(TypeError, match="positional"):
        p(Tensor(1.0), 3)
    with pytest.raises(TypeError, match="required"):
        made(lambda x, *, k: k * x, x=lambda g, k: g * k)(Tensor(1.0))


def test_a_list_for_a_parameter_may_change():
    p = made(lambda x, *, factors: x * factors, x=lambda g, factors: g * np.asarray(factors))
    x, factors = Tensor([1.0, 1.0], requires_grad=True), [2, 3]
    y = p(x, factors=factors)
    factors[0] = 9
    y.sum().backward()
    assert x.grad.tolist() == [2, 3]


def test_a_tensor_for_a_parameter_may_change():
    p = made(lambda x, *, factors: x * bare(factors), x=lambda g, factors: g * factors)
    x, factors = Tensor([1.0, 1.0], requires_grad=True), Tensor([2.0, 3.0], requires_grad=True)
    y = p(x, factors=factors)
    factors.assign([9.0, 9.0])
    y.sum().backward()
    assert (x.grad.tolist(), factors.grad) == ([2, 3], None)


def test_an_operand_without_a_rule_has_no_gradient():
    p = made(lambda a, b: a * b, a=lambda g, b: g * b, b=None)
    assert gradient(p, 2.0, 3.0) == [3, None]
    none = made(lambda a, b: a * b, a=None, b=None)
    for unruled in (p, none, made(lambda *xs: xs[0] * xs[1], xs=None)):
        assert not unruled(1.0, Tensor(2.0, requires_grad=True)).requires_grad


def test_a_decorated_rule_reads_what_it_wraps():
    def rule(g: Any, x: Any) -> Any:
        return 2 * g * x

    @wraps(rule)
    def doubled(first: Any, second: Any) -> Any:
        return 2 * rule(first, second)

    assert gradient(made(lambda x: x * x, x=doubled), 3.0) == [12]


def test_a_primitive_without_rules_has_no_arguments():
    p = Primitive(lambda x: x)
    assert (p.broadcasts, p.signature, p.kept, p.rules) == (False, Signature((), {}), (), {})


def test_a_rule_that_fails_is_seen_in_the_traceback():
    y = made(lambda x: 2 * x, x=lambda g: g[0])(Tensor(1.0, requires_grad=True))
    with pytest.raises(IndexError) as caught:
        y.backward()
    assert "rule_x(g)" in "".join(traceback.format_exception(caught.value))


def test_rules_that_read_whatever_there_is():
    with pytest.raises(TypeError, match="the rule of x reads 'rest', which is not there"):
        made(lambda x: x, x=lambda g, *rest: g)


def test_what_is_no_rule_and_no_function():
    with pytest.raises(TypeError, match="the rule of x is 3; want a function, or None"):
        made(lambda x: x, x=3)
    for thing in (partial(np.add, 1), np):
        with pytest.raises(TypeError, match="not a function with a name"):
            autonn.primitive(thing)  # type: ignore[arg-type]


def test_a_cotangent_of_another_shape_is_not_summed():
    p = made(lambda x: 2 * x, x=lambda g: np.stack([g, g]))
    with pytest.raises(ValueError, match="gave a cotangent of shape"):
        gradient(p, np.ones(3))


PARTS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda x: x,
    "a view": lambda x: x[:],
    "a part": lambda x: x[1:3],
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("many", [True, False], ids=["any number of operands", "two operands"])
def test_an_operand_given_back_may_change(part: Callable[[Any], Any], many: bool):
    if many:
        p = made(lambda *xs: part(xs[1]), xs=lambda g, i: g * i)
    else:
        p = made(lambda x, y_: part(y_), x=None, y_=lambda g: g)
    a = np.ones(4)
    y = p(Tensor(0.0, requires_grad=True), a)
    a[:] = 9
    assert not np.any(y == 9)


def test_rules_of_any_number_of_operands_that_read_the_output():
    p = made(lambda *xs: np.exp(xs[0] * xs[1]), xs=lambda g, i, xs, y: g * y * xs[1 - i])
    assert autonn.gradcheck(p, 0.3, 0.5, order=2)
    shaped = made(lambda *xs: xs[0] * xs[1], xs=lambda g, i, xs_shape: g.reshape(xs_shape[i]))
    assert gradient(shaped, np.ones((1, 1)), np.ones(1)) == [[[1]], [1]]
    assert made(lambda *xs: xs[0], xs=lambda g, i: g).kept == ()


def test_operands_of_any_number_may_change():
    p = made(lambda *xs: xs[0] * xs[1], xs=lambda g, i, xs: g * xs[1 - i])
    x, a = Tensor([1.0, 1.0], requires_grad=True), np.array([2.0, 3.0])
    y = p(x, a)
    a[:] = 9
    y.sum().backward()
    assert x.grad.tolist() == [2, 3]


# ----- Calls as NumPy's -----


def test_parameters_of_numpys_functions():
    x = Tensor([[1.0, 4.0], [3.0, 2.0]], requires_grad=True)
    assert np.argmax(x, axis=1).tolist() == [1, 0]
    assert np.sum(x, axis=1, dtype=None).tolist() == [5, 5]
    with pytest.raises(TypeError, match="the rule of x reads 'nothing', which is not there"):
        defvjp(np.exp, x=lambda g, nothing: g)


def test_arrays_by_numpys_names():
    x = Tensor([[2.0, 1.0], [1.0, 2.0]], requires_grad=True)
    assert np.max(a=x, axis=0).tolist() == [2, 2]
    assert np.linalg.det(a=x).item() == pytest.approx(3)
    with pytest.raises(TypeError, match="where of Tensors needs all of condition, a, b"):
        np.where(x)
    with pytest.raises(TypeError, match=r"relu\(\): .*'x'"):
        autonn.rules.relu()


def test_the_mixed_derivative_of_a_power_of_the_least_number():
    tiny = np.finfo(float).tiny
    slope = autonn.grad(lambda b: autonn.grad(lambda a: a**b)(tiny))(0.0)
    assert slope == pytest.approx(1 / tiny)


def test_a_parameter_may_stand_between_arrays():
    p = defvjp(
        np.insert,
        arr=lambda g, obj: np.delete(g, obj),
        values=lambda g, obj: g[obj],
        params=["obj"],
        forward=lambda arr, values, *, obj: np.insert(arr, obj, values),
    )
    x, v = Tensor([1.0, 2.0], requires_grad=True), Tensor(5.0, requires_grad=True)
    try:
        for y in (np.insert(x, 1, v), np.insert(arr=x, values=v, obj=1)):
            assert y.tolist() == [1, 5, 2]
            y.backward([1.0, 2.0, 3.0])
        assert (x.grad.tolist(), v.grad.item()) == ([2, 6], 4)
    finally:
        del DISPATCH[np.insert], PRIMITIVES[p.forward]


def test_at_a_bound_the_gradient_is_the_clipped_arrays():
    x, low, high = (Tensor([v, 3.0], requires_grad=True) for v in (1.0, 1.0, 3.0))
    np.clip(x, low, high).sum().backward()
    assert [t.grad.tolist() for t in (x, low, high)] == [[1, 1], [0, 0], [0, 0]]
    slopes = [autonn.grad(np.clip, (0, 1, 2))(x, 2.0, 2.0) for x in (1.0, 3.0)]
    assert slopes == [(0, 1, 0), (0, 0, 1)]


@pytest.mark.parametrize(
    ("subscripts", "shape", "other"),
    [("ij->i", (2, 1), None), ("ij,ij->i", (3, 2), (3, 1)), ("ij,ij->j", (3, 1), (3, 2))],
)
def test_einsum_along_axes_of_one(subscripts: str, shape: tuple[int, ...], other: Any):
    rest = [] if other is None else [np.ones(other)]
    slope = autonn.grad(lambda x: np.sum(np.einsum(subscripts, x, *rest)))(np.ones(shape))
    np.testing.assert_array_equal(slope, np.full(shape, 2.0 if shape == (3, 1) else 1.0))


@pytest.mark.parametrize("shape", [(3, 0), (0, 3)])
def test_cumulative_products_of_nothing(shape: tuple[int, ...]):
    slope = autonn.grad(lambda x: np.sum(np.cumprod(x, axis=1)))(np.ones(shape))
    assert slope.shape == shape


def test_the_length_of_a_vector():
    assert np.shape(autonn.rules.norm(np.array([3.0, 4.0]))) == ()


def test_the_gradient_of_a_cholesky_factor_is_symmetric():
    slope = autonn.grad(lambda a: np.linalg.cholesky(a)[1, 0])(np.array([[2.0, 1.0], [1.0, 3.0]]))
    assert slope[0, 1] == slope[1, 0] != 0
    batch = np.broadcast_to([[2.0, 1.0], [1.0, 3.0]], (3, 1, 2, 2))
    slopes = autonn.grad(lambda a: np.sum(np.linalg.cholesky(a)[..., 1, 0]))(batch)
    np.testing.assert_allclose(slopes, np.broadcast_to(slope, batch.shape))


# ----- Recording -----


def test_a_function_that_records_nothing_takes_arguments_by_name():
    @autonn.no_grad()
    def scaled(x: Tensor, *, by: float) -> Tensor:
        return x * by

    y = scaled(Tensor(3.0, requires_grad=True), by=2.0)
    assert (y.item(), y.requires_grad, y.node) == (6, False, None)


def test_a_leaf_has_no_parameters():
    assert Tensor(1.0, requires_grad=True).node.params == {}


def test_who_watches_does_not_record():
    x = Tensor(1.0, requires_grad=True)
    with autonn.no_grad(), state():
        assert not (x * 2).requires_grad
    with autonn.no_grad(), state(paused=False):
        assert (x * 2).requires_grad
    first, second = autonn.no_grad(), state(paused=False)
    with first:
        second.__enter__()
    assert (x * 2).requires_grad
    with autonn.no_grad():
        second.__exit__()
        assert not (x * 2).requires_grad
    first, second = autonn.no_grad(), autonn.no_grad()
    first.__enter__()
    with second:
        first.__exit__()
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


# ----- The walk -----


def test_a_target_behind_a_target_gets_what_comes_past_it():
    x = Tensor(2.0, requires_grad=True)
    y = x * x
    z = 3.0 * y + x
    found = walk({z.node: np.float64(1)}, retain=True, create=False, targets=[x.node, y.node])
    assert found == {x.node: 1, y.node: 3}


def test_what_is_not_asked_for_has_no_gradient():
    outer = Tensor([3.0, 4.0], requires_grad=True)
    for join in (lambda x: np.stack([x, outer]), lambda x: np.einsum("i,i->i", x, outer)):
        assert autonn.grad(lambda x, join=join: np.sum(join(x)))(np.ones(2)).shape == (2,)
    assert outer.grad is None


def test_a_hook_keeps_no_gradient():
    x = Tensor(3.0, requires_grad=True)
    y = x * x
    y.register_hook(lambda g: None)
    (y * y).backward()
    assert y.grad is None


def test_cotangents_that_meet_are_freed_as_they_are_used():
    x = Tensor(np.ones(100_000), requires_grad=True)
    y = x
    for _ in range(30):
        y = y * 0.5 + y
    tracemalloc.start()
    y.backward(np.ones(x.shape))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * x.nbytes


def test_large_sums_are_recorded():
    a, b = np.linspace(0.5, 1, 200)[:, None], np.linspace(1, 2, 100)
    slope = autonn.grad(lambda a: np.sum(autonn.grad(lambda a: np.sum((a + b) ** 3))(a)))(a)
    np.testing.assert_allclose(slope, 6 * (a + b).sum(1, keepdims=True), rtol=1e-12)


# ----- float16 -----


@pytest.mark.parametrize("dtypes", ["eee", "eff", "fef", "edd", "egg", "fff", "ddd"])
def test_halves_are_widened_unless_numpy_does(dtypes: str):
    seen: list[str] = []

    def add(a: Any, b: Any) -> Any:
        seen.extend((a.dtype.char, b.dtype.char))
        return a + b

    a, b, y = dtypes
    assert in_float32(add)(np.ones(2, a), np.ones(2, b)).dtype.char == y
    assert seen == (["f", "f"] if y == "e" else [a, b])


def test_whole_numbers_beside_halves_stay_whole():
    picked = in_float32(lambda x, i: x[i])(np.float16([1, 2, 3]), np.array([2, 0]))
    assert (picked.tolist(), picked.dtype) == ([3, 1], np.float16)
