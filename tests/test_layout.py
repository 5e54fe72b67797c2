import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from viz import layout
from viz.layout import LayoutError, engines, found, render

SVG = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>'
DRAWS = f"print({SVG.replace('svg xmlns', 'svg id={0!r} xmlns')!r}.format(__file__))"
scripts = pytest.mark.skipif(os.name == "nt", reason="stand-ins for dot are scripts with #!")


@pytest.fixture(autouse=True)
def leftovers(tmp_path, monkeypatch):
    """Every test of this file ends with the temporary folder empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def hide(monkeypatch, tmp_path):
    """Hide the engines of this machine, or all but one."""

    def only(shown=""):
        monkeypatch.delenv("AUTONN_DOT", raising=False)
        if shown != "dot":
            (tmp_path / "bin").mkdir()
            monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        if shown != "pygraphviz":
            seen = lambda name: None if name == "pygraphviz" else find_spec(name)
            monkeypatch.setattr(layout, "find_spec", seen)

    return only


@pytest.fixture
def bare(hide):
    hide()


@pytest.fixture(params=["dot", "pygraphviz"])
def real(request, hide):
    """Each engine that this machine has, alone."""
    hide(request.param)
    if not any(engine.command for engine in engines()):
        pytest.skip(f"no {request.param} here")
    return request.param


def program(path, body):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport os, signal, sys, time\n{textwrap.dedent(body)}\n")
    path.chmod(0o755)
    return str(path)


# ----- An engine that fails: said, and the next is tried -----

SAY = "print({!r}, file=sys.stderr); ".format
FAILURES = {
    "hangs": ("time.sleep(600)", "did not answer within 0.2 s"),
    "crashes": ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed (SIGSEGV)"),
    "crashes, after words that mean nothing now": (
        SAY("Error: syntax error in line 1") + "os.kill(os.getpid(), signal.SIGABRT)",
        "crashed (SIGABRT): Error: syntax error in line 1",
    ),
    "lacks the format": (
        SAY('Format: "svg" not recognized. Use one of: dot\n') + "sys.exit(1)",
        'failed (exit 1): Format: "svg" not recognized. Use one of: dot',
    ),
    "fails in silence": ("sys.exit(3)", "failed (exit 3)"),
    "its error before Python's": (
        SAY("Error: Layout was not done.\nValueError: no") + "sys.exit(1)",
        "failed (exit 1): Error: Layout was not done.",
    ),
    "draws with an error of its own": (
        SAY("Error: lost a b edge") + f"print({SVG!r})",
        "Error: lost a b edge",
    ),
    "prints garbage": ("print('hello')", "gave no whole svg, but b'hello\\n'"),
    "a crash of Graphviz behind a warning": (
        SAY("Fontconfig warning: x\nassertion\nFontconfig warning: y") + "sys.exit(134)",
        "failed (exit 134): assertion",
    ),
    "prints half a picture": (f"print({SVG[:-2]!r})", "gave no whole svg, but b'<?xml"),
    "prints nothing": ("", "gave no whole svg, but b''"),
}


@scripts
@pytest.mark.parametrize(("body", "what"), FAILURES.values(), ids=FAILURES)
def test_a_failing_engine_is_named_and_the_next_draws(bare, body, what, tmp_path, monkeypatch):
    timeout = 0.2 if "sleep" in body else 60.0
    monkeypatch.setenv("AUTONN_DOT", program(tmp_path / "first", body))
    with pytest.raises(LayoutError) as error:
        render("digraph { a }", "svg", timeout=timeout)
    assert error.value.tried[0][0] == "AUTONN_DOT"
    assert error.value.tried[0][1].startswith(what)
    assert error.value.tried[1:] == [("dot", "not on PATH"), ("pygraphviz", "not installed")]
    assert ("a smaller graph" in str(error.value)) == ("sleep" in body or "os.kill" in body)
    if "sleep" not in body:
        program(tmp_path / "bin" / "dot", DRAWS)
        with pytest.warns(RuntimeWarning, match=re.escape(f"AUTONN_DOT: {what}")):
            assert b"bin/dot" in render("digraph { a }", "svg")


@scripts
def test_what_cannot_be_started_is_said(bare, tmp_path, monkeypatch):
    fake = tmp_path / "fake"
    fake.write_bytes(b"\0\1\2")
    monkeypatch.setenv("AUTONN_DOT", str(fake))
    with pytest.raises(LayoutError, match=r"AUTONN_DOT: '.*fake' is no program that can be run"):
        render("digraph { a }", "svg")
    fake.chmod(0o755)
    with pytest.raises(LayoutError, match=r"AUTONN_DOT: cannot be started: .*Exec format error"):
        render("digraph { a }", "svg")
    program(tmp_path / "bin" / "dot", DRAWS)
    fake.unlink()
    with pytest.warns(RuntimeWarning, match="AUTONN_DOT: .* is no program.*; dot drew instead"):
        assert b"bin/dot" in render("digraph { a }", "svg")


@scripts
def test_the_order_is_autonn_dot_then_dot_then_pygraphviz(bare, tmp_path, monkeypatch):
    assert [engine.name for engine in engines()] == ["dot", "pygraphviz"]
    program(tmp_path / "bin" / "dot", DRAWS)
    assert b"bin/dot" in render("digraph { a }", "svg")  # without a warning
    monkeypatch.setenv("HOME", str(tmp_path))
    program(tmp_path / "mine", DRAWS)
    monkeypatch.setenv("AUTONN_DOT", "~/mine")
    assert [engine.name for engine in engines()] == ["AUTONN_DOT", "dot", "pygraphviz"]
    assert str(tmp_path / "mine").encode() in render("digraph { a }", "svg")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("import os; os.abort()", "crashed (SIGABRT)" if os.name != "nt" else "failed (exit"),
        ("import time; time.sleep(600)", "did not answer within 0.2 s"),
        ("raise ImportError('no libgvc')", "failed (exit 1): ImportError: no libgvc"),
    ],
)
def test_a_pygraphviz_that_breaks_does_not_break_us(hide, body, what, tmp_path, monkeypatch):
    hide("pygraphviz")
    (tmp_path / "pygraphviz.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)  # known to this process only
    with pytest.raises(LayoutError) as error:
        render("digraph { a }", "svg", timeout=0.2 if "sleep" in body else 60.0)
    (missing, failed) = error.value.tried
    assert missing == ("dot", "not on PATH")
    assert failed[0] == "pygraphviz"
    assert failed[1].startswith(what)


def test_pygraphviz_is_not_taken_from_the_working_directory(hide, tmp_path, monkeypatch):
    hide("pygraphviz")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    before = found()
    (tmp_path / "pygraphviz.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    assert found() == before


def test_with_all_missing_the_message_has_the_cures(bare):
    assert found() is None
    with pytest.raises(LayoutError) as error:
        render("digraph { a }", "svg")
    cures = ["'autonn[viz]'", "apt install graphviz", "brew install", "AUTONN_DOT", ".html"]
    for part in ["dot: not on PATH", "pygraphviz: not installed", *cures]:
        assert part in str(error.value)
    assert "net.gv" not in str(error.value)
    error.value.source = Path("net.gv")
    assert str(error.value).endswith("The DOT text is in net.gv.")


def test_without_a_python_to_run_pygraphviz_is_missing(hide, monkeypatch):
    hide("pygraphviz")
    monkeypatch.setattr(layout, "find_spec", lambda name: SimpleNamespace())
    monkeypatch.setattr(sys, "executable", "")
    assert engines()[-1].missing == "no python program to run it in"


# ----- A mistake in the DOT text: Graphviz's words, and no other engine -----


@scripts
@pytest.mark.parametrize("status", [0, 1])
@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("Error: <stdin>: syntax error in line 1 near '}'", "syntax error in line 1 near '}'."),
        ("Error: <stdin>:1: syntax error near line 1", "syntax error near line 1."),
        ("Warning: <stdin>: not well-formed (invalid token)", "not well-formed (invalid token)."),
        (
            "Warning: x\nError: mismatched tag in line 1 \n... x</i> ...\nin label of node a\nFontconfig",
            "mismatched tag in line 1 ... x</i> ... in label of node a.",
        ),
        ("Error: Unknown HTML element <foo> on line 1\nTraceback", "element <foo> on line 1."),
    ],
)
def test_a_mistake_ends_the_chain_even_beside_a_picture(
    bare, told, words, status, tmp_path, monkeypatch
):
    body = f"{SAY(told)}print({SVG!r}); sys.exit({status})"
    monkeypatch.setenv("AUTONN_DOT", program(tmp_path / "first", body))
    program(tmp_path / "bin" / "dot", DRAWS)
    with pytest.raises(ValueError, match=re.escape(words)):
        render("digraph { a }", "svg")


@scripts
def test_a_mere_warning_is_no_mistake(bare, tmp_path):
    told = "Warning: Illegal attribute nosuch in <TABLE> - ignored\nin label of node a"
    program(tmp_path / "bin" / "dot", SAY(told) + f"print({SVG!r})")
    assert render("digraph { a }", "svg").decode().strip() == SVG


@pytest.mark.parametrize(
    ("arguments", "timeout", "told"),
    [
        (("digraph { a }", "gif"), 60.0, "format is 'gif'; want one of svg, png, pdf, json"),
        (("digraph { a }", "svg"), 0.0, "timeout is 0.0; want a number of seconds above 0"),
        (("digraph { a }", "svg"), float("nan"), "timeout is nan; want a number"),
        ((" \n", "svg"), 60.0, "the DOT text is empty; want a graph"),
    ],
)
def test_arguments_are_checked_first(bare, arguments, timeout, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        render(*arguments, timeout=timeout)


# ----- Nothing stays behind -----


@scripts
@pytest.mark.parametrize("fault", [None, KeyboardInterrupt])
def test_an_engine_that_is_given_up_is_killed_and_reaped(bare, fault, tmp_path, monkeypatch):
    killed = []
    kill = layout._kill

    def spy(process):
        killed.append((process.pid, os.getpgid(process.pid)))
        kill(process)

    monkeypatch.setattr(layout, "_kill", spy)
    program(tmp_path / "bin" / "dot", "time.sleep(600)")
    if fault:
        monkeypatch.setattr(
            subprocess.Popen, "communicate", lambda *_, **__: (_ for _ in ()).throw(fault)
        )
    with pytest.raises(fault or LayoutError):
        render("digraph { a }", "svg", timeout=0.2)
    ((number, group),) = killed
    assert group == number  # it led a group, and so its children went with it
    with pytest.raises(ChildProcessError):
        os.waitpid(number, os.WNOHANG)


@scripts
def test_the_children_of_an_engine_are_killed_with_it(tmp_path):
    body = """
    os.fork()
    os.write(1, b".")
    time.sleep(20)
    os.write(1, b"survived")
    """
    command = [program(tmp_path / "dot", body)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert os.read(process.stdout.fileno(), 1) == b"."
        assert os.read(process.stdout.fileno(), 1) == b"."
        layout._kill(process)
        assert process.stdout.read() == b""  # ends when the last of them has


# ----- Fonts -----


@scripts
def test_the_engine_gets_the_users_environment_and_our_fonts(bare, tmp_path, monkeypatch):
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    monkeypatch.setenv("AUTONN_OF_THE_USER", "µ")
    told = tmp_path / "told.json"
    program(
        tmp_path / "bin" / "dot",
        f"""
        import json
        name = os.environ["FONTCONFIG_FILE"]
        seen = [os.environ["AUTONN_OF_THE_USER"], name, open(name, encoding="utf-8").read()]
        json.dump(seen, open({str(told)!r}, "w"))
        {DRAWS}
        """,
    )
    render("digraph { a }", "svg")
    variable, name, text = json.loads(told.read_text())
    assert variable == "µ"
    assert ET.fromstring(text).find("include").text == "fonts.conf" != Path(name).name
    own = tmp_path / "own.conf"
    own.write_text("<fontconfig/>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(own))
    render("digraph { a }", "svg")
    assert json.loads(told.read_text())[1:] == [str(own), "<fontconfig/>"]


@pytest.mark.parametrize("place", [None, "/a & b"])
def test_matplotlibs_fonts_are_named_if_there_are_any(place, monkeypatch):
    spec = place and SimpleNamespace(submodule_search_locations=[place])
    monkeypatch.setattr(layout, "find_spec", {"matplotlib": spec}.get)
    root = ET.fromstring(layout._fonts(Path("/c & d")))
    dirs = [element.text for element in root.findall("dir")]
    assert [path for path in dirs if "mpl-data" in path] == (
        [str(Path(place, "mpl-data", "fonts", "ttf"))] if place else []
    )
    assert root.findall("cachedir")[-1].text == str(Path("/c & d"))
    assert [[f.text for f in alias.find("prefer")] for alias in root.findall("alias")] == [
        ["Arial", "Liberation Sans", "DejaVu Sans"]
    ] * 2


@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems carry fonts, and Pango uses theirs"
)
def test_letters_are_letters_on_a_machine_without_fonts(real, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    monkeypatch.setattr(layout, "_SYSTEM", "")
    texts = ("adam", "dama")  # as boxes they are the same picture
    draw = lambda text: render(f'digraph {{ "" [fontname=Arial label="{text}"] }}', "png")
    assert len({draw(text) for text in texts}) == 2
    monkeypatch.setattr(layout, "_fonts", lambda cache: "<fontconfig/>")
    assert len({draw(text) for text in texts}) == 1


# ----- The engines of this machine -----


@pytest.mark.parametrize("format", layout.FORMATS)
def test_each_format_is_drawn(real, format):
    picture = render("digraph { a -> b }", format)
    begin, end = layout.FORMATS[format]
    assert picture.startswith(begin)
    assert picture.rstrip().endswith(end)


def test_text_of_any_language_is_in_the_picture(real):
    dot = """digraph {
        "x̂" [label=<<b>größe</b> μ→σ²>]; "損失" [label="a &lt; b"]; "x̂" -> "損失" }"""
    root = ET.fromstring(render(dot, "svg"))
    text = {element.text for element in root.iter()}
    assert {"x̂", "損失", "x̂->損失", "größe", "a < b"} <= text
    assert b"?" in render('digraph { "\ud800" }', "svg").partition(b"<title>")[2]


@pytest.mark.parametrize(
    ("dot", "words"),
    [
        ("digraph { a -> ", "syntax error in line 1"),
        ("nonsense", "near 'nonsense'"),
        ("graph { a -> b }", "near '->'"),
        ("digraph { a [label=<a & b>] }", "not well-formed"),
        ("digraph { a [label=<<b>x</i>>] }", "mismatched tag.* in label of node a"),
        ("digraph { a [label=<<foo>x</foo>>] }", "Unknown HTML element <foo>"),
    ],
)
def test_a_mistake_in_the_text_is_told_in_graphviz_words(real, dot, words):
    with pytest.raises(ValueError, match=f"the DOT text has a mistake.*{words}"):
        render(dot, "svg")


def test_a_thousand_nodes(real):
    dot = "".join(f"n{i // 2} -> n{i + 1};" for i in range(1000))
    objects = json.loads(render(f"digraph {{ {dot} }}", "json"))["objects"]
    assert {node["name"] for node in objects} == {f"n{i}" for i in range(1001)}
    assert all("pos" in node for node in objects)


def test_the_engine_that_would_draw_is_named_with_its_version(real):
    shape = {
        "dot": r"dot \d[\d.]+ \(.*dot.*\)",
        "pygraphviz": r"pygraphviz [\d.]+ \(Graphviz \d[\d.]+\)",
    }
    assert re.fullmatch(shape[real], found())
