"""State of the log: scope, searches under way, jumps, and where the cursor goes once a search has come there. Pure.

``LogPane`` feeds it and obeys: it has ``questions`` answered off the UI thread and gives the answers to ``take``, hands
out long searches, and moves its cursor where a method says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wsmon.model import units as fmt
from wsmon.model.notes import Bookmark
from wsmon.model.ranges import StoreBounds
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.notes import asks_notes, with_notes
from wsmon.tui.cell_text import cell_text
from wsmon.tui.panes.log_filter import PROBLEMS, Aim, FoundMatches, LogFilter, LogScope, Purpose, Search

# Characters of what is searched for, in a sentence about something else
NOTE_QUERY_LIMIT = 24


@dataclass(frozen=True, slots=True)
class CursorPlace:
    """Where the cursor of the log is."""

    event_id: int
    """0 = there are no rows."""
    y: int
    """Row of the screen."""
    is_following: bool


@dataclass(frozen=True, slots=True)
class CursorGoal:
    """Where the cursor has to go: to an event, or to the next one shown."""

    event_id: int
    y: int | None = None
    """Row of the screen on which it is to be; None = the user was sent there: scroll as little as that needs."""


class LogState:
    """What the log is asked to show, and what became of it."""

    def __init__(self) -> None:
        self.filter = LogFilter()
        self.wanted_scope = LogScope()
        """As it was asked for. ``filter.scope`` is what is shown of it: terms on notes are resolved to ids of events
        there, and dropped where the notes cannot be read."""
        self.note = ""
        """A sentence for the title, until the next key; empty = none."""
        self._bookmarks: tuple[Bookmark, ...] = ()
        self._marks_missing = ""
        self._jump: Search | None = None
        """The search for an event that is under way; None = none is."""
        self._is_jump_glanced = False
        """Whether the nearest events were looked at, and the rest of the jump is a long search."""
        self._aim = PROBLEMS
        """What was jumped to last."""
        self.is_ascii = False
        """Whether sentences are for a terminal that shows ASCII alone."""
        self._goal: CursorGoal | None = None
        """Where the cursor goes once the search has come there; None = nowhere."""
        self._postponed_id = 0
        """The event it goes to once the new scope shows its first rows; 0 = it stays."""
        self._searches: list[Search] = []
        self._under_way: set[Purpose] = set()

    @property
    def query(self) -> Query:
        """The query in force, terms on notes resolved; empty = nothing is searched for."""
        return self.filter.scope.query

    @property
    def is_pending(self) -> bool:
        """Whether the rows are still those of the scope before."""
        return self.filter.is_pending

    @property
    def has_goal(self) -> bool:
        """Whether the cursor will go elsewhere by itself."""
        return self._goal is not None or self.is_pending

    def set_bounds(self, bounds: StoreBounds) -> None:
        """Take in which events there are."""
        self.filter.set_bounds(bounds)

    def set_marks(self, bookmarks: tuple[Bookmark, ...], missing: str) -> bool:
        """Take in which events have a bookmark, or why that is not known; return whether the scope depends on it."""
        self._bookmarks, self._marks_missing = bookmarks, missing
        return asks_notes(self.wanted_scope.query)

    def restart(self, scope: LogScope) -> None:
        """Show what a scope asks for.

        Terms on notes are answered from the marks that there are; where these cannot be read, everything is shown. The
        cursor is moved by ``begin``, once ``is_pending`` is over.
        """
        self.wanted_scope = scope
        refusal = self._marks_missing if asks_notes(scope.query) else ""
        query = EVERYTHING if refusal else with_notes(scope.query, self._bookmarks)
        self.halt()
        self.filter.restart(replace(scope, query=query))
        self.note = f"{refusal}; showing everything" if refusal else ""

    def begin(self, cursor: CursorPlace) -> tuple[int, int]:
        """Return the event id and screen row for the cursor when a scope shows its first rows.

        These are where the cursor is, or where it was sent. Where the search has still to reach that event, the cursor
        goes there once it has.
        """
        goal = self._goal or CursorGoal(cursor.event_id)
        y = cursor.y if goal.y is None else goal.y
        is_far = not cursor.is_following and self.filter.is_ahead(goal.event_id)
        self._goal = CursorGoal(goal.event_id, y) if is_far else None
        return goal.event_id, y

    def postpone(self, event_id: int) -> None:
        """Take in that the cursor was sent to an event while the scope was pending."""
        self._postponed_id = event_id

    def take_postponed(self) -> int:
        """Return the event that the cursor was sent to while the scope was pending, once; 0 = to none."""
        event_id, self._postponed_id = self._postponed_id, 0
        return event_id

    def halt(self) -> None:
        """Search no further for what is shown."""
        # An empty range of ids: it replaces the running search and finds nothing.
        self._searches += [Search(0, purpose, EVERYTHING, 1, 0) for purpose in sorted(self._under_way)]
        self._under_way.clear()

    def questions(self) -> tuple[Search, ...]:
        """Return what is to be glanced at next."""
        jump = (self._jump,) if self._jump is not None and not self._is_jump_glanced else ()
        return (*self.filter.questions(), *jump)

    def take_searches(self) -> tuple[Search, ...]:
        """Return the long searches that were not handed out yet; one ends the one before of the same purpose."""
        found, self._searches = tuple(self._searches), []
        return found

    def take(self, found: FoundMatches) -> CursorGoal | None:
        """Add an answer to a question or a search, stale ones left out; return where the cursor goes because of it."""
        if found.search.purpose == "jump":
            return self._take_jump(found)
        rest = self.filter.take(found)
        if rest is not None:
            self._searches.append(rest)
            self._under_way.add(rest.purpose)
        if self.is_pending or self._goal is None or self.filter.is_ahead(self._goal.event_id):
            return None
        goal, self._goal = self._goal, None
        return goal

    def fail(self) -> None:
        """Take in that a question could not be answered; nothing waits for it any more."""
        self.filter.give_up()
        if not self._is_jump_glanced:
            self._jump = None

    def arrived(self, event_id: int, shown_id: int) -> None:
        """Take in where the cursor came to that was sent to an event: there, or to the next one shown.

        A search may reach the event later; then the cursor goes there.
        """
        self._goal = CursorGoal(event_id) if self.filter.is_ahead(event_id) else None
        if self._goal is not None:
            self.note = f"looking for event #{fmt.count(event_id)}"
        elif shown_id != event_id:
            self.note = f"event #{fmt.count(event_id)} is hidden here; showing the nearest"

    def jump(self, aim: Aim, cursor: CursorPlace, *, newer: bool, from_id: int | None = None) -> int:
        """Return the id of the nearest event aimed at; 0 = not known yet (a question or search follows), or none.

        The event is one of those shown, after the cursor or before it, however far. ``from_id`` is an event to start
        from instead of the cursor. While following, the jump always looks for older events, by default from the newest.
        """
        newer = newer and not cursor.is_following
        if from_id is None:
            from_id = self.filter.bounds.last_id + 1 if cursor.is_following else cursor.event_id
        found = self.filter.nearest(aim, from_id, newer=newer)
        self._aim = aim
        if isinstance(found, Search):
            self._jump, self._is_jump_glanced = found, False
            return 0
        if not found:
            self._miss(newer=newer)
        return found

    def moved(self) -> None:
        """Take in that the user moved the cursor, or began or ceased to follow."""
        self.note, self._goal, self._postponed_id = "", None, 0

    def _take_jump(self, found: FoundMatches) -> CursorGoal | None:
        if self._jump is None or found.search.serial != self._jump.serial:
            return None
        newer = not found.search.newest_first
        if found.is_last:
            self._jump = None
            if found.ids:
                return CursorGoal(found.ids[0] if newer else found.ids[-1])
            self._miss(newer=newer)
        elif not self._is_jump_glanced and found.rest is not None:
            self._jump, self._is_jump_glanced = found.rest, True
            self._searches.append(found.rest)
            self.note = f"looking for {self._aim.article} {self._aim.noun}"
        return None

    def _miss(self, *, newer: bool) -> None:
        is_narrowed = bool(self.query) and not self.filter.scope.is_in_context
        shown = cell_text(self.query.text, NOTE_QUERY_LIMIT, ascii_only=self.is_ascii)
        among = f" matching {shown} (Esc clears the search)" if is_narrowed else ""
        self.note = f"no {'newer' if newer else 'older'} {self._aim.noun}{among}"
