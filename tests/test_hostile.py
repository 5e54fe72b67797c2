"""Hostile files and names: nothing is run, memory stays bounded, text stays text."""

from __future__ import annotations

import ast
import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_data import csv_file, flipped

import autonn
import viz
from autonn import Tensor, compare, nn
from autonn.cli import main
from autonn.data import read_csv
from autonn.formats import FileError
from autonn.trace import Graph, graph_of, traced
from viz import draw

ROOT = Path(__file__).parents[1]
CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f]")  # what commands a terminal

# ----- Nothing that is loaded is run -----

LOADERS = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "code", "runpy"}
RUNNERS = {"eval", "exec", "compile", "__import__", "exec_module", "execfile", "system", "popen"}
# Rules, which are compiled from the product's own text, and files that the command line is told to
# run.
ALLOWED = {
    ("autonn/engine.py", "exec"),
    ("autonn/engine.py", "compile"),
    ("autonn/subjects.py", "exec_module"),
}


def runs(path: Path) -> Iterator[str]:
    """Name what a source file has that could run what it loads."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            names = [module, *(alias.name for alias in node.names)]
            yield from LOADERS.intersection(name.partition(".")[0] for name in names)
        elif isinstance(node, ast.Call):
            yield from _called(node)


def _called(node: ast.Call) -> Iterator[str]:
    function = node.func
    owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
    name = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
    harmless = name == "compile" and owner == "re"
    harmless |= name == "eval" and bool(owner)  # a Module's
    harmless |= name == "system" and owner == "platform"
    if name in RUNNERS and not harmless:
        yield name
    options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    reads = owner == "np" and name in ("load", "save", "savez", "fromfile", "loadtxt")
    if reads and options.get("allow_pickle") != "False":
        yield f"{owner}.{name} without allow_pickle=False"
    if options.get("allow_pickle", "False") != "False":
        yield "allow_pickle"


def test_nothing_that_is_loaded_can_be_run():
    sources = [p for part in ("autonn", "viz") for p in sorted((ROOT / part).rglob("*.py"))]
    assert len(sources) > 100
    found = {(path.relative_to(ROOT).as_posix(), name) for path in sources for name in runs(path)}
    assert found == ALLOWED


@pytest.mark.parametrize(
    "line",
    ["import pickle", "from yaml import load", "eval(x)", "np.load(f)", "exec(x)", "os.system(x)",
     "builtins.__import__(x)", "np.save(f, x, allow_pickle=True)"],
)  # fmt: skip
def test_that_search_finds(line: str, tmp_path: Path):
    (tmp_path / "a.py").write_text(line, encoding="utf-8")
    assert list(runs(tmp_path / "a.py"))


# Loads good files once, so that all is imported; then hostile ones, watched, in little memory.
WATCHED = """
import gzip, io, json, os, pickle, resource, struct, sys, zipfile, zlib
from pathlib import Path
import numpy as np
from PIL import Image
import autonn, viz
from autonn.data import read_csv, read_idx, read_images
from autonn.formats import FileError
from autonn.trace import Graph, graph_of
from autonn.train import Training, resume, save_checkpoint

class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)

def npy(descr, shape, data=b""):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\\n".encode()
    return b"\\x93NUMPY\\1\\0" + struct.pack("<H", len(text)) + text + data

def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()

def objects():
    file = io.BytesIO()
    np.savez(file, a=np.array([Trap()], object), allow_pickle=True)
    return file.getvalue()

