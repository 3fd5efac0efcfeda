"""MessagePath: makes events of messages whose protocol is read: with type, topic and error, and of what they mean.

In: every data message, from ``FramePath`` (engine/frames.py). Out: its event with the columns that the protocol read,
then events for what it means (requests, subscriptions, authentication, heartbeats), then the replies that the protocol
or the configuration asks for. engine/session.py makes one a session; a session of ``raw`` has none.

A message is read as it came and then masked; only the masked payload is kept, and the columns repeat nothing masked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from wsmon.config.specs import CaptureSpec, ConnectionSpec, MessagesSpec, ProtocolName
from wsmon.decoders.base import is_utf8
from wsmon.engine.frame_scan import DataOpcode
from wsmon.engine.frames import WireForm, cut, payload_limit_bytes
from wsmon.engine.protocol_sender import ProtocolSender
from wsmon.engine.protocol_session import CarriedState, ProtocolSession
from wsmon.engine.reporter import Reporter
from wsmon.engine.ticker import Ticker
from wsmon.model.block import PlainReading
from wsmon.model.events import (
    BY_HAND,
    ENCODING,
    EVENT_NAMES,
    READ_LATE,
    Direction,
    Event,
    EventName,
    Json,
    Meta,
    Source,
)
from wsmon.model.measures import MessageMeasures
from wsmon.model.profiles import PROFILES
from wsmon.model.redact.masking import MASK_BYTES, MASKED_UNREAD
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.text_cleaner import TextCleaner
from wsmon.model.spans import Instant, Outcome, Span, SpanTracker
from wsmon.model.subscriptions import SubscriptionChange, SubscriptionLedger
from wsmon.ports import Clock, EventSink
from wsmon.protocols.base import Decoded, Happening, Operation, Part, Protocol, is_heartbeat
from wsmon.protocols.registry import PROTOCOLS

SWITCHING_PROTOCOLS = 101

# Events that may come with every message: they travel through the bus with the messages, with a size of 0, and wait
# with them for a slow store
_FREQUENT: frozenset[EventName] = frozenset(
    name for name in EVENT_NAMES if name.startswith(("message.", "heartbeat.", "trace."))
)

# Event for an operation that was still open when the session ended. Traces belong to an application and end there.
_ABANDONED_EVENTS: Mapping[str, EventName] = MappingProxyType(
    {
        "request": "message.process.completed",
        "subscribe": "subscription.subscribe.completed",
        "unsubscribe": "subscription.unsubscribe.completed",
        "auth": "auth.failed",
        "refresh": "auth.failed",
        "heartbeat": "heartbeat.failure",
    }
)
# Operations whose end without an answer is a failure by its very name
_FAILURES = frozenset({"auth", "refresh", "heartbeat"})


def message_path(
    spec: ConnectionSpec,
    reporter: Reporter,
    sink: EventSink,
    clock: Clock,
    ticker: Ticker,
    carried: CarriedState,
    random_bytes: Callable[[int], bytes],
    protocols: Mapping[ProtocolName, Protocol[Any]] = PROTOCOLS,
) -> MessagePath | None:
    """Make the message path of a new session; None for ``raw`` where nothing is measured nor sent by itself."""
    sequence, latency = spec.sequence, spec.latency
    measures = MessageMeasures(
        sequence.path, sequence.key, latency.path, latency.unit, types=sequence.types, restart=sequence.restart
    )
    is_declared = spec.messages != MessagesSpec()
    if spec.protocol == "raw" and not (measures or is_declared or _sends_by_itself(spec)):
        return None
    source = reporter.source
    cleaner = TextCleaner(reporter.redactor)
    events = MessageEvents(source, sink, cleaner, carried.ledger, random_bytes)
    protocol = ProtocolSession(spec, ticker, clock, carried, events.emit_overdue, protocols)
    sender = ProtocolSender(spec.heartbeat, protocol, asyncio.get_running_loop())
    return MessagePath(
        source,
        capture_of(spec),
        cleaner,
        sink,
        clock,
        protocol,
        events,
        sender,
        measures,
        has_credentials=has_credentials(spec),
    )


def capture_of(spec: ConnectionSpec) -> CaptureSpec:
    """Return what is kept of each frame: no payload where the profile keeps no row of a message."""
    capture = spec.capture
    return replace(capture, payloads=capture.payloads and PROFILES[spec.profile].keeps_messages)


def has_credentials(spec: ConnectionSpec) -> bool:
    """Whether the upgrade carries credentials: in the URL, a header, or a subprotocol."""
    return spec.url.is_secret or any(text.is_secret for text in (*dict(spec.headers).values(), *spec.subprotocols))


def _sends_by_itself(spec: ConnectionSpec) -> bool:
    """Whether anything but ``send`` is to be sent: for that, messages have to be read."""
    return bool(spec.subscribe or spec.answer or spec.heartbeat.send or spec.heartbeat.reply_to)


class MessagePath:
    """Emits each message with what the protocol read in it, then the events that follow from it."""

    def __init__(
        self,
        source: Source,
        capture: CaptureSpec,
        cleaner: TextCleaner,
        sink: EventSink,
        clock: Clock,
        protocol: ProtocolSession,
        events: MessageEvents,
        sender: ProtocolSender,
        measures: MessageMeasures,
        *,
        has_credentials: bool,
    ) -> None:
        """``has_credentials``: the upgrade itself carries some."""
        self._source = source
        self._limit_bytes = payload_limit_bytes(capture)
        self._cleaner = cleaner
        self._emit = sink.emit_message
        self._clock = clock
        self._protocol = protocol
        self._events = events
        self._sender = sender
        self._measures = measures
        self._has_measures = bool(measures)
        self._has_credentials = has_credentials
        self._has_started = False
        # Monotonic time until which what comes in may have waited in our socket
        self._late_until_ns = 0
        # Directions whose message that goes on has shown a credential
        self._hides_rest: set[Direction] = set()

    def use_redactor(self, redactor: Redactor) -> None:
        """Mask other values from now on."""
        self._cleaner.redactor = redactor

    def use_capture(self, capture: CaptureSpec) -> None:
        """Keep more or less of each payload from now on."""
        self._limit_bytes = payload_limit_bytes(capture)

    def begin(self, url: str, subprotocol: str) -> dict[str, Json]:
        """Take note of the handshake; return what it says about the protocol, for the event of the upgrade."""
        return self._protocol.begin(url, subprotocol)

    def start(self, at: Instant) -> None:
        """Emit what the upgrade itself means, and look for overdue answers from now on."""
        self._events.begin(at)
        self._events.emit(self._protocol.handshake(self._has_credentials, SWITCHING_PROTOCOLS), "", at)
        self._protocol.start(self._sender.tick)
        self._has_started = True

    def start_sending(self, send: Callable[[str | bytes], None], give_up: Callable[[], None]) -> None:
        """Send what the protocol sends first, and reply from now on; ``give_up`` ends the session of a silent peer."""
        if self._has_started:
            self._sender.start(send, give_up)

    def stop_sending(self) -> None:
        """Send nothing more: the session is closing."""
        self._sender.stop()

    def close_meta(self, code: int | None) -> dict[str, Json]:
        """Return what the protocol of the session knows of its close, with this code in the close frame."""
        closed = self._protocol.closed
        meta: dict[str, Json] = {}
        if closed is not None:
            code = closed.code
            meta["protocol_close"] = {"code": code, "reason": self._cleaner.redactor.text(closed.reason)}
        if meaning := self._protocol.code_meaning(code):
            meta["code_meaning"] = meaning
        return meta

    def holds_secrets(self, opcode: DataOpcode, message: bytes) -> bool:
        """Whether a message that the protocol makes holds credentials of the configuration."""
        return self._protocol.holds_secrets(opcode, message)

    @property
    def masks_received(self) -> bool:
        """Whether the protocol itself masks credentials in incoming messages."""
        return self._protocol.masks_received

    def pause(self) -> None:
        """Stop the clocks of overdue answers and heartbeats: reading from the socket was paused."""
        self._protocol.pause()
        self._sender.pause()

    def resume(self) -> None:
        """Let the clocks run again."""
        self._protocol.resume()
        self._sender.resume()

    def read_late(self, since_ns: int, until_ns: int) -> None:
        """Take what comes in until ``until_ns`` to have waited in our socket: it was not read before ``since_ns``.

        Such messages have no feed latency, and replies among them no time that counts: the delay may be ours.
        """
        self._late_until_ns = until_ns
        self._events.read_late(since_ns, until_ns)

    def end(self, at: Instant, *, is_ours: bool = False) -> None:
        """Emit an end for every open operation: the session is over; ``is_ours``: because we stop it."""
        self._protocol.stop()
        self._sender.stop()
        if self._has_started:
            self._has_started = False
            self._events.emit(self._protocol.finish(), "in", at)
            self._events.end(at, is_ours=is_ours)

    @property
    def has_binary(self) -> bool:
        """Whether binary messages are the protocol's own, whatever they begin with."""
        return self._protocol.has_binary

    @property
    def reads_plain(self) -> bool:
        """Whether incoming messages may be read several at once, and the plain ones emitted as a block."""
        return not self._has_measures and self._protocol.reads_plain

    def read_plain(self, payloads: Sequence[bytes]) -> PlainReading | None:
        """Read incoming text messages, where ``reads_plain``; None where each is to be emitted by itself."""
        return self._protocol.read_plain(payloads)

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
        part: Part | None = None,
        about: Meta | None = None,
    ) -> None:
        """Emit a message that came in or went out at this time, then what it means, then send the replies.

        ``is_by_hand``: the user sent it. ``wire``: how it came, where ``payload`` is what it was decoded to. Where
        it holds several messages of the protocol, each is emitted by itself: as its ``part``, which ``about`` counts.
        """
        if part is None and self._protocol.splits:
            parts = self._protocol.split(direction, opcode, payload)
            if parts is not None:
                self._emit_parts(
                    name, direction, parts, wire_size, fragments, Instant(ts_ns, mono_ns), is_by_hand=is_by_hand,
                    wire=wire,
                )  # fmt: skip
                return
        began_ns = self._clock.mono_ns()
        is_part = part is not None
        decoded = self._protocol.read(direction, opcode, payload, mono_ns, is_part=is_part)
        took_ns = self._clock.mono_ns() - began_ns
        masked, has_secrets = self._protocol.mask(direction, opcode, payload, is_part=is_part)
        is_measured = self._has_measures and direction == "in"
        limit_bytes = self._limit_bytes
        cleaner = self._cleaner
        is_redacted = is_over_budget = False
        if limit_bytes >= 0 or is_measured or _has_texts(decoded):
            redactor = cleaner.redactor
            masked, is_redacted = redactor.payload(masked)
            is_over_budget = is_redacted and redactor.is_over_budget
            is_redacted = is_redacted or has_secrets
            cleaner.of(payload, masked, is_masked=is_redacted)
        clean = cleaner.clean
        kept: bytes | None = masked
        is_cut = False
        if limit_bytes < 0:
            kept, is_redacted, is_over_budget = None, False, False
        elif len(masked) > limit_bytes:
            kept, is_cut = cut(masked, limit_bytes, opcode), True
        size = len(payload) if part is None else _size(part)
        if wire is not None:
            size = wire.size
            about = wire.meta(cleaner.redactor, limit_bytes, is_redacted=is_redacted) | dict(about or {})
        self._emit(
            Event(
                self._source,
                name,
                ts_ns,
                mono_ns,
                direction,
                opcode if wire is None else wire.opcode,
                size,
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
                meta=self._meta(
                    decoded,
                    payload,
                    fragments,
                    Instant(ts_ns, mono_ns),
                    is_measured=is_measured,
                    is_over_budget=is_over_budget,
                    is_by_hand=is_by_hand,
                    about=about,
                )
                if fragments > 1 or decoded.meta or is_measured or is_over_budget or is_by_hand or about
                else None,
            )
        )
        if decoded.happenings:
            self._events.emit(decoded.happenings, direction, Instant(ts_ns, mono_ns))
        if is_measured and self._measures.problem:
            unreadable = Happening(
                "error.occurred", type=decoded.type, error_type="latency_unreadable", error=self._measures.problem
            )
            self._measures.problem = ""
            self._events.emit((unreadable,), direction, Instant(ts_ns, mono_ns))
        if direction == "in":
            self._sender.react(decoded, payload, is_part=is_part)

    def _meta(
        self,
        decoded: Decoded,
        payload: bytes,
        fragments: int,
        at: Instant,
        *,
        is_measured: bool,
        is_over_budget: bool,
        is_by_hand: bool,
        about: Meta | None,
    ) -> Meta | None:
        meta: dict[str, Json] = self._cleaner.clean_meta(decoded.meta) if decoded.meta else {}
        if is_measured:
            found = self._measures.read(
                payload,
                at.ts_ns,
                decoded.type,
                decoded.topic,
                is_heartbeat=bool(decoded.happenings) and is_heartbeat(decoded),
                texts=decoded.texts,
            )
            if at.mono_ns <= self._late_until_ns and found.pop("latency_ms", None) is not None:
                found[READ_LATE] = True
            meta |= self._cleaner.clean_meta(found)
        if fragments > 1:
            meta["fragments"] = fragments
        if is_over_budget:
            meta |= MASKED_UNREAD
        if is_by_hand:
            meta |= BY_HAND
        if about:
            meta |= about
        return meta or None

    def _emit_parts(
        self,
        name: EventName,
        direction: Direction,
        parts: Sequence[Part],
        wire_size: int,
        fragments: int,
        at: Instant,
        *,
        is_by_hand: bool,
        wire: WireForm | None,
    ) -> None:
        """Emit the messages in one of the WebSocket; its size on the wire and its fragments are those of the first.

        So is its size, where it was decoded. The bytes themselves are not kept: another part may hold what is masked.
        """
        if wire is not None:
            wire = wire._replace(raw=None)
        for number, part in enumerate(parts, 1):
            about: dict[str, Json] = {"part": number, "parts": len(parts)} if len(parts) > 1 else {}
            opcode: DataOpcode = "text" if part.opcode == "text" and is_utf8(part.payload) else "binary"
            if part.earlier_bytes:
                about["joined_size"] = len(part.payload) if part.size is None else part.size + part.earlier_bytes
            if part.encoding:
                about[ENCODING] = part.encoding if wire is None else f"{wire.encoding}+{part.encoding}"
            if part.is_partial:
                about["partial"] = True
            if part.is_partial or part.error:
                if fragments > 1:
                    about["fragments"] = fragments
                if is_by_hand:
                    about |= BY_HAND
                self._emit_unread(name, direction, opcode, part, wire_size, at, about, wire)
            else:
                self._hides_rest.discard(direction)
                self.emit(
                    name, direction, opcode, part.payload, wire_size, fragments, *at, is_by_hand=is_by_hand, part=part,
                    about=about, wire=wire,
                )  # fmt: skip
            wire_size, fragments = 0, 1
            if wire is not None:
                wire = wire._replace(size=0)

    def _emit_unread(
        self,
        name: EventName,
        direction: Direction,
        opcode: DataOpcode,
        part: Part,
        wire_size: int,
        at: Instant,
        about: Meta,
        wire: WireForm | None,
    ) -> None:
        """Emit a part that is not decoded.

        A partial one is masked whole where the message has shown a credential until now: it may go on in this piece.
        """
        decoded = self._protocol.read_partial(part)
        kept: bytes | None = None
        is_cut = is_redacted = False
        if self._limit_bytes >= 0:
            masked, has_secrets = self._protocol.mask(direction, opcode, part.before + part.payload, is_part=True)
            masked, is_redacted = self._cleaner.redactor.payload(masked)
            is_redacted = is_redacted or has_secrets
            if part.is_partial:
                if is_redacted or part.is_hidden:
                    self._hides_rest.add(direction)
                is_redacted = direction in self._hides_rest
                masked = MASK_BYTES if is_redacted else part.payload
            elif part.is_hidden:
                masked, is_redacted = MASK_BYTES, True
            is_cut = len(masked) > self._limit_bytes
            kept = cut(masked, self._limit_bytes, opcode) if is_cut else masked
        if wire is not None:
            about = wire.meta(self._cleaner.redactor, self._limit_bytes, is_redacted=is_redacted) | dict(about)
        self._emit(
            Event(
                self._source,
                name,
                *at,
                direction,
                opcode if wire is None else wire.opcode,
                len(part.payload) if wire is None else wire.size,
                wire_size,
                kept,
                is_cut,
                is_redacted,
                error_type=decoded.error_type,
                error=decoded.error,
                meta=about or None,
            )
        )
        if decoded.happenings:
            self._cleaner.of_nothing()
            self._events.emit(decoded.happenings, direction, at)


