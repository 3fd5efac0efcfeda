"""Bursts of errors, slow peers, and message types that are new or missed.

Durations in sentences are within 1.1 % of what was measured, as all percentiles are.
"""

from __future__ import annotations

import pytest

from tests.support.builders import SECOND_NS, event, loss, usable
from tests.support.detectors import NAME, DetectorHarness, fact, incident_reasons, milliseconds
from wsmon.model.detectors.base import Expectation
from wsmon.model.detectors.traffic import HALVED_AT, MAX_TYPES, Baseline, ErrorsDetector, SlowDetector, TypesDetector
from wsmon.model.histogram import bucket_index


def test_ten_errors_in_ten_seconds_are_a_burst() -> None:
    harness = DetectorHarness(ErrorsDetector())
    for after_s in range(9):
        harness.traffic(after_s, errors=1, error_types={"decode": 1}, messages=9, problem_id=40 + after_s)
        assert harness.check(after_s) == ()
    harness.traffic(9, errors=1, error_types={"protocol": 1}, messages=9, problem_id=49)
    (opened,) = harness.check(9)
    assert (opened.reason, fact(opened, "evidence"), fact(opened, "types")) == (
        "10 errors in 10 s (mostly decode), out of 90 messages",
        [49],
        {"decode": 9, "protocol": 1},
    )


@pytest.mark.parametrize(("checked_s", "opens"), [(10.9, True), (11.1, False)])
def test_an_error_counts_until_its_second_is_ten_seconds_over(checked_s: float, *, opens: bool) -> None:
    harness = DetectorHarness(ErrorsDetector())
    harness.traffic(0.5, errors=5)
    harness.traffic(9.5, errors=5)
    assert bool(harness.check(checked_s)) == opens


def test_a_connection_without_a_message_has_errors_of_one_kind() -> None:
    harness = DetectorHarness(ErrorsDetector())
    harness.traffic(0, errors=12, error_types={"dns": 12}, has_data=False)
    (opened,) = harness.check(0)
    assert opened.reason == "12 errors in 10 s (dns), no messages"


def test_types_of_errors_beyond_twenty_are_not_told_apart() -> None:
    harness = DetectorHarness(ErrorsDetector())
    harness.traffic(0, errors=500, error_types={f"type-{n}": 1 for n in range(500)})
    (opened,) = harness.check(0)
    types = fact(opened, "types")
    assert isinstance(types, dict)
    assert len(types) == 20


def test_errors_that_are_a_trifle_of_the_traffic_are_none() -> None:
    harness = DetectorHarness(ErrorsDetector())
    for after_s in range(100):
        harness.traffic(after_s, errors=5, messages=10_000)
    assert harness.check_until(100, 140) == []


def test_errors_now_and_then_are_none() -> None:
    harness = DetectorHarness(ErrorsDetector())
    told: list[tuple[str, str]] = []
    for after_s in range(0, 600, 2):
        harness.traffic(after_s, errors=1)
        told += harness.check_until(after_s, after_s)
    assert told == []


def test_half_a_minute_with_hardly_any_ends_it() -> None:
    harness = DetectorHarness(ErrorsDetector())
    harness.traffic(0, errors=10)
    assert len(harness.check(0)) == 1
    harness.traffic(15, errors=2)
    assert harness.check_until(1, 38) == []
    assert harness.check_until(38, 45) == [("closed", "almost none for 30 s")]


def test_bursts_that_come_again_and_again_are_one_incident() -> None:
    harness = DetectorHarness(ErrorsDetector())
    for after_s in range(0, 600, 20):
        harness.traffic(after_s, errors=12)
        harness.check_until(after_s, after_s + 19.75)
    assert [found.name for found in harness.found] == ["incident.opened"]


def pinged(harness: DetectorHarness, from_s: float, *rtts_ms: float) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    for place, rtt_ms in enumerate(rtts_ms):
        harness.traffic(from_s + place, rtt=milliseconds(rtt_ms))
        told += harness.check_until(from_s + place, from_s + place)
    return told


@pytest.fixture
def usually_20_ms() -> DetectorHarness:
    harness = DetectorHarness(SlowDetector())
    assert pinged(harness, 0, *[20.0] * 20) == []
    return harness


