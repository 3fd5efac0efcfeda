"""Heartbeats and authentication that a configuration spells out."""

from __future__ import annotations

import pytest

from wsmon.config.specs import MessageCondition
from wsmon.model.events import Direction, EventName
from wsmon.protocols.base import Decoded, Happening
from wsmon.protocols.configured import AuthTexts, ConfiguredTexts, HeartbeatTexts, grant_life_s

S = 10**9
BEAT = HeartbeatTexts(send=b"beat", every_s=10.0, expect=b"alive")
LOGIN = AuthTexts(send=b"let me in", success=b"welcome", failure=b"go away", refresh=b"again", expires_in_s=100.0)
NOTHING = Decoded()
SILENT, ANONYMOUS = HeartbeatTexts(), AuthTexts()


class Session:
    """A session whose time the test sets."""

    def __init__(self, heartbeat: HeartbeatTexts = SILENT, auth: AuthTexts = ANONYMOUS) -> None:
        self.configured = ConfiguredTexts(heartbeat, auth)
        self.now_ns = 0

    def told(self, direction: Direction, payload: bytes, decoded: Decoded = NOTHING) -> list[tuple[str, str]]:
        happenings = self.configured.read(direction, payload, decoded, self.now_ns)
        return [(happening.name, happening.error_type) for happening in happenings]

    def overdue(self, at_s: float) -> list[tuple[str, str]]:
        self.now_ns = round(at_s * S)
        return [(happening.name, happening.error_type) for happening in self.configured.overdue(self.now_ns)]


def test_a_heartbeat_is_answered_by_what_is_expected() -> None:
    session = Session(BEAT)
    assert session.told("out", b"beat") == [("heartbeat.sent", "")]
    assert session.told("in", b"data") == []
    assert session.told("in", b"I am alive!") == [("heartbeat.responded", "")]
    assert session.told("in", b"I am alive!") == []
    assert session.overdue(60) == []


def test_a_login_carries_the_configured_life_of_its_grant() -> None:
    session = Session(auth=LOGIN)
    session.told("out", b"let me in")
    happenings = session.configured.read("in", b"welcome", NOTHING, S)
    assert [(each.name, each.meta) for each in happenings] == [("auth.completed", {"expires_in_s": 100.0})]


def test_a_heartbeat_without_an_answer_is_missed_when_the_next_is_due() -> None:
    session = Session(BEAT)
    session.told("out", b"beat")
    assert session.overdue(9.9) == []
    assert session.overdue(10) == [("heartbeat.timeout", "timeout")]
    assert session.told("in", b"alive") == []  # too late


def test_a_heartbeat_that_is_sent_before_the_last_was_answered_ends_that() -> None:
    session = Session(BEAT)
    session.told("out", b"beat")
    assert session.told("out", b"beat") == [("heartbeat.timeout", "timeout"), ("heartbeat.sent", "")]


def test_three_misses_in_a_row_are_a_failure() -> None:
    session = Session(BEAT)
    missed = [("heartbeat.timeout", "timeout")]
    failure = [("heartbeat.failure", "heartbeat_missed")]
    told = []
    for number in range(1, 7):
        session.told("out", b"beat")
        told.append(session.overdue(10 * number))
    assert told == [missed, missed, missed + failure, missed, missed, missed + failure]


def test_an_answer_ends_the_row_of_misses() -> None:
    session = Session(BEAT)
    for number in (1, 2):
        session.told("out", b"beat")
        session.overdue(10 * number)
    session.told("out", b"beat")
    session.told("in", b"alive")
    session.told("out", b"beat")
    assert session.overdue(60) == [("heartbeat.timeout", "timeout")]


def test_the_reply_to_a_request_answers_the_heartbeat_that_it_was() -> None:
    session = Session(HeartbeatTexts(send=b"test", every_s=10.0))
    request = Decoded(
        "public/test", ref="1", happenings=(Happening("message.process.started", "request", "start", "1"),)
    )
    reply = Decoded("public/test", ref="1", happenings=(Happening("message.process.completed", "request", "end", "1"),))
    assert session.told("out", b"test", request) == [("message.process.started", ""), ("heartbeat.sent", "")]
    assert session.told("in", b"result", reply) == [("message.process.completed", ""), ("heartbeat.responded", "")]


def test_a_heartbeat_whose_answer_cannot_be_known_is_counted_and_not_missed() -> None:
    session = Session(HeartbeatTexts(send=b"beat", every_s=10.0))
    assert session.told("out", b"beat") == [("heartbeat.sent", "")]
    assert session.overdue(60) == []


@pytest.mark.parametrize(("direction", "payload"), [("out", b"beat"), ("in", b"you?")])
def test_what_the_protocol_has_read_is_not_told_twice(direction: Direction, payload: bytes) -> None:
    session = Session(HeartbeatTexts(send=b"beat", reply_to=b"you?", answer=b"me"))
    read = Decoded("ping", happenings=(Happening("heartbeat.sent", "heartbeat"),))
    assert session.told(direction, payload, read) == [("heartbeat.sent", "")]


