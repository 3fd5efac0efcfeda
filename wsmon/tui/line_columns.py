"""Which columns a line of the log has: as many as its width has room for, or those that somebody chose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

ColumnName = Literal["id", "connection", "session", "what", "ref", "took", "wire", "size"]
COLUMN_NAMES: tuple[ColumnName, ...] = get_args(ColumnName)
# from left to right; the content is between what and ref

LABELS: dict[ColumnName, str] = {
    "id": "number of the event",
    "connection": "connection",
    "session": "session, its first 8 digits",
    "what": "type of the message, or what happened",
    "ref": "id that pairs request and reply",
    "took": "how long it took",
    "wire": "bytes on the wire",
    "size": "bytes of the message",
}
WIDTHS: dict[ColumnName, int] = {
    "id": 11, "connection": 14, "session": 8, "what": 14, "ref": 10, "took": 8, "wire": 9, "size": 9,
}  # fmt: skip
LONG_TIME, SHORT_TIME = 12, 8
# cells of a time of day with its milliseconds, and without
LEAST_REST = 12
# cells that the content keeps beside columns that somebody chose
DROPPED: tuple[ColumnName, ...] = ("wire", "took", "ref", "id", "session", "size", "connection", "what")
# what gives way first where there is no room


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths in cells; 0 = the column is left out."""

    time: int
    id: int
    connection: int
    session: int
    what: int
    rest: int
    # content; without a column for the word, word and content together
    ref: int
    took: int
    wire: int
    size: int


def automatic(width: int) -> tuple[ColumnName, ...]:
    """What a line of ``width`` cells has when nobody chooses."""
    if width < 30:
        return ()
    if width < 60:
        return ("connection",)
    if width < 150:
        return ("connection", "what", "size")
    return ("connection", "session", "what", "size") if width < 180 else ("id", "connection", "session", "what", "size")


@lru_cache(maxsize=64)
def columns(width: int, chosen: tuple[ColumnName, ...] | None = None) -> Columns:
    """What a line of ``width`` cells has room for; ``chosen`` columns that do not fit are left out."""
    names = list(automatic(width) if chosen is None else chosen)
    time = LONG_TIME if width >= 60 else SHORT_TIME
    for dropped in (None, *DROPPED):
        if dropped in names:
            names.remove(dropped)
        widths = {name: _width(name, width) if name in names else 0 for name in COLUMN_NAMES}
        rest = width - time - sum(widths.values()) - sum(1 for each in widths.values() if each) - 3
        if chosen is None or rest >= LEAST_REST:
            break
    return Columns(time=time, rest=max(0, rest), **widths)


def without_room(width: int, chosen: tuple[ColumnName, ...]) -> tuple[ColumnName, ...]:
    """Which of these columns a line of ``width`` cells leaves out."""
    shown = columns(width, chosen)
    return tuple(name for name in chosen if not getattr(shown, name))


def _width(name: ColumnName, width: int) -> int:
    if name == "connection":
        return 20 if width >= 160 else 8 if width < 60 else 12 if width < 100 else 14
    if name == "what":
        return 18 if width >= 160 else 13 if width < 100 else 14
    return WIDTHS[name]
