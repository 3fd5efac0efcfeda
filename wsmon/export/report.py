"""Report on connections, to send to the operator of the peer: statistics, timeline, incidents, every loss explained.

It begins with what happened, in a sentence. It covers the connections that the query allows, in the period of the
selection, with all totals; long lists keep the newest entries.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing

import wsmon
from wsmon.export.jsonl import allowed_connections, rfc3339
from wsmon.export.report_render import (
    WIDTH,
    Block,
    Cells,
    Figure,
    Heading,
    Paragraph,
    ReportTable,
    html_page,
    markdown,
    timeline_svg,
)
from wsmon.export.selection import Period, Selection
from wsmon.export.sessions import LIFECYCLE, endpoint
from wsmon.model import units as fmt
from wsmon.model.detectors.sequence import SEQUENCE_COUNTS
from wsmon.model.ends import fact, why
from wsmon.model.events import Event, EventName
from wsmon.model.sanitize import decode
from wsmon.model.statistics import ConnectionStatistics, Kpi, Statistics, Summary
from wsmon.model.statuses import LABELS, OPEN
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.query.predicate import allows_connection

# Losses, failed attempts and incidents that are listed, of each the newest
MOST = 100
# Connections or hosts that the title names
MOST_NAMES = 3
# Events around a loss
BEFORE, AFTER = 6, 4
# Bars of the message histogram
BUCKETS = 200
# Characters that are shown of a message
_CONTENT_LIMIT = 200
_INCIDENTS: tuple[EventName, ...] = ("incident.opened", "incident.closed")


def html_report(selection: Selection) -> Iterator[bytes]:
    """Write the report as an HTML page, piece by piece."""
    subject = _Subject(selection)
    return html_page(subject.title, _blocks(selection, subject))


def markdown_report(selection: Selection) -> Iterator[bytes]:
    """Write the report as Markdown, piece by piece."""
    return markdown(_blocks(selection, _Subject(selection)))


class _Subject:
    """The connections that a report is about, and their statistics."""

    def __init__(self, selection: Selection) -> None:
        self._subject = selection.subject
        self.statistics = selection.view.statistics(*_period(selection))
        self.connections = allowed_connections(selection.query, self.statistics)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the connections."""
        return tuple(one.name for one in self.connections)

    @property
    def title(self) -> str:
        """The title: connections (or the incident) and hosts by name, or their number where there are many."""
        if not self.connections:
            return "WebSocket report"
        subject = self._subject or _listed(self.names, "connections")
        hosts = tuple(dict.fromkeys(filter(None, (endpoint(one.url).host for one in self.connections))))
        title = f"WebSocket report: {subject}"
        return f"{title} ({_listed(hosts, 'hosts')})" if hosts else title

    @property
    def query(self) -> Query:
        """Events of the connections, and of no recorder."""
        return Query((FieldTerm("connection", tuple(Exact(name) for name in self.names)),))


def _listed(names: tuple[str, ...], noun: str) -> str:
    return ", ".join(names) if len(names) <= MOST_NAMES else f"{len(names):,} {noun}"


class _Troubles:
    """The newest losses, failed attempts and incidents, and how many there were."""

    def __init__(self) -> None:
        self.losses: deque[Event] = deque(maxlen=MOST)
        self.failures: deque[Event] = deque(maxlen=MOST)
        self.incidents: deque[Event] = deque(maxlen=MOST)
        # Id of the event that opened an incident -> event that closed it
        self.ends: dict[int, Event] = {}
        self.counts = {"losses": 0, "failures": 0, "incidents": 0}
        # Losses by connection
        self.losses_of: dict[str, int] = {}

    def take(self, event: Event) -> None:
        """Add an event."""
        if event.name == "incident.closed":
            opened = (event.meta or {}).get("incident")
            if isinstance(opened, int) and any(one.id == opened for one in self.incidents):
                self.ends[opened] = event
        elif event.name == "incident.opened":
            self.incidents.append(event)
            self.counts["incidents"] += 1
        elif event.to_status in ("disconnected", "error"):
            was_open = event.from_status == OPEN
            (self.losses if was_open else self.failures).append(event)
            self.counts["losses" if was_open else "failures"] += 1
            if was_open:
                name = event.source.connection
                self.losses_of[name] = self.losses_of.get(name, 0) + 1


