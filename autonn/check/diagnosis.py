"""What kind of mistake makes this wrong gradient of that right one: found by fitting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np

from autonn.check.factors import meaning, number, part

Array = np.ndarray[Any, Any]


class Diagnosis(NamedTuple):
    """A kind of mistake, and a sentence that says which and where.

    Kinds are "non-finite", "shape", "not summed", "transposed", "sign", "factor", "zero", "mask",
    "repeated ids", "variant", "missing factor", "term", "order", "axis", "border" and "unknown".
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """All that a mistake may be made of.

    Attributes
    ----------
    right, wrong
        The two gradients.
    tol
        The largest difference that rounding explains.
    sizes
        Lengths that a factor may be, by what they are: "the batch size", 32.
    known
        Other arrays, by name: inputs, parameters, the output, its cotangent.
    terms
        The right gradient in parts, by name; not all need to be there.
    variants
        The gradient with another option, by what differs.
    ids
        Integer inputs, by name.
    """

    right: Array
    wrong: Array
    tol: float
    sizes: Mapping[str, float] = field(default_factory=dict)
    known: Mapping[str, Array] = field(default_factory=dict)
    terms: Mapping[str, Array] = field(default_factory=dict)
    variants: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    ids: Mapping[str, Array] = field(default_factory=dict)

    def same(self, a: Any, b: Any) -> bool:
        """Tell whether two arrays agree but for rounding."""
        return a.shape == b.shape and bool(np.all(np.abs(a - b) <= self.slack(b)))

    def slack(self, b: Any) -> float:
        """Give how far apart equal arrays may be: fits magnify rounding."""
        return 20 * self.tol + 1e-9 * float(np.max(np.abs(b), initial=0))


def diagnose(e: Evidence) -> Diagnosis:
    """Name the mistake: the first kind that explains the wrong gradient to rounding."""
    for test in TESTS:
        found = test(e)
        if found is not None:
            return found
    where = np.abs(e.right - e.wrong) > e.slack(e.right)
    share = float(np.mean(where))
    return Diagnosis(
        "unknown", f"no mistake that is known here; {share:.0%} of the elements differ"
    )


# ----- One test for each kind -----


def non_finite(e: Evidence) -> Diagnosis | None:
    """Find the first NaN or infinity."""
    bad = ~np.isfinite(e.wrong)
    if not bad.any() or not np.isfinite(e.right).all():
        return None
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    return Diagnosis("non-finite", f"{e.wrong[index]} first at {list(index)}")


def shape(e: Evidence) -> Diagnosis | None:
    """Compare shapes: transposed, or not summed over what was broadcast."""
    if e.right.shape == e.wrong.shape:
        return None
    told = f"shape {e.wrong.shape}, want {e.right.shape}"
    if e.wrong.T.shape == e.right.shape and e.same(e.wrong.T, e.right):
        return Diagnosis("transposed", f"{told}: it is transposed")
    for count in range(1, e.wrong.ndim + 1):
        for axes in combinations(range(e.wrong.ndim), count):
            summed = e.wrong.sum(axes)
            if summed.size == e.right.size and e.same(summed.reshape(e.right.shape), e.right):
                over = ", ".join(map(str, axes))
                return Diagnosis("not summed", f"{told}: it is not summed over axis {over}")
    return Diagnosis("shape", told)


def zero(e: Evidence) -> Diagnosis | None:
    """See a gradient that is 0 everywhere."""
    if e.wrong.any():
        return None
    return Diagnosis("zero", "it is 0 everywhere: the gradient is blocked on its way")


def factor(e: Evidence) -> Diagnosis | None:
    """Fit wrong = c right."""
    c = fit(e.wrong, e.right)
    if not e.same(e.wrong, c * e.right):
        return None
    if np.isclose(c, 1, rtol=1e-12):
        return None
    if np.isclose(c, -1, rtol=1e-6):
        return Diagnosis("sign", "the sign is wrong")
    for name, v in e.known.items():
        if v.size == 1 and v.item() and np.isclose(c, 1 / v.item(), rtol=1e-7):
            return Diagnosis("missing factor", f"it lacks the factor {name}")
    return Diagnosis("factor", f"it is {number(c)} times what it should be{meaning(c, e.sizes)}")


