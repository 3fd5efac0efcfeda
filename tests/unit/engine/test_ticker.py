"""Who is called when, and how many timers that takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.schedulers import Scheduler
from wsmon.engine.ticker import Ticker


class Rig:
    """A ticker, and which calls it made."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.ticker = Ticker(self.scheduler)
        self.made: list[str] = []

    def add(self, name: str, at_s: float = 0.0) -> Callable[[], None]:
        def call() -> None:
            self.made.append(name)

        self.scheduler.now_s = at_s
        self.ticker.add(call)
        return call

    @property
    def waiting_s(self) -> list[float]:
        """Delays of the timers that were set and not cancelled."""
        return [delay_s for delay_s, call in self.scheduler.calls if not call.is_cancelled]

    def fire(self, at_s: float) -> None:
        """Let the newest timer be due."""
        self.scheduler.now_s = at_s
        self.scheduler.calls.pop()[1].callback()


def test_those_that_began_in_the_same_quarter_of_a_second_have_one_timer() -> None:
    rig = Rig()
    for name, at_s in (("a", 10.25), ("b", 10.26), ("c", 10.49)):
        rig.add(name, at_s)
    assert rig.waiting_s == [1.0]
    rig.fire(11.25)
    assert (rig.made, rig.waiting_s) == (["a", "b", "c"], [1.0])
    rig.add("d", 11.6)
    assert rig.waiting_s == [1.0, pytest.approx(0.9)]


def test_ticks_keep_their_distance_whatever_the_loop_is_late() -> None:
    rig = Rig()
    rig.add("a", 10.0)
    rig.fire(11.2)
    assert rig.waiting_s == [pytest.approx(0.8)]
    rig.fire(11.99999)
    assert rig.waiting_s == [pytest.approx(1.00001)]
    rig.fire(16.5)
    assert rig.waiting_s == [pytest.approx(0.5)]
    assert rig.made == ["a"] * 3


def test_what_was_removed_is_called_no_more() -> None:
    rig = Rig()
    first, second = rig.add("a"), rig.add("b")
    rig.ticker.remove(first)
    rig.fire(1.0)
    assert (rig.made, rig.waiting_s) == (["b"], [1.0])
    rig.ticker.remove(second)
    rig.ticker.remove(second)
    assert rig.waiting_s == []


def test_what_another_call_removes_is_not_called() -> None:
    rig = Rig()
    rig.ticker.add(lambda: rig.ticker.remove(later))
    later = rig.add("later")
    rig.fire(1.0)
    assert rig.made == []


def test_after_a_call_that_failed_the_others_are_called() -> None:
    rig = Rig()
    rig.add("a")

    def fail() -> None:
        raise ValueError

    rig.ticker.add(fail)
    rig.add("b")
    with pytest.raises(ValueError):  # noqa: PT011 - the very exception
        rig.fire(1.0)
    assert (rig.made, rig.waiting_s) == (["a"], [1.0, 0.0])
    rig.fire(1.0)
    assert (rig.made, rig.waiting_s) == (["a", "b"], [1.0])
