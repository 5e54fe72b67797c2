"""Nothing that a gradient needs changes under it: whoever writes, whatever is shared, whatever fails."""

from __future__ import annotations

import contextvars
import functools
import gc
import itertools
import linecache
import sys
import tempfile
import threading
import warnings
import weakref
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cases
import layer_cases
import numpy as np
import pytest
from cases import CASES
from layer_cases import LAYERS, LOSSES

import autonn
from autonn import Tensor, nn, optim
from autonn import functional as F
from autonn.graph import Primitive
from autonn.tree import flatten


def leaf(values: Any, **options: Any) -> Tensor:
    return Tensor(values, requires_grad=True, **options)


class Labelled(np.ndarray):
    """A subclass, as np.memmap and what libraries make are."""


# ----- Every primitive, layer and loss: all arrays of the caller are overwritten before backward -----

# What the calls of the tables index and mask by.
SHARED = [cases.ROWS, cases.MASK]
SHARED += [layer_cases.TIMES, layer_cases.KEYS, layer_cases.SCORES, layer_cases.IDS]


@pytest.fixture
def shared() -> Iterator[list[np.ndarray]]:
    """Give the arrays that the tables share, and set them right in the end."""
    kept = [a.copy() for a in SHARED]
    yield SHARED
    for a, was in zip(SHARED, kept, strict=True):
        a[...] = was


def spoil(*arrays: np.ndarray) -> None:
    """Give arrays other values; those that no longer can be written to are safe."""
    for a in arrays:
        with suppress(ValueError):
            a[...] = ~a if a.dtype.kind == "b" else 0 if a.dtype.kind in "iu" else 7.5


def pulled(y: Any, xs: list[Any]) -> list[Any]:
    """Pull random cotangents back from a nest of outputs."""
    rng = np.random.default_rng(3)
    outputs = [part for part in flatten(y)[0] if isinstance(part, Tensor) and part.requires_grad]
    for part in outputs:
        part.backward(rng.normal(size=part.shape).astype(part.dtype), retain_graph=True)
    return [x.grad.numpy() for x in xs if isinstance(x, Tensor) and x.grad is not None]


def assert_same(seen: list[Any], want: list[Any]) -> None:
    assert len(seen) == len(want)
    for a, b in zip(seen, want, strict=True):
        np.testing.assert_array_equal(a, b)


