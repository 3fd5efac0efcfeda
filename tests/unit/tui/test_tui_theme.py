"""Themes: what ships is complete and can be read, and what is wrong is said with its file, line and key."""

from __future__ import annotations

from itertools import product
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
