"""A detector at work on one connection, fed as the writer feeds it, at times that the test says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tests.support.builders import MONO_0_NS, SECOND_NS, at_ns, source
from wsmon.model.detectors.base import Expectation, NumberedMessage, Traffic
from wsmon.model.events import Event, Json
from wsmon.model.histogram import index
from wsmon.ports import Detector

NAME = "feed"
ORDINARY = Expectation()


def mono_ns(after_s: float) -> int:
    """Monotonic time so many seconds after the start."""
    return MONO_0_NS + round(after_s * SECOND_NS)


def told(found: Iterable[Event]) -> list[tuple[str, str]]:
    """What was found, in short: begun or ended, and the sentence."""
    return [(event.name.partition(".")[2], event.reason) for event in found]


def fact(event: Event, name: str) -> Json:
    """One of the facts that an incident states."""
    return (event.meta or {}).get(name)


def milliseconds(*values: float) -> Mapping[int, int]:
    """A histogram of durations."""
    counts: dict[int, int] = {}
    for value in values:
        place = index(round(value * 1_000_000))
        counts[place] = counts.get(place, 0) + 1
    return counts


class Watching:
    """Gives ids, and shows the detector what it found, as the fold does."""

    def __init__(self, detector: Detector, expectation: Expectation = ORDINARY) -> None:
        self.detector = detector
        self.found: list[Event] = []
        # everything so far
        self.last_id = 0
        self.expect(expectation)

    def expect(self, expectation: Expectation | None = None) -> None:
        """Reconfigure; without an expectation the connection is gone."""
        self.detector.configure({} if expectation is None else {NAME: expectation})

    def see(self, *events: Event) -> None:
        """Lifecycle events happen."""
        for event in events:
            self.last_id += 1
            self.detector.observe(msgspec.structs.replace(event, id=self.last_id))

    def traffic(self, after_s: float, *, has_data: bool = True, **fields: object) -> None:
        """A batch brings messages of the connection."""
        traffic = Traffic(source(NAME), mono_ns(after_s), mono_ns(after_s) if has_data else None)
        for name, value in fields.items():
            setattr(traffic, name, value)
        self.detector.observe_traffic(traffic)

    def numbers(self, after_s: float, *numbers: int, key: str = "", session: str = "s1") -> None:
        """A batch brings messages with sequence numbers."""
        carried: list[NumberedMessage] = []
        for number in numbers:
            self.last_id += 1
            carried.append(NumberedMessage(self.last_id, session, key, number))
        self.traffic(after_s, messages=len(carried), numbered=carried)

    def check(self, after_s: float) -> tuple[Event, ...]:
        """A tick: what was found now."""
        found = self.detector.check(at_ns(after_s), mono_ns(after_s))
        self.see(*found)
        self.found += found
        return found

    def check_until(self, from_s: float, until_s: float, every_s: float = 0.25) -> list[tuple[str, str]]:
        """Ticks of a period; what was told in it."""
        before = len(self.found)
        for tick in range(round((until_s - from_s) / every_s) + 1):
            self.check(from_s + tick * every_s)
        return told(self.found[before:])

    def end(self, after_s: float) -> list[tuple[str, str]]:
        """The run ends; what was told then."""
        before = len(self.found)
        self.detector.end()
        self.check(after_s)
        self.check(after_s)
        return told(self.found[before:])
