"""Graphs as JSON: whatever a primitive takes as a parameter survives the way there and back."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

# What Python and NumPy raise of values that are not what they are taken for.
MALFORMED = KeyError, TypeError, ValueError, AttributeError, OverflowError
TAG = "~"  # of what JSON has no form for: {"~": "tuple", "v": [...]}


def encode(x: Any) -> Any:
    """Give x in JSON's types, what JSON lacks as a tagged object; of the unknown, its repr.

    Examples
    --------
    >>> encode((1, None))
    {'~': 'tuple', 'v': [1, None]}
    >>> decode(encode((1, slice(None), np.float32(0.5))))
    (1, slice(None, None, None), np.float32(0.5))
    """
    if x is None or isinstance(x, bool | str) or type(x) is int:
        return x
    if type(x) is float:
        return x if math.isfinite(x) else {TAG: "float", "v": repr(x)}
    if isinstance(x, list):
        return [encode(v) for v in x]
    if isinstance(x, dict):
        return {TAG: "dict", "v": [[encode(k), encode(v)] for k, v in x.items()]}
    if isinstance(x, tuple):
        return {TAG: "tuple", "v": [encode(v) for v in x]}
    if isinstance(x, slice):
        return {TAG: "slice", "v": [encode(v) for v in (x.start, x.stop, x.step)]}
    if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fiubc":
        array = np.ascontiguousarray(x)
        data = base64.b64encode(array.tobytes()).decode()
        kind = "array" if isinstance(x, np.ndarray) else "number"
        return {TAG: kind, "dtype": array.dtype.str, "shape": list(x.shape), "data": data}
    if isinstance(x, complex):
        return {TAG: "complex", "v": [encode(x.real), encode(x.imag)]}
    if x is Ellipsis:
        return {TAG: "ellipsis"}
    if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
        return {TAG: "dtype", "v": np.dtype(x).str}
    return {TAG: "text", "v": repr(x)}


def decode(x: Any) -> Any:
    """Give what `encode` was given.

    Raises
    ------
    ValueError
        For what `encode` does not make.
    """
    if isinstance(x, list):
        return [decode(v) for v in x]
    if not isinstance(x, dict):
        return x
    try:
        return _untagged(x[TAG], x)
    except MALFORMED as error:
        raise ValueError(f"not a value of a graph: {str(x)[:60]} ({error})") from None


def _untagged(tag: str, x: dict[str, Any]) -> Any:
    if tag in ("array", "number"):
        dtype = _numeric(x["dtype"])
        array = np.frombuffer(base64.b64decode(x["data"]), dtype).reshape(x["shape"])
        return array if tag == "array" else array[()]
    if tag == "tuple":
        return tuple(decode(x["v"]))
    if tag == "slice":
        return slice(*decode(x["v"]))
    if tag == "dict":
        return {decode(k): decode(v) for k, v in x["v"]}
    if tag == "complex":
        return complex(*decode(x["v"]))
    if tag == "float":
        return float(x["v"])
    if tag == "dtype":
        return _numeric(x["v"])
    if tag == "text":
        return x["v"]
    if tag == "ellipsis":
        return Ellipsis
    raise ValueError(f"unknown kind {tag!r}")


def _numeric(name: str) -> np.dtype[Any]:
    dtype = np.dtype(name)
    if dtype.kind not in "fiubc":
        raise ValueError(f"dtype {name!r} is not numeric")
    return dtype
