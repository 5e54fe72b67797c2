"""The colours of the graph pictures."""

from __future__ import annotations

from typing import NamedTuple


class Colours(NamedTuple):
    """Of a card: its fill, its border and its first line."""

    fill: str
    border: str
    text: str


class Theme(NamedTuple):
    """All colours of a picture.

    Attributes
    ----------
    page, text, quiet, faint
        The background, and text of three weights.
    edge, parameter_edge
        Lines, and lines from parameters.
    cluster, cluster_border
        Of layers; `backward` and `backward_border` those of their backward pass.
    name, grad, zero, bad
        Texts: names of variables, gradients, gradients that are zero, and those that are not
        finite or explode.
    kinds
        Cards, by the kind of what they show.
    """

    page: str
    text: str
    quiet: str
    faint: str
    edge: str
    parameter_edge: str
    cluster: str
    cluster_border: str
    backward: str
    backward_border: str
    name: str
    grad: str
    zero: str
    bad: str
    kinds: dict[str, Colours]


LIGHT = Theme(
    page="#ffffff",
    text="#0f172a",
    quiet="#64748b",
    faint="#94a3b8",
    edge="#64748b",
    parameter_edge="#16a34a",
    cluster="#f8fafc",
    cluster_border="#cbd5e1",
    backward="#fff7ed",
    backward_border="#fdba74",
    name="#1d4ed8",
    grad="#c2410c",
    zero="#2563eb",
    bad="#dc2626",
    kinds={
        "input": Colours("#e0f2fe", "#0284c7", "#0c4a6e"),
        "parameter": Colours("#dcfce7", "#16a34a", "#14532d"),
        "constant": Colours("#f8fafc", "#94a3b8", "#475569"),
        "matmul": Colours("#ede9fe", "#7c3aed", "#4c1d95"),
        "reduction": Colours("#fef3c7", "#d97706", "#78350f"),
        "elementwise": Colours("#ffffff", "#94a3b8", "#0f172a"),
        "activation": Colours("#ffe4e6", "#e11d48", "#881337"),
        "shape": Colours("#f1f5f9", "#cbd5e1", "#475569"),
        "output": Colours("#1e293b", "#0f172a", "#ffffff"),
        "layer": Colours("#eef2ff", "#6366f1", "#312e81"),
    },
)

DARK = Theme(
    page="#0f172a",
    text="#f1f5f9",
    quiet="#94a3b8",
    faint="#64748b",
    edge="#94a3b8",
    parameter_edge="#4ade80",
    cluster="#172033",
    cluster_border="#334155",
    backward="#2a1b12",
    backward_border="#9a3412",
    name="#93c5fd",
    grad="#fdba74",
    zero="#60a5fa",
    bad="#f87171",
    kinds={
        "input": Colours("#0c2d48", "#38bdf8", "#e0f2fe"),
        "parameter": Colours("#0d2f1d", "#4ade80", "#dcfce7"),
        "constant": Colours("#172033", "#64748b", "#cbd5e1"),
        "matmul": Colours("#2a1a4f", "#a78bfa", "#ede9fe"),
        "reduction": Colours("#3a2a08", "#fbbf24", "#fef3c7"),
        "elementwise": Colours("#1e293b", "#64748b", "#f1f5f9"),
        "activation": Colours("#43121f", "#fb7185", "#ffe4e6"),
        "shape": Colours("#1a2436", "#475569", "#cbd5e1"),
        "output": Colours("#f1f5f9", "#ffffff", "#0f172a"),
        "layer": Colours("#1e1b4b", "#818cf8", "#e0e7ff"),
    },
)

_INK = Colours("#ffffff", "#000000", "#000000")
PRINT = LIGHT._replace(
    text="#000000",
    quiet="#333333",
    faint="#666666",
    edge="#000000",
    parameter_edge="#000000",
    cluster="#ffffff",
    cluster_border="#999999",
    backward="#f2f2f2",
    backward_border="#999999",
    name="#000000",
    grad="#000000",
    zero="#000000",
    bad="#000000",
    kinds={
        **dict.fromkeys(LIGHT.kinds, _INK),
        "parameter": Colours("#eeeeee", "#000000", "#000000"),
        "constant": Colours("#ffffff", "#777777", "#333333"),
        "shape": Colours("#ffffff", "#777777", "#333333"),
        "output": Colours("#000000", "#000000", "#ffffff"),
    },
)

THEMES = {"light": LIGHT, "dark": DARK, "print": PRINT}
