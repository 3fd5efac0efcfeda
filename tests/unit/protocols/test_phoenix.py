"""Phoenix Channels: the frames P1 … P14 and the cases PH-07 … PH-16, SL-08 … SL-13, SL-17, SL-18, SL-20, SL-21."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from wsmon.model.events import Meta
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import MAX_NAME_CHARS, UNREAD, ClientOptions, Decoded, Happening
from wsmon.protocols.phoenix import MAX_BYTES, decode, handshake_happenings, opening
from wsmon.protocols.phoenix_state import MAX_LATE, MAX_PUSHES, MAX_TOPICS, PUSH_WAIT_NS, PhoenixState

LOBBY = "room:lobby"
CANARY = "canary-4711-secret"


class Session:
    """A conversation, as the classifier sees it; refs are given as clients do, by whoever writes the test."""

    def __init__(self) -> None:
        self.state = PhoenixState()

    def at(self, seconds: float) -> Session:
        self.state.at(round(seconds * SECOND_NS))
        return self

    def sent(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: object = None) -> Decoded:
        frame = json.dumps([join_ref, ref, topic, event, payload or {}]).encode()
        return decode("out", "text", frame, self.state)

    def received(
        self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: object = None
    ) -> Decoded:
        frame = json.dumps([join_ref, ref, topic, event, {} if payload is None else payload]).encode()
        return decode("in", "text", frame, self.state)

    def reply(
        self, join_ref: str | None, ref: str | None, topic: str = LOBBY, status: str = "ok", **response: object
    ) -> Decoded:
        return self.received(join_ref, ref, topic, "phx_reply", {"status": status, "response": response})

    def join(self, ref: str = "1", topic: str = LOBBY) -> Session:
        self.sent(ref, ref, topic, "phx_join")
        self.reply(ref, ref, topic)
        return self

    def overdue(self, seconds: float) -> tuple[Happening, ...]:
        return self.state.overdue(round(seconds * SECOND_NS))


@pytest.fixture
def session() -> Session:
    return Session()


def join_end(status: str = "ok", reason: str = "", ref: str = "1", topic: str = LOBBY) -> Happening:
    return Happening(
        "subscription.subscribe.completed", "subscribe", "end", f"{ref} {topic} {topic}", "phx_join", topic, ref,
        status, reason,
    )  # fmt: skip


def lost(reason: str, topic: str = LOBBY) -> Happening:
    return Happening("subscription.lost", topic=topic, reason=reason)


def names(happenings: tuple[Happening, ...]) -> list[str]:
    return [happening.name for happening in happenings]


def test_p1_a_join_begins_a_subscription_and_repeats_no_parameter(session: Session) -> None:
    decoded = session.sent("1", "1", LOBBY, "phx_join", {"token": CANARY, "user": {"pin": CANARY}})
    started = Happening(
        "subscription.subscribe.started", "subscribe", "start", f"1 {LOBBY} {LOBBY}", "phx_join", LOBBY, "1"
    )
    assert decoded == Decoded("phx_join", LOBBY, "1", happenings=(started,), meta={"join_ref": "1"})
    assert CANARY not in repr(decoded)


def test_p2_ph07_the_reply_to_a_join_ends_what_it_began(session: Session) -> None:
    started = session.sent("1", "1", LOBBY, "phx_join").happenings[0]
    decoded = session.reply("1", "1")
    assert decoded == Decoded("phx_reply", LOBBY, "1", happenings=(join_end(),), meta={"join_ref": "1"})
    assert (started.operation, started.key) == (decoded.happenings[0].operation, decoded.happenings[0].key)


@pytest.mark.parametrize(
    ("join_ref", "response", "error_type", "reason"),
    [
        (None, {"reason": "unmatched topic"}, "unmatched_topic", "unmatched topic"),  # PH-08: without a join_ref
        ("1", {"reason": "join crashed"}, "join_crashed", "join crashed"),
        ("1", {"reason": "too many channels joined"}, "too_many_channels", "too many channels joined"),  # PH-13
        ("1", {"reason": "unauthorized"}, "unauthorized", "unauthorized"),
        ("1", {"reason": "closed on Sundays"}, "join_refused", "closed on Sundays"),
        ("1", {"bad": "join"}, "join_refused", ""),  # SL-10
    ],
)
def test_p3_sl18_a_refused_join_ends_in_an_error(
    session: Session, join_ref: str | None, response: dict[str, Any], error_type: str, reason: str
) -> None:
    session.sent("1", "1", LOBBY, "phx_join")
    told = Happening(
        "error.occurred", "subscribe", type="phx_join", topic=LOBBY, ref="1",
        reason=reason, error_type=error_type, error="the server refused to join",
    )  # fmt: skip
    assert session.reply(join_ref, "1", status="error", **response).happenings == (join_end("error", reason), told)


def test_a_reason_repeats_no_join_parameter(session: Session) -> None:
    session.sent("1", "1", LOBBY, "phx_join", {"user": {"pin": CANARY}})
    happenings = session.reply("1", "1", status="error", reason=f"{CANARY} is no pin").happenings
    assert [happening.reason for happening in happenings] == ["[FILTERED] is no pin"] * 2


def test_p4_a_push_and_its_reply_are_a_request(session: Session) -> None:
    session.join()
    started = Happening("message.process.started", "request", "start", f"5 {LOBBY}", "new_msg", LOBBY, "5")
    assert session.sent("1", "5", LOBBY, "new_msg") == Decoded(
        "push", LOBBY, "5", happenings=(started,), meta={"event": "new_msg", "join_ref": "1"}
    )
    ended = Happening("message.process.completed", "request", "end", f"5 {LOBBY}", "new_msg", LOBBY, "5", "ok")
    assert session.reply("1", "5").happenings == (ended,)


def test_sl12_an_empty_ok_is_a_heartbeats_only_where_topic_and_ref_are(session: Session) -> None:
    session.join().sent(None, "7", "phoenix", "heartbeat")
    session.sent("1", "5", LOBBY, "ping")
    assert names(session.reply("1", "5").happenings) == ["message.process.completed"]
    assert names(session.reply("1", "7").happenings) == ["error.occurred"]
    assert names(session.reply(None, "7", "phoenix").happenings) == ["heartbeat.responded"]


def test_an_error_reply_to_a_push_is_told(session: Session) -> None:
    session.join().sent("1", "5", LOBBY, "new_msg")
    ended = Happening(
        "message.process.completed", "request", "end", f"5 {LOBBY}", "new_msg", LOBBY, "5",
        "error", "too long", "reply_error",
    )  # fmt: skip
    told = Happening(
        "error.occurred", "request", type="new_msg", topic=LOBBY, ref="5",
        reason="too long", error_type="reply_error", error="the server answered with an error",
    )  # fmt: skip
    assert session.reply("1", "5", status="error", reason="too long").happenings == (ended, told)


@pytest.mark.parametrize(
    ("join_ref", "event", "type_", "meta"),
    [
        ("1", "evt", "push", {"event": "evt", "join_ref": "1"}),  # P5
        (None, "evt", "broadcast", {"event": "evt"}),  # P5
        ("1", "presence_state", "presence", {"event": "presence_state", "join_ref": "1"}),  # P12
        (None, "presence_diff", "presence", {"event": "presence_diff"}),  # P12
        ("0", "evt", "push", {"event": "evt", "join_ref": "0", "stale": True}),
    ],
)
def test_p5_p12_what_a_server_sends_unasked(
    session: Session, join_ref: str | None, event: str, type_: str, meta: Meta
) -> None:
    session.join()
    assert session.received(join_ref, None, LOBBY, event) == Decoded(type_, LOBBY, "", happenings=(), meta=meta)


def test_p6_p7_ph11_a_topic_is_left_exactly_once(session: Session) -> None:
    session.join()
    key = f"6 {LOBBY} {LOBBY}"
    started = Happening("subscription.unsubscribe.started", "unsubscribe", "start", key, "phx_leave", LOBBY, "6")
    ended = Happening("subscription.unsubscribe.completed", "unsubscribe", "end", key, "phx_leave", LOBBY, "6", "ok")
    assert session.sent("1", "6", LOBBY, "phx_leave").happenings == (started,)
    assert session.reply("1", "6").happenings == (ended,)
    assert session.received("1", "1", LOBBY, "phx_close").happenings == ()


def test_ph11_a_close_before_the_reply_completes_the_leave(session: Session) -> None:
    session.join().sent("1", "6", LOBBY, "phx_leave")
    assert names(session.received("1", "1", LOBBY, "phx_close").happenings) == ["subscription.unsubscribe.completed"]
    assert session.reply("1", "6").happenings == ()


def test_p7_sl09_a_close_without_a_leave_is_the_servers(session: Session) -> None:
    told = Happening(
        "error.occurred", type="phx_close", topic=LOBBY, ref="1",
        error_type="topic_closed", error="the server closed the topic",
    )  # fmt: skip
    assert session.join().received("1", "1", LOBBY, "phx_close").happenings == (told, lost("topic_closed"))
    assert session.received("1", "1", LOBBY, "phx_close").happenings == ()


@pytest.mark.parametrize(("payload", "reason"), [({}, ""), ({"reason": "channel_crash"}, "channel_crash")])
def test_p8_ph10_sl08_a_crash_loses_the_topic_and_a_rejoin_handles_it(
    session: Session, payload: dict[str, str], reason: str
) -> None:
    session.join().sent("1", "5", LOBBY, "new_msg")
    told = Happening(
        "error.occurred", type="phx_error", topic=LOBBY, ref="1",
        reason=reason, error_type="channel_crash", error="the channel crashed",
    )  # fmt: skip
    died = Happening(
        "message.process.completed", "request", "end", f"5 {LOBBY}", "new_msg", LOBBY, "5",
        "error", error_type="channel_crash",
    )  # fmt: skip
    assert session.received("1", "1", LOBBY, "phx_error", payload).happenings == (told, lost("channel_crash"), died)
    session.sent("8", "8", LOBBY, "phx_join")
    handled = Happening("error.handled", "subscribe", topic=LOBBY, error_type="channel_crash")
    assert session.reply("8", "8").happenings == (join_end(ref="8"), handled)


def test_a_failure_stays_unhandled_until_a_join_succeeds(session: Session) -> None:
    session.join().received("1", "1", LOBBY, "phx_error")
    session.sent("2", "2", LOBBY, "phx_join")
    assert "error.handled" not in names(session.reply("2", "2", status="error", reason="join crashed").happenings)
    session.sent("3", "3", LOBBY, "phx_join")
    assert names(session.reply("3", "3").happenings) == ["subscription.subscribe.completed", "error.handled"]


def test_p9_p10_a_heartbeat_and_its_answer(session: Session) -> None:
    sent = Happening("heartbeat.sent", "heartbeat", "start", "7 phoenix", "heartbeat", "", "7")
    assert session.sent(None, "7", "phoenix", "heartbeat") == Decoded(
        "heartbeat", "phoenix", "7", happenings=(sent,), meta={"event": "heartbeat"}
    )
    answered = Happening("heartbeat.responded", "heartbeat", "end", "7 phoenix", "heartbeat", "", "7", "ok")
    assert session.reply(None, "7", "phoenix").happenings == (answered,)


def test_ph14_sl17_a_heartbeat_unanswered_by_the_next_is_late(session: Session) -> None:
    session.sent(None, "7", "phoenix", "heartbeat")
    late = Happening(
        "heartbeat.timeout", "heartbeat", "end", "7 phoenix", "heartbeat", "", "7",
        "error", error_type="timeout", error="not answered before the next was sent",
    )  # fmt: skip
    happenings = session.sent(None, "8", "phoenix", "heartbeat").happenings
    assert (happenings[0], names(happenings)) == (late, ["heartbeat.timeout", "heartbeat.sent"])


def test_ph14_a_heartbeat_with_the_same_ref_every_time_is_paired_all_the_same(session: Session) -> None:
    for _ in range(3):
        assert names(session.sent(None, "hb", "phoenix", "heartbeat").happenings) == ["heartbeat.sent"]
        assert names(session.reply(None, "hb", "phoenix").happenings) == ["heartbeat.responded"]


def test_ph14_a_last_heartbeat_is_late_after_thirty_seconds_once(session: Session) -> None:
    session.at(100).sent(None, "7", "phoenix", "heartbeat")
    assert session.overdue(129.9) == ()
    assert names(session.overdue(130)) == ["heartbeat.timeout"]
    assert session.overdue(200) == ()


def test_a_heartbeat_that_is_refused_is_a_failure(session: Session) -> None:
    session.sent(None, "7", "phoenix", "heartbeat")
    happenings = session.reply(None, "7", "phoenix", status="error", reason="unmatched topic").happenings
    assert [(happening.name, happening.error_type) for happening in happenings] == [
        ("heartbeat.failure", "heartbeat_refused")
    ]


def test_p11_a_server_that_no_longer_knows_a_joined_topic_has_lost_it(session: Session) -> None:
    session.join().sent("1", "5", LOBBY, "new_msg")
    happenings = session.reply(None, "5", status="error", reason="unmatched topic").happenings
    assert names(happenings) == ["message.process.completed", "error.occurred", "subscription.lost"]
    assert happenings[1].error_type == "unmatched_topic"
    assert happenings[2] == lost("topic_lost")


def test_ph09_a_push_to_a_topic_never_joined(session: Session) -> None:
    session.sent(None, "5", "room:other", "new_msg")
    happenings = session.reply(None, "5", "room:other", status="error", reason="unmatched topic").happenings
    assert [(happening.name, happening.error_type) for happening in happenings] == [
        ("message.process.completed", "unmatched_topic"),
        ("error.occurred", "unmatched_topic"),
    ]


def test_ph12_sl11_a_join_of_a_joined_topic_replaces_the_old_one(session: Session) -> None:
    session.join()
    session.sent("9", "9", LOBBY, "phx_join")
    closed = session.received("1", "1", LOBBY, "phx_close")
    assert (closed.happenings, closed.meta) == ((), {"join_ref": "1", "stale": True})
    assert session.reply("9", "9").happenings == (join_end(ref="9"),)
    assert session.state.topics[LOBBY].status == "joined"


def test_a_second_join_that_is_refused_loses_the_first(session: Session) -> None:
    session.join()
    session.sent("9", "9", LOBBY, "phx_join")
    session.received("1", "1", LOBBY, "phx_close")
    happenings = session.reply("9", "9", status="error", reason="unauthorized").happenings
    assert names(happenings) == ["subscription.subscribe.completed", "error.occurred", "subscription.lost"]


def test_sl11_a_second_leave_leaves_nothing_twice(session: Session) -> None:
    session.join().sent("1", "6", LOBBY, "phx_leave")
    session.sent("1", "7", LOBBY, "phx_leave")
    assert names(session.reply("1", "6").happenings) == ["subscription.unsubscribe.completed"]
    happenings = session.reply("1", "7", status="error", reason="unmatched topic").happenings
    assert [(happening.status, happening.error_type) for happening in happenings] == [("error", "unmatched_topic")]


def test_a_leave_of_a_topic_that_the_server_does_not_know_has_lost_it(session: Session) -> None:
    session.join().sent("1", "6", LOBBY, "phx_leave")
    happenings = session.reply(None, "6", status="error", reason="unmatched topic").happenings
    assert names(happenings) == ["subscription.unsubscribe.completed", "subscription.lost"]


@pytest.mark.parametrize(
    ("join_ref", "suspicion"),
    [(None, "join_ref null"), ("0", "join_ref of an earlier join")],
)
def test_ph15_a_push_that_phoenix_may_have_dropped_is_warned_of(
    session: Session, join_ref: str | None, suspicion: str
) -> None:
    session.join().at(20).sent(join_ref, "5", LOBBY, "new_msg")
    ended = Happening(
        "message.process.completed", "request", "end", f"5 {LOBBY}", "new_msg", LOBBY, "5", "abandoned", "no_reply"
    )
    warned = Happening(
        "error.occurred", "request", type="new_msg", topic=LOBBY, ref="5",
        error_type="push_unanswered", error=f"push may have been dropped ({suspicion})",
    )  # fmt: skip
    assert session.overdue(29.9) == ()
    assert session.overdue(30) == (ended, warned)
    assert session.overdue(31) == ()


def test_ph15_a_push_with_its_join_ref_may_stay_unanswered(session: Session) -> None:
    session.join().at(20).sent("1", "5", LOBBY, "new_msg")
    assert [(happening.status, happening.reason) for happening in session.overdue(30)] == [("abandoned", "no_reply")]


def test_a_late_reply_is_told_with_its_time_and_is_no_error(session: Session) -> None:
    session.join().at(20).sent("1", "5", LOBBY, "new_msg")
    session.overdue(30)
    late = Happening(
        "message.process.completed", type="new_msg", topic=LOBBY, ref="5", status="ok", reason="late",
        duration_ns=15 * SECOND_NS,
    )  # fmt: skip
    assert session.at(35).reply("1", "5").happenings == (late,)
    assert names(session.reply("1", "5").happenings) == ["error.occurred"]


def test_a_join_unanswered_for_thirty_seconds_times_out_and_may_still_succeed(session: Session) -> None:
    session.at(0).sent("1", "1", LOBBY, "phx_join")
    assert [(happening.status, happening.error_type) for happening in session.overdue(30)] == [("error", "timeout")]
    late = Happening("subscription.subscribe.completed", topic=LOBBY, ref="1", status="ok", reason="late")
    assert session.reply("1", "1").happenings == (late,)


def test_a_leave_unanswered_for_thirty_seconds_times_out_and_may_still_succeed(session: Session) -> None:
    session.at(0).join().sent("1", "6", LOBBY, "phx_leave")
    assert [(happening.status, happening.error_type) for happening in session.overdue(30)] == [("error", "timeout")]
    late = Happening("subscription.unsubscribe.completed", topic=LOBBY, ref="6", status="ok", reason="late")
    assert session.reply("1", "6").happenings == (late,)
    assert session.state.topics[LOBBY].status == "closed"


def test_ph16_a_reply_to_nothing_is_unmatched(session: Session) -> None:
    unmatched = Happening(
        "error.occurred", "request", "end", f"99 {LOBBY}", "phx_reply", LOBBY, "99",
        error_type="unmatched_reply", error="matches no request in flight",
    )  # fmt: skip
    assert session.reply("1", "99").happenings == (unmatched,)


@pytest.mark.parametrize(
    "body",
    [[], "ok", None, 5, {}, {"status": 5}, {"status": "timeout"}, {"status": "error", "response": ["x"]}],
)
def test_sl21_a_reply_of_any_shape_ends_the_join_with_an_error(session: Session, body: object) -> None:
    session.sent("1", "1", LOBBY, "phx_join")
    frame = json.dumps(["1", "1", LOBBY, "phx_reply", body]).encode()
    happenings = decode("in", "text", frame, session.state).happenings
    assert [(happening.name, happening.error_type) for happening in happenings] == [
        ("subscription.subscribe.completed", ""),
        ("error.occurred", "join_refused"),
    ]


def test_sl21_a_crash_of_a_topic_nobody_joined_is_told_and_of_an_old_join_ignored(session: Session) -> None:
    assert names(session.received("4", "4", "room:other", "phx_error", "what?").happenings) == ["error.occurred"]
    session.join()
    assert session.received("0", "0", LOBBY, "phx_error").happenings == ()


@pytest.mark.parametrize(
    ("frame", "error_type"),
    [
        (b"", "json"),
        (b"[", "json"),
        (b'["1","1","t","e"]', "phoenix"),
        (b'["1",true,"t","e",{}]', "phoenix"),
        (b'["1","1",5,"e",{}]', "phoenix"),
        (b'{"topic":"t","event":"e","ref":"1"}', "phoenix"),  # PH-06
        (b"5", "phoenix"),
        (b'["1","1","t","e",' + b"[" * 100_000 + b"]" * 100_000 + b"]", "json"),
        (b'["1","1","\xff","e",{}]', "json"),
        (b"[" + b" " * MAX_BYTES, "too_large"),
    ],
)
def test_what_is_no_frame_says_so(session: Session, frame: bytes, error_type: str) -> None:
    decoded = decode("in", "text", frame, session.state)
    assert (decoded.error_type, bool(decoded.error), decoded.happenings) == (error_type, True, ())


def test_version_1_is_understood_too(session: Session) -> None:
    def said(direction: str, event: str, payload: object) -> Decoded:
        frame = json.dumps({"topic": LOBBY, "event": event, "payload": payload, "ref": "1"}).encode()
        return decode("out" if direction == "out" else "in", "text", frame, session.state)

    assert names(said("out", "phx_join", {}).happenings) == ["subscription.subscribe.started"]
    assert said("in", "phx_reply", {"status": "ok", "response": {}}).happenings == (join_end(),)
    assert names(said("in", "phx_close", {}).happenings) == ["error.occurred", "subscription.lost"]


def test_refs_that_are_numbers_are_read_as_text(session: Session) -> None:
    decode("out", "text", b'[1,1,"room:lobby","phx_join",{}]', session.state)
    assert decode("in", "text", b'[1,1,"room:lobby","phx_reply",{"status":"ok"}]', session.state).happenings == (
        join_end(),
    )


def test_a_binary_push_and_its_binary_reply_are_a_request(session: Session) -> None:
    push = bytes.fromhex("00020305053132313233746f7069636576656e74656667")
    reply = bytes.fromhex("01020305023132313233746f7069636f6b656667")
    sent = decode("out", "binary", push, session.state)
    got = decode("in", "binary", reply, session.state)
    assert (sent.type, got.type) == ("push", "phx_reply")
    assert (names(sent.happenings), names(got.happenings)) == (
        ["message.process.started"],
        ["message.process.completed"],
    )


def test_sl13_a_binary_broadcast(session: Session) -> None:
    frame = bytes.fromhex("020505746f7069636576656e74656667")
    assert decode("in", "binary", frame, session.state) == Decoded("broadcast", "topic", meta={"event": "event"})


def test_ph03_broken_binary_is_an_error_of_the_reading(session: Session) -> None:
    decoded = decode("in", "binary", b"\x07", session.state)
    assert decoded == Decoded(error_type="phoenix", error="unknown message kind 7 in this direction")


def test_control_frames_are_not_the_protocols(session: Session) -> None:
    assert decode("in", "ping", b"x", session.state) == decode("out", "close", b"", session.state) == UNREAD


@pytest.mark.parametrize(
    ("has_credentials", "status", "told"),
    [
        (True, 101, ["auth.started", "auth.completed"]),
        (True, 403, ["auth.started", "auth.failed"]),
        (True, 401, ["auth.started", "auth.failed"]),
        (True, 429, []),
        (True, None, []),
        (False, 101, []),
        (False, 403, []),
    ],
)
def test_p13_the_handshake_authenticates(has_credentials: bool, status: int | None, told: list[str]) -> None:
    happenings = handshake_happenings(has_credentials, status)
    assert names(happenings) == told
    assert {happening.key for happening in happenings} <= {"handshake"}


def test_what_is_wanted_is_joined_and_understood_as_joins(session: Session) -> None:
    joins = opening(ClientOptions(topics=(Sensitive("room:a"), Sensitive('room:"b"'))), session.state)
    assert joins[0] == '["wsmon-1","wsmon-1","room:a","phx_join",{}]'
    messages = [decode("out", "text", join.encode(), session.state) for join in joins]
    assert [(decoded.topic, names(decoded.happenings)) for decoded in messages] == [
        ("room:a", ["subscription.subscribe.started"]),
        ('room:"b"', ["subscription.subscribe.started"]),
    ]


def test_memory_stays_bounded_whatever_is_said() -> None:
    session = Session()
    given_up = 0
    for number in range(2 * MAX_PUSHES):
        session.sent(str(number), str(number), f"t{number}", "phx_join")
        happenings = session.sent(None, str(number), f"u{number}", "x" * 1000).happenings
        given_up += any(happening.reason == "given_up" for happening in happenings)
    assert (len(session.state.topics), given_up) == (MAX_TOPICS, MAX_PUSHES)
    ended = session.overdue(PUSH_WAIT_NS)
    assert sum(happening.status == "abandoned" for happening in ended) == MAX_PUSHES
    assert max(len(happening.type) for happening in ended) == MAX_NAME_CHARS
    answered = sum(bool(session.reply(None, str(n), f"u{n}").happenings[0].reason) for n in range(2 * MAX_PUSHES))
    assert answered == MAX_LATE


def test_a_ref_that_is_used_again_ends_what_it_stood_for(session: Session) -> None:
    session.sent("1", "1", LOBBY, "phx_join")
    again = session.sent("1", "1", LOBBY, "phx_join").happenings
    assert [(happening.phase, happening.error_type) for happening in again] == [("end", "restarted"), ("start", "")]
    session.sent("1", "5", LOBBY, "new_msg")
    again = session.sent("1", "5", LOBBY, "new_msg").happenings
    assert [(happening.phase, happening.status, happening.reason) for happening in again] == [
        ("end", "abandoned", "ref_reused"),
        ("start", None, ""),
    ]


def test_names_of_any_length_are_cut(session: Session) -> None:
    decoded = session.sent("9" * 1000, "1" * 1000, "t" * 1000, "e" * 1000)
    assert {len(text) for text in (decoded.type, decoded.topic, decoded.ref)} == {4, MAX_NAME_CHARS}
    assert len(msgspec.json.encode(decoded.happenings)) < 10 * MAX_NAME_CHARS


def test_sl_04_a_ping_and_its_reply_are_a_request(session: Session) -> None:
    session.join()
    (started,) = session.sent("1", "2", LOBBY, "ping").happenings
    (ended,) = session.reply("1", "2").happenings
    assert [(happening.name, happening.phase, happening.key, happening.type) for happening in (started, ended)] == [
        ("message.process.started", "start", f"2 {LOBBY}", "ping"),
        ("message.process.completed", "end", f"2 {LOBBY}", "ping"),
    ]


def test_sl_22_ten_thousand_joins_that_fail_leave_nothing_behind(session: Session) -> None:
    sizes = []
    for number in range(1, 10_001):
        session.sent(str(number), str(number), LOBBY, "phx_join", {"token": "x" * 100})
        session.reply(str(number), str(number), status="error", reason="unauthorized")
        if number in (10, 10_000):
            sizes.append(len(repr(vars(session.state))))
    assert sizes[1] - sizes[0] < 100


def test_sl_11_a_push_before_the_join_is_told_as_what_it_is(session: Session) -> None:
    decoded = session.sent(None, "1", LOBBY, "new_msg")
    assert names(decoded.happenings) == ["message.process.started"]
    assert LOBBY not in session.state.topics
