"""``auto``: what is picked from a handshake and from first messages, and why."""

from __future__ import annotations

import json

import pytest

from wsmon.config.specs import ProtocolName
from wsmon.model.events import Direction, Opcode
from wsmon.protocols.base import Decoded, MessageSample
from wsmon.protocols.detect import REVIEW_FRAMES, SETTLE_FRAMES, DetectionReview, ProtocolDetector
from wsmon.protocols.registry import PROTOCOLS


def told(detector: ProtocolDetector) -> tuple[str, str]:
    """What was picked, and why."""
    return detector.name, detector.why


@pytest.mark.parametrize(
    ("url", "subprotocol", "name", "why"),
    [
        ("wss://h/", "graphql-transport-ws", "graphql-ws", "the subprotocol is graphql-transport-ws"),
        ("wss://h/", "graphql-ws", "graphql-ws", "the subprotocol is graphql-ws"),
        ("wss://h/", "v12.stomp", "stomp", "the subprotocol is v12.stomp"),
        ("wss://h/", "MQTT", "mqtt", "the subprotocol is mqtt"),
        ("wss://h/", "mqttv3.1", "mqtt", "the subprotocol is mqttv3.1"),
        ("wss://h/", "phoenix", "phoenix", "the subprotocol is phoenix"),
        ("wss://www.deribit.com/ws/api/v2", "", "deribit", "the host is www.deribit.com and the path /ws/api/v2"),
        ("wss://Test.Deribit.com/ws/api/v2/", "", "deribit", "the host is test.deribit.com and the path /ws/api/v2"),
        ("ws://h/__nexus/events?since=3", "", "nexus", "the path ends in /__nexus/events"),
        ("ws://h/socket.io/?EIO=4&transport=websocket", "", "socketio", "the query has EIO=4"),
        ("ws://h/live/chat/?EIO=4&transport=websocket", "", "socketio", "the query has EIO=4"),
        ("ws://h/socket.io/?EIO=3&transport=websocket", "", "socketio", "the query has EIO=3"),
        (
            "wss://h/socket/websocket?token=hush&vsn=2.0.0",
            "",
            "phoenix",
            "the path ends in /websocket and the query has vsn=2.0.0",
        ),
        ("ws://h/socket.io/?EIO=4", "mqtt", "mqtt", "the subprotocol is mqtt"),
    ],
)
def test_a_handshake_may_say_it(url: str, subprotocol: str, name: ProtocolName, why: str) -> None:
    detector = ProtocolDetector()
    assert detector.of_handshake(url, subprotocol) == name
    assert told(detector) == (name, why)


@pytest.mark.parametrize(
    ("url", "subprotocol"),
    [
        ("wss://example.com/ws", ""),
        ("wss://deribit.com.evil.example/ws/api/v2", ""),
        ("wss://www.deribit.com/other", ""),
        ("ws://h/socket.io/", ""),
        ("ws://h/other?EIO=4", ""),
        ("ws://h/websocket", ""),
        ("ws://h/websocket?vsn=9", ""),
        ("ws://h/", "chat.2.json"),
        ("ws://[::1/", ""),
        ("", ""),
    ],
)
def test_a_handshake_that_says_nothing_leaves_it_open(url: str, subprotocol: str) -> None:
    detector = ProtocolDetector()
    assert detector.of_handshake(url, subprotocol) == ""
    assert told(detector) == ("", "")


