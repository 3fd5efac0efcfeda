"""Perfetto: the timeline as Chrome trace events, which ui.perfetto.dev and chrome://tracing open.

A connection is a process, with tracks for status, sessions, phases and operations; incidents and losses are instants,
messages per second are counters. Times are whole microseconds from the first event of the file: Perfetto's importer
drops a slice that overlaps another one of its track, which happens where starts and durations are rounded apart. Where
the wall clock was set back, what follows is drawn later by as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

import wsmon
from wsmon.export.jsonl import rfc3339
from wsmon.export.selection import Selection
from wsmon.export.sessions import ExportedSession, alive_before
from wsmon.model.ends import why
from wsmon.model.events import Event, Json
from wsmon.model.spans import PHASES, Span, SpanFold
from wsmon.model.units import SECOND_NS, US_NS

# Threads of a process, as the format calls tracks
STATUS, SESSIONS, PHASES_TRACK, INSTANTS = 1, 2, 3, 4
_TRACKS = {STATUS: "status", SESSIONS: "sessions", PHASES_TRACK: "phases", INSTANTS: "incidents and problems"}
_RECORDER = "recorder"
# A clock that is set back by less is slewed, or read by two threads at once
STEP_NS = SECOND_NS // 10

Record = dict[str, Json]


class _Begun(NamedTuple):
    """An event that began a slice, and its place on the timeline."""

    event: Event
    at_ns: int


class _TimelineClock:
    """Converts wall times to places on the timeline, which never go back by more than what events are out of order."""

    def __init__(self) -> None:
        self._before: Event | None = None
        # Added to wall times: by how much the clock was set back so far
        self._shift_ns = 0

    def advance(self, event: Event) -> None:
        """Take the next event: within a run, the monotonic clock tells by how much the wall clock was set back."""
        before, self._before = self._before, event
        if before is None:
            return
        passed_ns = event.mono_ns - before.mono_ns if event.is_on_clock_of(before) else 0
        back_ns = passed_ns - (event.ts_ns - before.ts_ns)
        if back_ns > STEP_NS:
            self._shift_ns += back_ns

    def place(self, ts_ns: int) -> int:
        """Return the place of a wall time that was read since the clock was last set."""
        return ts_ns + self._shift_ns


class _Lane:
    """The state of one connection: its status, session and operations under way, and the messages of this second."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.is_named = False
        # The transition that began the current status
        self.status: _Begun | None = None
        self.fold = SpanFold()
        # The dial of the session that has not ended
        self.session: _Begun | None = None
        # Microsecond at which the last slice of a track ends
        self.ends: dict[int, int] = {}
        self.second = 0
        self.counts = {"received": 0, "sent": 0}


