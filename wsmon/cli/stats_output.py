"""Statistics as a table for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo

from wsmon.cli.times import shown_time
from wsmon.model import units as fmt
from wsmon.model.sanitize import sanitize
from wsmon.model.statistics import ConnectionStatistics, Statistics, Summary
from wsmon.model.statuses import LABELS, Status
from wsmon.model.units import MS_NS

NAME_CHARS = 24
KEY_CHARS = 40

_COLUMNS: tuple[tuple[str, Callable[[ConnectionStatistics], str]], ...] = (
    ("CONNECTION", lambda of: sanitize(of.name, NAME_CHARS)),
    ("STATUS", lambda of: "stalled" if of.stalled else LABELS[of.status]),
    ("PROFILE", lambda of: of.profile),
    ("OPEN FOR", lambda of: fmt.duration(round(of.ws_uptime_ms * MS_NS))),
    ("AVAILABLE", lambda of: fmt.NONE if of.availability is None else fmt.percent(of.availability)),
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
ENDED: tuple[Status, ...] = ("initialized", "closed", "error")
# which a recorder that was cut off leaves true
_TEXT_COLUMNS = 3
# the first ones are texts, aligned left; numbers are aligned right


def table(statistics: Statistics, zone: tzinfo | None = None, *, is_cut_off: bool = False) -> Iterator[str]:
    """The lines: the period, a line a connection, then what went wrong.

    ``is_cut_off``: the recorder ended without a word, so that nobody knows how connections were that it left open.
    """
    since, until = (shown_time(at_ns, zone)[:-4] for at_ns in (statistics.since_ns, statistics.until_ns))
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
    for what, counts in (("errors", of.errors), ("closed with", of.close_codes), ("incidents", of.incidents)):
        if counts:
            yield f"{sanitize(of.name, NAME_CHARS)}: {what} {_counts(counts)}"
    if of.heartbeats.missed:
        yield f"{sanitize(of.name, NAME_CHARS)}: {of.heartbeats.missed:,} of {of.heartbeats.sent:,} pings unanswered"
    for kpi in of.kpis:
        if kpi.ok is False and kpi.value is not None:
            wanted = f"{'above' if kpi.is_floor else 'below'} {fmt.figure(kpi.threshold, is_share=kpi.is_share)}"
            value = fmt.figure(kpi.value, is_share=kpi.is_share)
            made_from = f"{kpi.samples:,} sample{'' if kpi.samples == 1 else 's'}"
            yield f"{sanitize(of.name, NAME_CHARS)}: {kpi.name} {value} is not {wanted} ({made_from})"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{sanitize(key, KEY_CHARS)} × {n:,}" for key, n in counts.items())


def _p50(summary: Summary | None) -> str:
    return fmt.NONE if summary is None else fmt.milliseconds(summary.p50)
