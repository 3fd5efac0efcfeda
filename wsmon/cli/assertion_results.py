"""Results of assertions on a recording: whether each holds, fails or cannot be judged, group by group.

Figures of connections come from the statistics, everything else from a search: with the readers that ``stats`` and
``search`` use. A scan keeps a histogram or a count for each group, however many events there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import sha256

from wsmon.cli.stats_output import common_period, statistics_of
from wsmon.cli.stores import ids_of_period, noted
from wsmon.clock import SystemClock
from wsmon.export.selection import Selection
from wsmon.model.events import EVENT_NAMES, Event
from wsmon.model.histogram import bucket_index, quantiles
from wsmon.model.json_path import path_reader, path_text
from wsmon.model.statistics import NO_TARGET, TOO_FEW, ConnectionStatistics, Statistics, Summary, kpi_min_samples
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.query.assertions import (
    MIN_SAMPLES,
    RANKS,
    Assertion,
    ConnectionPercentile,
    FieldPercentile,
    Grouping,
    KpiFigure,
    QueryCount,
    Rank,
)
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Glob, Not, PathTerm, Query, Term
from wsmon.query.fields import Field
from wsmon.query.predicate import matches
from wsmon.store.reader import Reader

# Groups that are counted: a path to an id of each message would otherwise hold all of them in memory
MOST_GROUPS = 10_000
# Characters of a group's name that are kept in memory; a digest tells longer ones apart
MOST_GROUP_CHARS = 200

NOTHING_RECORDED = "nothing was recorded in the period"
NOT_ALL_KEPT = "not all events of the period are in the store"
# Durations that are no operation's, as in a search by duration: how long reading a message, an outage, an incident or
# a session took
_NO_OPERATIONS: tuple[Term, ...] = (
    Not(FieldTerm("opcode", (Exact("text"), Exact("binary")))),
    Not(FieldTerm("from", (Exact("websocket_connected"),))),
    Not(
        FieldTerm(
            "name",
            tuple(
                Exact(name)
                for name in EVENT_NAMES
                if name.startswith(("incident.", "self.")) or name == "connection.reconnect.success"
            ),
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What part of a recording assertions are about."""

    connection: str | None = None
    """None = all."""
    since_ns: int | None = None
    until_ns: int | None = None
    names: frozenset[str] = frozenset()
    """The connections that a period of the recording is known to have, whatever others it had before; empty = all."""


@dataclass(frozen=True, slots=True)
class GroupResult:
    """Whether an assertion holds of one group; of a connection, where it is about a figure of connections."""

    group: str
    """Empty where the assertion has no groups."""
    ok: bool | None
    """None where it cannot be judged."""
    value: float | None
    """In the unit of the assertion; None where nothing was measured."""
    samples: int | None = None
    """What the value is made from, of a share of time in seconds; None of a count."""
    needed: int | None = None
    """From how many samples on it is judged."""
    why: str = ""
    """Why it cannot be judged, or why it fails whatever the value."""
    is_of_time: bool = False
    """Whether samples are seconds of scheduled time."""


@dataclass(frozen=True, slots=True)
class AssertionResult:
    """What came of one assertion."""

    assertion: Assertion
    groups: tuple[GroupResult, ...]
    why: str = ""
    """Why there are no groups."""
    took_s: float = 0.0

    @property
    def ok(self) -> bool | None:
        """Whether it holds of all groups; False where it fails of one, else None where one cannot be judged."""
        found = [group.ok for group in self.groups]
        if False in found:
            return False
        return None if None in found or not found else True


@dataclass
class _Distribution:
    """The values of a group, as counts of buckets."""

    buckets: Counter[int] = field(default_factory=Counter)
    samples: int = 0
    max: float = 0.0

    def add(self, value: float) -> None:
        self.max = max(self.max, value) if self.samples else value
        self.samples += 1
        # A clock that differs from the sender's makes feed latencies below 0
        self.buckets[bucket_index(max(0.0, value))] += 1


class _Judged:
    """The part of a recording that assertions are about; its statistics are computed once a period for all of them."""

    def __init__(self, view: Reader, scope: Scope) -> None:
        self.view = view
        self.scope = scope
        self._statistics: dict[tuple[int | None, int | None], Statistics] = {}

    def statistics(self, since_ns: int | None, until_ns: int | None) -> Statistics:
        """Return the statistics of the connections; raises ``UsageError`` for an unknown one."""
        period = (since_ns, until_ns)
        if period not in self._statistics:
            found = statistics_of(self.view, EVERYTHING, self.scope.connection, *period, has_types=False, has_kpis=True)
            if names := self.scope.names:
                found = replace(found, connections=tuple(each for each in found.connections if each.name in names))
            self._statistics[period] = found
        return self._statistics[period]


