"""Messages on their way into the rollups, which the store keeps in its journal meanwhile.

With a thousand connections nearly every message of a batch is of another one: rows of the rollups that were written
with each commit would be more than rows of messages. So the sizes, types and durations of messages are collected, and
become rows of the rollups once a second. Every commit has what it brought in one row of the table ``journal``, which is
removed with the commit of the rollups: a recorder that was cut off loses no count.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, Final, TypeVar

import msgspec

from wsmon.model.histogram import bucket_index
from wsmon.model.metrics import TypedMeasure
from wsmon.store.bucket import BYTES_IN, BYTES_OUT, EVENTS, MESSAGES_IN, MESSAGES_OUT, WIRE_IN, WIRE_OUT, Bucket
from wsmon.store.schema import METRICS
from wsmon.store.validation import Count, Id, Ns, Second, checked

_SIZE, _LATENCY = METRICS["size"], METRICS["latency"]
_DECODE, _ENCODE = METRICS["decode"], METRICS["encode"]
# From so many values on, a Counter takes less time than a loop
_MANY = 16
_Value = TypeVar("_Value", int, str)
# In place of a time that was not measured
UNTIMED: Final = -1
_Duration = Annotated[int, msgspec.Meta(ge=UNTIMED)]


class MessageTraffic(msgspec.Struct, array_like=True, gc=False):
    """Messages of one connection in one second, as far as rollups need them; field by field as the journal has them.

    Tuples of numbers and texts cost the garbage collector nothing once it has seen them, lists do.
    """

    second: Second
    connection: Id
    rows: Count
    """How many are rows of the event table."""
    received: tuple[Count, ...]
    """Uncompressed sizes."""
    sent: tuple[Count, ...]
    received_wire: Count
    """Bytes as transferred."""
    sent_wire: Count
    types_in: tuple[str, ...]
    """Of each message received, empty where the protocol knows none; none at all where it knows none of any."""
    types_out: tuple[str, ...]
    decoded: tuple[_Duration, ...]
    """Nanoseconds that the protocol took for each, or ``UNTIMED``; none at all where none was timed."""
    encoded: tuple[_Duration, ...]
    latencies: tuple[Count, ...]
    """Nanoseconds beyond the fastest message, where messages carry the time at which they were sent."""
    heard_ns: Ns = 0
    """Wall time of the newest received; 0 where none was, or where a recorder of before this field wrote it."""


def bucket_of(parts: Sequence[MessageTraffic]) -> Bucket:
    """Count messages, all of one connection and one second."""
    bucket = Bucket()
    counters = bucket.counters
    # Field by field: every connection of many has a handful of parts a second
    columns: tuple[tuple[Any, ...], ...] = tuple(zip(*map(msgspec.structs.astuple, parts), strict=True))
    rows, all_received, all_sent, received_wire, sent_wire = columns[2:7]
    types_in, types_out, decoded, encoded, latencies = columns[7:12]
    counters[EVENTS], counters[WIRE_IN], counters[WIRE_OUT] = sum(rows), sum(received_wire), sum(sent_wire)
    received, sent = _joined(all_received), _joined(all_sent)
    counters[MESSAGES_IN], counters[MESSAGES_OUT] = len(received), len(sent)
    counters[BYTES_IN], counters[BYTES_OUT] = sum(received), sum(sent)
    if received or sent:
        _measure(bucket, _SIZE, received + sent)
    for metric, column in ((_DECODE, decoded), (_ENCODE, encoded), (_LATENCY, latencies)):
        if any(column):
            values = _joined(column)
            if UNTIMED in values:
                values = tuple(value for value in values if value != UNTIMED)
            _measure(bucket, metric, values)
    if any(types_in):
        _count_types(bucket, "received", "decode", types_in, all_received, decoded)
    if any(types_out):
        _count_types(bucket, "sent", "encode", types_out, all_sent, encoded)
    return bucket


def _count_types(
    bucket: Bucket,
    way: TypedMeasure,
    step: TypedMeasure,
    types: tuple[tuple[str, ...], ...],
    sizes: tuple[tuple[int, ...], ...],
    durations: tuple[tuple[int, ...], ...],
) -> None:
    """Count messages of one direction by their types, and add up their sizes and the times of a step."""
    if not all(types):
        types = _filled(types, sizes, "")
    kinds = _joined(types)
    counts = tallied(kinds)
    sums = _sums(kinds, counts, _joined(sizes))
    timed: Mapping[str, int] = {}
    took: Mapping[str, int] = {}
    if any(durations):
        timed = counts
        if not all(durations):
            durations = _filled(durations, sizes, UNTIMED)
        times = _joined(durations)
        if UNTIMED in times:
            timed = tallied([kind for kind, time_ns in zip(kinds, times, strict=False) if time_ns != UNTIMED])
            times = tuple(0 if time_ns == UNTIMED else time_ns for time_ns in times)
        took = _sums(kinds, counts, times)
    counts.pop("", None)
    bucket.count_types(counts)
    for kind, count in counts.items():
        bucket.measure_typed(way, kind, (count, sums[kind]))
        if kind in timed:
            bucket.measure_typed(step, kind, (timed[kind], took[kind]))


def _sums(kinds: Sequence[str], counts: Mapping[str, int], values: Sequence[int]) -> Mapping[str, int]:
    """Add values up by their types; ``counts`` has each type."""
    # Many connections have one type of message
    if len(counts) == 1:
        return {kinds[0]: sum(values)}
    sums = dict.fromkeys(counts, 0)
    for kind, value in zip(kinds, values, strict=False):
        sums[kind] += value
    return sums


def _filled(
    columns: tuple[tuple[_Value, ...], ...], sizes: tuple[tuple[int, ...], ...], nothing: _Value
) -> tuple[tuple[_Value, ...], ...]:
    """Give columns that have no values one for each message."""
    return tuple(column or (nothing,) * len(of) for column, of in zip(columns, sizes, strict=True))


def tallied(values: Sequence[_Value]) -> dict[_Value, int]:
    """Count equal values."""
    if len(values) >= _MANY:
        return Counter(values)
    counts: dict[_Value, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _joined(parts: tuple[tuple[_Value, ...], ...]) -> tuple[_Value, ...]:
    return parts[0] if len(parts) == 1 else tuple(chain.from_iterable(parts))


def _measure(bucket: Bucket, metric: int, values: tuple[int, ...]) -> None:
    """Add the values of a metric to a bucket that has none of it."""
    if len(values) < _MANY:
        counts = tallied(tuple(map(bucket_index, values)))
    else:
        counts = {}
        for value, count in tallied(values).items():
            place = bucket_index(value)
            counts[place] = counts.get(place, 0) + count
    bucket.hists[metric] = counts
    bucket.sums[metric] = (len(values), sum(values), max(values))
    bucket.changed_metrics.add(metric)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[MessageTraffic]).decode
_READ = "SELECT messages FROM journal ORDER BY id"
# A commit that is repeated after an error may be in the store already
_ADD = "INSERT OR REPLACE INTO journal (id, messages) VALUES (?, ?)"
_CLEAR = "DELETE FROM journal"
_HAS_ROWS = "SELECT EXISTS (SELECT 1 FROM journal)"


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether no recorder was cut off while messages were in the journal."""
    return not connection.execute(_HAS_ROWS).fetchone()[0]


