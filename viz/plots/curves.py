"""Learning curves: losses and metrics over epochs, the best epoch marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from autonn.arguments import Size, checked
from autonn.operands import bare
from viz.plots.style import Array, Theme, canvas, clean, powers, theme_of
from viz.plots.text import label_ends, plain, shown

LOSSES = ("loss", "error", "nll", "perplexity", "entropy", "mse", "mae", "energy")
HELD_OUT = ("val", "test", "held")
DENSE = 60  # points from which a series is smoothed


def smoothed(values: Sequence[float] | Array, width: int) -> Array:
    """Give the mean of each value and its neighbours, `width` in all, fewer at the ends.

    NaN and infinities do not count.

    Examples
    --------
    >>> smoothed([0.0, 3.0, 6.0, 0.0], 3)
    array([1.5, 3. , 3. , 3. ])
    """
    y = np.asarray(values, np.float64)
    finite, window = np.isfinite(y), np.ones(width | 1)
    pad = (width | 1) // 2
    sums, counts = (
        np.convolve(np.pad(part, pad), window, "valid") for part in (np.where(finite, y, 0), finite)
    )
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


@checked
def learning_curves(
    history: Mapping[str, Sequence[Any]],
    *,
    unit: str = "epoch",
    smooth: Size | None = None,
    theme: str = "light",
) -> Figure:
    """Draw losses in one panel and other metrics in another, and mark the best of each.

    The best is the lowest loss and the highest metric, of a held-out series ("val_", "test_") if
    there is one. A panel is logarithmic if its values are positive and span more than two decades.

    Parameters
    ----------
    history
        Numbers by name, one per epoch. A series that is longer than the shortest is taken to go
        over the same time in smaller steps. Names with "loss", "error", "mse" and the like are
        losses.
    unit
        What the shortest series counts: "epoch", "step".
    smooth
        Over how many points a series is averaged; the raw one stays as a thin line. By default a
        25th of its length if there are more than 60 points; 1 for never.
    theme
        "light", "dark" or "print".

    Returns
    -------
    Figure
        With an axes for losses, one for metrics, or both. Lines have their names as labels, the
        best marks the label "best".

    Raises
    ------
    ValueError
        For an empty history, an empty series, or one without a finite number.
    TypeError
        For what is no mapping.

    Examples
    --------
    >>> figure = learning_curves({"loss": [2.0, 1.0, 0.5], "val_loss": [2.0, 1.2, 1.5]})
    >>> [line.get_xdata().tolist() for line in figure.axes[0].lines if line.get_label() == "best"]
    [[2.0]]
    """
    look = theme_of(theme)
    if not isinstance(history, Mapping) or not history:
        told = 'want series by name: {"loss": [...], "val_loss": [...]}'
        kind = "empty" if isinstance(history, Mapping) else f"a {type(history).__name__}"
        raise (ValueError if isinstance(history, Mapping) else TypeError)(
            f"history is {kind}; {told}"
        )
    series = {str(name): _series(name, values) for name, values in history.items()}
    span = min(len(y) for y in series.values())
    losses = [name for name in series if any(word in name.lower() for word in LOSSES)]
    panels = [names for names in (losses, [n for n in series if n not in losses]) if names]
    width = 5.6 * len(panels) if len(panels) > 1 else 7.0
    figure = canvas(look, width, 3.4, *_title(series, losses, unit, span))
    for i, names in enumerate(panels):
        axes = clean(figure.add_subplot(1, len(panels), i + 1), look, "y")
        _panel(axes, {name: series[name] for name in names}, names is losses, span, smooth, look)
        axes.set_xlabel(shown(unit), **plain(9, look.soft))
        heading = "loss" if names is losses else "metric" if len(names) > 1 else shown(names[0])
        axes.set_title(heading, loc="left", **plain(10.5, look.ink) | {"weight": "bold"})
    return figure


def _series(name: object, values: Any) -> Array:
    """Give a series as an array; Tensors of one number will do."""
    try:
        y = np.array([float(np.asarray(bare(v)).item()) for v in values])
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"history[{name!r}] is {values!r:.60}; want a number for each epoch"
        ) from error
    if not np.isfinite(y).any():
        raise ValueError(f"history[{name!r}] has {len(y)} numbers, none finite; want one at least")
    return y


def _best(series: Mapping[str, Array], lower: bool) -> tuple[str, int]:
    """Give the name and place of the best value, of a held-out series if there is one."""
    name = next(
        (n for n in series if any(word in n.lower() for word in HELD_OUT)), next(iter(series))
    )
    y = np.where(np.isfinite(series[name]), series[name], np.inf if lower else -np.inf)
    return name, int(np.argmin(y) if lower else np.argmax(y))


def _title(
    series: Mapping[str, Array], losses: Sequence[str], unit: str, span: int
) -> tuple[str, str]:
    """Say what came out: where the best was, and how long it went on."""
    lower = bool(losses)
    name, i = _best({n: series[n] for n in losses} if lower else series, lower)
    y = series[name]
    when = _time(i, len(y), span)
    extreme = "lowest" if lower else "highest"
    broken = [n for n, v in series.items() if not np.isfinite(v).all()]
    note = f"{span} {unit}{'s' * (span != 1)}"
    if broken:
        note += f"; NaN or infinite values in {', '.join(shown(n, 20) for n in broken)} (crosses)"
    return f"{shown(name, 24)} is {extreme} at {shown(unit)} {when:.3g}: {y[i]:.4g}", note


def _time(i: int, length: int, span: int) -> float:
    """When the i-th of `length` values was: series of different lengths end at the same time."""
    return (i + 1) * span / length


def _panel(
    axes: Axes,
    series: Mapping[str, Array],
    lower: bool,
    span: int,
    smooth: int | None,
    theme: Theme,
) -> None:
    """Draw series over one scale, the best value marked, names at the lines' ends."""
    together = np.concatenate(list(series.values()))
    together = together[np.isfinite(together)]
    logarithmic = bool(together.min() > 0 and together.max() / together.min() > 100)
    scale = np.log10 if logarithmic else np.asarray
    low, high = (float(scale(v)) for v in (together.min(), together.max()))
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = low - room, high + room
    if logarithmic:
        axes.set_yscale("log")
    axes.set_ylim(*((10**low, 10**high) if logarithmic else (low, high)))
    if logarithmic:
        powers(axes.yaxis)
    ends = []
    for i, (name, y) in enumerate(series.items()):
        last = _line(axes, name, y, span, smooth, theme.stroke(i), theme)
        height = (float(scale(last)) - low) / (high - low)
        ends.append((height, shown(name, 18), str(theme.stroke(i)["color"])))
    first = min(1.0, span / max(map(len, series.values())))
    axes.set_xlim(*((first, span) if first < span else (0.5, 1.5)))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    label_ends(axes, ends)
    _mark(axes, series, lower, span, theme)


