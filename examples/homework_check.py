"""Homework in the style of a known course, `f_forward -> out, cache` and `f_backward`, marked.

You will see two right derivations pass, one with a mistake sent back with what is wrong, and the
same with the mistake repaired. Hand in yours: `compare(forward, backward, *arrays)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn import compare

Gradients = tuple[Any, ...]


def affine_forward(x: Any, w: Any, b: Any) -> tuple[Any, Any]:
    """X W + b, of x (N, d_1, ..., d_k) with each example as one row."""
    out = x.reshape(x.shape[0], -1) @ w + b
    return out, (x, w)


def affine_backward(dout: Any, cache: Any) -> Gradients:
    """Give the gradients of x, w and b."""
    x, w = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(x.shape[0], -1).T @ dout, dout.sum(axis=0)


def batchnorm_forward(x: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
    """Gamma (x - mean) / s + beta, with the mean and the deviation s of the batch."""
    s = np.sqrt(x.var(axis=0) + 1e-5)
    xhat = (x - x.mean(axis=0)) / s
    return gamma * xhat + beta, (xhat, s, gamma)


def batchnorm_backward_wrong(dout: Any, cache: Any) -> Gradients:
    """Each x moves the mean and the deviation of all; here the deviation's share is missing."""
    xhat, s, gamma = cache
    dxhat = dout * gamma
    dx = (dxhat - dxhat.mean(axis=0)) / s
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)


def batchnorm_backward(dout: Any, cache: Any) -> Gradients:
    """Take off the mean's share, and the deviation's: Σ dxhat xhat, spread along xhat."""
    xhat, s, gamma = cache
    dxhat = dout * gamma
    dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / s
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)


def main() -> list[tuple[bool, str, float]]:
    """Mark all three; give for each whether it passed, what was said, and the largest error."""
    rng = np.random.default_rng(231)
    images, w, b = rng.normal(size=(10, 2, 3)), rng.normal(size=(6, 5)), rng.normal(size=5)
    x, gamma, beta = 5 * rng.normal(size=(8, 5)) + 12, rng.normal(size=5), rng.normal(size=5)
    handed_in = {
        "affine": (affine_forward, affine_backward, images, w, b),
        "batchnorm": (batchnorm_forward, batchnorm_backward_wrong, x, gamma, beta),
        "batchnorm, repaired": (batchnorm_forward, batchnorm_backward, x, gamma, beta),
    }
    marks = []
    for title, (forward, backward, *arrays) in handed_in.items():
        report = compare(forward, backward, *arrays)
        print(f"----- {title}: {'passed' if report.ok else 'not yet'} -----\n{report}\n")
        marks.append((report.ok, report.verdict, report.worst))
    return marks


if __name__ == "__main__":
    main()
