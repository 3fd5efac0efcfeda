"""Metrics that wait for a collector: some, in order, the oldest lost and counted when there are too many."""

from __future__ import annotations

import asyncio

from tests.support.background import background
from tests.support.collectors import FakeCollector, answer
from tests.support.engines import raw_server
from tests.support.fake_ports import no_fault
from tests.support.recordings import FixedClock
from wsmon.config.specs import OtlpSpec, ReconnectSpec
from wsmon.model.metrics import MetricFamily, NumberPoint
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.otlp_delivery import Collector, RetryTiming, SinkHealth
from wsmon.recorder.otlp_push import PLACES, MetricPusher

METRICS = "/v1/metrics"
SOON_S = 10.0
AT_ONCE = ReconnectSpec(initial_s=1.0, max_s=1.0, jitter=0.0)


async def pause(seconds: float) -> None:
    await asyncio.sleep(0 if seconds else 0.001)


class Taking:
    """Metrics that are another number each time they are taken."""

    def __init__(self, most: int) -> None:
        self.taken = 0
        self._most = most
        self.is_over = asyncio.Event()

    async def families(self) -> tuple[MetricFamily, ...]:
        if self.taken == self._most:
            self.is_over.set()
            await asyncio.Event().wait()
        self.taken += 1
        return (
            MetricFamily(
                "x.number", "gauge", "How many times", (NumberPoint((), self.taken), NumberPoint((("a", "b"),), 0))
            ),
        )


async def test_the_oldest_are_lost_and_counted_and_the_rest_arrives_in_order() -> None:
    collector, taking = FakeCollector(), Taking(PLACES + 5)
    collector.standing[METRICS] = answer("503 Busy")
    clock = FixedClock()
    health = SinkHealth(("metrics",), clock)
    async with raw_server(collector.serve) as port:
        spec = OtlpSpec(Sensitive(f"http://127.0.0.1:{port}"))
        sends_to = Collector(spec, {}, clock)
        rhythm = RetryTiming(clock, lambda: 0.0, pause, AT_ONCE, AT_ONCE)
        points = MetricPusher(taking.families, 0, sends_to, health, rhythm, no_fault)
        async with background(points.run(), "points"), asyncio.timeout(SOON_S):
            await taking.is_over.wait()
            collector.standing.clear()
            while len(collector.taken[METRICS]) < PLACES:
                await collector.until(METRICS, len(collector.asked) + 1)
            while not (state := health.state()) or state.signals[-1].sent < 2 * PLACES:
                await asyncio.sleep(0.001)  # the last answer is under way
        await points.close()
    numbers = [
        request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].as_int
        for request in collector.taken[METRICS]
    ]
    assert numbers[-(PLACES - 1) :] == list(range(7, PLACES + 6))
    assert (state.signals[-1].sent, state.signals[-1].dropped) == (2 * PLACES, 10)
