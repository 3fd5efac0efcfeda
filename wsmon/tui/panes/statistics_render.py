"""Lines of the statistics that are numbers: of one connection, and a table of all. Pure.

Where nothing was measured it says so: no data is never drawn as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from wsmon.model import units as fmt
from wsmon.model.sanitize import sanitize
from wsmon.model.statistics import ConnectionStatistics, Flow, Statistics, Summary
from wsmon.model.statuses import LABELS
from wsmon.tui.palette import Line, Meaning, Span
from wsmon.tui.text import left, right

LABEL = 12
NUMBER = 10
KEY_LIMIT = 40
# characters of an error type or a close code
RANKS: Mapping[str, Callable[[Summary, Callable[[float], str]], str]] = {
    "n": lambda of, _unit: fmt.count(of.count),
    "mean": lambda of, unit: unit(of.mean),
    "p50": lambda of, unit: unit(of.p50),
    "p95": lambda of, unit: unit(of.p95),
    "p99": lambda of, unit: unit(of.p99),
    "max": lambda of, unit: unit(of.max),
}
IMPORTANT = ("p95", "p50", "n", "max", "p99", "mean")
# what stays where there is no room for all
LATENCY = "latency"
# measured only where the configuration says how: elsewhere there is no line
SUMMARIES: tuple[tuple[str, Callable[[ConnectionStatistics], Summary | None], Callable[[float], str]], ...] = (
    ("connect", lambda each: each.connect_ms, fmt.milliseconds),
    ("reconnect", lambda each: each.reconnect_ms, fmt.milliseconds),
    ("ping RTT", lambda each: each.rtt_ms, fmt.milliseconds),
    ("to reply", lambda each: each.process_ms, fmt.milliseconds),
    (LATENCY, lambda each: each.feed_latency_ms, fmt.milliseconds),
    ("size", lambda each: each.message_size, fmt.size),
)


def states(each: ConnectionStatistics, now_ns: int) -> Iterator[Line]:
    """How one connection is, and has been."""
    yield from (_state(each), _availability(each), _line("sessions", _sessions(each)))
    yield _line("last", _last(each, now_ns))


def numbers(each: ConnectionStatistics, width: int) -> Iterator[Line]:
    """What was counted and measured of one connection; an empty line where something is measured only of others."""
    yield _line("messages", _flow(each.messages, fmt.count))
    yield _line("bytes", _bytes(each))
    ranks = _ranks(width)
    yield ((" " * LABEL + "".join(right(title, NUMBER) for title in ranks), "dim"),)
    for label, of, unit in SUMMARIES:
        yield _summary(label, of(each), unit, ranks) if of(each) or label != LATENCY else ()
    yield _heartbeats(each)


def troubles(each: ConnectionStatistics) -> Iterator[Line]:
    """What went wrong, a line a kind."""
    yield _counts("errors", each.errors, "problem")
    yield _counts("closes", each.close_codes, "caution")
    yield _counts("incidents", each.incidents, "caution")


def period(statistics: Statistics) -> str:
    """How long a time the numbers are about."""
    return f"last {fmt.duration(statistics.until_ns - statistics.since_ns)}"


def _state(each: ConnectionStatistics) -> Line:
    status = "stalled" if each.stalled else LABELS[each.status]
    meaning: Meaning = "status-stalled" if each.stalled else "status-open" if status == "open" else "status-loss"
    rest = f" · open {_ms(each.ws_uptime_ms)} in all (TCP {_ms(each.total_uptime_ms)})"
    return (left("state", LABEL), "dim"), (status, meaning), (rest, "text")


def _availability(each: ConnectionStatistics) -> Line:
    if each.availability is None:
        return _line("available", "n/a: it was to be off all the time")
    return _line("available", f"{fmt.percent(each.availability)} of the time it should be open")


def _sessions(each: ConnectionStatistics) -> str:
    often = [] if each.reconnects_per_hour is None else [f"{each.reconnects_per_hour:.1f}/h"]
    often += [] if each.reconnect_gap_ms is None else [f"{_ms(each.reconnect_gap_ms)} apart"]
    frequency = f" ({', '.join(often)})" if often else ""
    again = "reconnect" if each.reconnection_count == 1 else "reconnects"
    return (
        f"{fmt.count(each.sessions)} dialled · {fmt.count(each.connection_count)} usable · "
        f"{fmt.count(each.reconnection_count)} {again}{frequency}"
    )


def _ranks(width: int) -> tuple[str, ...]:
    """The numbers of a distribution that there is room for."""
    wanted = IMPORTANT[: max(1, (width - LABEL) // NUMBER)]
    return tuple(title for title in RANKS if title in wanted)


def _summary(label: str, summary: Summary | None, unit: Callable[[float], str], ranks: Sequence[str]) -> Line:
    name: Span = (left(label, LABEL), "dim")
    if summary is None or summary.count == 0:
        return name, (right(fmt.NOT_MEASURED, NUMBER), "dim")
    return name, ("".join(right(RANKS[title](summary, unit), NUMBER) for title in ranks), "text")


def _heartbeats(each: ConnectionStatistics) -> Line:
    beats = each.heartbeats
    missed: Meaning = "problem" if beats.missed else "text"
    return (
        (left("heartbeats", LABEL), "dim"),
        (f"sent {fmt.count(beats.sent)} · answered {fmt.count(beats.answered)} · ", "text"),
        (f"missed {fmt.count(beats.missed)}", missed),
    )


def _counts(label: str, counts: Mapping[str, int], meaning: Meaning) -> Line:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    text = " · ".join(f"{sanitize(key, KEY_LIMIT)} × {fmt.count(number)}" for key, number in ranked)
    return (left(label, LABEL), "dim"), (text or fmt.NONE, meaning if text else "dim")


def table(statistics: Statistics, messages_per_s: Sequence[int], width: int) -> Iterator[Line]:
    """All connections, a line each."""
    name = max([8, *(len(each.name) for each in statistics.connections)])
    name = min(name, 24) + 2
    titles = ("available", "reconnects", "received", "bytes", "rtt p95", "errors")
    shown = max(1, min(len(titles), (width - name) // (NUMBER + 1)))
    yield (
        ("all ", "strong"),
        (f"connections, {period(statistics)} ", "dim"),
        (fmt.sparkline(messages_per_s, max(0, min(60, width - 60))), "direction-in"),
        (f" {fmt.rate(messages_per_s[-1])} msg/s now" if messages_per_s else "", "text"),
    )
    yield ((left("name", name) + "".join(right(title, NUMBER + 1) for title in titles[:shown]), "dim"),)
    for each in sorted(statistics.connections, key=lambda one: one.name):
        cells = "".join(right(cell, NUMBER + 1) for cell in _cells(each)[:shown])
        yield (left(each.name, name), "text"), (cells, "text")


def _cells(each: ConnectionStatistics) -> tuple[str, ...]:
    return (
        fmt.percent(each.availability) if each.availability is not None else fmt.NOT_MEASURED,
        fmt.count(each.reconnection_count),
        fmt.count(each.messages.received),
        fmt.size(each.bytes.received),
        fmt.milliseconds(each.rtt_ms.p95) if each.rtt_ms else fmt.NOT_MEASURED,
        fmt.count(sum(each.errors.values())),
    )


def _line(label: str, text: str) -> Line:
    return (left(label, LABEL), "dim"), (text, "text")


def _flow(flow: Flow, unit: Callable[[int], str]) -> str:
    return f"received {unit(flow.received)}, sent {unit(flow.sent)}"


def _bytes(each: ConnectionStatistics) -> str:
    received, sent, wire = each.bytes.received, each.bytes.sent, each.wire_bytes
    return (
        f"received {fmt.size(received)} ({fmt.size(wire.received)} on the wire), "
        f"sent {fmt.size(sent)} ({fmt.size(wire.sent)})"
    )


def _last(each: ConnectionStatistics, now_ns: int) -> str:
    moments = (("open", each.last_connected_ns), ("end", each.last_disconnected_ns))
    parts = [f"{label} {fmt.moment(at_ns, now_ns) if at_ns is not None else fmt.NONE}" for label, at_ns in moments]
    newest = each.last_message_ns
    parts.append(f"data {fmt.age(now_ns - newest)} ago" if newest is not None else "no data")
    return " · ".join(parts)


def _ms(value_ms: float) -> str:
    """Milliseconds matter where a session ends at once."""
    return fmt.milliseconds(value_ms) if value_ms < 1000 else fmt.duration(round(value_ms * 1e6))
