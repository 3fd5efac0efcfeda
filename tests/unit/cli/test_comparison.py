"""Comparison of connections, recordings and periods: the time axis, what cannot be compared, verdicts, statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.builders import SECOND_NS, at_ns, dialled, event, loss, message, usable
from tests.support.recordings import Recording, recorded, specs
from wsmon.cli.compare_sides import Side
from wsmon.cli.comparison import CompareRequest, ComparisonReport, VerdictCount, comparison_of
from wsmon.clock import SystemClock
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.events import Event
from wsmon.model.json_path import compile_path
from wsmon.query.parser import ReferenceTime, parse
from wsmon.store.reader import Reader
from wsmon.store.schema import META_OLDEST_ID

BY_ID = CompareRequest(SECOND_NS, (compile_path("$.id"),))


class Sides:
    """Sides of recordings, closed at the end of the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def of(self, path: Path, connection: str, since_s: float | None = None, until_s: float | None = None) -> Side:
        view = Reader(path, SystemClock())
        self._stack.callback(view.close)
        since_ns, until_ns = (None if at is None else at_ns(at) for at in (since_s, until_s))
        return Side(view, path.stem, connection, since_ns, until_ns)


@pytest.fixture
def sides() -> Iterator[Sides]:
    with ExitStack() as stack:
        yield Sides(stack)


def compared(a: Side, b: Side, request: CompareRequest = BY_ID) -> ComparisonReport:
    return comparison_of(a, b, request, lambda _report: True)


def trades(connection: str, *of: tuple[float, int]) -> list[Event]:
    return [message(f'{{"id":{number}}}', at, connection) for at, number in of]


def in_time(*events: Sequence[Event]) -> list[Event]:
    return sorted((each for some in events for each in some), key=lambda each: each.mono_ns)


