"""The connections pane on its own: its cursor, its order, and the sentence above it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from unittest.mock import patch

import pytest
from textual.pilot import Pilot

from tests.support.builders import T0_NS, at_ns, loss, refused, row
from tests.support.pane_app import PaneApp
from wsmon.model.ranges import StoreBounds
from wsmon.model.snapshot import EMPTY_SNAPSHOT, ConnectionRow
from wsmon.tui.panes import connections_table as table
from wsmon.tui.panes.connections import ConnectionsPane, title_sentences
from wsmon.tui.widgets.text_view import ActionRefused, StatusChanged

TOKEN = loss(-3, reason="policy violation: token expired")


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (
            row("bouncer", "reconnecting", failing_since_ns=at_ns(-49), problem=TOKEN),
            (
                "bouncer: down 49 s · “policy violation: token expired”, 1008, closed by peer",
                "bouncer: “policy violation: token expired”, 1008, closed by peer",
            ),
        ),
        (
            row(
                "flapping",
                "reconnecting",
                last_disconnected_ns=at_ns(-12),
                failing_since_ns=at_ns(-120),
                problem=TOKEN,
            ),
            (
                (
                    "flapping: down 12 s · failing since 14:00:24 · “policy violation: token expired”, 1008, "
                    "closed by peer"
                ),
                "flapping: “policy violation: token expired”, 1008, closed by peer",
            ),
        ),
        (
            row("forbidden", "error", failing_since_ns=at_ns(-3720), problem=refused(error="403 Forbidden")),
            ("forbidden: down 1h02m · 403 Forbidden", "forbidden: 403 Forbidden"),
        ),
        (
            row("silent", stalled_since_ns=at_ns(-41), expect_every_s=5.0),
            (
                "silent: stalled 41 s · no data since 14:01:43 (expected every 5 s)",
                "silent: no data since 14:01:43 (expected every 5 s)",
            ),
        ),
        (row("ticker", since_s=-9.8), ("ticker: open 9.8 s",)),
        (
            row("quiet", since_s=-9.8, profile="standard"),
            ("quiet: open 9.8 s · standard: messages are counted, not kept", "quiet: open 9.8 s"),
        ),
        (row("paid", since_s=-9.8, profile="financial"), ("paid: open 9.8 s",)),
        (row("legacy", "initialized", enabled=False), ("legacy: off",)),
        (row("shop", ""), ("shop: events only",)),
    ],
)
def test_it_says_since_when_and_why_and_the_cause_alone_where_it_is_tight(
    each: ConnectionRow, expected: tuple[str, ...]
) -> None:
    assert title_sentences(each, T0_NS) == expected


def test_one_that_is_well_again_says_what_its_last_trouble_was() -> None:
    (whole, cause) = title_sentences(row("coinbase", since_s=-60, problem=TOKEN, failing_since_ns=at_ns(-99)), T0_NS)

    assert whole.startswith("coinbase: open 1m · last disconnect ")
    assert whole.endswith(": “policy violation: token expired”, 1008, closed by peer")
    assert cause.startswith("coinbase: last disconnect ")


def test_foreign_text_is_clean() -> None:
    hostile = row("bouncer", "reconnecting", problem=loss(reason="[/b]\x1b[31m\u202e"))

    assert all(text.isprintable() for text in title_sentences(hostile, T0_NS))


class Connections:
    """A connections pane on its own."""

    def __init__(self) -> None:
        self.pane = ConnectionsPane()
        self.app = PaneApp(self.pane)

    def run(self) -> AbstractAsyncContextManager[Pilot[None]]:
        return self.app.run_test(size=(82, 8), message_hook=self.app.hear)

    async def show(self, pilot: Pilot[None], *rows: ConnectionRow, after_s: float = 0) -> list[str]:
        """The names that are listed, at a time."""
        self.pane.show(replace(EMPTY_SNAPSHOT, connections=rows), at_ns(after_s))
        await pilot.pause()
        return self.listed()

    def listed(self) -> list[str]:
        return [line.split()[1] for line in self.app.lines()[1:] if line and line[0] != " "]

    async def leave(self, pilot: Pilot[None]) -> None:
        """Take the focus away."""
        self.app.set_focus(None)
        await pilot.pause()

    def title(self) -> str:
        """The longest text of the title."""
        return self.app.heard_of(StatusChanged)[-1].texts[0]

    def choices(self) -> int:
        """How often a connection was opened."""
        return len(self.app.heard_of(ConnectionsPane.ConnectionChosen))


WELL, DOWN = row("b"), row("a", "reconnecting", failing_since_ns=at_ns(-9), problem=TOKEN, last_problem_id=7)


async def test_without_connections_it_says_what_it_waits_for() -> None:
    connections = Connections()
    async with connections.run() as pilot:
        await connections.show(pilot)
        assert connections.app.lines()[0] == "  nothing recorded yet: waiting for the recorder's first event"
        connections.pane.show(replace(EMPTY_SNAPSHOT, bounds=StoreBounds(1, 1, 1)), 0)
        await pilot.pause()
        text = "  no connection is configured, and no application has reported events yet"
        assert connections.app.lines()[0] == text
        await pilot.press("j", "enter")
        assert (connections.pane.current, connections.choices()) == (None, 0)


async def test_the_worst_comes_to_the_top_once_the_last_order_is_no_longer_fresh() -> None:
    connections = Connections()
    lost = row("b", "error", failing_since_ns=at_ns(0), problem=TOKEN, last_problem_id=8)
    async with connections.run() as pilot:
        await connections.leave(pilot)
        assert await connections.show(pilot, WELL, DOWN) == ["a", "b"]
        assert await connections.show(pilot, lost, DOWN, after_s=1) == ["a", "b"]
        assert await connections.show(pilot, lost, DOWN, after_s=4) == ["b", "a"]


async def test_the_cursor_stays_with_the_worst_until_it_is_moved_then_with_its_connection() -> None:
    connections = Connections()
    lost = row("b", "error", failing_since_ns=at_ns(0), problem=TOKEN, last_problem_id=8)
    async with connections.run() as pilot:
        await connections.leave(pilot)
        await connections.show(pilot, WELL, DOWN)
        followed = [connections.pane.current]
        await connections.show(pilot, lost, DOWN, after_s=4)
        followed.append(connections.pane.current)
        connections.pane.focus()
        await pilot.press("G", "enter")
        await connections.leave(pilot)
        await connections.show(pilot, WELL, DOWN, after_s=8)
        followed.append(connections.pane.current)
        assert [each.name for each in followed if each is not None] == ["a", "b", "a"]
        assert (connections.pane.chosen, connections.choices()) == ("a", 1)
        moved = connections.app.heard_of(ConnectionsPane.ConnectionHighlighted)
        assert [each.connection for each in moved] == ["a", "b", "a"]


async def test_keys_move_the_cursor_by_lines_and_pages_and_it_stays_in_sight() -> None:
    connections = Connections()
    rows = [row(f"c{number:02}") for number in range(30)]
    async with connections.run() as pilot:
        await connections.show(pilot, *rows)
        seen = []
        for key in ("j", "k", "k", "space", "ctrl+d", "G", "b", "g"):
            await pilot.press(key)
            assert any(connections.pane.chosen in line for line in connections.app.lines())
            seen.append(connections.pane.chosen)
        assert seen == ["c01", "c00", "c00", "c05", "c07", "c29", "c24", "c00"]


async def test_rows_keep_their_places_while_the_pane_has_the_focus_and_the_title_says_so() -> None:
    connections = Connections()
    lost = row("b", "error", failing_since_ns=at_ns(0), problem=TOKEN, last_problem_id=8)
    async with connections.run() as pilot:
        assert await connections.show(pilot, WELL, DOWN) == ["a", "b"]
        assert await connections.show(pilot, lost, DOWN, row("0"), after_s=9) == ["a", "b", "0"]
        assert connections.title().startswith("order held, s sorts · a: ")
        await connections.leave(pilot)
        assert connections.listed() == ["b", "a", "0"]
        assert connections.title().startswith("b: ")


async def test_s_sorts_by_the_next_key_which_the_title_names() -> None:
    connections = Connections()
    fast = row("c", messages_per_s=9.0)
    async with connections.run() as pilot:
        await connections.show(pilot, WELL, DOWN, fast)
        found = []
        for _ in range(5):
            await pilot.press("s")
            found.append((connections.title().partition(" · ")[0], "".join(connections.pane.names)))
        assert found == [
            ("by name", "abc"),
            ("by rate", "cab"),
            ("by last message", "abc"),
            ("by disconnects", "abc"),
            ("order held, s sorts", "abc"),
        ]


async def test_a_filter_lists_names_that_contain_it_and_the_cursor_stays_on_one_of_them() -> None:
    connections = Connections()
    async with connections.run() as pilot:
        await connections.show(pilot, row("orders-eu"), row("orders-us"), row("quotes"))
        assert (connections.pane.list_only("QUO"), connections.pane.chosen or connections.pane.current) == (
            1,
            row("quotes").state,
        )
        await pilot.pause()
        assert "names with QUO: 1" in connections.title()
        assert connections.pane.list_only("nothing") == 0
        assert "no connection has nothing in its name" in connections.app.lines()[0]
        assert connections.pane.list_only("") == 3
        await pilot.press("f")
        assert len(connections.app.heard_of(ConnectionsPane.NameFilterRequested)) == 1


async def test_groups_fold_into_a_row_and_enter_unfolds_it() -> None:
    connections = Connections()
    rows = (row("a", group="eu"), row("b", group="eu"), row("c", group="us"), row("d"))
    async with connections.run() as pilot:
        await connections.show(pilot, *rows)
        listed = []
        for key in ("minus", "minus", "enter", "plus", "G", "minus"):
            await pilot.press(key)
            listed.append(connections.listed())
        assert listed == [
            ["eu", "c", "d"],
            ["eu", "us", "d"],
            ["a", "b", "us", "d"],
            ["a", "b", "c", "d"],
            ["a", "b", "c", "d"],
            ["a", "b", "c", "d"],
        ]
        refusals = [message.sentence for message in connections.app.heard_of(ActionRefused)]
        assert refusals == ['this connection is in no group: set group = "…" in its [[connection]]']
        assert connections.choices() == 0


async def test_causes_are_wrapped_where_the_pane_has_room_the_first_ones_first() -> None:
    connections = Connections()
    rows = [row(name, "reconnecting", problem=loss(reason=f"{name} " + "very long reason " * 3)) for name in "abcd"]
    async with connections.app.run_test(size=(82, 14), message_hook=connections.app.hear) as pilot:
        await connections.leave(pilot)
        await connections.show(pilot, *rows)
        lines = connections.app.lines()[1:]
        starts = [number for number, line in enumerate(lines) if line and line[0] != " "]
        assert len(starts) == 4
        assert (starts[1] - starts[0] > 1, len(lines) <= 13) == (True, True)
        assert ["…" in lines[at] for at in starts] == [False, False, False, True]


async def test_rows_out_of_sight_are_not_drawn() -> None:
    connections = Connections()
    rows = [row(f"c{number:04}") for number in range(1_000)]
    async with connections.run() as pilot:
        with patch.object(table, "row_line", wraps=table.row_line) as drawn:
            for after_s in range(3):
                await connections.show(pilot, *rows, after_s=after_s)
            assert drawn.call_count <= 3 * connections.pane.size.height
            await pilot.press("G")
            assert "c0999" in connections.app.lines()[-1]


async def test_a_connection_that_is_not_there_yet_gets_the_cursor_when_it_comes() -> None:
    connections = Connections()
    async with connections.run() as pilot:
        connections.pane.choose_first("b")
        await connections.show(pilot, WELL, DOWN)
        assert connections.pane.chosen == "b"
