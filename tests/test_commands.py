"""`autonn train`, `autonn summary`, `autonn info`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import autonn
from autonn import cli
from autonn.commands.train import OPTIMIZERS
from autonn.files import load
from autonn.train import Training
from autonn.zoo import MODELS, NORMS

QUICK = ["train", "digits", "--epochs", "1", "--batch-size", "128", "--quiet"]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


CHOICES = [(model, "batch") for model in MODELS]
CHOICES += [("lenet", "layer"), ("lstm", "layer"), ("mlp", "layer"), ("mlp", "none")]


@pytest.mark.parametrize(("model", "norm"), CHOICES)
def test_every_model_trains(model: str, norm: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main([*QUICK, "--model", model, "--norm", norm, "--dropout", "0.1", "--json"]) == 0
    found = json.loads(said(capsys))
    assert set(found["history"]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert found["test"]["accuracy"] > 0.1
    assert found["stopped"] == "finished"


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns(optimizer: str, capsys: pytest.CaptureFixture[str]):
    arguments = ["train", "digits", "--optimizer", optimizer, "--epochs", "5", "--json"]
    assert cli.main(arguments) == 0
    assert json.loads(said(capsys))["test"]["accuracy"] > 0.93


def test_every_norm_is_tried():
    assert {norm for _, norm in CHOICES} == set(NORMS)


def test_optimizers_are_those_of_the_command_line():
    assert set(cli.OPTIMIZERS) == set(OPTIMIZERS)


def test_training_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    checkpoint, weights = str(tmp_path / "run.npz"), str(tmp_path / "net.safetensors")
    whole = ["train", "digits", "--epochs", "3", "--dropout", "0.2", "--json"]
    assert cli.main(whole) == 0
    expected = json.loads(said(capsys))

    def interrupt(training: Training) -> None:
        if training.epoch == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autonn.commands.train.evolve", lambda epochs: interrupt)
        assert cli.main([*whole, "--resume", checkpoint]) == 130
    assert json.loads(said(capsys))["stopped"] == "interrupted"
    assert cli.main([*whole, "--resume", checkpoint, "--save", weights]) == 0
    assert json.loads(said(capsys)) == expected
    assert load(weights)["0.weight"].shape == (128, 64)


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    weights, plot = str(tmp_path / "net.npz"), str(tmp_path / "curves.png")
    assert cli.main([*QUICK, "--save", weights, "--plot", plot]) == 0
    told = said(capsys)
    assert weights in told
    assert plot in told
    assert "images that it had not seen" in told
    assert Path(plot).read_bytes().startswith(b"\x89PNG")
    assert cli.main([*QUICK, "--weights", weights, "--rate", "1e-9"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "mnist"], "choose from"),
        (["train", "digits", "--model", "vgg"], "choose from"),
        (["train", "digits", "--dropout", "1"], "want 0 or more, and less than 1"),
        (["train", "digits", "--rate", "0"], "want a positive number"),
        (["train", "digits", "--weights", "nothing.npz"], "nothing.npz"),
        ([*QUICK, "--save", "net.pt"], "want .npz or .safetensors"),
        (["summary", "nosuch"], "no layer 'nosuch'"),
        (["summary", "nosuch.py:Net"], "no file"),
        (["sumary"], "summary"),
        (["train", "digits", "--epoks", "3"], "did you mean --epochs"),
        (["train", "digits", "--modle=lenet"], "did you mean --model"),
        (["graph", "Linear", "--zzz"], "unknown argument --zzz"),
    ],
)
def test_what_is_refused(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    try:
        status = cli.main(arguments)
    except SystemExit as end:
        status = int(str(end.code))
    assert status == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("what", [*MODELS, "LSTM", "Conv2d", "Embedding"])
def test_summary(what: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["summary", what]) == 0
    told = said(capsys)
    assert "total" in told
    assert max(map(len, told.splitlines())) <= 80
    assert cli.main(["summary", what, "--json"]) == 0
    found = json.loads(said(capsys))
    assert found["parameters"] == sum(row["parameters"] for row in found["rows"])


def test_summary_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "m.py"
    path.write_text("from autonn import nn\nnet = nn.Linear(3, 2)\nx = 3\n", encoding="utf-8")
    assert cli.main(["summary", f"{path}:net", "--input", "5,3"]) == 0
    assert "(5, 2)" in said(capsys)
    assert cli.main(["summary", f"{path}:x"]) == 2
    assert "want a Module" in capsys.readouterr().err


def test_info(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["info"]) == 0
    assert autonn.__version__ in said(capsys)
    assert cli.main(["info", "--json"]) == 0
    found = json.loads(said(capsys))
    assert found["numpy"] == np.__version__
    assert found["cores"]
    assert found["layout"]
