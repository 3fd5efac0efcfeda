"""Finds steps of the wall clock: it was set, or the machine slept."""

from __future__ import annotations

from collections.abc import Mapping

from wsmon.model.detectors.detector import seconds
from wsmon.model.detectors.watched import Expectation, Traffic
from wsmon.model.durations import SECOND_NS
from wsmon.model.events import RECORDER, Event

STEP_NS = SECOND_NS
# between two looks; a clock that is slewed moves half a millisecond a second


class ClockDetector:
    """Tells ``self.clock.stepped`` once two looks agree that wall and monotonic clock no longer go together."""

    reads_traffic = False

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        # wall minus monotonic
        self._suspect_ns: int | None = None
        # the same, where the last look found a step: a thread may be stopped between reading one clock and the other

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
