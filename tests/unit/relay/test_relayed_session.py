"""A relayed connection as events: its life, messages of both sides, who ended it first, and what is not recorded."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, cast

import pytest

from tests.support.engines import SOON_S, RecordingSink
from tests.support.fake_ports import FakeClock
from tests.support.frame_notes import frame, raw_frame
from tests.support.relays import ANSWER, REQUEST, relaying
from wsmon.bus import Bus
from wsmon.config.specs import ConnectionSpec, RelayFail, RelaySpec, RouteSpec
from wsmon.engine.dial import TlsContexts
from wsmon.engine.http_head import HeadReader, ResponseHead
from wsmon.engine.loop import Phases
from wsmon.engine.retry import DialProgress
from wsmon.engine.rows import Rows
from wsmon.engine.services import EngineServices, Redactors
from wsmon.engine.standstill import Standstill
from wsmon.engine.ticker import Ticker
from wsmon.engine.upgrade import UpgradeRefusedError
from wsmon.model.events import Event, Json
from wsmon.model.redact.masking import Sensitive
from wsmon.model.redact.redactor import Redactor
from wsmon.relay.listener import Leg, ServerConnection
from wsmon.relay.relayed_session import RelayedSession
from wsmon.relay.relays import CarriedRow, Recorded
from wsmon.relay.request_head import RequestReader

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
BYE = b"\x03\xe8bye"


class FakePath:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def pause(self) -> None:
        self.asked.append("pause")

    def resume(self) -> None:
        self.asked.append("resume")


class FakeServerTransport:
    """The addresses of a socket."""

    def get_extra_info(self, name: str) -> object:
        return {"peername": ("192.0.2.1", 443), "sockname": ("192.0.2.2", 5_000)}.get(name)


class Rig:
    """A session, the sink of its events, and the clock."""

    def __init__(self, fail: RelayFail = "open", *, bus: Bus | None = None, **options: Any) -> None:
        """``bus`` takes the events in the place of ``sink``."""
        self.sink, self.clock, self.path = RecordingSink(), FakeClock(), FakePath()
        spec = ConnectionSpec("shop", Sensitive("ws://server.test/feed?token=hunter2"), **options)
        self.services = EngineServices(
            bus or self.sink, self.clock, Random(1), TlsContexts(), Redactors(), Ticker(asyncio.get_running_loop())
        )
        relay = RelaySpec("127.0.0.1:0", (RouteSpec("/", spec.url),), spec, fail)
        recorded = Recorded(
            relay, spec, Rows().take("shop"), CarriedRow("0" * 31 + "1"), self.services, Redactor(), self.path
        )
        self.session = RelayedSession(recorded)

    def begin(self, *headers: str) -> None:
        """The request of the application with these headers, and TCP towards the server."""
        more = "".join(f"{line}\r\n" for line in headers).encode()
        head = RequestReader().feed(REQUEST[:-2] + more + b"\r\n")
        assert head is not None
        self.session.begin(head, "127.0.0.1:50000", "ws://server.test/feed?token=hunter2")
        transport = cast(asyncio.Transport, FakeServerTransport())
        phases = Phases(self.clock, secure=False, tunnel=False)
        self.session.on_connected(ServerConnection(transport, phases, "server.test", False, ""))

    def open(self, *headers: str, asked: tuple[str, ...] = ()) -> None:
        """A connection that the server has accepted with these headers."""
        self.begin(*asked)
        more = "".join(f"{line}\r\n" for line in headers).encode()
        head = HeadReader().feed(ANSWER[:-2] + more + b"\r\n")
        assert head is not None
        self.session.on_response(head)

    def from_server(self, *frames: bytes) -> None:
        """Bytes of the server."""
        self.session.on_bytes("server", b"".join(frames))

    def from_application(self, *frames: bytes) -> None:
        """Bytes of the application."""
        self.session.on_bytes("application", b"".join(frames))

    def ended(self) -> Event:
        """End the session; return its last event."""
        self.session.end()
        return self.sink.named("connection.disconnected")[-1]


def meta(event: Event, *keys: str) -> dict[str, Json]:
    """Some of the metadata of an event."""
    return {key: value for key, value in (event.meta or {}).items() if key in keys}


async def test_the_life_of_a_connection_names_the_application_and_masks_secrets() -> None:
    rig = Rig()
    rig.open("Sec-WebSocket-Protocol: v1", "Sec-WebSocket-Extensions: permessage-deflate")
    started, opened, completed = rig.sink.events[:3]
    assert meta(started, "attempt", "application", "url") == {
        "attempt": 1,
        "application": "127.0.0.1:50000",
        "url": "ws://server.test/feed?token=[FILTERED]",
    }
    assert (opened.to_status, meta(opened, "leg", "peer")) == ("connected", {"leg": "server", "peer": "192.0.2.1:443"})
    assert (completed.to_status, completed.status) == ("websocket_connected", 101)
    assert meta(completed, "application", "subprotocol", "extensions") == {
        "application": "127.0.0.1:50000",
        "subprotocol": "v1",
        "extensions": ["permessage-deflate"],
    }
    assert ["Upgrade", "websocket"] in cast(list[Json], (completed.meta or {})["request_headers"])


async def test_credentials_that_the_server_repeats_are_masked() -> None:
    rig = Rig()
    offered = "Sec-WebSocket-Protocol: access_token, s3cr3t"
    rig.open("Sec-WebSocket-Protocol: s3cr3t", "Sec-WebSocket-Extensions: x-own; token=s3cr3t", asked=(offered,))
    rig.from_server(raw_frame(0xF1, b"abc"))
    assert rig.sink.events[-1].name == "message.received"
    assert "s3cr3t" not in repr(rig.sink.events)


async def test_credentials_of_the_request_are_masked_in_messages_and_close_reasons_also_after_a_reload() -> None:
    rig = Rig(protocol="raw")
    rig.open(asked=("Authorization: Bearer s3cr3t-0123", "Cookie: lang=en; sid=sid-012345"))
    rig.from_server(frame(TEXT, b'{"which":"s3cr3t-0123"}'), frame(TEXT, b"sid-012345 hunter2hunter2"))
    rig.session.use_redactor(Redactor(secrets=("hunter2hunter2",)))
    rig.from_application(frame(TEXT, b"s3cr3t-0123 hunter2hunter2", mask=True))
    rig.from_server(frame(CLOSE, b"\x0f\xa1no s3cr3t-0123"))
    assert [event.payload for event in rig.sink.events if event.name.startswith("message")] == [
        b'{"which":"[FILTERED]"}',
        b"[FILTERED] hunter2hunter2",
        b"[FILTERED] [FILTERED]",
    ]
    assert rig.ended().reason == "no [FILTERED]"
    assert "s3cr3t-0123" not in repr(rig.sink.events)


async def test_an_answer_that_clients_refuse_is_an_error_of_the_server() -> None:
    rig = Rig()
    rig.open("Sec-WebSocket-Protocol: v1")
    (error,) = rig.sink.named("error.occurred")
    assert (error.error_type, error.meta) == ("handshake", {"leg": "server"})
    assert error.error == (
        "bad answer to the upgrade: unsupported subprotocol: v1; RFC 6455 tells clients to end the connection"
    )
    rig.session.on_lost("application", None)
    assert meta(rig.ended(), "bad_answer") == {"bad_answer": "unsupported subprotocol: v1"}
    other = Rig()
    other.open("Sec-WebSocket-Protocol: v1")
    other.from_application(frame(TEXT, b"hi", mask=True))
    assert meta(other.ended(), "bad_answer") == {}


async def test_messages_and_heartbeats_of_both_sides_are_recorded_with_their_direction_and_round_trips() -> None:
    rig = Rig(protocol="raw")
    rig.open()
    rig.from_server(frame(TEXT, b"a"), frame(TEXT, b"b"), frame(TEXT, b"c"), frame(PING, b"s"))
    rig.clock.advance(0.25)
    rig.from_application(frame(PONG, b"s", mask=True), frame(TEXT, b"x", fin=False, mask=True))
    rig.from_application(frame(0, b"y", mask=True), frame(PING, b"p", mask=True))
    rig.clock.advance(0.5)
    rig.from_server(frame(PONG, b"p"))
    assert [
        (event.name, event.direction, event.payload, event.wire_size, event.duration_ns, event.meta)
        for event in rig.sink.events[3:]
    ] == [
        *(("message.received", "in", text, 3, None, None) for text in (b"a", b"b", b"c")),
        ("heartbeat.received", "in", b"s", 3, None, {"leg": "server"}),
        ("heartbeat.responded", "out", b"s", 7, 250_000_000, {"leg": "application"}),
        ("message.sent", "out", b"xy", 14, None, {"fragments": 2}),
        ("heartbeat.sent", "out", b"p", 7, None, {"leg": "application"}),
        ("heartbeat.responded", "in", b"p", 3, 500_000_000, {"leg": "server"}),
    ]
    # Several plain messages of one read are one block
    assert [block.count for block in rig.sink.blocks] == [3]


async def test_requests_of_the_application_are_paired_with_answers_of_the_server() -> None:
    rig = Rig()
    rig.open()
    rig.from_application(frame(TEXT, b'{"jsonrpc":"2.0","id":1,"method":"get"}', mask=True))
    rig.clock.advance(0.1)
    rig.from_server(frame(TEXT, b'{"jsonrpc":"2.0","id":1,"result":5}'))
    (completed,) = rig.sink.named("message.process.completed")
    assert (completed.type, completed.duration_ns) == ("get", 100_000_000)


@pytest.mark.parametrize(
    ("first", "by", "to"), [("application", "application", "closed"), ("server", "peer", "disconnected")]
)
async def test_the_first_close_frame_says_who_closed(first: Leg, by: str, to: str) -> None:
    rig = Rig()
    rig.open()
    second: Leg = "server" if first == "application" else "application"
    rig.session.on_bytes(first, frame(CLOSE, BYE, mask=first == "application"))
    rig.session.on_bytes(second, frame(CLOSE, b"\x03\xe8", mask=second == "application"))
    rig.session.on_eof("server")
    rig.session.on_lost("server", None)
    rig.session.on_lost("application", None)
    ended = rig.ended()
    assert (ended.to_status, ended.close_by, ended.close_code, ended.reason) == (to, by, 1000, "bye")
    frames = {"received": {"code": 1000, "reason": ""}, "sent": {"code": 1000, "reason": "bye"}}
    if first == "server":
        frames = {"received": {"code": 1000, "reason": "bye"}, "sent": {"code": 1000, "reason": ""}}
    was_first = "received" if first == "server" else "sent"
    assert meta(ended, "leg", "received", "sent", "first") == {"leg": first, **frames, "first": was_first}


@pytest.mark.parametrize(
    ("leg", "error", "by", "kind", "to"),
    [
        ("application", None, "application", "eof", "closed"),
        ("application", ConnectionResetError(), "application", "reset", "closed"),
        ("server", None, "network", "eof", "disconnected"),
        ("server", ConnectionResetError(), "network", "reset", "disconnected"),
    ],
)
async def test_an_end_without_a_close_frame_is_that_of_the_leg_which_ended_first(
    leg: Leg, error: Exception | None, by: str, kind: str, to: str
) -> None:
    rig = Rig()
    rig.open()
    rig.session.on_lost(leg, error)
    rig.session.on_lost("server" if leg == "application" else "application", None)
    ended = rig.ended()
    assert (ended.to_status, ended.close_by, ended.close_code, ended.error_type) == (to, by, None, kind)
    assert meta(ended, "leg") == {"leg": leg}
    assert f"of the {leg}" in ended.error or kind == "eof"


async def test_an_application_that_gives_up_before_the_answer_is_no_failure_of_the_server() -> None:
    rig = Rig()
    rig.begin()
    rig.session.on_lost("application", None)
    ended = rig.ended()
    assert (ended.from_status, ended.to_status, ended.close_by) == ("connected", "closed", "application")
    assert ended.error == "the application ended its connection before the server had answered the upgrade"


@pytest.mark.parametrize("is_open", [False, True])
async def test_an_end_by_wsmon_has_its_reason(is_open: bool) -> None:
    rig = Rig()
    if is_open:
        rig.open()
    else:
        rig.begin()
    rig.session.on_closing("wsmon stopped")
    rig.session.on_lost("server", None)
    ended = rig.ended()
    assert (ended.to_status, ended.close_by, ended.reason) == ("closed", "us", "wsmon stopped")


async def test_a_refusal_has_the_status_and_says_that_credentials_were_refused() -> None:
    rig = Rig()
    rig.begin("Authorization: Bearer abcdefgh", "Sec-WebSocket-Protocol: v1, v2")
    refused = UpgradeRefusedError(ResponseHead("HTTP/1.1", 401, "Unauthorized", (("Server", "nginx"),)), b"no")
    rig.session.on_failed(refused, DialProgress("server.test", 443, "upgrade", 10.0))
    ended = rig.ended()
    assert (ended.to_status, ended.close_by, ended.status, ended.error_type) == (
        "disconnected",
        "refusal",
        401,
        "http_status",
    )
    assert meta(ended, "leg", "body", "offered_subprotocols") == {
        "leg": "server",
        "body": "no",
        "offered_subprotocols": ["v1", "v2"],
    }
    assert [event.status for event in rig.sink.named("auth.failed")] == [401]


@pytest.mark.parametrize(
    ("leg", "data", "kind", "sentence"),
    [
        ("server", b"\xff" * 40, "protocol", "the server broke the protocol: invalid opcode"),
        ("server", frame(TEXT, b"x", mask=True), "protocol", "the server broke the protocol: incorrect masking"),
        ("application", frame(TEXT, b"x"), "protocol", "the application broke the protocol: incorrect masking"),
        (
            "application",
            frame(TEXT, b"\xff", mask=True),
            "invalid_utf8",
            "the application sent invalid UTF-8 in a text message: invalid start byte at byte 0",
        ),
        (
            "server",
            b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            "http_in_stream",
            "after the upgrade the server sent HTTP/1.1 503 Busy",
        ),
    ],
    # Not the bytes: masks are random, and every worker must find the same names
    ids=["no opcode", "masked by the server", "not masked by the application", "no UTF-8", "HTTP"],
)
async def test_illegal_bytes_are_one_error_and_the_other_leg_is_read_on(
    leg: Leg, data: bytes, kind: str, sentence: str
) -> None:
    rig = Rig()
    rig.open()
    rig.session.on_bytes(leg, data)
    rig.session.on_bytes(leg, data)
    other: Leg = "server" if leg == "application" else "application"
    rig.session.on_bytes(other, frame(TEXT, b"still read", mask=other == "application"))
    rig.session.on_lost("application", None)
    (fault,) = rig.sink.named("error.occurred")
    assert (fault.error_type, meta(fault, "leg")) == (kind, {"leg": leg})
    assert fault.error == f"{sentence}; its bytes are passed on as they are, and not read from here on"
    assert rig.sink.events[-1].payload == b"still read"
    assert meta(rig.ended(), "unread_bytes") == {"unread_bytes": {leg: 2 * len(data)}}


async def test_a_close_frame_whose_reason_is_not_utf8_is_taken_as_it_is_meant() -> None:
    rig = Rig()
    rig.open()
    rig.from_server(b"\x88\x05\x03\xf4no\xff")
    ended = rig.ended()
    assert (ended.close_by, ended.close_code, ended.reason, ended.error_type) == ("peer", 1012, "no�", "")
    assert ended.error == "the reason is not valid UTF-8, � replaces the invalid bytes"
    assert rig.sink.named("error.occurred")[0].error_type == "invalid_utf8"


async def test_a_message_past_the_limit_and_one_of_an_unknown_extension_have_a_size_and_no_payload() -> None:
    rig = Rig(max_message_bytes=10)
    rig.open()
    rig.from_server(frame(TEXT, b"x" * 11))
    rig.from_application(frame(BINARY, b"y" * 6, fin=False, mask=True), frame(0, b"y" * 6, mask=True))
    received, sent = rig.sink.events[3:]
    assert (received.name, received.size, received.payload, received.meta) == (
        "message.received",
        11,
        None,
        {"unread": "larger than max_message"},
    )
    assert (sent.name, sent.direction, sent.size, sent.wire_size) == ("message.sent", "out", 12, 24)
    assert sent.meta == {"unread": "larger than max_message", "fragments": 2}
    other = Rig()
    other.open("Sec-WebSocket-Extensions: x-own")
    other.from_server(raw_frame(0xF1, b"abc"))
    completed, unread = other.sink.events[2:]
    assert "extension x-own" in str((completed.meta or {})["unread"])
    assert (unread.size, unread.payload, unread.meta) == (3, None, {"unread": "extension x-own"})


async def test_with_fail_open_a_full_sink_costs_messages_that_are_counted_and_never_the_traffic() -> None:
    rig = Rig(protocol="raw")
    rig.open()
    rig.sink.is_full = True
    rig.from_server(frame(TEXT, b"recorded"))
    rig.from_server(frame(TEXT, b"aa") * 3, frame(PING, b"p"))
    rig.from_application(frame(TEXT, b"b", mask=True))
    assert rig.path.asked == []
    rig.sink.is_full = False
    rig.session.resume_reading()
    rig.from_server(frame(TEXT, b"again"))
    names = [event.name for event in rig.sink.events[3:]]
    assert names == ["message.received", "self.shed", "self.shed", "self.shed", "message.received"]
    assert [event.meta for event in rig.sink.named("self.shed")] == [
        {"name": "message.received", "events": 3, "size_bytes": 6},
        {"name": "heartbeat.received", "events": 1, "size_bytes": 1},
        {"name": "message.sent", "events": 1, "size_bytes": 1},
    ]
    rig.sink.is_full = True
    rig.from_server(frame(TEXT, b"last"))
    rig.from_server(frame(TEXT, b"gone"))
    rig.session.end()
    assert rig.sink.names()[-2:] == ["self.shed", "connection.disconnected"]


async def test_with_fail_open_every_message_is_stored_or_counted_and_the_bus_stays_bounded() -> None:
    drained: list[bool] = []
    bus = Bus(lambda: drained.append(True), high_water_bytes=50_000, low_water_bytes=10_000)
    rig = Rig(bus=bus, protocol="raw")
    rig.open()
    events: list[Event] = []
    peak_bytes = 0
    for number in range(1_000):
        rig.from_server(frame(TEXT, b"x" * 200))
        peak_bytes = max(peak_bytes, bus.waiting_bytes)
        if number % 400 == 399:
            while bus.waiting_events:
                events += [each for each in bus.take(0.0).events if isinstance(each, Event)]
            if drained:
                drained.clear()
                rig.session.resume_reading()
    rig.session.end()
    while bus.waiting_events:
        events += [each for each in bus.take(0.0).events if isinstance(each, Event)]
    stored = sum(event.name == "message.received" for event in events)
    counts = [(event.meta or {})["events"] for event in events if event.name == "self.shed"]
    missing = sum(count for count in counts if isinstance(count, int))
    assert (stored + missing, missing > 0, peak_bytes < 51_000) == (1_000, True, True)


async def test_with_fail_closed_a_full_sink_stops_both_legs_until_it_has_room() -> None:
    rig = Rig(fail="closed")
    rig.open()
    rig.sink.is_full = True
    rig.from_server(frame(TEXT, b"recorded"))
    assert rig.path.asked == ["pause"]
    assert rig.session in rig.services.paused
    rig.clock.advance(2.0)
    rig.sink.is_full = False
    rig.session.resume_reading()
    assert rig.path.asked == ["pause", "resume"]
    assert not rig.services.paused
    assert [event.meta for event in rig.sink.named("self.backpressure")] == [{"paused_ms": 2000.0}]
    assert not rig.sink.named("self.shed")


async def test_with_fail_closed_nothing_is_read_while_the_sink_drops_what_comes() -> None:
    rig = Rig(fail="closed")
    rig.open()
    rig.session.stop_reading()
    rig.session.stop_reading()
    assert rig.path.asked == ["pause"]
    rig.session.resume_reading()
    assert (rig.path.asked, len(rig.sink.named("self.backpressure"))) == (["pause", "resume"], 1)


async def test_a_standstill_of_the_recorder_before_an_end_is_said() -> None:
    rig = Rig()
    rig.open()
    rig.clock.advance(5.0)
    rig.session.stood_still(Standstill(4_000_000_000, 0))
    rig.session.on_lost("server", None)
    assert meta(rig.ended(), "suspended_ms", "resumed_ms") == {"suspended_ms": 4000.0, "resumed_ms": 0.0}


async def test_after_a_mistake_of_ours_the_rest_is_not_recorded_and_the_end_says_so() -> None:
    rig = Rig()
    rig.open()
    rig.session.on_mistake(ValueError("oops"))
    ended = rig.ended()
    assert rig.sink.named("error.occurred")[0].error.endswith("and relays it on: ValueError: oops")
    assert (ended.to_status, ended.close_by, ended.error_type) == ("closed", "us", "internal")


async def test_new_values_are_masked_from_then_on() -> None:
    rig = Rig(protocol="raw")
    rig.open()
    rig.session.use_redactor(Redactor(secrets=("hunter2hunter2",)))
    rig.from_server(frame(TEXT, b"hunter2hunter2!"))
    assert rig.sink.events[-1].payload == b"[FILTERED]!"


async def test_a_connection_over_sockets_is_recorded_from_its_request_to_its_end() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER + frame(TEXT, b"hello"))
        await reader.readexactly(len(frame(CLOSE, BYE, mask=True)))
        writer.write(frame(CLOSE, b"\x03\xe8"))
        writer.close()

    async with relaying(serve, make_listener=RelayedSession) as relay:
        reader, writer = await relay.upgrade()
        writer.write(frame(CLOSE, BYE, mask=True))
        async with asyncio.timeout(SOON_S):
            await reader.read()
        writer.close()
        sink = relay.services.sink
        assert isinstance(sink, RecordingSink)
        ended = await sink.wait("connection.disconnected")
        assert sink.path() == ["connecting", "connected", "websocket_connected", "closed"]
        assert (ended.close_by, ended.close_code, ended.reason) == ("application", 1000, "bye")
        assert [event.payload for event in sink.named("message.received")] == [b"hello"]


async def test_a_dial_that_wsmon_ends_is_no_failure() -> None:
    rig = Rig()
    rig.begin()
    rig.session.on_closing("wsmon stopped")
    rig.session.on_failed(asyncio.CancelledError(), DialProgress("server.test", 443, "upgrade", 10.0))
    ended = rig.ended()
    assert (ended.to_status, ended.close_by, ended.error_type) == ("closed", "us", "")
    assert len(rig.sink.named("connection.disconnected")) == 1
