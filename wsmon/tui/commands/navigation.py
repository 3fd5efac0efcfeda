"""Actions that take the log somewhere: along a trace, from session to session, to a time or an id."""

from __future__ import annotations

import re
from collections.abc import Callable

from wsmon.errors import UsageError, WsmonError
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.spans import Span
from wsmon.model.timeline import TimelineProblem
from wsmon.ports import StoreView
from wsmon.query.times import parse_time
from wsmon.tui.panes.detail import DetailPane
from wsmon.tui.panes.log_filter import same_trace, session_starts
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.screen import MonitorScreen
from wsmon.tui.text import StyledText

PLACES: tuple[StyledText, ...] = (
    ("14:02:24", "key-name"), (", ", "dim"), ("-15m", "key-name"), (", ", "dim"), ("today", "key-name"),
    (", or ", "dim"), ("#1234", "key-name"),
)  # fmt: skip

# A person reads no more of one session; read within some milliseconds
MOST_SPANS = 2_000

_ID = re.compile(r"#?(\d{1,18})", re.ASCII)


def trace(screen: MonitorScreen, *, newer: bool) -> None:
    """To another event of the same reference, span or session."""
    bring_log(screen)
    event = screen.log_pane.current_event
    if event is None:
        screen.say("there is no event under the cursor", "caution")
        return
    screen.log_pane.pause()  # from the event under the cursor, not from the end of the log
    screen.log_pane.jump(same_trace(event), newer=newer)


def session(screen: MonitorScreen, *, newer: bool) -> None:
    """To the beginning of another session of the connection."""
    bring_log(screen)
    screen.log_pane.jump(session_starts(screen.log_pane.current_event), newer=newer)


def handshake(screen: MonitorScreen) -> None:
    """Show how the session of an event began: its request and answer, the phases, TLS."""
    if (connection_id := _session_id(screen)) is None:
        return

    def read(view: StoreView) -> Event | None:
        lives = view.sessions((connection_id,))
        found = view.events_by_id((lives[0].open_id or lives[0].last_id,)) if lives else ()
        return found[0] if found else None

    def show(event: Event | None) -> None:
        if event is None:
            screen.say("the beginning of this session is no longer kept", "caution")
            return
        screen.ask("detail")
        screen.show_event(event)
        if event.name != "connection.completed":
            screen.say("this session never became usable: this is its newest event", "caution")

    screen.backing.answers.ask("handshake", read, show)


def spans(screen: MonitorScreen) -> None:
    """Show the spans of the session of an event as a waterfall, or of its trace."""
    if (connection_id := _session_id(screen)) is None:
        return

    def ask(of_trace: bool, deliver: Callable[[tuple[Span, ...]], None]) -> None:
        def read(view: StoreView) -> tuple[Span, ...]:
            return view.spans(connection_id, MOST_SPANS, of_trace=of_trace)

        screen.backing.answers.ask("spans", read, deliver)

    def show(found: tuple[Span, ...]) -> None:
        from wsmon.tui.dialogs.waterfall import WaterfallDialog

        if found:
            screen.app.push_screen(WaterfallDialog(f"Session {connection_id}", found, MOST_SPANS, ask))
        else:
            screen.say("no span of this session has ended yet, or none is kept", "caution")

    ask(False, show)


def go_to(screen: MonitorScreen) -> None:
    """Ask for a time or an id, and go there; times are those of the recording, also where it ended long ago."""
    from wsmon.tui.dialogs.base import PromptDialog  # built when it is needed: start-up time

    bring_log(screen)
    now_ns = screen.shown_ns()

    def fault(text: str) -> str:
        try:
            _ = _ID.fullmatch(text) or parse_time(text, now_ns)
        except UsageError as error:
            return str(error)
        return ""

    def close(text: str | None) -> None:
        if text is None:
            return
        if number := _ID.fullmatch(text):
            _go_to_id(screen, int(number[1]))
        else:
            _go_to_time(screen, parse_time(text, now_ns))

    screen.app.push_screen(PromptDialog("Go to", "", PLACES, fault), close)


