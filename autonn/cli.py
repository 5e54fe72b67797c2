"""The command line: `autonn demo`."""

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
    options = parser.parse_args(argv)
    for name, least in (("epochs", 1), ("seed", 0)):
        value = getattr(options, name)
        if value < least:
            parser.error(f"argument --{name}: got {value}; want {least} or more")
    try:
        module = import_module(f"autonn.{options.command}")  # it needs what the extra brings
    except ModuleNotFoundError as error:
        told = f"autonn {options.command} needs {error.name}: pip install 'autonn[cli]'"
        print(told, file=sys.stderr)
        return 1
    module.run(epochs=options.epochs, seed=options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
