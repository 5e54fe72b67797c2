"""All activations and their derivatives, as the layers and autograd compute them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import autonn
from autonn import nn
from autonn.graph import no_grad
from autonn.nn import activations as every
from autonn.operands import bare
from viz.plots.style import Array, Theme, canvas, clean, items, numbers, theme_of
from viz.plots.text import plain, shown, wrapped

POINTS = 1001


def usual_activations() -> list[nn.Module]:
    """Give one of each activation of autonn.nn, in the order in which they are written.

    Examples
    --------
    >>> usual_activations()[:2]
    [ReLU(), LeakyReLU(0.01)]
    """
    kinds = [kind for kind in vars(every).values() if isinstance(kind, type)]
    own = [kind for kind in kinds if kind.__module__ == every.__name__]
    return [kind() for kind in own if issubclass(kind, nn.Module)]


def formula(layer: nn.Module) -> str:
    """Give the formula in which a layer's documentation begins, without its source.

    Examples
    --------
    >>> formula(nn.SiLU())
    'y = x sigmoid(x)'
    """
    first = (type(layer).__doc__ or "").strip().partition("\n")[0]
    return first.partition(": ")[0].partition("; ")[0].rstrip(".")


def values_and_slopes(layer: nn.Module, x: Array) -> tuple[Array, Array]:
    """Give y and ∂y/∂x at each of several x: of the first of three elements, the others being 0.

    That makes curves of softmax, too; where elements do not see each other, it changes nothing.

    Examples
    --------
    >>> values_and_slopes(nn.Softmax(), np.zeros(1))[1].round(3)
    array([0.222])
    """
    row = np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=-1)
    with no_grad():
        y = bare(layer(row))[:, 0]
    slopes = bare(autonn.grad(lambda row: layer(row)[:, 0].sum())(row))[:, 0]
    return y, slopes


def kinks(layer: nn.Module, span: tuple[float, float]) -> list[float]:
    """Find where the derivative jumps: between two neighbours first, then by bisection.

    Examples
    --------
    >>> np.round(kinks(nn.HardSigmoid(), (-5, 5)), 6).tolist()
    [-3.0, 3.0]
    """
    x = np.linspace(*span, POINTS)
    _, slopes = values_and_slopes(layer, x)
    # A smooth derivative moves by less than this from one of the points to the next.
    jumps = np.flatnonzero(np.abs(np.diff(slopes)) > 6 * (span[1] - span[0]) / POINTS)
    found: list[float] = []
    for i in jumps:
        low, high = x[i], x[i + 1]
        for _ in range(30):
            middle = (low + high) / 2
            at = values_and_slopes(layer, np.array([low, middle, high]))[1]
            low, high = (low, middle) if abs(at[1] - at[0]) > abs(at[2] - at[1]) else (middle, high)
        if not found or high - found[-1] > 1e-6:
            found.append(float(high))
    return found


def activation_curves(
    layers: Sequence[nn.Module] | None = None,
    span: tuple[float, float] = (-5.0, 5.0),
    *,
    theme: str = "light",
) -> Figure:
    """Draw y and dy/dx of activations, a panel for each, with their kinks marked.

    Parameters
    ----------
    layers
        Layers of one input that keep its shape; by default all activations of autonn.nn.
    span
        From where to where x goes.
    theme
        "light", "dark" or "print".

    Returns
    -------
    Figure
        With an axes for each layer, and in it the lines "y" and "dy/dx".

    Raises
    ------
    ValueError
        For a span that is empty or not finite.
    TypeError
        For a layer that is no Module.

    Examples
    --------
    >>> len(activation_curves().axes)
    12
    """
    look = theme_of(theme)
    ends = numbers(span, "span", (1,), "two finite numbers, the smaller first")
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ValueError(f"span={span}; want two finite numbers, the smaller first")
    span = float(ends[0]), float(ends[1])
    chosen = usual_activations() if layers is None else items(layers, "layers", "activations")
    for layer in chosen:
        if not isinstance(layer, nn.Module):
            raise TypeError(f"layers hold {layer!r:.60}; want activations, such as nn.ReLU()")
    if not chosen:
        raise ValueError("layers are empty; want at least one, or None for all activations")
    columns = min(4, len(chosen))
    rows = -(-len(chosen) // columns)
    note = "Derivatives by autograd. Rings mark a kink, the dot the slope that is chosen there."
    if any(isinstance(layer, nn.Softmax) for layer in chosen):
        note += " Softmax: one of three elements, the others 0."
    size = max(2.75 * columns, 5.5), 2.35 * rows
    figure = canvas(look, *size, "Activations and their derivatives", note)
    for i, layer in enumerate(chosen):
        _panel(figure.add_subplot(rows, columns, i + 1), layer, span, look)
    _label_lines(figure.axes[0], look)
    return figure


def _panel(axes: Axes, layer: nn.Module, span: tuple[float, float], theme: Theme) -> None:
    """Draw one activation."""
    clean(axes, theme)
    x = np.linspace(*span, POINTS)
    y, slopes = values_and_slopes(layer, x)
    if span[0] < 0 < span[1]:
        axes.axvline(0, color=theme.line, linewidth=0.7, zorder=0)
    axes.axhline(0, color=theme.line, linewidth=0.7, zorder=0)
    axes.plot(x, y, color=theme.blue, linewidth=2.2, label="y")
    low = max(min(y.min(), slopes.min()), -2.2)
    high = min(max(y.max(), slopes.max()), 2.6)
    room = 0.12 * (high - low) or 1.0
    for at in kinks(layer, span):
        x, slopes = _broken(axes, layer, at, x, slopes, theme)
    look = {"linewidth": 1.8, "color": theme.amber, "linestyle": (0, (4, 1.2))}
    axes.plot(x, slopes, label="dy/dx", zorder=3, **look)  # type: ignore[arg-type]
    axes.set_xlim(*span)
    axes.set_ylim(low - room, high + room)
    axes.locator_params(axis="y", nbins=5)
    _heading(axes, layer, theme)


def _broken(
    axes: Axes, layer: nn.Module, at: float, x: Array, slopes: Array, theme: Theme
) -> tuple[Array, Array]:
    """Mark a kink; let the line of slopes end on one side of it, and start anew on the other."""
    ends = at + np.array([-1e-6, 0, 1e-6])
    sides = values_and_slopes(layer, ends)[1]
    ring = {"markersize": 4.5, "markerfacecolor": theme.paper, "markeredgewidth": 1.3}
    look = {"color": theme.amber, "linestyle": "", "marker": "o"}
    axes.plot(ends[[0, 2]], sides[[0, 2]], zorder=4, label="kink", **look, **ring)  # type: ignore[arg-type]
    exactly = values_and_slopes(layer, np.array([round(at, 9)]))[1]
    axes.plot([at], exactly, markersize=5, zorder=5, label="slope chosen", **look)  # type: ignore[arg-type]
    before, after = x < at - 1e-5, x > at + 1e-5
    x = np.concatenate([x[before], ends, x[after]])
    return x, np.concatenate([slopes[before], [sides[0], np.nan, sides[2]], slopes[after]])


def _label_lines(axes: Axes, theme: Theme) -> None:
    """Say which line is which, where they are about to leave the panel."""
    (x_low, x_high), (low, high) = axes.get_xlim(), axes.get_ylim()
    for line in axes.get_lines():
        label = str(line.get_label())
        if label not in ("y", "dy/dx"):
            continue
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        seen = np.flatnonzero((y > low) & (y < high) & (x < x_high - 0.02 * (x_high - x_low)))
        place = (x[seen[-1]], y[seen[-1]])
        at = (-9, -12) if label == "y" else (0, 5)
        look = plain(10, str(line.get_color())) | {"weight": "bold", "ha": "right"}
        axes.annotate(label, place, at, textcoords="offset points", **look)


def _heading(axes: Axes, layer: nn.Module, theme: Theme) -> None:
    """Write the name and, in up to two lines, the formula above the panel."""
    text = shown(formula(layer), 90)
    # A line does not end within brackets.
    text = re.sub(
        r"\((?:[^()]|\([^()]*\))*\)",
        lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"),
        text,
    )
    above = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    name = shown(layer.label.removesuffix("()"), 26)
    look = plain(11, theme.ink) | {"weight": "bold"}
    axes.annotate(name, (0, 1), (0, 29), **above, **look)  # type: ignore[arg-type]
    for i, line in enumerate(wrapped(text, 8, 2.2)[:2]):
        axes.annotate(line, (0, 1), (0, 16.5 - 11 * i), **above, **plain(8, theme.soft))  # type: ignore[arg-type]
