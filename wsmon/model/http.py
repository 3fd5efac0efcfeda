"""The ``Retry-After`` of an HTTP answer: how long a server asks us to wait."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from wsmon.model.events import Event

# HTTP statuses by their words.


def status_phrase(status: int) -> str:
    """The standard words for an HTTP status; empty for one without."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


# A server may ask for patience, not for a connection that is never tried again
RETRY_AFTER_LIMIT_S = 3600.0


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


# The headers of an answer to an upgrade, as the events about it carry them.


def response_header(event: Event, name: str) -> str:
    """The first value of a header, whatever its case; empty where there is none."""
    headers = (event.meta or {}).get("response_headers")
    for pair in headers if isinstance(headers, (list, tuple)) else ():
        match pair:
            case [str() as found, str() as value] if found.lower() == name.lower():
                return value.strip()
    return ""
