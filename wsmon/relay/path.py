"""Byte path: one connection of an application, and the one to its server, whose bytes pass unchanged.

In: the sockets of both legs, as protocols of asyncio. Out: the same bytes on the other leg, at once, and then calls of
a ``RelayListener`` (relay/listener.py). What one leg does not take is not read from the other, so nothing is kept here
beyond the buffers of the transports. Ends pass on as what they are: the end of a stream as one, a reset as a reset.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Protocol

from websockets.exceptions import InvalidMessage

from wsmon.config.specs import ConnectionSpec, RouteSpec
from wsmon.engine.dial import Hop, TlsContexts
from wsmon.engine.loop import READ_BYTES, unread
from wsmon.engine.retry import OpenTimeoutError, classify_dial
from wsmon.engine.session import socket_address
from wsmon.engine.upgrade import GRACE_S, Upgrade, UpgradeReader, UpgradeRefusedError
from wsmon.model.http import status_phrase
from wsmon.model.statuses import Status
from wsmon.ports import Clock
from wsmon.relay.listener import Leg, ListenerGuard, ServerConnection
from wsmon.relay.request_head import RequestError, RequestHead, RequestReader
from wsmon.relay.routes import recorded_url, replaced_headers, target

# How long an application has for its request
REQUEST_S: Final = 10.0
# Bytes of the application kept until the server has answered; it is not read any further then
EARLY_BYTES: Final = 64 * 1024
# How long what an application still sends is read and dropped after our own answer: with unread bytes, TCP would take
# the answer from it
LINGER_S: Final = 1.0
# How long a leg may take what is buffered for it, once the other one was reset
DRAIN_S: Final = 1.0
_RESET: Final = struct.pack("ii", 1, 0)
_NO_UPGRADE: Final = "this is a wsmon relay for WebSocket connections: send an upgrade request (RFC 6455)"
_NOTHING_STORED: Final = 'nothing can be stored at present, and fail = "closed" lets nothing pass unrecorded'

# Why a leg is not read: what it would send to the other leg waits there; the recording asked for it; the server has
# not answered yet
_FULL, _PAUSED, _EARLY = 1, 2, 4


class PathOwner(Protocol):
    """What a byte path needs of the relay that it belongs to."""

    @property
    def connection_spec(self) -> ConnectionSpec:
        """How servers are dialled."""
        ...

    @property
    def contexts(self) -> TlsContexts:
        """TLS contexts for servers."""
        ...

    @property
    def clock(self) -> Clock:
        """Times the phases of dials."""
        ...

    def route(self, path: str) -> RouteSpec | None:
        """Return the route of a path; None where there is none."""
        ...

    @property
    def may_pass(self) -> bool:
        """Whether a connection may begin: not where nothing can be recorded, with ``fail = "closed"``."""
        ...

    def began(self, path: RelayedConnection) -> None:
        """Take note of a connection."""
        ...

    def listen(self, path: RelayedConnection) -> ListenerGuard:
        """Begin to record a connection."""
        ...

    def masked(self, text: str) -> str:
        """Return a text without the secrets of the configuration."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a dial."""
        ...

    def ended(self, path: RelayedConnection, status: Status | None) -> None:
        """Forget a connection; ``status`` is that of its row, None where none was recorded."""
        ...


