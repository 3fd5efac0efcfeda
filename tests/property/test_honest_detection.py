"""``auto`` over what real servers send, and over feeds that only look alike: the right name, and no error of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.json_corpus import corpus
from tests.support.transcripts import Sent, recorded, transcripts
from wsmon.engine.frame_scan import DataOpcode
from wsmon.model.events import Event


def chosen(events: Iterable[Event]) -> list[str]:
    """What was picked, and why."""
    return [event.reason for event in events if event.name == "connection.protocol"]


def troubles(events: Iterable[Event]) -> list[tuple[str, str]]:
    """Kinds of all errors, with the names of their events."""
    return [(event.name, event.error_type) for event in events if event.error_type]


def received(payloads: Iterable[Any], opcode: DataOpcode = "text") -> list[Sent]:
    """Frames of a peer: bytes and texts as they are, the rest as JSON."""
    return [Sent("in", opcode, content(payload)) for payload in payloads]


def content(payload: Any) -> bytes:
    if isinstance(payload, bytes):
        return payload
    return (payload if isinstance(payload, str) else json.dumps(payload)).encode()


# What was picked with the handshake, what by the messages alone, and the errors that the peer told
TRANSCRIPTS: Mapping[str, tuple[list[str], list[str], list[tuple[str, str]]]] = {
    "actioncable": (
        ["actioncable: the subprotocol is actioncable-v1-json"],
        ["actioncable: a message has an identifier of ActionCable"],
        [
            ("subscription.subscribe.completed", "rejected"),
            ("error.occurred", "disconnect"),
            # What was asked last has no answer at the end
            ("subscription.subscribe.completed", "disconnected"),
        ],
    ),
    "actioncable-refused": (
        ["actioncable: the subprotocol is actioncable-v1-json"],
        ["actioncable: a message is a disconnect of ActionCable"],
        [("auth.failed", "disconnect")],
    ),
    "bayeux": (
        ['bayeux: a message has "channel": "/meta/connect"'],
        ['bayeux: a message has "channel": "/meta/connect"'],
        [("error.occurred", "bayeux")],
    ),
    "engineio3": (
        ["socketio: the query has EIO=3"],
        ["socketio: a message is an Engine.IO open packet"],
        [],
    ),
    "graphql-old-refused": (
        ["graphql-ws: the subprotocol is graphql-ws"],
        ['graphql-ws: a message has "type": "connection_init"'],
        [("auth.failed", "graphql")],
    ),
    "graphql-subscriptions-transport-ws": (
        ["graphql-ws: the subprotocol is graphql-ws"],
        ['graphql-ws: a message has "type": "connection_init"'],
        [],
    ),
    "janus": (["json: the subprotocol is janus-protocol"], [], [("error.occurred", "code_403")]),
    "nats": (
        ["nats: a message is a NATS INFO or CONNECT"],
        ["nats: a message is a NATS INFO or CONNECT"],
        # The client's own line is none, and the server says so
        [("message.sent", "nats"), ("error.occurred", "unknown_protocol_operation")],
    ),
    "ocpp": (
        ["ocpp: the subprotocol is ocpp1.6"],
        ["json: 8 of the first 8 messages are JSON, but of no known protocol"],
        [
            ("message.process.completed", "NotSupported"),
            ("error.occurred", "NotSupported"),
            # The client answered another id than it was asked
            ("message.process.completed", "unmatched"),
            ("message.process.completed", "disconnected"),
        ],
    ),
    "rfb": ([], [], []),
    "signalr": (
        ["signalr: a message is the handshake of a hub protocol"],
        ["signalr: a message is the handshake of a hub protocol"],
        [("message.process.completed", "completion"), ("error.occurred", "completion")],
    ),
    "sockjs": (
        ["sockjs: the path ends in a server, a session and /websocket"],
        ["sockjs: a message is an array of texts behind the letter a"],
        [],
    ),
    "stomp": (
        ["stomp: the subprotocol is v12.stomp"],
        ["stomp: a message is a STOMP CONNECT or CONNECTED"],
        [("error.occurred", "stomp"), ("message.process.completed", "disconnected")],
    ),
    "stomp-refused": (
        ["stomp: the subprotocol is v12.stomp"],
        ["stomp: a message is a STOMP CONNECT or CONNECTED"],
        [("auth.failed", "stomp")],
    ),
    "vite-hmr": (["json: the subprotocol is vite-hmr"], [], []),
    "wamp": (
        ["wamp: the subprotocol is wamp.2.json"],
        ["json: 8 of the first 8 messages are JSON, but of no known protocol"],
        [
            ("message.process.completed", "wamp.error.no_such_procedure"),
            ("error.occurred", "wamp.error.no_such_procedure"),
        ],
    ),
    "xmpp": (["xmpp: the subprotocol is xmpp"], ["xmpp: a message opens an XMPP stream"], []),
    "yjs": ([], [], []),
}


def test_each_transcript_is_listed() -> None:
    assert transcripts().keys() == TRANSCRIPTS.keys()


@pytest.mark.parametrize("name", TRANSCRIPTS)
async def test_a_transcript_is_taken_for_what_it_is_and_has_the_errors_of_its_peer(name: str) -> None:
    transcript = transcripts()[name]
    picked, _, wrong = TRANSCRIPTS[name]
    events = await recorded(transcript.frames, transcript.url, transcript.subprotocol)
    assert (chosen(events), troubles(events)) == (picked, wrong)


@pytest.mark.parametrize("name", TRANSCRIPTS)
async def test_the_messages_alone_say_the_same_or_nothing(name: str) -> None:
    assert chosen(await recorded(transcripts()[name].frames)) == TRANSCRIPTS[name][1]


@pytest.mark.parametrize("name", TRANSCRIPTS)
async def test_raw_is_always_a_way_out(name: str) -> None:
    transcript = transcripts()[name]
    events = await recorded(transcript.frames, transcript.url, transcript.subprotocol, protocol="raw")
    assert {event.name for event in events} <= {"message.received", "message.sent"}
    assert troubles(events) == []


def trade(number: int) -> dict[str, Any]:
    return {"type": "trade", "symbol": "BTC", "price": 1.5 * number, "id": number}


def every(nth: int, message: Any, count: int = 60) -> list[Any]:
    """A feed of trades in which each nth message is another."""
    return [message if number % nth == 0 else trade(number) for number in range(count)]


def first(message: Any) -> list[Any]:
    """A feed of trades that another message begins."""
    return [message, *map(trade, range(40))]


# Feeds of no protocol that is known, and what they may be taken for on the way
LOOK_ALIKES: Mapping[str, tuple[list[Any], list[str]]] = {
    "calls of OCPP": ([[2, f"id{n}", "action", {}] for n in range(30)], ["json"]),
    "results of OCPP": ([[3, f"id{n}", {}] for n in range(30)], ["json"]),
    "a hello of WAMP": (first([1, "realm1", {"roles": {}}]), ["json"]),
    "events of WAMP": ([[36, n, n + 1, {}, ["x"]] for n in range(30)], ["json"]),
    "pings": (every(3, {"type": "ping"}), ["json"]),
    "pongs that answer nothing": ([{"type": "pong"}] * 30, ["json"]),
    "subscribe": (every(3, {"event": "subscribe", "channel": "x"}), ["json"]),
    "subscribed": ([{"event": "subscribed", "channel": "x", "chanId": n} for n in range(30)], ["json"]),
    "id and result": ([{"id": n, "result": {"a": n}} for n in range(30)], ["json"]),
    "id, result and error": ([{"id": n, "error": None, "result": 1} for n in range(30)], ["json"]),
    "id and method": ([{"id": n, "method": "price", "params": {"a": 1}} for n in range(30)], ["json"]),
    "one answer of JSON-RPC": (first({"jsonrpc": "2.0", "id": 1, "result": "ok"}), ["jsonrpc", "json"]),
    "some JSON-RPC": (every(3, {"jsonrpc": "2.0", "method": "t", "params": {}}), ["jsonrpc", "json"]),
    "half JSON-RPC": (every(2, {"jsonrpc": "2.0", "method": "t", "params": {}}), ["jsonrpc"]),
    "one notification": (every(4, {"notification": "x", "params": {"n": 1}}), ["jsonrpc", "json"]),
    "one list like Phoenix": (
        [[None, None, "BTC:USD", "trade", {"p": 1}], *([n, "BTC", 1.5] for n in range(30))],
        ["phoenix", "json"],
    ),
    "one object like Phoenix": (
        first({"topic": "BTC:USD", "event": "trade", "payload": {}, "ref": None}),
        ["phoenix", "json"],
    ),
    "an acknowledgement like GraphQL": (first({"type": "connection_ack"}), ["graphql-ws", "json"]),
    "an event like Pusher": (first({"event": "pusher:hello", "data": 1}), ["pusher", "json"]),
    "welcome and pings like ActionCable": (
        [{"type": "welcome"}, *({"type": "ping", "message": n} for n in range(30))],
        ["json"],
    ),
    "traces like Nexus": (first({"id": 1, "traceId": "a", "kind": "request.start"}), ["nexus", "json"]),
    "numbers like Nexus": ([{"id": n, "traceId": "a", "kind": "span"} for n in range(30)], ["json"]),
    "messages like SignalR": ([{"type": n % 7 + 1, "target": "x", "arguments": []} for n in range(30)], ["json"]),
    "a protocol and a version": (first({"protocol": "json", "version": 1}), ["json"]),
    "the letter o": (first("o"), ["json"]),
    "letters": (["o", *"abcdefgh" * 4], ["raw"]),
    "lines": ([f"line {n}" for n in range(30)], ["raw"]),
    "words of STOMP": (["CONNECTED", "MESSAGE a"] * 15, ["raw"]),
    "words of NATS": (["INFO started", "PING", "+OK", 'INFO {"a":1}'] * 10, ["raw"]),
    "lines of XML": (['<open a="1"/>', "<x/>"] * 10, ["raw"]),
    "numbers of Engine.IO": (['42["tick",{}]'] * 30, ["raw"]),
    "texts between JSON": (every(4, "keepalive"), ["json"]),
    "many texts between JSON": ([f"tick {n}" if n % 8 < 3 else trade(n) for n in range(60)], ["json"]),
    "texts that come late": ([*map(trade, range(9)), *every(5, "keepalive")], ["json"]),
}


@pytest.mark.parametrize("name", LOOK_ALIKES)
async def test_a_feed_that_only_looks_alike_has_no_error(name: str) -> None:
    payloads, names = LOOK_ALIKES[name]
    events = await recorded(received(payloads))
    assert [why.partition(":")[0] for why in chosen(events)] == names
    assert troubles(events) == []


async def test_a_message_of_something_else_keeps_its_own_type() -> None:
    events = await recorded(received(every(2, {"jsonrpc": "2.0", "method": "tick", "params": {}}, 8)))
    assert [event.type for event in events if event.name == "message.received"] == ["tick", "trade"] * 4


async def test_a_page_of_a_proxy_between_json_is_an_error() -> None:
    events = await recorded(received([*map(trade, range(9)), "<html>502 Bad Gateway</html>"]))
    assert troubles(events) == [("message.received", "json")]


RPC = {"jsonrpc": "2.0", "method": "tick", "params": {}}


async def test_errors_of_a_guess_are_told_once_it_is_confirmed() -> None:
    events = await recorded(received([RPC, '{"cut', RPC, RPC, RPC]))
    held = [(event.name, event.error_type) for event in events if event.direction == "in"]
    assert held == [
        ("message.received", ""),
        ("connection.protocol", ""),
        *[("message.received", "")] * 4,
        ("error.occurred", "json"),
    ]


async def test_errors_of_a_guess_are_told_at_the_end_where_it_is_likely() -> None:
    assert troubles(await recorded(received([RPC, '{"cut']))) == [("error.occurred", "json")]
    assert troubles(await recorded(received([RPC, '{"cut', "x"]))) == []


async def test_errors_of_a_confirmed_protocol_are_told_at_once() -> None:
    assert troubles(await recorded(received([*[RPC] * 4, '{"cut']))) == [("message.received", "json")]
    events = await recorded(received(['{"cut']), "ws://h/", "graphql-transport-ws")
    assert troubles(events) == [("message.received", "json")]


async def test_each_payload_of_the_corpus_within_a_sound_feed_leaves_it_json() -> None:
    for entry in corpus():
        opcode: DataOpcode = "text" if entry.is_utf8 else "binary"
        if len(entry.payload) > 100_000:
            continue
        frames = [*received(map(trade, range(9))), Sent("in", opcode, entry.payload), *received(map(trade, range(9)))]
        events = await recorded(frames)
        assert [why.partition(":")[0] for why in chosen(events)] == ["json"], entry.id


names = st.sampled_from(
    ["type", "event", "id", "ref", "topic", "payload", "method", "params", "result", "channel", "data", "identifier",
     "connect", "target", "command", "op", "kind", "traceId", "notification"]
)  # fmt: skip
values = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 50), st.just({}), st.just([]),
    st.sampled_from(["ping", "data", "next", "subscribe", "message", "x:y", "BTC", "1", "request.start", "welcome"]),
)  # fmt: skip
objects = st.dictionaries(names, values, max_size=6)
arrays = st.lists(st.one_of(values, objects), max_size=6)


@given(st.lists(st.one_of(objects, arrays), min_size=1, max_size=30), st.integers(0, 2**16))
def test_no_sound_json_is_a_message_that_cannot_be_read(messages: list[Any], seed: int) -> None:
    random = Random(seed)
    payloads = [*messages, *map(trade, range(5))]
    random.shuffle(payloads)
    events = asyncio.run(recorded(received(payloads)))
    assert [event.error for event in events if event.name == "message.received" and event.error_type] == []
