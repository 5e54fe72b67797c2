"""The engines that are compared, each as the few functions that the workloads need."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import autonn

try:
    import torch
except ModuleNotFoundError:
    torch = None
try:
    import mygrad
except ModuleNotFoundError:
    mygrad = None
try:
    import autograd
    import autograd.numpy
except ModuleNotFoundError:
    autograd = None


@dataclass(frozen=True)
class Engine:
    """How an engine makes a leaf, computes, and gives the gradients of a sum."""

    name: str
    tanh: Callable[[Any], Any]
    mean_square: Callable[[Any], Any]
    gradients: Callable[[Callable[..., Any], list[np.ndarray]], list[np.ndarray]]


def _by_backward(leaf: Callable[[Any], Any], value: Callable[[Any], Any]) -> Callable[..., Any]:
    def gradients(f: Callable[..., Any], arrays: list[np.ndarray]) -> list[np.ndarray]:
        leaves = [leaf(a) for a in arrays]
        f(*leaves).backward()
        return [value(t.grad) for t in leaves]

    return gradients


def engines() -> list[Engine]:
    """Give autonn and all the others that are installed."""
    found = [
        Engine(
            f"autonn {autonn.__version__}",
            np.tanh,
            lambda t: np.mean(t * t),
            _by_backward(lambda a: autonn.Tensor(a, requires_grad=True), lambda g: g.data),
        )
    ]
    if torch is not None:
        torch.set_num_threads(2)
        found.append(
            Engine(
                f"torch {torch.__version__}",
                torch.tanh,
                lambda t: (t * t).mean(),
                _by_backward(lambda a: torch.tensor(a, requires_grad=True), lambda g: g.numpy()),
            )
        )
    if autograd is not None:

        def gradients(f: Callable[..., Any], arrays: list[np.ndarray]) -> list[np.ndarray]:
            return list(autograd.grad(f, argnum=tuple(range(len(arrays))))(*arrays))

        found.append(
            Engine(
                f"autograd {importlib.metadata.version('autograd')}",
                autograd.numpy.tanh,
                lambda t: autograd.numpy.mean(t * t),
                gradients,
            )
        )
    if mygrad is not None:
        found.append(
            Engine(
                f"mygrad {mygrad.__version__}",
                mygrad.tanh,
                lambda t: mygrad.mean(t * t),
                _by_backward(mygrad.tensor, lambda g: g),
            )
        )
    return found
