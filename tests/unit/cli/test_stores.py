"""Stores to read: periods as ranges of ids."""

from __future__ import annotations

from pathlib import Path

from tests.support.builders import T0_NS, message
from tests.support.recordings import FixedClock, recorded
from wsmon.cli.stores import ids_of_period
from wsmon.model.units import SECOND_NS
from wsmon.store.reader import Reader


def test_a_period_is_a_closed_range_of_ids(tmp_path: Path) -> None:
    store = recorded(tmp_path / "store.db", [message("x", second) for second in (10, 20, 30)], "orders")
    view = Reader(store, FixedClock())
    try:
        tenth, twentieth = (T0_NS + second * SECOND_NS for second in (10, 20))
        counts = []
        for since_ns, until_ns in ((None, None), (twentieth, None), (None, tenth + 1)):
            first, last = ids_of_period(view, since_ns, until_ns)
            found = view.events_by_id(tuple(range(first, last + 1)))
            counts.append(sum(each.name == "message.received" for each in found))
        empty = ids_of_period(view, tenth + 1, tenth + 1)
    finally:
        view.close()
    assert counts == [3, 2, 1]
    assert empty[0] > empty[1]
