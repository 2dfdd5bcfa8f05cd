"""The files in which each process counts, for `/metrics` to add up: theirs is no space that a full disk may refuse."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
from pathlib import Path

from prometheus_client import mmap_dict, values


def reserve(descriptor: int, size: int) -> None:
    """Fill a file up to `size` bytes. Raises OSError where there is no room for them."""
    missing = size - os.fstat(descriptor).st_size
    if missing > 0 and os.write(descriptor, bytes(missing)) < missing:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def has_room(file: Path) -> bool:
    """Whether a file of counts has its first bytes. One with less than its own length would break the sum, and goes."""
    try:
        with file.open("a+b", buffering=0) as opened:
            reserve(opened.fileno(), mmap_dict._INITIAL_MMAP_SIZE)
        return True
    except OSError:
        with contextlib.suppress(OSError):
            file.unlink()
        return False


class Counts(mmap_dict.MmapedDict):
    """prometheus-client's file, whose bytes are there before they are written.

    It makes files with holes and writes through a map of them. Where the disk is full the system ends the process at
    that, with every refresh that is under way. Without room these counts go on in memory, where nobody else sees them.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        self._in_memory = not read_mode and not has_room(Path(filename))
        if self._in_memory:
            self._begin_in_memory(filename)
        else:
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _begin_in_memory(self, filename: str) -> None:
        self._fname, self._f = filename, Path(os.devnull).open("rb")  # noqa: SIM115
        self._capacity = mmap_dict._INITIAL_MMAP_SIZE
        self._m = mmap.mmap(-1, self._capacity)
        self._positions: dict[str, int] = {}
        self._used = 8

    def _init_value(self, key: str) -> None:
        # The entry holds the key with its padding, its length, the count and a time: 28 bytes more at most.
        while self._used + len(key.encode()) + 28 > self._capacity:
            self._grow()
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self) -> None:
        larger = self._capacity * 2
        if not self._in_memory:
            try:
                reserve(self._f.fileno(), larger)
                self._m, self._capacity = mmap.mmap(self._f.fileno(), larger), larger
                return
            except OSError:
                self._in_memory = True
        moved = mmap.mmap(-1, larger)
        moved[: self._capacity] = self._m[:]
        self._m, self._capacity = moved, larger


def keep_off_full_disks() -> None:
    """Let prometheus-client use such files. Has to come before the first figure is made."""
    values.MmapedDict = Counts  # type: ignore[attr-defined]
