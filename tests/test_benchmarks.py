"""The comparison: all compute the same, failures are told, figures are right. No times are judged."""

from __future__ import annotations

import doctest
import io
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks import client, growth, measure, memory, profiles, report, tables
from benchmarks.client import PeerError, Worker
from benchmarks.curves import CURVES
from benchmarks.measure import Result, Timing, compare, disagreement
from benchmarks.peers import PEERS, REFERENCE, Peer, autonn, formulas, numpy_hand
from benchmarks.tables import Table, as_markdown
from benchmarks.workloads import WORKLOADS, Workload

PEERS_FOLDER = Path(formulas.__file__).parent
COMPOSED = {w.formula: w for w in WORKLOADS.values() if w.reference == w.name}
NOBODY = Peer("nobody", "nobody", "nobody", "a peer that no worker knows")
linux = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads /proc")


def results_of(module: Any, workload: Workload, runs: int = 1) -> dict[str, Any]:
    step = module.steps[workload.formula](workload.data(**workload.small))
    for _ in range(runs):
        step()
    return {k: np.array(v) for k, v in step.result().items()}


# ----- What is computed -----


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("workload", COMPOSED.values(), ids=COMPOSED)
def test_autonn_agrees_with_what_is_written_by_hand(workload: Workload, runs: int):
    data = workload.data(**workload.small)
    found, wanted = (results_of(m, workload, runs) for m in (autonn, numpy_hand))
    name, error = disagreement(found, wanted, workload, data)
    assert error < 1e-5, name
    assert set(found) == {*data.leaves, "loss" if workload.trains else "y"}
    assert {v.dtype for v in found.values()} == {np.dtype(np.float32)}


def test_training_moves_every_leaf():
    for workload in (w for w in COMPOSED.values() if w.trains):
        start, end = workload.data(**workload.small).leaves, results_of(numpy_hand, workload, 2)
        assert all((end[name] != start[name]).any() for name in start), workload.name


def test_no_workload_is_forgotten():
    assert set(autonn.steps) == set(numpy_hand.steps) == set(formulas.FORMULAS) == set(COMPOSED)
    assert {w.reference for w in WORKLOADS.values()} <= set(WORKLOADS)
    assert {w.name for w in WORKLOADS.values() if w.trains} == set(formulas.TRAINING)
    helpers = {"__init__", "step", "formulas", "numpy_networks"}
    modules = {path.stem for path in PEERS_FOLDER.glob("*.py")} - helpers
    assert modules == {peer.module for peer in PEERS.values()}
    for peer in PEERS.values():
        assert not peer.pins or (PEERS_FOLDER / peer.pins).exists()


def test_workers_can_do_without_autonn():
    code = (
        "import sys, benchmarks.worker, benchmarks.peers.formulas; print('autonn' in sys.modules)"
    )
    out = subprocess.run(
        [client.sys.executable, "-c", code],
        cwd=client.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == "False"


# ----- The check -----

W5, W3 = WORKLOADS["W5"], WORKLOADS["W3"]


def test_the_check_names_what_differs_most():
    wanted = results_of(numpy_hand, W5)
    data = W5.data(**W5.small)
    found = wanted | {"gamma": wanted["gamma"] * 1.001}
    assert disagreement(found, wanted, W5, data) == ("gamma", pytest.approx(1e-3, rel=1e-3))
    found = wanted | {"x": wanted["x"] * np.nan}
    assert disagreement(found, wanted, W5, data) == ("x", np.inf)
    for broken in ({"y": wanted["y"]}, wanted | {"beta": wanted["beta"][:1]}):
        with pytest.raises(PeerError, match=r"not timed: (gives y; want|beta has shape \(1,\))"):
            disagreement(broken, wanted, W5, data)


def test_the_check_of_a_step_looks_at_how_far_it_went():
    wanted, data = results_of(numpy_hand, W3), W3.data(**W3.small)
    lazy = wanted | {"w1": data.leaves["w1"]}  # relatively near, but it has not moved
    name, error = disagreement(lazy, wanted, W3, data)
    assert np.abs(lazy["w1"] - wanted["w1"]).max() < 0.02 * np.abs(wanted["w1"]).max()
    assert (name, error) == ("w1", pytest.approx(1, abs=1e-3))


# ----- Figures -----


def test_the_quiet_rounds_are_those_near_the_best():
    timing = Timing((4.0, 2.0, 2.4, 3.0, 3.1, 9.0))
    assert timing.best == 2.0
    assert timing.quiet == 2.4  # of 2, 2.4 and 3
    result = Result(W5, {"autonn": timing, "torch": Timing((1.2,))})
    assert result.ratio("autonn", "torch") == pytest.approx(2.0 / 1.2)
    assert result.ratio("autonn", "jax") is None
    assert result.ratio("jax", "torch") is None


def test_units():
    assert WORKLOADS["W3"].in_units(0.002) == pytest.approx(2.0)
    assert WORKLOADS["W1"].in_units(0.0021) == pytest.approx(1.0)
    assert WORKLOADS["W9-1M"].in_units(3.0) == pytest.approx(3.0)


def test_peers_take_turns():
    names = [measure.rotated(["a", "b", "c"], i) for i in range(3)]
    assert names == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]


