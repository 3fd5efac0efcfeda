"""Tap: the WebSocket connection whose frames go to listeners.

In: the bytes of one socket, from asyncio (``data_received``), and what the session wants to send. Out: calls of a
``FrameListener`` for every frame (engine/frames.py makes events of them), and of a ``ConnectionListener`` for the
upgrade and faults (engine/session.py). engine/dial.py makes the taps. ``recv()`` never returns on one.

This file and engine/deflate.py hold all use of what websockets does not document;
``tests/integration/test_tap_contract.py`` checks it against the installed library. The answer to the upgrade request is
read by engine/upgrade.py, and the library gets the headers of one that accepts. The byte stream is cut into frames
here. Whole text and binary messages, nearly all there are, go straight to the listener, compressed ones inflated by the
decoder of the library's extension; everything else goes frame by frame through the library, which keeps the rules of
the upgrade, fragments, control frames and every verdict on the errors of the peer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, ProtocolError, TooManyFragments
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

from wsmon.engine.deflate import TapDeflate
from wsmon.engine.frame_scan import (
    DEFLATED,
    DEFLATED_MESSAGES,
    WHOLE_MESSAGES,
    DataOpcode,
    Inflate,
    count_utf8,
    inflate_nothing,
    scan_run,
)
from wsmon.engine.loop import READ_BYTES, unread
from wsmon.engine.upgrade import (
    GRACE_S,
    BadUpgradeError,
    HttpInStreamError,
    StrayResponse,
    Upgrade,
    UpgradeError,
    UpgradeReader,
)
from wsmon.errors import WsmonError
from wsmon.model.events import Opcode as OpcodeName

# A peer that pings and never reads makes us pile up pongs: past this size the connection is aborted
WRITE_LIMIT_BYTES = 4 * 1024 * 1024
# An incomplete message is held here up to this size; a longer one is collected by the library
HOLD_BYTES = 64 * 1024
# The library's own limit for recv(): empty fragments add nothing to the size of a message
MAX_FRAGMENTS = 4096
# Bytes that may arrive behind our close frame, on one connection, or on all together when the recorder stops. The
# answer of a flooding peer comes after everything that the kernel has taken from it; all of that would be stored first.
CLOSING_BYTES = 8 * 1024 * 1024
# How long peers have to answer the close frames when the recorder stops
STOP_S = 1.0
# Headers that both the library and the configuration may set: the configuration wins
SINGLE_HEADERS = ("Host", "Origin", "Authorization")

LOGGER = logging.getLogger("wsmon.websockets")
# At DEBUG the library prints the Authorization header
LOGGER.setLevel(logging.WARNING)

_OPCODES = frozenset(Opcode)
# How an HTTP response begins; as a frame it would have a reserved bit set and be a close frame in fragments
_HTTP = b"HTTP/"
_NAMES: dict[Opcode, OpcodeName] = {
    Opcode.TEXT: "text",
    Opcode.BINARY: "binary",
    Opcode.PING: "ping",
    Opcode.PONG: "pong",
    Opcode.CLOSE: "close",
}

_Sent: TypeAlias = tuple[OpcodeName, bytes, int]
_T = TypeVar("_T")


class InvalidUtf8Error(WsmonError):
    """A text message that is not valid UTF-8."""

    def __init__(self, error: UnicodeDecodeError) -> None:
        super().__init__(f"invalid UTF-8 in a text message: {error.reason} at byte {error.start}")


class WriteOverflowError(WsmonError):
    """A peer that makes us write and does not read."""


class ConnectionListener(Protocol):
    """Follows a connection from the handshake to its faults. All calls are synchronous."""

    def on_connected(self, tap: Tap) -> None:
        """TCP and TLS are up; the upgrade request follows."""
        ...

    def on_upgraded(self, tap: Tap) -> None:
        """The peer switched protocols; frames may follow at once."""
        ...

    def on_fault(self, fault: Exception) -> None:
        """The peer broke the protocol or a limit, and the connection is being failed. Called at most once."""
        ...


class FrameListener(Protocol):
    """Receives every frame, in the order of the bytes. All calls are synchronous.

    Sizes are in bytes; ``wire_size`` is the size on the wire, with frame headers and after compression. What a listener
    does to the connection while messages are reported to it does not keep the rest of them from being reported.
    """

    def on_chunk(self) -> None:
        """Bytes arrived; the frames that they complete are reported before ``on_chunk_end``."""
        ...

    def on_chunk_end(self) -> None:
        """All frames of the bytes that arrived were reported."""
        ...

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        """A whole message came in, in fragments or with no other message beside it; text is valid UTF-8."""
        ...

    def on_messages(self, opcode: DataOpcode, payloads: list[bytes], wire_sizes: list[int]) -> None:
        """Several whole messages came in together, each in one fragment; text is valid UTF-8.

        The lists are as long as each other, and the listener may keep them.
        """
        ...

    def on_ping(self, payload: bytes, wire_size: int) -> None:
        """A ping came in; the library answers it."""
        ...

    def on_pong(self, payload: bytes, wire_size: int) -> None:
        """A pong came in."""
        ...

    def on_close(self, *, is_alone: bool) -> None:
        """A close frame came in; ``is_alone``: nothing else arrived together with it."""
        ...

    def on_sent(self, opcode: OpcodeName, payload: bytes, wire_size: int) -> None:
        """A frame went out, the library's own pongs and closes included; ``payload`` is not masked nor compressed."""
        ...


