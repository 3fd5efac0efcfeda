"""What tests of connections that an application traces share: a sink that keeps what it is told, and a server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.server import serve

from tests.support.tracing import KeptSink, echo


@pytest.fixture
def told() -> KeptSink:
    return KeptSink()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server that wsmon does not trace."""
    async with serve(echo, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
