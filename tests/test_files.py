"""Files: what is saved comes back; what is broken, hostile or foreign gets one kind of error."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusals import assert_refused

from autonn import Tensor, files, nn, summary
from autonn import functional as F
from autonn.files import load, load_with_metadata, save
from autonn.formats import FORMATS, FileError
from autonn.interop import from_torch, to_torch

GOLDENS = Path(__file__).with_name("goldens")
DTYPES = ["bool", "float16", "float32", "float64"]
DTYPES += [f"{kind}{n}" for kind in ("int", "uint") for n in (8, 16, 32, 64)]
ENDINGS = sorted(FORMATS)
State = dict[str, np.ndarray[Any, Any]]


def net_state() -> State:
    rng = np.random.default_rng(0)
    return {
        "0.weight": rng.normal(size=(3, 2)),
        "0.bias": rng.normal(size=3).astype(np.float32),
        "steps": np.array(7),
    }


def assert_same(found: State, wanted: dict[str, Any]) -> None:
    assert sorted(found) == sorted(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype.newbyteorder("="), name
        assert found[name].dtype.isnative
        assert found[name].flags.writeable
        assert found[name].flags.owndata or found[name].base.flags.writeable
        np.testing.assert_array_equal(found[name], array, strict=False)
        assert found[name].shape == array.shape, name


# ----- There and back -----

HARD = {
    **{dtype: np.arange(6).reshape(2, 3).astype(dtype) for dtype in DTYPES},
    "0-d": np.array(2.5),
    "empty": np.empty((3, 0, 2)),
    "big-endian": np.arange(4, dtype=">f4"),
    "big-endian int": np.arange(4, dtype=">i8"),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "every second": np.arange(10.0)[::2],
    "backwards": np.arange(5)[::-1],
    "broadcast": np.broadcast_to(np.float32(3), (2, 4)),
    "read-only": np.frombuffer(b"\1\2\3", np.uint8),
    "special": np.array([np.nan, np.inf, -0.0, 5e-324]),
    "file": np.ones(1),
    "": np.ones(2),
    "a.b/c\\d/../e": np.ones(3),
    "x.npy": np.ones(4),
    "metadata.json": np.ones(5),
    "/etc/passwd": np.ones(6),
    'quotes " and \n lines': np.ones(7),
    "größe 重み": np.ones(8),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_saved_comes_back(ending: str, tmp_path: Path):
    path = tmp_path / f"hard{ending}"
    strings = {"epoch": "3", "größe": 'a "quoted"\nline', "": ""}
    save(HARD, path, strings)
    found, told = load_with_metadata(path)
    assert_same(found, HARD)
    assert told == strings
    assert np.signbit(found["special"][2])


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=st.dictionaries(
        st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
        ).filter(lambda name: name != "__metadata__"),
        st.sampled_from(DTYPES).flatmap(
            lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
        ),
        max_size=4,
    )
)
def test_any_state_comes_back(ending: str, tmp_path: Path, state: State):
    path = tmp_path / f"any{ending}"
    save(state, path)
    assert_same(load(path), state)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_state_gives_the_same_bytes(ending: str, tmp_path: Path):
    for name in "ab":
        save(net_state(), tmp_path / f"{name}{ending}", {"a": "b"})
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


def test_tensors_numbers_and_numpy_scalars_are_arrays(tmp_path: Path):
    path = tmp_path / "a.npz"
    save({"t": Tensor([1.0, 2.0], requires_grad=True), "n": 3, "s": np.float32(4)}, path)
    assert_same(load(path), {"t": np.array([1.0, 2.0]), "n": np.array(3), "s": np.float32(4)})


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_numpy_writes_what_is_loaded(write: Any, tmp_path: Path):
    state = net_state() | {"f": np.asfortranarray(np.arange(6).reshape(2, 3))}
    write(tmp_path / "a.npz", **state)
    assert_same(load(tmp_path / "a.npz"), state)


def test_numpy_loads_what_is_written(tmp_path: Path):
    save(net_state(), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert_same(dict(found), net_state())


# ----- PyTorch -----


class Net(nn.Module):
    """The network of goldens/make_interop.py."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.blocks = [nn.Linear(24, 8), nn.LayerNorm(8)]
        self.lstm = nn.LSTM(8, 8, num_layers=2, batch_first=True)
        self.mha = nn.MultiHeadAttention(8, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        x = F.relu(self.bn(self.conv(x))).swapaxes(1, 2)
        x = x.reshape(*x.shape[:2], -1)
        for block in self.blocks:
            x = block(x)
        x, _ = self.lstm(x)
        return self.mha(x)[0]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_a_network_that_pytorch_saved_computes_the_same(dtype: str, tolerance: float):
    net = Net().astype(dtype).eval()
    state, metadata = load_with_metadata(GOLDENS / "torch_net.safetensors")
    assert metadata == {"framework": "pt"}
    net.load_state_dict(from_torch(state, net))
    golden = load(GOLDENS / "torch_net.npz")
    y = net(golden["x"].astype(dtype)).numpy()
    np.testing.assert_allclose(y, golden["y"], rtol=0, atol=tolerance)


def test_pytorch_gets_its_own_names_back(tmp_path: Path):
    net = Net().astype(np.float64)
    theirs = load(GOLDENS / "torch_net.safetensors")
    net.load_state_dict(from_torch(theirs, net))
    save(to_torch(net.state_dict(), net), tmp_path / "back.safetensors")
    assert_same(
        load(tmp_path / "back.safetensors"), theirs | {"bn.num_batches_tracked": np.array(0)}
    )


NORMS: dict[str, tuple[Callable[[], nn.Module], dict[str, str]]] = {
    "BatchNorm1d": (
        lambda: nn.BatchNorm1d(2),
        {"weight": "gamma", "bias": "beta", "running_mean": "running_mean", "running_var": "running_var", "num_batches_tracked": ""},
    ),
    "BatchNorm1d without statistics": (lambda: nn.BatchNorm1d(2, track=False), {"weight": "gamma", "bias": "beta"}),
    "LayerNorm": (lambda: nn.LayerNorm(2), {"weight": "gamma", "bias": "beta"}),
    "GroupNorm": (lambda: nn.GroupNorm(1, 2), {"weight": "gamma", "bias": "beta"}),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(2, affine=True), {"weight": "gamma", "bias": "beta"}),
    "RMSNorm": (lambda: nn.RMSNorm(2), {"weight": "gamma"}),
    "Linear": (lambda: nn.Linear(2, 2), {"weight": "weight", "bias": "bias"}),
    "shared": (
        lambda: nn.Sequential(norm := nn.LayerNorm(2), norm),
        {"0.weight": "0.gamma", "0.bias": "0.beta", "1.weight": "1.gamma", "1.bias": "1.beta"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NORMS)
def test_only_norms_have_other_names(name: str):
    make, names = NORMS[name]
    layer = make()
    theirs = to_torch(layer.state_dict(), layer)
    assert set(theirs) == set(names)
    ours = from_torch(theirs, layer)
    assert set(ours) == set(names.values()) - {""}
    for key, mine in names.items():
        if mine:
            np.testing.assert_array_equal(theirs[key], layer.state_dict()[mine])
            np.testing.assert_array_equal(ours[mine], layer.state_dict()[mine])


def test_bfloat16_is_read_as_float32(tmp_path: Path):
    bits = (np.array([1.0, -2.5, 3.140625], np.float32).view(np.uint32) >> 16).astype("<u2")
    write_safetensors(tmp_path / "a.safetensors", "BF16", [3], bits.tobytes())
    np.testing.assert_array_equal(
        load(tmp_path / "a.safetensors")["a"], np.array([1.0, -2.5, 3.140625], np.float32)
    )


# ----- Whole, or not at all -----

FAULTS = {
    "the disk is full": ("fsync", OSError(28, "No space left on device")),
    "it cannot be moved": ("replace", PermissionError(13, "Permission denied")),
    "Ctrl-C": ("fsync", KeyboardInterrupt()),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_keeps_the_old_file(
    fault: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / f"net{ending}"
    save(net_state(), path)
    function, error = FAULTS[fault]

    def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(files.os, function, fail)
        with pytest.raises(FileError if isinstance(error, OSError) else KeyboardInterrupt):
            save({"other": np.ones(3)}, path)
    assert_same(load(path), net_state())
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_link_stays_a_link(tmp_path: Path):
    target, link = tmp_path / "epoch3.npz", tmp_path / "latest.npz"
    save(net_state(), target)
    link.symlink_to(target)
    save({"new": np.ones(3)}, link)
    assert link.is_symlink()
    assert_same(load(target), {"new": np.ones(3)})


# ----- What cannot be saved -----

UNSAVABLE: dict[str, tuple[Any, Any, Any, list[str]]] = {
    "nested": ({"a": {"b": np.ones(2)}}, {}, TypeError, ["'a' is a dict", "want an array"]),
    "text": ({"a": "b"}, {}, TypeError, ["'a' is a str"]),
    "a list": ({"a": [1.0]}, {}, TypeError, ["'a' is a list"]),
    "objects": ({"a": np.array([object()])}, {}, TypeError, ["'a'", "dtype object", "want booleans"]),
    "words": ({"a": np.array(["b"])}, {}, TypeError, ["'a'", "<U1"]),
    "complex": ({"a": np.ones(2, complex)}, {}, TypeError, ["complex128"]),
    "a key that is no string": ({1: np.ones(2)}, {}, TypeError, ["key 1", "want strings"]),
    "a null": ({"a\0b": np.ones(2)}, {}, ValueError, ["'a\\x00b'"]),
    "reserved": ({"__metadata__": np.ones(2)}, {}, ValueError, ["__metadata__"]),
    "a long name": ({"a" * 2**14 + "b": np.ones(2)}, {}, ValueError, ["16384 characters"]),
    "half a pair": ({"\ud800": np.ones(2)}, {}, ValueError, ["surrogate"]),
    "metadata": ({}, {"epoch": 3}, TypeError, ["metadata 'epoch'", "int", "want a string"]),
    "metadata's half a pair": ({}, {"a": "\ud800"}, ValueError, ["metadata 'a'", "surrogate"]),
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("case", UNSAVABLE)
def test_what_cannot_be_saved(case: str, ending: str, tmp_path: Path):
    state, metadata, kind, words = UNSAVABLE[case]
    assert_refused(lambda: save(state, tmp_path / f"a{ending}", metadata), kind, words)
    assert list(tmp_path.iterdir()) == []


PATHS: dict[str, tuple[Any, Any, list[str]]] = {
    "an unknown ending": ("a.hdf", FileError, ["'a.hdf'", "ending '.hdf'", ".npz or .safetensors"]),
    "no ending": ("a", FileError, ["ending ''", ".npz"]),
    "PyTorch's pickle": ("a.pt", FileError, ["'.pt'", "safetensors.torch.save_file"]),
    "no folder": ("no/such/a.npz", FileError, ["a.npz", "no such folder", "no/such"]),
    "a number": (3, TypeError, ["path is a int", "want a string"]),
    "a null": ("a\0.npz", FileError, ["a\\x00.npz", "null"]),
}


@pytest.mark.parametrize("case", PATHS)
def test_paths_that_do_not_do(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    path, kind, words = PATHS[case]
    assert_refused(lambda: save({}, path), kind, words)
    assert_refused(lambda: load(path), kind, words)


NET = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
REFUSED: dict[str, tuple[Callable[[], Any], Any, list[str]]] = {
    "a limit that is NaN": (lambda: load("a.npz", limit=np.nan), ValueError, ["limit=nan"]),
    "a limit in words": (lambda: load_with_metadata("a.npz", limit="1G"), TypeError, ["limit='1G'"]),
    "metadata that are none": (lambda: save({}, "a.npz", "abc"), TypeError, ["metadata='abc'", "strings by name"]),
    "no state": (lambda: NET.load_state_dict(None), TypeError, ["state=None", "dict of arrays"]),
    "a state of words": (lambda: NET.load_state_dict(NET.state_dict() | {"0.bias": "ab"}), ValueError, ["0.bias is <U2; want numbers"]),
    "a ragged state": (lambda: NET.load_state_dict(NET.state_dict() | {"0.bias": [1, [2]]}), ValueError, ["0.bias is object; want numbers"]),
    "a state without names": (lambda: NET.load_state_dict({0: 1.0}), TypeError, ["key 0", "strings"]),
    "a state for no model": (lambda: from_torch({}, None), TypeError, ["from_torch: model=None; want a Module"]),
    "nothing for a model": (lambda: to_torch(None, NET), TypeError, ["to_torch: state=None"]),
    "a summary of nothing": (lambda: summary(None), TypeError, ["summary: model=None; want a Module"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str):
    assert_refused(*REFUSED[case])


def test_a_shared_parameter_of_words_is_named():
    net = nn.Sequential(NET[1], NET[1])
    words = ["0.weight is <U2; want numbers", "1.weight is <U2"]
    state = net.state_dict() | {"0.weight": "ab", "1.weight": "cd"}
    assert_refused(lambda: net.load_state_dict(state), ValueError, words)


def test_a_folder_is_not_a_file(tmp_path: Path):
    (tmp_path / "a.npz").mkdir()
    assert_refused(lambda: save({}, tmp_path / "a.npz"), FileError, ["a.npz", "directory"])
    assert_refused(lambda: load(tmp_path / "a.npz"), FileError, ["a.npz", "directory"])
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_a_missing_file_is_named_and_its_name_escaped(tmp_path: Path):
    assert_refused(
        lambda: load(tmp_path / "a\n\x1b[31m.npz"), FileError, ["a\\n\\x1b", "no such file"]
    )


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    words = ["safetensors", "pip install 'autonn[interop]'"]
    path = tmp_path / "a.safetensors"
    assert_refused(lambda: save({}, path), ModuleNotFoundError, words)
    path.write_bytes(b"")
    assert_refused(lambda: load(path), ModuleNotFoundError, words)
    assert path.read_bytes() == b""


# ----- Broken and hostile files -----


class Trap:
    """Unpickled, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    text = header.encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def describe(dtype: str, shape: str) -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n"


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def objects() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.array([Trap(Path("trapped"))], object), allow_pickle=True)
    return file.getvalue()


def lying() -> bytes:
    """Give an archive whose directory says that a member unpacks to 100 bytes: it does to 2**28."""
    data = zipped({"a.npy": bytes(2**28)}, zipfile.ZIP_DEFLATED)
    return patched(data, struct.pack("<I", 2**28), struct.pack("<I", 100))


def overlapping() -> bytes:
    """Give an archive whose directory names the same 10,000 bytes 50 times."""
    data = zipped({"a.npy": bytes(10_000)})
    at = data.index(b"PK\1\2")
    entry, end = data[at : data.index(b"PK\5\6")], data[data.index(b"PK\5\6") :]
    many = entry * 50
    end = end[:8] + struct.pack("<HHII", 50, 50, len(many), at) + end[20:]
    return data[:at] + many + end


ONES = np.ones(2).tobytes()
NPZ: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "nothing": (lambda: b"", [".npz"]),
    "text": (lambda: b"hello", [".npz"]),
    "a pickle": (lambda: pickle.dumps(Trap(Path("trapped"))), [".npz"]),
    "Python objects": (objects, ["'a'", "|O", "pickle"]),
    "a pickle in place of an array": (lambda: zipped({"a.npy": pickle.dumps(Trap(Path("trapped")))}), ["'a'", "not a NumPy array"]),
    "code in place of a header": (lambda: zipped({"a.npy": npy("__import__('os').mkdir('trapped')")}), ["'a'", "header"]),
    "a struct": (lambda: zipped({"a.npy": npy("{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (2,), }", ONES)}), ["'a'", "struct"]),
    "words": (lambda: zipped({"a.npy": npy(describe("<U2", "(2,)"), ONES)}), ["<U2", "want plain numbers"]),
    "no such dtype": (lambda: zipped({"a.npy": npy(describe("<f7", "(2,)"), ONES)}), ["<f7"]),
    "a huge shape": (lambda: zipped({"a.npy": npy(describe("<f8", "(1000000, 1000000)"), ONES)}), ["(1000000, 1000000)", "16 bytes"]),
    "a huge empty shape": (lambda: zipped({"a.npy": npy(describe("<f8", "(0, 99999999999999999999)"))}), ["a.npz"]),
    "a negative shape": (lambda: zipped({"a.npy": npy(describe("<f8", "(-2, -1)"), ONES)}), ["header"]),
    "100 axes": (lambda: zipped({"a.npy": npy(describe("|i1", "(" + "1, " * 100 + ")"), b"1")}), ["a.npz"]),
    "a deep header": (lambda: zipped({"a.npy": npy("(" * 60_000)}), ["header"]),
    "version 9": (lambda: zipped({"a.npy": npy(describe("<f8", "(2,)"), ONES, 9)}), ["not a NumPy array"]),
    "half a header": (lambda: zipped({"a.npy": npy(describe("<f8", "(2,)"), ONES)[:30]}), ["'a'"]),
    "something else": (lambda: zipped({"run.py": b"print(1)"}), ["'run.py'", "not an array"]),
    "two of a name": (lambda: patched(zipped({"a.npy": npy(describe("<f8", "(2,)"), ONES), "b.npy": npy(describe("<f8", "(2,)"), ONES)}), b"b.npy", b"a.npy"), ["two arrays 'a'"]),
    "metadata that is no dict": (lambda: zipped({"metadata.json": b"[1]"}), ["metadata.json", "strings"]),
    "metadata that is deep": (lambda: zipped({"metadata.json": b"[" * 100_000}), ["a.npz"]),
    "another packing": (lambda: zipped({"a.npy": bytes(1000)}, zipfile.ZIP_LZMA), ["'a.npy'", "by a method"]),
    "encrypted": (lambda: patched(zipped({"a.npy": ONES}), b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"), ["a.npz"]),
    "a bomb": (lambda: zipped({"a.npy": npy(describe("|i1", f"({2**28},)"), bytes(2**28))}, zipfile.ZIP_DEFLATED), ["268,435,", "limit=100,000,000"]),
    "a bomb in parts": (lambda: zipped({f"{i}.npy": bytes(2**25) for i in range(4)}, zipfile.ZIP_DEFLATED), ["134,217,728", "limit="]),
    "a lying directory": (lying, ["a.npz"]),
    "a directory that claims too much": (lambda: patched(zipped({"a.npy": bytes(1000)}, zipfile.ZIP_DEFLATED), struct.pack("<I", 1000), struct.pack("<I", 90_000_000)), ["claims 90,000,000"]),
    "overlapping parts": (overlapping, ["overlap"]),
}  # fmt: skip


@pytest.mark.parametrize("case", NPZ)
def test_hostile_npz(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    make, words = NPZ[case]
    assert_hostile(Path("a.npz"), make(), words)


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write_safetensors(path: Path, dtype: str, shape: list[int], data: bytes) -> None:
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}
    path.write_bytes(safetensors({"a": entry}, data))


def entry(dtype: str = "F64", shape: Any = (2,), offsets: Any = (0, 16)) -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


SAFETENSORS: dict[str, tuple[bytes, list[str]]] = {
    "nothing": (b"", ["not whole"]),
    "text": (b"hello world, this is text", [".safetensors"]),
    "a header longer than the file": (struct.pack("<Q", 2**62) + b"{}", ["not whole"]),
    "no JSON": (safetensors(b"{a}", ONES), [".safetensors"]),
    "deep JSON": (safetensors(b"[" * 100_000), [".safetensors"]),
    "a list": (safetensors([1]), [".safetensors"]),
    "a huge shape": (safetensors(entry(shape=(2**40, 2**40)), ONES), [".safetensors"]),
    "a huge empty shape": (safetensors(entry(shape=(0, 2**63), offsets=(0, 0))), [".safetensors"]),
    "a negative shape": (safetensors(entry(shape=(-2,)), ONES), [".safetensors"]),
    "offsets beyond the end": (safetensors(entry(shape=(4,), offsets=(0, 32)), ONES), [".safetensors"]),
    "offsets that are reversed": (safetensors(entry(offsets=(16, 0)), ONES), [".safetensors"]),
    "a hole": (safetensors(entry(shape=(1,), offsets=(8, 16)), ONES), [".safetensors"]),
    "an unknown dtype": (safetensors(entry("F99"), ONES), [".safetensors"]),
    "a dtype that NumPy lacks": (safetensors(entry("F8_E4M3", (16,)), ONES), ["'a'", "F8_E4M3", "want one of"]),
    "metadata that is no string": (safetensors({"__metadata__": {"a": 1}}), [".safetensors"]),
}  # fmt: skip


@pytest.mark.parametrize("case", SAFETENSORS)
def test_hostile_safetensors(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert_hostile(Path("a.safetensors"), *SAFETENSORS[case])


def assert_hostile(path: Path, data: bytes, words: list[str]) -> None:
    """Expect the one error, in memory of the file's order, and nothing executed."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        assert_refused(lambda: load(path, limit=100_000_000), FileError, [path.name, *words])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 * len(data) + 2_000_000  # a "[" of JSON is a list of some 100 bytes
    assert [p.name for p in Path().iterdir()] == [path.name]


def small_state() -> State:
    return {"w.0": np.arange(6.0).reshape(2, 3), "n": np.array(7), "b": np.array([True, False])}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_cut_anywhere_is_refused(ending: str, tmp_path: Path):
    path = tmp_path / f"a{ending}"
    save(small_state(), path, {"a": "b"})
    whole = path.read_bytes()
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(FileError, match=r"a\.(npz|safetensors)"):
            load(path)


@pytest.mark.parametrize("packed", [False, True])
def test_npz_with_flipped_bits_is_right_or_refused(packed: bool, tmp_path: Path):
    path = tmp_path / "a.npz"
    (np.savez_compressed if packed else np.savez)(path, **small_state())
    whole = path.read_bytes()
    refused = 0
    for seed in range(300):
        path.write_bytes(flipped(whole, seed))
        try:
            found = load(path)
        except FileError:
            refused += 1
        else:
            assert_same(found, small_state())
    assert 150 < refused < 300  # bits of dates and permissions do not matter


def test_safetensors_with_flipped_bits_is_read_as_it_stands_or_refused(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    save(small_state(), path, {"a": "b"})
    whole = path.read_bytes()
    size = sum(array.nbytes for array in small_state().values())
    refused = 0
    for seed in range(300):  # there is no checksum: within the data any bit is as good as another
        path.write_bytes(flipped(whole[:-size], seed) + whole[-size:])
        try:
            found = load(path)
        except FileError:
            refused += 1
        else:
            assert sum(array.nbytes for array in found.values()) == size
    assert 100 < refused < 300


def flipped(data: bytes, seed: int) -> bytes:
    """Flip one to three bits."""
    rng = np.random.default_rng(seed)
    broken = bytearray(data)
    for place in rng.integers(0, 8 * len(data), rng.integers(1, 4)):
        broken[place // 8] ^= 1 << place % 8
    return bytes(broken)


def test_trailing_bytes_do_not_hide_an_array(tmp_path: Path):
    path = tmp_path / "a.npz"
    save(small_state(), path)
    path.write_bytes(path.read_bytes() + zlib.compress(b"more"))
    assert_same(load(path), small_state())
