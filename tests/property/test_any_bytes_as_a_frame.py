"""Any bytes as a frame, in any state, never raise out of a classifier: 100,000 of them, over all protocols.

Most are mutations of what the protocols really say, between frames that are whole: a flipped bit in a conversation
reaches further than noise does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

import pytest

from wsmon.config.specs import MessageCondition, MessagesSpec, ProtocolName
from wsmon.model.events import Direction, Opcode
from wsmon.model.redact.masking import Sensitive
from wsmon.protocols.base import MAX_NAME_CHARS, ClientOptions, Decoded, Happening, Part, ProtocolClient
from wsmon.protocols.declared import DeclaredMessages
from wsmon.protocols.registry import PROTOCOLS

# Of each protocol
FRAMES = 10_000
PAUSES_NS = (0, 0, 0, 10**6, 10**9, 31 * 10**9)
DIRECTIONS: tuple[Direction, ...] = ("in", "out")
OPCODES: tuple[Opcode, ...] = ("text", "binary")
OPTIONS = ClientOptions(
    (Sensitive("/a"), Sensitive("b")), {"params": Sensitive("{}"), "send": Sensitive("x")}, answers=True
)


def rpc(**members: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode()


def phoenix(*frame: object) -> bytes:
    return json.dumps(frame).encode()


TRACE = {"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7"}
SAID: tuple[bytes, ...] = (
    *(b"ping", b"2", b"3", b"2probe", b"40", b'40/a,{"token":"t"}', b'42["hi",{"a":1}]', b'421["ask"]', b'431["re"]'),
    *(b'0{"sid":"x","pingInterval":25000,"pingTimeout":20000}', b'452-["up",{"_placeholder":true,"num":0}]', b"41/a,"),
    rpc(id=1, method="public/auth", params={"grant_type": "client_credentials"}),
    rpc(id=1, result={"access_token": "t", "expires_in": 5, "refresh_token": "r"}),
    rpc(id=2, method="public/subscribe", params={"channels": ["a", "b"]}),
    rpc(id=2, result=["a"], usDiff=3),
    rpc(method="heartbeat", params={"type": "test_request"}),
    rpc(id="x", error={"code": -32600, "message": "no"}),
    rpc(method="eth_subscription", params={"subscription": "0x1", "result": {"a": [1] * 5}}),
    b'[{"jsonrpc":"2.0","id":3,"method":"m"},{"jsonrpc":"2.0","id":4,"method":"n"}]',
    b'{"type":"subscribe","channel":"a","id":7}', b'{"type":"subscribed","channel":"a","id":7}',
    b'{"op":"auth","args":["key",1,"sig"]}', b'{"type":"auth_success","expires_in":9}', b'{"event":"error","code":5}',
    b'{"type":"ping","id":1}', b'{"type":"pong","id":1}',
    phoenix("1", "1", "room:a", "phx_join", {"token": "t"}),
    phoenix("1", "1", "room:a", "phx_reply", {"status": "ok", "response": {}}),
    phoenix("1", "2", "room:a", "new_msg", {"x": 1}), phoenix("1", "1", "room:a", "phx_error", {}),
    phoenix(None, "9", "phoenix", "heartbeat", {}), phoenix("1", "3", "room:a", "phx_leave", {}),
    bytes.fromhex("00020305053132313233746f7069636576656e74656667"),
    bytes.fromhex("01020305023132313233746f7069636f6b656667"),
    bytes.fromhex("020505746f7069636576656e74656667"),
    b'{"type":"connection_init","payload":{"token":"t"}}', b'{"type":"connection_ack"}',
    b'{"id":"1","type":"subscribe","payload":{"query":"subscription S { s }"}}',
    b'{"id":"1","type":"next","payload":{"data":{"s":1}}}', b'{"id":"1","type":"complete"}',
    b'{"id":"1","type":"error","payload":[{"message":"m"}]}',
    b"CONNECT\naccept-version:1.2\nlogin:u\npasscode:p\n\n\0", b"MESSAGE\ndestination:/q\nmessage-id:1\n\nbody\0",
    b"CONNECTED\nversion:1.1\nheart-beat:1,1\n\n\0", b"SUBSCRIBE\nid:1\ndestination:/q\nreceipt:1\nack:client\n\n\0",
    b"RECEIPT\nreceipt-id:1\n\n\0", b"ERROR\nreceipt-id:1\nmessage:m\n\nbody\0", b"\n",
    b'INFO {"server_id":"N","auth_required":true}\r\n', b'CONNECT {"verbose":true,"pass":"p"}\r\n', b"SUB a.* 1\r\n",
    b"PUB a r.1 2\r\nhi\r\n", b"MSG a.b 1 r 2\r\nhi\r\n", b"HMSG a 1 16 18\r\nNATS/1.0 503\r\n\r\nhi\r\n",
    b'[{"channel":"/meta/handshake","successful":false,"error":"403::no"}]', b'{"id":1,"connect":{"token":"t"}}',
    b'{"id":1,"error":{"code":101,"message":"m"}}', b'{"push":{"disconnect":{"code":3500,"reason":"r"}}}\n{}',
    b"<stream:error><conflict xmlns='u'/><text>t</text></stream:error>", b"<iq id='1' type='set'/>",
    b"+OK\r\n", b"-ERR 'Stale Connection'\r\n", b"PING\r\n", b"PONG\r\n", b"UNSUB 1 2\r\n",
    b"\x10\x1a\x00\x04MQTT\x04\xc2\x00\x3c\x00\x02id\x00\x04user\x00\x04pass", b"\x20\x02\x00\x00",
    b"\x82\x08\x00\x01\x00\x03a/b\x01", b"\x90\x03\x00\x01\x01", b"\x32\x09\x00\x03a/b\x00\x07hi", b"\x40\x02\x00\x07",
    b"\xc0\x00\xd0\x00\xe0\x00",
    b'{"command":"subscribe","identifier":"{\\"channel\\":\\"A\\"}"}', b'{"type":"welcome"}',
    b'{"type":"confirm_subscription","identifier":"{\\"channel\\":\\"A\\"}"}',
    b'{"type":"disconnect","reason":"unauthorized","reconnect":false}', b'{"type":"ping","message":1795959404}',
    b'{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"1.1\\",\\"activity_timeout\\":9}"}',
    b'{"event":"pusher:subscribe","data":{"channel":"a","auth":"key:hex"}}', b'{"event":"pusher:ping","data":{}}',
    b'{"event":"pusher_internal:subscription_succeeded","channel":"a","data":"{}"}',
    b'{"event":"pusher:error","data":{"code":4001,"message":"no"}}',
    b'[2,"1","BootNotification",{"idTag":"tag"}]', b'[3,"1",{"status":"Rejected","interval":5}]',
    b'[4,"1","NotSupported","no",{}]', b'[2,"2","Heartbeat",{}]', b'[5,"1","FormatViolation","no",{}]',
    b'[2,"3","SetVariables",{"setVariableData":[{"variable":{"name":"Password"},"attributeValue":"p"}]}]',
    b'[1,"realm1",{"roles":{},"authmethods":["ticket"]}]', b'[2,7,{"roles":{}}]', b'[4,"ticket",{}]', b'[5,"t",{}]',
    b'[3,{"message":"no"},"wamp.error.no_such_realm"]', b'[6,{},"wamp.close.normal"]', b'[32,1,{},"com.t"]',
    b"[33,1,9]", b"[36,9,8,{},[1]]", b'[48,2,{},"com.p",[1]]', b'[50,2,{"progress":true},[1]]', b"[50,2,{},[1]]",
    b'[8,48,2,{},"wamp.error.x",["no"]]', b"[35,0,{}]", bytes.fromhex("9305a17480"),
    bytes.fromhex("94200180a5636f6d2e74"),
    b"o", b"h", b'a["40","{}"]', b'["{\"a\":1}"]', b'c[3000,"Go away!"]', b'{"protocol":"json","version":1}' + b"\x1e",
    b"{}\x1e", b'{"error":"no"}' + b"\x1e", b'{"type":6}' + b"\x1e" + b'{"type":7,"error":"e"}' + b"\x1e",
    b'{"type":1,"invocationId":"1","target":"T","arguments":["a"],"streamIds":["s"]}' + b"\x1e",
    b'{"type":2,"invocationId":"1"}', b'{"type":4,"invocationId":"2","target":"Login","arguments":["p"]}' + b"\x1e",
    b'{"type":3,"invocationId":"1","error":"x"}' + b"\x1e", bytes.fromhex("02910603930702"),
    bytes.fromhex("0a960480a132a1549090"), bytes.fromhex("09950380a13101a165"),
    json.dumps({"id": 1, "kind": "request.start", "timestamp": "2026-04-22T10:00:00Z", **TRACE}).encode(),
    json.dumps({"id": 2, "kind": "request.end", "status": 200, "durationMs": 12, **TRACE}).encode(),
)  # fmt: skip
DIGITS = (b"0", b"-1", b"1e400", b"9" * 400, b"1.5", b"null", b"true", b'"\\ud800"', b"[" * 2_000, b'{"a":' * 500)


def flip(rolls: Random, frame: bytes) -> bytes:
    """One bit is another."""
    at = rolls.randrange(len(frame) or 1)
    return frame[:at] + bytes([frame[at] ^ 1 << rolls.randrange(8)]) + frame[at + 1 :] if frame else frame


def truncate(rolls: Random, frame: bytes) -> bytes:
    """The end is missing."""
    return frame[: rolls.randint(0, len(frame))]


def splice(rolls: Random, frame: bytes) -> bytes:
    """It goes on as another."""
    other = rolls.choice(SAID)
    return frame[: rolls.randint(0, len(frame))] + other[rolls.randint(0, len(other)) :]


def insert(rolls: Random, frame: bytes) -> bytes:
    """A value that is none of those expected stands somewhere."""
    at = rolls.randint(0, len(frame))
    return frame[:at] + rolls.choice(DIGITS) + frame[at + rolls.randint(0, 3) :]


def noise(rolls: Random, _frame: bytes) -> bytes:
    """Anything at all."""
    return rolls.randbytes(rolls.randint(0, 40))


def whole(_rolls: Random, frame: bytes) -> bytes:
    """As it was said."""
    return frame


MUTATIONS: tuple[Callable[[Random, bytes], bytes], ...] = (whole, whole, whole, flip, truncate, splice, insert, noise)


def check(decoded: Decoded) -> None:
    """It can be stored, and says what is wrong where something is."""
    parts: tuple[Decoded | Happening, ...] = (decoded, *decoded.happenings)
    for part in parts:
        for name in (part.type, part.topic, part.ref):
            assert len(name) <= MAX_NAME_CHARS
        assert not part.error or part.error_type


@pytest.mark.parametrize("name", PROTOCOLS)
def test_no_frame_raises_out_of_a_classifier(name: ProtocolName) -> None:
    protocol = PROTOCOLS[name]
    client = protocol.client or ProtocolClient()
    rolls = Random(name)
    now_ns = 0
    state = protocol.new_state()
    for number in range(FRAMES):
        if number % 1_000 == 0:
            state = protocol.new_state()
            client.opening(OPTIONS, state)
        now_ns += rolls.choice(PAUSES_NS)
        state.at(now_ns)
        frame = rolls.choice(MUTATIONS)(rolls, rolls.choice(SAID))
        direction = rolls.choice(DIRECTIONS)
        opcode = rolls.choice(OPCODES)
        parts = protocol.split(direction, opcode, frame, state) if protocol.split is not None and number % 4 else None
        for part in (Part(opcode, frame),) if parts is None else parts:
            if part.is_partial or part.error:
                continue
            decoded = protocol.decode(direction, part.opcode, part.payload, state)
            check(decoded)
            if direction == "in":
                client.answer(decoded, OPTIONS, state)
        if number % 50 == 0:
            check(Decoded(happenings=state.overdue(now_ns)))
            client.due(now_ns, OPTIONS, state)


@pytest.mark.parametrize("name", [name for name, of in PROTOCOLS.items() if of.new_masks(of.new_state())])
def test_no_frame_raises_out_of_a_mask(name: ProtocolName) -> None:
    mask = PROTOCOLS[name].new_masks(PROTOCOLS[name].new_state())["out"]
    rolls = Random(name)
    for _ in range(FRAMES):
        frame = rolls.choice(MUTATIONS)(rolls, rolls.choice(SAID))
        masked, has_changed = mask(rolls.choice(OPCODES), frame)
        assert (masked != frame) == has_changed


DESCRIBED = [
    MessagesSpec(
        ("$", "$.a", "$[0]", "$[-1].id"),
        ("$.id", r"(\w+)"),
        ("$.id",),
        ("$.id",),
        ("$.error", "$.code", r"^4(.*)"),
        items="$",
    ),
    MessagesSpec((r"(\w+)",), (r"\d+",), (r"(\d)",), ("$.id", r"(\d)$"), (r"(e)",), items=r"[^,]+"),
    MessagesSpec(
        error=MessageCondition(((("$", ("x", 1)), (".", ("{",))), (("$[0]", (2, "2", True)),))),
        error_text=("$[2]", ".*"),
    ),
]


@pytest.mark.parametrize("spec", DESCRIBED, ids=["paths", "patterns", "conditions"])
def test_no_frame_raises_out_of_messages_that_a_configuration_describes(spec: MessagesSpec) -> None:
    protocol = PROTOCOLS["json"]
    rolls = Random(repr(spec))
    now_ns = 0
    for number in range(FRAMES):
        if number % 1_000 == 0:
            state = protocol.new_state()
            described = DeclaredMessages(spec, is_measured=rolls.random() < 0.5)
        now_ns += rolls.choice(PAUSES_NS)
        state.at(now_ns)
        frame = rolls.choice(MUTATIONS)(rolls, rolls.choice(SAID))
        direction = rolls.choice(DIRECTIONS)
        check(described.read(direction, frame, protocol.decode(direction, "text", frame, state), now_ns))
        if number % 50 == 0:
            check(Decoded(happenings=described.overdue(now_ns)))
