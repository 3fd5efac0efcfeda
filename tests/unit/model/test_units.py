"""Durations, sizes and numbers: formatted for the screen, read and written as configuration."""

from __future__ import annotations

from datetime import UTC

import pytest

from tests.support.builders import SECOND_NS, T0_NS
from wsmon.errors import UsageError
from wsmon.model import units as fmt
from wsmon.model.units import format_duration, format_size, parse_duration, parse_size

MS = SECOND_NS // 1000


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(0.0, "0"), (0.01, "0.1"), (0.3, "0.3"), (9.94, "9.9"), (12.4, "12"), (4812, "4,812"), (123_456, "123k")],
)
def test_a_rate_is_short_and_never_zero_when_there_is_something(per_s: float, text: str) -> None:
    assert fmt.rate(per_s) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (3277, "3.2 KiB"),
        (65_536, "64 KiB"),
        (1024**2, "1.0 MiB"),
        (1_288_490_189, "1.2 GiB"),
        (5 * 1024**5, "5,120 TiB"),
    ],
)
def test_a_size_has_the_unit_that_makes_it_short(size_bytes: int, text: str) -> None:
    assert fmt.size(size_bytes) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (-5, "0.0 s"),
        (400 * MS, "0.4 s"),
        (9_999 * MS, "9.9 s"),
        (41 * SECOND_NS, "41 s"),
        (31 * 60 * SECOND_NS, "31m"),
        (8_040 * SECOND_NS, "2h14m"),
        (86_400 * 3 * SECOND_NS + 4 * 3600 * SECOND_NS, "3d04h"),
    ],
)
def test_a_duration_is_cut_not_rounded(nanoseconds: int, text: str) -> None:
    assert fmt.duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(9.99, "9.9 s"), (41, "41 s"), (60, "60 s"), (95, "95 s"), (119.9, "119 s"), (125, "2m05s"), (300, "5m"),
     (3_599, "59m59s"), (3_600, "1h"), (28_859, "8h")],
)  # fmt: skip
def test_a_full_duration_loses_nothing_that_a_sentence_reasons_about(seconds: float, text: str) -> None:
    assert fmt.full_duration(round(seconds * SECOND_NS)) == text


def test_tg_05_a_quarter_of_a_second_reads_250_ms() -> None:
    assert fmt.milliseconds(250_000_000 / MS) == "250 ms"


def test_an_age_has_tenths_up_to_a_minute() -> None:
    assert [fmt.age(round(s * SECOND_NS)) for s in (0.05, 12.44, 59.99, 60)] == ["0.0 s", "12.4 s", "59.9 s", "1m"]


def test_a_countdown_ends_at_zero() -> None:
    assert [fmt.countdown(round(s * SECOND_NS)) for s in (6.2, 0.1, 0, -3)] == ["7 s", "1 s", "0 s", "0 s"]


@pytest.mark.parametrize(("value", "text"), [(0.42, "0.4 ms"), (18.4, "18 ms"), (999, "999 ms"), (1_234, "1.2 s")])
def test_milliseconds_become_seconds_when_they_are_many(value: float, text: str) -> None:
    assert fmt.milliseconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0/s"), (0.019, "0.01/s"), (1.5, "1.5/s"), (12.99, "12.9/s"), (1_250.9, "1,250/s")]
)
def test_a_rate_is_not_rounded_up_to_a_target_that_it_missed(value: float, text: str) -> None:
    assert fmt.figure(value, "per_s") == text
    assert (fmt.figure(0.99999, "share"), fmt.figure(18.4, "ms")) == ("99.99 %", "18 ms")


@pytest.mark.parametrize(("seconds", "text"), [(60, "last minute"), (900, "last 15m"), (3600, "last hour")])
def test_a_period_has_the_name_that_its_length_has(seconds: int, text: str) -> None:
    assert fmt.last_period(seconds * SECOND_NS) == text


@pytest.mark.parametrize(("share", "text"), [(1.0, "100 %"), (0.99999, "99.99 %"), (0.412, "41.20 %"), (0.0, "0.00 %")])
def test_a_share_that_is_not_whole_is_not_100_percent(share: float, text: str) -> None:
    assert fmt.percent(share) == text


def test_a_moment_of_another_day_has_its_date() -> None:
    assert fmt.moment(T0_NS, T0_NS + 60 * SECOND_NS, UTC) == "14:02:24"
    assert fmt.moment(T0_NS, T0_NS + 86_400 * SECOND_NS, UTC) == "2026-01-10 14:02"


def test_a_sparkline_shows_nothing_as_nothing_and_the_greatest_as_a_full_block() -> None:
    assert fmt.sparkline([9, 0, 1, 50, 100], 4) == " ▁▅█"
    assert fmt.sparkline([0, 0], 8) == "  "


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("500ms", 0.5),
        ("20s", 20.0),
        ("1.5s", 1.5),
        ("5m", 300.0),
        ("2h", 7_200.0),
        ("14d", 1_209_600.0),
        ("1h30m", 5_400.0),
        (" 1 h 30 m ", 5_400.0),
        ("0", 0.0),
        ("0s", 0.0),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "invalid duration: empty"),
        ("20", "invalid duration: missing unit"),
        ("3 weeks", 'invalid duration: unknown unit "weeks"'),
        ("-1s", "invalid duration"),
        ("1s!", "invalid duration"),
        ("soon", "invalid duration"),
        ("1h 30", "invalid duration"),
        ("١s", "invalid duration"),
    ],
)
def test_what_is_no_duration_is_said(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    # A text without a unit is refused, so the hint does not ask for a number of seconds
    assert (caught.value.what, "number of seconds" in caught.value.hint) == (problem, False)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("12B", 12),
        ("64KiB", 65_536),
        ("64kib", 65_536),
        ("1.5 MB", 1_500_000),
        ("2GB", 2_000_000_000),
        ("2GiB", 2_147_483_648),
        ("1TiB", 1_099_511_627_776),
    ],
)
def test_a_size_is_read_in_bytes(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "invalid size: empty"),
        ("64", "invalid size: missing unit"),
        ("64 parsecs", 'invalid size: unknown unit "parsecs"'),
        ("-1KiB", "invalid size"),
        ("1KiB2", "invalid size"),
    ],
)
def test_what_is_no_size_is_said(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_size(text)
    assert (caught.value.what, "number of bytes" in caught.value.hint) == (problem, False)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.001, "1ms"), (0.25, "250ms"), (90, "90s"), (3_600, "1h"), (86_400, "1d")]
)
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("size_bytes", "text"), [(0, "0B"), (125, "125B"), (65_536, "64KiB"), (2 * 10**9, "2GB")])
def test_a_size_is_written_in_its_largest_whole_unit(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text


@pytest.mark.parametrize(("number", "text"), [(1, "1st"), (2, "2nd"), (13, "13th"), (22, "22nd"), (1_203, "1,203rd")])
def test_a_place_in_an_order_has_its_ending(number: int, text: str) -> None:
    assert fmt.ordinal(number) == text
