"""Normalisation: y = gamma (x - mean) / √(var + eps) + beta. They differ in what is averaged.

In float16 they compute in float32, and round their result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from autonn.arguments import NotNegative, Probability, Size, Wholes, checked
from autonn.nn.module import Module, expected_input
from autonn.operands import bare
from autonn.sums import in_float32
from autonn.tensors import Tensor, named

Axes = tuple[int, ...]
Lengths = Annotated[int | Sequence[int], Wholes(1)]


class Norm(Module):
    """What the norms share: eps, gamma and beta.

    Attributes
    ----------
    gamma, beta
        Of the normalised features' shape, 1 and 0 at first; None without `affine`.
    """

    def __init__(self, eps: float, affine: bool) -> None:
        super().__init__()
        self.eps, self.affine = float(eps), affine
        self.gamma: Any = None
        self.beta: Any = None

    def make(self, shape: Axes) -> None:
        """Make gamma = 1 and beta = 0."""
        if self.affine:
            self.gamma = Tensor(np.ones(shape, np.float32), requires_grad=True)
            self.beta = Tensor(np.zeros(shape, np.float32), requires_grad=True)

    def moments(self, x: Any, axes: Axes) -> tuple[Any, Any, Any]:
        """X - mean, mean and (biased) var, over axes that are kept."""
        mean = named(np.mean(x, axis=axes, keepdims=True), "mean")
        centred = x - mean
        var = named(np.mean(np.square(centred), axis=axes, keepdims=True), "var")
        return centred, mean, var


class _Featurewise(Norm):
    """A norm with a gamma and a beta for each feature: axis 1, or the last with `channels_last`."""

    spatial: tuple[str, ...] = ("", "L", "HW")

    def __init__(self, features: int | None, eps: float, affine: bool, channels_last: bool) -> None:
        super().__init__(eps, affine)
        self.features, self.channels_last = features, channels_last
        if features is not None:
            self.make((features,))

    def build(self, x: Any) -> None:
        """See the number of features."""
        if self.features is None and x.ndim > 1:
            self.features = x.shape[self.axis(x)]
            self.make((self.features,))

    def axis(self, x: Any) -> int:
        """Give the features' axis."""
        return x.ndim - 1 if self.channels_last else 1

    def per_feature(self, x: Any) -> Axes:
        """Give the shape in which a number per feature meets x; refuse an x of another shape."""
        expected_input(self, x, self.features, self.spatial, self.channels_last)
        return tuple(n if i == self.axis(x) else 1 for i, n in enumerate(x.shape))

    def scale(self, centred: Any, var: Any, shape: Axes) -> Any:
        """Gamma centred / √(var + eps) + beta, with gamma and beta in a shape that meets x's.

        What is small is divided first: gamma by the deviation, a number for each feature.
        """
        std = np.sqrt(var + self.eps)
        if not self.affine:
            return centred / std
        return centred * (self.gamma.reshape(shape) / std) + self.beta.reshape(shape)

    def describe(self) -> str:
        """Give the features."""
        return str(self.features or "?")


