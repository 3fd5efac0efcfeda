"""Requests of an application: each HTTP request and WebSocket connection that a server takes, from start to end.

A request is the root of its trace, or a child of the span that its ``traceparent`` header names. Paths are reported
without their queries.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from wsmon.trace.context import SpanReporter
from wsmon.trace.sink import Sink, sink_of
from wsmon.trace.spans import (
    TRACEPARENT,
    ActiveSpan,
    SpanScope,
    is_coroutine_function,
    new_id,
    only_value,
    parse_traceparent,
)

if TYPE_CHECKING:
    from wsmon.ports import Clock

# Close codes of a socket that ended as it should; 1005: without a code, as browsers close
CLEAN_CODES: Final = frozenset((1000, 1001, 1005))
SWITCHING, FORBIDDEN, FAILED = 101, 403, 500

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class TracedRequest(ActiveSpan):
    """A request or connection that is under way: an ``ActiveSpan``, whose ``status`` is to be set before its end."""

    def __init__(
        self,
        reporter: SpanReporter,
        name: str,
        traceparent_header: str,
        facts: Mapping[str, object],
        *,
        topic: str = "",
        began: tuple[int, int] | None = None,
    ) -> None:
        """Start it; see ``RequestTracer.request``."""
        caller = parse_traceparent(traceparent_header)
        super().__init__(
            reporter,
            name,
            new_id(16) if caller is None else caller.trace_id,
            "" if caller is None else caller.span_id,
            event="trace.request",
            topic=topic,
            facts=facts if caller is None else {**facts, "remote": True},
            began=began,
        )
        self.is_remote = caller is not None
        """Whether its parent is a span of another program."""
        self.status: int | None = None
        """HTTP status of the answer; None = there was none yet."""

    def finish(self, error: BaseException | str | None = None) -> None:
        """End it with the status that was answered; a request without an answer failed, with 500."""
        if self.status is None:
            self.status = FAILED
            error = error or "the application sent no answer"
        self.end(error, status=self.status)

    def finish_socket(self, code: int | None, error: BaseException | str | None = None) -> None:
        """End it with a close code; 1000, 1001 and 1005 are no errors, None (no close frame) is one."""
        self.facts["close_code"] = 1006 if code is None else code
        if error is None and code not in CLEAN_CODES:
            error = f"the socket closed with {self.facts['close_code']}"
        self.finish(error)


class RequestTracer:
    """Reports the requests and spans of one service. Make one at the start of the program; any thread may use it."""

    def __init__(
        self,
        service: str,
        *,
        group: str = "",
        store: str | os.PathLike[str] = "",
        own: bool = False,
        sink: Sink | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``service`` is the connection of its events: letters, digits, ``.``, ``_``, ``-``. ``store`` and ``own`` are
        those of ``Sink``.
        """
        if clock is None:
            from wsmon.clock import SystemClock

            clock = SystemClock()
        self._reporter = SpanReporter(service, group, sink_of(store, own=own) if sink is None else sink, clock)
        # What the handshakes of websockets began: their times
        self._handshakes: WeakKeyDictionary[Any, tuple[int, int]] = WeakKeyDictionary()

    def span(self, name: str, attributes: Mapping[str, object] | None = None) -> SpanScope:
        """Return a span of this service: within the current one, or in a trace of its own; see ``SpanScope``."""
        return SpanScope(name, attributes, self._reporter)

    def request(
        self,
        name: str,
        *,
        transport: str,
        method: str = "",
        path: str = "",
        traceparent: str = "",
        connection_id: str = "",
        began: tuple[int, int] | None = None,
    ) -> TracedRequest:
        """Start a request by hand, for other servers: a context manager around its work; set its ``status``.

        ``transport`` is "http", "websocket" or a word of the application; ``traceparent`` the header that came with it,
        anything else than a valid one begins a trace. Of ``path``, what is behind a "?" is not reported.
        ``connection_id`` is the session that it belongs to, 16 hex digits; ``began`` are a wall and a monotonic time in
        nanoseconds, by default now.
        """
        facts = {"transport": transport, "method": method, "path": path.partition("?")[0]}
        topic = facts["path"]
        reporter = self._reporter._replace(connection_id=connection_id)
        return TracedRequest(
            reporter, name, traceparent, {key: text for key, text in facts.items() if text},
            topic=topic, began=began,
        )  # fmt: skip

    def asgi(self, app: AsgiApp) -> AsgiApp:
        """Return an ASGI application with a request around each scope of "http" and "websocket"."""
        return RequestMiddleware(app, self)

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Wait until what was reported is stored or spooled; returns whether that came true in time."""
        return self._reporter.sink.flush(timeout_s)

    # Hooks of websockets.asyncio.server.serve, and of websockets.sync.server.serve

    def process_request(self, connection: Any, request: Any) -> None:
        """Note when a handshake began; an argument of ``serve``, or called by the application's own hook."""
        del request
        self._handshakes[connection] = self._reporter.now()

    def process_response(self, connection: Any, request: Any, response: Any) -> None:
        """Report a handshake that was refused; an argument of ``serve``, as ``process_request``."""
        if response.status_code != SWITCHING:
            refused = self._connected(connection, request)
            refused.status = response.status_code
            refused.finish()

    def handler(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a handler for ``serve`` with a request around each connection, until its socket closes."""
        if is_coroutine_function(function):

            async def handle(connection: Any) -> None:
                await self._handle(function, connection)

            return handle

        def handle_in_thread(connection: Any) -> None:
            self._handle_in_thread(function, connection)

        return handle_in_thread

    async def _handle(self, function: Callable[[Any], Awaitable[None]], connection: Any) -> None:
        # Imported now: the application has loaded it
        import asyncio

        with self._connected(connection, connection.request) as request:
            request.status = SWITCHING

            def finish(task: asyncio.Task[None]) -> None:
                if not task.cancelled():
                    request.finish_socket(connection.close_code)

            # Awaited or cancelled below: the socket may close long before the handler returns
            closed = asyncio.create_task(connection.wait_closed(), name="end of a traced socket")  # noqa: TID251
            closed.add_done_callback(finish)
            try:
                await function(connection)
                # What websockets does next
                await connection.close()
                await closed
            except BaseException as error:
                if _is_closed(error):
                    await closed
                raise
            finally:
                closed.cancel()

    def _handle_in_thread(self, function: Callable[[Any], None], connection: Any) -> None:
        with self._connected(connection, connection.request) as request:
            request.status = SWITCHING
            try:
                function(connection)
                connection.close()
            except BaseException as error:
                if _is_closed(error):
                    request.finish_socket(connection.close_code)
                raise
            request.finish_socket(connection.close_code)

    def _connected(self, connection: Any, request: Any) -> TracedRequest:
        path = request.path.partition("?")[0]
        return self.request(
            f"WS {path}",
            transport="websocket",
            path=path,
            traceparent=only_value(request.headers.get_all(TRACEPARENT)),
            began=self._handshakes.pop(connection, None),
        )


class RequestMiddleware:
    """ASGI middleware, in Starlette and FastAPI ``app.add_middleware(RequestMiddleware, tracer=tracer)``.

    A request ends when the application returns, that of a WebSocket when its socket closes.
    """

    def __init__(self, app: AsgiApp, tracer: RequestTracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope; those that are neither "http" nor "websocket" pass through."""
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if kind == "http" else ""
        request = self._tracer.request(
            f"{method or 'WS'} {scope['path']}",
            transport=kind,
            method=method,
            path=scope["path"],
            traceparent=only_value(_header(scope["headers"])),
        )
        with request:
            if kind == "http":
                sending = _http_send(request, send)
            else:
                receive, sending = _socket_receive(request, scope, receive), _socket_send(request, scope, send)
            try:
                await self._app(scope, receive, sending)
            finally:
                _name_by_route(request, scope)


def _http_send(request: TracedRequest, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            request.status = message["status"]
        await send(message)

    return sending


def _socket_receive(request: TracedRequest, scope: Scope, receive: Receive) -> Receive:
    async def receiving() -> Message:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            _name_by_route(request, scope)
            request.finish_socket(message.get("code", 1005))
        return message

    return receiving


def _socket_send(request: TracedRequest, scope: Scope, send: Send) -> Send:
    async def sending(message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            request.status = SWITCHING
        elif kind == "websocket.http.response.start":
            request.status = message["status"]
        await send(message)
        if kind == "websocket.close":
            _name_by_route(request, scope)
            if request.status is None:
                # Before it was accepted: the handshake is refused
                request.status = FORBIDDEN
                request.finish()
            else:
                request.finish_socket(message.get("code", 1000))

    return sending


def _name_by_route(request: TracedRequest, scope: Scope) -> None:
    """Name a request as the framework does: "GET /orders/{id}" instead of a name for each order."""
    path = getattr(scope.get("route"), "path", "")
    if isinstance(path, str) and path:
        request.name = f"{request.name.partition(' ')[0]} {path}"


def _header(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    return (value.decode("latin-1") for name, value in headers if name.lower() == TRACEPARENT.encode())


def _is_closed(error: BaseException) -> bool:
    """Return whether an error says that the peer or the application closed the socket, as it may."""
    # Imported now: the application has loaded it
    from websockets.exceptions import ConnectionClosed

    return isinstance(error, ConnectionClosed)
