"""The fold: which events become rows under each capture profile, with ids without holes, and what is counted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import pytest

from tests.support import recordings
from tests.support.builders import MONO_0_NS, SECOND_NS, at_ns, dialled, event, loss, message, ping, pong, stall, usable
from tests.support.captured import BATCH, NAME, configure, counters, meta, names, rows, switched
from tests.support.stores import Recording, recording, spec
from wsmon.model.profiles import ProfileName
from wsmon.store.codec import NAMES

# Of sys.settrace
TraceFunction: TypeAlias = Callable[[FrameType, str, Any], Any]
SENT = message("four", 0.3, NAME, direction="out")
STREAM = (
    dialled(0, NAME),
    usable(0.1, NAME),
    message("one", 0.1, NAME, type="tick"),
    ping(0.2, NAME),
    pong(0.2, NAME),
    SENT,
    message("{", 0.4, NAME, error_type="json", error="no JSON"),
    event("auth.completed", 0.5, NAME, status="ok"),
    event("error.occurred", 0.6, NAME, error_type="protocol", error="bad"),
    loss(0.9, NAME),
)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Recording]:
    with recording(tmp_path / "store.db") as made:
        yield made


@pytest.mark.parametrize(
    ("profile", "kept"),
    [
        ("detailed", [each.name for each in STREAM]),
        ("financial", [each.name for each in STREAM]),
        (
            "standard",
            [
                "connection.started",
                "connection.completed",
                "message.received",
                "auth.completed",
                "error.occurred",
                BATCH,
                "connection.disconnected",
            ],
        ),
        (
            "lightweight",
            ["connection.started", "connection.completed", "error.occurred", BATCH, "connection.disconnected"],
        ),
    ],
)
def test_rows_of_each_profile_and_ids_without_holes(one: Recording, profile: ProfileName, kept: Iterable[str]) -> None:
    configure(one, profile)
    one.commit(*STREAM, now_s=10)
    found = rows(one)
    assert [each.name for each in found] == kept
    assert [each.id for each in found] == list(range(1, len(found) + 1))
    assert one.rows("SELECT value FROM meta WHERE key = 'last_id'") == [(len(found),)]
    assert counters(one, "events, messages_in, messages_out, bytes_in, bytes_out, wire_in, wire_out, pings, pongs") == (
        (len(found), 2, 1, 4, 4, 12, 8, 1, 1)
    )
    assert counters(one, "errors, opens, losses, attempts") == (2, 1, 1, 1)


def test_messages_without_rows_are_still_the_last_data_that_came(one: Recording) -> None:
    configure(one, "lightweight")
    one.commit(message("abc", 0.4, NAME), now_s=0.5)
    assert one.rows("SELECT last_message_ns FROM connection") == [(at_ns(0.4),)]


def test_a_minor_error_that_is_no_row_is_no_place_to_jump_to(one: Recording) -> None:
    configure(one, "lightweight")
    one.commit(
        loss(0.1, NAME),
        event("error.occurred", 0.2, NAME, error_type="json"),
        message("{", 0.3, NAME, error_type="json"),
        now_s=1,
    )
    assert one.rows("SELECT last_problem_id FROM connection") == [(1,)]
    assert one.rows("SELECT key, n FROM rollup_dim WHERE level = 1 AND dimension = 1") == [("json", 2)]


def test_without_control_frames_heartbeats_are_counted(one: Recording) -> None:
    configure(one, control_frames=False)
    one.commit(usable(0, NAME), ping(0.1, NAME), pong(0.2, NAME, rtt_ms=18), message("a", 0.3, NAME), now_s=1)
    assert names(one) == ["connection.completed", "message.received"]
    assert counters(one, "events, pings, pongs, messages_in") == (2, 1, 1, 1)
    assert one.rows("SELECT rtt_ns FROM connection") == [(18_000_000,)]


def test_a_switch_affects_exactly_what_comes_after_it(one: Recording) -> None:
    configure(one)
    before, after = message("before", 0.1, NAME), message("after", 0.2, NAME)
    one.commit(before, switched(0.15, "detailed", "standard"), after, ping(0.2, NAME), now_s=0.2)
    assert names(one) == ["message.received", "self.config.reloaded"]
    assert one.rows("SELECT spec ->> 'profile' FROM connection") == [("standard",)]
    one.commit(message("more", 0.3, NAME), switched(0.4, "standard", "detailed"), message("rows", 0.5, NAME), now_s=0.5)
    assert names(one)[2:] == [BATCH, "self.config.reloaded", "message.received"]
    assert rows(one)[2].meta == meta((2, 9), (0, 0))
    one.commit(now_s=5)
    assert counters(one, "events, messages_in, pings") == (5, 4, 1)


def test_a_switch_of_one_connection_is_none_of_another(one: Recording) -> None:
    one.fold.configure([spec(NAME), spec("other")], at_ns(0))
    one.commit(switched(0, "detailed", "standard"), message("a", 0.1, NAME), message("b", 0.1, "other"), now_s=0.5)
    assert [(each.name, each.source.connection) for each in rows(one)] == [
        ("self.config.reloaded", NAME),
        ("message.received", "other"),
    ]


def test_control_frames_can_be_switched_too(one: Recording) -> None:
    configure(one)
    off = event("self.config.reloaded", 0.2, NAME, meta={"capture": {"control_frames": False}})
    on = event("self.config.reloaded", 0.4, NAME, meta={"capture": {"control_frames": True}})
    one.commit(ping(0.1, NAME), off, ping(0.3, NAME), on, ping(0.5, NAME), now_s=1)
    assert [each.ts_ns for each in rows(one) if each.name == "heartbeat.sent"] == [at_ns(0.1), at_ns(0.5)]


def test_a_new_configuration_waits_for_the_event_that_tells_of_it(one: Recording) -> None:
    configure(one)
    configure(one, "standard", control_frames=False)
    one.commit(message("a", 0.1, NAME), ping(0.1, NAME), now_s=0.5)
    assert names(one) == ["message.received", "heartbeat.sent"]
    assert one.rows("SELECT spec ->> 'profile' FROM connection") == [("detailed",)]


def test_a_connection_that_comes_back_to_the_configuration_begins_with_its_profile(one: Recording) -> None:
    configure(one)
    one.fold.configure([], at_ns(0))
    configure(one, "standard")
    one.commit(message("a", 0.1, NAME), now_s=0.5)
    assert names(one) == []
    assert one.rows("SELECT spec ->> 'profile' FROM connection") == [("standard",)]


def test_a_run_begins_with_the_profile_of_its_configuration(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with recording(path) as first:
        configure(first, "standard")
        first.commit()
    with recording(path, after_s=10) as second:
        configure(second)
        second.commit(message("a", 11, NAME), now_s=11)
        assert [NAMES[name] for (name,) in second.rows("SELECT name FROM event")] == ["message.received"]  # type: ignore[index]


def test_the_recorders_own_reload_switches_nothing(one: Recording) -> None:
    configure(one)
    own = event("self.config.reloaded", 0.1, "", reason="nothing changed; 1 went on", status="ok")
    one.commit(own, message("a", 0.2, NAME), now_s=0.5)
    assert names(one) == ["self.config.reloaded", "message.received"]


@pytest.mark.parametrize("profile", ["detailed", "standard"])
def test_the_ends_of_many_sessions_in_one_batch_cost_as_much_each_as_those_of_few(
    tmp_path: Path, profile: ProfileName
) -> None:
    few, many = (lines_of_ends(tmp_path / f"{sessions}.db", sessions, profile) for sessions in (50, 200))
    assert many < 4.4 * few


def lines_of_ends(path: Path, sessions: int, profile: ProfileName) -> int:
    """Lines that run while a batch is folded in which so many sessions have a message and end: work, not time."""
    names = [f"c{number}" for number in range(sessions)]
    lines = 0

    def count(_frame: FrameType, happened: str, _argument: object) -> TraceFunction:
        nonlocal lines
        lines += happened == "line"
        return count

    with recording(path) as made:
        made.fold.configure([replace(spec(name), profile=profile) for name in names], 0)
        made.commit(*(each(0, name) for name in (*names, "other") for each in (dialled, usable)), now_s=0.1)
        # It loads what judges ends
        made.commit(loss(0.1, "other"), now_s=0.1)
        ends = [loss(0.3, name, code=1000, by="us", reason="wsmon stopped") for name in names]
        batch = [*(message("one", 0.2, name) for name in names), *ends]
        before = sys.gettrace()
        sys.settrace(count)
        try:
            made.fold.fold(batch)
        finally:
            sys.settrace(before)
        made.write()
        assert made.rows("SELECT count(*) FROM session WHERE end = 'clean'") == [(sessions + 1,)]
    return lines


def test_alerts_count_from_the_error_and_those_of_a_rule_from_what_it_matched(tmp_path: Path) -> None:
    rule: dict[str, Any] = {"type": "rule:big", "reason": "matched", "meta": {"evidence": [2]}}
    with recordings.Recording(tmp_path / "store.db", "a") as made:
        made.write([usable(0, "a"), message("big", 3, "a")])
        made.write([event("incident.opened", 5, "a", **rule), stall(7, "a")])
        made.write([event("error.occurred", 8, "a", error_type="internal")])
        found = [(each.event.name, each.event.id, each.since_mono_ns - MONO_0_NS) for each in made.notable]
    assert found == [
        ("incident.opened", 3, 3 * SECOND_NS),
        ("incident.opened", 4, 7 * SECOND_NS),
        ("error.occurred", 5, 8 * SECOND_NS),
    ]
