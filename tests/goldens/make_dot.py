"""Write the DOT text of each graph in graph_cases.py: run it when the pictures change on purpose."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from graph_cases import GRAPHS  # noqa: E402

from viz import draw  # noqa: E402


def text(name: str) -> str:
    """Give the DOT text of a case, as it is drawn by default."""
    show = "both" if name == "both_passes" else "forward"
    fold = True if name in ("twelve_blocks", "recurrent", "loop") else None
    return draw(GRAPHS[name](), show=show, fold=fold).dot


if __name__ == "__main__":
    for name in GRAPHS:
        (HERE / "dot" / f"{name}.gv").write_text(text(name), encoding="utf-8")
