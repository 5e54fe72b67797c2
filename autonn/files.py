"""Arrays by name, saved into a file and loaded from it: the whole file, or an error."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np

from autonn.arguments import Bound, checked, shown
from autonn.formats import FORMATS, LIMIT, PLAIN, Array, Contents, FileError, Format, about
from autonn.operands import bare
from autonn.tensors import Tensor

StrPath = str | os.PathLike[str]
LONGEST = 2**14  # a name that zip can hold, however many bytes its characters take


def save(
    state: Mapping[str, Any], path: StrPath, metadata: Mapping[str, str] | None = None
) -> None:
    """Save arrays by name, such as a `state_dict`, as .npz or .safetensors: the path's ending says.

    The file is written beside its place and moved there when it is whole and on the disk, so that
    neither an error nor a power cut leaves half a file: the old one stays until then.

    Parameters
    ----------
    state
        Arrays, Tensors or numbers by name: booleans, integers, or floats of 16, 32 or 64 bits.
    path
        Ends in .npz, which `np.load` also reads, or .safetensors, which PyTorch's users read with
        `safetensors.torch.load_file` (`autonn.interop` gives the names that PyTorch expects).
    metadata
        Strings by name that are kept with the arrays, for `load_with_metadata`.

    Raises
    ------
    FileError
        If the ending is not known, or the file cannot be written. The old file is as before then.
    TypeError, ValueError
        If something in the state or in the metadata cannot be saved; it is named.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save({"0.weight": np.eye(2), "0.bias": np.zeros(2)}, f"{folder}/net.npz")
    ...     state = load(f"{folder}/net.npz")
    >>> state["0.bias"]
    array([0., 0.])
    """
    path = checked_path(path)
    form = _form(path)
    if not isinstance(state, Mapping):
        told = "want arrays by name, as net.state_dict() gives them"
        raise TypeError(f"save: state is a {type(state).__name__}; {told}")
    arrays = {_name(name, "state"): _array(name, value) for name, value in state.items()}
    if not isinstance(metadata, Mapping | None):
        raise TypeError(f"save: metadata={shown(metadata)}; want strings by name")
    strings = dict(metadata or {})
    for name, text in strings.items():
        if not isinstance(text, str):
            raise TypeError(f"save: metadata {name!r} is a {type(text).__name__}; want a string")
        _name(name, "metadata")
        _encodable(text, f"metadata {name!r}")
    with about(path, f"a {path.suffix} file"), replacing(path) as file:
        form.write(file, arrays, strings)


@checked
def load(path: StrPath, limit: Bound = LIMIT) -> dict[str, Array]:
    """Load the arrays that `save`, `np.savez` or the safetensors library wrote, by name.

    Nothing in the file is executed, whatever it holds, and no memory is taken for what it merely
    claims to hold.

    Parameters
    ----------
    path
        Ends in .npz or .safetensors.
    limit
        How many bytes a compressed .npz may unpack to.

    Returns
    -------
    dict
        Arrays of the caller's own, in the machine's byte order.

    Raises
    ------
    FileError
        If the file is missing, not whole, of another kind, or holds what is not plain numbers.

    Examples
    --------
    >>> load("model.pt")
    Traceback (most recent call last):
    autonn.formats.FileError: 'model.pt': ending '.pt'; want .npz or .safetensors (in PyTorch: ...
    """
    return load_with_metadata(path, limit)[0]


@checked
def load_with_metadata(path: StrPath, limit: Bound = LIMIT) -> Contents:
    """Load the arrays as `load` does, and the strings that were kept with them.

    Parameters
    ----------
    path, limit
        As of `load`.

    Returns
    -------
    state, metadata
        Arrays by name and strings by name, of one and the same file.

    Raises
    ------
    FileError
        As of `load`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save({"w": np.ones(2)}, f"{folder}/net.npz", metadata={"epoch": "3"})
    ...     state, metadata = load_with_metadata(f"{folder}/net.npz")
    >>> metadata
    {'epoch': '3'}
    """
    path = checked_path(path)
    form = _form(path)
    with about(path, f"a {path.suffix} file"), path.open("rb") as file:
        return form.read(file, os.fstat(file.fileno()).st_size, limit)


def check_target(path: StrPath) -> Path:
    """Give a path that `save` can write to; refuse another before anything is lost.

    Raises
    ------
    FileError
        If the ending is not known, or there is no such folder.
    """
    found = checked_path(path)
    _form(found)
    if not found.expanduser().parent.is_dir():
        raise FileError(f"{os.fspath(path)!r}: there is no folder {found.parent}")
    return found


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes the path's place at the end, unless there is an error.

    A process that is killed in between may leave the unfinished file, .autonn-*.part, in the
    folder; the one at the path is always whole.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "a.txt") as file:
    ...         _ = file.write(b"whole")
    ...     (Path(folder) / "a.txt").read_bytes()
    b'whole'
    """
    path = Path(os.path.realpath(path))  # a link stays one, and what it points to is replaced
    mode = path.stat().st_mode if path.exists() else None
    writable = path.is_dir() or (path.is_file() and os.access(path, os.W_OK))
    if mode is not None and not writable:  # os.replace would not mind
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    part = path.with_name(f".autonn-{token_hex(8)}.part")
    file = part.open("xb")
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            part.chmod(mode)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk, too, where the system can say so."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        except OSError:  # some file systems cannot, and the file is whole all the same
            pass
        finally:
            os.close(number)


# ----- What may be saved -----


def checked_path(path: Any) -> Path:
    """Give a path; refuse what is none."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path is a {type(path).__name__}; want a string or a pathlib.Path")
    if "\0" in os.fspath(path):
        raise FileError(f"{os.fspath(path)!r}: a path cannot hold a null character")
    return Path(path)


def _form(path: Path) -> Format:
    ending = path.suffix.lower()
    if ending not in FORMATS:
        cure = ""
        if ending in (".pt", ".pth", ".bin"):
            cure = " (in PyTorch: safetensors.torch.save_file(model.state_dict(), path))"
        told = f"ending {path.suffix!r}; want {' or '.join(FORMATS)}"
        raise FileError(f"{str(path)!r}: {told}{cure}")
    return FORMATS[ending]


def _name(name: Any, what: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"save: {what} has the key {name!r:.60}; want strings for names")
    if "\0" in name or name == "__metadata__" or len(name) > LONGEST:
        told = f"want at most {LONGEST} characters, no null among them, and not '__metadata__'"
        raise ValueError(f"save: {what} has the name {name!r:.60}; {told}")
    _encodable(name, f"the name {name!r:.60}")
    return name


def _encodable(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"save: {what} holds half a surrogate pair; want Unicode text") from None


def _array(name: str, value: Any) -> Array:
    if not isinstance(value, np.ndarray | np.generic | Tensor | bool | int | float):
        told = f"{name!r} is a {type(value).__name__}; want an array (a flat dict of them)"
        raise TypeError(f"save: {told}")
    array = np.asarray(bare(value))
    if not PLAIN.fullmatch(array.dtype.str):
        told = "want booleans, integers, or floats of 16, 32 or 64 bits"
        raise TypeError(f"save: {name!r} is of dtype {array.dtype}; {told}")
    return np.asarray(array, order="C")
