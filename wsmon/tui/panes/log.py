"""The log: every event of the store on a line, however many there are; only the lines in sight are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo

from textual import events
from textual.message import Message

from wsmon.errors import WsmonError
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.snapshot import StoreBounds
from wsmon.ports import Clock, StoreView
from wsmon.query.predicate import unsatisfiable
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.line_columns import ColumnName
from wsmon.tui.panes.log_finding import FindingLog
from wsmon.tui.panes.log_line import TIME_MODES, TimeMode
from wsmon.tui.panes.log_status import LogStatus, sentences
from wsmon.tui.panes.messages import Says


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
        self._announced_id = 0
        # of the newest Highlighted; 0 = none

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
            self.post_message(Says(*texts))
            if not len(rows):
                self.refresh()
