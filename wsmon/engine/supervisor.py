"""All connections of a recorder: started together, ended together, none of them another's trouble."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from wsmon.config.specs import ConnectionSpec
from wsmon.engine.connection import Connection, EngineServices, Redactors, keeps_session
from wsmon.engine.dial import TlsContexts
from wsmon.engine.tap import stop_deadline
from wsmon.errors import UsageError
from wsmon.ports import Clock, EventSink


@dataclass(frozen=True, slots=True)
class Changes:
    """What a new configuration meant for the connections, by name."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """These got a new session."""
    unchanged: tuple[str, ...] = ()
    adjusted: tuple[tuple[str, str], ...] = ()
    """These keep other rows from now on, in the same session; with what changed, in a few words."""


class Supervisor:
    """Runs connections on the event loop that it was made on.

    Commands are called on that loop; ``resume_reading`` may be called from any thread.
    """

    def __init__(
        self,
        connections: tuple[ConnectionSpec, ...],
        secrets: tuple[str, ...],
        sink: EventSink,
        clock: Clock,
        random: Random,
    ) -> None:
        """``secrets`` are values that are masked wherever they occur."""
        self._surroundings = EngineServices(sink, clock, random, TlsContexts(), Redactors())
        self._secrets = secrets
        self._connections = {spec.name: Connection(spec, secrets, self._surroundings) for spec in connections}
        self._running: set[Connection] = set()
        # those that were removed and still close as well
        self._loop = asyncio.get_running_loop()
        self._group: asyncio.TaskGroup | None = None
        # while it runs
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Keep all connections until ``stop``; when it returns, everything about them has been emitted."""
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
        """Close all together; what a peer does not answer within a second is aborted."""
        self._stopping.set()
        patience = stop_deadline(len(self._running))
        for connection in self._running:
            connection.end("wsmon stopped", patience)
        if self._group is not None:
            await self._ended.wait()

    def reconnect(self, name: str) -> None:
        """Dial anew, now. Raises ``UsageError`` for a name that is none."""
        self._connection(name).reconnect()

    def disable(self, name: str) -> None:
        """Close and stay closed. Raises ``UsageError`` for a name that is none."""
        self._connection(name).disable()

    def enable(self, name: str) -> None:
        """Open what was disabled. Raises ``UsageError`` for a name that is none."""
        self._connection(name).enable()

    def apply(self, connections: tuple[ConnectionSpec, ...], secrets: tuple[str, ...]) -> Changes:
        """Go on with another configuration; only what changed gets a new session."""
        self._secrets = secrets
        self._surroundings.contexts.forget()
        self._surroundings.redactors.forget()
        specs = {spec.name: spec for spec in connections}
        removed = tuple(name for name in self._connections if name not in specs)
        for name in removed:
            self._connections.pop(name).end("removed from the configuration")
        added, changed, unchanged, adjusted = [], [], [], []
        for name, spec in specs.items():
            known = self._connections.get(name)
            if known is None:
                added.append(name)
                self._connections[name] = Connection(spec, secrets, self._surroundings)
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
        """The sink has room again: sessions that paused read on. Thread-safe."""
        self._loop.call_soon_threadsafe(self._resume_reading)

    def _resume_reading(self) -> None:
        for connection in self._running:
            connection.resume_reading()

    def _connection(self, name: str) -> Connection:
        connection = self._connections.get(name)
        if connection is None:
            raise UsageError(f"no connection is named {name!r}", f"there are: {', '.join(self._connections) or 'none'}")
        return connection

    def _start(self, connection: Connection) -> None:
        if self._group is not None and not self._stopping.is_set():
            self._running.add(connection)
            task = self._group.create_task(connection.run(), name=f"connection {connection.spec.name}")
            task.add_done_callback(lambda _: self._running.discard(connection))
