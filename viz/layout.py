"""Lay out DOT text with whatever Graphviz there is.

The chain: the program that `$AUTONN_DOT` names, a `dot` on PATH, the Graphviz inside pygraphviz's
wheel. Each is a command that takes dot's own arguments and runs in a process of its own, so that a
crash or a hang ends the attempt and not the training run.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

FORMATS = {  # how each begins and ends: half a picture is none
    "svg": (b"<?xml", b"</svg>"),
    "png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    "pdf": (b"%PDF-", b"%%EOF"),
    "json": (b"{", b"}"),
}

# An error with a place in the text is the text's own; any other is the engine's. Exit status and
# picture tell neither: after a bad HTML label dot prints an SVG, and pygraphviz exits with 0.
_MISTAKE = re.compile(
    r"^(?:Error: .*\b(?:in|on|near) line \d|(?:Error|Warning): .*(?:syntax error|not well-formed))"
    r".*(?:\n(?!Traceback|Fontconfig|Warning|Error).*)*",
    re.MULTILINE,
)

# Takes dot's arguments, after the caller's sys.path: -c alone would find the modules of the
# working directory, and not those of a path that the caller has extended.
_PYGRAPHVIZ = """
import sys
*sys.path, option = sys.argv[1:]
import pygraphviz
if option == "-V":
    print("pygraphviz", pygraphviz.__version__, "graphviz version", pygraphviz.__graphviz_version__)
else:
    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
    sys.stdout.buffer.write(graph.draw(format=option[2:], prog="dot"))
"""

# The name fonts.conf is relative, so that each engine reads the configuration that it was built
# for. The folders are for a machine that has fonts and no configuration.
_SYSTEM = """
  <include ignore_missing="yes">fonts.conf</include>
  <dir>/usr/share/fonts</dir><dir>/usr/local/share/fonts</dir><dir prefix="xdg">fonts</dir>
  <dir>/System/Library/Fonts</dir><dir>/Library/Fonts</dir>
"""

_FONTS = """<?xml version="1.0" encoding="UTF-8"?>
<fontconfig>{system}{dirs}{aliases}
  <cachedir prefix="xdg">fontconfig</cachedir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""

_CURES = (
    "pip install 'autonn[viz]' (its pygraphviz carries Graphviz); or the system's package: apt "
    "install graphviz, brew install graphviz; or AUTONN_DOT=/path/to/dot; or save as .html, which "
    "needs none of them."
)


class Engine(NamedTuple):
    """A way to run Graphviz.

    Parameters
    ----------
    name
        `"AUTONN_DOT"`, `"dot"` or `"pygraphviz"`.
    command
        What to run; takes dot's arguments `-Tsvg` and `-V`, and DOT text from standard input.
    missing
        Why there is nothing to run, or `""`.
    """

    name: str
    command: tuple[str, ...]
    missing: str = ""


class LayoutError(RuntimeError):
    """No Graphviz could lay out the graph.

    Parameters
    ----------
    tried
        The name of each engine and what happened to it.

    Attributes
    ----------
    source
        Where the DOT text was saved, for the message; `None` if it was not.

    Examples
    --------
    >>> error = LayoutError([("dot", "not on PATH"), ("pygraphviz", "not installed")])
    >>> error.source = "net.gv"
    >>> print(error)
    no Graphviz could lay out the graph:
      dot: not on PATH
      pygraphviz: not installed
    Cures: pip install 'autonn[viz]' (its pygraphviz carries Graphviz); or the system's package: apt
    install graphviz, brew install graphviz; or AUTONN_DOT=/path/to/dot; or save as .html, which
    needs none of them. The DOT text is in net.gv.
    """

    def __init__(self, tried: Sequence[tuple[str, str]]) -> None:
        super().__init__(tried)
        self.tried = list(tried)
        self.source: str | os.PathLike[str] | None = None

    def __str__(self) -> str:
        happened = "".join(f"\n  {name}: {what}" for name, what in self.tried)
        large = any(what.startswith(("crashed", "did not answer")) for _, what in self.tried)
        return (
            f"no Graphviz could lay out the graph:{happened}\n"
            f"Cures: {'a smaller graph, or a longer timeout=; or ' if large else ''}{_CURES}"
            + ("" if self.source is None else f" The DOT text is in {os.fspath(self.source)}.")
        )


