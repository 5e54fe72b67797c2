"""Call every public callable with what it is not made for: each call is answered, or refused.

`tests/calls.py` says what is called, `tests/judge.py` what is put in an argument's place and what
may become of it. Run it as `python scripts/callables.py [NAME ...]`, for the calls that hold a
name; all take some minutes. It prints a table, then every failure, grouped by what was raised and
where. Exit status 1 if there is any.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
calls: Any = import_module("calls")
judge: Any = import_module("judge")


def main(argv: list[str]) -> int:
    """Judge all, or the lines that hold a name; print tables."""
    found: list[Any] = []
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        calls.make_files(Path(folder))
        for line, slow in calls.calls().items():
            if not argv or any(word in line for word in argv):
                if sys.stderr.isatty():
                    print(f"\r{line[:70]:<70}", end="", file=sys.stderr)
                found += judge.verdicts(line, few=slow)
        os.chdir(here)
    console = Console(width=160)
    table = Table("callable", "calls tried", "answered", "refused", "failed")
    counts = Counter((v.slot.rpartition("(")[0], v.kind) for v in found)
    for owner in dict.fromkeys(owner for owner, _ in counts):
        kinds = [counts[owner, kind] for kind in ("answered", "refused", "failed")]
        if not argv and not any(kinds):
            continue
        table.add_row(owner, *map(str, (sum(kinds), *kinds)))
    console.print(table)
    failed = [v for v in found if v.kind == "failed"]
    causes: dict[str, list[Any]] = {}
    for v in failed:
        causes.setdefault(v.cause, []).append(v)
    for cause, each in sorted(causes.items(), key=lambda item: -len(item[1])):
        where = ", ".join(dict.fromkeys(v.slot for v in each))
        console.print(f"{len(each):5} {cause}: {where:.300}", markup=False, highlight=False)
        for v in each[:2]:
            console.print(f"        {v.slot} = {v.value}: {v.told}", markup=False, highlight=False)
    total = Counter(v.kind for v in found)
    told = ", ".join(
        f"{total[kind]:,} {kind}" for kind in ("answered", "refused", "failed", "not ours")
    )
    console.print(
        f"{len(found):,} calls of {len({owner for owner, _ in counts})} callables: {told}"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