# ----- Workers -----


@pytest.fixture(scope="module")
def worker():
    with Worker(PEERS[REFERENCE]) as found:
        yield found


def test_a_worker_answers(worker: Worker, tmp_path: Path):
    sizes = dict(W5.small)
    assert worker.ask("prepare", workload="W5f", sizes=sizes) is False
    assert worker.ask("prepare", workload="W5", sizes=sizes) is True
    assert worker.ask("check", path=str(tmp_path / "a.npz")) > 0
    with np.load(tmp_path / "a.npz") as arrays:
        data = W5.data(**sizes)
        assert disagreement(dict(arrays), results_of(numpy_hand, W5), W5, data)[1] == 0
    assert worker.ask("time", count=3) > 0
    about = worker.ask("about")
    assert about["version"] == np.__version__
    assert "W5" in about["formulas"]


def test_a_worker_survives_an_error(worker: Worker):
    with pytest.raises(PeerError, match=r"^did not run: KeyError: 'W99'"):
        worker.ask("prepare", workload="W99", sizes={})
    with pytest.raises(PeerError, match=r"AttributeError: .*'sing'"):
        worker.ask("sing")
    assert worker.ask("prepare", workload="W1", sizes={}) is True


def test_a_worker_that_dies_is_reported():
    with (
        Worker(NOBODY) as nobody,
        pytest.raises(PeerError, match="did not run: KeyError: 'nobody'"),
    ):
        nobody.ask("about")
    with Worker(PEERS[REFERENCE]) as killed:
        killed.ask("about")
        killed.process.kill()
        with pytest.raises(PeerError, match="did not run: the worker was ended by signal 9"):
            killed.ask("about")


def test_a_worker_that_is_silent_is_reported_and_ended():
    with Worker(PEERS[REFERENCE]) as slow:
        slow.ask("prepare", workload="W9-1M", sizes={})
        slow.limit = 0.01
        with pytest.raises(PeerError, match=r"no answer to 'time' in 0\.01 s"):
            slow.ask("time", count=100)
    assert slow.process.returncode == -9


def test_workers_end_with_their_block():
    with pytest.raises(KeyboardInterrupt), Worker(PEERS[REFERENCE]) as busy:
        busy.ask("prepare", workload="W9-1M", sizes={})
        print(json.dumps({"do": "time", "count": 1000}), file=busy.process.stdin, flush=True)
        raise KeyboardInterrupt
    assert busy.process.returncode == -9


def test_the_environment_of_a_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    found = client.environment(PEERS["torch1"])
    assert "OPENBLAS_CORETYPE" not in found
    assert (found["OMP_NUM_THREADS"], found["OPENBLAS_NUM_THREADS"]) == ("1", "1")
    monkeypatch.setattr(client, "CPUINFO", tmp_path / "cpuinfo")
    for flags, kernel in (("fpu avx2 bmi", "Haswell"), ("avx512f avx2", "SkylakeX"), ("fpu", None)):
        client.CPUINFO.write_text(f"flags : {flags}\n")
        assert client.environment(PEERS["chainer"]).get("OPENBLAS_CORETYPE") == kernel


