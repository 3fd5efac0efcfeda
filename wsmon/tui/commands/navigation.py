"""Commands that go to events: problems, evidence, matches, traces, sessions, a time or an id."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from wsmon.errors import UsageError
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.spans import Span
from wsmon.model.timeline import TimelineProblem
from wsmon.ports import StoreView
from wsmon.query.times import is_count, parse_time
from wsmon.tui.cell_text import cell_text
from wsmon.tui.commands import log
from wsmon.tui.commands.selection import NO_EVENT, log_event, subject_of
from wsmon.tui.panes.log_filter import PROBLEMS, related_to, session_starts
from wsmon.tui.screen import Command, MonitorScreen
from wsmon.tui.subject import Subject
from wsmon.tui.text import StyledText

GO_TO_HELP: tuple[StyledText, ...] = (
    ("14:02:24", "key-name"), (", ", "dim"), ("-15m", "key-name"), (", ", "dim"), ("today", "key-name"),
    (", or ", "dim"), ("#1234", "key-name"),
)  # fmt: skip
# Of one session; more are of no use on a screen, and these are read within some milliseconds
MAX_SPANS = 2_000
# Newest traces of a connection among which one with spans is looked for
MAX_TRACES = 50

TakeSpans = Callable[[tuple[Span, ...]], None]
SpanRequest = Callable[[bool, TakeSpans], None]

_ID = re.compile(r"#?(\d{1,18})", re.ASCII)


def problem(screen: MonitorScreen, *, newer: bool) -> None:
    """Go to another problem: on the timeline while that has the focus, else in the log."""
    if screen.pane_layout.current == "timeline":
        _timeline_problem(screen, newer=newer)
        return
    screen.pane_layout.bring("log")
    screen.panes.log.jump(PROBLEMS, newer=newer)


def _timeline_problem(screen: MonitorScreen, *, newer: bool) -> None:
    """Move the timeline's cursor to the next cell with a problem; the log goes along where it is in sight.

    At the present nothing can be newer: the next problem is the newest there was.
    """
    pane = screen.panes.timeline
    newer = newer and not pane.is_at_present
    places = pane.search_starts(newer=newer)

    def land(found: tuple[TimelineProblem, ...]) -> None:
        pane.settled.set()
        nearest = pane.move_to_nearest(found, newer=newer)
        if nearest is None:
            screen.say(f"no {'later' if newer else 'earlier'} problem", "caution")
        elif "log" in screen.pane_layout.in_sight:
            screen.evidence.reveal(nearest.event_id)

    pane.settled.clear()
    screen.services.worker.submit("problem", lambda view: view.problems_near(places, newer=newer), land)


def evidence(screen: MonitorScreen) -> None:
    """Go from the subject to what proves it; from a connection, to what proves its problem."""
    subject = subject_of(screen)
    if subject.is_trouble:
        return
    if not {"log", "detail"} & set(screen.pane_layout.in_sight):
        screen.pane_layout.show("log")
    if screen.pane_layout.current in ("log", "detail") and screen.panes.log.show_in_time():
        return
    if subject.problem_id:
        screen.evidence.follow_id(subject.problem_id)
    elif subject.event is None and subject.connection:
        screen.say(f"{subject.name} has no problem: nothing to prove", "caution")
    else:
        screen.evidence.follow(subject.event)


def match(screen: MonitorScreen, *, newer: bool) -> None:
    """Go to another match: in the detail, while that has the focus and is searched, else in the log."""
    if log.is_in_detail(screen) and log.find_next(screen, newer=newer):
        return
    screen.pane_layout.bring("log")
    screen.panes.log.jump_to_match(newer=newer)


def trace(screen: MonitorScreen, *, newer: bool) -> None:
    """Go to another event of the same reference, span or session."""
    screen.pane_layout.bring("log")
    if (event := log_event(screen)) is None:
        return
    # The way begins at the event under the cursor, not at the end of the log.
    screen.panes.log.pause()
    screen.panes.log.jump(related_to(event), newer=newer)


def session(screen: MonitorScreen, *, newer: bool) -> None:
    """Go to the beginning of another session of the connection."""
    screen.pane_layout.bring("log")
    screen.panes.log.jump(session_starts(screen.panes.log.current_event), newer=newer)


def handshake(screen: MonitorScreen) -> None:
    """Show how the session of an event began: request and response, phases, TLS."""
    if (connection_id := _session_id(screen)) is None:
        return

    def read(view: StoreView) -> Event | None:
        lives = view.sessions((connection_id,))
        found = view.events_by_id((lives[0].open_id or lives[0].last_id,)) if lives else ()
        return found[0] if found else None

    def show(event: Event | None) -> None:
        if event is None:
            screen.say("handshake no longer stored: pruned by retention", "caution")
            return
        # A pane that is mounted outside of the screen's own messages may be laid out before it takes its size
        screen.call_later(screen.show_apart, event)
        if event.name != "connection.completed":
            screen.say("handshake never completed; showing the last event of this attempt", "caution")

    screen.services.worker.submit("handshake", read, show)


def spans(screen: MonitorScreen) -> None:
    """Show the spans of the session of an event, or of its trace, as a waterfall; those of the newest trace where the
    subject is a connection of an application.
    """
    subject = subject_of(screen)
    event, row = subject.event, subject.row
    if event is not None and event.source.trace_id and not event.source.connection_id:
        _trace_spans(screen, event.source.trace_id, subject.connection)
        return
    # What an application reports has no address that wsmon dials
    if event is None and row is not None and not row.state.spec.url and subject.pane != "timeline":
        _newest_trace(screen, subject)
    elif (connection_id := _session_id(screen)) is not None:
        _session_spans(screen, connection_id, subject.connection)


def _session_spans(screen: MonitorScreen, connection_id: str, connection: str) -> None:
    """Show the spans of a session."""

    def ask(of_trace: bool, deliver: TakeSpans) -> None:
        def read(view: StoreView) -> tuple[Span, ...]:
            return view.spans(connection_id, MAX_SPANS, of_trace=of_trace)

        screen.services.worker.submit("spans", read, deliver)

    def show(found: tuple[Span, ...]) -> None:
        if found:
            of = f" on {cell_text(connection)}" if connection else ""
            _show_spans(screen, f"Session {connection_id}{of}", found, ask, has_session=True)
        else:
            screen.say("no spans recorded for this session", "caution")

    ask(False, show)


def _trace_spans(screen: MonitorScreen, trace_id: str, connection: str) -> None:
    """Show the spans of a trace that an application reports outside of sessions."""

    def ask(_of_trace: bool, deliver: TakeSpans) -> None:
        screen.services.worker.submit("spans", lambda view: view.trace_spans(trace_id, MAX_SPANS), deliver)

    def show(found: tuple[Span, ...]) -> None:
        if found:
            title = f"Trace {cell_text(trace_id)} of {cell_text(connection)}"
            _show_spans(screen, title, found, ask, has_session=False)
        else:
            screen.say("no spans recorded for this trace: bracket the work with span() or RequestTracer", "caution")

    ask(True, show)


def _newest_trace(screen: MonitorScreen, subject: Subject) -> None:
    """Show the newest trace of an application's connection that has spans, else its session, or say why not."""
    connection = subject.connection

    def read(view: StoreView) -> tuple[str, ...]:
        traces = view.newest_traces(connection, MAX_TRACES)
        return next(((each,) for each in traces if view.trace_spans(each, 1)), traces[:1])

    def show(found: tuple[str, ...]) -> None:
        if found:
            _trace_spans(screen, found[0], connection)
        elif subject.session:
            _session_spans(screen, subject.session, connection)
        else:
            sentence = "has reported no trace: bracket its work with span() or RequestTracer"
            screen.say(f"{cell_text(connection)} {sentence}", "caution")

    screen.services.worker.submit("trace", read, show)


