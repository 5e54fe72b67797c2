"""All the small changes of a source file that its tests ought to notice.

Comparisons, operators, constants, conditions and names are changed into their like, arguments are
swapped, parameters and statements removed, one at a time. Texts of errors, annotations, docstrings,
imports and assertions are left alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "autonn"

OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"),
    ast.And: ("and", "or"), ast.Or: ("or", "and"), ast.Add: ("+", "-"), ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"), ast.Div: ("/", "*"), ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"), ast.LShift: ("<<", ">>"),
}  # fmt: skip
_PAIRS = "min max, any all, sin cos, sinh cosh, minimum maximum, zeros ones, zeros_like ones_like"
NAMES = {pair.split()[i]: pair.split()[1 - i] for pair in _PAIRS.split(", ") for i in (0, 1)}
WORDS = {  # in the texts of compile.py, which are code
    "is not": "is", "not in": "in", "and": "or", "or": "and", "True": "False", "False": "True",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: what stands from `start` to `end` (in bytes) gives way to `new`."""

    file: str
    name: str  # of the function, or of the primitive whose rule it is
    start: int
    end: int
    new: str

    @property
    def original(self) -> bytes:
        """The file without the change."""
        return (FOLDER / self.file).read_bytes()

    @property
    def changed(self) -> bytes:
        """The file with the change."""
        return self.original[: self.start] + self.new.encode() + self.original[self.end :]

    @property
    def line(self) -> int:
        """The number of its line."""
        return self.original.count(b"\n", 0, self.start) + 1

    def __str__(self) -> str:
        """Show the change in its line, as the table of explanations names it."""
        ahead = self.original[: self.start].decode().rpartition("\n")[2].lstrip()
        old = self.original[self.start : self.end].decode().partition("\n")[0]
        behind = self.original[self.end :].decode().partition("\n")[0].partition("  # ")[0]
        return f"{self.file}: {ahead}{{{old} -> {self.new}}}{behind}"

    @property
    def is_code(self) -> bool:
        """Whether Python can read it: where brackets stand in the way, it may not."""
        try:
            ast.parse(self.changed)
        except SyntaxError:
            return False
        return True


class Changes(ast.NodeVisitor):
    """Finds the changes of a file."""

    def __init__(self, file: str) -> None:
        self.file, self.name, self.found = file, "", list[Mutant]()
        self.code = (FOLDER / file).read_bytes()
        self.lines = [0, *(at.end() for at in re.finditer(b"\n", self.code))]
        self.writes_code = file == "compile.py"
        for statement in ast.parse(self.code).body:
            match statement:
                case (
                    ast.FunctionDef(name=name)
                    | ast.Expr(
                        value=ast.Call(args=[ast.Name(id=name) | ast.Attribute(attr=name), *_])
                    )
                ):
                    self.name = name
            self.visit(statement)

    def span(self, first: ast.AST, last: ast.AST | None = None) -> tuple[int, int]:
        """Give where nodes begin and end, in bytes."""
        a, b = vars(first), vars(last or first)
        start = self.lines[a["lineno"] - 1] + a["col_offset"]
        return start, self.lines[b["end_lineno"] - 1] + b["end_col_offset"]

    def text(self, node: ast.AST) -> str:
        """Give what stands there."""
        return self.code[slice(*self.span(node))].decode()

    def put(self, new: str, start: int, end: int) -> None:
        """Add a change."""
        self.found.append(Mutant(self.file, self.name, start, end, new))

    def replace(self, node: ast.AST, *news: object) -> None:
        """Add changes of a whole node."""
        for new in news:
            self.put(str(new), *self.span(node))

    def swap(self, operator: ast.AST, operands: Iterable[ast.AST]) -> None:
        """Add a change of each operator between operands."""
        if type(operator) in OPERATORS:
            old, new = OPERATORS[type(operator)]
            for a, b in pairwise(operands):
                at = self.code.index(old.encode(), self.span(a)[1], self.span(b)[0])
                self.put(new, at, at + len(old))

    def visit(self, node: ast.AST) -> None:
        """Add the changes of a node, and go on to what is code inside it."""
        match node:
            case ast.Compare(left=left, ops=operators, comparators=right):
                for operator, pair in zip(operators, pairwise([left, *right]), strict=True):
                    self.swap(operator, pair)
            case ast.BinOp(left=left, op=operator, right=right):
                self.swap(operator, (left, right))
            case ast.BoolOp(op=operator, values=values):
                self.swap(operator, values)
                for value in values:
                    self.replace(value, isinstance(operator, ast.And))
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
                self.replace(node, self.text(operand))
            case ast.Constant(value=bool(value)):
                self.replace(node, not value)
            case ast.Constant(value=int(value)):
                self.replace(node, *{value + 1, abs(value - 1)})
            case ast.Constant(value=float(value)):
                self.replace(node, value * 1.1 or 1.0)
            case ast.Constant(value=str()) | ast.JoinedStr() if self.writes_code:
                start, _ = self.span(node)
                for at in re.finditer(rf"\b(?<!strict=)({'|'.join(WORDS)})\b", self.text(node)):
                    self.put(WORDS[at[0]], start + at.start(), start + at.end())
            case ast.Name(id=name) if name in NAMES:
                self.replace(node, NAMES[name])
            case ast.Attribute(value=value, attr=name) if name in NAMES:
                self.replace(node, f"{self.text(value)}.{NAMES[name]}")
            case ast.Attribute(value=value, attr="T" | "mT"):
                self.replace(node, self.text(value))
            case ast.Call(args=args, keywords=keywords):
                for a, b in pairwise([*args, *keywords]):
                    if isinstance(a, ast.Name) and isinstance(b, ast.Name) and a.id != b.id:
                        self.put(f"{b.id}, {a.id}", *self.span(a, b))
                    elif isinstance(b, ast.keyword) and b.arg != "strict":
                        self.put("", self.span(a)[1], self.span(b)[1])
            case ast.List(elts=[_, *_] as lines) if self.writes_code:
                for line in lines:
                    self.replace(line, "*[]" if isinstance(line, ast.Starred) else '""')
            case ast.If(test=test) | ast.IfExp(test=test):
                self.replace(test, True, False)
            case ast.comprehension(ifs=tests):
                for test in tests:
                    self.replace(test, True)
            case ast.Break() | ast.Continue() | ast.AugAssign() | ast.Expr(value=ast.Call()):
                self.replace(node, "pass")
            case ast.Assign(targets=[target], value=value):
                read = {name.id for name in ast.walk(value) if isinstance(name, ast.Name)}
                if not isinstance(target, ast.Name) or target.id in read:
                    self.replace(node, "pass")
        for child in code_in(node):
            self.visit(child)


def code_in(node: ast.AST) -> Iterable[ast.AST]:
    """Give the parts of a node that are code, and no texts of errors, annotations or docstrings."""
    match node:
        case ast.FunctionDef(args=args, body=body):
            return [d for d in (*args.defaults, *args.kw_defaults) if d] + body
        case ast.ClassDef(body=body):
            return body
        case ast.AnnAssign(value=value):
            return [value] if value else []
        case ast.If(test=test, body=[*_, ast.Raise()], orelse=other):
            return [test, *other]
        case ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar"))):
            return []
        case ast.Call(func=ast.Name(id="cast")) | ast.Expr(value=ast.Constant()):
            return []
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Raise() | ast.JoinedStr():
            return []
        case ast.keyword(arg="strict"):  # of zip: an assertion
            return []
    return ast.iter_child_nodes(node)
