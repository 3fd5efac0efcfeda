"""Pictures of the screen: what changes here was meant, or is a mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.builders import event, loss, message, span
from tests.tui.stages import compared, stage, until, with_incidents
from wsmon.tui.dialogs.waterfall import WaterfallDialog
from wsmon.tui.options import AppOptions

Compare = Callable[..., bool]
OPTIONS = AppOptions("orders.toml", Path("/state/store.db"), "wsmon orders.toml", Path("/exports"))
SIZES = [(80, 24), (120, 40)]
SPANS = (
    span("a", "", "session", "", 0, 4200),
    span("b", "a", "dns", "", 0, 3),
    span("c", "a", "tcp", "", 3, 11),
    span("d", "a", "tls", "", 14, 160),
    span("e", "a", "upgrade", "", 174, 38),
    span("f", "a", "subscribe", "book.BTC-PERPETUAL.100ms", 220, 61),
    span("g", "a", "request", "private/get_positions", 300, 1900, "error", error="not authorised: token expired"),
    span("h", "a", "request", "public/get_time", 2500, 12),
    span("i", "a", "request", "public/ticker", 3000, None, "open"),
)


@pytest.mark.parametrize("size", [*SIZES, (40, 12), (200, 60)], ids=str)
def test_main(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert taken(snap_compare, size)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_help(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert taken(snap_compare, size, "question_mark")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_quit(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert taken(snap_compare, size, "q")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_export(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert taken(snap_compare, size, "x")


def test_timeline_where_there_is_room_for_one_pane(snap_compare: Compare) -> None:
    assert taken(snap_compare, (80, 24), "2")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_incidents(snap_compare: Compare, size: tuple[int, int]) -> None:
    """In the list, on the timeline, and what proves one."""
    on = with_incidents(stage(options=OPTIONS))

    async def act(pilot: Pilot[Any]) -> None:
        await on.ready(pilot)
        await pilot.press("2", "left")
        await on.ready(pilot)

    assert snap_compare(on.app, terminal_size=size, run_before=act)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("theme", ["wsmon-light", "wsmon-contrast", "wsmon-ansi"])
def test_a_problem_in_other_themes(snap_compare: Compare, theme: str, size: tuple[int, int]) -> None:
    assert taken(snap_compare, size, "E", options=replace(OPTIONS, theme=theme))


@pytest.mark.parametrize("size", [(40, 12), *SIZES], ids=str)
def test_ascii(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert taken(snap_compare, size, "E", options=replace(OPTIONS, is_ascii=True))


def test_no_colors(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert taken(snap_compare, (80, 24), options=replace(OPTIONS, has_no_color=True))


def taken(snap_compare: Compare, size: tuple[int, int], *keys: str, options: AppOptions = OPTIONS) -> bool:
    """Whether the screen looks as it did, after some keys."""
    on = stage(options=options)

    async def run_before(pilot: Pilot[Any]) -> None:
        await on.ready(pilot)
        await pilot.press(*keys)
        await on.ready(pilot)

    return snap_compare(on.app, terminal_size=size, run_before=run_before)


@pytest.mark.parametrize("size", [(40, 12), (80, 24)], ids=str)
def test_views(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert taken(snap_compare, size, "v")


@pytest.mark.parametrize("size", [(40, 12), (80, 24)], ids=str)
def test_go_to(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert taken(snap_compare, size, "t")


@pytest.mark.parametrize("size", [(40, 12), *SIZES], ids=str)
def test_note(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert taken(snap_compare, size, "p", "M", *"it broke here")


@pytest.mark.parametrize("size", [(40, 12), *SIZES, (200, 60)], ids=str)
def test_spans(snap_compare: Compare, size: tuple[int, int]) -> None:
    on = stage(options=OPTIONS)
    on.store.spans_answer = SPANS

    async def act(pilot: Pilot[Any]) -> None:
        await on.ready(pilot)
        await pilot.press("p", "W")
        await until(pilot, lambda: isinstance(on.app.screen, WaterfallDialog))
        await pilot.pause()

    assert snap_compare(on.app, terminal_size=size, run_before=act)


@pytest.mark.parametrize("size", [(40, 12), *SIZES], ids=str)
def test_compare(snap_compare: Compare, size: tuple[int, int]) -> None:
    on = stage(options=OPTIONS)

    async def act(pilot: Pilot[Any]) -> None:
        await on.ready(pilot)
        await compared(on, pilot)

    assert snap_compare(on.app, terminal_size=size, run_before=act)


@pytest.mark.parametrize("size", [(40, 12), *SIZES], ids=str)
def test_columns(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert taken(snap_compare, size, "c", "j", "space")


@pytest.mark.parametrize("size", [(40, 12), *SIZES, (200, 60)], ids=str)
def test_log_of_odd_messages_in_context(snap_compare: Compare, size: tuple[int, int]) -> None:
    """Matches among others, with a mark, and what is cut, masked, large or without its payload."""
    on = stage(options=OPTIONS)
    on.store.add(
        message('{"e":"trade","s":"BTCUSDT","big":"' + "x" * 300, 1, type="trade", truncated=True, size=70_000),
        message('{"op":"auth","token":"[FILTERED]"}', 2, "coinbase", direction="out", type="auth", redacted=True),
        message("x" * 66_000, 3, "kraken-book"),
        message(b"\x08\x96\x01binary", 4, "coinbase", redacted=True, truncated=True),
        event("message.received", 5, "coinbase", direction="in", opcode="text", size=900, type="l2update"),
        loss(6),
    )

    async def act(pilot: Pilot[Any]) -> None:
        await on.ready(pilot)
        await pilot.press("4", "z", "h", "slash", *"trade", "enter")
        await until(pilot, lambda: on.screen.log_pane.search.text == "trade")
        await pilot.press("ctrl+f", "G", "k", "k", "m", "N")
        await pilot.pause()

    assert snap_compare(on.app, terminal_size=size, run_before=act)


@pytest.mark.parametrize("size", [(40, 12), *SIZES, (200, 60)], ids=str)
def test_find_in_the_detail(snap_compare: Compare, size: tuple[int, int]) -> None:
    on = stage(options=OPTIONS)
    book = {"ch": "book", "bids": [[97120.5, 1.25], [97120, 3]], "meta": {"seq": 17, "venue": "spot", "note": "ok"}}
    on.store.add(message(json.dumps(book), 1, type="book", topic="BTC", redacted=True))

    async def act(pilot: Pilot[Any]) -> None:
        await on.ready(pilot)
        await pilot.press("p", "G", "enter", "slash", *"97120", "enter")
        await until(pilot, lambda: on.app.screen is on.screen)
        await pilot.press("n")
        await pilot.pause()

    assert snap_compare(on.app, terminal_size=size, run_before=act)
