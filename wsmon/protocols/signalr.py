"""SignalR of ASP.NET Core: the hub protocols JSON and MessagePack, of which a frame holds several messages, or parts.

Both sides invoke methods of the other, which ends each with a completion, and both send pings, which have no answers.
MessagePack becomes JSON as it is taken out of its frames, so that it is read, masked and searched like that.
Source: HubProtocol.md and TransportProtocols.md of dotnet/aspnetcore.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from types import MappingProxyType

import msgspec

from wsmon.model.events import Direction, Event, EventName, Json, Opcode
from wsmon.model.json_texts import repairing
from wsmon.model.msgpack_cost import is_too_costly
from wsmon.model.redact.masking import MASK, MASK_BYTES, ByteRange, mask_ranges
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import (
    UNDECODABLE,
    UNREAD,
    Anatomy,
    ClientOptions,
    Decoded,
    Happening,
    MessageSample,
    Outbox,
    Part,
    Protocol,
    ProtocolClient,
    cut,
    unreadable,
)
from wsmon.protocols.calls import Call, Calls, CallState, completed, duplicate, failed, keep_newest, unmatched
from wsmon.protocols.parts import MessageStream
from wsmon.protocols.phoenix import handshake_happenings

_NAME = "signalr"
RECORD_END = b"\x1e"
# Servers give a client up that says nothing for twice this
PING_EVERY_NS = 15 * SECOND_NS
# A stream may be silent for any time
_STREAM_WAIT_S = 10 * 366 * 86_400.0
# Streams of arguments, and streams that were cancelled, of a session that are remembered
_MAX_NAMES = 4_096
# A longer message of MessagePack is none
_MAX_BYTES = 64 * 1024 * 1024
_LENGTH_BYTES = 5
_ARRAYS = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))
_HANDSHAKE = "handshake"
# Invocations of wsmon's own begin with it
_OWN_ID = "wsmon-"

_TYPES: Mapping[int, str] = MappingProxyType(
    {
        1: "invocation",
        2: "stream item",
        3: "completion",
        4: "stream invocation",
        5: "cancel",
        6: "ping",
        7: "close",
        8: "ack",
        9: "sequence",
    }
)


class SignalRState(CallState):
    """What is open on one session."""

    def __init__(self) -> None:
        super().__init__()
        self.streams = Calls(_STREAM_WAIT_S)
        # Items that came of each open stream
        self.items: dict[str, int] = {}
        # Targets of the invocations whose arguments the invoker streams, by the keys of these streams
        self.uploads: dict[str, str] = {}
        # Targets of streams that were cancelled, and may end with a completion all the same
        self.cancelled: dict[str, str] = {}
        # Topics of wsmon's own invocations, by their ids
        self.topics: dict[str, str] = {}
        self.last_ping_ns = 0
        self.splitters: Mapping[Direction, MessageStream] = {
            "in": MessageStream(find_end),
            "out": MessageStream(find_end),
        }

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return the completions that did not come in time, each once."""
        return self.calls.overdue(now_ns)


def find_end(buffer: bytes | bytearray, start: int, seen: int) -> int:
    """Return where a message ends: JSON begins with a brace, an array of MessagePack follows its length."""
    is_json = buffer[start] in b"{ \r\n\t" and (start + 1 == len(buffer) or buffer[start + 1] not in _ARRAYS)
    if is_json:
        return buffer.find(RECORD_END, max(start, seen)) + 1 or -1
    if found := _packed(buffer, start):
        return found[1]
    head = buffer[start : start + _LENGTH_BYTES]
    is_cut = len(head) < _LENGTH_BYTES and min(head) >= 0x80
    return -1 if is_cut else len(buffer)


