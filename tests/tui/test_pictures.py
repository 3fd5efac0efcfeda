"""Pictures of everything the screen can show: what changes here was meant, or is a mistake.

Every scene at every size in the dark theme; in the other looks at 80 × 24, for colours and signs do not depend on the
size. ``--snapshot-update`` takes the pictures anew: look at them before they are kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.pilot import Pilot

from tests.support.screen_harness import OPTIONS, Stage
from tests.support.screen_svg import screen_svg
from tests.support.snapshot_scenes import SCENES, Scene

# Besides that in which all looks are taken
SIZES = ((120, 40), (200, 60), (40, 12))
LOOKS_SIZE = (80, 24)
# So many times the same
STAYS = 6
LOOKS = ("wsmon-light", "wsmon-contrast")
BY_NAME = {scene.name: scene for scene in SCENES}


class Svg(SingleFileSnapshotExtension):
    """A file a picture."""

    _file_extension = "svg"
    _write_mode = WriteMode.TEXT


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
async def test_looks(scene: Scene, snapshot: SnapshotAssertion) -> None:
    on = scene.stage()
    taken: dict[str, str] = {}
    async with on.app.run_test(size=LOOKS_SIZE) as pilot:
        await scene.play(on, pilot)
        await take_looks(on, pilot, taken)
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await scene.come_to_rest(on, pilot)
            taken["{}x{}".format(*size)] = await at_rest(on, pilot)
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


async def at_rest(on: Stage, pilot: Pilot[Any]) -> str:
    """The picture once it stays the same: a pane may ask for another height when its lines are wrapped anew."""
    taken, same = screen_svg(on.app), 0
    while same < STAYS:
        await pilot.pause()
        before, taken = taken, screen_svg(on.app)
        same = same + 1 if taken == before else 0
    return taken


async def take_looks(on: Stage, pilot: Pilot[Any], taken: dict[str, str]) -> None:
    """The same in every look; the first one is put on again."""
    taken["80x24"] = await at_rest(on, pilot)
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
