"""Make a store of recorded events, for excerpts and imports: they keep their ids and runs, and are counted anew.

They go through the recorder's own fold, so that statistics, sessions and incidents are those of a recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import wsmon
from wsmon.errors import StoreError
from wsmon.model.events import Event, Source
from wsmon.model.units import SECOND_NS
from wsmon.store.codec import NO_STATUS, STATUS_CODES
from wsmon.store.copying import CONNECTION_COLUMNS, RUN_COLUMNS, UNKNOWN, StoreOrigin
from wsmon.store.database import RunStart, mark_cut_off, open_for_writing
from wsmon.store.fold import Fold
from wsmon.store.schema import META_EXCERPT, META_OLDEST_ID
from wsmon.store.search.skip_index import SearchIndexer
from wsmon.store.transactions import transaction
from wsmon.store.validation import BAD_VALUES

_SET_RUN = f"UPDATE run SET {', '.join(f'{column} = ?' for column in RUN_COLUMNS)} WHERE id = ?"
_SET_CONNECTION = f"UPDATE connection SET {', '.join(f'{column} = ?' for column in CONNECTION_COLUMNS)} WHERE name = ?"
_SHOW = """
UPDATE connection SET configured = 1, position = id, spec = json_set(spec, '$.group', ?, '$.url', ?) WHERE name = ?
"""
# For a run that ends with its last event: a period does not include its end
_SET_END = "UPDATE run SET ended_ns = ended_ns + 1 WHERE id = ?"
# A file with other events alone: what became of the connection is not in it
_UNSET_STATUS = f"""
UPDATE connection SET status = {NO_STATUS} WHERE status = {STATUS_CODES["initialized"]}
AND NOT EXISTS (SELECT 1 FROM transition WHERE transition.connection = connection.id)
"""
# What is open in a run that the origin knows as ended, as ``Database.end_run`` does
_END_SESSIONS = """
UPDATE session SET end = 'abrupt', ended_ns = max(started_ns, (SELECT ended_ns FROM run WHERE run.id = session.run))
WHERE end IS NULL AND run IN (SELECT id FROM run WHERE ended_ns IS NOT NULL)
"""
_END_INCIDENTS = """
UPDATE incident SET closed_ns = max(opened_ns, (SELECT max(ended_ns) FROM run)) WHERE closed_ns IS NULL
"""
_SET_EXCERPT = "INSERT INTO meta (key, value) VALUES (?, (SELECT count(*) FROM event))"
_SET_OLDEST = "UPDATE meta SET value = (SELECT coalesce(min(id), 0) FROM event) WHERE key = ?"


class Replay:
    """A store that is being filled with events; their ids and runs must ascend."""

    def __init__(self, path: Path, origin: StoreOrigin = UNKNOWN) -> None:
        """``path`` is an empty file, or does not exist; raises ``StoreError`` where no store can be made."""
        self._database = open_for_writing(path)
        self._origin = origin
        self._fold: Fold | None = None
        self._last: Event | None = None
        # Runs whose events do not include their end
        self._unended: set[int] = set()
        # Group and URL of each connection, read from its events
        self._facts: dict[str, tuple[str, str]] = {}

    @property
    def last_id(self) -> int:
        """The newest id written."""
        return 0 if self._last is None else self._last.id

    def write(self, events: Sequence[Event]) -> None:
        """Commit events."""
        for run, of_run in groupby(events, key=lambda event: event.source.run):
            some = tuple(of_run)
            if self._fold is None or run != self._database.run:
                self._begin(run, some[0])
            assert self._fold is not None
            self._fold_with_ids(self._fold, some)
            self._fold.roll(some[-1].ts_ns // SECOND_NS)
            self._commit(self._fold)
            self._last = some[-1]

    def finish(self) -> None:
        """End what is open, write what the origin knows, build the search index, and close the store."""
        self._end_run()
        connection = self._database.connection
        with transaction(connection, self._database.path):
            connection.executemany(_SHOW, [(group, url, name) for name, (group, url) in self._facts.items()])
            connection.execute(_UNSET_STATUS)
            connection.executemany(_SET_RUN, [(*row, run) for run, row in self._origin.runs.items()])
            connection.executemany(_SET_CONNECTION, [(*row, name) for name, row in self._origin.connections.items()])
            connection.execute(_SET_OLDEST, (META_OLDEST_ID,))
            connection.execute(_SET_EXCERPT, (META_EXCERPT,))
            mark_cut_off(connection)
            connection.execute(_END_SESSIONS)
            connection.execute(_END_INCIDENTS)
            connection.executemany(_SET_END, [(run,) for run in self._unended - self._origin.runs.keys()])
        self._index()
        self._database.close()

    def _index(self) -> None:
        """Index all events: no recorder will do it later."""
        SearchIndexer(self._database.connection, self._database.path).index(self._database.last_id, lambda: False)

    def abandon(self) -> None:
        """Close a store that is not completed."""
        self._database.connection.close()

    def _begin(self, run: int, first: Event) -> None:
        self._end_run()
        self._database.begin_run(RunStart(first.ts_ns, first.mono_ns, 0, wsmon.__version__, ""), run)
        self._fold = Fold(self._database.connection, run, self._database.last_id, (), keeps_all=True)

    def _end_run(self) -> None:
        """End the run: cleanly where its last event is ``self.run.ended``, else as one that was cut off."""
        if self._last is not None and self._last.name == "self.run.ended":
            self._database.end_run(self._last.ts_ns)
        elif self._last is not None:
            self._unended.add(self._database.run)

    def _fold_with_ids(self, fold: Fold, events: tuple[Event, ...]) -> None:
        """Fold events range by range, each without a hole in its ids: the fold assigns ids by counting up."""
        first = 0
        for place, event in enumerate(events):
            self._note(event.source, event)
            if place and event.id != events[place - 1].id + 1:
                self._fold_range(fold, events[first:place])
                first = place
        self._fold_range(fold, events[first:])

    def _fold_range(self, fold: Fold, events: tuple[Event, ...]) -> None:
        assert events[0].id > fold.assigned_id, "ids must ascend"
        fold.assigned_id = events[0].id - 1
        fold.fold(events)

    def _note(self, source: Source, event: Event) -> None:
        if source.connection and (source.connection not in self._facts or event.name == "connection.started"):
            url = (event.meta or {}).get("url")
            self._facts[source.connection] = (source.group, url if isinstance(url, str) else "")

    def _commit(self, fold: Fold) -> None:
        with transaction(self._database.connection, self._database.path):
            fold.write()
        fold.committed()


@contextmanager
def replaying(path: Path, origin: StoreOrigin = UNKNOWN) -> Iterator[Replay]:
    """A store to fill in the block, complete at its end; the file is unusable where the block fails.

    Raises ``StoreError`` for events with counts that no recorder writes: they are read back from the new store.
    """
    replay = Replay(path, origin)
    try:
        yield replay
        replay.finish()
    except BAD_VALUES as error:
        replay.abandon()
        raise StoreError(f"the events contain an invalid value ({error})", "no store was created") from error
    except BaseException:
        replay.abandon()
        raise
