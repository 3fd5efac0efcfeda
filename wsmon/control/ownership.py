"""Ownership of files that processes of one user meet at: written for that user alone, read only where no other wrote.

The runtime folder, the registry, locks, control sockets and saved positions lie where other users of the machine may
get to: in ``/tmp``, or in a store's folder. What another user could have made or changed is not believed.
"""

from __future__ import annotations

import os
import socket as sockets
import stat
import struct
from pathlib import Path

from wsmon.errors import WsmonError

ROOT = 0
FILE_MODE = 0o600
FOLDER_MODE = 0o700
# Of registry entries, locks and positions: each is a few hundred bytes
READ_LIMIT_BYTES = 64 * 1024
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
# SO_PEERCRED: pid, uid, gid
_CREDENTIALS = struct.Struct("3i")


class ForeignFileError(WsmonError):
    """A file that another user controls: nothing in it is believed."""


def fault_of(found: os.stat_result, *owners: int) -> str:
    """Return how users other than ``owners`` and root control a file, as the end of a sentence; empty: none does."""
    if found.st_uid not in (*owners, ROOT):
        return f"belongs to another user (uid {found.st_uid})"
    if stat.S_IMODE(found.st_mode) & _WRITABLE_BY_OTHERS:
        return "is writable by other users"
    return ""


def is_private_folder(folder: Path, uid: int) -> bool:
    """Whether a path is a folder, no link to one, that ``uid`` owns and no other user can enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not stat.S_IMODE(found.st_mode) & 0o077


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, each with mode 0700; one that exists stays as it is.

    ``Path.mkdir`` with ``parents`` would leave those above it open to every user, and with them the names in them: the
    XDG Base Directory Specification asks for 0700. Raises ``OSError``.
    """
    if not folder.parent.exists():
        make_private_folder(folder.parent)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def read_own(path: Path) -> bytes:
    """Return a small file; raises ``OSError``, and ``ForeignFileError`` where another user could have written it."""
    fd = open_own(path, os.geteuid())
    try:
        return os.read(fd, READ_LIMIT_BYTES)
    finally:
        os.close(fd)


def open_own(path: Path, *owners: int) -> int:
    """Open a file to read that only ``owners`` and root could have written; raises as ``read_own`` does.

    A link, a pipe or a device is refused, never waited for.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    found = os.fstat(fd)
    fault = fault_of(found, *owners) if stat.S_ISREG(found.st_mode) else "is not a regular file"
    if fault:
        os.close(fd)
        raise ForeignFileError(f"{path} {fault}", "remove it, or run `chmod 600` on it if it is yours")
    return fd


def write_own(path: Path, octets: bytes) -> None:
    """Replace a file with one of mode 0600 whatever the umask, whole or not at all; raises ``OSError``."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    # What a process of the same number left there, or another user put there
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, FILE_MODE)
            file.write(octets)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def check_socket(path: Path) -> None:
    """Check a control socket before it is dialled; raises ``OSError`` and ``ForeignFileError``.

    Root may dial the recorder of any user.
    """
    found = path.lstat()
    owner = found.st_uid if os.geteuid() == ROOT else os.geteuid()
    fault = fault_of(found, owner) if stat.S_ISSOCK(found.st_mode) else "is not a socket"
    if fault:
        raise ForeignFileError(f"{path} {fault}", "none of your recorders is listening there")


def peer_uid(connection: sockets.socket) -> int:
    """Return the user of the process at the other end of a Unix socket: of the one that connected, or listens."""
    _pid, uid, _gid = _credentials_of(connection)
    return uid


def peer_pid(connection: sockets.socket) -> int:
    """Return the process at the other end of a Unix socket; 0 where it is in another namespace."""
    pid, _uid, _gid = _credentials_of(connection)
    return pid


def _credentials_of(connection: sockets.socket) -> tuple[int, int, int]:
    credentials = connection.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(credentials)
    return pid, uid, gid


def may_talk_to(uid: int) -> bool:
    """Whether this process believes the process of another user: its own and root's; root talks to all."""
    return uid in (os.geteuid(), ROOT) or os.geteuid() == ROOT
