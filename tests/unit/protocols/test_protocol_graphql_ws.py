"""GraphQL over WebSocket, both dialects: subscriptions, requests, credentials, heartbeats, and what wsmon sends."""

from __future__ import annotations

import json

import pytest

from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.protocols.base import UNREAD, WAIT_S, Note, Reading, Wanted
from wsmon.protocols.graphql import ACCEPTED_NS, CLOSE_CODES, MAX_ACTIVE, State, answer, classify, opening

SECOND_NS = 1_000_000_000
WAIT_NS = int(WAIT_S) * SECOND_NS
TICKS = {"query": "subscription Ticks($s: String) { ticks(symbol: $s) { price } }"}


def read(state: State, direction: Direction, type_: str, id_: object = None, payload: object = None) -> Reading:
    """The reading of one message; parts that are None are left out."""
    parts = {"type": type_, "id": id_, "payload": payload}
    message = {name: part for name, part in parts.items() if part is not None}
    return classify(direction, "text", json.dumps(message).encode(), state)


def subscribed(state: State, id_: str = "1") -> State:
    """A state whose subscription was confirmed."""
    read(state, "out", "subscribe", id_, TICKS)
    read(state, "in", "next", id_, {"data": {}})
    return state


STARTED = Note("subscription.subscribe.started", "subscribe", "start", "1 Ticks", topic="Ticks", ref="1")
CONFIRMED = Note("subscription.subscribe.completed", "subscribe", "end", "1 Ticks", topic="Ticks", ref="1", status="ok")


def unsubscribed(reason: str) -> Note:
    """The end of the subscription ``1``."""
    return Note("subscription.unsubscribe.completed", "unsubscribe", topic="Ticks", ref="1", status="ok", reason=reason)


@pytest.mark.parametrize(
    ("begin", "result", "end"), [("subscribe", "next", "complete"), ("start", "data", "stop")], ids=["newer", "older"]
)
def test_the_first_result_confirms_a_subscription_and_a_complete_ends_it(begin: str, result: str, end: str) -> None:
    state = State()
    assert read(state, "out", begin, "1", TICKS) == Reading("subscribe", "Ticks", "1", notes=(STARTED,))
    assert read(state, "in", result, "1", {"data": {}}) == Reading("next", "Ticks", "1", notes=(CONFIRMED,))
    assert read(state, "in", result, "1", {"data": {}}) == Reading("next", "Ticks", "1")
    assert read(state, "out", end, "1") == Reading("complete", "Ticks", "1", notes=(unsubscribed("completed by us"),))
    assert read(state, "in", result, "1", {"data": {}}) == Reading("next", "", "1")


def test_a_complete_of_the_peer_ends_a_subscription_too() -> None:
    reading = read(subscribed(State()), "in", "complete", "1")
    assert reading == Reading("complete", "Ticks", "1", notes=(unsubscribed("completed by the peer"),))


def test_a_subscription_that_ends_without_a_result_was_one() -> None:
    state = State()
    read(state, "out", "subscribe", "1", TICKS)
    confirmed = Note(
        CONFIRMED.name, "subscribe", "end", "1 Ticks", topic="Ticks", ref="1", status="ok", reason="completed by us"
    )
    assert read(state, "out", "complete", "1").notes == (confirmed, unsubscribed("completed by us"))


def test_a_subscription_without_an_error_counts_as_accepted_after_a_while() -> None:
    state = State()
    state.at(5)
    read(state, "out", "subscribe", "1", TICKS)
    assert state.overdue(4 + ACCEPTED_NS) == ()
    assert state.overdue(5 + ACCEPTED_NS) == (
        Note(
            "subscription.subscribe.completed", "subscribe", "end", "1 Ticks", "", "Ticks", "1", "ok",
            "no error within 10 s",
        ),
    )  # fmt: skip
    assert state.overdue(10 * ACCEPTED_NS) == ()
    assert read(state, "in", "next", "1", {"data": {}}) == Reading("next", "Ticks", "1")