def _packed(buffer: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """Return where the array of a message of MessagePack begins and ends; None where none follows its length."""
    size = shift = 0
    for at in range(start, min(start + _LENGTH_BYTES, len(buffer))):
        size |= (buffer[at] & 0x7F) << shift
        shift += 7
        if buffer[at] < 0x80:
            is_array = at + 1 == len(buffer) or buffer[at + 1] in _ARRAYS
            return (at + 1, at + 1 + size) if is_array and 0 < size <= _MAX_BYTES else None
    return None


def split(direction: Direction, opcode: Opcode, payload: bytes, state: SignalRState) -> Sequence[Part] | None:
    """Return the messages in a frame, those of MessagePack as JSON; None for a frame with one of JSON."""
    if opcode not in ("text", "binary") or direction not in state.splitters:
        return None
    parts = state.splitters[direction].feed(opcode, payload)
    if parts is None:
        if opcode == "text" or _packed(payload, 0) is None:
            return None
        parts = (Part(opcode, payload),)
    return [_readable(part) for part in parts]


def _readable(part: Part) -> Part:
    """Return a message of MessagePack as JSON, any other as it is.

    What is not whole is hidden from the first arguments on: the method, which may be one for a login, may come last.
    """
    if part.is_partial or part.error:
        shown = part.before + part.payload
        return part._replace(is_hidden=_packed(shown, 0) is not None or _ARGUMENTS.search(shown) is not None)
    found = _packed(part.payload, 0) if part.opcode == "binary" else None
    if found is None or found[1] != len(part.payload):
        return part
    packed = part.payload[found[0] :]
    if is_too_costly(packed):
        return part._replace(error="too large to be decoded: it may hold too many values", is_hidden=True)
    try:
        content = msgspec.msgpack.decode(packed)
        text = msgspec.json.encode(content, enc_hook=_extension)
    # Keys and numbers that JSON does not have, too
    except (*UNDECODABLE, TypeError, OverflowError):
        return part
    return part._replace(payload=text, encoding="msgpack", size=len(part.payload) - part.earlier_bytes)


# Also where the name is written with escapes
_ARGUMENTS = re.compile(rb'"arguments|\\u', re.IGNORECASE)


def _extension(value: object) -> object:
    if isinstance(value, msgspec.msgpack.Ext):
        return {"ext": value.code, "data": value.data}
    raise TypeError


class _Record(msgspec.Struct, gc=False, rename="camel"):
    """A message of either hub protocol; without a type, one of the handshake."""

    type: int | None = None
    invocation_id: str | int | None = None
    target: str = ""
    error: str | None = None
    allow_reconnect: bool | None = None
    sequence_id: int | None = None
    stream_ids: list[str] | None = None
    arguments: msgspec.Raw = msgspec.Raw(b"")
    protocol: str | None = None

    @property
    def ref(self) -> str:
        """Id of the invocation; empty where none is to be completed."""
        return "" if self.invocation_id is None else cut(str(self.invocation_id))


_decode_record = repairing(msgspec.json.Decoder(_Record).decode)
_decode_items = repairing(msgspec.json.Decoder(list[msgspec.Raw]).decode)
_ITEM = msgspec.json.Decoder(str | int | None)
_NAMES = msgspec.json.Decoder(list[str])
# Kind of result of a completion that failed, in MessagePack
_ERROR_RESULT = 1


def _read(payload: bytes) -> _Record:
    """Return a message; raises one of ``UNDECODABLE``."""
    text = payload.removesuffix(RECORD_END)
    return _of_items(_decode_items(text)) if text[:1] == b"[" else _decode_record(text)


def _of_items(items: list[msgspec.Raw]) -> _Record:
    """Return a message that was MessagePack: its members are items of an array, most of them behind headers."""

    def item(at: int) -> str | int | None:
        return _ITEM.decode(items[at]) if at < len(items) else None

    kind = item(0)
    if not isinstance(kind, int):
        raise msgspec.ValidationError("a message without a type")
    record = _Record(kind)
    match kind:
        case 1 | 4:
            record.invocation_id, record.target = item(2), str(item(3) or "")
            record.arguments = items[4] if len(items) > 4 else msgspec.Raw(b"")
            record.stream_ids = _NAMES.decode(items[5]) if len(items) > 5 else None
        case 2 | 5:
            record.invocation_id = item(2)
        case 3:
            record.invocation_id = item(2)
            record.error = str(item(4) or "") if item(3) == _ERROR_RESULT else None
        case 7:
            error = item(1)
            record.error = None if error is None else str(error)
            record.allow_reconnect = len(items) > 2 and bytes(items[2]) == b"true"
        case 8 | 9:
            sequence_id = item(1)
            record.sequence_id = sequence_id if isinstance(sequence_id, int) else None
    return record


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: SignalRState) -> Decoded:
    """Decode one whole message."""
    if opcode not in ("text", "binary"):
        return UNREAD
    try:
        record = _read(payload)
    except UNDECODABLE as error:
        return unreadable(error, _NAME)
    if record.type is None:
        return _handshake(record, state)
    name = _TYPES.get(record.type, "")
    match record.type:
        case 1 | 4:
            return _invocation(direction, record, state)
        case 2:
            return _item(direction, record, state)
        case 3:
            return _completion(direction, record, state)
        case 5:
            return _cancel(direction, record, state)
        case 6:
            beat: EventName = "heartbeat.received" if direction == "in" else "heartbeat.sent"
            return Decoded(name, happenings=(Happening(beat, "heartbeat"),))
        case 7:
            return _close(record, state)
        case 8 | 9:
            return Decoded(name, ref="" if record.sequence_id is None else cut(str(record.sequence_id)))
    return Decoded(cut(str(record.type)), error_type=_NAME, error="a message of an unknown type")


