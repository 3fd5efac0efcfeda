"""Lines of the statistics pane: state, numbers, key figures, plots and bars of a connection, and a table of all. Pure.

Plots are drawn where there is room, numbers always. Where nothing was measured, the lines say so: no data is never
drawn as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import floor
from typing import TypeAlias

from rich.cells import cell_len

from wsmon.model import units as fmt
from wsmon.model.ends import CODE_MEANINGS
from wsmon.model.statistics import ConnectionStatistics, Flow, Kpi, Percentiles, Statistics, Summary, Trend
from wsmon.model.statuses import LABELS
from wsmon.model.units import SECOND_NS
from wsmon.tui.cell_text import cell_text
from wsmon.tui.charts import DOTS_WIDE, bar, braille_curve, round_up, stretch
from wsmon.tui.text import COLUMN_GAP, Line, Role, StyledText, fit_line, left, right, side_by_side
from wsmon.tui.widgets.text_view import wrap_line

# Cells of a label, and of a number
LABEL = 12
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
LATENCY = "latency"
DISTRIBUTIONS: tuple[tuple[str, Callable[[ConnectionStatistics], Summary | None], Callable[[float], str]], ...] = (
    ("connect", lambda each: each.connect_ms, fmt.milliseconds),
    ("reconnect", lambda each: each.reconnect_ms, fmt.milliseconds),
    ("ping RTT", lambda each: each.rtt_ms, fmt.milliseconds),
    ("to reply", lambda each: each.process_ms, fmt.milliseconds),
    (LATENCY, lambda each: each.feed_latency_ms, fmt.milliseconds),
    ("size", lambda each: each.message_size, fmt.size),
)
KPI_LABELS = {
    "connection_success_rate": "dials succeeded",
    "connection_time_ms": "time to connect",
    "reconnection_success_rate": "outages ended",
    "reconnection_time_ms": "time to reconnect",
    "processing_time_ms": "time to reply",
    "message_error_rate": "messages failed",
    "availability": "available",
    "stalled_share": "stalled",
}
# Cells of the columns of the key figures; the last ones are left out where there is no room
KPI_NAME, KPI_VALUE, KPI_MARK, KPI_THRESHOLD, KPI_COUNT, KPI_BUDGET = 17, 9, 2, 10, 10, 9
OK, BREACHED, UNKNOWN = "✓", "✕", " "
# Cells of the scale left of a plot
PLOT_SCALE = 8
# Rows of a plot
PLOT_HEIGHT = 3
# Bars of a chart; the rest is summed up
MOST_BARS = 8
# Cells of a bar at least
SMALLEST_BAR = 8
# Cells of the number and the share before a bar
BAR_COUNT, BAR_SHARE = 11, 9
PLOTTED_RANKS: tuple[Callable[[Percentiles], float], ...] = (
    lambda each: each.p50,
    lambda each: each.p95,
    lambda each: each.p99,
)
# Cells of the pane from which on there are plots
PLOTS_FROM = 56
# Cells from which on two blocks stand side by side
WIDE_FROM = 108
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
    answer: StatisticsAnswer, now_ns: int, messages_per_s: Sequence[int], width: int
) -> tuple[Line, ...]:
    """Return the lines of the selected connection, of one beside it, then the table of all connections."""
    known = {each.name: each for each in answer.statistics.connections}
    chosen = [(known[trend.connection], trend) for trend in answer.trends if trend.connection in known]
    shown: list[Line] = []
    if not chosen:
        shown += ((("no statistics yet", "dim"),), ())
    elif len(chosen) > 1 and width >= WIDE_FROM:
        half = (width - COLUMN_GAP) // 2
        first, second = ([[_name(one)], *_one(one, trend, now_ns, half)] for one, trend in chosen)
        for block, other in zip(first, second, strict=True):
            shown += side_by_side(block, other, width)
    else:
        for one, trend in chosen:
            shown += [_name(one)] if len(chosen) > 1 else []
            shown += chain.from_iterable(_one(one, trend, now_ns, width))
    shown += connections_lines(answer.statistics, messages_per_s, width)
    return tuple(fit_line(line, width) for line in shown)


def plot_width(width: int, shown: int) -> int:
    """Return the width of a plot; ``shown`` is the number of connections."""
    return (width - COLUMN_GAP) // 2 if width >= WIDE_FROM or shown > 1 else width


def _name(one: ConnectionStatistics) -> Line:
    return ((cell_text(one.name, NAME_LIMIT), "strong"),)


def _one(one: ConnectionStatistics, trend: Trend, now_ns: int, width: int) -> Iterator[Block]:
    """Yield the blocks of one connection.

    Every connection has the same number of blocks, some of them empty, so that two can stand side by side.
    """
    yield from _whole(state_lines(one, now_ns), width)
    if width < PLOTS_FROM:
        yield from _whole(number_lines(one, width), width)
        yield from _whole(problem_lines(one), width)
        yield ((), *kpi_lines(one.kpis, width), ())
        return
    is_wide = width >= WIDE_FROM
    half = (width - COLUMN_GAP) // 2 if is_wide else width
    plots = [
        [*rate_plot(trend, half)],
        [*percentile_plot("ping RTT", trend.rtt_ms, half)],
        [*percentile_plot("feed latency", trend.latency_ms, half)] if one.feed_latency_ms is not None else [],
    ]
    closes = {_close(code): n for code, n in one.close_codes.items()}
    shares = [
        [*kpi_lines(one.kpis, half)],
        [*size_bars(trend, half)],
        [*count_bars("types of messages", trend.types, half, "direction-in")],
        [*count_bars("closes", closes, half, "caution"), *count_bars("errors", one.errors, half, "problem"),
         *count_bars("incidents", one.incidents, half, "caution")],
    ]  # fmt: skip
    yield ((),)
    yield from _arranged(plots, width, is_wide)
    yield from _whole(number_lines(one, width), width)
    yield ((),)
    yield from _arranged(shares, width, is_wide)


def _whole(lines: Iterable[Line], width: int) -> Iterator[Block]:
    """Yield lines that begin with a label as blocks, wrapped beside the label where there is room for words."""
    if width < LABEL + LEAST_ROOM:
        return ((line,) if line else () for line in lines)
    return (tuple(wrap_line(line, width, LABEL)) if line else () for line in lines)


def _arranged(blocks: Sequence[Block], width: int, is_wide: bool) -> Iterator[Block]:
    """Yield blocks two by two, or one below the other, with an empty line after each row."""
    step = 2 if is_wide else 1
    for at in range(0, len(blocks), step):
        row = blocks[at : at + step]
        whole = tuple(side_by_side(row[0], row[1], width)) if len(row) > 1 else row[0]
        yield (*whole, ()) if whole else ()


def _close(code: str) -> str:
    meanings: Mapping[int, str] = CODE_MEANINGS
    meaning = meanings.get(int(code), "") if code.isdigit() else ""
    return f"{code} {meaning}".rstrip()


def state_lines(each: ConnectionStatistics, now_ns: int) -> Iterator[Line]:
    """Yield the status and availability of a connection, its sessions, and its last events."""
    yield from (_state(each), _availability(each), _fact_line("sessions", _sessions(each)))
    yield _fact_line("last", _last(each, now_ns))


def number_lines(each: ConnectionStatistics, width: int) -> Iterator[Line]:
    """Yield what was counted and measured; an empty line where something is measured only of other connections."""
    yield _fact_line("messages", _flow(each.messages, fmt.count))
    yield _fact_line("bytes", _bytes(each))
    ranks = _ranks(width)
    yield ((" " * LABEL + "".join(right(title, NUMBER) for title in ranks), "dim"),)
    for label, of, unit in DISTRIBUTIONS:
        yield _summary(label, of(each), unit, ranks) if of(each) or label != LATENCY else ()
    yield _heartbeats(each)


def problem_lines(each: ConnectionStatistics) -> Iterator[Line]:
    """Yield the errors, close codes and incidents, a line each."""
    yield _counts("errors", each.errors, "problem")
    yield _counts("closes", each.close_codes, "caution")
    yield _counts("incidents", each.incidents, "caution")


def period(statistics: Statistics) -> str:
    """Return the length of the period in words."""
    return f"last {fmt.duration(statistics.until_ns - statistics.since_ns)}"


def _state(each: ConnectionStatistics) -> Line:
    status = "stalled" if each.stalled else LABELS[each.status]
    role: Role = "status-stalled" if each.stalled else "status-open" if status == "open" else "status-loss"
    rest = f" · open {_ms(each.ws_uptime_ms)} in all (TCP {_ms(each.total_uptime_ms)})"
    return (left("state", LABEL), "dim"), (status, role), (rest, "text")


def _availability(each: ConnectionStatistics) -> Line:
    if each.availability is None:
        return _fact_line("available", "n/a: it was to be off all the time")
    return _fact_line("available", f"{fmt.percent(each.availability)} of the time it should be open")


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
    )


def _counts(label: str, counts: Mapping[str, int], role: Role) -> Line:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    text = " · ".join(f"{cell_text(key, KEY_LIMIT)} × {fmt.count(number)}" for key, number in ranked)
    return (left(label, LABEL), "dim"), (text or fmt.NONE, role if text else "dim")


def connections_lines(statistics: Statistics, messages_per_s: Sequence[int], width: int) -> Iterator[Line]:
    """Yield the table of all connections, a line each."""
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


def _fact_line(label: str, text: str) -> Line:
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
    """Return a duration; in milliseconds below a second, which matter where a session ends at once."""
    return fmt.milliseconds(value_ms) if value_ms < 1000 else fmt.duration(round(value_ms * 1e6))


def kpi_lines(kpis: Sequence[Kpi], width: int) -> Iterator[Line]:
    """Yield a heading and a line for each key figure; a breach stands out."""
    heading = (
        left("key figures", KPI_NAME), right("is", KPI_VALUE), " " * KPI_MARK, right("has to be", KPI_THRESHOLD),
        right("samples", KPI_COUNT), right("budget", KPI_BUDGET),
    )  # fmt: skip
    shown = next(
        (
            n
            for n in (6, 5, 4)
            if width >= sum((KPI_NAME, KPI_VALUE, KPI_MARK, KPI_THRESHOLD, KPI_COUNT, KPI_BUDGET)[:n])
        ),
        3,
    )
    yield (("".join(heading[:shown]), "dim"),)
    for kpi in kpis:
        yield _kpi_line(kpi)[:shown]


def _kpi_line(kpi: Kpi) -> Line:
    role: Role = "dim" if kpi.ok is None else "status-open" if kpi.ok else "problem"
    value = fmt.NOT_MEASURED if kpi.value is None else _amount(kpi.value, kpi)
    mark = UNKNOWN if kpi.ok is None else OK if kpi.ok else BREACHED
    threshold = f"{'>' if kpi.is_floor else '<'} {_amount(kpi.threshold, kpi)}"
    return (
        (left(KPI_LABELS.get(kpi.name, kpi.name), KPI_NAME), "text"),
        (right(value, KPI_VALUE), role),
        (f" {mark}", role),
        (right(threshold, KPI_THRESHOLD), "dim"),
        (right(_samples(kpi), KPI_COUNT), "dim"),
        (right(_budget(kpi), KPI_BUDGET), "problem" if kpi.ok is False else "dim"),
    )


def _samples(kpi: Kpi) -> str:
    if not kpi.samples:
        return fmt.NONE
    return fmt.duration(kpi.samples * fmt.SECOND_NS) if kpi.is_of_time else fmt.count(kpi.samples)


def _amount(value: float, kpi: Kpi) -> str:
    return _share(value) if kpi.is_share else fmt.milliseconds(value)


def _share(value: float) -> str:
    """Return a share with the digits that thresholds have, like 99.9 % or 0.01 %; a share above 0 never reads 0."""
    text = f"{value * 100:.3f}".rstrip("0").rstrip(".")
    return "< 0.001 %" if value > 0 and text == "0" else f"{text} %"


def _budget(kpi: Kpi) -> str:
    if kpi.value is not None and kpi.ok is None:
        return "too few"
    if kpi.budget_left is None:
        return ""
    return "used up" if kpi.budget_left < 0 else f"{floor(kpi.budget_left * 100)} %"


def plot_buckets(width: int) -> int:
    """Return the number of values that a plot of a width can show."""
    return max(DOTS_WIDE, (width - PLOT_SCALE) * DOTS_WIDE)


def rate_plot(trend: Trend, width: int) -> Iterator[Line]:
    """Yield the plot of messages per second, without the newest bucket, which is not complete yet."""
    over = trend.messages[:-1] if len(trend.messages) > 1 else trend.messages
    per_s = [None if n is None else n * SECOND_NS / trend.bucket_ns for n in over]
    known = [value for value in per_s if value is not None]
    now = f"newest {fmt.rate(known[-1])}  max {fmt.rate(max(known))}" if known else "no data"
    yield from _plot("messages/s", now, (per_s,), max(known, default=0), fmt.rate, width, "direction-in")


def percentile_plot(label: str, spreads: Sequence[Percentiles | None], width: int) -> Iterator[Line]:
    """Yield the plot of a duration's percentiles: the area is the median, the dots above are p95 and p99."""
    series = [[None if each is None else rank(each) for each in spreads] for rank in PLOTTED_RANKS]
    highest = [value for value in series[-1] if value is not None]
    summary = f"▄ p50  ˙ p95, p99  max p99 {fmt.milliseconds(max(highest))}" if highest else "no data"
    yield from _plot(label, summary, series, max(highest, default=0), fmt.milliseconds, width, "direction-out")