@pytest.mark.parametrize("payload", [[{"message": "no such field"}, {"message": "x"}], {"message": "no such field"}])
def test_an_error_refuses_a_subscription(payload: object) -> None:
    state = State()
    read(state, "out", "subscribe", "1", TICKS)
    refused = Note(
        "subscription.subscribe.completed", "subscribe", "end", "1 Ticks", topic="Ticks", ref="1", status="error",
        error_type="graphql", error="no such field",
    )  # fmt: skip
    assert read(state, "in", "error", "1", payload) == Reading("error", "Ticks", "1", notes=(refused,))
    assert state.overdue(10 * ACCEPTED_NS) == ()


def test_an_error_ends_a_running_subscription() -> None:
    occurred = Note("error.occurred", topic="Ticks", ref="1", error_type="graphql", error="gone")
    reading = read(subscribed(State()), "in", "error", "1", [{"message": "gone"}])
    assert reading == Reading("error", "Ticks", "1", notes=(occurred, unsubscribed("ended by an error")))


def test_an_error_about_nothing_known_is_an_error_all_the_same() -> None:
    occurred = Note("error.occurred", ref="9", error_type="graphql", error="error without a message")
    assert read(State(), "in", "error", "9") == Reading("error", "", "9", notes=(occurred,))
    assert read(State(), "in", "error", "9", []) == Reading("error", "", "9", notes=(occurred,))


def test_errors_beside_the_data_of_a_result_are_told() -> None:
    occurred = Note("error.occurred", topic="Ticks", ref="1", error_type="graphql", error="partly")
    reading = read(subscribed(State()), "in", "next", "1", {"data": {}, "errors": [{"message": "partly"}]})
    assert reading == Reading("next", "Ticks", "1", notes=(occurred,))


@pytest.mark.parametrize("result", [{"errors": []}, {"errors": None}, {"data": {"errors": [1]}}, {"data": '"errors"'}])
def test_a_result_without_errors_says_nothing_more(result: object) -> None:
    assert read(subscribed(State()), "in", "next", "1", result) == Reading("next", "Ticks", "1")


def test_a_query_is_a_request_that_its_first_result_answers() -> None:
    state = State()
    begun = Note("message.process.started", "request", "start", "7 Me", "query", "Me", "7")
    ended = Note("message.process.completed", "request", "end", "7 Me", "query", "Me", "7", "ok")
    assert read(state, "out", "subscribe", 7, {"query": "query Me { me }"}).notes == (begun,)
    assert read(state, "in", "next", "7", {"data": {}}) == Reading("next", "Me", "7", notes=(ended,))
    assert read(state, "in", "complete", "7") == Reading("complete", "", "7")


@pytest.mark.parametrize(
    ("direction", "type_", "payload", "error_type", "error"),
    [
        ("in", "next", {"data": None, "errors": [{"message": "denied"}]}, "graphql", "denied"),
        ("in", "error", [{"message": "denied"}], "graphql", "denied"),
        ("out", "complete", None, "cancelled", "completed by us without a result"),
    ],
)
def test_a_request_fails_by_an_error_and_by_its_end(
    direction: Direction, type_: str, payload: object, error_type: str, error: str
) -> None:
    state = State()
    read(state, "out", "subscribe", "7", {"query": "mutation Buy { buy }"})
    failed = Note(
        "message.process.completed", "request", "end", "7 Buy", "mutation", "Buy", "7", "error",
        error_type=error_type, error=error,
    )  # fmt: skip
    assert read(state, direction, type_, "7", payload).notes[0] == failed


def test_a_request_without_a_result_is_overdue() -> None:
    state = State()
    read(state, "out", "subscribe", "7", {"query": "{ me }"})
    notes = state.overdue(WAIT_NS)
    assert [(note.name, note.key, note.error_type) for note in notes] == [
        ("message.process.completed", "7 me", "timeout"),
        ("error.occurred", "", "timeout"),
    ]


