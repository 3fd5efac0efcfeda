"""Event loop of the recorder: asyncio's own, with timing of DNS, TCP and TLS, and the resolver of engine/resolver.py.

Its clock stands still while the process does (engine/standstill.py).
``new_event_loop`` makes it (the recorder runs on it); a dial sets ``PHASES`` to the ``Phases`` that the loop times.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Literal

from websockets.asyncio.client import HTTPProxyConnection

from wsmon.clock import SystemClock
from wsmon.engine.resolver import AddressInfo, Resolver
from wsmon.engine.standstill import Standstill, StandstillSelector
from wsmon.model.units import MS_NS
from wsmon.ports import Clock

# Bytes read from one socket in a turn of the loop (asyncio: 256 KiB). With 50 flooding peers a turn takes 0.1 s instead
# of 0.4 s, so that a request to stop is served in time.
READ_BYTES = 64 * 1024
# Bytes that are still taken from a connection that failed in writing
_UNREAD_BYTES = 1024 * 1024
# What a dial is doing; empty while unknown
Phase = Literal["", "dns", "tcp", "proxy", "tls", "upgrade"]

# The phases of the dial that the current task works for
PHASES: ContextVar[Phases | None] = ContextVar("wsmon_dial_phases", default=None)


def new_event_loop() -> EngineLoop:
    """Make the event loop that the recorder runs on (``asyncio.Runner(loop_factory=new_event_loop)``)."""
    return EngineLoop()


class EngineLoop(asyncio.SelectorEventLoop):
    """Times the phases of the current dial (``PHASES``), and excludes standstills from the time of its timers."""

    def __init__(self) -> None:
        self._waiting = StandstillSelector(self._stood_still, SystemClock())
        super().__init__(self._waiting)
        self._resolver = Resolver(self)
        # Called in the turn after a standstill, before what waits in the sockets is read and before timers
        self.on_standstill: Callable[[Standstill], None] | None = None

    def time(self) -> float:
        """Return monotonic seconds without those in which the process stood still: no timer is due because of them."""
        return super().time() - self._waiting.lost_s

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name is asyncio's
        proto: int = 0,
        flags: int = 0,
    ) -> AddressInfo:
        """Resolve as asyncio does, without its executor; time the phase ``dns``."""
        phases = PHASES.get()
        if phases is not None:
            phases.begin("dns")
        found = await self._resolver.look_up((host, port, family, type, proto, flags))
        if phases is not None:
            phases.end("dns")
        return found

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect as asyncio does; time the phase ``tcp``, over all addresses that are tried."""
        phases = PHASES.get()
        if phases is not None:
            phases.begin("tcp")
        await super().sock_connect(sock, address)
        if phases is not None:
            phases.tcp_opened()

    async def create_connection(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], *args: Any, **options: Any
    ) -> Any:
        """Connect as asyncio does; a connection on an open socket runs through the tunnel of a SOCKS proxy."""
        phases = PHASES.get()
        if phases is not None and options.get("sock") is not None:
            phases.tunnel_opened()
        return await super().create_connection(lambda: _ending_once(protocol_factory()), *args, **options)

    async def start_tls(self, *args: Any, **options: Any) -> asyncio.Transport | None:
        """Start TLS as asyncio does; TLS on an open transport runs through the tunnel of an HTTP proxy."""
        phases = PHASES.get()
        if phases is not None:
            phases.tunnel_opened()
        return await super().start_tls(*args, **options)

    def _stood_still(self, standstill: Standstill) -> None:
        """Schedule the report, inside the selector: it comes before the callbacks of what the selector finds."""
        if self.on_standstill is not None:
            self.call_soon(self.on_standstill, standstill)


def _ending_once(protocol: asyncio.BaseProtocol) -> asyncio.BaseProtocol:
    """Ignore the EOFError with which the library's HTTP proxy protocol reports the end of its stream a second time."""
    if isinstance(protocol, HTTPProxyConnection):
        library_connection_lost = protocol.connection_lost

        def connection_lost(error: Exception | None) -> None:
            with suppress(EOFError):
                library_connection_lost(error)

        protocol.connection_lost = connection_lost  # type: ignore[method-assign,assignment]  # made by the library
    return protocol


class Phases:
    """The phases of one hop of a dial, and how long each took.

    ``EngineLoop`` reports DNS and TCP; on another event loop the phases before the upgrade stay unknown.
    """

    def __init__(self, clock: Clock, *, secure: bool, tunnel: bool) -> None:
        """``secure``: TLS follows TCP; ``tunnel``: a proxy opens a tunnel before that."""
        self._clock = clock
        self._secure = secure
        self._tunnel = tunnel
        self._began_ns = 0
        self._took_ns: dict[Phase, int] = {}
        # The phase under way; empty while unknown
        self.current: Phase = ""

    def begin(self, phase: Phase) -> None:
        """Start a phase; addresses that are tried in turn are one phase."""
        if phase != self.current:
            self.current = phase
            self._began_ns = self._clock.mono_ns()

    def end(self, phase: Phase) -> None:
        """End a phase; do nothing where another one is under way."""
        if phase == self.current:
            self._took_ns[phase] = self._clock.mono_ns() - self._began_ns
            self.current = ""

    def tcp_opened(self) -> None:
        """Go on to the next phase: the TCP connection, to the peer or its proxy, is up."""
        if self.current == "tcp":
            self.end("tcp")
            self.begin("proxy" if self._tunnel else "tls" if self._secure else "")

    def tunnel_opened(self) -> None:
        """Go on to the next phase: the proxy has opened its tunnel."""
        if self.current == "proxy":
            self.end("proxy")
            self.begin("tls" if self._secure else "")

    def connected(self) -> None:
        """Go on to the upgrade: TCP and TLS are up."""
        self.end(self.current)
        self.begin("upgrade")

    @property
    def has_reached_upgrade(self) -> bool:
        """Whether the upgrade was asked for."""
        return self.current == "upgrade" or "upgrade" in self._took_ns

    def upgraded(self) -> None:
        """End the upgrade: the WebSocket connection is usable."""
        self.end("upgrade")

    def milliseconds(self) -> dict[str, float]:
        """Return ``{"dns_ms": 1.2, …}`` of the phases that ended, in their order."""
        return {f"{phase}_ms": round(took / MS_NS, 3) for phase, took in self._took_ns.items() if phase}


def unread(transport: asyncio.BaseTransport) -> Iterator[bytes]:
    """Yield what a connection received before it failed in writing, which asyncio drops: often a close frame.

    For ``connection_lost`` with an error. Nothing over TLS, whose bytes only the transport can decrypt.
    """
    if transport.get_extra_info("sslcontext") is not None:
        return
    number = transport.get_extra_info("socket").fileno()
    if number < 0:
        return
    with socket.socket(fileno=os.dup(number)) as connection:
        left = _UNREAD_BYTES
        with suppress(OSError):
            while left > 0 and (data := connection.recv(min(READ_BYTES, left), socket.MSG_DONTWAIT)):
                left -= len(data)
                yield data
