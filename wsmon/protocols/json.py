"""JSON without a named protocol: types, topics and ids where most protocols put them, and the operations most have.

``json_messages`` has the keys and words. Outgoing messages begin subscriptions, authentications and pings; what comes
in ends them, by id where it has one, else by topic, else the oldest of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wsmon.model.events import Direction, Opcode
from wsmon.protocols import rpc
from wsmon.protocols.decoding import UNDECODABLE, unreadable
from wsmon.protocols.json_messages import Message, decode_message, is_reply, kind_of, ref_of, topic_of, type_of
from wsmon.protocols.json_operations import About, State, beat, read_received, read_sent
from wsmon.protocols.reading import UNREAD, Reading

__all__ = ["State", "answer", "classify"]

_WORDS: Mapping[bytes, About] = {
    b"ping": About("ping", "ping"),
    b"pong": About("pong", "pong"),
}
# sent as plain text by protocols that are JSON otherwise
_NO_MESSAGE = Message()
_DATA = frozenset({"", "subscription"})
# kinds of ordinary data, where nothing beside says how something went

_check = msgspec.json.Decoder(msgspec.Raw).decode


def classify(direction: Direction, opcode: Opcode, payload: bytes, state: State) -> Reading:
    """Read one message; of an array, the objects in it, and the type of the first."""
    if not rpc.is_text(payload, opcode):
        return UNREAD
    if len(payload) > rpc.MAX_BYTES:
        return rpc.too_large(len(payload))
    if word := _WORDS.get(payload):
        return Reading(word.type, notes=beat(direction, _NO_MESSAGE, word, state))
    try:
        start = payload[:64].lstrip()[:1]
        if start == b"{":
            return _read(direction, payload, state)
        if start == b"[":
            return _read_array(direction, payload, state)
        _check(payload)
    except UNDECODABLE as error:
        return unreadable(error, "json")
    return UNREAD


def answer(reading: Reading, state: State) -> tuple[str, ...]:
    """A pong of the same shape to a ping."""
    asked = any(note.name == "heartbeat.received" and note.phase == "start" for note in reading.notes)
    return (state.pong,) if asked else ()


def _read_array(direction: Direction, payload: bytes, state: State) -> Reading:
    items = rpc.decode_batch(payload)
    objects = [bytes(item) for item in items[: rpc.MAX_BATCH] if bytes(item)[:1] == b"{"]
    readings = [_read_item(direction, item, state) for item in objects]
    first = readings[0] if readings else UNREAD
    broken = next((reading for reading in readings if reading.error_type), UNREAD)
    if len(items) > rpc.MAX_BATCH and objects:
        broken = Reading(error_type="too_large", error=f"an array of {len(items)}; the first {rpc.MAX_BATCH} are read")
    notes = tuple(note for reading in readings for note in reading.notes)
    return Reading(first.type or "array", first.topic, first.ref, broken.error_type, broken.error, notes)


def _read_item(direction: Direction, item: bytes, state: State) -> Reading:
    """An item that cannot be read leaves the others readable."""
    try:
        return _read(direction, item, state)
    except UNDECODABLE as error:
        return unreadable(error, "json")


def _read(direction: Direction, payload: bytes, state: State) -> Reading:
    message = decode_message(payload)
    type_, topic, raw = type_of(message), topic_of(message), ref_of(message)
    kind = kind_of(type_)
    ref = rpc.id_ref(raw) if raw else ""
    if direction == "out":
        state.remember(payload, is_auth=kind in ("auth", "refresh"))
    if kind in _DATA and not is_reply(message):  # most of the traffic ends here
        return Reading(type_, topic, ref)
    about = About(type_, kind, topic, raw, ref)
    if kind in ("ping", "pong", "heartbeat"):
        notes = beat(direction, message, about, state)
    elif direction == "out":
        notes = read_sent(message, about, state)
    else:
        notes = read_received(message, about, payload, state)
    return Reading(type_, topic, ref, notes=notes)
