"""The page on which one walks through backprop: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from autonn.texts import printable

# what HTML could take for its own inside a script element
_UNSAFE = re.compile("[<>&]")
SCRIPTS = (
    *("data.js", "view.js", "layout.js", "drawing.js", "panel.js"),
    *("moving.js", "playing.js", "input.js", "start.js"),
)
_WHOLE = '"use strict";\n(() => {{\n{}}})();\n'  # one scope, which the page keeps to itself
_MARKER = re.compile("@@([A-Z]+)@@")


def page(data: Mapping[str, Any]) -> str:
    """Give a self-contained HTML page that shows a graph and steps through its backward pass.

    The page asks nothing of any server: a content security policy forbids it to. Its script lays
    the graph out, and draws it, in the browser.

    Parameters
    ----------
    data
        The graph, in values that JSON has. NaN and the infinities are the words "nan", "inf"
        and "-inf". Only "nodes" must be there.

        - "title", "subtitle", "notes" (a list): words; "theme": "light", "dark" or "auto";
          "dtype": the one that most nodes have.
        - "nodes": dicts, in topological order, with "id" equal to their place in the list and
          "inputs" (ids); all else may be missing: "op", "kind", "name", "attr", "shape",
          "dtype", "bytes", "broadcast", "group", "site", "grads", "rules", "operands", "saved",
          "params", "constant", "value", "grad", "error", "errorOf", "phase", "pulls".
        - "groups": dicts, parents before children, with "id" and "parent"; and "label", "name",
          "told", "attr", "kind", "nodeKind", "count", "open", "error", "errorOf".
        - "order": ids in the order in which backprop completes their gradients.
        - "diverging": the id of the first node whose gradient is wrong, or None.

    Returns
    -------
    str
        The whole page. Saved as a file, it is opened by any browser of 2024 or later.

    Raises
    ------
    TypeError
        If there is a value that JSON does not have, such as a NumPy scalar.
    ValueError
        If "nodes" or "groups" are not as described, or a float is not finite.

    Examples
    --------
    >>> text = page({"title": "a product", "nodes": [
    ...     {"id": 0, "op": "input", "kind": "input", "name": "x", "inputs": []},
    ...     {"id": 1, "op": "multiply", "kind": "output", "inputs": [0, 0]}]})
    >>> text[:15], "<title>a product</title>" in text
    ('<!doctype html>', True)
    """
    _check(data)
    folder = files("viz") / "assets"
    style = (folder / "page.css").read_text("utf-8")
    script = _WHOLE.format("\n".join((folder / name).read_text("utf-8") for name in SCRIPTS))
    parts = {
        "POLICY": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        "TITLE": html.escape(printable(str(data.get("title") or "computation graph"))),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": _json(data),
    }
    # in one go, so that a title that reads like a marker stays a title
    template = (folder / "page.html").read_text("utf-8")
    return _MARKER.sub(lambda found: parts[found[1]], template)


def _check(data: Mapping[str, Any]) -> None:
    """Refuse what the script could not draw."""
    if not isinstance(data, Mapping) or "nodes" not in data:
        seen = f"the keys {sorted(data)}" if isinstance(data, Mapping) else type(data).__name__
        raise ValueError(f'data must be a dict with "nodes", not {seen}: give the list of nodes')
    if not data["nodes"]:
        raise ValueError('data["nodes"] is empty, and a page needs one node or more')
    groups = {None}
    for group in data.get("groups") or ():
        if group.get("parent") not in groups:
            raise ValueError(
                f"group {group['id']} has the parent {group['parent']}, which is not before it "
                'in data["groups"]: put parents before children'
            )
        groups.add(group["id"])
    for place, node in enumerate(data["nodes"]):
        if node.get("id") != place:
            raise ValueError(
                f'node {place} of data["nodes"] has the id {node.get("id")!r}: number the nodes '
                "0, 1, 2, ... in topological order"
            )
        late = [i for i in node.get("inputs", ()) if not 0 <= i < place]
        if late:
            raise ValueError(
                f"node {place} has the input {late[0]}, which is not before it: sort the nodes "
                "topologically"
            )
        if node.get("group") not in groups:
            raise ValueError(
                f'node {place} is in group {node["group"]}, which data["groups"] does not have'
            )


def _json(data: Mapping[str, Any]) -> str:
    """Give JSON that can stand in a script element whatever the strings hold."""
    try:
        text = json.dumps(dict(data), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except ValueError as error:
        raise ValueError(
            f'data holds what JSON has no word for ({error}): give NaN and infinities as "nan", '
            '"inf" and "-inf"'
        ) from error
    except TypeError as error:
        raise TypeError(
            f"data must hold plain JSON values ({error}): convert with .tolist(), .item() or str()"
        ) from error
    if not text.isprintable():  # escapes of escapes, which the page shows
        text = "".join(c if c.isprintable() else "\\" + printable(c) for c in text)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _hash(text: str) -> str:
    """Give the source expression by which a content security policy knows an inline text."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
