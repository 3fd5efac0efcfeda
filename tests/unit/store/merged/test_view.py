"""What a view of several recordings says about their connections; its events are in ``tests/property``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date
from pathlib import Path

import pytest

from tests.support.builders import SECOND_NS, at_ns, dialled, event, loss, message, usable
from tests.support.merged import merged_view
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, Recording, recorded
from wsmon.errors import UsageError
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import Event
from wsmon.model.ranges import DayStart
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query
from wsmon.store.merged.view import MergedView
from wsmon.store.reader import Reader

CLOCK = FixedClock(600)
DAY_S = 86_400


def story(shift_s: float) -> list[Event]:
    return [
        event("self.run.started", shift_s, connection=""),
        dialled(shift_s + 1, "orders"),
        usable(shift_s + 2, "orders"),
        message("a", shift_s + 3, "orders", type="trade"),
        message("a longer one", shift_s + 4, "orders", type="book"),
        loss(shift_s + 5, "orders"),
    ]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two recordings, which no test changes."""
    folder = tmp_path_factory.mktemp("stores")
    return {name: recorded(folder / f"{name}.db", story(shift), "orders") for name, shift in (("eu", 0), ("us", 0.5))}


@pytest.fixture
def view(stores: dict[str, Path]) -> Iterator[MergedView]:
    with merged_view(stores, CLOCK) as found:
        yield found


def test_connections_of_one_name_stay_apart(view: MergedView, stores: dict[str, Path]) -> None:
    snapshot = view.snapshot(at_ns(10))
    assert [row.state.name for row in snapshot.connections] == ["eu/orders", "us/orders"]
    assert [row.problem and (row.problem.id, row.problem.source.recording) for row in snapshot.connections] == [
        (11, "eu"),
        (12, "us"),
    ]
    assert [row.state.last_problem_id for row in snapshot.connections] == [11, 12]
    with closing(Reader(stores["us"], CLOCK)) as reader:
        own = reader.snapshot(at_ns(10))
    state = replace(own.connections[0].state, name="us/orders", last_problem_id=12)
    assert snapshot.connections[1].state == state
    assert snapshot.bounds == view.bounds() == replace(snapshot.bounds, oldest_id=1, last_id=12, run=2)


def test_of_excerpts_and_bundles_the_events_are_counted_not_the_ids(stores: dict[str, Path], tmp_path: Path) -> None:
    with closing(Reader(stores["eu"], CLOCK)) as reader:
        request = ExportRequest("sqlite", tmp_path / "part.db", parse("type:trade OR name:self.run.started"))
        run_export(request, reader)
    with merged_view({"part": tmp_path / "part.db", "us": stores["us"]}, CLOCK) as view:
        bounds = view.bounds()
        assert (bounds.events, bounds.has_gaps) == (8, True)
        found = [each.ids for each in view.search(EVERYTHING, 1, bounds.last_id, newest_first=False)]
        assert sum(map(len, found)) == 8


def test_statistics_are_of_each_connection_and_never_added_up(view: MergedView, stores: dict[str, Path]) -> None:
    found = view.statistics(None, None, has_types=True)
    assert [each.name for each in found.connections] == ["eu/orders", "us/orders"]
    assert [each.messages.received for each in found.connections] == [2, 2]
    (only,) = view.statistics(None, None, "us/orders").connections
    with closing(Reader(stores["us"], CLOCK)) as reader:
        assert [only] == [replace(each, name="us/orders") for each in reader.statistics(None, None).connections]
        trend = reader.trend("orders", at_ns(0), at_ns(10), 5)
    assert view.trend("us/orders", at_ns(0), at_ns(10), 5) == replace(trend, connection="us/orders")
    largest = view.extreme("us/orders", "size", at_ns(0), at_ns(10))
    assert largest is not None
    assert (largest.id, largest.payload) == (10, b"a longer one")


def test_the_timeline_has_the_lanes_of_all_and_leads_to_their_events(view: MergedView) -> None:
    assert [title.connection for title in view.lane_titles(at_ns(0), at_ns(10))] == ["eu/orders", "us/orders"]
    lanes = view.lanes(at_ns(0), at_ns(10))
    assert [(lane.connection, [mark.event_id for mark in lane.losses]) for lane in lanes] == [
        ("eu/orders", [11]),
        ("us/orders", [12]),
    ]
    assert view.lanes(at_ns(0), at_ns(10), ("us/orders",)) == lanes[1:]
    problems = view.problems_near((("us/orders", at_ns(0)), ("eu/orders", at_ns(0))), newer=True)
    assert {(each.connection, each.event_id) for each in problems} == {("eu/orders", 11), ("us/orders", 12)}
    density = view.density(at_ns(0), at_ns(10), 5)
    assert (sum(density.messages), len(density.errors)) == (4, 5)
    assert sum(view.density(at_ns(0), at_ns(10), 5, ("eu/orders",)).messages) == 2
    assert sum(view.density(at_ns(0), at_ns(10), 5, ()).messages) == 0


def test_times_lead_to_ids_of_the_order(view: MergedView) -> None:
    assert [view.id_at(at_ns(after_s)) for after_s in (-1, 0.25, 3, 3.25, 99)] == [1, 2, 7, 8, 13]
    assert view.period() == (at_ns(0), at_ns(60))


