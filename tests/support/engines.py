"""The engine under test, and peers that say exactly the bytes a test wants.

``async with against(handler, ping=PingSpec(0.01, 1)) as engine: await engine.ended()``
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeAlias

from wsmon.clock import SystemClock
from wsmon.config.specs import ConnectionSpec, ReconnectSpec
from wsmon.engine.supervisor import Supervisor
from wsmon.model.block import Block
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive
from wsmon.ports import Clock

# A deadline, not a duration
SOON_S = 5.0
# In a failure
SHOWN_NAMES = 20
SOON_AGAIN = ReconnectSpec(initial_s=0.01, max_s=0.05, jitter=0.0)
NEVER_AGAIN = ReconnectSpec(initial_s=3600.0, max_s=3600.0, jitter=0.0)
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA

Handler: TypeAlias = "Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]"


class RecordingSink:
    """Keeps what is emitted, in order; a test waits for what it expects."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._by_name: dict[str, list[Event]] = {}
        # Those whose messages are among the events
        self.blocks: list[Block] = []
        self.is_full = False
        self._changed = asyncio.Event()

    def emit(self, event: Event) -> None:
        """A lifecycle event has no size: the bus relies on it."""
        assert event.size is None
        self._keep(event)

    def emit_message(self, event: Event) -> None:
        """A message or heartbeat has one."""
        assert event.size is not None
        self._keep(event)

    def emit_block(self, block: Block) -> None:
        """Kept as the events that it stands for."""
        self.blocks.append(block)
        for event in block.events():
            self._keep(event)

    async def wait(self, name: str, count: int = 1, connection: str = "") -> Event:
        """The ``count``-th event of that name (of that connection), once it is there."""
        try:
            async with asyncio.timeout(SOON_S):
                while len(found := self.named(name, connection)) < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            there = self.names(connection)
            counts = dict(Counter(there).most_common(SHOWN_NAMES))
            newest = there[-SHOWN_NAMES:]
            raise AssertionError(f"no {name} × {count}; there are {counts}, the newest are {newest}") from None
        return found[count - 1]

    def named(self, name: str, connection: str = "") -> list[Event]:
        """All events of that name."""
        found = self._by_name.get(name, [])
        return [event for event in found if connection in ("", event.source.connection)]

    def names(self, connection: str = "") -> list[str]:
        """The names of all events, in order."""
        return [event.name for event in self.events if connection in ("", event.source.connection)]

    def path(self, connection: str = "") -> list[str]:
        """The statuses that a connection went through."""
        return [
            event.to_status for event in self.events if event.to_status and connection in ("", event.source.connection)
        ]

    def text(self) -> str:
        """Everything that was emitted, as one text: to look for what must not be there."""
        return repr(self.events)

    def _keep(self, event: Event) -> None:
        self.events.append(event)
        self._by_name.setdefault(event.name, []).append(event)
        self._changed.set()


class Engine:
    """A supervisor and its sink."""

    def __init__(self, supervisor: Supervisor, sink: RecordingSink) -> None:
        self.supervisor = supervisor
        self.sink = sink
        # Of the peer, where there is one
        self.port = 0

    async def ended(self, count: int = 1) -> Event:
        """The end of the ``count``-th session or first attempt."""
        return await self.sink.wait("connection.disconnected", count)


@asynccontextmanager
async def running(
    *specs: ConnectionSpec, secrets: tuple[str, ...] = (), clock: Clock | None = None
) -> AsyncIterator[Engine]:
    """A supervisor that runs until the block ends."""
    sink = RecordingSink()
    supervisor = Supervisor(specs, secrets, sink, clock or SystemClock(), random.Random(7))
    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.run(), name="supervisor")
        await asyncio.sleep(0)
        try:
            yield Engine(supervisor, sink)
        finally:
            async with asyncio.timeout(SOON_S):
                await supervisor.stop()


@asynccontextmanager
async def against(
    handler: Handler,
    *,
    secrets: tuple[str, ...] = (),
    server_tls: ssl.SSLContext | None = None,
    clock: Clock | None = None,
    **fields: object,
) -> AsyncIterator[Engine]:
    """One connection to one peer, with ``server_tls`` over TLS; ``fields`` are those of ``spec``."""
    if server_tls is not None:
        fields.setdefault("url", "wss://127.0.0.1:PORT/")
    async with (
        raw_server(handler, server_tls) as port,
        running(spec(port, **fields), secrets=secrets, clock=clock) as engine,
    ):
        engine.port = port
        yield engine


def spec(port: int, **fields: object) -> ConnectionSpec:
    """A connection to loopback, uncompressed, that does not come back by itself; PORT in a URL is the port."""
    standard: dict[str, object] = {
        "reconnect": NEVER_AGAIN,
        "compression": False,
        "open_timeout_s": SOON_S,
        "close_timeout_s": 0.2,
    }
    fields.setdefault("url", "ws://127.0.0.1:PORT/")
    for key in ("url", "proxy"):
        text = fields.get(key)
        if isinstance(text, str):
            text = Sensitive(text)
        if isinstance(text, Sensitive):
            whole, masked = (part.replace("PORT", str(port)) for part in (text.reveal(), text.masked))
            fields[key] = Sensitive(whole, masked)
    made = ConnectionSpec("feed", Sensitive(""))
    return replace(made, **(standard | fields))  # type: ignore[arg-type]  # names are the record's


@asynccontextmanager
async def raw_server(handler: Handler, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[int]:
    """A TCP (or TLS) server; yields its port. A handler that returns closes its connection."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the engine hung up, or the test is over
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def hang_up_when_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read until the engine closes, answer that, and let the handler return."""
    while (await read_frame(reader))[0] != CLOSE:
        pass
    writer.write(close_frame(1000))


async def read_head(reader: asyncio.StreamReader) -> str:
    """A request's head."""
    return (await reader.readuntil(b"\r\n\r\n")).decode("iso-8859-1")


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *headers: str) -> str:
    """Answer the upgrade; returns the request's head."""
    head = await read_head(reader)
    writer.write(accepting(head, *headers))
    return head


def meta_of(event: Event) -> dict[str, Any]:
    """What else an event says."""
    assert event.meta is not None
    return dict(event.meta)


def accepting(head: str, *headers: str) -> bytes:
    """The answer that accepts an upgrade."""
    key = header(head, "Sec-WebSocket-Key")
    digest = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()  # noqa: S324 - RFC 6455
    lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
    return "".join(f"{line}\r\n" for line in (*lines, f"Sec-WebSocket-Accept: {digest}", *headers, "")).encode()


def header(head: str, name: str) -> str:
    """The value of a header; all of them, joined by commas, where there are several."""
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    return ", ".join(value.strip() for key, _, value in lines if key.lower() == name.lower())


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True, reserved: int = 0) -> bytes:
    """A frame as a server sends it."""
    first = (0x80 if is_last else 0) | reserved << 4 | opcode
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    if len(payload) < 65536:
        return bytes([first, 126]) + len(payload).to_bytes(2, "big") + payload
    return bytes([first, 127]) + len(payload).to_bytes(8, "big") + payload


def close_frame(code: int | None, reason: str = "") -> bytes:
    """A close frame; without a code, an empty one."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason.encode())


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of a frame as a client sends it, masked."""
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    assert second & 0x80, "a client's frame must be masked"
    if length >= 126:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(length)
    return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))
