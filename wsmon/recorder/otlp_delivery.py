"""A collector that takes OTLP/HTTP in JSON: one request, and what its answer means.

OTLP 1.x, "OTLP/HTTP Response": https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from wsmon.config.specs import OtlpSpec, ReconnectSpec
from wsmon.control.lock import beside
from wsmon.engine.retry import next_delay_s
from wsmon.export.otlp import Fields, RecordKind, dial_records, document, log_record, operation_records, session_records
from wsmon.export.selection import Selection
from wsmon.export.sessions import LIFECYCLE, ExportedSession, alive_before, follow
from wsmon.model.events import EVENT_NAMES, Event, EventName
from wsmon.model.http import retry_after_s
from wsmon.model.metrics import SignalTotals, SinkState
from wsmon.model.profiles import HEALTHY_HEARTBEATS
from wsmon.model.spans import SpanFold
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.recorder.http import BadAnswerError, HttpAnswer, post, reason
from wsmon.store.reader import Reader

REQUEST_S: Final = 10.0
# Of an answer's body, which may say how many records were rejected
ANSWER_BYTES: Final = 64 * 1024
# Of compression: three quarters of what is possible, in a third of the time
_LEVEL: Final = 4
_PATHS: Final[Mapping[RecordKind, str]] = {"spans": "v1/traces", "logRecords": "v1/logs", "metrics": "v1/metrics"}
_REJECTED: Final = ("rejectedSpans", "rejectedLogRecords", "rejectedDataPoints")
_TOO_LARGE: Final = 413
# Other answers from 400 on are about us or about it, not about these records: they may be taken later
_BAD_RECORDS: Final = frozenset({400, 422})
_PASSING: Final = frozenset({408, 425, 429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Accepted:
    """The records arrived."""

    rejected: int = 0
    """Of them, which the collector threw away."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """They may be taken later."""

    why: str
    after_s: float | None = None
    """How long the collector wants us to wait."""
    is_passing: bool = True
    """False: somebody has to mend something first."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """These records will never be taken."""

    why: str
    is_too_large: bool = False
    """Fewer of them might be."""


Outcome: TypeAlias = Accepted | RetryLater | Rejected


class Collector:
    """Where telemetry goes."""

    def __init__(self, spec: OtlpSpec, resource: Fields, clock: Clock, request_s: float = REQUEST_S) -> None:
        """``resource`` says who tells."""
        self._url = spec.url.reveal()
        self.name = spec.url.masked
        self._is_compressed = spec.compression
        own = {"Content-Encoding": "gzip"} if spec.compression else {}
        self._headers = {**own, **{name: value.reveal() for name, value in spec.headers}}
        self._resource = resource
        self._clock = clock
        self._request_s = request_s

    def body(self, kind: RecordKind, records: tuple[bytes, ...]) -> bytes:
        """The body of a request with these records; takes its time: for a thread."""
        plain = b"".join(document(kind, iter(records), self._resource))
        return gzip.compress(plain, _LEVEL, mtime=0) if self._is_compressed else plain

    async def send(self, kind: RecordKind, body: bytes) -> Outcome:
        """Send a body; never raises but for cancellation."""
        try:
            async with asyncio.timeout(self._request_s):
                return self._outcome(await post(self._address(kind), body, self._headers, answer_bytes=ANSWER_BYTES))
        except TimeoutError:
            return RetryLater(f"did not answer within {self._request_s:g} s")
        except ssl.SSLCertVerificationError as error:
            return RetryLater(f"shows a bad certificate: {error.verify_message}", is_passing=False)
        except (BadAnswerError, UnicodeError):
            return RetryLater("does not answer in HTTP", is_passing=False)
        except (OSError, asyncio.IncompleteReadError) as error:
            return RetryLater(f"cannot be reached: {reason(error) if isinstance(error, OSError) else 'it hung up'}")

    def _address(self, kind: RecordKind) -> str:
        parts = urlsplit(self._url)
        return parts._replace(path=f"{parts.path.rstrip('/')}/{_PATHS[kind]}").geturl()

    def _outcome(self, answer: HttpAnswer) -> Outcome:
        status = answer.status
        if 200 <= status < 300:
            return Accepted(_rejected(answer.body))
        if status == _TOO_LARGE:
            return Rejected("answered 413: too large", is_too_large=True)
        if status in _BAD_RECORDS:
            return Rejected(f"answered {status}: the records are refused")
        if status in _PASSING or status >= 500:
            asked_s = retry_after_s(answer.headers.get("retry-after", ""), self._clock.wall_ns() / SECOND_NS)
            return RetryLater(f"answered {status}", asked_s)
        what = "a redirect, which is not followed" if 300 <= status < 400 else "it does not want telemetry from us"
        return RetryLater(f"answered {status}: {what}", is_passing=False)


def _rejected(body: bytes) -> int:
    """How many records a collector says that it threw away."""
    try:
        told = msgspec.json.decode(body or b"{}", type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0
    partial = told.get("partialSuccess")
    numbers = [partial.get(key) for key in _REJECTED] if isinstance(partial, dict) else []
    return sum(int(number) for number in numbers if isinstance(number, int | str) and str(number).isdecimal())


# How sending to a collector goes: what arrived, what was lost, what is wrong now.

# How long a loss stands in the header; the counters keep it
LOSS_SHOWN_NS: Final = 600 * SECOND_NS
# How people call what the protocol calls so; of metrics, points are counted
SIGNALS: Final[dict[RecordKind, str]] = {"spans": "spans", "logRecords": "logs", "metrics": "metrics"}


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why records of a kind do not arrive."""

    why: str
    since_ns: int
    """Monotonic."""


