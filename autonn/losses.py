"""Losses: each a formula of an input and a target, then averaged, summed or left as it is.

In float16 they compute in float32, and round their result.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any, Literal, TypeAlias

import numpy as np

from autonn.activations import log_softmax, softplus
from autonn.arguments import Positive, Probability, explained
from autonn.graph import Array
from autonn.operands import bare, operand
from autonn.rules import relu
from autonn.sums import in_float32
from autonn.transforms import grad

Reduction: TypeAlias = Literal["mean", "sum", "none"]


@explained
def reduced(loss: Array, reduction: Reduction, count: Any = None) -> Array:
    """Give the mean of a loss (its sum over `count`), its sum, or the loss as it is ("none")."""
    loss = operand(loss)
    if reduction == "none":
        return loss
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction={reduction!r}; want 'mean', 'sum' or 'none'")
    if reduction == "mean" and count is None:
        return np.mean(loss)
    return np.sum(loss) if reduction == "sum" else np.sum(loss) / count


def _same_shape(name: str, x: Array, target: Array) -> tuple[Array, Array]:
    x, target = operand(x), operand(target)
    if target.shape != x.shape:
        raise ValueError(f"{name}: the input has shape {x.shape}, the target {target.shape}")
    return x, target


@explained
@in_float32
def mse_loss(x: Array, target: Array, reduction: Reduction = "mean") -> Array:
    """(x - target)².

    Examples
    --------
    >>> mse_loss(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    np.float64(2.0)
    """
    x, target = _same_shape("mse_loss", x, target)
    return reduced(np.square(x - target), reduction)


@explained
@in_float32
def half_squared_error(x: Array, target: Array, reduction: Reduction = "sum") -> Array:
    """(x - target)² / 2, summed by default, whose gradient is the difference.

    Examples
    --------
    >>> half_squared_error(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    np.float64(2.0)
    """
    x, target = _same_shape("half_squared_error", x, target)
    return reduced(0.5 * np.square(x - target), reduction)


@explained
@in_float32
def l1_loss(x: Array, target: Array, reduction: Reduction = "mean") -> Array:
    """|x - target|, with derivative 0 where they are equal.

    Examples
    --------
    >>> l1_loss(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    np.float64(1.0)
    """
    x, target = _same_shape("l1_loss", x, target)
    return reduced(np.absolute(x - target), reduction)


@explained
@in_float32
def huber_loss(
    x: Array, target: Array, delta: Positive = 1.0, reduction: Reduction = "mean"
) -> Array:
    """d² / 2 where |d| ≤ delta, delta (|d| - delta / 2) beyond, of d = x - target: Huber 1964.

    Examples
    --------
    >>> huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    if not delta > 0:
        raise ValueError(f"huber_loss: delta={delta}; want more than 0")
    x, target = _same_shape("huber_loss", x, target)
    d = np.absolute(x - target)
    near = np.clip(d, None, delta)
    return reduced(near * (d - 0.5 * near), reduction)


@explained
@in_float32
def cross_entropy(
    logits: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    label_smoothing: Probability = 0.0,
    reduction: Reduction = "mean",
) -> Array:
    """-log softmax(logits)[target], or -sum of target · log softmax(logits) for probabilities.

    Parameters
    ----------
    logits
        (N, classes, *positions).
    target
        Classes, integers of shape (N, *positions); or probabilities, in the shape of the logits.
    weight
        (classes,), the weight of each class.
    ignore_index
        A class that does not count.
    label_smoothing
        The share of each target that is spread evenly over all classes: Szegedy et al. 2015,
        arXiv:1512.00567, section 7.
    reduction
        "mean" (over the weights of the targets that count; over the examples for probabilities),
        "sum" or "none".

    Raises
    ------
    ValueError
        For a target of another shape or dtype, or a class out of range.

    Examples
    --------
    >>> cross_entropy(np.zeros((1, 2)), [1])
    np.float64(0.6931471805599453)
    >>> cross_entropy(np.array([[1e4, -1e4]]), [1])
    np.float64(20000.0)
    """
    logits, target = operand(logits), operand(target)
    if logits.ndim < 2:
        raise ValueError(f"cross_entropy: logits have shape {logits.shape}; want (N, classes, ...)")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing={label_smoothing}; want 0 to 1")
    log_p = log_softmax(logits, 1)
    classes = logits.shape[1]
    w = _class_weights("cross_entropy", weight, classes, log_p)
    if target.shape == logits.shape and target.dtype.kind == "f":
        smooth = target * (1 - label_smoothing) + label_smoothing / classes
        per_class = w.reshape(classes, *[1] * (logits.ndim - 2))
        loss = -np.sum(smooth * per_class * log_p, axis=1)
        return reduced(loss, reduction)
    picked, own, counts = _picked("cross_entropy", log_p, target, w, ignore_index)
    loss = -picked * own
    if label_smoothing:
        even = -np.mean(np.moveaxis(log_p, 1, -1) * w, axis=-1) * counts
        loss = (1 - label_smoothing) * loss + label_smoothing * even
    return reduced(loss, reduction, own.sum())


@explained
@in_float32
def nll_loss(
    log_probabilities: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Array:
    """-log_probabilities[target]; arguments as in `cross_entropy`.

    Examples
    --------
    >>> nll_loss(np.log(np.array([[0.25, 0.75]])), [0])
    np.float64(1.3862943611198906)
    """
    log_probabilities, target = operand(log_probabilities), operand(target)
    if log_probabilities.ndim < 2:
        seen = log_probabilities.shape
        raise ValueError(f"nll_loss: the input has shape {seen}; want (N, classes, ...)")
    w = _class_weights("nll_loss", weight, log_probabilities.shape[1], log_probabilities)
    picked, own, _ = _picked("nll_loss", log_probabilities, target, w, ignore_index)
    return reduced(-picked * own, reduction, own.sum())


def _class_weights(name: str, weight: Any, classes: int, like: Array) -> Any:
    if weight is None:
        return np.ones(classes, like.dtype)
    weight = np.asarray(bare(_factor(weight, like)))
    if weight.shape != (classes,):
        raise ValueError(f"{name}: weight has shape {weight.shape}; want ({classes},)")
    return weight


def _picked(
    name: str, log_p: Array, target: Array, weight: Any, ignore_index: int
) -> tuple[Array, Any, Any]:
    """Give the targets' log-probabilities, their weights, and which count at all."""
    classes = log_p.shape[1]
    wanted = (log_p.shape[0], *log_p.shape[2:])
    target = np.asarray(bare(target))
    if target.shape != wanted or target.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: the input has shape {log_p.shape}, the target {target.shape} "
            f"({target.dtype}); want {wanted} integers, or probabilities in the input's shape"
        )
    counts = target != index(ignore_index)
    known = target[counts]
    if known.size and not 0 <= known.min() <= known.max() < classes:
        seen = f"{known.min()} to {known.max()}"
        raise ValueError(f"{name}: classes run from {seen}; want 0 to {classes - 1}")
    safe = np.where(counts, target, 0)
    picked = np.take_along_axis(np.moveaxis(log_p, 1, -1), safe[..., None], -1)[..., 0]
    picked = np.where(counts, picked, 0)  # which may be infinite where it does not count
    counts = counts.astype(log_p.dtype)
    return picked, weight[safe] * counts, counts


@explained
@in_float32
def binary_cross_entropy(
    p: Array, target: Array, weight: Array | None = None, reduction: Reduction = "mean"
) -> Array:
    """-(target log p + (1 - target) log(1 - p)), each logarithm at least -100, as in PyTorch.

    Where a logarithm is cut off, the loss is constant and its gradient 0: a p that is 0 or 1 and
    wrong learns nothing. (PyTorch divides by at least 1e-12 there, for a slope of up to 1e12.)
    `binary_cross_entropy_with_logits` has the right gradient everywhere.

    Examples
    --------
    >>> binary_cross_entropy(np.array([0.5, 1.0]), np.array([1.0, 0.0]), reduction="none")
    array([  0.69314718, 100.        ])
    """
    p, target = _same_shape("binary_cross_entropy", p, target)
    values = bare(p)
    if not ((values >= 0) & (values <= 1)).all():
        seen = f"{values.min()} to {values.max()}"
        raise ValueError(f"binary_cross_entropy: p runs from {seen}; want probabilities, 0 to 1")

    def log(q: Array) -> Array:
        zero = bare(q) == 0
        return np.clip(np.where(zero, -100, np.log(np.where(zero, 1, q))), -100, None)

    loss = -(target * log(p) + (1 - target) * log(1 - p))
    return reduced(loss * _factor(weight, loss), reduction)


@explained
@in_float32
def binary_cross_entropy_with_logits(
    logits: Array,
    target: Array,
    weight: Array | None = None,
    pos_weight: Array | None = None,
    reduction: Reduction = "mean",
) -> Array:
    """Target log(1 + exp(-x)) + (1 - target) log(1 + exp(x)), of logits x.

    `pos_weight` multiplies the first term, `weight` the whole.

    Examples
    --------
    >>> x, target = np.array([1e4, 0.0]), np.array([0.0, 1.0])
    >>> binary_cross_entropy_with_logits(x, target, reduction="none")
    array([1.00000000e+04, 6.93147181e-01])
    """
    logits, target = _same_shape("binary_cross_entropy_with_logits", logits, target)
    positive = target * _factor(pos_weight, logits)
    loss = positive * softplus(-logits) + (1 - target) * softplus(logits)
    return reduced(loss * _factor(weight, loss), reduction)


def _factor(weight: Any, like: Array) -> Any:
    """Give weights in the dtype of what they weigh, 1 for none."""
    if weight is None:
        return 1
    weight = operand(weight)
    if not np.can_cast(weight.dtype, like.dtype, "same_kind"):
        raise TypeError(f"weights are {weight.dtype}; want {like.dtype}")
    return weight.astype(like.dtype)


@explained
@in_float32
def kl_div(
    log_q: Array,
    p: Array,
    log_target: bool = False,
    reduction: Reduction | Literal["batchmean"] = "batchmean",
) -> Array:
    """P (log p - log q), and 0 where p is 0, of log q and p (or log p with `log_target`).

    "batchmean", the default, divides the sum by the number of examples, as the formula asks; "mean"
    by the number of elements.

    Examples
    --------
    >>> kl_div(np.log(np.array([[0.5, 0.5]])), np.array([[1.0, 0.0]]))
    np.float64(0.6931471805599453)
    """
    log_q, p = _same_shape("kl_div", log_q, p)
    if log_target:
        loss = np.exp(p) * (p - log_q)
    else:
        zero = bare(p) == 0
        loss = p * (np.log(np.where(zero, 1, p)) - log_q)
    if reduction == "batchmean":
        return reduced(loss, "mean", len(loss))
    return reduced(loss, reduction)


@explained
@in_float32
def hinge_loss(
    x: Array, target: Array, margin: float = 1.0, reduction: Reduction = "mean"
) -> Array:
    """max(0, margin - target x), with targets -1 and 1.

    Examples
    --------
    >>> hinge_loss(np.array([0.5, 3.0]), np.array([1.0, -1.0]), reduction="none")
    array([0.5, 4. ])
    """
    x, target = _same_shape("hinge_loss", x, target)
    if not np.isin(bare(target), (-1, 1)).all():
        raise ValueError("hinge_loss: targets are -1 or 1")
    return reduced(relu(margin - target * x), reduction)


@explained
def gradient_penalty(critic: Callable[[Any], Any], x: Array, norm: float = 1.0) -> Array:
    """Mean over examples of (‖∇ critic(x)‖ - norm)²: Gulrajani et al. 2017, arXiv:1704.00028.

    Parameters
    ----------
    critic
        A function or module that gives a number for each example.
    x
        (N, ...): in the paper, points drawn between real and generated examples.
    norm
        What the gradient's length should be.

    Returns
    -------
    Tensor
        Differentiable by the critic's parameters: the gradient of a gradient.

    Examples
    --------
    >>> from autonn import Tensor
    >>> w = Tensor([3.0, 4.0], requires_grad=True)
    >>> penalty = gradient_penalty(lambda x: x @ w, np.ones((2, 2)))
    >>> penalty.backward()
    >>> penalty.item(), w.grad
    (16.0, Tensor([4.8, 6.4]))
    """
    slope = grad(lambda points: np.sum(critic(points)))(operand(x))
    length = np.linalg.norm(slope.reshape(len(slope), -1), axis=1)
    return np.mean(np.square(length - norm))
