"""Runs every check there is, in the order in which somebody would ask."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from wsmon.cli.diagnosis import facts
from wsmon.cli.diagnosis.configuration import NONE_FOUND, judge_broken, judge_loaded
from wsmon.cli.diagnosis.diagnosis import Diagnosis, fail, ok, warn
from wsmon.cli.diagnosis.permissions import (
    Owned,
    judge_configuration_file,
    judge_recording,
    judge_runtime_folder,
)
from wsmon.cli.diagnosis.sqlite import judge_sqlite, judge_store
from wsmon.cli.diagnosis.terminal import judge_terminal
from wsmon.cli.doctor_checks import ClockFacts, judge_clock, judge_logout, judge_losses, judge_space
from wsmon.cli.stores import find_store
from wsmon.cli.target import runtime_folder
from wsmon.config.load import Loaded, load
from wsmon.config.locate import cache_dir, default_store, find_config, state_dir
from wsmon.config.specs import RetentionSpec
from wsmon.control.lock import holder
from wsmon.errors import ConfigError, StoreOlderError, UsageError, WsmonError
from wsmon.model.units import DAY_NS
from wsmon.ports import Clock, StoreView
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.store.integrity import SQLITE_VERSION, check_integrity
from wsmon.store.reader import Reader

MOST_TOLD = 100
_STEPS = Query((FieldTerm("name", (Exact("self.clock.stepped"),)),))
_SHED = Query((FieldTerm("name", (Exact("self.shed"),)),))


def examination(argument: str | None, environ: Mapping[str, str], clock: Clock) -> Iterator[Diagnosis]:
    """Every check; ``argument`` is a store, its folder or a configuration, ``None`` for what is used here."""
    loaded: Loaded | None = None
    try:
        config = _config_path(argument, environ)
        loaded = load(config, environ) if config is not None else None
    except ConfigError as error:
        yield judge_broken(error)
    else:
        yield from _about_configuration(loaded)
    store = _store(argument, loaded, environ)
    if store is None:
        yield ok("store", "nothing has been recorded yet")
    elif isinstance(store, WsmonError):
        yield fail("store", store.what, store.hint)
    else:
        yield from _about_store(store, environ, clock)
    yield from judge_sqlite(SQLITE_VERSION)
    yield from _about_machine(store if isinstance(store, Path) else None, loaded, environ, clock)
    yield from judge_terminal(facts.terminal_facts(environ))


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
    assert path is not None  # it was read from one
    text = path.read_text(errors="replace")
    file = Owned.of(path, os.geteuid())
    if file is not None:
        has_secrets = any(secret in text for secret in loaded.configuration.secrets)
        yield judge_configuration_file(file, has_secrets=has_secrets)


def _store(argument: str | None, loaded: Loaded | None, environ: Mapping[str, str]) -> Path | WsmonError | None:
    """The store to look at, why there is none, or ``None`` where nothing was recorded and none is named."""
    if loaded is not None:
        configuration = loaded.configuration
        path = Path(os.path.realpath(configuration.store or default_store(configuration, state_dir(environ))))
        return path if path.exists() else None
    try:
        return find_store(argument, environ)
    except UsageError as error:
        return error if argument is not None else None


def _about_store(store: Path, environ: Mapping[str, str], clock: Clock) -> Iterator[Diagnosis]:
    try:
        found = check_integrity(store, clock, cache_dir(environ))
    except StoreOlderError as error:
        yield warn("store", error.what, error.hint)
    except WsmonError as error:
        yield fail("store", error.what, error.hint)
    else:
        yield from judge_store(store, found, store.stat().st_size)
    uid = os.geteuid()
    file, folder = Owned.of(store, uid), Owned.of(store.parent, uid)
    if file is not None and folder is not None:
        yield judge_recording(file, folder)
    held = holder(store)
    if held is None:
        yield ok("recorder", "none runs on this store")
    else:
        yield ok("recorder", f"pid {held.pid}, wsmon {held.version}")


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
    yield judge_logout(facts.logind_settings(), facts.is_lingering(_user()))


def _about_times(store: Path | None, environ: Mapping[str, str], clock: Clock) -> Iterator[Diagnosis]:
    """The clock, and what the last day cost; both by what the store says."""
    wall_ns = clock.wall_ns()
    newest_ns, steps, shed = None, 0, 0
    if store is not None:
        try:
            view = Reader(store, clock, cache_dir(environ))
            try:
                newest = view.events_before(view.bounds().last_id + 1, 1)
                newest_ns = newest[0].ts_ns if newest else None
                steps, shed = (_in_last_day(view, query, wall_ns) for query in (_STEPS, _SHED))
            finally:
                view.close()
        except WsmonError:
            yield warn("clock", "the store cannot be read: its times cannot be compared", "see above")
            return
        yield judge_losses(shed)
    yield judge_clock(ClockFacts(wall_ns, facts.is_clock_synchronised(), newest_ns, steps))


def _in_last_day(view: StoreView, query: Query, wall_ns: int) -> int:
    """How many events match, up to ``MOST_TOLD``."""
    found = view.events_before(view.bounds().last_id + 1, MOST_TOLD, query)
    return sum(each.ts_ns > wall_ns - DAY_NS for each in found)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that there is."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without an entry, as in containers
        return str(os.geteuid())
