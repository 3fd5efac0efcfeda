"""What of the screen comes back at the next start, as a value, and as the few hundred bytes of a file. Pure."""

from __future__ import annotations

import msgspec

from wsmon.errors import WsmonError
from wsmon.tui.arrangement import PaneName
from wsmon.tui.line_columns import ColumnName
from wsmon.tui.panes.log_line import TimeMode

VERSION = 1
LIMIT_BYTES = 64 * 1024
# a search is typed by hand


class Choice(msgspec.Struct, frozen=True):
    """Something chosen on the screen, and what would have been there otherwise: another default is a newer wish."""

    made: str = ""
    # empty = nothing was chosen
    instead_of: str = ""

    def over(self, default: str) -> str:
        """What was chosen, if it was chosen instead of this."""
        return self.made if self.made and self.instead_of == default else default


class Place(msgspec.Struct, frozen=True):
    """Where the cursor of the log was; ids mean something in one store only."""

    store_id: str = ""
    event_id: int = 0
    # 0 = it followed


class Remembered(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """How somebody left the screen; the defaults are how it is at first."""

    version: int = VERSION
    theme: Choice = Choice()
    characters: Choice = Choice()
    # "ascii" or "unicode"
    lower: PaneName = "log"
    middle: PaneName = "timeline"
    zoomed: PaneName | None = None
    focused: PaneName = "log"
    query: str = ""
    is_in_context: bool = False
    hides_heartbeats: bool = False
    time_mode: TimeMode = "absolute"
    columns: tuple[ColumnName, ...] | None = None
    # of the log; None = as many as there is room for
    place: Place = Place()
    connection: str = ""
    # under the cursor of the list; empty = it stays with the worst

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


NOTHING_REMEMBERED = Remembered()


def encoded(remembered: Remembered) -> bytes:
    """As JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(remembered), indent=2) + b"\n"


def decoded(octets: bytes) -> Remembered:
    """From JSON; raises ``WsmonError`` where it is damaged, or of another version."""
    try:
        version = msgspec.json.decode(octets, type=_Versioned).version
        if version != VERSION:
            raise WsmonError(f"is of version {version}, this wsmon writes {VERSION}")
        return msgspec.json.decode(octets, type=Remembered)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WsmonError(f"is damaged: {error}") from error


class _Versioned(msgspec.Struct):
    """What every version has."""

    version: int
