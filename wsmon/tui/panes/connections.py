"""The connections list: the worst on top, a cursor that stays on its connection."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from wsmon.model import units as fmt
from wsmon.model.profiles import PROFILES
from wsmon.model.sanitize import sanitize
from wsmon.model.snapshot import EMPTY_SNAPSHOT, ConnectionRow, ConnectionState, Snapshot
from wsmon.tui.actions import bindings
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes import connections_table as table
from wsmon.tui.panes.connections_table import reason, word
from wsmon.tui.widgets.text_view import StatusChanged, TextPane

# The sentence above the connections list: what is wrong with the one under the cursor, and since when. Pure.

# Characters; no terminal is wider
LIMIT = 300


def sentences(row: ConnectionRow, now_ns: int) -> tuple[str, ...]:
    """The same, the longest first: where there is no room for all of it, the cause stays and the time goes."""
    state = row.state
    cause = sanitize(reason(row, now_ns)[0], LIMIT)
    since = _since(state, now_ns)
    if not cause:
        kept = _what_is_kept(state)
        return (f"{state.name}: {since} · {kept}", f"{state.name}: {since}") if kept else (f"{state.name}: {since}",)
    return f"{state.name}: {since} · {cause}", f"{state.name}: {cause}"


def _what_is_kept(state: ConnectionState) -> str:
    """Why the log has no messages of it; empty where it has."""
    profile = next((each for each in PROFILES.values() if each.name == state.spec.profile), PROFILES["detailed"])
    return "" if profile.keeps_messages else f"{profile.name}: messages are counted, not kept"


def _since(state: ConnectionState, now_ns: int) -> str:
    if not state.spec.enabled:
        return word(state)
    if state.is_stalled and state.stalled_since_ns is not None:
        return f"{word(state)} {fmt.duration(now_ns - state.stalled_since_ns)}"
    if state.failing_since_ns is not None and state.status not in ("websocket_connected", "closed"):
        return f"down {fmt.duration(now_ns - state.failing_since_ns)}"
    return f"{word(state)} {fmt.duration(now_ns - state.since_ns)}"


# Lines keep their places at least this long: who reads one must not lose it
REORDER_NS = 3_000_000_000


class ConnectionsPane(TextPane):
    """One line a connection."""

    BINDINGS = bindings("move", "choose")

    @dataclass
    class ConnectionChosen(Message):
        """Enter on a connection."""

        connection: str
        trouble_id: int
        """The event that says why it is not well; 0 = it is well."""

    @dataclass
    class ConnectionHighlighted(Message):
        """The cursor came to another connection."""

        connection: str

    def __init__(self, *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(heading=1, id=id)
        self._glyphs = glyphs
        self._snapshot = EMPTY_SNAPSHOT
        self._now_ns = 0
        self._order: tuple[str, ...] = ()
        self._ordered_ns = 0
        self._current = ""
        self._said: tuple[str, ...] = ()
        # the newest texts of Status
        # Until somebody moves the cursor or opens its connection, it stays on the first line: there is the worst
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
        """The connection that somebody put the cursor on; empty = it stays with the worst."""
        return self._current if self._is_moved else ""

    def choose_first(self, connection: str) -> None:
        """Put the cursor on a connection, as soon as there is one of this name."""
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
        """Draw with these signs from now on."""
        self._glyphs = glyphs
        self._draw()

    def on_resize(self) -> None:
        """Other columns may fit."""
        self._draw()
        self.show_cursor()

    def action_move_down(self) -> None:
        """One line down."""
        self._move(1)

    def action_move_up(self) -> None:
        """One line up."""
        self._move(-1)

    def action_move_page_down(self) -> None:
        """One page down."""
        self._move(self._page)

    def action_move_page_up(self) -> None:
        """One page up."""
        self._move(-self._page)

    def action_move_half_down(self) -> None:
        """Half a page down."""
        self._move(max(1, self._page // 2))

    def action_move_half_up(self) -> None:
        """Half a page up."""
        self._move(-max(1, self._page // 2))

    def action_move_top(self) -> None:
        """To the first connection."""
        self._move(-len(self._order))

    def action_move_bottom(self) -> None:
        """To the last connection."""
        self._move(len(self._order))

    def action_choose(self) -> None:
        """Say which one was chosen; it keeps the cursor, also when something worse comes to the top."""
        self._is_moved = True
        self._is_moved = True  # what was opened keeps the cursor, also when something worse comes to the top
        for row in self._snapshot.connections:
            if row.state.name == self._current:
                self.post_message(self.ConnectionChosen(self._current, table.trouble(row)))

    @property
    def _page(self) -> int:
        return max(1, self.size.height - 1)

    def _move(self, lines: int) -> None:
        if not self._order:
            return
        self._is_moved = True
        target = min(max(0, self._index() + lines), len(self._order) - 1)
        self._put_cursor(self._order[target])
        self._draw()
        self.show_cursor()

    def _index(self) -> int:
        return self._order.index(self._current) if self._current in self._order else 0

    def _put_cursor(self, connection: str) -> None:
        if connection != self._current:
            self._current = connection
            self.post_message(self.ConnectionHighlighted(connection))

    def _sort(self) -> None:
        """Bring the worst to the top, but not while the last change is fresh."""
        rows = self._snapshot.connections
        is_same_set = {row.state.name for row in rows} == set(self._order)
        if is_same_set and self._now_ns - self._ordered_ns < REORDER_NS:
            return
        names = tuple(row.state.name for row in table.order(rows))
        if names != self._order:
            self._order, self._ordered_ns = names, self._now_ns
        if names and (not self._is_moved or self._current not in names):
            self._put_cursor(names[0])

    def _draw(self) -> None:
        rows: dict[str, ConnectionRow] = {row.state.name: row for row in self._snapshot.connections}
        if not rows:
            self.draw(((("  nothing recorded yet: waiting for the recorder's first connection", "dim"),),))
            return
        layout = table.lay_out(self.width, self._order)
        kept = [rows[name] for name in self._order if name in rows]
        lines = [table.line(row, layout, self._now_ns, ascii_only=self._glyphs.is_ascii) for row in kept]
        self.draw((table.heading(layout), *lines), 1 + self._index())
        said = sentences(rows[self._current], self._now_ns) if self._current in rows else ()
        if said != self._said:
            self._said = said
            self.post_message(StatusChanged(*said))
