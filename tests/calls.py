"""Every public callable by a good call of it (`calls.txt`), and what these calls are made of.

The names in `calls.txt` are `Things`; a `Slot` is one argument of a call, with a hole in its place.
"""

from __future__ import annotations

import ast
import inspect
import operator
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np

import autonn
import viz
from autonn import Tensor, check, data, files, init, interop, nn, optim, train
from autonn import functional as F
from autonn.brackets import At
from autonn.graph import DISPATCH
from viz import plots

CALLS = Path(__file__).parent / "calls.txt"
NAMES = re.compile(r"\bnp\.(\w+)")
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
        Scores(3, 3, rng=0), solver_data(), num_epochs=1, batch_size=4, verbose=False
    )


def solver_data() -> dict[str, Any]:
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
    "solver_data": solver_data,
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
        and name not in ("check_target", "checked_path", "replacing")
    ]


@cache
def _numpys_name(function: Any) -> str:
    place = "np.linalg" if getattr(function, "__module__", "") == "numpy.linalg" else "np"
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
    """Give the lines of `calls.txt` that this NumPy knows, and whether they take long."""
    found, slow = {}, False
    for line in CALLS.read_text(encoding="utf-8").splitlines():
        if line.startswith("# -----"):
            slow = "slow" in line
        elif line and not line.startswith("#") and all(hasattr(np, n) for n in NAMES.findall(line)):
            found[line] = slow
    return MappingProxyType(found)


def spine(node: ast.AST) -> Iterator[ast.Call | ast.Subscript]:
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


def owner_of(node: ast.AST) -> str:
    """Name what is called."""
    if isinstance(node, ast.Subscript):
        return "At.__getitem__" if isinstance(node.value, ast.Attribute) else "operator.getitem"
    assert isinstance(node, ast.Call)
    function = node.func
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Call):
        return f"{owner_of(function)}()"
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
    for node in list(spine(tree.body)):
        owner = owner_of(node)
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
