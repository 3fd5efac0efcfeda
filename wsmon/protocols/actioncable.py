"""ActionCable of Rails and AnyCable: welcome, pings, subscriptions by identifier, commands, disconnect.

An identifier is a JSON object in a JSON string; as it stands it is the topic. The server pings and wants no answer, but
in the extended protocol of AnyCable.
Sources: actioncable/lib/action_cable of Rails; AnyCable, "Action Cable Extended Protocol".
"""

from __future__ import annotations

from typing import Any

import msgspec

from wsmon.model.events import Direction, EventName, Json, Opcode
from wsmon.model.json_texts import repairing
from wsmon.model.units import SECOND_NS
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
    text_of,
    unreadable,
)
from wsmon.protocols.calls import Call, CallState, confirmed, failed, left

EXTENDED = "actioncable-v1-ext-json"

# The server pings every 3 s; after 6 s without a ping the client of Rails connects anew (ConnectionMonitor)
STALE_NS = 6 * SECOND_NS

_COMMANDS = frozenset({"subscribe", "unsubscribe", "message", "history", "pong", "whisper"})
# A refusal of the connection, of all the reasons of a disconnect
_UNAUTHORIZED = "unauthorized"


class _Message(msgspec.Struct, gc=False):
    type: Any = None
    command: Any = None
    identifier: Any = None
    data: Any = None
    reason: Any = None
    reconnect: Any = None


_decode_message = repairing(msgspec.json.Decoder(_Message).decode)


class _Data(msgspec.Struct, gc=False):
    action: Any = None


_decode_data = msgspec.json.Decoder(_Data).decode


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: CallState) -> Decoded:
    """Decode one whole message."""
    if opcode not in ("text", "binary"):
        return UNREAD
    try:
        message = _decode_message(payload)
    except UNDECODABLE as error:
        return unreadable(error, "actioncable")
    # An identifier may hold credentials
    topic = cut(state.credentials.mask(text_of(message.identifier)))
    if direction == "out":
        word = text_of(message.command)
        meta, happenings = _read_command(word, topic, message, state)
        return Decoded(cut(word), topic, happenings=happenings, meta=meta)
    # What a channel broadcasts has no type
    word = text_of(message.type) or "message"
    return Decoded(cut(word), topic, happenings=_read_notice(word, topic, message, state))


def _read_command(
    word: str, topic: str, message: _Message, state: CallState
) -> tuple[dict[str, Json] | None, tuple[Happening, ...]]:
    match word:
        # The client of Rails repeats it until it is confirmed
        case "subscribe" if topic not in state.calls:
            return None, state.calls.begin(Call("subscribe", topic, state.now_ns, word, topics=(topic,)))
        case "unsubscribe":
            return None, left(state.calls, topic)
        case "pong":
            return None, (Happening("heartbeat.sent", "heartbeat"),)
        case "message":
            action = _action(message.data)
            return {"action": action} if action else None, ()
    return None, ()


def _action(data: object) -> str:
    """Return the method of the channel that a client performs: a member of JSON in a JSON string."""
    if not isinstance(data, str):
        return ""
    try:
        return cut(text_of(_decode_data(data).action))
    except UNDECODABLE:
        return ""


def _read_notice(word: str, topic: str, message: _Message, state: CallState) -> tuple[Happening, ...]:
    match word:
        case "welcome":
            state.silence.limit(STALE_NS, state.now_ns)
        case "ping":
            state.silence.heard(state.now_ns)
            return (Happening("heartbeat.received", "heartbeat"),)
        case "confirm_subscription":
            return confirmed(state.calls, topic)
        case "reject_subscription":
            call = state.calls.end(topic) or Call("subscribe", "", state.now_ns, word, topics=(topic,))
            return failed(call, "rejected", "the channel rejected the subscription")
        case "disconnect":
            return (_disconnected(message, state),)
    return ()


def _disconnected(message: _Message, state: CallState) -> Happening:
    """Return the server's last words; it closes with 1000 afterwards, whatever the reason."""
    reason = state.credentials.mask(text_of(message.reason))
    meta = {"reconnect": message.reconnect} if isinstance(message.reconnect, bool) else None
    name: EventName = "auth.failed" if reason == _UNAUTHORIZED else "error.occurred"
    status = "error" if name == "auth.failed" else None
    return Happening(
        name, type="disconnect", status=status, error_type="disconnect",
        error=reason or "disconnected without a reason", meta=meta,
    )  # fmt: skip


def answer(decoded: Decoded, options: ClientOptions, state: CallState) -> Outbox:
    """Return the subscriptions once the server is ready, and pongs in the extended protocol."""
    if decoded.type == "ping" and options.answers and options.subprotocol == EXTENDED:
        return (_encode({"command": "pong"}),)
    if decoded.type != "welcome":
        return ()
    return tuple(
        _encode({"command": "subscribe", "identifier": _identifier(topic)}) for topic in state.wanted.take(options)
    )


def _identifier(topic: str) -> str:
    """Return a topic that is an identifier as it is, and that of a channel by its name."""
    return topic if topic.lstrip().startswith("{") else _encode({"channel": topic})


def _encode(message: dict[str, str]) -> str:
    return msgspec.json.encode(message).decode()


_CONFIRMATIONS = frozenset({"confirm_subscription", "reject_subscription"})
_FAREWELL_KEYS = frozenset({"type", "reason", "reconnect"})


def _recognise(sample: MessageSample) -> str:
    message = sample.members
    word = message.get("type")
    if word == "disconnect" and message.keys() == _FAREWELL_KEYS:
        return "a message is a disconnect of ActionCable"
    identifier = message.get("identifier")
    if not isinstance(identifier, str) or '"channel"' not in identifier:
        return ""
    is_it = text_of(word) in _CONFIRMATIONS or text_of(message.get("command")) in _COMMANDS
    return "a message has an identifier of ActionCable" if is_it else ""


PROTOCOL = Protocol(
    "actioncable",
    CallState,
    decode,
    subprotocols=("actioncable-v1-json", EXTENDED),
    offered_subprotocols=("actioncable-v1-json",),
    recognise=_recognise,
    client=ProtocolClient(answer=answer),
)
