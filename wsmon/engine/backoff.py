"""How long to wait before the next attempt."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from wsmon.config.specs import ReconnectSpec

RETRY_AFTER_LIMIT_S = 3600.0
# a server may ask for patience, not for a connection that is never tried again
SLOW_S = 60.0
# refused credentials and bad certificates are not mended in seconds, and asking again may lock an account


def next_delay_s(retry: ReconnectSpec, attempt: int, roll: float) -> float:
    """Seconds before the ``attempt``-th retry in a row (1 = the first); ``roll`` is a random number in [0, 1).

    min(max, initial × factor^(attempt − 1)) × (1 − jitter × roll)
    """
    try:
        raw_s = retry.initial_s * retry.factor ** (attempt - 1)
    except OverflowError:
        raw_s = retry.max_s
    return min(retry.max_s, raw_s) * (1.0 - retry.jitter * roll)


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
