"""Plots, bars and the table of message types of the statistics pane. Pure.

Where nothing was measured, the lines say so: no data is never drawn as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo

from rich.cells import cell_len

from wsmon.model import units as fmt
from wsmon.model.statistics import MessageType, Percentiles, Trend
from wsmon.model.timeline import Period
from wsmon.model.units import SECOND_NS
from wsmon.tui.cell_text import cell_text
from wsmon.tui.charts import DOTS_WIDE, axis_line, bar, braille_curve, round_up, stretch
from wsmon.tui.text import Line, Role, keep_ends, left, right

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
# Columns of the table of types, with their cells; the last ones are left out first
TYPE_COLUMNS = (("messages", 11), ("share", 9), ("rate", 10), ("bytes", 11), ("last seen", 12))
# Cells of the name of a type
LEAST_TYPE, MOST_TYPE = 10, 32
# Cells from which on a bar follows the columns
LEAST_BAR = 10


def plot_buckets(width: int) -> int:
    """Return the number of values that a plot of a width can show."""
    return max(DOTS_WIDE, (width - PLOT_SCALE) * DOTS_WIDE)


def rate_plot(trend: Trend, width: int, zone: tzinfo | None = None) -> Iterator[Line]:
    """Yield the plot of messages per second."""
    return _rates("messages/s", trend, trend.messages, fmt.rate, width, zone)


def byte_plot(trend: Trend, width: int, zone: tzinfo | None = None) -> Iterator[Line]:
    """Yield the plot of bytes per second."""
    return _rates("bytes/s", trend, trend.bytes, fmt.size, width, zone)


def heartbeat_plot(trend: Trend, width: int, zone: tzinfo | None = None) -> Iterator[Line]:
    """Yield the plot of answered heartbeats per second, which no message is counted in."""
    missed = sum(filter(None, trend.missed))
    more = f"missed {fmt.count(missed)}" if missed else ""
    return _rates("heartbeats/s", trend, trend.heartbeats, fmt.rate, width, zone, more)


def percentile_plot(
    label: str, spreads: Sequence[Percentiles | None], trend: Trend, width: int, zone: tzinfo | None = None
) -> Iterator[Line]:
    """Yield the plot of a duration's percentiles: the area is the median, the dots above are p95 and p99."""
    series = [[None if each is None else rank(each) for each in spreads] for rank in PLOTTED_RANKS]
    greatest = _greatest(series[-1])
    at = "" if greatest is None else f"max p99 {fmt.milliseconds(greatest[0])} at {_time(trend, greatest[1], zone)}"
    summaries = (f"▄ p50  ˙ p95, p99  {at}", at, at.partition(" at ")[0]) if at else ("no data",)
    top = 0.0 if greatest is None else greatest[0]
    yield from _plot(label, summaries, series, top, fmt.milliseconds, trend, width, "direction-out", zone)


def _rates(
    label: str,
    trend: Trend,
    counts: Sequence[int | None],
    unit: Callable[[float], str],
    width: int,
    zone: tzinfo | None,
    more: str = "",
) -> Iterator[Line]:
    """Yield the plot of a rate, without the newest bucket, which is not complete yet."""
    over = counts[:-1] if len(counts) > 1 else counts
    per_s = [None if n is None else n * SECOND_NS / trend.bucket_ns for n in over]
    greatest = _greatest(per_s)
    if greatest is None:
        summaries: tuple[str, ...] = ("no data",)
    else:
        newest = next(value for value in reversed(per_s) if value is not None)
        current, most = f"current {unit(newest)}", f"max {unit(greatest[0])}"
        at = f" at {_time(trend, greatest[1], zone)}" if greatest[0] else ""
        parts = (
            "  ".join(filter(None, (current, f"{most}{at}", more))),
            "  ".join(filter(None, (current, most, more))),
        )
        summaries = (*parts, most)
    top = 0.0 if greatest is None else greatest[0]
    yield from _plot(label, summaries, (per_s,), top, unit, trend, width, "direction-in", zone)


