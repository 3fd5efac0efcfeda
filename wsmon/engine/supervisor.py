"""Supervisor: all connections of a recorder, as one task each.

In: the configured connections, and commands (reconnect, disable, enable, reload, stop), from the recorder
(recorder/recorder.py). Out: a ``Connection`` a name (engine/connection.py), whose events go to the sink that all share.
A failure of one connection does not touch the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from wsmon.config.specs import ConnectionSpec, ProtocolName
from wsmon.decoders.base import Decoder
from wsmon.decoders.registry import DECODERS
from wsmon.engine.connection import Connection, keeps_session
from wsmon.engine.dial import TlsContexts
from wsmon.engine.services import EngineServices, Redactors
from wsmon.engine.standstill import Standstill
from wsmon.engine.tap import stop_deadline
from wsmon.engine.ticker import Ticker
from wsmon.errors import UsageError
from wsmon.ports import Clock, EventSink
from wsmon.protocols.base import Protocol
from wsmon.protocols.registry import PROTOCOLS


@dataclass(frozen=True, slots=True)
class Changes:
    """What a new configuration changed, by name of the connections."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Connections that got a new session."""
    unchanged: tuple[str, ...] = ()
    adjusted: tuple[tuple[str, str], ...] = ()
    """Connections that keep other rows from now on, in the same session; name, and what changed in a few words."""


class Supervisor:
    """Runs connections on the event loop of the thread that made it.

    Call commands on that loop; ``resume_reading`` may be called from any thread.
    """

    def __init__(
        self,
        connections: tuple[ConnectionSpec, ...],
        secrets: tuple[str, ...],
        sink: EventSink,
        clock: Clock,
        random: Random,
        protocols: Mapping[ProtocolName, Protocol[Any]] = PROTOCOLS,
        decoders: Mapping[str, Decoder[Any]] = DECODERS,
    ) -> None:
        """``secrets`` are values that are masked wherever they occur; protocols and decoders may be of plugins, too."""
        self._loop = asyncio.get_running_loop()
        self._services = EngineServices(
            sink, clock, random, TlsContexts(), Redactors(), Ticker(self._loop), protocols, decoders
        )
        self._secrets = secrets
        # Values that were sent by hand: they are masked until the end, whatever the configuration says later
        self._typed_secrets: tuple[str, ...] = ()
        self._connections = {spec.name: Connection(spec, secrets, self._services) for spec in connections}
        # Connections that were removed and still close, too
        self._running: set[Connection] = set()
        # None before and after ``run``
        self._group: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Run all connections until ``stop``; when it returns, all their events have been emitted."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for connection in self._connections.values():
                    self._start(connection)
                await self._stopping.wait()
        finally:
            self._group = None
            self._ended.set()

    async def stop(self) -> None:
        """Close all together; abort those whose peer does not answer within a second."""
        self._stopping.set()
        deadline = stop_deadline(len(self._running))
        for connection in self._running:
            connection.end("wsmon stopped", deadline)
        if self._group is not None:
            await self._ended.wait()

    def reconnect(self, name: str) -> None:
        """Dial anew, now. Raises ``UsageError`` for an unknown name."""
        self._connection(name).reconnect()

    def disable(self, name: str) -> None:
        """Close, and stay closed until ``enable``. Raises ``UsageError`` for an unknown name."""
        self._connection(name).disable()

    def enable(self, name: str) -> None:
        """Open a connection that was disabled. Raises ``UsageError`` for an unknown name."""
        self._connection(name).enable()

    def check_send(self, name: str) -> None:
        """Raise ``UsageError`` for an unknown name, ``WsmonError`` where the user may not send, or nothing is open."""
        self._connection(name).check_send()

    def send(self, name: str, message: str | bytes, secrets: tuple[str, ...] = ()) -> None:
        """Send a message of the user, and mask the ``secrets`` in it from now on; raises what ``check_send`` does."""
        connection = self._connection(name)
        connection.check_send()
        if new := tuple(secret for secret in secrets if secret not in self._typed_secrets):
            self._typed_secrets += new
            for each in self._connections.values():
                each.use_secrets(self.secrets)
        connection.send(message)

    def masked(self, name: str, text: str) -> str:
        """Return a text as the recording of a connection shows it."""
        return self._connection(name).masked(text)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that are masked, with those that users sent."""
        return (*self._secrets, *self._typed_secrets)

    @property
    def services(self) -> EngineServices:
        """What all connections share; relays use it, too."""
        return self._services

    def apply(self, connections: tuple[ConnectionSpec, ...], secrets: tuple[str, ...]) -> Changes:
        """Continue with another configuration; only connections that changed get a new session."""
        self._secrets = secrets
        secrets = self.secrets
        self._services.contexts.forget()
        self._services.redactors.forget()
        specs = {spec.name: spec for spec in connections}
        removed = tuple(name for name in self._connections if name not in specs)
        for name in removed:
            self._connections.pop(name).end("removed from the configuration")
        added, changed, unchanged, adjusted = [], [], [], []
        for name, spec in specs.items():
            known = self._connections.get(name)
            if known is None:
                added.append(name)
                self._connections[name] = Connection(spec, secrets, self._services)
                self._start(self._connections[name])
            elif known.spec != spec and keeps_session(known.spec, spec):
                adjusted.append((name, known.use_profile(spec, secrets)))
            elif known.spec != spec:
                changed.append(name)
                known.reconfigure(spec, secrets)
            else:
                unchanged.append(name)
                known.use_secrets(secrets)
        return Changes(tuple(added), removed, tuple(changed), tuple(unchanged), tuple(adjusted))

    def resume_reading(self) -> None:
        """Let paused sessions read again: the sink has room. Thread-safe."""
        self._loop.call_soon_threadsafe(self._resume_reading)

    @property
    def is_paused(self) -> bool:
        """Whether a socket is not read, because the sink is full."""
        return bool(self._services.paused)

    def stood_still(self, standstill: Standstill) -> None:
        """Judge no peer by a time in which the recorder stood still, which is over now."""
        for connection in self._running:
            connection.stood_still(standstill)

    def _resume_reading(self) -> None:
        for connection in self._running:
            connection.resume_reading()

    def _connection(self, name: str) -> Connection:
        connection = self._connections.get(name)
        if connection is None:
            raise UsageError(f"no connection named {name!r}", f"connections: {', '.join(self._connections) or 'none'}")
        return connection

    def _start(self, connection: Connection) -> None:
        if self._group is not None and not self._stopping.is_set():
            self._running.add(connection)
            task = self._group.create_task(connection.run(), name=f"connection {connection.spec.name}")
            task.add_done_callback(lambda _: self._running.discard(connection))
