"""The subject of commands: what the focused row of the focused pane stands for, and what can be exported of it.

``subject_of(screen)`` is the one answer to "what does this key act on?". Commands take it from here and name it in
their dialog (``Subject.name``), so that a key never acts on a row that the user does not look at:

- connections and statistics: the connection under the cursor of the list, with its newest session,
- timeline: the lane and the time under the cursor, and the event that made the cell what it is,
- log: the event under the cursor, its connection and session,
- detail: the event that is shown, and the value under the cursor.

``event_of(screen)`` is for commands that need an event whatever has the focus (mark, note, compare). Both functions are
in ``wsmon.tui.commands.selection``; ``export_subjects`` lists what can be exported of a subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.snapshot import ConnectionRow
from wsmon.model.statuses import OPEN
from wsmon.model.units import SECOND_NS
from wsmon.query.ast import EVERYTHING, Exact, FieldName, FieldTerm, Query, Range
from wsmon.tui.layout import PaneName
from wsmon.tui.panes.connections_table import problem_event_id
from wsmon.tui.panes.detail import DetailValue
from wsmon.tui.related import has_prior_events

# Seconds around an incident, a loss or a time that an export can take; the first is offered first
MARGINS_S = (30, 5, 300)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a command acts on; fields that the focused row says nothing about are empty."""

    pane: PaneName
    """The pane that has the focus."""
    connection: str = ""
    """Empty: an event of the recorder itself, or a lane of several connections."""
    row: ConnectionRow | None = None
    """The connection as it is now; None where the snapshot has none of that name."""
    event: Event | None = None
    """The event under the cursor; None in the connections and statistics panes."""
    value: DetailValue | None = None
    """The value under the cursor of the detail."""
    at_ns: int | None = None
    """Wall time under the cursor of the timeline, or of the event."""
    is_trouble: bool = False
    """Whether the store failed while the event was read; the footer says so."""

    @property
    def name(self) -> str:
        """What dialogs and messages call it: "orders", "event #12 on orders", "$.id in event #12"."""
        if self.event is not None:
            event = f"event #{fmt.count(self.event.id)}"
            if self.value is not None:
                return f"{self.value.path} in {event}"
            return f"{event} on {self.connection}" if self.connection else event
        return self.connection

    @property
    def session(self) -> str:
        """The session of the event, else the newest one of the connection; empty = there is none."""
        if self.event is not None:
            return self.event.source.connection_id
        return self.row.state.connection_id if self.row is not None else ""

    @property
    def problem_id(self) -> int:
        """The event that explains what is wrong with the connection of a list's row; 0 = nothing is, or no such row."""
        return problem_event_id(self.row) if self.event is None and self.row is not None else 0


@dataclass(frozen=True, slots=True)
class ExportSubject:
    """What can be exported: the matches of a query, or an incident or a loss and what was around it."""

    label: str
    query: Query = EVERYTHING
    incident: int = 0
    """Id of the event that opened it, or of the loss; 0 = neither."""
    margin_s: float = 0.0


def export_subjects(search: Query, subject: Subject) -> Iterator[ExportSubject]:
    """Yield what can be exported, the likeliest first: the subject, then the matches of the search, then everything.

    An incident, a loss and a place in the timeline come with what was around them. In log and detail, the matches of
    the search come before all else but these.
    """
    event, is_list = subject.event, subject.pane in ("connections", "statistics")
    if event is not None:
        yield from _around(event)
    elif subject.at_ns is not None:
        yield from _around_time(subject.connection, subject.at_ns)
    if is_list and subject.connection:
        yield _of("connection", subject.connection, f"conn:{subject.connection}")
        if subject.row is not None and subject.row.problem is not None:
            yield from _around(subject.row.problem)
    if search:
        yield ExportSubject(f"matches for {search.text}", search)
    if not is_list and subject.connection:
        yield _of("connection", subject.connection, f"conn:{subject.connection}")
    if session := subject.session:
        yield _of("session", session, f"session:{session}")
    if event is not None:
        if trace := event.source.trace_id:
            yield _of("trace", trace, f"trace:{trace}")
        yield ExportSubject(f"event #{fmt.count(event.id)}", EVERYTHING.within(event.id, event.id))
    yield ExportSubject("all events")


def _around(event: Event) -> Iterator[ExportSubject]:
    """Yield an incident or a loss with what was around it; nothing for other events."""
    opened_id = (event.meta or {}).get("incident", event.id) if event.category == "incident" else event.id
    if not isinstance(opened_id, int) or not (event.category == "incident" or has_prior_events(event)):
        return
    kind = event.type if event.category == "incident" else "disconnect" if event.from_status == OPEN else "attempt"
    for margin_s in MARGINS_S:
        label = f"{kind} on {event.source.connection or 'wsmon'} ± {fmt.duration(margin_s * SECOND_NS)}"
        yield ExportSubject(label, incident=opened_id, margin_s=margin_s)


def _around_time(connection: str, at_ns: int) -> Iterator[ExportSubject]:
    """Yield the events around a time, of a connection or of all."""
    terms = _of("connection", connection, "").query.terms if connection else ()
    at = datetime.fromtimestamp(at_ns // SECOND_NS).astimezone()
    for margin_s in MARGINS_S:
        margin_ns = margin_s * SECOND_NS
        period = FieldTerm("ts", (Range(at_ns - margin_ns, at_ns + margin_ns),))
        label = f"{connection or 'all connections'} at {at:%H:%M:%S} ± {fmt.duration(margin_ns)}"
        yield ExportSubject(label, Query((*terms, period), label))


def _of(field: FieldName, value: str, text: str) -> ExportSubject:
    return ExportSubject(f"{field} {value}", Query((FieldTerm(field, (Exact(value),)),), text))
