"""GraphQL over WebSocket: graphql-transport-ws and the older subscriptions-transport-ws.

Message types of the older protocol (``start``, ``data``, ``stop``) are read as those of the newer one. Neither confirms
a subscription: the first result does, or ``ACCEPTED_NS`` without an error. Queries and mutations are requests, answered
by their first result.
Source: PROTOCOL.md of graphql-ws and of subscriptions-transport-ws.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from wsmon.model.events import Direction, Opcode
from wsmon.model.json_texts import repairing
from wsmon.protocols.base import (
    UNDECODABLE,
    UNREAD,
    ClientOptions,
    Decoded,
    Happening,
    MessageSample,
    Outbox,
    Protocol,
    ProtocolClient,
    cut,
    unreadable,
)
from wsmon.protocols.calls import (
    NO_ERROR,
    Call,
    Calls,
    WantedTopics,
    completed,
    failed,
    keep_newest,
    ping,
    pong,
    unsubscribed,
)
from wsmon.protocols.credentials import Credentials, JsonValue

# Enumeration CloseCode of the library graphql-ws, src/common.ts
CLOSE_CODES: Mapping[int, str] = MappingProxyType(
    {
        4004: "bad response",
        4005: "internal client error",
        4400: "bad request",
        4401: "unauthorized: subscribed before the connection was acknowledged",
        4403: "forbidden: the server refused the connection",
        4406: "subprotocol not acceptable",
        4408: "connection initialisation timeout",
        4409: "subscriber for this id already exists",
        4429: "too many initialisation requests",
        4500: "internal server error",
        4504: "connection acknowledgement timeout",
    }
)

# Subprotocol of subscriptions-transport-ws; that of the newer protocol is graphql-transport-ws
OLDER_SUBPROTOCOL = "graphql-ws"

# Subscriptions of a session that are remembered
MAX_ACTIVE = 1_000

_TYPES = frozenset(
    {
        *("connection_init", "connection_ack", "ping", "pong", "subscribe", "next", "error", "complete"),
        *("ka", "connection_error", "connection_terminate"),
    }
)
# Key of the connection_init, of which a session has one
_INIT = "init"


class GraphqlState:
    """What is open on one session."""

    def __init__(self) -> None:
        self.now_ns = 0
        # Both by the id that the client gave
        self.subscribing = Calls()
        self.requests = Calls()
        # The init that carries credentials, and pings by their direction
        self.control = Calls()
        # Topics by id of the subscriptions that were confirmed and are not over, oldest first
        self.active: dict[str, str] = {}
        self.credentials = Credentials()
        self.wanted = WantedTopics()

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return the ends of subscriptions that met no error, and answers that did not come in time."""
        happenings: tuple[Happening, ...] = ()
        for call in self.subscribing.accepted(now_ns):
            happenings += self.confirm(call, NO_ERROR)
        return happenings + self.requests.overdue(now_ns) + self.control.overdue(now_ns)

    def confirm(self, call: Call, reason: str = "") -> tuple[Happening, ...]:
        """Return the end of a subscribe, and remember the subscription."""
        keep_newest(self.active, call.ref, _topic(call), MAX_ACTIVE)
        return completed(call, reason=reason)

    def topic(self, ref: str) -> str:
        """Return the name of the operation with this id; empty where it is unknown."""
        if ref in self.active:
            return self.active[ref]
        call = self.subscribing.get(ref) or self.requests.get(ref)
        return _topic(call) if call else ""


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: GraphqlState) -> Decoded:
    """Decode one whole message."""
    if opcode not in ("text", "binary"):
        return UNREAD
    try:
        message = decode_message(payload)
    except UNDECODABLE as error:
        return unreadable(error, "graphql-ws")
    word, ref = message.word, message.ref
    if word not in _TYPES:
        return Decoded(cut(word), "", ref, "graphql-ws", "unknown message type")
    if word == "subscribe" and not ref:
        return Decoded(word, error_type="graphql-ws", error="subscribe without an id")
    topic = state.topic(ref)
    try:
        happenings = _sent(word, message, state) if direction == "out" else _received(word, message, state)
    except UNDECODABLE as error:
        fault = unreadable(error, "graphql-ws")
        return Decoded(word, topic, ref, fault.error_type, fault.error)
    return Decoded(word, topic or state.topic(ref), ref, happenings=happenings)


