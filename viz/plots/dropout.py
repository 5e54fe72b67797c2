"""What Dropout drops: its mask as an image, and the thinned network of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from math import prod

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from autonn import nn
from autonn.arguments import checked
from autonn.init import Rng
from autonn.operands import bare
from viz.plots.style import Array, Shape, Theme, blank, canvas, numbers, theme_of
from viz.plots.text import write

LARGEST = 20_000  # cells of a mask
TALLEST = 24  # units of a layer


@checked
def dropout_mask(layer: nn.Dropout, shape: Shape, *, theme: str = "light") -> Figure:
    """Draw y = layer(1): what the next call in training keeps, times 1 / (1 - p), and drops.

    A copy of the layer is run, so that its generator stays where it is.

    Parameters
    ----------
    layer
        A `Dropout` or `Dropout2d`.
    shape
        Of the input. Up to two axes are one image; of more, the last two are images, one for each
        example and feature.
    theme
        "light", "dark" or "print".

    Returns
    -------
    Figure

    Raises
    ------
    TypeError
        For another layer.
    ValueError
        For more than four axes, or more than 20,000 elements.

    Examples
    --------
    >>> figure = dropout_mask(nn.Dropout(0.4, rng=np.random.default_rng(0)), (6, 10))
    >>> len(figure.axes)
    1
    """
    look, shape = theme_of(theme), tuple(shape)
    if not 1 <= len(shape) <= 4 or prod(shape) > LARGEST:
        raise ValueError(f"shape={shape}; want one to four axes and up to {LARGEST:,} elements")
    y = bare(deepcopy(layer).train()(np.ones(shape)))
    kept = y != 0
    maps = kept.reshape((1,) * (4 - len(shape)) + shape)  # (N, C, H, W)
    tall, wide = (maps.shape[i] * (maps.shape[i + 2] + 1) - 1 for i in (0, 1))
    width = 7.0
    height = float(np.clip(width * tall / wide, 0.5, 6.5)) + 0.35
    scale = 1 / (1 - layer.p) if layer.p < 1 else 0.0
    title = f"{type(layer).__name__} keeps {kept.mean():.0%} here; {1 - layer.p:.0%} on average"
    note = (
        f"p = {layer.p:g}: what is kept (blue) is multiplied by 1 / (1 - p) = {scale:.3g}, "
        "what is dropped is 0."
    )
    if layer.p == 1:
        note = "p = 1: all is dropped."
    figure = canvas(look, width, height, title, note)
    axes = blank(figure.add_subplot(), look)
    fits = wide <= 24 and tall <= 16 and len(shape) < 3
    for n, c in np.ndindex(maps.shape[:2]):
        corner = c * (maps.shape[3] + 1), n * (maps.shape[2] + 1)
        _image(axes, maps[n, c], corner, look, f"{scale:.3g}" if fits else "")
    axes.set_xlim(0, wide)
    axes.set_ylim(tall, 0)
    return figure


def _image(axes: Axes, kept: Array, corner: tuple[int, int], theme: Theme, factor: str) -> None:
    """Draw a cell for each element, and write what it is multiplied by."""
    x, y = corner
    gap = 0.05 if kept.size <= 4000 else 0.0
    for which, colour, text in ((True, theme.blue, factor), (False, theme.wash, factor and "0")):
        cells = [
            Rectangle((x + j + gap, y + i + gap), 1 - 2 * gap, 1 - 2 * gap)
            for i, j in np.argwhere(kept == which)
        ]
        collection = PatchCollection(cells, facecolor=colour, linewidth=0)
        collection.set_gid("kept" if which else "dropped")
        axes.add_collection(collection)
        ink = theme.paper if which else theme.faint
        for i, j in np.argwhere(kept == which) if text else ():
            write(axes, x + j + 0.5, y + i + 0.5, text, ink, 8, ha="center", va="center")


# ----- The thinned network -----


@checked
def thinned_network(
    sizes: Shape, p: float | Sequence[float] = 0.5, rng: Rng = None, *, theme: str = "light"
) -> Figure:
    """Draw a fully connected network, and beside it what is left of it after Dropout.

    In the form of Srivastava et al. 2014, JMLR 15, fig. 1. Which units are dropped, autonn's
    `Dropout` says with this generator.

    Parameters
    ----------
    sizes
        Units of each layer, the inputs' first; drawn from the bottom to the top.
    p
        The probability of dropping a unit: one for all layers but the outputs, which stay; or one
        for each layer.
    rng
        A generator or a seed.
    theme
        "light", "dark" or "print".

    Returns
    -------
    Figure
        With two axes.

    Raises
    ------
    ValueError
        For fewer than two layers, more than 24 units in one, and as many p as do not fit.

    Examples
    --------
    >>> figure = thinned_network([5, 5, 5, 1], 0.5, 0)
    >>> [len(axes.collections[0].get_segments()) for axes in figure.axes]
    [55, 28]
    """
    look, counts = theme_of(theme), [int(n) for n in sizes]
    if len(counts) < 2 or not all(1 <= n <= TALLEST for n in counts):
        raise ValueError(f"sizes={list(sizes)}; want two layers or more, of 1 to {TALLEST} units")
    given = numbers(p, "p", (0, 1), "a probability, or one for each layer").tolist()
    each = given if isinstance(given, list) else [given] * (len(counts) - 1) + [0.0]
    if len(each) != len(counts):
        raise ValueError(f"p has {len(each)} numbers for {len(counts)} layers; want one for each")
    generator = np.random.default_rng(rng)
    layers = [nn.Dropout(q, rng=generator) for q in each]
    kept = [bare(layer(np.ones(n))) != 0 for layer, n in zip(layers, counts, strict=True)]
    left = [int(k.sum()) for k in kept]
    lines = [sum(a * b for a, b in pairwise(found)) for found in (counts, left)]
    share = lines[1] / lines[0]
    note = (
        f"p = {_told(each)}: a crossed-out unit sends nothing on and receives no gradient; "
        "at test time all are there."
    )
    title = f"Dropout trains a thinner network each time: here {share:.0%} of the connections"
    height = float(np.clip(1.0 * len(counts), 2.6, 6.0)) + 0.4
    figure = canvas(look, 9, height, title, note)
    for i, units in enumerate(([np.ones(n, bool) for n in counts], kept)):
        axes = figure.add_subplot(1, 2, i + 1)
        _network(axes, units, look, 4.1 / (height - 0.5))
        text = f"{sum((counts, left)[i])} units, {lines[i]} connections"
        place = {"ha": "center", "va": "top", "transform": axes.transAxes}
        write(axes, 0.5, -0.02, text, look.soft, 9.5, **place)
    return figure


def _told(each: Sequence[float]) -> str:
    """Give the probabilities: one if they are the same for all layers but the last."""
    same = len(set(each[:-1])) == 1 and each[-1] == 0
    return f"{each[0]:g}" if same else ", ".join(f"{q:g}" for q in each)


def _network(axes: Axes, kept: Sequence[Array], theme: Theme, aspect: float) -> None:
    """Draw units in rows, lines between those that are kept, and crosses over the others."""
    blank(axes, theme)
    widest = max(len(layer) for layer in kept)
    up = max(1.0, widest / aspect / max(1, len(kept) - 0.2))  # as far apart as there is room
    places = [
        [(i + (widest - len(layer)) / 2, k * up) for i in range(len(layer))]
        for k, layer in enumerate(kept)
    ]
    lines = [
        (a, b)
        for (below, here), (above, there) in pairwise(zip(places, kept, strict=True))
        for a, left in zip(below, here, strict=True)
        for b, right in zip(above, there, strict=True)
        if left and right
    ]
    axes.add_collection(LineCollection(lines, colors=theme.faint, linewidths=0.8, zorder=1))
    radius = 0.33
    for layer, row in zip(kept, places, strict=True):
        for here, (x, y) in zip(layer, row, strict=True):
            face = theme.blue if here else theme.paper
            edge = theme.paper if here else theme.line
            circle = Circle((x, y), radius, facecolor=face, edgecolor=edge, linewidth=1.2)
            circle.set(zorder=2, gid="kept" if here else "dropped")
            if not here:
                circle.set_linestyle((0, (3, 2)))
                _cross(axes, x, y, radius * 0.62, theme)
            axes.add_patch(circle)
    axes.set_xlim(-0.6, widest - 0.4)
    axes.set_ylim(-0.6, (len(kept) - 1) * up + 0.6)


def _cross(axes: Axes, x: float, y: float, r: float, theme: Theme) -> None:
    strokes = [[(x - r, y - r), (x + r, y + r)], [(x - r, y + r), (x + r, y - r)]]
    axes.add_collection(LineCollection(strokes, colors=theme.rose, linewidths=1.8, zorder=3))
