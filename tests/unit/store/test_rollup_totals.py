"""Totals since the recorder began: exact, bounded, of whole seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import MONO_0_NS, at_ns, dialled, event, loss, message, pong, refused, source, usable
from tests.support.stores import Recording, spec
from wsmon.bus import EventDelivery
from wsmon.model.block import Block, PlainColumns
from wsmon.model.events import Event, EventName, Source
from wsmon.model.metrics import ConnectionTotals, DistributionPoint, NumberPoint, TypedValues, connection_families, cut
from wsmon.model.profiles import PROFILES
from wsmon.store.bucket import KEY_CHARS, Bucket
from wsmon.store.journal import bucket_of
from wsmon.store.rollup import STAY_S, Totals
from wsmon.store.schema import LEVELS, METRICS, MOST_KEYS, OTHER
from wsmon.store.sessions import SourceStream

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


def test_messages_are_measured_by_type_and_way(run: Recording) -> None:
    run.commit(
        message("12345", type="trade", duration_ns=100), message("123", type="trade"), message("1"),
        message("1234", type="book", duration_ns=70), message("12", direction="out", type="trade", duration_ns=9),
        now_s=2.0,
    )  # fmt: skip
    found = totals(run)
    assert found.typed == {
        "received": {"trade": TypedValues(2, 8), "book": TypedValues(1, 4)},
        "decode": {"trade": TypedValues(1, 100), "book": TypedValues(1, 70)},
        "sent": {"trade": TypedValues(1, 2)},
        "encode": {"trade": TypedValues(1, 9)},
    }
    assert found.keyed == {"type": {"trade": 3, "book": 1}}
    assert (found.counters["messages_in"], found.counters["bytes_in"], found.distributions["decode"].count) == (
        4,
        13,
        2,
    )


@pytest.mark.parametrize("texts", [("abc", "abcde"), ()], ids=["kept", "without payloads"])
def test_messages_of_blocks_are_measured_as_single_ones_are(run: Recording, texts: tuple[str, ...]) -> None:
    columns = PlainColumns(("trade", ""), ("", ""), ("", ""))
    plain = Block(source(FEED), at_ns(0.1), MONO_0_NS, (3, 5), (5, 7), texts, columns, 40)
    unread = Block(source(FEED), at_ns(0.2), MONO_0_NS, (9,), (11,), ("abcdefghi",))
    run.commit(unread, plain, unread, message("12", 0.3, type="trade", duration_ns=2), now_s=2.0)
    found = totals(run)
    assert found.typed == {"received": {"trade": TypedValues(2, 5)}, "decode": {"trade": TypedValues(2, 42)}}
    assert (found.counters["messages_in"], found.counters["bytes_in"]) == (5, 28)
    decode = found.distributions["decode"]
    assert (decode.count, decode.sum) == (3, 82)


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a", "b"]), st.integers(0, 9), st.none() | st.integers(0, 9), st.booleans()),
        max_size=40,
    )
)
def test_what_is_measured_by_type_adds_up_to_the_whole(told: list[tuple[str, int, int | None, bool]]) -> None:
    parts = []
    for batch in (told[::2], told[1::2]):
        stream = SourceStream(1, Source(FEED), None, PROFILES["detailed"])
        for kind, size, took_ns, is_received in batch:
            (stream.received if is_received else stream.sent).append(size)
            stream.note_reading(message("", type=kind, duration_ns=took_ns, direction="in" if is_received else "out"))
        parts.append(stream.take(0, 1))
    expected: dict[tuple[str, str], list[int]] = {}
    for kind, size, took_ns, is_received in told:
        for measure, value in (
            ((("received", "decode"), ("sent", "encode"))[not is_received][0], size),
            ((("received", "decode"), ("sent", "encode"))[not is_received][1], took_ns),
        ):
            if kind and value is not None:
                sums = expected.setdefault((measure, kind), [0, 0])
                sums[:] = sums[0] + 1, sums[1] + value
    bucket = bucket_of(parts)
    assert bucket.typed == expected
    counted = Counter(kind for kind, *_ in told if kind)
    assert {key: n for (_, key), n in bucket.dims.items()} == counted
    timed = sum(took_ns is not None for *_, took_ns, _ in told)
    assert (
        sum(count for count, *_ in (bucket.sums.get(METRICS[name], (0, 0, 0)) for name in ("decode", "encode")))
        == timed
    )


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
        bucket.count_monitored("message.decode.started", f"type-{number}", 2)
        bucket.measure_typed("received", f"type-{number}", (2, 10))
        recorded.add(1, bucket)
    total = recorded._totals[1]
    assert len(total.keyed["message.decode.started"]) == len(total.typed["received"]) == MOST_KEYS + 1
    assert (total.keyed["message.decode.started"][OTHER], total.typed["received"][OTHER]) == (6, [6, 30])
    assert total.folded == {"message.decode.started": 6, "received_type": 6}


def test_a_long_key_is_cut() -> None:
    recorded, bucket = Totals(), Bucket()
    bucket.count_monitored("message.decode.started", "x" * 10_000)
    bucket.measure_typed("process", "x" * 10_000, (1, 5, 0, 1))
    recorded.add(1, bucket)
    assert recorded._totals[1].keyed["message.decode.started"] == {"x" * KEY_CHARS: 1}
    assert recorded._totals[1].typed["process"] == {"x" * KEY_CHARS: [1, 5, 0, 1]}


def test_a_second_full_of_new_types_stays_bounded() -> None:
    bucket = Bucket()
    for number in range(10_000):
        bucket.count_monitored("message.decode.started", f"type-{number}")
        bucket.measure_typed("sent", f"type-{number}", (1, 7))
    assert len(bucket.monitored) < 1_000
    assert sum(bucket.monitored.values()) == 10_000
    assert len(bucket.typed) < 1_000
    assert (sum(count for count, _ in bucket.typed.values()), sum(size for _, size in bucket.typed.values())) == (
        10_000,
        70_000,
    )


def test_steps_of_messages_are_counted_by_type_and_measured(run: Recording) -> None:
    steps = {
        "message.decode.started": None,
        "message.decode.completed": 2_000_000,
        "message.process.started": None,
        "message.process.completed": 5_000_000,
    }
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
    assert spread == DistributionPoint((("client_id", FEED), ("type", "trade")), 1, 0.002)
    (times,) = families["wsmon.message.process.completed.duration"].points
    assert isinstance(times, DistributionPoint)
    # A value counts below the bound that it equals
    assert (times.labels, times.count, times.sum, times.counts) == (
        spread.labels, 1, 0.005, (0, 1, 0, 0, 0, 0, 0, 0, 0),
    )  # fmt: skip


def report(run: Recording, now_s: float, *events: Event) -> None:
    """What applications report, and what of it is over."""
    run.fold.admit(EventDelivery(events, at_ns(now_s), 0), at_ns(now_s))
    run.commit(*events, now_s=now_s)
    run.commit(now_s=now_s + 1)


def names(run: Recording) -> list[str]:
    return [one.name for one in run.fold.totals.read()]


def test_connections_of_applications_stand_behind_the_configured_ones(run: Recording) -> None:
    report(run, 1.0, event("trace.request.start", 1.0, "shop"), message("hi", 1.1, "worker"))
    assert names(run) == [FEED, "deribit", "shop", "worker"]
    assert [totals(run, name).status for name in (FEED, "shop", "worker")] == ["initialized", "", ""]
    assert totals(run, "worker").counters["messages_in"] == 1
    report(run, 3.0, dialled(3.0, "shop"))
    assert totals(run, "shop").status == "connecting"


def test_an_application_that_ended_long_ago_leaves_and_goes_on_counting_when_it_returns(run: Recording) -> None:
    report(run, 1.0, message("hi", 1.1, "shop"), dialled(1.2, "open"), message("ho", 1.3, "lost"), dialled(1.4, "lost"))
    report(run, 2.0, loss(2.0, "lost"))
    run.commit(now_s=STAY_S)
    assert names(run) == [FEED, "deribit", "shop", "open", "lost"]
    run.commit(now_s=STAY_S + 5)
    # One that is about to open stays, however long nothing was heard of it
    assert names(run) == [FEED, "deribit", "open"]
    report(run, STAY_S + 10, message("again", STAY_S + 10, "shop"))
    assert names(run) == [FEED, "deribit", "shop", "open"]
    assert totals(run, "shop").counters["messages_in"] == 2


def test_applications_have_so_many_places_and_keep_them(run: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsmon.store.rollup.MOST_APPLICATIONS", 2)
    report(run, 1.0, dialled(1.0, "a"), message("", 1.1, "b"), message("", 1.2, "c"))
    assert (names(run)[2:], run.fold.totals.left_out) == (["a", "b"], 1)
    report(run, 10.0, message("", 10.0, "c"))
    assert (names(run)[2:], run.fold.totals.left_out) == (["a", "b"], 1)
    # The place of b is free; a is not over, but silent
    run.commit(now_s=STAY_S + 5)
    assert (names(run)[2:], run.fold.totals.left_out) == (["a", "c"], 0)
    report(run, STAY_S + 20, message("", STAY_S + 20, "b"), message("", STAY_S + 20, "c"))
    assert (names(run)[2:], run.fold.totals.left_out) == (["b", "c"], 1)


def test_an_application_in_the_configuration_is_no_application(run: Recording) -> None:
    report(run, 1.0, event("trace.log", 1.0, "shop"))
    run.fold.configure([spec("shop")], 0)
    run.commit(now_s=4.0)
    assert [(one.name, one.status) for one in run.fold.totals.read()] == [("shop", "initialized")]
