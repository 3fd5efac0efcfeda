"""Units of time and size: nanosecond constants; durations, sizes and numbers parsed and formatted.

The functions with short names (``count``, ``rate``, ``size``, ``duration`` …) format for the screen, each value with
its unit and as short as it stays true: nothing is rounded up to a value that was not reached, 99.999 % is not 100 %.
``parse_duration``, ``format_duration``, ``parse_size`` and ``format_size`` are the syntax of the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from math import floor, log
from types import MappingProxyType
from typing import Final, Literal

from wsmon.errors import UsageError

US_NS: Final = 1_000
MS_NS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

# The units of time that configuration, queries and messages write
UNIT_NS: Final[Mapping[str, int]] = MappingProxyType(
    {"ns": 1, "us": US_NS, "ms": MS_NS, "s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS}
)
# kB, MB … are powers of ten, KiB, MiB … powers of two (IEC 80000-13); units are read in any case
UNIT_BYTES: Final[Mapping[str, int]] = MappingProxyType(
    {"b": 1, "kb": 1_000, "mb": 10**6, "gb": 10**9, "tb": 10**12}
    | {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
)

# Shown where a value does not exist
NONE = "–"
# Shown where a value was not measured
NOT_MEASURED = "n/a"

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86_400
# The longest duration that is taken: added to or taken from the time of an event, it leaves one that a date can have
CENTURY_S = 36_525 * DAY_S
KIB = 1024
SIZE_UNITS = ("KiB", "MiB", "GiB", "TiB")
SPARKS = "▁▂▃▄▅▆▇█"


def count(number: int) -> str:
    """Format a count: ``1,204,311``."""
    return f"{number:,}"


def ordinal(number: int) -> str:
    """Format a place in an order: ``1st``, ``12th``, ``1,203rd``."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def rate(per_s: float) -> str:
    """Format a number per second, without the unit: ``0``, ``0.3``, ``12``, ``4,812``, ``123k``."""
    if per_s <= 0:
        return "0"
    if per_s < 9.95:
        return f"{max(per_s, 0.1):.1f}"
    return f"{per_s:,.0f}" if per_s < 99_999.5 else f"{per_s / 1000:,.0f}k"


def size(size_bytes: float) -> str:
    """Format a size: ``211 B``, ``3.2 KiB``, ``64 KiB``, ``1.2 GiB``."""
    if size_bytes < KIB:
        return f"{size_bytes:.0f} B"
    power = min(len(SIZE_UNITS), int(log(size_bytes, KIB)))
    scaled = size_bytes / KIB**power
    text = f"{scaled:.1f}" if scaled < 9.95 else f"{scaled:,.0f}"
    return f"{text} {SIZE_UNITS[power - 1]}"


def duration(nanoseconds: int) -> str:
    """Format a duration: ``0.4 s``, ``41 s``, ``31m``, ``2h``, ``2h14m``, ``3d04h``; truncated, not rounded."""
    seconds = max(0, nanoseconds) / SECOND_NS
    if seconds < 10:
        return f"{floor(seconds * 10) / 10:.1f} s"
    return _coarse(int(seconds))


# Lengths of periods that have a name
_PERIODS: Final[Mapping[str, str]] = MappingProxyType({"1m": "minute", "1h": "hour", "1d": "day"})


def last_period(nanoseconds: int) -> str:
    """Format a period that ends now: ``last 15m``, ``last hour``."""
    length = duration(nanoseconds)
    return f"last {_PERIODS.get(length, length)}"


def full_duration(nanoseconds: int) -> str:
    """Format a duration in a sentence that reasons about it: ``0.4 s``, ``95 s``, ``2m05s``, ``5m``, ``2h14m``."""
    seconds = max(0, nanoseconds) // SECOND_NS
    if not 10 <= seconds < HOUR_S:
        return duration(nanoseconds)
    if seconds < 2 * MINUTE_S:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, MINUTE_S)
    return f"{minutes}m{rest:02}s" if rest else f"{minutes}m"


def age(nanoseconds: int) -> str:
    """Format the time since an event, with tenths up to a minute: ``0.0 s``, ``12.4 s``, ``5m``."""
    seconds = max(0, nanoseconds) / SECOND_NS
    return f"{floor(seconds * 10) / 10:.1f} s" if seconds < MINUTE_S else _coarse(int(seconds))


