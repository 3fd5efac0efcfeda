"""Which events the log shows: all, or those that match; kept true while events come and go."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from wsmon.model.events import PROBLEM_NAMES, Event
from wsmon.model.sanitize import sanitize
from wsmon.model.snapshot import StoreBounds
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Exact, FieldName, FieldTerm, Not, Or, Query
from wsmon.query.predicate import matches
from wsmon.tui.widgets.row_list import AllRows, MatchRows, Rows

# Searches of the log that take longer than a frame: what to look for, where, and how to go about it.
#
# The pane asks with a ``Search``; the shell runs it with ``run_search`` in a thread that has a view of its own, and
# hands
# every ``Found`` back to the pane.

# Ids; mostly scanned within a few milliseconds, so the pane glances at as many by itself before it asks
FIRST_WINDOW = 5_000
# What hiding heartbeats hides; a heartbeat that failed stays in sight
QUIET_HEARTBEATS = ("heartbeat.sent", "heartbeat.received", "heartbeat.responded")

Purpose = Literal["filter", "matches", "jump"]


@dataclass(frozen=True, slots=True)
class Aim:
    """What a jump looks for."""

    query: Query
    noun: str
    """"problem"."""
    article: str = "a"


@dataclass(frozen=True, slots=True)
class Search:
    """A question to the store about a closed range of ids."""

    serial: int
    """The pane's number for it: answers to older searches are dropped."""
    purpose: Purpose
    """A filter wants all matches, and so does their number; a jump the first one."""
    query: Query
    first_id: int
    last_id: int
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """The matches (ascending) in one stretch of a search."""

    search: Search
    ids: array[int]
    searched_from: int
    searched_to: int
    is_last: bool
    reached_ns: int = 0
    """Wall time of the event that the search has come to; 0 = there is none."""


def run_search(view: StoreView, search: Search, is_cancelled: Callable[[], bool]) -> Iterator[Found]:
    """Answer as the view does; ends early when it is cancelled, or when a jump has found its target.

    Raises ``InterruptedError`` where the view was interrupted; to run it again from the start is fine.
    """
    answers = view.search(search.query, search.first_id, search.last_id, newest_first=search.newest_first)
    with closing(answers):  # an iterator that is left alone would go on holding its question
        for each in answers:
            if is_cancelled():
                return
            is_end = each.first_id <= search.first_id if search.newest_first else each.last_id >= search.last_id
            is_last = is_end or (search.purpose == "jump" and len(each.ids) > 0)
            yield Found(search, each.ids, each.first_id, each.last_id, is_last, each.reached_ns)
            if is_last:
                return


def without_heartbeats(query: Query) -> Query:
    """The same query, of what is no heartbeat that went well."""
    return query.also(Query((Not(_named(QUIET_HEARTBEATS)),)))


def _named(names: tuple[str, ...]) -> FieldTerm:
    return FieldTerm("name", tuple(Exact(name) for name in names))


PROBLEMS = Aim(Query((_named(tuple(sorted(PROBLEM_NAMES))),)), "problem")


# The matches of one query among the events kept: newest first as they are found, true while events come and go.

# New ids searched at a time, at most: 10 times a second this keeps up with 100,000 events/s
CATCH_UP = 2 * FIRST_WINDOW


