"""One epoch: the steps, and what is done when a loss is not finite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from autonn.anomaly import detect_anomaly
from autonn.data import minibatches
from autonn.optim import clip_grad_norm, max_norm
from autonn.tensors import Tensor
from autonn.train.given import Batch, Options, inputs_of, loss_number, measured, not_finite
from autonn.train.progress import Reporter
from autonn.train.state import Training, Weights


class Good(NamedTuple):
    """What there was before an epoch."""

    weights: Weights
    optimizer: Weights


def one_epoch(
    training: Training, arrays: list[Any], options: Options, shown: Reporter
) -> dict[str, float]:
    """Go through the data once; give the mean of the losses and of the metrics."""
    model, optimizer = training.model, training.optimizer
    model.train()
    good = Good(model.state_dict(), optimizer.state_dict())
    sums: dict[str, float] = {}
    count = 0
    for group in _groups(training, arrays, options):
        size = sum(len(batch[-1]) for batch in group)
        losses = []
        for batch in group:
            target = batch[-1]
            with np.errstate(over="ignore", invalid="ignore"):  # which is looked for below
                prediction = _predicted(model, batch)
                value = options.loss(prediction, target)
            number = loss_number(value)
            if not isinstance(value, Tensor):
                told = f"the loss is a {type(value).__name__}; want a Tensor, from the prediction"
                raise TypeError(f"fit: {told}")
            if not np.isfinite(number):
                cause = _cause(training, options, batch, arrays)
                raise _failure(training, f"the loss is {number}", cause, good)
            share = len(target) / size
            (value if share == 1 else value * share).backward()
            losses.append(number * share)
            found = measured("fit", options.metrics, prediction, target)
            for name, x in {"loss": number, **found}.items():
                sums[name] = sums.get(name, 0.0) + x * len(target)
            count += len(target)
        loss = float(np.sum(losses))
        _step(training, options, loss)
        training.history.steps.append(loss)
        shown.step(loss, training.rate)
        optimizer.zero_grad()
    broken = _broken(training)
    if broken:
        raise _failure(training, "the training went astray", broken, good)
    return {name: x / count for name, x in sums.items()}


def _predicted(model: Any, batch: Batch) -> Any:
    try:
        return model(*inputs_of(batch))
    except ValueError as error:
        if len(batch[-1]) > 1:
            raise
        told = "This batch is the last, and has one example: choose another batch_size, or "
        raise ValueError(f"{error}. {told}drop_last=True") from None


def _groups(training: Training, arrays: list[Any], options: Options) -> Iterator[list[Batch]]:
    """Give the batches of each step."""
    group: list[Batch] = []
    for batch in minibatches(*arrays, size=options.batch_size, rng=training.rng):
        whole = len(arrays[0]) < options.batch_size
        if options.drop_last and len(batch[-1]) < options.batch_size and not whole:
            continue
        group.append(batch)
        if len(group) == options.accumulate:
            yield group
            group = []
    if group:
        yield group


def _step(training: Training, options: Options, loss: float) -> None:
    if options.clip_norm is not None:
        clip_grad_norm(training.model, options.clip_norm)
    training.optimizer.step()
    if options.max_weight_norm is not None:
        max_norm(training.model, options.max_weight_norm)
    if training.schedule is not None and options.schedule_each == "step":
        training.schedule.step(loss)


def _broken(training: Training) -> str:
    """Name the parameters that are not finite; "" if all are."""
    named = training.model.named_parameters()
    broken = [k for k, p in named if p.dtype.kind == "f" and not np.isfinite(p.numpy()).all()]
    cures = "a smaller rate, or clip_norm="
    return f"the last step left {', '.join(broken)} not finite: {cures}" if broken else ""


def _cause(training: Training, options: Options, batch: Batch, arrays: list[Any]) -> str:
    """Find why a loss is NaN or infinite: parameters, data, or an operation."""
    told = _broken(training) or next(not_finite(arrays), "")
    if told:
        return told
    try:
        with detect_anomaly():
            options.loss(training.model(*inputs_of(batch)), batch[-1])
    except FloatingPointError as error:
        return str(error)
    return "the same batch gives a finite loss now, so it was random"


def _failure(training: Training, what: str, cause: str, good: Good) -> FloatingPointError:
    """Give back the last good weights, and make the error that says why."""
    where = f"in epoch {training.epoch + 1}, at step {len(training.history.steps) + 1}"
    training.optimizer.zero_grad()
    training.model.load_state_dict(good.weights)
    training.optimizer.load_state_dict(good.optimizer)
    kept = "Model and optimizer are as they were when this epoch began"
    return FloatingPointError(f"fit: {what} {where}: {cause}. {kept}; the error has the history")
