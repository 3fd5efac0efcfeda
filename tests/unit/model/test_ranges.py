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


@pytest.mark.parametrize(
    ("in_excerpt", "events", "has_gaps"), [(None, 5, False), (5, 5, False), (2, 2, True), (10**9, 5, False)]
)
def test_ids_may_be_missing_in_an_excerpt(in_excerpt: int | None, events: int, has_gaps: bool) -> None:
    bounds = StoreBounds(3, 7, in_excerpt=in_excerpt)
    assert (bounds.events, bounds.has_gaps) == (events, has_gaps)
