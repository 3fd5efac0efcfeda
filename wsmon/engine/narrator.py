"""What the messages of one session say happened, as events of their own, with the time that it took."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from wsmon.engine.columns import Columns
from wsmon.model.events import EVENT_NAMES, Direction, Event, EventName, Json, Source
from wsmon.model.spans import Instant, Outcome, Span, SpanTracker
from wsmon.model.subscriptions import Change, Ledger
from wsmon.ports import EventSink
from wsmon.protocols.reading import Note, Operation

_FREQUENT: frozenset[EventName] = frozenset(
    name for name in EVENT_NAMES if name.startswith(("message.", "heartbeat.", "trace."))
)
# may come with every message: they travel with the messages, with a size of 0, and wait with them for a slow store

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
# how the end of an operation is told that the protocol did not end; traces are an application's, and end elsewhere


class Narrator:
    """Emits notes as events of one session; starts and ends are paired, and the ledger of subscriptions is kept.

    The beginning of a request has no event: the message that asks is there, and the end says how long it took.
    """

    def __init__(
        self, source: Source, sink: EventSink, columns: Columns, ledger: Ledger, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._source = source
        self._sink = sink
        self._columns = columns
        self._ledger = ledger
        self._spans = SpanTracker(lambda: random_bytes(8), parent_id=source.connection_id)

    def begin(self, at: Instant) -> None:
        """There is a socket again."""
        self._ledger.session_began(at.mono_ns)

    def tell(self, notes: Iterable[Note], direction: Direction, at: Instant) -> None:
        """Emit what a message of that direction says."""
        for note in notes:
            self._tell(note, direction, at)

    def tell_overdue(self, notes: Iterable[Note], at: Instant) -> None:
        """Emit what did not happen in time, and what became of subscriptions that were not confirmed."""
        self._columns.of_nothing()
        self.tell(notes, "", at)
        for change in self._ledger.expire(at.mono_ns):
            self._tell_change(change, at)

    def end(self, at: Instant) -> None:
        """The socket is gone: end what is open, with an error, and know that subscriptions are interrupted."""
        self._columns.of_nothing()
        for span in self._spans.close_all(at):
            self._tell_broken_off(span, at)
        self._ledger.session_ended(at.mono_ns)

    def _tell(self, note: Note, direction: Direction, at: Instant) -> None:
        span, abandoned = self._span(note, at)
        for broken in abandoned:
            self._tell_broken_off(broken, at)
        if note.name == "message.process.started":
            return
        event = self._event(note, span, direction, at)
        self._emit(event)
        for change in self._ledger.apply(event, at.mono_ns):
            self._tell_change(change, at)

    def _event(self, note: Note, span: Span | None, direction: Direction, at: Instant) -> Event:
        clean = self._columns.clean
        meta: dict[str, Json] = self._columns.clean_meta(note.meta) if note.meta else {}
        if note.at_ns is not None:
            meta["at_ns"] = note.at_ns
        duration_ns = note.duration_ns if span is None or span.duration_ns is None else span.duration_ns
        return Event(
            self._source,
            note.name,
            at.ts_ns,
            at.mono_ns,
            direction,
            size=0 if note.name in _FREQUENT else None,
            type=clean(note.type),
            topic=clean(note.topic),
            ref=clean(note.ref),
            duration_ns=duration_ns,
            status=self._status(note, span),
            reason=clean(note.reason),
            error_type=clean(note.error_type),
            error=clean(note.error),
            span_id="" if span is None else span.span_id,
            parent_id="" if span is None else span.parent_id,
            meta=meta or None,
        )

    def _status(self, note: Note, span: Span | None) -> int | str | None:
        """What the note says; of an end that nobody waited for, that it is one."""
        if span is not None and span.status in ("orphan", "abandoned"):
            return span.status
        return note.status if isinstance(note.status, int) else self._columns.clean(note.status or "") or None

    def _span(self, note: Note, at: Instant) -> tuple[Span | None, tuple[Span, ...]]:
        """The span that the note begins or ends, and those that are abandoned for it."""
        name = note.type or note.name
        moment = at if note.at_ns is None else at.seen_by_peer(note.at_ns)
        match note.phase:
            case "start":
                about = {"type": note.type, "topic": note.topic, "ref": note.ref}
                cleaned = self._columns.clean_meta(about)  # now, while its message is at hand
                return self._spans.start(
                    note.operation, note.key, name, moment, attributes=cleaned,
                    known_id=note.span_id, parent_id=note.parent_id,
                )  # fmt: skip
            case "end":
                outcome = _outcome(note)
                span = self._spans.end(
                    note.operation, note.key, moment, outcome, name=name, duration_ns=note.duration_ns,
                    known_id=note.span_id, parent_id=note.parent_id,
                )  # fmt: skip
                return span, ()
            case "whole":
                took_ns = note.duration_ns or 0
                whole = self._spans.whole(
                    note.operation, note.key, name, moment, took_ns, _outcome(note),
                    known_id=note.span_id, parent_id=note.parent_id,
                )  # fmt: skip
                return whole, ()
        return None, ()

    def _tell_broken_off(self, span: Span, at: Instant) -> None:
        name = _BROKEN_OFF.get(span.operation)
        if name is None:
            return
        about = {key: str(value) for key, value in (span.attributes or {}).items()}
        operation: Operation = "refresh" if span.operation == "refresh" else ""
        note = Note(
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
        event = self._event(note, span, "", at)
        self._emit(event)
        self._ledger.apply(event, at.mono_ns)

    def _tell_change(self, change: Change, at: Instant) -> None:
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


def _outcome(note: Note) -> Outcome:
    if note.status == "abandoned":
        return Outcome("abandoned", note.error_type, note.error)
    is_failure = bool(note.error_type) or note.status == "error"
    return Outcome("error" if is_failure else "ok", note.error_type, note.error)
