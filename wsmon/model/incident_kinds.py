"""The kinds of incidents: their names, when they open, and the thresholds that the configuration can set.

Queries, the configuration and ``wsmon detectors`` read them from here; they need no detector for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NewType, TypeAlias

from wsmon.model.units import format_duration

# What a threshold is: a number of things, a duration in seconds, a share 0…1, a multiple
ThresholdUnit = Literal["count", "seconds", "share", "times"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that a detector compares with, and that ``detectors.KIND.NAME`` of the configuration replaces."""

    name: str
    default: float
    """In ``unit``."""
    unit: ThresholdUnit
    doc: str
    """What it is, in one line for users."""
    below: str = ""
    """The threshold of the same kind that it must be less than: an incident would flap; empty = none."""

    def written(self, value: float) -> str:
        """Return a value of it as the configuration writes it: ``5``, ``1m``, ``0.01``."""
        return format_duration(value) if self.unit == "seconds" else f"{value:g}"

    def shown(self, value: float) -> str:
        """Return a value of it as a sentence has it: ``5``, ``1m``, ``1 %``."""
        return f"{value * 100:g} %" if self.unit == "share" else self.written(value)


# By kind of incident and name of the threshold: those that the configuration sets
Thresholds: TypeAlias = Mapping[str, Mapping[str, float]]
NO_THRESHOLDS: Final[Thresholds] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class IncidentKind:
    """One kind of incident, as events, configuration, queries and documentation name it."""

    name: str
    """``type`` of its events, a value of the ``silence`` key, a label value in metrics."""
    avoided_by: str = ""
    """The setting of a connection that avoids such incidents, beside ``silence``; empty = none does."""
    query_flag: str = ""
    """Its name behind ``is:`` in a query; empty = only ``type:`` finds it."""
    opens_when: str = ""
    """When it opens, for users; ``{name}`` stands for a threshold."""
    thresholds: tuple[Threshold, ...] = ()
    """The numbers that its detector compares with."""
    defaults: Mapping[str, float] = field(init=False, repr=False, compare=False)
    """The defaults of the thresholds by name, in their units."""

    def __post_init__(self) -> None:
        # Looked up several times a batch and connection
        defaults = MappingProxyType({each.name: each.default for each in self.thresholds})
        object.__setattr__(self, "defaults", defaults)

    @property
    def silence(self) -> str:
        """What the user can configure against such incidents: ``a longer expect_every or silence = ["stall"]``."""
        return f'{self.avoided_by}{self.avoided_by and " or "}silence = ["{self.name}"]'

    def in_force(self, configured: Thresholds) -> Mapping[str, float]:
        """Return the value of each threshold: the configured one, else the default."""
        own = configured.get(self.name, {})
        return {each.name: own.get(each.name, each.default) for each in self.thresholds}

    def describe(self, configured: Thresholds) -> str:
        """Return the sentence when it opens, with the thresholds in force."""
        values = self.in_force(configured)
        return self.opens_when.format_map({each.name: each.shown(values[each.name]) for each in self.thresholds})


# Kind of the incidents that a rule of the user opens: ``rule:NAME``
RuleKind = NewType("RuleKind", str)
_RULE_PREFIX: Final = "rule:"


def rule_kind(name: str) -> RuleKind:
    """Return the kind of the incidents that the rule ``name`` opens."""
    return RuleKind(f"{_RULE_PREFIX}{name}")


def is_rule(kind: str) -> bool:
    """Return whether a rule of the user opens incidents of this kind."""
    return kind.startswith(_RULE_PREFIX)


_SEQUENCE_AVOIDED_BY: Final = 'sequence.path = ""'
_SEQUENCE_CALM: Final = Threshold("calm", 60, "seconds", "quiet time after which it closes and the count restarts")

