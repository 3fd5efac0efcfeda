"""What a snapshot says about the connections of a configuration, and what a store says about itself."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tests.support.builders import at_ns, dialled, event, loss, message, stall, usable
from tests.support.recordings import FixedClock, Recording, recorded
from tests.support.stores import spec
from wsmon.model.snapshot import Snapshot
from wsmon.store.reader import Reader

NAME = "feed"


def snapshot_of(path: Path, after_s: float) -> Snapshot:
    with closing(Reader(path, FixedClock(after_s))) as reader:
        return reader.snapshot(at_ns(after_s))


def test_connections_come_in_the_order_of_the_configuration_with_what_is_stored_of_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path) as recording:
        recording.configure(replace(spec("b", 2.5), group="markets"), replace(spec("a"), enabled=False))
        recording.write([message("x", 1, "gone")])
        states = [row.state for row in snapshot_of(path, 2).connections]
    assert [(each.name, each.spec.group, each.spec.expect_every_s, each.spec.enabled) for each in states] == [
        ("b", "markets", 2.5, True),
        ("a", "", 0.0, False),
    ]


def test_rates_are_means_over_the_last_whole_seconds(tmp_path: Path) -> None:
    messages = [message("x", 10 + number / 10, NAME) for number in range(50)]
    path = recorded(tmp_path / "store.db", messages, NAME)
    found = snapshot_of(path, 15.3)
    assert found.connections[0].messages_per_s == 10.0
    assert found.messages_per_s[-6:] == (0, 10, 10, 10, 10, 10)
    # The second of the newest commits does not count yet
    assert snapshot_of(path, 15.2).connections[0].messages_per_s == 8.0


def test_losses_of_the_last_hour_are_counted(tmp_path: Path) -> None:
    events = [each for at in (0, 1_800, 4_000) for each in (usable(at, NAME), loss(at + 1, NAME))]
    path = recorded(tmp_path / "store.db", events, NAME, end_s=5_000)
    assert [snapshot_of(path, after_s).connections[0].losses_per_hour for after_s in (4_100, 9_000)] == [2, 0]


def test_a_connection_has_the_problem_that_explains_it_and_the_loss_its_outage_began_with(tmp_path: Path) -> None:
    events = [dialled(0, NAME), usable(1, NAME), loss(100, NAME, open_s=99), dialled(110, NAME), loss(111, NAME)]
    path = recorded(tmp_path / "store.db", events, NAME, end_s=200)
    (row,) = snapshot_of(path, 150).connections
    assert (row.problem and row.problem.id, row.began and row.began.id) == (5, 5)
    assert row.state.last_problem_id == 5


def test_open_incidents_are_told_and_a_stall_is_in_the_state_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path, NAME) as recording:
        storm = event("incident.opened", 5, NAME, type="reconnect_storm", reason="5 losses in 60 s")
        recording.write([usable(0, NAME), stall(4, NAME), storm])
        found = snapshot_of(path, 6)
    (row,) = found.connections
    assert [each.kind for each in found.incidents] == ["stall", "reconnect_storm"]
    assert [(each.kind, each.sentence) for each in row.incidents] == [("reconnect_storm", "5 losses in 60 s")]
    assert row.state.is_stalled


def test_a_stall_that_is_over_has_its_end_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path, NAME) as recording:
        opened_id = recording.write([usable(0, NAME), stall(4, NAME)])
        assert snapshot_of(path, 6).connections[0].problem_ended_ns is None
        closed = event("incident.closed", 20, NAME, type="stall", meta={"incident": opened_id})
        recording.write([closed])
        (row,) = snapshot_of(path, 30).connections
    assert (row.problem and row.problem.id, row.problem_ended_ns) == (opened_id, at_ns(20))
