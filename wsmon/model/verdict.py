"""Why a connection is not well, in a sentence: who ended it, what a close code or an HTTP status means."""

from __future__ import annotations

from wsmon.model.events import Event

CODE_MEANINGS = {
    1000: "normal closure",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1004: "reserved code",
    1005: "no code given",
    1006: "no close frame",
    1007: "invalid UTF-8",
    1008: "policy violation",
    1009: "message too big",
    1010: "extension missing",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    1015: "TLS failure",
    3000: "unauthorized",
    3003: "forbidden",
    3008: "timeout",
}
# RFC 6455, section 7.4.1, and the IANA registry of close codes

_REASON_LIMIT = 60
# characters of a reason in a sentence; the detail pane has all of it


def why(event: Event) -> str:
    """A short sentence for the end of a session, a failed attempt, or a connection that gave up; empty for others."""
    if event.to_status not in ("disconnected", "closed", "error"):
        return ""
    match event.close_by:
        case "peer":
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


def code_meaning(code: int | None) -> str:
    """What a close code means; the code of no close frame at all is None."""
    if code is None:
        return "no close frame"
    meaning = CODE_MEANINGS.get(code)
    if meaning is not None:
        return meaning
    if 4000 <= code <= 4999:
        return "application-defined"
    if 3000 <= code <= 3999:
        return "registered by an application"
    if 1016 <= code <= 2999:
        return "reserved code"
    return "invalid code"


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