def judge_all(view: Reader, assertions: Sequence[Assertion], scope: Scope) -> tuple[AssertionResult, ...]:
    """Return what comes of each assertion, in their order.

    Raises ``UsageError`` for an unknown connection or an empty period.
    """
    judged = _Judged(view, scope)
    return tuple(_result(judged, assertion) for assertion in assertions)


def _result(judged: _Judged, assertion: Assertion) -> AssertionResult:
    clock = SystemClock()
    began_ns = clock.mono_ns()
    match assertion.subject:
        case KpiFigure(name):
            groups, why = _of_connections(judged, assertion, name)
        case ConnectionPercentile(name, rank):
            groups, why = _of_connections(judged, assertion, name, rank)
        case FieldPercentile(field_, rank):
            groups, why = _of_field(judged, assertion, field_, rank)
        case QueryCount(query):
            groups, why = _of_count(judged, assertion, query)
    return AssertionResult(assertion, groups, why, (clock.mono_ns() - began_ns) / SECOND_NS)


_Found = tuple[tuple[GroupResult, ...], str]


def _of_connections(judged: _Judged, assertion: Assertion, name: str, rank: Rank | None = None) -> _Found:
    found = judged.statistics(judged.scope.since_ns, judged.scope.until_ns)
    read = _kpi if rank is None else _percentile
    groups = tuple(read(assertion, each, name, rank) for each in found.connections)
    return groups, "" if groups else "no connection was recorded in the period"


def _kpi(assertion: Assertion, of: ConnectionStatistics, name: str, _rank: Rank | None) -> GroupResult:
    """Judge a KPI; whether enough was measured is decided as for its target."""
    kpi = next(each for each in of.kpis if each.name == name)
    needed, is_of_time = kpi_min_samples(name), kpi.is_of_time
    if kpi.why == TOO_FEW:
        return GroupResult(of.name, None, kpi.value, kpi.samples, needed, TOO_FEW, is_of_time)
    if kpi.value is None or kpi.why not in ("", NO_TARGET):
        # An alert that was not delivered is late by any limit
        is_late = kpi.samples >= needed and of.failed_alerts and assertion.comparison in ("<", "<=")
        return GroupResult(of.name, False if is_late else None, kpi.value, why=kpi.why)
    return GroupResult(of.name, assertion.holds(kpi.value), kpi.value, kpi.samples, needed, is_of_time=is_of_time)


def _percentile(assertion: Assertion, of: ConnectionStatistics, name: str, rank: Rank | None) -> GroupResult:
    assert rank is not None
    summary: Summary | None = getattr(of, name)
    samples, value = (0, None) if summary is None else (summary.count, getattr(summary, rank))
    return _sampled(assertion, of.name, value, samples, rank)


def _sampled(assertion: Assertion, group: str, value: float | None, samples: int, rank: Rank) -> GroupResult:
    needed = MIN_SAMPLES[rank]
    if value is None or samples < needed:
        return GroupResult(group, None, value, samples, needed, TOO_FEW)
    return GroupResult(group, assertion.holds(value), value, samples, needed)


def _of_field(judged: _Judged, assertion: Assertion, of: Field, rank: Rank) -> _Found:
    terms: tuple[Term, ...] = (FieldTerm(of.name, (Glob("*"),)),)
    if of.name == "duration":
        terms += _NO_OPERATIONS
    limits = _limits(judged, Query(terms))
    if not limits.is_recorded:
        return (), NOTHING_RECORDED
    read_group = None if assertion.by is None else _GroupReader(assertion.by)
    scale = 1 / MS_NS if of.kind == "duration" else 1.0
    found: dict[str, _Distribution] = {}
    for event in _events(judged.view, limits.query, limits.ids):
        value = of.read(event)
        group = "" if read_group is None else read_group(event)
        if group is None or not isinstance(value, int | float):
            continue
        if group not in found:
            if len(found) == MOST_GROUPS:
                return (), _too_many(assertion)
            found[group] = _Distribution()
        found[group].add(value * scale)
    if assertion.by is None:
        found = found or {"": _Distribution()}
    groups = []
    for group, values in sorted(found.items()):
        samples = values.samples
        value = None
        if samples:
            value = values.max if rank == "max" else min(values.max, *quantiles(values.buckets, (RANKS[rank],)))
        result = _sampled(assertion, group, value, samples, rank)
        # Further values can move a percentile anywhere, but a maximum only up
        if limits.is_partial and not (rank == "max" and value is not None and _is_certain(assertion, value)):
            result = replace(result, ok=None, why=result.why or NOT_ALL_KEPT)
        groups.append(result)
    return tuple(groups), "" if groups else _no_groups(assertion)


def _of_count(judged: _Judged, assertion: Assertion, query: Query) -> _Found:
    limits = _limits(judged, query)
    if not limits.is_recorded:
        return (), NOTHING_RECORDED
    if assertion.by is None:
        found = _count(judged.view, limits.query, limits.ids)
        return (_counted(assertion, "", found, is_partial=limits.is_partial),), ""
    return _of_groups(judged.view, assertion, assertion.by, limits)


