"""A protocol as one value: how its messages are recognised, decoded, masked, dissected and, as a client, answered.

``Protocol`` is what each module of this package defines once and ``registry`` lists. A decoder returns ``Decoded``: the
columns of the message's row, and the ``Happening`` values that become events of their own.

The names in ``__all__`` are public: plugins may use them (docs/plugins.md), and they keep their meaning within a major
version. All others are those of wsmon's own protocols.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from wsmon.config.specs import AuthValue, MessageCondition, ProtocolName
from wsmon.model.block import PlainReading
from wsmon.model.events import Direction, Event, EventName, Meta, Opcode
from wsmon.model.json_texts import json_texts
from wsmon.model.measures import MeasuredText
from wsmon.model.redact.masking import Sensitive

__all__ = [
    "MAX_NAME_CHARS",
    "UNDECODABLE",
    "UNREAD",
    "Anatomy",
    "ClientOptions",
    "Decoded",
    "HandshakeUrl",
    "Happening",
    "Mask",
    "MessageSample",
    "Operation",
    "Outbox",
    "Part",
    "Phase",
    "Protocol",
    "ProtocolClient",
    "ProtocolState",
    "cut",
]

# "whole": one message begins and ends the operation
Phase = Literal["", "start", "end", "whole"]
# "trace": an operation of the application that reports, not of the connection
Operation = Literal["", "subscribe", "unsubscribe", "auth", "refresh", "request", "heartbeat", "trace"]

# A type, topic or id that a peer chose is cut to this length before it is stored
MAX_NAME_CHARS = 200

# All that msgspec raises over bytes: malformed JSON, another shape, bad UTF-8, nesting past the interpreter's limit
UNDECODABLE = (ValueError, RecursionError)


class Happening(msgspec.Struct, frozen=True, gc=False):
    """Something that a message says happened, or that did not happen in time; it becomes an event of its own.

    With a ``phase`` it begins or ends an operation: start and end are paired by operation and ``key`` within the
    session.
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
    """Of an end: "ok", "error", "abandoned" (no answer is awaited any more), or the protocol's own code."""
    reason: str = ""
    error_type: str = ""
    error: str = ""
    meta: Meta | None = None
    at_ns: int | None = None
    """Wall time that the peer gives; None where it gives none."""
    duration_ns: int | None = None
    """Duration that the peer gives; None where the session measures it."""
    span_id: str = ""
    """Span that the peer named, 16 hex digits; empty where wsmon makes an id."""
    parent_id: str = ""
    """The peer's own parent span; empty where the span belongs to the session's."""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """A decoded message: the columns of its row, and what it says happened."""

    type: str = ""
    topic: str = ""
    ref: str = ""
    error_type: str = ""
    """Why the message could not be decoded, e.g. "json"; empty where it could."""
    error: str = ""
    happenings: tuple[Happening, ...] = ()
    meta: Meta | None = None
    """Further facts for the row."""
    texts: tuple[MeasuredText, ...] = ()
    """The JSON texts of a frame that is not one sound text, or the messages of an array; empty for all others."""


# A message that says nothing about itself
UNREAD = Decoded()


def with_happenings(decoded: Decoded, happenings: tuple[Happening, ...]) -> Decoded:
    """Return a decoded message that says that other things happened."""
    return msgspec.structs.replace(decoded, happenings=happenings)


class ProtocolState(typing.Protocol):
    """What a protocol remembers of one session; bounded, whatever the peer sends."""

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""
        ...

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return what was due by the monotonic time ``now_ns`` and did not come, each once."""
        ...


StateT = TypeVar("StateT", bound=ProtocolState)

# Messages for the peer, in the order in which they are sent
Outbox: TypeAlias = tuple[str | bytes, ...]

_NO_AUTH: Mapping[str, AuthValue] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What the configuration asks of wsmon as a client; the protocol decides what topics and credentials mean."""

    topics: tuple[Sensitive, ...] = ()
    auth: Mapping[str, AuthValue] = field(default_factory=lambda: _NO_AUTH)
    subprotocol: str = ""
    """As negotiated; it decides the dialect where a protocol has two."""
    answers: bool = False
    """``answer = true``: authenticate, answer heartbeats, renew what expires. Else only the topics are asked for."""
    is_measured: bool = False
    """Whether sequence numbers or times of sending are read out of the messages."""

    def reveal_topics(self) -> tuple[str, ...]:
        """Return the topics as they go to the peer, each once."""
        return tuple(dict.fromkeys(topic.reveal() for topic in self.topics))

    def reveal_auth(self) -> dict[str, str | float]:
        """Return the credentials as they go to the peer, and the texts that its answers contain."""
        return {
            name: value.reveal() if isinstance(value, Sensitive) else value
            for name, value in self.auth.items()
            if not isinstance(value, MessageCondition)
        }


