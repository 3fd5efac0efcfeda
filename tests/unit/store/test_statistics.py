"""Statistics of a real store: counts, distributions, uptime, and the period that is answered for."""

from __future__ import annotations

import dataclasses
import random
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
    ping,
    pong,
    refused,
    retry,
    stall,
    usable,
)
from tests.support.recordings import FixedClock, Recording, recorded
from wsmon.control.lock import NAMELESS, StoreLock
from wsmon.model.events import Event, EventName, Json, Meta
from wsmon.model.statistics import ConnectionStatistics, Flow, Heartbeats, Statistics, Summary
from wsmon.model.subscriptions import Subscriptions
from wsmon.store.reader import Reader
from wsmon.store.schema import MOST_KEYS, OTHER
from wsmon.store.statistics import most_frequent

NAME = "orders"
MINUTE_NS = 60 * SECOND_NS


def connected(after_s: float, connection: str = NAME) -> Event:
    return event("connection.open", after_s, connection, from_status="connecting", to_status="connected")


def closed(after_s: float, connection: str = NAME) -> Event:
    return event("connection.disconnected", after_s, connection, from_status="websocket_connected", to_status="closed")


def statistics_of(path: Path, since_s: float | None = None, until_s: float | None = None, name: str = "") -> Statistics:
    reader = Reader(path, FixedClock(3600))
    found = reader.statistics(
        None if since_s is None else at_ns(since_s), None if until_s is None else at_ns(until_s), name
    )
    reader.close()
    return found


def session(connection: str = NAME) -> list[Event]:
    return [
        dialled(0, connection),
        connected(0.1, connection),
        usable(0.2, connection, took_ms=200.0),
        message("a" * 10, 1, connection),
        message("b" * 30, 2, connection, direction="out"),
        message("c" * 20, 3, connection),
        ping(4, connection),
        pong(4.018, connection, rtt_ms=18.0),
        event("heartbeat.timeout", 5, connection, size=0),
        event("error.occurred", 6, connection, error_type="timeout", error="it took too long"),
        stall(7, connection),
        loss(10.2, connection, code=1006),
        retry(10.2, connection, attempt=2, delay_s=1),
        dialled(11.2, connection, attempt=2),
        connected(11.3, connection),
        usable(11.4, connection, took_ms=200.0),
        event("connection.reconnect.success", 11.4, connection, duration_ns=round(1.2e9)),
        closed(30, connection),
    ]


def test_everything_about_one_connection(tmp_path: Path) -> None:
    found = statistics_of(recorded(tmp_path / "store.db", session(), NAME, end_s=120))
    (of,) = found.connections
    wanted_s, open_s = 30.0, 10.0 + 18.6
    counted = dataclasses.replace(of, connect_ms=None, reconnect_ms=None, rtt_ms=None, message_size=None, kpis=())
    exact = dataclasses.replace(found, connections=(counted,))
    assert exact == Statistics(
        T0_NS,
        at_ns(120),
        (
            ConnectionStatistics(
                name=NAME,
                group="",
                url="wss://orders.example.net/ws",
                status="closed",
                stalled=False,
                profile="detailed",
                trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
                sessions=2,
                connection_count=2,
                reconnection_count=1,
                reconnects_per_hour=30.0,
                total_uptime_ms=10_100.0 + 18_700.0,
                ws_uptime_ms=open_s * 1e3,
                availability=open_s / wanted_s,
                last_connected_ns=at_ns(11.3),
                last_disconnected_ns=at_ns(30),
                last_message_ns=at_ns(3),
                connect_ms=None,
                reconnect_ms=None,
                rtt_ms=None,
                message_size=None,
                messages=Flow(2, 1),
                bytes=Flow(30, 30),
                wire_bytes=Flow(38, 34),
                heartbeats=Heartbeats(1, 1, 1),
                errors={"timeout": 1},
                close_codes={"1006": 1},
                incidents={"stall": 1},
                subscriptions=Subscriptions(),
                scheduled_ms=wanted_s * 1e3,
                stalled_ms=113e3,
                recovered_errors=1,
            ),
        ),
    )


