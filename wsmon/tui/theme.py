"""Themes: TOML files in, checked values out; the only place where colours come from.

A bad colour is found here, with its file and key: Textual takes it at first and ends the app when it paints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path

import tomli
from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from wsmon.errors import WsmonError

DEFAULT_THEME = "wsmon-dark"
NO_COLOR_THEME = "wsmon-ansi"
# an ANSI theme: with any other one Textual paints shades of grey where NO_COLOR asks for none

COLORS = (
    "primary", "secondary", "accent", "success", "warning", "error", "foreground", "background", "surface", "panel",
)  # fmt: skip
VARIABLES = (
    "status-open", "status-connecting", "status-loss", "status-stalled", "status-closed", "status-off",
    "direction-in", "direction-out", "problem", "caution", "dim", "rule", "key-name",
    "cursor-background", "cursor-blurred-background", "banner-foreground", "banner-background",
)  # fmt: skip
CURSOR_TEXT_STYLE = "cursor-text-style"
CURSOR_TEXT_STYLES = ("none", "reverse", "bold", "underline")


class ThemeError(WsmonError):
    """A theme that cannot be used; says which file, and which key."""


def load_themes(user_folder: Path | None = None) -> dict[str, Theme]:
    """All themes by name: those that come with wsmon, then the user's, which may replace them.

    Raises ``ThemeError`` for the first one that is wrong.
    """
    themes: dict[str, Theme] = {}
    for origin, text in _sources(user_folder):
        theme = parse_theme(origin, text)
        themes[theme.name] = theme
    return themes


def choose(themes: Mapping[str, Theme], name: str) -> Theme:
    """The theme of this name; raises ``ThemeError`` that names those there are."""
    if name not in themes:
        raise ThemeError(f"there is no theme '{name}'", f"there are {', '.join(sorted(themes))}")
    return themes[name]


def parse_theme(origin: str, text: str) -> Theme:
    """A theme from TOML; ``origin`` names the file in errors."""
    try:
        table = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ThemeError(f"{origin}: {error}") from error
    name = table.get("name")
    if not isinstance(name, str) or not name:
        raise ThemeError(f"{origin}: name: missing", 'a theme starts with: name = "…"')
    colors = _texts(origin, "colors", table, COLORS)
    variables = _texts(origin, "variables", table, VARIABLES)
    if variables.setdefault(CURSOR_TEXT_STYLE, "none") not in CURSOR_TEXT_STYLES:
        raise ThemeError(f"{origin}: variables.{CURSOR_TEXT_STYLE}: not one of {', '.join(CURSOR_TEXT_STYLES)}")
    unknown = sorted(set(colors) - set(COLORS))
    if unknown:
        raise ThemeError(f"{origin}: colors.{unknown[0]}: unknown", f"there are {', '.join(COLORS)}")
    is_ansi = bool(table.get("ansi", False))
    if is_ansi:  # Textual's own styles ask for more variables then
        variables = {**BUILTIN_THEMES["ansi-dark"].variables, **variables}
    return Theme(
        name=name,
        dark=bool(table.get("dark", True)),
        ansi=is_ansi,
        variables=variables,
        primary=colors["primary"],
        secondary=colors["secondary"],
        accent=colors["accent"],
        success=colors["success"],
        warning=colors["warning"],
        error=colors["error"],
        foreground=colors["foreground"],
        background=colors["background"],
        surface=colors["surface"],
        panel=colors["panel"],
    )


def _texts(origin: str, part: str, table: Mapping[str, object], required: Iterable[str]) -> dict[str, str]:
    """A table of colours, complete and each of them parsed."""
    section = table.get(part)
    if not isinstance(section, dict):
        raise ThemeError(f"{origin}: [{part}]: missing")
    for key in required:
        if key not in section:
            raise ThemeError(f"{origin}: {part}.{key}: missing")
    for key, value in section.items():
        if key != CURSOR_TEXT_STYLE:
            _check_color(f"{origin}: {part}.{key}", value)
    return dict(section)


def _check_color(place: str, value: object) -> None:
    if not isinstance(value, str):
        raise ThemeError(f"{place}: not a text ({value!r})")
    try:
        Color.parse(value)
    except ColorParseError:
        raise ThemeError(f"{place}: not a colour ({value})", 'write "#rrggbb", or a name such as "ansi_red"') from None


def _sources(user_folder: Path | None) -> Iterator[tuple[str, str]]:
    shipped = resources.files("wsmon") / "themes"
    if shipped.is_dir():
        for entry in sorted(shipped.iterdir(), key=lambda entry: entry.name):
            if entry.name.endswith(".toml"):
                yield entry.name, entry.read_text(encoding="utf-8")
    else:  # an editable install: the wheel maps the folder of the repository into the package
        yield from _folder(Path(__file__).parents[2] / "themes")
    if user_folder is not None and user_folder.is_dir():
        yield from _folder(user_folder)


def _folder(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.toml")):
        yield str(path), path.read_text(encoding="utf-8")
