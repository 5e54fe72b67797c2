"""Losses, derived by hand: a derivative for each element, then what the reduction makes of it.

A mean over n divides the cotangent by n, a sum hands it to each element, and with "none" there is
one for each: ∂L/∂x = (g / n) dℓ/dx, n = 1 but for a mean. The target is a constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.oracle.activations import exponentials, log_one_plus_exp, logistic
from autonn.oracle.base import Gradients, given


def reduced(loss: Any, reduction: str, count: Any = None) -> tuple[Any, Any]:
    """Give the reduced loss, and n: what a mean divides by (all elements unless told), else 1."""
    if reduction == "none":
        return loss, 1
    n = (loss.size if count is None else count) if reduction != "sum" else 1
    return loss.sum() / n, n


class OfEach:
    """ℓ(x, target) of each element: ∂L/∂x = (g / n) dℓ/dx. The cache has dℓ/dx and n."""

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, in x's shape."""
        slope, n = cache
        return given(x=g / n * slope)


# ----- Of differences -----


class MSELoss(OfEach):
    """ℓ = d², d = x - target.

    dℓ/dx = 2 d, so that a mean gives 2 d / n: over all elements, not over the examples. Gauss 1809,
    Theoria motus, section 179.
    """

    @staticmethod
    def forward(x: Any, target: Any, reduction: str = "mean") -> tuple[Any, Any]:
        """X and target of one shape."""
        d = x - np.asarray(target, x.dtype)
        y, n = reduced(d * d, reduction)
        return y, (2 * d, n)


class HalfSquaredError(OfEach):
    """ℓ = d² / 2, d = x - target.

    dℓ/dx = d: the half is there to cancel the 2. Rumelhart, Hinton and Williams 1986, Nature 323,
    eqs. 3 and 4.
    """

    @staticmethod
    def forward(x: Any, target: Any, reduction: str = "sum") -> tuple[Any, Any]:
        """X and target of one shape."""
        d = x - np.asarray(target, x.dtype)
        y, n = reduced(d * d / 2, reduction)
        return y, (d, n)


class L1Loss(OfEach):
    """ℓ = |d|, d = x - target.

    dℓ/dx = sign(d), and 0 where d is 0: the middle of the subgradients, -1 to 1.
    """

    @staticmethod
    def forward(x: Any, target: Any, reduction: str = "mean") -> tuple[Any, Any]:
        """X and target of one shape."""
        d = x - np.asarray(target, x.dtype)
        y, n = reduced(np.abs(d), reduction)
        return y, (np.sign(d), n)


class HuberLoss(OfEach):
    """ℓ = d² / 2 where |d| ≤ delta, delta (|d| - delta / 2) beyond, d = x - target.

    dℓ/dx = d within and delta sign(d) beyond: c, which is d limited to ±delta. The two pieces meet
    in value and in slope, and ℓ = c (d - c / 2) is both. Huber 1964, Ann. Math. Statist. 35.
    """

    @staticmethod
    def forward(
        x: Any, target: Any, delta: float = 1.0, reduction: str = "mean"
    ) -> tuple[Any, Any]:
        """X and target of one shape."""
        d = x - np.asarray(target, x.dtype)
        limited = np.clip(d, -delta, delta)
        y, n = reduced(limited * (d - limited / 2), reduction)
        return y, (limited, n)


class HingeLoss(OfEach):
    """ℓ = max(0, m), m = margin - target x, target -1 or 1.

    dℓ/dx = -target where m > 0, and 0 elsewhere: at m = 0, too. Cortes and Vapnik 1995, Machine
    Learning 20, where m is the slack of an example.
    """

    @staticmethod
    def forward(
        x: Any, target: Any, margin: float = 1.0, reduction: str = "mean"
    ) -> tuple[Any, Any]:
        """X and target of one shape."""
        target = np.asarray(target, x.dtype)
        m = margin - target * x
        y, n = reduced(np.maximum(m, 0), reduction)
        return y, (-target * (m > 0), n)


# ----- Of classes -----


