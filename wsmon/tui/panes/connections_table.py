"""Lines of the connections list: order by a sort key, columns that fit, text of each cell. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rich.cells import cell_len

from wsmon.model import units as fmt
from wsmon.model.ends import fact, why
from wsmon.model.events import Event
from wsmon.model.snapshot import ConnectionRow, ConnectionState
from wsmon.model.statuses import LABELS
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.tui.cell_text import cell_text
from wsmon.tui.event_text import KIND_WORDS, describe, number
from wsmon.tui.text import Line, Role, StyledText, keep_ends, left, right
from wsmon.tui.widgets.text_view import wrap_line

MIN_NAME = 8
MAX_NAME = 24
# Cells of a name where there is little room: numbers are worth more than the middle of a name
SHORT_NAME = 12
# Cells of the cause; in fewer, a sentence says less than the numbers whose place it takes
MIN_CAUSE = 24
# Characters of the cause
CAUSE_LIMIT = 300
# Lines of the cause of the connection under the cursor
CAUSE_LINES = 6
# Cells before a cause that has lines of its own
CAUSE_INDENT = 4
# 0 is the worst
DOWN_SEVERITY = 1
SEVERITY = {
    "error": 0,
    "disconnected": DOWN_SEVERITY,
    "reconnecting": DOWN_SEVERITY,
    "connected": 4,
    "connecting": 4,
    "initialized": 5,
}
STALLED_SEVERITY = 2
# Open, with an open incident
INCIDENT_SEVERITY = 3
OPEN_SEVERITY = 6
ENDED_SEVERITY = 7


SortKey = Literal["trouble", "name", "rate", "last message", "disconnects"]
"""What the list is ordered by: the worst, the fastest, the longest silence and the most disconnects come first."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """The line of a group that is folded: it stands for its connections."""

    name: str
    rows: tuple[ConnectionRow, ...]
    """In the order of the list, at least one."""

    @property
    def worst(self) -> ConnectionRow:
        """The connection whose status the group shows."""
        return sort_rows(self.rows)[0]


TableRow: TypeAlias = ConnectionRow | GroupRow


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column between the name, which comes first, and the cause, which comes last."""

    title: str
    width: int
    is_right: bool = True

    def cell(self, text: str) -> str:
        """Return ``text`` in the width of the column."""
        return right(text, self.width) if self.is_right else left(text, self.width)


STATUS = TableColumn("status", 20, is_right=False)
UP = TableColumn("up", 11)
RATE = TableColumn("msg/s", 8)
LAST = TableColumn("last msg", 9)
RTT = TableColumn("rtt", 8)
DISCONNECTS = TableColumn("disconnects (1h)", 17)
FAILING = TableColumn("failing since", 18)
COLUMNS = (STATUS, UP, FAILING, RATE, LAST, RTT, DISCONNECTS)
DROP_ORDER = (FAILING, DISCONNECTS, RTT, UP, LAST, RATE)


@dataclass(frozen=True, slots=True)
class TableLayout:
    """Columns that fit into a width."""

    name: int
    """Cells of the name."""
    columns: tuple[TableColumn, ...]
    cause: int
    """Cells of the cause; 0 = it is not shown."""

    @property
    def before_cause(self) -> int:
        """Cells before the cause: sign, name, columns and a gap."""
        return 2 + self.name + sum(column.width for column in self.columns) + 2


def sort_rows(rows: Sequence[ConnectionRow], key: SortKey = "trouble") -> tuple[ConnectionRow, ...]:
    """Return the rows by a sort key, then by name; those that are disabled come last where they have no value."""

    def rank(row: ConnectionRow) -> float:
        match key:
            case "trouble":
                return _trouble(row)
            case "name":
                return 0
            case "rate":
                return -row.messages_per_s
            case "last message":
                return (row.state.last_message_ns or 0) if row.state.spec.enabled else 2**63
            case "disconnects":
                return -row.losses_per_hour

    return tuple(sorted(rows, key=lambda row: (rank(row), row.state.name)))


def _trouble(row: ConnectionRow) -> int:
    """Return the severity that orders the list.

    A connection in a reconnect storm keeps the place of one that is down while a dial succeeds for a moment.
    """
    own = row_severity(row)
    return min(own, DOWN_SEVERITY) if own < ENDED_SEVERITY and _is_in_storm(row) else own


def _is_in_storm(row: ConnectionRow) -> bool:
    return any(incident.kind == "storm" for incident in row.incidents)


def row_severity(row: ConnectionRow) -> int:
    """Return how bad a connection is, 0 is the worst; open incidents count where its status is open."""
    of_status = severity(row.state)
    return INCIDENT_SEVERITY if of_status == OPEN_SEVERITY and row.incidents else of_status


