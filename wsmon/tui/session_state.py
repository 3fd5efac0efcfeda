"""What of the screen comes back at the next start, as a value, and as the few hundred bytes of a file. Pure."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from wsmon.errors import WsmonError
from wsmon.tui.layout import PaneName
from wsmon.tui.panes.log_line import ColumnName, TimeMode

VERSION = 1
# A search is typed by hand
LIMIT_BYTES = 64 * 1024


class Preference(msgspec.Struct, frozen=True):
    """Something chosen on the screen, and what would have been there otherwise: another default is a newer wish."""

    made: str = ""
    """Empty = nothing was chosen."""
    instead_of: str = ""

    def over(self, default: str) -> str:
        """What was chosen, if it was chosen instead of this."""
        return self.made if self.made and self.instead_of == default else default


class LogPosition(msgspec.Struct, frozen=True):
    """Where the cursor of the log was; ids mean something in one store only."""

    store_id: str = ""
    event_id: int = 0
    """0 = it followed."""


class SessionState(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """How somebody left the screen; the defaults are how it is at first."""

    version: int = VERSION
    theme: Preference = Preference()
    characters: Preference = Preference()
    """"ascii" or "unicode"."""
    lower: PaneName = "log"
    middle: PaneName = "timeline"
    zoomed: PaneName | None = None
    focused: PaneName = "log"
    query: str = ""
    is_in_context: bool = False
    hides_heartbeats: bool = False
    time_mode: TimeMode = "absolute"
    columns: tuple[ColumnName, ...] | None = None
    """Of the log; None = as many as there is room for."""
    place: LogPosition = LogPosition()
    connection: str = ""
    """Under the cursor of the list; empty = it stays with the worst."""

    def told(self) -> str:
        """What of it must not surprise; empty = nothing."""
        parts = []
        if self.query:
            parts.append(f"search {self.query} (Esc in the log clears)")
        if self.place.event_id:
            parts.append(f"at event #{self.place.event_id:,} (F follows)")
        if self.hides_heartbeats:
            parts.append("without heartbeats (h)")
        return f"as you left it: {', '.join(parts)}" if parts else ""


DEFAULT_STATE = SessionState()


def encode(remembered: SessionState) -> bytes:
    """As JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(remembered), indent=2) + b"\n"


def decode(octets: bytes) -> SessionState:
    """From JSON; raises ``WsmonError`` where it is damaged, or of another version."""
    try:
        version = msgspec.json.decode(octets, type=_Versioned).version
        if version != VERSION:
            raise WsmonError(f"is of version {version}, this wsmon writes {VERSION}")
        return msgspec.json.decode(octets, type=SessionState)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WsmonError(f"is damaged: {error}") from error


class _Versioned(msgspec.Struct):
    """What every version has."""

    version: int


# The file that remembers how the screen was left: written whole, beside itself, and put in place at once.

# A search may name what nobody else should see
FILE_MODE, FOLDER_MODE = 0o600, 0o700


class Memory:
    """One file; a screen that has none remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> tuple[SessionState, str]:
        """What was remembered, and a sentence where it cannot be used: the screen then begins as at first."""
        if self._path is None:
            return DEFAULT_STATE, ""
        try:
            with self._path.open("rb") as file:
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
        return DEFAULT_STATE, f"how the screen was left is forgotten: {self._path} {trouble}"

    def write(self, remembered: SessionState) -> None:
        """Keep it; may wait for the disk. Raises ``WsmonError`` where that cannot be."""
        if self._path is None:
            return
        beside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            try:
                with os.fdopen(opened, "wb") as file:
                    file.write(encode(remembered))
                beside.replace(self._path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise WsmonError(f"how the screen is left cannot be kept in {self._path}: {error.strerror}") from error


# Keeps how the screen is, now and then and at the end, so that the next start finds it.

# What a viewer that is killed may forget
PERIOD_S = 5.0


class Saver:
    """Writes what changed, in a thread; what cannot be written is said once and no longer tried."""

    def __init__(self, memory: Memory, kept: SessionState) -> None:
        """``kept`` is what the file holds."""
        self._memory = memory
        self._kept = kept
        # Why nothing is kept; empty = it is
        self.trouble = ""

    async def run(self, look: Callable[[], SessionState], say: Callable[[str], None]) -> None:
        """Until cancelled, or until it cannot be."""
        while not self.trouble:
            await asyncio.sleep(PERIOD_S)
            await self.keep(look())
        say(self.trouble)

    async def keep(self, now: SessionState) -> None:
        """Write how the screen is, if it is not kept already."""
        if now == self._kept or self.trouble:
            return
        self._kept = now
        try:
            await asyncio.to_thread(self._memory.write, now)
        except WsmonError as error:
            self.trouble = str(error)