net = autonn.nn.Linear(2, 2, rng=0)
training = Training(net, autonn.optim.SGD(net, lr=0.1), None, np.random.default_rng(0))
x = autonn.Tensor([1.0], True)
graph = graph_of(np.exp(x).sum()).to_json()
big = 2**27
zeros = bytes(big)
bomb = gzip.compress(zeros, 1)
header = struct.pack("<Q", 2**40) + b"{}"
huge = {"a": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}}
huge = json.dumps(huge).encode()
image = io.BytesIO()
Image.new("1", (1, 1)).save(image, "png")
head = struct.pack(">4sII", b"IHDR", 30_000, 30_000)
image = bytearray(image.getvalue())
image[12:24] = head
image[29:33] = struct.pack(">I", zlib.crc32(image[12:29]))
many = "[" * 200_000
deep = graph.replace('"note"', '"zzz": ' + many + "]" * 200_000 + ', "note"')
swollen = json.loads(graph)
swollen["ops"][0]["value"] = {"~": "array", "dtype": "<f8", "shape": [2**40], "data": ""}
FILES = {
    "a.npz": [objects(), pickle.dumps(Trap()), zipped({"a.npy": npy("|i1", f"({big},)", zeros)}),
              zipped({f"{i}.npy": npy("|i1", "(2097152,)", zeros[: 2**21]) for i in range(8)}),
              zipped({"a.npy": npy("<f8", "(1000000, 1000000)")}), zipped({"a.npy": pickle.dumps(Trap())})],
    "run.npz": [objects(), pickle.dumps(Trap()), zipped({"a.npy": zeros})],
    "a.safetensors": [header, struct.pack("<Q", len(huge)) + huge, pickle.dumps(Trap())],
    "a.idx": [gzip.compress(b"\\0\\0\\x08\\1" + struct.pack(">I", big)) + bomb, pickle.dumps(Trap()),
              b"\\0\\0\\x0e\\x04" + b"\\xff" * 16, gzip.compress(bomb)],
    "a.csv": [pickle.dumps(Trap()), b"a\\n" + b"1" * 10**7, b'a\\n"' + b"x\\n" * 10**6, b"\\0" * 10**6],
    "images/c/a.png": [bytes(image), pickle.dumps(Trap())],
    "a.json": [many.encode(), pickle.dumps(Trap()).hex().encode(), deep.encode(),
               json.dumps(swollen).encode(), b"1" * 10**5],
}
LOAD = {
    "a.npz": lambda: autonn.load("a.npz", limit=10**7),
    "run.npz": lambda: resume(training, "run.npz"),
    "a.safetensors": lambda: autonn.load("a.safetensors", limit=10**7),
    "a.idx": lambda: read_idx("a.idx", limit=10**7),
    "a.csv": lambda: read_csv("a.csv"),
    "images/c/a.png": lambda: read_images("images", limit=10**7),
    "a.json": lambda: Graph.from_json(Path("a.json").read_text()),
}
os.makedirs("images/c")
autonn.save({"a": np.ones(2)}, "a.npz")
autonn.save({"a": np.ones(2)}, "a.safetensors")
save_checkpoint(training, "run.npz")
Path("a.idx").write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7])))
Path("a.csv").write_text("a,b\\n1,2\\n")
Path("a.json").write_text(graph)
Image.new("RGB", (2, 2)).save("images/c/a.png")
for load in LOAD.values():
    load()
for name in FILES:  # errors import, too
    Path(name).write_bytes(b"")
    try:
        LOAD[name]()
    except ValueError:
        pass
seen = []
RUN = ("exec", "compile", "pickle", "marshal", "os.system", "os.exec", "os.spawn", "os.posix_spawn",
       "subprocess", "os.fork", "os.mkdir", "socket", "ctypes.dlopen", "os.remove", "os.rename")
sys.addaudithook(lambda event, args: event.startswith(RUN) and seen.append((event, str(args)[:80])))
del zeros, bomb
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + 100 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
told = []
for name, each in FILES.items():
    for i, data in enumerate(each):
        Path(name).write_bytes(data)
        try:
            LOAD[name]()
            told.append(f"{name} {i}: read")
        except ValueError as error:
            foreign = type(error) not in (ValueError, FileError) or "memory" in str(error).lower()
            if foreign:
                told.append(f"{name} {i}: {type(error).__name__}: {error}"[:200])
        except BaseException as error:
            told.append(f"{name} {i}: {type(error).__name__}: {error}"[:200])
