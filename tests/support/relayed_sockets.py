"""Both ends of relayed WebSocket connections as plain sockets of this process, upgraded by hand."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.engines import accepting

DEADLINE_S = 60.0
READ_BYTES = 256 * 1024
HEAD_END = b"\r\n\r\n"
UPGRADE = (
    "GET /feed HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
# The application's frames are masked; a key of zeros leaves their payload readable
MASK_KEY = bytes(4)
SIXTEEN_BITS = 126


class SocketPair(NamedTuple):
    """The two ends of one connection."""

    application: socket.socket
    server: socket.socket

    def close(self) -> None:
        """Close both."""
        self.application.close()
        self.server.close()


class Upstream:
    """A listening socket as the server behind relays, while its ``with`` lasts."""

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1_024)
        self._listening.settimeout(DEADLINE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listening.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def opened(self, port: int) -> SocketPair:
        """Connect to a port, accept what arrives here, and upgrade; both ends are then at their first frame."""
        application = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        application.sendall(UPGRADE.encode())
        server, head = self._accepted()
        server.sendall(accepting(head))
        assert " 101 " in _head(application)
        for each in (application, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return SocketPair(application, server)

    def _accepted(self) -> tuple[socket.socket, str]:
        """The next connection that asks for something; some relays connect to see whether they can."""
        while True:
            server, _ = self._listening.accept()
            server.settimeout(DEADLINE_S)
            if head := _head(server):
                return server, head
            server.close()


def _head(connection: socket.socket) -> str:
    """The head of an upgrade; empty where the connection ends before one."""
    head = b""
    while not head.endswith(HEAD_END):
        data = connection.recv(READ_BYTES)
        if not data:
            return ""
        head += data
    return head.decode()


def text_frame(payload: bytes, *, is_masked: bool) -> bytes:
    """A text frame of less than 64 KiB."""
    size = bytes((len(payload),)) if len(payload) < SIXTEEN_BITS else b"\x7e" + len(payload).to_bytes(2, "big")
    first = size[0] | (0x80 if is_masked else 0)
    return b"\x81" + bytes((first,)) + size[1:] + (MASK_KEY if is_masked else b"") + payload


def received(connection: socket.socket, size: int) -> bytes:
    """So many bytes."""
    whole = bytearray()
    while len(whole) < size:
        data = connection.recv(READ_BYTES)
        assert data, f"the connection ended after {len(whole):,} of {size:,} bytes"
        whole += data
    return bytes(whole)


def exchanged(pair: SocketPair, from_application: bytes, from_server: bytes) -> tuple[bytes, bytes]:
    """Send both ways at the same time, as fast as it goes; what arrived at the server, and at the application."""
    arrived: dict[str, bytes] = {}

    def receive(name: str, connection: socket.socket, size: int) -> None:
        arrived[name] = received(connection, size)

    threads = [
        threading.Thread(target=pair.application.sendall, args=(from_application,)),
        threading.Thread(target=pair.server.sendall, args=(from_server,)),
        threading.Thread(target=receive, args=("server", pair.server, len(from_application))),
        threading.Thread(target=receive, args=("application", pair.application, len(from_server))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return arrived["server"], arrived["application"]