def test_the_time_in_stalls_is_that_of_the_period(tmp_path: Path) -> None:
    ended = event("incident.closed", 70, type="stall", meta={"incident": 3}, connection=NAME)
    store = recorded(
        tmp_path / "store.db",
        [dialled(0, NAME), usable(1, NAME), stall(10, NAME), ended, closed(100, NAME)],
        NAME,
        end_s=120,
    )
    (of,) = statistics_of(store).connections
    assert (of.stalled_ms, of.scheduled_ms) == (60e3, 100e3)
    (kpi,) = [each for each in of.kpis if each.name == "stalled_share"]
    assert (kpi.value, kpi.ok, kpi.samples) == (0.6, False, 100)
    (of,) = statistics_of(store, 0, 40).connections
    assert (of.stalled_ms, of.scheduled_ms) == (30e3, 40e3)


def test_where_no_data_is_expected_no_time_is_stalled(tmp_path: Path) -> None:
    (of,) = statistics_of(recorded(tmp_path / "store.db", [dialled(0, NAME), usable(1, NAME)], NAME)).connections
    assert of.stalled_ms is None


def test_distributions_are_exact_but_for_their_percentiles(tmp_path: Path) -> None:
    (of,) = statistics_of(recorded(tmp_path / "store.db", session(), NAME)).connections
    expected = {
        "connect_ms": Summary(2, 200.0, 200.0, 200.0, 200.0, 200.0),
        "reconnect_ms": Summary(1, 1200.0, 1200.0, 1200.0, 1200.0, 1200.0),
        "rtt_ms": Summary(1, 18.0, 18.0, 18.0, 18.0, 18.0),
        "message_size": Summary(3, 20.0, 20.0, 30.0, 30.0, 30.0),
    }
    for name, summary in expected.items():
        found: Summary = getattr(of, name)
        assert (found.count, found.mean, found.max) == (summary.count, summary.mean, summary.max)
        assert (found.p50, found.p95, found.p99) == pytest.approx((summary.p50, summary.p95, summary.p99), rel=0.011)
        assert found.p99 <= found.max


def test_messages_by_type_are_counted_for_who_asks(tmp_path: Path) -> None:
    kinds = ["trade", "quote", "trade"]
    events = [
        dialled(0, NAME),
        usable(0.1, NAME),
        *(message("{}", 1 + n, NAME, type=kind) for n, kind in enumerate(kinds)),
    ]
    with closing(Reader(recorded(tmp_path / "store.db", events, NAME), FixedClock())) as reader:
        (asked,) = reader.statistics(None, None, has_types=True).connections
        (unasked,) = reader.statistics(None, None).connections
    assert (asked.message_types, unasked.message_types) == ({"trade": 2, "quote": 1}, None)


