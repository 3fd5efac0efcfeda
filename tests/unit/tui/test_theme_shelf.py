"""The user's themes come, change, break and go while the screen runs."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest

from wsmon.tui.theme import ThemeLibrary

DARK = (Path(__file__).parents[3] / "themes" / "wsmon-dark.toml").read_text()
MINE = DARK.replace('"wsmon-dark"', '"mine"')
TIMES = count(1_000_000_000)


def write(path: Path, text: str) -> None:
    """Write a file as if at another second than ever before."""
    path.write_text(text)
    os.utime(path, (0, next(TIMES)))


def test_a_theme_of_the_user_replaces_one_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path / "night.toml", DARK.replace("#0f1419", "#000000"))
    shelf = ThemeLibrary(tmp_path)
    assert (shelf.themes["wsmon-dark"].background, shelf.faults) == ("#000000", ())


def test_what_was_written_is_read_again_and_nothing_else(tmp_path: Path) -> None:
    shelf = ThemeLibrary(tmp_path / "not yet there")
    assert (shelf.look(), list(shelf.themes)[:1]) == (False, ["wsmon-ansi"])
    (tmp_path / "not yet there").mkdir()
    path = tmp_path / "not yet there" / "mine.toml"
    write(path, MINE)
    assert (shelf.look(), shelf.look(), "mine" in shelf.themes) == (True, False, True)
    write(path, MINE.replace("#0f1419", "#010101"))
    assert (shelf.look(), shelf.themes["mine"].background) == (True, "#010101")
    path.unlink()
    assert (shelf.look(), shelf.look(), "mine" in shelf.themes) == (True, False, False)


def test_a_theme_that_breaks_keeps_its_last_good_version_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    write(path, MINE)
    shelf = ThemeLibrary(tmp_path)
    write(path, MINE.replace('dim = "', 'dim = "no '))
    assert (shelf.look(), shelf.themes["mine"].variables["dim"][:1]) == (True, "#")
    (fault,) = shelf.faults
    assert fault.startswith(f"{path}:28: variables.dim: not a colour (no #")
    assert fault.endswith("(the last good mine stays)")
    write(path, MINE)
    assert (shelf.look(), shelf.faults) == (True, ())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "is not UTF-8 from byte 0 on. save it as UTF-8"),
        (b"#" * 70_000, "longer than 64 KiB. it is no theme"),
        (b"name = ", ":1: "),
    ],
)
def test_a_file_that_is_no_theme_is_left_out(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    shelf = ThemeLibrary(tmp_path)
    assert len(shelf.themes) == 4
    assert said in shelf.faults[0]
    assert shelf.faults[0].endswith("(the file is left out)")


def test_a_file_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "x.toml").mkdir()
    assert ThemeLibrary(tmp_path).faults[0].endswith("Is a directory. check its permissions (the file is left out)")
