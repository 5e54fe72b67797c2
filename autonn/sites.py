"""Where in the user's code something happens."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path

import numpy as np

from autonn.nn.module import running

_HERE = Path(__file__).parent
OWN = (str(_HERE), str(_HERE.parent / "viz"), str(Path(np.__file__).parent), "<autonn")


def source_line() -> str:
    """Give the line of the user's code that is running, and the layers around it.

    It is the innermost line outside autonn and NumPy.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(OWN):
        frame = frame.f_back
    name, line = frame.f_code.co_filename, frame.f_lineno
    text = f"{name}:{line}: {linecache.getline(name, line).strip()}".rstrip(": ")
    layers = " > ".join(module.label for module in running())
    return f"{text}, in {layers}" if layers else text
