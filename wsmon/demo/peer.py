"""Sockets of a scripted server: bytes and frames written to a client, HTTP answers, and what was counted.

The sans-I/O protocol of websockets parses what the client sends and answers pings and closes. What a script sends is
written past it, because the library refuses to misbehave: frames need not be valid (RFC 6455, section 5.2; a server
does not mask).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, SEND_EOF
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from wsmon.demo.steps import Accept, Cycle, Handshake, Refuse
from wsmon.model.http import status_phrase

# The bit that marks the last frame of a message (RFC 6455, section 5.2).
FINAL = 0x80
PONG_HEAD = FINAL | Opcode.PONG

# How long a client may take to answer the close frame of a script.
CLOSE_GRACE_S = 1.0

# Handshakes and messages of clients that are kept for tests to look at; the tallies count all of them.
MOST_KEPT = 1_000

# A logger outside the tree of loggers: the terminal belongs to the screen.
QUIET = logging.Logger("wsmon.demo")  # noqa: LOG001  # see above
QUIET.disabled = True


class PeerOwner(Protocol):
    """The session that a peer calls when the client does something."""

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
    """One TCP connection of a client, with the actions that a script is made of."""

    def __init__(self, protocol: ServerProtocol, owner: PeerOwner) -> None:
        self.protocol = protocol
        self.request: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
        # While true, nothing is read from a client that does not read its echoes.
        self.echoes = False
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
        """The negotiated extensions, in order."""
        return self.protocol.extensions

    @property
    def is_paused(self) -> bool:
        """Whether the client reads more slowly than the script writes."""
        return not self._writable.is_set()

    def respond(self, response: Response, octets: bytes | None = None) -> None:
        """Answer the upgrade request, with ``octets`` in place of the library's own bytes where they are given.

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
        """Write a close frame; only the end of the connection can follow."""
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
        """Reset the TCP connection (RST) and discard what still waits to leave."""
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


def encode_frame(opcode: int, payload: bytes, final: bool = True) -> bytes:
    """Return one frame of any opcode and length, valid or not."""
    head = opcode | FINAL if final else opcode
    length = len(payload)
    if length < 126:
        return bytes((head, length)) + payload
    if length < 65_536:
        return struct.pack("!BBH", head, 126, length) + payload
    return struct.pack("!BBQ", head, 127, length) + payload


