"""Arguments are what their annotations say: `p: Probability` is documentation, type and check.

`checked` reads the annotations of a function and refuses other arguments before it runs: for
constructors, and what is called now and then. `explained` does so after the function has failed:
for what is called all the time, and costs nothing until then. What no annotation can say (two
sizes that must fit) stays in the function's own words.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, wraps
from math import inf
from numbers import Real
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as hints

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Whole:
    """A whole number of a range; True and False are none."""

    least: int | None = None
    most: int | None = None

    def __str__(self) -> str:
        return _ranged("a whole number", self.least, self.most)

    def refuses(self, value: Any) -> type[Exception] | None:
        """Give the error that a value deserves."""
        if not isinstance(value, int | np.integer) or isinstance(value, bool):
            return TypeError
        low = self.least is not None and value < self.least
        return ValueError if low or (self.most is not None and value > self.most) else None


@dataclass(frozen=True)
class Number:
    """A number of a range, not NaN, and finite or not; `above`: the least itself is refused."""

    least: float | None = None
    most: float | None = None
    above: bool = False
    finite: bool = True

    def __str__(self) -> str:
        kind = "a finite number" if self.finite else "a number"
        return f"{kind} above {self.least}" if self.above else _ranged(kind, self.least, self.most)

    def refuses(self, value: Any) -> type[Exception] | None:
        """Give the error that a value deserves."""
        if isinstance(value, np.ndarray) and not value.ndim:
            value = value[()]
        if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
            return TypeError
        number: Any = value
        known = abs(number) < inf if self.finite else number == number
        if not known or (self.most is not None and number > self.most):
            return ValueError
        low = self.least is not None and (
            number < self.least or (self.above and number == self.least)
        )
        return ValueError if low else None


def _ranged(what: str, least: float | None, most: float | None) -> str:
    if least is None:
        return what if most is None else f"{what} of {most} or less"
    return f"{what} of {least} or more" if most is None else f"{what} from {least} to {most}"


@dataclass(frozen=True)
class OneOf:
    """One of some words, numbers or None."""

    options: tuple[Any, ...]

    def __str__(self) -> str:
        *most, last = map(repr, self.options)
        return f"{', '.join(most)} or {last}" if most else last

    def refuses(self, value: Any) -> type[Exception] | None:
        """Give the error that a value deserves."""
        kinds = tuple(type(option) for option in self.options)
        if type(value) not in kinds:
            return TypeError
        return None if value in self.options else ValueError


@dataclass(frozen=True)
class Instance:
    """What is of a class."""

    kind: type

    def __str__(self) -> str:
        named: dict[Any, str] = {bool: "True or False", str: "a string", type(None): "None"}
        named[Callable] = "a function"
        kind = self.kind.__name__
        return named.get(self.kind, f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}")

    def refuses(self, value: Any) -> type[Exception] | None:
        """Give the error that a value deserves."""
        known = (bool, np.bool_) if self.kind is bool else self.kind
        return None if isinstance(value, known) else TypeError


@dataclass(frozen=True)
class NumberType:
    """What NumPy reads as the dtype of real numbers."""

    def __str__(self) -> str:
        return "a dtype of numbers, such as np.float32"

    def refuses(self, value: Any) -> type[Exception] | None:
        """Give the error that a value deserves."""
        try:
            return None if np.dtype(value).kind in "fiub" else TypeError
        except (TypeError, ValueError, SyntaxError, RecursionError):
            return TypeError


Size = Annotated[int, Whole(1)]
Count = Annotated[int, Whole(0)]
Positive = Annotated[float, Number(0, above=True)]
NotNegative = Annotated[float, Number(0)]
Bound = Annotated[float, Number(0, above=True, finite=False)]
Dtype = Annotated[Any, NumberType()]
Probability = Annotated[float, Number(0, 1)]


def check(owner: str, name: str, value: Any, annotation: Any) -> None:
    """Refuse a value that is not what the annotation says.

    Raises
    ------
    TypeError
        For a value of another type, such as a float where a whole number is wanted.
    ValueError
        For a value out of the range, or none of the options.

    Examples
    --------
    >>> check("Dropout", "p", 1.5, Probability)
    Traceback (most recent call last):
    ValueError: Dropout: p=1.5; want a finite number from 0 to 1
    >>> check("Linear", "bias", "no", bool)
    Traceback (most recent call last):
    TypeError: Linear: bias='no'; want True or False
    """
    kinds = list(_kinds(annotation))
    refused = [kind.refuses(value) for kind in kinds]
    if all(refused) and kinds:
        error = ValueError if ValueError in refused else TypeError
        wanted = " or ".join(sorted(map(str, kinds), key=lambda text: text != "None"))
        raise error(f"{owner}: {name}={shown(value)}; want {wanted}")


def shown(value: Any) -> str:
    """Give a value in a line of an error."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}"
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:57]}..."


def _kinds(annotation: Any) -> Iterator[Any]:
    """Give what a value may be; nothing where any value may pass."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        members = [list(_kinds(member)) for member in get_args(annotation)]
        if all(members):
            yield from (kind for member in members for kind in member)
    elif origin is Annotated:
        yield from get_args(annotation)[1:]
    elif origin is Literal:
        yield OneOf(get_args(annotation))
    elif origin is Callable:
        yield Instance(Callable)
    elif annotation is int:
        yield Whole()
    elif annotation is float:
        yield Number()
    elif isinstance(annotation, type) and annotation not in (object, Any):  # a class since 3.11
        yield Instance(annotation)


@cache
def _annotations(f: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    """Give a function's signature, and the annotations of what can be checked."""
    signature = inspect.signature(f)
    known = hints(f, include_extras=True)
    single = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    names = [name for name, p in signature.parameters.items() if p.kind not in single]
    return signature, {
        name: known[name] for name in names if name in known and list(_kinds(known[name]))
    }


def check_all(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse the first argument of a call that is not what its annotation says."""
    signature, annotations = _annotations(f)
    given = signature.bind(*args, **kwargs).arguments
    owner = type(args[0]).__name__ if f.__name__ == "__init__" else f.__name__
    for name, annotation in annotations.items():
        if name in given:
            check(owner, name, given[name], annotation)


def checked(f: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments that are not what the annotations say.

    Examples
    --------
    >>> @checked
    ... def pick(n: Size, p: Probability = 0.5): return n * p
    >>> pick(0)
    Traceback (most recent call last):
    ValueError: pick: n=0; want a whole number of 1 or more
    """

    @wraps(f)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        check_all(f, args, kwargs)
        return f(*args, **kwargs)

    return call


def explained(f: Callable[P, R]) -> Callable[P, R]:
    """Say, once a function has failed, which argument is not what its annotation says."""

    @wraps(f)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return f(*args, **kwargs)
        except Exception:
            refusal = _refusal(f, args, kwargs)
            if refusal is None:
                raise
            raise refusal from None

    return call


def _refusal(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Exception | None:
    try:
        check_all(f, args, kwargs)
    except (TypeError, ValueError) as refusal:
        return refusal
    return None
