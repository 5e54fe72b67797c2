"""The command line: `autonn demo`, `autonn compare` and `autonn graph`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

EXTRAS = {"graphviz": "viz", "pygraphviz": "viz", "matplotlib": "viz"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; give the exit status."""
    options = vars(_parser().parse_args(argv))
    command, place = options.pop("command"), options.pop("place")
    try:
        run = import_module(place).run  # it needs what an extra brings
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(str(error.name).partition(".")[0], "cli")
        told = f"autonn {command} needs {error.name}: pip install 'autonn[{extra}]'"
        print(told, file=sys.stderr)
        return 1
    try:
        status = run(**options)
    except Exception as error:  # also of the user's own file
        kind = "" if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: "
        print(f"autonn {command}: {kind}{error}", file=sys.stderr)
        return 2
    return status if type(status) is int else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autonn",
        description="Reverse-mode automatic differentiation of NumPy code.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _demo(commands)
    _compare(commands)
    _graph(commands)
    return parser


def _demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="train a network on real handwritten digits, in seconds",
        description="Train a perceptron, written with plain operators, on 1,437 real handwritten "
        "digits, and test it on 360 others; compare every layer's gradients; draw its graph.",
    )
    demo.set_defaults(place="autonn.demo")
    demo.add_argument(
        "--epochs", type=_least(1), default=30, help="passes over the images (default: 30)"
    )
    demo.add_argument(
        "--seed", type=_least(0), default=0, help="of split, weights and order (default: 0)"
    )
    demo.add_argument(
        "--folder", default="autonn-demo", help="for the pictures (default: autonn-demo)"
    )


def _compare(commands: Any) -> None:
    compare = commands.add_parser(
        "compare",
        help="judge autograd against closed forms",
        description="Compare autograd, closed form and numerical differentiation: of every layer, "
        "of those that are named, or of a function f in a file, whose gradients f_backward gives "
        "(or of a class with forward and backward). Exit status 1 if any disagrees.",
    )
    compare.set_defaults(place="autonn.verdicts")
    compare.add_argument("what", nargs="*", metavar="LAYER | FILE.py:NAME", help="default: all")
    compare.add_argument(
        "--shape",
        dest="shapes",
        type=_shape,
        action="append",
        default=[],
        help="of the input, as in 32,64,28,28; for a function once for each argument",
    )
    compare.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    compare.add_argument("--exact", action="store_true", help="compute in long double")
    compare.add_argument("--html", metavar="FILE", help="write the report as a page")
    compare.add_argument("--json", metavar="FILE", dest="to_json", help="write the report as data")


def _graph(commands: Any) -> None:
    graph = commands.add_parser(
        "graph",
        help="draw a computation graph, forward and backward",
        description="Draw the graph of a layer, or of a model, function or Tensor in a file, which "
        "is run for it, on standard normal numbers. A page (.html) steps through the backward "
        "pass; .svg, .png and .pdf are pictures, .gv is DOT, .json the graph as data.",
    )
    graph.set_defaults(place="viz.command")
    graph.add_argument("what", metavar="LAYER | FILE.py:NAME | FILE.json")
    graph.add_argument(
        "-o",
        "--output",
        dest="outputs",
        action="append",
        default=[],
        metavar="FILE",
        help="what to write; may be given several times (default: NAME.html)",
    )
    graph.add_argument(
        "--input",
        dest="shapes",
        type=_shape,
        action="append",
        default=[],
        metavar="SHAPE",
        help="of the input, as in 1,1,28,28; once for each argument",
    )
    graph.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    graph.add_argument(
        "--backward", action="store_true", help="draw the backward pass's operations, too"
    )
    graph.add_argument(
        "--check",
        action="store_true",
        help="check each rule numerically and each layer against its closed form",
    )
    graph.add_argument(
        "--depth",
        type=_least(0),
        help="how many levels of layers to open (default: what can be read)",
    )
    graph.add_argument("--memory", action="store_true", help="say what backward keeps, per node")
    graph.add_argument("--theme", choices=["light", "dark", "print"], default="light")
    graph.add_argument("--direction", choices=["TB", "LR"], default="")
    graph.add_argument("--open", dest="show_it", action="store_true", help="show it in the browser")


def _least(least: int) -> Any:
    def number(text: str) -> int:
        if not text.lstrip("-").isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"got {text}; want {least} or more")
        return int(text)

    return number


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(n) for n in text.split(","))
    except ValueError:
        shape = (-1,)
    if min(shape) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}; want lengths, as in 32,64,28,28")
    return shape


if __name__ == "__main__":
    sys.exit(main())
