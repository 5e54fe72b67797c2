"""Pictures of graphs: what stands on the cards, what is together, what is written to files."""

from __future__ import annotations

import importlib.util
import re
import stat
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from graph_cases import GRAPHS, Net, layer_graph, net_with_loss, rng, tensor

from autonn import Tensor, nn
from autonn.check import CATALOGUE
from autonn.trace import Graph, graph_of, trace, traced
from viz import LayoutError, draw, layout
from viz.drawing import FORMATS
from viz.groups import LARGEST, Group, homes, open_readable, visible
from viz.kinds import kind_of
from viz.scene import Scene, statistics
from viz.theme import THEMES
from viz.tree import tree

GOLDENS = Path(__file__).parent / "goldens"


def golden_text(name: str) -> str:
    spec = importlib.util.spec_from_file_location("make_dot", GOLDENS / "make_dot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.text(name)


@pytest.mark.parametrize("name", GRAPHS)
def test_dot_is_the_golden_text(name: str):
    assert golden_text(name) == (GOLDENS / "dot" / f"{name}.gv").read_text(encoding="utf-8")


def test_each_graph_has_a_golden_text():
    assert {path.stem for path in (GOLDENS / "dot").glob("*.gv")} == set(GRAPHS)


def cards_and_lines(dot: str) -> tuple[list[str], list[tuple[str, str]]]:
    nodes = re.findall(r"^\s*([ng]\d+) \[", dot, re.MULTILINE)
    return nodes, re.findall(r"^\s*([ng]\d+) -> ([ng]\d+)", dot, re.MULTILINE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_layer_draws(name: str):
    graph = layer_graph(name)
    drawing = draw(graph, depth=9, fold=False, collapse=lambda group: False)
    nodes, lines = cards_and_lines(drawing.dot)
    shown = visible(drawing.scene.root)
    assert sorted(shown) == list(range(len(graph)))
    assert len(nodes) == len(set(nodes)) == len(set(shown.values()))
    assert {node for line in lines for node in line} <= set(nodes)
    inner = {(shown[i], shown[j]) for i, j in graph.edges if shown[i] is not shown[j]}
    assert len(lines) == len(inner)
    svg = ET.fromstring(drawing.svg())
    titles = [t.text for t in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert set(nodes) <= set(titles)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("theme", THEMES)
def test_every_case_draws_in_every_theme(name: str, theme: str):
    drawing = draw(GRAPHS[name](), theme=theme, values=True, memory=True, title=f"{name} & <co>")
    assert f"{name} &amp; &lt;co&gt;" in drawing.dot
    ET.fromstring(drawing.svg())


# ----- What belongs together -----


def groups(drawing: Any) -> list[tuple[str, str, int]]:
    root = drawing.scene.root
    return [(g.kind, g.label, g.count) for g in root.groups() if g is not root]


def test_blocks_and_steps_are_folded():
    assert ("repeat", "Residual", 12) in groups(draw(GRAPHS["twelve_blocks"](), fold=True))
    assert ("repeat", "step", 5) in groups(draw(GRAPHS["recurrent"](), fold=True))
    assert ("repeat", "sin → multiply", 30) in groups(draw(GRAPHS["loop"](), fold=True))
    kinds = {kind for kind, *_ in groups(draw(GRAPHS["twelve_blocks"]()))}
    assert "repeat" not in kinds  # what can be read as it is
    many = [nn.Residual(nn.Sequential(nn.Linear(4, 4), nn.Tanh())) for _ in range(30)]
    graph = traced(nn.Sequential(*many), np.ones((2, 4), np.float32))
    assert ("repeat", "Residual", 30) in groups(draw(graph))


def test_blocks_that_differ_are_not_folded():
    widths = [4, 5, 6, 7, 8]
    layers = [nn.Linear(a, b, rng=rng()) for a, b in pairwise(widths)]
    graph = traced(nn.Sequential(*layers), np.ones((2, 4), np.float32))
    assert "repeat" not in {kind for kind, *_ in groups(draw(graph))}


def alike(*layers: nn.Module) -> Graph:
    return traced(nn.Sequential(*layers), np.ones((2, 3, 4, 4), np.float32))


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda m, x: x + m(x) * m(x) + m(x), []),  # side by side
        (lambda m, x: m(m(m(x))), [("Linear", 3, "shared parameters")]),
        (lambda m, x: m(m(m(x) * 1.0) * 2.0) * 3.0, []),  # other numbers
        (lambda m, x: _skips(m, x, 6, ()), [("Linear → tanh → add", 6, "shared parameters")]),
        (lambda m, x: _skips(m, x, 6, (3,)), [("Linear → tanh → add", 3, "shared parameters")] * 2),
        (
            lambda m, x: _starts_otherwise(m, x, 6),
            [("tanh → add → Linear", 5, "shared parameters")],
        ),
    ],
)
def test_only_chains_of_blocks_that_are_alike_are_folded(f: Any, expected: Any):
    layer = nn.Linear(4, 4, rng=rng())
    graph = traced(lambda x: f(layer, x), tensor(np.ones((2, 4), np.float32), "x"))
    root = draw(graph, fold=True).scene.root
    repeats = [g for g in root.groups() if g.kind == "repeat"]
    assert [(g.label, g.count, g.told) for g in repeats] == expected