assert not os.path.exists("trapped")
print(json.dumps({"run": seen, "told": told, "count": sum(map(len, FILES.values()))}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="bounds memory as Linux does")
def test_hostile_files_run_nothing_in_little_memory(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WATCHED],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["run"] == []
    assert found["told"] == []
    assert found["count"] == 27


# ----- Broken tables and graphs -----

CELLS = b"petal,width,species\n1.4,0.2,setosa\n4.7,1.4,versicolor\n"
BYTES = [b"\0", b'"', b"\r", b"\n", b",", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"1e999", b"nan",
         "٣".encode(), b"\x1a", b"\x85", b"-", b"'" * 9, b"9" * 400, b"\x1b[31m"]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*cells are missing")
@pytest.mark.parametrize("options", [{}, {"target": -1}, {"header": False}, {"encoding": "utf-16"}])
def test_tables_with_anything_put_in_are_read_or_refused(options: dict[str, Any], tmp_path: Path):
    read, told = 0, set[str]()
    for place in range(0, len(CELLS) + 1, 2):
        for piece in BYTES:
            path = csv_file(tmp_path, CELLS[:place] + piece + CELLS[place:])
            try:
                table = read_csv(path, **options)
            except FileError as error:
                told.add(str(error))
            else:
                read += 1
                assert table.x.ndim == 2
    assert read or "encoding" in options
    assert [text for text in told if "größe.csv" not in text or CONTROL.search(text)] == []


def network_graph() -> Graph:
    net = nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU())
    return traced(lambda x: np.sum(net(x)[0:1]), np.ones((2, 3)), recorded=True)


TOLD: dict[str, Any] = json.loads(network_graph().to_json())
VALUES: list[Any] = [
    None, True, -1, 0, 1.5, 2**70, "", "\0", "\ud800", [], {}, [[]],
    {"~": "tuple", "v": [2**70]},
    {"~": "float", "v": "inf"},
    {"~": "array", "dtype": "<f8", "shape": [2**70], "data": ""},
    {"~": "array", "dtype": "<f8", "shape": [0, 2**62, 4], "data": ""},
    {"~": "array", "dtype": "<f8", "shape": [1] * 70, "data": "AAAAAAAAAAA="},
    {"~": "array", "dtype": "V0", "shape": [], "data": ""},
    {"~": "dtype", "v": "V8"},
    {"~": "slice", "v": [1, 2, 3, 4]},
    {"~": "dict", "v": [[[], 1]]},
    {"~": "complex", "v": ["a"]},
    {"~": "text", "v": 5},
]  # fmt: skip


def places(told: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to each value of JSON data."""
    yield path
    inner = (
        told.items() if isinstance(told, dict) else enumerate(told) if type(told) is list else ()
    )
    for key, value in inner:
        yield from places(value, (*path, key))


def put(told: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Give the data with another value there."""
    if not path:
        return value
    changed = copy.copy(told)
    changed[path[0]] = put(told[path[0]], path[1:], value)
    return changed


def test_graphs_with_anything_put_in_are_graphs_or_refused():
    refused: list[ValueError] = []
    assert len(VALUES) == 23
    for i, path in enumerate(places(TOLD)):
        for value in VALUES[i % 23 :: 23]:
            try:
                graph = Graph.from_json(json.dumps(put(TOLD, path, value)))
            except ValueError as error:
                refused.append(error)
            else:
                assert isinstance(str(graph), str)
                assert draw(graph, values=True, memory=True).html()
    assert len(refused) > 500
    assert all(type(error) is ValueError and "no graph" in str(error) for error in refused)


def test_graphs_with_flipped_bits_are_graphs_or_refused():
    whole, refused = json.dumps(TOLD).encode(), list[ValueError]()
    for seed in range(100):
        try:
            graph = Graph.from_json(flipped(whole, seed))
        except ValueError as error:
            refused.append(error)
        else:
            assert isinstance(str(graph), str)
    assert 50 < len(refused) < 100
    assert all(type(error) is ValueError and "no graph" in str(error) for error in refused)


@pytest.mark.parametrize("n", range(0, 4000, 200))
def test_a_graph_that_is_cut_is_refused(n: int):
    with pytest.raises(ValueError, match="this is no graph"):
        Graph.from_json(json.dumps(TOLD)[:n])


LAX = {
    "a scope that is a float": (("ops", 1, "scope"), 0.0),
    "a scope that is an array's number": (("ops", 1, "scope"), {"~": "number", "dtype": "<f8", "shape": [], "data": "AAAAAAAAAAA="}),
    "a rule that is no text": (("rules", "inner", "b"), float("nan")),
    "a shape that is not the value's": (("ops", 0, "shape"), {"~": "tuple", "v": []}),
}  # fmt: skip


@pytest.mark.parametrize("case", LAX)
def test_graphs_that_could_not_be_drawn_are_refused(case: str):
    with pytest.raises(ValueError, match="this is no graph"):
        Graph.from_json(json.dumps(put(TOLD, *LAX[case])))


# ----- Names -----

NAMES = {
    "markup": "<script>alert(1)</script>&\"'",
    "an end of data": "]]>--><!--</svg></title></style>",
    "an image": '"><img src=x onerror=alert(1)>',
    "lines": "a\nb\rc\u2028d",
    "null": "a\0b",
    "path": "../../etc/passwd",
    "right to left": "abc\u202egnp.exe\u2066x\u2069",
    "terminal": "\x1b[31mred\x1b]0;title\x07\x9b31m",
    "very long": "n" * 10_000,
    "DOT": '\\N\\G" -> "b]; x [label=<',
    "half a pair": "\ud800",
    "rich": "[bold]x[/bold] [/] [link=file:///]",
}
TURNING = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2069]")


