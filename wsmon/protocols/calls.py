"""Calls in flight on one session: operations that wait for an answer, and the happenings that begin and end them.

Every call that began ends exactly once: answered, overdue, or given up because too many are in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import takewhile
from types import MappingProxyType
from typing import TypeVar

import msgspec

from wsmon.model.events import Direction, EventName, Meta
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import ClientOptions, Happening, Operation, Phase, cut
from wsmon.protocols.credentials import Credentials

# How long an answer may take before the call counts as unanswered, as in the source systems
WAIT_S = 30.0
# Calls and topics together in one session, some 2 MiB at worst
MAX_IN_FLIGHT = 4096
# Topics of one message that are followed: as many as Deribit takes in one request; a longer list is an error
MAX_TOPICS = 500
# Servers check a subscription before they run it, in far less; where a protocol confirms none, and no message comes,
# there is no other sign of success
ACCEPTED_NS = 10 * SECOND_NS
NO_ERROR = f"no error within {ACCEPTED_NS // SECOND_NS} s"
# error_type of a call that is no longer awaited
GIVEN_UP = "given_up"


class Call(msgspec.Struct, frozen=True, gc=False):
    """A message that requires an answer."""

    operation: Operation
    key: str
    """Unique among the calls in flight on the session."""
    at_ns: int
    type: str = ""
    ref: str = ""
    topics: tuple[str, ...] = ()
    """Topics of a subscribe or unsubscribe: each has a start and an end of its own."""
    meta: Meta | None = None
    by_peer: bool = False
    """Whether the peer sent it and wsmon is to answer."""


_STARTED: Mapping[Operation, EventName] = MappingProxyType(
    {
        "request": "message.process.started",
        "subscribe": "subscription.subscribe.started",
        "unsubscribe": "subscription.unsubscribe.started",
        "auth": "auth.started",
        "refresh": "auth.refresh.started",
        "heartbeat": "heartbeat.sent",
    }
)
_COMPLETED: Mapping[Operation, EventName] = MappingProxyType(
    {
        "request": "message.process.completed",
        "subscribe": "subscription.subscribe.completed",
        "unsubscribe": "subscription.unsubscribe.completed",
        "auth": "auth.completed",
        "refresh": "auth.refresh.completed",
        "heartbeat": "heartbeat.responded",
    }
)
# The event names have none for a refresh that fails: it is auth.failed with meta.refresh
_FAILED: Mapping[Operation, EventName] = MappingProxyType(
    {**_COMPLETED, "auth": "auth.failed", "refresh": "auth.failed", "heartbeat": "heartbeat.failure"}
)


class Calls:
    """The calls in flight on one session, oldest first."""

    __slots__ = ("_calls", "_limit", "_wait_ns", "_weight")

    def __init__(self, wait_s: float = WAIT_S, limit: int = MAX_IN_FLIGHT) -> None:
        self._wait_ns = round(wait_s * SECOND_NS)
        self._limit = limit
        self._weight = 0
        self._calls: dict[str, Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, key: str) -> bool:
        return key in self._calls

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls.values())

    def begin(self, call: Call) -> tuple[Happening, ...]:
        """Return its start, after the ends of the oldest calls that are given up for it.

        The key must not be in flight.
        """
        happenings: tuple[Happening, ...] = ()
        self._weight += _weight(call)
        while self._calls and self._weight > self._limit:
            oldest = self._take(next(iter(self._calls)))
            happenings += failed(oldest, GIVEN_UP, f"more than {self._limit} requests in flight: no longer tracked")
        self._calls[call.key] = call
        return happenings + begun(call)

    def begin_anew(self, call: Call) -> tuple[Happening, ...]:
        """Return its start, after the end of the call under the same key, which it replaces."""
        replaced = self.end(call.key)
        happenings = failed(replaced, "replaced", "restarted before it ended") if replaced else ()
        return happenings + self.begin(call)

    def end(self, key: str) -> Call | None:
        """Take the call under ``key`` out of flight and return it; None where there is none."""
        return self._take(key) if key in self._calls else None

    def get(self, key: str) -> Call | None:
        """Return the call under ``key``, which stays in flight; None where there is none."""
        return self._calls.get(key)

    def find(self, matches: Callable[[Call], bool]) -> Call | None:
        """Return the oldest call that matches, which stays in flight; None where none does."""
        return next(filter(matches, self._calls.values()), None)

    def accepted(self, now_ns: int) -> tuple[Call, ...]:
        """Take the calls out of flight that met no error for ``ACCEPTED_NS``: of subscribes that nothing confirms."""
        found = tuple(takewhile(lambda call: now_ns - call.at_ns >= ACCEPTED_NS, self))
        for call in found:
            self._take(call.key)
        return found

    def keep_topics(self, call: Call, topics: tuple[str, ...]) -> None:
        """Keep only ``topics`` of a call in flight; without any, the call is over."""
        if not topics:
            self.end(call.key)
            return
        self._weight -= len(call.topics) - len(topics)
        self._calls[call.key] = msgspec.structs.replace(call, topics=topics)

    def renew(self, key: str, now_ns: int) -> None:
        """Await the answer to the call under ``key``, if there is one, anew from ``now_ns`` on: a part of it came."""
        if call := self._calls.pop(key, None):
            self._calls[key] = msgspec.structs.replace(call, at_ns=now_ns)

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return the ends of the calls that were not answered in time; they are no longer in flight."""
        # Every session asks once a second
        if not self._calls:
            return ()
        happenings: list[Happening] = []
        while self._calls:
            oldest = next(iter(self._calls.values()))
            if now_ns - oldest.at_ns < self._wait_ns:
                break
            happenings += failed(self._take(oldest.key), "timeout", f"no answer within {self._wait_ns / SECOND_NS:g} s")
        return tuple(happenings)

    def _take(self, key: str) -> Call:
        call = self._calls.pop(key)
        self._weight -= _weight(call)
        return call


