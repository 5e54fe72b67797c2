"""Pooling of sequences and of images: the largest element, or the mean, of each window."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn import functional as F
from autonn.arguments import checked
from autonn.convolution import Each, Padding
from autonn.nn.module import Module, expected_input


class _Pool(Module):
    """What pooling layers share: their options, and the shape they expect."""

    spatial = ""

    def __init__(self, kernel_size: Each, **options: Any) -> None:
        super().__init__()
        self.kernel_size, self.options = kernel_size, options

    def expect(self, x: Any) -> None:
        """Refuse an x of another shape."""
        expected_input(self, x, None, (self.spatial,), self.options["channels_last"])

    def describe(self) -> str:
        """Give the kernel, and the options that are not the default."""
        usual = {"stride": None, "dilation": 1, "count_include_pad": True}
        told = [f"{k}={v!r}" for k, v in self.options.items() if v != usual.get(k, 0)]
        return ", ".join([str(self.kernel_size), *told])


class MaxPool1d(_Pool):
    """y[n, c, p] = max over k of x[n, c, stride p + dilation k - padding]; the padding is -∞.

    Equally large elements share the gradient evenly.

    Parameters
    ----------
    kernel_size
        The window's size.
    stride
        The step between windows; the kernel's size by default.
    padding
        As in `Conv1d`; at most half the kernel.
    dilation
        The step between the elements of a window.
    ceil_mode
        Whether a last window may hang over the end, if it starts before it.
    channels_last
        Whether x and y are (N, L, C) and not (N, C, L).

    Examples
    --------
    >>> MaxPool1d(2)(np.array([[[1.0, 3.0, 2.0, 5.0]]]))
    array([[[3., 5.]]])
    """

    spatial = "L"

    @checked
    def __init__(
        self,
        kernel_size: Each,
        stride: Each | None = None,
        padding: Padding = 0,
        dilation: Each = 1,
        ceil_mode: bool = False,
        *,
        channels_last: bool = False,
    ) -> None:
        super().__init__(
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            ceil_mode=ceil_mode,
            channels_last=channels_last,
        )

    def forward(self, x: Any) -> Any:
        """X (N, C, *size), y (N, C, *count), or both channels last."""
        self.expect(x)
        with self.named_errors():
            return F.max_pool(x, self.kernel_size, **self.options)


class MaxPool2d(MaxPool1d):
    """Maximum pooling of images, (N, C, H, W) or channels last: see `MaxPool1d`."""

    spatial = "HW"


class AvgPool1d(_Pool):
    """y[n, c, p] = mean over k of x[n, c, stride p + k - padding].

    Parameters
    ----------
    count_include_pad
        Whether the zeros of the padding count in the mean.
    kernel_size, stride, padding, ceil_mode, channels_last
        As in `MaxPool1d`.

    Examples
    --------
    >>> AvgPool1d(2)(np.array([[[1.0, 3.0, 2.0, 6.0]]]))
    array([[[2., 4.]]])
    """

    spatial = "L"

    @checked
    def __init__(
        self,
        kernel_size: Each,
        stride: Each | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        channels_last: bool = False,
    ) -> None:
        super().__init__(
            kernel_size,
            stride=stride,
            padding=padding,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            channels_last=channels_last,
        )

    def forward(self, x: Any) -> Any:
        """X (N, C, *size), y (N, C, *count), or both channels last."""
        self.expect(x)
        with self.named_errors():
            return F.avg_pool(x, self.kernel_size, **self.options)


class AvgPool2d(AvgPool1d):
    """Average pooling of images, (N, C, H, W) or channels last: see `AvgPool1d`."""

    spatial = "HW"


class GlobalAvgPool(Module):
    """y[n, c] = mean over all positions of x[n, c]: Lin et al. 2013, arXiv:1312.4400, section 3.2.

    Examples
    --------
    >>> GlobalAvgPool()(np.ones((2, 8, 4, 4))).shape
    (2, 8)
    """

    @checked
    def __init__(self, *, channels_last: bool = False) -> None:
        super().__init__()
        self.channels_last = channels_last

    def forward(self, x: Any) -> Any:
        """X (N, C, *size) or (N, *size, C), y (N, C)."""
        expected_input(self, x, None, ("L", "HW"), self.channels_last)
        return np.mean(
            x, axis=tuple(range(1, x.ndim - 1) if self.channels_last else range(2, x.ndim))
        )
