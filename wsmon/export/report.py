"""Report on connections, to send to the operator of the peer: statistics, timeline, incidents, every loss explained.

It covers the connections that the query allows, in the period of the selection; long lists keep the newest entries.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

import wsmon
from wsmon.export.jsonl import rfc3339
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
from wsmon.export.sessions import LIFECYCLE
from wsmon.model import units as fmt
from wsmon.model.detectors.sequence import SEQUENCE_COUNTS
from wsmon.model.events import Event, EventName
from wsmon.model.sanitize import decode
from wsmon.model.statistics import ConnectionStatistics, Kpi, Statistics, Summary
from wsmon.model.statuses import LABELS, OPEN
from wsmon.model.verdict import fact, why
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.query.predicate import allows_connection

# Losses, failed attempts and incidents that are listed, of each the newest
MOST = 100
# Events around a loss
BEFORE, AFTER = 6, 4
# Bars of the message histogram
BUCKETS = 200
# Characters that are shown of a message
_CONTENT_LIMIT = 200
_INCIDENTS: tuple[EventName, ...] = ("incident.opened", "incident.closed")


def html_report(selection: Selection) -> Iterator[bytes]:
    """Write the report as an HTML page, piece by piece."""
    return html_page(_title(selection), _blocks(selection))


def markdown_report(selection: Selection) -> Iterator[bytes]:
    """Write the report as Markdown, piece by piece."""
    return markdown(_blocks(selection))


class _Troubles:
    """The newest losses, failed attempts and incidents, and how many there were."""

    def __init__(self) -> None:
        self.losses: deque[Event] = deque(maxlen=MOST)
        self.failures: deque[Event] = deque(maxlen=MOST)
        self.incidents: deque[Event] = deque(maxlen=MOST)
        # Id of the event that opened an incident -> event that closed it
        self.ends: dict[int, Event] = {}
        self.counts = {"losses": 0, "failures": 0, "incidents": 0}

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


def _blocks(selection: Selection) -> Iterator[Block | None]:
    statistics = selection.view.statistics(*_period(selection))
    connections = tuple(one for one in statistics.connections if allows_connection(selection.query, one.name))
    troubles = _Troubles()
    names = FieldTerm("name", tuple(Exact(name) for name in (*LIFECYCLE, *_INCIDENTS)))
    for page in selection.context(Query((names,))):
        for event in page:
            if allows_connection(selection.query, event.source.connection):
                troubles.take(event)
        selection.written += len(page)
        yield None
    yield Heading(1, _title(selection))
    yield _about(selection, statistics, troubles)
    yield from _numbers(connections)
    yield from _figures(connections)
    yield from _timeline(selection, statistics, {one.name for one in connections})
    running = {each.event_id: each.sentence for each in selection.view.snapshot(statistics.until_ns).incidents}
    yield from _incidents(troubles, running)
    yield from _losses(selection, troubles)
    yield from _failures(troubles)


def _title(selection: Selection) -> str:
    query = selection.query.text.strip()
    return f"WebSocket report: {query}" if query else "WebSocket report"


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
            ("losses", "loss", "losses"),
            ("failures", "failed attempt", "failed attempts"),
            ("incidents", "incident", "incidents"),
        )
    )
    lasted = fmt.duration(statistics.until_ns - statistics.since_ns)
    period = f"{_at(statistics.since_ns)} to {_at(statistics.until_ns)} (UTC), {lasted}"
    rows: list[Cells] = [("Period", period), ("Found", found)]
    if selection.query.text:
        rows.append(("Query", f"{selection.query.text} (its terms on connections)"))
    rows.append(("Made by", f"wsmon {wsmon.__version__}; credentials are masked as [FILTERED]"))
    return ReportTable((), tuple(rows))


def _numbers(connections: tuple[ConnectionStatistics, ...]) -> Iterator[Block]:
    yield Heading(2, "Connections")
    columns = ("connection", "now", "available", "open for", "opened", "reconnects", "messages in / out",
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
    yield Heading(2, "Key figures")
    yield Paragraph(f"{len(measured) - len(breached):,} of {len(measured):,} are as the profiles want them.")
    if breached:
        columns = ("connection", "figure", "value", "wanted", "made from")
        yield ReportTable(columns, tuple(_breach(name, kpi) for name, kpi in breached))


def _breach(name: str, kpi: Kpi) -> Cells:
    value, threshold = (fmt.figure(each or 0.0, is_share=kpi.is_share) for each in (kpi.value, kpi.threshold))
    figure = kpi.name.removesuffix("_ms").replace("_", " ")
    return name, figure, value, f"{'above' if kpi.is_floor else 'below'} {threshold}", kpi.basis


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


def _timeline(selection: Selection, statistics: Statistics, names: set[str]) -> Iterator[Block]:
    since_ns, until_ns = statistics.since_ns, statistics.until_ns
    if until_ns <= since_ns:
        return
    view = selection.view
    pixel_ns = max(1, (until_ns - since_ns) // WIDTH)
    lanes = view.lanes(since_ns, until_ns, tuple(names), pixel_ns)
    density = view.density(since_ns, until_ns, BUCKETS)
    yield Heading(2, "Timeline")
    words = f"{_at(since_ns)} to {_at(until_ns)} (UTC). Messages are those of all connections: "
    words += f"{sum(density.messages):,}, with {sum(density.errors):,} errors."
    yield Figure(timeline_svg(lanes, density, since_ns, until_ns), words)


def _incidents(troubles: _Troubles, running: Mapping[int, str]) -> Iterator[Block]:
    yield Heading(2, "Incidents")
    yield from _left_out("incidents", troubles)
    rows = tuple(
        (_at(one.ts_ns), one.source.connection, one.type, *_found(one, troubles, running)) for one in troubles.incidents
    )
    yield ReportTable(("began", "connection", "what", "found", "lasted"), rows) if rows else Paragraph("None.")


def _found(opened: Event, troubles: _Troubles, running: Mapping[int, str]) -> tuple[str, str]:
    """What an incident found, by now or in all where it counts something, and how long it lasted."""
    closed = troubles.ends.get(opened.id)
    found = running.get(opened.id, opened.reason)
    if closed is not None and any(name in (closed.meta or {}) for name in SEQUENCE_COUNTS):
        found = closed.reason
    return found, _until(opened, closed)


def _until(opened: Event, closed: Event | None) -> str:
    return "goes on" if closed is None else fmt.duration(closed.mono_ns - opened.mono_ns)


def _losses(selection: Selection, troubles: _Troubles) -> Iterator[Block]:
    yield Heading(2, "Losses")
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
        ("Next step", "" if verdict is None else verdict.next),
        ("Certainty", "" if verdict is None else verdict.certainty),
        ("Last words of the peer", "" if verdict is None else verdict.evidence_text),
        ("Ended by", loss.close_by),
        ("Close code", code),
        ("Reason", loss.reason),
        ("Error", f"{loss.error_type}: {loss.error}" if loss.error_type else ""),
        ("Was open for", "" if loss.duration_ns is None else fmt.duration(loss.duration_ns)),
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
    return ReportTable(("when", "event", "way", "content"), rows, marked=len(before))


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
    yield ReportTable(("when", "connection", "HTTP", "why"), rows)


def _left_out(kind: str, troubles: _Troubles) -> Iterator[Block]:
    count = troubles.counts[kind]
    if count > MOST:
        yield Paragraph(f"The newest {MOST} of {count:,}; the recording has the others.")


def _at(ts_ns: int) -> str:
    """A time in UTC, to the millisecond."""
    return rfc3339(ts_ns).replace("T", " ")[:23]
