"""Lines of the statistics pane: status, numbers, KPIs and plots of a connection, and a table of all. Pure.

Plots are drawn where there is room, numbers always. Where nothing was measured, the lines say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import chain, zip_longest
from math import floor
from typing import TypeAlias

from rich.cells import cell_len

from wsmon.model import units as fmt
from wsmon.model.ends import CODE_MEANINGS
from wsmon.model.statistics import TOO_FEW, ConnectionStatistics, Extreme, Flow, Kpi, Statistics, Summary, Trend
from wsmon.model.statuses import LABELS
from wsmon.tui.cell_text import cell_text
from wsmon.tui.panes.statistics_plots import (
    byte_plot,
    count_bars,
    heartbeat_plot,
    percentile_plot,
    rate_plot,
    size_bars,
    type_lines,
)
from wsmon.tui.text import COLUMN_GAP, Line, Role, StyledText, fit_line, left, right, side_by_side
from wsmon.tui.widgets.text_view import wrap_line

# Cells of a label, and of a number
LABEL = 14
NUMBER = 10
# Characters of an error type or a close code
KEY_LIMIT = 40
RANKS: Mapping[str, Callable[[Summary, Callable[[float], str]], str]] = {
    "n": lambda of, _unit: fmt.count(of.count),
    "mean": lambda of, unit: unit(of.mean),
    "p50": lambda of, unit: unit(of.p50),
    "p95": lambda of, unit: unit(of.p95),
    "p99": lambda of, unit: unit(of.p99),
    "max": lambda of, unit: unit(of.max),
}
# In a narrow pane, the first of these are shown
BY_IMPORTANCE = ("p95", "p50", "n", "max", "p99", "mean")
# Feed latency is measured only where the configuration says how; without it there is no line
LATENCY = "feed latency"
DISTRIBUTIONS: tuple[tuple[str, Callable[[ConnectionStatistics], Summary | None], Callable[[float], str]], ...] = (
    ("connect", lambda each: each.connect_ms, fmt.milliseconds),
    ("reconnect", lambda each: each.reconnect_ms, fmt.milliseconds),
    ("ping RTT", lambda each: each.rtt_ms, fmt.milliseconds),
    ("response time", lambda each: each.process_ms, fmt.milliseconds),
    (LATENCY, lambda each: each.feed_latency_ms, fmt.milliseconds),
    ("message size", lambda each: each.message_size, fmt.size),
)
KPI_LABELS = {
    "connection_success_rate": "connection success rate",
    "connection_time_ms": "connect time",
    "reconnection_success_rate": "outage recovery rate",
    "reconnection_time_ms": "reconnect time",
    "processing_time_ms": "response time",
    "message_error_rate": "message error rate",
    "availability": "uptime",
    "stalled_share": "time stalled",
    "error_recovery_rate": "error recovery rate",
    "error_to_alert_ms": "error to alert",
    "throughput_per_s": "throughput",
}
# Cells of the columns of the KPIs; the last ones are left out where there is no room
KPI_NAME, KPI_VALUE, KPI_MARK, KPI_THRESHOLD, KPI_COUNT = 19, 9, 2, 10, 10
# Cells of the names where all columns have room beside them
KPI_LONG_NAME = 24
# Titles of the error budget with the cells of the column; the longest that fits is shown
KPI_BUDGETS = (("error budget left", 19), ("budget left", 13), ("budget", 8))
OK, BREACHED, UNKNOWN = "✓", "✗", " "
NO_THRESHOLD = "none"
# Cells of the pane from which on there are plots
PLOTS_FROM = 56
# Cells from which on two blocks stand side by side, and the numbers beside the KPIs
WIDE_FROM, WIDER_FROM = 108, 147
# Cells from which on there are three and four plots in a row
PLOTS_PER_ROW = ((196, 4), (WIDER_FROM, 3), (WIDE_FROM, 2))
# Cells beside a label; with fewer, lines are clipped and not wrapped
LEAST_ROOM = 16
# Characters of a name
NAME_LIMIT = 60

# Lines that belong together
Block: TypeAlias = Sequence[Line]


@dataclass(frozen=True, slots=True)
class StatisticsAnswer:
    """Statistics as the store returns them."""

    statistics: Statistics
    trends: tuple[Trend, ...]
    """Trends of the selected connection, and of the one beside it."""


def statistics_lines(
    answer: StatisticsAnswer, now_ns: int, messages_per_s: Sequence[int], width: int, zone: tzinfo | None = None
) -> tuple[Line, ...]:
    """Return the lines of the selected connection, of one beside it, then the table of all connections.

    Times are in ``zone``, by default the local one.
    """
    period_ns = answer.statistics.until_ns - answer.statistics.since_ns
    known = {each.name: each for each in answer.statistics.connections}
    chosen = [(known[trend.connection], trend) for trend in answer.trends if trend.connection in known]
    shown: list[Line] = []
    if not chosen:
        is_chosen = bool(answer.trends)
        text = "no statistics yet" if is_chosen else "no connection selected: choose one in the connections (1)"
        shown += (((text, "dim"),), ())
    elif len(chosen) > 1 and width >= WIDE_FROM:
        half = (width - COLUMN_GAP) // 2
        first, second = ([[_name(one)], *_one(one, trend, (period_ns, now_ns), half, zone)] for one, trend in chosen)
        for block, other in zip(first, second, strict=True):
            shown += side_by_side(block, other, width)
    else:
        for one, trend in chosen:
            shown += [_name(one)] if len(chosen) > 1 else []
            shown += chain.from_iterable(_one(one, trend, (period_ns, now_ns), width, zone))
    shown += connections_lines(answer.statistics, messages_per_s, width)
    return tuple(fit_line(line, width) for line in shown)


def plot_width(width: int, shown: int) -> int:
    """Return the width of a plot; ``shown`` is the number of connections."""
    if shown > 1 and width >= WIDE_FROM:
        width = (width - COLUMN_GAP) // 2
    number = plots_per_row(width)
    return (width - (number - 1) * COLUMN_GAP) // number


def plots_per_row(width: int) -> int:
    """Return how many plots stand side by side."""
    return next((number for least, number in PLOTS_PER_ROW if width >= least), 1)


def _name(one: ConnectionStatistics) -> Line:
    return ((cell_text(one.name, NAME_LIMIT), "strong"),)


def _one(
    one: ConnectionStatistics, trend: Trend, times_ns: tuple[int, int], width: int, zone: tzinfo | None
) -> Iterator[Block]:
    """Yield the blocks of one connection.

    ``times_ns`` are the length of the period and the present. Every connection has the same number of blocks, some of
    them empty, so that two can stand side by side.
    """
    period_ns, now_ns = times_ns
    yield from _whole(state_lines(one, now_ns), width)
    if width < PLOTS_FROM:
        yield from _whole(number_lines(one, width), width)
        yield from _whole(problem_lines(one), width)
        yield ((), *kpi_lines(one.kpis, width), ())
        return
    number = plots_per_row(width)
    cells = plot_width(width, 1)
    plots = [
        [*rate_plot(trend, cells, zone)],
        [*percentile_plot("ping RTT", trend.rtt_ms, trend, cells, zone)],
        [*byte_plot(trend, cells, zone)] if number > 2 else [],
        [*heartbeat_plot(trend, cells, zone)] if number > 2 else [],
        [*percentile_plot("feed latency", trend.latency_ms, trend, cells, zone)]
        if one.feed_latency_ms is not None
        else [],
    ]
    half = (width - COLUMN_GAP) // 2 if width >= WIDE_FROM else width
    counts = [
        *count_bars("Close codes", {_close(code): n for code, n in one.close_codes.items()}, half, "caution"),
        *count_bars("Errors", one.errors, half, "problem"),
        *count_bars("Incidents", one.incidents, half, "caution"),
    ]
    kpis, sizes = [*kpi_lines(one.kpis, half)], [*size_bars(trend, half)]
    types = [*type_lines(trend.types, period_ns, now_ns, half, zone)]
    yield ((),)
    yield from _arranged(plots, width, number, most=5)
    if width >= WIDER_FROM:
        numbers = [part for block in _whole(number_lines(one, half), half) for part in block]
        yield from _arranged([numbers, kpis, types, [*sizes, (), *counts]], width, 2, most=4)
        return
    yield from _whole(number_lines(one, width), width)
    yield ((),)
    yield from _arranged([kpis, sizes, types, counts], width, 2 if width >= WIDE_FROM else 1, most=4)


def _whole(lines: Iterable[Line], width: int) -> Iterator[Block]:
    """Yield lines that begin with a label as blocks, wrapped beside the label where there is room for words."""
    if width < LABEL + LEAST_ROOM:
        return ((line,) if line else () for line in lines)
    return (tuple(wrap_line(line, width, LABEL)) if line else () for line in lines)


def _arranged(blocks: Sequence[Block], width: int, number: int, most: int) -> Iterator[Block]:
    """Yield blocks in rows of ``number``, with an empty line after each row; as many rows as ``most`` blocks need.

    Empty blocks take no place.
    """
    filled = [block for block in blocks if block]
    for at in range(0, most, number):
        row = filled[at : at + number]
        whole = tuple(in_columns(row, width, number))
        yield (*whole, ()) if whole else ()


def in_columns(blocks: Sequence[Block], width: int, number: int) -> Iterator[Line]:
    """Yield the lines of blocks that stand side by side, each in a column of equal width."""
    cells = (width - (number - 1) * COLUMN_GAP) // number
    for lines in zip_longest(*blocks, fillvalue=()):
        row: list[StyledText] = []
        for at, line in enumerate(lines):
            row += [(" " * COLUMN_GAP, "text")] if at else []
            row += fit_line(line, cells, is_filled=at < len(lines) - 1)
        yield tuple(row)


def _close(code: str) -> str:
    meanings: Mapping[int, str] = CODE_MEANINGS
    meaning = meanings.get(int(code), "") if code.isdigit() else ""
    return f"{code} {meaning}".rstrip()


def state_lines(each: ConnectionStatistics, now_ns: int) -> Iterator[Line]:
    """Yield the status and availability of a connection, its sessions, and its last events."""
    yield from (_state(each), _availability(each), _fact_line("sessions", _sessions(each)))
    yield _fact_line("last session", _last(each, now_ns))


def number_lines(each: ConnectionStatistics, width: int) -> Iterator[Line]:
    """Yield what was counted and measured; an empty line where something is measured only of other connections."""
    yield _fact_line("messages", _flow(each.messages, fmt.count))
    yield _fact_line("bytes", _bytes(each))
    ranks = _ranks(width)
    yield ((" " * LABEL + "".join(right(title, NUMBER) for title in ranks), "dim"),)
    for label, of, unit in DISTRIBUTIONS:
        yield _summary(label, of(each), unit, ranks) if of(each) or label != LATENCY else ()
    yield _heartbeats(each)
    if any(maxima(each)):
        yield _fact_line("", "Enter: pick a maximum and jump to that event")


def maxima(each: ConnectionStatistics) -> Iterator[tuple[Extreme, str, str]]:
    """Yield what has a greatest value that leads to an event: its measurement, a label, and the value in words."""
    labels: tuple[tuple[Extreme, str, Summary | None, Callable[[float], str]], ...] = (
        ("process", "slowest response", each.process_ms, fmt.milliseconds),
        ("rtt", "slowest ping", each.rtt_ms, fmt.milliseconds),
        ("size", "largest message", each.message_size, fmt.size),
        ("connect", "slowest connect", each.connect_ms, fmt.milliseconds),
        ("reconnect", "slowest reconnect", each.reconnect_ms, fmt.milliseconds),
    )
    for metric, label, summary, unit in labels:
        if summary is not None and summary.count:
            yield metric, label, unit(summary.max)


def problem_lines(each: ConnectionStatistics) -> Iterator[Line]:
    """Yield the errors, close codes and incidents, a line each."""
    yield _counts("errors", each.errors, "problem")
    yield _counts("close codes", each.close_codes, "caution")
    yield _counts("incidents", each.incidents, "caution")


def period(statistics: Statistics) -> str:
    """Return the length of the period in words."""
    return fmt.last_period(statistics.until_ns - statistics.since_ns)


def _state(each: ConnectionStatistics) -> Line:
    status = "stalled" if each.stalled else LABELS[each.status]
    if not each.status:
        return (left("status", LABEL), "dim"), (status, "text")
    role: Role = "status-stalled" if each.stalled else "status-open" if status == "open" else "status-loss"
    rest = f" · open for {_ms(each.ws_uptime_ms)} in total (TCP connected for {_ms(each.total_uptime_ms)})"
    return (left("status", LABEL), "dim"), (status, role), (rest, "text")


def _availability(each: ConnectionStatistics) -> Line:
    if each.availability is None and not each.status:
        return _fact_line("uptime", "n/a: the application reports no transitions of a connection")
    if each.availability is None:
        return _fact_line("uptime", "n/a: disabled for the whole period")
    return _fact_line("uptime", f"{fmt.percent(each.availability)} (of enabled time)")


def _sessions(each: ConnectionStatistics) -> str:
    often = [] if each.reconnects_per_hour is None else [f"{each.reconnects_per_hour:.1f}/h"]
    often += [] if each.reconnect_gap_ms is None else [f"mean interval {_ms(each.reconnect_gap_ms)}"]
    frequency = f" ({', '.join(often)})" if often else ""
    attempts, again = each.sessions, each.reconnection_count
    return (
        f"{fmt.count(attempts)} attempt{'' if attempts == 1 else 's'} · {fmt.count(each.connection_count)} opened · "
        f"{fmt.count(again)} reconnect{'' if again == 1 else 's'}{frequency}"
    )


def _ranks(width: int) -> tuple[str, ...]:
    """Return the titles of a distribution's numbers that fit into the width."""
    wanted = BY_IMPORTANCE[: max(1, (width - LABEL) // NUMBER)]
    return tuple(title for title in RANKS if title in wanted)


def _summary(label: str, summary: Summary | None, unit: Callable[[float], str], ranks: Sequence[str]) -> Line:
    name: StyledText = (left(label, LABEL), "dim")
    if summary is None or summary.count == 0:
        return name, (right(fmt.NOT_MEASURED, NUMBER), "dim")
    return name, ("".join(right(RANKS[title](summary, unit), NUMBER) for title in ranks), "text")


def _heartbeats(each: ConnectionStatistics) -> Line:
    beats = each.heartbeats
    missed: Role = "problem" if beats.missed else "text"
    return (
        (left("heartbeats", LABEL), "dim"),
        (f"sent {fmt.count(beats.sent)} · answered {fmt.count(beats.answered)} · ", "text"),
        (f"missed {fmt.count(beats.missed)}", missed),
        ("  (not counted as messages; included in bytes on the wire)", "dim"),
    )


def _counts(label: str, counts: Mapping[str, int], role: Role) -> Line:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    text = " · ".join(f"{cell_text(key, KEY_LIMIT)} × {fmt.count(number)}" for key, number in ranked)
    return (left(label, LABEL), "dim"), (text or fmt.NONE, role if text else "dim")


def connections_lines(statistics: Statistics, messages_per_s: Sequence[int], width: int) -> Iterator[Line]:
    """Yield the table of all connections, a line each."""
    name = max([8, *(len(each.name) for each in statistics.connections)])
    name = min(name, 24) + 2
    titles = (
        "uptime", "reconnects", "received", "bytes", "rtt p95", "errors",
        "sent", "bytes sent", "wire in", "connect", "response", "incidents",
    )  # fmt: skip
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
        fmt.count(each.messages.sent),
        fmt.size(each.bytes.sent),
        fmt.size(each.wire_bytes.received),
        fmt.milliseconds(each.connect_ms.p95) if each.connect_ms else fmt.NOT_MEASURED,
        fmt.milliseconds(each.process_ms.p95) if each.process_ms else fmt.NOT_MEASURED,
        fmt.count(sum(each.incidents.values())),
    )


def _fact_line(label: str, text: str) -> Line:
    return (left(label, LABEL), "dim"), (text, "text")


def _flow(flow: Flow, unit: Callable[[int], str]) -> str:
    return f"received {unit(flow.received)}, sent {unit(flow.sent)}"


def _bytes(each: ConnectionStatistics) -> str:
    received, sent, wire = each.bytes.received, each.bytes.sent, each.wire_bytes
    return (
        f"received {fmt.size(received)}, sent {fmt.size(sent)} "
        f"(on the wire: {fmt.size(wire.received)} received, {fmt.size(wire.sent)} sent)"
    )


def _last(each: ConnectionStatistics, now_ns: int) -> str:
    opened_ns, closed_ns, newest = each.last_connected_ns, each.last_disconnected_ns, each.last_message_ns
    is_open = opened_ns is not None and (closed_ns is None or closed_ns < opened_ns)
    moments = (("opened", opened_ns), ("previous one closed" if is_open else "closed", closed_ns))
    parts = [f"{label} {fmt.moment(at_ns, now_ns)}" for label, at_ns in moments if at_ns is not None]
    parts.append(f"last message {fmt.age(now_ns - newest)} ago" if newest is not None else "no messages")
    return " · ".join(parts)


def _ms(value_ms: float) -> str:
    """Return a duration; in milliseconds below a second, which matter where a session ends at once."""
    return fmt.milliseconds(value_ms) if value_ms < 1000 else fmt.duration(round(value_ms * 1e6))


def kpi_lines(kpis: Sequence[Kpi], width: int) -> Iterator[Line]:
    """Yield a heading and a line for each KPI; a breach stands out."""
    figures = [KPI_VALUE, KPI_MARK, KPI_THRESHOLD, KPI_COUNT]
    is_wide = width >= KPI_LONG_NAME + sum(figures) + KPI_BUDGETS[-1][1]
    name = KPI_LONG_NAME if is_wide else KPI_NAME
    cells = [name, *figures]
    budget, room = next((each for each in KPI_BUDGETS if width >= sum(cells) + each[1]), KPI_BUDGETS[-1])
    cells.append(room)
    heading = (
        left("KPI", name), right("actual", KPI_VALUE), " " * KPI_MARK, right("target", KPI_THRESHOLD),
        right("samples", KPI_COUNT), right(budget, cells[-1]),
    )  # fmt: skip
    shown = next((n for n in (6, 5, 4) if width >= sum(cells[:n])), 3)
    yield (("".join(heading[:shown]), "dim"),)
    for kpi in kpis:
        yield _kpi_line(kpi, name, cells[-1])[:shown]


def _kpi_line(kpi: Kpi, name: int, budget: int) -> Line:
    label = KPI_LABELS.get(kpi.name, kpi.name)
    if cell_len(label) >= name:
        label = label.removesuffix(" rate")
    role: Role = "dim" if kpi.ok is None else "status-open" if kpi.ok else "problem"
    value = fmt.NOT_MEASURED if kpi.value is None else _amount(kpi.value, kpi)
    mark = UNKNOWN if kpi.ok is None else OK if kpi.ok else BREACHED
    sign = ">" if kpi.is_floor else "<"
    threshold = NO_THRESHOLD if kpi.threshold is None else f"{sign} {_amount(kpi.threshold, kpi)}"
    return (
        (left(label, name), "text"),
        (right(value, KPI_VALUE), role),
        (f" {mark}", role),
        (right(threshold, KPI_THRESHOLD), "dim"),
        (right(_samples(kpi), KPI_COUNT), "dim"),
        (right(_budget(kpi, budget), budget), "problem" if kpi.ok is False else "dim"),
    )


def _samples(kpi: Kpi) -> str:
    if not kpi.samples:
        return fmt.NOT_MEASURED
    return fmt.duration(kpi.samples * fmt.SECOND_NS) if kpi.is_of_time else fmt.count(kpi.samples)


def _amount(value: float, kpi: Kpi) -> str:
    return _share(value) if kpi.unit == "share" else fmt.figure(value, kpi.unit)


def _share(value: float) -> str:
    """Return a share with the digits that thresholds have, like 99.9 % or 0.01 %; a share above 0 never reads 0."""
    text = f"{value * 100:.3f}".rstrip("0").rstrip(".")
    return "< 0.001 %" if value > 0 and text == "0" else f"{text} %"


def _budget(kpi: Kpi, width: int) -> str:
    if kpi.why == TOO_FEW and kpi.value is not None:
        return TOO_FEW if len(TOO_FEW) < width else "too few"
    if kpi.budget_left is None:
        return "missed" if kpi.ok is False else ""
    return "used up" if kpi.budget_left < 0 else f"{floor(kpi.budget_left * 100)} %"
