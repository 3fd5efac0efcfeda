"""TraceBackend: events of an application become traces by the suffixes of their names and the ids in their payloads.

It is Tasker's ``TraceBackend`` with what that one lacks: what ended is told apart from what is open, durations are of
the monotonic clock, the payload of a failure is kept, a step does not end its task, and memory is bounded. The
recording has all traces; in memory are those that are open, and the newest ones that ended.
"""

from __future__ import annotations

import copy
import enum
import os
import re
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import msgspec

from wsmon.errors import UsageError
from wsmon.trace.context import child_context
from wsmon.trace.events import TraceEvent, plain
from wsmon.trace.sink import Sink, sink_of

if TYPE_CHECKING:
    from wsmon.model.redact.redactor import Redactor
    from wsmon.ports import Clock

# Open traces; beyond, the oldest is given up
MOST_OPEN: Final = 20_000
# Traces that ended and generic events, each, that are kept for ``export``
MOST_KEPT: Final = 10_000
_SECOND_NS: Final = 1_000_000_000
_MS_NS: Final = 1_000_000
_NO_PAYLOAD: Final[Mapping[str, Any]] = MappingProxyType({})
_STARTS: Final = (".started", ".reconnect.attempt")
_ENDS: Final[Mapping[str, str]] = {
    ".completed": "success",
    ".failed": "error",
    ".reconnect.success": "success",
    ".cancelled": "abandoned",
}
_OUTCOMES: Final = {"success": "ok"}
_WITHIN: Final = re.compile(r"(?P<stem>.+)\.(?P<side>before|after)_(?P<label>.+)")
# What pairs events, in order of precedence, with what its keys begin with
_IDS: Final = (("task_id", "task"), ("workflow_step_id", "step"), ("step_id", "step"), ("operation", "operation"))


class TraceKey(NamedTuple):
    """What an event of a backend belongs to."""

    kind: Literal["start", "end", "within", "generic"]
    stem: str
    """The name without its suffix: a start is paired with an end of the same stem."""
    key: str
    """``task_ID``, ``step_ID`` or ``operation_NAME``; empty where the payload has no id."""
    root: str
    """Key of the outermost trace that the payload names: the task of a step."""
    status: str = ""
    """Of an end: success, error, abandoned."""
    side: str = ""
    """Of an event within: before, after."""
    label: str = ""


def trace_key(name: str, payload: Mapping[str, Any]) -> TraceKey:
    """Return what an event belongs to; the first rule that fits decides.

    ``.started`` begins a trace; ``.completed``, ``.failed`` and ``.cancelled`` end one; ``.before_X`` and ``.after_X``
    bracket a part of it; all else is generic. The id is ``task_id``, else ``workflow_step_id`` (or ``step_id``), else
    ``operation``; that of an event of a step is the step's.
    """
    keys = [f"{prefix}_{payload[field]}" for field, prefix in _IDS if payload.get(field) not in (None, "")]
    root = keys[0] if keys else ""
    for suffix in _STARTS:
        if name.endswith(suffix):
            stem = name[: name.rindex(".")]
            return TraceKey("start", stem, _own_key(stem, keys), root)
    for suffix, status in _ENDS.items():
        if name.endswith(suffix):
            stem = name[: name.rindex(".")]
            return TraceKey("end", stem, _own_key(stem, keys), root, status)
    if found := _WITHIN.fullmatch(name):
        stem = found["stem"]
        return TraceKey("within", stem, _own_key(stem, keys), root, side=found["side"], label=found["label"])
    return TraceKey("generic", name, root, root)


def _own_key(stem: str, keys: list[str]) -> str:
    if "step" in re.split("[._]", stem):
        return next((key for key in keys if key.startswith("step_")), keys[0] if keys else "")
    return keys[0] if keys else ""


class BackendStats(msgspec.Struct, frozen=True):
    """What became of the traces of a backend since it was made or reset."""

    active: int
    """Begun, and not ended."""
    finished: int
    """Ended with success or an error."""
    orphaned: int
    """Ends, and events within a trace, of which no beginning is known."""
    abandoned: int
    """Begun again before they ended, cancelled, or given up because too many were open."""
    generic: int
    """Events that are no part of a trace."""
    uptime_s: float
    """Since the backend was made; ``reset`` does not change it."""
    instance_id: str


