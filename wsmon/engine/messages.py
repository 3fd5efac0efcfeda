"""Frames of a session whose protocol is understood: each message says what it is, and what it means follows it.

A message is read as it came, then masked; only what is masked is kept, and what was read repeats nothing masked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from wsmon.config.specs import CaptureSpec, ConnectionSpec
from wsmon.engine.frames import Frames, cut
from wsmon.engine.protocol_session import CarriedState, ProtocolSender, ProtocolSession
from wsmon.engine.reporter import Reporter, TextCleaner
from wsmon.engine.tap import DataOpcode
from wsmon.model.events import EVENT_NAMES, Direction, Event, EventName, Json, Meta, Source
from wsmon.model.measures import MessageMeasures
from wsmon.model.profiles import PROFILES
from wsmon.model.redact import Redactor
from wsmon.model.spans import Instant, Outcome, Span, SpanTracker
from wsmon.model.subscriptions import SubscriptionChange, SubscriptionLedger
from wsmon.ports import Clock, EventSink
from wsmon.protocols.base import Decoded, Happening, Operation

# What the messages of one session say happened, as events of their own, with the time that it took.

# May come with every message: they travel with the messages, with a size of 0, and wait with them for a slow store
_FREQUENT: frozenset[EventName] = frozenset(
    name for name in EVENT_NAMES if name.startswith(("message.", "heartbeat.", "trace."))
)

# How the end of an operation is told that the protocol did not end; traces are an application's, and end elsewhere
_BROKEN_OFF: Mapping[str, EventName] = MappingProxyType(
    {
        "request": "message.process.completed",
        "subscribe": "subscription.subscribe.completed",
        "unsubscribe": "subscription.unsubscribe.completed",
        "auth": "auth.failed",
        "refresh": "auth.failed",
        "heartbeat": "heartbeat.failure",
    }
)


class MessageEvents:
    """Emits notes as events of one session; starts and ends are paired, and the ledger of subscriptions is kept.

    The beginning of a request has no event: the message that asks is there, and the end says how long it took.
    """

    def __init__(
        self,
        source: Source,
        sink: EventSink,
        columns: TextCleaner,
        ledger: SubscriptionLedger,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._source = source
        self._sink = sink
        self._columns = columns
        self._ledger = ledger
        self._spans = SpanTracker(lambda: random_bytes(8), parent_id=source.connection_id)

    def begin(self, at: Instant) -> None:
        """There is a socket again."""
        self._ledger.session_began(at.mono_ns)

    def tell(self, happenings: Iterable[Happening], direction: Direction, at: Instant) -> None:
        """Emit what a message of that direction says."""
        for happening in happenings:
            self._tell(happening, direction, at)

    def tell_overdue(self, happenings: Iterable[Happening], at: Instant) -> None:
        """Emit what did not happen in time, and what became of subscriptions that were not confirmed."""
        self._columns.of_nothing()
        self.tell(happenings, "", at)
        for change in self._ledger.expire(at.mono_ns):
            self._tell_change(change, at)

    def end(self, at: Instant) -> None:
        """The socket is gone: end what is open, with an error, and know that subscriptions are interrupted."""
        self._columns.of_nothing()
        for span in self._spans.close_all(at):
            self._tell_broken_off(span, at)
        self._ledger.session_ended(at.mono_ns)

    def _tell(self, happening: Happening, direction: Direction, at: Instant) -> None:
        span, abandoned = self._span(happening, at)
        for broken in abandoned:
            self._tell_broken_off(broken, at)
        if happening.name == "message.process.started":
            return
        event = self._event(happening, span, direction, at)
        self._emit(event)
        for change in self._ledger.apply(event, at.mono_ns):
            self._tell_change(change, at)

    def _event(self, happening: Happening, span: Span | None, direction: Direction, at: Instant) -> Event:
        clean = self._columns.clean
        meta: dict[str, Json] = self._columns.clean_meta(happening.meta) if happening.meta else {}
        if happening.at_ns is not None:
            meta["at_ns"] = happening.at_ns
        duration_ns = happening.duration_ns if span is None or span.duration_ns is None else span.duration_ns
        return Event(
            self._source,
            happening.name,
            at.ts_ns,
            at.mono_ns,
            direction,
            size=0 if happening.name in _FREQUENT else None,
            type=clean(happening.type),
            topic=clean(happening.topic),
            ref=clean(happening.ref),
            duration_ns=duration_ns,
            status=self._status(happening, span),
            reason=clean(happening.reason),
            error_type=clean(happening.error_type),
            error=clean(happening.error),
            span_id="" if span is None else span.span_id,
            parent_id="" if span is None else span.parent_id,
            meta=meta or None,
        )

    def _status(self, happening: Happening, span: Span | None) -> int | str | None:
        """What the note says; of an end that nobody waited for, that it is one."""
        if span is not None and span.status in ("orphan", "abandoned"):
            return span.status
        return (
            happening.status
            if isinstance(happening.status, int)
            else self._columns.clean(happening.status or "") or None
        )

    def _span(self, happening: Happening, at: Instant) -> tuple[Span | None, tuple[Span, ...]]:
        """The span that the note begins or ends, and those that are abandoned for it."""
        name = happening.type or happening.name
        moment = at if happening.at_ns is None else at.seen_by_peer(happening.at_ns)
        match happening.phase:
            case "start":
                about = {"type": happening.type, "topic": happening.topic, "ref": happening.ref}
                cleaned = self._columns.clean_meta(about)  # now, while its message is at hand
                return self._spans.start(
                    happening.operation, happening.key, name, moment, attributes=cleaned,
                    known_id=happening.span_id, parent_id=happening.parent_id,
                )  # fmt: skip
            case "end":
                outcome = _outcome(happening)
                span = self._spans.end(
                    happening.operation, happening.key, moment, outcome, name=name, duration_ns=happening.duration_ns,
                    known_id=happening.span_id, parent_id=happening.parent_id,
                )  # fmt: skip
                return span, ()
            case "whole":
                took_ns = happening.duration_ns or 0
                whole = self._spans.whole(
                    happening.operation, happening.key, name, moment, took_ns, _outcome(happening),
                    known_id=happening.span_id, parent_id=happening.parent_id,
                )  # fmt: skip
                return whole, ()
        return None, ()

    def _tell_broken_off(self, span: Span, at: Instant) -> None:
        name = _BROKEN_OFF.get(span.operation)
        if name is None:
            return
        about = {key: str(value) for key, value in (span.attributes or {}).items()}
        operation: Operation = "refresh" if span.operation == "refresh" else ""
        happening = Happening(
            name,
            operation,
            type=about.get("type", ""),
            topic=about.get("topic", ""),
            ref=about.get("ref", ""),
            status=span.status,
            error_type=span.error_type,
            error=span.error,
            meta={"refresh": True} if operation else None,
        )
        event = self._event(happening, span, "", at)
        self._emit(event)
        self._ledger.apply(event, at.mono_ns)

    def _tell_change(self, change: SubscriptionChange, at: Instant) -> None:
        self._emit(
            Event(
                self._source,
                change.name,
                at.ts_ns,
                at.mono_ns,
                topic=self._columns.clean(change.topic),
                duration_ns=change.duration_ns,
                reason=self._columns.clean(change.reason),
            )
        )

    def _emit(self, event: Event) -> None:
        if event.size is None:
            self._sink.emit(event)
        else:
            self._sink.emit_message(event)


def _outcome(happening: Happening) -> Outcome:
    if happening.status == "abandoned":
        return Outcome("abandoned", happening.error_type, happening.error)
    is_failure = bool(happening.error_type) or happening.status == "error"
    return Outcome("error" if is_failure else "ok", happening.error_type, happening.error)


SWITCHING_PROTOCOLS = 101


class ReadFrames(Frames):
    """Emits a message with what the interpreter read, then what the narrator has to tell about it."""

    def __init__(
        self,
        source: Source,
        capture: CaptureSpec,
        columns: TextCleaner,
        sink: EventSink,
        clock: Clock,
        on_full: Callable[[], None],
        interpreter: ProtocolSession,
        narrator: MessageEvents,
        speaker: ProtocolSender,
        measures: MessageMeasures,
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
        decoded = self._interpreter.read(direction, opcode, payload, self._mono_ns)
        took_ns = self._clock.mono_ns() - began_ns
        masked, has_secrets = self._interpreter.mask(direction, opcode, payload)
        is_measured = direction == "in" and bool(self._measures)
        limit_bytes = self._limit_bytes
        columns = self._columns
        is_redacted = False
        if limit_bytes >= 0 or is_measured or _is_told(decoded):
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
                clean(decoded.type) if decoded.type else "",
                clean(decoded.topic) if decoded.topic else "",
                clean(decoded.ref) if decoded.ref else "",
                took_ns,
                error_type=decoded.error_type,
                error=clean(decoded.error) if decoded.error else "",
                meta=self._meta(decoded, payload, fragments, is_measured=is_measured)
                if fragments > 1 or decoded.meta or is_measured
                else None,
            )
        )
        if decoded.happenings:
            self._narrator.tell(decoded.happenings, direction, Instant(self._ts_ns, self._mono_ns))
        if direction == "in":
            self._speaker.react(decoded, payload)

    def _now(self) -> Instant:
        self.read_clock()
        return Instant(self._ts_ns, self._mono_ns)

    def _meta(self, decoded: Decoded, payload: bytes, fragments: int, *, is_measured: bool) -> Meta | None:
        meta: dict[str, Json] = self._columns.clean_meta(decoded.meta) if decoded.meta else {}
        if is_measured:
            meta |= self._columns.clean_meta(self._measures.read(payload, self._ts_ns))
        if fragments > 1:
            meta["fragments"] = fragments
        return meta or None


def _is_told(decoded: Decoded) -> bool:
    """Whether texts out of the message are told: they are cleaned by what was masked around them."""
    return bool(decoded.type or decoded.topic or decoded.ref or decoded.error or decoded.meta or decoded.happenings)


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
    memory: CarriedState,
    random_bytes: Callable[[int], bytes],
) -> Frames:
    """The frames of a new session, read as ``spec.protocol`` says: ``raw`` ones are not, unless they are measured."""
    source, redactor, capture = reporter.source, reporter.redactor, capture_of(spec)
    measures = MessageMeasures(spec.sequence.path, spec.sequence.key, spec.latency.path, spec.latency.unit)
    if spec.protocol == "raw" and not (measures or _says_something(spec)):
        return Frames(source, capture, redactor, sink, clock, on_full)
    columns = TextCleaner(redactor)
    narrator = MessageEvents(source, sink, columns, memory.ledger, random_bytes)
    loop = asyncio.get_running_loop()
    interpreter = ProtocolSession(spec, loop, clock, memory, narrator.tell_overdue)
    return ReadFrames(
        source,
        capture,
        columns,
        sink,
        clock,
        on_full,
        interpreter,
        narrator,
        ProtocolSender(spec.heartbeat, interpreter, loop),
        measures,
        has_credentials=has_credentials(spec),
    )


def has_credentials(spec: ConnectionSpec) -> bool:
    """Whether the upgrade carries credentials: in the URL, a header, or a subprotocol."""
    return spec.url.is_secret or any(text.is_secret for text in (*dict(spec.headers).values(), *spec.subprotocols))


def _says_something(spec: ConnectionSpec) -> bool:
    """Whether anything but ``send`` is to be said: for that, what is said and heard is read."""
    return bool(spec.subscribe or spec.answer or spec.heartbeat.send or spec.heartbeat.reply_to)
