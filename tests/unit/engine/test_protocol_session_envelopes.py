"""A protocol within another: the messages in envelopes have a session of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.support.fake_ports import FakeClock
from tests.support.schedulers import Scheduler
from wsmon.config.specs import ConnectionSpec, HeartbeatSpec, ProtocolName
from wsmon.engine.protocol_session import CarriedState, ProtocolSession
from wsmon.engine.ticker import Ticker
from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.model.spans import Instant
from wsmon.protocols.base import Decoded, Happening, Outbox, ProtocolClose
from wsmon.protocols.parts import MAX_PARTS, TOO_MANY_PARTS

URL = "ws://h/echo/123/abcdefgh/websocket"
CONNECT = "CONNECT\naccept-version:1.2\nlogin:me\npasscode:hunter2\n\n\0"


class Rig:
    """A session over fakes."""

    def __init__(
        self, protocol: ProtocolName = "auto", url: str = URL, carried: CarriedState | None = None, **fields: Any
    ) -> None:
        self.overdue: list[tuple[Happening, ...]] = []
        self.clock = FakeClock()
        spec = replace(ConnectionSpec("feed", Sensitive(url)), protocol=protocol, **fields)
        self.scheduler = Scheduler()
        self.carried = carried or CarriedState()
        self.session = ProtocolSession(spec, Ticker(self.scheduler), self.clock, self.carried, self._tell_overdue)
        self.about = self.session.begin(url, "")
        self.session.start(lambda _now_ns: None)

    def take(self, payload: str, direction: Direction = "in") -> list[Decoded]:
        """What the messages of a frame mean."""
        frame = payload.encode()
        parts = self.session.split(direction, "text", frame) if self.session.splits else None
        if parts is None:
            return [self.session.read(direction, "text", frame, 0)]
        return [self.session.read(direction, each.opcode, each.payload, 0, is_part=True) for each in parts]

    def replies(self, payload: str) -> Outbox:
        """What is sent in reply to all messages of a frame."""
        frame = payload.encode()
        parts = self.session.split("in", "text", frame)
        if parts is None:
            return self.session.replies(self.session.read("in", "text", frame, 0), frame)
        sent: Outbox = ()
        for each in parts:
            decoded = self.session.read("in", each.opcode, each.payload, 0, is_part=True)
            sent += self.session.replies(decoded, each.payload, is_part=True)
        return sent

    def _tell_overdue(self, happenings: tuple[Happening, ...], at: Instant) -> None:
        self.overdue.append(happenings)


def framed(*messages: str) -> str:
    return "a" + json.dumps(messages)


def test_the_url_shows_the_envelope_and_the_messages_what_is_in_it() -> None:
    rig = Rig()
    assert rig.about["protocol"] == "sockjs"
    assert rig.take("o") == [Decoded("open")]
    (connect,) = rig.take(json.dumps([CONNECT]), "out")
    assert (connect.type, [each.reason for each in connect.happenings if each.name == "connection.protocol"]) == (
        "CONNECT",
        ["stomp in sockjs: a message is a STOMP CONNECT or CONNECTED"],
    )
    (received,) = rig.take(framed("MESSAGE\ndestination:/q\nmessage-id:7\n\nhi\0"))
    assert (received.type, received.topic, received.ref) == ("MESSAGE", "/q", "7")


def test_messages_show_the_envelope() -> None:
    rig = Rig(url="ws://h/")
    assert [rig.take("o"), rig.take("h")] == [[Decoded()], [Decoded()]]
    first, second = rig.take(framed('{"jsonrpc":"2.0","method":"a"}', '{"jsonrpc":"2.0","method":"b"}'))
    assert (first.type, second.type) == ("a", "b")
    assert [each.type for each in first.happenings] == ["sockjs", "jsonrpc"]


def test_a_server_that_sends_messages_has_opened() -> None:
    rig = Rig(url="ws://h/", subscribe=(Sensitive("eth_subscribe x"),))
    assert rig.replies("o") == ()
    (asked,) = rig.replies(framed('{"jsonrpc":"2.0","method":"hello"}'))
    assert json.loads(json.loads(asked)[0])["method"] == "eth_subscribe"


def test_a_configured_protocol_is_the_inner_one_where_the_url_shows_an_envelope() -> None:
    rig = Rig("jsonrpc")
    assert rig.about == {"protocol": "sockjs"}
    assert [each.type for each in rig.take(framed('{"id":1,"method":"m"}'))] == ["m"]
    assert Rig("raw").about == {"protocol": "raw"}


def test_a_configured_protocol_is_used_alone_where_no_envelope_comes() -> None:
    rig = Rig("jsonrpc")
    found = [rig.take(f'{{"id":{number},"method":"m"}}')[0] for number in range(12)]
    assert found[-1].type == "m"
    assert [each.type for decoded in found for each in decoded.happenings if each.name == "connection.protocol"] == [
        "jsonrpc"
    ]
    assert Rig("jsonrpc", carried=rig.carried).about == {"protocol": "jsonrpc"}


def test_nothing_is_sent_before_the_server_opened_and_then_in_envelopes() -> None:
    rig = Rig("json", subscribe=(Sensitive("trades"),))
    assert (rig.session.opening(), rig.session.due(10**12)) == ((), ())
    (asked,) = rig.replies("o")
    (message,) = json.loads(asked)
    assert json.loads(message)["channel"] == "trades"
    assert rig.replies("o") == ()


def test_a_detected_protocol_is_answered_in_envelopes() -> None:
    rig = Rig(subscribe=(Sensitive('{"id":1,"method":"eth_subscribe","params":["x"]}'),), answer=True)
    assert rig.replies("o") == ()
    (asked,) = rig.replies(framed('{"jsonrpc":"2.0","method":"hello"}'))
    assert json.loads(json.loads(asked)[0])["params"] == ["x"]


def test_configured_heartbeats_are_those_within() -> None:
    rig = Rig("json", heartbeat=HeartbeatSpec(reply_to=Sensitive("there?"), answer=Sensitive("yes")))
    rig.replies("o")
    assert rig.replies(framed("are you there?")) == ('["yes"]',)
    assert rig.session.wrap("ping") == '["ping"]'


def test_credentials_within_are_masked_and_never_sent_elsewhere() -> None:
    rig = Rig("stomp", subscribe=(Sensitive("top-secret", "[FILTERED]"),))
    parts = rig.session.split("out", "text", json.dumps([CONNECT]).encode())
    assert parts is not None
    masked, has_secrets = rig.session.mask("out", "text", parts[0].payload, is_part=True)
    assert (b"hunter2" in masked, has_secrets, rig.session.masks_received) == (False, True, True)
    assert rig.session.holds_secrets("text", json.dumps([CONNECT]).encode())
    assert rig.session.holds_secrets("text", b'["top-\\u0073ecret"]')
    assert not rig.session.holds_secrets("text", b'["SEND\\n\\n\\u0000"]')


def test_the_close_in_a_message_and_the_codes_within_are_known() -> None:
    rig = Rig("graphql-ws")
    assert Rig().session.closed is None
    rig.take('c[3000,"Go away!"]')
    assert rig.session.closed == ProtocolClose(3000, "Go away!")
    assert rig.session.code_meaning(3000) == "the application closed the connection"
    assert rig.session.code_meaning(4401).startswith("unauthorized")


def test_what_is_overdue_within_is_told() -> None:
    rig = Rig("jsonrpc")
    rig.take(json.dumps(['{"id":1,"method":"m"}']), "out")
    rig.session.pause()
    rig.session.resume()
    rig.clock.advance(40)
    for _, call in list(rig.scheduler.calls):
        call.callback()
    assert [each.error_type for happenings in rig.overdue for each in happenings] == ["timeout", "timeout"]
    rig.session.stop()


def test_the_next_session_remembers_what_did_not_fit_within() -> None:
    rig = Rig()
    rig.take(framed('{"jsonrpc":"2.0","method":"a"}'))
    assert rig.carried.protocol == "sockjs"
    assert rig.carried.inner is not None
    assert rig.carried.inner.protocol == "jsonrpc"


def test_messages_within_messages_are_bounded_together() -> None:
    rig = Rig("nats")
    frame = framed(*("PING\r\n" * 1_000 for _ in range(100))).encode()
    parts = rig.session.split("in", "text", frame) or ()
    read = [part for part in parts if not part.error]
    assert MAX_PARTS <= len(read) <= 2 * MAX_PARTS
    assert [(part.error, part.is_hidden) for part in parts[len(read) :]] == [(TOO_MANY_PARTS, True)] * 95
