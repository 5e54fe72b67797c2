"""Call every public callable with what it is not made for: each call is answered, or refused.

`tests/calls.txt` holds a good call of each. One argument at a time, also those that the call leaves
out, gets hostile values: wrong types, ranks and sizes, NaN, nothing, huge and negative numbers. An
answer must be that of plain arrays (of NumPy itself, where the function is NumPy's), and have a
gradient; a refusal must be a `raise` of autonn's own, of a type that users expect. Run it as
`python scripts/callables.py [NAME ...]`; it takes some minutes, prints a table, then every failure
(all, grouped by what was raised and where). Exit status 1 if there is any.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import linecache
import operator
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import autonn
import viz
from autonn import Tensor, check, data, files, init, interop, nn, optim, train
from autonn import functional as F
from autonn.graph import DISPATCH
from autonn.tensors import At, bare
from viz import plots

ROOT = Path(autonn.__file__).parents[1]
CALLS = Path(__file__).parents[1] / "tests" / "calls.txt"
OURS = tuple(str(ROOT / part) + os.sep for part in ("autonn", "viz"))
KINDS = (ValueError, TypeError, IndexError, NotImplementedError, OSError)
SECONDS, BYTES = 2.0, 3 * 2**30  # what one call may take
traces: Any = sys.modules["autonn.trace"]


# ----- What calls are made of -----


class Scores(nn.Linear):
    """A model for `Solver`."""

    def loss(self, x: Any, y: Any) -> Any:
        """Give the cross-entropy."""
        return F.cross_entropy(self(x), y)


def energy(x: Any) -> Any:
    """Give a number."""
    return np.sum(np.tanh(x) ** 2)


def ignore(x: Any) -> None:
    """Do nothing."""


def forward_hook(module: Any, args: Any, y: Any) -> None:
    """Do nothing."""


def pull(g: Any) -> Any:
    """Pull back through the identity."""
    return g


def plain(a: Any) -> Any:
    """Give what is given."""
    return a


def double(x: Any) -> Any:
    """Double."""
    return 2 * x


def double_backward(g: Any, x: Any) -> Any:
    """Pull back through `double`."""
    return 2 * g


def _network() -> nn.Module:
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Linear(4, 3, rng=1))
    for p in net.parameters():
        p.grad = Tensor(np.ones(p.shape, p.dtype))
    return net


def _loss(n: int = 2) -> Tensor:
    x = Tensor(np.linspace(0.2, 0.8, n), requires_grad=True, name="x")
    return np.sum(np.tanh(x))


def _history() -> train.History:
    history = train.History()
    history.add({"loss": 2.0})
    history.add({"loss": 1.0})
    return history


def _solver() -> train.Solver:
    return train.Solver(
        Scores(3, 3, rng=0), _solver_data(), num_epochs=1, batch_size=4, verbose=False
    )


def _solver_data() -> dict[str, Any]:
    x, y = np.ones((4, 3), np.float32), np.array([0, 1, 2, 1])
    return {"X_train": x, "y_train": y, "X_val": x, "y_val": y}


def _training() -> train.Training:
    net = _network()
    return train.Training(net, optim.SGD(net, lr=0.1), None, np.random.default_rng(0))


def _flow() -> plots.GradientFlow:
    flow = plots.GradientFlow(0.1)
    flow.record(_network())
    return flow


class Things(dict[str, Any]):
    """The names of `calls.txt`, made anew for each call; Tensors, or arrays in their place."""

    def __init__(self, tensors: bool = True, **given: Any) -> None:
        super().__init__(given)
        self.tensors = tensors

    def __missing__(self, name: str) -> Any:
        if name in ARRAYS:
            a = np.array(ARRAYS[name])
            self[name] = Tensor(a, requires_grad=True) if self.tensors else a
        elif name == "loss":
            self[name] = np.sum(np.tanh(self["x"]))
        elif name == "optimizer":
            self[name] = optim.SGD(self["net"], lr=0.1)
        else:
            self[name] = OTHERS[name]() if name in OTHERS else MODULES[name]
        return self[name]


_rng = np.random.default_rng(0)
ARRAYS: dict[str, Any] = {
    "s": 0.7,
    "v": [0.2, 0.5, 0.4],
    "x": _rng.uniform(0.1, 0.9, (2, 3)),
    "y": _rng.uniform(0.1, 0.9, (2, 3)),
    "square": _rng.uniform(-0.5, 0.5, (3, 3)) + 2 * np.eye(3),
    "definite": np.eye(3) + 0.2,
    "cubes": _rng.uniform(0.1, 0.9, (2, 3, 2)),
    "series": _rng.uniform(0.1, 0.9, (2, 2, 5)),
    "steps": _rng.uniform(0.1, 0.9, (4, 2, 3)),
    "evens": _rng.uniform(0.1, 0.9, (2, 3, 4)),
    "images": _rng.uniform(0.1, 0.9, (2, 2, 4, 4)),
    "kernels": _rng.uniform(0.1, 0.9, (2, 2, 2, 2)),
}
MODULES: dict[str, Any] = {
    "np": np, "operator": operator, "autonn": autonn, "Tensor": Tensor, "nn": nn, "F": F,
    "optim": optim, "init": init, "data": data, "files": files, "interop": interop,
    "train": train, "check": check, "traces": traces, "viz": viz, "plots": plots,
    "bool": bool, "len": len, "iter": iter, "format": format, "repr": repr,
    "energy": energy, "ignore": ignore, "pull": pull, "plain": plain, "critic": energy,
    "forward_hook": forward_hook, "accuracy": train.accuracy, "scalar": np.tanh,
    "double": double, "double_backward": double_backward,
}  # fmt: skip
OTHERS: dict[str, Callable[[], Any]] = {
    "hidden": lambda: np.array([[0.2, 0.7], [0.4, 0.1]]),
    "array": lambda: np.array(ARRAYS["x"]),
    "bins": lambda: np.array([0.0, 0.4, 1.0]),
    "ints": lambda: np.array([0, 2, 1]),
    "pairs": lambda: np.array([[0, 1], [2, 0]]),
    "pair": lambda: np.array([0, 2]),
    "labels": lambda: np.array([0, 1, 2, 1]),
    "scored": lambda: np.eye(4, 3),
    "inputs": lambda: np.full((4, 3), 0.5, np.float32),
    "batch": lambda: np.random.default_rng(0).normal(size=(4, 3)),
    "mask": lambda: np.array([[True, False, True], [False, True, True]]),
    "zeros_ones": lambda: np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]),
    "signs": lambda: np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]]),
    "bits": lambda: np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]),
    "weights": lambda: np.full((2, 3), 1 / 3),
    "filters": lambda: np.eye(4),
    "rng": lambda: np.random.default_rng(0),
    "fresh_primitive": lambda: autonn.graph.Primitive(plain),
    "net": _network,
    "linear": lambda: nn.Linear(3, 4, rng=0),
    "linear33": lambda: nn.Linear(3, 3, rng=0),
    "relu": nn.ReLU,
    "dropout": lambda: nn.Dropout(0.5, rng=0),
    "layer_norm": lambda: nn.LayerNorm(3),
    "batch_norm": lambda: nn.BatchNorm1d(3),
    "rbm": lambda: nn.RBM(3, 2, rng=0),
    "sparse": lambda: nn.SparseEvolution(3, 4, epsilon=1, rng=0),
    "cross_entropy": nn.CrossEntropyLoss,
    "sgd": lambda: optim.SGD(_network(), lr=0.1),
    "schedule": lambda: optim.StepLR(optim.SGD(_network(), lr=0.1), 3),
    "plateau": lambda: optim.ReduceLROnPlateau(optim.SGD(_network(), lr=0.1)),
    "state": lambda: _network().state_dict(),
    "sgd_state": lambda: optim.SGD(_network(), lr=0.1).state_dict(),
    "schedule_state": lambda: optim.StepLR(optim.SGD(_network(), lr=0.1), 3).state_dict(),
    "history": _history,
    "history_state": lambda: _history().state_dict(),
    "scores": lambda: Scores(3, 3, rng=0),
    "solver": _solver,
    "solver_data": _solver_data,
    "training": _training,
    "report": lambda: autonn.compare(nn.Tanh(), np.linspace(0.1, 0.4, 3)),
    "graph": lambda: traces.graph_of(_loss()),
    "graph_text": lambda: traces.graph_of(_loss()).to_json(),
    "drawing": lambda: viz.draw(_loss()),
    "flow": _flow,
}


def make_files(folder: Path) -> None:
    """Write the files that calls read."""
    autonn.save({"a": np.ones(2)}, folder / "a.npz")
    train.save_checkpoint(_training(), folder / "run.npz")
    (folder / "a.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    (folder / "a.idx").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    (folder / "images" / "cat").mkdir(parents=True)
    from PIL import Image

    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(folder / "images" / "cat" / "a.png")


# ----- What is public -----

# What autonn makes and users only read, or what they override and never call.
RESULTS = {
    "data.Images", "data.Split", "data.Table", "check.Explanation", "check.GradcheckError",
    "check.GradcheckReport", "check.Report", "traces.Graph", "traces.Op", "traces.Scope",
    "viz.Drawing", "viz.LayoutError", "optim.Schedule",
}  # fmt: skip
OVERRIDDEN = [
    "build", "describe", "forward", "label", "update", "rate", "slots", "check", "score", "axes",
    "mask_shape", "project", "expect", "feed_forward", "moments", "make", "cells", "timing",
    "update_running_stats",
]  # fmt: skip
HOMES = {
    "autonn": autonn, "nn": nn, "F": F, "optim": optim, "init": init, "data": data,
    "files": files, "interop": interop, "train": train, "check": check, "traces": traces,
    "viz": viz, "plots": plots,
}  # fmt: skip
OPERATORS = [
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "neg", "pos", "abs", "eq",
    "ne", "lt", "le", "gt", "ge", "getitem",
]  # fmt: skip


def public() -> set[str]:
    """Name every public callable: functions, classes, what instances are called with, methods."""
    names = {f"operator.{name}" for name in OPERATORS}
    names |= {_numpys_name(function) for function in DISPATCH}
    names |= {f"Tensor.{name}.fset" for name in ("grad", "name", "requires_grad")}
    classes: set[type] = {Tensor, At}
    for home, module in HOMES.items():
        for name in _exported(module):
            thing = getattr(module, name)
            if isinstance(thing, ModuleType | dict) or f"{home}.{name}" in RESULTS:
                continue
            if home != "autonn" and name in autonn.__all__:
                continue  # told there
            if thing is not Tensor:
                names.add(f"{home}.{name}")
            if isinstance(thing, type):
                classes |= {c for c in thing.__mro__ if c.__module__.startswith(("autonn", "viz"))}
    classes |= {traces.Graph, check.Report, viz.Drawing, optim.Schedule}
    for owner in classes:
        for name, value in vars(owner).items():
            method = isinstance(value, FunctionType | classmethod) and owner.__name__[0] != "_"
            if method and not name.startswith("_") and name not in OVERRIDDEN:
                names.add(f"{owner.__name__}.{name}")
    called = [name for name in nn.__all__ if name != "Module"]
    names |= {f"nn.{name}()" for name in called}
    names |= {f"autonn.{name}()" for name in ("grad", "value_and_grad", "jacobian", "hessian")}
    return names | {"Tensor"}


def _exported(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, thing in vars(module).items()
        if callable(thing)
        and not name.startswith("_")
        and getattr(thing, "__module__", "") == module.__name__
        and isinstance(thing, FunctionType)
        and name not in ("check_target", "replacing")
    ]


@cache
def _numpys_name(function: Any) -> str:
    place = "np.linalg" if function.__module__ == "numpy.linalg" else "np"
    return f"{place}.{function.__name__}"


# ----- Calls -----


@dataclass(frozen=True)
class Slot:
    """An argument of a call: whose, which, and the expression with a hole in its place."""

    owner: str
    argument: str
    code: Any
    good: str | None  # the expression that stands there, None for a default

    def __str__(self) -> str:
        return f"{self.owner}({self.argument})"


@cache
def calls() -> Mapping[str, bool]:
    """Give the lines of `calls.txt`, and whether they take long."""
    found, slow = {}, False
    for line in CALLS.read_text(encoding="utf-8").splitlines():
        if line.startswith("# -----"):
            slow = "slow" in line
        elif line and not line.startswith("#"):
            found[line] = slow
    return MappingProxyType(found)


def _spine(node: ast.AST) -> Iterator[ast.Call | ast.Subscript]:
    """Give the calls and subscripts that a call is made of, the outermost first."""
    while isinstance(node, ast.Call | ast.Subscript | ast.Attribute):
        if isinstance(node, ast.Call):
            yield node
            node = node.func
        elif isinstance(node, ast.Subscript):
            yield node
            node = node.value
        else:
            node = node.value


def _owner(node: ast.AST) -> str:
    """Name what is called."""
    if isinstance(node, ast.Subscript):
        return "At.__getitem__" if isinstance(node.value, ast.Attribute) else "operator.getitem"
    assert isinstance(node, ast.Call)
    function = node.func
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Call):
        return f"{_owner(function)}()"
    assert isinstance(function, ast.Attribute)
    if isinstance(function.value, ast.Subscript):
        return f"At.{function.attr}"
    path = ast.unparse(function)
    root = path.partition(".")[0]
    thing = Things()[root]
    if isinstance(thing, ModuleType | type):
        named = path.removeprefix("train.").removeprefix("traces.")
        inner = named if named.partition(".")[0] in ("History", "Graph") else path
        return inner if "." in inner else path
    owner = next(c for c in type(thing).__mro__ if function.attr in vars(c))
    names = {"Methods": "Methods"}
    return f"{names.get(owner.__name__, owner.__name__)}.{function.attr}"


def slots(line: str) -> Iterator[Slot]:
    """Give each argument of a line's calls, those that are left out, too."""
    tree = ast.parse(line, mode="eval")
    for node in list(_spine(tree.body)):
        owner = _owner(node)
        if isinstance(node, ast.Subscript):
            yield _with_hole(tree, node, "slice", None, owner, "index")
            continue
        parameters = _parameters(node.func)
        names = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        for i, _ in enumerate(node.args):
            given = names[i] if i < len(names) else f"{names[-1] if names else 'argument'} {i}"
            yield _with_hole(tree, node, "args", i, owner, given)
        for i, keyword in enumerate(node.keywords):
            yield _with_hole(tree, node, "keywords", i, owner, str(keyword.arg))
        taken = {*names[: len(node.args)], *(k.arg for k in node.keywords)}
        for p in parameters:
            named = p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
            if named and p.name not in taken and p.default is not p.empty:
                node.keywords.append(ast.keyword(p.name, ast.Name("hostile", ast.Load())))
                yield Slot(owner, p.name, _compiled(tree), None)
                node.keywords.pop()


