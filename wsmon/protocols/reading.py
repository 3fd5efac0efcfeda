"""What a protocol understands of a message: what it is, and what it says happened.

A classifier is a module with two names: ``State``, what it remembers of one session, and
``classify(direction, opcode, payload, state) -> Reading``. It never raises: what it cannot read has ``error_type`` set,
and the frame is recorded all the same. Payloads arrive before redaction; a reading repeats no credential.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from wsmon.model.events import EventName, Meta

Phase = Literal["", "start", "end", "whole"]
# whole: begun and ended, told by one message
Operation = Literal["", "subscribe", "unsubscribe", "auth", "refresh", "request", "heartbeat", "trace"]
# trace: of the application that reports, not of the connection

MAX_NAME_CHARS = 200
# of a type, topic or ref that a peer chose: longer ones are cut before they are kept


class Note(msgspec.Struct, frozen=True, gc=False):
    """Something that a message says happened, or that did not happen in time: becomes an event of its own.

    Where ``phase`` is set, the note begins or ends an operation; start and end are paired by operation and ``key``
    within the session.
    """

    name: EventName
    operation: Operation = ""
    phase: Phase = ""
    key: str = ""
    # correlation id, with its kind where two kinds share one counter; empty where nothing is paired
    type: str = ""
    topic: str = ""
    ref: str = ""
    status: int | str | None = None
    # "ok", "error" or "abandoned" (nobody waits for it any more) of an end; a code where the protocol has one
    reason: str = ""
    error_type: str = ""
    error: str = ""
    meta: Meta | None = None
    at_ns: int | None = None
    # wall time, where the peer says when it happened
    duration_ns: int | None = None
    # where the peer says how long it took; else the session measures
    span_id: str = ""
    # of a span that the peer named: 16 hex digits; an id is made where it did not
    parent_id: str = ""
    # of the peer's own span above it; the session's where it named none


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a message is: the columns of its row, and what it says happened."""

    type: str = ""
    topic: str = ""
    ref: str = ""
    error_type: str = ""
    # why it could not be read, e.g. "json"; empty where it could
    error: str = ""
    notes: tuple[Note, ...] = ()
    meta: Meta | None = None
    # what else the row says


UNREAD = Reading()


class SessionState(Protocol):
    """What a classifier remembers of one session; bounded, whatever the peer sends."""

    def overdue(self, now_ns: int) -> tuple[Note, ...]:
        """What was due by the monotonic time ``now_ns`` and did not come, each told once."""
        ...

    def at(self, now_ns: int) -> None:
        """The messages that follow happen at this monotonic time."""
        ...
