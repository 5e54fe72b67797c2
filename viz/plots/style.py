"""The style of all pictures: three themes, thin axes, a header of one look, checked input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator

from autonn.arguments import OneOf, Whole, check
from autonn.arguments import shown as shown_value
from autonn.operands import bare
from viz.plots.text import exponent, fonts, shown, wrapped, write

Array: TypeAlias = "np.ndarray[Any, Any]"

DPI = 150
MARGIN = 0.16  # inches


@dataclass(frozen=True)
class Theme:
    """The colours of a picture.

    Attributes
    ----------
    paper, wash, line
        The ground, a tint of it for what is in the background, and thin lines.
    ink, soft, faint
        Text: what matters, what explains, what is at the edge.
    blue, amber, violet, rose, green, orange
        In the order in which colour-blind readers can tell them apart.
    dashes
        Line styles that go with them: for paper without colour, they differ.
    """

    paper: str
    wash: str
    line: str
    ink: str
    soft: str
    faint: str
    blue: str
    amber: str
    violet: str
    rose: str
    green: str
    orange: str
    dashes: tuple[Any, ...] = ("-",)

    @property
    def series(self) -> tuple[str, ...]:
        """The colours for lines, in their order."""
        return self.blue, self.amber, self.violet, self.rose, self.green, self.orange

    def stroke(self, i: int) -> dict[str, Any]:
        """Give the colour and the line style of the i-th line; after six colours dashes differ."""
        turn = i if len(self.dashes) > 1 else i // len(self.series)
        styles = self.dashes if len(self.dashes) > 1 else ("-", (0, (4, 1.5)), (0, (1, 1)))
        return {
            "color": self.series[i % len(self.series)],
            "linestyle": styles[turn % len(styles)],
        }


_BRIGHT = ("#0284c7", "#d97706", "#7c3aed", "#e11d48", "#16a34a", "#ea580c")
_GLOW = ("#38bdf8", "#fbbf24", "#a78bfa", "#fb7185", "#4ade80", "#fb923c")
_DEEP = ("#075985", "#d97706", "#4c1d95", "#be123c", "#65a30d", "#c2410c")
_DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)), (0, (9, 2)), (0, (3, 3)))
THEMES = {
    "light": Theme("#ffffff", "#f1f5f9", "#cbd5e1", "#0f172a", "#475569", "#94a3b8", *_BRIGHT),
    "dark": Theme("#0f172a", "#1e293b", "#475569", "#f1f5f9", "#cbd5e1", "#7f8ea5", *_GLOW),
    "print": Theme(
        "#ffffff", "#f4f4f5", "#a1a1aa", "#000000", "#27272a", "#71717a", *_DEEP, _DASHES
    ),
}


def theme_of(name: str) -> Theme:
    """Give a theme by its name.

    Parameters
    ----------
    name
        "light", "dark", or "print": darker, and its lines differ without colour, too.

    Raises
    ------
    ValueError, TypeError
        For another name, and what is none.

    Examples
    --------
    >>> theme_of("light").blue
    '#0284c7'
    """
    check("plots", "theme", name, Annotated[str, OneOf(tuple(THEMES))])
    return THEMES[name]


# ----- Figures and axes -----


def canvas(theme: Theme, width: float, height: float, title: str, subtitle: str = "") -> Figure:
    """Make a figure with its title and a line below it, and `height` inches of room for axes."""
    room = width - 2 * MARGIN
    heads = wrapped(shown(title, 300), 14, room, bold=True)
    notes = wrapped(shown(subtitle, 500), 9.5, room) if subtitle else []
    header = MARGIN + 0.27 * len(heads) + 0.2 * len(notes) + 0.05
    figure = Figure((width, height + header), dpi=DPI, facecolor=theme.paper)
    whole = height + header
    y = whole - MARGIN
    for line in heads:
        at = (MARGIN / width, y / whole)
        write(figure, *at, line, theme.ink, 14, weight="bold", va="top")
        y -= 0.27
    for line in notes:
        write(figure, MARGIN / width, y / whole, line, theme.soft, 9.5, va="top")
        y -= 0.2
    box = (
        MARGIN / width,
        MARGIN / 2 / whole,
        1 - 2 * MARGIN / width,
        (height - MARGIN / 2) / whole,
    )
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=box, w_pad=0.06, h_pad=0.06))
    return figure


def clean(axes: Axes, theme: Theme, grid: str = "") -> Axes:
    """Take off what is not needed; draw the rest thin. `grid` is "", "x", "y" or "both"."""
    axes.set_facecolor(theme.paper)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.line)
        spine.set_linewidth(0.8)
    look: dict[str, Any] = {
        "colors": theme.line,
        "labelcolor": theme.soft,
        "labelfontfamily": fonts(),
    }
    axes.tick_params(which="both", labelsize=8.5, width=0.8, length=3, **look)
    axes.tick_params(which="minor", length=0)
    if grid:
        axes.grid(True, axis=grid, color=theme.line, linewidth=0.5, alpha=0.5)  # type: ignore[arg-type]
        axes.set_axisbelow(True)
    return axes


def blank(axes: Axes, theme: Theme) -> Axes:
    """Leave nothing of the axes but their room, with squares that are square."""
    axes.set_facecolor(theme.paper)
    axes.set_axis_off()
    axes.set_aspect("equal")
    return axes


def powers(axis: Axis) -> None:
    """Label a logarithmic axis: 0.01, 0.1, 1 if that is all there is, else powers of ten."""

    def label(x: float, _: object = None) -> str:
        low, high = sorted(axis.get_view_interval())
        power = round(np.log10(x))
        if not np.isclose(x, 10.0**power) or (low >= 8e-4 and high <= 2e4):
            return f"{x:g}"
        return exponent(power)

    axis.set_major_formatter(FuncFormatter(label))
    few = np.ptp(np.log10(axis.get_view_interval())) < 2  # then powers alone would be one or two
    axis.set_minor_locator(LogLocator(subs=(2.0, 5.0) if few else (), numticks=99))
    axis.set_minor_formatter(FuncFormatter(label if few else lambda x, _: ""))


def sequential(theme: Theme, colour: str = "") -> LinearSegmentedColormap:
    """Give the colours from the paper's to one of the theme's, blue by default."""
    return LinearSegmentedColormap.from_list("up", [theme.wash, colour or theme.blue])


def diverging(theme: Theme) -> LinearSegmentedColormap:
    """Give the colours from orange (negative) over the paper's to blue (positive)."""
    return LinearSegmentedColormap.from_list("both", [theme.orange, theme.paper, theme.blue])


