"""Gets records to a collector: again and again, ever more patiently, until they are taken or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from wsmon.config.specs import ReconnectSpec
from wsmon.engine.backoff import next_delay_s
from wsmon.export.otlp_values import RecordKind
from wsmon.ports import Clock
from wsmon.recorder.monitoring.otlp.health import SinkHealth
from wsmon.recorder.otlp_delivery import Collector, Later, Refused, Taken

SOON: Final = ReconnectSpec(initial_s=1.0, max_s=60.0, factor=2.0, jitter=0.5)
# where it may pass by itself
SLOWLY: Final = ReconnectSpec(initial_s=30.0, max_s=300.0, factor=2.0, jitter=0.5)
# where somebody has to mend something

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How time passes between two tries, and chance."""

    clock: Clock
    roll: Callable[[], float]
    # in [0, 1)
    sleep: Sleep = asyncio.sleep
    soon: ReconnectSpec = SOON
    slowly: ReconnectSpec = SLOWLY


class Delivery:
    """Of one kind of records to one collector."""

    def __init__(self, kind: RecordKind, collector: Collector, health: SinkHealth, rhythm: Rhythm) -> None:
        self._kind = kind
        self._collector = collector
        self._health = health
        self._rhythm = rhythm
        self._under_way: asyncio.Task[Taken | Refused | Later] | None = None
        # the request whose answer nobody has got yet: it outlives who waits for it, so that nothing is sent twice

    async def settle(self, body: bytes) -> Taken | Refused:
        """Send a body until that is settled."""
        attempt = 0
        while True:
            outcome = await self.attempt(body)
            if not isinstance(outcome, Later):
                return outcome
            attempt += 1
            backoff = self._rhythm.soon if outcome.is_passing else self._rhythm.slowly
            delay_s = next_delay_s(backoff, attempt, self._rhythm.roll())
            await self._rhythm.sleep(delay_s if outcome.after_s is None else outcome.after_s)

    async def attempt(self, body: bytes) -> Taken | Refused | Later:
        """Send a body once; where a request is under way that nobody waited for to the end, that one is it."""
        if self._under_way is None:
            request = self._collector.send(self._kind, body)
            self._under_way = asyncio.create_task(request, name=f"otlp {self._kind} request")
        outcome = await asyncio.shield(self._under_way)
        self._under_way = None
        if isinstance(outcome, Later):
            self._health.failed(self._kind, outcome.why)
        return outcome

    async def close(self) -> None:
        """Break off what is under way."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.wait([self._under_way])
            self._under_way = None

    def count(self, outcome: Taken | Refused, records: int) -> None:
        """Count what became of so many records."""
        match outcome:
            case Taken():
                rejected = min(outcome.rejected, records)
                self._health.taken(self._kind, records - rejected)
                if rejected:
                    self._health.dropped(self._kind, rejected, f"{self._collector.name} rejected them")
            case Refused():
                self._health.taken(self._kind, 0)  # it answers, and others may be to its liking
                self._health.dropped(self._kind, records, f"{self._collector.name} {outcome.why}")
