"""Times of a dial: how long DNS, TCP and a proxy took, on the event loop of an application.

An application's loop cannot be the recorder's (engine/loop.py). So the methods of the one loop object are wrapped that
asyncio calls while it connects; they do as before, and look whether the current task works for a traced dial.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from wsmon.engine.loop import PHASES, EngineLoop

_TIMED: Final = "_wsmon_times_dials"


def time_dials(loop: asyncio.AbstractEventLoop) -> None:
    """Time traced dials on a loop from now on; of loops that are not asyncio's own, the upgrade alone is timed."""
    if not isinstance(loop, asyncio.BaseEventLoop) or isinstance(loop, EngineLoop) or hasattr(loop, _TIMED):
        return
    setattr(loop, _TIMED, True)
    getaddrinfo, sock_connect, start_tls = loop.getaddrinfo, loop.sock_connect, loop.start_tls

    async def timed_getaddrinfo(*arguments: Any, **options: Any) -> Any:
        phases = PHASES.get()
        if phases is None:
            return await getaddrinfo(*arguments, **options)
        phases.begin("dns")
        found = await getaddrinfo(*arguments, **options)
        phases.end("dns")
        return found

    async def timed_sock_connect(sock: Any, address: Any) -> None:
        phases = PHASES.get()
        if phases is not None:
            phases.begin("tcp")
        await sock_connect(sock, address)
        if phases is not None:
            phases.tcp_opened()

    async def timed_start_tls(*arguments: Any, **options: Any) -> Any:
        if (phases := PHASES.get()) is not None:
            phases.tunnel_opened()
        return await start_tls(*arguments, **options)

    changed: Any = loop
    changed.getaddrinfo, changed.sock_connect, changed.start_tls = (
        timed_getaddrinfo,
        timed_sock_connect,
        timed_start_tls,
    )
