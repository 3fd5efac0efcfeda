"""Times that users type, parsed: ``-15m``, ``14:02``, ``today``, ``yesterday``, RFC 3339; and their precision."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from wsmon.errors import UsageError
from wsmon.model.units import DAY_NS, MINUTE_NS, MS_NS, SECOND_NS, UNIT_NS

HINT = "examples: 14:02, 14:02:24, -15m, today, yesterday, 2026-01-10T14:02:24Z"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGO = re.compile(r"-(\d{1,9}(?:\.\d{1,9})?)(us|ms|s|m|h|d)", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MINUTE = re.compile(r"(?:\S+[T ])?\d{1,2}:\d{2}(?:Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_FRACTION = re.compile(r"[.,]\d")
_DAYS_BACK = {"today": 0, "yesterday": 1}


def parse_time(text: str, now_ns: int, zone: tzinfo | None = None) -> int:
    """Return the wall time that a text means at ``now_ns``, in nanoseconds; raises ``UsageError`` where it means none.

    ``zone`` is the time zone of days and times of day (``None`` = local). A time of day is its latest one before now.
    """
    if ago := _AGO.fullmatch(text):
        return now_ns - round(float(ago[1]) * UNIT_NS[ago[2]])
    now = datetime.fromtimestamp(now_ns // SECOND_NS, zone)
    try:
        if (days := _DAYS_BACK.get(text.lower())) is not None:
            return _ns(_midnight(now) - timedelta(days=days))
        if clock := _CLOCK.fullmatch(text):
            at = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0)
            return _ns(at if _ns(at) <= now_ns else at - timedelta(days=1))
        at = datetime.fromisoformat(text)
        return _ns(at if at.tzinfo else at.replace(tzinfo=zone))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"invalid time {text!r}", HINT) from error


def precision_ns(text: str) -> int:
    """Return the length of the period that a text stands for: ``today`` a day, ``14:02`` a minute, ``14:02:24`` 1 s."""
    if text.lower() in _DAYS_BACK or _DAY.fullmatch(text):
        return DAY_NS
    if _AGO.fullmatch(text) or _FRACTION.search(text):
        return MS_NS
    return MINUTE_NS if _MINUTE.fullmatch(text) else SECOND_NS


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _ns(at: datetime) -> int:
    """Wall time in nanoseconds, exact to the microsecond; a time without a zone is local."""
    return (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 1_000
