"""Reads runs and transitions as the timeline and uptime need them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from wsmon.model.uptime import RunSpan, Step
from wsmon.store.codec import STATUS_OF

_RUNS = """
SELECT run.id, run.started_ns, run.started_mono_ns, run.ended_ns, newest.ts_ns, newest.mono_ns
FROM run LEFT JOIN event AS newest ON newest.id =
    coalesce((SELECT min(next.first_id) FROM run AS next WHERE next.id > run.id), :last_id + 1) - 1
    AND newest.id >= run.first_id
ORDER BY run.id
"""
_COLUMNS = "event_id, ts_ns, mono_ns, run, to_status"
_BEFORE = (
    f"SELECT {_COLUMNS} FROM transition WHERE connection = ? AND ts_ns < ? ORDER BY ts_ns DESC, event_id DESC LIMIT 1"
)
_WITHIN = f"""
SELECT {_COLUMNS} FROM transition INDEXED BY transition_by_connection
WHERE connection = ? AND ts_ns >= ? AND ts_ns < ? ORDER BY event_id
"""
_THINNED = """
SELECT max(event_id), ts_ns, mono_ns, run, to_status FROM transition INDEXED BY transition_by_connection
WHERE connection = :connection AND ts_ns >= :since_ns AND ts_ns < :until_ns
GROUP BY (ts_ns - :since_ns) / :cell_ns, to_status ORDER BY 1
"""
# SQLite takes the other columns from the row that has the maximum


class Now(NamedTuple):
    """Both clocks, while a recorder runs."""

    wall_ns: int
    mono_ns: int


class Transition(NamedTuple):
    """A step, with the event that made it."""

    event_id: int
    step: Step


def run_spans(connection: sqlite3.Connection, last_id: int, now: Now | None) -> Mapping[int, RunSpan]:
    """When each recorder ran.

    A run that has no end ends ``now`` where its recorder lives (``None``: none does), else with its newest event.
    """
    spans: dict[int, RunSpan] = {}
    rows = connection.execute(_RUNS, {"last_id": last_id}).fetchall()
    for run, started_ns, started_mono_ns, ended_ns, newest_ns, newest_mono_ns in rows:
        known_ns, known_mono_ns = (started_ns, started_mono_ns) if newest_ns is None else (newest_ns, newest_mono_ns)
        if ended_ns is not None:
            end_ns, end_mono_ns = ended_ns, known_mono_ns + max(0, ended_ns - known_ns)
        elif now is not None and run == rows[-1][0]:
            end_ns, end_mono_ns = now.wall_ns, max(known_mono_ns, now.mono_ns)
        else:
            end_ns, end_mono_ns = known_ns, known_mono_ns
        spans[run] = RunSpan(started_ns, started_mono_ns, end_ns, end_mono_ns)
    return spans


def steps(connection: sqlite3.Connection, connection_id: int, since_ns: int, until_ns: int) -> list[Step]:
    """The steps of a connection in a period, in the order of commit, after the one that it began with."""
    rows = connection.execute(_BEFORE, (connection_id, since_ns)).fetchall()
    rows += connection.execute(_WITHIN, (connection_id, since_ns, until_ns)).fetchall()
    return [Step(ts_ns, mono_ns, run, STATUS_OF[to_status]) for _, ts_ns, mono_ns, run, to_status in rows]


def thinned_transitions(
    connection: sqlite3.Connection, connection_id: int, since_ns: int, until_ns: int, cell_ns: int
) -> Iterator[Transition]:
    """The same with their events, of each cell only the last one into each status: none of a cell is lost, nor its end.

    The status that a cell begins in may seem to last longer within the cell; where one comes twice, a loss is between.
    """
    yield from _read(connection.execute(_BEFORE, (connection_id, since_ns)))
    names = {"connection": connection_id, "since_ns": since_ns, "until_ns": until_ns, "cell_ns": cell_ns}
    yield from _read(connection.execute(_THINNED, names))


def _read(rows: Iterable[tuple[int, int, int, int, int]]) -> Iterator[Transition]:
    for event_id, ts_ns, mono_ns, run, to_status in rows:
        yield Transition(event_id, Step(ts_ns, mono_ns, run, STATUS_OF[to_status]))
