"""Registry of running recorders: a folder of the user with a control socket and a JSON entry for each.

Sockets live apart from stores because a socket's path may have 107 bytes and a store's any number.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from wsmon.control.lock import LockInfo, decode_info, holder
from wsmon.control.ownership import ForeignFileError, is_private_folder, make_private_folder, read_own, write_own
from wsmon.errors import StoreError, WsmonError


def ensure_runtime_folder(folder: Path) -> Path:
    """Return the folder, made if need be; raises ``WsmonError`` where other users could write to it."""
    try:
        make_private_folder(folder)
    except OSError as error:
        raise WsmonError(f"cannot create the control socket folder {folder}: {error.strerror}") from error
    _check(folder)
    return folder


def _check(folder: Path) -> None:
    """Raise ``ForeignFileError`` where other users could have put something into the folder."""
    if not is_private_folder(folder, os.geteuid()):
        raise ForeignFileError(
            f"the control socket folder {folder} is not private",
            f"remove it, or run `chmod 700 {folder}` if you created it",
        )


def register(info: LockInfo) -> None:
    """Write an entry beside the socket, so that ``ps`` finds the store; raises ``WsmonError`` where that fails."""
    entry = _entry(Path(info.socket))
    try:
        write_own(entry, msgspec.json.encode(info))
    except OSError as error:
        raise WsmonError(
            f"cannot write {entry}: {error.strerror}", "set XDG_RUNTIME_DIR to choose the folder"
        ) from error


def unregister(info: LockInfo) -> None:
    """Remove our entry and socket, but not those of another recorder with a new store at the same path."""
    socket = Path(info.socket)
    entry = _entry(socket)
    if _read(entry) != info:
        return
    for path in (entry, socket):
        # The next call of ``running`` removes stale files
        with suppress(OSError):
            path.unlink()


def running(folder: Path) -> tuple[LockInfo, ...]:
    """Return the recorders that run now, oldest first; remove the files of dead ones.

    Raises ``ForeignFileError`` where other users could have put something into the folder.
    """
    found = []
    for entry in _entries(folder):
        info = _read(entry)
        held = _holder(info) if info else None
        if held is not None:
            found.append(held)
        else:
            entry.unlink(missing_ok=True)
            entry.with_suffix(".sock").unlink(missing_ok=True)
    return tuple(sorted(found, key=lambda info: info.started_ns))


def known_stores(folder: Path) -> tuple[Path, ...]:
    """Return the stores that have an entry, whether their recorder runs or not."""
    infos = (_read(entry) for entry in _entries(folder))
    return tuple(Path(info.store) for info in infos if info is not None)


def _entries(folder: Path) -> list[Path]:
    if not os.path.lexists(folder):
        return []
    _check(folder)
    return sorted(folder.glob("*.json"))


def _holder(info: LockInfo) -> LockInfo | None:
    """Return the recorder that an entry names; ``None`` where it is gone, or its store cannot be believed any more."""
    try:
        return holder(Path(info.store))
    except StoreError:
        return None


def _entry(socket: Path) -> Path:
    return socket.with_suffix(".json")


def _read(entry: Path) -> LockInfo | None:
    try:
        return decode_info(read_own(entry))
    except (OSError, WsmonError):
        return None
