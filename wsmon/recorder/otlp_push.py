"""OTLP push: sends spans, logs, metrics and messages of a recording to the collector of the configuration.

``RowPusher`` reads spans, log records or messages from the store, in order; its position survives a restart: the store
is the queue, bounded by retention. ``MetricPusher`` sends the metrics of the recorder every few seconds; their counters
are cumulative, so that a lost request costs resolution and no count. Requests, retries and what is counted as lost are
in ``otlp_delivery``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from wsmon.config.specs import OtlpSpec
from wsmon.errors import StoreError
from wsmon.export.otlp import Fields, metric_records, point_count
from wsmon.model.metrics import MetricFamily, SinkState
from wsmon.ports import Clock
from wsmon.recorder.otlp_delivery import (
    NO_PARTS,
    SIGNALS,
    WINDOW_IDS,
    Accepted,
    Backlog,
    Collector,
    Delivery,
    Parts,
    PushPosition,
    RecordBatch,
    Rejected,
    RetryLater,
    RetryTiming,
    RowKind,
    SinkHealth,
    read_position,
    write_position,
)
from wsmon.recorder.run import ReportFault
from wsmon.store.reader import Reader

# Interval at which metrics are collected and sent
METRICS_EVERY_S: Final = 15.0
# Metric requests that wait in memory, compressed: an hour of them; then the oldest are dropped
PLACES: Final = 240
# Size of all of them together
MOST_BYTES: Final = 8 * 1024 * 1024
# Interval at which new rows are looked for
ROWS_EVERY_S: Final = 1.0
# Pause between two pages of a backlog: most of the time belongs to the recording
PAUSE_S: Final = 0.05
# Size of a request as it is sent; collectors take 20 MB of plain text, some take less
MOST_BODY_BYTES: Final = 1024 * 1024
# Deadline of the last requests when the recording ends: a stop takes two seconds at most
FAREWELL_S: Final = 0.4
# Delay of the next try where the store cannot be read
RETRY_S: Final = 5.0
_ROWS: Final[tuple[RowKind, ...]] = ("spans", "logRecords", "messages")

_LOG = logging.getLogger("wsmon.otlp")
_T = TypeVar("_T")

Families = Callable[[], Awaitable[Sequence[MetricFamily]]]


@dataclass(frozen=True, slots=True)
class PushContext:
    """What a recording sends: its store, its metrics, and the resource that identifies it."""

    store: Path
    first_id: int
    """Newest event before this run: without a saved position, sending begins after it."""
    begun_ns: int
    """Wall time at which the counters began."""
    families: Families
    resource: Fields


class OtlpPusher:
    """Sends all signals of one recording. Use it on the event loop."""

    def __init__(self, context: PushContext, timing: RetryTiming, report: ReportFault) -> None:
        """``report`` gets the faults of ours, with the name of the sink."""
        self._report = report
        self._context = context
        self._timing = timing
        self._spec = OtlpSpec()
        self._changed = asyncio.Event()
        # Without a store id until it was read
        self._position = PushPosition("")
        # Guards position and its file: all row pushers move it
        self._moving = asyncio.Lock()
        self._rows: list[RowPusher] = []
        self._points: MetricPusher | None = None
        self.health = SinkHealth((), timing.clock)

    def configure(self, spec: OtlpSpec) -> None:
        """Send to this collector from now on; without a URL, send nothing."""
        if spec != self._spec:
            self._spec = spec
            self._changed.set()

    def states(self) -> tuple[SinkState, ...]:
        """Return the state of the sink for the metrics; may be called on any thread."""
        state = self.health.state()
        return () if state is None else (state,)

    async def run(self) -> None:
        """Send until cancelled; requests under way then are awaited by ``finish``."""
        while True:
            self._changed.clear()
            if self._spec.url:
                try:
                    await self._find_position()
                except (StoreError, OSError) as error:
                    self.health.failed("spans", f"receives nothing: {error}")
                    await self._timing.sleep(RETRY_S)
                    continue
            try:
                self._begin()
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(each.run(), name="otlp rows") for each in self._rows]
                    if self._points is not None:
                        tasks.append(group.create_task(self._points.run(), name="otlp metrics"))
                    await self._changed.wait()
                    for task in tasks:
                        task.cancel()
            except Exception:
                # After a cancellation, ``finish`` sends what is left; after a fault, ``run`` begins anew
                await self._end()
                raise
            await self._end()

    async def finish(self) -> None:
        """Send what is left when the recording is over, in bounded time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                parts = [rows.finish() for rows in self._rows]
                parts += [self._points.finish()] if self._points else []
                for failure in await asyncio.gather(*parts, return_exceptions=True):
                    if isinstance(failure, Exception):
                        _LOG.warning("not everything was sent before the recorder stopped: %s", failure)
        await self._end()

    def _begin(self) -> None:
        spec, context = self._spec, self._context
        kinds = tuple(kind for kind, name in SIGNALS.items() if name in spec.signals) if spec.url else ()
        self.health.follow(spec.url.masked, kinds)
        if not kinds:
            return
        collector = Collector(spec, context.resource, self._timing.clock)
        self._rows = [self._rows_of(kind, collector) for kind in _ROWS if kind in kinds]
        if "metrics" in kinds:
            self._points = MetricPusher(
                context.families, context.begun_ns, collector, self.health, self._timing, self._report
            )

    async def _end(self) -> None:
        for rows in self._rows:
            await rows.close()
        if self._points is not None:
            await self._points.close()
        self._rows, self._points = [], None

    async def _find_position(self) -> None:
        """Read the position of an earlier run, else take the start of this one; save it at once for the next run."""
        if not self._position.store_id:
            self._position = await asyncio.to_thread(_position_of, self._context.store, self._timing.clock)
        for kind in _ROWS:
            if SIGNALS[kind] in self._spec.signals and self._position.of(kind) is None:
                await self._move(kind, self._context.first_id)

    def _rows_of(self, kind: RowKind, collector: Collector) -> RowPusher:
        after_id = self._position.of(kind)
        return RowPusher(
            kind,
            self._context.store,
            collector,
            self.health,
            self._timing,
            self._context.first_id if after_id is None else after_id,
            partial(self._move, kind),
            self._report,
            self._position.parts,
        )

    async def _move(self, kind: RowKind, event_id: int, parts: Parts = NO_PARTS) -> None:
        async with self._moving:
            self._position = self._position.moved(kind, event_id, parts)
            try:
                await asyncio.to_thread(write_position, self._context.store, self._position)
            except OSError as error:
                _LOG.warning("events may be sent again after a restart: %s", error)


