"""Plant mistakes into closed forms and rules; count how many are caught, and named rightly.

Three kinds of plants, over every layer of the catalogue:

- gradients: each gradient of each closed form, spoilt in each way that makes sense for it; the
  diagnosis should name that way;
- code: each operator in each `backward` of the oracle, changed into another;
- rules: each primitive in each layer's graph, its rule times 1.01, with the wrong sign, or 0.

Run it as `python scripts/mutation_score.py`; it takes a minute or two. Exit status 1 if a mistake
is missed or fewer than 90 % are named rightly.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from autonn import Tensor, oracle
from autonn.check import CATALOGUE
from autonn.check.problem import Problem, of_layer
from autonn.check.report import Report
from autonn.graph import Primitive
from autonn.tree import flatten

judged = sys.modules["autonn.check.compare"].judged
Plant = Callable[[Any], Any]


def problem_of(name: str, dtype: Any = np.float64) -> Problem:
    """Make a layer's problem."""
    entry, rng = CATALOGUE[name], np.random.default_rng(0)
    return of_layer(entry.layer(rng), entry.inputs(rng), {}, dtype)


def judge(name: str, change: Callable[[Problem], Problem] = lambda same: same) -> Report | None:
    """Compare a layer; None if the closed form fails altogether, which is noticed, too."""
    try:
        with np.errstate(all="ignore"):
            narrow, wide = (change(problem_of(name, kind)) for kind in (np.float64, np.longdouble))
            return judged(narrow, wide, narrow, 2, 0, 0.0)
    except Exception:
        return None


# ----- Gradients -----


def spoilt(problem: Problem, name: str, plant: Plant) -> Problem:
    """Give the problem with one gradient of its closed form spoilt."""
    whole = problem.closed
    assert whole is not None

    def closed(values: Any) -> Any:
        y, pull = whole(values)

        def wrong(g: Any) -> Any:
            found = dict(pull(g))
            return found | {name: plant(np.asarray(found[name]))}

        return y, wrong

    return replace(problem, closed=closed)


