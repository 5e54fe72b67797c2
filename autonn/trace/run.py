"""`trace` and `graph_of`: a run, or what a Tensor was computed from, as a `Graph`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np

from autonn.arguments import checked
from autonn.check.binding import closed_form
from autonn.check.compare import compare
from autonn.check.rules import RuleErrors
from autonn.graph import state
from autonn.nn import Module, Sequential
from autonn.operands import bare
from autonn.sites import OWN
from autonn.tensors import Tensor, connected
from autonn.trace.data import Graph
from autonn.trace.recorder import Recorder, argument_names
from autonn.tree import flatten
from autonn.walk import walk


@checked
@contextmanager
def trace(*, values: bool = True, check: bool = False) -> Iterator[Graph]:
    """Record what runs in a `with` block, forward and backward, as data.

    Parameters
    ----------
    values
        Whether to keep each value and each gradient; without, shapes and names remain.
    check
        Whether to check each rule where it runs, against numerical differentiation
        (`Op.errors`), and each layer against its closed form (`Scope.error`, `Scope.verdict`).
        Compute in float64 then: float32's rounding is an error, too.

    Yields
    ------
    Graph
        Filled while the block runs. Layers, source lines and names of variables are found by
        looking at the call stack, so nothing need be declared, and nothing costs anything outside
        the block. A backward pass with `create_graph=True` is recorded operation by operation.

    Examples
    --------
    >>> from autonn import nn
    >>> with trace() as graph:
    ...     y = nn.Linear(3, 2)(np.ones((4, 3), np.float32))
    >>> [(op.label, op.shape) for op in graph]  # doctest: +NORMALIZE_WHITESPACE
    [('input', (4, 3)), ('weight', (2, 3)), ('inner', (4, 2)), ('bias', (2,)), ('y', (4, 2))]
    >>> [(scope.kind, scope.label, scope.described) for scope in graph.scopes][0]
    ('layer', 'Linear', '3 → 2')
    """
    caller = sys._getframe(1)
    while caller.f_back is not None and caller.f_code.co_filename.startswith((_CONTEXTLIB, *OWN)):
        caller = caller.f_back
    recorder, checker = Recorder(values, caller), RuleErrors()
    watching = (recorder, checker) if check else (recorder,)
    try:
        with state(*watching):
            yield recorder.graph
    finally:
        recorder.finish()
        if check:
            _note_errors(recorder, checker)
    if check:
        _compare_layers(recorder)


_CONTEXTLIB = contextmanager.__code__.co_filename


@checked
def graph_of(
    *outputs: Tensor,
    values: bool = True,
    gradients: bool = True,
    backward: bool = False,
    gradient: Any = None,
) -> Graph:
    """Give what Tensors were computed from, after the fact, as far as their graph tells.

    It knows the operations, their parameters, names, and the values that the rules keep. What was
    constant, the layers and the source lines are known to a `trace` alone.

    Parameters
    ----------
    outputs
        Tensors with a history.
    values
        Whether to give values and gradients.
    gradients
        Whether to find each operation's gradient, by a backward pass that leaves no trace in
        `grad`, if the graph has not been used up and there is one output of one element (or
        `gradient` is given).
    backward
        Whether to record the operations of that backward pass, too.
    gradient
        The cotangent of the output.

    Raises
    ------
    TypeError, ValueError
        For what is no Tensor, or has no history; with `backward`, also when there can be no
        backward pass.

    Examples
    --------
    >>> x = Tensor(2.0, requires_grad=True, name="x")
    >>> print(graph_of(x * x + 1.0))
    0  parameter  x  ()  grad 4
    1  multiply      ()  grad 1  a=0 b=0
    2  add           ()  grad 1  a=1
    """
    if not outputs:
        raise TypeError("graph_of: give at least one Tensor")
    for y in outputs:
        if not isinstance(y, Tensor):
            raise TypeError(f"graph_of: got a {type(y).__name__}; want a Tensor")
        if y.node is None:
            raise ValueError(
                "graph_of: this Tensor has no history: nothing that it was computed from requires "
                "grad, or it was computed under no_grad(). Make an input with "
                "Tensor(data, requires_grad=True)"
            )
    recorder = Recorder(values)
    for y in outputs:
        recorder.adopt(y)
    y = outputs[-1]
    why = _no_backward(recorder, outputs, gradient)
    if backward and why:
        raise ValueError(f"graph_of: cannot run the backward pass: {why}")
    if (gradients or backward) and not why:
        assert y.node is not None
        for op in recorder.graph.ops:
            op.grad = None
        seed = y._seed(gradient)
        with state(recorder):
            walk({y.node: seed if backward else bare(seed)}, retain=True, create=backward)
    recorder.finish()
    if gradients and why:
        recorder.graph.note = f"no gradients: {why}"
    return recorder.graph


def _no_backward(recorder: Recorder, outputs: tuple[Tensor, ...], gradient: Any) -> str:
    """Say why there can be no backward pass; "" if there can."""
    if len(outputs) > 1:
        return "there are several outputs; sum them"
    if gradient is None and outputs[0].size != 1:
        return f"the output has shape {outputs[0].shape}; give its gradient"
    if any(node.spent for node in recorder.nodes):
        return (
            "an earlier one has used up the graph. Draw before backward(), trace the run, or keep "
            "the graph with backward(retain_graph=True)"
        )
    return ""


@checked
def traced(
    function: Callable[..., Any],
    *args: Any,
    backward: bool = True,
    recorded: bool = False,
    check: bool = False,
    **kwargs: Any,
) -> Graph:
    """Call a model or a function, and record the call and a backward pass through it.

    The cotangent of each output is 1 if it is a single number, else standard normal numbers, the
    same each time (`Graph.note` says so). No `grad` is changed, and of a layer a copy is called, so
    that its running statistics stay; it gets its arrays as Tensors, so that what it computes of
    them alone is seen.

    Parameters
    ----------
    function, args, kwargs
        What is called, and with what.
    backward
        Whether there is a backward pass, if anything requires grad.
    recorded
        Whether its operations are recorded, too.
    check
        As in `trace`.

    Examples
    --------
    >>> from autonn import nn
    >>> graph = traced(nn.BatchNorm1d(3), np.ones((4, 3)) * [[1], [2], [3], [5]])
    >>> graph.scopes[0].label, len(graph)
    ('BatchNorm1d', 16)
    """
    if isinstance(function, Module):
        function, args = deepcopy(function), tuple(_seen(x) for x in args)
    with trace(check=check) as graph:
        leaves, _ = flatten(function(*args, **kwargs))
        outputs = [y for y in leaves if isinstance(y, Tensor) and y.node is not None]
        if backward and outputs:
            rng = np.random.default_rng(0)
            seeds: dict[Any, Any] = {}
            for y in outputs:
                g = np.ones(()) if y.size == 1 else rng.normal(size=y.shape)
                g = np.broadcast_to(g, y.shape).astype(y.dtype)
                seeds[y.node] = connected(g, None) if recorded else g
                if y.size > 1:
                    graph.note = "gradients of the output times standard normal numbers, summed"
            walk(seeds, retain=recorded, create=recorded)
    return graph


def _seen(x: Any) -> Any:
    return Tensor(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


# ----- Checking -----


def _note_errors(recorder: Recorder, checker: RuleErrors) -> None:
    for node, errors in checker.errors.items():
        i = recorder.id_of(connected(None, node))
        if i is not None and node.primitive is not None:
            names = argument_names(node.primitive, len(node.parents))
            recorder.graph.ops[i].errors |= {names[place]: e for place, e in errors.items()}


def _compare_layers(recorder: Recorder) -> None:
    """Judge each layer that has a closed form, as it was called."""
    graph = recorder.graph
    for i, call in recorder.calls.items():
        given = call.frame.f_locals
        try:
            if call.module is None or isinstance(call.module, Sequential):
                continue  # whose parts are judged each by itself
            closed_form(call.module)
            report = compare(call.module, *given["args"], **given["kwargs"], dtype=np.float64)
        except (ValueError, TypeError):  # without a closed form, or inputs that have no gradient
            continue
        scope = graph.scopes[i]
        scope.error = max((row.relative for row in report.rows), default=0.0)
        scope.verdict = report.verdict
        for op in graph.ops:
            row = next((r for r in report.rows if op.scope == i and r.name == op.name), None)
            if row is not None and op.kind == "parameter":
                op.errors["closed form"] = row.relative
