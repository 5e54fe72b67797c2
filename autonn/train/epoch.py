"""One epoch: the steps, and what is done when a loss is not finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autonn.anomaly import detect_anomaly
from autonn.data import minibatches
from autonn.optim import clip_grad_norm, max_norm
from autonn.tensors import bare
from autonn.train.progress import Reporter
from autonn.train.state import Training, Weights

Loss = Callable[[Any, Any], Any]
Metrics = Mapping[str, Callable[[Any, Any], float]]
Arrays = Sequence[Any]
Batch = tuple[Any, ...]


class Options(NamedTuple):
    """What `fit` was told of its steps."""

    loss: Loss
    metrics: Metrics
    batch_size: int
    schedule_each: str
    clip_norm: float | None
    max_weight_norm: float | None
    accumulate: int

    def check(self) -> None:
        """Refuse what is out of range."""
        for name in ("batch_size", "accumulate"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"fit: {name}={value!r}; want a whole number, 1 or more")
        for name in ("clip_norm", "max_weight_norm"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"fit: {name}={value!r}; want a positive number")
        if self.schedule_each not in ("epoch", "step"):
            told = f"schedule_each={self.schedule_each!r}; want 'epoch' or 'step'"
            raise ValueError(f"fit: {told}")


def checked_data(data: Arrays, name: str) -> list[Any]:
    """Give the arrays; refuse none, empty ones, and several lengths."""
    if isinstance(data, np.ndarray):
        data = (data,)
    arrays = [np.asarray(bare(x)) for x in data]
    lengths = [len(x) if x.ndim else 0 for x in arrays]
    if not arrays or not all(lengths):
        raise ValueError(f"fit: {name} is empty: its arrays have the lengths {lengths}")
    if len(set(lengths)) > 1:
        raise ValueError(f"fit: the arrays of {name} have the lengths {lengths}; want one length")
    return arrays


def inputs_of(batch: Batch) -> Batch:
    """Give what the model is called on: all but the target, or the only array."""
    return batch[:-1] if len(batch) > 1 else batch


def one_epoch(
    training: Training, arrays: list[Any], options: Options, shown: Reporter
) -> dict[str, float]:
    """Go through the data once; give the mean of the losses and of the metrics."""
    model, optimizer = training.model, training.optimizer
    model.train()
    good = model.state_dict()
    sums: dict[str, float] = {}
    count = 0
    for group in _groups(training, arrays, options):
        size = sum(len(batch[-1]) for batch in group)
        losses = []
        for batch in group:
            target = batch[-1]
            with np.errstate(over="ignore", invalid="ignore"):  # which is looked for below
                prediction = model(*inputs_of(batch))
                value = options.loss(prediction, target)
            number = float(bare(value))
            if not np.isfinite(number):
                _not_finite(training, options.loss, batch, number, good)
            share = len(target) / size
            (value if share == 1 else value * share).backward()
            losses.append(number * share)
            found = {name: f(prediction, target) for name, f in options.metrics.items()}
            for name, x in {"loss": number, **found}.items():
                sums[name] = sums.get(name, 0.0) + float(x) * len(target)
            count += len(target)
        _step(training, options)
        loss = float(np.sum(losses))
        training.history.steps.append(loss)
        shown.step(loss, training.rate)
        optimizer.zero_grad()
    return {name: x / count for name, x in sums.items()}


def _groups(training: Training, arrays: list[Any], options: Options) -> Iterator[list[Batch]]:
    """Give the batches of each step."""
    group: list[Batch] = []
    for batch in minibatches(*arrays, size=options.batch_size, rng=training.rng):
        group.append(batch)
        if len(group) == options.accumulate:
            yield group
            group = []
    if group:
        yield group


def _step(training: Training, options: Options) -> None:
    if options.clip_norm is not None:
        clip_grad_norm(training.model, options.clip_norm)
    training.optimizer.step()
    if options.max_weight_norm is not None:
        max_norm(training.model, options.max_weight_norm)
    if training.schedule is not None and options.schedule_each == "step":
        training.schedule.step()


def _not_finite(training: Training, loss: Loss, batch: Batch, number: float, good: Weights) -> None:
    """Find the operation that made a loss NaN or infinite; give the last good weights back."""
    model = training.model
    done = len(training.history.steps)
    where = f"in epoch {training.epoch + 1}, at step {done + 1}"
    kept = "The model has the weights with which this epoch began."
    broken = [k for k, p in model.named_parameters() if not np.isfinite(p.numpy()).all()]
    if broken:
        cause = f"the last step left {', '.join(broken)} not finite: a smaller rate, or clip_norm="
    else:
        try:
            with detect_anomaly():
                loss(model(*inputs_of(batch)), batch[-1])
            cause = "the same batch gives a finite loss now: it was random"
        except FloatingPointError as error:
            cause = str(error)
    training.optimizer.zero_grad()
    model.load_state_dict(good)
    raise FloatingPointError(f"fit: the loss is {number} {where}: {cause}. {kept}")
