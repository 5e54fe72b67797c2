"""The command line: what `autonn` and its commands are told."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

from autonn.texts import printable, printable_lines
from autonn.zoo import MODELS, NORMS

EXTRAS = {"graphviz": "viz", "pygraphviz": "viz", "matplotlib": "viz"}
EXTRAS |= {"safetensors": "interop", "PIL": "images"}
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad")


RUNS = "The file is run, as by python FILE.py: name none that you would not run. "


class Parser(argparse.ArgumentParser):
    """A parser whose errors show what they were given, and do not obey it."""

    def error(self, message: str) -> NoReturn:
        """Say what was wrong, and end."""
        super().error(printable(message))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; give the exit status."""
    parser, commands = _parser()
    known, unknown = parser.parse_known_args(argv)
    if unknown:
        chosen = commands[known.command]
        names = [name for action in chosen._actions for name in action.option_strings]
        near = get_close_matches(unknown[0].partition("=")[0], names, 2)
        told = f"; did you mean {' or '.join(near)}?" if near else ""
        chosen.error(f"unknown argument {unknown[0]}{told}")
    options = vars(known)
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
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # also of the user's own file
        kind = "" if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: "
        print(printable_lines(f"autonn {command}: {kind}{error}"), file=sys.stderr)
        return 2
    return status if type(status) is int else 0


def _parser() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(
        prog="autonn",
        description="Reverse-mode automatic differentiation of NumPy code.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _demo(commands)
    _compare(commands)
    _graph(commands)
    _train(commands)
    _summary(commands)
    _info(commands)
    return parser, commands.choices


def _demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="train a network on real handwritten digits, in seconds",
        description="Train a perceptron, written with plain operators, on 1,437 real handwritten "
        "digits, and test it on 360 others; compare every layer's gradients; draw its graph.",
    )
    demo.set_defaults(place="autonn.commands.demo")
    demo.add_argument(
        "--epochs", type=_least(1), default=20, help="passes over the images (default: 20)"
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
        f"(or of a class with forward and backward). {RUNS}Exit status 1 if any disagrees.",
    )
    compare.set_defaults(place="autonn.commands.compare")
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
        description="Draw the graph of a layer, or of a model, function or Tensor in a file, on "
        f"standard normal numbers. {RUNS}A page (.html) steps through the backward pass; .svg, "
        ".png and .pdf are pictures, .gv is DOT, .json the graph as data, which is read and not "
        "run.",
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


def _train(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train a network on the digits, save it, go on with it",
        description="Train a network on 1,257 handwritten digits; 180 others tell which epoch was "
        "the best, and 360 that are seen at the end alone how good it is. After Ctrl-C the best "
        "weights so far are there and saved; with --resume, the same command goes on as if it had "
        "never stopped.",
        epilog="For example: autonn train digits --model lenet --norm layer --dropout 0.5 --save "
        "lenet.safetensors",
    )
    train.set_defaults(place="autonn.commands.train")
    train.add_argument("dataset", choices=["digits"])
    train.add_argument("--model", choices=[*MODELS], default="mlp", help="(default: mlp)")
    train.add_argument("--norm", choices=NORMS, default="batch", help="(default: batch)")
    train.add_argument("--dropout", type=_share, default=0.0, help="what it drops (default: 0)")
    train.add_argument("--optimizer", choices=OPTIMIZERS, default="adamw", help="(default: adamw)")
    train.add_argument("--rate", type=_positive, help="the first learning rate")
    train.add_argument("--epochs", type=_least(1), default=20, help="(default: 20)")
    train.add_argument("--batch-size", type=_least(1), default=32, help="(default: 32)")
    train.add_argument(
        "--patience", type=_least(1), help="stop after so many epochs without a better one"
    )
    train.add_argument("--seed", type=_least(0), default=0, help="(default: 0)")
    train.add_argument(
        "--save", dest="save_to", metavar="FILE", help="the weights, as .npz or .safetensors"
    )
    train.add_argument(
        "--resume", metavar="FILE", help="write a checkpoint after each epoch; go on from it"
    )
    train.add_argument("--weights", metavar="FILE", help="weights to start with")
    train.add_argument("--plot", metavar="FILE", help="draw the learning curves")
    train.add_argument("--json", dest="as_json", action="store_true", help="print data alone")
    train.add_argument("--quiet", action="store_true", help="show no progress")


def _summary(commands: Any) -> None:
    summary = commands.add_parser(
        "summary",
        help="say what a model is made of, and what its backward pass keeps",
        description="Print each layer's output, parameters, and the bytes that are kept for the "
        f"backward pass: of {', '.join(MODELS)}, of a layer, or of a Module in a file. {RUNS}",
    )
    summary.set_defaults(place="autonn.commands.summary")
    summary.add_argument("what", metavar="MODEL | LAYER | FILE.py:NAME")
    summary.add_argument(
        "--input", dest="shapes", type=_shape, action="append", default=[], metavar="SHAPE"
    )
    summary.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    summary.add_argument("--json", dest="as_json", action="store_true", help="print data")


def _info(commands: Any) -> None:
    info = commands.add_parser(
        "info",
        help="say what autonn runs on",
        description="Print versions, BLAS and threads, cores, and what lays out graphs.",
    )
    info.set_defaults(place="autonn.commands.info")
    info.add_argument("--json", dest="as_json", action="store_true", help="print data")


def _share(text: str) -> float:
    return _between(text, 0.0, 1.0, "0 or more, and less than 1")


def _positive(text: str) -> float:
    return _between(text, 5e-324, float("inf"), "a positive number")


def _between(text: str, least: float, below: float, wanted: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value < below:
        raise argparse.ArgumentTypeError(f"got {text!r}; want {wanted}")
    return value


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
