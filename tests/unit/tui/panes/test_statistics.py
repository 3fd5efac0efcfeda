"""The statistics pane: its periods, its second connection, and its keys on the whole screen."""

from __future__ import annotations

from pathlib import Path

from tests.support.screen_harness import Stage, stage, until
from wsmon.model.units import SECOND_NS
from wsmon.tui.options import AppOptions
from wsmon.tui.panes.statistics import LENGTHS_S, StatisticsPane, StatisticsSelection

# The statistics pane by its keys.

OPTIONS = AppOptions("orders.toml", Path("/state/store.db"), "wsmon orders.toml", Path("/exports"))
S_NS = 10**9


def asked(on: Stage, name: str) -> int | None:
    """How many seconds back the newest question about a trend goes."""
    calls = [call.split() for call in on.store.calls if call.startswith(f"trend {name} ")]
    return (int(calls[-1][3]) - int(calls[-1][2])) // S_NS if calls else None


def first_line(on: Stage) -> list[str]:
    """The words of it."""
    pane = on.screen.panes.slots["statistics"].pane
    assert isinstance(pane, StatisticsPane)
    return "".join(text for text, _ in pane.lines[0]).split() if pane.lines else [""]


async def test_periods_are_chosen_by_keys() -> None:
    on = stage(options=OPTIONS)
    on.store.statistics_answer = None
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("3", "plus", "plus", "plus")
        await until(pilot, lambda: asked(on, "deribit") == 60)
        await pilot.press("minus")
        await until(pilot, lambda: asked(on, "deribit") == 100)  # there is no more: five minutes were asked for


async def test_another_connection_stands_beside_and_goes() -> None:
    on = stage(options=OPTIONS)
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("3", "z", "B")
        await until(pilot, lambda: first_line(on) == ["deribit", "binance-spot"])
        await pilot.press("B")
        await until(pilot, lambda: first_line(on)[0] == "status")


async def test_nothing_is_asked_while_the_pane_is_out_of_sight() -> None:
    on = stage(options=OPTIONS)
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        on.screen.tick()
        await pilot.pause()
        assert asked(on, "deribit") is None


NOW_NS = 10_000_000 * SECOND_NS


def test_it_begins_with_an_hour_and_never_before_there_is_anything() -> None:
    assert StatisticsSelection().since_ns(NOW_NS, 0) == NOW_NS - 3_600 * SECOND_NS
    assert StatisticsSelection().since_ns(NOW_NS, NOW_NS - 5) == NOW_NS - 5


def test_longer_and_shorter_end_at_everything_and_at_a_minute() -> None:
    longest, shortest = StatisticsSelection(), StatisticsSelection()
    for _ in LENGTHS_S:
        longest, shortest = longest.longer(), shortest.shorter()
    assert (longest.since_ns(NOW_NS, 7), shortest.since_ns(NOW_NS, 7)) == (None, NOW_NS - 60 * SECOND_NS)


def test_everything_goes_there_and_back() -> None:
    assert StatisticsSelection(at=0).everything().since_ns(NOW_NS, 7) is None
    assert StatisticsSelection(at=0).everything().everything() == StatisticsSelection()


def test_others_stand_beside_in_turn_and_then_nobody() -> None:
    first = StatisticsSelection().next_beside("b", ("a", "b", "c"))
    second = first.next_beside("b", ("a", "b", "c"))
    last = second.next_beside("b", ("a", "b", "c"))
    assert [first.beside, second.beside, last.beside] == ["a", "c", ""]


def test_one_that_is_gone_is_left() -> None:
    assert StatisticsSelection(beside="gone").next_beside("a", ("a", "b")).beside == "b"
