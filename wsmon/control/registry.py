"""Registry of running recorders: a folder of the user with a control socket and a JSON entry for each.

Sockets live apart from stores because a socket's path may have 107 bytes and a store's any number.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

import msgspec

from wsmon.control.lock import LockInfo, holder
from wsmon.errors import WsmonError

_FOLDER_MODE = 0o700


def ensure_runtime_folder(folder: Path) -> Path:
    """Return the folder, made if need be; raises ``WsmonError`` where other users could write to it."""
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise WsmonError(f"cannot make the folder for control sockets {folder}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise WsmonError(
            f"the folder for control sockets {folder} is not yours alone",
            f"remove it, or `chmod 700 {folder}` if you made it",
        )
    return folder


def register(info: LockInfo) -> None:
    """Write an entry beside the socket, so that ``ps`` finds the store; raises ``WsmonError`` where that fails."""
    entry = _entry(Path(info.socket))
    temporary = entry.with_suffix(f".{info.pid}")
    try:
        temporary.write_bytes(msgspec.json.encode(info))
        temporary.replace(entry)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise WsmonError(f"cannot write {entry}: {error.strerror}", "XDG_RUNTIME_DIR names its folder") from error


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
    """Return the recorders that run now, oldest first; remove the files of dead ones."""
    found = []
    for entry in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        info = _read(entry)
        held = holder(Path(info.store)) if info else None
        if held is not None:
            found.append(held)
        else:
            entry.unlink(missing_ok=True)
            entry.with_suffix(".sock").unlink(missing_ok=True)
    return tuple(sorted(found, key=lambda info: info.started_ns))


def known_stores(folder: Path) -> tuple[Path, ...]:
    """Return the stores that have an entry, whether their recorder runs or not."""
    infos = (_read(entry) for entry in sorted(folder.glob("*.json"))) if folder.is_dir() else ()
    return tuple(Path(info.store) for info in infos if info is not None)


def _entry(socket: Path) -> Path:
    return socket.with_suffix(".json")


def _read(entry: Path) -> LockInfo | None:
    try:
        return msgspec.json.decode(entry.read_bytes(), type=LockInfo)
    except (OSError, msgspec.DecodeError):
        return None
