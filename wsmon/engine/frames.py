"""FramePath: makes an event of every frame of one session. The hot path.

In: the calls of ``FrameListener``, from the tap of the session (engine/tap.py). Out: events to the sink (the bus, which
the writer of the store empties): pings, pongs, and data messages as they are, where no protocol is read (``raw``).
Where one is read, data messages go on to ``MessagePath`` (engine/messages.py). engine/session.py makes one a session.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from wsmon.config.specs import CaptureSpec, ConnectionSpec
from wsmon.decoders.base import MAGIC_BYTES, Decoder, is_utf8
from wsmon.decoders.registry import DECODERS
from wsmon.decoders.session import AUTO, EVERYTHING, NOTHING, DecodedMessage, DecodeProblem, PayloadDecoding
from wsmon.engine.frame_scan import DataOpcode
from wsmon.model.block import MOST_MESSAGES, Block, PlainColumns, PlainReading
from wsmon.model.events import BY_HAND, ENCODING, Direction, Event, EventName, Json, Meta, Opcode, Source
from wsmon.model.redact.masking import MASKED_UNREAD
from wsmon.model.redact.redactor import Redactor
from wsmon.model.spans import Instant
from wsmon.model.units import MS_NS
from wsmon.ports import Clock, EventSink

NO_META: Final[Meta] = MappingProxyType({})
# Fewer messages of one read are emitted one by one
LEAST_MESSAGES = 3


class WireForm(NamedTuple):
    """How a message was received, or sent, whose payload was decoded."""

    opcode: DataOpcode
    size: int
    encoding: str
    """The decoders in their order."""
    raw: bytes | None
    """The message itself, where it is to be kept."""
    continues: bool = False
    """Whether it is a part, and a later message has the content of all parts."""

    def meta(self, redactor: Redactor, limit_bytes: int, *, is_redacted: bool) -> dict[str, Json]:
        """Return what ``meta`` says of it; the message itself only where nothing in it, decoded or not, is masked."""
        meta: dict[str, Json] = {ENCODING: self.encoding}
        if self.continues:
            meta["continues"] = True
        raw = self.raw
        if raw is not None and not is_redacted and len(raw) <= limit_bytes and not redactor.payload(raw)[1]:
            meta["raw_base64"] = base64.b64encode(raw).decode()
        return meta


def decoding_of(spec: ConnectionSpec, decoders: Mapping[str, Decoder[Any]] = DECODERS) -> PayloadDecoding | None:
    """Make the decoders of a new session; None where nothing is decoded, as with ``raw`` unless a decoder is named."""
    names = spec.decode
    if not names or (spec.protocol == "raw" and names == AUTO):
        return None
    return PayloadDecoding(names, spec.max_message_bytes, decoders)


class DataPath(Protocol):
    """Takes the data messages of a session whose protocol is read."""

    def emit(
        self,
        name: EventName,
        direction: Direction,
        opcode: DataOpcode,
        payload: bytes,
        wire_size: int,
        fragments: int,
        ts_ns: int,
        mono_ns: int,
        *,
        is_by_hand: bool = False,
        wire: WireForm | None = None,
    ) -> None:
        """Emit a message that came in or went out at this wall and monotonic time; ``is_by_hand``: the user's own.

        ``wire`` says how it came where ``payload`` is what was decoded, and ``opcode`` that of the content.
        """
        ...

    @property
    def has_binary(self) -> bool:
        """Whether binary messages are the protocol's own: what they begin with says nothing of an encoding."""
        ...

    @property
    def reads_plain(self) -> bool:
        """Whether incoming messages may be read several at once, and the plain ones emitted as a block."""
        ...

    def read_plain(self, payloads: Sequence[bytes]) -> PlainReading | None:
        """Read incoming text messages, where ``reads_plain``; None where each is to be emitted by itself."""
        ...


class AwaitedPongs(Protocol):
    """Knows which pings of ours are not answered yet; ``Keepalive`` (engine/keepalive.py) is the engine's."""

    def is_awaited(self, payload: bytes) -> bool:
        """Whether a pong with this payload answers a ping of ours."""
        ...

    def answer(self, arrived_ns: int) -> int | None:
        """Take the awaited pong; return its round trip in nanoseconds, None where it is not known."""
        ...