def _handshake(record: _Record, state: SignalRState) -> Decoded:
    """Read the first message of either side: a client names a hub protocol, the server takes it or says why not."""
    if record.protocol is not None:
        begun = state.calls.begin_anew(Call("request", _HANDSHAKE, state.now_ns, _HANDSHAKE))
        return Decoded(_HANDSHAKE, happenings=begun, meta={"hub_protocol": cut(record.protocol)})
    request = state.calls.end(_HANDSHAKE)
    if record.error is not None:
        error = state.credentials.mask(record.error)
        refused = Happening("error.occurred", type=_HANDSHAKE, error_type="refused", error=error)
        return Decoded(_HANDSHAKE, happenings=failed(request, "refused", error) if request else (refused,))
    if request is None:
        return Decoded(error_type=_NAME, error="a message without a type")
    return Decoded(_HANDSHAKE, happenings=completed(request))


def _invocation(direction: Direction, record: _Record, state: SignalRState) -> Decoded:
    target, ref = cut(record.target), record.ref
    for stream_id in (record.stream_ids or ())[:_MAX_NAMES]:
        keep_newest(state.uploads, f"{direction} {cut(stream_id)}", target, _MAX_NAMES)
    if not ref:
        return Decoded(target)
    key = f"{direction} {ref}"
    topic = state.topics.get(ref) if direction == "out" else None
    if key in state.calls or key in state.streams:
        return Decoded(target, ref=ref, happenings=(duplicate("request", target, ref),))
    call = Call(
        "request" if topic is None else "subscribe", key, state.now_ns, target, ref, () if topic is None else (topic,),
        by_peer=direction == "in",
    )  # fmt: skip
    calls = state.streams if record.type == 4 else state.calls
    state.cancelled.pop(key, None)
    return Decoded(target, topic or "", ref, happenings=calls.begin(call))


def _item(direction: Direction, record: _Record, state: SignalRState) -> Decoded:
    key, upload = _keys(direction, record)
    if stream := state.streams.get(key):
        keep_newest(state.items, key, state.items.get(key, 0) + 1, _MAX_NAMES)
        return Decoded(stream.type, ref=stream.ref)
    target = state.uploads.get(upload) or state.cancelled.get(key)
    return Decoded(target or _TYPES[2], ref=record.ref)


