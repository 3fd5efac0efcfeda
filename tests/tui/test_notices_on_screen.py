"""What the terminal is sent when an incident opens."""

from __future__ import annotations

import pytest
from textual.app import App

from tests.support.screen_harness import ROOMY, Stage, stage, text, until
from wsmon.model.snapshot import Health, OpenIncident
from wsmon.tui.terminal import driver

OPENED = OpenIncident(10_000, "gap", "3 messages missing", "deribit")
SAID = "deribit: gap: 3 messages missing"
DESKTOP = f"\x1b]9;wsmon: {SAID}\a\x1b]777;notify;wsmon;{SAID}\a"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Control sequences in the order in which they went out."""
    sequences: list[str] = []

    def write(_app: App[object], sequence: str) -> bool:
        sequences.append(sequence)
        return True

    monkeypatch.setattr(driver, "write", write)
    return sequences


@pytest.mark.parametrize(
    ("rings", "notifies", "expected"),
    [
        (True, False, ["\a"]),
        (False, True, [DESKTOP]),
        (True, True, ["\a", DESKTOP]),
        (False, False, []),
    ],
)
async def test_as_the_recorder_is_configured(
    sent: list[str], *, rings: bool, notifies: bool, expected: list[str]
) -> None:
    on = stage(health=Health(rings=rings, notifies=notifies))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        open_incident(on)
        await until(pilot, lambda: SAID in text(on.screen.footer))
        on.screen.tick()
        await pilot.pause()
    assert sent == expected


async def test_a_dialog_keeps_nobody_from_being_told(sent: list[str]) -> None:
    on = stage(health=Health(rings=True))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("question_mark")
        open_incident(on)
        await until(pilot, lambda: sent == ["\a"])


def open_incident(on: Stage) -> None:
    """It is in the next snapshot."""
    on.store.incidents = (OPENED,)
    on.app.wake()
    on.clock.advance(1)
