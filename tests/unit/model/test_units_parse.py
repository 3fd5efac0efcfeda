"""Durations and sizes as people write them."""

from __future__ import annotations

import pytest

from wsmon.errors import UsageError
from wsmon.model.units import format_duration, format_size, parse_duration, parse_size


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
        ("", "is empty where a duration is expected"),
        ("20", "is a duration without a unit"),
        ("3 weeks", "has a unit that is none of time, 'weeks'"),
        ("-1s", "is no duration"),
        ("1s!", "is no duration"),
        ("soon", "is no duration"),
        ("1h 30", "is no duration"),
        ("١s", "is no duration"),
    ],
)
def test_what_is_no_duration_is_said(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert caught.value.what == problem


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
        ("", "is empty where a size is expected"),
        ("64", "is a size without a unit"),
        ("64 parsecs", "has a unit that is none of size, 'parsecs'"),
        ("-1KiB", "is no size"),
        ("1KiB2", "is no size"),
    ],
)
def test_what_is_no_size_is_said(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_size(text)
    assert caught.value.what == problem


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.001, "1ms"), (0.25, "250ms"), (90, "90s"), (3_600, "1h"), (86_400, "1d")]
)
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("size_bytes", "text"), [(0, "0B"), (125, "125B"), (65_536, "64KiB"), (2 * 10**9, "2GB")])
def test_a_size_is_written_in_its_largest_whole_unit(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text
