"""What `fit` is given: read once, and refused before the first step where it does not fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autonn.arguments import shown
from autonn.arrays import one_number, read
from autonn.nn import Module
from autonn.operands import bare
from autonn.optim import Optimizer, Schedule
from autonn.tensors import Tensor

Loss = Callable[[Any, Any], Any]
Metrics = Mapping[str, Callable[[Any, Any], float]]
Arrays = Sequence[Any]
Batch = tuple[Any, ...]
RISING = ("accuracy", "acc", "auc", "f1", "r2", "precision", "recall", "score", "iou", "bleu")
FALLING = ("loss", "error", "mae", "mse", "rmse", "perplexity", "distance", "bits")


class Options(NamedTuple):
    """What `fit` was told of its steps."""

    loss: Loss
    metrics: Metrics
    batch_size: int
    schedule_each: str
    clip_norm: float | None
    max_weight_norm: float | None
    accumulate: int
    drop_last: bool


def checked_functions(owner: str, loss: Any, metrics: Any) -> tuple[Loss, Metrics]:
    """Give the loss and the metrics; refuse what cannot be called, and names that are taken."""
    if isinstance(loss, type):
        name = loss.__name__
        raise TypeError(f"{owner}: loss is the class {name}; want an instance: {name}()")
    if not callable(loss):
        raise TypeError(f"{owner}: loss is a {type(loss).__name__}; want a function")
    _expect_two(owner, "loss", loss)
    found = {} if metrics is None else metrics
    if not isinstance(found, Mapping) or not all(map(callable, found.values())):
        told = 'want functions by name, as in {"accuracy": accuracy}'
        raise TypeError(f"{owner}: metrics is a {type(found).__name__}; {told}")
    for name, metric in found.items():
        _expect_two(owner, f"the metric {name!r}", metric)
        if not isinstance(name, str):
            raise TypeError(f"{owner}: a metric is called {name!r:.40}; want a string")
        if name == "loss" or name.startswith("val_"):
            told = "call it something else: the loss is called so"
            raise ValueError(f"{owner}: a metric is called {name!r}; {told}")
    return loss, dict(found)


def _expect_two(owner: str, what: str, function: Callable[..., Any]) -> None:
    try:
        inspect.signature(function).bind("prediction", "target")
    except TypeError as error:
        told = f"{what} takes {inspect.signature(function)}; want (prediction, target)"
        raise TypeError(f"{owner}: {told}: {error}") from None
    except ValueError:  # what is written in C may not tell
        pass


def check_parts(model: Module, optimizer: Optimizer, schedule: Schedule | None) -> None:
    """Refuse a model, an optimiser and a schedule that do not belong together."""
    if schedule is not None and schedule.optimizer is not optimizer:
        raise ValueError("fit: the schedule is that of another optimizer")
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    missing = [k for k, p in model.named_parameters() if p.requires_grad and id(p) not in held]
    if missing:
        raise ValueError(
            f"fit: the optimizer does not have {', '.join(missing[:4])}"
            f"{', …' if len(missing) > 4 else ''}: give it the whole model, or freeze what is to "
            "stay, as in model[0].freeze()"
        )


def checked_data(data: Arrays, name: str, who: str = "fit") -> list[Any]:
    """Give the arrays; refuse none, empty ones, and several lengths."""
    if isinstance(data, np.ndarray | Tensor):
        data = (data,)
    if not isinstance(data, list | tuple):
        told = "want a tuple of arrays, the last of them the target"
        raise TypeError(f"{who}: {name} is a {type(data).__name__}; {told}")
    arrays = [read(x) for x in data]
    for i, (x, given) in enumerate(zip(arrays, data, strict=True)):
        if not x.ndim:
            told = f"array {i} of {name} is {shown(given)}; want an array of examples"
            raise TypeError(f"{who}: {told}")
    lengths = list(map(len, arrays))
    if not arrays or not all(lengths):
        raise ValueError(f"{who}: {name} is empty: its arrays have the lengths {lengths}")
    if len(set(lengths)) > 1:
        told = f"the arrays of {name} have the lengths {lengths}; want one length"
        raise ValueError(f"{who}: {told}")
    return arrays


def inputs_of(batch: Batch) -> Batch:
    """Give what the model is called on: all but the target, or the only array."""
    return batch[:-1] if len(batch) > 1 else batch


def loss_number(value: Any) -> float:
    """Give a loss as a number; refuse what is none."""
    if isinstance(value, Tensor | np.ndarray | np.generic) and np.size(bare(value)) == 1:
        return float(np.asarray(bare(value)).item())
    seen = f"of shape {value.shape}" if hasattr(value, "shape") else f"a {type(value).__name__}"
    raise ValueError(f"fit: the loss is {seen}; want a Tensor of one number, such as its mean()")


def measured(owner: str, metrics: Metrics, prediction: Any, target: Any) -> dict[str, float]:
    """Give the metrics of a batch; refuse those that give no number."""
    return {k: one_number(owner, k, f(prediction, target)) for k, f in metrics.items()}


def not_finite(arrays: Arrays) -> Iterator[str]:
    """Name the first NaN or infinity in each array."""
    for i, x in enumerate(arrays):
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            index = tuple(int(j) for j in np.argwhere(~np.isfinite(x))[0])
            name = "the target" if i == len(arrays) - 1 > 0 else f"array {i} of the data"
            yield f"{name} is {x[index]} at {list(index)}"


class Monitor(NamedTuple):
    """The number that tells which epoch was the best, and whether larger is better."""

    name: str
    rises: bool

    def better(self, value: float, best: float | None) -> bool:
        """Tell whether a value is better than the best so far; NaN never is."""
        if not np.isfinite(value):
            return False
        if best is None or not np.isfinite(best):
            return True
        return value > best if self.rises else value < best


def read_monitor(name: str, mode: str, metrics: Metrics, validated: bool) -> Monitor:
    """Give what to monitor; refuse what will not be there, or whose direction nobody knows."""
    known = ["loss", *metrics]
    known += [f"val_{k}" for k in known] if validated else []
    name = name or ("val_loss" if validated else "loss")
    if name not in known:
        raise ValueError(f"fit: monitor={name!r}; want one of {', '.join(known)}")
    word = name.removeprefix("val_").rpartition("_")[2]
    if not mode and word not in (*RISING, *FALLING):
        raise ValueError(f"fit: is a larger {name!r} better? Say mode='max', or mode='min'")
    return Monitor(name, mode == "max" or (not mode and word in RISING))
