"""Arguments are what their annotations say: `p: Probability` is documentation, type and check.

`checked` reads the annotations of a function and refuses other arguments before it runs: for
constructors, and what is called now and then. `explained` does so after the function has failed:
for what is called all the time, and costs nothing until then. What no annotation can say (two
sizes that must fit) stays in the function's own words; what NumPy or Python then says of it is
retold with the call that failed.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from math import inf
from numbers import Real
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as hints

import numpy as np

from autonn.errors import is_raw, retold

P = ParamSpec("P")
R = TypeVar("R")


class Kind:
    """What an argument may be; documentation shows it in its words."""

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, repr=False)
class Whole(Kind):
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


@dataclass(frozen=True, repr=False)
class Wholes(Kind):
    """A whole number or a sequence of them, and of such sequences if `nested`."""

    least: int
    nested: bool = False

    def __str__(self) -> str:
        return f"{Whole(self.least)} (also several{', or pairs' * self.nested})"

    def refuses(self, value: Any) -> type[Exception] | None:
        """Give the error that a value deserves."""
        if not isinstance(value, list | tuple):
            return Whole(self.least).refuses(value)
        item = Wholes(self.least) if self.nested else Whole(self.least)
        return next(filter(None, map(item.refuses, value)), None)


@dataclass(frozen=True, repr=False)
class Number(Kind):
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


@dataclass(frozen=True, repr=False)
class OneOf(Kind):
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


@dataclass(frozen=True, repr=False)
class Instance(Kind):
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


@dataclass(frozen=True, repr=False)
class NumberType(Kind):
    """What NumPy reads as the dtype of real numbers."""

    def __str__(self) -> str:
        return "a dtype of numbers, such as np.float32"

    def refuses(self, value: Any) -> type[Exception] | None:
        """Give the error that a value deserves."""
        try:
            return None if np.dtype(value).kind in "fiub" else TypeError
        except (TypeError, ValueError, SyntaxError, RecursionError):
            return TypeError


class Numbers(Kind):
    """A Tensor, or what NumPy makes a numeric array of."""

    def __str__(self) -> str:
        return "a Tensor, an array or numbers"

    def refuses(self, value: Any) -> type[Exception] | None:
        """Give the error that a value deserves."""
        try:
            array = value if hasattr(value, "dtype") else np.asarray(value)
        except (ValueError, TypeError, RecursionError):  # ragged, of Tensors, or its own element
            return TypeError
        kind = getattr(array.dtype, "kind", "")
        return None if kind in tuple("fiubc") and not hasattr(value, "mask") else TypeError


class Seed(Kind):
    """What `np.random.default_rng` takes."""

    def __str__(self) -> str:
        return "a np.random.Generator, a seed (a whole number of 0 or more) or None"

    def refuses(self, value: Any) -> type[Exception] | None:
        """Give the error that a value deserves."""
        makers = np.random.Generator, np.random.BitGenerator, np.random.SeedSequence
        return None if value is None or isinstance(value, makers) else Wholes(0).refuses(value)


Array = Annotated[Any, Numbers()]
"""An ndarray, a NumPy scalar or a Tensor: rules run on each of them."""
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
    _check(owner, name, value, kinds_of(annotation))


def _check(owner: str, name: str, value: Any, kinds: tuple[Any, ...]) -> None:
    refused = [kind.refuses(value) for kind in kinds]
    if kinds and None not in refused:
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


@cache
def kinds_of(annotation: Any) -> tuple[Any, ...]:
    """Give what a value may be; nothing where any value may pass."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        members = [kinds_of(member) for member in get_args(annotation)]
        return tuple(kind for member in members for kind in member) if all(members) else ()
    if origin is Annotated:
        return get_args(annotation)[1:]
    if origin is Literal:
        return (OneOf(get_args(annotation)),)
    if origin is Callable:
        return (Instance(Callable),)
    if annotation is int:
        return (Whole(),)
    if annotation is float:
        return (Number(),)
    if origin or annotation in (object, Any):  # list[int] was a class until 3.10, Any is one since
        return ()
    return (Instance(annotation),) if isinstance(annotation, type) else ()


@cache
def known_arguments(
    f: Callable[..., Any],
) -> tuple[inspect.Signature, dict[str, tuple[Any, ...]]]:
    """Give a function's signature, and what each argument that can be checked may be."""
    signature, annotations = inspect.signature(f), hints(f, include_extras=True)
    single = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    names = [name for name, p in signature.parameters.items() if p.kind not in single]
    known = {name: kinds_of(annotations.get(name)) for name in names}
    return signature, {name: kinds for name, kinds in known.items() if kinds}


def check_all(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse the first argument of a call that is not what its annotation says."""
    signature, known = known_arguments(f)
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
    except TypeError:  # of a name that is not there: the call itself says it better
        return
    owner, _ = _owner(f, args)
    for name, kinds in known.items():
        if name in given:
            _check(owner, name, given[name], kinds)


def _owner(f: Callable[..., Any], args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Name what is called, and give its arguments without self."""
    if "." not in f.__qualname__.rpartition("<locals>.")[2] or not args:
        return f.__name__, args
    name = type(args[0]).__name__
    return name if f.__name__ == "__init__" else f"{name}.{f.__name__}", args[1:]


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
        try:
            return f(*args, **kwargs)
        except Exception as error:
            if not is_raw(error):
                raise
            raise _retold(error, f, args, kwargs) from None

    return call


def explained(f: Callable[P, R]) -> Callable[P, R]:
    """Say, once a function has failed, which argument is not what its annotation says."""

    @wraps(f)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return f(*args, **kwargs)
        except Exception as error:
            refusal = _refusal(f, args, kwargs)
            if refusal is None and not is_raw(error):
                raise
            raise refusal or _retold(error, f, args, kwargs) from None

    return call


def _refusal(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Exception | None:
    try:
        check_all(f, args, kwargs)
    except (TypeError, ValueError) as refusal:
        return refusal
    return None


def _retold(
    error: Exception, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Exception:
    owner, given = _owner(f, args)
    return retold(error, owner, given, kwargs)