class BatchNorm1d(_Featurewise):
    """y = gamma (x - mean) / √(var + eps) + beta, with statistics of each feature over the batch.

    In training they are the batch's own (the variance biased), and running ones follow them:
    running = momentum running + (1 - momentum) batch. In evaluation the running ones serve.
    Ioffe and Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2.

    Parameters
    ----------
    features
        How many features there are; None to see it from the first input.
    eps
        Added to the variance.
    momentum
        The share of the old running statistics that stays: 0.9 is PyTorch's 0.1. (PyTorch follows
        the unbiased variance, n / (n - 1) times as large.)
    affine
        Whether there are gamma and beta.
    track
        Whether there are running statistics; without, the batch's own serve in evaluation, too.
    channels_last
        Whether the features are the last axis.

    Attributes
    ----------
    running_mean, running_var
        (features,), 0 and 1 at first.

    Raises
    ------
    ValueError
        In training, for a single value per feature: its variance is 0, whatever it is.

    Examples
    --------
    >>> y = BatchNorm1d(2)(np.array([[1.0, 2.0], [3.0, 6.0]]))
    >>> np.round(y.data, 3)
    array([[-1., -1.],
           [ 1.,  1.]])
    """

    spatial: tuple[str, ...] = ("", "L")

    @checked
    def __init__(
        self,
        features: Size | None = None,
        eps: NotNegative = 1e-5,
        momentum: Probability = 0.9,
        affine: bool = True,
        track: bool = True,
        *,
        channels_last: bool = False,
    ) -> None:
        super().__init__(features, eps, affine, channels_last)
        self.momentum, self.track = momentum, track
        self.running_mean: Any = None
        self.running_var: Any = None
        if features is not None:
            self.reset_running_stats()

    def build(self, x: Any) -> None:
        """See the number of features."""
        super().build(x)
        if self.running_mean is None:
            self.reset_running_stats()

    def reset_running_stats(self) -> None:
        """Start anew with mean 0 and variance 1."""
        if self.track and self.features is not None:
            known = self.running_mean if self.running_mean is not None else self.gamma
            dtype = np.float32 if known is None else known.dtype
            self.running_mean = Tensor(np.zeros(self.features, dtype))
            self.running_var = Tensor(np.ones(self.features, dtype))

    def update_running_stats(self, mean: Any, var: Any) -> None:
        """Follow a batch's statistics: the one place where a layer writes."""
        for running, batch in ((self.running_mean, mean), (self.running_var, var)):
            new = bare(batch).real.reshape(-1)  # .real: numerical differentiation may step aside
            running.assign(self.momentum * running.data + (1 - self.momentum) * new)

    @in_float32
    def forward(self, x: Any) -> Any:
        """X and y (N, features) or (N, features, *size), or channels last."""
        shape = self.per_feature(x)
        axes = tuple(i for i in range(x.ndim) if i != self.axis(x))
        if not self.training and self.track:
            centred = x - self.running_mean.reshape(shape)
            return self.scale(centred, self.running_var.reshape(shape), shape)
        if self.training and x.size == self.features:
            raise ValueError(
                f"{self.label}: an input of shape {x.shape} has one value per feature, and its "
                "variance is 0; train with larger batches, or evaluate with .eval()"
            )
        centred, mean, var = self.moments(x, axes)
        if self.training and self.track:
            self.update_running_stats(mean, var)
        return self.scale(centred, var, shape)


class BatchNorm2d(BatchNorm1d):
    """Batch normalisation of images, (N, features, H, W): like `BatchNorm1d`, per feature map."""

    spatial = ("HW",)


class InstanceNorm1d(_Featurewise):
    """y = gamma (x - mean) / √(var + eps) + beta, for each example and feature over its positions.

    Ulyanov et al. 2016, arXiv:1607.08022. Arguments as in `BatchNorm1d`; by default without gamma
    and beta, as in PyTorch.
    """

    spatial: tuple[str, ...] = ("L",)

    @checked
    def __init__(
        self,
        features: Size | None = None,
        eps: NotNegative = 1e-5,
        affine: bool = False,
        *,
        channels_last: bool = False,
    ) -> None:
        super().__init__(features, eps, affine, channels_last)

    @in_float32
    def forward(self, x: Any) -> Any:
        """X and y (N, features, *size), or channels last."""
        shape = self.per_feature(x)
        axes = tuple(i for i in range(1, x.ndim) if i != self.axis(x))
        centred, _, var = self.moments(x, axes)
        return self.scale(centred, var, shape)


class InstanceNorm2d(InstanceNorm1d):
    """Instance normalisation of images, (N, features, H, W)."""

    spatial = ("HW",)


