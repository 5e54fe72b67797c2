"""Normalisation, derived by hand: one derivation for all, since they differ in the axes alone.

y = gamma z + beta, z = (x - mean) / s, s = √(var + eps), with mean and var over some axes, on which
stand n numbers. Let h = g gamma, the cotangent of z, and let an overline be the mean over those
axes. Three ways to write ∂L/∂x, each published, each right:

- staged, along the graph: var's cotangent is Σ h (x - mean) (-1/2) s⁻³, mean's is -Σ h / s - 2 var'
  overline(x - mean), and ∂L/∂x = h / s + var' 2 (x - mean) / n + mean' / n. Ioffe and Szegedy 2015,
  arXiv:1502.03167, section 3. (The second term of mean's is 0; the factor 2 is what many forget.)
- by moments: ∂L/∂x = (h - overline(h) - z overline(h z)) / s.
- in one line: ∂L/∂x = (n h - Σ h - z Σ h z) / (n s), with gamma drawn out: gamma / (n s) (n g - Σ g
  - z Σ g z) where gamma is constant over the axes.

∂L/∂gamma = Σ g z and ∂L/∂beta = Σ g, over the axes that gamma does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonn.oracle.base import Gradients, given
from autonn.oracle.linear import summed_to

Axes = tuple[int, ...]


def standardised(x: Any, axes: Axes, eps: float) -> tuple[Any, Any]:
    """Give z and s."""
    centred = x - x.mean(axes, keepdims=True)
    s = np.sqrt(np.mean(centred * centred, axes, keepdims=True) + eps)
    return centred / s, s


def moments(h: Any, z: Any, s: Any, axes: Axes) -> Any:
    """∂L/∂x = (h - overline(h) - z overline(h z)) / s."""
    return (h - h.mean(axes, keepdims=True) - z * np.mean(h * z, axes, keepdims=True)) / s


def one_line(h: Any, z: Any, s: Any, axes: Axes) -> Any:
    """∂L/∂x = (n h - Σ h - z Σ h z) / (n s)."""
    n = z.size // s.size
    return (n * h - h.sum(axes, keepdims=True) - z * np.sum(h * z, axes, keepdims=True)) / (n * s)


def stages(h: Any, z: Any, s: Any, axes: Axes) -> dict[str, Any]:
    """∂L/∂x in its three parts, which add up: direct, through the mean, through the variance."""
    n, centred = z.size // s.size, z * s
    of_var = np.sum(h * centred, axes, keepdims=True) * -0.5 * s**-3
    of_mean = -np.sum(h / s, axes, keepdims=True) - 2 * of_var * centred.mean(axes, keepdims=True)
    return {
        "direct": h / s,
        "through the mean": np.broadcast_to(of_mean / n, z.shape),
        "through the variance": of_var * 2 * centred / n,
    }


def staged(h: Any, z: Any, s: Any, axes: Axes) -> Any:
    """∂L/∂x = h / s + mean' / n + var' 2 (x - mean) / n."""
    return sum(stages(h, z, s, axes).values())


DERIVATIONS = {"staged": staged, "moments": moments, "one line": one_line}


def scaled(z: Any, gamma: Any, beta: Any, shape: Axes) -> Any:
    """Gamma z + beta, with gamma and beta in a shape that meets z's; z without them."""
    return z if gamma is None else gamma.reshape(shape) * z + beta.reshape(shape)


def of_scale(g: Any, z: Any, gamma: Any, shape: Axes) -> tuple[Any, Gradients]:
    """Give h = g gamma, and ∂L/∂gamma and ∂L/∂beta."""
    if gamma is None:
        return g, {}
    found = {"gamma": summed_to(g * z, shape), "beta": summed_to(g, shape)}
    return g * gamma.reshape(shape), {k: v.reshape(gamma.shape) for k, v in found.items()}


def per_feature(x: Any, channels_last: bool) -> tuple[int, Axes]:
    """Give the features' axis, and the shape in which a number per feature meets x."""
    axis = x.ndim - 1 if channels_last else 1
    return axis, tuple(n if i == axis else 1 for i, n in enumerate(x.shape))


