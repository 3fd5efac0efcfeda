"""Connections pane: a line for each connection, the worst first, with a cursor that stays on its connection."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from wsmon.model import units as fmt
from wsmon.model.profiles import PROFILES
from wsmon.model.sanitize import sanitize
from wsmon.model.snapshot import EMPTY_SNAPSHOT, ConnectionRow, ConnectionState, Snapshot
from wsmon.model.units import SECOND_NS
from wsmon.tui.actions import Move, bindings, moved
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes import connections_table as table
from wsmon.tui.panes.connections_table import reason, status_word
from wsmon.tui.widgets.text_view import StatusChanged, TextPane

# Lines keep their order at least this long, so that the user does not lose the line that they read
REORDER_NS = 3_000_000_000
# Characters of a cause in the title; no terminal is wider
CAUSE_LIMIT = 300


class ConnectionsPane(TextPane):
    """The list of connections.

    Until the user moves the cursor or opens a connection, the cursor stays on the first line: there is the worst.
    """

    BINDINGS = bindings("move", "choose")

    @dataclass
    class ConnectionChosen(Message):
        """The user opened a connection."""

        connection: str
        problem_id: int
        """The event that explains what is wrong with it; 0 = nothing is."""

    @dataclass
    class ConnectionHighlighted(Message):
        """The cursor moved to another connection."""

        connection: str

    def __init__(self, *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(heading=1, id=id)
        self._glyphs = glyphs
        self._snapshot = EMPTY_SNAPSHOT
        self._now_ns = 0
        self._order: tuple[str, ...] = ()
        self._ordered_ns = 0
        self._current = ""
        self._status: tuple[str, ...] = ()
        """The texts of the newest ``StatusChanged``."""
        self._is_moved = False

    @property
    def current(self) -> ConnectionState | None:
        """The connection under the cursor."""
        return next((row.state for row in self._snapshot.connections if row.state.name == self._current), None)

    @property
    def names(self) -> tuple[str, ...]:
        """All connections, in the order of the list."""
        return self._order

    @property
    def chosen(self) -> str:
        """The connection that the user put the cursor on; empty = the cursor stays on the first line."""
        return self._current if self._is_moved else ""

    def choose_first(self, connection: str) -> None:
        """Put the cursor on a connection as soon as there is one of this name."""
        self._is_moved = True
        self._put_cursor(connection)
        self._draw()
        self.show_cursor()

    def show(self, snapshot: Snapshot, now_ns: int) -> None:
        """Draw a snapshot as of ``now_ns``."""
        self._snapshot, self._now_ns = snapshot, now_ns
        self._sort()
        self._draw()

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these glyphs from now on."""
        self._glyphs = glyphs
        self._draw()

    def on_resize(self) -> None:
        """Draw the columns that fit into the new width."""
        self._draw()
        self.show_cursor()

    def action_move(self, move: Move) -> None:
        """Move the cursor to another connection."""
        if not self._order:
            return
        self._is_moved = True
        last = len(self._order) - 1
        # A page is without the heading
        target = moved(move, self._index(), self.size.height - 1, last)
        self._put_cursor(self._order[min(max(0, target), last)])
        self._draw()
        self.show_cursor()

    def action_choose(self) -> None:
        """Report the connection under the cursor as chosen.

        It keeps the cursor from now on, also when a worse connection comes to the top.
        """
        self._is_moved = True
        for row in self._snapshot.connections:
            if row.state.name == self._current:
                self.post_message(self.ConnectionChosen(self._current, table.problem_event_id(row)))

    def _index(self) -> int:
        return self._order.index(self._current) if self._current in self._order else 0

    def _put_cursor(self, connection: str) -> None:
        if connection != self._current:
            self._current = connection
            self.post_message(self.ConnectionHighlighted(connection))

    def _sort(self) -> None:
        """Bring the worst to the top, but not within ``REORDER_NS`` of the last change."""
        rows = self._snapshot.connections
        is_same_set = {row.state.name for row in rows} == set(self._order)
        if is_same_set and self._now_ns - self._ordered_ns < REORDER_NS:
            return
        names = tuple(row.state.name for row in table.sort_rows(rows))
        if names != self._order:
            self._order, self._ordered_ns = names, self._now_ns
        if names and (not self._is_moved or self._current not in names):
            self._put_cursor(names[0])

    def _draw(self) -> None:
        rows: dict[str, ConnectionRow] = {row.state.name: row for row in self._snapshot.connections}
        if not rows:
            self.draw(((("  nothing recorded yet: waiting for the recorder's first connection", "dim"),),))
            return
        layout = table.table_layout(self.width, self._order)
        kept = [rows[name] for name in self._order if name in rows]
        lines = [table.row_line(row, layout, self._now_ns, ascii_only=self._glyphs.is_ascii) for row in kept]
        self.draw((table.heading_line(layout), *lines), 1 + self._index())
        status = title_sentences(rows[self._current], self._now_ns) if self._current in rows else ()
        if status != self._status:
            self._status = status
            self.post_message(StatusChanged(*status))


def title_sentences(row: ConnectionRow, now_ns: int) -> tuple[str, ...]:
    """Return the texts for the title, the longest first: where room is scarce, the cause stays and the time goes."""
    state = row.state
    cause = sanitize(reason(row, now_ns)[0], CAUSE_LIMIT)
    since = _since(state, now_ns)
    if not cause:
        kept = _missing_messages(state)
        return (f"{state.name}: {since} · {kept}", f"{state.name}: {since}") if kept else (f"{state.name}: {since}",)
    return f"{state.name}: {since} · {cause}", f"{state.name}: {cause}"


def _missing_messages(state: ConnectionState) -> str:
    """Return why the log has no messages of a connection; empty where it has."""
    profile = next((each for each in PROFILES.values() if each.name == state.spec.profile), PROFILES["detailed"])
    return "" if profile.keeps_messages else f"{profile.name}: messages are counted, not kept"


def _since(state: ConnectionState, now_ns: int) -> str:
    if not state.spec.enabled:
        return status_word(state)
    if state.is_stalled and state.stalled_since_ns is not None:
        return f"{status_word(state)} {fmt.duration(now_ns - state.stalled_since_ns)}"
    down_ns, failing_ns = state.down_since_ns, state.failing_since_ns
    if down_ns is not None and failing_ns is not None:
        # It was open in between, for a moment
        is_flapping = down_ns - failing_ns >= SECOND_NS
        failing = f" · failing since {fmt.moment(failing_ns, now_ns)}" if is_flapping else ""
        return f"down {fmt.duration(now_ns - down_ns)}{failing}"
    return f"{status_word(state)} {fmt.duration(now_ns - state.since_ns)}"