def _go_to_id(screen: MonitorScreen, event_id: int) -> None:
    bounds = screen.snapshot.bounds
    screen.log_pane.go_to(min(max(event_id, bounds.oldest_id), bounds.last_id))
    if event_id < bounds.oldest_id:
        screen.say(f"event #{fmt.count(event_id)} is no longer kept; this is the oldest one", "caution")
    elif event_id > bounds.last_id:
        screen.say(f"event #{fmt.count(event_id)} is not there yet; this is the newest one", "caution")


def _go_to_time(screen: MonitorScreen, at_ns: int) -> None:
    def land(event_id: int) -> None:
        last_id = screen.snapshot.bounds.last_id
        screen.log_pane.go_to(min(event_id, last_id))
        if event_id > last_id:
            screen.say("nothing was recorded at that time or after it; this is the newest event", "caution")

    screen.backing.answers.ask("moment", lambda view: view.id_at(at_ns), land)


def _session_id(screen: MonitorScreen) -> str | None:
    """The session of the event that one looks at; says so where it has none."""
    event = screen.looked_at
    if event is None:
        screen.say("there is no event under the cursor", "caution")
    elif not event.source.connection_id:
        screen.say("this event is of no session", "caution")
    else:
        return event.source.connection_id
    return None


def bring_log(screen: MonitorScreen) -> None:
    """Actions of the log act where it can be seen."""
    if "log" not in screen.in_sight:
        screen.ask("log")


# Actions that find a text inside the detail of an event, while that has the keys.

# Characters
NEEDLE_LIMIT = 200
HELP: tuple[StyledText, ...] = (
    ("n ", "key-name"),
    ("and ", "dim"),
    ("N ", "key-name"),
    ("go on; case does not count", "dim"),
)


def is_in_detail(screen: MonitorScreen) -> bool:
    """Whether the detail has the keys, and shows an event."""
    pane = screen.slot("detail").pane
    return screen.current == "detail" and isinstance(pane, DetailPane) and pane.event is not None


def find(screen: MonitorScreen) -> None:
    """Ask for a text, and go to where it stands next."""
    from wsmon.tui.dialogs.base import PromptDialog  # built when it is needed: start-up time

    def close(text: str | None) -> None:
        if text is not None:
            _detail_pane(screen).search(text)

    screen.app.push_screen(PromptDialog("Find in the detail", _detail_pane(screen).needle, HELP, _fault), close)


def step(screen: MonitorScreen, *, newer: bool) -> bool:
    """Go to another place of what is searched for; whether anything is."""
    pane = _detail_pane(screen)
    if pane.needle:
        pane.go_to_match(newer=newer)
    return bool(pane.needle)


def end(screen: MonitorScreen) -> bool:
    """End the search; whether there was one."""
    pane = _detail_pane(screen)
    had = bool(pane.needle)
    pane.search("")
    return had


def _detail_pane(screen: MonitorScreen) -> DetailPane:
    pane = screen.slot("detail").build()
    assert isinstance(pane, DetailPane)
    return pane


def _fault(text: str) -> str:
    return f"at most {NEEDLE_LIMIT} characters" if len(text) > NEEDLE_LIMIT else ""


# Actions that are about what is under the cursor of the timeline.


def problem(screen: MonitorScreen, *, newer: bool) -> None:
    """The cursor goes to the next cell with a problem; the log goes along where it is in sight.

    Behind the present nothing comes: the next one is then the newest there was.
    """
    pane = _timeline_pane(screen)
    newer = newer and not pane.is_at_present
    places = pane.places_beyond(newer=newer)

    def land(found: tuple[TimelineProblem, ...]) -> None:
        nearest = pane.land(found, newer=newer)
        if nearest is None:
            screen.say(f"no {'later' if newer else 'earlier'} loss, failed attempt or incident", "caution")
        elif "log" in screen.in_sight:
            screen.show_problem(nearest)

    screen.backing.answers.ask("problem", lambda view: view.problems_near(places, newer=newer), land)


def event(screen: MonitorScreen) -> Event | None:
    """The event that proves what is under the cursor; says so where the store cannot be read."""
    try:
        return _timeline_pane(screen).event
    except WsmonError as error:
        screen.say(str(error), "problem")
        return None


def _timeline_pane(screen: MonitorScreen) -> TimelinePane:
    pane = screen.slot("timeline").build()
    if not isinstance(pane, TimelinePane):
        raise TypeError(f"{pane!r} is no timeline")
    return pane
