"""Runs as data: complete, right, replayable, and back from JSON."""

from __future__ import annotations

import json
import threading
import weakref
from collections import Counter
from typing import Any

import numpy as np
import pytest
from graph_cases import GRAPHS, Net, layer_graph, net_with_loss, rng, tensor

import autonn
from autonn import PRIMITIVES, Tensor, defvjp, nn, primitive
from autonn import functional as F
from autonn.check import CATALOGUE
from autonn.formulas import formulas
from autonn.graph import current_state
from autonn.operands import bare
from autonn.trace import Graph, graph_of, trace, traced

BY_NAME = {p.name: p for p in PRIMITIVES.values()}


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_traced_layer_can_be_run_again_from_its_data(name: str):
    graph = layer_graph(name)
    assert any(op.kind == "op" for op in graph) or name in ("Identity",)
    for op in graph:
        if op.value is None:
            assert name == "Identity"  # which hands its input through: nothing ran
            continue
        assert (op.shape, op.dtype) == (op.value.shape, str(op.value.dtype))
        if op.op in BY_NAME:
            primitive = BY_NAME[op.op]
            given = op.numbers | {x: graph.ops[i].value for x, i in op.inputs.items()}
            if primitive.signature.variadic:
                operands = [given[f"{primitive.signature.arrays[0]}{i}"] for i in range(len(given))]
            else:
                operands = [given[x] for x in primitive.signature.arrays]
            again = primitive.forward(*operands, **op.params)
            np.testing.assert_array_equal(np.asarray(again, op.dtype), op.value)


@pytest.mark.parametrize("name", CATALOGUE)
def test_nodes_and_edges_are_those_of_the_graph(name: str):
    generator = rng()
    layer, inputs = CATALOGUE[name].layer(generator), CATALOGUE[name].inputs(generator)
    with trace() as graph:
        y = layer(*inputs)
    outputs = [t for t in autonn.tree.flatten(y)[0] if isinstance(t, Tensor) and t.node is not None]
    if not outputs:
        assert not any(op.grads for op in graph)
        return
    known = graph_of(*outputs, gradients=False)
    recorded = [op for op in graph if op.grads]
    assert Counter((op.op, op.shape) for op in recorded) == Counter(
        (op.op, op.shape) for op in known
    )
    between = [(i, j) for i, j in graph.edges if graph.ops[i].grads and graph.ops[j].grads]
    assert len(between) == len(known.edges)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_rule_and_closed_form_of_a_layer_is_found_right(name: str):
    graph = layer_graph(name, check=True)
    errors = [error for op in graph for error in op.errors.values()]
    assert errors or name in ("Identity", "Flatten", "Embedding", "Dropout2d")
    assert max(errors, default=0) < 1e-9
    assert graph.diverging is None
    judged = [scope for scope in graph.scopes if scope.verdict]
    assert judged or name == "Identity"
    assert all(scope.error is not None and scope.error < 1e-10 for scope in judged)


@pytest.mark.parametrize("name", [*CATALOGUE, *GRAPHS])
def test_json_gives_back_what_it_was_given(name: str):
    graph = GRAPHS[name]() if name in GRAPHS else layer_graph(name, recorded=True)
    again = Graph.from_json(graph.to_json())
    assert again == graph
    assert str(again) == str(graph)
    bare = Graph.from_json(graph.to_json(arrays=False))
    assert [op.label for op in bare] == [op.label for op in graph]
    assert all(op.value is None and op.grad is None for op in bare)


