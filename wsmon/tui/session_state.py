"""How the screen was left: the value, its file, and the saver that keeps the file up to date."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from wsmon.control.ownership import make_private_folder
from wsmon.errors import WsmonError
from wsmon.tui.layout import PaneName
from wsmon.tui.panes.connections_table import SortKey
from wsmon.tui.panes.log_line import ColumnName, TimeMode

VERSION = 1
# Of the file: its longest part is a search, which is typed by hand
LIMIT_BYTES = 64 * 1024
# A search may name what other users must not see
FILE_MODE = 0o600
# What a viewer that is killed may lose
PERIOD_S = 5.0


class Preference(msgspec.Struct, frozen=True):
    """What the user chose on the screen; it holds as long as the default is the one that it was chosen instead of."""

    made: str = ""
    """Empty = nothing was chosen."""
    instead_of: str = ""
    """The default at that time."""

    def over(self, default: str) -> str:
        """Return what was chosen, if it was chosen instead of this default; else the default."""
        return self.made if self.made and self.instead_of == default else default


class LogPosition(msgspec.Struct, frozen=True):
    """The event under the log's cursor, and the store that its id belongs to."""

    store_id: str = ""
    event_id: int = 0
    """0 = the log followed the newest event."""


class SessionState(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """How the screen was left; the defaults are how it is at the first start."""

    version: int = VERSION
    theme: Preference = Preference()
    characters: Preference = Preference()
    """"ascii" or "unicode"."""
    lower: PaneName = "log"
    middle: PaneName = "timeline"
    zoomed: PaneName | None = None
    focused: PaneName = "log"
    has_detail: bool = False
    """Whether the detail was open."""
    query: str = ""
    is_in_context: bool = False
    hides_heartbeats: bool = False
    time_mode: TimeMode = "absolute"
    columns: tuple[ColumnName, ...] | None = None
    """Columns of the log; None = as many as there is room for."""
    place: LogPosition = LogPosition()
    connection: str = ""
    """The connection under the cursor; empty = the cursor stays with the worst one."""
    connections_order: SortKey = "trouble"

    def notice(self) -> str:
        """Return a sentence about what would surprise the user; empty = nothing would."""
        parts = []
        if self.query:
            parts.append(f"search {self.query} (Esc in the log to clear)")
        if self.place.event_id:
            parts.append(f"event #{self.place.event_id:,} (F to follow)")
        if self.hides_heartbeats:
            parts.append("heartbeats hidden (h)")
        return f"restored previous position: {', '.join(parts)}" if parts else ""


DEFAULT_STATE = SessionState()


def encode(state: SessionState) -> bytes:
    """Return the content of the file: JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n"


def decode(octets: bytes) -> SessionState:
    """Read the content of a file. Raises ``WsmonError`` where it is damaged, or of another version."""
    try:
        version = msgspec.json.decode(octets, type=_Versioned).version
        if version != VERSION:
            raise WsmonError(f"is of version {version}, this wsmon writes {VERSION}")
        return msgspec.json.decode(octets, type=SessionState)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WsmonError(f"is damaged: {error}") from error


class _Versioned(msgspec.Struct):
    """What files of every version have."""

    version: int


def load(path: Path | None) -> tuple[SessionState, str]:
    """Read how the screen was left, and a sentence where that cannot be used; the state is the default one then.

    Without a path, or without a file, it is the default one too.
    """
    if path is None:
        return DEFAULT_STATE, ""
    try:
        with path.open("rb") as file:
            octets = file.read(LIMIT_BYTES + 1)
        if len(octets) > LIMIT_BYTES:
            raise WsmonError(f"is longer than {LIMIT_BYTES // 1024} KiB")
        return decode(octets), ""
    except FileNotFoundError:
        return DEFAULT_STATE, ""
    except OSError as error:
        trouble = f"cannot be read: {error.strerror}"
    except WsmonError as error:
        trouble = str(error)
    return DEFAULT_STATE, f"how the screen was left is forgotten: {path} {trouble}"


def save(path: Path | None, state: SessionState) -> None:
    """Write the file as a whole, beside it first; may wait for the disk. Does nothing without a path.

    Raises ``WsmonError`` where it cannot be written.
    """
    if path is None:
        return
    try:
        write_private(path, encode(state))
    except OSError as error:
        raise WsmonError(f"can't save the screen's state to {path}: {error.strerror}") from error


def write_private(path: Path, octets: bytes) -> None:
    """Write a file that no other user reads, as a whole, beside it first; raises ``OSError``."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    make_private_folder(path.parent)
    opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(octets)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


class Saver:
    """Saves changes of the session state on a thread; after the first failure it saves nothing any more."""

    def __init__(self, path: Path | None, saved: SessionState) -> None:
        """``saved`` is what the file holds."""
        self._path = path
        self._saved = saved
        self.trouble = ""
        """Why nothing is saved; empty = it is."""

    async def run(self, current: Callable[[], SessionState], report: Callable[[str], None]) -> None:
        """Save every few seconds until cancelled, or until saving fails: that is reported once."""
        while not self.trouble:
            await asyncio.sleep(PERIOD_S)
            await self.save(current())
        report(self.trouble)

    async def save(self, state: SessionState) -> None:
        """Save a state, unless the file holds it already."""
        if state == self._saved or self.trouble:
            return
        self._saved = state
        try:
            await asyncio.to_thread(save, self._path, state)
        except WsmonError as error:
            self.trouble = str(error)
