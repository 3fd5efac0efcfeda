"""Times that users type or paste from other logs, parsed, and their precision.

``-15m``, ``14:02``, ``today``, ``yesterday``; RFC 3339 with ``T`` or a blank, with or without a zone; syslog (``Nov 17
10:00:01``), ctime and ``date``, RFC 2822, nginx and Apache (``17/Nov/2026:10:00:00 +0000``, ``2026/11/17 10:00:00``),
Python's logging (``2026-11-17 10:00:00,123``); seconds since 1970, with or without a fraction, and milli-, micro- and
nanoseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from wsmon.errors import UsageError
from wsmon.model.units import DAY_NS, MINUTE_NS, MS_NS, SECOND_NS, UNIT_NS, US_NS

HINT = "examples: 14:02, 14:02:24, -15m, today, Nov 17 10:00, 2026-01-10T14:02:24Z, 1768053744"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGO = re.compile(r"-(\d{1,9}(?:\.\d{1,9})?)(us|ms|s|m|h|d)", re.ASCII)
_DAYS_BACK = {"today": 0, "yesterday": 1}

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]{{0,6}}\.?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? )?"
_DATE = (
    r"(?:(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})"
    rf"|(?P<name_first>{_MONTH}) (?P<day_second>\d{{1,2}})(?:,? (?P<year_third>\d{{4}}))?"
    rf"|(?P<day_first>\d{{1,2}})(?: |/|-)(?P<name_second>{_MONTH})(?:(?: |/|-)(?P<year_last>\d{{4}}))?)"
)
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
_ZONE = r"(?: ?(?P<zone>z|utc|gmt|[+-]\d{2}(?::?\d{2})?))?"
# ctime and date(1) have the year at the end
_YEAR_BEHIND = r"(?: (?P<year_behind>\d{4}))?"
_STAMP = re.compile(
    rf"{_WEEKDAY}(?:{_DATE}(?:(?:[t:]|,? ){_TIME}{_ZONE}{_YEAR_BEHIND})?|{_TIME.replace('P<', 'P<alone_')})",
    re.ASCII | re.IGNORECASE,
)
# A time with blanks, or with a comma before its fraction, as it stands in a query, up to what may follow a value
_PASTED = re.compile(
    rf"{_WEEKDAY}{_DATE}(?:[t:]|,? ){_TIME}{_ZONE}{_YEAR_BEHIND}(?=\s|,|\.\.|\)|$)", re.ASCII | re.IGNORECASE
)
_RANGE = ".."
_RUN = re.compile(r"[^\s,)]*")
# Years that a date without one is looked for in: 29 February may be eight years back
_YEARS_BACK = 9

# Digits of a count since 1970, and its unit; seconds have ten until the year 2286
_COUNT = re.compile(r"@?(?:(\d{10}|\d{13}|\d{16}|\d{19})|(\d{10})[.,](\d{1,9}))", re.ASCII)
_COUNT_UNIT_NS = {10: SECOND_NS, 13: MS_NS, 16: US_NS, 19: 1}


# A store has times of 64 bits, until the year 2262. A year is left to those who add a period to a time
_FARTHEST_NS = 2**63 - 1 - 366 * DAY_NS


def parse_time(text: str, now_ns: int, zone: tzinfo | None = None) -> int:
    """Return the wall time that a text means at ``now_ns``, in nanoseconds; raises ``UsageError`` where it means none.

    ``zone`` is the time zone of days and times of day (``None`` = local). A time of day, and a date without a year, is
    its latest one before now. A time that no event can have, as 9999-12-31, becomes the farthest that a store can hold.
    """
    return max(-_FARTHEST_NS, min(_FARTHEST_NS, _parsed(text, now_ns, zone)))


def _parsed(text: str, now_ns: int, zone: tzinfo | None) -> int:
    written = _cleaned(text)
    if ago := _AGO.fullmatch(written):
        return now_ns - round(float(ago[1]) * UNIT_NS[ago[2]])
    if (counted_ns := _counted_ns(written)) is not None:
        return counted_ns
    now = datetime.fromtimestamp(now_ns // SECOND_NS, zone)
    try:
        if (days := _DAYS_BACK.get(written.lower())) is not None:
            return _ns(_midnight(now) - timedelta(days=days))
        if stamp := _STAMP.fullmatch(written):
            return _stamp_ns(stamp, now, now_ns, zone)
        # Other forms of ISO 8601, as 2026-W03-6 or 20260110T140224Z
        at = datetime.fromisoformat(written)
        return _ns(at if at.tzinfo else at.replace(tzinfo=zone))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"invalid time {text!r}", HINT) from error


def precision_ns(text: str) -> int:
    """Return the length of the period that a text stands for: ``today`` a day, ``14:02`` a minute, ``14:02:24`` 1 s."""
    written = _cleaned(text)
    if written.lower() in _DAYS_BACK:
        return DAY_NS
    if count := _COUNT.fullmatch(written):
        return MS_NS if count[3] else _COUNT_UNIT_NS[len(count[1])]
    stamp = _STAMP.fullmatch(written)
    if stamp is None:
        return MS_NS if _AGO.fullmatch(written) else SECOND_NS
    hour, _, second, fraction = _clock_of(stamp)
    if hour is None:
        return DAY_NS
    return MINUTE_NS if second is None else MS_NS if fraction else SECOND_NS


def is_count(text: str) -> bool:
    """Whether a text is a time as seconds, milli-, micro- or nanoseconds since 1970."""
    return _COUNT.fullmatch(text.strip()) is not None


def pasted_length(query: str, at: int) -> int:
    """Return how long the time with blanks, or the range of such times, at a place of a query is; 0 = there is none."""
    found = _PASTED.match(query, at)
    if found is None:
        return 0
    end = found.end()
    if query.startswith(_RANGE, end):
        end += len(_RANGE)
        last = _PASTED.match(query, end) or _RUN.match(query, end)
        end = last.end() if last else end
    return end - at


def _cleaned(text: str) -> str:
    """A text without the brackets that logs put around times, and with single blanks."""
    return " ".join(text.strip().removeprefix("[").removesuffix("]").split())


def _counted_ns(text: str) -> int | None:
    count = _COUNT.fullmatch(text)
    if count is None:
        return None
    if count[2]:
        return int(count[2]) * SECOND_NS + int(count[3].ljust(9, "0"))
    return int(count[1]) * _COUNT_UNIT_NS[len(count[1])]


def _clock_of(stamp: re.Match[str]) -> tuple[str | None, ...]:
    """Hours, minutes, seconds and their fraction, as written."""
    names = ("hour", "minute", "second", "fraction")
    return tuple(stamp[name] or stamp[f"alone_{name}"] for name in names)


def _stamp_ns(stamp: re.Match[str], now: datetime, now_ns: int, zone: tzinfo | None) -> int:
    hour, minute, second, fraction = _clock_of(stamp)
    clock = time(int(hour or 0), int(minute or 0), int(second or 0))
    fraction_ns = int((fraction or "").ljust(9, "0"))
    zone = _zone_of(stamp["zone"]) if stamp["zone"] else zone
    if stamp["alone_hour"]:
        at = now.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
        return (_ns(at) if _ns(at) + fraction_ns <= now_ns else _ns(at - timedelta(days=1))) + fraction_ns
    day = int(stamp["day"] or stamp["day_second"] or stamp["day_first"])
    name = stamp["name_first"] or stamp["name_second"]
    month = _MONTHS.index(name[:3].lower()) + 1 if name else int(stamp["month"])
    year = stamp["year"] or stamp["year_third"] or stamp["year_last"] or stamp["year_behind"]
    if year:
        return _ns(datetime.combine(date(int(year), month, day), clock, zone)) + fraction_ns
    for candidate in range(now.year + 1, now.year - _YEARS_BACK, -1):
        try:
            at_ns = _ns(datetime.combine(date(candidate, month, day), clock, zone)) + fraction_ns
        # 29 February exists in some years alone
        except ValueError:
            continue
        if at_ns <= now_ns:
            return at_ns
    raise ValueError(stamp[0])


def _zone_of(text: str) -> tzinfo:
    if text.lower() in ("z", "utc", "gmt"):
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text.startswith("-") else offset)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _ns(at: datetime) -> int:
    """Wall time in nanoseconds, exact to the microsecond; a time without a zone is local."""
    return (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 1_000
