"""MonitorScreen: narrowed searches, session state that comes back, notices about incidents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import App

from tests.support.builders import event
from tests.support.fake_ports import FakeNotes
from tests.support.queries import query
from tests.support.screen_harness import ROOMY, Stage, stage, text, until
from wsmon.model.snapshot import Health, OpenIncident
from wsmon.tui.options import AppOptions
from wsmon.tui.panes.detail import DetailPane
from wsmon.tui.screen import narrowed
from wsmon.tui.session_state import LogPosition, Preference, SessionState, load, save
from wsmon.tui.terminal import driver
from wsmon.tui.widgets.text_view import TextLine

# A search that goes on with one more term.


@pytest.mark.parametrize(
    ("text", "is_excluded", "expected"),
    [
        ("", False, "$.a=1"),
        ("", True, "-$.a=1"),
        ("conn:x", False, "conn:x $.a=1"),
        ("conn:x OR conn:y", True, "(conn:x OR conn:y) -$.a=1"),
    ],
)
def test_a_term_holds_beside_all_that_was_searched_for(text: str, is_excluded: bool, expected: str) -> None:
    found = narrowed(text, "$.a=1", is_excluded=is_excluded)

    assert found == expected
    assert query(found)


OPTIONS = AppOptions("orders.toml", Path("/state/store.db"), "wsmon orders.toml", store_id="one")


def said(line: TextLine) -> str:
    """What a line  shows."""
    return "".join(part for part, _ in line.line).strip()


def again(tmp_path: Path, **options: object) -> Stage:
    """The same store, looked at anew."""
    return stage(options=replace(OPTIONS, memory=tmp_path / "a.json", **options))  # type: ignore[arg-type]


async def left(tmp_path: Path, *keys: str, size: tuple[int, int] = ROOMY) -> SessionState:
    """What is remembered after some keys and a detach."""
    on = again(tmp_path)
    async with on.app.run_test(size=size) as pilot:
        await on.ready(pilot, has_detail=False)
        await pilot.press(*keys)
        await pilot.pause()
        await pilot.press("d", "d")
    return load(tmp_path / "a.json")[0]


async def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    assert await left(tmp_path) == SessionState(place=LogPosition("one", 0))


async def test_search_place_times_panes_and_connection_come_back(tmp_path: Path) -> None:
    search = ("slash", *"is:problem", "enter")
    kept = await left(tmp_path, "1", "s", "s", "j", "j", "h", "T", *search, "4", "k", "k", "3", "z")
    on = again(tmp_path)
    async with on.app.run_test(size=ROOMY) as pilot:
        await until(pilot, lambda: on.screen.is_restored)
        log = on.screen.panes.log
        assert (on.screen.pane_layout.is_zoomed, on.screen.pane_layout.current) == (True, "statistics")
        scope = log.state.wanted_scope
        assert (scope.query.text, scope.hides_heartbeats, log.lines.style.time_mode) == ("is:problem", True, "open")
        assert (log.is_following, log.current_id > 1, log.current_id) == (False, True, kept.place.event_id)
        connections = on.screen.panes.connections
        assert (connections.sort_key, connections.chosen) == ("rate", kept.connection)
        assert (kept.connections_order, connections.names.index(kept.connection)) == ("rate", 2)
        assert said(on.screen.footer).startswith(
            "restored previous position: search is:problem (Esc in the log to clear), event #"
        )


def panes(on: Stage) -> list[str]:
    """The panes in sight."""
    return list(on.screen.pane_layout.in_sight)


async def test_the_detail_opens_on_enter_closes_on_escape_and_comes_back_as_it_was_left(tmp_path: Path) -> None:
    on = again(tmp_path)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot, has_detail=False)
        assert "detail" not in on.screen.pane_layout.in_sight
        await pilot.press("k", "enter")
        assert panes(on)[-2:] == ["log", "detail"]
        assert on.screen.pane_layout.current == "detail"
        await pilot.press("escape")
        assert (panes(on)[-1], on.screen.pane_layout.current) == ("log", "log")
    assert (await left(tmp_path, "k", "enter", "4")).has_detail
    on = again(tmp_path)
    async with on.app.run_test(size=ROOMY) as pilot:
        await until(pilot, lambda: on.screen.is_restored)
        assert panes(on)[-1] == "detail"
        await pilot.press("slash", *"is:problem", "enter", "escape")
        assert (on.screen.panes.log.search_query.text, panes(on)[-1]) == ("", "detail")
        await pilot.press("escape")
        assert panes(on)[-1] == "log"


async def test_the_column_of_the_connection_goes_where_there_is_one(tmp_path: Path) -> None:
    on = again(tmp_path)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot, has_detail=False)
        log = on.screen.panes.log
        assert log.lines.style.has_connection
        for search, has_connection in (
            ("conn:deribit", False),
            ("conn:deribit,coinbase", True),
            ("-conn:deribit", True),
        ):
            await pilot.press("slash", "ctrl+u", *search, "enter")
            await on.settled(pilot)
            assert log.lines.style.has_connection is has_connection, search
        log.set_connections(1)
        assert not log.lines.style.has_connection


async def test_the_columns_of_the_log_and_a_search_for_marks_come_back(tmp_path: Path) -> None:
    notes = FakeNotes()
    keys = ("p", "m", "c", "j", "space", "enter", "slash", *"mark:*", "enter")
    on = stage(options=replace(OPTIONS, memory=tmp_path / "a.json"), notes=notes)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press(*keys)
        await until(pilot, lambda: on.screen.panes.log.search_query.text == "mark:*")
        await pilot.press("d", "d")
    on = stage(options=replace(OPTIONS, memory=tmp_path / "a.json"), notes=notes)
    async with on.app.run_test(size=ROOMY) as pilot:
        await until(pilot, lambda: on.screen.is_restored)
        log = on.screen.panes.log
        assert log.lines.style.chosen == ("id", "connection", "what", "size")
        assert [log.rows.id_at(row) for row in range(len(log.rows))] == [220]


async def test_a_log_that_followed_follows(tmp_path: Path) -> None:
    assert (await left(tmp_path, "2", "4")).place.event_id == 0
    on = again(tmp_path)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        assert on.screen.panes.log.is_following
        assert on.screen.panes.log.current_id == on.store.bounds().last_id


async def test_a_place_in_another_store_means_nothing(tmp_path: Path) -> None:
    assert (await left(tmp_path, "k", "k", "k")).place.event_id
    on = again(tmp_path, store_id="two")
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        assert on.screen.panes.log.is_following


async def test_theme_and_characters_come_back_unless_others_are_asked_for(tmp_path: Path) -> None:
    kept = await left(tmp_path, "colon", *"theme", "enter", "down", "enter", "colon", *"ascii", "enter")
    assert (kept.theme, kept.characters) == (Preference("wsmon-light", "wsmon-dark"), Preference("ascii", "unicode"))
    on = again(tmp_path)
    assert (on.app.theme, on.app.appearance.glyphs.is_ascii) == ("wsmon-light", True)
    assert (on.app.appearance.theme_choice, on.app.appearance.characters_choice) == (kept.theme, kept.characters)
    assert again(tmp_path, theme="wsmon-contrast").app.theme == "wsmon-contrast"
    asked = again(tmp_path, theme="wsmon-dark", is_theme_asked=True).app
    assert (asked.theme, asked.appearance.theme_choice) == ("wsmon-dark", kept.theme)
    assert again(tmp_path, has_no_color=True).app.theme == "wsmon-ansi"


async def test_a_search_of_another_wsmon_is_said_and_left_out(tmp_path: Path) -> None:
    save(tmp_path / "a.json", SessionState(query="no:such:thing", hides_heartbeats=True))
    on = again(tmp_path)
    async with on.app.run_test(size=ROOMY) as pilot:
        await until(pilot, lambda: on.screen.is_restored)
        assert (on.screen.panes.log.search_query.text, on.screen.panes.log.state.wanted_scope.hides_heartbeats) == (
            "",
            True,
        )
        assert said(on.screen.footer) == "saved search dropped: no:such:thing: unknown field 'no'"


async def test_what_the_recording_is_about_is_said_at_the_start() -> None:
    for columns, expected in ((120, "demo: all of it, at length"), (20, "demo: short")):
        on = stage(options=replace(OPTIONS, introduction=("demo: all of it, at length", "demo: short")))
        async with on.app.run_test(size=(columns, 24)) as pilot:
            await until(pilot, lambda: on.screen.is_restored)  # noqa: B023 (awaited here)
            assert said(on.screen.footer) == expected


async def test_a_damaged_file_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    on = again(tmp_path)
    async with on.app.run_test(size=(200, 60)) as pilot:
        await on.ready(pilot)
        assert "how the screen was left is forgotten" in said(on.screen.banner)


async def test_what_cannot_be_kept_is_known_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    on = again(tmp_path)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("k", "d", "enter")
    assert on.app.unkept.startswith("can't save the screen's state to")


# What the terminal is sent when an incident opens.

OPENED = OpenIncident(10_000, "gap", "3 messages missing", "deribit")
SAID = "Gap on deribit: 3 messages missing"
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


async def test_p3_the_detail_of_an_open_incident_follows_what_it_finds() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.store.add(event("incident.opened", type="gap", reason="3 messages missing"))
        opened = replace(OPENED, event_id=on.store.bounds().last_id)
        on.app.wake()
        await until(pilot, lambda: on.screen.panes.log.current_id == opened.event_id)
        await pilot.press("p", "5")
        for number in (41, 1_204):
            on.store.incidents = (replace(opened, sentence=f"{number:,} messages missing"),)
            on.app.wake()
            on.clock.advance(1)
            shown = f"So far {number:,} messages missing"
            await until(pilot, lambda: shown in " ".join(pane_text(on.screen.panes.detail).split()))  # noqa: B023


def pane_text(pane: DetailPane) -> str:
    """The lines of a pane."""
    return "\n".join("".join(part for part, _ in line) for line in pane.lines)