def _starts_otherwise(layer: Any, x: Any, count: int) -> Any:
    h = x
    for i in range(count):
        linear = layer(h)
        h = (h if i else linear) + np.tanh(linear)
    return h


def _skips(layer: Any, x: Any, count: int, wired_otherwise: tuple[int, ...]) -> Any:
    h = x
    for i in range(count):
        h = (x if i in wired_otherwise else h) + np.tanh(layer(h))
    return h


def test_blocks_are_named_after_all_that_is_in_them():
    parts = [
        m for _ in range(4) for m in (nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU())
    ]
    found = [g for g in draw(alike(*parts), fold=True).scene.root.groups() if g.kind == "repeat"]
    assert [(g.label, g.count) for g in found] == [("Conv2d → BatchNorm2d → relu", 4)]


def test_small_functions_are_cards_and_single_operations_no_groups():
    found = groups(draw(net_with_loss()))
    assert [label for kind, label, _ in found if kind == "layer"] == [
        "Linear",
        "BatchNorm1d",
        "MSELoss",
    ]
    assert [label for kind, label, _ in found if kind == "function"] == ["mean", "mean", "mean"]


@pytest.mark.parametrize(
    ("depth", "labels"), [(0, set()), (1, {"Linear", "BatchNorm1d", "MSELoss"})]
)
def test_depth_opens_layers(depth: int, labels: set[str]):
    root = draw(net_with_loss(), depth=depth).scene.root
    assert {g.label for g in root.groups() if g.is_open and g is not root} == labels


def test_collapse_and_hide():
    graph = net_with_loss()
    drawing = draw(graph, collapse=lambda group: group.name == "bn", hide=lambda op: not op.grads)
    assert "target" not in drawing.dot
    nodes, lines = cards_and_lines(drawing.dot)
    (bn,) = [g for g in drawing.scene.root.groups() if g.name == "bn"]
    assert f"g{bn.id}" in nodes
    names = {op.name: f"n{op.id}" for op in graph}
    assert names["gamma"] not in nodes
    # past what is hidden, lines go on
    drawing = draw(graph, hide=lambda op: op.op == "inner")
    add = next(op for op in graph if op.op == "add")
    assert (names["weight"], f"n{add.id}") in cards_and_lines(drawing.dot)[1]
    assert lines


@pytest.mark.parametrize("size", [100, 1000, 10_000])
def test_graphs_without_structure_are_readable(size: int):
    generator = rng()
    values = [tensor(1.0, "x")]
    for i in range(size):
        other = values[generator.integers(len(values))]
        f = [np.sin, np.cos, np.tanh, np.negative][generator.integers(4)]
        values.append(f(values[-1]) + np.sin(other) if i % 3 else f(other * values[-1]))
    drawing = draw(values[-1], gradients=False)
    nodes, _ = cards_and_lines(drawing.dot)
    assert len(nodes) <= 150
    assert len(visible(drawing.scene.root)) == len(drawing.graph)


def test_networks_start_readable():
    widths = [4 + i % 5 for i in range(61)]
    layers = [
        nn.Sequential(nn.Linear(a, b, rng=rng()), nn.BatchNorm1d(b)) for a, b in pairwise(widths)
    ]
    x = rng().normal(size=(8, 4)).astype(np.float32)
    drawing = draw(traced(nn.Sequential(*layers), x), fold=False)
    assert 50 < len(set(visible(drawing.scene.root).values())) <= 150


