"""How long a connection was up, from its transitions.

Durations are monotonic within a run of the recorder; the wall clock only says what lies in the period asked for.
Between two runs nobody looked: that time counts neither as up nor as down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from wsmon.model.statuses import OPEN, Status
from wsmon.model.units import HOUR_NS, MS_NS, SECOND_NS

# A transport that came up and went within one tick of a coarse clock still was up
MIN_SESSION_NS = MS_NS
# A frequency from less than a minute would be a guess
MIN_OBSERVED_NS = 60 * SECOND_NS

UP: frozenset[Status] = frozenset({"connected", OPEN})
# Not dialled yet, or closed by us: being down is no failure then
UNWANTED: frozenset[Status] = frozenset({"initialized", "closed"})


class StatusChange(NamedTuple):
    """A transition, as far as uptime goes."""

    ts_ns: int
    mono_ns: int
    run: int
    status: Status
    """That it led to."""


@dataclass(frozen=True, slots=True)
class RunPeriod:
    """When a recorder ran, by both clocks; the end is now, or its last sign of life."""

    start_ns: int
    start_mono_ns: int
    end_ns: int
    end_mono_ns: int


@dataclass(frozen=True, slots=True)
class Uptime:
    """What the transitions of one connection in one period add up to; durations in nanoseconds."""

    total_ns: int = 0
    """Of the transport (connected or open)."""
    ws_ns: int = 0
    """While it could be used."""
    wanted_ns: int = 0
    """A recorder ran and wanted it open."""
    connections: int = 0
    """Times the transport came up."""
    opens: int = 0
    """Times it became usable."""
    reconnections: int = 0
    """Times it went to reconnecting."""
    reconnection_gap_ns: float | None = None
    """Mean time between two of them in one run; None where there were not two."""
    last_connected_ns: int | None = None
    last_disconnected_ns: int | None = None

    @property
    def availability(self) -> float | None:
        """Share of the wanted time in which it was open, 0…1; ``None`` where it was never wanted."""
        return min(1.0, self.ws_ns / self.wanted_ns) if self.wanted_ns else None


def uptime(steps: Iterable[StatusChange], runs: Mapping[int, RunPeriod], since_ns: int, until_ns: int) -> Uptime:
    """Add up the steps of one connection, in their order, over the wall times ``since_ns`` ≤ t < ``until_ns``.

    Steps before the period say with which status it began; at the end of its run a status ends.
    """
    tally = _Tally(since_ns, until_ns)
    before: StatusChange | None = None
    for step in steps:
        if before is not None:
            ended = before.run != step.run
            tally.add(before, _end_of(runs[before.run]) if ended else step, is_cut=ended)
        tally.count(before, step)
        before = step
    if before is not None:
        tally.add(before, _end_of(runs[before.run]), is_cut=True)
    return tally.total()


def observed_ns(runs: Iterable[RunPeriod], since_ns: int, until_ns: int) -> int:
    """How long a recorder ran within a period."""
    return sum(
        clipped_ns((run.start_ns, run.start_mono_ns), (run.end_ns, run.end_mono_ns), since_ns, until_ns) for run in runs
    )


def reconnects_per_hour(reconnections: int, watched_ns: int) -> float | None:
    """How often it reconnects; ``None`` while it was watched for less than a minute."""
    return reconnections * HOUR_NS / watched_ns if watched_ns >= MIN_OBSERVED_NS else None


def clipped_ns(start: tuple[int, int], end: tuple[int, int], since_ns: int, until_ns: int) -> int:
    """Monotonic duration from ``start`` to ``end`` (wall, monotonic), less what lies outside the period by the wall."""
    if start[0] >= until_ns or max(start[0], end[0]) <= since_ns:
        return 0
    outside_ns = max(0, since_ns - start[0]) + max(0, end[0] - until_ns)
    return max(0, end[1] - start[1] - outside_ns)


def _end_of(run: RunPeriod) -> StatusChange:
    return StatusChange(run.end_ns, run.end_mono_ns, 0, "closed")


class _Tally:
    """The sums so far; a session's transport time is kept apart until it ends, for the floor of one millisecond."""

    def __init__(self, since_ns: int, until_ns: int) -> None:
        self._since_ns = since_ns
        self._until_ns = until_ns
        self._total_ns = self._ws_ns = self._wanted_ns = self._session_ns = 0
        self._connections = self._opens = self._reconnections = 0
        self._gaps_ns: list[int] = []
        self._last_reconnection: StatusChange | None = None
        self._last_connected_ns: int | None = None
        self._last_disconnected_ns: int | None = None

    def add(self, start: StatusChange, end: StatusChange, *, is_cut: bool) -> None:
        """The time in one status; ``is_cut``: it did not end by itself."""
        if self._since_ns < start.ts_ns < self._until_ns > end.ts_ns:  # nearly all, and there are thousands
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

    def count(self, before: StatusChange | None, step: StatusChange) -> None:
        """The instant at which a status began."""
        if not self._since_ns <= step.ts_ns < self._until_ns:
            return
        was_up = before is not None and before.run == step.run and before.status in UP
        if step.status == "connected":
            self._connections += 1
            self._last_connected_ns = step.ts_ns
        elif step.status == OPEN:
            self._opens += 1
            self._last_connected_ns = self._last_connected_ns if was_up else step.ts_ns
        elif step.status == "disconnected" or was_up:
            self._last_disconnected_ns = step.ts_ns
        if step.status == "reconnecting":
            self._count_reconnection(step)

    def total(self) -> Uptime:
        """Everything added."""
        return Uptime(
            self._total_ns,
            self._ws_ns,
            self._wanted_ns,
            self._connections,
            self._opens,
            self._reconnections,
            sum(self._gaps_ns) / len(self._gaps_ns) if self._gaps_ns else None,
            self._last_connected_ns,
            self._last_disconnected_ns,
        )

    def _count_reconnection(self, step: StatusChange) -> None:
        self._reconnections += 1
        last, self._last_reconnection = self._last_reconnection, step
        if last is not None and last.run == step.run:
            self._gaps_ns.append(step.mono_ns - last.mono_ns)

    def _is_inside(self, step: StatusChange) -> bool:
        return self._since_ns <= step.ts_ns < self._until_ns
