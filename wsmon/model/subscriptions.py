"""The subscription ledger of one connection: topics requested, confirmed, lost and restored.

It outlives sessions: a topic that was confirmed before a disconnect must be confirmed again after it, or counts as
lost.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from wsmon.model.events import EventName
from wsmon.model.units import SECOND_NS

SubscriptionStatus = Literal["requested", "confirmed", "failed", "unsubscribed", "expired", "lost", "restored"]

# How long a confirmation may take: ``subscription_timeout`` of the telemetry guide
EXPIRY_NS = 30 * SECOND_NS
# Topics of a connection, some 10 MiB at worst
MAX_TOPICS = 10_000
# Changes of status kept per topic
HISTORY = 8

ACTIVE: frozenset[SubscriptionStatus] = frozenset({"confirmed", "restored"})
OVER: frozenset[SubscriptionStatus] = frozenset({"failed", "unsubscribed", "expired"})


class SubscriptionNote(Protocol):
    """What the ledger reads of a protocol's note about a subscription."""

    @property
    def name(self) -> EventName: ...

    @property
    def topic(self) -> str: ...

    @property
    def status(self) -> int | str | None: ...

    @property
    def reason(self) -> str: ...

    @property
    def error_type(self) -> str: ...


class Subscription(msgspec.Struct, frozen=True, gc=False):
    """The state of one topic; times are monotonic nanoseconds."""

    topic: str
    status: SubscriptionStatus
    since_ns: int
    attempts: int = 1
    """Requests since it was last confirmed."""
    reason: str = ""
    """Why it failed or was lost."""
    is_interrupted: bool = False
    """Confirmed in an earlier session, and not in this one yet."""
    history: tuple[tuple[SubscriptionStatus, int], ...] = ()
    """The last ``HISTORY`` statuses with the time of each, the present one included."""

    @property
    def is_active(self) -> bool:
        """Whether the peer delivers the topic."""
        return self.status in ACTIVE and not self.is_interrupted


class SubscriptionChange(msgspec.Struct, frozen=True, gc=False):
    """A loss or a restoration that no message reports and that follows from the others; it becomes an event."""

    name: Literal["subscription.lost", "subscription.restored"]
    topic: str
    reason: str = ""
    duration_ns: int | None = None
    """How long a restored topic was away; None for a lost one."""


class Subscriptions(msgspec.Struct, frozen=True, gc=False):
    """The topics of a connection at one time, each list in the order of the first request."""

    active: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    """Requested, or to be restored."""
    lost: tuple[str, ...] = ()


class TopicState(msgspec.Struct, frozen=True, gc=False):
    """The state of one topic of a connection, as viewers see it."""

    topic: str
    status: Literal["active", "pending", "lost"]
    since_ns: int
    """Wall time."""


