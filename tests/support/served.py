"""Recordings that are served: written for a test, and the server on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.recordings import FixedClock, recorded
from wsmon.cli.stores import ids_of_period
from wsmon.model.events import Event
from wsmon.serve.faults import NO_FAULTS, FaultPlan
from wsmon.serve.server import RecordingReader, RecordingServer, ServeOptions
from wsmon.store.reader import Reader


@asynccontextmanager
async def serving(
    path: Path,
    *,
    speed: float = 100.0,
    loops: bool = False,
    faults: FaultPlan = NO_FAULTS,
    origins: tuple[str, ...] = (),
    report: Callable[[str], None] = lambda _line: None,
) -> AsyncIterator[RecordingServer]:
    """A server on a store, with all its connections."""
    reader = RecordingReader(lambda: Reader(path, FixedClock()))
    try:
        served = await reader.survey(lambda view: (*ids_of_period(view, None, None), ""))
        options = ServeOptions(speed=speed, loops=loops, faults=faults, origins=origins)
        async with RecordingServer(served, reader, options, report) as server:
            yield server
    finally:
        reader.close()


def written(folder: Path, events: Sequence[Event], *connections: str) -> Path:
    """A store of these events."""
    return recorded(folder / "store.db", events, *connections, end_s=120.0)