GAP: Final = IncidentKind(
    "gap",
    _SEQUENCE_AVOIDED_BY,
    query_flag="gap",
    opens_when="sequence numbers are missing for {grace} ({opens} or more), restart or jump",
    thresholds=(
        Threshold("opens", 1, "count", "missing numbers required to open it"),
        Threshold("grace", 1, "seconds", "how late a number may arrive before it counts as missing"),
        _SEQUENCE_CALM,
    ),
)
DUPLICATE: Final = IncidentKind(
    "duplicate",
    _SEQUENCE_AVOIDED_BY,
    query_flag="dup",
    opens_when="sequence numbers are repeated ({opens} or more)",
    thresholds=(Threshold("opens", 1, "count", "repeated numbers required to open it"), _SEQUENCE_CALM),
)
REORDER: Final = IncidentKind(
    "reorder",
    _SEQUENCE_AVOIDED_BY,
    opens_when="sequence numbers arrive out of order ({opens} or more)",
    thresholds=(Threshold("opens", 1, "count", "late numbers required to open it"), _SEQUENCE_CALM),
)
STALL: Final = IncidentKind(
    "stall",
    "a longer expect_every",
    query_flag="stall",
    opens_when="the connection is open but no data arrived for longer than its `expect_every`",
)
STORM: Final = IncidentKind(
    "storm",
    "a longer reconnect.initial, or retry delay of a relayed application",
    query_flag="storm",
    opens_when="{opens} connection attempts within {within}",
    thresholds=(
        # A backoff from 1 s reaches the fifth dial after 15 s; a loss and two attempts stay below
        Threshold("opens", 5, "count", "attempts within this time required to open it"),
        Threshold("within", 60, "seconds", "time window in which attempts are counted"),
        # The pace of the longest default delay, 30 s
        Threshold("closes", 2, "count", "it closes at this many attempts or fewer within this time", below="opens"),
    ),
)
RETRIES_EXHAUSTED: Final = IncidentKind(
    "retries_exhausted",
    "reconnect.max_attempts = 0",
    opens_when="no more attempts are made: none left, or none can succeed",
)
AUTH: Final = IncidentKind("auth", opens_when="a login failed, or the upgrade was refused with 401 or 403")
SUBSCRIPTION: Final = IncidentKind(
    "subscription",
    opens_when="a subscription was refused, not confirmed, or lost after a reconnect",
)
ERRORS: Final = IncidentKind(
    "errors",
    opens_when="{opens} errors within {within}, if they are at least {share} of the messages",
    thresholds=(
        Threshold("opens", 10, "count", "errors within this time required to open it"),
        Threshold("within", 10, "seconds", "time window in which errors are counted"),
        # Ten refused orders among a hundred thousand ticks are no incident
        Threshold("share", 0.01, "share", "minimum share of all messages"),
        Threshold("closes", 2, "count", "errors within this time that do not keep it open", below="opens"),
        # Bursts that come every ten seconds are one incident
        Threshold("calm", 30, "seconds", "time with at most that many errors after which it closes"),
    ),
)
SLOW: Final = IncidentKind(
    "slow",
    query_flag="slow",
    opens_when="round trips or responses take {times} times as long as usual, or longer than {rtt} or {reply}",
    thresholds=(
        Threshold("times", 4, "times", "multiple of the usual time required to open it"),
        Threshold("rtt", 1, "seconds", "round trip that always opens it, if the usual one is below half of it"),
        Threshold("reply", 5, "seconds", "the same for the response time"),
        # A peer in the same rack may take four times next to nothing
        Threshold("rtt_margin", 0.1, "seconds", "minimum increase of the round trip required to open it"),
        Threshold("reply_margin", 0.25, "seconds", "the same for the response time"),
    ),
)
PEER_CHANGED: Final = IncidentKind(
    "peer_changed",
    opens_when="the peer's certificate, subprotocol or Server header has not been seen before",
)
CERTIFICATE: Final = IncidentKind(
    "certificate",
    opens_when="the peer's certificate expires within {before}, or has expired",
    thresholds=(
        # Automatic renewal happens 30 days before a certificate expires
        Threshold("before", 14 * 86_400, "seconds", "time before expiry at which it opens"),
    ),
)
TYPES: Final = IncidentKind(
    "types",
    opens_when="a new message type appears, or a regular one stops arriving",
    thresholds=(
        Threshold("messages", 1_000, "count", "messages from which the usual types are learned"),
        Threshold("learning", 600, "seconds", "minimum learning time; until then, no type is reported"),
        Threshold("sightings", 20, "count", "times a type must have been seen before it can be missing"),
        Threshold("silence", 60, "seconds", "minimum absence before a type is missing"),
    ),
)
BACKPRESSURE: Final = IncidentKind(
    "backpressure",
    opens_when="reading paused {opens} times within {within} because the store was too slow",
    thresholds=(
        Threshold("opens", 3, "count", "pauses within this time required to open it"),
        Threshold(
            "within", 60, "seconds", "time window in which pauses are counted; it closes after as long without one"
        ),
        Threshold("total", 5, "seconds", "total length at which two pauses open it"),
    ),
)
SHED: Final = IncidentKind(
    "shed",
    opens_when="events were dropped and are missing from the recording",
    thresholds=(Threshold("calm", 60, "seconds", "time without losses after which it closes"),),
)

# In the order of the detectors that find them, and of error messages about `silence` and `is:`
INCIDENT_KINDS: Final[tuple[IncidentKind, ...]] = (
    GAP,
    DUPLICATE,
    REORDER,
    STALL,
    STORM,
    RETRIES_EXHAUSTED,
    AUTH,
    SUBSCRIPTION,
    ERRORS,
    SLOW,
    PEER_CHANGED,
    CERTIFICATE,
    TYPES,
    BACKPRESSURE,
    SHED,
)
