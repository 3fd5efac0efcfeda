"""Commands about the connection of the subject: everything known about it, its subscriptions, its log."""

from __future__ import annotations

from wsmon.model.snapshot import ConnectionRow
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query
from wsmon.tui.commands.selection import subject_of
from wsmon.tui.panes.connections_table import problem_event_id
from wsmon.tui.screen import Command, MonitorScreen

NO_CONNECTION = "no connection under the cursor"


def detail(screen: MonitorScreen, section: str = "") -> None:
    """Show everything about the connection of the subject, from the part with this title on."""
    # Dialogs are imported when they are opened: that saves time at the start.
    from wsmon.tui.dialogs.connection_detail import ConnectionDialog, ConnectionFacts, read_facts

    row = subject_of(screen).row
    if row is None:
        screen.say(NO_CONNECTION, "caution")
        return
    at_ns, is_ascii = screen.shown_ns(), screen.services.appearance.glyphs.is_ascii

    def read(view: StoreView) -> ConnectionFacts:
        return read_facts(view, row, at_ns)

    def show(facts: ConnectionFacts) -> None:
        def close(answer: str | None) -> None:
            if answer == "log":
                show_log(screen, row)

        screen.open_answer(ConnectionDialog(facts, ascii_only=is_ascii, section=section), close)

    screen.services.worker.submit("connection", read, show)


def subscriptions(screen: MonitorScreen) -> None:
    """Show the active, pending and lost subscriptions of the connection of the subject."""
    from wsmon.tui.dialogs.connection_detail import SUBSCRIPTIONS

    detail(screen, SUBSCRIPTIONS)


def show_log(screen: MonitorScreen, row: ConnectionRow) -> None:
    """Show one connection in the log, at its trouble if it has some; all of them if it shows this one already."""
    log, name = screen.panes.log, row.state.name
    wanted = Query((FieldTerm("connection", (Exact(name),)),), f"conn:{name}")
    if log.search_query.text == wanted.text:
        log.set_query(EVERYTHING)
        return
    log.set_query(wanted)
    if problem_id := problem_event_id(row):
        log.go_to(problem_id)


COMMANDS: dict[str, Command] = {
    "connection.detail": detail,
    "connection.subscriptions": subscriptions,
}
