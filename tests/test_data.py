"""Data: what is read is what stands there; what is broken gets one kind of error with its place."""

from __future__ import annotations

import gzip
import io
import struct
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from refusals import assert_refused

from autonn import data
from autonn.data import (
    minibatches,
    one_hot,
    read_csv,
    read_idx,
    read_images,
    standardise,
    train_test_split,
)
from autonn.formats import FileError

Array = np.ndarray[Any, Any]
IN_A_FOLDER = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ----- IDX -----

CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def idx(array: Array) -> bytes:
    """Write the format: its own few lines, so that the reader is not its own judge."""
    head = struct.pack(
        f">BBBB{array.ndim}I", 0, 0, CODES[str(array.dtype)], array.ndim, *array.shape
    )
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
    )
)


@IN_A_FOLDER
@given(array=arrays, packed=st.booleans())
def test_idx_is_read(tmp_path: Path, array: Array, packed: bool):
    path = tmp_path / "größe 重み-idx"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    found = read_idx(path)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


def test_mnists_own_header(tmp_path: Path):
    path = tmp_path / "t10k-labels-idx1-ubyte"
    path.write_bytes(bytes.fromhex("00000801 00000004 07020100"))
    assert read_idx(path).tolist() == [7, 2, 1, 0]


IMAGES = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_that_is_cut_anywhere_is_refused(packed: bool, tmp_path: Path):
    path = tmp_path / "a.idx"
    whole = gzip.compress(idx(IMAGES)) if packed else idx(IMAGES)
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(FileError, match=r"a\.idx"):
            read_idx(path)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_with_flipped_bits_is_right_or_refused(packed: bool, tmp_path: Path):
    path = tmp_path / "a.idx"
    whole = gzip.compress(idx(IMAGES)) if packed else idx(IMAGES)
    header = len(whole) if packed else 16  # plain data have no checksum: any bit is as good
    refused = 0
    for seed in range(300):
        path.write_bytes(flipped(whole[:header], seed) + whole[header:])
        try:
            found = read_idx(path)
        except FileError:
            refused += 1
        else:
            assert found.astype(found.dtype.newbyteorder(">")).tobytes() == idx(IMAGES)[16:]
    assert 150 < refused <= 300


def flipped(whole: bytes, seed: int) -> bytes:
    """Flip one to three bits."""
    draw = rng(seed)
    broken = bytearray(whole)
    for place in draw.integers(0, 8 * len(whole), draw.integers(1, 4)):
        broken[place // 8] ^= 1 << place % 8
    return bytes(broken)


HOSTILE_IDX: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "nothing": (lambda: b"", ["begins with the bytes of nothing"]),
    "text": (lambda: b"hello", ["68 65 6c 6c", "00 00"]),
    "no such dtype": (lambda: bytes.fromhex("00000a01 00000000"), ["00 00 0a 01"]),
    "more lengths than there are": (lambda: bytes.fromhex("000008ff 00000000"), ["want 255 lengths"]),
    "100 axes": (lambda: b"\0\0\x08\x64" + b"\0\0\0\1" * 100 + b"\1", ["an IDX file"]),
    "a huge shape": (lambda: b"\0\0\x0e\x04" + b"\xff" * 16 + b"\1", ["float64 of shape (4294967295,", "more than the file can hold"]),
    "too little": (lambda: idx(IMAGES)[:-1], ["int16 of shape (2, 3, 4): 48 bytes", "47 are there"]),
    "too much": (lambda: idx(IMAGES) + b"\0", ["48 bytes, but more are there"]),
    "too little, packed": (lambda: gzip.compress(idx(IMAGES)[:-1]), ["48 bytes, but 47 are there"]),
    "too much, packed": (lambda: gzip.compress(idx(IMAGES) + b"\0"), ["but more are there"]),
    "a bomb": (lambda: gzip.compress(b"\0\0\x08\1" + struct.pack(">I", 2**28) + bytes(2**28)), ["268,435,456 bytes", "limit=100,000,000"]),
    "a bomb behind the numbers": (lambda: gzip.compress(idx(IMAGES) + bytes(2**28)), ["more are there"]),
    "a bomb that is packed twice": (lambda: gzip.compress(gzip.compress(bytes(2**28))), ["1f 8b"]),
    "a packed header alone": (lambda: gzip.compress(b"\0\0\x08\1" + struct.pack(">I", 2**20)), ["more than the file can hold"]),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE_IDX)