class RelayedConnection:
    """Both legs of a relayed connection, from the request of the application to the end of the last leg."""

    def __init__(self, owner: PathOwner, loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._loop = loop
        self.application = LegProtocol("application", self, self._read_request)
        # None until the server is dialled
        self._server: LegProtocol | None = None
        # None before a request that is relayed
        self._guard: ListenerGuard | None = None
        self._hop: Hop | None = None
        self._request_reader = RequestReader()
        # The head that the server gets; and what the application sent behind its own until the server has answered
        self._head = b""
        self._early: list[bytes] = []
        self._early_bytes = 0
        self._answer: UpgradeReader | None = UpgradeReader()
        # Whether a byte of an answer went to the application
        self._has_answered = False
        # Ends the wait for the answer of the server
        self._settled: asyncio.Future[None] = loop.create_future()
        # The dial may be over when it fails
        self._settled.add_done_callback(lambda settled: settled.cancelled() or settled.exception())
        self._dialling: asyncio.Task[None] | None = None
        # The one timer: for the request, for the body of a refusal, or for the end after our own answer
        self._timer: asyncio.TimerHandle | None = None
        self._is_paused = False
        # Whether wsmon answered in place of the server
        self._has_refused = False
        self._is_over = False

    @property
    def listener_guard(self) -> ListenerGuard | None:
        """Makes the calls of the listener; None before a request that is relayed."""
        return self._guard

    def pause(self) -> None:
        """Read no more from either leg, until ``resume``."""
        self._is_paused = True
        for leg in self._legs:
            leg.hold(_PAUSED)

    def resume(self) -> None:
        """Read again."""
        self._is_paused = False
        for leg in self._legs:
            leg.release(_PAUSED)

    def close(self, reason: str) -> None:
        """End both legs: what is buffered for them is sent first."""
        if self._guard is not None:
            self._guard.tell(self._guard.listener.on_closing, reason)
        self._stop_dialling()
        for leg in self._legs:
            # TLS may have more to give while it closes
            leg.receive(_drop)
            leg.finish()

    def abort(self) -> None:
        """End both legs now."""
        self._stop_dialling()
        for leg in self._legs:
            leg.abort()

    @property
    def _legs(self) -> tuple[LegProtocol, ...]:
        return (self.application,) if self._server is None else (self.application, self._server)

    # The request of the application

    def made(self, leg: LegProtocol) -> None:
        """Go on with a leg whose TCP and TLS are up."""
        if leg is self.application:
            self._timer = self._loop.call_later(REQUEST_S, self._give_up_request)
            self._owner.began(self)
        elif self.application.is_lost:
            leg.abort()
        else:
            self._send_request(leg)

    def _give_up_request(self) -> None:
        self._refuse(408, f"no whole request within {REQUEST_S:g} s")

    def _read_request(self, data: bytes) -> None:
        try:
            request = self._request_reader.feed(data)
        except RequestError as error:
            self._refuse(error.status, str(error))
            return
        if request is None:
            return
        self._stop_timer()
        self._keep_early(self._request_reader.rest)
        self.application.receive(self._keep_early)
        route = self._owner.route(request.path)
        if route is None:
            self._refuse(404, f"no route for the path {request.path}")
        elif not request.asks_for_upgrade:
            self._refuse(426, _NO_UPGRADE, "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        elif not self._owner.may_pass:
            self._refuse(503, _NOTHING_STORED)
        else:
            self._begin(request, route)

    def _begin(self, request: RequestHead, route: RouteSpec) -> None:
        spec = self._owner.connection_spec
        hop = self._hop = Hop(route.upstream.reveal(), spec, self._owner.clock)
        asked = target(request, route, hop.uri)
        headers = replaced_headers(hop.uri, spec)
        self._head = request.rewritten(asked, headers)
        guard = self._guard = self._owner.listen(self)
        url = recorded_url(request, route, hop.uri)
        guard.tell(guard.listener.begin, request, self.application.address, url)
        server = self._server = LegProtocol("server", self, self._read_answer)
        server.other, self.application.other = self.application, server
        if self._is_paused:
            server.hold(_PAUSED)
        self._dialling = self._owner.spawn(self._dial(hop, server))

    def _keep_early(self, data: bytes) -> None:
        """Keep what comes behind the request until the server has answered; it goes to the server at once."""
        if not data:
            return
        self._early.append(data)
        self._early_bytes += len(data)
        if self._early_bytes >= EARLY_BYTES:
            self.application.hold(_EARLY)
        if self._server is not None and self._server.is_open:
            self._server.write(data)

    # The server

    async def _dial(self, hop: Hop, server: LegProtocol) -> None:
        """Connect, and wait for the answer; what is between the legs afterwards needs no task."""
        deadline = asyncio.timeout(self._owner.connection_spec.open_timeout_s)
        error: Exception
        try:
            async with deadline:
                await hop.open(self._owner.contexts, lambda: server)
                await self._settled
        except TimeoutError as caught:
            error = OpenTimeoutError("not open in time") if deadline.expired() else caught
        except Exception as caught:  # noqa: BLE001 - the border: classify_dial takes any error, an unknown one is "internal"
            error = caught
        else:
            return
        self._fail(hop, error)

    def _stop_dialling(self) -> None:
        if self._dialling is not None and not self._dialling.done():
            self._dialling.cancel()

    def _send_request(self, server: LegProtocol) -> None:
        """Send on what the application asked: TCP and TLS to the server are up."""
        hop, guard = self._hop, self._guard
        assert hop is not None
        assert guard is not None
        hop.phases.connected()
        server.write(b"".join((self._head, *self._early)))
        is_verified = hop.uri.secure and self._owner.connection_spec.tls.verify
        connection = ServerConnection(server.transport, hop.phases, hop.server_name, is_verified, hop.proxy)
        guard.tell(guard.listener.on_connected, connection)
        if self.application.has_ended:
            server.end_stream()

    def _read_answer(self, data: bytes) -> None:
        """Pass an answer on as it is, and read what it says."""
        self._has_answered = True
        self.application.write(data)
        if self._answer is None:
            return
        try:
            outcome: Upgrade | Exception | None = self._answer.feed(data)
        except Exception as error:  # noqa: BLE001 - a mistake in reading must not disturb the traffic
            outcome = error
        if isinstance(outcome, Upgrade):
            self._upgrade(outcome)
        elif outcome is not None:
            self._report_refusal(outcome)
        elif self._answer.is_settled and self._timer is None:
            self._timer = self._loop.call_later(GRACE_S, self._finish_answer)

    def _upgrade(self, upgrade: Upgrade) -> None:
        """Relay from now on."""
        hop, guard, server = self._hop, self._guard, self._server
        assert hop is not None
        assert guard is not None
        assert server is not None
        self._answer = None
        self._settle()
        hop.phases.upgraded()
        guard.tell(guard.listener.on_response, upgrade.head)
        on_bytes = guard.listener.on_bytes
        for data in self._early:
            guard.tell(on_bytes, "application", data)
        if upgrade.rest:
            guard.tell(on_bytes, "server", upgrade.rest)
        self._end_early()
        self.application.relay(guard.tell, on_bytes)
        server.relay(guard.tell, on_bytes)

    def _end_early(self) -> None:
        self._early.clear()
        self.application.release(_EARLY)

    def _settle(self) -> None:
        if not self._settled.done():
            self._settled.set_result(None)

    def _finish_answer(self) -> None:
        """Take an answer as it is: the time for the rest of it is over, or the stream is."""
        if self._answer is not None and (outcome := self._answer.finish()) is not None:
            self._report_refusal(outcome)

    def _report_refusal(self, error: Exception) -> None:
        """Report an answer that does not switch protocols; its bytes go on to the application, and are not read."""
        hop, guard = self._hop, self._guard
        assert hop is not None
        assert guard is not None
        self._answer = None
        self._stop_timer()
        self._settle()
        guard.tell(guard.listener.on_failed, error, hop.progress())
        self._end_early()
        for leg in self._legs:
            leg.pass_on()
        if isinstance(error, UpgradeRefusedError):
            self.application.receive(self._end_refused)

    def _end_refused(self, _data: bytes) -> None:
        """End a connection on which the application asks again behind a refusal: with other headers, often.

        A request is rewritten and recorded at the begin of a connection; RFC 9110, section 9.2.2, lets clients repeat
        one that was not answered.
        """
        for leg in self._legs:
            leg.receive(_drop)
            leg.finish()

    def _fail(self, hop: Hop, error: Exception) -> None:
        """Answer in place of a server that cannot be reached, or that does not answer."""
        if self._answer is None:
            # The answer came together with the end of its time, as after a standstill of the recorder
            return
        progress = hop.progress(self._answer.finish())
        self._answer = None
        if self._guard is not None:
            self._guard.tell(self._guard.listener.on_failed, error, progress)
        if self._server is not None:
            self._server.abort()
        if self._has_answered:
            self.application.finish()
            return
        failure = classify_dial(error, progress)
        status = 504 if isinstance(error, OpenTimeoutError) else 502
        self._refuse(status, self._owner.masked(failure.error))

    # Answers of ours

    def _refuse(self, status: int, sentence: str, *headers: str) -> None:
        """Answer the application, and end the connection."""
        self._has_refused = True
        self._stop_timer()
        body = f"wsmon relay: {sentence}\n".encode()
        lines = (
            f"HTTP/1.1 {status} {status_phrase(status)}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *headers,
        )
        application = self.application
        application.receive(_drop)
        application.release(_EARLY)
        application.write("\r\n".join((*lines, "", "")).encode() + body)
        application.end_stream()
        self._timer = self._loop.call_later(LINGER_S, application.finish)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Ends

    def stream_ended(self, leg: LegProtocol) -> None:
        """Pass the end of a stream on."""
        if self._is_over:
            return
        if leg.name == "server":
            self._finish_answer()
        if self._guard is not None:
            self._guard.tell(self._guard.listener.on_eof, leg.name)
        other = leg.other
        if leg.name == "server" and not self._settled.done():
            # The dial fails, and answers the application
            self._settled.set_exception(_no_answer())
            return
        if other is None:
            # A request that never came as a whole, or the end after our own answer
            leg.finish()
        elif other.is_open:
            other.end_stream()
        for each in self._legs:
            if each.has_ended and each.has_ended_stream:
                each.finish()

    def lost(self, leg: LegProtocol, error: Exception | None) -> None:
        """Pass the end of a connection on."""
        if self._is_over:
            return
        if leg.name == "server":
            self._finish_answer()
        if self._guard is not None:
            self._guard.tell(self._guard.listener.on_lost, leg.name, error)
        other = leg.other
        if leg.name == "application":
            self._stop_dialling()
        elif not self._settled.done():
            # The dial fails, and answers the application
            self._settled.set_exception(error or _no_answer())
            other = None
        # Our own answer has its time to be read
        if other is not None and other.is_open and not self._has_refused:
            other.receive(_drop)
            other.finish() if error is None else other.reset()
        if self.application.is_lost and (self._server is None or not self._server.is_open):
            self._end()

    def _end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._stop_timer()
        self._settle()
        for leg in self._legs:
            # No cycle is left to the garbage collector, which comes rarely here
            leg.other = None
            leg.receive(_drop)
        self._owner.ended(self, self._guard.end() if self._guard is not None else None)


class LegProtocol(asyncio.Protocol):
    """One leg: the socket of one end."""

    transport: asyncio.Transport

    def __init__(self, name: Leg, connection: RelayedConnection, take: Callable[[bytes], None]) -> None:
        self.name: Leg = name
        self._connection = connection
        self.receive(take)
        # None before there is another leg
        self.other: LegProtocol | None = None
        # Whether TCP is up, and not lost yet
        self.is_open = False
        self.is_lost = False
        # Whether it runs over TLS, and the address of the peer, "ip:port": known once TCP is up
        self.is_encrypted = False
        self.address = ""
        # Whether its stream ended; whether ours to it did
        self.has_ended = False
        self.has_ended_stream = False
        # Why it is not read: _FULL, _PAUSED, _EARLY
        self._held = 0
        self._resets_when_drained = False
        self._drain_timer: asyncio.TimerHandle | None = None

    # Called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        # A transport over TLS answers no questions once it is closed
        self.is_encrypted = transport.get_extra_info("sslcontext") is not None
        self.address = socket_address(transport.get_extra_info("peername"))
        self.is_open = True
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # of asyncio's sockets; other transports ignore it
        # asyncio does so for sockets that say their protocol, which accepted ones do not: small messages waited 40 ms
        # for the acknowledgement of the one before
        with suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._held:
            transport.pause_reading()
        self._connection.made(self)

    def eof_received(self) -> bool:
        self.has_ended = True
        self._connection.stream_ended(self)
        # Stay open for what the other leg still sends; TLS ends both ways
        return not self.is_encrypted

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.hold(_FULL)

    def resume_writing(self) -> None:
        if self._resets_when_drained:
            self._reset_now()
        elif self.other is not None:
            self.other.release(_FULL)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and not self.has_ended:
            for data in unread(self.transport):
                self.data_received(data)
        self.is_open = False
        self.is_lost = True
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        self._connection.lost(self, exc)

    # Called by the connection

    def receive(self, take: Callable[[bytes], None]) -> None:
        """Give what comes to a function from now on: asyncio calls it without a way through here."""
        self.data_received = take  # type: ignore[method-assign,assignment]  # a function of one argument, as asyncio's

    def write(self, data: bytes) -> None:
        """Send bytes, unless the stream to this end is over."""
        if self.is_open and not self.has_ended_stream:
            self.transport.write(data)

    def relay(self, tell: Callable[..., None], on_bytes: Callable[[Leg, bytes], None]) -> None:
        """Write to the other leg what comes, and tell the listener then."""
        assert self.other is not None
        # Without a look at the other leg: what comes is dropped once that is lost, and nothing comes behind an end
        name, write = self.name, self.other.transport.write

        def pass_on(data: bytes) -> None:
            write(data)
            tell(on_bytes, name, data)

        self.receive(pass_on)

    def pass_on(self) -> None:
        """Write to the other leg what comes, and report none of it."""
        assert self.other is not None
        self.receive(self.other.write)

    def hold(self, reason: int) -> None:
        """Do not read until the reason is released."""
        self._held |= reason
        if self.is_open and not self.has_ended:
            self.transport.pause_reading()

    def release(self, reason: int) -> None:
        """Drop a reason; read again where no other one is left."""
        self._held &= ~reason
        # Reading on behind the end of the stream would find that end once more
        if not self._held and self.is_open and not self.has_ended:
            self.transport.resume_reading()

    def end_stream(self) -> None:
        """End our stream to this end, once everything was sent; with TLS that ends the connection."""
        if not self.is_open or self.has_ended_stream:
            return
        self.has_ended_stream = True
        if self.transport.can_write_eof():
            with suppress(OSError):
                self.transport.write_eof()
        else:
            self.finish()

    def finish(self) -> None:
        """End the connection, once everything was sent."""
        # A transport over TLS that is closed twice cannot be aborted any more (asyncio/sslproto.py)
        if self.is_open and not self.transport.is_closing():
            self.transport.close()

    def reset(self) -> None:
        """Reset the connection, once what is buffered was sent, or the end does not take it."""
        if self._resets_when_drained or not self.is_open:
            return
        if self.transport.get_write_buffer_size():
            self._resets_when_drained = True
            self._drain_timer = asyncio.get_running_loop().call_later(DRAIN_S, self._reset_now)
            # ``resume_writing`` follows when the buffer is empty
            self.transport.set_write_buffer_limits(0)
        else:
            self._reset_now()

    def abort(self) -> None:
        """End the connection now."""
        if self.is_open:
            self.transport.abort()

    def _reset_now(self) -> None:
        if self.is_open:
            with suppress(OSError):
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()


def _no_answer() -> InvalidMessage:
    """Return what the library raises where the stream ends before an answer."""
    error = InvalidMessage("did not receive a valid HTTP response")
    error.__cause__ = EOFError("the stream ended before an answer")
    return error


def _drop(data: bytes) -> None:
    """Read, and do nothing."""
