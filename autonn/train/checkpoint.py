"""Checkpoints: everything that the next steps depend on, in one file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autonn.files import load_with_metadata, save
from autonn.formats import FileError
from autonn.nn import Module
from autonn.trace.serial import decode, encode
from autonn.train.history import History
from autonn.train.state import Training

StrPath = str | os.PathLike[str]
PARTS = ("model", "best", "optimizer", "schedule", "history")


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
    states: dict[str, Mapping[str, Any]] = {
        "model": training.model.state_dict(),
        "best": training.best,
        "optimizer": training.optimizer.state_dict(),
        "schedule": {} if training.schedule is None else training.schedule.state_dict(),
        "history": training.history.state_dict(),
    }
    arrays = {f"{part}/{k}": v for part, state in states.items() for k, v in state.items()}
    generators = {name: encode(g.bit_generator.state) for name, g in _generators(training)}
    counts = {"epoch": training.epoch, "waited": training.waited}
    metadata = {"autonn": json.dumps(counts), "generators": json.dumps(generators)}
    save(arrays, path, metadata)


def resume(training: Training, path: StrPath) -> None:
    """Set a training to what `save_checkpoint` wrote.

    Raises
    ------
    FileError
        For a file that is missing, not whole, or no checkpoint; and for the checkpoint of another
        model, optimiser or schedule, whose differences are named. The training is as it was then,
        unless the difference is in the optimiser or after.
    """
    arrays, metadata = load_with_metadata(path)
    try:
        counts, generators = json.loads(metadata["autonn"]), json.loads(metadata["generators"])
        states = {part: _part(arrays, part) for part in PARTS}
        history = History.from_state(states["history"])
        training.model.load_state_dict(states["model"])
        training.optimizer.load_state_dict(states["optimizer"])
        if training.schedule is not None:
            training.schedule.load_state_dict(states["schedule"])
        own = dict(_generators(training))
        if own.keys() != generators.keys():
            told = f"its generators are those of {sorted(generators)}, here of {sorted(own)}"
            raise ValueError(told)
        for name, generator in own.items():
            generator.bit_generator.state = decode(generators[name])
        training.epoch, training.waited = int(counts["epoch"]), int(counts["waited"])
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise FileError(f"resume: {os.fspath(path)!r} is no checkpoint ({error!r})") from None
    except ValueError as error:
        raise FileError(f"resume: {os.fspath(path)!r} does not fit: {error}") from None
    training.history, training.best = history, states["best"]


def _part(arrays: Mapping[str, Any], part: str) -> dict[str, Any]:
    return {k[len(part) + 1 :]: v for k, v in arrays.items() if k.startswith(f"{part}/")}


def _generators(training: Training) -> Iterator[tuple[str, np.random.Generator]]:
    """Give the data's generator, and each that a layer holds."""
    yield "data", training.rng
    for name, module in training.model.named_modules():
        yield from _held(f"model.{name}", module)


def _held(prefix: str, module: Module) -> Iterator[tuple[str, np.random.Generator]]:
    for key, value in vars(module).items():
        if isinstance(value, np.random.Generator):
            yield f"{prefix}.{key}", value
