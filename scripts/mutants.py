"""Change the engine's code, a token at a time; count how many of the changes its tests notice.

A mutant (a change that `changes.py` finds) is killed if a test fails, crashes or hangs; those
likely to notice it run first, the slow ones last. What survives shows a gap in the tests, or
changes nothing but speed: then `mutants.txt` beside this script says why.

Run it as `python scripts/mutants.py --limit 200`: some seconds a mutant, minutes a survivor. It
forks, so it does not run on Windows. Exit status 1 if a survivor is not explained.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shlex
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cache, partial
from itertools import islice, zip_longest
from multiprocessing import get_context
from pathlib import Path

import hypothesis  # noqa: F401 (once for all the processes that are forked from this one)
import numpy  # noqa: F401, ICN001 (the same)
import pytest
from changes import Changes, Mutant
from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).parents[1]
EXPLAINED = Path(__file__).with_suffix(".txt")

# ----- The tests, in the order in which they are asked -----

_ENGINE = [
    "tests/test_regressions.py tests/test_survivors.py {module}",
    "tests/test_engine.py tests/test_errors.py",
]
_SUMS = "tests/test_fast_paths.py tests/test_properties.py"
_WINDOWS = [
    "tests/test_windows.py tests/test_survivors.py {module}",
    "tests/test_rules.py -k 'conv or col or getitem or scatter or put or concatenate'",
]
FAST: dict[str, list[str]] = {
    "graph": [*_ENGINE, "tests/test_trace.py"],
    "walk": [*_ENGINE, _SUMS, "tests/test_aliasing.py"],
    "engine": [*_ENGINE, _SUMS],
    "compile": [*_ENGINE, _SUMS],
    "products": [*_ENGINE, _SUMS],
    "sums": [_SUMS, *_ENGINE],
    "rules": [
        "tests/test_rules.py -k '{name}'",
        "tests/test_edges.py tests/test_survivors.py tests/test_regressions.py",
        "tests/test_rules.py -k 'numerical'",
    ],
    "places": _WINDOWS,
    "columns": _WINDOWS,
    "windows": [*_WINDOWS, "tests/test_regressions.py tests/test_fast_paths.py"],
    "indices": [*_ENGINE, _SUMS],
    "special": [
        "{module} tests/test_edges.py tests/test_survivors.py",
        "tests/test_rules.py -k 'erf or sigmoid or softplus or sinc'",
    ],
}
SLOW = [
    "tests/test_errors.py tests/test_transforms.py tests/test_trace.py",
    "tests/test_fast_paths.py tests/test_edges.py",
    "tests/test_rules.py -k 'not mistake'",
    "tests/test_aliasing.py tests/test_hostile.py",
    "tests/test_layers.py -k 'not LSTM and not GRU and not RNN and not Transformer'",
    "tests/test_random_graphs.py",
]


def passes(tests: str, seconds: int) -> bool:
    """Run tests of the project's copy here in a process of their own; tell whether they pass."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (0, 5)  # 5: none was chosen
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # what hangs is killed,
    resource.setrlimit(resource.RLIMIT_AS, (1 << 33, 1 << 33))  # so is what fills the memory,
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(20 * seconds)  # and what waits for itself
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    sys.path[:0] = [os.getcwd(), os.path.join(os.getcwd(), "tests")]
    options = "-q -x -p no:cacheprovider -o addopts= --doctest-modules"
    os._exit(pytest.main([*options.split(), *shlex.split(tests)]))


@cache
def allowed(tests: str) -> int:
    """Give the seconds that tests may take, by what they take on unchanged code."""
    sys.dont_write_bytecode = False  # by later runs, a change within a second would go unseen
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    if not passes(tests, 1000):
        raise RuntimeError(f"unchanged code fails, too: {tests}")
    sys.dont_write_bytecode = True
    return 20 + 3 * int(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)


def survives(mutant: Mutant, slow: bool) -> bool:
    """Tell whether all tests pass with a change."""
    file = Path("autonn", mutant.file)
    for tests in FAST[file.stem] + SLOW * slow:
        seconds = allowed(tests.format(module=file, name="sum"))
        file.write_bytes(mutant.changed)
        try:
            if not passes(tests.format(module=file, name=mutant.name), seconds):
                return False
        finally:
            shutil.copy2(ROOT / file, file)
    return True


def prepare(folder: str) -> None:
    """Go to a copy of the project of this process's own."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    copy = tempfile.mkdtemp(dir=folder)
    parts = shutil.ignore_patterns(".*", "__pycache__", "site", "build")
    shutil.copytree(ROOT, copy, ignore=parts, dirs_exist_ok=True)
    os.chdir(copy)


def judged(mutants: list[Mutant], jobs: int, slow: bool) -> Iterator[tuple[Mutant, bool]]:
    """Give each mutant and whether it survives."""
    with (
        tempfile.TemporaryDirectory() as folder,
        get_context("fork").Pool(jobs, prepare, (folder,)) as pool,
    ):
        yield from zip(mutants, pool.imap(partial(survives, slow=slow), mutants), strict=True)


def drawn(files: list[str], only: str, seed: int) -> Iterator[Mutant]:
    """Draw mutants, one of each file in turn."""
    found = [Changes(f"{file}.py").found for file in files]
    for mutants in found:
        random.Random(seed).shuffle(mutants)
    for row in zip_longest(*found):
        yield from (mutant for mutant in row if mutant and only in str(mutant) and mutant.is_code)


def explanations() -> dict[str, str]:
    """Read the table: a reason why no test notices, after a #, and the changes that have it."""
    why, known = "", {}
    for line in filter(None, EXPLAINED.read_text().splitlines()):
        if line.startswith("# "):
            why = line[2:]
        else:
            known[line] = why
    return known


def main() -> int:
    """Judge the mutants, print the survivors and the score; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--files", nargs="+", default=[*FAST], choices=[*FAST], metavar="FILE")
    parser.add_argument("--only", default="", help="only changes with this in what is printed")
    parser.add_argument("--limit", type=int, help="how many, evenly over the files; else all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="ask the fast tests alone")
    args = parser.parse_args()
    console = Console(soft_wrap=True, highlight=False, markup=False)
    known, count = explanations(), Counter[tuple[str, str]]()
    mutants = [*islice(drawn(args.files, args.only, args.seed), args.limit)]
    found = judged(mutants, args.jobs, slow=not args.fast)
    for mutant, survived in track(found, total=len(mutants), console=console, transient=True):
        told = "killed" if not survived else "explained" if str(mutant) in known else "unexplained"
        count[mutant.file, told] += 1
        if survived:
            why = f"  # {known[str(mutant)]}" if told == "explained" else ""
            console.print(f"{mutant.line}: {mutant}{why}")
    for change in known.keys() - {str(m) for file in FAST for m in Changes(f"{file}.py").found}:
        console.print(f"{EXPLAINED.name} explains what is not there: {change}")
    columns = ("killed", "explained", "unexplained")
    table = Table("change of", *columns)
    for file in args.files:
        table.add_row(file, *(str(count[f"{file}.py", told]) for told in columns))
    table.add_section()
    total = [sum(n for (_, kind), n in count.items() if kind == told) for told in columns]
    table.add_row("all", *map(str, total))
    console.print(table)
    return int(total[-1] > 0)


if __name__ == "__main__":
    sys.exit(main())
