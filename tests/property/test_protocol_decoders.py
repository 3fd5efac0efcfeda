"""No classifier raises, whatever comes in whatever state; what it remembers and repeats stays bounded."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.thoroughness import times
from wsmon.config.specs import ProtocolName
from wsmon.model.events import Direction, Opcode
from wsmon.protocols import mqtt, mqtt_packets, mqtt_session, nats_ops, ocpp, pusher, wamp
from wsmon.protocols import stomp_frames as stomp_wire
from wsmon.protocols.base import MAX_NAME_CHARS, ClientOptions, Decoded, Happening, Mask, ProtocolClient
from wsmon.protocols.detect import SETTLE_FRAMES, ProtocolDetector
from wsmon.protocols.registry import PROTOCOLS

many = settings(max_examples=times(120))

NAMES: tuple[ProtocolName, ...] = (
    *("graphql-ws", "socketio", "stomp", "mqtt", "nats", "actioncable", "pusher", "ocpp", "wamp"),
)
CANARY = "canary-a8f1"


def json_text(items: list[Any]) -> bytes:
    """As JSON."""
    return json.dumps(items).encode()


def packed(items: list[Any]) -> bytes:
    """As MessagePack; what has no place in it, such as a large number, is JSON."""
    try:
        return msgspec.msgpack.encode(items)
    except (OverflowError, UnicodeEncodeError):
        return json_text(items)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
graphql_words = st.sampled_from(
    [
        *("connection_init", "connection_ack", "connection_error", "subscribe", "start", "next", "data", "error"),
        *("complete", "stop", "ping", "pong", "ka", "connection_terminate", "other"),
    ]
)
ids = st.sampled_from(["1", "2", 1, None])
graphql_payloads = documents | st.fixed_dictionaries(
    {}, optional={"query": st.sampled_from(["{ a }", "subscription S { s }", "query"]), "errors": documents}
)
graphql = st.fixed_dictionaries(
    {"type": graphql_words}, optional={"id": ids | documents, "payload": graphql_payloads}
).map(lambda message: json.dumps(message).encode())
socketio = st.builds(
    lambda *parts: "".join(parts).encode(),
    st.sampled_from(["0", "1", "2", "3", "4", "40", "41", "42", "43", "44", "45", "46", "47", "2probe"]),
    st.sampled_from(["", "", "1-", "2-", "999999999-", "9" * 5000 + "-"]),
    st.sampled_from(["", "", "/a,", "/a?x,", "/" + "n" * 300 + ","]),
    st.sampled_from(["", "", "0", "1", "9" * 5000]),
    documents.map(json.dumps) | st.sampled_from(["", '["e"]', '{"message":"m"}', '{"pingInterval":1e9}', "[" * 5000]),
)
stomp_frames = st.lists(
    st.sampled_from(
        [
            *(b"CONNECT", b"STOMP", b"MESSAGE", b"\n", b"\r\n", b"\0", b"\n\n\0"),
            *(b"passcode:", b"destination:", b"id:1", b"\\c\\n", b"receipt:1\n", b"ack:client\n"),
            *(b"CONNECT\nlogin:a\nheart-beat:1,1\n\n\0", b"CONNECTED\nheart-beat:1,1\n\n\0", b"SEND\nreceipt:1\n\n\0"),
            *(b"SUBSCRIBE\nid:1\nack:client\ndestination:a\n\n\0", b"SUBSCRIBE\nid:1\nreceipt:1\ndestination:a\n\n\0"),
            *(b"MESSAGE\nsubscription:1\nmessage-id:1\ndestination:a\n\nx\0", b"RECEIPT\nreceipt-id:1\n\n\0"),
            *(
                b"UNSUBSCRIBE\nid:1\n\n\0",
                b"ACK\nid:1\n\n\0",
                b"BEGIN\ntransaction:1\n\n\0",
                b"ABORT\ntransaction:1\n\n\0",
            ),
            *(b"ERROR\nreceipt-id:1\nmessage:m\n\n\0", b"ERROR\n\nbody\0"),
        ]
    )
    | st.binary(max_size=4)
).map(b"".join)
nats_lines = st.lists(
    st.sampled_from(
        [
            *(b'INFO {"version":"2","ldm":true}', b'CONNECT {"verbose":true,"user":"a","pass":"b"}', b"CONNECT {"),
            *(b"SUB a 1", b"SUB _INBOX.* 2", b"sub b q 3", b"UNSUB 1", b"UNSUB 1 2", b"UNSUB", b"PUB a 1\r\nx"),
            *(b"PUB a _INBOX.r 1\r\nx", b"HPUB a 12 13\r\nNATS/1.0\r\n\r\nx", b"MSG a 1 1\r\nx", b"MSG a 1 b 1\r\nx"),
            *(b"MSG _INBOX.r 2 0\r\n", b"HMSG _INBOX.r 2 16 16\r\nNATS/1.0 503\r\n\r\n", b"MSG", b"PUB a", b"PUB a 99"),
            *(b"PING", b"PONG", b"+OK", b"-ERR 'Stale Connection'", b"-ERR"),
            b"-ERR 'Permissions Violation for Subscription to \"a\"'",
            b"-ERR 'Permissions Violation for Publish to \"a\"'",
        ]
    ).map(lambda line: line + b"\r\n")
    | st.binary(max_size=4),
    max_size=4,
).map(b"".join)
packet_streams = st.lists(
    st.builds(
        lambda first, body, claimed: bytes([first, len(body) if claimed is None else claimed]) + body,
        st.integers(0, 255),
        st.binary(max_size=30) | st.binary(max_size=30).map(lambda rest: b"\x00\x04MQTT\x05\xc6\x00\x00" + rest),
        st.none() | st.integers(0, 255),
    ),
    max_size=3,
).map(b"".join)
channel_words = st.sampled_from(
    [
        *("welcome", "ping", "confirm_subscription", "reject_subscription", "disconnect", "subscribe", "unsubscribe"),
        *("pusher:connection_established", "pusher:ping", "pusher:pong", "pusher:subscribe", "pusher:error"),
        *("pusher_internal:subscription_succeeded", "pusher:subscription_error", "pusher:signin", "other"),
    ]
)
channel_data = documents | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("channel", "auth", "code", "message", "socket_id", "activity_timeout"), scalars)
)
channels = st.builds(
    lambda message, data: json_text([{**message, "data": data}])[1:-1],
    st.dictionaries(
        st.sampled_from(["type", "command", "event", "identifier", "channel", "reason"]), channel_words | scalars
    ),
    channel_data | channel_data.map(json.dumps),
)
calls = st.lists(
    st.integers(0, 70) | st.sampled_from(["1", 1, "com.t", "Heartbeat", "ticket", {}, {"progress": True}]) | documents,
    max_size=6,
)
arrays = st.one_of(calls.map(json_text), calls.map(packed))
payloads = st.one_of(
    st.binary(max_size=40), graphql, socketio, stomp_frames, nats_lines, packet_streams, channels, arrays
)
opcodes: st.SearchStrategy[Opcode] = st.sampled_from(["text", "text", "binary", "binary", "ping", "close"])
directions: st.SearchStrategy[Direction] = st.sampled_from(["in", "out"])
frames = st.lists(st.tuples(directions, opcodes, payloads, st.integers(0, 2**40)), max_size=20)


def check(decoded: Decoded) -> None:
    """It can be stored: names are short, UTF-8, and an error has a type."""
    parts: tuple[Decoded | Happening, ...] = (decoded, *decoded.happenings)
    for part in parts:
        for name in (part.type, part.topic, part.ref):
            assert len(name) <= MAX_NAME_CHARS
            name.encode()
        assert not part.error or part.error_type


def check_notes(happenings: tuple[Happening, ...]) -> None:
    """Each note can be stored."""
    check(Decoded(happenings=happenings))


@pytest.mark.parametrize("name", NAMES)
@many
@given(session=frames)
def test_no_classifier_raises_in_any_state(
    name: ProtocolName, session: list[tuple[Direction, Opcode, bytes, int]]
) -> None:
    protocol = PROTOCOLS[name]
    client = protocol.client or ProtocolClient()
    state: Any = protocol.new_state()
    options = ClientOptions()
    now_ns = 0
    for direction, opcode, payload, step_ns in session:
        now_ns += step_ns
        state.at(now_ns)
        parts = protocol.split and protocol.split(direction, opcode, payload, state)
        for part in parts or ():
            check(protocol.decode(direction, part.opcode, part.payload, state))
        decoded = protocol.decode(direction, opcode, payload, state)
        check(decoded)
        check_notes(state.overdue(now_ns))
        for message in client.answer(decoded, options, state):
            is_text = isinstance(message, str)
            said = message.encode() if isinstance(message, str) else message
            assert not protocol.decode("out", "text" if is_text else "binary", said, protocol.new_state()).error_type
    check_notes(state.overdue(2**62))
    check_notes(state.overdue(2**62))


@many
@given(payload=st.text(max_size=20) | documents)
def test_credentials_of_a_connect_are_repeated_by_no_reading(payload: object) -> None:
    secret = {"token": CANARY, CANARY: payload}
    texts = {
        "graphql-ws": json.dumps({"type": "connection_init", "payload": secret}),
        "socketio": "40/admin," + json.dumps(secret),
        "pusher": json.dumps({"event": "pusher:subscribe", "data": {"channel": "private-a", "auth": CANARY, **secret}}),
        "ocpp": json.dumps([2, "1", "Authorize", {"idTag": CANARY, **secret}]),
        "wamp": json.dumps([5, CANARY, secret]),
    }
    for name, protocol in PROTOCOLS.items():
        if name in texts:
            state = protocol.new_state()
            decoded = protocol.decode("out", "text", texts[name].encode(), state)
            assert CANARY not in repr((decoded, state.overdue(2**62)))


@many
@given(session=frames)
def test_auto_settles_within_its_frames_and_never_raises(
    session: list[tuple[Direction, Opcode, bytes, int]],
) -> None:
    detector = ProtocolDetector()
    data = 0
    for direction, opcode, payload, _ in session:
        held = detector.held
        detector.of_frame(direction, opcode, payload)
        # A piece says nothing yet, nor does an empty keepalive
        is_whole = len(detector.held) <= len(held) and bool(payload.strip())
        data += opcode in ("text", "binary") and is_whole
        assert bool(detector.name) == bool(detector.why)
        assert detector.name or data < SETTLE_FRAMES


@many
@given(url=st.text(max_size=40) | st.sampled_from(["ws://[", "ws://h:x/", "ws://h/?" + "&" * 2000]), sub=st.text())
def test_auto_reads_any_url_and_subprotocol(url: str, sub: str) -> None:
    detector = ProtocolDetector()
    assert bool(detector.of_handshake(url, sub)) == bool(detector.why)


def mask_mqtt(opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """The first message of a direction."""
    return mqtt_packets.new_mask()(opcode, payload)


@pytest.mark.parametrize("mask", [stomp_wire.mask, nats_ops.mask, mask_mqtt, pusher.mask, ocpp.mask, wamp.mask])
@many
@given(payload=payloads)
def test_masking_says_whether_it_changed_anything(mask: Mask, payload: bytes) -> None:
    masked, is_masked = mask("binary", payload)
    if b"[FILTERED]" not in payload:  # the mask of a mask is the same
        assert is_masked == (masked != payload)


@many
@given(
    fields=st.lists(st.binary(max_size=20).map(lambda field: field.replace(b"\xfe", b"")), min_size=2, max_size=2),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_a_password_is_masked_wherever_messages_end(fields: list[bytes], cuts: list[int]) -> None:
    password = b"\xfe" * 9
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + b"".join(
        len(field).to_bytes(2, "big") + field for field in (*fields, password)
    )
    message = bytes([0x10, len(body)]) + body
    masker = mqtt_packets.Masker()
    ends = [0, *sorted(min(cut, len(message)) for cut in cuts), len(message)]
    pieces = [masker.mask(message[start:end])[0] for start, end in pairwise(ends)]
    assert b"\xfe" not in b"".join(pieces)


mqtt_stream = st.lists(
    st.builds(
        lambda kind, flags, body: bytes([kind << 4 | flags, len(body)]) + body,
        st.integers(1, 15),
        st.integers(0, 15),
        st.binary(max_size=20) | st.sampled_from([b"\0\1a\0\7x", b"\0\7\0\1a\1", b"\0\7\1", b"\0\7"]),
    ),
    max_size=8,
).map(b"".join)


@many
@given(stream=mqtt_stream, cuts=st.lists(st.integers(0, 160), max_size=6), direction=directions)
def test_packets_say_the_same_wherever_messages_end(stream: bytes, cuts: list[int], direction: Direction) -> None:
    whole, pieces = mqtt_session.MqttState(), mqtt_session.MqttState()
    ends = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    messages = [stream[start:end] for start, end in pairwise(ends) if end > start]
    told = [mqtt.decode(direction, "binary", message, pieces) for message in messages]
    expected = mqtt.decode(direction, "binary", stream, whole) if stream else Decoded()
    assert tuple(happening for decoded in told for happening in decoded.happenings) == expected.happenings
    assert next((decoded.error for decoded in told if decoded.error), "") == expected.error


@pytest.mark.parametrize(("name", "stream"), [("stomp", stomp_frames), ("nats", nats_lines)])
@many
@given(data=st.data(), cuts=st.lists(st.integers(0, 160), max_size=6), direction=directions)
def test_frames_say_the_same_wherever_messages_end(
    name: ProtocolName, stream: st.SearchStrategy[bytes], data: st.DataObject, cuts: list[int], direction: Direction
) -> None:
    said = data.draw(stream)
    protocol = PROTOCOLS[name]
    ends = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]

    def told(messages: list[bytes]) -> list[tuple[Happening, ...]]:
        state: Any = protocol.new_state()
        seen: list[tuple[Happening, ...]] = []
        for message in messages:
            assert protocol.split is not None
            parts = protocol.split(direction, "text", message, state)
            whole = [message] if parts is None else [part.payload for part in parts if not part.is_partial]
            seen += [protocol.decode(direction, "text", each, state).happenings for each in whole]
        # A line end that is cut off is a heart-beat of its own
        return [each for each in seen if each and each[0].operation != "heartbeat"]

    pieces = [said[start:end] for start, end in pairwise(ends) if end > start]
    assert told(pieces) == told([said]) or any(_is_broken(name, piece) for piece in (said, *pieces))


def _is_broken(name: ProtocolName, piece: bytes) -> bool:
    """Whether something in a piece is no frame: all that comes with it is taken for one message."""
    protocol = PROTOCOLS[name]
    assert protocol.split is not None
    state: Any = protocol.new_state()
    parts = protocol.split("in", "text", piece, state)
    whole = [piece] if parts is None else [part.payload for part in parts if not part.is_partial]
    return any(protocol.decode("in", "text", each, protocol.new_state()).error_type for each in whole)