def _sent(word: str, message: GraphqlMessage, state: GraphqlState) -> tuple[Happening, ...]:
    match word:
        case "connection_init" if message.has_content:
            state.credentials.remember(message.content, is_auth=True)
            return state.control.begin_anew(Call("auth", _INIT, state.now_ns))
        case "subscribe":
            return _subscribe(message, state)
        case "complete":
            return _complete(message.ref, state, "completed by wsmon")
        case "ping":
            return ping(state.control, "out", state.now_ns)
        case "pong":
            return pong(state.control, "out")
    return ()


def _received(word: str, message: GraphqlMessage, state: GraphqlState) -> tuple[Happening, ...]:
    match word:
        case "connection_ack":
            init = state.control.end(_INIT)
            return completed(init) if init else ()
        case "connection_error":
            error = state.credentials.mask(message.error)
            init = state.control.end(_INIT)
            # Without credentials it refuses the connection all the same, as a login that is missing
            return failed(init, "graphql", error) if init else (_refused(error),)
        case "next":
            return _next(message, state)
        case "error":
            return _error(message, state)
        case "complete":
            return _complete(message.ref, state, "completed by the peer")
        case "ka":
            return (Happening("heartbeat.received", "heartbeat"),)
        case "ping":
            return ping(state.control, "in", state.now_ns)
        case "pong":
            return pong(state.control, "in")
    return ()


def _subscribe(message: GraphqlMessage, state: GraphqlState) -> tuple[Happening, ...]:
    kind, topic = message.operation
    ref = message.ref
    topics = (topic,) if topic else ()
    if kind == "subscription":
        return state.subscribing.begin_anew(Call("subscribe", ref, state.now_ns, ref=ref, topics=topics))
    return state.requests.begin_anew(Call("request", ref, state.now_ns, kind, ref, topics))


def _next(message: GraphqlMessage, state: GraphqlState) -> tuple[Happening, ...]:
    """Read a result: the first one ends a request and confirms a subscription; it may carry errors beside its data."""
    error = state.credentials.mask(message.result_error)
    ref = message.ref
    if request := state.requests.end(ref):
        return failed(request, "graphql", error) if error else completed(request)
    subscribing = state.subscribing.end(ref)
    happenings = state.confirm(subscribing) if subscribing else ()
    return (*happenings, _occurred(ref, state.topic(ref), error)) if error else happenings


def _error(message: GraphqlMessage, state: GraphqlState) -> tuple[Happening, ...]:
    """Read an error, which ends its operation."""
    error = state.credentials.mask(message.error)
    ref = message.ref
    if call := state.subscribing.end(ref) or state.requests.end(ref):
        return failed(call, "graphql", error)
    topic = state.active.pop(ref, None)
    occurred = _occurred(ref, topic or "", error)
    return (occurred,) if topic is None else (occurred, unsubscribed(topic, ref, "ended by an error"))


def _complete(ref: str, state: GraphqlState, reason: str) -> tuple[Happening, ...]:
    """Read a complete: it ends the operation, and either side may send it."""
    if request := state.requests.end(ref):
        return failed(request, "cancelled", f"{reason} without a result")
    happenings: tuple[Happening, ...] = ()
    if subscribing := state.subscribing.end(ref):
        happenings = state.confirm(subscribing, reason)
    topic = state.active.pop(ref, None)
    return happenings if topic is None else (*happenings, unsubscribed(topic, ref, reason))


def _topic(call: Call) -> str:
    return call.topics[0] if call.topics else ""


def _occurred(ref: str, topic: str, error: str) -> Happening:
    return Happening("error.occurred", topic=topic, ref=ref, error_type="graphql", error=error)


def _refused(error: str) -> Happening:
    return Happening("auth.failed", status="error", error_type="graphql", error=error)


def opening(options: ClientOptions, _state: GraphqlState) -> Outbox:
    """Return the connection_init, before which a server serves nothing."""
    auth = options.reveal_auth()
    return (_encode({"type": "connection_init", "payload": auth} if auth else {"type": "connection_init"}),)


def answer(decoded: Decoded, options: ClientOptions, state: GraphqlState) -> Outbox:
    """Return pongs, and the subscriptions once the server is ready."""
    if (
        options.answers
        and decoded.type == "ping"
        and any(happening.name == "heartbeat.received" for happening in decoded.happenings)
    ):
        return (_encode({"type": "pong"}),)
    if decoded.type != "connection_ack":
        return ()
    word = "start" if options.subprotocol == OLDER_SUBPROTOCOL else "subscribe"
    return tuple(
        _encode({"id": f"wsmon-{number}", "type": word, "payload": _request(topic)})
        for number, topic in enumerate(state.wanted.take(options), 1)
    )