class GroupNorm(_Featurewise):
    """y = gamma (x - mean) / √(var + eps) + beta, for each example over groups of features.

    Wu and He 2018, arXiv:1803.08494, eq. 7.

    Parameters
    ----------
    groups
        How many groups the features are cut into; it must divide them.
    features, eps, affine, channels_last
        As in `BatchNorm1d`.
    """

    @checked
    def __init__(
        self,
        groups: Size,
        features: Size | None = None,
        eps: NotNegative = 1e-5,
        affine: bool = True,
        *,
        channels_last: bool = False,
    ) -> None:
        if features is not None and features % groups:
            raise ValueError(f"GroupNorm: {features} features cannot be cut into {groups} groups")
        super().__init__(features, eps, affine, channels_last)
        self.groups = groups

    @in_float32
    def forward(self, x: Any) -> Any:
        """X and y (N, features, *size), or channels last."""
        shape = self.per_feature(x)
        if x.shape[self.axis(x)] % self.groups:
            raise ValueError(
                f"{self.label}: {self.features} features cannot be cut into {self.groups}"
            )
        first = np.moveaxis(x, -1, 1) if self.channels_last else x
        centred, _, var = self.moments(first.reshape(len(x), self.groups, -1), (2,))
        centred = centred.reshape(first.shape)
        if self.channels_last:
            centred = np.moveaxis(centred, 1, -1)
        var = np.repeat(var, x.shape[self.axis(x)] // self.groups, axis=1)
        return self.scale(centred, var.reshape(len(x), *shape[1:]), shape)

    def describe(self) -> str:
        """Give groups and features."""
        return f"{self.groups} groups of {self.features or '?'}"


class LayerNorm(Norm):
    """y = gamma (x - mean) / √(var + eps) + beta, for each example over its last axes.

    Ba, Kiros and Hinton 2016, arXiv:1607.06450, eq. 4. The same in training and in evaluation.

    Parameters
    ----------
    normalized_shape
        The lengths of the last axes, over which the statistics go; a number is one axis. For images
        (N, C, H, W) it is (C, H, W).
    eps
        Added to the variance.
    affine
        Whether there are gamma and beta, both of `normalized_shape`.

    Examples
    --------
    >>> LayerNorm(10)(np.ones((20, 5, 10))).shape
    (20, 5, 10)
    """

    @checked
    def __init__(
        self, normalized_shape: Lengths, eps: NotNegative = 1e-5, affine: bool = True
    ) -> None:
        super().__init__(eps, affine)
        shape = normalized_shape if isinstance(normalized_shape, Sequence) else [normalized_shape]
        self.shape: Axes = tuple(int(n) for n in shape)
        self.make(self.shape)

    def axes(self, x: Any) -> Axes:
        """Give the last axes; refuse an x that does not fit."""
        if x.shape[max(0, x.ndim - len(self.shape)) :] != self.shape:
            wanted = ", ".join(map(str, self.shape))
            raise ValueError(f"{self.label}: input has shape {x.shape}, expected (..., {wanted})")
        return tuple(range(x.ndim - len(self.shape), x.ndim))

    @in_float32
    def forward(self, x: Any) -> Any:
        """X and y (..., *normalized_shape)."""
        centred, _, var = self.moments(x, self.axes(x))
        z = centred / np.sqrt(var + self.eps)
        return self.gamma * z + self.beta if self.affine else z

    def describe(self) -> str:
        """Give the shape."""
        return ", ".join(map(str, self.shape))


class RMSNorm(LayerNorm):
    """y = gamma x / √(mean of x² + eps), over the last axes: no mean is taken off, none added.

    Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4. By default eps is the dtype's, as in PyTorch.
    """

    @checked
    def __init__(
        self,
        normalized_shape: Lengths,
        eps: NotNegative | None = None,
        affine: bool = True,
    ) -> None:
        super().__init__(normalized_shape, 0.0, affine)
        self.eps: Any = None if eps is None else float(eps)
        self.beta = None

    @in_float32
    def forward(self, x: Any) -> Any:
        """X and y (..., *normalized_shape)."""
        eps = float(np.finfo(x.dtype).eps) if self.eps is None else self.eps
        z = x / np.sqrt(np.mean(np.square(x), axis=self.axes(x), keepdims=True) + eps)
        return self.gamma * z if self.affine else z
