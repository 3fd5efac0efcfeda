"""A recorder of 5,000 messages a second that sends its telemetry to collectors in trouble, and to one that is well.

    python tests/benchmarks/otlp.py [--rate N] [--seconds N]

Prints how late commits were, in milliseconds, without a collector and with each; whether every message was stored; and
what became of the telemetry. Half of the way through, a collector in trouble becomes well: the backlog then arrives.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from tests.benchmarks.timed_recorder import read
from tests.support.collectors import HANG, RESET, FakeCollector, answer
from tests.support.engines import raw_server
from tests.support.external_programs import free_port
from tests.support.peers import scenario
from tests.support.processes import stored
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer

CONNECTIONS = 10
RECORDER = Path(__file__).with_name("timed_recorder.py")
PATHS = ("/v1/traces", "/v1/logs", "/v1/metrics")
TROUBLES = {
    "well": b"",
    "503": answer("503 Service Unavailable"),
    "429, Retry-After: 2": answer("429 Too Many Requests", "Retry-After: 2"),
    "reset": RESET,
    "slow": HANG,
}


async def recorded(folder: Path, name: str, rate: int, seconds: int) -> str:
    """Record for a while; what came of it."""
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
        await asyncio.sleep(seconds / 2)
        if name == "away":
            await stack.enter_async_context(raw_server(collector.serve, port=port))
        collector.standing.clear()
        await asyncio.sleep(seconds / 2)
        recorder.send_signal(signal.SIGINT)
        await recorder.wait()
        sent = sum(server.sent.messages for server in servers)
    return f"{read(log)}; {arrived(folder / 'store.db', collector, sent)}"


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


def main() -> None:
    """Print a line for each collector."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    for name in ("none", *TROUBLES, "away"):
        with tempfile.TemporaryDirectory(prefix="wsmon-") as folder:
            said = asyncio.run(recorded(Path(folder), name, options.rate, options.seconds))
        print(f"{name:<20} {said}", flush=True)


if __name__ == "__main__":
    main()
