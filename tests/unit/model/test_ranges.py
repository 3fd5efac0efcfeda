"""Ranges of events: how many a store holds."""

from __future__ import annotations

import pytest

from wsmon.model.ranges import StoreBounds


@pytest.mark.parametrize(
    ("bounds", "events"),
    [(StoreBounds(), 0), (StoreBounds(last_id=7), 0), (StoreBounds(3, 7), 5), (StoreBounds(7, 7), 1)],
)
def test_the_events_kept_are_those_from_the_oldest_to_the_newest_id(bounds: StoreBounds, events: int) -> None:
    assert bounds.events == events
