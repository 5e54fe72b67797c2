"""Closed forms: each layer's forward and backward derived by hand, in NumPy alone.

Each is a class with the layer's name. `forward` takes the layer's inputs, its parameters by name
and its options, and gives y and a cache; `backward` takes the cotangent of y, in y's structure, and
the cache, and gives the gradients by name. Some have `terms`, a gradient in parts that add up.
"""

from autonn.oracle.activations import (
    ELU,
    GELU,
    SELU,
    HardSigmoid,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from autonn.oracle.dropout import Dropout, Dropout2d
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
from autonn.oracle.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HalfSquaredError,
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
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
    "ELU",
    "GELU",
    "SELU",
    "Add",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "GroupNorm",
    "HalfSquaredError",
    "HardSigmoid",
    "HingeLoss",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "KLDivLoss",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Multiply",
    "NLLLoss",
    "RMSNorm",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SparseEvolution",
    "Tanh",
]
