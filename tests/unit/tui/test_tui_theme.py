"""Themes: what ships is complete, and what is wrong is said with its file and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color

from wsmon.tui.palette import MEANINGS, Palette
from wsmon.tui.theme import VARIABLES, ThemeError, load_themes, parse_theme

SHIPPED = ("wsmon-ansi", "wsmon-dark", "wsmon-light")
READABLE = 4.5
# contrast of text, WCAG 2.1, level AA
VISIBLE = 3.0
# of what is only a hint: off, rule


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
    themes = load_themes()
    assert tuple(sorted(themes)) == SHIPPED
    assert all(set(VARIABLES) <= set(theme.variables) for theme in themes.values())


def test_every_meaning_has_a_style_in_every_theme() -> None:
    for theme in load_themes().values():
        palette = Palette(theme.variables)
        assert [meaning for meaning in MEANINGS if palette.style(meaning) is None] == []


@pytest.mark.parametrize("name", ["wsmon-dark", "wsmon-light"])
def test_text_can_be_read_on_the_background_and_on_the_cursor(name: str) -> None:
    theme = load_themes()[name]
    weak: dict[str, float] = {}
    for ground in ("background", "cursor-background"):
        under = Color.parse(str(theme.background) if ground == "background" else theme.variables[ground])
        for key in VARIABLES:
            if "background" in key or "banner" in key or key == "rule":
                continue
            contrast = contrast_of(Color.parse(theme.variables[key]), under)
            if contrast < (VISIBLE if key in ("status-off", "dim") or ground != "background" else READABLE):
                weak[f"{key} on {ground}"] = round(contrast, 2)
    assert weak == {}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('status-open = "#6cc28b"\n', "", "mine.toml: variables.status-open: missing"),
        ('"#6cc28b"', '"#6cc28"', "mine.toml: colors.success: not a colour (#6cc28)"),
        ('primary = "#5fa8e8"', "primary = 3", "mine.toml: colors.primary: not a text (3)"),
        ('name = "wsmon-dark"', "", "mine.toml: name: missing"),
        ("[variables]", "[variable]", "mine.toml: [variables]: missing"),
        (
            'cursor-text-style = "none"',
            'cursor-text-style = "blink"',
            "mine.toml: variables.cursor-text-style: not one of",
        ),
        ("[colors]", "[colors", "mine.toml: "),
    ],
)
def test_a_theme_that_is_wrong_names_file_and_key(before: str, after: str, message: str) -> None:
    with pytest.raises(ThemeError) as caught:
        parse_theme("mine.toml", dark_theme().replace(before, after))
    assert str(caught.value).startswith(message)


def test_a_theme_of_the_user_replaces_one_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "night.toml").write_text(dark_theme().replace("#0f1419", "#000000"))
    assert load_themes(tmp_path)["wsmon-dark"].background == "#000000"