def test_a_heartbeat_of_the_peer_is_answered() -> None:
    session = Session(HeartbeatTexts(reply_to=b"you?", answer=b"me"))
    assert session.told("in", b'{"q":"you?"}') == [("heartbeat.received", "")]
    assert session.configured.replies(b'{"q":"you?"}') == (b"me",)
    assert session.told("out", b"me") == [("heartbeat.responded", "")]
    assert session.configured.replies(b"data") == ()


def test_a_heartbeat_of_the_peer_may_be_known_and_not_answered() -> None:
    session = Session(HeartbeatTexts(reply_to=b"you?"))
    assert session.told("in", b"you?") == [("heartbeat.received", "")]
    assert session.configured.replies(b"you?") == ()
    assert session.overdue(60) == []


def test_an_authentication_ends_as_its_answer_says() -> None:
    session = Session(auth=LOGIN)
    assert session.told("out", b"let me in") == [("auth.started", "")]
    assert session.told("in", b"data") == []
    assert session.told("in", b"welcome, you") == [("auth.completed", "")]
    assert session.told("out", b"let me in") == [("auth.started", "")]
    assert session.told("in", b"go away") == [("auth.failed", "auth_failed")]
    assert session.told("out", b"let me in") == [("auth.started", "")]
    assert session.overdue(30) == [("auth.failed", "timeout")]


def test_a_grant_is_renewed_once_at_80_percent_of_its_life() -> None:
    session = Session(auth=LOGIN)
    session.told("out", b"let me in")
    session.told("in", b"welcome")
    assert session.configured.due(79 * S) == ()
    assert session.configured.due(80 * S) == (b"again",)
    assert session.configured.due(81 * S) == ()
    session.now_ns = 81 * S
    assert session.told("out", b"again") == [("auth.refresh.started", "")]
    assert session.told("in", b"welcome") == [("auth.refresh.completed", "")]
    assert session.configured.due(160 * S) == ()
    assert session.configured.due(161 * S) == (b"again",)


def test_a_login_whose_text_is_that_of_a_renewal_is_a_login() -> None:
    session = Session(auth=AuthTexts(send=b"let me in", success=b"welcome", refresh=b"let me in", expires_in_s=100.0))
    assert session.told("out", b"let me in") == [("auth.started", "")]
    assert session.told("in", b"welcome") == [("auth.completed", "")]
    assert session.configured.due(80 * S) == (b"let me in",)
    session.now_ns = 80 * S
    assert session.told("out", b"let me in") == [("auth.refresh.started", "")]


def test_a_grant_that_the_protocol_has_read_counts_too() -> None:
    session = Session(auth=LOGIN)
    begun = Decoded("auth", happenings=(Happening("auth.started", "auth", "start", "1"),))
    granted = Decoded("auth", happenings=(Happening("auth.completed", "auth", "end", "1", status="ok"),))
    assert session.told("out", b"let me in", begun) == [("auth.started", "")]
    assert session.told("in", b"welcome", granted) == [("auth.completed", "")]
    assert session.configured.due(80 * S) == (b"again",)


def login_of_protocol(key: str) -> Decoded:
    """A message that a protocol recognises as a login."""
    return Decoded("auth", ref="7", happenings=(Happening("auth.started", "auth", "start", key, "auth"),))


def end_of_login(key: str, error_type: str = "") -> Decoded:
    """A message that a protocol recognises as the end of a login."""
    name: EventName = "auth.failed" if error_type else "auth.completed"
    status = "error" if error_type else "ok"
    return Decoded("auth", happenings=(Happening(name, "auth", "end", key, status=status, error_type=error_type),))


def test_p1_a_renewal_that_looks_like_a_login_is_a_renewal() -> None:
    session = Session(auth=LOGIN)
    assert session.told("out", b"let me in", login_of_protocol("1")) == [("auth.started", "")]
    assert session.told("in", b"data", end_of_login("1")) == [("auth.completed", "")]
    assert session.told("out", b"again", login_of_protocol("2")) == [("auth.refresh.started", "")]
    assert session.told("in", b"data", end_of_login("2")) == [("auth.refresh.completed", "")]
    assert session.told("out", b"again", login_of_protocol("3")) == [("auth.refresh.started", "")]
    (failed,) = session.configured.read("in", b"data", end_of_login("3", "expired"), 0)
    assert (failed.name, failed.operation, failed.meta) == ("auth.failed", "refresh", {"refresh": True})


def test_p1_an_overdue_renewal_that_looks_like_a_login_is_a_renewal() -> None:
    session = Session(auth=LOGIN)
    session.told("out", b"again", login_of_protocol("2"))
    (late,) = session.configured.revise(end_of_login("2", "timeout").happenings)
    assert (late.operation, late.key, late.meta) == ("refresh", "2", {"refresh": True})


