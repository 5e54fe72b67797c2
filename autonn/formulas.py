"""The formulas of the rule table, as they are written there."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from textwrap import dedent

from autonn.compile import Rule
from autonn.graph import Primitive


def formulas(primitive: Primitive) -> dict[str, str]:
    """Give, for each array argument with a rule, the right-hand side of its line in the table.

    In it `g` is the gradient of the output y, and the formula is what it adds to the argument's.
    A rule that is no lambda is called by its name.

    Examples
    --------
    >>> from autonn import PRIMITIVES
    >>> import numpy as np
    >>> formulas(PRIMITIVES[np.matmul])
    {'a': 'g @ b.mT', 'b': 'a.mT @ g'}
    >>> formulas(PRIMITIVES[np.exp])
    {'x': 'g * y'}
    """
    rules = {x: rule for x, rule in primitive.rules.items() if rule is not None}
    return {x: _formula(x, rule) for x, rule in rules.items()}


def _formula(x: str, rule: Rule) -> str:
    called = f"{getattr(rule, '__name__', 'rule')}({', '.join(inspect.signature(rule).parameters)})"
    if getattr(rule, "__name__", "") != "<lambda>":
        return called
    try:
        lines, _ = inspect.findsource(rule)
    except (OSError, TypeError):  # typed at a prompt
        return called.replace("<lambda>", "rule")
    line = rule.__code__.co_firstlineno
    found = _lambdas("".join(lines)).get((line, x)) or _lambdas("".join(lines)).get((line, ""))
    return found or called.replace("<lambda>", "rule")


@cache
def _lambdas(source: str) -> dict[tuple[int, str], str]:
    """Give the body of each lambda in a file by its line and the keyword that it is given for."""
    found: dict[tuple[int, str], str] = {}
    try:
        tree = ast.parse(dedent(source))
    except SyntaxError:
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Lambda):
            text = ast.get_source_segment(source, node.value.body) or ast.unparse(node.value.body)
            found[node.value.lineno, node.arg or ""] = " ".join(text.split()).replace("( ", "(")
        elif isinstance(node, ast.Lambda):
            found.setdefault((node.lineno, ""), ast.unparse(node.body))
    return found