def _blocks(selection: Selection, subject: _Subject) -> Iterator[Block | None]:
    statistics, connections = subject.statistics, subject.connections
    troubles = _Troubles()
    names = FieldTerm("name", tuple(Exact(name) for name in (*LIFECYCLE, *_INCIDENTS)))
    for page in selection.context(Query((names,))):
        for event in page:
            if allows_connection(selection.query, event.source.connection):
                troubles.take(event)
        yield None
    yield from _count_events(selection, subject)
    yield Heading(1, subject.title)
    yield Paragraph(_summary(subject, troubles))
    yield _about(selection, statistics, troubles)
    yield from _numbers(connections)
    yield from _figures(connections)
    yield from _timeline(selection, subject, troubles)
    running = {each.event_id: each.sentence for each in selection.view.snapshot(statistics.until_ns).incidents}
    yield from _incidents(troubles, running)
    yield from _losses(selection, troubles)
    yield from _failures(troubles)


def _count_events(selection: Selection, subject: _Subject) -> Iterator[None]:
    """Count the events of the connections, without reading them."""
    if not subject.connections:
        return
    found = selection.view.search(subject.query, selection.first_id, selection.last_id, newest_first=False)
    with closing(found) as search:
        for searched in search:
            selection.written += len(searched.ids)
            yield None


def _summary(subject: _Subject, troubles: _Troubles) -> str:
    """What happened: which connections were lost how often, and how the last loss is explained."""
    if not subject.connections:
        return "No connection was recorded in this period."
    lasted = fmt.duration(subject.statistics.until_ns - subject.statistics.since_ns)
    also = [
        _several(troubles.counts[kind], noun)
        for kind, noun in (("failures", "failed attempt"), ("incidents", "incident"))
        if troubles.counts[kind]
    ]
    happened = f"In {lasted}, {_lost(subject, troubles)}{', with ' if also else ''}{' and '.join(also)}."
    if not troubles.losses:
        return happened
    last = troubles.losses[-1]
    whose = "" if len(subject.connections) == 1 else f" of {last.source.connection}"
    return f"{happened} The last disconnect{whose}, at {_at(last.ts_ns)} (UTC): {why(last)}."


def _lost(subject: _Subject, troubles: _Troubles) -> str:
    """Which connections were lost; of a single one also how long it was open."""
    losses, number = troubles.counts["losses"], len(subject.connections)
    if number == 1:
        (one,) = subject.connections
        lost = f"{one.name} disconnected {_times(losses)}" if losses else f"{one.name} did not disconnect"
        is_known = one.availability is not None
        return f"{lost} and was open {fmt.percent(one.availability or 0.0)} of scheduled time" if is_known else lost
    if not losses:
        return f"none of {number:,} connections disconnected"
    by_count = sorted(troubles.losses_of.items(), key=lambda item: -item[1])
    named = ", ".join(f"{name} {_times(count)}" for name, count in by_count[:MOST_NAMES])
    more = ", ..." if len(by_count) > MOST_NAMES else ""
    return f"{len(by_count):,} of {number:,} connections disconnected ({named}{more})"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _period(selection: Selection) -> Period:
    """The period of the selection; where it has none, that of its ids if they are a part of the store."""
    bounds = selection.view.bounds()
    since_ns, until_ns = selection.period
    if since_ns is None and selection.first_id > max(1, bounds.oldest_id):
        since_ns = next((event.ts_ns for event in selection.view.events_after(selection.first_id - 1, 1)), None)
    if until_ns is None and selection.last_id < bounds.last_id:
        until_ns = next((event.ts_ns + 1 for event in selection.view.events_before(selection.last_id + 1, 1)), None)
    return since_ns, until_ns


def _about(selection: Selection, statistics: Statistics, troubles: _Troubles) -> ReportTable:
    counts = troubles.counts
    found = ", ".join(
        f"{counts[kind]:,} {one if counts[kind] == 1 else several}"
        for kind, one, several in (
            ("losses", "disconnect", "disconnects"),
            ("failures", "failed attempt", "failed attempts"),
            ("incidents", "incident", "incidents"),
        )
    )
    lasted = fmt.duration(statistics.until_ns - statistics.since_ns)
    period = f"{_at(statistics.since_ns)} to {_at(statistics.until_ns)} (UTC), {lasted}"
    rows: list[Cells] = [("Period", period), ("Summary", found)]
    if selection.query.text:
        rows.append(("Query", f"{selection.query.text} (connection terms only)"))
    rows.append(("Made by", f"wsmon {wsmon.__version__}; credentials are redacted as [FILTERED]"))
    return ReportTable((), tuple(rows))


