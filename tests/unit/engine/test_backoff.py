"""Delays between attempts, and what Retry-After asks for."""

from __future__ import annotations

import pytest

from wsmon.config.specs import ReconnectSpec
from wsmon.engine.retry import Failure, Retry, least_delay, next_delay_s

PLAIN = ReconnectSpec(initial_s=0.1, max_s=0.5, factor=2.0, jitter=0.0)


@pytest.mark.parametrize(("attempt", "delay_s"), [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.5), (5, 0.5), (10**6, 0.5)])
def test_delay_grows_by_factor_up_to_max(attempt: int, delay_s: float) -> None:
    assert next_delay_s(PLAIN, attempt, 0.7) == pytest.approx(delay_s)


@pytest.mark.parametrize(("attempt", "bounds"), [(1, (0.8, 1.0)), (2, (1.6, 2.0)), (3, (3.2, 4.0)), (9, (24.0, 30.0))])
def test_jitter_only_shortens(attempt: int, bounds: tuple[float, float]) -> None:
    spec = ReconnectSpec()
    assert (next_delay_s(spec, attempt, 1.0), next_delay_s(spec, attempt, 0.0)) == pytest.approx(bounds)


def test_factor_one_is_linear() -> None:
    spec = ReconnectSpec(initial_s=1.0, factor=1.0, jitter=0.0)
    assert [next_delay_s(spec, attempt, 0.0) for attempt in (1, 2, 10)] == [1.0, 1.0, 1.0]


def test_bo_02_delays_double_up_to_the_cap() -> None:
    assert [next_delay_s(PLAIN, attempt, 0.0) for attempt in (1, 2, 3, 5)] == pytest.approx([0.1, 0.2, 0.4, 0.5])


def test_bo_03_jitter_spreads_delays_within_its_share() -> None:
    spec = ReconnectSpec(initial_s=0.1, max_s=30.0, factor=2.0, jitter=0.25)
    rolls = [roll / 100 for roll in range(100)]
    first, second = ([next_delay_s(spec, attempt, roll) for roll in rolls] for attempt in (1, 2))
    assert all(0.075 <= delay_s <= 0.125 for delay_s in first)
    assert all(0.150 <= delay_s <= 0.250 for delay_s in second)
    assert len(set(first)) == len(rolls)


@pytest.mark.parametrize(
    ("attempt", "bounds"),
    [(1, (0.8, 1.0)), (2, (1.6, 2.0)), (3, (3.2, 4.0)), (4, (6.4, 8.0)), (5, (12.8, 16.0)), (6, (24.0, 30.0))],
)
def test_bo_04_the_default_policy_lies_in_its_bounds(attempt: int, bounds: tuple[float, float]) -> None:
    spec = ReconnectSpec()
    assert (next_delay_s(spec, attempt, 1.0), next_delay_s(spec, attempt, 0.0)) == pytest.approx(bounds)


def test_bo_06_one_second_doubles_up_to_thirty_or_another_cap() -> None:
    spec = ReconnectSpec(jitter=0.0)
    assert [next_delay_s(spec, number + 1, 0.5) for number in (0, 1, 2, 3, 10)] == [1.0, 2.0, 4.0, 8.0, 30.0]
    assert next_delay_s(ReconnectSpec(jitter=0.0, max_s=5.0), 11, 0.5) == 5.0


@pytest.mark.parametrize(
    ("retry", "retry_after", "expected"),
    [
        ("yes", "", (0.0, "")),
        ("yes", "nonsense", (0.0, "")),
        ("slow", "", (60.0, "no sooner: refused")),
        ("slow", "5", (60.0, "no sooner: refused")),
        ("slow", "120", (120.0, "Retry-After asks for 120 s")),
        ("yes", "5", (5.0, "Retry-After asks for 5 s")),
    ],
)
def test_a_failure_may_ask_for_a_while_and_says_why(retry: Retry, retry_after: str, expected: object) -> None:
    failure = Failure("http_status", "the server answered HTTP 401", "refusal", retry, retry_after=retry_after)
    assert least_delay(failure, 0.0) == expected
