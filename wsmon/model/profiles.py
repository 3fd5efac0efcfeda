"""Capture profiles: which events become rows of a recording; alerts: which events the user is notified of.

Counters are exact in every profile: events that become no row are counted in the statistics all the same. The telemetry
guide does not define "major" errors, nor subscriptions, logins and traces of applications; the tables below do. Three
rules hold in all profiles: a change of status is a row (uptime and timeline are made of them), an incident is a row,
and so are the recorder's events about itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

from wsmon.model.events import EVENT_NAMES, FREQUENT_NAMES, Event, EventName
from wsmon.model.units import SECOND_NS

ProfileName = Literal["detailed", "financial", "standard", "lightweight"]

MESSAGES: Final[frozenset[EventName]] = frozenset({"message.received", "message.sent"})
# Represents the messages that are no rows
BATCH_PROCESSED: Final[EventName] = "message.batch_processed"
# Without missed ones, which are the purpose of heartbeats
HEALTHY_HEARTBEATS: Final[frozenset[EventName]] = frozenset(
    {"heartbeat.sent", "heartbeat.received", "heartbeat.responded"}
)

# Types of errors that are rows in every profile. A failed login is a row by its name, and faults of a dial or of a link
# come with a change of status
MAJOR_ERRORS: Final[frozenset[str]] = frozenset(
    {
        # The peer violated the WebSocket protocol, which ends the session
        "protocol",
        "invalid_utf8",
        "message_too_big",
        "write_overflow",
        # A message of the configuration was not sent
        "send_failed",
        # Faults of wsmon itself, after which the recording may be incomplete
        "internal",
        "classifier",
        # The connection is not dialled any more
        "retries_exhausted",
    }
)

# Traces of applications too: a server may report every request
_AS_OFTEN_AS_MESSAGES: Final[frozenset[EventName]] = frozenset(
    name for name in FREQUENT_NAMES if name.startswith(("message.", "trace.")) and name != BATCH_PROCESSED
)

# Names that the smallest profile keeps: those needed for a first diagnosis
_ALWAYS: Final[frozenset[EventName]] = frozenset(
    {
        BATCH_PROCESSED,
        "connection.reconnect.success",
        "connection.reconnect.failed",
        "auth.failed",
        "subscription.lost",
        "heartbeat.timeout",
        "heartbeat.failure",
        "trace.lost",
        *(name for name in EVENT_NAMES if name.startswith(("incident.", "self."))),
    }
)

# The smallest profile keeps these where they failed
_COMPLETIONS: Final[frozenset[EventName]] = frozenset(
    {"subscription.subscribe.completed", "subscription.unsubscribe.completed"}
)


@dataclass(frozen=True, slots=True)
class Profile:
    """Decides which events become rows. Credentials are masked in every profile, ``filters_metadata`` or not."""

    name: ProfileName
    dropped: frozenset[EventName] = frozenset()
    """Names that are no rows, except for transitions, and for errors according to ``major_errors_only``."""
    major_errors_only: bool = False
    """Of dropped names, events with an error stay rows: False: all; True: MAJOR_ERRORS and failed subscriptions."""
    filters_metadata: bool = True
    """Whether personal data in headers and in the notes of protocols is masked."""

    @property
    def keeps_messages(self) -> bool:
        """Whether every message is a row with its payload; otherwise there are rows of ``BATCH_PROCESSED``."""
        return MESSAGES.isdisjoint(self.dropped)

    def keeps(self, event: Event) -> bool:
        """Return whether the event becomes a row."""
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
        # As the guide demands: everything, and metadata unfiltered, because identities are part of a financial record
        "financial": Profile("financial", filters_metadata=False),
        # Events without messages
        "standard": Profile("standard", _AS_OFTEN_AS_MESSAGES | HEALTHY_HEARTBEATS),
        # Failures
        "lightweight": Profile("lightweight", frozenset(EVENT_NAMES) - _ALWAYS, major_errors_only=True),
    }
)


@lru_cache
def profile_of(name: ProfileName, *, control_frames: bool = True) -> Profile:
    """Return the profile of a connection; without ``control_frames``, healthy heartbeats are no rows."""
    profile = PROFILES[name]
    return profile if control_frames else replace(profile, dropped=profile.dropped | HEALTHY_HEARTBEATS)


# An error that did not occur for this long is over: the longest pause between two attempts is about a minute
QUIET_NS = 300 * SECOND_NS


def is_alertable(event: Event) -> bool:
    """Return whether alerts are about the event: incidents, their ends, and critical errors that are no incident.

    Refused logins and exhausted retries are incidents, so that the user can silence them as such.
    """
    if event.name == "error.occurred":
        return event.error_type in MAJOR_ERRORS
    return event.name in ("incident.opened", "incident.closed")


@dataclass(frozen=True, slots=True)
class Notable:
    """A committed event that alerts are about."""

    event: Event
    since_mono_ns: int
    """Monotonic time of the error: of the event, or of the one that a rule matched."""


class AlertDeduplicator:
    """Lets an incident through once while it is open, and an error once until it has stayed away for ``QUIET_NS``."""

    def __init__(self) -> None:
        # Connection and kind of open incidents
        self._open: set[tuple[str, str]] = set()
        # Connection and type of errors to the monotonic time of the newest
        self._errors: dict[tuple[str, str], int] = {}

    def is_new(self, event: Event) -> bool:
        """Return whether to alert about an event; takes each alertable event once, in the order of commit."""
        key = (event.source.connection, event.type or event.error_type)
        match event.name:
            case "incident.opened":
                is_first = key not in self._open
                self._open.add(key)
                return is_first
            case "incident.closed":
                self._open.discard(key)
                return False
            case _:
                before_ns = self._errors.get(key)
                self._errors[key] = event.mono_ns
                return before_ns is None or event.mono_ns - before_ns >= QUIET_NS


def alert_summary(event: Event) -> str:
    """Format an alert as one line: connection, kind, sentence."""
    parts = (event.source.connection, event.type or event.error_type, event.reason or event.error)
    return ": ".join(part for part in parts if part)