class Standardised:
    """What the norms share: the way back, by any of the three derivations."""

    @staticmethod
    def backward(g: Any, cache: Any, derivation: str = "moments") -> Gradients:
        """∂L/∂x, ∂L/∂gamma and ∂L/∂beta; by "staged", "moments" or "one line"."""
        z, s, axes, gamma, shape = cache
        h, found = of_scale(g, z, gamma, shape)
        return found | {"x": h / s if axes is None else DERIVATIONS[derivation](h, z, s, axes)}

    @staticmethod
    def terms(g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂x in parts that add up."""
        z, s, axes, gamma, shape = cache
        h, _ = of_scale(g, z, gamma, shape)
        return {"x": {"direct": h / s} if axes is None else stages(h, z, s, axes)}


class BatchNorm1d(Standardised):
    """Over the batch and all positions, for each feature; see the module for the derivations.

    In evaluation mean and var are constants, and ∂L/∂x = g gamma / s: the other two parts are gone.
    Ioffe and Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2.
    """

    @staticmethod
    def forward(
        x: Any,
        gamma: Any = None,
        beta: Any = None,
        running_mean: Any = None,
        running_var: Any = None,
        eps: float = 1e-5,
        training: bool = True,
        channels_last: bool = False,
    ) -> tuple[Any, Any]:
        """X and y (N, features, *size), or channels last."""
        axis, shape = per_feature(x, channels_last)
        axes = tuple(i for i in range(x.ndim) if i != axis)
        if training or running_mean is None:
            z, s = standardised(x, axes, eps)
            return scaled(z, gamma, beta, shape), (z, s, axes, gamma, shape)
        s = np.sqrt(running_var.reshape(shape) + eps)
        z = (x - running_mean.reshape(shape)) / s
        return scaled(z, gamma, beta, shape), (z, s, None, gamma, shape)


class BatchNorm2d(BatchNorm1d):
    """As `BatchNorm1d`, for each feature map of an image."""


class InstanceNorm1d(Standardised):
    """Over the positions of each example and feature. Ulyanov et al. 2016, arXiv:1607.08022."""

    @staticmethod
    def forward(
        x: Any,
        gamma: Any = None,
        beta: Any = None,
        eps: float = 1e-5,
        channels_last: bool = False,
    ) -> tuple[Any, Any]:
        """X and y (N, features, *size), or channels last."""
        axis, shape = per_feature(x, channels_last)
        axes = tuple(i for i in range(1, x.ndim) if i != axis)
        z, s = standardised(x, axes, eps)
        return scaled(z, gamma, beta, shape), (z, s, axes, gamma, shape)


class InstanceNorm2d(InstanceNorm1d):
    """As `InstanceNorm1d`, of images."""


class GroupNorm(Standardised):
    """Over a group of features and all positions of each example: arXiv:1803.08494, eq. 7.

    The features' axis is cut into (groups, features / groups), and the axes are the second of these
    and the positions; gamma and beta have both.
    """

    @staticmethod
    def forward(
        x: Any,
        groups: int,
        gamma: Any = None,
        beta: Any = None,
        eps: float = 1e-5,
        channels_last: bool = False,
    ) -> tuple[Any, Any]:
        """X and y (N, features, *size), or channels last."""
        axis, _ = per_feature(x, channels_last)
        cut = x.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])
        axes = tuple(i for i in range(1, cut.ndim) if i != axis)
        shape = tuple(n if i in (axis, axis + 1) else 1 for i, n in enumerate(cut.shape))
        z, s = standardised(cut, axes, eps)
        cache = (z, s, axes, gamma, shape, x.shape)
        return scaled(z, gamma, beta, shape).reshape(x.shape), cache

    @staticmethod
    def backward(g: Any, cache: Any, derivation: str = "moments") -> Gradients:
        """∂L/∂x, ∂L/∂gamma and ∂L/∂beta."""
        *inner, shape = cache
        found = Standardised.backward(g.reshape(inner[0].shape), inner, derivation)
        return found | {"x": found["x"].reshape(shape)}

    @staticmethod
    def terms(g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂x in parts that add up."""
        *inner, shape = cache
        parts = Standardised.terms(g.reshape(inner[0].shape), inner)["x"]
        return {"x": {name: part.reshape(shape) for name, part in parts.items()}}


class LayerNorm(Standardised):
    """Over the last axes of each example, which gamma has, too: arXiv:1607.06450, eq. 4."""

    @staticmethod
    def forward(
        x: Any, shape: Sequence[int], gamma: Any = None, beta: Any = None, eps: float = 1e-5
    ) -> tuple[Any, Any]:
        """X and y (..., *shape)."""
        axes = tuple(range(x.ndim - len(shape), x.ndim))
        z, s = standardised(x, axes, eps)
        return scaled(z, gamma, beta, tuple(shape)), (z, s, axes, gamma, tuple(shape))


class RMSNorm:
    """y = gamma z, z = x / s, s = √(mean of x² + eps): no mean is taken off.

    dz = dx / s - x ds / s², and ds = overline(x dx) / s, so ∂L/∂x = (h - z overline(h z)) / s, with
    h = g gamma. Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4.
    """

    @staticmethod
    def forward(
        x: Any, shape: Sequence[int], gamma: Any = None, eps: float | None = None
    ) -> tuple[Any, Any]:
        """X and y (..., *shape); eps is the dtype's by default."""
        axes = tuple(range(x.ndim - len(shape), x.ndim))
        small = np.finfo(x.dtype).eps if eps is None else eps
        s = np.sqrt(np.mean(x * x, axes, keepdims=True) + small)
        return x / s if gamma is None else gamma * (x / s), (x / s, s, axes, gamma)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x and ∂L/∂gamma."""
        z, s, axes, gamma = cache
        h = g if gamma is None else g * gamma
        of_gamma = None if gamma is None else summed_to(g * z, gamma.shape).reshape(gamma.shape)
        return given(x=(h - z * np.mean(h * z, axes, keepdims=True)) / s, gamma=of_gamma)

    @staticmethod
    def terms(g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂x in parts that add up."""
        z, s, axes, gamma = cache
        h = g if gamma is None else g * gamma
        through = -z * np.mean(h * z, axes, keepdims=True) / s
        return {"x": {"direct": h / s, "through the mean square": through}}