def of_case(case: Any, kinds: tuple[Any, ...], spoiled: list[np.ndarray] | None) -> list[Any]:
    """Differentiate a case whose i-th operand is of the i-th kind: Tensor, array or subclass."""
    arrays = [np.array(a) for a in case.inputs()]
    xs: list[Any] = [
        leaf(a) if kind is Tensor and a.dtype.kind == "f" else a.view(kind)
        for a, kind in zip(arrays, [np.ndarray if k is Tensor else k for k in kinds], strict=True)
    ]
    for i, kind in enumerate(kinds):
        xs[i] = (
            Tensor(arrays[i], requires_grad=arrays[i].dtype.kind == "f")
            if kind is Tensor
            else xs[i]
        )
    y = case.call(*xs)
    if spoiled is not None:
        spoil(*arrays, *spoiled)
        for x in xs:
            if isinstance(x, Tensor):
                x.assign(3.25)
    return pulled(y, xs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_operands_of_primitives_may_change(case: Any, shared: list[np.ndarray]):
    kept = [a.copy() for a in shared]
    for kinds in itertools.product((Tensor, np.ndarray, Labelled), repeat=len(case.makers)):
        if Tensor in kinds and len(kinds) <= 4:
            want = of_case(case, kinds, None)
            assert_same(of_case(case, kinds, shared), want)
            for a, was in zip(shared, kept, strict=True):
                a[...] = was


@pytest.mark.parametrize("tensors", [True, False], ids=["of Tensors", "of arrays"])
@pytest.mark.parametrize("name", LAYERS)
def test_inputs_parameters_and_state_of_layers_may_change(
    name: str, tensors: bool, shared: list[np.ndarray]
):
    def gradients(change: bool) -> list[Any]:
        case = LAYERS[name]
        layer, arrays = case.layer(), [np.array(a) for a in case.inputs()]
        xs = [leaf(a) if tensors else a for a in arrays]
        y = case.output(layer, *xs)
        if change:
            spoil(*arrays, *shared)
            for t in [*layer.parameters(), *(t for _, t in layer.named_buffers())]:
                t.assign(2.5)
            for x in xs if tensors else []:
                x.assign(1.5)
        return pulled(y, [*layer.parameters(), *xs])

    want = gradients(change=False)
    assert_same(gradients(change=True), want)


@pytest.mark.parametrize("given", ["input", "target", "both"])
@pytest.mark.parametrize("name", LOSSES)
def test_data_targets_and_weights_of_losses_may_change(name: str, given: str):
    case = LOSSES[name]

    def gradients(change: bool) -> list[Any]:
        options = {
            k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in case.options.items()
        }
        x, target = np.array(case.x), np.array(case.target)
        floats = target.dtype.kind == "f"
        xs = [leaf(x) if given != "target" else x]
        xs += [Tensor(target, requires_grad=floats) if given != "input" else target]
        y = case.make(**options)(*xs)
        if change:
            spoil(x, target, *(v for v in options.values() if isinstance(v, np.ndarray)))
            for t in xs:
                if isinstance(t, Tensor):
                    t.assign(0)
        return pulled(y, xs)

    assert_same(gradients(change=True), gradients(change=False))


# ----- Every other route, each a program: what it gives, and what it should -----


def changed(make: Callable[[], Any], f: Callable[..., Any], change: Callable[[Any], Any]) -> Any:
    """Differentiate f(x, made) by x = (1, 2, 3), but change what was made before backward."""
    x, made = leaf([1.0, 2.0, 3.0]), make()
    y = f(x, made).sum()
    change(made)
    y.backward()
    return x.grad.tolist()


def overwrite(value: Any) -> Callable[[Any], None]:
    return lambda a: a.__setitem__(..., value)


def memory_map() -> Any:
    folder = Path(tempfile.mkdtemp())
    a = np.memmap(folder / "a", np.float64, "w+", shape=(3,))
    a[:] = 2
    return a


def optimizer_steps(kind: Any, **options: Any) -> Any:
    """Take a step between forward and backward of another output."""
    w = leaf([1.0, -2.0])
    optimizer = kind([w], lr=0.5, **options)
    later = (w**3).sum()
    for _ in range(3):
        (w * w).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    later.backward()
    return w.grad.tolist()


def statistics_move_on() -> Any:
    layer = nn.BatchNorm1d(2, affine=False).eval()
    x = leaf([[1.0, 2.0], [3.0, 5.0]])
    y = layer(x)
    for _ in range(3):
        layer.train()(np.array([[9.0, 1.0], [5.0, -70.0]]))
    layer.running_var.assign(1e6)
    layer.reset_running_stats()
    y.sum().backward()
    return np.round(x.grad.data, 4).tolist()


def seed_changes_after() -> Any:
    x, seed = leaf([1.0, 2.0]), np.ones(2)
    y = x.reshape(2)
    y.retain_grad()
    y.backward(seed)
    seed[:] = 9
    return [x.grad.tolist(), y.grad.tolist()]


def seed_tensor_changes_after() -> Any:
    x, seed = leaf([1.0, 2.0]), Tensor([1.0, 1.0])
    x.reshape(2).backward(seed)
    seed.assign(9)
    return x.grad.tolist()


def gradients_are_assigned_to() -> Any:
    a, b = leaf([1.0]), leaf([1.0])
    (a + b).sum().backward()
    a.grad.assign(50)
    optim.clip_grad_norm([b], 0.5)
    return [a.grad.tolist(), b.grad.tolist()]


def state_dict_changes() -> Any:
    layer = nn.Linear(2, 2).astype(np.float64)
    layer.weight.assign([[1.0, 2.0], [3.0, 4.0]])
    x = leaf([[1.0, 1.0]])
    y = layer(x).sum()
    for a in layer.state_dict().values():
        a[:] = 100
    loaded = {k: np.ones_like(a) for k, a in layer.state_dict().items()}
    layer.load_state_dict(loaded)
    for a in loaded.values():
        a[:] = -7
    y.backward()
    return [x.grad.tolist(), layer.weight.tolist()]


def loaded_state_changes() -> Any:
    layer = nn.Linear(2, 1, bias=False).astype(np.float64)
    given = {"weight": np.array([[2.0, 3.0]])}
    layer.load_state_dict(given)
    x = leaf([[1.0, 1.0]])
    y = layer(x).sum()
    given["weight"][:] = 0
    y.backward()
    return x.grad.tolist()


def optimizer_state_changes() -> Any:
    def run(spoiled: bool) -> list[float]:
        w = leaf([1.0, -2.0])
        optimizer = optim.Adam([w], lr=0.1)
        for _ in range(3):
            state = optimizer.state_dict()
            optimizer.load_state_dict(state)
            if spoiled:
                spoil(*state.values())
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()
        return w.tolist()

    return run(True) == run(False)


def detached_is_assigned_to() -> Any:
    w = leaf([2.0])
    y = w * w
    w.detach().assign(7)
    y.detach().assign(8)
    np.exp(y).detach().assign(9)
    y.backward()
    return [w.tolist(), y.tolist(), w.grad.tolist()]


def assigned_from_its_own_view() -> Any:
    w = leaf([1.0, 2.0, 3.0])
    y = (w * w).sum()
    w.assign(w.data[::-1])
    y.backward()
    return [w.tolist(), w.grad.tolist()]


def a_view_keeps_old_values() -> Any:
    w = leaf([1.0, 2.0, 3.0])
    part, y = w[1:], (w[1:] * w[:2]).sum()
    w.assign(0)
    y.backward()
    return [part.tolist(), w.grad.tolist()]


def assigned_in_a_hook() -> Any:
    w = leaf([1.0, 2.0])
    y = w * w
    y.register_hook(lambda g: w.assign(100) or g.assign(100))
    y.sum().backward()
    return w.grad.tolist()


def output_of_vjp_changes() -> Any:
    x = np.zeros(2)
    y, pull = autonn.vjp(np.exp, x)
    y[:] = x[:] = 100
    seed = np.ones(2)
    (g,) = pull(seed)
    seed[:] = 9
    first = g.tolist()
    g[:] = 9
    return [first, pull(np.ones(2))[0].tolist()]


def arrays_of_grad_are_ones_own() -> Any:
    x = np.ones(2)
    value, g = autonn.value_and_grad(lambda x: x[0])(x)
    _, (same,) = autonn.vjp(lambda x: x, x)[0], autonn.vjp(lambda x: x, x)[1](x)
    g[:] = 5
    same[:] = 5
    return [x.tolist(), float(value)]


def another_thread_assigns() -> Any:
    w = leaf(np.ones(1000))
    y = (w * w).sum()
    thread = threading.Thread(target=lambda: w.assign(9))
    thread.start()
    thread.join()
    y.backward()
    return [set(w.tolist()), set(w.grad.tolist())]


def shared_without_a_copy() -> Any:
    a = np.ones((2, 3))
    t = Tensor(a[0], copy=False)
    return [a.flags.writeable, a[0].flags.writeable, bool(np.shares_memory(t.data, a))]


def hook_assigns(create: bool) -> Any:
    x = leaf(1.0)
    y = x * 3
    y.register_hook(lambda g: g.assign(100.0))
    y.backward(create_graph=create)
    return x.grad.item()


def buffer_without_a_copy() -> Any:
    a = array("d", [2.0, 2.0])
    t, u = Tensor(a, copy=False), leaf([1.0, 1.0])
    y = (t * u).sum()
    with suppress(ValueError, TypeError):
        a[0] = 9.0
    y.backward()
    return u.grad.tolist()


def locked_for_nothing() -> Any:
    integers, narrow = np.arange(3), np.ones(3, np.float32)
    with suppress(TypeError):
        Tensor(integers, requires_grad=True, copy=False)
    Tensor(narrow, dtype=np.float64, copy=False)
    return [integers.flags.writeable, narrow.flags.writeable]


def slices_change() -> Any:
    x, start, stop = leaf(np.zeros(4)), np.array(0), np.array(2)
    y = x[start:stop].sum()
    start += 2
    stop += 2
    y.backward()
    return x.grad.tolist()


def slices_of_tensors_change() -> Any:
    x, start, stop = leaf(np.zeros(4)), Tensor(0), Tensor(2)
    y = x[start:stop].sum()
    start.assign(2)
    stop.assign(4)
    y.backward()
    return x.grad.tolist()


def axis_changes(function: Any) -> Any:
    x, axis = leaf([[1.0, 2.0], [3.0, 5.0]]), np.array(0)
    y = (function(x, axis=axis) * np.array([1.0, 10.0])).sum()
    axis += 1
    y.backward()
    want = leaf(x.numpy())
    (function(want, axis=0) * np.array([1.0, 10.0])).sum().backward()
    return x.grad.tolist() == want.grad.tolist()


def seed_changes_in_what_a_hook_kept() -> Any:
    x, seed, seen = leaf([1.0]), np.ones(1), []
    y = x * 2
    y.register_hook(seen.append)
    y.backward(seed)
    seed[:] = 9
    return seen[0].tolist()


def seed_changes_in_a_trace() -> Any:
    x, seed = leaf([1.0]), np.ones(1)
    with autonn.trace() as graph:
        (x * 2).backward(seed)
    seed[:] = 9
    return graph.ops[-1].grad.tolist()


def seed_changes_within() -> Any:
    x, seed = leaf([1.0]), np.ones(1)
    y = x * 2
    y.register_hook(lambda g: seed.fill(9))
    y.backward(seed)
    return x.grad.tolist()


def half_accumulated() -> Any:
    a, b = leaf(1.0), leaf(1.0)
    a.grad, b.grad = Tensor(1e308), Tensor(1.0)
    with np.errstate(over="raise"), suppress(FloatingPointError):
        (b * 1.0 + a * 1e308).backward()
    with np.errstate(over="raise"), suppress(FloatingPointError):
        (a * 1e308 + b * 1.0).backward()
    return [a.grad.item(), b.grad.item()]


def matrix_from_a_rule() -> Any:
    f = autonn.defvjp(Primitive(lambda x: x * 1), x=lambda g: np.asmatrix(g))
    x = leaf(np.ones((2, 2)))
    w = np.array([[1.0, 2.0], [3.0, 4.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (f(x * w) * w).sum().backward()
    return x.grad.tolist()


def tensor_axis_changes() -> Any:
    x, axis = leaf([[1.0, 2.0], [3.0, 5.0]]), Tensor(0)
    y = (np.sum(x, axis=axis) * np.array([1.0, 10.0])).sum()
    axis.assign(1)
    y.backward()
    return x.grad.tolist()


second = autonn.defvjp(Primitive(lambda x, a: a), x=lambda g: g * 0, a=None)
view_of_second = autonn.defvjp(Primitive(lambda x, a: a[...]), x=lambda g: g * 0, a=None)


# fmt: off
ROUTES: dict[str, tuple[Callable[[], Any], Any]] = {
    "a subclass": (lambda: changed(lambda: np.full(3, 2.0).view(Labelled), lambda x, a: x * a, overwrite(0)), [2, 2, 2]),
    "a memory map": (lambda: changed(memory_map, lambda x, a: x * a, overwrite(0)), [2, 2, 2]),
    "a dtype with metadata": (lambda: changed(lambda: np.full(3, 2.0).astype(np.dtype("f8", metadata={"a": 1})), lambda x, a: a * x, overwrite(0)), [2, 2, 2]),
    "another dtype": (lambda: changed(lambda: np.full(3, 2, np.int8), lambda x, a: x * a, overwrite(0)), [2, 2, 2]),
    "a number in an array": (lambda: changed(lambda: np.array(2.0), lambda x, a: x * a, overwrite(0)), [2, 2, 2]),
    "a view of it": (lambda: changed(lambda: np.full((2, 3), 2.0), lambda x, a: x * a[1], overwrite(0)), [2, 2, 2]),
    "its base": (lambda: changed(lambda: np.full(6, 2.0)[::2], lambda x, a: x * a, lambda a: a.base.fill(0)), [2, 2, 2]),
    "a list": (lambda: changed(lambda: [2.0, 2.0, 2.0], lambda x, a: x * a, lambda a: a.clear()), [2, 2, 2]),
    "an index": (lambda: changed(lambda: np.array([0, 0]), lambda x, i: x[i], overwrite(2)), [2, 0, 0]),
    "an index in a tuple": (lambda: changed(lambda: np.array([0, 0]), lambda x, i: x.reshape(1, 3)[0, i], overwrite(2)), [2, 0, 0]),
    "an index in a list": (lambda: changed(lambda: [0, 0], lambda x, i: x[i], lambda i: i.__setitem__(0, 2)), [2, 0, 0]),
    "an index of no axes": (lambda: changed(lambda: np.array(1), lambda x, i: x[i], overwrite(2)), [0, 1, 0]),
    "an index that is a Tensor": (lambda: changed(lambda: Tensor([0, 0]), lambda x, i: x[i], lambda i: i.assign(2)), [2, 0, 0]),
    "a mask": (lambda: changed(lambda: np.array([True, False, True]), lambda x, m: x[m], overwrite(True)), [1, 0, 1]),
    "where to store": (lambda: changed(lambda: np.array([0, 1]), lambda x, i: x.at[i].set(5.0), overwrite(2)), [0, 0, 1]),
    "what to store": (lambda: changed(lambda: np.array([4.0]), lambda x, v: x.at[:1].set(v) * x, overwrite(0)), [4, 4, 6]),
    "a condition": (lambda: changed(lambda: np.array([True, False, True]), lambda x, c: np.where(c, x, 0), overwrite(False)), [1, 0, 1]),
    "limits": (lambda: changed(lambda: np.array([0.0, 0.0, 9.0]), lambda x, a: np.clip(x, a, 8.0), overwrite(9)), [1, 1, 0]),
    "an operand of einsum": (lambda: changed(lambda: np.full(3, 2.0), lambda x, a: np.einsum("i,i->i", x, a), overwrite(0)), [2, 2, 2]),
    "indices to take": (lambda: changed(lambda: np.array([1, 1]), lambda x, i: np.take(x, i), overwrite(0)), [0, 2, 0]),
    "how often to repeat": (lambda: changed(lambda: np.array([2, 1, 0]), lambda x, n: np.repeat(x, n), overwrite(0)), [2, 1, 0]),
    "axes in a list": (lambda: changed(lambda: [1, 0], lambda x, a: np.transpose(x.reshape(1, 3), a) * [[1.0], [2.0], [3.0]], lambda a: a.reverse()), [1, 2, 3]),
    "ids": (lambda: changed(lambda: np.array([0, 2]), lambda x, i: F.embedding(i, x.reshape(3, 1)), overwrite(1)), [1, 0, 1]),
    "SGD": (lambda: optimizer_steps(optim.SGD), [3, 12]),
    "SGD with momentum": (lambda: optimizer_steps(optim.SGD, momentum=0.9, nesterov=True), [3, 12]),
    "Adam": (lambda: optimizer_steps(optim.Adam), [3, 12]),
    "AdamW": (lambda: optimizer_steps(optim.AdamW), [3, 12]),
    "RMSprop": (lambda: optimizer_steps(optim.RMSprop, momentum=0.5, centered=True), [3, 12]),
    "Adagrad": (lambda: optimizer_steps(optim.Adagrad), [3, 12]),
    "running statistics": (statistics_move_on, [[1, 1], [1, 1]]),
    "the seed, afterwards": (seed_changes_after, [[1, 1], [1, 1]]),
    "a seed that is a Tensor": (seed_tensor_changes_after, [1, 1]),
    "gradients that two leaves share": (gradients_are_assigned_to, [[50], [0.5]]),
    "a state_dict": (state_dict_changes, [[[4, 6]], [[1, 1], [1, 1]]]),
    "a state that was loaded": (loaded_state_changes, [[2, 3]]),
    "an optimizer's state": (optimizer_state_changes, True),
    "what is detached": (detached_is_assigned_to, [[2], [4], [4]]),
    "a leaf by its own view": (assigned_from_its_own_view, [[3, 2, 1], [2, 4, 6]]),
    "a leaf with views": (a_view_keeps_old_values, [[2, 3], [2, 4, 2]]),
    "a leaf and a gradient, in a hook": (assigned_in_a_hook, [2, 4]),
    "the output of vjp": (output_of_vjp_changes, [[1, 1], [1, 1]]),
    "what grad and vjp give": (arrays_of_grad_are_ones_own, [[1, 1], 1]),
    "an operand that a primitive gives back": (lambda: changed(lambda: np.full(3, 2.0), lambda x, a: second(x, a) * x, overwrite(0)), [2, 2, 2]),
    "a view of an operand": (lambda: changed(lambda: np.full(3, 2.0), lambda x, a: view_of_second(x, a) * x, overwrite(0)), [2, 2, 2]),
    "axes in a tuple of arrays": (lambda: axis_changes(lambda x, axis: np.sum(x, axis=(axis,))), True),
    "an axis that is a Tensor": (tensor_axis_changes, [[1, 10], [1, 10]]),
    "a leaf, in another thread": (another_thread_assigns, [{9}, {2}]),
    "a gradient, in a hook": (lambda: hook_assigns(False), 3),
    "a gradient, in a hook, recorded": (lambda: hook_assigns(True), 3),
    "copy=False of a buffer": (buffer_without_a_copy, [2, 2]),
    "copy=False of what is not shared": (locked_for_nothing, [True, True]),
    "slices of arrays": (slices_change, [1, 1, 0, 0]),
    "slices of Tensors": (slices_of_tensors_change, [1, 1, 0, 0]),
    "the axis of a sum": (lambda: axis_changes(np.sum), True),
    "the axis of a maximum": (lambda: axis_changes(np.max), True),
    "the axis of a cumulative sum": (lambda: axis_changes(np.cumsum), True),
    "the seed, in what a hook kept": (seed_changes_in_what_a_hook_kept, [1]),
    "the seed, in a trace": (seed_changes_in_a_trace, [1]),
    "the seed, during the pass": (seed_changes_within, [2]),
    "overflow where gradients are added": (half_accumulated, [1e308, 1]),
    "a matrix from a rule": (matrix_from_a_rule, [[1, 4], [9, 16]]),
    "copy=False": (shared_without_a_copy, [False, False, True]),
}
# fmt: on


@pytest.mark.parametrize("name", ROUTES)
def test_route(name: str):
    program, want = ROUTES[name]
    assert program() == want


# ----- What can be written to nowhere -----

VIEWS: dict[str, Callable[[Tensor], Any]] = {
    "data": lambda t: t.data,
    "numpy()": lambda t: t.numpy(),
    "grad.data": lambda t: t.grad.data,
    "a slice": lambda t: t.data[:1],
    "a transpose": lambda t: t.numpy().T,
    "another shape": lambda t: t.numpy().reshape(-1, 1),
    "as an array": lambda t: np.asarray(t.data),
    "of a view": lambda t: t[:1].data,
    "of what is detached": lambda t: t.detach().data,
    "of a result": lambda t: (t * 2).data,
    "a row": lambda t: next(iter(t.reshape(1, -1))).data,
}
WRITES: dict[str, Callable[[Any], Any]] = {
    "item": lambda a: a.__setitem__(0, 9),
    "+=": lambda a: a.__iadd__(1),
    "out=": lambda a: np.add(a, 1, out=a),
    "fill": lambda a: a.fill(9),
    "sort": lambda a: a.sort(),
    "copyto": lambda a: np.copyto(a, 9),
    "memory": lambda a: memoryview(a).__setitem__((0,) * a.ndim, 9.0),
    "shuffle": lambda a: np.random.default_rng(0).shuffle(a),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("view", VIEWS)
def test_views_refuse_to_be_written_to(view: str, write: str):
    t = leaf([3.0, 2.0])
    (t * t).sum().backward()
    with pytest.raises((ValueError, TypeError), match=r"read-only|read only"):
        WRITES[write](VIEWS[view](t))
    assert t.tolist() == [3, 2]
    assert t.grad.tolist() == [6, 4]


# ----- Memory that copy=False shares and something else still writes to -----


def written_by(a: Any, view: Any, f: Callable[[Tensor, Tensor], Tensor]) -> None:
    with autonn.detect_anomaly():
        u = leaf(np.ones(3))
        y = f(Tensor(a, copy=False, requires_grad=True), u).sum()
        view[...] = 9
        y.backward()


def windows() -> tuple[Any, Any]:
    a = np.ones(3)
    return np.lib.stride_tricks.as_strided(a, (3,)), a


def early_view() -> tuple[Any, Any]:
    a = np.ones(3)
    return a, a[:]


def buffer() -> tuple[Any, Any]:
    a = bytearray(np.ones(3).tobytes())
    return np.frombuffer(a), np.frombuffer(a)


MEMORIES = {"an early view": early_view, "strides": windows, "a buffer": buffer}
READERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "multiply": lambda t, u: t * u,
    "exp": lambda t, u: np.log(t) + np.log(u + t),
    "matmul": lambda t, u: t @ u,
    "power": lambda t, u: u**t,
    "einsum": lambda t, u: np.einsum("i,i->i", t, u),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("memory", MEMORIES)
def test_detect_anomaly_names_the_operation_and_line_of_what_changed(memory: str, reader: str):
    with pytest.raises(
        RuntimeError, match=r"changed in place after .*test_aliasing\.py:\d+"
    ) as error:
        written_by(*MEMORIES[memory](), READERS[reader])
    assert str(error.value).split(":")[0] in (reader, "log", "multiply")


def added_at_a_view(w: Tensor) -> Tensor:
    """NumPy's ufunc.at writes to read-only arrays, up to 2.4."""
    y = (w * w).sum()
    try:
        np.add.at(w.data, [0], 10.0)
    except ValueError:
        pytest.skip("this NumPy refuses it")
    return y


def begun_during_a_step(w: Tensor) -> Tensor:
    """Run forward in another thread, while an optimiser writes to what it reads."""
    made: list[Tensor] = []

    class Slow(optim.SGD):
        @staticmethod
        def update(p: Any, g: Any, s: Any, **options: Any) -> None:
            run = contextvars.copy_context().run
            thread = threading.Thread(target=run, args=(lambda: made.append((w * w).sum()),))
            thread.start()
            thread.join()
            optim.SGD.update(p, g, s, **options)

    (w * w).sum().backward()
    Slow([w], lr=0.25).step()
    return made[0]


@pytest.mark.parametrize("program", [added_at_a_view, begun_during_a_step])
def test_detect_anomaly_finds_what_cannot_be_prevented(program: Callable[[Tensor], Tensor]):
    with autonn.detect_anomaly(), pytest.raises(RuntimeError, match="changed in place after"):
        program(leaf([1.0, 2.0])).backward()


# ----- The walk adds in place: whatever rules and hooks hand out, nothing that is seen changes -----

N = 3
CACHE: dict[bytes, np.ndarray] = {}
FLAT: list[np.ndarray] = []


def cached(g: Any) -> Any:
    """Give the same array for the same values, which is kept for good."""
    return CACHE.setdefault(np.asarray(g).tobytes(), np.array(g))


def listed(g: Any) -> Any:
    FLAT.append(np.array(g))
    return FLAT[-1]


def locked(g: Any) -> Any:
    y = np.array(g)
    y.flags.writeable = False
    return y


def of_a_buffer(g: Any) -> Any:
    return np.frombuffer(bytearray(np.ascontiguousarray(g).tobytes()), g.dtype).reshape(g.shape)


RULES: dict[str, Callable[[Any], Any]] = {
    "g": lambda g: g,
    "a view of g": lambda g: g[...],
    "g in another shape": lambda g: g.reshape(1, N).reshape(N),
    "g twice turned": lambda g: g[::-1][::-1],
    "a copy": lambda g: g * 1.0,
    "a cached array": cached,
    "an array in a list": listed,
    "a read-only array": locked,
    "a buffer": of_a_buffer,
    "a subclass": lambda g: np.array(g).view(Labelled),
    "a list's row": lambda g: np.array([g, g])[1],
    "a Fortran array": lambda g: np.asfortranarray(np.array([g]))[0],
}
HOOKS: dict[str, Callable[[list[Any]], Callable[[Any], Any]]] = {
    "none": lambda seen: lambda g: None,
    "returns the same": lambda seen: lambda g: g,
    "returns what it keeps": lambda seen: lambda g: seen[-1][0],
    "returns a view": lambda seen: lambda g: g.data,
    "returns a copy": lambda seen: lambda g: g.numpy().copy(),
}


def program(seed: int) -> Callable[[Any, Any, Callable[[Any], Any]], list[Any]]:
    """Draw a linear function of x and z, with diamonds, views, pieces and repeated use."""

    def run(x: Any, z: Any, f: Callable[[Any], Any]) -> list[Any]:
        rng = np.random.default_rng(seed)
        made = [x, z]
        for _ in range(int(rng.integers(2, 12))):
            a, b = (made[int(i)] for i in rng.integers(max(0, len(made) - 4), len(made), 2))
            made.append(
                [
                    lambda a=a, b=b: a + b,
                    lambda a=a, b=b: f(a),
                    lambda a=a, b=b: f(a) + f(b) + f(a),
                    lambda a=a, b=b: a + a.reshape(N) + b[:],
                    lambda a=a, b=b: a[::-1] - b,
                    lambda a=a, b=b: a[np.array([0, 0, 2])] + b[0] + a[1],
                    lambda a=a, b=b: np.concatenate([f(a)[:1], b[1:]]),
                    lambda a=a, b=b: np.where(np.array([True, False, True]), a, f(b)),
                    lambda a=a, b=b: np.stack([a, b, a]).sum(axis=0),
                ][int(rng.integers(9))]()
            )
        return [f(made[-1]), made[-2] + made[-1], made[int(rng.integers(len(made)))]]

    return run


def jacobians(run: Any) -> np.ndarray:
    """J[leaf, input, output, root] of a linear program, by NumPy alone."""
    zero = np.zeros(N)
    rows = [run(e, zero, np.array) for e in np.eye(N)], [run(zero, e, np.array) for e in np.eye(N)]
    return np.array(rows).transpose(0, 1, 3, 2)


def watched(identity: Any, hook: str, made: list[Any], seen: list[Any]) -> Callable[[Any], Any]:
    """Apply a primitive; note the result, its gradients, and what they were when they came."""

    def f(t: Any) -> Any:
        y = identity(t)
        y.retain_grad()
        y.register_hook(lambda g: seen.append((g, g.numpy().copy())))
        y.register_hook(HOOKS[hook](seen))
        made.append(y)
        return y

    return f


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("rule", RULES)
def test_the_walk_changes_nothing_that_is_seen(rule: str, hook: str):
    identity = autonn.defvjp(Primitive(lambda x: np.array(x)), x=RULES[rule])
    CACHE.clear()
    FLAT.clear()
    for seed in range(25):
        run = program(seed)
        want = jacobians(run)
        x, z = leaf([1.0, 2.0, 4.0]), leaf([0.5, 0.25, 8.0])
        made: list[Tensor] = []
        seen: list[tuple[Tensor, Any]] = []
        roots = run(x, z, watched(identity, hook, made, seen))
        values = [t.numpy().copy() for t in [x, z, *made, *roots]]
        total = np.zeros((2, N))
        for k in (0, 1, 2, 0):  # several roots that share a graph, one of them twice
            g = np.array([1.0, -2.0, 3.0]) * (k + 1)
            roots[k].backward(g, retain_graph=True)
            assert g.tolist() == [k + 1, -2 * (k + 1), 3 * (k + 1)]
            total += want[..., k] @ g
            np.testing.assert_allclose(
                (0 if x.grad is None else x.grad.data) * np.ones(N), total[0], rtol=1e-14
            )
            np.testing.assert_allclose(
                (0 if z.grad is None else z.grad.data) * np.ones(N), total[1], rtol=1e-14
            )
        for t, was in [*seen, *zip([x, z, *made, *roots], values, strict=True)]:
            np.testing.assert_array_equal(t.data, was)
        for key, a in CACHE.items():
            assert a.tobytes() == key


def test_rules_may_return_what_is_kept():
    """Of x² / 2 at g = 1, x itself: the leaf's array, an inner one's, a retained one's."""
    half = autonn.defvjp(Primitive(lambda x: x * x / 2), x=lambda g, x: x)
    for inner in (lambda x: x, lambda x: x * 1.0, lambda x: x.reshape(3)):
        x = leaf([1.0, 2.0, 3.0])
        h = inner(x)
        y = (half(h) + half(h) + half(h) + h).sum()
        for k in (1, 2):
            y.backward(retain_graph=True)
            assert x.grad.tolist() == [k * 4, k * 7, k * 10]
            assert (h.tolist(), x.tolist()) == ([1, 2, 3], [1, 2, 3])
        y.backward()
        assert x.grad.tolist() == [12, 21, 30]


@pytest.mark.parametrize("create", [False, True])
def test_a_leaf_that_is_the_output(create: bool):
    x = leaf([1.0, 2.0])
    seed = np.array([3.0, 4.0])
    for k in (1, 2, 3):
        x.backward(seed, create_graph=create)
        assert x.grad.tolist() == [3 * k, 4 * k]
    assert seed.tolist() == [3, 4]
    (x + x).backward(seed, create_graph=create)
    assert x.grad.tolist() == [15, 20]


# fmt: off
TWICE: dict[str, tuple[Callable[[Any], Any], Any]] = {  # of x = (1, 2): the gradient of the sum
    "add": (lambda x: x + x, [2, 2]),
    "subtract": (lambda x: x - x, [0, 0]),
    "multiply": (lambda x: x * x, [2, 4]),
    "divide": (lambda x: x / x, [0, 0]),
    "power": (lambda x: x**x, [1, 4 * (np.log(2) + 1)]),
    "maximum": (lambda x: np.maximum(x, x), [1, 1]),
    "matmul": (lambda x: x @ x, [2, 4]),
    "outer": (lambda x: np.outer(x, x), [6, 6]),
    "einsum": (lambda x: np.einsum("i,i,j->j", x, x, x), [3 * 2 + 5, 3 * 4 + 5]),
    "where": (lambda x: np.where([True, False], x, x), [1, 1]),
    "clip": (lambda x: np.clip(x, x, x), [1, 1]),
    "concatenate": (lambda x: np.concatenate([x, x[::-1], x]) * [1, 2, 3, 4, 5, 6], [10, 11]),
    "stack of a nest": (lambda x: np.stack([x, np.stack([x, x]).sum(0)]), [3, 3]),
    "block": (lambda x: np.block([[x, x], [x, x]]), [4, 4]),
    "storing in itself": (lambda x: x.at[0].set(x[1]).at[[0, 0]].add(x), [1, 3]),
    "its own index": (lambda x: x[x > 1] * x[1], [0, 4]),
    "a diamond": (lambda x: (lambda h: np.exp(h * 0) * h + h * 2 + (h + h))(x * 1), [5, 5]),
    "a deep diamond": (lambda x: functools.reduce(lambda h, _: h + h, range(20), x), [2**20, 2**20]),
}
# fmt: on


@pytest.mark.parametrize("name", TWICE)
def test_the_same_tensor_twice(name: str):
    f, want = TWICE[name]
    x = leaf([1.0, 2.0])
    f(x).sum().backward()
    np.testing.assert_allclose(x.grad.data, want, rtol=1e-12)
    np.testing.assert_allclose(autonn.grad(lambda x: f(x).sum())(np.array([1.0, 2.0])), want)
    x.grad = None
    f(x).sum().backward(create_graph=True)
    np.testing.assert_allclose(x.grad.data, want, rtol=1e-12)


def test_the_same_array_in_a_nest_has_a_gradient_at_each_place():
    for kind in (np.array, Tensor, leaf):
        t: Any = kind([1.0, 2.0])
        nest = {"a": t, "b": [t, (t,)]}
        g = autonn.grad(lambda p: (p["a"] * p["b"][0] ** 2 * 3 * p["b"][1][0] ** 3).sum())(nest)
        x = np.array([1.0, 2.0])
        found = [np.asarray(v.data if isinstance(v, Tensor) else v) for v in flatten(g)[0]]
        np.testing.assert_allclose(found, [3 * x**5, 6 * x**5, 9 * x**5], rtol=1e-12)
        y, pull = autonn.vjp(lambda x: {"a": x, "b": [x, (x,)]}, t)
        (back,) = pull(y)
        np.testing.assert_allclose(back.data if isinstance(back, Tensor) else back, 3 * x)
        assert np.asarray(t.data if isinstance(t, Tensor) else t).tolist() == [1, 2]


def test_a_weight_in_two_layers_gets_both_gradients():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)).astype(np.float64)
    net[0].weight.assign([[1.0, 2.0], [3.0, 4.0]])
    net[1].weight = net[0].weight
    net(np.array([[1.0, 1.0]])).sum().backward()
    w, x = net[0].weight.numpy(), np.ones(2)
    want = np.outer(np.ones(2), w @ x) + np.outer(w.T @ np.ones(2), x)
    np.testing.assert_allclose(net[0].weight.grad.data, want, rtol=1e-12)
    assert len(list(net.parameters())) == 1


# ----- What fails in the middle leaves nothing half done -----


class FaultError(Exception):
    """What goes wrong on purpose."""


def faulty(where: int) -> tuple[list[Tensor], Tensor, list[int]]:
    """Make a graph of 12 hooked nodes; the hook that is called in the place `where` fails."""
    leaves = [leaf([1.0, 2.0]), leaf([3.0, 4.0]), leaf([0.5, 0.5])]
    calls = [where]

    def hook(g: Tensor) -> None:
        calls[0] -= 1
        if calls[0] == -1:
            raise FaultError

    a, b, c = leaves
    h = [a * b, b + c, a[::-1]]
    h += [h[0] * h[1], np.exp(h[1] * 0.1), h[2] / b]
    h += [h[3] + h[4] + h[5], np.concatenate([h[3][:1], h[5][1:]])]
    h += [h[6] @ h[7], (h[6] * c).sum()]
    y = h[8] + h[9]
    for t in [*leaves, *h, y]:
        t.register_hook(hook)
    return leaves, y, calls


def values(leaves: list[Tensor]) -> list[Any]:
    return [None if t.grad is None else t.grad.tolist() for t in leaves]


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("before", [False, True], ids=["first", "gradients already there"])
def test_a_hook_that_fails_anywhere_leaves_the_gradients_as_they_were(before: bool, create: bool):
    leaves, y, _ = faulty(10**9)
    y.backward()
    want = values(leaves)
    failed = 0
    for where in range(30):
        leaves, y, calls = faulty(where)
        for t in leaves if before else []:
            t.grad = Tensor([7.0, 7.0])
        was = values(leaves)
        try:
            y.backward(retain_graph=True, create_graph=create)
        except FaultError:
            failed += 1
            assert values(leaves) == was
        calls[0] = 10**9
        for t in leaves:
            t.grad = None
        y.backward()  # the graph was kept, so it is there
        assert values(leaves) == want
        with pytest.raises(RuntimeError, match="used up"):
            y.backward()
        assert values(leaves) == want
    assert failed == 14  # leaves, inner Tensors and the output


def lines(call: Callable[[], Any], stop_at: int, files: tuple[str, ...]) -> int:
    """Interrupt a call where it comes to its n-th line in these files; give how many there were."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.endswith(files):
            return None
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "line" and not text.startswith("with "):  # where Python lets no signal in
            count += 1
            if count == stop_at:
                raise KeyboardInterrupt
        return trace

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(old)
    return count


WALK = ("autonn/walk.py", "autonn/rules.py", "autonn/windows.py", "autonn/sums.py", ">")


def test_an_interrupt_in_backward_leaves_all_gradients_or_none():
    halves = 0
    for stop_at in range(1, 60):
        leaves = [leaf(1.0), leaf(1.0)]
        y = leaves[0] * leaves[1]
        with suppress(KeyboardInterrupt):
            lines(y.backward, stop_at, ("autonn/tensors.py",))
        halves += [t.grad is None for t in leaves] in ([True, False], [False, True])
    assert halves == 0


@pytest.mark.parametrize("retain", [True, False])
def test_an_interrupt_on_any_line_of_the_walk_leaves_no_gradient(retain: bool):
    def made() -> tuple[list[Tensor], Tensor]:
        leaves = [leaf([1.0, 2.0]), leaf([3.0, 4.0])]
        a, b = leaves
        h = np.exp(a * b * 0.1) + a[::-1]
        return leaves, (h @ b + h[0] * a[1] + (h * 2.0).sum()) ** 2

    leaves, y = made()
    y.backward()  # which compiles what it needs
    want = values(leaves)
    _, y = made()
    total = lines(functools.partial(y.backward, retain_graph=retain), 0, WALK)
    assert total > 300
    for stop_at in range(1, total + 1, 3):
        leaves, y = made()
        with suppress(KeyboardInterrupt):
            lines(functools.partial(y.backward, retain_graph=retain), stop_at, WALK)
            pytest.fail("it was not interrupted")
        assert values(leaves) == [None, None]
        if retain:
            y.backward()
            assert values(leaves) == want
        else:
            try:
                y.backward()
            except RuntimeError as error:
                assert "used up" in str(error)  # noqa: PT017 (either will do)
                assert values(leaves) == [None, None]
            else:
                assert values(leaves) == want


def test_what_failed_is_let_go_of():
    gc.collect()
    gc.disable()
    try:
        for where in range(14):
            leaves, y, calls = faulty(where)
            alive = [weakref.ref(t) for t in [*leaves, y]]
            with suppress(FaultError):
                y.backward()
            del leaves, y, calls
            assert [r() for r in alive if r() is not None] == []
    finally:
        gc.enable()
