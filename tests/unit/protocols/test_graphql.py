"""GraphQL over WebSocket, both dialects: subscriptions, requests, credentials, heartbeats, and what wsmon sends."""

from __future__ import annotations

import json

import pytest

from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.protocols.base import UNREAD, ClientOptions, Decoded, Happening
from wsmon.protocols.calls import ACCEPTED_NS, WAIT_S
from wsmon.protocols.graphql import CLOSE_CODES, MAX_ACTIVE, GraphqlState, answer, decode, opening

SECOND_NS = 1_000_000_000
WAIT_NS = int(WAIT_S) * SECOND_NS
TICKS = {"query": "subscription Ticks($s: String) { ticks(symbol: $s) { price } }"}


def read(state: GraphqlState, direction: Direction, type_: str, id_: object = None, payload: object = None) -> Decoded:
    """The reading of one message; parts that are None are left out."""
    parts = {"type": type_, "id": id_, "payload": payload}
    message = {name: part for name, part in parts.items() if part is not None}
    return decode(direction, "text", json.dumps(message).encode(), state)


def subscribed(state: GraphqlState, id_: str = "1") -> GraphqlState:
    """A state whose subscription was confirmed."""
    read(state, "out", "subscribe", id_, TICKS)
    read(state, "in", "next", id_, {"data": {}})
    return state


STARTED = Happening("subscription.subscribe.started", "subscribe", "start", "1 Ticks", topic="Ticks", ref="1")
CONFIRMED = Happening(
    "subscription.subscribe.completed", "subscribe", "end", "1 Ticks", topic="Ticks", ref="1", status="ok"
)


def unsubscribed(reason: str) -> Happening:
    """The end of the subscription ``1``."""
    return Happening(
        "subscription.unsubscribe.completed", "unsubscribe", topic="Ticks", ref="1", status="ok", reason=reason
    )


@pytest.mark.parametrize(
    ("begin", "result", "end"), [("subscribe", "next", "complete"), ("start", "data", "stop")], ids=["newer", "older"]
)
def test_the_first_result_confirms_a_subscription_and_a_complete_ends_it(begin: str, result: str, end: str) -> None:
    state = GraphqlState()
    assert read(state, "out", begin, "1", TICKS) == Decoded("subscribe", "Ticks", "1", happenings=(STARTED,))
    assert read(state, "in", result, "1", {"data": {}}) == Decoded("next", "Ticks", "1", happenings=(CONFIRMED,))
    assert read(state, "in", result, "1", {"data": {}}) == Decoded("next", "Ticks", "1")
    assert read(state, "out", end, "1") == Decoded(
        "complete", "Ticks", "1", happenings=(unsubscribed("completed by wsmon"),)
    )
    assert read(state, "in", result, "1", {"data": {}}) == Decoded("next", "", "1")


def test_a_complete_of_the_peer_ends_a_subscription_too() -> None:
    decoded = read(subscribed(GraphqlState()), "in", "complete", "1")
    assert decoded == Decoded("complete", "Ticks", "1", happenings=(unsubscribed("completed by the peer"),))


def test_a_subscription_that_ends_without_a_result_was_one() -> None:
    state = GraphqlState()
    read(state, "out", "subscribe", "1", TICKS)
    confirmed = Happening(
        CONFIRMED.name, "subscribe", "end", "1 Ticks", topic="Ticks", ref="1", status="ok", reason="completed by wsmon"
    )
    assert read(state, "out", "complete", "1").happenings == (confirmed, unsubscribed("completed by wsmon"))


def test_a_subscription_without_an_error_counts_as_accepted_after_a_while() -> None:
    state = GraphqlState()
    state.at(5)
    read(state, "out", "subscribe", "1", TICKS)
    assert state.overdue(4 + ACCEPTED_NS) == ()
    assert state.overdue(5 + ACCEPTED_NS) == (
        Happening(
            "subscription.subscribe.completed", "subscribe", "end", "1 Ticks", "", "Ticks", "1", "ok",
            "no error within 10 s",
        ),
    )  # fmt: skip
    assert state.overdue(10 * ACCEPTED_NS) == ()
    assert read(state, "in", "next", "1", {"data": {}}) == Decoded("next", "Ticks", "1")