def on(colour: Sequence[float]) -> str:
    """Give black or white: what can be read on a colour of red, green and blue in 0 to 1."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return "#0f172a" if 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.28 else "#ffffff"


# ----- Input -----


@dataclass(frozen=True)
class Wholes:
    """A sequence of whole numbers, none of them less than `least`."""

    least: int | None = None

    def __str__(self) -> str:
        return f"a sequence, each {Whole(self.least)}"

    def refuses(self, value: Any) -> type[Exception] | None:
        """Give the error that a value deserves."""
        vector = isinstance(value, np.ndarray) and value.ndim == 1
        if not vector and not isinstance(value, list | tuple | range):
            return TypeError
        return next(filter(None, map(Whole(self.least).refuses, value)), None)


Shape = Annotated[Sequence[int], Wholes(1)]
Index = Annotated[Sequence[int], Wholes()]


def items(things: Any, name: str, wanted: str) -> list[Any]:
    """Give what stands in a list or another row of things; refuse what is none.

    Raises
    ------
    TypeError
        For texts, numbers and all else that is no row.
    """
    if isinstance(things, str | bytes) or not isinstance(things, Iterable):
        raise TypeError(f"{name}={shown_value(things)}; want a list of {wanted}")
    return list(things)


def numbers(x: Any, name: str, axes: Sequence[int], wanted: str) -> Array:
    """Give an array of finite float64; refuse what is none, or has another number of axes."""
    try:
        array = np.asarray(bare(x))
    except (ValueError, TypeError, RecursionError):  # ragged, of Tensors, or its own element
        raise TypeError(f"{name} are {shown_value(x)}; want numbers: {wanted}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} are {array.dtype}; want numbers: {wanted}")
    if array.ndim not in axes or not array.size:
        raise ValueError(f"{name} have shape {array.shape}; want {wanted}")
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise ValueError(
            f"{name} hold {count} NaN or infinite of {array.size} numbers; want finite ones: "
            "autonn.detect_anomaly() finds where they come from"
        )
    return array.astype(np.float64)
