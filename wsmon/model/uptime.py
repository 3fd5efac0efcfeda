"""Uptime and availability of a connection, computed from its transitions.

Durations are monotonic within a run of the recorder; the wall clock only decides what lies in the requested period. The
time between two runs counts neither as up nor as down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from wsmon.model.statuses import OPEN, Status
from wsmon.model.units import HOUR_NS, MS_NS, SECOND_NS

# A transport that came up and ended within one tick of a coarse clock counts as up for this long
MIN_SESSION_NS = MS_NS
# A rate is not computed from a shorter time
MIN_OBSERVED_NS = 60 * SECOND_NS

UP: frozenset[Status] = frozenset({"connected", OPEN})
# Not dialled yet, or closed by the user: being down is no failure
UNWANTED: frozenset[Status] = frozenset({"initialized", "closed"})


class StatusChange(NamedTuple):
    """A transition, as far as uptime needs it."""

    ts_ns: int
    mono_ns: int
    run: int
    status: Status
    """The status after it."""


@dataclass(frozen=True, slots=True)
class RunPeriod:
    """A run of the recorder on both clocks; its end is now, or the last sign of life."""

    start_ns: int
    start_mono_ns: int
    end_ns: int
    end_mono_ns: int


@dataclass(frozen=True, slots=True)
class Uptime:
    """The sums of the transitions of one connection in a period; durations in nanoseconds."""

    total_ns: int = 0
    """Time with a transport (connected or open)."""
    ws_ns: int = 0
    """Time in which the connection was open."""
    wanted_ns: int = 0
    """Time in which a recorder ran and the connection was to be open."""
    connections: int = 0
    """Times the transport came up."""
    opens: int = 0
    """Times it became open."""
    reconnections: int = 0
    """Times it went to reconnecting."""
    reconnection_gap_ns: float | None = None
    """Mean time between two of them in one run; None where there were not two."""
    last_connected_ns: int | None = None
    last_disconnected_ns: int | None = None

    @property
    def availability(self) -> float | None:
        """Share of the wanted time in which it was open, 0…1; ``None`` without wanted time."""
        return min(1.0, self.ws_ns / self.wanted_ns) if self.wanted_ns else None


def uptime(changes: Iterable[StatusChange], runs: Mapping[int, RunPeriod], since_ns: int, until_ns: int) -> Uptime:
    """Add up the transitions of one connection, in their order, over the wall times ``since_ns`` ≤ t < ``until_ns``.

    Transitions before the period determine its first status; a status ends with the run.
    """
    sums = UptimeSums(since_ns, until_ns)
    before: StatusChange | None = None
    for change in changes:
        if before is not None:
            ended = before.run != change.run
            sums.add(before, _end_of(runs[before.run]) if ended else change, is_cut=ended)
        sums.count(before, change)
        before = change
    if before is not None:
        sums.add(before, _end_of(runs[before.run]), is_cut=True)
    return sums.total()


def observed_ns(runs: Iterable[RunPeriod], since_ns: int, until_ns: int) -> int:
    """Return how long a recorder ran within a period."""
    return sum(
        clipped_ns((run.start_ns, run.start_mono_ns), (run.end_ns, run.end_mono_ns), since_ns, until_ns) for run in runs
    )


def reconnects_per_hour(reconnections: int, watched_ns: int) -> float | None:
    """Return the rate of reconnects; ``None`` for less than a minute."""
    return reconnections * HOUR_NS / watched_ns if watched_ns >= MIN_OBSERVED_NS else None


def clipped_ns(start: tuple[int, int], end: tuple[int, int], since_ns: int, until_ns: int) -> int:
    """Return the monotonic duration from ``start`` to ``end`` (wall, monotonic) within the period."""
    if start[0] >= until_ns or max(start[0], end[0]) <= since_ns:
        return 0
    outside_ns = max(0, since_ns - start[0]) + max(0, end[0] - until_ns)
    return max(0, end[1] - start[1] - outside_ns)


def _end_of(run: RunPeriod) -> StatusChange:
    return StatusChange(run.end_ns, run.end_mono_ns, 0, "closed")


class UptimeSums:
    """The sums so far; the transport time of a session is added at its end, at least ``MIN_SESSION_NS``."""

    def __init__(self, since_ns: int, until_ns: int) -> None:
        self._since_ns = since_ns
        self._until_ns = until_ns
        self._total_ns = self._ws_ns = self._wanted_ns = self._session_ns = 0
        self._connections = self._opens = self._reconnections = 0
        # Times between two reconnections: their sum, and how many
        self._gaps_ns = self._gaps = 0
        self._last_reconnection: StatusChange | None = None
        self._last_connected_ns: int | None = None
        self._last_disconnected_ns: int | None = None

    def add(self, start: StatusChange, end: StatusChange, *, is_cut: bool) -> None:
        """Add the time in one status; ``is_cut``: the end of the run ended it."""
        # The fast path of nearly all transitions, which are thousands
        if self._since_ns < start.ts_ns < self._until_ns > end.ts_ns:
            duration_ns = max(0, end.mono_ns - start.mono_ns)
        else:
            duration_ns = clipped_ns(start[:2], end[:2], self._since_ns, self._until_ns)
        if start.status not in UNWANTED:
            self._wanted_ns += duration_ns
        if start.status == OPEN:
            self._ws_ns += duration_ns
        if start.status not in UP:
            return
        self._session_ns += duration_ns
        if is_cut or end.status not in UP:
            ended_inside = not is_cut and self._is_inside(end)
            self._total_ns += max(self._session_ns, MIN_SESSION_NS) if ended_inside else self._session_ns
            self._session_ns = 0

    def count(self, before: StatusChange | None, change: StatusChange) -> None:
        """Count a transition."""
        if not self._since_ns <= change.ts_ns < self._until_ns:
            return
        was_up = before is not None and before.run == change.run and before.status in UP
        if change.status == "connected":
            self._connections += 1
            self._last_connected_ns = change.ts_ns
        elif change.status == OPEN:
            self._opens += 1
            self._last_connected_ns = self._last_connected_ns if was_up else change.ts_ns
        elif change.status == "disconnected" or was_up:
            self._last_disconnected_ns = change.ts_ns
        if change.status == "reconnecting":
            self._count_reconnection(change)

    def total(self) -> Uptime:
        """Return the sums."""
        return Uptime(
            self._total_ns,
            self._ws_ns,
            self._wanted_ns,
            self._connections,
            self._opens,
            self._reconnections,
            self._gaps_ns / self._gaps if self._gaps else None,
            self._last_connected_ns,
            self._last_disconnected_ns,
        )

    def _count_reconnection(self, change: StatusChange) -> None:
        self._reconnections += 1
        last, self._last_reconnection = self._last_reconnection, change
        if last is not None and last.run == change.run:
            self._gaps_ns += change.mono_ns - last.mono_ns
            self._gaps += 1

    def _is_inside(self, change: StatusChange) -> bool:
        return self._since_ns <= change.ts_ns < self._until_ns
