"""The status of one connection, and its lifecycle events: what is said about it, redacted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict, Unpack

from wsmon.model.events import CloseBy, Direction, Event, EventName, Json, Meta, Opcode, Source
from wsmon.model.redact import Redactor
from wsmon.model.redact.masking import MASK
from wsmon.model.statuses import Status, is_allowed
from wsmon.ports import Clock, EventSink


class LifecycleFields(TypedDict, total=False):
    """Fields of a lifecycle event that its emitter chooses."""

    direction: Direction
    opcode: Opcode
    duration_ns: int | None
    status: int | None
    close_code: int | None
    close_by: CloseBy
    reason: str
    error_type: str
    error: str


class Reporter:
    """Emits the lifecycle of one connection; ``status`` follows the transitions that it emits.

    A transition that the table does not allow is emitted and flagged (``meta.illegal``), never refused.
    """

    def __init__(
        self, source: Source, redactor: Redactor, sink: EventSink, clock: Clock, status: Status = "initialized"
    ) -> None:
        self.base = source
        # of the connection between two sessions
        self.source = source
        # of the session, while there is one
        self.redactor = redactor
        self.status: Status = status
        self._sink = sink
        self._clock = clock

    def emit(
        self, name: EventName, to: Status | None = None, meta: Meta | None = None, **fields: Unpack[LifecycleFields]
    ) -> Event:
        """Emit a lifecycle event, with ``to`` a transition; ``reason`` and ``error`` are redacted here."""
        before = None
        if to is not None:
            before, self.status = self.status, to
            if not is_allowed(before, to):
                meta = {**(meta or {}), "illegal": True}
        for key in ("reason", "error"):
            if fields.get(key):
                fields[key] = self.redactor.text(fields[key])
        event = Event(
            self.source,
            name,
            self._clock.wall_ns(),
            self._clock.mono_ns(),
            from_status=before,
            to_status=to,
            meta=meta or None,
            **fields,
        )
        self._sink.emit(event)
        return event

    def headers(self, headers: Iterable[tuple[str, str]]) -> list[Json]:
        """Headers for ``meta``: ``[[name, value], …]``, credentials masked."""
        return [[name, value] for name, value in self.redactor.headers(headers)]


# What a protocol read out of a message, made fit for the record: it repeats no credential.
#
# A classifier sees payloads before redaction. What the redactor masked in the message is masked in its columns too.


class TextCleaner:
    """Cleans the texts that come out of one message after the other."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._payload = self._masked = b""
        self._is_masked = False

    def of(self, payload: bytes, masked: bytes, *, is_masked: bool) -> None:
        """The texts that follow come out of this message, which is recorded as ``masked``."""
        self._payload, self._masked, self._is_masked = payload, masked, is_masked

    def of_nothing(self) -> None:
        """The texts that follow come out of no message."""
        self.of(b"", b"", is_masked=False)

    def clean(self, text: str) -> str:
        """The text, its credentials masked; masked whole where it stands in the message only behind masks."""
        if not text:
            return text
        encoded = text.encode("utf-8", "surrogatepass")
        if encoded in self._payload:
            if not self._is_masked:
                return text  # the redactor saw it with everything around it, and left it
            if encoded not in self._masked:
                return MASK
        return self.redactor.text(text)

    def clean_meta(self, meta: Meta) -> dict[str, Json]:
        """The same for every text in ``meta``; the value of a key that says what it is, is masked whole."""
        hides = self.redactor.hides
        return {key: MASK if hides(key) else self._clean_value(value) for key, value in meta.items()}

    def _clean_value(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return self.clean_meta(value)
        if isinstance(value, list | tuple):
            return [self._clean_value(item) for item in value]
        return value
