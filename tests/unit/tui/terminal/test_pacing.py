"""How often to paint, by how fast the terminal reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.screen_harness import ROOMY, stage
from wsmon.tui.app import WsmonApp
from wsmon.tui.terminal import driver
from wsmon.tui.terminal.pacing import (
    HELD_AFTER_S,
    LOCAL_S,
    LONGEST_S,
    LOST_AFTER_S,
    MUTE_AFTER_S,
    REMOTE_S,
    SHARE,
    FlowControl,
)


def answering(*round_trips_s: float, is_remote: bool = False) -> FlowControl:
    """A line whose questions took so long, one a second."""
    link = FlowControl(is_remote)
    for number, round_trip_s in enumerate(round_trips_s):
        assert link.painted(float(number * 10))
        link.answered(number * 10 + round_trip_s)
    return link


@pytest.mark.parametrize(
    ("round_trips_s", "is_remote", "pace_s"),
    [
        ((), False, LOCAL_S),
        ((), True, REMOTE_S),
        ((0.001, 0.002), False, LOCAL_S),
        ((0.2, 0.2, 0.2), True, REMOTE_S),
        ((0.2, 0.45), True, SHARE * 0.25),
        ((0.0, 5.0), False, LONGEST_S),
        ((0.0, 0.5, 0.0), False, SHARE * 0.45),
    ],
    ids=["unknown", "unknown, remote", "quick", "far, but quick", "slow", "very slow", "slow for large paints"],
)
def test_a_paint_is_followed_by_a_rest_of_four_times_what_it_took(
    round_trips_s: tuple[float, ...], is_remote: bool, pace_s: float
) -> None:
    assert answering(*round_trips_s, is_remote=is_remote).pace_s() == pytest.approx(pace_s)


def test_one_question_at_a_time() -> None:
    link = FlowControl()
    assert (link.painted(1.0), link.painted(1.01), link.is_waiting) == (True, False, True)
    link.answered(1.02)
    assert (link.painted(1.03), link.is_waiting) == (True, True)


def test_paints_are_held_while_an_answer_is_late() -> None:
    link = answering(0.01)
    link.painted(20.0)
    assert (link.is_full(20.05, 0), link.is_full(20.15, 0)) == (False, True)
    link.answered(20.5)
    assert not link.is_full(20.5, 0)


def test_on_a_line_known_to_be_slow_they_are_held_at_once() -> None:
    link = answering(0.01, 0.6)
    link.painted(20.0)
    assert (link.patience_s(), link.is_full(20.0, 0)) == (0.0, True)


def test_before_the_first_answer_only_what_waits_in_the_queue_holds_paints() -> None:
    link = FlowControl()
    link.painted(1.0)
    assert (link.is_full(1.5, 0), link.is_full(1.5, 2)) == (False, True)


def mute() -> FlowControl:
    """A terminal that has not answered for long."""
    link = FlowControl()
    link.painted(1.0)
    assert link.is_waiting
    assert link.painted(1.1 + MUTE_AFTER_S)  # asked again, should it begin to answer
    return link


def test_a_mute_terminal_is_painted_as_often_as_any_other() -> None:
    link = mute()
    link.taken(1.1 + MUTE_AFTER_S + HELD_AFTER_S)
    assert (link.is_waiting, link.pace_s()) == (False, LOCAL_S)


def test_a_mute_terminal_is_judged_by_when_it_took_what_was_written() -> None:
    link = mute()
    assert link.is_full(2.0 + MUTE_AFTER_S, 1)
    link.taken(1.1 + MUTE_AFTER_S + HELD_AFTER_S + 0.5)
    assert link.pace_s() == pytest.approx(SHARE * 0.5)
    assert link.painted(10.0)
    assert not link.is_full(10.01, 0)


def test_a_terminal_that_somebody_else_had_answers_no_older_question() -> None:
    link = answering(0.01)
    link.painted(20.0)
    link.interrupted()
    assert (link.is_full(25.0, 0), link.painted(25.0)) == (False, True)


def test_an_answer_that_came_after_an_hour_in_the_background_makes_no_slow_terminal() -> None:
    link = answering(0.01)
    link.painted(20.0)
    link.answered(3_620.0)
    link.interrupted()
    assert link.pace_s() == LOCAL_S


def test_a_lost_answer_holds_nothing_back_for_ever() -> None:
    link = answering(0.01)
    link.painted(20.0)
    assert link.is_full(20.0 + LOST_AFTER_S, 0)
    assert not link.is_full(20.1 + LOST_AFTER_S, 0)
    assert link.painted(31.0)


def test_an_answer_that_nobody_asked_for_is_none() -> None:
    link = FlowControl()
    link.answered(5.0)
    assert link.pace_s() == LOCAL_S


async def test_a_look_at_the_line_after_the_app_was_left_while_paints_were_held_does_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on = stage()
    looks: list[Callable[[], None]] = []
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        with monkeypatch.context() as attached:
            attached.setattr(WsmonApp, "is_headless", False)
            attached.setattr(driver, "write", lambda *_: True)
            attached.setattr(asyncio.get_running_loop(), "call_later", lambda _, look: looks.append(look))
            on.app.pacer.painted()
        on.app.pacer.hold()
    looks.pop()()
    assert looks == []
