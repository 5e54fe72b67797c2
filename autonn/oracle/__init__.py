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
from autonn.oracle.attention import (
    ConcatAttention,
    DotProductAttention,
    GeneralAttention,
    MultiHeadAttention,
    TransformerEncoderLayer,
)
from autonn.oracle.convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from autonn.oracle.dropout import Dropout, Dropout2d
from autonn.oracle.embedding import Embedding, PositionalEncoding
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
from autonn.oracle.pooling import AvgPool1d, AvgPool2d, GlobalAvgPool, MaxPool1d, MaxPool2d
from autonn.oracle.rbm import RBM
from autonn.oracle.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RBM",
    "RNN",
    "SELU",
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "ConcatAttention",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "DotProductAttention",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GeneralAttention",
    "GlobalAvgPool",
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
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MultiHeadAttention",
    "Multiply",
    "NLLLoss",
    "PositionalEncoding",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SparseEvolution",
    "Tanh",
    "TransformerEncoderLayer",
]