def _parameters(function: ast.expr) -> list[inspect.Parameter]:
    if any(isinstance(node, ast.Call) for node in ast.walk(function)):
        made = eval(_compiled(ast.Expression(function)), {}, Things())
        if isinstance(made, nn.Module):
            made = made.forward
    else:
        made = eval(_compiled(ast.Expression(function)), {}, Things())
        made = DISPATCH.get(made, made) if made in DISPATCH else made
    try:
        return list(inspect.signature(made).parameters.values())
    except (ValueError, TypeError):
        return []


def _with_hole(
    tree: ast.Expression, node: Any, field: str, i: int | None, owner: str, argument: str
) -> Slot:
    hole = ast.Name("hostile", ast.Load())
    if i is None:
        good, node.slice = node.slice, hole
        code, node.slice = _compiled(tree), good
    elif field == "args":
        good, node.args[i] = node.args[i], hole
        code, node.args[i] = _compiled(tree), good
    else:
        keyword = node.keywords[i]
        good, keyword.value = keyword.value, hole
        code, keyword.value = _compiled(tree), good
    return Slot(owner, argument, code, ast.unparse(good))


def _compiled(tree: ast.Expression) -> Any:
    return compile(ast.fix_missing_locations(tree), "<call>", "eval")


# ----- Hostile values -----


