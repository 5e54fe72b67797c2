"""IDX, the format in which MNIST and its kin come: a few lengths, then numbers."""

from __future__ import annotations

import gzip
import os
import struct
from math import prod
from typing import BinaryIO

import numpy as np

from autonn.arguments import Bound, checked
from autonn.files import checked_path
from autonn.formats import DEFLATE, LIMIT, Array, FileError, about, check_limit, native

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP = b"\x1f\x8b"


@checked
def read_idx(path: str | os.PathLike[str], limit: Bound = LIMIT) -> Array:
    """Read an array from an IDX file, as MNIST's images and labels are, packed by gzip or not.

    The format: two zero bytes, a byte for the dtype, one for the number of axes, a big-endian
    uint32 for the length of each, and the numbers, big-endian: Y. LeCun, C. Cortes and C. Burges,
    The MNIST database of handwritten digits.

    Parameters
    ----------
    path
        Of the file. Whether it is packed is seen from its first bytes.
    limit
        How many bytes a packed file may unpack to.

    Returns
    -------
    numpy.ndarray
        uint8, int8, int16, int32, float32 or float64, in the machine's byte order: of MNIST
        (60000, 28, 28) images and (60000,) labels, uint8.

    Raises
    ------
    FileError
        If the file is missing, not IDX, or not as long as its header says.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3]) + bytes([7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    path = checked_path(path)
    with about(path, "an IDX file"), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        packed = file.read(2) == GZIP
        file.seek(0)
        if not packed:
            return _read(file, size, size)
        with gzip.GzipFile(fileobj=file) as unpacked:
            return _read(unpacked, DEFLATE * size, limit)


def _read(file: BinaryIO | gzip.GzipFile, most: int, limit: float) -> Array:
    """Read an array from a file that can hold `most` bytes, in no more memory than it needs."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in DTYPES:
        told = f"begins with the bytes {start.hex(' ') or 'of nothing'}"
        raise FileError(f"{told}; an IDX file with 00 00, a dtype from 08 to 0e and its axes")
    lengths = file.read(4 * start[3])
    if len(lengths) < 4 * start[3]:
        raise FileError(f"ends within its header: want {start[3]} lengths")
    shape = struct.unpack(f">{start[3]}I", lengths)
    dtype = np.dtype(DTYPES[start[2]])
    size = prod(shape) * dtype.itemsize
    told = f"the header says {dtype.newbyteorder('=')} of shape {shape}: {size:,} bytes"
    if size > most:
        raise FileError(f"{told}, more than the file can hold")
    check_limit(size, limit)
    data = file.read(size)
    if len(data) < size:
        raise FileError(f"{told}, but {len(data):,} are there: is it whole?")
    if file.read(1):
        raise FileError(f"{told}, but more are there")
    return native(data, dtype, shape)
