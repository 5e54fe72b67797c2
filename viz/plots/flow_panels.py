"""Panels for many positive numbers by parameter and step: lines, or a heat map."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from viz.plots.style import Array, Theme, clean, powers, sequential
from viz.plots.text import label_ends, name_ticks, plain, shown

WIDE = 160  # columns of a map


def _limits(values: Array) -> tuple[float, float]:
    """Give the range of what can be drawn on a logarithmic scale, at least a decade."""
    good = values[np.isfinite(values) & (values > 0)]
    low, high = (float(good.min()), float(good.max())) if good.size else (1e-3, 1.0)
    middle = (low * high) ** 0.5
    return (low, high) if high / low >= 10 else (middle / 10**0.5, middle * 10**0.5)


def lines(axes: Axes, values: Array, names: list[str], what: str, theme: Theme) -> None:
    """Draw a line for each parameter; zeros stand on the floor, the lost under the ceiling."""
    low, high = _limits(values)
    floor, ceiling = low / 1.8, high * 1.8
    axes.set_yscale("log")
    axes.set_ylim(floor, ceiling)
    powers(axes.yaxis)
    axes.set_ylabel(what, **plain(9, theme.soft))
    steps = np.arange(values.shape[1])
    ends = []
    for i, (name, row) in enumerate(zip(names, values, strict=True)):
        good, stroke = np.isfinite(row) & (row > 0), theme.stroke(i)
        axes.plot(steps, np.where(good, row, np.nan), linewidth=1.8, label=name, **stroke)
        if good.sum() == 1:
            axes.plot(steps[good], row[good], "o", markersize=5, color=stroke["color"])
        marks = (
            (row == 0, floor, "v", str(stroke["color"]), "zero"),
            (np.isinf(row), ceiling, "x", theme.rose, "lost"),
        )
        for mask, height, marker, colour, label in marks:
            if mask.any():  # an empty line would still take room, at the figure's corner
                y = np.full(mask.sum(), height)
                axes.plot(
                    steps[mask],
                    y,
                    marker,
                    color=colour,
                    label=f"{name} {label}",
                    clip_on=False,
                    markersize=6,
                    zorder=4,
                )
        last = row[good][-1] if good.any() else floor
        end = np.log(last / floor) / np.log(ceiling / floor)
        ends.append((float(end), shown(name, 22), str(stroke["color"])))
    axes.set_xlim(-0.02 * max(1, len(steps) - 1), max(1, len(steps) - 1) * 1.0)
    label_ends(axes, ends)


def _binned(values: Array) -> Array:
    """Give no more columns than can be seen: geometric means; what is lost stays lost."""
    bins = np.array_split(np.arange(values.shape[1]), min(WIDE, values.shape[1]))
    columns = []
    for steps in bins:
        part = values[:, steps]
        good = np.isfinite(part) & (part > 0)
        logs = np.log(np.where(good, part, 1))
        mean = np.exp(logs.sum(axis=1) / np.maximum(good.sum(axis=1), 1))
        zero, lost = (part == 0).any(axis=1), np.isinf(part).any(axis=1)
        column = np.where(good.any(axis=1), mean, np.where(zero, 0.0, np.nan))
        columns.append(np.where(lost, np.inf, column))
    return np.stack(columns, axis=1)


def heat_map(axes: Axes, values: Array, names: list[str], what: str, theme: Theme) -> None:
    """Draw a row for each parameter and a column for each step, or for several."""
    seen, count = _binned(values), values.shape[1]
    low, high = _limits(values)
    good = np.isfinite(seen) & (seen > 0)
    colours = sequential(theme, theme.violet).with_extremes(bad=theme.paper)
    edges = (-0.5, count - 0.5, len(names) - 0.5, -0.5)
    axes.imshow(
        np.where(good, seen, np.nan),
        cmap=colours,
        norm=LogNorm(low, high),
        aspect="auto",
        interpolation="nearest",
        extent=edges,
    )
    width = count / seen.shape[1]
    size = 5 if seen.shape[1] < 80 else 3
    marks = (seen == 0, "v", theme.blue, "zero"), (np.isinf(seen), "x", theme.rose, "lost")
    for mask, marker, colour, label in marks:
        if mask.any():
            rows, columns = np.nonzero(mask)
            x = (columns + 0.5) * width - 0.5
            axes.plot(x, rows, marker, color=colour, markersize=size, label=label)
    name_ticks(axes.yaxis, names, theme.ink, 26)
    axes.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    figure = axes.figure
    assert isinstance(figure, Figure)
    bar = figure.colorbar(
        ScalarMappable(LogNorm(low, high), colours), ax=axes, fraction=0.03, pad=0.02, aspect=20
    )
    bar.outline.set_visible(False)
    clean(bar.ax, theme)
    powers(bar.ax.yaxis)
