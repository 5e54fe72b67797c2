"""Tables in text files: comma-separated values, numbers and words."""

from __future__ import annotations

import csv
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autonn.arguments import checked, shown
from autonn.files import checked_path
from autonn.formats import Array, FileError, about

MISSING = frozenset({"", "na", "n/a", "nan", "null", "?"})
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.A | re.I)
NUMERAL = re.compile(r"[-+$€£%\s]*\d[\d.,_' ]*[$€£%]?|0[xX][0-9a-fA-F]+")  # of whatever country
WHOLE = re.compile(r"[+-]?\d{1,18}", re.A)
Row = tuple[int, list[str]]  # the line where it ends, the cells


class Table(NamedTuple):
    """A table that was read, its target apart.

    Attributes
    ----------
    x
        (rows, features), float64; of a column of words, their codes.
    y
        (rows,): the target, codes (int64) of words, int64 of whole numbers, otherwise float64; None
        without a target.
    names
        Of the features, in x's order; "0", "1", ... without a header.
    classes
        The target's words, sorted: `classes[y[i]]`. Empty if it holds numbers.
    categories
        The words of each feature that holds them, by its name, sorted.
    """

    x: Array
    y: Array | None
    names: tuple[str, ...]
    classes: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]


@checked
def read_csv(
    path: str | os.PathLike[str],
    target: str | int | None = None,
    header: bool = True,
    delimiter: str = ",",
    words: Sequence[str | int] = (),
    encoding: str = "utf-8-sig",
) -> Table:
    r"""Read a table of numbers and words, of which one column may be the target.

    A column holds numbers if its first cell that is not missing is one, and then all others must
    be; otherwise it holds words, which become codes from 0 in their sorted order.

    Parameters
    ----------
    path
        Of the file.
    target
        The column to be predicted, by its name or its place; -1 is the last.
    header
        Whether the first line holds names.
    delimiter
        What stands between cells: one character.
    words
        Columns that hold words, whatever they look like: codes of places, for instance.
    encoding
        Of the text; UTF-8 by default.

    Returns
    -------
    Table
        x, y, names, classes and categories.

    Raises
    ------
    FileError
        If the file is missing, empty or not text, a line has more or fewer cells than the first, a
        cell is no number where one is wanted, or the target is missing somewhere: it names line and
        column.
    ValueError
        If there is no such column.

    Warns
    -----
    UserWarning
        If cells are missing (empty, NA, n/a, NaN, null or ?): they are NaN in x. In the columns of
        `words` only empty ones are.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "flowers.csv"
    ...     _ = path.write_text("petal,width,species\n1.4,0.2,setosa\n4.7,1.4,versicolor\n")
    ...     table = read_csv(path, target="species")
    >>> table.x.tolist(), table.y.tolist(), table.classes
    ([[1.4, 0.2], [4.7, 1.4]], [0, 1], ('setosa', 'versicolor'))
    """
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"read_csv: delimiter={delimiter!r}; want one character, as in ';'")
    path = checked_path(path)
    try:
        words = list(words)
    except TypeError:
        raise TypeError(f"read_csv: words={shown(words)}; want a list of columns") from None
    with about(path, "a table"):
        rows = _rows(path, delimiter, encoding)
        names = _names(rows, header)
    chosen = None if target is None else _place(target, names, "target")
    spelt = {_place(word, names, "words") for word in words}
    with about(path, "a table"):
        features = [i for i in range(len(names)) if i != chosen]
        columns = [_column(rows, i, names[i], i in spelt) for i in features]
        y, classes = (None, ()) if chosen is None else _target(rows, chosen, names, chosen in spelt)
    x = np.stack([values for values, _ in columns], axis=1) if columns else np.empty((len(rows), 0))
    _tell_missing(path, x, rows, [names[i] for i in features])
    categories = {names[i]: found for i, (_, found) in zip(features, columns, strict=True) if found}
    return Table(x, y, tuple(names[i] for i in features), classes, categories)


