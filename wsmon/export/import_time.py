"""Times of imported files as nanoseconds: RFC 3339 and its kin, or numbers of seconds, ms, us or ns since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# In 2255: integers in SQLite end in 2262, and a session's end is later than its newest time
LATEST_NS = 9 * 10**18
# A number below is no time of a recording: in seconds it would be before 1973. Each unit reaches from there to the year
# 5138, so that no number means two units.
LEAST = 10**8
_UNITS: tuple[tuple[int, int], ...] = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (10**20, 1))

# ISO 8601 as programs write it: a blank or a T, a point or a comma, any number of decimals, any offset or none
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[ Tt](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"(?: ?(?:[Zz]|UTC|GMT)| ?([+-])(\d\d)(?::?(\d\d))?)?"
)
_NUMBER = re.compile(r"\d{1,20}(?:[.,]\d+)?")
_exact_decoder = msgspec.json.Decoder(float_hook=Decimal)
_SHOWN_CHARACTERS = 40
_NANO_DIGITS = 9
_LEAP_SECOND = 60


def wall_ns(value: object) -> int:
    """Return a time in nanoseconds since 1970: a text or a number; without an offset it is UTC.

    What a number counts follows from its size: seconds, milliseconds, microseconds or nanoseconds. Decimals beyond
    nanoseconds are dropped. Raises ``ValueError``.
    """
    if isinstance(value, str):
        text = value.strip()
        ns = _of_number(Decimal(text.replace(",", "."))) if _NUMBER.fullmatch(text) else _of_iso(text)
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        ns = _of_number(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
    else:
        raise ValueError(f"{shown(value)} is no time: a text such as 2026-01-10T14:02:24.5Z, or a number since 1970")
    if not 0 <= ns <= LATEST_NS:
        raise ValueError(f"{shown(value)} is outside the times that can be stored, 1970 to 2255")
    return ns


def json_wall_ns(text: msgspec.Raw) -> int:
    """Return the time that a JSON value is, exactly: a float of this century has no nanoseconds. See ``wall_ns``."""
    return wall_ns(_exact_decoder.decode(text))


def shown(value: object) -> str:
    """Return a value as an error names it: short, on one line."""
    text = "null" if value is None else str(value) if isinstance(value, int | float | Decimal) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _of_number(number: Decimal) -> int:
    if not number.is_finite():
        raise ValueError(f"{shown(number)} is no time")
    if number < LEAST:
        raise ValueError(
            f"{shown(number)} is no time since 1970: times that count from the start of a recording cannot be placed"
        )
    for limit, unit_ns in _UNITS:
        if number < limit:
            return int(number * unit_ns)
    raise ValueError(f"{shown(number)} is outside the times that can be stored, 1970 to 2255")


def _of_iso(text: str) -> int:
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(f"{shown(text)} is no time: it should be like 2026-01-10T14:02:24.5Z, or a number since 1970")
    year, month, day, hour, minute = map(int, found.group(1, 2, 3, 4, 5))
    second, decimals, sign = int(found[6] or 0), found[7] or "", found[8]
    offset = timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0))
    try:
        # A leap second, 23:59:60, is the second after it
        at = datetime(year, month, day, hour, minute, tzinfo=UTC) + timedelta(seconds=second)
        at = at + offset if sign == "-" else at - offset
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{shown(text)} is no time: {error}") from error
    if second > _LEAP_SECOND:
        raise ValueError(f"{shown(text)} is no time: second must be in 0..59")
    return (at - EPOCH) // timedelta(seconds=1) * 10**9 + int(decimals[:_NANO_DIGITS].ljust(_NANO_DIGITS, "0"))