def problem_event_id(row: ConnectionRow) -> int:
    """Return the id of the event that explains what is wrong now; 0 where nothing is."""
    rank = row_severity(row)
    if rank == INCIDENT_SEVERITY:
        return row.incidents[-1].event_id
    return row.state.last_problem_id if rank < OPEN_SEVERITY else 0


def severity(state: ConnectionState) -> int:
    """Return how bad the status of a connection is; 0 is the worst."""
    if not state.spec.enabled or state.status == "closed":
        return ENDED_SEVERITY
    if state.is_stalled:
        return STALLED_SEVERITY
    if state.failing_since_ns is not None and state.status in ("connecting", "connected"):
        # Down, with the next attempt under way
        return DOWN_SEVERITY
    return SEVERITY.get(state.status, OPEN_SEVERITY)


def table_layout(width: int, names: Sequence[str], causes: Sequence[int] = ()) -> TableLayout:
    """Return the columns that fit into a width; the least useful ones are left out first, then long names are cut.

    ``causes`` are the widths of the causes in sight: more columns are left out where that shows more of them whole,
    and for one that fits nowhere.
    """
    name = min(MAX_NAME, max([MIN_NAME, *(cell_len(each) for each in names)])) + 2
    columns = list(COLUMNS)
    found: list[TableLayout] = []
    for dropped in (None, *DROP_ORDER):
        if dropped is not None:
            columns.remove(dropped)
        if dropped is UP:
            name = min(name, SHORT_NAME + 2)
        rest = width - 2 - name - sum(column.width for column in columns) - 2
        if rest >= MIN_CAUSE:
            found.append(TableLayout(name, tuple(columns), rest))
    if found:
        # Columns that say whether data comes go only where there is no room at all; of equals, the first has the most
        for column in (RATE, LAST):
            found = [layout for layout in found if column in layout.columns] or found
        most = found[-1].cause
        return max(found, key=lambda layout: sum(1 for cause in causes if min(cause, most) <= layout.cause))
    columns = [STATUS, RATE, LAST]
    while columns and 2 + name + sum(column.width for column in columns) > width and len(columns) > 1:
        columns.pop()
    return TableLayout(min(name, max(MIN_NAME, width - 2 - STATUS.width)), tuple(columns), 0)


def heading_line(layout: TableLayout) -> Line:
    """Return the line with the titles of the columns."""
    titles = "".join(column.cell(column.title) for column in layout.columns)
    return ((f"  {left('name', layout.name)}{titles}{'  cause' if layout.cause else ''}", "dim"),)


def row_line(row: TableRow, layout: TableLayout, now_ns: int, *, ascii_only: bool = False) -> Line:
    """Return the line of a connection, or of a folded group."""
    texts = _cells_before_cause(row, layout, now_ns, ascii_only=ascii_only)
    if layout.cause:
        text, kind = row_cause(row, now_ns)
        texts.append((f"  {left(text, layout.cause)}", kind))
    return tuple(texts)


def row_lines(row: TableRow, layout: TableLayout, now_ns: int, width: int, *, ascii_only: bool = False) -> list[Line]:
    """Return the lines of the row under the cursor: its cause is wrapped where it is longer than the column."""
    first = row_line(row, layout, now_ns, ascii_only=ascii_only)
    text, kind = row_cause(row, now_ns)
    if not text or (layout.cause and cell_len(text) <= layout.cause):
        return [first]
    if layout.cause:
        at, (head, *rest) = layout.before_cause, tuple(wrap_line(((text, kind),), layout.cause))
        first = (*_cells_before_cause(row, layout, now_ns, ascii_only=ascii_only), ("  ", "text"), *head)
    else:
        at, rest = CAUSE_INDENT, list(wrap_line(((text, kind),), max(MIN_NAME, width - CAUSE_INDENT)))
    if len(rest) > CAUSE_LINES - 1:
        last = "".join(text for text, _ in rest[CAUSE_LINES - 2])
        room = layout.cause or max(MIN_NAME, width - CAUSE_INDENT)
        rest = [*rest[: CAUSE_LINES - 2], ((f"{last[: room - 2].rstrip()} …", kind),)]
    return [first, *(((" " * at, "text"), *line) for line in rest)]


def _cells_before_cause(row: TableRow, layout: TableLayout, now_ns: int, *, ascii_only: bool) -> list[StyledText]:
    if isinstance(row, GroupRow):
        shown, name, is_on = row.worst, f"{row.name} ({len(row.rows)})", True
    else:
        shown, name, is_on = row, row.state.name, row.state.spec.enabled
    texts: list[StyledText] = [
        (f"{status_sign(shown, ascii_only=ascii_only)} ", row_role(shown)),
        (left(keep_ends(name, layout.name - 1), layout.name), "text" if is_on else "dim"),
    ]
    for column in layout.columns:
        text, kind = _group_cell(column, row, now_ns) if isinstance(row, GroupRow) else _cell(column, row, now_ns)
        texts.append((column.cell(text), kind))
    return texts


