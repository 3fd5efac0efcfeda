"""OTLP delivery: requests to a collector with retries, the backlog of the store, the saved position, and health.

OTLP 1.x over HTTP in JSON; the meaning of each status is from "OTLP/HTTP Response",
https://opentelemetry.io/docs/specs/otlp/#otlphttp-response. ``otlp_push`` decides what is sent and when.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from wsmon.config.specs import OtlpSpec, ReconnectSpec
from wsmon.control.lock import beside
from wsmon.control.ownership import ForeignFileError, read_own, write_own
from wsmon.engine.retry import next_delay_s
from wsmon.errors import StoreError
from wsmon.export.otlp import Fields, RecordKind, document, log_record
from wsmon.export.otlp_spans import (
    ALL_PARTS,
    complete_part_records,
    count_parts,
    dial_records,
    operation_records,
    session_records,
)
from wsmon.export.selection import Selection
from wsmon.export.sessions import LIFECYCLE, ExportedSession, alive_before, follow, session_before
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

# Deadline of one request
REQUEST_S: Final = 10.0
# Bytes read of the body of an answer, which may say how many records were rejected
ANSWER_BYTES: Final = 64 * 1024
# Retries of a failure that may pass by itself
SOON: Final = ReconnectSpec(initial_s=1.0, max_s=60.0, factor=2.0, jitter=0.5)
# Retries of a failure that needs a change of the collector or of the configuration
SLOWLY: Final = ReconnectSpec(initial_s=30.0, max_s=300.0, factor=2.0, jitter=0.5)
# How long a loss is shown in the header; the counters keep it
LOSS_SHOWN_NS: Final = 600 * SECOND_NS
# Events whose records are one request: about 10 ms of work
PAGE_EVENTS: Final = 256
# Ids searched for one page: where only messages came, the page is empty
WINDOW_IDS: Final = 50_000

# How long after an event it is in the store, unless that is slow: a part of a session is sent that much later
COMMITTED_WITHIN_NS: Final = 5 * SECOND_NS

# Messages are log records as others are, and a signal of their own: many more, and with their payloads
SentKind = RecordKind | Literal["messages"]
RowKind = Literal["spans", "logRecords", "messages"]
# Names of the signals in the configuration; of metrics, points are counted
SIGNALS: Final[dict[SentKind, str]] = {
    "spans": "spans",
    "logRecords": "logs",
    "metrics": "metrics",
    "messages": "messages",
}
# gzip level: three quarters of the best compression, in a third of its time
_LEVEL: Final = 4
_PATHS: Final[Mapping[RecordKind, str]] = {"spans": "v1/traces", "logRecords": "v1/logs", "metrics": "v1/metrics"}
# What records of a kind are in a request
_RECORD_KINDS: Final[Mapping[SentKind, RecordKind]] = {
    "spans": "spans",
    "logRecords": "logRecords",
    "metrics": "metrics",
    "messages": "logRecords",
}
_REJECTED: Final = ("rejectedSpans", "rejectedLogRecords", "rejectedDataPoints")
# Of a count of 64 bits
_COUNT_DIGITS: Final = 19
_TOO_LARGE: Final = 413
# Other statuses from 400 on concern the collector or us and not these records, which may be accepted later
_BAD_RECORDS: Final = frozenset({400, 422})
_TRANSIENT: Final = frozenset({408, 425, 429, 502, 503, 504})
_REPLY: Final[EventName] = "message.process.completed"

_LOG = logging.getLogger("wsmon.otlp")

# By session: the number of a part
Parts = Mapping[str, int]
NO_PARTS: Final[Parts] = MappingProxyType({})
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The collector accepted the records."""

    rejected: int = 0
    """Records of the request that the collector discarded."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The records may be accepted later."""

    why: str
    after_s: float | None = None
    """``Retry-After`` of the collector, in seconds; None where there was none."""
    is_passing: bool = True
    """False where the collector or the configuration has to be changed first."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The collector will never accept these records."""

    why: str
    is_too_large: bool = False
    """A request with fewer of them may be accepted."""


