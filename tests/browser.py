"""Graphs to draw, and a browser to draw them in."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def chromium() -> str | None:
    """Give the path of a browser, or None."""
    named = os.environ.get("AUTONN_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Graph:
    """Builds page data by hand: nodes and groups in the order of the calls."""

    def __init__(self, title: str = "a graph") -> None:
        self.nodes: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []
        self.title = title
        self.inside: list[int] = []

    def group(self, label: str, name: str = "", **more: Any) -> int:
        parent = self.inside[-1] if self.inside else None
        base = {
            "id": len(self.groups),
            "parent": parent,
            "label": label,
            "name": name,
            "told": "",
            "kind": "layer",
            "nodeKind": "elementwise",
            "count": 1,
            "open": True,
            "error": None,
            "errorOf": "",
        }
        self.groups.append(base | more)
        self.inside.append(base["id"])
        return base["id"]

    def end(self) -> None:
        self.inside.pop()

    def add(
        self,
        op: str,
        *inputs: int,
        shape: Sequence[int] = (32, 8),
        kind: str = "elementwise",
        norm: float | None = 0.1,
        **more: Any,
    ) -> int:
        size = math.prod(shape)
        grads = norm is not None
        base = {
            "id": len(self.nodes),
            "op": op,
            "kind": kind,
            "name": "",
            "attr": "",
            "shape": list(shape),
            "dtype": "float64",
            "bytes": 8 * size,
            "inputs": list(inputs),
            "broadcast": [
                self.nodes[i]["shape"] != list(shape)
                and kind not in ("matmul", "reduction", "output")
                for i in inputs
            ],
            "group": self.inside[-1] if self.inside else None,
            "site": "model.py:33: y = f(x)",
            "grads": grads,
            "rules": [
                [letter, RULES.get(op, "g * y").replace("?", "ba"[i % 2])]
                for i, letter in zip(range(len(inputs)), "abcd", strict=False)
            ],
            "operands": ["a", "b", "c", "d"][: len(inputs)],
            "saved": [["y", 8 * size]] if inputs else [],
            "params": [],
            "constant": "",
            "value": stats(0.8, 2.4, size),
            "grad": stats(-0.1, norm, size) if norm is not None else None,
            "error": None,
            "errorOf": "",
            "phase": "forward",
            "pulls": None,
        }
        self.nodes.append(base | more)
        return base["id"]

    def chain(self, count: int, start: int, **more: Any) -> int:
        for _ in range(count):
            start = self.add("tanh", start, kind="activation", **more)
        return start

    def data(self, **more: Any) -> dict[str, Any]:
        order = [n["id"] for n in reversed(self.nodes) if n["grads"] and n["inputs"]]
        parameters = sum(math.prod(n["shape"]) for n in self.nodes if n["kind"] == "parameter")
        base = {
            "title": self.title,
            "subtitle": f"{len(self.nodes)} nodes · {parameters} parameters · all float64 · grad = L2 norm of the gradient",
            "dtype": "float64",
            "theme": "light",
            "notes": [],
            "nodes": self.nodes,
            "groups": self.groups,
            "order": order,
            "diverging": None,
        }
        return base | more


RULES = {
    "add": "unbroadcast(g, ?.shape)",
    "matmul": "g @ ?.mT",
    "multiply": "g * ?",
    "square": "2 * g * a",
    "sqrt": "g / (2 * y)",
    "mean": "g / size",
    "relu": "g * (a > 0)",
    "subtract": "g",
    "divide": "g / b",
}


def stats(mean: float, norm: float, size: int) -> dict[str, Any]:
    """Give believable statistics."""
    hist = (
        None
        if size == 1
        else [
            max(0, round(40 * math.exp(-((i - 9) ** 2) / 30) * (1 + math.sin(7 * i))))
            for i in range(24)
        ]
    )
    first = [round(mean + math.sin(3 * i), 4) for i in range(min(size, 12))]
    return {
        "mean": mean,
        "std": 0.0 if size == 1 else 0.318,
        "min": mean - 1,
        "max": mean + 1,
        "norm": norm,
        "zeros": 0.0,
        "nan": 0,
        "size": size,
        "first": first,
        "hist": hist,
        "lo": mean - 1,
        "hi": mean + 1,
    }


def batchnorm(diverging: bool = False) -> dict[str, Any]:
    """Linear, BatchNorm, ReLU, MSE: 22 nodes, as in the pictures."""
    g = Graph("Linear → BatchNorm → ReLU → MSE")
    x = g.add("input", name="x", shape=(32, 16), kind="input", norm=0.096)
    g.group("Linear", "fc", told="136 params", nodeKind="matmul")
    weight = g.add(
        "parameter", name="weight", shape=(16, 8), kind="parameter", norm=0.39, error=3e-16
    )
    bias = g.add("parameter", name="bias", shape=(8,), kind="parameter", norm=1e-17, error=2e-16)
    y = g.add("matmul", x, weight, kind="matmul", norm=0.11)
    y = g.add("add", y, bias, norm=0.11)
    g.end()
    g.group(
        "BatchNorm1d",
        "bn",
        told="16 params",
        nodeKind="reduction",
        error=5e-5,
        errorOf="the closed form",
    )
    gamma = g.add("parameter", name="gamma", shape=(8,), kind="parameter", norm=0.37, error=1e-15)
    beta = g.add("parameter", name="beta", shape=(8,), kind="parameter", norm=0.34, error=1e-15)
    eps = g.add(
        "constant", name="ε", shape=(), kind="constant", norm=None, constant="1e-05", value=None
    )
    mu = g.add(
        "mean", y, shape=(1, 8), kind="reduction", attr="axis=0", name="μ", norm=0.45, error=2e-6
    )
    centred = g.add("subtract", y, mu, name="x−μ", norm=0.13, error=3e-12)
    square = g.add("square", centred, norm=0.07)
    var = g.add(
        "mean",
        square,
        shape=(1, 8),
        kind="reduction",
        attr="axis=0",
        name="σ²",
        norm=0.39,
        error=0.02 if diverging else 1e-15,
    )
    moved = g.add("add", var, eps, shape=(1, 8), norm=0.39)
    sigma = g.add("sqrt", moved, shape=(1, 8), name="σ", norm=0.49)
    hat = g.add("divide", centred, sigma, name="x̂", norm=0.12)
    scaled = g.add("multiply", hat, gamma, norm=0.12)
    out = g.add("add", scaled, beta, norm=0.12)
    g.end()
    relu = g.add("relu", out, kind="activation", norm=0.15)
    g.group("MSELoss", "mse", nodeKind="reduction")
    target = g.add("input", name="target", kind="constant", norm=None)
    away = g.add("subtract", relu, target, norm=0.15)
    squared = g.add("square", away, norm=0.062)
    g.add("mean", squared, shape=(), kind="output", name="loss", norm=1.0)
    g.end()
    return g.data(diverging=var if diverging else None)


def diamond() -> dict[str, Any]:
    g = Graph("diamond")
    x = g.add("input", name="x", kind="input")
    left, right = g.add("sin", x), g.add("cos", x)
    g.add("multiply", left, right, kind="output", name="y")
    return g.data()


def chain(count: int = 8) -> dict[str, Any]:
    g = Graph("chain")
    g.chain(count, g.add("input", name="x", kind="input"))
    return g.data()


def residual(g: Graph, x: int, width: int = 64) -> int:
    """A block with a branch around it, and a composition inside."""
    g.group("LayerNorm", "norm", nodeKind="reduction", told=f"{2 * width} params", open=True)
    g.group("mean", kind="function", nodeKind="reduction", open=False)
    total = g.add("sum", x, shape=(8, 1), kind="reduction", attr="axis=-1")
    mu = g.add("divide", total, shape=(8, 1), name="mu")
    g.end()
    centred = g.add("subtract", x, mu, shape=(8, width), name="centred")
    g.group("var", kind="function", nodeKind="reduction", open=False)
    var = g.add(
        "mean",
        g.add("square", centred, shape=(8, width)),
        shape=(8, 1),
        kind="reduction",
        attr="axis=-1",
        name="var",
    )
    g.end()
    y = g.add("divide", centred, g.add("sqrt", var, shape=(8, 1)), shape=(8, width))
    gamma = g.add("parameter", name="gamma", shape=(width,), kind="parameter")
    y = g.add("multiply", y, gamma, shape=(8, width))
    g.end()
    for layer in ("up", "down"):
        g.group("Linear", layer, nodeKind="matmul", told=f"{width * width + width} params")
        w = g.add("parameter", name="weight", shape=(width, width), kind="parameter", norm=2.1)
        b = g.add("parameter", name="bias", shape=(width,), kind="parameter", norm=0.02)
        y = g.add(
            "add",
            g.add("matmul", y, w, shape=(8, width), kind="matmul", norm=0.9),
            b,
            shape=(8, width),
            norm=0.9,
        )
        g.end()
        if layer == "up":
            y = g.add("gelu", y, shape=(8, width), kind="activation", norm=0.5)
    return g.add("add", x, y, shape=(8, width), name="residual", norm=0.31)


def blocks(count: int = 12, shown: int = 2) -> dict[str, Any]:
    """A repeat group, closed: `count` residual blocks."""
    g = Graph(f"{count} residual blocks")
    x = g.add("input", name="x", shape=(8, 64), kind="input")
    g.group(
        "Block",
        "blocks",
        kind="repeat",
        count=count,
        open=False,
        nodeKind="matmul",
        told="100k params",
    )
    for i in range(shown):
        g.group("Block", f"blocks.{i}", open=False, nodeKind="matmul")
        x = residual(g, x)
        g.end()
    g.end()
    g.add("mean", x, shape=(), kind="output", name="loss")
    return g.data()


def network(count: int = 7) -> dict[str, Any]:
    """A network of open residual blocks: about 20 nodes each."""
    g = Graph("a residual network")
    x = g.add("input", name="x", shape=(8, 64), kind="input")
    for i in range(count):
        g.group("Block", f"blocks.{i}", nodeKind="matmul")
        x = residual(g, x)
        g.end()
    g.add("mean", x, shape=(), kind="output", name="loss")
    return g.data()


def large(groups: int = 100, each: int = 100) -> dict[str, Any]:
    """Many nodes in closed groups."""
    g = Graph("large")
    x = g.add("input", name="x", kind="input")
    for i in range(groups):
        g.group("Layer", f"layers.{i}", open=False, nodeKind="activation")
        x = g.chain(each, x, value=None, grad=None)
        g.end()
    return g.data()


def unrolled(steps: int = 6) -> dict[str, Any]:
    """A recurrence: shared weights are used in every step."""
    g = Graph("a recurrence")
    w = g.add("parameter", name="w", shape=(8, 8), kind="parameter")
    u = g.add("parameter", name="u", shape=(4, 8), kind="parameter")
    state = g.add("constant", name="h0", kind="constant", norm=None)
    x = g.add("input", name="x", shape=(32, steps, 4), kind="input")
    for t in range(steps):
        g.group("step", f"{t}", open=True)
        now = g.add("getitem", x, shape=(32, 4), kind="shape", attr=f"[:, {t}]")
        a, b = g.add("matmul", now, u, kind="matmul"), g.add("matmul", state, w, kind="matmul")
        state = g.add("tanh", g.add("add", a, b), kind="activation", name="h")
        g.end()
    g.add("mean", state, shape=(), kind="output", name="loss")
    return g.data()


def second_order() -> dict[str, Any]:
    """A forward graph with its backward graph."""
    g = Graph("forward and backward")
    x = g.add("parameter", name="x", kind="parameter")
    y = g.add("sin", x)
    z = g.add("multiply", y, x)
    loss = g.add("sum", z, shape=(), kind="output", name="y")
    back = {"phase": "backward", "norm": None}
    ones = g.add("ones_like", loss, shape=(), **back, pulls=loss)
    spread = g.add("broadcast_to", ones, **back, pulls=loss)
    a, b = (
        g.add("multiply", spread, x, **back, pulls=z),
        g.add("multiply", spread, y, **back, pulls=z),
    )
    cos = g.add("cos", x, **back, pulls=y)
    g.add("add", g.add("multiply", a, cos, **back, pulls=y), b, **back, name="x.grad")
    return g.data()


def hostile() -> dict[str, Any]:
    g = Graph("</script><script>alert(1)</script> \"'&\u2028@@DATA@@")
    bad = "<script>alert(1)</script>"
    g.group(bad, '</script>\n"quoted"', told="<b>bold</b>")
    x = g.add(bad, name='"><img src=x onerror=alert(1)>', kind="input")
    g.add(
        "<i>tanh</i>",
        x,
        name="two\nlines",
        attr="'a'=\"b\"",
        site="<script>",
        rules=[["<u>", "g < 1 & y > 2"]],
    )
    g.end()
    return g.data()
