"""Pictures of everything the screen can show: what changes here was meant, or is a mistake.

Every scene at every size in the dark theme; in the other looks at 80 × 24, for colours and signs do not depend on the
size. ``--snapshot-update`` takes the pictures anew: look at them before they are kept.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.pilot import Pilot

from tests.support.screen_harness import OPTIONS, Stage
from tests.support.screen_svg import screen_svg
from tests.support.snapshot_scenes import SCENES, Scene
from wsmon.tui.panes import bars

# Besides that in which all looks are taken
SIZES = ((120, 40), (200, 60), (40, 12))
LOOKS_SIZE = (80, 24)
# So many times the same
STAYS = 6
# How long a picture may take to become the one that is kept: a screen on a slow machine may rest before its last answer
COMES_S = 10.0
LOOKS = ("wsmon-light", "wsmon-contrast")
BY_NAME = {scene.name: scene for scene in SCENES}


class Svg(SingleFileSnapshotExtension):
    """A file a picture."""

    _file_extension = "svg"
    _write_mode = WriteMode.TEXT


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
async def test_looks(
    scene: Scene, snapshot: SnapshotAssertion, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is said in the last line stays there, however slow the machine is
    monkeypatch.setattr(bars, "NOTICE_S", 3600.0)

    def kept_picture(name: str) -> str | None:
        """The picture to compare with; None where there is none, or where all are taken anew."""
        path = Path(__file__).parent / "__snapshots__" / "test_pictures" / f"{request.node.name}[{name}].svg"
        return None if snapshot.session.update_snapshots or not path.exists() else path.read_text(encoding="utf-8")

    on = scene.stage()
    taken: dict[str, str] = {}
    async with on.app.run_test(size=LOOKS_SIZE) as pilot:
        await scene.play(on, pilot)
        await take_looks(on, pilot, taken, kept_picture("80x24"))
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await scene.come_to_rest(on, pilot)
            name = "{}x{}".format(*size)
            taken[name] = await at_rest(on, pilot, kept_picture(name))
    kept = snapshot.use_extension(Svg)
    assert [name for name, svg in taken.items() if kept(name=name) != svg] == []
    assert taken["80x24-ascii"].isascii()


@pytest.mark.parametrize("has_no_color", [False, True], ids=["ansi", "no-color"])
async def test_the_terminals_own_colors_look(
    snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch, *, has_no_color: bool
) -> None:
    if has_no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    scene = BY_NAME["monitor-problem"]
    on = scene.stage(replace(OPTIONS, theme="wsmon-ansi", has_no_color=has_no_color))
    async with on.app.run_test(size=LOOKS_SIZE) as pilot:
        await scene.play(on, pilot)
        taken = screen_svg(on.app)
    assert taken == snapshot.use_extension(Svg)


async def at_rest(on: Stage, pilot: Pilot[Any], kept: str | None) -> str:
    """The picture once it stays the same, and is the kept one: a pane may ask for another height, or be answered."""
    deadline = time.monotonic() + COMES_S
    taken, same = screen_svg(on.app), 0
    while same < STAYS or (kept is not None and taken != kept and time.monotonic() < deadline):
        await pilot.pause()
        before, taken = taken, screen_svg(on.app)
        same = same + 1 if taken == before else 0
    return taken


async def take_looks(on: Stage, pilot: Pilot[Any], taken: dict[str, str], kept: str | None) -> None:
    """The same in every look; the first one is put on again. ``kept`` is the picture in that one."""
    taken["80x24"] = await at_rest(on, pilot, kept)
    for look in LOOKS:
        on.app.appearance.set_theme(look)
        await pilot.pause()
        taken[f"80x24-{look.removeprefix('wsmon-')}"] = screen_svg(on.app)
    on.app.appearance.set_theme("wsmon-dark")
    on.app.appearance.set_ascii(True)
    on.screen.panes.set_glyphs(on.app.appearance.glyphs)
    await pilot.pause()
    taken["80x24-ascii"] = screen_svg(on.app)
    on.app.appearance.set_ascii(False)
    on.screen.panes.set_glyphs(on.app.appearance.glyphs)
    await pilot.pause()