@pytest.mark.parametrize(
    ("direction", "opcode", "payload", "name", "why"),
    [
        ("out", "text", b'{"jsonrpc":"2.0","id":1,"method":"m"}', "jsonrpc", 'a message has "jsonrpc": "2.0"'),
        ("in", "text", b' [{"jsonrpc":"2.0"}]', "jsonrpc", 'a message is a list of objects with "jsonrpc": "2.0"'),
        (
            "in",
            "text",
            b'{"jsonrpc":"2.0","id":1,"result":[],"usIn":1,"usOut":2,"usDiff":1}',
            "deribit",
            "a message is JSON-RPC with a Deribit method or timestamps",
        ),
        (
            "out",
            "text",
            b'{"jsonrpc":"2.0","id":1,"method":"public/auth","params":{}}',
            "deribit",
            "a message is JSON-RPC with a Deribit method or timestamps",
        ),
        ("out", "text", b'{"type":"connection_init"}', "graphql-ws", 'a message has "type": "connection_init"'),
        ("in", "binary", b'{"type":"connection_ack"}', "graphql-ws", 'a message has "type": "connection_ack"'),
        (
            "out",
            "text",
            b'["1","1","lobby","phx_join",{}]',
            "phoenix",
            "a message is a list of join_ref, ref, topic, event and payload",
        ),
        (
            "in",
            "text",
            b'[null,null,"room:1","new",{},"more"]',
            "phoenix",
            "a message is a list of join_ref, ref, topic, event and payload",
        ),
        (
            "in",
            "text",
            b'{"topic":"phoenix","event":"phx_reply","payload":{},"ref":"1"}',
            "phoenix",
            "a message is an object with topic, event, payload and ref",
        ),
        (
            "in",
            "text",
            b'0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}',
            "socketio",
            "a message is an Engine.IO open packet",
        ),
        (
            "in",
            "text",
            b'{"id":7,"traceId":"a","kind":"request.start","timestamp":"2026-01-01T00:00:00Z"}',
            "nexus",
            'a message has a traceId and "kind": "request.start"',
        ),
        ("out", "text", b"CONNECT\naccept-version:1.2\n\n\0", "stomp", "a message is a STOMP CONNECT or CONNECTED"),
        ("in", "binary", b"\nCONNECTED\r\nversion:1.2\r\n\r\n\0", "stomp", "a message is a STOMP CONNECT or CONNECTED"),
        (
            "out",
            "binary",
            b"\x10\x0e\x00\x04MQTT\x04\x02\x00<\x00\x02id",
            "mqtt",
            "a message is an MQTT CONNECT or CONNACK",
        ),
        ("out", "binary", b"\x10\x8e\x01\x00\x06MQIsdp\x03", "mqtt", "a message is an MQTT CONNECT or CONNACK"),
        ("in", "binary", b"\x20\x02\x00\x00", "mqtt", "a message is an MQTT CONNECT or CONNACK"),
    ],
)
def test_a_first_message_may_say_it(
    direction: Direction, opcode: Opcode, payload: bytes, name: ProtocolName, why: str
) -> None:
    detector = ProtocolDetector()
    assert detector.of_frame(direction, opcode, payload) == name
    assert told(detector) == (name, why)


@pytest.mark.parametrize(
    "payload",
    [
        b'["1","1","lobby","hello",{}]',
        b'["1","1","room:1","hello","text"]',
        b'[1,1,"room:1","hello",{}]',
        b'{"topic":"t","event":"e","payload":{},"ref":null}',
        b'{"jsonrpc":"1.0","method":"m"}',
        b'{"jsonrpc":{"2.0":1}}',
        b'{"type":"subscribe"}',
        b'{"type":["connection_ack"]}',
        b'{"id":7,"traceId":"a","kind":"other"}',
        b'{"id":7,"traceId":"a","kind":{}}',
        b"[]",
        b"{}",
    ],
)
def test_json_that_only_looks_alike_is_of_no_protocol(payload: bytes) -> None:
    detector = ProtocolDetector()
    answers = [detector.of_frame("in", "text", payload) for _ in range(SETTLE_FRAMES)]
    assert answers == [*[""] * (SETTLE_FRAMES - 1), "json"]
    assert detector.why == "8 of the first 8 messages are JSON, but of no known protocol"


@pytest.mark.parametrize("payload", [b"hello", b"\xff\x00", b"{", b"[" * 100_000, b"0{", b"CONNECT", b"\x20\x03\x00"])
@pytest.mark.parametrize("opcode", ["text", "binary"])
def test_what_is_no_json_either_is_raw(opcode: Opcode, payload: bytes) -> None:
    detector = ProtocolDetector()
    answers = [detector.of_frame("in", opcode, payload) for _ in range(SETTLE_FRAMES)]
    assert answers == [*[""] * (SETTLE_FRAMES - 1), "raw"]
    assert detector.why == "none of the first 8 messages belongs to a known protocol"