@pytest.mark.parametrize("payload", [[{"message": "no such field"}, {"message": "x"}], {"message": "no such field"}])
def test_an_error_refuses_a_subscription(payload: object) -> None:
    state = GraphqlState()
    read(state, "out", "subscribe", "1", TICKS)
    refused = Happening(
        "subscription.subscribe.completed", "subscribe", "end", "1 Ticks", topic="Ticks", ref="1", status="error",
        error_type="graphql", error="no such field",
    )  # fmt: skip
    assert read(state, "in", "error", "1", payload) == Decoded("error", "Ticks", "1", happenings=(refused,))
    assert state.overdue(10 * ACCEPTED_NS) == ()


def test_an_error_ends_a_running_subscription() -> None:
    occurred = Happening("error.occurred", topic="Ticks", ref="1", error_type="graphql", error="gone")
    decoded = read(subscribed(GraphqlState()), "in", "error", "1", [{"message": "gone"}])
    assert decoded == Decoded("error", "Ticks", "1", happenings=(occurred, unsubscribed("ended by an error")))


def test_an_error_about_nothing_known_is_an_error_all_the_same() -> None:
    occurred = Happening("error.occurred", ref="9", error_type="graphql", error="error without a message")
    assert read(GraphqlState(), "in", "error", "9") == Decoded("error", "", "9", happenings=(occurred,))
    assert read(GraphqlState(), "in", "error", "9", []) == Decoded("error", "", "9", happenings=(occurred,))


def test_errors_beside_the_data_of_a_result_are_told() -> None:
    occurred = Happening("error.occurred", topic="Ticks", ref="1", error_type="graphql", error="partly")
    decoded = read(subscribed(GraphqlState()), "in", "next", "1", {"data": {}, "errors": [{"message": "partly"}]})
    assert decoded == Decoded("next", "Ticks", "1", happenings=(occurred,))


@pytest.mark.parametrize("result", [{"errors": []}, {"errors": None}, {"data": {"errors": [1]}}, {"data": '"errors"'}])
def test_a_result_without_errors_says_nothing_more(result: object) -> None:
    assert read(subscribed(GraphqlState()), "in", "next", "1", result) == Decoded("next", "Ticks", "1")


def test_a_query_is_a_request_that_its_first_result_answers() -> None:
    state = GraphqlState()
    begun = Happening("message.process.started", "request", "start", "7 Me", "query", "Me", "7")
    ended = Happening("message.process.completed", "request", "end", "7 Me", "query", "Me", "7", "ok")
    assert read(state, "out", "subscribe", 7, {"query": "query Me { me }"}).happenings == (begun,)
    assert read(state, "in", "next", "7", {"data": {}}) == Decoded("next", "Me", "7", happenings=(ended,))
    assert read(state, "in", "complete", "7") == Decoded("complete", "", "7")


@pytest.mark.parametrize(
    ("direction", "type_", "payload", "error_type", "error"),
    [
        ("in", "next", {"data": None, "errors": [{"message": "denied"}]}, "graphql", "denied"),
        ("in", "error", [{"message": "denied"}], "graphql", "denied"),
        ("out", "complete", None, "cancelled", "completed by wsmon without a result"),
    ],
)
def test_a_request_fails_by_an_error_and_by_its_end(
    direction: Direction, type_: str, payload: object, error_type: str, error: str
) -> None:
    state = GraphqlState()
    read(state, "out", "subscribe", "7", {"query": "mutation Buy { buy }"})
    failed = Happening(
        "message.process.completed", "request", "end", "7 Buy", "mutation", "Buy", "7", "error",
        error_type=error_type, error=error,
    )  # fmt: skip
    assert read(state, direction, type_, "7", payload).happenings[0] == failed


def test_a_request_without_a_result_is_overdue() -> None:
    state = GraphqlState()
    read(state, "out", "subscribe", "7", {"query": "{ me }"})
    happenings = state.overdue(WAIT_NS)
    assert [(happening.name, happening.key, happening.error_type) for happening in happenings] == [
        ("message.process.completed", "7 me", "timeout"),
        ("error.occurred", "", "timeout"),
    ]


def test_an_id_that_is_used_again_ends_what_it_stood_for() -> None:
    state = GraphqlState()
    read(state, "out", "subscribe", "1", TICKS)
    replaced = Happening(
        "subscription.subscribe.completed", "subscribe", "end", "1 Ticks", topic="Ticks", ref="1", status="error",
        error_type="replaced", error="restarted before it ended",
    )  # fmt: skip
    assert read(state, "out", "subscribe", "1", TICKS).happenings == (replaced, STARTED)


