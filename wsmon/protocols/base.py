"""Operations that wait for an answer, and the notes that begin and end them.

Every call that began ends exactly once: answered, overdue, or given up because too many are in flight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec

from wsmon.model.events import EventName, Meta
from wsmon.model.redact.masking import Sensitive

# What a protocol understands of a message: what it is, and what it says happened.
#
# A classifier is a module with two names: ``State``, what it remembers of one session, and
# ``classify(direction, opcode, payload, state) -> Reading``. It never raises: what it cannot read has
# ``error_type`` set,
# and the frame is recorded all the same. Payloads arrive before redaction; a reading repeats no credential.

# whole: begun and ended, told by one message
Phase = Literal["", "start", "end", "whole"]
# trace: of the application that reports, not of the connection
Operation = Literal["", "subscribe", "unsubscribe", "auth", "refresh", "request", "heartbeat", "trace"]

# Of a type, topic or ref that a peer chose: longer ones are cut before they are kept
MAX_NAME_CHARS = 200


class Happening(msgspec.Struct, frozen=True, gc=False):
    """Something that a message says happened, or that did not happen in time: becomes an event of its own.

    Where ``phase`` is set, the note begins or ends an operation; start and end are paired by operation and ``key``
    within the session.
    """

    name: EventName
    operation: Operation = ""
    phase: Phase = ""
    key: str = ""
    """Correlation id, with its kind where two kinds share one counter; empty where nothing is paired."""
    type: str = ""
    topic: str = ""
    ref: str = ""
    status: int | str | None = None
    """"ok", "error" or "abandoned" (nobody waits for it any more) of an end; a code where the protocol has one."""
    reason: str = ""
    error_type: str = ""
    error: str = ""
    meta: Meta | None = None
    at_ns: int | None = None
    """Wall time, where the peer says when it happened."""
    duration_ns: int | None = None
    """Where the peer says how long it took; else the session measures."""
    span_id: str = ""
    """Of a span that the peer named: 16 hex digits; an id is made where it did not."""
    parent_id: str = ""
    """Of the peer's own span above it; the session's where it named none."""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What a message is: the columns of its row, and what it says happened."""

    type: str = ""
    topic: str = ""
    ref: str = ""
    error_type: str = ""
    """Why it could not be read, e.g. "json"; empty where it could."""
    error: str = ""
    happenings: tuple[Happening, ...] = ()
    meta: Meta | None = None
    """What else the row says."""


UNREAD = Decoded()


class ProtocolState(Protocol):
    """What a classifier remembers of one session; bounded, whatever the peer sends."""

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """What was due by the monotonic time ``now_ns`` and did not come, each told once."""
        ...

    def at(self, now_ns: int) -> None:
        """The messages that follow happen at this monotonic time."""
        ...


# What the configuration asks of a protocol that may speak.

_NO_AUTH: Mapping[str, Sensitive | float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Topics and credentials; what they mean is the protocol's."""

    topics: tuple[Sensitive, ...] = ()
    auth: Mapping[str, Sensitive | float] = field(default_factory=lambda: _NO_AUTH)
    subprotocol: str = ""
    """As negotiated; decides the dialect where a protocol has two."""
    answers: bool = False
    """``answer = true``: authenticate, answer heartbeats, renew what expires; else only what is asked for is sent."""

    def reveal_topics(self) -> tuple[str, ...]:
        """The topics as they go to the peer, each once."""
        return tuple(dict.fromkeys(topic.reveal() for topic in self.topics))

    def reveal_auth(self) -> dict[str, str | float]:
        """The credentials as they go to the peer."""
        return {name: value.reveal() if isinstance(value, Sensitive) else value for name, value in self.auth.items()}


# How classifiers read what a peer wrote: errors as readings, names cut, JSON as far as it is needed.

# All that msgspec raises over bytes: malformed JSON, another shape, bad UTF-8, nesting past the interpreter's limit
UNDECODABLE = (ValueError, RecursionError)


def cut(name: str) -> str:
    """A name that a peer chose, at most ``MAX_NAME_CHARS`` long."""
    return name if len(name) <= MAX_NAME_CHARS else name[: MAX_NAME_CHARS - 1] + "…"


def unreadable(error: Exception, protocol: str) -> Decoded:
    """The reading of a message over which decoding raised one of ``UNDECODABLE``.

    Its ``error_type`` is ``protocol`` where the JSON is sound and its shape is not, else ``json``.
    """
    match error:
        case RecursionError():
            return Decoded(error_type="json", error="nested too deep")
        case msgspec.ValidationError():
            return Decoded(error_type=protocol, error=str(error))
    return Decoded(error_type="json", error=str(error))