def _rows(path: Path, delimiter: str, encoding: str) -> list[Row]:
    rows: list[Row] = []
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                if cells:  # not an empty line
                    rows.append((reader.line_num, [cell.strip() for cell in cells]))
        except csv.Error as error:
            raise FileError(f"line {reader.line_num}: {error}") from None
        except UnicodeError as error:
            told = f"after line {reader.line_num}: not {encoding} text; want another encoding="
            raise FileError(f"{told} ({error})") from None
    for line, cells in rows:
        if any("\0" in cell for cell in cells):
            raise FileError(f"line {line} holds a null character; want text in {encoding}")
        if len(cells) != len(rows[0][1]):
            told = f"has {len(cells)} columns; want {len(rows[0][1])}, as in line {rows[0][0]}"
            raise FileError(f"line {line} {told}")
    return rows


def _names(rows: list[Row], header: bool) -> list[str]:
    """Give the columns' names, and leave the examples in `rows`."""
    if not rows:
        raise FileError("is empty; want a line for each example")
    if not header:
        return [str(i) for i in range(len(rows[0][1]))]
    line, names = rows.pop(0)
    if all(map(NUMBER.fullmatch, names)):
        raise FileError(f"line {line} holds numbers and no names: read it with header=False")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise FileError(f"line {line}: two columns are called {twice[0]!r}")
    if not rows:
        raise FileError("holds names, but no examples")
    return names


def _place(column: Any, names: list[str], what: str) -> int:
    if isinstance(column, str) and column in names:
        return names.index(column)
    if isinstance(column, int) and -len(names) <= column < len(names):
        return column % len(names)
    some = ", ".join(map(repr, names[:10])) + ", ..." * (len(names) > 10)
    raise ValueError(f"read_csv: {what}={column!r}; the columns are {some:.300} (delimiter=?)")


def _missing(cell: str, spelt: bool = False) -> bool:
    return not cell or (not spelt and cell.lower() in MISSING)


def _column(rows: list[Row], i: int, name: str, spelt: bool) -> tuple[Array, tuple[str, ...]]:
    """Give numbers, or codes and what they stand for; NaN where the cell is missing."""
    cells = [cells[i] for _, cells in rows]
    first = next((cell for cell in cells if not _missing(cell)), "0")
    if not spelt and NUMERAL.fullmatch(first) and not NUMBER.fullmatch(first):
        told = f"column {name!r} holds {first!r}, a number in another spelling"
        raise FileError(
            f"{told}: write it as 1234.5, or say words=[{name!r}] if it stands for something"
        )
    if spelt or not NUMBER.fullmatch(first):
        found = sorted({cell for cell in cells if not _missing(cell, spelt)})
        codes = {word: float(code) for code, word in enumerate(found)}
        return np.array([codes.get(cell, np.nan) for cell in cells]), tuple(found)
    for line, row in rows:
        if not NUMBER.fullmatch(row[i]) and not _missing(row[i]):
            told = f"line {line}, column {name!r}: {row[i]!r:.60} is not a number, as {first} is"
            raise FileError(f"{told} (words=[{name!r}] makes a code of each value)")
    return np.array([np.nan if _missing(cell) else float(cell) for cell in cells]), ()


def _target(
    rows: list[Row], i: int, names: list[str], spelt: bool
) -> tuple[Array, tuple[str, ...]]:
    for line, cells in rows:
        if _missing(cells[i], spelt):
            raise FileError(f"line {line}, column {names[i]!r}: the target is missing")
    y, classes = _column(rows, i, names[i], spelt)
    if classes:
        return y.astype(np.int64), classes
    if all(WHOLE.fullmatch(cells[i]) for _, cells in rows):
        return np.array([int(cells[i]) for _, cells in rows], np.int64), ()
    return y, ()


def _tell_missing(path: Path, x: Array, rows: list[Row], names: list[str]) -> None:
    where = np.argwhere(np.isnan(x))
    if len(where):
        row, column = where[0]
        first = f"the first in line {rows[row][0]}, column {names[column]!r}"
        told = f"{len(where)} cells are missing, {first}: they are NaN"
        warnings.warn(f"{str(path)!r}: {told}", stacklevel=4)
