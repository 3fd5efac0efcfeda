"""Filter and searches of the log: which event ids it shows, kept true while events come and go.

A search is a question about a range of ids. ``glance`` answers its beginning within some tens of milliseconds,
``run_search`` all of it; both run in a thread that has a view of the store, and their answers come back to ``take``.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from wsmon.errors import WsmonError
from wsmon.model.events import EVENT_NAMES, Event
from wsmon.model.ranges import SearchProgress, StoreBounds
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Exact, FieldName, FieldTerm, Not, Or, Query
from wsmon.query.predicate import matches
from wsmon.tui.cell_text import cell_text
from wsmon.tui.widgets.row_list import AllRows, MatchRows, RowIds

# Ids that a glance covers: mostly scanned within a few milliseconds, and a glance ends after some tens of them
FIRST_WINDOW = 5_000
# What hiding heartbeats hides; a heartbeat that failed stays in sight
QUIET_HEARTBEATS = ("heartbeat.sent", "heartbeat.received", "heartbeat.responded")
# Characters of a foreign name in a sentence
NAME_LIMIT = 40

Purpose = Literal["filter", "matches", "jump"]


@dataclass(frozen=True, slots=True)
class LogScope:
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

    @property
    def is_of_one_connection(self) -> bool:
        """Whether all events shown are of the one connection that the query names."""
        terms = () if self.is_in_context else self.query.terms
        return any(
            isinstance(term, FieldTerm)
            and term.field == "connection"
            and len(term.items) == 1
            and isinstance(term.items[0], Exact)
            for term in terms
        )

    def showing(self, event: Event) -> LogScope:
        """Return this scope, or the nearest wider one that shows an event."""
        wider = (self, replace(self, query=EVERYTHING), replace(self, hides_heartbeats=False), LogScope())
        return next(scope for scope in wider if matches(scope.effective, event))


def without_heartbeats(query: Query) -> Query:
    """Return the query without heartbeats that went well."""
    return query.also(Query((Not(_named(QUIET_HEARTBEATS)),)))


def _named(names: tuple[str, ...]) -> FieldTerm:
    return FieldTerm("name", tuple(Exact(name) for name in names))


@dataclass(frozen=True, slots=True)
class Search:
    """A question to the store about a closed range of ids."""

    serial: int
    """Answers to older searches are dropped by it."""
    purpose: Purpose
    """A filter wants all matches, and so does their number; a jump the first one."""
    query: Query
    first_id: int
    last_id: int
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class FoundMatches:
    """The matches (ascending) in one part of a search."""

    search: Search
    ids: array[int]
    searched_from: int
    searched_to: int
    is_last: bool
    """The search ends with it: its range is done, or a jump has its match."""
    reached_ns: int = 0
    """Wall time of the event that the search has come to; 0 = not known."""

    @property
    def rest(self) -> Search | None:
        """What is left of the search; None = nothing."""
        if self.is_last:
            return None
        if self.search.newest_first:
            return replace(self.search, last_id=self.searched_from - 1)
        return replace(self.search, first_id=self.searched_to + 1)


def glance(view: StoreView, search: Search) -> FoundMatches:
    """Answer the beginning of a search: ``FIRST_WINDOW`` ids, or as many as are read in some tens of milliseconds."""
    first_id, last_id = search.first_id, search.last_id
    if search.newest_first:
        first_id = max(first_id, last_id - FIRST_WINDOW + 1)
    else:
        last_id = min(last_id, first_id + FIRST_WINDOW - 1)
    found = view.glance(search.query, first_id, last_id, newest_first=search.newest_first)
    return FoundMatches(search, found.ids, found.first_id, found.last_id, _is_last(search, found))


def glance_all(view: StoreView, searches: Sequence[Search]) -> tuple[FoundMatches, ...] | WsmonError:
    """Answer the beginnings of some searches. Return the error where one fails: the caller waits for an answer."""
    try:
        return tuple(glance(view, search) for search in searches)
    except WsmonError as error:
        return error


def run_search(view: StoreView, search: Search, is_cancelled: Callable[[], bool]) -> Iterator[FoundMatches]:
    """Yield what the view finds; end early when it is cancelled, or when a jump has found its target.

    Raises ``InterruptedError`` where the view was interrupted; the search may then be run again from the start.
    """
    answers = view.search(search.query, search.first_id, search.last_id, newest_first=search.newest_first)
    # An iterator that is not closed would go on holding its read transaction.
    with closing(answers):
        for each in answers:
            if is_cancelled():
                return
            is_last = _is_last(search, each)
            yield FoundMatches(search, each.ids, each.first_id, each.last_id, is_last, each.reached_ns)
            if is_last:
                return


def _is_last(search: Search, found: SearchProgress) -> bool:
    is_end = found.first_id <= search.first_id if search.newest_first else found.last_id >= search.last_id
    return is_end or (search.purpose == "jump" and len(found.ids) > 0)


@dataclass(frozen=True, slots=True)
class MatchCount:
    """How many matches there are of what is searched for."""

    matches: int
    place: int
    """Of the event asked about, from 1 for the oldest; 0 = it is no match, or its place is not known yet."""
    is_complete: bool
    """Every event was looked at."""


class LogFilter:
    """The scope of the log, and the rows that it leaves.

    ``questions`` are to be answered by ``glance``; a search that ``take`` returns, by ``run_search``. All answers come
    to ``take``. While the first question about a new scope is open, ``rows`` are those of the scope before.
    """

    def __init__(self) -> None:
        self._serials = count(1)
        self._shown: Matches | None = None
        """None = every event is shown, and no id is missing."""
        self._highlighted: Matches | None = None
        """None = nothing is highlighted."""
        self._rows_before: RowIds = AllRows(0, 0)
        self.bounds = StoreBounds()
        self.scope = LogScope()

    @property
    def rows(self) -> RowIds:
        """The rows there are now."""
        if self._shown is None:
            return AllRows(self.bounds.oldest_id, self.bounds.last_id)
        return self._shown.rows if self._shown.is_begun else self._rows_before

    @property
    def is_pending(self) -> bool:
        """Whether the rows are still those of the scope before."""
        return self._shown is not None and not self._shown.is_begun

    @property
    def searched(self) -> int:
        """How many of the events kept were looked at."""
        if self._shown is None or self._shown.is_complete:
            return self.bounds.events
        # Of ids, of which not all are events in an excerpt
        return min(self.bounds.events, self._shown.rows.searched)

    @property
    def is_searching(self) -> bool:
        """Whether older events are still being looked at."""
        return self._shown is not None and not self._shown.is_complete

    @property
    def reached_ns(self) -> int:
        """Wall time of the event that the search under way has come to; 0 = none is, or it has just begun."""
        return next((each.reached_ns for each in self._match_sets if not each.is_complete), 0)

    def is_ahead(self, event_id: int) -> bool:
        """Return whether the search under way has still to come to an event."""
        return self._shown is not None and self._shown.is_ahead(event_id)

    def match_count(self, event_id: int) -> MatchCount | None:
        """Return how many matches there are, and which of them an event is; ``None`` without a query."""
        found = self._highlighted if self.scope.is_in_context else self._shown
        if found is None or not self.scope.query:
            return None
        row = found.rows.row_of(event_id)
        is_match = found.is_complete and row < len(found.rows) and found.rows.id_at(row) == event_id
        return MatchCount(len(found.rows), row + 1 if is_match else 0, found.is_complete)

    @property
    def hidden_heartbeats(self) -> int | None:
        """How many there are among the events searched; ``None`` where a query hides other events too."""
        return None if self.scope.query and not self.scope.is_in_context else self.searched - len(self.rows)

    def restart(self, scope: LogScope) -> None:
        """Begin a new scope; rows stay those of the old one until its first answer."""
        self._rows_before = self.rows
        self.scope = scope
        shown, highlighted = scope.effective, scope.highlighted
        self._shown = self._highlighted = None
        if shown or self.bounds.has_gaps:
            self._shown = Matches(shown, "filter", next(self._serials), self.bounds)
        if highlighted:
            self._highlighted = Matches(shown.also(highlighted), "matches", next(self._serials), self.bounds)

    def give_up(self) -> None:
        """Drop matches whose first question could not be answered: everything is shown, nothing highlighted."""
        if self._shown is not None and not self._shown.is_begun:
            self._shown = None
        if self._highlighted is not None and not self._highlighted.is_begun:
            self._highlighted = None

    def set_bounds(self, bounds: StoreBounds) -> None:
        """Forget what was pruned; what came is asked for by ``questions``.

        Where ids are missing between those of the events, the rows have to be searched for, also without a query.
        """
        if bounds.has_gaps and not self.bounds.has_gaps and self._shown is None:
            self._shown = Matches(EVERYTHING, "filter", next(self._serials), bounds)
        self.bounds = bounds
        for each in self._match_sets:
            each.set_bounds(bounds)

    def questions(self) -> tuple[Search, ...]:
        """Return what is to be read next."""
        return tuple(question for each in self._match_sets if (question := each.question()) is not None)

    def take(self, found: FoundMatches) -> Search | None:
        """Add what was found; return what is left to search. Stale, repeated and pruned matches are left out."""
        rests = [each.take(found) for each in self._match_sets]
        return next((rest for rest in rests if rest is not None), None)

    def nearest(self, aim: Aim, current_id: int, *, newer: bool) -> int | Search:
        """Return the nearest event aimed at, of those shown after (or before) another: its id, or where to look for it.

        0 = there is none.
        """
        oldest_id, last_id = self.bounds.oldest_id, self.bounds.last_id
        first_id, last_id = (current_id + 1, last_id) if newer else (oldest_id, current_id - 1)
        if not oldest_id or first_id > last_id:
            return 0
        if self._highlighted is not None and aim.query == self.scope.highlighted:
            known = self._highlighted.nearest(current_id, newer=newer)
            if known is not None:
                return known
        query = self.scope.effective.also(aim.query)
        return Search(next(self._serials), "jump", query, first_id, last_id, newest_first=not newer)

    @property
    def _match_sets(self) -> tuple[Matches, ...]:
        return tuple(each for each in (self._shown, self._highlighted) if each is not None)


class Matches:
    """The matches of one query among the events kept: newest first as they are found, then what comes."""

    def __init__(self, query: Query, purpose: Purpose, serial: int, bounds: StoreBounds) -> None:
        oldest_id, last_id = bounds.oldest_id, bounds.last_id
        self._oldest_id, self._last_id = oldest_id, last_id
        self._whole = Search(serial, purpose, query, oldest_id, last_id)
        self.rows = MatchRows(last_id)
        self.is_begun = not oldest_id
        """Whether the newest events were looked at."""
        self._search = self._whole if oldest_id else None
        """What is left of the events that there were at first; None = nothing."""
        self.reached_ns = 0
        """Wall time of the event that the search has come to; 0 = not known."""

    @property
    def is_complete(self) -> bool:
        """Whether every event kept was looked at."""
        return self._search is None

    def is_ahead(self, event_id: int) -> bool:
        """Return whether the search under way has still to come to an event."""
        return self._search is not None and event_id < self.rows.searched_from

    def question(self) -> Search | None:
        """Return what to glance at: the newest events at first, then those that came."""
        if not self.is_begun:
            return self._search
        if not self._oldest_id or self.rows.searched_to >= self._last_id:
            return None
        return replace(self._whole, first_id=self.rows.searched_to + 1, last_id=self._last_id, newest_first=False)

    def set_bounds(self, bounds: StoreBounds) -> None:
        """Forget what was pruned."""
        if not bounds.oldest_id:
            return
        if not self._oldest_id:
            self.rows = MatchRows(bounds.oldest_id - 1)
        self._oldest_id, self._last_id = bounds.oldest_id, bounds.last_id
        self.rows.prune(bounds.oldest_id)
        if self._search is not None and self.rows.searched_from <= bounds.oldest_id:
            self._search, self.is_begun = None, True

    def take(self, found: FoundMatches) -> Search | None:
        """Add what was found; return what is left to search where the first question was answered."""
        if found.search.serial != self._whole.serial:
            return None
        if not found.search.newest_first:
            if found.searched_from == self.rows.searched_to + 1:
                self.rows.append(found.ids, found.searched_from, found.searched_to)
                self.rows.prune(self._oldest_id)
            return None
        if found.searched_to == self.rows.searched_from - 1:
            self.rows.prepend(found.ids, found.searched_from, found.searched_to)
            self.rows.prune(self._oldest_id)
            self.reached_ns = found.reached_ns
        if self._search is None or found.is_last or self.rows.searched_from <= self._oldest_id:
            self._search, self.is_begun = None, True
        elif not self.is_begun:
            self._search, self.is_begun = found.rest, True
            return self._search
        return None

    def nearest(self, event_id: int, *, newer: bool) -> int | None:
        """Return the match nearest to an event, after or before it; 0 = there is none, ``None`` = not known yet."""
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
class Aim:
    """What a jump looks for."""

    query: Query
    noun: str
    """What a sentence calls it, as "problem"."""
    article: str = "a"


# Of messages none: in a store of millions, SQLite finds the other events by an index, and the log marks no message
_MAYBE_PROBLEMS = tuple(
    name for name in EVENT_NAMES if not name.startswith("message.") and name not in QUIET_HEARTBEATS
)
PROBLEMS = Aim(Query((_named(_MAYBE_PROBLEMS), FieldTerm("is", (Exact("problem"),)))), "problem")


def related_to(event: Event) -> Aim:
    """Return the events related to one, as narrow as its fields allow: by ref, span, session, or connection."""
    source = event.source
    if event.ref:
        query = _all(("connection", source.connection), ("session", source.connection_id), ("ref", event.ref))
        return _event_of(query, f"ref {cell_text(event.ref, NAME_LIMIT)}")
    spans = tuple(Exact(each) for each in (event.span_id, event.parent_id) if each not in ("", source.connection_id))
    if spans:
        return _event_of(Query((Or((FieldTerm("span", spans), FieldTerm("parent", spans))),)), "the same span")
    if source.connection_id:
        return _event_of(_all(("session", source.connection_id)), "the same session")
    return _event_of(_all(("connection", source.connection)), source.connection or "the recorder")


def session_starts(event: Event | None) -> Aim:
    """Return the beginnings of sessions: of the event's connection, or of any where there is no event."""
    connection = event.source.connection if event is not None else ""
    of = f" on {connection}" if connection else ""
    return Aim(_all(("name", "connection.started"), ("connection", connection)), f"session{of}")


def of_connection(connection: str) -> Aim:
    """Return the events of a connection; all of them where it is empty."""
    return _event_of(_all(("connection", connection)), cell_text(connection, NAME_LIMIT) or "the recorder")


def _event_of(query: Query, what: str) -> Aim:
    return Aim(query, f"event of {what}", "an")


def _all(*fields: tuple[FieldName, str]) -> Query:
    return Query(tuple(FieldTerm(name, (Exact(value),)) for name, value in fields if value))
