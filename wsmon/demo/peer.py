"""One socket of a scripted server: the handshake and the reading are the library's, the writing is free.

The library's sans-I/O protocol parses what the client sends and answers pings and closes; what goes out
is written past it, because it refuses to misbehave.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Protocol, cast

from websockets.extensions import Extension
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, SEND_EOF
from websockets.server import ServerProtocol

from wsmon.demo.frames import FINAL, PONG, encode_close
from wsmon.demo.record import CloseReceived

PONG_HEAD = FINAL | PONG

CLOSE_GRACE_S = 1.0
# how long a client may take to answer our close frame


class PeerOwner(Protocol):
    """Who is told what the client does."""

    def connected(self) -> None:
        """A TCP connection is up."""
        ...

    def message_received(self, opcode: int, payload: bytes) -> None:
        """A whole message has arrived."""
        ...

    def ping_received(self) -> None:
        """A ping has arrived."""
        ...

    def close_received(self, close: CloseReceived) -> None:
        """A close frame has arrived."""
        ...

    def disconnected(self) -> None:
        """The TCP connection is gone."""
        ...


class Peer(asyncio.Protocol):
    """The verbs that a script is made of."""

    def __init__(self, protocol: ServerProtocol, owner: PeerOwner) -> None:
        self.protocol = protocol
        self.request: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
        self.echoes = False
        # while true, nothing is read from a client that does not read its echoes
        self.answers_pings = True
        self.pong_delay_s: Callable[[], float] | None = None
        self._owner = owner
        self._transport: asyncio.Transport
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = asyncio.Event()
        self._has_closed = False
        self._fragments: list[bytes] = []
        self._message_opcode = Opcode.TEXT

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent: upgraded, and neither side has begun to close."""
        return self.protocol.state is OPEN and not self._has_closed and not self._transport.is_closing()

    @property
    def is_lost(self) -> bool:
        """Whether the TCP connection is gone."""
        return self._lost.is_set()

    @property
    def extensions(self) -> list[Extension]:
        """What was negotiated, in order."""
        return self.protocol.extensions

    @property
    def is_paused(self) -> bool:
        """Whether the client reads more slowly than we write."""
        return not self._writable.is_set()

    def respond(self, response: Response, octets: bytes | None = None) -> None:
        """Answer the upgrade request, with ``octets`` in place of the library's where they are given.

        Anything but a 101 ends the TCP connection.
        """
        self.protocol.send_response(response)
        if octets is not None:
            self.protocol.data_to_send()
            self.write(octets)
        self._flush()

    def write(self, octets: bytes) -> None:
        """Write bytes as they are."""
        if not self._transport.is_closing():
            self._transport.write(octets)

    async def writable(self) -> None:
        """Return when the client has read enough for more to be written."""
        await self._writable.wait()

    def send_close(self, code: int | None, reason: bytes) -> None:
        """Write a close frame; nothing but the end of the connection can follow."""
        self.write(encode_close(code, reason))
        self._has_closed = True

    async def lost(self, within_s: float | None = None) -> None:
        """Return when the TCP connection is gone; reset it if that takes longer than ``within_s``."""
        try:
            async with asyncio.timeout(within_s):
                await self._lost.wait()
        except TimeoutError:
            self.abort()

    def drop(self) -> None:
        """End the TCP connection (FIN), once everything written has left."""
        self._transport.close()

    def abort(self) -> None:
        """Reset the TCP connection (RST), whatever still waits to leave."""
        tcp = self._transport.get_extra_info("socket")
        if tcp is not None and not self._transport.is_closing():
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def freeze(self) -> None:
        """Read nothing more."""
        self._transport.pause_reading()

    def thaw(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._owner.connected()

    def data_received(self, data: bytes) -> None:
        self.protocol.receive_data(data)
        self._flush()
        for event in self.protocol.events_received():
            if isinstance(event, Request):
                self.request.set_result(event)
            elif isinstance(event, Frame):
                self._frame_received(event)

    def eof_received(self) -> None:
        self.protocol.receive_eof()
        self._flush()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.protocol.receive_eof()
        self._lost.set()
        self._writable.set()
        self._owner.disconnected()

    def pause_writing(self) -> None:
        self._writable.clear()
        if self.echoes:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._writable.set()
        if self.echoes:
            self._transport.resume_reading()

    def _flush(self) -> None:
        for octets in self.protocol.data_to_send():
            if octets == SEND_EOF:
                self._transport.close()
            elif octets[0] == PONG_HEAD:
                self._pong(octets)
            else:
                self._write_unless_closed(octets)

    def _pong(self, octets: bytes) -> None:
        if not self.answers_pings:
            return
        if self.pong_delay_s is None:
            self._write_unless_closed(octets)
        else:
            asyncio.get_running_loop().call_later(self.pong_delay_s(), self._write_unless_closed, octets)

    def _write_unless_closed(self, octets: bytes) -> None:
        if not self._has_closed:
            self.write(octets)

    def _frame_received(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.PING:
                self._owner.ping_received()
            case Opcode.CLOSE:
                code = int.from_bytes(frame.data[:2], "big") if frame.data else CloseCode.NO_STATUS_RCVD
                self._owner.close_received(CloseReceived(int(code), bytes(frame.data[2:]).decode()))
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                self._data_frame_received(frame)
            case Opcode.PONG:
                return

    def _data_frame_received(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._message_opcode = frame.opcode
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            payload = b"".join(self._fragments)
            self._fragments.clear()
            self._owner.message_received(self._message_opcode, payload)
