"""Frames become events: messages and heartbeats of one session. The hot path."""

from __future__ import annotations

from collections.abc import Callable

from wsmon.config.specs import CaptureSpec
from wsmon.engine.keepalive import Keepalive
from wsmon.engine.tap import DataOpcode
from wsmon.model.events import Direction, Event, EventName, Json, Opcode, Source
from wsmon.model.redact import Redactor
from wsmon.ports import Clock, EventSink


class Frames:
    """Emits an event for every message, ping and pong; the clock is read once for all that arrive together."""

    def __init__(
        self,
        source: Source,
        capture: CaptureSpec,
        redactor: Redactor,
        sink: EventSink,
        clock: Clock,
        on_full: Callable[[], None],
    ) -> None:
        """``on_full`` is called when the sink holds more than it should."""
        self._source = source
        self._redact = redactor.payload
        self._sink = sink
        self._emit = sink.emit_message
        self._clock = clock
        self._on_full = on_full
        self._ts_ns = clock.wall_ns()
        self._mono_ns = clock.mono_ns()
        self._limit_bytes = _limit_bytes(capture)
        self._is_in_chunk = False
        self.keepalive: Keepalive | None = None
        # once the session is usable
        self.last_in_ns: int | None = None
        # Monotonic, of the last bytes in and the last frame out; None before the first
        self.last_out_ns: int | None = None

    def use_redactor(self, redactor: Redactor) -> None:
        """What is secret has changed."""
        self._redact = redactor.payload

    def use_capture(self, capture: CaptureSpec) -> None:
        """What is kept of a frame has changed."""
        self._limit_bytes = _limit_bytes(capture)

    def begin(self, url: str, subprotocol: str) -> dict[str, Json]:
        """The connection is usable: what its handshake tells of the protocol, for the event that says so."""
        return {}

    def start(self) -> None:
        """It was said that the connection is usable; messages follow."""
        self.read_clock()

    def pause(self) -> None:
        """Reading stands still: our own store is slow."""

    def resume(self) -> None:
        """Reading goes on."""

    def start_speaking(self, send: Callable[[str | bytes], None], give_up: Callable[[], None]) -> None:
        """What the configuration sends was sent; a protocol that may speak begins. ``give_up`` ends the session."""

    def code_meaning(self, code: int | None) -> str:
        """What a close code means in the protocol of the session; empty where it says nothing of it."""
        return ""

    def begin_closing(self) -> None:
        """We end the session: what still comes answers nobody."""

    def end(self) -> None:
        """The session is over; its end is told next."""

    def read_clock(self) -> None:
        """What is told from here on happens now."""
        self._ts_ns = self._clock.wall_ns()
        self._mono_ns = self._clock.mono_ns()

    def on_chunk(self) -> None:
        """Bytes arrived: now."""
        self.read_clock()
        self.last_in_ns = self._mono_ns
        self._is_in_chunk = True

    def on_chunk_end(self) -> None:
        """Everything that arrived was emitted."""
        self._is_in_chunk = False
        if self._sink.is_full:
            self._on_full()

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        """A message came in."""
        size = len(payload)
        if fragments == 1 and size <= self._limit_bytes:
            kept, is_redacted = self._redact(payload)
            if len(kept) <= self._limit_bytes:
                # positional: keyword arguments cost 0.1 µs a message
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
        self._emit_frame("message.received", "in", opcode, payload, wire_size, fragments=fragments)

    def on_ping(self, payload: bytes, wire_size: int) -> None:
        """The peer's ping; the library answers it."""
        self._emit_frame("heartbeat.received", "in", "ping", payload, wire_size)

    def on_pong(self, payload: bytes, wire_size: int) -> None:
        """A pong: the answer to our ping, or one that nobody asked for."""
        name: EventName = "heartbeat.received"
        took_ns = None
        if self.keepalive is not None and self.keepalive.is_awaited(payload):
            name = "heartbeat.responded"
            took_ns = self.keepalive.answer(self._mono_ns)
        self._emit_frame(name, "in", "pong", payload, wire_size, duration_ns=took_ns)

    def on_sent(self, opcode: Opcode, payload: bytes, wire_size: int) -> None:
        """A frame went out; closes are told with the end of the session."""
        if not self._is_in_chunk:
            self.read_clock()
        if opcode != "close":  # ours answers the peer's, or is the end itself: what counts is the last frame before
            self.last_out_ns = self._mono_ns
        match opcode:
            case "text" | "binary":
                self.emit_sent(opcode, payload, wire_size)
            case "ping":
                self._emit_frame("heartbeat.sent", "out", "ping", payload, wire_size)
            case "pong":
                self._emit_frame("heartbeat.responded", "out", "pong", payload, wire_size)

    def emit_sent(self, opcode: DataOpcode, payload: bytes, wire_size: int) -> None:
        """A message went out, at the time that was read."""
        self._emit_frame("message.sent", "out", opcode, payload, wire_size)

    def emit_timeout(self, waited_ns: int) -> None:
        """Our ping was not answered in time."""
        self.read_clock()
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
    ) -> None:
        """Any frame, with everything that may apply."""
        kept, is_redacted, is_cut = None, False, False
        if self._limit_bytes >= 0:
            kept, is_redacted = self._redact(payload)
            is_cut = len(kept) > self._limit_bytes
            kept = cut(kept, self._limit_bytes, opcode) if is_cut else kept
        self._emit(
            Event(
                self._source,
                name,
                self._ts_ns,
                self._mono_ns,
                direction,
                opcode,
                len(payload),
                wire_size,
                kept,
                is_cut,
                is_redacted,
                duration_ns=duration_ns,
                meta={"fragments": fragments} if fragments > 1 else None,
            )
        )


def _limit_bytes(capture: CaptureSpec) -> int:
    """The longest payload that is kept whole; below 0 where none is kept."""
    return capture.payload_limit_bytes if capture.payloads else -1


def cut(payload: bytes, limit_bytes: int, opcode: Opcode) -> bytes:
    """At most so many bytes; text is cut between two characters, so that it stays text."""
    end = limit_bytes
    if opcode == "text":
        while end > 0 and payload[end] & 0xC0 == 0x80:
            end -= 1
    return payload[:end]