GOOD: dict[str, Any] = json.loads(net_with_loss().to_json(arrays=False))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda told: "not json", "no graph"),
        (lambda told: "[]", "no graph"),
        (lambda told: "{}", "format"),
        (lambda told: told | {"format": 99}, "this version reads 1"),
        (lambda told: told | {"ops": told["ops"][1:]}, "do not count from 0"),
        (lambda told: told | {"ops": [{"id": 0, "kind": "op", "nonsense": 1}]}, "nonsense"),
        (lambda told: told | {"ops": [{"id": 0, "kind": "op", "inputs": {"~": "dict", "v": [["x", 0]]}}]}, "come before"),
        (lambda told: told | {"scopes": [{"id": 0, "kind": "layer", "label": "x", "parent": 0}]}, "no"),
        (lambda told: told | {"ops": [{"id": 0, "kind": "op", "scope": 99}]}, "not there"),
        (lambda told: told | {"ops": [{"id": 0, "kind": "op", "pulls": 7}]}, "not there"),
        (lambda told: told | {"ops": [{"id": 0, "kind": "op", "value": {"~": "array", "dtype": "O", "shape": [1], "data": ""}}]}, "not numeric"),
        (lambda told: told | {"ops": [{"id": 0, "kind": "op", "value": {"~": "array", "dtype": "<f8", "shape": [9], "data": ""}}]}, "not a value"),
        (lambda told: told | {"ops": [{"id": 0, "kind": "op", "params": {"~": "pickle", "v": 1}}]}, "unknown kind"),
    ],
)  # fmt: skip
def test_what_is_no_graph_is_refused(change: Any, words: str):
    told = change(dict(GOOD))
    with pytest.raises(ValueError, match=words):
        Graph.from_json(told if isinstance(told, str) else json.dumps(told))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "banana"),
        ("phase", "sideways"),
        ("shape", "abc"),
        ("shape", {"~": "tuple", "v": [-1, "a"]}),
        ("dtype", "float9000"),
        ("dtype", "O"),
        ("name", 5),
        ("op", ["x"]),
        ("site", 1),
        ("saved", 3),
        ("memory", -5),
        ("order", "1"),
        ("pulls", True),
        ("grads", 1),
        ("grad", "a"),
        ("value", 1.0),
        ("errors", {"~": "dict", "v": [["a", "x"]]}),
        ("inputs", {"~": "dict", "v": [["a", -1]]}),
        ("params", [1]),
        ("numbers", {"~": "dict", "v": [["a", "x"]]}),
        ("called", {"~": "dict", "v": [[1, "x"]]}),
        ("broadcast", "a"),
    ],
)
def test_fields_that_are_not_what_they_should_be(name: str, value: Any):
    op = {"id": 0, "kind": "op", "shape": {"~": "tuple", "v": []}, "dtype": "float64"}
    with pytest.raises(ValueError, match=name):
        Graph.from_json(json.dumps(GOOD | {"ops": [op | {name: value}]}))
    Graph.from_json(json.dumps(GOOD | {"ops": [op]}))


# ----- What a trace tells -----


def test_layers_names_lines_and_kinds():
    graph = net_with_loss()
    named = {op.name: op for op in graph if op.name}
    assert {name: op.kind for name, op in named.items() if op.kind != "op"} == {
        "weight": "parameter",
        "bias": "parameter",
        "gamma": "parameter",
        "beta": "parameter",
        "x": "input",
        "target": "input",
    }
    assert {"centred", "mean", "var", "loss"} <= set(named)
    layers = [(s.label, s.name, s.parameters) for s in graph.scopes if s.kind == "layer"]
    assert layers == [
        ("Net", "net", 21),
        ("Linear", "fc", 15),
        ("BatchNorm1d", "bn", 6),
        ("ReLU", "act", 0),
        ("MSELoss", "mse", 0),
    ]
    var = named["var"]
    assert "graph_cases.py" in var.site
    assert "self.act(self.bn(self.fc(x)))" in var.site
    assert "norms.py" in named["centred"].code
    assert "mse(net(x), target)" in named["loss"].site
    assert [op.called for op in graph if op.called] == [{"b": "eps"}]
    functions = {s.label for s in graph.scopes if s.kind == "function"}
    assert {"mean", "mse_loss"} <= functions
    assert named["bias"].grad is not None
    assert np.abs(named["bias"].grad).max() < 1e-15


def test_gradients_are_those_of_backward_and_of_hooks():
    x, seen = tensor([1.0, 2.0]), {}
    with trace() as graph:
        y = np.exp(x)
        y.register_hook(lambda g: seen.setdefault("y", bare(g)))
        z = (y * y * x).sum()
        z.backward()
    by_name = {op.name: op for op in graph}
    np.testing.assert_array_equal(by_name["x"].grad, x.grad.data)
    np.testing.assert_array_equal(by_name["y"].grad, seen["y"])
    order = graph.backward_order
    assert order[0] == by_name["z"].id
    assert len(order) == len(graph)


