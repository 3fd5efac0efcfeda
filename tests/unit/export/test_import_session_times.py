"""Times as other programs write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.export.import_session import LATEST_NS, json_wall_ns, wall_ns

AT = 1_764_403_201_123_456_789


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-11-29T08:00:01.123456789Z", AT),
        ("2025-11-29T08:00:01,123456789Z", AT),
        ("2025-11-29 08:00:01.123456789", AT),
        ("2025-11-29T10:00:01.123456789+02:00", AT),
        ("2025-11-29T10:30:01.123456789+0230", AT),
        ("2025-11-29t03:00:01.1234567891234-05z"[:-1], AT),
        ("2025-11-29 08:00:01.123456789 UTC", AT),
        ("2025-11-29T08:00:01.1234567Z", AT - 89),
        ("2025-11-29T08:00:01Z", 1_764_403_201_000_000_000),
        ("2025-11-29T08:00Z", 1_764_403_200_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        (1_764_403_201, 1_764_403_201_000_000_000),
        (1_764_403_201_123, 1_764_403_201_123_000_000),
        (1_764_403_201_123_456, 1_764_403_201_123_456_000),
        (AT, AT),
        (1764403201.123, 1_764_403_201_123_000_000),
        (1764403201123.25, 1_764_403_201_123_250_000),
        (Decimal("1764403201.123456789"), AT),
        ("1764403201.123456789", AT),
        ("1764403201,123456789", AT),
        (" 1764403201123456789 ", AT),
    ],
)
def test_i6_a_time_is_read_whatever_its_unit_or_spelling(value: object, expected: int) -> None:
    assert wall_ns(value) == expected


FORMAT = "an RFC 3339 string such as 2026-01-10T14:02:24.5Z, or a number since 1970"
RELATIVE = ": times from the start of a recording cannot be placed"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("yesterday", f"the time must be {FORMAT} (got 'yesterday')"),
        ("2026-13-01T00:00:00Z", "the time must be a valid time (got '2026-13-01T00:00:00Z'): month must be in 1..12"),
        ("2026-01-01T00:00:61Z", "the time must be a valid time (got '2026-01-01T00:00:61Z'): second must be in 0..59"),
        ("1969-12-31T23:59:59Z", "the time must be between 1970 and 2255 (got '1969-12-31T23:59:59Z')"),
        ("2300-01-01T00:00:00Z", "the time must be between 1970 and 2255 (got '2300-01-01T00:00:00Z')"),
        (
            "0001-01-01T00:00:00+01:00",
            "the time must be a valid time (got '0001-01-01T00:00:00+01:00'): date value out of range",
        ),
        (None, f"the time must be {FORMAT} (got null)"),
        (True, f"the time must be {FORMAT} (got True)"),
        ([1], f"the time must be {FORMAT} (got [1])"),
        (12.5, f"the time must be a time since 1970 (got 12.5){RELATIVE}"),
        (-1, f"the time must be a time since 1970 (got -1){RELATIVE}"),
        (10**20, "the time must be between 1970 and 2255 (got 100000000000000000000)"),
        (Decimal("1e999999999"), "the time must be between 1970 and 2255 (got 1E+999999999)"),
        (float("nan"), f"the time must be {FORMAT} (got NaN)"),
        (float("inf"), f"the time must be {FORMAT} (got Infinity)"),
    ],
)
def test_what_is_no_time_is_named_with_its_value(value: object, problem: str) -> None:
    with pytest.raises(ValueError, match="time") as found:
        wall_ns(value)
    assert str(found.value) == problem


def test_a_number_in_json_is_read_to_the_nanosecond() -> None:
    assert json_wall_ns(msgspec.Raw(b"1764403201.123456789")) == AT


@given(st.integers(10**14, 7 * 10**15), st.integers(-720, 720), st.sampled_from(".,"))
def test_any_offset_and_any_unit_mean_the_same_time(us: int, minutes: int, comma: str) -> None:
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us, minutes=minutes)
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    text = f"{local:%Y-%m-%dT%H:%M:%S}{comma}{local.microsecond:06}{sign}{hours:02}:{rest:02}"
    numbers = (Decimal(us) / 10**6, Decimal(us) / 10**3, us, us * 1_000)
    assert {wall_ns(text), *map(wall_ns, numbers)} == {us * 1_000}


@given(st.text() | st.integers() | st.floats() | st.decimals())
def test_whatever_is_given_a_time_or_an_error_comes(value: object) -> None:
    try:
        found = wall_ns(value)
    except ValueError:
        return
    assert 0 <= found <= LATEST_NS
