"""What a comparison found: as a table in text, Markdown, HTML and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np

from autonn.check.diagnosis import Diagnosis
from autonn.texts import printable


class Row(NamedTuple):
    """One gradient, three ways.

    Attributes
    ----------
    name
        The input or parameter that it is of.
    autograd, closed
        The two gradients.
    error, worst
        Their largest difference, and its index.
    tol
        The largest difference that rounding explains, as measured.
    numerical
        Autograd's largest distance from the numerical derivative, relative to the larger of 1 and
        that, over the elements that were tried.
    status
        "agree", "zero", "structurally zero" (nothing but rounding), "kink", "closed form wrong",
        "autograd wrong", "both wrong" (numerical differentiation differs from both), "undecided"
        (it agrees with neither) or "cannot tell" (it agrees with both).
    diagnosis
        What kind of mistake it is.
    """

    name: str
    autograd: Any
    closed: Any
    error: float
    worst: tuple[int, ...]
    tol: float
    numerical: float
    status: str
    diagnosis: Diagnosis | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.status in ("agree", "zero", "structurally zero", "kink")

    @property
    def culprit(self) -> str:
        """Who is wrong: "closed form", "autograd", or "" for nobody or nobody knows."""
        return self.status.removesuffix(" wrong") if self.status.endswith(" wrong") else ""

    @property
    def norm(self) -> float:
        """The gradient's Euclidean length."""
        return float(np.linalg.norm(np.asarray(self.autograd, np.float64)))

    @property
    def relative(self) -> float:
        """The error over the gradient's largest element; 0 for what is structurally 0."""
        scale = max(float(np.max(np.abs(a), initial=0)) for a in (self.autograd, self.closed))
        return 0.0 if "zero" in self.status or not self.error else self.error / scale

    @property
    def elementwise(self) -> float:
        """Largest |a - b| / max(1e-8, |a| + |b|) over all elements, as the CS231n course has it."""
        if self.autograd.shape != self.closed.shape:
            return float("inf")
        a, b = self.autograd, self.closed
        ratio = np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b))
        return float(np.max(ratio, initial=0))

    @property
    def ulp(self) -> float:
        """The error in units of the last place of the gradient's largest element."""
        scale = np.max(np.abs(self.autograd), initial=0)
        return self.error / float(np.spacing(scale)) if scale else 0.0

    def told(self) -> str:
        """Give the status in words, with the diagnosis."""
        words = {
            "closed form wrong": "the closed form is wrong",
            "autograd wrong": "autograd is wrong",
            "both wrong": "numerical differentiation differs from both",
            "kink": "a kink or a tie: any slope between the one-sided ones is right",
            "structurally zero": "structurally zero: nothing but rounding",
            "undecided": "they differ, and numerical differentiation agrees with neither",
            "cannot tell": "they differ by less than numerical differentiation can tell",
        }.get(self.status, self.status)
        return words if self.diagnosis is None else f"{words}: {self.diagnosis.text}"


COLUMNS = ("gradient", "shape", "norm", "abs. error", "rel. error", "ulp", "numerical", "verdict")