def test_gradients_are_those_of_the_last_pass_that_came_by():
    x = tensor([1.0, 2.0])
    with trace() as graph:
        np.sum(x * x).backward()
        np.sum(x * 3.0).backward()
    (leaf,) = [op for op in graph if op.name == "x"]
    np.testing.assert_array_equal(leaf.grad, [3, 3])
    assert [op.op for op in graph if op.op] == ["multiply", "sum", "multiply", "sum"]
    assert [graph.ops[i].op for i in graph.backward_order[:2]] == ["sum", "multiply"]


def test_a_parameter_that_is_updated_is_another_value():
    w = tensor([1.0])
    with trace() as graph:
        for _ in range(2):
            w.grad = None
            np.sum(w * w).backward()
            w.assign(w.data * 10)
    leaves = [op for op in graph if op.kind == "parameter"]
    assert [(op.value.tolist(), op.grad.tolist()) for op in leaves] == [([1], [2]), ([10], [20])]


def test_hooks_and_sums_of_gradients_are_no_operations():
    w = tensor([1.0, 2.0])
    with trace() as graph:
        y = np.exp(w)
        y.register_hook(lambda g: g * 100)
        y.sum().backward()
        np.sum(np.sin(w)).backward()
    assert [op.op for op in graph if op.op] == ["exp", "sum", "sin", "sum"]


def test_what_ran_before_the_trace_is_an_input():
    w = tensor([1.0, 2.0])
    before = np.exp(w)
    with trace() as graph:
        (before * 2.0).sum().backward()
    assert [(op.kind, op.name) for op in graph if op.kind != "op"] == [("input", "before")]


def test_an_exception_leaves_a_finished_graph():
    x = tensor([1.0, 2.0])
    with pytest.raises(ZeroDivisionError), trace(check=True) as graph:
        y = np.exp(x)
        y.sum().backward()
        _ = 1 / 0
    assert [op.name for op in graph][:2] == ["x", "y"]
    assert graph.ops[0].kind == "parameter"
    assert graph.ops[1].errors


def test_drawing_a_model_leaves_it_alone():
    net = nn.BatchNorm1d(3)
    before = net.state_dict()
    graph = traced(net, rng().normal(size=(5, 3)).astype(np.float32))
    assert all(np.array_equal(v, net.state_dict()[k]) for k, v in before.items())
    assert "standard normal" in graph.note
    assert "give its gradient" in graph_of(tensor([1.0, 2.0]) * 2.0).note


def test_a_recorded_backward_pass_knows_whose_rule_ran():
    x = tensor(0.5)
    with trace() as graph:
        y = np.sin(x) * x
        y.backward(create_graph=True)
    backward = [op for op in graph if op.phase == "backward" and op.kind == "op"]
    pulled = {(op.op, graph.ops[op.pulls].op) for op in backward if op.pulls is not None}
    assert {("multiply", "multiply"), ("cos", "sin"), ("multiply", "sin")} <= pulled
    value = backward[-1].value
    np.testing.assert_allclose(value, x.grad.data, rtol=1e-15)


def test_saved_bytes_are_those_that_summary_counts():
    net, x = Net(), rng().normal(size=(6, 4)).astype(np.float32)
    with trace() as graph:
        net(x)
    assert sum(op.memory for op in graph) == autonn.summary(net, x).saved
    exp = GRAPHS["diamond"]().ops
    assert [op.saved for op in exp if op.op == "exp"] == [{"y": 16}]
    assert [op.saved for op in exp if op.op == "sum"] == [{}]


def test_arrays_that_change_later_are_as_they_were():
    data = np.ones(3)
    with trace() as graph:
        y = Tensor(np.ones(3), requires_grad=True) * data
    data[:] = 7
    assert y.sum().item() == 3
    assert [op.value.tolist() for op in graph if op.kind == "input"][-1] == [1, 1, 1]


def test_values_can_be_left_out():
    with trace(values=False) as graph:
        nn.Linear(2, 2)(np.ones((1, 2), np.float32)).sum().backward()
    assert all(op.value is None and op.grad is None for op in graph)
    assert graph.backward_order