def _circle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


HOSTILE: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "text": lambda: "abc",
    "no text": lambda: "",
    "a null": lambda: "\0",
    "bytes": lambda: b"abc",
    "an object": object,
    "an empty dict": dict,
    "an empty list": list,
    "an empty tuple": tuple,
    "a list of None": lambda: [None],
    "a ragged list": lambda: [1, [2, 3]],
    "a list that holds itself": _circle,
    "a dict": lambda: {"a": 1},
    "a set": lambda: {1, 2},
    "True": lambda: True,
    "0": lambda: 0,
    "-1": lambda: -1,
    "7": lambda: 7,
    "2.5": lambda: 2.5,
    "-2.5": lambda: -2.5,
    "NaN": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "10**30": lambda: 10**30,
    "-10**30": lambda: -(10**30),
    "2**63": lambda: 2**63,
    "1e308": lambda: 1e308,
    "1j": lambda: 1j,
    "a function": lambda: pull,
    "a class": lambda: int,
    "a range": lambda: range(2),
    "an iterator": lambda: iter([1.0]),
    "an empty array": lambda: np.zeros(0),
    "an empty matrix": lambda: np.zeros((0, 3)),
    "another vector": lambda: np.full(7, 0.5),
    "another matrix": lambda: np.full((5, 7), 0.5),
    "five axes": lambda: np.full((1, 2, 1, 2, 3), 0.5),
    "a NaN array": lambda: np.array(np.nan),
    "an integer array": lambda: np.array([[9, -9]]),
    "booleans": lambda: np.array([True, False]),
    "complex numbers": lambda: np.array([1j]),
    "words": lambda: np.array(["a"]),
    "objects": lambda: np.array([None, "a"], object),
    "dates": lambda: np.array(["2020-01-01"], "M8[D]"),
    "a struct": lambda: np.zeros(2, "i4,f4"),
    "a masked array": lambda: np.ma.array([1.0, 2.0], mask=[False, True]),
    "float16": lambda: np.array([[0.5]], np.float16),
    "a Tensor of another shape": lambda: Tensor(np.full((5, 7), 0.5), requires_grad=True),
    "an integer Tensor": lambda: Tensor([9, -9]),
    "an empty Tensor": lambda: Tensor(np.zeros((0, 3)), requires_grad=True),
    "a number as a Tensor": lambda: Tensor(0.5, requires_grad=True),
    "a Module": nn.Tanh,
    "a generator": lambda: np.random.default_rng(0),
}
FEW = ["None", "text", "an object", "-1", "2.5", "NaN", "10**30", "an empty list"]
FEW += ["an empty array", "another matrix", "words", "True", "an integer Tensor"]