class Matches:
    """Glances at the newest events itself; ``search`` is what is left for somebody else, who gives it to ``take``."""

    def __init__(self, view: StoreView, query: Query, purpose: Purpose, serial: int, bounds: StoreBounds) -> None:
        """Raises ``WsmonError`` where the store cannot be read."""
        self._view = view
        self._query = query
        self.rows = MatchRows(bounds.last_id)
        self.search: Search | None = None
        # what is still under way
        self.reached_ns = 0
        # wall time of the event that it has come to; 0 = not known
        oldest_id, last_id = bounds.oldest_id, bounds.last_id
        self._oldest_id, self._last_id = oldest_id, last_id
        if not oldest_id:
            return
        newest = view.glance(query, max(oldest_id, last_id - FIRST_WINDOW + 1), last_id, newest_first=True)
        self.rows.prepend(newest.ids, newest.first_id, newest.last_id)
        if newest.first_id > oldest_id:
            self.search = Search(serial, purpose, query, oldest_id, newest.first_id - 1)

    @property
    def is_complete(self) -> bool:
        """Whether every event kept was looked at."""
        return self.search is None

    def is_ahead(self, event_id: int) -> bool:
        """Whether the search under way has still to come to an event."""
        return self.search is not None and event_id < self.rows.searched_from

    def set_bounds(self, bounds: StoreBounds) -> None:
        """Look at what came, forget what went."""
        if not bounds.oldest_id:
            return
        if not self._oldest_id:
            self.rows = MatchRows(bounds.oldest_id - 1)
        self._oldest_id, self._last_id = bounds.oldest_id, bounds.last_id
        self.rows.prune(bounds.oldest_id)
        first_id = self.rows.searched_to + 1
        last_id = min(bounds.last_id, first_id + CATCH_UP - 1)
        if first_id <= last_id:
            came = self._view.glance(self._query, first_id, last_id, newest_first=False)
            self.rows.append(came.ids, came.first_id, came.last_id)
        if self.search is not None and self.rows.searched_from <= bounds.oldest_id:
            self.search = None

    def take(self, found: Found) -> None:
        """Add what the search found; what is stale, known already or pruned meanwhile is left out."""
        if self.search is None or found.search.serial != self.search.serial:
            return
        if found.searched_to == self.rows.searched_from - 1:
            self.rows.prepend(found.ids, found.searched_from, found.searched_to)
            self.rows.prune(self._oldest_id)
            self.reached_ns = found.reached_ns
        if found.is_last:
            self.search = None

    def nearest(self, event_id: int, *, newer: bool) -> int | None:
        """The match nearest to an event, after or before it; 0 = there is none, ``None`` = not known yet."""
        if newer:
            row = self.rows.row_of(event_id + 1)
            if event_id + 1 < self.rows.searched_from:
                return None
            if row < len(self.rows):
                return self.rows.id_at(row)
            return 0 if self.rows.searched_to >= self._last_id else None
        row = self.rows.row_of(event_id)
        if row:
            return self.rows.id_at(row - 1)
        return 0 if self.is_complete else None


@dataclass(frozen=True, slots=True)
class Scope:
    """What the log is asked to show."""

    query: Query = EVERYTHING
    hides_heartbeats: bool = False
    is_in_context: bool = False
    """Matches of the query are highlighted among all other events, instead of shown alone."""

    @property
    def effective(self) -> Query:
        """What an event must match to be shown."""
        shown = EVERYTHING if self.is_in_context else self.query
        return without_heartbeats(shown) if self.hides_heartbeats else shown

    @property
    def highlighted(self) -> Query:
        """What is highlighted among the events shown."""
        return self.query if self.is_in_context else EVERYTHING

    def showing(self, event: Event) -> Scope:
        """The same, or what is nearest to it and shows an event."""
        wider = (self, replace(self, query=EVERYTHING), replace(self, hides_heartbeats=False), Scope())
        return next(scope for scope in wider if matches(scope.effective, event))


@dataclass(frozen=True, slots=True)
class Tally:
    """How many matches there are of what is searched for."""

    matches: int
    place: int
    """Of the event asked about, from 1 for the oldest; 0 = it is no match, or its place is not known yet."""
    is_complete: bool
    """Every event was looked at."""