class SubscriptionLedger:
    """Follows the subscriptions of one connection through the notes of its protocol and its sessions.

    Times are monotonic and do not decrease. Beyond ``limit`` topics the oldest are forgotten, ended ones first.
    """

    def __init__(self, expiry_ns: int = EXPIRY_NS, limit: int = MAX_TOPICS) -> None:
        self._expiry_ns = expiry_ns
        self._limit = limit
        # Requested, active or lost topics, the oldest request first
        self._live: dict[str, Subscription] = {}
        # Failed, unsubscribed or expired topics: the first to be forgotten
        self._over: dict[str, Subscription] = {}
        # By topic: the time from which on a confirmation is too late, soonest first
        self._due: dict[str, int] = {}

    def apply(self, note: SubscriptionNote, now_ns: int) -> tuple[SubscriptionChange, ...]:
        """Take a note of the protocol; notes about anything but subscriptions, or without a topic, change nothing."""
        if not note.topic:
            return ()
        due = self.expire(now_ns)
        match note.name, note.status:
            case "subscription.subscribe.started", _:
                self._request(note.topic, now_ns)
            case "subscription.subscribe.completed", "ok":
                return due + self._confirm(note.topic, now_ns)
            case "subscription.subscribe.completed", "error":
                return due + self._fail(note.topic, note.reason or note.error_type, note.error_type, now_ns)
            case "subscription.unsubscribe.completed", "ok":
                self._leave(note.topic, now_ns)
            case "subscription.lost", _:
                self._lose(note.topic, note.reason or note.error_type, now_ns)
            case "subscription.restored", _:
                self._confirm(note.topic, now_ns)
        return due

    def session_began(self, now_ns: int) -> None:
        """Start a session: topics confirmed before have until the expiry to be confirmed again."""
        for known in self._live.values():
            if known.is_interrupted:
                self._await(known.topic, now_ns)

    def session_ended(self, now_ns: int) -> None:
        """End the session: its requests have failed, and its confirmations no longer hold."""
        self._due.clear()
        for known in tuple(self._live.values()):
            if known.status == "requested":
                self._set(known, "failed", now_ns, reason="disconnected")
            elif known.is_active:
                self._live[known.topic] = msgspec.structs.replace(known, is_interrupted=True, since_ns=now_ns)

    def expire(self, now_ns: int) -> tuple[SubscriptionChange, ...]:
        """Apply the expiry: unconfirmed requests expire, topics that were not restored are lost."""
        # Every session asks once a second
        if not self._due:
            return ()
        changes: list[SubscriptionChange] = []
        while self._due:
            topic, due_ns = next(iter(self._due.items()))
            if now_ns < due_ns:
                break
            known = self._live[topic]
            if known.is_interrupted:
                changes += self._lose(topic, "not confirmed again after a reconnect", now_ns)
            else:
                self._set(known, "expired", now_ns, reason="not confirmed in time")
        return tuple(changes)

    def snapshot(self) -> Subscriptions:
        """Return the active, pending and lost topics; call ``expire`` first."""
        live = self._live.values()
        return Subscriptions(
            tuple(known.topic for known in live if known.is_active),
            tuple(known.topic for known in live if known.status == "requested" or known.is_interrupted),
            tuple(known.topic for known in live if known.status == "lost"),
        )

    def subscription(self, topic: str) -> Subscription | None:
        """Return the state of a topic; None where it is unknown or forgotten."""
        return self._live.get(topic) or self._over.get(topic)

    def _request(self, topic: str, now_ns: int) -> None:
        known = self._live.get(topic)
        if known is None or known.status == "requested":
            before = known or self._over.get(topic) or Subscription(topic, "requested", now_ns, attempts=0)
            self._set(before, "requested", now_ns, attempts=before.attempts + 1)
            self._await(topic, now_ns)
        elif not known.is_active:
            self._live[topic] = msgspec.structs.replace(known, attempts=known.attempts + 1)

    def _confirm(self, topic: str, now_ns: int) -> tuple[SubscriptionChange, ...]:
        known = self.subscription(topic)
        if known is None or known.is_active:
            return ()
        was_away = known.is_interrupted or known.status == "lost"
        self._set(known, "restored" if was_away else "confirmed", now_ns, attempts=0)
        return (SubscriptionChange("subscription.restored", topic, "", now_ns - known.since_ns),) if was_away else ()

    def _fail(self, topic: str, reason: str, error_type: str, now_ns: int) -> tuple[SubscriptionChange, ...]:
        """Handle a refusal; a refused request for a topic that is active changes nothing."""
        known = self.subscription(topic)
        if known is not None and known.is_interrupted:
            return self._lose(topic, reason, now_ns)
        if known is not None and (known.status in ("requested", "expired")):
            self._set(known, "expired" if error_type == "timeout" else "failed", now_ns, reason=reason)
        return ()

    def _leave(self, topic: str, now_ns: int) -> None:
        known = self._live.get(topic)
        if known is not None:
            self._set(known, "unsubscribed", now_ns)

    def _lose(self, topic: str, reason: str, now_ns: int) -> tuple[SubscriptionChange, ...]:
        known = self._live.get(topic)
        if known is None or known.status not in ACTIVE:
            return ()
        self._set(known, "lost", now_ns, reason=reason)
        return (SubscriptionChange("subscription.lost", topic, reason),)

    def _await(self, topic: str, now_ns: int) -> None:
        # Keep the order by time: the newest request is the last one due
        self._due.pop(topic, None)
        self._due[topic] = now_ns + self._expiry_ns

    def _set(
        self, known: Subscription, status: SubscriptionStatus, now_ns: int, *,
        attempts: int | None = None, reason: str = "",
    ) -> None:  # fmt: skip
        """Change the status of a topic; attempts stay unless given."""
        topic = known.topic
        changed = Subscription(
            topic,
            status,
            now_ns,
            known.attempts if attempts is None else attempts,
            reason,
            history=(*known.history, (status, now_ns))[-HISTORY:],
        )
        self._due.pop(topic, None)
        if status in OVER:
            self._live.pop(topic, None)
            self._over.pop(topic, None)
            self._over[topic] = changed
        else:
            self._over.pop(topic, None)
            self._live[topic] = changed
        while len(self._live) + len(self._over) > self._limit:
            self._forget()

    def _forget(self) -> None:
        oldest = self._over or self._live
        topic = next(iter(oldest))
        del oldest[topic]
        self._due.pop(topic, None)
