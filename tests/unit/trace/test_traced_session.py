"""The life of a recorded connection: its ends as the engine explains them."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.support.tracing import KeptSink
from wsmon.trace import connect


@pytest.fixture
def told() -> KeptSink:
    return KeptSink()


async def test_a_ping_that_is_not_answered_is_the_librarys_end_and_ours(told: KeptSink) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        writer.writelines(protocol.data_to_send())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionClosedError, match="keepalive ping timeout"):
            async with connect(
                f"ws://127.0.0.1:{port}", ping_interval=0.01, ping_timeout=0.05, close_timeout=0.05, sink=told
            ) as connection:
                await connection.recv()
    (timeout,) = (event for event in told.events if event.name == "heartbeat.timeout")
    assert timeout.duration_ms == 50
    ended = told.events[-1]
    assert (ended.close_by, ended.error_type, ended.close_code) == ("heartbeat", "heartbeat_timeout", 1011)
