"""Plots of a trend: rates, round trips and feed latency by time, sizes and types as bars. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.cells import cell_len

from wsmon.model import units as fmt
from wsmon.model.sanitize import sanitize
from wsmon.model.statistics import Percentiles, Trend
from wsmon.model.units import SECOND_NS
from wsmon.tui.palette import Line, Meaning
from wsmon.tui.plots import DOTS_WIDE, bar, curve, round_up, stretched
from wsmon.tui.text import left, right

SCALE = 8
# cells left of a plot
HEIGHT = 3
# rows of one
MOST_BARS = 8
SMALLEST_BAR = 8
# cells
COUNT, SHARE = 11, 9
# cells of a bar's number and share
RANKS: tuple[Callable[[Percentiles], float], ...] = (
    lambda each: each.p50,
    lambda each: each.p95,
    lambda each: each.p99,
)


def buckets(width: int) -> int:
    """How many values a plot of that width can show."""
    return max(DOTS_WIDE, (width - SCALE) * DOTS_WIDE)


def rate_plot(trend: Trend, width: int) -> Iterator[Line]:
    """Messages a second; the newest bucket is not over, so that its rate would be too low."""
    over = trend.messages[:-1] if len(trend.messages) > 1 else trend.messages
    per_s = [None if n is None else n * SECOND_NS / trend.bucket_ns for n in over]
    known = [value for value in per_s if value is not None]
    now = f"newest {fmt.rate(known[-1])}  max {fmt.rate(max(known))}" if known else "no data"
    yield from _plot("messages/s", now, (per_s,), max(known, default=0), fmt.rate, width, "direction-in")


def spread_plot(label: str, spreads: Sequence[Percentiles | None], width: int) -> Iterator[Line]:
    """Percentiles of a duration: the area is the median, the dots above are p95 and p99."""
    series = [[None if each is None else rank(each) for each in spreads] for rank in RANKS]
    highest = [value for value in series[-1] if value is not None]
    said = f"▄ p50  ˙ p95, p99  max p99 {fmt.milliseconds(max(highest))}" if highest else "no data"
    yield from _plot(label, said, series, max(highest, default=0), fmt.milliseconds, width, "direction-out")


def bars(
    title: str, counts: Mapping[str, int], width: int, meaning: Meaning, nothing: str = fmt.NONE
) -> Iterator[Line]:
    """A bar each, in the order given; what does not fit is said."""
    yield ((title, "dim"),)
    total = sum(counts.values())
    if not total:
        yield ((f"  {nothing}", "dim"),)
        return
    shown = [(f"  {sanitize(key, width)}", n) for key, n in list(counts.items())[:MOST_BARS]]
    label = min(max(cell_len(name) for name, _ in shown), max(8, width - COUNT - SHARE - SMALLEST_BAR - 2))
    room = width - label - COUNT - SHARE - 2
    for name, n in shown:
        number = right(fmt.count(n), COUNT) + right(fmt.percent(n / total), SHARE)
        yield (left(name, label), "text"), (number + "  ", "dim"), (bar(n / total, room), meaning)
    if len(counts) > MOST_BARS:
        rest = sum(list(counts.values())[MOST_BARS:])
        yield ((f"  and {len(counts) - MOST_BARS} more, {fmt.count(rest)} in all", "dim"),)


def size_bars(trend: Trend, width: int) -> Iterator[Line]:
    """How many messages are of which size."""
    names = {f"≤ {fmt.size(power)}" if power else "empty": n for power, n in trend.sizes.items()}
    if len(names) > MOST_BARS:  # the largest ones as they are, the smaller ones together
        small = list(names.items())[: len(names) - MOST_BARS + 1]
        names = {small[-1][0]: sum(n for _, n in small), **dict(list(names.items())[len(small) :])}
    return bars("sizes of messages", names, width, "direction-in")


def _plot(
    label: str,
    said: str,
    series: Sequence[Sequence[float | None]],
    greatest: float,
    unit: Callable[[float], str],
    width: int,
    meaning: Meaning,
) -> Iterator[Line]:
    title = left(label, max(0, width - len(said) - 1))
    yield (title, "dim"), (f" {said}", "text")
    top = round_up(greatest) if greatest else 0.0
    area, *dots = (stretched(values, buckets(width)) for values in series)
    rows = curve(area, dots, top, HEIGHT)
    if not any(map(str.strip, rows)):
        return
    scale = [unit(top) if greatest else "", *[""] * (HEIGHT - 2), "0"]
    for number, row in zip(scale, rows, strict=True):
        yield (right(number, SCALE - 1) + " ", "dim"), (row, meaning)
