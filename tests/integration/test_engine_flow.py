"""Who has to wait: a store of ours that is slow, and a peer that never reads."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import threading

import pytest

from tests.support.engines import (
    PING,
    PONG,
    SOON_S,
    TEXT,
    accept,
    against,
    close_frame,
    frame,
    hang_up_when_closed,
    meta_of,
    raw_server,
    read_frame,
    running,
    spec,
)
from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.config.specs import PingSpec
from wsmon.engine import tap
from wsmon.engine.loop import READ_BYTES
from wsmon.engine.supervisor import Supervisor
from wsmon.engine.tap import CLOSING_BYTES
from wsmon.model.block import count_events

# More than the kernel's buffers of both ends hold
FLOOD_BYTES = 32 * 1024 * 1024


class Flood:
    """Writes messages as fast as they are taken, and knows when it is held up."""

    def __init__(self) -> None:
        self.is_held_up = asyncio.Event()
        self.messages = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        message = frame(TEXT, b"x" * 1000)
        while self.messages * len(message) < FLOOD_BYTES:
            writer.write(message * 64)
            self.messages += 64
            try:
                async with asyncio.timeout(0.2):
                    await asyncio.shield(writer.drain())
            except TimeoutError:
                self.is_held_up.set()
                await writer.drain()
        writer.write(close_frame(1000))
        await hang_up_when_closed(reader, writer)


async def test_a_full_sink_pauses_the_peer_and_loses_nothing() -> None:
    flood = Flood()
    async with against(flood.handle, ping=PingSpec(interval_s=0.0)) as engine:
        sink = engine.sink
        sink.is_full = True
        async with asyncio.timeout(SOON_S):
            await flood.is_held_up.wait()
        received = len(sink.named("message.received"))
        assert received < flood.messages
        assert sink.named("self.backpressure") == []

        sink.is_full = False
        threading.Thread(target=engine.supervisor.resume_reading).start()
        told = await sink.wait("self.backpressure")
        ended = await engine.ended()
        assert meta_of(told)["paused_ms"] > 0
        assert (ended.close_by, ended.close_code) == ("peer", 1000)
        assert len(sink.named("message.received")) == flood.messages
        assert len(sink.named("self.backpressure")) == 1


async def test_our_own_pause_is_no_missed_pong() -> None:
    is_paused = asyncio.Event()
    fill = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        opcode, payload = await read_frame(reader)
        assert opcode == PING
        await fill.wait()
        writer.write(frame(TEXT, b"fills the sink"))
        await is_paused.wait()
        writer.write(frame(PONG, payload))
        await hang_up_when_closed(reader, writer)

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await hang_up_when_closed(reader, writer)

    ping = PingSpec(interval_s=0.01, timeout_s=0.3)
    async with raw_server(handle) as port, raw_server(deaf) as other:
        witness = spec(other, name="witness", ping=ping, enabled=False)
        async with running(spec(port, ping=ping), witness) as engine:
            sink = engine.sink
            await sink.wait("heartbeat.sent")
            sink.is_full = True
            fill.set()
            await sink.wait("message.received")
            is_paused.set()
            sink.is_full = False
            engine.supervisor.enable("witness")
            await sink.wait("heartbeat.timeout", connection="witness")
            assert sink.named("heartbeat.timeout", "feed") == []

            engine.supervisor.resume_reading()
            answer = await sink.wait("heartbeat.responded")
            assert answer.duration_ns is None
            assert "heartbeat.timeout" not in sink.names("feed")


async def test_the_real_bus_resumes_what_it_paused() -> None:
    flood = Flood()
    taken = 0
    has_ended = threading.Event()

    def drain() -> None:
        nonlocal taken
        while not bus.is_closed:
            for event in bus.take().events:
                if event.name == "message.received":
                    taken += count_events([event])
                elif event.name == "connection.disconnected":
                    has_ended.set()

    def resume() -> None:
        supervisor.resume_reading()

    bus = Bus(resume, high_water_bytes=1 << 20, low_water_bytes=1 << 18)
    async with raw_server(flood.handle) as port, asyncio.TaskGroup() as group:
        supervisor = Supervisor((spec(port, ping=PingSpec(0.0)),), (), bus, SystemClock(), random.Random(1))
        group.create_task(supervisor.run())
        thread = threading.Thread(target=drain)
        thread.start()
        try:
            assert await asyncio.to_thread(has_ended.wait, 30.0)
        finally:
            await supervisor.stop()
            bus.close()
            await asyncio.to_thread(thread.join)
    assert taken == flood.messages


async def test_a_peer_that_pings_and_never_reads_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap, "WRITE_LIMIT_BYTES", 1024 * 1024)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Of the pongs, few wait in the system's own buffers
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_BYTES)
        await accept(reader, writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of a socket reads and writes
        pings = frame(PING, b"p" * 125) * 500
        while not writer.is_closing():
            writer.write(pings)
            await writer.drain()

    async with against(handle, ping=PingSpec(interval_s=0.0)) as engine:
        ended = await engine.ended()
        fault = engine.sink.named("error.occurred")[0]
        assert (ended.close_by, ended.error_type, ended.to_status) == ("us", "write_overflow", "disconnected")
        assert fault.error == "the peer is not reading: 1 MiB queued to be sent"


async def test_a_peer_that_floods_is_not_waited_for_when_we_close() -> None:
    flood = Flood()
    async with against(flood.handle, ping=PingSpec(interval_s=0.0), close_timeout_s=10 * SOON_S) as engine:
        sink = engine.sink
        await sink.wait("message.received")
        received = len(sink.named("message.received"))
        engine.supervisor.disable("feed")
        ended = await engine.ended()
        assert (ended.close_by, ended.close_code, ended.to_status) == ("us", 1000, "closed")
        behind = (len(sink.named("message.received")) - received) * 1000
        assert behind <= CLOSING_BYTES + READ_BYTES


def open_sockets() -> int:
    """Sockets of this process that were not collected and are not closed."""
    gc.collect()
    return sum(isinstance(one, socket.socket) and one.fileno() >= 0 for one in gc.get_objects())


async def test_a_session_leaves_no_open_sockets() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(close_frame(1000))
        await read_frame(reader)

    async with against(handle) as engine:
        await engine.ended()
        before = open_sockets()
        for count in range(2, 12):
            engine.supervisor.reconnect("feed")
            await engine.ended(count)
        assert open_sockets() <= before
