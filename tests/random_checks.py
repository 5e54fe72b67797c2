"""What must hold of every program of `random_graphs`: values, both orders, dtypes, shapes, modes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from random_graphs import COMMON, DTYPES, PLAIN, WIDE, Program

from autonn import Tensor, grad
from autonn.check.numerical import derivative
from autonn.operands import bare

# What autonn computes in another order than NumPy; anything else has NumPy's very bits.
ROUNDS = re.compile(
    r"F\.|@|sum|mean|var|std|prod|norm|average|matmul|dot|inner|outer|einsum|convolve|quantile|percentile|median|trace|"
    r"linalg|cross|round|around|interp|trapezoid|sinc|bincount|at_add|logaddexp|ptp"
    + ("" if hasattr(np, "unstack") else r"|\*\*|power")  # in NumPy 2.0, x**2 alone is x * x
)


class MistakeError(AssertionError):
    """Something that must hold does not."""


class Outcome(NamedTuple):
    """The worst relative errors of a program's derivatives; None where nothing can be told."""

    first: float | None
    second: float | None
    operations: int


def check(program: Program, seed: int = 0) -> Outcome:
    """Raise `MistakeError`, or tell how far autograd and numerical differentiation are apart."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return _check(program, np.random.default_rng(seed))


def _check(program: Program, rng: np.random.Generator) -> Outcome:
    given, values = entered(program)
    values_are_numpys(program, values)
    ys = [values[k] for k in program.outputs]
    w = [rng.uniform(0.5, 1.5, np.shape(bare(y))) * rng.choice([-1, 1]) for y in ys]
    nothing = Outcome(None, None, len(program.lines))
    if not any(isinstance(y, Tensor) and y.requires_grad for y in ys):
        return nothing
    found = passes_agree(program, given, values, w)
    wide, _ = gradients(program, w, WIDE)
    low_precision_is_near(program, found, wide, w, rng)
    if not program.leaves or max(np.max(np.abs(g), initial=0) for g in wide.values()) > 1e6:
        return nothing
    return Outcome(*orders(program, wide, w, rng), len(program.lines))


# ----- Values -----


def entered(program: Program, dtypes: Any = DTYPES, moved: Any = None, after: Any = None) -> Any:
    """Give a program's inputs, Tensors among them, and all that it computes of them."""
    arrays = program.arrays(dtypes) | (moved or {})
    given = {
        k: arrays[k] if kind == "array" else Tensor(arrays[k], requires_grad=kind == "leaf", name=k)
        for k, (kind, _) in program.inputs.items()
    }
    return given, program.run(given, dtypes, after or (lambda y: y))


def values_are_numpys(program: Program, values: dict[str, Any]) -> None:
    """Compare each line's result with what NumPy makes of the same operands."""
    plain = {k: bare(v) for k, v in values.items()}
    names = COMMON | DTYPES | {"F": PLAIN} | plain
    for name, text in program.lines.items():
        y, want = plain[name], eval(text, names)
        if (np.shape(y), y.dtype) != (np.shape(want), want.dtype):
            raise MistakeError(
                f"{name}: {y.dtype}{np.shape(y)}; NumPy gives {want.dtype}{np.shape(want)}"
            )
        y, want = (np.asarray(x, np.float64) for x in (y, want))
        operands = [np.asarray(plain[k]) for k in re.findall(r"\b[vx]\d+\b", text)]
        among = (
            operands if re.search("multi_dot|einsum", text) else [plain[name]]
        )  # in an order of its own
        eps = max(float(np.finfo(x.dtype).eps) for x in among)
        largest = max([1.0, *(float(np.max(np.abs(x), initial=0)) for x in (y, *operands))])
        count = max([1, *(x.size for x in operands)]) / max(1, y.size)
        # Products of two such numbers, added up; float16 is sometimes summed in float32.
        bound = 8 * eps * largest**2 * (4 + count) if ROUNDS.search(text) else 0.0
        if not y.ndim:  # NumPy's numbers go another way than its arrays
            bound = max(bound, 4 * eps * largest)
        off = float(np.max(np.abs(y - want), initial=0)) if not np.array_equal(y, want) else 0.0
        if not off <= bound:
            raise MistakeError(f"the value of {name} is off by {off:.2g}, more than {bound:.2g}")


# ----- First order -----


def loss(program: Program, values: dict[str, Any], w: list[Any]) -> Any:
    """Give Σ w y, in each output's dtype."""
    total: Any = 0.0
    for k, seed in zip(program.outputs, w, strict=True):
        y = values[k]
        if isinstance(y, Tensor):
            total = total + (y * np.asarray(seed, y.dtype)).sum()
    return total


