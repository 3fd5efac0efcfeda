"""Themes: what ships is complete, faults name file, line and key, and edited files are read again."""

from __future__ import annotations

import os
from itertools import count, product
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from wsmon.tui.text import ROLES, RoleStyles
from wsmon.tui.theme import VARIABLES, ThemeError, ThemeLibrary, parse_theme

# Contrast of text, WCAG 2.1: level AA, and level AAA; the fourth theme has the colours of the terminal
READABLE = {"wsmon-dark": 4.5, "wsmon-light": 4.5, "wsmon-contrast": 7.0}
GROUNDS = ("background", "surface", "panel", "cursor-background", "cursor-blurred-background")
# A rule is a line, not text
TEXTS = ("foreground", *(key for key in VARIABLES if key not in GROUNDS and key != "rule" and "banner" not in key))
PAIRS = (*product(TEXTS, GROUNDS), ("banner-foreground", "banner-background"))


def color_of(theme: Theme, name: str) -> Color:
    """A colour or a variable."""
    return Color.parse(theme.variables.get(name) or getattr(theme, name))


def dark_theme() -> str:
    return (Path(__file__).parents[3] / "themes" / "wsmon-dark.toml").read_text()


def contrast_of(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2.1: 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: Color) -> float:
    """Relative luminance, WCAG 2.1."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_shipped_themes_are_complete() -> None:
    themes = ThemeLibrary().themes
    assert tuple(themes) == ("wsmon-ansi", "wsmon-contrast", "wsmon-dark", "wsmon-light")
    assert all(set(VARIABLES) <= set(theme.variables) for theme in themes.values())


def test_every_meaning_has_a_style_in_every_theme() -> None:
    for theme in ThemeLibrary().themes.values():
        palette = RoleStyles(theme.variables)
        assert [role for role in ROLES if palette.style(role) is None] == []


@pytest.mark.parametrize("name", READABLE)
def test_every_text_can_be_read_on_everything_it_stands_on(name: str) -> None:
    theme = ThemeLibrary().themes[name]
    contrasts = {(text, ground): contrast_of(color_of(theme, text), color_of(theme, ground)) for text, ground in PAIRS}
    assert len(contrasts) == 66
    assert {pair: round(found, 2) for pair, found in contrasts.items() if found < READABLE[name]} == {}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('status-open = "#6cc28b"\n', "", "mine.toml:17: variables.status-open: missing. write status-open = "),
        ('"#6cc28b"', '"#6cc28"', "mine.toml:9: colors.success: not a colour (#6cc28). write "),
        ('primary = "#5fa8e8"', "primary = 3", "mine.toml:6: colors.primary: not a text (3). write "),
        ('name = "wsmon-dark"', "", "mine.toml:1: name: missing"),
        ("[variables]", "[variable]", "mine.toml:17: variable: unknown. did you mean variables?"),
        ("dark = true", "dark = 1", "mine.toml:3: dark: not true or false (1). write dark = true"),
        ("dim =", "dimm =", "mine.toml:28: variables.dimm: unknown. did you mean dim?"),
        ("dark = true", "drak = true", "mine.toml:3: drak: unknown. did you mean dark?"),
        (
            'cursor-text-style = "none"',
            'cursor-text-style = "blink"',
            "mine.toml:33: variables.cursor-text-style: not a style (blink). write one of none",
        ),
        ("[colors]", "[colors", "mine.toml:5: "),
    ],
)
def test_a_theme_that_is_wrong_names_file_line_and_key(before: str, after: str, message: str) -> None:
    with pytest.raises(ThemeError) as caught:
        parse_theme("mine.toml", dark_theme().replace(before, after))
    assert str(caught.value).startswith(message)


# The user's themes come, change, break and go while the screen runs.

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