def mask(e: Evidence) -> Diagnosis | None:
    """See a right gradient that is the wrong one where it is not 0."""
    here = e.right != 0
    lost, kept = ~here & (np.abs(e.wrong) > e.slack(e.right)), here
    if not lost.any() or not kept.any():
        return None
    c = fit(e.wrong[kept], e.right[kept])
    if abs(c) < 1e-6 or not e.same(e.wrong[kept], c * e.right[kept]):
        return None
    also = (
        ""
        if np.isclose(c, 1, rtol=1e-6)
        else f", and it is {number(c)} times too large{meaning(c, e.sizes)}"
    )
    count = int(lost.sum())
    told = f"a mask is not applied: {count} elements of {lost.size} are not 0 but should be"
    return Diagnosis("mask", told + also)


def overmasked(e: Evidence) -> Diagnosis | None:
    """See a wrong gradient that is the right one where it is not 0."""
    lost = (e.wrong == 0) & (np.abs(e.right) > e.slack(e.right))
    if not lost.any() or not e.same(e.wrong[~lost], e.right[~lost]):
        return None
    if lost.ndim > 1 and border(lost):
        told = f"{int(lost.sum())} elements, all at the border, are 0 but should not be"
        return Diagnosis("border", f"{told}: does the padding count?")
    return Diagnosis("mask", f"{int(lost.sum())} of {lost.size} elements are 0 but should not be")


def repeated(e: Evidence) -> Diagnosis | None:
    """See rows that are wrong exactly where an id occurs more than once."""
    if e.right.ndim < 1:
        return None
    rows = np.abs(e.right - e.wrong).reshape(len(e.right), -1).max(1) > e.slack(e.right)
    for name, ids in e.ids.items():
        flat = ids.ravel()
        if not flat.size or flat.min() < 0 or flat.max() >= len(e.right):
            continue
        several = np.bincount(flat, minlength=len(e.right)) > 1
        if rows.any() and not (rows & ~several).any() and (rows.sum() * 2 >= several.sum()):
            many = ", ".join(map(str, np.flatnonzero(rows)[:5]))
            told = f"it is wrong just where {name} hold a number more than once ({many})"
            return Diagnosis("repeated ids", told + ": np.add.at adds up, a[ids] += does not")
    return None


def variant(e: Evidence) -> Diagnosis | None:
    """See the right gradient of another option."""
    for name, make in e.variants.items():
        try:
            other = make()
        except (ValueError, TypeError, IndexError, NotImplementedError):
            continue
        if other is not None and not e.same(other, e.right) and e.same(e.wrong, other):
            return Diagnosis("variant", f"it is the gradient of {name}")
    return None


def parts(e: Evidence) -> Diagnosis | None:
    """Fit the wrong gradient by the parts of the right one."""
    told = {
        name: t for name, t in e.terms.items() if np.max(np.abs(t), initial=0) > e.slack(e.right)
    }
    if not told:
        return None
    if 4 * len(told) <= e.right.size and len(told) <= 8 and e.same(sum(told.values()), e.right):
        columns = np.stack([np.ravel(t) for t in told.values()], axis=1)
        found, _, rank, _ = np.linalg.lstsq(columns, e.wrong.ravel(), rcond=None)
        fits = rank == len(told) and e.same(
            sum(c * t for c, t in zip(found, told.values(), strict=True)), e.wrong
        )
        if fits:
            off = [
                (n, c) for n, c in zip(told, found, strict=True) if not np.isclose(c, 1, atol=1e-5)
            ]
            return Diagnosis("term", "; ".join(part(name, c, e.sizes) for name, c in off))
    for name, t in told.items():
        c = 1 + fit(e.wrong - e.right, t)
        if e.right.size > 3 and e.same(e.wrong, e.right + (c - 1) * t):
            return Diagnosis("term", part(name, c, e.sizes))
    return None


def order(e: Evidence) -> Diagnosis | None:
    """See the right numbers in another order: axes swapped or reversed."""
    ndim = e.right.ndim
    for axes in permutations(range(ndim)) if 1 < ndim <= 4 else ():
        turned = np.transpose(e.right, axes)
        if list(axes) != sorted(axes) and e.same(e.wrong, turned):
            return Diagnosis("transposed", f"its axes are permuted: {axes}")
    for count in range(1, min(ndim, 4) + 1):
        for flipped in combinations(range(ndim), count):
            if e.same(e.wrong, np.flip(e.right, flipped)):
                return Diagnosis(
                    "order", f"it is reversed along axis {', '.join(map(str, flipped))}"
                )
    return None


