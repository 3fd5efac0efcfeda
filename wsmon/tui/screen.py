"""The monitor's screen: what keys and panes ask for, and who answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from textual import on
from textual.message import Message
from textual.widget import Widget

from wsmon.errors import QueryError
from wsmon.export.run import ExportRequest
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.snapshot import EMPTY_SNAPSHOT, Snapshot
from wsmon.model.timeline import TimelineProblem
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.bookmarks import Notebook
from wsmon.tui.dialogs.base import Dialog
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.layout import PANES, Arrangement, Desk, PaneName
from wsmon.tui.panes.bars import Footer
from wsmon.tui.panes.connections import ConnectionsPane
from wsmon.tui.panes.detail import EMPTY, NOTHING_SHOWN, DetailPane, DetailValue
from wsmon.tui.panes.log import LogPane
from wsmon.tui.panes.log_filter import Scope, of_connection, run_search
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.statistics_render import StatisticsAnswer
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.recorder_status import RecorderStatus
from wsmon.tui.related import EvidenceTrail, PriorEvents, has_prior_events, next_step, read_prior_events
from wsmon.tui.services import PaneQueries, ScreenServices
from wsmon.tui.session_state import LogPosition, Preference, SessionState
from wsmon.tui.terminal import driver, osc
from wsmon.tui.terminal.capabilities import multiplexer
from wsmon.tui.text import Role
from wsmon.tui.widgets.text_view import ActionRefused

# The five panes, each made when it is first shown, and the view of the store that they read in the screen's thread.


class PaneSet:
    """Knows how panes are made, and of what."""

    def __init__(self, backing: ScreenServices) -> None:
        self._backing = backing
        self._view: StoreView | None = None
        self._glyphs = backing.glyphs

    def builders(self) -> Mapping[PaneName, Callable[[], Widget]]:
        """What makes each pane."""
        return {
            "connections": lambda: ConnectionsPane(glyphs=self._glyphs, id="connections"),
            "timeline": lambda: TimelinePane(self._event, glyphs=self._glyphs, id="timeline"),
            "statistics": partial(StatisticsPane, id="statistics"),
            "log": self._log,
            "detail": lambda: DetailPane(glyphs=self._glyphs, id="detail"),
        }

    def use_glyphs(self, glyphs: Glyphs, panes: Iterable[Widget | None]) -> None:
        """Draw with these signs from now on: panes that are there, and those to come."""
        self._glyphs = glyphs
        for pane in panes:
            if isinstance(pane, ConnectionsPane | DetailPane | LogPane | TimelinePane):
                pane.set_glyphs(glyphs)

    def close(self) -> None:
        """Let the store go."""
        if self._view is not None:
            self._view.close()

    def _log(self) -> LogPane:
        pane = LogPane(self._own_view(), self._backing.clock, glyphs=self._glyphs, id="log")
        pane.set_marks(self._backing.notebook.bookmarks, self._backing.notebook.trouble)
        return pane

    def _own_view(self) -> StoreView:
        if self._view is None:
            self._view = self._backing.views()
        return self._view

    def _event(self, event_id: int) -> Event | None:
        found = self._own_view().events_by_id((event_id,))
        return found[0] if found else None


# The screen as a board: snapshots and answers of the store into the panes in sight.
#
# While a dialog covers it nothing on it moves, but for the banner: who reads a question must not look elsewhere.

Pane = TypeVar("Pane", bound=Widget)


class Board(Desk):
    """Shows what it is given; what keys and panes ask for is up to the class that derives."""

    def __init__(self, backing: ScreenServices) -> None:
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
        self.recorder = RecorderStatus(
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
        self.questions = PaneQueries(backing, self.shown_ns, self._run_is_known, self._newest_is_known, self.ask_store)

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
            if event is not None and has_prior_events(event):
                self.backing.answers.ask(
                    "before", lambda view: read_prior_events(view, event), lambda found: pane.tell(event, found)
                )

    @property
    def detail_event(self) -> Event | None:
        """What the detail shows, where it is in sight."""
        pane = self.slot("detail").pane
        return pane.event if isinstance(pane, DetailPane) and "detail" in self.in_sight else None

    @property
    def detail_value(self) -> DetailValue | None:
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

    def _show_statistics(self, pane: StatisticsPane, name: str) -> Callable[[StatisticsAnswer], None]:
        def deliver(answer: StatisticsAnswer) -> None:
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


# From the screen to what is remembered of it, and back.


def remember(screen: Board, theme: Preference, characters: Preference) -> SessionState:
    """How the screen is now."""
    arrangement, log, connections = screen.arrangement, screen.log_pane, screen.connections
    scope = log.scope
    return SessionState(
        theme=theme,
        characters=characters,
        lower=arrangement.lower,
        middle=arrangement.middle,
        zoomed=arrangement.zoomed,
        focused=screen.current,
        query=scope.query.text,
        is_in_context=scope.is_in_context,
        hides_heartbeats=scope.hides_heartbeats,
        time_mode=log.time_mode,
        columns=log.columns,
        place=LogPosition(screen.backing.options.store_id, 0 if log.is_following else log.current_id),
        connection=connections.chosen,
    )


def recall(screen: Board, remembered: SessionState) -> None:
    """Put the log and the list where they were; once, when there is something to show."""
    log = screen.log_pane
    log.set_time_mode(remembered.time_mode)
    log.set_columns(remembered.columns)
    scope = Scope(hides_heartbeats=remembered.hides_heartbeats)
    try:
        query = parse(remembered.query, ReferenceTime(screen.now_ns()))
        scope = replace(scope, query=query, is_in_context=remembered.is_in_context and bool(query))
    except QueryError as error:  # kept by a wsmon with other words
        screen.footer.say(f"the search {remembered.query} is no longer understood: {error.what}", "problem")
    else:
        if told := remembered.told():
            screen.footer.say(told)
    if scope != log.scope:
        log.set_scope(scope)
    if remembered.place.event_id and remembered.place.store_id == screen.backing.options.store_id:
        log.go_to(remembered.place.event_id)
    if remembered.connection:
        screen.connections.choose_first(remembered.connection)


NO_EVIDENCE = "this event names no evidence: e goes to problems"


def narrowed(text: str, term: str, *, is_excluded: bool) -> str:
    """A query as typed, with one more term that has to hold, or not to."""
    before = f"({text}) " if " OR " in text else f"{text} " if text else ""
    return f"{before}{'-' if is_excluded else ''}{term}"


class MonitorScreen(Board):
    """What the app shows."""

    class Recalled(Message):
        """Everything is where it was left."""

    def __init__(self, backing: ScreenServices) -> None:
        super().__init__(backing)
        self.last_export: ExportRequest | None = None
        self._incidents = osc.IncidentNotices()
        self._trail: EvidenceTrail | None = None
        # Whether everything is where it was left
        self.is_recalled = False

    def show(self, snapshot: Snapshot) -> None:
        """A new snapshot; incidents that opened are told, also while a dialog covers the rest."""
        super().show(snapshot)
        if not self.is_recalled and self.is_ready and not self.is_covered:
            self.is_recalled = True
            recall(self, self.backing.remembered)
            self.post_message(self.Recalled())
        self._incidents.see(snapshot)
        self._tell()

    def tick(self) -> None:
        """Once a second; what had to wait is told."""
        super().tick()
        self._tell()

    def action_act(self, action_id: str) -> None:
        """Run an action of the table; whoever is on the way out opens nothing any more."""
        from wsmon.tui.commands import COMMANDS  # knows this module

        if self.app.return_value is None:
            COMMANDS[action_id](self)

    def say(self, text: str, role: Role = "text", path: Path | None = None) -> None:
        """Put a sentence, and the path it is about, into the last line for a while."""
        self.footer.say(text, role, path)

    @property
    def notebook(self) -> Notebook:
        """What the user has written down."""
        return self.backing.notebook

    @property
    def place_id(self) -> int:
        """The event that one looks at: under the cursor of the log, or a copy of a pruned one in the detail."""
        shown = self.detail_event
        return shown.id if shown is not None and shown.id < self.snapshot.bounds.oldest_id else self.log_pane.current_id

    @property
    def looked_at(self) -> Event | None:
        """The event that the keys are about: that of the detail while it has them, else that under the log's cursor."""
        return (self.detail_event if self.current == "detail" else None) or self.log_pane.current_event

    def show_marks(self) -> None:
        """The log shows which events have a bookmark, and those that its search asks for by their notes."""
        self.log_pane.set_marks(self.notebook.bookmarks, self.notebook.trouble)

    def go_to_event(self, event: Event) -> None:
        """Put the log's cursor on an event; one that was pruned is shown as this copy."""
        if event.id >= self.snapshot.bounds.oldest_id:
            if "log" not in self.in_sight:
                self.ask("log")
            self.log_pane.go_to(event.id)
        else:
            self.ask("detail")
            self.show_event(event)
            self.say(f"event #{fmt.count(event.id)} is no longer kept: this is the copy of its mark", "caution")

    def search_for(self, query: Query) -> None:
        """Show in the log only what matches."""
        self.log_pane.set_query(query)

    def go_to_evidence(self, event: Event | None) -> None:
        """Go to the first event that proves this one, or on along the trail where it is on one."""
        step = next_step(event, self._trail) if event is not None else None
        if step is None and event is not None and has_prior_events(event):
            self.backing.answers.ask(
                "evidence", lambda view: read_prior_events(view, event), partial(self._go_before, event)
            )
            return
        if step is None:
            self.say(NO_EVIDENCE, "caution")
            return
        self._trail = step.trail
        self.backing.answers.ask("evidence", lambda view: view.events_by_id((step.event_id,)), self._show_evidence)

    def _go_before(self, event: Event, before: PriorEvents) -> None:
        """To the last message before a connection ended; the next step leads back."""
        if before.message is None:
            self.say("no message was kept before it, and it names no evidence", "caution")
            return
        self._trail = EvidenceTrail(event.id, (before.message.id,))
        self.log_pane.reveal(before.message)

    def show_problem(self, problem: TimelineProblem) -> None:
        """The log goes to a problem of the timeline, also where a filter hides it."""
        event_id = problem.event_id
        self.backing.answers.ask("evidence", lambda view: view.events_by_id((event_id,)), self._show_evidence)

    def _show_evidence(self, found: tuple[Event, ...]) -> None:
        """Go there, also where a filter hides it."""
        if found:
            self.log_pane.reveal(found[0])
        else:
            self.say("the event is no longer kept", "caution")

    @on(ConnectionsPane.ConnectionChosen)
    def _connection_chosen(self, message: ConnectionsPane.ConnectionChosen) -> None:
        """The log shows one connection, at its trouble if it has some; or everything again."""
        wanted = Query((FieldTerm("connection", (Exact(message.connection),)),), f"conn:{message.connection}")
        if self.log_pane.search.text == wanted.text:
            self.search_for(EVERYTHING)
            return
        self.search_for(wanted)
        if message.trouble_id:
            self.log_pane.go_to(message.trouble_id)

    @on(StatisticsPane.SelectionChanged)
    @on(ConnectionsPane.ConnectionHighlighted)
    def _other_statistics(self) -> None:
        if "statistics" in self.in_sight:
            self.ask_store()

    @on(LogPane.Highlighted)
    def _event_highlighted(self, message: LogPane.Highlighted) -> None:
        self.show_event(message.event)

    @on(LogPane.Chosen)
    def _event_chosen(self, message: LogPane.Chosen) -> None:
        self.ask("detail")
        self.show_event(message.event)

    @on(DetailPane.FilterRequested)
    def _value_asked(self, message: DetailPane.FilterRequested) -> None:
        """The search goes on with the value that the detail shows, or without it."""
        if not message.term:
            self.say("no search asks for this part of an event", "caution")
            return
        text = narrowed(self.log_pane.search.text, message.term, is_excluded=message.is_excluded)
        try:
            query = parse(text, ReferenceTime(self.now_ns()))
        except QueryError as error:
            self.say(str(error), "problem")
            return
        self.notebook.remember(text)
        self.search_for(query)
        self.say(f"the log shows {text}: Esc in the log clears")

    @on(DetailPane.EvidenceRequested)
    def _detail_chosen(self, message: DetailPane.EvidenceRequested) -> None:
        self.go_to_evidence(message.event)

    @on(LogPane.Wanted)
    def _search_wanted(self, message: LogPane.Wanted) -> None:
        search, pane = message.search, self.log_pane
        self.backing.searches.stream(
            search.purpose, lambda view, is_stale: run_search(view, search, is_stale), pane.take
        )

    @on(ActionRefused)
    def _pane_refuses(self, message: ActionRefused) -> None:
        self.say(message.sentence, "caution")

    @on(TimelinePane.RequestChanged)
    def _period_changed(self) -> None:
        self.ask_store()

    @on(TimelinePane.PlaceChosen)
    def _time_chosen(self, message: TimelinePane.PlaceChosen) -> None:
        """The log goes to the problem under the timeline's cursor, or to what the connection did then."""
        self.ask("log")
        if message.problem is not None:
            self.show_problem(message.problem)
            return

        def land(event_id: int) -> None:
            self.log_pane.go_to_first(of_connection(message.connection), event_id)

        self.backing.answers.ask("moment", lambda view: view.id_at(message.at_ns), land)

    def _tell(self) -> None:
        """Tell what opened, as the recorder's configuration says."""
        health = self.backing.control.health if self.backing.control else None
        news = self._incidents.take(self.backing.clock.mono_ns())
        if not news:
            return
        told = osc.incident_sentence(news)
        self.say(told, "caution")
        if health is not None and health.rings:
            driver.write(self.app, osc.BELL)
        if health is not None and health.notifies:
            driver.write(self.app, osc.desktop_notification(told, multiplexer(os.environ)))
