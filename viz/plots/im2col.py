"""Convolution as a product of matrices: windows of an image become columns."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from autonn.arguments import checked
from autonn.convolution import Each, Padding, each, pairs
from autonn.places import window_count
from autonn.windows import conv, im2col
from viz.plots.style import Array, Index, Shape, Theme, blank, canvas, numbers, theme_of
from viz.plots.text import write

LARGEST = 40  # rows and columns of a matrix


@checked
def im2col_picture(
    shape: Shape = (4, 4),
    kernel: Each = 3,
    stride: Each = 1,
    padding: Padding = 0,
    dilation: Each = 1,
    *,
    image: Any = None,
    weight: Any = None,
    windows: Index | None = None,
    theme: str = "light",
) -> Figure:
    """Draw y = W · im2col(x): an image, its windows as columns, the weights, their product.

    Everything drawn is what `autonn.windows.im2col` and `conv` give.

    Parameters
    ----------
    shape
        (H, W) or (C, H, W), of one image.
    kernel, stride, padding, dilation
        As in `nn.Conv2d`.
    image
        Its values, in that shape; by default 0, 1, 2, ...
    weight
        Values in the shape (kh, kw) or (C, kh, kw); by default small whole numbers.
    windows
        Which windows are coloured, up to four, by the column they become; by default the first, the
        second and the last.
    theme
        "light", "dark" or "print".

    Returns
    -------
    Figure
        With one axes. Groups of cells have the gids "image", "columns", "weight", "product", "map".

    Raises
    ------
    ValueError
        For shapes that do not fit, and for matrices of more than 40 rows or columns.

    Examples
    --------
    >>> figure = im2col_picture((4, 4), 3)
    >>> len(figure.axes)
    1
    """
    look, shape = theme_of(theme), tuple(shape)
    if len(shape) not in (2, 3):
        raise ValueError(f"shape={shape}; want (H, W) or (C, H, W)")
    parts = _Parts(
        (1,) * (3 - len(shape)) + shape, kernel, stride, padding, dilation, (image, weight)
    )
    P = parts.columns.shape[1]
    marked = list(dict.fromkeys([0, min(1, P - 1), P - 1])) if windows is None else list(windows)
    if len(marked) > 4 or not all(0 <= p < P for p in marked):
        raise ValueError(f"windows={marked}; want up to 4, of 0 to {P - 1}")
    return _Picture(parts, marked, look).figure


class _Parts:
    """The arrays: image, places of the windows, columns, weights, product, map."""

    def __init__(
        self, shape: Any, kernel: Each, stride: Each, padding: Padding, dilation: Each, given: Any
    ) -> None:
        C, *size = shape
        k, s, d = (
            each(kernel, 2, "kernel"),
            each(stride, 2, "stride"),
            each(dilation, 2, "dilation"),
        )
        around = pairs(padding, tuple(size), k, s, d)
        R, P = C * prod(k), prod(window_count(tuple(size), k, s, around, d))
        if max(R, P) > LARGEST:
            told = f"a matrix of {R} rows and {P} columns"
            cure = "take a smaller image, or a larger stride"
            raise ValueError(f"{told}; want up to {LARGEST}: {cure}")
        usual = np.arange(prod(shape)), np.arange(C * prod(k)) % 5 - 2
        x, w = (
            numbers(default if array is None else array, name, (1, 2, 3), f"shape {wanted}")
            for array, default, name, wanted in zip(
                given, usual, ("image", "weight"), (shape, (C, *k)), strict=True
            )
        )
        for name, array, wanted in (("image", x, shape), ("weight", w, (C, *k))):
            if array.size != prod(wanted):
                raise ValueError(f"{name} has shape {array.shape}; want {wanted}")
        self.kernel, self.around = k, around
        self.weight = w.reshape(C, *k)
        geometry = {"stride": s, "padding": around, "dilation": d}
        x = x.reshape(1, C, *size)
        cols = im2col(x, kernel=k, **geometry)  # (1, C, kh, kw, *count)
        self.columns: Array = cols.reshape(C * prod(k), -1)
        self.map: Array = conv(x, self.weight[None], groups=1, **geometry)[0, 0]
        self.image: Array = np.pad(x[0], ((0, 0), *around))
        # Where each window lies, im2col says too: of an image that holds its own indices.
        own = np.arange(self.image[0].size, dtype=float).reshape(1, 1, *self.image.shape[1:])
        bare_geometry = geometry | {"padding": ((0, 0), (0, 0))}
        self.places: Array = im2col(own, kernel=k, **bare_geometry).astype(int).reshape(prod(k), -1)

    def padded(self, i: int, j: int) -> bool:
        """Tell whether a cell of the image is padding."""
        (top, bottom), (left, right) = self.around
        _, H, W = self.image.shape
        return not (top <= i < H - bottom and left <= j < W - right)


class _Picture:
    """All on one sheet, a cell being 1 by 1; the product is right of W and below the columns."""

    def __init__(self, parts: _Parts, marked: Sequence[int], theme: Theme) -> None:
        self.parts, self.theme = parts, theme
        self.colours = dict(zip(marked, theme.series, strict=False))
        C, H, W = parts.image.shape
        R, P = parts.columns.shape
        h, w = parts.map.shape
        top = max(C * (H + 1) - 1, R)  # rows above the line of the product
        left = max(W, R)
        x_map = left + 2.5 + P + 2.5
        width, height = x_map + max(w, 4.0), top + 2.7
        self.inch = float(np.clip(12.5 / width, 0.16, 0.36))
        self.small = self.inch < 0.2
        title = f"A convolution is one product of matrices: (1 × {R}) · ({R} × {P})"
        kh, kw = parts.kernel
        note = (
            f"Each {kh}×{kw} window of the image becomes a column; the product, folded, "
            f"is the {h}×{w} output."
        )
        size = (max(6.5, width * self.inch + 0.6), (height + 1.2) * self.inch + 0.35)
        self.figure = canvas(theme, *size, title, note)
        self.axes: Axes = blank(self.figure.add_subplot(), theme)
        self._image(left - W, (top - (C * (H + 1) - 1)) / 2)
        x = left + 2.5
        self._grid("columns", parts.columns, x, top - R, lambda r, p: p)
        self._caption(x + P / 2, top - R, f"columns  {R} × {P}")
        self._grid("weight", parts.weight.reshape(1, -1), left - R, top + 1.6, lambda r, p: None)
        self._caption(left - R / 2, top + 1.6, f"weights  1 × {R}")
        self._sign(left + 1.25, top + 2.1, "=")
        self._grid("product", parts.map.reshape(1, -1), x, top + 1.6, lambda r, p: p)
        self._caption(x + P / 2, top + 1.6, f"weights · columns  1 × {P}")
        y = top + 2.6 - h
        self._sign(x + P + 1.25, top + 2.1, "→")
        self._grid("map", parts.map, x_map, y, lambda r, c: r * w + c)
        self._caption(x_map + w / 2, y, f"output  {h} × {w}")
        self.axes.set_xlim(-0.4, x_map + max(w, 4.0))
        self.axes.set_ylim(height, -1.2)

    def _image(self, x: float, y: float) -> None:
        """Draw a channel below the other, tint the windows and put frames around them."""
        C, H, W = self.parts.image.shape
        for c in range(C):
            low = y + c * (H + 1)
            for i, j in np.ndindex(H, W):
                within = [p for p in self.colours if i * W + j in self.parts.places[:, p]]
                self._cell(
                    "image",
                    x + j,
                    low + i,
                    float(self.parts.image[c, i, j]),
                    within,
                    self.parts.padded(i, j),
                )
            for turn, (p, colour) in enumerate(self.colours.items()):
                rows, columns = np.divmod(self.parts.places[:, p], W)
                inset = 0.07 * turn
                corner = (x + columns.min() + inset, low + rows.min() + inset)
                sides = (np.ptp(columns) + 1 - 2 * inset, np.ptp(rows) + 1 - 2 * inset)
                frame = Rectangle(corner, *sides, fill=False, edgecolor=colour, linewidth=2)
                frame.set(zorder=4, gid=f"window {p}", joinstyle="round")
                self.axes.add_patch(frame)
        told = "image" + f", {C} channels" * (C > 1)
        if np.any(self.parts.around):
            told += ", padded"
        self._caption(x + W / 2, y, told)

    def _grid(self, gid: str, values: Array, x: float, y: float, window: Any) -> None:
        for r, c in np.ndindex(*values.shape):
            p = window(r, c)
            within = [p] if p in self.colours else []
            self._cell(gid, x + c, y + r, float(values[r, c]), within)

    def _cell(
        self,
        gid: str,
        x: float,
        y: float,
        value: float,
        within: Sequence[int],
        outside: bool = False,
    ) -> None:
        """Draw a square and its number, tinted by the windows that it belongs to."""
        theme = self.theme
        ground = np.array(to_rgb(theme.paper if outside else theme.wash))
        tints = [np.array(to_rgb(self.colours[p])) for p in within]
        face = ground if not tints else 0.68 * ground + 0.32 * np.mean(tints, axis=0)
        square = Rectangle((x, y), 1, 1, facecolor=tuple(face), edgecolor=theme.paper, linewidth=1)
        square.set_gid(gid)
        if outside:
            square.set(edgecolor=theme.line, linewidth=0.6, linestyle=(0, (2, 2)))
        self.axes.add_patch(square)
        text = f"{value:.3g}"
        if not self.small and len(text) <= 5:
            size = self.inch * (34 if len(text) <= 3 else 24)
            colour = theme.soft if outside else theme.ink
            write(
                self.axes,
                x + 0.5,
                y + 0.5,
                text,
                colour,
                size,
                ha="center",
                va="center",
                gid=f"{gid} value",
            )

    def _caption(self, x: float, y: float, text: str) -> None:
        write(self.axes, x, y - 0.25, text, self.theme.soft, 9.5, ha="center", va="bottom")

    def _sign(self, x: float, y: float, text: str) -> None:
        write(self.axes, x, y, text, self.theme.soft, 16, ha="center", va="center", weight="bold")
