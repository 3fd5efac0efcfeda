"""Charts in terminal cells: braille curves, bars of eighths, and the labels of a time axis. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, tzinfo

from wsmon.model.timeline import Period
from wsmon.model.units import MS_NS, SECOND_NS

BRAILLE = 0x2800
DOTS_HIGH = 4
DOTS_WIDE = 2
# Bit of each dot of a cell, by column and height from the bottom (Unicode, "Braille Patterns")
_DOT = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
EIGHTHS = "▏▎▍▌▋▊▉█"

DAY_S = 86_400
PARTS_MS = (50, 100, 200, 500)
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)
# Weeks begin on Monday
DAYS = (1, 2, 7, 14, 28, 56, 112, 364)
# Cells between two labels, at least
LABEL_GAP = 3

Series = Sequence[float | None]
"""Values at equal distances; None = there is no value."""


def braille_curve(area: Series, lines: Sequence[Series], top: float, height: int) -> tuple[str, ...]:
    """Return rows from the top down: the area below one series, and a dot for each value of the others.

    A cell holds two values. The value ``top`` is at the upper edge, and greater ones are drawn there too. Zero has a
    dot at the bottom; where there is no value there is none.
    """
    columns = -(-len(area) // DOTS_WIDE)
    cells = [[0] * columns for _ in range(height)]
    for x, value in enumerate(area):
        for y in range(_dots(value, top, height)):
            _set(cells, x, y)
    for line in lines:
        for x, value in enumerate(line):
            if dots := _dots(value, top, height):
                _set(cells, x, dots - 1)
    return tuple("".join(chr(BRAILLE + cell) if cell else " " for cell in row) for row in reversed(cells))


def bar(share: float, width: int) -> str:
    """Return a bar for a share (0 to 1) of ``width`` cells; any share above 0 is visible."""
    eighths = max(round(share * width * len(EIGHTHS)), 1 if share > 0 else 0)
    whole, rest = divmod(eighths, len(EIGHTHS))
    return EIGHTHS[-1] * whole + (EIGHTHS[rest - 1] if rest else "")


def round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 …, so that the scale of a plot does not change with every value."""
    step = 1.0
    while step < value:
        step *= 10
    return next(scale for scale in (step / 10, step / 5, step / 2, step) if scale >= value)