def _send_nothing(*_arguments: object) -> Outbox:
    return ()


# Without slots: with them, ``ProtocolClient[State](...)`` raises TypeError in Python 3.11, and plugins write that
@dataclass(frozen=True)
class ProtocolClient(Generic[StateT]):
    """What wsmon sends as a client of a protocol, where the configuration names topics or says ``answer = true``."""

    opening: Callable[[ClientOptions, StateT], Outbox] = _send_nothing
    """Messages that are sent first."""
    answer: Callable[[Decoded, ClientOptions, StateT], Outbox] = _send_nothing
    """Messages that are sent after an incoming one was decoded."""
    due: Callable[[int, ClientOptions, StateT], Outbox] = _send_nothing
    """Messages that are sent because it is time, on the session's monotonic clock."""
    is_silent: Callable[[StateT], bool] = lambda _state: False
    """Whether the peer left a heartbeat of the protocol unanswered, so that a client gives the connection up."""


class HandshakeUrl(NamedTuple):
    """The URL of a connection, taken apart for recognition."""

    @classmethod
    def parse(cls, url: str) -> HandshakeUrl | None:
        """Return the parts of a URL; None where it is none."""
        try:
            parts = urlsplit(url)
            return cls((parts.hostname or "").lower(), parts.path.rstrip("/"), parse_qs(parts.query))
        # An IPv6 address without its bracket, or too many parameters
        except ValueError:
            return None

    host: str
    """In lower case."""
    path: str
    """Without a slash at its end."""
    query: Mapping[str, list[str]]

    def parameter(self, name: str) -> str:
        """Return the first value of a query parameter; empty where there is none."""
        return self.query.get(name, [""])[0]


class MessageSample:
    """A whole text or binary message of a session whose protocol is not known yet."""

    def __init__(self, direction: Direction, opcode: Opcode, payload: bytes) -> None:
        self.direction = direction
        self.opcode = opcode
        self.payload = payload

    @cached_property
    def json(self) -> dict[str, Any] | list[Any] | None:
        """The payload where it is a JSON object or array, else the first of several; decoded once for all protocols."""
        if self.payload.lstrip(b" \t\r\n\0\xef\xbb\xbf")[:1] not in (b"{", b"["):
            return None
        try:
            return _container(self.payload)
        except UNDECODABLE:
            pass
        try:
            return _container(next(iter(json_texts(self.payload)), b""))
        except UNDECODABLE:
            return None

    @property
    def members(self) -> dict[str, Any]:
        """The members of a JSON object; empty for anything else."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def items(self) -> list[Any]:
        """The items of a JSON array; empty for anything else."""
        return self.json if isinstance(self.json, list) else []


def _container(text: bytes) -> dict[str, Any] | list[Any]:
    content: dict[str, Any] | list[Any] = msgspec.json.decode(text)
    return content


class Anatomy(NamedTuple):
    """A stored message taken apart for display."""

    name: str
    """E.g. "MQTT PUBLISH"."""
    parts: tuple[tuple[str, str], ...] = ()
    """Labels and texts."""
    body: bytes | None = None
    """Its content; None where that is the payload as it stands."""


class Part(NamedTuple):
    """A message of a protocol within a WebSocket message, or a piece of one that goes on in the next."""

    opcode: Opcode
    payload: bytes
    """The whole message, whatever of it earlier WebSocket messages brought; of one that goes on, what came now."""
    is_partial: bool = False
    """Whether it goes on, or is the rest of one that was too long to be joined: it is recorded and not decoded."""
    before: bytes = b""
    """Of a partial one: the end of what came of it before, in which a name may stand whose value is in this piece."""
    earlier_bytes: int = 0
    """How many bytes of ``payload`` came in earlier WebSocket messages, and were recorded with those."""
    error: str = ""
    """Why it is not decoded; empty where it is."""
    is_hidden: bool = False
    """Of one that is not decoded: whether it is masked whole, since it may hold a credential that does not show."""
    encoding: str = ""
    """What ``payload`` was decoded from; empty where it is as it came."""
    size: int | None = None
    """Bytes that came now, where ``payload`` was decoded from others."""


# Returns the payload with credentials masked, and whether there were any
Mask: TypeAlias = Callable[[Opcode, bytes], tuple[bytes, bool]]


class ProtocolClose(NamedTuple):
    """The close of a protocol inside messages."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class ProtocolEnvelope(Generic[StateT]):
    """How a protocol carries the messages of another: ``Protocol.split`` takes those out of their envelopes."""

    wrap: Callable[[str | bytes], str | bytes]
    """Puts a message for the peer into an envelope."""
    opens: Callable[[Decoded], bool]
    """Whether with this message of its own the inner protocol begins."""
    closed: Callable[[StateT], ProtocolClose | None] = lambda _state: None
    """How the peer closed the connection, which the close frame may not repeat; None while it did not."""


