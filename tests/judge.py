"""What becomes of a call with a hostile argument: an answer, a refusal, or a failure.

One argument at a time, also those that a good call leaves out, gets wrong types, ranks and sizes,
NaN, nothing, huge and negative numbers. An answer must be that of plain arrays (of NumPy itself,
where the function is NumPy's), and have a gradient; a refusal must be a `raise` of autonn's own, of
a type that users expect.
"""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import os
import resource
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import calls
import numpy as np
from calls import Slot, Things, pull, slots

import autonn
from autonn import Tensor, nn
from autonn.operands import bare

ROOT = Path(autonn.__file__).parents[1]
OURS = tuple(str(ROOT / part) + os.sep for part in ("autonn", "viz"))
KINDS = (ValueError, TypeError, IndexError, NotImplementedError, OSError)
SECONDS, BYTES = 2.0, 3 * 2**30  # what one call may take


# ----- Hostile values -----


def _circle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


HOSTILE: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "text": lambda: "abc",
    "no text": lambda: "",
    "a null": lambda: "\0",
    "bytes": lambda: b"abc",
    "an object": object,
    "an empty dict": dict,
    "an empty list": list,
    "an empty tuple": tuple,
    "a list of None": lambda: [None],
    "a ragged list": lambda: [1, [2, 3]],
    "a list that holds itself": _circle,
    "a dict": lambda: {"a": 1},
    "a set": lambda: {1, 2},
    "True": lambda: True,
    "0": lambda: 0,
    "-1": lambda: -1,
    "7": lambda: 7,
    "2.5": lambda: 2.5,
    "-2.5": lambda: -2.5,
    "NaN": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "10**30": lambda: 10**30,
    "-10**30": lambda: -(10**30),
    "2**63": lambda: 2**63,
    "1e308": lambda: 1e308,
    "1j": lambda: 1j,
    "a function": lambda: pull,
    "a class": lambda: int,
    "a range": lambda: range(2),
    "an iterator": lambda: iter([1.0]),
    "an empty array": lambda: np.zeros(0),
    "an empty matrix": lambda: np.zeros((0, 3)),
    "another vector": lambda: np.full(7, 0.5),
    "another matrix": lambda: np.full((5, 7), 0.5),
    "five axes": lambda: np.full((1, 2, 1, 2, 3), 0.5),
    "a NaN array": lambda: np.array(np.nan),
    "an integer array": lambda: np.array([[9, -9]]),
    "booleans": lambda: np.array([True, False]),
    "complex numbers": lambda: np.array([1j]),
    "words": lambda: np.array(["a"]),
    "objects": lambda: np.array([None, "a"], object),
    "dates": lambda: np.array(["2020-01-01"], "M8[D]"),
    "a struct": lambda: np.zeros(2, "i4,f4"),
    "a masked array": lambda: np.ma.array([1.0, 2.0], mask=[False, True]),
    "float16": lambda: np.array([[0.5]], np.float16),
    "a Tensor of another shape": lambda: Tensor(np.full((5, 7), 0.5), requires_grad=True),
    "an integer Tensor": lambda: Tensor([9, -9]),
    "an empty Tensor": lambda: Tensor(np.zeros((0, 3)), requires_grad=True),
    "a number as a Tensor": lambda: Tensor(0.5, requires_grad=True),
    "a Module": nn.Tanh,
    "a generator": lambda: np.random.default_rng(0),
}
FEW = ["None", "text", "an object", "-1", "2.5", "NaN", "10**30", "an empty list"]
FEW += ["an empty array", "another matrix", "words", "True", "an integer Tensor"]


def _alike(grads: bool, a: Any) -> Any:
    return Tensor(a, requires_grad=a.dtype.kind == "f") if grads and a.dtype.kind != "O" else a