def _numbers(connections: tuple[ConnectionStatistics, ...]) -> Iterator[Block]:
    yield Heading(2, "Connections")
    columns = ("connection", "now", "uptime", "open time", "opened", "reconnects", "messages in / out",
               "bytes in / out", "ping p50 / p99", "connect p50 / p99", "last message")  # fmt: skip
    yield ReportTable(columns, tuple(_row(one) for one in connections))
    rows = tuple(
        (one.name, _counts(one.errors), _counts(one.close_codes), _incident_counts(one))
        for one in connections
        if one.errors or one.close_codes or one.incidents
    )
    if rows:
        yield ReportTable(("connection", "errors", "close codes", "incidents"), rows)


def _incident_counts(one: ConnectionStatistics) -> str:
    """Incidents by kind, and of those about sequence numbers the numbers in all."""
    return "; ".join(filter(None, (_counts(one.incidents), _counts(one.sequence))))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{key} × {count:,}" for key, count in counts.items())


def _figures(connections: tuple[ConnectionStatistics, ...]) -> Iterator[Block]:
    """The number of key figures that meet the thresholds of their profile, and a table of those that do not."""
    measured = [(one.name, kpi) for one in connections for kpi in one.kpis if kpi.ok is not None]
    if not measured:
        return
    breached = [(name, kpi) for name, kpi in measured if kpi.ok is False]
    yield Heading(2, "KPIs")
    yield Paragraph(f"{len(measured) - len(breached):,} of {len(measured):,} KPIs within target.")
    if breached:
        columns = ("connection", "KPI", "actual", "target", "samples")
        yield ReportTable(columns, tuple(_breach(name, kpi) for name, kpi in breached))


def _breach(name: str, kpi: Kpi) -> Cells:
    value = fmt.NOT_MEASURED if kpi.value is None else fmt.figure(kpi.value, kpi.unit)
    value += f" ({kpi.why})" if kpi.why else ""
    threshold = fmt.figure(kpi.threshold or 0.0, kpi.unit)
    figure = kpi.name.removesuffix("_ms").removesuffix("_per_s").replace("_", " ")
    return name, figure, value, f"{'>' if kpi.is_floor else '<'} {threshold}", kpi.basis


def _row(one: ConnectionStatistics) -> Cells:
    return (
        one.name,
        "stalled" if one.stalled else LABELS[one.status],
        "" if one.availability is None else fmt.percent(one.availability),
        fmt.duration(round(one.ws_uptime_ms * 1_000_000)),
        f"{one.connection_count:,}",
        f"{one.reconnection_count:,}",
        f"{one.messages.received:,} / {one.messages.sent:,}",
        f"{fmt.size(one.bytes.received)} / {fmt.size(one.bytes.sent)}",
        _quantiles(one.rtt_ms),
        _quantiles(one.connect_ms),
        "" if one.last_message_ns is None else _at(one.last_message_ns),
    )


def _quantiles(summary: Summary | None) -> str:
    return "" if summary is None else f"{fmt.milliseconds(summary.p50)} / {fmt.milliseconds(summary.p99)}"


