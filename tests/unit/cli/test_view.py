"""What the screen is started with: options from configuration, command line and terminal; a changed configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, cast

import pytest

from tests.support.builders import message
from tests.support.bundles import bundled, incident_store
from tests.support.recordings import Recording, recorded
from wsmon.cli import view
from wsmon.cli.params import ScreenWishes
from wsmon.cli.recordings import choose_recordings
from wsmon.config.load import Loaded, load
from wsmon.control.client import RecorderClient
from wsmon.control.lock import LockInfo, StoreLock
from wsmon.control.losses import LossNote, keep_note
from wsmon.ports import StoreView
from wsmon.tui.options import AppOptions
from wsmon.tui.theme import ANSI_THEME, DEFAULT_THEME

COLOURS = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
STORE = Path("/s/orders-12345678/store.db")
CONFIG = """
[wsmon]
theme = "wsmon-light"
characters = "unicode"
[keys]
"log.search" = "f2"
[[connection]]
name = "a"
url = "ws://h/"
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    path = tmp_path / "orders.toml"
    path.write_text(CONFIG)
    return load(path, {})


def options(
    wishes: ScreenWishes,
    loaded: Loaded | None = None,
    environ: Mapping[str, str] = COLOURS,
    held: LockInfo | None = None,
) -> AppOptions:
    path = loaded.configuration.path if loaded else None
    return view._options(STORE, environ, held, path, loaded, view._FirstLook("a notice", "ab12", None), wishes)


def lock(configuration: str) -> LockInfo:
    return LockInfo(1, "0.1.0", 1, 1, configuration, str(STORE), "", 0, "")


def test_a_configuration_gives_name_theme_and_keys(loaded: Loaded) -> None:
    found = options(ScreenWishes(), loaded)
    assert (found.name, found.start_command, found.theme) == ("orders.toml", "wsmon orders.toml", "wsmon-light")
    assert (dict(found.keys), found.keys_file, found.banner) == ({"log.search": ("f2",)}, "orders.toml", "a notice")
    assert (found.is_theme_asked, found.is_ascii, found.is_ascii_asked) == (False, False, False)


def test_the_command_line_wins_over_the_configuration(loaded: Loaded) -> None:
    found = options(ScreenWishes("mine", is_ascii=True), loaded)
    assert (found.theme, found.is_theme_asked, found.is_ascii, found.is_ascii_asked) == ("mine", True, True, True)


def test_without_a_configuration_the_recorder_or_the_folder_gives_the_name() -> None:
    found = options(ScreenWishes())
    assert (found.name, found.theme, found.start_command) == ("orders", DEFAULT_THEME, "wsmon")
    assert options(ScreenWishes(), held=lock("wss://h/")).name == "wss://h/"


def test_a_terminal_with_few_colours_keeps_its_own(loaded: Loaded) -> None:
    assert options(ScreenWishes(), loaded, {"TERM": "xterm"}).theme == ANSI_THEME


def test_a_locale_without_unicode_is_drawn_in_ascii() -> None:
    assert options(ScreenWishes(), environ={**COLOURS, "LANG": "C"}).is_ascii


