"""Optimisers, schedules of their learning rates, and bounds on gradients and weights."""

from autonn.optim.adam import Adam, AdamW
from autonn.optim.adaptive import Adagrad, RMSprop
from autonn.optim.base import Optimizer
from autonn.optim.clip import clip_grad_norm, clip_grad_norm_each, clip_grad_value, max_norm
from autonn.optim.curves import (
    ConstantLR,
    CosineLR,
    ExponentialLR,
    MultiStepLR,
    NoamLR,
    StepLR,
)
from autonn.optim.descent import SGD
from autonn.optim.plateau import ReduceLROnPlateau
from autonn.optim.schedule import Schedule

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "ConstantLR",
    "CosineLR",
    "ExponentialLR",
    "MultiStepLR",
    "NoamLR",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "Schedule",
    "StepLR",
    "clip_grad_norm",
    "clip_grad_norm_each",
    "clip_grad_value",
    "max_norm",
]
