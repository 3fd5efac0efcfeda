"""nexus ``trace``: applications that report their requests and spans as JSON, one event per message.

Every event counts once over reconnects: ids increase, and a session goes on after the last id of the one before.
Sources: nexus v0.2.0 (requests, downstream calls, logs) and v2 (a tree of spans).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import msgspec

from wsmon.model.events import Direction, EventName, Json, Opcode
from wsmon.model.json_texts import repairing
from wsmon.model.redact.masking import MASK
from wsmon.model.redact.names import is_credential_key
from wsmon.model.spans import is_span_id
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.protocols import jsonrpc_messages
from wsmon.protocols.base import (
    UNDECODABLE,
    UNREAD,
    Decoded,
    HandshakeUrl,
    Happening,
    MessageSample,
    Phase,
    Protocol,
    cut,
    unreadable,
)
from wsmon.protocols.credentials import Credentials

MAX_ID = 2**63 - 1
# Ids that are remembered: the server numbers events before it queues them, so that a few overtake each other
WINDOW = 1024
# How long an event may take that others overtook
_SETTLE_NS = SECOND_NS
# An old id with a time this much later than all before is a new event: the server counts from 1 again
_RESTART_NS = SECOND_NS


class NexusState:
    """Which events of a feed were taken, once each over reconnects and restarts of the server, and which are missing.

    ``last_id`` and ``last_at_ns`` are those of the session before.
    """

    def __init__(self, last_id: int = 0, last_at_ns: int = 0) -> None:
        # The highest id that was taken
        self.last_id = last_id
        # Latest time of an event, by the server's wall clock; 0 where there was none yet
        self.last_at_ns = last_at_ns
        self.duplicates = 0
        self.restarts = 0
        # Number of ids between the first and the last that did not come
        self.missing = 0
        # All ids up to here are taken or given up
        self._floor = last_id
        # Missing ids are counted from here
        self._base = last_id
        self._seen: dict[int, None] = {}
        self._now_ns = 0
        # When the last id was skipped
        self._gap_ns = 0
        # How many of ``missing`` were reported
        self._reported = 0

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""
        self._now_ns = now_ns

    def take(self, id_: int, at_ns: int | None) -> tuple[bool, tuple[Happening, ...]]:
        """Return whether the event is new, and what else its id says."""
        happenings: tuple[Happening, ...] = ()
        if id_ <= self._floor or id_ in self._seen:
            if id_ in self._seen or not self._is_restart(at_ns):
                self.duplicates += 1
                return False, ()
            happenings = self._restart()
        self._count(id_)
        self._seen[id_] = None
        if len(self._seen) > WINDOW:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._floor = max(self._floor, oldest)
        self.last_id = max(self.last_id, id_)
        self.last_at_ns = max(self.last_at_ns, at_ns or 0)
        return True, happenings

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return that ids are missing, once they can no longer have been overtaken."""
        if self.missing <= self._reported or now_ns - self._gap_ns < _SETTLE_NS:
            return ()
        missing, self._reported = self.missing - self._reported, self.missing
        error = f"{missing} feed events are missing: dropped for a slow reader, or no longer kept by the server"
        return (Happening("error.occurred", error_type="feed_gap", error=error, meta={"missing": missing}),)

    def _is_restart(self, at_ns: int | None) -> bool:
        return at_ns is not None and 0 < self.last_at_ns < at_ns - _RESTART_NS

    def _restart(self) -> tuple[Happening, ...]:
        self.restarts += 1
        before, self.last_id, self._floor = self.last_id, 0, 0
        self._seen.clear()
        error = f"ids restarted after {before}: the server restarted; events it reported meanwhile are unknown"
        return (Happening("error.occurred", error_type="feed_restarted", error=error, meta={"lastId": before}),)

    def _count(self, id_: int) -> None:
        """Count missing ids; before the first event none is missing."""
        if not self.last_id:
            self._base = id_
        elif id_ > self.last_id + 1:
            self.missing += id_ - self.last_id - 1
            self._gap_ns = self._now_ns
        elif self._base < id_ < self.last_id:
            self.missing -= 1
            self._reported = min(self._reported, self.missing)


# RFC 3339; further decimals than nine are ignored
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)", re.ASCII)
# Latest time that the store can hold: the year 2262
_LATEST_NS = 2**63 - 1


