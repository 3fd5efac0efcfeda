"""The log: every event of the store on a line, however many there are; only the lines in sight are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo

from textual import events
from textual.message import Message

from wsmon.errors import WsmonError
from wsmon.model import format as fmt
from wsmon.model.events import Event
from wsmon.model.snapshot import StoreBounds
from wsmon.ports import Clock, StoreView
from wsmon.query.ast import Query
from wsmon.query.predicate import matches
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.lines import TIME_MODES, TimeMode
from wsmon.tui.panes.log_drawing import DrawnLog
from wsmon.tui.panes.log_filter import LogFilter, Scope
from wsmon.tui.panes.log_search import PROBLEMS, Aim, Found, Search
from wsmon.tui.panes.log_status import LogStatus, sentence


class LogPane(DrawnLog):
    """Follows what is committed, or stays with one event while thousands arrive."""

    class Highlighted(Message):
        """Another event has the cursor, or none: following the newest one does not count."""

        def __init__(self, event: Event | None) -> None:
            super().__init__()
            self.event = event

    class Chosen(Message):
        """The user wants to see an event (Enter, double click)."""

        def __init__(self, event: Event) -> None:
            super().__init__()
            self.event = event

    class Status(Message):
        """What the title of the log has to say; plain text, never markup."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

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
        clock: Clock,
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """``view`` belongs to the thread of the screen; ``zone`` is the local one by default."""
        super().__init__(view, zone=zone, glyphs=glyphs, id=id)
        self._clock = clock
        self._filter = LogFilter(view)
        self._opened_ns = self._paused_ns = clock.wall_ns()
        self._paused_last_id = 0
        self._jump: Search | None = None
        # the search for an event that is under way
        self._aim = PROBLEMS
        # what was jumped to last
        self._goal_id = 0
        # where the cursor goes once the search has come there; 0 = nowhere
        self._announced_id = 0
        # of the newest Highlighted; 0 = none
        self._note = ""
        # said instead of the status until the next key

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

    @property
    def focused_event(self) -> Event | None:
        """The event that somebody reads: the one under the cursor, unless the log follows."""
        return None if self.is_following else self.current_event

    @property
    def scope(self) -> Scope:
        """What it is asked to show."""
        return self._filter.scope

    @property
    def time_mode(self) -> TimeMode:
        """How times are written."""
        return self._lines.style.time_mode

    def set_bounds(self, bounds: StoreBounds) -> None:
        """Show what is in the store now; cheap enough for 10 times a second."""
        before = self._filter.bounds
        try:
            self._filter.set_bounds(bounds)
        except WsmonError as error:
            self.say(str(error))
            return
        if before.oldest_id != bounds.oldest_id:
            self._lines.forget(bounds.oldest_id)
        self._settle()

    def set_scope(self, scope: Scope) -> None:
        """Show what a scope asks for."""
        try:
            search = self._filter.restart(scope)
        except WsmonError as error:
            self.say(str(error))
            return
        if search is not None:
            self.post_message(self.Wanted(search))
        self._note, self._goal_id = "", 0
        self._lines.highlight(scope.highlighted)
        self._settle()
        self.refresh()

    def set_query(self, query: Query) -> None:
        """Search for something: show only what matches, newest first as it is found, or highlight it."""
        self.set_scope(replace(self._filter.scope, query=query))

    def set_hide_heartbeats(self, is_hidden: bool) -> None:
        """Leave out pings and pongs that went well, or show them."""
        self.set_scope(replace(self._filter.scope, hides_heartbeats=is_hidden))

    def set_marks(self, marked: frozenset[int]) -> None:
        """These events have a bookmark."""
        self._lines.mark(marked)
        self.refresh()

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these signs from now on."""
        self._glyphs = glyphs
        self._lines.restyle(replace(self._lines.style, glyphs=glyphs))
        self._report()
        self.refresh()

    def toggle_context(self) -> None:
        """Matches among everything else, or alone; the event under the cursor keeps it, if it is still shown."""
        if not self.search:
            self.say("nothing is searched for: / searches")
            return
        event_id = 0 if self.is_following else self.current_id
        self.set_scope(replace(self._filter.scope, is_in_context=not self._filter.scope.is_in_context))
        if event_id:
            self.go_to(event_id)

    def take(self, found: Found) -> None:
        """Add the answer to a ``Wanted``; answers that are stale are left out."""
        if found.search.purpose == "filter":
            top_id = self.rows.id_at(0) if len(self.rows) else 0
            self._filter.take(found)
            self._lines.forget(top_id)
            self._settle()
            if self._goal_id and not self._filter.is_ahead(self._goal_id):
                self.go_to(self._goal_id)
        elif self._jump is not None and found.search.serial == self._jump.serial and found.is_last:
            newer = not self._jump.newest_first
            self._jump = None
            self._land((found.ids[0] if newer else found.ids[-1]) if found.ids else 0, newer=newer)

    def go_to(self, event_id: int) -> None:
        """Put the cursor on an event, or on the next one shown where it is hidden; a search may reach it later."""
        row = self.rows.row_of(event_id)
        self.go_to_row(row, is_centred=True)
        self._goal_id = event_id if self._filter.is_ahead(event_id) else 0
        if self._goal_id:
            self.say(f"looking for event {event_id}")
        elif self.current_id != event_id:
            self.say(f"event {event_id} is not shown here; this is the nearest one")

    def reveal(self, event: Event) -> None:
        """Put the cursor on an event; what hides it is shown again."""
        scope = self._filter.scope.showing(event)
        if scope != self._filter.scope:
            self.set_scope(scope)
        self.go_to(event.id)

    def next_time_mode(self) -> None:
        """Times of day, since the session was usable, or since the line above."""
        self.set_time_mode(TIME_MODES[(TIME_MODES.index(self.time_mode) + 1) % len(TIME_MODES)])

    def set_time_mode(self, mode: TimeMode) -> None:
        """Write times like this from now on."""
        self._lines.restyle(replace(self._lines.style, time_mode=mode))
        self.refresh()

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

    def action_choose(self) -> None:
        """Enter: somebody wants to see the event."""
        event = self.current_event
        if event is not None:
            self.pause()
            self.post_message(self.Chosen(event))

    def moved(self) -> None:
        """Say so, and what is under the cursor."""
        self._note, self._goal_id = "", 0
        self._report()

    def motion_changed(self) -> None:
        """Count what is new from here."""
        self._note, self._goal_id = "", 0
        self._paused_ns = self._clock.wall_ns()
        self._paused_last_id = self._filter.bounds.last_id
        self._report()

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one chooses."""
        row = self._row_at(event)
        if row is None:
            return
        self.go_to_row(row)
        if event.chain > 1:
            self.action_choose()

    def _settle(self) -> None:
        self.place(self._filter.rows)
        self._report()

    def _land(self, event_id: int, *, newer: bool) -> None:
        if event_id:
            self.go_to(event_id)
        else:
            self.say(f"no {'newer' if newer else 'older'} {self._aim.noun}")

    def say(self, note: str) -> None:
        """Put a sentence into the title until the next key."""
        self._note = note
        self._report()

    def _report(self) -> None:
        focused_id = 0 if self.is_following else self.current_id
        if focused_id != self._announced_id:
            self._announced_id = focused_id
            self.post_message(self.Highlighted(self.focused_event))
        rows = self.rows
        status = LogStatus(
            is_following=self.is_following,
            events=self._filter.bounds.events,
            shown=len(rows),
            searched=self._filter.searched,
            is_searching=self._filter.is_searching,
            query=self.search.text,
            hidden_heartbeats=self._filter.hidden_heartbeats,
            hides_heartbeats=self.hides_heartbeats,
            paused_at=fmt.clock(self._paused_ns, self._zone),
            new_below=0 if self.is_following else len(rows) - rows.row_of(self._paused_last_id + 1),
            waiting_since=fmt.clock(self._opened_ns, self._zone),
            pruned=max(0, self._filter.bounds.oldest_id - 1),
            is_in_context=self._filter.scope.is_in_context,
            trouble=self._note,
        )
        text = sentence(status, self._glyphs)
        if text != self.status:
            self.status = text
            self.post_message(self.Status(text))
            if not len(rows):
                self.refresh()
