"""The sink of an application: to a recorder, into the spool, into a store of its own; each event once."""

from __future__ import annotations

import errno
import multiprocessing
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.applications import ListeningRecorder
from tests.support.stores import stored_events
from tests.support.tracing import arrived, spool_files, until
from wsmon.control.lock import holder
from wsmon.errors import StoreHeldError
from wsmon.trace import Sink, SinkReport, TraceEvent, sink_of


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "recording" / "store.db"


@pytest.fixture
def sink(store: Path) -> Iterator[Sink]:
    one = Sink(store, connection="shop", group="web")
    yield one
    one.close()


def names(first: int, last: int) -> list[str]:
    return [f"e{number}" for number in range(first, last + 1)]


def emit(sink: Sink, first: int, last: int) -> None:
    for name in names(first, last):
        sink.emit(TraceEvent(name=name))


def test_a_recorder_that_runs_gets_events_in_their_order(store: Path, sink: Sink) -> None:
    with ListeningRecorder(store):
        emit(sink, 1, 3_000)
        assert sink.flush(20)
    assert arrived(store) == names(1, 3_000)
    assert sink.state == SinkReport(3_000, 0, 0, 0, 0, is_connected=True, problem="")
    (source,) = {event.source for event in stored_events(store) if event.name == "trace.log"}
    assert (source.connection, source.group) == ("shop", "web")
    assert spool_files(store) == []


def test_without_a_recorder_events_wait_in_a_file_of_the_user_alone(store: Path, sink: Sink) -> None:
    emit(sink, 1, 10)
    assert sink.flush(20)
    (file,) = spool_files(store)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)] == [0o600, 0o700]
    assert sink.state.spooled == 10
    assert "no recorder is running on" in sink.state.problem


def test_a_recorder_that_comes_gets_the_spool_first_and_the_file_goes(store: Path, sink: Sink) -> None:
    emit(sink, 1, 100)
    assert sink.flush(20)
    emit(sink, 101, 200)
    with ListeningRecorder(store):
        until(lambda: sink.state.stored >= 200)
        emit(sink, 201, 300)
        assert sink.flush(20)
    assert arrived(store) == names(1, 300)
    assert spool_files(store) == []
    assert sink.state.spooled == 0


def test_recorders_come_and_go_and_each_event_is_stored_once(store: Path, sink: Sink) -> None:
    sent = 0
    for _ in range(4):
        with ListeningRecorder(store):
            emit(sink, sent + 1, sent + 500)
            until(lambda: sink.state.is_connected)
            emit(sink, sent + 501, sent + 700)
        emit(sink, sent + 701, sent + 1_000)
        sent += 1_000
    with ListeningRecorder(store):
        until(lambda: sink.state.stored >= sent)
    assert arrived(store) == names(1, sent)


def test_what_a_process_left_is_taken_in_by_the_next_recorder(store: Path, sink: Sink) -> None:
    emit(sink, 1, 10)
    sink.close()
    assert len(spool_files(store)) == 1
    # Its last line was cut off with the process
    with spool_files(store)[0].open("ab") as file:
        file.write(b'{"seq":11,"name":"e1')
    with ListeningRecorder(store):
        until(lambda: spool_files(store) == [])
    assert arrived(store) == names(1, 10)


def test_the_file_of_a_process_that_lives_is_left_to_it(store: Path, sink: Sink) -> None:
    emit(sink, 1, 10)
    assert sink.flush(20)
    # It has its own way: this recorder is not the sink's
    (file,) = spool_files(store)
    other = store.with_name("other") / "store.db"
    other.parent.mkdir()
    (other.parent / "spool").symlink_to(file.parent)
    with ListeningRecorder(other):
        assert file.exists()


def test_what_has_no_place_is_counted_and_reported_when_there_is_one(store: Path) -> None:
    sink = Sink(store, buffer_bytes=5_000, spool_bytes=1_000)
    sent = 0
    while sink.state.lost < 7:
        sink.emit(TraceEvent(name=f"e{sent}"))
        sent += 1
        sink.flush(0.05)
    lost = sink.state.lost
    with ListeningRecorder(store):
        until(lambda: sink.state.stored > sent - lost)
    (report,) = (event for event in stored_events(store) if event.name == "trace.lost")
    assert report.meta == {"count": lost}
    assert arrived(store) == names(0, sent - lost - 1)
    sink.close()


