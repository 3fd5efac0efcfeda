"""Taps on TCP connections: pass bytes on as they are, and count, hash and keep what is needed to compare two places.

One before a relay and one behind it show whether it changed anything, whatever both ends make of it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

READ_BYTES = 256 * 1024
SIXTEEN_BITS, SIXTY_FOUR_BITS = 126, 127
CONTROL, FINAL = 0x8, 0x80


class FrameCounter:
    """Counts the data messages in one direction of a WebSocket connection, from the heads of its frames."""

    def __init__(self) -> None:
        self.messages = 0
        self._head = b""
        self._left_bytes = 0

    def feed(self, data: bytes) -> None:
        """Count on."""
        at = 0
        if self._head:
            data, self._head = self._head + data, b""
        while at < len(data):
            if self._left_bytes:
                step = min(self._left_bytes, len(data) - at)
                self._left_bytes -= step
                at += step
                continue
            head = self._begin(data, at)
            if not head:
                self._head = data[at:]
                return
            if data[at] & FINAL and data[at] & 0x0F < CONTROL:
                self.messages += 1
            at += head

    def _begin(self, data: bytes, at: int) -> int:
        """The size of a head, 0 where it is not whole; its payload is what is left."""
        if at + 2 > len(data):
            return 0
        size, is_masked = data[at + 1] & 0x7F, data[at + 1] >> 7
        wide = {SIXTEEN_BITS: 2, SIXTY_FOUR_BITS: 8}.get(size, 0)
        head = 2 + wide + 4 * is_masked
        if at + head > len(data):
            return 0
        self._left_bytes = int.from_bytes(data[at + 2 : at + 2 + wide], "big") if wide else size
        return head


class TappedDirection:
    """What went one way: the head of the upgrade, and size, hash and messages of what follows it."""

    def __init__(self) -> None:
        self.head = b""
        self.size = 0
        self._hash = hashlib.sha256()
        self._frames = FrameCounter()

    @property
    def digest(self) -> tuple[int, str]:
        """Size and hash of all behind the head."""
        return self.size, self._hash.hexdigest()

    @property
    def messages(self) -> int:
        """Data messages behind the head."""
        return self._frames.messages

    def note(self, data: bytes) -> None:
        """Take what was read."""
        if not self.head.endswith(b"\r\n\r\n"):
            whole = self.head + data
            head, end, data = whole.partition(b"\r\n\r\n")
            self.head = head + end
        self.size += len(data)
        self._hash.update(data)
        self._frames.feed(data)


class TappedConnection:
    """One connection: what the application sent, and what the server did."""

    def __init__(self) -> None:
        self.application = TappedDirection()
        self.server = TappedDirection()

    @property
    def key(self) -> bytes:
        """The key of its upgrade, which a relay passes on."""
        return next(
            line for line in self.application.head.splitlines() if line.lower().startswith(b"sec-websocket-key:")
        )

    @property
    def path(self) -> str:
        """The path of its upgrade, without the query."""
        return self.application.head.split()[1].decode().partition("?")[0]


class WireTap:
    """Listens on a port while its ``async with`` lasts; each connection goes to the port that its path chooses."""

    def __init__(self, port_of: Callable[[str], int]) -> None:
        self.connections: list[TappedConnection] = []
        self._port_of = port_of
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tapped = TappedConnection()
        self.connections.append(tapped)
        self._writers.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        tapped.application.note(head)
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port_of(tapped.path))
        self._writers.add(server_writer)
        server_writer.write(head)
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(reader, server_writer, tapped.application), name="from the application")
            group.create_task(_copy(server_reader, writer, tapped.server), name="from the server")
        for each in (writer, server_writer):
            each.close()
            self._writers.discard(each)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: TappedDirection) -> None:
    """Copy to the end; where the other side is gone, only note what comes."""
    is_open = True
    with suppress(OSError):
        while data := await reader.read(READ_BYTES):
            direction.note(data)
            if not is_open:
                continue
            try:
                writer.write(data)
                await writer.drain()
            except OSError:
                is_open = False
    with suppress(OSError):
        writer.write_eof()
