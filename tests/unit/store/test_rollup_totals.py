"""Totals since the recorder began: exact, bounded, of whole seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
import pytest

from tests.support.builders import dialled, event, loss, message, pong, refused, usable
from tests.support.stores import Recording, spec
from wsmon.model.events import EventName
from wsmon.model.metrics import ConnectionTotals, DistributionPoint, NumberPoint, connection_families, cut
from wsmon.store.bucket import KEY_CHARS, Bucket
from wsmon.store.rollup import Totals
from wsmon.store.schema import LEVELS, MOST_KEYS, OTHER

FEED = "binance-spot"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Recording]:
    recording = Recording(tmp_path / "store.db")
    recording.fold.configure([spec(FEED), spec("deribit")], 0)
    yield recording
    recording.end()


def totals(run: Recording, name: str = FEED) -> ConnectionTotals:
    return next(one for one in run.fold.totals.read() if one.name == name)


def test_a_second_counts_when_it_is_over(run: Recording) -> None:
    run.commit(message(after_s=0.1), message(after_s=0.2), now_s=0.3)
    assert totals(run).counters.get("messages_in", 0) == 0
    run.commit(now_s=1.0)
    assert totals(run).counters["messages_in"] == 2
    run.commit(message(after_s=0.9), now_s=1.1)  # late: its second is over
    assert totals(run).counters["messages_in"] == 3


def test_what_an_earlier_recorder_counted_is_not_in_it(tmp_path: Path) -> None:
    first = Recording(tmp_path / "store.db")
    first.fold.configure([spec(FEED)], 0)
    first.commit(message(after_s=0.1), now_s=0.2)
    first.end()
    second = Recording(tmp_path / "store.db", after_s=0.5)
    second.fold.configure([spec(FEED)], 0)
    second.commit(message(after_s=0.6), now_s=2.0)
    assert totals(second).counters["messages_in"] == 1
    assert second.rows("SELECT level, sum(messages_in) FROM rollup GROUP BY level") == [(level, 2) for level in LEVELS]
    second.end()


def test_types_are_told_apart_by_way(run: Recording) -> None:
    run.commit(
        message(type="trade"), message(type="trade"), message(direction="out", type="trade"),
        now_s=2.0,
    )  # fmt: skip
    keyed = totals(run).keyed
    assert (keyed["received_type"], keyed["sent_type"], keyed["type"]) == ({"trade": 2}, {"trade": 1}, {"trade": 3})


def test_a_connections_life(run: Recording) -> None:
    run.commit(
        dialled(0.0), usable(0.1, took_ms=11.0), pong(0.2, rtt_ms=5.0), loss(0.3, FEED, code=1006),
        event("auth.failed", 0.4, FEED, error_type="auth"), event("subscription.lost", 0.5, FEED, topic="book"),
        refused(0.6, "deribit"), now_s=2.0,
    )  # fmt: skip
    feed = totals(run)
    assert (feed.status, feed.counters["attempts"], feed.counters["opens"], feed.counters["losses"]) == (
        "disconnected", 1, 1, 1,
    )  # fmt: skip
    assert feed.keyed["auth.failed"] == {"": 1}
    assert feed.keyed["subscription.lost"] == {"book": 1}
    assert feed.keyed["close_code"] == {"1006": 1}
    connect, rtt = feed.distributions["connect"], feed.distributions["rtt"]
    assert (connect.count, connect.sum, cut("connect", connect.counts, connect.above)) == (
        1, 11_000_000, (0, 1, 0, 0, 0, 0),
    )  # fmt: skip
    assert cut("rtt", rtt.counts, rtt.above) == (0, 1, 0, 0, 0, 0, 0, 0, 0)
    assert totals(run, "deribit").counters["failures"] == 1


def test_connections_no_longer_configured_are_told_no_more(run: Recording) -> None:
    run.commit(message(), now_s=1.0)
    run.fold.configure([spec("deribit")], 0)
    run.commit(now_s=2.0)
    assert [one.name for one in run.fold.totals.read()] == ["deribit"]


def test_keys_past_the_hundredth_are_other_and_that_is_said() -> None:
    recorded = Totals()
    for number in range(MOST_KEYS + 3):
        bucket = Bucket()
        bucket.count_monitored("received_type", f"type-{number}", 2)
        recorded.add(1, bucket)
    total = recorded._totals[1]
    assert len(total.keyed["received_type"]) == MOST_KEYS + 1
    assert (total.keyed["received_type"][OTHER], total.folded) == (6, {"received_type": 6})


def test_a_long_key_is_cut() -> None:
    recorded, bucket = Totals(), Bucket()
    bucket.count_monitored("received_type", "x" * 10_000)
    recorded.add(1, bucket)
    assert recorded._totals[1].keyed["received_type"] == {"x" * KEY_CHARS: 1}


def test_a_second_full_of_new_types_stays_bounded() -> None:
    bucket = Bucket()
    for number in range(10_000):
        bucket.count_monitored("received_type", f"type-{number}")
    assert len(bucket.monitored) < 1_000
    assert sum(bucket.monitored.values()) == 10_000


def test_steps_of_messages_are_counted_by_type_and_measured(run: Recording) -> None:
    steps = {"message.decode.started": None, "message.decode.completed": 2_000_000, "message.process.started": None}
    run.commit(
        *(
            msgspec.structs.replace(
                message(after_s=0.1), name=cast(EventName, name), type="trade", duration_ns=ns, payload=None, size=0
            )
            for name, ns in steps.items()
        ),
        now_s=0.3,
    )
    run.commit(now_s=1.0)
    found = totals(run)
    assert {name: found.keyed[name] for name in steps} == {name: {"trade": 1} for name in steps}
    families = {family.name: family for family in connection_families((found,))}
    (point,) = families["wsmon.message.decode.started"].points
    assert point == NumberPoint((("client_id", FEED), ("type", "trade")), 1)
    (spread,) = families["wsmon.message.decode.completed.duration"].points
    assert spread == DistributionPoint((("client_id", FEED),), 1, 0.002)
