"""`autonn train`: train a network on the digits, save it, go on with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from autonn import nn, optim
from autonn.data import load_digits
from autonn.files import check_target, load, save
from autonn.nn import SparseEvolution
from autonn.texts import printable
from autonn.train import Training, accuracy, evaluate, fit
from autonn.zoo import MODELS

VALIDATION = 180
OPTIMIZERS: dict[str, tuple[type[optim.Optimizer], float, dict[str, Any]]] = {
    "sgd": (optim.SGD, 0.05, {"momentum": 0.9, "nesterov": True}),
    "adam": (optim.Adam, 3e-3, {}),
    "adamw": (optim.AdamW, 3e-3, {"weight_decay": 0.01}),
    "rmsprop": (optim.RMSprop, 1e-3, {}),
    "adagrad": (optim.Adagrad, 0.05, {}),
}


def run(
    dataset: str = "digits",
    *,
    model: str = "mlp",
    norm: str = "batch",
    dropout: float = 0.0,
    optimizer: str = "adamw",
    rate: float | None = None,
    epochs: int = 20,
    batch_size: int = 32,
    patience: int | None = None,
    seed: int = 0,
    save_to: str | None = None,
    resume: str | None = None,
    weights: str | None = None,
    plot: str | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    """Train, say how well it reads the held-out images, write files; give the exit status.

    Parameters
    ----------
    dataset
        "digits".
    model, norm, dropout
        One of `autonn.zoo.MODELS`, its normalisation and dropout.
    optimizer, rate
        One of `OPTIMIZERS`, and its learning rate, which falls to 0 along a cosine.
    epochs, batch_size, patience, seed
        As in `fit`; the seed is that of weights, order and dropout.
    save_to
        A file for the weights, .npz or .safetensors.
    resume
        A checkpoint: written after each epoch; if it is there, training goes on from it.
    weights
        A file of weights to start with.
    plot
        A file for the learning curves.
    as_json
        Whether to print the history as data, and nothing else.
    quiet
        Whether to print nothing while training.
    """
    for path in filter(None, (save_to, resume)):
        check_target(path)
    if plot is not None and not Path(plot).parent.is_dir():
        raise ValueError(f"there is no folder {Path(plot).parent}")
    digits = load_digits()
    rng = np.random.default_rng(seed)
    net = MODELS[model](norm, dropout, rng)
    if weights is not None:
        state = load(weights)
        if "history/steps" in state:
            raise ValueError(f"{weights} is a checkpoint: go on with it by --resume {weights}")
        net.load_state_dict(state)
    kind, usual, options = OPTIMIZERS[optimizer]
    stepper = kind(net, lr=usual if rate is None else rate, **options)
    loss, metrics = nn.CrossEntropyLoss(), {"accuracy": accuracy}
    validation = (digits.x_train[:VALIDATION], digits.y_train[:VALIDATION])
    history = fit(
        net,
        loss,
        (digits.x_train[VALIDATION:], digits.y_train[VALIDATION:]),
        optimizer=stepper,
        epochs=epochs,
        batch_size=batch_size,
        rng=rng,
        validation=validation,
        metrics=metrics,
        schedule=optim.CosineLR(stepper, epochs),
        patience=patience,
        drop_last=(len(digits.x_train) - VALIDATION) % batch_size == 1,  # which no norm can take
        callbacks=[evolve(epochs)],
        checkpoint=resume,
        progress=False if quiet or as_json else None,
    )
    test = (digits.x_test, digits.y_test)
    found = evaluate(net, loss, test, metrics=metrics)
    interrupted = history.stopped == "interrupted"
    if not history.epochs:
        print("interrupted before the first epoch was finished: nothing is saved", file=sys.stderr)
        return 130
    if save_to is not None:
        save(net.state_dict(), save_to, {"model": model, "norm": norm})
    if plot is not None:
        history.plot().savefig(plot)
    if as_json:
        told = {name: series.tolist() for name, series in history.items()}
        print(json.dumps({"history": told, "stopped": history.stopped, "test": found}))
        return 130 if interrupted else 0
    count = sum(p.size for p in net.parameters())
    when = "" if history.best is None else f", at epoch {history.best + 1}"
    read = f"{found['accuracy']:.2%} of {len(test[1])} images that it had not seen"
    print(f"{model}: {count:,} parameters, {read}{when}")
    for path in filter(None, (save_to, resume, plot)):
        print(f"  {printable(path)}  {Path(path).stat().st_size / 1e3:,.0f} kB")
    return 130 if interrupted else 0


def evolve(epochs: int) -> Any:
    """Give what moves the connections of sparse layers after each epoch but the last."""

    def moved(training: Training) -> None:
        layers = [m for _, m in training.model.named_modules() if isinstance(m, SparseEvolution)]
        for layer in layers if training.epoch < epochs else []:
            layer.evolve()

    return moved