@dataclass(frozen=True, slots=True)
class _Limits:
    """Where a query is searched."""

    query: Query
    """With its notes answered, without its period, limited to the connection."""
    within: Query
    """Every event of the connection, or of all."""
    ids: tuple[int, int]
    connections: tuple[str, ...]
    """Those of the scope, with and without events."""
    is_recorded: bool
    """Whether a recorder ran in the period, or events of it are kept."""
    is_partial: bool
    """Whether events of the period are kept no longer, or could not be stored."""


def _limits(judged: _Judged, query: Query) -> _Limits:
    view, scope = judged.view, judged.scope
    rest, since, until = common_period(noted(query, view), scope.since_ns, scope.until_ns)
    statistics = judged.statistics(since, until)
    within = EVERYTHING
    if scope.connection is not None:
        within = Query((FieldTerm("connection", (Exact(scope.connection),)),))
    first_id, last_id = ids_of_period(view, since, until)
    is_recorded = last_id >= first_id or sum(view.activity(since, until, 0, 0).observed_s) > 0
    oldest_id = view.bounds().oldest_id
    is_pruned = since is not None and oldest_id > 1 and first_id <= oldest_id
    is_partial = is_pruned or any(each.shed_messages for each in statistics.connections)
    names = tuple(each.name for each in statistics.connections)
    return _Limits(rest.also(within), within, (max(first_id, oldest_id), last_id), names, is_recorded, is_partial)


def _count(view: Reader, query: Query, ids: tuple[int, int]) -> int:
    with closing(view.search(query, *ids, newest_first=False)) as search:
        return sum(len(searched.ids) for searched in search)


def _events(view: Reader, query: Query, ids: tuple[int, int]) -> Iterator[Event]:
    for page in Selection(view, query, *ids).pages():
        yield from page


def _counted(assertion: Assertion, group: str, found: int, *, is_partial: bool) -> GroupResult:
    """Judge a count; where events are missing, only if no number of further ones would change the answer."""
    if is_partial and not _is_certain(assertion, found):
        return GroupResult(group, None, found, why=NOT_ALL_KEPT)
    return GroupResult(group, assertion.holds(found), found)


def _is_certain(assertion: Assertion, value: float) -> bool:
    """Whether an answer about a value that further events can only raise is the final one."""
    match assertion.comparison:
        case "<" | "<=":
            return not assertion.holds(value)
        case ">" | ">=":
            return assertion.holds(value)
        case "=" | "!=":
            return value > assertion.bound


def _of_groups(view: Reader, assertion: Assertion, by: Grouping, limits: _Limits) -> _Found:
    """Count the matches of each group that the period has, whether it has matches or not."""
    is_of_connections = isinstance(by, Field) and by.name == "connection"
    counts: Counter[str] = Counter(dict.fromkeys(limits.connections if is_of_connections else (), 0))
    read_group = _GroupReader(by)
    for event in _events(view, limits.within.also(Query((read_group.term,))), limits.ids):
        group = read_group(event)
        if group is None:
            continue
        if group not in counts and len(counts) == MOST_GROUPS:
            return (), _too_many(assertion)
        counts[group] += matches(limits.query, event)
    groups = tuple(
        _counted(assertion, group, found, is_partial=limits.is_partial) for group, found in sorted(counts.items())
    )
    return groups, "" if groups else _no_groups(assertion)


class _GroupReader:
    """Reads the group of an event: the text of a field, or of a scalar in the payload."""

    def __init__(self, by: Grouping) -> None:
        self._field = by if isinstance(by, Field) else None
        self._read_path = None if isinstance(by, Field) else path_reader(by)
        self.term: Term = FieldTerm(by.name, (Glob("*"),)) if isinstance(by, Field) else PathTerm(by, (Glob("*"),))
        """What events that have a group match."""

    def __call__(self, event: Event) -> str | None:
        """Return the group; None where the event has none."""
        value: object = None
        if self._field is not None:
            value = self._field.read(event)
        elif self._read_path is not None and event.payload is not None:
            value = self._read_path(event.payload)
        match value:
            case bool():
                text = "true" if value else "false"
            case str() | int() | float():
                text = str(value)
            case _:
                return None
        if len(text) > MOST_GROUP_CHARS:
            digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            return f"{text[:MOST_GROUP_CHARS]}… (SHA-256 {digest[:16]})"
        return text or None


def _by_text(assertion: Assertion) -> str:
    by = assertion.by
    return "" if by is None else by.name if isinstance(by, Field) else path_text(by)


def _too_many(assertion: Assertion) -> str:
    return f"{_by_text(assertion)} has more than {MOST_GROUPS:,} values"


def _no_groups(assertion: Assertion) -> str:
    return f"no event of the period has {_by_text(assertion)}"
