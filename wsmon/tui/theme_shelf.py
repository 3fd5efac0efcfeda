"""All themes there are: those that come with wsmon, and the user's, which may replace them and change at any time.

A file that is wrong costs nothing but itself: its last good version stays, and what is wrong is kept as a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

from textual.theme import Theme

from wsmon.tui.theme import LIMIT_BYTES, ThemeError, parse_theme

Stamp = tuple[int, int]
# when a file was written, in ns, and its size in bytes: another one is another file


class ThemeShelf:
    """Reads themes once, and the user's again when they were written. Used by one thread at a time."""

    def __init__(self, user_folder: Path | None = None) -> None:
        """``user_folder`` need not be there yet."""
        self._folder = user_folder
        self._shipped = {theme.name: theme for theme in (parse_theme(*source) for source in _shipped())}
        self._stamps: dict[Path, Stamp] = {}
        self._good: dict[Path, Theme] = {}
        # the last version of each file that could be used
        self._faults: dict[Path, str] = {}
        self.look()

    @property
    def themes(self) -> Mapping[str, Theme]:
        """By name, in order."""
        mine = {theme.name: theme for _, theme in sorted(self._good.items())}
        return dict(sorted({**self._shipped, **mine}.items()))

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with files, a sentence each, and what is done instead."""
        return tuple(text for _, text in sorted(self._faults.items()))

    def look(self) -> bool:
        """Read what was written since the last look; whether there was something."""
        stamps = dict(self._stamp_all())
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

    def _stamp_all(self) -> Iterator[tuple[Path, Stamp]]:
        if self._folder is None:
            return
        for path in self._folder.glob("*.toml"):  # nothing where there is no such folder
            try:
                status = path.stat()
            except OSError:  # an editor replaces it just now: the next look sees it
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
    """File names and texts; in an editable install they lie beside the package: the wheel maps them into it."""
    folder = resources.files("wsmon") / "themes"
    if not folder.is_dir():
        folder = Path(__file__).parents[2] / "themes"
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            yield entry.name, entry.read_text(encoding="utf-8")
