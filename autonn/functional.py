"""Named compositions of primitives: what layers and losses are made of.

What comes as x, weight, target and the like may be a Tensor, an array, a number or a list of
numbers. Anything else is a TypeError; shapes that do not fit, and options that are not there, are a
ValueError (or an IndexError, for an axis), which names the function and the argument.
"""

from autonn.activations import (
    elu,
    gelu,
    hard_sigmoid,
    leaky_relu,
    log_softmax,
    logsumexp,
    selu,
    silu,
    softmax,
    softplus,
    tanh,
)
from autonn.attention import (
    attend,
    embedding,
    embedding_bag,
    scaled_dot_product_attention,
    sinusoidal_positions,
)
from autonn.convolution import conv, conv_transpose
from autonn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gradient_penalty,
    half_squared_error,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    reduced,
)
from autonn.pooling import avg_pool, max_pool
from autonn.rules import erf, relu, sigmoid

__all__ = [
    "attend",
    "avg_pool",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv",
    "conv_transpose",
    "cross_entropy",
    "elu",
    "embedding",
    "embedding_bag",
    "erf",
    "gelu",
    "gradient_penalty",
    "half_squared_error",
    "hard_sigmoid",
    "hinge_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "max_pool",
    "mse_loss",
    "nll_loss",
    "reduced",
    "relu",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "sinusoidal_positions",
    "softmax",
    "softplus",
    "tanh",
]
