"""The project's own promises: what imports what, what is packaged, what is documented and shown."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import io
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import autonn
from autonn import cli, data, nn
from autonn.commands import demo

ROOT = Path(__file__).parents[1]
# Each may import those above it, and nothing below.
ORDER = [
    "texts", "errors", "arguments", "memory", "indices", "sums", "products", "compile", "methods", "operands", "graph", "refusals", "brackets", "walk", "formulas", "tensors", "arrays", "engine", "places", "columns", "windows", "special", "rules", "tree", "compositions", "shapes", "algebra", "series",
    "transforms", "activations", "losses", "convolution", "pooling", "attention", "functional", "init", "nn.module", "nn.linear", "nn.convolution", "nn.pooling", "nn.activations", "nn.dropout", "nn.norms", "nn.embedding", "nn.attention", "nn.recurrent", "nn.sparse", "nn.rbm", "nn.losses", "nn", "sites", "summary",
    "oracle.base", "oracle.linear", "oracle.activations", "oracle.dropout", "oracle.norms", "oracle.convolution", "oracle.pooling", "oracle.embedding", "oracle.attention", "oracle.recurrent", "oracle.rbm", "oracle.losses", "oracle",
    "check.numerical", "check.gradcheck", "check.factors", "check.diagnosis", "check.report", "check.explain", "check.binding", "check.problem", "check.ways", "check.catalogue", "check.compare", "check", "check.rules", "anomaly",
    "trace.serial", "trace.data", "trace.frames", "trace.recorder", "trace.run", "trace",
    "formats", "files", "interop", "data.digits", "data.batches", "data.splitting", "data.idx", "data.tables", "data.images", "data",
    "optim.groups", "optim.base", "optim.descent", "optim.adaptive", "optim.adam", "optim.schedule", "optim.curves", "optim.plateau", "optim.clip", "optim",
    "train.metrics", "train.history", "train.progress", "train.bars", "train.given", "train.state", "train.checkpoint", "train.epoch", "train.loop", "train.solver", "train",
    "subjects", "zoo", "", "commands", "commands.compare", "commands.demo", "commands.train", "commands.info", "commands.summary", "cli",
]  # fmt: skip
OUTSIDE = {"numpy": None, "rich": {"commands.demo", "commands.compare", "train.bars"}}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT / "autonn").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / "autonn").rglob("*.py"))}


def imports(path: Path) -> list[tuple[str, int]]:
    """Give what a file imports, each with the depth of the statement."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.col_offset) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            known = [
                m
                for m in submodules
                if m.removeprefix("autonn.") in MODULES and m.startswith("autonn.")
            ]
            found += [(m, node.col_offset) for m in known or [str(node.module)]]
    return found


def test_every_module_has_its_place():
    assert set(ORDER) == set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name: str):
    place = ORDER.index(name)
    for target, depth in imports(MODULES[name]):
        assert depth == 0, f"{target} is imported inside something"
        top = target.partition(".")[0]
        if top == "autonn":
            inner = target.removeprefix("autonn").removeprefix(".")
            assert ORDER.index(inner) < place, f"{name} imports {target}, which stands below it"
        elif top not in sys.stdlib_module_names:
            assert OUTSIDE[top] is None or name in OUTSIDE[top], f"{name} imports {top}"


def test_importing_autonn_needs_numpy_only():
    code = "import sys; import autonn; print([m for m in ('rich', 'scipy', 'hypothesis') if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


PICTURES = sorted((ROOT / "viz").rglob("*.py"))


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pictures_need_autonn_and_what_their_extra_brings(path: Path):
    for target, depth in imports(path):
        inside = depth > 0 and path.name != "__init__.py"  # which says how to get what is missing
        assert not inside, f"{target} is imported inside something"
        top = target.partition(".")[0]
        known = {"autonn", "viz", "numpy", "graphviz", "matplotlib"}
        known |= {"rich"} if path.name == "demo.py" else set()
        assert top in known | set(sys.stdlib_module_names), f"{path.name} imports {top}"


