"""The one sentence about an end that the screen has room for."""

from __future__ import annotations

from typing import Final

from wsmon.model.events import Event
from wsmon.model.statuses import SESSION_ENDS
from wsmon.model.verdict.close_codes import code_meaning

_REASON_LIMIT: Final = 60
# characters of a reason in a sentence; the detail pane has all of it


def why(event: Event) -> str:
    """What happened and why, likely, the most telling first; empty for events that end nothing.

    An event that was not judged yet, as one still in the engine, has the fact alone.
    """
    return fact(event) if event.verdict is None else event.verdict.cause


def fact(event: Event) -> str:
    """What ended a session, an attempt or all attempts, as observed; empty for others."""
    if event.to_status not in SESSION_ENDS:
        return ""
    match event.close_by:
        case "peer" if not event.error_type:
            return _closed_by_peer(event)
        case "heartbeat":
            return event.error or "our heartbeat gave up"
        case "us" if not event.error_type:
            return f"we closed: {_short(event.reason)}" if event.reason else "we closed"
        case "us" if event.close_code is not None:
            return f"we closed with {event.close_code}: {event.error}"
    if event.error_type == "eof" and event.close_by == "network" and event.duration_ns is not None:
        return "no close frame: connection lost (1006)"
    if event.error_type == "reset" and event.duration_ns is not None:
        return "no close frame: connection reset (1006)"
    return event.error or event.error_type


def _closed_by_peer(event: Event) -> str:
    """What the peer itself said comes first: it is the most specific, and the end of a sentence may be cut."""
    code = event.close_code
    if event.reason:
        return f"“{_short(event.reason)}”, {code} by peer"
    if code is None or code == 1005:
        return f"closed by peer: {code_meaning(code)}"
    return f"closed by peer: {code} {code_meaning(code)}"


def _short(reason: str) -> str:
    return reason if len(reason) <= _REASON_LIMIT else f"{reason[: _REASON_LIMIT - 1]}…"
