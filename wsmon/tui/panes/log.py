"""The log: every event of the store on a line, however many there are; only the lines in sight are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from itertools import islice

from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from wsmon.errors import WsmonError
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.notes import Bookmark
from wsmon.model.sanitize import sanitize
from wsmon.model.snapshot import StoreBounds
from wsmon.ports import Clock, StoreView
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.notes import asks_notes, with_notes
from wsmon.query.patterns import PatternTooSlowError
from wsmon.query.predicate import matches, unsatisfiable
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes.log_cache import LogLines
from wsmon.tui.panes.log_filter import PROBLEMS, Aim, Found, LogFilter, Purpose, Scope, Search
from wsmon.tui.panes.log_line import TIME_MODES, ColumnName, LineStyle, TimeMode
from wsmon.tui.panes.log_status import InSight, LogStatus, sentences
from wsmon.tui.text import RoleStyles, wrap
from wsmon.tui.widgets.row_list import RowList
from wsmon.tui.widgets.text_view import StatusChanged, draw_line

# How the log draws the rows in sight: they are read in one query, drawn once, and looked up from then on.


class DrawnLog(RowList):
    """Rows that are events of a store."""

    def __init__(
        self,
        view: StoreView,
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """``view`` belongs to the thread of the screen; ``zone`` is the local one by default."""
        super().__init__(id=id)
        self._view = view
        self._lines = LogLines(view)
        self._lines.restyle(LineStyle(zone=zone, glyphs=glyphs))
        self._zone, self._glyphs = zone, glyphs
        self.status = ""
        # what stands on the first line where there are no rows
        self.in_sight = InSight()
        self._colors: tuple[RoleStyles, Style] | None = None

    def say(self, note: str) -> None:
        """Tell the user a sentence."""
        raise NotImplementedError

    def notify_style_update(self) -> None:
        """Forget the colours, and what was drawn with them."""
        super().notify_style_update()
        self._colors = None
        self._lines.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Read what is missing of the rows in sight, in one query, and draw."""
        self._lines.resize(self.page.width)
        top = self.scroll_offset.y + max(0, crop.y - self.gutter.top)
        last = min(top + crop.height, len(self.rows))
        ids = [self.rows.id_at(row) for row in range(top, last)]
        if ids:
            self._load(ids, self.rows.id_at(top - 1) if top else 0)
        self._count_in_sight()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """The line of a row, looked up."""
        palette, base = self._palette
        row = y + self.scroll_offset.y
        if row >= len(self.rows):
            said = list(islice(wrap(self.status, self.page.width), y, y + 1)) if not len(self.rows) else []
            return draw_line(tuple((line, "dim") for line in said), self.page.width, base, palette)
        event_id = self.rows.id_at(row)
        strip = self._lines.get(event_id) or Strip.blank(self.page.width)
        is_current = event_id == self.current_id
        return strip.apply_style(base + palette.cursor(self.has_focus) if is_current else base)

    def _count_in_sight(self) -> None:
        """Lines that leave something out are counted when they are drawn: only then are they read."""
        top = self.scroll_offset.y
        rows = range(top, min(top + self.page.height, len(self.rows)))
        found = self._lines.in_sight(self.rows.id_at(row) for row in rows)
        if found != self.in_sight:
            self.in_sight = found
            self.call_later(self.sight_changed)

    def sight_changed(self) -> None:
        """Other lines than before leave something out."""

    def _load(self, ids: list[int], above: int) -> None:
        try:
            try:
                self._lines.load(ids, above, self._palette[0])
            except PatternTooSlowError as error:  # highlighting has ended with it
                self.say(str(error))
                self._lines.load(ids, above, self._palette[0])
        except WsmonError as error:
            self.say(str(error))

    @property
    def _palette(self) -> tuple[RoleStyles, Style]:
        if self._colors is None:
            self._colors = RoleStyles(self.app.theme_variables), self.rich_style
        return self._colors


# How the log finds things: it shows what matches, or goes there, however many events there are.

# Characters of what is searched for, in a sentence about something else
NOTE_QUERY_LIMIT = 24


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
        # Said instead of the status until the next key
        self._note = ""

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
            self.action_move("down")
        else:
            self.action_move("up")

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


class LogPane(FindingLog):
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
        self._opened_ns = self._paused_ns = clock.wall_ns()
        self._paused_last_id = 0
        # Of the newest Highlighted; 0 = none
        self._announced_id = 0

    @property
    def focused_event(self) -> Event | None:
        """The event that somebody reads: the one under the cursor, unless the log follows."""
        return None if self.is_following else self.current_event

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

    @property
    def time_mode(self) -> TimeMode:
        """How times are written."""
        return self._lines.style.time_mode

    @property
    def columns(self) -> tuple[ColumnName, ...] | None:
        """Which columns were chosen; ``None`` = those that the width has room for."""
        return self._lines.style.chosen

    def set_columns(self, chosen: tuple[ColumnName, ...] | None) -> None:
        """Show these columns as far as there is room; ``None`` = those that the width has room for."""
        self._lines.restyle(replace(self._lines.style, chosen=chosen))
        self.refresh()

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these signs from now on."""
        self._glyphs = glyphs
        self._lines.restyle(replace(self._lines.style, glyphs=glyphs))
        self.report()
        self.refresh()

    def next_time_mode(self) -> None:
        """Times of day, since the session was usable, or since the line above."""
        self.set_time_mode(TIME_MODES[(TIME_MODES.index(self.time_mode) + 1) % len(TIME_MODES)])

    def set_time_mode(self, mode: TimeMode) -> None:
        """Write times like this from now on."""
        self._lines.restyle(replace(self._lines.style, time_mode=mode))
        self.refresh()

    def action_choose(self) -> None:
        """Enter: somebody wants to see the event."""
        event = self.current_event
        if event is not None:
            self.pause()
            self.post_message(self.Chosen(event))

    def moved(self) -> None:
        """Say so, and what is under the cursor."""
        self._note, self._goal_id = "", 0
        self.report()

    def motion_changed(self) -> None:
        """Count what is new from here."""
        self._note, self._goal_id = "", 0
        self._paused_ns = self._clock.wall_ns()
        self._paused_last_id = self._filter.bounds.last_id
        self.report()

    def sight_changed(self) -> None:
        """The title says what the lines leave out."""
        self.report()

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one chooses."""
        row = self._row_at(event)
        if row is None:
            return
        self.go_to_row(row)
        if event.chain > 1:
            self.action_choose()

    def report(self) -> None:
        """Put how it stands into the title, and say which event has the cursor."""
        focused_id = 0 if self.is_following else self.current_id
        if focused_id != self._announced_id and not self._goal_id:
            self._announced_id = focused_id
            self.post_message(self.Highlighted(self.focused_event))
        rows = self.rows
        reached_ns = self._filter.reached_ns
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
            tally=self._filter.tally(focused_id),
            searched_back_to=fmt.moment(reached_ns, self._clock.wall_ns(), self._zone) if reached_ns else "",
            in_sight=self.in_sight,
            why_never=unsatisfiable(self.search),
            trouble=self._note,
        )
        texts = sentences(status, self._glyphs)
        if texts[0] != self.status:
            self.status = texts[0]
            self.post_message(StatusChanged(*texts))
            if not len(rows):
                self.refresh()
