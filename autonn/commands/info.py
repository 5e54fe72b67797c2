"""`autonn info`: what autonn runs on, for reports of mistakes and of speed."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from textwrap import fill
from typing import Any

import numpy as np

from autonn import __version__
from autonn.texts import printable

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
OPTIONAL = ("rich", "matplotlib", "graphviz", "pygraphviz", "safetensors", "pillow")


def run(*, as_json: bool = False) -> int:
    """Print versions, BLAS, threads, cores and the engine that lays out graphs."""
    found = collected()
    if as_json:
        print(json.dumps(found, indent=2))
        return 0
    for name, value in found.items():
        told = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(fill(printable(f"{name:<12} {told or 'none'}"), 80, subsequent_indent=" " * 13))
    return 0


def collected() -> dict[str, Any]:
    """Give what `run` prints, as data."""
    built: Any = np.show_config(mode="dicts")
    blas = built["Build Dependencies"]["blas"]
    return {
        "autonn": __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "cores": os.cpu_count(),
        "machine": f"{platform.machine()}, {platform.system()}",
        "optional": {name: _version(name) or "missing" for name in OPTIONAL},
        "layout": _layout(),
        "terminal": f"{sys.stdout.encoding}, {'a tty' if sys.stdout.isatty() else 'no tty'}",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _layout() -> str:
    """Give the Graphviz that lays out pictures."""
    try:
        return str(import_module("viz.layout").found() or "none: pages only")
    except ModuleNotFoundError:
        return "none"
