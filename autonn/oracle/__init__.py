"""Closed forms: each layer's forward and backward derived by hand, in NumPy alone.

Each is a class with the layer's name. `forward` takes the layer's inputs, its parameters by name
and its options, and gives y and a cache; `backward` takes the cotangent of y, in y's structure, and
the cache, and gives the gradients by name. Some have `terms`, a gradient in parts that add up.
"""

from autonn.oracle.linear import (
    Add,
    Flatten,
    Identity,
    Linear,
    Multiply,
    Residual,
    Sequential,
    SparseEvolution,
)
from autonn.oracle.norms import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    RMSNorm,
)

__all__ = [
    "Add",
    "BatchNorm1d",
    "BatchNorm2d",
    "Flatten",
    "GroupNorm",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "Linear",
    "Multiply",
    "RMSNorm",
    "Residual",
    "Sequential",
    "SparseEvolution",
]
