"""Detectors of trouble in the recorder itself: backpressure, shed events, steps of the wall clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wsmon.model.detectors.base import SUSPENDED, Expectation, IncidentDetector, Traffic, asleep_ns, counted, seconds
from wsmon.model.events import RECORDER, Event
from wsmon.model.incident_kinds import BACKPRESSURE, SHED
from wsmon.model.units import MS_NS, SECOND_NS


@dataclass(slots=True)
class _Pauses:
    """The newest times in which a connection was not read."""

    pauses: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Monotonic end, event id and duration in nanoseconds of each pause."""


class BackpressureDetector(IncidentDetector):
    """Opens ``backpressure`` when reading was paused repeatedly; some time without a pause ends it."""

    kind = BACKPRESSURE

    def __init__(self) -> None:
        super().__init__()
        # By connection
        self._paused: dict[str, _Pauses] = {}

    def _on_event(self, event: Event) -> None:
        if event.name != "self.backpressure":
            return
        paused_ms = (event.meta or {}).get("paused_ms")
        if not isinstance(paused_ms, (int, float)):
            # The pause goes on; the event at its end has the duration
            return
        pauses = self._paused.setdefault(event.source.connection, _Pauses()).pauses
        pauses.append((event.mono_ns, event.id, round(paused_ms * MS_NS)))
        connection = event.source.connection
        within_ns = self._threshold_ns(connection, "within")
        _drop_old(pauses, event.mono_ns - within_ns)
        total_ns = sum(took_ns for *_, took_ns in pauses)
        is_long = len(pauses) > 1 and total_ns >= self._threshold_ns(connection, "total")
        if is_long or len(pauses) >= self._threshold(connection, "opens"):
            reason = f"wsmon was too slow {len(pauses)} times in {seconds(within_ns)}: "
            reason += f"reading paused for {seconds(total_ns)}"
            self.incidents.open(event.source, reason, [event_id for _, event_id, _ in pauses])

    def _on_tick(self, ts_ns: int, mono_ns: int) -> None:
        for connection, paused in list(self._paused.items()):
            within_ns = self._threshold_ns(connection, "within")
            _drop_old(paused.pauses, mono_ns - within_ns)
            if not paused.pauses:
                del self._paused[connection]
                self.incidents.close(connection, f"no pause for {seconds(within_ns)}")


class ShedDetector(IncidentDetector):
    """Opens ``shed`` at the first event that was not kept; some time without loss ends it."""

    kind = SHED

    def __init__(self) -> None:
        super().__init__()
        # By connection: monotonic time of the newest loss, and how many events were lost
        self._shed: dict[str, tuple[int, int]] = {}

    def _on_event(self, event: Event) -> None:
        if event.name != "self.shed":
            return
        connection = event.source.connection
        events = (event.meta or {}).get("events")
        lost = events if isinstance(events, int) else 0
        before = self._shed.get(connection, (0, 0))[1]
        self._shed[connection] = event.mono_ns, before + lost
        self.incidents.open(event.source, event.reason, [event.id], {"events": lost})

    def _on_tick(self, ts_ns: int, mono_ns: int) -> None:
        for connection, (newest_ns, events) in list(self._shed.items()):
            calm_ns = self._threshold_ns(connection, "calm")
            if mono_ns - newest_ns > calm_ns:
                del self._shed[connection]
                reason = f"{counted(events, 'event')} lost; no further loss for {seconds(calm_ns)}"
                self.incidents.close(connection, reason, {"events": events})


def _drop_old(pauses: deque[tuple[int, int, int]], before_ns: int) -> None:
    while pauses and pauses[0][0] < before_ns:
        pauses.popleft()


# Between two checks; a clock that is slewed moves by half a millisecond a second only
STEP_NS = SECOND_NS


class ClockDetector:
    """Reports ``self.clock.stepped`` once two checks agree that the wall clock left the monotonic clock."""

    reads_traffic = False

    def __init__(self) -> None:
        # Wall time minus monotonic time; None before the first check
        self._offset_ns: int | None = None
        # Monotonic time of the last check
        self._checked_ns = 0
        # The same where the last check found a step, until a second check confirms it: a thread may be suspended
        # between reading one clock and the other
        self._suspect_ns: int | None = None

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Ignore the connections: the clock belongs to none."""

    def observe(self, event: Event) -> None:
        """Take note of how long the machine slept: the wall clock went on, and was not set."""
        if event.name == SUSPENDED and self._offset_ns is not None:
            self._offset_ns += asleep_ns(event)

    def observe_traffic(self, batch: Iterable[Traffic]) -> None:
        """Ignore traffic."""

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """Return an event about the step of the clock, if there was one."""
        # What the event loop knows of a sleep has not arrived yet
        if mono_ns == self._checked_ns:
            return ()
        self._checked_ns = mono_ns
        offset_ns = ts_ns - mono_ns
        suspect_ns, self._suspect_ns = self._suspect_ns, None
        if self._offset_ns is None or abs(offset_ns - self._offset_ns) <= STEP_NS:
            self._offset_ns = offset_ns
            return ()
        if suspect_ns is None or abs(offset_ns - suspect_ns) > STEP_NS:
            self._suspect_ns = offset_ns
            return ()
        step_ns, self._offset_ns = offset_ns - self._offset_ns, offset_ns
        way = "forward" if step_ns > 0 else "back"
        reason = f"the wall clock jumped {way} by {seconds(abs(step_ns))}: it was set, or the machine slept"
        return (Event(RECORDER, "self.clock.stepped", ts_ns, mono_ns, reason=reason, meta={"step_ns": step_ns}),)

    def end(self) -> None:
        """Do nothing: a step has no end."""
