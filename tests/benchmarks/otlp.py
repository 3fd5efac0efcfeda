"""How late commits are where telemetry is sent to collectors in trouble, and to one that is well; beside none.

5,000 messages a second are recorded. Half of the way through, a collector in trouble becomes well: the backlog then
arrives. The note of a row says whether every message was stored, and what became of the telemetry.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from tests.benchmarks.table import Options, Row, paired
from tests.benchmarks.timed_recorder import Commits, read
from tests.support.collectors import HANG, RESET, FakeCollector, answer
from tests.support.engines import raw_server
from tests.support.external_programs import free_port
from tests.support.peers import scenario
from tests.support.processes import stored
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer

CONNECTIONS = 10
ROUNDS = 3
GOAL_MS = 150
OPEN_WITHIN_S = 30.0
RECORDER = Path(__file__).with_name("timed_recorder.py")
PATHS = ("/v1/traces", "/v1/logs", "/v1/metrics")
TROUBLES = {
    "well": b"",
    "503": answer("503 Service Unavailable"),
    "429, Retry-After: 2": answer("429 Too Many Requests", "Retry-After: 2"),
    "reset": RESET,
    "slow": HANG,
}


async def recorded(folder: Path, name: str, rate: int, seconds: int) -> tuple[Commits, str]:
    """Record for a while; how late commits were, and what came of the telemetry."""
    chosen = scenario("load").with_(rate=rate // CONNECTIONS, count=seconds * rate)
    collector, port, log = FakeCollector(), free_port(), folder / "commits.jsonl"
    trouble = TROUBLES.get(name)
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ScenarioServer(chosen, SystemClock())) for _ in range(CONNECTIONS)]
        entries = (f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n, server in enumerate(servers))
        otlp = "" if name == "none" else f'[wsmon]\notlp = "http://127.0.0.1:{port}"\n'
        config = folder / "wsmon.toml"
        config.write_text(otlp + "".join(entries))
        if trouble:
            collector.standing = dict.fromkeys(PATHS, trouble)
        if trouble is not None:
            await stack.enter_async_context(raw_server(collector.serve, port=port))
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, RECORDER, log, "record", config, "--store", folder / "store.db", "--quiet"),
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        )
        for server in servers:
            await server.until(lambda server=server: server.sessions > 0, OPEN_WITHIN_S)  # type: ignore[misc]
        await asyncio.sleep(seconds / 2)
        if name == "away":
            await stack.enter_async_context(raw_server(collector.serve, port=port))
        collector.standing.clear()
        await asyncio.sleep(seconds / 2)
        recorder.send_signal(signal.SIGINT)
        await recorder.wait()
        sent = sum(server.sent.messages for server in servers)
    return read(log), arrived(folder / "store.db", collector, sent)


def arrived(store: Path, collector: FakeCollector, sent: int) -> str:
    """How much was stored, and how much of it the collector has."""
    events = stored(store)
    messages = sum(event.name == "message.received" for event in events)
    told = [event.name for event in events if not event.name.startswith(("message.", "heartbeat."))]
    same = "in order" if collector.names == told else "not all in order"
    return (
        f"{messages:,} of {sent:,} messages stored; {len(collector.names)} of {len(told)} logs arrived ({same}), "
        f"{len(collector.spans)} spans, {len(collector.taken['/v1/metrics'])} times metrics"
    )


def rows(options: Options) -> Iterator[Row]:
    """Record with each collector, and without one."""
    rate, seconds = options.amount(5_000, 500), options.amount(20, 2)
    for trouble in (*TROUBLES, "away"):
        name = f"commits, collector: {trouble}"
        if not options.wants(name):
            continue
        notes: list[str] = []
        measure = partial(_late, rate=rate, seconds=seconds, notes=notes)
        ours, theirs = paired(options.rounds_or(ROUNDS), partial(measure, trouble), partial(measure, "none"))
        yield Row(name, "ms, p99", ours, "no collector", theirs, limit=GOAL_MS, note=notes[-1])


def _late(name: str, rate: int, seconds: int, notes: list[str]) -> float:
    """Milliseconds that 99 of a hundred commits keep; what came of the telemetry goes to the notes."""
    with tempfile.TemporaryDirectory(prefix="wsmon-") as folder:
        commits, note = asyncio.run(recorded(Path(folder), name, rate, seconds))
    if name != "none":
        notes.append(note)
    return commits.late(0.99)