def row_cause(row: TableRow, now_ns: int) -> tuple[str, Role]:
    """Return the cause of a row, fit for a terminal: of a group, that of its worst connection with its name.

    A relayed connection without one has the URL for its application there.
    """
    worst = row.worst if isinstance(row, GroupRow) else row
    text, kind = reason(worst, now_ns)
    if not isinstance(row, GroupRow):
        return cell_text(text or _relay(row.state), CAUSE_LIMIT), kind
    return cell_text(f"{worst.state.name}: {text}" if text else "", CAUSE_LIMIT), kind


def _relay(state: ConnectionState) -> str:
    """Return where the relay of a connection listens; empty for a connection that is off, or not relayed."""
    routes = state.spec.relay
    if not routes or not state.spec.enabled:
        return ""
    said = "no application yet at" if state.status == "initialized" else "relay"
    more = f" and {len(routes) - 1} more" if len(routes) > 1 else ""
    return f"{said} {routes[0].listen}{more}"


def status_role(state: ConnectionState) -> Role:
    """Return the role of a status."""
    if not state.spec.enabled:
        return "status-off"
    if state.is_stalled:
        return "status-stalled"
    match state.status:
        case "websocket_connected":
            return "status-open"
        case "disconnected" | "reconnecting" | "error":
            return "status-loss"
        case "connecting" | "connected" | "initialized":
            return "status-connecting"
        case "closed":
            return "status-closed"
        case "":
            return "dim"


def row_role(row: ConnectionRow) -> Role:
    """Return the role of a connection: that of its status, or of its incidents."""
    return "caution" if row_severity(row) == INCIDENT_SEVERITY else status_role(row.state)


def status_sign(row: ConnectionRow, *, ascii_only: bool = False) -> str:
    """Return the glyph of a connection: that of its status, or of its incidents; all differ in shape."""
    state = row.state
    if row_severity(row) == INCIDENT_SEVERITY:
        return "!" if ascii_only else "⚠"
    if not state.spec.enabled or state.status == "closed":
        return "o" if ascii_only else "○"
    if state.is_stalled:
        return "~" if ascii_only else "◐"
    match state.status:
        case "websocket_connected":
            return "*" if ascii_only else "●"
        case "error":
            return "G" if ascii_only else "□"
        case "":
            return "-" if ascii_only else "–"
        case _:
            return "." if ascii_only else "◌"


def status_word(state: ConnectionState) -> str:
    """Return the status in a word."""
    if not state.spec.enabled:
        return "off"
    if state.is_stalled:
        return "stalled"
    return "gave up" if state.status == "error" else LABELS[state.status]


def reason(row: ConnectionRow, now_ns: int) -> tuple[str, Role]:
    """Return what is wrong with a connection, in a sentence; where nothing is, its last problem."""
    state = row.state
    if not state.spec.enabled:
        return "", "dim"
    if state.is_stalled:
        since = f" since {fmt.moment(state.stalled_since_ns, now_ns)}" if state.stalled_since_ns is not None else ""
        return f"no data{since} (expected every {state.spec.expect_every_s:g} s)", "status-stalled"
    if row_severity(row) == INCIDENT_SEVERITY:
        return row.incidents[-1].sentence, "caution"
    if row.problem is None:
        return "", "dim"
    if severity(state) < STALLED_SEVERITY:
        return _outage(row.problem, row.began), "text"
    return _last_problem(row, row.problem, now_ns), "dim"


# Words of an event -> the noun for it
_NOUNS = {"disconnected": "disconnect", "failed": "failed attempt"}


def _last_problem(row: ConnectionRow, problem: Event, now_ns: int) -> str:
    """Return what the last problem was and when, then its cause; of a stall, when it began and how long it lasted."""
    wording = describe(problem)
    silent_ms = number(problem, "silent_ms")
    if silent_ms is not None and row.problem_ended_ns is not None:
        began_ns = problem.ts_ns - round(silent_ms * MS_NS)
        every_s = row.state.spec.expect_every_s
        expected = f" (data expected every {every_s:g} s)" if every_s else ""
        lasted = fmt.duration(row.problem_ended_ns - began_ns)
        return f"last {wording.what} at {fmt.moment(began_ns, now_ns)} lasted {lasted}{expected}"
    what = f"last {_NOUNS.get(wording.what, wording.what)} {fmt.moment(problem.ts_ns, now_ns)}"
    text = fact(problem) or why(problem) or wording.text
    return f"{what}: {text}" if text else what


