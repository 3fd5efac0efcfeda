"""What detectors are told: what a configuration asks of a connection, and what a batch brought of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple, NewType, get_args

from wsmon.model.events import RECORDER, Source

IncidentKind = Literal[
    "stall",
    "storm",
    "gap",
    "duplicate",
    "reorder",
    "slow",
    "errors",
    "retries_exhausted",
    "auth",
    "subscription",
    "certificate",
    "peer_changed",
    "types",
    "backpressure",
    "shed",
]
RuleKind = NewType("RuleKind", str)
# of what a rule of the user's found: ``rule:NAME``
_RULE = "rule:"
INCIDENT_KINDS: tuple[IncidentKind, ...] = get_args(IncidentKind)

_NONE: Mapping[str, int] = MappingProxyType({})
_NO_BUCKETS: Mapping[int, int] = MappingProxyType({})


def rule_kind(name: str) -> RuleKind:
    """The kind of incidents that a rule with this name opens."""
    return RuleKind(f"{_RULE}{name}")


def is_rule(kind: str) -> bool:
    """Whether a rule of the user's opens incidents of this kind."""
    return kind.startswith(_RULE)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the configuration asks of one connection."""

    every_s: float = 0.0
    # data at least so often; 0 = never mind
    stable_after_s: float = 30.0
    # a session that was open this long is a success
    silenced: frozenset[str] = frozenset()
    # kinds of incidents that nobody wants to hear of


class Numbered(NamedTuple):
    """A message that carries a sequence number."""

    id: int
    connection_id: str
    # its session
    key: str
    number: int


@dataclass(slots=True)
class Traffic:
    """What one batch brought of one connection."""

    source: Source = RECORDER
    # its newest
    at_ns: int = 0
    # monotonic, when it was looked at
    newest_data_ns: int | None = None
    # monotonic, of the newest message received; None where none was
    newest_id: int = 0
    # of its newest event
    messages: int = 0
    # both ways
    errors: int = 0
    error_types: Mapping[str, int] = field(default_factory=lambda: _NONE)
    problem_id: int = 0
    # of the newest event that is a problem, however old; 0 = none yet
    types: Mapping[str, int] = field(default_factory=lambda: _NONE)
    rtt: Mapping[int, int] = field(default_factory=lambda: _NO_BUCKETS)
    process: Mapping[int, int] = field(default_factory=lambda: _NO_BUCKETS)
    # log-bucket histograms of nanoseconds (model/histogram.py)
    numbered: Sequence[Numbered] = ()
    # in the order of arrival