# Without slots, as above
@dataclass(frozen=True)
class Protocol(Generic[StateT]):
    """Everything wsmon knows of one protocol. None of the functions may raise over what a peer sent, but ``dissect``.

    Payloads arrive before redaction: no string that a function returns may repeat a credential.
    """

    name: ProtocolName
    """In the configuration."""
    new_state: Callable[[], StateT]
    """Makes the state of a connection's first session."""
    decode: Callable[[Direction, Opcode, bytes, StateT], Decoded]
    """Decodes one whole message; what it cannot decode has an ``error_type``, and is recorded all the same."""
    read_plain: Callable[[Sequence[bytes]], PlainReading] | None = None
    """Decodes received text messages at once, without a state. Plain are those of which ``decode`` returns type, topic
    and id alone, and at which it changes no state. None where a protocol is read message by message."""
    next_state: Callable[[StateT], StateT] | None = None
    """Makes the state of a session from that of the one before; None where nothing is carried over."""
    prepare: Callable[[StateT, ClientOptions, HandshakeUrl | None], None] = lambda _state, _options, _url: None
    """Tells the state of a session what is known before its first message; the URL is None until the upgrade."""
    subprotocols: tuple[str, ...] = ()
    """WebSocket subprotocols that name it, in lower case."""
    offered_subprotocols: tuple[str, ...] = ()
    """Subprotocols that its clients offer, the preferred one first; a connection without ``subprotocols`` offers them.
    Empty where servers need none, since some refuse what they do not know."""
    recognise_url: Callable[[HandshakeUrl], str] = lambda _url: ""
    """Says why a URL is of this protocol, in a phrase that repeats only the words it looked for; empty if it is not."""
    recognise: Callable[[MessageSample], str] = lambda _sample: ""
    """The same of a message, without anything that came before it."""
    may_begin: Callable[[bytes], bool] | None = None
    """Whether bytes may be the beginning of the client's first packet; None where packets are whole messages."""
    handshake: Callable[[bool, int | None], tuple[Happening, ...]] = lambda _has_credentials, _status: ()
    """What an upgrade with or without credentials in its URL, and its HTTP status, say happened."""
    dissect: Callable[[Event, bytes], Anatomy | None] | None = None
    """Takes a stored message and its payload apart; None where it is of another protocol. May raise ``UNDECODABLE``."""
    split: Callable[[Direction, Opcode, bytes, StateT], Sequence[Part] | None] | None = None
    """Takes a WebSocket message apart into the protocol's messages, each of which is decoded, masked and recorded by
    itself; at most ``parts.MAX_PARTS``. None where it is one message itself. What it holds back of a message that goes
    on is bounded, and was recorded as a partial part. ``parts.MessageStream`` does this for messages that follow one
    another. The attribute is None where every WebSocket message is one of the protocol."""
    envelope: ProtocolEnvelope[StateT] | None = None
    """Where the parts are messages of another protocol, which is configured or detected like one without an envelope;
    messages that are not taken apart are its own. None where there is no protocol within it."""
    has_binary: bool = False
    """Whether its binary messages are its own, whatever they begin with: ``decode = "auto"`` leaves them."""
    new_masks: Callable[[StateT], Mapping[Direction, Mask]] = lambda _state: {}
    """Makes, for a session, the masks of credentials that only the protocol finds; they run before all redaction.
    A mask gets WebSocket messages in their order; where there is ``split``, each whole part instead, and a partial one
    with what came ``before``, possibly more than once, so that such a mask must not remember what it saw."""
    client: ProtocolClient[StateT] | None = None
    """None where wsmon only listens."""
    close_codes: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """Meanings of the protocol's own close codes; behind a semicolon, what a client is to do."""


def is_heartbeat(decoded: Decoded) -> bool:
    """Whether a message is a heartbeat."""
    return any(happening.operation == "heartbeat" for happening in decoded.happenings)


def text_of(value: object) -> str:
    """Return a value of a peer that should be a text; empty where it is none."""
    return value if isinstance(value, str) else ""


def cut(name: str) -> str:
    """Return a name that a peer chose, at most ``MAX_NAME_CHARS`` long."""
    return name if len(name) <= MAX_NAME_CHARS else name[: MAX_NAME_CHARS - 1] + "…"


def unreadable(error: Exception, protocol: str) -> Decoded:
    """Return what is known of a message over which decoding raised one of ``UNDECODABLE``.

    Its ``error_type`` is ``protocol`` where the JSON is sound and its shape is not, else ``json``.
    """
    match error:
        case RecursionError():
            return Decoded(error_type="json", error="nested too deep")
        case msgspec.ValidationError():
            return Decoded(error_type=protocol, error=str(error))
    return Decoded(error_type="json", error=str(error))
