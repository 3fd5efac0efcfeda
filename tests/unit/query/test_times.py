"""Times as use one of typed, and how long each lasts."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from wsmon.errors import UsageError
from wsmon.query.times import parse_time, precision_ns

BERLIN = ZoneInfo("Europe/Berlin")


def ns(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


NOW = ns("2026-01-10T14:02:24+00:00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-15m", NOW - 15 * 60 * 10**9),
        ("-1.5h", NOW - 5_400 * 10**9),
        ("-250ms", NOW - 250 * 10**6),
        ("-2d", NOW - 2 * 86_400 * 10**9),
        ("-30us", NOW - 30_000),
        ("13:00", ns("2026-01-10T13:00:00+00:00")),
        ("14:02:24", NOW),
        ("14:02:25", ns("2026-01-09T14:02:25+00:00")),
        ("9:05", ns("2026-01-10T09:05:00+00:00")),
        ("today", ns("2026-01-10T00:00:00+00:00")),
        ("Yesterday", ns("2026-01-09T00:00:00+00:00")),
        ("2026-01-10T14:02:24Z", NOW),
        ("2026-01-10 15:02:24+01:00", NOW),
        ("2026-01-10T14:02:24.123456Z", NOW + 123_456_000),
        ("2026-01-10T14:02:24", NOW),
        ("2026-01-10", ns("2026-01-10T00:00:00+00:00")),
        ("1969-12-31T23:59:59Z", -(10**9)),
    ],
)
def test_a_time_in_utc(text: str, expected: int) -> None:
    assert parse_time(text, NOW, UTC) == expected


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("14:00", "2026-01-10T14:02:24+01:00", "2026-01-10T13:00:00+00:00"),
        ("today", "2026-01-10T00:30:00+01:00", "2026-01-09T23:00:00+00:00"),
        ("today", "2026-03-29T12:00:00+02:00", "2026-03-28T23:00:00+00:00"),
        ("01:00", "2026-03-29T12:00:00+02:00", "2026-03-29T00:00:00+00:00"),
        ("yesterday", "2026-03-30T12:00:00+02:00", "2026-03-28T23:00:00+00:00"),
        ("2026-07-01T12:00", "2026-01-10T00:00:00+01:00", "2026-07-01T10:00:00+00:00"),
    ],
)
def test_days_and_hours_are_local_also_where_the_clocks_change(text: str, now: str, expected: str) -> None:
    assert parse_time(text, ns(now), BERLIN) == ns(expected)


@pytest.mark.parametrize("text", ["", "15m", "-15", "-15x", "25:00", "12:60", "now", "2026-13-01", "-1e9d", "9" * 400])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^invalid time"):
        parse_time(text, NOW, UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("today", 86_400), ("2026-01-10", 86_400), ("14:02", 60), ("2026-01-10T14:02", 60), ("2026-01-10T14:02Z", 60),
     ("14:02:24", 1), ("2026-01-10T14:02:24+01:00", 1), ("14:02:24.5", 0.001), ("-15m", 0.001)],
)  # fmt: skip
def test_a_time_lasts_as_long_as_it_is_vague(text: str, seconds: float) -> None:
    assert precision_ns(text) == round(seconds * 10**9)