def test_a_broken_configuration_of_a_recorder_leaves_its_path(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[wsmon")
    assert view._configuration(lock(str(path)), None, {}) == (path, None)
    assert view._configuration(lock(str(tmp_path / "gone.toml")), None, {}) == (None, None)
    assert view._configuration(None, None, {}) == (None, None)


def test_a_configuration_that_the_recorder_does_not_run_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("one")
    client = SimpleNamespace(digest=hashlib.sha256(b"one").hexdigest())
    changes = view._changes(path, cast(RecorderClient, client))
    told = [changes()]
    path.write_text("two, and more")
    told.append(changes())
    client.digest = hashlib.sha256(b"two, and more").hexdigest()
    told.append(changes())
    path.unlink()
    told.append(changes())
    assert told == ["", "a.toml has changed", "", "a.toml cannot be read: No such file or directory"]


def test_s1_what_a_recorder_that_the_screen_stopped_did_not_keep_is_said_and_in_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `stop` does: of the recorder that ended, not of one before it."""
    store = tmp_path / "store.db"
    info = LockInfo(4711, "0.1.0", 1, 1, "orders.toml", str(store), "", 0, "")
    StoreLock(store, info).release()
    ended = f"Recording stopped. View it with `wsmon open {store}`.\n"
    keep_note(LossNote(str(store), 7, 0, 4710, "another one"), None)
    assert (view._stopped(store, tmp_path), capsys.readouterr().err) == (0, ended)
    keep_note(LossNote(str(store), 2_261, 0, 4711, "the disk is full"), None)
    code, said = view._stopped(store, tmp_path), capsys.readouterr().err
    assert (code, said) == (1, f"{ended}wsmon: 2,268 events lost: the disk is full\n")


def test_a_bundle_is_named_in_the_header_and_an_altered_one_in_the_banner(tmp_path: Path) -> None:
    store, incident = incident_store(tmp_path / "store.db")
    bundled(store, path := tmp_path / "b.wsmon", incident)
    look = view._first_look(path)
    shown = view._options(path, COLOURS, None, None, None, look, ScreenWishes())
    assert (shown.name, shown.banner, shown.bundle is not None) == ("stall of nova", "", True)
    assert look.introduction[0].endswith("; the file is unaltered")
    assert look.introduction[1:] == (
        f"stall of nova: press t, then #{incident}; the file is unaltered",
        f"stall of nova: press t, then #{incident}",
    )
    path.write_bytes(path.read_bytes().replace(b"nova 90", b"nova 99"))
    altered = view._first_look(path)
    assert altered.introduction[1:] == (f"stall of nova: press t, then #{incident}",)
    assert altered.banner == ("THE FILE WAS ALTERED after it was written: it may not show what was recorded")
    assert view._first_look(store)[2] is None


class ShownApp:
    """Takes the place of the app: it writes down what it is started with, and ends."""

    shown: ClassVar[list[AppOptions]] = []
    return_code = 0
    unkept = ""

    def __init__(self, views: Callable[[], StoreView], _control: object, options: AppOptions, **_more: object) -> None:
        self.shown.append(options)
        with closing(views()) as found:
            assert [row.state.name for row in found.snapshot(0).connections] == ["eu/orders", "us/orders"]

    def run(self, *, mouse: bool) -> None:
        assert mouse


def test_several_recordings_have_their_names_and_a_place_that_lasts_until_something_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "WsmonApp", ShownApp)
    monkeypatch.setattr(ShownApp, "shown", [])
    environ = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_RUNTIME_DIR": str(tmp_path), **COLOURS}
    stores = {name: recorded(tmp_path / f"{name}.db", [message("x", 1, "orders")], "orders") for name in ("eu", "us")}

    def show() -> AppOptions:
        recordings = choose_recordings([str(path) for path in stores.values()], environ)
        assert view.view_recordings(recordings, environ, ScreenWishes()) == 0
        return ShownApp.shown[-1]

    first, second = show(), show()
    with Recording(stores["us"], "orders", after_s=100) as recording:
        recording.write([message("y", 101, "orders")])
        third = show()
    assert (first.name, dict(first.recordings)) == ("eu + us", stores)
    assert first.memory == second.memory == third.memory
    assert first.store_id == second.store_id != third.store_id


@pytest.mark.parametrize(("path", "name"), [("a.db", "a"), ("orders-0a1b2c3d/store.db", "orders"), ("x/store.db", "x")])
def test_a_recording_without_a_configuration_is_named_by_its_file_or_its_own_folder(
    tmp_path: Path, path: str, name: str
) -> None:
    assert view._name(None, tmp_path / path) == name
