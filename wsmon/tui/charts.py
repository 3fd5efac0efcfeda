"""Where a time axis has its labels: at round local times, far enough apart, never cut; where a day begins, its date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, tzinfo

from wsmon.model.timeline import Period
from wsmon.model.units import MS_NS, SECOND_NS

# Curves and bars in terminal cells: braille dots, two by four a cell, and blocks of eighths. Pure.
#
# A value that is zero still has its dot at the bottom; where there is no value there is nothing.

BRAILLE = 0x2800
DOTS_HIGH = 4
DOTS_WIDE = 2
# Of a cell, by column and height from the bottom (Unicode, "Braille Patterns")
_DOT = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
EIGHTHS = "▏▎▍▌▋▊▉█"

Values = Sequence[float | None]


def curve(area: Values, lines: Sequence[Values], top: float, height: int) -> tuple[str, ...]:
    """Rows from the top down: the area below one series, and a dot for each value of others.

    A cell holds two values; ``top`` is what reaches the upper edge, and what is higher is drawn there.
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
    """A bar of a share (0…1) of ``width`` cells; what is more than nothing is seen."""
    eighths = max(round(share * width * len(EIGHTHS)), 1 if share > 0 else 0)
    whole, rest = divmod(eighths, len(EIGHTHS))
    return EIGHTHS[-1] * whole + (EIGHTHS[rest - 1] if rest else "")


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20 …, so that the scale of a plot does not change with every value."""
    step = 1.0
    while step < value:
        step *= 10
    return next(scale for scale in (step / 10, step / 5, step / 2, step) if scale >= value)


def stretched(values: Values, columns: int) -> Values:
    """As many values as there are columns of dots, each as often as it takes; not fewer than there are."""
    number = len(values)
    return values if number >= columns or not number else [values[at * number // columns] for at in range(columns)]


def _dots(value: float | None, top: float, height: int) -> int:
    """How many dots high a value is; 0 for none."""
    if value is None:
        return 0
    highest = height * DOTS_HIGH
    return 1 + round(min(1.0, value / top) * (highest - 1)) if top > 0 else 1


def _set(cells: list[list[int]], x: int, y: int) -> None:
    cells[y // DOTS_HIGH][x // DOTS_WIDE] |= _DOT[x % DOTS_WIDE][y % DOTS_HIGH]


DAY_S = 86_400
PARTS_MS = (50, 100, 200, 500)
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)
# Weeks begin on Monday
DAYS = (1, 2, 7, 14, 28, 56, 112, 364)
# Cells between two labels, at least
GAP = 3


def axis(period: Period, zone: tzinfo | None) -> str:
    """The labels of a period on one line of exactly its cells."""
    line = [" "] * period.cells
    free_from = 0
    for at_ns, label in _labels(period, zone):
        cell = period.cell_of(at_ns)
        if free_from <= cell <= period.cells - len(label):
            line[cell : cell + len(label)] = label
            free_from = cell + len(label) + GAP
    return "".join(line)


def cell_words(cell_ns: int) -> str:
    """How long a cell lasts: ``20 s``, ``5 ms``, ``2 min``, ``6 h``, ``1 d``."""
    for unit, name in ((DAY_S, "d"), (3600, "h"), (60, "min")):
        if cell_ns >= unit * SECOND_NS:
            return f"{cell_ns / unit / SECOND_NS:g} {name}"
    return f"{cell_ns / SECOND_NS:g} s" if cell_ns >= SECOND_NS // 10 else f"{cell_ns / MS_NS:g} ms"


def span_words(period: Period, zone: tzinfo | None, now_ns: int) -> str:
    """From when until when: ``13:32 – 14:02``, with dates, years, seconds or parts of them where they are needed."""
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
    """What tells both ends of a period of seconds apart; empty where whole seconds do."""
    digits = 0 if length_ns >= 10 * SECOND_NS else 1 if length_ns >= SECOND_NS else 2
    return f".{at_ns % SECOND_NS * 10**digits // SECOND_NS:0{digits}}" if digits else ""


def _labels(period: Period, zone: tzinfo | None) -> Iterator[tuple[int, str]]:
    """Times and what to write there, at the shortest round step with room for it."""
    cell_ns = (period.until_ns - period.since_ns) / period.cells
    for step_ms in PARTS_MS:
        if step_ms * MS_NS / cell_ns >= len("13:35:10.05") + GAP:
            return _parts_of_seconds(period, step_ms * MS_NS, zone)
    for step_s in STEPS_S:
        if step_s * SECOND_NS / cell_ns >= len("13:35:10" if step_s < 60 else "Jan 10") + GAP:
            return _times_of_day(period, step_s, zone)
    wide = (days for days in DAYS if days * DAY_S * SECOND_NS / cell_ns >= len("Jan 10") + GAP)
    return _days(period, next(wide, DAYS[-1]), zone)


def _parts_of_seconds(period: Period, step_ns: int, zone: tzinfo | None) -> Iterator[tuple[int, str]]:
    for at_ns in range(-(-period.since_ns // step_ns) * step_ns, period.until_ns, step_ns):
        part = f"{at_ns % SECOND_NS // MS_NS:03d}".rstrip("0")
        yield at_ns, _local(at_ns, zone).strftime("%H:%M:%S") + (f".{part}" if part else "")


def _times_of_day(period: Period, step_s: int, zone: tzinfo | None) -> Iterator[tuple[int, str]]:
    """Instants whose local time is a multiple of the step; by instants, since days have 23 and 25 hours too."""
    at_s = -(-period.since_ns // SECOND_NS)
    while at_s * SECOND_NS < period.until_ns:
        local = _local(at_s * SECOND_NS, zone)
        over_s = (local.hour * 3600 + local.minute * 60 + local.second) % step_s
        if not over_s:
            is_midnight = local.hour == local.minute == local.second == 0
            clock = "%H:%M:%S" if step_s < 60 else "%H:%M"
            yield at_s * SECOND_NS, local.strftime("%b %d" if is_midnight else clock)
        to_the_change_s = 3600 - (local.minute * 60 + local.second) % 3600
        at_s += min(step_s - over_s, to_the_change_s)  # clocks change at whole hours, a label may be due there


def _days(period: Period, days: int, zone: tzinfo | None) -> Iterator[tuple[int, str]]:
    first = _local(period.since_ns, zone).date().toordinal()
    place = -(-(first - 1) // days) * days + 1  # day 1 was a Monday
    is_long = period.until_ns - period.since_ns >= 366 * DAY_S * SECOND_NS
    while (at_ns := _midnight_ns(date.fromordinal(place), zone)) < period.until_ns:
        if at_ns >= period.since_ns:
            yield at_ns, date.fromordinal(place).strftime("%Y-%m" if is_long else "%b %d")
        place += days


def _midnight_ns(day: date, zone: tzinfo | None) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND_NS


def _local(at_ns: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(at_ns // SECOND_NS, zone)