def plants(layer: str, problem: Problem, name: str, right: Any) -> Iterator[tuple[str, Plant]]:
    """Give the ways to spoil a gradient, each with the kind that should be named."""
    n = next(iter(problem.values.values())).shape[0] if right.ndim else 1
    yield "sign", lambda a: -a
    yield "factor", lambda a: 2 * a
    yield "factor", lambda a: a / 2
    yield "zero", lambda a: 0 * a
    yield (
        "non-finite",
        lambda a: np.where(np.arange(a.size).reshape(a.shape) == a.size // 2, np.nan, a),
    )
    if n > 2:
        yield "factor", lambda a: a / n
        yield "factor", lambda a: a * n
    if right.ndim == 2 and min(right.shape) > 1:
        yield "transposed", lambda a: a.T
    if right.ndim == 1 and right.size > 1:
        yield "not summed", lambda a: np.stack([a / 3, a / 3, a / 3])
    if right.ndim and len(right) > 1 and not np.allclose(right, right[::-1]):
        yield "order", lambda a: a[::-1]
    if "Dropout" in layer and "Layer" not in layer:
        yield "mask", lambda a: a + (a == 0) * 1.25
    for other, v in problem.values.items():
        if v.shape == right.shape and np.ptp(v) > 0.1 and np.abs(v).min() > 1e-3:
            yield "missing factor", lambda a, v=v: a / v  # type: ignore[misc]
            yield "term", lambda a, v=v: a + 0.1 * v  # type: ignore[misc]
            break
        del other


def of_gradients() -> Iterator[tuple[str, str, str]]:
    """Spoil each gradient in each way; give layer, kind, and what was found."""
    for layer in track(CATALOGUE, "gradients", transient=True):
        problem = problem_of(layer)
        report = judge(layer)
        assert report is not None
        assert report.ok, layer
        for row in report.rows[:5]:  # the many weights of deep layers are alike
            if row.status != "agree" or not np.any(row.autograd):
                continue
            for kind, plant in plants(layer, problem, row.name, row.autograd):
                found = judge(layer, lambda p, row=row, plant=plant: spoilt(p, row.name, plant))  # type: ignore[misc]
                yield layer, kind, verdict(found, row.name)
            if problem.terms is not None:
                with np.errstate(all="ignore"):
                    yield from of_terms(layer, problem, row.name)


def of_terms(layer: str, problem: Problem, name: str) -> Iterator[tuple[str, str, str]]:
    """Take a part of a gradient away, or half of it, or turn its sign round."""
    terms, whole = problem.terms, problem.closed
    assert terms is not None
    assert whole is not None
    y, pull = whole(problem.values)
    leaves, rebuild = flatten(y)
    g = rebuild([np.ones(np.shape(leaf)) for leaf in leaves])
    usual = terms(problem.values, g).get(name, {})
    scale = np.max(np.abs(pull(g)[name]))
    for number, part in enumerate(usual.values()):
        if len(usual) < 2 or np.max(np.abs(part)) < 1e-9 * scale:
            continue
        for share in (1.0, 0.5, 2.0):
            change = partial(without, name=name, number=number, share=share)
            yield layer, "term", verdict(judge(layer, change), name)


def without(problem: Problem, name: str, number: int, share: float) -> Problem:
    """Give the problem with a share of one part taken off a gradient."""
    whole, terms = problem.closed, problem.terms
    assert whole is not None
    assert terms is not None

    def closed(values: Any) -> Any:
        y, pull = whole(values)

        def wrong(g: Any) -> Any:
            parts = list(terms(values, g)[name].values())
            found = dict(pull(g))
            return found | {name: found[name] - share * parts[number]}

        return y, wrong

    return replace(problem, closed=closed)


def verdict(report: Report | None, name: str) -> str:
    """Give what was found: the kind of mistake, "failed", or "missed"."""
    if report is None:
        return "failed"
    if report.ok:
        return "missed"
    kinds = [r.diagnosis.kind for r in report.rows if r.name == name and r.diagnosis is not None]
    return kinds[0] if kinds else "unknown"


def unchanged(report: Report, side: str, original: Report | None) -> bool:
    """Tell whether a plant changed no gradient at all: then there is no mistake to catch."""
    assert original is not None
    return all(
        np.allclose(getattr(a, side), getattr(b, side), rtol=1e-12, atol=1e-14, equal_nan=True)
        for a, b in zip(report.rows, original.rows, strict=True)
    )


# ----- Code -----

SWAPS: dict[type, type] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


def mutants(form: Any) -> Iterator[Any]:
    """Give classes like this one, each with another operator in its `backward` changed."""
    if "backward" not in vars(form):
        return
    source = textwrap.dedent(inspect.getsource(form.backward))
    if "def backward" not in source:
        return
    count = sum(isinstance(n, ast.BinOp | ast.UnaryOp) for n in ast.walk(ast.parse(source)))
    for k in range(count):
        tree = ast.parse(source)
        node = [n for n in ast.walk(tree) if isinstance(n, ast.BinOp | ast.UnaryOp)][k]
        if isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
            node.op = SWAPS[type(node.op)]()
        elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
            node.op = ast.UAdd()  # (a -1 is an axis, not a sign)
        else:
            continue
        module = importlib.import_module(form.__module__)
        space = dict(vars(module))
        exec(compile(ast.fix_missing_locations(tree), "<mutant>", "exec"), space)
        made = space["backward"]
        function = made.__func__ if isinstance(made, staticmethod) else made
        yield type(
            form.__name__, (form,), {"backward": staticmethod(function), "told": ast.unparse(node)}
        )


def of_code() -> Iterator[tuple[str, str, str]]:
    """Change each operator in each `backward`; give layer, "code", and what was found."""
    for layer in track(CATALOGUE, "code", transient=True):
        form, original = getattr(oracle, layer), judge(layer)
        for mutant in mutants(form):
            setattr(oracle, layer, mutant)
            try:
                found = judge(layer)
            finally:
                setattr(oracle, layer, form)
            if found is None or not unchanged(found, "closed", original):
                caught = found is None or not found.ok
                yield layer, f"code of {mutant.told}", "caught" if caught else "missed"


# ----- Rules -----


def primitives_of(layer: str) -> list[Primitive]:
    """Give the primitives in a layer's graph that have a rule."""
    problem = problem_of(layer)
    values = {k: Tensor(v, requires_grad=True) for k, v in problem.values.items()}
    leaves, _ = flatten(problem.run(dict(values)))
    found: dict[str, Primitive] = {}
    stack = [y.node for y in leaves if isinstance(y, Tensor)]
    seen = set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        stack += node.parents
        if node.primitive is not None and not hasattr(node, "from_xs"):
            found[node.primitive.name] = node.primitive
    return list(found.values())


def of_rules() -> Iterator[tuple[str, str, str]]:
    """Spoil each rule that a layer uses, through the cotangent that it gets."""
    for layer in track(CATALOGUE, "rules", transient=True):
        original = judge(layer)
        for primitive in primitives_of(layer):
            node = primitive.node
            for factor in (1.01, -1.0, 0.0):
                pull = node.pull

                def wrong(
                    self: Any, g: Any, *rest: Any, pull: Any = pull, c: float = factor
                ) -> Any:
                    return pull(self, np.asarray(c * g, g.dtype), *rest)

                node.pull = wrong
                try:
                    found = judge(layer)
                finally:
                    node.pull = pull
                if found is None or not unchanged(found, "autograd", original):
                    caught = found is None or not found.ok
                    told = f"{factor} times {primitive}"
                    yield layer, told, "caught" if caught else "missed"


def main() -> int:
    """Plant all, print the scores; give the exit status."""
    console, missed, right, known = Console(), [], 0, 0
    by_kind: Counter[tuple[str, bool]] = Counter()
    total: Counter[str] = Counter()
    for where, generate in (("gradients", of_gradients), ("code", of_code), ("rules", of_rules)):
        for layer, kind, found in generate():
            total[where] += 1
            if found == "missed":
                missed.append(f"{where}: {layer}, {kind}")
            if where == "gradients":
                known += 1
                right += found == kind
                by_kind[kind, found == kind] += 1
                if found != kind:
                    console.print(f"{layer}: {kind} was taken for {found}", highlight=False)
    table = Table("planted", "named rightly", title="Diagnoses")
    for kind in sorted({kind for kind, _ in by_kind}):
        good, all_of = by_kind[kind, True], by_kind[kind, True] + by_kind[kind, False]
        table.add_row(kind, f"{good} of {all_of}")
    console.print(table)
    planted = sum(total.values())
    console.print(
        f"{planted} mistakes planted ({', '.join(f'{n} in {k}' for k, n in total.items())})"
    )
    console.print(
        f"{planted - len(missed)} caught; {right} of {known} named rightly: {right / known:.1%}"
    )
    for line in missed:
        console.print(f"missed: {line}", style="red")
    return int(bool(missed) or right < 0.9 * known)


if __name__ == "__main__":
    sys.exit(main())
