"""Protocols over real sockets: what is asked and answered becomes events with durations, and no secret gets through."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.support.engines import (
    BINARY,
    CLOSE,
    SOON_AGAIN,
    TEXT,
    Handler,
    accept,
    against,
    close_frame,
    frame,
    meta_of,
    read_frame,
)
from wsmon.clock import SystemClock
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive

CANARY = "cAnArY-of-a-protocol-x7Q9zz"


def texts(*messages: object) -> tuple[Sensitive, ...]:
    """Messages that the engine sends."""
    return tuple(Sensitive(message if isinstance(message, str) else json.dumps(message)) for message in messages)


def about(event: Event) -> tuple[str, str, str, str, int | str | None, str]:
    """What an event says of its protocol."""
    return event.name, event.type, event.topic, event.ref, event.status, event.error_type


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *answers: bytes) -> None:
    """Answer each message with the next of the frames, and the close at the end."""
    await accept(reader, writer)
    for answer in answers:
        await read_frame(reader)
        writer.write(answer)
    while (await read_frame(reader))[0] != CLOSE:
        pass
    writer.write(close_frame(1000))


def peer(*answers: object, opcode: int = TEXT) -> Handler:
    """A peer that answers each message with the next of these."""
    frames = [frame(opcode, answer if isinstance(answer, bytes) else json.dumps(answer).encode()) for answer in answers]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(reader, writer, *frames)

    return handle


async def test_a_json_rpc_reply_is_paired_with_its_request() -> None:
    handler = peer({"jsonrpc": "2.0", "id": 7, "result": 19})
    asked = texts({"jsonrpc": "2.0", "id": 7, "method": "subtract", "params": [42, 23]})
    async with against(handler, protocol="jsonrpc", send=asked) as engine:
        done = await engine.sink.wait("message.process.completed")
        sent, received = engine.sink.named("message.sent")[0], engine.sink.named("message.received")[0]
        assert about(sent) == ("message.sent", "subtract", "", "7", None, "")
        assert about(received) == ("message.received", "subtract", "", "7", None, "")
        assert about(done) == ("message.process.completed", "subtract", "", "7", "ok", "")
        assert done.duration_ns == received.mono_ns - sent.mono_ns
        assert len(done.span_id) == 16
        assert done.parent_id == done.source.connection_id
        assert (done.direction, done.size, done.payload) == ("in", 0, None)
        assert engine.sink.named("message.process.started") == []
        assert meta_of(engine.sink.named("connection.completed")[0])["protocol"] == "jsonrpc"


async def test_a_request_without_a_reply_ends_with_its_session() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await read_frame(reader)
        writer.write(close_frame(1000))

    asked = texts({"jsonrpc": "2.0", "id": 1, "method": "wait"})
    async with against(handle, protocol="jsonrpc", send=asked) as engine:
        await engine.ended()
        names = engine.sink.names()
        done = engine.sink.named("message.process.completed")[0]
        assert about(done) == ("message.process.completed", "wait", "", "1", "error", "disconnected")
        assert done.duration_ns is not None
        assert done.duration_ns > 0
        assert names.index("message.process.completed") < names.index("connection.disconnected")


class Jump(SystemClock):
    """The system's clock, put forward."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def mono_ns(self) -> int:
        return super().mono_ns() + self.ahead_ns


async def test_a_subscription_is_confirmed_lost_and_restored() -> None:
    confirmed = {"jsonrpc": "2.0", "id": 1, "result": ["trades"]}
    sessions = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sessions
        sessions += 1
        await accept(reader, writer)
        await read_frame(reader)
        if sessions == 1:
            writer.write(frame(TEXT, json.dumps(confirmed).encode()) + close_frame(1001))
            return
        await late.wait()
        writer.write(frame(TEXT, json.dumps(confirmed).encode()))
        while (await read_frame(reader))[0] != CLOSE:
            pass

    late = asyncio.Event()
    clock = Jump()
    asked = texts({"jsonrpc": "2.0", "id": 1, "method": "public/subscribe", "params": {"channels": ["trades"]}})
    async with against(handle, protocol="deribit", send=asked, reconnect=SOON_AGAIN, clock=clock) as engine:
        sink = engine.sink
        first = await sink.wait("subscription.subscribe.completed")
        assert about(first) == ("subscription.subscribe.completed", "public/subscribe", "trades", "1", "ok", "")
        await sink.wait("subscription.subscribe.started", 2)
        clock.ahead_ns = 29_000_000_000
        late.set()
        restored = await sink.wait("subscription.restored")
        assert restored.topic == "trades"
        assert restored.duration_ns is not None
        assert restored.duration_ns > 28_000_000_000


