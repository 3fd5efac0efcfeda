"""What wsmon says to a Phoenix server, and when."""

from __future__ import annotations

import json

import pytest

from wsmon.model.redact.masking import Sensitive
from wsmon.protocols.base import ClientOptions
from wsmon.protocols.phoenix import decode, due, is_silent, opening
from wsmon.protocols.phoenix_state import PhoenixState

S = 10**9
OPTIONS = ClientOptions((Sensitive("room:a"),), answers=True)
OK = {"status": "ok", "response": {}}


class Session:
    """A session that says what is due, and hears itself."""

    def __init__(self, options: ClientOptions = OPTIONS) -> None:
        self.state = PhoenixState()
        self.options = options
        self.say(opening(options, self.state))

    def say(self, messages: tuple[str, ...]) -> tuple[str, ...]:
        for message in messages:
            decode("out", "text", message.encode(), self.state)
        return messages

    def hear(self, *frame: object) -> None:
        decode("in", "text", json.dumps(frame).encode(), self.state)

    def at(self, seconds: float) -> list[str]:
        """What is said at a time: the events of the messages."""
        now_ns = round(seconds * S)
        self.state.at(now_ns)
        self.state.overdue(now_ns)
        return [json.loads(message)[3] for message in self.say(due(now_ns, self.options, self.state))]


def test_ph_14_a_heartbeat_goes_out_every_30_seconds() -> None:
    session = Session()
    session.hear("wsmon-1", "wsmon-1", "room:a", "phx_reply", OK)
    assert (session.at(29), session.at(30)) == ([], ["heartbeat"])
    session.hear(None, "wsmon-2", "phoenix", "phx_reply", OK)
    assert (session.at(59), session.at(60)) == ([], ["heartbeat"])
    assert not is_silent(session.state)


def test_sl_17_a_heartbeat_unanswered_when_the_next_is_due_means_silence() -> None:
    session = Session()
    session.at(30)
    assert not is_silent(session.state)
    assert session.at(60) == []
    assert is_silent(session.state)


def test_a_topic_that_crashes_is_joined_again_after_growing_waits() -> None:
    session = Session()
    session.hear("wsmon-1", "wsmon-1", "room:a", "phx_reply", OK)
    said: list[int] = []
    ref = "wsmon-1"
    session.hear(ref, ref, "room:a", "phx_error", {})
    for second in range(1, 26):
        if "phx_join" in session.at(second):
            said.append(second)
            ref = session.state.topics["room:a"].join_ref
            session.hear(ref, ref, "room:a", "phx_reply", {"status": "error", "response": {"reason": "join crashed"}})
    assert said == [1, 3, 8, 18]


def test_a_topic_that_is_up_again_begins_anew() -> None:
    session = Session()
    session.hear("wsmon-1", "wsmon-1", "room:a", "phx_reply", OK)
    for start in (0, 100):
        session.state.at(start * S)
        ref = session.state.topics["room:a"].join_ref
        session.hear(ref, ref, "room:a", "phx_error", {})
        assert "phx_join" in session.at(start + 1)
        ref = session.state.topics["room:a"].join_ref
        session.hear(ref, ref, "room:a", "phx_reply", OK)


@pytest.mark.parametrize("event", ["phx_leave"])
def test_a_topic_that_we_left_stays_left(event: str) -> None:
    session = Session()
    session.hear("wsmon-1", "wsmon-1", "room:a", "phx_reply", OK)
    session.say((json.dumps(["wsmon-1", "9", "room:a", event, {}]),))
    session.hear("wsmon-1", "9", "room:a", "phx_reply", OK)
    session.hear("wsmon-1", "wsmon-1", "room:a", "phx_close", {})
    assert session.at(20) == []


def test_sl_15_the_params_of_a_join_are_those_of_the_first() -> None:
    options = ClientOptions(OPTIONS.topics, {"params": Sensitive('{"token":"t"}')}, answers=True)
    session = Session(options)
    session.hear("wsmon-1", "wsmon-1", "room:a", "phx_reply", OK)
    session.hear("wsmon-1", "wsmon-1", "room:a", "phx_error", {})
    session.state.at(S)
    (join,) = due(S, options, session.state)
    assert json.loads(join) == ["wsmon-2", "wsmon-2", "room:a", "phx_join", {"token": "t"}]


def test_a_topic_that_the_server_closed_is_not_joined_again() -> None:
    session = Session()
    session.hear("wsmon-1", "wsmon-1", "room:a", "phx_reply", OK)
    session.hear("wsmon-1", "wsmon-1", "room:a", "phx_close", {})
    assert [event for at_s in (1, 2, 5, 10, 20) for event in session.at(at_s)] == []


def test_a_topic_that_crashes_whenever_it_is_joined_is_joined_less_and_less_often() -> None:
    session = Session()
    joined_at_s: list[int] = []
    for at_s in range(30):
        if at_s == 0 or session.at(at_s) == ["phx_join"]:
            joined_at_s.append(at_s)
            ref = f"wsmon-{len(joined_at_s)}"
            session.hear(ref, ref, "room:a", "phx_reply", OK)
            session.hear(ref, ref, "room:a", "phx_error", {})
    assert joined_at_s == [0, 1, 3, 8, 18, 28]


def test_a_topic_that_was_up_for_a_while_is_joined_again_at_once() -> None:
    session = Session()
    for joined_s, ref in ((0, "wsmon-1"), (20, "wsmon-2")):
        session.state.at(joined_s * S)
        session.hear(ref, ref, "room:a", "phx_reply", OK)
        session.state.at((joined_s + 19) * S)
        session.hear(ref, ref, "room:a", "phx_error", {})
        assert "phx_join" in session.at(joined_s + 20)


@pytest.mark.parametrize("params", ["{", "[1]", "7"])
def test_params_that_are_no_object_are_none(params: str) -> None:
    (join,) = opening(ClientOptions(OPTIONS.topics, {"params": Sensitive(params)}, answers=True), PhoenixState())
    assert json.loads(join)[4] == {}


def test_without_leave_to_answer_nothing_is_due() -> None:
    session = Session(ClientOptions(OPTIONS.topics))
    assert session.at(31) == []
