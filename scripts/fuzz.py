"""Build random programs and random layers, and check what must hold of each: nothing may fail.

Programs: values against NumPy, both orders against numerical differentiation, low precision against
float64, every way to call backward against the others. Layers: against their closed forms and
numerical differentiation, second derivatives too. What fails is cut down and printed as a program
that can be run. Run it as `python scripts/fuzz.py`; 20,000 programs take some ten minutes. Exit
status 1 if anything fails.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
makers: Any = import_module("random_makers")
checks: Any = import_module("random_checks")
layers: Any = import_module("random_layers")


def fuzz_graphs(count: int, seed: int, console: Console) -> int:
    """Check random programs; give how many failed."""
    failed, told, worst = 0, Counter[str](), {"first": 0.0, "second": 0.0}
    for i in track(range(count), "graphs", console=console, transient=True):
        program = makers.draw(makers.Dice(seed + i))
        try:
            outcome = checks.check(program)
        except Exception as error:
            failed += 1
            small = checks.shrunk(program)
            console.print(f"seed {seed + i}: {type(error).__name__}: {error}", highlight=False)
            console.print(f"{small}# {checks.fails(small)}\n", highlight=False, markup=False)
            continue
        told["operations"] += outcome.operations
        for order, off in (("first", outcome.first), ("second", outcome.second)):
            if off is not None:
                told[order] += 1
                worst[order] = max(worst[order], off)
        arrays = program.arrays().values()
        told["large"] += max(np.size(x) for x in arrays) > 4096
    console.print(
        f"{count} graphs of {told['operations']} operations, {told['large']} of them large: "
        f"{failed} failed; {told['first']} first derivatives, worst relative error "
        f"{worst['first']:.1e}; {told['second']} second, {worst['second']:.1e}",
        highlight=False,
    )
    return failed


def fuzz_layers(count: int, seed: int, console: Console) -> int:
    """Check random layers; give how many failed."""
    failed, worst, kinds = 0, 0.0, Counter[str]()
    for i in track(range(count), "layers", console=console, transient=True):
        layer = layers.draw(makers.Dice(seed + i), large=20)
        kinds[layer.made.layer.partition("(")[0]] += 1
        try:
            worst = max(worst, layers.check(layer, second=i % 2 == 0))
        except Exception as error:
            failed += 1
            told = f"seed {seed + i}: {type(error).__name__}: {error}{layer!r}"
            console.print(told, highlight=False, markup=False)
    console.print(
        f"{count} layers of {len(kinds)} kinds: {failed} failed; worst relative error in float64 "
        f"{worst:.1e}",
        highlight=False,
    )
    return failed


def main() -> int:
    """Read the command line, and check."""
    parser = argparse.ArgumentParser(description="Check random graphs and random layers.")
    parser.add_argument("--graphs", type=int, default=20_000, help="how many programs")
    parser.add_argument("--layers", type=int, default=3_000, help="how many layers")
    parser.add_argument("--seed", type=int, default=0, help="of the first of them")
    args = parser.parse_args()
    console = Console(soft_wrap=True)
    failed = fuzz_graphs(args.graphs, args.seed, console)
    failed += fuzz_layers(args.layers, args.seed, console)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