def _alike(grads: bool, a: Any) -> Any:
    return Tensor(a, requires_grad=a.dtype.kind == "f") if grads and a.dtype.kind != "O" else a


def near(good: Any) -> dict[str, Callable[[], Any]]:
    """Give values that are nearly what a call wants."""
    array = bare(good)
    if isinstance(array, np.ndarray | np.floating) and array.dtype.kind in "fiub":
        a = np.asarray(array)
        grads = isinstance(good, Tensor) and good.requires_grad
        found = {
            "one axis more": a[None],
            "NaN in it": np.where(np.arange(a.size).reshape(a.shape) == 0, np.nan, a),
            "huge": a * 1e300 if a.dtype.kind == "f" else a + 10**9,
            "negative": -a.astype(float) if a.dtype.kind == "b" else -a,
            "in float16": a.astype(np.float16),
            "in float32": a.astype(np.float32),
            "as integers": a.astype(int),
            "as booleans": a.astype(bool),
            "as complex numbers": a.astype(complex),
            "as objects": a.astype(object),
        }
        if a.ndim:
            found |= {
                "the first": a[0],
                "none of them": a[:0],
                "one more": np.concatenate([a, a[:1]]),
                "the last axis longer": np.concatenate([a, a[..., :1]], axis=-1),
                "the last axis empty": a[..., :0],
                "one axis fewer": a.reshape(-1),
            }
        return {name: partial(_alike, grads, np.asarray(b)) for name, b in found.items()}
    if isinstance(good, str):
        return {"misspelt": lambda: good[:-1], "upper case": lambda: good.upper()}
    if type(good) is int:
        return {
            "one more": lambda: good + 1,
            "as a float": lambda: float(good),
            "as text": lambda: str(good),
            "as a NumPy number": lambda: np.int64(good),
        }
    if isinstance(good, list | tuple):
        kind = type(good)
        return {
            "one more": lambda: kind([*good, *good[:1]]),
            "one fewer": lambda: kind(good[:-1]),
            "with None": lambda: kind([None, *good[1:]]),
            "with text": lambda: kind(["a", *good[1:]]),
            "with -5": lambda: kind([-5, *good[1:]]),
            "with 10**30": lambda: kind([10**30, *good[1:]]),
            "with NaN": lambda: kind([float("nan"), *good[1:]]),
            "with 1.5": lambda: kind([1.5, *good[1:]]),
        }
    if isinstance(good, dict):
        key = next(iter(good))
        return {
            "with a key more": lambda: good | {"zzz": 1},
            "with a key fewer": lambda: dict(list(good.items())[1:]),
            "with a number as a key": lambda: {**good, 3: 1},
            "with None": lambda: good | {key: None},
            "with text": lambda: good | {key: "a"},
            "with NaN": lambda: good | {key: float("nan")},
            "with another shape": lambda: good | {key: np.zeros((5, 7))},
            "with words": lambda: good | {key: np.array(["a"])},
        }
    return {}