def test_a_sheet_never_has_more_cards_than_can_be_seen():
    x = tensor(1.0, "x")
    graph = traced(lambda x: sum((np.sin(x * float(i)) for i in range(2000)), x * 0.0), x)
    drawing = draw(graph, depth=99)
    assert len(set(visible(drawing.scene.root).values())) <= LARGEST
    assert not drawing.scene.notes or "not all groups" in drawing.scene.notes[0]


def test_every_operation_stands_in_one_group():
    for name, make in GRAPHS.items():
        root = tree(make(), together=10)
        open_readable(root)
        found = [c for g in root.groups() for c in g.children if isinstance(c, int)]
        assert sorted(found) == list(range(len(found))), name
        assert set(homes(root)) == set(found)
        assert all(len(g.children) <= 10 for g in root.groups())
        parents = [g.parent for g in root.groups() if g is not root]
        assert all(isinstance(g, Group) for g in parents)


# ----- What cards say -----


def facts(graph: Graph, **options: Any) -> str:
    return re.sub(r"<[^>]*>", "", draw(graph, **options).dot)


@pytest.mark.parametrize(
    ("graph", "options", "words"),
    [
        (net_with_loss, {}, ["eps=1e-05", "axis=0", "centred", "6×3", "broadcast", "15 params"]),
        (net_with_loss, {}, ["Net (Linear → BatchNorm1d → ReLU) → MSELoss", "21 parameters", "all float64"]),
        (net_with_loss, {"memory": True}, ["saves 144 B"]),
        (net_with_loss, {"values": True}, ["±"]),
        (GRAPHS["zero_and_nan"], {}, ["grad 0", "grad NaN"]),
        (GRAPHS["mixed_dtypes"], {}, ["3 float32"]),
        (GRAPHS["recurrent"], {"fold": True}, ["step", "×5"]),
        (GRAPHS["after_the_fact"], {}, ["grad 1", "tanh"]),
    ],
)  # fmt: skip
def test_cards_say(graph: Any, options: dict[str, Any], words: list[str]):
    told = facts(graph(), **options)
    assert [word for word in words if word not in told] == []


def test_what_is_hidden_is_neither_broadcast_nor_an_output():
    graph = net_with_loss()
    dot = draw(graph, hide=lambda op: op.op == "inner").dot
    full = draw(graph).dot
    assert dot.count("broadcast") <= full.count("broadcast")
    dark = THEMES["light"].kinds["output"].fill
    assert dot.count(f'fillcolor="{dark}"') == full.count(f'fillcolor="{dark}"') == 1


def test_a_gradient_that_is_computed_with_is_drawn_whole():
    x = tensor(np.ones((3, 2)), "x")
    with trace() as graph:
        np.sum(np.tanh(x) ** 2).backward(create_graph=True)
        penalty = np.sum(x.grad * x.grad)
        penalty.backward()
    drawing = draw(graph)
    shown = set(visible(drawing.scene.root))
    used = [i for op in graph if op.phase == "forward" for i in op.inputs.values()]
    assert set(used) <= shown
    assert any(graph.ops[i].phase == "backward" for i in shown)
    assert "dotted" in drawing.dot


def test_the_gradient_of_large_numbers_is_finite():
    x = tensor([1.0, 2.0], "x")
    told = re.sub(r"<[^>]*>", "", draw(np.sum(x * 1e200)).dot)
    assert "grad 1.41e+200" in told
    assert "grad 0" not in re.sub(r"<[^>]*>", "", draw(np.sum(np.square(x)) * 1e-15).dot)


def test_a_closed_group_shows_what_leaves_it():
    lstm = nn.LSTM(4, 5, rng=rng())
    graph = traced(lambda x: lstm(x)[0].sum(), tensor(rng().normal(size=(2, 3, 4)), "x"))
    told = re.sub(r"<[^>]*>", "", draw(graph, depth=0).dot)
    assert "2×3×5" in told


