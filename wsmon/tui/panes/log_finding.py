"""How the log finds things: it shows what matches, or goes there, however many events there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo

from textual.message import Message

from wsmon.errors import WsmonError
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.notes import Bookmark
from wsmon.model.sanitize import sanitize
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.notes import asks_notes, with_notes
from wsmon.query.predicate import matches
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes.log_drawing import DrawnLog
from wsmon.tui.panes.log_filter import LogFilter, Scope
from wsmon.tui.panes.log_search import PROBLEMS, Aim, Found, Purpose, Search

NOTE_QUERY_LIMIT = 24
# characters of what is searched for, in a sentence about something else


class FindingLog(DrawnLog):
    """Rows that match a query; what is far is searched by somebody else, who gives the answers to ``take``."""

    class Wanted(Message):
        """A search too long for this thread: run ``log_search.run_search``, give every ``Found`` to ``take``.

        A newer search of the same purpose replaces the one before.
        """

        def __init__(self, search: Search) -> None:
            super().__init__()
            self.search = search

    def __init__(
        self,
        view: StoreView,
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """``view`` belongs to the thread of the screen; ``zone`` is the local one by default."""
        super().__init__(view, zone=zone, glyphs=glyphs, id=id)
        self._filter = LogFilter(view)
        self._scope = Scope()
        # as it was asked for: what of it is shown depends on marks
        self._bookmarks: tuple[Bookmark, ...] = ()
        self._marks_missing = ""
        # why marks are not known; empty = they are
        self._jump: Search | None = None
        # the search for an event that is under way
        self._under_way: set[Purpose] = set()
        # searches asked for whose end nobody has seen
        self._aim = PROBLEMS
        # what was jumped to last
        self._goal_id = 0
        # where the cursor goes once the search has come there; 0 = nowhere
        self._goal_y: int | None = None
        # the row of the screen on which it was read; None = it was asked for
        self._note = ""
        # said instead of the status until the next key

    @property
    def scope(self) -> Scope:
        """What it is asked to show."""
        return self._scope

    @property
    def search(self) -> Query:
        """What is searched for; empty = everything is shown."""
        return self._filter.scope.query

    @property
    def hides_heartbeats(self) -> bool:
        """Whether pings and pongs that went well are left out."""
        return self._filter.scope.hides_heartbeats

    @property
    def current_event(self) -> Event | None:
        """The event under the cursor; ``None`` where there is none, or where the store cannot be read (it is said)."""
        try:
            found = self._view.events_by_id((self.current_id,)) if self.current_id else ()
        except WsmonError as error:
            self.say(str(error))
            return None
        return found[0] if found else None

    def set_marks(self, bookmarks: tuple[Bookmark, ...], missing: str = "") -> None:
        """These events have a bookmark; ``missing`` says why they are not known, where they are not."""
        self._bookmarks, self._marks_missing = bookmarks, missing
        self._lines.mark(frozenset(bookmark.event.id for bookmark in bookmarks))
        self.refresh()
        if asks_notes(self._scope.query):
            self.set_scope(self._scope)

    def set_query(self, query: Query) -> None:
        """Search for something: show only what matches, newest first as it is found, or highlight it."""
        self.set_scope(replace(self._scope, query=query))

    def set_hide_heartbeats(self, is_hidden: bool) -> None:
        """Leave out pings and pongs that went well, or show them."""
        self.set_scope(replace(self._scope, hides_heartbeats=is_hidden))

    def toggle_context(self) -> None:
        """Matches among everything else, or alone; the event under the cursor keeps it, if it is still shown."""
        if not self.search:
            self.say("nothing is searched for: / searches")
            return
        event_id = 0 if self.is_following else self.current_id
        self.set_scope(replace(self._scope, is_in_context=not self._filter.scope.is_in_context))
        if event_id:
            self.go_to(event_id)

    def take(self, found: Found) -> None:
        """Add the answer to a ``Wanted``; answers that are stale are left out."""
        if found.search.purpose != "jump":
            top_id = self.rows.id_at(0) if len(self.rows) else 0
            self._filter.take(found)
            self._lines.forget(top_id)
            self._settle()
            self._reach()
        elif self._jump is not None and found.search.serial == self._jump.serial and found.is_last:
            newer = not self._jump.newest_first
            self._jump = None
            self._land((found.ids[0] if newer else found.ids[-1]) if found.ids else 0, newer=newer)

    def go_to(self, event_id: int) -> None:
        """Put the cursor on an event, or on the next one shown where it is hidden; a search may reach it later."""
        row = self.rows.row_of(event_id)
        self.go_to_row(row, is_centred=True)
        self._goal_id, self._goal_y = (event_id if self._filter.is_ahead(event_id) else 0), None
        if self._goal_id:
            self.say(f"looking for event #{fmt.count(event_id)}")
        elif self.current_id != event_id:
            self.say(f"event #{fmt.count(event_id)} is not shown here; this is the nearest one")

    def reveal(self, event: Event) -> None:
        """Put the cursor on an event; what hides it is shown again."""
        scope = self._filter.scope.showing(event)
        if scope != self._filter.scope:
            self.set_scope(replace(scope, query=self._scope.query if scope.query else EVERYTHING))
        self.go_to(event.id)

    def jump(self, aim: Aim, *, newer: bool) -> None:
        """To the nearest event shown that is aimed at, after the cursor or before it, however far it is.

        Whoever follows stands behind all events: the next one is then the newest there was.
        """
        newer = newer and not self.is_following
        from_id = self._filter.bounds.last_id + 1 if self.is_following else self.current_id
        try:
            found = self._filter.nearest(aim, from_id, newer=newer)
        except WsmonError as error:
            self.say(str(error))
            return
        self._aim = aim
        if isinstance(found, Search):
            self._jump = found
            self.post_message(self.Wanted(found))
            self.say(f"looking for {aim.article} {aim.noun}")
        else:
            self._land(found or 0, newer=newer)

    def go_to_first(self, aim: Aim, event_id: int) -> None:
        """To an event, or to the first one after it that is aimed at."""
        self.go_to(event_id)
        event = self.current_event
        if event is not None and not matches(aim.query, event):
            self.jump(aim, newer=True)

    def jump_to_match(self, *, newer: bool) -> None:
        """To the next or previous match of what is searched for; where only matches are shown, that is the next row."""
        if not self.search:
            self.say("nothing is searched for: / searches")
        elif self._filter.scope.is_in_context:
            self.jump(Aim(self.search, "match"), newer=newer)
        elif newer:
            self.action_move_down()
        else:
            self.action_move_up()

    def say(self, note: str) -> None:
        """Put a sentence into the title until the next key."""
        self._note = note.partition("\n")[0]
        # not the place in a query, which takes lines of its own
        self.report()

    def report(self) -> None:
        """Say how it stands."""

    def set_scope(self, scope: Scope) -> None:
        """Show what a scope asks for; the cursor keeps its event, however far, or takes the next one shown.

        Terms on notes are answered from the marks that there are; where these cannot be read, everything is shown.
        """
        self._scope = scope
        refusal = self._marks_missing if asks_notes(scope.query) else ""
        query = EVERYTHING if refusal else with_notes(scope.query, self._bookmarks)
        try:
            searches = self._filter.restart(replace(scope, query=query))
        except WsmonError as error:
            self.say(str(error))
            return
        for search in searches:
            self.post_message(self.Wanted(search))
        self._end_searches(self._under_way - {search.purpose for search in searches})
        self._under_way = {search.purpose for search in searches}
        read_id, read_y = self._goal_id or self.current_id, self.cursor_y if self._goal_y is None else self._goal_y
        is_far = not self.is_following and self._filter.is_ahead(read_id)
        self._note = f"{refusal}; everything is shown" if refusal else ""
        self._goal_id, self._goal_y = (read_id, read_y) if is_far else (0, None)
        self._lines.highlight(self._filter.scope.highlighted)
        self.resume(self._filter.rows, read_id, read_y)
        self.report()
        self.refresh()

    def halt(self) -> None:
        """Search no further for what is shown: another search is about to follow."""
        self._end_searches(self._under_way)
        self._under_way = set()

    def _end_searches(self, purposes: set[Purpose]) -> None:
        for purpose in purposes:
            self.post_message(self.Wanted(Search(0, purpose, EVERYTHING, 1, 0)))  # nothing to look for ends the other

    def _reach(self) -> None:
        """Put the cursor where it belongs, once the search has come there."""
        if not self._goal_id or self._filter.is_ahead(self._goal_id):
            return
        goal_id, self._goal_id = self._goal_id, 0
        if self._goal_y is None:
            self.go_to(goal_id)
        else:
            self.resume(self._filter.rows, goal_id, self._goal_y)
            self.report()

    def _settle(self) -> None:
        self.place(self._filter.rows)
        self.report()

    def _land(self, event_id: int, *, newer: bool) -> None:
        if event_id:
            self.go_to(event_id)
        else:
            is_narrowed = bool(self.search) and not self._filter.scope.is_in_context
            shown = sanitize(self.search.text, NOTE_QUERY_LIMIT, ascii_only=self._glyphs.is_ascii)
            among = f" among '{shown}': Esc shows everything" if is_narrowed else ""
            self.say(f"no {'newer' if newer else 'older'} {self._aim.noun}{among}")
