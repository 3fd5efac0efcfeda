"""Where a time axis has its labels: at round local times, far enough apart, never cut."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from wsmon.model.timeline_cells import Period

SECOND_NS = 1_000_000_000
DAY_S = 86_400
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)
DAYS = (1, 2, 7, 14, 28, 56)
GAP = 3
# cells between two labels, at least


def axis(period: Period, zone: tzinfo | None) -> str:
    """The labels of a period on one line of exactly its cells."""
    step_s = _step_s(period)
    line = [" "] * period.cells
    free_from = 0
    for at in _round_times(period, step_s, zone):
        label = _label(at, step_s)
        cell = period.cell_of(round(at.timestamp()) * SECOND_NS)
        if free_from <= cell <= period.cells - len(label):
            line[cell : cell + len(label)] = label
            free_from = cell + len(label) + GAP
    return "".join(line)


def cell_words(cell_ns: int) -> str:
    """How long a cell lasts: ``20 s``, ``0.5 s``, ``2 min``, ``6 h``, ``1 d``."""
    for unit, name in ((DAY_S, "d"), (3600, "h"), (60, "min")):
        if cell_ns >= unit * SECOND_NS:
            return f"{cell_ns / unit / SECOND_NS:g} {name}"
    return f"{cell_ns / SECOND_NS:g} s"


def span_words(period: Period, zone: tzinfo | None) -> str:
    """From when until when: ``13:32 – 14:02``, with dates or seconds where they are needed."""
    since, until = (datetime.fromtimestamp(each // SECOND_NS, zone) for each in (period.since_ns, period.until_ns))
    has_seconds = period.until_ns - period.since_ns < 600 * SECOND_NS
    clock = "%H:%M:%S" if has_seconds else "%H:%M"
    if since.date() == until.date():
        return f"{since.strftime(clock)} – {until.strftime(clock)}"
    return f"{since.strftime('%b %d %H:%M')} – {until.strftime('%b %d %H:%M')}"


def _step_s(period: Period) -> int:
    """The shortest round step with room for its labels."""
    cell_s = (period.until_ns - period.since_ns) / period.cells / SECOND_NS
    for step in (*STEPS_S, *(days * DAY_S for days in DAYS)):
        width = len("13:35:10") if step < 60 else len("Jan 10")
        if step / cell_s >= width + GAP:
            return step
    return DAYS[-1] * DAY_S


def _round_times(period: Period, step_s: int, zone: tzinfo | None) -> list[datetime]:
    """Local times in the period that are multiples of the step since local midnight."""
    start = datetime.fromtimestamp(period.since_ns // SECOND_NS, zone)
    at = start.replace(hour=0, minute=0, second=0, microsecond=0)
    end_s = period.until_ns / SECOND_NS
    if step_s < DAY_S:
        passed = (start - at).total_seconds()
        at += timedelta(seconds=passed // step_s * step_s)
    times: list[datetime] = []
    while at.timestamp() < end_s:
        if at.timestamp() >= period.since_ns / SECOND_NS:
            times.append(at)
        at += timedelta(seconds=step_s)
    return times


def _label(at: datetime, step_s: int) -> str:
    if step_s >= DAY_S:
        return at.strftime("%b %d")
    if step_s >= 60:
        return at.strftime("%H:%M")
    return at.strftime("%H:%M:%S")
