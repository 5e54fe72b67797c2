"""Folders of images: one folder for each class, named after it."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autonn.arguments import Bound, checked
from autonn.files import checked_path
from autonn.formats import LIMIT, Array, FileError, about, needed

Size = tuple[int, int]


class Images(NamedTuple):
    """Images that were read, and their classes.

    Attributes
    ----------
    x
        (n, channels, height, width), float32 from 0 to 1: red, green and blue, or grey.
    y
        (n,), int64: the place of each one's class in `classes`.
    classes
        The folders' names, sorted.
    paths
        The files, in x's order.
    """

    x: Array
    y: Array
    classes: tuple[str, ...]
    paths: tuple[Path, ...]


@checked
def read_images(
    folder: str | os.PathLike[str],
    size: int | Size | None = None,
    grayscale: bool = False,
    limit: Bound = LIMIT,
) -> Images:
    """Read `folder/class/image`: every file that Pillow knows, in the order of their names.

    Names that begin with a dot are passed over, transparency is left out, photographs are turned
    as their camera says, and of moving images the first is taken.

    Parameters
    ----------
    folder
        It holds a folder for each class, and these hold nothing but images.
    size
        (height, width), or one number for both, to which all are scaled (bilinear); None to leave
        them as they are: then they must be of one size.
    grayscale
        Whether to read brightness in place of red, green and blue.
    limit
        How many bytes x, or one image, may take.

    Returns
    -------
    Images
        x, y, classes and paths.

    Raises
    ------
    FileError
        If the folder is missing or empty, a file is not an image or not whole, or their sizes
        differ: it names the file.
    ModuleNotFoundError
        Without Pillow: pip install 'autonn[images]'.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         (Path(folder) / name).mkdir()
    ...         Image.new("RGB", (6, 4), "white").save(f"{folder}/{name}/1.png")
    ...     images = read_images(folder, grayscale=True)
    >>> images.x.shape, images.y.tolist(), images.classes
    ((2, 1, 4, 6), [0, 1], ('cat', 'dog'))
    """
    needed("PIL.Image", "images", "read_images")
    folder = checked_path(folder)
    wanted = _checked_size(size)
    with about(folder, "a folder of images"):
        classes, found = _list(folder)
    arrays: list[Array] = []
    for path, _ in found:
        with about(path, "an image"):
            array = _read(path, wanted, grayscale, limit)
            if arrays and array.shape != arrays[0].shape:
                told = f"is {_size(array)}, but {found[0][0].name!r} is {_size(arrays[0])}"
                raise FileError(f"{told} (height × width): scale all with size=(height, width)")
            if 4 * len(found) * array.size > limit:
                told = f"{len(found)} images of {_size(array)} take {4 * len(found) * array.size:,}"
                raise FileError(f"{told} bytes; want at most limit={limit:,}: a smaller size=?")
        arrays.append(array)
    x = np.stack(arrays).astype(np.float32)
    x /= 255
    y = np.array([label for _, label in found], np.int64)
    return Images(x, y, classes, tuple(path for path, _ in found))


def _checked_size(size: Any) -> Size | None:
    if size is None:
        return None
    both = (size, size) if isinstance(size, int) else size
    if (
        not isinstance(both, tuple | list)
        or len(both) != 2
        or not all(isinstance(n, int) and 0 < n < 2**15 for n in both)
    ):
        told = "want (height, width) in pixels, or one number for both"
        raise ValueError(f"read_images: size={size!r}; {told}")
    return both[0], both[1]


def _list(folder: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Give the classes, and the files with their classes' places."""
    entries = _visible(folder)
    stray = [path.name for path in entries if not path.is_dir()]
    if stray:
        raise FileError(f"holds the file {stray[0]!r}; want a folder for each class, and no more")
    if not entries:
        raise FileError("is empty; want a folder for each class, with images in it")
    found: list[tuple[Path, int]] = []
    for label, entry in enumerate(entries):
        files = _visible(entry)
        if not files:
            raise FileError(f"the class {entry.name!r} has no images")
        found += [(path, label) for path in files]
    return tuple(path.name for path in entries), found


def _visible(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if p.name[:1] != "."), key=lambda p: p.name)


def _read(path: Path, size: Size | None, grayscale: bool, limit: float) -> Array:
    """Read one as (channels, height, width), uint8."""
    pillow = needed("PIL.Image", "images", "read_images")
    turn = needed("PIL.ImageOps", "images", "read_images").exif_transpose
    if not path.is_file():
        raise FileError("is not a file; want images, and no folders in a class's folder")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of what it can only half read
            with pillow.open(path) as image:
                if 3 * image.width * image.height > limit:
                    told = f"{image.width} × {image.height} pixels take more than limit={limit:,}"
                    raise FileError(f"{told} bytes")
                if image.mode[:1] in "IF":
                    raise FileError(f"has mode {image.mode!r}; want 8 bits for each channel")
                image = turn(image).convert("L" if grayscale else "RGB")
                if size is not None:
                    image = image.resize(size[::-1], pillow.Resampling.BILINEAR)
                pixels = np.asarray(image, np.uint8)
    except FileError:
        raise
    except Exception as error:  # a decoder meets any file, and raises what it likes
        raise FileError(f"not whole, or not an image: {error!s:.200}") from error
    return np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0)


def _size(array: Array) -> str:
    return f"{array.shape[1]} × {array.shape[2]}"
