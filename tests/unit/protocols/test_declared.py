"""Messages of private protocols, described in a configuration: a Bitfinex-like array protocol, and lines with bars."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from wsmon.config.specs import MessageCondition, MessagesSpec
from wsmon.model.events import Direction
from wsmon.protocols import json as json_protocol
from wsmon.protocols import raw as raw_protocol
from wsmon.protocols.base import Decoded, Happening, Protocol
from wsmon.protocols.calls import MAX_IN_FLIGHT
from wsmon.protocols.declared import DeclaredMessages

S = 10**9
ARRAYS = MessagesSpec(
    type=("$.event", "$[1]"),
    topic=("$.channel", "$[0]"),
    ref=("$[3].cid",),
    replies=("$[2][4][2]",),
    error=MessageCondition(((("$.event", ("error",)),), (("$[2][6]", ("ERROR",)),))),
    error_text=("$.msg", "$[2][7]"),
)
LINES = MessagesSpec(
    type=(r"^(\w+)\|",),
    topic=(r"^(?:PUB|SUB)\|([^|]+)",),
    ref=(r"^REQ\|(\d+)",),
    replies=(r"^(?:RES|ERR)\|(\d+)",),
    error=(r"^ERR\|\d*\|(.*)",),
    items=r"[^\n]+",
)


class Session:
    """A session of JSON or of raw messages, whose time the test sets."""

    def __init__(self, spec: MessagesSpec, *, is_json: bool = True, is_measured: bool = False) -> None:
        self.declared = DeclaredMessages(spec, is_measured=is_measured)
        self.now_ns = 0
        self._protocol: Protocol[Any] = json_protocol.PROTOCOL if is_json else raw_protocol.PROTOCOL
        self._state = self._protocol.new_state()

    def read(self, direction: Direction, message: object) -> Decoded:
        payload = message.encode() if isinstance(message, str) else json.dumps(message).encode()
        self._state.at(self.now_ns)
        decoded = self._protocol.decode(direction, "text", payload, self._state)
        return self.declared.read(direction, payload, decoded, self.now_ns)

    def columns(self, message: object) -> tuple[str, str, str]:
        decoded = self.read("in", message)
        return decoded.type, decoded.topic, decoded.ref


def named(happenings: Sequence[Happening]) -> list[tuple[str, str, str, str]]:
    return [(each.name, each.ref or each.topic, each.error_type, each.error) for each in happenings]


def test_an_array_protocol_gets_types_and_topics() -> None:
    session = Session(ARRAYS)
    assert session.columns({"event": "info", "version": 2}) == ("info", "", "")
    assert session.columns([17470, "te", [401597395, 1574694478808, 0.005, 7245.3]]) == ("te", "17470", "")
    assert session.columns([17470, "hb"]) == ("hb", "17470", "")
    # A snapshot has no type of its own: that of the protocol stays
    assert session.columns([17470, [[1, 2], [3, 4]]]) == ("array", "17470", "")


def test_what_the_protocol_understands_stays() -> None:
    session = Session(ARRAYS)
    sent = session.read("out", {"event": "subscribe", "channel": "trades", "symbol": "tBTCUSD"})
    received = session.read("in", {"event": "subscribed", "channel": "trades", "chanId": 17470})
    assert named(sent.happenings) == [("subscription.subscribe.started", "trades", "", "")]
    assert named(received.happenings) == [("subscription.subscribe.completed", "trades", "", "")]


def test_a_request_is_answered_by_the_id_at_another_path() -> None:
    session = Session(ARRAYS)
    session.now_ns = S
    (start,) = session.read("out", [0, "on", None, {"cid": 12345, "amount": "1"}]).happenings
    (end,) = session.read(
        "in", [0, "n", [1, "on-req", None, None, [9, None, 12345], None, "SUCCESS", "done"]]
    ).happenings
    assert (start.name, start.operation, start.phase, start.key) == (
        "message.process.started", "request", "start", "12345",
    )  # fmt: skip
    assert (end.name, end.phase, end.key, end.status, end.type) == (
        "message.process.completed", "end", "12345", "ok", "on",
    )  # fmt: skip


def test_a_refused_request_fails_with_the_text_of_the_peer() -> None:
    session = Session(ARRAYS)
    session.read("out", [0, "on", None, {"cid": 5}])
    refused = session.read("in", [0, "n", [1, "on-req", None, None, [None, None, 5], None, "ERROR", "no balance"]])
    assert named(refused.happenings) == [
        ("message.process.completed", "5", "peer_error", "no balance"),
        ("error.occurred", "5", "peer_error", "no balance"),
    ]


def test_a_request_that_stays_unanswered_is_overdue_and_a_late_answer_matches_none() -> None:
    session = Session(ARRAYS)
    session.read("out", [0, "on", None, {"cid": 5}])
    assert session.declared.overdue(29 * S) == ()
    assert [each[:3] for each in named(session.declared.overdue(30 * S))] == [
        ("message.process.completed", "5", "timeout"),
        ("error.occurred", "5", "timeout"),
    ]
    late = session.read("in", [0, "n", [1, "on-req", None, None, [None, None, 5], None, "SUCCESS", ""]])
    assert [each[:3] for each in named(late.happenings)] == [("message.process.completed", "5", "unmatched")]


def test_a_second_request_under_an_id_in_flight_is_an_error() -> None:
    session = Session(ARRAYS)
    session.read("out", [0, "on", None, {"cid": 5}])
    again = session.read("out", [0, "on", None, {"cid": 5}])
    assert [each[:3] for each in named(again.happenings)] == [("error.occurred", "5", "duplicate_id")]


def test_an_error_of_the_peer_is_reported_once() -> None:
    session = Session(ARRAYS)
    error = session.read("in", {"event": "error", "msg": "symbol: invalid", "code": 10300})
    assert named(error.happenings) == [("error.occurred", "", "peer_error", "symbol: invalid")]


def test_one_place_for_both_ids_takes_what_is_in_flight_for_an_answer_alone() -> None:
    session = Session(MessagesSpec(ref=("$.n",), replies=("$.n",)), is_json=False)
    session.read("out", {"n": 1})
    assert named(session.read("in", {"n": 1}).happenings) == [("message.process.completed", "1", "", "")]
    assert session.read("in", {"n": 1}) == Decoded(ref="1")


def test_requests_of_the_peer_are_not_awaited() -> None:
    session = Session(ARRAYS)
    assert session.read("in", [0, "on", None, {"cid": 5}]).happenings == ()
    assert session.declared.overdue(100 * S) == ()


@pytest.mark.parametrize(
    ("place", "message", "error"),
    [
        ("$.error", {"error": "bad"}, ("peer_error", "bad")),
        ("$.error", {"error": {"code": 7, "message": "bad"}}, ("code_7", "bad")),
        ("$.error", {"error": True, "reason": "bad"}, ("peer_error", "bad")),
        ("$.error", {"error": ["bad"]}, ("peer_error", '["bad"]')),
        ("$.error", {"error": True}, ("peer_error", "true")),
        ("$.error", {"error": False}, None),
        ("$.error", {"error": None}, None),
        ("$.error", {"error": ""}, None),
        ("$.error", {"error": {}}, None),
        ("$.status", {"status": 0, "message": "fine"}, None),
        ("$.status", {"status": "0"}, None),
        ("$.status", {"status": 4001, "message": "bad"}, ("code_4001", "bad")),
        ("$.status", {"status": "4001", "message": "bad"}, ("code_4001", "bad")),
        ("$.status", {"status": 4001}, ("code_4001", "4001")),
    ],
)
def test_what_is_found_at_the_place_of_errors(place: str, message: object, error: tuple[str, str] | None) -> None:
    happenings = Session(MessagesSpec(error=(place,)), is_json=False).read("in", message).happenings
    assert [(each.error_type, each.error) for each in happenings] == ([] if error is None else [error])


def test_a_credential_that_was_sent_is_not_repeated_by_an_error() -> None:
    session = Session(MessagesSpec(error=("$.error",)), is_json=False)
    session.read("out", {"api_key": "canary-key-1234"})
    (error,) = session.read("in", {"error": "key canary-key-1234 is unknown"}).happenings
    assert error.error == "key [FILTERED] is unknown"


def test_lines_with_bars_get_types_topics_pairs_and_errors() -> None:
    session = Session(LINES, is_json=False)
    assert session.columns("PUB|BTC|1|2") == ("PUB", "BTC", "")
    started = session.read("out", "REQ|7|candles")
    assert (started.type, started.ref) == ("REQ", "7")
    assert named(session.read("in", "RES|7|…").happenings) == [("message.process.completed", "7", "", "")]
    session.read("out", "REQ|8|candles")
    assert named(session.read("in", "ERR|8|no such topic").happenings) == [
        ("message.process.completed", "8", "peer_error", "no such topic"),
        ("error.occurred", "8", "peer_error", "no such topic"),
    ]
    assert named(session.read("in", "ERR||closing").happenings) == [("error.occurred", "", "peer_error", "closing")]


def test_each_line_of_a_message_is_read_and_the_first_names_the_row() -> None:
    session = Session(LINES, is_json=False, is_measured=True)
    session.read("out", "REQ|1|a\nREQ|2|b")
    both = session.read("in", "PUB|BTC|1\nRES|2|\nERR|1|bad")
    assert (both.type, both.topic) == ("PUB", "BTC")
    assert [each[:3] for each in named(both.happenings)] == [
        ("message.process.completed", "2", ""),
        ("message.process.completed", "1", "peer_error"),
        ("error.occurred", "1", "peer_error"),
    ]
    assert [(each.text, each.type, each.topic) for each in both.texts] == [
        (b"PUB|BTC|1", "PUB", "BTC"), (b"RES|2|", "RES", ""), (b"ERR|1|bad", "ERR", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("$", [{"t": "a", "k": "x"}, {"t": "b", "e": "bad"}]),
        ("$.events", {"events": [{"t": "a", "k": "x"}, {"t": "b", "e": "bad"}]}),
        ("", '{"t":"a","k":"x"}\n{"t":"b","e":"bad"}'),
    ],
)
def test_each_event_of_a_message_is_read(items: str, message: object) -> None:
    spec = MessagesSpec(type=("$.t",), topic=("$.k",), error=("$.e",), items=items)
    decoded = Session(spec, is_json=False).read("in", message)
    assert (decoded.type, decoded.topic) == ("a", "x")
    assert named(decoded.happenings) == [("error.occurred", "", "peer_error", "bad")]


def test_a_message_without_the_list_is_one_itself() -> None:
    spec = MessagesSpec(type=("$.t",), items="$.events")
    assert Session(spec).columns({"t": "hello"}) == ("hello", "", "")
    assert Session(spec).columns({"t": "hello", "events": []}) == ("hello", "", "")
    assert Session(spec).columns({"t": "hello", "events": 5}) == ("hello", "", "")


def test_a_line_among_json_is_no_error_where_it_has_a_type() -> None:
    spec = MessagesSpec(type=(r"^(HELLO)",))
    assert Session(spec).read("in", "HELLO you") == Decoded("HELLO")
    assert Session(spec).read("in", "WHAT").error_type == "json"


def test_a_pattern_that_takes_too_long_is_reported_once() -> None:
    session = Session(MessagesSpec(type=("(a|aa)+$",), items="(a|aa)+$"), is_json=False)
    text = "a" * 500 + "!"
    first, second = session.read("in", text), session.read("in", text)
    assert [each.error_type for each in first.happenings] == ["pattern_too_slow", "pattern_too_slow"]
    assert second == Decoded()


@pytest.mark.parametrize(
    ("items", "payload", "parts"),
    [
        ("$", b'[{"t":"a"}, [1] ,\n{"t":"b"}]', [b'{"t":"a"}', b"[1]", b'{"t":"b"}']),
        ("$", b'{"t":"a"}', None),
        ("$", b"[]", None),
        ("$", b"[1,2", None),
        ("$", b"[" + b"1," * 1_000 + b"1]", None),
        ("$.events", b'{"n":1,"events":[{"t":"a"},{"t":"b"}]}', None),
        (r"[^\n]+", b"A|1\nB|2\n", [b"A|1", b"B|2"]),
        (r"[^\n]+", b"\xff\nB|2\n", None),
        (r"^\w+", b"A|1", None),
        (r"[^\n]+", b"A" * 70_000, None),
        ("", b"[1,2]", None),
    ],
)
def test_messages_are_taken_apart_where_nothing_else_is_lost(
    items: str, payload: bytes, parts: list[bytes] | None
) -> None:
    declared = DeclaredMessages(MessagesSpec(type=("$.t", r"^(\w)\|"), items=items))
    assert declared.splits is bool(items)
    found = declared.split("text", payload)
    assert (None if found is None else [part.payload for part in found]) == parts
    # A part is not taken apart again
    for part in found or ():
        assert declared.read("in", part.payload, Decoded(), 0).texts == ()
    if found is not None:
        assert declared.read("in", parts[0] if parts else b"", Decoded(), 0).type in ("a", "A")


def test_an_id_stands_for_the_topic_of_the_message_that_introduced_it() -> None:
    spec = MessagesSpec(topic=("$.symbol", "$[0]"), topic_id=("$.chanId",))
    session = Session(spec, is_json=False)
    assert session.columns([17470, "te"]) == ("", "17470", "")
    assert session.columns({"chanId": 17470, "symbol": "tBTCUSD"}) == ("", "tBTCUSD", "")
    assert session.columns([17470, "te"]) == ("", "tBTCUSD", "")
    assert session.columns([2, "te"]) == ("", "2", "")
    # The newest counts, as many as there may be at all
    assert session.columns({"chanId": 17470, "symbol": "tETHUSD"}) == ("", "tETHUSD", "")
    for number in range(MAX_IN_FLIGHT - 1):
        session.columns({"chanId": f"id {number}", "symbol": "x"})
    assert session.columns([17470])[1] == "tETHUSD"
    session.columns({"chanId": "one more", "symbol": "x"})
    assert session.columns([17470])[1] == "17470"


def test_texts_that_the_protocol_took_apart_keep_what_it_read_in_them() -> None:
    session = Session(MessagesSpec(topic=("$.k",)), is_measured=True)
    decoded = session.read("in", '{"type":"a","k":"x"}\n{"type":"heartbeat","k":"y"}')
    assert (decoded.type, decoded.topic) == ("a", "x")
    assert [(each.type, each.topic, each.is_heartbeat) for each in decoded.texts] == [
        ("a", "x", False), ("heartbeat", "y", True),
    ]  # fmt: skip
