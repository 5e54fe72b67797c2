"""`autonn summary`: what a model is made of, and what its backward pass keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from autonn.nn import Module
from autonn.subjects import Shape, in_file, inputs_of, layer, load, taken
from autonn.summary import summary
from autonn.zoo import MODELS


def run(
    what: str,
    shapes: Sequence[Shape] = (),
    *,
    dtype: str = "float32",
    as_json: bool = False,
    seed: int = 0,
) -> int:
    """Print the table of a model, a layer, or what a file defines; give the exit status."""
    rng = np.random.default_rng(seed)
    place = in_file(what)
    if what in MODELS:
        net: Module = MODELS[what]("batch", 0.0, rng)
        inputs = [rng.normal(size=shapes[0] if shapes else (32, 64))]
    elif place is None:
        try:
            net, *inputs = layer(what, shapes, rng)
        except ValueError as error:
            raise ValueError(f"{error}; and the models {', '.join(MODELS)}") from None
    else:
        net = taken(load(place[0]), *place)
        if not isinstance(net, Module):
            raise ValueError(f"{what} is a {type(net).__name__}; want a Module")
        inputs = inputs_of(net, shapes, rng)
    net = net.astype(np.dtype(dtype))
    cast = [
        x.astype(dtype) if getattr(x, "dtype", np.dtype(int)).kind == "f" else x for x in inputs
    ]
    found = summary(net, *cast)
    if as_json:
        rows = [row._asdict() for row in found.rows]
        print(json.dumps({"rows": rows, "parameters": found.parameters, "saved": found.saved}))
    else:
        print(found)
    return 0