class _Timeline:
    """Turns events into records, with a lane for each connection."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._clock = _TimelineClock()
        self._zero_ns: int | None = None
        self._last_ns = 0

    @property
    def start(self) -> str:
        """The wall time at which the file begins; empty = it has no events."""
        return "" if self._zero_ns is None else rfc3339(self._zero_ns)

    def begun_before(self, session: ExportedSession) -> None:
        """Add a session that is open when the events begin; it is drawn from there."""
        lane = self._lane(session.source.connection)
        changed = session.completed or session.opened or session.started
        lane.session = None if session.started is None else _Begun(session.started, session.started.ts_ns)
        lane.status = None if changed is None else _Begun(changed, changed.ts_ns)
        if session.started is not None:
            list(lane.fold.ended_by(session.started))

    def records(self, event: Event) -> Iterator[Record]:
        """Iterate over the records that an event adds."""
        if self._zero_ns is None:
            self._zero_ns = event.ts_ns
        self._clock.advance(event)
        self._last_ns = max(self._last_ns, self._clock.place(event.ts_ns))
        lane = self._lane(event.source.connection)
        if not lane.is_named:
            yield from self._names(lane, event.source.connection or _RECORDER)
        if event.name in ("message.received", "message.sent"):
            yield from self._count(lane, event)
        yield from self._spans(lane, event)
        if event.to_status is not None:
            yield from self._status(lane, event)
        if event.is_problem or event.category in ("incident", "self"):
            yield self._instant(lane, event)

    def rest(self) -> Iterator[Record]:
        """Iterate over the records of what is under way when the events end."""
        for name, lane in self._lanes.items():
            if not lane.is_named:
                yield from self._names(lane, name or _RECORDER)
            yield from self._flush(lane)
            for begun, track in ((lane.status, STATUS), (lane.session, SESSIONS)):
                if begun is not None and self._zero_ns is not None:
                    event = begun.event
                    label = (event.to_status or "") if track == STATUS else event.source.connection_id
                    yield self._slice(lane, track, label, begun.at_ns, self._last_ns, {"open": True})

    def _lane(self, connection: str) -> _Lane:
        return self._lanes.setdefault(connection, _Lane(len(self._lanes) + 1))

    def _names(self, lane: _Lane, name: str) -> Iterator[Record]:
        lane.is_named = True
        yield {"ph": "M", "name": "process_name", "pid": lane.pid, "args": {"name": name}}
        yield {"ph": "M", "name": "process_sort_index", "pid": lane.pid, "args": {"sort_index": lane.pid}}
        for track, label in _TRACKS.items():
            yield {"ph": "M", "name": "thread_name", "pid": lane.pid, "tid": track, "args": {"name": label}}

    def _status(self, lane: _Lane, event: Event) -> Iterator[Record]:
        """The slice of the status that ends: where the next one begins, unless the recorder was away in between."""
        at_ns = self._clock.place(event.ts_ns)
        begun, lane.status = lane.status, _Begun(event, at_ns)
        if begun is not None and event.is_on_clock_of(begun.event):
            yield self._slice(lane, STATUS, begun.event.to_status or "", begun.at_ns, at_ns, {"event": begun.event.id})

    def _spans(self, lane: _Lane, event: Event) -> Iterator[Record]:
        if event.name == "connection.started":
            lane.session = _Begun(event, self._clock.place(event.ts_ns))
        for span in sorted(lane.fold.ended_by(event), key=lambda span: span.start_mono_ns):
            yield from self._span(lane, event, span)

    def _span(self, lane: _Lane, event: Event, span: Span) -> Iterator[Record]:
        """A session or a phase on its track; operations overlap, so they are pairs that the viewer puts on tracks."""
        about: Record = {"status": span.status, "error_type": span.error_type, "error": span.error, "event": event.id}
        args = {key: value for key, value in about.items() if value != ""}
        start_ns = self._clock.place(span.start_ns)
        end_ns = start_ns + (span.duration_ns or 0)
        if span.operation == "session":
            begun, lane.session = lane.session, None
            verdict: Record = {"verdict": why(event)} if why(event) else {}
            start_ns = start_ns if begun is None else begun.at_ns
            end_ns = self._clock.place(event.ts_ns)
            yield self._slice(lane, SESSIONS, span.span_id, start_ns, end_ns, {**args, **verdict})
        elif span.operation in PHASES:
            yield self._slice(lane, PHASES_TRACK, span.name, start_ns, end_ns, args)
        else:
            both: Record = {
                "cat": span.operation,
                "name": span.name,
                "id": span.span_id,
                "pid": lane.pid,
                "tid": SESSIONS,
            }
            yield {**both, "ph": "b", "ts": self._us(start_ns), "args": args}
            yield {**both, "ph": "e", "ts": self._us(end_ns)}

    def _count(self, lane: _Lane, event: Event) -> Iterator[Record]:
        second = self._clock.place(event.ts_ns) // SECOND_NS
        if second != lane.second:
            yield from self._flush(lane, second)
            lane.second = second
        lane.counts["received" if event.direction == "in" else "sent"] += 1

    def _flush(self, lane: _Lane, next_second: int = 0) -> Iterator[Record]:
        """The counters of the second that is over, and of the silence after it."""
        if not lane.second:
            return
        counted: list[tuple[int, Json]] = [(lane.second, dict(lane.counts))]
        if next_second != lane.second + 1:
            counted.append((lane.second + 1, {"received": 0, "sent": 0}))
        for second, counts in counted:
            us = max(0, self._us(second * SECOND_NS))
            yield {"ph": "C", "name": "messages/s", "pid": lane.pid, "ts": us, "args": counts}
        lane.second = 0
        lane.counts = {"received": 0, "sent": 0}

    def _instant(self, lane: _Lane, event: Event) -> Record:
        about: Record = {
            "event": event.id,
            "reason": event.reason,
            "error_type": event.error_type,
            "error": event.error,
        }
        label = f"{event.name} {event.type}".strip()
        args = {key: value for key, value in about.items() if value != ""}
        where: Record = {"pid": lane.pid, "tid": INSTANTS, "s": "t"}
        return {"ph": "i", "name": label, "ts": self._us(self._clock.place(event.ts_ns)), **where, "args": args}

    def _slice(self, lane: _Lane, track: int, name: str, start_ns: int, end_ns: int, args: Json) -> Record:
        """A period on a track, not before the end of the one before it, nor before the first event of the file."""
        us = max(lane.ends.get(track, 0), self._us(start_ns))
        end_us = lane.ends[track] = max(us, self._us(end_ns))
        where: Record = {"pid": lane.pid, "tid": track}
        return {"ph": "X", "name": name, **where, "ts": us, "dur": end_us - us, "args": args}

    def _us(self, at_ns: int) -> int:
        return (at_ns - (self._zero_ns or 0)) // US_NS


def perfetto(selection: Selection) -> Iterator[bytes]:
    """Write the trace, piece by piece."""
    timeline = _Timeline()
    for session in alive_before(selection):
        timeline.begun_before(session)
    yield b'{"displayTimeUnit":"ms","traceEvents":['
    separator: Literal[b"\n", b",\n"] = b"\n"
    for page in selection.pages():
        records = [msgspec.json.encode(record) for event in page for record in timeline.records(event)]
        yield separator + b",\n".join(records) if records else b""
        separator = b",\n" if records else separator
    rest = [msgspec.json.encode(record) for record in timeline.rest()]
    yield (separator + b",\n".join(rest) if rest else b"") + b"],\n"
    yield (
        b'"otherData":'
        + msgspec.json.encode({"version": f"wsmon {wsmon.__version__}", "start": timeline.start})
        + b"}\n"
    )
