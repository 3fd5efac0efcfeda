"""Everything the statistics pane says, as lines for its width: plots where there is room, numbers always. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from wsmon.model.sanitize import sanitize
from wsmon.model.statistics import ConnectionStatistics, Statistics, Trend
from wsmon.model.verdict.close_codes import CODE_MEANINGS
from wsmon.tui.columns import GAP, beside, fitted
from wsmon.tui.palette import Line
from wsmon.tui.panes.span_text import wrap_spans
from wsmon.tui.panes.statistics_kpis import kpi_lines
from wsmon.tui.panes.statistics_render import LABEL, numbers, states, table, troubles
from wsmon.tui.panes.statistics_trend import bars, rate_plot, size_bars, spread_plot

PLOTS_FROM = 56
# cells; below that, numbers only
WIDE_FROM = 108
# cells; from there on two things stand side by side
LEAST_ROOM = 16
# cells beside a label; in fewer, lines are cut
NAME_CHARS = 60

Block: TypeAlias = Sequence[Line]
# lines that belong together


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store said."""

    statistics: Statistics
    trends: tuple[Trend, ...]
    # of the connection that was chosen, and of the one beside it


def lines(answer: Answer, now_ns: int, messages_per_s: Sequence[int], width: int) -> tuple[Line, ...]:
    """The chosen connection, another one beside it, then a table of all."""
    known = {each.name: each for each in answer.statistics.connections}
    chosen = [(known[trend.connection], trend) for trend in answer.trends if trend.connection in known]
    found: list[Line] = []
    if not chosen:
        found += ((("no statistics yet", "dim"),), ())
    elif len(chosen) > 1 and width >= WIDE_FROM:
        half = (width - GAP) // 2
        first, second = ([[_name(one)], *_one(one, trend, now_ns, half)] for one, trend in chosen)
        for block, other in zip(first, second, strict=True):
            found += beside(block, other, width)
    else:
        for one, trend in chosen:
            found += [_name(one)] if len(chosen) > 1 else []
            found += chain.from_iterable(_one(one, trend, now_ns, width))
    found += table(answer.statistics, messages_per_s, width)
    return tuple(fitted(line, width) for line in found)


def columns(width: int, shown: int) -> int:
    """How wide a plot is."""
    return (width - GAP) // 2 if width >= WIDE_FROM or shown > 1 else width


def _name(one: ConnectionStatistics) -> Line:
    return ((sanitize(one.name, NAME_CHARS), "strong"),)


def _one(one: ConnectionStatistics, trend: Trend, now_ns: int, width: int) -> Iterator[Block]:
    """One connection, on the whole width or in half of it.

    There are as many blocks of any, some of them empty, so that those of two can stand side by side.
    """
    yield from _whole(states(one, now_ns), width)
    if width < PLOTS_FROM:
        yield from _whole(numbers(one, width), width)
        yield from _whole(troubles(one), width)
        yield ((), *kpi_lines(one.kpis, width), ())
        return
    is_wide = width >= WIDE_FROM
    half = (width - GAP) // 2 if is_wide else width
    plots = [
        [*rate_plot(trend, half)],
        [*spread_plot("ping RTT", trend.rtt_ms, half)],
        [*spread_plot("feed latency", trend.latency_ms, half)] if one.feed_latency_ms is not None else [],
    ]
    closes = {_close(code): n for code, n in one.close_codes.items()}
    shares = [
        [*kpi_lines(one.kpis, half)],
        [*size_bars(trend, half)],
        [*bars("types of messages", trend.types, half, "direction-in")],
        [*bars("closes", closes, half, "caution"), *bars("errors", one.errors, half, "problem"),
         *bars("incidents", one.incidents, half, "caution")],
    ]  # fmt: skip
    yield ((),)
    yield from _arranged(plots, width, is_wide)
    yield from _whole(numbers(one, width), width)
    yield ((),)
    yield from _arranged(shares, width, is_wide)


def _whole(found: Iterable[Line], width: int) -> Iterator[Block]:
    """Lines that begin with a label, wrapped below it where there is room for words; of one that is empty, nothing."""
    if width < LABEL + LEAST_ROOM:
        return ((line,) if line else () for line in found)
    return (tuple(wrap_spans(line, width, LABEL)) if line else () for line in found)


def _arranged(blocks: Sequence[Block], width: int, is_wide: bool) -> Iterator[Block]:
    """Blocks two by two, or below each other; an empty line after each row."""
    step = 2 if is_wide else 1
    for at in range(0, len(blocks), step):
        row = blocks[at : at + step]
        whole = tuple(beside(row[0], row[1], width)) if len(row) > 1 else row[0]
        yield (*whole, ()) if whole else ()


def _close(code: str) -> str:
    meanings: Mapping[int, str] = CODE_MEANINGS
    meaning = meanings.get(int(code), "") if code.isdigit() else ""
    return f"{code} {meaning}".rstrip()
