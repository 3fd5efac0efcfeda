"""Searches of the log that take longer than a frame: what to look for, where, and how to go about it.

The pane asks with a ``Search``; the shell runs it with ``run_search`` in a thread that has a view of its own, and hands
every ``Found`` back to the pane.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from wsmon.model.events import PROBLEM_NAMES
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldTerm, Not, Query

FIRST_WINDOW = 5_000
# ids; mostly scanned within a few milliseconds, so the pane glances at as many by itself before it asks
QUIET_HEARTBEATS = ("heartbeat.sent", "heartbeat.received", "heartbeat.responded")
# what hiding heartbeats hides; a heartbeat that failed stays in sight

Purpose = Literal["filter", "matches", "jump"]


@dataclass(frozen=True, slots=True)
class Aim:
    """What a jump looks for."""

    query: Query
    noun: str
    # "problem"
    article: str = "a"


@dataclass(frozen=True, slots=True)
class Search:
    """A question to the store about a closed range of ids."""

    serial: int
    # the pane's number for it: answers to older searches are dropped
    purpose: Purpose
    # a filter wants all matches, and so does their number; a jump the first one
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
    # wall time of the event that the search has come to; 0 = there is none


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