def near(good: Any) -> dict[str, Callable[[], Any]]:
    """Give values that are nearly what a call wants."""
    array = bare(good)
    if isinstance(array, np.ndarray | np.floating) and array.dtype.kind in "fiub":
        a = np.asarray(array)
        grads = isinstance(good, Tensor) and good.requires_grad
        found = {
            "one axis more": a[None],
            "NaN in it": np.where(np.arange(a.size).reshape(a.shape) == 0, np.nan, a),
            "huge": a * 1e300 if a.dtype.kind == "f" else a + 10**9,
            "negative": -a.astype(float) if a.dtype.kind == "b" else -a,
            "in float16": a.astype(np.float16),
            "in float32": a.astype(np.float32),
            "as integers": a.astype(int),
            "as booleans": a.astype(bool),
            "as complex numbers": a.astype(complex),
            "as objects": a.astype(object),
        }
        if a.ndim:
            found |= {
                "the first": a[0],
                "none of them": a[:0],
                "one more": np.concatenate([a, a[:1]]),
                "the last axis longer": np.concatenate([a, a[..., :1]], axis=-1),
                "the last axis empty": a[..., :0],
                "one axis fewer": a.reshape(-1),
            }
        return {name: partial(_alike, grads, np.asarray(b)) for name, b in found.items()}
    if isinstance(good, str):
        return {"misspelt": lambda: good[:-1], "upper case": lambda: good.upper()}
    if type(good) is int:
        return {
            "one more": lambda: good + 1,
            "as a float": lambda: float(good),
            "as text": lambda: str(good),
            "as a NumPy number": lambda: np.int64(good),
        }
    if isinstance(good, list | tuple):
        kind = type(good)
        return {
            "one more": lambda: kind([*good, *good[:1]]),
            "one fewer": lambda: kind(good[:-1]),
            "with None": lambda: kind([None, *good[1:]]),
            "with text": lambda: kind(["a", *good[1:]]),
            "with -5": lambda: kind([-5, *good[1:]]),
            "with 10**30": lambda: kind([10**30, *good[1:]]),
            "with NaN": lambda: kind([float("nan"), *good[1:]]),
            "with 1.5": lambda: kind([1.5, *good[1:]]),
        }
    if isinstance(good, dict):
        key = next(iter(good))
        return {
            "with a key more": lambda: good | {"zzz": 1},
            "with a key fewer": lambda: dict(list(good.items())[1:]),
            "with a number as a key": lambda: {**good, 3: 1},
            "with None": lambda: good | {key: None},
            "with text": lambda: good | {key: "a"},
            "with NaN": lambda: good | {key: float("nan")},
            "with another shape": lambda: good | {key: np.zeros((5, 7))},
            "with words": lambda: good | {key: np.array(["a"])},
        }
    return {}


# ----- Verdicts -----


class TooLong(BaseException):
    """A call that does not end."""


@dataclass(frozen=True)
class Verdict:
    """What became of one call."""

    slot: str
    value: str
    kind: str  # answered, refused, failed
    told: str = ""
    place: str = ""

    @property
    def cause(self) -> str:
        """What was raised, and where."""
        return f"{self.told.partition(':')[0]} at {self.place}"


@cache
def _raises(file: str) -> tuple[tuple[int, int], ...]:
    """Give the lines of a file's `raise` statements."""
    tree = ast.parse("".join(linecache.getlines(file)))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return tuple((node.lineno, node.end_lineno or node.lineno) for node in found)


def is_ours(error: BaseException) -> bool:
    """Tell whether a `raise` statement of autonn or viz raised this, of a type for users."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    ours = frame.filename.startswith((*OURS, "<autonn "))
    at = frame.lineno or 0
    raised = ours and any(a <= at <= b for a, b in _raises(frame.filename))
    return raised and isinstance(error, KINDS) and bool(str(error))


def users(error: BaseException) -> bool:
    """Tell whether the error is that of the user's own function."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return frame.filename == calls.__file__ and frame.name in (
        "energy",
        "double",
        "double_backward",
    )


OUTSIDE = "outside of autonn"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    inner = [f for f in frames if f.filename.startswith((*OURS, "<autonn "))]
    if not inner:
        return OUTSIDE
    last = inner[-1]
    name = last.filename.removeprefix(str(ROOT) + os.sep)
    return f"{name}:{last.name}" if name.startswith("<") else f"{name}:{last.lineno}"


def _value(code: Any, tensors: bool, hostile: Callable[[], Any]) -> Any:
    """Call, use up what is given, and run it backward."""
    given = hostile()
    y = eval(code, {}, Things(tensors, hostile=given if tensors else bare(given)))
    if hasattr(y, "__enter__"):
        with y:
            pass
    elif isinstance(y, Iterator):
        y = next(y, None)
    return y


def _pulled(y: Any) -> None:
    """Run backward from each Tensor of a result."""
    for part in y if isinstance(y, tuple | list) else [y]:
        if isinstance(part, Tensor) and part.requires_grad and not part.is_leaf:
            part.backward(np.ones(part.shape, part.dtype), retain_graph=True)


