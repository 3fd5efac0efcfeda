"""Periods that a store tells of: everything recorded, also where the clock was set back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests.support.builders import SECOND_NS, at_ns, dialled, event, loss, message, refused, source, usable
from tests.support.recordings import FixedClock, Recording
from wsmon.store.database import open_for_writing
from wsmon.store.reader import Reader

NAME = "orders"


def test_the_period_lasts_from_the_start_of_the_first_run_to_the_end_of_the_last(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME) as recording:
        recording.write([dialled(1, NAME), usable(2, NAME), message("x", 5, NAME)])
        recording.end(20)
    with closing(Reader(tmp_path / "store.db", FixedClock())) as reader:
        assert reader.period() == (at_ns(0), at_ns(20))


def test_the_period_holds_both_sides_of_a_clock_that_was_set_back(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME) as recording:
        recording.write([dialled(1, NAME), event("self.clock.stepped", 600, "", meta={"step_ns": -3_600 * SECOND_NS})])
        recording.end(700)
    with closing(Reader(tmp_path / "store.db", FixedClock())) as reader:
        assert reader.period() == (at_ns(0), at_ns(600 + 3_600))


def test_the_period_of_an_empty_store_is_none(tmp_path: Path) -> None:
    open_for_writing(tmp_path / "store.db").close()
    with closing(Reader(tmp_path / "store.db", FixedClock())) as reader:
        assert reader.period() == (0, 0)


def test_a_connection_was_open_from_each_usable_to_its_end(tmp_path: Path) -> None:
    second = source(NAME, session="b" * 16)
    with Recording(tmp_path / "store.db", NAME, "refused", "quiet") as recording:
        recording.write([dialled(1, NAME), usable(2, NAME), loss(10, NAME), dialled(1, "refused")])
        recording.write([refused(2, "refused"), dialled(20, NAME, source=second), usable(21, NAME, source=second)])
        with closing(Reader(tmp_path / "store.db", FixedClock())) as reader:
            whole = at_ns(0), at_ns(60)
            assert reader.open_times(NAME, *whole) == [(at_ns(2), at_ns(10)), (at_ns(21), at_ns(60))]
            assert reader.open_times(NAME, at_ns(10), at_ns(20)) == []
            assert (reader.open_times("refused", *whole), reader.open_times("quiet", *whole)) == ([], None)
