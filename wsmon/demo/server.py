"""A scripted server on a listening socket, and its sessions: one client's connection from TCP to its end."""

from __future__ import annotations

import asyncio
import http
import ssl as tls
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Self, assert_never

from websockets.http11 import Request

from wsmon.demo.peer import (
    CloseReceived,
    HandshakeSeen,
    PayloadTally,
    Peer,
    Received,
    Record,
    SessionTally,
    encode_acceptance,
    encode_refusal,
    server_protocol,
)
from wsmon.demo.scenario import Scenario
from wsmon.demo.script import Script
from wsmon.demo.steps import NO_DELAY, Accept, DurationRange, Garble, Handshake, Hang, Redirect, Refuse
from wsmon.ports import Clock

# How long clients may take to answer the close frame of a server that stops.
STOP_GRACE_S = 0.3

# Turns of the loop from accept() to connection_made(): no accepted connection is left behind by a stop.
ACCEPT_TURNS = 3

# An aborted connection is gone at the loop's next turn; more than this is an error in the server.
ABORT_GRACE_S = 5.0

# RFC 6455, section 7.4.1: the server goes down.
GOING_AWAY = 1001


class ScenarioServer:
    """Serves a scenario while its ``async with`` lasts; its counts are live, and stay afterwards.

    Errors in the code of a session are raised at the end, as a group.
    """

    def __init__(
        self,
        scenario: Scenario,
        clock: Clock,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: tls.SSLContext | None = None,
        rng: Random | None = None,
    ) -> None:
        self.scenario = scenario
        self.host = host
        # 0 = any; the real one once the server listens.
        self.port = port
        self._clock = clock
        self._ssl = ssl
        self._rng = rng or Random(scenario.name)
        self._record = Record()
        # Sessions whose TCP connection is up, or whose task runs.
        self._live: set[ScriptedSession] = set()
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The URL to connect to; its path is the scenario's name."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self._ssl else 'ws'}://{host}:{self.port}/{self.scenario.name}"

    @property
    def connections(self) -> int:
        """The number of TCP connections, upgraded or not."""
        return self._record.connections

    @property
    def sessions(self) -> int:
        """The number of accepted upgrades."""
        return len(self._record.tallies)

    @property
    def tallies(self) -> tuple[SessionTally, ...]:
        """The counts of each session, in the order of their upgrades."""
        return tuple(self._record.tallies)

    @property
    def sent(self) -> PayloadTally:
        """The messages written, over all sessions."""
        return PayloadTally.sum(tally.sent for tally in self._record.tallies)

    @property
    def received(self) -> tuple[Received, ...]:
        """The last 1,000 messages of clients; all of them are counted in ``tallies``."""
        return tuple(self._record.received)

    @property
    def handshakes(self) -> tuple[HandshakeSeen, ...]:
        """The last 1,000 requests for an upgrade."""
        return tuple(self._record.handshakes)

    async def until(self, condition: Callable[[], bool], within_s: float = 5.0) -> None:
        """Return when ``condition`` holds; it is checked after each event of the server. Raises TimeoutError."""
        await self._record.until(condition, within_s)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        shutdown_s = STOP_GRACE_S if self._ssl else None
        self._listener = await loop.create_server(
            self._new_peer, self.host, self.port, ssl=self._ssl, ssl_shutdown_timeout=shutdown_s
        )
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Close the listening socket and end all sessions, within half a second whatever their clients do."""
        if self._listener is None:
            return
        self._listener.close()
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)
        for session in tuple(self._live):
            session.stop()
        try:
            await self.until(lambda: not self._live, STOP_GRACE_S)
        except TimeoutError:
            for session in tuple(self._live):
                session.peer.abort()
            await self.until(lambda: not self._live, ABORT_GRACE_S)
        await self._listener.wait_closed()
        self._listener = None
        if self._record.failures:
            raise BaseExceptionGroup(f"scripts of {self.scenario.name} failed", self._record.failures)

    def _new_peer(self) -> Peer:
        handshakes = self.scenario.handshakes
        handshake = handshakes[min(self._record.connections, len(handshakes) - 1)]
        self._record.connections += 1
        rng = Random(self._rng.random())
        return ScriptedSession(self.scenario, handshake, self._record, self._live, rng, self._clock).peer


class ScriptedSession:
    """One client's connection: answers the handshake, plays the script, writes the record.

    It owns the task that does so, and is in ``live`` from the TCP connection on until both connection and task have
    ended. An error in the code of a script resets the connection and is kept in ``record.failures``.
    """

    def __init__(
        self,
        scenario: Scenario,
        handshake: Handshake,
        record: Record,
        live: set[ScriptedSession],
        rng: Random,
        clock: Clock,
    ) -> None:
        self.peer = Peer(server_protocol(handshake), self)
        self._scenario = scenario
        self._handshake = handshake
        self._record = record
        self._live = live
        self._rng = rng
        self._clock = clock
        self._task: asyncio.Task[None]
        self._script: Script | None = None
        self._tally: SessionTally | None = None

    def stop(self) -> None:
        """End the script and the connection, with a close frame where a session is open."""
        self._task.cancel()
        self.peer.thaw()
        if self.peer.is_open:
            self.peer.send_close(GOING_AWAY, b"server stops")
        else:
            self.peer.drop()

    def connected(self) -> None:
        self._live.add(self)
        # ScenarioServer.stop waits until it has left the live sessions, which it does once it is done.
        self._task = asyncio.create_task(self._serve(), name=f"demo {self._scenario.name}")  # noqa: TID251
        self._task.add_done_callback(self._ended)

    def message_received(self, opcode: int, payload: bytes) -> None:
        if self._script is None or self._tally is None:
            return
        self._tally.received.add(payload)
        self._record.received.append(Received(self._tally.session, opcode, payload))
        self._script.message_received(opcode, payload)
        self._record.changed()

    def ping_received(self) -> None:
        if self._tally is not None:
            self._tally.pings += 1
            self._record.changed()

    def close_received(self, close: CloseReceived) -> None:
        if self._tally is not None:
            self._tally.close_received = close
            self._record.changed()

    def disconnected(self) -> None:
        if self._tally is not None:
            self._tally.is_open = False
        self._task.cancel()
        self._leave()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._record.failures.append(error)
            self.peer.abort()
        self._leave()

    def _leave(self) -> None:
        if self.peer.is_lost and self._task.done():
            self._live.discard(self)
        self._record.changed()

    async def _serve(self) -> None:
        request = await self.peer.request
        match self._handshake:
            case Accept() as accept:
                await self._accept(request, accept)
            case Refuse() as refusal:
                await self._refuse(request, refusal)
            case Redirect() as redirect:
                await self._refuse(request, redirect.refusal)
            case Garble() as garble:
                self._see(request, 0)
                await self._pause(garble.delay_s)
                self._hang_up(garble.response)
            case Hang():
                self._see(request, 0)
            case _:
                assert_never(self._handshake)

    async def _accept(self, request: Request, accept: Accept) -> None:
        response = self.peer.protocol.accept(request)
        self._see(request, response.status_code)
        await self._pause(accept.delay_s)
        if response.status_code != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.peer.respond(response)
            return
        self.peer.respond(response, encode_acceptance(response, accept))
        tally = self._tally = self._record.accept(self.peer.protocol.subprotocol)
        self._script = Script(self._scenario, self.peer, tally, self._record, self._rng, self._clock)
        await self._script.play()
        tally.is_script_done = self.peer.is_open
        self._record.changed()

    async def _refuse(self, request: Request, refusal: Refuse) -> None:
        self._see(request, refusal.status)
        await self._pause(refusal.delay_s)
        self._hang_up(encode_refusal(refusal))

    def _hang_up(self, last: bytes) -> None:
        self.peer.write(last)
        self.peer.drop()

    async def _pause(self, duration: DurationRange) -> None:
        if duration != NO_DELAY:
            await asyncio.sleep(duration.at(self._rng.random()))

    def _see(self, request: Request, status: int) -> None:
        self._record.handshakes.append(HandshakeSeen(request.path, tuple(request.headers.raw_items()), status))
        self._record.changed()
