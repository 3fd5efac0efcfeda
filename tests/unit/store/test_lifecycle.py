"""What events mean for the rows of their connection: its state, its sessions, transitions and incidents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import at_ns, dialled, event, loss, message, pong, refused, retry, usable
from tests.support.stores import stored
from tests.support.writers import Running
from wsmon.store.schema import METRICS


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    one = Running(tmp_path / "store.db")
    yield one
    one.end()


def test_an_open_connection_says_since_when_and_how_it_is(running: Running) -> None:
    running.writer.start()
    running.emit(dialled(1, attempt=3), usable(2), message(after_s=5), message(after_s=7, direction="out"), pong(6))
    running.end()
    assert running.connection(
        "status, since_ns, attempt, sessions, source, last_connected_ns, last_message_ns, rtt_ns, last_problem_id"
    ) == [(4, at_ns(2), 0, 1, 1, at_ns(2), at_ns(5), 18_000_000, 0)]


def test_a_lost_connection_says_why_and_when_it_is_dialled_again(running: Running) -> None:
    running.writer.start()
    running.emit(dialled(1, "a"), usable(2, "a"), loss(9, "a"), retry(9, "a", attempt=2, delay_s=7))
    running.end()
    assert running.connection(
        "status, since_ns, attempt, next_attempt_ns, last_connected_ns, last_disconnected_ns, last_problem_id"
    ) == [(6, at_ns(9), 2, at_ns(16), at_ns(2), at_ns(9), 3)]


@pytest.mark.parametrize(
    ("second_open_s", "failing_since_ns"), [(0.4, at_ns(100)), (29.9, at_ns(100)), (30.0, at_ns(200))]
)
def test_accepted_and_rejected_is_still_down(running: Running, second_open_s: float, failing_since_ns: int) -> None:
    running.writer.start()
    running.emit(
        *(dialled(1, "a"), usable(2, "a"), loss(100, "a", open_s=98)),
        *(
            dialled(110, "a"),
            refused(111, "a"),
            dialled(120, "a"),
            usable(130, "a"),
            loss(200, "a", open_s=second_open_s),
        ),
    )
    running.end()
    assert running.connection("status, failing_since_ns") == [(5, failing_since_ns)]


def test_an_end_of_our_own_making_is_no_problem(running: Running) -> None:
    running.writer.start()
    running.emit(dialled(1), usable(2), loss(9, "binance-spot", code=1000, by="us", to_status="closed"))
    running.end()
    assert running.connection("status, last_problem_id") == [(8, 0)]


def test_sessions_tell_their_life(running: Running) -> None:
    running.writer.start()
    running.emit(dialled(1), usable(2), message(after_s=3), loss(9, "binance-spot", code=1006, by="network"))
    running.end()
    columns = "id, attempt, started_ns, open_ns, ended_ns, end, close_code, close_by, first_id, last_id"
    assert stored(running.path, f"SELECT {columns} FROM session") == [
        (1, 1, at_ns(1), at_ns(2), at_ns(9), "clean", 1006, 4, 1, 4)
    ]


def test_transitions_are_rows_of_their_own(running: Running) -> None:
    running.writer.start()
    running.emit(dialled(1), message(after_s=2), loss(9, "binance-spot"))
    running.end()
    assert stored(running.path, "SELECT event_id, ts_ns, run, from_status, to_status, name FROM transition") == [
        (1, at_ns(1), 1, 1, 2, 30),
        (3, at_ns(9), 1, 4, 5, 33),
    ]


def test_d2_answers_that_may_have_waited_while_wsmon_did_not_read_are_in_no_statistics(running: Running) -> None:
    running.writer.start()
    late = {"read_late": True}
    running.emit(
        event("message.process.completed", 1, duration_ns=18_000_000, size=0, direction="in"),
        event("message.process.completed", 2, duration_ns=6_000_000_000, meta=late, size=0, direction="in"),
        event("heartbeat.responded", 3, duration_ns=6_000_000_000, meta=late, size=0, direction="in"),
    )
    running.end()
    counted = "SELECT metric, count, max FROM rollup_metric WHERE level = 1"
    assert stored(running.path, counted) == [(METRICS["process"], 1, 18_000_000)]
    assert running.connection("rtt_ns") == [(None,)]
