"""Kill a training again and again while it writes checkpoints: the file must be whole each time.

A training that writes a checkpoint after each short epoch is killed (SIGKILL) at a random moment,
and started again from what is in the file. Each time the file must load and be as new as the last
one seen, or newer. In the end it must hold what a training that nobody killed has at that epoch,
bit for bit. Run it as `python scripts/kill_checkpoints.py --times 200`; it takes half a minute, on
POSIX. Exit status 1 if a file was ever lost, broken, old or different.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from autonn import fit, nn, optim
from autonn.files import load_with_metadata
from autonn.formats import FileError

FOREVER = 10**9
ENDINGS = (".npz", ".safetensors")


def train(path: Path | None, epochs: int) -> dict[str, Any]:
    """Train a small network, with all that remembers something; give its parameters and state."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(16, 32)).astype(np.float32), rng.integers(0, 10, 16)
    net = nn.Sequential(
        nn.Linear(32, 256, rng=rng),
        nn.BatchNorm1d(256),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),
        nn.Linear(256, 10, rng=rng),
    )
    fit(
        net,
        nn.CrossEntropyLoss(),
        (x, labels),
        optimizer=optim.Adam(net, lr=1e-4),
        epochs=epochs,
        rng=1,
        checkpoint=path,
        progress=False,
    )
    return net.state_dict()


def start(path: Path) -> int:
    """Let a process of its own train for good; give its number."""
    number = os.fork()
    if not number:
        try:
            train(path, FOREVER)
        finally:
            os._exit(1)  # it never ends by itself
    return number


def inode(path: Path) -> int:
    """Tell one file from that which takes its place; 0 if there is none."""
    return path.stat().st_ino if path.exists() else 0


def wait_for(path: Path, before: int, number: int, seconds: float = 60.0) -> None:
    """Wait until a process has written a file in the place of the one before."""
    until = time.monotonic() + seconds
    while inode(path) in (0, before):
        if time.monotonic() > until or os.waitpid(number, os.WNOHANG)[0]:
            raise SystemExit(f"no checkpoint at {path}: the training died before it wrote one")
        time.sleep(0.001)


def epoch_of(path: Path) -> int:
    """Load a checkpoint, and give its epoch; a file that is not whole is a FileError."""
    _, metadata = load_with_metadata(path)
    return int(json.loads(metadata["autonn"])["epoch"])


def unfinished(folder: Path) -> int:
    """Take away what the killed left of files that they had not finished; give how many."""
    parts = list(folder.glob(".autonn-*.part"))
    for part in parts:
        part.unlink()
    return len(parts)


def attack(path: Path, times: int, rng: np.random.Generator) -> tuple[int, int, list[str]]:
    """Kill a training `times` times; give the last epoch, the files cut short, the faults."""
    wrong: list[str] = []
    epoch = cut = 0
    for i in track(range(times), f"killing {path.suffix}", transient=True):
        before = inode(path)
        number = start(path)
        wait_for(path, before, number)
        time.sleep(float(rng.uniform(0, 0.1)))
        os.kill(number, signal.SIGKILL)
        _, status = os.waitpid(number, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            wrong.append(f"{path.suffix}, {i}: the training had ended before it was killed")
        cut += unfinished(path.parent)
        try:
            seen = epoch_of(path)
        except (FileError, OSError, KeyError) as error:
            wrong.append(f"{path.suffix}, {i}: {error}")
            path.unlink(missing_ok=True)
            continue
        if seen < epoch:
            wrong.append(f"{path.suffix}, {i}: epoch {seen} after {epoch}")
        epoch = seen
    return epoch, cut, wrong


def differences(path: Path, epoch: int) -> list[str]:
    """Compare a checkpoint with a training that nobody killed."""
    killed, whole = load_with_metadata(path)[0], train(None, epoch)
    return [
        f"{path.suffix}: {name} differs from that of a training that was not killed"
        for name, value in whole.items()
        if not np.array_equal(killed[f"model/{name}"], value)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Kill, look, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=200, help="how often to kill, in all")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", help="where to write; a temporary folder by default")
    given = parser.parse_args(arguments)
    console, rng = Console(), np.random.default_rng(given.seed)
    all_wrong: list[str] = []
    with TemporaryDirectory(dir=given.folder) as folder:
        for i, ending in enumerate(ENDINGS):
            times = (given.times + i) // len(ENDINGS)
            path = Path(folder) / f"run{ending}"
            epoch, cut, wrong = attack(path, times, rng)
            wrong += differences(path, epoch) if times and not wrong else []
            all_wrong += wrong
            told = f"{ending}: killed {times} times, {cut} of them while a file was being written"
            console.print(f"{told}; went on to epoch {epoch}; {len(wrong)} faults", highlight=False)
    for line in all_wrong:
        console.print(line, highlight=False, markup=False)
    return int(bool(all_wrong))


if __name__ == "__main__":
    sys.exit(main())
