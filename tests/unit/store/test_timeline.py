"""Lanes, density and snapshot of a real store."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import (
    SECOND_NS,
    T0_NS,
    at_ns,
    dialled,
    event,
    loss,
    message,
    pong,
    refused,
    retry,
    stall,
    usable,
)
from tests.support.recordings import FixedClock, Recording, recorded
from wsmon.control.lock import NAMELESS, StoreLock
from wsmon.model.events import Event
from wsmon.model.snapshot import OpenIncident, Snapshot
from wsmon.model.timeline import Incident, Lane, LossMark, StatusSegment
from wsmon.store.reader import Reader
from wsmon.store.snapshot import SPARK_S

NAME = "orders"


def lanes_of(path: Path, since_s: float, until_s: float, now_s: float = 0.0) -> tuple[Lane, ...]:
    reader = Reader(path, FixedClock(now_s))
    found = reader.lanes(at_ns(since_s), at_ns(until_s))
    reader.close()
    return found


def life() -> list[Event]:
    return [dialled(0, NAME), usable(1, NAME), loss(20, NAME), retry(20, NAME), dialled(25, NAME), refused(26, NAME)]


def test_a_lane_has_a_stretch_a_status_and_a_mark_a_loss(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", life(), NAME, end_s=40)
    assert lanes_of(path, -10, 100) == (
        Lane(
            NAME,
            "",
            (
                StatusSegment(at_ns(0), at_ns(1), "connecting", 1),
                StatusSegment(at_ns(1), at_ns(20), "websocket_connected", 2),
                StatusSegment(at_ns(20), at_ns(25), "reconnecting", 4),
                StatusSegment(at_ns(25), at_ns(26), "connecting", 5),
                StatusSegment(at_ns(26), at_ns(40), "disconnected", 6),
            ),
            (LossMark(at_ns(20), 3), LossMark(at_ns(26), 6)),
        ),
    )


def test_a_period_cuts_stretches_at_its_end_and_says_when_they_began(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", life(), NAME, end_s=40)
    (lane,) = lanes_of(path, 5, 10)
    assert lane.segments == (StatusSegment(at_ns(1), at_ns(10), "websocket_connected", 2),)
    assert lane.losses == ()


def test_a_status_that_began_before_the_oldest_event_names_none(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME) as recording:
        recording.write([*life(), message("x", 30, NAME)])
        recording.execute("UPDATE meta SET value = 3 WHERE key = 'oldest_id'")
        (lane,) = lanes_of(tmp_path / "store.db", 5, 22)
    assert [segment.event_id for segment in lane.segments] == [0, 4]


def test_between_runs_there_is_no_data(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path, NAME) as recording:
        recording.write([dialled(0, NAME), usable(1, NAME), stall(5, NAME), message("last", 20, NAME)])
    second = Recording(path, NAME, after_s=100)
    second.write([dialled(101, NAME)])
    second.end(110)
    (lane,) = lanes_of(path, 0, 200)
    assert lane.segments == (
        StatusSegment(at_ns(0), at_ns(1), "connecting", 1),
        StatusSegment(at_ns(1), at_ns(20), "websocket_connected", 2),
        StatusSegment(at_ns(101), at_ns(110), "connecting", 5),
    )
    assert lane.incidents == (Incident(at_ns(5), at_ns(20), 3, "stall", "no data for 41 s"),)


def test_what_lasts_reaches_to_now_while_a_recorder_runs(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path, NAME) as recording:
        recording.write([dialled(0, NAME), usable(1, NAME), stall(5, NAME)])
        with StoreLock(path, NAMELESS):
            (lane,) = lanes_of(path, 2, 200, now_s=50)
    assert lane.segments == (StatusSegment(at_ns(1), at_ns(50), "websocket_connected", 2),)
    assert lane.incidents == (Incident(at_ns(5), at_ns(50), 3, "stall", "no data for 41 s", is_open=True),)


def test_an_incident_that_ended_is_in_every_period_that_it_touches(tmp_path: Path) -> None:
    ended = event("incident.closed", 30, NAME, type="stall", reason="data came", meta={"incident": 3})
    path = recorded(tmp_path / "store.db", [dialled(0, NAME), usable(1, NAME), stall(5, NAME), ended], NAME)
    whole = (Incident(at_ns(5), at_ns(30), 3, "stall", "no data for 41 s"),)
    assert [lanes_of(path, *period)[0].incidents for period in ((10, 20), (10, 50), (31, 50))] == [whole, whole, ()]


def test_other_incidents_have_a_place_of_their_own_and_are_open_until_they_end(tmp_path: Path) -> None:
    gap = event("incident.opened", 5, NAME, type="gap", reason="3 messages missing")
    slow = event("incident.opened", 6, NAME, type="slow", reason="round trip 300 ms")
    ended = event("incident.closed", 30, NAME, type="gap", reason="none for a minute", meta={"incident": 3})
    path = tmp_path / "store.db"
    with Recording(path, NAME) as recording:
        recording.write([dialled(0, NAME), usable(1, NAME), gap, slow, ended])
        with StoreLock(path, NAMELESS):
            (lane,) = lanes_of(path, 2, 200, now_s=50)
            with closing(Reader(path, FixedClock(50))) as view:
                (row,) = view.snapshot(at_ns(50)).connections
    assert lane.incidents == (
        Incident(at_ns(5), at_ns(30), 3, "gap", "3 messages missing"),
        Incident(at_ns(6), at_ns(50), 4, "slow", "round trip 300 ms", is_open=True),
    )
    assert row.incidents == (OpenIncident(4, "slow", "round trip 300 ms", NAME),)


def test_lanes_come_in_the_order_of_the_configuration_then_others_of_the_period(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [dialled(0, "gone"), dialled(0, "b")], "c", "b")
    assert [lane.connection for lane in lanes_of(path, 0, 10)] == ["c", "b", "gone"]
    assert [lane.connection for lane in lanes_of(path, 20, 30)] == ["c", "b"]


def test_a_wall_clock_that_steps_back_makes_no_negative_stretch(tmp_path: Path) -> None:
    stepped = msgspec.structs.replace(loss(10, NAME), ts_ns=at_ns(2))
    path = recorded(tmp_path / "store.db", [dialled(0, NAME), usable(5, NAME), stepped], NAME, end_s=12)
    assert all(each.start_ns < each.end_ns for each in lanes_of(path, 0, 20)[0].segments)


@pytest.mark.parametrize("rolled_after_s", [-1, 30, 95, 600])
def test_density_counts_every_message_once(tmp_path: Path, rolled_after_s: float) -> None:
    events = [message("x", second) for second in range(90)] + [event("error.occurred", 40, error_type="dns")]
    with Recording(tmp_path / "store.db") as recording:
        recording.write(events, rolled_after_s=rolled_after_s)
        reader = Reader(tmp_path / "store.db", FixedClock())
        fine = reader.density(T0_NS, at_ns(100), 10)
        coarse = reader.density(T0_NS - 3600 * SECOND_NS, at_ns(3600), 4)
        reader.close()
    assert (fine.since_ns, fine.bucket_ns) == (T0_NS, 10 * SECOND_NS)
    assert fine.messages == (10,) * 9 + (0,)
    assert fine.errors == (0, 0, 0, 0, 1, 0, 0, 0, 0, 0)
    assert (sum(coarse.messages), sum(coarse.errors)) == (90, 1)


def test_pruned_seconds_are_spread_over_the_cells_of_their_minute(tmp_path: Path) -> None:
    minute_s = T0_NS // SECOND_NS // 60 * 60 + 60
    start_s = minute_s - T0_NS // SECOND_NS
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message("x", start_s)] * 60 + [message("y", start_s + 200)], rolled_after_s=300)
        recording.execute("DELETE FROM rollup WHERE level = 1 AND bucket < ?", minute_s + 100)
        reader = Reader(tmp_path / "store.db", FixedClock())
        density = reader.density(minute_s * SECOND_NS, (minute_s + 60) * SECOND_NS, 7)
        reader.close()
    assert sum(density.messages) == 60
    assert max(density.messages) - min(density.messages) <= 1 + 60 // 9


def test_a_snapshot_says_how_all_connections_are(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    events = [
        dialled(-200, "a"),
        usable(-199, "a"),
        loss(-100, "a"),
        dialled(-99, "a", attempt=2),
        usable(-98, "a"),
        pong(-50, "a", rtt_ms=12.0),
        *(message("x", -4 + each / 10, "a") for each in range(30)),
    ]
    with Recording(path, "b", "a", after_s=-300) as recording:
        recording.write([event("self.run.started", -300, ""), *events], rolled_after_s=-60)
        reader = Reader(path, FixedClock())
        found = reader.snapshot(at_ns(0.3))
        problem = reader.events_by_id((4,))[0]
        reader.close()
    idle, busy = found.connections
    assert (idle.state.name, idle.state.status, idle.messages_per_s, idle.problem) == ("b", "initialized", 0.0, None)
    assert (busy.state.name, busy.state.status, busy.state.since_ns) == ("a", "websocket_connected", at_ns(-98))
    assert (busy.state.sessions, busy.state.rtt_ns, busy.state.last_message_ns) == (2, 12_000_000, at_ns(-1.1))
    assert busy.state.connection_id == "00f067aa0ba902b7"
    assert (busy.messages_per_s, busy.losses_per_hour, busy.problem) == (6.0, 1.0, problem)
    assert found.messages_per_s == (0,) * (SPARK_S - 4) + (10, 10, 10, 0)
    assert found.bounds.last_id == 37


def test_a_snapshot_says_what_was_the_last_loss_whatever_failed_since(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME) as recording:
        reader = Reader(tmp_path / "store.db", FixedClock())
        began = []
        for events in (
            [dialled(-200, NAME), refused(-199, NAME, status=503)],
            [dialled(-191, NAME, attempt=2), usable(-190, NAME)],
            [loss(-188, NAME, code=1001, reason="rolling restart", open_s=2)],
            [dialled(-180, NAME, attempt=3), usable(-179, NAME), loss(-177, NAME, code=4401, open_s=2)],
            [dialled(-81, NAME, attempt=4), refused(-80, NAME, status=401)],
            [event("connection.disconnected", -70, NAME, to_status="closed", close_by="us")],
            [dialled(-60, NAME), refused(-59, NAME, status=503)],
        ):
            recording.write(events)
            (one,) = reader.snapshot(T0_NS).connections
            began.append((one.began and one.began.id, one.problem and one.problem.id))
        reader.close()
    assert began == [(None, 2), (None, 2), (5, 5), (8, 8), (8, 10), (None, 10), (None, 13)]


def test_a_loss_of_more_than_an_hour_ago_is_in_no_rate(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME) as recording:
        recording.write([dialled(0, NAME), usable(1, NAME), loss(2, NAME)], rolled_after_s=100)
        reader = Reader(tmp_path / "store.db", FixedClock())
        rates = [reader.snapshot(at_ns(after_s)).connections[0].losses_per_hour for after_s in (10, 3_500, 3_800)]
        reader.close()
    assert rates == [1.0, 1.0, 0.0]


def test_the_snapshot_of_an_empty_store_is_empty(tmp_path: Path) -> None:
    reader = Reader(recorded(tmp_path / "store.db", []), FixedClock())
    assert reader.snapshot(T0_NS) == Snapshot(T0_NS, reader.bounds(), (), (0,) * SPARK_S)
    reader.close()


def test_s4_the_lane_and_the_period_hold_both_sides_of_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """Open from 1 s on; after 600 s the clock is set back by an hour, and the connection is lost 400 s later."""
    path = tmp_path / "store.db"

    def back(each: Event) -> Event:
        return msgspec.structs.replace(each, ts_ns=each.ts_ns - 3_600 * SECOND_NS)

    step = event("self.clock.stepped", 600, "", meta={"step_ns": -3_600 * SECOND_NS})
    with Recording(path, NAME) as recording:
        recording.write([dialled(0, NAME), usable(1, NAME), message("x", 599, NAME)])
        recording.write([back(step), back(loss(1_000, NAME))])
        recording.end(1_020 - 3_600)
    with closing(Reader(path, FixedClock())) as reader:
        since_ns, until_ns = reader.period()
        (lane,) = reader.lanes(since_ns, until_ns)
    assert (since_ns, until_ns) == (at_ns(600 - 3_600), at_ns(600))
    assert lane.segments == (
        StatusSegment(at_ns(0), at_ns(1), "connecting", 1),
        StatusSegment(at_ns(1), at_ns(600), "websocket_connected", 2),
        StatusSegment(at_ns(-3_000), at_ns(-2_600), "websocket_connected", 2),
        StatusSegment(at_ns(-2_600), at_ns(-2_580), "disconnected", 5),
    )
    assert lane.losses == (LossMark(at_ns(-2_600), 5),)
