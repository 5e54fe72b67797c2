"""Write layers.npz: what PyTorch computes for each layer of layer_cases.py. Needs torch==2.13.0."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import layer_cases
from layer_cases import LAYERS, LOSSES, PYTORCH_NAMES, LayerCase

GOLDENS = Path(__file__).with_name("layers.npz")


def run(case: LayerCase, layer: Any, xs: list[Any]) -> Any:
    """Compute the output; several outputs one after the other, flat."""
    y = eval(case.torch_call, vars(layer_cases) | {"torch": torch, "layer": layer, "xs": xs})
    parts = leaves(y)
    return parts[0] if len(parts) == 1 else torch.cat([part.reshape(-1) for part in parts])


def leaves(y: Any) -> list[Any]:
    """Give the tensors of a nest."""
    return [y] if torch.is_tensor(y) else [leaf for part in y for leaf in leaves(part)]


def main() -> None:
    """Run each layer on the table's inputs, in float64."""
    found: dict[str, np.ndarray] = {}
    for name, case in LAYERS.items():
        if case.torch is None:
            continue
        layer = case.layer()
        theirs = eval(f"torch.nn.{case.torch}").double().train(case.training)
        names = {
            n: ".".join([*n.split(".")[:-1], PYTORCH_NAMES.get(n.split(".")[-1], n.split(".")[-1])])
            for n, _ in layer.named_parameters()
        }
        own = dict(theirs.named_parameters())
        for n, p in layer.named_parameters():
            own[names[n]].data = torch.tensor(np.array(p.data))
        xs = [torch.tensor(a, requires_grad=True) for a in case.inputs()]
        y = run(case, theirs, [x.movedim(-1, 1) for x in xs] if case.channels_last else xs)
        y = y.movedim(1, -1) if case.channels_last and y.ndim > 2 else y
        u = torch.tensor(np.random.default_rng(2).normal(size=y.shape))
        y.backward(u)
        found[f"{name}/y"] = y.detach().numpy()
        for i, x in enumerate(xs):
            found[f"{name}/x{i}"] = x.grad.numpy()
        for n in names:
            found[f"{name}/{n}"] = own[names[n]].grad.numpy()
        for n, buffer in theirs.named_buffers():
            if n.startswith("running"):
                found[f"{name}/{n}"] = buffer.numpy()
    for name, case in LOSSES.items():
        if case.torch is None:
            continue
        options = {
            k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in case.options.items()
        }
        x = torch.tensor(case.x, requires_grad=True)
        y = getattr(torch.nn, case.torch)(**options)(x, torch.tensor(case.target))
        y.backward(torch.ones_like(y))
        found[f"loss {name}/y"] = y.detach().numpy()
        found[f"loss {name}/x"] = x.grad.numpy()
    np.savez_compressed(GOLDENS, **found)
    print(
        f"{len(found)} arrays of {len(LAYERS)} layers, torch {torch.__version__}, {GOLDENS.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
