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
    """Return the seconds to wait for a ``Retry-After`` header: what it asks for, between 0 and one hour.

    ``wall_s`` is the wall clock, seconds since 1970. None where the header is neither a number nor an HTTP date.
    """
    asked_s = asked_retry_s(value, wall_s)
    return None if asked_s is None else min(asked_s, RETRY_AFTER_LIMIT_S)


def asked_retry_s(value: str, wall_s: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, not below 0; None where it cannot be read."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
        at_s = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, at_s - wall_s)


def response_header(event: Event, name: str) -> str:
    """Return the first value of a response header in the ``meta`` of an event, in any case; empty where it has none."""
    headers = (event.meta or {}).get("response_headers")
    for pair in headers if isinstance(headers, (list, tuple)) else ():
        match pair:
            case [str() as found, str() as value] if found.lower() == name.lower():
                return value.strip()
    return ""