def test_round_trips_far_above_the_usual_are_slow_at_the_third(usually_20_ms: DetectorHarness) -> None:
    assert pinged(usually_20_ms, 20, 300, 300) == []
    assert pinged(usually_20_ms, 22, 300) == [("opened", "round trip 302 ms, usually 20 ms")]
    (opened,) = usually_20_ms.found
    assert fact(opened, "limit_ms") == pytest.approx(120, rel=0.02)


def test_single_slow_round_trips_are_nothing(usually_20_ms: DetectorHarness) -> None:
    assert pinged(usually_20_ms, 20, *[900, 20, 20, 900, 20] * 10) == []


def test_it_ends_well_below_the_limit_and_does_not_flap(usually_20_ms: DetectorHarness) -> None:
    pinged(usually_20_ms, 20, 300, 300, 300)
    assert pinged(usually_20_ms, 30, *[110.0, 130.0] * 10) == []
    assert pinged(usually_20_ms, 60, 20, 20, 20) == [("closed", "round trip 20 ms again")]


def test_what_is_slow_does_not_become_usual_while_it_lasts(usually_20_ms: DetectorHarness) -> None:
    pinged(usually_20_ms, 20, *[300.0] * 200)
    pinged(usually_20_ms, 300, 20, 20, 20)
    assert pinged(usually_20_ms, 310, 300, 300, 300) == [("opened", "round trip 302 ms, usually 20 ms")]


def test_without_a_usual_only_a_second_is_too_slow() -> None:
    harness = DetectorHarness(SlowDetector())
    assert pinged(harness, 0, 900, 900, 900, 900, 900) == []
    harness = DetectorHarness(SlowDetector())
    assert pinged(harness, 0, 1_500, 1_500, 1_500, 1_500) == []
    assert pinged(harness, 5, 1_500) == [("opened", "round trip 1.5 s")]


def test_a_peer_far_away_is_measured_against_itself() -> None:
    harness = DetectorHarness(SlowDetector())
    assert pinged(harness, 0, *[800.0] * 15, *[1_200.0] * 10) == []


def test_the_end_of_the_session_ends_it_and_keeps_what_is_usual(usually_20_ms: DetectorHarness) -> None:
    pinged(usually_20_ms, 20, 300, 300, 300)
    usually_20_ms.see(loss(24, NAME))
    assert usually_20_ms.check_until(24, 24) == [("closed", "the session ended")]
    assert pinged(usually_20_ms, 30, 300, 300, 300, 300) == []
    assert pinged(usually_20_ms, 35, 300) == [("opened", "round trip 302 ms, usually 20 ms")]


def test_replies_are_slow_when_a_tenth_of_them_is() -> None:
    harness = DetectorHarness(SlowDetector())
    for after_s in range(20):
        harness.traffic(after_s, process=milliseconds(*[50.0] * 10))
    harness.traffic(20, process=milliseconds(*[50.0] * 19, 900.0))
    assert harness.check_until(20, 20) == []
    harness.traffic(21, process=milliseconds(*[900.0] * 12))
    assert harness.check_until(21, 21) == [("opened", "replies 893 ms, usually 50 ms")]
    harness.traffic(22, process=milliseconds(*[50.0] * 100))
    assert harness.check_until(22, 22) == [("closed", "replies 50 ms again")]


def test_a_baseline_forgets_by_halves() -> None:
    level = Baseline(newest=5, least=5, rank=0.5)
    for value in (100, 400):
        for _ in range(2 * HALVED_AT):
            level.add({bucket_index(value): 1}, is_usual=True)
    assert level.usual == pytest.approx(400, rel=0.02)


def feed(harness: DetectorHarness, from_s: int, until_s: int, *types: str) -> list[tuple[str, str]]:
    """Ten messages of each type a second."""
    before = len(harness.found)
    for after_s in range(from_s, until_s):
        harness.traffic(after_s, messages=10 * len(types), types=types, newest_id=after_s)
        harness.check(after_s)
    return [(found.name.partition(".")[2], found.reason) for found in harness.found[before:]]


def learned() -> DetectorHarness:
    harness = DetectorHarness(TypesDetector())
    harness.see(usable(0, NAME))
    assert feed(harness, 0, 700, "trade", "quote") == []
    return harness


def test_a_new_type_is_told_once_and_known_then() -> None:
    harness = learned()
    assert feed(harness, 700, 720, "trade", "quote", "halt") == [
        ("opened", "new message type halt"),
        ("closed", "now treated as known"),
    ]
    assert fact(harness.found[0], "new") == ["halt"]


