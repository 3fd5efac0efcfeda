"""Recorders under faults: scripted load, a full disk, the accounts of what a store holds and what was not kept."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.support.processes import POLL_S, Home, Recorder, stored
from wsmon.cli.stores import greeting
from wsmon.clock import SystemClock
from wsmon.config.locate import socket_of
from wsmon.control.client import RecorderClient
from wsmon.demo.server import ScenarioServer
from wsmon.model.events import Event
from wsmon.model.snapshot import Health
from wsmon.store.reader import Reader

# For what takes seconds on an idle machine
LONG_S = 180.0
# As fast as the client reads
FLOOD = """
[[step]]
do = "send"
size = "200B"
text = '{"seq":$seq,"pad":"$pad"}'
rate = 0
"""
STEADY = FLOOD.replace("rate = 0", "rate = 500")
BIG = """
[[step]]
do = "send"
rate = 200
size = "256KiB"
text = '{"seq":$seq,"pad":"$pad"}'
"""


def configuration(servers: Mapping[str, ScenarioServer], defaults: str = "") -> str:
    """A connection to each server."""
    entries = (f'[[connection]]\nname = "{name}"\nurl = "{server.url}"\n' for name, server in servers.items())
    return f"[defaults]\n{defaults}\n{''.join(entries)}"


def is_whole(store: Path) -> tuple[Event, ...]:
    """The events of a store, after a look at it: sound, ids without a gap, each session's messages 1, 2, 3 …"""
    with sqlite3.connect(store) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    events = stored(store)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    return events


def numbers(events: Iterable[Event]) -> dict[str, list[int]]:
    """The numbers that the servers gave the messages, by session."""
    found: dict[str, list[int]] = defaultdict(list)
    for event in events:
        if event.name == "message.received":
            assert event.payload is not None
            found[event.source.connection_id].append(int(event.payload.partition(b",")[0].partition(b":")[2]))
    return found


def shed(events: Iterable[Event]) -> Counter[tuple[str, str]]:
    """What the store says was not kept, by connection and kind."""
    found: Counter[tuple[str, str]] = Counter()
    for event in events:
        if event.name == "self.shed":
            assert event.meta is not None
            assert isinstance(event.meta["events"], int)
            assert isinstance(event.meta["name"], str)
            found[event.source.connection, event.meta["name"]] += event.meta["events"]
    return found


def accounted(events: tuple[Event, ...]) -> Counter[str]:
    """The messages received that the store holds, or says were not kept, by connection."""
    found = Counter(event.source.connection for event in events if event.name == "message.received")
    for (connection, name), count in shed(events).items():
        found[connection] += count if name == "message.received" else 0
    return found


def fill_disk(recorder: Recorder) -> None:
    """No file of the recorder grows any more, as on a full disk."""
    log = recorder.store.with_name(f"{recorder.store.name}-wal")
    limit = max(log.stat().st_size, recorder.store.stat().st_size)
    resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def free_disk(recorder: Recorder) -> None:
    """There is room again."""
    resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


async def until_accounted(recorder: Recorder, messages: int) -> None:
    """Wait until the store holds so many messages received, or says that they were not kept."""
    view = Reader(recorder.store, SystemClock())
    newest_id = found = 0
    try:
        async with asyncio.timeout(LONG_S):
            while found < messages:
                page = view.events_after(newest_id, 100)
                newest_id = page[-1].id if page else newest_id
                found += accounted(tuple(page)).total()
                if not page:
                    await asyncio.sleep(POLL_S)
    finally:
        view.close()


def newest_id(store: Path) -> int:
    """Id of the newest event of a store that is being written; 0 = none."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
        (newest,) = database.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()
    database.close()
    return int(newest)


async def until_grown(store: Path, events: int) -> None:
    """Wait until a store has so many events."""
    async with asyncio.timeout(LONG_S):
        while newest_id(store) < events:
            await asyncio.sleep(POLL_S)


class Viewer:
    """The control connection of a screen."""

    def __init__(self, home: Home, recorder: Recorder) -> None:
        self._client = RecorderClient(socket_of(recorder.store, home.environ), greeting())
        self._changed = asyncio.Event()
        # leave() awaits it.
        self._task = asyncio.create_task(self._client.run(self._changed.set), name="viewer")  # noqa: TID251

    async def until(self, condition: Callable[[Health], bool]) -> Health:
        """The first sample for which the condition holds."""
        async with asyncio.timeout(LONG_S):
            while (health := self._client.health) is None or not condition(health):
                self._changed.clear()
                await self._changed.wait()
        return health

    async def leave(self) -> None:
        """Hang up."""
        self._task.cancel()
        await asyncio.wait([self._task])