def _greatest(values: Sequence[float | None]) -> tuple[float, int] | None:
    """Return the greatest value and its place, of equals the newest; None where there is none."""
    return max(((value, at) for at, value in enumerate(values) if value is not None), default=None)


def _time(trend: Trend, bucket: int, zone: tzinfo | None) -> str:
    at_ns = trend.since_ns + bucket * trend.bucket_ns
    return fmt.moment(at_ns, trend.since_ns + len(trend.messages) * trend.bucket_ns, zone)


def _plot(
    label: str,
    summaries: Sequence[str],
    series: Sequence[Sequence[float | None]],
    greatest: float,
    unit: Callable[[float], str],
    trend: Trend,
    width: int,
    role: Role,
    zone: tzinfo | None,
) -> Iterator[Line]:
    """Yield title, curve and the axis of times; the first summary that fits stands beside the label."""
    room = width - cell_len(label) - 2
    summary = next((text for text in summaries if cell_len(text) <= room), "")
    yield (left(label, max(0, width - cell_len(summary) - 1)), "dim"), (f" {summary}", "text")
    top = round_up(greatest) if greatest else 0.0
    area, *dots = (stretch(values, plot_buckets(width)) for values in series)
    rows = braille_curve(area, dots, top, PLOT_HEIGHT)
    if not any(map(str.strip, rows)):
        return
    scale = [unit(top) if greatest else "", *[""] * (PLOT_HEIGHT - 2), "0"]
    for number, row in zip(scale, rows, strict=True):
        yield (right(number, PLOT_SCALE - 1) + " ", "dim"), (row, role)
    cells, until_ns = max(1, width - PLOT_SCALE), trend.since_ns + max(1, len(series[0])) * trend.bucket_ns
    if until_ns - trend.since_ns >= cells:
        yield ((" " * PLOT_SCALE + axis_line(Period(trend.since_ns, until_ns, cells), zone).rstrip(), "dim"),)


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
    return count_bars("Message sizes", names, width, "direction-in")


def type_lines(
    types: Sequence[MessageType], period_ns: int, now_ns: int, width: int, zone: tzinfo | None = None
) -> Iterator[Line]:
    """Yield a line for each type of messages: number, share, rate, bytes and when it was last seen.

    Bytes are the number times the mean size of the newest messages, hence about.
    """
    if not types:
        yield (("Message types", "dim"),)
        yield ((f"  {fmt.NONE}", "dim"),)
        return
    total = sum(each.count for each in types)
    longest = max(cell_len(cell_text(each.name, width)) for each in types) + 2
    columns = list(TYPE_COLUMNS)
    name = min(max(longest, len("Message types")), MOST_TYPE)
    while len(columns) > 1 and max(LEAST_TYPE, min(name, MOST_TYPE)) + sum(cells for _, cells in columns) > width:
        columns.pop()
    name = max(1, min(name, width - sum(cells for _, cells in columns)))
    rest = width - name - sum(cells for _, cells in columns) - 2
    yield ((left("Message types", name) + "".join(right(title, cells) for title, cells in columns), "dim"),)
    for each in types:
        share = each.count / total if total else 0.0
        texts = {
            "messages": fmt.count(each.count),
            "share": fmt.percent(share),
            "rate": f"{fmt.rate(each.count * SECOND_NS / max(1, period_ns))}/s",
            "bytes": fmt.NONE if each.mean_bytes is None else f"~{fmt.size(each.count * each.mean_bytes)}",
            "last seen": fmt.NONE if each.last_ns is None else _seen(each.last_ns, now_ns, zone),
        }
        cells = "".join(right(texts[title], width_) for title, width_ in columns)
        label = keep_ends(f"  {cell_text(each.name, width)}", name)
        drawn = bar(share, rest) if rest >= LEAST_BAR else ""
        yield (label, "text"), (cells, "dim"), (f"  {drawn}" if drawn else "", "direction-in")


def _seen(at_ns: int, now_ns: int, zone: tzinfo | None) -> str:
    """Return a time of day, or the date of another day."""
    return fmt.moment(at_ns, now_ns, zone).partition(" ")[0]
