"""State of a Phoenix session: topics, calls, pushes that may be answered, and credentials not to repeat."""

from __future__ import annotations

from typing import Literal

import msgspec

from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import Happening
from wsmon.protocols.calls import Calls
from wsmon.protocols.credentials import Credentials

# As phoenix.js waits for the answer to a push
PUSH_WAIT_NS = 10 * SECOND_NS
# Delays of phoenix.js before it joins again; the last one repeats
REJOIN_S = (1, 2, 5, 10)
# A topic that was up for less is taken down by joining it: the delays go on growing
SETTLED_NS = 10 * SECOND_NS
MAX_TOPICS = 4096
MAX_PUSHES = 4096
# Pushes without an answer in time whose reply would still be recognised
MAX_LATE = 1024

TopicStatus = Literal["joining", "joined", "leaving", "errored", "closed"]


class Topic:
    """A topic of the session, and its latest join."""

    __slots__ = (
        "failure",
        "is_renewing",
        "join_ref",
        "joined_ns",
        "leave_key",
        "rejoin_ns",
        "status",
        "superseded",
        "tries",
    )

    def __init__(self, join_ref: str) -> None:
        self.join_ref = join_ref
        self.status: TopicStatus = "joining"
        # join_ref of the join before, until the server closes it
        self.superseded = ""
        # Whether it is joined again while it is joined
        self.is_renewing = False
        # Key of the leave in flight
        self.leave_key = ""
        # error_type that a successful join will have handled
        self.failure = ""
        # When a client joins again a topic that the server took down; None where it does not
        self.rejoin_ns: int | None = None
        # Joins in a row since it went down
        self.tries = 0
        # When it was joined; 0 before
        self.joined_ns = 0

    def fall(self, now_ns: int) -> None:
        """Note that the topic is down without a leave, and schedule the next join."""
        if self.joined_ns and now_ns - self.joined_ns >= SETTLED_NS:
            self.tries = 0
        self.rejoin_ns = now_ns + REJOIN_S[min(self.tries, len(REJOIN_S) - 1)] * SECOND_NS

    @property
    def is_up(self) -> bool:
        """Whether the server delivers messages of it, as far as its replies say."""
        return self.status == "joined" or self.is_renewing


class Push(msgspec.Struct, frozen=True, gc=False):
    """A message of the client to a topic, which the server may answer."""

    key: str
    at_ns: int
    event: str
    topic: str
    ref: str
    join_ref: str
    suspicion: str = ""
    """Why the server may have dropped it; empty where nothing suggests so."""

    def end(self, status: str, reason: str = "", error_type: str = "", error: str = "") -> Happening:
        """Return the end of its operation."""
        return Happening(
            "message.process.completed", "request", "end", self.key, self.event, self.topic, self.ref,
            status, reason, error_type, error,
        )  # fmt: skip

    def warning(self) -> Happening:
        """Return a warning that the server is likely to have dropped it."""
        return Happening(
            "error.occurred", "request", type=self.event, topic=self.topic, ref=self.ref,
            error_type="push_unanswered", error=f"push may have been dropped ({self.suspicion})",
        )  # fmt: skip


class Pushes:
    """Pushes that wait for a reply, oldest first. A server need not reply: an unanswered push is no failure."""

    def __init__(self) -> None:
        self._waiting: dict[str, Push] = {}
        self._late: dict[str, Push] = {}

    def begin(self, push: Push) -> tuple[Happening, ...]:
        """Return its start, after the ends of the pushes that are given up for it."""
        happenings: list[Happening] = []
        # The ref is used again: a reply could be to either
        if before := self._waiting.pop(push.key, None):
            happenings.append(before.end("abandoned", "ref_reused"))
        self._late.pop(push.key, None)
        while len(self._waiting) >= MAX_PUSHES:
            oldest = self._waiting.pop(next(iter(self._waiting)))
            happenings.append(oldest.end("abandoned", "given_up"))
        self._waiting[push.key] = push
        started = Happening(
            "message.process.started", "request", "start", push.key, push.event, push.topic, push.ref,
        )  # fmt: skip
        return (*happenings, started)

    def answer(self, key: str) -> Push | None:
        """Take the push that waits for this reply; None where there is none."""
        return self._waiting.pop(key, None)

    def answer_late(self, key: str) -> Push | None:
        """Take the push that waited for this reply in vain; None where there is none."""
        return self._late.pop(key, None)

    def fail(self, topic: str, join_ref: str, error_type: str) -> tuple[Happening, ...]:
        """Return the ends of the pushes that died with their channel."""
        dead = [push for push in self._waiting.values() if (push.topic, push.join_ref) == (topic, join_ref)]
        return tuple(self._waiting.pop(push.key).end("error", error_type=error_type) for push in dead)

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return the ends of unanswered pushes, and a warning where the server is likely to have dropped one."""
        happenings: list[Happening] = []
        while self._waiting:
            push = next(iter(self._waiting.values()))
            if now_ns - push.at_ns < PUSH_WAIT_NS:
                break
            self._late[push.key] = self._waiting.pop(push.key)
            happenings.append(push.end("abandoned", "no_reply"))
            if push.suspicion:
                happenings.append(push.warning())
        while len(self._late) > MAX_LATE:
            del self._late[next(iter(self._late))]
        return tuple(happenings)


class PhoenixState:
    """What is known of one session."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.topics: dict[str, Topic] = {}
        # Joins, leaves and heartbeats; phoenix.js, too, waits 30 s for a heartbeat
        self.calls = Calls()
        self.pushes = Pushes()
        self.credentials = Credentials()
        # Key of the last heartbeat that was sent
        self.heartbeat_key = ""
        # When wsmon itself sent the last heartbeat
        self.beat_ns = 0
        # Whether a heartbeat was not answered in time
        self.is_beat_missed = False
        self._own_refs = 0

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return what was due by the monotonic time ``now_ns`` and did not come, each once."""
        late = self.calls.overdue(now_ns)
        self.is_beat_missed |= any(happening.name == "heartbeat.timeout" for happening in late)
        return late + self.pushes.overdue(now_ns)

    def own_ref(self) -> str:
        """Return a ref for a message of wsmon's own, unlike those of any client."""
        self._own_refs += 1
        return f"wsmon-{self._own_refs}"

    def keep(self, name: str, topic: Topic) -> None:
        """Remember a topic, and forget the oldest where there are too many."""
        self.topics.pop(name, None)
        while len(self.topics) >= MAX_TOPICS:
            del self.topics[next(iter(self.topics))]
        self.topics[name] = topic