class Tap(ClientConnection):
    """A connection whose frames go to its listeners; ``recv()`` never returns on it."""

    def __init__(
        self, protocol: ClientProtocol, life: ConnectionListener, frames: FrameListener, **options: Any
    ) -> None:
        super().__init__(protocol, **options)
        self._life = life
        self._frames = frames
        self._limit_bytes = protocol.max_message_size or 0
        # True from the upgrade until a close frame or a fault: afterwards the library discards what arrives
        self._is_scanning = False
        # Reads the answer to the upgrade request; None once its outcome is known
        self._answer: UpgradeReader | None = UpgradeReader()
        # Ends the wait for the body of a refusal, or for the rest of a stray response
        self._grace_timer: asyncio.TimerHandle | None = None
        # Why the upgrade failed; None where it did not, or where the library says why
        self._refusal: Exception | None = None
        # The response that switched protocols; None before
        self.upgrade: Upgrade | None = None
        # Reads an HTTP response in place of a frame; None where there is none
        self._stray: StrayResponse | None = None
        # The beginning of a frame that has not arrived as a whole
        self._tail = b""
        # Bytes still to come of a frame that the library has begun
        self._owed_bytes = 0
        # Size of the frame that the library is being given
        self._wire_size = 0
        self._fragments = Fragments()
        # First bytes of the messages that do not go through the library, and what inflates the compressed ones of them
        self._whole_messages = WHOLE_MESSAGES
        self._inflate: Inflate = inflate_nothing
        # Frames that the library sends while it is being given one: an answer is reported after the frame it answers
        self._held: list[_Sent] | None = None
        # True while received bytes are processed: what the library sends meanwhile is written after all of them
        self._is_receiving = False
        self._abort_timer: asyncio.TimerHandle | None = None
        # Bytes that may still be read behind our close frame; None where we sent none
        self._closing_bytes: int | None = None
        # Why we failed the connection; None where we did not
        self.fault: Exception | None = None
        # A mistake of ours, raised while frames were processed
        self.crash: Exception | None = None
        # The error of the operating system or TLS that ended the connection; None after a plain end of stream
        self.loss: BaseException | None = None
        self._observe_sending(protocol)
        # Size of what arrived last, which may be several frames
        self._chunk_bytes = 0
        # Code and reason of the peer's close frame that the library refused; the reason as far as it is UTF-8
        self.malformed_close: tuple[int, str] | None = None
        self._observe_closing(protocol)

    def send_ping(self, payload: bytes) -> None:
        """Send a ping now; do nothing where the connection is not open."""
        if self.is_open:
            self.protocol.send_ping(payload)
            self.send_data()

    def send_message(self, message: str | bytes) -> bool:
        """Send a text or binary message now; return False where the connection is not open, and nothing was sent.

        Bytes that do not fit into the socket wait in memory; their limit is checked when bytes arrive.
        """
        if not self.is_open:
            return False
        if isinstance(message, str):
            self.protocol.send_text(message.encode())
        else:
            self.protocol.send_binary(message)
        self.send_data()
        return True

    def start_closing(self, code: int, reason: str, deadline: CloseDeadline) -> None:
        """Send a close frame, and abort where the peer has not closed the connection by the deadline."""
        if self.is_open:
            self.protocol.send_close(code, reason)
            self.send_data()
            self._closing_bytes = deadline.within_bytes
        self._end_within(deadline.within_s)

    def fail(self, code: int, reason: str) -> None:
        """Send a close frame, and ignore everything that still arrives."""
        self._is_scanning = False
        if self.protocol.state is State.OPEN or self.protocol.state is State.CLOSING:
            self.protocol.fail(code, reason)
            self.send_data()
        self._end_within(self.close_timeout or 0.0)

    def abort(self) -> None:
        """End the TCP connection now, without a close frame."""
        self.transport.abort()

    def pause_reading(self) -> None:
        """Stop reading from the socket; the peer is slowed down once the buffers of the kernel are full."""
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self.transport.resume_reading()

    @property
    def is_open(self) -> bool:
        """Whether neither side has begun to close."""
        return self.protocol.state is State.OPEN

    @property
    def close_frames(self) -> tuple[tuple[int, str] | None, tuple[int, str] | None, bool | None]:
        """Code and reason of the close frame received, of the one sent, and whether the received one was first.

        A close frame without a code has 1005. A frame that never was is None; the order is None unless there were both.
        """
        received, sent = self.protocol.close_rcvd, self.protocol.close_sent
        return (
            (int(received.code), received.reason) if received else None,
            (int(sent.code), sent.reason) if sent else None,
            self.protocol.close_rcvd_then_sent,
        )

    @property
    def extension_names(self) -> list[str]:
        """The extensions that were negotiated."""
        return [extension.name for extension in self.protocol.extensions]

    async def handshake(self, *arguments: Any, **options: Any) -> None:
        """Send the upgrade request and wait for the answer; raise the error that the answer is, or the one of TCP."""
        try:
            await super().handshake(*arguments, **options)
        except Exception as error:
            if self._refusal is not None:
                raise self._refusal from error
            if isinstance(self.loss, OSError):
                raise self.loss from error
            if self.upgrade is not None and isinstance(error, InvalidHandshake):
                raise BadUpgradeError(str(error), self.upgrade.head) from error
            raise

    def unfinished_answer(self) -> UpgradeError | None:
        """Return what is known of an answer to the upgrade that has not arrived as a whole; None where none began."""
        return None if self._answer is None else self._answer.finish()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # of asyncio's sockets; other transports ignore it
        self._call(self._life.on_connected, self)

    def data_received(self, data: bytes) -> None:
        self._frames.on_chunk()
        self._is_receiving = True
        self._chunk_bytes = len(data)
        self._call(self._receive, data)
        self._is_receiving = False
        if self.protocol.writes:
            self.send_data()
        # Asking for the size takes as long as the rest; the transport asks for a pause long before the limit
        if self.paused and self.transport.get_write_buffer_size() > WRITE_LIMIT_BYTES and self.fault is None:
            self._report(
                WriteOverflowError(f"the peer is not reading: {WRITE_LIMIT_BYTES >> 20} MiB queued to be sent")
            )
            self.transport.abort()
        if self._closing_bytes is not None:
            self._closing_bytes -= len(data)
            if self._closing_bytes <= 0:
                self.transport.abort()
        self._frames.on_chunk_end()

    def send_data(self) -> None:
        """Write what the library has to send, in one piece; while received bytes are processed, only after all of them.

        From Python 3.12 on a transport keeps each piece that waits, and sums up their sizes at every further one: tens
        of thousands of pongs for a peer that does not read would hold up the loop.
        """
        if self._is_receiving:
            return
        writes = self.protocol.writes
        if len(writes) > 1:
            # An empty piece at the end is the library's mark for the end of the stream
            self.protocol.writes = [b"".join(writes), *(writes[-1:] if not writes[-1] else ())]
        super().send_data()

    def eof_received(self) -> None:
        self._finish_http()
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            for data in unread(self.transport):
                self.data_received(data)
        for timer in (self._abort_timer, self._grace_timer):
            if timer is not None:
                timer.cancel()
        self._finish_http()
        super().connection_lost(exc)
        self.loss = self.connection_exc

    def process_event(self, event: Request | Response | Frame) -> None:
        """Take what the library parsed: the response, then every frame that was handed to it."""
        if not isinstance(event, Frame):
            super().process_event(event)
            if self.is_open:
                self._use_whole_response()
                self._use_deflate()
                self._is_scanning = True
                self._life.on_upgraded(self)
        elif event.opcode is Opcode.PING:
            self._frames.on_ping(bytes(event.data), self._wire_size)
        elif event.opcode is Opcode.PONG:
            self._frames.on_pong(bytes(event.data), self._wire_size)
        elif event.opcode is Opcode.CLOSE:
            self._frames.on_close(is_alone=self._chunk_bytes <= self._wire_size)
        else:
            self._join(event)

    def _receive(self, data: bytes) -> None:
        if self._answer is not None:
            data = self._read_answer(self._answer, data)
        if self._is_scanning:
            self._scan(self._tail + data if self._tail else data)
        elif self._stray is not None:
            self._read_stray(self._stray, data)
        elif data and self.upgrade is not None:
            self._feed(data)

    def _read_answer(self, answer: UpgradeReader, data: bytes) -> bytes:
        """Give the library the response that switches protocols; return what follows it, which may be frames."""
        outcome = answer.feed(data)
        if isinstance(outcome, Upgrade):
            self._answer = None
            self.upgrade = outcome
            self._feed(outcome.canonical())
            return outcome.rest
        if outcome is not None:
            self._refuse(outcome)
        elif answer.is_settled and self._grace_timer is None:
            self._grace_timer = self.loop.call_later(GRACE_S, self._finish_http)
        return b""

    def _refuse(self, error: UpgradeError) -> None:
        """End the handshake: the answer to the upgrade is known, and the rest of it is dropped."""
        self._answer = None
        self._refusal = error
        self.protocol.handshake_exc = error
        if not self.response_rcvd.done():
            self.response_rcvd.set_result(None)

    def _finish_http(self) -> None:
        """Take an HTTP response as it is: the time for the rest of it is over, or the stream is."""
        if self._stray is not None:
            self._fail_stray(self._stray.finish())
        elif self._answer is not None and (error := self._answer.finish()) is not None:
            self._refuse(error)

    def _use_whole_response(self) -> None:
        """Replace the response of the library, which has the headers of the upgrade alone, by all of it."""
        if self.upgrade is not None:
            head = self.upgrade.head
            headers = Headers()
            for name, value in head.headers:
                headers.set_insecure(name, value)
            self.response = Response(head.status, head.phrase, headers)

    def _use_deflate(self) -> None:
        """Inflate whole messages here, where ours is the only extension; without a limit the library does it."""
        match self.protocol.extensions:
            case [TapDeflate() as deflate] if self._limit_bytes:
                self._whole_messages = DEFLATED_MESSAGES
                self._inflate = deflate.inflate

    def _read_stray(self, stray: StrayResponse, data: bytes) -> None:
        fault = stray.feed(data)
        if fault is not None:
            self._fail_stray(fault)

    def _fail_stray(self, fault: HttpInStreamError) -> None:
        if self.fault is None:
            self._report(fault)
            self.fail(1002, "an HTTP response instead of a frame")

    def _scan(self, data: bytes) -> None:
        """Report whole messages, hand everything else to the library, keep an incomplete frame. The hot path."""
        limit_bytes = self._limit_bytes
        opcodes = self._whole_messages
        parts = self._fragments.parts
        at, end = 0, len(data)
        if self._owed_bytes:
            at = min(self._owed_bytes, end)
            self._owed_bytes -= at
            self._feed(data[:at])
        while self._is_scanning and end - at >= 2:
            first = data[at]
            opcode = opcodes.get(first)
            if opcode is None and end - at < len(_HTTP) and _HTTP.startswith(data[at:]):
                break
            length = data[at + 1]
            body = at + 2
            # Masked, which a server must not do: the library refuses it
            if length > 127:
                at = self._hand_over(data, at, end)
                break
            if length >= 126:
                body += 2 if length == 126 else 8
                if body > end:
                    # Not a frame at all: the library refuses it
                    if first & 0x0F not in _OPCODES:
                        at = self._hand_over(data, at, end)
                    break
                length = int.from_bytes(data[at + 2 : body], "big")
            stop = body + length
            if opcode is not None and length <= limit_bytes and not parts:
                if stop <= end:
                    payload = data[body:stop] if first < DEFLATED else self._inflate(data[body:stop], limit_bytes)
                    if payload is not None:
                        if stop < end:
                            at = self._scan_run(data, stop, opcode, [payload], [stop - at])
                            continue
                        if payload.isascii() or opcode == "binary" or self._is_utf8(payload):
                            self._frames.on_message(opcode, payload, stop - at, 1)
                        at = stop
                        continue
                elif stop - at <= HOLD_BYTES:
                    break
            at = self._hand_over(data, at, stop)
        self._tail = data[at:] if self._is_scanning else b""

    def _scan_run(self, data: bytes, at: int, opcode: DataOpcode, payloads: list[bytes], wire_sizes: list[int]) -> int:
        """Add the whole messages of this kind that follow, report all; return where the next frame begins."""
        at = scan_run(data, at, opcode, self._limit_bytes, self._inflate, payloads, wire_sizes)
        self._report_run(opcode, payloads, wire_sizes)
        return at

    def _report_run(self, opcode: DataOpcode, payloads: list[bytes], wire_sizes: list[int]) -> None:
        """Report whole messages together, as far as they are valid UTF-8 where they are text."""
        valid = len(payloads) if opcode == "binary" else count_utf8(payloads)
        if valid == 1:
            self._frames.on_message(opcode, payloads[0], wire_sizes[0], 1)
        elif valid:
            self._frames.on_messages(opcode, payloads[:valid], wire_sizes[:valid])
        if valid < len(payloads):
            self._is_utf8(payloads[valid])

    def _hand_over(self, data: bytes, at: int, stop: int) -> int:
        """Give the library one frame, or as much of it as has arrived; return where the next one begins."""
        if data.startswith(_HTTP, at):
            self._is_scanning = False
            self._stray = StrayResponse()
            self._grace_timer = self.loop.call_later(GRACE_S, self._finish_http)
            self._read_stray(self._stray, data[at:])
            return len(data)
        end = min(stop, len(data))
        self._wire_size = stop - at
        self._owed_bytes = stop - end
        self._feed(data[at:end])
        return end

    def _feed(self, piece: bytes) -> None:
        held: list[_Sent] = []
        self._held = held
        super().data_received(piece)
        self._held = None
        for opcode, payload, wire_size in held:
            self._frames.on_sent(opcode, payload, wire_size)
        protocol = self.protocol
        if protocol.close_rcvd is not None or protocol.parser_exc is not None:
            self._is_scanning = False
            self._end_within(self.close_timeout or 0.0)
            if protocol.parser_exc is not None:
                self._report(_explained(protocol.parser_exc, self.malformed_close))

    def _join(self, frame: Frame) -> None:
        """Collect the fragments of a message; report it when it is whole."""
        joined = self._fragments.add(frame, self._wire_size)
        if joined is None:
            if self._fragments.are_too_many:
                self._report(TooManyFragments(MAX_FRAGMENTS))
                self.fail(1009, "too many fragments")
        elif joined.opcode == "binary" or joined.payload.isascii() or self._is_utf8(joined.payload):
            self._frames.on_message(*joined)

    def _is_utf8(self, payload: bytes) -> bool:
        """Whether a text message is valid UTF-8; fail the connection where it is not (RFC 6455, section 8.1)."""
        try:
            payload.decode()
        except UnicodeDecodeError as error:
            self._report(InvalidUtf8Error(error))
            self.fail(1007, f"{error.reason} at position {error.start}")
            return False
        return True

    def _observe_sending(self, protocol: ClientProtocol) -> None:
        """Intercept every frame that goes out, and the request before its headers are written."""
        library_send_frame, library_send_request = protocol.send_frame, protocol.send_request

        def send_frame(frame: Frame) -> None:
            library_send_frame(frame)
            sent = (_NAMES[frame.opcode], bytes(frame.data), len(protocol.writes[-1]))
            if self._held is None:
                self._frames.on_sent(*sent)
            else:
                self._held.append(sent)

        def send_request(request: Request) -> None:
            for name in SINGLE_HEADERS:
                values = request.headers.get_all(name)
                if len(values) > 1:
                    last = values[-1]
                    del request.headers[name]
                    request.headers[name] = last
            library_send_request(request)

        protocol.send_frame = send_frame  # type: ignore[method-assign]  # connect() makes the protocol itself
        protocol.send_request = send_request  # type: ignore[method-assign]  # the same

    def _observe_closing(self, protocol: ClientProtocol) -> None:
        """Keep code and reason of a close frame that the library refuses; let one come between two fragments."""
        library_recv_frame = protocol.recv_frame

        def recv_frame(frame: Frame) -> None:
            if frame.opcode is not Opcode.CLOSE:
                library_recv_frame(frame)
                return
            # RFC 6455, section 5.4: a control frame may stand between the fragments of a message. The library allows
            # that for pings and pongs only
            protocol.current_size = None
            is_first = protocol.state is State.OPEN
            try:
                library_recv_frame(frame)
            except (ProtocolError, UnicodeDecodeError):
                if is_first and protocol.close_rcvd is None and len(frame.data) >= 2:
                    data = bytes(frame.data)
                    self.malformed_close = int.from_bytes(data[:2], "big"), data[2:].decode("utf-8", "replace")
                raise

        protocol.recv_frame = recv_frame  # type: ignore[method-assign]  # connect() makes the protocol itself

    def _call(self, function: Callable[[_T], None], argument: _T) -> None:
        """Call a function whose exception asyncio must not see: it ends this connection, and is reported at its end."""
        try:
            function(argument)
        except Exception as error:  # noqa: BLE001 - the border to asyncio; the session makes an event of it
            self.crash = error
            self._is_scanning = False
            self._held = None
            self.transport.abort()

    def _report(self, fault: Exception) -> None:
        if self.fault is None:
            self.fault = fault
            self._life.on_fault(fault)

    def _end_within(self, seconds: float) -> None:
        """Abort after ``seconds``; the library itself waits for ever for a peer that does not hang up."""
        deadline_s = self.loop.time() + seconds
        if self._abort_timer is not None:
            if self._abort_timer.when() <= deadline_s:
                return
            self._abort_timer.cancel()
        if not self.connection_lost_waiter.done():
            self._abort_timer = self.loop.call_at(deadline_s, self.transport.abort)