def test_days_begin_at_the_first_event_of_any_recording(tmp_path: Path) -> None:
    one = [message("x", 0, "a"), message("x", DAY_S + 10, "a")]
    two = [message("y", DAY_S + 5, "a"), message("y", 2 * DAY_S, "a")]
    paths = {name: recorded(tmp_path / f"{name}.db", each, "a") for name, each in (("one", one), ("two", two))}
    with merged_view(paths, CLOCK) as view:
        first = date(2026, 1, 10)
        assert view.day_starts(1, UTC) == tuple(
            DayStart(event_id, first.replace(day=day)) for event_id, day in ((1, 10), (2, 11), (4, 12))
        )


def test_matches_of_all_are_ranked_and_counted_together(view: MergedView) -> None:
    *_, top = view.top(EVERYTHING, "size", 3)
    assert (top.ids, top.is_complete) == ((10, 9, 8), True)
    *_, counted = view.histogram(parse("type:trade"), at_ns(0), 2 * SECOND_NS, 3)
    assert (counted.counts, counted.is_complete) == ((0, 2, 0), True)
    matches = view.first_matches({"trade": parse("type:trade")}, 1, 12)
    assert [(each.source.connection, each.event_id) for each in matches.found["trade"]] == [
        ("eu/orders", 7),
        ("us/orders", 8),
    ]


def test_sessions_and_spans_of_a_trace_are_found_in_all(view: MergedView) -> None:
    (session_id,) = {event.source.connection_id for event in view.events_after(0, 20) if event.source.connection}
    found = view.sessions((session_id,))
    assert sorted((each.first_id, each.last_id, each.open_id) for each in found) == [(3, 11, 5), (4, 12, 6)]
    assert len(view.spans(session_id, 10)) == 2 * len(view.spans(session_id, 10)[::2])
    assert view.newest_traces("us/orders", 5) == view.newest_traces("eu/orders", 5)
    assert view.topics("eu/orders") == ()


def test_what_is_committed_later_is_in_the_view(tmp_path: Path, stores: dict[str, Path]) -> None:
    live = tmp_path / "live.db"
    with Recording(live, "orders", after_s=100) as recording, merged_view({"eu": stores["eu"], "live": live}) as view:
        assert view.bounds().last_id == 6
        version = view.data_version()
        recording.write([message("new", 101, "orders")])
        assert view.data_version() != version
        (found,) = view.events_after(6, 10)
        assert (found.id, found.source.connection) == (7, "live/orders")
        query = Query((FieldTerm("recording", (Exact("live"),)),))
        assert [list(each.ids) for each in view.search(query, 1, 7, newest_first=True)] == [[7]]


def test_what_one_recording_prunes_is_missing_between_the_events_of_the_others(tmp_path: Path) -> None:
    other = recorded(tmp_path / "other.db", [message(f"o{number}", number, "a") for number in range(4)], "a")
    with Recording(tmp_path / "live.db", "a") as recording:
        recording.write([message(f"m{number}", number + 0.5, "a") for number in range(4)])
        with merged_view({"other": other, "live": tmp_path / "live.db"}) as view:
            assert (view.bounds().oldest_id, view.bounds().last_id, view.bounds().has_gaps) == (1, 8, False)
            assert len(view.events_after(0, 10)) == 8
            recording.execute("DELETE FROM event WHERE id < 3")
            recording.execute("UPDATE meta SET value = 3 WHERE key = 'oldest_id'")
            assert (view.bounds().oldest_id, view.bounds().events, view.bounds().has_gaps) == (1, 6, True)
            kept = [1, 3, 5, 6, 7, 8]
            assert [event.id for event in view.events_after(0, 10)] == kept
            assert [event.id for event in view.events_by_id(tuple(range(1, 9)))] == kept
            assert [list(each.ids) for each in view.search(parse("m1 OR m2 OR o1"), 1, 8, newest_first=False)] == [
                [3, 6]
            ]


def test_several_recordings_are_not_written_as_one_store(view: MergedView, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written as one store"):
        view.copy(tmp_path / "copy.db", lambda _done, _total: None)
    with pytest.raises(UsageError, match="cannot be written as one store"):
        view.excerpt(tmp_path / "copy.db")


def test_a_page_of_many_recordings_is_not_read_of_each_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight recordings, whose events alternate; of one, all are older than those of the others."""
    stores = {
        f"r{each}": recorded(
            tmp_path / f"{each}.db", [message("m", 100 * bool(each) + at, "a") for at in range(100)], "a"
        )
        for each in range(8)
    }
    read: list[int] = []
    page_of = Reader.events_before

    def events_before(reader: Reader, before_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        found = page_of(reader, before_id, limit, query)
        read.append(len(found))
        return found

    monkeypatch.setattr(Reader, "events_before", events_before)
    with merged_view(stores, CLOCK) as view:
        alternating = view.events_before(801, 100)
        assert ([event.id for event in alternating], sum(read)) == (list(range(800, 700, -1)), 8 * 16)
        read.clear()
        of_one = view.events_before(101, 100)
        assert [event.id for event in of_one] == list(range(100, 0, -1))
        assert sum(read) == 100
