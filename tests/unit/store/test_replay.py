"""A store made of recorded events: ids and runs as they were, counted anew, searched by an index of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.support.builders import at_ns, dialled, event, loss, message, usable
from tests.support.stores import stored, stored_events
from wsmon.model.events import Event
from wsmon.store.copying import StoreOrigin
from wsmon.store.replay import Replay, replaying

NAME = "feed"


def with_id(each: Event, event_id: int, run: int = 1) -> Event:
    return msgspec.structs.replace(each, id=event_id, source=msgspec.structs.replace(each.source, run=run))


def test_ids_and_runs_stay_and_holes_between_ids_too(tmp_path: Path) -> None:
    events = [with_id(message("a", 1, NAME), 3), with_id(message("b", 2, NAME), 7, run=2)]
    with replaying(tmp_path / "store.db") as replay:
        replay.write(events)
        assert replay.last_id == 7
    assert list(stored_events(tmp_path / "store.db")) == events
    assert stored(
        tmp_path / "store.db", "SELECT value FROM meta WHERE key IN ('oldest_id', 'excerpt') ORDER BY key"
    ) == [
        (2,),
        (3,),
    ]


def test_what_happened_is_counted_anew(tmp_path: Path) -> None:
    told = [dialled(0, NAME), usable(1, NAME), message("abc", 2, NAME), loss(3, NAME)]
    with replaying(tmp_path / "store.db") as replay:
        replay.write([with_id(each, number) for number, each in enumerate(told, 1)])
    path = tmp_path / "store.db"
    names = ("attempts", "opens", "messages_in", "bytes_in", "losses")
    sums = ", ".join(f"sum({name})" for name in names)
    assert stored(path, f"SELECT {sums} FROM rollup WHERE level = 1") == [(1, 1, 1, 3, 1)]
    assert stored(path, "SELECT open_ns, ended_ns FROM session") == [(at_ns(1), at_ns(3))]


def test_counts_below_zero_in_events_are_not_counted(tmp_path: Path) -> None:
    """What is counted is read back at the next run, and no recorder writes such counts."""
    shed = event("self.shed", 1, NAME, meta={"name": "message.received", "events": -1, "size_bytes": -(2**62)})
    with replaying(tmp_path / "store.db") as replay:
        replay.write([with_id(dialled(0, NAME), 1), with_id(shed, 2), with_id(dialled(2, NAME), 3, run=2)])
    assert stored(tmp_path / "store.db", "SELECT n FROM rollup_dim WHERE n <= 0") == []


def test_connections_are_named_as_their_events_tell_them(tmp_path: Path) -> None:
    first = with_id(dialled(0, NAME), 1)
    source = msgspec.structs.replace(first.source, group="markets")
    with replaying(tmp_path / "store.db") as replay:
        replay.write([msgspec.structs.replace(first, source=source, meta={"url": "wss://feed.example.net/"})])
    columns = "configured, json_extract(spec, '$.group'), json_extract(spec, '$.url')"
    assert stored(tmp_path / "store.db", f"SELECT {columns} FROM connection") == [
        (1, "markets", "wss://feed.example.net/")
    ]


def test_what_the_origin_says_of_a_run_goes_before_what_its_events_tell(tmp_path: Path) -> None:
    run = (at_ns(-5), 17, at_ns(60), "clean", 812, "0.0.9", "boot-9", "/etc/wsmon.toml", "digest")
    origin = StoreOrigin({1: run}, {NAME: (4, 0, '{"group":"markets"}')})
    with replaying(tmp_path / "store.db", origin) as replay:
        replay.write([with_id(message("a", 1, NAME), 1)])
    path = tmp_path / "store.db"
    columns = "started_ns, started_mono_ns, ended_ns, end, pid, version, boot_id, configuration, digest"
    assert stored(path, f"SELECT {columns} FROM run") == [run]
    assert stored(path, "SELECT position, configured, spec FROM connection") == [(4, 0, '{"group":"markets"}')]


@pytest.mark.parametrize(("last", "end"), [("self.run.ended", "clean"), ("self.run.started", "abrupt")])
def test_a_run_ends_as_its_last_event_says(tmp_path: Path, last: str, end: str) -> None:
    with replaying(tmp_path / "store.db") as replay:
        replay.write([with_id(event(last, 5, ""), 1)])  # type: ignore[arg-type]  # both are names of events
    ended_ns = at_ns(5) + (end == "abrupt")
    assert stored(tmp_path / "store.db", "SELECT ended_ns, end FROM run") == [(ended_ns, end)]


def test_ids_that_do_not_ascend_are_refused(tmp_path: Path) -> None:
    replay = Replay(tmp_path / "store.db")
    replay.write([with_id(message("a", 1, NAME), 5)])
    with pytest.raises(AssertionError, match="ids must ascend"):
        replay.write([with_id(message("b", 2, NAME), 4)])
    replay.abandon()
