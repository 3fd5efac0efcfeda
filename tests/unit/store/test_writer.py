"""The writing thread: what is committed, how the connections are then, and what happens when the disk takes nothing."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
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
    numbered,
    pong,
    retry,
    stall,
    usable,
)
from tests.support.stores import Recording, spec, stored, stored_events
from tests.support.writers import DEADLINE_S, Running
from wsmon.bus import Batch
from wsmon.config.specs import RetentionSpec
from wsmon.errors import StoreError
from wsmon.model.block import Committed
from wsmon.model.events import Event, Source
from wsmon.model.profiles import Notable
from wsmon.store import writer as writing
from wsmon.store.schema import METRICS
from wsmon.store.search import skip_index
from wsmon.store.search.block_filter import BLOCKS
from wsmon.store.search.skip_index import SearchIndexer

# Of a stall in a session without a message
UNUSED = (
    "; the server accepted the upgrade, but no messages have been exchanged since: possibly it waits for the client to "
    "speak first (set protocol, subscribe or send)"
)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    one = Running(tmp_path / "store.db")
    yield one
    one.end()


def in_run(run: int, *events: Event) -> tuple[Event, ...]:
    """Events as the store gives them back: with ids, and the run in their source."""
    whole = (msgspec.structs.replace(each, source=msgspec.structs.replace(each.source, run=run)) for each in events)
    return numbered(whole)


def test_everything_emitted_is_stored_once_in_order(running: Running) -> None:
    events = [dialled(), usable(), *(message(str(n)) for n in range(5_000)), pong(), loss(connection="binance-spot")]
    running.writer.start()
    running.emit(*events)
    running.end()
    found = tuple(msgspec.structs.replace(event, verdict=None) for event in stored_events(running.path))
    assert found == in_run(1, *events)
    assert running.failures == []


def test_a_stop_marks_the_run_and_leaves_one_file(running: Running) -> None:
    running.writer.start()
    running.clock.advance(60)
    running.emit(message())
    running.end()
    assert stored(running.path, "SELECT ended_ns, end FROM run") == [(at_ns(60), "clean")]
    assert [file.name for file in running.path.parent.iterdir()] == ["store.db"]


def test_ids_go_on_in_the_next_run(tmp_path: Path) -> None:
    for _ in range(2):
        running = Running(tmp_path / "store.db")
        running.writer.start()
        running.emit(message(), message())
        running.end()
    assert stored(running.path, "SELECT event.id, run FROM event JOIN source ON source.id = source ORDER BY 1") == [
        (1, 1),
        (2, 1),
        (3, 2),
        (4, 2),
    ]
    assert stored(running.path, "SELECT key, value FROM meta WHERE key IN ('last_id', 'oldest_id') ORDER BY key") == [
        ("last_id", 4),
        ("oldest_id", 1),
    ]


def test_configured_connections_are_there_before_anything_happens(running: Running) -> None:
    running.writer.configure((spec("b", expect_every_s=5.0, url="wss://b/"), spec("a")))
    running.writer.start()
    running.end()
    assert running.connection(
        "name, position, spec ->> 'url', spec ->> 'expect_every_s', configured, status, since_ns"
    ) == [
        ("b", 0, "wss://b/", 5.0, 1, 1, T0_NS),
        ("a", 1, "wss://host/path", 0.0, 1, 1, T0_NS),
    ]


def test_a_connection_that_left_the_configuration_stays_known(running: Running) -> None:
    running.writer.configure((spec("a"), spec("b")))
    running.writer.start()
    running.emit(dialled(connection="a"))
    running.wait_for(1)
    running.writer.configure((spec("b"),))
    running.end()
    assert sorted(running.connection("name, configured")) == [("a", 0), ("b", 1)]


def test_silence_becomes_an_incident_and_the_state_stalled(running: Running) -> None:
    running.writer.configure((spec("binance-spot", expect_every_s=5.0),))
    running.writer.start()
    running.emit(dialled(), usable(), message(after_s=1))
    running.wait_for(3)
    running.clock.advance(6.5)
    running.wait_for(4)
    stalled = running.connection("stalled_since_ns, last_problem_id")
    running.emit(message(after_s=7))
    running.wait_for(5)
    running.emit(message(after_s=7.2))
    running.wait_for(7)
    running.end()
    assert stalled == [(at_ns(1), 4)]
    assert running.connection("stalled_since_ns") == [(None,)]
    assert stored(running.path, "SELECT id, type, opened_ns, closed_ns, closed_id, sentence FROM incident") == [
        (4, "stall", at_ns(6.5), at_ns(6.5), 7, "no data for 5.5 s (expected every 5 s)")
    ]


def test_d1_messages_that_waited_for_the_store_are_no_silence(running: Running) -> None:
    running.writer.configure((spec("binance-spot", expect_every_s=1.0),))
    running.emit(dialled(), usable(0))
    # Two batches and a part of one, which the writer takes when the last of them is there
    for number in range(5_000):
        running.emit(message(after_s=0.002 * number))
    running.clock.advance(10)
    running.writer.start()
    running.wait_for(5_002)
    running.end()
    assert [each for each in stored_events(running.path) if each.name == "incident.opened"] == []


def test_d1_silence_counts_up_to_what_the_engine_has_read(running: Running) -> None:
    running.writer.configure((spec("binance-spot", expect_every_s=5.0),))
    running.emit(dialled(), usable(1))
    running.bus.mark_read(running.clock.mono_ns() + 5 * SECOND_NS)
    running.writer.start()
    running.wait_for(2)
    running.clock.advance(600)
    # Nothing says that the engine has read the socket since
    running.emit(event("error.occurred", 600, error_type="internal"))
    running.wait_for(3)
    running.bus.mark_read(running.clock.mono_ns())
    running.wait_for(4)
    running.end()
    opened = [each.reason for each in stored_events(running.path) if each.name == "incident.opened"]
    assert opened == [f"no data for 599 s (expected every 5 s){UNUSED}"]


def test_incidents_of_a_recorder_that_died_are_ended_by_the_next_one(tmp_path: Path) -> None:
    died = Recording(tmp_path / "store.db")
    died.commit(dialled(1), usable(2), stall(8, connection="binance-spot"), stall(9, connection="deribit"))
    died.cut_off()
    running = Running(tmp_path / "store.db")
    running.writer.start()
    running.end()
    ended = [each for each in stored_events(running.path) if each.name == "incident.closed"]
    assert [(each.source.connection, each.type, each.reason, each.meta) for each in ended] == [
        ("binance-spot", "stall", "the recorder stopped", {"incident": 3, "evidence": [3]}),
        ("deribit", "stall", "the recorder stopped", {"incident": 4, "evidence": [4]}),
    ]
    assert stored(running.path, "SELECT id, closed_ns, closed_id FROM incident") == [
        (3, at_ns(9), 5),
        (4, at_ns(9), 6),
    ]


def test_the_end_of_a_recorder_ends_its_incidents(running: Running) -> None:
    running.writer.configure((spec("binance-spot", expect_every_s=5.0),))
    running.writer.start()
    running.emit(dialled(), usable())
    running.wait_for(2)
    running.clock.advance(6)
    running.wait_for(3)
    running.end()
    assert [(each.name, each.reason) for each in stored_events(running.path)][2:] == [
        ("incident.opened", f"no data for 6 s (expected every 5 s){UNUSED}"),
        ("incident.closed", "the recorder stopped"),
    ]


def test_what_alerts_are_about_is_told_with_its_id_once_it_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    told: list[tuple[str, int, bool]] = []

    def tell(notable: Sequence[Notable]) -> None:
        kept = {each.id for each in stored_events(path)}
        told.extend((each.event.name, each.event.id, each.event.id in kept) for each in notable)

    running = Running(path, on_notable=tell)
    running.writer.configure((spec("binance-spot", expect_every_s=5.0),))
    running.writer.start()
    running.emit(dialled(), usable(), message(), event("error.occurred", error_type="internal"))
    running.wait_for(4)
    running.clock.advance(6)
    running.wait_for(5)
    running.end()
    assert told == [("error.occurred", 4, True), ("incident.opened", 5, True), ("incident.closed", 6, True)]


def test_messages_that_carry_numbers_and_times_are_measured(running: Running) -> None:
    running.writer.configure((spec("binance-spot"),))
    running.writer.start()
    for number, latency_ms in ((1, -3_600_000.0), (2, -3_599_990.0), (4, -3_600_000.0)):
        running.emit(message(meta={"seq": number, "key": "BTC", "latency_ms": latency_ms}))
    running.end()
    found = [(each.name, each.type, each.reason) for each in stored_events(running.path)[3:]]
    assert found == [
        ("incident.opened", "gap", "1 missing message: BTC 3"),
        ("incident.closed", "gap", "1 missing message: BTC 3; the recorder stopped"),
    ]
    latency = METRICS["latency"]
    sums = stored(running.path, "SELECT count, sum, max FROM rollup_metric WHERE level = 1 AND metric = ?", latency)
    assert sums == [(3, 10_000_000, 10_000_000)]


def test_idle_commits_nothing(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = threading.Semaphore(0)
    take = running.bus.take

    def counted() -> Batch:
        ticks.release()
        return take(0.001)

    monkeypatch.setattr(running.bus, "take", counted)
    running.writer.start()
    for _ in range(5):
        assert ticks.acquire(timeout=DEADLINE_S)
    changes = running.path.with_name("store.db-wal").stat().st_mtime_ns
    for _ in range(20):
        assert ticks.acquire(timeout=DEADLINE_S)
    assert running.path.with_name("store.db-wal").stat().st_mtime_ns == changes


class FullDisk:
    """Makes commits fail as a full disk does, until there is space; or as something else does that passes."""

    def __init__(self, running: Running, monkeypatch: pytest.MonkeyPatch, code: int = sqlite3.SQLITE_FULL) -> None:
        self.is_full = True
        self._code = code
        self.refused = threading.Event()
        self._write = running.writer._fold.write
        monkeypatch.setattr(running.writer._fold, "write", self.write)

    def write(self) -> None:
        if self.is_full:
            self.refused.set()
            error = sqlite3.OperationalError("SQLite's own words")
            error.sqlite_errorcode = self._code
            raise error
        self._write()


@pytest.mark.parametrize(
    ("code", "warning"),
    [
        (sqlite3.SQLITE_FULL, "no space left for the store"),
        (sqlite3.SQLITE_BUSY, "another program has locked the store"),
        (sqlite3.SQLITE_PROTOCOL, "another program has locked the store"),
    ],
)
def test_what_may_pass_keeps_what_waits_and_is_said(
    code: int, warning: str, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(running, monkeypatch, code)
    running.writer.start()
    running.emit(dialled(), message())
    assert disk.refused.wait(DEADLINE_S)
    disk.refused.clear()
    assert disk.refused.wait(DEADLINE_S)
    assert running.writer.health().warning.startswith(warning)
    disk.is_full = False
    running.wait_for(2)
    running.end()
    assert stored_events(running.path) == in_run(1, dialled(), message())
    assert running.writer.health().warning == ""


def test_received_is_stored_plus_shed_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(tmp_path / "store.db", high_water_bytes=20_000)
    disk = FullDisk(running, monkeypatch)
    running.writer.start()
    running.emit(dialled())
    assert disk.refused.wait(DEADLINE_S)
    received = 0
    while running.bus.waiting_bytes < 20_000:
        running.emit(message("x" * 1_000))
        received += 1
    assert running.bus.is_full
    assert running.drained.wait(DEADLINE_S)  # shedding began: nobody waits any more
    running.emit(*[message("x" * 1_000)] * 50)
    running.emit(message("x", connection="other", direction="out"))
    disk.is_full = False
    shed = {"binance-spot": 50, "other": 1}
    running.wait_for(1 + received + len(shed))
    running.emit(message("kept again"))
    running.end()
    events = stored_events(running.path)
    counted = {each.source.connection: dict(each.meta or {}) for each in events if each.name == "self.shed"}
    assert counted == {
        "binance-spot": {"name": "message.received", "events": 50, "size_bytes": 50_000},
        "other": {"name": "message.sent", "events": 1, "size_bytes": 1},
    }
    assert sum(each.name == "message.received" for each in events) == received + 1
    assert running.writer.health().events_shed == 51


def test_a_disk_that_stays_full_ends_the_stop_with_the_number_lost(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LAST_TRIES_S", -1.0)
    connection = running.database.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    running.emit(message("x" * 50_000), message())
    running.bus.close()
    running.writer.start()
    running.end()
    (failure,) = running.failures
    assert isinstance(failure, StoreError)
    assert str(failure).startswith("no space left for the store")
    assert running.writer.lost_events == 2


def test_a_commit_that_reports_a_failure_and_is_there_is_not_repeated(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, tries = running.writer._write, []

    def written_with_an_error() -> None:
        tries.append(1)
        write()
        if len(tries) == 1:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error

    monkeypatch.setattr(running.writer, "_write", written_with_an_error)
    running.writer.start()
    running.emit(dialled(), message())
    running.wait_for(2)
    running.end()
    assert stored_events(running.path) == in_run(1, dialled(), message())
    assert running.failures == []


def test_what_cannot_be_repaired_ends_the_thread_and_is_said(running: Running) -> None:
    running.database.connection.execute(
        "INSERT INTO event (id, ts_ns, mono_ns, source, name, flags) VALUES (1, 1, 1, 1, 1, 1)"
    )
    running.writer.start()
    running.emit(message())
    running.writer.join(DEADLINE_S)
    (failure,) = running.failures
    assert "UNIQUE constraint failed: event.id" in str(failure)


def test_s3_what_another_program_takes_from_the_store_behind_a_commit_is_told(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_commit = running.writer._on_commit

    def truncate(last_id: int, committed: Sequence[Committed]) -> None:
        os.truncate(running.path, 0)
        on_commit(last_id, committed)

    running.writer.start()
    running.emit(dialled())
    running.wait_for(1)
    monkeypatch.setattr(running.writer, "_on_commit", truncate)
    running.emit(message())
    running.wait_until(lambda: bool(running.failures))
    assert " to 0 bytes by another program" in str(running.failures[0])


def test_health_tells_what_waits(running: Running) -> None:
    running.emit(message("x" * 100))
    health = running.writer.health()
    assert (health.waiting_events, health.waiting_bytes > 100, health.is_paused) == (1, True, False)
    running.writer.start()


def test_commit_lag_counts_from_the_first_event_of_the_batch(running: Running) -> None:
    running.clock.advance(0.25)
    running.writer.start()
    running.emit(dialled())
    running.wait_for(1)
    running.end()
    assert running.writer.health().commit_lag_ms == 250


def test_sources_are_stored_once(running: Running) -> None:
    running.writer.start()
    running.emit(dialled(), message(), event("self.run.started", connection=""), retry(1, "binance-spot"), message())
    running.end()
    found = stored(running.path, "SELECT connection, connection_id = '' FROM source ORDER BY id")
    assert found == [(1, 0), (None, 1), (1, 1)]


def test_pruning_is_an_event(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsmon.store.retention.NEWEST_EVENTS", 3)
    running.emit(*(message(str(n)) for n in range(10)))
    running.writer.start()
    running.wait_for(10)
    running.clock.advance(15 * 86_400)
    running.let_time_pass(11)
    running.end()
    newest = stored_events(running.path)
    assert [each.id for each in newest] == [8, 9, 10, 11]
    assert (newest[-1].name, newest[-1].source, newest[-1].reason, newest[-1].meta) == (
        "self.pruned",
        Source(run=1),
        "7 oldest events removed, up to 7",
        {"events": 7, "up_to_id": 7},
    )
    assert stored(running.path, "SELECT value FROM meta WHERE key = 'oldest_id'") == [(8,)]


def test_a_new_configuration_says_anew_what_is_kept(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsmon.store.retention.NEWEST_EVENTS", 3)
    running.emit(*(message(str(n)) for n in range(10)))
    running.writer.start()
    running.wait_for(10)
    running.writer.configure((), RetentionSpec(age_s=60.0))
    running.clock.advance(3_600)
    running.let_time_pass(11)
    running.end()
    assert [each.id for each in stored_events(running.path)] == [8, 9, 10, 11]


def test_a_lone_surrogate_in_a_name_ends_nothing(running: Running) -> None:
    hostile = "\ud800x"
    running.writer.start()
    running.emit(
        msgspec.structs.replace(message(), type=hostile),
        msgspec.structs.replace(dialled(), error_type=hostile, error=hostile),
        msgspec.structs.replace(
            dialled(), name="incident.opened", type=hostile, reason=hostile, from_status=None, to_status=None
        ),
    )
    running.wait_for(3)
    running.end()
    assert stored(running.path, "SELECT DISTINCT key FROM rollup_dim WHERE key LIKE '%x'") == [("\\ud800x",)]
    assert stored(running.path, "SELECT type, sentence FROM incident") == [("\\ud800x", "\\ud800x")]


def test_what_was_pruned_and_not_told_yet_is_told_before_the_last_word(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsmon.store.retention.NEWEST_EVENTS", 3)
    monkeypatch.setattr("wsmon.store.retention.EVENT_GAP_S", 1e9)
    running.emit(*(message(str(n)) for n in range(10)))
    running.writer.start()
    running.wait_for(10)
    running.clock.advance(15 * 86_400)
    running.let_time_pass(11)
    running.emit(*(message(str(n)) for n in range(5)))
    running.wait_for(16)
    running.clock.advance(15 * 86_400)
    running.wait_until(lambda: running.writer.pruned_events == 13)
    running.emit(event("self.run.ended", connection=""))
    running.end()
    told, last = stored_events(running.path)[-2:]
    assert (told.name, told.meta, last.name) == ("self.pruned", {"events": 6, "up_to_id": 13}, "self.run.ended")


def test_what_is_committed_is_indexed_at_once(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skip_index, "BLOCK_EVENTS", 2)
    monkeypatch.setattr(writing, "INDEX_BELOW_EVENTS", 0)
    running.emit(*[message("margin call")] * (3 * BLOCKS))
    running.writer.start()
    running.wait_for(3 * BLOCKS)
    running.end()
    assert stored(running.path, "SELECT first_id, last_id FROM search_segment") == [(1, 2 * BLOCKS)]


def test_what_an_earlier_recorder_did_not_index_is_indexed_while_nothing_waits(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skip_index, "BLOCK_EVENTS", 2)
    monkeypatch.setattr(SearchIndexer, "feed", lambda _self, _committed: None)
    indexed = threading.Event()
    index = SearchIndexer.index

    def index_and_tell(self: SearchIndexer, last_id: int, is_over: Callable[[], bool]) -> bool:
        is_more = index(self, last_id, is_over)
        if last_id == 2 * BLOCKS and not is_more:
            indexed.set()
        return is_more

    monkeypatch.setattr(SearchIndexer, "index", index_and_tell)
    running.writer.start()
    running.emit(*[message("margin call")] * (2 * BLOCKS))
    assert indexed.wait(DEADLINE_S), running.failures
    running.end()
    assert stored(running.path, "SELECT first_id, last_id FROM search_segment") == [(1, 2 * BLOCKS)]


def test_nothing_of_before_is_indexed_during_a_flood(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "INDEX_BELOW_EVENTS", 3)
    asked: list[int] = []

    def index(_self: SearchIndexer, last_id: int, _is_over: Callable[[], bool]) -> bool:
        asked.append(last_id)
        return False

    monkeypatch.setattr(SearchIndexer, "index", index)
    running.emit(*[message()] * 10)
    running.writer.start()
    running.wait_for(10)
    running.emit(message())
    running.wait_for(11)
    running.end()
    assert 10 not in asked
    assert len(stored_events(running.path)) == 11


@pytest.mark.parametrize("step", ["feed", "index"])
def test_a_store_that_takes_no_index_goes_on_recording(
    step: str, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()

    def fail(_self: SearchIndexer, *_arguments: object) -> bool:
        tried.set()
        raise StoreError("no space left")

    monkeypatch.setattr(SearchIndexer, step, fail)
    running.writer.start()
    running.emit(message())
    running.wait_for(1)
    assert tried.wait(DEADLINE_S)
    running.emit(message())
    running.wait_for(2)
    running.end()
    assert running.failures == []
