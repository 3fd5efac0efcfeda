"""What the timeline has read of the store, and the cells of its rows as far as they were read. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from wsmon.model.statistics import Density
from wsmon.model.timeline import CellKind, Lane, LaneTitle, Period, merged
from wsmon.tui.panes.timeline_ask import Answer
from wsmon.tui.panes.timeline_lanes import known_cells
from wsmon.tui.panes.timeline_rows import LaneRow


class KnownLanes:
    """The newest answer; lanes of connections out of sight are not in it."""

    def __init__(self) -> None:
        self.titles: tuple[LaneTitle, ...] = ()
        self.density: Density | None = None
        self._lanes: Mapping[str, Lane] = {}
        # by connection
        self._read: Period | None = None
        # what they were read for
        self._kinds: dict[LaneRow, tuple[CellKind | None, ...]] = {}
        self._kinds_of: Period | None = None

    def take(self, answer: Answer) -> None:
        """Know this from now on, and nothing of before."""
        self.titles, self.density = answer.titles, answer.density
        self._lanes, self._read = answer.lanes, answer.period
        self._kinds = {}

    def lanes(self, row: LaneRow | None) -> tuple[Lane, ...]:
        """The lanes of a row that were read."""
        return () if row is None else tuple(self._lanes[name] for name in row.connections if name in self._lanes)

    def cells(self, row: LaneRow, period: Period) -> tuple[CellKind | None, ...]:
        """The cells of a row, ``None`` where they were not read.

        Computed once for an answer and a period: a cursor that moves leaves them as they are.
        """
        if self._kinds_of != period:
            self._kinds, self._kinds_of = {}, period
        kinds = self._kinds.get(row)
        if kinds is None:
            kinds = self._kinds[row] = self._read_cells(row, period)
        return kinds

    def _read_cells(self, row: LaneRow, period: Period) -> tuple[CellKind | None, ...]:
        lanes = self.lanes(row)
        if self._read is None or len(lanes) < len(row.connections):
            return (None,) * period.cells
        return known_cells(merged(row.name, lanes), period, self._read)
