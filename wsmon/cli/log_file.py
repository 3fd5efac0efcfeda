"""The log of a recorder that has no terminal: a file beside its store that stays small, with a few older ones."""

from __future__ import annotations

import os
from pathlib import Path

from wsmon.errors import WsmonError

LIMIT_BYTES = 1024 * 1024
OLDER_FILES = 3
# recorder.log.1 is the newest of them
STDOUT_FD = 1
_FILE_MODE = 0o600


class LogFile:
    """A log that the standard streams of this process may lead to."""

    def __init__(self, path: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._path = path
        self._limit_bytes = limit_bytes

    def rotate(self, fd: int) -> None:
        """Begin a new file where ``fd`` leads to this log and it is too long: ``fd`` and stdout lead there from now on.

        Raises ``OSError`` where that cannot be.
        """
        written = os.fstat(fd)
        if written.st_size <= self._limit_bytes or not self._path.exists():
            return
        if not os.path.samestat(written, self._path.stat()):
            return  # a terminal's, a pipe's, or another file
        leads_here = os.path.samestat(os.fstat(STDOUT_FD), written)
        _shift(self._path)
        new = _open(self._path)
        os.dup2(new, fd)
        if leads_here:
            os.dup2(new, STDOUT_FD)
        os.close(new)


def open_log(path: Path, limit_bytes: int = LIMIT_BYTES) -> int:
    """A descriptor to append with; a file that is too long is put aside first. Raises ``WsmonError``."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > limit_bytes:
            _shift(path)
        return _open(path)
    except OSError as error:
        raise WsmonError(
            f"cannot write beside the store {path.parent}: {error.strerror}",
            "wsmon needs a folder it can write to: use --store",
        ) from error


def _shift(path: Path) -> None:
    """Give every file the next number; the oldest goes."""
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, OLDER_FILES + 1))]
    for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
        if newer.exists():
            newer.replace(older)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _FILE_MODE)
