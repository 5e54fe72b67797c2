"""Names of parameters, here and in PyTorch: they differ in the norms alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autonn.arguments import checked
from autonn.arrays import arrays_in
from autonn.nn.module import Module
from autonn.nn.norms import BatchNorm1d, Norm

Array = np.ndarray[Any, Any]

TORCH = {"gamma": "weight", "beta": "bias"}
OURS = {theirs: name for name, theirs in TORCH.items()}
COUNTER = "num_batches_tracked"


@checked
def from_torch(state: Mapping[str, Any], model: Module) -> dict[str, Array]:
    """Give a PyTorch state by the names that `model` has: weight and bias of a norm: gamma, beta.

    All other names and every layout are the same. PyTorch's count of the batches that a BatchNorm
    saw is left out.

    Parameters
    ----------
    state
        PyTorch's `state_dict()`, or the arrays of a .safetensors file that was made of it.
    model
        The module that will load it; its submodules have the names of PyTorch's.

    Returns
    -------
    dict
        For `model.load_state_dict`.

    Notes
    -----
    PyTorch's running variance follows the unbiased one, n / (n - 1) times as large as the one that
    autonn follows. In evaluation both compute the same from what is stored; a BatchNorm that trains
    on moves towards the biased variance.

    Examples
    --------
    >>> from autonn import nn
    >>> net = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    >>> state = {"0.weight": np.eye(2, 3), "0.bias": np.ones(2)}
    >>> state |= {"1.weight": np.ones(2), "1.bias": np.zeros(2)}
    >>> sorted(from_torch(state, net))
    ['0.bias', '0.weight', '1.beta', '1.gamma']
    >>> net.load_state_dict(from_torch(state, net))
    """
    norms = _norms(model)
    ours: dict[str, Array] = {}
    for name, value in arrays_in(state, "from_torch").items():
        place, _, last = name.rpartition(".")
        norm = norms.get(place)
        if isinstance(norm, BatchNorm1d) and last == COUNTER:
            continue
        ours[_at(place, OURS.get(last, last)) if norm else name] = value
    return ours


@checked
def to_torch(state: Mapping[str, Any], model: Module) -> dict[str, Array]:
    """Give a state of `model` by PyTorch's names: the inverse of `from_torch`.

    Parameters
    ----------
    state
        `model.state_dict()`.
    model
        The module that it is of.

    Returns
    -------
    dict
        To be saved as .safetensors, which PyTorch loads; BatchNorms count 0 batches.

    Examples
    --------
    >>> from autonn import nn
    >>> net = nn.BatchNorm1d(2)
    >>> sorted(to_torch(net.state_dict(), net))
    ['bias', 'num_batches_tracked', 'running_mean', 'running_var', 'weight']
    """
    norms = _norms(model)
    theirs: dict[str, Array] = {}
    for name, value in arrays_in(state, "to_torch").items():
        place, _, last = name.rpartition(".")
        norm = norms.get(place)
        theirs[_at(place, TORCH.get(last, last)) if norm else name] = value
        if isinstance(norm, BatchNorm1d) and last == "running_var":
            theirs[_at(place, COUNTER)] = np.array(0, np.int64)
    return theirs


def _norms(model: Module) -> dict[str, Norm]:
    return {name: m for name, m in model.named_modules(once=False) if isinstance(m, Norm)}


def _at(place: str, name: str) -> str:
    return f"{place}.{name}".lstrip(".")
