"""The order of events of several recordings: by time, stable, and read slice by slice."""

from __future__ import annotations

import random
from array import array

import pytest

from wsmon.errors import StoreError
from wsmon.model.ranges import StoreBounds
from wsmon.store.merged import order as order_module
from wsmon.store.merged.order import MergedOrder, Place, merged_order


class Recorded:
    """Wall times of recordings, whose first id is given."""

    def __init__(self, *times: list[int], first_id: int = 1) -> None:
        self.times = times
        self.first_id = first_id
        self.reads: list[tuple[int, int, int]] = []
        self.order = MergedOrder([f"r{number}" for number in range(len(times))])
        self.extend()

    def extend(self) -> None:
        first = self.first_id
        bounds = [StoreBounds(first if each else 0, first + len(each) - 1 if each else 0) for each in self.times]
        self.order.extend(bounds, self.read, self.id_at)

    def read(self, recording: int, first_id: int, last_id: int) -> array[int]:
        self.reads.append((recording, first_id, last_id))
        return array("q", self.times[recording][first_id - self.first_id : last_id - self.first_id + 1])

    def id_at(self, recording: int, ts_ns: int) -> int:
        times = self.times[recording]
        return self.first_id + next((place for place, each in enumerate(times) if each >= ts_ns), len(times))

    def places(self) -> list[Place]:
        return [self.order.place(each, self.read) for each in range(1, self.order.last_id + 1)]


def test_events_are_in_order_of_time_and_those_of_equal_times_in_the_order_of_the_recordings() -> None:
    assert Recorded([1, 3, 3], [2, 3], first_id=10).places() == [(0, 10), (1, 10), (0, 11), (0, 12), (1, 11)]


def test_a_clock_that_was_set_back_does_not_reorder_a_recording() -> None:
    assert merged_order([[5, 1, 6], [2, 5, -1, 7]]) == bytes([1, 0, 0, 1, 1, 0, 1])


def test_what_is_recorded_later_comes_behind_and_no_id_changes() -> None:
    recorded = Recorded([1, 5], [2])
    before = recorded.places()
    recorded.times[0].append(9)
    recorded.times[1].extend([3, 8])
    recorded.extend()
    assert recorded.places() == [*before, (1, 2), (1, 3), (0, 3)]


def test_a_recording_that_was_empty_joins() -> None:
    recorded = Recorded([], [])
    assert recorded.order.last_id == 0
    recorded.times[1].append(4)
    recorded.extend()
    assert (recorded.places(), recorded.order.places_from(1, recorded.read)) == ([(1, 1)], (1, 1))


def test_a_replaced_recording_is_an_error() -> None:
    recorded = Recorded([1, 5], [2])
    recorded.times[0].clear()
    with pytest.raises(StoreError, match="the recording r0 was replaced"):
        recorded.extend()


def test_recordings_one_after_the_other_need_no_times() -> None:
    recorded = Recorded(list(range(9_000)), list(range(9_000, 18_000)))
    recorded.reads.clear()
    # Near their border they share a slice
    recorded.order.place(1_000, recorded.read)
    recorded.order.ids(1, [8_000], recorded.read)
    assert recorded.reads == []


@pytest.mark.parametrize("seed", range(20))
def test_places_and_ids_are_inverse_whatever_the_slices(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_module, "SLICE", 7)
    rolls = random.Random(seed)
    times = [sorted(rolls.randrange(60) for _ in range(rolls.randrange(40))) for _ in range(rolls.randint(2, 4))]
    recorded = Recorded(*times, first_id=rolls.choice((1, 100)))
    for look in range(4):
        places = recorded.places()
        for recording, each in enumerate(times):
            own = [place.id for place in places if place.recording == recording]
            assert own == list(range(recorded.first_id, recorded.first_id + len(each)))
            ids = recorded.order.ids(recording, [*own, own[-1] + 1 if own else 1], recorded.read)
            assert list(ids) == [
                *(place for place, found in enumerate(places, 1) if found.recording == recording),
                0,
            ]
        for event_id in range(-1, recorded.order.last_id + 3):
            counts = recorded.order.places_from(event_id, recorded.read)
            passed = places[: max(0, event_id - 1)]
            assert counts == tuple(
                recorded.first_id * bool(each) + (not each) + sum(place.recording == number for place in passed)
                for number, each in enumerate(times)
            )
        if look == 0:
            expected = sorted(
                (each, number, place) for number, own in enumerate(times) for place, each in enumerate(own)
            )
            assert places == [(number, recorded.first_id + place) for _, number, place in expected]
        for each in filter(None, times):
            each += [each[-1] + rolls.randrange(3) for _ in range(rolls.randrange(4))]
        recorded.extend()
