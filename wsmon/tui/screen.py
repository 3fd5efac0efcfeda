"""The monitor's screen: what keys and panes ask for, and who answers."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from textual import on
from textual.message import Message

from wsmon.errors import QueryError
from wsmon.export.run import ExportRequest
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.snapshot import Snapshot
from wsmon.model.timeline import TimelineProblem
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui import output
from wsmon.tui.backing import Backing
from wsmon.tui.before import Before, asks_before, read_before
from wsmon.tui.board import Board
from wsmon.tui.bookmarks import Notebook
from wsmon.tui.evidence import Trail, next_step
from wsmon.tui.palette import Meaning
from wsmon.tui.panes.connections import ConnectionsPane
from wsmon.tui.panes.detail import DetailPane
from wsmon.tui.panes.log import LogPane
from wsmon.tui.panes.log_aims import of_connection
from wsmon.tui.panes.log_search import run_search
from wsmon.tui.panes.messages import Refuses
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.recall import recall
from wsmon.tui.terminal import osc
from wsmon.tui.terminal.capabilities import multiplexer

NO_EVIDENCE = "this event names no evidence: e goes to problems"


def narrowed(text: str, term: str, *, is_excluded: bool) -> str:
    """A query as typed, with one more term that has to hold, or not to."""
    before = f"({text}) " if " OR " in text else f"{text} " if text else ""
    return f"{before}{'-' if is_excluded else ''}{term}"


class MonitorScreen(Board):
    """What the app shows."""

    class Recalled(Message):
        """Everything is where it was left."""

    def __init__(self, backing: Backing) -> None:
        super().__init__(backing)
        self.last_export: ExportRequest | None = None
        self._incidents = osc.IncidentWatch()
        self._trail: Trail | None = None
        self.is_recalled = False
        # whether everything is where it was left

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

    def say(self, text: str, meaning: Meaning = "text", path: Path | None = None) -> None:
        """Put a sentence, and the path it is about, into the last line for a while."""
        self.footer.say(text, meaning, path)

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
        if step is None and event is not None and asks_before(event):
            self.backing.answers.ask("evidence", lambda view: read_before(view, event), partial(self._go_before, event))
            return
        if step is None:
            self.say(NO_EVIDENCE, "caution")
            return
        self._trail = step.trail
        self.backing.answers.ask("evidence", lambda view: view.events_by_id((step.event_id,)), self._show_evidence)

    def _go_before(self, event: Event, before: Before) -> None:
        """To the last message before a connection ended; the next step leads back."""
        if before.message is None:
            self.say("no message was kept before it, and it names no evidence", "caution")
            return
        self._trail = Trail(event.id, (before.message.id,))
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

    @on(ConnectionsPane.Chosen)
    def _connection_chosen(self, message: ConnectionsPane.Chosen) -> None:
        """The log shows one connection, at its trouble if it has some; or everything again."""
        wanted = Query((FieldTerm("connection", (Exact(message.connection),)),), f"conn:{message.connection}")
        if self.log_pane.search.text == wanted.text:
            self.search_for(EVERYTHING)
            return
        self.search_for(wanted)
        if message.trouble_id:
            self.log_pane.go_to(message.trouble_id)

    @on(StatisticsPane.Changed)
    @on(ConnectionsPane.Highlighted)
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

    @on(DetailPane.Asked)
    def _value_asked(self, message: DetailPane.Asked) -> None:
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

    @on(DetailPane.Chosen)
    def _detail_chosen(self, message: DetailPane.Chosen) -> None:
        self.go_to_evidence(message.event)

    @on(LogPane.Wanted)
    def _search_wanted(self, message: LogPane.Wanted) -> None:
        search, pane = message.search, self.log_pane
        self.backing.searches.stream(
            search.purpose, lambda view, is_stale: run_search(view, search, is_stale), pane.take
        )

    @on(Refuses)
    def _pane_refuses(self, message: Refuses) -> None:
        self.say(message.sentence, "caution")

    @on(TimelinePane.AskChanged)
    def _period_changed(self) -> None:
        self.ask_store()

    @on(TimelinePane.Chosen)
    def _time_chosen(self, message: TimelinePane.Chosen) -> None:
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
        told = osc.sentence(news)
        self.say(told, "caution")
        if health is not None and health.rings:
            output.write(self.app, osc.BELL)
        if health is not None and health.notifies:
            output.write(self.app, osc.desktop(told, multiplexer(os.environ)))