def test_an_environment_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    commands = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        text = "ERROR: no such version\nnote: bad luck"
        return subprocess.CompletedProcess(command, len(commands) > 2, "", text)

    monkeypatch.setattr(client, "ROOT", tmp_path)
    monkeypatch.setattr(client.subprocess, "run", run)
    with pytest.raises(
        PeerError, match=r"wheel==[\d.]+ cannot be installed: ERROR: no such version"
    ):
        client.interpreter(PEERS["chainer"])
    assert [c[-1].partition("==")[0] for c in commands[1:]] == ["setuptools", "wheel"]


# ----- A whole comparison -----


def test_those_that_fail_do_not_stop_the_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(PEERS, "nobody", NOBODY)
    small = replace(W5, sizes=W5.small)
    result = compare(small, ["nobody", "autonn", REFERENCE], 2, 1.0, W5.small)
    assert result.failures == {"nobody": "did not run: KeyError: 'nobody'"}
    assert [len(result.timings[name].rounds) for name in ("autonn", REFERENCE)] == [2, 2]
    assert result.errors["autonn"] < W5.tolerance


def test_those_that_differ_are_not_timed(monkeypatch: pytest.MonkeyPatch):
    wanted = results_of(numpy_hand, W5)
    wanted["beta"] = wanted["beta"] * 2
    monkeypatch.setattr(measure.Contest, "reference", lambda self: wanted)
    result = compare(W5, ["autonn"], 1, 1.0, W5.small)
    assert result.timings == {}
    told = "not timed: beta differs from numpy_hand's: relative error 5.0e-01, tolerance 1e-04"
    assert result.failures == {"autonn": told}


def test_fused_workloads_are_checked_with_the_composed_one():
    result = compare(WORKLOADS["W5f"], ["autonn"], 1, 1.0, W5.small)  # it has no fused kernel
    assert (result.timings, result.failures) == ({}, {})


@linux
def test_memory():
    found = memory.memory_of(REFERENCE, 1)
    assert (set(found.growth), found.failure) == ({"W3", "W4"}, "")
    assert found.growth["W3"] < 25
    assert found.growth["W4"] > 64 * 20 * 24 * 24 * 4 / 1e6  # the first layer's output alone
    assert found.held is not None
    assert 10 < found.held < 500


@linux
def test_memory_of_a_peer_that_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(PEERS, "nobody", NOBODY)
    told = "did not run: ModuleNotFoundError: No module named 'benchmarks.peers.nobody'"
    assert memory.memory_of("nobody", 1) == memory.Memory(failure=told)


# ----- The report -----


def made_up() -> report.Report:
    about = {
        "version": "1.0",
        "numpy": "2.4",
        "python": "3.12",
        "kernels": "openblas",
        "formulas": [],
    }
    found = report.Report(
        "2026-01-01 12:00",
        "python -m benchmarks [--made up]",
        {"processor": "a processor", "cores": 2, "system": "a system"},
        {name: about for name in PEERS if name != "dezero"},
        {"dezero": "did not run: ModuleNotFoundError: No module named 'dezero'"},
    )
    for workload in WORKLOADS.values():
        seconds = 9e-3 if workload.unit == "ms" else 9e-6 * workload.operations
        timings = {peer: Timing((seconds, 9 * seconds)) for peer in found.about}
        timings |= {"torch": Timing((seconds / 2,)), "autograd": Timing((1000 * seconds,))}
        found.results.append(Result(workload, timings, dict.fromkeys(timings, 1e-7)))
    del found.results[0].timings["jax"]
    del found.results[1].timings["mygrad"]
    found.results[1].failures["mygrad"] = "not timed: w0 differs"
    found.memory = {
        "autonn": memory.Memory({"W3": 4.25}, 51.0, 0.25),
        "torch": memory.Memory(failure="no"),
    }
    return found


