"""Times as a nexus feed writes them: RFC 3339 with up to nine decimals, and durations in milliseconds."""

from __future__ import annotations

import re
from datetime import datetime

from wsmon.model.durations import MS_NS, SECOND_NS

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_LATEST_NS = 2**63 - 1
# what the store holds: the year 2262


def at_ns(timestamp: str) -> int | None:
    """Nanoseconds since 1970; None where it is no time, or before that: Go writes the year 1 for none."""
    match = _RFC3339.fullmatch(timestamp)
    if match is None:
        return None
    whole, decimals, zone = match.groups()
    try:
        seconds = datetime.fromisoformat(whole + zone).timestamp()
    except (ValueError, OverflowError):
        return None
    since_ns = int(seconds) * SECOND_NS + int((decimals or "0").ljust(9, "0"))
    return since_ns if 0 < since_ns <= _LATEST_NS else None


def duration_ns(duration_ms: float | None) -> int | None:
    """Nanoseconds; None where it is absent or no duration."""
    if duration_ms is None or not 0 <= duration_ms <= _LATEST_NS // MS_NS:
        return None
    return round(duration_ms * MS_NS)
