"""The command line: `autonn demo`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; give the exit status."""
    parser = argparse.ArgumentParser(
        prog="autonn",
        description="Reverse-mode autograd on NumPy: every layer a composition of primitives.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="train a network on real handwritten digits, in seconds",
        description="Train a multilayer perceptron, written with plain operators, on 1,437 real "
        "handwritten digits, and test it on 360 others.",
    )
    demo.add_argument(
        "--epochs",
        type=int,
        default=30,
        help="passes over the training images (default: %(default)s)",
    )
    demo.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the split, the weights and the order (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.epochs < 1:
        parser.error(
            f"argument --epochs: {options.epochs} is not a number of epochs; want 1 or more"
        )
    try:
        from autonn.demo import run
    except ModuleNotFoundError as error:
        print(f"autonn demo needs {error.name}: pip install 'autonn[cli]'", file=sys.stderr)
        return 1
    run(epochs=options.epochs, seed=options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
