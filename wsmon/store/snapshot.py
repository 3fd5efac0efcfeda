"""Snapshot of all connections: their state, rates, losses and problems."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from types import GenericAlias
from typing import Any

from wsmon.model.detectors.silence import StallDetector
from wsmon.model.events import Event
from wsmon.model.ranges import StoreBounds
from wsmon.model.snapshot import ConnectionRow, ConnectionState, OpenIncident, Snapshot
from wsmon.model.units import SECOND_NS
from wsmon.store.codec import CONNECTION_STATUS_OF
from wsmon.store.connections import spec_of
from wsmon.store.validation import ConnectionStatusCode, Count, Id, Ns, Second, checked

# Whole seconds over which rates are means: long enough to be steady, short enough to follow changes
RATE_WINDOW_S = 5
# Seconds of traffic that the header draws
SPARK_S = 60
# A second counts as complete when the batches of its end have surely been committed
COMMIT_SLACK_NS = 250_000_000
HOUR_S = 3600
# Kind of incident that is in the state of its connection
STALL = StallDetector.kind.name

_CONNECTIONS = """
SELECT connection.id, connection.name, spec, connection.trace_id,
    coalesce(source.connection_id, ''), status, since_ns, stalled_since_ns, attempt, next_attempt_ns, sessions,
    last_connected_ns, last_disconnected_ns, failing_since_ns, last_message_ns, rtt_ns, last_problem_id,
    (SELECT event_id FROM transition WHERE transition.connection = connection.id
        AND ts_ns = last_disconnected_ns AND ts_ns >= failing_since_ns LIMIT 1),
    (SELECT closed_ns FROM incident WHERE incident.id = last_problem_id)
FROM connection LEFT JOIN source ON source.id = connection.source
WHERE configured ORDER BY position, name
"""
_RATES = """
SELECT connection, sum(messages_in + messages_out) FROM rollup
WHERE level = 1 AND bucket >= ? AND bucket < ? GROUP BY connection
"""
# Of the newest run: a recorder closes the incidents of the recorder before it
_INCIDENTS = """
SELECT incident.id, type, sentence, coalesce(connection.name, '') FROM incident
LEFT JOIN connection ON connection.id = incident.connection
WHERE incident.id >= (SELECT first_id FROM run ORDER BY id DESC LIMIT 1) AND closed_ns IS NULL ORDER BY incident.id
"""
_SPARK = """
SELECT bucket, sum(messages_in + messages_out) FROM rollup
WHERE level = 1 AND bucket >= ? AND bucket < ? GROUP BY bucket
"""
_LOSSES = """
SELECT connection, sum(losses) FROM (
    SELECT connection, losses FROM rollup WHERE level = 60 AND bucket >= ?
    UNION ALL
    SELECT connection, losses FROM rollup WHERE level = 1 AND bucket >= ?
) GROUP BY connection
"""

_CONNECTION_ROW = GenericAlias(
    tuple,
    (
        *(Id, str, str, str, str, ConnectionStatusCode, Ns, Ns | None, Count, Ns | None, Count),
        *(Ns | None, Ns | None, Ns | None, Ns | None, Ns | None, Id, Id | None, Ns | None),
    ),
)

ReadEvents = Callable[[tuple[int, ...]], tuple[Event, ...]]


def snapshot(
    connection: sqlite3.Connection, at_ns: int, bounds: StoreBounds, rolled_s: int, read_events: ReadEvents
) -> Snapshot:
    """Read the configured connections in their order, as committed; rates are means over the last whole seconds."""
    now_s = (at_ns - COMMIT_SLACK_NS) // SECOND_NS
    rates = dict(checked(connection.execute(_RATES, (now_s - RATE_WINDOW_S, now_s)), tuple[Id, Count]))
    losses = dict(checked(connection.execute(_LOSSES, _hour_before(now_s, rolled_s)), tuple[Id, Count]))
    found = checked(connection.execute(_CONNECTIONS), _CONNECTION_ROW)
    states = {row[0]: _state(row[:-2]) for row in found}
    began_ids = {row[0]: row[-2] for row in found}
    problem_ended_ns = {row[0]: row[-1] for row in found}
    event_ids = {*began_ids.values(), *(state.last_problem_id for state in states.values())} - {None, 0}
    events = {event.id: event for event in read_events(tuple(event_ids))}
    incidents = tuple(OpenIncident(*row) for row in checked(connection.execute(_INCIDENTS), tuple[Id, str, str, str]))
    of_connections: dict[str, tuple[OpenIncident, ...]] = {}
    for each in incidents:
        if each.kind != STALL:
            of_connections[each.connection] = (*of_connections.get(each.connection, ()), each)
    rows = tuple(
        ConnectionRow(
            state,
            rates.get(connection_id, 0) / RATE_WINDOW_S,
            float(losses.get(connection_id, 0)),
            events.get(state.last_problem_id),
            of_connections.get(state.name, ()),
            events.get(began_ids[connection_id]),
            problem_ended_ns[connection_id],
        )
        for connection_id, state in states.items()
    )
    return Snapshot(at_ns, bounds, rows, _spark(connection, now_s), incidents)


def _spark(connection: sqlite3.Connection, now_s: int) -> tuple[int, ...]:
    rows = connection.execute(_SPARK, (now_s - SPARK_S, now_s))
    by_second: Mapping[int, int] = dict(checked(rows, tuple[Second, Count]))
    return tuple(by_second.get(second, 0) for second in range(now_s - SPARK_S, now_s))


def _hour_before(now_s: int, rolled_s: int) -> tuple[int, int]:
    """The first minute of the last hour, and the first second that is in no longer bucket yet."""
    return (now_s - HOUR_S) // 60 * 60, max(rolled_s, now_s - HOUR_S)


def _state(row: tuple[Any, ...]) -> ConnectionState:
    name, spec, trace_id, connection_id, status = row[1:6]
    return ConnectionState(name, spec_of(spec), trace_id, connection_id, CONNECTION_STATUS_OF[status], *row[6:])
