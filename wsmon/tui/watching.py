"""The monitor's screen: snapshots into panes, messages of panes into questions, answers back into panes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from textual import on
from textual.widget import Widget

from wsmon.export.run import ExportRequest
from wsmon.model.events import Event
from wsmon.model.snapshot import EMPTY_SNAPSHOT, Snapshot
from wsmon.model.stats import Statistics
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.parser import parse
from wsmon.tui.arrangement import PaneName
from wsmon.tui.backing import Backing
from wsmon.tui.desk import Desk
from wsmon.tui.palette import Meaning
from wsmon.tui.panes.connections import ConnectionsPane
from wsmon.tui.panes.detail import DetailPane
from wsmon.tui.panes.footer import Footer
from wsmon.tui.panes.log import LogPane
from wsmon.tui.panes.log_search import run_search
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.statistics_table import period
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.questions import Questions
from wsmon.tui.recording import RecorderWatch

Pane = TypeVar("Pane", bound=Widget)


class MonitorScreen(Desk):
    """What the app shows."""

    def __init__(self, backing: Backing) -> None:
        self.backing = backing
        self._view: StoreView | None = None
        # of this thread, for the rows of the log
        self._snapshot = EMPTY_SNAPSHOT
        self._drawn: object = None
        # what header and list said last, as far as it is worth an immediate repaint
        options = backing.options
        super().__init__(self._builders(), Footer(backing.keymap.keys, id="footer"))
        self.recorder = RecorderWatch(
            backing.clock.wall_ns(),
            options.start_command,
            (*backing.keymap.problems, *options.warnings),
            options.banner,
            backing.control is not None,
        )
        self.last_export: ExportRequest | None = None
        self.questions = Questions(backing, self.recorder, self.now_ns)

    def on_mount(self) -> None:
        """The keys act on the log at first."""
        super().on_mount()
        self.give_keys("log")

    def on_unmount(self) -> None:
        """Let the store go."""
        if self._view is not None:
            self._view.close()

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

    def now_ns(self) -> int:
        """Wall time."""
        return self.backing.clock.wall_ns()

    def action_act(self, action_id: str) -> None:
        """Run an action of the table."""
        from wsmon.tui.commands import COMMANDS  # knows this module

        COMMANDS[action_id](self)

    def say(self, text: str, meaning: Meaning = "text") -> None:
        """Put a sentence into the last line for a while."""
        self.footer.say(text, meaning)

    def show(self, snapshot: Snapshot) -> None:
        """A new snapshot: the log at once; the rest at once where a status changed, else with the next tick."""
        self._snapshot = snapshot
        if not self.is_ready:
            return
        if self.set_rows(len(snapshot.connections)):
            self.lay_out()
        self.log_pane.set_bounds(snapshot.bounds)
        states = tuple((row.state.name, row.state.status, row.state.is_stalled) for row in snapshot.connections)
        if states != self._drawn:
            self._drawn = states
            self.draw()

    def tick(self) -> None:
        """Once a second: ages, rates, and what the panes in sight ask for."""
        if self.is_ready:
            self.draw()
            self.ask_store()

    def draw(self) -> None:
        """Header, banner and list, as of now."""
        now_ns, health = self.now_ns(), self.backing.control.health if self.backing.control else None
        self.recorder.see(health, now_ns)
        bounds = self._snapshot.bounds
        self.banner.show(self.recorder.sentence(health, bounds, now_ns))
        self.header.show(self.backing.options.name, self._snapshot, self.recorder.recording(), health, now_ns)
        if "connections" in self.in_sight:
            self.connections.show(self._snapshot, now_ns)

    def ask_store(self) -> None:
        """Ask for what the panes in sight show."""
        if self._snapshot is EMPTY_SNAPSHOT:
            return
        self.questions.notice(self._snapshot.bounds)
        timeline, statistics = self.slot("timeline").pane, self.slot("statistics").pane
        if isinstance(timeline, TimelinePane) and "timeline" in self.in_sight:
            self.questions.ask_timeline(timeline, self.connections.names)
        if isinstance(statistics, StatisticsPane) and "statistics" in self.in_sight:
            self.questions.ask_statistics(self._show_statistics(statistics))

    def lay_out(self) -> None:
        """A pane that came into sight gets what there is."""
        self.set_rows(len(self._snapshot.connections))
        super().lay_out()
        if self.is_ready and self._snapshot is not EMPTY_SNAPSHOT:
            self.log_pane.set_bounds(self._snapshot.bounds)
            self.draw()
            self.ask_store()
            if "detail" in self.in_sight:
                self.show_event(self.log_pane.current_event)

    def search_for(self, query: Query) -> None:
        """Show in the log only what matches."""
        self.log_pane.set_query(query)

    def show_event(self, event: Event | None) -> None:
        """Put an event into the detail, if that is in sight."""
        pane = self.slot("detail").pane
        if isinstance(pane, DetailPane) and "detail" in self.in_sight:
            pane.show(event)

    @on(ConnectionsPane.Chosen)
    def _connection_chosen(self, message: ConnectionsPane.Chosen) -> None:
        """The log shows one connection, or everything again."""
        wanted = parse(f"conn:{message.connection}")
        is_shown = self.log_pane.search.text == wanted.text
        self.search_for(EVERYTHING if is_shown else wanted)

    @on(ConnectionsPane.Highlighted)
    def _connection_highlighted(self) -> None:
        if "statistics" in self.in_sight:
            self.ask_store()

    @on(LogPane.Highlighted)
    def _event_highlighted(self, message: LogPane.Highlighted) -> None:
        self.show_event(message.event)

    @on(LogPane.Chosen)
    def _event_chosen(self, message: LogPane.Chosen) -> None:
        self.ask("detail")
        self.show_event(message.event)

    @on(LogPane.Wanted)
    def _search_wanted(self, message: LogPane.Wanted) -> None:
        search, pane = message.search, self.log_pane
        self.backing.searches.stream(
            search.purpose, lambda view, is_stale: run_search(view, search, is_stale), pane.take
        )

    @on(LogPane.Status)
    def _log_says(self, message: LogPane.Status) -> None:
        self.slot("log").say(message.text)

    @on(TimelinePane.Status)
    def _timeline_says(self, message: TimelinePane.Status) -> None:
        self.slot("timeline").say(message.text)

    @on(TimelinePane.RangeChanged)
    def _range_changed(self) -> None:
        self.ask_store()

    @on(TimelinePane.Chosen)
    def _time_chosen(self, message: TimelinePane.Chosen) -> None:
        """The log goes to the moment under the timeline's cursor."""
        self.ask("log")
        if message.event_id:
            self.log_pane.go_to(message.event_id)
        else:
            self.backing.answers.ask("moment", lambda view: view.id_at(message.at_ns), self.log_pane.go_to)

    def _builders(self) -> Mapping[PaneName, Callable[[], Widget]]:
        return {
            "connections": partial(ConnectionsPane, id="connections"),
            "timeline": lambda: TimelinePane(self._event, id="timeline"),
            "statistics": partial(StatisticsPane, id="statistics"),
            "log": lambda: LogPane(self._own_view(), self.backing.clock, id="log"),
            "detail": partial(DetailPane, id="detail"),
        }

    def _own_view(self) -> StoreView:
        if self._view is None:
            self._view = self.backing.views()
        return self._view

    def _event(self, event_id: int) -> Event | None:
        found = self._own_view().events_by_id((event_id,))
        return found[0] if found else None

    def _show_statistics(self, pane: StatisticsPane) -> Callable[[Statistics], None]:
        current = self.connections.current
        name = current.name if current is not None else ""

        def deliver(statistics: Statistics) -> None:
            pane.show(statistics, name, self.now_ns(), self._snapshot.messages_per_s)
            self.slot("statistics").say(f"{name} · {period(statistics)}" if name else period(statistics))

        return deliver


def _as(kind: type[Pane], pane: Widget) -> Pane:
    """The pane, known by its type."""
    if not isinstance(pane, kind):
        raise TypeError(f"{pane!r} is no {kind.__name__}")
    return pane
