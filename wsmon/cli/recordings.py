"""Several recordings read as one: their names, chosen on the command line, and views of all of them.

Each has a name, ``eu`` in ``eu=a.db``; without one, that of its configuration, folder or file. Names are different.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wsmon.cli.known_recordings import KnownRecording, choose_store, split_argument
from wsmon.cli.stores import noted, notes_of, open_view, reading, say_bundle
from wsmon.cli.terminal import home_path, say
from wsmon.errors import UsageError
from wsmon.query.ast import Query
from wsmon.query.notes import asks_notes, with_notes

# A command that reads one recording loads none of this
if TYPE_CHECKING:
    from wsmon.model.events import Event
    from wsmon.store.merged.notes import MergedNotes
    from wsmon.store.merged.view import MergedView
    from wsmon.store.notes import NotesFile
    from wsmon.store.reader import Reader

# A name is as that of a connection, of which it becomes a part: it can be typed in a query
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_CHARS = 64


@dataclass(frozen=True, slots=True)
class NamedRecording:
    """One of several recordings."""

    name: str
    recording: KnownRecording


class Recordings:
    """Several recordings, and one order of their events."""

    def __init__(self, chosen: Sequence[NamedRecording]) -> None:
        from wsmon.store.merged.order import MergedOrder

        self.chosen = tuple(chosen)
        self._order = MergedOrder([each.name for each in chosen])

    @property
    def sentence(self) -> str:
        """What the user reads about them: which name means which store."""
        return ", ".join(f"{each.name}: {home_path(each.recording.store)}" for each in self.chosen)

    def view(self, environ: Mapping[str, str] = os.environ) -> MergedView:
        """Open all of them, for the thread that calls."""
        from wsmon.store.merged.view import MergedView

        with ExitStack() as opened_ones:
            readers = [
                (each.name, opened_ones.enter_context(closing(open_view(each.recording.store, environ))))
                for each in self.chosen
            ]
            view = MergedView(self._order, readers)
            # The view closes them from now on
            opened_ones.pop_all()
        return view

    def notes(self, environ: Mapping[str, str] = os.environ) -> MergedNotes:
        """Return the notes of all of them."""
        from wsmon.store.merged.notes import MergedNotes

        files: list[NotesFile] = []
        for each in self.chosen:
            with closing(open_view(each.recording.store, environ)) as view:
                files.append(notes_of(view, environ))
        return MergedNotes(files, lambda: self.view(environ))

    def noted(self, query: Query, environ: Mapping[str, str] = os.environ) -> Query:
        """Return the query with its terms on notes answered."""
        return with_notes(query, self.notes(environ).read().bookmarks) if asks_notes(query) else query


def choose_recordings(arguments: Sequence[str], environ: Mapping[str, str]) -> Recordings:
    """Return the recordings that arguments name, each a recording or NAME=RECORDING.

    Raises ``UsageError`` where one is not found, or given twice, and where two have a name that was given.
    """
    from wsmon.store.merged.order import MOST_RECORDINGS

    if len(arguments) > MOST_RECORDINGS:
        raise UsageError(f"{len(arguments)} recordings are too many", f"at most {MOST_RECORDINGS}")
    found: list[NamedRecording] = []
    given: dict[str, Path] = {}
    for argument in arguments:
        name, rest = split_argument(argument)
        recording = choose_store(rest, environ).recording
        twice = next((each for each in found if each.recording.store == recording.store), None)
        if twice is not None:
            raise UsageError(f"{home_path(recording.store)} is given twice", "name each recording once")
        if name and name in given:
            raise UsageError(f"two recordings are named {name}", "give each a name of its own: NAME=RECORDING")
        if name:
            given[name] = recording.store
        found.append(NamedRecording(name, recording))
    taken = set(given)
    named: list[NamedRecording] = []
    for each in found:
        name = each.name or _unused(_NOT_IN_A_NAME.sub("-", each.recording.name)[:_NAME_CHARS] or "recording", taken)
        taken.add(name)
        named.append(NamedRecording(name, each.recording))
    return Recordings(named)


class OpenRecordings(NamedTuple):
    """What a command reads: one recording or several."""

    view: Reader | MergedView
    query: Query
    """With its terms on notes answered."""
    own_event: Callable[[Event], Event] | None = None
    """Returns an event as its recording has it; None = there is one recording."""


@contextmanager
def opened(stores: tuple[str, ...], query: Query, *, remark: str = "") -> Iterator[OpenRecordings]:
    """Open the recordings that options mean; which they are, ``remark`` and their notices go to stderr."""
    if len(stores) > 1:
        with reading_all(stores, remark=remark) as (recordings, view):
            yield OpenRecordings(view, recordings.noted(query), view.own_event)
        return
    with reading(split_argument(stores[0])[1] if stores else None, remark=remark) as reader:
        yield OpenRecordings(reader, noted(query, reader))


@contextmanager
def reading_all(
    arguments: Sequence[str], environ: Mapping[str, str] = os.environ, *, remark: str = ""
) -> Iterator[tuple[Recordings, MergedView]]:
    """Open several recordings; their names, ``remark`` and their notices go to stderr."""
    recordings = choose_recordings(arguments, environ)
    view = recordings.view(environ)
    try:
        say("; ".join(filter(None, (f"wsmon: {recordings.sentence}", remark))))
        for notice in view.notices:
            say(f"wsmon: {notice}")
        for each in recordings.chosen:
            with closing(open_view(each.recording.store, environ)) as reader:
                say_bundle(reader)
        yield recordings, view
    finally:
        view.close()


def _unused(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found
