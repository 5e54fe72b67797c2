"""How the tables of bad input are checked: the error's type, and the words that must stand in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def assert_refused(call: Callable[[], Any], kind: Any, words: list[str]) -> Exception:
    """Call, and expect this error with all these words; give the error."""
    with pytest.raises(kind) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == []
    return caught.value
