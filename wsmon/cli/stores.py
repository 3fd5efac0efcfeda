"""Stores to read: opened, brought up to date, and their notes and periods."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import wsmon
from wsmon.cli.known_recordings import choose_store
from wsmon.cli.terminal import say
from wsmon.clock import SystemClock
from wsmon.config.locate import cache_dir, state_dir
from wsmon.control.lock import LockInfo, StoreLock, holder
from wsmon.control.messages import PROTOCOL, Hello
from wsmon.errors import StoreError, StoreOlderError
from wsmon.model.bundle import Bundle
from wsmon.ports import StoreView
from wsmon.query.ast import Query
from wsmon.query.notes import asks_notes, with_notes
from wsmon.store.notes import NotesFile, notes_path
from wsmon.store.reader import Reader
from wsmon.store.schema import SCHEMA_VERSION


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
        raise StoreError(
            f"the running recorder (pid {held.pid}) is an older version, {held.version}",
            "restart it: `wsmon stop`, then `wsmon`",
        )
    # The writing side takes time to import, and this case is rare.
    from wsmon.store.database import open_for_writing

    info = LockInfo(os.getpid(), wsmon.__version__, SCHEMA_VERSION, PROTOCOL, "migration", str(store), "", 0, "")
    with StoreLock(store, info):
        open_for_writing(store).close()


@contextmanager
def reading(argument: str | None, environ: Mapping[str, str] = os.environ, *, remark: str = "") -> Iterator[Reader]:
    """Open the recording that an option means; which one that is, ``remark`` and its notice go to stderr."""
    choice = choose_store(argument, environ)
    reader = open_view(choice.recording.store, environ)
    try:
        for said in ("; ".join(filter(None, (choice.sentence, remark))), *notices_of(reader)):
            if said:
                say(f"wsmon: {said}")
        yield reader
    finally:
        reader.close()


def notices_of(reader: Reader) -> Iterator[str]:
    """Yield what the user must know of an opened recording: its notice, and whether it is a bundle that was altered."""
    if reader.notice:
        yield reader.notice
    if (found := reader.bundle()) is not None:
        yield found.notice


def say_bundle(reader: Reader) -> Bundle | None:
    """Name a bundle on stderr, and whether its file was altered, and return it; None for other recordings."""
    if (found := reader.bundle()) is not None:
        say(f"wsmon: {found.notice}")
    return found


def noted(query: Query, view: Reader, environ: Mapping[str, str] = os.environ) -> Query:
    """Return the query with its terms on notes answered; raises ``StoreError`` where the notes cannot be read."""
    if not asks_notes(query):
        return query
    return with_notes(query, notes_of(view, environ).read().bookmarks)


def notes_of(view: Reader, environ: Mapping[str, str] = os.environ) -> NotesFile:
    """Return the notes of a store."""
    return NotesFile(notes_path(view.path, state_dir(environ), view.store_id, is_bundle=view.is_bundle), view.store_id)


def ids_of_period(view: StoreView, since_ns: int | None, until_ns: int | None) -> tuple[int, int]:
    """Return the closed range of the ids of a period; empty (first > last) where nothing happened."""
    bounds = view.bounds()
    first_id = max(1, bounds.oldest_id) if since_ns is None else view.id_at(since_ns)
    last_id = bounds.last_id if until_ns is None else view.id_at(until_ns) - 1
    return first_id, last_id


def greeting(last_id: int = 0) -> Hello:
    """Return the hello that a viewer begins a control connection with."""
    return Hello(PROTOCOL, wsmon.__version__, SCHEMA_VERSION, run=0, pid=os.getpid(), last_id=last_id)