def test_an_id_that_is_used_again_ends_what_it_stood_for() -> None:
    state = State()
    read(state, "out", "subscribe", "1", TICKS)
    replaced = Note(
        "subscription.subscribe.completed", "subscribe", "end", "1 Ticks", topic="Ticks", ref="1", status="error",
        error_type="replaced", error="begun again before it ended",
    )  # fmt: skip
    assert read(state, "out", "subscribe", "1", TICKS).notes == (replaced, STARTED)


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
    reading = read(State(), "out", "subscribe", "1", payload)
    assert (reading.topic, reading.notes[0].name) == (topic, "subscription.subscribe.started")


def test_credentials_in_an_init_are_authentication_and_are_not_repeated() -> None:
    state = State()
    init = read(state, "out", "connection_init", payload={"Authorization": "Bearer hush"})
    assert init == Reading("connection_init", notes=(Note("auth.started", "auth", "start", "init"),))
    acked = Note("auth.completed", "auth", "end", "init", status="ok")
    assert read(state, "in", "connection_ack", payload={"x": 1}) == Reading("connection_ack", notes=(acked,))
    assert read(state, "in", "connection_ack") == Reading("connection_ack")


@pytest.mark.parametrize("payload", [None, {}])
def test_an_init_without_content_authenticates_nobody(payload: object) -> None:
    state = State()
    assert read(state, "out", "connection_init", payload=payload) == Reading("connection_init")
    assert read(state, "in", "connection_ack") == Reading("connection_ack")


def test_a_connection_error_is_a_failed_authentication_where_there_was_one() -> None:
    state = State()
    read(state, "out", "connection_init", payload={"token": "hush"})
    failed = Note("auth.failed", "auth", "end", "init", status="error", error_type="graphql", error="who are you")
    occurred = Note("error.occurred", error_type="graphql", error="who are you")
    assert read(state, "in", "connection_error", payload={"message": "who are you"}).notes == (failed,)
    assert read(state, "in", "connection_error", payload={"message": "who are you"}).notes == (occurred,)


def test_an_error_that_repeats_a_credential_is_told_without_it() -> None:
    state = State()
    read(state, "out", "connection_init", payload={"who": "hush-4711"})
    reading = read(state, "in", "connection_error", payload={"message": "hush-4711 is unknown"})
    assert [note.error for note in reading.notes] == ["[FILTERED] is unknown"]


def test_an_init_that_is_never_acknowledged_fails() -> None:
    state = State()
    read(state, "out", "connection_init", payload={"token": "hush"})
    failed = Note(
        "auth.failed", "auth", "end", "init", status="error", error_type="timeout", error="no answer within 30 s"
    )
    assert state.overdue(WAIT_NS) == (failed,)
    assert state.overdue(2 * WAIT_NS) == ()


def test_pings_of_both_sides_are_answered_by_pongs() -> None:
    state = State()
    assert read(state, "in", "ping").notes == (Note("heartbeat.received", "heartbeat", "start", "in"),)
    assert read(state, "out", "ping").notes == (Note("heartbeat.sent", "heartbeat", "start", "out"),)
    assert read(state, "out", "pong").notes == (Note("heartbeat.responded", "heartbeat", "end", "in", status="ok"),)
    assert read(state, "in", "pong").notes == (Note("heartbeat.responded", "heartbeat", "end", "out", status="ok"),)


def test_pongs_that_nobody_asked_for_are_heartbeats() -> None:
    state = State()
    assert read(state, "in", "pong").notes == (Note("heartbeat.received", "heartbeat"),)
    assert read(state, "out", "pong").notes == (Note("heartbeat.sent", "heartbeat"),)
    assert read(state, "in", "ka") == Reading("ka", notes=(Note("heartbeat.received", "heartbeat"),))