def test_the_tables():
    found = made_up()
    times, best, to_torch, to_hand, held = report.tables(found)
    assert times.header == ("", *PEERS)
    rows = {row[0]: dict(zip(times.header, row, strict=True)) for row in times.rows}
    assert rows["W1"] | {"autonn": "9", "torch": "4.5", "jax": "–", "dezero": "–¹"} == rows["W1"]
    assert rows["W2"] | {"mygrad": "–²", "jax": "9", "autograd": "9,000"} == rows["W2"]
    assert best.rows == times.rows  # a round 9 times as long is not quiet
    assert to_torch.rows[0][1:4] == ("2.00", "2.00", "1.00")
    assert to_hand.rows[0][1:4] == ("1.00", "1.00", "0.50")
    assert held.rows == [("autonn", "250", "51", "4.25", "–"), ("torch³", "–", "–", "–", "–")]
    assert report.footnotes(found) == [
        "¹ dezero: did not run: ModuleNotFoundError: No module named 'dezero'",
        "² mygrad, W2: not timed: w0 differs",
        "³ torch, W10: no",
    ]


def test_the_terminal_needs_80_columns():
    out, wide = io.StringIO(), io.StringIO()
    report.show(made_up(), Console(file=out, width=80))
    report.show(made_up(), Console(file=wide, width=200))
    assert max(map(len, out.getvalue().splitlines())) <= 80
    assert "…" not in out.getvalue()
    assert out.getvalue().split() == wide.getvalue().split()
    assert "[--made up]" in out.getvalue()


def test_markdown_and_json():
    found = made_up()
    text = report.markdown(found)
    for table in report.tables(found):
        assert as_markdown(table) in text
    assert "| W2 | 9 | 9 | 4.5 | 9 | 9 | 9,000 | –² | –¹ | 9 |" in text
    plain = json.loads(json.dumps(report.plain(found)))
    torch = plain["workloads"]["W3"]["peers"]["torch"]
    assert torch | {"median": 4.5, "to torch": 1.0, "to numpy_hand": 0.5, "rounds": [4.5]} == torch
    assert plain["absent"]["dezero"].startswith("did not run")
    assert plain["memory"]["autonn"]["growth"] == {"W3": 4.25}
    assert plain["command"] == found.command


@pytest.mark.parametrize(
    "module", [command, growth, measure, profiles, tables], ids=lambda m: m.__name__
)
def test_examples(module: Any):
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed


def test_machine():
    assert report.machine()["cores"] <= (os.cpu_count() or 1)


# ----- The commands -----


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "W3,W99"], "unknown workload 'W99'; there are W1, W2, W3, W4, W4b,"),
        (
            ["--peers", "tensorflow"],
            "unknown peer 'tensorflow'; there are autonn, numpy_hand, torch,",
        ),
        (["--only", ","], "names no workload"),
        (["--rounds", "0"], "'0' rounds; want a whole number from 1"),
    ],
)
def test_unknown_names_are_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert told in capsys.readouterr().err


