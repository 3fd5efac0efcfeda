"""Finds connections that are open and silent for longer than their data is expected."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.model.detectors.detector import IncidentDetector, seconds
from wsmon.model.detectors.watched import Traffic
from wsmon.model.durations import MS_NS, SECOND_NS
from wsmon.model.events import Event, Source
from wsmon.model.statuses import OPEN

STEADY_LIMIT_NS = 60 * SECOND_NS
# data that is expected more often than that is back when it came in time once: a feed that is always a little late
# would else begin and end an incident with each message. Slower data is back when it comes


@dataclass(slots=True)
class _Watch:
    """An open session whose data is waited for."""

    source: Source
    heard_id: int
    # the newest event when data last came, or the one that made it usable: there the silence begins
    heard_ns: int
    # monotonic: the newest data, or the opening
    stalled_ns: int = 0
    # how long the silence was that data ended last
    paused_ns: int | None = None
    # monotonic: since then we do not read, so silence is our own doing


class StallDetector(IncidentDetector):
    """Opens an incident ``stall`` when data stays out, closes it when data comes in time or the session ends."""

    kind = "stall"
    silence = "a longer expect_every"
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        self._watched: dict[str, _Watch] = {}
        # by connection

    def _see(self, event: Event) -> None:
        connection = event.source.connection
        if event.to_status == OPEN:
            self._watched[connection] = _Watch(event.source, event.id, event.mono_ns)
        elif event.to_status is not None:
            self._watched.pop(connection, None)
            self.incidents.close(connection, "the session ended")
        elif event.name == "self.backpressure":
            self._pause(connection, event)

    def _see_traffic(self, traffic: Traffic) -> None:
        connection = traffic.source.connection
        watch = self._watched.get(connection)
        heard_ns = traffic.newest_data_ns
        if watch is None or heard_ns is None or heard_ns < watch.heard_ns:
            return
        self._hear(watch, heard_ns)
        watch.heard_id = traffic.newest_id or watch.heard_id

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        for connection, watch in self._watched.items():
            every_s = self._expected(connection).every_s
            silent_ns = mono_ns - watch.heard_ns
            if every_s and watch.paused_ns is None and silent_ns > every_s * SECOND_NS:
                expected = f"expected every {seconds(every_s * SECOND_NS)}"
                self.incidents.open(watch.source, f"no data for {seconds(silent_ns)}; {expected}", [watch.heard_id])

    def _hear(self, watch: _Watch, heard_ns: int) -> None:
        connection = watch.source.connection
        silent_ns, watch.heard_ns = heard_ns - watch.heard_ns, heard_ns
        expected_ns = round(self._expected(connection).every_s * SECOND_NS)
        is_late = 0 < expected_ns < silent_ns
        if is_late:
            watch.stalled_ns = silent_ns
        if not is_late or expected_ns > STEADY_LIMIT_NS:
            self.incidents.close(connection, f"data again after {seconds(watch.stalled_ns)}")

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