def known_factor(e: Evidence) -> Diagnosis | None:
    """Fit wrong = right v or right = wrong v, with an array v that is at hand."""
    for name, v in e.known.items():
        for told, w in placed(v, e.right):
            if np.ptp(w) <= 1e-12:
                continue
            with np.errstate(all="ignore"):
                if e.same(e.wrong * w, e.right):
                    return Diagnosis("missing factor", f"it lacks the factor {name}{told}")
                if e.same(e.wrong, e.right * w):
                    return Diagnosis("missing factor", f"it has the factor {name}{told} too much")
    return None


def known_term(e: Evidence) -> Diagnosis | None:
    """Fit wrong - right = c v, with an array v that is at hand."""
    rest = e.wrong - e.right
    for name, v in e.known.items():
        for told, w in placed(v, e.right):
            c = fit(rest, w)
            if c and e.right.size > 3 and e.same(rest, c * w):
                if np.isclose(c, -1, rtol=1e-6):
                    return Diagnosis("term", f"it lacks the summand {name}{told}")
                return Diagnosis("term", f"it has {number(c)} times {name}{told} too much")
    return None


def placed(v: Array, like: Array) -> Iterator[tuple[str, Array]]:
    """Give an array as it may meet another: as it is, or along one axis."""
    if v.size == 1 or v.ndim > like.ndim:
        return
    if v.shape == like.shape:
        yield "", v
    elif v.ndim == 1:
        for axis, n in enumerate(like.shape):
            if n == len(v):
                yield (
                    f" along axis {axis}",
                    v.reshape([n if i == axis else 1 for i in range(like.ndim)]),
                )
    else:
        try:
            yield "", np.broadcast_to(v, like.shape)
        except ValueError:
            return


def axis(e: Evidence) -> Diagnosis | None:
    """See a part, or the whole, that was summed along another axis than it should."""
    if e.right.ndim < 2:
        return None
    for name, t in e.terms.items():
        off = e.wrong - e.right + t
        for v in [v for v in e.known.values() if v.shape == t.shape and v.all()]:
            right, wrong = constant_axes(t / v), constant_axes(off / v)
            if right and wrong and right != wrong:
                told = (
                    f"the part {name!r} is summed along axis {wrong[0]}, where {right[0]} belongs"
                )
                return Diagnosis("axis", told)

    def level(x: Array) -> list[int]:
        return [i for i in range(x.ndim) if np.abs(x.sum(i)).max() <= e.slack(x) * x.shape[i]]

    right, wrong = level(e.right), level(e.wrong)
    if len(right) == len(wrong) == 1 and right != wrong:
        told = f"it adds up to 0 along axis {wrong[0]}, but should along axis {right[0]}"
        return Diagnosis("axis", told + ": the formula of another axis")
    return None


def constant_axes(x: Array) -> list[int]:
    """Give the axes along which an array does not change."""
    scale = float(np.max(np.abs(x), initial=0))
    return [i for i, n in enumerate(x.shape) if n > 1 and np.ptp(x, axis=i).max() <= 1e-8 * scale]


def at_border(e: Evidence) -> Diagnosis | None:
    """See differences at the border of the last axes alone."""
    off = np.abs(e.right - e.wrong) > e.slack(e.right)
    if off.ndim < 3 or not border(off):
        return None
    return Diagnosis("border", "it differs at the border alone: does the padding count?")


def border(off: Array) -> bool:
    """Tell whether an array of booleans is true at the border of its last axes alone."""
    axes = range(2, off.ndim)
    inner: Any = (..., *(slice(1, -1) for _ in axes))
    return bool(off.ndim > 2 and off.any() and not off[inner].any() and min(off.shape[2:]) > 2)


def fit(y: Array, x: Array) -> float:
    """Give the c for which c x is nearest to y."""
    square = float(np.sum(x * x))
    return float(np.sum(x * y)) / square if square else 0.0


TESTS: tuple[Callable[[Evidence], Diagnosis | None], ...] = (
    non_finite,
    shape,
    zero,
    factor,
    mask,
    repeated,
    variant,
    parts,
    order,
    known_factor,
    known_term,
    overmasked,
    axis,
    at_border,
)
