"""Training: what fit does, how it ends, and that a resumed training is the same."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from autonn import functional as F
from autonn import nn, optim
from autonn.data import load_digits, minibatches
from autonn.files import FileError, load_with_metadata, save
from autonn.train import (
    History,
    Solver,
    Training,
    accuracy,
    evaluate,
    fit,
    mean_absolute_error,
    resume,
    save_checkpoint,
)
from autonn.train.bars import Bars
from autonn.train.given import read_monitor
from autonn.train.progress import Lines, Silent, reporter

DIGITS = load_digits()
X, Y = DIGITS.x_train[:256], DIGITS.y_train[:256]
HELD_OUT = (DIGITS.x_test, DIGITS.y_test)
LOSS = nn.CrossEntropyLoss()


def network(seed: int = 0) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Linear(64, 16, rng=rng),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),
        nn.Linear(16, 10, rng=rng),
    )


def run(net: nn.Module, **options: Any) -> History:
    options.setdefault("optimizer", optim.Adam(net, lr=1e-2))
    options = {"epochs": 3, "progress": False} | options
    return fit(net, LOSS, options.pop("data", (X, Y)), **options)


def same(a: nn.Module, b: nn.Module) -> bool:
    s, t = a.state_dict(), b.state_dict()
    return s.keys() == t.keys() and all(np.array_equal(s[k], t[k]) for k in s)


def test_fit_is_the_loop_that_one_would_write():
    ours, by_hand = network(), network()
    run(ours, optimizer=optim.SGD(ours, lr=0.1, momentum=0.9), rng=7)
    optimizer, rng = optim.SGD(by_hand, lr=0.1, momentum=0.9), np.random.default_rng(7)
    for _ in range(3):
        for x, target in minibatches(X, Y, size=32, rng=rng):
            LOSS(by_hand(x), target).backward()
            optimizer.step()
            optimizer.zero_grad()
    assert same(ours, by_hand)


def test_history_has_what_was_measured():
    net = network()
    history = run(net, epochs=5, validation=HELD_OUT, metrics={"accuracy": accuracy})
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history.epochs == 5
    assert len(history.steps) == 5 * 8
    assert history["loss"][-1] < history["loss"][0]
    assert history.best == int(np.argmin(history["val_loss"]))
    assert history.stopped == "finished"
    found = evaluate(net, LOSS, HELD_OUT, metrics={"accuracy": accuracy})
    assert found["loss"] == pytest.approx(history["val_loss"].min(), rel=1e-6)  # the best weights
    assert "val_accuracy" in str(history)
    with pytest.raises(KeyError, match="there are loss"):
        history["nothing"]
    assert history.plot().axes


def test_evaluation_changes_nothing():
    net = network()
    net.eval()
    net[3].train()
    before, modes = net.state_dict(), [m.training for _, m in net.named_modules()]
    evaluate(net, LOSS, (X, Y))
    assert [m.training for _, m in net.named_modules()] == modes
    assert all(np.array_equal(v, net.state_dict()[k]) for k, v in before.items())
    whole = float(F.cross_entropy(net.eval()(X), Y).data)
    assert evaluate(net, LOSS, (X, Y), batch_size=100)["loss"] == pytest.approx(whole, rel=1e-6)


def test_accumulated_batches_are_one_large_batch():
    nets = [nn.Linear(64, 10, rng=np.random.default_rng(0)).astype(np.float64) for _ in range(2)]
    x = X[:95].astype(np.float64)
    for net, options in zip(
        nets, ({"batch_size": 40}, {"batch_size": 10, "accumulate": 4}), strict=True
    ):
        run(net, data=(x, Y[:95]), optimizer=optim.SGD(net, lr=0.1), **options)
    for a, b in zip(*[net.parameters() for net in nets], strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-12)


def test_gradients_and_weights_are_bounded():
    net = network()
    norms: list[float] = []

    class Watched(optim.SGD):
        def step(self) -> None:
            norms.append(np.sqrt(sum(np.sum(p.grad.data**2) for p in net.parameters())))
            super().step()

    run(net, optimizer=Watched(net, lr=1.0), clip_norm=0.1, max_weight_norm=0.5)
    assert max(norms) <= 0.1 * (1 + 1e-5)
    assert np.linalg.norm(net[0].weight.data, axis=1).max() <= 0.5 * (1 + 1e-6)


def test_training_stops_without_improvement_and_keeps_the_best():
    net = network()
    seen: list[dict[str, Any]] = []

    def worse(training: Training) -> None:
        seen.append(training.model.state_dict())
        if training.epoch >= 2:
            for p in training.model.parameters():
                p.assign(p.data + 1.0)

    history = run(net, epochs=20, validation=HELD_OUT, patience=3, callbacks=[worse])
    assert history.stopped == "no improvement"
    assert history.best == 1
    assert history.epochs == 5
    assert all(np.array_equal(v, net.state_dict()[k]) for k, v in seen[1].items())


def test_monitor_tells_which_way_is_better():
    net = network()
    metrics = {"accuracy": accuracy}
    history = run(net, epochs=4, validation=HELD_OUT, metrics=metrics, monitor="val_accuracy")
    assert history.best == int(np.argmax(history["val_accuracy"]))


def test_a_callback_stops():
    def stop(training: Training) -> None:
        training.stop = training.epoch == 2

    history = run(network(), epochs=9, callbacks=[stop])
    assert (history.epochs, history.stopped) == (2, "stopped")


@pytest.mark.parametrize("when", [3, 21])
def test_an_interrupt_ends_cleanly(when: int):
    net, count = network(), 0

    def loss(prediction: Any, target: Any) -> Any:
        nonlocal count
        count += 1
        if count == when:
            raise KeyboardInterrupt
        return F.cross_entropy(prediction, target)

    history = fit(
        net, loss, (X, Y), optimizer=optim.Adam(net), epochs=9, validation=HELD_OUT, progress=False
    )
    assert history.stopped == "interrupted"
    assert history.epochs == (0 if when == 3 else 1)
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(
    ("scale", "rate", "words"),
    [
        (1.0, 1e38, "subtract made .*CrossEntropyLoss"),
        (1e30, 1e30, "left weight not finite"),
    ],
)
def test_a_loss_that_is_not_finite_is_explained(scale: float, rate: float, words: str):
    net = nn.Linear(64, 10, rng=np.random.default_rng(0))
    before = net.state_dict()
    data = (X * np.float32(scale), Y)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=words) as caught:
        run(net, data=data, optimizer=optim.SGD(net, lr=rate))
    assert "at step 2" in str(caught.value)
    assert all(np.array_equal(v, net.state_dict()[k]) for k, v in before.items())


def test_nan_is_never_the_best():
    x = HELD_OUT[0].copy()
    x[0, 0] = np.nan
    net = network()
    history = run(net, epochs=3, validation=(x, HELD_OUT[1]))
    assert history.best is None
    values = iter([np.nan, 0.9, 0.1, 0.5])
    history = run(
        network(),
        epochs=4,
        validation=(X, Y),
        metrics={"distance": lambda p, y: 0.0},
        monitor="val_distance",
        callbacks=[lambda t: None],
    )
    assert history.best == 0
    monitor = read_monitor("", "", {}, True)
    best = None
    for value in values:
        best = value if monitor.better(value, best) else best
    assert best == 0.1


def test_parameters_that_are_not_finite_in_the_end_are_told(tmp_path: Path):
    net = nn.Linear(1, 1)
    for p in net.parameters():
        p.assign(np.zeros(p.shape))
    x = np.zeros((4, 1), np.float32)
    path = tmp_path / "c.npz"
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"left .*bias") as caught,
    ):
        fit(
            net,
            lambda p, y: np.sum(np.sqrt(p * p)),
            (x, x),
            optimizer=optim.SGD(net, lr=0.1),
            epochs=1,
            checkpoint=path,
            progress=False,
        )
    assert not path.exists()
    assert np.isfinite(net.bias.data).all()
    assert caught.value.history.epochs == 0  # type: ignore[attr-defined]


def test_gradients_from_before_do_not_count():
    used, fresh = network(), network()
    LOSS(used(X[:50]), Y[:50]).backward()
    used.load_state_dict(fresh.state_dict())
    rngs = [np.random.default_rng(3) for _ in range(2)]
    for net, rng in zip((used, fresh), rngs, strict=True):
        net[3].rng = rng
        run(net, optimizer=optim.SGD(net, lr=0.1), epochs=1)
    assert same(used, fresh)


def test_a_failed_epoch_gives_the_optimizer_back_too():
    net = nn.Linear(64, 10, rng=np.random.default_rng(0))
    optimizer = optim.SGD(net, lr=1e30, momentum=0.9)
    before = optimizer.state_dict()
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError):
        run(net, optimizer=optimizer, data=(X * np.float32(1e30), Y))
    after = optimizer.state_dict()
    assert all(np.array_equal(v, after[k]) for k, v in before.items())


@pytest.mark.parametrize(
    ("place", "words"), [(0, "array 0 of the data is nan at \\[3, 1\\]"), (1, "the target is nan")]
)
def test_data_that_are_not_finite_are_named(place: int, words: str):
    data = [X[:, :4].copy(), X[:, 4:5].copy()]
    data[place][3, min(1, data[place].shape[1] - 1)] = np.nan
    net = nn.Linear(4, 1)
    with pytest.raises(FloatingPointError, match=words):
        fit(net, nn.MSELoss(), tuple(data), optimizer=optim.SGD(net), progress=False)


def test_the_model_ends_in_evaluation_mode():
    net = network()
    run(net)
    assert not any(m.training for _, m in net.named_modules())


def test_a_small_last_batch_can_be_left_out():
    data = (X[:65], Y[:65])
    with pytest.raises(ValueError, match="drop_last=True"):
        run(network(), data=data)
    assert len(run(network(), data=data, drop_last=True, epochs=1).steps) == 2
    assert len(run(network(), data=(X[:5], Y[:5]), drop_last=True, epochs=1).steps) == 1


# ----- Checkpoints -----


class FailureError(Exception):
    pass


def training(path: Path | None, epochs: int, fail_at: int | None = None) -> tuple[Any, History]:
    net = network()
    optimizer = optim.AdamW(net, lr=1e-2, weight_decay=0.01)

    def fail(training: Training) -> None:
        if training.epoch == fail_at:
            raise FailureError

    history = run(
        net,
        optimizer=optimizer,
        epochs=epochs,
        validation=HELD_OUT,
        metrics={"accuracy": accuracy},
        schedule=optim.CosineLR(optimizer, 6),
        checkpoint=path,
        callbacks=[fail],
        rng=5,
    )
    return net, history


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_a_resumed_training_is_the_same_bit_for_bit(ending: str, tmp_path: Path):
    whole, history = training(None, 6)
    path = tmp_path / f"run{ending}"
    training(path, 2)
    with pytest.raises(FailureError):  # after the checkpoint of epoch 4
        training(path, 6, fail_at=5)
    resumed, again = training(path, 6)
    assert same(whole, resumed)
    assert again.steps == history.steps
    assert all(np.array_equal(again[name], history[name]) for name in history)
    assert again.best == history.best
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: nn.Linear(64, 10), "does not fit.*missing: weight"),
        (lambda: nn.Sequential(nn.Linear(64, 9)), "does not fit"),
    ],
)
def test_the_checkpoint_of_another_model_is_refused(
    change: Callable[[], nn.Module], words: str, tmp_path: Path
):
    path = tmp_path / "run.npz"
    training(path, 1)
    net = change()
    before = net.state_dict()
    with pytest.raises(FileError, match=words):
        run(net, checkpoint=path)
    assert all(np.array_equal(v, net.state_dict()[k]) for k, v in before.items())


def test_early_stopping_is_resumed_too(tmp_path: Path):
    path = tmp_path / "run.npz"
    counts = []
    for _ in range(3):
        net = network()
        options = {"monitor": "loss", "mode": "max", "patience": 2, "checkpoint": path}
        history = run(net, optimizer=optim.SGD(net, lr=0.1), epochs=30, **options)
        counts.append((history.epochs, history.stopped))
    assert counts == [(3, "no improvement")] * 3


def test_another_monitor_starts_anew(tmp_path: Path):
    net = network()
    run(net, epochs=1, checkpoint=tmp_path / "run.npz")
    net = network()
    history = run(net, epochs=3, checkpoint=tmp_path / "run.npz", validation=HELD_OUT)
    assert history.epochs == 3
    assert np.isnan(history["val_loss"][0])


def test_another_schedule_is_refused_and_leaves_all_as_it_was(tmp_path: Path):
    path = tmp_path / "run.npz"
    training(path, 1)
    net = network()
    optimizer = optim.AdamW(net, lr=1e-2)
    before = net.state_dict(), optimizer.state_dict()
    with pytest.raises(FileError, match="its schedule is CosineLR, here StepLR"):
        run(net, optimizer=optimizer, schedule=optim.StepLR(optimizer, 3), checkpoint=path)
    for old, new in zip(before, (net.state_dict(), optimizer.state_dict()), strict=True):
        assert all(np.array_equal(v, new[k]) for k, v in old.items())


def test_a_longer_schedule_goes_on_at_its_own_rate(tmp_path: Path):
    path, rates = tmp_path / "run.npz", []
    for epochs in (3, 6):
        net = network()
        optimizer = optim.SGD(net, lr=0.1)
        schedule = optim.CosineLR(optimizer, epochs)
        run(
            net,
            optimizer=optimizer,
            epochs=epochs,
            schedule=schedule,
            checkpoint=path,
            callbacks=[lambda t: rates.append(t.rate)],
        )
    expected = 0.05 * (1 + np.cos(np.pi * np.arange(4, 7) / 6))
    np.testing.assert_allclose(rates[3:], expected, atol=1e-12)


def test_generators_in_lists_are_resumed(tmp_path: Path):
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.generators = [np.random.default_rng(1)]
            self.linear = nn.Linear(64, 10, rng=np.random.default_rng(0))

        def forward(self, x: Any) -> Any:
            return self.linear(x + self.generators[0].normal(size=x.shape).astype(np.float32))

    whole = Noisy()
    run(whole, epochs=2)
    for epochs in (1, 2):
        parts = Noisy()
        run(parts, epochs=epochs, checkpoint=tmp_path / "run.npz")
    assert same(whole, parts)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("autonn", "epoch", -5),
        ("autonn", "epoch", "x"),
        ("autonn", "waited", 99),
        ("autonn", None, "[" * 5000),
        ("generators", None, "[1]"),
        ("history/best", None, np.array(99)),
        ("history/series.loss", None, np.zeros(7)),
        ("optimizer/AdamW/0/lr", None, np.array(-1.0)),
        ("best/foo", None, np.zeros(3)),
    ],
)
def test_hostile_checkpoints_are_refused(part: str, name: str | None, value: Any, tmp_path: Path):
    path = tmp_path / "run.npz"
    training(path, 1)
    arrays, metadata = load_with_metadata(path)
    if part in metadata:
        told = value if name is None else json.dumps(json.loads(metadata[part]) | {name: value})
        metadata[part] = told
    else:
        arrays[part] = value
    save(arrays, path, metadata)
    net = network()
    optimizer = optim.AdamW(net, lr=1e-2)
    with pytest.raises(FileError, match="resume"):
        run(net, optimizer=optimizer, schedule=optim.CosineLR(optimizer, 6), checkpoint=path)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path):
    path = tmp_path / "run.npz"
    np.savez(path, a=np.ones(3))
    with pytest.raises(FileError, match="no checkpoint"):
        run(network(), checkpoint=path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(FileError, match=r"run\.npz"):
        run(network(), checkpoint=path)


# ----- Bad input -----


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data": (X[:0], Y[:0])}, "data is empty"),
        ({"data": (X, Y[:-1])}, r"lengths \[256, 255\]"),
        ({"data": ()}, "data is empty"),
        ({"validation": (X, Y[:3])}, "arrays of validation"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"clip_norm": -1.0}, "clip_norm=-1.0"),
        ({"max_weight_norm": 0.0}, "max_weight_norm=0.0"),
        ({"clip_norm": float("nan")}, "clip_norm=nan"),
        ({"rng": -1}, "rng=-1"),
        ({"patience": 0}, "patience=0"),
        ({"schedule_each": "batch"}, "want 'epoch' or 'step'"),
        ({"monitor": "acc"}, "monitor='acc'; want one of loss"),
        ({"metrics": {"foo": accuracy}, "monitor": "foo"}, "Say mode='max'"),
        ({"mode": "up"}, "want '', 'min' or 'max'"),
        ({"metrics": {"loss": accuracy}}, "something else"),
        ({"checkpoint": "run.pt"}, "npz"),
        ({"checkpoint": "nowhere/run.npz"}, "no folder"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words):
        run(network(), **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": "adam"}, "want an Optimizer"),
        ({"schedule": optim.CosineLR}, "schedule=<class .*CosineLR.*want .*a Schedule"),
        ({"schedule": 1}, "schedule=1"),
        ({"accumulate": 1.5}, "accumulate=1.5"),
        ({"clip_norm": "1"}, "clip_norm='1'"),
        ({"drop_last": None}, "drop_last=None"),
        ({"rng": "0"}, "rng='0'"),
        ({"metrics": {"m": lambda p, y: "good"}}, "m='good'; want a number"),
        ({"metrics": {"m": lambda p: 1.0}}, "the metric 'm' takes"),
        ({"data": (3, Y)}, "array 0 of data is 3"),
        ({"data": (X, X, Y)}, "called with 2 arguments: too many"),
        ({"metrics": accuracy}, "functions by name"),
        ({"metrics": {0: accuracy}}, "a metric is called 0"),
        ({"callbacks": print}, "no list of functions"),
        ({"progress": "yes"}, "progress='yes'; want .*True or False or a Reporter"),
        ({"data": {"x": X}}, "want a tuple of arrays"),
        ({"data": (b for b in [X])}, "want a tuple of arrays"),
    ],
)
def test_things_of_a_wrong_type(options: dict[str, Any], words: str):
    with pytest.raises(TypeError, match=words):
        run(network(), **options)


@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        (nn.CrossEntropyLoss, TypeError, r"want an instance: CrossEntropyLoss\(\)"),
        ("ce", TypeError, "want a function"),
        (lambda p, y: p, ValueError, r"of shape \(32, 10\); want a Tensor of one number"),
        (lambda p, y: None, ValueError, "a NoneType"),
        (lambda p, y: np.float32(1), TypeError, "is a float32; want a Tensor"),
        (lambda p: p.sum(), TypeError, r"loss takes \(p\); want \(prediction, target\)"),
    ],
)
def test_losses_that_are_none(loss: Any, error: type[Exception], words: str):
    net = network()
    with pytest.raises(error, match=words):
        fit(net, loss, (X, Y), optimizer=optim.SGD(net), progress=False)


def test_the_optimizer_and_the_schedule_belong_to_the_model():
    net, other = network(), network()
    with pytest.raises(ValueError, match=r"does not have 0\.weight, .*freeze"):
        run(net, optimizer=optim.SGD(net[4]))
    net[0].freeze()
    net[1].freeze()
    run(net, optimizer=optim.SGD(net[4]), epochs=np.int64(1), batch_size=np.int64(64))
    schedule = optim.StepLR(optim.SGD(other), 1)
    with pytest.raises(ValueError, match="another optimizer"):
        run(other, schedule=schedule)


# ----- What is shown -----


def test_lines():
    out = io.StringIO()
    run(
        network(),
        epochs=2,
        validation=HELD_OUT,
        metrics={"accuracy": accuracy},
        progress=Lines(out),
    )
    lines = out.getvalue().splitlines()
    assert [line[:9] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("val_accuracy" in line and "rate 0.01" in line for line in lines)
    assert max(map(len, lines)) < 120


def test_bars():
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True)
    run(network(), epochs=2, progress=Bars(console))
    assert "epochs" in out.getvalue()
    assert "2/2" in out.getvalue()
    narrow = io.StringIO()
    metrics = {"accuracy": accuracy}
    bars = Bars(Console(file=narrow, width=80))
    run(network(), epochs=2, validation=HELD_OUT, metrics=metrics, progress=bars)
    (last,) = [line for line in narrow.getvalue().splitlines() if line.startswith("epochs")]
    assert "2/2" in last
    assert "val_accuracy" in last
    assert "%" in last
    assert "…" not in last


def test_what_shows_progress(monkeypatch: pytest.MonkeyPatch):
    assert type(reporter(False)) is Silent
    assert type(reporter(None)) is Lines
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert type(reporter(None)) is Bars


@pytest.mark.parametrize(
    ("prediction", "target", "share"),
    [
        (np.eye(3), np.arange(3), 1.0),
        (np.eye(3), np.eye(3)[[0, 2, 1]], 1 / 3),
        (np.array([1.0, -1.0, 2.0]), np.array([1, 1, 1]), 2 / 3),
        (np.array([[1.0], [-1.0]]), np.array([[1], [0]]), 1.0),
        (np.zeros((2, 3, 4, 4)), np.zeros((2, 4, 4), int), 1.0),
        (np.array([[0.9], [0.2], [0.6]]), np.array([[1.0], [0.0], [0.0]]), 2 / 3),  # probabilities
        (np.array([[np.nan, 1.0], [0.0, 1.0]]), np.array([0, 1]), 0.5),
    ],
)
def test_accuracy(prediction: Any, target: Any, share: float):
    assert accuracy(prediction, target) == pytest.approx(share)


def test_metrics_refuse_shapes():
    with pytest.raises(ValueError, match="want"):
        accuracy(np.zeros((3, 4)), np.zeros(2))
    assert mean_absolute_error(np.uint8([1, 2]), np.uint8([3, 4])) == 2
    with pytest.raises(ValueError, match="a target of"):
        mean_absolute_error(np.zeros(3), np.zeros(2))


# ----- The Solver -----


class Homework:
    """A linear classifier in the exercise's style."""

    def __init__(self) -> None:
        self.params = {"W": np.zeros((64, 10)), "b": np.zeros(10)}

    def loss(self, x: Any, y: Any = None) -> Any:
        scores = x @ self.params["W"] + self.params["b"]
        if y is None:
            return scores
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        g = (p - np.eye(10)[y]) / len(y)
        return -np.log(p[np.arange(len(y)), y]).mean(), {"W": x.T @ g, "b": g.sum(axis=0)}


