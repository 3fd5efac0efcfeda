"""Block: plain text messages that one read of a socket brought, as columns; the form in which most messages travel.

A message is plain where it needs no event of its own: received whole, in one frame, short enough to be kept whole,
with nothing to mask, and of its protocol only a type, a topic and an id. What is stored of a block is what would be
stored of its messages as single events (``events``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from wsmon.model.events import Event, Source

# Messages of a block: a few milliseconds of the writer's time, so that none holds up a batch
MOST_MESSAGES = 512


class PlainColumns(NamedTuple):
    """What a protocol read of plain messages, an item for each in each column; empty where a message has none.

    All stand in the messages as they are, so no text has a lone surrogate.
    """

    types: Sequence[str]
    topics: Sequence[str]
    refs: Sequence[str]


class PlainReading(NamedTuple):
    """What a protocol read of several messages at once."""

    columns: PlainColumns
    """Of all messages; what it has of those that are not plain means nothing."""
    others: Sequence[int] = ()
    """Which are not plain, ascending: these are to be read one by one."""


class Block(msgspec.Struct, gc=False, frozen=True):
    """Adjacent messages of one source, received at the same time, in their order."""

    source: Source
    ts_ns: int
    mono_ns: int
    sizes: Sequence[int]
    """Bytes of each message."""
    wire_sizes: Sequence[int]
    """Bytes of each on the wire."""
    texts: Sequence[str]
    """The payloads; empty where none is kept."""
    columns: PlainColumns | None = None
    """None where no protocol is read."""
    duration_ns: int | None = None
    """The time to read one of them in its protocol, on average; None where none is read."""

    @property
    def name(self) -> Literal["message.received"]:
        """The name of its events."""
        return "message.received"

    @property
    def count(self) -> int:
        """How many messages it has."""
        return len(self.sizes)

    @property
    def size(self) -> int:
        """Bytes of all messages."""
        return sum(self.sizes)

    def event(self, at: int) -> Event:
        """Return a message as an event; ``at`` may count from the end, as in a sequence."""
        columns = self.columns
        return Event(
            self.source,
            "message.received",
            self.ts_ns,
            self.mono_ns,
            "in",
            "text",
            self.sizes[at],
            self.wire_sizes[at],
            self.texts[at].encode() if self.texts else None,
            type=columns.types[at] if columns else "",
            topic=columns.topics[at] if columns else "",
            ref=columns.refs[at] if columns else "",
            duration_ns=self.duration_ns,
        )

    def events(self) -> Iterator[Event]:
        """Yield its messages as events."""
        return map(self.event, range(len(self.sizes)))


# What was committed: the (first) id, the event or block, the id of its source
Committed: TypeAlias = tuple[int, Event | Block, int]


def end_of(committed: Committed) -> int:
    """Return the id after those of a committed event or block."""
    first_id, event, _ = committed
    return first_id + (event.count if isinstance(event, Block) else 1)


def count_events(emitted: Iterable[Event | Block]) -> int:
    """Return how many events these are."""
    return sum(each.count if isinstance(each, Block) else 1 for each in emitted)