@dataclass(frozen=True, slots=True)
class _Loss:
    """The newest records that were given up."""

    why: str
    kind: RecordKind
    records: int
    at_ns: int
    """Monotonic."""


class SinkHealth:
    """Written by the event loop; any thread may read it."""

    def __init__(self, kinds: tuple[RecordKind, ...], clock: Clock) -> None:
        self._kinds = kinds
        self._clock = clock
        self._sent: Counter[RecordKind] = Counter()
        self._dropped: Counter[RecordKind] = Counter()
        self._troubles: dict[RecordKind, _Trouble] = {}
        self._behind: dict[RecordKind, int] = {}
        self._loss: _Loss | None = None
        # Of the collector, secrets masked
        self.name = ""

    def follow(self, name: str, kinds: tuple[RecordKind, ...]) -> None:
        """Another collector, or none, gets other kinds from now on; what was counted stays."""
        self.name, self._kinds = name, kinds
        self._troubles.clear()
        self._behind.clear()
        self._loss = None

    def taken(self, kind: RecordKind, records: int) -> None:
        """Records arrived."""
        self._sent[kind] += records
        self._troubles.pop(kind, None)

    def failed(self, kind: RecordKind, why: str) -> None:
        """Records did not arrive, and wait."""
        before = self._troubles.get(kind)
        self._troubles[kind] = _Trouble(why, before.since_ns if before else self._clock.mono_ns())

    def dropped(self, kind: RecordKind, records: int, why: str) -> None:
        """Records were given up."""
        self._dropped[kind] += records
        now_ns = self._clock.mono_ns()
        if self._loss is not None and self._loss.kind == kind and now_ns - self._loss.at_ns < LOSS_SHOWN_NS:
            records += self._loss.records
        self._loss = _Loss(why, kind, records, now_ns)

    def wait(self, kind: RecordKind, events: int) -> None:
        """So many events are not sent yet."""
        self._behind[kind] = events

    @property
    def warning(self) -> str:
        """What is wrong; empty = all arrives."""
        now_ns = self._clock.mono_ns()
        troubles = dict(self._troubles)
        if troubles:
            kind, trouble = next(iter(troubles.items()))
            for_s = (now_ns - trouble.since_ns) // SECOND_NS
            what = SIGNALS[kind] if len(troubles) < len(self._kinds) else "telemetry"
            waiting = max(self._behind.values(), default=0)
            return f"otlp: {what} not sent for {for_s} s: {self.name} {trouble.why}; {waiting:,} events wait"
        loss = self._loss
        if loss is not None and now_ns - loss.at_ns < LOSS_SHOWN_NS:
            return f"otlp: {loss.records:,} {SIGNALS[loss.kind]} were lost: {loss.why}"
        return ""

    def state(self) -> SinkState | None:
        """For metrics; ``None`` where nothing is sent and nothing was."""
        if not self.name and not self._sent and not self._dropped:
            return None
        signals = tuple(
            SignalTotals(SIGNALS[kind], self._sent[kind], self._dropped[kind])
            for kind in SIGNALS
            if kind in self._kinds or self._sent[kind] or self._dropped[kind]
        )
        return SinkState("otlp", not self._troubles, max(self._behind.copy().values(), default=0), signals)


