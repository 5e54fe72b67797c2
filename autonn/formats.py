"""Two ways to write named arrays into a file, .npz and .safetensors, and to read them with care."""

from __future__ import annotations

import errno
import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from autonn.texts import printable

Array = np.ndarray[Any, Any]
Contents = tuple[dict[str, Array], dict[str, str]]

LIMIT = 2**30
"""How many bytes a compressed file may unpack to, unless its reader is told otherwise: 1 GiB."""

DEFLATE = 1032
"""At most so many bytes does deflate, which zip and gzip use, make of one."""


class FileError(ValueError):
    """What is wrong with a file: it is missing, not whole, foreign, or holds what is refused."""


# What readers of broken files raise: Python's own errors, and those of the libraries.
BUILTIN = OSError, ValueError, EOFError, LookupError, OverflowError, RuntimeError, MemoryError
BROKEN = (*BUILTIN, struct.error, zlib.error, zipfile.BadZipFile)


@contextmanager
def about(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever goes wrong with a file into a `FileError` that names it.

    What an error repeats of the file is told in letters that can be seen.

    Parameters
    ----------
    path
        Of the file.
    kind
        What it should be, such as "an IDX file".

    Examples
    --------
    >>> with about(Path("a.idx"), "an IDX file"):
    ...     raise EOFError("no more bytes")
    Traceback (most recent call last):
    autonn.formats.FileError: 'a.idx': not whole, or not an IDX file: no more bytes
    """
    name = repr(str(path))  # as repr has it: a name may hold line breaks and worse
    try:
        yield
    except FileError as error:
        raise FileError(f"{name}: {printable(str(error))}") from None
    except FileNotFoundError as error:
        what = "file" if path.parent.is_dir() else f"folder {str(path.parent)!r}"
        raise FileError(f"{name}: there is no such {what}") from error
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            # the system's, and not that of a seek to where a broken file points
            raise FileError(f"{name}: {os.strerror(error.errno).lower()}") from error
        raise FileError(f"{name}: not whole, or not {kind}: {printable(str(error))}") from error


def needed(module: str, extra: str, what: str) -> ModuleType:
    """Import a module that an optional extra brings.

    Raises
    ------
    ModuleNotFoundError
        Saying how it is installed.

    Examples
    --------
    >>> needed("no_such_module", "interop", "a .safetensors file")
    Traceback (most recent call last):
    ModuleNotFoundError: a .safetensors file needs no_such_module: pip install 'autonn[interop]'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        told = f"{what} needs {top}: pip install 'autonn[{extra}]'"
        raise ModuleNotFoundError(told, name=error.name) from None


def native(data: Any, dtype: np.dtype[Any], shape: Iterable[int], order: Any = "C") -> Array:
    """Give bytes as an array of one's own, in the machine's byte order."""
    array = np.frombuffer(data, dtype).reshape(tuple(shape), order=order)
    return array.astype(dtype.newbyteorder("="))


# ----- .npz: a zip archive with a .npy file for each array -----

METADATA = "metadata.json"
HEADER = re.compile(
    r"\{'descr': (?:'([<>|=]?[a-zA-Z]\d*)'|\[.*\]), "
    r"'fortran_order': (True|False), 'shape': \(([\d, ]*)\),? *\} *\n?"
)
PLAIN = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


def write_npz(file: BinaryIO, state: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write what `np.savez` writes, and metadata as JSON; the same state gives the same bytes."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in state.items():
            with archive.open(_member(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        if metadata:
            archive.writestr(_member(METADATA), json.dumps(dict(metadata)))


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)  # with no date, lest two files differ by it
    info.external_attr = 0o600 << 16
    return info


def read_npz(file: BinaryIO, size: int, limit: float) -> Contents:
    """Read what `write_npz`, `np.savez` or `np.savez_compressed` wrote into a file of this size.

    Sizes are compared with each other and with the file before anything is unpacked, and headers
    are matched, not evaluated.
    """
    state: dict[str, Array] = {}
    metadata: dict[str, str] = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _check_count(file, size, len(members))
        _check_sizes(members, size, limit)
        for info in members:
            with archive.open(info) as member:
                data = member.read(info.file_size)  # no more than that, whatever is packed
            name = info.filename.removesuffix(".npy")
            if info.filename == METADATA:
                metadata = _strings(json.loads(data))
            elif name == info.filename:
                raise FileError(f"{name!r} in it is not an array")
            elif name in state:
                raise FileError(f"there are two arrays {name!r}")
            else:
                state[name] = _npy(data, name)
    return state, metadata


def _check_count(file: BinaryIO, size: int, found: int) -> None:
    """Compare with the count at the archive's end, which zipfile passes over."""
    file.seek(max(0, size - 22 - 2**16))
    end = file.read().rpartition(b"PK\5\6")[2]
    told = int.from_bytes(end[6:8], "little")
    if told not in (found, 2**16 - 1):  # or there are more than that, and it is told elsewhere
        raise FileError(f"not whole: {found} parts found, but its end tells of {told}")


def _check_sizes(members: list[zipfile.ZipInfo], size: int, limit: float) -> None:
    if sum(info.compress_size for info in members) > size:
        raise FileError("its parts overlap, or lie outside of it")
    for info in members:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FileError(f"{info.filename!r} is packed by a method that np.savez does not use")
        most = DEFLATE if info.compress_type == zipfile.ZIP_DEFLATED else 1
        if info.file_size > most * info.compress_size:
            told = f"{info.file_size:,} bytes, more than are packed in {info.compress_size:,}"
            raise FileError(f"{info.filename!r} claims {told}")
    packed = [info.file_size for info in members if info.compress_type == zipfile.ZIP_DEFLATED]
    check_limit(sum(packed), limit)


def check_limit(size: int, limit: float) -> None:
    """Refuse what would unpack to more bytes than is allowed."""
    if size > limit:
        raise FileError(f"it unpacks to {size:,} bytes; want at most limit={limit:,}")


def _npy(data: bytes, name: str) -> Array:
    if data[:6] != b"\x93NUMPY" or data[6:7] not in (b"\1", b"\2", b"\3"):
        raise FileError(f"{name!r} is not a NumPy array")
    at = 10 if data[6] == 1 else 12
    start = at + int.from_bytes(data[8:at], "little")
    header = HEADER.fullmatch(data[at:start].decode("utf-8"))
    if header is None:
        raise FileError(f"{name!r} has a header that NumPy does not write")
    descr, fortran, lengths = header.groups()
    if descr is None or not PLAIN.fullmatch(descr):
        objects = " (Python objects, which would need pickle)" * (descr == "|O")
        raise FileError(f"{name!r} is of dtype {descr or 'struct'}{objects}; want plain numbers")
    shape = [int(n) for n in lengths.split(",") if n.strip()]
    dtype = np.dtype(descr)
    if prod(shape) * dtype.itemsize != len(data) - start:
        told = f"of shape ({lengths}), but {len(data) - start:,} bytes"
        raise FileError(f"{name!r} is {dtype} {told}")
    return native(data[start:], dtype, shape, "F" if fortran == "True" else "C")


def _strings(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise FileError(f"its {METADATA} does not hold strings by name")
    return found


# ----- .safetensors: a JSON header, then the bytes -----

TYPES = {"BOOL": "b1", "F16": "<f2", "F32": "<f4", "F64": "<f8"}
TYPES |= {f"{kind}{8 * n}": f"<{kind.lower()}{n}" for kind in "IU" for n in (1, 2, 4, 8)}


def write_safetensors(
    file: BinaryIO, state: Mapping[str, Array], metadata: Mapping[str, str]
) -> None:
    """Write arrays as the safetensors library does."""
    library = needed("safetensors.numpy", "interop", "a .safetensors file")
    file.write(library.save(dict(state), dict(metadata) or None))


def read_safetensors(file: BinaryIO, size: int, limit: float) -> Contents:
    """Read what the safetensors library wrote, here or in PyTorch; bfloat16 becomes float32.

    Nothing in it is packed: no array takes more than the file's size.
    """
    library = needed("safetensors", "interop", "a .safetensors file")
    data = file.read()
    try:
        found = library.deserialize(data)
    except library.SafetensorError as error:
        raise FileError(f"not whole, or not a .safetensors file: {error}") from None
    state = {name: _tensor(name, **tensor) for name, tensor in found}
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return state, header.get("__metadata__") or {}


def _tensor(name: str, dtype: str, shape: list[int], data: Any) -> Array:
    if dtype == "BF16":  # the upper half of a float32
        wide = native(data, np.dtype("<u2"), shape).astype(np.uint32) << np.uint32(16)
        return np.asarray(wide, order="C").view(np.float32)
    if dtype not in TYPES:
        raise FileError(f"{name!r} is of dtype {dtype}; want one of {', '.join(TYPES)}, BF16")
    return native(data, np.dtype(TYPES[dtype]), shape)


class Format(NamedTuple):
    """How a kind of file is written and read."""

    write: Callable[[BinaryIO, Mapping[str, Array], Mapping[str, str]], None]
    read: Callable[[BinaryIO, int, float], Contents]


FORMATS = {
    ".npz": Format(write_npz, read_npz),
    ".safetensors": Format(write_safetensors, read_safetensors),
}
