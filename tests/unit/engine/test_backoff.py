"""Delays between attempts, and what Retry-After asks for."""

from __future__ import annotations

import pytest

from wsmon.config.specs import ReconnectSpec
from wsmon.engine.backoff import next_delay_s, retry_after_s

NOW_S = 1_768_053_744.0
# Sat, 10 Jan 2026 14:02:24 GMT
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


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("86400", 3600.0),
        ("Sat, 10 Jan 2026 14:03:24 GMT", 60.0),
        ("Sat, 10 Jan 2026 14:03:24 -0000", 60.0),
        ("Sat, 10 Jan 2026 14:00:00 GMT", 0.0),
        ("Sun, 11 Jan 2026 14:00:00 GMT", 3600.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Sat, 99 Jan 2026 99:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, NOW_S) == seconds
