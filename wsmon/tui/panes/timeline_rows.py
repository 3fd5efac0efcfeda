"""The rows of the timeline: a connection each, or a group each; which of them are in sight. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsmon.model.timeline import LaneTitle


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One line of the timeline."""

    name: str
    # of the connection, or of the group
    connections: tuple[str, ...]
    is_group: bool = False

    @property
    def label(self) -> str:
        """What stands before its cells."""
        return f"{self.name} ({len(self.connections)})" if self.is_group else self.name


def rows_of(titles: Sequence[LaneTitle], order: Sequence[str], *, by_group: bool) -> tuple[LaneRow, ...]:
    """Rows in the order of the connections' list: those it does not name come last, as they are.

    A group stands where its first connection would; a connection without a group keeps a row of its own.
    """
    places = {connection: place for place, connection in enumerate(order)}
    ordered = sorted(titles, key=lambda title: places.get(title.connection, len(places)))
    rows: dict[tuple[bool, str], list[str]] = {}
    for title in ordered:
        is_group = by_group and bool(title.group)
        rows.setdefault((is_group, title.group if is_group else title.connection), []).append(title.connection)
    return tuple(LaneRow(name, tuple(names), is_group) for (is_group, name), names in rows.items())


class RowGrid:
    """Rows, the one under the cursor, and those in sight."""

    def __init__(self) -> None:
        self.rows: tuple[LaneRow, ...] = ()
        self.at = 0
        # the row of the cursor
        self.top = 0
        # the first one in sight
        self.room = 1
        # how many are in sight

    @property
    def current(self) -> LaneRow | None:
        """The row under the cursor."""
        return self.rows[self.at] if self.at < len(self.rows) else None

    @property
    def row_numbers(self) -> dict[str, int]:
        """Which row each connection is in."""
        return {name: number for number, row in enumerate(self.rows) for name in row.connections}

    @property
    def shown(self) -> tuple[LaneRow, ...]:
        """The rows in sight."""
        return self.rows[self.top : self.top + self.room]

    @property
    def is_scrolled(self) -> bool:
        """Whether some rows are out of sight."""
        return len(self.rows) > self.room

    @property
    def mark(self) -> range:
        """Which lines of those in sight the scroll mark fills; empty where all rows are in sight."""
        if not self.is_scrolled:
            return range(0)
        length = max(1, self.room * self.room // len(self.rows))
        free, hidden = self.room - length, len(self.rows) - self.room
        start = (self.top * free + hidden // 2) // hidden
        start = min(max(start, int(self.top > 0)), free - int(self.top < hidden)) if free > 1 else start
        return range(start, start + length)

    def to(self, row: int) -> None:
        """Move the cursor, and scroll as little as that needs."""
        self.at = min(max(0, row), max(0, len(self.rows) - 1))
        top = min(max(self.top, self.at - self.room + 1, 0), self.at)
        self.top = max(0, min(top, len(self.rows) - self.room))

    def scroll(self, by: int) -> None:
        """Other rows in sight; the cursor comes along only where it would get out of sight."""
        self.top = max(0, min(self.top + by, len(self.rows) - self.room))
        self.at = min(max(self.at, self.top), max(self.top, min(self.top + self.room, len(self.rows)) - 1))

    def to_connection(self, connection: str) -> None:
        """Move the cursor to the row that a connection is in, if there is one."""
        self.to(next((at for at, row in enumerate(self.rows) if connection in row.connections), self.at))

    def place(self, rows: tuple[LaneRow, ...]) -> None:
        """Show these rows: the cursor stays with its connection, or on top where nobody has moved it."""
        before = self.current if self.at else None
        self.rows = rows
        self.to(self.at)
        if before is not None:
            self.to_connection(before.connections[0])
