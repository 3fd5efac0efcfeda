"""What all detectors have in common: one kind of incident, connections that are watched, and when they are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wsmon.model.detectors.base import Incidents
from wsmon.model.detectors.watched import Expectation, IncidentKind, Traffic
from wsmon.model.durations import SECOND_NS
from wsmon.model.events import Event

UNWATCHED = Expectation()


class IncidentDetector:
    """A detector of one kind of incident; each says what it sees, and what it looks at when time passes."""

    kind: ClassVar[IncidentKind]
    silence: ClassVar[str] = ""
    # which key of a connection keeps it quiet, beside ``silence``
    reads_traffic: ClassVar[bool] = False

    def __init__(self) -> None:
        self.incidents = Incidents(self.kind, self.silence)
        self._expectations: Mapping[str, Expectation] = {}
        self._has_ended = False

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Know the connections and what is asked of them; replaces what was known."""
        self._expectations = dict(expectations)
        for connection in self.incidents.connections:
            if not self._is_watched(connection):
                self.incidents.close(connection, "it is no longer watched")

    def observe(self, event: Event) -> None:
        """See a lifecycle event, in the order of commit, its id included."""
        self.incidents.observe(event)
        if self._is_watched(event.source.connection):
            self._see(event)

    def observe_traffic(self, traffic: Traffic) -> None:
        """See what a batch brought of a connection."""
        if self._is_watched(traffic.source.connection):
            self._see_traffic(traffic)

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """What began or ended by now, as events."""
        if not self._has_ended:
            self._look(ts_ns, mono_ns)
        return self.incidents.take(ts_ns, mono_ns)

    def end(self) -> None:
        """The recorder ends: so does whatever it watched, and nothing begins."""
        self._has_ended = True
        for connection in self.incidents.connections:
            self.incidents.close(connection, "the recorder ended")

    def _expected(self, connection: str) -> Expectation:
        return self._expectations.get(connection, UNWATCHED)

    def _is_watched(self, connection: str) -> bool:
        """Whether somebody wants to hear of it: a connection of the configuration, not silenced."""
        expectation = self._expectations.get(connection)
        return expectation is not None and self.kind not in expectation.silenced

    def _see(self, event: Event) -> None:
        """A lifecycle event of a watched connection."""

    def _see_traffic(self, traffic: Traffic) -> None:
        """What a batch brought of a watched connection."""

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        """Time has passed."""


def seconds(duration_ns: float) -> str:
    """``5.2 s``, ``41 s``."""
    return f"{round(duration_ns / SECOND_NS, 1):g} s"


def counted(number: int, what: str) -> str:
    """``1 message``, ``1,204 messages``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
