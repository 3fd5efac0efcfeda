"""The examination of ``wsmon doctor``: read the facts, run every check, in the order of its report.

What the machine does not tell (kernel, logind, tmux) is unknown, and no error.
"""

from __future__ import annotations

import ctypes
import getpass
import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import get_args

from wsmon import plugins
from wsmon.cli.doctor_checks import (
    NONE_FOUND,
    ClockFacts,
    Diagnosis,
    Owned,
    TerminalFacts,
    fail,
    judge_broken,
    judge_bundle,
    judge_clock,
    judge_configuration_file,
    judge_loaded,
    judge_logout,
    judge_losses,
    judge_marks,
    judge_plugins,
    judge_recording,
    judge_runtime_folder,
    judge_space,
    judge_sqlite,
    judge_store,
    judge_terminal,
    ok,
    warn,
)
from wsmon.cli.known_recordings import NothingRecordedError, choose_store
from wsmon.cli.terminal import has_terminal
from wsmon.config.load import Loaded, load
from wsmon.config.locate import cache_dir, find_config, runtime_folder, state_dir
from wsmon.config.specs import BuiltInDecoder, BuiltInProtocol, Configuration, RetentionSpec
from wsmon.control.lock import holder
from wsmon.control.losses import read_note
from wsmon.decoders.base import Decoder
from wsmon.errors import ConfigError, StoreError, StoreOlderError, UsageError, WsmonError
from wsmon.model.units import DAY_NS
from wsmon.ports import Clock, StoreView
from wsmon.protocols.base import Protocol
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.relay.relays import RelayError, listen
from wsmon.store.integrity import SQLITE_VERSION, check_integrity
from wsmon.store.reader import Reader
from wsmon.store.search.marks import IS_COMPILED, IS_INSTALLED
from wsmon.tui.terminal.capabilities import multiplexer

# Events of the last day that are counted, at most.
MOST_COUNTED = 100

# How long tmux may take to answer.
TMUX_S = 2.0
_TMUX_OPTIONS = ("set-clipboard", "allow-passthrough")

# The return value of adjtimex(2) that says that the clock is not synchronised.
TIME_ERROR = 5

# More than struct timex has on any machine; all zero = only read.
_TIMEX_BYTES = 512

_STEPS = Query((FieldTerm("name", (Exact("self.clock.stepped"),)),))
_SHED = Query((FieldTerm("name", (Exact("self.shed"), Exact("self.lost"))),))


def examination(argument: str | None, environ: Mapping[str, str], clock: Clock) -> Iterator[Diagnosis]:
    """Run every check; ``argument`` is a store, its folder or a configuration, None = what is used here."""
    loaded: Loaded | None = None
    try:
        config = _config_path(argument, environ)
        loaded = load(config, environ) if config is not None else None
    except ConfigError as error:
        yield judge_broken(error)
    else:
        yield from _about_configuration(loaded)
    store: Path | None = None
    try:
        choice = choose_store(argument, environ)
    except NothingRecordedError as error:
        yield ok("store", error.what)
    except WsmonError as error:
        yield fail("store", error.what, error.hint)
    else:
        choice.announce()
        store = choice.recording.store
        yield from _about_store(store, environ, clock)
    if loaded is not None:
        yield from _about_relays(loaded.configuration, store)
    yield from judge_sqlite(SQLITE_VERSION)
    yield judge_marks(is_installed=IS_INSTALLED, is_compiled=IS_COMPILED)
    yield from _about_plugins()
    yield from _about_machine(store, loaded, environ, clock)
    yield from judge_terminal(terminal_facts(environ))


def _about_relays(configuration: Configuration, store: Path | None) -> Iterator[Diagnosis]:
    """Try to listen where relays would, unless a recorder does so already."""
    try:
        if store is not None and holder(store) is not None:
            return
    except StoreError:
        # Said of the store
        return
    for relay in configuration.relays:
        if not relay.connection.enabled:
            continue
        try:
            listen(relay).socket.close()
        except RelayError as error:
            yield fail("relay", error.what, error.hint)
        else:
            yield ok("relay", f"{relay.name}: can listen at {relay.listen}")


def _about_plugins() -> Iterator[Diagnosis]:
    """Import the plugins, as a recorder does at its start."""
    groups: tuple[plugins.Group, ...] = ("wsmon.protocols", "wsmon.decoders")
    found = [plugin for group in groups for plugin in plugins.installed(group)]
    if not found:
        return
    # Names that clash are an error of the configuration
    protocols = plugins.load("wsmon.protocols", Protocol, get_args(BuiltInProtocol))
    decoders = plugins.load("wsmon.decoders", Decoder, get_args(BuiltInDecoder))
    yield from judge_plugins(found, (*protocols.failures, *decoders.failures))


def _config_path(argument: str | None, environ: Mapping[str, str]) -> Path | None:
    if argument is not None:
        return Path(argument) if argument.endswith(".toml") else None
    try:
        return find_config(None, environ, Path.cwd())
    except UsageError:
        return None


def _about_configuration(loaded: Loaded | None) -> Iterator[Diagnosis]:
    if loaded is None:
        yield NONE_FOUND
        return
    yield judge_loaded(loaded)
    path = loaded.configuration.path
    # It was loaded from a file.
    assert path is not None
    text = path.read_text(errors="replace")
    file = Owned.of(path, os.geteuid())
    if file is not None:
        has_secrets = any(secret in text for secret in loaded.configuration.secrets)
        yield judge_configuration_file(file, has_secrets=has_secrets)


