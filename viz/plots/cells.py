"""Sets of an array's elements: as cells of a cube seen from a corner, or of a table."""

from __future__ import annotations

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from viz.plots.style import Array, Theme
from viz.plots.text import shown, write

Shape = tuple[int, ...]
LETTERS = {3: "NCL", 4: "NCHW", 5: "NCDHW"}
COS, SIN = 3**0.5 / 2, 0.5  # of the 30° of an isometric drawing


class Frame:
    """The part of the plane that a picture takes, and the room for three lines below it."""

    def __init__(self, flat: Shape) -> None:
        N, C, H = flat
        if H > 1:
            left, right = _at(0, C, 0)[0] - 0.9, _at(N, 0, 0)[0] + 0.9
            self.low, self.high = _at(N, C, 0)[1] - 0.5, H + 0.2
        else:
            left, right, self.low, self.high = -2.3, C + 2.3, -N - 2.0, 0.8
        width = 2.6 if H > 1 else 3.2
        self.unit = max((right - left) / width, (self.high - self.low) / 3.2)  # an inch
        self.x = (left, right)
        self.y = (self.low - 0.75 * self.unit, self.high)
        self.inches = (width + 0.15, (self.y[1] - self.y[0]) / self.unit + 0.25)

    def caption(self, axes: Axes, name: str, over: str, of: str, theme: Theme) -> None:
        """Write a layer's name and what was found under its picture."""
        x, look = sum(self.x) / 2, {"ha": "center", "va": "top"}
        write(axes, x, self.low, shown(name, 26), theme.ink, 11.5, weight="bold", **look)
        write(axes, x, self.low - 0.27 * self.unit, over, theme.blue, 9.5, **look)
        write(axes, x, self.low - 0.49 * self.unit, of, theme.soft, 9, **look)
        axes.set_xlim(*self.x)
        axes.set_ylim(*self.y)


# ----- Inputs with positions: a cube -----


def _at(n: float, c: float, h: float) -> tuple[float, float]:
    """Project: N runs down to the right, C down to the left, positions run up."""
    return (n - c) * COS, h - (n + c) * SIN


def _faces(n: int, c: int, h: int) -> dict[str, list[tuple[float, float]]]:
    """Give the corners of a cell's three faces that can be seen."""
    top = [_at(n + a, c + b, h + 1) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    left = [_at(n + a, c + 1, h + b) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    right = [_at(n + 1, c + a, h + b) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    return {"top": top, "left": left, "right": right}


def _mixed(colour: str, other: str, share: float) -> tuple[float, ...]:
    return tuple((1 - share) * np.array(to_rgb(colour)) + share * np.array(to_rgb(other)))


def cube(axes: Axes, together: Array, place: Shape, theme: Theme) -> None:
    """Draw the set as blue cells in a cube of pale glass."""
    cells = together.reshape(*together.shape[:2], -1)
    N, C, H = cells.shape
    own = np.zeros(together.shape, bool)
    own[place] = True
    (chosen,) = np.argwhere(own.reshape(cells.shape))
    shade = {"top": 0.34, "left": 0.0, "right": 0.16}
    toward = {"top": (0, 0, 1), "left": (0, 1, 0), "right": (1, 0, 0)}
    solid, glass, outline = [], [], []
    # The nearest is painted last.
    for n, c, h in sorted(product(range(N), range(C), range(H)), key=sum):
        for side, corners in _faces(n, c, h).items():
            beyond = tuple(np.add((n, c, h), toward[side]))
            surface = beyond[0] == N or beyond[1] == C or beyond[2] == H
            if cells[n, c, h] and (surface or not cells[beyond]):
                solid.append((corners, _mixed(theme.blue, "#ffffff", shade[side])))
            elif surface:
                glass.append((corners, _mixed(theme.wash, theme.line, 0.9 * (0.34 - shade[side]))))
            if (n, c, h) == tuple(chosen):
                outline.append(corners)
    for faces, alpha, edge, gid in (
        (solid, 1.0, theme.paper, "set"),
        (glass, 0.8, theme.line, "rest"),
    ):
        polygons = PolyCollection([p for p, _ in faces], facecolors=[f for _, f in faces])
        polygons.set(edgecolor=edge, linewidth=0.7, joinstyle="round", alpha=alpha, gid=gid)
        axes.add_collection(polygons)
    marked = PolyCollection(outline, facecolors="none", edgecolors=theme.ink, linewidths=1.4)
    marked.set(joinstyle="round", zorder=3, gid="element")
    axes.add_collection(marked)
    names = ", ".join(LETTERS[together.ndim][2:])
    write(axes, *_at(N / 2, C + 0.85, -0.35), "N", theme.soft, 9.5, ha="center", va="center")
    write(axes, *_at(N + 0.85, C / 2, -0.35), "C", theme.soft, 9.5, ha="center", va="center")
    x, y = _at(-0.25, C + 0.25, H / 2)
    write(axes, x, y, names, theme.soft, 9.5, ha="right", va="center", rotation=90)


# ----- Inputs without positions: a table -----


def table(axes: Axes, together: Array, place: Shape, theme: Theme) -> None:
    """Draw a row for each example, the first at the top, and a column for each feature."""
    N, C = together.shape
    for n, c in product(range(N), range(C)):
        inside = bool(together[n, c])
        cell = Rectangle((c + 0.04, -n - 0.96), 0.92, 0.92, linewidth=0)
        cell.set(facecolor=theme.blue if inside else theme.wash, gid="set" if inside else "rest")
        axes.add_patch(cell)
    own = Rectangle((place[1] % C + 0.04, -(place[0] % N) - 0.96), 0.92, 0.92, fill=False)
    own.set(edgecolor=theme.ink, linewidth=1.8, gid="element", zorder=3)
    axes.add_patch(own)
    rows, columns = np.flatnonzero(together.any(axis=1)), np.flatnonzero(together.any(axis=0))
    arrow = {"arrowstyle": "-|>", "color": theme.blue, "shrinkA": 2, "shrinkB": 2, "linewidth": 1.3}
    middle = {"ha": "center", "va": "center"}
    if len(columns) == 1 < len(rows):
        x = columns[0] + 0.5
        axes.annotate("", (x, -N - 0.9), (x, -N), arrowprops=arrow)
        write(axes, x, -N - 0.95, "μ, σ²", theme.blue, 11, ha="center", va="top")
    elif len(rows) == 1 < len(columns):
        y = -rows[0] - 0.5
        axes.annotate("", (C + 0.9, y), (C, y), arrowprops=arrow)
        write(axes, C + 1.0, y, "μ, σ²", theme.blue, 11, ha="left", va="center")
    write(axes, C / 2, 0.4, "features", theme.soft, 9.5, **middle)
    write(axes, -0.4, -N / 2, "examples", theme.soft, 9.5, rotation=90, **middle)
