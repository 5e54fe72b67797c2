"""Autograd against numerical differentiation, element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from autonn.arguments import Count, Positive, Size, Whole, checked
from autonn.check.numerical import Derivative, best_derivative, jumps
from autonn.graph import no_grad
from autonn.operands import bare
from autonn.tensors import Tensor
from autonn.transforms import vjp
from autonn.tree import flatten


@dataclass(frozen=True)
class Row:
    """One derivative by one element of an input: <w, J v> both ways."""

    order: int
    argument: int
    index: tuple[int, ...] | None  # None: along a random direction
    autograd: float
    numerical: Derivative
    ok: bool
    kink: bool

    @property
    def error(self) -> float:
        """|autograd - numerical|."""
        return abs(self.autograd - self.numerical.value)

    @property
    def relative(self) -> float:
        """The error over the larger of 1 and the numerical derivative."""
        return self.error / max(1.0, abs(self.numerical.value))

    @property
    def ulp(self) -> float:
        """The error in units of the last place of the numerical derivative."""
        return self.error / float(np.spacing(max(abs(self.numerical.value), np.finfo(float).tiny)))

    def __str__(self) -> str:
        place = "a random direction" if self.index is None else str(list(self.index))
        n = self.numerical
        verdict = "kink" if self.kink else "ok" if self.ok else "WRONG"
        return (
            f"order {self.order}, input {self.argument} at {place}: "
            f"autograd {self.autograd:.12g}, numerical {n.value:.12g} "
            f"(± {n.error:.1e}, {n.method}, step {n.step:.1e}), "
            f"error {self.error:.1e} = {self.ulp:.2g} ulp: {verdict}"
        )


@dataclass(frozen=True)
class GradcheckReport:
    """All the derivatives that were compared, the worst first in `str`."""

    tol: float
    rows: list[Row] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all agree."""
        return all(row.ok for row in self.rows)

    @property
    def worst(self) -> float:
        """The largest relative error away from kinks."""
        return max((row.relative for row in self.rows if not row.kink), default=0.0)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        wrong = [row for row in self.rows if not row.ok]
        kinks = sum(row.kink for row in self.rows)
        head = f"gradcheck: {len(self.rows)} derivatives, worst relative error {self.worst:.1e}"
        head += f" (tolerance {self.tol:.0e})"
        head += f", {kinks} at kinks" if kinks else ""
        if not wrong:
            return head + ": all agree"
        shown = sorted(wrong, key=lambda row: -np.nan_to_num(row.relative, nan=np.inf))[:5]
        return f"{head}: {len(wrong)} WRONG\n  " + "\n  ".join(map(str, shown))


class GradcheckError(AssertionError):
    """Autograd and numerical differentiation disagree; `report` says where."""

    def __init__(self, report: GradcheckReport) -> None:
        super().__init__(str(report))
        self.report = report


@checked
def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: Annotated[int, Whole(1, 6)] = 1,
    tol: Positive = 1e-7,
    elements: Size = 32,
    seed: Count = 0,
    raises: bool = True,
) -> GradcheckReport:
    """<v, Jᵀ w> = <w, J v>: check autograd's gradients of f against numerical differentiation.

    The output is contracted with a random w, and differentiated numerically by the elements of each
    input and along a random direction: by complex steps where the function is analytic and allows
    it, else by extrapolated central differences. At a kink any value between the one-sided slopes
    is right.

    Parameters
    ----------
    f
        A function of Tensors that returns a Tensor, or a nest of them; the same at each call.
    *inputs
        Numbers, arrays, Tensors, or nests of them. Those of floating point are differentiated by,
        in float64; others stay.
    order
        2 checks the gradient's own gradients, too, and so on; each order takes some four times as
        long as the one before it.
    tol
        The largest error, relative to the larger of 1 and the derivative.
    elements
        How many elements of each input are checked, chosen at random where there are more.
    seed
        Of the random w, directions and choices.
    raises
        False returns a report that may be false instead of raising.

    Returns
    -------
    GradcheckReport
        True in a condition if all agree; `str` shows the worst, with index, both values, step and
        ulp.

    Raises
    ------
    GradcheckError
        An AssertionError with the report.
    TypeError
        When no input is of floating point, or an output is no Tensor.
    ValueError
        When the function is not finite at the inputs, or gives another value each time; for an
        order, tolerance, number of elements or seed that is out of range.

    Examples
    --------
    >>> bool(gradcheck(np.tanh, [0.1, -2.0], order=2))
    True
    """
    rng = np.random.default_rng(seed)
    parts = [flatten(x) if _is_nest(x) else flatten(np.array(bare(x))) for x in inputs]
    arrays = [np.array(bare(leaf)) for leaves, _ in parts for leaf in leaves]
    arrays = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in arrays]
    if not any(x.dtype.kind == "f" for x in arrays):
        raise TypeError(
            "gradcheck: no input is of floating point, so there is no gradient to check"
        )

    def of_leaves(*leaves: Any) -> list[Tensor]:
        rest = iter(leaves)
        args = [rebuild([next(rest) for _ in part]) for part, rebuild in parts]
        return _tensors(f(*args))

    report = GradcheckReport(tol)
    function: Callable[..., Any] = of_leaves
    for level in range(1, order + 1):
        with np.errstate(all="ignore"):
            cotangents = _check(function, arrays, level, report, rng, elements)
        if level < order:
            function = _pulled(function, len(arrays), arrays)
            arrays = [*arrays, *cotangents]
    if raises and not report.ok:
        raise GradcheckError(report)
    return report