Outcome: TypeAlias = Accepted | RetryLater | Rejected


class Collector:
    """Encodes and sends one request; says what the answer means for its records."""

    def __init__(self, spec: OtlpSpec, resource: Fields, clock: Clock, request_s: float = REQUEST_S) -> None:
        """``resource`` identifies the recorder."""
        self._url = spec.url.reveal()
        self.name = spec.url.masked
        self._is_compressed = spec.compression
        own = {"Content-Encoding": "gzip"} if spec.compression else {}
        self._headers = {**own, **{name: value.reveal() for name, value in spec.headers}}
        self._resource = resource
        self._clock = clock
        self._request_s = request_s

    def body(self, kind: SentKind, records: tuple[bytes, ...]) -> bytes:
        """Return the body of a request with these records. Slow: call it in a thread."""
        plain = b"".join(document(_RECORD_KINDS[kind], iter(records), self._resource))
        return gzip.compress(plain, _LEVEL, mtime=0) if self._is_compressed else plain

    async def send(self, kind: SentKind, body: bytes) -> Outcome:
        """Send a body; raises nothing but cancellation."""
        try:
            async with asyncio.timeout(self._request_s):
                return self._outcome(await post(self._address(kind), body, self._headers, answer_bytes=ANSWER_BYTES))
        except TimeoutError:
            return RetryLater(f"did not answer within {self._request_s:g} s")
        except ssl.SSLCertVerificationError as error:
            return RetryLater(f"has an invalid certificate: {error.verify_message}", is_passing=False)
        except (BadAnswerError, UnicodeError):
            return RetryLater("did not respond with HTTP", is_passing=False)
        except (OSError, asyncio.IncompleteReadError) as error:
            return RetryLater(f"cannot be reached: {reason(error) if isinstance(error, OSError) else 'it hung up'}")

    def _address(self, kind: SentKind) -> str:
        parts = urlsplit(self._url)
        return parts._replace(path=f"{parts.path.rstrip('/')}/{_PATHS[_RECORD_KINDS[kind]]}").geturl()

    def _outcome(self, answer: HttpAnswer) -> Outcome:
        status = answer.status
        if 200 <= status < 300:
            return Accepted(_rejected(answer.body))
        if status == _TOO_LARGE:
            return Rejected("answered 413: too large", is_too_large=True)
        if status in _BAD_RECORDS:
            return Rejected(f"answered {status}: the records are refused")
        if status in _TRANSIENT or status >= 500:
            asked_s = retry_after_s(answer.headers.get("retry-after", ""), self._clock.wall_ns() / SECOND_NS)
            return RetryLater(f"answered {status}", asked_s)
        what = "a redirect, which is not followed" if 300 <= status < 400 else "it does not accept our telemetry"
        return RetryLater(f"answered {status}: {what}", is_passing=False)


def _rejected(body: bytes) -> int:
    """Return how many records the collector discarded, by the body of its answer."""
    try:
        answer = msgspec.json.decode(body or b"{}", type=dict[str, object])
    # Values nested without end are no decode error to msgspec
    except (ValueError, RecursionError):
        return 0
    partial = answer.get("partialSuccess")
    return sum(_count(partial.get(key)) for key in _REJECTED) if isinstance(partial, dict) else 0


