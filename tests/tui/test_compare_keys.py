"""Two events compared by keys on the whole screen."""

from __future__ import annotations

import pytest

from tests.support.screen_harness import compared, stage, until
from wsmon.tui.dialogs.compare import CompareDialog
from wsmon.tui.terminal import driver, osc
from wsmon.tui.widgets.text_view import ScrollPane

ROOMY = (120, 40)


def text_of(dialog: CompareDialog) -> list[str]:
    return ["".join(part for part, _ in line) for line in dialog.query_one("#comparison", ScrollPane).lines]


async def test_the_event_under_the_cursor_is_compared_with_the_last_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []

    def write(_: object, sequence: str) -> bool:
        copied.append(sequence)
        return True

    monkeypatch.setattr(driver, "write", write)
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        dialog = await compared(on, pilot)
        assert dialog.title == "Compare #221 with #223"
        differences = ["~ $.seq  1 → 2", "~ $.bids[1][1]  2.0 → 0.5", '~ $.note  "a" → "b"']
        assert text_of(dialog)[-3:] == differences
        await pilot.press("y")
        assert copied == [osc.clipboard_sequence("\n".join(line.rstrip() for line in text_of(dialog)), "")]
        await pilot.press("f")
        await until(pilot, lambda: any("as text" in line for line in text_of(dialog)))
        await pilot.press("f", "f")
        await until(pilot, lambda: text_of(dialog)[-3:] == differences)
        await pilot.press("escape")
        assert on.app.screen is on.screen


async def test_with_nothing_marked_it_is_said_what_to_press() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "C")
        said = "".join(part for part, _ in on.screen.footer.line)
        assert "no mark to compare with: m marks an event" in said
        await pilot.press("m", "C")
        assert "no mark to compare with" in said


async def test_differences_are_gone_to_one_by_one() -> None:
    on = stage()
    async with on.app.run_test(size=(60, 12)) as pilot:
        await on.ready(pilot)
        dialog = await compared(on, pilot)
        pane = dialog.query_one("#comparison", ScrollPane)
        seen = []
        for key in ("n", "n", "N", "N"):
            await pilot.press(key)
            seen.append(pane.scroll_offset.y)
        assert seen[0] < seen[1]
        assert seen[2:] == [seen[0], 0]
