"""Tables of texts, for the terminal and for Markdown, and how numbers are written in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid


def figure(x: float | None) -> str:
    """Write three digits that count.

    >>> figure(0.03149), figure(2.204), figure(8612.0), figure(None)
    ('0.0315', '2.2', '8,612', '–')
    """
    if x is None:
        return "–"
    return f"{x:,.0f}" if x >= 99.95 else f"{x:.3g}"


def multiple(x: float | None) -> str:
    """Write a ratio.

    >>> multiple(0.4851), multiple(250.4)
    ('0.49', '250')
    """
    return f"{x:.2f}" if x is not None and x < 9.995 else figure(x)


def mark(i: int) -> str:
    """Give the mark of a footnote: ¹, ², ..."""
    return str(i).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


@dataclass(frozen=True)
class Table:
    """A table of texts; the first column names the rows."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def print_table(console: Console, table: Table) -> None:
    """Print one table below its title."""
    grid = Grid(box=None, padding=(0, 1, 0, 0))
    for i, name in enumerate(table.header):
        style, justify = "bold" * (name == "autonn"), "right" if i else "left"
        head = name.replace("_", "\n").replace(", ", "\n")
        grid.add_column(head, justify=cast("Any", justify), style=style, no_wrap=True)
    for row in table.rows:
        grid.add_row(*map(escape, row))
    console.print(f"\n[bold]{escape(table.title)}[/bold]", highlight=False)
    console.print(grid)


def as_markdown(table: Table) -> str:
    """Give one table as Markdown, its title above."""
    line = ("---", *["---:"] * (len(table.header) - 1))
    rows = [table.header, line, *table.rows]
    return f"**{table.title}**\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows)