@pytest.mark.parametrize(
    "name",
    ["\n\n", "a\x07b", "\x1b[31m", "\x00", "\ufffe", "\ud800", "\u202eabc", "😀", "@@DATA@@"],
)
def test_strange_names_can_be_drawn(name: str, tmp_path: Path):
    drawing = draw(np.exp(tensor([1.0, 2.0], name)).sum())
    for ending in (".svg", ".html", ".gv", ".json"):
        assert drawing.save(tmp_path / f"a{ending}").stat().st_size


def test_nearly_constant_values_have_a_page(tmp_path: Path):
    x = tensor([1.0, np.nextafter(1, 2)], "x")
    assert draw(np.sum(x * x)).save(tmp_path / "a.html").stat().st_size


def test_links_stay_links_and_rights_stay_rights(tmp_path: Path):
    drawing = draw(GRAPHS["after_the_fact"]())
    target, link = tmp_path / "private.gv", tmp_path / "link.gv"
    target.write_text("old", encoding="utf-8")
    target.chmod(0o600)
    link.symlink_to(target)
    drawing.save(link)
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == drawing.dot
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_zero_and_bad_gradients_are_marked():
    dot, light = draw(GRAPHS["zero_and_nan"]()).dot, THEMES["light"]
    assert re.search(rf'COLOR="{light.bad}"[^>]*><B>grad NaN', dot)
    assert re.search(rf'COLOR="{light.zero}"[^>]*><B>grad 0', dot)


def test_gradients_can_be_left_out():
    assert "grad " not in facts(net_with_loss(), gradients=False).replace("grad = L2", "")


@pytest.mark.parametrize("show", ["backward", "both"])
def test_the_backward_pass_is_drawn(show: str):
    x = tensor(0.5, "x")
    y = np.sin(x * 2.0)
    drawing = draw(y, show=show)
    assert x.grad is None
    assert "<B>cos</B>" in drawing.dot
    assert ("<B>sin</B>" in drawing.dot) == (show == "both")
    assert THEMES["light"].backward_border in drawing.dot


def test_kinds():
    graph = net_with_loss()
    kinds = {op.label: kind_of(op) for op in graph}
    assert kinds["inner"] == "matmul"
    assert kinds["relu"] == "activation"
    assert kinds["mean"] == "elementwise"  # its division; the function is a reduction
    scene = draw(graph).scene
    assert scene.kinds[len(graph) - 1] == "output"


def test_statistics():
    told = statistics(np.array([1.0, 0.0, np.nan, -3.0]))
    assert told is not None
    assert (told["min"], told["max"], told["nan"], told["zeros"]) == (-3, 1, 1, 0.25)
    assert told["norm"] == "nan"
    assert sum(told["hist"]) == 3
    assert told["first"] == [1, 0, "nan", -3]
    assert statistics(None) is None
    for array in (
        np.zeros((0, 3)),
        np.array(np.inf),
        np.array([True, False]),
        np.array([1e308, -1e308]),
    ):
        assert statistics(array) is not None


@pytest.mark.parametrize("name", [*GRAPHS])
def test_the_scene_is_what_the_page_expects(name: str):
    import json

    graph = GRAPHS[name]()
    root = tree(graph)
    data = Scene(graph, root).data()
    json.dumps(data, allow_nan=False)
    assert [node["id"] for node in data["nodes"]] == list(range(len(graph)))
    ids = [group["id"] for group in data["groups"]]
    assert ids == list(range(len(ids)))
    assert all(g["parent"] is None or g["parent"] < g["id"] for g in data["groups"])
    for node in data["nodes"]:
        assert len(node["inputs"]) == len(node["broadcast"]) == len(node["operands"])
        assert node["group"] is None or node["group"] in ids
        assert all(i < node["id"] for i in node["inputs"])


# ----- Files -----


@pytest.mark.parametrize(
    ("ending", "start"),
    [
        (".svg", b"<?xml"),
        (".png", b"\x89PNG"),
        (".pdf", b"%PDF"),
        (".gv", b"digraph"),
        (".html", b"<!doctype html>"),
        (".json", b'{"format"'),
        (".SVG", b"<?xml"),
    ],
)
def test_files(ending: str, start: bytes, tmp_path: Path):
    written = draw(GRAPHS["after_the_fact"]()).save(tmp_path / f"net{ending}")
    assert written.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [f"net{ending}"]
    assert stat.S_IMODE(written.stat().st_mode) & 0o044


