"""The end of a session or an attempt in a sentence, as observed: who closed it, with which code and reason."""

from __future__ import annotations

from typing import Final

from wsmon.model.events import Event
from wsmon.model.statuses import OPEN, SESSION_ENDS

# Key of ``meta``: the leg of a relayed connection
LEG: Final = "leg"
# Of a close frame that has none (RFC 6455, section 7.4.1)
NO_CODE: Final = 1005

# RFC 6455, section 7.4.1, and the IANA registry of close codes
CODE_MEANINGS: Final = {
    1000: "normal closure",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1004: "reserved code",
    1005: "no code given",
    1006: "no close frame",
    1007: "invalid payload data",
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
# Characters of a reason in a sentence: as many as a close frame may carry (RFC 6455, section 5.5), since the words that
# decide may be the last ones
_REASON_LIMIT: Final = 123


def why(event: Event) -> str:
    """Return the sentence about an end, the most specific part first; empty for events that end nothing.

    It is the cause of the verdict; an event without one, such as one that is not stored yet, has the fact alone.
    """
    return fact(event) if event.verdict is None else event.verdict.cause


def fact(event: Event) -> str:
    """Return what ended a session, an attempt or all attempts, as observed; empty for other events."""
    if event.to_status not in SESSION_ENDS:
        return ""
    if event.close_by in ("peer", "network") and (close := protocol_close(event)) is not None:
        code, reason = close
        said = f"“{shortened(reason)}”, {code}" if reason else f"{code} {code_meaning(code)}"
        then = f"the close frame has {event.close_code}" if event.close_by == "peer" else "no close frame"
        return f"{said}, closed by peer in a message; {then}"
    match event.close_by:
        case "application":
            return _ended_first(event, "application")
        case "peer" | "network" if leg_of(event) == "server" and event.from_status == OPEN:
            return _ended_first(event, "server")
        case "peer" if not event.error_type:
            return _closed_by_peer(event)
        case "heartbeat":
            return event.error or "closed by wsmon: no pong"
        case "us" if not event.error_type:
            return f"closed by wsmon: {shortened(event.reason)}" if event.reason else "closed by wsmon"
        case "us" if event.close_code is not None:
            return f"closed by wsmon with {event.close_code}: {event.error}"
    if event.error_type == "eof" and event.close_by == "network" and event.duration_ns is not None:
        return "no close frame: connection lost (1006)"
    if event.error_type == "reset" and event.duration_ns is not None:
        return "no close frame: connection reset (1006)"
    return event.error or event.error_type


def leg_of(event: Event) -> str:
    """Return the leg of a relayed connection that an event is about: ``application``, ``server``; else empty."""
    leg = (event.meta or {}).get(LEG)
    return leg if leg in ("application", "server") else ""


def _ended_first(event: Event, side: str) -> str:
    """Return how one side of a relayed connection ended it, before the other one did."""
    code = event.close_code
    if code is not None and event.reason:
        fault = f" ({event.error})" if event.error else ""
        return f"the {side} closed first: “{shortened(event.reason)}”, {code}{fault}"
    if code is not None:
        given = code_meaning(code) if code == NO_CODE else f"{code} {code_meaning(code)}"
        return f"the {side} closed first: {given}"
    match event.error_type:
        case "eof":
            return f"no close frame: the {side}'s connection ended first (1006)"
        case "reset":
            return f"no close frame: the {side}'s connection was reset (1006)"
    return event.error or event.error_type


def protocol_close(event: Event) -> tuple[int, str] | None:
    """Return the code and the reason with which the peer closed inside a message; None where it did not."""
    match (event.meta or {}).get("protocol_close"):
        case {"code": int(code), "reason": str(reason)}:
            return code, reason
    return None


def _closed_by_peer(event: Event) -> str:
    """Put the reason first: it is the most specific, and the end of a sentence may be cut on the screen."""
    code = event.close_code
    if event.reason:
        # Of a reason that is not valid UTF-8
        fault = f" ({event.error})" if event.error else ""
        return f"“{shortened(event.reason)}”, {code}, closed by peer{fault}"
    if code is None or code == NO_CODE:
        return f"closed by peer: {code_meaning(code)}"
    return f"closed by peer: {code} {code_meaning(code)}"


def shortened(reason: str) -> str:
    """Return a reason, cut to as many characters as a close frame may carry."""
    return reason if len(reason) <= _REASON_LIMIT else f"{reason[: _REASON_LIMIT - 1]}…"


def code_meaning(code: int | None) -> str:
    """Return the meaning of a close code; None is the code of a loss without a close frame."""
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
