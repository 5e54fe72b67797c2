"""Errors that say which call failed, and on what: made only after something has failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from opcode import opmap
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.exceptions import AxisError


class TooLargeError(ValueError, MemoryError):
    """An argument asks for more memory than there is."""


_OURS = (str(Path(__file__).parent), "<autonn")
# So Cython names NumPy's files, those of older releases without their folder.
_CYTHON = ("numpy/", "_common.pyx", "_generator.pyx")
_INSIDE = (*_OURS, str(Path(np.__file__).parent), *_CYTHON)
# What comes from the inside, the narrowest first, and what users see of it.
_BECOMES: dict[type[Exception], type[Exception]] = {
    np.linalg.LinAlgError: np.linalg.LinAlgError,
    AxisError: AxisError,
    AttributeError: TypeError,
    MemoryError: TooLargeError,
    OverflowError: ValueError,
    ZeroDivisionError: ValueError,
    RecursionError: ValueError,
    AssertionError: ValueError,
    np.ma.MaskError: ValueError,
    IndexError: IndexError,
    TypeError: TypeError,
    ValueError: ValueError,
}


def is_raw(error: Exception, *, anew: bool = False) -> bool:
    """Tell whether an error comes from the inside, and so does not explain itself.

    What the user's own code raised does, and so does, unless `anew`, what a `raise` statement of
    autonn did.
    """
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None or not isinstance(error, tuple(_BECOMES)):
        return False
    code = at.tb_frame.f_code
    if anew or not code.co_filename.startswith(_OURS):
        return code.co_filename.startswith(_INSIDE)
    return code.co_code[at.tb_lasti] != opmap["RAISE_VARARGS"]


def retold(
    error: Exception,
    name: str,
    operands: Iterable[Any],
    params: Mapping[str, Any] = MappingProxyType({}),
) -> Exception:
    """Give the error that says which call failed, and on what."""
    kind = next(kind for k, kind in _BECOMES.items() if isinstance(error, k))
    told = [*map(seen, operands), *(f"{k}={seen(v)}" for k, v in params.items())]
    return kind(f"{name}({', '.join(told)}): {str(error) or type(error).__name__}")


def seen(x: Any) -> str:
    """Show an argument in a word: an array by its shape."""
    if isinstance(shape := getattr(x, "shape", None), tuple) and not isinstance(x, np.dtype):
        return str(shape)
    if isinstance(x, list | tuple) and x and all(hasattr(part, "shape") for part in x):
        return f"[{', '.join(map(seen, x))}]"
    return f"{x!r:.40}"
