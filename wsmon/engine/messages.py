"""Frames of a session whose protocol is understood: each message says what it is, and what it means follows it.

A message is read as it came, then masked; only what is masked is kept, and what was read repeats nothing masked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from wsmon.config.specs import CaptureSpec, ConnectionSpec
from wsmon.engine.columns import Columns
from wsmon.engine.frames import Frames, cut
from wsmon.engine.listener import DataOpcode
from wsmon.engine.narrator import Narrator
from wsmon.engine.protocol_session import Interpreter, Memory
from wsmon.engine.reporter import Reporter
from wsmon.engine.speaker import Speaker
from wsmon.model.events import Direction, Event, EventName, Json, Meta, Source
from wsmon.model.measures import Measures
from wsmon.model.profiles import PROFILES
from wsmon.model.redact import Redactor
from wsmon.model.spans import Instant
from wsmon.ports import Clock, EventSink
from wsmon.protocols.reading import Reading

SWITCHING_PROTOCOLS = 101


class ReadFrames(Frames):
    """Emits a message with what the interpreter read, then what the narrator has to tell about it."""

    def __init__(
        self,
        source: Source,
        capture: CaptureSpec,
        columns: Columns,
        sink: EventSink,
        clock: Clock,
        on_full: Callable[[], None],
        interpreter: Interpreter,
        narrator: Narrator,
        speaker: Speaker,
        measures: Measures,
        *,
        has_credentials: bool,
    ) -> None:
        """``has_credentials``: the upgrade itself carries some."""
        super().__init__(source, capture, columns.redactor, sink, clock, on_full)
        self._columns = columns
        self._interpreter = interpreter
        self._narrator = narrator
        self._speaker = speaker
        self._measures = measures
        self._has_credentials = has_credentials
        self._has_started = False
        self._is_closing = False

    def use_redactor(self, redactor: Redactor) -> None:
        """What is secret has changed."""
        super().use_redactor(redactor)
        self._columns.redactor = redactor

    def begin(self, url: str, subprotocol: str) -> dict[str, Json]:
        """The connection is usable: what its handshake tells of the protocol."""
        return self._interpreter.begin(url, subprotocol)

    def start(self) -> None:
        """It was said that the connection is usable."""
        now = self._now()
        self._narrator.begin(now)
        self._narrator.tell(self._interpreter.handshake(self._has_credentials, SWITCHING_PROTOCOLS), "", now)
        self._interpreter.start(self._speaker.tick)
        self._has_started = True

    def start_speaking(self, send: Callable[[str | bytes], None], give_up: Callable[[], None]) -> None:
        """What the configuration sends was sent; a protocol that may speak begins. ``give_up`` ends the session."""
        if self._has_started:
            self._speaker.start(send, give_up)

    def code_meaning(self, code: int | None) -> str:
        """What a close code means in the protocol of the session; empty where it says nothing of it."""
        return self._interpreter.code_meaning(code)

    def pause(self) -> None:
        """Reading stands still."""
        self._interpreter.pause()
        self._speaker.pause()

    def resume(self) -> None:
        """Reading goes on."""
        self._interpreter.resume()
        self._speaker.resume()

    def begin_closing(self) -> None:
        """We end the session: what still comes is recorded and not read, so that a flood delays no stop."""
        self._is_closing = not self._interpreter.masks_received
        self._speaker.stop()

    def end(self) -> None:
        """The session is over: what waits for something will not get it."""
        self._interpreter.stop()
        self._speaker.stop()
        if self._has_started:
            self._has_started = False
            self._narrator.end(self._now())

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        """A message came in."""
        if self._is_closing:
            super().on_message(opcode, payload, wire_size, fragments)
            return
        self._emit_data("message.received", "in", opcode, payload, wire_size, fragments)

    def emit_sent(self, opcode: DataOpcode, payload: bytes, wire_size: int) -> None:
        """A message went out."""
        self._emit_data("message.sent", "out", opcode, payload, wire_size, 1)

    def _emit_data(
        self, name: EventName, direction: Direction, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int
    ) -> None:
        began_ns = self._clock.mono_ns()
        reading = self._interpreter.read(direction, opcode, payload, self._mono_ns)
        took_ns = self._clock.mono_ns() - began_ns
        masked, has_secrets = self._interpreter.mask(direction, opcode, payload)
        is_measured = direction == "in" and bool(self._measures)
        limit_bytes = self._limit_bytes
        columns = self._columns
        is_redacted = False
        if limit_bytes >= 0 or is_measured or _is_told(reading):
            masked, is_redacted = self._redact(masked)
            is_redacted = is_redacted or has_secrets
            columns.of(payload, masked, is_masked=is_redacted)
        clean = columns.clean
        kept: bytes | None = masked
        is_cut = False
        if limit_bytes < 0:
            kept, is_redacted = None, False
        elif len(masked) > limit_bytes:
            kept, is_cut = cut(masked, limit_bytes, opcode), True
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
                clean(reading.type) if reading.type else "",
                clean(reading.topic) if reading.topic else "",
                clean(reading.ref) if reading.ref else "",
                took_ns,
                error_type=reading.error_type,
                error=clean(reading.error) if reading.error else "",
                meta=self._meta(reading, payload, fragments, is_measured=is_measured)
                if fragments > 1 or reading.meta or is_measured
                else None,
            )
        )
        if reading.notes:
            self._narrator.tell(reading.notes, direction, Instant(self._ts_ns, self._mono_ns))
        if direction == "in":
            self._speaker.react(reading, payload)

    def _now(self) -> Instant:
        self.read_clock()
        return Instant(self._ts_ns, self._mono_ns)

    def _meta(self, reading: Reading, payload: bytes, fragments: int, *, is_measured: bool) -> Meta | None:
        meta: dict[str, Json] = self._columns.clean_meta(reading.meta) if reading.meta else {}
        if is_measured:
            meta |= self._columns.clean_meta(self._measures.read(payload, self._ts_ns))
        if fragments > 1:
            meta["fragments"] = fragments
        return meta or None


def _is_told(reading: Reading) -> bool:
    """Whether texts out of the message are told: they are cleaned by what was masked around them."""
    return bool(reading.type or reading.topic or reading.ref or reading.error or reading.meta or reading.notes)


def capture_of(spec: ConnectionSpec) -> CaptureSpec:
    """What is kept of a frame: nobody redacts and holds the payload of a message that becomes no row."""
    capture = spec.capture
    return replace(capture, payloads=capture.payloads and PROFILES[spec.profile].keeps_messages)


def frames_of(
    spec: ConnectionSpec,
    reporter: Reporter,
    sink: EventSink,
    clock: Clock,
    on_full: Callable[[], None],
    memory: Memory,
    random_bytes: Callable[[int], bytes],
) -> Frames:
    """The frames of a new session, read as ``spec.protocol`` says: ``raw`` ones are not, unless they are measured."""
    source, redactor, capture = reporter.source, reporter.redactor, capture_of(spec)
    measures = Measures(spec.sequence.path, spec.sequence.key, spec.latency.path, spec.latency.unit)
    if spec.protocol == "raw" and not (measures or _says_something(spec)):
        return Frames(source, capture, redactor, sink, clock, on_full)
    columns = Columns(redactor)
    narrator = Narrator(source, sink, columns, memory.ledger, random_bytes)
    loop = asyncio.get_running_loop()
    interpreter = Interpreter(spec, loop, clock, memory, narrator.tell_overdue)
    return ReadFrames(
        source,
        capture,
        columns,
        sink,
        clock,
        on_full,
        interpreter,
        narrator,
        Speaker(spec.heartbeat, interpreter, loop),
        measures,
        has_credentials=has_credentials(spec),
    )


def has_credentials(spec: ConnectionSpec) -> bool:
    """Whether the upgrade carries credentials: in the URL, a header, or a subprotocol."""
    return spec.url.is_secret or any(text.is_secret for text in (*dict(spec.headers).values(), *spec.subprotocols))


def _says_something(spec: ConnectionSpec) -> bool:
    """Whether anything but ``send`` is to be said: for that, what is said and heard is read."""
    return bool(spec.subscribe or spec.answer or spec.heartbeat.send or spec.heartbeat.reply_to)
