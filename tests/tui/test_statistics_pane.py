"""The statistics pane by its keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sin
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.stages import Stage, stage, until
from wsmon.model.kpis import kpis
from wsmon.model.trend import Spread, Trend
from wsmon.tui.options import AppOptions
from wsmon.tui.panes.statistics import StatisticsPane

Compare = Callable[..., bool]
OPTIONS = AppOptions("orders.toml", Path("/state/store.db"), "wsmon orders.toml", Path("/exports"))
S_NS = 10**9


def asked(on: Stage, name: str) -> int | None:
    """How many seconds back the newest question about a trend goes."""
    calls = [call.split() for call in on.store.calls if call.startswith(f"trend {name} ")]
    return (int(calls[-1][3]) - int(calls[-1][2])) // S_NS if calls else None


def first_line(on: Stage) -> list[str]:
    """The words of it."""
    pane = on.screen.slot("statistics").pane
    assert isinstance(pane, StatisticsPane)
    return "".join(text for text, _ in pane.lines[0]).split() if pane.lines else [""]


def is_drawn(on: Stage, trends: int) -> bool:
    """Whether the trends in sight are as wide as their plots."""
    pane = on.screen.slot("statistics").pane
    assert isinstance(pane, StatisticsPane)
    shown = () if pane.answer is None else pane.answer.trends
    return [len(trend.messages) for trend in shown] == [pane.buckets] * trends


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
        await until(pilot, lambda: first_line(on)[0] == "state")


async def test_nothing_is_asked_while_the_pane_is_out_of_sight() -> None:
    on = stage(options=OPTIONS)
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        on.screen.tick()
        await pilot.pause()
        assert asked(on, "deribit") is None


def fed(empty: Trend) -> Trend:
    """A trend of a feed that came up a while ago, and has a slow hour."""
    n = len(empty.messages)
    late = range(n // 5, n)
    rates = {i: round((1500 + 1400 * sin(i / 7)) * empty.bucket_ns / S_NS) for i in late}
    trips = {i: Spread(12 + 2 * sin(i / 5), 19 + 3 * sin(i / 4), 30 + 14 * sin(i / 3)) for i in late}
    return replace(
        empty,
        messages=tuple(rates.get(i) for i in range(n)),
        rtt_ms=tuple(trips.get(i) for i in range(n)),
        sizes={64: 12, 128: 400_000, 256: 7_100_000, 512: 800_000, 4096: 9_000, 65536: 3},
        types={"trade": 7_500_000, "depthUpdate": 700_000, "kline": 3_000},
    )


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 60)], ids=str)
@pytest.mark.parametrize("keys", ["", "B"], ids=["one", "two"])
def test_statistics_pane_looks(snap_compare: Compare, size: tuple[int, int], keys: str) -> None:
    on = stage(options=OPTIONS)
    statistics = on.store.statistics_answer
    assert statistics is not None
    judged = tuple(replace(each, kpis=kpis(each)) for each in statistics.connections)
    on.store.statistics_answer = replace(statistics, connections=judged)
    on.store.trend_answer = fed

    async def act(pilot: Pilot[Any]) -> None:
        await on.ready(pilot)
        await pilot.press("3", "z", *keys)
        await on.ready(pilot)
        await until(pilot, lambda: is_drawn(on, 2 if keys else 1))
        await pilot.pause()

    assert snap_compare(on.app, terminal_size=size, run_before=act)