def test_options():
    chosen = command.options(["--only", "W9,W5", "--quick"])
    assert chosen.only == ["W5", "W9-1k", "W9-100k", "W9-1M"]
    assert chosen.peers == ["autonn", "numpy_hand", "torch"]
    assert command.options([]).only == [*WORKLOADS, "W10"]
    assert command.options([]).peers == list(PEERS)
    assert command.options(["--peers", "torch,autonn"]).peers == ["autonn", "torch"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    markdown, data = tmp_path / "a.md", tmp_path / "a.json"
    arguments = ["--only", "W2", "--peers", "autonn,numpy_hand", "--rounds", "1"]
    assert command.main([*arguments, "--markdown", str(markdown), "--json", str(data)]) == 0
    assert WORKLOADS["W2"].title in capsys.readouterr().out
    assert "| W2 |" in markdown.read_text()
    found = json.loads(data.read_text())
    assert found["workloads"]["W2"]["peers"]["autonn"]["to numpy_hand"] > 0
    assert found["workloads"]["W2"]["failures"] == {}
    assert set(found["peers"]) == {"autonn", "numpy_hand"}


def test_what_is_done_is_shown_when_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupted(workload: Workload, *_: Any) -> Result:
        if workload.name == "W2":
            raise KeyboardInterrupt
        return Result(workload, {"autonn": Timing((0.0042,))}, {"autonn": 0.0})

    monkeypatch.setattr(command, "compare", interrupted)
    assert command.main(["--only", "W1,W2", "--peers", "autonn"]) == 130
    out, err = capsys.readouterr()
    assert "interrupted" in err
    assert "\nW1" in out
    assert "\nW2" not in out


# ----- Growth -----


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_curves(curve: Any):
    workload, n = WORKLOADS[curve.workload], curve.range()
    first, second = (workload.data(**curve.sizes(k)) for k in n[:2])
    assert (n[0], n[-1]) == (curve.low, curve.high)
    assert set(curve.range(quick=True)) < set(n) or len(n) <= 4
    assert str(first) != str(second)


def test_exponents_are_those_of_the_upper_half():
    points = [(n, 1.0 if n < 30 else (n / 30) ** 1.5) for n in (1, 2, 4, 8, 16, 32, 64, 128, 256)]
    upper = [p for p in points if p[0] >= 16]
    wanted = np.polyfit(*np.log(np.array(upper)).T, 1)[0]
    assert growth.slope(points) == pytest.approx(wanted)
    assert growth.slope([(1, 1.0), (4, 64.0)]) == pytest.approx(3.0)
    assert growth.slope([(1, 1.0)]) is None


def test_growth_is_tabled_and_drawn():
    peers = ["autonn", "torch"]
    found = [
        growth.Growth(c, {"autonn": [(n, 1e-6 * n**2) for n in c.range()], "torch": []})
        for c in CURVES.values()
    ]
    table = growth.table(found, peers)
    assert table.rows[0] == ("depth", "1 to 128", "1", "2.00", "–", "16.4", "–")
    figure = growth.picture(found, peers)
    assert len(figure.axes) == len(CURVES)
    for axes, curve in zip(figure.axes, CURVES.values(), strict=True):
        line = axes.lines[0]
        assert np.asarray(line.get_xdata()).tolist() == curve.range()
        assert [t.get_text() for t in axes.texts] == ["autonn n^2.00", "torch –"]


def test_growth_of_what_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def answer(workload: Workload, peers: Any, *rest: Any) -> Result:
        return Result(workload, {"autonn": Timing((0.001,))}, failures={"torch": "not timed: so"})

    monkeypatch.setattr(growth, "compare", answer)
    monkeypatch.setattr(growth, "answering", lambda names: names)
    assert growth.main(["--only", "image", "--quick", "--out", str(tmp_path / "g")]) == 0
    assert "torch, image 8: not timed: so" in capsys.readouterr().out
    assert {p.suffix for p in tmp_path.iterdir()} == {".md", ".svg", ".png"}


# ----- Profiles -----


def test_a_profile_counts_and_adds_up():
    step = autonn.steps["W2"](WORKLOADS["W2"].data())
    profile, alone = profiles.profile_of(step.run, seconds=0)
    assert (profile.rows["matmul"].calls, profile.rows["tanh"].calls) == (3, 2)
    sizes = 32 * 2 * 16 + 32 * 16 * 16 + 32 * 16 * 1
    # x needs no gradient: backward, the first product has one product, the others have two.
    assert profile.rows["matmul"].flops == 2 * (3 * sizes - 32 * 2 * 16)
    assert profile.seconds == sum(r.forward + r.backward for r in profile.rows.values())
    assert alone > 0
    machine = profiles.Machine(bandwidth=1e9, rate=1e9)
    table = profiles.table("W2", profile, alone, machine)
    assert isinstance(table, Table)
    shares = [int(row[4].split()[0]) for row in table.rows]
    assert shares == sorted(shares, reverse=True)
    assert abs(sum(shares) - 100) <= len(shares)


def test_bytes_that_must_move():
    x = np.ones((8, 4), np.float32)
    assert profiles.moved([x, 1.0], x * 2) == 2 * x.nbytes
    assert profiles.moved([x], x.T) == 0
    row = profiles.Row(moved=2000, flops=50)
    assert profiles.Machine(bandwidth=1000, rate=1).floor(row) == 50.0
    assert profiles.Machine(bandwidth=10, rate=1).floor(row) == 200.0