def encode_message(opcode: int, payload: bytes, fragments: int = 1, extensions: Sequence[Extension] = ()) -> bytes:
    """Return a message in ``fragments`` frames of about equal size, through the negotiated extensions."""
    if fragments == 1 and not extensions:
        return encode_frame(opcode, payload)
    size = -(-len(payload) // fragments)
    frames = []
    for number in range(fragments):
        part = payload[number * size : (number + 1) * size]
        final = number == fragments - 1
        part_opcode = Opcode.CONT if number else opcode
        if extensions and part_opcode in (Opcode.CONT, Opcode.TEXT, Opcode.BINARY):
            frame = Frame(Opcode(part_opcode), part, final)
            frames.append(frame.serialize(mask=False, extensions=extensions))
        else:
            frames.append(encode_frame(part_opcode, part, final))
    return b"".join(frames)


def encode_close(code: int | None, reason: bytes) -> bytes:
    """Return a close frame; code and reason need not be valid."""
    return encode_frame(Opcode.CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def server_protocol(handshake: Handshake) -> ServerProtocol:
    """Return the library's protocol for one TCP connection; only ``Accept`` negotiates anything."""
    accept = handshake if isinstance(handshake, Accept) else Accept()

    def select(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((Subprotocol(name) for name in accept.subprotocols if name in offered), None)

    return ServerProtocol(
        extensions=[ServerPerMessageDeflateFactory()] if accept.compression else None,
        select_subprotocol=select,
        logger=QUIET,
    )


def encode_acceptance(response: Response, handshake: Accept) -> bytes:
    """Return the library's 101 with the scenario's headers in it."""
    headers = _merged(response.headers.raw_items(), handshake.headers.items())
    return _encode(response.status_code, response.reason_phrase, headers, b"")


def encode_refusal(refusal: Refuse) -> bytes:
    """Return the refusal, with the standard phrase of its status where the scenario gives none."""
    own = (
        ("Connection", "close"),
        ("Content-Length", str(len(refusal.body_octets))),
        ("Content-Type", "text/plain; charset=utf-8"),
    )
    phrase = refusal.phrase or status_phrase(refusal.status) or "Unknown"
    return _encode(refusal.status, phrase, _merged(own, refusal.headers.items()), refusal.body_octets)


def _merged(own: Iterable[tuple[str, str]], wanted: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    wanted = tuple(wanted)
    replaced = {name.lower() for name, _ in wanted}
    return [*(pair for pair in own if pair[0].lower() not in replaced), *wanted]


def _encode(status: int, phrase: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Return an HTTP response in UTF-8, also one that the library would refuse to build."""
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass(slots=True)
class PayloadTally:
    """A number of messages, and the bytes of their payloads (without frame headers, uncompressed)."""

    messages: int = 0
    size_bytes: int = 0

    def add(self, payload: bytes) -> None:
        """Count one message."""
        self.messages += 1
        self.size_bytes += len(payload)

    @classmethod
    def sum(cls, tallies: Iterable[PayloadTally]) -> PayloadTally:
        """Return their sum."""
        total = cls()
        for tally in tallies:
            total.messages += tally.messages
            total.size_bytes += tally.size_bytes
        return total


@dataclass(frozen=True, slots=True)
class Received:
    """One message of a client."""

    session: int
    opcode: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class CloseReceived:
    """The close frame of a client; ``code`` is 1005 where it held none."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class HandshakeSeen:
    """One request for an upgrade, and the status of its answer."""

    path: str
    headers: tuple[tuple[str, str], ...]
    """In the order of the request."""
    status: int
    """0 = never answered, or answered with something that is no HTTP."""

    def header(self, name: str) -> str | None:
        """Return the first header of this name, in any case; None where there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(slots=True)
class SessionTally:
    """One accepted session, from the upgrade to its end; messages sent are numbered 1 … ``sent.messages``."""

    session: int
    """1, 2, … on its server."""
    subprotocol: str | None = None
    sent: PayloadTally = field(default_factory=PayloadTally)
    received: PayloadTally = field(default_factory=PayloadTally)
    pings: int = 0
    """Pings of the client."""
    close_received: CloseReceived | None = None
    is_open: bool = True
    is_script_done: bool = False
    """The script was played to its end while the session was still open."""


class Record:
    """What one server saw and did: its sessions write it, the server and tests read it.

    The counts are exact, so that a test can compare them with a store.
    """

    def __init__(self) -> None:
        # TCP connections, upgraded or not.
        self.connections = 0
        self.tallies: list[SessionTally] = []
        self.received: deque[Received] = deque(maxlen=MOST_KEPT)
        self.handshakes: deque[HandshakeSeen] = deque(maxlen=MOST_KEPT)
        # How often each cycle was reached, over all sessions.
        self.turns: Counter[Cycle] = Counter()
        # Errors in the code of a session; the server raises them at its end.
        self.failures: list[BaseException] = []
        self._changed = asyncio.Event()

    def accept(self, subprotocol: str | None) -> SessionTally:
        """Return the tally of a session that begins."""
        tally = SessionTally(len(self.tallies) + 1, subprotocol)
        self.tallies.append(tally)
        self.changed()
        return tally

    def changed(self) -> None:
        """Let ``until`` check its condition again."""
        self._changed.set()

    async def until(self, condition: Callable[[], bool], within_s: float) -> None:
        """Return when ``condition`` holds; it is checked after each change. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