class Holder(nn.Module):
    """A layer under any name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.parts = {name: nn.Linear(2, 2, rng=0)}

    def forward(self, x: Any) -> Any:
        return next(iter(self.parts.values()))(x)


def odd(name: str) -> nn.Module:
    """Give a layer whose class has this name."""
    return type(name.replace("\0", "0").replace("\ud800", "?"), (nn.Linear,), {})(2, 2, rng=0)


def drawn(name: str) -> list[viz.Drawing]:
    x = Tensor([[1.0, 2.0]], requires_grad=True, name=name)
    model = Holder(name).astype(np.float64)
    layer = odd(name).astype(np.float64)
    return [
        draw(traced(lambda x: layer(model(x)), x)),
        draw(np.exp(x).sum(), title=name),
    ]


PICTURES: dict[str, Callable[[viz.Drawing], str]] = {
    "dot": lambda drawing: drawing.dot,
    "svg": lambda drawing: drawing.svg(),
    "html": lambda drawing: drawing.html(),
}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("name", NAMES)
def test_names_in_pictures_stay_text(name: str, kind: str):
    for drawing in drawn(NAMES[name]):
        text = PICTURES[kind](drawing)
        assert not CONTROL.search(text)
        text.encode()
        if kind != "dot":  # there, it stands between quotes
            assert "<script>alert" not in text
            assert "<img" not in text


@pytest.mark.parametrize("kind", PICTURES)
def test_names_in_pictures_cannot_turn_the_text(kind: str):
    for drawing in drawn(NAMES["right to left"]):
        assert not TURNING.search(PICTURES[kind](drawing))


def sample(name: str) -> tuple[Any, Any, Any]:
    x = Tensor([[1.0, 2.0]], requires_grad=True, name=name)
    return x, Holder(name), odd(name)


# What a terminal shows.
SHOWN: dict[str, Callable[[Any, Any, Any], str]] = {
    "a Tensor": lambda x, model, layer: repr(x),
    "a drawing": lambda x, model, layer: repr(draw(np.exp(x).sum(), title=str(x.name))),
    "a Module": lambda x, model, layer: repr(model),
    "a Module of an odd class": lambda x, model, layer: repr(layer),
    "a summary": lambda x, model, layer: str(autonn.summary(model, np.ones((1, 2), np.float32))),
    "a graph": lambda x, model, layer: str(graph_of(np.exp(x).sum())),
    "a report": lambda x, model, layer: str(compare(layer, np.ones((1, 2)))),
    "a report's page": lambda x, model, layer: compare(layer, np.ones((1, 2))).to_html(),
    "a report's Markdown": lambda x, model, layer: compare(layer, np.ones((1, 2))).to_markdown(),
    "an explanation": lambda x, model, layer: str(autonn.explain(np.exp(x).sum(), x)),
    "an error of a layer": lambda x, model, layer: refusal(lambda: layer(np.ones((3, 7)))),
    "an error of a state": lambda x, model, layer: refusal(lambda: model.load_state_dict({str(x.name): 1.0})),
    "an error of a theme": lambda x, model, layer: refusal(lambda: draw(x * 1.0, theme=str(x.name))),
    "an error of a file": lambda x, model, layer: refusal(lambda: autonn.load(f"no/{x.name}")),
    "an error of a picture's folder": lambda x, model, layer: refusal(lambda: draw(np.exp(x).sum()).save(f"{x.name}/a.svg")),
    "an error of an optimiser": lambda x, model, layer: refusal(lambda: autonn.optim.SGD([(x.name, 3)])),
}  # fmt: skip


def refusal(call: Callable[[], Any]) -> str:
    """Give the text of the error that a call ends in."""
    with pytest.raises((ValueError, TypeError, OSError)) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("what", SHOWN)
def test_no_name_commands_the_terminal(what: str):
    for name in NAMES.values():
        text = SHOWN[what](*sample(name))
        assert not CONTROL.search(text)
        assert not TURNING.search(text)
        assert "a\nb" not in text
        text.encode()


# ----- The command line -----

EVIL = "\x1b[31mevil"
FILE = f"""
from autonn import nn
net = type({EVIL!r}, (nn.Linear,), {{}})(2, 2)
class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = {{{EVIL!r}: nn.Linear(2, 2)}}
    def forward(self, x):
        return self.parts[{EVIL!r}](x)
