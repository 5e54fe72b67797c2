"""Write `docs/edges.md`: what functions answer at their edges, from the tests' table of it.

Run it as `python scripts/edges.py` after a change of `tests/edge_cases.py`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
cases: Any = import_module("edge_cases")


def number(x: Any) -> str:
    """Write an answer down, as it is in float64."""
    x = x.tolist() if isinstance(x, np.ndarray) else x
    if isinstance(x, list | tuple):
        return f"[{', '.join(map(number, x))}]"
    if callable(x):
        return x.__name__ if x.__name__ != "<lambda>" else number(x(np.finfo(np.float64)))
    return "–" if x is None else f"{x:.6g}"


def table() -> str:
    """Give the page: the choices that were made, then a line for each point."""
    choices, _, _ = (getdoc(cases) or "").partition("\n\n__")
    intro, _, chosen = choices.partition("\n\n")[2].partition("\n\n")
    lines = {}
    for edge in cases.edges():
        gradients = ", ".join(map(number, edge.gradients))
        lines[str(edge)] = f"| `{edge}` | {number(edge.value)} | {gradients} |"
    return "\n".join(
        [
            "# Functions at their edges",
            "",
            " ".join(intro.split()),
            "",
            "```text",
            chosen,
            "```",
            "",
            f"`tests/test_edges.py` holds {len(lines)} points to these answers, in float16,",
            "float32 and float64: exactly if they are 0, infinite or NaN, else to a few ulp.",
            "`smallest` is the smallest number above 0, `normal` the smallest that is not",
            "subnormal, `largest` the largest. Made by `scripts/edges.py`.",
            "",
            "| call | value | gradients |",
            "|---|---|---|",
            *lines.values(),
            "",
        ]
    )


if __name__ == "__main__":
    (ROOT / "docs" / "edges.md").write_text(table(), encoding="utf-8")
