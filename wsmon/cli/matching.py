"""Statistics of the events that match, counted in a temporary store of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from wsmon.cli.interruption import tidy_end
from wsmon.cli.process import low_priority
from wsmon.cli.progress import clear_line, progress_line
from wsmon.cli.reading import noted
from wsmon.clock import SystemClock
from wsmon.export.run import ExportRequest, run_export
from wsmon.model.statistics import Statistics
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.store.reader import Reader

COUNTED = (
    *("messages", "bytes", "wire_bytes", "message_size", "message_types", "last_message_ns", "failed_messages"),
    *("rtt_ms", "process_ms", "decode_ms", "encode_ms", "feed_latency_ms", "feed_latency_uncertainty_ms"),
    *("heartbeats", "errors", "close_codes", "incidents"),
)
# fields of a connection's statistics that are about events; the others are about its life


def statistics_of_matches(
    view: Reader, kept: Statistics, query: Query, since_ns: int | None, until_ns: int | None, *, has_types: bool
) -> Statistics:
    """Of each connection of ``kept`` with matches in the period: what is counted of these, and its life as it was.

    Key figures are about whole connections; there are none.
    """
    asked = FieldTerm("connection", tuple(Exact(each.name) for each in kept.connections))
    if not asked.items:
        return kept
    with _matching_store(view, query.also(Query((asked,))), since_ns, until_ns) as store:
        matches = {each.name: each for each in store.statistics(since_ns, until_ns, has_types=has_types).connections}
    connections = tuple(
        replace(each, kpis=(), **{name: getattr(matches[each.name], name) for name in COUNTED})
        for each in kept.connections
        if each.name in matches
    )
    return replace(kept, connections=connections)


@contextmanager
def _matching_store(view: Reader, query: Query, since_ns: int | None, until_ns: int | None) -> Iterator[Reader]:
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
