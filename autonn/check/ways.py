"""Three ways to a gradient: autograd, a closed form, numerical differentiation; and rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from autonn.check.numerical import Derivative, best_derivative, jumps
from autonn.check.problem import Arrays, Problem
from autonn.graph import no_grad
from autonn.operands import bare
from autonn.tensors import Tensor
from autonn.tree import flatten

Gradients = dict[str, Any]
Noise = dict[str, float] | None


def cotangents_of(y: Any, rng: np.random.Generator) -> Any:
    """Draw a cotangent for each output: between 0.5 and 1.5 in size, of either sign."""
    leaves, rebuild = flatten(y)
    drawn = [
        (rng.uniform(0.5, 1.5, np.shape(leaf)) * rng.choice([-1, 1], np.shape(leaf))).astype(
            bare(leaf).dtype
        )
        for leaf in leaves
    ]
    return rebuild([np.asarray(g) for g in drawn])


def contracted(y: Any, g: Any) -> Any:
    """Σ g y over all outputs."""
    pairs = zip(flatten(y)[0], flatten(g)[0], strict=True)
    return sum(np.sum(u * v) for v, u in pairs)


def by_autograd(run: Callable[[Arrays], Any], values: Arrays, g: Any) -> tuple[Any, Gradients, Any]:
    """Give the output, autograd's gradients, and where they came from: seeds and inputs."""
    inputs = {name: Tensor(x, requires_grad=True, name=name) for name, x in values.items()}
    try:
        y = run(dict(inputs))
    except (AttributeError, TypeError) as error:
        raise TypeError(
            f"compare: autograd cannot run the forward pass: {error}. Write it with NumPy's "
            "functions, and without changing arrays in place (np.where, .at[i].set)"
        ) from error
    pairs = zip(flatten(y)[0], flatten(g)[0], strict=True)
    ends = [(leaf, seed) for leaf, seed in pairs if isinstance(leaf, Tensor) and leaf.requires_grad]
    if not ends:
        raise ValueError(
            "compare: the output does not depend on any input, so far as autograd sees"
        )
    for leaf, seed in ends:
        leaf.backward(seed, retain_graph=True)
    gradients = {
        name: np.zeros_like(values[name]) if t.grad is None else bare(t.grad)
        for name, t in inputs.items()
    }
    return y, gradients, ({leaf.node: seed for leaf, seed in ends}, inputs)


def by_closed_form(problem: Problem, values: Arrays, g: Any) -> tuple[Any, Gradients]:
    """Give the output and the gradients of the closed form, by name."""
    assert problem.closed is not None
    y, pull = problem.closed(values)
    found: Any = pull(deepcopy(g))  # many a backward changes it in place
    if isinstance(found, np.ndarray | np.generic | tuple | list):
        several = list(found) if isinstance(found, tuple | list) else [found]
        if len(several) > len(values):  # None, for what is not differentiated by
            several = [part for part in several if part is not None]
        if len(several) != len(values):
            raise ValueError(
                f"compare: backward gave {len(several)} gradients; want {len(values)}, of "
                f"{', '.join(values)} (target, mask and key_mask are constants)"
            )
        found = dict(zip(values, several, strict=True))
    if not isinstance(found, dict):
        raise TypeError(f"compare: backward gave {found!r:.40}; want gradients by name")
    found = {k.removeprefix("d") if k not in values else k: v for k, v in found.items()}
    missing, unexpected = (
        [n for n in values if n not in found],
        [n for n in found if n not in values],
    )
    if missing or unexpected:
        told = [f"missing: {', '.join(missing)}"] * bool(missing)
        told += [f"unexpected: {', '.join(unexpected)}"] * bool(unexpected)
        raise ValueError(f"compare: backward's gradients are of other names; {'; '.join(told)}")
    return y, {name: np.asarray(bare(found[name])) for name in values}