def _count(value: object) -> int:
    """Return a count of an answer, a number or (protobuf's JSON of 64 bits) its digits; 0 where it is neither."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _COUNT_DIGITS:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**_COUNT_DIGITS else 0


@dataclass(frozen=True, slots=True)
class RetryTiming:
    """Clock, sleep, randomness and backoff of the retries."""

    clock: Clock
    roll: Callable[[], float]
    """Returns a random number in [0, 1)."""
    sleep: Sleep = asyncio.sleep
    soon: ReconnectSpec = SOON
    slowly: ReconnectSpec = SLOWLY


class Delivery:
    """Delivers one kind of records to one collector: retries with backoff until they are accepted or rejected."""

    def __init__(self, kind: SentKind, collector: Collector, health: SinkHealth, timing: RetryTiming) -> None:
        self._kind = kind
        self._collector = collector
        self._health = health
        self._timing = timing
        # A request without an answer yet: it survives the cancellation of its caller, so that nothing is sent twice
        self._under_way: asyncio.Task[Accepted | Rejected | RetryLater] | None = None

    async def settle(self, body: bytes) -> Accepted | Rejected:
        """Send a body until it is accepted or rejected."""
        attempt = 0
        while True:
            outcome = await self.attempt(body)
            if not isinstance(outcome, RetryLater):
                return outcome
            attempt += 1
            backoff = self._timing.soon if outcome.is_passing else self._timing.slowly
            delay_s = next_delay_s(backoff, attempt, self._timing.roll())
            await self._timing.sleep(delay_s if outcome.after_s is None else outcome.after_s)

    async def attempt(self, body: bytes) -> Accepted | Rejected | RetryLater:
        """Send a body once; where a request is under way whose caller was cancelled, await that one instead."""
        if self._under_way is None:
            request = self._collector.send(self._kind, body)
            # Outlives a caller that is cancelled: the next attempt or close() awaits it.
            self._under_way = asyncio.create_task(request, name=f"otlp {self._kind} request")  # noqa: TID251
        outcome = await asyncio.shield(self._under_way)
        self._under_way = None
        if isinstance(outcome, RetryLater):
            self._health.failed(self._kind, outcome.why)
        return outcome

    async def close(self) -> None:
        """Cancel a request under way."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.wait([self._under_way])
            self._under_way = None

    def count(self, outcome: Accepted | Rejected, records: int) -> None:
        """Count so many records as accepted, rejected or lost."""
        match outcome:
            case Accepted():
                rejected = min(outcome.rejected, records)
                self._health.taken(self._kind, records - rejected)
                if rejected:
                    self._health.dropped(self._kind, rejected, f"{self._collector.name} rejected them")
            case Rejected():
                # The collector answers, and may accept other records
                self._health.taken(self._kind, 0)
                self._health.dropped(self._kind, records, f"{self._collector.name} {outcome.why}")