class _Trace:
    """A trace that has begun."""

    def __init__(self, key: TraceKey, record: dict[str, Any], mono_ns: int, ids: tuple[str, str, str]) -> None:
        self.stem = key.stem
        self.key = key.key
        self.record = record
        self.began_ns = mono_ns
        self.trace_id, self.span_id, self.parent_id = ids
        # Parts that have begun, by label: when, their id and their record
        self.parts: dict[str, tuple[int, str, dict[str, Any]]] = {}


class TraceBackend:
    """Takes events of an application; any thread may call."""

    def __init__(
        self,
        sink: Sink | None = None,
        *,
        connection: str = "",
        instance_id: str = "",
        clock: Clock | None = None,
        most_open: int = MOST_OPEN,
        most_kept: int = MOST_KEPT,
    ) -> None:
        """Report to ``sink``, by default that of ``sink_of``.

        ``connection`` is the row of the screen of events whose payload names none; ``instance_id`` is the name of the
        host by default.
        """
        if clock is None:
            from wsmon.clock import SystemClock

            clock = SystemClock()
        self._clock = clock
        self._sink = sink_of() if sink is None else sink
        self._connection = connection
        self._instance_id = instance_id or os.uname().nodename
        self._created_ns, self._created_mono_ns = clock.wall_ns(), clock.mono_ns()
        self._most_open = most_open
        # Guards what follows
        self._lock = threading.RLock()
        # By stem and key, oldest first
        self._open: dict[tuple[str, str], _Trace] = {}
        self._kept: deque[dict[str, Any]] = deque(maxlen=most_kept)
        self._generic: deque[dict[str, Any]] = deque(maxlen=most_kept)
        self._counts = dict.fromkeys(("finished", "orphaned", "abandoned", "generic"), 0)
        # Of traces without an id
        self._nameless = 0
        _ALL.add(self)

    def handle_event(self, name: str, payload: object = _NO_PAYLOAD) -> bool:
        """Take an event; returns whether it was taken, also where it belongs to nothing. Never raises.

        A payload that is no mapping is refused. See ``trace_key`` for what belongs together; in ``payload``,
        ``connection`` (or ``client_id``) names the row of the screen, ``trace_id`` (or ``correlation_id``) the trace,
        ``error`` (or ``error_message``, ``exception``) what failed. Keys may be text or members of an enumeration.
        """
        if not isinstance(payload, Mapping) or not isinstance(name, str):
            return False
        try:
            told = {key_text(key): plain(value) for key, value in payload.items()}
            with self._lock:
                self._handle(name, told)
        except Exception as error:  # noqa: BLE001 - a mistake here must not break the events of the application
            self._tell_failure(name, error)
            return False
        return True

    def stats(self) -> BackendStats:
        """Return what became of the traces so far."""
        with self._lock:
            uptime_s = (self._clock.mono_ns() - self._created_mono_ns) / _SECOND_NS
            return BackendStats(
                active=len(self._open), uptime_s=uptime_s, instance_id=self._instance_id, **self._counts
            )

    def export(self) -> dict[str, Any]:
        """Return ``traces`` by key and ``metadata``: backend, instance, times of creation and export, and counts.

        What is returned is the caller's. Credentials are masked. A second trace of a key is ``KEY#2``; ``duration`` is
        in seconds. ``left_out`` counts older traces and generic events, which the recording alone has.
        """
        # Imported now: most applications export nothing
        from wsmon.model.redact.redactor import Redactor

        with self._lock:
            records = copy.deepcopy([*self._kept, *(trace.record for trace in self._open.values()), *self._generic])
            ended = self._counts["finished"] + self._counts["abandoned"] + self._counts["generic"]
            left_out = max(0, ended - len(self._kept) - len(self._generic))
        redactor = Redactor(filters_metadata=True)
        traces: dict[str, Any] = {}
        for record in sorted(records, key=lambda each: each["start_time"]):
            key, number = record.pop("key"), 2
            place = key
            while place in traces:
                place, number = f"{key}#{number}", number + 1
            traces[place] = _masked(record, redactor)
        metadata = {
            "backend": "trace",
            "instance_id": self._instance_id,
            "created_at": _iso(self._created_ns),
            "exported_at": _iso(self._clock.wall_ns()),
            "trace_count": len(traces),
            "left_out": left_out,
        }
        return {"traces": traces, "metadata": metadata}

    def reset(self, *, confirmed: bool = False, connection: str = "") -> int:
        """Forget all traces, or those of a connection, and return how many; the recording keeps them.

        Counts begin at 0 where all are forgotten. Raises ``UsageError`` where it is not ``confirmed``.
        """
        with self._lock:
            count = len(self._open) + len(self._kept) + len(self._generic)
            if not confirmed:
                raise UsageError(f"a reset would forget {count:,} traces", "export them, then reset(confirmed=True)")
            for place, trace in tuple(self._open.items()):
                if connection in ("", trace.record["connection"]):
                    self._finish(place, "abandoned", "reset", {})
            forgotten = 0
            for records in (self._kept, self._generic):
                others = [record for record in records if connection and record["connection"] != connection]
                forgotten += len(records) - len(others)
                records.clear()
                records.extend(others)
            if not connection:
                self._counts = dict.fromkeys(self._counts, 0)
            return forgotten

    def after_fork(self) -> None:
        """Go on in a forked child."""
        self._lock = threading.RLock()

    def _handle(self, name: str, payload: dict[str, Any]) -> None:
        key = trace_key(name, payload)
        place = (key.stem, key.key)
        if key.kind == "start":
            self._start(name, key, payload)
        elif key.kind == "generic":
            self._counts["generic"] += 1
            self._generic.append(self._record(f"generic_{self._counts['generic']}", name, payload, "generic"))
            self._emit(name, payload)
        elif place not in self._open:
            self._orphan(name, key, payload)
        elif key.kind == "end":
            self._finish(place, key.status, name, payload)
        else:
            self._part(self._open[place], key, name, payload)

    def _start(self, name: str, key: TraceKey, payload: dict[str, Any]) -> None:
        if not key.key:
            self._nameless += 1
            key = key._replace(key=f"trace_{self._nameless}")
        place = (key.stem, key.key)
        if place in self._open:
            self._finish(place, "abandoned", "begun again before it ended", {})
        while self._open and len(self._open) >= self._most_open:
            self._finish(next(iter(self._open)), "abandoned", f"more than {self._most_open:,} are open", {})
        outer = None
        if key.root and key.root != key.key:
            outer = next((each for each in reversed(self._open.values()) if each.key == key.root), None)
        named = str(payload.get("trace_id") or payload.get("correlation_id") or "")
        context, parent_id = child_context(named)
        ids = (*context, parent_id) if outer is None else (named or outer.trace_id, context.span_id, outer.span_id)
        mono_ns = self._clock.mono_ns()
        trace = _Trace(key, self._record(key.key, name, payload, "active"), mono_ns, ids)
        self._open[place] = trace
        self._emit_span(trace, "trace.span.start", {"event": name, **payload}, mono_ns=mono_ns)

    def _finish(self, place: tuple[str, str], status: str, name: str, payload: dict[str, Any]) -> None:
        """End a trace; of one that is abandoned for another reason than an event, ``name`` is the reason."""
        trace = self._open.pop(place)
        ts_ns, mono_ns = self._clock.wall_ns(), self._clock.mono_ns()
        for label in tuple(trace.parts):
            self._end_part(trace, label, mono_ns, "abandoned", {})
        record = trace.record
        record |= {"end_time": _iso(ts_ns), "duration": _seconds(mono_ns - trace.began_ns), "status": status}
        if payload:
            record["finish"] = payload
        if status == "abandoned":
            record["reason"] = name
        self._counts["abandoned" if status == "abandoned" else "finished"] += 1
        self._kept.append(record)
        self._emit_span(
            trace,
            "trace.span.end",
            {"event": record["event_name"] if status == "abandoned" else name, **record["payload"], **payload},
            mono_ns=mono_ns,
            duration_ms=(mono_ns - trace.began_ns) / _MS_NS,
            outcome=_OUTCOMES.get(status, status),
            reason=name if status == "abandoned" else "",
            **(_failure(payload) if status == "error" else {}),
        )

    def _part(self, trace: _Trace, key: TraceKey, name: str, payload: dict[str, Any]) -> None:
        ts_ns, mono_ns = self._clock.wall_ns(), self._clock.mono_ns()
        if key.side == "after" and key.label in trace.parts:
            self._end_part(trace, key.label, mono_ns, "success", payload)
            return
        record = {"event_name": name, "timestamp": _iso(ts_ns), "payload": payload, "duration": None}
        trace.record["spans"].append(record)
        if key.side == "after":
            self._emit(name, payload, trace)
            return
        if key.label in trace.parts:
            self._end_part(trace, key.label, mono_ns, "abandoned", {})
        span_id = os.urandom(8).hex()
        trace.parts[key.label] = (mono_ns, span_id, record)
        self._emit_span(trace, "trace.span.start", payload, key.label, span_id, mono_ns=mono_ns)

    def _end_part(self, trace: _Trace, label: str, mono_ns: int, status: str, payload: dict[str, Any]) -> None:
        began_ns, span_id, record = trace.parts.pop(label)
        if status == "success":
            record |= {"duration": _seconds(mono_ns - began_ns), "finish": payload}
        self._emit_span(
            trace,
            "trace.span.end",
            {**record["payload"], **payload},
            label,
            span_id,
            mono_ns=mono_ns,
            duration_ms=(mono_ns - began_ns) / _MS_NS,
            outcome=_OUTCOMES.get(status, status),
        )

    def _orphan(self, name: str, key: TraceKey, payload: dict[str, Any]) -> None:
        self._counts["orphaned"] += 1
        context, parent_id = child_context(str(payload.get("trace_id") or payload.get("correlation_id") or ""))
        self._sink.emit(
            TraceEvent(
                name="trace.span.end" if key.kind == "end" else name,
                type=key.stem if key.kind == "end" else "",
                connection=self._connection_of(payload),
                ref=key.key,
                trace_id=context.trace_id,
                span_id=context.span_id,
                parent_id=parent_id,
                outcome="orphan",
                meta={"event": name, **payload},
                **(_failure(payload) if key.status == "error" else {}),
            )
        )

    def _record(self, key: str, name: str, payload: dict[str, Any], status: str) -> dict[str, Any]:
        return {
            "key": key,
            "start_time": _iso(self._clock.wall_ns()),
            "event_name": name,
            "connection": self._connection_of(payload),
            "payload": payload,
            "spans": [],
            "status": status,
        }

    def _connection_of(self, payload: Mapping[str, Any]) -> str:
        return str(payload.get("connection") or payload.get("client_id") or self._connection)

    def _emit(self, name: str, payload: dict[str, Any], trace: _Trace | None = None) -> None:
        self._sink.emit(
            TraceEvent(
                name=name,
                connection=self._connection_of(payload) if trace is None else trace.record["connection"],
                ref="" if trace is None else trace.key,
                trace_id=str(payload.get("trace_id") or "") if trace is None else trace.trace_id,
                parent_id="" if trace is None else trace.span_id,
                meta=payload or None,
            )
        )

    def _emit_span(
        self,
        trace: _Trace,
        name: str,
        meta: dict[str, Any],
        label: str = "",
        span_id: str = "",
        **fields: Any,
    ) -> None:
        """Record an end of a trace, or of its part with a label."""
        self._sink.emit(
            TraceEvent(
                name=name,
                type=f"{trace.stem}.{label}" if label else trace.stem,
                connection=trace.record["connection"],
                ref=trace.key,
                trace_id=trace.trace_id,
                span_id=span_id or trace.span_id,
                parent_id=trace.span_id if label else trace.parent_id,
                meta={**meta, "instance_id": self._instance_id},
                **fields,
            )
        )

    def _tell_failure(self, name: str, error: Exception) -> None:
        # Imported now: most applications never need it here
        import logging

        logging.getLogger(__name__).warning("event %r was not handled: %s", name, type(error).__name__)
        self._sink.emit(
            TraceEvent(
                name="trace.backend.failure",
                connection=self._connection,
                topic=name,
                error_type=type(error).__name__,
                error=plain(error),
            )
        )