class PeerSilence:
    """How long the peer may be silent before its heartbeat is late, which is said once for each silence."""

    __slots__ = ("_due_ns", "_limit_ns", "_what")

    def __init__(self, what: str = "heartbeat of the peer") -> None:
        """``what`` is that which does not come."""
        self._what = what
        # 0 where the peer promised no heartbeats
        self._limit_ns = 0
        # When the next heartbeat is late; 0 where none is awaited
        self._due_ns = 0

    def limit(self, limit_ns: int, now_ns: int) -> None:
        """Expect the next sign of the peer within ``limit_ns``, and so on; 0: expect none."""
        self._limit_ns = limit_ns
        self.heard(now_ns)

    def heard(self, now_ns: int) -> None:
        """Note a sign of the peer."""
        self._due_ns = now_ns + self._limit_ns if self._limit_ns else 0

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return the heartbeat that did not come in time, once."""
        if not 0 < self._due_ns <= now_ns:
            return ()
        self._due_ns = 0
        error = f"no {self._what} within {self._limit_ns / SECOND_NS:g} s"
        return (Happening("heartbeat.timeout", "heartbeat", error_type="timeout", error=error),)


class WantedTopics:
    """The topics that wsmon asks for: once a session, however often the server greets."""

    __slots__ = ("_were_taken",)

    def __init__(self) -> None:
        self._were_taken = False

    def take(self, options: ClientOptions) -> tuple[str, ...]:
        """Return the topics the first time that there are any."""
        topics = () if self._were_taken else options.reveal_topics()
        self._were_taken = self._were_taken or bool(topics)
        return topics


class CallState:
    """State of a session whose messages are calls with their answers, heartbeats and notices."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.calls = Calls()
        self.silence = PeerSilence()
        # Not to be repeated where the peer repeats them
        self.credentials = Credentials()
        self.wanted = WantedTopics()

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return the answers and heartbeats that did not come in time, each once."""
        return self.calls.overdue(now_ns) + self.silence.overdue(now_ns)


ValueT = TypeVar("ValueT")


def keep_newest(names: dict[str, ValueT], key: str, name: ValueT, limit: int) -> None:
    """Keep what a peer's id stands for; of more than ``limit`` the oldest is forgotten."""
    names.pop(key, None)
    while len(names) >= limit:
        del names[next(iter(names))]
    names[key] = name


def _weight(call: Call) -> int:
    return 1 + len(call.topics)


def begun(call: Call) -> tuple[Happening, ...]:
    """Return the start of a call, one happening per topic."""
    name = "heartbeat.received" if call.operation == "heartbeat" and call.by_peer else _STARTED[call.operation]
    return tuple(_happening(call, name, "start", topic, call.meta) for topic in call.topics or ("",))


def completed(call: Call, meta: Meta | None = None, reason: str = "") -> tuple[Happening, ...]:
    """Return the success of a call, one happening per topic; ``reason``: what shows it, where no answer does."""
    name = _COMPLETED[call.operation]
    return tuple(
        _happening(call, name, "end", topic, meta, status="ok", reason=reason) for topic in call.topics or ("",)
    )


def failed(
    call: Call, error_type: str, error: str, meta: Meta | None = None, reason: str = ""
) -> tuple[Happening, ...]:
    """Return the failure of a call, one happening per topic.

    The end of a request ends a span but is no event; its failure is an ``error.occurred`` beside it.
    """
    name: EventName = _FAILED[call.operation]
    status = "abandoned" if error_type == GIVEN_UP else "error"
    if call.operation == "heartbeat" and error_type == "timeout":
        name = "heartbeat.timeout"
    if call.operation == "refresh":
        meta = {**(meta or {}), "refresh": True}
    happenings = tuple(
        _happening(call, name, "end", topic, meta, status=status, reason=reason, error_type=error_type, error=error)
        for topic in call.topics or ("",)
    )
    if call.operation != "request":
        return happenings
    fault = Happening(
        "error.occurred", "request", type=call.type, ref=call.ref,
        reason=reason, error_type=error_type, error=error, meta=meta,
    )  # fmt: skip
    return (*happenings, fault)


