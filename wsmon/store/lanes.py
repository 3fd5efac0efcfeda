"""The timeline of a period: stretches of one status, losses, stalls and other incidents of each connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from wsmon.model.timeline import Incident, Lane, Mark, Stall, Stretch
from wsmon.model.uptime import RunSpan
from wsmon.store.transitions import Transition, transitions

_CONNECTIONS = """
SELECT id, name, "group" FROM connection
WHERE configured OR EXISTS (
    SELECT 1 FROM transition WHERE transition.connection = connection.id AND ts_ns >= ? AND ts_ns < ?
)
ORDER BY configured DESC, position, name
"""
_INCIDENTS = """
SELECT id, opened_ns, closed_ns, type FROM incident
WHERE connection = ? AND opened_ns < ? AND coalesce(closed_ns > ?, 1) ORDER BY opened_ns
"""


def lanes(
    connection: sqlite3.Connection, since_ns: int, until_ns: int, runs: Mapping[int, RunSpan], oldest_id: int
) -> tuple[Lane, ...]:
    """One lane a connection: those configured, then those that the period knows beside them."""
    return tuple(
        _lane(connection, row, since_ns, until_ns, runs, oldest_id)
        for row in connection.execute(_CONNECTIONS, (since_ns, until_ns)).fetchall()
    )


def stretches(
    steps: Iterable[Transition], since_ns: int, until_ns: int, runs: Mapping[int, RunSpan], oldest_id: int
) -> tuple[Stretch, ...]:
    """Cut transitions into stretches within a period; a status ends at the latest with the run that knew it."""
    found: list[Stretch] = []
    before: Transition | None = None
    for transition in (*steps, None):
        if before is not None:
            run_end_ns = runs[before.step.run].end_ns
            is_followed = transition is not None and transition.step.run == before.step.run
            end_ns = transition.step.ts_ns if transition is not None and is_followed else run_end_ns
            start_ns, end_ns = max(before.step.ts_ns, since_ns), min(end_ns, until_ns)
            if start_ns < end_ns:
                event_id = before.event_id if before.event_id >= oldest_id else 0
                found.append(Stretch(start_ns, end_ns, before.step.status, event_id))
        before = transition
    return tuple(found)


def _lane(
    connection: sqlite3.Connection,
    row: tuple[int, str, str],
    since_ns: int,
    until_ns: int,
    runs: Mapping[int, RunSpan],
    oldest_id: int,
) -> Lane:
    connection_id, name, group = row
    steps = list(transitions(connection, connection_id, since_ns, until_ns))
    losses = tuple(
        Mark(step.ts_ns, event_id)
        for event_id, step, was_open in steps
        if since_ns <= step.ts_ns and (step.status == "disconnected" or (was_open and step.status == "error"))
    )
    found = [
        Incident(max(opened_ns, since_ns), end_ns, event_id, kind)
        for event_id, opened_ns, closed_ns, kind in connection.execute(_INCIDENTS, (connection_id, until_ns, since_ns))
        if (end_ns := min(until_ns, _run_end(runs, opened_ns) if closed_ns is None else closed_ns)) > since_ns
    ]
    stalls = tuple(Stall(each.start_ns, each.end_ns, each.event_id) for each in found if each.kind == "stall")
    others = tuple(each for each in found if each.kind != "stall")
    return Lane(name, group, stretches(steps, since_ns, until_ns, runs, oldest_id), losses, stalls, others)


def _run_end(runs: Mapping[int, RunSpan], at_ns: int) -> int:
    """When the run ended that was under way at a time."""
    return max((run.end_ns for run in runs.values() if run.start_ns <= at_ns), default=at_ns)