@pytest.mark.parametrize("json_frames", [1, 4])
def test_p4_without_a_majority_of_json_it_is_raw(json_frames: int) -> None:
    detector = ProtocolDetector()
    payloads = [*[b"{}"] * json_frames, *[b"a"] * (SETTLE_FRAMES - json_frames)]
    assert [detector.of_frame("in", "text", payload) for payload in payloads][-1] == "raw"
    assert detector.why == f"only {json_frames} of the first 8 messages are valid JSON"


def test_p4_empty_keepalives_say_nothing_about_the_protocol() -> None:
    detector = ProtocolDetector()
    payloads = [b"", b"{}", b"\n"] * SETTLE_FRAMES
    answers = [detector.of_frame("in", "text", payload) for payload in payloads]
    assert answers.index("json") == 3 * (SETTLE_FRAMES - 1) + 1


def test_p2_several_texts_in_a_frame_and_nan_are_json() -> None:
    detector = ProtocolDetector()
    payloads = [b'{"a":NaN}', b'{"a":1}\n{"a":2}', b'\xef\xbb\xbf{"a":1}', b'{"a":"\\ud83d"}'] * 2
    assert [detector.of_frame("in", "text", payload) for payload in payloads][-1] == "json"


@pytest.mark.parametrize(
    ("direction", "payload"),
    [
        ("out", b'{"id":1,"method":"Page.enable"}'),
        ("out", b'{"id":2,"method":"Runtime.evaluate","params":{"expression":"1"},"sessionId":"A"}'),
        ("in", b'{"method":"Runtime.consoleAPICalled","params":{"type":"log"}}'),
        ("in", b'{"notification":"tick","params":[1,2]}'),
    ],
)
def test_p6_json_rpc_without_a_version_is_recognised(direction: Direction, payload: bytes) -> None:
    assert ProtocolDetector().of_frame(direction, "text", payload) == "jsonrpc"


@pytest.mark.parametrize(
    ("direction", "payload"),
    [
        ("in", b'{"id":1,"method":"Page.enable"}'),
        ("out", b'{"id":1,"method":"SUBSCRIBE","params":["btcusdt@trade"]}'),
        ("out", b'{"id":1,"method":"Page.enable","extra":1}'),
        ("in", b'{"notification":"tick","params":[1,2],"id":1}'),
    ],
)
def test_json_that_looks_like_json_rpc_without_a_version_is_of_no_protocol(
    direction: Direction, payload: bytes
) -> None:
    assert ProtocolDetector().of_frame(direction, "text", payload) == ""


def test_a_protocol_that_did_not_fit_is_not_detected_again() -> None:
    detector = ProtocolDetector(misfits={"jsonrpc", "json"})
    answers = [detector.of_frame("in", "text", b'{"jsonrpc":"2.0","method":"tick"}') for _ in range(SETTLE_FRAMES)]
    assert answers[-1] == "raw"


def review(name: ProtocolName, *frames: tuple[str, bytes]) -> list[str]:
    """Note frames of an error type and a payload; return the protocols that fit better, empty while none does."""
    looked_at = DetectionReview(name)
    return [
        looked_at.note(Decoded(error_type=error_type), "in", "text", payload)
        for error_type, payload in frames
        if error_type or looked_at.is_counting
    ]


def test_p4_a_protocol_by_which_most_messages_cannot_be_read_is_revised() -> None:
    most = REVIEW_FRAMES // 2 + 1
    assert review("json", *[("json", b"a")] * most) == [*[""] * (most - 1), "raw"]
    assert review("jsonrpc", *[("jsonrpc", b"{}")] * most)[-1] == "json"
    assert review("jsonrpc", *[("json", b"a")] * most)[-1] == "raw"


def test_a_few_messages_that_cannot_be_read_revise_nothing() -> None:
    good, bad = ("", b"{}"), ("json", b"a")
    assert "raw" not in review("json", *[bad, good] * 50)
    assert "raw" not in review("json", *[("too_large", b"{")] * 50)


