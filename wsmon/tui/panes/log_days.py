"""Days of the log: which event begins each of them, and the rows with a heading above the first event of a day."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, tzinfo

from wsmon.errors import WsmonError
from wsmon.model.ranges import DayStart
from wsmon.model.units import SECOND_NS
from wsmon.ports import StoreView
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.text import Line, clip
from wsmon.tui.times import day_name
from wsmon.tui.widgets.row_list import NO_ROWS, RowIds


class DayRows:
    """Rows of ids with one more row, a heading, above the first row of each day.

    A heading has the id of the row below it: ``RowList`` knows it by that. The rows below may grow and shrink: the
    places of the headings are worked out again where their number differs.
    """

    __slots__ = ("_at", "_days", "_names", "_rows", "_state")

    def __init__(self, rows: RowIds = NO_ROWS, days: Sequence[DayStart] = ()) -> None:
        """``days`` are in the order of their ids."""
        self._rows = rows
        self._days = days
        self._at: list[int] = []
        """Rows below each heading, by their number among the rows without headings."""
        self._names: list[date] = []
        self._state: tuple[int, int] | None = None
        """Number of rows and first id for which the places are right."""

    def __len__(self) -> int:
        return len(self._rows) + len(self._places())

    def id_at(self, row: int) -> int:
        """Return the id on a row; of a heading, that of the row below it."""
        places = self._places()
        if not 0 <= row < len(self._rows) + len(places):
            raise IndexError(row)
        return self._rows.id_at(row - self._headings_above(row))

    def row_of(self, event_id: int) -> int:
        """Return the row of the first id that is not smaller; ``len`` where there is none. Never a heading."""
        row = self._rows.row_of(event_id)
        return row + bisect_right(self._places(), row)

    def heading(self, row: int) -> date | None:
        """Return the day whose heading is on a row; None = the row is no heading."""
        places = self._places()
        number = self._headings_above(row)
        return self._names[number] if number < len(places) and places[number] + number == row else None

    def day_of(self, row: int) -> date | None:
        """Return the day of an event's row; None where the days have no headings."""
        number = self._headings_above(row)
        return self._names[number - 1] if number else None

    def _headings_above(self, row: int) -> int:
        """Return how many headings are above a row, a heading on it not counted."""
        places = self._places()
        return bisect_left(range(len(places)), row, key=lambda number: places[number] + number)

    def _places(self) -> list[int]:
        if not self._days:
            return self._at
        count = len(self._rows)
        state = count, self._rows.id_at(0) if count else 0
        if state != self._state:
            self._state = state
            # A day without rows has no heading: the next day begins on the same row
            found = {row: day.day for day in self._days if (row := self._rows.row_of(day.first_id)) < count}
            self._at, self._names = list(found), list(found.values())
        return self._at


def read_days(view: StoreView, from_id: int, zone: tzinfo | None) -> tuple[DayStart, ...] | WsmonError:
    """Read the first event of each day from an event on. Return the error where the store cannot be read."""
    try:
        return view.day_starts(from_id, zone)
    except WsmonError as error:
        return error


def day_line(day: date, width: int, glyphs: Glyphs) -> Line:
    """Return the heading of a day in ``width`` cells, as ``── Tue 17 Nov 2026 ───``."""
    head = f"{glyphs.rule * 2} {day_name(day)} "
    return ((clip(head + glyphs.rule * (width - len(head)), width, glyphs.cut), "rule"),)


# Between two reads for events that may be of any day, as those of an import: a read takes a millisecond
REST_NS = 10 * SECOND_NS


class LogDays:
    """The days of a store as far as they are known, and when they have to be read again."""

    def __init__(self) -> None:
        self._starts: tuple[DayStart, ...] = ()
        self._read_to = 0
        """The newest id when they were read last; 0 = never."""
        self._read_ns = 0
        """Monotonic time of that."""

    def is_due(self, today: date, last_id: int, mono_ns: int) -> bool:
        """Return whether days are to be read: at first, with the first event of today, and now and then."""
        if not last_id or last_id == self._read_to:
            return False
        is_today_known = bool(self._starts) and self._starts[-1].day == today
        return not is_today_known or last_id < self._read_to or mono_ns - self._read_ns >= REST_NS

    @property
    def known_to(self) -> int:
        """The event from which on days are not known: the beginning of the last one known; 0 = none is known."""
        return self._starts[-1].first_id if self._starts else 0

    def begin(self, last_id: int, mono_ns: int) -> None:
        """Take in that days are read now, when ``last_id`` is the newest event."""
        if last_id < self._read_to:
            self._starts = ()
        self._read_to, self._read_ns = last_id, mono_ns

    def take(self, starts: Sequence[DayStart]) -> bool:
        """Add the days read from ``known_to`` on; return whether that changed them."""
        before = self._starts
        kept = [each for each in before if not starts or each.first_id < starts[0].first_id]
        self._starts = (*kept, *starts)
        return self._starts != before

    def forget(self) -> None:
        """Forget all days: they begin elsewhere in another time zone."""
        self._starts, self._read_to = (), 0

    def headed(self, today: date) -> Sequence[DayStart]:
        """Return the days that get a heading: all of them, or none where everything is of today."""
        return () if len(self._starts) == 1 and self._starts[0].day == today else self._starts
