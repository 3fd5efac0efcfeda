"""Finds connections that are open and silent for longer than their data is expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wsmon.model.events import Event, Source
from wsmon.model.statuses import OPEN

SECOND_NS = 1_000_000_000
MS_NS = 1_000_000


@dataclass(slots=True)
class _Watch:
    """An open session whose data is waited for."""

    source: Source
    opened_id: int
    # the event that made it usable
    heard_ns: int
    # monotonic: the newest data, or the opening
    paused_ns: int | None = None
    # monotonic: since then we do not read, so silence is our own doing
    incident_id: int | None = None
    # the stall that is open
    is_announced: bool = False
    # the stall was found, its event has no id yet


class StallDetector:
    """Opens an incident ``stall`` when data stays out, closes it when data comes or the session ends."""

    def __init__(self) -> None:
        self._expected_s: Mapping[str, float] = {}
        self._watched: dict[str, _Watch] = {}
        # by connection
        self._ended: list[tuple[_Watch, str]] = []
        # stalls to be closed, and why

    def expect(self, every_s: Mapping[str, float]) -> None:
        """Know how often each connection should receive data (0 = never mind); replaces what was known."""
        self._expected_s = dict(every_s)

    def observe(self, event: Event) -> None:
        """See a lifecycle event: what opens, ends or pauses a session, and the stalls of our own."""
        connection = event.source.connection
        if event.to_status == OPEN:
            self._watched[connection] = _Watch(event.source, event.id, event.mono_ns)
        elif event.to_status is not None:
            self._end(connection)
        elif event.name == "self.backpressure":
            self._pause(connection, event)
        elif event.name == "incident.opened" and event.type == "stall" and connection in self._watched:
            self._watched[connection].incident_id = event.id

    def observe_data(self, connection: str, mono_ns: int) -> None:
        """See that a connection received data, the newest at ``mono_ns``."""
        watch = self._watched.get(connection)
        if watch is None or mono_ns < watch.heard_ns:
            return
        if watch.incident_id is not None:
            silent_s = (mono_ns - watch.heard_ns) / SECOND_NS
            self._ended.append((watch, f"data again after {_seconds(silent_s)}"))
        watch.heard_ns = mono_ns

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """The stalls that began or ended by now."""
        closed = [_closed(watch, reason, ts_ns, mono_ns) for watch, reason in self._ended if watch.incident_id]
        for watch, _ in self._ended:
            watch.incident_id = None
            watch.is_announced = False
        self._ended.clear()
        opened = [
            self._opened(watch, expected_s, ts_ns, mono_ns)
            for connection, watch in self._watched.items()
            if (expected_s := self._expected_s.get(connection, 0.0)) and _is_stalled(watch, expected_s, mono_ns)
        ]
        return (*closed, *opened)

    def _opened(self, watch: _Watch, expected_s: float, ts_ns: int, mono_ns: int) -> Event:
        watch.is_announced = True
        silent_s = (mono_ns - watch.heard_ns) / SECOND_NS
        return Event(
            watch.source,
            "incident.opened",
            ts_ns,
            mono_ns,
            type="stall",
            reason=f"no data for {_seconds(silent_s)}; expected every {_seconds(expected_s)}",
            meta={"evidence": [watch.opened_id]},
        )

    def _pause(self, connection: str, event: Event) -> None:
        """Our own store was slow: the time in which nothing was read is no silence."""
        watch = self._watched.get(connection)
        if watch is None:
            return
        paused_ms = (event.meta or {}).get("paused_ms")
        if not isinstance(paused_ms, (int, float)):
            watch.paused_ns = event.mono_ns
            return
        watch.paused_ns = None
        watch.heard_ns = min(event.mono_ns, watch.heard_ns + round(paused_ms * MS_NS))

    def _end(self, connection: str) -> None:
        watch = self._watched.pop(connection, None)
        if watch is not None and watch.incident_id is not None:
            self._ended.append((watch, "the session ended"))


def _is_stalled(watch: _Watch, expected_s: float, mono_ns: int) -> bool:
    return not watch.is_announced and watch.paused_ns is None and mono_ns - watch.heard_ns > expected_s * SECOND_NS


def _closed(watch: _Watch, reason: str, ts_ns: int, mono_ns: int) -> Event:
    return Event(
        watch.source,
        "incident.closed",
        ts_ns,
        mono_ns,
        type="stall",
        reason=reason,
        meta={"incident": watch.incident_id, "evidence": [watch.incident_id]},
    )


def _seconds(seconds: float) -> str:
    """``5.2 s``, ``41 s``."""
    return f"{round(seconds, 1):g} s"
