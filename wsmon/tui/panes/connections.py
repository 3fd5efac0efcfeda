"""Connections pane: a line for each connection, the worst first, with a cursor that stays on its connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import overload

from rich.cells import cell_len
from textual.message import Message

from wsmon.model import units as fmt
from wsmon.model.profiles import PROFILES
from wsmon.model.snapshot import EMPTY_SNAPSHOT, ConnectionRow, ConnectionState, Snapshot
from wsmon.tui.actions import Move, bindings, moved
from wsmon.tui.cell_text import cell_text
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes import connections_table as table
from wsmon.tui.panes.connections_state import ConnectionsState, RowKey
from wsmon.tui.panes.connections_table import SortKey, TableLayout, flapping_since_ns, reason, status_word
from wsmon.tui.text import Line
from wsmon.tui.widgets.text_view import ActionRefused, StatusChanged, TextPane

# Characters of a cause in the title; no terminal is wider
CAUSE_LIMIT = 300
# Columns that gave way to a cause stay away so long, so that they do not come and go with it
KEEP_LAYOUT_NS = 60_000_000_000
# Most lines that the pane grows by for the cause under the cursor: the log needs the others
MORE_LINES = 2
# In the title while the order is held
HELD = "order held, s sorts"
NO_GROUPS = 'no connection is in a group: set group = "…" in its [[connection]]'
NO_GROUP_HERE = 'this connection is in no group: set group = "…" in its [[connection]]'


class ConnectionsPane(TextPane):
    """The list of connections.

    Until the user moves the cursor or opens a connection, the cursor stays on the first line: there is the worst. While
    the pane has the focus no line changes its place.
    """

    BINDINGS = bindings("move", "choose", "connections")

    class ConnectionChosen(Message):
        """The user opened the connection under the cursor."""

    @dataclass
    class ConnectionHighlighted(Message):
        """The cursor moved to another connection."""

        connection: str
        """Empty: it is on a group."""

    class NameFilterRequested(Message):
        """The user wants to type a part of the names that are to be listed."""

    class LinesNeeded(Message):
        """The pane needs another number of lines: see ``most_cause_lines``."""

    def __init__(self, *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(heading=1, id=id)
        self._glyphs = glyphs
        self._snapshot = EMPTY_SNAPSHOT
        self._now_ns = 0
        self._state = ConnectionsState()
        self._highlighted = ""
        """The connection that ``ConnectionHighlighted`` named last."""
        self._status: tuple[str, ...] = ()
        """The texts of the newest ``StatusChanged``."""
        self._causes: dict[RowKey, int] = {}
        """The greatest widths of the causes that were in sight since ``_causes_since_ns``."""
        self._causes_since_ns = 0
        self._heights: dict[RowKey, int] = {}
        """Most lines that rows with a wrapped cause had since ``_causes_since_ns``, or since the cursor moved."""
        self.most_cause_lines = 0
        """Lines that the pane needs beside one a row, for the longest cause under the cursor at this width so far."""
        self._drawn_width = 0

    @property
    def current(self) -> ConnectionState | None:
        """The connection under the cursor; None where there is none, or a group."""
        row = self._state.connection
        return row.state if row is not None else None

    @property
    def names(self) -> tuple[str, ...]:
        """All connections, in the order of the list."""
        return self._state.order

    @property
    def chosen(self) -> str:
        """The connection that the user put the cursor on; empty = the cursor stays on the first line."""
        state = self._state
        return state.current.name if state.is_moved and not state.current.is_group else ""

    @property
    def sort_key(self) -> SortKey:
        """What the list is ordered by."""
        return self._state.sort_key

    @property
    def filter(self) -> str:
        """The text that the names of listed connections contain."""
        return self._state.filter

    def list_only(self, text: str) -> int:
        """List the connections whose name contains a text; return how many rows there are."""
        self._state.list_only(text)
        self._redraw()
        return len(self._state.keys)

    def choose_first(self, connection: str) -> None:
        """Put the cursor on a connection as soon as there is one of this name."""
        self._state.choose(connection)
        self._redraw()

    def show(self, snapshot: Snapshot, now_ns: int) -> None:
        """Draw a snapshot as of ``now_ns``."""
        self._snapshot, self._now_ns = snapshot, now_ns
        before = self._state.order
        self._state.take(snapshot.connections, now_ns)
        if self._state.order != before or now_ns - self._causes_since_ns > KEEP_LAYOUT_NS:
            self._causes, self._heights, self._causes_since_ns = {}, {}, now_ns
        self._announce()
        self._draw()

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these glyphs from now on."""
        self._glyphs = glyphs
        self._draw()

    def on_resize(self) -> None:
        """Draw the columns that fit into the new width."""
        if self.width != self._drawn_width:
            self._drawn_width = self.width
            self._causes, self._heights = {}, {}
            self._need_lines(0)
        self._redraw()

    def on_focus(self) -> None:
        """Hold the order while the user reads."""
        super().on_focus()
        self._state.hold(is_held=True, now_ns=self._now_ns)
        self._redraw()

    def on_blur(self) -> None:
        """Order the connections again."""
        super().on_blur()
        self._state.hold(is_held=False, now_ns=self._now_ns)
        self._redraw()

    def action_move(self, move: Move) -> None:
        """Move the cursor to another row."""
        self._heights = {}
        # A page is without the heading
        page, last = self.size.height - 1, len(self._state.keys) - 1
        self._state.move_to(moved(move, self._state.index, page, last))
        self._redraw()

    def action_choose(self) -> None:
        """Report the connection under the cursor as chosen, or unfold the group.

        It keeps the cursor from now on, also when a worse connection comes to the top.
        """
        state = self._state
        if state.current.is_group:
            self.action_connections_unfold()
        elif state.connection is not None:
            state.is_moved = True
            self.post_message(self.ConnectionChosen())

    def sort(self, key: SortKey) -> None:
        """Order by this sort key."""
        self._state.sort_by(key, self._now_ns)
        self._redraw()

    def action_connections_sort(self) -> None:
        """Order by the next sort key."""
        self.sort(self._state.next_sort_key)

    def action_connections_filter(self) -> None:
        """Let the user type a part of a name."""
        self.post_message(self.NameFilterRequested())

    def action_connections_fold(self) -> None:
        """Fold the group of the connection under the cursor; on a group, all groups."""
        is_grouped = any(row.state.spec.group for row in self._snapshot.connections)
        if not self._state.fold():
            self.post_message(ActionRefused(NO_GROUP_HERE if is_grouped else NO_GROUPS))
        self._redraw()

    def action_connections_unfold(self) -> None:
        """Unfold the group under the cursor; on a connection, all groups."""
        if not self._state.unfold():
            self.post_message(ActionRefused("no group is folded"))
        self._redraw()

    def _announce(self) -> None:
        """Report the connection under the cursor, where that is another one."""
        current = self._state.current
        name = "" if current.is_group else current.name
        if name != self._highlighted and (name in self._state.rows or current.is_group):
            self._highlighted = name
            self.post_message(self.ConnectionHighlighted(name))

    def _redraw(self) -> None:
        """Draw what the user changed, with the cursor in sight."""
        self._announce()
        self._draw()
        self.show_cursor(self._heights.get(self._state.current, 1))

    def _draw(self) -> None:
        state = self._state
        if not state.keys:
            text = "nothing recorded yet: waiting for the recorder's first event"
            if self._snapshot.bounds.last_id:
                text = "no connection is configured, and no application has reported events yet"
            if state.rows:
                text = f"no connection has {cell_text(state.filter, CAUSE_LIMIT)} in its name: f changes the filter"
            self.draw((((f"  {text}", "dim"),),))
        else:
            layout = self._layout()
            index, heading = state.index, table.heading_line(layout)
            lines = self._lines_of(index, layout)
            self._need_lines(max(self.most_cause_lines, min(MORE_LINES, len(lines) - 1)))
            every = self._every_line(layout)
            if every is not None:
                before = sum(map(len, every[:index]))
                self.draw((heading, *chain.from_iterable(every)), 1 + before)
            else:
                listing, now_ns, is_ascii = state.listing, self._now_ns, self._glyphs.is_ascii

                def line_of(number: int) -> Line:
                    return table.row_line(listing.row(number), layout, now_ns, ascii_only=is_ascii)

                self.draw(RowLines(heading, len(state.keys), index, lines, line_of), 1 + index)
        status = self._title()
        if status != self._status:
            self._status = status
            self.post_message(StatusChanged(*status))

    def _need_lines(self, lines: int) -> None:
        if lines != self.most_cause_lines:
            self.most_cause_lines = lines
            self.post_message(self.LinesNeeded())

    def _layout(self) -> TableLayout:
        """Return the columns for the causes in sight."""
        state, top = self._state, round(self.scroll_offset.y)
        for number in range(top, min(len(state.keys), top + max(1, self.size.height))):
            text, role = table.row_cause(state.listing.row(number), self._now_ns)
            if role != "dim":
                key = state.keys[number]
                self._causes[key] = max(cell_len(text), self._causes.get(key, 0))
        names = [f"{key.name} (999)" if key.is_group else key.name for key in state.keys]
        return table.table_layout(self.width, names, tuple(self._causes.values()))

    def _every_line(self, layout: TableLayout) -> list[list[Line]] | None:
        """Return the lines of all rows, with as many causes wrapped as there is room for: that of the cursor first.

        None where the rows do not fit into the pane, or the cause of the row under the cursor does not.
        """
        number, room = len(self._state.keys), self.size.height - 1
        if number > room:
            return None
        every = [self._lines_of(row, layout) for row in range(number)]
        current = self._state.index
        free = room - number - (len(every[current]) - 1)
        if free < 0:
            return None
        for row, lines in enumerate(every):
            if row == current or len(lines) == 1:
                continue
            if len(lines) - 1 <= free:
                free -= len(lines) - 1
            else:
                every[row] = [self._line_of(row, layout)]
        return every

    def _line_of(self, number: int, layout: TableLayout) -> Line:
        row = self._state.listing.row(number)
        return table.row_line(row, layout, self._now_ns, ascii_only=self._glyphs.is_ascii)

    def _lines_of(self, number: int, layout: TableLayout) -> list[Line]:
        """Return the lines of a row with its cause wrapped; no fewer than before, so that rows below stay in place."""
        row, key = self._state.listing.row(number), self._state.keys[number]
        if table.row_cause(row, self._now_ns)[1] == "dim":
            self._heights.pop(key, None)
        lines = table.row_lines(row, layout, self._now_ns, self.width, ascii_only=self._glyphs.is_ascii)
        self._heights[key] = max(len(lines), self._heights.get(key, 1))
        return [*lines, *[()] * (self._heights[key] - len(lines))]

    def _title(self) -> tuple[str, ...]:
        """Return the texts beside the title, the longest first: how the list is ordered, and the row of the cursor."""
        state = self._state
        parts = [] if state.sort_key == "trouble" else [f"by {state.sort_key}"]
        parts += [HELD] if state.is_held and state.keys else []
        if state.filter:
            parts.append(f"names with {cell_text(state.filter, CAUSE_LIMIT)}: {len(state.keys)}")
        order = " · ".join(parts)
        row = state.connection
        if not order or row is None:
            return title_sentences(row, self._now_ns) if row is not None else (order,)
        name, since = row.state.name, _since(row.state, self._now_ns)
        about = (*title_sentences(row, self._now_ns), f"{name}: {since}", f"{name}: {since.partition(' · ')[0]}", name)
        short = order.replace(HELD, HELD.partition(",")[0])
        return (*(f"{order} · {text}" for text in about), f"{short} · {about[-2]}", f"{short} · {name}", short)


