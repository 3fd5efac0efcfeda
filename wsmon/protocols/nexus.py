"""nexus ``trace``: applications that report their requests and spans as JSON, one event a message.

Every event is taken once: ids go up, and what an earlier session had is known by its last one. Sources: nexus v0.2.0
(requests, downstream calls, logs) and v2 (a tree of spans).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import msgspec

from wsmon.model.events import Direction, EventName, Json, Opcode
from wsmon.model.redact import is_credential_key
from wsmon.model.redact.masking import MASK
from wsmon.model.spans import is_span_id
from wsmon.protocols import rpc
from wsmon.protocols.credentials import Credentials
from wsmon.protocols.decoding import UNDECODABLE, cut, unreadable
from wsmon.protocols.nexus_state import MAX_ID, State
from wsmon.protocols.nexus_times import at_ns, duration_ns
from wsmon.protocols.reading import UNREAD, Note, Phase, Reading

__all__ = ["State", "classify"]

MAX_ATTRIBUTES = 32
# of an event; the whole of them is in the payload
_FAILED_STATUS = 400
# nexus counts this and above as a failure
_mask = Credentials().mask


class _Kind(NamedTuple):
    name: EventName
    phase: Phase = ""


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "request.start": _Kind("trace.request.start", "start"),
        "request.end": _Kind("trace.request.end", "end"),
        "span.start": _Kind("trace.span.start", "start"),
        "span.end": _Kind("trace.span.end", "end"),
        "downstream": _Kind("trace.downstream"),
        "log": _Kind("trace.log"),
        "request.op": _Kind("trace.log"),
    }
)
# request.op names the operation within a request: nothing begins or ends with it


class _Report(msgspec.Struct, gc=False, rename="camel"):
    """An event of the feed; Go leaves out what is zero or empty."""

    id: Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
    trace_id: str
    kind: str
    span_id: str = ""
    parent_id: str = ""
    name: str = ""
    service: str = ""
    endpoint: str = ""
    transport: str = ""
    method: str = ""
    path: str = ""
    message: str = ""
    error: str = ""
    timestamp: str = ""
    status: Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)] = 0
    duration_ms: int | float | None = None
    remote: bool = False
    meta: Any = None

    @property
    def failed(self) -> bool:
        """As nexus itself counts failures."""
        return bool(self.error) or self.status >= _FAILED_STATUS


_decode = msgspec.json.Decoder(_Report).decode


def classify(direction: Direction, opcode: Opcode, payload: bytes, state: State) -> Reading:
    """Read one message; what wsmon itself sends means nothing to the feed."""
    if direction != "in" or not rpc.is_text(payload, opcode):
        return UNREAD
    if len(payload) > rpc.MAX_BYTES:
        return rpc.too_large(len(payload))
    try:
        report = _decode(payload)
    except UNDECODABLE as error:
        return unreadable(error, "nexus")
    happened_ns = at_ns(report.timestamp)
    is_new, told = state.take(report.id, happened_ns)
    notes = (*told, *_notes(report, happened_ns)) if is_new else ()
    meta: dict[str, Json] = {"id": report.id}
    if not is_new:
        meta["duplicate"] = True
    return Reading(
        cut(report.kind), cut(report.endpoint or report.service), cut(report.trace_id), notes=notes, meta=meta
    )


def _notes(report: _Report, happened_ns: int | None) -> tuple[Note, ...]:
    kind = _KINDS.get(report.kind)
    if kind is None:
        return ()
    took_ns = duration_ns(report.duration_ms)
    phase = kind.phase
    if phase == "end" and took_ns is None:
        took_ns = 0  # under a millisecond, and left out
    if report.kind == "downstream" and took_ns is not None:  # v2 has it as a marker without a duration
        phase = "whole"
    note = Note(
        kind.name,
        "trace" if phase else "",
        phase,
        key=cut(report.span_id or report.trace_id) if phase else "",
        type=_span_name(report),
        topic=cut(report.endpoint or report.service),
        ref=cut(report.trace_id),
        status=_status(report, phase),
        error_type=f"{report.kind.partition('.')[0]}_failed" if report.failed else "",
        error=_mask(report.error),
        meta=_meta(report),
        at_ns=happened_ns,
        duration_ns=took_ns if phase in ("end", "whole") else None,
        span_id=report.span_id if is_span_id(report.span_id) else "",
        parent_id=report.parent_id if is_span_id(report.parent_id) else "",
    )
    return (note,)


def _span_name(report: _Report) -> str:
    """What a waterfall calls it; a downstream call of v0.2 has its name in the message."""
    message = report.message if report.kind == "downstream" else ""
    return cut(report.name or message or report.endpoint or report.kind)


def _status(report: _Report, phase: Phase) -> int | str | None:
    if phase not in ("end", "whole"):
        return None
    return report.status or ("error" if report.failed else "ok")


def _meta(report: _Report) -> dict[str, Json]:
    """The ids and names as the feed spells them, and the scalar attributes; a path goes without its query."""
    texts = {
        "traceId": report.trace_id,
        "spanId": report.span_id,
        "parentId": report.parent_id,
        "service": report.service,
        "endpoint": report.endpoint,
        "transport": report.transport,
        "method": report.method,
        "path": report.path.partition("?")[0],
    }
    meta: dict[str, Json] = {"kind": report.kind, **{key: cut(text) for key, text in texts.items() if text}}
    if report.duration_ms is not None and duration_ns(report.duration_ms) is not None:
        meta["durationMs"] = report.duration_ms
    if report.message:
        meta["message"] = _mask(report.message)
    if report.remote:
        meta["remote"] = True
    if attributes := _attributes(report.meta):
        meta["attributes"] = attributes
    return meta


def _attributes(meta: object) -> dict[str, Json]:
    """Attributes of the application: no credentials, nothing nested."""
    if not isinstance(meta, dict):
        return {}
    kept: dict[str, Json] = {}
    for key, value in meta.items():
        if len(kept) == MAX_ATTRIBUTES:
            break
        if is_credential_key(key):
            kept[cut(key)] = MASK
        elif isinstance(value, str):
            kept[cut(key)] = cut(_mask(value))
        elif isinstance(value, int | float) and abs(value) <= MAX_ID:
            kept[cut(key)] = value
    return kept
