"""The screen of a command: WsmonApp with a store's views, the recorder's socket and the options of the command line.

Separate from watch.py: this module loads Textual.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from wsmon.cli.known_recordings import KnownRecording
from wsmon.cli.params import ScreenWishes
from wsmon.cli.recordings import Recordings
from wsmon.cli.stop import await_end, say_losses
from wsmon.cli.stores import greeting, open_view
from wsmon.cli.targets import Target
from wsmon.cli.terminal import say
from wsmon.clock import SystemClock
from wsmon.config.config_file import ConfigFile
from wsmon.config.load import Loaded, load
from wsmon.config.locate import config_dir, screen_path, socket_of, state_dir
from wsmon.config.specs import Configuration
from wsmon.control.client import RecorderClient
from wsmon.control.lock import LockInfo, holder, read_lock
from wsmon.control.recorders import RecorderClients
from wsmon.errors import ConfigError
from wsmon.export.run import ExportReport, ExportRequest, Progress, run_export
from wsmon.model.bundle import ALTERED, Bundle, title
from wsmon.store.notes import NotesFile, notes_path
from wsmon.tui.app import WsmonApp
from wsmon.tui.options import AppOptions, Exporter
from wsmon.tui.terminal.capabilities import has_few_colors, shows_unicode
from wsmon.tui.theme import ANSI_THEME, DEFAULT_THEME

# Recordings whose names the header has
NAMED_RECORDINGS = 3


def view(
    store: Path,
    environ: Mapping[str, str],
    wishes: ScreenWishes,
    target: Target | None = None,
    *,
    introduction: tuple[str, ...] = (),
    idle_limit_s: float | None = None,
) -> int:
    """Show a store until the screen is left; return the exit code.

    The longest text of ``introduction`` that fits is shown for a while at the start. The recorder goes on for
    ``idle_limit_s`` without a viewer; None = until it is stopped.

    Theme and keys come from ``target``, or, where no configuration was named, from the one that the recorder runs.
    """
    held = holder(store)
    look = _first_look(store)
    store_id = look.store_id
    if look.bundle is not None:
        say(f"wsmon: {look.bundle.notice}")
    path, loaded = _configuration(held, target, environ)
    # A bundle has no recorder, and no file beside it is looked at or made
    client = None if look.bundle is not None else RecorderClient(_socket_of(held, store, environ), greeting())
    app = WsmonApp(
        lambda: open_view(store),
        client,
        replace(
            _options(store, environ, held, path, loaded, look, wishes),
            config=ConfigFile(path, environ) if path else None,
            store_id=store_id,
            introduction=introduction or look.introduction,
            idle_limit_s=idle_limit_s,
            memory=screen_path(str(path) if path else _identity(held, store), state_dir(environ)),
        ),
        clock=SystemClock(),
        exporter=_exporter(store),
        notes=NotesFile(notes_path(store, state_dir(environ), store_id, is_bundle=look.bundle is not None), store_id),
        listen=client.run if client is not None else None,
        changes=_changes(path, client) if path and client is not None else None,
    )
    has_mouse = wishes.has_mouse and (loaded is None or loaded.configuration.mouse)
    outcome = app.run(mouse=has_mouse)
    if app.return_code:
        return app.return_code
    if app.unkept:
        say(app.unkept)
    if outcome == "stopped":
        return _stopped(store, state_dir(environ))
    if (held := holder(store)) is not None:
        say(f"Detached. Recorder still running (pid {held.pid}): `wsmon attach` to return, `wsmon stop` to stop it.")
    return 0


def view_recordings(recordings: Recordings, environ: Mapping[str, str], wishes: ScreenWishes) -> int:
    """Show several recordings as one until the screen is left; return the exit code.

    Themes and keys are the defaults: configurations of several recordings may differ.
    """
    stores = {each.name: each.recording.store for each in recordings.chosen}
    looks = {name: _first_look(store) for name, store in stores.items()}
    for look in looks.values():
        if look.bundle is not None:
            say(f"wsmon: {look.bundle.notice}")
    # The event at which the screen was left has the same id next time only where nothing was recorded since
    with closing(recordings.view(environ)) as view:
        store_id = f"{view.store_id}@{view.bounds().last_id}"
    clients = RecorderClients(
        {
            name: RecorderClient(_socket_of(holder(store), store, environ), greeting())
            for name, store in stores.items()
            if looks[name].bundle is None
        }
    )
    banner = "; ".join(f"{name}: {look.banner}" for name, look in looks.items() if look.banner)
    first = _FirstLook(banner, store_id, None)
    options = _options(next(iter(stores.values())), environ, None, None, None, first, wishes)

    def export(request: ExportRequest, progress: Progress) -> ExportReport:
        with closing(recordings.view(environ)) as view:
            return run_export(request, view, progress)

    app = WsmonApp(
        lambda: recordings.view(environ),
        clients,
        replace(
            options,
            name=" + ".join(stores) if len(stores) <= NAMED_RECORDINGS else f"{len(stores)} recordings",
            recordings=stores,
            store_id=first.store_id,
            memory=screen_path("\n".join(map(str, stores.values())), state_dir(environ)),
        ),
        clock=SystemClock(),
        exporter=export,
        notes=recordings.notes(environ),
        listen=clients.run,
    )
    app.run(mouse=wishes.has_mouse)
    if app.return_code:
        return app.return_code
    if app.unkept:
        say(app.unkept)
    return 0


def _socket_of(held: LockInfo | None, store: Path, environ: Mapping[str, str]) -> Path:
    """Return the socket of a recorder: what it names counts, its runtime folder may be another one."""
    return Path(held.socket) if held is not None and held.socket else socket_of(store, environ)


def _stopped(store: Path, state_folder: Path) -> int:
    """Wait for the end of the recorder that the screen has stopped, and say what it kept; return the exit code."""
    # Its lock names it also when it has ended
    info = read_lock(store)
    lost = await_end(info, state_folder) if info is not None else None
    say(f"Recording stopped. View it with `wsmon open {store}`.")
    return say_losses(lost)


def _identity(held: LockInfo | None, store: Path) -> str:
    """Return the key of the remembered screen: the configuration, or the store where there is none."""
    return held.configuration if held is not None and held.configuration else str(store)


def _exporter(store: Path) -> Exporter:
    def export(request: ExportRequest, progress: Progress) -> ExportReport:
        view = open_view(store)
        try:
            return run_export(request, view, progress)
        finally:
            view.close()

    return export


class _FirstLook(NamedTuple):
    """What is known of a store before the screen starts."""

    notice: str
    store_id: str
    bundle: Bundle | None
    """None = it is a recording."""

    @property
    def banner(self) -> str:
        """What the screen shows all the time; empty = nothing."""
        if self.bundle is None or self.bundle.is_unaltered:
            return self.notice
        return f"{ALTERED}: it may not show what was recorded"

    @property
    def introduction(self) -> tuple[str, ...]:
        """What a bundle is about, the longest text first."""
        if self.bundle is None:
            return ()
        first = f"{title(self.bundle.manifest)}: press t, then #{self.bundle.manifest.incidents[0].id}"
        # An altered file has the banner
        shorter = (f"{first}; the file is unaltered", first) if self.bundle.is_unaltered else (first,)
        return self.bundle.notice, *shorter


def _first_look(store: Path) -> _FirstLook:
    """Look at the store.

    The store is opened before the screen takes the terminal, so that an error of it stays readable.
    """
    reader = open_view(store)
    try:
        return _FirstLook(reader.notice, reader.store_id, reader.bundle())
    finally:
        reader.close()


def _configuration(
    held: LockInfo | None, target: Target | None, environ: Mapping[str, str]
) -> tuple[Path | None, Loaded | None]:
    """Return the configuration's file and content; a broken one has no content, and the recording is shown anyway."""
    if target is not None:
        return target.loaded.configuration.path, target.loaded
    path = Path(held.configuration) if held is not None else None
    if path is None or not path.is_file():
        return None, None
    try:
        return path, load(path, environ)
    except ConfigError:
        return path, None


