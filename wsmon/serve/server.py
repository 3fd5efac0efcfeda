"""RecordingServer: recorded connections on a listening socket, session after session as clients reconnect."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, cast
from urllib.parse import quote, unquote, urlsplit
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol

from wsmon.config.checks import is_loopback
from wsmon.config.specs import local_place
from wsmon.errors import WsmonError
from wsmon.model.http import status_phrase
from wsmon.ports import StoreView
from wsmon.serve.faults import NO_FAULTS, FaultPlan
from wsmon.serve.player import ReplayConnection, SessionPlayer
from wsmon.serve.served_session import (
    RecordedReply,
    ServedConnection,
    ServedRefusal,
    ServedSession,
    ServedStep,
    messages_of,
    reply_payload,
    served_connections,
)
from wsmon.serve.wire_messages import WireMessage

# Of a message of a client
_MOST_BYTES: Final = 16 * 1024 * 1024
# How long a client may take to answer a close frame
_CLOSE_S: Final = 2.0
# Between two attempts to interrupt a survey
_INTERRUPT_S: Final = 0.01
# A logger outside the tree of loggers: what the server has to say, it says by ``report``
_QUIET: Final = logging.Logger("wsmon.serve")  # noqa: LOG001  # see above
_QUIET.disabled = True


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How a recording is served."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 = any free one."""
    speed: float = 1.0
    loops: bool = False
    """Whether the first session follows the last one."""
    faults: FaultPlan = NO_FAULTS
    origins: tuple[str, ...] = ()
    """Origins of web pages that may connect beside those of this machine."""


class RecordingReader:
    """Reads a recording in one thread, which opens the store and closes it."""

    def __init__(self, open_view: Callable[[], StoreView]) -> None:
        self._thread = ThreadPoolExecutor(1, "recording")
        self._open = open_view
        self._view: StoreView
        self._first_id = 1
        self._survey: Future[tuple[ServedConnection, ...]] | None = None

    async def survey(
        self, selected: Callable[[StoreView], tuple[int, int, str]], connection: str | None = None
    ) -> tuple[ServedConnection, ...]:
        """Open the recording and survey it.

        ``selected`` returns the closed range of events to serve, and the connection to serve where that is known.
        """

        def survey() -> tuple[ServedConnection, ...]:
            self._view = self._open()
            self._first_id, last_id, name = selected(self._view)
            return served_connections(self._view, self._first_id, last_id, connection or name or None)

        self._survey = self._thread.submit(survey)
        return await asyncio.wrap_future(self._survey)

    def pages(self, served: ServedSession) -> Iterator[list[WireMessage]]:
        """Begin to read a session."""
        return messages_of(self._view, served, self._first_id)

    async def next_page(self, pages: Iterator[list[WireMessage]]) -> list[WireMessage] | None:
        """Read on; None at the end."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, next, pages, None)

    async def reply(self, served: ServedSession, reply: RecordedReply) -> WireMessage | None:
        """Read a recorded reply; None where it is gone."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, reply_payload, self._view, reply, served.sockjs_from_id
        )

    def close(self) -> None:
        """Close the recording; a survey under way is given up, a page that is being read is read first."""
        while self._survey is not None and not self._survey.done():
            # What is not a query ends by itself, and the next query is interrupted
            if hasattr(self, "_view"):
                self._view.interrupt()
            wait((self._survey,), _INTERRUPT_S)
        if hasattr(self, "_view"):
            self._thread.submit(self._view.close)
        self._thread.shutdown()


