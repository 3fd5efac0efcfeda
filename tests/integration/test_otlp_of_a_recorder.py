"""A recorder that sends what it records: to a collector that comes, hangs, and goes; recording never waits for it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from contextlib import AsyncExitStack

from tests.support.collectors import HANG, FakeCollector, plain
from tests.support.engines import raw_server
from tests.support.external_programs import free_port
from tests.support.peers import Peers, script
from tests.support.processes import DEADLINE_S, Home, stored
from tests.support.prometheus import fetched

TICKS = """
[[step]]
do = "send"
text = 'tick $seq'
rate = 500
"""
SECRET = "collector-token-of-mine"
# What no log record is made of
FREQUENT = ("message.", "heartbeat.")
TRACES, LOGS, METRICS = "/v1/traces", "/v1/logs", "/v1/metrics"


def configuration(otlp: int, prometheus: int, url: str) -> str:
    return (
        f'[wsmon]\notlp = "http://127.0.0.1:{otlp}/?key={SECRET}"\nprometheus = "127.0.0.1:{prometheus}"\n'
        f'otlp_headers = {{ Authorization = "Bearer {SECRET}" }}\n[[connection]]\nname = "feed"\n'
        f'url = "{url}?token={SECRET}"\nheaders = {{ X-Api-Key = "{SECRET}" }}\n'
    )


async def metric(port: int, line: str) -> str:
    """The page of metrics, once it has a line."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                text = (await asyncio.to_thread(fetched, f"http://127.0.0.1:{port}/metrics")).decode()
            except OSError:
                text = ""  # nobody says when it listens
            if line in text.splitlines():
                return text
            await asyncio.sleep(0.05)  # what is over is told once a second


async def test_what_was_recorded_while_the_collector_was_away_arrives(home: Home, peers: Peers) -> None:
    server, collector = await peers.start(script(TICKS)), FakeCollector()
    otlp, prometheus = free_port(), free_port()
    recorder = await home.record(home.write(configuration(otlp, prometheus, server.url)))
    await recorder.until_stored(300)
    down = await metric(prometheus, 'wsmon_sink_up{sink="otlp"} 0')
    assert "wsmon_recorder_warning 1" in down.splitlines()
    _, listed, _ = await home.run("ps", "--json")
    warning = json.loads(listed)[0]["warning"]
    assert re.match(r"otlp: (telemetry|spans|logs|metrics) not sent for \d+ s: ", warning)
    assert "cannot be reached: Connection refused" in warning
    assert SECRET not in listed
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(raw_server(collector.serve, port=otlp))
        await collector.until_logged("connection.completed")
        await collector.until(TRACES)
        await collector.until(METRICS)
        text = await metric(prometheus, 'wsmon_sink_up{sink="otlp"} 1')
        recorder.signal(signal.SIGTERM)
        assert await recorder.ended() == 0
        recorded = [event.name for event in stored(recorder.store) if not event.name.startswith(FREQUENT)]
        again = await home.record(home.folder / "wsmon.toml")  # it sends what a busy machine did not at the end
        await collector.until_logged("self.run.started", 2)
        again.signal(signal.SIGTERM)
        await again.ended()
    assert 'wsmon_sink_dropped_total{sink="otlp",signal="logs"} 0' in text
    assert collector.names[: len(recorded)] == recorded
    assert {span.name for span in collector.spans} >= {"websocket session", "websocket connect", "tcp", "upgrade"}
    session = next(span for span in collector.spans if span.name == "websocket session")
    assert plain(session.attributes)["websocket.connection"] == "feed"
    assert {head["authorization"] for head in collector.heads} == {f"Bearer {SECRET}"}
    assert SECRET not in b"".join(collector.bodies).decode()
    assert SECRET not in text


async def test_a_collector_that_hangs_delays_neither_messages_nor_the_end(home: Home, peers: Peers) -> None:
    server, collector = await peers.start(script(TICKS)), FakeCollector()
    collector.standing = dict.fromkeys((TRACES, LOGS, METRICS), HANG)
    async with raw_server(collector.serve) as otlp:
        recorder = await home.record(home.write(configuration(otlp, free_port(), server.url)))
        for path in (TRACES, LOGS, METRICS):
            await collector.until(path)
        before = len(await recorder.until_stored(1))
        await recorder.until_stored(before + 500)
        recorder.signal(signal.SIGTERM)
        assert await recorder.ended(within_s=5.0) == 0
    ended = [event.name for event in stored(recorder.store)][-1]
    assert ended == "self.run.ended"
    collected = FakeCollector()
    async with raw_server(collected.serve, port=otlp):
        again = await home.record(home.folder / "wsmon.toml")
        await collected.until_logged("self.run.started", 2)
        again.signal(signal.SIGTERM)
        await again.ended()
    assert "self.run.ended" in collected.names  # that of the recorder before, which could not be sent