def _position_of(store: Path, clock: Clock) -> PushPosition:
    view = Reader(store, clock)
    try:
        return read_position(store, view.store_id)
    finally:
        view.close()


class RowPusher:
    """Sends one kind of rows from the store. Use it on the event loop; a thread of its own reads and encodes."""

    def __init__(
        self,
        kind: RowKind,
        store: Path,
        collector: Collector,
        health: SinkHealth,
        timing: RetryTiming,
        after_id: int,
        moved: Callable[[int, Parts], Awaitable[None]],
        report: ReportFault,
        parts: Parts = NO_PARTS,
    ) -> None:
        """Events after ``after_id`` are sent, and parts of open sessions after ``parts``.

        ``moved`` gets the id up to which all were accepted or rejected, and the parts.
        """
        # Where the next page begins
        self._after_id = after_id
        self._parts = parts
        self._report = report
        self._kind = kind
        self._store = store
        self._collector = collector
        self._health = health
        self._timing = timing
        # Everything up to there was accepted or rejected, or is no record
        self._settled_id, self._settled_parts = after_id, parts
        self._saved_id = after_id
        self._moved = moved
        self._delivery = Delivery(kind, collector, health, timing)
        self._thread = ThreadPoolExecutor(1, f"otlp {kind}")
        self._backlog: Backlog | None = None
        # The batch under way, and its records that were neither accepted nor rejected yet
        self._batch: RecordBatch | None = None
        self._chunks: deque[tuple[bytes, ...]] = deque()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            try:
                is_all = await self._step(is_patient=True)
            except Exception as error:  # noqa: BLE001 - the border of the task: the recording goes on without it
                if not isinstance(error, StoreError):
                    self._report("otlp", error)
                self._health.failed(self._kind, f"receives nothing: {error}")
                is_all = True
            await self._timing.sleep(ROWS_EVERY_S if is_all else PAUSE_S)

    async def finish(self) -> None:
        """Send what is left, as long as the collector accepts it at once; the caller bounds the time."""
        while True:
            is_read_before = self._batch is not None
            is_all = await self._step(is_patient=False)
            if self._batch is not None or (is_all and not is_read_before):
                return

    async def close(self) -> None:
        """Close the store, cancel a request under way and save the position; call it after ``run`` has ended."""
        await self._delivery.close()
        if self._settled_id > self._saved_id:
            await self._save()
        if self._backlog is not None:
            await self._call(self._backlog.close)
        self._thread.shutdown(wait=False)

    async def _step(self, *, is_patient: bool) -> bool:
        """Send a page; return whether there is nothing more to send now."""
        if self._batch is None:
            await self._call(self._read)
        batch = self._batch
        assert batch is not None
        while self._chunks:
            if not await self._settle(self._chunks[0], is_patient=is_patient):
                return True
        self._batch = None
        self._settled_id, self._settled_parts = batch.up_to_id, batch.parts
        # Of what holds no record, the position is saved now and then: it is not sent, nor lost when it is pruned
        if batch.records or self._settled_id - self._saved_id >= WINDOW_IDS:
            await self._save()
        self._health.wait(self._kind, batch.newest_id - batch.up_to_id)
        return batch.up_to_id >= batch.newest_id

    async def _save(self) -> None:
        await self._moved(self._settled_id, self._settled_parts)
        self._saved_id = self._settled_id

    def _read(self) -> None:
        """Read the next page, in the thread: a page is kept also where the task that waits for it is cancelled."""
        if self._batch is not None:
            return
        if self._backlog is None:
            self._backlog = Backlog(self._store, self._timing.clock, self._kind, self._after_id, self._parts)
            _LOG.info("%s are sent to %s, starting after event %d", self._kind, self._collector.name, self._after_id)
        try:
            batch = self._backlog.next()
        except Exception:
            # It has gone through a part of the page, whose events would be counted twice
            self._backlog.close()
            self._backlog = None
            raise
        self._after_id, self._parts = batch.up_to_id, batch.parts
        if batch.pruned:
            self._health.dropped(self._kind, batch.pruned, "the store removed these events before they could be sent")
        if batch.records:
            self._chunks.append(batch.records)
        self._health.wait(self._kind, batch.newest_id - batch.up_to_id + len(batch.records))
        self._batch = batch

    async def _settle(self, records: tuple[bytes, ...], *, is_patient: bool) -> bool:
        """Send the first chunk; return whether it was accepted or rejected, or cut in two because it is too large."""
        body = await self._call(lambda: self._collector.body(self._kind, records))
        outcome: Accepted | Rejected | RetryLater = Rejected("", is_too_large=True)
        if len(body) <= MOST_BODY_BYTES or len(records) == 1:
            outcome = await (self._delivery.settle(body) if is_patient else self._delivery.attempt(body))
        if isinstance(outcome, RetryLater):
            return False
        self._chunks.popleft()
        if isinstance(outcome, Rejected) and outcome.is_too_large and len(records) > 1:
            middle = len(records) // 2
            self._chunks.extendleft((records[middle:], records[:middle]))
        else:
            self._delivery.count(outcome, len(records))
        return True

    async def _call(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)


