"""Networks that lose every packet, forget connections and come back: said as that, and survived."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.support.engines import (
    CLOSE,
    PING,
    PONG,
    SOON_AGAIN,
    SOON_S,
    TEXT,
    Engine,
    accept,
    frame,
    meta_of,
    read_frame,
    running,
    spec,
)
from tests.support.network import THEIRS, Link
from tests.support.thoroughness import times
from wsmon.config.specs import PingSpec

TICK_S = 0.02
CUTS = times(1)


class Host:
    """The peer's host: a server that ticks, numbered in each session, and answers pings."""

    def __init__(self) -> None:
        self.ticks = 0
        """Messages sent, in all."""
        self._taken: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        self._taken.append(writer)
        try:
            await accept(reader, writer)
            async with asyncio.TaskGroup() as group:
                ticking = group.create_task(self._tick(writer))
                while (received := await read_frame(reader))[0] != CLOSE:
                    if received[0] == PING:
                        writer.write(frame(PONG, received[1]))
                ticking.cancel()
        except* (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            # The network was the test
            pass
        finally:
            writer.close()

    async def _tick(self, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            number += 1
            self.ticks += 1
            writer.write(frame(TEXT, b"%d" % number))
            await asyncio.sleep(TICK_S)

    async def forget(self) -> None:
        """End every connection as a host does that is switched off and on: nobody waits for the other side."""
        for writer in self._taken:
            taken: socket.socket = writer.get_extra_info("socket")
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()
        self._taken.clear()


@asynccontextmanager
async def watched(link: Link, ping: PingSpec, **fields: object) -> AsyncIterator[tuple[Engine, Host]]:
    """A connection over the cable that dials again soon."""
    listening = link.listen()
    port = listening.getsockname()[1]
    host = Host()
    connection = spec(port, url=f"ws://{THEIRS}:{port}/", ping=ping, reconnect=SOON_AGAIN, **fields)
    server = await asyncio.start_server(host.serve, sock=listening)
    try:
        async with running(connection) as engine:
            await engine.sink.wait("message.received", 10)
            yield engine, host
    finally:
        server.close()


def is_continuous(engine: Engine) -> bool:
    """Whether each session has its messages 1, 2, 3 …, none left out."""
    sessions: dict[str, list[int]] = {}
    for event in engine.sink.named("message.received"):
        assert event.payload is not None
        sessions.setdefault(event.source.connection_id, []).append(int(event.payload))
    return all(numbers == list(range(1, len(numbers) + 1)) for numbers in sessions.values())


@pytest.mark.timeout(60 + 20 * CUTS)
async def test_a_partition_is_noticed_by_its_pings_and_over_when_the_cable_is_back(link: Link) -> None:
    async with watched(link, PingSpec(0.1, 0.5), open_timeout_s=0.3) as (engine, _):
        for number in range(1, CUTS + 1):
            link.pull()
            ended = await engine.sink.wait("heartbeat.timeout", number)
            assert ended.source.connection == "feed"
            await engine.sink.wait("connection.reconnect.failed", number)
            link.plug_in()
            await engine.sink.wait("connection.reconnect.success", number)
            await engine.sink.wait("message.received", len(engine.sink.named("message.received")) + 10)
        losses = [event for event in engine.sink.named("connection.disconnected") if meta_of(event)["open"]]
        assert {(event.error_type, event.close_by) for event in losses} == {("heartbeat_timeout", "heartbeat")}
        failed = {event.error_type for event in engine.sink.named("connection.disconnected") if event not in losses}
        assert failed <= {"tcp_timeout", "open_timeout", "tcp_unreachable"}, failed
        assert is_continuous(engine)


async def test_a_short_partition_ends_nothing_and_loses_nothing(link: Link) -> None:
    async with watched(link, PingSpec(0.1, 30.0)) as (engine, host):
        before = len(engine.sink.named("message.received"))
        link.pull()
        ticks = host.ticks + 10
        async with asyncio.timeout(SOON_S):
            while host.ticks < ticks:
                await asyncio.sleep(TICK_S)
        link.plug_in()
        await engine.sink.wait("message.received", before + 20)
        assert engine.sink.named("connection.disconnected") == []
        assert is_continuous(engine)


async def test_a_host_that_forgot_the_connection_resets_it(link: Link) -> None:
    """Half open: it was switched off and on behind a pulled cable, and learns of the connection from our ping."""
    async with watched(link, PingSpec(0.1, 30.0)) as (engine, host):
        link.pull()
        await host.forget()
        link.plug_in()
        ended = await engine.ended()
        assert (ended.error_type, ended.close_by) == ("reset", "network")
        await engine.sink.wait("connection.reconnect.success")