def test_p1_the_configured_answers_end_a_login_that_the_protocol_recognised() -> None:
    session = Session(auth=LOGIN)
    session.told("out", b"let me in", login_of_protocol("1"))
    (completed,) = session.configured.read("in", b"welcome", NOTHING, 0)
    assert (completed.name, completed.operation, completed.phase, completed.key, completed.type) == (
        "auth.completed", "auth", "end", "1", "auth",
    )  # fmt: skip
    # The protocol still waits for its own answer
    assert session.configured.revise(end_of_login("1", "timeout").happenings) == ()


def test_v1_a_refusal_has_the_text_of_its_message() -> None:
    session = Session(auth=LOGIN)
    session.told("out", b"let me in", login_of_protocol("1"))
    payload = b'{"kind":"go away","data":{"message":"unknown token"}}'
    (refused,) = session.configured.read("in", payload, NOTHING, 0)
    assert (refused.name, refused.error_type, refused.error) == ("auth.failed", "auth_failed", "unknown token")


@pytest.mark.parametrize("answer", [b"not welcome: go away", b"go away, you are not welcome"])
def test_p1_a_refusal_that_contains_the_word_of_success_is_a_refusal(answer: bytes) -> None:
    session = Session(auth=LOGIN)
    session.told("out", b"let me in")
    (refused,) = session.configured.read("in", answer, NOTHING, 0)
    assert (refused.name, refused.error) == ("auth.failed", answer.decode())


def test_p1_the_configured_refusal_counts_more_than_what_the_protocol_makes_of_it() -> None:
    session = Session(auth=LOGIN)
    session.told("out", b"let me in", login_of_protocol("1"))
    assert session.told("in", b"go away", end_of_login("1")) == [("auth.failed", "auth_failed")]


def test_p1_a_login_that_the_protocol_did_not_recognise_ends_by_what_it_does_recognise() -> None:
    session = Session(auth=LOGIN)
    session.told("out", b"let me in")
    unasked = Decoded("auth_ok", happenings=(Happening("auth.completed", type="auth_ok", status="ok"),))
    (completed,) = session.configured.read("in", b"data", unasked, 0)
    assert (completed.name, completed.operation, completed.phase) == ("auth.completed", "auth", "end")


@pytest.mark.parametrize(
    ("value", "life_s"), [(10.0, 10), ("10s", 10), ("1h30m", 5_400), (-1.0, 0), ("soon", 0), ("", 0), ("0", 0)]
)
def test_p1_the_life_of_a_grant_is_a_duration(value: str | float, life_s: float) -> None:
    assert grant_life_s(value) == life_s


def test_a_heartbeat_with_a_counter_is_recognised_with_any_number() -> None:
    beat = HeartbeatTexts(send=b'{"id":{n},"check":"{n}"}', every_s=10.0, expect=b'"re":{n}}')
    session = Session(beat)
    assert session.told("out", b'{"id":7,"check":"8"}') == []
    assert session.told("out", b'{"id":7,"check":"7"}') == [("heartbeat.sent", "")]
    assert session.told("in", b'{"re":6}') == []
    assert session.told("in", b'{"re":7}') == [("heartbeat.responded", "")]


def test_an_authentication_whose_end_cannot_be_known_is_begun_only() -> None:
    session = Session(auth=AuthTexts(send=b"let me in"))
    assert session.told("out", b"let me in") == [("auth.started", "")]
    assert session.overdue(60) == []


def condition(place: str, *values: str | int | bool) -> MessageCondition:
    """A condition of one term."""
    return MessageCondition((((place, values),),))


def test_a_login_may_be_answered_by_what_meets_a_condition() -> None:
    wanted = AuthTexts(
        send=b"let me in",
        success=MessageCondition(((("$.event", ("login",)), ("$.code", (0,))),)),
        failure=condition("$.event", "error"),
    )
    session = Session(auth=wanted)
    session.told("out", b"let me in")
    assert session.told("in", b'{"event":"login","code":1}') == []
    assert session.told("in", b'{"event":"login","code":0}') == [("auth.completed", "")]
    session.told("out", b"let me in")
    assert session.told("in", b'{"event":"error","msg":"who are you"}') == [("auth.failed", "auth_failed")]


def test_heartbeats_may_be_what_meets_a_condition() -> None:
    beat = HeartbeatTexts(
        send=b"beat",
        every_s=10.0,
        expect=condition("$[1]", "hb"),
        reply_to=condition(r"^(\w+)\|", "PING"),
        answer=b"PONG",
    )
    session = Session(beat)
    session.told("out", b"beat")
    assert session.told("in", b'[5,"te"]') == []
    assert session.told("in", b'[5,"hb"]') == [("heartbeat.responded", "")]
    assert session.told("in", b"PING|1") == [("heartbeat.received", "")]
    assert (session.configured.replies(b"PING|1"), session.configured.replies(b"PONG|1")) == ((b"PONG",), ())
    assert session.told("out", b"PONG") == [("heartbeat.responded", "")]


def test_a_condition_with_a_pattern_that_takes_too_long_says_so_once() -> None:
    session = Session(HeartbeatTexts(reply_to=condition("(a|aa)+$", "a")))
    text = b"a" * 500 + b"!"
    assert session.told("in", text) == [("error.occurred", "pattern_too_slow")]
    assert session.told("in", text) == []
