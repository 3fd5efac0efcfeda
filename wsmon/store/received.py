"""Received messages of one connection as rows: id, both clocks, run, how they were kept, and payload.

For comparisons, which read millions of them: an ``Event`` costs several times as much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, TypeAlias

from msgspec import Meta

from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query
from wsmon.store.codec import FLAG_REDACTED, FLAG_TRUNCATED
from wsmon.store.pages import Pages
from wsmon.store.validation import Id, Ns

# Id, wall time, monotonic time, run, how it was kept (the bits below), and payload (None: it was not kept)
ReceivedRow: TypeAlias = tuple[int, int, int, int, int, bytes | None]
CUT, MASKED, PIECE = FLAG_TRUNCATED, FLAG_REDACTED, 256
"""The payload is cut; parts of it are masked; it is a piece of a message that goes on in the next frame."""

# The recorder writes the metadata without blanks, and quotes within texts escaped
_COLUMNS = f"""
id, ts_ns, mono_ns, source,
(flags & {CUT | MASKED}) | (CASE WHEN meta IS NOT NULL AND instr(meta, '"partial":true') THEN {PIECE} ELSE 0 END),
CAST(payload AS BLOB)
"""
_ROW = tuple[Id, Ns, Ns, Id, Annotated[int, Meta(ge=0, le=CUT | MASKED | PIECE)], bytes | None]
_RECEIVED = FieldTerm("name", (Exact("message.received"),))


def received_query(query: Query, connection: str) -> Query:
    """Return the query for the received messages of a connection that match."""
    return query.also(Query((FieldTerm("connection", (Exact(connection),)), _RECEIVED)))


def received(pages: Pages, query: Query, connection: str, first_id: int, last_id: int) -> Iterator[list[ReceivedRow]]:
    """Read matching messages in a closed range of ids, oldest first, in pieces, which may be empty."""
    for rows in pages.rows(query, first_id, last_id, _COLUMNS, _ROW):
        sources = pages.sources({row[3] for row in rows})
        # A query does not tell names apart that differ in case alone
        runs = {number: source.run for number, source in sources.items() if source.connection == connection}
        yield [
            (event_id, ts_ns, mono_ns, runs[source], kept, payload)
            for event_id, ts_ns, mono_ns, source, kept, payload in rows
            if source in runs
        ]


def count_received(pages: Pages, connection: str, first_id: int, last_id: int) -> int:
    """Count the messages received on a connection in a closed range of ids."""
    counts: Counter[int] = Counter()
    for rows in pages.rows(received_query(EVERYTHING, connection), first_id, last_id, "source", tuple[Id]):
        counts.update(source for (source,) in rows)
    sources = pages.sources(set(counts))
    return sum(count for number, count in counts.items() if sources[number].connection == connection)