def _request(topic: str) -> msgspec.Raw | dict[str, str]:
    """Return a request: a topic is a GraphQL document, or JSON with ``query``, ``variables``, ``operationName``."""
    try:
        _REQUEST.decode(topic)
    except UNDECODABLE:
        return {"query": topic}
    return msgspec.Raw(topic.encode())


def _encode(message: dict[str, object]) -> str:
    return msgspec.json.encode(message).decode()


_WORDS = {"start": "subscribe", "data": "next", "stop": "complete"}
_NO_ERROR_TEXT = "error without a message"

# Beginning of a document, in which its name is looked for
_HEAD_CHARS = 2_000
_DECLARATION = re.compile(r"(?m)^[ \t]*(query|mutation|subscription)\b\s*([_A-Za-z]\w*)?")
_FIELD = re.compile(r"\{\s*([_A-Za-z]\w*)")


class _Request(msgspec.Struct, gc=False, rename="camel"):
    operation_name: str | None = None
    query: str = ""


class _Result(msgspec.Struct, gc=False):
    errors: msgspec.Raw = msgspec.Raw()


class _Error(msgspec.Struct, gc=False):
    message: str = ""


_REQUEST = msgspec.json.Decoder(_Request)
_RESULT = msgspec.json.Decoder(_Result)
_ERRORS = msgspec.json.Decoder(list[_Error] | _Error | None)


class GraphqlMessage(msgspec.Struct, gc=False):
    """One message. Properties that need its payload decode it, and may raise one of ``UNDECODABLE``."""

    type: str
    id: str | int | None = None
    payload: msgspec.Raw = msgspec.Raw()

    @property
    def word(self) -> str:
        """Its type, as graphql-transport-ws calls it."""
        return _WORDS.get(self.type, self.type)

    @property
    def ref(self) -> str:
        """The id of its operation; empty where it belongs to none."""
        return "" if self.id is None else cut(str(self.id))

    @property
    def has_content(self) -> bool:
        """Whether there is anything in its payload."""
        return bytes(self.payload).strip() not in (b"", b"null", b"{}")

    @property
    def content(self) -> JsonValue:
        """Its payload, decoded."""
        content: JsonValue = msgspec.json.decode(bytes(self.payload) or b"null")
        return content

    @property
    def operation(self) -> tuple[str, str]:
        """Kind and name of the operation that it requests; without a name, its first field."""
        request = _REQUEST.decode(bytes(self.payload) or b"null")
        head = request.query[:_HEAD_CHARS]
        declared = _DECLARATION.search(head)
        kind = declared[1] if declared else "query"
        name = request.operation_name or (declared[2] if declared else "")
        if not name:
            first = _FIELD.search(head, declared.end() if declared else 0)
            name = first[1] if first else ""
        return kind, cut(name)

    @property
    def error(self) -> str:
        """The first message in its payload, which is a list of errors, or one error in the older protocol."""
        return _first_message(bytes(self.payload))

    @property
    def result_error(self) -> str:
        """The first error beside the data of a result; empty where all went well."""
        payload = bytes(self.payload)
        if b'"errors"' not in payload:
            return ""
        errors = bytes(_RESULT.decode(payload).errors)
        return "" if errors in (b"", b"null", b"[]") else _first_message(errors)


_decode_message = repairing(msgspec.json.Decoder(GraphqlMessage).decode)


def decode_message(payload: bytes) -> GraphqlMessage:
    """Return one message; raises one of ``UNDECODABLE`` where it is none."""
    return _decode_message(payload)


def _first_message(errors: bytes) -> str:
    decoded = _ERRORS.decode(errors) if errors else None
    first = next(iter(decoded), None) if isinstance(decoded, list) else decoded
    return first.message if first and first.message else _NO_ERROR_TEXT


_FIRST_TYPES = ("connection_init", "connection_ack", "connection_error")


def _recognise(sample: MessageSample) -> str:
    kind = sample.members.get("type")
    return f'a message has "type": "{kind}"' if kind in _FIRST_TYPES else ""


PROTOCOL = Protocol(
    "graphql-ws",
    GraphqlState,
    decode,
    subprotocols=("graphql-transport-ws", OLDER_SUBPROTOCOL),
    offered_subprotocols=("graphql-transport-ws", OLDER_SUBPROTOCOL),
    recognise=_recognise,
    client=ProtocolClient(opening, answer),
    close_codes=CLOSE_CODES,
)
