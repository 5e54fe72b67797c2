"""What normalisation layers average over, found from the layers themselves by their Jacobian."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from math import prod
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import autonn
from autonn import nn
from autonn.arguments import checked
from viz.plots.cells import LETTERS, Frame, cube, table
from viz.plots.style import Array, Index, Shape, blank, canvas, items, theme_of

LARGEST = 100_000_000  # elements


@checked
def shared_statistics(layer: nn.Module, shape: Shape, index: Index) -> Array:
    """∂y[index] / ∂x ≠ 0: which elements of x an element of y = layer(x) is computed from.

    Of a normalisation layer these are the elements that share its mean and variance. Nothing is
    assumed about the layer: a copy of it is run, and autograd says what depends on what.

    Parameters
    ----------
    layer
        A layer of one input.
    shape
        The input's.
    index
        Of an element of the output.

    Returns
    -------
    array of bool
        In the input's shape.

    Raises
    ------
    ValueError
        For an index that is not in the output, and more than 100,000,000 elements.

    Examples
    --------
    >>> shared_statistics(nn.BatchNorm1d(2), (3, 2), (0, 1)).astype(int)
    array([[0, 1],
           [0, 1],
           [0, 1]])
    """
    return _slopes(layer, shape, index) != 0


def _slopes(layer: nn.Module, shape: Sequence[int], index: Sequence[int]) -> Array:
    """∂y[index] / ∂x at some x; the layer itself, its statistics, too, stays as it was."""
    place, twin = tuple(index), deepcopy(layer).freeze()

    def element(x: Any) -> Any:
        y = twin(x)
        inside = len(place) == y.ndim and all(
            -n <= i < n for i, n in zip(place, y.shape, strict=True)
        )
        if not inside:
            raise ValueError(f"index={place}; want one of an element of shape {y.shape}")
        return y[place]

    if prod(shape) > LARGEST:
        raise ValueError(f"shape={tuple(shape)}; want up to {LARGEST:,} elements")
    x = np.random.default_rng(0).normal(size=tuple(shape))
    return np.asarray(autonn.grad(element)(x))


@checked
def normalised_together(
    layers: Sequence[nn.Module] | None = None,
    shape: Shape = (6, 6, 2, 3),
    index: Index | None = None,
    *,
    theme: str = "light",
) -> Figure:
    """Draw, for each layer, which elements are normalised together with a chosen one.

    In the form of Wu and He 2018, arXiv:1803.08494, fig. 2: a cube with the axes N, C and (H, W);
    for inputs (N, features), a table with a row for each example.

    Parameters
    ----------
    layers
        By default BatchNorm, LayerNorm, InstanceNorm and GroupNorm for that shape.
    shape
        (N, C), (N, C, L), (N, C, H, W) or (N, C, D, H, W).
    index
        The chosen element; by default the one nearest to the eye.
    theme
        "light", "dark" or "print".

    Returns
    -------
    Figure
        With an axes for each layer.

    Raises
    ------
    ValueError
        For a shape of other axes, or too large to be seen (more than 16 along an axis).
    TypeError
        For a layer that is no Module.

    Examples
    --------
    >>> figure = normalised_together([nn.BatchNorm1d(6), nn.LayerNorm(6)], (8, 6))
    >>> len(figure.axes)
    2
    """
    look, shape = theme_of(theme), tuple(shape)
    flat = (*shape[:2], prod(shape[2:]))
    if not 2 <= len(shape) <= 5 or max(flat) > 16:
        told = "(N, C), (N, C, L) or (N, C, H, W), with up to 16 along an axis (H times W, too)"
        raise ValueError(f"shape={shape}; want {told}")
    nearest = tuple(n - 1 if len(shape) > 2 else n // 3 for n in shape)
    place = nearest if index is None else tuple(index)
    chosen = _usual(shape) if layers is None else items(layers, "layers", "layers")
    if not chosen:
        raise ValueError("layers are empty; want at least one, or None for the usual ones")
    for layer in chosen:
        if not isinstance(layer, nn.Module):
            raise TypeError(f"layers hold {layer!r:.60}; want layers of autonn.nn")
    rows = -(-len(chosen) // 4)
    columns = -(-len(chosen) // rows)
    frame = Frame(flat)
    note = "Found by running each layer: blue is where ∂y / ∂x of the outlined element is not 0."
    size = (frame.inches[0] * max(columns, 2), frame.inches[1] * rows)
    figure = canvas(look, *size, "What is normalised together", note)
    for i, layer in enumerate(chosen):
        axes = blank(figure.add_subplot(rows, columns, i + 1), look)
        slopes = _slopes(layer, shape, place)
        (cube if len(shape) > 2 else table)(axes, slopes != 0, place, look)
        name = type(layer).__name__ + ", evaluation" * (not layer.training)
        frame.caption(axes, name, _axes_told(slopes != 0), _statistics_told(slopes), look)
    return figure


def _usual(shape: Sequence[int]) -> list[nn.Module]:
    """The four of the paper, or, of inputs without positions, the two that differ."""
    features = shape[1]
    if len(shape) == 2:
        return [nn.BatchNorm1d(features), nn.LayerNorm(features)]
    groups = next((g for g in (2, 3, 5) if features % g == 0), 1)
    rest: list[nn.Module] = [nn.LayerNorm(shape[1:]), nn.GroupNorm(groups, features)]
    if len(shape) == 3:
        return [nn.BatchNorm1d(features), rest[0], nn.InstanceNorm1d(features), rest[1]]
    if len(shape) == 4:
        return [nn.BatchNorm2d(features), rest[0], nn.InstanceNorm2d(features), rest[1]]
    return rest


def _axes_told(together: Array) -> str:
    """Say over which axes a set goes: "over N, H, W", "over 3 of 6 C, H, W"."""
    names = ("examples", "features") if together.ndim == 2 else LETTERS[together.ndim]
    parts = []
    for axis, (name, length) in enumerate(zip(names, together.shape, strict=True)):
        others = tuple(a for a in range(together.ndim) if a != axis)
        count = int(together.any(axis=others).sum())
        if count == length and length > 1:
            parts.append(name)
        elif count > 1:
            parts.append(f"{count} of {length} {name}")
    return (
        "over " + "the " * (together.ndim == 2) + ", ".join(parts)
        if parts
        else "each element by itself"
    )


def _statistics_told(slopes: Array) -> str:
    """Say how many elements are averaged, and whether their mean is taken off."""
    count = int((slopes != 0).sum())
    if count <= 1:
        return "constants in place of statistics"
    # A layer that takes the mean off does not see what is added to all: its slopes sum to 0.
    shifted = abs(slopes.sum()) > 1e-6 * np.abs(slopes).sum()
    return f"{'root mean square' if shifted else 'mean and variance'} of {count}"
