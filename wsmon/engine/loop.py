"""The recorder's event loop: asyncio's own, with a stopwatch for DNS, TCP and TLS, and a resolver of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import HTTPProxyConnection

from wsmon.engine.phases import PHASES
from wsmon.engine.resolver import AddressInfo, Resolver


class EngineLoop(asyncio.SelectorEventLoop):
    """Measures the phases of whatever dial is current (``PHASES``); otherwise a plain loop."""

    def __init__(self) -> None:
        super().__init__()
        self._resolver = Resolver(self)

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
        """As asyncio's, without the executor; times the phase ``dns``."""
        phases = PHASES.get()
        if phases is not None:
            phases.begin("dns")
        found = await self._resolver.look_up((host, port, family, type, proto, flags))
        if phases is not None:
            phases.end("dns")
        return found

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """As asyncio's; times the phase ``tcp``, over all addresses that are tried."""
        phases = PHASES.get()
        if phases is not None:
            phases.begin("tcp")
        await super().sock_connect(sock, address)
        if phases is not None:
            phases.tcp_opened()

    async def create_connection(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], *args: Any, **options: Any
    ) -> Any:
        """As asyncio's; one that starts on an open socket runs through a SOCKS proxy's tunnel."""
        phases = PHASES.get()
        if phases is not None and options.get("sock") is not None:
            phases.tunnel_opened()
        return await super().create_connection(lambda: _ending_once(protocol_factory()), *args, **options)

    async def start_tls(self, *args: Any, **options: Any) -> asyncio.Transport | None:
        """As asyncio's; TLS that starts on an open transport runs through an HTTP proxy's tunnel."""
        phases = PHASES.get()
        if phases is not None:
            phases.tunnel_opened()
        return await super().start_tls(*args, **options)


def _ending_once(protocol: asyncio.BaseProtocol) -> asyncio.BaseProtocol:
    """Of the library's talk with an HTTP proxy: its end after the end of the stream, which was told, is no mistake."""
    if isinstance(protocol, HTTPProxyConnection):
        library_connection_lost = protocol.connection_lost

        def connection_lost(error: Exception | None) -> None:
            with suppress(EOFError):
                library_connection_lost(error)

        protocol.connection_lost = connection_lost  # type: ignore[method-assign,assignment]  # made by the library
    return protocol


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The event loop that the recorder runs on (``asyncio.Runner(loop_factory=new_event_loop)``)."""
    return EngineLoop()
