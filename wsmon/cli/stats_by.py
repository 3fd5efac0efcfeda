"""What ``wsmon stats --by`` prints: activity by steps of time, by connection or by type of message; table or JSON.

From the rollups where the query is about connections and periods alone; else the matching events are counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from wsmon.cli.stats_output import KEY_CHARS, matching_store, statistics_of
from wsmon.cli.terminal import say, shown_time, zone_text
from wsmon.errors import UsageError
from wsmon.export.jsonl import rfc3339
from wsmon.model import units as fmt
from wsmon.model.sanitize import escape_json, sanitize
from wsmon.model.statistics import Activity, ActivityCell, Flow
from wsmon.model.units import SECOND_NS
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.query.predicate import is_about_connections

if TYPE_CHECKING:
    from wsmon.store.reader import Reader

SCHEMA = "wsmon.stats.by/1"
# Rows of time: more than anyone reads, and a mistake of the unit
MOST_ROWS = 100_000
_DECIMALS = 3

_HEADINGS = ("RECEIVED", "", "SENT", "", "MSG/S", "ERRORS", "DISCONNECTS", "ATTEMPTS", "OPENED")


@dataclass(frozen=True, slots=True)
class StatisticsRequest:
    """What statistics are asked for: the query without its period, the period, and one connection or all."""

    query: Query
    connection: str | None
    since_ns: int | None
    until_ns: int | None


def print_by(view: Reader, request: StatisticsRequest, by: str, *, is_json: bool, utc: bool) -> None:
    """Print activity ``by`` a duration, ``type`` or ``connection``; raises ``UsageError`` where it is none of them."""
    if by == "type":
        _print_types(view, request, is_json=is_json, utc=utc)
        return
    step_s = 0 if by == "connection" else _step_of(by)
    found, names = _activity(view, request, step_s, utc=utc)
    if step_s and found.step_s != step_s:
        say(f"wsmon: only buckets of {fmt.format_duration(found.step_s)} are kept of this period: they are the steps")
    rows = _rows(found, names, is_by_time=bool(step_s))
    if is_json:
        documents = [_document(row, is_by_time=bool(step_s)) for row in rows]
        _print_json(found, fmt.format_duration(found.step_s) if step_s else by, documents)
        return
    heading = "SINCE" if step_s else "CONNECTION"
    zone = UTC if utc else None
    lines = [
        (shown_time(row.since_ns, zone)[:-4] if step_s else sanitize(row.connection, KEY_CHARS), *row.cells())
        for row in rows
    ]
    _print_table(found, ((heading, *_HEADINGS), *lines), utc=utc)


def _step_of(by: str) -> int:
    try:
        seconds = fmt.parse_duration(by)
    except UsageError as error:
        raise UsageError(f"invalid --by {by!r}", 'use type, connection or a duration such as "1m"') from error
    if seconds < 1 or seconds % 1:
        raise UsageError(f"--by {by} is not a whole number of seconds", "statistics are kept by second")
    return int(seconds)


def _activity(view: Reader, request: StatisticsRequest, step_s: int, *, utc: bool) -> tuple[Activity, tuple[str, ...]]:
    """The activity of the connections that are asked for, and their names in order."""
    whole = statistics_of(
        view, request.query, request.connection, request.since_ns, request.until_ns, has_types=False, has_kpis=False,
        is_of_connections=True,
    )  # fmt: skip
    names = tuple(each.name for each in whole.connections)
    if step_s and (whole.until_ns - whole.since_ns) // SECOND_NS > MOST_ROWS * step_s:
        raise UsageError(f"--by {step_s}s would print more than {MOST_ROWS:,} rows", "use a longer step or --since")
    offset_s = 0 if utc else _offset_s(whole.since_ns)
    kept = view.activity(request.since_ns, request.until_ns, step_s, offset_s)
    if is_about_connections(request.query) or not names:
        return kept, names
    asked = request.query.also(Query((FieldTerm("connection", tuple(map(Exact, names))),)))
    with matching_store(view, asked, request.since_ns, request.until_ns) as store:
        # The same steps: those of the recording, in which it also says how long it was recorded
        matches = store.activity(kept.since_ns, kept.until_ns, kept.step_s if step_s else 0, offset_s)
    found = Activity(kept.since_ns, kept.until_ns, kept.step_s, kept.steps, kept.observed_s, matches.cells)
    return found, tuple(name for name in names if any(cell.connection == name for cell in matches.cells))


def _offset_s(at_ns: int) -> int:
    """How far local time is ahead of UTC."""
    offset = datetime.fromtimestamp(at_ns // SECOND_NS).astimezone().utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


@dataclass(frozen=True, slots=True)
class _Row:
    """A line: a step of time, or a connection."""

    since_ns: int
    until_ns: int
    observed_s: float
    connection: str
    messages: Flow
    bytes: Flow
    errors: int
    disconnects: int
    attempts: int
    opens: int

    @property
    def rate(self) -> float | None:
        """Messages per second of recording; None where nothing was recorded."""
        return (self.messages.received + self.messages.sent) / self.observed_s if self.observed_s > 0 else None

    def cells(self) -> tuple[str, ...]:
        """The figures of a table."""
        # Messages from elsewhere have no run of a recorder around them
        if not self.observed_s and not any((self.messages.received, self.messages.sent, self.errors, self.attempts)):
            return (fmt.NONE,) * len(_HEADINGS)
        return (
            fmt.count(self.messages.received),
            fmt.size(self.bytes.received),
            fmt.count(self.messages.sent),
            fmt.size(self.bytes.sent),
            fmt.NONE if self.rate is None else fmt.rate(self.rate),
            fmt.count(self.errors),
            fmt.count(self.disconnects),
            fmt.count(self.attempts),
            fmt.count(self.opens),
        )


def _rows(found: Activity, names: tuple[str, ...], *, is_by_time: bool) -> list[_Row]:
    cells = [cell for cell in found.cells if cell.connection in names]
    if not is_by_time:
        period = (found.since_ns, found.until_ns, sum(found.observed_s))
        return [_row(*period, name, (cell for cell in cells if cell.connection == name)) for name in names]
    by_step: dict[int, list[ActivityCell]] = {}
    for cell in cells:
        by_step.setdefault(cell.step, []).append(cell)
    return [
        _row(*period, observed_s, "", by_step.get(step, ()))
        for step, (period, observed_s) in enumerate(zip(found.steps, found.observed_s, strict=True))
    ]


def _row(since_ns: int, until_ns: int, observed_s: float, connection: str, cells: Iterable[ActivityCell]) -> _Row:
    total: Counter[str] = Counter()
    for cell in cells:
        total.update(
            received=cell.messages.received,
            sent=cell.messages.sent,
            bytes_received=cell.bytes.received,
            bytes_sent=cell.bytes.sent,
            errors=cell.errors,
            disconnects=cell.disconnects,
            attempts=cell.attempts,
            opens=cell.opens,
        )
    messages, sizes = Flow(total["received"], total["sent"]), Flow(total["bytes_received"], total["bytes_sent"])
    counts = (total["errors"], total["disconnects"], total["attempts"], total["opens"])
    return _Row(since_ns, until_ns, observed_s, connection, messages, sizes, *counts)


def _document(row: _Row, *, is_by_time: bool) -> dict[str, object]:
    place: dict[str, object] = (
        {"since": rfc3339(row.since_ns), "until": rfc3339(row.until_ns)}
        if is_by_time
        else {"connection": row.connection}
    )
    return {
        **place,
        "observed_s": round(row.observed_s, _DECIMALS),
        "messages": {"received": row.messages.received, "sent": row.messages.sent},
        "bytes": {"received": row.bytes.received, "sent": row.bytes.sent},
        "messages_per_s": None if row.rate is None else round(row.rate, _DECIMALS),
        "errors": row.errors,
        "disconnects": row.disconnects,
        "sessions": row.attempts,
        "connection_count": row.opens,
    }


def _print_types(view: Reader, request: StatisticsRequest, *, is_json: bool, utc: bool) -> None:
    period = (request.since_ns, request.until_ns)
    statistics = statistics_of(view, request.query, request.connection, *period, has_types=True, has_kpis=False)
    counts: Counter[str] = Counter()
    for connection in statistics.connections:
        counts.update(connection.message_types)
    found = view.activity(*period, 0, 0)
    observed_s, whole = sum(found.observed_s), sum(counts.values())
    rows = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rates = {kind: n / observed_s if observed_s > 0 else None for kind, n in rows}
    if is_json:
        documents: list[dict[str, object]] = []
        for kind, n in rows:
            rate = rates[kind]
            per_s = None if rate is None else round(rate, _DECIMALS)
            documents.append({"type": kind, "messages": n, "share": round(n / whole, 6), "messages_per_s": per_s})
        _print_json(found, "type", documents)
        return
    lines: list[tuple[str, ...]] = [("TYPE", "MESSAGES", "SHARE", "MSG/S")]
    for kind, n in rows:
        rate = rates[kind]
        shown = fmt.NONE if rate is None else fmt.rate(rate)
        lines.append((sanitize(kind, KEY_CHARS), fmt.count(n), fmt.percent(n / whole), shown))
    _print_table(found, tuple(lines), utc=utc)


def _print_json(found: Activity, by: str, rows: list[dict[str, object]]) -> None:
    document: Mapping[str, object] = {
        "schema": SCHEMA,
        "since": rfc3339(found.since_ns),
        "until": rfc3339(found.until_ns),
        "by": by,
        "rows": rows,
    }
    click.echo(escape_json(json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")))


def _print_table(found: Activity, rows: tuple[tuple[str, ...], ...], *, utc: bool) -> None:
    for line in _table(found, rows, utc=utc):
        click.echo(line)


def _table(found: Activity, rows: tuple[tuple[str, ...], ...], *, utc: bool) -> Iterator[str]:
    """Yield the lines: the period with its zone, then the first column on the left and figures on the right."""
    since, until = (shown_time(at_ns, UTC if utc else None)[:-4] for at_ns in (found.since_ns, found.until_ns))
    yield f"{since} – {until} ({zone_text(is_utc=utc)})"
    yield ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *rest in rows:
        cells = (first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)))
        yield "  ".join(cells).rstrip()