@pytest.mark.parametrize(
    ("payload", "topic"),
    [
        ({"operationName": "Named", "query": "subscription Other { x }"}, "Named"),
        ({"operationName": None, "query": "# comment\n subscription\n  Ticks { x }"}, "Ticks"),
        ({"query": "subscription { ticks(a: 1) { x } }"}, "ticks"),
        ({"query": "fragment F on T { a }\nsubscription { ...F }"}, ""),
        ({"query": "subscription"}, ""),
    ],
)
def test_the_topic_is_the_name_of_the_operation_or_its_first_field(payload: object, topic: str) -> None:
    decoded = read(GraphqlState(), "out", "subscribe", "1", payload)
    assert (decoded.topic, decoded.happenings[0].name) == (topic, "subscription.subscribe.started")


def test_credentials_in_an_init_are_authentication_and_are_not_repeated() -> None:
    state = GraphqlState()
    init = read(state, "out", "connection_init", payload={"Authorization": "Bearer hush"})
    assert init == Decoded("connection_init", happenings=(Happening("auth.started", "auth", "start", "init"),))
    acked = Happening("auth.completed", "auth", "end", "init", status="ok")
    assert read(state, "in", "connection_ack", payload={"x": 1}) == Decoded("connection_ack", happenings=(acked,))
    assert read(state, "in", "connection_ack") == Decoded("connection_ack")


@pytest.mark.parametrize("payload", [None, {}])
def test_an_init_without_content_authenticates_nobody(payload: object) -> None:
    state = GraphqlState()
    assert read(state, "out", "connection_init", payload=payload) == Decoded("connection_init")
    assert read(state, "in", "connection_ack") == Decoded("connection_ack")


def test_w4_a_connection_error_is_a_failed_authentication_with_or_without_credentials() -> None:
    state = GraphqlState()
    read(state, "out", "connection_init", payload={"token": "hush"})
    failed = Happening("auth.failed", "auth", "end", "init", status="error", error_type="graphql", error="who are you")
    refused = Happening("auth.failed", status="error", error_type="graphql", error="who are you")
    assert read(state, "in", "connection_error", payload={"message": "who are you"}).happenings == (failed,)
    assert read(state, "in", "connection_error", payload={"message": "who are you"}).happenings == (refused,)


def test_an_error_that_repeats_a_credential_is_told_without_it() -> None:
    state = GraphqlState()
    read(state, "out", "connection_init", payload={"who": "hush-4711"})
    decoded = read(state, "in", "connection_error", payload={"message": "hush-4711 is unknown"})
    assert [happening.error for happening in decoded.happenings] == ["[FILTERED] is unknown"]


def test_an_init_that_is_never_acknowledged_fails() -> None:
    state = GraphqlState()
    read(state, "out", "connection_init", payload={"token": "hush"})
    failed = Happening(
        "auth.failed", "auth", "end", "init", status="error", error_type="timeout", error="no answer within 30 s"
    )
    assert state.overdue(WAIT_NS) == (failed,)
    assert state.overdue(2 * WAIT_NS) == ()


def test_pings_of_both_sides_are_answered_by_pongs() -> None:
    state = GraphqlState()
    assert read(state, "in", "ping").happenings == (Happening("heartbeat.received", "heartbeat", "start", "in"),)
    assert read(state, "out", "ping").happenings == (Happening("heartbeat.sent", "heartbeat", "start", "out"),)
    assert read(state, "out", "pong").happenings == (
        Happening("heartbeat.responded", "heartbeat", "end", "in", status="ok"),
    )
    assert read(state, "in", "pong").happenings == (
        Happening("heartbeat.responded", "heartbeat", "end", "out", status="ok"),
    )


def test_pongs_that_nobody_asked_for_are_heartbeats() -> None:
    state = GraphqlState()
    assert read(state, "in", "pong").happenings == (Happening("heartbeat.received", "heartbeat"),)
    assert read(state, "out", "pong").happenings == (Happening("heartbeat.sent", "heartbeat"),)
    assert read(state, "in", "ka") == Decoded("ka", happenings=(Happening("heartbeat.received", "heartbeat"),))