async def test_a_subscription_that_does_not_come_back_is_lost() -> None:
    confirmed = {"jsonrpc": "2.0", "id": 1, "result": ["trades"]}
    sessions = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sessions
        sessions += 1
        await accept(reader, writer)
        await read_frame(reader)
        if sessions == 1:
            writer.write(frame(TEXT, json.dumps(confirmed).encode()) + close_frame(1001))
            return
        while (await read_frame(reader))[0] != CLOSE:
            pass

    clock = Jump()
    asked = texts({"jsonrpc": "2.0", "id": 1, "method": "public/subscribe", "params": {"channels": ["trades"]}})
    async with against(handle, protocol="deribit", send=asked, reconnect=SOON_AGAIN, clock=clock) as engine:
        sink = engine.sink
        await sink.wait("connection.completed", 2)
        await sink.wait("message.sent", 2)
        clock.ahead_ns = 31_000_000_000
        lost = await sink.wait("subscription.lost")
        assert (lost.topic, lost.source.connection_id) == ("trades", sink.named("message.sent")[1].source.connection_id)


async def test_a_phoenix_join_is_a_subscription() -> None:
    handler = peer(["1", "1", "room:lobby", "phx_reply", {"status": "ok", "response": {}}])
    asked = texts(["1", "1", "room:lobby", "phx_join", {"token": CANARY}])
    async with against(handler, send=asked) as engine:
        done = await engine.sink.wait("subscription.subscribe.completed")
        assert about(done) == ("subscription.subscribe.completed", "phx_join", "room:lobby", "1", "ok", "")
        assert done.duration_ns is not None
        chosen = engine.sink.named("connection.protocol")
        assert [event.type for event in chosen] == ["phoenix"]
        assert CANARY not in engine.sink.text()


@pytest.mark.parametrize("protocol", ["json", "jsonrpc", "deribit", "phoenix", "graphql-ws", "nexus"])
async def test_garbage_stays_and_says_what_is_wrong_with_it(protocol: str) -> None:
    handler = peer(b'{"cut', opcode=TEXT)
    async with against(handler, protocol=protocol, send=texts("hello")) as engine:
        received = await engine.sink.wait("message.received")
        assert (received.payload, received.size) == (b'{"cut', 5)
        assert received.error_type != ""


async def test_auto_says_what_the_messages_showed() -> None:
    handler = peer({"jsonrpc": "2.0", "id": 1, "result": 1})
    async with against(handler, send=texts({"jsonrpc": "2.0", "id": 1, "method": "m"})) as engine:
        chosen = await engine.sink.wait("connection.protocol")
        assert (chosen.type, chosen.reason) == ("jsonrpc", 'jsonrpc: a message has "jsonrpc": "2.0"')
        done = await engine.sink.wait("message.process.completed")
        assert done.status == "ok"
        assert len(engine.sink.named("connection.protocol")) == 1


def mqtt_text(text: str) -> bytes:
    """A text as MQTT has it."""
    return len(text).to_bytes(2, "big") + text.encode()


async def test_credentials_of_a_protocol_reach_nobody() -> None:
    connect = b"\x04" + b"\xc2\x00\x3c" + mqtt_text("wsmon") + mqtt_text("user") + mqtt_text(CANARY)
    body = mqtt_text("MQTT") + connect
    packet = b"\x10" + bytes([len(body)]) + body
    stomp = f"CONNECT\naccept-version:1.2\nlogin:guest\npasscode:{CANARY}\n\n\0"
    mqtt_peer = peer(packet, opcode=BINARY)
    async with against(mqtt_peer, protocol="mqtt", send=texts("hello")) as engine:
        received = await engine.sink.wait("message.received")
        assert (received.size, received.redacted) == (len(packet), True)
        assert CANARY not in engine.sink.text()
    async with against(peer("x"), send=texts(stomp)) as engine:
        await engine.sink.wait("message.received")
        assert [event.type for event in engine.sink.named("connection.protocol")] == ["stomp"]
        assert CANARY not in engine.sink.text()


async def test_raw_says_nothing_about_messages() -> None:
    handler = peer({"jsonrpc": "2.0", "id": 1, "result": 1})
    asked = texts({"jsonrpc": "2.0", "id": 1, "method": "m"})
    async with against(handler, protocol="raw", send=asked) as engine:
        received = await engine.sink.wait("message.received")
        assert about(received) == ("message.received", "", "", "", None, "")
        assert "protocol" not in meta_of(engine.sink.named("connection.completed")[0])


async def test_sl_05_operations_of_one_socket_share_its_ids_and_have_their_own() -> None:
    handler = peer(*({"jsonrpc": "2.0", "id": number, "result": 1} for number in range(1, 6)))
    asked = texts(*({"jsonrpc": "2.0", "id": number, "method": "m"} for number in range(1, 6)))
    async with against(handler, protocol="jsonrpc", send=asked) as engine:
        await engine.sink.wait("message.process.completed", 5)
        done = engine.sink.named("message.process.completed")
        assert len({(event.source.trace_id, event.source.connection_id) for event in done}) == 1
        assert len({event.span_id for event in done}) == 5
        assert {event.parent_id for event in done} == {done[0].source.connection_id}
        assert all((event.duration_ns or 0) > 0 for event in done)
