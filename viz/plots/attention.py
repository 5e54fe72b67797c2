"""Attention weights as heat maps: which query looks at which key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autonn.arguments import checked
from viz.plots.style import Array, Theme, canvas, clean, items, numbers, on, sequential, theme_of
from viz.plots.text import name_ticks, plain, write

MOST = 16  # heads in one figure


@checked
def attention_weights(
    weights: Any,
    queries: Sequence[object] | None = None,
    keys: Sequence[object] | None = None,
    head: int | None = None,
    *,
    example: int = 0,
    theme: str = "light",
) -> Figure:
    """Draw softmax(q kᵀ / √d): a row for each query, a column for each key, a map for each head.

    Parameters
    ----------
    weights
        (T, S), (heads, T, S) or (N, heads, T, S), as `nn.MultiHeadAttention` gives them.
    queries, keys
        Names of the T queries and of the S keys, such as tokens; by default their numbers, and the
        queries' names for keys if there are as many.
    head
        Which head to draw; by default all.
    example
        Which of the N examples.
    theme
        "light", "dark" or "print".

    Returns
    -------
    Figure
        With an axes for each head.

    Raises
    ------
    ValueError
        For rows that do not sum to 1 (or to 0, which is a query that may attend to nothing), for
        names that are too few or too many, and for heads and examples that are not there.

    Examples
    --------
    >>> figure = attention_weights([[1.0, 0.0], [0.5, 0.5]], ["a", "b"])
    >>> figure.axes[0].images[0].get_array().tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    look = theme_of(theme)
    w = numbers(weights, "weights", (2, 3, 4), "(T, S), (heads, T, S) or (N, heads, T, S)")
    if w.ndim == 4:
        w = w[_within(example, len(w), "example")]
    w = w.reshape((-1, *w.shape[-2:]))
    shown_heads = list(range(len(w))) if head is None else [_within(head, len(w), "head")]
    if len(shown_heads) > MOST:
        raise ValueError(f"weights have {len(w)} heads; want up to {MOST}, or one: head=0")
    off, empty = _checked(w)
    T, S = w.shape[1:]
    rows_named = [*range(T)] if queries is None else items(queries, "queries", "names")
    given = rows_named if keys is None and queries is not None and T == S else keys
    columns_named = [*range(S)] if given is None else items(given, "keys", "names")
    for name, found, wanted in (("queries", rows_named, T), ("keys", columns_named, S)):
        if len(found) != wanted:
            raise ValueError(f"{name} has {len(found)} names; want {wanted}, one for each")
    return _figure(w[shown_heads], shown_heads, rows_named, columns_named, off, empty, look)


def _within(i: int, count: int, name: str) -> int:
    if not -count <= i < count:
        raise ValueError(f"{name}={i}; want 0 to {count - 1}")
    return i % count


def _checked(w: Array) -> tuple[float, int]:
    """Give how far rows are from summing to 1, and how many are 0; refuse what is no softmax."""
    sums = w.sum(axis=-1)
    nothing = ~w.any(axis=-1)
    off = float(np.abs(np.where(nothing, 1.0, sums) - 1).max())
    if off > 1e-3 or w.min() < 0:
        told = (
            f"rows sum to {sums.min():.3g} to {sums.max():.3g}, the least weight is {w.min():.3g}"
        )
        cure = "are these scores, before the softmax, or weights after dropout?"
        raise ValueError(f"weights: {told}; want rows of numbers from 0 on that sum to 1: {cure}")
    return off, int(nothing.sum())


def _figure(
    w: Array,
    heads: Sequence[int],
    queries: Sequence[object],
    keys: Sequence[object],
    off: float,
    empty: int,
    theme: Theme,
) -> Figure:
    T, S = w.shape[1:]
    columns = min(len(w), 4)
    rows = -(-len(w) // columns)
    cell = float(np.clip((9.6 if columns > 1 else 5.2) / columns / S, 0.06, 0.55))
    longest = [min(16, max(len(str(name)) for name in names)) for names in (queries, keys)]
    upright = max(cell, 0.16) < 0.085 * longest[1]
    below = 0.085 * longest[1] if upright else 0.16
    note = "A row for each query: its weights over the keys sum to 1"
    note += f" (to {off:.0e})." if off else "."
    if empty:
        rows_are = "1 row is" if empty == 1 else f"{empty} rows are"
        note += f" {rows_are} 0: nothing may be attended to."
    title = f"Attention weights of {f'{len(w)} heads' if len(w) > 1 else f'head {heads[0]}'}"
    size = (
        (max(cell * S, 1.0) + 0.16) * columns + 0.085 * longest[0] + 0.6,
        (cell * T + 0.12 + 0.24 * (len(w) > 1)) * rows + below + 0.6,
    )
    figure = canvas(theme, max(size[0], 4.6), size[1], title, note)
    for i, (number, weights) in enumerate(zip(heads, w, strict=True)):
        axes = clean(figure.add_subplot(rows, columns, i + 1), theme)
        axes.set_anchor("N")
        _map(axes, weights, theme, cell)
        if len(w) > 1:
            axes.set_title(f"head {number}", **plain(10, theme.ink) | {"weight": "bold"})
        first, last = i % columns == 0, i + columns >= len(w)
        for axis, names, named, what in (
            (axes.yaxis, queries, first, "query"),
            (axes.xaxis, keys, last, "key"),
        ):
            turn = 90 * (upright and what == "key")
            labels = names if named else [""] * len(names)
            name_ticks(axis, labels, theme.ink, room=cell, rotation=turn)
            axis.set_label_text(what if named else "", **plain(9, theme.soft))
    return figure


def _map(axes: Axes, w: Array, theme: Theme, cell: float) -> None:
    """Draw one head; where there is room, write the weights in."""
    colours = sequential(theme)
    axes.imshow(w, cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
    T, S = w.shape
    axes.set_xticks(np.arange(S + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(T + 1) - 0.5, minor=True)
    if cell >= 0.12:
        axes.grid(True, which="minor", color=theme.paper, linewidth=1.2)
    axes.tick_params(which="minor", length=0)
    for (i, j), value in np.ndenumerate(w) if cell >= 0.38 else ():
        if value >= 0.005:
            text = f"{value:.2f}".lstrip("0") if value < 0.995 else "1"
            write(axes, j, i, text, on(colours(float(value))), 8.5, ha="center", va="center")
