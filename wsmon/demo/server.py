"""One scripted server on a listening socket."""

from __future__ import annotations

import asyncio
import ssl as tls
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Self

from wsmon.demo.peer import Peer
from wsmon.demo.record import HandshakeSeen, Received, Record, SessionTally, Tally
from wsmon.demo.scenario import Scenario
from wsmon.demo.session import Session
from wsmon.ports import Clock

STOP_GRACE_S = 0.3
# how long clients may take to answer the close frame of a server that stops

ACCEPT_TURNS = 3
# turns of the loop from accept() to connection_made(): nobody who was accepted is left behind

ABORT_GRACE_S = 5.0
# an aborted connection is gone at the loop's next turn; more than this is a mistake of ours


class ScenarioServer:
    """A scenario that is served while its ``async with`` lasts; its counts are live, and stay afterwards.

    Mistakes of ours in a script are raised at the end, as a group.
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
        self.port = port
        # 0 = any; the real one once it listens
        self._clock = clock
        self._ssl = ssl
        self._rng = rng or Random(scenario.name)
        self._record = Record()
        self._live: set[Session] = set()
        # those whose TCP connection is up, or whose task runs
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens; the path is the scenario's name."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self._ssl else 'ws'}://{host}:{self.port}/{self.scenario.name}"

    @property
    def connections(self) -> int:
        """How many TCP connections were made, upgraded or not."""
        return self._record.connections

    @property
    def sessions(self) -> int:
        """How many upgrades were accepted."""
        return len(self._record.tallies)

    @property
    def tallies(self) -> tuple[SessionTally, ...]:
        """What was counted, one a session, in the order of their upgrades."""
        return tuple(self._record.tallies)

    @property
    def sent(self) -> Tally:
        """The messages written, over all sessions."""
        return Tally.sum(tally.sent for tally in self._record.tallies)

    @property
    def received(self) -> tuple[Received, ...]:
        """The last 1,000 messages of clients; all of them are counted in ``tallies``."""
        return tuple(self._record.received)

    @property
    def handshakes(self) -> tuple[HandshakeSeen, ...]:
        """The last 1,000 requests for an upgrade."""
        return tuple(self._record.handshakes)

    async def until(self, condition: Callable[[], bool], within_s: float = 5.0) -> None:
        """Return when ``condition`` holds; looked at after whatever happens here. Raises TimeoutError."""
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
        """End all sessions, within half a second whatever their clients do, and listen no more."""
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
        return Session(self.scenario, handshake, self._record, self._live, rng, self._clock).peer
