"""Break files in every way that chance finds: each is read, or refused with one kind of error.

Good files of each format have bits flipped, pieces cut out, doubled and moved, numbers made huge,
and pieces of other files put in. A reader must end soon and in little memory, and refuse with a
`FileError` (`Graph.from_json`, which reads a text, with a `ValueError`). Run it as
`python scripts/hostile_files.py`; 10,000 of each of seven formats take some minutes. Exit status 1
if anything fails.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

import autonn
from autonn import Tensor, nn, optim
from autonn.data import read_csv, read_idx, read_images
from autonn.formats import FileError
from autonn.texts import printable_lines
from autonn.trace import Graph, traced
from autonn.train import Training, resume, save_checkpoint

SECONDS, BYTES, LIMIT = 10, 2**28, 10**7
NUMBERS = [bytes([b]) * n for b in (0, 1, 127, 128, 255) for n in (1, 2, 4, 8)]
PIECES = [b"\0", b'"', b"\r\n", b",", b"[" * 5000, b"{", b"-1", b"9" * 400, b"1e999", b"nan"]
PIECES += [
    b"\xff",
    b"\xef\xbb\xbf",
    b"\x1b[31m",
    "\u202e٣".encode(),
    b"../",
    b"(1,)",
    b"|O8",
    b"null",
    b"~",
]
Read = Callable[[Path], Any]


class Kind(NamedTuple):
    """A format: a good file of it, what reads it, and what its reader may raise."""

    name: str
    good: bytes
    read: Read
    refusal: type[Exception] = FileError


def kinds(folder: Path) -> list[Kind]:
    """Give each format that autonn reads, with a small good file."""
    net = nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU())
    training = Training(net, optim.SGD(net, lr=0.1), None, np.random.default_rng(0))
    state = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([True, False])}
    for ending in ("npz", "safetensors"):
        autonn.save(state, folder / f"good.{ending}", {"note": "x"})
    save_checkpoint(training, folder / "run.npz")
    image = io.BytesIO()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(image, "png")
    idx = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])
    graph = traced(lambda x: np.sum(net(x)[0:1]), Tensor(np.ones((2, 3)), True), recorded=True)
    table = b"petal,width,species\n1.4,0.2,setosa\n4.7,1.4,versicolor\n"

    def images(path: Path) -> Any:
        return read_images(path.parents[1], limit=LIMIT)

    def whole(ending: str) -> bytes:
        return (folder / ending).read_bytes()

    def bounded(read: Callable[..., Any]) -> Read:
        return lambda path: read(path, limit=LIMIT)

    return [
        Kind("a.npz", whole("good.npz"), bounded(autonn.load)),
        Kind("run.npz", whole("run.npz"), lambda path: resume(training, path), ValueError),
        Kind("a.safetensors", whole("good.safetensors"), bounded(autonn.load)),
        Kind("a.idx", idx, bounded(read_idx)),
        Kind("a.idx.gz", gzip.compress(idx), bounded(read_idx)),
        Kind("a.csv", table, read_csv),
        Kind("images/c/a.png", image.getvalue(), images),
        Kind("a.json", graph.to_json().encode(), lambda path: _told(path.read_bytes()), ValueError),
    ]


def _told(text: bytes) -> str:
    """Read a graph, and print it: what was let through must be fit to be shown."""
    return str(Graph.from_json(text))


def mutated(good: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Change one to four things."""
    data = bytearray(good)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(data) + 1))
        length = int(rng.integers(1, 1 + max(1, len(data) // int(rng.choice([2, 20, 200])))))
        piece = bytes(data[at : at + length])
        to = int(rng.integers(len(data) + 1))
        way = rng.integers(8)
        if way == 0 and at < len(data):
            data[at] ^= 1 << int(rng.integers(8))
        elif way == 1:
            del data[at:]
        elif way == 2:
            del data[at : at + length]
        elif way == 3:
            data[to:to] = piece
        elif way == 4:
            number = NUMBERS[rng.integers(len(NUMBERS))]
            data[at : at + len(number)] = number
        elif way == 5:
            data[at:at] = PIECES[rng.integers(len(PIECES))]
        elif way == 6:
            data[at : at + length] = rng.bytes(length)
        else:
            other = others[rng.integers(len(others))]
            data[at : at + length] = other[to % len(other) :][:length]
    return bytes(data)


class TooLongError(Exception):
    """A reader that does not end."""


def _stop(*_: Any) -> None:
    raise TooLongError(f"no end after {SECONDS} s")


def outcome(kind: Kind, path: Path, data: bytes) -> str:
    """Say what becomes of a file: "read", "refused" in words that can be shown, or a fault."""
    path.write_bytes(data)
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        kind.read(path)
    except Exception as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        causes = error, error.__cause__, error.__context__
        swollen = any(isinstance(cause, MemoryError) for cause in causes)
        seen = str(error) == printable_lines(str(error))
        mine = type(error) in (kind.refusal, FileError) and seen and not swollen
        frame = traceback.extract_tb(error.__traceback__)[-1]
        told = (
            f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {error!s:.80}"
        )
        return "refused" if mine else f"{'out of memory: ' * swollen}{told}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "read"


def bound_memory() -> None:
    """Let no reader take more than 256 MiB from here on."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> int:
    """Read the command line, break files, and say what became of them."""
    parser = argparse.ArgumentParser(description="Break files of each format that autonn reads.")
    parser.add_argument("--count", type=int, default=10_000, help="how many of each format")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations")
    args = parser.parse_args()
    console, failures = Console(soft_wrap=True), 0
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "images" / "c").mkdir(parents=True)
        all_kinds = kinds(folder)
        for kind in all_kinds:
            assert outcome(kind, folder / kind.name, kind.good) == "read", kind.name
        bound_memory()
        for kind in all_kinds:
            rng, found = np.random.default_rng(args.seed), Counter[str]()
            others = [other.good for other in all_kinds]
            for _ in track(range(args.count), kind.name, console=console, transient=True):
                found[outcome(kind, folder / kind.name, mutated(kind.good, others, rng))] += 1
            read, refused = found.pop("read", 0), found.pop("refused", 0)
            failures += sum(found.values())
            told = f"{kind.name}: {read} read, {refused} refused, {sum(found.values())} failed"
            console.print(told, highlight=False)
            for text, count in found.most_common(20):
                console.print(f"  {count} {text!r}", highlight=False, markup=False)
            os.remove(folder / kind.name)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
