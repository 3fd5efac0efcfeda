"""Calls in flight: each that began ends exactly once."""

from __future__ import annotations

import pytest

from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import ClientOptions, Happening, Operation
from wsmon.protocols.calls import (
    ACCEPTED_NS,
    GIVEN_UP,
    MAX_TOPICS,
    Call,
    Calls,
    CallState,
    Deliveries,
    PeerSilence,
    WantedTopics,
    begun,
    completed,
    confirmed,
    duplicate,
    failed,
    happening_key,
    keep_newest,
    left,
    ping,
    pong,
    settled,
    too_many_topics,
    unmatched,
)


def outline(happenings: tuple[Happening, ...]) -> list[tuple[str, str, str, str]]:
    """Name, phase, topic and error type of each."""
    return [(each.name, each.phase, each.topic, each.error_type) for each in happenings]


REQUEST = Call("request", "1", 0, "get_time", "1")
SUBSCRIBE = Call("subscribe", "2", 0, "subscribe", "2", ("a", "b"))


def test_a_call_starts_once_for_each_topic() -> None:
    assert begun(REQUEST) == (Happening("message.process.started", "request", "start", "1", "get_time", ref="1"),)
    assert outline(begun(SUBSCRIBE)) == [
        ("subscription.subscribe.started", "start", "a", ""),
        ("subscription.subscribe.started", "start", "b", ""),
    ]
    assert {each.key for each in begun(SUBSCRIBE)} == {happening_key("2", "a"), happening_key("2", "b")}


def test_start_and_end_of_a_topic_have_one_key() -> None:
    assert [each.key for each in begun(SUBSCRIBE)] == [each.key for each in completed(SUBSCRIBE)]


@pytest.mark.parametrize(("by_peer", "name"), [(False, "heartbeat.sent"), (True, "heartbeat.received")])
def test_a_heartbeat_is_named_by_its_side(by_peer: bool, name: str) -> None:
    assert begun(Call("heartbeat", "ping", 0, by_peer=by_peer))[0].name == name


@pytest.mark.parametrize(
    ("operation", "error_type", "names", "status"),
    [
        ("request", "timeout", ["message.process.completed", "error.occurred"], "error"),
        ("subscribe", "timeout", ["subscription.subscribe.completed"], "error"),
        ("auth", "refused", ["auth.failed"], "error"),
        ("refresh", "refused", ["auth.failed"], "error"),
        ("heartbeat", "timeout", ["heartbeat.timeout"], "error"),
        ("heartbeat", "refused", ["heartbeat.failure"], "error"),
        ("request", GIVEN_UP, ["message.process.completed", "error.occurred"], "abandoned"),
    ],
)
def test_a_failure_is_named_by_its_operation(
    operation: Operation, error_type: str, names: list[str], status: str
) -> None:
    happenings = failed(Call(operation, "1", 0), error_type, "no")
    assert [each.name for each in happenings] == names
    assert (happenings[0].phase, happenings[0].status) == ("end", status)


def test_a_refresh_that_fails_says_so() -> None:
    (end,) = failed(Call("refresh", "1", 0), "refused", "no", {"code": 5})
    assert end.meta == {"code": 5, "refresh": True}


def test_topics_that_an_answer_does_not_list_failed() -> None:
    assert outline(settled(SUBSCRIBE, ["b", "c"])) == [
        ("subscription.subscribe.completed", "end", "b", ""),
        ("subscription.subscribe.completed", "end", "a", "not_confirmed"),
    ]
    assert settled(REQUEST, []) == completed(REQUEST)


def test_a_call_ends_once() -> None:
    calls = Calls()
    calls.begin(REQUEST)
    assert (calls.get("1"), calls.end("1"), calls.end("1"), calls.get("1")) == (REQUEST, REQUEST, None, None)
    assert ("1" in calls, len(calls), list(calls)) == (False, 0, [])


def test_the_oldest_match_is_found_and_stays() -> None:
    calls = Calls()
    for key in ("1", "2", "3"):
        calls.begin(Call("request", key, 0, type="even" if key == "2" else "odd"))
    found = calls.find(lambda call: call.type == "odd")
    assert found is not None
    assert (found.key, len(calls)) == ("1", 3)
    assert calls.find(lambda call: call.type == "none") is None


def test_a_call_under_a_key_in_flight_replaces_the_other() -> None:
    calls = Calls()
    calls.begin_anew(Call("auth", "login", 0))
    assert outline(calls.begin_anew(Call("auth", "login", 1))) == [
        ("auth.failed", "end", "", "replaced"),
        ("auth.started", "start", "", ""),
    ]
    assert [call.at_ns for call in calls] == [1]


def test_what_is_not_answered_in_time_is_overdue_once() -> None:
    calls = Calls(wait_s=2)
    calls.begin(REQUEST)
    calls.begin(Call("request", "3", SECOND_NS))
    assert calls.overdue(2 * SECOND_NS - 1) == ()
    assert calls.overdue(2 * SECOND_NS) == failed(REQUEST, "timeout", "no answer within 2 s")
    assert [call.key for call in calls] == ["3"]
    assert calls.overdue(2 * SECOND_NS) == ()


def test_the_oldest_are_given_up_where_calls_and_topics_are_too_many() -> None:
    calls = Calls(limit=4)
    calls.begin(REQUEST)
    calls.begin(SUBSCRIBE)
    given_up = calls.begin(Call("request", "3", 0))
    assert given_up[:2] == failed(REQUEST, GIVEN_UP, "more than 4 requests in flight: no longer tracked")
    assert [call.key for call in calls] == ["2", "3"]


