"""What came out, as tables for the terminal and for Markdown, and as plain data."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from benchmarks.measure import QUIET, Result
from benchmarks.memory import STEPS, TRAINED, Memory
from benchmarks.peers import PEERS, REFERENCE, RIVAL
from benchmarks.tables import Table, as_markdown, figure, mark, multiple, print_table

UNITS = "ms; W1 µs per operation, W9 µs per node"
Value = Callable[[Result, str], "float | None"]


@dataclass
class Report:
    """All that a run of the harness found.

    Attributes
    ----------
    date, command, machine
        When, how and where.
    about
        For each peer that answered: its version, Python, NumPy and BLAS.
    absent
        For each that did not: why.
    results, memory
        What was measured; W10 by peer.
    """

    date: str
    command: str
    machine: dict[str, Any]
    about: dict[str, dict[str, Any]]
    absent: dict[str, str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    memory: dict[str, Memory] = field(default_factory=dict)

    @property
    def peers(self) -> list[str]:
        """All that were asked for, in the order of the tables."""
        return [name for name in PEERS if name in self.about or name in self.absent]

    def notes(self) -> dict[tuple[str, str], str]:
        """Give the footnotes by peer and workload ("" for all): what did not run, and why."""
        found = {(name, ""): why for name, why in self.absent.items()}
        for r in self.results:
            found |= {(name, r.workload.name): why for name, why in r.failures.items()}
        return found | {(name, "W10"): m.failure for name, m in self.memory.items() if m.failure}

    def marks(self) -> dict[tuple[str, str], str]:
        """Give the mark of each footnote."""
        return {key: mark(i) for i, key in enumerate(self.notes(), 1)}


def machine() -> dict[str, Any]:
    """Describe the processor and the system."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        names = [s for s in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in s]
        model = names[0].split(":", 1)[1].strip() if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": model, "cores": cores, "system": platform.platform()}


# ----- Tables -----


def matrix(
    report: Report, title: str, value: Value, write: Callable[[float | None], str] = figure
) -> Table:
    """Give a table with a row for each workload and a column for each peer."""
    marks, rows = report.marks(), []
    for result in report.results:
        if not result.timings and not result.failures:
            continue
        name = result.workload.name
        numbers = [write(value(result, peer)) for peer in report.peers]
        told = [marks.get((p, name)) or marks.get((p, "")) or "" for p in report.peers]
        rows.append((name, *(a + b for a, b in zip(numbers, told, strict=True))))
    return Table(title, ("", *report.peers), rows)


def quiet(result: Result, name: str) -> float | None:
    """Give the median of the quiet rounds, in the workload's unit."""
    timing = result.timings.get(name)
    return None if timing is None else result.workload.in_units(timing.quiet)


def best(result: Result, name: str) -> float | None:
    """Give the best round, in the workload's unit."""
    timing = result.timings.get(name)
    return None if timing is None else result.workload.in_units(timing.best)


def relative(report: Report, to: str) -> Table:
    """Give times as multiples of a peer's."""
    title = f"As multiples of {to}, best of each: {PEERS[to].title}"
    return matrix(report, title, lambda result, peer: result.ratio(peer, to), multiple)


def timings(report: Report) -> list[Table]:
    """Give times and ratios."""
    told = f"medians of the rounds within {QUIET:g} of the best"
    return [
        matrix(report, f"Forward and backward, {UNITS}: {told}", quiet),
        matrix(report, f"The best rounds, {UNITS}", best),
        *(relative(report, to) for to in (RIVAL, REFERENCE) if to in report.about),
    ]


def memory(report: Report) -> Table:
    """Give the table of W10."""
    header = ("", "import, ms", "held, MB", *(f"{name}, MB" for name in TRAINED))
    rows = []
    for name, m in report.memory.items():
        seconds = None if m.seconds is None else 1e3 * m.seconds
        numbers = [seconds, m.held, *(m.growth.get(workload) for workload in TRAINED)]
        rows.append((name + report.marks().get((name, "W10"), ""), *map(figure, numbers)))
    told = f"import beyond NumPy's, memory after it, growth of the peak in {STEPS} steps"
    return Table(f"W10, {told}", header, rows)


def versions(report: Report) -> list[str]:
    """Say what ran: versions, BLAS and its kernel."""
    return [
        f"{name} {about['version']}: {PEERS[name].title}; {about['kernels']}; "
        f"NumPy {about['numpy']}, Python {about['python']}"
        for name, about in report.about.items()
    ]


def tables(report: Report) -> list[Table]:
    """Give all tables that have something to show."""
    found = timings(report) if report.results else []
    return found + ([memory(report)] if report.memory else [])


def legend(report: Report) -> list[str]:
    """Say what the workloads are."""
    return [f"{r.workload.name}: {r.workload.title}" for r in report.results]


def heading(report: Report) -> str:
    """Say when, how and where."""
    m = report.machine
    return f"{report.date}, `{report.command}`, {m['processor']}, {m['cores']} cores, {m['system']}"


# ----- Ways out -----


def show(report: Report, console: Console) -> None:
    """Print it, for 80 columns and more."""
    console.print(escape(heading(report)), highlight=False)
    for table in tables(report):
        print_table(console, table)
    console.print()
    for line in [*legend(report), *versions(report), *footnotes(report)]:
        console.print(escape(line), highlight=False)


def footnotes(report: Report) -> list[str]:
    """Say what did not run, and why."""
    marks = report.marks()
    return [
        f"{marks[key]} {', '.join(filter(None, key))}: {why}" for key, why in report.notes().items()
    ]


def markdown(report: Report) -> str:
    """Give the report as Markdown."""
    parts = [heading(report), *map(as_markdown, tables(report))]
    parts.append("\n".join(f"- {line}" for line in [*legend(report), *versions(report)]))
    return "\n\n".join([*parts, *footnotes(report)]) + "\n"


def plain(report: Report) -> dict[str, Any]:
    """Give the report as plain data, for JSON."""
    return {
        "date": report.date,
        "command": report.command,
        "machine": report.machine,
        "peers": report.about,
        "absent": report.absent,
        "workloads": {r.workload.name: plain_result(r) for r in report.results},
        "memory": {name: vars(m) for name, m in report.memory.items()},
    }


def plain_result(result: Result) -> dict[str, Any]:
    """Give one workload's figures as plain data."""
    peers = {
        name: {
            "median": quiet(result, name),
            "best": best(result, name),
            f"to {RIVAL}": result.ratio(name, RIVAL),
            f"to {REFERENCE}": result.ratio(name, REFERENCE),
            "error": result.errors[name],
            "rounds": [result.workload.in_units(t) for t in timing.rounds],
        }
        for name, timing in result.timings.items()
    }
    w = result.workload
    known = {"title": w.title, "unit": w.unit, "tolerance": w.tolerance, "sizes": dict(w.sizes)}
    return {**known, "peers": peers, "failures": result.failures}