class Journal:
    """What was collected since the rollups were written last, and which of it the table ``journal`` holds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # Oldest first
        self._collected: list[MessageTraffic] = []
        self._keys: set[tuple[int, int]] = set()
        # How many of them are committed
        self._journaled = 0
        # Rows of the table hold what is in the rollups by now, and go with the next commit
        self._is_outdated = False
        self._next_id = 1
        # Since the last commit, and taken
        self._taken: list[MessageTraffic] = []

    @property
    def buckets(self) -> int:
        """How many buckets of the rollups change by what was collected."""
        return len(self._keys)

    @property
    def has_changed(self) -> bool:
        """Whether there is something to write."""
        return self._is_outdated or len(self._collected) > self._journaled

    def add(self, traffic: MessageTraffic) -> None:
        """Collect messages."""
        self._collected.append(traffic)
        self._keys.add((traffic.second, traffic.connection))

    def load(self) -> Sequence[MessageTraffic]:
        """Collect what an earlier recorder journaled, and return it, oldest first."""
        for (messages,) in checked(self._connection.execute(_READ), tuple[bytes]):
            for traffic in _decode(messages):
                self.add(traffic)
        self._journaled = len(self._collected)
        return self._collected

    def take(self) -> dict[tuple[int, int], list[MessageTraffic]]:
        """Hand over what was collected, by second and connection: from the next commit on it is in the rollups."""
        groups: dict[tuple[int, int], list[MessageTraffic]] = {}
        for traffic in self._collected:
            groups.setdefault((traffic.second, traffic.connection), []).append(traffic)
        self._taken += self._collected[self._journaled :]
        self._is_outdated = self._is_outdated or self._journaled > 0
        self._collected.clear()
        self._keys.clear()
        self._journaled = 0
        return groups

    def move_to(self, connection: sqlite3.Connection) -> list[MessageTraffic]:
        """Journal in an empty store from now on; return what was taken and is not committed."""
        self._connection = connection
        self._is_outdated = False
        taken, self._taken = self._taken, []
        return taken

    def write(self) -> None:
        """Write what was collected since the last commit; it stays marked until ``committed``."""
        if self._is_outdated:
            self._connection.execute(_CLEAR)
        new = self._collected[self._journaled :]
        if new:
            self._connection.execute(_ADD, (self._next_id, _encode(new)))

    def committed(self) -> None:
        """Take note that everything collected is in the store."""
        self._next_id += 1
        self._journaled = len(self._collected)
        self._is_outdated = False
        self._taken.clear()
