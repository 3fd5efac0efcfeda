"""The screen as a board: snapshots and answers of the store into the panes in sight.

While a dialog covers it nothing on it moves, but for the banner: who reads a question must not look elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from textual.widget import Widget

from wsmon.model.events import Event
from wsmon.model.snapshot import EMPTY_SNAPSHOT, Snapshot
from wsmon.tui.arrangement import PANES, Arrangement
from wsmon.tui.backing import Backing
from wsmon.tui.before import asks_before, read_before
from wsmon.tui.dialogs.dialog import Dialog
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.layout import Desk
from wsmon.tui.pane_set import PaneSet
from wsmon.tui.panes.connections import ConnectionsPane
from wsmon.tui.panes.detail import EMPTY, NOTHING_SHOWN, DetailPane, Value
from wsmon.tui.panes.footer import Footer
from wsmon.tui.panes.log import LogPane
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.statistics_lines import Answer
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.recorder_status import RecorderWatch
from wsmon.tui.services import Questions

Pane = TypeVar("Pane", bound=Widget)


class Board(Desk):
    """Shows what it is given; what keys and panes ask for is up to the class that derives."""

    def __init__(self, backing: Backing) -> None:
        self.backing = backing
        self._panes = PaneSet(backing)
        self._snapshot = EMPTY_SNAPSHOT
        self._drawn: object = None
        # what header and list said last, as far as it is worth an immediate repaint
        options = backing.options
        remembered = backing.remembered
        arrangement = Arrangement(remembered.lower, remembered.middle, remembered.zoomed)
        footer = Footer(backing.keymap.keys, id="footer")
        super().__init__(self._panes.builders(), footer, arrangement, remembered.focused)
        self.recorder = RecorderWatch(
            backing.clock.wall_ns(),
            options.start_command,
            (
                *filter(None, (backing.notebook.trouble, backing.forgotten)),
                *map(str, backing.keymap.problems),
                *options.warnings,
            ),
            options.banner,
            backing.control is not None,
        )
        self.questions = Questions(backing, self.shown_ns, self._run_is_known, self._newest_is_known, self.ask_store)

    def on_unmount(self) -> None:
        """Let the store go."""
        self._panes.close()

    def on_screen_resume(self) -> None:
        """A dialog is gone: show what came meanwhile."""
        if self._snapshot is not EMPTY_SNAPSHOT:
            self.show(self._snapshot)
            self.tick()

    @property
    def log_pane(self) -> LogPane:
        """The log; built where nobody has looked at it yet."""
        return _as(LogPane, self.slot("log").build())

    @property
    def connections(self) -> ConnectionsPane:
        """The list of connections."""
        return _as(ConnectionsPane, self.slot("connections").build())

    @property
    def snapshot(self) -> Snapshot:
        """What is shown."""
        return self._snapshot

    @property
    def is_covered(self) -> bool:
        """Whether a dialog asks something; the search line is none, for one watches what it finds."""
        return any(isinstance(screen, Dialog) for screen in self.app.screen_stack)

    def use_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these signs from now on."""
        self._panes.use_glyphs(glyphs, [self.slot(name).pane for name in PANES])

    def now_ns(self) -> int:
        """Wall time."""
        return self.backing.clock.wall_ns()

    def shown_ns(self) -> int:
        """The wall time that the panes are about: now, or the end of a recording that goes on no more."""
        return self.recorder.shown_ns(self._snapshot.bounds, self.now_ns())

    def show(self, snapshot: Snapshot) -> None:
        """A new snapshot: the log at once; the rest at once where a status changed, else with the next tick."""
        is_first, self._snapshot = self._snapshot is EMPTY_SNAPSHOT, snapshot
        if not self.is_ready or self.is_covered:
            return
        if self.set_rows(len(snapshot.connections)):
            self.lay_out()
        self.log_pane.set_bounds(snapshot.bounds)
        states = tuple((row.state.name, row.state.status, row.state.is_stalled) for row in snapshot.connections)
        if states != self._drawn:
            self._drawn = states
            self.draw()
        if is_first:
            self.ask_store()

    def tick(self) -> None:
        """Once a second: ages, rates, and what the panes in sight ask for."""
        if not self.is_ready:
            return
        if self.is_covered:
            self._draw_banner()
        else:
            self.draw()
            self.ask_store(is_urgent=False)

    def draw(self) -> None:
        """Header, banner and list, as of now; the timeline has the order of the list."""
        self._draw_banner()
        now_ns, health = self.now_ns(), self.backing.control.health if self.backing.control else None
        self.header.show(self.backing.options.name, self._snapshot, self.recorder.recording(), health, now_ns)
        timeline = self.slot("timeline").pane
        if {"connections", "timeline", "statistics"} & set(self.in_sight):
            self.connections.show(self._snapshot, self.shown_ns())
        if isinstance(timeline, TimelinePane):
            timeline.set_order(self.connections.names)

    def ask_store(self, *, is_urgent: bool = True) -> None:
        """Ask for what the panes in sight show; what comes with every second is not urgent."""
        if self._snapshot is EMPTY_SNAPSHOT:
            return
        self.questions.notice(self._snapshot.bounds)
        timeline, statistics = self.slot("timeline").pane, self.slot("statistics").pane
        if isinstance(timeline, TimelinePane) and "timeline" in self.in_sight:
            self.questions.ask_timeline(timeline, is_urgent=is_urgent)
        if isinstance(statistics, StatisticsPane) and "statistics" in self.in_sight:
            name = self._current_name()
            self.questions.ask_statistics(statistics, name, self._show_statistics(statistics, name))

    def lay_out(self) -> None:
        """A pane that came into sight gets what there is."""
        self.set_rows(len(self._snapshot.connections))
        super().lay_out()
        if self.is_ready and self._snapshot is not EMPTY_SNAPSHOT:
            self.log_pane.set_bounds(self._snapshot.bounds)
            self.draw()
            self.ask_store()
            self.show_event(self.log_pane.focused_event)

    def show_event(self, event: Event | None) -> None:
        """Put an event into the detail, if that is in sight; ``None`` while the log follows."""
        pane = self.slot("detail").pane
        if isinstance(pane, DetailPane) and "detail" in self.in_sight:
            pane.show(event, EMPTY if self.log_pane.is_following else NOTHING_SHOWN)
            if event is not None and asks_before(event):
                self.backing.answers.ask(
                    "before", lambda view: read_before(view, event), lambda found: pane.tell(event, found)
                )

    @property
    def detail_event(self) -> Event | None:
        """What the detail shows, where it is in sight."""
        pane = self.slot("detail").pane
        return pane.event if isinstance(pane, DetailPane) and "detail" in self.in_sight else None

    @property
    def detail_value(self) -> Value | None:
        """The JSON value under the cursor of the detail, while that has the keys."""
        pane = self.slot("detail").pane
        return pane.value if isinstance(pane, DetailPane) and self.current == "detail" else None

    def _draw_banner(self) -> None:
        now_ns, health = self.now_ns(), self.backing.control.health if self.backing.control else None
        self.recorder.see(health, now_ns)
        self.banner.show(self.recorder.sentence(health, self._snapshot.bounds, now_ns))

    def _run_is_known(self, started_ns: int) -> None:
        self.recorder.run_started_ns = started_ns or None
        if self.is_ready and not self.is_covered:
            self.draw()

    def _newest_is_known(self, last_id: int, at_ns: int) -> None:
        if at_ns:
            self.recorder.find(last_id, at_ns)

    def _current_name(self) -> str:
        current = self.connections.current
        return current.name if current is not None else ""

    def _show_statistics(self, pane: StatisticsPane, name: str) -> Callable[[Answer], None]:
        def deliver(answer: Answer) -> None:
            if self.is_covered:
                return
            pane.show(answer, name, self.shown_ns(), self._snapshot.messages_per_s)
            length_ns = answer.statistics.until_ns - answer.statistics.since_ns
            beside = f"beside {pane.choice.beside}" if pane.choice.beside else ""
            parts = (name, beside, pane.choice.words(length_ns))
            self.slot("statistics").say(" · ".join(part for part in parts if part))

        return deliver


def _as(kind: type[Pane], pane: Widget) -> Pane:
    """The pane, known by its type."""
    if not isinstance(pane, kind):
        raise TypeError(f"{pane!r} is no {kind.__name__}")
    return pane