# Gets records to a collector: again and again, ever more patiently, until they are taken or refused.

# Where it may pass by itself
SOON: Final = ReconnectSpec(initial_s=1.0, max_s=60.0, factor=2.0, jitter=0.5)
# Where somebody has to mend something
SLOWLY: Final = ReconnectSpec(initial_s=30.0, max_s=300.0, factor=2.0, jitter=0.5)

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RetryTiming:
    """How time passes between two tries, and chance."""

    clock: Clock
    roll: Callable[[], float]
    """In [0, 1)."""
    sleep: Sleep = asyncio.sleep
    soon: ReconnectSpec = SOON
    slowly: ReconnectSpec = SLOWLY


class Delivery:
    """Of one kind of records to one collector."""

    def __init__(self, kind: RecordKind, collector: Collector, health: SinkHealth, rhythm: RetryTiming) -> None:
        self._kind = kind
        self._collector = collector
        self._health = health
        self._rhythm = rhythm
        # The request whose answer nobody has got yet: it outlives who waits for it, so that nothing is sent twice
        self._under_way: asyncio.Task[Accepted | Rejected | RetryLater] | None = None

    async def settle(self, body: bytes) -> Accepted | Rejected:
        """Send a body until that is settled."""
        attempt = 0
        while True:
            outcome = await self.attempt(body)
            if not isinstance(outcome, RetryLater):
                return outcome
            attempt += 1
            backoff = self._rhythm.soon if outcome.is_passing else self._rhythm.slowly
            delay_s = next_delay_s(backoff, attempt, self._rhythm.roll())
            await self._rhythm.sleep(delay_s if outcome.after_s is None else outcome.after_s)

    async def attempt(self, body: bytes) -> Accepted | Rejected | RetryLater:
        """Send a body once; where a request is under way that nobody waited for to the end, that one is it."""
        if self._under_way is None:
            request = self._collector.send(self._kind, body)
            self._under_way = asyncio.create_task(request, name=f"otlp {self._kind} request")
        outcome = await asyncio.shield(self._under_way)
        self._under_way = None
        if isinstance(outcome, RetryLater):
            self._health.failed(self._kind, outcome.why)
        return outcome

    async def close(self) -> None:
        """Break off what is under way."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.wait([self._under_way])
            self._under_way = None

    def count(self, outcome: Accepted | Rejected, records: int) -> None:
        """Count what became of so many records."""
        match outcome:
            case Accepted():
                rejected = min(outcome.rejected, records)
                self._health.taken(self._kind, records - rejected)
                if rejected:
                    self._health.dropped(self._kind, rejected, f"{self._collector.name} rejected them")
            case Rejected():
                self._health.taken(self._kind, 0)  # it answers, and others may be to its liking
                self._health.dropped(self._kind, records, f"{self._collector.name} {outcome.why}")


# What a collector has not got yet, read from the store behind the writer: spans or log records, page by page.
#
# Messages and healthy heartbeats are no records: they stay in the store, and their numbers, sizes and latencies go as
# metrics. Requests with their replies are spans.

RowKind = Literal["spans", "logRecords"]
# Whose records are one request: about 10 ms of work
PAGE_EVENTS: Final = 256
# Looked at for one page: where nothing but messages came, the page is empty
WINDOW_IDS: Final = 50_000
_REPLY: Final[EventName] = "message.process.completed"


def _is_told(name: EventName) -> bool:
    return name == _REPLY or not (name.startswith("message.") or name in HEALTHY_HEARTBEATS)


_TOLD: Final = Query((FieldTerm("name", tuple(Exact(name) for name in EVENT_NAMES if _is_told(name))),))


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """The records of some events; what is up to ``up_to_id`` is sent when they are."""

    up_to_id: int
    newest_id: int
    """In the store."""
    records: tuple[bytes, ...] = ()
    pruned: int = 0
    """Events that retention removed before they could be sent."""


class Backlog:
    """Reads on from an event; belongs to the thread that made it."""

    def __init__(self, store: Path, clock: Clock, kind: RowKind, after_id: int) -> None:
        """Read from behind this event on; raises ``StoreError`` where the store cannot be read."""
        self._view = Reader(store, clock)
        self._kind = kind
        self._after_id = after_id
        self._fold = SpanFold()
        self._alive: dict[str, ExportedSession] = {}
        # sessions by connection
        self._before: dict[str, ExportedSession] = {}
        # that ended last
        if kind == "spans":
            alive = alive_before(Selection(self._view, Query(), after_id + 1, after_id))
            self._alive = {session.source.connection: session for session in alive}

    def next(self) -> RecordBatch:
        """The records of the next events; without any where nothing is to be sent."""
        bounds = self._view.bounds()
        after_id = max(self._after_id, bounds.oldest_id - 1)
        last_id = min(bounds.last_id, after_id + WINDOW_IDS)
        page = self._view.events_after(after_id, PAGE_EVENTS, _TOLD.within(after_id + 1, last_id))
        up_to_id = page[-1].id if len(page) == PAGE_EVENTS else max(last_id, after_id)
        records = tuple(record for event in page for record in self._records(event))
        batch = RecordBatch(up_to_id, bounds.last_id, records, after_id - self._after_id)
        self._after_id = up_to_id
        return batch

    def close(self) -> None:
        """Let the store go."""
        self._view.close()

    def _records(self, event: Event) -> Iterator[bytes]:
        if self._kind == "spans":
            yield from operation_records(self._fold, event)
            if event.name in LIFECYCLE and event.source.connection_id:
                yield from self._lifecycle(event)
        elif event.name != _REPLY:
            yield log_record(event)

    def _lifecycle(self, event: Event) -> Iterator[bytes]:
        """The spans of a dial when it succeeds, of a session when it ends."""
        name = event.source.connection
        for session in follow(self._alive, event, event.id, event.id):
            yield from session_records(self._view, session, self._before.get(name))
            if session.completed is None:
                yield from dial_records(session)
            self._before[name] = session
        if event.name == "connection.completed" and name in self._alive:
            yield from dial_records(self._alive[name])


# Up to where a collector has what a store holds: one small file beside the store, so that a restart goes on there.


class PushPosition(msgspec.Struct, frozen=True):
    """The newest event, by kind of records, that was taken."""

    store_id: str
    spans: int | None = None
    logs: int | None = None
    """None: none was ever taken."""

    def of(self, kind: RowKind) -> int | None:
        """The one of a kind."""
        return self.spans if kind == "spans" else self.logs

    def moved(self, kind: RowKind, event_id: int) -> PushPosition:
        """The position once records of that kind were taken."""
        return msgspec.structs.replace(self, **{"spans" if kind == "spans" else "logs": event_id})


def read_position(store: Path, store_id: str) -> PushPosition:
    """Where a store is; an empty one where that is not known of this store."""
    try:
        position = msgspec.json.decode(_path(store).read_bytes(), type=PushPosition)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return PushPosition(store_id)
    return position if position.store_id == store_id else PushPosition(store_id)


def write_position(store: Path, position: PushPosition) -> None:
    """Write it down, whole or not at all; raises ``OSError``."""
    path = _path(store)
    written = path.with_name(f"{path.name}.new")
    written.write_bytes(msgspec.json.encode(position))
    written.replace(path)


def _path(store: Path) -> Path:
    return beside(store, "otlp")
