"""Checkpoints: everything that the next steps depend on, in one file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autonn.arguments import checked
from autonn.files import load_with_metadata, save
from autonn.formats import Contents, FileError
from autonn.nn import Module
from autonn.trace.serial import decode, encode
from autonn.train.history import History
from autonn.train.state import Training

StrPath = str | os.PathLike[str]
PARTS = ("model", "best", "optimizer", "schedule", "history")


@checked
def save_checkpoint(training: Training, path: StrPath) -> None:
    """Write a training to a file, .npz or .safetensors, from which it can go on, bit for bit.

    That is: parameters and running statistics, the best ones, what the optimiser and the schedule
    remember, the history, and the state of each random generator: the data's, and those of layers
    such as Dropout.

    Raises
    ------
    FileError
        When the file cannot be written; an old one is as it was.
    """
    arrays, metadata = _contents(training)
    save(arrays, path, metadata)


@checked
def resume(training: Training, path: StrPath) -> None:
    """Set a training to what `save_checkpoint` wrote.

    Raises
    ------
    FileError
        For a file that is missing, not whole, or no checkpoint; and for the checkpoint of another
        model, optimiser or schedule, whose differences are named. The training is as it was then.
    """
    arrays, metadata = load_with_metadata(path)
    before = _contents(training)
    try:
        _take(training, arrays, metadata)
    except BaseException as error:
        _take(training, *before)
        name = os.fspath(path)
        if type(error) is ValueError:
            raise FileError(f"resume: {name!r} does not fit: {error}") from None
        if isinstance(error, Exception):
            raise FileError(f"resume: {name!r} is no checkpoint ({error!r})") from None
        raise


def _contents(training: Training) -> Contents:
    """Give what a checkpoint holds."""
    states: dict[str, Mapping[str, Any]] = {
        "model": training.model.state_dict(),
        "best": training.best,
        "optimizer": training.optimizer.state_dict(),
        "schedule": {} if training.schedule is None else training.schedule.state_dict(),
        "history": training.history.state_dict(),
    }
    arrays = {f"{part}/{k}": v for part, state in states.items() for k, v in state.items()}
    generators = {name: encode(g.bit_generator.state) for name, g in _generators(training)}
    told = {
        "epoch": training.epoch,
        "waited": training.waited,
        "stop": training.stop,
        "schedule": _kind(training.schedule),
    }
    return arrays, {"autonn": json.dumps(told), "generators": json.dumps(generators)}


def _take(training: Training, arrays: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    told, generators = json.loads(metadata["autonn"]), json.loads(metadata["generators"])
    states = {part: _part(arrays, part) for part in PARTS}
    history = History.from_state(states["history"])
    epoch, waited = int(told["epoch"]), int(told["waited"])
    if epoch != history.epochs or not 0 <= waited <= epoch:
        raise ValueError(f"epoch {epoch}, {waited} waited, but a history of {history.epochs}")
    training.model.load_state_dict(states["best"] or states["model"])  # which refuses other names
    training.model.load_state_dict(states["model"])
    training.optimizer.load_state_dict(states["optimizer"])
    if told["schedule"] != _kind(training.schedule):
        had, has = told["schedule"] or "none", _kind(training.schedule) or "none"
        raise ValueError(f"its schedule is {had}, here {has}")
    if training.schedule is not None:
        training.schedule.load_state_dict(states["schedule"])
    own = dict(_generators(training))
    if own.keys() != generators.keys():
        raise ValueError(f"its generators are those of {sorted(generators)}, here of {sorted(own)}")
    for name, generator in own.items():
        generator.bit_generator.state = decode(generators[name])
    training.epoch, training.waited, training.stop = epoch, waited, bool(told["stop"])
    training.history, training.best = history, states["best"]


def _kind(schedule: Any) -> str:
    return "" if schedule is None else type(schedule).__name__


def _part(arrays: Mapping[str, Any], part: str) -> dict[str, Any]:
    return {k[len(part) + 1 :]: v for k, v in arrays.items() if k.startswith(f"{part}/")}


def _generators(training: Training) -> Iterator[tuple[str, np.random.Generator]]:
    """Give the data's generator, and each that a layer holds."""
    yield "data", training.rng
    for name, module in training.model.named_modules():
        yield from _held(f"model.{name}", module)


def _held(prefix: str, module: Module) -> Iterator[tuple[str, np.random.Generator]]:
    stack: list[tuple[str, Any]] = [
        (f"{prefix}.{key}", value) for key, value in vars(module).items()
    ]
    while stack:
        name, value = stack.pop()
        if isinstance(value, np.random.Generator):
            yield name, value
        elif isinstance(value, list | tuple) and len(value) < 1000:
            stack += [(f"{name}.{i}", item) for i, item in enumerate(value)]
        elif isinstance(value, dict):
            stack += [(f"{name}.{key}", item) for key, item in value.items()]
