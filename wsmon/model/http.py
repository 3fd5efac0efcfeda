"""HTTP responses to a dial: status phrases, ``Retry-After``, and headers as events carry them."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from wsmon.model.events import Event


def status_phrase(status: int) -> str:
    """Return the reason phrase of an HTTP status; empty for a status without one."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


# A server may delay the next attempt, not prevent it for good
RETRY_AFTER_LIMIT_S = 3600.0


def retry_after_s(value: str, wall_s: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for; None where it is neither a number nor an HTTP date.

    ``wall_s`` is the wall clock, seconds since 1970. The result is between 0 and one hour.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), RETRY_AFTER_LIMIT_S)
    try:
        date = parsedate_to_datetime(value)
        at_s = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, at_s - wall_s), RETRY_AFTER_LIMIT_S)


def response_header(event: Event, name: str) -> str:
    """Return the first value of a response header in the ``meta`` of an event, in any case; empty where it has none."""
    headers = (event.meta or {}).get("response_headers")
    for pair in headers if isinstance(headers, (list, tuple)) else ():
        match pair:
            case [str() as found, str() as value] if found.lower() == name.lower():
                return value.strip()
    return ""
