"""Dialog about a connection: its state, how it was opened, login, subscriptions and KPIs; read once, when it opens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding
from textual.widget import Widget

from wsmon.model import units as fmt
from wsmon.model.events import Event, EventName
from wsmon.model.snapshot import ConnectionRow
from wsmon.model.statistics import ConnectionStatistics
from wsmon.model.statuses import OPEN
from wsmon.model.subscriptions import TopicState
from wsmon.model.units import SECOND_NS
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.tui.cell_text import cell_text
from wsmon.tui.dialogs.base import Dialog
from wsmon.tui.panes import connections_table as table
from wsmon.tui.panes.detail_fields import header_pairs, json_words
from wsmon.tui.panes.statistics_render import kpi_lines
from wsmon.tui.text import Line, Role, StyledText, left, side_by_side
from wsmon.tui.widgets.text_view import ScrollPane, wrap_line

# KPIs are of the last hour, as in the statistics
KPI_PERIOD_NS = 3_600 * SECOND_NS
# Cells of a label
LABEL = 14
# Cells from which on two columns stand side by side
WIDE_FROM = 116
# Characters of foreign text
TEXT_LIMIT = 2_000
SUBSCRIPTIONS = "Subscriptions"
LOGINS: tuple[EventName, ...] = (
    "auth.completed",
    "auth.failed",
    "auth.refresh.completed",
    "auth.started",
    "auth.refresh.started",
)
GRANTED: frozenset[EventName] = frozenset({"auth.completed", "auth.refresh.completed"})
ROLE_OF_TOPIC: dict[str, Role] = {"lost": "problem", "pending": "caution", "active": "status-open"}


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """What the store knows about a connection, beside its row in the list."""

    row: ConnectionRow
    opened: Event | None
    """The newest event that made it open, with the headers of its upgrade; None = none is kept."""
    started: Event | None
    """Of a relayed connection, the start of its newest session, with the URL of its server; None = none is kept."""
    protocol: Event | None
    """The newest detection of its protocol; None = it is configured, or not detected yet."""
    login: Event | None
    """The newest event about a login; None = none is kept."""
    granted: Event | None
    """The newest login or renewal that succeeded; None = none is kept."""
    topics: tuple[TopicState, ...]
    statistics: ConnectionStatistics | None
    """Of the last hour."""
    at_ns: int
    """Wall time of these facts."""


def read_facts(view: StoreView, row: ConnectionRow, at_ns: int) -> ConnectionFacts:
    """Read the facts about a connection as of a wall time."""
    name = row.state.name

    def newest(*names: EventName) -> Event | None:
        query = Query(
            (FieldTerm("name", tuple(Exact(each) for each in names)), FieldTerm("connection", (Exact(name),)))
        )
        return next(iter(view.events_before(view.bounds().last_id + 1, 1, query)), None)

    return ConnectionFacts(
        row,
        newest("connection.completed"),
        newest("connection.started") if row.state.spec.relay else None,
        newest("connection.protocol") if row.state.spec.protocol == "auto" else None,
        newest(*LOGINS),
        newest("auth.completed", "auth.refresh.completed"),
        view.topics(name),
        next(iter(view.statistics(at_ns - KPI_PERIOD_NS, None, name).connections), None),
        at_ns,
    )


class ConnectionDialog(Dialog[Literal["log"]]):
    """All about a connection, in a list that scrolls; Enter shows its events in the log."""

    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("escape,q", "cancel", "close"),
        Binding("enter", "log", "its log"),
    ]
    HINT = (("Enter", "key-name"), (" open log  ", "dim"), ("j k", "key-name"), (" scroll  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(self, facts: ConnectionFacts, *, ascii_only: bool, section: str = "") -> None:
        """``section`` is the title of the part that is in sight at first; empty = the beginning."""
        super().__init__()
        self._facts = facts
        self._is_ascii = ascii_only
        self._section = section
        self._list = ScrollPane(id="connection-detail")
        self.title = f"Connection {facts.row.state.name}, as of {fmt.clock(facts.at_ns)}"

    def content(self) -> tuple[Widget, ...]:
        """Return the list."""
        return (self._list,)

    def on_resize(self) -> None:
        """Wrap lines at the new width."""
        self.call_after_refresh(self._draw)

    def action_log(self) -> None:
        """Leave for the log of the connection."""
        self.dismiss("log")

    def _draw(self) -> None:
        lines = fact_lines(self._facts, self._list.width, ascii_only=self._is_ascii)
        self._list.draw(lines)
        if self._section:
            at = next((at for at, line in enumerate(lines) if any(self._section in text for text, _ in line)), 0)
            self._list.scroll_to(y=at, animate=False, force=True)


def fact_lines(facts: ConnectionFacts, width: int, *, ascii_only: bool = False) -> tuple[Line, ...]:
    """Return the lines of the dialog, in two columns where there is room."""
    if width < WIDE_FROM:
        parts = (
            state_lines(facts, ascii_only=ascii_only),
            topic_lines(facts),
            _kpis(facts, width),
            header_lines(facts),
        )
        return tuple(part for lines in parts for line in (*lines, ()) for part in _wrapped(line, width))
    half = (width - 2) // 2
    first = (*state_lines(facts, ascii_only=ascii_only), (), *_kpis(facts, half))
    second = (*topic_lines(facts), (), *header_lines(facts))
    one, other = ([part for line in lines for part in _wrapped(line, half)] for lines in (first, second))
    return tuple(side_by_side(one, other, width))


def state_lines(facts: ConnectionFacts, *, ascii_only: bool) -> Iterator[Line]:
    """Yield what it is, its state, how it was opened, and its login."""
    row, state, spec = facts.row, facts.row.state, facts.row.state.spec
    sign = table.status_sign(row, ascii_only=ascii_only)
    since_ns = state.down_since_ns or (state.stalled_since_ns if state.is_stalled else None) or state.since_ns
    since = f" for {fmt.duration(facts.at_ns - since_ns)} (since {fmt.moment(since_ns, facts.at_ns)})"
    yield (
        (left("Status", LABEL), "dim"),
        (f"{sign} {table.status_word(state)}", table.row_role(row)),
        (since if spec.enabled and since_ns and state.status else "", "text"),
    )
    if (failing_ns := table.flapping_since_ns(state)) is not None:
        yield _field("Failing since", fmt.moment(failing_ns, facts.at_ns))
    cause, role = table.reason(row, facts.at_ns)
    if cause:
        yield _field("Cause", cause, role)
    if spec.relay:
        yield _field("Relay", "between an application and a server")
        for route in spec.relay:
            yield _field("App URL", route.listen)
            yield _field("Server URL", route.upstream)
    else:
        yield _field("URL", spec.url)
    for label, text in (("Group", spec.group), ("Profile", spec.profile), ("Trace", state.trace_id)):
        if text:
            yield _field(label, text)
    yield _field("Session", f"{state.connection_id or fmt.NONE} ({fmt.ordinal(state.sessions)} in this run)")
    # An application may go on from the URL of its route, and there may be several
    if facts.started is not None and facts.started.source.connection_id == state.connection_id:
        yield _field("Session URL", json_words((facts.started.meta or {}).get("url")))
    yield _field("Protocol", _protocol(facts))
    meta = (facts.opened.meta if facts.opened is not None else None) or {}
    if facts.opened is not None:
        is_present = facts.opened.source.connection_id == state.connection_id and state.status == OPEN
        opened = fmt.moment(facts.opened.ts_ns, facts.at_ns)
        yield _field("Last session", f"opened {opened}" if is_present else f"opened {opened}, now closed")
        yield _field("Subprotocol", json_words(meta.get("subprotocol")) if meta.get("subprotocol") else "none")
        yield _field("Extensions", json_words(meta.get("extensions")) if meta.get("extensions") else "none")
        for key in ("application", "peer", "proxy", "redirects"):
            if meta.get(key):
                yield _field(key.capitalize(), json_words(meta[key]))
        if isinstance(tls := meta.get("tls"), dict):
            yield _field("TLS", ", ".join(f"{key.replace('_', ' ')} {json_words(each)}" for key, each in tls.items()))
    yield from login_lines(facts)


def login_lines(facts: ConnectionFacts) -> Iterator[Line]:
    """Yield the login state and when its token expires."""
    login, granted, state = facts.login, facts.granted, facts.row.state
    if login is None:
        yield _field("Login", "none seen", "dim")
        return
    at = fmt.moment(login.ts_ns, facts.at_ns)
    is_present = login.source.connection_id == state.connection_id and state.status == OPEN
    what = "renewal of the token" if ".refresh." in login.name or (login.meta or {}).get("refresh") else "login"
    if login.name == "auth.failed":
        yield _field("Login", f"{what} failed at {at}: {login.error or login.reason or login.error_type}", "problem")
    elif login.name not in GRANTED:
        waits = f", {fmt.duration(facts.at_ns - login.ts_ns)} ago" if is_present else "; that session has ended"
        yield _field("Login", f"{what} sent at {at}{waits}, no answer", "caution")
    elif is_present:
        yield _field("Login", f"logged in, {what} at {at}", "status-open")
    else:
        yield _field("Login", f"not logged in; the last {what} was at {at}, in a session that has ended", "caution")
    if granted is None or not is_present or granted.source.connection_id != state.connection_id:
        return
    life_s = (granted.meta or {}).get("expires_in_s")
    if isinstance(life_s, int | float):
        ends_ns = granted.ts_ns + round(life_s * SECOND_NS)
        left_ns = ends_ns - facts.at_ns
        when = f"in {fmt.duration(left_ns)}" if left_ns > 0 else f"{fmt.duration(-left_ns)} ago, and was not renewed"
        verb = "expires at" if left_ns > 0 else "expired at"
        role: Role = "text" if left_ns > 60 * SECOND_NS else "caution" if left_ns > 0 else "problem"
        yield _field("Token", f"{verb} {fmt.moment(ends_ns, facts.at_ns)}, {when}", role)
    else:
        yield _field("Token", "the peer gave no expiry", "dim")


def topic_lines(facts: ConnectionFacts) -> Iterator[Line]:
    """Yield the subscriptions: lost ones first, then pending and active ones, each with since when."""
    by_status = {status: [each for each in facts.topics if each.status == status] for status in ROLE_OF_TOPIC}
    counts = " · ".join(f"{fmt.count(len(of))} {status}" for status, of in reversed(by_status.items()))
    yield (SUBSCRIPTIONS, "key-name"), (f"  {counts}" if facts.topics else "  none seen", "dim")
    for status, topics in by_status.items():
        for each in topics:
            since = fmt.moment(each.since_ns, facts.at_ns)
            texts: tuple[StyledText, ...] = (
                (f"  {left(status, 9)}", ROLE_OF_TOPIC[status]),
                (f"since {since}  ", "dim"),
                (cell_text(each.topic, TEXT_LIMIT), "text"),
            )
            yield texts


def header_lines(facts: ConnectionFacts) -> Iterator[Line]:
    """Yield the headers of the upgrade of the newest session that opened."""
    if facts.opened is None:
        yield ("Upgrade", "key-name"), ("  none is kept", "dim")
        return
    for title, key in (("Upgrade request", "request_headers"), ("Upgrade response", "response_headers")):
        status = f"  HTTP {facts.opened.status}" if key == "response_headers" and facts.opened.status else ""
        yield (title, "key-name"), (status, "dim")
        for name, value in header_pairs(facts.opened, key):
            yield (f"  {cell_text(name, TEXT_LIMIT)}: ", "dim"), (cell_text(value, TEXT_LIMIT), "text")


def _kpis(facts: ConnectionFacts, width: int) -> Iterable[Line]:
    yield ("KPIs", "key-name"), (f"  {fmt.last_period(KPI_PERIOD_NS)}", "dim")
    if facts.statistics is None:
        yield (("  nothing measured", "dim"),)
    else:
        yield from kpi_lines(facts.statistics.kpis, width)


def _protocol(facts: ConnectionFacts) -> str:
    configured, detected = facts.row.state.spec.protocol, facts.protocol
    if configured != "auto":
        return f"{configured} (configured)"
    if detected is None:
        return "not detected yet"
    reason = detected.reason.removeprefix(f"{detected.type}: ")
    return f"{detected.type or 'raw'} (detected: {reason})" if reason else f"{detected.type or 'raw'} (detected)"


def _field(label: str, text: str, role: Role = "text") -> Line:
    return (left(label, LABEL), "dim"), (cell_text(text, TEXT_LIMIT), role)


def _wrapped(line: Sequence[StyledText], width: int) -> Iterator[Line]:
    yield from wrap_line(tuple(line), width, min(LABEL, width // 3)) if line else ((),)
