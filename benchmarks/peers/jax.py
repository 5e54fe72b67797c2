"""JAX, compiled by jit: another category than engines that run as they go. Without a W9: the
compiler would make one addition of a million."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

# XLA takes as many threads as it sees processors.
if hasattr(os, "sched_setaffinity"):
    seen = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, seen[: int(os.environ["OMP_NUM_THREADS"])])

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers.formulas import Engine, Formula, Variables, steps_of
from benchmarks.peers.step import Step
from benchmarks.workloads import Data

kernels = f"XLA, threads: {os.environ['OMP_NUM_THREADS']}"


def split(data: Data) -> tuple[Variables, Variables, Variables]:
    """Give leaves and constants as JAX's arrays, and numbers, which are compiled in."""
    numbers = {k: v for k, v in data.constants.items() if not hasattr(v, "dtype")}
    arrays = {k: jnp.asarray(v) for k, v in data.constants.items() if k not in numbers}
    return {k: jnp.asarray(v) for k, v in data.leaves.items()}, arrays, numbers


def compiled(function: Callable[..., Any], kept: Variables, arrays: Variables) -> Step:
    """Make a step of a function that gives what is to be kept; wait until it is there."""
    f = jax.jit(function)

    def run() -> None:
        kept.update(jax.block_until_ready(f(kept["leaves"], arrays)))

    def result() -> dict[str, Any]:
        found = {k: v for k, v in kept.items() if k not in ("leaves", "gradients")}
        found |= kept["gradients" if "gradients" in kept else "leaves"]
        return {k: np.asarray(v) for k, v in found.items()}

    return Step(run, result)


def differentiate(f: Formula, data: Data) -> Step:
    """Pull the cotangent g back."""
    leaves, arrays, numbers = split(data)

    def both(v: Variables, c: Variables) -> Variables:
        y, pull = jax.vjp(lambda v: f(v, c | numbers), v)
        return {"y": y, "gradients": pull(c["g"])[0]}

    return compiled(both, {"leaves": leaves}, arrays)


def train(f: Formula, data: Data) -> Step:
    """Descend inside the compiled function."""
    leaves, arrays, numbers = split(data)

    def both(v: Variables, c: Variables) -> Variables:
        loss, g = jax.value_and_grad(lambda v: f(v, c | numbers))(v)
        return {"loss": loss, "leaves": {k: v[k] - numbers["lr"] * g[k] for k in v}}

    return compiled(both, {"leaves": leaves}, arrays)


def conv(x: Any, w: Any, b: Any, padding: int) -> Any:
    """Convolve, in PyTorch's layout."""
    y = lax.conv(x, w, (1, 1), [(padding, padding)] * 2)
    return y if b is None else y + b.reshape(-1, 1, 1)


def pool(x: Any) -> Any:
    """Give maxima of 2 x 2 elements."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def cross_entropy(z: Any, labels: Any) -> Any:
    """-mean log softmax(z)[label]."""
    return -jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], axis=1).mean()


def lstm(v: Variables, c: Variables) -> Any:
    """W7, by scan."""
    a = v["x"] @ v["w_ih"].T + (v["b_ih"] + v["b_hh"])

    def step(state: Any, a: Any) -> Any:
        h, cell = state
        i, f, g, o = jnp.split(a + h @ v["w_hh"].T, 4, axis=1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (h, cell), h

    return lax.scan(step, (c["zeros"], c["zeros"]), a)[1]


engine = Engine(
    differentiate=differentiate,
    train=train,
    tanh=jnp.tanh,
    relu=jax.nn.relu,
    sigmoid=jax.nn.sigmoid,
    sqrt=jnp.sqrt,
    mean=lambda x, axes: jnp.mean(x, axis=axes, keepdims=True),
    matmul=jnp.matmul,
    linear=lambda x, w, b: x @ w.T + b,
    mse=lambda y, t: jnp.mean((y - t) ** 2),
    cross_entropy=cross_entropy,
    stack=jnp.stack,
    conv=conv,
    pool=pool,
    softmax=jax.nn.softmax,
    swap=lambda x: jnp.swapaxes(x, -1, -2),
)
steps: dict[str, Callable[[Data], Step]] = steps_of(engine, "W1 W2 W3 W4 W4b W5 W6 W8") | {
    "W7": partial(differentiate, lstm)
}