def _same(y: Any, z: Any) -> bool:
    """Tell whether two results are equal, as far as they are numbers."""
    if isinstance(y, tuple | list) and isinstance(z, tuple | list):
        return len(y) == len(z) and all(map(_same, y, z))
    y, z = bare(y), bare(z)
    if not isinstance(y, np.ndarray | np.generic | float | int):
        return True
    if not isinstance(z, np.ndarray | np.generic | float | int):
        return True
    y, z = np.asarray(y), np.asarray(z)
    if y.dtype.kind not in "fiubc" or z.dtype.kind not in "fiubc":
        return True
    coarse = np.finfo(y.dtype).eps ** 0.5 if y.dtype.kind in "fc" else 0
    return (
        y.shape == z.shape
        and y.dtype == z.dtype
        and bool(np.allclose(y, z, coarse, coarse, equal_nan=True))
    )


RANDOM = ("empty_like", "gradient_penalty")


def judge(slot: Slot, name: str, hostile: Callable[[], Any]) -> Verdict:
    """Call once, and say what became of it."""
    where = str(slot)
    try:
        with _bounded():
            y = _value(slot.code, True, hostile)
            _pulled(y)
    except TooLong:
        return Verdict(where, name, "failed", "TooLong: it does not end", slot.owner)
    except Exception as error:
        told = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        if is_ours(error) or users(error):
            return Verdict(where, name, "refused", told[:200], _place(error))
        if _place(error) == OUTSIDE:  # no Tensor took part, or Python knows no such argument
            return Verdict(where, name, "not ours", told[:200], OUTSIDE)
        return Verdict(where, name, "failed", told[:200], _place(error))
    if not slot.owner.startswith(("np.", "F.", "operator.")) or "eps" in slot.argument:
        return Verdict(where, name, "answered")
    if any(word in slot.owner for word in RANDOM):
        return Verdict(where, name, "answered")
    try:
        with _bounded():
            z = _value(slot.code, False, hostile)
    except (Exception, TooLong) as error:
        told = f"answers what arrays do not ({type(error).__name__}: {error!s:.60})"
        return Verdict(where, name, "answered", told, "extra")
    if isinstance(y, Tensor | np.ndarray | tuple | list | np.generic) and not _same(y, z):
        told = f"WrongAnswer: {bare(y)!r:.80}, but arrays give {z!r:.80}"
        return Verdict(where, name, "failed", told.replace("\n", " "), slot.owner)
    return Verdict(where, name, "answered")


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Bound time and memory, keep quiet, and refuse warnings of what is not meant."""

    def stop(*_: Any) -> None:
        raise TooLong

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, hard))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for kind in (DeprecationWarning, np.exceptions.ComplexWarning):
                warnings.simplefilter("error", kind)
            with contextlib.redirect_stdout(io.StringIO()):
                yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


# What may take for ever, because it is told to.
UNBOUNDED = {
    (f"{owner}({argument})", value)
    for owner, argument in (
        ("autonn.fit", "epochs"), ("RBM.gibbs", "steps"), ("RBM.reconstruct", "steps"),
        ("plots.reconstructions", "steps"), ("np.diff", "n"), ("np.array_split", "indices_or_sections"),
        ("train.Solver", "num_epochs"),
    )
    for value in ("10**30", "2**63")
}  # fmt: skip


def hostile_values(slot: Slot, few: bool = False) -> dict[str, Callable[[], Any]]:
    """Give what to put in an argument's place."""
    if slot.argument == "self":  # Python's business
        return {}
    good = None if slot.good is None else eval(slot.good, {}, Things())
    chosen = {k: v for k, v in HOSTILE.items() if not few or k in FEW}
    if slot.argument in ("rng", "seed"):  # np.random.default_rng itself crashes on it
        chosen.pop("a list that holds itself", None)
    chosen |= {} if few else near(good)
    return {k: v for k, v in chosen.items() if (str(slot), k) not in UNBOUNDED}


def verdicts(line: str, few: bool = False) -> Iterator[Verdict]:
    """Judge every call that a good one becomes."""
    for slot in slots(line):
        for name, hostile in hostile_values(slot, few).items():
            yield judge(slot, name, hostile)


def good(line: str) -> Any:
    """Run the good call itself."""
    y = eval(line, {}, Things())
    _pulled(y)
    return y
