"""Times on the command line: what ``-15m``, ``14:02``, ``yesterday`` and RFC 3339 mean, and how times are printed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import click

from wsmon.clock import SystemClock
from wsmon.errors import UsageError

SECOND_NS = 1_000_000_000
UNITS_NS = {
    "us": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3_600 * SECOND_NS,
    "d": 86_400 * SECOND_NS,
}
HINT = "as in 2026-01-10T14:02:24Z, 14:02, 14:02:24, -15m, today or yesterday"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGO = re.compile(r"-(\d{1,9}(?:\.\d{1,9})?)(us|ms|s|m|h|d)", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_DAYS_BACK = {"today": 0, "yesterday": 1}


def parse_time(text: str, now_ns: int, zone: tzinfo | None = None) -> int:
    """The wall time that a text means at ``now_ns``, in nanoseconds; raises ``UsageError`` where it means none.

    ``zone`` is where days and times of day are (``None`` = local). A time of day is its latest occurrence before now.
    """
    if ago := _AGO.fullmatch(text):
        return now_ns - round(float(ago[1]) * UNITS_NS[ago[2]])
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
        raise UsageError(f"{text!r} is no time", HINT) from error


def shown_time(ts_ns: int, zone: tzinfo | None = None) -> str:
    """Date and time to the millisecond, ``2026-01-10 14:02:24.118``; ``zone`` as above."""
    at = datetime.fromtimestamp(ts_ns // SECOND_NS, zone)
    return f"{at:%Y-%m-%d %H:%M:%S}.{ts_ns // 1_000_000 % 1_000:03}"


class Time(click.ParamType[int]):
    """An option that takes a time; its value is nanoseconds since 1970, ``--utc`` decides about days and hours."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The time that the text means now."""
        if isinstance(value, int):
            return value
        is_utc = ctx is not None and bool(ctx.params.get("utc"))
        try:
            return parse_time(str(value), SystemClock().wall_ns(), UTC if is_utc else None)
        except UsageError as error:
            self.fail(str(error), param, ctx)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _ns(at: datetime) -> int:
    """Exact; a time without a zone is local."""
    return (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 1_000
