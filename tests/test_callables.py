"""Every public callable, called with what it is not made for: an answer that is right, or a refusal.

`calls.txt` holds a good call of each, `judge.py` says what becomes of hostile ones. Here each argument
gets a few values, in `scripts/callables.py` all of them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import calls
import judge
import pytest
from calls import Slot
from judge import Verdict

import autonn
from autonn import Tensor
from autonn.graph import DISPATCH, PRIMITIVES


@cache
def arguments() -> dict[str, list[Slot]]:
    """Give the arguments of all calls by their names."""
    found: dict[str, list[Slot]] = {}
    for line in calls.calls():
        for slot in calls.slots(line):
            found.setdefault(str(slot), []).append(slot)
    return found


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("calls")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        calls.make_files(folder)
        before = dict(PRIMITIVES), dict(DISPATCH)
        yield
    for registry, kept in zip((PRIMITIVES, DISPATCH), before, strict=True):
        registry.clear()
        registry.update(kept)
    autonn.keep_memory()


def test_no_public_callable_lacks_a_good_call():
    spines = [calls.spine(ast.parse(line, mode="eval").body) for line in calls.calls()]
    assert calls.public() - {calls.owner_of(node) for spine in spines for node in spine} == set()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("line", calls.calls())
def test_good_calls_are_answered(line: str):
    judge.good(line)


@pytest.mark.parametrize("name", arguments())
def test_hostile_calls_are_answered_or_refused(name: str):
    found = [
        judge.judge(slot, value, hostile)
        for slot in arguments()[name]
        for value, hostile in judge.hostile_values(slot, few=True).items()
    ]
    assert [verdict for verdict in found if verdict.kind == "failed"] == []


# ----- What the judge must see -----


def lying(x: Any, axis: Any = None) -> Any:
    return x * 2.0 if isinstance(x, Tensor) else x


def judged(line: str, argument: str, hostile: Callable[[], Any]) -> Verdict:
    slot = next(slot for slot in calls.slots(line) if slot.argument == argument)
    return judge.judge(slot, "it", hostile)


JUDGED: dict[str, tuple[str, str, Callable[[], Any], str]] = {
    "a refusal": ("nn.Linear(3, 4)(x)", "x", lambda: Tensor([[1.0]]), "refused"),
    "an answer": ("np.exp(x)", "args", lambda: Tensor([1.0]), "answered"),
    "no Tensor took part": ("np.exp(x)", "args", lambda: "a", "not ours"),
}


@pytest.mark.parametrize("case", JUDGED)
def test_verdicts(case: str):
    line, argument, hostile, kind = JUDGED[case]
    assert judged(line, argument, hostile).kind == kind


def test_an_error_from_the_inside_is_a_failure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(autonn.init, "gain", autonn.texts.shortened)
    verdict = judged("init.gain(x, 0.1)", "text", lambda: "a")
    assert (verdict.kind, verdict.told.partition(":")[0]) == ("failed", "TypeError")


def test_a_wrong_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(autonn.functional, "softmax", lying)
    verdict = judged("F.softmax(x, axis=-1)", "x", lambda: Tensor([1.0]))
    assert (verdict.kind, verdict.told.partition(":")[0]) == ("failed", "WrongAnswer")
