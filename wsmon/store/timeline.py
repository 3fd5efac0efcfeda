"""The timeline of a period: status segments, losses and incidents of each connection; runs and status changes.

Rows are thinned to cells of a given length, of which everything that can be the worst of a cell is kept: a connection
that failed a million times costs as many rows as there are cells.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wsmon.model.statuses import OPEN, Status
from wsmon.model.timeline import Incident, Lane, LaneTitle, LossMark, StatusSegment, TimelineProblem
from wsmon.model.uptime import RunPeriod, StatusChange
from wsmon.store.codec import CONNECTION_GROUP, FIRST_INDEXED_NAME, NAME_CODES, STATUS_CODES, STATUS_OF
from wsmon.store.validation import Count, Flag, Id, Ns, StatusCode, checked

_RUNS = """
SELECT run.id, run.started_ns, run.started_mono_ns, run.ended_ns, newest.ts_ns, newest.mono_ns
FROM run LEFT JOIN event AS newest ON newest.id =
    coalesce((SELECT min(next.first_id) FROM run AS next WHERE next.id > run.id), :last_id + 1) - 1
    AND newest.id >= run.first_id
ORDER BY run.id
"""
_COLUMNS = "event_id, ts_ns, mono_ns, run, to_status"
_TURNS = f"""
SELECT coalesce((SELECT max(id) FROM run WHERE first_id <= event.id), 0), ts_ns, mono_ns,
    ts_ns - json_extract(meta, '$.step_ns')
FROM event INDEXED BY event_by_name
WHERE name = {NAME_CODES["self.clock.stepped"]} AND name >= {FIRST_INDEXED_NAME}
    AND json_extract(meta, '$.step_ns') < 0 ORDER BY event.id
