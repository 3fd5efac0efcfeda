"""What ``wsmon stats`` prints: the statistics of a period and a query, as a table or as JSON."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec

from wsmon.cli.process import low_priority, tidy_end
from wsmon.cli.stores import noted, reading
from wsmon.cli.terminal import clear_line, progress_line, shown_time, zone_text
from wsmon.clock import SystemClock
from wsmon.errors import UsageError
from wsmon.export.jsonl import statistics_document
from wsmon.export.run import ExportRequest, run_export
from wsmon.model import units as fmt
from wsmon.model.sanitize import escape_json, sanitize
from wsmon.model.statistics import ConnectionStatistics, Kpi, Statistics, Summary
from wsmon.model.statuses import LABELS, ConnectionStatus
from wsmon.model.units import MS_NS
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.query.predicate import allows_connection, is_about_connections, split_period
from wsmon.store.reader import Reader

NAME_CHARS = 24
KEY_CHARS = 40

# The statuses that a recorder leaves true when it is cut off.
ENDED: tuple[ConnectionStatus, ...] = ("", "initialized", "closed", "error")

# The fields of a connection's statistics that are about events; the others are about its life.
COUNTED = (
    *("messages", "shed_messages", "bytes", "wire_bytes", "message_size", "message_types", "last_message_ns"),
    "failed_messages",
    *("rtt_ms", "process_ms", "decode_ms", "encode_ms", "feed_latency_ms", "feed_latency_uncertainty_ms"),
    *("heartbeats", "errors", "close_codes", "incidents"),
)

_COLUMNS: tuple[tuple[str, Callable[[ConnectionStatistics], str]], ...] = (
    ("CONNECTION", lambda of: sanitize(of.name, NAME_CHARS)),
    ("STATUS", lambda of: "stalled" if of.stalled else LABELS[of.status]),
    ("PROFILE", lambda of: of.profile),
    ("OPEN FOR", lambda of: fmt.duration(round(of.ws_uptime_ms * MS_NS))),
    ("UPTIME", lambda of: fmt.NONE if of.availability is None else fmt.percent(of.availability)),
    ("SESSIONS", lambda of: fmt.count(of.sessions)),
    ("OPENED", lambda of: fmt.count(of.connection_count)),
    ("RECONNECTS", lambda of: fmt.count(of.reconnection_count)),
    ("RECEIVED", lambda of: fmt.count(of.messages.received)),
    ("", lambda of: fmt.size(of.bytes.received)),
    ("SENT", lambda of: fmt.count(of.messages.sent)),
    ("", lambda of: fmt.size(of.bytes.sent)),
    ("CONNECT P50", lambda of: _p50(of.connect_ms)),
    ("RTT P50", lambda of: _p50(of.rtt_ms)),
)
_STATUS = 1

# The first columns are texts, aligned left; numbers are aligned right.
_TEXT_COLUMNS = 3


def print_statistics(store: Path) -> None:
    """Print the table of everything that a store holds."""
    with reading(str(store)) as view:
        print_found(view.statistics(None, None), is_json=False, utc=False, is_cut_off=view.is_cut_off())


def print_found(statistics: Statistics, *, is_json: bool, utc: bool, is_cut_off: bool) -> None:
    """Print statistics as JSON or as a table."""
    if is_json:
        click.echo(escape_json(msgspec.json.encode(statistics_document(statistics))))
        return
    for line in table(statistics, UTC if utc else None, is_cut_off=is_cut_off):
        click.echo(line)


def table(statistics: Statistics, zone: tzinfo | None = None, *, is_cut_off: bool = False) -> Iterator[str]:
    """Yield the lines: the period, a line for each connection, then what went wrong.

    ``is_cut_off``: the recorder ended without recording its end, so that the status of open connections is unknown.
    """
    since, until = (shown_time(at_ns, zone)[:-4] for at_ns in (statistics.since_ns, statistics.until_ns))
    until = f"{until} ({zone_text(is_utc=zone is UTC)})"
    if not statistics.connections:
        yield f"no connections from {since} to {until}"
        return
    yield f"{since} – {until}"
    yield ""
    rows = [tuple(heading for heading, _ in _COLUMNS)]
    rows += [_row(connection, is_cut_off=is_cut_off) for connection in statistics.connections]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        cells = (
            cell.ljust(width) if column < _TEXT_COLUMNS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
    troubles = [line for connection in statistics.connections for line in _troubles(connection)]
    if troubles:
        yield ""
        yield from troubles


def _row(of: ConnectionStatistics, *, is_cut_off: bool) -> tuple[str, ...]:
    cells = [read(of) for _, read in _COLUMNS]
    if is_cut_off and of.status not in ENDED:
        cells[_STATUS] = "cut off"
    return tuple(cells)


def _troubles(of: ConnectionStatistics) -> Iterator[str]:
    kinds = {
        "errors": of.errors,
        "close codes": of.close_codes,
        "incidents": of.incidents,
        "sequence numbers": of.sequence,
    }
    for what, counts in kinds.items():
        if counts:
            yield f"{sanitize(of.name, NAME_CHARS)}: {what} {_counts(counts)}"
    if of.shed_messages:
        stored = of.messages.received - of.shed_messages
        yield (
            f"{sanitize(of.name, NAME_CHARS)}: {of.messages.received:,} messages received, {stored:,} stored, "
            f"{of.shed_messages:,} dropped while the store could not be written"
        )
    if of.heartbeats.missed:
        yield f"{sanitize(of.name, NAME_CHARS)}: {of.heartbeats.missed:,} of {of.heartbeats.sent:,} pings unanswered"
    for kpi in of.kpis:
        if kpi.ok is False and kpi.threshold is not None:
            yield f"{sanitize(of.name, NAME_CHARS)}: {_breach(kpi, fmt.figure(kpi.threshold, kpi.unit))} ({kpi.basis})"


def _breach(kpi: Kpi, target: str) -> str:
    if kpi.why or kpi.value is None:
        return f"{kpi.name} misses target {target}: {kpi.why}"
    return f"{kpi.name} {fmt.figure(kpi.value, kpi.unit)} {'is below' if kpi.is_floor else 'exceeds'} target {target}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{sanitize(key, KEY_CHARS)} × {n:,}" for key, n in counts.items())


def _p50(summary: Summary | None) -> str:
    return fmt.NONE if summary is None else fmt.milliseconds(summary.p50)


def common_period(query: Query, since: int | None, until: int | None) -> tuple[Query, int | None, int | None]:
    """Return the query without its period, and the period that options and query have in common.

    Raises ``UsageError`` where that is empty.
    """
    rest, *bounds = split_period(query)
    since = max((each for each in (since, bounds[0]) if each is not None), default=None)
    until = min((each for each in (until, bounds[1]) if each is not None), default=None)
    if since is not None and until is not None and since >= until:
        raise UsageError("the period is empty", "--since must be before --until")
    return rest, since, until


def statistics_of(
    view: Reader,
    query: Query,
    connection: str | None,
    since_ns: int | None,
    until_ns: int | None,
    *,
    has_types: bool,
    has_kpis: bool,
    is_of_connections: bool = False,
) -> Statistics:
    """Return the statistics of a period: those of whole connections, or counted anew where the query is about events.

    ``is_of_connections``: those of whole connections, whatever the query. Raises ``UsageError`` for a connection that
    the store does not have, and where ``has_kpis`` asks for the KPIs of a query about events.
    """
    found = _of_connections(view, query, connection, (since_ns, until_ns), has_types=has_types)
    if is_of_connections or is_about_connections(query):
        return found
    if has_kpis:
        raise UsageError("KPIs apply to whole connections", "with --check, QUERY can only use connection:NAME")
    return statistics_of_matches(view, found, query, since_ns, until_ns, has_types=has_types)


def _of_connections(
    view: StoreView, query: Query, connection: str | None, period: tuple[int | None, int | None], *, has_types: bool
) -> Statistics:
    found = view.statistics(*period, connection or "", has_types=has_types)
    if connection is not None and not found.connections:
        names = [each.name for each in view.statistics(None, None).connections]
        near = difflib.get_close_matches(connection, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"connections: {', '.join(names) or 'none'}"
        raise UsageError(f"unknown connection {connection!r}", hint)
    return replace(found, connections=tuple(each for each in found.connections if allows_connection(query, each.name)))


def statistics_of_matches(
    view: Reader, kept: Statistics, query: Query, since_ns: int | None, until_ns: int | None, *, has_types: bool
) -> Statistics:
    """Return the connections of ``kept`` that have matches in the period, with what is about events counted anew.

    There are no key figures: they are about whole connections.
    """
    asked = FieldTerm("connection", tuple(Exact(each.name) for each in kept.connections))
    if not asked.items:
        return kept
    with matching_store(view, query.also(Query((asked,))), since_ns, until_ns) as store:
        matches = {each.name: each for each in store.statistics(since_ns, until_ns, has_types=has_types).connections}
    connections = tuple(
        replace(each, kpis=(), **{name: getattr(matches[each.name], name) for name in COUNTED})
        for each in kept.connections
        if each.name in matches
    )
    return replace(kept, connections=connections)


@contextmanager
def matching_store(view: Reader, query: Query, since_ns: int | None, until_ns: int | None) -> Iterator[Reader]:
    """Copy the matches into a temporary store and open it, with a line of progress on the terminal."""
    with tidy_end(), TemporaryDirectory(prefix="wsmon-") as folder:
        path = Path(folder) / "store.db"
        try:
            with low_priority():
                request = ExportRequest("sqlite", path, noted(query, view), since_ns, until_ns)
                run_export(request, view, progress_line(is_quiet=False))
        finally:
            clear_line()
        reader = Reader(path, SystemClock())
        try:
            yield reader
        finally:
            reader.close()