def _completion(direction: Direction, record: _Record, state: SignalRState) -> Decoded:
    """End an invocation or a stream of the other side, or a stream of arguments of this one."""
    key, upload = _keys(direction, record)
    call = state.calls.end(key) or state.streams.end(key)
    if call is None:
        target = state.uploads.pop(upload, None) or state.cancelled.pop(key, None)
        if target is not None:
            return Decoded(target, ref=record.ref)
        return Decoded(_TYPES[3], ref=record.ref, happenings=(unmatched("request", key, _TYPES[3], ref=record.ref),))
    items = state.items.pop(key, 0)
    meta: dict[str, Json] | None = {"items": items} if items else None
    topic = call.topics[0] if call.topics else ""
    if record.error is None:
        return Decoded(call.type, topic, call.ref, happenings=completed(call, meta))
    error = state.credentials.mask(record.error)
    return Decoded(call.type, topic, call.ref, happenings=failed(call, "completion", error, meta))


def _cancel(direction: Direction, record: _Record, state: SignalRState) -> Decoded:
    """End a stream that its own side gives up; a completion may follow."""
    key = f"{direction} {record.ref}"
    stream = state.streams.end(key)
    if stream is None:
        return Decoded(_TYPES[5], ref=record.ref)
    items = state.items.pop(key, 0)
    keep_newest(state.cancelled, key, stream.type, _MAX_NAMES)
    meta: dict[str, Json] | None = {"items": items} if items else None
    return Decoded(stream.type, ref=stream.ref, happenings=completed(stream, meta, "cancelled"))


def _keys(direction: Direction, record: _Record) -> tuple[str, str]:
    """Return the key of the invocation that a message is about, and that of a stream of arguments of its sender."""
    asker = "out" if direction == "in" else "in"
    return f"{asker} {record.ref}", f"{direction} {record.ref}"


def _close(record: _Record, state: SignalRState) -> Decoded:
    meta: dict[str, Json] = {"reconnect": bool(record.allow_reconnect)}
    if not record.error:
        return Decoded(_TYPES[7], meta=meta)
    error = state.credentials.mask(record.error)
    fault = Happening("error.occurred", type=_TYPES[7], error_type="closed", error=error, meta=meta)
    return Decoded(_TYPES[7], happenings=(fault,), meta=meta)


# Methods whose arguments are credentials, which have no names
_LOGINS = re.compile(r"(?:\b|_|(?<=[a-z0-9])(?=[A-Z]))(?i:log_?(?:in|on)|sign_?in|auth(?:enticate|ori[sz]e)?)(?![a-z])")
# Texts of a login that are masked one by one, names of members included, and places where its arguments stand: they do
# once, but for a message that repeats them elsewhere
_MAX_TEXTS = 1_000
_MAX_PLACES = 8
_ARGUMENTS_MASK = f'["{MASK}"]'.encode()
# The second group is there behind the name of a member
_TEXT = re.compile(rb'"((?:[^"\\]++|\\.)*+)"(\s*+:)?', re.DOTALL)