def test_a_greeting_before_the_first_sign_does_no_harm() -> None:
    detector = ProtocolDetector()
    assert detector.of_frame("in", "text", b"welcome") == ""
    assert detector.of_frame("in", "text", b'{"status":"ready"}') == ""
    assert detector.of_frame("in", "text", b'{"jsonrpc":"2.0","method":"tick"}') == "jsonrpc"


def test_control_frames_count_for_nothing() -> None:
    detector = ProtocolDetector()
    opcodes: tuple[Opcode, ...] = ("ping", "pong", "close")
    assert [detector.of_frame("in", opcode, b"{}") for opcode in opcodes * SETTLE_FRAMES] == [""] * 3 * SETTLE_FRAMES


def test_what_is_settled_stays() -> None:
    detector = ProtocolDetector()
    detector.of_handshake("wss://h/", "mqtt")
    assert detector.of_frame("in", "text", b'{"jsonrpc":"2.0"}') == "mqtt"
    assert detector.of_handshake("wss://h/", "graphql-ws") == "mqtt"
    assert told(detector) == ("mqtt", "the subprotocol is mqtt")


CONNECT = b"\x10\x0e\x00\x04MQTT\x04\x02\x00<\x00\x02id"


@pytest.mark.parametrize("size", range(1, 10))
def test_a_connect_of_mqtt_may_come_in_pieces(size: int) -> None:
    detector = ProtocolDetector()
    pieces = [CONNECT[at : at + size] for at in range(0, len(CONNECT), size)]
    names = [detector.of_frame("out", "binary", piece) for piece in pieces]
    assert told(detector) == ("mqtt", "a message is an MQTT CONNECT or CONNACK")
    assert detector.held == b"".join(piece for piece, name in zip(pieces, names, strict=True) if not name)


def test_the_answer_to_a_connect_in_pieces_is_enough() -> None:
    detector = ProtocolDetector()
    assert detector.of_frame("out", "binary", CONNECT[:5]) == ""
    assert detector.of_frame("in", "binary", b"\x20\x02\x00\x00") == "mqtt"
    assert detector.held == CONNECT[:5]


@pytest.mark.parametrize(
    "payloads",
    [
        (b"\x10", b'{"jsonrpc":"2.0"}'),
        (b"\x10\x0e\x00\x04MQ", b'{"jsonrpc":"2.0"}'),
        (b'{"a":1}', b"\x10", b'{"jsonrpc":"2.0"}'),
    ],
)
def test_what_only_begins_like_a_connect_is_forgotten(payloads: tuple[bytes, ...]) -> None:
    detector = ProtocolDetector()
    assert [detector.of_frame("out", "binary", payload) for payload in payloads][-1] == "jsonrpc"
    assert detector.held == b""


def test_a_beginning_that_never_goes_on_settles_with_what_comes() -> None:
    detector = ProtocolDetector()
    detector.of_frame("out", "binary", CONNECT[:5])
    assert [detector.of_frame("in", "binary", b"\xff") for _ in range(SETTLE_FRAMES)][-1] == "raw"
    assert detector.held == b""


# What JSON of any feed may have in the place of a word
OTHER_VALUES: tuple[object, ...] = (None, True, 1, -1.5, [], {}, [[]], {"id": 1}, "")
WORDS = ("channel", "command", "connect", "event", "id", "identifier", "jsonrpc", "method", "op", "type")


@pytest.mark.parametrize("word", WORDS)
def test_a_value_of_any_type_in_the_place_of_a_word_is_of_no_protocol(word: str) -> None:
    others = {"identifier": '{"channel":"a"}', "jsonrpc": "2.0", "id": 1, "payload": {}, "data": {}}
    for value in OTHER_VALUES:
        for message in ({word: value}, {**others, word: value}):
            for content in (message, [message], [value, word], [1, value]):
                for protocol in PROTOCOLS.values():
                    payload = json.dumps(content).encode()
                    assert isinstance(protocol.recognise(MessageSample("in", "text", payload)), str)
                    assert isinstance(protocol.recognise(MessageSample("out", "text", payload)), str)