def count_bars(
    title: str, counts: Mapping[str, int], width: int, role: Role, nothing: str = fmt.NONE
) -> Iterator[Line]:
    """Yield a bar for each key, in the order given; the last line sums up those that are left out."""
    yield ((title, "dim"),)
    total = sum(counts.values())
    if not total:
        yield ((f"  {nothing}", "dim"),)
        return
    shown = [(f"  {cell_text(key, width)}", n) for key, n in list(counts.items())[:MOST_BARS]]
    label = min(max(cell_len(name) for name, _ in shown), max(8, width - BAR_COUNT - BAR_SHARE - SMALLEST_BAR - 2))
    room = width - label - BAR_COUNT - BAR_SHARE - 2
    for name, n in shown:
        number = right(fmt.count(n), BAR_COUNT) + right(fmt.percent(n / total), BAR_SHARE)
        yield (left(name, label), "text"), (number + "  ", "dim"), (bar(n / total, room), role)
    if len(counts) > MOST_BARS:
        rest = sum(list(counts.values())[MOST_BARS:])
        yield ((f"  and {len(counts) - MOST_BARS} more, {fmt.count(rest)} in all", "dim"),)


def size_bars(trend: Trend, width: int) -> Iterator[Line]:
    """Yield the bars of message sizes."""
    names = {f"≤ {fmt.size(power)}" if power else "empty": n for power, n in trend.sizes.items()}
    # The smallest sizes share a bar
    if len(names) > MOST_BARS:
        small = list(names.items())[: len(names) - MOST_BARS + 1]
        names = {small[-1][0]: sum(n for _, n in small), **dict(list(names.items())[len(small) :])}
    return count_bars("sizes of messages", names, width, "direction-in")


def _plot(
    label: str,
    summary: str,
    series: Sequence[Sequence[float | None]],
    greatest: float,
    unit: Callable[[float], str],
    width: int,
    role: Role,
) -> Iterator[Line]:
    title = left(label, max(0, width - len(summary) - 1))
    yield (title, "dim"), (f" {summary}", "text")
    top = round_up(greatest) if greatest else 0.0
    area, *dots = (stretch(values, plot_buckets(width)) for values in series)
    rows = braille_curve(area, dots, top, PLOT_HEIGHT)
    if not any(map(str.strip, rows)):
        return
    scale = [unit(top) if greatest else "", *[""] * (PLOT_HEIGHT - 2), "0"]
    for number, row in zip(scale, rows, strict=True):
        yield (right(number, PLOT_SCALE - 1) + " ", "dim"), (row, role)
