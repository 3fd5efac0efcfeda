"""GraphQL over WebSocket: graphql-transport-ws and the older subscriptions-transport-ws, whose words it translates.

Neither protocol confirms a subscription: the first result does, or ``ACCEPTED_NS`` without an error. Queries and
mutations are requests, answered by their first result.
Source: PROTOCOL.md of graphql-ws and of subscriptions-transport-ws.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from types import MappingProxyType

import msgspec

from wsmon.model.durations import SECOND_NS
from wsmon.model.events import Direction, EventName, Opcode
from wsmon.protocols.base import Call, Calls, completed, failed
from wsmon.protocols.credentials import Credentials
from wsmon.protocols.decoding import UNDECODABLE, cut, unreadable
from wsmon.protocols.graphql_messages import Message, decode_message
from wsmon.protocols.reading import UNREAD, Note, Reading

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
# CloseCode of graphql-ws, src/common.ts

ACCEPTED_NS = 10_000_000_000
# servers validate a subscription before they run it, in far less; there is no other sign of success
MAX_ACTIVE = 1_000
# subscriptions of a session whose names are remembered

_TYPES = frozenset(
    {
        *("connection_init", "connection_ack", "ping", "pong", "subscribe", "next", "error", "complete"),
        *("ka", "connection_error", "connection_terminate"),
    }
)
_INIT = "init"
# key of the one connection_init of a session


class State:
    """What is open on one session."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.subscribing = Calls()
        self.requests = Calls()
        # both by the id that the client gave
        self.control = Calls()
        # the init that carries credentials, and pings by their direction
        self.active: dict[str, str] = {}
        # id → topic of the subscriptions that were confirmed and are not over, oldest first

        self.credentials = Credentials()

    def at(self, now_ns: int) -> None:
        """The messages that follow happen at this monotonic time."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Note, ...]:
        """Subscriptions that nobody objected to, and answers that did not come."""
        accepted = tuple(takewhile(lambda call: now_ns - call.at_ns >= ACCEPTED_NS, self.subscribing))
        notes: tuple[Note, ...] = ()
        for call in accepted:
            self.subscribing.end(call.key)
            notes += self.confirm(call, f"no error within {ACCEPTED_NS // SECOND_NS} s")
        return notes + self.requests.overdue(now_ns) + self.control.overdue(now_ns)

    def confirm(self, call: Call, reason: str = "") -> tuple[Note, ...]:
        """A subscription runs."""
        self.active.pop(call.ref, None)
        if len(self.active) >= MAX_ACTIVE:
            del self.active[next(iter(self.active))]
        self.active[call.ref] = _topic(call)
        return tuple(msgspec.structs.replace(note, reason=reason) for note in completed(call))

    def topic(self, ref: str) -> str:
        """The name of the operation with this id; empty where it is unknown."""
        if ref in self.active:
            return self.active[ref]
        call = self.subscribing.get(ref) or self.requests.get(ref)
        return _topic(call) if call else ""


def classify(direction: Direction, opcode: Opcode, payload: bytes, state: State) -> Reading:
    """Read one whole message."""
    if opcode not in ("text", "binary"):
        return UNREAD
    try:
        message = decode_message(payload)
    except UNDECODABLE as error:
        return unreadable(error, "graphql-ws")
    word, ref = message.word, message.ref
    if word not in _TYPES:
        return Reading(cut(word), "", ref, "graphql-ws", "unknown message type")
    if word == "subscribe" and not ref:
        return Reading(word, error_type="graphql-ws", error="subscribe without an id")
    topic = state.topic(ref)
    try:
        notes = _sent(word, message, state) if direction == "out" else _received(word, message, state)
    except UNDECODABLE as error:
        fault = unreadable(error, "graphql-ws")
        return Reading(word, topic, ref, fault.error_type, fault.error)
    return Reading(word, topic or state.topic(ref), ref, notes=notes)


def _sent(word: str, message: Message, state: State) -> tuple[Note, ...]:
    match word:
        case "connection_init" if message.has_content:
            state.credentials.remember(message.content, is_auth=True)
            return state.control.begin_anew(Call("auth", _INIT, state.now_ns))
        case "subscribe":
            return _subscribe(message, state)
        case "complete":
            return _complete(message.ref, state, "completed by us")
        case "ping":
            return _ping("out", state)
        case "pong":
            return _pong("out", state)
    return ()


def _received(word: str, message: Message, state: State) -> tuple[Note, ...]:
    match word:
        case "connection_ack":
            init = state.control.end(_INIT)
            return completed(init) if init else ()
        case "connection_error":
            error = state.credentials.mask(message.error)
            init = state.control.end(_INIT)
            return failed(init, "graphql", error) if init else (_occurred("", "", error),)
        case "next":
            return _next(message, state)
        case "error":
            return _error(message, state)
        case "complete":
            return _complete(message.ref, state, "completed by the peer")
        case "ka":
            return (Note("heartbeat.received", "heartbeat"),)
        case "ping":
            return _ping("in", state)
        case "pong":
            return _pong("in", state)
    return ()


def _subscribe(message: Message, state: State) -> tuple[Note, ...]:
    kind, topic = message.operation
    ref = message.ref
    topics = (topic,) if topic else ()
    if kind == "subscription":
        return state.subscribing.begin_anew(Call("subscribe", ref, state.now_ns, ref=ref, topics=topics))
    return state.requests.begin_anew(Call("request", ref, state.now_ns, kind, ref, topics))


def _next(message: Message, state: State) -> tuple[Note, ...]:
    """The first result ends a request and confirms a subscription; it may carry errors beside its data."""
    error = state.credentials.mask(message.result_error)
    ref = message.ref
    if request := state.requests.end(ref):
        return failed(request, "graphql", error) if error else completed(request)
    subscribing = state.subscribing.end(ref)
    notes = state.confirm(subscribing) if subscribing else ()
    return (*notes, _occurred(ref, state.topic(ref), error)) if error else notes


def _error(message: Message, state: State) -> tuple[Note, ...]:
    """An error ends its operation."""
    error = state.credentials.mask(message.error)
    ref = message.ref
    if call := state.subscribing.end(ref) or state.requests.end(ref):
        return failed(call, "graphql", error)
    topic = state.active.pop(ref, None)
    occurred = _occurred(ref, topic or "", error)
    return (occurred,) if topic is None else (occurred, _unsubscribed(ref, topic, "ended by an error"))


def _complete(ref: str, state: State, reason: str) -> tuple[Note, ...]:
    """Nothing follows a complete, whoever sent it."""
    if request := state.requests.end(ref):
        return failed(request, "cancelled", f"{reason} without a result")
    notes: tuple[Note, ...] = ()
    if subscribing := state.subscribing.end(ref):
        notes = state.confirm(subscribing, reason)
    topic = state.active.pop(ref, None)
    return notes if topic is None else (*notes, _unsubscribed(ref, topic, reason))


def _ping(direction: Direction, state: State) -> tuple[Note, ...]:
    """One ping at a time is waited for, so that unanswered ones end in a timeout and not in each other."""
    by_peer = direction == "in"
    if direction in state.control:
        return (Note("heartbeat.received" if by_peer else "heartbeat.sent", "heartbeat"),)
    return state.control.begin(Call("heartbeat", direction, state.now_ns, by_peer=by_peer))


def _pong(direction: Direction, state: State) -> tuple[Note, ...]:
    """The answer to a ping of the other side; without one, a heartbeat of its own."""
    ping = state.control.end("out" if direction == "in" else "in")
    if ping:
        return completed(ping)
    return (Note("heartbeat.received" if direction == "in" else "heartbeat.sent", "heartbeat"),)


def _topic(call: Call) -> str:
    return call.topics[0] if call.topics else ""


def _occurred(ref: str, topic: str, error: str) -> Note:
    return Note("error.occurred", topic=topic, ref=ref, error_type="graphql", error=error)


def _unsubscribed(ref: str, topic: str, reason: str) -> Note:
    name: EventName = "subscription.unsubscribe.completed"
    return Note(name, "unsubscribe", topic=topic, ref=ref, status="ok", reason=reason)