class RowLines(Sequence[Line]):
    """The lines of the list; those of a row are made when they are looked at: a thousand rows cost what is in sight."""

    def __init__(
        self, heading: Line, count: int, current: int, lines: Sequence[Line], line_of: Callable[[int], Line]
    ) -> None:
        """``lines`` are those of the row ``current``; ``line_of`` returns the line of another row by its number."""
        self._heading = heading
        self._count = count
        self._current = current
        self._lines = lines
        self._line_of = line_of
        self._made: dict[int, Line] = {}

    def __len__(self) -> int:
        return self._count + len(self._lines)

    @overload
    def __getitem__(self, number: int) -> Line: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Line]: ...
    def __getitem__(self, number: int | slice) -> Line | Sequence[Line]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        if number == 0:
            return self._heading
        row = number - 1
        if self._current <= row < self._current + len(self._lines):
            return self._lines[row - self._current]
        row -= len(self._lines) - 1 if row > self._current else 0
        if row not in self._made:
            self._made[row] = self._line_of(row)
        return self._made[row]


def title_sentences(row: ConnectionRow, now_ns: int) -> tuple[str, ...]:
    """Return the texts for the title, the longest first: where room is scarce, the cause stays and the time goes."""
    state = row.state
    cause = cell_text(reason(row, now_ns)[0], CAUSE_LIMIT)
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
    if not state.status:
        return status_word(state)
    if state.down_since_ns is not None:
        failing_ns = flapping_since_ns(state)
        failing = f" · failing since {fmt.moment(failing_ns, now_ns)}" if failing_ns is not None else ""
        return f"down {fmt.duration(now_ns - state.down_since_ns)}{failing}"
    return f"{status_word(state)} {fmt.duration(now_ns - state.since_ns)}"
