"""Sends spans, or log records, from the store to a collector, in order; its place survives a restart."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from wsmon.errors import StoreError
from wsmon.recorder.monitoring.otlp.backlog import Backlog, Batch, RowKind
from wsmon.recorder.monitoring.otlp.delivery import Delivery, Rhythm
from wsmon.recorder.monitoring.otlp.health import SinkHealth
from wsmon.recorder.monitoring.otlp.points import _LOG
from wsmon.recorder.otlp_delivery import Collector, Later, Refused, Taken

EVERY_S: Final = 1.0
# between two looks for something new
PAUSE_S: Final = 0.05
# between two pages of a backlog: most of the time belongs to the recording
MOST_BODY_BYTES: Final = 1024 * 1024
# as they are sent; collectors take 20 MB of plain text, some less
_T = TypeVar("_T")


class Rows:
    """Belongs to the event loop; what reads and encodes is a thread of its own."""

    def __init__(
        self,
        kind: RowKind,
        store: Path,
        collector: Collector,
        health: SinkHealth,
        rhythm: Rhythm,
        after_id: int,
        moved: Callable[[int], Awaitable[None]],
    ) -> None:
        """What is behind ``after_id`` is sent; ``moved`` hears up to which event everything was taken."""
        self._kind = kind
        self._store = store
        self._collector = collector
        self._health = health
        self._rhythm = rhythm
        self._after_id = after_id
        self._moved = moved
        self._delivery = Delivery(kind, collector, health, rhythm)
        self._thread = ThreadPoolExecutor(1, f"otlp {kind}")
        self._backlog: Backlog | None = None
        self._batch: Batch | None = None
        # that is under way
        self._chunks: deque[tuple[bytes, ...]] = deque()
        # of its records: those that are not settled

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            try:
                is_all = await self._step(is_patient=True)
            except Exception as error:  # noqa: BLE001 - the border of the task: the recording goes on without it
                if not isinstance(error, StoreError):
                    _LOG.exception("a mistake in sending %s", self._kind)
                self._health.failed(self._kind, f"is not sent anything: {error}")
                is_all = True
            await self._rhythm.sleep(EVERY_S if is_all else PAUSE_S)

    async def finish(self) -> None:
        """Send what is left, as long as the collector takes it at once; the caller bounds the time."""
        while True:
            is_read_before = self._batch is not None
            is_all = await self._step(is_patient=False)
            if self._batch is not None or (is_all and not is_read_before):
                return

    async def close(self) -> None:
        """Let the store and the collector go; for after ``run`` has ended."""
        await self._delivery.close()
        if self._backlog is not None:
            await self._call(self._backlog.close)
        self._thread.shutdown(wait=False)

    async def _step(self, *, is_patient: bool) -> bool:
        """Settle a page; whether there is nothing more to do now."""
        if self._batch is None:
            await self._call(self._read)
        batch = self._batch
        assert batch is not None
        while self._chunks:
            if not await self._settle(self._chunks[0], is_patient=is_patient):
                return True
        self._batch = None
        if batch.records:
            await self._moved(batch.up_to_id)
        self._health.wait(self._kind, batch.newest_id - batch.up_to_id)
        return batch.up_to_id >= batch.newest_id

    def _read(self) -> None:
        """The next page is under way; in the thread, so that what was read is kept when nobody waits for it."""
        if self._batch is not None:
            return
        if self._backlog is None:
            self._backlog = Backlog(self._store, self._rhythm.clock, self._kind, self._after_id)
            _LOG.info("%s go to %s from behind event %d on", self._kind, self._collector.name, self._after_id)
        batch = self._backlog.next()
        if batch.pruned:
            self._health.dropped(self._kind, batch.pruned, "the store removed these events before they could be sent")
        if batch.records:
            self._chunks.append(batch.records)
        self._health.wait(self._kind, batch.newest_id - batch.up_to_id + len(batch.records))
        self._batch = batch

    async def _settle(self, records: tuple[bytes, ...], *, is_patient: bool) -> bool:
        """Send the first of the chunks; whether it was settled, if only by cutting it in two."""
        body = await self._call(lambda: self._collector.body(self._kind, records))
        outcome: Taken | Refused | Later = Refused("", is_too_large=True)
        if len(body) <= MOST_BODY_BYTES or len(records) == 1:
            outcome = await (self._delivery.settle(body) if is_patient else self._delivery.attempt(body))
        if isinstance(outcome, Later):
            return False
        self._chunks.popleft()
        if isinstance(outcome, Refused) and outcome.is_too_large and len(records) > 1:
            middle = len(records) // 2
            self._chunks.extendleft((records[middle:], records[:middle]))
        else:
            self._delivery.count(outcome, len(records))
        return True

    async def _call(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)
