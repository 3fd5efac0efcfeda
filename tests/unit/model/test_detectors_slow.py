"""A peer is slow against itself, or past what is bearable; one slow answer is nothing.

What is said is within 1.1 % of what was measured, as all percentiles are.
"""

from __future__ import annotations

import pytest

from tests.support.builders import loss
from tests.support.detectors import NAME, Watching, fact, milliseconds
from wsmon.model.detectors.traffic import HALVED_AT, Baseline, SlowDetector
from wsmon.model.histogram import index


def pinged(watching: Watching, from_s: float, *rtts_ms: float) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    for place, rtt_ms in enumerate(rtts_ms):
        watching.traffic(from_s + place, rtt=milliseconds(rtt_ms))
        told += watching.check_until(from_s + place, from_s + place)
    return told


@pytest.fixture
def usually_20_ms() -> Watching:
    watching = Watching(SlowDetector())
    assert pinged(watching, 0, *[20.0] * 20) == []
    return watching


def test_round_trips_far_above_the_usual_are_slow_at_the_third(usually_20_ms: Watching) -> None:
    assert pinged(usually_20_ms, 20, 300, 300) == []
    assert pinged(usually_20_ms, 22, 300) == [("opened", "round trip 302 ms, usually 20 ms")]
    (opened,) = usually_20_ms.found
    assert fact(opened, "limit_ms") == pytest.approx(120, rel=0.02)


def test_single_slow_round_trips_are_nothing(usually_20_ms: Watching) -> None:
    assert pinged(usually_20_ms, 20, *[900, 20, 20, 900, 20] * 10) == []


def test_it_ends_well_below_the_limit_and_does_not_flap(usually_20_ms: Watching) -> None:
    pinged(usually_20_ms, 20, 300, 300, 300)
    assert pinged(usually_20_ms, 30, *[110.0, 130.0] * 10) == []
    assert pinged(usually_20_ms, 60, 20, 20, 20) == [("closed", "round trip 20 ms again")]


def test_what_is_slow_does_not_become_usual_while_it_lasts(usually_20_ms: Watching) -> None:
    pinged(usually_20_ms, 20, *[300.0] * 200)
    pinged(usually_20_ms, 300, 20, 20, 20)
    assert pinged(usually_20_ms, 310, 300, 300, 300) == [("opened", "round trip 302 ms, usually 20 ms")]


def test_without_a_usual_only_a_second_is_too_slow() -> None:
    watching = Watching(SlowDetector())
    assert pinged(watching, 0, 900, 900, 900, 900, 900) == []
    watching = Watching(SlowDetector())
    assert pinged(watching, 0, 1_500, 1_500, 1_500, 1_500) == []
    assert pinged(watching, 5, 1_500) == [("opened", "round trip 1.5 s")]


def test_a_peer_far_away_is_measured_against_itself() -> None:
    watching = Watching(SlowDetector())
    assert pinged(watching, 0, *[800.0] * 15, *[1_200.0] * 10) == []


def test_the_end_of_the_session_ends_it_and_keeps_what_is_usual(usually_20_ms: Watching) -> None:
    pinged(usually_20_ms, 20, 300, 300, 300)
    usually_20_ms.see(loss(24, NAME))
    assert usually_20_ms.check_until(24, 24) == [("closed", "the session ended")]
    assert pinged(usually_20_ms, 30, 300, 300, 300, 300) == []
    assert pinged(usually_20_ms, 35, 300) == [("opened", "round trip 302 ms, usually 20 ms")]


def test_replies_are_slow_when_a_tenth_of_them_is() -> None:
    watching = Watching(SlowDetector())
    for after_s in range(20):
        watching.traffic(after_s, process=milliseconds(*[50.0] * 10))
    watching.traffic(20, process=milliseconds(*[50.0] * 19, 900.0))
    assert watching.check_until(20, 20) == []
    watching.traffic(21, process=milliseconds(*[900.0] * 12))
    assert watching.check_until(21, 21) == [("opened", "replies 893 ms, usually 50 ms")]
    watching.traffic(22, process=milliseconds(*[50.0] * 100))
    assert watching.check_until(22, 22) == [("closed", "replies 50 ms again")]


def test_a_baseline_forgets_by_halves() -> None:
    level = Baseline(newest=5, least=5, rank=0.5)
    for value in (100, 400):
        for _ in range(2 * HALVED_AT):
            level.add({index(value): 1}, is_usual=True)
    assert level.usual == pytest.approx(400, rel=0.02)
