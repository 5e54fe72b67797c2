"""Tables: optimisers with their options, schedules, and the small problem that they are run on."""

from __future__ import annotations

from typing import Any

import numpy as np

STEPS = 50
_rng = np.random.default_rng(6)
X, Y = _rng.normal(size=(6, 3)), _rng.uniform(-0.9, 0.9, size=(6, 2))
START = {"weight": _rng.normal(size=(2, 3)), "bias": _rng.normal(size=2)}
# It falls, stays, falls below 0, and rises.
METRICS = np.concatenate(
    [
        np.linspace(1, 0.3, 10),
        np.full(15, 0.3),
        np.linspace(0.2, -0.6, 10),
        np.linspace(-0.2, 3, 15),
    ]
)
METRICS = np.round(METRICS + 0.08 * _rng.random(STEPS), 3)


def gradients(weight: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    """Give those of |tanh(X Wᵀ + b) - Y|² / 2."""
    y = np.tanh(X @ weight.T + bias)
    g = (y - Y) * (1 - y**2)
    return {"weight": g.T @ X, "bias": g.sum(0)}


# fmt: off
# The optimiser, its options, and those of the group of the bias, if it has one.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any] | None]] = {
    "SGD": ("SGD", {"lr": 0.1}, None),
    "SGD as it comes": ("SGD", {}, None),
    "SGD decay": ("SGD", {"lr": 0.1, "weight_decay": 0.05}, None),
    "SGD momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}, None),
    "SGD momentum, decay": ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}, None),
    "SGD dampening": ("SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.3}, None),
    "SGD Nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}, None),
    "SGD Nesterov, decay": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, None),
    "SGD groups": ("SGD", {"lr": 0.05, "momentum": 0.9}, {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.2}),
    "Adam": ("Adam", {"lr": 0.05}, None),
    "Adam as it comes": ("Adam", {}, None),
    "Adam betas, eps": ("Adam", {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3}, None),
    "Adam decay": ("Adam", {"lr": 0.05, "weight_decay": 0.1}, None),
    "Adam without memory": ("Adam", {"lr": 0.05, "betas": (0.0, 0.0), "eps": 0.1}, None),
    "Adam groups": ("Adam", {"lr": 0.05}, {"lr": 0.01, "betas": (0.8, 0.99)}),
    "AdamW": ("AdamW", {"lr": 0.05}, None),
    "AdamW as it comes": ("AdamW", {}, None),
    "AdamW decay": ("AdamW", {"lr": 0.05, "weight_decay": 0.3}, None),
    "AdamW groups": ("AdamW", {"lr": 0.05}, {"weight_decay": 0.5}),
    "RMSprop": ("RMSprop", {"lr": 0.02}, None),
    "RMSprop as it comes": ("RMSprop", {}, None),
    "RMSprop alpha, eps": ("RMSprop", {"lr": 0.02, "alpha": 0.8, "eps": 1e-2}, None),
    "RMSprop centred": ("RMSprop", {"lr": 0.02, "centered": True}, None),
    "RMSprop momentum": ("RMSprop", {"lr": 0.005, "momentum": 0.8}, None),
    "RMSprop all": ("RMSprop", {"lr": 0.005, "momentum": 0.8, "centered": True, "weight_decay": 0.1}, None),
    "Adagrad": ("Adagrad", {"lr": 0.2}, None),
    "Adagrad as it comes": ("Adagrad", {}, None),
    "Adagrad lr_decay": ("Adagrad", {"lr": 0.5, "lr_decay": 0.1, "eps": 1e-3}, None),
    "Adagrad accumulator, decay": ("Adagrad", {"lr": 0.5, "initial_accumulator_value": 0.3, "weight_decay": 0.1}, None),
}
# A schedule of ours, and PyTorch's; "metric" ones are given METRICS.
SCHEDULES: dict[str, tuple[str, dict[str, Any], str]] = {
    "constant": ("ConstantLR", {}, "ConstantLR(o, factor=1.0)"),
    "step": ("StepLR", {"step_size": 7, "gamma": 0.5}, "StepLR(o, 7, 0.5)"),
    "step as it comes": ("StepLR", {"step_size": 20}, "StepLR(o, 20)"),
    "milestones": ("MultiStepLR", {"milestones": [30, 5, 6]}, "MultiStepLR(o, [5, 6, 30])"),
    "exponential": ("ExponentialLR", {"gamma": 0.9}, "ExponentialLR(o, 0.9)"),
    "exponential in stages": ("ExponentialLR", {"gamma": 0.5, "stage_length": 10}, "ExponentialLR(o, 0.5 ** 0.1)"),
    "exponential staircase": ("ExponentialLR", {"gamma": 0.5, "stage_length": 10, "staircase": True}, "StepLR(o, 10, 0.5)"),
    "cosine": ("CosineLR", {"steps": 50}, "CosineAnnealingLR(o, 50)"),
    "cosine, min_lr": ("CosineLR", {"steps": 60, "min_lr": 0.02}, "CosineAnnealingLR(o, 60, 0.02)"),
    "cosine, warm-up": ("CosineLR", {"steps": 50, "warmup": 9}, "SequentialLR(o, [LinearLR(o, 0.1, 1.0, 9), CosineAnnealingLR(o, 41)], [9])"),
    "Noam": ("NoamLR", {"d_model": 64, "warmup": 8}, "LambdaLR(o, lambda t: 64**-0.5 * min((t + 1)**-0.5, (t + 1) * 8**-1.5))"),
    "metric": ("ReduceLROnPlateau", {"patience": 2}, "ReduceLROnPlateau(o, patience=2)"),
    "metric as it comes": ("ReduceLROnPlateau", {}, "ReduceLROnPlateau(o)"),
    "metric max": ("ReduceLROnPlateau", {"mode": "max", "factor": 0.5, "patience": 4}, "ReduceLROnPlateau(o, 'max', 0.5, 4)"),
    "metric threshold": ("ReduceLROnPlateau", {"factor": 0.7, "patience": 1, "threshold": 0.2}, "ReduceLROnPlateau(o, 'min', 0.7, 1, 0.2)"),
    "metric max threshold": ("ReduceLROnPlateau", {"mode": "max", "factor": 0.7, "patience": 1, "threshold": 0.2}, "ReduceLROnPlateau(o, 'max', 0.7, 1, 0.2)"),
    "metric abs": ("ReduceLROnPlateau", {"factor": 0.7, "patience": 1, "threshold": 0.05, "threshold_mode": "abs"}, "ReduceLROnPlateau(o, 'min', 0.7, 1, 0.05, 'abs')"),
    "metric max abs": ("ReduceLROnPlateau", {"mode": "max", "factor": 0.7, "patience": 1, "threshold": 0.05, "threshold_mode": "abs"}, "ReduceLROnPlateau(o, 'max', 0.7, 1, 0.05, 'abs')"),
    "metric cooldown": ("ReduceLROnPlateau", {"factor": 0.5, "patience": 1, "cooldown": 3}, "ReduceLROnPlateau(o, 'min', 0.5, 1, cooldown=3)"),
    "metric min_lr": ("ReduceLROnPlateau", {"factor": 0.5, "patience": 0, "min_lr": 0.01}, "ReduceLROnPlateau(o, 'min', 0.5, 0, min_lr=0.01)"),
    "metric eps": ("ReduceLROnPlateau", {"factor": 0.5, "patience": 0, "eps": 0.01}, "ReduceLROnPlateau(o, 'min', 0.5, 0, eps=0.01)"),
}
# fmt: on


def groups(parameters: dict[str, Any], other: dict[str, Any] | None) -> Any:
    """Give what either library's optimiser takes: Tensors, or a group for each."""
    if other is None:
        return list(parameters.values())
    return [{"params": [parameters["weight"]]}, {"params": [parameters["bias"]], **other}]
