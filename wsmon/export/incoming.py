"""What an import reads: events, or what is wrong with a line; and sessions of which only the messages are known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

from wsmon.model.events import Event, Json, Source
from wsmon.model.statuses import Status

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONO_START_NS = 1_000_000_000
# the monotonic time of the first event of a file that has none of its own


@dataclass(frozen=True, slots=True)
class Fault:
    """A line, or an entry of an archive, that is no event."""

    line: int
    # counted from 1
    problem: str


Incoming: TypeAlias = "Event | Fault"


def wall_ns(text: str) -> int:
    """A time of RFC 3339 in nanoseconds; UTC where it has no zone. Raises ``ValueError``."""
    at = datetime.fromisoformat(text)
    since = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)) - EPOCH
    return since // timedelta(microseconds=1) * 1_000


def derived(size: int, *parts: str | int) -> str:
    """An id in hex that is the same each time the file is read."""
    return hashlib.blake2b(" ".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


def session_source(connection: str, *parts: str | int) -> Source:
    """The source of a session that has no ids."""
    return Source(connection, "", derived(16, connection), derived(8, connection, *parts), 1)


def opening(
    source: Source, ts_ns: int, meta: dict[str, Json], was: Status, duration_ns: int = 0
) -> tuple[Event, Event]:
    """The beginning of a session of which only the result is known; ``ts_ns`` is when it was usable."""
    start_ns = ts_ns - duration_ns
    first: dict[str, Json] = {key: value for key, value in meta.items() if key == "url"}
    started = Event(
        source, "connection.started", start_ns, 0, from_status=was, to_status="connecting", meta={"attempt": 1, **first}
    )
    done = Event(
        source, "connection.completed", ts_ns, 0, from_status="connecting", to_status="websocket_connected",
        status=101, duration_ns=duration_ns or None, meta={key: value for key, value in meta.items() if key != "url"},
    )  # fmt: skip
    return started, done


def in_order(incoming: Iterable[Incoming]) -> Iterator[Incoming]:
    """Give ids and monotonic times to events that have none; a wall clock that went back does not move the other."""
    last_id = mono_ns = zero_ns = 0
    for one in incoming:
        if isinstance(one, Fault):
            yield one
            continue
        zero_ns = zero_ns or one.ts_ns - MONO_START_NS
        mono_ns = max(mono_ns, one.ts_ns - zero_ns)
        last_id += 1
        yield msgspec.structs.replace(one, id=last_id, mono_ns=mono_ns)