def public() -> list[tuple[str, Any]]:
    found = []
    names = [f"autonn.{name}" if name else "autonn" for name in MODULES]
    names += [
        ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for p in PICTURES
    ]
    for name in names:
        module = importlib.import_module(name)
        for key, value in vars(module).items():
            ours = getattr(value, "__module__", None) == module.__name__
            if (
                ours
                and not key.startswith("_")
                and (inspect.isclass(value) or inspect.isfunction(value))
            ):
                found.append((f"{module.__name__}.{key}", value))
    return found


@pytest.mark.parametrize(("package", "module"), [("viz", "graphviz"), ("viz.plots", "matplotlib")])
def test_pictures_say_what_they_lack(package: str, module: str):
    code = f"import sys; sys.modules[{module!r}] = None; import {package}"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    told = f"ModuleNotFoundError: {package} needs {module}: pip install 'autonn[viz]'"
    assert told in out.stderr


def test_every_public_name_is_documented_and_typed():
    names = public()
    assert len(names) > 100
    for name, value in names:
        assert inspect.getdoc(value), f"{name} has no docstring"
        if getattr(value, "_is_protocol", False):
            continue
        function = value.__init__ if inspect.isclass(value) and "__init__" in vars(value) else value
        if inspect.isfunction(function) and function.__name__ != "call":
            hints = set(function.__annotations__)
            missing = [
                p
                for p in inspect.signature(function).parameters
                if p not in hints | {"self", "cls"}
            ]
            assert not missing, f"{name} does not type {missing}"


def test_what_the_top_level_exports_exists():
    assert [name for name in autonn.__all__ if not hasattr(autonn, name)] == []
    assert sorted(autonn.__all__) == autonn.__all__


def test_the_readme_names_every_layer():
    table = (ROOT / "README.md").read_text().partition("\n## Layers")[2].partition("\n## ")[0]
    assert {name for name in nn.__all__ if f"`{name}`" not in table} == {"Module"}


# ----- Data, demo, examples -----


def test_the_digits_are_real_and_whole():
    digits = data.load_digits(test=0)
    assert digits.x_train.shape == (1797, 64)
    assert digits.x_train.dtype == np.float32
    assert (digits.x_train.min(), digits.x_train.max()) == (0, 1)
    assert np.bincount(digits.y_train).tolist() == [
        178,
        182,
        177,
        183,
        181,
        182,
        181,
        179,
        174,
        180,
    ]
    a, b = data.load_digits(seed=1), data.load_digits(seed=1)
    np.testing.assert_array_equal(a.x_test, b.x_test)
    together = np.concatenate([a.x_train, a.x_test])
    assert len(np.unique(together, axis=0)) == len(np.unique(digits.x_train, axis=0))


def test_minibatches_cover_all_once():
    rng = np.random.default_rng(0)
    batches = list(data.minibatches(np.arange(10), np.arange(10) * 2, size=4, rng=rng))
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    assert sorted(np.concatenate([x for x, _ in batches])) == list(range(10))
    assert all((y == 2 * x).all() for x, y in batches)