def at_ns(timestamp: str) -> int | None:
    """Return nanoseconds since 1970; None where it is no time, or an earlier one: Go writes the year 1 for none."""
    match = _RFC3339.fullmatch(timestamp)
    if match is None:
        return None
    whole, decimals, zone = match.groups()
    try:
        seconds = datetime.fromisoformat(whole + zone).timestamp()
    except (ValueError, OverflowError):
        return None
    since_ns = int(seconds) * SECOND_NS + int((decimals or "0").ljust(9, "0"))
    return since_ns if 0 < since_ns <= _LATEST_NS else None


def duration_ns(duration_ms: float | None) -> int | None:
    """Return nanoseconds; None where it is absent or no duration."""
    if duration_ms is None or not 0 <= duration_ms <= _LATEST_NS // MS_NS:
        return None
    return round(duration_ms * MS_NS)


# Attributes of an event that are recorded; all of them are in the payload
MAX_ATTRIBUTES = 32
# HTTP status from which on nexus counts a failure
_FAILED_STATUS = 400
_mask = Credentials().mask


class _Kind(NamedTuple):
    name: EventName
    phase: Phase = ""


# request.op names the operation within a request: nothing begins or ends with it
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


class _Report(msgspec.Struct, gc=False, rename="camel"):
    """An event of the feed; Go omits what is zero or empty."""

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
        """Whether nexus counts it as a failure."""
        return bool(self.error) or self.status >= _FAILED_STATUS


_decode = repairing(msgspec.json.Decoder(_Report).decode)


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: NexusState) -> Decoded:
    """Decode one message; outgoing ones mean nothing to the feed."""
    if direction != "in" or not jsonrpc_messages.is_text(payload, opcode):
        return UNREAD
    if len(payload) > jsonrpc_messages.MAX_BYTES:
        return jsonrpc_messages.too_large(len(payload))
    try:
        report = _decode(payload)
    except UNDECODABLE as error:
        return unreadable(error, "nexus")
    happened_ns = at_ns(report.timestamp)
    is_new, about_id = state.take(report.id, happened_ns)
    happenings = (*about_id, *_happenings(report, happened_ns)) if is_new else ()
    meta: dict[str, Json] = {"id": report.id}
    if not is_new:
        meta["duplicate"] = True
    return Decoded(
        cut(report.kind), cut(report.endpoint or report.service), cut(report.trace_id), happenings=happenings, meta=meta
    )


def _happenings(report: _Report, happened_ns: int | None) -> tuple[Happening, ...]:
    kind = _KINDS.get(report.kind)
    if kind is None:
        return ()
    took_ns = duration_ns(report.duration_ms)
    phase = kind.phase
    # Under a millisecond, which Go omits
    if phase == "end" and took_ns is None:
        took_ns = 0
    # In v2 it is a marker without a duration
    if report.kind == "downstream" and took_ns is not None:
        phase = "whole"
    happening = Happening(
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
    return (happening,)


def _span_name(report: _Report) -> str:
    """Return the name of its span; a downstream call of v0.2 has it in the message."""
    message = report.message if report.kind == "downstream" else ""
    return cut(report.name or message or report.endpoint or report.kind)


def _status(report: _Report, phase: Phase) -> int | str | None:
    if phase not in ("end", "whole"):
        return None
    return report.status or ("error" if report.failed else "ok")


def _meta(report: _Report) -> dict[str, Json]:
    """Return ids and names as the feed spells them, and scalar attributes; a path without its query."""
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
    """Return attributes of the application, without credentials and nested values."""
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


_PATH = "/__nexus/events"


def _recognise_url(url: HandshakeUrl) -> str:
    return f"the path ends in {_PATH}" if url.path.endswith(_PATH) else ""


def _recognise(sample: MessageSample) -> str:
    message = sample.members
    kind = message.get("kind")
    number = message.get("id")
    is_numbered = isinstance(number, int) and number > 0
    is_it = "traceId" in message and is_numbered and isinstance(kind, str) and kind in _KINDS
    return f'a message has a traceId and "kind": "{kind}"' if is_it else ""


PROTOCOL = Protocol(
    "nexus",
    NexusState,
    decode,
    next_state=lambda state: NexusState(state.last_id, state.last_at_ns),
    recognise_url=_recognise_url,
    recognise=_recognise,
)
