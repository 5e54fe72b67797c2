"""Texts of others (names of layers, files and Tensors), fit to be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Give a text on one line, with `repr`'s escapes for what cannot be seen.

    That is what commands terminals, ends lines, turns the direction of writing, or cannot be
    encoded.

    Examples
    --------
    >>> print(printable("größer\n\x1b[31m\u202e"))
    größer\n\x1b[31m\u202e
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def printable_lines(text: str) -> str:
    r"""Give a text with the line breaks that it has, and each line `printable`.

    Examples
    --------
    >>> print(printable_lines("one\ntwo\a"))
    one
    two\x07
    """
    return "\n".join(map(printable, text.split("\n")))


def shortened(text: str, width: int) -> str:
    """Give a text `printable` and not too long: what is cut ends in an ellipsis.

    Examples
    --------
    >>> shortened("a very long name", 8)
    'a very …'
    """
    text = printable(text[: width + 1])
    return text if len(text) <= width else f"{text[: width - 1]}…"