def _explained(error: Exception, malformed_close: tuple[int, str] | None) -> Exception:
    """Return the exception of the library, with code and reason of the close frame that it is about."""
    if malformed_close is None or not isinstance(error, ProtocolError):
        return error
    return invalid_close(*malformed_close)


def invalid_close(code: int, reason: str) -> ProtocolError:
    """Return the error of a close frame whose code may not stand in one."""
    said = f" “{reason}”" if reason else ""
    return ProtocolError(f"it closed with {code}{said}, a code not allowed in a close frame")


class Connect(connect):
    """The library's ``connect``, without redirects: it would follow them silently, engine/dial.py records each."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the refusal as it is, so that no redirect is followed."""
        return exc


class CloseDeadline(NamedTuple):
    """How long to wait for the answer to our close frame; the limit that is reached first aborts the connection."""

    within_s: float
    within_bytes: int = CLOSING_BYTES
    """Bytes that may arrive behind our close frame."""


def stop_deadline(connections: int) -> CloseDeadline:
    """Return the deadline of each of so many connections that are closed together."""
    return CloseDeadline(STOP_S, CLOSING_BYTES // max(1, connections))


class JoinedMessage(NamedTuple):
    """A message that came in fragments."""

    opcode: DataOpcode
    payload: bytes
    wire_size: int
    """Bytes of all its frames."""
    fragments: int


class Fragments:
    """The fragments of one message (RFC 6455, section 5.4); other messages cannot come in between."""

    def __init__(self) -> None:
        # Payloads of the frames so far
        self.parts: list[bytes] = []
        self._opcode: DataOpcode = "text"
        self._wire_size = 0

    @property
    def are_too_many(self) -> bool:
        """Whether the message must be given up."""
        return len(self.parts) >= MAX_FRAGMENTS

    def add(self, frame: Frame, wire_size: int) -> JoinedMessage | None:
        """Add a frame of ``wire_size`` bytes; return the message where this was its last frame."""
        if frame.opcode is not Opcode.CONT:
            self._opcode = "text" if frame.opcode is Opcode.TEXT else "binary"
            self._wire_size = 0
        self.parts.append(bytes(frame.data))
        self._wire_size += wire_size
        if not frame.fin:
            return None
        joined = JoinedMessage(self._opcode, b"".join(self.parts), self._wire_size, len(self.parts))
        self.parts.clear()
        return joined
