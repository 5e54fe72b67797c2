"""What is told of predictions beside the loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.arrays import numbers


def accuracy(prediction: Any, target: Any) -> float:
    """Give the share of examples whose largest score is that of their label.

    Parameters
    ----------
    prediction
        Scores (N, classes, ...); for two classes also one number per example, of the target's
        shape: a probability if all are from 0 to 1, else a logit. NaN is right for nobody.
    target
        Labels (N, ...), integers; or probabilities of the prediction's shape.

    Raises
    ------
    ValueError
        When the shapes do not fit, or there are no scores.
    TypeError
        For what is no array of numbers.

    Examples
    --------
    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    >>> accuracy(np.array([2.0, -1.0]), np.array([1, 0]))
    1.0
    """
    scores = numbers("accuracy", "prediction", prediction)
    labels = numbers("accuracy", "target", target)
    if not scores.size:
        raise ValueError(f"accuracy: scores of shape {scores.shape}; want at least one")
    if scores.shape == labels.shape and scores.ndim > 1 and scores.shape[1] > 1:
        labels = labels.argmax(axis=1)
    elif scores.size == labels.size and (scores.ndim < 2 or scores.shape[1] == 1):
        x, wanted = scores.ravel(), labels.ravel() > 0.5
        probable = bool(np.all((x >= 0) & (x <= 1)))
        right = ((x > 0.5) if probable else (x > 0)) == wanted
        return float(np.mean(right & ~np.isnan(x)))
    if scores.ndim < 2 or labels.shape != (scores.shape[0], *scores.shape[2:]):
        raise ValueError(
            f"accuracy: scores of shape {scores.shape} and labels of shape {labels.shape}; want "
            "(N, classes, ...) and (N, ...)"
        )
    right = scores.argmax(axis=1) == labels
    return float(np.mean(right & ~np.isnan(scores).any(axis=1)))


def mean_absolute_error(prediction: Any, target: Any) -> float:
    """Give the mean of |prediction - target|.

    Examples
    --------
    >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.0
    """
    x = numbers("mean_absolute_error", "prediction", prediction).astype(np.float64)
    y = numbers("mean_absolute_error", "target", target).astype(np.float64)
    if x.shape != y.shape:
        raise ValueError(
            f"mean_absolute_error: a prediction of shape {x.shape}, a target of {y.shape}"
        )
    return float(np.mean(np.abs(x - y)))
