"""WebSocket connections of an application: ``connect`` and ``serve`` as websockets has them, and recorded.

What they do is done by the library: signatures, exceptions, cancellation, close codes and reconnection are its own.
Recorded is what a recorder records of its own connections: phases, frames, the meaning of messages, pings, the end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from websockets.asyncio import client, server
from websockets.asyncio.connection import Connection
from websockets.datastructures import Headers
from websockets.proxy import get_proxy

from wsmon.clock import SystemClock
from wsmon.config.specs import ConnectionSpec
from wsmon.engine.dial import CREDENTIAL_HEADERS
from wsmon.engine.loop import PHASES, Phases
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.retry import DialProgress
from wsmon.engine.rows import Rows
from wsmon.export.import_session import connection_name
from wsmon.model.redact.masking import MASK, Sensitive
from wsmon.model.redact.redactor import Redactor, mask_subprotocols
from wsmon.trace.context import CURRENT_SPAN
from wsmon.trace.dial_times import time_dials
from wsmon.trace.observer import Observer
from wsmon.trace.sink import Sink, sink_of
from wsmon.trace.traced_session import TracedSession

if TYPE_CHECKING:
    from websockets.uri import WebSocketURI

    from wsmon.config.specs import BuiltInProtocol

_DEFAULT_PORTS = (80, 443)
# Several connections of one name have rows of their own in a recording
_ROWS: WeakKeyDictionary[Sink, Rows] = WeakKeyDictionary()


class connect(client.connect):  # noqa: N801 - as the library writes it: a drop-in
    """``websockets.connect``, recorded: ``await``, ``async with``, and ``async for`` with its reconnections.

    It raises what that raises, and nothing else.

    Each attempt is a session of one connection and one trace. The message that ``recv`` returns, also in ``async for``,
    is handled until the next one is asked for: spans, events and sent messages meanwhile are children of that message,
    and its handling is a span of type ``handle``.
    """

    def __init__(
        self,
        uri: str,
        *,
        connection: str = "",
        group: str = "",
        trace_id: str = "",
        protocol: BuiltInProtocol = "auto",
        sink: Sink | None = None,
        **options: Any,
    ) -> None:
        """``options`` are those of websockets. ``connection`` is the row of the screen, by default the host.

        ``trace_id`` is by default that of the current span, else random; ``protocol`` is what messages are read as, see
        docs/protocols.md; ``sink`` is by default that of ``sink_of``.
        """
        super().__init__(uri, **options)
        self._sink = sink_of() if sink is None else sink
        self._name = connection_name(connection or _host(self.ws_uri), "app")
        current = CURRENT_SPAN.get()
        trace_id = trace_id or ("" if current is None else current.trace_id)
        # The span that opens the connection
        self._parent_id = current.span_id if current is not None and current.trace_id == trace_id else ""
        offered = options.get("subprotocols") or ()
        self._spec = _spec(self._name, uri, group, trace_id, protocol, options.get("additional_headers"), offered)
        self._redactor = Redactor()
        self._carried = CarriedState()
        self._session: TracedSession | None = None
        self._attempt = 0
        library_factory = self.factory

        def factory(uri: WebSocketURI) -> client.ClientConnection:
            made = library_factory(uri)
            if self._session is not None:
                _observe(made, self._session)
            return made

        self.factory = factory

    async def connect(self) -> client.ClientConnection:
        """Connect once, as the library does."""
        before, self._session = self._session, None
        with suppress(Exception):
            self._session = self._begin(before)
        try:
            return await super().connect()
        except BaseException as error:
            if self._session is not None:
                with suppress(Exception):
                    self._session.fail(error, self._progress(self._session))
            raise

    async def open_tcp_connection(self) -> client.ClientConnection:
        """Connect to the peer or its proxy, as the library does; the phases of that are timed."""
        if self._session is None:
            return await super().open_tcp_connection()
        self._session.phases = Phases(SystemClock(), secure=self.ws_uri.secure, tunnel=self._is_proxied())
        token = PHASES.set(self._session.phases)
        try:
            return await super().open_tcp_connection()
        finally:
            PHASES.reset(token)

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Decide on a redirect, as the library does."""
        found = super().process_redirect(exc)
        if isinstance(found, str) and self._session is not None:
            self._session.redirected(found)
        return found

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection, as the library does; an exception ends the handling of the message before."""
        if self._session is not None:
            self._session.handling.end(exc_value)
        await super().__aexit__(exc_type, exc_value, traceback)

    def _begin(self, before: TracedSession | None) -> TracedSession:
        time_dials(asyncio.get_running_loop())
        if before is None or not before.has_failed:
            self._attempt = 1
        else:
            self._attempt = 2 if before.was_open else self._attempt + 1
        row = _rows_of(self._sink).take(self._name)
        session = TracedSession(
            self._spec, row, self._sink, SystemClock(), self._redactor, self._carried, self._attempt,
            parent_id=self._parent_id,
        )  # fmt: skip
        session.begin(self.uri)
        return session

    def _progress(self, session: TracedSession) -> DialProgress:
        uri = self.ws_uri
        return DialProgress(uri.host, uri.port, session.phases.current, self.open_timeout or 0.0, self._is_proxied())

    def _is_proxied(self) -> bool:
        options = self.create_connection_kwargs
        if self.proxy is None or options.get("unix") or options.get("sock") is not None:
            return False
        return bool(get_proxy(self.ws_uri)) if self.proxy is True else True


def serve(
    handler: Callable[[server.ServerConnection], Awaitable[None]],
    host: str | None = None,
    port: int | None = None,
    *,
    connection: str = "server",
    group: str = "",
    protocol: BuiltInProtocol = "raw",
    sink: Sink | None = None,
    create_connection: Callable[..., server.ServerConnection] | None = None,
    **options: Any,
) -> server.Server:
    """``websockets.serve``, recorded; ``options`` are those of websockets.

    Each client is a session, in the trace that a valid ``traceparent`` of its upgrade request names, else in one of its
    own. ``connection`` is the row of the screen; clients that are there together have
    ``NAME``, ``NAME-2``, ``NAME-3``, … ``protocol`` is ``raw`` or ``json``: the others are read as a client sees them.
    """
    sink = sink_of() if sink is None else sink
    name = connection_name(connection, "server")
    redactor = Redactor()
    make = create_connection or server.ServerConnection
    sessions: WeakKeyDictionary[server.ServerConnection, TracedSession] = WeakKeyDictionary()

    def traced_connection(*arguments: Any, **keywords: Any) -> server.ServerConnection:
        made = make(*arguments, **keywords)
        with suppress(Exception):
            spec = _spec(name, "", group, "", protocol)
            row = _rows_of(sink).take(name)
            session = TracedSession(spec, row, sink, SystemClock(), redactor, CarriedState(), is_served=True)
            session.begin()
            _observe(made, session)
            sessions[made] = session
        return made

    async def traced_handler(made: server.ServerConnection) -> None:
        session = sessions.get(made)
        if session is None:
            await handler(made)
            return
        session.handling.enter_connection()
        try:
            await handler(made)
        except BaseException as error:
            session.handling.end(error)
            raise
        session.handling.end()

    return server.serve(traced_handler, host, port, create_connection=traced_connection, **options)  # type: ignore[arg-type]  # documented: "a wrapper or a subclass"


def _observe(made: Connection, session: TracedSession) -> None:
    Observer(made, session)
    session.handling.attach(made)


def _spec(
    name: str,
    uri: str,
    group: str,
    trace_id: str,
    protocol: BuiltInProtocol,
    headers: Any = None,
    subprotocols: Sequence[str] = (),
) -> ConnectionSpec:
    said = () if headers is None else tuple(Headers(headers).raw_items())
    return ConnectionSpec(
        name,
        Sensitive(uri),
        group,
        protocol=protocol,
        trace_id=trace_id or os.urandom(16).hex(),
        headers=tuple(
            (key, Sensitive(value, MASK if key.lower() in CREDENTIAL_HEADERS else value)) for key, value in said
        ),
        subprotocols=tuple(map(Sensitive, subprotocols, mask_subprotocols(subprotocols))),
    )


def _host(uri: WebSocketURI) -> str:
    return uri.host if uri.port in _DEFAULT_PORTS else f"{uri.host}-{uri.port}"


def _rows_of(sink: Sink) -> Rows:
    return _ROWS.setdefault(sink, Rows())