def test_of_pings_without_a_pong_the_oldest_is_missed_once() -> None:
    state = State()
    read(state, "in", "ping")
    state.at(WAIT_NS // 2)
    assert read(state, "in", "ping").notes == (Note("heartbeat.received", "heartbeat"),)
    missed = Note(
        "heartbeat.timeout", "heartbeat", "end", "in", status="error", error_type="timeout",
        error="no answer within 30 s",
    )  # fmt: skip
    assert state.overdue(WAIT_NS) == (missed,)
    assert state.overdue(9 * WAIT_NS) == ()


@pytest.mark.parametrize(
    ("payload", "reading"),
    [
        (b"", Reading(error_type="json", error="Input data was truncated")),
        (b'{"type":"next"', Reading(error_type="json", error="Input data was truncated")),
        (b"[" * 100_000, Reading(error_type="graphql-ws", error="Expected `object`, got `array`")),
        (b'{"payload":' * 100_000, Reading(error_type="json", error="nested too deep")),
        (b"{}", Reading(error_type="graphql-ws", error="Object missing required field `type`")),
        (b'{"type":"dance","id":"1"}', Reading("dance", "", "1", "graphql-ws", "unknown message type")),
        (b'{"type":"subscribe","payload":{}}', Reading("subscribe", "", "", "graphql-ws", "subscribe without an id")),
        (
            b'{"type":"subscribe","id":"1"}',
            Reading("subscribe", "", "1", "graphql-ws", "Expected `object`, got `null`"),
        ),
        (
            b'{"type":"subscribe","id":"1","payload":{"query":7}}',
            Reading("subscribe", "", "1", "graphql-ws", "Expected `str`, got `int` - at `$.query`"),
        ),
    ],
)
def test_what_cannot_be_read_says_why(payload: bytes, reading: Reading) -> None:
    assert classify("out", "text", payload, State()) == reading


def test_messages_of_the_wrong_side_say_nothing() -> None:
    state = State()
    assert read(state, "in", "subscribe", "1", TICKS) == Reading("subscribe", "", "1")
    assert read(state, "out", "next", "1", {"data": {}}) == Reading("next", "", "1")
    assert classify("in", "close", b"\x11\x33", state) is UNREAD


def test_names_are_forgotten_before_memory_grows() -> None:
    state = State()
    for number in range(MAX_ACTIVE + 1):
        subscribed(state, str(number))
    assert len(state.active) == MAX_ACTIVE
    assert read(state, "in", "next", "0", {"data": {}}) == Reading("next", "", "0")


def test_close_codes_of_the_protocol_have_meanings() -> None:
    assert CLOSE_CODES[4403] == "forbidden: the server refused the connection"
    assert set(CLOSE_CODES) == {4004, 4005, 4400, 4401, 4403, 4406, 4408, 4409, 4429, 4500, 4504}


def test_wsmon_opens_with_an_init_and_the_credentials() -> None:
    assert opening(Wanted()) == ('{"type":"connection_init"}',)
    wanted = Wanted(auth={"token": Sensitive("hush", "[FILTERED]"), "version": 2.0})
    assert opening(wanted) == ('{"type":"connection_init","payload":{"token":"hush","version":2.0}}',)
    assert "hush" not in repr(wanted)


@pytest.mark.parametrize(("subprotocol", "word"), [("graphql-transport-ws", "subscribe"), ("graphql-ws", "start")])
def test_wsmon_subscribes_once_the_server_is_ready(subprotocol: str, word: str) -> None:
    topics = ("{ ticks }", '{"query":"subscription S { s }","variables":{"a":1}}')
    wanted = Wanted(tuple(map(Sensitive, topics)), subprotocol=subprotocol)
    assert answer(Reading("connection_ack"), wanted) == (
        f'{{"id":"wsmon-1","type":"{word}","payload":{{"query":"{{ ticks }}"}}}}',
        f'{{"id":"wsmon-2","type":"{word}","payload":{topics[1]}}}',
    )


def test_wsmon_answers_pings_of_the_peer_and_nothing_of_its_own() -> None:
    state = State()
    assert answer(read(state, "in", "ping"), Wanted(answers=True)) == ('{"type":"pong"}',)
    assert answer(read(state, "in", "ping"), Wanted(answers=True)) == ('{"type":"pong"}',)
    assert answer(read(state, "out", "ping"), Wanted(answers=True)) == ()
    assert answer(Reading("next"), Wanted((Sensitive("{ a }"),))) == ()
