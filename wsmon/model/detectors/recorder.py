"""Finds what is our own doing: a store that is slower than the peers, and events that were not kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from wsmon.model.detectors.base import Expectation, IncidentDetector, Traffic, counted, seconds
from wsmon.model.events import RECORDER, Event
from wsmon.model.units import MS_NS, SECOND_NS

WINDOW_NS = 60 * SECOND_NS
FIRST_PAUSES = 3
# Together in a window: fewer pauses that long are news as well, from the second on
LONG_PAUSES_NS = 5 * SECOND_NS


@dataclass(slots=True)
class _Pauses:
    """When reading a connection stood still, in the last minute."""

    pauses: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Monotonic end, event id, how long."""


class BackpressureDetector(IncidentDetector):
    """Opens ``backpressure`` where reading was paused again and again; a minute without a pause ends it."""

    kind = "backpressure"

    def __init__(self) -> None:
        super().__init__()
        self._paused: dict[str, _Pauses] = {}

    def _see(self, event: Event) -> None:
        if event.name != "self.backpressure":
            return
        paused_ms = (event.meta or {}).get("paused_ms")
        if not isinstance(paused_ms, (int, float)):
            return  # it goes on: the end of the pause says how long it was
        pauses = self._paused.setdefault(event.source.connection, _Pauses()).pauses
        pauses.append((event.mono_ns, event.id, round(paused_ms * MS_NS)))
        _drop_old(pauses, event.mono_ns)
        total_ns = sum(took_ns for *_, took_ns in pauses)
        if len(pauses) >= FIRST_PAUSES or (len(pauses) > 1 and total_ns >= LONG_PAUSES_NS):
            reason = f"wsmon was too slow {len(pauses)} times in a minute: reading paused for {seconds(total_ns)}"
            self.incidents.open(event.source, reason, [event_id for _, event_id, _ in pauses])

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        for connection, paused in list(self._paused.items()):
            _drop_old(paused.pauses, mono_ns)
            if not paused.pauses:
                del self._paused[connection]
                self.incidents.close(connection, "no pause for a minute")


class ShedDetector(IncidentDetector):
    """Opens ``shed`` at the first event that was not kept; a minute in which all are ends it."""

    kind = "shed"

    def __init__(self) -> None:
        super().__init__()
        # Monotonic time of the newest, how many events, by connection
        self._shed: dict[str, tuple[int, int]] = {}

    def _see(self, event: Event) -> None:
        if event.name != "self.shed":
            return
        connection = event.source.connection
        events = (event.meta or {}).get("events")
        lost = events if isinstance(events, int) else 0
        before = self._shed.get(connection, (0, 0))[1]
        self._shed[connection] = event.mono_ns, before + lost
        self.incidents.open(event.source, event.reason, [event.id], {"events": lost})

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        for connection, (newest_ns, events) in list(self._shed.items()):
            if mono_ns - newest_ns > WINDOW_NS:
                del self._shed[connection]
                reason = f"{counted(events, 'event')} not kept; none lost for a minute"
                self.incidents.close(connection, reason, {"events": events})


def _drop_old(pauses: deque[tuple[int, int, int]], now_ns: int) -> None:
    while pauses and now_ns - pauses[0][0] > WINDOW_NS:
        pauses.popleft()


# Finds steps of the wall clock: it was set, or the machine slept.

# Between two looks; a clock that is slewed moves half a millisecond a second
STEP_NS = SECOND_NS


class ClockDetector:
    """Tells ``self.clock.stepped`` once two looks agree that wall and monotonic clock no longer go together."""

    reads_traffic = False

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        # wall minus monotonic
        # The same, where the last look found a step: a thread may be stopped between reading one clock and the other
        self._suspect_ns: int | None = None

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Clocks are of no connection."""

    def observe(self, event: Event) -> None:
        """Events say nothing about clocks."""

    def observe_traffic(self, traffic: Traffic) -> None:
        """Neither does traffic."""

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """The step, where there was one."""
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
        reason = f"the wall clock went {way} by {seconds(abs(step_ns))}: it was set, or the machine slept"
        return (Event(RECORDER, "self.clock.stepped", ts_ns, mono_ns, reason=reason, meta={"step_ns": step_ns}),)

    def end(self) -> None:
        """A step has no end."""
