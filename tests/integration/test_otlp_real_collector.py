"""Telemetry as a receiver shows it that other people wrote."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.support.background import background
from tests.support.builders import T0_NS, TRACE, event, loss, message
from tests.support.collectors import RealCollector, exported, real_collector
from tests.support.fake_ports import FaultLog
from tests.support.peers import Peers, script
from tests.support.processes import Home
from tests.support.recordings import Recording, recorded
from tests.support.session_events import FIRST, of, opening
from wsmon.clock import SystemClock
from wsmon.config.specs import OtlpSpec
from wsmon.model.metrics import MetricFamily
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.http import post
from wsmon.recorder.otlp_delivery import RetryTiming
from wsmon.recorder.otlp_push import OtlpPusher, PushContext

DEADLINE_S = 20.0
FEED = """
[[step]]
do = "send"
text = '{"type":"trade","seq":$seq}'
rate = 100
count = 20
[[step]]
do = "close"
code = 1013
reason = "try again later"
"""


async def session_spans(collector: RealCollector) -> list[Any]:
    """The spans of a trace, once a session that was lost is among them."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            for trace in (await collector.ask("/v1/traces"))["traces"]:
                if any(span["name"] == "websocket session" for span in trace["spans"]):
                    return list(trace["spans"])
            await asyncio.sleep(0.1)  # it tells nobody


def long_session(folder: Path) -> bytes:
    """The export of a session of an hour with a gap."""
    gap = event("incident.opened", 900, "nova", type="gap", reason="3 numbers missing", meta={"missing": 3})
    store = recorded(folder / "long.db", of(FIRST, *opening(1, "nova"), gap, loss(3_700, "nova")), "nova")
    return json.dumps(exported(store, "otlp")).encode()


async def test_it_shows_the_traces_and_takes_logs_and_metrics(home: Home, peers: Peers) -> None:
    server = await peers.start(script(FEED))
    async with real_collector() as collector:
        recorder = await home.record(
            home.write(
                f'[wsmon]\notlp = "http://127.0.0.1:{collector.port}"\notlp_compression = false\n'
                f'[[connection]]\nname = "feed"\nurl = "{server.url}"\ntrace_id = "{"4b" * 16}"\n'
            )
        )
        spans = await session_spans(collector)
        await recorder.until_stored(1, "connection.reconnect.attempt")
        stats: dict[str, int] = {}
        async with asyncio.timeout(DEADLINE_S):
            while not (stats.get("logCount") and stats.get("metricPointCount")):
                stats = await collector.ask("/api/stats")
                await asyncio.sleep(0.1)  # it tells nobody
        # Twice: spans have the same ids, and are there once
        body = long_session(home.folder)
        for _ in range(2):
            await post(f"http://127.0.0.1:{collector.port}/v1/traces", body)
        (trace,) = [each for each in (await collector.ask("/v1/traces"))["traces"] if each["traceId"] == TRACE]
    session = next(span for span in spans if span["name"] == "websocket session")
    dial = next(span for span in spans if span["name"] == "websocket connect" and "parentSpanId" in span)
    assert {span["traceId"] for span in spans} == {"4b" * 16}
    assert dial["parentSpanId"] == session["spanId"] == session["attributes"]["websocket.connection_id"]
    assert {span["name"] for span in spans if span.get("parentSpanId") == dial["spanId"]} == {"tcp", "upgrade"}
    assert (session["kind"], session["status"]["code"]) == ("CLIENT", "ERROR")
    assert session["status"]["message"].startswith("“try again later”, 1013, closed by peer; ")
    assert session["attributes"]["service.name"] == "wsmon"
    assert session["attributes"]["websocket.close.code"] == 1013
    assert stats["spanCount"] >= len(spans)
    parts = [span for span in trace["spans"] if span["name"] == "websocket session"]
    assert [(span["attributes"]["wsmon.part"], span["duration"]) for span in parts] == [
        *((number, 900_000) for number in range(1, 5)), (5, 99_000),
    ]  # fmt: skip
    assert [[link["spanId"] for link in span["links"]] for span in parts] == [
        [],
        *([each["spanId"]] for each in parts[:-1]),
    ]
    found = {span["attributes"]["wsmon.part"]: [each["name"] for each in span["events"]] for span in parts}
    assert found == {1: ["incident.opened"], 2: [], 3: [], 4: [], 5: ["connection.disconnected"]}


async def test_messages_of_two_recorders_are_in_one_place_and_told_apart(tmp_path: Path) -> None:
    """As docs/many-recorders.md has it: by host and recording, and by connection."""
    async with real_collector() as collector, AsyncExitStack() as stack:
        url = Sensitive(f"http://127.0.0.1:{collector.port}")
        for host, shift in (("eu", 0.0), ("us", 0.5)):
            (tmp_path / host).mkdir()
            recording = stack.enter_context(Recording(tmp_path / host / "store.db", "orders"))
            recording.write(
                [message(f'{{"from":"{host}","n":{n}}}', n + shift, "orders", type="trade") for n in (1, 2)]
            )
            told = PushContext(recording.path, 0, T0_NS, no_families, {"host.name": host})
            pusher = OtlpPusher(told, RetryTiming(SystemClock(), lambda: 0.0), FaultLog())
            pusher.configure(OtlpSpec(url, (), ("messages",), compression=False))
            await stack.enter_async_context(background(pusher.run(), f"sending of {host}"))
            stack.push_async_callback(pusher.finish)
        async with asyncio.timeout(DEADLINE_S):
            while len(found := await collector.logs()) < 4:
                await asyncio.sleep(0.05)  # it tells nobody
    told_apart = [
        (each["resource"]["host.name"], each["attributes"]["websocket.connection"], json.loads(each["body"]))
        for each in sorted(found, key=lambda each: int(each["timestamp"]))
    ]
    assert told_apart == [(host, "orders", {"from": host, "n": number}) for number in (1, 2) for host in ("eu", "us")]


async def no_families() -> tuple[MetricFamily, ...]:
    return ()
