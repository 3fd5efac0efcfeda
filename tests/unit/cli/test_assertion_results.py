"""Results of assertions on recordings: what holds, what fails, and what cannot be judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import T0_NS, at_ns, dialled, event, loss, message, ping, pong, usable
from tests.support.recordings import Recording, recorded
from wsmon.cli import assertion_results
from wsmon.cli.assertion_results import AssertionResult, Scope, judge_all
from wsmon.clock import SystemClock
from wsmon.errors import UsageError
from wsmon.model.events import Event, EventName, Meta
from wsmon.query.assertions import parse_assertion
from wsmon.query.parser import ReferenceTime
from wsmon.store.reader import Reader
from wsmon.store.schema import META_OLDEST_ID

NOW = ReferenceTime(T0_NS)
TRADE, BOOK = '{"symbol":"%s","n":%d}', '{"symbol":"%s","book":%d}'


@pytest.fixture
def view(tmp_path: Path) -> Iterator[Reader]:
    events = [
        dialled(0, "orders"),
        event("connection.open", 0.1, "orders", from_status="connecting", to_status="connected"),
        usable(0.2, "orders"),
        *(message(TRADE % ("BTC", n), 1 + n / 10, "orders", type="trade", duration_ns=5) for n in range(30)),
        *(message(BOOK % ("ETH", n), 5 + n / 10, "orders", type="book") for n in range(3)),
        message('{"symbol":{"of":1}}', 9, "orders", type="book"),
        *(each for n in range(25) for each in (ping(10 + n, "orders"), pong(10.1 + n, "orders", rtt_ms=10 + n))),
        loss(100, "orders", code=1008),
    ]
    path = recorded(tmp_path / "store.db", events, "orders", "silent", end_s=120)
    reader = Reader(path, SystemClock())
    yield reader
    reader.close()


def result(view: Reader, text: str, scope: Scope = Scope()) -> AssertionResult:  # noqa: B008 (frozen)
    (found,) = judge_all(view, [parse_assertion(text, NOW)], scope)
    return found


def groups(found: AssertionResult) -> dict[str, tuple[bool | None, float | None]]:
    return {group.group: (group.ok, group.value) for group in found.groups}


@pytest.mark.parametrize(
    ("text", "ok", "value"),
    [
        ("no is:gap", True, 0),
        ("no code:1008", False, 1),
        ("no code:1008 until:-1s", None, None),
        ("count(type:trade) > 29", True, 30),
        ("count(type:trade) < 30", False, 30),
        ("max(size) < 1kb", True, 25),
        ("max(lat) < 34ms", False, 212),
        ("p50(lat) < 24ms", True, pytest.approx(22, rel=0.02)),
        ("p99(lat) < 1s", None, pytest.approx(212, rel=0.02)),
        ("p50(latency) < 1s", None, None),
    ],
)
def test_an_assertion_without_groups_has_one_result(
    view: Reader, text: str, ok: bool | None, value: float | None
) -> None:
    found = result(view, text)
    assert (found.ok, found.groups[0].value if found.groups else None) == (ok, value)


def test_lat_is_what_a_search_by_duration_ranks(view: Reader) -> None:
    """The duration of a message is how long reading it took, that of a loss how long it was open."""
    (*_, top) = view.top(parse_assertion("no lat:*", NOW).subject.query, "duration", 1_000)  # type: ignore[union-attr]
    assert (result(view, "max(lat) < 1s").groups[0].samples, len(top.ids)) == (26, 26)


def test_a_figure_of_connections_is_judged_for_each_of_them(view: Reader) -> None:
    found = result(view, "availability > 80%")
    assert {name: ok for name, (ok, _) in groups(found).items()} == {"orders": True, "silent": None}
    assert found.ok is None
    assert groups(result(view, "p95(rtt_ms) < 1s", Scope("orders")))["orders"][0] is True


def test_too_few_samples_say_how_many_there_are_and_are_needed(view: Reader) -> None:
    rate = result(view, "connection_success_rate > 99%", Scope("orders")).groups[0]
    assert (rate.ok, rate.value, rate.samples, rate.needed, rate.why) == (None, 1.0, 1, 10, "too few samples")
    p99 = result(view, "p99(lat) < 1s").groups[0]
    assert (p99.ok, p99.samples, p99.needed, p99.why) == (None, 26, 100, "too few samples")
    stalled = result(view, "stalled_share < 1%", Scope("orders")).groups[0]
    assert (stalled.ok, stalled.samples, stalled.why) == (None, None, "no data is expected: expect_every is not set")


def alerts(name: EventName, number: int, **fields: Any) -> list[Event]:
    meta: Meta = {"way": "command", "connections": {"orders": 1}}
    return [event(name, 50 + n, connection="", meta=meta, **fields) for n in range(number)]


@pytest.mark.parametrize(
    ("delivered", "failed", "text", "expected"),
    [
        (3, 0, "error_to_alert_ms < 5s", (True, 200.0, "")),
        # It has no target in this profile
        (3, 0, "error_to_alert_ms < 100ms", (False, 200.0, "")),
        (2, 0, "error_to_alert_ms < 5s", (None, 200.0, "too few samples")),
        (0, 0, "error_to_alert_ms < 5s", (None, None, "no alert was sent by alerts.command or alerts.webhook")),
        (3, 1, "error_to_alert_ms < 5s", (False, 200.0, "1 alert was not delivered")),
        (0, 3, "error_to_alert_ms <= 5s", (False, None, "3 alerts were not delivered")),
        (3, 1, "error_to_alert_ms > 1s", (None, 200.0, "1 alert was not delivered")),
        (0, 1, "error_to_alert_ms < 5s", (None, None, "1 alert was not delivered")),
        (0, 0, "throughput_per_s > 0.1", (True, 10 / 60, "")),
        (0, 0, "throughput_per_s > 0.2", (False, 10 / 60, "")),
        (0, 0, "error_recovery_rate > 1%", (None, None, "no error occurred whose outcome is known")),
    ],
)
def test_alerts_throughput_and_recovery_are_never_passed_for_want_of_knowledge(
    tmp_path: Path, delivered: int, failed: int, text: str, expected: tuple[bool | None, float | None, str]
) -> None:
    events = [dialled(0, "orders"), usable(0, "orders"), *(message("x", n, "orders") for n in range(10))]
    told = alerts("self.alert.delivered", delivered, duration_ns=200 * 10**6) + alerts("self.alert.failed", failed)
    reader = Reader(recorded(tmp_path / "store.db", [*events, *told], "orders"), SystemClock())
    (found,) = result(reader, text).groups
    reader.close()
    assert (found.ok, found.why) == (expected[0], expected[2])
    assert found.value == pytest.approx(expected[1])


def test_groups_are_the_values_of_the_period_also_without_a_match(view: Reader) -> None:
    by_path = result(view, "count(type:trade) > 0 by $.symbol")
    assert (by_path.ok, groups(by_path)) == (False, {"BTC": (True, 30), "ETH": (False, 0)})
    by_connection = result(view, "count(kind:message) > 0 by connection")
    assert groups(by_connection) == {"orders": (True, 34), "silent": (False, 0)}
    assert groups(result(view, "max(size) < 24 by type")) == {"book": (False, 25), "trade": (True, 23)}


def test_where_no_event_has_the_value_nothing_is_judged(view: Reader) -> None:
    found = result(view, "count(type:trade) > 0 by $.nowhere")
    assert (found.ok, found.groups, found.why) == (None, (), "no event of the period has $.nowhere")


def test_so_many_groups_that_memory_would_not_be_bounded_are_not_judged(
    view: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assertion_results, "MOST_GROUPS", 10)
    found = result(view, "count(type:trade) > 0 by $.n")
    assert (found.ok, found.why) == (None, "$.n has more than 10 values")
    assert result(view, "max(size) > 0 by $.n").why == "$.n has more than 10 values"


@pytest.mark.parametrize("text", ["no is:gap", "count(x) = 0", "count(x) = 0 by type", "max(size) < 3"])
def test_a_period_without_a_recorder_is_not_judged(view: Reader, text: str) -> None:
    found = result(view, text, Scope(None, at_ns(3_600), at_ns(7_200)))
    assert (found.ok, found.why) == (None, "nothing was recorded in the period")


def test_silence_while_a_recorder_ran_is_judged(view: Reader) -> None:
    assert result(view, "no is:gap", Scope(None, at_ns(105), at_ns(115))).ok is True


def test_an_unknown_connection_is_refused_with_the_nearest_name(view: Reader) -> None:
    for text in ("availability > 1%", "no is:gap", "max(size) > 1"):
        with pytest.raises(UsageError, match="did you mean 'orders'"):
            result(view, text, Scope("order"))


def test_a_period_of_the_query_and_of_the_options_are_both_kept(view: Reader) -> None:
    assert groups(result(view, "count(type:trade) > 0", Scope("orders", at_ns(1), at_ns(2)))) == {"": (True, 10)}
    assert groups(result(view, "count(type:trade) > 0", Scope("silent"))) == {"": (False, 0)}


def test_events_kept_no_longer_leave_open_what_they_could_change(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "pruned.db", "orders")
    recording.write([message("x", n, "orders", type="trade") for n in range(100)])
    recording.execute("DELETE FROM event WHERE id <= 50")
    recording.execute("UPDATE meta SET value = 51 WHERE key = ?", META_OLDEST_ID)
    recording.end(120)
    reader = Reader(tmp_path / "pruned.db", SystemClock())
    scope = Scope(None, at_ns(0), None)
    try:
        found = {text: result(reader, text, scope).groups[0] for text in OF_PRUNED}
    finally:
        reader.close()
    assert {text: group.ok for text, group in found.items()} == OF_PRUNED
    assert found["no type:book"].why == "not all events of the period are in the store"


def test_messages_that_could_not_be_stored_leave_open_what_they_could_change(tmp_path: Path) -> None:
    shed = event("self.shed", 5, "orders", meta={"name": "message.received", "events": 3, "size_bytes": 30})
    path = recorded(tmp_path / "shed.db", [message("x", 1, "orders"), shed], "orders")
    reader = Reader(path, SystemClock())
    try:
        has_shed = reader.statistics(None, None).connections[0].shed_messages
        found = result(reader, "no type:book").groups[0]
    finally:
        reader.close()
    assert (has_shed, found.ok, found.why) == (3, None, "not all events of the period are in the store")


def test_long_values_that_begin_alike_are_groups_of_their_own(tmp_path: Path) -> None:
    texts = ["x" * 300 + end for end in "abb"]
    events = [message(f'{{"key":"{text}"}}', n, "orders") for n, text in enumerate(texts)]
    reader = Reader(recorded(tmp_path / "long.db", events, "orders"), SystemClock())
    try:
        found = groups(result(reader, "count() > 1 by $.key"))
    finally:
        reader.close()
    assert (sorted(found.values()), {name[:201] for name in found}) == ([(False, 1), (True, 2)], {"x" * 200 + "…"})


OF_PRUNED = {
    "no type:book": None,
    "no type:trade": False,
    "max(size) < 1": False,
    "max(size) >= 1": True,
    "max(size) < 100": None,
    "max(size) > 100": None,
    "max(size) != 0": True,
    "max(size) = 1": None,
    "count(type:trade) > 10": True,
    "count(type:trade) > 60": None,
    "count(type:trade) < 60": None,
    "count(type:trade) < 10": False,
    "max(size) < 10": None,
}


def test_the_statistics_of_a_period_are_computed_once_for_all_assertions(
    view: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    periods: list[tuple[object, ...]] = []
    statistics = view.statistics

    def counted(*arguments: Any, **options: Any) -> Any:
        periods.append(arguments[:2])
        return statistics(*arguments, **options)

    monkeypatch.setattr(view, "statistics", counted)
    texts = ("availability >= 0", "p50(rtt_ms) < 1s", "count(type:trade) > 0", "no code:1008", "max(size) < 1kb")
    found = judge_all(view, [parse_assertion(text, NOW) for text in texts], Scope())
    assert [each.assertion.text for each in found] == list(texts)
    assert periods == [(None, None)]
