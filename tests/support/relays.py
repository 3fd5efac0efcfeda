"""Relays under test: with a server that says exactly the bytes a test wants, and a listener that keeps what it is told.

``async with relaying(handler) as relay: reader, writer = await relay.connect()``
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.engines import SOON_S, Handler, RecordingSink
from wsmon.clock import SystemClock
from wsmon.config.specs import ConnectionSpec, RelaySpec, RouteSpec
from wsmon.engine.dial import TlsContexts
from wsmon.engine.http_head import ResponseHead
from wsmon.engine.retry import DialProgress, classify_dial
from wsmon.engine.services import EngineServices, Redactors
from wsmon.engine.standstill import Standstill
from wsmon.engine.ticker import Ticker
from wsmon.model.redact.masking import Sensitive
from wsmon.model.redact.redactor import Redactor
from wsmon.model.statuses import Status
from wsmon.relay.listener import Leg, ServerConnection
from wsmon.relay.relays import ListenerFactory, Recorded, Relays
from wsmon.relay.request_head import RequestHead

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: relay.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


class FakeListener:
    """Keeps the calls in ``calls``, and the bytes of each leg; ``mistakes`` are raised by the calls of these names."""

    def __init__(self, **mistakes: Exception) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.received: dict[Leg, bytes] = {"application": b"", "server": b""}
        self.request: RequestHead | None = None
        self.server: ServerConnection | None = None
        self._mistakes = mistakes
        self._ended = asyncio.Event()

    async def ended(self) -> list[tuple[Any, ...]]:
        """The calls, once the last one is there."""
        async with asyncio.timeout(SOON_S):
            await self._ended.wait()
        return self.calls

    @property
    def names(self) -> list[str]:
        """The names of the calls, those of bytes once in a row."""
        found = [call[0] for call in self.calls]
        return [name for at, name in enumerate(found) if name != "on_bytes" or found[at - 1] != name]

    def begin(self, request: RequestHead, application: str, upstream: str) -> None:
        self.request = request
        self._keep("begin", application, upstream)

    def on_connected(self, server: ServerConnection) -> None:
        self.server = server
        self._keep("on_connected")

    def on_failed(self, error: BaseException, progress: DialProgress) -> None:
        failure = classify_dial(error, progress)
        self._keep("on_failed", failure.error_type, failure.status)

    def on_response(self, head: ResponseHead) -> None:
        self._keep("on_response", head.status)

    def on_bytes(self, leg: Leg, data: bytes) -> None:
        self.received[leg] += data
        self._keep("on_bytes", leg, data)

    def on_eof(self, leg: Leg) -> None:
        self._keep("on_eof", leg)

    def on_lost(self, leg: Leg, error: BaseException | None) -> None:
        self._keep("on_lost", leg, type(error).__name__ if error else "")

    def on_closing(self, reason: str) -> None:
        self._keep("on_closing", reason)

    def stop_reading(self) -> None:
        self._keep("stop_reading")

    def resume_reading(self) -> None:
        self._keep("resume_reading")

    def stood_still(self, standstill: Standstill) -> None:
        self._keep("stood_still", standstill)

    def use_redactor(self, redactor: Redactor) -> None:
        self._keep("use_redactor", redactor)

    def on_mistake(self, error: Exception) -> None:
        self._keep("on_mistake", type(error).__name__)

    def end(self) -> Status:
        self._ended.set()
        self._keep("end")
        return "closed"

    def _keep(self, name: str, *arguments: Any) -> None:
        self.calls.append((name, *arguments))
        if name in self._mistakes:
            raise self._mistakes[name]


class RunningRelay:
    """A relay under test, and the listeners of its connections, in their order."""

    def __init__(
        self, relays: Relays, services: EngineServices, listeners: list[FakeListener], recorded: list[Recorded]
    ) -> None:
        self.relays = relays
        self.services = services
        self.listeners = listeners
        self.recorded = recorded
        self.writers: list[asyncio.StreamWriter] = []
        # Whether the sink drops messages
        self.is_shedding = False

    @property
    def port(self) -> int:
        """Where applications connect to."""
        return self.relays.addresses["api"][1]

    async def connect(self, request: bytes = REQUEST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect as an application, and send a request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        writer.write(request)
        return reader, writer

    async def upgrade(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect as an application, to the end of the answer."""
        reader, writer = await self.connect()
        await reader.readuntil(b"\r\n\r\n")
        return reader, writer


def relay_spec(*upstreams: str, **fields: Any) -> RelaySpec:
    """A relay with a route for each server: "/", "/1", "/2", …"""
    routes = tuple(RouteSpec(f"/{number or ''}", Sensitive(url)) for number, url in enumerate(upstreams))
    own = {name: fields.pop(name) for name in ("fail", "tls_cert", "tls_key", "listen_any", "listen") if name in fields}
    connection = ConnectionSpec(fields.pop("name", "api"), routes[0].upstream, **fields)
    listen: str = own.pop("listen", "127.0.0.1:0")
    return RelaySpec(listen, routes, connection, **own)


@asynccontextmanager
async def running_relays(
    *specs: RelaySpec,
    make_listener: ListenerFactory | None = None,
    on_rows: Callable[[], None] = lambda: None,
) -> AsyncIterator[RunningRelay]:
    """Relays that run until the block ends."""
    listeners: list[FakeListener] = []
    recorded: list[Recorded] = []

    def make_fake(of: Recorded) -> FakeListener:
        recorded.append(of)
        listeners.append(FakeListener())
        return listeners[-1]

    loop = asyncio.get_running_loop()
    services = EngineServices(
        RecordingSink(), SystemClock(), random.Random(7), TlsContexts(), Redactors(), Ticker(loop)
    )
    relays = Relays(services, (), make_listener or make_fake, on_rows, lambda: running.is_shedding)
    relays.configure(specs, (), relays.listen_anew(specs))
    async with asyncio.TaskGroup() as group:
        group.create_task(relays.run(), name="relays")
        await asyncio.sleep(0)
        running = RunningRelay(relays, services, listeners, recorded)
        try:
            yield running
        finally:
            for writer in running.writers:
                writer.close()
            async with asyncio.timeout(SOON_S):
                await relays.stop()


@asynccontextmanager
async def relaying(
    handler: Handler,
    *,
    server_tls: ssl.SSLContext | None = None,
    path: str = "",
    make_listener: ListenerFactory | None = None,
    on_rows: Callable[[], None] = lambda: None,
    **fields: Any,
) -> AsyncIterator[RunningRelay]:
    """A relay to a server that does what ``handler`` does."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=server_tls)
    scheme, host = ("wss", "localhost") if server_tls else ("ws", "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    spec = relay_spec(f"{scheme}://{host}:{port}{path}", **fields)
    async with server, running_relays(spec, make_listener=make_listener, on_rows=on_rows) as relay:
        yield relay
