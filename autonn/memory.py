"""Memory of large arrays: kept for the next one, not given back to the system at once."""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_memory(size: int = 1 << 29) -> bool:
    """Let freed memory of up to `size` bytes wait for the next array; 0 restores glibc's defaults.

    glibc asks the system for each large array, gives it back when the array is freed, and the
    system clears each page of the next one when it is first touched: for the arrays of a training
    step, which come and go, that takes as long as the arithmetic. So `import autonn` calls this
    once, unless the environment says `AUTONN_KEEP_MEMORY=0`, or another number of bytes. It raises
    two of malloc's thresholds for the whole process: mallopt(3), M_MMAP_THRESHOLD and
    M_TRIM_THRESHOLD.

    Parameters
    ----------
    size
        Bytes. More than this, free at the end of the heap, is given back, and so is, at once, each
        array of more than an eighth of it.

    Returns
    -------
    bool
        Whether this system's allocator knows the thresholds. It is glibc's that does.

    Raises
    ------
    ValueError
        For a negative size.

    Examples
    --------
    >>> kept = keep_memory(1 << 28)
    """
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"keep_memory: size={size!r}; want bytes, a whole number from 0")
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return False
    default, largest = 1 << 17, (1 << 31) - 1  # glibc's own, and an int
    trim, single = min(size or default, largest), min(size // 8 or default, largest)
    return bool(mallopt(_MMAP_THRESHOLD, single) and mallopt(_TRIM_THRESHOLD, trim))


def _asked() -> int:
    text = os.environ.get("AUTONN_KEEP_MEMORY", str(1 << 29))
    if not text.isdecimal():
        raise ValueError(f"AUTONN_KEEP_MEMORY={text!r}; want a number of bytes, 0 to keep none")
    return int(text)


if _asked():
    keep_memory(_asked())
