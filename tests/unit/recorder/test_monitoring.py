"""Metrics of the recorder: taken when asked for, in the format that is asked for, and shown where they fail."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock
from tests.support.metrics_samples import FEED, IDLE
from wsmon.config.specs import Configuration
from wsmon.export.prometheus import OPEN_METRICS, PLAIN
from wsmon.model.metrics import ConnectionTotals
from wsmon.model.snapshot import Health
from wsmon.recorder.monitoring import FRESH_NS, Metrics, MetricSources, Monitoring, process_facts, wants_open_metrics
from wsmon.recorder.run import self_events
from wsmon.recorder.sink_guard import SinkGuard

OPEN = "application/openmetrics-text;version=1.0.0"


class Totals:
    """Totals of connections, and how often they were read."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self) -> Sequence[ConnectionTotals]:
        self.reads += 1
        return (FEED, IDLE)


def sources(store: Path, totals: Totals | None = None) -> MetricSources:
    health = Health(3, 900, 12.5, 5, is_paused=True, warning="disk full")
    return MetricSources(
        store, 2, 0, totals or Totals(), lambda: health, lambda: 40, lambda: 1_000, lambda: 2, lambda: 4
    )


def guard(sink: RecordingSink | None = None) -> SinkGuard:
    return SinkGuard(self_events(sink or RecordingSink(), FakeClock()), FakeClock(), tuple)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store = tmp_path / "store.db"
    store.write_bytes(b"x" * 4_096)
    store.with_name("store.db-wal").write_bytes(b"x" * 100)
    return store


@pytest.mark.parametrize(
    ("accept", "is_open"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml", False),
        ("application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
        ("application/openmetrics-text; version=1.0.0,application/openmetrics-text; version=0.0.1;q=0.75", True),
        ("application/openmetrics-text;q=0.1, text/plain", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nan-sense", False),
    ],
)
def test_the_format_is_what_the_client_prefers(accept: str, is_open: bool) -> None:
    assert wants_open_metrics(accept) == is_open


async def test_a_page_has_connections_and_recorder_in_the_format_that_is_asked_for(store: Path) -> None:
    metrics = Metrics(sources(store), FakeClock())
    plain, opened = await metrics.page(""), await metrics.page(OPEN)
    assert (plain.kind, opened.kind) == (PLAIN, OPEN_METRICS)
    assert b'wsmon_connection_up{client_id="feed"} 1' in plain.body
    assert b"process_start_time_seconds 0" in plain.body
    assert opened.body.endswith(b"# EOF\n")


async def test_a_page_is_made_once_a_second_however_often_it_is_asked_for(store: Path) -> None:
    totals, clock = Totals(), FakeClock()
    metrics = Metrics(sources(store, totals), clock)
    first, second = await asyncio.gather(metrics.page(""), metrics.page(""))
    clock.advance(FRESH_NS / 1e9 - 0.001)
    assert (await metrics.page("") is first, second is first, totals.reads) == (True, True, 1)
    clock.advance(0.001)
    assert await metrics.page("") is not first
    assert totals.reads == 2


def test_the_process_and_its_files_are_measured(store: Path) -> None:
    facts = process_facts(store)
    assert facts.store_bytes == 4_096 + 100
    assert facts.free_bytes > 0
    assert facts.resident_bytes > 2**20
    assert facts.cpu_s > 0
    store.unlink()
    store.with_name("store.db-wal").unlink()
    assert process_facts(store).store_bytes == 0


async def test_an_address_in_use_is_a_warning_until_the_configuration_has_another(store: Path) -> None:
    monitoring = Monitoring(sources(store), 0, "/etc/w.toml", FakeClock(), guard())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monitoring.configure(_configuration(f"127.0.0.1:{taken.getsockname()[1]}"))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(monitoring.run(), name="monitoring")
            async with asyncio.timeout(10):
                while not monitoring.warning:
                    await asyncio.sleep(0)
                assert monitoring.warning.startswith("prometheus: cannot listen on 127.0.0.1:")
                monitoring.configure(_configuration(""))
                while monitoring.warning:
                    await asyncio.sleep(0)
            running.cancel()
    await monitoring.finish()


def _configuration(prometheus: str) -> Configuration:
    return Configuration(None, "digest", (), prometheus=prometheus)


async def test_a2_a_part_that_fails_is_an_event_and_a_warning_and_the_others_go_on(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_self: object) -> None:
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr("wsmon.recorder.otlp_push.OtlpPusher.run", broken)
    monkeypatch.setattr("wsmon.recorder.otlp_push.OtlpPusher.finish", broken)
    sink = RecordingSink()
    watching = guard(sink)
    monitoring = Monitoring(sources(store), 0, "/etc/w.toml", FakeClock(), watching)
    monitoring.configure(_configuration("127.0.0.1:0"))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(monitoring.run(), name="monitoring")
        failed = await sink.wait("self.sink.failed")
        assert not running.done()
        running.cancel()
    await monitoring.finish()
    assert (failed.meta, failed.error) == (
        {"sink": "otlp", "count": 1},
        "RecursionError: maximum recursion depth exceeded",
    )
    assert watching.warning.startswith("otlp failed: RecursionError")