def _outage(problem: Event, began: Event | None) -> str:
    """Return why a connection is down: first the cause of the outage, where attempts now fail for another cause."""
    first = "" if began is None else fact(began)
    return explain(problem) if first in ("", fact(problem)) else f"{first}; then {explain(problem)}"


def explain(event: Event) -> str:
    """Return what happened, in a sentence."""
    sentence = why(event)
    if sentence:
        return sentence
    wording = describe(event)
    return f"{wording.what}: {wording.text}" if wording.text else wording.what


def _cell(column: TableColumn, row: ConnectionRow, now_ns: int) -> tuple[str, Role]:
    state = row.state
    is_open = state.status == "websocket_connected"
    match column.title:
        case "status":
            return _status(row, now_ns, column.width), row_role(row)
        case "up":
            return (fmt.duration(now_ns - state.since_ns), "text") if is_open else _down(state, now_ns)
        case "failing since":
            since_ns = flapping_since_ns(state)
            return (fmt.moment(since_ns, now_ns), "status-loss") if since_ns is not None else ("", "dim")
        case "msg/s":
            return (fmt.rate(row.messages_per_s), "text") if is_open or not state.status else _nothing(state)
        case "last msg":
            if state.last_message_ns is None:
                return _nothing(state)
            return fmt.age(now_ns - state.last_message_ns), "status-stalled" if state.is_stalled else "text"
        case "rtt":
            return (fmt.milliseconds(state.rtt_ns / 1e6), "text") if is_open and state.rtt_ns else _nothing(state)
        case _:
            if not state.spec.enabled:
                return _nothing(state)
            losses = row.losses_per_hour
            return f"{losses:.0f}" if losses else "0", "status-loss" if losses else "dim"


def _group_cell(column: TableColumn, group: GroupRow, now_ns: int) -> tuple[str, Role]:
    """Return a cell of a folded group: sums, and of times the newest."""
    enabled = [row for row in group.rows if row.state.spec.enabled]
    match column.title:
        case "status":
            words: Counter[str] = Counter(status_word(row.state) for row in sort_rows(group.rows))
            text = " · ".join(f"{number} {word}" for word, number in words.items())
            is_long = cell_len(text) >= column.width
            number = sum(row.state.status == "websocket_connected" for row in enabled)
            of = sum(bool(row.state.status) for row in group.rows)
            return (f"{number} of {of} open" if is_long else text), row_role(group.worst)
        case "msg/s":
            return fmt.rate(sum(row.messages_per_s for row in group.rows)), "text"
        case "last msg":
            newest_ns = max((row.state.last_message_ns or 0 for row in group.rows), default=0)
            return (fmt.age(now_ns - newest_ns), "text") if newest_ns else (fmt.NONE, "dim")
        case "disconnects (1h)":
            losses = sum(row.losses_per_hour for row in enabled)
            return f"{losses:.0f}", "status-loss" if losses else "dim"
        case _:
            return "", "dim"


def flapping_since_ns(state: ConnectionState) -> int | None:
    """Return since when a connection that is down has been failing; None where it was not open in between."""
    down_ns, failing_ns = state.down_since_ns, state.failing_since_ns
    if down_ns is None or failing_ns is None or down_ns - failing_ns < SECOND_NS:
        return None
    return failing_ns


def _status(row: ConnectionRow, now_ns: int, width: int) -> str:
    state = row.state
    if row_severity(row) == INCIDENT_SEVERITY:
        if len(row.incidents) > 1:
            return f"{status_word(state)}: {len(row.incidents)} incidents"
        kind = row.incidents[0].kind
        if words := KIND_WORDS.get(kind):
            # The sign says that it is open
            both = f"{status_word(state)}: {words}"
            return both if cell_len(both) <= width else words
        return f"{status_word(state)}: {cell_text(kind, CAUSE_LIMIT).replace('_', ' ')}"
    if state.is_stalled and state.stalled_since_ns is not None:
        return f"{status_word(state):<10} {fmt.countdown(now_ns - state.stalled_since_ns)}"
    if state.spec.enabled and state.status == "reconnecting" and state.next_attempt_ns is not None:
        return f"{status_word(state)} in {fmt.countdown(state.next_attempt_ns - now_ns)}"
    if state.spec.enabled and state.status in ("connecting", "connected") and state.attempt > 1:
        return f"{status_word(state)} #{state.attempt}"
    return status_word(state)


def _down(state: ConnectionState, now_ns: int) -> tuple[str, Role]:
    """Return since when the connection has not been usable."""
    if state.down_since_ns is None:
        return _nothing(state)
    return f"down {fmt.duration(now_ns - state.down_since_ns)}", "status-loss"


def _nothing(state: ConnectionState) -> tuple[str, Role]:
    return (fmt.NONE if state.spec.enabled else ""), "dim"