def _name(held: LockInfo | None, store: Path) -> str:
    return held.configuration if held is not None and held.configuration else KnownRecording(store).name


def _options(
    store: Path,
    environ: Mapping[str, str],
    held: LockInfo | None,
    path: Path | None,
    loaded: Loaded | None,
    look: _FirstLook,
    wishes: ScreenWishes,
) -> AppOptions:
    configuration = loaded.configuration if loaded else None
    characters = "ascii" if wishes.is_ascii else configuration.characters if configuration else "auto"
    return AppOptions(
        name=title(look.bundle.manifest) if look.bundle else path.name if path else _name(held, store),
        store=store,
        start_command=f"wsmon {path.name}" if path else "wsmon",
        export_folder=Path.cwd(),
        theme=wishes.theme or _theme(configuration, environ),
        user_themes=config_dir(environ) / "themes",
        keys=dict(configuration.keys) if configuration else {},
        keys_file=path.name if path else "",
        key_lines=loaded.key_lines if loaded else {},
        warnings=tuple(str(warning) for warning in loaded.warnings) if loaded else (),
        banner=look.banner,
        bundle=look.bundle.manifest if look.bundle else None,
        is_remote="SSH_CONNECTION" in environ,
        has_no_color=bool(environ.get("NO_COLOR")),
        is_theme_asked=bool(wishes.theme) or has_few_colors(environ),
        is_ascii_asked=wishes.is_ascii,
        is_ascii=characters == "ascii" or (characters == "auto" and not shows_unicode(environ)),
    )


def _theme(configuration: Configuration | None, environ: Mapping[str, str]) -> str:
    """Return the theme; with 16 colours the terminal's own, since colours of other themes would be rounded to them."""
    if has_few_colors(environ):
        return ANSI_THEME
    return configuration.theme if configuration else DEFAULT_THEME


def _changes(path: Path, client: RecorderClient) -> Callable[[], str]:
    """Return a function that tells whether the file differs from what the recorder runs.

    It reads the file only after a change, and returns a sentence, or an empty text.
    """
    seen: tuple[int, str] = (0, "")

    def changes() -> str:
        nonlocal seen
        try:
            written_ns = path.stat().st_mtime_ns
            if written_ns != seen[0]:
                seen = (written_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError as error:
            return f"{path.name} cannot be read: {error.strerror}"
        return f"{path.name} has changed" if client.digest not in ("", seen[1]) else ""

    return changes
