"""Messages of a recorded session as its server sent them: joined where a frame held several, encoded again where exact.

What cannot be given back as it came is counted.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import msgspec

from wsmon.decoders.base import is_utf8
from wsmon.model.events import Event, Json

SOCKJS: Final = "sockjs"
# Types and beginnings of SockJS's own frames; all others hold messages
_SOCKJS_FRAMES: Final = frozenset({("open", b"o"), ("heartbeat", b"h"), ("close", b"c"), ("messages", b"a")})


def _deflated(content: bytes, wbits: int) -> bytes:
    deflater = zlib.compressobj(wbits=wbits)
    return deflater.compress(content) + deflater.flush()


# What makes a message of its content again: other bytes, possibly, that every reader decodes to the same
_ENCODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        "gzip": lambda content: _deflated(content, 31),
        "zlib": lambda content: _deflated(content, 15),
        "deflate": lambda content: _deflated(content, -15),
        "base64": base64.b64encode,
    }
)


@dataclass(slots=True)
class ServedCounts:
    """How many messages of the server there are, and how many of them are not as they were received."""

    messages: int = 0
    masked: int = 0
    cut: int = 0
    """Longer than what is stored of each message; the beginning is sent."""
    not_stored: int = 0
    """Without a payload, so that nothing is sent."""
    decoded: int = 0
    """Sent as the text that a decoder made, because the encoding cannot be repeated."""
    encoded: int = 0
    """Compressed or put into their envelope again: the content is the same, the bytes may differ."""

    @property
    def altered(self) -> int:
        """Messages that a client does not get as the recorder did; one that is encoded again has the same content."""
        return self.masked + self.cut + self.not_stored + self.decoded

    def add(self, other: ServedCounts) -> None:
        """Add other counts to these."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


class WireMessage(NamedTuple):
    """A message, or a ping, that the server sent."""

    event_id: int
    """Of its first event."""
    mono_ns: int
    opcode: Literal["text", "binary", "ping"]
    payload: bytes
    size: int | None = None
    """Bytes that the server sent, where they are stored as they are, masked or cut; None = made from what is stored."""


class WireMessages:
    """Makes the messages of one session of its events, which come in their order."""

    def __init__(self, sockjs_from_id: int | None = None) -> None:
        """``sockjs_from_id``: the first message in an envelope of SockJS, where that is known; 0 = all are."""
        self.counts = ServedCounts()
        # As known until now: the event that says so comes behind the message that showed it
        self.sockjs_from_id = sockjs_from_id
        self._newest_id = 0
        # Parts of a frame whose last part has not come yet
        self._parts: list[Event] = []

    def feed(self, events: Iterable[Event]) -> Iterator[WireMessage]:
        """Yield the messages that these events complete; events of other kinds yield nothing."""
        for event in events:
            if event.name == "connection.protocol" and event.type == SOCKJS and self.sockjs_from_id is None:
                self.sockjs_from_id = self._newest_id
            if event.name == "message.batch_processed":
                self.counts.not_stored += _counted(event)
            if event.direction != "in":
                continue
            if event.name == "heartbeat.received" and event.opcode == "ping":
                yield WireMessage(event.id, event.mono_ns, "ping", event.payload or b"")
            elif event.name == "message.received" and event.opcode in ("text", "binary"):
                yield from self._take(event)

    def end(self) -> Iterator[WireMessage]:
        """Yield what is left of a frame whose last part was not stored."""
        if self._parts:
            yield from self._frame()

    def _take(self, event: Event) -> Iterator[WireMessage]:
        self._newest_id = event.id
        part, parts = _number(event, "part"), _number(event, "parts")
        if self._parts and part != len(self._parts) + 1:
            yield from self._frame()
        self._parts.append(event)
        if part >= parts:
            yield from self._frame()

    def _frame(self) -> Iterator[WireMessage]:
        """Yield the frame of the collected parts; nothing where none of it is stored."""
        events, self._parts = self._parts, []
        first, counts = events[0], self.counts
        counts.messages += 1
        if _meta(first).get("continues"):
            # Its content is in a later message, which has the bytes of all
            counts.encoded += 1
            return
        if any(event.payload is None for event in events):
            counts.not_stored += 1
            return
        if any(event.redacted for event in events):
            counts.masked += 1
        elif any(event.truncated for event in events):
            counts.cut += 1
        opcode, payload = self._payload(events)
        is_own = len(events) == 1 and not first.encoding and not _number(first, "joined_size")
        yield WireMessage(first.id, first.mono_ns, opcode, payload, first.size if is_own else None)

    def _payload(self, events: list[Event]) -> tuple[Literal["text", "binary"], bytes]:
        first, counts = events[0], self.counts
        if self.sockjs_from_id is not None and first.id >= self.sockjs_from_id and _is_enveloped(first):
            counts.encoded += 1
            texts = [(event.payload or b"").decode("utf-8", "replace") for event in events]
            return "text", b"a" + msgspec.json.encode(texts)
        if raw := _raw(first):
            return ("text" if first.opcode == "text" and is_utf8(raw) else "binary"), raw
        content = b"".join(map(_own_bytes, events))
        encoding = first.encoding
        if encoding:
            encoders = [_ENCODERS.get(name) for name in reversed(encoding.split("+"))]
            if all(encoders):
                for encoder in encoders:
                    content = encoder(content) if encoder else content
                counts.encoded += 1
            elif not any(event.redacted or event.truncated for event in events):
                counts.decoded += 1
        is_text = any(event.opcode == "text" for event in events)
        return ("text" if is_text and is_utf8(content) else "binary"), content


def _own_bytes(event: Event) -> bytes:
    """Return what a message brought itself: one that began in earlier frames is stored whole at its end."""
    payload = event.payload or b""
    joined = _number(event, "joined_size")
    if joined and joined == len(payload) and event.size is not None and not event.encoding:
        return payload[joined - event.size :]
    return payload


def _is_enveloped(event: Event) -> bool:
    """Whether SockJS carried a message in an array: its own frames, and those before it was recognised, stand alone."""
    payload = event.payload or b""
    if _number(event, "parts") > 1:
        return True
    return (event.type, payload[:1]) not in _SOCKJS_FRAMES and payload not in (b"o", b"h")


def _raw(event: Event) -> bytes:
    """Return the message as it was received, where the recording has it beside its content."""
    kept = _meta(event).get("raw_base64")
    try:
        return base64.b64decode(kept, validate=True) if isinstance(kept, str) else b""
    except binascii.Error:
        return b""


def _meta(event: Event) -> Mapping[str, Json]:
    return event.meta or {}


def _number(event: Event, key: str) -> int:
    value = _meta(event).get(key)
    return value if isinstance(value, int) else 0


def _counted(event: Event) -> int:
    received = _meta(event).get("received")
    count = received.get("count") if isinstance(received, Mapping) else 0
    return count if isinstance(count, int) else 0
