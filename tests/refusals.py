"""How the tables of bad input are checked, and what no argument of its kind may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import calls
import numpy as np
import pytest

from autonn import functional as F
from autonn import init, nn
from autonn.arguments import known_arguments


def assert_refused(call: Callable[[], Any], kind: Any, words: list[str]) -> Exception:
    """Call, and expect this error with all these words; give the error."""
    with pytest.raises(kind) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == []
    return caught.value


# ----- What annotations refuse -----

NAN, INF, CIRCLE = float("nan"), float("inf"), []
CIRCLE.append(CIRCLE)
# By what errors call the kind of an argument.
BAD: dict[str, list[Any]] = {
    "a whole number": [1.5, "1", True, NAN, [1]],
    "a whole number of 0 or more": [-1, 1.0, "1", NAN, 1j, [1]],
    "a whole number of 1 or more": [0, -(10**30), 1.0, "1", True, INF, [1]],
    "a whole number from 1 to 9999": [0, 10**30, 2.0, None],
    "a whole number of 0 or more (also several)": [-1, 1.5, "3", [2, -1], [None], CIRCLE],
    "a whole number of 1 or more (also several)": [0, 1.5, "33", None, [2, 0], [[1, 2]], CIRCLE],
    "a whole number of 0 or more (also several, or pairs)": [-1, 0.5, "abc", [[0, -1]], CIRCLE],
    "a number": [NAN, "1", None, 1j, np.ones(3)],
    "a finite number": [NAN, INF, "1", None, 1j, np.ones(3)],
    "a finite number of 0 or more": [-1e-9, NAN, INF, "1", np.ones((2, 2))],
    "a finite number of 0.01 or more": [0, -1, NAN, INF, "1"],
    "a finite number above 0": [0, -1.0, NAN, INF, "1", None],
    "a finite number from 0 to 1": [-0.1, 1.5, NAN, INF, "1", None, np.ones(2)],
    "True or False": ["no", 2, None, np.ones((2, 2), bool)],
    "a Generator": ["rng", 0, None, np.random.RandomState(0)],
    "a np.random.Generator, a seed (a whole number of 0 or more) or None": ["a", -1, 0.5, CIRCLE],
    "a Module": [np.tanh, nn.Tanh, None],
    "a dtype of numbers, such as np.float32": ["abc", object, np.str_, 3],
    "a Tensor, an array or numbers": ["abc", None, object(), [None], [[1], [2, 3]], CIRCLE],
}
WORDS: list[Any] = ["abc", "", 3, ["sum"], np.array(["a", "b"])]  # where there are options


def checked_slots() -> Iterator[tuple[calls.Slot, list[str]]]:
    """Give each annotated argument of layers and initialisers in a call, and what it may be.

    And of functions the arrays: what else they are given, they look at once something has failed.
    """
    for line in calls.calls():
        for slot in calls.slots(line):
            home, _, name = slot.owner.partition(".")
            thing = getattr({"nn": nn, "init": init, "F": F}.get(home), name, None)
            if isinstance(thing, type):
                thing = getattr(thing, "function", thing.__init__)
            if isinstance(thing, FunctionType):
                kinds = [str(kind) for kind in known_arguments(thing)[1].get(slot.argument, ())]
                if kinds and (home != "F" or kinds[0].startswith("a Tensor")):
                    yield slot, kinds


def bad(kinds: list[str]) -> list[Any]:
    """Give what an argument may not be."""
    first = next(kind for kind in kinds if kind != "None")
    values = WORDS if first.startswith("'") else BAD[first]
    return [v for v in values if v is not None or "None" not in kinds]
