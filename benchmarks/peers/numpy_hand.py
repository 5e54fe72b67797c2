"""What a person would write who derives the gradients by hand, in raw NumPy.

No engine, no graph: the forward pass keeps what the backward pass reads, and arrays are reused
where nothing else needs them. No blocking and no threads but those of BLAS. It is the reference
of all checks, and what an engine that cost nothing would reach.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers import numpy_networks as networks
from benchmarks.peers.step import Step
from benchmarks.workloads import Array, Data

Arrays = dict[str, Any]


def step_of(gradients: Callable[..., Arrays], data: Data) -> Step:
    """Make a step of a function of the leaves and constants."""
    kept: Arrays = {}

    def run() -> None:
        kept.update(gradients(**data.leaves, **data.constants))

    return Step(run, lambda: kept)


def chain(x: Array, length: int, g: Array) -> Arrays:
    """W1."""
    tanhs = []
    for i in range(length):
        x = x * 1.0001 + 0.0001
        if i % 10 == 9:
            x = np.tanh(x)
            tanhs.append(x)
    y = x
    for i in reversed(range(length)):
        if i % 10 == 9:
            t = tanhs.pop()
            g = g * (1 - t * t)
        g = g * 1.0001
    return {"y": y, "x": g}


def additions(x: Array, length: int, g: Array) -> Arrays:
    """W9: the gradient of an addition is what came in."""
    for _ in range(length):
        x = x + 1.0
    return {"y": x, "x": g}


def batch_norm(x: Array, gamma: Array, beta: Array, g: Array) -> Arrays:
    """W5: dx = gamma / (n s) (n g - Σ g - z Σ g z), with z = (x - mean) / s."""
    n, shape = x.size // len(gamma), (1, -1, 1, 1)
    z = x - x.mean(axis=(0, 2, 3), keepdims=True)
    s = np.sqrt(np.einsum("nchw,nchw->c", z, z) / n + 1e-5).astype(x.dtype).reshape(shape)
    z /= s
    y = gamma.reshape(shape) * z
    y += beta.reshape(shape)
    dbeta, dgamma = g.sum(axis=(0, 2, 3)), np.einsum("nchw,nchw->c", g, z)
    z *= dgamma.reshape(shape) / -n
    z += g
    z -= dbeta.reshape(shape) / n
    z *= gamma.reshape(shape) / s
    return {"y": y, "x": z, "gamma": dgamma, "beta": dbeta}


def layer_norm(x: Array, gamma: Array, beta: Array, g: Array) -> Arrays:
    """W6: dx = (h - mean h - z mean(h z)) / s, with h = gamma g and z = (x - mean) / s."""
    n = len(gamma)
    z = x - x.mean(axis=-1, keepdims=True)
    s = np.sqrt(np.einsum("...i,...i->...", z, z)[..., None] / n + 1e-5).astype(x.dtype)
    z /= s
    y = gamma * z
    y += beta
    dbeta, dgamma = g.sum(axis=(0, 1)), np.einsum("ntc,ntc->c", g, z)
    h = gamma * g
    z *= np.einsum("...i,...i->...", h, z)[..., None] / n
    h -= h.mean(axis=-1, keepdims=True)
    h -= z
    h /= s
    return {"y": y, "x": h, "gamma": dgamma, "beta": dbeta}


def attention(q: Array, k: Array, v: Array, g: Array) -> Arrays:
    """W8: ds = p (dp - Σ dp p), with p = softmax(s)."""
    scale = np.float32(q.shape[-1] ** -0.5)
    p = q @ k.swapaxes(-1, -2)
    p *= scale
    p -= p.max(axis=-1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=-1, keepdims=True)
    y, dv = p @ v, p.swapaxes(-1, -2) @ g
    ds = g @ v.swapaxes(-1, -2)
    ds -= np.einsum("...i,...i->...", ds, p)[..., None]
    ds *= p
    ds *= scale
    return {"y": y, "q": ds @ k, "k": ds.swapaxes(-1, -2) @ q, "v": dv}


steps: dict[str, Callable[[Data], Step]] = {
    "W1": partial(step_of, chain),
    "W2": networks.small_network,
    "W3": networks.network,
    "W4": networks.lenet,
    "W4b": partial(step_of, networks.convolution),
    "W5": partial(step_of, batch_norm),
    "W6": partial(step_of, layer_norm),
    "W7": partial(step_of, networks.lstm),
    "W8": partial(step_of, attention),
    "W9": partial(step_of, additions),
}
