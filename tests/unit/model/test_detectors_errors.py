"""A burst of errors is many at once and no trifle of the traffic."""

from __future__ import annotations

from tests.support.detectors import Watching, fact
from wsmon.model.detectors.traffic import ErrorsDetector


def test_ten_errors_in_ten_seconds_are_a_burst() -> None:
    watching = Watching(ErrorsDetector())
    for after_s in range(9):
        watching.traffic(after_s, errors=1, error_types={"decode": 1}, messages=9, problem_id=40 + after_s)
        assert watching.check(after_s) == ()
    watching.traffic(9, errors=1, error_types={"protocol": 1}, messages=9, problem_id=49)
    (opened,) = watching.check(9)
    assert (opened.reason, fact(opened, "evidence"), fact(opened, "types")) == (
        "10 errors in 10 s (mostly decode), among 90 messages",
        [49],
        {"decode": 9, "protocol": 1},
    )


def test_a_connection_without_a_message_has_errors_of_one_kind() -> None:
    watching = Watching(ErrorsDetector())
    watching.traffic(0, errors=12, error_types={"dns": 12}, has_data=False)
    (opened,) = watching.check(0)
    assert opened.reason == "12 errors in 10 s (dns), and no message"


def test_types_of_errors_beyond_twenty_are_not_told_apart() -> None:
    watching = Watching(ErrorsDetector())
    watching.traffic(0, errors=500, error_types={f"type-{n}": 1 for n in range(500)})
    (opened,) = watching.check(0)
    types = fact(opened, "types")
    assert isinstance(types, dict)
    assert len(types) == 20


def test_errors_that_are_a_trifle_of_the_traffic_are_none() -> None:
    watching = Watching(ErrorsDetector())
    for after_s in range(100):
        watching.traffic(after_s, errors=5, messages=10_000)
    assert watching.check_until(100, 140) == []


def test_errors_now_and_then_are_none() -> None:
    watching = Watching(ErrorsDetector())
    told: list[tuple[str, str]] = []
    for after_s in range(0, 600, 2):
        watching.traffic(after_s, errors=1)
        told += watching.check_until(after_s, after_s)
    assert told == []


def test_half_a_minute_with_hardly_any_ends_it() -> None:
    watching = Watching(ErrorsDetector())
    watching.traffic(0, errors=10)
    assert len(watching.check(0)) == 1
    watching.traffic(15, errors=2)
    assert watching.check_until(1, 38) == []
    assert watching.check_until(38, 45) == [("closed", "hardly any for half a minute")]


def test_bursts_that_come_again_and_again_are_one_incident() -> None:
    watching = Watching(ErrorsDetector())
    for after_s in range(0, 600, 20):
        watching.traffic(after_s, errors=12)
        watching.check_until(after_s, after_s + 19.75)
    assert [found.name for found in watching.found] == ["incident.opened"]
