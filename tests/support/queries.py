"""Queries parsed at a fixed time, and the events that a store finds for them."""

from __future__ import annotations

from datetime import UTC

from wsmon.ports import StoreView
from wsmon.query.ast import Query
from wsmon.query.parser import ReferenceTime, parse

# 2026-01-10T14:02:24Z
NOW_NS = 1_768_053_744_000_000_000
NOW = ReferenceTime(NOW_NS, UTC)


def query(text: str) -> Query:
    """What the text means at ``NOW``, in UTC."""
    return parse(text, NOW)


def found_ids(view: StoreView, query: Query, first_id: int, last_id: int) -> list[int]:
    """The ids of the matches in a closed range of ids, as a search finds them: oldest first."""
    found = view.search(query, first_id, last_id, newest_first=False)
    return [event_id for each in found for event_id in each.ids]
