"""Spool: a file of lines that no recorder has taken yet, of one process, beside the store.

The process that writes the file holds a lock on it (``flock``) while it lives, and sends its lines itself when a
recorder is there. The file of a process that has ended is taken in by the next recorder (recorder/spool.py).
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from wsmon.control.ownership import is_private_folder, make_private_folder
from wsmon.control.spool import spool_folder, spool_name

FILE_MODE: Final = 0o600
READ_BYTES: Final = 64 * 1024
# Files in one folder: processes that ended while no recorder ran
MOST_FILES: Final = 1_000


class SpoolFile:
    """The spool of this process. Used by one thread."""

    def __init__(self, store: Path, client: str, limit_bytes: int, greeting: bytes) -> None:
        """``greeting`` is the first line of the file, which is made with the first ``append``."""
        self.path = spool_folder(store) / spool_name(client)
        self._limit_bytes = limit_bytes
        self._greeting = greeting
        self._fd: int | None = None
        # Bytes of whole lines
        self._size = 0
        self.last_seq = 0
        """Number of the last line; 0 = it is empty."""

    def append(self, lines: Sequence[tuple[int, bytes]]) -> int:
        """Write numbered lines, whole or not; return how many found room. Raises ``OSError``: then none did."""
        if self._fd is None:
            self._fd = self._open()
        pieces, taken = [], 0
        size = self._size
        if not size:
            pieces.append(self._greeting)
            size += len(self._greeting)
        for seq, line in lines:
            numbered = numbered_line(seq, line)
            size += len(numbered)
            if size > self._limit_bytes:
                break
            pieces.append(numbered)
            taken += 1
        if not taken:
            return 0
        octets = b"".join(pieces)
        try:
            _write_whole(self._fd, octets, self._size)
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(octets)
        self.last_seq = lines[taken - 1][0]
        return taken

    def append_report(self, seq: int, line_of: Callable[[int], bytes]) -> int:
        """Write a last line beyond the limit; on a full disk in the place of the newest lines, and return how many.

        ``line_of`` makes the line of their number. Raises ``OSError`` where there is no room at all.
        """
        if self._fd is None:
            self._fd = self._open()
        if not self._size:
            octets = self._greeting + numbered_line(seq, line_of(0))
            try:
                _write_whole(self._fd, octets, 0)
            except OSError:
                os.ftruncate(self._fd, 0)
                raise
            self._size, self.last_seq = len(octets), seq
            return 0
        octets = numbered_line(seq, line_of(0))
        try:
            _write_whole(self._fd, octets, self._size)
        except OSError:
            offset, dropped = self._room_at_end(2 * len(octets))
            octets = numbered_line(seq, line_of(dropped))
            # What is there already needs no room on the disk
            _write_whole(self._fd, octets, offset)
            os.ftruncate(self._fd, offset + len(octets))
            self._size = offset
        else:
            dropped = 0
        self._size += len(octets)
        self.last_seq = seq
        return dropped

    def _room_at_end(self, size: int) -> tuple[int, int]:
        """Find where the newest lines begin that take ``size`` bytes; return that offset and their number."""
        assert self._fd is not None
        first = max(len(self._greeting), self._size - READ_BYTES)
        tail = os.pread(self._fd, self._size - first, first)
        at, count = len(tail), 0
        while at > 0 and len(tail) - at < size:
            at = tail.rfind(b"\n", 0, at - 1) + 1
            count += 1
        # What is before it may be a part of a line, unless it is the greeting
        if len(tail) - at < size or (not at and first > len(self._greeting)):
            raise OSError(errno.ENOSPC, "the lines that are there take less")
        return first + at, count

    def lines(self, after_seq: int) -> Iterator[tuple[int, bytes]]:
        """Iterate over the lines with a greater number, each with its number and its end, as far as there are any."""
        offset, rest = 0, b""
        is_first = True
        while self._fd is not None and offset < self._size:
            chunk = os.pread(self._fd, min(READ_BYTES, self._size - offset), offset)
            if not chunk:
                return
            offset += len(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if not is_first and (seq := _seq_of(line)) > after_seq:
                    yield seq, line + b"\n"
                is_first = False

    def clear(self) -> None:
        """Remove the file: all its lines are acknowledged."""
        if self._fd is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._fd)
        self._fd = None
        self._size = self.last_seq = 0

    def close(self) -> None:
        """Leave the file to the next recorder."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> int:
        folder = self.path.parent
        make_private_folder(folder)
        if not is_private_folder(folder, os.geteuid()):
            raise PermissionError(f"{folder} is accessible to other users")
        if sum(1 for _ in os.scandir(folder)) >= MOST_FILES:
            raise OSError(f"{folder} has {MOST_FILES:,} files that no recorder has imported yet")
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
            # A recorder may have found the empty file between the two, and removed it
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                return fd
            os.close(fd)


def _write_whole(fd: int, octets: bytes, offset: int) -> None:
    """Write all of it, or raise ``OSError``: on a full disk, a part is written first."""
    written = 0
    while written < len(octets):
        written += os.pwrite(fd, octets[written:], offset + written)


def numbered_line(seq: int, line: bytes) -> bytes:
    """Return an object of JSON with its number as a line, its end included."""
    return b'{"seq":%d,%b\n' % (seq, line[1:])


def _seq_of(line: bytes) -> int:
    """The number of a line that ``numbered_line`` made."""
    return int(line[7 : line.index(b",")])
