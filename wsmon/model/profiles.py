"""Capture profiles: which events become rows of a recording, and which are counted only.

Counters are exact in every profile: what becomes no row is folded into the statistics all the same. The seeds' guide
leaves open what "major" means, and says nothing of subscriptions, logins and applications' traces; the tables below
are the answer. Three rules hold in all profiles: a change of status is a row (uptime and timeline are made of them),
an incident is, and so is what the recorder says about itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

from wsmon.model.events import EVENT_NAMES, Event, EventName
from wsmon.model.units import SECOND_NS

ProfileName = Literal["detailed", "financial", "standard", "lightweight"]

MESSAGES: Final[frozenset[EventName]] = frozenset({"message.received", "message.sent"})
# Stands for the messages that are no rows
BATCH: Final[EventName] = "message.batch_processed"
# Misses are no part of it: they are what heartbeats are for
HEALTHY_HEARTBEATS: Final[frozenset[EventName]] = frozenset(
    {"heartbeat.sent", "heartbeat.received", "heartbeat.responded"}
)

# Types of errors that are rows in every profile; a failed login is one by its name, whatever its type, and faults of a
# dial or of a link arrive with a change of status
MAJOR_ERRORS: Final[frozenset[str]] = frozenset(
    {
        # the peer broke the rules of WebSocket, and the session ends for it
        "protocol",
        "invalid_utf8",
        "message_too_big",
        "write_overflow",
        # what the configuration wants said was not said
        "send_failed",
        # wsmon's own mistakes: whoever reads the recording must know that it may lack something
        "internal",
        "classifier",
        # nobody dials any more
        "retries_exhausted",
    }
)

# An application's traces too: a server that reports every request is what the smaller profiles are to keep out
_AS_OFTEN_AS_MESSAGES: Final[frozenset[EventName]] = frozenset(
    name for name in EVENT_NAMES if name.startswith(("message.", "trace.")) and name != BATCH
)

# What the smallest profile keeps by its name: what somebody who is woken at night asks for
_ALWAYS: Final[frozenset[EventName]] = frozenset(
    {
        BATCH,
        "connection.reconnect.success",
        "connection.reconnect.failed",
        "auth.failed",
        "subscription.lost",
        "heartbeat.timeout",
        "heartbeat.failure",
        *(name for name in EVENT_NAMES if name.startswith(("incident.", "self."))),
    }
)

# The smallest profile keeps those that failed
_COMPLETIONS: Final[frozenset[EventName]] = frozenset(
    {"subscription.subscribe.completed", "subscription.unsubscribe.completed"}
)


@dataclass(frozen=True, slots=True)
class Profile:
    """Which events become rows. Credentials are masked in every profile, ``filters_metadata`` or not."""

    name: ProfileName
    dropped: frozenset[EventName] = frozenset()
    """Names that are no rows, except for transitions, and for errors as the next field says."""
    major_errors_only: bool = False
    """Of what is dropped: errors of any type stay rows, or those of MAJOR_ERRORS and failed subscriptions only."""
    filters_metadata: bool = True
    """Personal data in headers and in what protocols note is masked."""

    @property
    def keeps_messages(self) -> bool:
        """Whether every message is a row, with its payload; otherwise there are rows of ``BATCH``."""
        return MESSAGES.isdisjoint(self.dropped)

    def keeps(self, event: Event) -> bool:
        """Whether the event becomes a row."""
        if event.name not in self.dropped or event.to_status is not None:
            return True
        if not self.major_errors_only:
            return bool(event.error_type)
        return event.error_type in MAJOR_ERRORS or (
            event.name in _COMPLETIONS and (bool(event.error_type) or event.status == "error")
        )


PROFILES: Final[Mapping[ProfileName, Profile]] = MappingProxyType(
    {
        "detailed": Profile("detailed"),
        # the guide's: everything, and metadata unfiltered: who said what is part of a financial record
        "financial": Profile("financial", filters_metadata=False),
        # what happened, without what was said
        "standard": Profile("standard", _AS_OFTEN_AS_MESSAGES | HEALTHY_HEARTBEATS),
        # what went wrong
        "lightweight": Profile("lightweight", frozenset(EVENT_NAMES) - _ALWAYS, major_errors_only=True),
    }
)


@lru_cache
def profile_of(name: ProfileName, *, control_frames: bool = True) -> Profile:
    """A profile as a connection is configured: without ``control_frames``, healthy heartbeats are no rows."""
    profile = PROFILES[name]
    return profile if control_frames else replace(profile, dropped=profile.dropped | HEALTHY_HEARTBEATS)


# What somebody is told of, and when again: an incident once, a critical error once until it has stayed away.

# An error that did not occur for so long is over: the longest pause between two attempts is about a minute
QUIET_NS = 300 * SECOND_NS


def is_alertable(event: Event) -> bool:
    """Whether alerts are about it: incidents, their ends, and critical errors that are no incident by themselves.

    Refused logins and connections that gave up are incidents, so they are silenced as such.
    """
    if event.name == "error.occurred":
        return event.error_type in MAJOR_ERRORS
    return event.name in ("incident.opened", "incident.closed")


class AlertDeduplicator:
    """Remembers what was told, so that it is told once."""

    def __init__(self) -> None:
        self._open: set[tuple[str, str]] = set()
        # connection and kind of incidents
        # Connection and type of errors → monotonic time of the newest
        self._errors: dict[tuple[str, str], int] = {}

    def is_news(self, event: Event) -> bool:
        """Whether a notable event is to be told; see each of them once, in the order of commit."""
        key = (event.source.connection, event.type or event.error_type)
        match event.name:
            case "incident.opened":
                is_new = key not in self._open
                self._open.add(key)
                return is_new
            case "incident.closed":
                self._open.discard(key)
                return False
            case _:
                before_ns = self._errors.get(key)
                self._errors[key] = event.mono_ns
                return before_ns is None or event.mono_ns - before_ns >= QUIET_NS


def alert_summary(event: Event) -> str:
    """What is told, in a line: connection, kind, sentence."""
    parts = (event.source.connection, event.type or event.error_type, event.reason or event.error)
    return ": ".join(part for part in parts if part)
