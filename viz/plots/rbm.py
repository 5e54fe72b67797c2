"""What an RBM has learnt: its filters, and its reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from math import prod
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from autonn import nn
from autonn.arguments import Size, checked
from viz.plots.style import (
    Array,
    Shape,
    Theme,
    blank,
    canvas,
    clean,
    diverging,
    numbers,
    sequential,
    theme_of,
)
from viz.plots.text import plain, write

MOST = 400  # filters


@checked
def filters(
    weights: Any, shape: Shape, *, columns: Size | None = None, theme: str = "light"
) -> Figure:
    """Draw each row of a weight matrix as an image: orange below 0, blue above, one scale for all.

    Parameters
    ----------
    weights
        (filters, pixels): an array, a Tensor, or a layer with a `weight`, such as an RBM.
    shape
        (H, W) of the images.
    columns
        Of the grid; by default about twice the number of rows.
    theme
        "light", "dark" or "print".

    Returns
    -------
    Figure
        With an axes for the grid, and one for the scale.

    Raises
    ------
    ValueError
        For rows that are not H times W long, and more than 400 of them.

    Examples
    --------
    >>> figure = filters(nn.RBM(9, 4, rng=0), (3, 3))
    >>> figure.axes[0].images[0].get_array().shape
    (7, 11)
    """
    look = theme_of(theme)
    held = getattr(weights, "weight", weights)
    w = numbers(held, "weights", (2,), "(filters, pixels)")
    h, width = _image_shape(shape, w.shape[1], "weights")
    if len(w) > MOST:
        raise ValueError(f"weights hold {len(w)} filters; want up to {MOST}: weights[:{MOST}]")
    across = min(len(w), columns or max(1, round((2 * len(w) * h / width) ** 0.5)))
    limit = float(np.abs(w).max()) or 1.0
    grid = _tiled(w.reshape(-1, h, width), across)
    size = (7.5, float(np.clip(6.3 * grid.shape[0] / grid.shape[1], 0.8, 7)) + 0.35)
    note = f"Blue weights are positive, orange negative; the scale goes to ±{limit:.3g}."
    figure = canvas(look, *size, f"{len(w)} filters of {h} × {width} weights", note)
    axes = blank(figure.add_subplot(), look)
    colours = diverging(look)
    _show(axes, grid, colours, (-limit, limit), look)
    _scale(figure, axes, colours, (-limit, limit), look)
    return figure


@checked
def reconstructions(
    model: nn.RBM,
    images: Any,
    shape: Shape,
    *,
    steps: Size = 1,
    theme: str = "light",
) -> Figure:
    """Draw images, p(v = 1 | h) after some Gibbs steps from each, and the difference.

    A copy of the model is run, so that its generator stays where it is.

    Parameters
    ----------
    model
        An RBM.
    images
        (n, pixels), up to 16 of them, in 0 to 1.
    shape
        (H, W).
    steps
        How many Gibbs steps, as in `RBM.reconstruct`.
    theme
        "light", "dark" or "print".

    Returns
    -------
    Figure
        With three axes: originals, probabilities, differences.

    Raises
    ------
    TypeError
        For a model that is no RBM.
    ValueError
        For images that do not fit, or more than 16.

    Examples
    --------
    >>> len(reconstructions(nn.RBM(9, 4, rng=0), np.ones((2, 9)), (3, 3)).axes)
    3
    """
    look = theme_of(theme)
    v = numbers(images, "images", (2,), f"(n, {model.n_visible})")
    h, width = _image_shape(shape, v.shape[1], "images")
    if len(v) > 16:
        raise ValueError(f"images hold {len(v)}; want up to 16: images[:16]")
    p = np.asarray(deepcopy(model).reconstruct(v, steps, return_prob=True), np.float64)
    error = float(np.abs(p - v).mean())
    grids = [_tiled(part.reshape(-1, h, width), len(v)) for part in (v, p, p - v)]
    room = 1.15  # for the rows' names
    size = (float(np.clip(0.8 * len(v), 4.2, 10.5)) + room, 0.0)
    tall = (size[0] - room - 0.5) * grids[0].shape[0] / grids[0].shape[1]
    tall = min(tall, 2.0)
    title = f"The RBM reconstructs within {error:.2g} of a pixel"
    note = (
        f"After {steps} Gibbs step{'s' * (steps > 1)}. Blue is too much, orange too little, to ±1."
    )
    figure = canvas(look, size[0], 3 * (tall + 0.16) + 0.2, title, note)
    up = sequential(look, look.ink)
    for i, (name, grid) in enumerate(zip(("image", "p(v = 1)", "difference"), grids, strict=True)):
        axes = blank(figure.add_subplot(3, 1, i + 1), look)
        limits = (-1.0, 1.0) if name == "difference" else (0.0, 1.0)
        _show(axes, grid, diverging(look) if name == "difference" else up, limits, look)
        place = {"va": "center", "ha": "right", "transform": axes.transAxes}
        write(axes, -0.012, 0.5, name, look.soft, 9.5, **place)
    return figure


def _image_shape(shape: Sequence[int], pixels: int, name: str) -> tuple[int, int]:
    """Give (H, W); refuse what does not hold as many pixels."""
    if len(shape) != 2 or prod(shape) != pixels:
        raise ValueError(
            f"{name} have {pixels} pixels and shape={tuple(shape)}; want H × W = {pixels}"
        )
    h, w = shape
    return int(h), int(w)


def _tiled(images: Array, columns: int) -> Array:
    """Put images side by side with a pixel between them: NaN, which is drawn as paper."""
    count, h, w = images.shape
    rows = -(-count // columns)
    grid = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1), np.nan)
    for i, image in enumerate(images):
        y, x = i // columns * (h + 1), i % columns * (w + 1)
        grid[y : y + h, x : x + w] = image
    return grid


def _show(
    axes: Axes, grid: Array, colours: Colormap, limits: tuple[float, float], theme: Theme
) -> None:
    """Draw an image of squares, with hair-lines around what is not paper."""
    shades = colours.with_extremes(bad=theme.paper)
    axes.imshow(grid, cmap=shades, vmin=limits[0], vmax=limits[1], interpolation="nearest")


def _scale(
    figure: Figure, axes: Axes, colours: Colormap, limits: tuple[float, float], theme: Theme
) -> None:
    """Draw the scale at the right."""
    bar = figure.colorbar(
        ScalarMappable(Normalize(*limits), colours), ax=axes, fraction=0.03, pad=0.02, aspect=24
    )
    bar.outline.set_visible(False)
    clean(bar.ax, theme)
    bar.set_ticks(
        [limits[0], 0, limits[1]],
        labels=[f"{v:.2g}" for v in (limits[0], 0, limits[1])],
        **plain(8.5, theme.soft),
    )
