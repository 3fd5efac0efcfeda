"""Bayeux, XMPP and Centrifugo: named, and their refusals told."""

from __future__ import annotations

import pytest

from wsmon.model.events import Direction, Opcode
from wsmon.protocols.base import UNREAD, Decoded, Happening
from wsmon.protocols.calls import CallState
from wsmon.protocols.detect import ProtocolDetector
from wsmon.protocols.named import MAX_MESSAGES, decode_bayeux, decode_centrifugo, decode_xmpp

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"


def error(type_: str, kind: str, text: str, *, topic: str = "", ref: str = "", code: int | None = None) -> Happening:
    """An error in a message."""
    meta = None if code is None else {"code": code}
    return Happening("error.occurred", type=type_, topic=topic, ref=ref, error_type=kind, error=text, meta=meta)


def refusal(type_: str, kind: str, text: str, code: int | None = None) -> Happening:
    """A login that was refused."""
    meta = None if code is None else {"code": code}
    return Happening("auth.failed", type=type_, status="error", error_type=kind, error=text, meta=meta)


@pytest.mark.parametrize(
    ("direction", "payload", "decoded"),
    [
        ("out", '[{"channel":"/meta/handshake","id":"1"}]', Decoded("/meta/handshake", "", "1")),
        ("out", '{"channel":"/meta/subscribe","subscription":"/a","id":2}', Decoded("/meta/subscribe", "/a", "2")),
        ("in", '[{"channel":"/a","data":{"successful":false}}]', Decoded("message", "/a")),
        ("in", "[]", Decoded()),
        ("in", "[1]", Decoded(error_type="bayeux", error="not a Bayeux message")),
        ("out", '[{"channel":"/meta/connect","successful":false}]', Decoded("/meta/connect")),
        ("in", '[{"channel":"/meta/handshake","successful":false,"error":"403::denied"}]',
         Decoded("/meta/handshake", happenings=(refusal("/meta/handshake", "bayeux", "403::denied"),))),
        ("in", '[{"channel":"/meta/connect","id":"3","successful":false,"error":"402:x:Unknown client"}]',
         Decoded("/meta/connect", "", "3", happenings=(error("/meta/connect", "bayeux", "402:x:Unknown client"),))),
        ("in", '[{"channel":"/a"},{"channel":"/meta/subscribe","id":"4","successful":false,"subscription":"/p"}]',
         Decoded("message", "/a", happenings=(
             error("/meta/subscribe", "bayeux", "refused without a reason", topic="/p", ref="4"),))),
    ],
)  # fmt: skip
def test_bayeux_has_channels_and_refusals(direction: Direction, payload: str, decoded: Decoded) -> None:
    assert decode_bayeux(direction, "text", payload.encode(), CallState()) == decoded


@pytest.mark.parametrize(
    ("direction", "payload", "decoded"),
    [
        ("out", f'<open xmlns="{FRAMING}" to="a"/>', Decoded("open")),
        ("in", "<iq from='a' id='b1' type='result'><error><not-allowed/></error></iq>", Decoded("iq", "", "b1")),
        ("in", f"<failure xmlns='{SASL}'><not-authorized/></failure>",
         Decoded("failure", happenings=(refusal("failure", "xmpp", "not authorized"),))),
        ("in", "<stream:error xmlns='x'><conflict/><text xml:lang='en'>You&apos;re replaced</text></stream:error>",
         Decoded("stream:error", happenings=(error("stream:error", "xmpp", "conflict: You're replaced"),))),
        ("out", f"<failure xmlns='{SASL}'/>", Decoded("failure")),
        ("in", "hello", Decoded(error_type="xmpp", error="not an XML element")),
    ],
)  # fmt: skip
def test_xmpp_has_elements_and_refusals(direction: Direction, payload: str, decoded: Decoded) -> None:
    assert decode_xmpp(direction, "text", payload.encode(), CallState()) == decoded


