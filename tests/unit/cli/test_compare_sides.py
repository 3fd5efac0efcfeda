"""The arguments of ``wsmon compare`` as two sides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from tests.support.builders import MINUTE_NS, SECOND_NS, T0_NS, message
from tests.support.recordings import recorded
from wsmon.cli.compare_sides import AskedSide, asked_sides, check_differ, found_side
from wsmon.clock import SystemClock
from wsmon.errors import UsageError
from wsmon.query.parser import ReferenceTime
from wsmon.store.reader import Reader

# 2026-01-10 14:02:24.5 UTC
NOW = ReferenceTime(T0_NS + SECOND_NS // 2, UTC)
DAY_NS = 24 * 60 * MINUTE_NS
TODAY_NS = T0_NS - T0_NS % DAY_NS
NO_PERIOD = (None, None)


def test_two_connections_of_one_recording_have_one_period() -> None:
    period = (T0_NS - MINUTE_NS, None)
    assert asked_sides(["feed-a", "feed-b"], [], period, NOW) == (
        AskedSide(None, "feed-a", *period),
        AskedSide(None, "feed-b", *period),
    )
    assert asked_sides(["a", "b"], ["s.db"], NO_PERIOD, NOW)[1] == AskedSide("s.db", "b", None, None)


def test_yesterday_and_today_are_periods_of_one_connection() -> None:
    assert asked_sides(["feed@yesterday", "feed@today"], [], NO_PERIOD, NOW) == (
        AskedSide(None, "feed", TODAY_NS - DAY_NS, TODAY_NS),
        AskedSide(None, "feed", TODAY_NS, None),
    )


def test_two_recordings_need_no_second_argument() -> None:
    assert asked_sides(["feed"], ["a.db", "b.db"], NO_PERIOD, NOW) == (
        AskedSide("a.db", "feed", None, None),
        AskedSide("b.db", "feed", None, None),
    )
    assert [side.connection for side in asked_sides([], ["a.db", "b.db"], NO_PERIOD, NOW)] == ["", ""]


def test_an_argument_that_is_a_path_is_a_recording(tmp_path: Path) -> None:
    store = tmp_path / "at@home.db"
    store.touch()
    assert asked_sides([str(store), f"{tmp_path}/b.db@14:00"], [], NO_PERIOD, NOW) == (
        AskedSide(str(store), "", None, None),
        AskedSide(f"{tmp_path}/b.db", "", T0_NS - 144 * SECOND_NS, T0_NS - 84 * SECOND_NS),
    )


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("-1m", T0_NS - MINUTE_NS, None),
        ("-2m..-1m", T0_NS - 2 * MINUTE_NS, T0_NS - MINUTE_NS + SECOND_NS),
        ("..-1m", None, T0_NS - MINUTE_NS + SECOND_NS),
        ("13:00..", T0_NS - 62 * MINUTE_NS - 24 * SECOND_NS, None),
        ("14:02:10", T0_NS - 14 * SECOND_NS, T0_NS - 13 * SECOND_NS),
        ("2026-01-09", TODAY_NS - DAY_NS, TODAY_NS),
    ],
)
def test_a_period_is_in_whole_seconds(text: str, since: int | None, until: int | None) -> None:
    side, _ = asked_sides([f"feed@{text}", "other"], [], NO_PERIOD, NOW)
    assert (side.since_ns, side.until_ns) == (since, until)


@pytest.mark.parametrize(
    ("arguments", "stores", "what"),
    [
        ([], [], "two sides are needed"),
        (["a"], [], "the second side is missing"),
        (["a"], ["s.db"], "the second side is missing"),
        (["a", "b", "c"], [], "unexpected argument 'c'"),
        (["a"], ["1", "2", "3"], "3 recordings given"),
        (["a@", "b"], [], "a@: invalid time ''"),
        (["a@nonsense", "b"], [], "a@nonsense: invalid time 'nonsense'"),
        (["a@-1m..-2m", "b"], [], "a@-1m..-2m: the period is empty, or in the future"),
        (["a@2027-01-01", "b"], [], "a@2027-01-01: the period is empty, or in the future"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], stores: list[str], what: str) -> None:
    with pytest.raises(UsageError) as caught:
        asked_sides(arguments, stores, NO_PERIOD, NOW)
    assert caught.value.what == what


def test_the_period_of_both_may_not_be_empty() -> None:
    with pytest.raises(UsageError, match="the period is empty"):
        asked_sides(["a", "b"], [], (T0_NS, T0_NS), NOW)


@pytest.fixture
def view(tmp_path: Path) -> Iterator[Reader]:
    path = recorded(tmp_path / "store.db", [message(connection="feed-a")], "feed-a", "feed-b")
    reader = Reader(path, SystemClock())
    yield reader
    reader.close()


def test_a_connection_is_looked_up(view: Reader) -> None:
    asked = AskedSide(None, "feed-b", None, T0_NS)
    found = found_side(asked, view, "store")
    assert (found.view, found.recording, found.connection, found.until_ns) == (view, "store", "feed-b", T0_NS)
    with pytest.raises(UsageError, match="A and B are both feed-b of store"):
        check_differ(found, found)
    check_differ(found, found_side(AskedSide(None, "feed-a", None, T0_NS), view, "store"))


@pytest.mark.parametrize(
    ("name", "what", "hint"),
    [
        ("feed-c", "store has no connection 'feed-c'", "did you mean 'feed-b'?"),
        ("orders", "store has no connection 'orders'", "its connections: feed-a, feed-b"),
        ("", "store has 2 connections: feed-a, feed-b", "name one; of two recordings: --store A --store B CONNECTION"),
    ],
)
def test_an_unknown_connection_is_an_error(view: Reader, name: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        found_side(AskedSide(None, name, None, None), view, "store")
    assert (caught.value.what, caught.value.hint) == (what, hint)
