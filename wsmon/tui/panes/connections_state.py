"""State of the connections list: the order of its rows, the filter by name, groups folded into a row, the cursor. Pure.

The order is by a sort key. While the list has the focus it is held, so that no row moves under the user's eyes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from wsmon.model.snapshot import ConnectionRow
from wsmon.tui.panes.connections_table import GroupRow, SortKey, TableRow, sort_rows

SORT_KEYS: tuple[SortKey, ...] = ("trouble", "name", "rate", "last message", "disconnects")
# An order by trouble is kept at least this long, so that the user does not lose the line that they read
REORDER_NS = 3_000_000_000


@dataclass(frozen=True, slots=True)
class RowKey:
    """What identifies a row of the list: a connection, or a group that is folded."""

    name: str
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows that are listed; another order, filter or fold makes another listing."""

    keys: tuple[RowKey, ...] = ()
    """From top to bottom."""
    rows: Mapping[str, ConnectionRow] = field(default_factory=dict)
    """All connections, by name."""
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Listed connections of each folded group."""

    def row(self, number: int) -> TableRow:
        """Return a row by its number."""
        key = self.keys[number]
        if not key.is_group:
            return self.rows[key.name]
        return GroupRow(key.name, tuple(self.rows[name] for name in self.members[key.name]))


class ConnectionsState:
    """All connections, those that are listed, and the row under the cursor."""

    def __init__(self) -> None:
        self.rows: Mapping[str, ConnectionRow] = {}
        """All connections, by name."""
        self.order: tuple[str, ...] = ()
        """Names of all connections in the order of the list, hidden ones included."""
        self.sort_key: SortKey = "trouble"
        self.filter = ""
        """Text that the names of listed connections contain, whatever the case; empty = all are listed."""
        self.is_held = False
        """Whether the order stays as it is."""
        self.is_moved = False
        """Whether the user moved the cursor; until then it stays on the first row."""
        self.listing = Listing()
        self.current = RowKey("")
        """The row under the cursor."""
        self._folded: frozenset[str] = frozenset()
        """Groups shown as one row."""
        self._ordered_ns = 0

    @property
    def keys(self) -> tuple[RowKey, ...]:
        """The rows that are listed, from top to bottom."""
        return self.listing.keys

    @property
    def index(self) -> int:
        """Number of the row under the cursor."""
        return self.keys.index(self.current) if self.current in self.keys else 0

    @property
    def connection(self) -> ConnectionRow | None:
        """The connection under the cursor; None where there is none, or a group."""
        return None if self.current.is_group else self.rows.get(self.current.name)

    def take(self, rows: Iterable[ConnectionRow], now_ns: int) -> None:
        """Take the connections as they are now, and order them unless the order is held or too fresh."""
        self.rows = {row.state.name: row for row in rows}
        is_same_set = self.rows.keys() == set(self.order)
        if is_same_set and (self.is_held or now_ns - self._ordered_ns < REORDER_NS):
            self.listing = replace(self.listing, rows=self.rows)
            return
        if self.is_held and self.order:
            # Those that are gone leave the list, new ones come last
            known = frozenset(self.order)
            kept = tuple(name for name in self.order if name in self.rows)
            new = (row.state.name for row in self._sorted() if row.state.name not in known)
            self.order = (*kept, *new)
        else:
            self._order_as_of(now_ns)
        self._list()

    def hold(self, *, is_held: bool, now_ns: int) -> None:
        """Order the connections, and hold that order from now on, or no longer.

        An order that is too fresh to change would otherwise be held although a connection has failed since.
        """
        self.is_held = is_held
        self._order_as_of(now_ns)
        self._list()

    @property
    def next_sort_key(self) -> SortKey:
        """The sort key after this one; after the last one comes the first."""
        return SORT_KEYS[(SORT_KEYS.index(self.sort_key) + 1) % len(SORT_KEYS)]

    def sort_by(self, key: SortKey, now_ns: int) -> None:
        """Order by a sort key."""
        self.sort_key = key
        self._order_as_of(now_ns)
        self._list()

    def list_only(self, text: str) -> None:
        """List the connections whose name contains a text."""
        self.filter = text
        self._list()

    def move_to(self, index: int) -> None:
        """Put the cursor on a row of the list."""
        if self.keys:
            self.is_moved = True
            self.current = self.keys[min(max(0, index), len(self.keys) - 1)]

    def choose(self, connection: str) -> None:
        """Put the cursor on a connection, also on one that is not listed yet."""
        self.is_moved = True
        self.current = RowKey(connection)

    def fold(self) -> bool:
        """Fold the group of the row under the cursor, or all groups where that is folded; return whether one is."""
        row = self.connection
        group = row.state.spec.group if row is not None else ""
        groups = {each.state.spec.group for each in self.rows.values()} - {""}
        wanted = {group} if group else groups if self.current.is_group else set()
        self._fold(self._folded | wanted)
        if group:
            self.is_moved = True
            self.current = RowKey(group, is_group=True)
        return bool(wanted)

    def unfold(self) -> bool:
        """Unfold the group under the cursor, or all where that is none; return whether there was one."""
        before = self._folded
        self._fold(before - {self.current.name} if self.current.is_group else frozenset())
        return self._folded != before

    def _fold(self, groups: frozenset[str] | set[str]) -> None:
        left = self.current
        self._folded = frozenset(groups)
        if left.is_group and left.name not in self._folded:
            # The cursor goes to the first connection of the group that was unfolded
            self.current = RowKey(self.listing.members.get(left.name, ("",))[0])
        self._list()

    def _sorted(self) -> tuple[ConnectionRow, ...]:
        return sort_rows(tuple(self.rows.values()), self.sort_key)

    def _order_as_of(self, now_ns: int) -> None:
        order = tuple(row.state.name for row in self._sorted())
        if order != self.order:
            self.order, self._ordered_ns = order, now_ns

    def _list(self) -> None:
        """List the rows in their order; a cursor whose row is not listed goes to the first one."""
        text = self.filter.casefold()
        keys: dict[RowKey, None] = {}
        members: dict[str, list[str]] = {}
        for name in self.order:
            row = self.rows.get(name)
            if row is None or text not in name.casefold():
                continue
            group = row.state.spec.group
            if group and group in self._folded:
                members.setdefault(group, []).append(name)
                keys[RowKey(group, is_group=True)] = None
            else:
                keys[RowKey(name)] = None
        self.listing = Listing(tuple(keys), self.rows, {group: tuple(names) for group, names in members.items()})
        if not self.keys:
            return
        is_waiting = self.is_moved and not self.current.is_group and self.current.name not in self.rows
        if not self.is_moved or (self.current not in keys and not is_waiting):
            self.current = self.keys[0]
