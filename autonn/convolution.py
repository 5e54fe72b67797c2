"""Convolution over any number of spatial axes, its transpose, and where their windows lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np

from autonn.arguments import Size, Wholes, explained
from autonn.graph import Array
from autonn.operands import operand
from autonn.places import Ints, Pairs
from autonn.windows import conv as correlate
from autonn.windows import conv_x

Each: TypeAlias = Annotated[int | Sequence[int], Wholes(1)]
Extra: TypeAlias = Annotated[int | Sequence[int], Wholes(0)]
Sides: TypeAlias = Annotated[
    int | Sequence[int] | Sequence[tuple[int, int]], Wholes(0, nested=True)
]
Padding: TypeAlias = Sides | Literal["valid", "same", "causal"]
Mode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"]

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}

# ----- Where windows lie -----


def each(value: Each, rank: int, name: str, least: int = 1) -> Ints:
    """Give a number for each spatial axis, of one for all or of a sequence.

    Examples
    --------
    >>> each(2, 3, "stride"), each((1, 2), 2, "stride")
    ((2, 2, 2), (1, 2))
    """
    numbers = tuple(value) if isinstance(value, Sequence) else (value,) * rank
    whole = all(isinstance(n, int | np.integer) and n >= least for n in numbers)
    if len(numbers) != rank or not whole:
        wanted = f"a whole number from {least}, or {rank} of them"
        raise ValueError(f"{name}={value!r}; want {wanted}")
    return tuple(int(n) for n in numbers)


def pairs(padding: Padding, size: Ints, kernel: Ints, stride: Ints, dilation: Ints) -> Pairs:
    """Give the padding before and after each spatial axis.

    Parameters
    ----------
    padding
        A number for all sides, one for each axis, a pair (before, after) for each axis, or

        - "valid": none;
        - "same": what keeps the length (stride 1 only); of an odd number the larger half goes
          after, as in PyTorch and ONNX's SAME_UPPER;
        - "causal": all of it before, so that an output sees nothing that comes after it. Along one
          axis only.
    size, kernel, stride, dilation
        Of each spatial axis.

    Examples
    --------
    >>> pairs("same", (9,), (4,), (1,), (1,)), pairs("causal", (9,), (3,), (1,), (2,))
    (((1, 2),), ((4, 0),))
    """
    rank = len(kernel)
    spread = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if padding == "valid":
        return ((0, 0),) * rank
    if padding == "same":
        if any(s != 1 for s in stride):
            wanted = [(n - 1) * s + r + 1 - n for n, s, r in zip(size, stride, spread, strict=True)]
            keeps = ", ".join(str((n // 2, n - n // 2)) for n in wanted)
            raise ValueError(
                f"padding='same' with stride {stride}, which makes fewer outputs than inputs: give "
                f"the padding in numbers ([{keeps}] would keep the size {size})"
            )
        return tuple((n // 2, n - n // 2) for n in spread)
    if padding == "causal" and rank == 1:
        return ((spread[0], 0),)
    if isinstance(padding, str):
        known = "'valid', 'same'" + ", 'causal'" * (rank == 1)
        raise ValueError(f"padding={padding!r}; want a number, {known}, or pairs (before, after)")
    sides: Any = padding
    if isinstance(padding, Sequence) and all(isinstance(side, Sequence) for side in padding):
        if len(padding) != rank:
            raise ValueError(f"padding={padding!r}; want {rank} pairs (before, after)")
        return tuple((each(side, 2, "padding", 0)) for side in sides)  # type: ignore[misc]
    return tuple((n, n) for n in each(sides, rank, "padding", 0))


def channels_first(x: Array, channels_last: bool) -> Array:
    """Move the channels from the last axis to the second, if they are last."""
    return np.moveaxis(operand(x), -1, 1) if channels_last else operand(x)


def channels_back(y: Array, channels_last: bool) -> Array:
    """Move the channels from the second axis to the last, if they belong there."""
    return np.moveaxis(y, 1, -1) if channels_last else y


def spatial(x: Array, w: Array) -> int:
    """Give the number of spatial axes of x and w; refuse an x that has others than w."""
    if w.ndim < 3 or x.ndim != w.ndim:
        wanted = "(N, channels, *size) and (out, in, *kernel)"
        raise ValueError(f"input of shape {x.shape} and weight of shape {w.shape}; want {wanted}")
    return w.ndim - 2


def add_bias(y: Array, bias: Any, channels_last: bool) -> Array:
    """Add a number for each channel."""
    if bias is None:
        return y
    channels = y.shape[-1 if channels_last else 1]
    bias = operand(bias)
    if bias.shape != (channels,):
        raise ValueError(f"bias has shape {bias.shape}; want ({channels},)")
    return y + (bias if channels_last else bias.reshape(-1, *[1] * (y.ndim - 2)))


# ----- Convolution -----


@explained
def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Each = 1,
    padding: Padding = 0,
    dilation: Each = 1,
    groups: Size = 1,
    padding_mode: Mode = "zeros",
    channels_last: bool = False,
) -> Array:
    """y[n, o, p] = b[o] + Σ over c and k of w[o, c, k] x[n, c, stride p + dilation k - padding].

    A cross-correlation, as in PyTorch, over one, two or any number of spatial axes.

    Parameters
    ----------
    x
        (N, in, *size), or (N, *size, in) with `channels_last`.
    weight
        (out, in / groups, *kernel), whatever the order of x.
    bias
        (out,).
    stride, dilation
        Steps between windows, and between the elements of a window: a number, or one for each axis.
    padding
        See `pairs`.
    groups
        Into how many groups the channels are cut; each output sees its own group alone.
    padding_mode
        What the padding holds: "zeros", "reflect", "replicate" or "circular".
    channels_last
        Whether x and y have their channels on the last axis.

    Returns
    -------
    Array
        (N, out, *count) with count = (size + padding - dilation (kernel - 1) - 1) // stride + 1, or
        (N, *count, out) with `channels_last`.

    Raises
    ------
    ValueError
        For a kernel larger than the padded input, and channels that do not fit.

    Examples
    --------
    >>> x, w = np.arange(5.0).reshape(1, 1, 5), np.array([[[1.0, 2.0]]])
    >>> conv(x, w), conv(x, w, stride=2, padding="causal").shape
    (array([[[ 2.,  5.,  8., 11.]]]), (1, 1, 3))
    """
    x, weight = channels_first(x, channels_last), operand(weight)
    rank, size, kernel = spatial(x, weight), x.shape[2:], weight.shape[2:]
    steps, spread = each(stride, rank, "stride"), each(dilation, rank, "dilation")
    around = pairs(padding, size, kernel, steps, spread)
    if padding_mode != "zeros":
        x, around = surround(x, around, padding_mode), ((0, 0),) * rank
    y = correlate(x, weight, stride=steps, padding=around, dilation=spread, groups=groups)
    return add_bias(channels_back(y, channels_last), bias, channels_last)


def surround(x: Array, around: Pairs, mode: str) -> Array:
    """Pad the spatial axes of x with its own elements."""
    if mode not in MODES:
        raise ValueError(f"padding_mode={mode!r}; want one of {', '.join(MODES)}")
    if not any(map(any, around)):
        return x
    for n, (before, after) in zip(x.shape[2:], around, strict=True):
        longest = n - 1 if mode == "reflect" else n if mode == "circular" else before + after
        if max(before, after) > longest:
            told = f"padding {(before, after)} of an axis of length {n}"
            raise ValueError(f"padding_mode={mode!r}: {told}; want {longest} or less")
    return np.pad(x, ((0, 0), (0, 0), *around), mode=MODES[mode])  # type: ignore[call-overload]


@explained
def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Each = 1,
    padding: Padding = 0,
    output_padding: Extra = 0,
    groups: Size = 1,
    dilation: Each = 1,
    channels_last: bool = False,
) -> Array:
    """y[n, o, stride p + dilation k - padding] = b[o] + Σ over c, p and k of w[c, o, k] x[n, c, p].

    The adjoint of `conv`: Zeiler et al. 2010, Deconvolutional Networks, CVPR. The arguments
    stand in the order of PyTorch.

    Parameters
    ----------
    x
        (N, in, *size), or channels last.
    weight
        (in, out / groups, *kernel): what `conv` takes to go the other way.
    padding
        What is cut off again before and after each axis.
    output_padding
        How much longer than the shortest possible the output is, after each axis; less than the
        stride or the dilation.
    bias, stride, dilation, groups, channels_last
        As in `conv`.

    Returns
    -------
    Array
        (N, out, *length) with length = (size - 1) stride - padding + dilation (kernel - 1) +
        output_padding + 1.

    Examples
    --------
    >>> conv_transpose(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 1.0, 1.0]]]), stride=2)
    array([[[1., 1., 3., 2., 2.]]])
    """
    x, weight = channels_first(x, channels_last), operand(weight)
    rank, size, kernel = spatial(x, weight), x.shape[2:], weight.shape[2:]
    steps, spread = each(stride, rank, "stride"), each(dilation, rank, "dilation")
    extra = each(output_padding, rank, "output_padding", 0)
    if isinstance(padding, str):
        raise ValueError(f"padding={padding!r} of a transposed convolution; want numbers")
    around = pairs(padding, size, kernel, steps, spread)
    for e, s, d in zip(extra, steps, spread, strict=True):
        if e >= max(s, d):
            raise ValueError(
                f"output_padding={output_padding!r}; want less than the stride or the dilation, "
                f"{max(s, d)}"
            )
    if groups < 1 or x.shape[1] != weight.shape[0] or x.shape[1] % groups:
        raise ValueError(
            f"{x.shape[1]} input channels in {groups} groups do not fit a kernel of shape "
            f"{weight.shape}: want (in, out / groups, *kernel)"
        )
    # The output padding is what is cut off less at the end; what was not there to cut is 0.
    cut = tuple((b, max(0, a - e)) for (b, a), e in zip(around, extra, strict=True))
    more = [max(0, e - a) for (_, a), e in zip(around, extra, strict=True)]
    long = tuple(
        (n - 1) * s - sum(p) + d * (k - 1) + 1
        for n, s, p, d, k in zip(size, steps, cut, spread, kernel, strict=True)
    )
    final = tuple(n + m for n, m in zip(long, more, strict=True))
    if min(final) < 1:
        raise ValueError(f"an output of size {final}: the padding {padding!r} cuts off all")
    if min(long) < 1:  # all that is left of some axis is what is longer: cut afterwards
        starts = [before for before, _ in cut]
        whole = tuple(
            (n - 1) * s + d * (k - 1) + 1
            for n, s, d, k in zip(size, steps, spread, kernel, strict=True)
        )
        none = ((0, 0),) * rank
        y = conv_x(
            x, weight, size=whole, stride=steps, padding=none, dilation=spread, groups=groups
        )
        y = np.pad(y, [(0, 0), (0, 0), *((0, n) for n in more)])
        kept: Any = (..., *(slice(a, a + n) for a, n in zip(starts, final, strict=True)))
        y = y[kept]
    else:
        y = conv_x(x, weight, size=long, stride=steps, padding=cut, dilation=spread, groups=groups)
        if any(more):
            y = np.pad(y, [(0, 0), (0, 0), *((0, n) for n in more)])
    return add_bias(channels_back(y, channels_last), bias, channels_last)
