"""Times as they are typed, and how long each lasts."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from wsmon.errors import UsageError
from wsmon.model.units import DAY_NS
from wsmon.query.times import is_count, parse_time, pasted_length, precision_ns

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


# A second of a day that many logs have, as they write it
PASTED_NOW = ns("2026-11-30T01:00:00+00:00")
PASTED = ns("2026-11-17T10:00:01+00:00")


@pytest.mark.parametrize(
    "text",
    [
        # syslog, ctime, date, RFC 2822
        "Nov 17 10:00:01",
        "nov 17 10:00:01",
        "November 17 10:00:01",
        "Tue Nov 17 10:00:01 2026",
        "Tue Nov 17 10:00:01 UTC 2026",
        "[Tue Nov 17 10:00:01.000000 2026]",
        "Tue, 17 Nov 2026 10:00:01 GMT",
        "Tue, 17 Nov 2026 05:00:01 -0500",
        # nginx, Apache, Go
        "17/Nov/2026:10:00:01 +0000",
        "[17/Nov/2026:15:30:01 +0530]",
        "2026/11/17 10:00:01",
        "17-Nov-2026 10:00:01",
        # Python's logging, Java, Redis
        "2026-11-17 10:00:01,000",
        "17 Nov 2026 10:00:01.000",
        "Nov 17, 2026, 10:00:01",
        # RFC 3339, journalctl
        "2026-11-17T10:00:01Z",
        "2026-11-17t10:00:01z",
        "2026-11-17 10:00:01Z",
        "2026-11-17 10:00:01 UTC",
        "2026-11-17 11:00:01+01:00",
        "2026-11-17T11:00:01+0100",
        "2026-11-17 11:00:01 +01",
        "Tue 2026-11-17 10:00:01 UTC",
        "  2026-11-17   10:00:01 ",
        "20261117T100001Z",
        # Seconds, milli-, micro- and nanoseconds since 1970
        "1794909601",
        "@1794909601",
        "1794909601.0",
        "1794909601000",
        "1794909601000000",
        "1794909601000000000",
    ],
)
def test_a_time_of_another_log_is_pasted_as_it_is(text: str) -> None:
    assert parse_time(text, PASTED_NOW, UTC) == PASTED


@pytest.mark.parametrize(
    ("text", "fraction_ns"),
    [
        ("2026-11-17 10:00:01,123", 123_000_000),
        ("2026-11-17T10:00:01.123456789Z", 123_456_789),
        ("Nov 17 10:00:01.5", 500_000_000),
        ("1794909601.25", 250_000_000),
        ("1794909601123", 123_000_000),
        ("1794909601123456", 123_456_000),
        ("1794909601123456789", 123_456_789),
    ],
)
def test_fractions_are_exact(text: str, fraction_ns: int) -> None:
    assert parse_time(text, PASTED_NOW, UTC) == PASTED + fraction_ns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nov 17 10:00", "2026-11-17T10:00:00+00:00"),
        ("17 Nov", "2026-11-17T00:00:00+00:00"),
        ("Dec 24 10:00", "2025-12-24T10:00:00+00:00"),
        ("Nov 30 01:00:01", "2025-11-30T01:00:01+00:00"),
        ("Feb 29 10:00", "2024-02-29T10:00:00+00:00"),
        # It is 2027 in Tokyo already
        ("Jan 1 00:00 +0900", "2025-12-31T15:00:00+00:00"),
        ("01:00:00.5", "2026-11-29T01:00:00.5+00:00"),
    ],
)
def test_what_a_time_leaves_out_is_the_latest_before_now(text: str, expected: str) -> None:
    at = datetime.fromisoformat(expected)
    assert parse_time(text, PASTED_NOW, UTC) == ns(expected.replace(".5", "")) + at.microsecond * 1_000


def test_a_pasted_time_without_a_zone_is_local() -> None:
    assert parse_time("Nov 17 11:00:01", PASTED_NOW, BERLIN) == PASTED


@pytest.mark.parametrize(
    "text",
    ["Nov 31 10:00", "Foo 17 10:00", "Nov 17 25:00", "17/13/2026 10:00", "2026-11-17 10:00 XYZ", "12345678", "1" * 12],
)
def test_what_only_looks_like_a_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_time(text, PASTED_NOW, UTC)
    assert str(caught.value) == (
        f"invalid time {text!r}. examples: 14:02, 14:02:24, -15m, today, Nov 17 10:00, 2026-01-10T14:02:24Z, 1768053744"
    )


@pytest.mark.parametrize(
    ("query", "length"),
    [
        ("Nov 17 10:00 error", 12),
        ("2026-11-17 10:00:00,123 error", 23),
        ("17/Nov/2026:10:00:00 +0000)", 26),
        ("Nov 17 10:00..Nov 17 11:00 error", 26),
        ("Nov 17 10:00..11:00 error", 19),
        ("2026-11-17T10:00:00,2026-11-18T10:00:00", 19),
        ("2026-11-17 error", 0),
        ("10:00 error", 0),
        ("November rain", 0),
    ],
)
def test_a_time_with_blanks_in_a_query_ends_where_the_time_does(query: str, length: int) -> None:
    assert pasted_length(query, 0) == length


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1794909601", True), ("@1794909601", True), ("1794909601.5", True), ("4711", False), ("#1794909601", False)],
)
def test_a_count_since_1970_has_as_many_digits_as_its_unit_needs(text: str, *, expected: bool) -> None:
    assert is_count(text) is expected


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
    with pytest.raises(UsageError, match="invalid time"):
        parse_time(text, NOW, UTC)


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31T23:59:59Z", "-9999999d", "-999999999d", "9" * 19])
def test_a_time_that_no_event_can_have_is_one_that_a_store_can_hold(text: str) -> None:
    at_ns = parse_time(text, NOW, UTC)
    assert (at_ns > NOW) == (not text.startswith("-"))
    assert -(2**63) <= at_ns - DAY_NS < at_ns + DAY_NS < 2**63


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("today", 86_400), ("2026-01-10", 86_400), ("14:02", 60), ("2026-01-10T14:02", 60), ("2026-01-10T14:02Z", 60),
     ("14:02:24", 1), ("2026-01-10T14:02:24+01:00", 1), ("14:02:24.5", 0.001), ("-15m", 0.001),
     ("Nov 17", 86_400), ("Nov 17 10:00", 60), ("17/Nov/2026:10:00:00 +0000", 1), ("2026-11-17 10:00:00,123", 0.001),
     ("1794909601", 1), ("1794909601123", 0.001), ("1794909601123456", 1e-6), ("1794909601123456789", 1e-9)],
)  # fmt: skip
def test_a_time_lasts_as_long_as_it_is_vague(text: str, seconds: float) -> None:
    assert precision_ns(text) == round(seconds * 10**9)
