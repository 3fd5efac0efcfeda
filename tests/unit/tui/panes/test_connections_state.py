"""Order, filter and groups of the connections list."""

from __future__ import annotations

import pytest

from tests.support.builders import T0_NS, at_ns, row
from wsmon.model.snapshot import ConnectionRow
from wsmon.tui.panes.connections_state import REORDER_NS, SORT_KEYS, ConnectionsState, RowKey

WELL, DOWN = row("b"), row("a", "reconnecting", failing_since_ns=at_ns(-9))
LOST = row("b", "error", failing_since_ns=at_ns(0))


def state_of(*rows: ConnectionRow) -> ConnectionsState:
    state = ConnectionsState()
    state.take(rows, T0_NS)
    return state


def names(state: ConnectionsState) -> list[str]:
    return [f"[{key.name}]" if key.is_group else key.name for key in state.keys]


@pytest.mark.parametrize(("after_ns", "expected"), [(REORDER_NS - 1, ["a", "b"]), (REORDER_NS, ["b", "a"])])
def test_an_order_is_kept_for_a_while(after_ns: int, expected: list[str]) -> None:
    state = state_of(WELL, DOWN)
    state.take((LOST, DOWN), T0_NS + after_ns)
    assert names(state) == expected


def test_an_order_that_is_held_stays_and_new_connections_come_last() -> None:
    state = state_of(WELL, DOWN)
    state.hold(is_held=True, now_ns=T0_NS)
    state.take((LOST, DOWN, row("0", "error")), at_ns(60))
    held = names(state)
    state.take((LOST, row("0", "error")), at_ns(61))
    assert (held, names(state)) == (["a", "b", "0"], ["b", "0"])
    state.hold(is_held=False, now_ns=at_ns(62))
    assert names(state) == ["0", "b"]


def test_the_order_that_is_held_is_not_one_that_was_only_too_fresh_to_change() -> None:
    state = state_of(WELL, DOWN)
    state.take((LOST, DOWN), T0_NS + 1)
    state.hold(is_held=True, now_ns=T0_NS + 2)
    assert names(state) == ["b", "a"]


def test_rows_that_keep_their_place_show_what_is_new() -> None:
    state = state_of(WELL, DOWN)
    state.take((LOST, DOWN), T0_NS + 1)
    assert state.listing.row(1) == LOST


def test_after_the_last_sort_key_comes_the_first() -> None:
    state = state_of(WELL, DOWN)
    seen = []
    for _ in SORT_KEYS:
        state.sort_by(state.next_sort_key, T0_NS)
        seen.append(state.sort_key)
    assert seen == [*SORT_KEYS[1:], "trouble"]


def test_a_filter_that_hides_the_cursor_puts_it_on_the_first_row() -> None:
    state = state_of(row("orders-eu"), row("orders-us"), row("quotes"))
    state.move_to(1)
    state.list_only("quo")
    hidden = (names(state), state.current)
    state.list_only("")
    assert (hidden, names(state), state.current) == (
        (["quotes"], RowKey("quotes")),
        ["orders-eu", "orders-us", "quotes"],
        RowKey("quotes"),
    )
    assert state.order == ("orders-eu", "orders-us", "quotes")


def test_a_folded_group_has_the_place_of_its_worst_connection() -> None:
    state = state_of(row("a", group="us"), row("b", "error", group="eu"), row("c", group="eu"), row("d"))
    state.move_to(0)
    assert (state.fold(), names(state), state.current) == (True, ["[eu]", "a", "d"], RowKey("eu", is_group=True))
    assert state.connection is None
    assert (state.fold(), names(state)) == (True, ["[eu]", "[us]", "d"])
    assert (state.unfold(), names(state), state.current) == (True, ["b", "[us]", "c", "d"], RowKey("b"))
    assert (state.unfold(), names(state)) == (True, ["b", "a", "c", "d"])
    assert not state.unfold()
    state.move_to(3)
    assert not state.fold()
