"""What a subscriber of a bus is given: events as they are stored, gaps and truncations."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wsmon.trace.events import TraceEvent

if TYPE_CHECKING:
    from wsmon.model.events import Event, Meta

_MS_NS: Final = 1_000_000


class ReceivedEvent(TraceEvent, frozen=True, omit_defaults=True, kw_only=True):
    """An event as it is stored: the fields of a ``TraceEvent``, masked, and its id."""

    id: int
    """Ascends, is never reused; the cursor."""
    run: int
    """Run of the recorder that stored it."""


class Gap(msgspec.Struct, frozen=True):
    """Events that a slow subscriber was not given; ``EventSubscription.reread`` reads them from the store."""

    from_id: int
    """The first of them."""
    to_id: int
    """The last of them."""
    dropped: int
    """How many."""


class Truncated(msgspec.Struct, frozen=True):
    """Events before ``oldest_id`` that are not delivered: the store has pruned them, or the bus begins there."""

    oldest_id: int
    """Events from this id on follow. Where the store was removed and begun anew, ids begin at 1 again."""


def received(event: Event) -> ReceivedEvent:
    """Return a stored event as an application reports one."""
    source = event.source
    meta: Meta | None = event.meta
    name: str = event.name
    kind = event.type
    if event.name == "trace.log" and event.type:
        # The application's own name was stored as the type, and its type in the metadata
        rest = dict(meta or {})
        name, kind, meta = event.type, str(rest.pop("type", "")), rest
    payload: str | bytes | None = event.payload
    if isinstance(payload, bytes) and (event.opcode != "binary" or event.holds_text):
        with suppress(UnicodeDecodeError):
            payload = payload.decode()
    fields: dict[str, Any] = {
        "id": event.id,
        "run": source.run,
        "name": name,
        "ts_ns": event.ts_ns,
        "mono_ns": event.mono_ns,
        "connection": source.connection,
        "group": source.group,
        "connection_id": source.connection_id,
        "trace_id": source.trace_id,
        "span_id": event.span_id,
        "parent_id": event.parent_id,
        "direction": event.direction,
        "opcode": event.opcode,
        "from_status": event.from_status,
        "to_status": event.to_status,
        "type": kind,
        "topic": event.topic,
        "ref": event.ref,
        "size": event.size,
        "wire_size": event.wire_size,
        "duration_ms": None if event.duration_ns is None else event.duration_ns / _MS_NS,
        "status": event.http_status,
        "outcome": event.outcome,
        "close_code": event.close_code,
        "close_by": event.close_by,
        "reason": event.reason,
        "error_type": event.error_type,
        "error": event.error,
        "payload": payload,
        "meta": meta or None,
    }
    return ReceivedEvent(**fields)
