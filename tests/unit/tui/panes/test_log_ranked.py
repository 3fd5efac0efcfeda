from __future__ import annotations

from datetime import UTC

from tests.support.fake_ports import FakeClock, FakeView
from wsmon.model.ranges import TopMatches
from wsmon.query.ast import EVERYTHING
from wsmon.tui.panes.log_ranked import RankedMatches, run_ranking


def test_the_title_says_how_many_were_looked_at_and_that_it_is_a_snapshot() -> None:
    clock, ranked = FakeClock(), RankedMatches()
    assert ranked.sentence(clock, UTC) == ()

    ranked.begin("duration", was_following=True, now_ns=clock.wall_ns())
    assert ranked.sentence(clock, UTC)[0] == "looking for the slowest"
    assert ranked.take(ranked.serial, TopMatches((7, 3), 5_000, is_complete=False))
    assert ranked.sentence(clock, UTC) == (
        "2 slowest of 5,000 events so far", "snapshot of 14:02:24", "Enter: show in time order", "Esc: by time",
    )  # fmt: skip
    assert not ranked.take(ranked.serial - 1, TopMatches((9,), 1, is_complete=True))
    assert [ranked.rows.id_at(row) for row in range(len(ranked.rows))] == [7, 3]


def test_no_ranking_asks_nothing() -> None:
    view = FakeView()

    assert list(run_ranking(view, EVERYTHING, None)) == []
    assert view.calls == []
