"""The monitor's screen: snapshots in, messages of panes answered, keys handed to the commands."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeAlias, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from wsmon.errors import QueryError
from wsmon.export.run import ExportRequest
from wsmon.model.events import Event
from wsmon.model.snapshot import EMPTY_SNAPSHOT, Snapshot
from wsmon.ports import StoreView
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.actions import BY_ID, Action, bindings
from wsmon.tui.dialogs.base import Dialog
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.layout import Arrangement, PaneLayout, PaneName, Slot
from wsmon.tui.panes.bars import Banner, Footer, Header
from wsmon.tui.panes.connections import ConnectionsPane
from wsmon.tui.panes.detail import EMPTY_LOG_HINT, FOLLOWING_HINT, DetailPane
from wsmon.tui.panes.log import LogPane
from wsmon.tui.panes.log_filter import LogScope, of_connection, run_search
from wsmon.tui.panes.log_ranked import run_ranking
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.statistics_render import StatisticsAnswer, maxima
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.recorder_status import RecorderStatus
from wsmon.tui.related import EvidenceNavigator, has_prior_events, read_prior_events
from wsmon.tui.sent_history import SentHistory, history_path
from wsmon.tui.services import PaneQueries, ScreenServices
from wsmon.tui.session_state import LogPosition, SessionState
from wsmon.tui.terminal import driver, osc
from wsmon.tui.terminal.capabilities import multiplexer
from wsmon.tui.text import Role
from wsmon.tui.widgets.text_view import ActionRefused

# Texts of a prompt that are kept
HISTORY_LIMIT = 50

Command: TypeAlias = "Callable[[MonitorScreen], None]"
Pane = TypeVar("Pane", bound=Widget)
Result = TypeVar("Result")


class MonitorScreen(Screen[None], inherit_bindings=False):
    """Header, banner, five panes and footer of one store.

    While a dialog covers it only the banner changes: a question must not be read beside moving lines.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    AUTO_FOCUS = ""
    focused: Reactive[Widget | None] = Reactive(None, compute=False, repaint=False)
    """Textual's own repaints the whole screen, 15 ms; here the two panes concerned paint themselves."""

    class Restored(Message):
        """Panes are as they were when the screen was last left."""

    def __init__(self, services: ScreenServices, commands: Mapping[str, Command]) -> None:
        """``commands`` holds a function for every action of scope ``app``, by action id."""
        super().__init__()
        self.services = services
        self._commands = commands
        self.header = Header(id="header")
        self.banner = Banner(id="banner")
        self.footer = Footer(services.keymap.keys, id="footer")
        self.panes = PaneSet(services)
        state = services.session_state
        arrangement = Arrangement(state.lower, state.middle, state.zoomed, has_detail=state.has_detail)
        self.pane_layout = PaneLayout(self, self.panes.slots, arrangement, state.focused, self._fill_panes)
        self.recorder = RecorderStatus(
            services.clock.wall_ns(),
            services.options.start_command,
            (
                *filter(None, (services.notebook.trouble, services.session_state_trouble)),
                *map(str, services.keymap.problems),
                *services.options.warnings,
            ),
            services.options.banner,
            services.control is not None,
            bundle=services.options.bundle,
        )
        self.evidence = EvidenceNavigator(services.worker, self._reveal, self.say)
        self._queries = PaneQueries(services, self.recorder, self.shown_ns, self._run_start_known, self.ask_store)
        self._incidents = osc.IncidentNotices()
        self._snapshot = EMPTY_SNAPSHOT
        self._drawn_statuses: object = None
        """The statuses that header and list show; others are drawn at once, everything else each second."""
        self._apart: Event | None = None
        """What the detail shows instead of the event under the log's cursor."""
        self.last_export: ExportRequest | None = None
        self.piped = InputHistory()
        """Commands that were piped to; kept nowhere else, since they may be confidential."""
        self.sent = SentHistory(history_path(services.options.memory))
        """Texts that were sent by hand, with what is masked in the recording masked."""
        self.is_restored = False
        """Whether panes are as they were when the screen was last left."""

    def compose(self) -> ComposeResult:
        """Header, banner, panes, footer."""
        yield self.header
        yield self.banner
        yield from self.pane_layout.compose()
        yield self.footer

    def on_mount(self) -> None:
        """Mount the panes that are in sight."""
        self.banner.show("")
        if self.services.options.introduction:
            self.footer.introduce(self.services.options.introduction)
        self.pane_layout.set_rows(len(self._snapshot.connections))
        self.pane_layout.start()

    def on_resize(self) -> None:
        """Arrange the panes for the new size."""
        self.pane_layout.lay_out()

    def on_screen_resume(self) -> None:
        """Show what came while a dialog covered the screen."""
        if self._snapshot is not EMPTY_SNAPSHOT:
            self.show(self._snapshot)
            self.tick()

    def on_unmount(self) -> None:
        """Close the view of the store."""
        self.panes.close()

    @property
    def snapshot(self) -> Snapshot:
        """What is shown."""
        return self._snapshot

    @property
    def is_covered(self) -> bool:
        """Whether a dialog covers the screen; the search line does not, its results are watched while typing."""
        return any(isinstance(screen, Dialog) and screen.HIDES_SCREEN for screen in self.app.screen_stack)

    @property
    def is_uppermost(self) -> bool:
        """Whether no dialog is open."""
        return self.app.screen is self

    def open_answer(self, dialog: Dialog[Result], close: Callable[[Result | None], None] | None = None) -> None:
        """Open a dialog over the screen with what the store has answered; not over one that was opened meanwhile.

        The user is at that one, and its keys would go to the one above.
        """
        if self.is_uppermost:
            self.app.push_screen(dialog, close)

    def pane_in_sight(self, kind: type[Pane]) -> Pane | None:
        """The pane of this class, if it is in sight."""
        found = self.panes.find(kind)
        return found if found is not None and found.id in self.pane_layout.in_sight else None

    def now_ns(self) -> int:
        """Wall time."""
        return self.services.clock.wall_ns()

    def shown_ns(self) -> int:
        """The wall time that panes are about: now, or the end of a recording that has ended."""
        return self.recorder.shown_ns(self._snapshot.bounds, self.now_ns())

    def say(self, text: str, role: Role = "text", path: Path | None = None) -> None:
        """Show a sentence, and the path it is about, in the footer for a while."""
        self.footer.say(text, role, path)

    def action_act(self, action_id: str) -> None:
        """Run the command of an action, unless the app is about to exit."""
        if self.app.return_value is None:
            self._commands[action_id](self)

    async def run(self, action: Action) -> None:
        """Run an action as its key would."""
        if action.scope == "app":
            self.action_act(action.id)
        elif self.focused is not None:
            await self.app.run_action(action.call, self.focused)

    def on_descendant_focus(self) -> None:
        """Show the keys of the pane that has the focus now."""
        self.footer.set_pane(self.pane_layout.current)

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot: the log and new statuses at once, the rest with the next tick."""
        is_first, self._snapshot = self._snapshot is EMPTY_SNAPSHOT, snapshot
        if self.pane_layout.is_ready and not self.is_covered:
            self._give_lines()
            self.panes.log.set_connections(len(snapshot.connections))
            self.panes.log.set_bounds(snapshot.bounds)
            if (detail := self.pane_in_sight(DetailPane)) is not None:
                detail.show_incidents(snapshot.incidents)
            statuses = tuple((row.state.name, row.state.status, row.state.is_stalled) for row in snapshot.connections)
            if statuses != self._drawn_statuses:
                self._drawn_statuses = statuses
                self.draw()
            if is_first:
                self.ask_store()
            if not self.is_restored:
                self.is_restored = True
                restore(self, self.services.session_state)
                self.post_message(self.Restored())
        self._incidents.see(snapshot)
        self._notify()

    def tick(self) -> None:
        """Update once a second what changes with time: ages, rates, the answers that panes in sight wait for."""
        if self.pane_layout.is_ready:
            if self.is_covered:
                self._draw_banner()
            else:
                self.draw()
                self.ask_store(is_urgent=False)
        self._notify()

    def draw(self) -> None:
        """Draw header, banner and connections as of now; the timeline takes the order of the list."""
        self._draw_banner()
        now_ns, health = self.now_ns(), self.services.health
        self.header.show(
            self.services.options.name, self._snapshot, self.recorder.recording(self._snapshot.bounds), health, now_ns
        )
        if {"connections", "timeline", "statistics"} & set(self.pane_layout.in_sight):
            self.panes.connections.show(self._snapshot, self.shown_ns())
        if (timeline := self.panes.find(TimelinePane)) is not None:
            timeline.set_order(self.panes.connections.names)

    def ask_store(self, *, is_urgent: bool = True) -> None:
        """Request what the panes in sight show; the requests of each second are not urgent."""
        if self._snapshot is EMPTY_SNAPSHOT:
            return
        self._queries.follow_bounds(self._snapshot.bounds)
        if (timeline := self.pane_in_sight(TimelinePane)) is not None:
            self._queries.ask_timeline(timeline, self._snapshot, is_urgent=is_urgent)
        if (statistics := self.pane_in_sight(StatisticsPane)) is not None:
            current = self.panes.connections.current
            name = current.name if current is not None else ""
            deliver = partial(self._show_statistics, statistics, name)
            self._queries.ask_statistics(statistics, name, self._snapshot, deliver, is_urgent=is_urgent)

    def show_apart(self, event: Event) -> None:
        """Bring the detail into sight with another event than the log's, until the log's cursor moves."""
        self._apart = event
        self.pane_layout.show("detail")
        self.show_event(event)

    def show_event(self, event: Event | None) -> None:
        """Show an event in the detail, if that is in sight; None while the log follows."""
        pane = self.pane_in_sight(DetailPane)
        if pane is None:
            return
        pane.show_incidents(self._snapshot.incidents)
        pane.show(event, FOLLOWING_HINT if self.panes.log.is_following else EMPTY_LOG_HINT)
        if event is not None and has_prior_events(event):
            self.services.worker.submit(
                "before", lambda view: read_prior_events(view, event), lambda found: pane.show_before(event, found)
            )

    def _fill_panes(self) -> None:
        """Show in a pane that came into sight what there is."""
        if self._snapshot is not EMPTY_SNAPSHOT:
            self.panes.log.set_connections(len(self._snapshot.connections))
            self.panes.log.set_bounds(self._snapshot.bounds)
            self.draw()
            self.ask_store()
            if "detail" not in self.pane_layout.in_sight:
                self._apart = None
            log = self.panes.log
            self.show_event(self._apart or (None if log.is_following else log.current_event))

    def _reveal(self, event: Event) -> None:
        """Show an event in the log, also where a filter hides it."""
        self.panes.log.reveal(event)

    def _run_start_known(self) -> None:
        """Show since when the recorder runs, which is known from now on."""
        if self.pane_layout.is_ready and not self.is_covered:
            self.draw()

    def _draw_banner(self) -> None:
        now_ns, health = self.now_ns(), self.services.health
        self.recorder.see(health, now_ns)
        self.banner.show(self.recorder.sentence(health, self._snapshot.bounds, now_ns))

    def _show_statistics(self, pane: StatisticsPane, name: str, answer: StatisticsAnswer) -> bool:
        """Show an answer, and return whether that was done: not while a dialog covers the screen."""
        if self.is_covered:
            return False
        pane.show(answer, name, self.shown_ns(), self._snapshot.messages_per_s)
        length_ns = answer.statistics.until_ns - answer.statistics.since_ns
        beside = f"compared with {pane.selection.beside}" if pane.selection.beside else ""
        parts = (name, beside, pane.selection.words(length_ns))
        self.panes.slots["statistics"].say(" · ".join(part for part in parts if part))
        return True

    def _notify(self) -> None:
        """Announce incidents that opened, as the recorder's configuration says; also while a dialog is open."""
        news = self._incidents.take(self.services.clock.mono_ns())
        if not news:
            return
        sentence, health = osc.incident_sentence(news), self.services.health
        self.footer.announce(sentence, "caution")
        if health is not None and health.rings:
            driver.write(self.app, osc.BELL)
        if health is not None and health.notifies:
            driver.write(self.app, osc.desktop_notification(sentence, multiplexer(os.environ)))

    @on(ConnectionsPane.LinesNeeded)
    def _give_lines(self) -> None:
        """Size the list of connections for its rows."""
        self.pane_layout.set_rows(len(self._snapshot.connections), self.panes.connections.most_cause_lines)

    @on(ConnectionsPane.ConnectionChosen)
    def _connection_chosen(self) -> None:
        self.action_act("connection.detail")

    @on(StatisticsPane.SelectionChanged)
    @on(ConnectionsPane.ConnectionHighlighted)
    def _statistics_selected(self) -> None:
        if "statistics" in self.pane_layout.in_sight:
            self.ask_store()

    @on(ConnectionsPane.NameFilterRequested)
    def _name_filter_requested(self) -> None:
        # Dialogs are imported when they are opened: that saves time at the start.
        from wsmon.tui.dialogs.connections import NameFilterDialog

        pane = self.panes.connections
        self.app.push_screen(NameFilterDialog(pane.filter, pane.list_only))

    @on(StatisticsPane.MaximumWanted)
    def _maximum_wanted(self, message: StatisticsPane.MaximumWanted) -> None:
        """Let the user choose a maximum of the statistics, and go in the log to the event that has it."""
        from wsmon.tui.dialogs.connections import Maximum, MaximumDialog

        name = message.statistics.name

        def land(event: Event | None) -> None:
            if event is None:
                self.say("the event of this maximum is not kept", "caution")
                return
            self.pane_layout.bring("log")
            self.pane_layout.focus("log")
            self._reveal(event)

        def close(chosen: Maximum | None) -> None:
            if chosen is not None:
                self.services.worker.submit(
                    "maximum", lambda view: view.extreme(name, chosen[0], message.since_ns, message.until_ns), land
                )

        self.app.push_screen(MaximumDialog(name, tuple(maxima(message.statistics))), close)

    @on(LogPane.EventHighlighted)
    def _event_highlighted(self, message: LogPane.EventHighlighted) -> None:
        self._apart = None
        self.show_event(message.event)

    @on(LogPane.EventChosen)
    def _event_chosen(self, message: LogPane.EventChosen) -> None:
        self._apart = None
        self.pane_layout.show("detail")
        self.show_event(message.event)

    @on(Footer.KeyClicked)
    async def _key_clicked(self, message: Footer.KeyClicked) -> None:
        await self.run(BY_ID[message.action_id])

    @on(DetailPane.FilterRequested)
    def _filter_requested(self, message: DetailPane.FilterRequested) -> None:
        """Narrow the search to events with the value in the detail, or without it."""
        if not message.term:
            self.say("can't search by this field", "caution")
            return
        text = narrowed(self.panes.log.search_query.text, message.term, is_excluded=message.is_excluded)
        try:
            query = parse(text, ReferenceTime(self.now_ns()))
        except QueryError as error:
            self.say(str(error), "problem")
            return
        self.services.notebook.remember(text)
        self.panes.log.set_query(query)
        self.say(f"search: {text} (Esc in the log clears it)")

    @on(DetailPane.EvidenceRequested)
    def _evidence_requested(self, message: DetailPane.EvidenceRequested) -> None:
        self.evidence.follow(message.event)

    @on(LogPane.SearchWanted)
    def _search_wanted(self, message: LogPane.SearchWanted) -> None:
        search = message.search
        self.services.search_worker.stream(
            search.purpose, lambda view, is_stale: run_search(view, search, is_stale), self.panes.log.take
        )

    @on(LogPane.RankingWanted)
    def _ranking_wanted(self, message: LogPane.RankingWanted) -> None:
        self.services.search_worker.stream(
            "ranking",
            lambda view, _: run_ranking(view, message.query, message.ranking),
            partial(self.panes.log.take_ranked, message.serial),
        )

    @on(LogPane.SortMenuWanted)
    def _sort_menu_wanted(self) -> None:
        from wsmon.tui.dialogs.log_order import log_order_dialog, ranking_of

        def close(value: str | None) -> None:
            if value is not None:
                self.panes.log.sort(ranking_of(value))

        self.app.push_screen(log_order_dialog(), close)

    @on(ActionRefused)
    def _action_refused(self, message: ActionRefused) -> None:
        self.say(message.sentence, "caution")

    @on(TimelinePane.RequestChanged)
    def _timeline_changed(self) -> None:
        self.ask_store()

    @on(TimelinePane.PlaceChosen)
    def _place_chosen(self, message: TimelinePane.PlaceChosen) -> None:
        """Go in the log to the problem under the timeline's cursor, or to what the connection did then."""
        self.pane_layout.show("log")
        place = message.place
        if place.problem is not None:
            self.evidence.reveal(place.problem.event_id)
            return

        def land(event_id: int) -> None:
            log, newest_id = self.panes.log, self._snapshot.bounds.last_id
            # This pauses the log: ``jump`` looks back from the newest event while following. The cursor also has to be
            # near the period while the jump is searched for, and where the connection did nothing then.
            log.go_to(event_id)
            # Minus one: the event itself counts, not only those after it.
            log.jump(of_connection(place.connection), newer=True, from_id=min(event_id, newest_id) - 1)

        self.services.worker.submit("moment", lambda view: view.id_at(place.at_ns), land)