def test_all_formats_are_tested():
    assert set(FORMATS) == {".svg", ".png", ".pdf", ".gv", ".html", ".json"}


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("net.jpg", ValueError, "ends in .jpg; it can end in .svg, .png, .pdf, .gv, .html, .json"),
        ("net.htm", ValueError, "did you mean .html"),
        ("net", ValueError, "ends in nothing"),
        ("nowhere/net.svg", FileNotFoundError, "no folder .*nowhere"),
        ("folder.svg", OSError, "folder.svg"),
    ],
)
def test_files_that_cannot_be(path: str, error: type[Exception], words: str, tmp_path: Path):
    (tmp_path / "folder.svg").mkdir()
    drawing = draw(GRAPHS["after_the_fact"]())
    with pytest.raises(error, match=words):
        drawing.save(tmp_path / path)
    assert [p.name for p in tmp_path.iterdir()] == ["folder.svg"]


def test_without_graphviz_the_dot_text_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layout, "engines", lambda: [layout.Engine("dot", (), "not on PATH")])
    drawing = draw(GRAPHS["after_the_fact"]())
    with pytest.raises(LayoutError, match=r"(?s)pip install.*net\.gv"):
        drawing.save(tmp_path / "net.png")
    assert (tmp_path / "net.gv").read_text(encoding="utf-8") == drawing.dot
    assert "pip install" in drawing._repr_mimebundle_()["text/plain"]
    drawing.save(tmp_path / "net.html")  # which needs none


def test_it_shows_itself():
    shown = draw(GRAPHS["after_the_fact"]())._repr_mimebundle_(include=None, exclude=None)
    assert shown["image/svg+xml"].lstrip().startswith("<?xml")
    assert shown["text/plain"] == "Drawing('tanh', 5 nodes on 5 cards)"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: draw(Tensor(1.0)), ValueError, "no history"),
        (lambda: draw(3), TypeError, "cannot draw a int; want a Tensor"),
        (lambda: draw(np.ones(3)), TypeError, "cannot draw a ndarray"),
        (lambda: draw(tensor(1.0) * 2.0, show="backwards"), ValueError, "did you mean 'backward'"),
        (lambda: draw(tensor(1.0) * 2.0, theme="blue"), ValueError, "'light', 'dark', 'print'"),
        (lambda: draw(tensor(1.0) * 2.0, direction="RL"), ValueError, "direction is 'RL'"),
        (lambda: draw(tensor(1.0) * 2.0, depth=-1), ValueError, "depth=-1; want None or a whole number of 0 or more"),
        (lambda: draw(tensor(1.0) * 2.0, np.ones(2)), TypeError, "takes no inputs"),
        (lambda: draw(net_with_loss(), show="both"), ValueError, "create_graph=True"),
        (lambda: draw(net_with_loss(), hide=lambda op: True), ValueError, "all left out"),
        (lambda: draw([]), TypeError, "at least one"),
        (lambda: draw(tensor(1.0) * 2.0, title=5), TypeError, "want a string"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn(call: Any, error: type[Exception], words: str):
    with pytest.raises(error, match=re.escape(words)):
        call()


def test_models_and_functions_are_called():
    x = rng().normal(size=(6, 4)).astype(np.float32)
    net = Net()
    drawing = draw(net, x)
    assert drawing.scene.title == "Net (Linear → BatchNorm1d → ReLU)"
    assert all(p.grad is None for p in net.parameters())
    assert any(op.grad is not None for op in drawing.graph)
    assert draw(lambda a: a * 2.0, tensor(1.0)).graph.ops[-1].op == "multiply"
    both = draw([tensor(1.0, "a") * 2.0, tensor(2.0, "b") * 3.0])
    assert len(both.graph) == 4
    assert len(graph_of(tensor(1.0) * 2.0)) == 2


def test_titles_of_groups_are_drawn_last():
    drawing = draw(net_with_loss())
    svg = drawing.svg()
    plain = layout.render(drawing.dot, "svg").decode()
    assert sorted(re.findall(r"<text.*?</text>", svg)) == sorted(
        re.findall(r"<text.*?</text>", plain)
    )
    assert svg.index(">BatchNorm1d<") > svg.rindex('class="edge"')
    assert plain.index(">BatchNorm1d<") < plain.index('class="edge"')
    ET.fromstring(svg)
