"""The life of a connection over real sockets: the tracer's cases ST-01, ST-02, CM-04 … CM-11 and BO-01, and SL-06."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import replace

import pytest

from tests.support.engines import (
    NEVER_AGAIN,
    SOON_AGAIN,
    TEXT,
    Engine,
    Handler,
    RecordingSink,
    accept,
    against,
    close_frame,
    frame,
    hang_up_when_closed,
    meta_of,
    read_frame,
    running,
    spec,
)
from wsmon.config.specs import ReconnectSpec
from wsmon.errors import UsageError
from wsmon.model.redact.masking import Sensitive

TRIPLE = replace(SOON_AGAIN, max_attempts=3)
LIFE = ["connecting", "connected", "websocket_connected", "disconnected", "reconnecting"]


async def staying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, and closes when the engine does."""
    await accept(reader, writer)
    await hang_up_when_closed(reader, writer)


async def leaving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts and closes at once, in peace."""
    await accept(reader, writer)
    writer.write(close_frame(1000, "done"))
    await read_frame(reader)


def illegal(sink: RecordingSink) -> list[str]:
    """Transitions that the table of statuses does not allow."""
    return [event.name for event in sink.events if event.to_status and meta_of(event).get("illegal")]


def in_turn(*handlers: Handler) -> Handler:
    """A peer that treats each new socket as the next of these do, and all later ones as the last does."""
    served = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        await handlers[min(served, len(handlers)) - 1](reader, writer)

    return handle


class Clinging:
    """A peer that leaves every close unanswered and goes on talking on old sockets."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(TEXT, f"socket {len(self.writers)}".encode()))
        self.writers.append(writer)
        await asyncio.Event().wait()

    def replay(self) -> None:
        """Say on every socket but the newest what its session was told before."""
        for number, writer in enumerate(self.writers[:-1]):
            writer.write(frame(TEXT, f"socket {number}".encode()) + close_frame(1000))

    def speak(self, text: bytes) -> None:
        """Say something on the newest socket."""
        self.writers[-1].write(frame(TEXT, text))


async def test_st_01_a_trace_begins_empty_with_an_id_of_its_own() -> None:
    async with against(staying) as engine:
        first = await engine.sink.wait("connection.started")
        assert engine.sink.events[0] is first
        assert re.fullmatch("[0-9a-f]{32}", first.source.trace_id)


async def test_st_02_the_users_trace_id_is_kept_to_the_letter() -> None:
    async with against(staying, trace_id="custom-trace-123") as engine:
        await engine.sink.wait("connection.completed")
        assert {event.source.trace_id for event in engine.sink.events} == {"custom-trace-123"}


async def test_cm_04_a_retry_is_scheduled_once_with_its_delay() -> None:
    retry = ReconnectSpec(initial_s=600.0, max_s=3600.0, jitter=0.0)
    async with against(leaving, reconnect=retry) as engine:
        scheduled = await engine.sink.wait("connection.reconnect.attempt")
        assert (scheduled.from_status, scheduled.to_status) == ("disconnected", "reconnecting")
        assert (meta_of(scheduled)["delay_ms"], meta_of(scheduled)["attempt"]) == (600_000.0, 2)
        assert engine.sink.path() == LIFE
        assert len(engine.sink.named("connection.reconnect.attempt")) == 1


async def test_cm_05_what_must_not_be_tried_again_is_given_up() -> None:
    async with running(spec(80, proxy=Sensitive("ftp://127.0.0.1:1"))) as engine:
        gave_up = await engine.sink.wait("connection.transition")
        assert (gave_up.to_status, gave_up.error_type) == ("error", "proxy")
        assert "connection.reconnect.attempt" not in engine.sink.names()
        engine.supervisor.reconnect("feed")
        again = await engine.sink.wait("connection.started", 2)
        assert (again.from_status, meta_of(again)["attempt"]) == ("error", 1)


async def test_cm_06_sl_06_a_life_with_a_reconnect_has_two_sessions_in_one_trace() -> None:
    async with against(in_turn(leaving, staying), reconnect=SOON_AGAIN) as engine:
        await engine.sink.wait("connection.completed", 2)
        assert engine.sink.path() == [*LIFE, *LIFE[:3]]
        assert illegal(engine.sink) == []
        before, after = (event.source for event in engine.sink.named("connection.completed"))
        assert before.connection_id != after.connection_id
        assert before.trace_id == after.trace_id


