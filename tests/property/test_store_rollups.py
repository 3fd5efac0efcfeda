"""Rollups against a recount of the events they stand for, over crashes and clocks that step."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import SECOND_NS, event, loss, message, pong
from tests.support.stores import Recording, stored, stored_events
from tests.support.thoroughness import times
from wsmon.model.events import Event
from wsmon.model.histogram import bucket_index
from wsmon.store import rollup
from wsmon.store.codec import unpack
from wsmon.store.rollup import AT_ONCE
from wsmon.store.schema import DIMENSIONS, LEVELS, METRICS

AFTER_S = st.floats(0, 200)
CONNECTIONS = st.sampled_from(["a", "b", "c"])
EVENTS = st.one_of(
    st.builds(lambda size, at, name: message("x" * size, at, name), st.integers(0, 300), AFTER_S, CONNECTIONS),
    st.builds(lambda at, name: message(b"\xff", at, name, direction="out", type="t"), AFTER_S, CONNECTIONS),
    st.builds(pong, AFTER_S, CONNECTIONS, st.integers(1, 500)),
    st.builds(lambda at, name, code: loss(at, name, code=code), AFTER_S, CONNECTIONS, st.sampled_from([1000, 1006])),
    st.builds(lambda at, name: event("error.occurred", at, name, error_type="dns"), AFTER_S, CONNECTIONS),
)
# Events, the time of their commit, and whether the recorder dies after it
BATCHES = st.lists(st.tuples(st.lists(EVENTS, max_size=8), AFTER_S, st.booleans()), max_size=8)


@settings(max_examples=times(30))
@given(BATCHES, st.sampled_from([AT_ONCE, 1, 0]))
def test_every_level_is_a_recount_of_the_events(batches: Sequence[tuple[list[Event], float, bool]], few: int) -> None:
    # With fewer connections at once than there are, messages come through the journal
    with tempfile.TemporaryDirectory() as folder, patch.object(rollup, "AT_ONCE", few):
        path = Path(folder) / "store.db"
        recording = Recording(path)
        for events, now_s, dies in batches:
            recording.commit(*events, now_s=now_s)
            if dies:
                recording.cut_off()
                recording = Recording(path)
        recording.commit(now_s=300)  # every second is over
        recording.commit(now_s=400)
        recording.cut_off()
        check(path)


def check(path: Path) -> None:
    counts: Counter[tuple[object, ...]] = Counter()
    dims: Counter[tuple[object, ...]] = Counter()
    hists: Counter[tuple[object, ...]] = Counter()
    for each in stored_events(path):
        for level in LEVELS:
            second = each.ts_ns // SECOND_NS
            key = (level, second - second % level, each.source.connection)
            counts[(*key, "events")] += 1
            if each.name == "message.received":
                counts[(*key, "messages_in")] += 1
                counts[(*key, "bytes_in")] += each.size or 0
            if each.name.startswith("message"):
                hists[(*key, METRICS["size"], bucket_index(each.size or 0))] += 1
            if each.type:
                dims[(*key, DIMENSIONS["type"], each.type)] += 1
            if each.name == "heartbeat.responded" and each.duration_ns is not None:
                counts[(*key, "pongs")] += 1
                hists[(*key, METRICS["rtt"], bucket_index(each.duration_ns))] += 1
            if each.error_type:
                counts[(*key, "errors")] += 1
                dims[(*key, DIMENSIONS["error_type"], each.error_type)] += 1
            if each.close_code is not None:
                counts[(*key, "losses")] += 1
                dims[(*key, DIMENSIONS["close_code"], str(each.close_code))] += 1
    counted = found(path, "rollup_dim", "dimension, key, n")
    # What becomes of an error follows from what comes later: all levels have the same, and each error once at most
    outcomes = {key: counted.pop(key) for key in tuple(counted) if key[3] == DIMENSIONS["error_outcome"]}
    totals = {level: sum(n for key, n in outcomes.items() if key[0] == level) for level in LEVELS}
    assert len(set(totals.values())) == 1
    assert totals[1] <= sum(n for key, n in counts.items() if key[0] == 1 and key[-1] == "errors")
    assert counted == +dims
    assert histograms(path) == +hists
    for counter in ("events", "messages_in", "bytes_in", "pongs", "errors", "losses"):
        expected = {key: n for key, n in counts.items() if key[-1] == counter and n}
        assert +found(path, "rollup", f"'{counter}', {counter}") == expected


def histograms(path: Path) -> Counter[tuple[object, ...]]:
    """Counts by level, bucket, connection, metric and index."""
    rows = stored(
        path, "SELECT level, bucket, name, metric, hist FROM rollup_metric JOIN connection ON id = connection"
    )
    return Counter(
        {(*key, place): n for *key, packed in rows if isinstance(packed, bytes) for place, n in unpack(packed).items()}
    )


def found(path: Path, table: str, columns: str) -> Counter[tuple[object, ...]]:
    """Counts by level, bucket, connection and key, as the store holds them."""
    rows = stored(path, f"SELECT level, bucket, name, {columns} FROM {table} JOIN connection ON id = connection")
    return Counter({tuple(key): n for *key, n in rows if isinstance(n, int)})
