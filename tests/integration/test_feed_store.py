"""Exactly once, against the real writer and its store: cases NX-05, NX-18, NX-21 and NX-23."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.recordings import Recorder
from wsmon.clock import SystemClock
from wsmon.feed import Feed
from wsmon.store.reader import Reader

THREADS = 8
EACH = 5_000
DEADLINE_S = 30.0


class Storm:
    """Threads that publish as fast as they can; the bus has one producer, so they take turns."""

    def __init__(self, recorder: Recorder, threads: int = THREADS, each: int = EACH) -> None:
        self._recorder = recorder
        self._each = each
        self._turn = threading.Lock()
        self._threads = [threading.Thread(target=self._publish, args=(number,)) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()

    def _publish(self, number: int) -> None:
        clock = SystemClock()
        for count in range(self._each):
            said = message(f"{number}:{count}", connection=f"c{number}", ts_ns=clock.wall_ns())
            with self._turn:
                self._recorder.bus.emit_message(said)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def read_in_pieces(path: Path, upto: int, cursor: int = 0) -> Iterator[tuple[int, bytes]]:
    """A reader that leaves after every 100 events and comes back at its cursor."""
    clock = SystemClock()
    give_up_ns = clock.mono_ns() + round(DEADLINE_S * 1e9)
    while cursor < upto:
        view = Reader(path, clock)
        feed = Feed(view, cursor)
        while feed.cursor < min(cursor + 100, upto):
            assert clock.mono_ns() < give_up_ns, f"{feed.cursor} of {upto} events came"
            page = feed.poll(100 - (feed.cursor - cursor))
            assert page.truncated is None
            yield from ((event.id, event.payload or b"") for event in page.events)
        cursor = feed.cursor
        view.close()


def test_nx_05_a_reader_that_never_reads_delays_no_publisher(path: Path) -> None:
    clock = SystemClock()
    with Recorder(path, clock) as recorder:
        view = Reader(path, clock)
        feed = Feed(view)
        began_ns = clock.mono_ns()
        Storm(recorder, threads=1, each=100).join()
        assert clock.mono_ns() - began_ns < 2 * 10**9
    assert [event.id for event in feed.poll(200).events] == list(range(1, 101))
    view.close()


def test_nx_18_a_reader_that_comes_and_goes_gets_every_event_once(path: Path) -> None:
    with Recorder(path, SystemClock()) as recorder:
        storm = Storm(recorder)
        found = list(read_in_pieces(path, THREADS * EACH))
        storm.join()
    assert [event_id for event_id, _ in found] == list(range(1, THREADS * EACH + 1))
    published = {f"{number}:{count}".encode() for number in range(THREADS) for count in range(EACH)}
    assert {payload for _, payload in found} == published


def test_nx_21_a_restart_loses_and_doubles_nothing(path: Path) -> None:
    last_id = 0
    for run in (1, 2, 3):
        with Recorder(path, SystemClock()) as recorder:
            Storm(recorder, threads=2, each=250).join()
        view = Reader(path, SystemClock())
        feed = Feed(view, last_id)
        page = feed.poll(1_000)
        view.close()
        assert [event.id for event in page.events] == list(range(last_id + 1, last_id + 501))
        assert {event.source.run for event in page.events} == {run}
        last_id = feed.cursor


def test_nx_23_readers_that_leave_in_a_storm_disturb_nobody(path: Path) -> None:
    with Recorder(path, SystemClock()) as recorder:
        storm = Storm(recorder, threads=4, each=2_000)
        for _ in range(30):
            view = Reader(path, SystemClock())
            Feed(view).poll(500)
            view.interrupt()
            view.close()
        storm.join()
    view = Reader(path, SystemClock())
    assert view.bounds().events == 8_000
    view.close()