def mask(_opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Return a message with the texts that a method for a login gets masked, and whether there were any."""
    lowered = payload.lower() if payload[:1] in (b"{", b"[") else b""
    # A name may be written with escapes
    if not any(each in lowered for each in (b"log", b"sign", b"auth", b"\\u")):
        return payload, False
    try:
        record = _read(payload)
    except UNDECODABLE:
        return payload, False
    arguments = bytes(record.arguments)
    if b'"' not in arguments or not _LOGINS.search(record.target):
        return payload, False
    spans: list[ByteRange] = []
    start = payload.find(arguments)
    for _ in range(_MAX_PLACES):
        if start < 0:
            break
        end = start + len(arguments)
        spans += _texts(payload, start, end)
        start = payload.find(arguments, end)
    # Not there where JSON was repaired to be read, or in too many places
    if start >= 0 or payload.find(arguments) < 0:
        return MASK_BYTES, True
    return (mask_ranges(payload, spans), True) if spans else (payload, False)


def _texts(payload: bytes, start: int, end: int) -> list[ByteRange]:
    """Return where the texts in arguments are; where they are too many, all of the arguments."""
    texts = list(islice(_TEXT.finditer(payload, start, end), _MAX_TEXTS + 1))
    if len(texts) > _MAX_TEXTS:
        return [ByteRange(start, end, _ARGUMENTS_MASK)]
    return [ByteRange(*text.span(1)) for text in texts if text[1] and not text[2]]


def opening(_options: ClientOptions, _state: SignalRState) -> Outbox:
    """Return the handshake, which asks for JSON."""
    return (_sent({"protocol": "json", "version": 1}),)


def answer(decoded: Decoded, options: ClientOptions, state: SignalRState) -> Outbox:
    """Return the invocations that the configuration names, once the server took the handshake.

    A topic is the name of a method, a list of a name and its arguments, or a message that is sent as it is.
    """
    is_open = decoded.type == _HANDSHAKE and any(
        happening.name == "message.process.completed" and happening.status == "ok" for happening in decoded.happenings
    )
    if not is_open:
        return ()
    state.last_ping_ns = state.now_ns
    sent: Outbox = ()
    for number, topic in enumerate(options.topics, 1):
        sent += (_asked(topic.reveal(), f"{_OWN_ID}{number}", topic.masked, state),)
    return sent


def _asked(topic: str, ref: str, shown: str, state: SignalRState) -> str:
    content: object = topic
    if topic[:1] in "[{":
        with suppress(*UNDECODABLE):
            content = msgspec.json.decode(topic)
    if isinstance(content, dict):
        return topic if topic.endswith("\x1e") else f"{topic}\x1e"
    target, *arguments = content if isinstance(content, list) and content else (topic,)
    state.topics[ref] = cut(shown)
    return _sent({"type": 1, "invocationId": ref, "target": str(target), "arguments": arguments})


def due(now_ns: int, options: ClientOptions, state: SignalRState) -> Outbox:
    """Return a ping, where it is time: servers give up clients that say nothing."""
    if not options.answers or not state.last_ping_ns or now_ns - state.last_ping_ns < PING_EVERY_NS:
        return ()
    state.last_ping_ns = now_ns
    return (_sent({"type": 6}),)


def _sent(message: dict[str, object]) -> str:
    return msgspec.json.encode(message).decode() + "\x1e"


_REQUEST = re.compile(
    rb'\A\s*+\{(?=[^\x1e]{0,400}"protocol"\s*+:\s*+")(?=[^\x1e]{0,400}"version"\s*+:\s*+\d)[^\x1e]*+\x1e'
)


def _recognise(sample: MessageSample) -> str:
    is_it = sample.opcode in ("text", "binary") and _REQUEST.match(sample.payload)
    return "a message is the handshake of a hub protocol" if is_it else ""


def _dissect(event: Event, payload: bytes) -> Anatomy | None:
    is_array = payload[:1] == b"[" and (event.meta or {}).get("encoding") == "msgpack"
    if not (is_array or (payload[:1] == b"{" and payload.endswith(RECORD_END))):
        return None
    record = _read(payload)
    name = _HANDSHAKE if record.type is None else _TYPES.get(record.type, "")
    if not name:
        return None
    ids = ", ".join(record.stream_ids or ())
    parts = (
        ("Target", record.target),
        ("Invocation id", record.ref),
        ("Streams", ids),
        ("Error", record.error or ""),
        ("Hub protocol", record.protocol or ""),
        ("Reconnect", "" if record.allow_reconnect is None else str(record.allow_reconnect).lower()),
    )
    body = bytes(record.arguments) or (payload if is_array else payload.removesuffix(RECORD_END))
    return Anatomy(f"SignalR {name}", parts, body)


PROTOCOL = Protocol(
    _NAME,
    SignalRState,
    decode,
    has_binary=True,
    split=split,
    recognise=_recognise,
    handshake=handshake_happenings,
    dissect=_dissect,
    new_masks=lambda _state: {"in": mask, "out": mask},
    client=ProtocolClient(opening, answer, due),
)
