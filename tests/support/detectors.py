"""A harness for detectors: one connection, fed as the writer feeds it, at times that the test chooses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tests.support.builders import MONO_0_NS, SECOND_NS, at_ns, source
from wsmon.model.detectors.base import Expectation, NumberedMessage, Traffic
from wsmon.model.events import Event, Json
from wsmon.model.histogram import bucket_index
from wsmon.model.measures import SequenceNumber
from wsmon.ports import Detector

NAME = "feed"
ORDINARY = Expectation()


def mono_ns(after_s: float) -> int:
    """Return the monotonic time this long after the start."""
    return MONO_0_NS + round(after_s * SECOND_NS)


def incident_reasons(found: Iterable[Event]) -> list[tuple[str, str]]:
    """Return ``opened`` or ``closed`` and the reason of each incident event."""
    return [(event.name.partition(".")[2], event.reason) for event in found]


def fact(event: Event, name: str) -> Json:
    """Return one of the facts in an incident's ``meta``."""
    return (event.meta or {}).get(name)


def milliseconds(*values: float) -> Mapping[int, int]:
    """Return a log-bucket histogram of durations."""
    counts: dict[int, int] = {}
    for value in values:
        place = bucket_index(round(value * 1_000_000))
        counts[place] = counts.get(place, 0) + 1
    return counts


class DetectorHarness:
    """Runs a detector: numbers events and feeds its own incidents back to it, as the fold does."""

    def __init__(self, detector: Detector, expectation: Expectation = ORDINARY) -> None:
        self.detector = detector
        # All incident events so far
        self.found: list[Event] = []
        self.last_id = 0
        self.expect(expectation)

    def expect(self, expectation: Expectation | None = None) -> None:
        """Configure the expectation; None removes the connection from the configuration."""
        self.detector.configure({} if expectation is None else {NAME: expectation})

    def see(self, *events: Event) -> None:
        """Let lifecycle events happen."""
        for event in events:
            self.last_id += 1
            self.detector.observe(msgspec.structs.replace(event, id=self.last_id))

    def traffic(self, after_s: float, *, has_data: bool = True, **fields: object) -> None:
        """Let a batch bring messages of the connection."""
        traffic = Traffic(source(NAME), mono_ns(after_s), mono_ns(after_s) if has_data else None)
        for name, value in fields.items():
            setattr(traffic, name, value)
        self.detector.observe_traffic([traffic])

    def numbers(self, after_s: float, *numbers: int, key: str = "", session: str = "s1") -> None:
        """Let a batch bring messages with sequence numbers."""
        carried: list[NumberedMessage] = []
        for number in numbers:
            self.last_id += 1
            carried.append(NumberedMessage(self.last_id, session, key, number))
        self.traffic(after_s, messages=len(carried), numbered=carried)

    def messages(self, after_s: float, *numbered: SequenceNumber, session: str = "s1") -> None:
        """Let a batch bring messages that cover ranges, are heartbeats, restart the count or could not be read."""
        carried: list[NumberedMessage] = []
        for each in numbered:
            self.last_id += 1
            number = each.last or 0
            carried.append(NumberedMessage(self.last_id, session, each.key, number, each.first, each.mark))
        self.traffic(after_s, messages=len(carried), numbered=carried)

    def check(self, after_s: float) -> tuple[Event, ...]:
        """Let time pass; return the incident events found."""
        found = self.detector.check(at_ns(after_s), mono_ns(after_s))
        self.see(*found)
        self.found += found
        return found

    def check_until(self, from_s: float, until_s: float, every_s: float = 0.25) -> list[tuple[str, str]]:
        """Check regularly over a period; return the reasons of the incidents found in it."""
        before = len(self.found)
        for tick in range(round((until_s - from_s) / every_s) + 1):
            self.check(from_s + tick * every_s)
        return incident_reasons(self.found[before:])

    def end(self, after_s: float) -> list[tuple[str, str]]:
        """End the run; return the reasons of the incidents that ended with it."""
        before = len(self.found)
        self.detector.end()
        self.check(after_s)
        self.check(after_s)
        return incident_reasons(self.found[before:])