# ----- Verdicts -----


class TooLong(BaseException):
    """A call that does not end."""


@dataclass(frozen=True)
class Verdict:
    """What became of one call."""

    slot: str
    value: str
    kind: str  # answered, refused, failed
    told: str = ""
    place: str = ""

    @property
    def cause(self) -> str:
        """What was raised, and where."""
        return f"{self.told.partition(':')[0]} at {self.place}"


@cache
def _raises(file: str) -> tuple[tuple[int, int], ...]:
    """Give the lines of a file's `raise` statements."""
    tree = ast.parse("".join(linecache.getlines(file)))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return tuple((node.lineno, node.end_lineno or node.lineno) for node in found)


def is_ours(error: BaseException) -> bool:
    """Tell whether a `raise` statement of autonn or viz raised this, of a type for users."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    ours = frame.filename.startswith((*OURS, "<autonn "))
    at = frame.lineno or 0
    raised = ours and any(a <= at <= b for a, b in _raises(frame.filename))
    return raised and isinstance(error, KINDS) and bool(str(error))


def users(error: BaseException) -> bool:
    """Tell whether the error is that of the user's own function."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return frame.filename == __file__ and frame.name in ("energy", "double", "double_backward")


OUTSIDE = "outside of autonn"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    inner = [f for f in frames if f.filename.startswith((*OURS, "<autonn "))]
    if not inner:
        return OUTSIDE
    last = inner[-1]
    name = last.filename.removeprefix(str(ROOT) + os.sep)
    return f"{name}:{last.name}" if name.startswith("<") else f"{name}:{last.lineno}"