def test_nothing_watches_outside():
    with trace():
        inside = len(current_state().observers)
    assert inside == 1
    assert current_state().observers == ()
    with pytest.raises(ZeroDivisionError), trace() as graph:
        np.exp(tensor(1.0))
        _ = 1 / 0
    assert current_state().observers == ()
    assert [op.op for op in graph if op.op] == ["exp"]


def test_threads_and_nested_traces_keep_apart():
    def run() -> None:
        np.exp(tensor(1.0))

    with trace() as outer:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        with trace() as inner:
            np.sin(tensor(1.0))
    assert [op.op for op in outer if op.op] == ["sin"]
    assert [op.op for op in inner if op.op] == ["sin"]


def test_a_shared_layer_is_a_scope_for_each_call():
    layer = nn.Linear(2, 2, rng=rng())
    with trace() as graph:
        layer(layer(np.ones((1, 2), np.float32)))
    assert [s.name for s in graph.scopes if s.kind == "layer"] == ["layer", "layer"]
    assert sum(op.kind == "parameter" for op in graph) == 2


def test_private_variables_are_no_names():
    with trace() as graph:
        _hidden = np.exp(tensor(1.0))
        shown = np.exp(_hidden)
        np.exp(shown)
    assert [op.name for op in graph if op.op] == ["", "shown", ""]


def test_views_of_an_input_lead_to_it():
    x = rng().normal(size=(2, 3, 4)).astype(np.float32)
    graph = traced(nn.Linear(4, 2, rng=rng()), x)
    inputs = [op for op in graph if op.kind == "input"]
    assert [op.shape for op in inputs] == [(2, 3, 4)]
    assert [op.op for op in graph if inputs[0].id in op.inputs.values()] == ["reshape"]


# ----- After the fact -----


def test_graph_of_leaves_no_trace():
    x = tensor([1.0, 2.0], "x")
    y = np.exp(x).sum()
    graph = graph_of(y)
    assert x.grad is None
    np.testing.assert_array_equal(graph.ops[0].grad, np.exp([1.0, 2.0]))
    np.testing.assert_array_equal(graph.ops[1].value, np.exp([1.0, 2.0]))
    y.backward()
    np.testing.assert_array_equal(x.grad.data, np.exp([1.0, 2.0]))
    spent = graph_of(y)  # the gradients that are there, and no others
    assert [op.grad is not None for op in spent] == [True, False, False]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: graph_of(), TypeError, "at least one"),
        (lambda: graph_of(np.ones(2)), TypeError, "ndarray; want a Tensor"),
        (lambda: graph_of(Tensor(1.0)), ValueError, "no history"),
        (lambda: graph_of(tensor([1.0, 2.0]) * 2.0, backward=True), ValueError, "give its gradient"),
        (lambda: graph_of(tensor(1.0) * 2.0, tensor(1.0) * 3.0, backward=True), ValueError, "sum them"),
        (lambda: _spent(), ValueError, "retain_graph=True"),
    ],
)  # fmt: skip
def test_what_graph_of_refuses(call: Any, error: type[Exception], words: str):
    with pytest.raises(error, match=words):
        call()


def _spent() -> None:
    y = tensor(1.0) * 2.0
    y.backward()
    graph_of(y, backward=True)


def test_a_chain_of_a_hundred_thousand_operations():
    y = tensor(1.0)
    for _ in range(100_000):
        y = y + 1.0
    assert len(graph_of(y)) == 100_001


# ----- Checking rules where they run -----


@pytest.fixture
def bad_sqrt() -> Any:
    @primitive
    def bad_sqrt(x: Any) -> Any:
        return np.sqrt(x)

    defvjp(bad_sqrt, x=lambda g, y: g / y)
    yield bad_sqrt
    PRIMITIVES.pop(bad_sqrt.forward)


