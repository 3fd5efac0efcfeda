"""The log pane: every event of the store on a line, however many there are; only the lines in sight are read.

The pane never waits for the store. What it lacks is read by a store worker, off the UI thread; until the rows in sight
are there, the pane keeps painting those that it has. Keys wait for ``settled``, so that they act on events that were
read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from functools import partial
from itertools import islice
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from wsmon.errors import WsmonError
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.notes import Bookmark
from wsmon.model.ranges import DayStart, Ranking, StoreBounds, TopMatches
from wsmon.ports import Clock
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.patterns import PatternTooSlowError
from wsmon.query.predicate import unsatisfiable
from wsmon.tui.actions import Move, bindings
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes.log_cache import LogCache
from wsmon.tui.panes.log_days import DayRows, LogDays, day_line, read_days
from wsmon.tui.panes.log_filter import Aim, FoundMatches, LogScope, Search, glance_all
from wsmon.tui.panes.log_line import LineStyle
from wsmon.tui.panes.log_ranked import RankedMatches
from wsmon.tui.panes.log_state import CursorPlace, LogState
from wsmon.tui.panes.log_status import InSight, LogStatus, sentences
from wsmon.tui.store_threads import Submit
from wsmon.tui.text import RoleStyles, wrap
from wsmon.tui.times import day_name, day_of
from wsmon.tui.widgets.row_list import RowList
from wsmon.tui.widgets.text_view import StatusChanged, draw_line

# Connections, until their number is known
MANY = 2
NOTHING_SEARCHED = "no search active: press / to search"


class LogPane(RowList):
    """Follows what is committed, or stays with one event while thousands arrive."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("log")

    class EventHighlighted(Message):
        """Another event has the cursor, or none: following the newest one does not count."""

        def __init__(self, event: Event | None) -> None:
            super().__init__()
            self.event = event

    class EventChosen(Message):
        """The user wants to see an event (Enter, double click)."""

        def __init__(self, event: Event) -> None:
            super().__init__()
            self.event = event

    class SearchWanted(Message):
        """A long search: run ``log_filter.run_search`` off the UI thread, and give every answer to ``take``.

        A newer search of the same purpose replaces the one before.
        """

        def __init__(self, search: Search) -> None:
            super().__init__()
            self.search = search

    class SortMenuWanted(Message):
        """The user wants the log in another order."""

    @dataclass
    class RankingWanted(Message):
        """Have the store rank matches off the UI thread, and give every answer to ``take_ranked``; None ends that."""

        ranking: Ranking | None
        query: Query
        serial: int

    def __init__(
        self,
        submit: Submit,
        clock: Clock,
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
        has_recordings: bool = False,
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """``submit`` reads the store off the UI thread; ``zone`` is the local one by default.

        ``has_recordings``: events of several recordings are shown.
        """
        super().__init__(id=id)
        self.state = LogState()
        self.lines = LogCache(submit, self._loaded)
        self.status = ""
        """The longest form of the title; it also stands on the first line where there are no rows."""
        self.settled = asyncio.Event()
        """Set while no read is under way, so that what keys act on is there."""
        self.settled.set()
        self._submit = submit
        self._is_glancing = False
        """Whether questions of the state are being answered."""
        self._has_failed = False
        """Whether the last read of rows failed: the next one waits until other rows are wanted."""
        self._painted: dict[int, Strip] = {}
        """What each line of the pane shows, by its y."""
        self._keeps_painted = False
        """Whether the lines stay as they are until the rows in sight are there."""
        self._is_late = False
        """Whether rows are still missing after a read: then the lines do not wait for the next one."""
        self._in_sight_flags = InSight()
        self._width = 0
        """Cells of a line."""
        self._colors: tuple[RoleStyles, Style] | None = None
        self._clock = clock
        self._opened_ns = self._paused_ns = clock.wall_ns()
        self._paused_last_id = 0
        self._was_following = True
        self._announced_id = 0
        """Of the newest EventHighlighted; 0 = none."""
        self._days = LogDays()
        self._ranked = RankedMatches()
        self._connections = MANY
        """How many connections there are."""
        self.lines.restyle(LineStyle(zone=zone, glyphs=glyphs, has_recordings=has_recordings))
        self.state.is_ascii = glyphs.is_ascii

    @property
    def search_query(self) -> Query:
        """The query in force; empty = nothing is searched for. (``query`` is Textual's.)"""
        return self.state.query

    @property
    def current_event(self) -> Event | None:
        """The event under the cursor; ``None`` where there is none, or where it was not read: see ``settled``."""
        return self.lines.event(self.current_id)

    def set_bounds(self, bounds: StoreBounds) -> None:
        """Show what is in the store now; cheap enough for 10 times a second."""
        before = self.state.filter.bounds
        self.state.set_bounds(bounds)
        if before.oldest_id != bounds.oldest_id:
            self.lines.forget_line(bounds.oldest_id)
        if not self.state.is_pending and self._ranked.ranking is None:
            self.place_rows()
        self._read_days()
        self._advance()

    def set_connections(self, count: int) -> None:
        """Take in how many connections there are: the only one needs no column."""
        if count != self._connections:
            self._connections = count
            self._fit_columns()

    def _fit_columns(self) -> None:
        """Show the column of the connection only where lines of several may stand."""
        has_connection = self._connections > 1 and not self.state.filter.scope.is_of_one_connection
        if has_connection != self.lines.style.has_connection:
            self.restyle(replace(self.lines.style, has_connection=has_connection))

    def set_scope(self, scope: LogScope) -> None:
        """Show what a scope asks for, by time; the cursor keeps its event, however far, or takes the next one shown."""
        self.sort(None)
        self.state.restart(scope)
        if not self.state.is_pending:
            self._show_scope()
        self._advance(is_urgent=True)

    def sort(self, ranking: Ranking | None) -> None:
        """Show the matches with the greatest values, as they are now, the greatest first; None = by time, as before."""
        was_following = self._ranked.began_following if self._ranked.ranking is not None else self.is_following
        if ranking == self._ranked.ranking is None:
            return
        # What was said about the rows before is not about these
        self.state.note = ""
        self._ranked.begin(ranking, was_following=was_following, now_ns=self._clock.wall_ns())
        # A query in context does not narrow: what is highlighted is ranked
        query = self.state.filter.scope.effective.also(self.state.filter.scope.highlighted)
        self.post_message(self.RankingWanted(ranking, query, self._ranked.serial))
        self.lines.restyle(replace(self.lines.style, ranking=ranking))
        if ranking is None and was_following:
            self.follow()
        else:
            self.pause()
        self.place_rows()
        self.sight_changed()
        self.report()

    def take_ranked(self, serial: int, found: TopMatches) -> None:
        """Show more of what ``sort`` asked for; an answer to an earlier question is left out."""
        if not self._ranked.take(serial, found):
            return
        # The cursor stays on the first row until the user moves it
        at = (found.ids[0], 0) if found.ids and not self.cursor_has_moved else None
        self.place_rows(at)
        self.sight_changed()
        self.report()

    @property
    def ranking(self) -> Ranking | None:
        """What the log is sorted by; None = by time."""
        return self._ranked.ranking

    @property
    def cursor_has_moved(self) -> bool:
        """Whether the cursor is on another row than the first."""
        return self.rows.row_of(self.current_id) > 0 and self._ranked.has_rows

    def show_in_time(self) -> bool:
        """Go to the place in time of the event under the cursor; returns whether the log was sorted otherwise."""
        if self._ranked.ranking is None:
            return False
        event_id = self.current_id
        self._ranked.stay()
        self.sort(None)
        if event_id:
            self.go_to(event_id)
        return True

    def action_log_sort(self) -> None:
        """Ask by what the log is to be sorted."""
        self.post_message(self.SortMenuWanted())

    def action_move(self, move: Move) -> None:
        """Move the cursor; the last of sorted rows is not the newest event."""
        if move == "bottom" and self._ranked.ranking is not None:
            self.go_to_row(len(self.rows) - 1)
        else:
            super().action_move(move)

    def follow(self) -> None:
        """Show the newest event, by time."""
        if self._ranked.ranking is not None:
            self._ranked.stay()
            self.sort(None)
        super().follow()

    def set_query(self, query: Query) -> None:
        """Show only what matches, newest first as it is found, or highlight it."""
        self.set_scope(replace(self.state.wanted_scope, query=query))

    def toggle_context(self) -> None:
        """Show matches among everything else, or alone; the cursor keeps its event, if that is still shown."""
        if not self.search_query:
            self._note(NOTHING_SEARCHED)
            return
        event_id = 0 if self.is_following else self.current_id
        self.set_scope(replace(self.state.wanted_scope, is_in_context=not self.state.filter.scope.is_in_context))
        if event_id:
            self.go_to(event_id)

    def set_marks(self, bookmarks: tuple[Bookmark, ...], missing: str = "") -> None:
        """Show which events have a bookmark; ``missing`` says why that is not known, where it is not."""
        self.lines.mark(frozenset(bookmark.event.id for bookmark in bookmarks))
        self.sight_changed()
        if self.state.set_marks(bookmarks, missing):
            self.set_scope(self.state.wanted_scope)

    def place_rows(self, at: tuple[int, int] | None = None) -> None:
        """Show the rows that the scope leaves, under the headings of their days; see ``place``."""
        if self._ranked.ranking is not None:
            self.place(self._ranked.rows, at)
        else:
            self.place(DayRows(self.state.filter.rows, self._days.headed(self._today)), at)

    def restyle(self, style: LineStyle) -> None:
        """Write lines like this from now on."""
        if style.zone != self.lines.style.zone:
            self._days.forget()
        self.lines.restyle(style)
        self._read_days()
        self.state.is_ascii = style.glyphs.is_ascii
        self.sight_changed()
        self.report()

    def halt(self) -> None:
        """Search no further for what is shown: another search is about to follow."""
        self.state.halt()
        self._advance()

    def take(self, found: FoundMatches) -> None:
        """Add an answer to a ``SearchWanted``; answers that are stale are left out."""
        was_pending = self.state.is_pending
        top_id = self.rows.id_at(0) if len(self.rows) else 0
        goal = self.state.take(found)
        if was_pending and not self.state.is_pending:
            self._show_scope()
        elif not was_pending and found.search.purpose != "jump":
            self.lines.forget_line(top_id)
            self.place_rows()
        if goal is not None and goal.y is not None:
            self.place_rows((goal.event_id, goal.y))
        elif goal is not None:
            self.go_to(goal.event_id)
        self._advance()

    def go_to(self, event_id: int, *, is_time: bool = False) -> None:
        """Put the cursor on an event, or on the next one shown where it is hidden; a search may reach it later.

        ``is_time``: the event stands for a time, and the next one shown is as good.
        The log is sorted by time then.
        """
        if self._ranked.ranking is not None:
            self._ranked.stay()
            self.sort(None)
        if self.state.is_pending:
            self.state.postpone(event_id)
            return
        self.go_to_row(self.rows.row_of(event_id), is_centred=True)
        self.state.arrived(event_id, event_id if is_time else self.current_id)
        self.report()

    def reveal(self, event: Event) -> None:
        """Put the cursor on an event; what hides it is shown again."""
        shown = self.state.filter.scope
        scope = shown.showing(event)
        if scope != shown:
            self.set_scope(replace(scope, query=self.state.wanted_scope.query if scope.query else EVERYTHING))
        self.go_to(event.id)

    def jump(self, aim: Aim, *, newer: bool, from_id: int | None = None) -> None:
        """Jump to the nearest event shown that is aimed at, after the cursor or before it, however far it is.

        ``from_id`` is an event to start from instead. While following, the jump always looks for older events, by
        default from the newest.
        """
        cursor = CursorPlace(self.current_id, self.cursor_y, self.is_following)
        event_id = self.state.jump(aim, cursor, newer=newer, from_id=from_id)
        if event_id:
            self.go_to(event_id)
        self._advance(is_urgent=not event_id)

    def jump_to_match(self, *, newer: bool) -> None:
        """Go to the next or previous match of the search; where only matches are shown, that is the next row."""
        if not self.search_query:
            self._note(NOTHING_SEARCHED)
        elif self.state.filter.scope.is_in_context:
            self.jump(Aim(self.search_query, "match"), newer=newer)
        else:
            self.action_move("down" if newer else "up")

    def action_choose(self) -> None:
        """Show the event under the cursor."""
        event = self.current_event
        if self.show_in_time():
            return
        if event is not None:
            self.pause()
            self.post_message(self.EventChosen(event))

    def cursor_changed(self) -> None:
        """Report the cursor's event; remember when the pause began, for the count of new rows."""
        self.state.moved()
        if self.is_following != self._was_following:
            self._was_following = self.is_following
            self._paused_ns = self._clock.wall_ns()
            self._paused_last_id = self.state.filter.bounds.last_id
        self.report()

    def sight_changed(self) -> None:
        """Read what the rows in sight lack, and paint; while they are read, the lines stay as they are."""
        self._has_failed = False
        self._load()
        if not self.lines.is_loading:
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor; a second click chooses."""
        offset = event.get_content_offset(self)
        row = len(self.rows) if offset is None else offset.y + self.scroll_offset.y
        if row < len(self.rows) and not self.is_heading(row):
            self.go_to_row(row)
            if event.chain > 1:
                self.action_choose()

    def report(self) -> None:
        """Update the title, and announce the event under the cursor."""
        if self.state.is_pending:
            return
        focused_id = 0 if self.is_following else self.current_id
        event = self.current_event if focused_id else None
        is_known = event is not None or not focused_id or not self.lines.is_loading
        if focused_id != self._announced_id and is_known and not self.state.has_goal:
            self._announced_id = focused_id
            self.post_message(self.EventHighlighted(event))
        found, zone = self.state.filter, self.lines.style.zone
        # Without the headings
        rows = found.rows
        status = LogStatus(
            is_following=self.is_following,
            day=self._day,
            ranked=self._ranked.sentence(self._clock, zone),
            events=found.bounds.events,
            shown=len(rows),
            searched=found.searched,
            is_searching=found.is_searching,
            query=self.state.query.text,
            hidden_heartbeats=found.hidden_heartbeats,
            hides_heartbeats=found.scope.hides_heartbeats,
            paused_at=fmt.clock(self._paused_ns, zone),
            new_below=0 if self.is_following else len(rows) - rows.row_of(self._paused_last_id + 1),
            waiting_since=fmt.clock(self._opened_ns, zone),
            pruned=max(0, found.bounds.oldest_id - 1) if found.bounds.in_excerpt is None else 0,
            is_in_context=found.scope.is_in_context,
            match_count=found.match_count(focused_id),
            searched_back_to=fmt.moment(found.reached_ns, self._clock.wall_ns(), zone) if found.reached_ns else "",
            in_sight=self._in_sight_flags,
            why_never=unsatisfiable(self.state.query),
            trouble=self.state.note,
        )
        texts = sentences(status, self.lines.style.glyphs)
        if texts[0] != self.status:
            self.status = texts[0]
            self.post_message(StatusChanged(*texts))
            if not len(rows):
                self.refresh()

    def notify_style_update(self) -> None:
        """Forget the colours, and what was drawn with them."""
        super().notify_style_update()
        self._colors = None
        self.lines.clear_lines()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the rows in sight that were read; have the others read."""
        if self._colors is None:
            self._colors = RoleStyles(self.app.theme_variables), self.rich_style
        self._width = self.page.width
        self.lines.resize(self._width)
        ids, above_id = self._load()
        try:
            is_whole = self.lines.draw(ids, above_id, self._colors[0])
        except PatternTooSlowError as error:  # highlighting has ended with it
            self.call_later(self._note, str(error))
            is_whole = self.lines.draw(ids, above_id, self._colors[0])
        self._is_late = self._is_late and not is_whole
        self._keeps_painted = not is_whole and self.lines.is_loading and not self._is_late
        flags = self.lines.in_sight(ids)
        if flags != self._in_sight_flags:
            self._in_sight_flags = flags
            self.call_later(self.report)
        return super().render_lines(crop)

    @property
    def _day(self) -> str:
        """The day of the event under the cursor, where the log has headings of days."""
        row = self.rows.row_of(self.current_id)
        day = self.rows.day_of(row) if isinstance(self.rows, DayRows) and row < len(self.rows) else None
        return day_name(day) if day is not None else ""

    @property
    def _today(self) -> date:
        return day_of(self._clock.wall_ns(), self.lines.style.zone)

    def _read_days(self) -> None:
        """Have read which days there are, where that may have changed."""
        last_id, mono_ns = self.state.filter.bounds.last_id, self._clock.mono_ns()
        if self._days.is_due(self._today, last_id, mono_ns):
            self._days.begin(last_id, mono_ns)
            from_id, zone = self._days.known_to, self.lines.style.zone
            self._submit("log.days", partial(read_days, from_id=from_id, zone=zone), self._take_days)

    def _take_days(self, starts: Sequence[DayStart] | WsmonError) -> None:
        if isinstance(starts, WsmonError):
            self._note(str(starts))
        elif self._days.take(starts) and not self.state.is_pending:
            self.place_rows()
            self.sight_changed()
            self.report()

    def render_line(self, y: int) -> Strip:
        """Return the line of a row, looked up."""
        width, painted = self._width, self._painted.get(y)
        if self._keeps_painted and painted is not None and painted.cell_length == width:
            return painted
        if self._colors is None or self._keeps_painted:
            return Strip.blank(width)
        (styles, base), row = self._colors, y + self.scroll_offset.y
        day = self.rows.heading(row) if isinstance(self.rows, DayRows) and row < len(self.rows) else None
        if day is not None:
            line = draw_line(day_line(day, width, self.lines.style.glyphs), width, base, styles)
        elif row < len(self.rows):
            event_id = self.rows.id_at(row)
            strip = self.lines.line_of(event_id) or Strip.blank(width)
            style = base + styles.cursor(self.has_focus) if event_id == self.current_id else base
            line = strip.apply_style(style)
        else:
            status = list(islice(wrap(self.status, width), y, y + 1)) if not len(self.rows) else []
            line = draw_line(tuple((text, "dim") for text in status), width, base, styles)
        self._painted[y] = line
        return line

    def _load(self) -> tuple[Sequence[int], int]:
        """Have read what the rows in sight lack, unless that has just failed; return their ids and the one above."""
        top = self.scroll_offset.y
        in_sight = range(top, min(top + self.page.height, len(self.rows)))
        # A heading has the id of the row below it
        ids = list(dict.fromkeys(self.rows.id_at(row) for row in in_sight))
        first = self.rows.row_of(ids[0]) if ids else 0
        above = first - 2 if self.is_heading(first - 1) else first - 1
        above_id = self.rows.id_at(above) if ids and above >= 0 else 0
        if not self._has_failed:
            self.lines.load(ids, above_id, self.current_id)
            if self.lines.is_loading:
                self.settled.clear()
        return ids, above_id

    def _loaded(self, error: WsmonError | None) -> None:
        """Paint what was read; where the rows in sight have changed meanwhile, have the rest read."""
        if error is None:
            self._load()
            self._is_late = self.lines.is_loading
            self.report()
        else:
            self._has_failed = True
            self._note(str(error))
        self._settle()
        self.refresh()

    def _advance(self, *, is_urgent: bool = False) -> None:
        """Hand out long searches, and have the questions of the state answered; ``is_urgent`` replaces those asked."""
        for search in self.state.take_searches():
            self.post_message(self.SearchWanted(search))
        questions = self.state.questions()
        if questions and (is_urgent or not self._is_glancing):
            self._is_glancing = True
            self.settled.clear()
            self._submit("log.matches", partial(glance_all, searches=questions), self._glanced)
        self.report()

    def _glanced(self, answer: Sequence[FoundMatches] | WsmonError) -> None:
        was_pending = self.state.is_pending
        if isinstance(answer, WsmonError):
            self.state.fail()
            if was_pending:
                self._show_scope()
            self._note(str(answer))
        else:
            for found in answer:
                self.take(found)
        self._is_glancing = False
        self._settle()
        if not isinstance(answer, WsmonError):
            self._advance()
        self.report()

    def _show_scope(self) -> None:
        """Show the first rows of a scope."""
        place = self.state.begin(CursorPlace(self.current_id, self.cursor_y, self.is_following))
        self.lines.highlight(self.state.filter.scope.highlighted)
        self._fit_columns()
        self.place_rows(place)
        self.sight_changed()
        if event_id := self.state.take_postponed():
            self.go_to(event_id)

    def _settle(self) -> None:
        """Wake the waiting keys, then close the gate again if a read is still under way.

        So each key waits for at most one read here.
        """
        self.settled.set()
        if self.lines.is_loading or self._is_glancing:
            self.settled.clear()

    def _note(self, sentence: str) -> None:
        """Put the first line of a sentence into the title, until the next key."""
        # A problem with a query has more lines: the place in it.
        self.state.note = sentence.partition("\n")[0]
        self.report()