def _show_spans(
    screen: MonitorScreen, title: str, found: tuple[Span, ...], ask: SpanRequest, *, has_session: bool
) -> None:
    # Dialogs are imported when they are opened: that saves time at the start.
    from wsmon.tui.dialogs.waterfall import WaterfallDialog

    def present() -> int | None:
        return screen.now_ns() if screen.recorder.is_on else None

    screen.open_answer(WaterfallDialog(title, found, MAX_SPANS, ask, present, has_session=has_session))


def _session_id(screen: MonitorScreen) -> str | None:
    """Return the session of the subject; None, and a sentence in the footer, where it has none."""
    subject = subject_of(screen)
    if subject.session:
        return subject.session
    if subject.event is not None:
        screen.say("this event doesn't belong to a session", "caution")
    elif subject.row is not None and subject.pane != "timeline":
        screen.say(f"{subject.name} has no session yet", "caution")
    elif not subject.is_trouble:
        screen.say(NO_EVENT, "caution")
    return None


def go_to(screen: MonitorScreen) -> None:
    """Ask for a time or an id, and go there; relative times count from the end of a recording that has ended."""
    from wsmon.tui.dialogs.base import PromptDialog

    screen.pane_layout.bring("log")
    now_ns = screen.shown_ns()

    def fault(text: str) -> str:
        try:
            _ = _event_id(text) or parse_time(text, now_ns)
        except UsageError as error:
            return str(error)
        return ""

    def close(text: str | None) -> None:
        if text is None:
            return
        if event_id := _event_id(text):
            _go_to_id(screen, event_id)
        else:
            go_to_time(screen, parse_time(text, now_ns))

    screen.app.push_screen(PromptDialog("Go to", "", GO_TO_HELP, fault), close)


def _event_id(text: str) -> int | None:
    """Return the id of an event; None for a time: the ten digits of seconds since 1970 are one, unless ``#`` leads."""
    number = _ID.fullmatch(text)
    return int(number[1]) if number and not is_count(text) else None


def _go_to_id(screen: MonitorScreen, event_id: int) -> None:
    bounds = screen.snapshot.bounds
    screen.panes.log.go_to(min(max(event_id, bounds.oldest_id), bounds.last_id))
    if event_id < bounds.oldest_id:
        screen.say(f"event #{fmt.count(event_id)} was pruned; showing the oldest event", "caution")
    elif event_id > bounds.last_id:
        screen.say(f"event #{fmt.count(event_id)} doesn't exist yet; showing the newest event", "caution")


def go_to_time(screen: MonitorScreen, at_ns: int) -> None:
    """Go to the first event at or after a time."""

    def land(event_id: int) -> None:
        last_id = screen.snapshot.bounds.last_id
        screen.panes.log.go_to(min(event_id, last_id), is_time=True)
        if event_id > last_id:
            screen.say("no events at or after that time; showing the newest event", "caution")

    screen.services.worker.submit("moment", lambda view: view.id_at(at_ns), land)


COMMANDS: dict[str, Command] = {
    "log.problem_next": partial(problem, newer=True),
    "log.problem_previous": partial(problem, newer=False),
    "log.evidence": evidence,
    "log.next": partial(match, newer=True),
    "log.previous": partial(match, newer=False),
    "log.trace_next": partial(trace, newer=True),
    "log.trace_previous": partial(trace, newer=False),
    "log.session_next": partial(session, newer=True),
    "log.session_previous": partial(session, newer=False),
    "session.handshake": handshake,
    "session.spans": spans,
    "log.go_to": go_to,
}
