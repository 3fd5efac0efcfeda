"""Stores that traced programs wrote to: what arrived, and what is left beside them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from websockets.asyncio.server import ServerConnection

from tests.support.fake_ports import FakeClock
from tests.support.stores import stored_events
from wsmon.control.spool import spool_folder
from wsmon.trace import Sink, TraceEvent
from wsmon.trace.requests import RequestTracer

DEADLINE_S = 20.0
LOOK_S = 0.01


class KeptSink(Sink):
    """A sink that keeps what it is given, and sends nothing."""

    def __init__(self) -> None:
        super().__init__("/nowhere/store.db")
        self.events: list[TraceEvent] = []

    def emit(self, event: TraceEvent) -> None:
        """Keep an event."""
        self.events.append(event)

    @property
    def said(self) -> list[tuple[str, str]]:
        """Names and types of what was emitted."""
        return [(event.name.removeprefix("trace."), event.type) for event in self.events]


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread or process does."""
    ends_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < ends_s, "it did not come true in time"
        time.sleep(LOOK_S)


def arrived(store: Path) -> list[str]:
    """The types of the events of applications, in the order of their ids."""
    return [event.type for event in stored_events(store) if event.name == "trace.log"]


def spool_files(store: Path) -> list[Path]:
    """The files in the spool of a store."""
    return sorted(spool_folder(store).glob("*"))


def service(name: str = "shop") -> tuple[RequestTracer, KeptSink, FakeClock]:
    """The requests of a service, what they report, and its time."""
    sink, clock = KeptSink(), FakeClock()
    return RequestTracer(name, sink=sink, clock=clock), sink, clock


async def echo(connection: ServerConnection) -> None:
    """Send back what comes."""
    async for message in connection:
        await connection.send(message)
