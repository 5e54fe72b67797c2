"""Autograd against closed forms against numerical differentiation, and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autonn.arguments import Count, Size, checked, shown
from autonn.check.diagnosis import Diagnosis, Evidence, diagnose
from autonn.check.explain import Sites, through_nodes
from autonn.check.problem import Arrays, Problem, is_float, of_functions, of_layer, of_object
from autonn.check.report import Report, Row
from autonn.check.ways import (
    Sample,
    by_autograd,
    by_closed_form,
    cotangents_of,
    indices_of,
    rounding,
    sample,
    timed,
)
from autonn.graph import no_grad, state
from autonn.nn import Module
from autonn.operands import bare
from autonn.tensors import Tensor
from autonn.tree import flatten


@checked
def compare(
    subject: Any,
    *args: Any,
    backward: Callable[..., Any] | None = None,
    forward: Callable[..., Any] | None = None,
    dtype: Any = np.float64,
    exact: bool = False,
    elements: Size = 8,
    seed: Count = 0,
    **kwargs: Any,
) -> Report:
    """Put autograd, a closed form and numerical differentiation side by side, and say who is right.

    Parameters
    ----------
    subject
        - a layer, and `args` its inputs: its closed form stands in `autonn.oracle`, or is given as
          `backward(g, **arrays)`, with the inputs' and parameters' names;
        - a function in plain NumPy, then its `backward(g, *inputs)`, then the inputs; or, when the
          function gives (y, cache), `backward(g, cache)`. `backward` gives a dict by the names of
          the function's arguments, or the gradients in their order;
        - an object with `forward(x)` and `backward(g)` (or `backward(x, g)`), whose parameters and
          gradients stand in dicts `parameters` and `gradients`, or come from methods `parameters()`
          and `grad_parameters()`.
    args, kwargs
        The inputs: arrays of floating point are differentiated by, but for `target`, `mask` and
        `key_mask`; others stay what they are.
    backward
        See above.
    forward
        For a layer with a `backward` of your own: your forward pass, `forward(**arrays)`, which is
        compared, too.
    dtype
        In which the gradients are computed. Numerical derivatives are float64's.
    exact
        Compute in `np.longdouble`, which tells rounding from small mistakes.
    elements
        How many elements of each gradient are differentiated numerically (fewer, if that takes
        long): those where autograd and the closed form differ most, and others at random.
    seed
        Of the cotangents, choices and directions.

    Returns
    -------
    Report
        `ok`, `rows` (one for each input and parameter), `verdict`; prints as a table.

    Raises
    ------
    ValueError
        For a layer without a closed form (with names near it), a backward that gives other names
        than the arrays that are differentiated by, and numbers that are out of range.
    TypeError
        For what is none of these subjects, arguments that it does not take, and a `dtype` that is
        not of floating point.

    Examples
    --------
    >>> from autonn import nn
    >>> compare(nn.Tanh(), np.array([0.5, -1.0])).ok
    True
    >>> def forward(x, w, b):
    ...     return x @ w + b
    >>> def backward(g, x, w, b):
    ...     return {"x": g @ w.T, "w": x.T @ g, "b": g.mean(axis=0)}
    >>> rng = np.random.default_rng(0)
    >>> arrays = rng.normal(size=(8, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    >>> print(compare(forward, backward, *arrays).verdict)
    b: the closed form is wrong: it is 1/8 times what it should be = 1 / the batch size...
    """
    dtype = _floating(np.longdouble if exact else dtype)

    def made(kind: Any) -> Problem:
        if isinstance(subject, Module):
            return of_layer(subject, args, kwargs, kind, forward, backward)
        if hasattr(subject, "forward") and hasattr(subject, "backward"):
            return of_object(subject, args, kwargs, kind)
        if backward is None and args and callable(subject) and callable(args[0]):
            return of_functions(subject, args[0], args[1:], kwargs, kind)
        if backward is not None and callable(subject):
            return of_functions(subject, backward, args, kwargs, kind)
        raise TypeError(
            f"compare: {subject!r:.60}; want a layer and its inputs, a forward and a backward, or "
            "an object that has both"
        )

    with np.errstate(all="ignore"):
        wider = {np.dtype(np.float32): np.float64, np.dtype(np.float64): np.longdouble}
        problem, double = made(dtype), made(np.float64)
        try:
            wide = made(wider[dtype]) if dtype in wider else None
        except Exception:  # whatever the function says of a wider dtype, it can do without
            wide = None
        return judged(problem, wide, double, elements, seed)


def _floating(dtype: Any) -> np.dtype[Any]:
    """Give a dtype in which gradients can be computed."""
    try:
        found = np.dtype(dtype)
    except Exception:  # NumPy raises all kinds
        found = np.dtype(object)
    if found.kind != "f":
        raise TypeError(f"compare: dtype={shown(dtype)}; want one of floats, such as np.float32")
    return found


def assert_matches(subject: Any, *args: Any, **options: Any) -> Report:
    """Compare, and raise AssertionError with the report if anything disagrees; for tests.

    Examples
    --------
    >>> from autonn import nn
    >>> report = assert_matches(nn.Softmax(), np.eye(3))
    """
    report = compare(subject, *args, **options)
    if not report.ok:
        raise AssertionError(str(report))
    return report


# ----- The verdict -----


def judged(
    problem: Problem,
    wide: Problem | None,
    double: Problem,
    elements: int,
    seed: int,
    budget: float = 0.02,
) -> Report:
    """Compute the gradients three ways, and judge each."""
    rng = np.random.default_rng(seed)
    values = problem.values
    with no_grad():
        probe, again = problem.run(values), problem.run(values)
    for one, other in zip(flatten(probe)[0], flatten(again)[0], strict=True):
        if not np.array_equal(bare(one), bare(other), equal_nan=True):
            raise ValueError(
                f"compare: {problem.title} gives another value each time: give its random numbers "
                "a seed, or fix its mask"
            )
    g = cotangents_of(probe, rng)
    y, autograd, graph = by_autograd(problem.run, values, g)
    own, closed = by_closed_form(problem, values, g)
    noise = rounding(wide, values, g, (autograd, closed))
    forward = forward_error(y, own)
    pause = timed(lambda: double.run(double.values), 0.0)
    elements = max(2, min(elements, int(0.04 / pause)))  # about half a second for each gradient
    rows = []
    for name, a in autograd.items():
        scale = float(np.max(np.abs(a[np.isfinite(a)]), initial=0))
        eps = float(np.finfo(a.dtype).eps)
        # Not even in long double are erf and its kin better than in float64.
        tol = max(64 * eps, 4 * float(np.finfo(np.float64).eps)) * scale
        if noise is not None:
            tol = min(8 * noise[name], eps**0.5 * (1 + scale)) + 16 * eps * scale
        tol = max(float(tol), eps**2)  # what is smaller has nearly underflowed
        rows.append(row_of(name, a, closed[name], tol, double, g, elements, rng))
    for i, row in enumerate(rows):
        if (row.culprit and row.closed.shape == row.autograd.shape) or row.culprit == "closed form":
            rows[i] = row._replace(diagnosis=diagnosed(row, problem, values, g, graph, y))
    times = (
        timed(lambda: by_autograd(problem.run, values, g), budget),
        timed(lambda: by_closed_form(problem, values, g), budget),
    )
    return Report(problem.title, str(next(iter(values.values())).dtype), rows, forward, *times)


def forward_error(y: Any, own: Any) -> Diagnosis | None:
    """Say how the closed form's output differs from the layer's, if it does."""
    for a, b in zip(flatten(y)[0], flatten(own)[0], strict=True):
        a, b = np.asarray(bare(a)), np.asarray(bare(b))
        if a.shape != b.shape:
            told = f"the closed form's output has shape {b.shape}, autograd's {a.shape}"
            return Diagnosis("shape", told)
        scale = float(np.max(np.abs(a[np.isfinite(a)]), initial=0)) + 1
        off = difference(a, b)
        if not np.all(off <= 1e3 * np.finfo(a.dtype).eps * scale):
            index = tuple(
                int(i)
                for i in np.unravel_index(np.argmax(np.nan_to_num(off, nan=np.inf)), off.shape)
            )
            e = Evidence(a, b, 1e3 * float(np.finfo(a.dtype).eps) * scale)
            found = diagnose(e)
            why = "" if found.kind == "unknown" else f": {found.text}"
            where = f"the outputs differ, by {off[index]:.1e} at {list(index)}"
            return Diagnosis(found.kind, where + why)
    return None


def row_of(
    name: str,
    a: Any,
    c: Any,
    tol: float,
    double: Problem,
    g: Any,
    elements: int,
    rng: np.random.Generator,
) -> Row:
    """Judge one gradient: two that agree against one that does not."""
    off = difference(a, c)
    worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(off)), a.shape)) if a.size else ()
    error = float(np.max(off, initial=0))
    finite = np.isfinite(a)
    scale = float(np.max(np.abs(a[finite]), initial=0))
    slack = tol + (1e-7 + 64 * float(np.finfo(a.dtype).eps)) * scale

    def tried(most: int, among: Any) -> list[Sample]:
        chosen = indices_of(np.where(among & finite, off, -1), most, rng)
        return [sample(name, i, double, g) for i in chosen if among[i] and finite[i]]

    samples = tried(elements, np.ones(a.shape, bool))
    agree, same_shape = error <= tol, a.shape == c.shape
    if not agree and same_shape and any(s.kink for s in samples):
        samples += tried(64, off > tol)  # each place where they differ must have its own excuse
    a_ok = all(s.allows(a, slack) for s in samples)
    c_ok = same_shape and bool(np.isfinite(c[finite]).all())
    c_ok = c_ok and all(s.allows(c, slack) for s in samples)
    differ = [s for s in samples if same_shape and off[s.place] > tol]
    if agree and scale <= tol:
        zero = bool(finite.all()) and not scale and not np.any(c)
        status = "zero" if zero else "structurally zero" if finite.all() else "agree"
    elif agree:
        status = "agree" if a_ok else "both wrong"
    elif a_ok and not c_ok:
        status = "closed form wrong"
    elif c_ok and not a_ok:
        status = "autograd wrong"
    elif a_ok and differ and all(s.kink for s in differ):
        status = "kink"
    else:
        status = "cannot tell" if a_ok else "undecided"
    off_by = [abs(float(a[s.place]) - s.n.value) / max(1.0, abs(s.n.value)) for s in samples]
    reach = max((off for off in off_by if np.isfinite(off)), default=0.0)
    return Row(name, a, c, error, worst, tol, reach, status)


def difference(a: Any, b: Any) -> Any:
    """|a - b|; 0 for equal infinities and two NaN, infinite for another shape and one NaN."""
    if a.shape != b.shape:
        return np.full(a.shape, np.inf)
    off = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, np.abs(a - b))
    return np.where(np.isnan(off), np.inf, off)


def diagnosed(row: Row, problem: Problem, values: Arrays, g: Any, graph: Any, y: Any) -> Diagnosis:
    """Say what kind of mistake the wrong gradient holds."""
    closed_is_wrong = row.culprit == "closed form"
    right, wrong = (row.autograd, row.closed) if closed_is_wrong else (row.closed, row.autograd)
    if problem.sites:  # once more, and note the lines
        with state(Sites()):
            y, _, graph = by_autograd(problem.run, values, g)
    seeds_by_node, inputs = graph
    given = {k: v for k, v in problem.constants.items() if is_float(v) and np.ndim(v)}
    known = dict(values) | given
    outputs, seeds = flatten(y)[0], flatten(g)[0]
    if len(outputs) == 1:
        known |= {"the output": np.asarray(bare(outputs[0])), "the cotangent": seeds[0]}
    known = {k: np.asarray(bare(v)) for k, v in known.items()}
    terms: Mapping[str, Any] = {}
    if problem.terms is not None:
        terms = problem.terms(values, g).get(row.name, {})
    if not terms and right.shape == wrong.shape and np.isfinite(wrong).all() and closed_is_wrong:
        terms = through_nodes(seeds_by_node, inputs[row.name].node)

    def gradient_of(run: Callable[[Arrays], Any]) -> Callable[[], Any]:
        return lambda: by_autograd(run, values, g)[1].get(row.name)

    evidence = Evidence(
        right,
        wrong,
        row.tol,
        sizes_of(values, outputs, problem.constants),
        known,
        terms,
        {told: gradient_of(run) for told, run in problem.variants.items()},
        {
            k: np.asarray(bare(v))
            for k, v in problem.constants.items()
            if isinstance(v, np.ndarray | Tensor) and v.dtype.kind in "iu"
        },
    )
    return diagnose(evidence)


def sizes_of(values: Arrays, outputs: Sequence[Any], constants: Arrays) -> dict[str, float]:
    """Name the lengths that a factor may be."""
    sizes: dict[str, float] = {}
    first = next(iter(values.values()))
    if first.ndim:
        sizes["the batch size"] = float(first.shape[0])
    for name, x in (*values.items(), *(("the output", np.asarray(bare(y))) for y in outputs)):
        for i, n in enumerate(x.shape):
            sizes.setdefault(f"the length of axis {i} of {name}", float(n))
        sizes.setdefault(f"the number of elements of {name}", float(x.size))
    for name, x in (*values.items(), *(("the output", np.asarray(bare(y))) for y in outputs)):
        if x.ndim > 2:
            sizes.setdefault(f"the positions of {name}", float(np.prod(x.shape[2:])))
            sizes.setdefault(
                f"batch times positions of {name}", float(x.shape[0] * np.prod(x.shape[2:]))
            )
    return sizes | {k: v for k, v in constants.items() if isinstance(v, float) and 0 < v < 1}