def test_a_period_counts_what_lies_in_it(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", session(), NAME, end_s=120)
    (of,) = statistics_of(path, 2.5, 11).connections
    assert (of.messages, of.heartbeats, of.sessions, of.reconnection_count) == (Flow(1, 1), Heartbeats(1, 1, 1), 0, 1)
    assert of.ws_uptime_ms == pytest.approx(8_200.0)
    assert of.availability == pytest.approx(8.2 / 9.0)
    assert of.status == "reconnecting"
    assert (of.connect_ms, of.reconnects_per_hour, of.last_connected_ns) == (None, None, None)


def test_the_answer_states_the_period_rounded_outward(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", session(), NAME)
    found = statistics_of(path, 2.5, 10.9)
    assert (found.since_ns, found.until_ns) == (at_ns(2), at_ns(11))


def test_one_connection_or_all(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [*session("b"), *session("a"), message("x", 1, "gone")], "b", "a", "idle")
    assert [of.name for of in statistics_of(path).connections] == ["b", "a", "idle", "gone"]
    assert [of.name for of in statistics_of(path, 40).connections] == ["b", "a", "idle"]
    assert statistics_of(path, name="a").connections == (statistics_of(path).connections[1],)
    assert statistics_of(path, name="nobody").connections == ()


def test_what_was_never_measured_is_no_number(tmp_path: Path) -> None:
    (of,) = statistics_of(recorded(tmp_path / "store.db", [], "idle")).connections
    assert (of.status, of.availability, of.total_uptime_ms, of.connection_count) == ("initialized", None, 0.0, 0)
    assert (of.connect_ms, of.rtt_ms, of.message_size, of.last_message_ns) == (None, None, None, None)


def test_a_store_without_runs_has_an_empty_period(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [])
    reader = Reader(path, FixedClock())
    assert reader.statistics(None, None).connections == ()
    reader.close()


def test_a_living_session_counts_up_to_now_while_a_recorder_runs(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path, NAME) as recording:
        recording.write([dialled(0, NAME), connected(0, NAME), usable(0, NAME)])
        assert statistics_of(path).connections[0].ws_uptime_ms == 0.0  # cut off: its last sign of life
        with StoreLock(path, NAMELESS):
            (of,) = statistics_of(path).connections
            assert (of.ws_uptime_ms, of.total_uptime_ms, of.availability) == (3_600_000.0, 3_600_000.0, 1.0)


def test_a_run_that_was_cut_off_ends_with_its_last_event(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path, NAME) as recording:
        recording.write([dialled(0, NAME), connected(0, NAME), usable(0, NAME), message("last", 20, NAME)])
    second = Recording(path, NAME, after_s=100, mono_ns=5)
    started = msgspec.structs.replace(dialled(101, NAME), mono_ns=SECOND_NS + 5)
    second.write([started], rolled_after_s=110)
    second.end(111)
    (of,) = statistics_of(path).connections
    assert (of.ws_uptime_ms, of.availability) == (20_000.0, 20 / 30)


def test_st_17_a_wall_clock_that_steps_back_changes_no_uptime(tmp_path: Path) -> None:
    stepped = msgspec.structs.replace(loss(10, NAME), ts_ns=at_ns(2))
    path = recorded(tmp_path / "store.db", [dialled(0, NAME), connected(0, NAME), usable(5, NAME), stepped], NAME)
    (of,) = statistics_of(path).connections
    assert (of.ws_uptime_ms, of.total_uptime_ms) == (5_000.0, 10_000.0)


@pytest.mark.parametrize("seed", range(6))
def test_every_period_agrees_with_the_events_in_it(tmp_path: Path, seed: int) -> None:
    """Hours, minutes and seconds, rolled up to somewhere, add up to what a count of the events says."""
    rolls = random.Random(seed)
    events = sorted(
        (message("x" * rolls.randint(1, 99), rolls.uniform(0, 9_000), rolls.choice("ab")) for _ in range(400)),
        key=lambda each: each.ts_ns,
    )
    path = tmp_path / "store.db"
    with Recording(path, "a", "b") as recording:
        for start in range(0, 400, 40):
            some = events[start : start + 40]
            rolled_s = (some[-1].ts_ns - T0_NS) / SECOND_NS - rolls.choice((0, 1, 70))
            recording.write(some, rolled_after_s=rolled_s)
        reader = Reader(path, FixedClock())
        for _ in range(30):
            since_ns = at_ns(rolls.uniform(-100, 9_000))
            until_ns = since_ns + rolls.choice((1, 70, 4_000, 9_000)) * SECOND_NS + rolls.randrange(SECOND_NS)
            found = reader.statistics(since_ns, until_ns)
            assert found.since_ns <= since_ns
            assert until_ns <= found.until_ns
            for of in found.connections:
                inside = [
                    each.size or 0
                    for each in events
                    if each.source.connection == of.name and found.since_ns <= each.ts_ns < found.until_ns
                ]
                assert (of.messages.received, of.bytes.received) == (len(inside), sum(inside))
                size = of.message_size
                measured = (0, 0, 0) if size is None else (size.count, size.max, round(size.mean * size.count))
                assert measured == (len(inside), max(inside, default=0), sum(inside))
        reader.close()


def test_pruned_seconds_are_answered_by_their_minutes(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path, "a") as recording:
        recording.write([message("x", each, "a") for each in range(0, 600, 10)], rolled_after_s=600)
        recording.execute("DELETE FROM rollup WHERE level = 1 AND bucket < ?", T0_NS // SECOND_NS + 300)
        found = statistics_of(path, 65, 130)
    begin_ns = at_ns(65) // MINUTE_NS * MINUTE_NS
    assert (found.since_ns, found.until_ns) == (begin_ns, begin_ns + 2 * MINUTE_NS)
    assert found.connections[0].messages == Flow(12, 0)


def test_st_11_a_connection_that_nobody_configured_is_recorded_from_its_first_transition(tmp_path: Path) -> None:
    (of,) = statistics_of(recorded(tmp_path / "store.db", [connected(1), loss(1.5, NAME)])).connections
    assert (of.name, of.total_uptime_ms, of.last_disconnected_ns) == (NAME, 500.0, at_ns(1.5))


def test_failed_messages_are_unreadable_ones_and_requests_that_failed(tmp_path: Path) -> None:
    events = [
        message("{", 1, NAME, error_type="json"),
        message("fine", 2, NAME),
        event("message.process.completed", 3, NAME, size=0, status="error", error_type="timeout"),
        event("error.occurred", 3, NAME, error_type="timeout"),
        event("message.process.completed", 4, NAME, size=0, status="orphan", error_type="unmatched"),
    ]
    (of,) = statistics_of(recorded(tmp_path / "store.db", events, NAME)).connections
    (kpi,) = [each for each in of.kpis if each.name == "message_error_rate"]
    assert (of.failed_messages, kpi.value, kpi.samples) == (2, 1.0, 2)
    assert of.errors == {"json": 1, "timeout": 1, "unmatched": 1}


@pytest.mark.parametrize(
    ("told", "error_type"),
    [
        (event("error.occurred", 1, NAME, error_type="protocol"), "protocol"),
        (event("heartbeat.timeout", 1, NAME, size=0, error_type="heartbeat_timeout"), "heartbeat_timeout"),
    ],
)
def test_a_session_that_ends_for_a_fault_is_no_second_error(tmp_path: Path, told: Event, error_type: str) -> None:
    events = [usable(0, NAME), told, loss(2, NAME, error_type=error_type)]
    (of,) = statistics_of(recorded(tmp_path / "store.db", events, NAME)).connections
    assert of.errors == {error_type: 1}


def test_a_request_that_the_end_of_its_session_broke_off_is_an_error(tmp_path: Path) -> None:
    broken_off = event("message.process.completed", 2, NAME, size=0, status="error", error_type="disconnected")
    events = [usable(0, NAME), loss(2, NAME, error_type="eof"), broken_off]
    (of,) = statistics_of(recorded(tmp_path / "store.db", events, NAME)).connections
    assert of.errors == {"eof": 1, "disconnected": 1}


def test_an_error_that_was_handled_is_no_second_error(tmp_path: Path) -> None:
    events = [
        event("error.occurred", 1, NAME, error_type="channel_crash"),
        event("error.handled", 2, NAME, error_type="channel_crash"),
    ]
    (of,) = statistics_of(recorded(tmp_path / "store.db", events, NAME)).connections
    assert of.errors == {"channel_crash": 1}


def outcomes(path: Path, until_s: float | None = None) -> tuple[int, int]:
    """How many errors were recovered, and were not."""
    (of,) = statistics_of(path, None, until_s).connections
    return of.recovered_errors, of.unrecovered_errors


def failure(after_s: float) -> list[Event]:
    """A dial that is refused."""
    return [dialled(after_s, NAME, attempt=2), refused(after_s + 0.1, NAME)]


def test_an_error_is_recovered_where_the_connection_is_usable_within_a_minute(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME) as recording:
        recording.write([dialled(0, NAME), connected(0.1), usable(0.2, NAME)])
        recording.write([event("error.occurred", 1, NAME, error_type="timeout")])
        recording.tick(60)
        assert outcomes(recording.path) == (0, 0)
        recording.tick(61)
        # Its session is still open
        assert outcomes(recording.path) == (1, 0)
        recording.write([loss(100, NAME, error_type="eof"), *failure(101), *failure(103)])
        recording.write([dialled(120, NAME), connected(120), usable(120.5, NAME)])
        assert outcomes(recording.path) == (4, 0)
        recording.write([loss(200, NAME, error_type="eof"), *failure(205), *failure(300)])
        assert outcomes(recording.path) == (4, 2)
        recording.write([dialled(310, NAME), connected(310), usable(310.5, NAME)])
        assert outcomes(recording.path) == (5, 2)
        # Counted when it is known
        assert outcomes(recording.path, 299) == (4, 0)


def test_outcomes_that_do_not_show_and_critical_errors_are_not_counted(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", NAME) as recording:
        recording.write([dialled(0, NAME), connected(0.1), usable(0.2, NAME)])
        recording.write([event("error.occurred", 1, NAME, error_type="protocol")])
        recording.tick(100)
        recording.write([event("error.occurred", 101, NAME, error_type="timeout"), closed(110)])
        recording.tick(300)
        recording.write([dialled(400, NAME), connected(400.1), usable(400.2, NAME)])
        recording.write([event("error.occurred", 401, NAME, error_type="timeout")])
        recording.write([event("self.suspended", 402, connection="")])
        recording.tick(500)
        assert outcomes(recording.path) == (0, 0)


def test_errors_that_were_handled_and_those_of_the_last_attempt_are_decided_at_once(tmp_path: Path) -> None:
    crash = {"error_type": "channel_crash"}
    with Recording(tmp_path / "store.db", NAME) as recording:
        recording.write([event("error.occurred", 1, NAME, **crash), event("error.handled", 2, NAME, **crash)])
        assert outcomes(recording.path) == (1, 0)
        recording.write(
            [*failure(3), event("connection.transition", 4, NAME, to_status="error", from_status="disconnected")]
        )
        assert outcomes(recording.path) == (1, 1)


def test_alerts_count_with_the_connections_that_they_are_about(tmp_path: Path) -> None:
    def outcome(name: EventName, connections: Json, duration_ms: int | None = None) -> Event:
        meta: Meta = {"way": "command", "connections": connections}
        took = {} if duration_ms is None else {"duration_ns": duration_ms * 10**6}
        return event(name, 5, connection="", meta=meta, **took)

    events = [
        outcome("self.alert.delivered", {NAME: 1}, 200),
        outcome("self.alert.delivered", {NAME: 1}, 400),
        outcome("self.alert.failed", {NAME: 3, "other": 1}),
        # From an import
        outcome("self.alert.delivered", {"nobody": 1}, 5),
        outcome("self.alert.delivered", {NAME: "x"}, 5),
        outcome("self.alert.failed", [NAME]),
    ]
    found = {each.name: each for each in statistics_of(recorded(tmp_path / "s.db", events, NAME, "other")).connections}
    took = found[NAME].alert_ms
    assert took is not None
    assert (took.count, took.mean, found[NAME].failed_alerts) == (2, 300.0, 3)
    assert (found["other"].alert_ms, found["other"].failed_alerts) == (None, 1)


def test_a_connection_that_flaps_is_down_since_its_last_end_and_failing_for_longer(tmp_path: Path) -> None:
    first = [dialled(0, NAME), connected(0.1), usable(0.2, NAME), loss(100, NAME, open_s=99)]
    again = [dialled(160, NAME, attempt=2), connected(161), usable(161, NAME), loss(162, NAME, open_s=1)]
    path = recorded(tmp_path / "store.db", [*first, *again], NAME)
    (now,) = statistics_of(path).connections
    (past,) = statistics_of(path, 0, 30).connections
    assert (now.down_since_ns, now.failing_since_ns) == (at_ns(162), at_ns(100))
    assert (past.down_since_ns, past.failing_since_ns) == (None, None)


def test_d16_the_most_frequent_hundred_of_a_period_are_named_and_the_rest_is_other() -> None:
    counts = {f"key-{each:03}": 1_000 - each for each in range(MOST_KEYS + 2)} | {OTHER: 5}
    found = most_frequent(counts)
    assert list(found)[:2] == ["key-000", "key-001"]
    assert (len(found), list(found)[-1], found[OTHER]) == (MOST_KEYS + 1, OTHER, 5 + 900 + 899)
    assert sum(found.values()) == sum(counts.values())
    assert most_frequent({"b": 1, "a": 1}) == {"a": 1, "b": 1}


def test_s4_the_period_of_everything_holds_what_was_recorded_before_the_clock_was_set_back(tmp_path: Path) -> None:
    """The clock is set back by an hour in the middle of a run, which then seems to end before it began."""
    path = tmp_path / "store.db"
    back_s = -3_600
    before = [dialled(0), usable(0), *(message(f"{n}", 1 + n) for n in range(10))]
    after = [
        msgspec.structs.replace(each, ts_ns=each.ts_ns + back_s * SECOND_NS)
        for each in (message(f"{n}", 20 + n) for n in range(10))
    ]
    with Recording(path, "binance-spot") as recording:
        recording.write(before, rolled_after_s=19)
        recording.write(after)
        recording.end(back_s + 40)
    reader = Reader(path, FixedClock())
    found = reader.statistics(None, None)
    reader.close()
    (connection,) = found.connections
    assert (connection.messages.received, connection.sessions, connection.connection_count) == (20, 1, 1)
    assert found.since_ns <= at_ns(back_s + 20)
    assert found.until_ns > at_ns(10)
    assert connection.ws_uptime_ms >= 29_000


def test_received_is_stored_and_shed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    shed = [
        event("self.shed", 3, "binance-spot", meta={"name": name, "events": events, "size_bytes": 10 * events})
        for name, events in (("message.received", 7), ("message.sent", 2), ("heartbeat.sent", 1))
    ]
    recorded(path, [dialled(0), usable(0), *(message("12345", 1) for _ in range(3)), *shed], "binance-spot")
    reader = Reader(path, FixedClock())
    (connection,) = reader.statistics(None, None).connections
    reader.close()
    assert (connection.messages, connection.shed_messages, connection.bytes) == (Flow(10, 2), 7, Flow(85, 20))