def _value(code: Any, tensors: bool, hostile: Callable[[], Any]) -> Any:
    """Call, use up what is given, and run it backward."""
    given = hostile()
    y = eval(code, {}, Things(tensors, hostile=given if tensors else bare(given)))
    if hasattr(y, "__enter__"):
        with y:
            pass
    elif isinstance(y, Iterator):
        y = next(y, None)
    return y


def _pulled(y: Any) -> None:
    """Run backward from each Tensor of a result."""
    for part in y if isinstance(y, tuple | list) else [y]:
        if isinstance(part, Tensor) and part.requires_grad and not part.is_leaf:
            part.backward(np.ones(part.shape, part.dtype), retain_graph=True)


def _same(y: Any, z: Any) -> bool:
    """Tell whether two results are equal, as far as they are numbers."""
    if isinstance(y, tuple | list) and isinstance(z, tuple | list):
        return len(y) == len(z) and all(map(_same, y, z))
    y, z = bare(y), bare(z)
    if not isinstance(y, np.ndarray | np.generic | float | int):
        return True
    if not isinstance(z, np.ndarray | np.generic | float | int):
        return True
    y, z = np.asarray(y), np.asarray(z)
    if y.dtype.kind not in "fiubc" or z.dtype.kind not in "fiubc":
        return True
    coarse = np.finfo(y.dtype).eps ** 0.5 if y.dtype.kind in "fc" else 0
    return (
        y.shape == z.shape
        and y.dtype == z.dtype
        and bool(np.allclose(y, z, coarse, coarse, equal_nan=True))
    )


RANDOM = ("empty_like", "gradient_penalty")


