"""Layers: each is its formula, composed of primitives."""

from autonn.nn.linear import Add, Flatten, Linear, Multiply
from autonn.nn.module import Identity, Module, Residual, Sequential

__all__ = [
    "Add",
    "Flatten",
    "Identity",
    "Linear",
    "Module",
    "Multiply",
    "Residual",
    "Sequential",
]