class _Lane:
    """What one client goes through: the recorded steps, one after the other, as it connects again."""

    def __init__(self) -> None:
        self.next_step = 0
        self._holder: ServerConnection | None = None

    @property
    def is_free(self) -> bool:
        """Whether its client is gone, so that the next one takes it for its own."""
        return self._holder is None or self._holder.state is State.CLOSED

    def take(self, holder: ServerConnection) -> None:
        """Belong to a connection until that is closed."""
        self._holder = holder


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a connection was given when it asked for the upgrade."""

    served: ServedConnection
    session: ServedSession
    number: int
    """Of the session among those of its connection, from 1."""
    lane: _Lane


class RecordingServer:
    """Serves recorded connections while its ``async with`` lasts, each at ``/NAME``; one alone at every path."""

    def __init__(
        self,
        served: Sequence[ServedConnection],
        reader: RecordingReader,
        options: ServeOptions,
        report: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """``report`` is called with a line for each session and refusal."""
        self._served: Mapping[str, ServedConnection] = {each.name: each for each in served}
        self._reader = reader
        self._options = options
        self._report = report
        self._lanes: dict[str, list[_Lane]] = {name: [] for name in self._served}
        self._turns: WeakKeyDictionary[ServerConnection, _Turn] = WeakKeyDictionary()
        self._server: Server

    @property
    def urls(self) -> tuple[str, ...]:
        """The URL of each connection, in the order of their names."""
        host, port = self._server.sockets[0].getsockname()[:2]
        place = local_place(host, port)
        return tuple(f"ws://{place}/{quote(name)}" for name in self._served)

    async def __aenter__(self) -> Self:
        is_compressed = any(session.is_compressed for each in self._served.values() for session in each.sessions)
        try:
            self._server = await serve(
                self._play,
                self._options.host,
                self._options.port,
                process_request=self._take_turn,
                select_subprotocol=self._subprotocol,
                compression="deflate" if is_compressed else None,
                create_connection=ReplayConnection,
                server_header=None,
                ping_interval=None,
                close_timeout=_CLOSE_S,
                max_size=_MOST_BYTES,
                logger=_QUIET,
            )
        except OSError as error:
            raise _cannot_listen(self._options, error) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _take_turn(self, connection: ServerConnection, request: Request) -> Response | None:
        """Choose the session of a connection, or the answer that refuses it."""
        if not _is_allowed(request.headers.get_all("Origin"), self._options.origins):
            return _response(HTTPStatus.FORBIDDEN, "this Origin may not read the recording: see --origin\n")
        served = self._connection_at(request.path)
        if served is None:
            return _response(HTTPStatus.NOT_FOUND, f"connections: {' '.join(self._served)}\n")
        lane = self._lane_of(served)
        if lane.next_step >= len(served.steps) and self._options.loops:
            lane.next_step = 0
        if lane.next_step >= len(served.steps):
            self._report(
                f"{served.name}: refused a connection, all recorded sessions were served (--loop repeats them)"
            )
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, "all recorded sessions were served\n")
        step: ServedStep = served.steps[lane.next_step]
        if isinstance(step, ServedRefusal):
            lane.next_step += 1
            self._leave(served, lane)
            self._report(f"{served.name}: refused a connection with HTTP {step.status}, as recorded")
            return _response(step.status, step.body, step.headers)
        lane.take(connection)
        number = served.sessions.index(step) + 1
        self._turns[connection] = _Turn(served, step, number, lane)
        return None

    def _connection_at(self, path: str) -> ServedConnection | None:
        if len(self._served) == 1:
            return next(iter(self._served.values()))
        return self._served.get(unquote(urlsplit(path).path.removeprefix("/").partition("/")[0]))

    def _lane_of(self, served: ServedConnection) -> _Lane:
        """The lane of the client that left last, which is likely the one that connects again; else a new one."""
        lanes = self._lanes[served.name]
        free = next((lane for lane in reversed(lanes) if lane.is_free), None)
        if free is None:
            free = _Lane()
            lanes.append(free)
        return free

    def _leave(self, served: ServedConnection, lane: _Lane) -> None:
        """Note that the client of a lane was the last one to leave."""
        lanes = self._lanes[served.name]
        lanes.remove(lane)
        lanes.append(lane)

    def _subprotocol(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """Choose the recorded subprotocol, where the client offers it."""
        turn = self._turns.get(connection)
        recorded = Subprotocol(turn.session.subprotocol) if turn else Subprotocol("")
        return recorded if recorded in offered else None

    async def _play(self, connection: ServerConnection) -> None:
        turn = self._turns[connection]
        turn.lane.next_step += 1
        name, options = turn.served.name, self._options
        self._report(f"{name}: session {turn.number} of {len(turn.served.sessions)} begins")
        player = SessionPlayer(
            cast(ReplayConnection, connection), turn.session, self._reader, options.speed, options.faults
        )
        try:
            await player.play()
        except* WsmonError as failed:
            self._report(f"{name}: session {turn.number} failed: {failed.exceptions[0]}")
        else:
            dropped = f", {player.dropped:,} dropped" if player.dropped else ""
            sent = f"{player.sent:,} messages sent{dropped}"
            self._report(f"{name}: session {turn.number} ended by the {player.ended_by}; {sent}")
        finally:
            self._leave(turn.served, turn.lane)


def _is_allowed(origins: Iterable[str], allowed: tuple[str, ...]) -> bool:
    """Whether a client may connect: no web page does, or one of this machine, or one that the user named."""
    return all(origin in allowed or is_loopback(urlsplit(origin).hostname or "") for origin in origins)


def _response(status: int, body: str, headers: Iterable[tuple[str, str]] = ()) -> Response:
    octets = body.encode("utf-8", "replace")
    own = Headers(headers)
    own["Connection"] = "close"
    own["Content-Length"] = str(len(octets))
    own.setdefault("Content-Type", "text/plain; charset=utf-8")
    return Response(int(status), status_phrase(int(status)) or "Unknown", own, octets)


def _cannot_listen(options: ServeOptions, error: OSError) -> WsmonError:
    # asyncio adds the address to what the system says; codes of getaddrinfo are no numbers of errno
    why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
    place = f"[{options.host}]" if ":" in options.host else options.host
    return WsmonError(f"cannot listen on {place}:{options.port}: {why}", "use --listen with another address or port")
