"""The ``Retry-After`` of an HTTP answer: how long a server asks us to wait."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

RETRY_AFTER_LIMIT_S = 3600.0
# a server may ask for patience, not for a connection that is never tried again


def retry_after_s(value: str, wall_s: float) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, as seconds or as an HTTP date; None where it says neither.

    ``wall_s`` is the wall clock, seconds since 1970. The answer is between 0 and one hour.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), RETRY_AFTER_LIMIT_S)
    try:
        date = parsedate_to_datetime(value)
        moment_s = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, moment_s - wall_s), RETRY_AFTER_LIMIT_S)
