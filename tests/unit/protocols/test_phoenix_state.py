"""State of a Phoenix session: topics that are joined again, pushes that need no answer."""

from __future__ import annotations

import pytest

from wsmon.model.units import SECOND_NS
from wsmon.protocols.phoenix_state import (
    MAX_LATE,
    MAX_PUSHES,
    MAX_TOPICS,
    PUSH_WAIT_NS,
    PhoenixState,
    Push,
    Pushes,
    Topic,
    TopicStatus,
)


def push(ref: str, *, at_ns: int = 0, topic: str = "room:a", join_ref: str = "1", suspicion: str = "") -> Push:
    return Push(f"{ref} {topic}", at_ns, "new_msg", topic, ref, join_ref, suspicion)


@pytest.mark.parametrize(("tries", "wait_s"), [(0, 1), (1, 2), (2, 5), (3, 10), (9, 10)])
def test_each_fall_in_a_row_waits_longer_for_the_next_join(tries: int, wait_s: int) -> None:
    topic = Topic("1")
    topic.tries = tries
    topic.fall(SECOND_NS)
    assert topic.rejoin_ns == (1 + wait_s) * SECOND_NS


@pytest.mark.parametrize(
    ("status", "is_renewing", "is_up"),
    [("joining", False, False), ("joining", True, True), ("joined", False, True), ("leaving", False, False)],
)
def test_a_topic_is_up_while_it_is_joined_or_joined_again(status: TopicStatus, is_renewing: bool, is_up: bool) -> None:
    topic = Topic("1")
    topic.status, topic.is_renewing = status, is_renewing
    assert topic.is_up == is_up


def test_the_oldest_topic_is_forgotten_where_there_are_too_many() -> None:
    state = PhoenixState()
    for number in range(MAX_TOPICS + 1):
        state.keep(f"t{number}", Topic(str(number)))
    assert (len(state.topics), "t0" in state.topics, "t1" in state.topics) == (MAX_TOPICS, False, True)


def test_a_push_is_answered_once() -> None:
    pushes = Pushes()
    (started,) = pushes.begin(push("1"))
    assert (started.name, started.phase, started.key) == ("message.process.started", "start", "1 room:a")
    assert (pushes.answer("1 room:a"), pushes.answer("1 room:a")) == (push("1"), None)


def test_a_push_without_an_answer_is_abandoned_and_its_late_reply_recognised() -> None:
    pushes = Pushes()
    pushes.begin(push("1"))
    assert pushes.overdue(PUSH_WAIT_NS - 1) == ()
    (end,) = pushes.overdue(PUSH_WAIT_NS)
    assert (end.status, end.reason, end.error_type) == ("abandoned", "no_reply", "")
    assert (pushes.answer_late("1 room:a"), pushes.answer_late("1 room:a")) == (push("1"), None)


def test_a_push_that_may_have_been_dropped_is_warned_of() -> None:
    pushes = Pushes()
    pushes.begin(push("1", suspicion="join_ref null"))
    _, warning = pushes.overdue(PUSH_WAIT_NS)
    assert (warning.error_type, warning.error) == ("push_unanswered", "push may have been dropped (join_ref null)")


def test_a_ref_that_is_used_again_gives_the_first_push_up() -> None:
    pushes = Pushes()
    pushes.begin(push("1"))
    end, started = pushes.begin(push("1", at_ns=5))
    assert (end.status, end.reason, started.phase) == ("abandoned", "ref_reused", "start")


def test_pushes_die_with_the_join_of_their_channel() -> None:
    pushes = Pushes()
    for each in (push("1"), push("2", join_ref="9"), push("3", topic="room:b")):
        pushes.begin(each)
    assert [end.key for end in pushes.fail("room:a", "1", "channel_crash")] == ["1 room:a"]
    assert (pushes.answer("1 room:a"), pushes.answer("2 room:a")) == (None, push("2", join_ref="9"))


def test_pushes_in_flight_and_late_ones_are_bounded() -> None:
    pushes = Pushes()
    given_up = [pushes.begin(push(str(number))) for number in range(MAX_PUSHES + 1)][-1]
    assert (given_up[0].key, given_up[0].reason) == ("0 room:a", "given_up")
    pushes.overdue(PUSH_WAIT_NS)
    late = [number for number in range(MAX_PUSHES + 1) if pushes.answer_late(f"{number} room:a")]
    assert (len(late), late[-1]) == (MAX_LATE, MAX_PUSHES)
