"""Layers: each is its formula, composed of primitives.

A layer refuses arguments that are not what its annotations say: with a TypeError what is of another
type, with a ValueError what is out of range. Inputs that do not fit are a ValueError that names the
layer, the shape seen and the shape wanted.
"""

from autonn.nn.activations import (
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
from autonn.nn.attention import (
    ConcatAttention,
    DotProductAttention,
    GeneralAttention,
    MultiHeadAttention,
    TransformerEncoderLayer,
)
from autonn.nn.convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from autonn.nn.dropout import Dropout, Dropout2d
from autonn.nn.embedding import Embedding, PositionalEncoding
from autonn.nn.linear import Add, Flatten, Linear, Multiply
from autonn.nn.losses import (
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
from autonn.nn.module import Identity, Module, Residual, Sequential
from autonn.nn.norms import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    RMSNorm,
)
from autonn.nn.pooling import AvgPool1d, AvgPool2d, GlobalAvgPool, MaxPool1d, MaxPool2d
from autonn.nn.rbm import RBM
from autonn.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from autonn.nn.sparse import SparseEvolution

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
    "Module",
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
