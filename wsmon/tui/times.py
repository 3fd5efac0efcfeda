"""Times as the log, the detail and the comparison write them: time of day, with its date, and the name of a day.

All of them take the zone; ``None`` is the local one.
"""

from __future__ import annotations

import time
from datetime import date, datetime, tzinfo
from functools import lru_cache

from wsmon.model.units import MS_NS, SECOND_NS

# English, whatever the locale of the process
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def time_of_day(ts_ns: int, zone: tzinfo | None) -> str:
    """Return a wall time as ``14:02:24.118``."""
    return f"{_second(ts_ns, zone)[1]}.{ts_ns % SECOND_NS // MS_NS:03d}"


def dated_time(ts_ns: int, zone: tzinfo | None) -> str:
    """Return a wall time with its day, as ``17 Nov 14:02:24.118``; 19 cells, whatever the day."""
    day, clock = _second(ts_ns, zone)
    return f"{day.day:2} {_MONTHS[day.month - 1]} {clock}.{ts_ns % SECOND_NS // MS_NS:03d}"


def full_time(ts_ns: int, zone: tzinfo | None) -> str:
    """Return a wall time to the microsecond with its date and zone, as ``2026-01-10 14:02:24.118000 UTC``."""
    at = datetime.fromtimestamp(ts_ns // SECOND_NS, zone)
    at = at if at.tzinfo is not None else at.astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S}.{ts_ns % SECOND_NS // 1000:06d} {at:%Z}"


def day_of(ts_ns: int, zone: tzinfo | None) -> date:
    """Return the day of a wall time."""
    return _second(ts_ns, zone)[0]


def day_name(day: date) -> str:
    """Return a day as ``Tue 17 Nov 2026``."""
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def forget_zone() -> None:
    """Forget what was written in local time: that is another one from now on."""
    _whole_second.cache_clear()


def _second(ts_ns: int, zone: tzinfo | None) -> tuple[date, str]:
    # The local zone of a process may change while it runs
    return _whole_second(ts_ns // SECOND_NS, zone, time.tzname if zone is None else ())


@lru_cache(maxsize=1024)
def _whole_second(second: int, zone: tzinfo | None, _: tuple[str, ...]) -> tuple[date, str]:
    at = datetime.fromtimestamp(second, zone)
    return at.date(), at.strftime("%H:%M:%S")
