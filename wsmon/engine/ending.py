"""How an open session ended: the facts of both sides become one explanation. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from wsmon.engine.retry import Failure, classify_fault, classify_loss, internal
from wsmon.model.events import CloseBy, Json

CloseFrame: TypeAlias = tuple[int, str]
# code and reason; 1005 is a close frame without a code

KEEPALIVE_CODE = 1011
KEEPALIVE_REASON = "keepalive ping timeout"
SILENCE_REASON = "heartbeat timeout"
# what phoenix.js says


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when the TCP connection of an open session is gone."""

    received: CloseFrame | None = None
    sent: CloseFrame | None = None
    received_first: bool | None = None
    # of two close frames; None where there were not two
    fault: Exception | None = None
    # what the peer did that made us fail the connection
    crash: Exception | None = None
    # a mistake of ours
    loss: BaseException | None = None
    # what the operating system or TLS said
    is_ours: bool = False
    # an operator, the configuration or the end of the recorder wanted it
    missed_pong_s: float | None = None
    # our heartbeat gave up after so long
    has_silent_peer: bool = False
    # a heartbeat of the protocol was not answered


@dataclass(frozen=True, slots=True)
class Ending:
    """What the last event of an open session says."""

    close_code: int | None
    # of the close frame received, else of ours; None where there was no close frame at all
    close_by: CloseBy
    reason: str
    error_type: str
    error: str

    @classmethod
    def of(cls, facts: Facts) -> Ending:
        """Who ended it, in the order of what is certain."""
        code, reason = facts.received or facts.sent or (None, "")
        if facts.received is not None and facts.received_first is not False and facts.fault is None:
            return cls(code, "peer", reason, "", "")
        if facts.crash is not None:
            return cls._failed(code, reason, internal(facts.crash))
        if facts.missed_pong_s is not None:
            sentence = f"our heartbeat gave up: no pong for {facts.missed_pong_s:g} s"
            return cls(code, "heartbeat", reason, "heartbeat_timeout", sentence)
        if facts.has_silent_peer:
            sentence = "our heartbeat gave up: the peer did not answer the protocol's own"
            return cls(code, "heartbeat", reason, "heartbeat_timeout", sentence)
        if facts.fault is not None:
            return cls._failed(code, reason, classify_fault(facts.fault))
        if facts.is_ours:
            return cls(code, "us", reason, "", "")
        return cls._failed(code, reason, classify_loss(facts.loss))

    @classmethod
    def _failed(cls, code: int | None, reason: str, failure: Failure) -> Ending:
        return cls(code, failure.close_by, reason, failure.error_type, failure.error)


def close_meta(facts: Facts) -> dict[str, Json]:
    """Both close frames apart, and which came first."""
    meta: dict[str, Json] = {}
    for key, frame in (("received", facts.received), ("sent", facts.sent)):
        if frame is not None:
            meta[key] = {"code": frame[0], "reason": frame[1]}
    if facts.received_first is not None:
        meta["first"] = "received" if facts.received_first else "sent"
    elif meta:
        meta["first"] = next(iter(meta))
    return meta
