"""Convolution and its transpose, derived by hand, over any number of spatial axes.

Let x be padded already. For each element k of the kernel let Xₖ be x from dilation k on in steps of
stride, with as many places as y, and Wₖ the matrix w[:, :, k]. Then

    y = Σₖ Wₖ Xₖ, and dL = <g, Σₖ Wₖ dXₖ + dWₖ Xₖ>, so that

- ∂L/∂Wₖ = g Xₖᵀ: the correlation of x with g, stride and dilation having changed places;
- ∂L/∂x[q] = Σₖ Wₖᵀ g[(q - dilation k) / stride], where that is a place: g, with stride - 1 zeros
  put between its places, correlated with the flipped kernel. The products with these zeros are left
  out: q's phase, its remainder by the stride, tells which k meet no zero.

Padding is zeros, or copies; on the way back a copy's cotangent adds to what it is a copy of.

Arrays are laid out as (groups, channels, N, *cells), with one x for each phase. A cell is what a
stride steps over: to count places along an axis belong count + dilation (kernel - 1) // stride
cells, so that each Xₖ is a shift of the flattened cells, and nothing is copied to be multiplied.
Rows that run over an axis's end belong to no place: they are 0 in g, and cut off in y.

Goodfellow, Bengio and Courville 2016, Deep Learning, eqs. 9.8 and 9.11 to 9.13.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from autonn.oracle.base import Gradients, given

Ints: TypeAlias = tuple[int, ...]
Pairs: TypeAlias = tuple[tuple[int, int], ...]
Each: TypeAlias = int | Sequence[int]
Padding: TypeAlias = int | str | Sequence[int] | Sequence[Sequence[int]]


def each(value: Each, rank: int) -> Ints:
    """Give a number for each spatial axis."""
    return tuple(np.broadcast_to(value, rank).tolist())


def sides(padding: Padding, kernel: Ints, dilation: Ints) -> Pairs:
    """Give the padding before and after each spatial axis; of "same" the larger half is after."""
    spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if isinstance(padding, str):
        words = {"valid": [(0, 0) for n in spans], "causal": [(n, 0) for n in spans]}
        words["same"] = [(n // 2, n - n // 2) for n in spans]
        return tuple(words[padding])
    numbers = np.asarray(padding)
    both = numbers if numbers.ndim == 2 else numbers[..., None]
    return tuple((b, a) for b, a in np.broadcast_to(both, (len(kernel), 2)).tolist())


def margins(size: int, before: int, after: int, mode: str) -> tuple[Any, Any]:
    """Give the padding's places that are no zeros, and those that each is a copy of."""
    place = np.concatenate([np.arange(-before, 0), np.arange(size, size + after)])
    if mode == "zeros":
        return place[:0], place[:0]
    period = max(1, 2 * (size - 1))  # of a line read to and fro
    source = {
        "reflect": np.minimum(place % period, period - place % period),
        "replicate": np.clip(place, 0, size - 1),
        "circular": place % size,
    }[mode]
    return place + before, source + before


def multiplied(a: Any, b: Any) -> Any:
    """A b, for stacks of matrices; with one column in a it is an outer product, no sum."""
    return a * b if a.shape[-1] == 1 else a @ b


