"""Measure autonn beside other engines: `python -m benchmarks`, or `make bench`.

Every peer computes the same and is checked before it is timed. They take turns in interleaved
rounds, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

from benchmarks import report
from benchmarks.client import PeerError, Worker
from benchmarks.measure import compare
from benchmarks.memory import memory_of
from benchmarks.peers import PEERS, REFERENCE, RIVAL
from benchmarks.workloads import WORKLOADS

MEMORY = "W10"
NAMES = (*WORKLOADS, MEMORY)
QUICK = ("autonn", REFERENCE, RIVAL)


def listed(text: str, known: Collection[str], what: str, families: bool = False) -> list[str]:
    """Read names with commas between; a family's name stands for all of its members.

    Examples
    --------
    >>> listed("W3,W9", ["W3", "W9-1k", "W9-1M"], "workload", families=True)
    ['W3', 'W9-1k', 'W9-1M']
    """
    found: set[str] = set()
    for name in filter(None, text.replace(" ", "").split(",")):
        members = {k for k in known if k == name or (families and k.startswith(name + "-"))}
        if not members:
            told = f"unknown {what} {name!r}; there are {', '.join(known)}"
            raise argparse.ArgumentTypeError(told)
        found |= members
    if not found:
        raise argparse.ArgumentTypeError(f"names no {what}; there are {', '.join(known)}")
    return [name for name in known if name in found]


def rounds(text: str) -> int:
    """Read a number of rounds."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} rounds; want a whole number from 1")
    return int(text)


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    quick = f"{', '.join(QUICK)} only, and fewer rounds: a minute or two"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument(
        "--only",
        type=lambda text: listed(text, NAMES, "workload", families=True),
        default=list(NAMES),
        metavar="W3,W4",
        help=f"workloads: {', '.join(NAMES)}",
    )
    parser.add_argument(
        "--peers",
        type=lambda text: listed(text, PEERS, "peer"),
        metavar="autonn,torch",
        help=f"peers: {', '.join(PEERS)}",
    )
    parser.add_argument("--rounds", type=rounds, metavar="N", help="of each workload")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables here, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here, too")
    chosen = parser.parse_args(arguments)
    chosen.peers = chosen.peers or list(QUICK if chosen.quick else PEERS)
    return chosen


def beginning(chosen: argparse.Namespace, arguments: Sequence[str]) -> report.Report:
    """Ask all peers who they are."""
    date, command = f"{datetime.now():%Y-%m-%d %H:%M}", ["python -m benchmarks", *arguments]
    found = report.Report(date, " ".join(command), report.machine(), about={})
    for name in chosen.peers:
        try:
            with Worker(PEERS[name]) as worker:
                found.about[name] = worker.ask("about")
        except PeerError as error:
            found.absent[name] = str(error)
    return found


def run(chosen: argparse.Namespace, found: report.Report) -> None:
    """Measure all that is chosen."""
    budget = 5.0 if chosen.quick else 20.0
    for name in chosen.only:
        print(name, end=" ", file=sys.stderr, flush=True)  # a spinner would disturb the peers
        if name == MEMORY:
            times = 2 if chosen.quick else 5
            found.memory = {peer: memory_of(peer, times) for peer in found.about}
        else:
            workload = WORKLOADS[name]
            times = chosen.rounds or (workload.quick if chosen.quick else workload.rounds)
            found.results.append(compare(workload, list(found.about), times, budget))
    print(file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and write files if asked; Ctrl-C keeps what is done."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen, status = options(arguments), 0
    found = beginning(chosen, arguments)
    try:
        run(chosen, found)
    except KeyboardInterrupt:
        print("\ninterrupted: what follows is what was done until then", file=sys.stderr)
        status = 130
    report.show(found, Console())
    if chosen.markdown:
        chosen.markdown.write_text(report.markdown(found), encoding="utf-8")
    if chosen.json:
        chosen.json.write_text(json.dumps(report.plain(found), indent=1), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