def test_a_disk_that_takes_nothing_is_counted_not_raised(
    store: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _octets: bytes, _offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("wsmon.trace.spool.os.pwrite", full)
    emit(sink, 1, 10)
    until(lambda: "No space left on device" in sink.state.problem)
    assert (sink.state.waiting, sink.state.lost) == (10, 0)
    monkeypatch.undo()
    with ListeningRecorder(store):
        until(lambda: sink.state.stored == 10)
    assert arrived(store) == names(1, 10)


def test_a_folder_that_cannot_be_written_disturbs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sink = Sink(tmp_path / "file" / "store.db")
    emit(sink, 1, 10)
    until(lambda: sink.state.problem != "")
    assert sink.state.waiting == 10
    sink.close(0.1)


def test_without_a_store_events_wait_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("WSMON_STORE", "WSMON_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.chdir(tmp_path)
    sink = Sink()
    emit(sink, 1, 3)
    until(lambda: "no store is named" in sink.state.problem)
    assert sink.state.waiting == 3
    monkeypatch.setenv("WSMON_STORE", str(tmp_path / "store.db"))
    assert sink.flush(20)
    assert sink.state.spooled == 3
    sink.close()


class Cursed:
    """A value of an application whose text fails."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_an_event_that_is_no_json_disturbs_nothing(store: Path, sink: Sink) -> None:
    ring: list[object] = []
    ring.append(ring)
    with ListeningRecorder(store):
        sink.emit(TraceEvent(name="odd", meta={"object": Cursed(), "ring": ring, "set": {1}, "nan": float("nan")}))
        sink.emit(TraceEvent(name="sur\ud800rogate", meta=cast(Any, {"huge": 10**30, ("a", 1): 2})))
        sink.emit(TraceEvent(name="long", meta={"text": "x" * 2_000_000}))
        assert sink.flush(20)
        until(lambda: sink.state.stored == 3)
    assert sink.state.lost == 1
    odd, surrogate = (event for event in stored_events(store) if event.name == "trace.log")
    assert odd.meta is not None
    assert (odd.meta["object"], odd.meta["set"], odd.meta["nan"]) == (
        "Cursed without a text (RuntimeError)", [1], None,
    )  # fmt: skip
    assert (surrogate.type, surrogate.meta) == ("sur\\ud800rogate", {"huge": str(10**30), "('a', 1)": 2})


def test_an_event_that_the_recorder_refuses_is_counted_with_the_reason(store: Path, sink: Sink) -> None:
    with ListeningRecorder(store):
        sink.emit(TraceEvent(name="self.lost"))
        emit(sink, 1, 2)
        assert sink.flush(20)
    assert sink.state.refused == 1
    assert "name: 'self.lost' is reserved for wsmon's own events" in sink.state.problem
    assert arrived(store) == names(1, 2)


def test_threads_lose_nothing(store: Path, sink: Sink) -> None:
    def work(number: int) -> None:
        for n in range(500):
            sink.emit(TraceEvent(name=f"t{number}.{n}"))

    with ListeningRecorder(store):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sink.flush(20)
    found = arrived(store)
    assert sorted(found) == sorted(f"t{number}.{n}" for number in range(8) for n in range(500))
    for number in range(8):
        assert [name for name in found if name.startswith(f"t{number}.")] == [f"t{number}.{n}" for n in range(500)]


def test_emitting_waits_for_nothing(store: Path, sink: Sink) -> None:
    """A recorder that is stopped, or a lock of the store that is slow, costs the application no time."""
    with ListeningRecorder(store):
        emit(sink, 1, 1)
        assert sink.flush(20)
        begun_s = time.thread_time()
        emit(sink, 2, 10_000)
        assert time.thread_time() - begun_s < 2.0
        assert sink.flush(20)


def test_a_store_of_its_own_is_held_while_the_sink_lives(store: Path) -> None:
    sink = Sink(store, own=True, connection="mine")
    with pytest.raises(StoreHeldError, match="an application"):
        Sink(store, own=True)
    emit(sink, 1, 1_000)
    assert sink.flush(20)
    assert holder(store) is not None
    sink.close()
    assert holder(store) is None
    assert arrived(store) == names(1, 1_000)
    assert [event.name for event in stored_events(store)][::1_001] == ["self.run.started", "self.run.ended"]


def test_one_sink_serves_a_process(store: Path) -> None:
    first = sink_of(store)
    assert sink_of(store) is first
    first.close()
    assert sink_of(store) is not first
    sink_of(store).close()


def in_child(store: str) -> None:
    """What a child of multiprocessing does with the sink that it inherits."""
    emit(sink_of(store), 101, 110)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_reports_for_itself(store: Path) -> None:
    sink = sink_of(store)
    with ListeningRecorder(store):
        emit(sink, 1, 10)
        child = multiprocessing.get_context("fork").Process(target=in_child, args=(str(store),))
        child.start()
        child.join(20)
        emit(sink, 11, 20)
        assert sink.flush(20)
        until(lambda: len(arrived(store)) == 30)
    sink.close()
    found = arrived(store)
    assert [name for name in found if len(name) < 4] == names(1, 20)
    assert [name for name in found if len(name) == 4] == names(101, 110)


PROGRAM = """
import sys
from wsmon.trace import TraceEvent, sink_of
for number in range(1, 1_001):
    sink_of(sys.argv[1]).emit(TraceEvent(name=f"e{number}"))
"""


@pytest.mark.parametrize("is_recorded", [True, False])
def test_the_end_of_a_program_leaves_nothing_in_memory(store: Path, *, is_recorded: bool) -> None:
    def run() -> None:
        subprocess.run([sys.executable, "-c", PROGRAM, str(store)], check=True, timeout=30)

    if is_recorded:
        with ListeningRecorder(store):
            run()
    else:
        run()
        with ListeningRecorder(store):
            until(lambda: spool_files(store) == [])
    with ListeningRecorder(store):
        until(lambda: spool_files(store) == [])
    assert arrived(store) == names(1, 1_000)


def test_a_program_with_a_store_of_its_own_ends_with_its_events_stored(store: Path) -> None:
    program = "import sys; from wsmon.trace import *; sink_of(sys.argv[1], own=True).emit(TraceEvent(name='e1'))"
    subprocess.run([sys.executable, "-c", program, str(store)], check=True, timeout=30)
    assert arrived(store) == names(1, 1)
    assert stored_events(store)[-1].name == "self.run.ended"