def rounding(wide: Problem | None, values: Arrays, g: Any, bases: Sequence[Gradients]) -> Noise:
    """Measure what rounding does to each gradient: how far it is from the same in a wider dtype.

    Autograd and the closed form are each compared with themselves, so that this holds for a closed
    form that is wrong, too. None if the wider dtype cannot be computed in.
    """
    if wide is None:
        return None
    dtype = next(iter(wide.values.values())).dtype
    leaves, rebuild = flatten(g)
    u = rebuild([np.asarray(leaf, dtype) for leaf in leaves])
    v = {name: np.asarray(x, dtype) for name, x in values.items()}
    try:
        again = by_autograd(wide.run, v, u)[1], by_closed_form(wide, v, u)[1]
    except (TypeError, ValueError, AttributeError):  # linear algebra, for one, knows none
        return None
    noise = dict.fromkeys(values, 0.0)
    for base, wider in zip(bases, again, strict=True):
        for name, was in base.items():
            if wider[name].shape == was.shape:
                off = np.abs(wider[name] - was)
                noise[name] += float(np.max(off[np.isfinite(off)], initial=0))
    return noise


def indices_of(off: Any, elements: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Choose elements: half of them where the difference is largest, the others at random."""
    if not off.size:
        return []
    flat = off.ravel()
    worst = np.argsort(-flat, kind="stable")[: max(1, elements // 2)]
    others = rng.choice(flat.size, min(elements, flat.size), replace=False)
    chosen = list(dict.fromkeys([*worst.tolist(), *others.tolist()]))[:elements]
    return [tuple(int(i) for i in np.unravel_index(k, off.shape)) for k in chosen]


class Sample(NamedTuple):
    """A numerical derivative by one element, and whether there is a kink."""

    place: tuple[int, ...]
    n: Derivative
    kink: bool

    def allows(self, gradient: Any, slack: float) -> bool:
        """Tell whether a gradient may be right here: at a kink, anything between the slopes."""
        value = float(gradient[self.place])
        if not np.isfinite(self.n.value):  # nothing is known
            return True
        slack += 1e-7 * abs(self.n.value) + 100 * min(
            self.n.error, 1e-6 * max(1, abs(self.n.value))
        )
        if abs(value - self.n.value) <= slack:
            return True
        low, high = sorted((self.n.left, self.n.right))
        rough = slack + 1e-3 * max(abs(low), abs(high))
        return bool(self.kink and low - rough <= value <= high + rough)


def sample(name: str, index: tuple[int, ...], double: Problem, g: Any) -> Sample:
    """Differentiate numerically by one element."""
    x = double.values[name]
    v = np.zeros_like(x)
    v[index] = 1
    leaves, rebuild = flatten(g)
    seeds = rebuild([np.asarray(u, np.float64) for u in leaves])

    def f(h: Any) -> Any:
        try:
            with no_grad():
                # Tensors, so that whatever the function does is done as autograd sees it.
                y = double.run(
                    {k: Tensor(a) for k, a in (double.values | {name: x + h * v}).items()}
                )
            return bare(contracted(y, seeds))
        except ValueError:  # a step out of the function's domain
            return np.nan

    scale = max(1e-3, abs(float(x[index])) or 1.0)
    with no_grad():
        terms = float(contracted(_sizes(double.run(double.values)), _sizes(seeds)))
    n = best_derivative(f, scale, terms if np.isfinite(terms) else 0.0)
    rough = 1e-4 * max(abs(n.left), abs(n.right), 1e-3)
    kink = abs(n.left - n.right) > 10 * rough
    if not kink and n.method != "complex step":
        kink = jumps(lambda h: float(f(h)), scale)
    return Sample(index, n, bool(kink))


def _sizes(y: Any) -> Any:
    leaves, rebuild = flatten(y)
    return rebuild([np.abs(bare(leaf)) for leaf in leaves])


def timed(call: Callable[[], Any], budget: float) -> float:
    """Give the shortest time of several calls, in seconds."""
    times: list[float] = []
    while not times or (sum(times) < budget and len(times) < 20):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)
