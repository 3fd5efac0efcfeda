"""A terminal of twenty by five, and what it becomes while something is open: an answer at every size."""

from __future__ import annotations

import pytest

from tests.support.screen_harness import cells, stage, until, with_incidents

SIZES = ((20, 5), (200, 60), (1, 1), (40, 12), (20, 5))
# Keys, and what is there to see of what they ask for, in twenty by five
TINY = {
    ("1",): "deribit",
    ("2",): "de…it",
    ("3", "z"): "uptime",
    ("4", "z"): "text",
    ("5", "z"): "Live",
    ("question_mark",): "Search",
    ("q",): "d  detach",
    ("x",): "Format   ‹ jsonl ›",
    ("colon",): "search",
    ("slash",): " / ",
    ("v",): "Problems",
    ("t", "7", "7"): "77",
    ("colon", *"theme", "enter"): "wsmon-dark",
    ("colon", *"columns", "enter"): "[x] automatic",
}


@pytest.mark.parametrize(("keys", "shows"), TINY.items(), ids=lambda each: each if isinstance(each, str) else "")
async def test_what_is_asked_for_is_in_sight_at_twenty_by_five_and_survives_every_size(
    keys: tuple[str, ...], shows: str
) -> None:
    on = with_incidents(stage())
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press(*keys)
        for columns, rows in SIZES:
            await pilot.resize_terminal(columns, rows)
            await until(pilot, lambda rows=rows: len(cells(on.app)) == rows)  # type: ignore[misc]
        await until(pilot, lambda: shows in "\n".join(cells(on.app)))
        await pilot.press("escape")
        await until(pilot, lambda: len(on.app.screen_stack) == 1)