def test_within_one_recorder_times_are_monotonic(tmp_path: Path, sides: Sides) -> None:
    """The wall clock was set back by half a second between the two messages."""
    (a,), (b,) = trades("a", (10, 1)), trades("b", (10.1, 1))
    path = recorded(tmp_path / "s.db", [a, replace(b, ts_ns=at_ns(9.6))], "a", "b")
    found = compared(sides.of(path, "a"), sides.of(path, "b"))
    assert (found.is_monotonic, found.matching.a.max_lead_ns, found.matching.b.first) == (True, SECOND_NS // 10, 0)


def test_two_recordings_are_compared_by_wall_time(tmp_path: Path, sides: Sides) -> None:
    a = recorded(tmp_path / "a.db", trades("feed", (10, 1), (12, 2)), "feed", end_s=40)
    recording = Recording(tmp_path / "b.db", "feed", after_s=5, mono_ns=77 * SECOND_NS)
    recording.write([replace(each, mono_ns=each.mono_ns // 2) for each in trades("feed", (10.25, 1), (30, 3))])
    recording.end(60)
    found = compared(sides.of(a, "feed"), sides.of(tmp_path / "b.db", "feed"))
    assert (found.is_monotonic, found.matching.a.max_lead_ns) == (False, SECOND_NS // 4)
    assert (found.matching.a.only, found.matching.b.only) == (1, 1)
    assert (found.common_s, found.a.recorded_s, found.b.recorded_s) == pytest.approx((35, 40, 55))


def test_runs_side_by_side_are_of_two_recorders(tmp_path: Path, sides: Sides) -> None:
    """As in a recording that two others were imported into: their monotonic clocks have nothing in common."""
    path = tmp_path / "s.db"
    first = Recording(path, "a")
    first.write(trades("a", (10, 1)))
    first.end(60)
    second = Recording(path, "b", after_s=1, mono_ns=3 * SECOND_NS)
    made = trades("b", (10.25, 1))[0]
    second.write([replace(made, mono_ns=99 * SECOND_NS, source=replace(made.source, run=2))])
    second.end(60)
    found = compared(sides.of(path, "a"), sides.of(path, "b"))
    assert (found.is_monotonic, found.matching.a.max_lead_ns) == (False, SECOND_NS // 4)


def test_periods_are_compared_from_their_starts(tmp_path: Path, sides: Sides) -> None:
    """What repeats at the same time of the second period is matched; what one period has alone is not."""
    path = recorded(tmp_path / "s.db", trades("feed", (5, 1), (8, 7), (25.2, 1), (29, 9)), "feed", end_s=40)
    request = CompareRequest(SECOND_NS, BY_ID.key, is_from_start=True)
    found = compared(sides.of(path, "feed", 0, 20), sides.of(path, "feed", 20, 40), request)
    assert (found.matching.a.max_lead_ns, found.matching.a.only, found.matching.b.only) == (SECOND_NS // 5, 1, 1)
    assert found.common_s == pytest.approx(20)


def test_a_recorder_that_stopped_leaves_messages_undecided(tmp_path: Path, sides: Sides) -> None:
    """Of B only the second run recorded something: what A has in the first one is no loss of B."""
    path = tmp_path / "s.db"
    first = Recording(path, "a")
    first.write(trades("a", (5, 1)))
    first.end(10)
    second = Recording(path, "a", "b", after_s=30)
    in_run_2 = in_time(trades("a", (30.5, 2), (40, 3)), trades("b", (50, 4)))
    second.write([replace(each, source=replace(each.source, run=2)) for each in in_run_2])
    second.end(60)
    found = compared(sides.of(path, "a"), sides.of(path, "b"))
    assert (found.a.recording_gaps, found.a.recorded_s, found.common_s) == pytest.approx((1, 40, 30))
    of_a = found.matching.a
    assert (of_a.not_recorded, of_a.near_edge, of_a.only, found.matching.b.only) == (1, 1, 1, 1)


def test_what_cannot_be_compared_is_counted(tmp_path: Path, sides: Sides) -> None:
    whole, *others = trades("a", *((10 + n, n) for n in range(5)))
    events = [
        whole,
        replace(others[0], truncated=True),
        replace(others[1], payload=None),
        replace(others[2], redacted=True),
        replace(others[3], meta={"partial": True}),
    ]
    path = recorded(tmp_path / "s.db", [*events, *trades("b", (20, 0))], "a", "b")
    found = compared(sides.of(path, "a"), sides.of(path, "b"), CompareRequest(SECOND_NS)).a.kept
    assert (found.compared, found.cut, found.no_payload, found.masked, found.pieces) == (1, 1, 1, 1, 1)
    assert (found.not_compared, found.rows) == (3, 5)
    # A key that is not masked can be compared
    found = compared(sides.of(path, "a"), sides.of(path, "b")).a.kept
    assert (found.compared, found.masked) == (2, 0)


@pytest.mark.parametrize(
    ("a", "b", "is_same"),
    [
        ('{"id":1,"s":"x"}', '{"s":"x","id":"1","more":0}', True),
        ('{"id":{"p":1,"q":2},"s":"x"}', '{"id":{"q":2,"p":1},"s":"x"}', True),
        ('{"id":1,"s":"12"}', '{"id":11,"s":"2"}', False),
        ('{"id":1,"s":"x"}', '{"id":1,"s":"y"}', False),
        ('{"id":true,"s":"x"}', '{"id":"true","s":"x"}', True),
    ],
)
def test_a_key_of_several_paths_is_equal_in_all_of_them(
    tmp_path: Path, sides: Sides, a: str, b: str, is_same: bool
) -> None:
    path = recorded(tmp_path / "s.db", [message(a, 10, "a"), message(b, 10.5, "b")], "a", "b")
    request = CompareRequest(SECOND_NS, (compile_path("$.id"), compile_path("$.s")))
    assert compared(sides.of(path, "a"), sides.of(path, "b"), request).matching.measured == is_same


def test_messages_without_the_key_and_with_null_are_counted(tmp_path: Path, sides: Sides) -> None:
    events = [message(text, 10 + n, "a") for n, text in enumerate(['{"id":null}', "{}", "no JSON", '{"id":0}'])]
    path = recorded(tmp_path / "s.db", [*events, *trades("b", (20, 0))], "a", "b")
    kept = compared(sides.of(path, "a"), sides.of(path, "b")).a.kept
    assert (kept.no_key, kept.compared) == (3, 1)


def test_a_filter_chooses_the_messages_and_not_the_statistics(tmp_path: Path, sides: Sides) -> None:
    events = [
        *(replace(each, type="trade") for each in trades("a", (10, 1), (11, 2))),
        *trades("a", (12, 3)),
        *trades("b", (12.1, 3)),
    ]
    path = recorded(tmp_path / "s.db", events, "a", "b")
    request = CompareRequest(SECOND_NS, BY_ID.key, parse("type:trade", ReferenceTime(at_ns(0))))
    found = compared(sides.of(path, "a"), sides.of(path, "b"), request)
    assert (found.a.kept.compared, found.b.kept.compared, found.a.statistics.messages.received) == (2, 0, 3)
    assert (found.a.not_stored, found.a.uncompared) == (0, 0)
    assert found.a.messages_per_s == pytest.approx(3 / 60)


def test_a_disconnected_side_explains_what_only_the_other_has(tmp_path: Path, sides: Sides) -> None:
    opening = [
        each
        for name in ("a", "b")
        for each in (
            dialled(0, name),
            event("connection.open", 0.1, name, from_status="connecting", to_status="connected"),
            usable(0.2, name),
        )
    ]
    sent = in_time(trades("a", (5, 1), (20, 2), (21, 3), (40, 4)), trades("b", (5.1, 1)), [loss(10, "b", code=1008)])
    path = recorded(tmp_path / "s.db", [*opening, *sent], "a", "b")
    found = compared(sides.of(path, "a"), sides.of(path, "b"))
    assert (found.matching.a.only, found.matching.a.while_down, found.matching.b.while_down) == (3, 3, 0)
    (verdict,) = found.b.verdicts
    assert isinstance(verdict, VerdictCount)
    assert (verdict.by, verdict.code, verdict.count) == ("peer", "1008 policy violation", 1)
    assert verdict.cause
    assert found.a.verdicts == ()


def test_verdicts_of_more_kinds_than_are_listed_are_counted(
    tmp_path: Path, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsmon.cli.comparison.MOST_VERDICTS", 2)
    opened = [dialled(0, "a"), usable(0.2, "a")]
    ends = [loss(at, "a", code=code) for at, code in ((10, 1008), (11, 1012), (12, 1008), (13, 1011), (14, 1003))]
    path = recorded(tmp_path / "s.db", [*opened, *ends, *trades("b", (20, 1))], "a", "b")
    found = compared(sides.of(path, "a"), sides.of(path, "b"))
    assert [each.count for each in found.a.verdicts] == [2, 1]
    assert (found.a.unlisted_verdicts, found.b.unlisted_verdicts) == (2, 0)


def test_events_that_were_deleted_are_said_and_are_no_loss(tmp_path: Path, sides: Sides) -> None:
    path = tmp_path / "s.db"
    recording = Recording(path, "a", "b")
    recording.write(in_time(trades("a", (2, 1), (30, 2)), trades("b", (2.1, 1), (30.1, 2))), rolled_after_s=60)
    recording.execute("DELETE FROM event WHERE id < 3")
    recording.execute("UPDATE meta SET value = 3 WHERE key = ?", META_OLDEST_ID)
    recording.end(60)
    found = compared(sides.of(path, "a"), sides.of(path, "b"))
    assert (found.a.is_pruned, found.a.not_stored) == (True, 1)
    assert found.a.recorded_s == pytest.approx(30)
    assert (found.matching.measured, found.matching.a.only) == (1, 0)


def test_messages_that_a_profile_does_not_store_are_counted(tmp_path: Path, sides: Sides) -> None:
    path = tmp_path / "s.db"
    recording = Recording(path)
    a, b = specs("a", "b")
    recording.configure(a, dataclasses.replace(b, profile="lightweight"))
    recording.write(in_time(trades("a", (20, 1), (21, 2)), trades("b", (20.1, 1))), rolled_after_s=60)
    recording.end(60)
    request = CompareRequest(SECOND_NS, BY_ID.key, parse("$.id>0", ReferenceTime(at_ns(0))))
    for each in (BY_ID, request):
        found = compared(sides.of(path, "a"), sides.of(path, "b"), each)
        assert (found.b.statistics.messages.received, found.b.not_stored, found.b.uncompared) == (1, 1, 1)
        assert found.a.not_stored == 0
    # A period whose statistics are rounded
    found = compared(sides.of(path, "a", 0.5), sides.of(path, "b", 0.5))
    assert (found.a.not_stored, found.a.uncompared) == (None, None)


def test_an_excerpt_may_lack_messages(tmp_path: Path, sides: Sides) -> None:
    """What is left out of it is no loss of its side, and was not deleted."""
    path = recorded(tmp_path / "s.db", in_time(trades("a", (10, 1), (20, 2)), trades("b", (11, 1), (21, 2))), "a", "b")
    whole = sides.of(path, "a")
    query = parse("conn:b $.id=2", ReferenceTime(at_ns(0)))
    run_export(ExportRequest("sqlite", tmp_path / "part.db", query), whole.view)
    found = compared(whole, sides.of(tmp_path / "part.db", "b"), CompareRequest(5 * SECOND_NS, BY_ID.key))
    assert (found.a.uncompared, found.b.uncompared, found.b.is_pruned) == (0, None, False)


def test_a_clock_that_was_set_is_counted(tmp_path: Path, sides: Sides) -> None:
    step = event("self.clock.stepped", 15, "", meta={"step_ns": -SECOND_NS})
    path = recorded(tmp_path / "s.db", in_time(trades("a", (10, 1)), [step], trades("b", (20, 1))), "a", "b")
    found = compared(sides.of(path, "a"), sides.of(path, "b"))
    assert (found.a.clock_steps, found.b.clock_steps) == (1, 1)