def test_hostile_idx(case: str, tmp_path: Path):
    make, words = HOSTILE_IDX[case]
    path = tmp_path / "a.idx"
    path.write_bytes(make())
    tracemalloc.start()
    try:
        assert_refused(lambda: read_idx(path, limit=100_000_000), FileError, ["a.idx", *words])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


# ----- Tables -----

IRIS = "petal,width,species\n1.4,0.2,setosa\n4.7,1.4,versicolor\n5.1,1.9,setosa\n"


def csv_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "größe.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


TABLES: dict[str, tuple[str, dict[str, Any], list[Any], list[Any] | None, tuple[str, ...], tuple[str, ...]]] = {
    "a class": (IRIS, {"target": "species"}, [[1.4, 0.2], [4.7, 1.4], [5.1, 1.9]], [0, 1, 0], ("petal", "width"), ("setosa", "versicolor")),
    "the last column": (IRIS, {"target": -1}, [[1.4, 0.2], [4.7, 1.4], [5.1, 1.9]], [0, 1, 0], ("petal", "width"), ("setosa", "versicolor")),
    "a number": (IRIS, {"target": "width"}, [[1.4, 0], [4.7, 1], [5.1, 0]], [0.2, 1.4, 1.9], ("petal", "species"), ()),
    "no target": (IRIS, {}, [[1.4, 0.2, 0], [4.7, 1.4, 1], [5.1, 1.9, 0]], None, ("petal", "width", "species"), ()),
    "no header": ("1,2\n3,4\n", {"header": False, "target": 0}, [[2], [4]], [1, 3], ("1",), ()),
    "semicolons": ("a;b\n1;2\n", {"delimiter": ";"}, [[1, 2]], None, ("a", "b"), ()),
    "tabs": ("a\tb\n1\t2\n", {"delimiter": "\t"}, [[1, 2]], None, ("a", "b"), ()),
    "a byte order mark, CRLF, spaces, empty lines": ("\ufeffa, b\r\n\r\n 1 , 2\r\n\r\n", {}, [[1, 2]], None, ("a", "b"), ()),
    "no line end": ("a,b\n1,2", {}, [[1, 2]], None, ("a", "b"), ()),
    "quotes": ('a,"b ""c"", d"\n1,"x\ny"\n2,"u, v"\n', {"target": 'b "c", d'}, [[1], [2]], [1, 0], ("a",), ("u, v", "x\ny")),
    "numbers": ("a\n-1.5e3\n+.5\n2.\n-inf\n", {}, [[-1500], [0.5], [2], [-np.inf]], None, ("a",), ()),
    "words that look like numbers": ("zip,y\n01067,1\n10115,2\n01067,3\n", {"words": ["zip"], "target": "y"}, [[0], [1], [0]], [1, 2, 3], ("zip",), ()),
    "words that look missing": ("country\nNA\nDE\n", {"words": ["country"], "target": 0}, [[], []], [1, 0], (), ("DE", "NA")),
    "whole numbers as floats": ("y\n1\n2.0\n", {"target": "y"}, [[], []], [1.0, 2.0], (), ()),
    "numbers too long for int64": ("y\n1\n99999999999999999999\n", {"target": "y"}, [[], []], [1.0, 1e20], (), ()),
    "latin-1": ("größe\n1\n", {"encoding": "latin-1"}, [[1]], None, ("grÃ¶Ã\x9fe",), ()),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_tables(case: str, tmp_path: Path):
    text, options, x, y, names, classes = TABLES[case]
    table = read_csv(csv_file(tmp_path, text), **options)
    np.testing.assert_array_equal(table.x, np.array(x, float))
    assert table.x.dtype == np.float64
    if y is None:
        assert table.y is None
    else:
        assert table.y is not None
        assert table.y.tolist() == y
        assert table.y.dtype == (np.int64 if isinstance(y[0], int) else np.float64)
    assert (table.names, table.classes) == (names, classes)


def test_a_tables_categories_give_the_words_back(tmp_path: Path):
    table = read_csv(csv_file(tmp_path, IRIS))
    assert table.categories == {"species": ("setosa", "versicolor")}


@IN_A_FOLDER
@given(
    x=hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.floats(allow_nan=False))
)  # fmt: skip
def test_any_numbers_come_back(tmp_path: Path, x: Array):
    lines = [",".join(map(repr, row)) for row in x.tolist()]
    found = read_csv(csv_file(tmp_path, "\n".join(lines)), header=False).x
    np.testing.assert_array_equal(found, x)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(x))