def test_a_call_waits_for_the_topics_that_are_left_and_then_is_over() -> None:
    calls = Calls(limit=3)
    calls.begin(SUBSCRIBE)
    calls.keep_topics(SUBSCRIBE, ("b",))
    kept = calls.get("2")
    assert kept is not None
    assert kept.topics == ("b",)
    # The topic that is over leaves room for another call
    assert len(calls.begin(REQUEST)) == 1
    calls.keep_topics(kept, ())
    assert [call.key for call in calls] == ["1"]


def test_an_end_without_a_call_and_a_second_call_are_errors() -> None:
    assert unmatched("subscribe", "9", topic="a").key == happening_key("9", "a")
    assert (unmatched("request", "9").error_type, unmatched("request", "9").phase) == ("unmatched", "end")
    assert duplicate("request", "get", "").error == "id null is already in flight"
    assert too_many_topics(501).error == f"501 topics in one message; only the first {MAX_TOPICS} are tracked"


def test_of_heartbeats_one_a_direction_is_in_flight_and_a_pong_without_a_ping_is_one_by_itself() -> None:
    calls = Calls()
    assert [happening.name for happening in ping(calls, "out", 1) + ping(calls, "in", 2)] == [
        "heartbeat.sent",
        "heartbeat.received",
    ]
    assert ping(calls, "out", 3) == (Happening("heartbeat.sent", "heartbeat"),)
    assert [happening.name for happening in pong(calls, "in") + pong(calls, "out")] == ["heartbeat.responded"] * 2
    assert pong(calls, "in") == (Happening("heartbeat.received", "heartbeat"),)
    assert pong(calls, "out") == (Happening("heartbeat.sent", "heartbeat"),)


def test_calls_that_met_no_error_are_taken_as_accepted_once() -> None:
    calls = Calls()
    calls.begin(SUBSCRIBE)
    calls.begin(Call("subscribe", "3", SUBSCRIBE.at_ns + 1))
    assert calls.accepted(SUBSCRIBE.at_ns + ACCEPTED_NS) == (SUBSCRIBE,)
    assert [call.key for call in calls] == ["3"]


def test_a_call_of_which_a_part_was_answered_is_awaited_anew() -> None:
    calls = Calls(1)
    calls.begin(Call("request", "1", 0))
    calls.begin(Call("request", "2", SECOND_NS // 2))
    calls.renew("1", SECOND_NS)
    calls.renew("9", SECOND_NS)
    assert [happening.key for happening in calls.overdue(2 * SECOND_NS - 1)] == ["2", ""]
    assert [call.key for call in calls] == ["1"]


def test_a_silent_peer_is_late_once_for_each_silence() -> None:
    silence = PeerSilence()
    silence.heard(1)
    assert silence.overdue(2**62) == ()
    silence.limit(3 * SECOND_NS, SECOND_NS)
    assert silence.overdue(4 * SECOND_NS - 1) == ()
    assert [happening.error for happening in silence.overdue(4 * SECOND_NS)] == ["no heartbeat of the peer within 3 s"]
    assert silence.overdue(2**62) == ()
    silence.heard(5 * SECOND_NS)
    assert len(silence.overdue(8 * SECOND_NS)) == 1


def test_a_state_reports_its_calls_and_its_silence() -> None:
    state = CallState()
    state.at(SECOND_NS)
    state.silence.limit(SECOND_NS, state.now_ns)
    state.calls.begin(Call("auth", "1", state.now_ns))
    assert [happening.name for happening in state.overdue(2**62)] == ["auth.failed", "heartbeat.timeout"]


def test_of_too_many_names_the_oldest_is_forgotten() -> None:
    names: dict[str, str] = {}
    for key in ("1", "2", "1", "3"):
        keep_newest(names, key, f"topic {key}", 2)
    assert names == {"1": "topic 1", "3": "topic 3"}


def test_an_answered_delivery_has_a_duration_and_an_unanswered_one_is_no_fault() -> None:
    deliveries = Deliveries(limit=2)
    for number, key in enumerate(("a", "b", "c")):
        deliveries.note(key, "t", number)
    assert deliveries.answered("a", "ACK", 9) == ()
    assert "b" in deliveries
    assert deliveries.answered("b", "NACK", 9, "rejected") == (
        Happening(
            "message.process.completed", "request", "whole", "b", "NACK", "t", "b", "rejected", duration_ns=8
        ),
    )  # fmt: skip
    assert deliveries.answered("b", "NACK", 9) == ()


def test_a_subscribe_whose_key_is_its_topic_is_confirmed_or_left() -> None:
    calls = Calls()
    calls.begin(Call("subscribe", "a", 1, topics=("a",)))
    done = Happening("subscription.subscribe.completed", "subscribe", topic="b", status="ok")
    assert [(each.key, each.topic, each.status) for each in confirmed(calls, "a")] == [("a a", "a", "ok")]
    assert confirmed(calls, "b") == (done,)
    calls.begin(Call("subscribe", "a", 1, topics=("a",)))
    assert [(each.name, each.status, each.error_type) for each in left(calls, "a")] == [
        ("subscription.subscribe.completed", "abandoned", GIVEN_UP),
        ("subscription.unsubscribe.completed", "ok", ""),
    ]
    assert [each.name for each in left(calls, "b")] == ["subscription.unsubscribe.completed"]
    assert len(calls) == 0


def test_topics_are_taken_once_and_when_there_are_any() -> None:
    wanted = WantedTopics()
    options = ClientOptions((Sensitive("a"), Sensitive("b"), Sensitive("a")))
    assert [wanted.take(each) for each in (ClientOptions(), options, options)] == [(), ("a", "b"), ()]
