"""Text in pictures: in one line, in letters that can be drawn, never a formula by accident."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

from autonn.texts import shortened

_WIDER: tuple[str, ...] = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "WenQuanYi Zen Hei",
    "SimHei",
)
_WIDER += ("Microsoft YaHei", "PingFang SC", "Noto Sans Arabic", "Noto Sans Devanagari")


@cache
def _paths() -> dict[str, str]:
    """DejaVu Sans, and what is installed that stands in for the letters it lacks."""
    known = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    wider = {name: known[name] for name in _WIDER if name in known}
    return {"DejaVu Sans": font_manager.findfont("DejaVu Sans"), **wider}


@cache
def _letters() -> frozenset[int]:
    """All that these fonts can draw."""
    found = [font_manager.get_font(path).get_charmap() for path in _paths().values()]
    return frozenset(code for letters in found for code in letters)


def fonts() -> list[str]:
    """Give the families for all text: the first that has a letter draws it."""
    return list(_paths())


def shown(text: object, longest: int = 40) -> str:
    r"""Give a user's text in one line of letters that can be drawn, and not too long.

    Examples
    --------
    >>> shown("a\nb"), shown("a very long name", 8), shown(" ")
    ('a b', 'a very …', '␣')
    """
    raw = str(text)
    line = shortened(" ".join(raw.split()), longest) or "␣" * bool(raw)
    return "".join(c if ord(c) in _letters() else "\N{REPLACEMENT CHARACTER}" for c in line)


def wrapped(text: str, size: float, inches: float, bold: bool = False) -> list[str]:
    """Break a text into lines that fit, as measured in its font.

    Examples
    --------
    >>> wrapped("one two", 10, 0.4)
    ['one', 'two']
    """
    first = font_manager.findfont(f"DejaVu Sans:{'bold' if bold else 'normal'}")
    font = font_manager.get_font([first, *list(_paths().values())[1:]])
    font.set_size(size, 72)
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        font.set_text(longer)
        if not lines[-1] or font.get_width_height()[0] / 64 <= inches * 72:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def plain(size: float, colour: str) -> dict[str, Any]:
    """Give the properties of a text that means what it says: no formulas between dollars."""
    return {
        "fontsize": size,
        "color": colour,
        "fontfamily": fonts(),
        "parse_math": False,
        "usetex": False,
    }


def write(
    target: Axes | Figure, x: float, y: float, text: str, colour: str, size: float = 9, **more: Any
) -> Text:
    """Write a text on axes, in their data's coordinates, or on a figure, in shares of it."""
    return target.text(x, y, text, **{**plain(size, colour), **more})


def exponent(power: int) -> str:
    """Give a power of ten.

    Examples
    --------
    >>> exponent(-12), exponent(0)
    ('10⁻¹²', '1')
    """
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if power else "1"


# ----- Labels of lines and rows -----


def name_ticks(
    axis: Axis,
    labels: Sequence[object],
    colour: str,
    longest: int = 16,
    room: float = 0.2,
    **more: Any,
) -> None:
    """Put a user's labels at 0, 1, 2, ...; if the room for each is less than a line, at every few.

    `room` is in inches, from one label to the next.
    """
    step = max(1, -int(-0.15 // room))
    places = range(0, len(labels), step)
    texts = [shown(labels[i], longest) for i in places]
    axis.set_ticks(list(places), labels=texts, **{**plain(8.5, colour), **more})


def label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]], size: float = 9) -> None:
    """Write (height, text, colour) at the right edge; heights in 0 to 1, moved if they collide."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    gap = size * 1.35 / 72 / (figure.get_size_inches()[1] * 0.6)
    order = sorted(range(len(ends)), key=lambda i: ends[i][0])
    places = spread([ends[i][0] for i in order], gap)
    if places:  # a stack that sticks out at an end is moved back as a whole, those inside give way
        places = spread([max(y, gap * k) for k, y in enumerate(places)], gap)
        last = len(places) - 1
        places = [min(y, 1 - gap * (last - k)) for k, y in enumerate(places)]
    for i, y in zip(order, places, strict=True):
        _, text, colour = ends[i]
        write(axes, 1.025, y, text, colour, size, va="center", transform=axes.transAxes)


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move sorted heights apart until each is `gap` above the one before, as little as may be.

    Examples
    --------
    >>> spread([0.0, 0.5, 0.5], 0.25)
    [0.0, 0.375, 0.625]
    """
    groups: list[tuple[float, int]] = []  # the middle of a stack of labels, and how many there are
    for height in heights:
        middle, count = float(height), 1
        while groups and middle - gap * (count - 1) / 2 < (
            groups[-1][0] + gap * (groups[-1][1] + 1) / 2
        ):
            other, others = groups.pop()
            middle = (middle * count + other * others) / (count + others)
            count += others
        groups.append((middle, count))
    return [m + gap * (i - (count - 1) / 2) for m, count in groups for i in range(count)]