def judge(slot: Slot, name: str, hostile: Callable[[], Any]) -> Verdict:
    """Call once, and say what became of it."""
    where = str(slot)
    try:
        with _bounded():
            y = _value(slot.code, True, hostile)
            _pulled(y)
    except TooLong:
        return Verdict(where, name, "failed", "TooLong: it does not end", slot.owner)
    except Exception as error:
        told = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        if is_ours(error) or users(error):
            return Verdict(where, name, "refused", told[:200], _place(error))
        if _place(error) == OUTSIDE:  # no Tensor took part, or Python knows no such argument
            return Verdict(where, name, "not ours", told[:200], OUTSIDE)
        return Verdict(where, name, "failed", told[:200], _place(error))
    if not slot.owner.startswith(("np.", "F.", "operator.")) or "eps" in slot.argument:
        return Verdict(where, name, "answered")
    if any(word in slot.owner for word in RANDOM):
        return Verdict(where, name, "answered")
    try:
        with _bounded():
            z = _value(slot.code, False, hostile)
    except (Exception, TooLong) as error:
        told = f"answers what arrays do not ({type(error).__name__}: {error!s:.60})"
        return Verdict(where, name, "answered", told, "extra")
    if isinstance(y, Tensor | np.ndarray | tuple | list | np.generic) and not _same(y, z):
        told = f"WrongAnswer: {bare(y)!r:.80}, but arrays give {z!r:.80}"
        return Verdict(where, name, "failed", told.replace("\n", " "), slot.owner)
    return Verdict(where, name, "answered")


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Bound time and memory, keep quiet, and refuse warnings of what is not meant."""

    def stop(*_: Any) -> None:
        raise TooLong

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, hard))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for kind in (DeprecationWarning, np.exceptions.ComplexWarning):
                warnings.simplefilter("error", kind)
            with contextlib.redirect_stdout(io.StringIO()):
                yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


# What may take for ever, because it is told to.
UNBOUNDED = {
    (f"{owner}({argument})", value)
    for owner, argument in (
        ("autonn.fit", "epochs"), ("RBM.gibbs", "steps"), ("RBM.reconstruct", "steps"),
        ("plots.reconstructions", "steps"), ("nn.RNN", "num_layers"), ("nn.LSTM", "num_layers"),
        ("nn.GRU", "num_layers"), ("np.diff", "n"), ("np.array_split", "indices_or_sections"),
        ("train.Solver", "num_epochs"),
    )
    for value in ("10**30", "2**63")
}  # fmt: skip


def hostile_values(slot: Slot, few: bool = False) -> dict[str, Callable[[], Any]]:
    """Give what to put in an argument's place."""
    good = None if slot.good is None else eval(slot.good, {}, Things())
    chosen = {k: v for k, v in HOSTILE.items() if not few or k in FEW}
    if slot.argument in ("rng", "seed"):  # np.random.default_rng itself crashes on it
        chosen.pop("a list that holds itself", None)
    chosen |= {} if few else near(good)
    return {k: v for k, v in chosen.items() if (str(slot), k) not in UNBOUNDED}


def verdicts(line: str, few: bool = False) -> Iterator[Verdict]:
    """Judge every call that a good one becomes."""
    for slot in slots(line):
        for name, hostile in hostile_values(slot, few).items():
            yield judge(slot, name, hostile)


def good(line: str) -> Any:
    """Run the good call itself."""
    y = eval(line, {}, Things())
    _pulled(y)
    return y


def main(argv: list[str]) -> int:
    """Judge all, or the lines that hold a name; print tables."""
    found: list[Verdict] = []
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_files(Path(folder))
        for line, slow in calls().items():
            if not argv or any(word in line for word in argv):
                if sys.stderr.isatty():
                    print(f"\r{line[:70]:<70}", end="", file=sys.stderr)
                found += verdicts(line, few=slow)
        os.chdir(here)
    console = Console(width=160)
    table = Table("callable", "calls tried", "answered", "refused", "failed")
    counts = Counter((v.slot.rpartition("(")[0], v.kind) for v in found)
    for owner in dict.fromkeys(owner for owner, _ in counts):
        kinds = [counts[owner, kind] for kind in ("answered", "refused", "failed")]
        if not argv and not any(kinds):
            continue
        table.add_row(owner, *map(str, (sum(kinds), *kinds)))
    console.print(table)
    failed = [v for v in found if v.kind == "failed"]
    causes: dict[str, list[Verdict]] = {}
    for v in failed:
        causes.setdefault(v.cause, []).append(v)
    for cause, each in sorted(causes.items(), key=lambda item: -len(item[1])):
        where = ", ".join(dict.fromkeys(v.slot for v in each))
        console.print(f"{len(each):5} {cause}: {where:.300}", markup=False, highlight=False)
        for v in each[:2]:
            console.print(f"        {v.slot} = {v.value}: {v.told}", markup=False, highlight=False)
    total = Counter(v.kind for v in found)
    told = ", ".join(
        f"{total[kind]:,} {kind}" for kind in ("answered", "refused", "failed", "not ours")
    )
    console.print(
        f"{len(found):,} calls of {len({owner for owner, _ in counts})} callables: {told}"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
