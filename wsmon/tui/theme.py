"""Themes in TOML: read, checked, and read again when the user edits them. All colours come from here.

A bad colour is reported with its file, line and key; Textual would accept it and end the app at the first paint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path

import tomli
from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from wsmon.config.lines import KeyPath, Lines
from wsmon.errors import WsmonError

DEFAULT_THEME = "wsmon-dark"
# The terminal's own colours: for terminals with 16, and for NO_COLOR, where other themes become shades of grey
ANSI_THEME = "wsmon-ansi"

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
OPTIONAL = (CURSOR_TEXT_STYLE, "input-cursor-background", "input-cursor-foreground", "input-selection-background")
KEYS = ("name", "dark", "ansi", "colors", "variables")
# Of a file; a theme has 2 KB
LIMIT_BYTES = 64 * 1024


class ThemeError(WsmonError):
    """A theme that cannot be used: which file, line and key, and what to do."""


def parse_theme(origin: str, text: str) -> Theme:
    """Read a theme from TOML; ``origin`` names the file in errors. Raises ``ThemeError``."""
    try:
        table = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ThemeError(f"{origin}:{error.lineno}: {error.msg}") from error
    return _ThemeReader(origin, table, Lines(text)).theme()


@dataclass(frozen=True, slots=True)
class _ThemeReader:
    """Reads and checks the content of one file."""

    origin: str
    table: Mapping[str, object]
    lines: Lines

    def theme(self) -> Theme:
        """Return the theme. Raises ``ThemeError``."""
        self._check_names((), self.table, KEYS)
        name = self.table.get("name")
        if not isinstance(name, str) or not name:
            raise self._error(("name",), "missing", 'a theme starts with: name = "…"')
        colors = self._section("colors", COLORS, ())
        variables = self._section("variables", VARIABLES, OPTIONAL)
        if variables.setdefault(CURSOR_TEXT_STYLE, "none") not in CURSOR_TEXT_STYLES:
            problem = f"not a style ({variables[CURSOR_TEXT_STYLE]})"
            hint = f"write one of {', '.join(CURSOR_TEXT_STYLES)}"
            raise self._error(("variables", CURSOR_TEXT_STYLE), problem, hint)
        is_ansi = self._flag("ansi", default=False)
        if is_ansi:
            # Textual's own styles use more variables then.
            variables = {**BUILTIN_THEMES["ansi-dark"].variables, **variables}
        return Theme(
            name=name,
            dark=self._flag("dark", default=True),
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

    def _section(self, part: str, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, str]:
        """Return a table of colours, complete and each of them checked."""
        section = self.table.get(part)
        if not isinstance(section, dict):
            raise self._error((part,), "missing", f"write [{part}] with {', '.join(required)}")
        self._check_names((part,), section, (*required, *optional))
        for key in required:
            if key not in section:
                raise self._error((part, key), "missing", f'write {key} = "#rrggbb" into [{part}]')
        return dict(self._texts(part, section))

    def _texts(self, part: str, section: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        for key, value in section.items():
            if not isinstance(value, str):
                raise self._error((part, key), f"not a text ({value!r})", 'write "#rrggbb"')
            if key != CURSOR_TEXT_STYLE and not _is_color(value):
                hint = 'write "#rrggbb", or a name such as "ansi_red"'
                raise self._error((part, key), f"not a colour ({value})", hint)
            yield key, value

    def _check_names(self, at: KeyPath, names: Iterable[str], known: tuple[str, ...]) -> None:
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise self._error((*at, name), "unknown", hint)

    def _flag(self, key: str, *, default: bool) -> bool:
        value = self.table.get(key, default)
        if not isinstance(value, bool):
            raise self._error((key,), f"not true or false ({value!r})", f"write {key} = {str(default).lower()}")
        return value

    def _error(self, at: KeyPath, problem: str, hint: str) -> ThemeError:
        return ThemeError(f"{self.origin}:{self.lines.of(at)}: {'.'.join(map(str, at))}: {problem}", hint)


def _is_color(text: str) -> bool:
    try:
        Color.parse(text)
    except ColorParseError:
        return False
    return True


# Time of the last write in ns, and size in bytes: where either differs, a file is read again.
Stamp = tuple[int, int]


class ThemeLibrary:
    """The themes that come with wsmon, and the user's own, which may replace them and change at any time.

    A file with a fault affects no other: its last good version stays, and the fault is kept as a sentence. Used by one
    thread at a time.
    """

    def __init__(self, user_folder: Path | None = None) -> None:
        """``user_folder`` need not exist yet."""
        self._folder = user_folder
        self._shipped = {theme.name: theme for theme in (parse_theme(*source) for source in _shipped())}
        self._stamps: dict[Path, Stamp] = {}
        self._good: dict[Path, Theme] = {}
        """The last version of each file that had no fault."""
        self._faults: dict[Path, str] = {}
        self.look()

    @property
    def themes(self) -> Mapping[str, Theme]:
        """All themes by name, sorted."""
        mine = {theme.name: theme for _, theme in sorted(self._good.items())}
        return dict(sorted({**self._shipped, **mine}.items()))

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with files and which theme is used instead, a sentence each."""
        return tuple(text for _, text in sorted(self._faults.items()))

    def look(self) -> bool:
        """Read the files that changed since the last call; returns whether there were some."""
        stamps = dict(self._stamps_of_files())
        changed = {path for path, stamp in stamps.items() if self._stamps.get(path) != stamp}
        gone = self._stamps.keys() - stamps.keys()
        self._stamps = stamps
        for path in gone:
            self._good.pop(path, None)
            self._faults.pop(path, None)
        for path in sorted(changed):
            self._read(path)
        return bool(changed or gone)

    def _read(self, path: Path) -> None:
        try:
            self._good[path] = parse_theme(str(path), _text_of(path))
        except ThemeError as error:
            kept = self._good.get(path)
            instead = f"the last good {kept.name} stays" if kept else "the file is left out"
            self._faults[path] = f"{error} ({instead})"
        else:
            self._faults.pop(path, None)

    def _stamps_of_files(self) -> Iterator[tuple[Path, Stamp]]:
        if self._folder is None:
            return
        for path in self._folder.glob("*.toml"):
            try:
                status = path.stat()
            except OSError:
                # An editor is replacing it: the next call sees it.
                continue
            yield path, (status.st_mtime_ns, status.st_size)


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            octets = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise ThemeError(f"{path}: cannot be read: {error.strerror}", "check its permissions") from error
    if len(octets) > LIMIT_BYTES:
        raise ThemeError(f"{path}: longer than {LIMIT_BYTES // 1024} KiB", "it is no theme")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ThemeError(f"{path}: is not UTF-8 from byte {error.start} on", "save it as UTF-8") from error


def _shipped() -> Iterator[tuple[str, str]]:
    """Yield file names and texts; the wheel has them in the package, an editable install beside it."""
    folder = resources.files("wsmon") / "themes"
    if not folder.is_dir():
        folder = Path(__file__).parents[2] / "themes"
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            yield entry.name, entry.read_text(encoding="utf-8")
