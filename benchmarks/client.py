"""Workers as the harness sees them: started, asked, and ended by their own process handles."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

from benchmarks.peers import Peer

ROOT = Path(__file__).parents[1]
CPUINFO = Path("/proc/cpuinfo")
CORETYPE = "OPENBLAS_CORETYPE"
LIMIT = 600.0  # seconds for one answer
OLD = ("python3.11", "python3.10", "python3.9")  # for which NumPy 1.23 has wheels


class PeerError(Exception):
    """A peer that has no place in the tables, and why."""

    verdict = "did not run"

    def __str__(self) -> str:
        return f"{self.verdict}: {super().__str__()}"


class DiffersError(PeerError):
    """A peer that found something else than the reference."""

    verdict = "not timed"


def environment(peer: Peer) -> dict[str, str]:
    """Give the environment of a worker: its threads, and the kernel that BLAS itself chooses."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    found = {**os.environ, **dict.fromkeys(names, str(peer.threads)), "PYTHONPATH": str(ROOT)}
    for name in (CORETYPE, "PYTHONDONTWRITEBYTECODE"):  # what is installed is compiled, too
        found.pop(name, None)
    flags = CPUINFO.read_text().split() if CPUINFO.exists() else []
    for needed, kernel in peer.kernels:
        if needed in flags:
            return {**found, CORETYPE: kernel}
    return found


def interpreter(peer: Peer) -> str:
    """Give the Python that runs a peer: this one, or that of its own environment, made if needed.

    Raises
    ------
    PeerError
        If the environment cannot be made.
    """
    if not peer.pins:
        return sys.executable
    pins = (Path(__file__).parent / "peers" / peer.pins).read_text()
    folder = ROOT / ".venv" / "peers" / peer.name
    python, stamp = folder / "bin" / "python", folder / "pins.txt"
    if not (stamp.exists() and stamp.read_text() == pins):
        _install(python, folder, pins.split())
        stamp.write_text(pins)
    return str(python)


def _install(python: Path, folder: Path, pins: list[str]) -> None:
    """Make an environment. One pin after the other: old packages are built with those before."""
    old = sys.executable if sys.version_info < (3, 12) else next(filter(shutil.which, OLD), None)
    if old is None:
        raise PeerError(f"it needs one of {', '.join(OLD)}, and none is there")
    commands = [[old, "-m", "venv", "--clear", str(folder)]]
    options = ["--quiet", "--disable-pip-version-check", "--no-build-isolation"]
    commands += [[str(python), "-m", "pip", "install", *options, pin] for pin in pins]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            errors = [s for s in done.stderr.splitlines() if s.lower().startswith("error")]
            raise PeerError(f"{command[-1]} cannot be installed: {last_line(*errors)}")


def last_line(*texts: str) -> str:
    """Give the last line that is not empty."""
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"


class Worker:
    """A worker process for a peer, in a `with` block, at whose end it ends.

    Raises
    ------
    PeerError
        From `ask`: for an error in the worker, for its death and for silence beyond the limit.
    """

    def __init__(self, peer: Peer, limit: float = LIMIT) -> None:
        self.peer, self.limit, python = peer, limit, interpreter(peer)
        self._errors = TemporaryFile("w+")  # noqa: SIM115 (closed in __exit__)
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", peer.name],
            cwd=ROOT,
            env=environment(peer),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,  # Ctrl-C is for the harness, which then ends it
        )

    def ask(self, do: str, **arguments: Any) -> Any:
        """Send a request and wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise self._dead() from None
        if not select.select([self.process.stdout], [], [], self.limit)[0]:
            self.process.kill()
            raise PeerError(f"no answer to {do!r} in {self.limit:g} s")
        line = self.process.stdout.readline()
        if not line:
            raise self._dead()
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(last_line(answer["error"]))
        return answer["value"]

    def _dead(self) -> PeerError:
        code = self.process.wait()
        if code < 0:
            return PeerError(f"the worker was ended by signal {-code}")
        self._errors.seek(0)
        return PeerError(last_line(f"the worker ended with {code}", self._errors.read()))

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        try:
            self.process.wait(1 if error is None else 0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._errors.close()
