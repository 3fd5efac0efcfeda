"""A relayed connection as lifecycle events."""

from __future__ import annotations

import asyncio

from tests.support.engines import SOON_S, RecordingSink
from tests.support.relays import ANSWER, relaying
from wsmon.relay.relayed_session import RelayedSession


async def test_the_lifecycle_of_a_connection_is_recorded() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        writer.close()

    async with relaying(hang_up, make_listener=RelayedSession) as relay:
        reader, writer = await relay.upgrade()
        async with asyncio.timeout(SOON_S):
            await reader.read()
        writer.close()
        sink = relay.services.sink
        assert isinstance(sink, RecordingSink)
        await sink.wait("connection.disconnected")
        assert sink.path() == ["connecting", "connected", "websocket_connected", "closed"]