def test_the_demo_reads_digits():
    out = io.StringIO()
    reached = demo.run(console=Console(file=out, width=80)).accuracy
    assert reached >= 0.97
    assert f"{reached:.2%}" in out.getvalue()
    assert "agree, in" in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_the_demo_is_the_same_each_time():
    quiet = [demo.run(2, 3, console=Console(file=io.StringIO()), verdict=False) for _ in range(2)]
    assert str(quiet[0].history) == str(quiet[1].history)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--help"], 0, "demo"),
        (["demo", "--help"], 0, "--epochs"),
        ([], 2, "COMMAND"),
        (["dmo"], 2, "invalid choice"),
        (["demo", "--epochs", "0"], 2, "want 1 or more"),
    ],
)
def test_command_line(
    arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    told = capsys.readouterr()
    assert end.value.code == status
    assert words in told.out + told.err


def test_the_command_line_names_a_missing_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.delitem(sys.modules, "autonn.commands.demo")
    assert cli.main(["demo"]) == 1
    assert "pip install 'autonn[cli]'" in capsys.readouterr().err


PUBLISHED = [2.2611955101340957, 6.996533220108303]
EXAMPLES = {
    "batchnorm_by_hand": lambda errors: (
        errors["x"] < 1.7e-9
        and errors["gamma"] < 7.4e-13
        and errors["beta"] < 2.8e-12
        and errors["staged"] < 1.07e-12
    ),
    "by_hand": lambda result: result is None,
    "char_lstm": lambda told: 2 < told[0] < 2.8 and told[1] > 4 and len(told[2]) == 300,
    "char_transformer": lambda told: 2 < told[0] < 2.8 and told[1] > 4 and len(told[2]) == 300,
    "custom_primitive": lambda told: (
        autonn.PRIMITIVES.pop(told[0].forward) is told[0]
        and told[1] < 1e-11
        and np.allclose(told[2:], (4, 0.31), rtol=0.01)
    ),
    "digits_mlp": lambda accuracy: accuracy >= 0.97,
    "dropout_maxnorm": lambda held_out: (
        min(held_out.values()) > 0.89 and max(held_out, key=held_out.get) == (True, True)
    ),
    "fully_connected_net": lambda told: (
        (np.abs(np.subtract(told[0], PUBLISHED)) <= 2 * np.spacing(PUBLISHED)).all()
        and all(ours < published for ours, published in told[1])
    ),
    "homework_check": lambda marks: (
        [ok for ok, _, _ in marks] == [True, False, True]
        and marks[1][1].endswith("is missing")
        and marks[2][2] < 1e-12
    ),
    "lenet": lambda accuracies: min(accuracies) >= 0.985,
    "newton": lambda x: np.linalg.norm(x - 1) < 1e-12,
    "norms_and_batch_sizes": lambda found: (
        found["batch before"][0] < found["none"][0] < found["layer after"][0]
        and all(found["batch before"][i] > found["none"][i] + 0.01 for i in (1, 2, 3))
    ),
    "plain_numpy": lambda length: abs(length - 1.7) < 0.01,
    "published_mistakes": lambda found: all(
        {row.name: row.diagnosis for row in report.rows}.get(name, report.forward).kind == kind
        for report, name, kind in found.values()
    ),
    "rbm": lambda reached: -2.85 < reached < -np.log(14),
    "rbm_digits": lambda told: (
        told["log p"] > -19
        and abs(told["gap"]) < 0.5
        and told["wrong"] < 0.15
        and told["repaired"] > told["by pixel"] + 0.05
    ),
    "sparse_evolution": lambda found: (
        min(reached for _, reached in found.values()) > 0.92
        and found["sparse, moving"][0] == found["sparse, still"][0]
        and 20 * found["sparse, moving"][0] < found["dense, 256 and 128 wide"][0]
    ),
    "wgan_gp": lambda told: (
        told["distance"][-1] < 0.15 < 1 < told["distance"][0]
        and told["estimate"][-1] < told["estimate"][1] / 2
        and told["modes"][-1] == 8
        and told["near"][-1] > 0.7
    ),
}


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_has_an_expectation():
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, capsys: pytest.CaptureFixture[str]):
    assert EXAMPLES[name](example(name).main())
    assert capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="mutants.py forks")
def test_changes_that_no_test_can_notice_are_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    mutants: Any = importlib.import_module("mutants")
    there = {str(m) for file in mutants.FAST for m in mutants.Changes(f"{file}.py").found}
    gone = sorted(mutants.explanations().keys() - there)
    assert not gone, "the code has changed: take these lines out of scripts/mutants.txt"