def test_of_pings_without_a_pong_the_oldest_is_missed_once() -> None:
    state = GraphqlState()
    read(state, "in", "ping")
    state.at(WAIT_NS // 2)
    assert read(state, "in", "ping").happenings == (Happening("heartbeat.received", "heartbeat"),)
    missed = Happening(
        "heartbeat.timeout", "heartbeat", "end", "in", status="error", error_type="timeout",
        error="no answer within 30 s",
    )  # fmt: skip
    assert state.overdue(WAIT_NS) == (missed,)
    assert state.overdue(9 * WAIT_NS) == ()


@pytest.mark.parametrize(
    ("payload", "decoded"),
    [
        (b"", Decoded(error_type="json", error="Input data was truncated")),
        (b'{"type":"next"', Decoded(error_type="json", error="Input data was truncated")),
        (b"[" * 100_000, Decoded(error_type="graphql-ws", error="Expected `object`, got `array`")),
        (b'{"payload":' * 100_000, Decoded(error_type="json", error="nested too deep")),
        (b"{}", Decoded(error_type="graphql-ws", error="Object missing required field `type`")),
        (b'{"type":"dance","id":"1"}', Decoded("dance", "", "1", "graphql-ws", "unknown message type")),
        (b'{"type":"subscribe","payload":{}}', Decoded("subscribe", "", "", "graphql-ws", "subscribe without an id")),
        (
            b'{"type":"subscribe","id":"1"}',
            Decoded("subscribe", "", "1", "graphql-ws", "Expected `object`, got `null`"),
        ),
        (
            b'{"type":"subscribe","id":"1","payload":{"query":7}}',
            Decoded("subscribe", "", "1", "graphql-ws", "Expected `str`, got `int` - at `$.query`"),
        ),
    ],
)
def test_what_cannot_be_read_says_why(payload: bytes, decoded: Decoded) -> None:
    assert decode("out", "text", payload, GraphqlState()) == decoded


def test_messages_of_the_wrong_side_say_nothing() -> None:
    state = GraphqlState()
    assert read(state, "in", "subscribe", "1", TICKS) == Decoded("subscribe", "", "1")
    assert read(state, "out", "next", "1", {"data": {}}) == Decoded("next", "", "1")
    assert decode("in", "close", b"\x11\x33", state) is UNREAD


def test_names_are_forgotten_before_memory_grows() -> None:
    state = GraphqlState()
    for number in range(MAX_ACTIVE + 1):
        subscribed(state, str(number))
    assert len(state.active) == MAX_ACTIVE
    assert read(state, "in", "next", "0", {"data": {}}) == Decoded("next", "", "0")


def test_close_codes_of_the_protocol_have_meanings() -> None:
    assert CLOSE_CODES[4403] == "forbidden: the server refused the connection"
    assert set(CLOSE_CODES) == {4004, 4005, 4400, 4401, 4403, 4406, 4408, 4409, 4429, 4500, 4504}


def test_wsmon_opens_with_an_init_and_the_credentials() -> None:
    assert opening(ClientOptions(), GraphqlState()) == ('{"type":"connection_init"}',)
    options = ClientOptions(auth={"token": Sensitive("hush", "[FILTERED]"), "version": 2.0})
    assert opening(options, GraphqlState()) == ('{"type":"connection_init","payload":{"token":"hush","version":2.0}}',)
    assert "hush" not in repr(options)


@pytest.mark.parametrize(("subprotocol", "word"), [("graphql-transport-ws", "subscribe"), ("graphql-ws", "start")])
def test_wsmon_subscribes_once_the_server_is_ready(subprotocol: str, word: str) -> None:
    topics = ("{ ticks }", '{"query":"subscription S { s }","variables":{"a":1}}')
    options = ClientOptions(tuple(map(Sensitive, topics)), subprotocol=subprotocol)
    assert answer(Decoded("connection_ack"), options, GraphqlState()) == (
        f'{{"id":"wsmon-1","type":"{word}","payload":{{"query":"{{ ticks }}"}}}}',
        f'{{"id":"wsmon-2","type":"{word}","payload":{topics[1]}}}',
    )


def test_wsmon_answers_pings_of_the_peer_and_nothing_of_its_own() -> None:
    state = GraphqlState()
    assert answer(read(state, "in", "ping"), ClientOptions(answers=True), state) == ('{"type":"pong"}',)
    assert answer(read(state, "in", "ping"), ClientOptions(answers=True), state) == ('{"type":"pong"}',)
    assert answer(read(state, "out", "ping"), ClientOptions(answers=True), state) == ()
    assert answer(Decoded("next"), ClientOptions((Sensitive("{ a }"),)), state) == ()