def _line(
    axes: Axes, name: str, y: Array, span: int, smooth: int | None, stroke: Any, theme: Theme
) -> float:
    """Draw one series, smoothed over its thin raw self if it is dense; give its last value."""
    x = (np.arange(len(y)) + 1) * span / len(y)
    width = max(3, len(y) // 25) if len(y) > DENSE else 1
    width = width if smooth is None else min(smooth, 2 * len(y))
    line = np.where(np.isfinite(y), y, np.nan)
    if width > 1:
        thin = {"linewidth": 0.7, "alpha": 0.35, "color": stroke["color"]}
        axes.plot(x, line, label=f"{name} raw", **thin)
        line = smoothed(y, width)
    axes.plot(x, line, linewidth=2, label=name, **stroke)
    lost = ~np.isfinite(y)
    if lost.any():
        look: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        look |= {"color": theme.rose, "markersize": 5, "label": f"{name} lost"}
        axes.plot(x[lost], np.full(lost.sum(), 0.985), "x", **look)
    return float(line[np.isfinite(line)][-1])


def _mark(axes: Axes, series: Mapping[str, Array], lower: bool, span: int, theme: Theme) -> None:
    """Put a ring and the value at the best place."""
    name, i = _best(series, lower)
    y, x = series[name][i], _time(i, len(series[name]), span)
    colour = theme.stroke(list(series).index(name))["color"]
    ring = {"markersize": 8, "markeredgewidth": 1.4, "markeredgecolor": theme.ink}
    axes.plot([x], [y], "o", label="best", mfc="none", zorder=5, clip_on=False, **ring)  # type: ignore[arg-type]
    axes.plot([x], [y], "o", markersize=3.5, color=colour, zorder=5, clip_on=False)
    left, right = axes.get_xlim()
    share = (x - left) / (right - left)
    side = "left" if share < 0.1 else "right" if share > 0.9 else "center"
    look = plain(9, theme.ink) | {"weight": "bold", "ha": side, "va": "top" if lower else "bottom"}
    look["path_effects"] = [withStroke(linewidth=2.5, foreground=theme.paper)]
    # The mark is at the lowest or highest point of its line: below it, or above it, there is room.
    offset = (-8 if side == "right" else 0, -8 if lower else 8)
    axes.annotate(f"{y:.4g}", (x, y), offset, textcoords="offset points", zorder=6, **look)
