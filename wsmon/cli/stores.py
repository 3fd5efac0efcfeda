"""Which store a command means when it names one, and when it names none; and opening it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import wsmon
from wsmon.cli.target import Request, resolve, runtime_folder
from wsmon.clock import SystemClock
from wsmon.config.locate import cache_dir, state_dir
from wsmon.control.lock import LockInfo, StoreLock, holder
from wsmon.control.messages import PROTOCOL
from wsmon.control.registry import known_stores, running
from wsmon.errors import StoreError, StoreOlderError, UsageError, WsmonError
from wsmon.store.reader import Reader
from wsmon.store.schema import SCHEMA_VERSION

STORE_NAME = "store.db"


def find_store(argument: str | os.PathLike[str] | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The store that an argument names (a store, its folder, or its configuration), or the newest one there is."""
    if argument is None:
        return _newest(environ)
    path = Path(argument)
    if path.suffix == ".toml":
        path = resolve(Request((str(path),)), environ).store
    elif path.is_dir():
        path = path / STORE_NAME
    if not path.exists():
        raise UsageError(
            f"there is no store at {path}", "`wsmon ps` lists recorders; without a name the newest is taken"
        )
    return Path(os.path.realpath(path))


def find_recorder(argument: str | os.PathLike[str] | None, environ: Mapping[str, str] = os.environ) -> LockInfo:
    """The recorder of a store, or the newest that runs; ``WsmonError`` where there is none."""
    if argument is not None:
        store = find_store(argument, environ)
        held = holder(store)  # the lock knows, also where the registry is another session's
        if held is None:
            raise WsmonError(f"no recorder runs on {store}", f"`wsmon open {store}` shows what it recorded")
        return held
    alive = running(runtime_folder(environ))
    if not alive:
        raise WsmonError("no recorder runs", "`wsmon` starts one; `wsmon open` shows what was recorded")
    return alive[-1]


def _newest(environ: Mapping[str, str]) -> Path:
    folder = state_dir(environ)
    found = {*folder.glob(f"*/{STORE_NAME}"), *filter(Path.exists, known_stores(runtime_folder(environ)))}
    if not found:
        raise UsageError("nothing has been recorded yet", "`wsmon demo` shows wsmon at work; --store names a store")
    return max(found, key=_last_written_ns)


def _last_written_ns(store: Path) -> int:
    log = store.with_name(f"{store.name}-wal")
    return max(path.stat().st_mtime_ns for path in (store, log) if path.exists())


def open_view(store: Path, environ: Mapping[str, str] = os.environ) -> Reader:
    """A store to read. One of an older schema is brought up to date first, where nobody records into it."""
    try:
        return Reader(store, SystemClock(), cache_dir(environ))
    except StoreOlderError:
        bring_up_to_date(store)
        return Reader(store, SystemClock(), cache_dir(environ))


def bring_up_to_date(store: Path) -> None:
    """Migrate a store that no recorder holds; a copy of it is kept beside it."""
    held = holder(store)
    if held is not None:
        raise StoreError(f"recorder {held.version} (pid {held.pid}) is older", "wsmon stop, then wsmon")
    from wsmon.store.database import open_for_writing  # only for this rare case

    info = LockInfo(os.getpid(), wsmon.__version__, SCHEMA_VERSION, PROTOCOL, "migration", str(store), "", 0, "")
    with StoreLock(store, info):
        open_for_writing(store).close()