"""
_TRANSITION_ROW = tuple[Id, Ns, Ns, Id, StatusCode]
_RUN_ROW = tuple[Id, Ns, Ns, Ns | None, Ns | None, Ns | None]
# A status lasts until the end of its run at the latest
_KNOWN_RUN = "run IN (SELECT id FROM run)"
_BEFORE = (
    f"SELECT {_COLUMNS} FROM transition WHERE connection = ? AND ts_ns < ? AND {_KNOWN_RUN} "
    "ORDER BY ts_ns DESC, event_id DESC LIMIT 1"
)
_WITHIN = f"""
SELECT {_COLUMNS} FROM transition INDEXED BY transition_by_connection
WHERE connection = ? AND ts_ns >= ? AND ts_ns < ? AND {_KNOWN_RUN} ORDER BY event_id
"""
# SQLite takes the other columns from the row with the maximum
_THINNED = f"""
SELECT max(event_id), ts_ns, mono_ns, run, to_status FROM transition INDEXED BY transition_by_connection
WHERE connection = :connection AND ts_ns >= :since_ns AND ts_ns < :until_ns AND {_KNOWN_RUN}
GROUP BY (ts_ns - :since_ns) / :cell_ns, to_status ORDER BY 1
"""


class ClockReading(NamedTuple):
    """Wall and monotonic time while a recorder runs."""

    wall_ns: int
    mono_ns: int


class ClockTurn(NamedTuple):
    """A moment at which the wall clock was found to have been set back."""

    run: int
    ts_ns: int
    mono_ns: int
    before_ns: int
    """Wall time that it would have been then."""


class Transition(NamedTuple):
    """A status change, with the event that made it."""

    event_id: int
    step: StatusChange


def run_spans(connection: sqlite3.Connection, last_id: int, now: ClockReading | None) -> Mapping[int, RunPeriod]:
    """Read when each recorder ran.

    A run without an end ends ``now`` where its recorder still runs (``None``: it does not), else with its newest event.
    """
    spans: dict[int, RunPeriod] = {}
    rows = checked(connection.execute(_RUNS, {"last_id": last_id}), _RUN_ROW)
    for run, started_ns, started_mono_ns, ended_ns, newest_ns, newest_mono_ns in rows:
        known_ns, known_mono_ns = (started_ns, started_mono_ns) if newest_ns is None else (newest_ns, newest_mono_ns)
        if ended_ns is not None:
            end_ns, end_mono_ns = ended_ns, known_mono_ns + max(0, ended_ns - known_ns)
        elif now is not None and run == rows[-1][0]:
            end_ns, end_mono_ns = now.wall_ns, max(known_mono_ns, now.mono_ns)
        else:
            end_ns, end_mono_ns = known_ns, known_mono_ns
        spans[run] = RunPeriod(started_ns, started_mono_ns, end_ns, end_mono_ns)
    return spans


def clock_turns(connection: sqlite3.Connection) -> list[ClockTurn]:
    """Read when the wall clock was set back, as far as the events of it are kept."""
    return [ClockTurn(*row) for row in checked(connection.execute(_TURNS), tuple[Id, Ns, Ns, Ns])]


def status_changes(
    connection: sqlite3.Connection, connection_id: int, since_ns: int, until_ns: int
) -> list[StatusChange]:
    """Read the status changes of a connection in a period, in the order of commit, after the last one before it."""
    rows = checked(connection.execute(_BEFORE, (connection_id, since_ns)), _TRANSITION_ROW)
    rows += checked(connection.execute(_WITHIN, (connection_id, since_ns, until_ns)), _TRANSITION_ROW)
    return [StatusChange(ts_ns, mono_ns, run, STATUS_OF[to_status]) for _, ts_ns, mono_ns, run, to_status in rows]


def thinned_transitions(
    connection: sqlite3.Connection, connection_id: int, since_ns: int, until_ns: int, cell_ns: int
) -> Iterator[Transition]:
    """Read status changes with their events, of each cell only the last one into each status.

    So every status of a cell and its end are kept. The status at the start of a cell may seem to last longer within it;
    where one comes twice, a loss is between.
    """
    yield from _read(connection.execute(_BEFORE, (connection_id, since_ns)))
    names = {"connection": connection_id, "since_ns": since_ns, "until_ns": until_ns, "cell_ns": cell_ns}
    yield from _read(connection.execute(_THINNED, names))


def _read(rows: Iterable[tuple[int, int, int, int, int]]) -> Iterator[Transition]:
    for event_id, ts_ns, mono_ns, run, to_status in checked(rows, _TRANSITION_ROW):
        yield Transition(event_id, StatusChange(ts_ns, mono_ns, run, STATUS_OF[to_status]))


# Statuses from which the status ``error`` is a loss
ATTEMPTED: tuple[Status, ...] = ("connecting", "connected", OPEN)

_TITLES = f"""
SELECT id, name, coalesce({CONNECTION_GROUP}, '') FROM connection
WHERE configured OR EXISTS (
    SELECT 1 FROM transition WHERE transition.connection = connection.id AND ts_ns >= ? AND ts_ns < ?
)
ORDER BY configured DESC, position, name
"""
_ATTEMPTED = ", ".join(str(STATUS_CODES[status]) for status in ATTEMPTED)
# A loss or a failed attempt; that no more attempts are made is none
_IS_LOSS = (
    f"(to_status = {STATUS_CODES['disconnected']}"
    f" OR (to_status = {STATUS_CODES['error']} AND from_status IN ({_ATTEMPTED})))"
)
_LOSSES = f"""
SELECT ts_ns, min(event_id), count(*) FROM transition INDEXED BY transition_by_connection
WHERE connection = ? AND ts_ns >= ? AND ts_ns < ? AND {_IS_LOSS}
GROUP BY (ts_ns - ?) / ? ORDER BY ts_ns
"""
_INCIDENTS = """
SELECT min(opened_ns), max(coalesce(closed_ns, 0)), max(closed_ns IS NULL), min(id), type, sentence, count(*)
FROM incident WHERE connection = ? AND opened_ns < ? AND coalesce(closed_ns > ?, 1)
GROUP BY type, CASE WHEN opened_ns < ? THEN -id ELSE (opened_ns - ?) / ? END ORDER BY 1
"""
_LOSS_AFTER = f"""
SELECT ts_ns, event_id FROM transition INDEXED BY transition_by_connection
WHERE connection = ? AND ts_ns >= ? AND {_IS_LOSS} ORDER BY ts_ns, event_id LIMIT 1
"""
_LOSS_BEFORE = f"""
SELECT ts_ns, event_id FROM transition INDEXED BY transition_by_connection
WHERE connection = ? AND ts_ns < ? AND {_IS_LOSS} ORDER BY ts_ns DESC, event_id DESC LIMIT 1
"""
_INCIDENT_AFTER = """
SELECT opened_ns, id FROM incident WHERE connection = ? AND opened_ns >= ? ORDER BY opened_ns, id LIMIT 1
"""
_INCIDENT_BEFORE = """
SELECT opened_ns, id FROM incident WHERE connection = ? AND opened_ns < ? ORDER BY opened_ns DESC, id DESC LIMIT 1
"""
_IDS = "SELECT name, id FROM connection"
_TITLE_ROW = tuple[Id, str, str]
_INCIDENT_ROW = tuple[Ns, Ns, Flag, Id, str, str, Count]


@dataclass(frozen=True, slots=True)
class LaneScope:
    """The part of the timeline to read."""

    since_ns: int
    until_ns: int
    cell_ns: int
    """Events that are closer together may be one entry."""
    oldest_id: int
    """Oldest event that is kept."""
    runs: Mapping[int, RunPeriod]
    turns: Sequence[ClockTurn] = ()


def lane_titles(connection: sqlite3.Connection, since_ns: int, until_ns: int) -> tuple[LaneTitle, ...]:
    """Read the connections that have a lane: the configured ones, then others with transitions in the period."""
    rows = checked(connection.execute(_TITLES, (since_ns, until_ns)), _TITLE_ROW)
    return tuple(LaneTitle(name, group) for _, name, group in rows)


def lanes(connection: sqlite3.Connection, scope: LaneScope, names: Sequence[str] | None) -> tuple[Lane, ...]:
    """Read the lanes of some connections (``None``: of all), in the order of ``lane_titles``."""
    wanted = None if names is None else frozenset(names)
    rows = checked(connection.execute(_TITLES, (scope.since_ns, scope.until_ns)), _TITLE_ROW)
    return tuple(_lane(connection, row, scope) for row in rows if wanted is None or row[1] in wanted)


def problems_near(
    connection: sqlite3.Connection, places: Sequence[tuple[str, int]], *, newer: bool
) -> tuple[TimelineProblem, ...]:
    """Find for each connection and time the first problem at it or later, or the last one before it; none: left out."""
    ids = dict(checked(connection.execute(_IDS), tuple[str, Id]))
    pick = min if newer else max
    found: list[TimelineProblem] = []
    for name, at_ns in places:
        if name in ids:
            sources = (_LOSS_AFTER, _INCIDENT_AFTER) if newer else (_LOSS_BEFORE, _INCIDENT_BEFORE)
            near = [
                row for sql in sources for row in checked(connection.execute(sql, (ids[name], at_ns)), tuple[Ns, Id])
            ]
            found += [TimelineProblem(name, *pick(near))] if near else []
    return tuple(found)


def status_segments(steps: Iterable[Transition], scope: LaneScope) -> tuple[StatusSegment, ...]:
    """Make segments of transitions; a status ends at the latest with the run that recorded it, or with the period."""
    found: list[StatusSegment] = []
    before: Transition | None = None
    for transition in (*steps, None):
        if before is not None:
            run = scope.runs[before.step.run]
            is_followed = transition is not None and transition.step.run == before.step.run
            end = ClockReading(run.end_ns, run.end_mono_ns)
            if transition is not None and is_followed:
                end = ClockReading(transition.step.ts_ns, transition.step.mono_ns)
            event_id = before.event_id if before.event_id >= scope.oldest_id else 0
            for start_ns, end_ns in _wall_times(before.step, end, scope.turns):
                shown_ns = min(end_ns, scope.until_ns)
                if max(start_ns, scope.since_ns) < shown_ns:
                    found.append(StatusSegment(start_ns, shown_ns, before.step.status, event_id))
        before = transition
    return tuple(found)


def _wall_times(start: StatusChange, end: ClockReading, turns: Sequence[ClockTurn]) -> Iterator[tuple[int, int]]:
    """The wall times from ``start`` to ``end``: one range, and one more for each time that the clock was set back."""
    at_ns, at_mono_ns = start.ts_ns, start.mono_ns
    for turn in turns:
        if turn.run == start.run and at_mono_ns < turn.mono_ns < end.mono_ns:
            yield at_ns, at_ns + turn.mono_ns - at_mono_ns
            at_ns, at_mono_ns = turn.ts_ns, turn.mono_ns
    yield at_ns, end.wall_ns


def _lane(connection: sqlite3.Connection, row: tuple[int, str, str], scope: LaneScope) -> Lane:
    connection_id, name, group = row
    since_ns, until_ns, cell_ns = scope.since_ns, scope.until_ns, scope.cell_ns
    statuses = status_segments(thinned_transitions(connection, connection_id, since_ns, until_ns, cell_ns), scope)
    marks = checked(
        connection.execute(_LOSSES, (connection_id, since_ns, until_ns, since_ns, cell_ns)), tuple[Ns, Id, Count]
    )
    losses = tuple(LossMark(*mark) for mark in marks)
    rows = connection.execute(_INCIDENTS, (connection_id, until_ns, since_ns, since_ns, since_ns, cell_ns))
    incidents = tuple(_incident(incident, scope) for incident in checked(rows, _INCIDENT_ROW))
    return Lane(name, group, statuses, losses, incidents)


def _incident(row: tuple[int, int, int, int, str, str, int], scope: LaneScope) -> Incident:
    opened_ns, closed_ns, is_open, event_id, kind, sentence, count = row
    end_ns = max(closed_ns, _run_end(scope.runs, opened_ns)) if is_open else closed_ns
    return Incident(opened_ns, end_ns, event_id, kind, sentence, bool(is_open), count)


def _run_end(runs: Mapping[int, RunPeriod], at_ns: int) -> int:
    """The end of the run that was under way at a time."""
    return max((run.end_ns for run in runs.values() if run.start_ns <= at_ns), default=at_ns)
