"""The timeline pane on its own: what it draws, and what keys and clicks do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC
from itertools import pairwise

import pytest
from textual import events
from textual.pilot import Pilot

from tests.support.builders import SECOND_NS, at_ns, lane, loss, numbered, refused
from tests.support.pane_app import PaneApp
from wsmon.errors import StoreError
from wsmon.model.events import Event
from wsmon.model.statistics import Density
from wsmon.model.statuses import OPEN, Status
from wsmon.model.timeline import Lane, LaneTitle, Period, TimelineProblem
from wsmon.tui.glyphs import ASCII, UNICODE, Glyphs
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.panes.timeline_lanes import lane_rows
from wsmon.tui.panes.timeline_state import TimeBounds, TimelineAnswer

OLDEST_NS = at_ns(-1900)
RUN_NS = at_ns(-500)
NOW_NS = at_ns(0)
HOSTILE = "[/b]\x1b[31m\x1b]0;x\x07\x9b\u202e"

DERIBIT: list[tuple[float, Status]] = [
    (-1900.0, OPEN),
    (-300.0, "disconnected"),
    (-280.0, "reconnecting"),
    (-250.0, OPEN),
    (-45.0, "disconnected"),
]
LANES = (
    lane("deribit", DERIBIT, 0, losses=[-300, -45]),
    lane("kraken-book", [(-1900, OPEN), (-1500, "disconnected"), (-1480, OPEN)], 0, losses=[-1500], stalls=[(-60, 0)]),
    lane("binance-spot", [(-1900, OPEN)], 0),
    lane("coinbase", [(-1300, "connecting"), (-1270, OPEN), (-500, "closed")], 0),
    lane("legacy", [(-900, "connecting"), (-880, "error")], 0),
)
DENSITY = Density(
    OLDEST_NS,
    10 * SECOND_NS,
    tuple(number * 7 % 40 + number // 4 for number in range(190)),
    tuple(int(number in (160, 170)) for number in range(190)),
)


class Timeline:
    """A timeline pane on its own, and what it needs."""

    def __init__(
        self,
        lanes: tuple[Lane, ...] = LANES,
        event_of: Callable[[int], Event | None] = lambda _: loss(-200),
        glyphs: Glyphs = UNICODE,
    ) -> None:
        self.lanes = lanes
        self.pane = TimelinePane(event_of, zone=UTC, glyphs=glyphs)
        self.app = PaneApp(self.pane, "timeline.tcss")

    def run(self, width: int = 116, height: int = 12) -> AbstractAsyncContextManager[Pilot[None]]:
        return self.app.run_test(size=(width, height), message_hook=self.app.hear)

    async def show(self, pilot: Pilot[None], density: Density | None = DENSITY, now_ns: int = NOW_NS) -> list[str]:
        moment = TimeBounds(now_ns, OLDEST_NS, RUN_NS)
        titles = tuple(LaneTitle(each.connection, each.group) for each in self.lanes)
        lanes = {each.connection: each for each in self.lanes}
        request = self.pane.request(moment)
        rows = lane_rows(titles, (), by_group=False) if request.has_traffic and density is not None else ()
        traffic = {row: density for row in rows if density is not None}
        self.pane.show(TimelineAnswer(request.period, titles, lanes, density, traffic=traffic), moment)
        await pilot.pause()
        return self.app.lines()

    @property
    def period(self) -> Period:
        return self.pane.request(TimeBounds(NOW_NS, OLDEST_NS, RUN_NS)).period

    @property
    def title(self) -> str:
        return self.pane.status[0]

    @property
    def readout(self) -> str:
        return self.pane.readout


async def test_lanes_axis_and_density_stand_in_the_same_columns() -> None:
    timeline = Timeline()
    async with timeline.run() as pilot:
        lines = await timeline.show(pilot)
        period = timeline.period

        assert timeline.title == "13:29 – 14:02 · 20 s per cell"
        column = lines[0].index("14:00")
        start = len("binance-spot ")
        assert period.start_of(column - start) == at_ns(-144)
        assert lines[1][start + period.cell_of(at_ns(-300))] == "╳"
        assert lines[2][start + period.cell_of(at_ns(-1500))] == "╳"
        assert lines[2].endswith("░░░░")
        assert lines[4].count("○") == 26
        assert lines[5].endswith("□" * 40)
        assert [line.split()[0] for line in lines[1:8]] == [each.connection for each in LANES] + ["messages", "errors"]


async def test_no_data_is_blank_and_not_zero() -> None:
    timeline = Timeline((lane("a", [(-100, OPEN)], -50),))
    async with timeline.run() as pilot:
        lines = await timeline.show(pilot, None)
        period = timeline.period

        assert [character for character in lines[1][9:] if character != " "] == ["━"] * 3
        assert lines[1][9 + period.cell_of(at_ns(-100))] == "━"


async def test_the_cursor_reads_out_the_transition_under_it() -> None:
    asked: list[int] = []

    def event_of(event_id: int) -> Event:
        asked.append(event_id)
        return numbered([loss(-45)], event_id)[0]

    timeline = Timeline(event_of=event_of)
    async with timeline.run() as pilot:
        await timeline.show(pilot)
        await pilot.press("left", "left", "left")

        assert asked[-1] == 102
        assert timeline.readout == (
            "deribit · 14:01:39.000 disconnected: “rate limit: 5 connections”, 1008, closed by peer"
        )


async def test_enter_takes_the_log_to_the_event_or_to_the_time() -> None:
    timeline = Timeline()
    async with timeline.run() as pilot:
        await timeline.show(pilot)
        await pilot.press("down", "enter", "up", *["less_than_sign"] * 3)
        assert timeline.readout == "loading"
        await timeline.show(pilot)
        await pilot.press("enter")
        chosen = [
            (each.place.problem, each.place.connection) for each in timeline.app.heard_of(TimelinePane.PlaceChosen)
        ]

        assert chosen == [(None, "kraken-book"), (None, "deribit")]
        assert timeline.readout == "deribit · no data: before the start of the recording"


async def test_enter_takes_the_log_to_the_first_problem_of_a_cell() -> None:
    timeline = Timeline(
        (lane("a", [(-1900, OPEN)], 0, losses=[-45, -43], stalls=[(-44, -30)], incidents=[(-46, -30)]),)
    )
    async with timeline.run() as pilot:
        await timeline.show(pilot)
        await pilot.press("left", "left", "left", "enter")

        assert [each.place.problem for each in timeline.app.heard_of(TimelinePane.PlaceChosen)] == [
            TimelineProblem("a", at_ns(-46), 301)
        ]


async def test_zoom_asks_for_another_period_and_says_how_long_a_cell_is() -> None:
    timeline = Timeline()
    async with timeline.run() as pilot:
        await timeline.show(pilot)
        await pilot.press("plus")
        assert timeline.title == "13:45 – 14:02 · 10 s per cell"
        await pilot.press("minus", "minus")
        assert timeline.title == "13:12 – 14:02 · 30 s per cell"
        period = timeline.period

        assert (period.until_ns - period.since_ns) // period.cells == 30 * SECOND_NS
        assert len(timeline.app.heard_of(TimelinePane.RequestChanged)) >= 3


async def test_panning_holds_the_period_and_keys_follow_or_fit_the_run_and_everything() -> None:
    timeline = Timeline()
    async with timeline.run() as pilot:
        await timeline.show(pilot)
        await pilot.press("less_than_sign")
        held = timeline.period
        assert timeline.title == "13:12 – 13:46 · 20 s per cell · paused (. to follow)"
        await timeline.show(pilot, now_ns=at_ns(300))
        assert timeline.period == held
        await pilot.press("full_stop")
        assert "held" not in timeline.title
        assert timeline.period.start_of(1) - timeline.period.since_ns == 20 * SECOND_NS
        await pilot.press("0")
        run = timeline.period
        await pilot.press("0")

        assert OLDEST_NS < run.since_ns <= RUN_NS
        assert timeline.period.since_ns <= OLDEST_NS


async def test_a_live_period_moves_by_whole_cells_only() -> None:
    timeline = Timeline()
    async with timeline.run() as pilot:
        first = await timeline.show(pilot, now_ns=at_ns(-3))
        second = await timeline.show(pilot, now_ns=at_ns(12))
        third = await timeline.show(pilot, now_ns=at_ns(20))

        assert first[:6] == second[:6]
        assert third != second


async def test_what_did_not_change_is_not_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    timeline = Timeline()
    async with timeline.run() as pilot:
        await timeline.show(pilot)
        painted: list[object] = []
        monkeypatch.setattr(timeline.pane, "refresh", lambda *regions, **_: painted.append(regions))
        await timeline.show(pilot, now_ns=NOW_NS + 1)

        assert painted == []


async def test_hundreds_of_lanes_scroll_under_the_axis() -> None:
    timeline = Timeline(tuple(lane(f"c{number:03}", [(-1900, OPEN)], 0) for number in range(300)))
    async with timeline.run() as pilot:
        lines = await timeline.show(pilot)
        assert [line.split()[0] for line in lines[1:6]] == [f"c{number:03}" for number in range(5)]
        assert timeline.title.endswith("lanes 1–5 of 300")
        assert "".join(line[-1] for line in lines[1:6]) == "┃││││"
        await pilot.press(*["down"] * 9)
        lines = timeline.app.lines()

        assert [line.split()[0] for line in lines[1:8]] == [
            *(f"c{number:03}" for number in range(5, 10)), "messages", "errors"
        ]  # fmt: skip
        await pilot.press("end")
        assert timeline.title.endswith("lanes 296–300 of 300")
        assert ":" in timeline.app.lines()[0]


async def test_the_wheel_scrolls_the_lanes_and_asks_for_them() -> None:
    timeline = Timeline(tuple(lane(f"c{number:03}", [(-1900, OPEN)], 0) for number in range(300)))
    async with timeline.run() as pilot:
        await timeline.show(pilot)
        await pilot.press("down")
        asked = len(timeline.app.heard_of(TimelinePane.RequestChanged))
        for kind in (events.MouseScrollDown, events.MouseScrollDown, events.MouseScrollUp):
            timeline.pane.post_message(kind(timeline.pane, 5, 3, 0, 1, 0, False, False, False))
            await pilot.pause()

        assert timeline.title.endswith("lanes 4–8 of 300")
        assert len(timeline.app.heard_of(TimelinePane.RequestChanged)) == asked + 3
        assert timeline.pane.request(TimeBounds(NOW_NS, OLDEST_NS)).first_row == 1


async def test_lanes_take_the_order_of_the_list_and_the_cursor_stays_on_its_connection() -> None:
    timeline = Timeline()
    async with timeline.run() as pilot:
        await timeline.show(pilot)
        await pilot.press("down", "down")
        timeline.pane.set_order(("legacy", "coinbase", "kraken-book"))
        lines = await timeline.show(pilot)
        await pilot.press("enter")

        assert [line.split()[0] for line in lines[1:6]] == [
            "legacy", "coinbase", "kraken-book", "deribit", "binance-spot"
        ]  # fmt: skip
        assert [each.place.connection for each in timeline.app.heard_of(TimelinePane.PlaceChosen)] == ["binance-spot"]


async def test_a_click_moves_the_cursor() -> None:
    timeline = Timeline()
    async with timeline.run() as pilot:
        await timeline.show(pilot)
        await pilot.double_click(TimelinePane, offset=(60, 4))

        assert [each.place.connection for each in timeline.app.heard_of(TimelinePane.PlaceChosen)] == ["binance-spot"]
        assert timeline.readout.startswith("binance-spot")


@pytest.mark.parametrize("size", [(20, 4), (40, 12), (200, 60)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    timeline = Timeline()
    async with timeline.run(*size) as pilot:
        lines = await timeline.show(pilot)
        await pilot.press("plus", "minus", "left", "down", "less_than_sign")

        assert all(len(line) <= size[0] - 2 for line in lines)
        assert len(lines) == size[1] - 2
        assert lines[1].startswith("d")


async def test_ascii_terminals_get_ascii() -> None:
    timeline = Timeline(event_of=lambda _: loss(reason="Größe"), glyphs=ASCII)
    async with timeline.run() as pilot:
        lines = await timeline.show(pilot)
        await pilot.press("left")

        assert all(line.isascii() for line in lines)
        assert timeline.readout.isascii()


async def test_hostile_text_in_the_read_out_is_harmless() -> None:
    timeline = Timeline(event_of=lambda _: refused(error=HOSTILE, reason=HOSTILE))
    async with timeline.run() as pilot:
        await timeline.show(pilot)
        await pilot.press("left")

        assert "[/b]␛[31m" in timeline.app.export_screenshot().replace("&#160;", " ")


async def test_a_store_that_fails_is_said() -> None:
    def fail(_: int) -> Event | None:
        raise StoreError("the store is gone")

    timeline = Timeline(event_of=fail)
    async with timeline.run() as pilot:
        await timeline.show(pilot)

        assert timeline.readout == "the store is gone"


async def test_where_there_is_room_a_lane_has_the_messages_of_its_connection_below() -> None:
    timeline = Timeline()
    async with timeline.run(height=40) as pilot:
        await timeline.show(pilot)
        lines = await timeline.show(pilot)
        at = [next(number for number, line in enumerate(lines) if line.startswith(each.connection)) for each in LANES]
        assert [later - earlier for earlier, later in pairwise(at)] == [6, 6, 6, 6]
        assert lines[at[0] + 1].split()[0] == "7.7/s"
        assert "█" in lines[at[0] + 4]
        assert lines[at[0] + 5] == ""
        await pilot.click(timeline.pane, offset=(60, at[2] + 3))
        await pilot.pause()
        assert timeline.readout.startswith("binance-spot · ")


async def test_a_tall_lane_without_messages_says_so() -> None:
    timeline = Timeline()
    async with timeline.run(height=40) as pilot:
        silent = Density(OLDEST_NS, 10 * SECOND_NS, (0,) * 190, (0,) * 190)
        await timeline.show(pilot, silent)
        assert (await timeline.show(pilot, silent))[2].split() == ["no", "messages"]