class SinkHealth:
    """What was sent and lost, and what fails now. Written on the event loop; any thread may read it."""

    def __init__(self, kinds: tuple[SentKind, ...], clock: Clock) -> None:
        self._kinds = kinds
        self._clock = clock
        self._sent: Counter[SentKind] = Counter()
        self._dropped: Counter[SentKind] = Counter()
        self._troubles: dict[SentKind, _Trouble] = {}
        self._behind: dict[SentKind, int] = {}
        self._loss: _Loss | None = None
        # URL of the collector, secrets masked; empty for none
        self.name = ""

    def follow(self, name: str, kinds: tuple[SentKind, ...]) -> None:
        """Start anew with another collector, or none, and other kinds of records; the counters stay."""
        self.name, self._kinds = name, kinds
        self._troubles.clear()
        self._behind.clear()
        self._loss = None

    def taken(self, kind: SentKind, records: int) -> None:
        """Count records that were accepted."""
        self._sent[kind] += records
        self._troubles.pop(kind, None)

    def failed(self, kind: SentKind, why: str) -> None:
        """Note why records were not accepted, and wait."""
        before = self._troubles.get(kind)
        self._troubles[kind] = _Trouble(why, before.since_ns if before else self._clock.mono_ns())

    def dropped(self, kind: SentKind, records: int, why: str) -> None:
        """Count records that are lost, and why."""
        self._dropped[kind] += records
        now_ns = self._clock.mono_ns()
        if self._loss is not None and self._loss.kind == kind and now_ns - self._loss.at_ns < LOSS_SHOWN_NS:
            records += self._loss.records
        self._loss = _Loss(why, kind, records, now_ns)

    def wait(self, kind: SentKind, events: int) -> None:
        """Note how many events are not sent yet."""
        self._behind[kind] = events

    @property
    def warning(self) -> str:
        """The present failure, or the newest loss, as a sentence; empty where there is none."""
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
        """Return the state for the metrics; ``None`` where nothing is sent nor was."""
        if not self.name and not self._sent and not self._dropped:
            return None
        signals = tuple(
            SignalTotals(SIGNALS[kind], self._sent[kind], self._dropped[kind])
            for kind in SIGNALS
            if kind in self._kinds or self._sent[kind] or self._dropped[kind]
        )
        return SinkState("otlp", not self._troubles, max(self._behind.copy().values(), default=0), signals)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why records of a kind are not accepted."""

    why: str
    since_ns: int
    """Monotonic time."""


@dataclass(frozen=True, slots=True)
class _Loss:
    """The newest records that were lost."""

    why: str
    kind: SentKind
    records: int
    at_ns: int
    """Monotonic time."""


def _is_record(name: EventName) -> bool:
    """Whether events of this name become records.

    Messages and healthy heartbeats do not: their numbers, sizes and latencies are metrics. Requests are spans.
    """
    return name == _REPLY or not (name.startswith("message.") or name in HEALTHY_HEARTBEATS)


_RECORDS: Final = Query((FieldTerm("name", tuple(Exact(name) for name in EVENT_NAMES if _is_record(name))),))
_MESSAGES: Final = Query((FieldTerm("name", (Exact("message.received"), Exact("message.sent"))),))


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """The records of the events up to ``up_to_id``."""

    up_to_id: int
    newest_id: int
    """Newest event in the store."""
    records: tuple[bytes, ...] = ()
    pruned: int = 0
    """Events removed by retention before they could be sent."""
    parts: Parts = field(default_factory=lambda: NO_PARTS)
    """The newest part among all records so far, of each open session that has one."""


class Backlog:
    """Reads the records of the store, page by page. Use it on the thread that made it."""

    def __init__(self, store: Path, clock: Clock, kind: RowKind, after_id: int, parts: Parts = NO_PARTS) -> None:
        """Start after this event, and these parts of sessions; raises ``StoreError`` where the store cannot be read."""
        self._view = Reader(store, clock)
        self._clock = clock
        self._kind = kind
        self._after_id = after_id
        self._fold = SpanFold()
        # By connection: the open session, and the one before it, once it was looked for; None = there is none
        self._alive: dict[str, ExportedSession] = {}
        self._before: dict[str, ExportedSession | None] = {}
        if kind == "spans":
            try:
                alive = alive_before(Selection(self._view, Query(), after_id + 1, after_id))
                self._alive = {session.source.connection: session for session in alive}
            except StoreError:
                self._view.close()
                raise
        # By session: the newest part that is among the records so far
        self._parts = {each: parts[each] for each in self._sessions() if each in parts}

    def next(self) -> RecordBatch:
        """Return the records of the next events; an empty batch where there are none."""
        bounds = self._view.bounds()
        after_id = max(self._after_id, bounds.oldest_id - 1)
        last_id = min(bounds.last_id, after_id + WINDOW_IDS)
        query = _MESSAGES if self._kind == "messages" else _RECORDS
        page = self._view.events_after(after_id, PAGE_EVENTS, query.within(after_id + 1, last_id))
        up_to_id = page[-1].id if len(page) == PAGE_EVENTS else max(last_id, after_id)
        records = [record for event in page for record in self._records(event)]
        if up_to_id == bounds.last_id:
            records += self._complete_parts(up_to_id)
        pruned = after_id - self._after_id
        batch = RecordBatch(up_to_id, bounds.last_id, tuple(records), pruned, MappingProxyType(dict(self._parts)))
        self._after_id = up_to_id
        return batch

    def close(self) -> None:
        """Close the store."""
        self._view.close()

    def _records(self, event: Event) -> Iterator[bytes]:
        if self._kind == "spans":
            yield from operation_records(self._fold, event)
            if event.name in LIFECYCLE and event.source.connection_id:
                yield from self._lifecycle(event)
            elif event.name == "self.run.ended":
                yield from self._cut_parts(event)
        elif event.name != _REPLY:
            yield log_record(event)

    def _lifecycle(self, event: Event) -> Iterator[bytes]:
        """Yield the spans of a dial when it succeeds, of a session when it ends."""
        name = event.source.connection
        for session in follow(self._alive, event, event.id, event.id):
            wanted = ALL_PARTS[self._parts.pop(session.source.connection_id, 0) :]
            yield from session_records(self._view, session, self._previous(session), wanted)
            if session.completed is None:
                yield from dial_records(session)
            self._before[name] = session
        if event.name == "connection.completed" and name in self._alive:
            yield from dial_records(self._alive[name])

    def _complete_parts(self, up_to_id: int) -> Iterator[bytes]:
        """Yield the parts of open sessions that are over; the events of a part are in the store some seconds later."""
        now_ns = self._clock.mono_ns() - COMMITTED_WITHIN_NS
        for session in self._alive.values():
            after_part = self._parts.get(session.source.connection_id, 0)
            newest_part = count_parts(self._view, session, now_ns) - 1
            # Whether a session of an earlier run goes on is not known before its next event
            if newest_part > after_part and session.source.run == self._run_at(up_to_id):
                session.last_id = up_to_id
                before = self._previous(session)
                yield from complete_part_records(self._view, session, before, after_part, now_ns)
                self._parts[session.source.connection_id] = newest_part

    def _cut_parts(self, ended: Event) -> Iterator[bytes]:
        """Yield the parts of sessions that go on after the end of their recorder, as those of an application may."""
        for session in self._alive.values():
            if session.source.run == ended.source.run:
                session.last_id = ended.id
                wanted = ALL_PARTS[self._parts.get(session.source.connection_id, 0) :]
                yield from session_records(self._view, session, self._previous(session), wanted, ended)
                self._parts[session.source.connection_id] = count_parts(self._view, session, ended.mono_ns)

    def _previous(self, session: ExportedSession) -> ExportedSession | None:
        """The session before one that is open; of a sender that has restarted, the store knows it."""
        name = session.source.connection
        if name not in self._before:
            self._before[name] = session_before(self._view, session)
        return self._before[name]

    def _run_at(self, event_id: int) -> int:
        newest = self._view.events_before(event_id + 1, 1)
        return newest[0].source.run if newest else 0

    def _sessions(self) -> Iterator[str]:
        return (session.source.connection_id for session in self._alive.values())


class PushPosition(msgspec.Struct, frozen=True):
    """The newest event, by kind of records, that was accepted or rejected; a small file beside the store."""

    store_id: str
    spans: int | None = None
    logs: int | None = None
    """None where no records of the kind were sent yet, as for ``spans``."""
    messages: int | None = None
    parts: dict[str, int] = {}
    """The newest part that was sent, of each open session that has one: no event of the store marks its end."""

    def of(self, kind: RowKind) -> int | None:
        """Return the position of a kind."""
        return {"spans": self.spans, "logRecords": self.logs, "messages": self.messages}[kind]

    def moved(self, kind: RowKind, event_id: int, parts: Parts = NO_PARTS) -> PushPosition:
        """Return the position after records of that kind were settled; ``parts`` are those of spans."""
        if kind == "spans":
            return msgspec.structs.replace(self, spans=event_id, parts=dict(parts))
        if kind == "messages":
            return msgspec.structs.replace(self, messages=event_id)
        return msgspec.structs.replace(self, logs=event_id)


def read_position(store: Path, store_id: str) -> PushPosition:
    """Read the position of a store; an empty one where there is none, or one of another store or another user."""
    try:
        position = msgspec.json.decode(read_own(_path(store)), type=PushPosition)
    except FileNotFoundError:
        return PushPosition(store_id)
    except (ForeignFileError, ValueError, RecursionError) as error:
        _LOG.warning("the send position is unknown; events may be sent again: %s", error)
        return PushPosition(store_id)
    return position if position.store_id == store_id else PushPosition(store_id)


def write_position(store: Path, position: PushPosition) -> None:
    """Save the position, whole or not at all; raises ``OSError``."""
    write_own(_path(store), msgspec.json.encode(position))


def _path(store: Path) -> Path:
    return beside(store, "otlp")