def _size(part: Part) -> int:
    """Return how many bytes of a message came now."""
    return len(part.payload) - part.earlier_bytes if part.size is None else part.size


def _has_texts(decoded: Decoded) -> bool:
    """Whether texts of the message go into events: they are cleaned by what was masked around them."""
    return bool(decoded.type or decoded.topic or decoded.ref or decoded.error or decoded.meta or decoded.happenings)


class MessageEvents:
    """Emits what messages mean as events of one session: pairs starts with ends, and keeps the ledger of subscriptions.

    The start of a request has no event of its own: the message that asks is one, and the end has the duration.
    """

    def __init__(
        self,
        source: Source,
        sink: EventSink,
        cleaner: TextCleaner,
        ledger: SubscriptionLedger,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._source = source
        self._sink = sink
        self._cleaner = cleaner
        self._ledger = ledger
        self._spans = SpanTracker(lambda: random_bytes(8), parent_id=source.connection_id)
        # Monotonic times: what comes in until the second was not read before the first
        self._late_since_ns = self._late_until_ns = 0

    def read_late(self, since_ns: int, until_ns: int) -> None:
        """Mark the answers that come until ``until_ns`` to what was asked before ``since_ns``."""
        self._late_since_ns, self._late_until_ns = since_ns, until_ns

    def begin(self, at: Instant) -> None:
        """Start the session in the ledger: subscriptions of the last one are to be confirmed again."""
        self._ledger.session_began(at.mono_ns)

    def emit(self, happenings: Iterable[Happening], direction: Direction, at: Instant) -> None:
        """Emit what a message of that direction means."""
        for happening in happenings:
            self._emit_happening(happening, direction, at)

    def emit_overdue(self, happenings: Iterable[Happening], at: Instant) -> None:
        """Emit what did not happen in time, and the subscriptions that were not confirmed in time."""
        if happenings:
            self._cleaner.of_nothing()
            self.emit(happenings, "", at)
        for change in self._ledger.expire(at.mono_ns):
            self._cleaner.of_nothing()
            self._emit_change(change, at)

    def end(self, at: Instant, *, is_ours: bool = False) -> None:
        """End every open operation, and mark the subscriptions as interrupted: the session is over.

        What is still unanswered when we stop is no failure of the peer: requests are abandoned, without an error, and
        logins and heartbeats have no event that says so.
        """
        self._cleaner.of_nothing()
        if is_ours:
            for span in self._spans.close_all(at, Outcome("abandoned")):
                if span.operation not in _FAILURES:
                    self._emit_abandoned(span, at)
        else:
            for span in self._spans.close_all(at):
                self._emit_abandoned(span, at)
        self._ledger.session_ended(at.mono_ns)

    def _emit_happening(self, happening: Happening, direction: Direction, at: Instant) -> None:
        span, abandoned = self._span(happening, at)
        for each in abandoned:
            self._emit_abandoned(each, at)
        if happening.name == "message.process.started":
            return
        event = self._event(happening, span, direction, at)
        self._emit_event(event)
        for change in self._ledger.apply(event, at.mono_ns):
            self._emit_change(change, at)

    def _event(self, happening: Happening, span: Span | None, direction: Direction, at: Instant) -> Event:
        clean = self._cleaner.clean
        meta: dict[str, Json] = self._cleaner.clean_meta(happening.meta) if happening.meta else {}
        if happening.at_ns is not None:
            meta["at_ns"] = happening.at_ns
        duration_ns = happening.duration_ns if span is None or span.duration_ns is None else span.duration_ns
        if (
            duration_ns is not None
            and direction == "in"
            and at.mono_ns <= self._late_until_ns
            and at.mono_ns - duration_ns < self._late_since_ns
            # Applications measure the times of their traces themselves
            and not happening.name.startswith("trace.")
        ):
            meta[READ_LATE] = True
        return Event(
            self._source,
            happening.name,
            at.ts_ns,
            at.mono_ns,
            direction,
            size=0 if happening.name in _FREQUENT else None,
            type=clean(happening.type) if happening.type else "",
            topic=clean(happening.topic) if happening.topic else "",
            ref=clean(happening.ref) if happening.ref else "",
            duration_ns=duration_ns,
            status=self._status(happening, span),
            reason=clean(happening.reason) if happening.reason else "",
            error_type=clean(happening.error_type) if happening.error_type else "",
            error=clean(happening.error) if happening.error else "",
            span_id="" if span is None else span.span_id,
            parent_id="" if span is None else span.parent_id,
            meta=meta or None,
        )

    def _status(self, happening: Happening, span: Span | None) -> int | str | None:
        """Return the status of the happening; an end without a start is an orphan, whatever its happening says."""
        if span is not None and span.status in ("orphan", "abandoned"):
            return span.status
        return (
            happening.status
            if isinstance(happening.status, int)
            else self._cleaner.clean(happening.status or "") or None
        )

    def _span(self, happening: Happening, at: Instant) -> tuple[Span | None, tuple[Span, ...]]:
        """Return the span that the happening starts or ends, and the spans that its start abandons."""
        name = happening.type or happening.name
        moment = at if happening.at_ns is None else at.seen_by_peer(happening.at_ns)
        match happening.phase:
            case "start":
                about = {"type": happening.type, "topic": happening.topic, "ref": happening.ref}
                # Cleaned now, because cleaning needs the message that it came out of
                cleaned = self._cleaner.clean_meta(about)
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

    def _emit_abandoned(self, span: Span, at: Instant) -> None:
        name = _ABANDONED_EVENTS.get(span.operation)
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
        self._emit_event(event)
        self._ledger.apply(event, at.mono_ns)

    def _emit_change(self, change: SubscriptionChange, at: Instant) -> None:
        self._emit_event(
            Event(
                self._source,
                change.name,
                at.ts_ns,
                at.mono_ns,
                topic=self._cleaner.clean(change.topic),
                duration_ns=change.duration_ns,
                reason=self._cleaner.clean(change.reason),
            )
        )

    def _emit_event(self, event: Event) -> None:
        if event.size is None:
            self._sink.emit(event)
        else:
            self._sink.emit_message(event)


def _outcome(happening: Happening) -> Outcome:
    if happening.status == "abandoned":
        return Outcome("abandoned", happening.error_type, happening.error)
    is_failure = bool(happening.error_type) or happening.status == "error"
    return Outcome("error" if is_failure else "ok", happening.error_type, happening.error)