class LogFilter:
    """The query of the log, and the rows that it leaves.

    The newest events are glanced at here, in the thread of the screen; for all before them ``restart`` returns
    searches, whose answers come back through ``take``.
    """

    def __init__(self, view: StoreView) -> None:
        self._view = view
        self._serials = count(1)
        self._shown: Matches | None = None
        # None = every event is shown
        self._highlighted: Matches | None = None
        # None = nothing is highlighted
        self.bounds = StoreBounds()
        self.scope = Scope()

    @property
    def rows(self) -> Rows:
        """The rows there are now."""
        return self._shown.rows if self._shown is not None else AllRows(self.bounds.oldest_id, self.bounds.last_id)

    @property
    def searched(self) -> int:
        """How many of the events kept were looked at."""
        return self.bounds.events if self._shown is None else self._shown.rows.searched

    @property
    def is_searching(self) -> bool:
        """Whether older events are still being looked at."""
        return self._shown is not None and not self._shown.is_complete

    @property
    def reached_ns(self) -> int:
        """Wall time of the event that the search under way has come to; 0 = none is, or it has just begun."""
        return next((each.reached_ns for each in self._matches if not each.is_complete), 0)

    def is_ahead(self, event_id: int) -> bool:
        """Whether the search under way has still to come to an event."""
        return self._shown is not None and self._shown.is_ahead(event_id)

    def tally(self, event_id: int) -> Tally | None:
        """How many matches there are, and which of them an event is; ``None`` where nothing is searched for."""
        found = self._highlighted if self.scope.is_in_context else self._shown
        if found is None or not self.scope.query:
            return None
        row = found.rows.row_of(event_id)
        is_match = found.is_complete and row < len(found.rows) and found.rows.id_at(row) == event_id
        return Tally(len(found.rows), row + 1 if is_match else 0, found.is_complete)

    @property
    def hidden_heartbeats(self) -> int | None:
        """How many there are among the events searched; ``None`` where a query hides other events too."""
        return None if self.scope.query and not self.scope.is_in_context else self.searched - len(self.rows)

    def restart(self, scope: Scope) -> tuple[Search, ...]:
        """Show something else; returns what is left to search."""
        self.scope = scope
        shown, highlighted = scope.effective, scope.highlighted
        self._shown = self._highlighted = None
        if shown:
            self._shown = Matches(self._view, shown, "filter", next(self._serials), self.bounds)
        if highlighted:
            query = shown.also(highlighted)
            self._highlighted = Matches(self._view, query, "matches", next(self._serials), self.bounds)
        return tuple(each.search for each in self._matches if each.search is not None)

    def set_bounds(self, bounds: StoreBounds) -> None:
        """Look at what came, forget what went."""
        self.bounds = bounds
        for each in self._matches:
            each.set_bounds(bounds)

    def take(self, found: Found) -> None:
        """Add what a search found; what is stale, known already or pruned meanwhile is left out."""
        for each in self._matches:
            each.take(found)

    def nearest(self, aim: Aim, current_id: int, *, newer: bool) -> int | Search | None:
        """The id of the nearest event aimed at, of those shown after (or before) another; a search where it is far."""
        oldest_id, last_id = self.bounds.oldest_id, self.bounds.last_id
        first_id, last_id = (current_id + 1, last_id) if newer else (oldest_id, current_id - 1)
        if not oldest_id or first_id > last_id:
            return None
        if self._highlighted is not None and aim.query == self.scope.highlighted:
            known = self._highlighted.nearest(current_id, newer=newer)
            if known is not None:
                return known or None
        query = self.scope.effective.also(aim.query)
        near_first = first_id if newer else max(first_id, last_id - FIRST_WINDOW + 1)
        near_last = min(last_id, first_id + FIRST_WINDOW - 1) if newer else last_id
        near = self._view.glance(query, near_first, near_last, newest_first=not newer)
        if near.ids:
            return near.ids[0] if newer else near.ids[-1]
        rest_first, rest_last = (near.last_id + 1, last_id) if newer else (first_id, near.first_id - 1)
        if rest_first > rest_last:
            return None
        return Search(next(self._serials), "jump", query, rest_first, rest_last, newest_first=not newer)

    @property
    def _matches(self) -> tuple[Matches, ...]:
        return tuple(each for each in (self._shown, self._highlighted) if each is not None)


# What jumps of the log look for, given the event under the cursor. Pure.

# Characters of a foreign name in a sentence
NAME_LIMIT = 40


def same_trace(event: Event) -> Aim:
    """What belongs together with an event, as narrow as its fields say: reference, span, session, connection."""
    source = event.source
    if event.ref:
        query = _all(("connection", source.connection), ("session", source.connection_id), ("ref", event.ref))
        return _event_of(query, f"ref {sanitize(event.ref, NAME_LIMIT)}")
    spans = tuple(Exact(each) for each in (event.span_id, event.parent_id) if each not in ("", source.connection_id))
    if spans:
        return _event_of(Query((Or((FieldTerm("span", spans), FieldTerm("parent", spans))),)), "the same span")
    if source.connection_id:
        return _event_of(_all(("session", source.connection_id)), "the same session")
    return _event_of(_all(("connection", source.connection)), source.connection or "the recorder")


def session_starts(event: Event | None) -> Aim:
    """Where sessions begin: those of the event's connection, of any where there is none."""
    connection = event.source.connection if event is not None else ""
    of = f" of {connection}" if connection else ""
    return Aim(_all(("name", "connection.started"), ("connection", connection)), f"session{of}")


def of_connection(connection: str) -> Aim:
    """Any event of a connection; of any where it is empty."""
    return _event_of(_all(("connection", connection)), sanitize(connection, NAME_LIMIT) or "the recorder")


def _event_of(query: Query, what: str) -> Aim:
    return Aim(query, f"event of {what}", "an")


def _all(*fields: tuple[FieldName, str]) -> Query:
    return Query(tuple(FieldTerm(name, (Exact(value),)) for name, value in fields if value))