class MetricPusher:
    """Sends the metrics of the recorder; some requests wait while the collector is away. Use it on the event loop."""

    def __init__(
        self,
        families: Families,
        begun_ns: int,
        collector: Collector,
        health: SinkHealth,
        timing: RetryTiming,
        report: ReportFault,
        every_s: float = METRICS_EVERY_S,
    ) -> None:
        """``begun_ns``: wall time at which the counters began."""
        self._report = report
        self._families = families
        self._begun_ns = begun_ns
        self._collector = collector
        self._health = health
        self._timing = timing
        self._every_s = every_s
        self._delivery = Delivery("metrics", collector, health, timing)
        self._waiting: deque[_Body] = deque()
        self._there_is_one = asyncio.Event()

    async def run(self) -> None:
        """Collect and send until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_all(), name="otlp metrics are taken")
            group.create_task(self._send_all(), name="otlp metrics are sent")

    async def finish(self) -> None:
        """Send the newest metrics, once; the caller bounds the time."""
        if self._waiting:
            # This one may be under way already
            await self._delivery.attempt(self._waiting[0].body)
        await self._take()
        newest = self._waiting.pop()
        outcome = await self._delivery.attempt(newest.body)
        if not isinstance(outcome, RetryLater):
            self._delivery.count(outcome, newest.points)

    async def close(self) -> None:
        """Cancel a request under way, and count waiting ones as lost; call it after ``run`` has ended."""
        await self._delivery.close()
        if self._waiting:
            self._health.dropped("metrics", sum(each.points for each in self._waiting), "export has stopped")
            self._waiting.clear()

    async def _take_all(self) -> None:
        while True:
            try:
                await self._take()
            except Exception as error:  # noqa: BLE001 - the border of the task: the recording goes on without it
                self._report("otlp", error)
                self._health.failed("metrics", f"receives nothing: {error}")
            await self._timing.sleep(self._every_s)

    async def _take(self) -> None:
        families = await self._families()
        body = await asyncio.to_thread(self._body, families)
        while self._waiting and (len(self._waiting) >= PLACES or self._bytes() + len(body) > MOST_BYTES):
            lost = self._waiting.popleft()
            self._health.dropped("metrics", lost.points, f"{PLACES:,} others were already waiting")
        self._waiting.append(_Body(body, point_count(families)))
        self._there_is_one.set()

    async def _send_all(self) -> None:
        while True:
            await self._there_is_one.wait()
            self._there_is_one.clear()
            while self._waiting:
                sent = self._waiting[0]
                outcome = await self._delivery.settle(sent.body)
                # It may have been dropped in the meantime
                if self._waiting and self._waiting[0] is sent:
                    self._waiting.popleft()
                    self._delivery.count(outcome, sent.points)

    def _bytes(self) -> int:
        return sum(len(each.body) for each in self._waiting)

    def _body(self, families: Sequence[MetricFamily]) -> bytes:
        at_ns = self._timing.clock.wall_ns()
        return self._collector.body("metrics", tuple(metric_records(families, self._begun_ns, at_ns)))


@dataclass(frozen=True, slots=True)
class _Body:
    """A request with the metrics of one moment."""

    body: bytes
    points: int