class OurModel(nn.Linear):
    def loss(self, x: Any, y: Any) -> Any:
        return F.cross_entropy(self(x), y)


@pytest.mark.parametrize(
    ("rule", "config"),
    [
        ("sgd", {"learning_rate": 0.5}),
        ("sgd_momentum", {"learning_rate": 0.1, "momentum": 0.9}),
        ("rmsprop", {"learning_rate": 0.01, "decay_rate": 0.99, "epsilon": 1e-8}),
        ("adam", {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999}),
    ],
)
def test_the_solver_trains_homework_and_ours_alike(
    rule: str, config: dict[str, float], capsys: pytest.CaptureFixture[str]
):
    x, y = DIGITS.x_train.astype(np.float64), DIGITS.y_train
    data = {"X_train": x, "y_train": y, "X_val": DIGITS.x_test, "y_val": DIGITS.y_test}
    ours = OurModel(64, 10).astype(np.float64)
    ours.load_state_dict({"weight": np.zeros((10, 64)), "bias": np.zeros(10)})
    solvers = [
        Solver(m, data, rule, config, lr_decay=0.9, num_epochs=3, print_every=20)
        for m in (Homework(), ours)
    ]
    for solver in solvers:
        solver.train()
        assert solver.best_val_acc > 0.9
        assert len(solver.loss_history) == 3 * 15
        assert len(solver.val_acc_history) == 4
    np.testing.assert_allclose(solvers[0].loss_history, solvers[1].loss_history, rtol=1e-10)
    assert "(Epoch 3 / 3) train acc:" in capsys.readouterr().out
    assert max(solvers[0].val_acc_history) == solvers[0].best_val_acc