@pytest.mark.parametrize(
    ("direction", "payload", "decoded"),
    [
        ("out", '{"id":1,"connect":{"token":"t"}}', Decoded("connect", "", "1")),
        ("out", '{"id":2,"subscribe":{"channel":"a"}}\n{"id":3,"publish":{}}', Decoded("subscribe", "a", "2")),
        ("in", '{"push":{"channel":"a","pub":{"data":1}}}', Decoded("pub", "a")),
        ("in", "{}", Decoded("heartbeat", happenings=(Happening("heartbeat.received", "heartbeat"),))),
        ("out", "{}", Decoded("heartbeat", happenings=(Happening("heartbeat.sent", "heartbeat"),))),
        ("in", '{"id":1,"error":{"code":109,"message":"token expired"}}',
         Decoded("error", "", "1", happenings=(refusal("error", "centrifugo", "token expired", 109),))),
        ("in", '{"id":2,"error":{"code":103,"message":"permission denied"}}',
         Decoded("error", "", "2", happenings=(error("error", "centrifugo", "permission denied", ref="2", code=103),))),
        ("in", '{"push":{"disconnect":{"code":3503,"reason":"force disconnect"}}}',
         Decoded("disconnect", happenings=(error("disconnect", "centrifugo", "force disconnect", code=3503),))),
        ("in", "[1]", Decoded(error_type="centrifugo", error="not a message of Centrifugo")),
        ("in", "\n", Decoded(error_type="centrifugo", error="empty message")),
    ],
)  # fmt: skip
def test_centrifugo_has_commands_pushes_and_errors(direction: Direction, payload: str, decoded: Decoded) -> None:
    assert decode_centrifugo(direction, "text", payload.encode(), CallState()) == decoded


def test_protobuf_and_control_frames_are_not_read() -> None:
    assert decode_centrifugo("in", "binary", b"\x01\x02", CallState()) == Decoded("protobuf")
    for decode in (decode_bayeux, decode_xmpp, decode_centrifugo):
        assert decode("in", "ping", b"", CallState()) is UNREAD


def test_of_many_messages_the_first_are_read() -> None:
    refused = '{"channel":"/meta/subscribe","successful":false},' * (MAX_MESSAGES + 1)
    decoded = decode_bayeux("in", "text", f"[{refused[:-1]}]".encode(), CallState())
    assert len(decoded.happenings) == MAX_MESSAGES


@pytest.mark.parametrize("payload", [b"{", b"[" * 5_000])
def test_broken_json_has_an_error(payload: bytes) -> None:
    for decode in (decode_bayeux, decode_centrifugo):
        assert decode("in", "text", payload, CallState()).error_type == "json"


@pytest.mark.parametrize(
    ("url", "subprotocol", "name"),
    [
        ("wss://h/xmpp-websocket", "xmpp", "xmpp"),
        ("wss://h/connection/websocket", "", "centrifugo"),
        ("wss://h/a/connection/uni_websocket?format=json", "", "centrifugo"),
        ("wss://h/ws", "centrifuge-protobuf", "centrifugo"),
        ("wss://h/websocket", "", ""),
    ],
)
def test_the_handshake_may_name_them(url: str, subprotocol: str, name: str) -> None:
    assert ProtocolDetector().of_handshake(url, subprotocol) == name


@pytest.mark.parametrize(
    ("direction", "opcode", "payload", "name"),
    [
        ("out", "text", '[{"channel":"/meta/handshake","version":"1.0"}]', "bayeux"),
        ("in", "text", f"<open from='a' xmlns='{FRAMING}'/>", "xmpp"),
        ("out", "text", '{"id":1,"connect":{"token":"t","name":"js"}}', "centrifugo"),
        ("in", "text", '{"id":1,"connect":{"client":"c","version":"5.0","ping":25,"pong":true}}', "centrifugo"),
        ("in", "text", '[{"channel":"/a","data":1}]', ""),
        ("in", "text", "<feed/>", ""),
        ("in", "text", '{"id":1,"connect":{"ok":true}}', ""),
        ("out", "text", '{"id":1,"connect":{"room":1}}', ""),
        ("in", "text", '{"id":1,"connect":true}', ""),
    ],
)
def test_messages_show_them(direction: Direction, opcode: Opcode, payload: str, name: str) -> None:
    assert ProtocolDetector().of_frame(direction, opcode, payload.encode()) == name
