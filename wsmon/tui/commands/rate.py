"""The command that shows how many events there are over time: matches of the search, or events like one."""

from __future__ import annotations

from collections.abc import Callable

from wsmon.errors import QueryError
from wsmon.model.ranges import MatchHistogram
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.commands.navigation import go_to_time
from wsmon.tui.commands.selection import subject_of
from wsmon.tui.match_rate import RateChoice, rate_choices, run_histogram
from wsmon.tui.screen import Command, MonitorScreen


def rate(screen: MonitorScreen) -> None:
    """Ask of which events, and show the chart."""
    # Dialogs are imported when they are opened: that saves time at the start.
    from wsmon.tui.dialogs.match_rate import RateChoiceDialog

    subject = subject_of(screen)
    choices = rate_choices(screen.panes.log.search_query, subject.event, subject.connection)

    def close(choice: RateChoice | None) -> None:
        if choice is not None:
            _show(screen, choice)

    screen.app.push_screen(RateChoiceDialog(choices), close)


def _show(screen: MonitorScreen, choice: RateChoice) -> None:
    from wsmon.tui.dialogs.match_rate import HistogramDialog

    try:
        query = choice.query or parse(choice.text, ReferenceTime(screen.now_ns()))
    except QueryError as error:
        screen.say(str(error), "problem")
        return
    worker, style = screen.services.search_worker, screen.panes.log.lines.style

    def ask(columns: int, deliver: Callable[[MatchHistogram], None]) -> None:
        worker.stream("rate", lambda view, _: run_histogram(view, query, columns), deliver)

    def close(at_ns: int | None) -> None:
        worker.end("rate")
        if at_ns is not None:
            screen.pane_layout.bring("log")
            go_to_time(screen, at_ns)

    screen.app.push_screen(HistogramDialog(choice.label, ask, zone=style.zone, glyphs=style.glyphs), close)


COMMANDS: dict[str, Command] = {"log.rate": rate}
