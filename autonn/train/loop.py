"""`fit`: the loop that one would write, with what one would add to it in the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any, Literal

import numpy as np

from autonn.arguments import Bound, Size, checked
from autonn.data import minibatches
from autonn.files import check_target
from autonn.formats import FileError
from autonn.graph import no_grad
from autonn.init import Rng
from autonn.nn import Module
from autonn.optim import Optimizer, Schedule
from autonn.train.checkpoint import resume, save_checkpoint
from autonn.train.epoch import one_epoch
from autonn.train.given import (
    Arrays,
    Loss,
    Metrics,
    Monitor,
    Options,
    check_parts,
    checked_data,
    checked_functions,
    inputs_of,
    loss_number,
    measured,
    read_monitor,
)
from autonn.train.history import History
from autonn.train.progress import Reporter, reporter
from autonn.train.state import Training, Weights


@checked
def fit(
    model: Module,
    loss: Loss,
    data: Arrays,
    *,
    optimizer: Optimizer,
    epochs: Size = 10,
    batch_size: Size = 32,
    rng: Rng = None,
    validation: Arrays | None = None,
    metrics: Metrics | None = None,
    schedule: Schedule | None = None,
    schedule_each: Literal["epoch", "step"] = "epoch",
    clip_norm: Bound | None = None,
    max_weight_norm: Bound | None = None,
    accumulate: Size = 1,
    drop_last: bool = False,
    monitor: str = "",
    mode: Literal["", "min", "max"] = "",
    patience: Size | None = None,
    keep_best: bool = True,
    callbacks: Sequence[Callable[[Training], Any]] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | Reporter | None = None,
) -> History:
    """Train a model; give how it went.

    What it does is, without all that can be added,

        for epoch in range(epochs):
            for x, target in minibatches(*data, size=batch_size, rng=rng):
                loss(model(x), target).backward()
                optimizer.step()
                optimizer.zero_grad()

    Parameters
    ----------
    model
        Called on all arrays of a batch but the last.
    loss
        Called on the prediction and the last array of the batch; gives one number, a mean over the
        examples.
    data
        Arrays of one length, the last of them the target. A single array is its own target.
    optimizer
        Of `autonn.optim`, over all of the model's parameters that are not frozen.
    epochs, batch_size
        How often to go through the data, and in pieces of how many examples.
    rng
        Shuffles the data: a Generator or a seed; None is the seed 0.
    validation
        Other data, on which the loss and the metrics are taken after each epoch, in evaluation
        mode: "val_loss", and so on.
    metrics
        Functions of prediction and target, by name, such as `{"accuracy": accuracy}`.
    schedule, schedule_each
        Of `autonn.optim`; moves on after each "epoch" or each "step". A schedule that watches a
        number gets the monitored one.
    clip_norm
        The largest norm of all gradients together; larger ones are scaled down.
    max_weight_norm
        The largest norm of the weights into each unit; larger ones are scaled down after each step
        (Srivastava et al. 2014, section 5.1).
    accumulate
        How many batches make one step.
    drop_last
        Whether to leave out the last batch if it is smaller, which BatchNorm may want.
    monitor, mode
        The number that tells which epoch was the best: by default the validation loss, or else the
        loss; and whether it should rise ("max") or fall ("min"), where its name does not tell, as
        "accuracy" and "error" do.
    patience
        After how many epochs without a better one to stop.
    keep_best
        Whether the model ends with the weights of the best epoch, if there is validation data.
    callbacks
        Called with a `Training` after each epoch.
    checkpoint
        A file to which everything is written after each epoch, and from which, if it is there, the
        training goes on: with the same numbers, bit for bit, as if it had never stopped. What the
        optimiser and the schedule remember, their rate among it, is then that of the file.
    progress
        None for bars on a terminal and lines elsewhere, False for silence, or a `Reporter`.

    Returns
    -------
    History
        Series by name; `history.plot()` draws them.

    Raises
    ------
    TypeError, ValueError
        For data that are empty or of several lengths, and options that are out of range.
    FloatingPointError
        When the loss, or a parameter, is NaN or infinite. It names the data or the operation that
        made it so; model and optimiser are as they were when the epoch began.
    FileError
        When a checkpoint cannot be read or written; an older file is as it was.

    Notes
    -----
    Ctrl-C ends the training, and not the program: the history says "interrupted", and the best
    weights are there. Any error that ends it, also one of your loss or a callback, has the epochs
    that were finished as its `history`, and the model keeps the weights that it has. However the
    training ends, the model is in evaluation mode then.

    Examples
    --------
    >>> from autonn import nn, optim
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(64, 3)).astype(np.float32)
    >>> y = x @ np.array([[1.0], [-2.0], [0.5]], np.float32)
    >>> net = nn.Linear(3, 1, rng=rng)
    >>> optimizer = optim.SGD(net, lr=0.1)
    >>> history = fit(net, nn.MSELoss(), (x, y), optimizer=optimizer, epochs=20, progress=False)
    >>> bool(history["loss"][-1] < 1e-3)
    True
    """
    options = Options(
        *checked_functions("fit", loss, metrics),
        batch_size,
        schedule_each,
        clip_norm,
        max_weight_norm,
        accumulate,
        drop_last,
    )
    check_parts(model, optimizer, schedule)
    arrays = checked_data(data, "data")
    held_out = None if validation is None else checked_data(validation, "validation")
    watched = read_monitor(monitor, mode, options.metrics, held_out is not None)
    if not isinstance(callbacks, list | tuple) or not all(map(callable, callbacks)):
        raise TypeError("fit: callbacks is no list of functions")
    training = Training(
        model, optimizer, schedule, np.random.default_rng(0 if rng is None else rng)
    )
    if checkpoint is not None and check_target(checkpoint).exists():
        resume(training, checkpoint)
    shown = reporter(progress)
    model.zero_grad()
    optimizer.zero_grad()

    def train() -> str:
        shown.begin(training.epoch, epochs, -(-len(arrays[0]) // batch_size))
        while not (why := _end(training, epochs, patience)):
            row = one_epoch(training, arrays, options, shown)
            if held_out is not None:
                found = evaluate(model, loss, held_out, metrics=metrics, batch_size=batch_size)
                row |= {f"val_{name}": x for name, x in found.items()}
            better = _finish_epoch(training, row, watched, keep_best and held_out is not None)
            rate = training.rate
            if schedule is not None and schedule_each == "epoch":
                schedule.step(row[watched.name])
            shown.epoch(training.epoch, row, rate, better)
            for callback in callbacks:
                callback(training)
            if checkpoint is not None:
                _write(training, checkpoint)
        return why

    try:
        why = copy_context().run(train)  # no mode, such as no_grad, outlives an interrupt
        return _conclude(training, shown, why, training.best)
    except KeyboardInterrupt:  # a second one, while this is done, goes through
        return _conclude(training, shown, "interrupted", training.best)
    except BaseException as error:
        history = _conclude(training, shown, type(error).__name__, {})
        error.history = history  # type: ignore[attr-defined]
        raise


def _write(training: Training, path: str | os.PathLike[str]) -> None:
    try:
        save_checkpoint(training, path)
    except FileError as error:
        told = f"fit ended after epoch {training.epoch}, whose weights the model has"
        raise FileError(f"{error}. {told}; the error has the history") from error


def _end(training: Training, epochs: int, patience: int | None) -> str:
    """Say why training ends here; "" if it does not."""
    if training.stop:
        return "stopped"
    if patience is not None and training.waited >= patience and training.epoch:
        return "no improvement"
    return "finished" if training.epoch >= epochs else ""


def _conclude(training: Training, shown: Reporter, why: str, weights: Weights) -> History:
    """Leave all as it should be found, and give the history; can be done twice."""
    training.optimizer.zero_grad()
    if weights:
        training.model.load_state_dict(weights)
    training.model.eval()
    training.history.stopped = why
    shown.end(why)
    return training.history


@checked
def evaluate(
    model: Module,
    loss: Loss,
    data: Arrays,
    *,
    metrics: Metrics | None = None,
    batch_size: Size = 256,
) -> dict[str, float]:
    """Give the loss and the metrics of a model on data, in evaluation mode, and record nothing.

    Each is the mean over batches, weighted by their lengths.

    Examples
    --------
    >>> from autonn import nn
    >>> from autonn.train import accuracy
    >>> x, labels = np.eye(2), np.array([0, 0])
    >>> evaluate(nn.Identity(), nn.CrossEntropyLoss(), (x, labels), metrics={"accuracy": accuracy})
    {'loss': 0.8132616875182228, 'accuracy': 0.5}
    """
    loss, functions = checked_functions("evaluate", loss, metrics)
    arrays = checked_data(data, "data", "evaluate")
    modes = [(module, module.training) for _, module in model.named_modules()]
    model.eval()
    sums: dict[str, float] = {}
    try:
        with no_grad():
            for batch in minibatches(*arrays, size=batch_size):
                prediction, target = model(*inputs_of(batch)), batch[-1]
                found = {"loss": loss_number(loss(prediction, target))}
                found |= measured("evaluate", functions, prediction, target)
                for name, x in found.items():
                    sums[name] = sums.get(name, 0.0) + x * len(target)
    finally:
        for module, mode in modes:
            module.training = mode
    return {name: x / len(arrays[0]) for name, x in sums.items()}


def _finish_epoch(training: Training, row: dict[str, float], watched: Monitor, keep: bool) -> bool:
    """Note the numbers of an epoch; tell whether it was the best."""
    history = training.history
    best = None if history.best is None else history._number(watched.name, history.best)
    better = watched.better(row[watched.name], best)
    history.add(row)
    training.epoch += 1
    training.waited = 0 if better else training.waited + 1
    if better:
        weights = training.model.state_dict() if keep else {}
        history.best, training.best = training.epoch - 1, weights  # at once, whatever interrupts
    return better
