"""Note of lost events: what a recorder could not keep at its end, for `stop`, `doctor` and the next recorder.

The store cannot hold it, since it took nothing. The note is a small file beside the store, or in the user's state
folder where the file system of the store takes no file either.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from wsmon.control.lock import beside
from wsmon.control.ownership import make_private_folder

_FILE_MODE = 0o600
_LOG = logging.getLogger("wsmon.recorder")


class LossNote(msgspec.Struct, frozen=True):
    """Events that recorders of one store lost at their ends, and that no event in the store tells of."""

    store: str
    count: int
    """Of all recorders since the store last took an event."""
    ended_ns: int
    """Wall time at which the last of them ended."""
    pid: int
    """Of the last of them."""
    reason: str


def note_paths(store: Path, state_folder: Path | None) -> tuple[Path, ...]:
    """Return where the note of a store may be: beside it, then in the state folder (``None``: there alone)."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(store))).hexdigest()[:16]
    elsewhere = () if state_folder is None else (state_folder / "losses" / f"{name}.json",)
    return beside(store, "lost"), *elsewhere


def keep_note(note: LossNote, state_folder: Path | None) -> Path | None:
    """Write the note, with what an earlier one counts; return where, or ``None`` where no place takes it."""
    store = Path(note.store)
    earlier = read_note(store, state_folder)
    if earlier is not None:
        note = msgspec.structs.replace(note, count=note.count + earlier.count)
    places = note_paths(store, state_folder)
    for path in places:
        try:
            _write(path, msgspec.json.encode(note))
        except OSError as error:
            _LOG.warning("cannot write the number of lost events to %s: %s", path, error.strerror)
        else:
            # An earlier one is in the count
            _remove(other for other in places if other != path)
            return path
    return None


def read_note(store: Path, state_folder: Path | None) -> LossNote | None:
    """Return the note of a store; ``None`` where nothing was lost since it last took an event."""
    for path in note_paths(store, state_folder):
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(path.read_bytes(), type=LossNote)
    return None


def remove_note(store: Path, state_folder: Path | None) -> None:
    """Remove the note of a store: an event in the store tells of it now."""
    _remove(note_paths(store, state_folder))


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("cannot remove %s: %s", path, error.strerror)


def _write(path: Path, octets: bytes) -> None:
    """Replace a file, or leave it as it is."""
    make_private_folder(path.parent)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
        with os.fdopen(fd, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
