"""Observer: sees what happens on a connection of the websockets library, without a change of what that does.

The methods of one connection object are wrapped, never those of a class: other connections are untouched, and a
subclass of the application keeps its own. What the library does not document is used here alone in this package;
``tests/integration/test_connections_of_an_application.py`` checks it against the installed library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from websockets.asyncio.connection import Connection
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Side, State

from wsmon.engine.messages import SWITCHING_PROTOCOLS
from wsmon.engine.tap import Fragments
from wsmon.model.events import Opcode as OpcodeName

# Opcode, payload and size on the wire of a frame that goes out
_Sent: TypeAlias = tuple[OpcodeName, bytes, int]
CONTROL: dict[Opcode, OpcodeName] = {Opcode.PING: "ping", Opcode.PONG: "pong", Opcode.CLOSE: "close"}


class ConnectionWatcher(Protocol):
    """What an ``Observer`` reports to; all calls are synchronous."""

    def on_connected(self, connection: Connection, transport: asyncio.BaseTransport) -> None:
        """TCP and TLS are up."""
        ...

    def on_upgraded(self, connection: Connection, response: Response) -> None:
        """The connection is usable. Once, before its first frame."""
        ...

    def on_refused(self, connection: Connection, response: Response) -> None:
        """The application, a server, refused the upgrade."""
        ...

    def on_received(self, opcode: OpcodeName, payload: bytes, wire_size: int, fragments: int) -> None:
        """A frame came in, or the last one of a message."""
        ...

    def on_sent(self, opcode: OpcodeName, payload: bytes, wire_size: int) -> None:
        """A frame goes out, or the last one of a message."""
        ...

    def on_lost(self, connection: Connection, error: Exception | None) -> None:
        """The TCP connection is gone; always the last call."""
        ...

    def on_mistake(self, error: Exception) -> None:
        """One of the calls raised: none but ``on_lost`` follows."""
        ...


class Observer:
    """Wraps the methods of one connection that has no transport yet."""

    def __init__(self, connection: Connection, watcher: ConnectionWatcher) -> None:
        self._connection = connection
        self._watcher = watcher
        self._is_upgraded = False
        self._has_failed = False
        # Bytes of the frame that is being read
        self._wire_size = 0
        # What the library answers to the frame that it is given: it is reported after that frame
        self._held: list[_Sent] | None = None
        self._incoming = Fragments()
        self._outgoing = Fragments()
        self._observe_transport()
        if connection.protocol.side is Side.SERVER:
            self._observe_answer()
        else:
            self._observe_event()
        self._observe_received()
        self._observe_sent()

    def _observe_transport(self) -> None:
        connection = self._connection
        library_made, library_lost = connection.connection_made, connection.connection_lost

        def connection_made(transport: asyncio.BaseTransport) -> None:
            self._call(self._watcher.on_connected, connection, transport)
            library_made(transport)

        def connection_lost(error: Exception | None) -> None:
            library_lost(error)
            self._call_last(self._watcher.on_lost, connection, error)

        connection.connection_made = connection_made  # type: ignore[method-assign]
        connection.connection_lost = connection_lost  # type: ignore[method-assign,assignment]

    def _observe_event(self) -> None:
        """See the answer to the upgrade request of a client."""
        connection = self._connection
        library_process_event = connection.process_event

        def process_event(event: Any) -> None:
            # Frames go the short way from now on
            del connection.process_event
            library_process_event(event)
            if isinstance(event, Response):
                self._look_for_upgrade(event)

        connection.process_event = process_event  # type: ignore[method-assign]

    def _observe_answer(self) -> None:
        """See the answer of a server."""
        protocol: Any = self._connection.protocol
        library_send_response = protocol.send_response

        def send_response(response: Response) -> None:
            library_send_response(response)
            self._look_for_upgrade(response)
            if not self._is_upgraded:
                self._call(self._watcher.on_refused, self._connection, response)

        protocol.send_response = send_response

    def _observe_received(self) -> None:
        protocol = self._connection.protocol
        library_read_exact, library_recv_frame = protocol.reader.read_exact, protocol.recv_frame

        def read_exact(size: int) -> Any:
            self._wire_size += size
            return library_read_exact(size)

        def recv_frame(frame: Frame) -> None:
            wire_size, self._wire_size = self._wire_size, 0
            # It may come in the bytes of the answer
            if not self._is_upgraded and (answers := [each for each in protocol.events if isinstance(each, Response)]):
                self._look_for_upgrade(answers[0])
            held: list[_Sent] = []
            self._held = held
            try:
                library_recv_frame(frame)
            finally:
                self._held = None
            self._call(self._report_received, frame, wire_size)
            for sent in held:
                self._call(self._watcher.on_sent, *sent)

        protocol.reader.read_exact = read_exact  # type: ignore[method-assign,assignment]
        protocol.recv_frame = recv_frame  # type: ignore[method-assign]

    def _observe_sent(self) -> None:
        protocol = self._connection.protocol
        library_send_frame = protocol.send_frame

        def send_frame(frame: Frame) -> None:
            library_send_frame(frame)
            self._call(self._report_sent, frame, len(protocol.writes[-1]))

        protocol.send_frame = send_frame  # type: ignore[method-assign]

    def _look_for_upgrade(self, response: Response) -> None:
        has_left = self._connection.protocol.state is not State.CONNECTING
        if not self._is_upgraded and has_left and response.status_code == SWITCHING_PROTOCOLS:
            self._is_upgraded = True
            self._call(self._watcher.on_upgraded, self._connection, response)

    def _report_received(self, frame: Frame, wire_size: int) -> None:
        control = CONTROL.get(frame.opcode)
        if control is not None:
            self._watcher.on_received(control, bytes(frame.data), wire_size, 1)
            return
        joined = self._incoming.add(frame, wire_size)
        if joined is not None:
            self._watcher.on_received(*joined)

    def _report_sent(self, frame: Frame, wire_size: int) -> None:
        control = CONTROL.get(frame.opcode)
        if control is not None:
            sent: _Sent = control, bytes(frame.data), wire_size
        else:
            joined = self._outgoing.add(frame, wire_size)
            if joined is None:
                return
            sent = joined[:3]
        if self._held is None:
            self._watcher.on_sent(*sent)
        else:
            self._held.append(sent)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function whose mistake must not reach the application."""
        if self._has_failed:
            return
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001 - recording must not disturb the connection
            self._has_failed = True
            self._call_last(self._watcher.on_mistake, error)

    def _call_last(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception:  # noqa: BLE001 - nothing is left to report it to
            self._has_failed = True
