"""The command line: `autonn demo` and `autonn compare`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; give the exit status."""
    parser = argparse.ArgumentParser(
        prog="autonn",
        description="Reverse-mode automatic differentiation of NumPy code.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="train a network on real handwritten digits, in seconds",
        description="Train a perceptron, written with plain operators, on 1,437 real handwritten "
        "digits, and test it on 360 others.",
    )
    demo.add_argument("--epochs", type=int, default=30, help="passes over the images (default: 30)")
    demo.add_argument(
        "--seed", type=int, default=0, help="of split, weights and order (default: 0)"
    )
    compare = commands.add_parser(
        "compare",
        help="judge autograd against closed forms",
        description="Compare autograd, closed form and numerical differentiation: of every layer, "
        "of those that are named, or of a function f in a file, whose gradients f_backward gives "
        "(or of a class with forward and backward). Exit status 1 if any disagrees.",
    )
    compare.add_argument("what", nargs="*", metavar="LAYER | FILE.py:NAME", help="default: all")
    compare.add_argument(
        "--shape",
        type=_shape,
        action="append",
        default=[],
        help="of the input, as in 32,64,28,28; for a function once for each argument",
    )
    compare.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    compare.add_argument("--exact", action="store_true", help="compute in long double")
    compare.add_argument("--html", metavar="FILE", help="write the report as a page")
    compare.add_argument("--json", metavar="FILE", help="write the report as data")
    options = parser.parse_args(argv)
    least = {"epochs": 1, "seed": 0}
    for name, value in vars(options).items():
        if name in least and value < least[name]:
            parser.error(f"argument --{name}: got {value}; want {least[name]} or more")
    module = {"demo": "demo", "compare": "verdicts"}[options.command]
    try:
        run = import_module(f"autonn.{module}").run  # it needs what the extra brings
    except ModuleNotFoundError as error:
        told = f"autonn {options.command} needs {error.name}: pip install 'autonn[cli]'"
        print(told, file=sys.stderr)
        return 1
    if options.command == "demo":
        run(epochs=options.epochs, seed=options.seed)
        return 0
    try:
        return run(
            options.what, options.shape, options.dtype, options.exact, options.html, options.json
        )
    except Exception as error:  # also of the user's own file
        kind = "" if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: "
        print(f"autonn compare: {kind}{error}", file=sys.stderr)
        return 2


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