held = Holder()
marked = type("a[/bold]b", (nn.Linear,), {{}})(2, 2)
"""
COMMANDS: dict[str, list[str]] = {
    "no such layer": ["compare", EVIL],
    "no such file": ["compare", f"{EVIL}.py:f"],
    "no such name": ["compare", f"model.py:{EVIL}"],
    "a class's name": ["compare", "model.py:net", "--shape", "3,2"],
    "a part's name": ["summary", "model.py:held", "--input", "3,2"],
    "no such graph": ["graph", f"{EVIL}.json"],
    "no such picture": ["graph", "model.py:held", "--input", "3,2", "-o", f"{EVIL}/a.svg"],
    "a picture": ["graph", "model.py:held", "--input", "3,2", "-o", f"{EVIL}.gv"],
    "no such folder": ["train", "digits", "--save", f"{EVIL}/a.npz"],
    "no such option": ["compare", f"--{EVIL}"],
    "no such command": [EVIL],
}


def told(arguments: list[str], folder: Path, capsys: Any, monkeypatch: Any) -> tuple[int, str]:
    monkeypatch.chdir(folder)
    (folder / "model.py").write_text(FILE, encoding="utf-8")
    try:
        status = main(arguments)
    except SystemExit as end:
        status = int(str(end.code))
    captured = capsys.readouterr()
    return status, captured.out + captured.err


@pytest.mark.parametrize("case", COMMANDS)
def test_no_argument_commands_the_terminal(
    case: str, tmp_path: Path, capsys: Any, monkeypatch: Any
):
    _, text = told(COMMANDS[case], tmp_path, capsys, monkeypatch)
    assert text
    assert not CONTROL.search(text)


def test_a_name_is_no_markup(tmp_path: Path, capsys: Any, monkeypatch: Any):
    arguments = ["compare", "model.py:marked", "--shape", "3,2"]
    status, text = told(arguments, tmp_path, capsys, monkeypatch)
    assert status == 0
    assert "a[/bold]b" in text


@pytest.mark.parametrize("command", ["compare", "summary", "graph"])
def test_the_help_says_that_a_file_is_run(command: str, capsys: Any):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "the file is run" in " ".join(capsys.readouterr().out.lower().split())
