"""Convolutions and their transposes, of sequences and of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn import functional as F
from autonn import init
from autonn.arguments import Size, checked
from autonn.convolution import Each, Extra, Mode, Padding, each
from autonn.init import Rng
from autonn.nn.module import Module, expected_input
from autonn.tensors import Tensor


class _Windowed(Module):
    """What convolutions share: a weight for each pair of channels, a bias, and their shapes."""

    spatial = ""  # the names of the spatial axes
    transposed = False

    def __init__(
        self,
        channels: tuple[int | None, int],
        kernel_size: Each,
        groups: int,
        bias: bool,
        channels_last: bool,
        rng: Rng,
        options: dict[str, Any],
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = channels
        self.groups, self.channels_last = groups, channels_last
        try:
            self.kernel_size = each(kernel_size, len(self.spatial), "kernel_size")
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from None
        self._with_bias, self._rng = bias, np.random.default_rng(rng)
        self.options = options | {"groups": groups, "channels_last": channels_last}
        self.weight: Any = None
        self.bias: Any = None
        if self.in_channels is not None:
            self._make()

    def _make(self) -> None:
        assert self.in_channels is not None
        into, out, g = self.in_channels, self.out_channels, self.groups
        if min(into, out) < 1:
            raise ValueError(f"{self.label}: want 1 or more channels")
        if into % g or out % g:
            raise ValueError(
                f"{self.label}: {into} and {out} channels cannot be cut into {g} groups"
            )
        first, second = (into, out // g) if self.transposed else (out, into // g)
        shape = (first, second, *self.kernel_size)
        bound = 1 / init.fans(shape)[0] ** 0.5
        self.weight = Tensor(init.uniform(shape, self._rng, -bound, bound), requires_grad=True)
        if self._with_bias:
            values = init.uniform((out,), self._rng, -bound, bound)
            self.bias = Tensor(values, requires_grad=True)

    def build(self, x: Any) -> None:
        """See the number of channels."""
        if self.in_channels is None and x.ndim == 2 + len(self.spatial):
            self.in_channels = int(x.shape[-1 if self.channels_last else 1])
            self._make()

    def expect(self, x: Any) -> None:
        """Refuse an x of another shape."""
        expected_input(self, x, self.in_channels, (self.spatial,), self.channels_last)

    def describe(self) -> str:
        """Give channels, kernel, and the options that are not the default."""
        kernel = "×".join(map(str, self.kernel_size))
        told = [
            f"{'?' if self.in_channels is None else self.in_channels} → {self.out_channels}",
            f"kernel {kernel}",
        ]
        usual = {"stride": 1, "dilation": 1, "groups": 1, "padding_mode": "zeros"}
        told += [
            f"{k}={v!r}" for k, v in self.options.items() if v != usual.get(k, 0) and v is not False
        ]
        return ", ".join(told + ["no bias"] * (not self._with_bias))


class Conv1d(_Windowed):
    """y[n, o, p] = b[o] + Σ over c and k of w[o, c, k] x[n, c, stride p + dilation k - padding].

    A cross-correlation, as in PyTorch. Dilation: van den Oord et al. 2016, arXiv:1609.03499.

    Parameters
    ----------
    in_channels, out_channels
        How many channels x and y have; with `in_channels` None it is seen from the first input.
    kernel_size
        The window's size.
    stride
        The step between windows.
    padding
        A number for both sides, "valid" (none), "same" (keeps the length, with stride 1), "causal"
        (all before, so that nothing sees what comes after it) or ((before, after),).
    dilation
        The step between the elements of a window; 1 is dense.
    groups
        Into how many groups the channels are cut; each output sees its own alone.
    bias
        Whether a number is added to each output channel.
    padding_mode
        What the padding holds: "zeros", "reflect", "replicate" or "circular".
    channels_last
        Whether x and y are (N, L, channels) and not (N, channels, L).
    rng
        Draws the initial values: uniform within ±1/√(in / groups · kernel), as in PyTorch.

    Attributes
    ----------
    weight
        (out, in / groups, *kernel_size), whatever the order of x.
    bias
        (out,), or None.

    Examples
    --------
    >>> Conv1d(2, 4, 3, padding="causal")(np.ones((1, 2, 9), np.float32)).shape
    (1, 4, 9)
    """

    spatial = "L"

    @checked
    def __init__(
        self,
        in_channels: Size | None,
        out_channels: Size,
        kernel_size: Each,
        stride: Each = 1,
        padding: Padding = 0,
        dilation: Each = 1,
        groups: Size = 1,
        bias: bool = True,
        padding_mode: Mode = "zeros",
        *,
        channels_last: bool = False,
        rng: Rng = None,
    ) -> None:
        options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
        options |= {"padding_mode": padding_mode}
        channels = in_channels, out_channels
        super().__init__(channels, kernel_size, groups, bias, channels_last, rng, options)

    def forward(self, x: Any) -> Any:
        """X (N, in, *size), y (N, out, *count), or both channels last."""
        self.expect(x)
        with self.named_errors():
            return F.conv(x, self.weight, self.bias, **self.options)


class Conv2d(Conv1d):
    """Convolution of images, (N, channels, H, W) or, with `channels_last`, (N, H, W, channels).

    Arguments as in `Conv1d`; sizes are one number, or one for each axis.

    Examples
    --------
    >>> Conv2d(3, 16, 5, stride=2, padding=2)(np.ones((8, 3, 28, 28), np.float32)).shape
    (8, 16, 14, 14)
    """

    spatial = "HW"


class ConvTranspose1d(_Windowed):
    """y[n, o, stride p + dilation k - padding] = b[o] + Σ over c, p and k of w[c, o, k] x[n, c, p].

    The adjoint of `Conv1d`, also called deconvolution: Zeiler et al. 2010, Deconvolutional
    Networks, CVPR.

    Parameters
    ----------
    padding
        What is cut off before and after: a number, or ((before, after),).
    output_padding
        How much longer than the shortest possible y is; less than the stride or the dilation.
    in_channels, out_channels, kernel_size, stride, dilation, groups, bias, channels_last, rng
        As in `Conv1d`; initial values within ±1/√(out / groups · kernel), as in PyTorch.

    Attributes
    ----------
    weight
        (in, out / groups, *kernel_size).
    bias
        (out,), or None.

    Examples
    --------
    >>> ConvTranspose1d(4, 2, 3, stride=2)(np.ones((1, 4, 9), np.float32)).shape
    (1, 2, 19)
    """

    spatial = "L"
    transposed = True

    @checked
    def __init__(
        self,
        in_channels: Size | None,
        out_channels: Size,
        kernel_size: Each,
        stride: Each = 1,
        padding: Padding = 0,
        output_padding: Extra = 0,
        groups: Size = 1,
        bias: bool = True,
        dilation: Each = 1,
        *,
        channels_last: bool = False,
        rng: Rng = None,
    ) -> None:
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        options |= {"output_padding": output_padding}
        channels = in_channels, out_channels
        super().__init__(channels, kernel_size, groups, bias, channels_last, rng, options)

    def forward(self, x: Any) -> Any:
        """X (N, in, *size), y (N, out, *length), or both channels last."""
        self.expect(x)
        with self.named_errors():
            return F.conv_transpose(x, self.weight, self.bias, **self.options)


class ConvTranspose2d(ConvTranspose1d):
    """Transposed convolution of images, (N, channels, H, W) or channels last.

    Examples
    --------
    >>> layer = ConvTranspose2d(8, 3, 4, stride=2, padding=1)
    >>> layer(np.ones((1, 8, 7, 7), np.float32)).shape
    (1, 3, 14, 14)
    """

    spatial = "HW"
