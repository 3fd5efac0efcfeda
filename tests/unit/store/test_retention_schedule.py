"""When a store is pruned, and when there is an event about it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fake_ports import FakeClock
from wsmon.store.retention import EVENT_GAP_S, GAP_S, NOTHING, Pruned, PruneSchedule, Retention


class Slices(Retention):
    """A retention whose slices are known before."""

    def __init__(self, *slices: int) -> None:
        self._slices = list(slices)
        self._up_to_id = 0
        self.rollups = 0

    def prune_events(self) -> Pruned:
        events = self._slices.pop(0) if self._slices else 0
        self._up_to_id += events
        return Pruned(events, self._up_to_id) if events else NOTHING

    def prune_rollups(self) -> bool:
        self.rollups += 1
        return False


def told(pruning: PruneSchedule, clock: FakeClock, slices: int) -> list[tuple[float, Any]]:
    """When so many slices are told of, in seconds from now, and how many events they name."""
    found = []
    for number in range(slices):
        clock.advance(GAP_S)
        found += [(round(number * GAP_S, 1), (each.meta or {})["events"]) for each in pruning.slice()]
    return found


def test_a_round_is_told_once_at_its_end() -> None:
    clock = FakeClock()
    retention = Slices(500, 500, 3)
    pruning = PruneSchedule(retention, clock)
    assert told(pruning, clock, 20) == [(0.3, 1_003)]
    assert (pruning.events, retention.rollups) == (1_003, 17)


def test_between_two_slices_there_is_a_gap() -> None:
    clock = FakeClock()
    pruning = PruneSchedule(Slices(*[1] * 100), clock)
    clock.advance(GAP_S)
    for _ in range(10):
        pruning.slice()
    assert pruning.events == 1


def test_a_round_that_does_not_end_is_told_of_once_a_minute() -> None:
    clock = FakeClock()
    pruning = PruneSchedule(Slices(*[10] * 2_000), clock)
    assert told(pruning, clock, 2_000) == [
        (60.0, 6_010),
        (120.1, 6_010),
        (180.2, 6_010),
    ]


def test_an_event_a_second_that_grows_too_old_is_told_of_once_a_minute() -> None:
    clock = FakeClock()
    pruning = PruneSchedule(Slices(*([1] + [0] * 9) * 130), clock)
    assert [events for _, events in told(pruning, clock, 1_300)] == [1, 60, 60]
    assert [(event.name, (event.meta or {})["events"]) for event in pruning.report()] == [("self.pruned", 9)]
    assert pruning.report() == ()
    assert pruning.events == 130


def test_it_says_up_to_where() -> None:
    clock = FakeClock()
    pruning = PruneSchedule(Slices(1_200, 34), clock)
    for _ in range(3):
        clock.advance(GAP_S)
        events = pruning.slice()
    (event,) = events
    assert event.reason == "1,234 oldest events removed, up to 1234"
    assert event.meta == {"events": 1_234, "up_to_id": 1_234}
    assert EVENT_GAP_S == 60


@pytest.mark.parametrize("slices", [(), (0, 0)])
def test_nothing_that_went_is_nothing_to_tell(slices: tuple[int, ...]) -> None:
    clock = FakeClock()
    assert told(PruneSchedule(Slices(*slices), clock), clock, 10) == []