def stretch(values: Series, columns: int) -> Series:
    """Return values repeated so that there is one for each column of dots; never fewer than there were."""
    number = len(values)
    return values if number >= columns or not number else [values[at * number // columns] for at in range(columns)]


def _dots(value: float | None, top: float, height: int) -> int:
    """Return the height of a value in dots; 0 where there is no value."""
    if value is None:
        return 0
    highest = height * DOTS_HIGH
    return 1 + round(min(1.0, value / top) * (highest - 1)) if top > 0 else 1


def _set(cells: list[list[int]], x: int, y: int) -> None:
    cells[y // DOTS_HIGH][x // DOTS_WIDE] |= _DOT[x % DOTS_WIDE][y % DOTS_HIGH]


def axis_line(period: Period, zone: tzinfo | None) -> str:
    """Return the labels of a period, on a line with as many cells as the period.

    They are at round local times, far enough apart, and never cut; where a day begins, the label is its date.
    """
    line = [" "] * period.cells
    free_from = 0
    for at_ns, label in _labels(period, zone):
        cell = period.cell_of(at_ns)
        if free_from <= cell <= period.cells - len(label):
            line[cell : cell + len(label)] = label
            free_from = cell + len(label) + LABEL_GAP
    return "".join(line)


def cell_duration(cell_ns: int) -> str:
    """Return the duration of a cell, like ``20 s``, ``5 ms``, ``2 min``, ``6 h`` or ``1 d``."""
    for unit, name in ((DAY_S, "d"), (3600, "h"), (60, "min")):
        if cell_ns >= unit * SECOND_NS:
            return f"{cell_ns / unit / SECOND_NS:g} {name}"
    return f"{cell_ns / SECOND_NS:g} s" if cell_ns >= SECOND_NS // 10 else f"{cell_ns / MS_NS:g} ms"


def period_range(period: Period, zone: tzinfo | None, now_ns: int) -> str:
    """Return both ends of a period, like ``13:32 – 14:02``, with date, year, seconds or their parts where needed."""
    since, until, now = (_local(each, zone) for each in (period.since_ns, period.until_ns, now_ns))
    length_ns = period.until_ns - period.since_ns
    clock = "%H:%M:%S" if length_ns < 600 * SECOND_NS else "%H:%M"
    year = "%Y " if since.year != now.year or until.year != now.year else ""
    if since.date() == until.date():
        day = "" if since.date() == now.date() else f"{year}%b %d "
        parts = [_part_of_second(at_ns, length_ns) for at_ns in (period.since_ns, period.until_ns)]
        return f"{since.strftime(day + clock)}{parts[0]} – {until.strftime(clock)}{parts[1]}"
    if length_ns >= 56 * DAY_S * SECOND_NS:
        clock = ""
    return " – ".join(each.strftime(f"{year}%b %d {clock}").rstrip() for each in (since, until))


def _part_of_second(at_ns: int, length_ns: int) -> str:
    """Return the part of a second that distinguishes the ends of a short period; empty where seconds suffice."""
    digits = 0 if length_ns >= 10 * SECOND_NS else 1 if length_ns >= SECOND_NS else 2
    return f".{at_ns % SECOND_NS * 10**digits // SECOND_NS:0{digits}}" if digits else ""


def _labels(period: Period, zone: tzinfo | None) -> Iterator[tuple[int, str]]:
    """Return times and their labels, at the shortest round step whose labels fit."""
    cell_ns = (period.until_ns - period.since_ns) / period.cells
    for step_ms in PARTS_MS:
        if step_ms * MS_NS / cell_ns >= len("13:35:10.05") + LABEL_GAP:
            return _parts_of_seconds(period, step_ms * MS_NS, zone)
    for step_s in STEPS_S:
        if step_s * SECOND_NS / cell_ns >= len("13:35:10" if step_s < 60 else "Jan 10") + LABEL_GAP:
            return _times_of_day(period, step_s, zone)
    wide = (days for days in DAYS if days * DAY_S * SECOND_NS / cell_ns >= len("Jan 10") + LABEL_GAP)
    return _days(period, next(wide, DAYS[-1]), zone)


def _parts_of_seconds(period: Period, step_ns: int, zone: tzinfo | None) -> Iterator[tuple[int, str]]:
    for at_ns in range(-(-period.since_ns // step_ns) * step_ns, period.until_ns, step_ns):
        part = f"{at_ns % SECOND_NS // MS_NS:03d}".rstrip("0")
        yield at_ns, _local(at_ns, zone).strftime("%H:%M:%S") + (f".{part}" if part else "")


def _times_of_day(period: Period, step_s: int, zone: tzinfo | None) -> Iterator[tuple[int, str]]:
    """Yield the instants whose local time is a multiple of the step; days may have 23 or 25 hours."""
    at_s = -(-period.since_ns // SECOND_NS)
    while at_s * SECOND_NS < period.until_ns:
        local = _local(at_s * SECOND_NS, zone)
        over_s = (local.hour * 3600 + local.minute * 60 + local.second) % step_s
        if not over_s:
            is_midnight = local.hour == local.minute == local.second == 0
            clock = "%H:%M:%S" if step_s < 60 else "%H:%M"
            yield at_s * SECOND_NS, local.strftime("%b %d" if is_midnight else clock)
        to_the_change_s = 3600 - (local.minute * 60 + local.second) % 3600
        # Clocks change at whole hours, where another label may be due
        at_s += min(step_s - over_s, to_the_change_s)


def _days(period: Period, days: int, zone: tzinfo | None) -> Iterator[tuple[int, str]]:
    first = _local(period.since_ns, zone).date().toordinal()
    # Day 1 was a Monday
    place = -(-(first - 1) // days) * days + 1
    is_long = period.until_ns - period.since_ns >= 366 * DAY_S * SECOND_NS
    while (at_ns := _midnight_ns(date.fromordinal(place), zone)) < period.until_ns:
        if at_ns >= period.since_ns:
            yield at_ns, date.fromordinal(place).strftime("%Y-%m" if is_long else "%b %d")
        place += days


def _midnight_ns(day: date, zone: tzinfo | None) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND_NS


def _local(at_ns: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(at_ns // SECOND_NS, zone)
