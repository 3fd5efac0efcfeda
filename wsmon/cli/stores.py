"""Stores and recorders that a command line names: find them, open them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import wsmon
from wsmon.cli.params import Request
from wsmon.cli.terminal import say
from wsmon.clock import SystemClock
from wsmon.config.locate import cache_dir, runtime_dirs, state_dir
from wsmon.control.lock import LockInfo, StoreLock, holder
from wsmon.control.messages import PROTOCOL, Hello
from wsmon.control.registry import known_stores, running
from wsmon.errors import StoreError, StoreOlderError, UsageError, WsmonError
from wsmon.ports import StoreView
from wsmon.query.ast import Query
from wsmon.query.notes import asks_notes, with_notes
from wsmon.store.notes import NotesFile, notes_path
from wsmon.store.reader import Reader
from wsmon.store.schema import SCHEMA_VERSION

# The name of the store in a folder of its own.
STORE_NAME = "store.db"


def find_store(argument: str | os.PathLike[str] | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the store that an argument names: a store, its folder or its configuration; the newest one for None."""
    if argument is None:
        return _newest(environ)
    path = Path(argument)
    if path.suffix == ".toml":
        # What reads configurations takes as long to import as the rest of this module.
        from wsmon.cli.targets import resolve

        path = resolve(Request((str(path),)), environ).store
    elif path.is_dir():
        path = path / STORE_NAME
    if not path.exists():
        raise UsageError(
            f"there is no store at {path}", "`wsmon ps` lists recorders; without a name the newest is taken"
        )
    return Path(os.path.realpath(path))


def find_recorder(argument: str | os.PathLike[str] | None, environ: Mapping[str, str] = os.environ) -> LockInfo:
    """Return the recorder of a store, or the newest one that runs; raises ``WsmonError`` where there is none."""
    if argument is not None:
        store = find_store(argument, environ)
        # The lock beside the store counts: the registry may be that of another login session.
        held = holder(store)
        if held is None:
            raise WsmonError(f"no recorder runs on {store}", f"`wsmon open {store}` shows what it recorded")
        return held
    alive = recorders(environ)
    if not alive:
        raise WsmonError("no recorder runs", "`wsmon` starts one; `wsmon open` shows what was recorded")
    return alive[-1]


def recorders(environ: Mapping[str, str]) -> tuple[LockInfo, ...]:
    """Return the recorders of this user that run now, oldest first; raises ``WsmonError`` for a foreign folder."""
    found = {info for folder in runtime_dirs(environ, os.geteuid()) for info in running(folder)}
    return tuple(sorted(found, key=lambda info: info.started_ns))


def _newest(environ: Mapping[str, str]) -> Path:
    folder = state_dir(environ)
    found = {*folder.glob(f"*/{STORE_NAME}"), *filter(Path.exists, _registered(environ))}
    if not found:
        raise UsageError("nothing has been recorded yet", "`wsmon demo` shows wsmon at work; --store names a store")
    return max(found, key=_last_written_ns)


def _registered(environ: Mapping[str, str]) -> Iterator[Path]:
    for folder in runtime_dirs(environ, os.geteuid()):
        yield from known_stores(folder)


def _last_written_ns(store: Path) -> int:
    log = store.with_name(f"{store.name}-wal")
    return max(path.stat().st_mtime_ns for path in (store, log) if path.exists())


def open_view(store: Path, environ: Mapping[str, str] = os.environ) -> Reader:
    """Open a store to read; one of an older schema is migrated first, unless a recorder holds it."""
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
    # The writing side takes time to import, and this case is rare.
    from wsmon.store.database import open_for_writing

    info = LockInfo(os.getpid(), wsmon.__version__, SCHEMA_VERSION, PROTOCOL, "migration", str(store), "", 0, "")
    with StoreLock(store, info):
        open_for_writing(store).close()


@contextmanager
def reading(store: str | None, environ: Mapping[str, str] = os.environ) -> Iterator[Reader]:
    """Open the store that an option names, or the newest one; its notice goes to stderr."""
    reader = open_view(find_store(store, environ), environ)
    try:
        if reader.notice:
            say(f"wsmon: {reader.notice}")
        yield reader
    finally:
        reader.close()


def noted(query: Query, view: Reader, environ: Mapping[str, str] = os.environ) -> Query:
    """Return the query with its terms on notes answered; raises ``StoreError`` where the notes cannot be read."""
    if not asks_notes(query):
        return query
    notes = NotesFile(notes_path(view.path, state_dir(environ), view.store_id), view.store_id)
    return with_notes(query, notes.read().bookmarks)


def ids_of_period(view: StoreView, since_ns: int | None, until_ns: int | None) -> tuple[int, int]:
    """Return the closed range of the ids of a period; empty (first > last) where nothing happened."""
    bounds = view.bounds()
    first_id = max(1, bounds.oldest_id) if since_ns is None else view.id_at(since_ns)
    last_id = bounds.last_id if until_ns is None else view.id_at(until_ns) - 1
    return first_id, last_id


def greeting(last_id: int = 0) -> Hello:
    """Return the hello that a viewer begins a control connection with."""
    return Hello(PROTOCOL, wsmon.__version__, SCHEMA_VERSION, run=0, pid=os.getpid(), last_id=last_id)