class InputHistory:
    """What was typed into one kind of prompt, newest first."""

    def __init__(self) -> None:
        self.texts: tuple[str, ...] = ()

    def add(self, text: str) -> None:
        """Note a text as the newest; each is kept once."""
        self.texts = (text, *(each for each in self.texts if each != text))[:HISTORY_LIMIT]


class PaneSet:
    """The five panes, each built when it is first shown, and a view of the store for the UI thread.

    Only the timeline reads this view: it looks up single events by id as its cursor moves.
    """

    def __init__(self, services: ScreenServices) -> None:
        self._services = services
        self._view: StoreView | None = None
        self._glyphs = services.appearance.glyphs
        builders: Mapping[PaneName, Callable[[], Widget]] = {
            "connections": lambda: ConnectionsPane(glyphs=self._glyphs, id="connections"),
            "timeline": lambda: TimelinePane(self._event, glyphs=self._glyphs, id="timeline"),
            "statistics": lambda: StatisticsPane(id="statistics"),
            "log": self._build_log,
            "detail": lambda: DetailPane(glyphs=self._glyphs, id="detail"),
        }
        self.slots: Mapping[PaneName, Slot[Widget]] = {name: Slot(name, build) for name, build in builders.items()}

    @property
    def connections(self) -> ConnectionsPane:
        """The connections pane, built if it was not yet."""
        return self._built("connections", ConnectionsPane)

    @property
    def timeline(self) -> TimelinePane:
        """The timeline, built if it was not yet."""
        return self._built("timeline", TimelinePane)

    @property
    def log(self) -> LogPane:
        """The log, built if it was not yet."""
        return self._built("log", LogPane)

    @property
    def detail(self) -> DetailPane:
        """The detail, built if it was not yet."""
        return self._built("detail", DetailPane)

    def find(self, kind: type[Pane]) -> Pane | None:
        """The pane of this class, if it was built."""
        return next((slot.pane for slot in self.slots.values() if isinstance(slot.pane, kind)), None)

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these signs from now on: the panes that are there, and those built later."""
        self._glyphs = glyphs
        for slot in self.slots.values():
            if isinstance(slot.pane, LogPane):
                slot.pane.restyle(replace(slot.pane.lines.style, glyphs=glyphs))
            elif isinstance(slot.pane, ConnectionsPane | DetailPane | TimelinePane):
                slot.pane.set_glyphs(glyphs)

    def set_zone(self, zone: tzinfo | None) -> None:
        """Draw all times again: local time (None) is another one now."""
        for slot in self.slots.values():
            if isinstance(slot.pane, LogPane):
                slot.pane.restyle(replace(slot.pane.lines.style, zone=zone))
            elif isinstance(slot.pane, ConnectionsPane | DetailPane | TimelinePane):
                slot.pane.set_glyphs(self._glyphs)

    def close(self) -> None:
        """Close the view of the store."""
        if self._view is not None:
            self._view.close()

    def _built(self, name: PaneName, kind: type[Pane]) -> Pane:
        pane = self.slots[name].build()
        if not isinstance(pane, kind):
            raise TypeError(f"{pane!r} is no {kind.__name__}")
        return pane

    def _build_log(self) -> LogPane:
        pane = LogPane(
            self._services.log_worker.submit,
            self._services.clock,
            glyphs=self._glyphs,
            has_recordings=bool(self._services.options.recordings),
            id="log",
        )
        pane.set_marks(self._services.notebook.bookmarks, self._services.notebook.trouble)
        return pane

    def _open_view(self) -> StoreView:
        if self._view is None:
            self._view = self._services.views()
        return self._view

    def _event(self, event_id: int) -> Event | None:
        found = self._open_view().events_by_id((event_id,))
        return found[0] if found else None


def narrowed(text: str, term: str, *, is_excluded: bool) -> str:
    """Return a query text with one more term that has to hold, or must not."""
    before = f"({text}) " if " OR " in text else f"{text} " if text else ""
    return f"{before}{'-' if is_excluded else ''}{term}"


def session_state_of(screen: MonitorScreen) -> SessionState:
    """Return how the screen is now."""
    arrangement, log = screen.pane_layout.arrangement, screen.panes.log
    services, scope, style = screen.services, log.state.wanted_scope, log.lines.style
    return SessionState(
        theme=services.appearance.theme_choice,
        characters=services.appearance.characters_choice,
        lower=arrangement.lower,
        middle=arrangement.middle,
        zoomed=arrangement.zoomed,
        focused=screen.pane_layout.current,
        has_detail=arrangement.has_detail,
        query=scope.query.text,
        is_in_context=scope.is_in_context,
        hides_heartbeats=scope.hides_heartbeats,
        time_mode=style.time_mode,
        columns=style.chosen,
        place=LogPosition(services.options.store_id, 0 if log.is_following else log.current_id),
        connection=screen.panes.connections.chosen,
        connections_order=screen.panes.connections.sort_key,
    )


def restore(screen: MonitorScreen, state: SessionState) -> None:
    """Put log and connections as they were; once there is something to show."""
    log = screen.panes.log
    log.restyle(replace(log.lines.style, time_mode=state.time_mode, chosen=state.columns))
    scope = LogScope(hides_heartbeats=state.hides_heartbeats)
    try:
        query = parse(state.query, ReferenceTime(screen.now_ns()))
        scope = replace(scope, query=query, is_in_context=state.is_in_context and bool(query))
    except QueryError as error:
        # The search was saved by a version of wsmon with other fields.
        screen.say(f"saved search dropped: {state.query}: {error.what}", "problem")
    else:
        if notice := state.notice():
            screen.say(notice)
    if scope != log.state.wanted_scope:
        log.set_scope(scope)
    if state.place.event_id and state.place.store_id == screen.services.options.store_id:
        log.go_to(state.place.event_id)
    screen.panes.connections.sort(state.connections_order)
    if state.connection:
        screen.panes.connections.choose_first(state.connection)