def countdown(nanoseconds: int) -> str:
    """Format the time until an event: ``7 s``; whole seconds, rounded up, so that the countdown ends at 0."""
    seconds = -(-max(0, nanoseconds) // SECOND_NS)
    return _coarse(seconds)


def milliseconds(value_ms: float) -> str:
    """Format milliseconds: ``0.4 ms``, ``18 ms``, ``1.2 s``."""
    if value_ms < 9.95:
        return f"{value_ms:.1f} ms"
    return f"{value_ms:,.0f} ms" if value_ms < 999.5 else f"{value_ms / 1000:,.1f} s"


# What a key figure is: a share 0…1, milliseconds, a number per second
FigureUnit = Literal["share", "ms", "per_s"]


def figure(value: float, unit: FigureUnit) -> str:
    """Format a key figure: ``99.97 %``, ``18 ms``, ``12.5/s``."""
    match unit:
        case "share":
            return percent(value)
        case "ms":
            return milliseconds(value)
        case "per_s":
            return per_second(value)


def per_second(value: float) -> str:
    """Format a rate: ``0.02/s``, ``12.5/s``, ``1,250/s``."""
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2
    text = f"{floor(value * 10**decimals) / 10**decimals:,.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.') if decimals else text}/s"


def percent(fraction: float) -> str:
    """Format a fraction: ``99.97 %``; only 1 and above is ``100 %``."""
    if fraction >= 1:
        return "100 %"
    return f"{floor(max(0.0, fraction) * 10_000) / 100:.2f} %"


def clock(ts_ns: int, zone: tzinfo | None = None) -> str:
    """Format the time of day: ``14:02:24``; ``zone`` is the local one by default."""
    return datetime.fromtimestamp(ts_ns // SECOND_NS, zone).strftime("%H:%M:%S")


def moment(ts_ns: int, now_ns: int, zone: tzinfo | None = None) -> str:
    """Format a time: as the time of day if it is on the day of ``now_ns``, otherwise with the date."""
    at, now = (datetime.fromtimestamp(each // SECOND_NS, zone) for each in (ts_ns, now_ns))
    return at.strftime("%H:%M:%S" if at.date() == now.date() else "%Y-%m-%d %H:%M")


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw the last ``width`` values as block characters, scaled to the greatest of them; 0 is a blank."""
    shown = values[-width:] if width > 0 else ()
    top = max(shown, default=0)
    if top <= 0:
        return " " * len(shown)
    steps = len(SPARKS) - 1
    return "".join(SPARKS[round(value / top * steps)] if value > 0 else " " for value in shown)


def _coarse(seconds: int) -> str:
    if seconds < MINUTE_S:
        return f"{seconds} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S}m"
    if seconds < DAY_S:
        hours, minutes = divmod(seconds // MINUTE_S, 60)
        return f"{hours}h{minutes:02}m" if minutes else f"{hours}h"
    days, hours = divmod(seconds // HOUR_S, 24)
    return f"{days}d{hours:02}h" if hours else f"{days}d"


# Units of the configuration, in seconds: not ns, which no setting needs, and µs as well
CONFIGURED_UNIT_S: Final[Mapping[str, float]] = MappingProxyType(
    {unit: unit_ns / SECOND_NS for unit, unit_ns in UNIT_NS.items() if unit != "ns"} | {"µs": US_NS / SECOND_NS}
)

_DURATION_TEXT_HINT = 'use a number with a unit (us, ms, s, m, h or d), e.g. "20s" or "1h30m"'
_SIZE_TEXT_HINT = 'use a number with a unit (B, kB, KiB, MB, MiB, GB, GiB, TB or TiB), e.g. "64KiB"'

# For values of a configuration, which may be numbers: a text needs its unit, so errors about texts do not say this
DURATION_HINT = f"{_DURATION_TEXT_HINT}, or a number of seconds"
SIZE_HINT = f"{_SIZE_TEXT_HINT}, or a number of bytes"

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zµ]+)\s*", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def parse_duration(text: str) -> float:
    """Return the seconds of a text such as ``"500ms"``, ``"20s"``, ``"1h30m"`` or ``"0"``.

    Raises ``UsageError`` with a hint where the text is no duration.
    """
    rest = text.strip()
    if rest == "0":
        return 0.0
    if not rest:
        raise UsageError("invalid duration: empty", _DURATION_TEXT_HINT)
    if _NUMBER.fullmatch(rest):
        raise UsageError("invalid duration: missing unit", _DURATION_TEXT_HINT)
    seconds, end = 0.0, 0
    while part := _PART.match(rest, end):
        unit = CONFIGURED_UNIT_S.get(part[2])
        if unit is None:
            raise UsageError(f'invalid duration: unknown unit "{part[2][:16]}"', _DURATION_TEXT_HINT)
        seconds += float(part[1]) * unit
        end = part.end()
    if end != len(rest):
        raise UsageError("invalid duration", _DURATION_TEXT_HINT)
    return seconds


def parse_size(text: str) -> int:
    """Return the bytes of a text such as ``"64KiB"``, ``"1.5MB"`` or ``"0"``, rounded down.

    Raises ``UsageError`` with a hint where the text is no size.
    """
    rest = text.strip()
    if rest == "0":
        return 0
    if not rest:
        raise UsageError("invalid size: empty", _SIZE_TEXT_HINT)
    if _NUMBER.fullmatch(rest):
        raise UsageError("invalid size: missing unit", _SIZE_TEXT_HINT)
    match = _SIZE.fullmatch(rest.lower())
    if match is None:
        raise UsageError("invalid size", _SIZE_TEXT_HINT)
    unit = UNIT_BYTES.get(match[2])
    if unit is None:
        raise UsageError(f'invalid size: unknown unit "{match[2][:16]}"', _SIZE_TEXT_HINT)
    number = match[1]
    return int(number) * unit if "." not in number else int(float(number) * unit)


def format_duration(seconds: float) -> str:
    """Format a duration for ``parse_duration``, in the largest unit that leaves no fraction."""
    for unit in ("d", "h", "m", "s"):
        count = seconds / CONFIGURED_UNIT_S[unit]
        if seconds and count == int(count):
            return f"{int(count)}{unit}"
    if not seconds:
        return "0s"
    millis = round(seconds * 1e3, 9)
    return f"{int(millis)}ms" if millis == int(millis) else f"{seconds:.12f}".rstrip("0").rstrip(".") + "s"


def format_size(size_bytes: int) -> str:
    """Format a size for ``parse_size``, in the largest unit that leaves no fraction."""
    for name in ("TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "kB"):
        unit = UNIT_BYTES[name.lower()]
        if size_bytes and size_bytes % unit == 0:
            return f"{size_bytes // unit}{name}"
    return f"{size_bytes}B"