def gradients(program: Program, w: list[Any], dtypes: Any = DTYPES, **options: Any) -> Any:
    """Give the gradients of Σ w y by the leaves, 0 where none arrives, and what was computed."""
    given, values = entered(program, dtypes, options.get("moved"), options.get("after"))
    loss(program, values, w).backward()
    return collected(program, given), values


def collected(program: Program, given: dict[str, Any]) -> dict[str, Any]:
    grads = {k: given[k].grad for k in program.leaves}
    return {k: np.zeros_like(bare(given[k])) if g is None else bare(g) for k, g in grads.items()}


def passes_agree(program: Program, given: Any, values: Any, w: list[Any]) -> dict[str, Any]:
    """Pull back in each way; the bits are the same, and nothing else is changed."""
    before = {k: np.array(bare(v)) for k, v in values.items()}
    y = loss(program, values, w)
    y.backward(retain_graph=True)
    found = collected(program, given)
    for k, g in found.items():
        if (g.shape, g.dtype) != (given[k].shape, given[k].dtype):
            raise MistakeError(f"the gradient of {k} is {g.dtype}{g.shape}, not {given[k].dtype}")
    first = {k: np.array(g) for k, g in found.items()}
    passed = {"a retained graph": found}
    for x in given.values():
        if isinstance(x, Tensor) and x.requires_grad:
            x.grad = None
    y.backward()
    passed["the same graph again"] = collected(program, given)
    outputs = [values[k] for k in program.outputs if isinstance(values[k], Tensor)]
    if len(outputs) == len(program.outputs) == 1:
        again, results = entered(program)
        output = results[program.outputs[0]]
        seed = np.asarray(w[0], output.dtype)
        kept = seed.copy()
        output.backward(seed)
        passed["backward(gradient)"] = collected(program, again)
        if not np.array_equal(kept, seed):
            raise MistakeError("backward changed the gradient that it was given")
    again, results = entered(program)
    y = loss(program, results, w)
    for k, (kind, _) in program.inputs.items():
        if kind == "array":  # the user's own, which may change as soon as it was used
            again[k][...] = np.nan
    y.backward()
    passed["changed inputs"] = collected(program, again)
    leaves = program.leaves

    def of_leaves(*xs: Any) -> Any:
        return loss(program, program.run(given | dict(zip(leaves, xs, strict=True))), w)

    if leaves:
        by_grad = grad(of_leaves, tuple(range(len(leaves))))
        arrays = [np.array(bare(given[k])) for k in leaves]
        passed["grad"] = dict(zip(leaves, by_grad(*arrays), strict=True))
    for way, grads in passed.items():
        for k, g in grads.items():
            if g.dtype != first[k].dtype or not np.array_equal(g, first[k], equal_nan=True):
                raise MistakeError(f"the gradient of {k} by {way} is another one")
    for k, v in values.items():
        if not np.array_equal(before[k], bare(v), equal_nan=True):
            raise MistakeError(f"{k} was changed")
    return first


def scaled_gradients(program: Program, w: list[Any], scale: float) -> dict[str, Any]:
    """Give the gradients by way of smaller ones."""
    given, values = entered(program)
    loss(program, values, [scale * v for v in w]).backward()
    return {k: g.astype(np.float64) / scale for k, g in collected(program, given).items()}


def low_precision_is_near(
    program: Program, found: Any, wide: Any, w: list[Any], rng: np.random.Generator
) -> None:
    """Compare with float64's gradients: off by what the rounding of every value may explain."""
    eps = max(
        float(np.finfo(bare(x).dtype).eps)
        for x in program.arrays().values()
        if bare(x).dtype.kind == "f"
    )
    eps = max(eps, 1.2e-7 if "float32" in str(program) else 0, 1e-3 * ("float16" in str(program)))
    noise = dict.fromkeys(found, 0.0)
    if eps > 1e-12:

        def rounded(y: Any) -> Any:
            return y * (1 + eps * rng.standard_normal(np.shape(bare(y))))

        for _ in range(4):
            other, _ = gradients(program, w, WIDE, after=rounded)
            for k, g in other.items():
                noise[k] = max(noise[k], float(np.max(np.abs(g - wide[k]), initial=0)))
    if eps > 1e-4 and not all(np.all(np.isfinite(g)) for g in found.values()):
        found = scaled_gradients(program, w, 2.0**-8)  # on the way some may pass 65,504
    for k, g in found.items():
        scale = float(np.max(np.abs(wide[k]), initial=0))
        if scale > 3e4 or not np.isfinite(noise[k]):
            continue
        if eps > 1e-4 and "cum" in str(program):  # float16 adds up one after the other
            continue
        off = float(np.max(np.abs(g.astype(np.float64) - wide[k]), initial=0))
        bound = 40 * noise[k] + 100 * eps * (scale + (eps > 1e-12))
        if not off <= bound:
            raise MistakeError(
                f"the gradient of {k} is off float64's by {off:.2g}, more than {bound:.2g}"
            )