class _EngineError(Exception):
    """An engine gave no picture, and the text is not to blame."""


def engines() -> list[Engine]:
    """List the chain in its order, with the missing ones.

    Returns
    -------
    list of Engine
        The one of `$AUTONN_DOT`, if that is set, then dot, then pygraphviz.

    Examples
    --------
    >>> [engine.name for engine in engines()][-2:]
    ['dot', 'pygraphviz']
    """
    chain = [_program("dot", "dot", "not on PATH"), _pygraphviz()]
    if wanted := os.environ.get("AUTONN_DOT"):
        missing = f"{wanted!r} is no program that can be run"
        return [_program("AUTONN_DOT", os.path.expanduser(wanted), missing), *chain]
    return chain


def _program(name: str, program: str, missing: str) -> Engine:
    path = shutil.which(program)
    return Engine(name, (path,)) if path else Engine(name, (), missing)


def _pygraphviz() -> Engine:
    if find_spec("pygraphviz") is None:
        return Engine("pygraphviz", (), "not installed")
    if not sys.executable:  # in a program that carries Python inside
        return Engine("pygraphviz", (), "no python program to run it in")
    return Engine("pygraphviz", (sys.executable, "-c", _PYGRAPHVIZ, *sys.path))


def found() -> str | None:
    """Say which engine draws, and its version.

    Returns
    -------
    str or None
        As in `"dot 2.43.0 (/usr/bin/dot)"` or `"pygraphviz 2.0.4 (Graphviz 14.1.5)"`; `None` if
        no engine answers.
    """
    for engine in engines():
        try:
            told = _run(engine, "-V", b"", 10.0)
        except _EngineError:
            continue
        text = (told.stdout + told.stderr).decode(errors="replace")
        version = re.search(r"graphviz version ([^\s(]+)", text)
        if told.returncode == 0 and version:
            if own := re.match(r"pygraphviz \S+", text):
                return f"{own[0]} (Graphviz {version[1]})"
            return f"dot {version[1]} ({engine.command[0]})"
    return None


def render(dot: str, format: str, *, timeout: float = 60.0) -> bytes:
    """Lay out DOT text with the first engine that can.

    A `RuntimeWarning` names an engine that is there and fails, or that `$AUTONN_DOT` asks for in
    vain, when another has drawn instead.

    Parameters
    ----------
    dot
        A graph in the DOT language.
    format
        `"svg"`, `"png"`, `"pdf"`, or `"json"`: dot's own, with the positions.
    timeout
        Seconds that each engine may take.

    Returns
    -------
    bytes
        The picture.

    Raises
    ------
    ValueError
        If the DOT text has a mistake, with Graphviz's words; if the format is unknown.
    LayoutError
        If no engine works.

    Examples
    --------
    >>> render("digraph { a -> b }", "svg")  # doctest: +SKIP
    b'<?xml version="1.0" ...
    >>> render("digraph { a -> b }", "gif")
    Traceback (most recent call last):
    ValueError: format is 'gif'; want one of svg, png, pdf, json
    """
    if format not in FORMATS:
        raise ValueError(f"format is {format!r}; want one of {', '.join(FORMATS)}")
    if not timeout > 0:
        raise ValueError(f"timeout is {timeout!r}; want a number of seconds above 0")
    if not dot.strip():
        raise ValueError("the DOT text is empty; want a graph, as in 'digraph { a -> b }'")
    tried = []
    for engine in engines():
        try:
            picture = _draw(engine, dot, format, timeout)
        except _EngineError as failed:
            tried.append((engine, str(failed)))
            continue
        for other, what in tried:
            if other.command or other.name == "AUTONN_DOT":
                told = f"{other.name}: {what}; {engine.name} drew instead"
                warnings.warn(told, RuntimeWarning, stacklevel=2)
        return picture
    raise LayoutError([(engine.name, what) for engine, what in tried])