class Windows:
    """Where the windows lie, and the three sums over the elements of the kernel."""

    def __init__(
        self,
        size: Ints,
        count: Ints,
        kernel: Ints,
        stride: Ints,
        dilation: Ints,
        around: Pairs,
        mode: str = "zeros",
    ) -> None:
        axes = list(zip(size, around, strict=True))
        spans = np.multiply(dilation, kernel) - dilation
        self.stride, self.cells = stride, tuple((count + spans // stride).tolist())
        padded, whole = [n + sum(pair) for n, pair in axes], np.multiply(stride, self.cells)
        self.length = tuple(np.maximum(padded, whole).tolist())
        self.inside: Any = (..., *(slice(before, before + n) for n, (before, _) in axes))
        self.places: Any = (..., *map(slice, count))
        self.margins = [margins(n, *pair, mode) for n, pair in axes]
        offsets = np.array(list(np.ndindex(*kernel))) * dilation
        shifts = np.ravel_multi_index(tuple((offsets // stride).T), self.cells)
        self.last, self.phases = int(shifts[-1]), dict[Ints, list[tuple[int, int]]]()
        # To each phase belong the elements of the kernel that meet it, and how far each is moved.
        for k, (phase, shift) in enumerate(zip(offsets % stride, shifts, strict=True)):
            self.phases.setdefault(tuple(phase.tolist()), []).append((k, int(shift)))

    # ----- Arrays that have what the windows cover, padding included: (..., N, *length) -----

    def pad(self, x: Any) -> Any:
        """Put x (..., N, *size) into its padding."""
        padded = np.zeros((*x.shape[:3], *self.length), x.dtype)
        padded[self.inside] = x
        for axis, (to, source) in enumerate(self.margins, 3):
            line = np.moveaxis(padded, axis, 0)
            line[to] = line[source]
        return padded

    def unpad(self, padded: Any) -> Any:
        """Go `pad`'s way back, in place: what was copied adds to where it was copied from."""
        for axis, (to, source) in reversed(list(enumerate(self.margins, 3))):
            line = np.moveaxis(padded, axis, 0)
            np.add.at(line, source, line[to])
        return padded[self.inside]

    def part(self, phase: Ints) -> Any:
        """Give the index of a phase: as many elements as there are cells."""
        axes = zip(phase, self.stride, self.cells, strict=True)
        return (..., *(slice(f, s * n, s) for f, s, n in axes))

    # ----- Arrays that have a cell for each step: (..., N, *cells), flat (..., rows) -----

    def moved(self, cells: Any, shift: int) -> Any:
        """Give the rows from this shift on, as many as there are up to the last place."""
        rows = cells.reshape(*cells.shape[:2], math.prod(cells.shape[2:]))
        return rows[..., shift : rows.shape[-1] - self.last + shift]

    def placed(self, u: Any) -> Any:
        """Give the rows of u (..., N, *count), 0 where there is no place."""
        cells = np.zeros((*u.shape[:3], *self.cells), u.dtype)
        cells[self.places] = u
        return self.moved(cells, 0)

    # ----- The three sums -----

    def shifted(self, padded: Any) -> Iterator[tuple[int, Any]]:
        """Give each k with its Xₖ, (groups, in, rows)."""
        for phase, elements in self.phases.items():
            cells = np.ascontiguousarray(padded[self.part(phase)])
            for k, shift in elements:
                yield k, self.moved(cells, shift)

    def correlate(self, padded: Any, w: Any) -> Any:
        """Σₖ Wₖ Xₖ, (groups, out, N, *count)."""
        shape = (*w.shape[1:3], padded.shape[2], *self.cells)
        cells = np.zeros(shape, np.result_type(padded, w))
        y = self.moved(cells, 0)
        for k, x in self.shifted(padded):
            y += multiplied(w[k], x)
        return cells[self.places]

    def spread(self, u: Any, w: Any) -> Any:
        """Σₖ Wₖᵀ u[(q - dilation k) / stride] for each q, (groups, in, N, *length)."""
        groups, n, rows, dtype = len(u), u.shape[2], self.placed(u), np.result_type(u, w)
        padded = np.zeros((groups, w.shape[3], n, *self.length), dtype)
        for phase, elements in self.phases.items():
            cells = np.zeros((groups, w.shape[3], n, *self.cells), dtype)
            for k, shift in elements:
                x = self.moved(cells, shift)
                x += multiplied(w[k].mT, rows)
            padded[self.part(phase)] = cells
        return padded

    def of_kernel(self, padded: Any, u: Any, weight: Any) -> Any:
        """U Xₖᵀ for each k, in the weight's shape."""
        rows, found = self.placed(u), dict[int, Any]()
        for k, x in self.shifted(padded):
            found[k] = rows @ x.mT
        return np.stack([found[k] for k in sorted(found)], -1).reshape(weight.shape)


def kernels(weight: Any, groups: int) -> Any:
    """Give Wₖ for each k, (elements of the kernel, groups, out, in), of (out, in, *kernel)."""
    out, into, *kernel = weight.shape
    w = weight.reshape(groups, out // groups, into, math.prod(kernel))
    return np.ascontiguousarray(np.moveaxis(w, -1, 0))


def by_group(x: Any, groups: int, channels_last: bool) -> Any:
    """Lay out (N, channels, *size), or channels last, as (groups, channels, N, *size)."""
    x = np.moveaxis(x, -1 if channels_last else 1, 0)
    return x.reshape(groups, len(x) // groups, *x.shape[1:])


def ungrouped(y: Any, channels_last: bool) -> Any:
    """Lay out (groups, channels, N, *size) as (N, channels, *size), or channels last."""
    y = y.reshape(y.shape[0] * y.shape[1], *y.shape[2:])
    return np.moveaxis(y, 0, -1 if channels_last else 1)


def plus(y: Any, bias: Any, channels_last: bool) -> Any:
    """Add a number for each channel, if there is one."""
    if bias is None:
        return y
    return y + (bias if channels_last else bias.reshape(-1, *[1] * (y.ndim - 2)))


def of_bias(g: Any, biased: bool, channels_last: bool) -> Any:
    """Σ g over all but the channels."""
    channels = g.ndim - 1 if channels_last else 1
    return g.sum(tuple(i for i in range(g.ndim) if i != channels)) if biased else None


class Conv1d:
    """y[n, o, p] = b[o] + Σ over c and k of w[o, c, k] x[n, c, stride p + dilation k - padding].

    See the module for ∂L/∂x and ∂L/∂w; b meets every place of every example, so ∂L/∂b = Σ g.

    LeCun et al. 1989, Neural Computation 1(4); dilation: van den Oord et al. 2016,
    arXiv:1609.03499, section 2.1.
    """

    @staticmethod
    def forward(
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Each = 1,
        padding: Padding = 0,
        dilation: Each = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        channels_last: bool = False,
    ) -> tuple[Any, Any]:
        """X (N, in, *size), weight (out, in / groups, *kernel); y (N, out, *count)."""
        x, kernel = by_group(x, groups, channels_last), weight.shape[2:]
        size, steps, spread = x.shape[3:], each(stride, len(kernel)), each(dilation, len(kernel))
        around = sides(padding, kernel, spread)
        count = tuple(
            (n + sum(pair) - d * (k - 1) - 1) // s + 1
            for n, pair, k, s, d in zip(size, around, kernel, steps, spread, strict=True)
        )
        windows = Windows(size, count, kernel, steps, spread, around, padding_mode)
        padded = windows.pad(x)
        y = ungrouped(windows.correlate(padded, kernels(weight, groups)), channels_last)
        cache = (windows, padded, weight, groups, bias is not None, channels_last)
        return plus(y, bias, channels_last), cache

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, ∂L/∂weight, ∂L/∂bias."""
        windows, padded, weight, groups, biased, channels_last = cache
        u = by_group(g, groups, channels_last)
        of_x = windows.unpad(windows.spread(u, kernels(weight, groups)))
        return given(
            x=ungrouped(of_x, channels_last),
            weight=windows.of_kernel(padded, u, weight),
            bias=of_bias(g, biased, channels_last),
        )


class Conv2d(Conv1d):
    """As `Conv1d`, of images: p, k, stride, dilation and padding are pairs."""


class ConvTranspose1d:
    """y[n, o, stride p + dilation k - padding] = b[o] + Σ over c, p and k of w[c, o, k] x[n, c, p].

    y is what ∂L/∂x is to `Conv1d` with x for g, and <g, y> = <its y of g, x>, so ∂L/∂x is the plain
    convolution of g, and ∂L/∂Wₖ = x Gₖᵀ with Gₖ of g as Xₖ is of x.

    Zeiler et al. 2010, CVPR, section 3; Dumoulin and Visin 2016, arXiv:1603.07285, section 4.
    """

    @staticmethod
    def forward(
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Each = 1,
        padding: Padding = 0,
        output_padding: Each = 0,
        groups: int = 1,
        dilation: Each = 1,
        channels_last: bool = False,
    ) -> tuple[Any, Any]:
        """X (N, in, *size), weight (in, out / groups, *kernel); y (N, out, *length)."""
        x, kernel = by_group(x, groups, channels_last), weight.shape[2:]
        count, steps, spread = x.shape[3:], each(stride, len(kernel)), each(dilation, len(kernel))
        around, extra = sides(padding, kernel, spread), each(output_padding, len(kernel))
        length = tuple(
            (n - 1) * s - sum(pair) + d * (k - 1) + e + 1
            for n, pair, k, s, d, e in zip(count, around, kernel, steps, spread, extra, strict=True)
        )
        windows = Windows(length, count, kernel, steps, spread, around)
        y = windows.unpad(windows.spread(x, kernels(weight, groups)))
        cache = (windows, x, weight, groups, bias is not None, channels_last)
        return plus(ungrouped(y, channels_last), bias, channels_last), cache

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, ∂L/∂weight, ∂L/∂bias."""
        windows, x, weight, groups, biased, channels_last = cache
        padded = windows.pad(by_group(g, groups, channels_last))
        return given(
            x=ungrouped(windows.correlate(padded, kernels(weight, groups)), channels_last),
            weight=windows.of_kernel(padded, x, weight),
            bias=of_bias(g, biased, channels_last),
        )


class ConvTranspose2d(ConvTranspose1d):
    """As `ConvTranspose1d`, of images: p, k, stride, dilation and padding are pairs."""
