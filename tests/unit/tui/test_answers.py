"""The thread that answers panes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Queue
from threading import Event as Flag

import pytest

from tests.support.fake_ports import FakeView
from wsmon.errors import StoreError
from wsmon.ports import StoreView
from wsmon.tui.store_threads import StoreWorker

DEADLINE_S = 20.0


class Asker:
    """Asks, and collects what is delivered."""

    def __init__(self) -> None:
        self.view = FakeView()
        self.delivered: Queue[object] = Queue()
        self.worker = StoreWorker(lambda: self.view, lambda deliver: deliver(), self.delivered.put)
        self.worker.start()

    def next(self) -> object:
        """What is delivered next."""
        return self.delivered.get(timeout=DEADLINE_S)


@pytest.fixture
def asker() -> Iterator[Asker]:
    made = Asker()
    yield made
    made.worker.stop()


def test_an_answer_is_delivered(asker: Asker) -> None:
    asker.worker.submit("bounds", lambda view: view.bounds().events, asker.delivered.put)
    assert asker.next() == 0


def test_the_latest_of_a_kind_wins_and_other_kinds_are_answered_too(asker: Asker) -> None:
    running, go = Flag(), Flag()

    def wait(_view: StoreView) -> str:
        running.set()
        assert go.wait(DEADLINE_S)
        return "first"

    asker.worker.submit("lanes", wait, asker.delivered.put)
    assert running.wait(DEADLINE_S)
    asker.worker.submit("lanes", lambda _: "second", asker.delivered.put)
    asker.worker.submit("lanes", lambda _: "third", asker.delivered.put)
    asker.worker.submit("statistics", lambda _: "numbers", asker.delivered.put)
    go.set()
    assert [asker.next(), asker.next()] == ["third", "numbers"]


def test_a_question_that_was_interrupted_for_nothing_is_asked_again(asker: Asker) -> None:
    tries: list[int] = []

    def read(_view: StoreView) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise InterruptedError
        return len(tries)

    asker.worker.submit("lanes", read, asker.delivered.put)
    assert asker.next() == 2


def test_a_stream_ends_when_a_newer_one_is_asked_for(asker: Asker) -> None:
    delivered = Flag()

    def numbers(_view: StoreView, is_stale: Callable[[], bool]) -> Iterator[int]:
        yield 1
        while not is_stale():
            delivered.wait(DEADLINE_S)
        yield 2

    def more(_view: StoreView, _is_stale: Callable[[], bool]) -> Iterator[int]:
        yield 3

    asker.worker.stream("filter", numbers, asker.delivered.put)
    assert asker.next() == 1
    asker.worker.stream("filter", more, asker.delivered.put)
    delivered.set()
    assert asker.next() == 3


def test_a_store_that_fails_one_question_answers_the_next(asker: Asker) -> None:
    def fail(_view: StoreView) -> None:
        raise StoreError("disk I/O error")

    asker.worker.submit("lanes", fail, asker.delivered.put)
    assert str(asker.next()) == "disk I/O error"
    asker.worker.submit("lanes", lambda _: "well", asker.delivered.put)
    assert asker.next() == "well"


def test_the_end_closes_the_view_and_drops_what_waits(asker: Asker) -> None:
    running = Flag()

    def wait(_view: StoreView) -> str:
        running.set()
        return "late"

    asker.worker.submit("lanes", wait, lambda _: None)
    assert running.wait(DEADLINE_S)
    asker.worker.stop()
    assert asker.view.is_closed


def test_questions_with_many_answers_take_turns(asker: Asker) -> None:
    begun, go = Flag(), Flag()

    def count(_view: StoreView, is_stale: Callable[[], bool]) -> Iterator[str]:
        number = 0
        while not is_stale():
            number += 1
            yield f"count {min(number, 2)}"
            begun.set()
            assert go.wait(DEADLINE_S)

    asker.worker.stream("matches", count, asker.delivered.put)
    assert begun.wait(DEADLINE_S)
    asker.worker.submit("jump", lambda _: "jump", asker.delivered.put)
    go.set()
    seen = [asker.next() for _ in range(4)]
    assert seen[0] == "count 1"
    assert "jump" in seen
    asker.worker.stream("matches", lambda _view, _is_stale: iter(("end",)), asker.delivered.put)
    while asker.next() != "end":
        pass