def settled(call: Call, confirmed: Collection[str], meta: Meta | None = None) -> tuple[Happening, ...]:
    """Return the end of a call by an answer that lists topics: those that are not in it failed."""
    if not call.topics:
        return completed(call, meta)
    done = tuple(topic for topic in call.topics if topic in confirmed)
    missing = tuple(topic for topic in call.topics if topic not in confirmed)
    happenings: tuple[Happening, ...] = ()
    if done:
        happenings += completed(msgspec.structs.replace(call, topics=done), meta)
    if missing:
        left_out = msgspec.structs.replace(call, topics=missing)
        happenings += failed(left_out, "not_confirmed", "requested, but missing from the reply", meta)
    return happenings


def unmatched(operation: Operation, key: str, type_: str = "", topic: str = "", ref: str = "") -> Happening:
    """Return an end of no call in flight: late, doubled, or never requested."""
    return Happening(
        _COMPLETED[operation], operation, "end", happening_key(key, topic), type_, topic, ref,
        error_type="unmatched", error="matches no request in flight",
    )  # fmt: skip


def unsubscribed(topic: str, ref: str, reason: str) -> Happening:
    """Return the end of a subscription that no answer confirms; ``reason`` says what ended it."""
    name = _COMPLETED["unsubscribe"]
    return Happening(name, "unsubscribe", topic=topic, ref=ref, status="ok", reason=reason)


def duplicate(operation: Operation, type_: str, ref: str) -> Happening:
    """Return the error of a second message under an id in flight: the first keeps it, the second is not awaited."""
    error = f"id {ref or 'null'} is already in flight"
    return Happening("error.occurred", operation, type=type_, ref=ref, error_type="duplicate_id", error=error)


def happening_key(key: str, topic: str) -> str:
    """Return what pairs start and end of one topic of a call."""
    return f"{key} {topic}" if topic else key


def too_many_topics(count: int) -> Happening:
    """Return the error of a message with more than ``MAX_TOPICS`` topics."""
    return Happening(
        "error.occurred", "subscribe", error_type="too_many_topics",
        error=f"{count} topics in one message; only the first {MAX_TOPICS} are tracked",
    )  # fmt: skip


def confirmed(calls: Calls, topic: str) -> tuple[Happening, ...]:
    """End the subscribe whose key is its topic; without one, the peer subscribed wsmon by itself."""
    if call := calls.end(topic):
        return completed(call)
    return (Happening("subscription.subscribe.completed", "subscribe", topic=topic, status="ok"),)


def left(calls: Calls, topic: str) -> tuple[Happening, ...]:
    """Return an unsubscribe that nothing confirms, after the end of the subscribe in flight whose key is the topic."""
    call = calls.end(topic)
    given_up = failed(call, GIVEN_UP, "unsubscribed before it was confirmed") if call else ()
    return (*given_up, Happening("subscription.unsubscribe.completed", "unsubscribe", topic=topic, status="ok"))


def ping(calls: Calls, direction: Direction, now_ns: int) -> tuple[Happening, ...]:
    """Begin a heartbeat; one at a time is in flight, so that an unanswered one ends in a timeout, not with the next."""
    by_peer = direction == "in"
    if direction in calls:
        return (Happening("heartbeat.received" if by_peer else "heartbeat.sent", "heartbeat"),)
    return calls.begin(Call("heartbeat", direction, now_ns, by_peer=by_peer))


def pong(calls: Calls, direction: Direction) -> tuple[Happening, ...]:
    """End the heartbeat that the other side began; without one, a pong is a heartbeat by itself."""
    begun_by_other = calls.end("out" if direction == "in" else "in")
    if begun_by_other:
        return completed(begun_by_other)
    return (Happening("heartbeat.received" if direction == "in" else "heartbeat.sent", "heartbeat"),)


class Deliveries:
    """Messages of the peer that wsmon may answer, or not: an answer has a duration, a missing one is no fault.

    Of more than ``limit``, the oldest are forgotten.
    """

    __slots__ = ("_limit", "_waiting")

    def __init__(self, limit: int = MAX_IN_FLIGHT) -> None:
        self._limit = limit
        # Topic and monotonic time of each, oldest first
        self._waiting: dict[str, tuple[str, int]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._waiting

    def note(self, key: str, topic: str, now_ns: int) -> None:
        """Remember a message that may be answered under ``key``."""
        self._waiting.pop(key, None)
        if len(self._waiting) >= self._limit:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[key] = (topic, now_ns)

    def answered(self, key: str, type_: str, now_ns: int, status: str = "ok") -> tuple[Happening, ...]:
        """Return the operation from the message to this answer; empty where no message waits under the key."""
        found = self._waiting.pop(key, None)
        if found is None:
            return ()
        topic, at_ns = found
        return (
            Happening(
                "message.process.completed", "request", "whole", key, type_, topic, cut(key), status,
                duration_ns=max(now_ns - at_ns, 0),
            ),
        )  # fmt: skip


def _happening(
    call: Call, name: EventName, phase: Phase, topic: str, meta: Meta | None, *,
    status: str | None = None, reason: str = "", error_type: str = "", error: str = "",
) -> Happening:  # fmt: skip
    return Happening(
        name, call.operation, phase, happening_key(call.key, topic), call.type, topic, call.ref,
        status, reason, error_type, error, meta,
    )  # fmt: skip
