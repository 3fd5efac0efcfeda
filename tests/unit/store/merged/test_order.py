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
        self.recorded = times
        self.first_id = first_id
        self.reads: list[tuple[int, int, int]] = []
        self.order = MergedOrder([f"r{number}" for number in range(len(times))])
        self.extend()

    def extend(self) -> None:
        first = self.first_id
        bounds = [StoreBounds(first if each else 0, first + len(each) - 1 if each else 0) for each in self.recorded]
        self.order.extend(bounds)

    def times(self, recording: int, first_id: int, last_id: int) -> array[int]:
        self.reads.append((recording, first_id, last_id))
        return array("q", self.recorded[recording][first_id - self.first_id : last_id - self.first_id + 1])

    def time_from(self, recording: int, event_id: int) -> int:
        return self.recorded[recording][event_id - self.first_id]

    def id_at(self, recording: int, ts_ns: int) -> int:
        times = self.recorded[recording]
        return self.first_id + next((place for place, each in enumerate(times) if each >= ts_ns), len(times))

    def places(self) -> list[Place]:
        return [self.order.place(each, self) for each in range(1, self.order.last_id + 1)]


def test_events_are_in_order_of_time_and_those_of_equal_times_in_the_order_of_the_recordings() -> None:
    assert Recorded([1, 3, 3], [2, 3], first_id=10).places() == [(0, 10), (1, 10), (0, 11), (0, 12), (1, 11)]


def test_a_clock_that_was_set_back_does_not_reorder_a_recording() -> None:
    assert merged_order([[5, 1, 6], [2, 5, -1, 7]]) == bytes([1, 0, 0, 1, 1, 0, 1])


def test_what_is_recorded_later_comes_behind_and_no_id_changes() -> None:
    recorded = Recorded([1, 5], [2])
    before = recorded.places()
    recorded.recorded[0].append(9)
    recorded.recorded[1].extend([3, 8])
    recorded.extend()
    assert recorded.places() == [*before, (1, 2), (1, 3), (0, 3)]


def test_only_what_is_asked_for_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_module, "SLICE", 16)
    recorded = Recorded(list(range(0, 20_000, 2)), list(range(1, 20_000, 2)))
    assert recorded.reads == []
    assert [recorded.order.place(each, recorded) for each in (20_000, 19_999, 1)] == [(1, 10_000), (0, 10_000), (0, 1)]
    assert sum(last - first + 1 for _, first, last in recorded.reads) <= 32


def test_many_events_of_one_time_stay_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_module, "SLICE", 4)
    recorded = Recorded([5] * 20, [1, 5, 5, 9])
    assert recorded.places() == [(1, 1), *((0, number) for number in range(1, 21)), (1, 2), (1, 3), (1, 4)]


def test_a_recording_that_was_empty_joins() -> None:
    recorded = Recorded([], [])
    assert recorded.order.last_id == 0
    recorded.recorded[1].append(4)
    recorded.extend()
    assert (recorded.places(), recorded.order.places_from(1, recorded)) == ([(1, 1)], (1, 1))


def test_a_replaced_recording_is_an_error() -> None:
    order = MergedOrder(("eu", "us"))
    for _ in range(2):
        order.check(("1", "2"))
    with pytest.raises(StoreError, match="the recording us was replaced"):
        order.check(("1", "3"))


def test_what_another_thread_has_not_seen_yet_takes_nothing_back() -> None:
    recorded = Recorded([1, 5], [2])
    before = recorded.places()
    recorded.order.extend([StoreBounds(1, 1), StoreBounds(1, 1)])
    assert recorded.places() == before


def test_recordings_one_after_the_other_need_no_times() -> None:
    recorded = Recorded(list(range(9_000)), list(range(9_000, 18_000)))
    recorded.reads.clear()
    # Near their border they share a slice
    recorded.order.place(1_000, recorded)
    recorded.order.ids(1, [8_000], recorded)
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
            ids = recorded.order.ids(recording, [*own, own[-1] + 1 if own else 1], recorded)
            assert list(ids) == [
                *(place for place, found in enumerate(places, 1) if found.recording == recording),
                0,
            ]
        for event_id in range(-1, recorded.order.last_id + 3):
            counts = recorded.order.places_from(event_id, recorded)
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