async def test_cm_07_four_triggers_after_a_dead_transport_are_one_reconnection() -> None:
    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await writer.drain()
        writer.transport.abort()

    async with against(in_turn(dying, staying), reconnect=NEVER_AGAIN) as engine:
        await engine.sink.wait("connection.reconnect.attempt")
        for _ in range(4):
            engine.supervisor.reconnect("feed")
        await engine.sink.wait("connection.completed", 2)
        assert engine.sink.path() == [*LIFE, *LIFE[:3]]
        assert illegal(engine.sink) == []


async def replaced(engine: Engine, peer: Clinging, times: int) -> list[str]:
    """What is received in the newest session after so many reconnects, each followed by talk on the old sockets."""
    for number in range(1, times + 1):
        await engine.sink.wait("message.received", number)
        engine.supervisor.reconnect("feed")
        await engine.sink.wait("message.received", number + 1)
        peer.replay()
    peer.speak(b"still here")
    last = await engine.sink.wait("message.received", times + 2)
    return [
        (event.payload or b"").decode()
        for event in engine.sink.named("message.received")
        if event.source.connection_id == last.source.connection_id
    ]


@pytest.mark.parametrize("times", [pytest.param(1, id="cm_08"), pytest.param(3, id="cm_09")])
async def test_cm_08_cm_09_what_old_sockets_still_say_changes_nothing(times: int) -> None:
    peer = Clinging()
    async with against(peer, close_timeout_s=0.02) as engine:
        assert await replaced(engine, peer, times) == [f"socket {times}", "still here"]
        assert engine.sink.path()[-1] == "websocket_connected"
        assert len(engine.sink.named("message.received")) == times + 2
        assert illegal(engine.sink) == []


async def test_cm_10_the_peers_close_is_followed_by_a_retry() -> None:
    async with against(in_turn(leaving, staying), reconnect=TRIPLE) as engine:
        retry = await engine.sink.wait("connection.reconnect.attempt")
        assert meta_of(retry)["attempt"] == 2
        success = await engine.sink.wait("connection.reconnect.success")
        assert meta_of(success) == {"attempts": 1}


async def test_cm_10_our_own_close_is_followed_by_nothing() -> None:
    async with against(staying, reconnect=TRIPLE) as engine:
        await engine.sink.wait("connection.completed")
        engine.supervisor.disable("feed")
        ended = await engine.ended()
        assert (ended.to_status, ended.close_code) == ("closed", 1000)
        assert engine.sink.events[-1] is ended
    assert engine.sink.events[-1] is ended


async def test_cm_10_bo_01_the_third_retry_is_made_and_no_fourth() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    retry = ReconnectSpec(initial_s=0.01, max_s=0.01, factor=1.0, jitter=0.0, max_attempts=3)
    async with running(spec(port, reconnect=retry)) as engine:
        gave_up = await engine.sink.wait("connection.transition")
        delays = [meta_of(event)["delay_ms"] for event in engine.sink.named("connection.reconnect.attempt")]
        assert delays == [10.0, 10.0, 10.0]
        assert (gave_up.to_status, gave_up.error_type) == ("error", "retries_exhausted")
        failed = engine.sink.named("connection.reconnect.failed")
        assert [event.error_type for event in failed] == ["tcp_refused"] * 3


async def test_cm_11_a_command_for_nobody_is_refused_and_ends_nothing() -> None:
    async with against(staying) as engine:
        await engine.sink.wait("connection.completed")
        with pytest.raises(UsageError, match="no connection named 'nobody'"):
            engine.supervisor.reconnect("nobody")
        engine.supervisor.reconnect("feed")
        await engine.sink.wait("connection.completed", 2)


async def test_tg_06_a_text_has_its_size_and_type() -> None:
    async def greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(TEXT, b"Hello, WebSocket!"))
        await hang_up_when_closed(reader, writer)

    async with against(greeting) as engine:
        received = await engine.sink.wait("message.received")
        assert (received.size, received.opcode, received.payload) == (17, "text", b"Hello, WebSocket!")
