"""What the commands that read a store have in common: opening it, and the ids of a period."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click

from wsmon.cli.stores import find_store, open_view
from wsmon.config.locate import state_dir
from wsmon.ports import StoreView
from wsmon.query.ast import Query
from wsmon.query.notes import asks_notes, with_notes
from wsmon.store.notes import NotesFile, notes_path
from wsmon.store.reader import Reader


@contextmanager
def reading(store: str | None, environ: Mapping[str, str] = os.environ) -> Iterator[Reader]:
    """The store that an option names, or the newest one; what is special about it is said on stderr."""
    reader = open_view(find_store(store, environ), environ)
    try:
        if reader.notice:
            click.echo(f"wsmon: {reader.notice}", err=True)
        yield reader
    finally:
        reader.close()


def noted(query: Query, view: Reader, environ: Mapping[str, str] = os.environ) -> Query:
    """The query with its terms on notes answered; raises ``StoreError`` where it asks them and they cannot be read."""
    if not asks_notes(query):
        return query
    notes = NotesFile(notes_path(view.path, state_dir(environ), view.store_id), view.store_id)
    return with_notes(query, notes.read().bookmarks)


def ids_of_period(view: StoreView, since_ns: int | None, until_ns: int | None) -> tuple[int, int]:
    """The closed range of the ids of a period; empty (first > last) where nothing happened."""
    bounds = view.bounds()
    first_id = max(1, bounds.oldest_id) if since_ns is None else view.id_at(since_ns)
    last_id = bounds.last_id if until_ns is None else view.id_at(until_ns) - 1
    return first_id, last_id
