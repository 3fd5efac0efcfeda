"""The recorders of several recordings, as one ``ports.RecorderControl``: a command goes to that of its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from wsmon.errors import WsmonError
from wsmon.model.events import split_connection
from wsmon.model.snapshot import Health
from wsmon.ports import RecorderControl, SentByHand


class ConnectedControl(RecorderControl, Protocol):
    """A client of one recorder."""

    async def run(self, on_change: Callable[[], None]) -> None:
        """Stay connected until cancelled; call ``on_change`` after each commit, sample, connect and disconnect."""
        ...


class RecorderClients:
    """Clients of several recorders, by the name of the recording. Use it on one event loop."""

    def __init__(self, clients: Mapping[str, ConnectedControl]) -> None:
        self._clients = dict(clients)

    async def run(self, on_change: Callable[[], None]) -> None:
        """Stay connected to all until cancelled; call ``on_change`` after each commit, sample, connect, disconnect."""
        async with asyncio.TaskGroup() as group:
            for name, client in self._clients.items():
                group.create_task(client.run(on_change), name=f"recorder {name}")

    @property
    def health(self) -> Health | None:
        """The state of those that answer, added up; a warning names its recording. ``None`` while none answers."""
        found = {name: client.health for name, client in self._clients.items()}
        samples = {name: health for name, health in found.items() if health is not None}
        if not samples:
            return None
        all_of = tuple(samples.values())
        warnings = (f"{name}: {health.warning}" for name, health in samples.items() if health.warning)
        return replace(
            all_of[0],
            waiting_events=sum(each.waiting_events for each in all_of),
            waiting_bytes=sum(each.waiting_bytes for each in all_of),
            commit_lag_ms=max(each.commit_lag_ms for each in all_of),
            events_shed=sum(each.events_shed for each in all_of),
            is_paused=any(each.is_paused for each in all_of),
            warning="; ".join(warnings),
            rings=any(each.rings for each in all_of),
            notifies=any(each.notifies for each in all_of),
        )

    async def reconnect(self, connection: str) -> None:
        """Dial anew, now."""
        client, own = self._of(connection)
        await client.reconnect(own)

    async def disable(self, connection: str) -> None:
        """Close the connection and leave it closed."""
        client, own = self._of(connection)
        await client.disable(own)

    async def enable(self, connection: str) -> None:
        """Open a connection that was disabled."""
        client, own = self._of(connection)
        await client.enable(own)

    async def send(self, connection: str, message: str | bytes) -> SentByHand:
        """Send a text or a binary message to the peer of a connection; return what was done."""
        client, own = self._of(connection)
        return await client.send(own, message)

    async def reload(self) -> str:
        """Refuse: a recorder has a configuration of its own."""
        raise WsmonError("several recorders are shown", "open one recording alone to reload its configuration")

    async def stop(self) -> None:
        """Refuse: none is meant."""
        raise WsmonError("several recorders are shown: none was stopped", "stop one with `wsmon stop NAME`")

    def _of(self, connection: str) -> tuple[ConnectedControl, str]:
        """Return the client of a connection's recording, and the connection's own name there."""
        recording, own = split_connection(connection)
        if (client := self._clients.get(recording)) is None:
            raise WsmonError(f"{recording} has no recorder")
        return client, own
