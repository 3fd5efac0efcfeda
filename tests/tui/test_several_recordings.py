"""The screen over several recordings: which is which, and that marks and ids lead to the right one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests.support.builders import at_ns, dialled, loss, message, usable
from tests.support.fake_ports import FakeClock
from tests.support.recordings import recorded
from tests.support.screen_harness import ROOMY, FakeExporter, cells, until
from wsmon.cli.recordings import choose_recordings
from wsmon.cli.stores import notes_of, open_view
from wsmon.model.notes import Bookmark
from wsmon.tui.app import WsmonApp
from wsmon.tui.options import AppOptions
from wsmon.tui.screen import MonitorScreen


async def test_several_recordings_are_one_screen(tmp_path: Path) -> None:
    for folder, shift in (("eu", 0.0), ("us", 0.5)):
        (tmp_path / folder).mkdir()
        story = [dialled(shift, "orders"), usable(shift + 1, "orders"), message(folder, shift + 2, "orders")]
        recorded(tmp_path / folder / "store.db", [*story, loss(shift + 3, "orders")], "orders")
    recordings = choose_recordings([str(tmp_path / name) for name in ("eu", "us")], {})
    stores = {each.name: each.recording.store for each in recordings.chosen}
    options = AppOptions("eu + us", stores["eu"], recordings=stores)
    clock = FakeClock(at_ns(60))
    app = WsmonApp(
        recordings.view, None, options, clock=clock, exporter=FakeExporter(), notes=recordings.notes({}), listen=None
    )
    async with app.run_test(size=ROOMY) as pilot:
        screen = app.screen
        assert isinstance(screen, MonitorScreen)
        await until(pilot, lambda: screen.is_restored and len(screen.panes.log.rows) == 8)
        await until(pilot, lambda: any(" us  " in line and " orders " in line for line in cells(app)))
        assert [row.state.name for row in screen.snapshot.connections] == ["eu/orders", "us/orders"]
        await pilot.press("slash", *"recording:us", "space", *"code:1008", "enter")
        await until(pilot, lambda: len(screen.panes.log.rows) == 1 and screen.panes.log.current_event is not None)
        event = screen.panes.log.current_event
        assert event is not None
        assert (event.id, event.source.recording) == (8, "us")
        await pilot.press("m")
    # Written when the screen has gone
    (bookmark,) = noted(stores["us"])
    assert (bookmark.event.id, bookmark.event.source.connection) == (4, "orders")
    assert noted(stores["eu"]) == ()


def noted(store: Path) -> tuple[Bookmark, ...]:
    with closing(open_view(store)) as view:
        return notes_of(view, {}).read().bookmarks
