"""What all imports share: faults, ids derived from the file, and the events of a session's beginning."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from wsmon.model.events import Event, Json, Source
from wsmon.model.statuses import Status

# The monotonic time of the first event, in files without monotonic times
MONO_START_NS = 1_000_000_000
# Two bytes
MAX_CLOSE_CODE = 2**16 - 1
# As in a configuration
_NAME_CHARACTERS = 64
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")

# What a fault is about; the plural is for a count of several
Part = Literal["line", "entry", "message"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A part of a file that cannot be read, or only in part."""

    line: int
    """Number of the line, or of the entry of an archive, counted from 1; 0 = the file as a whole."""
    problem: str
    part: Part = "line"
    lost: int = 1
    """Lines, entries or messages that are left out; 0 = something was guessed, nothing is left out."""


Incoming: TypeAlias = "Event | Fault"
# A line without its end, or the reason why it cannot be read
Line: TypeAlias = "bytes | Fault"


def connection_name(text: str, default: str) -> str:
    """Return a name that a configuration would accept, made of a name in a file; ``default`` where nothing is left."""
    return _NOT_IN_A_NAME.sub("-", text).strip("-.")[:_NAME_CHARACTERS] or default


def derived(size: int, *parts: str | int) -> str:
    """Return an id of ``size`` bytes in hex, a digest of ``parts``: the same each time the file is read."""
    return hashlib.blake2b(" ".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


def session_source(connection: str, *parts: str | int) -> Source:
    """Return the source of a session that has no ids in the file."""
    return Source(connection, "", derived(16, connection), derived(8, connection, *parts), 1)


def opening(
    source: Source, ts_ns: int, meta: dict[str, Json], was: Status, duration_ns: int = 0
) -> tuple[Event, Event]:
    """Return the events of a dial and its success; ``ts_ns`` is the time of the success, ``was`` the status before."""
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
    """Give events ids, and monotonic times that follow their wall times but stand still where those go back."""
    last_id = mono_ns = 0
    zero_ns: int | None = None
    for one in incoming:
        if isinstance(one, Fault):
            yield one
            continue
        if zero_ns is None:
            zero_ns = one.ts_ns - MONO_START_NS
        mono_ns = max(mono_ns, one.ts_ns - zero_ns)
        last_id += 1
        yield msgspec.structs.replace(one, id=last_id, mono_ns=mono_ns)