NET = nn.Linear(64, 10)
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "evaluating nothing": (lambda: evaluate(None, LOSS, (X, Y)), "evaluate: model=None; want a Module"),
    "evaluating without a loss": (lambda: evaluate(NET, None, (X, Y)), "loss=None; want a function"),
    "batches of 0": (lambda: evaluate(NET, LOSS, (X, Y), batch_size=0), "batch_size=0"),
    "a metric that is none": (lambda: evaluate(NET, LOSS, (X, Y), metrics={"m": lambda p, y: p}), "m=.*; want a number"),
    "resuming nothing": (lambda: resume(None, "a.npz"), "training=None; want a Training"),
    "saving nothing": (lambda: save_checkpoint(None, "a.npz"), "training=None; want a Training"),
    "numbers of an epoch in words": (lambda: History().add({"loss": "low"}), "loss='low'; want a number"),
    "numbers without names": (lambda: History().add([1.0]), "want numbers by name"),
    "a history of nothing": (lambda: History.from_state({}), "missing: steps"),
    "a history with a best epoch that is not there": (lambda: History.from_state(History().state_dict() | {"best": 3}), "best=3"),
    "a history in words": (lambda: History.from_state(History().state_dict() | {"steps": ["a"]}), "steps is an array of"),
    "an accuracy of words": (lambda: accuracy("ab", Y), "prediction='ab'; want an array of numbers"),
    "an accuracy of no classes": (lambda: accuracy(np.ones((3, 0)), Y[:3]), "want at least one"),
    "complex errors": (lambda: mean_absolute_error(np.ones(3), 1j * np.ones(3)), "target is an array of complex128"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusal(case: str):
    call, words = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=words):
        call()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data": {"X_train": X}}, "lacks y_train, X_val, y_val"),
        ({"update_rule": "adm"}, "did you mean 'adam'"),
        ({"optim_config": {"learning_rat": 1.0}}, "learning_rat"),
        ({"print_every": 0}, "print_every=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"data": None}, "data=None; want arrays by name"),
        ({"update_rule": None}, "update_rule=None"),
        ({"optim_config": 3}, "optim_config=3; want options by name"),
        ({"lr_decay": "abc"}, "lr_decay='abc'"),
        ({"rng": -1}, "rng=-1"),
        ({"model": None}, "model is a NoneType"),
    ],
)
def test_what_the_solver_refuses(options: dict[str, Any], words: str):
    data = {"X_train": X, "y_train": Y, "X_val": X, "y_val": Y}
    with pytest.raises((ValueError, TypeError), match=words):
        Solver(**({"model": Homework(), "data": data} | options))