# ----- Both orders, numerically -----


def orders(program: Program, wide: Any, w: list[Any], rng: np.random.Generator) -> Any:
    """Compare derivatives along a random direction with numerical ones."""
    arrays = program.arrays(WIDE)
    v = {k: rng.standard_normal(arrays[k].shape) for k in program.leaves}
    u = {k: rng.standard_normal(arrays[k].shape) for k in program.leaves}

    def moved(h: float) -> dict[str, Any]:
        return {k: arrays[k] + h * v[k] for k in program.leaves}

    def value(h: float) -> float:
        values = program.run(arrays | moved(h), WIDE)
        return float(sum(np.sum(s * values[k]) for k, s in zip(program.outputs, w, strict=True)))

    values = program.run(arrays, WIDE)
    sizes = [np.sum(np.abs(s * values[k])) for k, s in zip(program.outputs, w, strict=True)]
    first = judged("first", {k: g * v[k] for k, g in wide.items()}, value, float(sum(sizes)))

    def slope(h: float) -> float:
        g, _ = gradients(program, w, WIDE, moved=moved(h))
        return float(sum(np.sum(g[k] * u[k]) for k in g))

    given, results = entered(program, WIDE)
    loss(program, results, w).backward(create_graph=True)
    recorded = {k: given[k].grad for k in program.leaves if given[k].grad is not None}
    for k, g in recorded.items():
        if not np.allclose(bare(g), wide[k], rtol=1e-9, atol=1e-9 * (1 + np.max(np.abs(wide[k]), initial=0))):  # fmt: skip
            raise MistakeError(f"the gradient of {k} with create_graph=True is another one")
    sizes = [np.sum(np.abs(g * u[k])) for k, g in wide.items()]
    for k in recorded:
        given[k].grad = None
    s: Any = sum((g * u[k]).sum() for k, g in recorded.items())
    if isinstance(s, Tensor) and s.requires_grad:
        s.backward()
    again = collected(program, given)
    for k, g in again.items():
        if g.shape != arrays[k].shape:
            raise MistakeError(f"the second derivative by {k} has shape {g.shape}")
    return first, judged(
        "second", {k: g * v[k] for k, g in again.items()}, slope, float(sum(sizes))
    )


def judged(order: str, terms: Any, f: Callable[[float], float], size: float) -> float | None:
    """Compare the sum of the terms with f'(0); None if that cannot be told."""
    autograd = float(sum(np.sum(t) for t in terms.values()))
    told = ""
    for reach in (0.08, 1e-5):  # over steps of rint, say, the first may see a slope
        n = derivative(f, reach)
        scale = max(float(sum(np.sum(np.abs(t)) for t in terms.values())), abs(n.value))
        scale += 1e-2 * size
        doubt = 10 * n.error + 2e-15 * size / n.step  # which rounding in f brings, by luck unseen
        if not np.isfinite(n.value) or doubt > 1e-4 * scale:
            return None
        off = abs(autograd - n.value)
        if off <= 3e-9 * scale + doubt + 1e-12:
            return off / scale if off > 1e-12 else 0.0
        told = f"{autograd:.12g} by autograd, {n.value:.12g} ± {doubt:.1e}"
    raise MistakeError(f"{order} order: {told}")


# ----- Smaller programs that fail, too -----


def fails(program: Program) -> str:
    """Give what is wrong, or nothing."""
    try:
        check(program)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def shrunk(program: Program) -> Program:
    """Cut a program that fails down to the lines and inputs that matter."""
    going = True
    while going:
        going = False
        for smaller in _smaller(program):
            if smaller != program and fails(smaller):
                program, going = smaller, True
                break
    return program


def _smaller(program: Program) -> Any:
    lines = program.lines
    if len(lines) > 1 or len(program.outputs) > 1:
        for k in lines:
            yield replace(program, outputs=(k,)).pruned()
    values = program.run(program.arrays())
    for k in list(lines)[:-1]:
        value = np.asarray(values[k])
        if value.size <= 200:
            text = f"np.array({value.tolist()}).reshape({value.shape}).astype({value.dtype})"
            for kind in ("array", "leaf"):
                inputs = program.inputs | {k: (kind, text)}
                rest = {name: line for name, line in lines.items() if name != k}
                yield replace(program, inputs=inputs, lines=rest).pruned()
    for k, (kind, text) in program.inputs.items():
        if kind == "leaf" and len(program.leaves) > 1:
            yield replace(program, inputs=program.inputs | {k: ("array", text)})