def _about_store(store: Path, environ: Mapping[str, str], clock: Clock) -> Iterator[Diagnosis]:
    try:
        found = check_integrity(store, clock, cache_dir(environ))
    except StoreOlderError as error:
        yield warn("store", error.what, error.hint)
    except WsmonError as error:
        yield fail("store", error.what, error.hint)
    else:
        yield from judge_store(store, found, store.stat().st_size)
        yield from _about_bundle(store, environ, clock)
    uid = os.geteuid()
    file, folder = Owned.of(store, uid), Owned.of(store.parent, uid)
    if file is not None and folder is not None:
        yield judge_recording(file, folder)
    try:
        held = holder(store)
    except StoreError as error:
        yield fail("recorder", error.what, error.hint)
        return
    if held is None:
        yield ok("recorder", "not running on this store")
    else:
        yield ok("recorder", f"pid {held.pid}, wsmon {held.version}")


def _about_bundle(store: Path, environ: Mapping[str, str], clock: Clock) -> Iterator[Diagnosis]:
    try:
        with closing(Reader(store, clock, cache_dir(environ))) as reader:
            found = reader.bundle()
    except WsmonError as error:
        yield fail("bundle", error.what, error.hint)
    else:
        yield from (judge_bundle(found),) if found is not None else ()


def _about_machine(
    store: Path | None, loaded: Loaded | None, environ: Mapping[str, str], clock: Clock
) -> Iterator[Diagnosis]:
    retention = loaded.configuration.retention if loaded is not None else RetentionSpec()
    folder = _existing(store.parent if store is not None else state_dir(environ))
    used_bytes = store.stat().st_size if store is not None else 0
    yield judge_space(folder, shutil.disk_usage(folder).free, used_bytes, retention.size_bytes)
    runtime = runtime_folder(environ)
    uid = os.geteuid()
    sockets = [Owned.of(path, uid) for path in sorted(runtime.glob("*.sock"))]
    yield judge_runtime_folder(Owned.of(runtime, uid), tuple(one for one in sockets if one is not None))
    yield from _about_times(store, environ, clock)
    yield judge_logout(logind_settings(), is_lingering(_user()))


def _about_times(store: Path | None, environ: Mapping[str, str], clock: Clock) -> Iterator[Diagnosis]:
    """Check the clock against the events of the store, and whether the disk took everything in the last day."""
    wall_ns = clock.wall_ns()
    newest_ns, steps, shed = None, 0, 0
    if store is not None:
        note = read_note(store, state_dir(environ))
        try:
            view = Reader(store, clock, cache_dir(environ))
            try:
                newest = view.events_before(view.bounds().last_id + 1, 1)
                newest_ns = newest[0].ts_ns if newest else None
                steps, shed = (_in_last_day(view, query, wall_ns) for query in (_STEPS, _SHED))
            finally:
                view.close()
        except WsmonError:
            if note is not None:
                yield judge_losses(shed, note)
            yield warn("clock", "cannot read the store to compare its timestamps", "see above")
            return
        yield judge_losses(shed, note)
    yield judge_clock(ClockFacts(wall_ns, is_clock_synchronised(), newest_ns, steps))


def _in_last_day(view: StoreView, query: Query, wall_ns: int) -> int:
    """Return how many events of the last day match, up to ``MOST_COUNTED``."""
    found = view.events_before(view.bounds().last_id + 1, MOST_COUNTED, query)
    return sum(each.ts_ns > wall_ns - DAY_NS for each in found)


def _existing(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def _user() -> str:
    try:
        return getpass.getuser()
    # A user id may have no entry, as in containers.
    except (KeyError, OSError):
        return str(os.geteuid())


def terminal_facts(environ: Mapping[str, str]) -> TerminalFacts:
    """Return the facts about the terminal of this process."""
    inside = multiplexer(environ)
    size = shutil.get_terminal_size()
    return TerminalFacts(
        has_terminal(),
        environ.get("TERM", ""),
        environ.get("TERM_PROGRAM", ""),
        environ.get("COLORTERM", ""),
        bool(environ.get("NO_COLOR")),
        locale.getpreferredencoding(do_setlocale=False),
        size.columns,
        size.lines,
        inside,
        _tmux_options(environ) if inside == "tmux" else {},
    )


def is_clock_synchronised() -> bool | None:
    """Return whether the kernel calls the clock synchronised; None where it does not say."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR


def logind_settings(root: Path = Path("/")) -> str:
    """Return the configuration of logind: its files in the order in which they apply."""
    main = root / "etc/systemd/logind.conf"
    parts = sorted((root / "etc/systemd/logind.conf.d").glob("*.conf"))
    return "\n".join(path.read_text(errors="replace") for path in (main, *parts) if path.is_file())


def is_lingering(user: str, root: Path = Path("/")) -> bool:
    """Return whether logind keeps the user's processes after a logout."""
    return (root / "var/lib/systemd/linger" / user).exists()


def _tmux_options(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for option in _TMUX_OPTIONS:
        try:
            done = subprocess.run(
                ["tmux", "show-options", "-gv", option],  # noqa: S607 - as the user's own path has it
                capture_output=True,
                text=True,
                timeout=TMUX_S,
                check=False,
                env=dict(environ),
            )
        except (OSError, subprocess.TimeoutExpired):
            return {}
        if done.returncode == 0:
            found[option] = done.stdout.strip()
    return found
