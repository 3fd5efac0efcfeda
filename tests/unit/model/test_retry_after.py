"""How long a server asks us to wait."""

from __future__ import annotations

import pytest

from wsmon.model.http import retry_after_s

# Sat, 10 Jan 2026 14:02:24 GMT
NOW_S = 1_768_053_744.0


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