def _timeline(selection: Selection, subject: _Subject, troubles: _Troubles) -> Iterator[Block]:
    since_ns, until_ns = subject.statistics.since_ns, subject.statistics.until_ns
    if until_ns <= since_ns:
        return
    view = selection.view
    pixel_ns = max(1, (until_ns - since_ns) // WIDTH)
    lanes = view.lanes(since_ns, until_ns, subject.names, pixel_ns)
    density = view.density(since_ns, until_ns, BUCKETS, subject.names)
    yield Heading(2, "Timeline")
    period = f"{_at(since_ns)} to {_at(until_ns)} (UTC)"
    totals = f"{_several(sum(density.messages), 'message')}, {_several(sum(density.errors), 'error')}"
    losses = _several(troubles.counts["losses"], "disconnect")
    name = f"Timeline of {_listed(subject.names, 'connections')}, {period}: {losses}, {totals}"
    yield Figure(timeline_svg(lanes, density, since_ns, until_ns, name), f"{period}: {totals}.")


def _incidents(troubles: _Troubles, running: Mapping[int, str]) -> Iterator[Block]:
    yield Heading(2, "Incidents")
    yield from _left_out("incidents", troubles)
    rows = tuple(
        (_at(one.ts_ns), one.source.connection, one.type, *_found(one, troubles, running)) for one in troubles.incidents
    )
    yield ReportTable(("began", "connection", "kind", "found", "lasted"), rows) if rows else Paragraph("None.")


def _found(opened: Event, troubles: _Troubles, running: Mapping[int, str]) -> tuple[str, str]:
    """What an incident found, by now or in all where it counts something, and how long it lasted."""
    closed = troubles.ends.get(opened.id)
    found = running.get(opened.id, opened.reason)
    if closed is not None and any(name in (closed.meta or {}) for name in SEQUENCE_COUNTS):
        found = closed.reason
    return found, _until(opened, closed)


def _until(opened: Event, closed: Event | None) -> str:
    return "ongoing" if closed is None else fmt.duration(closed.mono_ns - opened.mono_ns)


def _losses(selection: Selection, troubles: _Troubles) -> Iterator[Block]:
    yield Heading(2, "Disconnects")
    yield from _left_out("losses", troubles)
    if not troubles.losses:
        yield Paragraph("None.")
    for loss in troubles.losses:
        yield Heading(3, f"{_at(loss.ts_ns)} {loss.source.connection}: {fact(loss)}")
        yield ReportTable((), _explained(loss))
        yield _around(selection, loss)


def _explained(loss: Event) -> tuple[Cells, ...]:
    """The facts of a loss, as rows of name and value."""
    code = "" if loss.close_code is None else str(loss.close_code)
    verdict = loss.verdict
    facts: tuple[Cells, ...] = (
        ("Likely cause", "" if verdict is None else verdict.cause),
        ("Suggested action", "" if verdict is None else verdict.next),
        ("Certainty", "" if verdict is None else verdict.certainty),
        ("Last message from the peer", "" if verdict is None else verdict.evidence_text),
        ("Closed by", loss.close_by),
        ("Close code", code),
        ("Reason", loss.reason),
        ("Error", f"{loss.error_type}: {loss.error}" if loss.error_type else ""),
        ("Open for", "" if loss.duration_ns is None else fmt.duration(loss.duration_ns)),
        ("Session", loss.source.connection_id),
        ("Event", str(loss.id)),
    )
    return tuple(fact for fact in facts if fact[1])


def _around(selection: Selection, loss: Event) -> ReportTable:
    """A table of the events of the connection around its loss."""
    of_connection = Query((FieldTerm("connection", (Exact(loss.source.connection),)),))
    before = selection.view.events_before(loss.id, BEFORE, of_connection)
    after = selection.view.events_after(loss.id, AFTER, of_connection)
    events = [*reversed(before), loss, *after]
    rows = tuple((_offset(event, loss), event.name, event.direction, _content(event)) for event in events)
    return ReportTable(("time", "event", "direction", "content"), rows, marked=len(before))


def _offset(event: Event, loss: Event) -> str:
    return f"{(event.mono_ns - loss.mono_ns) / 1e9:+.3f} s"


def _content(event: Event) -> str:
    if event.payload is not None:
        return decode(event.payload, _CONTENT_LIMIT)
    return why(event) or event.error or event.reason or event.topic


def _failures(troubles: _Troubles) -> Iterator[Block]:
    if not troubles.failures:
        return
    yield Heading(2, "Failed attempts")
    yield from _left_out("failures", troubles)
    rows = tuple(
        (_at(one.ts_ns), one.source.connection, "" if one.http_status is None else str(one.http_status), why(one))
        for one in troubles.failures
    )
    yield ReportTable(("time", "connection", "HTTP", "cause"), rows)


def _left_out(kind: str, troubles: _Troubles) -> Iterator[Block]:
    count = troubles.counts[kind]
    if count > MOST:
        yield Paragraph(f"Showing the newest {MOST} of {count:,}; the recording contains the others.")


def _at(ts_ns: int) -> str:
    """A time in UTC, to the millisecond."""
    return rfc3339(ts_ns).replace("T", " ")[:23]