def claims(
    x: Any, target: Any, weight: Any, ignore_index: int, label_smoothing: float
) -> tuple[Any, Any, Any]:
    """Give q of ℓ = -Σ q log p, what a target claims of each class; of which alone; a mean's n.

    q = w ((1 - smoothing) t + smoothing / classes), where t is the target: given as probabilities,
    or 1 at a class and 0 elsewhere. Examples that are ignored have q = 0. Where only one class has
    a claim, it is told; else None. n is the sum of the targets' weights, for probabilities the
    number of examples.
    """
    classes, target, even = x.shape[1], np.asarray(target), label_smoothing / x.shape[1]
    w = np.ones(classes, x.dtype) if weight is None else np.asarray(weight, x.dtype)
    per_class = w.reshape(classes, *[1] * (x.ndim - 2))
    if target.dtype.kind == "f":
        t = target.astype(x.dtype)
        return ((1 - label_smoothing) * t + even) * per_class, None, x.size // classes
    counts = (target != ignore_index)[:, None]
    own = np.where(counts, target[:, None], 0)
    weights, q = w[own] * counts, np.zeros_like(x)
    if even:
        q += even * (per_class * counts)
    np.put_along_axis(q, own, (1 - label_smoothing + even) * weights, 1)
    return q, None if even else own, weights.sum()


def claimed(q: Any, alone: Any, log_p: Any) -> Any:
    """Sum -q log p over the classes, or take it of the one class that has a claim."""
    if alone is not None:
        q, log_p = (np.take_along_axis(a, alone, 1) for a in (q, log_p))
    return -np.sum(q * log_p, 1)


def per_example(g: Any, n: Any) -> Any:
    """Give g / n, which meets x: where there is one for each example, with an axis for classes."""
    return (g if np.ndim(g) == 0 else g[:, None]) / n