def _draw(engine: Engine, dot: str, format: str, timeout: float) -> bytes:
    ran = _run(engine, f"-T{format}", dot.encode(errors="replace"), timeout)
    words = ran.stderr.decode(errors="replace").replace("\r\n", "\n")
    if ran.returncode < 0:  # before its last words are believed
        raise _EngineError(f"crashed ({_signal(-ran.returncode)}){_last(words)}")
    if mistake := _MISTAKE.search(words):
        raise ValueError(
            f"the DOT text has a mistake; Graphviz says: {' '.join(mistake[0].split())}. "
            "Text in a label <...> must go through html.escape"
        )
    if ran.returncode:
        raise _EngineError(f"failed (exit {ran.returncode}){_last(words)}")
    begin, end = FORMATS[format]
    if not (ran.stdout.startswith(begin) and ran.stdout.rstrip().endswith(end)):
        raise _EngineError(f"gave no whole {format}, but {ran.stdout[:40]!r}{_last(words)}")
    if error := re.search(r"^Error: .*", words, re.MULTILINE):
        raise _EngineError(error[0])
    return ran.stdout


def _run(
    engine: Engine, option: str, text: bytes, timeout: float
) -> subprocess.CompletedProcess[bytes]:
    """Run an engine with nothing left behind: no process, no file."""
    if engine.missing:
        raise _EngineError(engine.missing)
    command = [*engine.command, option]
    with TemporaryDirectory(prefix="autonn-", ignore_cleanup_errors=True) as folder:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(Path(folder)),
                start_new_session=True,
            )
        except OSError as error:
            raise _EngineError(f"cannot be started: {error}") from error
        with process:
            try:
                out, told = process.communicate(text, timeout=timeout)
            except subprocess.TimeoutExpired as late:
                _kill(process)
                raise _EngineError(f"did not answer within {timeout:g} s") from late
            except BaseException:  # Ctrl-C reaches only us: the engine has a session of its own
                _kill(process)
                raise
    return subprocess.CompletedProcess(command, process.returncode, out, told)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and those it started: dot may be a script around dot."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS: of a group that has ended
            process.kill()


def _environment(folder: Path) -> dict[str, str]:
    """Give the user's environment, with fonts: pygraphviz's wheel has none of its own."""
    environment = dict(os.environ)
    if not environment.get("FONTCONFIG_FILE"):
        file = folder / "autonn.conf"  # called fonts.conf it could include itself
        file.write_text(_fonts(folder / "cache"), encoding="utf-8")
        environment["FONTCONFIG_FILE"] = str(file)
    return environment


def _fonts(cache: Path) -> str:
    """Write a fontconfig file: the system's fonts, matplotlib's, and what stands for Arial."""
    matplotlib = find_spec("matplotlib")  # found, not imported: that takes a second
    places = (matplotlib.submodule_search_locations or []) if matplotlib else []
    dirs = [Path(place, "mpl-data", "fonts", "ttf") for place in places]
    prefer = "".join(f"<family>{f}</family>" for f in ("Arial", "Liberation Sans", "DejaVu Sans"))
    return _FONTS.format(
        system=_SYSTEM,
        dirs="".join(f"<dir>{escape(str(path))}</dir>" for path in dirs),
        aliases="".join(
            f'\n  <alias binding="same"><family>{family}</family><prefer>{prefer}</prefer></alias>'
            for family in ("Arial", "Helvetica")
        ),
        cache=escape(str(cache)),
    )


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last(words: str) -> str:
    """Give Graphviz's error, or the last line: pygraphviz puts Python's words behind the error."""
    lines = [line.strip() for line in words.splitlines()]
    lines = [line for line in lines if line and not line.startswith("Fontconfig warning")]
    errors = [line for line in lines if line.startswith("Error: ")]
    return f": {(errors or lines)[-1]}" if lines else ""
