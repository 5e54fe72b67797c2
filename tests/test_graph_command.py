"""`autonn graph` and the demonstration's pictures."""

from __future__ import annotations

import io
import json
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from autonn import PRIMITIVES, cli
from autonn.commands import demo
from autonn.trace import Graph
from viz import command
from viz import demo as pictures

MODEL = """
import numpy as np
from autonn import Tensor, defvjp, nn, primitive

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, rng=np.random.default_rng(0))

    def forward(self, x):
        return np.tanh(self.conv(x))

class Sized(nn.Module):
    def __init__(self, size):
        super().__init__()

def two(a, b):
    return a @ b

@primitive
def half(x):
    return x / 2

defvjp(half, x=lambda g: g)

def wrong(x):
    return np.sum(half(x * x))

loss = np.sum(Tensor([1.0, 2.0], requires_grad=True) ** 2)
number = 3
"""


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Path]:
    path, before = tmp_path / "model.py", set(PRIMITIVES)
    path.write_text(MODEL, encoding="utf-8")
    yield path
    for made in set(PRIMITIVES) - before:
        PRIMITIVES.pop(made)


def run(*arguments: str) -> int:
    return cli.main(["graph", *arguments])


def test_a_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    svg, page = tmp_path / "bn.svg", tmp_path / "bn.html"
    assert run("BatchNorm2d", "-o", str(svg), "-o", str(page), "--check") == 0
    told = capsys.readouterr().out
    assert str(svg) in told
    assert str(page) in told
    assert "all agree, error against the closed form" in told
    assert svg.read_bytes().startswith(b"<?xml")
    assert "BatchNorm2d" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "options", "ops"),
    [
        ("Net", ["--input", "1,1,8,8"], {"conv", "tanh"}),
        ("Net", ["--input", "1,1,8,8", "--backward"], {"conv", "conv_w", "tanh"}),
        ("Net", ["--input", "1,1,8,8", "--dtype", "float32"], {"conv", "tanh"}),
        ("two", ["--input", "2,3", "--input", "3,4"], {"matmul"}),
        ("loss", [], {"square", "sum"}),
    ],
)
def test_what_a_file_defines(
    name: str, options: list[str], ops: set[str], model: Path, tmp_path: Path
):
    out = tmp_path / "graph.json"
    assert run(f"{model}:{name}", *options, "-o", str(out)) == 0
    graph = Graph.from_json(out.read_text(encoding="utf-8"))
    assert ops <= {op.op for op in graph}
    again = tmp_path / "again.gv"
    assert run(str(out), "-o", str(again)) == 0
    assert again.read_text(encoding="utf-8").startswith("digraph")
    if "--dtype" in options:
        assert {op.dtype for op in graph} == {"float32"}


def test_a_wrong_rule_is_told(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(f"{model}:wrong", "--check", "-o", str(tmp_path / "w.html")) == 0
    told = capsys.readouterr().out
    assert "first wrong rule of the backward pass is that of half (x: 1.0e+00)" in told
    assert "model.py" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["BatchNorm3d"], "near it are BatchNorm2d"),
        (["{model}:Nett"], "there are Net"),
        (["{model}:Sized"], "needs size"),
        (["nothing.py:Net"], "there is no file nothing.py"),
        (["{model}"], "say which of its names"),
        (["{model}:Net"], "given with --input"),
        (["{model}:number"], "callable"),
        (["Linear", "-o", "x.bmp"], "it can end in .svg"),
        (["Linear", "-o", "nowhere/x.svg"], "no folder"),
        (["missing.json"], "missing.json"),
        (["Linear", "--input", "3,x"], "want lengths"),
        (["Linear", "--depth", "-1"], "want 0 or more"),
        ([], "required"),
    ],
)
def test_what_is_refused(
    arguments: list[str], words: str, model: Path, capsys: pytest.CaptureFixture[str]
):
    try:
        status = run(*[a.replace("{model}", str(model)) for a in arguments])
    except SystemExit as end:
        status = int(str(end.code))
    assert status == 2
    assert words in capsys.readouterr().err


def test_it_opens_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.chdir(tmp_path)
    assert run("ReLU", "--open") == 0
    assert opened == [(tmp_path / "ReLU.html").as_uri()]


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in ("viz", *[name for name in sys.modules if name.startswith("viz.")]):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    assert run("ReLU") == 1
    assert "pip install 'autonn[viz]'" in capsys.readouterr().err


def test_the_demonstration_draws(tmp_path: Path):
    out = io.StringIO()
    console = Console(file=out, width=200)
    trained = demo.run(2, console=console, verdict=False)
    written = pictures.run(trained, str(tmp_path / "demo"), console)
    assert {path.name for path in written} >= {"graph.svg", "graph.html", "curves.png"}
    assert all(path.stat().st_size > 1000 for path in written)
    assert all(str(path) in out.getvalue() for path in written)
    data = (tmp_path / "demo" / "graph.html").read_text(encoding="utf-8")
    assert "BatchNorm1d" in data


def test_it_says_which_graphviz_there_is():
    assert command.engine()


def test_pages_of_graphs_from_json_say_the_same(tmp_path: Path):
    run("LayerNorm", "-o", str(tmp_path / "a.json"), "-o", str(tmp_path / "a.gv"))
    run(str(tmp_path / "a.json"), "-o", str(tmp_path / "b.gv"))
    assert (tmp_path / "a.gv").read_bytes() == (tmp_path / "b.gv").read_bytes()
    assert np.isfinite(json.loads((tmp_path / "a.json").read_text())["format"])