@dataclass(frozen=True)
class Report:
    """Autograd, closed form and numerical differentiation side by side; it prints as a table.

    Attributes
    ----------
    title, dtype
        What was compared, in which dtype.
    rows
        One for each input and parameter.
    forward
        How the outputs differ, None if they do not.
    autograd_time, closed_time
        Seconds for forward and backward, each the best of several.
    """

    title: str
    dtype: str
    rows: list[Row]
    forward: Diagnosis | None
    autograd_time: float
    closed_time: float

    @property
    def ok(self) -> bool:
        """Whether all agree."""
        return self.forward is None and all(row.ok for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def worst(self) -> float:
        """The largest relative error."""
        return max((row.relative for row in self.rows), default=0.0)

    @property
    def ratio(self) -> float:
        """How many times as long autograd takes as the closed form."""
        return self.autograd_time / self.closed_time

    @property
    def verdict(self) -> str:
        """Who disagrees with whom, and what kind of mistake it is; "all agree" if nobody does."""
        told = [(row, f"{row.name}: {row.told()}") for row in self.rows]
        lines = [] if self.forward is None else [self.forward.text]
        lines += [text for row, text in told if not row.ok]
        if not lines:
            lines = ["all agree", *(t for row, t in told if row.status not in ("agree", "zero"))]
        return "\n".join(map(printable, lines))

    def cells(self) -> list[list[str]]:
        """Give the table's cells, a list for each row."""
        return [
            [
                printable(row.name),
                "×".join(map(str, row.autograd.shape)) or "number",
                f"{row.norm:.3g}",
                f"{row.error:.1e}",
                f"{row.relative:.1e}",
                "-"
                if "zero" in row.status
                else f"{row.ulp:.2g}"
                if row.ulp < 1e6
                else f"{row.ulp:.0e}",
                f"{row.numerical:.1e}",
                row.status,
            ]
            for row in self.rows
        ]

    def timing(self) -> str:
        """Say how long both took."""
        a, c = self.autograd_time * 1e3, self.closed_time * 1e3
        return f"autograd {a:.3g} ms, closed form {c:.3g} ms: {self.ratio:.2f} times as long"

    def __str__(self) -> str:
        table = [list(COLUMNS), *self.cells()]
        widths = [max(len(row[i]) for row in table) for i in range(len(COLUMNS))]
        lines = [
            " ".join(
                c.ljust(w) if i in (0, 1, 7) else c.rjust(w)
                for i, (c, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in table
        ]
        head = f"{self.title}, {self.dtype}"
        told = [fill(line, 80, subsequent_indent="  ") for line in self.verdict.splitlines()]
        return "\n".join([head, *lines, self.timing(), *told])

    def to_markdown(self) -> str:
        """Give it in Markdown."""
        lines = [f"**{escape(self.title)}**, {self.dtype}", "", "| " + " | ".join(COLUMNS) + " |"]
        lines += ["|" + "---|" * len(COLUMNS)]
        lines += [
            "| " + " | ".join(escape(cell).replace("|", "\\|") for cell in row) + " |"
            for row in self.cells()
        ]
        return "\n".join(
            [*lines, "", self.timing(), "", escape(self.verdict, quote=False).replace("\n", "  \n")]
        )

    def to_json(self) -> str:
        """Give it in JSON: numbers, no arrays."""
        rows = [
            {
                "name": row.name,
                "shape": list(row.autograd.shape),
                "norm": row.norm,
                "absolute": row.error,
                "relative": row.relative,
                "ulp": row.ulp,
                "worst": list(row.worst),
                "tolerance": row.tol,
                "numerical": row.numerical,
                "status": row.status,
                "kind": None if row.diagnosis is None else row.diagnosis.kind,
                "diagnosis": None if row.diagnosis is None else row.diagnosis.text,
            }
            for row in self.rows
        ]
        whole = {
            "title": self.title,
            "dtype": self.dtype,
            "ok": self.ok,
            "verdict": self.verdict,
            "forward": None if self.forward is None else self.forward.text,
            "autograd_seconds": self.autograd_time,
            "closed_form_seconds": self.closed_time,
            "rows": rows,
        }
        return json.dumps(_finite(whole), indent=2)

    def to_html(self) -> str:
        """Give a fragment of HTML: a table, and the verdict."""
        head = "".join(f"<th>{escape(c)}</th>" for c in COLUMNS)
        body = ""
        for row, cells in zip(self.rows, self.cells(), strict=True):
            colour = "#1a7f4b" if row.ok else "#b3261e"
            marked = [escape(c) for c in cells]
            marked[-1] = f'<b style="color:{colour}">{marked[-1]}</b>'
            body += "<tr>" + "".join(f"<td>{c}</td>" for c in marked) + "</tr>"
        verdict = escape(self.verdict).replace("\n", "<br>")
        return (
            f'<div class="autonn-report"><h3>{escape(self.title)}, {self.dtype}</h3>'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>{escape(self.timing())}</p><p>{verdict}</p></div>"
        )

    def _repr_html_(self) -> str:
        return self.to_html()


def _finite(x: Any) -> Any:
    """Give what JSON can hold: None in place of infinities and NaN."""
    if isinstance(x, dict):
        return {k: _finite(v) for k, v in x.items()}
    if isinstance(x, list):
        return [_finite(v) for v in x]
    return None if isinstance(x, float) and not np.isfinite(x) else x
