"""A store of the events that match, for as long as a command reads it: what is counted there is counted of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from wsmon.cli.interruption import tidy_end
from wsmon.cli.priority import low_priority
from wsmon.cli.progress import clear_line, progress_line
from wsmon.cli.reading import noted
from wsmon.clock import SystemClock
from wsmon.export.run import ExportRequest, run_export
from wsmon.query.ast import Query
from wsmon.store.reader import Reader


@contextmanager
def matching_store(view: Reader, query: Query, since_ns: int | None, until_ns: int | None) -> Iterator[Reader]:
    """Copy what matches into a temporary file, and open that; how far it is stands on the terminal meanwhile."""
    with tidy_end(), TemporaryDirectory(prefix="wsmon-") as folder:
        path = Path(folder) / "store.db"
        try:
            with low_priority():
                request = ExportRequest("sqlite", path, noted(query, view), since_ns, until_ns)
                run_export(request, view, progress_line(is_quiet=False))
        finally:
            clear_line()
        reader = Reader(path, SystemClock())
        try:
            yield reader
        finally:
            reader.close()