def _is_nest(x: Any) -> bool:
    """Tell a nest of inputs from a list of numbers, which is an array."""
    if isinstance(x, list | tuple):
        return any(isinstance(item, dict | np.ndarray | Tensor) or _is_nest(item) for item in x)
    return isinstance(x, dict)


def _tensors(outputs: Any) -> list[Tensor]:
    """Give all outputs, which must be Tensors: of anything else the graph is lost."""
    leaves, _ = flatten(outputs)
    for y in leaves:
        if not isinstance(y, Tensor):
            raise TypeError(
                f"gradcheck: the function gave a {type(y).__name__}, not a Tensor, so no gradient "
                "can be checked: is a return missing, or does the graph end in .item() or .numpy()?"
            )
    return leaves


def _pulled(f: Callable[..., Any], count: int, arrays: Sequence[Any]) -> Callable[..., Any]:
    """Give the function (x, w) ↦ Jᵀ w, whose derivatives are f's second ones."""
    floats = [k for k in range(count) if arrays[k].dtype.kind == "f"]

    def pulled(*args: Any) -> Any:
        inputs, w = list(args[:count]), args[count:]

        def inner(*chosen: Any) -> Any:
            for k, x in zip(floats, chosen, strict=True):
                inputs[k] = x
            return f(*inputs)

        return vjp(inner, *[args[k] for k in floats])[1](list(w))

    return pulled


def _check(
    f: Callable[..., Any],
    arrays: Sequence[Any],
    order: int,
    report: GradcheckReport,
    rng: np.random.Generator,
    elements: int,
) -> list[Any]:
    floats = [k for k, x in enumerate(arrays) if x.dtype.kind == "f"]
    inputs = [Tensor(x, requires_grad=k in floats) for k, x in enumerate(arrays)]
    outputs = _tensors(f(*inputs))
    w = [np.asarray(rng.uniform(0.5, 1.5, y.shape) * rng.choice([-1, 1], y.shape)) for y in outputs]
    for y, seed in zip(outputs, w, strict=True):
        if y.requires_grad:
            y.backward(seed, retain_graph=True)

    def contracted(k: int, x: Any) -> Any:
        with no_grad():
            args = [Tensor(x if j == k else a) for j, a in enumerate(arrays)]
            ys = [bare(y) for y in _tensors(f(*args))]
        return sum(np.sum(seed * y) for seed, y in zip(w, ys, strict=True))

    again = zip(outputs, _tensors(f(*inputs)), strict=True)
    if not all(np.array_equal(bare(y), bare(z), equal_nan=True) for y, z in again):
        raise ValueError(
            "gradcheck: the function gives another value each time; fix its seed or its random mask"
        )
    if order == 1 and not all(np.all(np.isfinite(bare(y))) for y in outputs):
        raise ValueError("gradcheck: the function is not finite at these inputs; choose others")
    for k in floats:
        g = np.zeros_like(arrays[k]) if inputs[k].grad is None else bare(inputs[k].grad)
        indices = list(np.ndindex(arrays[k].shape))
        if len(indices) > elements:
            indices = [indices[i] for i in rng.choice(len(indices), elements, replace=False)]
        directions: list[tuple[tuple[int, ...] | None, Any]] = []
        for index in indices:
            v = np.zeros_like(arrays[k])
            v[index] = 1
            directions.append((index, v))
        if arrays[k].size > 1:
            directions.append((None, rng.standard_normal(arrays[k].shape)))
        for where, v in directions:
            report.rows.append(
                _row(order, k, where, float(np.sum(g * v)), contracted, arrays[k], v, report.tol)
            )
    return w


def _row(
    order: int,
    k: int,
    index: tuple[int, ...] | None,
    autograd: float,
    contracted: Callable[[int, Any], Any],
    x: Any,
    v: Any,
    tol: float,
) -> Row:
    scale = max(
        1e-3, min(1.0, float(np.abs(x[index] if index is not None else x).min(initial=1.0)))
    )
    n = best_derivative(lambda h: contracted(k, x + h * v), scale)
    bound = tol * max(1.0, abs(n.value))
    ok = abs(autograd - n.value) <= bound
    if ok or not np.isfinite(autograd):
        return Row(order, k, index, autograd, n, bool(ok), False)
    rough = 1e-4 * max(1.0, abs(n.left), abs(n.right))
    kink = abs(n.left - n.right) > 10 * rough
    low, high = sorted((n.left, n.right))
    # Several kinks that a direction crosses at once say nothing of each one's slopes.
    allowed = kink and (index is None or low - rough <= autograd <= high + rough)
    allowed = allowed or jumps(lambda h: float(contracted(k, x + h * v)), scale)
    return Row(order, k, index, autograd, n, bool(allowed), bool(kink or allowed))
