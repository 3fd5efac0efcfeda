"""HTTP statuses by their words."""

from __future__ import annotations

from http import HTTPStatus


def status_phrase(status: int) -> str:
    """The standard words for an HTTP status; empty for one without."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