def test_a_planted_mistake_is_found_at_its_place(bad_sqrt: Any):
    x = tensor(rng().uniform(1, 2, (5, 3)), "x")
    with trace(check=True) as graph:
        centred = x - x.mean(axis=0)
        sigma = bad_sqrt((centred**2).mean(axis=0) + 1e-5)
        loss = ((centred / sigma) ** 3).sum()
        loss.backward()
    assert graph.diverging is not None
    assert graph.ops[graph.diverging].op == "bad_sqrt"
    wrong = [op.op for op in graph if any(e > 1e-9 for e in op.errors.values())]
    assert wrong == ["bad_sqrt"]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x * 1e-12 + 1e6).sum(),  # lost in rounding
        lambda x: F.logsumexp(x * 30.0),
        lambda x: F.cross_entropy(x[None] * 30.0, np.array([2])),
        lambda x: F.binary_cross_entropy_with_logits(x * 100.0, np.array([1.0, 0.0, 1.0])),
        lambda x: np.exp(x * 1e-8).sum(),
        lambda x: F.sigmoid(x * 1e-10).sum(),
        lambda x: F.gelu(x * 1e-8).sum(),
        lambda x: np.tanh(x * np.array([1e-8, 1.0, 800.0])).sum(),
        lambda x: np.prod(x + np.array([1e-8, 1.0, 1e8])),
        lambda x: (1 / (x + 1e-150)).sum(),
        lambda x: np.exp(x * 1000.0).sum(),  # inf
        lambda x: F.relu(x).sum(),  # at a kink
        lambda x: np.max(x),  # at a tie
        lambda x: np.abs(x).sum(),
        lambda x: (np.floor(x) + np.sign(x) * x).sum(),
        lambda x: np.maximum(x, 0.0).sum(),
        lambda x: np.clip(x, 0.0, 1.0).sum(),
        lambda x: x[np.array([0, 0, 1])].sum(),
        lambda x: np.linalg.norm(x * 0.0),
        lambda x: (x * 1e-200).sum(),
        lambda x: (x[:, None] * x).sum(),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_right_rules_are_called_right(f: Any):
    x = tensor([0.0, 0.0, 1.0])
    with trace(check=True) as graph:
        f(x).backward()
    assert graph.diverging is None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("forward", "rule", "x"),
    [
        (np.exp, lambda g, y: 2 * g * y, [1.0, 2.0, np.nan]),
        (np.exp, lambda g, y: 2 * g * y, [1.0, 2.0, 1000.0]),
        (np.log, lambda g, x: g / x * np.where(np.arange(x.size) == 5000, 2, 1), np.linspace(1, 2, 9999)),
        (np.tanh, lambda g, y: g * (1 - y), [0.1, 0.2]),
        (np.sin, lambda g, x: -g * np.cos(x), [0.1, 0.2]),
        (np.cos, lambda g, x: g * np.sin(x), [1e-9, 2e-9]),
    ],
)  # fmt: skip
def test_wrong_rules_are_found(forward: Any, rule: Any, x: Any):
    known = PRIMITIVES[forward].rules
    defvjp(forward, x=rule)
    try:
        with trace(check=True) as graph:
            np.sum(forward(tensor(x))).backward()
    finally:
        defvjp(forward, **known)
    assert graph.diverging is not None
    assert graph.ops[graph.diverging].op == forward.__name__


def test_a_rule_of_a_wrong_shape_is_told_by_the_engine(bad_sqrt: Any):
    defvjp(bad_sqrt, x=lambda g, y: (g * 2)[:1])
    with (
        pytest.raises(ValueError, match="the rule of x gave a cotangent of shape"),
        trace(check=True),
    ):
        np.sum(bad_sqrt(tensor([1.0, 2.0, 3.0]))).backward()


# ----- The rule table's formulas -----


def test_formulas_are_those_of_the_table(bad_sqrt: Any):
    assert formulas(PRIMITIVES[np.multiply]) == {"a": "g * b", "b": "g * a"}
    assert formulas(PRIMITIVES[np.clip])["high"] == "np.where((x > high) | (low > high), g, 0)"
    assert formulas(bad_sqrt) == {"x": "g / y"}
    for p in PRIMITIVES.values():
        told = formulas(p)
        assert set(told) == {x for x, rule in p.rules.items() if rule is not None}
        assert all(told.values()), p
    assert GRAPHS["diamond"]().rules["power" if "power" in GRAPHS["diamond"]().rules else "square"]


def test_without_values_arrays_are_let_go():
    x = tensor(np.ones(1000))
    with trace(values=False) as graph:
        y = np.sin(x)  # whose rule keeps x alone
        kept = weakref.ref(bare(y))
        del y
        assert kept() is None
    assert graph.ops[1].op == "sin"