def _failure(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What failed, from a payload."""
    said = payload.get("error") or payload.get("error_message") or payload.get("exception") or ""
    kind = payload.get("error_type") or payload.get("exception_class") or "failed"
    return {"error_type": str(kind), "error": said if isinstance(said, str) else str(said)}


def key_text(key: object) -> str:
    """Return a key as text; that of a symbol, as Ruby and Elixir write it, without its colon."""
    return str(key.value if isinstance(key, enum.Enum) else key).removeprefix(":")


def _masked(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, dict):
        # Imported with the redactor
        from wsmon.model.redact.masking import MASK

        return {key: MASK if redactor.hides(key) else _masked(item, redactor) for key, item in value.items()}
    return [_masked(item, redactor) for item in value] if isinstance(value, list) else value


def _seconds(duration_ns: int) -> float:
    return round(duration_ns / _SECOND_NS, 6)


def _iso(ts_ns: int) -> str:
    """UTC, with microseconds."""
    # Imported now: `import wsmon.trace` loads less
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ts_ns // 1_000 / 1e6, UTC).isoformat(timespec="microseconds")


def _forked() -> None:
    """Let a forked child go on where a thread of its parent held a lock."""
    for backend in tuple(_ALL):
        backend.after_fork()


_ALL: weakref.WeakSet[TraceBackend] = weakref.WeakSet()
os.register_at_fork(after_in_child=_forked)