class FramePath:
    """Emits an event for every message, ping and pong; the clock is read once for all that arrive together."""

    def __init__(
        self,
        source: Source,
        capture: CaptureSpec,
        redactor: Redactor,
        sink: EventSink,
        clock: Clock,
        on_full: Callable[[], None],
        messages: DataPath | None = None,
        decoding: PayloadDecoding | None = None,
    ) -> None:
        """``on_full`` is called when the sink holds more than it should; ``messages`` is None for ``raw``."""
        self._source = source
        self._redactor = redactor
        self._redact = redactor.payload
        self._sink = sink
        self._emit = sink.emit_message
        self._clock = clock
        self._on_full = on_full
        self._ts_ns = clock.wall_ns()
        self._mono_ns = clock.mono_ns()
        self._limit_bytes = payload_limit_bytes(capture)
        self._is_in_chunk = False
        self._incoming = messages
        self._outgoing = messages
        # None where payloads are not decoded
        self._decoding = decoding
        self._keeps_raw = capture.raw
        # What messages begin with, in two bytes, that may have to be decoded: JSON does not
        self._text_begins = NOTHING if decoding is None else decoding.text_begins
        self._binary_begins = NOTHING if decoding is None else decoding.binary_begins
        # Set once the session is usable
        self.keepalive: AwaitedPongs | None = None
        # Of pings that come in, where a client other than wsmon answers them
        self.peer_pings: AwaitedPongs | None = None
        # What ``meta`` says of pings and pongs
        self.control_meta: Mapping[Direction, Meta] = {}
        # While a text of the user is sent
        self.is_by_hand = False
        # Monotonic times of the last bytes in and the last frame out, close frames aside; None before the first
        self.last_in_ns: int | None = None
        # Of the bytes before the last
        self._prior_in_ns: int | None = None
        self.last_out_ns: int | None = None

    def use_redactor(self, redactor: Redactor) -> None:
        """Mask other values from now on."""
        self._redactor = redactor
        self._redact = redactor.payload

    def use_capture(self, capture: CaptureSpec) -> None:
        """Keep more or less of each payload from now on."""
        self._limit_bytes = payload_limit_bytes(capture)
        self._keeps_raw = capture.raw

    def now(self) -> Instant:
        """Read the clock; return its time, which the events that follow have, too."""
        self._read_clock()
        return Instant(self._ts_ns, self._mono_ns)

    def ages_ms(self, now_ns: int) -> dict[str, Json]:
        """Return how long before this monotonic time the last frame came in and the last one went out, for ``meta``."""
        moments = {"last_in_ms": self.last_in_ns, "last_out_ms": self.last_out_ns}
        return {key: round((now_ns - at_ns) / MS_NS, 3) for key, at_ns in moments.items() if at_ns is not None}

    def stop_interpreting(self) -> None:
        """Record incoming messages without reading them: we close the session, and a flood must not delay that."""
        self._incoming = None

    def on_chunk(self) -> None:
        """Take the present as the time of everything until ``on_chunk_end``."""
        self._read_clock()
        self._prior_in_ns = self.last_in_ns
        self.last_in_ns = self._mono_ns
        self._is_in_chunk = True

    def on_chunk_end(self) -> None:
        """Check whether the sink is full, now that everything that arrived was emitted."""
        self._is_in_chunk = False
        if self._sink.is_full:
            self._on_full()

    def on_messages(self, opcode: DataOpcode, payloads: Sequence[bytes], wire_sizes: Sequence[int]) -> None:
        """Emit incoming messages of one frame each: the plain ones as blocks, the others one by one, in their order."""
        at, end = 0, len(payloads)
        if (
            opcode == "text"
            and end >= LEAST_MESSAGES
            and (self._incoming is None or self._incoming.reads_plain)
            and self._text_begins is not EVERYTHING
        ):
            at = self._emit_plain(payloads, wire_sizes)
        for payload, wire_size in zip(payloads[at:], wire_sizes[at:], strict=True):
            self.on_message(opcode, payload, wire_size, 1)

    def _emit_plain(self, payloads: Sequence[bytes], wire_sizes: Sequence[int]) -> int:
        """Emit text messages while plain ones among them may be read at once; return how many were emitted."""
        incoming = self._incoming
        columns: PlainColumns | None = None
        others: Sequence[int] = ()
        took_ns = None
        if incoming is not None:
            began_ns = self._clock.mono_ns()
            reading = incoming.read_plain(payloads)
            if reading is None:
                return 0
            columns, others = reading
            took_ns = (self._clock.mono_ns() - began_ns) // len(payloads)
        sizes = list(map(len, payloads))
        limit_bytes = self._limit_bytes
        suspicious = self._redactor.suspicious(payloads)
        is_any_long = max(sizes) > limit_bytes >= 0
        if suspicious or is_any_long:
            long = (at for at, size in enumerate(sizes) if size > limit_bytes) if is_any_long else ()
            others = sorted({*others, *suspicious, *long})
        texts = list(map(bytes.decode, payloads)) if limit_bytes >= 0 else []
        at = 0
        for stop in (*others, len(payloads)):
            while at < stop:
                part = slice(at, min(stop, at + MOST_MESSAGES))
                self._sink.emit_block(
                    Block(
                        self._source,
                        self._ts_ns,
                        self._mono_ns,
                        sizes[part],
                        wire_sizes[part],
                        texts[part],
                        None if columns is None else PlainColumns(*(column[part] for column in columns)),
                        took_ns,
                    )
                )
                at = part.stop
            if stop < len(payloads):
                self.on_message("text", payloads[stop], wire_sizes[stop], 1)
                at = stop + 1
                # The message may have shown another protocol, or that the session is closing
                if self._incoming is not incoming or not (incoming is None or incoming.reads_plain):
                    break
                if self._text_begins is EVERYTHING:
                    break
        return at

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        """Emit an incoming message."""
        # Most messages take the first step alone: 0.1 µs
        begins = self._binary_begins if opcode == "binary" else self._text_begins
        if payload[:MAGIC_BYTES] in begins and self._emit_decoded(
            "message.received", "in", opcode, payload, wire_size, fragments
        ):
            return
        if self._incoming is not None:
            self._incoming.emit(
                "message.received", "in", opcode, payload, wire_size, fragments, self._ts_ns, self._mono_ns
            )
            return
        size = len(payload)
        limit_bytes = self._limit_bytes
        masked = None
        if fragments == 1 and size <= limit_bytes:
            masked = kept, is_redacted = self._redact(payload)
            if len(kept) <= limit_bytes and not (is_redacted and self._redactor.is_over_budget):
                # Positional: keyword arguments cost 0.1 µs a message
                self._emit(
                    Event(
                        self._source,
                        "message.received",
                        self._ts_ns,
                        self._mono_ns,
                        "in",
                        opcode,
                        size,
                        wire_size,
                        kept,
                        False,
                        is_redacted,
                    )
                )
                return
        self._emit_frame("message.received", "in", opcode, payload, wire_size, fragments=fragments, masked=masked)

    def _emit_decoded(
        self, name: EventName, direction: Direction, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int
    ) -> bool:
        """Emit a message as what it decodes to, and what is wrong with it; return whether there was any of both."""
        decoding = self._decoding
        # The path of what goes out stays where that of what comes in was dropped
        messages = self._outgoing
        if decoding is None or (decoding.is_auto and opcode == "binary" and messages and messages.has_binary):
            return False
        found, problem = decoding.decode(direction, opcode, payload)
        self._binary_begins = decoding.binary_begins
        if found is None and problem is None:
            return False
        wire = None
        content, of_content = payload, opcode
        if found is not None:
            wire = self._wire_form(opcode, payload, found)
            if opcode == "text":
                # Those that follow are not emitted as blocks
                self._text_begins = EVERYTHING
            content = b"" if found.content is None else found.content
            of_content = "text" if is_utf8(content) else "binary"
        path = self._incoming if direction == "in" else messages
        if path is None or (wire is not None and wire.continues):
            self._emit_frame(name, direction, of_content, content, wire_size, fragments=fragments, wire=wire)
        else:
            path.emit(
                name, direction, of_content, content, wire_size, fragments, self._ts_ns, self._mono_ns,
                is_by_hand=self.is_by_hand, wire=wire,
            )  # fmt: skip
        if problem is not None:
            self._emit_problem(problem, direction)
        return True

    def _wire_form(self, opcode: DataOpcode, payload: bytes, found: DecodedMessage) -> WireForm:
        raw = payload if self._keeps_raw and found.is_alone else None
        return WireForm(opcode, len(payload), found.encoding, raw, found.content is None)

    def _emit_problem(self, problem: DecodeProblem, direction: Direction) -> None:
        self._sink.emit(
            Event(
                self._source,
                problem.name,
                self._ts_ns,
                self._mono_ns,
                direction,
                error_type=problem.error_type,
                error=problem.error,
            )
        )

    def on_ping(self, payload: bytes, wire_size: int) -> None:
        """Emit a ping of the peer; the library answers it."""
        self._emit_frame("heartbeat.received", "in", "ping", payload, wire_size)

    def on_pong(self, payload: bytes, wire_size: int) -> None:
        """Emit a pong: the answer to our ping, with its round trip, or an unsolicited one."""
        name: EventName = "heartbeat.received"
        took_ns = None
        if self.keepalive is not None and self.keepalive.is_awaited(payload):
            name = "heartbeat.responded"
            took_ns = self.keepalive.answer(self._mono_ns)
        self._emit_frame(name, "in", "pong", payload, wire_size, duration_ns=took_ns)

    def on_close(self, *, is_alone: bool) -> None:
        """Take the bytes before the close frame as the last that came in: the silence before an end counts."""
        if is_alone:
            self.last_in_ns = self._prior_in_ns

    def on_sent(self, opcode: Opcode, payload: bytes, wire_size: int, fragments: int = 1) -> None:
        """Emit what goes out; close frames are part of the last event of the session.

        wsmon sends each message in one frame, the application behind a relay as it likes.
        """
        if not self._is_in_chunk:
            self._read_clock()
        # A close frame of ours answers the peer's, or is the end itself: the last frame before it counts
        if opcode != "close":
            self.last_out_ns = self._mono_ns
        match opcode:
            case "text" | "binary":
                begins = self._binary_begins if opcode == "binary" else self._text_begins
                if payload[:MAGIC_BYTES] in begins and self._emit_decoded(
                    "message.sent", "out", opcode, payload, wire_size, fragments
                ):
                    return
                if self._outgoing is None:
                    self._emit_frame("message.sent", "out", opcode, payload, wire_size, fragments=fragments)
                else:
                    self._outgoing.emit(
                        "message.sent",
                        "out",
                        opcode,
                        payload,
                        wire_size,
                        fragments,
                        self._ts_ns,
                        self._mono_ns,
                        is_by_hand=self.is_by_hand,
                    )
            case "ping":
                self._emit_frame("heartbeat.sent", "out", "ping", payload, wire_size)
            case "pong":
                took_ns = None
                if self.peer_pings is not None and self.peer_pings.is_awaited(payload):
                    took_ns = self.peer_pings.answer(self._mono_ns)
                self._emit_frame("heartbeat.responded", "out", "pong", payload, wire_size, duration_ns=took_ns)

    def emit_timeout(self, waited_ns: int) -> None:
        """Emit that our ping was not answered within ``waited_ns``."""
        self._read_clock()
        self._emit(
            Event(
                self._source,
                "heartbeat.timeout",
                self._ts_ns,
                self._mono_ns,
                size=0,
                duration_ns=waited_ns,
                error_type="heartbeat_timeout",
                error=f"no pong for {waited_ns / 1e9:g} s",
            )
        )

    def _read_clock(self) -> None:
        self._ts_ns = self._clock.wall_ns()
        self._mono_ns = self._clock.mono_ns()

    def _emit_frame(
        self,
        name: EventName,
        direction: Direction,
        opcode: Opcode,
        payload: bytes,
        wire_size: int,
        *,
        duration_ns: int | None = None,
        fragments: int = 1,
        masked: tuple[bytes, bool] | None = None,
        wire: WireForm | None = None,
    ) -> None:
        """Emit any frame; the general case of what ``on_message`` does for most of them.

        ``masked`` is what the redactor has just returned for it; None where it was not asked.
        """
        kept, is_redacted, is_cut = None, False, False
        meta: dict[str, Json] = {"fragments": fragments} if fragments > 1 else {}
        if self.is_by_hand:
            meta |= BY_HAND
        if opcode in ("ping", "pong"):
            meta |= self.control_meta.get(direction, NO_META)
        if self._limit_bytes >= 0:
            kept, is_redacted = masked or self._redact(payload)
            if is_redacted and self._redactor.is_over_budget:
                meta |= MASKED_UNREAD
            is_cut = len(kept) > self._limit_bytes
            kept = cut(kept, self._limit_bytes, opcode) if is_cut else kept
        if wire is not None:
            meta |= wire.meta(self._redactor, self._limit_bytes, is_redacted=is_redacted)
        self._emit(
            Event(
                self._source,
                name,
                self._ts_ns,
                self._mono_ns,
                direction,
                opcode if wire is None else wire.opcode,
                len(payload) if wire is None else wire.size,
                wire_size,
                kept,
                is_cut,
                is_redacted,
                duration_ns=duration_ns,
                meta=meta or None,
            )
        )


def payload_limit_bytes(capture: CaptureSpec) -> int:
    """Return the size of the longest payload that is kept whole; below 0 where payloads are not kept."""
    return capture.payload_limit_bytes if capture.payloads else -1


def cut(payload: bytes, limit_bytes: int, opcode: Opcode) -> bytes:
    """Return at most ``limit_bytes`` of a payload that is longer; text is cut between two characters."""
    end = limit_bytes
    if opcode == "text":
        while end > 0 and payload[end] & 0xC0 == 0x80:
            end -= 1
    return payload[:end]