def test_nothing_is_new_while_types_are_learned() -> None:
    harness = DetectorHarness(TypesDetector())
    assert feed(harness, 0, 300, "trade") == []
    assert feed(harness, 300, 590, "trade", "quote") == []


def test_a_regular_type_that_stays_out_is_missed_until_it_comes_again() -> None:
    harness = learned()
    assert feed(harness, 700, 755, "trade") == []
    assert feed(harness, 755, 800, "trade") == [("opened", "no longer receiving type quote")]
    assert feed(harness, 800, 803, "trade", "quote") == [("closed", "all are back")]


def test_where_all_types_are_silent_none_is_missed() -> None:
    harness = learned()
    assert harness.check_until(700, 2_000, 10) == []


def test_a_type_with_long_pauses_is_not_missed_in_one() -> None:
    harness = learned()
    for burst_s in range(700, 2_200, 300):
        feed(harness, burst_s, burst_s + 10, "trade", "quote", "burst")
        feed(harness, burst_s + 10, burst_s + 300, "trade", "quote")
    told = [found.reason for found in harness.found]
    assert told == ["new message type burst", "now treated as known"]


def test_time_without_a_session_is_no_silence_of_a_type() -> None:
    harness = learned()
    harness.see(loss(700, NAME))
    harness.check_until(700, 5_000, 100)
    harness.see(usable(5_000, NAME))
    assert feed(harness, 5_000, 5_050, "trade") == []
    assert feed(harness, 5_050, 5_070, "trade") == [("opened", "no longer receiving type quote")]


def test_the_end_of_the_session_ends_it() -> None:
    harness = learned()
    feed(harness, 700, 800, "trade")
    harness.see(loss(800, NAME))
    assert harness.check_until(800, 900, 10) == [("closed", "the session ended")]


def test_types_past_the_most_are_not_followed() -> None:
    harness = DetectorHarness(TypesDetector())
    feed(harness, 0, 700, *(f"t{number}" for number in range(MAX_TYPES)))
    assert feed(harness, 700, 705, "hostile-1", "hostile-2") == []


def test_no_type_is_missed_because_the_recorder_stood_still() -> None:
    harness = learned()
    harness.see(event("self.suspended", 800, "", duration_ns=100 * SECOND_NS))
    assert feed(harness, 800, 850, "trade") == []
    assert feed(harness, 850, 870, "trade") == [("opened", "no longer receiving type quote")]


def test_no_type_is_missed_because_messages_were_not_kept() -> None:
    harness = learned()
    harness.see(event("self.shed", 800, NAME, meta={"name": "message.received", "events": 3_000}))
    assert feed(harness, 800, 850, "trade") == []


def test_thresholds_of_errors_slow_and_types_are_configurable() -> None:
    limits = {
        "errors": {"opens": 3.0, "within": 60.0, "closes": 0.0, "calm": 5.0},
        "slow": {"rtt": 0.2},
        "types": {"messages": 10.0, "learning": 10.0, "silence": 5.0, "sightings": 5.0},
    }
    harness = DetectorHarness(ErrorsDetector(), Expectation(thresholds=limits))
    harness.traffic(0, errors=1, error_types={"dns": 1})
    harness.traffic(50, errors=2, error_types={"dns": 2})
    assert harness.check_until(50, 51) == [("opened", "3 errors in 60 s (dns), no messages")]
    assert harness.check_until(51, 120) == [("closed", "almost none for 5 s")]
    harness = DetectorHarness(SlowDetector(), Expectation(thresholds=limits))
    harness.traffic(1, rtt=milliseconds(210, 210, 210, 210, 210))
    assert [reason for _, reason in incident_reasons(harness.check(1))] == ["round trip 209 ms"]
    harness = DetectorHarness(TypesDetector(), Expectation(thresholds=limits))
    assert feed(harness, 0, 20, "trade", "quote") == []
    assert feed(harness, 20, 24, "trade") == []
    assert feed(harness, 24, 40, "trade") == [("opened", "no longer receiving type quote")]


def test_replies_that_waited_while_the_recorder_stood_still_are_not_slow() -> None:
    harness = DetectorHarness(SlowDetector())
    harness.see(event("self.suspended", 10, "", duration_ns=6 * SECOND_NS))
    harness.traffic(10.2, process=milliseconds(*[6_000] * 50))
    assert harness.check(10.3) == ()
    harness.traffic(12, process=milliseconds(*[6_000] * 50))
    assert [name for name, _ in incident_reasons(harness.check(12))] == ["opened"]