class CrossEntropyLoss:
    """ℓ = -Σ q log p over the classes, p = softmax(x), q what the target claims.

    log p = z - log Σ exp(z), z = x - max x, so ℓ = (Σ q) log Σ exp(z) - Σ q z, neither of which is
    negative: nothing cancels. d log pᵢ/dxⱼ = δᵢⱼ - pⱼ, so dℓ/dxⱼ = pⱼ Σ q - qⱼ. For a class t with
    weight w this is w (p - 1 at t), and p - q where q adds up to 1, as smoothed targets do.

    Bishop 2006, PRML, eqs. 4.108 and 4.109; Szegedy et al. 2015, arXiv:1512.00567, section 7.
    """

    @staticmethod
    def forward(
        x: Any,
        target: Any,
        weight: Any = None,
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
    ) -> tuple[Any, Any]:
        """X (N, classes, *positions), target (N, *positions) or x's shape, weight (classes,)."""
        z, e, total = exponentials(x, 1)
        q, alone, count = claims(x, target, weight, ignore_index, label_smoothing)
        whole = q.sum(1, keepdims=True)
        loss = np.squeeze(whole * np.log(total), 1) + claimed(q, alone, z)
        y, n = reduced(loss, reduction, count)
        return y, (e / total, q, whole, n)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, in x's shape."""
        p, q, whole, n = cache
        h = per_example(g, n)
        return given(x=p * (h * whole) - h * q)

    @staticmethod
    def terms(g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂x in parts that add up."""
        p, q, whole, n = cache
        h = per_example(g, n)
        return {"x": {"the probabilities": p * (h * whole), "the target": -h * q}}


class NLLLoss:
    """ℓ = -Σ q x over the classes, x = log p given: q is the target's weight at it, 0 elsewhere.

    dℓ/dx = -q. The other part of `CrossEntropyLoss` comes from `LogSoftmax`. Bishop 2006, PRML, eq.
    4.108.
    """

    @staticmethod
    def forward(
        x: Any,
        target: Any,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> tuple[Any, Any]:
        """X (N, classes, *positions), target (N, *positions), weight (classes,)."""
        q, alone, count = claims(x, target, weight, ignore_index, 0.0)
        y, n = reduced(claimed(q, alone, x), reduction, count)
        return y, (q, n)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, in x's shape."""
        q, n = cache
        return given(x=-per_example(g, n) * q)


# ----- Of probabilities -----


class OfTwo:
    """ℓ = target a(x) + (1 - target) b(x): the cache has both parts of dℓ/dx, and n."""

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, in x's shape."""
        ones, zeros, n = cache
        return given(x=g / n * (ones + zeros))

    @staticmethod
    def terms(g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂x in parts that add up."""
        ones, zeros, n = cache
        return {"x": {"the target": g / n * ones, "the target's rest": g / n * zeros}}


def limited_log(log_q: Any, q: Any) -> tuple[Any, Any]:
    """Give log q, at least -100, and its derivative 1 / q, which is 0 where it is limited."""
    free = log_q >= -100
    return np.maximum(log_q, -100), free / np.where(free, q, 1)


class BCELoss(OfTwo):
    """ℓ = -w (target log x + (1 - target) log(1 - x)), each logarithm at least -100.

    dℓ/dx = w (-target / x + (1 - target) / (1 - x)) = w (x - target) / (x (1 - x)), where neither
    is limited. A limited one is constant, and its part 0: so nothing is divided by 0.

    Bishop 2006, PRML, eq. 4.90. PyTorch sets the limit.
    """

    @staticmethod
    def forward(
        x: Any, target: Any, weight: Any = None, reduction: str = "mean"
    ) -> tuple[Any, Any]:
        """X and target of one shape, weight of one that broadcasts to it."""
        target, w = np.asarray(target, x.dtype), _weight(weight, x)
        with np.errstate(divide="ignore"):
            log_x, of_x = limited_log(np.log(x), x)
            log_rest, of_rest = limited_log(np.log1p(-x), 1 - x)
        y, n = reduced(-w * (target * log_x + (1 - target) * log_rest), reduction)
        return y, (-w * target * of_x, w * (1 - target) * of_rest, n)


class BCEWithLogitsLoss(OfTwo):
    """ℓ = w (pos_weight target log(1 + exp(-x)) + (1 - target) log(1 + exp(x))).

    The slope of log(1 + exp(x)) is s = sigmoid(x), that of log(1 + exp(-x)) is s - 1, so dℓ/dx =
    w (pos_weight target (s - 1) + (1 - target) s), which is s - target without weights. 1 - s is
    sigmoid(-x): in two parts nothing cancels, and the gradient is exact far out, too.

    Bishop 2006, PRML, eqs. 4.90 and 4.91.
    """

    @staticmethod
    def forward(
        x: Any,
        target: Any,
        weight: Any = None,
        pos_weight: Any = None,
        reduction: str = "mean",
    ) -> tuple[Any, Any]:
        """X and target of one shape, the weights of one that broadcasts to it."""
        target, w = np.asarray(target, x.dtype), _weight(weight, x)
        s, rest = logistic(x)
        ones, zeros = w * _weight(pos_weight, x) * target, w * (1 - target)
        loss = ones * log_one_plus_exp(-x) + zeros * log_one_plus_exp(x)
        y, n = reduced(loss, reduction)
        return y, (-ones * rest, zeros * s, n)


def _weight(weight: Any, x: Any) -> Any:
    return 1 if weight is None else np.asarray(weight, x.dtype)


class KLDivLoss(OfEach):
    """ℓ = p (log p - x), and 0 where p is 0, x = log q given; with `log_target` log p is given.

    p log p does not depend on x, so dℓ/dx = -p. "batchmean", the default, divides by the number of
    examples: the divergence of each, on average. Kullback and Leibler 1951, Ann. Math. Statist. 22.
    """

    @staticmethod
    def forward(
        x: Any, target: Any, log_target: bool = False, reduction: str = "batchmean"
    ) -> tuple[Any, Any]:
        """X and target of one shape."""
        target = np.asarray(target, x.dtype)
        p = np.exp(target) if log_target else target
        log_p = target if log_target else np.log(np.where(p == 0, 1, p))
        count = len(x) if reduction == "batchmean" else None
        y, n = reduced(p * (log_p - x), reduction, count)
        return y, (-p, n)