def test_missing_cells_are_told(tmp_path: Path):
    path = csv_file(tmp_path, "a,b\n1,x\n,y\nNA,?\n2,x\n")
    with pytest.warns(
        UserWarning, match="3 cells are missing, the first in line 3, column 'a'"
    ) as told:
        table = read_csv(path)
    assert told[0].filename == __file__
    np.testing.assert_array_equal(table.x, [[1, 0], [np.nan, 1], [np.nan, np.nan], [2, 0]])
    assert table.categories == {"b": ("x", "y")}


BAD_TABLES: dict[str, tuple[str | bytes, dict[str, Any], Any, list[str]]] = {
    "empty": ("", {}, FileError, ["größe.csv", "is empty"]),
    "a header alone": ("a,b\n", {}, FileError, ["no examples"]),
    "a word among numbers": ("a,b\n1,2\n3,x\n", {}, FileError, ["line 3, column 'b'", "'x' is not a number, as 2 is", "words=['b']"]),
    "an underscore": ("a\n1\n1_000\n", {}, FileError, ["line 3", "'1_000'"]),
    "a number of another script": ("a\n1\n٣\n", {}, FileError, ["line 3", "'٣'"]),
    "a short line": ("a,b\n1,2\n3\n", {}, FileError, ["line 3 has 1 columns; want 2, as in line 1"]),
    "a long line": ("a,b\n1,2,3\n", {}, FileError, ["line 2 has 3"]),
    "no names": ("1,2\n3,4\n", {}, FileError, ["line 1 holds numbers", "header=False"]),
    "two of a name": ("a,a\n1,2\n", {}, FileError, ["line 1", "two columns are called 'a'"]),
    "a target that is missing": ("a,y\n1,2\n3,\n", {"target": "y"}, FileError, ["line 3, column 'y'", "the target is missing"]),
    "no such target": (IRIS, {"target": "colour"}, ValueError, ["target='colour'", "'petal', 'width', 'species'"]),
    "no such place": (IRIS, {"target": 3}, ValueError, ["target=3"]),
    "no such words": (IRIS, {"words": ["colour"]}, ValueError, ["words='colour'"]),
    "two delimiters": (IRIS, {"delimiter": "::"}, ValueError, ["delimiter='::'", "one character"]),
    "an open quote": ('a\n"1\n', {}, FileError, ["line 2"]),
    "a huge cell": ("a\n" + "1" * 200_000, {}, FileError, ["line 2", "field larger"]),
    "not text": (b"a,b\n1,\xff\n", {}, FileError, ["not utf-8-sig text", "encoding="]),
    "nulls": (b"a,b\n1,\0\n", {}, FileError, ["größe.csv", "line"]),
    "no such encoding": (IRIS, {"encoding": "utf-99"}, FileError, ["utf-99"]),
    "an archive": (gzip.compress(IRIS.encode()), {}, FileError, ["größe.csv"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables(case: str, tmp_path: Path):
    text, options, kind, words = BAD_TABLES[case]
    path = csv_file(tmp_path, text)
    assert_refused(lambda: read_csv(path, **options), kind, words)


def test_tables_with_flipped_bits_are_read_or_refused(tmp_path: Path):
    refused = 0
    for seed in range(300):
        path = csv_file(tmp_path, flipped(IRIS.encode(), seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                table = read_csv(path)
            except FileError:
                refused += 1
            else:
                assert table.x.shape in {(n, m) for n in (1, 2, 3, 4) for m in (2, 3, 4)}
    assert 50 < refused < 250


# ----- Images -----


def image_folder(folder: Path, images: dict[str, Any]) -> Path:
    root = folder / "images"
    for name, image in images.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(image, bytes):
            (root / name).write_bytes(image)
        else:
            image.save(root / name)
    return root


def plain(colour: Any, size: tuple[int, int] = (6, 4), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def test_images_are_read_in_order(tmp_path: Path):
    pixels = rng().integers(0, 256, (4, 6, 3), np.uint8)
    root = image_folder(
        tmp_path,
        {
            "hund/b.png": plain((255, 0, 0)),
            "hund/a.bmp": Image.fromarray(pixels),
            "Äpfel/größe 1.png": plain((0, 0, 255)),
            "Äpfel/.hidden": b"no image",
            ".git/x": b"no image",
        },
    )
    images = read_images(root)
    assert images.classes == ("hund", "Äpfel")
    assert [path.name for path in images.paths] == ["a.bmp", "b.png", "größe 1.png"]
    assert images.y.tolist() == [0, 0, 1]
    assert (images.x.dtype, images.y.dtype, images.x.shape) == (np.float32, np.int64, (3, 3, 4, 6))
    np.testing.assert_array_equal(images.x[0], pixels.transpose(2, 0, 1) / np.float32(255))
    np.testing.assert_array_equal(images.x[1, :, 0, 0], [1, 0, 0])


MODES: dict[str, tuple[Image.Image, dict[str, Any], tuple[int, ...], list[float]]] = {
    "grey": (plain(51, mode="L"), {}, (3, 4, 6), [0.2, 0.2, 0.2]),
    "colour as grey": (plain((255, 255, 255)), {"grayscale": True}, (1, 4, 6), [1.0]),
    "transparent": (plain((255, 0, 51, 0), mode="RGBA"), {}, (3, 4, 6), [1, 0, 0.2]),
    "a palette": (plain((255, 0, 0)).convert("P"), {}, (3, 4, 6), [1, 0, 0]),
    "black and white": (plain(1, mode="1"), {"grayscale": True}, (1, 4, 6), [1]),
    "scaled to height and width": (plain((0, 255, 0)), {"size": (2, 5)}, (3, 2, 5), [0, 1, 0]),
    "scaled to a square": (plain((0, 255, 0)), {"size": 3}, (3, 3, 3), [0, 1, 0]),
}  # fmt: skip


@pytest.mark.parametrize("case", MODES)
def test_kinds_of_images(case: str, tmp_path: Path):
    image, options, shape, colour = MODES[case]
    x = read_images(image_folder(tmp_path, {"a/1.png": image}), **options).x[0]
    assert x.shape == shape
    np.testing.assert_allclose(x[:, 0, 0], colour, rtol=1e-6)


def test_photographs_are_turned_as_the_camera_says(tmp_path: Path):
    image, exif = plain((255, 0, 0)), Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images" / "a").mkdir(parents=True)
    image.save(tmp_path / "images" / "a" / "1.jpg", exif=exif)
    assert read_images(tmp_path / "images").x.shape == (1, 3, 6, 4)


BAD_FOLDERS: dict[str, tuple[Callable[[], dict[str, Any]], dict[str, Any], Any, list[str]]] = {
    "text": (lambda: {"a/1.png": plain(0), "a/notes.txt": b"hello"}, {}, FileError, ["notes.txt", "not an image"]),
    "half an image": (lambda: {"a/1.png": png(Image.effect_noise((64, 64), 50))[:2000]}, {}, FileError, ["1.png", "not whole"]),
    "an empty file": (lambda: {"a/1.png": b""}, {}, FileError, ["1.png"]),
    "several sizes": (lambda: {"a/1.png": plain(0), "a/2.png": plain(0, (5, 4))}, {}, FileError, ["2.png", "4 × 5", "'1.png' is 4 × 6", "size="]),
    "a file beside the classes": (lambda: {"a/1.png": plain(0), "2.png": plain(0)}, {}, FileError, ["the file '2.png'", "folder for each class"]),
    "a folder in a class": (lambda: {"a/b/1.png": plain(0)}, {}, FileError, ["not a file"]),
    "a class without images": (lambda: {"a/1.png": plain(0), "b/.keep": b""}, {}, FileError, ["the class 'b' has no images"]),
    "no classes": (lambda: {".keep": b""}, {}, FileError, ["is empty"]),
    "16 bits": (lambda: {"a/1.png": Image.fromarray(np.ones((2, 2), np.uint16))}, {}, FileError, ["1.png", "mode 'I", "8 bits"]),
    "too large an image": (lambda: {"a/1.png": plain(0, (500, 400))}, {"limit": 500_000, "size": 2}, FileError, ["500 × 400 pixels", "limit=500,000"]),
    "too many images": (lambda: {f"a/{i}.png": plain(0) for i in range(9)}, {"limit": 1000}, FileError, ["9 images of 4 × 6 take 2,592", "limit=1,000"]),
    "a size of 0": (lambda: {"a/1.png": plain(0)}, {"size": 0}, ValueError, ["size=0", "(height, width)"]),
    "a size of three": (lambda: {"a/1.png": plain(0)}, {"size": (1, 2, 3)}, ValueError, ["size=(1, 2, 3)"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_bad_folders(case: str, tmp_path: Path):
    make, options, kind, words = BAD_FOLDERS[case]
    root = image_folder(tmp_path, make())
    assert_refused(lambda: read_images(root, **options), kind, words)


def test_a_missing_folder_and_a_missing_library_are_named(tmp_path: Path, monkeypatch: Any):
    assert_refused(lambda: read_images(tmp_path / "no\nsuch"), FileError, ["no\\nsuch", "no such"])
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert_refused(
        lambda: read_images(tmp_path), ModuleNotFoundError, ["pip install 'autonn[images]'"]
    )


@pytest.mark.parametrize("format", ["png", "jpeg", "gif", "bmp", "tiff"])
def test_images_with_flipped_bits_are_read_or_refused(format: str, tmp_path: Path):
    file = io.BytesIO()
    plain((10, 200, 30)).save(file, format)
    root, refused = tmp_path / "images", 0
    for seed in range(50):
        broken = flipped(file.getvalue(), seed)
        image_folder(tmp_path, {"a/1": broken})
        try:
            images = read_images(root, limit=10_000_000)
        except FileError:
            refused += 1
        else:
            assert images.x.dtype == np.float32
    assert refused


# ----- Batches and splits -----


@pytest.mark.parametrize("test", [1, 3, 9, 0.2, 0.5, np.float32(0.3), np.int64(2)])
def test_a_split_holds_each_example_once(test: Any):
    x, y = np.arange(10), np.arange(10) * 2
    x_train, x_test, y_train, y_test = train_test_split(x, y, test=test, rng=rng())
    assert len(x_test) == (test if test >= 1 else round(test * 10))
    assert sorted([*x_train, *x_test]) == list(range(10))
    np.testing.assert_array_equal(y_train, 2 * x_train)
    np.testing.assert_array_equal(y_test, 2 * x_test)


def test_a_split_is_drawn_by_its_generator_alone():
    x = np.arange(100)
    for stratify in (None, x % 3):
        one, same, other = (
            train_test_split(x, test=30, rng=rng(seed), stratify=stratify) for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(one[1], same[1])
        assert set(one[1]) != set(other[1])
        assert all(sorted(part) != part.tolist() for part in one)  # classes are mixed


@settings(max_examples=100)
@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 9),
)
def test_a_stratified_split_keeps_the_shares(labels: list[int], share: float, seed: int):
    y = np.array(labels)
    count = min(max(round(share * len(y)), 1), len(y) - 1)
    train, test = train_test_split(np.arange(len(y)), test=count, rng=rng(seed), stratify=y)
    assert sorted([*train, *test]) == list(range(len(y)))
    assert len(test) == count
    for label, n in zip(*np.unique(y, return_counts=True), strict=True):
        assert abs((y[test] == label).sum() - n * count / len(y)) < 1


def test_stratify_by_words():
    y = np.array(["a", "b"] * 10)
    _, test = train_test_split(y, test=0.2, rng=rng(), stratify=y)
    assert sorted(test) == ["a", "a", "b", "b"]


@pytest.mark.parametrize("labels", [[2, 0, 1], [[0, 1], [2, 2]], 1, []])
def test_one_hot(labels: Any):
    labels = np.array(labels, np.int64)
    y = one_hot(labels, 3, np.float64)
    assert y.shape == (*labels.shape, 3)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, np.eye(3)[labels])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_standardise(dtype: str):
    x = rng().integers(0, 9, (50, 2, 3)).astype(dtype)
    x[:, 1, 2] = 7
    a, b = standardise(x, x[:5] + 1)
    assert a.dtype == b.dtype == (dtype if dtype.startswith("f") else "float64")
    changing = np.ones((2, 3), bool)
    changing[1, 2] = False
    np.testing.assert_allclose(a.mean(0)[changing], 0, atol=1e-6)
    np.testing.assert_allclose(a.std(0)[changing], 1, rtol=1e-6)
    assert (a[:, 1, 2] == 7).all()
    wanted = (x[:5] + 1.0 - x.mean(0, float)) / np.where(changing, x.std(0, dtype=float), 1)
    np.testing.assert_allclose(b[:, changing], wanted[:, changing], rtol=1e-4, atol=1e-5)
    assert (b[:, 1, 2] == 8).all()


def test_a_constant_feature_stays_though_its_std_rounds():
    x = np.full((3, 1), 0.1)
    assert x.std() > 0
    np.testing.assert_array_equal(standardise(x)[0], x)


def test_nan_is_told_and_left_out_of_the_statistics():
    x = np.array([[1.0, np.nan, np.nan], [3.0, np.nan, 5.0], [np.nan, np.nan, 5.0]])
    with pytest.warns(
        UserWarning, match="5 values of x_train are NaN, in features 0, 1, 2"
    ) as told:
        (y,) = standardise(x)
    assert told[0].filename == __file__
    np.testing.assert_array_equal(y, [[-1, np.nan, np.nan], [1, np.nan, 5], [np.nan, np.nan, 5]])


def test_minibatches_check_at_once_and_shuffle_anew():
    with pytest.raises(ValueError, match="size=0"):
        minibatches(np.ones(3), size=0)
    generator, x = rng(), np.arange(50)
    first, second = (
        np.concatenate([b for (b,) in minibatches(x, size=7, rng=generator)]) for _ in "ab"
    )
    assert sorted(first) == sorted(second) == x.tolist()
    assert first.tolist() != second.tolist()


REFUSED: dict[str, tuple[Callable[[], Any], Any, list[str]]] = {
    "batches of nothing": (lambda: minibatches(np.empty((0, 3)), size=2), ValueError, ["minibatches", "empty"]),
    "batches without arrays": (lambda: minibatches(size=2), ValueError, ["minibatches", "one length"]),
    "batches of several lengths": (lambda: minibatches(np.ones(3), np.ones(3), np.ones(2), size=2), ValueError, ["the first 3, array 2", "2"]),
    "batches of a list": (lambda: minibatches([1, 2], size=2), TypeError, ["array 0 is a list", "want an array"]),
    "batches of a number": (lambda: minibatches(np.array(1.0), size=2), TypeError, ["shape ()"]),
    "batches by a seed": (lambda: minibatches(np.ones(3), size=2, rng=3), TypeError, ["rng=3", "np.random.default_rng(3)"]),
    "a split by a seed": (lambda: train_test_split(np.ones(3), rng=3), TypeError, ["np.random.default_rng(3)"]),
    "a split of nothing": (lambda: train_test_split(np.ones(0), rng=rng()), ValueError, ["empty"]),
    "a split of several lengths": (lambda: train_test_split(np.ones(3), np.ones(2), rng=rng()), ValueError, ["array 1", "2"]),
    "a split that holds out all": (lambda: train_test_split(np.ones(3), test=3, rng=rng()), ValueError, ["test=3 holds out 3 of 3"]),
    "a split that holds out none": (lambda: train_test_split(np.ones(3), test=0.1, rng=rng()), ValueError, ["test=0.1 holds out 0 of 3"]),
    "a share above 1": (lambda: train_test_split(np.ones(3), test=1.5, rng=rng()), ValueError, ["test=1.5"]),
    "a share of NaN": (lambda: train_test_split(np.ones(3), test=float("nan"), rng=rng()), ValueError, ["test=nan"]),
    "a share of words": (lambda: train_test_split(np.ones(3), test="a", rng=rng()), ValueError, ["test='a'"]),
    "a negative number": (lambda: train_test_split(np.ones(3), test=-1, rng=rng()), ValueError, ["test=-1"]),
    "labels of another length": (lambda: train_test_split(np.ones(3), rng=rng(), stratify=np.ones(2)), ValueError, ["stratify", "2"]),
    "labels of two axes": (lambda: train_test_split(np.ones(3), test=1, rng=rng(), stratify=np.ones((3, 1))), ValueError, ["stratify has shape (3, 1)"]),
    "a label that is too large": (lambda: one_hot(np.array([[0, 1], [2, 3]]), 3), ValueError, ["labels[1, 1] is 3; want 0 to 2"]),
    "a label below 0": (lambda: one_hot(np.array([0, -1]), 3), ValueError, ["labels[1] is -1"]),
    "labels that are floats": (lambda: one_hot(np.array([0.0]), 3), TypeError, ["float64", "want integers"]),
    "no classes": (lambda: one_hot(np.array([0]), 0), ValueError, ["classes=0"]),
    "infinite features": (lambda: standardise(np.array([[1.0, 2.0], [3.0, np.inf]])), ValueError, ["x_train[1, 1] is inf"]),
    "other features": (lambda: standardise(np.ones((3, 2)), np.ones((3, 2)), np.ones((3, 4))), ValueError, ["others[1] has shape (3, 4); want (n, 2)"]),
    "features that are words": (lambda: standardise(np.array(["a"])), TypeError, ["x_train is <U1"]),
    "features of nothing": (lambda: standardise(np.empty((0, 2))), ValueError, ["standardise", "empty"]),
    "others that are a list": (lambda: standardise(np.ones((3, 2)), [[1, 2]]), TypeError, ["others[0] is list"]),
    "batches of a size in words": (lambda: minibatches(np.ones(3), size="2"), TypeError, ["size='2'", "whole number"]),
    "batches of 0": (lambda: minibatches(np.ones(3), size=0), ValueError, ["size=0"]),
    "labels that are ragged": (lambda: one_hot([1, [2]], 3), TypeError, ["labels=[1, [2]]", "array of numbers"]),
    "more classes than memory": (lambda: one_hot(np.array([0]), 10**30), ValueError, ["does not fit into memory"]),
    "no dtype": (lambda: one_hot(np.array([0]), 3, "abc"), TypeError, ["dtype='abc'", "np.float32"]),
    "digits of words": (lambda: data.load_digits(dtype="U1"), TypeError, ["dtype='U1'"]),
    "half a digit": (lambda: data.load_digits(test=2.5), TypeError, ["test=2.5"]),
    "a seed below 0": (lambda: data.load_digits(seed=-1), ValueError, ["seed=-1"]),
    "no table": (lambda: read_csv(None), TypeError, ["path is a NoneType"]),
    "words that are a number": (lambda: read_csv("a.csv", words=3), TypeError, ["words=3", "list of columns"]),
    "no encoding": (lambda: read_csv("a.csv", encoding=None), TypeError, ["encoding=None"]),
    "no IDX file": (lambda: read_idx(3), TypeError, ["path is a int"]),
    "a limit that is no number": (lambda: read_idx("a.idx", limit=np.nan), ValueError, ["limit=nan"]),
    "no folder": (lambda: read_images(3), TypeError, ["path is a int"]),
    "more digits than there are": (lambda: data.load_digits(test=9999), ValueError, ["9999"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str):
    assert_refused(*REFUSED[case])


def test_every_public_name_is_told():
    assert sorted(data.__all__) == data.__all__
    assert all(hasattr(data, name) for name in data.__all__)


@pytest.mark.parametrize("cell", ["1,5", "1_000", "0x10", "12%", "$3", "1.234,5"])
def test_numbers_in_another_spelling_are_no_words(cell: str, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text(f"a;b\n{cell};2\n2;1\n", encoding="utf-8")
    with pytest.raises(FileError, match="another spelling"):
        read_csv(path, delimiter=";")
    assert read_csv(path, delimiter=";", words=["a"]).categories["a"] == tuple(sorted([cell, "2"]))
