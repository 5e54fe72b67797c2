"""Every primitive and every NumPy function on Tensors: values, gradients, second order, dtypes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case

import autonn
from autonn import PRIMITIVES, Tensor, defvjp, tensors, walk
from autonn.engine import CONSTANT
from autonn.graph import DISPATCH, Primitive
from autonn.operands import bare
from autonn.walk import Piece

cases = pytest.mark.parametrize("case", CASES, ids=str)


def test_no_function_lacks_a_case():
    tested = {getattr(case.function, "forward", case.function) for case in CASES}
    assert tested == (set(PRIMITIVES) | set(DISPATCH)) - CONSTANT


@cases
def test_gradients_of_both_orders_are_the_numerical_ones(case: Case):
    assert autonn.gradcheck(case.call, *case.inputs(), order=2).worst < 1e-8


@cases
def test_values_are_numpys(case: Case):
    inputs = case.inputs()
    y = case.call(*map(Tensor, inputs))
    exact = isinstance(case.function, Primitive) or DISPATCH[case.function].__name__ == "call"
    np.testing.assert_allclose(
        bare(y), case.call(*inputs), rtol=0 if exact else 1e-14, atol=0 if exact else 1e-16
    )
    assert isinstance(y, Tensor)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@cases
def test_dtypes_stay_what_they_are(case: Case, dtype: Any, monkeypatch: pytest.MonkeyPatch):
    if dtype == np.float16 and not case.half:
        pytest.skip("LAPACK has no float16")

    def fitted(c: Any, node: Any, parent: Any) -> Any:
        if node.primitive.name != "astype":
            assert c.dtype == parent.dtype, f"the rules of {node.primitive} made {c.dtype}"
        return original(c, node, parent)

    original = walk._fitted
    monkeypatch.setattr(walk, "_fitted", fitted)
    inputs = [Tensor(x.astype(dtype), requires_grad=True) for x in case.inputs()]
    with np.errstate(all="ignore"):
        y = case.call(*inputs)
        widens = (tensors.astype, np.bincount)  # as NumPy's does
        assert y.dtype == dtype or case.function in widens
        y.sum().backward(create_graph=True)
        inputs = [x for x in inputs if x.grad is not None or case.function is not np.copysign]
        assert all(x.grad.dtype == dtype and x.grad.shape == x.shape for x in inputs)
        again = [g for x in inputs if (g := x.grad).requires_grad]
        if again:
            sum(g.sum() for g in again).backward()
            assert all(x.grad.dtype == dtype for x in inputs)


# ----- A factor of 1.0001 in any rule turns its cases red -----

RULES = [(p, x) for p in PRIMITIVES.values() for x, rule in p.rules.items() if rule is not None]


def spoilt(rule: Callable[..., Any], change: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Change what a rule gives, keeping the names that it reads."""

    @wraps(rule)
    def wrong(g: Any, *args: Any) -> Any:
        c = rule(g, *args)
        return c._replace(g=change(c.g, c.g)) if isinstance(c, Piece) else change(c, g)

    return wrong


def redefine(p: Primitive, rules: dict[str, Any]) -> None:
    ours = p.forward not in DISPATCH
    defvjp(
        p if ours else p.forward, params=tuple(p.signature.params), broadcasts=p.broadcasts, **rules
    )


MISTAKES = {
    "factor": lambda c, g: c * 1.0001,
    "sign": lambda c, g: -c,
    "offset": lambda c, g: c + 1e-4,
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize(("p", "x"), RULES, ids=lambda v: str(v))
def test_a_mistake_in_a_rule_is_caught(p: Primitive, x: str, mistake: str):
    zero = p.name in ("sign", "floor", "ceil", "rint", "trunc", "round")
    if zero and mistake != "offset":
        pytest.skip("times zero is zero")
    rules = dict(p.rules)
    mine = [c for c in CASES if getattr(c.function, "forward", c.function) is p.forward]
    try:
        redefine(p, rules | {x: spoilt(rules[x], MISTAKES[mistake])})
        found = [not autonn.gradcheck(c.call, *c.inputs(), raises=False).ok for c in mine]
    finally:
        redefine(p, rules)
    assert any(found)
